/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a peer's stream, in pieces of any size: the frames are the same
 * as when all comes at once, and none is out of bounds.
 */
#include "vmm/net/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vmm/net/netdev.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

struct sum {
	u64 bytes, hash;
	u32 count;
	int end;
};

static void take(struct frames *frames, struct sum *sum)
{
	const u8 *frame;
	u32 size;

	while ((sum->end = frames_next(frames, &frame, &size)) == 1) {
		require(size >= NETDEV_FRAME_BYTES_MIN &&
			size <= NETDEV_FRAME_BYTES_MAX);
		for (u32 i = 0; i < size; i++)
			sum->hash = (sum->hash ^ frame[i]) * 0x100000001b3;
		sum->bytes += size;
		sum->count++;
		frames_drop(frames);
	}
}

static struct sum run(const u8 *data, size_t size, u32 piece)
{
	struct frames frames;
	struct sum sum = {};

	require(!frames_init(&frames));
	while (size && sum.end != -EPROTO) {
		u32 space, n;
		u8 *at = frames_space(&frames, &space);

		require(space);
		space = MIN(space, piece);
		n = (u32)MIN((size_t)space, size);
		memcpy(at, data, n);
		frames_added(&frames, n);
		data += n;
		size -= n;
		take(&frames, &sum);
	}
	frames_release(&frames);
	return sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct sum whole, pieces;

	if (!size)
		return -1;
	whole = run(data + 1, size - 1, UINT32_MAX);
	pieces = run(data + 1, size - 1, 1u + data[0]);
	require(whole.count == pieces.count && whole.hash == pieces.hash &&
		whole.bytes == pieces.bytes && whole.end == pieces.end);
	return 0;
}
