/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR.
 *
 * What is left out: MISC_ENABLE, DEBUGCTL's LBR and BTF, SPEC_CTRL and its like
 * are kept (or dropped) without effect; performance counters read as zero, as
 * KVM answers without a virtual PMU.
 */
#include "engine/core/msr/msr.h"

#include <linux/kvm.h>

#include "engine/core/cpuid/cpuid.h"
#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/msr/msr_internal.h"
#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"

/* What a guest may write to a register that is a plain value. */
enum rule {
	RULE_ANY,
	RULE_CANONICAL,
	RULE_READ_ONLY, /* #GP; the client may set it */
	RULE_IGNORED,	/* nothing happens; the client may set it */
};

struct value_msr {
	u32 index;
	u16 offset; /* in struct x86_msrs */
	u8 rule;    /* enum rule */
};

#define VALUE(index, field, rule)                             \
	{                                                     \
		index, offsetof(struct x86_msrs, field), rule \
	}

static const struct value_msr value_msrs[] = {
	VALUE(MSR_STAR, star, RULE_ANY),
	VALUE(MSR_LSTAR, lstar, RULE_CANONICAL),
	VALUE(MSR_CSTAR, cstar, RULE_CANONICAL),
	VALUE(MSR_SFMASK, sfmask, RULE_ANY),
	VALUE(MSR_KERNEL_GS_BASE, kernel_gs_base, RULE_CANONICAL),
	VALUE(MSR_SYSENTER_CS, sysenter_cs, RULE_ANY),
	VALUE(MSR_UCODE_REV, microcode, RULE_IGNORED),
	VALUE(MSR_SMI_COUNT, smi_count, RULE_READ_ONLY),
};

/*
 * Registers of particular CPUs that guests look into without asking CPUID
 * first: what they read, and that writes are swallowed or not.
 */
struct fixed_msr {
	u32 index;
	u32 count; /* consecutive ones */
	u64 value;
	bool write_ignored;
};

static const struct fixed_msr fixed_msrs[] = {
	{MSR_PLATFORM_ID, 1, 0, false},
	{MSR_EBL_CR_POWERON, 1, 0, false},
	{MSR_EBC_FREQUENCY_ID, 1, 1u << 24, false},
	{MSR_PERFCTR0, 2, 0, true},
	{MSR_FSB_FREQ, 1, 3, false},
	{MSR_EVNTSEL0, 2, 0, true},
	/* A fixed multiplier; guests only look whether it is zero. */
	{MSR_PERF_STATUS, 1, 1000 | (u64)4 << 32, false},
	{MSR_PERF_CTL, 1, 0, false},
	{MSR_LAST_BRANCH_FROM, 4, 0, false},
	{MSR_RAPL_POWER_UNIT, 1, 0, false},
	{MSR_K7_EVNTSEL0, 4, 0, true},
	{MSR_K7_PERFCTR0, 4, 0, true},
	{MSR_SYSCFG, 1, 0, false},
	{MSR_K7_CLK_CTL, 1, 0x20000000, false},
	{MSR_NB_CFG, 1, 0, true},
	{MSR_INT_PENDING, 1, 0, false},
	{MSR_TSEG_BASE, 2, 0, false},
	{MSR_VM_HSAVE_PA, 1, 0, true},
	{MSR_DC_CFG, 2, 0, true},
	{MSR_BU_CFG2, 1, 0, true},
	{MSR_EX_CFG, 1, 0, true},
};

static const struct value_msr *value_find(u32 index)
{
	for (u32 i = 0; i < ARRAY_SIZE(value_msrs); i++)
		if (value_msrs[i].index == index)
			return &value_msrs[i];
	return NULL;
}

static const struct fixed_msr *fixed_find(u32 index)
{
	for (u32 i = 0; i < ARRAY_SIZE(fixed_msrs); i++)
		if (index - fixed_msrs[i].index < fixed_msrs[i].count)
			return &fixed_msrs[i];
	return NULL;
}

static u64 *value_at(struct x86_cpu *cpu, const struct value_msr *row)
{
	return (u64 *)(void *)((u8 *)&cpu->msr + row->offset);
}

bool guest_cpuid_bit(const struct x86_cpu *cpu, u32 leaf, u32 reg, u32 mask)
{
	u32 regs[CPUID_REGS] = {0, 0, 0, 0};

	if (cpu->ops && cpu->ops->cpuid)
		cpu->ops->cpuid(cpu->ctx, leaf, 0, regs);
	return regs[reg] & mask;
}

/*
 * MSRs hold addresses of the width the CPU has, whatever the paging mode.
 * [SDM3 3.3.7.1 "Canonical Addressing"]
 */
static bool canonical(const struct x86_cpu *cpu, u64 address)
{
	u32 shift = cpu->linear_bits == 57 ? 7 : 16;

	return (u64)((s64)(address << shift) >> shift) == address;
}

static bool is_owners(u32 index)
{
	switch (index) {
	case MSR_TSC:
	case MSR_KVM_OLD_WALL_CLOCK:
	case MSR_KVM_OLD_SYSTEM_TIME:
	case MSR_APIC_BASE:
	case MSR_TSC_DEADLINE:
		return true;
	default:
		return (index >= MSR_KVM_FIRST && index <= MSR_KVM_LAST) ||
		       (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST);
	}
}

/* ------------------------------------------------------------ by CPUID --- */

#define SPEC_CTRL_IBRS	BIT(0)
#define SPEC_CTRL_STIBP BIT(1)
#define SPEC_CTRL_SSBD	BIT(2)

/* The bits of SPEC_CTRL that the guest was offered. */
static u64 spec_ctrl_bits(const struct x86_cpu *cpu)
{
	static const struct {
		u64 bit;
		u32 intel; /* leaf 7 EDX */
		u32 amd;   /* leaf 80000008H EBX */
	} bits[] = {
		{SPEC_CTRL_IBRS, CPUID_7_EDX_SPEC_CTRL, CPUID_X8_EBX_IBRS},
		{SPEC_CTRL_STIBP, CPUID_7_EDX_STIBP, CPUID_X8_EBX_STIBP},
		{SPEC_CTRL_SSBD, CPUID_7_EDX_SSBD, CPUID_X8_EBX_SSBD},
	};
	u64 mask = 0;

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (guest_cpuid_bit(cpu, 7, CPUID_EDX, bits[i].intel) ||
		    guest_cpuid_bit(cpu, 0x80000008u, CPUID_EBX, bits[i].amd))
			mask |= bits[i].bit;
	return mask;
}

static bool offers_ibpb(const struct x86_cpu *cpu)
{
	return guest_cpuid_bit(cpu, 7, CPUID_EDX, CPUID_7_EDX_SPEC_CTRL) ||
	       guest_cpuid_bit(cpu, 0x80000008u, CPUID_EBX, CPUID_X8_EBX_IBPB);
}

/* Does this register exist for the guest? For the client all of them do. */
static bool exists_for_guest(const struct x86_cpu *cpu, u32 index)
{
	switch (index) {
	case MSR_SPEC_CTRL:
		return spec_ctrl_bits(cpu) != 0;
	case MSR_PRED_CMD:
		return offers_ibpb(cpu);
	case MSR_FLUSH_CMD:
		return guest_cpuid_bit(cpu, 7, CPUID_EDX, CPUID_7_EDX_FLUSH_L1D);
	case MSR_ARCH_CAPABILITIES:
		return guest_cpuid_bit(cpu, 7, CPUID_EDX,
				       CPUID_7_EDX_ARCH_CAPABILITIES);
	case MSR_TSC_ADJUST:
		return guest_cpuid_bit(cpu, 7, CPUID_EBX,
				       CPUID_7_EBX_TSC_ADJUST);
	case MSR_TSC_DEADLINE:
		return guest_cpuid_bit(cpu, 1, CPUID_ECX,
				       CPUID_1_ECX_TSC_DEADLINE);
	case MSR_TSC_AUX:
		return x86_has(cpu, FEAT_RDTSCP) || x86_has(cpu, FEAT_RDPID);
	case MSR_XSS:
		return x86_has(cpu, FEAT_XSAVES);
	case MSR_VIRT_SPEC_CTRL:
		return guest_cpuid_bit(cpu, 0x80000008u, CPUID_EBX,
				       CPUID_X8_EBX_VIRT_SSBD);
	case MSR_DE_CFG:
		return cpu->vendor_amd;
	case MSR_FEATURE_CONTROL:
		return !cpu->vendor_amd;
	case MSR_SMBASE:
		return false;
	default:
		return true;
	}
}

/* --------------------------------------------------------------- reading - */

static enum msr_answer special_get(const struct x86_cpu *cpu, u32 index,
				   u64 *ret)
{
	const struct x86_msrs *msr = &cpu->msr;

	switch (index) {
	case MSR_EFER:
		*ret = cpu->efer;
		break;
	case MSR_FS_BASE:
		*ret = cpu->seg[SEG_FS].base;
		break;
	case MSR_GS_BASE:
		*ret = cpu->seg[SEG_GS].base;
		break;
	case MSR_SYSENTER_ESP:
		*ret = msr->sysenter_esp;
		break;
	case MSR_SYSENTER_EIP:
		*ret = msr->sysenter_eip;
		break;
	case MSR_TSC_AUX:
		*ret = msr->tsc_aux;
		break;
	case MSR_TSC_ADJUST:
		*ret = msr->tsc_adjust;
		break;
	case MSR_SPEC_CTRL:
		*ret = msr->spec_ctrl;
		break;
	case MSR_VIRT_SPEC_CTRL:
		*ret = msr->virt_spec_ctrl;
		break;
	case MSR_FEATURE_CONTROL:
		*ret = msr->feature_control;
		break;
	case MSR_MISC_ENABLE:
		*ret = msr->misc_enable;
		break;
	case MSR_PLATFORM_INFO:
		*ret = msr->platform_info;
		break;
	case MSR_MISC_FEATURES_ENABLES:
		*ret = msr->misc_features_enables;
		break;
	case MSR_ARCH_CAPABILITIES:
		*ret = msr->arch_capabilities;
		break;
	case MSR_DEBUGCTL:
		*ret = msr->debugctl;
		break;
	case MSR_XSS:
		*ret = msr->xss;
		break;
	case MSR_HWCR:
		*ret = msr->hwcr;
		break;
	case MSR_DE_CFG:
		*ret = msr->de_cfg;
		break;
	case MSR_SMBASE:
		*ret = msr->smbase;
		break;
	case MSR_MMIO_CONF_BASE:
		*ret = 0;
		break;
	case MSR_PRED_CMD: /* commands cannot be read */
	case MSR_FLUSH_CMD:
		return MSR_REFUSED;
	default:
		return MSR_UNKNOWN;
	}
	return MSR_DONE;
}

enum msr_answer msr_get(const struct x86_cpu *cpu, u32 index, u64 *ret,
			bool host)
{
	const struct value_msr *value = value_find(index);
	const struct fixed_msr *fixed = fixed_find(index);
	enum msr_answer answer;

	if (!host && !exists_for_guest(cpu, index))
		return MSR_UNKNOWN;
	if (is_owners(index))
		return MSR_OWNER;
	if (value) {
		*ret = *(const u64 *)(const void *)((const u8 *)&cpu->msr +
						    value->offset);
		return MSR_DONE;
	}
	if (fixed) {
		*ret = fixed->value;
		return MSR_DONE;
	}
	answer = special_get(cpu, index, ret);
	if (answer == MSR_UNKNOWN)
		answer = mtrr_get(cpu, index, ret);
	if (answer == MSR_UNKNOWN)
		answer = mce_get(cpu, index, ret, host);
	return answer;
}

/* --------------------------------------------------------------- writing - */

/* [SDM3 2.2.1 "Extended Feature Enable Register"], [SDM3 9.8.5 "Initializing
 * IA-32e Mode"] */
static enum msr_answer efer_set(struct x86_cpu *cpu, u64 value, bool host)
{
	u64 known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	u64 changed;

	if (value & ~(host ? known : cpu->efer_allowed))
		return MSR_REFUSED;
	/* LMA follows CR0.PG; what is written to it is ignored. */
	value = (value & ~EFER_LMA) | (cpu->efer & EFER_LMA);
	changed = value ^ cpu->efer;
	if (changed & EFER_LME && cpu->cr0 & CR0_PG)
		return MSR_REFUSED;
	cpu->efer = value;
	x86_mode_update(cpu);
	if (changed & EFER_NXE)
		tlb_flush(cpu, true);
	return MSR_DONE;
}

static enum msr_answer base_set(struct x86_cpu *cpu, u32 seg, u64 value)
{
	if (!canonical(cpu, value))
		return MSR_REFUSED;
	cpu->seg[seg].base = value;
	segment_update(cpu, seg);
	return MSR_DONE;
}

/*
 * Intel's #GP for what is no address; AMD has no 64-bit SYSENTER and takes
 * anything. [SDM2 4.3, "SYSENTER"], [APM2 6.1.2 "SYSENTER and SYSEXIT MSRs"]
 */
static enum msr_answer sysenter_set(struct x86_cpu *cpu, u64 *field, u64 value,
				    bool host)
{
	if (!host && !cpu->vendor_amd && !canonical(cpu, value))
		return MSR_REFUSED;
	*field = value;
	return MSR_DONE;
}

static enum msr_answer tsc_aux_set(struct x86_cpu *cpu, u64 value, bool host)
{
	/* Intel: the upper half is reserved. AMD: it is not there. */
	if (!host && !cpu->vendor_amd && value >> 32)
		return MSR_REFUSED;
	cpu->msr.tsc_aux = (u32)value;
	return MSR_DONE;
}

#define FEATURE_CONTROL_LOCK BIT(0)

static enum msr_answer feature_control_set(struct x86_cpu *cpu, u64 value,
					   bool host)
{
	u64 *field = &cpu->msr.feature_control;

	/* Without VMX and SGX the lock is all there is. */
	if (value & ~FEATURE_CONTROL_LOCK)
		return MSR_REFUSED;
	if (!host && *field & FEATURE_CONTROL_LOCK)
		return MSR_REFUSED;
	*field = value;
	return MSR_DONE;
}

/* EMON, BTS unavailable, PEBS unavailable. [SDM4 table 2-2] */
#define MISC_ENABLE_READ_ONLY (BIT(7) | BIT(11) | BIT(12))

static enum msr_answer misc_enable_set(struct x86_cpu *cpu, u64 value, bool host)
{
	u64 *field = &cpu->msr.misc_enable;
	u64 keep = host ? 0 : MISC_ENABLE_READ_ONLY;

	*field = (value & ~keep) | (*field & keep);
	return MSR_DONE;
}

static enum msr_answer platform_info_set(struct x86_cpu *cpu, u64 value,
					 bool host)
{
	u64 enabled = cpu->msr.misc_features_enables & MISC_FEATURES_CPUID_FAULT;

	if (!host || (enabled && !(value & PLATFORM_INFO_CPUID_FAULT)))
		return MSR_REFUSED;
	cpu->msr.platform_info = value;
	return MSR_DONE;
}

static enum msr_answer misc_features_set(struct x86_cpu *cpu, u64 value)
{
	u64 allowed = cpu->msr.platform_info & PLATFORM_INFO_CPUID_FAULT
			      ? MISC_FEATURES_CPUID_FAULT
			      : 0;

	if (value & ~allowed)
		return MSR_REFUSED;
	cpu->msr.misc_features_enables = value;
	return MSR_DONE;
}

#define DEBUGCTL_LBR BIT(0)
#define DEBUGCTL_BTF BIT(1)

/* Branch records and branch stepping are not there; asking is harmless. */
static enum msr_answer debugctl_set(struct x86_cpu *cpu, u64 value)
{
	value &= ~(DEBUGCTL_LBR | DEBUGCTL_BTF);
	if (value)
		return MSR_REFUSED;
	cpu->msr.debugctl = value;
	return MSR_DONE;
}

/* [APM2 3.2.1 "System Configuration Register (SYSCFG)" and HWCR] */
#define HWCR_HARMLESS (BIT(3) | BIT(6) | BIT(8))
#define HWCR_KEPT     (BIT(18) | BIT(24))

static enum msr_answer hwcr_set(struct x86_cpu *cpu, u64 value)
{
	value &= ~HWCR_HARMLESS;
	if (value & ~HWCR_KEPT)
		return MSR_REFUSED;
	cpu->msr.hwcr = value;
	return MSR_DONE;
}

#define DE_CFG_LFENCE_SERIALIZE BIT(1)

/* What may be set is what is set: LFENCE cannot be made less than it is. */
static enum msr_answer de_cfg_set(struct x86_cpu *cpu, u64 value, bool host)
{
	if (value & ~DE_CFG_LFENCE_SERIALIZE)
		return MSR_REFUSED;
	if (host)
		cpu->msr.de_cfg = value;
	return MSR_DONE;
}

static enum msr_answer masked_set(u64 *field, u64 value, u64 allowed)
{
	if (value & ~allowed)
		return MSR_REFUSED;
	*field = value;
	return MSR_DONE;
}

static enum msr_answer host_only_set(u64 *field, u64 value, bool host)
{
	if (!host)
		return MSR_REFUSED;
	*field = value;
	return MSR_DONE;
}

static enum msr_answer special_set(struct x86_cpu *cpu, u32 index, u64 value,
				   bool host)
{
	struct x86_msrs *msr = &cpu->msr;
	u64 command = 0;

	switch (index) {
	case MSR_EFER:
		return efer_set(cpu, value, host);
	case MSR_FS_BASE:
		return base_set(cpu, SEG_FS, value);
	case MSR_GS_BASE:
		return base_set(cpu, SEG_GS, value);
	case MSR_SYSENTER_ESP:
		return sysenter_set(cpu, &msr->sysenter_esp, value, host);
	case MSR_SYSENTER_EIP:
		return sysenter_set(cpu, &msr->sysenter_eip, value, host);
	case MSR_TSC_AUX:
		return tsc_aux_set(cpu, value, host);
	case MSR_TSC_ADJUST:
		/* A guest's write moves the TSC, which is the owner's. */
		if (!host)
			return MSR_OWNER;
		msr->tsc_adjust = value;
		return MSR_DONE;
	case MSR_SPEC_CTRL:
		return masked_set(&msr->spec_ctrl, value,
				  host ? SPEC_CTRL_IBRS | SPEC_CTRL_STIBP |
						  SPEC_CTRL_SSBD
				       : spec_ctrl_bits(cpu));
	case MSR_VIRT_SPEC_CTRL:
		return masked_set(&msr->virt_spec_ctrl, value, SPEC_CTRL_SSBD);
	case MSR_PRED_CMD: /* IBPB; L1D_FLUSH: bit 0, nothing to do */
	case MSR_FLUSH_CMD:
		return masked_set(&command, value, 1);
	case MSR_FEATURE_CONTROL:
		return feature_control_set(cpu, value, host);
	case MSR_MISC_ENABLE:
		return misc_enable_set(cpu, value, host);
	case MSR_PLATFORM_INFO:
		return platform_info_set(cpu, value, host);
	case MSR_MISC_FEATURES_ENABLES:
		return misc_features_set(cpu, value);
	case MSR_ARCH_CAPABILITIES:
		return host_only_set(&msr->arch_capabilities, value, host);
	case MSR_SMBASE:
		return host_only_set(&msr->smbase, value, host);
	case MSR_DEBUGCTL:
		return debugctl_set(cpu, value);
	case MSR_XSS: /* no supervisor state is offered */
		return masked_set(&msr->xss, value, 0);
	case MSR_HWCR:
		return hwcr_set(cpu, value);
	case MSR_DE_CFG:
		return de_cfg_set(cpu, value, host);
	case MSR_MMIO_CONF_BASE:
		return masked_set(&command, value, 0);
	case MSR_UCODE_WRITE: /* an update that is never taken */
	case MSR_PATCH_LOADER:
		return MSR_DONE;
	default:
		return MSR_UNKNOWN;
	}
}

static enum msr_answer value_set(struct x86_cpu *cpu,
				 const struct value_msr *row, u64 value,
				 bool host)
{
	bool fine = true;

	switch ((enum rule)row->rule) {
	case RULE_ANY:
		break;
	case RULE_CANONICAL:
		fine = canonical(cpu, value);
		break;
	case RULE_READ_ONLY:
		fine = host;
		break;
	case RULE_IGNORED:
		if (!host)
			return MSR_DONE;
		break;
	}
	if (!fine)
		return MSR_REFUSED;
	*value_at(cpu, row) = value;
	return MSR_DONE;
}

static enum msr_answer fixed_set(const struct fixed_msr *row, u64 value,
				 bool host)
{
	if (row->write_ignored || (host && value == row->value))
		return MSR_DONE;
	return MSR_REFUSED;
}

enum msr_answer msr_set(struct x86_cpu *cpu, u32 index, u64 value, bool host)
{
	const struct value_msr *row = value_find(index);
	const struct fixed_msr *fixed = fixed_find(index);
	enum msr_answer answer;

	if (!host && !exists_for_guest(cpu, index))
		return MSR_UNKNOWN;
	if (is_owners(index))
		return MSR_OWNER;
	if (row)
		return value_set(cpu, row, value, host);
	if (fixed)
		return fixed_set(fixed, value, host);
	answer = special_set(cpu, index, value, host);
	if (answer == MSR_UNKNOWN)
		answer = mtrr_set(cpu, index, value, host);
	if (answer == MSR_UNKNOWN)
		answer = mce_set(cpu, index, value, host);
	return answer;
}

enum msr_answer msr_get_host(const struct x86_cpu *cpu, u32 index, u64 *ret)
{
	return msr_get(cpu, index, ret, true);
}

enum msr_answer msr_set_host(struct x86_cpu *cpu, u32 index, u64 value)
{
	return msr_set(cpu, index, value, true);
}

/* ---------------------------------------------------------- instructions - */

/* Asks the owner; X86_EXIT is filled in. */
static int consult(struct x86_cpu *cpu, u8 kind, u32 index, u64 value,
		   u32 reason)
{
	int rc;

	if (!cpu->ops->msr_check)
		return X86_OK;
	rc = cpu->ops->msr_check(cpu->ctx, index, kind == X86_EXIT_WRMSR,
				 reason);
	if (rc != X86_EXIT)
		return rc;
	cpu->exit.kind = kind;
	cpu->exit.index = index;
	cpu->exit.data = value;
	cpu->exit.reason = reason;
	cpu->exit.complete = false;
	cpu->exit.fault = false;
	return X86_EXIT;
}

static int refuse(struct x86_cpu *cpu, u8 kind, u32 index, u64 value, u32 reason)
{
	if (consult(cpu, kind, index, value, reason) == X86_EXIT)
		return X86_EXIT;
	return raise_gp0(cpu);
}

static u32 reason_of(enum msr_answer answer)
{
	return answer == MSR_UNKNOWN ? KVM_MSR_EXIT_REASON_UNKNOWN
				     : KVM_MSR_EXIT_REASON_INVAL;
}

int x86_rdmsr(struct x86_cpu *cpu, u32 index, u64 *ret)
{
	enum msr_answer answer;
	int rc;

	rc = consult(cpu, X86_EXIT_RDMSR, index, 0, KVM_MSR_EXIT_REASON_FILTER);
	if (rc)
		return rc == X86_EXIT ? rc : raise_gp0(cpu);
	answer = msr_get(cpu, index, ret, false);
	if (answer == MSR_DONE)
		return X86_OK;
	if (answer == MSR_OWNER) {
		rc = cpu->ops->msr_read(cpu->ctx, index, ret);
		if (rc != X86_FAULT)
			return rc;
	}
	return refuse(cpu, X86_EXIT_RDMSR, index, 0, reason_of(answer));
}

int x86_wrmsr(struct x86_cpu *cpu, u32 index, u64 value)
{
	enum msr_answer answer;
	int rc;

	rc = consult(cpu, X86_EXIT_WRMSR, index, value,
		     KVM_MSR_EXIT_REASON_FILTER);
	if (rc)
		return rc == X86_EXIT ? rc : raise_gp0(cpu);
	answer = msr_set(cpu, index, value, false);
	if (answer == MSR_DONE)
		return X86_OK;
	if (answer == MSR_OWNER) {
		rc = cpu->ops->msr_write(cpu->ctx, index, value);
		if (rc != X86_FAULT)
			return rc;
	}
	return refuse(cpu, X86_EXIT_WRMSR, index, value, reason_of(answer));
}
