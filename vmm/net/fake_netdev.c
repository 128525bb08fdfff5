/* SPDX-License-Identifier: MIT */
/* The netdev of a test. */
#include "vmm/net/fake_netdev.h"

#include <string.h>

static struct fake_netdev *fake_of(struct netdev *netdev)
{
	return container_of(netdev, struct fake_netdev, netdev);
}

static bool fake_send(struct netdev *netdev, const struct iovec *iov, u32 count)
{
	struct fake_netdev *fake = fake_of(netdev);

	if (fake->sent_count >= fake->limit)
		return false;
	fake->size = 0;
	for (u32 i = 0; i < count; i++) {
		memcpy(fake->frame + fake->size, iov[i].iov_base,
		       iov[i].iov_len);
		fake->size += (u32)iov[i].iov_len;
	}
	fake->sent_count++;
	return true;
}

static void fake_receive_wanted(struct netdev *netdev)
{
	fake_of(netdev)->wanted_count++;
}

static void fake_close(struct netdev *netdev)
{
	(void)netdev;
}

static const struct netdev_ops fake_ops = {
	.send = fake_send,
	.receive_wanted = fake_receive_wanted,
	.close = fake_close,
};

void fake_netdev_init(struct fake_netdev *fake)
{
	*fake = (struct fake_netdev){
		.netdev = {.ops = &fake_ops, .link_up = true, .mtu = 1500},
		.limit = UINT32_MAX,
	};
}

bool fake_netdev_give(struct fake_netdev *fake, const void *frame, u32 size)
{
	const struct netdev_user *user = &fake->netdev.user;

	if (!user->receive(user->ctx, frame, size))
		return false;
	user->received(user->ctx);
	return true;
}

void fake_netdev_writable(struct fake_netdev *fake, u32 limit)
{
	fake->limit = limit;
	fake->netdev.user.writable(fake->netdev.user.ctx);
}

void fake_netdev_set_link(struct fake_netdev *fake, bool up)
{
	fake->netdev.link_up = up;
	fake->netdev.user.link_changed(fake->netdev.user.ctx);
}
