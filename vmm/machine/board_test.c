/* SPDX-License-Identifier: MIT */
#include "vmm/machine/board.h"

#include "base/test.h"
#include "vmm/char/fake_chardev.h"
#include "vmm/dev/fake_host.h"

struct bench {
	struct guest_mem mem;
	struct fake_host host;
	struct fake_chardev wire;
	struct board board;
	u32 power_count;
	bool irq[24];
};

static void set_irq(void *ctx, u32 irq, bool level)
{
	((struct bench *)ctx)->irq[irq] = level;
}

static void power(void *ctx, enum power_event event, int status)
{
	(void)event;
	(void)status;
	((struct bench *)ctx)->power_count++;
}

static void bench_init(struct bench *b, bool everything)
{
	memset(b, 0, sizeof(*b));
	fake_host_init(&b->host);
	fake_chardev_init(&b->wire);
	check_eq(guest_mem_init(&b->mem, 16 * MiB, NULL), 0);
	check_eq(board_build(&b->board,
			     &(struct board_config){
				     .mem = &b->mem,
				     .host = &b->host.host,
				     .serial = &b->wire.chardev,
				     .debug_console = everything ? &b->wire.chardev
								 : NULL,
				     .test_exit = everything,
				     .cpu_count = 1,
				     .set_irq = set_irq,
				     .power = power,
				     .ctx = b,
			     }),
		 0);
}

static void bench_release(struct bench *b)
{
	board_release(&b->board);
	guest_mem_release(&b->mem);
}

static u32 in(struct bench *b, u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&b->board.pio, port, &value, size);
	return value;
}

static void out(struct bench *b, u16 port, u32 value, u32 size)
{
	bus_write(&b->board.pio, port, &value, size);
}

TEST(there_is_no_pci_host)
{
	struct bench b;

	bench_init(&b, true);
	/* Function 4's address has the reset register's bit in its byte. */
	out(&b, 0xcf8, 0x80000400, 4);
	check_eq(in(&b, 0xcf8, 4), 0xffffffff);
	check_eq(in(&b, 0xcfc, 4), 0xffffffff);
	check_eq(b.power_count, 0);
	bench_release(&b);
}

TEST(test_devices_are_there_only_when_asked_for)
{
	struct bench b;

	bench_init(&b, false);
	check_eq(in(&b, 0xe9, 1), 0xff);
	out(&b, 0xf4, 1, 1);
	check_eq(b.power_count, 0);
	bench_release(&b);
	bench_init(&b, true);
	check_eq(in(&b, 0xe9, 1), 0xe9);
	out(&b, 0xf4, 1, 1);
	check_eq(b.power_count, 1);
	bench_release(&b);
}

TEST(there_is_a_keyboard_and_no_mouse)
{
	const struct input_event key = {
		.kind = INPUT_KEY, .down = true, .key = QCODE_A};
	struct bench b;

	bench_init(&b, false);
	check(input_takes(&b.board.input, INPUT_KEY));
	check(!input_takes(&b.board.input, INPUT_REL));
	input_send(&b.board.input, &key);
	check(b.irq[IRQ_KEYBOARD]);
	check_eq(in(&b, 0x60, 1), 0x1e);
	out(&b, 0x64, 0xa9, 1);
	check_eq(in(&b, 0x60, 1), 0x01);
	bench_release(&b);
}

TEST(every_device_saves_restores_and_saves_the_same_again)
{
	static struct bench a, b;
	struct buf first, second;

	bench_init(&a, true);
	bench_init(&b, true);
	/* Something other than the start everywhere. */
	out(&a, 0x80, 0x77, 1);
	out(&a, 0x92, 0x00, 1);
	out(&a, 0x60, 0xf2, 1);
	out(&a, 0x70, 0x0f, 1);
	out(&a, 0x71, 0x0a, 1);
	out(&a, 0x3fc, 0x0b, 1);
	out(&a, 0x3f9, 0x02, 1);
	out(&a, 0x510, 0x19, 2);
	out(&a, 0x602, 0x100, 2);
	check(a.irq[IRQ_KEYBOARD] && a.irq[IRQ_COM1]);
	for (u32 i = 0; i < a.board.dev_count; i++) {
		struct dev *from = a.board.dev[i], *to = b.board.dev[i];
		const char *name = NULL;

		check(from->class == to->class);
		buf_init(&first, 65536);
		buf_init(&second, 65536);
		check_eq(dev_save(from, &first), 0);
		check_eq(dev_load(to, from->class->version, first.data,
				  first.size),
			 0);
		if (!fields_equal(&from->class->state, from, to, &name))
			test_fail("%s: %s differs", from->class->name, name);
		check_eq(dev_save(to, &second), 0);
		check_eq(second.size, first.size);
		check_mem_eq(second.data, first.data, first.size);
		buf_release(&first);
		buf_release(&second);
	}
	check_mem_eq(b.irq, a.irq, sizeof(a.irq));
	bench_release(&a);
	bench_release(&b);
}

TEST(reset_takes_every_interrupt_back)
{
	static const bool none[24];
	struct bench b;

	bench_init(&b, true);
	out(&b, 0x60, 0xf2, 1);
	out(&b, 0x3fc, 0x0b, 1);
	out(&b, 0x3f9, 0x02, 1);
	board_reset(&b.board);
	check_mem_eq(b.irq, none, sizeof(none));
	bench_release(&b);
}

TEST(any_access_to_any_port_is_harmless)
{
	static struct bench b;
	u32 seed = 1;

	bench_init(&b, true);
	for (u32 i = 0; i < 300000; i++) {
		u16 port;

		seed = seed * 1664525 + 1013904223;
		port = (u16)(seed >> 16);
		/* Half of them where the devices are. */
		if (seed & 1)
			port &= 0x7ff;
		if (seed & 2)
			out(&b, port, seed, 1u << (seed >> 2) % 3);
		else
			(void)in(&b, port, 1u << (seed >> 2) % 3);
	}
	bench_release(&b);
}
