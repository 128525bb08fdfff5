/* SPDX-License-Identifier: MIT */
/*
 * From CPUID lists to what gates look at.
 *
 * What is left out: PKU is mapped but no list of ours offers it, because the
 * XSAVE area has no room for PKRU.
 */
#include "engine/core/cpuid/cpuid.h"

#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

#define FEATURE(feature, leaf_, subleaf_, reg_, bit_, name_) \
	[FEAT_##feature] = {                                 \
		.leaf = (leaf_),                             \
		.subleaf = (subleaf_),                       \
		.reg = CPUID_##reg_,                         \
		.bit = (bit_),                               \
		.name = (name_),                             \
	}
#define X1 0x80000001u
#define X8 0x80000008u

/* [SDM2 3.3 "CPUID-CPU Identification"], [APM3 E.4 "Extended Feature
 * Function Numbers"] */
const struct cpuid_bit cpuid_feature_bit[FEAT_COUNT] = {
	FEATURE(BASE, 0, 0, REGS, 0, "base"),
	FEATURE(X87, 1, 0, EDX, 0, "fpu"),
	FEATURE(CMOV, 1, 0, EDX, 15, "cmov"),
	FEATURE(CX8, 1, 0, EDX, 8, "cx8"),
	FEATURE(CX16, 1, 0, ECX, 13, "cx16"),
	FEATURE(MMX, 1, 0, EDX, 23, "mmx"),
	FEATURE(FXSR, 1, 0, EDX, 24, "fxsr"),
	FEATURE(SSE, 1, 0, EDX, 25, "sse"),
	FEATURE(SSE2, 1, 0, EDX, 26, "sse2"),
	FEATURE(SSE3, 1, 0, ECX, 0, "sse3"),
	FEATURE(SSSE3, 1, 0, ECX, 9, "ssse3"),
	FEATURE(SSE4_1, 1, 0, ECX, 19, "sse4_1"),
	FEATURE(SSE4_2, 1, 0, ECX, 20, "sse4_2"),
	FEATURE(POPCNT, 1, 0, ECX, 23, "popcnt"),
	FEATURE(AES, 1, 0, ECX, 25, "aes"),
	FEATURE(PCLMUL, 1, 0, ECX, 1, "pclmulqdq"),
	FEATURE(SHA, 7, 0, EBX, 29, "sha_ni"),
	FEATURE(GFNI, 7, 0, ECX, 8, "gfni"),
	FEATURE(AVX, 1, 0, ECX, 28, "avx"),
	FEATURE(AVX2, 7, 0, EBX, 5, "avx2"),
	FEATURE(FMA, 1, 0, ECX, 12, "fma"),
	FEATURE(F16C, 1, 0, ECX, 29, "f16c"),
	FEATURE(VAES, 7, 0, ECX, 9, "vaes"),
	FEATURE(VPCLMUL, 7, 0, ECX, 10, "vpclmulqdq"),
	FEATURE(AVX_VNNI, 7, 1, EAX, 4, "avx_vnni"),
	FEATURE(BMI1, 7, 0, EBX, 3, "bmi1"),
	FEATURE(BMI2, 7, 0, EBX, 8, "bmi2"),
	FEATURE(LZCNT, X1, 0, ECX, 5, "abm"),
	FEATURE(MOVBE, 1, 0, ECX, 22, "movbe"),
	FEATURE(ADX, 7, 0, EBX, 19, "adx"),
	FEATURE(LAHF64, X1, 0, ECX, 0, "lahf_lm"),
	FEATURE(XSAVE, 1, 0, ECX, 26, "xsave"),
	FEATURE(XSAVEOPT, 0xd, 1, EAX, 0, "xsaveopt"),
	FEATURE(XSAVEC, 0xd, 1, EAX, 1, "xsavec"),
	FEATURE(XSAVES, 0xd, 1, EAX, 3, "xsaves"),
	FEATURE(XGETBV1, 0xd, 1, EAX, 2, "xgetbv1"),
	FEATURE(FSGSBASE, 7, 0, EBX, 0, "fsgsbase"),
	FEATURE(RDRAND, 1, 0, ECX, 30, "rdrand"),
	FEATURE(RDSEED, 7, 0, EBX, 18, "rdseed"),
	FEATURE(RDTSCP, X1, 0, EDX, 27, "rdtscp"),
	FEATURE(RDPID, 7, 0, ECX, 22, "rdpid"),
	FEATURE(CLFSH, 1, 0, EDX, 19, "clflush"),
	FEATURE(CLFLUSHOPT, 7, 0, EBX, 23, "clflushopt"),
	FEATURE(CLWB, 7, 0, EBX, 24, "clwb"),
	FEATURE(PREFETCHW, X1, 0, ECX, 8, "3dnowprefetch"),
	FEATURE(SMAP, 7, 0, EBX, 20, "smap"),
	FEATURE(INVPCID, 7, 0, EBX, 10, "invpcid"),
	FEATURE(PKU, 7, 0, ECX, 3, "pku"),
	FEATURE(SYSCALL, X1, 0, EDX, 11, "syscall"),
	FEATURE(SEP, 1, 0, EDX, 11, "sep"),
	FEATURE(MSR, 1, 0, EDX, 5, "msr"),
	FEATURE(TSC, 1, 0, EDX, 4, "tsc"),
	FEATURE(MONITOR, 1, 0, ECX, 3, "monitor"),
	FEATURE(SERIALIZE, 7, 0, EDX, 14, "serialize"),
	FEATURE(WBNOINVD, X8, 0, EBX, 9, "wbnoinvd"),
	FEATURE(MOVDIRI, 7, 0, ECX, 27, "movdiri"),
	FEATURE(MOVDIR64B, 7, 0, ECX, 28, "movdir64b"),
	FEATURE(3DNOWPREFETCH, X1, 0, ECX, 8, "3dnowprefetch"),
	FEATURE(SSE4A, X1, 0, ECX, 6, "sse4a"),
	FEATURE(CLZERO, X8, 0, EBX, 0, "clzero"),
	FEATURE(MISALIGNSSE, X1, 0, ECX, 7, "misalignsse"),
};

/*
 * Features that a CPU has to be switched on for (by a VM-execution control, by
 * CR4 or XCR0): without any CPUID list they do not exist.
 */
static const u8 enabled_feature[] = {
	FEAT_AVX,     FEAT_AVX2,     FEAT_FMA,	    FEAT_F16C,	   FEAT_VAES,
	FEAT_VPCLMUL, FEAT_AVX_VNNI, FEAT_XSAVE,    FEAT_XSAVEOPT, FEAT_XSAVEC,
	FEAT_XSAVES,  FEAT_XGETBV1,  FEAT_FSGSBASE, FEAT_RDTSCP,   FEAT_RDPID,
	FEAT_SMAP,    FEAT_INVPCID,  FEAT_PKU,	    FEAT_MONITOR,
};

static u32 entry_reg(const struct kvm_cpuid_entry2 *entry, u32 reg)
{
	switch (reg) {
	case CPUID_EAX:
		return entry->eax;
	case CPUID_EBX:
		return entry->ebx;
	case CPUID_ECX:
		return entry->ecx;
	default:
		return entry->edx;
	}
}

static u32 list_reg(const struct kvm_cpuid_entry2 *entries, u32 count, u32 leaf,
		    u32 reg)
{
	const struct kvm_cpuid_entry2 *entry =
		cpuid_find(entries, count, leaf, 0);

	return entry ? entry_reg(entry, reg) : 0;
}

static void features_without_cpuid(u64 ret_feature[CPUID_FEATURE_WORDS])
{
	for (u32 f = 0; f < FEAT_COUNT; f++)
		ret_feature[f / 64] |= BIT(f % 64);
	for (u32 i = 0; i < ARRAY_SIZE(enabled_feature); i++)
		ret_feature[enabled_feature[i] / 64] &=
			~BIT(enabled_feature[i] % 64);
}

void cpuid_features(const struct kvm_cpuid_entry2 *entries, u32 count,
		    u64 ret_feature[CPUID_FEATURE_WORDS])
{
	for (u32 i = 0; i < CPUID_FEATURE_WORDS; i++)
		ret_feature[i] = 0;
	if (!count) {
		features_without_cpuid(ret_feature);
		return;
	}
	for (u32 f = 0; f < FEAT_COUNT; f++) {
		const struct cpuid_bit *bit = &cpuid_feature_bit[f];
		const struct kvm_cpuid_entry2 *entry;

		if (bit->reg == CPUID_REGS) {
			ret_feature[f / 64] |= BIT(f % 64);
			continue;
		}
		entry = cpuid_find(entries, count, bit->leaf, bit->subleaf);
		if (entry && entry_reg(entry, bit->reg) >> bit->bit & 1)
			ret_feature[f / 64] |= BIT(f % 64);
	}
}

bool cpuid_vendor_amd(const struct kvm_cpuid_entry2 *entries, u32 count)
{
	/* "AuthenticAMD" and "HygonGenuine", by their EBX. */
	u32 ebx = list_reg(entries, count, 0, CPUID_EBX);

	return ebx == 0x68747541u || ebx == 0x6f677948u;
}

static u64 cr4_by_cpuid(const struct x86_cpu *cpu,
			const struct kvm_cpuid_entry2 *entries, u32 count)
{
	const u64 always = CR4_TSD | CR4_PCE;
	const u64 unlisted = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
			     CR4_OSFXSR | CR4_OSXMMEXCPT;
	const struct {
		u64 cr4;
		u32 leaf;
		u32 reg;
		u32 mask;
	} by_bit[] = {
		{CR4_DE, 1, CPUID_EDX, CPUID_1_EDX_DE},
		{CR4_PSE, 1, CPUID_EDX, CPUID_1_EDX_PSE},
		{CR4_PAE, 1, CPUID_EDX, CPUID_1_EDX_PAE},
		{CR4_MCE, 1, CPUID_EDX, CPUID_1_EDX_MCE},
		{CR4_PGE, 1, CPUID_EDX, CPUID_1_EDX_PGE},
		{CR4_OSFXSR, 1, CPUID_EDX, CPUID_1_EDX_FXSR},
		{CR4_OSXMMEXCPT, 1, CPUID_EDX, CPUID_1_EDX_SSE},
		{CR4_PCIDE, 1, CPUID_ECX, CPUID_1_ECX_PCID},
		{CR4_SMEP, 7, CPUID_EBX, CPUID_7_EBX_SMEP},
		{CR4_UMIP, 7, CPUID_ECX, CPUID_7_ECX_UMIP},
		{CR4_LA57, 7, CPUID_ECX, CPUID_7_ECX_LA57},
	};
	u64 allowed = always;

	if (!count)
		return always | unlisted;
	for (u32 i = 0; i < ARRAY_SIZE(by_bit); i++)
		if (list_reg(entries, count, by_bit[i].leaf, by_bit[i].reg) &
		    by_bit[i].mask)
			allowed |= by_bit[i].cr4;
	if (x86_has(cpu, FEAT_FSGSBASE))
		allowed |= CR4_FSGSBASE;
	if (x86_has(cpu, FEAT_XSAVE))
		allowed |= CR4_OSXSAVE;
	if (x86_has(cpu, FEAT_SMAP))
		allowed |= CR4_SMAP;
	if (x86_has(cpu, FEAT_PKU))
		allowed |= CR4_PKE;
	return allowed;
}

static u64 xcr0_by_cpuid(const struct x86_cpu *cpu,
			 const struct kvm_cpuid_entry2 *entries, u32 count)
{
	u64 allowed = XCR0_X87;

	if (!x86_has(cpu, FEAT_XSAVE))
		return allowed;
	allowed |= list_reg(entries, count, 0xd, CPUID_EAX) &
		   (XCR0_SSE | XCR0_AVX);
	if (!x86_has(cpu, FEAT_AVX))
		allowed &= ~XCR0_AVX;
	return allowed;
}

static u8 physical_bits(const struct kvm_cpuid_entry2 *entries, u32 count)
{
	u32 bits = list_reg(entries, count, 0x80000008u, CPUID_EAX) & 0xff;

	/* Without the leaf a CPU has 36. [SDM3 4.1.4 "Enumeration of Paging
	 * Features by CPUID"] */
	if (!bits)
		return 36;
	return (u8)MIN(MAX(bits, 32u), 52u);
}

void cpuid_apply_limited(struct x86_cpu *cpu,
			 const struct kvm_cpuid_entry2 *entries, u32 count,
			 const u64 limit[CPUID_FEATURE_WORDS])
{
	u32 x1_edx = list_reg(entries, count, 0x80000001u, CPUID_EDX);

	cpuid_features(entries, count, cpu->feature);
	for (u32 i = 0; limit && i < CPUID_FEATURE_WORDS; i++)
		cpu->feature[i] &= limit[i];
	cpu->cr4_allowed = cr4_by_cpuid(cpu, entries, count);
	cpu->efer_allowed = EFER_SCE;
	if (x1_edx & CPUID_X1_EDX_LM)
		cpu->efer_allowed |= EFER_LME | EFER_LMA;
	if (x1_edx & CPUID_X1_EDX_NX)
		cpu->efer_allowed |= EFER_NXE;
	cpu->xcr0_allowed = xcr0_by_cpuid(cpu, entries, count);
	cpu->physical_bits = physical_bits(entries, count);
	cpu->linear_bits = cpu->cr4_allowed & CR4_LA57 ? 57 : 48;
	cpu->vendor_amd = cpuid_vendor_amd(entries, count);
}

void cpuid_apply(struct x86_cpu *cpu, const struct kvm_cpuid_entry2 *entries,
		 u32 count)
{
	cpuid_apply_limited(cpu, entries, count, NULL);
}
