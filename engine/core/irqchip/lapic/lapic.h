/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of one vCPU, and the bus that joins the LAPICs of one VM.
 *
 * Models xAPIC (a page of registers) and x2APIC (MSRs), six LVT entries, the
 * timer in its three modes, IPIs in every delivery mode, and the KVM ABI's
 * view of it all. [SDM3 11 "Advanced Programmable Interrupt Controller
 * (APIC)"]
 *
 * Left out: the CMCI entry of the LVT (offered only with machine-check
 * banks that signal), level-triggered LINT pins in Fixed mode (treated as
 * edges), cluster manager hierarchies beyond one level, focus processors.
 *
 * Locks: every function is called with the irqchip lock of the VM held.
 * Ownership: struct lapic and struct lapic_bus are the caller's memory; the
 * bus must outlive the LAPICs attached to it.
 * Time: nanoseconds of the monotonic clock behind ops->now_ns.
 */
#ifndef ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_H
#define ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_H

#include <linux/kvm.h>

#include "engine/core/irqchip/apic_msg.h"
#include "engine/core/irqchip/vector_set.h"
#include "engine/core/types.h"

/* vCPU ids, and so x2APIC ids, are 0..LAPIC_MAX-1. */
#define LAPIC_MAX 1024

/* No deadline. */
#define LAPIC_NEVER UINT64_MAX

/* IA32_APIC_BASE [SDM3 11.4.4 "Local APIC Status and Location"] */
#define LAPIC_BASE_DEFAULT 0xfee00000ull
#define LAPIC_BASE_BSP	   BIT(8)
#define LAPIC_BASE_EXTD	   BIT(10)
#define LAPIC_BASE_EN	   BIT(11)
#define LAPIC_PAGE_SIZE	   4096

/* The x2APIC registers' MSRs [SDM3 11.12.1.2 "x2APIC Register Address Space"] */
#define LAPIC_MSR_FIRST 0x800u
#define LAPIC_MSR_LAST	0x8ffu

/* What the guest's CPUID and the set-up offer. */
#define LAPIC_HAS_X2APIC       (1u << 0)
#define LAPIC_HAS_TSC_DEADLINE (1u << 1)
#define LAPIC_HAS_DIRECTED_EOI (1u << 2) /* EOI broadcasts can be suppressed */

/*
 * Register numbers: bits 11:4 of the offset in the page, and the low byte of
 * the MSR. [SDM3 Table 11-1 "Local APIC Register Address Map"]
 */
enum lapic_reg {
	LAPIC_ID = 0x02,
	LAPIC_VERSION = 0x03,
	LAPIC_TPR = 0x08,
	LAPIC_APR = 0x09,
	LAPIC_PPR = 0x0a,
	LAPIC_EOI = 0x0b,
	LAPIC_RRD = 0x0c,
	LAPIC_LDR = 0x0d,
	LAPIC_DFR = 0x0e,
	LAPIC_SVR = 0x0f,
	LAPIC_ISR = 0x10, /* eight of them, as of TMR and IRR */
	LAPIC_TMR = 0x18,
	LAPIC_IRR = 0x20,
	LAPIC_ESR = 0x28,
	LAPIC_ICR = 0x30,
	LAPIC_ICR2 = 0x31,
	LAPIC_LVT_TIMER = 0x32,
	LAPIC_LVT_THERMAL = 0x33,
	LAPIC_LVT_PERFORMANCE = 0x34,
	LAPIC_LVT_LINT0 = 0x35,
	LAPIC_LVT_LINT1 = 0x36,
	LAPIC_LVT_ERROR = 0x37,
	LAPIC_TMICT = 0x38,
	LAPIC_TMCCT = 0x39,
	LAPIC_TDCR = 0x3e,
	LAPIC_SELF_IPI = 0x3f,
	LAPIC_REG_COUNT = 0x40,
};
#define LAPIC_LVT_COUNT 6

/* What a message may do to a vCPU beside raising a vector. */
enum lapic_event {
	LAPIC_EVENT_NMI,
	LAPIC_EVENT_SMI,
	LAPIC_EVENT_INIT,
	LAPIC_EVENT_SIPI, /* with the vector */
};

/*
 * The world around the LAPICs. All calls come with the irqchip lock held and
 * must not call back into the LAPIC, except eoi, which may send messages.
 */
struct lapic_ops {
	u64 (*now_ns)(void *ctx);
	/* The vCPU's TSC now, and when on the monotonic clock it reaches a
	 * value (a time gone by when it already has). */
	u64 (*guest_tsc)(void *ctx, u32 vcpu);
	u64 (*tsc_to_ns)(void *ctx, u32 vcpu, u64 tsc);
	/* An interrupt may have become deliverable: look again. Cheap. */
	void (*kick)(void *ctx, u32 vcpu);
	void (*event)(void *ctx, u32 vcpu, enum lapic_event event, u8 vector);
	/* A vector's service ended. `broadcast`: the I/O APICs hear of it as
	 * the end of a level-triggered interrupt. */
	void (*eoi)(void *ctx, u32 vcpu, u8 vector, bool broadcast);
	/* lapic_timer_deadline_ns() has a new answer. */
	void (*timer_changed)(void *ctx, u32 vcpu);
};

struct lapic {
	struct lapic_bus *bus; /* borrowed */
	u32 vcpu;	       /* also the x2APIC id */
	u32 features;	       /* LAPIC_HAS_x */
	u64 reserved_base;     /* bits that IA32_APIC_BASE may not have */
	u64 base;	       /* IA32_APIC_BASE */

	struct vector_set irr, isr, tmr;
	u64 icr;
	u32 id;	 /* xAPIC id, 8 bits */
	u32 ldr; /* as read: in bits 31:24 for xAPIC */
	u32 dfr, svr, tmict, tdcr;
	u32 lvt[LAPIC_LVT_COUNT];
	u32 esr, esr_pending; /* as last latched; since then */
	u8 tpr;
	bool lint[2];	  /* levels of the two pins */
	u16 extint;	  /* LAPIC_NO_EXTINT, or queued by the client */
	u32 lowest_count; /* lowest-priority messages taken: breaks ties */

	u64 timer_deadline_ns; /* LAPIC_NEVER: stopped */
	u64 tsc_deadline;      /* IA32_TSC_DEADLINE; 0: disarmed */
	u32 ticks_owed;	       /* of a periodic timer that IRR could not hold */
};
#define LAPIC_NO_EXTINT 0xffff

/* Keeps 2^32 counts of 128 cycles within 63 bits of nanoseconds. */
#define LAPIC_BUS_CYCLE_NS_MAX (1u << 23)

struct lapic_bus {
	const struct lapic_ops *ops; /* borrowed */
	void *ctx;
	struct lapic *lapic[LAPIC_MAX]; /* by vCPU id; borrowed */
	u32 count; /* one past the highest vCPU id attached */
	/* Period of the timers' input clock, 1..LAPIC_BUS_CYCLE_NS_MAX. KVM's
	 * default is 1; to be changed only while no LAPIC is attached. */
	u32 bus_cycle_ns;
	bool ids_are_moved; /* some guest wrote an xAPIC id register */
	bool ids_are_32bit; /* KVM_X2APIC_API_USE_32BIT_IDS */
	/* KVM's quirk, on unless KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK: 0xff
	 * from a device reaches every LAPIC in x2APIC mode too. */
	bool broadcast_quirk;
};

/* --- life --- */
void lapic_bus_init(struct lapic_bus *bus, const struct lapic_ops *ops,
		    void *ctx);

/*
 * Powers up and attaches the LAPIC of `vcpu` (0..LAPIC_MAX-1, not attached
 * yet). `bsp` sets IA32_APIC_BASE.BSP and opens LINT0 for the PIC, as KVM
 * does (KVM_X86_QUIRK_LINT0_REENABLED).
 */
void lapic_init(struct lapic *lapic, struct lapic_bus *bus, u32 vcpu, bool bsp);
void lapic_release(struct lapic *lapic);

/* After CPUID is set. phys_bits: MAXPHYADDR, 32..52. */
void lapic_set_features(struct lapic *lapic, u32 features, u32 phys_bits);

/* INIT keeps IA32_APIC_BASE and the ids
 * [SDM3 11.4.7.3 "Local APIC State After an INIT Reset"]. */
void lapic_init_reset(struct lapic *lapic);

/* --- modes --- */
static inline bool lapic_is_enabled(const struct lapic *lapic)
{
	return lapic->base & LAPIC_BASE_EN;
}

static inline bool lapic_is_x2apic(const struct lapic *lapic)
{
	return lapic->base & LAPIC_BASE_EXTD;
}

static inline gpa_t lapic_page(const struct lapic *lapic)
{
	return lapic->base & ~(u64)(LAPIC_PAGE_SIZE - 1);
}

/*
 * IA32_APIC_BASE := value. False, with nothing changed, when that is #GP:
 * reserved bits, EXTD without EN, x2APIC not offered, and, for the guest,
 * x2APIC to xAPIC and disabled to x2APIC.
 * [SDM3 11.12.5 "x2APIC State Transitions"]
 */
bool lapic_base_write(struct lapic *lapic, u64 value, bool from_guest);

/* --- registers --- */

/*
 * The page. `offset` 0..4095. Only aligned 32-bit writes take effect, and
 * reads must stay within one register's 32 bits: other accesses read as 0
 * and write nowhere, as in KVM. When the LAPIC is disabled or in x2APIC mode
 * the page reads as ones.
 */
u64 lapic_mmio_read(struct lapic *lapic, u32 offset, u32 size);
void lapic_mmio_write(struct lapic *lapic, u32 offset, u32 size, u64 value);

/* MSRs LAPIC_MSR_FIRST..LAST. False is #GP(0). */
bool lapic_msr_read(struct lapic *lapic, u32 msr, u64 *ret_value);
bool lapic_msr_write(struct lapic *lapic, u32 msr, u64 value);

/* IA32_TSC_DEADLINE, the guest's and the client's way alike: outside
 * TSC-deadline mode it reads as 0 and ignores writes. */
u64 lapic_tsc_deadline_read(struct lapic *lapic);
void lapic_tsc_deadline_write(struct lapic *lapic, u64 value);

static inline u64 lapic_cr8_read(const struct lapic *lapic)
{
	return lapic->tpr >> 4;
}

/* `cr8` 0..15; the caller has raised #GP for more. */
void lapic_cr8_write(struct lapic *lapic, u64 cr8);

/* --- toward the vCPU --- */

/* The vector that the CPU would get now, above the processor priority; or -1.
 * Vectors from the PIC are not counted: see lapic_accepts_extint(). */
int lapic_has_interrupt(const struct lapic *lapic);

/* INTA: moves `vector`, as answered by lapic_has_interrupt(), to service. */
void lapic_accept(struct lapic *lapic, u8 vector);

/* Whether the PIC's INTR reaches the CPU: LINT0 is open in ExtINT mode, or
 * there is no LAPIC to pass. */
bool lapic_accepts_extint(const struct lapic *lapic);

/* The one vector in service when its end concerns nobody: edge-triggered, no
 * other in service, none requested; or -1. The engine may then let the guest
 * signal EOI in memory (PV EOI). */
int lapic_pv_eoi_vector(const struct lapic *lapic);

/* What the guest's write of the EOI register does. */
void lapic_eoi(struct lapic *lapic);

/* The level of LINT0 (pin 0, the PIC's INTR) or LINT1 (pin 1, NMI). */
void lapic_set_lint(struct lapic *lapic, u32 pin, bool level);

/* --- timer --- */

/* When lapic_timer_expire() wants to be called: LAPIC_NEVER or a time, maybe
 * one gone by. */
u64 lapic_timer_deadline_ns(const struct lapic *lapic);

/* Does what has come due; too early is harmless. Periods that went by
 * unserved are made up, at most 32 of them. */
void lapic_timer_expire(struct lapic *lapic, u64 now_ns);

/* The guest's TSC jumped or changed its rate: TSC deadlines moved. */
void lapic_timer_tsc_changed(struct lapic *lapic);

/* --- messages --- */

/*
 * Delivers a message to whom it is meant for. `source` is the sending LAPIC,
 * or NULL for a device; it decides what shorthands mean.
 * Returns the number of LAPICs that took it, or -1 when it named none.
 */
int lapic_bus_send(struct lapic_bus *bus, const struct apic_msg *msg,
		   struct lapic *source, enum apic_shorthand shorthand);

/* Whether a LAPIC that the message names has its vector requested or in
 * service still. */
bool lapic_bus_is_in_flight(const struct lapic_bus *bus,
			    const struct apic_msg *msg);

/* --- the KVM ABI's state --- */

/* KVM_GET_LAPIC: the register page; TMCCT says how far the timer is. */
void lapic_get_state(struct lapic *lapic, struct kvm_lapic_state *ret_state);

/*
 * KVM_SET_LAPIC, after IA32_APIC_BASE is set; restarts the timer from TMICT
 * and TMCCT. A TSC deadline travels apart, as an MSR, afterwards.
 * -EINVAL: x2APIC mode with 32-bit ids, and the id is not this vCPU's.
 */
int must_check lapic_set_state(struct lapic *lapic,
			       const struct kvm_lapic_state *state);

#endif
