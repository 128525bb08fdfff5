/* SPDX-License-Identifier: MIT */
/*
 * A stub process: an address space of the host that holds one guest process's
 * user pages, and a thread in it that runs that process's code.
 *
 * The monitor, a vCPU's thread, is its parent. It has the guest thread stopped
 * at all times but between stub_resume() and stub_stopped(). While it is stopped
 * the frame of the signal that stopped it is the guest's registers.
 *
 * What the stub's memory says is the guest's to forge: offsets and pointers in
 * it are compared with what they must be, and the rest is the guest's own
 * registers. What a stub is told to map is in a page that it cannot write, and
 * that it has done so is told by the kernel, not by memory.
 *
 * Not for two threads at once.
 */
#ifndef ENGINE_SOFT_DIRECT_STUB_H
#define ENGINE_SOFT_DIRECT_STUB_H

#include <signal.h>

#include "base/err.h"
#include "base/types.h"
#include "engine/soft/direct/layout.h"

struct stub;

/* As the guest thread's handler leaves it. */
struct stub_guest {
	u64 context;
	u64 fs_base, gs_base;
	u32 signal;
	u16 ds, es, fs, gs;
	u32 ready;
	s32 watch[2];
};

/* The registers of the stopped guest thread, in the signal's frame. */
struct stub_frame {
	struct stub_guest *guest;
	s64 *gregs;	 /* [23], as <ucontext.h> has them: REG_R8 … */
	u8 *xsave;	 /* standard format, at least `xsave_bytes` */
	u32 xsave_bytes; /* 0: no header beyond the legacy part's 512 bytes */
};

/* Is there all that it takes on this host: seccomp's listeners, FSGSBASE? */
bool stub_possible(void);

/*
 * A new process, its guest thread stopped, nothing of the guest mapped. `ram_fd`
 * is the file that stub_map() takes pages from; borrowed for this call. With
 * `tsc_free` RDTSC reads the host's counter, otherwise it is a signal. -errno: the
 * host refuses.
 */
int must_check stub_create(int ram_fd, bool tsc_free, struct stub **ret);
void stub_free(struct stub *stub); /* NULL is fine; kills the process */

/* Where the window is: [*ret_start, *ret_end) is not the guest's. */
void stub_window(const struct stub *stub, u64 *ret_start, u64 *ret_end);

/*
 * The stopped guest thread's registers, to be read and written. False: the
 * frame is not where it must be, the guest has tampered with it.
 */
must_check bool stub_frame(struct stub *stub, struct stub_frame *ret);

/* Lets the guest thread go on from its frame. -errno: it is no more. */
int must_check stub_resume(struct stub *stub);
/* To be polled for reading: the guest thread has stopped, or is no more. */
int stub_fd(const struct stub *stub);
/* Takes notice of that, after a poll has said so. -errno: it is no more. */
int must_check stub_stopped(struct stub *stub);
/* Makes the guest thread stop soon, by a signal. */
void stub_kick(struct stub *stub);

/*
 * Orders for the next stub_orders_run(); when full they are run first. A failure
 * is told by stub_orders_run(), and leaves the rest of the orders undone.
 * stub_orders_start() does not wait for them: the guest thread may go on before
 * they are done, for which they must take nothing away. True from
 * stub_orders_pending(): they may not be done yet. The next run() waits for them.
 */
void stub_map(struct stub *stub, u64 address, u64 bytes, u64 offset, int prot,
	      bool populate);
void stub_unmap(struct stub *stub, u64 address, u64 bytes);
int must_check stub_orders_run(struct stub *stub);
int must_check stub_orders_start(struct stub *stub);
bool stub_orders_pending(const struct stub *stub);

/* stub.S */
extern const u8 stub_begin[], stub_handler[], stub_guest_asked[],
	stub_returned[], stub_start[], stub_maps_asked[], stub_end[];

#endif
