/* SPDX-License-Identifier: MIT */
/* The registers, FIFOs and interrupt of a 16550A: see ns16550a.h. */
#include "vmm/dev/ns16550a/ns16550a.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "vmm/firmware/acpi/aml.h"

/* 115200 baud, as firmware leaves it. */
#define DIVISOR_RESET  1
#define MSR_PEER_LINES (MSR_CTS | MSR_DSR | MSR_DCD)

/* ---- FIFOs ---- */

static bool fifo_push(struct uart_fifo *fifo, u8 byte, u32 capacity)
{
	if (fifo->count >= capacity)
		return false;
	fifo->data[(fifo->head + fifo->count) % NS16550A_FIFO_BYTES] = byte;
	fifo->count++;
	return true;
}

static u8 fifo_pop(struct uart_fifo *fifo)
{
	u8 byte = fifo->data[fifo->head];

	fifo->head = (u8)((fifo->head + 1) % NS16550A_FIFO_BYTES);
	fifo->count--;
	return byte;
}

static bool fifo_enabled(const struct ns16550a *uart)
{
	return uart->fcr & FCR_ENABLE;
}

/* Without FIFOs each direction still holds one byte. */
static u32 fifo_capacity(const struct ns16550a *uart)
{
	return fifo_enabled(uart) ? NS16550A_FIFO_BYTES : 1;
}

/* [NS16550A 8.4 "FIFO Control Register"] */
static u32 rx_trigger(const struct ns16550a *uart)
{
	static const u8 level[] = {1, 4, 8, 14};

	return fifo_enabled(uart) ? level[uart->fcr >> 6] : 1;
}

/* ---- interrupt ---- */

/* The highest pending one. [NS16550A 8.6 "Interrupt Identification Register"] */
static u8 interrupt_id(const struct ns16550a *uart)
{
	if ((uart->ier & IER_LINE) && uart->lsr_error)
		return IIR_LINE;
	if ((uart->ier & IER_RX) && uart->rx.count)
		return uart->rx.count >= rx_trigger(uart) ? IIR_RX : IIR_TIMEOUT;
	if ((uart->ier & IER_THRE) && uart->thre_interrupt)
		return IIR_THRE;
	if ((uart->ier & IER_MSR) && uart->msr_delta)
		return IIR_MSR;
	return IIR_NONE;
}

static void update_irq(struct ns16550a *uart)
{
	/*
	 * On a PC OUT2 gates the interrupt onto the bus; in loopback the pin
	 * is off, but drivers test their interrupt in loopback, so only OUT2
	 * decides there too.
	 */
	irq_line_set(&uart->irq,
		     interrupt_id(uart) != IIR_NONE && (uart->mcr & MCR_OUT2));
}

/* ---- modem lines ---- */

/* [NS16550A 8.7 "Modem Control Register"]: loopback crosses the lines. */
static u8 modem_lines(const struct ns16550a *uart)
{
	u8 lines = 0;

	if (!(uart->mcr & MCR_LOOP))
		return MSR_PEER_LINES;
	if (uart->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (uart->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (uart->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (uart->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static void update_modem(struct ns16550a *uart)
{
	u8 lines = modem_lines(uart);
	u8 changed = lines ^ uart->msr_lines;

	/* RI counts only its falling edge. */
	if (lines & MSR_RI)
		changed &= (u8)~MSR_RI;
	uart->msr_delta |= (u8)(changed >> 4);
	uart->msr_lines = lines;
}

/* ---- data ---- */

static void receive_byte(struct ns16550a *uart, u8 byte)
{
	if (!fifo_push(&uart->rx, byte, fifo_capacity(uart)))
		uart->lsr_error |= LSR_OE;
}

/* Hands over what the chardev takes; sets THRE when all of it went. */
static void drain_tx(struct ns16550a *uart)
{
	while (uart->tx.count) {
		u32 first = NS16550A_FIFO_BYTES - uart->tx.head;
		u32 run = MIN((u32)uart->tx.count, first);
		size_t taken = chardev_write(
			uart->chardev, uart->tx.data + uart->tx.head, run);

		uart->tx.head =
			(u8)((uart->tx.head + taken) % NS16550A_FIFO_BYTES);
		uart->tx.count = (u8)(uart->tx.count - taken);
		if (taken < run)
			return;
	}
	uart->thre_interrupt = true;
}

static void transmit(struct ns16550a *uart, u8 byte)
{
	uart->thre_interrupt = false;
	if (uart->mcr & MCR_LOOP) {
		receive_byte(uart, byte);
		uart->thre_interrupt = true;
		return;
	}
	/* A full transmitter loses the byte, as the chip does. */
	(void)fifo_push(&uart->tx, byte, fifo_capacity(uart));
	drain_tx(uart);
}

static u8 read_rbr(struct ns16550a *uart)
{
	u8 byte;

	if (!uart->rx.count)
		return 0;
	byte = fifo_pop(&uart->rx);
	if (!uart->rx.count)
		chardev_input_wanted(uart->chardev);
	return byte;
}

/* ---- registers ---- */

static u8 read_iir(struct ns16550a *uart)
{
	u8 id = interrupt_id(uart);

	/* Telling of THRE takes it back; the others stay until served. */
	if (id == IIR_THRE)
		uart->thre_interrupt = false;
	return id | (fifo_enabled(uart) ? IIR_FIFO : 0);
}

static u8 read_lsr(struct ns16550a *uart)
{
	u8 value = uart->lsr_error;

	if (uart->rx.count)
		value |= LSR_DR;
	if (!uart->tx.count)
		value |= LSR_THRE | LSR_TEMT;
	uart->lsr_error = 0;
	return value;
}

static u8 read_msr(struct ns16550a *uart)
{
	u8 value = uart->msr_lines | uart->msr_delta;

	uart->msr_delta = 0;
	return value;
}

static u8 read_register(struct ns16550a *uart, u64 offset)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case UART_RBR_THR:
		return dlab ? (u8)uart->divisor : read_rbr(uart);
	case UART_IER:
		return dlab ? (u8)(uart->divisor >> 8) : uart->ier;
	case UART_IIR_FCR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return read_lsr(uart);
	case UART_MSR:
		return read_msr(uart);
	default:
		return uart->scr;
	}
}

static u64 ns16550a_read(void *ctx, u64 offset, u32 width)
{
	struct ns16550a *uart = ctx;
	u8 value = read_register(uart, offset);

	(void)width;
	update_irq(uart);
	return value;
}

static void write_ier(struct ns16550a *uart, u8 value)
{
	/* Enabling it while the transmitter is empty raises it. */
	if ((value & ~uart->ier & IER_THRE) && !uart->tx.count)
		uart->thre_interrupt = true;
	uart->ier = value & 0x0f;
}

static void write_fcr(struct ns16550a *uart, u8 value)
{
	bool toggled = (value ^ uart->fcr) & FCR_ENABLE;

	if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX))) {
		uart->rx = (struct uart_fifo){};
		chardev_input_wanted(uart->chardev);
	}
	if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_TX))) {
		uart->tx = (struct uart_fifo){};
		uart->thre_interrupt = true;
	}
	/* The other bits hold only while FIFOs are on. */
	uart->fcr = (value & FCR_ENABLE) ? value & 0xc9 : 0;
}

static void write_lcr(struct ns16550a *uart, u8 value)
{
	/* A break sent in loopback is received: a NUL with its mark. */
	if ((value & ~uart->lcr & LCR_BREAK) && (uart->mcr & MCR_LOOP)) {
		receive_byte(uart, 0);
		uart->lsr_error |= LSR_BI;
	}
	uart->lcr = value;
}

static void write_register(struct ns16550a *uart, u64 offset, u8 value)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case UART_RBR_THR:
		if (dlab)
			uart->divisor = (u16)((uart->divisor & 0xff00) | value);
		else
			transmit(uart, value);
		break;
	case UART_IER:
		if (dlab)
			uart->divisor =
				(u16)((uart->divisor & 0xff) | value << 8);
		else
			write_ier(uart, value);
		break;
	case UART_IIR_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		write_lcr(uart, value);
		break;
	case UART_MCR:
		uart->mcr = value & 0x1f;
		update_modem(uart);
		break;
	case UART_SCR:
		uart->scr = value;
		break;
	default: /* LSR and MSR are for reading. */
		break;
	}
}

static void ns16550a_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct ns16550a *uart = ctx;

	(void)width;
	write_register(uart, offset, (u8)value);
	update_irq(uart);
}

/* ---- the chardev's side ---- */

static size_t ns16550a_room(void *ctx)
{
	struct ns16550a *uart = ctx;
	size_t room;

	mutex_lock(&uart->dev.lock);
	/* In loopback the receiver is off the wire. */
	room = (uart->mcr & MCR_LOOP) ? 0 : fifo_capacity(uart) - uart->rx.count;
	mutex_unlock(&uart->dev.lock);
	return room;
}

static void ns16550a_receive(void *ctx, const u8 *data, size_t size)
{
	struct ns16550a *uart = ctx;

	mutex_lock(&uart->dev.lock);
	for (size_t i = 0; i < size; i++)
		receive_byte(uart, data[i]);
	update_irq(uart);
	mutex_unlock(&uart->dev.lock);
}

static void ns16550a_writable(void *ctx)
{
	struct ns16550a *uart = ctx;

	mutex_lock(&uart->dev.lock);
	if (uart->tx.count)
		drain_tx(uart);
	update_irq(uart);
	mutex_unlock(&uart->dev.lock);
}

/* ---- life ---- */

static struct ns16550a *uart_of(struct dev *dev)
{
	return container_of(dev, struct ns16550a, dev);
}

static void ns16550a_reset(struct dev *dev)
{
	struct ns16550a *uart = uart_of(dev);

	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
	uart->lsr_error = 0;
	uart->msr_delta = 0;
	uart->msr_lines = MSR_PEER_LINES;
	uart->divisor = DIVISOR_RESET;
	uart->thre_interrupt = false;
	uart->rx = uart->tx = (struct uart_fifo){};
	irq_line_set(&uart->irq, false);
	chardev_input_wanted(uart->chardev);
}

static bool fifo_valid(const struct uart_fifo *fifo)
{
	return fifo->head < NS16550A_FIFO_BYTES &&
	       fifo->count <= NS16550A_FIFO_BYTES;
}

static int ns16550a_restored(struct dev *dev)
{
	struct ns16550a *uart = uart_of(dev);

	if (!fifo_valid(&uart->rx) || !fifo_valid(&uart->tx))
		return trace_err(-EINVAL);
	irq_line_refresh(&uart->irq, interrupt_id(uart) != IIR_NONE &&
					     (uart->mcr & MCR_OUT2));
	chardev_input_wanted(uart->chardev);
	return 0;
}

static void ns16550a_acpi(const struct dev *dev, struct aml *aml)
{
	const struct ns16550a *uart =
		container_of(dev, const struct ns16550a, dev);
	const char name[] = {'C', 'O', 'M', (char)('0' + uart->acpi_uid), 0};

	aml_device_begin(aml, name);
	aml_name_eisaid(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", uart->acpi_uid);
	aml_name_integer(aml, "_STA", 0x0f);
	aml_crs_begin(aml);
	aml_crs_io(aml, (u16)uart->region.base, NS16550A_PORT_COUNT);
	aml_crs_irq(aml, uart->irq.irq);
	aml_crs_end(aml);
	aml_device_end(aml);
}

static const struct field fields[] = {
	FIELD(struct ns16550a, ier, 1),
	FIELD(struct ns16550a, fcr, 1),
	FIELD(struct ns16550a, lcr, 1),
	FIELD(struct ns16550a, mcr, 1),
	FIELD(struct ns16550a, scr, 1),
	FIELD(struct ns16550a, lsr_error, 1),
	FIELD(struct ns16550a, msr_delta, 1),
	FIELD(struct ns16550a, msr_lines, 1),
	FIELD(struct ns16550a, divisor, 1),
	FIELD(struct ns16550a, thre_interrupt, 1),
	FIELD(struct ns16550a, rx.data, 1),
	FIELD(struct ns16550a, rx.head, 1),
	FIELD(struct ns16550a, rx.count, 1),
	FIELD(struct ns16550a, tx.data, 1),
	FIELD(struct ns16550a, tx.head, 1),
	FIELD(struct ns16550a, tx.count, 1),
};

static const struct dev_class ns16550a_class = {
	.name = "ns16550a",
	.spec = "NS16550A",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = ns16550a_reset,
	.restored = ns16550a_restored,
	.acpi = ns16550a_acpi,
};

void ns16550a_init(struct ns16550a *uart, const struct ns16550a_config *config)
{
	*uart = (struct ns16550a){
		.irq = config->irq,
		.chardev = config->chardev,
		.acpi_uid = config->acpi_uid,
		.region = {.name = "ns16550a",
			   .base = config->base_port,
			   .size = NS16550A_PORT_COUNT,
			   .widths = BUS_1,
			   .read = ns16550a_read,
			   .write = ns16550a_write},
	};
	dev_init(&uart->dev, &ns16550a_class);
	uart->region.lock = &uart->dev.lock;
	uart->region.ctx = uart;
	dev_reset(&uart->dev);
	if (config->chardev)
		chardev_attach(config->chardev,
			       &(struct chardev_user){
				       .room = ns16550a_room,
				       .receive = ns16550a_receive,
				       .writable = ns16550a_writable,
				       .ctx = uart,
			       });
}
