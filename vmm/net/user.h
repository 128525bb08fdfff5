/* SPDX-License-Identifier: MIT */
/*
 * The user network: a netdev whose other side is Debian's passt, a program
 * without privileges that turns a guest's packets into sockets of the host.
 *
 * The guest is 10.0.2.15, by passt's own DHCP; 10.0.2.2 is its gateway and, to
 * it, the host's loopback; names are asked of the host's resolver. passt gets one
 * end of a socket pair and ends when ours closes, however that happens. When it
 * ends first the link goes down, it is started again (retry.h; in jail by
 * vmm/jail/launcher.h, and not any more when that has ended), and the link comes
 * up. It is known to work when it answers the first frame, an ARP request.
 *
 * IPv4 only. The addresses are given whole, so that neither an address nor a
 * route of the host's is needed for it to start.
 */
#ifndef VMM_NET_USER_H
#define VMM_NET_USER_H

#include "vmm/net/net_options.h"

/* `options` are copied and have has_mac; nothing is started. -ENOMEM. */
must_check int net_user_create(const struct net_options *options,
			       struct loop *loop, struct netdev **ret);

#endif
