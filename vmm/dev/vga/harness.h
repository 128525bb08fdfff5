/* SPDX-License-Identifier: MIT */
/* For tests of the VGA: one on its buses, and the modes of IBM's BIOS. */
#ifndef VMM_DEV_VGA_HARNESS_H
#define VMM_DEV_VGA_HARNESS_H

#include "vmm/dev/fake_host.h"
#include "vmm/dev/vga/inside.h"
#include "vmm/pci/fake_wires.h"

#define VGA_TEST_SLOT 3
#define VGA_TEST_LFB  0xd0000000u
#define VGA_TEST_MMIO 0xd1000000u
#define VGA_TEST_ROM  0xd2000000u

struct vga_bench {
	struct fake_host host;
	struct guest_mem mem; /* without memory: it is told what is written */
	struct fake_wires wires;
	struct pci_bus pci;
	struct bus ports, memory;
	struct vga vga;
	struct vga_rom rom;
	u8 code[4096];
	u64 ram_gpa[2];
	u64 written_gpa, written_size; /* told last */
	u32 written_count;
};

/* What a BIOS writes for a mode. */
struct vga_mode_table {
	u8 misc;
	u8 seq[VGA_SEQ_COUNT];
	u8 crtc[VGA_CRTC_COUNT];
	u8 gfx[VGA_GFX_COUNT];
	u8 attr[VGA_ATTR_COUNT];
};

extern const struct vga_mode_table vga_mode_3, vga_mode_4, vga_mode_6,
	vga_mode_d, vga_mode_12, vga_mode_13, vga_mode_x;

void vga_bench_begin(struct vga_bench *bench);
void vga_bench_end(struct vga_bench *bench);
/* BARs where the addresses above say, decoding on. */
void vga_bench_map(struct vga_bench *bench);

u32 vga_in(struct vga_bench *bench, u16 port, u32 size);
void vga_out(struct vga_bench *bench, u16 port, u32 value, u32 size);
/* The register behind an index port: 0x3c4, 0x3ce, 0x3d4; and attributes. */
u8 vga_get(struct vga_bench *bench, u16 port, u8 index);
void vga_set(struct vga_bench *bench, u16 port, u8 index, u8 value);
void vga_set_attr(struct vga_bench *bench, u8 index, u8 value);
u16 vga_get_dispi(struct vga_bench *bench, u16 index);
void vga_set_dispi(struct vga_bench *bench, u16 index, u16 value);
/* On, with memory cleared. */
void vga_set_size(struct vga_bench *bench, u16 width, u16 height, u16 bpp);

/* Mode, screen on, and a palette in which entry i is grey_of(i). */
void vga_set_mode(struct vga_bench *bench, const struct vga_mode_table *mode);
void vga_set_palette(struct vga_bench *bench, u8 index, u8 red, u8 green,
		     u8 blue);
/* What vga_set_mode's palette shows for an entry: all of them differ. */
u32 vga_rgb_of(u8 index);

u8 vga_peek(struct vga_bench *bench, u32 gpa);
void vga_poke(struct vga_bench *bench, u32 gpa, u8 value);
/* A byte of a plane, by no register. */
void vga_put_plane(struct vga_bench *bench, u32 plane, u32 address, u8 value);

/* After a refresh. */
u32 vga_pixel(struct vga_bench *bench, u32 x, u32 y);

#endif
