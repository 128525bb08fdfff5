/* SPDX-License-Identifier: MIT */
/*
 * What makes a board a Q35: the PCI host, the LPC bridge, and the cards on the
 * root bus. q35_build is all of it, top to bottom.
 */
#ifndef VMM_MACHINE_Q35_H
#define VMM_MACHINE_Q35_H

#include "base/err.h"
#include "vmm/dev/ahci/ahci.h"
#include "vmm/dev/ich9_lpc/ich9_lpc.h"
#include "vmm/dev/q35_mch/q35_mch.h"
#include "vmm/dev/vga/vga.h"
#include "vmm/virtio/blk/blk.h"
#include "vmm/virtio/console/console.h"
#include "vmm/virtio/net/net.h"
#include "vmm/virtio/pci/virtio_pci.h"
#include "vmm/virtio/rng/rng.h"

#define Q35_VERSION "q35-1" /* what `q35` stands for */

#define Q35_DISK_MAX 16
#define Q35_SATA_MAX AHCI_PORT_COUNT /* of these */
#define Q35_NET_MAX  8
#define Q35_CARD_MAX (2 + Q35_DISK_MAX + Q35_NET_MAX) /* in slots 1 to 30 */

struct board;
struct board_config;

struct q35 {
	struct pci_bus bus;
	struct q35_mch mch;
	struct ich9_lpc lpc;
	struct virtio_pci card[Q35_CARD_MAX];
	u32 card_count;
	struct virtio_rng rng;
	struct virtio_blk *disk[Q35_DISK_MAX]; /* owned */
	u32 disk_count;
	struct ahci *ahci;		     /* owned; NULL: none */
	struct virtio_net *net[Q35_NET_MAX]; /* owned */
	u32 net_count;
	struct virtio_console *console; /* owned; NULL: none */
	struct vga *vga;		/* owned; NULL: none */
};

/* Onto a board that has a PC's old devices. -ENOMEM. */
must_check int q35_build(struct board *board, const struct board_config *config);
/* After its devices were released. */
void q35_release(struct q35 *q35);

/* What firmware does, for a kernel that is started without. */
void q35_assign(struct q35 *q35);

#endif
