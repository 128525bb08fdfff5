/* SPDX-License-Identifier: MIT */
/* A VGA on buses, as a test's guest sees it. */
#include "vmm/dev/vga/harness.h"

#include <assert.h>
#include <string.h>

#define BDF (VGA_TEST_SLOT * 8)

/* ---- the tables ---- */

#define COLORS_16                                                         \
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, \
		0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define COLORS_STRAIGHT 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

const struct vga_mode_table vga_mode_3 = {
	.misc = 0x67,
	.seq = {0x03, 0x00, 0x03, 0x00, 0x02},
	.crtc = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
		 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff},
	.attr = {COLORS_16, 0x0c, 0x00, 0x0f, 0x08, 0x00},
};

const struct vga_mode_table vga_mode_4 = {
	.misc = 0x63,
	.seq = {0x03, 0x09, 0x03, 0x00, 0x02},
	.crtc = {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00,
		 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff},
	.attr = {COLORS_STRAIGHT, 0x01, 0x00, 0x03, 0x00, 0x00},
};

const struct vga_mode_table vga_mode_6 = {
	.misc = 0x63,
	.seq = {0x03, 0x01, 0x01, 0x00, 0x06},
	.crtc = {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00,
		 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x00, 0x0d, 0x0f, 0xff},
	.attr = {COLORS_STRAIGHT, 0x01, 0x00, 0x01, 0x00, 0x00},
};

const struct vga_mode_table vga_mode_d = {
	.misc = 0x63,
	.seq = {0x03, 0x09, 0x0f, 0x00, 0x06},
	.crtc = {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00,
		 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff},
	.attr = {COLORS_16, 0x01, 0x00, 0x0f, 0x00, 0x00},
};

const struct vga_mode_table vga_mode_12 = {
	.misc = 0xe3,
	.seq = {0x03, 0x01, 0x0f, 0x00, 0x06},
	.crtc = {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00,
		 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xea, 0x8c,
		 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff},
	.attr = {COLORS_16, 0x01, 0x00, 0x0f, 0x00, 0x00},
};

const struct vga_mode_table vga_mode_13 = {
	.misc = 0x63,
	.seq = {0x03, 0x01, 0x0f, 0x00, 0x0e},
	.crtc = {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00,
		 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff},
	.attr = {COLORS_STRAIGHT, 0x41, 0x00, 0x0f, 0x00, 0x00},
};

/* 320 by 240, as games had it: no BIOS's. */
const struct vga_mode_table vga_mode_x = {
	.misc = 0xe3,
	.seq = {0x03, 0x01, 0x0f, 0x00, 0x06},
	.crtc = {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0d, 0x3e, 0x00,
		 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xea, 0xac,
		 0xdf, 0x28, 0x00, 0xe7, 0x06, 0xe3, 0xff},
	.gfx = {0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff},
	.attr = {COLORS_STRAIGHT, 0x41, 0x00, 0x0f, 0x00, 0x00},
};

/* ---- what is around it ---- */

static int set_ram(void *ctx, const struct pci_ram *ram, u64 gpa)
{
	container_of(ctx, struct vga_bench, wires)->ram_gpa[ram->number] = gpa;
	return 0;
}

static void told(void *ctx, gpa_t gpa, u64 size)
{
	struct vga_bench *bench = ctx;

	bench->written_gpa = gpa;
	bench->written_size = size;
	bench->written_count++;
}

static void add(struct bus *bus, struct bus_region *region)
{
	int err = bus_add(bus, region);

	assert(!err);
}

void vga_bench_begin(struct vga_bench *bench)
{
	struct vga *vga = &bench->vga;
	int err;

	memset(bench, 0, sizeof(*bench));
	fake_host_init(&bench->host);
	bench->mem.written = told;
	bench->mem.written_ctx = bench;
	bench->rom = (struct vga_rom){.data = bench->code,
				      .size = sizeof(bench->code)};
	bench->code[0] = 0x55;
	bench->code[1] = 0xaa;
	bench->ram_gpa[0] = bench->ram_gpa[1] = PCI_RAM_NOWHERE;
	fake_wires_init(&bench->wires, &bench->pci);
	bench->pci.set_ram = set_ram;
	bus_init(&bench->ports, "ports", 0x10000);
	bus_init(&bench->memory, "memory", 0);
	err = vga_init(vga, &(struct vga_config){.mem = &bench->mem,
						 .host = &bench->host.host,
						 .rom = &bench->rom});
	assert(!err);
	err = pci_plug(&bench->pci, &vga->pci, VGA_TEST_SLOT);
	assert(!err);
	add(&bench->ports, &vga->mono_region);
	add(&bench->ports, &vga->color_region);
	add(&bench->ports, &vga->dispi_region);
	add(&bench->memory, &vga->window_region);
}

void vga_bench_end(struct vga_bench *bench)
{
	dev_release(&bench->vga.pci.dev);
	pci_bus_release(&bench->pci);
}

void vga_bench_map(struct vga_bench *bench)
{
	pci_config_write(&bench->pci, BDF, PCI_BAR0, VGA_TEST_LFB, 4);
	pci_config_write(&bench->pci, BDF, PCI_BAR0 + 8, VGA_TEST_MMIO, 4);
	pci_config_write(&bench->pci, BDF, PCI_ROM_BASE, VGA_TEST_ROM | 1, 4);
	pci_config_write(&bench->pci, BDF, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
}

/* ---- registers ---- */

u32 vga_in(struct vga_bench *bench, u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&bench->ports, port, &value, size);
	return value;
}

void vga_out(struct vga_bench *bench, u16 port, u32 value, u32 size)
{
	bus_write(&bench->ports, port, &value, size);
}

u8 vga_get(struct vga_bench *bench, u16 port, u8 index)
{
	vga_out(bench, port, index, 1);
	return (u8)vga_in(bench, port + 1, 1);
}

void vga_set(struct vga_bench *bench, u16 port, u8 index, u8 value)
{
	vga_out(bench, port, index | (u32)value << 8, 2);
}

/* The screen stays on. */
void vga_set_attr(struct vga_bench *bench, u8 index, u8 value)
{
	(void)vga_in(bench, 0x3da, 1); /* the index comes next */
	vga_out(bench, 0x3c0, index | ATTR_INDEX_SCREEN_ON, 1);
	vga_out(bench, 0x3c0, value, 1);
}

u16 vga_get_dispi(struct vga_bench *bench, u16 index)
{
	vga_out(bench, 0x1ce, index, 2);
	return (u16)vga_in(bench, 0x1cf, 2);
}

void vga_set_dispi(struct vga_bench *bench, u16 index, u16 value)
{
	vga_out(bench, 0x1ce, index, 2);
	vga_out(bench, 0x1cf, value, 2);
}

void vga_set_size(struct vga_bench *bench, u16 width, u16 height, u16 bpp)
{
	vga_set_dispi(bench, DISPI_ENABLE, 0);
	vga_set_dispi(bench, DISPI_XRES, width);
	vga_set_dispi(bench, DISPI_YRES, height);
	vga_set_dispi(bench, DISPI_BPP, bpp);
	vga_set_dispi(bench, DISPI_ENABLE, DISPI_ENABLED);
}

u32 vga_rgb_of(u8 index)
{
	u32 low = index & 0x3f, high = index >> 6;

	/* Six bits, of which the two highest are the lowest, too. */
	return (low << 2 | low >> 4) << 16 | (high << 2) << 8 | (63u << 2 | 3u);
}

void vga_set_palette(struct vga_bench *bench, u8 index, u8 red, u8 green,
		     u8 blue)
{
	vga_out(bench, 0x3c8, index, 1);
	vga_out(bench, 0x3c9, red, 1);
	vga_out(bench, 0x3c9, green, 1);
	vga_out(bench, 0x3c9, blue, 1);
}

void vga_set_mode(struct vga_bench *bench, const struct vga_mode_table *mode)
{
	vga_out(bench, 0x3c2, mode->misc, 1);
	for (u8 i = 0; i < VGA_SEQ_COUNT; i++)
		vga_set(bench, 0x3c4, i, mode->seq[i]);
	vga_set(bench, 0x3d4, CRTC_RETRACE_END, 0); /* unlocks the others */
	for (u8 i = 0; i < VGA_CRTC_COUNT; i++)
		vga_set(bench, 0x3d4, i, mode->crtc[i]);
	for (u8 i = 0; i < VGA_GFX_COUNT; i++)
		vga_set(bench, 0x3ce, i, mode->gfx[i]);
	for (u8 i = 0; i < VGA_ATTR_COUNT; i++)
		vga_set_attr(bench, i, mode->attr[i]);
	for (u32 i = 0; i < 256; i++)
		vga_set_palette(bench, (u8)i, i & 0x3f, (u8)(i >> 6), 63);
}

/* ---- memory and picture ---- */

u8 vga_peek(struct vga_bench *bench, u32 gpa)
{
	u8 value = 0;

	bus_read(&bench->memory, gpa, &value, 1);
	return value;
}

void vga_poke(struct vga_bench *bench, u32 gpa, u8 value)
{
	bus_write(&bench->memory, gpa, &value, 1);
}

void vga_put_plane(struct vga_bench *bench, u32 plane, u32 address, u8 value)
{
	bench->vga.vram.host[4 * address + plane] = value;
}

u32 vga_pixel(struct vga_bench *bench, u32 x, u32 y)
{
	struct display *display = &bench->vga.display;

	assert(x < display->width && y < display->height);
	return display_line(display, y)[x];
}
