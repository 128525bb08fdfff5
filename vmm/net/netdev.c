/* SPDX-License-Identifier: MIT */
/* What every netdev has in common. */
#include "vmm/net/netdev.h"

#include <assert.h>

static size_t size_of(const struct iovec *iov, u32 count)
{
	size_t size = 0;

	for (u32 i = 0; i < count && size <= NETDEV_FRAME_BYTES_MAX; i++)
		size += iov[i].iov_len;
	return size;
}

int netdev_start(struct netdev *netdev, struct fault *fault)
{
	return netdev->ops->start(netdev, fault);
}

int netdev_settle(struct netdev *netdev, struct fault *fault)
{
	return netdev->ops->settle(netdev, fault);
}

int netdev_jail(struct netdev *netdev, struct fault *fault)
{
	return netdev->ops->jail ? netdev->ops->jail(netdev, fault) : 0;
}

bool netdev_send(struct netdev *netdev, const struct iovec *iov, u32 count)
{
	size_t size = size_of(iov, count);

	assert(count <= NETDEV_PARTS_MAX);
	if (!netdev->link_up || size < NETDEV_FRAME_BYTES_MIN ||
	    size > NETDEV_FRAME_BYTES_MAX)
		return true;
	return netdev->ops->send(netdev, iov, count);
}

void netdev_receive_wanted(struct netdev *netdev)
{
	netdev->ops->receive_wanted(netdev);
}

void netdev_attach(struct netdev *netdev, const struct netdev_user *user)
{
	netdev->user = user ? *user : (struct netdev_user){};
	netdev_receive_wanted(netdev);
}

void netdev_close(struct netdev *netdev)
{
	if (netdev)
		netdev->ops->close(netdev);
}
