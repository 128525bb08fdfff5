/* SPDX-License-Identifier: MIT */
/* Selector, data port, DMA: see fw_cfg.h. */
#include "vmm/firmware/fw_cfg/fw_cfg.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* What the DMA port reads as, big-endian; drivers look for it. */
#define DMA_SIGNATURE ((u64)0x51454d5520434647) /* "QEMU CFG" */

#define ITEM_COUNT (FW_CFG_KEY_COUNT + FW_CFG_FILE_MAX)

/* The descriptor in guest memory, big-endian. */
struct dma_access {
	u32 control;
	u32 length;
	u64 address;
};

static const struct fw_cfg_item no_item;

static const struct fw_cfg_item *item_of(const struct fw_cfg *cfg)
{
	return cfg->selected < ITEM_COUNT ? &cfg->item[cfg->selected] : &no_item;
}

static void select_item(struct fw_cfg *cfg, u16 key)
{
	cfg->selected = key;
	cfg->position = 0;
}

/* ---- ports ---- */

static u8 next_byte(struct fw_cfg *cfg)
{
	const struct fw_cfg_item *item = item_of(cfg);

	/* Beyond the end there are zeros. */
	if (cfg->position >= item->size)
		return 0;
	return ((const u8 *)item->data)[cfg->position++];
}

/*
 * Two registers share two ports: 16 bits at the first are the selector, which
 * only takes writes; a byte at the second is data, which only gives.
 */
static u64 port_read(void *ctx, u64 offset, u32 width)
{
	return offset == 1 && width == 1 ? next_byte(ctx) : 0;
}

static void port_write(void *ctx, u64 offset, u64 value, u32 width)
{
	if (offset == 0 && width == 2)
		select_item(ctx, (u16)value);
}

/* ---- DMA ---- */

/* Zeros the guest's buffer behind the item's end, a page at a time. */
static bool put_zeros(struct fw_cfg *cfg, u64 gpa, u32 size)
{
	static const u8 zeros[GUEST_PAGE_BYTES];

	while (size) {
		u32 part = MIN(size, (u32)sizeof(zeros));

		if (!guest_mem_write(cfg->mem, gpa, zeros, part))
			return false;
		gpa += part;
		size -= part;
	}
	return true;
}

static bool dma_read(struct fw_cfg *cfg, u64 gpa, u32 length)
{
	const struct fw_cfg_item *item = item_of(cfg);
	u32 part = MIN(length, item->size - cfg->position);

	/* All or nothing, and no longer work than there is memory. */
	if (length && !guest_mem_at(cfg->mem, gpa, length))
		return false;
	if (part &&
	    !guest_mem_write(cfg->mem, gpa,
			     (const u8 *)item->data + cfg->position, part))
		return false;
	cfg->position += part;
	return put_zeros(cfg, gpa + part, length - part);
}

static bool dma_run(struct fw_cfg *cfg, const struct dma_access *access)
{
	u32 control = be32toh(access->control);
	u32 length = be32toh(access->length);
	const struct fw_cfg_item *item;

	if (control & FW_CFG_DMA_SELECT)
		select_item(cfg, (u16)(control >> 16));
	if (control & FW_CFG_DMA_READ)
		return dma_read(cfg, be64toh(access->address), length);
	if (control & FW_CFG_DMA_WRITE)
		return false;
	if (control & FW_CFG_DMA_SKIP) {
		item = item_of(cfg);
		cfg->position += MIN(length, item->size - cfg->position);
	}
	return true;
}

/* The low half of the descriptor's address starts it. */
static void dma_start(struct fw_cfg *cfg)
{
	struct dma_access access;
	u64 gpa = cfg->dma_gpa;
	u32 result;

	cfg->dma_gpa = 0;
	if (!guest_mem_read(cfg->mem, gpa, &access, sizeof(access)))
		return;
	result = dma_run(cfg, &access) ? 0 : htobe32(FW_CFG_DMA_ERROR);
	if (!guest_mem_write(cfg->mem, gpa, &result, sizeof(result)))
		return; /* cannot be: it was just read */
}

static u64 dma_port_read(void *ctx, u64 offset, u32 width)
{
	u64 big_endian = htobe64(DMA_SIGNATURE);

	(void)ctx;
	(void)width;
	return (u32)(big_endian >> (8 * offset));
}

static void dma_port_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct fw_cfg *cfg = ctx;

	(void)width;
	if (offset == 0) {
		cfg->dma_gpa = (u64)be32toh((u32)value) << 32;
		return;
	}
	cfg->dma_gpa |= be32toh((u32)value);
	dma_start(cfg);
}

/* ---- items ---- */

static void set_item(struct fw_cfg *cfg, u32 key, const void *data, u32 size)
{
	cfg->item[key] = (struct fw_cfg_item){.data = data, .size = size};
}

int fw_cfg_add_file(struct fw_cfg *cfg, const char *name, const void *data,
		    u32 size)
{
	struct fw_cfg_dir_entry *entry = &cfg->dir.entry[cfg->file_count];
	u32 key = FW_CFG_FILE_FIRST + cfg->file_count;

	if (strlen(name) >= FW_CFG_NAME_BYTES)
		return trace_err(-ENAMETOOLONG);
	if (cfg->file_count == FW_CFG_FILE_MAX)
		return trace_err(-ENOSPC);
	for (u32 i = 0; i < cfg->file_count; i++)
		if (!strcmp(cfg->dir.entry[i].name, name))
			return trace_err(-EEXIST);
	*entry = (struct fw_cfg_dir_entry){
		.size = htobe32(size),
		.select = htobe16((u16)key),
	};
	memcpy(entry->name, name, strlen(name));
	set_item(cfg, key, data, size);
	cfg->file_count++;
	cfg->dir.count = htobe32(cfg->file_count);
	set_item(cfg, FW_CFG_FILE_DIR, &cfg->dir,
		 (u32)(sizeof(u32) + cfg->file_count * sizeof(*entry)));
	return 0;
}

/* ---- life ---- */

static void fw_cfg_reset(struct dev *dev)
{
	struct fw_cfg *cfg = container_of(dev, struct fw_cfg, dev);

	select_item(cfg, FW_CFG_SIGNATURE);
	cfg->dma_gpa = 0;
}

static int fw_cfg_restored(struct dev *dev)
{
	struct fw_cfg *cfg = container_of(dev, struct fw_cfg, dev);

	return cfg->position <= item_of(cfg)->size ? 0 : trace_err(-EINVAL);
}

static const struct field fields[] = {
	FIELD(struct fw_cfg, selected, 1),
	FIELD(struct fw_cfg, position, 1),
	FIELD(struct fw_cfg, dma_gpa, 1),
};

static const struct dev_class fw_cfg_class = {
	.name = "fw_cfg",
	.spec = "FW-CFG",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = fw_cfg_reset,
	.restored = fw_cfg_restored,
};

static void init_regions(struct fw_cfg *cfg)
{
	cfg->port_region = (struct bus_region){
		.name = "fw_cfg",
		.base = FW_CFG_PORT,
		.size = 2,
		.widths = BUS_1_2,
		.read = port_read,
		.write = port_write,
	};
	cfg->dma_region = (struct bus_region){
		.name = "fw_cfg dma",
		.base = FW_CFG_DMA_PORT,
		.size = 8,
		.widths = BUS_4,
		.read = dma_port_read,
		.write = dma_port_write,
	};
	cfg->port_region.lock = cfg->dma_region.lock = &cfg->dev.lock;
	cfg->port_region.ctx = cfg->dma_region.ctx = cfg;
}

void fw_cfg_init(struct fw_cfg *cfg, struct guest_mem *mem, u16 cpu_count)
{
	*cfg = (struct fw_cfg){
		.mem = mem,
		.id = FW_CFG_ID_PORTS | FW_CFG_ID_DMA,
		.ram_size = mem->size,
		.cpu_count = cpu_count,
	};
	dev_init(&cfg->dev, &fw_cfg_class);
	init_regions(cfg);
	set_item(cfg, FW_CFG_SIGNATURE, "QEMU", 4);
	set_item(cfg, FW_CFG_ID, &cfg->id, sizeof(cfg->id));
	set_item(cfg, FW_CFG_RAM_SIZE, &cfg->ram_size, sizeof(cfg->ram_size));
	set_item(cfg, FW_CFG_CPU_COUNT, &cfg->cpu_count, sizeof(cfg->cpu_count));
	set_item(cfg, FW_CFG_FILE_DIR, &cfg->dir, sizeof(u32));
	dev_reset(&cfg->dev);
}
