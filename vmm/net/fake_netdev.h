/* SPDX-License-Identifier: MIT */
/* For device tests: a netdev that keeps the last frame it is given. */
#ifndef VMM_NET_FAKE_NETDEV_H
#define VMM_NET_FAKE_NETDEV_H

#include "vmm/net/netdev.h"

struct fake_netdev {
	struct netdev netdev;
	u8 frame[NETDEV_FRAME_BYTES_MAX];
	u32 size, sent_count;
	u32 limit; /* refuses more frames than that in total */
	u32 wanted_count;
};

/* The link is up. */
void fake_netdev_init(struct fake_netdev *fake);
/* The card's answer to a frame from outside; `received` follows if it took it. */
bool fake_netdev_give(struct fake_netdev *fake, const void *frame, u32 size);
/* Takes frames again. */
void fake_netdev_writable(struct fake_netdev *fake, u32 limit);
void fake_netdev_set_link(struct fake_netdev *fake, bool up);

#endif
