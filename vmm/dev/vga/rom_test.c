/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "base/test.h"
#include "vmm/dev/vga/vga.h"

TEST(debians_video_bios_fills_a_power_of_two)
{
	struct fault fault = {};
	struct vga_rom rom;

	if (access("/usr/share/seabios/vgabios-stdvga.bin", R_OK))
		skip("the package seabios is not installed");
	check_eq(vga_rom_open(&rom, &fault), 0);
	check(is_power_of_two(rom.size) && rom.size >= 4096);
	check_eq(rom.data[0] | rom.data[1] << 8, 0xaa55);
	vga_rom_close(&rom);
	check(!rom.data);
	vga_rom_close(&rom);
}
