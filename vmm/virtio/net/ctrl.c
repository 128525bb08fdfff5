/* SPDX-License-Identifier: MIT */
/* The driver's commands. [VIRTIO 5.1.6.5 "Control Virtqueue"] */
#include <string.h>

#include "vmm/virtio/net/net_internal.h"

#define CTRL_RX		 0
#define CTRL_RX_PROMISC	 0
#define CTRL_RX_ALLMULTI 1

#define CTRL_MAC	   1
#define CTRL_MAC_TABLE_SET 0
#define CTRL_MAC_ADDR_SET  1

#define CTRL_ANNOUNCE	  3
#define CTRL_ANNOUNCE_ACK 0

#define CTRL_OK	 0
#define CTRL_ERR 1

/* What comes before a command's data. */
struct ctrl_head {
	u8 class, command;
};

/* A command, as far as it has been read. */
struct command {
	struct virtio_net *net;
	const struct virtq_chain *chain;
	struct ctrl_head head;
	size_t at;
};

/* False when there is less. */
static bool take(struct command *c, void *data, size_t size)
{
	size_t got = iov_read(c->chain->iov, c->chain->read_count, c->at, data,
			      size);

	c->at += got;
	return got == size;
}

/* All groups are let in, whether asked for or not. */
static bool set_rx_mode(struct command *c)
{
	u8 on;

	if (!virtio_has(&c->net->virtio, VIRTIO_NET_F_CTRL_RX) ||
	    c->head.command > CTRL_RX_ALLMULTI || !take(c, &on, 1))
		return false;
	if (c->head.command == CTRL_RX_PROMISC)
		c->net->promiscuous = on;
	return true;
}

/*
 * The first table is of single cards', the second of groups' addresses, which
 * only has to be there. Too many of the first: all are let in.
 */
static bool set_table(struct command *c)
{
	struct virtio_net *net = c->net;
	u8 table[VIRTIO_NET_FILTER_MAX][NETDEV_MAC_BYTES] = {};
	u32 count, groups;
	u64 end;

	if (!take(c, &count, sizeof(count)))
		return false;
	end = c->at + (u64)count * NETDEV_MAC_BYTES;
	if (end + sizeof(groups) > c->chain->read_bytes)
		return false;
	if (count <= VIRTIO_NET_FILTER_MAX &&
	    !take(c, table, count * NETDEV_MAC_BYTES))
		return false;
	c->at = end;
	if (!take(c, &groups, sizeof(groups)) ||
	    c->at + (u64)groups * NETDEV_MAC_BYTES > c->chain->read_bytes)
		return false;
	net->filter_overflow = count > VIRTIO_NET_FILTER_MAX;
	net->filter_count = net->filter_overflow ? 0 : (u8)count;
	memcpy(net->filter, table, sizeof(table));
	return true;
}

static bool set_mac(struct command *c)
{
	u8 mac[NETDEV_MAC_BYTES];

	if (c->head.command == CTRL_MAC_TABLE_SET)
		return virtio_has(&c->net->virtio, VIRTIO_NET_F_CTRL_RX) &&
		       set_table(c);
	if (c->head.command != CTRL_MAC_ADDR_SET ||
	    !virtio_has(&c->net->virtio, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !take(c, mac, sizeof(mac)))
		return false;
	memcpy(c->net->mac, mac, sizeof(mac));
	return true;
}

static bool acknowledge(struct command *c)
{
	if (c->head.command != CTRL_ANNOUNCE_ACK ||
	    !virtio_has(&c->net->virtio, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return false;
	c->net->announce = false;
	return true;
}

static bool obey(struct command *c)
{
	switch (c->head.class) {
	case CTRL_RX:
		return set_rx_mode(c);
	case CTRL_MAC:
		return set_mac(c);
	case CTRL_ANNOUNCE:
		return acknowledge(c);
	default:
		return false;
	}
}

/* 1: one less in the queue. 0: none. -EINVAL: no command, or no place for the
 * answer */
static int serve_one(struct virtio_net *net, struct virtq *vq)
{
	struct virtq_chain chain = {.iov = net->ctrl_iov,
				    .iov_max = ARRAY_SIZE(net->ctrl_iov)};
	struct command c = {.net = net, .chain = &chain};
	int got = virtq_pop(vq, &chain);
	u8 answer;

	if (got <= 0)
		return got;
	if (!chain.write_bytes || !take(&c, &c.head, sizeof(c.head)))
		return -EINVAL;
	answer = obey(&c) ? CTRL_OK : CTRL_ERR;
	(void)iov_write(chain.iov + chain.read_count, chain.write_count, 0,
			&answer, 1);
	virtq_push(vq, &chain, 1);
	return 1;
}

void virtio_net_serve_ctrl(struct virtio_net *net)
{
	struct virtq *vq = &net->virtio.queue[VIRTIO_NET_CTRL];
	int got = 1;

	for (u32 n = 0; n < vq->size && got > 0; n++)
		got = serve_one(net, vq);
	if (got < 0)
		virtio_broken(&net->virtio);
	else if (got > 0)
		virtio_net_serve_later(net, VIRTIO_NET_CTRL);
	virtio_tell(&net->virtio, VIRTIO_NET_CTRL);
}
