/* SPDX-License-Identifier: MIT */
/*
 * The Q35 board's PCI half:
 *
 *	slot 0		host bridge
 *	slot 1		virtio-rng
 *	slots 2..	disks, network cards, in the order they were given, the
 *			console, and the VGA
 *	slot 31		LPC bridge, and the SATA controller (function 2) where there
 *			is a disk or a CD-ROM drive for it, which then have its
 *			ports in the order they were given
 *
 * What a guest sees in which slot is part of the machine's name: another order
 * is another version.
 */
#include "vmm/machine/q35.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/board.h"

#define FIRST_CARD_SLOT 1

static void set_intx(void *ctx, u32 pirq, bool level)
{
	struct board *board = ctx;

	ich9_lpc_set_pirq(&board->q35.lpc, pirq, level);
}

static void send_msi(void *ctx, u64 address, u32 data)
{
	struct board *board = ctx;

	board->send_msi(board->ctx, address, data);
}

/*
 * A BAR's memory is guest memory where the window would lead there; elsewhere
 * nothing does. One that is put over the ECAM hides it, against a Q35's order.
 */
static int set_ram(void *ctx, const struct pci_ram *ram, u64 gpa)
{
	struct board *board = ctx;

	if (gpa != PCI_RAM_NOWHERE &&
	    (gpa < Q35_WINDOW_START || gpa + ram->size > Q35_WINDOW_END))
		return -ENXIO;
	return board->set_ram ? board->set_ram(board->ctx, ram, gpa) : -ENOSYS;
}

/* Slots are ours to give: a clash is a bug. */
static void plug(struct board *board, struct pci_dev *pci, u8 slot)
{
	int err = pci_plug(&board->q35.bus, pci, slot);

	assert(!err);
	board_add_dev(board, &pci->dev);
}

static void add_card(struct board *board, struct virtio *virtio)
{
	struct q35 *q35 = &board->q35;
	struct virtio_pci *card = &q35->card[q35->card_count];

	assert(q35->card_count < Q35_CARD_MAX);
	board_add_dev(board, &virtio->dev);
	virtio_pci_init(card, virtio);
	plug(board, &card->pci, (u8)(FIRST_CARD_SLOT + q35->card_count));
	q35->card_count++;
}

static int add_disk(struct board *board, const struct board_config *config,
		    const struct board_disk *disk)
{
	struct q35 *q35 = &board->q35;
	struct virtio_blk *blk = malloc(sizeof(*blk));

	assert(q35->disk_count < Q35_DISK_MAX);
	if (!blk)
		return trace_err(-ENOMEM);
	virtio_blk_init(blk, &(struct virtio_blk_setup){
				     .block = disk->block,
				     .serial = disk->serial,
				     .mem = config->mem,
				     .loop = config->host->loop,
			     });
	q35->disk[q35->disk_count++] = blk;
	add_card(board, &blk->virtio);
	return 0;
}

/* Those of the disks that are SATA's share a controller. */
static int add_ahci(struct board *board, const struct board_config *config)
{
	struct q35 *q35 = &board->q35;
	struct ahci_setup setup = {.mem = config->mem,
				   .loop = config->host->loop};
	u32 count = 0;
	int err;

	for (u32 i = 0; i < config->disk_count; i++) {
		const struct board_disk *disk = &config->disk[i];

		if (disk->bus != BOARD_SATA)
			continue;
		assert(count < Q35_SATA_MAX);
		setup.port[count++] = (struct ahci_attached){
			.kind = disk->cdrom ? AHCI_CDROM : AHCI_DISK,
			.block = disk->block,
			.serial = disk->serial,
		};
	}
	if (!count)
		return 0;
	q35->ahci = calloc(1, sizeof(*q35->ahci));
	if (!q35->ahci)
		return trace_err(-ENOMEM);
	ahci_init(q35->ahci, &setup);
	err = pci_plug_function(&q35->bus, &q35->ahci->pci, AHCI_SLOT,
				AHCI_FUNCTION);
	assert(!err);
	board_add_dev(board, &q35->ahci->pci.dev);
	return 0;
}

static int add_net(struct board *board, const struct board_config *config,
		   const struct board_net *card)
{
	struct q35 *q35 = &board->q35;
	struct virtio_net *net = malloc(sizeof(*net));
	struct virtio_net_setup setup = {
		.netdev = card->netdev,
		.mem = config->mem,
		.loop = config->host->loop,
	};

	assert(q35->net_count < Q35_NET_MAX);
	if (!net)
		return trace_err(-ENOMEM);
	memcpy(setup.mac, card->mac, sizeof(setup.mac));
	virtio_net_init(net, &setup);
	q35->net[q35->net_count++] = net;
	add_card(board, &net->virtio);
	return 0;
}

static int add_console(struct board *board, const struct board_config *config)
{
	struct q35 *q35 = &board->q35;

	q35->console = malloc(sizeof(*q35->console));
	if (!q35->console)
		return trace_err(-ENOMEM);
	virtio_console_init(q35->console, config->port, config->port_count,
			    config->mem, config->host->loop);
	add_card(board, &q35->console->virtio);
	return 0;
}

/* The slot is the next card's; it is no virtio card itself. */
static int add_vga(struct board *board, const struct board_config *config)
{
	struct q35 *q35 = &board->q35;
	struct vga *vga = malloc(sizeof(*vga));
	int err;

	if (!vga)
		return trace_err(-ENOMEM);
	err = vga_init(vga, &(struct vga_config){
				    .mem = config->mem,
				    .host = config->host,
				    .rom = config->vga_rom,
			    });
	if (err) {
		dev_release(&vga->pci.dev);
		free(vga);
		return err;
	}
	q35->vga = vga;
	plug(board, &vga->pci, (u8)(FIRST_CARD_SLOT + q35->card_count));
	board_add_ports(board, &vga->mono_region);
	board_add_ports(board, &vga->color_region);
	board_add_ports(board, &vga->dispi_region);
	board_add_memory(board, &vga->window_region);
	return 0;
}

int q35_build(struct board *board, const struct board_config *config)
{
	struct q35 *q35 = &board->q35;
	int err = 0;

	pci_bus_init(&q35->bus, set_intx, send_msi, board);
	q35->bus.set_ram = set_ram;

	/* 0xcf8-0xcff, 0xd00-0xffff, and memory from 2 GiB to the IOAPIC */
	q35_mch_init(&q35->mch, &(struct q35_mch_config){
					.bus = &q35->bus,
					.reset_region = &board->pm.reset_region,
				});
	plug(board, &q35->mch.pci, 0);
	board_add_ports(board, &q35->mch.address_region);
	board_add_ports(board, &q35->mch.data_region);
	board_add_ports(board, &q35->mch.ports_region);
	board_add_memory(board, &q35->mch.window_region);

	/* 0xb2-0xb3, 0x620-0x62f, 0x630-0x637 */
	ich9_lpc_init(&q35->lpc, &(struct ich9_lpc_config){
					 .pm_base_port = BOARD_PM_BASE_PORT,
					 .set_irq = config->set_irq,
					 .ctx = config->ctx,
				 });
	plug(board, &q35->lpc.pci, ICH9_LPC_SLOT);
	board_add_ports(board, &q35->lpc.gpe_region);
	board_add_ports(board, &q35->lpc.smi_region);
	board_add_ports(board, &q35->lpc.apm_region);
	err = add_ahci(board, config);

	virtio_rng_init(&q35->rng, config->mem, config->host);
	add_card(board, &q35->rng.virtio);
	for (u32 i = 0; !err && i < config->disk_count; i++)
		if (config->disk[i].bus == BOARD_VIRTIO)
			err = add_disk(board, config, &config->disk[i]);
	for (u32 i = 0; !err && i < config->net_count; i++)
		err = add_net(board, config, &config->net[i]);
	if (!err && config->port_count)
		err = add_console(board, config);
	if (!err && config->vga)
		err = add_vga(board, config);
	return err;
}

void q35_assign(struct q35 *q35)
{
	q35_mch_enable_ecam(&q35->mch);
	pci_assign(&q35->bus, Q35_BAR_START, Q35_WINDOW_END, 0xc000,
		   Q35_PORTS_END);
}

void q35_release(struct q35 *q35)
{
	while (q35->disk_count)
		free(q35->disk[--q35->disk_count]);
	free(q35->ahci);
	while (q35->net_count)
		free(q35->net[--q35->net_count]);
	free(q35->console);
	free(q35->vga);
	pci_bus_release(&q35->bus);
}
