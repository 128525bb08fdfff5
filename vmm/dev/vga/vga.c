/* SPDX-License-Identifier: MIT */
/* The function, its regions and its state: see vga.h. */
#include "vmm/dev/vga/vga.h"

#include <string.h>
#include <sys/mman.h>

#include "vmm/dev/vga/inside.h"

#define PORT_MONO  0x3b0 /* to 0x3bb: what follows was a printer's */
#define PORT_COLOR 0x3c0 /* to 0x3df */
#define PORT_DISPI 0x1ce

#define MONO_PORTS  12
#define COLOR_PORTS 32

/* [STDVGA "MMIO area spec"] */
#define MMIO_BAR   2
#define MMIO_BYTES 4096
#define MMIO_PORTS 0x400
#define MMIO_DISPI 0x500

static struct vga *vga_of(const struct dev *dev)
{
	return container_of(dev, struct vga, pci.dev);
}

void vga_tell_written(struct vga *vga, u64 offset, u64 size)
{
	u64 gpa = __atomic_load_n(&vga->vram.gpa, __ATOMIC_RELAXED);

	if (gpa != PCI_RAM_NOWHERE)
		guest_mem_tell_written(vga->mem, gpa + offset, size);
}

/* ---- handlers ---- */

static u64 mono_read(void *ctx, u64 offset, u32 width)
{
	(void)width;
	return vga_port_get(ctx, PORT_MONO + (u32)offset);
}

static void mono_write(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)width;
	vga_port_set(ctx, PORT_MONO + (u32)offset, (u8)value);
}

static u64 color_read(void *ctx, u64 offset, u32 width)
{
	(void)width;
	return vga_port_get(ctx, PORT_COLOR + (u32)offset);
}

static void color_write(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)width;
	vga_port_set(ctx, PORT_COLOR + (u32)offset, (u8)value);
}

/* The index's port, and from 0x1cf on the data's: two, as not all can misalign. */
static u64 dispi_port_read(void *ctx, u64 offset, u32 width)
{
	struct vga *vga = ctx;

	(void)width;
	return offset ? vga_dispi_get(&vga->regs, vga->regs.dispi_index)
		      : vga->regs.dispi_index;
}

static void dispi_port_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct vga *vga = ctx;

	(void)width;
	if (offset)
		vga_dispi_set(vga, vga->regs.dispi_index, (u16)value);
	else
		vga->regs.dispi_index = (u16)value;
}

static u64 dispi_mmio_read(void *ctx, u64 offset, u32 width)
{
	struct vga *vga = ctx;

	(void)width;
	return vga_dispi_get(&vga->regs, (u32)offset / 2);
}

static void dispi_mmio_write(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)width;
	vga_dispi_set(ctx, (u32)offset / 2, (u16)value);
}

/* ---- life ---- */

static void vga_reset(struct dev *dev)
{
	struct vga *vga = vga_of(dev);

	pci_dev_reset(&vga->pci);
	vga->regs = (struct vga_regs){.dac_mask = 0xff};
	vga_dispi_reset(&vga->regs);
}

static int vga_restored(struct dev *dev)
{
	struct vga *vga = vga_of(dev);
	int err = pci_dev_restored(&vga->pci);

	if (vga->regs.dac_part > 2)
		return trace_err(-EINVAL);
	vga_ports_settle(&vga->regs);
	vga_dispi_settle(&vga->regs);
	return err;
}

/* needs: io: munmap */
static void vga_release(struct dev *dev)
{
	struct vga *vga = vga_of(dev);

	pci_ram_take_away(&vga->pci);
	display_release(&vga->display);
	if (vga->vram.host)
		munmap(vga->vram.host, VGA_VRAM_BYTES);
	vga->vram.host = NULL;
}

static const struct field fields[] = {
	PCI_FIELDS(struct vga),
	FIELD(struct vga, regs.misc, 1),
	FIELD(struct vga, regs.feature, 1),
	FIELD(struct vga, regs.seq_index, 1),
	FIELD(struct vga, regs.gfx_index, 1),
	FIELD(struct vga, regs.attr_index, 1),
	FIELD(struct vga, regs.crtc_index, 1),
	FIELD(struct vga, regs.attr_is_data, 1),
	FIELD(struct vga, regs.seq, 1),
	FIELD(struct vga, regs.gfx, 1),
	FIELD(struct vga, regs.attr, 1),
	FIELD(struct vga, regs.crtc, 1),
	FIELD(struct vga, regs.dac_mask, 1),
	FIELD(struct vga, regs.dac_index, 1),
	FIELD(struct vga, regs.dac_is_read, 1),
	FIELD(struct vga, regs.dac_part, 1),
	FIELD(struct vga, regs.dac_new, 1),
	FIELD(struct vga, regs.palette, 1),
	FIELD(struct vga, regs.latch, 1),
	FIELD(struct vga, regs.dispi_index, 1),
	FIELD(struct vga, regs.dispi, 1),
};

static const struct dev_class vga_class = {
	.name = "vga",
	.spec = "VGA",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = vga_reset,
	.release = vga_release,
	.restored = vga_restored,
};

/* ---- building ---- */

static struct bus_region
region(struct vga *vga, const char *name, u64 base, u64 size, u32 widths,
       u64 (*read)(void *ctx, u64 offset, u32 width),
       void (*write)(void *ctx, u64 offset, u64 value, u32 width))
{
	return (struct bus_region){
		.name = name,
		.base = base,
		.size = size,
		.widths = widths,
		.lock = &vga->pci.dev.lock,
		.read = read,
		.write = write,
		.ctx = vga,
	};
}

static void init_regions(struct vga *vga)
{
	vga->mono_region = region(vga, "vga mono", PORT_MONO, MONO_PORTS, BUS_1,
				  mono_read, mono_write);
	vga->color_region = region(vga, "vga", PORT_COLOR, COLOR_PORTS, BUS_1,
				   color_read, color_write);
	vga->dispi_region = region(vga, "dispi", PORT_DISPI, 4,
				   BUS_2 | BUS_UNALIGNED, dispi_port_read,
				   dispi_port_write);
	vga->window_region = region(vga, "vga window", VGA_WINDOW_GPA,
				    VGA_WINDOW_BYTES, BUS_1_2_4 | BUS_8,
				    vga_window_read, vga_window_write);
	vga->mmio_ports = region(vga, "vga mmio", MMIO_PORTS, COLOR_PORTS,
				 BUS_1, color_read, color_write);
	vga->mmio_dispi = region(vga, "dispi mmio", MMIO_DISPI,
				 2 * VGA_DISPI_COUNT, BUS_2, dispi_mmio_read,
				 dispi_mmio_write);
}

static void init_bars(struct vga *vga, const struct vga_rom *rom)
{
	pci_add_ram(&vga->pci, 0, &vga->vram, PCI_BAR_PREFETCH);
	pci_add_bar(&vga->pci, MMIO_BAR, MMIO_BYTES, 0);
	pci_add_bar_region(&vga->pci, MMIO_BAR, &vga->mmio_ports);
	pci_add_bar_region(&vga->pci, MMIO_BAR, &vga->mmio_dispi);
	if (!rom)
		return;
	vga->rom = (struct pci_ram){
		.host = rom->data, .size = rom->size, .read_only = true};
	pci_add_ram(&vga->pci, PCI_BAR_ROM, &vga->rom, 0);
}

static int init_memory(struct vga *vga)
{
	void *vram = mmap(NULL, VGA_VRAM_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	vga->vram = (struct pci_ram){.size = VGA_VRAM_BYTES};
	if (vram == MAP_FAILED)
		return trace_err(-errno);
	vga->vram.host = vram;
	return display_init(&vga->display, &(struct display_source){
						   .draw = vga_draw,
						   .ctx = vga,
					   });
}

int vga_init(struct vga *vga, const struct vga_config *config)
{
	int err;

	*vga = (struct vga){.mem = config->mem, .host = config->host};
	pci_dev_init(&vga->pci, &vga_class,
		     &(struct pci_identity){
			     .vendor = VGA_VENDOR,
			     .device = VGA_DEVICE,
			     .subsystem_vendor = PCI_SUBSYSTEM_VENDOR_VIRTUAL,
			     .subsystem = PCI_SUBSYSTEM_VIRTUAL,
			     .class = 0x0300, /* VGA compatible */
		     });
	err = init_memory(vga);
	if (err)
		return err;
	init_regions(vga);
	init_bars(vga, config->rom);
	dev_reset(&vga->pci.dev);
	return 0;
}
