/* SPDX-License-Identifier: MIT */
/*
 * Any port accesses, any keys and movements between them: queues stay in
 * bounds, what waits can be read to its end, and the state can be saved and
 * restored to the same at any time.
 */
#include "vmm/dev/i8042/i8042.h"

#include <assert.h>

#include "vmm/dev/fake_host.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct bench {
	struct fake_host host;
	struct input input;
	struct i8042 kbc;
};

static void bench_init(struct bench *b, bool has_mouse)
{
	fake_host_init(&b->host);
	input_init(&b->input, &b->host.host);
	i8042_init(&b->kbc, &(struct i8042_config){
				    .kbd_irq = fake_host_irq(&b->host, 1),
				    .aux_irq = fake_host_irq(&b->host, 12),
				    .has_mouse = has_mouse,
				    .power = fake_host_power(&b->host),
			    });
	input_add_sink(&b->input, &b->kbc.keyboard_sink);
	if (has_mouse)
		input_add_sink(&b->input, &b->kbc.mouse_sink);
}

static void by_guest(struct bench *b, u8 how, u8 value)
{
	struct bus_region *region = how & 1 ? &b->kbc.data_region
					    : &b->kbc.command_region;

	if (how & 2)
		(void)region->read(&b->kbc, 0, 1);
	else
		region->write(&b->kbc, 0, value, 1);
}

static void by_user(struct bench *b, u8 how, u8 value)
{
	struct input_event event = {
		.kind = how >> 4 & 3,
		.down = how & 1,
		.value = (s32)((u32)value << (how & 8 ? 24 : 0)),
	};

	if (event.kind == INPUT_KEY)
		event.key = value % QCODE_COUNT;
	else if (event.kind == INPUT_BUTTON)
		event.button = value % INPUT_BUTTON_COUNT;
	else
		event.axis = how & 2 ? INPUT_Y : INPUT_X;
	input_send(&b->input, &event);
	if (how & 4)
		input_sync(&b->input);
}

static void check_saved(struct bench *b)
{
	static struct bench copy;
	const char *name;
	struct buf buf;

	bench_init(&copy, b->kbc.has_mouse);
	buf_init(&buf, 65536);
	assert(!dev_save(&b->kbc.dev, &buf));
	assert(!dev_load(&copy.kbc.dev, 1, buf.data, buf.size));
	assert(fields_equal(&b->kbc.dev.class->state, &b->kbc, &copy.kbc, &name));
	assert(copy.host.irq[1] == b->host.irq[1]);
	assert(copy.host.irq[12] == b->host.irq[12]);
	buf_release(&buf);
	dev_release(&copy.kbc.dev);
}

/* A mouse that was moved far takes some more packets to say so. */
static void check_drains(struct bench *b)
{
	u32 bytes = 0;

	while (b->kbc.command_region.read(&b->kbc, 0, 1) & I8042_STATUS_OBF) {
		(void)b->kbc.data_region.read(&b->kbc, 0, 1);
		bytes++;
		assert(bytes < 100000);
	}
	assert(!b->host.irq[1] && !b->host.irq[12]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct bench b;

	if (!size)
		return 0;
	bench_init(&b, data[0] & 1);
	for (size_t i = 1; i + 1 < size; i += 2) {
		if (data[i] & 0x80)
			by_user(&b, data[i], data[i + 1]);
		else
			by_guest(&b, data[i], data[i + 1]);
		assert(ps2_keyboard_is_valid(&b.kbc.keyboard));
		assert(ps2_mouse_is_valid(&b.kbc.mouse));
		assert(!(b.host.irq[1] && b.host.irq[12]));
	}
	check_saved(&b);
	check_drains(&b);
	dev_release(&b.kbc.dev);
	return 0;
}
