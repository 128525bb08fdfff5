/* SPDX-License-Identifier: MIT */
/*
 * CPUID against made-up hosts: an Intel server part with more than the engine
 * can show, an AMD part, and an old part with little.
 */
#include "engine/core/cpuid/cpuid.h"

#include "base/test.h"
#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

struct fake_leaf {
	u32 leaf, subleaf;
	u32 regs[4];
};

/* A recent Intel server: AVX-512, AMX, CET, PKU, VMX, LA57. */
static const struct fake_leaf intel[] = {
	{0, 0, {0x20, 0x756e6547, 0x6c65746e, 0x49656e69}},
	{1, 0, {0x806f8, 0x05100800, 0xfffeffff, 0xbfebfbff}},
	{2, 0, {0x00feff01, 0xf0, 0, 0}},
	{4, 0, {0x04000121, 0x02c0003f, 0x3f, 0}},
	{4, 1, {0x04000122, 0x01c0003f, 0x3f, 0}},
	{4, 2, {0x04000143, 0x03c0003f, 0x7ff, 0}},
	{4, 3, {0x04004163, 0x0380003f, 0x1bfff, 4}},
	{7, 0, {2, 0xf3bfffff, 0xfb415ffe, 0xffdd4432}},
	{7, 1, {0x00001c30, 0, 0, 0}},
	{0xd, 0, {0x602e7, 0x2b00, 0x2b00, 0}},
	{0xd, 1, {0x1f, 0x2b00, 0x1900, 0}},
	{0xd, 2, {0x100, 0x240, 0, 0}},
	{0x80000000, 0, {0x80000008, 0, 0, 0}},
	{0x80000001, 0, {0, 0, 0x121, 0x2c100800}},
	{0x80000002, 0, {0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e}},
	{0x80000006, 0, {0, 0, 0x08007040, 0}},
	{0x80000007, 0, {0, 0, 0, 0x100}},
	{0x80000008, 0, {0x3934, 0x200, 0, 0}},
};

/* A second-generation server of AMD's. */
static const struct fake_leaf amd[] = {
	{0, 0, {0x10, 0x68747541, 0x444d4163, 0x69746e65}},
	{1, 0, {0x830f10, 0x00100800, 0x7ed8320b, 0x178bfbff}},
	{7, 0, {0, 0x219c91a9, 0x00400004, 0}},
	{0xd, 0, {0x207, 0x340, 0x380, 0}},
	{0xd, 1, {0xf, 0x340, 0, 0}},
	{0xd, 2, {0x100, 0x240, 0, 0}},
	{0x80000000, 0, {0x80000020, 0x68747541, 0x444d4163, 0x69746e65}},
	{0x80000001, 0, {0x830f10, 0x40000000, 0x75c237ff, 0x2fd3fbff}},
	{0x80000005, 0, {0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140}},
	{0x80000007, 0, {0, 0x1b, 0, 0x6799}},
	{0x80000008, 0, {0x3030, 0x010eb757, 0x703f, 0x10007}},
	{0x8000000a, 0, {1, 0x8000, 0, 0x13bcff}},
	{0x8000001d, 0, {0x121, 0x1c0003f, 0x3f, 0}},
	{0x8000001d, 1, {0x122, 0x1c0003f, 0x3f, 0}},
	{0x8000001d, 2, {0x143, 0x1c0003f, 0x3ff, 2}},
	{0x8000001d, 3, {0x14163, 0x3c0003f, 0x3fff, 1}},
};

/* A part of 2006: no XSAVE, no leaf 7. */
static const struct fake_leaf old[] = {
	{0, 0, {0xa, 0x756e6547, 0x6c65746e, 0x49656e69}},
	{1, 0, {0x6f6, 0x00020800, 0x0000e3bd, 0xbfebfbff}},
	{4, 0, {0x4000121, 0x1c0003f, 0x3f, 1}},
	{0x80000000, 0, {0x80000008, 0, 0, 0}},
	{0x80000001, 0, {0, 0, 1, 0x20100800}},
	{0x80000008, 0, {0x3024, 0, 0, 0}},
};

struct fake_host {
	const struct fake_leaf *leaves;
	u32 count;
	u32 asked_beyond; /* questions above the highest leaf */
};

static void fake_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	struct fake_host *host = ctx;
	u32 highest = 0;

	for (u32 i = 0; i < host->count; i++)
		if (host->leaves[i].leaf == (leaf & 0x80000000u))
			highest = host->leaves[i].regs[0];
	if (leaf > highest)
		host->asked_beyond++;
	for (u32 i = 0; i < host->count; i++)
		if (host->leaves[i].leaf == leaf &&
		    host->leaves[i].subleaf == subleaf)
			memcpy(ret_regs, host->leaves[i].regs, 16);
}

static struct kvm_cpuid_entry2 list[CPUID_ENTRIES_MAX];
static u32 list_count;
static struct fake_host fake;

static void offer(const struct fake_leaf *leaves, u32 count, u64 xcr0, u32 flags)
{
	struct cpuid_host host = {
		.cpuid = fake_cpuid,
		.ctx = &fake,
		.xcr0 = xcr0,
		.flags = flags,
		.kvm_features = CPUID_KVM_FEATURES_DEFAULT,
		.tsc_khz = 2700000,
		.apic_bus_khz = 1000000,
	};

	fake = (struct fake_host){leaves, count, 0};
	memset(list, 0xaa, sizeof(list));
	list_count = cpuid_host_supported(&host, list, CPUID_ENTRIES_MAX);
	check(list_count <= CPUID_ENTRIES_MAX);
}

#define offer_intel(flags) offer(intel, ARRAY_SIZE(intel), 0x602e7, flags)
#define offer_amd(flags)   offer(amd, ARRAY_SIZE(amd), 0x207, flags)
#define offer_old()	   offer(old, ARRAY_SIZE(old), 0, 0)

static struct kvm_cpuid_entry2 *entry(u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < list_count; i++)
		if (list[i].function == leaf && list[i].index == subleaf)
			return &list[i];
	test_fail("no entry for leaf 0x%x.%u", leaf, subleaf);
}

static u32 reg(u32 leaf, u32 subleaf, u32 which)
{
	const struct kvm_cpuid_entry2 *e =
		cpuid_find(list, list_count, leaf, subleaf);

	if (!e)
		return 0;
	return which == CPUID_EAX   ? e->eax
	       : which == CPUID_EBX ? e->ebx
	       : which == CPUID_ECX ? e->ecx
				    : e->edx;
}

static struct x86_cpu cpu;

/* A bit and what it cannot be without. [SDM1 "Detecting …" sections] */
static const struct {
	struct cpuid_bit feature, needs;
} prerequisite[] = {
	{{1, 0, CPUID_ECX, 28, "avx"}, {1, 0, CPUID_ECX, 26, "xsave"}},
	{{1, 0, CPUID_ECX, 12, "fma"}, {1, 0, CPUID_ECX, 28, "avx"}},
	{{1, 0, CPUID_ECX, 29, "f16c"}, {1, 0, CPUID_ECX, 28, "avx"}},
	{{7, 0, CPUID_EBX, 5, "avx2"}, {1, 0, CPUID_ECX, 28, "avx"}},
	{{7, 0, CPUID_ECX, 9, "vaes"}, {1, 0, CPUID_ECX, 28, "avx"}},
	{{7, 0, CPUID_ECX, 9, "vaes"}, {1, 0, CPUID_ECX, 25, "aes"}},
	{{7, 0, CPUID_ECX, 10, "vpclmul"}, {1, 0, CPUID_ECX, 1, "pclmul"}},
	{{7, 0, CPUID_ECX, 10, "vpclmul"}, {1, 0, CPUID_ECX, 28, "avx"}},
	{{7, 1, CPUID_EAX, 4, "avx_vnni"}, {7, 0, CPUID_EBX, 5, "avx2"}},
	{{0xd, 1, CPUID_EAX, 0, "xsaveopt"}, {1, 0, CPUID_ECX, 26, "xsave"}},
	{{0xd, 1, CPUID_EAX, 3, "xsaves"}, {0xd, 1, CPUID_EAX, 1, "xsavec"}},
	{{1, 0, CPUID_EDX, 26, "sse2"}, {1, 0, CPUID_EDX, 25, "sse"}},
	{{1, 0, CPUID_EDX, 25, "sse"}, {1, 0, CPUID_EDX, 24, "fxsr"}},
	{{1, 0, CPUID_ECX, 0, "sse3"}, {1, 0, CPUID_EDX, 26, "sse2"}},
	{{1, 0, CPUID_ECX, 9, "ssse3"}, {1, 0, CPUID_ECX, 0, "sse3"}},
	{{1, 0, CPUID_ECX, 19, "sse4_1"}, {1, 0, CPUID_ECX, 9, "ssse3"}},
	{{1, 0, CPUID_ECX, 20, "sse4_2"}, {1, 0, CPUID_ECX, 19, "sse4_1"}},
	{{1, 0, CPUID_ECX, 26, "xsave"}, {1, 0, CPUID_EDX, 24, "fxsr"}},
	{{1, 0, CPUID_ECX, 21, "x2apic"}, {1, 0, CPUID_EDX, 9, "apic"}},
	{{1, 0, CPUID_ECX, 24, "tsc_deadline"}, {1, 0, CPUID_EDX, 9, "apic"}},
	{{1, 0, CPUID_EDX, 14, "mca"}, {1, 0, CPUID_EDX, 7, "mce"}},
	{{1, 0, CPUID_EDX, 12, "mtrr"}, {1, 0, CPUID_EDX, 5, "msr"}},
	{{1, 0, CPUID_EDX, 17, "pse36"}, {1, 0, CPUID_EDX, 3, "pse"}},
	{{0x80000001, 0, CPUID_EDX, 29, "lm"}, {1, 0, CPUID_EDX, 6, "pae"}},
	{{0x80000001, 0, CPUID_EDX, 26, "1gb"},
	 {0x80000001, 0, CPUID_EDX, 29, "lm"}},
	{{7, 0, CPUID_EBX, 10, "invpcid"}, {1, 0, CPUID_ECX, 17, "pcid"}},
	{{7, 0, CPUID_EBX, 1, "tsc_adjust"}, {1, 0, CPUID_EDX, 4, "tsc"}},
};

static void check_consistent(void)
{
	u32 basic = entry(0, 0)->eax, extended = entry(0x80000000u, 0)->eax;
	u32 signature = entry(CPUID_KVM_SIGNATURE, 0)->eax;

	check_eq(fake.asked_beyond, 0);
	for (u32 i = 0; i < ARRAY_SIZE(prerequisite); i++) {
		const struct cpuid_bit *f = &prerequisite[i].feature;
		const struct cpuid_bit *n = &prerequisite[i].needs;

		if (reg(f->leaf, f->subleaf, f->reg) >> f->bit & 1 &&
		    !(reg(n->leaf, n->subleaf, n->reg) >> n->bit & 1))
			test_fail("%s without %s", f->name, n->name);
	}
	for (u32 i = 0; i < list_count; i++) {
		u32 leaf = list[i].function;

		if (leaf < 0x40000000u)
			check(leaf <= basic);
		else if (leaf < 0x80000000u)
			check(leaf <= signature);
		else
			check(leaf <= extended);
		check_eq(list[i].padding[0], 0);
		for (u32 j = 0; j < i; j++)
			check(list[j].function != leaf ||
			      list[j].index != list[i].index);
	}
}

TEST(every_offer_is_consistent)
{
	for (u32 flags = 0; flags < 8; flags++) {
		offer_intel(flags);
		check_consistent();
		offer_amd(flags);
		check_consistent();
	}
	offer_old();
	check_consistent();
}

TEST(features_the_engine_lacks_are_hidden_on_an_intel_host)
{
	offer_intel(0);
	check_eq(reg(1, 0, CPUID_ECX) & (CPUID_1_ECX_VMX | CPUID_1_ECX_MONITOR |
					 CPUID_1_ECX_OSXSAVE),
		 0);
	check_eq(reg(1, 0, CPUID_EDX) & CPUID_1_EDX_VME, 0);
	check_eq(reg(7, 0, CPUID_EBX) & (CPUID_7_EBX_AVX512F | CPUID_7_EBX_HLE |
					 CPUID_7_EBX_RTM),
		 0);
	check_eq(reg(7, 0, CPUID_ECX) & (CPUID_7_ECX_PKU | CPUID_7_ECX_OSPKE |
					 CPUID_7_ECX_LA57),
		 0);
	check_eq(reg(7, 0, CPUID_EDX) & CPUID_7_EDX_AMX_TILE, 0);
	check_eq(reg(0xd, 0, CPUID_EAX), 7);
	check_eq(reg(0xd, 0, CPUID_EDX), 0);
	check_eq(reg(0x80000008u, 0, CPUID_EAX), 0x3034);
}

TEST(features_the_host_has_are_shown)
{
	offer_intel(0);
	cpuid_apply(&cpu, list, list_count);
	check(x86_has(&cpu, FEAT_AVX2) && x86_has(&cpu, FEAT_BMI2) &&
	      x86_has(&cpu, FEAT_SHA) && x86_has(&cpu, FEAT_XSAVES) &&
	      x86_has(&cpu, FEAT_AVX_VNNI) && x86_has(&cpu, FEAT_CX16) &&
	      x86_has(&cpu, FEAT_RDPID) && x86_has(&cpu, FEAT_SYSCALL));
	check(!x86_has(&cpu, FEAT_SSE4A) && !x86_has(&cpu, FEAT_CLZERO) &&
	      !x86_has(&cpu, FEAT_PKU) && !x86_has(&cpu, FEAT_MONITOR));
	check_eq(cpu.xcr0_allowed, 7);
	check_eq(cpu.efer_allowed, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	check_eq(cpu.physical_bits, 52);
	check_eq(cpu.linear_bits, 48);
	check(!cpu.vendor_amd);
	check(cpu.cr4_allowed & CR4_SMAP && cpu.cr4_allowed & CR4_PCIDE &&
	      cpu.cr4_allowed & CR4_OSXSAVE && !(cpu.cr4_allowed & CR4_VME) &&
	      !(cpu.cr4_allowed & CR4_LA57) && !(cpu.cr4_allowed & CR4_PKE));
}

TEST(an_amd_host_makes_an_amd_guest)
{
	offer_amd(0);
	cpuid_apply(&cpu, list, list_count);
	check(cpu.vendor_amd);
	check(x86_has(&cpu, FEAT_SSE4A) && x86_has(&cpu, FEAT_CLZERO));
	check(x86_has(&cpu, FEAT_MISALIGNSSE));
	check_eq(reg(7, 0, CPUID_EBX) & (CPUID_7_EBX_FDP_EXCEPTION_ONLY |
					 CPUID_7_EBX_NO_FCS_FDS),
		 0);
	check_eq(reg(0x80000001u, 0, CPUID_ECX) & CPUID_X1_ECX_SVM, 0);
	check_eq(reg(0x80000001u, 0, CPUID_EDX) & CPUID_X1_EDX_SHARED,
		 reg(1, 0, CPUID_EDX) & CPUID_X1_EDX_SHARED);
	check_eq(reg(0x80000000u, 0, CPUID_EBX), 0x68747541);
	check_eq(entry(0x8000001du, 3)->eax & 0x1f, 3);
	check_eq(entry(0x8000001du, 4)->eax, 0);
	/* [APM3 E.3]: AMD has no leaves 2 and 4, and 15H is reserved. */
	check(!cpuid_find(list, list_count, 2, 0));
	check(!cpuid_find(list, list_count, 4, 0));
	check(!cpuid_find(list, list_count, 0x15, 0));
}

TEST(an_old_host_gets_no_xsave_and_a_36_bit_address)
{
	offer_old();
	cpuid_apply(&cpu, list, list_count);
	check(!x86_has(&cpu, FEAT_XSAVE) && !x86_has(&cpu, FEAT_AVX));
	check(x86_has(&cpu, FEAT_SSSE3) && !x86_has(&cpu, FEAT_SSE4_1));
	check(!cpuid_find(list, list_count, 0xd, 0));
	check_eq(cpu.xcr0_allowed, XCR0_X87);
	check_eq(cpu.physical_bits, 36);
	check(!(cpu.cr4_allowed & CR4_OSXSAVE));
	check(cpu.cr4_allowed & CR4_SMEP); /* the engine's own */
}

TEST(without_the_hosts_avx_state_nothing_needs_it)
{
	offer(intel, ARRAY_SIZE(intel), XCR0_X87 | XCR0_SSE, 0);
	check_consistent();
	cpuid_apply(&cpu, list, list_count);
	check(!x86_has(&cpu, FEAT_AVX) && !x86_has(&cpu, FEAT_AVX2) &&
	      !x86_has(&cpu, FEAT_FMA) && !x86_has(&cpu, FEAT_F16C) &&
	      !x86_has(&cpu, FEAT_VAES) && !x86_has(&cpu, FEAT_AVX_VNNI));
	check(x86_has(&cpu, FEAT_XSAVE) && x86_has(&cpu, FEAT_AES));
	check_eq(reg(0xd, 0, CPUID_ECX), 576);
	check(!cpuid_find(list, list_count, 0xd, 2));
}

TEST(offers_on_request_need_the_host_too)
{
	offer_intel(CPUID_OFFER_LA57 | CPUID_OFFER_MONITOR |
		    CPUID_OFFER_SPEC_CTRL);
	check(reg(7, 0, CPUID_ECX) & CPUID_7_ECX_LA57);
	check_eq(reg(0x80000008u, 0, CPUID_EAX) >> 8 & 0xff, 57);
	check(reg(1, 0, CPUID_ECX) & CPUID_1_ECX_MONITOR);
	check(reg(7, 0, CPUID_EDX) & CPUID_7_EDX_SPEC_CTRL);
	cpuid_apply(&cpu, list, list_count);
	check_eq(cpu.linear_bits, 57);
	check(cpu.cr4_allowed & CR4_LA57);
	offer_amd(CPUID_OFFER_LA57 | CPUID_OFFER_SPEC_CTRL);
	check_eq(reg(7, 0, CPUID_ECX) & CPUID_7_ECX_LA57, 0);
	check_eq(reg(0x80000008u, 0, CPUID_EAX) >> 8 & 0xff, 48);
	check(reg(0x80000008u, 0, CPUID_EBX) & CPUID_X8_EBX_IBPB);
	check_eq(reg(7, 0, CPUID_EDX) & CPUID_7_EDX_SPEC_CTRL, 0);
}

TEST(xsave_sizes_cover_every_component)
{
	offer_intel(0);
	check_eq(entry(0xd, 0)->ebx, XSAVE_SIZE);
	check_eq(entry(0xd, 0)->ecx, XSAVE_SIZE);
	check_eq(entry(0xd, 2)->eax + entry(0xd, 2)->ebx, XSAVE_SIZE);
	check_eq(entry(0xd, 1)->ecx, 0); /* no supervisor state */
}

TEST(the_frequency_leaves_agree)
{
	offer_intel(0);
	check_eq((u64)entry(0x15, 0)->ecx * entry(0x15, 0)->ebx /
			 entry(0x15, 0)->eax,
		 2700000000ull);
	check_eq(entry(0x16, 0)->eax, 2700);
	check_eq(entry(CPUID_KVM_FREQUENCY, 0)->eax, 2700000);
	check_eq(entry(CPUID_KVM_FREQUENCY, 0)->ebx, 1000000);
	check_eq(entry(CPUID_KVM_SIGNATURE, 0)->eax, CPUID_KVM_FREQUENCY);
	check_mem_eq(&entry(CPUID_KVM_SIGNATURE, 0)->ebx, "KVMKVMKVM\0\0\0", 12);
}

TEST(a_short_array_is_filled_and_the_whole_length_told)
{
	struct kvm_cpuid_entry2 three[4];
	struct cpuid_host host = {.cpuid = fake_cpuid, .ctx = &fake, .xcr0 = 7};

	fake = (struct fake_host){intel, ARRAY_SIZE(intel), 0};
	memset(three, 0x55, sizeof(three));
	check(cpuid_host_supported(&host, three, 3) > 10);
	check_eq(three[0].function, 0);
	check_eq(three[1].function, 1);
	check_eq(three[3].function, 0x55555555);
}

TEST(an_endless_cache_list_is_cut)
{
	static struct fake_leaf endless[64];
	u32 n = 0;

	endless[n++] = intel[0];
	endless[n++] = intel[1];
	endless[n++] =
		(struct fake_leaf){0x80000000u, 0, {0x80000001u, 0, 0, 0}};
	for (u32 i = 0; i < 60; i++)
		endless[n++] = (struct fake_leaf){4, i, {0x121, 0, 0, 0}};
	offer(endless, n, 0, 0);
	check_eq(fake.asked_beyond, 0);
	check(list_count < 30);
}

TEST(every_feature_has_a_place_of_its_own)
{
	for (u32 f = 0; f < FEAT_COUNT; f++) {
		const struct cpuid_bit *a = &cpuid_feature_bit[f];

		if (!a->name)
			test_fail("feature %u is not mapped", f);
		for (u32 g = f + 1; g < FEAT_COUNT; g++) {
			const struct cpuid_bit *b = &cpuid_feature_bit[g];

			if (f == FEAT_PREFETCHW && g == FEAT_3DNOWPREFETCH)
				continue; /* two names of one bit */
			if (a->leaf == b->leaf && a->subleaf == b->subleaf &&
			    a->reg == b->reg && a->bit == b->bit)
				test_fail("%s and %s share a bit", a->name,
					  b->name);
		}
	}
}

TEST(every_row_of_the_instruction_table_is_mapped)
{
	check(insn_row_count > 0);
	for (u32 i = 0; i < insn_row_count; i++) {
		check(insn_rows[i].feature < FEAT_COUNT);
		check(cpuid_feature_bit[insn_rows[i].feature].name != NULL);
	}
}

TEST(a_bit_taken_from_the_list_takes_the_feature)
{
	for (u32 f = 0; f < FEAT_COUNT; f++) {
		const struct cpuid_bit *bit = &cpuid_feature_bit[f];
		struct kvm_cpuid_entry2 *e;
		u32 *word;

		offer_intel(7);
		if (bit->reg == CPUID_REGS ||
		    !(reg(bit->leaf, bit->subleaf, bit->reg) >> bit->bit & 1))
			continue;
		cpuid_apply(&cpu, list, list_count);
		if (!x86_has(&cpu, f))
			test_fail("%s is offered and not applied", bit->name);
		e = entry(bit->leaf, bit->subleaf);
		word = bit->reg == CPUID_EAX   ? &e->eax
		       : bit->reg == CPUID_EBX ? &e->ebx
		       : bit->reg == CPUID_ECX ? &e->ecx
					       : &e->edx;
		*word &= ~(1u << bit->bit);
		cpuid_apply(&cpu, list, list_count);
		if (x86_has(&cpu, f))
			test_fail("%s is taken away and still there", bit->name);
	}
}

TEST(a_client_cannot_claim_what_the_host_lacks)
{
	struct kvm_cpuid_entry2 greedy[CPUID_ENTRIES_MAX];
	u64 limit[CPUID_FEATURE_WORDS];
	u32 greedy_count;

	offer_intel(0);
	greedy_count = list_count;
	memcpy(greedy, list, sizeof(greedy));
	offer_old();
	cpuid_features(list, list_count, limit);
	cpuid_apply_limited(&cpu, greedy, greedy_count, limit);
	check(!x86_has(&cpu, FEAT_AVX) && !x86_has(&cpu, FEAT_XSAVE));
	check_eq(cpu.xcr0_allowed, XCR0_X87);
	check_eq(cpu.cr4_allowed & CR4_OSXSAVE, 0);
	check(x86_has(&cpu, FEAT_SSE2));
}

TEST(a_vcpu_without_a_list_still_runs_simple_clients)
{
	cpuid_apply(&cpu, NULL, 0);
	check(x86_has(&cpu, FEAT_BASE) && x86_has(&cpu, FEAT_SSE2) &&
	      x86_has(&cpu, FEAT_POPCNT));
	check(!x86_has(&cpu, FEAT_XSAVE) && !x86_has(&cpu, FEAT_FSGSBASE));
	check(cpu.cr4_allowed & CR4_PAE && cpu.cr4_allowed & CR4_OSFXSR);
	check_eq(cpu.cr4_allowed & (CR4_SMEP | CR4_OSXSAVE | CR4_VME), 0);
	check_eq(cpu.physical_bits, 36);
	check_eq(cpu.linear_bits, 48);
}

static u32 answer[4];

static void ask(u64 cr4, u64 apic_base, u64 xcr0, u32 leaf, u32 subleaf)
{
	struct cpuid_state state = {cr4, apic_base, xcr0, 0};

	memset(answer, 0xee, sizeof(answer));
	cpuid_query(list, list_count, &state, leaf, subleaf, answer);
}

TEST(osxsave_follows_cr4)
{
	offer_intel(0);
	ask(0, BIT(11), 1, 1, 0);
	check_eq(answer[CPUID_ECX] & CPUID_1_ECX_OSXSAVE, 0);
	ask(CR4_OSXSAVE, BIT(11), 1, 1, 0);
	check(answer[CPUID_ECX] & CPUID_1_ECX_OSXSAVE);
	entry(1, 0)->ecx &= ~CPUID_1_ECX_XSAVE;
	ask(CR4_OSXSAVE, BIT(11), 1, 1, 0);
	check_eq(answer[CPUID_ECX] & CPUID_1_ECX_OSXSAVE, 0);
}

TEST(ospke_follows_cr4)
{
	offer_intel(0);
	ask(CR4_PKE, BIT(11), 1, 7, 0);
	check_eq(answer[CPUID_ECX] & CPUID_7_ECX_OSPKE, 0);
	entry(7, 0)->ecx |= CPUID_7_ECX_PKU;
	ask(CR4_PKE, BIT(11), 1, 7, 0);
	check(answer[CPUID_ECX] & CPUID_7_ECX_OSPKE);
	ask(0, BIT(11), 1, 7, 0);
	check_eq(answer[CPUID_ECX] & CPUID_7_ECX_OSPKE, 0);
}

TEST(the_apic_bit_follows_the_enable_bit_of_apic_base)
{
	offer_intel(0);
	ask(0, BIT(11), 1, 1, 0);
	check(answer[CPUID_EDX] & CPUID_1_EDX_APIC);
	ask(0, 0, 1, 1, 0);
	check_eq(answer[CPUID_EDX] & CPUID_1_EDX_APIC, 0);
	offer_amd(0);
	ask(0, 0, 1, 0x80000001u, 0);
	check_eq(answer[CPUID_EDX] & CPUID_1_EDX_APIC, 0);
}

TEST(the_xsave_size_follows_xcr0)
{
	offer_intel(0);
	ask(0, 0, XCR0_X87, 0xd, 0);
	check_eq(answer[CPUID_EBX], 576);
	check_eq(answer[CPUID_ECX], 832);
	ask(0, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX, 0xd, 0);
	check_eq(answer[CPUID_EBX], 832);
	ask(0, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX, 0xd, 1);
	check_eq(answer[CPUID_EBX], 832);
	ask(0, 0, XCR0_X87, 0xd, 1);
	check_eq(answer[CPUID_EBX], 576);
}

TEST(beyond_the_last_basic_leaf_intel_repeats_it)
{
	offer_intel(0);
	entry(0, 0)->eax = 0x16;
	ask(0, 0, 1, 0x17, 0);
	check_eq(answer[CPUID_EAX], 2700);
	ask(0, 0, 1, 0x3fffffff, 9);
	check_eq(answer[CPUID_EAX], 2700);
	ask(0, 0, 1, 0x80000009u, 0);
	check_eq(answer[CPUID_EAX], 2700);
	ask(0, 0, 1, 0x40000011u, 0);
	check_eq(answer[CPUID_EAX], 2700);
	ask(0, 0, 1, 0x40000005u, 0); /* a hole, in range */
	check_eq(answer[CPUID_EAX], 0);
	ask(0, 0, 1, 3, 0);
	check_eq(answer[CPUID_EAX] | answer[CPUID_EDX], 0);
}

TEST(beyond_the_last_leaf_amd_answers_zero)
{
	offer_amd(0);
	ask(0, 0, 1, 0x11, 0);
	check_eq(answer[0] | answer[1] | answer[2] | answer[3], 0);
	ask(0, 0, 1, 0x80000022u, 0);
	check_eq(answer[0] | answer[1] | answer[2] | answer[3], 0);
}

TEST(a_redirected_leaf_has_its_dynamic_bits)
{
	offer_old();
	entry(0, 0)->eax = 1;
	ask(0, 0, 1, 5, 0);
	check_eq(answer[CPUID_EAX], 0x6f6);
	check_eq(answer[CPUID_EDX] & CPUID_1_EDX_APIC, 0);
}

TEST(a_topology_leaf_past_its_levels_names_the_level_and_the_id)
{
	struct kvm_cpuid_entry2 topology[] = {
		{.function = 0, .eax = 0xb},
		{.function = 0xb, .index = 0, .flags = 1, .eax = 1, .edx = 5},
		{.function = 0xb, .index = 1, .flags = 1, .eax = 3, .edx = 5},
	};
	struct cpuid_state state = {0};

	cpuid_query(topology, 3, &state, 0xb, 7, answer);
	check_eq(answer[CPUID_EAX], 0);
	check_eq(answer[CPUID_ECX], 7);
	check_eq(answer[CPUID_EDX], 5);
}

TEST(no_list_answers_zero)
{
	list_count = 0;
	ask(~0ull, ~0ull, 7, 1, 0);
	check_eq(answer[0] | answer[1] | answer[2] | answer[3], 0);
}
