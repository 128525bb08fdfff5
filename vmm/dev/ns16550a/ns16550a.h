/* SPDX-License-Identifier: MIT */
/*
 * NS16550A: a serial port with FIFOs, on eight ports. [NS16550A]
 *
 * A byte takes no time on the wire: it leaves for the chardev when it is
 * written, and the transmitter is busy only while the chardev takes nothing.
 * Received bytes below the FIFO's trigger level raise the time-out interrupt
 * at once rather than after four character times. Baud rate and frame format
 * are kept and mean nothing; framing and parity errors do not occur. The
 * modem lines are those of a peer that is always there (DSR, DCD, CTS on).
 */
#ifndef VMM_DEV_NS16550A_NS16550A_H
#define VMM_DEV_NS16550A_NS16550A_H

#include "vmm/bus/bus.h"
#include "vmm/char/chardev.h"
#include "vmm/dev/dev.h"

#define NS16550A_FIFO_BYTES 16
#define NS16550A_PORT_COUNT 8

/* Register offsets; divisor latch bit (DLAB) apart. */
enum {
	UART_RBR_THR = 0, /* with DLAB: divisor low */
	UART_IER = 1,	  /* with DLAB: divisor high */
	UART_IIR_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define IER_RX	 0x01
#define IER_THRE 0x02
#define IER_LINE 0x04
#define IER_MSR	 0x08

#define IIR_NONE    0x01
#define IIR_MSR	    0x00
#define IIR_THRE    0x02
#define IIR_RX	    0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO    0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04

#define LCR_BREAK 0x40
#define LCR_DLAB  0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DR	 0x01
#define LSR_OE	 0x02
#define LSR_BI	 0x10
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define MSR_DCTS 0x01
#define MSR_DDSR 0x02
#define MSR_TERI 0x04
#define MSR_DDCD 0x08
#define MSR_CTS	 0x10
#define MSR_DSR	 0x20
#define MSR_RI	 0x40
#define MSR_DCD	 0x80

/* First in, first out; guarded by the device's lock. */
struct uart_fifo {
	u8 data[NS16550A_FIFO_BYTES];
	u8 head, count;
};

struct ns16550a_config {
	u64 base_port;
	struct irq_line irq;
	struct chardev *chardev; /* borrowed; NULL: input never, output lost */
	u32 acpi_uid;
};

struct ns16550a {
	struct dev dev;
	struct bus_region region;
	struct irq_line irq;
	struct chardev *chardev; /* borrowed */
	u32 acpi_uid;

	u8 ier, fcr, lcr, mcr, scr;
	u8 lsr_error; /* LSR_OE and LSR_BI, until LSR is read */
	u8 msr_delta; /* the low half of MSR, until MSR is read */
	u8 msr_lines; /* the high half as last seen */
	u16 divisor;
	bool thre_interrupt; /* pending: the transmitter has become empty */
	struct uart_fifo rx, tx;
};

void ns16550a_init(struct ns16550a *uart, const struct ns16550a_config *config);

#endif
