/* SPDX-License-Identifier: MIT */
/*
 * Memory in parts, as <sys/uio.h> has it. Sizes are bytes; the parts may be
 * written to by others meanwhile, what is read of them is a copy.
 */
#ifndef BASE_IOV_H
#define BASE_IOV_H

#include <sys/uio.h>

#include "base/types.h"

/*
 * Copies out of, or into, `count` parts from byte `skip` on: `size` bytes or as
 * many as there are; how many.
 */
size_t iov_read(const struct iovec *iov, u32 count, size_t skip, void *data,
		size_t size);
size_t iov_write(const struct iovec *iov, u32 count, size_t skip,
		 const void *data, size_t size);

/*
 * Leaves out the first `bytes` of the parts. Returns how many parts are gone;
 * the first that stays begins further in.
 */
u32 iov_skip(struct iovec *iov, u32 count, size_t bytes);

#endif
