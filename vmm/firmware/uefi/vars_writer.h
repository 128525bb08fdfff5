/* SPDX-License-Identifier: MIT */
/*
 * Brings what a guest programs into its flash chip to the variables' file, on a
 * thread of its own: a vCPU only notes what it has written.
 *
 * However often the guest writes, the file is written once in a while: a moment
 * after the first change, since firmware programs byte by byte, and then not for
 * VARS_PAUSE_NS. At the end what is still to be written is. What the host refuses to
 * write is tried again after each pause, and at the end.
 */
#ifndef VMM_FIRMWARE_UEFI_VARS_WRITER_H
#define VMM_FIRMWARE_UEFI_VARS_WRITER_H

#include "base/thread.h"
#include "vmm/firmware/uefi/vars_file.h"

#define VARS_SETTLE_NS ((u64)50000000)
#define VARS_PAUSE_NS  ((u64)1000000000)

struct vars_writer {
	struct vars_file *file; /* borrowed; the thread's while it runs */
	u64 bytes;
	u64 settle_ns, pause_ns;
	u8 *writing; /* owned; the thread's */
	struct thread thread;
	bool started;

	/* Guards what follows; nothing is locked inside it. */
	struct mutex lock;
	struct cond changed;
	u8 *now; /* owned: what the chip holds */
	bool dirty, quit;
	u64 due_ns, earliest_ns;
};

/* `store` is what the file holds, of file->store_bytes. -ENOMEM. */
must_check int vars_writer_init(struct vars_writer *writer,
				struct vars_file *file, const u8 *store);
/* -errno of the thread. */
must_check int vars_writer_start(struct vars_writer *writer);
/* Everything noted is in the file when this returns, if the host could. Accepts one
 * that is all zeros. */
void vars_writer_release(struct vars_writer *writer);

/* [at, at + size) of the store is `data` now. Any thread; neither waits for the
 * disk nor allocates. */
void vars_writer_note(struct vars_writer *writer, u64 at, const u8 *data,
		      u64 size);

#endif
