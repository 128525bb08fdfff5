/* SPDX-License-Identifier: MIT */
/*
 * The PC's two 8259A interrupt controllers, the second cascaded into pin 2 of
 * the first, with the edge/level control registers of the PCI chip sets.
 * [I8259A "Programming the 8259A"]
 *
 * As in KVM: always cascaded, never buffered, always 8086 mode; which pins
 * are level-triggered is ELCR's to say, not ICW1's.
 *
 * Locks: the irqchip lock of the VM, held by the caller.
 */
#ifndef ENGINE_CORE_IRQCHIP_PIC_PIC_H
#define ENGINE_CORE_IRQCHIP_PIC_PIC_H

#include <linux/kvm.h>

#include "engine/core/types.h"

#define PIC_PINS 16

/* I/O ports: command and data of each chip, and ELCR of each. */
#define PIC_MASTER_PORT 0x20
#define PIC_SLAVE_PORT	0xa0
#define PIC_ELCR_PORT	0x4d0

struct pic_ops {
	/* The INTR wire to LINT0 and the CPUs; called when it changes. */
	void (*intr)(void *ctx, bool level);
	/* Pin 0..15: its interrupt was served. May set lines. */
	void (*acked)(void *ctx, u32 pin);
	/* Pin 0..15: its mask was taken away. May set lines. */
	void (*unmasked)(void *ctx, u32 pin);
};

struct pic_chip {
	u8 lines; /* levels of the pins, for edges to be seen */
	u8 irr, imr, isr;
	u8 top_pin;	/* the pin of highest priority: 0 unless rotated */
	u8 vector_base; /* ICW2 */
	u8 elcr, elcr_mask;
	u8 init_state; /* which ICW the data port expects: 2, 3, 4; or 0 */
	bool init_icw4;
	bool auto_eoi;
	bool rotate_on_auto_eoi;
	bool special_mask;
	bool special_fully_nested;
	bool poll;     /* the next read is a poll */
	bool read_isr; /* what the command port reads: IRR or ISR */
};

struct pic {
	const struct pic_ops *ops; /* borrowed */
	void *ctx;
	struct pic_chip chip[2]; /* master, slave */
	bool intr;
	u8 sources[PIC_PINS]; /* who holds the pin high, a bit each */
};

void pic_init(struct pic *pic, const struct pic_ops *ops, void *ctx);
void pic_reset(struct pic *pic);

/*
 * Source 0..7 drives pin 0..15; the pin is the OR of its sources. Returns 1
 * when a request was recorded or nothing was asked, 0 when it merged with one
 * pending, -1 when the pin is masked.
 */
int pic_set_line(struct pic *pic, u32 source, u32 pin, bool level);

/* The INTA cycle: the vector to take. With nothing to serve it is the
 * spurious one, IR7's, as the chip answers. */
u8 pic_accept(struct pic *pic);

/* True when `port` is one of ours. One byte, the only width there is. */
bool pic_read(struct pic *pic, u16 port, u8 *ret_value);
bool pic_write(struct pic *pic, u16 port, u8 value);

/* KVM_GET_IRQCHIP and KVM_SET_IRQCHIP; `chip` 0 master, 1 slave. Setting
 * leaves the sources low, as in KVM. */
void pic_get_state(const struct pic *pic, u32 chip,
		   struct kvm_pic_state *ret_state);
void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state);

#endif
