/* SPDX-License-Identifier: MIT */
/*
 * A driver that does anything: any descriptors and rings, notifications, resets,
 * frames that come meanwhile, a netdev that is full. The card answers, sends
 * nothing that is no frame, and can be saved and loaded.
 */
#include "vmm/virtio/net/net.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "vmm/net/fake_netdev.h"
#include "vmm/virtio/fake_driver.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

struct fuzz {
	struct guest_mem mem;
	struct virtio_net net;
	struct fake_netdev netdev;
	struct fake_driver driver;
	const u8 *at, *end;
};

static void take(struct fuzz *f, void *data, size_t size)
{
	size_t n = MIN(size, (size_t)(f->end - f->at));

	memset(data, 0, size);
	memcpy(data, f->at, n);
	f->at += n;
}

static u16 take16(struct fuzz *f)
{
	u16 value;

	take(f, &value, sizeof(value));
	return value;
}

/* Mostly within memory, mostly of a size that can be. */
static void put_desc(struct fuzz *f, u32 queue)
{
	struct virtq_desc desc = {};
	u16 index = take16(f) % VIRTIO_NET_QUEUE_SIZE, where = take16(f);

	desc.addr = where == 0xffff ? (u64)where << 40
				    : FAKE_DRIVER_DATA_GPA + (u64)where * 16;
	desc.len = take16(f);
	desc.len = desc.len == 0xffff ? UINT32_MAX : desc.len;
	desc.flags = take16(f) & 7;
	desc.next = take16(f) % (VIRTIO_NET_QUEUE_SIZE + 1);
	fake_driver_put_desc(&f->driver, queue, index, desc);
}

/* Tables of descriptors, headers and commands lie in the data. */
static void put_data(struct fuzz *f)
{
	u8 data[64];
	gpa_t gpa = FAKE_DRIVER_DATA_GPA + (gpa_t)take16(f) * 16;

	take(f, data, sizeof(data));
	require(guest_mem_write(&f->mem, gpa, data, sizeof(data)));
}

static void give_frame(struct fuzz *f)
{
	static u8 frame[NETDEV_FRAME_BYTES_MAX];
	u32 size = MIN((u32)NETDEV_FRAME_BYTES_MIN + take16(f),
		       (u32)NETDEV_FRAME_BYTES_MAX);

	take(f, frame, 6);
	(void)fake_netdev_give(&f->netdev, frame, size); /* either is right */
}

static void save_and_load(struct fuzz *f)
{
	struct buf record;

	buf_init(&record, 65536);
	require(!dev_save(&f->net.virtio.dev, &record));
	/* Rings that were enabled can be enabled again. */
	require(!dev_load(&f->net.virtio.dev, 1, record.data, record.size));
	buf_release(&record);
}

static void step(struct fuzz *f)
{
	u8 what[2];
	u32 queue;

	take(f, what, sizeof(what));
	queue = what[1] % VIRTIO_NET_QUEUES;
	switch (what[0] % 8) {
	case 0:
		put_desc(f, queue);
		break;
	case 1:
		fake_driver_offer(&f->driver, queue, take16(f));
		break;
	case 2:
		fake_driver_kick(&f->driver, queue);
		break;
	case 3:
		give_frame(f);
		break;
	case 4:
		put_data(f);
		break;
	case 5:
		fake_netdev_set_link(&f->netdev, what[1] & 1);
		break;
	case 6:
		fake_netdev_writable(&f->netdev, what[1]);
		break;
	default:
		if (what[1] & 1)
			save_and_load(f);
		else
			fake_driver_start(&f->driver, &f->net.virtio,
					  f->net.virtio.offered);
		break;
	}
	require(f->netdev.size <= NETDEV_FRAME_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz f;
	struct virtio_net_setup setup = {.mem = &f.mem};
	u32 features;

	if (!f.mem.base)
		fake_driver_mem_init(&f.mem);
	f.at = data;
	f.end = data + size;
	take(&f, &features, sizeof(features));
	fake_netdev_init(&f.netdev);
	f.netdev.netdev.trusts_checksums = features & BIT(31);
	setup.netdev = &f.netdev.netdev;
	virtio_net_init(&f.net, &setup);
	fake_driver_start(&f.driver, &f.net.virtio,
			  features & f.net.virtio.offered);
	for (u32 i = 0; i < 1000 && f.at < f.end; i++)
		step(&f);
	dev_release(&f.net.virtio.dev);
	return 0;
}
