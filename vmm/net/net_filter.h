/* SPDX-License-Identifier: MIT */
/*
 * What a restricted guest may send: answers on TCP connections that the host
 * began through a forward, and what it needs to have an address (ARP, DHCP).
 *
 * No connections are kept: a segment passes by its source port, which must be a
 * forward's, and by not being one that begins a connection. What belongs to none
 * goes no further than passt. Fragments, IPv6, and all that is not understood to
 * its end are dropped. Frames are the guest's and hostile.
 */
#ifndef VMM_NET_NET_FILTER_H
#define VMM_NET_NET_FILTER_H

#include "vmm/net/net_options.h"

/* `frame` is a copy: what was looked at must be what is sent. */
bool net_filter_passes(const struct net_options *options, const u8 *frame,
		       u32 size);

#endif
