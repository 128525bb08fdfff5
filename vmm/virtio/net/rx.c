/* SPDX-License-Identifier: MIT */
/* What the guest receives. [VIRTIO 5.1.6.4 "Processing of Incoming Packets"] */
#include <string.h>

#include "vmm/virtio/net/net_internal.h"

/* [VIRTIO 5.1.6.5.1 "Packet Receive Filtering"]: "best effort" */
static bool is_wanted(const struct virtio_net *net, const u8 *frame)
{
	if (net->promiscuous || net->filter_overflow || (frame[0] & 1) ||
	    !memcmp(frame, net->mac, NETDEV_MAC_BYTES))
		return true;
	for (u32 i = 0; i < net->filter_count; i++)
		if (!memcmp(frame, net->filter[i], NETDEV_MAC_BYTES))
			return true;
	return false;
}

/* A frame on its way into chains. */
struct filling {
	struct virtio_net *net;
	const u8 *frame;
	u32 size, done; /* of the frame, without the header */
	u16 chains;
	struct virtq_chain first;
	u32 first_bytes; /* written to it */
};

/*
 * As virtq_pop: at 0 the driver will tell of another. It is asked with what is
 * popped as popped, for the chains that wait are too few, not none.
 */
static int pop(struct filling *f, struct virtq_chain *chain, struct iovec *iov)
{
	*chain = (struct virtq_chain){.iov = iov, .iov_max = VIRTQ_SIZE_MAX};
	return virtq_pop(&f->net->virtio.queue[VIRTIO_NET_RX], chain);
}

/* As much of the frame as fits behind `skip` bytes. */
static u32 fill(struct filling *f, const struct virtq_chain *chain, u32 skip)
{
	size_t n = iov_write(chain->iov + chain->read_count, chain->write_count,
			     skip, f->frame + f->done, f->size - f->done);

	f->done += (u32)n;
	f->chains++;
	return skip + (u32)n;
}

/*
 * 1: another chain has a part of it. 0: none waits, and the driver will tell of
 * one. -EINVAL
 */
static int fill_another(struct filling *f)
{
	struct virtq *vq = &f->net->virtio.queue[VIRTIO_NET_RX];
	struct virtq_chain chain;
	u32 bytes;
	int got = pop(f, &chain, f->net->rx_more_iov);

	if (got <= 0)
		return got;
	if (!chain.write_bytes)
		return -EINVAL;
	bytes = fill(f, &chain, 0);
	virtq_fill(vq, &chain, bytes, (u16)(f->chains - 1));
	return 1;
}

/* The header is written when it is known how many chains there are. */
static void finish(struct filling *f)
{
	struct virtq *vq = &f->net->virtio.queue[VIRTIO_NET_RX];
	struct virtio_net_hdr hdr = {.num_buffers = f->chains};

	if (virtio_has(&f->net->virtio, VIRTIO_NET_F_GUEST_CSUM) &&
	    f->net->netdev->trusts_checksums)
		hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	(void)iov_write(f->first.iov + f->first.read_count,
			f->first.write_count, 0, &hdr, sizeof(hdr));
	virtq_fill(vq, &f->first, f->first_bytes, 0);
	virtq_flush(vq, f->chains);
}

/* The chains are the driver's again, as if they had not been looked at. */
static void undo(struct filling *f)
{
	for (; f->chains; f->chains--)
		virtq_unpop(&f->net->virtio.queue[VIRTIO_NET_RX]);
}

/* Whether there can be more chains than those that are in use. */
static bool can_have_more(const struct filling *f)
{
	const struct virtio *virtio = &f->net->virtio;

	return virtio_has(virtio, VIRTIO_NET_F_MRG_RXBUF) &&
	       f->chains < virtio->queue[VIRTIO_NET_RX].size;
}

/* 1: it is in, or too large for the driver's buffers. 0: no room. -EINVAL */
static int receive(struct filling *f)
{
	const u32 header = sizeof(struct virtio_net_hdr);
	int got = pop(f, &f->first, f->net->rx_iov);

	if (got <= 0)
		return got;
	if (f->first.write_bytes < header)
		return -EINVAL;
	f->first_bytes = fill(f, &f->first, header);
	while (got > 0 && f->done < f->size && can_have_more(f))
		got = fill_another(f);
	if (f->done == f->size)
		finish(f);
	else
		undo(f);
	return got;
}

bool virtio_net_receive(struct virtio_net *net, const u8 *frame, u32 size)
{
	struct filling f = {.net = net, .frame = frame, .size = size};
	int got;

	if (!virtio_running(&net->virtio) ||
	    !net->virtio.queue[VIRTIO_NET_RX].enabled || !is_wanted(net, frame))
		return true;
	got = receive(&f);
	if (got < 0)
		virtio_broken(&net->virtio);
	return got != 0;
}
