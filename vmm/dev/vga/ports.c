/* SPDX-License-Identifier: MIT */
/* IBM's registers, each a byte behind an index: see vga.h. */
#include "vmm/dev/vga/inside.h"

/* What of a register there is to write. */
static const u8 seq_bits[VGA_SEQ_COUNT] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const u8 gfx_bits[VGA_GFX_COUNT] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03,
					   0x7b, 0x0f, 0x0f, 0xff};
static const u8 attr_bits[VGA_ATTR_COUNT] = {
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};

static u8 get(const u8 *registers, u32 index, u32 count)
{
	return index < count ? registers[index] : 0;
}

static void set(u8 *registers, const u8 *bits, u32 index, u32 count, u8 value)
{
	if (index < count)
		registers[index] = value & bits[index];
}

static void settle(u8 *registers, const u8 *bits, u32 count)
{
	for (u32 i = 0; i < count; i++)
		registers[i] &= bits[i];
}

void vga_ports_settle(struct vga_regs *regs)
{
	settle(regs->seq, seq_bits, VGA_SEQ_COUNT);
	settle(regs->gfx, gfx_bits, VGA_GFX_COUNT);
	settle(regs->attr, attr_bits, VGA_ATTR_COUNT);
}

/* ---- status ---- */

/*
 * 449 lines in a 70th of a second, of which 400 have a picture, and of each four
 * fifths. The retrace is told for all the lines between two pictures: who polls by
 * exits would seldom see the 64 us that it takes.
 */
#define LINE_NS	      31778
#define LINE_SHOWN_NS 25422
#define LINES	      449
#define LINES_SHOWN   400

#define STATUS_1_NOT_SHOWN 0x01
#define STATUS_1_RETRACE   0x08
#define STATUS_0_MONITOR   0x10

static u8 status_1(struct vga *vga)
{
	u64 now_ns = vga->host->now_ns(vga->host);

	vga->regs.attr_is_data = 0;
	if (now_ns / LINE_NS % LINES >= LINES_SHOWN)
		return STATUS_1_RETRACE | STATUS_1_NOT_SHOWN;
	return now_ns % LINE_NS >= LINE_SHOWN_NS ? STATUS_1_NOT_SHOWN : 0;
}

/* ---- attributes: one port for index and data, in turn ---- */

static void attr_write(struct vga_regs *regs, u8 value)
{
	if (regs->attr_is_data)
		set(regs->attr, attr_bits, regs->attr_index & 0x1f,
		    VGA_ATTR_COUNT, value);
	else
		regs->attr_index = value & 0x3f;
	regs->attr_is_data = !regs->attr_is_data;
}

/* ---- the DAC's palette ---- */

static void dac_seek(struct vga_regs *regs, u8 index, bool is_read)
{
	regs->dac_index = index;
	regs->dac_is_read = is_read;
	regs->dac_part = 0;
}

static void dac_step(struct vga_regs *regs)
{
	regs->dac_part = (u8)((regs->dac_part + 1) % 3);
	if (!regs->dac_part)
		regs->dac_index++;
}

static u8 dac_read(struct vga_regs *regs)
{
	u8 value = regs->palette[3 * regs->dac_index + regs->dac_part];

	dac_step(regs);
	return value;
}

static void dac_write(struct vga_regs *regs, u8 value)
{
	bool wide = regs->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC;

	regs->dac_new[regs->dac_part] = wide ? value : value & 0x3f;
	if (regs->dac_part == 2)
		for (u32 i = 0; i < 3; i++)
			regs->palette[3 * regs->dac_index + i] =
				regs->dac_new[i];
	dac_step(regs);
}

/* ---- CRTC ---- */

static void crtc_write(struct vga_regs *regs, u8 value)
{
	u32 index = regs->crtc_index;
	u8 old;

	if (index >= VGA_CRTC_COUNT)
		return;
	old = regs->crtc[index];
	if (index > CRTC_OVERFLOW ||
	    !(regs->crtc[CRTC_RETRACE_END] & CRTC_PROTECTED))
		regs->crtc[index] = value;
	else if (index == CRTC_OVERFLOW)
		regs->crtc[index] = (u8)((old & ~OVERFLOW_COMPARE_8) |
					 (value & OVERFLOW_COMPARE_8));
}

/* ---- ports ---- */

/* 0x3d4, 0x3d5 and 0x3da, or the same at 0x3b0, where nothing answers then. */
static bool is_crtc_port(u32 port)
{
	return (port & 0xf0) != 0xc0;
}

static bool answers(const struct vga_regs *regs, u32 port)
{
	bool color = (port & 0xf0) == 0xd0;

	return !is_crtc_port(port) || color == !!(regs->misc & MISC_COLOR);
}

static u8 crtc_port_get(struct vga *vga, u32 port)
{
	struct vga_regs *regs = &vga->regs;

	switch (port & 0x0f) {
	case 0x04:
		return regs->crtc_index;
	case 0x05:
		return get(regs->crtc, regs->crtc_index, VGA_CRTC_COUNT);
	case 0x0a:
		return status_1(vga);
	default:
		return 0xff;
	}
}

static void crtc_port_set(struct vga_regs *regs, u32 port, u8 value)
{
	switch (port & 0x0f) {
	case 0x04:
		regs->crtc_index = value;
		break;
	case 0x05:
		crtc_write(regs, value);
		break;
	case 0x0a:
		regs->feature = value;
		break;
	default:
		break;
	}
}

/* long: one line or two for each port */
u8 vga_port_get(struct vga *vga, u32 port)
{
	struct vga_regs *regs = &vga->regs;

	if (!answers(regs, port))
		return 0xff;
	if (is_crtc_port(port))
		return crtc_port_get(vga, port);
	switch (port) {
	case 0x3c0:
		return regs->attr_index;
	case 0x3c1:
		return get(regs->attr, regs->attr_index & 0x1f, VGA_ATTR_COUNT);
	case 0x3c2:
		return STATUS_0_MONITOR;
	case 0x3c4:
		return regs->seq_index;
	case 0x3c5:
		return get(regs->seq, regs->seq_index, VGA_SEQ_COUNT);
	case 0x3c6:
		return regs->dac_mask;
	case 0x3c7:
		return regs->dac_is_read ? 3 : 0;
	case 0x3c8:
		return regs->dac_index;
	case 0x3c9:
		return dac_read(regs);
	case 0x3ca:
		return regs->feature;
	case 0x3cc:
		return regs->misc;
	case 0x3ce:
		return regs->gfx_index;
	case 0x3cf:
		return get(regs->gfx, regs->gfx_index, VGA_GFX_COUNT);
	default:
		return 0xff;
	}
}

/* long: the same */
void vga_port_set(struct vga *vga, u32 port, u8 value)
{
	struct vga_regs *regs = &vga->regs;

	if (!answers(regs, port))
		return;
	if (is_crtc_port(port)) {
		crtc_port_set(regs, port, value);
		return;
	}
	switch (port) {
	case 0x3c0:
		attr_write(regs, value);
		break;
	case 0x3c2:
		regs->misc = value;
		break;
	case 0x3c4:
		regs->seq_index = value;
		break;
	case 0x3c5:
		set(regs->seq, seq_bits, regs->seq_index, VGA_SEQ_COUNT, value);
		break;
	case 0x3c6:
		regs->dac_mask = value;
		break;
	case 0x3c7:
		dac_seek(regs, value, true);
		break;
	case 0x3c8:
		dac_seek(regs, value, false);
		break;
	case 0x3c9:
		dac_write(regs, value);
		break;
	case 0x3ce:
		regs->gfx_index = value;
		break;
	case 0x3cf:
		set(regs->gfx, gfx_bits, regs->gfx_index, VGA_GFX_COUNT, value);
		break;
	default:
		break;
	}
}
