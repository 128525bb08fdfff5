/* SPDX-License-Identifier: MIT */
/*
 * Image locks: they keep two writers of one image apart, ours and QEMU's
 * alike. Each holder takes open-file-description read locks on single bytes of
 * the file: byte 100 + n says "I do n", byte 200 + n "nobody else may do n",
 * with n = 0 for reading what is consistent, 1 for writing, 3 for resizing.
 * After taking its own a program asks whether somebody holds the opposite ones.
 */
#ifndef VMM_BLOCK_LOCK_H
#define VMM_BLOCK_LOCK_H

#include "base/err.h"
#include "base/types.h"

/*
 * Locks the open file `fd`, for as long as it is open. A writer excludes
 * writers and all readers that mind; a reader excludes writers. -EBUSY with a
 * fault naming `name`; file systems without such locks are taken as they are.
 */
must_check int block_lock(int fd, bool write, const char *name,
			  struct fault *fault);

#endif
