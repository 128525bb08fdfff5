/* SPDX-License-Identifier: MIT */
/*
 * From memory to picture.
 *
 * In IBM's modes as the chip does it, scan line by scan line: a counter walks
 * through the planes, 8 or 9 dots for each step, begins a row anew until the row
 * scan has reached its maximum, and then goes on by the offset. Text and graphics
 * differ in what a step's dots are. The picture has each dot that a monitor would
 * get; so 320 by 200 pixels are 640 by 400 here.
 *
 * With dispi the picture is the pixels, within VRAM as vga_dispi_settle saw to.
 */
#include <assert.h>
#include <string.h>

#include "vmm/dev/vga/inside.h"

/* One drawing, of registers that do not change meanwhile. */
struct pen {
	const struct vga_regs *regs;
	const u32 *vram; /* the guest may change it at any time */
	u32 vram_mask;	 /* of its dwords */
	u32 rgb[256];	 /* the palette */
	u32 color[16];	 /* of attributes and four planes */
	u32 *line;
	u32 at;	       /* the next dot */
	u32 step_dots; /* 8, or 9 of text */
	bool doubled;  /* each dot is two wide */
};

static u32 fetch(const struct pen *pen, u32 dword)
{
	return __atomic_load_n(&pen->vram[dword & pen->vram_mask],
			       __ATOMIC_RELAXED);
}

static void dot(struct pen *pen, u32 rgb)
{
	pen->line[pen->at++] = rgb;
}

/* In its place, and so from its end. */
static void double_line(struct pen *pen)
{
	for (u32 i = pen->at; i--;)
		pen->line[2 * i + 1] = pen->line[2 * i] = pen->line[i];
}

/* ---- colours ---- */

static u8 widen(const struct vga_regs *regs, u8 value)
{
	if (regs->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC)
		return value;
	return (u8)((value & 0x3f) << 2 | (value & 0x3f) >> 4);
}

static u32 rgb_of(const struct vga_regs *regs, u32 index)
{
	const u8 *entry = &regs->palette[3 * (index & regs->dac_mask)];

	return (u32)widen(regs, entry[0]) << 16 |
	       (u32)widen(regs, entry[1]) << 8 | widen(regs, entry[2]);
}

/* [VGA "Attribute Controller"]: which of 256 an attribute's colour is */
static u32 palette_index(const struct vga_regs *regs, u32 color)
{
	u32 index = regs->attr[color & regs->attr[ATTR_PLANES] & 0xf];
	u32 select = regs->attr[ATTR_COLOR_SELECT];

	if (regs->attr[ATTR_MODE] & ATTR_MODE_SELECT_HIGH)
		index = (index & 0x0f) | (select & 3) << 4;
	return index | (select & 0xc) << 4;
}

static void take_colors(struct pen *pen)
{
	for (u32 i = 0; i < 256; i++)
		pen->rgb[i] = rgb_of(pen->regs, i);
	for (u32 i = 0; i < 16; i++)
		pen->color[i] = pen->rgb[palette_index(pen->regs, i)];
}

/* ---- the dots of a step ---- */

static bool is_text(const struct vga_regs *regs)
{
	return !(regs->gfx[GFX_MISC] & GFX_MISC_GRAPHICS);
}

static u32 dots_of_step(const struct vga_regs *regs)
{
	return is_text(regs) && !(regs->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS) ? 9
									     : 8;
}

/* Which 8 KiB of plane 2 have the glyphs of a character. */
static u32 font_of(const struct vga_regs *regs, u32 attribute)
{
	u32 map = regs->seq[SEQ_CHARACTER_MAP];
	u32 select = attribute & 8 ? (map >> 2 & 3) | (map >> 3 & 4)
				   : (map & 3) | (map >> 2 & 4);

	return (select & 3) * 0x4000 + (select & 4 ? 0x2000 : 0);
}

static bool is_cursor(const struct vga_regs *regs, u32 address, u32 row)
{
	u32 start = regs->crtc[CRTC_CURSOR_START];
	u32 at = regs->crtc[CRTC_CURSOR_HIGH] << 8 | regs->crtc[CRTC_CURSOR_LOW];

	return address % VGA_PLANE_ADDRESSES == at && !(start & CURSOR_OFF) &&
	       row >= (start & 0x1f) &&
	       row <= (regs->crtc[CRTC_CURSOR_END] & 0x1fu);
}

/* The glyph's bits of this scan line, the cursor and the underline in them. */
static u32 glyph(const struct pen *pen, u32 address, u32 row, u32 cell)
{
	const struct vga_regs *regs = pen->regs;
	u32 attribute = cell >> 8 & 0xff;
	u32 font = font_of(regs, attribute) + (cell & 0xff) * 32 + row;

	if (is_cursor(regs, address, row))
		return 0x1ff;
	if ((attribute & 0x77) == 1 &&
	    row == (regs->crtc[CRTC_UNDERLINE] & 0x1fu))
		return 0x1ff;
	return (fetch(pen, font) >> 16 & 0xff) << 1;
}

static void text_step(struct pen *pen, u32 address, u32 row)
{
	const struct vga_regs *regs = pen->regs;
	u32 cell = fetch(pen, address), attribute = cell >> 8 & 0xff;
	u32 bits = glyph(pen, address, row, cell);
	u32 back = attribute >> 4;

	if (regs->attr[ATTR_MODE] & ATTR_MODE_BLINK)
		back &= 7;
	/* Lines are drawn through, into the gap between the characters. */
	if ((cell & 0xe0) == 0xc0 && bits & 2 &&
	    regs->attr[ATTR_MODE] & ATTR_MODE_LINE_GRAPH)
		bits |= 1;
	for (u32 i = 0; i < pen->step_dots; i++, bits <<= 1)
		dot(pen, pen->color[bits & 0x100 ? attribute & 15 : back]);
}

static void planar_step(struct pen *pen, u32 planes)
{
	for (u32 i = 0; i < 8; i++, planes <<= 1)
		dot(pen, pen->color[(planes >> 7 & 1) | (planes >> 14 & 2) |
				    (planes >> 21 & 4) | (planes >> 28 & 8)]);
}

/* Two bits for a pixel: of planes 0 and 2, and then of 1 and 3. */
static void interleaved_step(struct pen *pen, u32 planes)
{
	for (u32 half = 0; half < 2; half++, planes >>= 8)
		for (u32 shift = 0; shift < 8; shift += 2)
			dot(pen, pen->color[(planes >> (6 - shift) & 3) |
					    (planes >> (20 - shift) & 0xc)]);
}

static void bytes_step(struct pen *pen, u32 planes)
{
	for (u32 i = 0; i < 4; i++, planes >>= 8) {
		dot(pen, pen->rgb[planes & 0xff]);
		dot(pen, pen->rgb[planes & 0xff]);
	}
}

/* The CGA had its odd lines elsewhere: row scan bits are address bits then. */
static u32 cga_address(const struct vga_regs *regs, u32 address, u32 row)
{
	u32 mode = regs->crtc[CRTC_MODE];
	u32 bit = mode & CRTC_MODE_BYTE ? 13 : 12;

	if (!(mode & CRTC_MODE_NO_ROW_0))
		address = (address & ~(1u << bit)) | (row & 1) << bit;
	if (!(mode & CRTC_MODE_NO_ROW_1))
		address = (address & ~(2u << bit)) | (row & 2) << bit;
	return address;
}

static void graphics_step(struct pen *pen, u32 address, u32 row)
{
	u32 planes = fetch(pen, cga_address(pen->regs, address, row));
	u32 mode = pen->regs->gfx[GFX_MODE];

	if (mode & GFX_MODE_256)
		bytes_step(pen, planes);
	else if (mode & GFX_MODE_INTERLEAVE)
		interleaved_step(pen, planes);
	else
		planar_step(pen, planes);
}

/* ---- IBM's scan ---- */

static u32 columns_of(const struct vga_regs *regs)
{
	return regs->crtc[CRTC_COLUMNS] + 1u;
}

static u32 lines_of(const struct vga_regs *regs)
{
	u32 overflow = regs->crtc[CRTC_OVERFLOW];

	return (regs->crtc[CRTC_LINES] | (overflow & 2) << 7 |
		(overflow & 0x40) << 3) +
	       1;
}

static u32 split_of(const struct vga_regs *regs)
{
	return regs->crtc[CRTC_LINE_COMPARE] |
	       (regs->crtc[CRTC_OVERFLOW] & OVERFLOW_COMPARE_8) << 4 |
	       (regs->crtc[CRTC_MAX_SCAN] & MAX_SCAN_COMPARE_9) << 3;
}

/* Dots that are left out at the left. Of nine, the register means the next. */
static u32 panning_of(const struct pen *pen)
{
	u32 value = pen->regs->attr[ATTR_PANNING], dots;

	if (pen->step_dots == 9)
		dots = value >= 8 ? 0 : value + 1;
	else
		dots = value & 7;
	return pen->doubled ? 2 * dots : dots;
}

static void scan_line(struct pen *pen, u32 address, u32 row)
{
	bool text = is_text(pen->regs);

	pen->at = 0;
	for (u32 i = 0; i <= columns_of(pen->regs); i++, address++)
		if (text)
			text_step(pen, address, row);
		else
			graphics_step(pen, address, row);
	if (pen->doubled)
		double_line(pen);
}

static u32 start_of(const struct vga_regs *regs)
{
	return (u32)(regs->crtc[CRTC_START_HIGH] << 8 |
		     regs->crtc[CRTC_START_LOW]) +
	       (regs->crtc[CRTC_PRESET_ROW] >> 5 & 3);
}

static void draw_vga(struct pen *pen, struct display *display)
{
	const struct vga_regs *regs = pen->regs;
	u32 max = regs->crtc[CRTC_MAX_SCAN], pan = panning_of(pen);
	u32 row = regs->crtc[CRTC_PRESET_ROW] & 0x1f, address = start_of(regs);

	pen->vram_mask = VGA_PLANE_ADDRESSES - 1;
	display_resize(display,
		       columns_of(regs) * pen->step_dots * (pen->doubled ? 2 : 1),
		       lines_of(regs));
	for (u32 y = 0; y < display->height; y++) {
		scan_line(pen, address, row);
		display_put(display, y, pen->line + pan);
		if (y == split_of(regs)) {
			address = row = 0;
			if (regs->attr[ATTR_MODE] & ATTR_MODE_PAN_UPPER)
				pan = 0;
		} else if (!(max & MAX_SCAN_DOUBLED) || y % 2) {
			row = row == (max & 0x1f) ? 0 : (row + 1) & 0x1f;
			if (!row)
				address += 2 * regs->crtc[CRTC_OFFSET];
		}
	}
}

/* ---- dispi's pixels ---- */

static u32 rgb_555(u32 value)
{
	u32 red = value >> 10 & 0x1f, green = value >> 5 & 0x1f;
	u32 blue = value & 0x1f;

	return (red << 3 | red >> 2) << 16 | (green << 3 | green >> 2) << 8 |
	       (blue << 3 | blue >> 2);
}

static u32 rgb_565(u32 value)
{
	u32 red = value >> 11, green = value >> 5 & 0x3f, blue = value & 0x1f;

	return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 |
	       (blue << 3 | blue >> 2);
}

static u32 get16(const u8 *at)
{
	return at[0] | (u32)at[1] << 8;
}

static void pixels_of(struct pen *pen, const u8 *from, u32 width)
{
	u32 bpp = pen->regs->dispi[DISPI_BPP];

	for (u32 x = 0; x < width; x++)
		switch (bpp) {
		case 8:
			pen->line[x] = pen->rgb[from[x]];
			break;
		case 15:
			pen->line[x] = rgb_555(get16(from + 2 * x));
			break;
		case 16:
			pen->line[x] = rgb_565(get16(from + 2 * x));
			break;
		default:
			pen->line[x] = get16(from + 3 * x) |
				       (u32)from[3 * x + 2] << 16;
			break;
		}
}

static void draw_packed(struct pen *pen, struct display *display)
{
	const u16 *r = pen->regs->dispi;
	u32 stride = vga_dispi_stride(pen->regs), bpp = r[DISPI_BPP];
	const u8 *from = (const u8 *)pen->vram + r[DISPI_Y_OFFSET] * stride +
			 r[DISPI_X_OFFSET] * ((bpp + 7) / 8);

	for (u32 y = 0; y < display->height; y++, from += stride) {
		if (bpp == 32) { /* as it is */
			display_put(display, y, (const void *)from);
			continue;
		}
		pixels_of(pen, from, display->width);
		display_put(display, y, pen->line);
	}
}

static void draw_planar(struct pen *pen, struct display *display)
{
	const u16 *r = pen->regs->dispi;
	u32 stride = vga_dispi_stride(pen->regs) / 4;
	u32 from = r[DISPI_Y_OFFSET] * stride + r[DISPI_X_OFFSET] / 8;

	pen->vram_mask = VGA_VRAM_DWORDS - 1;
	for (u32 y = 0; y < display->height; y++, from += stride) {
		pen->at = 0;
		for (u32 i = 0; i <= display->width / 8; i++)
			planar_step(pen, fetch(pen, from + i));
		display_put(display, y, pen->line + r[DISPI_X_OFFSET] % 8);
	}
}

static void draw_dispi(struct pen *pen, struct display *display)
{
	const u16 *r = pen->regs->dispi;

	display_resize(display, r[DISPI_XRES], r[DISPI_YRES]);
	assert(display->width == r[DISPI_XRES]);
	assert(display->height == r[DISPI_YRES]);
	if (vga_is_packed(pen->regs))
		draw_packed(pen, display);
	else
		draw_planar(pen, display);
}

/* ---- the whole ---- */

static bool is_blank(const struct vga_regs *regs)
{
	return !(regs->attr_index & ATTR_INDEX_SCREEN_ON) ||
	       regs->seq[SEQ_CLOCKING] & CLOCKING_SCREEN_OFF;
}

static void draw_black(struct pen *pen, struct display *display)
{
	memset(pen->line, 0, 4 * (size_t)display->width);
	for (u32 y = 0; y < display->height; y++)
		display_put(display, y, pen->line);
}

void vga_draw(void *ctx, struct display *display)
{
	struct vga *vga = ctx;
	struct pen pen = {.regs = &vga->drawn,
			  .vram = (const void *)vga->vram.host,
			  .line = vga->line};

	mutex_lock(&vga->pci.dev.lock);
	vga->drawn = vga->regs;
	mutex_unlock(&vga->pci.dev.lock);
	pen.step_dots = dots_of_step(pen.regs);
	pen.doubled = vga->drawn.seq[SEQ_CLOCKING] & CLOCKING_DOUBLED;
	take_colors(&pen);
	if (is_blank(pen.regs))
		draw_black(&pen, display);
	else if (vga_dispi_is_on(pen.regs))
		draw_dispi(&pen, display);
	else
		draw_vga(&pen, display);
}
