/* SPDX-License-Identifier: MIT */
/* For vmm/dev/vga only: what its files share. */
#ifndef VMM_DEV_VGA_INSIDE_H
#define VMM_DEV_VGA_INSIDE_H

#include "vmm/dev/vga/vga.h"

/* ---- IBM's registers ---- */

#define MISC_COLOR 0x01 /* CRTC and status are at 0x3d?, not at 0x3b? */
#define MISC_RAM   0x02 /* the window answers */

enum seq_register {
	SEQ_RESET,
	SEQ_CLOCKING,
	SEQ_MAP_MASK,
	SEQ_CHARACTER_MAP,
	SEQ_MEMORY_MODE,
};

#define CLOCKING_8_DOTS	    0x01
#define CLOCKING_DOUBLED    0x08 /* each dot is two wide */
#define CLOCKING_SCREEN_OFF 0x20
#define MEMORY_CHAIN_4	    0x08

enum gfx_register {
	GFX_SET_RESET,
	GFX_ENABLE_SET_RESET,
	GFX_COLOR_COMPARE,
	GFX_ROTATE,
	GFX_READ_MAP,
	GFX_MODE,
	GFX_MISC,
	GFX_COLOR_CARE,
	GFX_BIT_MASK,
};

#define GFX_MODE_WRITE	    0x03
#define GFX_MODE_COMPARE    0x08 /* read mode 1 */
#define GFX_MODE_ODD_EVEN   0x10
#define GFX_MODE_INTERLEAVE 0x20 /* two bits for a pixel, as the CGA's */
#define GFX_MODE_256	    0x40
#define GFX_MISC_GRAPHICS   0x01

enum attr_register {
	ATTR_MODE = 0x10,
	ATTR_OVERSCAN,
	ATTR_PLANES,
	ATTR_PANNING,
	ATTR_COLOR_SELECT,
};

#define ATTR_INDEX_SCREEN_ON  0x20
#define ATTR_MODE_LINE_GRAPH  0x04 /* the 9th dot of line graphics */
#define ATTR_MODE_BLINK	      0x08
#define ATTR_MODE_PAN_UPPER   0x20 /* no panning below the split */
#define ATTR_MODE_SELECT_HIGH 0x80 /* colour bits 4, 5 of the select register */

enum crtc_register {
	CRTC_COLUMNS = 0x01, /* less one */
	CRTC_OVERFLOW = 0x07,
	CRTC_PRESET_ROW = 0x08,
	CRTC_MAX_SCAN = 0x09,
	CRTC_CURSOR_START = 0x0a,
	CRTC_CURSOR_END = 0x0b,
	CRTC_START_HIGH = 0x0c,
	CRTC_START_LOW = 0x0d,
	CRTC_CURSOR_HIGH = 0x0e,
	CRTC_CURSOR_LOW = 0x0f,
	CRTC_RETRACE_END = 0x11,
	CRTC_LINES = 0x12, /* less one; two more bits in the overflow */
	CRTC_OFFSET = 0x13,
	CRTC_UNDERLINE = 0x14,
	CRTC_MODE = 0x17,
	CRTC_LINE_COMPARE = 0x18,
};

#define CRTC_PROTECTED	    0x80 /* of the retrace's end: registers 0 to 7 */
#define OVERFLOW_COMPARE_8  0x10
#define MAX_SCAN_COMPARE_9  0x40
#define MAX_SCAN_DOUBLED    0x80
#define CURSOR_OFF	    0x20
#define CRTC_MODE_NO_ROW_0  0x01 /* else row bit 0 is address bit 13 */
#define CRTC_MODE_NO_ROW_1  0x02
#define CRTC_MODE_BYTE	    0x40
#define VGA_PLANE_ADDRESSES 0x10000u
#define VGA_VRAM_DWORDS	    ((u32)(VGA_VRAM_BYTES / 4))

/* ---- those of Bochs ---- */

enum dispi_register {
	DISPI_ID,
	DISPI_XRES,
	DISPI_YRES,
	DISPI_BPP,
	DISPI_ENABLE,
	DISPI_BANK,
	DISPI_VIRT_WIDTH,
	DISPI_VIRT_HEIGHT,
	DISPI_X_OFFSET,
	DISPI_Y_OFFSET,
	DISPI_MEMORY_64K,
};

#define DISPI_ENABLED	0x01
#define DISPI_GETCAPS	0x02
#define DISPI_8BIT_DAC	0x20
#define DISPI_NOT_CLEAR 0x80

static inline bool vga_dispi_is_on(const struct vga_regs *regs)
{
	return regs->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

/* Pixels are in the bytes of memory, not in planes. */
static inline bool vga_is_packed(const struct vga_regs *regs)
{
	return vga_dispi_is_on(regs) && regs->dispi[DISPI_BPP] > 4;
}

/* Bytes from line to line while it is on. */
u32 vga_dispi_stride(const struct vga_regs *regs);
/* What cannot be becomes what can: the picture then lies within VRAM. */
void vga_dispi_settle(struct vga_regs *regs);
void vga_dispi_reset(struct vga_regs *regs);
u16 vga_dispi_get(const struct vga_regs *regs, u32 index);
void vga_dispi_set(struct vga *vga, u32 index, u16 value);

/* What no port has room for goes: for registers that are not from a guest. */
void vga_ports_settle(struct vga_regs *regs);
/* dev.lock held. Ports 0x3b0 to 0x3df. */
u8 vga_port_get(struct vga *vga, u32 port);
void vga_port_set(struct vga *vga, u32 port, u8 value);

/* For regions; `offset` from 0xa0000. */
u64 vga_window_read(void *ctx, u64 offset, u32 width);
void vga_window_write(void *ctx, u64 offset, u64 value, u32 width);

/* For the display. */
void vga_draw(void *ctx, struct display *display);

/* We have written there, by other ways than BAR 0. */
void vga_tell_written(struct vga *vga, u64 offset, u64 size);

#endif
