/* SPDX-License-Identifier: MIT */
/* Any port accesses over any DMA descriptors in guest memory. */
#include "vmm/firmware/fw_cfg/fw_cfg.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Each step: an operation and an argument of four bytes. */
static void step(struct bus *bus, struct guest_mem *mem, const u8 *data)
{
	u32 arg;

	memcpy(&arg, data + 1, sizeof(arg));
	switch (data[0] % 5) {
	case 0:
		bus_write(bus, 0x510, &arg, 2);
		break;
	case 1:
		bus_read(bus, 0x510 + (arg & 15), &arg, 1 + (arg >> 30));
		break;
	case 2:
		bus_write(bus, 0x514, &arg, 4);
		break;
	case 3:
		bus_write(bus, 0x518, &arg, 4);
		break;
	case 4: /* the guest writes a word of a descriptor at 0 */
		memcpy(guest_mem_at(mem, (data[0] >> 3 & 7) * 4, 4), &arg, 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct guest_mem mem;
	struct fw_cfg cfg;
	struct bus bus;
	int err = guest_mem_init(&mem, GUEST_MEM_SIZE_MIN, NULL);

	assert(!err);
	bus_init(&bus, "fuzz", 0x10000);
	fw_cfg_init(&cfg, &mem, 1);
	err = fw_cfg_add_file(&cfg, "file", "0123456789", 10) |
	      bus_add(&bus, &cfg.port_region) | bus_add(&bus, &cfg.dma_region);
	assert(!err);
	for (size_t i = 0; i + 5 <= size; i += 5)
		step(&bus, &mem, data + i);
	dev_release(&cfg.dev);
	guest_mem_release(&mem);
	return 0;
}
