/* SPDX-License-Identifier: MIT */
/*
 * A split virtqueue, the device's side. [VIRTIO 2.7 "Split Virtqueues"]
 *
 * The three rings lie in guest memory and may change under us at any time: each
 * of the driver's fields is read once, into a local copy, checked, and used.
 * What a chain describes comes out as host memory, wholly RAM, in `iov`: first
 * what the device reads, then what it writes. A driver that breaks the rules
 * breaks its queue: the pop fails, nothing of the chain is touched, and the
 * device asks for a reset.
 *
 * Threads: one at a time; the device's lock.
 */
#ifndef VMM_VIRTIO_VIRTQUEUE_H
#define VMM_VIRTIO_VIRTQUEUE_H

#include "base/iov.h"
#include "vmm/memory/guest_mem.h"

#define VIRTQ_SIZE_MAX 256

/* [VIRTIO 2.7.5 "The Virtqueue Descriptor Table"] */
#define VIRTQ_DESC_F_NEXT     1
#define VIRTQ_DESC_F_WRITE    2
#define VIRTQ_DESC_F_INDIRECT 4

struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

/* [VIRTIO 2.7.6 "The Virtqueue Available Ring"] and the used one */
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
#define VIRTQ_USED_F_NO_NOTIFY	   1

struct virtq_used_elem {
	u32 id, len;
};

struct virtq {
	/* Set by the driver through the transport, while not enabled. */
	u16 size; /* a power of two, at most size_max */
	u16 msix_vector;
	bool enabled;
	gpa_t desc_gpa, avail_gpa, used_gpa;

	/* Where the two sides are. */
	u16 next_avail; /* the next entry of the available ring to look at */
	u16 next_used;	/* where the next used element goes */
	u16 told_used;	/* next_used when the driver was last interrupted */

	/* Not saved: */
	u16 size_max; /* what the device offers; 0: no such queue */
	bool event_idx;
	struct guest_mem *mem; /* borrowed: must outlive the queue */
	const struct virtq_desc *desc;
	u16 *avail, *used; /* flags, idx, ring, event */
};

/* One request of the driver's. */
struct virtq_chain {
	struct iovec *iov; /* the caller's, `iov_max` entries */
	u32 iov_max;
	/* Set by virtq_pop: */
	u16 head;
	u32 read_count, write_count; /* entries of iov */
	u64 read_bytes, write_bytes;
};

/* As after reset: not enabled, at its largest. */
void virtq_reset(struct virtq *vq);

/*
 * The driver has set it up: looks at where the rings lie. -EINVAL: sizes,
 * alignment or places that cannot be; the queue stays disabled.
 */
must_check int virtq_enable(struct virtq *vq, bool event_idx);

/*
 * 1: a chain. 0: none waits, and the driver will notify of the next. -EINVAL:
 * the driver broke the rules, or the chain has more than iov_max parts, or more
 * bytes than 4 GiB. Parts of no bytes are left out.
 */
must_check int virtq_pop(struct virtq *vq, struct virtq_chain *chain);
/* Puts back the chain popped last, which must not have been pushed. */
void virtq_unpop(struct virtq *vq);

/*
 * The device is done with the chain and has written the first `written_bytes`
 * of its writable part.
 */
void virtq_push(struct virtq *vq, const struct virtq_chain *chain,
		u32 written_bytes);
/* The same in two steps, for several chains that the driver sees at once:
 * elements index 0, 1, ... and then all of them. */
void virtq_fill(struct virtq *vq, const struct virtq_chain *chain,
		u32 written_bytes, u16 index);
void virtq_flush(struct virtq *vq, u16 count);

/* What virtq_fill tells the engine: code may lie where a device writes. For who
 * writes more of the writable part than it says. */
void virtq_tell_written(struct virtq *vq, const struct virtq_chain *chain,
			u64 bytes);

/* Does the driver want an interrupt for what was pushed since it was asked? */
bool virtq_interrupt_wanted(struct virtq *vq);

/*
 * Tells the driver whether to notify the device of more chains: not, while they
 * are being popped anyway. After asking for it, true: something came in between,
 * look again.
 */
bool virtq_ask_notify(struct virtq *vq, bool wanted);

#endif
