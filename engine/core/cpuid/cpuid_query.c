/* SPDX-License-Identifier: MIT */
/*
 * What the CPUID instruction answers, from the list the client gave.
 *
 * The out-of-range rule follows what KVM tells its clients about Intel parts: a
 * leaf above the highest basic one, or above the highest of the extended or a
 * hypervisor class, gives the data of the highest basic leaf.
 * [SDM2 3.3 "CPUID-CPU Identification"]; AMD gives zeros.
 */
#include "engine/core/cpuid/cpuid.h"

#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

#define APIC_BASE_ENABLE BIT(11)

const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid_entry2 *entries,
					  u32 count, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < count; i++) {
		const struct kvm_cpuid_entry2 *e = &entries[i];

		if (e->function != leaf)
			continue;
		if (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		    e->index == subleaf)
			return e;
	}
	return NULL;
}

u32 cpuid_xsave_bytes(u64 mask)
{
	return mask & XCR0_AVX ? 832 : 576;
}

/* The first leaf of the class whose highest leaf EAX there names. */
static u32 class_leaf(u32 leaf)
{
	if (leaf >= 0x40000000u && leaf <= 0x4fffffffu)
		return leaf & 0xffffff00u;
	if (leaf >= 0xc0000000u)
		return 0xc0000000u;
	return leaf & 0x80000000u;
}

static const struct kvm_cpuid_entry2 *
out_of_range(const struct kvm_cpuid_entry2 *entries, u32 count, u32 leaf,
	     u32 subleaf)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_find(entries, count, 0, 0);
	const struct kvm_cpuid_entry2 *class;

	if (!basic || cpuid_vendor_amd(entries, count))
		return NULL;
	class = cpuid_find(entries, count, class_leaf(leaf), 0);
	if (class && leaf <= class->eax)
		return NULL; /* in range: a hole, zeros */
	return cpuid_find(entries, count, basic->eax, subleaf);
}

/* Bits that follow control registers rather than the list. */
static void dynamic_bits(const struct kvm_cpuid_entry2 *entries, u32 count,
			 const struct cpuid_state *state, u32 leaf, u32 subleaf,
			 u32 regs[4])
{
	switch (leaf) {
	case 1:
		regs[CPUID_ECX] &= ~CPUID_1_ECX_OSXSAVE;
		if (regs[CPUID_ECX] & CPUID_1_ECX_XSAVE &&
		    state->cr4 & CR4_OSXSAVE)
			regs[CPUID_ECX] |= CPUID_1_ECX_OSXSAVE;
		if (!(state->apic_base & APIC_BASE_ENABLE))
			regs[CPUID_EDX] &= ~CPUID_1_EDX_APIC;
		break;
	case 7:
		if (subleaf)
			break;
		regs[CPUID_ECX] &= ~CPUID_7_ECX_OSPKE;
		if (regs[CPUID_ECX] & CPUID_7_ECX_PKU && state->cr4 & CR4_PKE)
			regs[CPUID_ECX] |= CPUID_7_ECX_OSPKE;
		break;
	case 0xd:
		if (subleaf == 0)
			regs[CPUID_EBX] = cpuid_xsave_bytes(state->xcr0);
		else if (subleaf == 1 &&
			 regs[CPUID_EAX] &
				 (CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XSAVES))
			regs[CPUID_EBX] =
				cpuid_xsave_bytes(state->xcr0 | state->xss);
		break;
	case 0x80000001u:
		if (cpuid_vendor_amd(entries, count) &&
		    !(state->apic_base & APIC_BASE_ENABLE))
			regs[CPUID_EDX] &= ~CPUID_1_EDX_APIC;
		break;
	}
}

/*
 * Past the last level of a topology leaf the number of the level asked for and
 * the x2APIC ID are still told. [SDM2 3.3, "INPUT EAX = 0BH"]
 */
static void topology_end(const struct kvm_cpuid_entry2 *entries, u32 count,
			 u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	const struct kvm_cpuid_entry2 *level;

	if (leaf != 0xb && leaf != 0x1f)
		return;
	level = cpuid_find(entries, count, leaf, 1);
	if (!level)
		return;
	ret_regs[CPUID_ECX] = subleaf & 0xff;
	ret_regs[CPUID_EDX] = level->edx;
}

void cpuid_query(const struct kvm_cpuid_entry2 *entries, u32 count,
		 const struct cpuid_state *state, u32 leaf, u32 subleaf,
		 u32 ret_regs[4])
{
	const struct kvm_cpuid_entry2 *e =
		cpuid_find(entries, count, leaf, subleaf);
	bool exact = e != NULL;

	for (u32 i = 0; i < CPUID_REGS; i++)
		ret_regs[i] = 0;
	if (!e)
		e = out_of_range(entries, count, leaf, subleaf);
	if (!e) {
		topology_end(entries, count, leaf, subleaf, ret_regs);
		return;
	}
	ret_regs[CPUID_EAX] = e->eax;
	ret_regs[CPUID_EBX] = e->ebx;
	ret_regs[CPUID_ECX] = e->ecx;
	ret_regs[CPUID_EDX] = e->edx;
	dynamic_bits(entries, count, state, exact ? leaf : e->function, subleaf,
		     ret_regs);
}
