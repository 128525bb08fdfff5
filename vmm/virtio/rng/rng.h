/* SPDX-License-Identifier: MIT */
/*
 * virtio-rng: randomness of the host's for the guest. [VIRTIO 5.4 "Entropy
 * Device"]
 *
 * A request is answered with 1 KiB at most, and the guest gets RNG_RATE_BYTES a
 * second at most: a guest that asks without end does not keep the event loop.
 */
#ifndef VMM_VIRTIO_RNG_RNG_H
#define VMM_VIRTIO_RNG_RNG_H

#include "vmm/dev/host.h"
#include "vmm/virtio/virtio.h"

#define RNG_QUEUE_SIZE	  64
#define RNG_REQUEST_BYTES 1024
#define RNG_RATE_BYTES	  ((u64)1 << 20)

struct virtio_rng {
	struct virtio virtio;
	struct dev_host *host; /* borrowed: must outlive the device */
	struct dev_timer timer;
	u64 budget_bytes;
	u64 budget_since_ns;
	struct iovec iov[RNG_QUEUE_SIZE];
};

void virtio_rng_init(struct virtio_rng *rng, struct guest_mem *mem,
		     struct dev_host *host);

#endif
