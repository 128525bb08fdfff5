/* SPDX-License-Identifier: MIT */
#include "vmm/dev/ns16550a/ns16550a.h"

#include <errno.h>

#include "base/test.h"
#include "vmm/char/fake_chardev.h"
#include "vmm/dev/fake_host.h"

#define IRQ 4

struct bench {
	struct fake_host host;
	struct fake_chardev wire;
	struct ns16550a uart;
	struct bus bus;
};

static void bench_init(struct bench *b)
{
	fake_host_init(&b->host);
	fake_chardev_init(&b->wire);
	bus_init(&b->bus, "test", 0x10000);
	ns16550a_init(&b->uart, &(struct ns16550a_config){
					.base_port = 0x3f8,
					.irq = fake_host_irq(&b->host, IRQ),
					.chardev = &b->wire.chardev,
					.acpi_uid = 1,
				});
	check_eq(bus_add(&b->bus, &b->uart.region), 0);
}

static u8 in(struct bench *b, u32 reg)
{
	u8 value;

	bus_read(&b->bus, 0x3f8 + reg, &value, 1);
	return value;
}

static void out(struct bench *b, u32 reg, u8 value)
{
	bus_write(&b->bus, 0x3f8 + reg, &value, 1);
}

static size_t room(struct bench *b)
{
	return b->wire.chardev.user.room(b->wire.chardev.user.ctx);
}

static void type(struct bench *b, const char *text)
{
	struct chardev_user *user = &b->wire.chardev.user;

	user->receive(user->ctx, (const u8 *)text, strlen(text));
}

TEST(written_bytes_reach_the_wire_at_once)
{
	struct bench b;

	bench_init(&b);
	check_eq(in(&b, UART_LSR), LSR_THRE | LSR_TEMT);
	out(&b, UART_RBR_THR, 'h');
	out(&b, UART_RBR_THR, 'i');
	check_eq(b.wire.out_size, 2);
	check_mem_eq(b.wire.out, "hi", 2);
	check_eq(in(&b, UART_LSR), LSR_THRE | LSR_TEMT);
}

TEST(the_divisor_latch_hides_data_and_ier)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_LCR, LCR_DLAB | 3);
	out(&b, UART_RBR_THR, 0x0c);
	out(&b, UART_IER, 0x01);
	check_eq(in(&b, UART_RBR_THR), 0x0c);
	check_eq(in(&b, UART_IER), 0x01);
	out(&b, UART_LCR, 3);
	check_eq(in(&b, UART_IER), 0);
	check_eq(b.wire.out_size, 0);
}

TEST(enabling_the_thre_interrupt_on_an_empty_transmitter_raises_it)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_MCR, MCR_OUT2);
	out(&b, UART_IER, IER_THRE);
	check(b.host.irq[IRQ]);
	check_eq(in(&b, UART_IIR_FCR), IIR_THRE);
	check(!b.host.irq[IRQ]);
	check_eq(in(&b, UART_IIR_FCR), IIR_NONE);
	out(&b, UART_RBR_THR, 'x');
	check(b.host.irq[IRQ]);
}

TEST(without_out2_the_interrupt_does_not_reach_the_bus)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_IER, IER_THRE);
	check(!b.host.irq[IRQ]);
	check_eq(in(&b, UART_IIR_FCR), IIR_THRE);
}

TEST(received_bytes_interrupt_and_are_read_in_order)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_IIR_FCR, FCR_ENABLE | 0x80);
	out(&b, UART_MCR, MCR_OUT2);
	out(&b, UART_IER, IER_RX);
	check_eq(room(&b), 16);
	type(&b, "abc");
	check(b.host.irq[IRQ]);
	check_eq(in(&b, UART_IIR_FCR), IIR_FIFO | IIR_TIMEOUT);
	type(&b, "defgh");
	check_eq(in(&b, UART_IIR_FCR), IIR_FIFO | IIR_RX);
	check_eq(room(&b), 8);
	for (int c = 'a'; c <= 'h'; c++) {
		check(in(&b, UART_LSR) & LSR_DR);
		check_eq(in(&b, UART_RBR_THR), c);
	}
	check(!(in(&b, UART_LSR) & LSR_DR));
	check(!b.host.irq[IRQ]);
	check(b.wire.input_wanted_count > 1);
}

TEST(more_than_the_fifo_holds_is_an_overrun_reported_once)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_IIR_FCR, FCR_ENABLE);
	out(&b, UART_MCR, MCR_OUT2);
	out(&b, UART_IER, IER_LINE);
	type(&b, "0123456789abcdefX");
	check(b.host.irq[IRQ]);
	check_eq(in(&b, UART_IIR_FCR), IIR_FIFO | IIR_LINE);
	check(in(&b, UART_LSR) & LSR_OE);
	check(!(in(&b, UART_LSR) & LSR_OE));
	check(!b.host.irq[IRQ]);
}

TEST(a_wire_that_takes_nothing_keeps_the_transmitter_busy)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_IIR_FCR, FCR_ENABLE);
	out(&b, UART_MCR, MCR_OUT2);
	out(&b, UART_IER, IER_THRE);
	(void)in(&b, UART_IIR_FCR);
	b.wire.limit = 1;
	out(&b, UART_RBR_THR, '1');
	(void)in(&b, UART_IIR_FCR);
	out(&b, UART_RBR_THR, '2');
	check(!(in(&b, UART_LSR) & LSR_THRE));
	check(!b.host.irq[IRQ]);
	b.wire.limit = 10;
	b.wire.chardev.user.writable(b.wire.chardev.user.ctx);
	check_mem_eq(b.wire.out, "12", 2);
	check(in(&b, UART_LSR) & LSR_THRE);
	check(b.host.irq[IRQ]);
}

TEST(loopback_returns_data_and_modem_lines)
{
	struct bench b;

	bench_init(&b);
	check_eq(in(&b, UART_MSR) & 0xf0, MSR_CTS | MSR_DSR | MSR_DCD);
	out(&b, UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
	check_eq(in(&b, UART_MSR) & 0xf0, MSR_DCD | MSR_CTS);
	out(&b, UART_RBR_THR, 0x5a);
	check_eq(b.wire.out_size, 0);
	check_eq(in(&b, UART_RBR_THR), 0x5a);
	check_eq(room(&b), 0);
	out(&b, UART_MCR, MCR_LOOP | MCR_OUT1);
	(void)in(&b, UART_MSR);
	out(&b, UART_MCR, MCR_LOOP);
	check(in(&b, UART_MSR) & MSR_TERI);
}

TEST(clearing_a_fifo_empties_it)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_IIR_FCR, FCR_ENABLE);
	type(&b, "abc");
	out(&b, UART_IIR_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	check(!(in(&b, UART_LSR) & LSR_DR));
	check_eq(room(&b), 16);
	out(&b, UART_IIR_FCR, 0);
	check_eq(room(&b), 1);
	check_eq(in(&b, UART_IIR_FCR) & IIR_FIFO, 0);
}

TEST(a_saved_port_restores_to_an_equal_one)
{
	struct bench a, b;
	const char *name = NULL;
	struct buf buf;

	bench_init(&a);
	bench_init(&b);
	out(&a, UART_IIR_FCR, FCR_ENABLE | 0xc0);
	out(&a, UART_MCR, MCR_OUT2 | MCR_RTS);
	out(&a, UART_IER, IER_RX | IER_THRE);
	out(&a, UART_SCR, 0x77);
	a.wire.limit = 0;
	out(&a, UART_RBR_THR, 'q');
	type(&a, "hello");
	buf_init(&buf, 65536);
	check_eq(dev_save(&a.uart.dev, &buf), 0);
	check(!b.host.irq[IRQ]);
	check_eq(dev_load(&b.uart.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.uart.dev.class->state, &a.uart, &b.uart, &name));
	check(b.host.irq[IRQ]);
	check_eq(in(&b, UART_RBR_THR), 'h');
	buf_release(&buf);
}

TEST(a_saved_port_with_an_impossible_fifo_is_refused)
{
	struct bench a;
	struct buf buf;

	bench_init(&a);
	a.uart.rx.count = 17;
	buf_init(&buf, 65536);
	check_eq(dev_save(&a.uart.dev, &buf), 0);
	check_eq(dev_load(&a.uart.dev, 1, buf.data, buf.size), -EINVAL);
	check_eq(a.uart.rx.count, 0);
	buf_release(&buf);
}

TEST(reset_drops_the_interrupt_and_the_fifos)
{
	struct bench b;

	bench_init(&b);
	out(&b, UART_MCR, MCR_OUT2);
	out(&b, UART_IER, IER_THRE);
	type(&b, "a");
	check(b.host.irq[IRQ]);
	dev_reset(&b.uart.dev);
	check(!b.host.irq[IRQ]);
	check_eq(in(&b, UART_LSR), LSR_THRE | LSR_TEMT);
	check_eq(in(&b, UART_MCR), 0);
}
