/* SPDX-License-Identifier: MIT */
/* The video BIOS, from its file into pages that a BAR can show. */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/dev/vga/vga.h"
#include "vmm/firmware/rom.h"

static const struct rom_kind kind = {
	.what = "video BIOS",
	.sizes = "512 bytes to 128 KiB",
	.bytes_min = 512,
	.bytes_max = 128 * KiB, /* what a PC has room for below 0xe0000 */
	.bytes_step = 1,
	.power_of_two = true,
};

static const char *const usual_places[] = {
	"/usr/share/seabios/vgabios-stdvga.bin",
	"/usr/share/qemu/vgabios-stdvga.bin",
};

/* [PCI 6.3.1.1 "PCI Expansion ROM Header Format"] */
static bool is_rom(const u8 *data)
{
	return data[0] == 0x55 && data[1] == 0xaa;
}

int vga_rom_open(struct vga_rom *rom, struct fault *fault)
{
	int place = rom_find(&kind, usual_places, ARRAY_SIZE(usual_places),
			     "install the package seabios, or give --vga none",
			     fault);
	int err;

	*rom = (struct vga_rom){};
	if (place < 0)
		return place;
	err = rom_map(&kind, usual_places[place], &rom->data, &rom->size, fault);
	if (err || is_rom(rom->data))
		return err;
	vga_rom_close(rom);
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "'%s' is no video BIOS: it does not begin with 55 aa",
			 usual_places[place]);
}

void vga_rom_close(struct vga_rom *rom)
{
	if (rom->data)
		munmap(rom->data, rom->size);
	*rom = (struct vga_rom){};
}
