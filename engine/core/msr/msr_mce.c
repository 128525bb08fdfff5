/* SPDX-License-Identifier: MIT */
/*
 * Machine-check registers: banks in which the client may report an error.
 * [SDM3 15.3 "Machine-Check MSRs"], [APM2 9.3 "Machine Check Architecture MSRs"]
 */
#include "engine/core/msr/msr_internal.h"

#define HWCR_MCI_STATUS_WRITE BIT(18) /* [APM2 3.2.1 "HWCR"] */

enum { MC_CTL, MC_STATUS, MC_ADDR, MC_MISC };

static bool is_bank(const struct x86_cpu *cpu, u32 index)
{
	u32 banks = MIN((u32)(cpu->msr.mcg_cap & 0xff), MSR_MC_BANKS_MAX);

	return index - MSR_MC0_CTL < 4 * banks;
}

enum msr_answer mce_get(const struct x86_cpu *cpu, u32 index, u64 *ret,
			bool host)
{
	const struct x86_msrs *msr = &cpu->msr;
	u32 register_index = index - MSR_MC0_CTL;

	if (index == MSR_MCG_CAP) {
		*ret = msr->mcg_cap;
	} else if (index == MSR_MCG_STATUS) {
		*ret = msr->mcg_status;
	} else if (index == MSR_MCG_CTL) {
		if (!host && !(msr->mcg_cap & MCG_CTL_P))
			return MSR_UNKNOWN;
		*ret = msr->mcg_ctl;
	} else if (is_bank(cpu, index)) {
		*ret = msr->mc_bank[register_index / 4][register_index % 4];
	} else {
		return MSR_UNKNOWN;
	}
	return MSR_DONE;
}

static bool all_or_nothing(u64 value)
{
	return value == 0 || value == ~(u64)0;
}

static enum msr_answer bank_set(struct x86_cpu *cpu, u32 bank, u32 which,
				u64 value, bool host)
{
	bool amd_may = cpu->vendor_amd && cpu->msr.hwcr & HWCR_MCI_STATUS_WRITE;

	/*
	 * Only 0 and all ones are sure to be taken. Some systems clear bit 10
	 * of bank 4's mask (GART errors on AMD) and would not survive a #GP.
	 */
	if (which == MC_CTL && !host && value && (value | BIT(10)) != ~(u64)0)
		return MSR_REFUSED;
	/* Guests clear a status; only hardware sets one. */
	if (which == MC_STATUS && !host && value && !amd_may)
		return MSR_REFUSED;
	cpu->msr.mc_bank[bank][which] = value;
	return MSR_DONE;
}

enum msr_answer mce_set(struct x86_cpu *cpu, u32 index, u64 value, bool host)
{
	struct x86_msrs *msr = &cpu->msr;
	u32 register_index = index - MSR_MC0_CTL;

	if (index == MSR_MCG_CAP)
		return MSR_REFUSED;
	if (index == MSR_MCG_STATUS) {
		msr->mcg_status = value;
		return MSR_DONE;
	}
	if (index == MSR_MCG_CTL) {
		if (!(msr->mcg_cap & MCG_CTL_P) && (!host || value))
			return host ? MSR_REFUSED : MSR_UNKNOWN;
		if (!all_or_nothing(value))
			return MSR_REFUSED;
		msr->mcg_ctl = value;
		return MSR_DONE;
	}
	if (!is_bank(cpu, index))
		return MSR_UNKNOWN;
	return bank_set(cpu, register_index / 4, register_index % 4, value,
			host);
}

bool msr_setup_mce(struct x86_cpu *cpu, u64 mcg_cap)
{
	/* Bits 16-23 count extended registers, which nobody has: allowed. */
	const u64 known = MCG_CTL_P | MCG_SER_P | 0xff | 0xff0000;
	u32 banks = mcg_cap & 0xff;

	if (!banks || banks > MSR_MC_BANKS_MAX || mcg_cap & ~known)
		return false;
	cpu->msr.mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P)
		cpu->msr.mcg_ctl = ~(u64)0;
	for (u32 i = 0; i < banks; i++)
		cpu->msr.mc_bank[i][MC_CTL] = ~(u64)0;
	return true;
}
