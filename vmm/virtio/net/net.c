/* SPDX-License-Identifier: MIT */
/* The card's life, its configuration space and its link: see net.h. */
#include "vmm/virtio/net/net.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "vmm/virtio/net/net_internal.h"

/* ---- from the core ---- */

void virtio_net_serve_later(struct virtio_net *net, u32 queue)
{
	/* In tests a notification is served at once, and here in itself. */
	if (net->virtio.loop)
		virtio_notify(&net->virtio, queue);
}

/* The netdev belongs to the loop's thread, and this may be a vCPU's. */
static void want_input(struct virtio_net *net)
{
	if (net->virtio.loop)
		loop_post(net->virtio.loop, &net->wanted_work);
	else
		netdev_receive_wanted(net->netdev);
}

static void wanted_due(struct loop_work *work)
{
	struct virtio_net *net = work->ctx;

	netdev_receive_wanted(net->netdev);
}

static void serve(struct virtio *virtio, u32 queue)
{
	struct virtio_net *net = virtio_net_of(virtio);

	if (queue == VIRTIO_NET_RX)
		netdev_receive_wanted(net->netdev);
	else if (queue == VIRTIO_NET_TX)
		virtio_net_serve_tx(net);
	else
		virtio_net_serve_ctrl(net);
}

static void config_read(struct virtio *virtio, u32 offset, void *data, u32 size)
{
	const struct virtio_net *net = virtio_net_of(virtio);
	struct virtio_net_config config = {
		.status = net->link_up ? VIRTIO_NET_S_LINK_UP : 0,
		.max_virtqueue_pairs = 1,
		.mtu = net->netdev->mtu,
	};

	if (net->announce)
		config.status |= VIRTIO_NET_S_ANNOUNCE;
	memcpy(config.mac, net->mac, sizeof(config.mac));
	memcpy(data, (const u8 *)&config + offset, size);
}

/* Without a word of the driver's all frames are let in. */
static void forget(struct virtio *virtio)
{
	struct virtio_net *net = virtio_net_of(virtio);

	memcpy(net->mac, net->own_mac, sizeof(net->mac));
	memset(net->filter, 0, sizeof(net->filter));
	net->filter_count = 0;
	net->filter_overflow = false;
	net->promiscuous = true;
	net->announce = net->tx_waits = false;
	/* What is held back for want of buffers is dropped. */
	want_input(net);
}

static const struct virtio_class net_class = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
		    VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC |
		    VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |
		    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |
		    VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_CTRL_MAC_ADDR,
	.queue_count = VIRTIO_NET_QUEUES,
	.queue_size = VIRTIO_NET_QUEUE_SIZE,
	.config_bytes = sizeof(struct virtio_net_config),
	.config_read = config_read,
	.serve = serve,
	.forget = forget,
};

/* ---- from the netdev: the loop's thread, no lock held ---- */

static bool on_receive(void *ctx, const u8 *frame, u32 size)
{
	struct virtio_net *net = ctx;
	bool taken;

	mutex_lock(&net->virtio.dev.lock);
	taken = virtio_net_receive(net, frame, size);
	mutex_unlock(&net->virtio.dev.lock);
	return taken;
}

static void on_received(void *ctx)
{
	struct virtio_net *net = ctx;

	mutex_lock(&net->virtio.dev.lock);
	virtio_tell(&net->virtio, VIRTIO_NET_RX);
	mutex_unlock(&net->virtio.dev.lock);
}

static void on_writable(void *ctx)
{
	struct virtio_net *net = ctx;

	mutex_lock(&net->virtio.dev.lock);
	net->tx_waits = false;
	if (virtio_running(&net->virtio) &&
	    net->virtio.queue[VIRTIO_NET_TX].enabled)
		virtio_net_serve_tx(net);
	mutex_unlock(&net->virtio.dev.lock);
}

/* [VIRTIO 5.1.6.5.4 "Gratuitous Packet Sending"]: whatever is behind the link
 * now may not have heard of the guest. */
static void on_link_changed(void *ctx)
{
	struct virtio_net *net = ctx;

	mutex_lock(&net->virtio.dev.lock);
	net->link_up = net->netdev->link_up;
	if (net->link_up && virtio_running(&net->virtio) &&
	    virtio_has(&net->virtio, VIRTIO_NET_F_GUEST_ANNOUNCE))
		net->announce = true;
	virtio_tell_config(&net->virtio);
	mutex_unlock(&net->virtio.dev.lock);
}

static const struct netdev_user netdev_user = {
	.receive = on_receive,
	.received = on_received,
	.writable = on_writable,
	.link_changed = on_link_changed,
};

/* ---- life ---- */

/* The netdev's thread, or the loop does not run. */
static void release(struct dev *dev)
{
	struct virtio_net *net =
		virtio_net_of(container_of(dev, struct virtio, dev));

	netdev_attach(net->netdev, NULL);
	if (net->virtio.loop)
		loop_work_cancel(net->virtio.loop, &net->wanted_work);
	virtio_dev_release(dev);
}

static int restored(struct dev *dev)
{
	struct virtio_net *net =
		virtio_net_of(container_of(dev, struct virtio, dev));

	if (net->filter_count > VIRTIO_NET_FILTER_MAX)
		return trace_err(-EINVAL);
	return virtio_dev_restored(dev);
}

static const struct field fields[] = {
	VIRTIO_FIELDS(struct virtio_net),
	VIRTIO_QUEUE_FIELDS(struct virtio_net, 0),
	VIRTIO_QUEUE_FIELDS(struct virtio_net, 1),
	VIRTIO_QUEUE_FIELDS(struct virtio_net, 2),
	FIELD(struct virtio_net, mac, 1),
	FIELD(struct virtio_net, promiscuous, 1),
	FIELD(struct virtio_net, filter_overflow, 1),
	FIELD(struct virtio_net, filter_count, 1),
	FIELD(struct virtio_net, filter, 1),
	FIELD(struct virtio_net, announce, 1),
};

static const struct dev_class dev_class = {
	.name = "virtio_net",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = virtio_dev_reset,
	.restored = restored,
	.release = release,
};

void virtio_net_init(struct virtio_net *net,
		     const struct virtio_net_setup *setup)
{
	struct netdev_user user = netdev_user;

	*net = (struct virtio_net){
		.netdev = setup->netdev,
		.link_up = setup->netdev->link_up,
	};
	memcpy(net->own_mac, setup->mac, sizeof(net->own_mac));
	loop_work_init(&net->wanted_work, wanted_due, net);
	virtio_init(&net->virtio, &net_class, &dev_class, setup->mem,
		    setup->loop, net_class.features);
	dev_reset(&net->virtio.dev);
	user.ctx = net;
	netdev_attach(net->netdev, &user);
}
