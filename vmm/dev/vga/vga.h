/* SPDX-License-Identifier: MIT */
/*
 * The standard VGA: IBM's registers and planes [VGA], the Bochs display interface
 * (dispi) for larger pictures [BOCHS-VBE], and a PCI function whose BARs have the
 * frame buffer as memory and both sets of registers [STDVGA]. It is what
 * SeaBIOS's vgabios-stdvga, OVMF and Linux's bochs-drm drive.
 *
 * Memory is one piece of VGA_VRAM_BYTES. The frame buffer of dispi is all of it,
 * as it lies; the VGA's four planes are its bytes modulo 4, so that a dword has
 * what the planes have at one address. Chained addresses (four planes, or two
 * that are even and odd) walk through these dwords in order, where IBM's left
 * gaps: a difference for who changes the chaining and looks at old contents.
 *
 *	vga.c	 the function, its regions and state
 *	ports.c	 registers of sequencer, CRTC, graphics, attributes, DAC
 *	dispi.c	 those of the Bochs display interface
 *	window.c 0xa0000 to 0xbffff
 *	draw.c	 from memory to picture
 *	rom.c	 the file of the video BIOS
 *
 * Left out: interrupts at vertical retrace, the border (overscan), light pen, CRTC
 * timings beyond the size, blinking (text that blinks is always on, and so is the
 * cursor), EDID, big-endian frame buffers. The old ports and the window answer
 * whatever the command register says.
 *
 * Threads: dev.lock guards `regs`; vCPUs change them, and the loop's thread copies
 * them to draw. VRAM is as guest RAM: both sides use it without a lock.
 */
#ifndef VMM_DEV_VGA_VGA_H
#define VMM_DEV_VGA_VGA_H

#include "base/err.h"
#include "vmm/dev/host.h"
#include "vmm/display/display.h"
#include "vmm/memory/guest_mem.h"
#include "vmm/pci/pci.h"

#define VGA_VENDOR     0x1234
#define VGA_DEVICE     0x1111
#define VGA_VRAM_BYTES (16 * MiB)

#define VGA_WINDOW_GPA	 0xa0000u
#define VGA_WINDOW_BYTES 0x20000u

#define VGA_SEQ_COUNT	  5
#define VGA_GFX_COUNT	  9
#define VGA_ATTR_COUNT	  21
#define VGA_CRTC_COUNT	  25
#define VGA_PALETTE_BYTES 768 /* red, green, blue of 256 colours */
#define VGA_DISPI_COUNT	  11

/* All that decides what is shown, beside memory. */
struct vga_regs {
	u8 misc, feature;
	u8 seq_index, gfx_index, attr_index, crtc_index; /* as written */
	u8 attr_is_data; /* what port 0x3c0 takes next */
	u8 seq[VGA_SEQ_COUNT];
	u8 gfx[VGA_GFX_COUNT];
	u8 attr[VGA_ATTR_COUNT];
	u8 crtc[VGA_CRTC_COUNT];
	u8 dac_mask, dac_index;
	u8 dac_is_read; /* which of its two index ports was written last */
	u8 dac_part;	/* 0 to 2: red, green or blue is next */
	u8 dac_new[3];	/* taken when the third is there */
	u8 palette[VGA_PALETTE_BYTES]; /* of 6 or 8 bits */
	u32 latch;		       /* the four planes' */
	u16 dispi_index;
	u16 dispi[VGA_DISPI_COUNT];
};

/* The video BIOS: `size` bytes, a power of two, a page at least. */
struct vga_rom {
	u8 *data; /* owned: a mapping */
	u64 size;
};

/* Dots of a line, one character more than there are, for panning. */
#define VGA_LINE_DOTS (257 * 18)

struct vga {
	struct pci_dev pci;
	struct pci_ram vram, rom;
	struct bus_region mono_region, color_region; /* ports 0x3b0, 0x3c0 */
	struct bus_region dispi_region;		     /* ports 0x1ce to 0x1d1 */
	struct bus_region window_region;	     /* memory, 0xa0000 */
	struct bus_region mmio_ports, mmio_dispi;    /* both again, in BAR 2 */
	struct guest_mem *mem;
	struct dev_host *host;
	struct display display;
	struct vga_regs regs;

	/* The loop's thread alone: */
	struct vga_regs drawn; /* what is being drawn */
	u32 line[VGA_LINE_DOTS];
};

struct vga_config {
	struct guest_mem *mem;	   /* borrowed: must outlive the device */
	struct dev_host *host;	   /* borrowed, too */
	const struct vga_rom *rom; /* borrowed, too; or NULL */
};

/* -ENOMEM; dev_release it then as well. */
must_check int vga_init(struct vga *vga, const struct vga_config *config);

/*
 * Debian's vgabios-stdvga. -ENOENT and others of opening, -EINVAL for a file that
 * is none; the fault says it in a sentence.
 */
must_check int vga_rom_open(struct vga_rom *rom, struct fault *fault);
void vga_rom_close(struct vga_rom *rom); /* accepts what is all zero */

#endif
