/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/fw_cfg/fw_cfg.h"

#include <endian.h>
#include <errno.h>

#include "base/test.h"

struct bench {
	struct guest_mem mem;
	struct fw_cfg cfg;
	struct bus bus;
};

static void bench_init(struct bench *b)
{
	check_eq(guest_mem_init(&b->mem, 4 * MiB, NULL), 0);
	bus_init(&b->bus, "test", 0x10000);
	fw_cfg_init(&b->cfg, &b->mem, 3);
	check_eq(bus_add(&b->bus, &b->cfg.port_region), 0);
	check_eq(bus_add(&b->bus, &b->cfg.dma_region), 0);
}

static void bench_release(struct bench *b)
{
	dev_release(&b->cfg.dev);
	guest_mem_release(&b->mem);
}

static void pick(struct bench *b, u16 key)
{
	bus_write(&b->bus, 0x510, &key, 2);
}

static u64 take(struct bench *b, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes; i++) {
		u8 byte;

		bus_read(&b->bus, 0x511, &byte, 1);
		value |= (u64)byte << (8 * i);
	}
	return value;
}

/* Runs a DMA access whose descriptor is at 0x2000; gives the result. */
static u32 dma(struct bench *b, u32 control, u32 length, u64 address)
{
	const struct {
		u32 control, length;
		u64 address;
	} access = {htobe32(control), htobe32(length), htobe64(address)};
	const u32 high = 0, low = htobe32(0x2000);
	u32 result;

	check(guest_mem_write(&b->mem, 0x2000, &access, sizeof(access)));
	bus_write(&b->bus, 0x514, &high, 4);
	bus_write(&b->bus, 0x518, &low, 4);
	check(guest_mem_read(&b->mem, 0x2000, &result, 4));
	return be32toh(result);
}

TEST(the_signature_and_the_basic_items_are_there)
{
	struct bench b;

	bench_init(&b);
	check_eq(take(&b, 4), 0x554d4551); /* "QEMU" */
	pick(&b, FW_CFG_ID);
	check_eq(take(&b, 4), 3);
	pick(&b, FW_CFG_RAM_SIZE);
	check_eq(take(&b, 8), 4 * MiB);
	pick(&b, FW_CFG_CPU_COUNT);
	check_eq(take(&b, 2), 3);
	check_eq(take(&b, 2), 0);
	pick(&b, 0xfff0);
	check_eq(take(&b, 4), 0);
	bench_release(&b);
}

TEST(files_are_listed_and_read)
{
	struct bench b;

	bench_init(&b);
	check_eq(fw_cfg_add_file(&b.cfg, "etc/one", "first", 5), 0);
	check_eq(fw_cfg_add_file(&b.cfg, "etc/two", "2", 1), 0);
	check_eq(fw_cfg_add_file(&b.cfg, "etc/two", "2", 1), -EEXIST);
	pick(&b, FW_CFG_FILE_DIR);
	check_eq(be32toh((u32)take(&b, 4)), 2);
	check_eq(be32toh((u32)take(&b, 4)), 5);
	check_eq(be16toh((u16)take(&b, 2)), FW_CFG_FILE_FIRST);
	(void)take(&b, 2);
	check_eq(take(&b, 7), 0x656e6f2f637465); /* "etc/one" */
	pick(&b, FW_CFG_FILE_FIRST);
	check_eq(take(&b, 6), 0x7473726966);
	bench_release(&b);
}

TEST(dma_copies_an_item_and_pads_with_zeros)
{
	struct bench b;
	u8 out[8];

	bench_init(&b);
	check_eq(fw_cfg_add_file(&b.cfg, "f", "abcdef", 6), 0);
	memset(guest_mem_at(&b.mem, 0x3000, 16), 0xee, 16);
	check_eq(dma(&b,
		     FW_CFG_FILE_FIRST << 16 | FW_CFG_DMA_SELECT |
			     FW_CFG_DMA_SKIP,
		     2, 0),
		 0);
	check_eq(dma(&b, FW_CFG_DMA_READ, 6, 0x3000), 0);
	check(guest_mem_read(&b.mem, 0x3000, out, 8));
	check_mem_eq(out, "cdef\0\0\xee\xee", 8);
	bench_release(&b);
}

TEST(dma_outside_of_memory_and_writes_are_errors)
{
	struct bench b;
	const u32 nowhere = htobe32(0xfffffff0);

	bench_init(&b);
	check_eq(dma(&b, FW_CFG_DMA_READ, 4, 0xa0000), FW_CFG_DMA_ERROR);
	check_eq(dma(&b, FW_CFG_DMA_READ, 0xffffffff, 0x3000), FW_CFG_DMA_ERROR);
	check_eq(dma(&b, FW_CFG_DMA_READ, 4, UINT64_MAX - 1), FW_CFG_DMA_ERROR);
	check_eq(dma(&b, FW_CFG_DMA_WRITE, 4, 0x3000), FW_CFG_DMA_ERROR);
	check_eq(dma(&b, FW_CFG_DMA_READ, 0, 0xa0000), 0);
	/* A descriptor that is not in memory changes nothing. */
	bus_write(&b.bus, 0x518, &nowhere, 4);
	bench_release(&b);
}

TEST(the_dma_port_tells_its_presence)
{
	struct bench b;
	u32 value;

	bench_init(&b);
	bus_read(&b.bus, 0x514, &value, 4);
	check_eq(be32toh(value), 0x51454d55);
	bus_read(&b.bus, 0x518, &value, 4);
	check_eq(be32toh(value), 0x20434647);
	bench_release(&b);
}

TEST(there_is_a_limit_to_files)
{
	static char name[FW_CFG_FILE_MAX + 1][8];
	struct bench b;

	bench_init(&b);
	for (u32 i = 0; i <= FW_CFG_FILE_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "f%u", i);
		check_eq(fw_cfg_add_file(&b.cfg, name[i], "", 0),
			 i < FW_CFG_FILE_MAX ? 0 : -ENOSPC);
	}
	check_eq(fw_cfg_add_file(&b.cfg,
				 "a-name-of-fifty-six-characters-is-one-too-"
				 "many-for-its-ro",
				 "", 0),
		 -ENAMETOOLONG);
	bench_release(&b);
}

TEST(a_saved_device_restores_to_an_equal_one)
{
	struct bench a, b;
	struct buf buf;

	bench_init(&a);
	bench_init(&b);
	pick(&a, FW_CFG_RAM_SIZE);
	(void)take(&a, 2);
	buf_init(&buf, 4096);
	check_eq(dev_save(&a.cfg.dev, &buf), 0);
	check_eq(dev_load(&b.cfg.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.cfg.dev.class->state, &a.cfg, &b.cfg, NULL));
	check_eq(take(&b, 6), 4 * MiB >> 16);
	a.cfg.position = 9;
	buf_truncate(&buf);
	check_eq(dev_save(&a.cfg.dev, &buf), 0);
	check_eq(dev_load(&b.cfg.dev, 1, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
	bench_release(&a);
	bench_release(&b);
}
