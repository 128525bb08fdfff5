/* SPDX-License-Identifier: MIT */
/*
 * The board: every device of the machine, its place on the two buses and its
 * wires. board_build is the whole of `micro`, top to bottom, and what `q35` has
 * in common with it; q35.c has the rest.
 */
#ifndef VMM_MACHINE_BOARD_H
#define VMM_MACHINE_BOARD_H

#include "vmm/bus/bus.h"
#include "vmm/char/chardev.h"
#include "vmm/dev/acpi_pm/acpi_pm.h"
#include "vmm/dev/debug_console/debug_console.h"
#include "vmm/dev/host.h"
#include "vmm/dev/i8042/i8042.h"
#include "vmm/dev/mc146818/mc146818.h"
#include "vmm/dev/ns16550a/ns16550a.h"
#include "vmm/dev/pflash/pflash.h"
#include "vmm/dev/port92/port92.h"
#include "vmm/dev/post_code/post_code.h"
#include "vmm/dev/test_exit/test_exit.h"
#include "vmm/firmware/fw_cfg/fw_cfg.h"
#include "vmm/input/input.h"
#include "vmm/machine/q35.h"
#include "vmm/memory/guest_mem.h"

#define BOARD_DEV_MAX	   96
#define BOARD_PORTS_SIZE   0x10000
#define BOARD_PM_BASE_PORT 0x600
#define BOARD_COM1_PORT	   0x3f8
#define BOARD_RTC_PORT	   0x70
#define BOARD_FLASH_MAX	   2

enum board_irq {
	IRQ_KEYBOARD = 1,
	IRQ_COM1 = 4,
	IRQ_RTC = 8,
	IRQ_SCI = 9,
	IRQ_MOUSE = 12,
};

enum board_kind {
	BOARD_MICRO, /* no PCI */
	BOARD_Q35,
};

enum board_bus {
	BOARD_VIRTIO,
	BOARD_SATA,
};

struct board_disk {
	struct block *block; /* borrowed: must outlive the board */
	const char *path;    /* borrowed; for people: what the block is of */
	const char *serial;  /* "" for none */
	enum board_bus bus;
	bool cdrom; /* of SATA; `block` NULL: the drive is empty */
};

struct board_net {
	struct netdev *netdev; /* borrowed: must outlive the board */
	u8 mac[NETDEV_MAC_BYTES];
};

/* What the board is plugged into. */
struct kvm_run;

struct board_config {
	enum board_kind kind;
	struct guest_mem *mem;	       /* borrowed: must outlive the board */
	struct dev_host *host;	       /* borrowed, too */
	struct chardev *serial;	       /* borrowed, too; may be NULL */
	struct chardev *debug_console; /* borrowed, too; may be NULL */
	bool test_exit;
	u16 cpu_count;
	const struct board_disk *disk; /* of Q35; in the order of their slots */
	u32 disk_count;
	const struct board_net *net;
	u32 net_count;
	/* Of its virtio console, the first one the console itself; 0: none. */
	const struct console_port_setup *port;
	u32 port_count;
	const struct pflash_config *flash; /* any kind's */
	u32 flash_count;		   /* 0..BOARD_FLASH_MAX */
	bool vga;			   /* of Q35 */
	const struct vga_rom *vga_rom;	   /* borrowed, too; or NULL */
	void (*set_irq)(void *ctx, u32 irq, bool level);
	void (*send_msi)(void *ctx, u64 address, u32 data);
	void (*power)(void *ctx, enum power_event event, int status);
	/* As pci_bus.set_ram; may be NULL. */
	int (*set_ram)(void *ctx, const struct pci_ram *ram, u64 gpa);
	void *ctx; /* of the four */
};

struct board {
	enum board_kind kind;
	struct bus pio, mmio;
	void (*send_msi)(void *ctx, u64 address, u32 data);
	int (*set_ram)(void *ctx, const struct pci_ram *ram, u64 gpa);
	void *ctx;
	struct dev *dev[BOARD_DEV_MAX]; /* in the order of the build */
	u32 dev_count;
	struct input input; /* where keys and movements go in */

	struct post_code post_code;
	struct debug_console debug_console;
	struct i8042 i8042;
	struct port92 port92;
	struct mc146818 rtc;
	struct acpi_pm pm;
	struct ns16550a com1;
	struct fw_cfg fw_cfg;
	struct pflash flash[BOARD_FLASH_MAX];
	struct test_exit test_exit;
	struct q35 q35; /* of that kind */
};

/* -ENOMEM; board_release it in any case. */
must_check int board_build(struct board *board,
			   const struct board_config *config);
void board_release(struct board *board);
/* Both on the loop's thread, while no vCPU runs. */
void board_quiesce(struct board *board);
void board_reset(struct board *board);

/* For those who build: at the end of the list, and onto a bus. */
void board_add_dev(struct board *board, struct dev *dev);
void board_add_ports(struct board *board, struct bus_region *region);
void board_add_memory(struct board *board, struct bus_region *region);

/*
 * What a vCPU asks of the devices: KVM_EXIT_IO and KVM_EXIT_MMIO. On its thread;
 * answers go into `run`. [KVM-API 5 "The kvm_run structure"]
 */
void board_io(struct board *board, struct kvm_run *run);
void board_mmio(struct board *board, struct kvm_run *run);

#endif
