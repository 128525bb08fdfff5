/* SPDX-License-Identifier: MIT */
/* What the files of this room share. All with dev.lock held. */
#ifndef VMM_VIRTIO_NET_NET_INTERNAL_H
#define VMM_VIRTIO_NET_NET_INTERNAL_H

#include "vmm/virtio/net/net.h"

static inline struct virtio_net *virtio_net_of(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_net, virtio);
}

/* The guest's frames, until there are no more or the netdev is full. */
void virtio_net_serve_tx(struct virtio_net *net);
/* A frame for the guest; false: it has to wait for buffers. */
bool virtio_net_receive(struct virtio_net *net, const u8 *frame, u32 size);
/* The driver's commands. */
void virtio_net_serve_ctrl(struct virtio_net *net);

/* As if the driver had notified the queue. */
void virtio_net_serve_later(struct virtio_net *net, u32 queue);

#endif
