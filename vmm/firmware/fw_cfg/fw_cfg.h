/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg: the port pair through which firmware reads what the machine wants
 * it to know, as a directory of named files. [FW-CFG "QEMU Firmware
 * Configuration (fw_cfg) Device"]
 *
 * Selector 0x510 (16 bits), data 0x511 (bytes), and a DMA interface at 0x514
 * whose descriptor lies in guest memory. Items are fixed before the guest
 * starts; writing to them is refused.
 */
#ifndef VMM_FIRMWARE_FW_CFG_FW_CFG_H
#define VMM_FIRMWARE_FW_CFG_FW_CFG_H

#include "base/err.h"
#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"
#include "vmm/memory/guest_mem.h"

#define FW_CFG_PORT	  0x510
#define FW_CFG_DMA_PORT	  0x514
#define FW_CFG_FILE_MAX	  32
#define FW_CFG_NAME_BYTES 56
#define FW_CFG_FILE_FIRST 0x20

/* Items that are not files. */
enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_ID = 0x01,
	FW_CFG_RAM_SIZE = 0x03,
	FW_CFG_CPU_COUNT = 0x05,
	FW_CFG_FILE_DIR = 0x19,
	FW_CFG_KEY_COUNT = FW_CFG_FILE_FIRST,
};

#define FW_CFG_ID_PORTS BIT(0)
#define FW_CFG_ID_DMA	BIT(1)

/* DMA control bits. */
#define FW_CFG_DMA_ERROR  0x01
#define FW_CFG_DMA_READ	  0x02
#define FW_CFG_DMA_SKIP	  0x04
#define FW_CFG_DMA_SELECT 0x08
#define FW_CFG_DMA_WRITE  0x10

struct fw_cfg_item {
	const void *data; /* borrowed: must outlive the device */
	u32 size;
};

/* One entry of the directory as the guest sees it: big-endian. */
struct fw_cfg_dir_entry {
	u32 size;
	u16 select;
	u16 reserved;
	char name[FW_CFG_NAME_BYTES];
};

struct fw_cfg {
	struct dev dev;
	struct bus_region port_region, dma_region;
	struct guest_mem *mem; /* borrowed: must outlive the device */

	struct fw_cfg_item item[FW_CFG_KEY_COUNT + FW_CFG_FILE_MAX];
	struct {
		u32 count; /* big-endian */
		struct fw_cfg_dir_entry entry[FW_CFG_FILE_MAX];
	} dir;
	u32 file_count;
	u32 id;
	u64 ram_size;
	u16 cpu_count;

	u16 selected;
	u32 position; /* in the selected item; at most its size */
	u64 dma_gpa;  /* the high half waits here for the low one */
};

void fw_cfg_init(struct fw_cfg *cfg, struct guest_mem *mem, u16 cpu_count);

/*
 * Before the guest starts. -ENOSPC when there are too many, -EEXIST for a name
 * taken, -ENAMETOOLONG.
 */
must_check int fw_cfg_add_file(struct fw_cfg *cfg, const char *name,
			       const void *data, u32 size);

#endif
