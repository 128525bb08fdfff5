/* SPDX-License-Identifier: MIT */
/*
 * The LAPIC's MSRs: the x2APIC registers and IA32_APIC_BASE.
 */
#include "engine/core/irqchip/lapic/lapic_internal.h"

#define READ  1
#define WRITE 2

/*
 * What x2APIC mode lets RDMSR and WRMSR do with each register, and the bits
 * that WRMSR must leave 0; bits 63:32 are reserved in all but the ICR. A
 * register not listed does not exist there: DFR, ICR2, APR and RRD are gone.
 * [SDM3 11.12.1.2 "x2APIC Register Address Space"]
 */
struct rule {
	u8 access;
	u32 reserved;
};

static const struct rule rules[LAPIC_REG_COUNT] = {
	[LAPIC_ID] = {READ, 0},
	[LAPIC_VERSION] = {READ, 0},
	[LAPIC_TPR] = {READ | WRITE, ~0xffu},
	[LAPIC_PPR] = {READ, 0},
	[LAPIC_EOI] = {WRITE, ~0u},
	[LAPIC_LDR] = {READ, 0},
	[LAPIC_SVR] = {READ | WRITE, ~SVR_WRITABLE},
	[LAPIC_ISR... LAPIC_ISR + 7] = {READ, 0},
	[LAPIC_TMR... LAPIC_TMR + 7] = {READ, 0},
	[LAPIC_IRR... LAPIC_IRR + 7] = {READ, 0},
	[LAPIC_ESR] = {READ | WRITE, ~0u},
	/* The status bit is gone, but KVM lets software write it. */
	[LAPIC_ICR] = {READ | WRITE, ~(ICR_WRITABLE | ICR_STATUS)},
	/* Of the LVT entries: and what lapic_lvt_writable() adds. */
	[LAPIC_LVT_TIMER... LAPIC_LVT_ERROR] = {READ | WRITE, ~LVT_STATUS},
	[LAPIC_TMICT] = {READ | WRITE, 0},
	[LAPIC_TMCCT] = {READ, 0},
	[LAPIC_TDCR] = {READ | WRITE, ~0xbu},
	[LAPIC_SELF_IPI] = {WRITE, ~0xffu},
};

static bool is_allowed(const struct lapic *lapic, u32 reg, u8 access)
{
	return lapic_is_x2apic(lapic) && reg < LAPIC_REG_COUNT &&
	       (rules[reg].access & access);
}

static u32 reserved_bits(const struct lapic *lapic, u32 reg)
{
	u32 reserved = rules[reg].reserved;

	if (reg == LAPIC_SVR && (lapic->features & LAPIC_HAS_DIRECTED_EOI))
		reserved &= ~SVR_NO_EOI_BROADCAST;
	if (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR)
		reserved &= ~lapic_lvt_writable(lapic, reg);
	if (reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1)
		reserved &= ~LVT_REMOTE_IRR; /* read-only, not reserved */
	return reserved;
}

bool lapic_msr_read(struct lapic *lapic, u32 msr, u64 *ret_value)
{
	u32 reg = msr - LAPIC_MSR_FIRST;

	irqchip_assert(msr >= LAPIC_MSR_FIRST && msr <= LAPIC_MSR_LAST);
	if (!is_allowed(lapic, reg, READ))
		return false;
	*ret_value = reg == LAPIC_ICR ? lapic->icr : lapic_reg_read(lapic, reg);
	return true;
}

bool lapic_msr_write(struct lapic *lapic, u32 msr, u64 value)
{
	u32 reg = msr - LAPIC_MSR_FIRST;

	irqchip_assert(msr >= LAPIC_MSR_FIRST && msr <= LAPIC_MSR_LAST);
	if (!is_allowed(lapic, reg, WRITE) ||
	    ((u32)value & reserved_bits(lapic, reg)))
		return false;
	if (reg == LAPIC_ICR) {
		lapic->icr = value & ~(u64)ICR_STATUS;
		lapic_send_icr(lapic);
		return true;
	}
	if (value >> 32)
		return false;
	if (reg == LAPIC_SELF_IPI)
		lapic_send_self(lapic, (u8)value);
	else
		lapic_reg_write(lapic, reg, (u32)value);
	return true;
}

/* --- IA32_APIC_BASE --- */

void lapic_set_features(struct lapic *lapic, u32 features, u32 phys_bits)
{
	irqchip_assert(phys_bits >= 32 && phys_bits <= 52);

	lapic->features = features;
	lapic->reserved_base = ~(BIT(phys_bits) - 1) | 0x2ff;
	if (!(features & LAPIC_HAS_X2APIC))
		lapic->reserved_base |= LAPIC_BASE_EXTD;
}

static bool is_legal_step(u64 from, u64 to)
{
	bool from_x2apic = from & LAPIC_BASE_EXTD;
	bool to_x2apic = to & LAPIC_BASE_EXTD;

	if (from_x2apic && !to_x2apic)
		return !(to & LAPIC_BASE_EN); /* back only by way of disabled */
	if (!from_x2apic && to_x2apic)
		return from & LAPIC_BASE_EN;
	return true;
}

/* The ids are the mode's: xAPIC starts from the reset id each time, x2APIC's
 * logical id follows from the id. */
static void change_mode(struct lapic *lapic, u64 value)
{
	u64 changed = lapic->base ^ value;

	lapic->base = value;
	if (changed & LAPIC_BASE_EN)
		lapic->id = lapic->vcpu & 0xff;
	if (!(changed & LAPIC_BASE_EXTD))
		return;
	lapic->icr &= UINT32_MAX;
	lapic->ldr = lapic_is_x2apic(lapic) ? lapic_x2apic_ldr(lapic->vcpu) : 0;
}

bool lapic_base_write(struct lapic *lapic, u64 value, bool from_guest)
{
	if ((value & lapic->reserved_base) ||
	    (value & (LAPIC_BASE_EXTD | LAPIC_BASE_EN)) == LAPIC_BASE_EXTD)
		return false;
	if (from_guest && !is_legal_step(lapic->base, value))
		return false;
	change_mode(lapic, value);
	/* A disabled LAPIC's timer wakes nobody. */
	lapic->bus->ops->timer_changed(lapic->bus->ctx, lapic->vcpu);
	lapic_kick(lapic);
	return true;
}
