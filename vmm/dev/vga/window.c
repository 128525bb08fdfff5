/* SPDX-License-Identifier: MIT */
/*
 * The window at 0xa0000: how a byte of it comes from the four planes and goes
 * into them. [VGA "Graphics Controller"]
 */
#include <string.h>

#include "vmm/dev/vga/inside.h"

#define BANK_BITS 16
#define PLANES	  4

/* A byte of the window in the planes. */
struct place {
	u32 dword;  /* of VRAM */
	u32 plane;  /* to read */
	u32 planes; /* to write: a bit each */
};

/* Each of four bits as a byte of zeros or ones. */
static u32 spread(u32 bits)
{
	return ((bits & 0xf) * 0x00204081 & 0x01010101) * 0xff;
}

static u32 four_times(u32 byte)
{
	return (byte & 0xff) * 0x01010101;
}

/* ---- where ---- */

/* Where the graphics controller has its memory in the 128 KiB; false: not there. */
static bool to_map(const struct vga_regs *regs, u64 *offset)
{
	static const struct {
		u32 start, size;
	} maps[] = {
		{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
	u32 map = regs->gfx[GFX_MISC] >> 2 & 3;

	if (!(regs->misc & MISC_RAM) || *offset < maps[map].start ||
	    *offset - maps[map].start >= maps[map].size)
		return false;
	*offset -= maps[map].start;
	return true;
}

static u32 wrap(const struct vga_regs *regs, u32 dword)
{
	dword += (u32)regs->dispi[DISPI_BANK] << BANK_BITS;
	return dword %
	       (vga_dispi_is_on(regs) ? VGA_VRAM_DWORDS : VGA_PLANE_ADDRESSES);
}

static struct place place_of(const struct vga_regs *regs, u32 offset)
{
	struct place place = {};

	if (regs->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN_4) {
		place.dword = offset >> 2;
		place.plane = offset & 3;
		place.planes = 1u << place.plane;
	} else if (regs->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN) {
		place.dword = offset >> 1;
		place.plane = (regs->gfx[GFX_READ_MAP] & 2) | (offset & 1);
		place.planes = offset & 1 ? 0xa : 0x5;
	} else {
		place.dword = offset;
		place.plane = regs->gfx[GFX_READ_MAP];
		place.planes = 0xf;
	}
	place.dword = wrap(regs, place.dword);
	place.planes &= regs->seq[SEQ_MAP_MASK];
	return place;
}

static u32 *dword_at(const struct vga *vga, u32 dword)
{
	return (u32 *)(void *)vga->vram.host + dword;
}

/* ---- planes ---- */

/* Read mode 1: a bit for each pixel that has the colour compared with. */
static u8 compare(const struct vga_regs *regs)
{
	u32 care = spread(regs->gfx[GFX_COLOR_CARE]);
	u32 unlike = (regs->latch ^ spread(regs->gfx[GFX_COLOR_COMPARE])) & care;

	unlike |= unlike >> 16;
	return (u8) ~(unlike | unlike >> 8);
}

static u8 planes_read(struct vga *vga, u32 offset)
{
	struct vga_regs *regs = &vga->regs;
	struct place place = place_of(regs, offset);

	regs->latch = *dword_at(vga, place.dword);
	if (regs->gfx[GFX_MODE] & GFX_MODE_COMPARE)
		return compare(regs);
	return (u8)(regs->latch >> 8 * place.plane);
}

static u32 rotated(const struct vga_regs *regs, u8 value)
{
	u32 count = regs->gfx[GFX_ROTATE] & 7;

	return (value | (u32)value << 8) >> count & 0xff;
}

/* The function of GFX_ROTATE with what was read last. */
static u32 combine(const struct vga_regs *regs, u32 data)
{
	switch (regs->gfx[GFX_ROTATE] >> 3 & 3) {
	case 1:
		return data & regs->latch;
	case 2:
		return data | regs->latch;
	case 3:
		return data ^ regs->latch;
	default:
		return data;
	}
}

/* What the four write modes make of a byte, for all planes. */
static u32 written(const struct vga_regs *regs, u8 value)
{
	u32 set_reset = spread(regs->gfx[GFX_SET_RESET]), enable;
	u32 bits = regs->gfx[GFX_BIT_MASK], data;

	switch (regs->gfx[GFX_MODE] & GFX_MODE_WRITE) {
	case 0:
		enable = spread(regs->gfx[GFX_ENABLE_SET_RESET]);
		data = four_times(rotated(regs, value));
		data = (data & ~enable) | (set_reset & enable);
		break;
	case 1:
		return regs->latch;
	case 2:
		data = spread(value);
		break;
	default:
		data = set_reset;
		bits &= rotated(regs, value);
		break;
	}
	bits = four_times(bits);
	return (combine(regs, data) & bits) | (regs->latch & ~bits);
}

static void planes_write(struct vga *vga, u32 offset, u8 value)
{
	struct place place = place_of(&vga->regs, offset);
	u32 *at = dword_at(vga, place.dword), mask = spread(place.planes);

	*at = (*at & ~mask) | (written(&vga->regs, value) & mask);
	vga_tell_written(vga, 4 * (u64)place.dword, 4);
}

/* ---- bytes of the frame buffer, in banks ---- */

static u8 *packed_at(const struct vga *vga, u64 offset)
{
	u64 at = ((u64)vga->regs.dispi[DISPI_BANK] << BANK_BITS) + offset;

	return vga->vram.host + at % VGA_VRAM_BYTES;
}

static u8 byte_read(struct vga *vga, u64 offset)
{
	if (vga_is_packed(&vga->regs))
		return offset < BIT(BANK_BITS) ? *packed_at(vga, offset) : 0xff;
	return to_map(&vga->regs, &offset) ? planes_read(vga, (u32)offset)
					   : 0xff;
}

static void byte_write(struct vga *vga, u64 offset, u8 value)
{
	if (!vga_is_packed(&vga->regs)) {
		if (to_map(&vga->regs, &offset))
			planes_write(vga, (u32)offset, value);
	} else if (offset < BIT(BANK_BITS)) {
		u8 *at = packed_at(vga, offset);

		*at = value;
		vga_tell_written(vga, (u64)(at - vga->vram.host), 1);
	}
}

u64 vga_window_read(void *ctx, u64 offset, u32 width)
{
	u64 value = 0;

	for (u32 i = 0; i < width; i++)
		value |= (u64)byte_read(ctx, offset + i) << 8 * i;
	return value;
}

void vga_window_write(void *ctx, u64 offset, u64 value, u32 width)
{
	for (u32 i = 0; i < width; i++)
		byte_write(ctx, offset + i, (u8)(value >> 8 * i));
}
