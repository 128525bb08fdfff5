/* SPDX-License-Identifier: MIT */
/*
 * For tests: the driver's side of a virtio device, without a bus. It writes
 * rings into guest memory and asks the device's core what a transport would.
 * With no loop the device serves a queue within fake_driver_kick.
 */
#ifndef VMM_VIRTIO_FAKE_DRIVER_H
#define VMM_VIRTIO_FAKE_DRIVER_H

#include "vmm/virtio/virtio.h"

#define FAKE_DRIVER_DATA_GPA 0x100000 /* the tests' own, to the end of RAM */

struct fake_driver_part {
	gpa_t gpa;
	u32 size;
	bool write;
};

struct fake_driver {
	struct virtio *virtio;
	struct guest_mem *mem;
	u16 next_desc[VIRTIO_QUEUE_MAX];
	u16 next_used[VIRTIO_QUEUE_MAX];
	u32 interrupts[VIRTIO_QUEUE_MAX];
	u32 config_changes;
};

/* 4 MiB of memory. */
void fake_driver_mem_init(struct guest_mem *mem);
/* Takes the device's wire; status goes up to DRIVER_OK, all queues enabled. */
void fake_driver_start(struct fake_driver *driver, struct virtio *virtio,
		       u64 features);
/* One descriptor at a place of the table; for what no driver does. */
void fake_driver_put_desc(struct fake_driver *driver, u32 queue, u16 index,
			  struct virtq_desc desc);
/* Makes what begins with descriptor `head` available. */
void fake_driver_offer(struct fake_driver *driver, u32 queue, u16 head);
/* Both: a chain of these parts; its head. */
u16 fake_driver_add(struct fake_driver *driver, u32 queue,
		    const struct fake_driver_part *part, u32 count);
void fake_driver_kick(struct fake_driver *driver, u32 queue);
/* The next used element; false: none. */
bool fake_driver_used(struct fake_driver *driver, u32 queue,
		      struct virtq_used_elem *ret);

#endif
