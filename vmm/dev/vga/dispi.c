/* SPDX-License-Identifier: MIT */
/* The registers of the Bochs display interface. [BOCHS-VBE "The API"] */
#include <string.h>

#include "vmm/dev/vga/inside.h"

#define ID_FIRST    0xb0c0
#define ID_LAST	    0xb0c5
#define BPP_MAX	    32
#define BPP_DEFAULT 8
#define BANK_BYTES  (64 * KiB)

static bool is_depth(u32 bpp)
{
	return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 ||
	       bpp == 32;
}

/* Pixels to bytes; four bits are four planes. */
static u32 bytes_of(const struct vga_regs *regs, u32 pixels)
{
	u32 bpp = regs->dispi[DISPI_BPP];

	return bpp == 4 ? pixels / 2 : pixels * ((bpp + 7) / 8);
}

u32 vga_dispi_stride(const struct vga_regs *regs)
{
	return bytes_of(regs, regs->dispi[DISPI_VIRT_WIDTH]);
}

/* Lines that VRAM has: more than 16 bits can say, for a narrow picture. */
static u32 rows_of(const struct vga_regs *regs)
{
	return MIN((u32)VGA_VRAM_BYTES / vga_dispi_stride(regs), 0xffffu);
}

/* In planes a byte is eight pixels. */
static u32 settle_width(const struct vga_regs *regs, u32 width)
{
	return regs->dispi[DISPI_BPP] == 4 ? MAX(width & ~7u, 8u)
					   : MAX(width, 1u);
}

void vga_dispi_settle(struct vga_regs *regs)
{
	u16 *r = regs->dispi;
	u32 rows;

	if (!vga_dispi_is_on(regs))
		return;
	if (!is_depth(r[DISPI_BPP]))
		r[DISPI_BPP] = BPP_DEFAULT;
	r[DISPI_XRES] = (u16)settle_width(
		regs, MIN(r[DISPI_XRES], (u32)DISPLAY_WIDTH_MAX));
	r[DISPI_VIRT_WIDTH] =
		(u16)settle_width(regs, MAX(r[DISPI_VIRT_WIDTH], r[DISPI_XRES]));
	rows = rows_of(regs);
	rows = MIN(rows, (u32)DISPLAY_HEIGHT_MAX);
	rows = MIN(rows, (u32)(DISPLAY_BYTES_MAX / 4) / r[DISPI_XRES]);
	r[DISPI_YRES] = (u16)MIN(MAX(r[DISPI_YRES], 1u), rows);
	r[DISPI_X_OFFSET] = (u16)MIN((u32)r[DISPI_X_OFFSET],
				     r[DISPI_VIRT_WIDTH] - (u32)r[DISPI_XRES]);
	r[DISPI_Y_OFFSET] =
		(u16)MIN((u32)r[DISPI_Y_OFFSET], rows_of(regs) - r[DISPI_YRES]);
}

void vga_dispi_reset(struct vga_regs *regs)
{
	memset(regs->dispi, 0, sizeof(regs->dispi));
	regs->dispi[DISPI_ID] = ID_LAST;
	regs->dispi[DISPI_BPP] = BPP_DEFAULT;
	regs->dispi_index = 0;
}

static u16 get_limit(const struct vga_regs *regs, u32 index)
{
	switch (index) {
	case DISPI_XRES:
		return DISPLAY_WIDTH_MAX;
	case DISPI_YRES:
		return DISPLAY_HEIGHT_MAX;
	case DISPI_BPP:
		return BPP_MAX;
	default:
		return regs->dispi[index];
	}
}

u16 vga_dispi_get(const struct vga_regs *regs, u32 index)
{
	if (index >= VGA_DISPI_COUNT)
		return 0;
	if (index == DISPI_MEMORY_64K)
		return VGA_VRAM_BYTES / BANK_BYTES;
	if (index == DISPI_VIRT_HEIGHT && vga_dispi_is_on(regs))
		return (u16)rows_of(regs);
	if (regs->dispi[DISPI_ENABLE] & DISPI_GETCAPS)
		return get_limit(regs, index);
	return regs->dispi[index];
}

static void begin_mode(struct vga *vga)
{
	struct vga_regs *regs = &vga->regs;
	u64 size;

	regs->dispi[DISPI_VIRT_WIDTH] = 0;
	regs->dispi[DISPI_X_OFFSET] = regs->dispi[DISPI_Y_OFFSET] = 0;
	vga_dispi_settle(regs);
	if (regs->dispi[DISPI_ENABLE] & DISPI_NOT_CLEAR)
		return;
	size = (u64)vga_dispi_stride(regs) * regs->dispi[DISPI_YRES];
	memset(vga->vram.host, 0, size);
	vga_tell_written(vga, 0, size);
}

static void set_enable(struct vga *vga, u16 value)
{
	struct vga_regs *regs = &vga->regs;
	bool was_on = vga_dispi_is_on(regs);

	regs->dispi[DISPI_ENABLE] = value;
	if (!vga_dispi_is_on(regs))
		regs->dispi[DISPI_BANK] = 0;
	else if (!was_on)
		begin_mode(vga);
}

void vga_dispi_set(struct vga *vga, u32 index, u16 value)
{
	struct vga_regs *regs = &vga->regs;

	switch (index) {
	case DISPI_ID: /* what the driver is content with */
		if (value >= ID_FIRST && value <= ID_LAST)
			regs->dispi[DISPI_ID] = value;
		break;
	case DISPI_ENABLE:
		set_enable(vga, value);
		break;
	case DISPI_BANK:
		regs->dispi[DISPI_BANK] =
			(u16)(value % (VGA_VRAM_BYTES / BANK_BYTES));
		break;
	case DISPI_XRES:
	case DISPI_YRES:
	case DISPI_BPP:
	case DISPI_VIRT_WIDTH:
	case DISPI_X_OFFSET:
	case DISPI_Y_OFFSET:
		regs->dispi[index] = value;
		vga_dispi_settle(regs);
		break;
	default:
		break;
	}
}
