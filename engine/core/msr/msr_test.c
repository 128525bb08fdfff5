/* SPDX-License-Identifier: MIT */
/*
 * MSRs: the index list round trip, and who gets #GP for what.
 */
#include "engine/core/msr/msr.h"

#include <linux/kvm.h>

#include "base/test.h"
#include "engine/core/cpuid/cpuid.h"
#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

static struct x86_cpu cpu;
static struct x86_tlb tlbs[TLB_CLASSES];
static u32 leaf1_ecx, leaf7_ebx, leaf7_edx, leafx8_ebx;

/* The owner's side. */
static u32 owner_index;
static u64 owner_value;
static int owner_rc;
static u32 check_reason; /* exit when asked with this; 0: never */
static u32 filter_refuses;

static void test_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 regs[4])
{
	(void)ctx;
	(void)subleaf;
	if (leaf == 1)
		regs[CPUID_ECX] = leaf1_ecx;
	if (leaf == 7) {
		regs[CPUID_EBX] = leaf7_ebx;
		regs[CPUID_EDX] = leaf7_edx;
	}
	if (leaf == 0x80000008u)
		regs[CPUID_EBX] = leafx8_ebx;
}

static int owner_read(void *ctx, u32 index, u64 *ret)
{
	(void)ctx;
	owner_index = index;
	*ret = owner_value;
	return owner_rc;
}

static int owner_write(void *ctx, u32 index, u64 value)
{
	(void)ctx;
	owner_index = index;
	owner_value = value;
	return owner_rc;
}

static int owner_check(void *ctx, u32 index, bool write, u32 reason)
{
	(void)ctx;
	(void)write;
	if (reason == check_reason)
		return X86_EXIT;
	if (reason == KVM_MSR_EXIT_REASON_FILTER && index == filter_refuses)
		return X86_FAULT;
	return reason == KVM_MSR_EXIT_REASON_FILTER ? X86_OK : X86_FAULT;
}

static const struct x86_ops ops = {
	.cpuid = test_cpuid,
	.msr_read = owner_read,
	.msr_write = owner_write,
	.msr_check = owner_check,
};

static void new_cpu(void)
{
	memset(&cpu, 0, sizeof(cpu));
	for (u32 i = 0; i < TLB_CLASSES; i++)
		cpu.tlbs[i] = &tlbs[i];
	cpu.ops = &ops;
	cpu.tlb_generation[0] = cpu.tlb_generation[1] = 1;
	leaf1_ecx = leaf7_ebx = leaf7_edx = leafx8_ebx = 0;
	owner_rc = X86_OK;
	check_reason = filter_refuses = 0;
	cpuid_apply(&cpu, NULL, 0);
	x86_reset(&cpu, false);
	msr_init(&cpu, false, 0);
	cpu.physical_bits = 40;
}

static u64 rdmsr(u32 index)
{
	u64 value = 0xbad;

	check_eq(x86_rdmsr(&cpu, index, &value), X86_OK);
	return value;
}

static void wrmsr(u32 index, u64 value)
{
	int rc = x86_wrmsr(&cpu, index, value);

	if (rc != X86_OK)
		test_fail("wrmsr 0x%x = 0x%llx gives %d", index,
			  (unsigned long long)value, rc);
}

static void check_gp(int rc)
{
	check_eq(rc, X86_FAULT);
	check_eq(cpu.exception.vector, VECTOR_GP);
	check(cpu.exception.has_error);
	check_eq(cpu.exception.error, 0);
}

static void wrmsr_gp(u32 index, u64 value)
{
	u64 before = 0, after = 0;
	enum msr_answer readable = msr_get_host(&cpu, index, &before);

	check_gp(x86_wrmsr(&cpu, index, value));
	if (readable == MSR_DONE) {
		check_eq(msr_get_host(&cpu, index, &after), MSR_DONE);
		check_eq(before, after);
	}
}

static void rdmsr_gp(u32 index)
{
	u64 value;

	check_gp(x86_rdmsr(&cpu, index, &value));
}

TEST(every_listed_msr_reads_and_writes_back_for_the_client)
{
	for (u32 amd = 0; amd < 2; amd++) {
		new_cpu();
		cpu.vendor_amd = amd;
		for (u32 i = 0; i < msr_index_count; i++) {
			u64 value = 0, again = 0;
			u32 index = msr_index_list[i];
			enum msr_answer answer =
				msr_get_host(&cpu, index, &value);

			if (answer == MSR_OWNER)
				continue;
			if (answer != MSR_DONE)
				test_fail("0x%x cannot be read", index);
			if (msr_set_host(&cpu, index, value) != MSR_DONE)
				test_fail("0x%x cannot be written back", index);
			check_eq(msr_get_host(&cpu, index, &again), MSR_DONE);
			check_eq(value, again);
		}
	}
}

TEST(the_list_names_each_msr_once)
{
	for (u32 i = 0; i < msr_index_count; i++)
		for (u32 j = 0; j < i; j++)
			check(msr_index_list[i] != msr_index_list[j]);
}

TEST(feature_msrs_read_what_a_new_vcpu_reads)
{
	u64 value;

	new_cpu();
	for (u32 i = 0; i < msr_feature_count; i++) {
		u64 feature;

		check(msr_feature_get(msr_feature_list[i], false, 0, &feature));
		check_eq(msr_get_host(&cpu, msr_feature_list[i], &value),
			 MSR_DONE);
		check_eq(value, feature);
	}
	check(!msr_feature_get(MSR_PAT, false, 0, &value));
}

TEST(only_bits_about_one_process_come_from_the_host)
{
	u64 none, all;

	check(msr_feature_get(MSR_ARCH_CAPABILITIES, false, 0, &none));
	check(msr_feature_get(MSR_ARCH_CAPABILITIES, false, ~0ull, &all));
	check(none & BIT(0));			 /* RDCL_NO */
	check(!(none & BIT(5)) && all & BIT(5)); /* MDS_NO */
	check(!(all & BIT(7)));			 /* TSX_CTRL */
	check(!(all & BIT(17)));		 /* FB_CLEAR */
}

TEST(an_msr_that_does_not_exist_gives_gp)
{
	const u32 absent[] = {0,	  1,	      0x1234, 0x480,
			      0xc0000105, 0xc0010118, 0x300,  0xffffffff,
			      0x1a2,	  0x210,      0x251,  0x428};
	u64 value;

	new_cpu();
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++) {
		rdmsr_gp(absent[i]);
		wrmsr_gp(absent[i], 0);
		check_eq(msr_get_host(&cpu, absent[i], &value), MSR_UNKNOWN);
		check_eq(msr_set_host(&cpu, absent[i], 0), MSR_UNKNOWN);
	}
}

TEST(addresses_must_be_canonical)
{
	const u32 index[] = {MSR_LSTAR,	      MSR_CSTAR,   MSR_KERNEL_GS_BASE,
			     MSR_FS_BASE,     MSR_GS_BASE, MSR_SYSENTER_ESP,
			     MSR_SYSENTER_EIP};

	new_cpu();
	for (u32 i = 0; i < ARRAY_SIZE(index); i++) {
		wrmsr(index[i], 0x00007fffffffffffull);
		wrmsr_gp(index[i], 0x0000800000000000ull);
		wrmsr(index[i], 0xffff800000000000ull);
		wrmsr_gp(index[i], 0xff00000000000000ull);
		check_eq(rdmsr(index[i]), 0xffff800000000000ull);
	}
	cpu.linear_bits = 57;
	wrmsr(MSR_LSTAR, 0xff00000000000000ull);
}

TEST(amd_takes_any_sysenter_address)
{
	new_cpu();
	cpu.vendor_amd = true;
	wrmsr(MSR_SYSENTER_ESP, 0x8000000000000000ull);
	wrmsr(MSR_SYSENTER_EIP, 0x0000800000000000ull);
}

TEST(fs_and_gs_base_move_the_segments)
{
	new_cpu();
	wrmsr(MSR_FS_BASE, 0x1234000);
	wrmsr(MSR_GS_BASE, 0x5678000);
	check_eq(cpu.seg[SEG_FS].base, 0x1234000);
	check_eq(cpu.segment_base[SEG_FS], 0x1234000);
	check_eq(cpu.segment_base[SEG_GS], 0x5678000);
	check_eq(rdmsr(MSR_GS_BASE), 0x5678000);
}

TEST(efer_has_only_the_bits_cpuid_offers)
{
	new_cpu();
	cpu.efer_allowed = EFER_SCE;
	wrmsr(MSR_EFER, EFER_SCE);
	wrmsr_gp(MSR_EFER, EFER_NXE);
	wrmsr_gp(MSR_EFER, EFER_LME);
	wrmsr_gp(MSR_EFER, BIT(12));
	check_eq(msr_set_host(&cpu, MSR_EFER, EFER_NXE), MSR_DONE);
	check_eq(msr_set_host(&cpu, MSR_EFER, BIT(12)), MSR_REFUSED);
	check_eq(rdmsr(MSR_EFER), EFER_NXE);
}

TEST(lme_cannot_change_while_paging_is_on)
{
	new_cpu();
	cpu.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	wrmsr(MSR_EFER, EFER_LME);
	cpu.efer |= EFER_LMA;
	cpu.cr0 |= CR0_PE | CR0_PG;
	wrmsr_gp(MSR_EFER, 0);
	wrmsr(MSR_EFER, EFER_LME | EFER_SCE);
	check_eq(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE);
	wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE);
	cpu.cr0 &= ~CR0_PG;
	cpu.efer &= ~EFER_LMA;
	wrmsr(MSR_EFER, EFER_LMA); /* LMA is not the guest's to set */
	check_eq(rdmsr(MSR_EFER), 0);
}

TEST(nxe_flushes_translations)
{
	u64 before;

	new_cpu();
	cpu.efer_allowed = EFER_SCE | EFER_NXE;
	before = cpu.tlb_generation[0];
	wrmsr(MSR_EFER, EFER_SCE);
	check_eq(cpu.tlb_generation[0], before);
	wrmsr(MSR_EFER, EFER_SCE | EFER_NXE);
	check(cpu.tlb_generation[0] != before);
}

TEST(pat_and_mtrrs_take_only_memory_types)
{
	new_cpu();
	wrmsr(MSR_PAT, 0x0007040600010506ull);
	wrmsr_gp(MSR_PAT, 2);
	wrmsr_gp(MSR_PAT, 0x0300000000000000ull);
	wrmsr_gp(MSR_PAT, 0x08);
	wrmsr(MSR_MTRR_FIX64K_00000, 0x0606060606060606ull);
	wrmsr_gp(MSR_MTRR_FIX64K_00000, 0x0606060606060607ull);
	wrmsr_gp(MSR_MTRR_FIX4K_C0000 + 7, 0x0200000000000000ull);
	wrmsr(MSR_MTRR_DEF_TYPE, 0xc06);
	wrmsr_gp(MSR_MTRR_DEF_TYPE, 0xc02);
	wrmsr_gp(MSR_MTRR_DEF_TYPE, 0x1c06);
	wrmsr(MSR_MTRR_PHYS_BASE0 + 14, 0x80000006);
	wrmsr_gp(MSR_MTRR_PHYS_BASE0 + 14, 0x80000106);
	wrmsr_gp(MSR_MTRR_PHYS_BASE0 + 14, 0x80000003);
	wrmsr_gp(MSR_MTRR_PHYS_BASE0 + 14, BIT(40));
	wrmsr(MSR_MTRR_PHYS_BASE0 + 15, 0xff80000800ull);
	wrmsr_gp(MSR_MTRR_PHYS_BASE0 + 15, 0xff80000801ull);
	wrmsr_gp(MSR_MTRR_PHYS_BASE0 + 15, 0x1ff80000800ull);
}

TEST(each_mtrr_is_a_register_of_its_own)
{
	const u32 fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
			     0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
	const u8 types[] = {0, 1, 4, 5, 6};

	new_cpu();
	check_eq(rdmsr(MSR_MTRRCAP), 0x508);
	wrmsr_gp(MSR_MTRRCAP, 0x508);
	for (u32 i = 0; i < 11; i++)
		wrmsr(fixed[i], (u64)types[i % 5] << 8 | types[i / 5]);
	for (u32 i = 0; i < 16; i++)
		wrmsr(MSR_MTRR_PHYS_BASE0 + i, (u64)(i + 1) << 12);
	for (u32 i = 0; i < 11; i++)
		check_eq(rdmsr(fixed[i]), (u64)types[i % 5] << 8 | types[i / 5]);
	for (u32 i = 0; i < 16; i++)
		check_eq(rdmsr(MSR_MTRR_PHYS_BASE0 + i), (u64)(i + 1) << 12);
}

TEST(machine_check_controls_take_none_or_all)
{
	new_cpu();
	check(msr_setup_mce(&cpu, MCG_CTL_P | MCG_SER_P | 10));
	check_eq(rdmsr(MSR_MCG_CAP), MCG_CTL_P | MCG_SER_P | 10);
	wrmsr_gp(MSR_MCG_CAP, 0);
	check_eq(rdmsr(MSR_MCG_CTL), ~0ull);
	wrmsr(MSR_MCG_CTL, 0);
	wrmsr_gp(MSR_MCG_CTL, 1);
	wrmsr(MSR_MC0_CTL + 4 * 9, 0);
	wrmsr(MSR_MC0_CTL + 4 * 4, ~BIT(10)); /* the GART bit of Linux */
	wrmsr_gp(MSR_MC0_CTL, 5);
	wrmsr(MSR_MC0_CTL + 1, 0);
	wrmsr_gp(MSR_MC0_CTL + 1, BIT(63));
	check_eq(msr_set_host(&cpu, MSR_MC0_CTL + 1, BIT(63)), MSR_DONE);
	check_eq(rdmsr(MSR_MC0_CTL + 1), BIT(63));
	wrmsr(MSR_MC0_CTL + 2, 0x1000);
	rdmsr_gp(MSR_MC0_CTL + 4 * 10);
}

TEST(an_amd_guest_with_mcstatus_write_may_plant_errors)
{
	new_cpu();
	cpu.vendor_amd = true;
	wrmsr_gp(MSR_MC0_CTL + 1, 1);
	wrmsr(MSR_HWCR, BIT(18));
	wrmsr(MSR_MC0_CTL + 1, 1);
}

TEST(setup_mce_refuses_what_it_cannot_do)
{
	new_cpu();
	check(!msr_setup_mce(&cpu, 0));
	check(!msr_setup_mce(&cpu, MCG_CTL_P));
	check(!msr_setup_mce(&cpu, 11));
	check(!msr_setup_mce(&cpu, 10 | BIT(9)));
	check(!msr_setup_mce(&cpu, 10 | BIT(27)));
	check(msr_setup_mce(&cpu, 1));
	rdmsr_gp(MSR_MC0_CTL + 4);
	rdmsr_gp(MSR_MCG_CTL);
}

TEST(speculation_controls_follow_cpuid)
{
	new_cpu();
	rdmsr_gp(MSR_SPEC_CTRL);
	wrmsr_gp(MSR_PRED_CMD, 1);
	wrmsr_gp(MSR_FLUSH_CMD, 1);
	rdmsr_gp(MSR_ARCH_CAPABILITIES);
	leaf7_edx = CPUID_7_EDX_SPEC_CTRL | CPUID_7_EDX_ARCH_CAPABILITIES |
		    CPUID_7_EDX_FLUSH_L1D;
	wrmsr(MSR_SPEC_CTRL, 1);
	wrmsr_gp(MSR_SPEC_CTRL, 4);
	check_eq(rdmsr(MSR_SPEC_CTRL), 1);
	wrmsr(MSR_PRED_CMD, 1);
	wrmsr_gp(MSR_PRED_CMD, 2);
	rdmsr_gp(MSR_PRED_CMD);
	wrmsr(MSR_FLUSH_CMD, 1);
	rdmsr_gp(MSR_FLUSH_CMD);
	check(rdmsr(MSR_ARCH_CAPABILITIES) & 1);
	wrmsr_gp(MSR_ARCH_CAPABILITIES, 0);
	check_eq(msr_set_host(&cpu, MSR_ARCH_CAPABILITIES, 0), MSR_DONE);
	leaf7_edx = 0;
	leafx8_ebx = CPUID_X8_EBX_SSBD | CPUID_X8_EBX_IBPB;
	wrmsr(MSR_SPEC_CTRL, 4);
	wrmsr_gp(MSR_SPEC_CTRL, 1);
	wrmsr(MSR_PRED_CMD, 1);
}

TEST(tsc_aux_needs_its_instruction)
{
	new_cpu();
	rdmsr_gp(MSR_TSC_AUX);
	check_eq(msr_set_host(&cpu, MSR_TSC_AUX, 7), MSR_DONE);
	cpu.feature[FEAT_RDTSCP / 64] |= BIT(FEAT_RDTSCP % 64);
	check_eq(rdmsr(MSR_TSC_AUX), 7);
	wrmsr_gp(MSR_TSC_AUX, BIT(32));
	cpu.vendor_amd = true;
	wrmsr(MSR_TSC_AUX, BIT(32) | 3);
	check_eq(rdmsr(MSR_TSC_AUX), 3);
}

TEST(tsc_adjust_is_written_through_the_owner_and_set_by_the_client)
{
	new_cpu();
	wrmsr_gp(MSR_TSC_ADJUST, 5);
	leaf7_ebx = CPUID_7_EBX_TSC_ADJUST;
	wrmsr(MSR_TSC_ADJUST, 5);
	check_eq(owner_index, MSR_TSC_ADJUST);
	check_eq(owner_value, 5);
	check_eq(msr_set_host(&cpu, MSR_TSC_ADJUST, 9), MSR_DONE);
	check_eq(rdmsr(MSR_TSC_ADJUST), 9);
}

TEST(feature_control_locks)
{
	new_cpu();
	check_eq(rdmsr(MSR_FEATURE_CONTROL), 0);
	wrmsr_gp(MSR_FEATURE_CONTROL, 5);
	wrmsr(MSR_FEATURE_CONTROL, 1);
	wrmsr_gp(MSR_FEATURE_CONTROL, 0);
	check_eq(msr_set_host(&cpu, MSR_FEATURE_CONTROL, 0), MSR_DONE);
	cpu.vendor_amd = true;
	rdmsr_gp(MSR_FEATURE_CONTROL);
}

TEST(misc_enable_keeps_its_read_only_bits)
{
	new_cpu();
	check_eq(rdmsr(MSR_MISC_ENABLE), 1);
	check_eq(msr_set_host(&cpu, MSR_MISC_ENABLE, 0x1801), MSR_DONE);
	wrmsr(MSR_MISC_ENABLE, BIT(18));
	check_eq(rdmsr(MSR_MISC_ENABLE), BIT(18) | 0x1800);
}

TEST(cpuid_faulting_needs_the_platform)
{
	new_cpu();
	check(rdmsr(MSR_PLATFORM_INFO) & PLATFORM_INFO_CPUID_FAULT);
	wrmsr_gp(MSR_PLATFORM_INFO, 0);
	wrmsr(MSR_MISC_FEATURES_ENABLES, 1);
	wrmsr_gp(MSR_MISC_FEATURES_ENABLES, 2);
	check_eq(msr_set_host(&cpu, MSR_PLATFORM_INFO, 0), MSR_REFUSED);
	wrmsr(MSR_MISC_FEATURES_ENABLES, 0);
	check_eq(msr_set_host(&cpu, MSR_PLATFORM_INFO, 0), MSR_DONE);
	wrmsr_gp(MSR_MISC_FEATURES_ENABLES, 1);
}

TEST(debugctl_swallows_branch_records_and_refuses_the_rest)
{
	new_cpu();
	wrmsr(MSR_DEBUGCTL, 3);
	check_eq(rdmsr(MSR_DEBUGCTL), 0);
	wrmsr_gp(MSR_DEBUGCTL, BIT(6));
	check_eq(rdmsr(MSR_LAST_BRANCH_FROM + 3), 0);
}

TEST(microcode_updates_are_not_taken)
{
	new_cpu();
	check_eq(rdmsr(MSR_UCODE_REV), BIT(32));
	wrmsr(MSR_UCODE_REV, 0);
	wrmsr(MSR_UCODE_WRITE, 0x1000);
	check_eq(rdmsr(MSR_UCODE_REV), BIT(32));
	rdmsr_gp(MSR_UCODE_WRITE);
	check_eq(msr_set_host(&cpu, MSR_UCODE_REV, BIT(33)), MSR_DONE);
	check_eq(rdmsr(MSR_UCODE_REV), BIT(33));
}

TEST(amd_configuration_reads_as_nothing_special)
{
	new_cpu();
	rdmsr_gp(MSR_DE_CFG);
	cpu.vendor_amd = true;
	msr_init(&cpu, true, 0);
	check_eq(rdmsr(MSR_DE_CFG), 2);
	wrmsr(MSR_DE_CFG, 2);
	wrmsr_gp(MSR_DE_CFG, 4);
	wrmsr(MSR_DE_CFG, 0);
	check_eq(rdmsr(MSR_DE_CFG), 2);
	check_eq(rdmsr(MSR_SYSCFG), 0);
	check_eq(rdmsr(MSR_NB_CFG), 0);
	wrmsr(MSR_NB_CFG, BIT(46));
	wrmsr(MSR_HWCR, BIT(6) | BIT(3));
	check_eq(rdmsr(MSR_HWCR), 0);
	wrmsr_gp(MSR_HWCR, BIT(0));
	wrmsr_gp(MSR_MMIO_CONF_BASE, 1);
}

TEST(xss_offers_nothing)
{
	new_cpu();
	rdmsr_gp(MSR_XSS);
	cpu.feature[FEAT_XSAVES / 64] |= BIT(FEAT_XSAVES % 64);
	wrmsr(MSR_XSS, 0);
	wrmsr_gp(MSR_XSS, BIT(8));
}

TEST(the_owners_registers_go_to_the_owner)
{
	const u32 index[] = {MSR_TSC,
			     MSR_APIC_BASE,
			     MSR_X2APIC_FIRST + 0x30,
			     MSR_X2APIC_LAST,
			     MSR_KVM_FIRST,
			     MSR_KVM_FIRST + 1,
			     MSR_KVM_OLD_SYSTEM_TIME,
			     MSR_KVM_LAST};
	u64 value;

	new_cpu();
	for (u32 i = 0; i < ARRAY_SIZE(index); i++) {
		owner_value = 77;
		check_eq(rdmsr(index[i]), 77);
		check_eq(owner_index, index[i]);
		wrmsr(index[i], 78);
		check_eq(owner_value, 78);
		check_eq(msr_get_host(&cpu, index[i], &value), MSR_OWNER);
		check_eq(msr_set_host(&cpu, index[i], 0), MSR_OWNER);
	}
	owner_rc = X86_FAULT;
	rdmsr_gp(MSR_APIC_BASE);
	wrmsr_gp(MSR_APIC_BASE, 1);
	owner_rc = X86_EXIT;
	check_eq(x86_wrmsr(&cpu, MSR_TSC, 1), X86_EXIT);
	owner_rc = X86_OK;
	rdmsr_gp(MSR_TSC_DEADLINE); /* not offered */
	leaf1_ecx = CPUID_1_ECX_TSC_DEADLINE;
	wrmsr(MSR_TSC_DEADLINE, 5);
}

TEST(a_filtered_msr_gives_gp_or_an_exit)
{
	u64 value;

	new_cpu();
	filter_refuses = MSR_STAR;
	rdmsr_gp(MSR_STAR);
	wrmsr_gp(MSR_STAR, 1);
	check_eq(rdmsr(MSR_LSTAR), 0);
	check_reason = KVM_MSR_EXIT_REASON_FILTER;
	check_eq(x86_rdmsr(&cpu, MSR_STAR, &value), X86_EXIT);
	check_eq(cpu.exit.kind, X86_EXIT_RDMSR);
	check_eq(cpu.exit.index, MSR_STAR);
	check_eq(cpu.exit.reason, KVM_MSR_EXIT_REASON_FILTER);
	check(!cpu.exit.complete);
}

TEST(unknown_and_refused_ones_may_go_to_the_client)
{
	u64 value;

	new_cpu();
	check_reason = KVM_MSR_EXIT_REASON_UNKNOWN;
	check_eq(x86_wrmsr(&cpu, 0x1234, 42), X86_EXIT);
	check_eq(cpu.exit.kind, X86_EXIT_WRMSR);
	check_eq(cpu.exit.data, 42);
	check_eq(cpu.exit.reason, KVM_MSR_EXIT_REASON_UNKNOWN);
	check_eq(x86_rdmsr(&cpu, 0x1234, &value), X86_EXIT);
	check_eq(cpu.exit.kind, X86_EXIT_RDMSR);
	wrmsr_gp(MSR_PAT, 2); /* invalid, not unknown */
	check_reason = KVM_MSR_EXIT_REASON_INVAL;
	check_eq(x86_wrmsr(&cpu, MSR_PAT, 2), X86_EXIT);
	check_eq(cpu.exit.reason, KVM_MSR_EXIT_REASON_INVAL);
	cpu.exit.kind = X86_EXIT_NONE;
	wrmsr_gp(0x1234, 0);
}
