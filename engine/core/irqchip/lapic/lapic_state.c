/* SPDX-License-Identifier: MIT */
/*
 * KVM's state of a LAPIC: the first 1 KiB of its register page, each register
 * in the first four of sixteen bytes. [KVM-API 4.57 "KVM_GET_LAPIC"]
 *
 * What the page has no room for is lost on a restore, as in KVM: errors not
 * latched into ESR yet, ticks owed, and who took how many lowest-priority
 * messages.
 */
#include <linux/errno.h>

#include "engine/core/irqchip/lapic/lapic_internal.h"

static void put(struct kvm_lapic_state *state, u32 reg, u32 value)
{
	__builtin_memcpy(state->regs + reg * 16, &value, sizeof(value));
}

static u32 get(const struct kvm_lapic_state *state, u32 reg)
{
	u32 value;

	__builtin_memcpy(&value, state->regs + reg * 16, sizeof(value));
	return value;
}

/* The count comes first: what came due is then in IRR, and not lost with a
 * count of 0 behind an IRR from before. */
void lapic_get_state(struct lapic *lapic, struct kvm_lapic_state *ret_state)
{
	__builtin_memset(ret_state, 0, sizeof(*ret_state));
	put(ret_state, LAPIC_TMCCT, lapic_reg_read(lapic, LAPIC_TMCCT));
	for (u32 reg = 0; reg < LAPIC_REG_COUNT; reg++)
		if (lapic_reg_exists(reg) && reg != LAPIC_TMCCT)
			put(ret_state, reg, lapic_reg_read(lapic, reg));
	/* Clients that did not ask for 32-bit ids expect xAPIC's place. */
	if (lapic_is_x2apic(lapic) && !lapic->bus->ids_are_32bit)
		put(ret_state, LAPIC_ID, lapic->vcpu << 24);
}

static void get_vector_set(const struct kvm_lapic_state *state, u32 reg,
			   struct vector_set *ret_set)
{
	for (u32 i = 0; i < ARRAY_SIZE(ret_set->word); i++)
		ret_set->word[i] = (u64)get(state, reg + 2 * i + 1) << 32 |
				   get(state, reg + 2 * i);
}

static void set_ids(struct lapic *lapic, const struct kvm_lapic_state *state)
{
	if (lapic_is_x2apic(lapic)) {
		lapic->ldr = lapic_x2apic_ldr(lapic->vcpu);
		return;
	}
	lapic_reg_write(lapic, LAPIC_ID, get(state, LAPIC_ID));
	lapic_reg_write(lapic, LAPIC_LDR, get(state, LAPIC_LDR));
}

int lapic_set_state(struct lapic *lapic, const struct kvm_lapic_state *state)
{
	if (lapic_is_x2apic(lapic) && lapic->bus->ids_are_32bit &&
	    get(state, LAPIC_ID) != lapic->vcpu)
		return -EINVAL;
	lapic_timer_stop(lapic);
	set_ids(lapic, state);
	lapic->tpr = (u8)get(state, LAPIC_TPR);
	lapic->dfr = get(state, LAPIC_DFR) | 0x0fffffff;
	lapic->svr = get(state, LAPIC_SVR);
	lapic->esr = get(state, LAPIC_ESR);
	lapic->esr_pending = 0;
	lapic->icr = (u64)get(state, LAPIC_ICR2) << 32 | get(state, LAPIC_ICR);
	lapic->tmict = get(state, LAPIC_TMICT);
	lapic->tdcr = get(state, LAPIC_TDCR);
	for (u32 i = 0; i < LAPIC_LVT_COUNT; i++)
		lapic->lvt[i] = get(state, LAPIC_LVT_TIMER + i);
	get_vector_set(state, LAPIC_IRR, &lapic->irr);
	get_vector_set(state, LAPIC_ISR, &lapic->isr);
	get_vector_set(state, LAPIC_TMR, &lapic->tmr);
	lapic_sanitize(lapic);
	lapic_timer_resume(lapic, get(state, LAPIC_TMCCT));
	lapic_kick(lapic);
	return 0;
}
