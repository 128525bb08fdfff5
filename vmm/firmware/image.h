/* SPDX-License-Identifier: MIT */
/*
 * A file that the guest starts with, a kernel, an initrd or a ROM: opened once,
 * checked to be a regular file with something in it, then read, a kernel piece by
 * piece straight into guest memory.
 *
 * All functions return 0 or -EINVAL (what the file is), or -errno of opening
 * and reading; the fault is one sentence that names the file.
 */
#ifndef VMM_FIRMWARE_IMAGE_H
#define VMM_FIRMWARE_IMAGE_H

#include "base/err.h"
#include "vmm/memory/guest_mem.h"

struct image {
	const char *what; /* "kernel", "firmware"; static */
	const char *path; /* borrowed: must outlive this */
	const u8 *data;	  /* borrowed: the content when fd is -1 (tests) */
	int fd;		  /* owned; -1 = none */
	u64 size;
};

must_check int image_open(struct image *image, const char *what,
			  const char *path, struct fault *fault);
void image_from_memory(struct image *image, const char *what, const void *data,
		       size_t size);
void image_close(struct image *image); /* all-zero but fd -1 is closed */

/* A range beyond the end makes the file truncated: -EINVAL. */
must_check int image_read(const struct image *image, u64 offset, void *data,
			  u64 size, struct fault *fault);
/* Into [gpa, gpa + size), which must be RAM: else -EINVAL, too. */
must_check int image_load(const struct image *image, u64 offset, u64 size,
			  struct guest_mem *mem, gpa_t gpa, struct fault *fault);

#endif
