/* SPDX-License-Identifier: MIT */
#include "vmm/net/frames.h"

#include <errno.h>

#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/net/netdev.h"

static struct frames frames;

static void add(const void *data, u32 size)
{
	u32 space;
	u8 *at = frames_space(&frames, &space);

	check(space >= size);
	memcpy(at, data, size);
	frames_added(&frames, size);
}

static void add_head(u32 size)
{
	u8 head[FRAMES_HEAD_BYTES];

	frames_head(head, size);
	add(head, sizeof(head));
}

TEST(a_frame_comes_out_whole_however_its_bytes_came)
{
	static const u8 wire[] = "\0\0\0\x10"
				 "0123456789abcdef"
				 "\0\0\0\x0e"
				 "ABCDEFGHIJKLMN";
	const u8 *frame;
	u32 size;

	check_eq(frames_init(&frames), 0);
	for (u32 i = 0; i < 20; i++) {
		check_eq(frames_next(&frames, &frame, &size), 0);
		add(wire + i, 1);
	}
	add(wire + 20, sizeof(wire) - 1 - 20);
	check_eq(frames_next(&frames, &frame, &size), 1);
	check_eq(frames_next(&frames, &frame, &size), 1);
	check_eq(size, 16);
	check_mem_eq(frame, "0123456789abcdef", 16);
	frames_drop(&frames);
	check_eq(frames_next(&frames, &frame, &size), 1);
	check_eq(size, 14);
	check_mem_eq(frame, "ABCDEFGHIJKLMN", 14);
	frames_drop(&frames);
	check_eq(frames_next(&frames, &frame, &size), 0);
	frames_release(&frames);
}

TEST(the_largest_frame_passes_and_one_byte_more_ends_the_stream)
{
	static u8 body[NETDEV_FRAME_BYTES_MAX];
	const u8 *frame;
	u32 size;

	check_eq(frames_init(&frames), 0);
	add_head(NETDEV_FRAME_BYTES_MAX);
	add(body, sizeof(body));
	check_eq(frames_next(&frames, &frame, &size), 1);
	check_eq(size, NETDEV_FRAME_BYTES_MAX);
	frames_drop(&frames);
	add_head(NETDEV_FRAME_BYTES_MAX + 1);
	check_eq(frames_next(&frames, &frame, &size), -EPROTO);
	frames_restart(&frames);
	add_head(UINT32_MAX);
	check_eq(frames_next(&frames, &frame, &size), -EPROTO);
	frames_restart(&frames);
	check_eq(frames_next(&frames, &frame, &size), 0);
	frames_release(&frames);
}

TEST(frames_without_a_whole_header_are_left_out)
{
	static const u8 wire[] = "\0\0\0\0"
				 "\0\0\0\x0d"
				 "0123456789abc"
				 "\0\0\0\0"
				 "\0\0\0\x0e"
				 "ABCDEFGHIJKLMN";
	const u8 *frame;
	u32 size;

	check_eq(frames_init(&frames), 0);
	add(wire, sizeof(wire) - 1);
	check_eq(frames_next(&frames, &frame, &size), 1);
	check_mem_eq(frame, "ABCDEFGHIJKLMN", 14);
	frames_release(&frames);
}

TEST(while_a_frame_is_incomplete_there_is_space_for_the_rest)
{
	static u8 body[NETDEV_FRAME_BYTES_MAX];
	const u8 *frame;
	u32 size, space;

	check_eq(frames_init(&frames), 0);
	add_head(sizeof(body));
	add(body, sizeof(body));
	add_head(sizeof(body));
	add(body, 60000);
	check_eq(frames_next(&frames, &frame, &size), 1);
	frames_drop(&frames);
	check_eq(frames_next(&frames, &frame, &size), 0);
	(void)frames_space(&frames, &space);
	check(space >= sizeof(body) - 60000);
	frames_release(&frames);
}

TEST(no_memory_is_an_error)
{
	alloc_fail_at(1);
	check_eq(frames_init(&frames), -ENOMEM);
	alloc_fail_off();
	frames_release(&frames);
}
