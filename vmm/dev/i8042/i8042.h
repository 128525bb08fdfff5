/* SPDX-License-Identifier: MIT */
/*
 * 8042: the keyboard controller of a PC, ports 0x60 and 0x64, with the keyboard
 * and the mouse behind it. [I8042]
 *
 * The output buffer holds one byte: the controller's own answer, else the
 * keyboard's next byte, else the mouse's; the next one comes when the guest has
 * read it, with an edge of its own on the interrupt line. What the keyboard says
 * is translated from scan code set 2 to set 1 while the command byte says so.
 * Commands take no time; the input buffer is never full. Pulsing output line 0
 * resets the machine; the A20 line is kept and gates nothing, for nothing today
 * runs with it off. Parity errors, time-outs and the password are not there.
 *
 * A controller without a mouse says so at once, so that no driver waits for one.
 *
 * Keys and movements come from the loop's thread by the two sinks.
 */
#ifndef VMM_DEV_I8042_I8042_H
#define VMM_DEV_I8042_I8042_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"
#include "vmm/dev/i8042/ps2_keyboard.h"
#include "vmm/dev/i8042/ps2_mouse.h"
#include "vmm/input/input.h"

#define I8042_PORT_DATA	   0x60
#define I8042_PORT_COMMAND 0x64

#define I8042_STATUS_OBF     0x01
#define I8042_STATUS_IBF     0x02
#define I8042_STATUS_SYSTEM  0x04
#define I8042_STATUS_COMMAND 0x08 /* the last write was a command */
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
#define I8042_OUT_KBD	0x10 /* what is in the buffer is the keyboard's */
#define I8042_OUT_AUX	0x20 /* or the mouse's */

struct i8042_config {
	struct irq_line kbd_irq, aux_irq;
	bool has_mouse;
	struct power_line power;
};

/* Whose byte it is; the controller's own are the keyboard's. */
enum i8042_source {
	I8042_NOBODY,
	I8042_KEYBOARD,
	I8042_MOUSE,
};

struct i8042 {
	struct dev dev;
	struct bus_region data_region, command_region;
	struct input_sink keyboard_sink, mouse_sink; /* for the board to add */
	struct irq_line kbd_irq, aux_irq;
	struct power_line power;
	bool has_mouse;

	u8 ctr;		/* the command byte, CTR */
	u8 output_port; /* without the bits of the output buffer */
	u8 pending; /* controller command that awaits its data byte, 0 = none */
	bool command_last;
	u8 buffer, buffer_source; /* the output buffer; stays when it is read */
	u8 reply, reply_source;	  /* the controller's own, when it is free */
	bool released; /* the keyboard said 0xf0: bit 7 of the next byte */
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
};

void i8042_init(struct i8042 *kbc, const struct i8042_config *config);

#endif
