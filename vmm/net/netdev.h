/* SPDX-License-Identifier: MIT */
/*
 * A netdev: where the frames of a network card go and come from. In front of it
 * the card (the user), behind it a helper process or another machine.
 *
 * A frame is Ethernet's without its check sequence, NETDEV_FRAME_BYTES_MIN to
 * _MAX bytes. What lies behind may be slow, hostile, or gone: then the link goes
 * down, frames sent are lost as on a wire that was pulled, and all else works.
 *
 * Threads: all of it, the user's functions too, on the event loop's thread, or
 * before that runs. netdev_send and netdev_receive_wanted never call the user,
 * so the card may hold its lock; the user's functions are called with none held.
 */
#ifndef VMM_NET_NETDEV_H
#define VMM_NET_NETDEV_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/types.h"

#define NETDEV_MAC_BYTES       6
#define NETDEV_FRAME_BYTES_MIN 14
/* The largest IPv4 packet, Ethernet's header, and a byte in hand. */
#define NETDEV_FRAME_BYTES_MAX 65550
/* Of one frame to send. */
#define NETDEV_PARTS_MAX 260

struct netdev;

struct netdev_ops {
	int (*start)(struct netdev *netdev, struct fault *fault);
	int (*settle)(struct netdev *netdev, struct fault *fault);
	int (*jail)(struct netdev *netdev, struct fault *fault); /* or NULL */
	bool (*send)(struct netdev *netdev, const struct iovec *iov, u32 count);
	void (*receive_wanted)(struct netdev *netdev);
	void (*close)(struct netdev *netdev);
};

struct netdev_user {
	/*
	 * Takes a whole frame, valid during the call, or drops it. False: there
	 * is no room now; it comes again after netdev_receive_wanted.
	 */
	bool (*receive)(void *ctx, const u8 *frame, u32 size);
	/* No more frames for now: the time to interrupt the guest. */
	void (*received)(void *ctx);
	/* A frame that was not taken may be sent again. */
	void (*writable)(void *ctx);
	/* link_up has changed. */
	void (*link_changed)(void *ctx);
	void *ctx; /* borrowed: must outlive the netdev or be taken off it */
};

struct netdev {
	const struct netdev_ops *ops;
	struct netdev_user user; /* all NULL = nobody listens; frames drop */
	bool link_up;
	/* Largest packet that all behind it can take: 1500 or more. */
	u16 mtu;
	/*
	 * What comes out of it is as good as checked, and the checksums of TCP
	 * and UDP in what goes in are not looked at.
	 */
	bool trusts_checksums;
};

/*
 * Before the loop runs. The first begins what is behind it: a program, a
 * connection; -errno when that cannot be. The second waits, for
 * NETDEV_SETTLE_NS at most, until it is known to work: much else can be done in
 * between. -errno: it does not; the fault says why.
 */
#define NETDEV_SETTLE_NS ((u64)10000000000)
must_check int netdev_start(struct netdev *netdev, struct fault *fault);
must_check int netdev_settle(struct netdev *netdev, struct fault *fault);

/*
 * Once it is started: this process is about to be closed (vmm/jail), has one
 * thread, and will neither open a path nor start a program again. What is behind
 * makes what it needs for going on after a failure. -errno: it cannot.
 */
must_check int netdev_jail(struct netdev *netdev, struct fault *fault);

/*
 * The whole frame, or false: try again when writable() is called. Frames that
 * are too small or large, and all while the link is down, are taken and lost.
 * `count`: 1..NETDEV_PARTS_MAX.
 */
must_check bool netdev_send(struct netdev *netdev, const struct iovec *iov,
			    u32 count);
/* There is room again after receive() said that there was none. */
void netdev_receive_wanted(struct netdev *netdev);

/* Also takes the old user off; `user` NULL: nobody. */
void netdev_attach(struct netdev *netdev, const struct netdev_user *user);
/* Frees it and stops what is behind it. Accepts NULL. */
void netdev_close(struct netdev *netdev);

#endif
