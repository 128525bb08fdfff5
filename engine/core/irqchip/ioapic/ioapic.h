/* SPDX-License-Identifier: MIT */
/*
 * The 82093AA I/O APIC: 24 pins, a redirection entry for each.
 * [I82093AA 3.0 "Register Description"]
 *
 * As in KVM: polarity is stored and ignored (a line is high when it asks);
 * ExtINT entries reach nobody, for the PIC has a wire of its own; switching an
 * entry to edge clears its Remote IRR, which is how Linux forces an EOI on a
 * version without the EOI register.
 *
 * Locks: the irqchip lock of the VM, held by the caller.
 */
#ifndef ENGINE_CORE_IRQCHIP_IOAPIC_IOAPIC_H
#define ENGINE_CORE_IRQCHIP_IOAPIC_IOAPIC_H

#include <linux/kvm.h>

#include "engine/core/irqchip/apic_msg.h"
#include "engine/core/types.h"

#define IOAPIC_PINS	    KVM_IOAPIC_NUM_PINS
#define IOAPIC_BASE_DEFAULT 0xfec00000ull
#define IOAPIC_SIZE	    0x100

/* The version register's low byte. The later one has the EOI register. */
#define IOAPIC_VERSION_82093AA 0x11
#define IOAPIC_VERSION_EOI     0x20

/* A redirection entry [I82093AA 3.2.4 "I/O Redirection Table Registers"] */
#define IOAPIC_VECTOR	  0xffull
#define IOAPIC_DELIVERY	  (7ull << 8)
#define IOAPIC_LOGICAL	  BIT(11)
#define IOAPIC_STATUS	  BIT(12) /* read-only: delivery takes no time */
#define IOAPIC_POLARITY	  BIT(13)
#define IOAPIC_REMOTE_IRR BIT(14) /* read-only: level accepted, no EOI yet */
#define IOAPIC_LEVEL	  BIT(15)
#define IOAPIC_MASKED	  BIT(16)
#define IOAPIC_DEST_SHIFT 56

struct ioapic_ops {
	/* lapic_bus_send() and lapic_bus_is_in_flight(). */
	int (*send)(void *ctx, const struct apic_msg *msg);
	bool (*is_in_flight)(void *ctx, const struct apic_msg *msg);
	/* A pin's interrupt was served. May set lines. */
	void (*acked)(void *ctx, u32 pin);
	/* A pin's mask was taken away. May set lines. */
	void (*unmasked)(void *ctx, u32 pin);
};

struct ioapic {
	const struct ioapic_ops *ops; /* borrowed */
	void *ctx;
	gpa_t base;
	u8 version;
	u8 select; /* IOREGSEL */
	u8 id;	   /* 4 bits */
	u32 irr;   /* pins that are high */
	/* Edges that went out: not to be sent again after a restore. */
	u32 delivered;
	u64 redirect[IOAPIC_PINS];
	u8 sources[IOAPIC_PINS]; /* who holds the pin high, a bit each */
};

void ioapic_init(struct ioapic *ioapic, const struct ioapic_ops *ops, void *ctx);

/* Power-up: all pins masked; lines are low. */
void ioapic_reset(struct ioapic *ioapic);

/*
 * Source 0..7 drives pin 0..23; the pin is the OR of its sources.
 * Returns what KVM_IRQ_LINE_STATUS reports: the number of LAPICs that took
 * the interrupt; 0 when it merged with one still pending; -1 when the pin is
 * masked, waits for an EOI, or nobody is addressed. Lowering a pin returns 1.
 * `want_status`: the client counts lost ticks of pin 8, the RTC, whose edge
 * then merges as long as the last one is in flight.
 */
int ioapic_set_line(struct ioapic *ioapic, u32 source, u32 pin, bool level,
		    bool want_status);

/* A LAPIC ended the service of `vector`; `broadcast` as in lapic_ops. */
void ioapic_eoi(struct ioapic *ioapic, u8 vector, bool broadcast);

/* Whether some pin uses `vector`, so that its EOI must not be hidden. */
bool ioapic_uses_vector(const struct ioapic *ioapic, u8 vector);

/* Whether a level-triggered pin is high and waits to be sent. */
bool ioapic_holds_level(const struct ioapic *ioapic, u32 pin);

/* `offset` 0..255 in the window. Any size is served as 32 bits. */
u32 ioapic_mmio_read(struct ioapic *ioapic, u32 offset);
void ioapic_mmio_write(struct ioapic *ioapic, u32 offset, u32 value);

/* KVM_GET_IRQCHIP and KVM_SET_IRQCHIP with KVM_IRQCHIP_IOAPIC. Setting sends
 * what is pending; the sources start low, as in KVM. */
void ioapic_get_state(const struct ioapic *ioapic,
		      struct kvm_ioapic_state *ret_state);
void ioapic_set_state(struct ioapic *ioapic,
		      const struct kvm_ioapic_state *state);

#endif
