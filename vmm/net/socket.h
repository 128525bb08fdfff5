/* SPDX-License-Identifier: MIT */
/*
 * A netdev over a UNIX stream socket that somebody else listens on: another
 * machine monitor, a switch, a test. Frames as in frames.h. The peer must be
 * there at the start; when it goes, the link is down until it listens again, or,
 * in jail, for good.
 */
#ifndef VMM_NET_SOCKET_H
#define VMM_NET_SOCKET_H

#include "vmm/net/net_options.h"

/* `options` are copied; nothing is connected. -ENOMEM. */
must_check int net_socket_create(const struct net_options *options,
				 struct loop *loop, struct netdev **ret);

#endif
