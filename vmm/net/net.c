/* SPDX-License-Identifier: MIT */
/* One netdev for each kind. */
#include "vmm/net/net.h"

#include "vmm/net/socket.h"
#include "vmm/net/user.h"

int net_create(const struct net_options *options, struct loop *loop,
	       struct netdev **ret, struct fault *fault)
{
	int err = 0;

	*ret = NULL;
	switch (options->kind) {
	case NET_NONE:
		break;
	case NET_USER:
		err = net_user_create(options, loop, ret);
		break;
	case NET_SOCKET:
		err = net_socket_create(options, loop, ret);
		break;
	}
	return err ? fault_set(fault, FAULT_NO_MEMORY, err, "--net") : 0;
}
