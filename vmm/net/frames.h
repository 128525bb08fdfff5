/* SPDX-License-Identifier: MIT */
/*
 * Frames out of a stream of bytes, each after its size in four bytes,
 * big-endian: what passt and other machine monitors speak over a socket. The
 * bytes are the peer's and hostile: a size beyond the largest frame's ends the
 * stream, as there is no telling where the next one would begin; frames too
 * small to have a header are left out.
 */
#ifndef VMM_NET_FRAMES_H
#define VMM_NET_FRAMES_H

#include "base/types.h"

#define FRAMES_HEAD_BYTES 4
/* Any whole frame fits, and many small ones are read at once. */
#define FRAMES_BUFFER_BYTES (128 * 1024u)

struct frames {
	u8 *data;	/* owned */
	u32 start, end; /* what is in it */
};

/* -ENOMEM. */
must_check int frames_init(struct frames *frames);
/* Accepts all-zero. */
void frames_release(struct frames *frames);
/* Another stream begins. */
void frames_restart(struct frames *frames);

/* Where more bytes go, and how many may: never 0 after frames_next's 0. */
u8 *frames_space(struct frames *frames, u32 *ret_size);
void frames_added(struct frames *frames, u32 size);

/*
 * 1 and the first whole frame, valid until frames_space; it stays the first
 * until frames_drop. 0: more bytes are needed. -EPROTO: the stream is broken.
 */
must_check int frames_next(struct frames *frames, const u8 **ret_frame,
			   u32 *ret_size);
void frames_drop(struct frames *frames);

/* The size before a frame. */
void frames_head(u8 head[FRAMES_HEAD_BYTES], u32 size);

#endif
