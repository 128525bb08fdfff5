/* SPDX-License-Identifier: MIT */
/*
 * What the files of the LAPIC's room share and nobody else sees.
 */
#ifndef ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_INTERNAL_H
#define ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_INTERNAL_H

#include "engine/core/irqchip/lapic/lapic.h"

/* Spurious-interrupt vector register
 * [SDM3 11.9 "Spurious Interrupt"] */
#define SVR_ENABLE	     (1u << 8)
#define SVR_NO_EOI_BROADCAST (1u << 12)
#define SVR_WRITABLE	     0x3ffu /* vector, enable, focus checking */

/* Local vector table [SDM3 11.5.1 "Local Vector Table"] */
#define LVT_VECTOR	 0xffu
#define LVT_DELIVERY	 (7u << 8)
#define LVT_STATUS	 (1u << 12) /* read-only: we are never caught sending */
#define LVT_POLARITY	 (1u << 13)
#define LVT_REMOTE_IRR	 (1u << 14) /* read-only */
#define LVT_LEVEL	 (1u << 15)
#define LVT_MASKED	 (1u << 16)
#define LVT_PERIODIC	 (1u << 17)
#define LVT_TSC_DEADLINE (1u << 18)
#define LVT_TIMER_MODE	 (LVT_PERIODIC | LVT_TSC_DEADLINE)

/* Interrupt command register [SDM3 11.6.1] */
#define ICR_LOGICAL  (1u << 11)
#define ICR_STATUS   (1u << 12)
#define ICR_ASSERT   (1u << 14)
#define ICR_LEVEL    (1u << 15)
#define ICR_WRITABLE 0xccfffu /* bits 13, 17:16 and 31:20 are reserved */

/* Error status register [SDM3 11.5.3 "Error Handling"] */
#define ESR_SEND_ILLEGAL_VECTOR	   (1u << 5)
#define ESR_RECEIVE_ILLEGAL_VECTOR (1u << 6)
#define ESR_ILLEGAL_REGISTER	   (1u << 7)

#define DFR_FLAT	 0xfu /* bits 31:28 */
#define DFR_CLUSTER	 0x0u
#define XAPIC_BROADCAST	 0xffu
#define X2APIC_BROADCAST 0xffffffffu

/* Index into lapic->lvt. */
#define LVT(reg) ((reg)-LAPIC_LVT_TIMER)

static inline bool lapic_is_software_enabled(const struct lapic *lapic)
{
	return lapic->svr & SVR_ENABLE;
}

static inline u64 lapic_now_ns(const struct lapic *lapic)
{
	return lapic->bus->ops->now_ns(lapic->bus->ctx);
}

static inline void lapic_kick(const struct lapic *lapic)
{
	lapic->bus->ops->kick(lapic->bus->ctx, lapic->vcpu);
}

/* lapic.c. `reg` is one that exists (for a write: and is writable). */
u32 lapic_reg_read(struct lapic *lapic, u32 reg);
void lapic_reg_write(struct lapic *lapic, u32 reg, u32 value);
bool lapic_reg_exists(u32 reg);
u32 lapic_lvt_writable(const struct lapic *lapic, u32 reg);
void lapic_sanitize(struct lapic *lapic);
void lapic_error(struct lapic *lapic, u32 esr_bit);
/* Requests a vector: IRR and TMR, or the error of an illegal one. */
void lapic_raise(struct lapic *lapic, u8 vector, bool level);
/* Something on this chip wants what its LVT entry says. */
void lapic_lvt_deliver(struct lapic *lapic, u32 reg);
/* Does what a message says that was found to be for this LAPIC: 1, or 0 when
 * it is dropped. */
int lapic_receive(struct lapic *lapic, const struct apic_msg *msg);

/* lapic_bus.c */
u32 lapic_x2apic_ldr(u32 id);
void lapic_send_icr(struct lapic *lapic);
void lapic_send_self(struct lapic *lapic, u8 vector);

/* lapic_timer.c */
u32 lapic_timer_count(struct lapic *lapic);
void lapic_timer_write_lvt(struct lapic *lapic, u32 value);
void lapic_timer_write_tmict(struct lapic *lapic, u32 value);
void lapic_timer_write_tdcr(struct lapic *lapic, u32 value);
void lapic_timer_stop(struct lapic *lapic);
/* IRR has room again for a tick that is owed. */
void lapic_timer_make_up(struct lapic *lapic);
/* The registers were loaded and the count stood at `count`. */
void lapic_timer_resume(struct lapic *lapic, u32 count);

#endif
