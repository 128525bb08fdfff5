/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controllers of one VM, joined: GSIs through the routing table
 * to PIC, I/O APIC and MSIs, from there to the LAPICs and the vCPUs.
 *
 *	irqchip_set_gsi -> ioapic_set_line -> lapic_bus_send -> IRR -> kick
 *	                -> pic_set_line    -> INTR (LINT0)   -------> kick
 *	guest's EOI     -> lapic_eoi -> ioapic_eoi -> gsi_acked, and the next
 *
 * Three set-ups of the KVM ABI: full (KVM_CREATE_IRQCHIP, and with
 * KVM_CREATE_PIT2 the PIT), split (KVM_CAP_SPLIT_IRQCHIP: LAPICs here, the
 * rest in the client), and none, in which no struct irqchip exists.
 *
 * Locks: one irqchip lock per VM, the caller's; it is held over every call
 * here and over every call of the ops. Nothing here allocates or waits.
 * Ownership: the caller's memory throughout.
 */
#ifndef ENGINE_CORE_IRQCHIP_IRQCHIP_H
#define ENGINE_CORE_IRQCHIP_IRQCHIP_H

#include <linux/kvm.h>

#include "engine/core/irqchip/ioapic/ioapic.h"
#include "engine/core/irqchip/irq_routing.h"
#include "engine/core/irqchip/lapic/lapic.h"
#include "engine/core/irqchip/pic/pic.h"
#include "engine/core/irqchip/pit/pit.h"
#include "engine/core/types.h"

/* In the place of a vCPU id, in irqchip_ops.timer_changed. */
#define IRQCHIP_PIT UINT32_MAX

#define IRQCHIP_NEVER UINT64_MAX

/* Who drives a line; a pin is high while one of them holds it. */
enum irq_source {
	IRQ_SOURCE_CLIENT,   /* KVM_IRQ_LINE, and irqfds without resampling */
	IRQ_SOURCE_RESAMPLE, /* all resampling irqfds of a GSI together */
	IRQ_SOURCE_PIT,
};

struct irqchip_ops {
	u64 (*now_ns)(void *ctx); /* monotonic */
	u64 (*guest_tsc)(void *ctx, u32 vcpu);
	/* When (on now_ns) the vCPU's TSC reaches `tsc`. */
	u64 (*tsc_to_ns)(void *ctx, u32 vcpu, u64 tsc);
	/* An interrupt may wait: irqchip_has_interrupt() has to be asked.
	 * Called often, also for the vCPU that runs; must be cheap. */
	void (*vcpu_kick)(void *ctx, u32 vcpu);
	/* NMI, SMI, INIT, SIPI: to be remembered for the vCPU. */
	void (*vcpu_event)(void *ctx, u32 vcpu, enum lapic_event event,
			   u8 vector);
	/* Split: KVM_EXIT_IOAPIC_EOI is due on this vCPU. */
	void (*eoi_exit)(void *ctx, u32 vcpu, u8 vector);
	/*
	 * The interrupt of a GSI was served, or its level-triggered pin was
	 * unmasked while high. A resampling irqfd lowers its line from inside, by
	 * irqchip_set_gsi(.., IRQ_SOURCE_RESAMPLE, gsi, false, ..), and then
	 * tells its owner.
	 */
	void (*gsi_acked)(void *ctx, u32 gsi);
	/* A deadline moved: of a vCPU's LAPIC, or IRQCHIP_PIT's. */
	void (*timer_changed)(void *ctx, u32 vcpu);
};

struct irqchip {
	const struct irqchip_ops *ops; /* borrowed */
	void *ctx;
	bool is_split;
	bool has_pit;
	bool has_speaker; /* port 0x61 is ours: KVM_PIT_SPEAKER_DUMMY */
	const struct irq_routing *routing; /* borrowed; never NULL */
	struct lapic_bus bus;
	struct ioapic ioapic; /* not in split mode, as are pic and pit */
	struct pic pic;
	struct pit pit;
};

/* --- life --- */

/* `routing`: the default table, or an empty one for split. */
void irqchip_init(struct irqchip *chip, const struct irqchip_ops *ops,
		  void *ctx, bool is_split, const struct irq_routing *routing);

/* KVM_CREATE_PIT2, full only. -EEXIST: there is one. */
int must_check irqchip_create_pit(struct irqchip *chip, bool has_speaker);

/* Attaches a vCPU's LAPIC; see lapic_init(). */
void irqchip_add_vcpu(struct irqchip *chip, struct lapic *lapic, u32 vcpu,
		      bool bsp);
void irqchip_remove_vcpu(struct irqchip *chip, u32 vcpu);

/* --- GSIs --- */

/* Puts a table in force and returns the one it replaces. */
const struct irq_routing *must_check
irqchip_set_routing(struct irqchip *chip, const struct irq_routing *routing);

/*
 * Sets the level of a GSI (KVM_IRQ_LINE, irqfd); an MSI route fires when it
 * is raised. Returns KVM_IRQ_LINE_STATUS's answer: the sum over the routes of
 * what was delivered, 0 when the interrupt merged with an earlier one, -1 when
 * every route is masked or there is none.
 */
int irqchip_set_gsi(struct irqchip *chip, enum irq_source source, u32 gsi,
		    bool level, bool want_status);

/*
 * KVM_SIGNAL_MSI: > 0 delivered, 0 not accepted by the LAPICs it names, -1 it
 * names none. -EINVAL: flags, or reserved address bits with 32-bit ids.
 */
int must_check irqchip_signal_msi(struct irqchip *chip,
				  const struct kvm_msi *msi);

/* --- the vCPU's side --- */

/* Whether INTR is up: the CPU should take an interrupt when RFLAGS.IF and the
 * shadow let it. */
bool irqchip_has_interrupt(struct irqchip *chip, u32 vcpu);

/* INTA: the vector, which the CPU must deliver now. -1: there is none. */
int irqchip_accept(struct irqchip *chip, u32 vcpu);

/* KVM_INTERRUPT in split mode: a vector from the client's PIC.
 * -ENXIO: full. -EEXIST: one waits. */
int must_check irqchip_queue_extint(struct irqchip *chip, u32 vcpu, u8 vector);

/* The vector whose EOI may be left to a bit in guest memory, or -1. */
int irqchip_pv_eoi_vector(struct irqchip *chip, u32 vcpu);

/* --- guest accesses; false: the address is none of ours --- */

/* `size` 1, 2 or 4; split into bytes where the chips are that wide. */
bool irqchip_pio_read(struct irqchip *chip, u16 port, u32 size, u32 *ret_value);
bool irqchip_pio_write(struct irqchip *chip, u16 port, u32 size, u32 value);

/* `size` 1..8; the I/O APIC's window, and the page of the accessing vCPU's
 * own LAPIC. */
bool irqchip_mmio_read(struct irqchip *chip, u32 vcpu, gpa_t gpa, u32 size,
		       u64 *ret_value);
bool irqchip_mmio_write(struct irqchip *chip, u32 vcpu, gpa_t gpa, u32 size,
			u64 value);

/* --- timers; those of the LAPICs are asked one by one --- */

u64 irqchip_pit_deadline_ns(const struct irqchip *chip);
void irqchip_pit_expire(struct irqchip *chip, u64 now_ns);

/* --- the KVM ABI's state; that of a LAPIC and of the PIT (where has_pit) is
 * theirs to give: lapic_get_state(), pit_get_state() and so on --- */

/* -EINVAL: no such chip. -ENXIO: split. */
int must_check irqchip_get_state(struct irqchip *chip,
				 struct kvm_irqchip *state);
int must_check irqchip_set_state(struct irqchip *chip,
				 const struct kvm_irqchip *state);

#endif
