/* SPDX-License-Identifier: MIT */
/* Which MSRs clients save and restore, and what a new vCPU's features read. */
#include "engine/core/msr/msr_internal.h"

/*
 * Machine-check banks are not listed: their number differs between vCPUs, and
 * clients know them by MCG_CAP. [KVM-API 4.3 "KVM_GET_MSR_INDEX_LIST"]
 */
const u32 msr_index_list[] = {
	MSR_TSC,
	MSR_SYSENTER_CS,
	MSR_SYSENTER_ESP,
	MSR_SYSENTER_EIP,
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SFMASK,
	MSR_KERNEL_GS_BASE,
	MSR_PAT,
	MSR_FEATURE_CONTROL,
	MSR_SPEC_CTRL,
	MSR_TSC_AUX,
	MSR_TSC_ADJUST,
	MSR_TSC_DEADLINE,
	MSR_ARCH_CAPABILITIES,
	MSR_MISC_ENABLE,
	MSR_MCG_STATUS,
	MSR_MCG_CTL,
	MSR_SMI_COUNT,
	MSR_PLATFORM_INFO,
	MSR_MISC_FEATURES_ENABLES,
	MSR_UCODE_REV,
	MSR_XSS,
	MSR_DEBUGCTL,
	MSR_HWCR,
	MSR_VIRT_SPEC_CTRL,
	MSR_KVM_OLD_WALL_CLOCK,
	MSR_KVM_OLD_SYSTEM_TIME,
	MSR_KVM_FIRST + 0, /* wall clock */
	MSR_KVM_FIRST + 1, /* system time */
	MSR_KVM_FIRST + 2, /* asynchronous page faults */
	MSR_KVM_FIRST + 3, /* steal time */
	MSR_KVM_FIRST + 4, /* end of interrupt */
	MSR_KVM_FIRST + 5, /* poll control */
	MSR_MTRR_DEF_TYPE,
	MSR_MTRR_FIX64K_00000,
	MSR_MTRR_FIX16K_80000,
	MSR_MTRR_FIX16K_A0000,
	MSR_MTRR_FIX4K_C0000 + 0,
	MSR_MTRR_FIX4K_C0000 + 1,
	MSR_MTRR_FIX4K_C0000 + 2,
	MSR_MTRR_FIX4K_C0000 + 3,
	MSR_MTRR_FIX4K_C0000 + 4,
	MSR_MTRR_FIX4K_C0000 + 5,
	MSR_MTRR_FIX4K_C0000 + 6,
	MSR_MTRR_FIX4K_C0000 + 7,
	MSR_MTRR_PHYS_BASE0 + 0,
	MSR_MTRR_PHYS_BASE0 + 1,
	MSR_MTRR_PHYS_BASE0 + 2,
	MSR_MTRR_PHYS_BASE0 + 3,
	MSR_MTRR_PHYS_BASE0 + 4,
	MSR_MTRR_PHYS_BASE0 + 5,
	MSR_MTRR_PHYS_BASE0 + 6,
	MSR_MTRR_PHYS_BASE0 + 7,
	MSR_MTRR_PHYS_BASE0 + 8,
	MSR_MTRR_PHYS_BASE0 + 9,
	MSR_MTRR_PHYS_BASE0 + 10,
	MSR_MTRR_PHYS_BASE0 + 11,
	MSR_MTRR_PHYS_BASE0 + 12,
	MSR_MTRR_PHYS_BASE0 + 13,
	MSR_MTRR_PHYS_BASE0 + 14,
	MSR_MTRR_PHYS_BASE0 + 15,
};
const u32 msr_index_count = ARRAY_SIZE(msr_index_list);

const u32 msr_feature_list[] = {
	MSR_UCODE_REV,
	MSR_ARCH_CAPABILITIES,
	MSR_PLATFORM_INFO,
	MSR_DE_CFG,
};
const u32 msr_feature_count = ARRAY_SIZE(msr_feature_list);

/* [SDM4 table 2-2, "IA32_ARCH_CAPABILITIES"] */
#define ARCH_RDCL_NO		BIT(0)
#define ARCH_IBRS_ALL		BIT(1)
#define ARCH_SKIP_L1DFL_VMENTRY BIT(3)
#define ARCH_SSB_NO		BIT(4)
#define ARCH_MDS_NO		BIT(5)
#define ARCH_PSCHANGE_MC_NO	BIT(6)
#define ARCH_TAA_NO		BIT(8)
#define ARCH_SBDR_SSDP_NO	BIT(13)
#define ARCH_FBSDP_NO		BIT(14)
#define ARCH_PSDP_NO		BIT(15)
#define ARCH_BHI_NO		BIT(20)
#define ARCH_PBRSB_NO		BIT(24)
#define ARCH_GDS_NO		BIT(26)
#define ARCH_RFDS_NO		BIT(27)

/*
 * True of any guest here: the engine checks an access before it makes it, no
 * guest branch is an indirect branch of the host with the guest's address, and
 * there is neither TSX nor a nested page table.
 */
#define ARCH_ALWAYS                                               \
	(ARCH_RDCL_NO | ARCH_IBRS_ALL | ARCH_SKIP_L1DFL_VMENTRY | \
	 ARCH_PSCHANGE_MC_NO | ARCH_TAA_NO | ARCH_PBRSB_NO)
/* About buffers and predictors that one process's code shares. */
#define ARCH_OF_HOST                                                     \
	(ARCH_SSB_NO | ARCH_MDS_NO | ARCH_SBDR_SSDP_NO | ARCH_FBSDP_NO | \
	 ARCH_PSDP_NO | ARCH_BHI_NO | ARCH_GDS_NO | ARCH_RFDS_NO)

#define DE_CFG_LFENCE_SERIALIZE BIT(1) /* [APM2 3.2.9 "LFENCE"] */

bool msr_feature_get(u32 index, bool amd, u64 host_arch_capabilities, u64 *ret)
{
	switch (index) {
	case MSR_UCODE_REV:
		/* Revisions that no work-around of a guest looks for. */
		*ret = amd ? 0x01000065 : BIT(32);
		return true;
	case MSR_ARCH_CAPABILITIES:
		*ret = amd ? 0
			   : ARCH_ALWAYS |
				       (host_arch_capabilities & ARCH_OF_HOST);
		return true;
	case MSR_PLATFORM_INFO:
		*ret = PLATFORM_INFO_CPUID_FAULT;
		return true;
	case MSR_DE_CFG:
		*ret = amd ? DE_CFG_LFENCE_SERIALIZE : 0;
		return true;
	default:
		return false;
	}
}

void msr_init(struct x86_cpu *cpu, bool amd, u64 host_arch_capabilities)
{
	struct x86_msrs *msr = &cpu->msr;

	(void)msr_feature_get(MSR_UCODE_REV, amd, 0, &msr->microcode);
	(void)msr_feature_get(MSR_ARCH_CAPABILITIES, amd,
			      host_arch_capabilities, &msr->arch_capabilities);
	(void)msr_feature_get(MSR_PLATFORM_INFO, amd, 0, &msr->platform_info);
	(void)msr_feature_get(MSR_DE_CFG, amd, 0, &msr->de_cfg);
	(void)msr_setup_mce(cpu, MSR_MC_BANKS_MAX);
}
