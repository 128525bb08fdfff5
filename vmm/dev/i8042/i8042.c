/* SPDX-License-Identifier: MIT */
/* The keyboard controller and its keyboard: see i8042.h. */
#include "vmm/dev/i8042/i8042.h"

#include <errno.h>

#include "base/err.h"
#include "vmm/firmware/acpi/aml.h"

/* Controller commands. [I8042 "Command Register"] */
enum {
	CMD_READ_CTR = 0x20,
	CMD_WRITE_CTR = 0x60,
	CMD_AUX_DISABLE = 0xa7,
	CMD_AUX_ENABLE = 0xa8,
	CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_KBD_TEST = 0xab,
	CMD_KBD_DISABLE = 0xad,
	CMD_KBD_ENABLE = 0xae,
	CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1,
	CMD_WRITE_KBD_BUFFER = 0xd2,
	CMD_WRITE_AUX_BUFFER = 0xd3,
	CMD_WRITE_AUX = 0xd4,
	CMD_PULSE = 0xf0, /* to 0xff: the lines whose bit is 0 */
};

/* Keyboard commands and answers. [I8042 "Keyboard Commands"] */
enum {
	KBD_SET_LEDS = 0xed,
	KBD_ECHO = 0xee,
	KBD_SCAN_SET = 0xf0,
	KBD_IDENTIFY = 0xf2,
	KBD_SET_RATE = 0xf3,
	KBD_ENABLE = 0xf4,
	KBD_DISABLE = 0xf5,
	KBD_DEFAULTS = 0xf6,
	KBD_RESET = 0xff,
	KBD_ACK = 0xfa,
	KBD_RESEND = 0xfe,
	KBD_TEST_PASSED = 0xaa,
};

#define SELF_TEST_PASSED 0x55
/* "Clock line stuck low": what a port with nothing on it tests as. */
#define AUX_TEST_STUCK 0x01

/* ---- the output buffer ---- */

/* More than fits is lost, as with a keyboard's own buffer. */
static void answer(struct i8042 *kbc, u8 byte)
{
	if (kbc->queue_count == I8042_QUEUE_BYTES)
		return;
	kbc->queue[(kbc->queue_head + kbc->queue_count) % I8042_QUEUE_BYTES] =
		byte;
	kbc->queue_count++;
}

static void update_irq(struct i8042 *kbc)
{
	irq_line_set(&kbc->kbd_irq,
		     kbc->queue_count && (kbc->ctr & I8042_CTR_KBD_IRQ));
}

static u8 read_output_buffer(struct i8042 *kbc)
{
	u8 byte = kbc->queue[kbc->queue_head];

	/* An empty buffer gives the last byte again. */
	if (!kbc->queue_count)
		return kbc->queue[(kbc->queue_head + I8042_QUEUE_BYTES - 1) %
				  I8042_QUEUE_BYTES];
	kbc->queue_head = (u8)((kbc->queue_head + 1) % I8042_QUEUE_BYTES);
	kbc->queue_count--;
	/* Each byte is an edge of its own on the interrupt line. */
	irq_line_set(&kbc->kbd_irq, false);
	return byte;
}

static u8 read_status(const struct i8042 *kbc)
{
	return (u8)((kbc->queue_count ? I8042_STATUS_OBF : 0) |
		    (kbc->ctr & I8042_CTR_SYSTEM) | I8042_STATUS_UNLOCK |
		    (kbc->pending ? I8042_STATUS_COMMAND : 0));
}

/* ---- the keyboard ---- */

static void keyboard_defaults(struct i8042 *kbc)
{
	kbc->kbd_pending = 0;
	kbc->scan_set = 2;
	kbc->scanning = true;
}

/* The byte after a command that takes one. */
static void keyboard_data(struct i8042 *kbc, u8 byte)
{
	u8 command = kbc->kbd_pending;

	kbc->kbd_pending = 0;
	answer(kbc, KBD_ACK);
	if (command == KBD_SCAN_SET && byte == 0)
		answer(kbc, kbc->scan_set);
	else if (command == KBD_SCAN_SET && byte <= 3)
		kbc->scan_set = byte;
}

static void keyboard_command(struct i8042 *kbc, u8 byte)
{
	switch (byte) {
	case KBD_ECHO:
		answer(kbc, KBD_ECHO);
		return;
	case KBD_SET_LEDS:
	case KBD_SCAN_SET:
	case KBD_SET_RATE:
		kbc->kbd_pending = byte;
		break;
	case KBD_IDENTIFY:
		answer(kbc, KBD_ACK);
		answer(kbc, 0xab);
		answer(kbc, kbc->ctr & I8042_CTR_TRANSLATE ? 0x41 : 0x83);
		return;
	case KBD_ENABLE:
	case KBD_DISABLE:
		kbc->scanning = byte == KBD_ENABLE;
		break;
	case KBD_DEFAULTS:
		keyboard_defaults(kbc);
		break;
	case KBD_RESET:
		keyboard_defaults(kbc);
		answer(kbc, KBD_ACK);
		answer(kbc, KBD_TEST_PASSED);
		return;
	default:
		answer(kbc, KBD_RESEND);
		return;
	}
	answer(kbc, KBD_ACK);
}

static void keyboard_write(struct i8042 *kbc, u8 byte)
{
	/* Commands have the top bits set and end one that waits for data. */
	if (kbc->kbd_pending && byte < KBD_SET_LEDS)
		keyboard_data(kbc, byte);
	else
		keyboard_command(kbc, byte);
}

/* ---- the controller ---- */

static void write_output_port(struct i8042 *kbc, u8 value)
{
	kbc->output_port = value;
	if (!(value & I8042_OUT_RESET))
		power_raise(&kbc->power, POWER_RESET, 0);
}

static void controller_command(struct i8042 *kbc, u8 command)
{
	kbc->pending = 0;
	switch (command) {
	case CMD_READ_CTR:
		answer(kbc, kbc->ctr);
		break;
	case CMD_AUX_DISABLE:
		kbc->ctr |= I8042_CTR_AUX_DISABLE;
		break;
	case CMD_AUX_ENABLE:
		kbc->ctr &= (u8)~I8042_CTR_AUX_DISABLE;
		break;
	case CMD_AUX_TEST:
		answer(kbc, AUX_TEST_STUCK);
		break;
	case CMD_SELF_TEST:
		kbc->ctr |= I8042_CTR_SYSTEM;
		kbc->queue_count = 0;
		answer(kbc, SELF_TEST_PASSED);
		break;
	case CMD_KBD_TEST:
		answer(kbc, 0);
		break;
	case CMD_KBD_DISABLE:
		kbc->ctr |= I8042_CTR_KBD_DISABLE;
		break;
	case CMD_KBD_ENABLE:
		kbc->ctr &= (u8)~I8042_CTR_KBD_DISABLE;
		break;
	case CMD_READ_INPUT:
		answer(kbc, 0x80); /* the key lock is open */
		break;
	case CMD_READ_OUTPUT:
		answer(kbc, kbc->output_port);
		break;
	case CMD_WRITE_CTR:
	case CMD_WRITE_OUTPUT:
	case CMD_WRITE_KBD_BUFFER:
	case CMD_WRITE_AUX_BUFFER:
	case CMD_WRITE_AUX:
		kbc->pending = command;
		break;
	default:
		if (command >= CMD_PULSE && !(command & I8042_OUT_RESET))
			power_raise(&kbc->power, POWER_RESET, 0);
		break;
	}
}

static void data_write(struct i8042 *kbc, u8 byte)
{
	u8 command = kbc->pending;

	kbc->pending = 0;
	switch (command) {
	case CMD_WRITE_CTR:
		kbc->ctr = byte;
		break;
	case CMD_WRITE_OUTPUT:
		write_output_port(kbc, byte);
		break;
	case CMD_WRITE_KBD_BUFFER:
	/*
	 * The mouse buffer's echo comes back as the keyboard's: that is how a
	 * controller without a mouse port answers, and no driver waits for it.
	 */
	case CMD_WRITE_AUX_BUFFER:
		answer(kbc, byte);
		break;
	case CMD_WRITE_AUX: /* nobody there: no answer */
		break;
	default:
		kbc->ctr &= (u8)~I8042_CTR_KBD_DISABLE;
		keyboard_write(kbc, byte);
		break;
	}
}

static u64 i8042_data_read(void *ctx, u64 offset, u32 width)
{
	struct i8042 *kbc = ctx;
	u8 value = read_output_buffer(kbc);

	(void)offset;
	(void)width;
	update_irq(kbc);
	return value;
}

static void i8042_data_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct i8042 *kbc = ctx;

	(void)offset;
	(void)width;
	data_write(kbc, (u8)value);
	update_irq(kbc);
}

static u64 i8042_status_read(void *ctx, u64 offset, u32 width)
{
	(void)offset;
	(void)width;
	return read_status(ctx);
}

static void i8042_command_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct i8042 *kbc = ctx;

	(void)offset;
	(void)width;
	controller_command(kbc, (u8)value);
	update_irq(kbc);
}

/* ---- life ---- */

static struct i8042 *kbc_of(struct dev *dev)
{
	return container_of(dev, struct i8042, dev);
}

/* As firmware leaves it: tested, keyboard on, mouse off. */
static void i8042_reset(struct dev *dev)
{
	struct i8042 *kbc = kbc_of(dev);

	kbc->ctr = I8042_CTR_KBD_IRQ | I8042_CTR_SYSTEM |
		   I8042_CTR_AUX_DISABLE | I8042_CTR_TRANSLATE;
	kbc->output_port = 0xcc | I8042_OUT_RESET | I8042_OUT_A20;
	kbc->pending = 0;
	kbc->queue_head = kbc->queue_count = 0;
	keyboard_defaults(kbc);
	irq_line_set(&kbc->kbd_irq, false);
}

static int i8042_restored(struct dev *dev)
{
	struct i8042 *kbc = kbc_of(dev);

	if (kbc->queue_head >= I8042_QUEUE_BYTES ||
	    kbc->queue_count > I8042_QUEUE_BYTES)
		return trace_err(-EINVAL);
	irq_line_refresh(&kbc->kbd_irq,
			 kbc->queue_count && (kbc->ctr & I8042_CTR_KBD_IRQ));
	return 0;
}

static void i8042_acpi(const struct dev *dev, struct aml *aml)
{
	const struct i8042 *kbc = container_of(dev, const struct i8042, dev);

	aml_device_begin(aml, "KBD");
	aml_name_eisaid(aml, "_HID", "PNP0303");
	aml_name_integer(aml, "_STA", 0x0f);
	aml_crs_begin(aml);
	aml_crs_io(aml, I8042_PORT_DATA, 1);
	aml_crs_io(aml, I8042_PORT_COMMAND, 1);
	aml_crs_irq(aml, kbc->kbd_irq.irq);
	aml_crs_end(aml);
	aml_device_end(aml);
}

static const struct field fields[] = {
	FIELD(struct i8042, ctr, 1),
	FIELD(struct i8042, output_port, 1),
	FIELD(struct i8042, pending, 1),
	FIELD(struct i8042, kbd_pending, 1),
	FIELD(struct i8042, scan_set, 1),
	FIELD(struct i8042, scanning, 1),
	FIELD(struct i8042, queue, 1),
	FIELD(struct i8042, queue_head, 1),
	FIELD(struct i8042, queue_count, 1),
};

static const struct dev_class i8042_class = {
	.name = "i8042",
	.spec = "I8042",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = i8042_reset,
	.restored = i8042_restored,
	.acpi = i8042_acpi,
};

void i8042_init(struct i8042 *kbc, const struct i8042_config *config)
{
	*kbc = (struct i8042){
		.kbd_irq = config->kbd_irq,
		.power = config->power,
		.data_region = {.name = "i8042 data",
				.base = I8042_PORT_DATA,
				.read = i8042_data_read,
				.write = i8042_data_write},
		.command_region = {.name = "i8042 command",
				   .base = I8042_PORT_COMMAND,
				   .read = i8042_status_read,
				   .write = i8042_command_write},
	};
	dev_init(&kbc->dev, &i8042_class);
	kbc->data_region.size = kbc->command_region.size = 1;
	kbc->data_region.widths = kbc->command_region.widths = BUS_1;
	kbc->data_region.lock = kbc->command_region.lock = &kbc->dev.lock;
	kbc->data_region.ctx = kbc->command_region.ctx = kbc;
	dev_reset(&kbc->dev);
}
