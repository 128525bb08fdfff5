/* SPDX-License-Identifier: MIT */
/*
 * What netdevs over a stream socket have in common: frames (frames.h) both ways,
 * without blocking and without an allocation after netstream_init.
 *
 * Output: a frame goes out in one call, straight from the card's parts. The
 * socket may take a piece of it only; the rest is kept, and no other frame is
 * taken until it is gone. Input: what is there is read at once, and the frames
 * are handed on until the card has no room. Then no more is read, so it is the
 * peer who waits, or drops what it likes best; a card that takes nothing for
 * ever stops its own peer and nobody else.
 */
#ifndef VMM_NET_NETSTREAM_H
#define VMM_NET_NETSTREAM_H

#include "vmm/net/frames.h"
#include "vmm/net/netdev.h"

struct netstream {
	struct netdev netdev;
	struct loop *loop; /* borrowed: must outlive this */
	int fd;		   /* owned; -1 = not connected */
	struct loop_watch watch;

	struct frames frames;
	bool waits_for_first; /* the link comes up with the first frame */
	bool held;	      /* the card had no room */
	struct loop_work wanted_work;

	u8 *rest; /* owned: NETDEV_FRAME_BYTES_MAX and the head's */
	u32 rest_start, rest_end;
	bool refused; /* a frame: writable() is owed */

	/*
	 * The peer is gone, or broke the stream; from the loop's thread. The
	 * callee calls netstream_shut. err: -EPROTO, -EPIPE, -errno of recv
	 */
	void (*lost)(struct netstream *stream, int err);
};

/* -ENOMEM. */
must_check int netstream_init(struct netstream *stream, struct loop *loop,
			      const struct netdev_ops *ops);
/* Accepts all-zero. */
void netstream_release(struct netstream *stream);

/*
 * Takes the connected socket `fd`, in case of success. The link is up at once,
 * or, `wait`, when the peer has sent its first frame, which is not handed on.
 * -ENOMEM, -ENOSPC of epoll_ctl.
 */
must_check int netstream_open(struct netstream *stream, int fd, bool wait);
/* The link is down and the socket closed. */
void netstream_shut(struct netstream *stream);
/* What a ready socket does; for those who wait for the first frame. */
void netstream_input(struct netstream *stream);

/* The netdev's ops but close. */
bool netstream_send(struct netdev *netdev, const struct iovec *iov, u32 count);
void netstream_receive_wanted(struct netdev *netdev);

static inline struct netstream *netstream_of(struct netdev *netdev)
{
	return container_of(netdev, struct netstream, netdev);
}

#endif
