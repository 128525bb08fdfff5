/* SPDX-License-Identifier: MIT */
/* The keyboard controller: see i8042.h. */
#include "vmm/dev/i8042/i8042.h"

#include <errno.h>

#include "base/err.h"
#include "vmm/dev/i8042/translate.h"
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
	CMD_A20_OFF = 0xdd, /* these two of some makers' controllers */
	CMD_A20_ON = 0xdf,
	CMD_PULSE = 0xf0, /* to 0xff: the lines whose bit is 0 */
};

#define SELF_TEST_PASSED 0x55
/* "Clock line stuck low": what a port with nothing on it tests as. */
#define AUX_TEST_STUCK 0x01
#define KEY_RELEASED   0xf0

/* ---- the output buffer ---- */

/* One that was not yet in the buffer is lost: nobody waits for it any more. */
static void reply_as(struct i8042 *kbc, enum i8042_source source, u8 byte)
{
	kbc->reply = byte;
	kbc->reply_source = (u8)source;
}

static void reply(struct i8042 *kbc, u8 byte)
{
	reply_as(kbc, I8042_KEYBOARD, byte);
}

static void put_buffer(struct i8042 *kbc, enum i8042_source source, u8 byte)
{
	kbc->buffer = byte;
	kbc->buffer_source = (u8)source;
}

static void take_keyboard_byte(struct i8042 *kbc)
{
	u8 byte = ps2_out_pop(&kbc->keyboard.out);

	if (!(kbc->ctr & I8042_CTR_TRANSLATE)) {
		put_buffer(kbc, I8042_KEYBOARD, byte);
		return;
	}
	if (byte == KEY_RELEASED) {
		kbc->released = true;
		return;
	}
	put_buffer(kbc, I8042_KEYBOARD,
		   i8042_translate(byte) | (kbc->released ? 0x80 : 0));
	kbc->released = false;
}

static void fill_buffer(struct i8042 *kbc)
{
	if (!kbc->buffer_source && kbc->reply_source) {
		put_buffer(kbc, kbc->reply_source, kbc->reply);
		kbc->reply_source = I8042_NOBODY;
	}
	while (!kbc->buffer_source && !(kbc->ctr & I8042_CTR_KBD_DISABLE) &&
	       ps2_out_ready(&kbc->keyboard.out))
		take_keyboard_byte(kbc);
	if (!kbc->buffer_source && !(kbc->ctr & I8042_CTR_AUX_DISABLE) &&
	    ps2_out_ready(&kbc->mouse.out)) {
		put_buffer(kbc, I8042_MOUSE, ps2_out_pop(&kbc->mouse.out));
		ps2_mouse_report(&kbc->mouse);
	}
}

static bool kbd_level(const struct i8042 *kbc)
{
	return kbc->buffer_source == I8042_KEYBOARD &&
	       (kbc->ctr & I8042_CTR_KBD_IRQ);
}

static bool aux_level(const struct i8042 *kbc)
{
	return kbc->buffer_source == I8042_MOUSE &&
	       (kbc->ctr & I8042_CTR_AUX_IRQ);
}

/* After whatever may have freed the buffer, or brought something for it. */
static void update(struct i8042 *kbc)
{
	fill_buffer(kbc);
	irq_line_set(&kbc->kbd_irq, kbd_level(kbc));
	irq_line_set(&kbc->aux_irq, aux_level(kbc));
}

/* An empty buffer gives the last byte again. */
static u8 read_buffer(struct i8042 *kbc)
{
	kbc->buffer_source = I8042_NOBODY;
	/* Each byte is an edge of its own on its interrupt line. */
	irq_line_set(&kbc->kbd_irq, false);
	irq_line_set(&kbc->aux_irq, false);
	return kbc->buffer;
}

static u8 read_status(const struct i8042 *kbc)
{
	return (u8)((kbc->buffer_source ? I8042_STATUS_OBF : 0) |
		    (kbc->ctr & I8042_CTR_SYSTEM) | I8042_STATUS_UNLOCK |
		    (kbc->command_last ? I8042_STATUS_COMMAND : 0) |
		    (kbc->buffer_source == I8042_MOUSE ? I8042_STATUS_AUX : 0));
}

/* ---- the controller ---- */

static u8 read_output_port(const struct i8042 *kbc)
{
	u8 lines = kbc->output_port & (u8) ~(I8042_OUT_KBD | I8042_OUT_AUX);

	if (kbc->buffer_source == I8042_KEYBOARD)
		lines |= I8042_OUT_KBD;
	if (kbc->buffer_source == I8042_MOUSE)
		lines |= I8042_OUT_AUX;
	return lines;
}

static void write_output_port(struct i8042 *kbc, u8 value)
{
	kbc->output_port = value;
	if (!(value & I8042_OUT_RESET))
		power_raise(&kbc->power, POWER_RESET, 0);
}

static void write_ctr(struct i8042 *kbc, u8 value)
{
	kbc->ctr = value;
	if (!(value & I8042_CTR_TRANSLATE))
		kbc->released = false;
}

static void self_test(struct i8042 *kbc)
{
	kbc->ctr |= I8042_CTR_SYSTEM;
	(void)read_buffer(kbc); /* what it held is lost */
	reply(kbc, SELF_TEST_PASSED);
}

static void controller_command(struct i8042 *kbc, u8 command)
{
	kbc->pending = 0;
	switch (command) {
	case CMD_READ_CTR:
		reply(kbc, kbc->ctr);
		break;
	case CMD_AUX_DISABLE:
		kbc->ctr |= I8042_CTR_AUX_DISABLE;
		break;
	case CMD_AUX_ENABLE:
		kbc->ctr &= (u8)~I8042_CTR_AUX_DISABLE;
		break;
	case CMD_AUX_TEST:
		reply(kbc, kbc->has_mouse ? 0 : AUX_TEST_STUCK);
		break;
	case CMD_SELF_TEST:
		self_test(kbc);
		break;
	case CMD_KBD_TEST:
		reply(kbc, 0);
		break;
	case CMD_KBD_DISABLE:
		kbc->ctr |= I8042_CTR_KBD_DISABLE;
		break;
	case CMD_KBD_ENABLE:
		kbc->ctr &= (u8)~I8042_CTR_KBD_DISABLE;
		break;
	case CMD_READ_INPUT:
		reply(kbc, 0x80); /* the key lock is open */
		break;
	case CMD_READ_OUTPUT:
		reply(kbc, read_output_port(kbc));
		break;
	case CMD_A20_OFF:
		kbc->output_port &= (u8)~I8042_OUT_A20;
		break;
	case CMD_A20_ON:
		kbc->output_port |= I8042_OUT_A20;
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

/* A word to a device turns its interface on. */
static void write_mouse(struct i8042 *kbc, u8 byte)
{
	if (!kbc->has_mouse) /* nobody there: no answer */
		return;
	kbc->ctr &= (u8)~I8042_CTR_AUX_DISABLE;
	ps2_mouse_write(&kbc->mouse, byte);
}

static void data_write(struct i8042 *kbc, u8 byte)
{
	u8 command = kbc->pending;

	kbc->pending = 0;
	switch (command) {
	case CMD_WRITE_CTR:
		write_ctr(kbc, byte);
		break;
	case CMD_WRITE_OUTPUT:
		write_output_port(kbc, byte);
		break;
	case CMD_WRITE_KBD_BUFFER:
		reply(kbc, byte);
		break;
	case CMD_WRITE_AUX_BUFFER:
		/*
		 * Without a mouse port its buffer's echo is the keyboard's: no
		 * driver waits for it.
		 */
		reply_as(kbc, kbc->has_mouse ? I8042_MOUSE : I8042_KEYBOARD,
			 byte);
		break;
	case CMD_WRITE_AUX:
		write_mouse(kbc, byte);
		break;
	default:
		kbc->ctr &= (u8)~I8042_CTR_KBD_DISABLE;
		ps2_keyboard_write(&kbc->keyboard, byte);
		break;
	}
}

static u64 i8042_data_read(void *ctx, u64 offset, u32 width)
{
	struct i8042 *kbc = ctx;
	u8 value = read_buffer(kbc);

	(void)offset;
	(void)width;
	update(kbc);
	return value;
}

static void i8042_data_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct i8042 *kbc = ctx;

	(void)offset;
	(void)width;
	kbc->command_last = false;
	data_write(kbc, (u8)value);
	update(kbc);
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
	kbc->command_last = true;
	controller_command(kbc, (u8)value);
	update(kbc);
}

/* ---- the user's side ---- */

static void on_key(void *ctx, const struct input_event *event)
{
	struct i8042 *kbc = ctx;

	mutex_lock(&kbc->dev.lock);
	ps2_keyboard_key(&kbc->keyboard, event->key, event->down);
	update(kbc);
	mutex_unlock(&kbc->dev.lock);
}

static bool has_untaken_keys(void *ctx)
{
	struct i8042 *kbc = ctx;
	bool busy;

	mutex_lock(&kbc->dev.lock);
	busy = kbc->keyboard.out.data_count;
	mutex_unlock(&kbc->dev.lock);
	return busy;
}

static void on_mouse(void *ctx, const struct input_event *event)
{
	struct i8042 *kbc = ctx;

	mutex_lock(&kbc->dev.lock);
	if (event->kind == INPUT_BUTTON)
		ps2_mouse_button(&kbc->mouse, event->button, event->down);
	else
		ps2_mouse_move(&kbc->mouse, event->axis, event->value);
	update(kbc);
	mutex_unlock(&kbc->dev.lock);
}

static void on_mouse_sync(void *ctx)
{
	struct i8042 *kbc = ctx;

	mutex_lock(&kbc->dev.lock);
	ps2_mouse_report(&kbc->mouse);
	update(kbc);
	mutex_unlock(&kbc->dev.lock);
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
	kbc->command_last = false;
	put_buffer(kbc, I8042_NOBODY, 0);
	reply_as(kbc, I8042_NOBODY, 0);
	kbc->released = false;
	ps2_keyboard_reset(&kbc->keyboard);
	ps2_mouse_reset(&kbc->mouse);
	irq_line_set(&kbc->kbd_irq, false);
	irq_line_set(&kbc->aux_irq, false);
}

static bool source_is_valid(const struct i8042 *kbc, u8 source)
{
	return source < I8042_MOUSE || (source == I8042_MOUSE && kbc->has_mouse);
}

static int i8042_restored(struct dev *dev)
{
	struct i8042 *kbc = kbc_of(dev);

	if (!source_is_valid(kbc, kbc->buffer_source) ||
	    !source_is_valid(kbc, kbc->reply_source) ||
	    !ps2_keyboard_is_valid(&kbc->keyboard) ||
	    !ps2_mouse_is_valid(&kbc->mouse))
		return trace_err(-EINVAL);
	irq_line_refresh(&kbc->kbd_irq, kbd_level(kbc));
	irq_line_refresh(&kbc->aux_irq, aux_level(kbc));
	return 0;
}

/* The ports are the keyboard's; the mouse's driver knows where they are. */
static void i8042_acpi(const struct dev *dev, struct aml *aml)
{
	const struct i8042 *kbc = container_of(dev, const struct i8042, dev);

	aml_device_begin(aml, "PS2K");
	aml_name_eisaid(aml, "_HID", "PNP0303");
	aml_name_integer(aml, "_STA", 0x0f);
	aml_crs_begin(aml);
	aml_crs_io(aml, I8042_PORT_DATA, 1);
	aml_crs_io(aml, I8042_PORT_COMMAND, 1);
	aml_crs_irq(aml, kbc->kbd_irq.irq);
	aml_crs_end(aml);
	aml_device_end(aml);
	if (!kbc->has_mouse)
		return;
	aml_device_begin(aml, "PS2M");
	aml_name_eisaid(aml, "_HID", "PNP0F13");
	aml_name_integer(aml, "_STA", 0x0f);
	aml_crs_begin(aml);
	aml_crs_irq(aml, kbc->aux_irq.irq);
	aml_crs_end(aml);
	aml_device_end(aml);
}

#define OUT_FIELDS(device)                                       \
	FIELD(struct i8042, device.out.answer, 1),               \
		FIELD(struct i8042, device.out.answer_at, 1),    \
		FIELD(struct i8042, device.out.answer_count, 1), \
		FIELD(struct i8042, device.out.data, 1),         \
		FIELD(struct i8042, device.out.data_head, 1),    \
		FIELD(struct i8042, device.out.data_count, 1),   \
		FIELD(struct i8042, device.out.last, 1)

static const struct field fields[] = {
	FIELD(struct i8042, ctr, 1),
	FIELD(struct i8042, output_port, 1),
	FIELD(struct i8042, pending, 1),
	FIELD(struct i8042, command_last, 1),
	FIELD(struct i8042, buffer, 1),
	FIELD(struct i8042, buffer_source, 1),
	FIELD(struct i8042, reply, 1),
	FIELD(struct i8042, reply_source, 1),
	FIELD(struct i8042, released, 1),
	OUT_FIELDS(keyboard),
	FIELD(struct i8042, keyboard.pending, 1),
	FIELD(struct i8042, keyboard.scan_set, 1),
	FIELD(struct i8042, keyboard.scanning, 1),
	FIELD(struct i8042, keyboard.leds, 1),
	FIELD(struct i8042, keyboard.typematic, 1),
	FIELD(struct i8042, keyboard.down, 1),
	OUT_FIELDS(mouse),
	FIELD(struct i8042, mouse.pending, 1),
	FIELD(struct i8042, mouse.id, 1),
	FIELD(struct i8042, mouse.rate, 1),
	FIELD(struct i8042, mouse.resolution, 1),
	FIELD(struct i8042, mouse.earlier_rate, 1),
	FIELD(struct i8042, mouse.doubled, 1),
	FIELD(struct i8042, mouse.reporting, 1),
	FIELD(struct i8042, mouse.remote, 1),
	FIELD(struct i8042, mouse.wrapping, 1),
	FIELD(struct i8042, mouse.buttons, 1),
	FIELD(struct i8042, mouse.told, 1),
	FIELD(struct i8042, mouse.x, 1),
	FIELD(struct i8042, mouse.y, 1),
	FIELD(struct i8042, mouse.wheel, 1),
	FIELD(struct i8042, mouse.side_wheel, 1),
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

static void init_sinks(struct i8042 *kbc)
{
	kbc->keyboard_sink = (struct input_sink){
		.name = "PS/2 keyboard",
		.kinds = BIT(INPUT_KEY),
		.event = on_key,
		.busy = has_untaken_keys,
		.ctx = kbc,
	};
	kbc->mouse_sink = (struct input_sink){
		.name = "PS/2 mouse",
		.kinds = BIT(INPUT_BUTTON) | BIT(INPUT_REL),
		.event = on_mouse,
		.sync = on_mouse_sync,
		.ctx = kbc,
	};
}

void i8042_init(struct i8042 *kbc, const struct i8042_config *config)
{
	*kbc = (struct i8042){
		.kbd_irq = config->kbd_irq,
		.aux_irq = config->aux_irq,
		.has_mouse = config->has_mouse,
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
	init_sinks(kbc);
	dev_reset(&kbc->dev);
}
