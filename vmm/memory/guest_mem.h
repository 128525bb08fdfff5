/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: one mapping of the host, anonymous or of a file without a name that
 * other processes can be given, filled by the host kernel page by page as the
 * guest touches it, laid out in guest-physical space as
 * a PC's:
 *
 *	0          .. 640 KiB		RAM
 *	640 KiB    .. 768 KiB		nothing (the display's window)
 *	768 KiB    .. min(size, 2 GiB)	RAM
 *	2 GiB      .. 4 GiB		nothing (devices)
 *	4 GiB      .. + the rest	RAM
 *
 * The mapping keeps the window's 128 KiB, so that a RAM address below 2 GiB
 * is its own offset. All access goes through the bounded accessors: an access
 * that is not wholly RAM touches nothing.
 *
 * Threads: everything but init and release from any thread; like real RAM,
 * it gives no order between threads beyond the CPU's own.
 */
#ifndef VMM_MEMORY_GUEST_MEM_H
#define VMM_MEMORY_GUEST_MEM_H

#include "base/err.h"
#include "base/types.h"

typedef u64 gpa_t; /* guest-physical address */

#define GUEST_PAGE_BYTES       4096
#define GUEST_MEM_LOW_END_MAX  (2 * GiB)
#define GUEST_MEM_HIGH_START   (4 * GiB)
#define GUEST_MEM_WINDOW_START ((u64)0xa0000)
#define GUEST_MEM_WINDOW_END   ((u64)0xc0000)
#define GUEST_MEM_SIZE_MIN     (2 * MiB)
/* Keeps every guest-physical address within the 40 bits all CPUs have. */
#define GUEST_MEM_SIZE_MAX  (512 * GiB)
#define GUEST_MEM_RANGE_MAX 3

struct guest_mem_range {
	gpa_t start;
	u64 size;
	u64 offset; /* in the mapping */
};

struct guest_mem {
	u8 *base; /* owned: the mapping, `size` bytes */
	u64 size;
	int fd; /* owned: the file that is mapped; -1: none */
	struct guest_mem_range range[GUEST_MEM_RANGE_MAX]; /* ascending */
	u32 range_count;
	/* Told of every guest_mem_write; may be NULL. */
	void (*written)(void *ctx, gpa_t gpa, u64 size);
	void *written_ctx; /* borrowed: must outlive this */
};

/*
 * `size`: GUEST_MEM_SIZE_MIN..MAX, a multiple of the page. -EINVAL otherwise
 * and when the host has less memory than that, -ENOMEM when it will not map;
 * the fault says it in words.
 */
must_check int guest_mem_init(struct guest_mem *mem, u64 size,
			      struct fault *fault);
/*
 * Makes it a shared mapping of a file, `fd`, from the file's start. Before
 * anything is in it. -errno: the host refuses; all is as before.
 */
must_check int guest_mem_share(struct guest_mem *mem);
void guest_mem_release(struct guest_mem *mem);

/* End of the RAM below 2 GiB, and of that above 4 GiB (4 GiB if none). */
gpa_t guest_mem_low_end(const struct guest_mem *mem);
gpa_t guest_mem_high_end(const struct guest_mem *mem);

/* False, and nothing touched, unless all of it is RAM. */
must_check bool guest_mem_read(const struct guest_mem *mem, gpa_t gpa,
			       void *data, u64 size);
must_check bool guest_mem_write(struct guest_mem *mem, gpa_t gpa,
				const void *data, u64 size);
must_check bool guest_mem_zero(struct guest_mem *mem, gpa_t gpa, u64 size);

/*
 * The host's view of [gpa, gpa + size), or NULL unless all of it is RAM. The
 * guest may change it at any time: copy, then check, then use. Whoever writes
 * through it calls guest_mem_tell_written afterwards.
 */
void *guest_mem_at(const struct guest_mem *mem, gpa_t gpa, u64 size);
void guest_mem_tell_written(struct guest_mem *mem, gpa_t gpa, u64 size);
/* The same, of what guest_mem_at gave. */
void guest_mem_tell_written_at(struct guest_mem *mem, const void *at, u64 size);

#endif
