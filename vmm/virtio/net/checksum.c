/* SPDX-License-Identifier: MIT */
/* The Internet's checksum over a frame in parts: see checksum.h. */
#include "vmm/virtio/net/checksum.h"

#include <string.h>

/* Folded to 16 bits; ones' complement has no other way to lose a carry. */
static u32 fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u32)sum;
}

/* In the order of the bytes in memory: the sum does not care. */
static u32 sum_bytes(const u8 *at, size_t size)
{
	u64 sum = 0;
	u16 last = 0;

	for (; size >= 4; size -= 4, at += 4) {
		u32 word;

		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	for (; size >= 2; size -= 2, at += 2) {
		memcpy(&last, at, sizeof(last));
		sum += last;
	}
	if (size)
		sum += *at;
	return fold(sum);
}

/* Of all from byte `skip` on. A part that begins at an odd byte counts with its
 * bytes exchanged. */
static u16 sum_parts(const struct iovec *iov, u32 count, size_t skip)
{
	u64 sum = 0;
	bool odd = false;

	for (u32 i = 0; i < count; i++) {
		size_t gone = MIN(skip, iov[i].iov_len);
		size_t size = iov[i].iov_len - gone;
		u32 part = sum_bytes((const u8 *)iov[i].iov_base + gone, size);

		sum += odd ? __builtin_bswap16((u16)part) : part;
		odd ^= size & 1;
		skip -= gone;
	}
	return (u16)fold(sum);
}

/* The part that begins at byte `at`, made by cutting one in two if need be. */
static u32 cut(struct iovec *iov, u32 *count, size_t at)
{
	u32 i = 0;

	while (i < *count && at >= iov[i].iov_len)
		at -= iov[i++].iov_len;
	if (!at || i == *count)
		return i;
	memmove(&iov[i + 1], &iov[i], (*count - i) * sizeof(*iov));
	iov[i].iov_len = at;
	iov[i + 1].iov_base = (u8 *)iov[i + 1].iov_base + at;
	iov[i + 1].iov_len -= at;
	++*count;
	return i + 1;
}

bool checksum_fill(struct iovec *iov, u32 *count, u32 start, u32 offset,
		   u8 sum[2])
{
	size_t size = 0, at = (size_t)start + offset;
	u32 first, end;
	u16 value;

	for (u32 i = 0; i < *count; i++)
		size += iov[i].iov_len;
	if (at + 2 > size)
		return false;
	value = (u16)~sum_parts(iov, *count, start);
	/* Two forms of zero; UDP takes the other one for "none". */
	value = value ? value : 0xffff;
	memcpy(sum, &value, sizeof(value));
	first = cut(iov, count, at);
	end = cut(iov, count, at + 2);
	/* The two bytes may have been two parts. */
	memmove(&iov[first + 1], &iov[end], (*count - end) * sizeof(*iov));
	*count -= end - first - 1;
	iov[first] = (struct iovec){.iov_base = sum, .iov_len = 2};
	return true;
}
