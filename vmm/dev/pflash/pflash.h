/* SPDX-License-Identifier: MIT */
/*
 * A parallel NOR flash chip: eight bits wide, blocks of 4 KiB, Intel's command
 * set, described by the common flash interface. [CFI], [STRATAFLASH]
 *
 * Theory of operation. As long as the chip shows its array it is memory: a
 * read-only memory slot of the engine, read and executed at RAM's speed, whose
 * writes come here. The first command that makes reads tell something else takes
 * the slot away, so that reads come here, too, until the guest asks for the array
 * again. Both happens on the thread of the vCPU that wrote.
 *
 * Everything is done at once: nobody sees the chip busy. As QEMU's chip, and
 * unlike a real one, it reads a cleared status register as 0 without "ready":
 * by that UEFI firmware tells flash from ROM. Left out: suspending (nothing takes
 * time), block locks (a part is writable or not), protection registers.
 */
#ifndef VMM_DEV_PFLASH_PFLASH_H
#define VMM_DEV_PFLASH_PFLASH_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define PFLASH_BLOCK_BYTES  4096
#define PFLASH_BUFFER_BYTES 64
#define PFLASH_BYTES_MAX    (16 * MiB)
#define PFLASH_QUERY_BYTES  0x38

/* [STRATAFLASH "Command Bus-Cycle Definitions"] */
enum {
	PFLASH_PROGRAM_BYTE = 0x10,
	PFLASH_ERASE_BLOCK = 0x20,
	PFLASH_PROGRAM_BYTE_TOO = 0x40,
	PFLASH_CLEAR_STATUS = 0x50,
	PFLASH_READ_STATUS = 0x70,
	PFLASH_READ_ID = 0x90,
	PFLASH_READ_QUERY = 0x98,
	PFLASH_CONFIRM = 0xd0,
	PFLASH_WRITE_BUFFER = 0xe8,
	PFLASH_READ_ARRAY = 0xff,
};

/* [STRATAFLASH "Status Register Definitions"] */
#define PFLASH_READY	    0x80
#define PFLASH_ERASE_FAILED 0x20 /* both failed: the sequence was wrong */
#define PFLASH_WRITE_FAILED 0x10
#define PFLASH_IS_LOCKED    0x02

/* What the next cycle means. */
enum pflash_mode {
	PFLASH_ARRAY, /* the first four take commands */
	PFLASH_STATUS,
	PFLASH_ID,
	PFLASH_QUERY,
	PFLASH_BYTE,   /* to be programmed */
	PFLASH_ERASE,  /* to be confirmed */
	PFLASH_COUNT,  /* of what comes for the buffer, less 1 */
	PFLASH_BUFFER, /* filled by single writes */
	PFLASH_FULL,   /* to be confirmed */
	PFLASH_MODES,
};

struct pflash;

struct pflash_config {
	u64 base_gpa; /* both of whole pages */
	u64 size;     /* up to PFLASH_BYTES_MAX, in blocks */
	u8 *data;     /* borrowed: must outlive the device; of whole pages */
	bool read_only;
	/*
	 * Gives the guest the array as memory, or takes it away; `changed` bytes
	 * at `at` are not what they were when it was given last. False: the host
	 * cannot, and all is as before; so it may be given what it has. Or NULL.
	 * The device's lock is held.
	 */
	bool (*show)(void *ctx, const struct pflash *flash, bool shown, u64 at,
		     u64 changed);
	void *show_ctx; /* borrowed, as the next: must outlive the device */
	/* These bytes were written. Or NULL. The device's lock is held. */
	void (*written)(void *ctx, u64 at, u64 size);
	void *written_ctx;
};

struct pflash {
	struct dev dev;
	struct bus_region region;
	struct pflash_config config;
	u8 query[PFLASH_QUERY_BYTES];
	bool shown;
	u64 changed_at, changed_end; /* since it was shown last */

	u8 mode; /* enum pflash_mode */
	u8 status;
	u8 buffer[PFLASH_BUFFER_BYTES];
	u32 buffer_count; /* bytes that were announced */
	u32 buffer_got;
	u32 buffer_at; /* where the first one goes */
};

/* Shows the array. */
void pflash_init(struct pflash *flash, const struct pflash_config *config);

#endif
