/* SPDX-License-Identifier: MIT */
/* Frames out of a stream: see frames.h. */
#include "vmm/net/frames.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vmm/net/netdev.h"

static_assert(FRAMES_BUFFER_BYTES >= FRAMES_HEAD_BYTES + NETDEV_FRAME_BYTES_MAX,
	      "any frame fits");

int frames_init(struct frames *frames)
{
	*frames = (struct frames){.data = malloc(FRAMES_BUFFER_BYTES)};
	return frames->data ? 0 : trace_err(-ENOMEM);
}

void frames_release(struct frames *frames)
{
	free(frames->data);
	*frames = (struct frames){};
}

void frames_restart(struct frames *frames)
{
	frames->start = frames->end = 0;
}

/* What is left of a frame moves to the beginning: once for each filling. */
u8 *frames_space(struct frames *frames, u32 *ret_size)
{
	u32 count = frames->end - frames->start;

	if (frames->start)
		memmove(frames->data, frames->data + frames->start, count);
	frames->start = 0;
	frames->end = count;
	*ret_size = FRAMES_BUFFER_BYTES - count;
	return frames->data + count;
}

void frames_added(struct frames *frames, u32 size)
{
	assert(size <= FRAMES_BUFFER_BYTES - frames->end);
	frames->end += size;
}

/* False while its four bytes are not there. */
static bool first_size(const struct frames *frames, u32 *ret_size)
{
	u32 size;

	if (frames->end - frames->start < sizeof(size))
		return false;
	memcpy(&size, frames->data + frames->start, sizeof(size));
	*ret_size = be32toh(size);
	return true;
}

int frames_next(struct frames *frames, const u8 **ret_frame, u32 *ret_size)
{
	u32 size;

	while (first_size(frames, &size)) {
		if (size > NETDEV_FRAME_BYTES_MAX)
			return -EPROTO;
		if (frames->end - frames->start < FRAMES_HEAD_BYTES + size)
			return 0;
		if (size >= NETDEV_FRAME_BYTES_MIN) {
			*ret_frame = frames->data + frames->start +
				     FRAMES_HEAD_BYTES;
			*ret_size = size;
			return 1;
		}
		frames_drop(frames);
	}
	return 0;
}

void frames_drop(struct frames *frames)
{
	u32 size = 0;
	bool there = first_size(frames, &size);

	assert(there && frames->end - frames->start >= FRAMES_HEAD_BYTES + size);
	frames->start += FRAMES_HEAD_BYTES + size;
}

void frames_head(u8 head[FRAMES_HEAD_BYTES], u32 size)
{
	u32 big = htobe32(size);

	memcpy(head, &big, sizeof(big));
}
