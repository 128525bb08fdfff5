/* SPDX-License-Identifier: MIT */
/* A driver for tests: see fake_driver.h. Rings lie at 64 KiB per queue. */
#include "vmm/virtio/fake_driver.h"

#include <assert.h>
#include <stdlib.h>

static gpa_t ring_gpa(u32 queue)
{
	return 0x10000 + (gpa_t)queue * 0x8000;
}

static gpa_t avail_gpa(u32 queue)
{
	return ring_gpa(queue) + 0x2000;
}

static gpa_t used_gpa(u32 queue)
{
	return ring_gpa(queue) + 0x4000;
}

static void put(struct fake_driver *driver, gpa_t gpa, const void *data,
		u64 size)
{
	if (!guest_mem_write(driver->mem, gpa, data, size))
		abort();
}

static u16 get_u16(struct fake_driver *driver, gpa_t gpa)
{
	u16 value;

	if (!guest_mem_read(driver->mem, gpa, &value, sizeof(value)))
		abort();
	return value;
}

void fake_driver_mem_init(struct guest_mem *mem)
{
	struct fault fault = {};

	if (guest_mem_init(mem, 4 * MiB, &fault))
		abort();
}

static void interrupt(void *ctx, u32 queue)
{
	struct fake_driver *driver = ctx;

	driver->interrupts[queue]++;
}

static void config_changed(void *ctx)
{
	struct fake_driver *driver = ctx;

	driver->config_changes++;
}

void fake_driver_start(struct fake_driver *driver, struct virtio *virtio,
		       u64 features)
{
	*driver = (struct fake_driver){.virtio = virtio, .mem = virtio->mem};
	virtio->wire = (struct virtio_wire){
		.interrupt = interrupt,
		.config_changed = config_changed,
		.ctx = driver,
	};
	mutex_lock(&virtio->dev.lock);
	virtio_set_status(virtio, 0);
	virtio_set_status(virtio, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	virtio_set_features(virtio, features | VIRTIO_F_VERSION_1);
	virtio_set_status(virtio, VIRTIO_FEATURES_OK);
	for (u32 i = 0; i < virtio->class->queue_count; i++) {
		struct virtq *vq = virtio_queue(virtio, i);

		if (!guest_mem_zero(driver->mem, ring_gpa(i), 0x8000))
			abort();
		vq->desc_gpa = ring_gpa(i);
		vq->avail_gpa = avail_gpa(i);
		vq->used_gpa = used_gpa(i);
		virtio_enable_queue(virtio, i);
	}
	virtio_set_status(virtio, VIRTIO_DRIVER_OK);
	mutex_unlock(&virtio->dev.lock);
}

void fake_driver_put_desc(struct fake_driver *driver, u32 queue, u16 index,
			  struct virtq_desc desc)
{
	put(driver, ring_gpa(queue) + index * sizeof(desc), &desc, sizeof(desc));
}

void fake_driver_offer(struct fake_driver *driver, u32 queue, u16 head)
{
	u16 size = driver->virtio->queue[queue].size;
	u16 index = get_u16(driver, avail_gpa(queue) + 2);

	put(driver, avail_gpa(queue) + 4 + 2 * (gpa_t)(index % size), &head, 2);
	index++;
	put(driver, avail_gpa(queue) + 2, &index, 2);
}

u16 fake_driver_add(struct fake_driver *driver, u32 queue,
		    const struct fake_driver_part *part, u32 count)
{
	u16 size = driver->virtio->queue[queue].size;
	u16 head = driver->next_desc[queue];

	assert(count && count <= size);
	for (u32 i = 0; i < count; i++) {
		u16 at = (u16)((head + i) % size);
		u16 flags = part[i].write ? VIRTQ_DESC_F_WRITE : 0;

		if (i + 1 < count)
			flags |= VIRTQ_DESC_F_NEXT;
		fake_driver_put_desc(driver, queue, at,
				     (struct virtq_desc){
					     .addr = part[i].gpa,
					     .len = part[i].size,
					     .flags = flags,
					     .next = (u16)((at + 1) % size),
				     });
	}
	driver->next_desc[queue] = (u16)((head + count) % size);
	fake_driver_offer(driver, queue, head);
	return head;
}

void fake_driver_kick(struct fake_driver *driver, u32 queue)
{
	virtio_notify(driver->virtio, queue);
}

bool fake_driver_used(struct fake_driver *driver, u32 queue,
		      struct virtq_used_elem *ret)
{
	u16 size = driver->virtio->queue[queue].size;
	u16 *next = &driver->next_used[queue];

	if (get_u16(driver, used_gpa(queue) + 2) == *next)
		return false;
	if (!guest_mem_read(driver->mem,
			    used_gpa(queue) + 4 + 8 * (gpa_t)(*next % size),
			    ret, sizeof(*ret)))
		abort();
	(*next)++;
	return true;
}
