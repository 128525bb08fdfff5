/* SPDX-License-Identifier: MIT */
/*
 * Any descriptors and headers of a driver of virtio-blk, on a disk of 64 KiB. Each
 * step is an operation and an argument.
 */
#include "vmm/virtio/blk/blk.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/virtio/fake_driver.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STEP_BYTES 8
#define DATA	   FAKE_DRIVER_DATA_GPA

static struct {
	int fd;
	struct guest_mem mem;
	struct loop *loop;
	struct block *block;
	struct virtio_blk blk;
	struct fake_driver driver;
} t;

static void rounds(u32 count)
{
	for (u32 i = 0; i < count; i++) {
		int err = loop_run_once(t.loop, 0);

		assert(err >= 0);
	}
}

static void step(const u8 *data)
{
	struct virtio *virtio = &t.blk.virtio;
	u32 value;
	u16 at;

	memcpy(&at, data + 2, sizeof(at));
	memcpy(&value, data + 4, sizeof(value));
	switch (data[0] % 6) {
	case 0:
		mutex_lock(&virtio->dev.lock);
		virtio_set_status(virtio, data[1]);
		mutex_unlock(&virtio->dev.lock);
		break;
	case 1: /* a descriptor into the tests' memory, or anywhere */
		fake_driver_put_desc(
			&t.driver, 0, data[1] & 127,
			(struct virtq_desc){
				.addr = value & 1 ? DATA + (value >> 8) : value,
				.len = at,
				.flags = (u16)(value >> 1 & 7),
				.next = (u16)(data[1] + (value >> 4 & 3)),
			});
		break;
	case 2: /* a word of a header or an indirect table */
		memcpy(guest_mem_at(&t.mem, DATA + (at & 0xffc), 4), &value, 4);
		break;
	case 3:
		fake_driver_offer(&t.driver, 0, data[1]);
		break;
	case 4:
		fake_driver_kick(&t.driver, 0);
		rounds(data[1] & 3);
		break;
	case 5:
		mutex_lock(&virtio->dev.lock);
		virtio_config_write(virtio, at, &value, 1u << (data[1] & 1));
		mutex_unlock(&virtio->dev.lock);
		break;
	}
}

static void begin(void)
{
	char path[64];
	struct fault fault = {};
	int err;

	t.fd = memfd_create("disk", MFD_CLOEXEC);
	assert(t.fd >= 0 && !ftruncate(t.fd, 65536));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t.fd);
	err = loop_create(&t.loop);
	assert(!err);
	err = block_open(&(struct block_config){.path = path,
						.format = "raw",
						.discard = true},
			 t.loop, &t.block, &fault);
	assert(!err);
	fake_driver_mem_init(&t.mem);
	virtio_blk_init(&t.blk, &(struct virtio_blk_setup){.block = t.block,
							   .serial = "",
							   .mem = &t.mem,
							   .loop = t.loop});
	fake_driver_start(&t.driver, &t.blk.virtio, t.blk.virtio.offered);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	begin();
	for (size_t i = 0; i + STEP_BYTES <= size; i += STEP_BYTES)
		step(data + i);
	dev_quiesce(&t.blk.virtio.dev);
	dev_release(&t.blk.virtio.dev);
	block_close(t.block);
	loop_free(t.loop);
	guest_mem_release(&t.mem);
	close(t.fd);
	return 0;
}
