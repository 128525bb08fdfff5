/* SPDX-License-Identifier: MIT */
#include "vmm/virtio/net/checksum.h"

#include "base/test.h"

static u8 frame[200];

/* The slow way. [RFC1071 4.1 "C"] */
static u16 expected(u32 start, u32 size)
{
	u32 sum = 0;

	for (u32 i = start; i < size; i++)
		sum += (u32)frame[i] << ((i - start) & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum ? (u16)~sum : 0xffff;
}

static void fill_frame(u32 seed)
{
	for (u32 i = 0; i < sizeof(frame); i++) {
		seed = seed * 1103515245 + 12345;
		frame[i] = (u8)(seed >> 16);
	}
}

/* Cuts the frame at three places; the bytes that come out, 0: refused. */
static u32 run(u32 a, u32 b, u32 c, u32 size, u32 start, u32 offset, u8 *out)
{
	struct iovec iov[4 + CHECKSUM_PARTS] = {
		{frame, a},
		{frame + a, b - a},
		{frame + b, c - b},
		{frame + c, size - c},
	};
	u32 count = 4, at = 0;
	u8 sum[2];

	if (!checksum_fill(iov, &count, start, offset, sum))
		return 0;
	check(count <= ARRAY_SIZE(iov));
	for (u32 i = 0; i < count; i++) {
		memcpy(out + at, iov[i].iov_base, iov[i].iov_len);
		at += (u32)iov[i].iov_len;
	}
	return at;
}

TEST(the_sum_is_the_same_however_the_frame_is_cut)
{
	u8 out[sizeof(frame)], before[sizeof(frame)];

	fill_frame(1);
	memcpy(before, frame, sizeof(frame));
	for (u32 a = 0; a <= 57; a += 3)
		for (u32 b = a; b <= 57; b++)
			for (u32 size = 60; size < 64; size++) {
				u16 sum = expected(34, size);

				check_eq(run(a, b, 57, size, 34, 16, out), size);
				check_eq(out[50], sum >> 8);
				check_eq(out[51], sum & 255);
				check_mem_eq(out, frame, 50);
				check_mem_eq(out + 52, frame + 52, size - 52);
			}
	check_mem_eq(before, frame, sizeof(frame));
}

TEST(it_goes_where_it_is_asked_for)
{
	u8 out[sizeof(frame)];

	fill_frame(2);
	for (u32 start = 0; start < 20; start++)
		for (u32 offset = 0; offset < 20; offset++) {
			u16 sum = expected(start, 120);

			check_eq(run(7, 20, 21, 120, start, offset, out), 120);
			check_eq(out[start + offset], sum >> 8);
			check_eq(out[start + offset + 1], sum & 255);
		}
}

TEST(a_sum_of_zero_is_written_as_its_other_form)
{
	u8 out[sizeof(frame)];

	memset(frame, 0, sizeof(frame));
	frame[34] = frame[35] = 0xff;
	check_eq(run(0, 0, 0, 60, 34, 6, out), 60);
	check_eq(out[40], 0xff);
	check_eq(out[41], 0xff);
}

TEST(a_place_beyond_the_frame_is_refused)
{
	u8 out[sizeof(frame)];

	check_eq(run(1, 2, 3, 60, 34, 25, out), 0);
	check_eq(run(1, 2, 3, 60, 34, 24, out), 60);
	check_eq(run(1, 2, 3, 60, 65535, 65535, out), 0);
	check_eq(run(1, 2, 3, 60, 58, 0, out), 60);
}
