/* SPDX-License-Identifier: MIT */
/* Copying to and from scattered memory: see iov.h. */
#include "base/iov.h"

#include <string.h>

static size_t copy(const struct iovec *iov, u32 count, size_t skip, void *out,
		   const void *in, size_t size)
{
	size_t done = 0;

	for (u32 i = 0; i < count && done < size; i++) {
		size_t part = iov[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part = MIN(part - skip, size - done);
		if (out)
			memcpy((u8 *)out + done, (u8 *)iov[i].iov_base + skip,
			       part);
		else
			memcpy((u8 *)iov[i].iov_base + skip,
			       (const u8 *)in + done, part);
		done += part;
		skip = 0;
	}
	return done;
}

size_t iov_read(const struct iovec *iov, u32 count, size_t skip, void *data,
		size_t size)
{
	return copy(iov, count, skip, data, NULL, size);
}

size_t iov_write(const struct iovec *iov, u32 count, size_t skip,
		 const void *data, size_t size)
{
	return copy(iov, count, skip, NULL, data, size);
}

u32 iov_skip(struct iovec *iov, u32 count, size_t bytes)
{
	u32 gone = 0;

	while (gone < count && bytes >= iov[gone].iov_len)
		bytes -= iov[gone++].iov_len;
	if (gone < count) {
		iov[gone].iov_base = (u8 *)iov[gone].iov_base + bytes;
		iov[gone].iov_len -= bytes;
	}
	return gone;
}
