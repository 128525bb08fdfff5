/* SPDX-License-Identifier: MIT */
/*
 * 8042: the keyboard controller of a PC, ports 0x60 and 0x64, and the
 * keyboard behind it. [I8042]
 *
 * The keyboard is there and answers its commands, but nobody types on it
 * yet. There is no mouse: the controller says so at once, so that no driver
 * waits for one. Translation to scan set 1 is kept as a bit only. Commands
 * take no time; the input buffer is never full. Pulsing output line 0 resets
 * the machine; the A20 line is kept and gates nothing, for nothing today
 * runs with it off.
 */
#ifndef VMM_DEV_I8042_I8042_H
#define VMM_DEV_I8042_I8042_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define I8042_PORT_DATA	   0x60
#define I8042_PORT_COMMAND 0x64
#define I8042_QUEUE_BYTES  16

#define I8042_STATUS_OBF     0x01
#define I8042_STATUS_IBF     0x02
#define I8042_STATUS_SYSTEM  0x04
#define I8042_STATUS_COMMAND 0x08
#define I8042_STATUS_UNLOCK  0x10
#define I8042_STATUS_AUX     0x20

#define I8042_CTR_KBD_IRQ     0x01
#define I8042_CTR_AUX_IRQ     0x02
#define I8042_CTR_SYSTEM      0x04
#define I8042_CTR_KBD_DISABLE 0x10
#define I8042_CTR_AUX_DISABLE 0x20
#define I8042_CTR_TRANSLATE   0x40

#define I8042_OUT_RESET 0x01 /* active low */
#define I8042_OUT_A20	0x02

struct i8042_config {
	struct irq_line kbd_irq;
	struct power_line power;
};

struct i8042 {
	struct dev dev;
	struct bus_region data_region, command_region;
	struct irq_line kbd_irq;
	struct power_line power;

	u8 ctr;		/* the command byte, CTR */
	u8 output_port; /* without the OBF mirror bits */
	u8 pending; /* controller command that awaits its data byte, 0 = none */
	u8 kbd_pending; /* keyboard command that awaits its data byte */
	u8 scan_set;
	bool scanning;
	/* What the host will read, oldest first. */
	u8 queue[I8042_QUEUE_BYTES];
	u8 queue_head, queue_count;
};

void i8042_init(struct i8042 *kbc, const struct i8042_config *config);

#endif
