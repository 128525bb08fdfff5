/* SPDX-License-Identifier: MIT */
/* What the guest sends. [VIRTIO 5.1.6.2 "Packet Transmission"] */
#include <assert.h>
#include <string.h>

#include "vmm/virtio/net/checksum.h"
#include "vmm/virtio/net/net_internal.h"

static bool needs_checksum(const struct virtio_net *net,
			   const struct virtio_net_hdr *hdr)
{
	return virtio_has(&net->virtio, VIRTIO_NET_F_CSUM) &&
	       (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       !net->netdev->trusts_checksums;
}

/*
 * 1: sent, or lost as the guest's mistake. 0: the netdev is full. The header is
 * a copy, the frame is sent from where it is.
 */
static int send_chain(struct virtio_net *net, const struct virtq_chain *chain,
		      const struct virtio_net_hdr *hdr)
{
	struct iovec iov[VIRTQ_SIZE_MAX + CHECKSUM_PARTS];
	u32 count = chain->read_count, gone;
	u8 sum[2];

	static_assert(ARRAY_SIZE(iov) <= NETDEV_PARTS_MAX, "a netdev takes it");
	memcpy(iov, chain->iov, count * sizeof(*iov));
	gone = iov_skip(iov, count, sizeof(*hdr));
	count -= gone;
	if (!count || chain->read_bytes > sizeof(*hdr) + NETDEV_FRAME_BYTES_MAX)
		return 1;
	if (!needs_checksum(net, hdr))
		return netdev_send(net->netdev, iov + gone, count);
	if (!checksum_fill(iov + gone, &count, hdr->csum_start,
			   hdr->csum_offset, sum))
		return 1;
	return netdev_send(net->netdev, iov + gone, count);
}

/* 1: one less in the queue. 0: none, or the netdev is full. -EINVAL */
static int serve_one(struct virtio_net *net)
{
	struct virtq *vq = &net->virtio.queue[VIRTIO_NET_TX];
	struct virtq_chain chain = {.iov = net->tx_iov,
				    .iov_max = ARRAY_SIZE(net->tx_iov)};
	struct virtio_net_hdr hdr;
	int got = virtq_pop(vq, &chain);

	if (got <= 0)
		return got;
	if (iov_read(chain.iov, chain.read_count, 0, &hdr, sizeof(hdr)) <
	    sizeof(hdr))
		return -EINVAL;
	if (!send_chain(net, &chain, &hdr)) {
		virtq_unpop(vq);
		net->tx_waits = true;
		return 0;
	}
	virtq_push(vq, &chain, 0);
	return 1;
}

void virtio_net_serve_tx(struct virtio_net *net)
{
	struct virtq *vq = &net->virtio.queue[VIRTIO_NET_TX];
	int got = 1;
	u32 n;

	if (net->tx_waits)
		return;
	(void)virtq_ask_notify(vq, false); /* nothing to look at yet */
	for (n = 0; n < vq->size && got > 0; n++)
		got = serve_one(net);
	if (got < 0)
		virtio_broken(&net->virtio);
	/* A guest that is as fast as we are must not have the loop for itself. */
	else if (got > 0)
		virtio_net_serve_later(net, VIRTIO_NET_TX);
	virtio_tell(&net->virtio, VIRTIO_NET_TX);
}
