/* SPDX-License-Identifier: MIT */
/*
 * MTRRs and PAT: kept and checked, without effect. Memory is always write-back
 * here, which every other type permits. [SDM3 11.11 "Memory Type Range
 * Registers (MTRRs)"], [SDM3 11.12 "Page Attribute Table (PAT)"]
 */
#include "engine/core/msr/msr_internal.h"

#define MTRR_CAP_FIXED	       BIT(8)
#define MTRR_CAP_WC	       BIT(10)
#define MTRR_DEF_RESERVED      (~(u64)0xcff)
#define MTRR_MASK_RESERVED_LOW 0x7ffu
#define MTRR_BASE_RESERVED_LOW 0xf00u

/* UC, WC, WT, WP, WB; PAT also UC-. */
static bool type_valid(u32 type, bool pat)
{
	return type == 0 || type == 1 || (type >= 4 && type <= (pat ? 7u : 6u));
}

static bool types_valid(u64 value, bool pat)
{
	for (u32 i = 0; i < 8; i++)
		if (!type_valid(value >> (i * 8) & 0xff, pat))
			return false;
	return true;
}

/* Index into mtrr_fixed[], or MSR_MTRR_FIXED_COUNT. */
static u32 fixed_slot(u32 index)
{
	switch (index) {
	case MSR_MTRR_FIX64K_00000:
		return 0;
	case MSR_MTRR_FIX16K_80000:
	case MSR_MTRR_FIX16K_A0000:
		return 1 + index - MSR_MTRR_FIX16K_80000;
	default:
		if (index - MSR_MTRR_FIX4K_C0000 < 8)
			return 3 + index - MSR_MTRR_FIX4K_C0000;
		return MSR_MTRR_FIXED_COUNT;
	}
}

static bool is_variable(u32 index)
{
	return index - MSR_MTRR_PHYS_BASE0 < 2 * MSR_MTRR_VARIABLE_COUNT;
}

enum msr_answer mtrr_get(const struct x86_cpu *cpu, u32 index, u64 *ret)
{
	const struct x86_msrs *msr = &cpu->msr;
	u32 slot = fixed_slot(index);

	if (index == MSR_MTRRCAP)
		*ret = MSR_MTRR_VARIABLE_COUNT | MTRR_CAP_FIXED | MTRR_CAP_WC;
	else if (index == MSR_MTRR_DEF_TYPE)
		*ret = msr->mtrr_def_type;
	else if (index == MSR_PAT)
		*ret = msr->pat;
	else if (slot < MSR_MTRR_FIXED_COUNT)
		*ret = msr->mtrr_fixed[slot];
	else if (is_variable(index))
		*ret = msr->mtrr_variable[index >> 1 & 7][index & 1];
	else
		return MSR_UNKNOWN;
	return MSR_DONE;
}

static bool variable_valid(const struct x86_cpu *cpu, u32 index, u64 value)
{
	u64 reserved = ~(u64)0 << cpu->physical_bits;

	if (index & 1)
		return !(value & (reserved | MTRR_MASK_RESERVED_LOW));
	return type_valid(value & 0xff, false) &&
	       !(value & (reserved | MTRR_BASE_RESERVED_LOW));
}

enum msr_answer mtrr_set(struct x86_cpu *cpu, u32 index, u64 value, bool host)
{
	struct x86_msrs *msr = &cpu->msr;
	u32 slot = fixed_slot(index);

	(void)host; /* the same rules: guests must be able to read it back */
	if (index == MSR_MTRRCAP)
		return MSR_REFUSED;
	if (index == MSR_MTRR_DEF_TYPE) {
		if (value & MTRR_DEF_RESERVED ||
		    !type_valid(value & 0xff, false))
			return MSR_REFUSED;
		msr->mtrr_def_type = value;
	} else if (index == MSR_PAT) {
		if (!types_valid(value, true))
			return MSR_REFUSED;
		msr->pat = value;
	} else if (slot < MSR_MTRR_FIXED_COUNT) {
		if (!types_valid(value, false))
			return MSR_REFUSED;
		msr->mtrr_fixed[slot] = value;
	} else if (is_variable(index)) {
		if (!variable_valid(cpu, index, value))
			return MSR_REFUSED;
		msr->mtrr_variable[index >> 1 & 7][index & 1] = value;
	} else {
		return MSR_UNKNOWN;
	}
	return MSR_DONE;
}
