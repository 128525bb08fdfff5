/* SPDX-License-Identifier: MIT */
/*
 * The board: every device of the machine, its place on the two buses and its
 * wires. board_build is the whole of it, top to bottom.
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
#include "vmm/dev/port92/port92.h"
#include "vmm/dev/post_code/post_code.h"
#include "vmm/dev/test_exit/test_exit.h"
#include "vmm/firmware/fw_cfg/fw_cfg.h"
#include "vmm/memory/guest_mem.h"

#define BOARD_DEV_MAX	   32
#define BOARD_PORTS_SIZE   0x10000
#define BOARD_PM_BASE_PORT 0x600
#define BOARD_COM1_PORT	   0x3f8
#define BOARD_RTC_PORT	   0x70

enum board_irq {
	IRQ_KEYBOARD = 1,
	IRQ_COM1 = 4,
	IRQ_RTC = 8,
	IRQ_SCI = 9,
};

/* What the board is plugged into. */
struct kvm_run;

struct board_config {
	struct guest_mem *mem;	       /* borrowed: must outlive the board */
	struct dev_host *host;	       /* borrowed, too */
	struct chardev *serial;	       /* borrowed, too; may be NULL */
	struct chardev *debug_console; /* borrowed, too; may be NULL */
	bool test_exit;
	u16 cpu_count;
	void (*set_irq)(void *ctx, u32 irq, bool level);
	void (*power)(void *ctx, enum power_event event, int status);
	void *ctx; /* of the two */
};

struct board {
	struct bus pio, mmio;
	struct dev *dev[BOARD_DEV_MAX]; /* in the order of the build */
	u32 dev_count;

	struct post_code post_code;
	struct debug_console debug_console;
	struct i8042 i8042;
	struct port92 port92;
	struct mc146818 rtc;
	struct acpi_pm pm;
	struct ns16550a com1;
	struct fw_cfg fw_cfg;
	struct test_exit test_exit;
};

void board_build(struct board *board, const struct board_config *config);
void board_release(struct board *board);
void board_reset(struct board *board);

/*
 * What a vCPU asks of the devices: KVM_EXIT_IO and KVM_EXIT_MMIO. On its thread;
 * answers go into `run`. [KVM-API 5 "The kvm_run structure"]
 */
void board_io(struct board *board, struct kvm_run *run);
void board_mmio(struct board *board, struct kvm_run *run);

#endif
