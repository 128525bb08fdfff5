/* SPDX-License-Identifier: MIT */
/*
 * The Internet's checksum, where a guest leaves it to its card: the sum of all
 * from `start` on goes to `start + offset`, where the guest has put what it
 * knows of it. [VIRTIO 5.1.6.2 "Packet Transmission"], [RFC1071]
 */
#ifndef VMM_VIRTIO_NET_CHECKSUM_H
#define VMM_VIRTIO_NET_CHECKSUM_H

#include <sys/uio.h>

#include "base/types.h"

/* Room for what checksum_fill adds. */
#define CHECKSUM_PARTS 2

/*
 * The frame's parts stay as they are; *iov, of `count` and CHECKSUM_PARTS more,
 * becomes a list in which the two bytes are `sum`. False, and nothing done, when
 * they are not within the frame.
 */
must_check bool checksum_fill(struct iovec *iov, u32 *count, u32 start,
			      u32 offset, u8 sum[2]);

#endif
