/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers.
 *
 * Three kinds. Most are a value in cpu->msr with a rule about what may be
 * written; they live here. Some are a face of something else (TSC, APIC, KVM's
 * paravirtual registers): the owner's, reached through ops->msr_read and
 * msr_write. The rest does not exist: #GP.
 *
 * All run on the vCPU's thread. Sources: [SDM4 2 "Model-Specific Registers"],
 * [APM2 A "MSR Cross-Reference"], and for what is answered to guests that look
 * for a CPU's own registers, KVM's choices.
 */
#ifndef ENGINE_CORE_MSR_MSR_H
#define ENGINE_CORE_MSR_MSR_H

#include "engine/core/types.h"

struct x86_cpu;

/* Architectural, Intel's names. [SDM4 table 2-2 "IA-32 Architectural MSRs"] */
#define MSR_PLATFORM_ID		  0x17u
#define MSR_TSC			  0x10u
#define MSR_APIC_BASE		  0x1bu
#define MSR_EBL_CR_POWERON	  0x2au
#define MSR_EBC_FREQUENCY_ID	  0x2cu
#define MSR_SMI_COUNT		  0x34u
#define MSR_FEATURE_CONTROL	  0x3au
#define MSR_TSC_ADJUST		  0x3bu
#define MSR_SPEC_CTRL		  0x48u
#define MSR_PRED_CMD		  0x49u
#define MSR_UCODE_WRITE		  0x79u
#define MSR_UCODE_REV		  0x8bu
#define MSR_SMBASE		  0x9eu
#define MSR_PERFCTR0		  0xc1u
#define MSR_FSB_FREQ		  0xcdu
#define MSR_PLATFORM_INFO	  0xceu
#define MSR_MTRRCAP		  0xfeu
#define MSR_ARCH_CAPABILITIES	  0x10au
#define MSR_FLUSH_CMD		  0x10bu
#define MSR_MISC_FEATURES_ENABLES 0x140u
#define MSR_SYSENTER_CS		  0x174u
#define MSR_SYSENTER_ESP	  0x175u
#define MSR_SYSENTER_EIP	  0x176u
#define MSR_MCG_CAP		  0x179u
#define MSR_MCG_STATUS		  0x17au
#define MSR_MCG_CTL		  0x17bu
#define MSR_EVNTSEL0		  0x186u
#define MSR_PERF_STATUS		  0x198u
#define MSR_PERF_CTL		  0x199u
#define MSR_MISC_ENABLE		  0x1a0u
#define MSR_DEBUGCTL		  0x1d9u
#define MSR_LAST_BRANCH_FROM	  0x1dbu /* and To, interrupt From, To: ..1deH */
#define MSR_MTRR_PHYS_BASE0	  0x200u
#define MSR_MTRR_FIX64K_00000	  0x250u
#define MSR_MTRR_FIX16K_80000	  0x258u
#define MSR_MTRR_FIX16K_A0000	  0x259u
#define MSR_MTRR_FIX4K_C0000	  0x268u
#define MSR_PAT			  0x277u
#define MSR_MTRR_DEF_TYPE	  0x2ffu
#define MSR_MC0_CTL		  0x400u
#define MSR_RAPL_POWER_UNIT	  0x606u
#define MSR_TSC_DEADLINE	  0x6e0u
#define MSR_X2APIC_FIRST	  0x800u
#define MSR_X2APIC_LAST		  0x8ffu
#define MSR_XSS			  0xda0u
#define MSR_EFER		  0xc0000080u
#define MSR_STAR		  0xc0000081u
#define MSR_LSTAR		  0xc0000082u
#define MSR_CSTAR		  0xc0000083u
#define MSR_SFMASK		  0xc0000084u
#define MSR_FS_BASE		  0xc0000100u
#define MSR_GS_BASE		  0xc0000101u
#define MSR_KERNEL_GS_BASE	  0xc0000102u
#define MSR_TSC_AUX		  0xc0000103u

/* AMD's. [APM2 A.8 "MSR Cross-Reference"] */
#define MSR_K7_EVNTSEL0	   0xc0010000u
#define MSR_K7_PERFCTR0	   0xc0010004u
#define MSR_SYSCFG	   0xc0010010u
#define MSR_HWCR	   0xc0010015u
#define MSR_K7_CLK_CTL	   0xc001001bu
#define MSR_NB_CFG	   0xc001001fu
#define MSR_PATCH_LOADER   0xc0010020u
#define MSR_INT_PENDING	   0xc0010055u
#define MSR_MMIO_CONF_BASE 0xc0010058u
#define MSR_TSEG_BASE	   0xc0010112u
#define MSR_TSEG_MASK	   0xc0010113u
#define MSR_VM_HSAVE_PA	   0xc0010117u
#define MSR_VIRT_SPEC_CTRL 0xc001011fu
#define MSR_DC_CFG	   0xc0011022u
#define MSR_TW_CFG	   0xc0011023u
#define MSR_DE_CFG	   0xc0011029u
#define MSR_BU_CFG2	   0xc001102au
#define MSR_EX_CFG	   0xc001102cu

/* KVM's. [KVM-MSR "Custom MSR list"] */
#define MSR_KVM_OLD_WALL_CLOCK	0x11u
#define MSR_KVM_OLD_SYSTEM_TIME 0x12u
#define MSR_KVM_FIRST		0x4b564d00u
#define MSR_KVM_LAST		0x4b564dffu

#define MSR_MTRR_VARIABLE_COUNT 8u
#define MSR_MTRR_FIXED_COUNT	11u
#define MSR_MC_BANKS_MAX	10u /* what KVM_CAP_MCE answers */

#define MCG_CTL_P		  BIT(8)
#define MCG_SER_P		  BIT(24)
#define PLATFORM_INFO_CPUID_FAULT BIT(31)
#define MISC_FEATURES_CPUID_FAULT BIT(0)

/*
 * RDMSR and WRMSR of a guest at CPL 0. X86_OK; X86_FAULT with #GP(0) raised;
 * X86_EXIT with cpu->exit filled: the client answers, and the instruction's
 * handler finds the answer there when it is run again.
 * A write may change mode and mappings: the caller ends its block.
 */
int x86_rdmsr(struct x86_cpu *cpu, u32 index, u64 *ret);
int x86_wrmsr(struct x86_cpu *cpu, u32 index, u64 value);

/* What the owner's side of KVM_GET_MSRS and KVM_SET_MSRS comes to. */
enum msr_answer {
	MSR_DONE,
	MSR_OWNER,   /* not kept here: the owner answers by itself */
	MSR_REFUSED, /* exists, but not with this value or in this direction */
	MSR_UNKNOWN,
};

/*
 * For the client, who may write what guests may only read and needs no CPUID
 * bit. KVM_SET_MSRS stops at REFUSED and UNKNOWN.
 */
enum msr_answer msr_get_host(const struct x86_cpu *cpu, u32 index, u64 *ret);
enum msr_answer msr_set_host(struct x86_cpu *cpu, u32 index, u64 value);

/*
 * Values of a new vCPU that x86_reset() has no business with: machine check,
 * platform, microcode, ARCH_CAPABILITIES. Once, after vCPU creation.
 * host_arch_capabilities: see msr_feature_get.
 */
void msr_init(struct x86_cpu *cpu, bool amd, u64 host_arch_capabilities);

/*
 * KVM_X86_SETUP_MCE: false (EINVAL) for no banks, more than MSR_MC_BANKS_MAX
 * or a capability other than MCG_CTL_P and MCG_SER_P.
 */
bool msr_setup_mce(struct x86_cpu *cpu, u64 mcg_cap);

/*
 * The MSRs of KVM_GET_MSR_INDEX_LIST: each can be read and written back by the
 * client, on any vCPU. Those for which msr_get_host says MSR_OWNER are the
 * owner's to honour: TSC, TSC_DEADLINE, and KVM's 11H, 12H, 4B564D00H to 05H.
 */
extern const u32 msr_index_list[];
extern const u32 msr_index_count;

/* KVM_GET_MSR_FEATURE_INDEX_LIST. */
extern const u32 msr_feature_list[];
extern const u32 msr_feature_count;

/*
 * KVM_GET_MSRS of the system: what a new vCPU's register reads. Of
 * host_arch_capabilities only the "host is not affected" bits that concern code
 * within one process are passed on; 0 when the owner does not know.
 * False: not a feature MSR.
 */
bool msr_feature_get(u32 index, bool amd, u64 host_arch_capabilities, u64 *ret);

#endif
