/* SPDX-License-Identifier: MIT */
/* Netdevs by their options; see net_options.h for the words. */
#ifndef VMM_NET_NET_H
#define VMM_NET_NET_H

#include "vmm/net/net_options.h"

/*
 * No side effects before netdev_start. `options` are copied and have has_mac.
 * *ret is NULL for NET_NONE; else netdev_close frees it. -ENOMEM.
 */
must_check int net_create(const struct net_options *options, struct loop *loop,
			  struct netdev **ret, struct fault *fault);

#endif
