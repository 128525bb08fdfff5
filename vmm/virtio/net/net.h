/* SPDX-License-Identifier: MIT */
/*
 * virtio-net: a network card with one pair of queues and a control queue.
 * [VIRTIO 5.1 "Network Device"]
 *
 * Frames go from the guest's memory to the netdev and back, without a copy of
 * ours on the way out. When the netdev is full, the guest's frames stay in its
 * queue; when the guest has given no buffers, the netdev is held back; before
 * the driver is ready, what comes is dropped.
 *
 * Checksums: those that the guest leaves out are filled in here, unless nobody
 * behind looks at them. Segmentation is not offered: a netdev that can do
 * without has packets of 64 KiB (VIRTIO_NET_F_MTU), which is the same to the
 * guest. Frames to other cards' addresses are left out as the driver asks;
 * those to groups are all let in, as the standard allows.
 *
 * Threads: as virtio.h; the netdev belongs to the same loop.
 */
#ifndef VMM_VIRTIO_NET_NET_H
#define VMM_VIRTIO_NET_NET_H

#include "vmm/net/netdev.h"
#include "vmm/virtio/virtio.h"

#define VIRTIO_NET_QUEUE_SIZE 256
#define VIRTIO_NET_FILTER_MAX 16

/* [VIRTIO 5.1.2 "Virtqueues"] */
enum virtio_net_queue {
	VIRTIO_NET_RX,
	VIRTIO_NET_TX,
	VIRTIO_NET_CTRL,
	VIRTIO_NET_QUEUES,
};

/* [VIRTIO 5.1.3 "Feature bits"] */
#define VIRTIO_NET_F_CSUM	    BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM	    BIT(1)
#define VIRTIO_NET_F_MTU	    BIT(3)
#define VIRTIO_NET_F_MAC	    BIT(5)
#define VIRTIO_NET_F_MRG_RXBUF	    BIT(15)
#define VIRTIO_NET_F_STATUS	    BIT(16)
#define VIRTIO_NET_F_CTRL_VQ	    BIT(17)
#define VIRTIO_NET_F_CTRL_RX	    BIT(18)
#define VIRTIO_NET_F_GUEST_ANNOUNCE BIT(21)
#define VIRTIO_NET_F_CTRL_MAC_ADDR  BIT(23)

/* [VIRTIO 5.1.4 "Device configuration layout"], as far as offered */
struct virtio_net_config {
	u8 mac[NETDEV_MAC_BYTES];
	u16 status;
	u16 max_virtqueue_pairs;
	u16 mtu;
};

#define VIRTIO_NET_S_LINK_UP  1
#define VIRTIO_NET_S_ANNOUNCE 2

/* [VIRTIO 5.1.6 "Device Operation"] */
struct virtio_net_hdr {
	u8 flags, gso_type;
	u16 hdr_len, gso_size;
	u16 csum_start, csum_offset;
	u16 num_buffers;
};

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2

struct virtio_net {
	struct virtio virtio;
	struct netdev *netdev; /* borrowed: must outlive the device */
	u8 own_mac[NETDEV_MAC_BYTES];

	/* What the driver has set: */
	u8 mac[NETDEV_MAC_BYTES];
	u8 promiscuous;
	u8 filter_overflow; /* more were asked for: all are let in */
	u8 filter_count;
	u8 filter[VIRTIO_NET_FILTER_MAX][NETDEV_MAC_BYTES];
	u8 announce; /* the driver is to tell the network where it is */

	/* Not saved: */
	bool link_up;
	bool tx_waits; /* for the netdev */
	struct loop_work wanted_work;
	struct iovec tx_iov[VIRTQ_SIZE_MAX], ctrl_iov[VIRTQ_SIZE_MAX];
	/* Of a frame's first chain, and of the one after it. */
	struct iovec rx_iov[VIRTQ_SIZE_MAX], rx_more_iov[VIRTQ_SIZE_MAX];
};

struct virtio_net_setup {
	struct netdev *netdev;
	u8 mac[NETDEV_MAC_BYTES];
	struct guest_mem *mem;
	struct loop *loop; /* the netdev's */
};

/* Becomes the netdev's user. Before the loop runs. */
void virtio_net_init(struct virtio_net *net,
		     const struct virtio_net_setup *setup);

#endif
