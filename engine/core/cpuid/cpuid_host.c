/* SPDX-License-Identifier: MIT */
/*
 * What a guest may be offered on this host.
 *
 * Two kinds of bits. `host` bits stand for instructions a program can execute:
 * they are offered only where the host has them, because vector code runs on
 * the host's own unit and because later a guest's user code may run on the
 * host's CPU itself, where nothing could take an instruction away. `engine`
 * bits stand for privileged behaviour and devices that the engine makes, on
 * any host; and for the two "REP strings are fast" hints, which are about the
 * engine's own speed.
 */
#include "engine/core/cpuid/cpuid.h"

#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

struct cpuid_list {
	struct kvm_cpuid_entry2 *entries; /* borrowed */
	u32 max;
	u32 count;
};

struct offered {
	u32 leaf;
	u8 subleaf;
	u8 reg;
	u32 host;   /* if the host has them */
	u32 engine; /* always */
};

static const struct offered offered[] = {
	{1, 0, CPUID_ECX,
	 .host = CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMUL | CPUID_1_ECX_SSSE3 |
		 CPUID_1_ECX_FMA | CPUID_1_ECX_CX16 | CPUID_1_ECX_SSE4_1 |
		 CPUID_1_ECX_SSE4_2 | CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT |
		 CPUID_1_ECX_AES | CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX |
		 CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND,
	 .engine = CPUID_1_ECX_PCID | CPUID_1_ECX_X2APIC |
		   CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_HYPERVISOR},
	{1, 0, CPUID_EDX,
	 .host = CPUID_1_EDX_FPU | CPUID_1_EDX_TSC | CPUID_1_EDX_CX8 |
		 CPUID_1_EDX_SEP | CPUID_1_EDX_CMOV | CPUID_1_EDX_CLFSH |
		 CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE |
		 CPUID_1_EDX_SSE2 | CPUID_1_EDX_SS,
	 .engine = CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_MSR |
		   CPUID_1_EDX_PAE | CPUID_1_EDX_MCE | CPUID_1_EDX_APIC |
		   CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | CPUID_1_EDX_MCA |
		   CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36},
	{7, 0, CPUID_EBX,
	 .host = CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_AVX2 |
		 CPUID_7_EBX_BMI2 | CPUID_7_EBX_RDSEED | CPUID_7_EBX_ADX |
		 CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB | CPUID_7_EBX_SHA,
	 .engine = CPUID_7_EBX_TSC_ADJUST | CPUID_7_EBX_SMEP |
		   CPUID_7_EBX_ERMS | CPUID_7_EBX_INVPCID | CPUID_7_EBX_SMAP},
	{7, 0, CPUID_ECX,
	 .host = CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMUL |
		 CPUID_7_ECX_RDPID | CPUID_7_ECX_MOVDIRI | CPUID_7_ECX_MOVDIR64B,
	 .engine = CPUID_7_ECX_UMIP},
	{7, 0, CPUID_EDX, .host = CPUID_7_EDX_SERIALIZE,
	 .engine = CPUID_7_EDX_FSRM},
	{7, 1, CPUID_EAX, .host = CPUID_7_1_EAX_AVX_VNNI},
	{0xd, 1, CPUID_EAX,
	 .host = CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XSAVEC |
		 CPUID_D_1_EAX_XGETBV1 | CPUID_D_1_EAX_XSAVES},
	{0x80000001u, 0, CPUID_ECX,
	 .host = CPUID_X1_ECX_LAHF64 | CPUID_X1_ECX_LZCNT | CPUID_X1_ECX_SSE4A |
		 CPUID_X1_ECX_MISALIGN | CPUID_X1_ECX_PREFETCHW |
		 CPUID_X1_ECX_TOPOEXT},
	{0x80000001u, 0, CPUID_EDX, .host = CPUID_X1_EDX_RDTSCP,
	 .engine = CPUID_X1_EDX_SYSCALL | CPUID_X1_EDX_NX |
		   CPUID_X1_EDX_PDPE1GB | CPUID_X1_EDX_LM},
	{0x80000007u, 0, CPUID_EDX, .host = CPUID_X7_EDX_INVARIANT_TSC},
	{0x80000008u, 0, CPUID_EBX,
	 .host = CPUID_X8_EBX_CLZERO | CPUID_X8_EBX_XSAVE_ERROR_PTR |
		 CPUID_X8_EBX_WBNOINVD},
};

/* Instructions on YMM registers: gone without AVX state. */
static const struct offered needs_avx[] = {
	{1, 0, CPUID_ECX,
	 .host = CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C},
	{7, 0, CPUID_EBX, .host = CPUID_7_EBX_AVX2},
	{7, 0, CPUID_ECX, .host = CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMUL},
	{7, 1, CPUID_EAX, .host = CPUID_7_1_EAX_AVX_VNNI},
};

/* fpu/ keeps the x87 pointers as these two say, but for AMD's guests. */
static const struct offered x87_intel[] = {
	{7, 0, CPUID_EBX,
	 .engine = CPUID_7_EBX_FDP_EXCEPTION_ONLY | CPUID_7_EBX_NO_FCS_FDS},
};

static const struct offered spec_ctrl_intel[] = {
	{7, 0, CPUID_EDX,
	 .engine = CPUID_7_EDX_SPEC_CTRL | CPUID_7_EDX_STIBP |
		   CPUID_7_EDX_ARCH_CAPABILITIES | CPUID_7_EDX_SSBD},
};
static const struct offered spec_ctrl_amd[] = {
	{0x80000008u, 0, CPUID_EBX,
	 .engine = CPUID_X8_EBX_IBPB | CPUID_X8_EBX_IBRS | CPUID_X8_EBX_STIBP |
		   CPUID_X8_EBX_SSBD},
};

static void host_regs(const struct cpuid_host *host, u32 leaf, u32 subleaf,
		      u32 ret_regs[4])
{
	for (u32 i = 0; i < CPUID_REGS; i++)
		ret_regs[i] = 0;
	host->cpuid(host->ctx, leaf, subleaf, ret_regs);
}

static u32 host_reg(const struct cpuid_host *host, u32 leaf, u32 subleaf,
		    u32 reg)
{
	u32 regs[CPUID_REGS];

	host_regs(host, leaf, subleaf, regs);
	return regs[reg];
}

/* A leaf the host does not have reads as something else: never ask for one.
 * Every 64-bit host has 0, 1, 80000000H and 80000001H. */
static bool host_has_leaf(const struct cpuid_host *host, u32 leaf)
{
	return host_reg(host, leaf & 0x80000000u, 0, CPUID_EAX) >= leaf;
}

static bool host_has_subleaf7(const struct cpuid_host *host, u32 subleaf)
{
	return host_has_leaf(host, 7) &&
	       host_reg(host, 7, 0, CPUID_EAX) >= subleaf;
}

static bool host_is_amd(const struct cpuid_host *host)
{
	struct kvm_cpuid_entry2 vendor = {
		.ebx = host_reg(host, 0, 0, CPUID_EBX),
	};

	return cpuid_vendor_amd(&vendor, 1);
}

static u64 offered_xcr0(const struct cpuid_host *host)
{
	u32 ecx = host_reg(host, 1, 0, CPUID_ECX);
	u64 sse = XCR0_X87 | XCR0_SSE;

	if (!(ecx & CPUID_1_ECX_XSAVE) || !host_has_leaf(host, 0xd) ||
	    (host->xcr0 & sse) != sse)
		return 0;
	if (ecx & CPUID_1_ECX_AVX && host->xcr0 & XCR0_AVX)
		sse |= XCR0_AVX;
	return sse;
}

static u32 mask_of(const struct offered *rows, u32 count, u32 leaf, u32 subleaf,
		   u32 reg, u32 host_bits)
{
	u32 bits = 0;

	for (u32 i = 0; i < count; i++) {
		const struct offered *row = &rows[i];

		if (row->leaf == leaf && row->subleaf == subleaf &&
		    row->reg == reg)
			bits |= (host_bits & row->host) | row->engine;
	}
	return bits;
}

/* One register of a feature leaf as it is offered. */
static u32 offered_reg(const struct cpuid_host *host, u32 leaf, u32 subleaf,
		       u32 reg)
{
	bool present = leaf == 7 ? host_has_subleaf7(host, subleaf)
				 : host_has_leaf(host, leaf);
	u32 host_bits = present ? host_reg(host, leaf, subleaf, reg) : 0;
	u64 xcr0 = offered_xcr0(host);
	u32 bits = mask_of(offered, ARRAY_SIZE(offered), leaf, subleaf, reg,
			   host_bits);

	if (!(xcr0 & XCR0_AVX))
		bits &= ~mask_of(needs_avx, ARRAY_SIZE(needs_avx), leaf,
				 subleaf, reg, ~0u);
	if (!xcr0 && leaf == 1 && reg == CPUID_ECX)
		bits &= ~CPUID_1_ECX_XSAVE;
	if (!host_is_amd(host))
		bits |= mask_of(x87_intel, ARRAY_SIZE(x87_intel), leaf, subleaf,
				reg, 0);
	if (!(host->flags & CPUID_OFFER_SPEC_CTRL))
		return bits;
	if (host_is_amd(host))
		return bits | mask_of(spec_ctrl_amd, ARRAY_SIZE(spec_ctrl_amd),
				      leaf, subleaf, reg, 0);
	return bits | mask_of(spec_ctrl_intel, ARRAY_SIZE(spec_ctrl_intel),
			      leaf, subleaf, reg, 0);
}

static void list_add(struct cpuid_list *list, u32 leaf, u32 subleaf, u32 flags,
		     const u32 regs[4])
{
	if (list->count < list->max) {
		struct kvm_cpuid_entry2 entry = {
			.function = leaf,
			.index = subleaf,
			.flags = flags,
			.eax = regs[CPUID_EAX],
			.ebx = regs[CPUID_EBX],
			.ecx = regs[CPUID_ECX],
			.edx = regs[CPUID_EDX],
		};

		list->entries[list->count] = entry;
	}
	list->count++;
}

static void add_plain(struct cpuid_list *list, u32 leaf, const u32 regs[4])
{
	list_add(list, leaf, 0, 0, regs);
}

static void add_indexed(struct cpuid_list *list, u32 leaf, u32 subleaf,
			const u32 regs[4])
{
	list_add(list, leaf, subleaf, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, regs);
}

static void add_from_host(struct cpuid_list *list,
			  const struct cpuid_host *host, u32 leaf)
{
	u32 regs[CPUID_REGS];

	if (!host_has_leaf(host, leaf))
		return;
	host_regs(host, leaf, 0, regs);
	add_plain(list, leaf, regs);
}

static bool offers_frequency(const struct cpuid_host *host)
{
	return host->tsc_khz && host->apic_bus_khz;
}

/* Highest basic leaf. Intel guests find the frequencies at 15H and 16H. */
static u32 highest_basic(const struct cpuid_host *host)
{
	u32 highest = MIN(host_reg(host, 0, 0, CPUID_EAX), 0x1fu);

	if (offers_frequency(host) && !host_is_amd(host))
		highest = MAX(highest, 0x16u);
	return highest;
}

static void add_leaf_0_1(struct cpuid_list *list, const struct cpuid_host *host)
{
	u32 regs[CPUID_REGS];

	host_regs(host, 0, 0, regs);
	regs[CPUID_EAX] = highest_basic(host);
	add_plain(list, 0, regs);

	host_regs(host, 1, 0, regs);
	/* Of EBX only the CLFLUSH line size: the rest is per vCPU. */
	regs[CPUID_EBX] &= 0xff00;
	regs[CPUID_ECX] = offered_reg(host, 1, 0, CPUID_ECX);
	if (host->flags & CPUID_OFFER_MONITOR)
		regs[CPUID_ECX] |= CPUID_1_ECX_MONITOR;
	regs[CPUID_EDX] = offered_reg(host, 1, 0, CPUID_EDX);
	add_plain(list, 1, regs);
}

#define CACHES_MAX 8

/* Leaf 4 or 8000001DH: the host's caches and the null entry after them. */
static void add_caches(struct cpuid_list *list, const struct cpuid_host *host,
		       u32 leaf)
{
	const u32 null_entry[CPUID_REGS] = {0, 0, 0, 0};
	u32 regs[CPUID_REGS];
	u32 i;

	if (!host_has_leaf(host, leaf))
		return;
	for (i = 0; i < CACHES_MAX; i++) {
		host_regs(host, leaf, i, regs);
		if (!(regs[CPUID_EAX] & 0x1f))
			break;
		add_indexed(list, leaf, i, regs);
	}
	add_indexed(list, leaf, i, null_entry);
}

static void add_leaf_6_7(struct cpuid_list *list, const struct cpuid_host *host)
{
	const u32 power[CPUID_REGS] = {CPUID_6_EAX_ARAT, 0, 0, 0};
	u32 regs[CPUID_REGS] = {0, 0, 0, 0};
	u32 sub1 = offered_reg(host, 7, 1, CPUID_EAX);

	if (highest_basic(host) < 7)
		return;
	add_plain(list, 6, power);
	regs[CPUID_EAX] = sub1 != 0;
	regs[CPUID_EBX] = offered_reg(host, 7, 0, CPUID_EBX);
	regs[CPUID_ECX] = offered_reg(host, 7, 0, CPUID_ECX);
	regs[CPUID_EDX] = offered_reg(host, 7, 0, CPUID_EDX);
	if (host->flags & CPUID_OFFER_LA57 && host_has_leaf(host, 7))
		regs[CPUID_ECX] |= host_reg(host, 7, 0, CPUID_ECX) &
				   CPUID_7_ECX_LA57;
	add_indexed(list, 7, 0, regs);
	if (!sub1)
		return;
	regs[CPUID_EAX] = sub1;
	regs[CPUID_EBX] = 0;
	regs[CPUID_ECX] = 0;
	regs[CPUID_EDX] = 0;
	add_indexed(list, 7, 1, regs);
}

/* [SDM1 13.2 "Enumeration of CPU Support for XSAVE Instructions and
 * XSAVE-Supported Features"] */
static void add_leaf_d(struct cpuid_list *list, const struct cpuid_host *host)
{
	u64 xcr0 = offered_xcr0(host);
	u32 regs[CPUID_REGS] = {(u32)xcr0, cpuid_xsave_bytes(xcr0),
				cpuid_xsave_bytes(xcr0), 0};
	const u32 avx[CPUID_REGS] = {256, XSAVE_YMMH, 0, 0};

	if (!xcr0)
		return;
	add_indexed(list, 0xd, 0, regs);
	regs[CPUID_EAX] = offered_reg(host, 0xd, 1, CPUID_EAX);
	regs[CPUID_ECX] = 0;
	if (!(regs[CPUID_EAX] & (CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XSAVES)))
		regs[CPUID_EBX] = 0;
	add_indexed(list, 0xd, 1, regs);
	if (xcr0 & XCR0_AVX)
		add_indexed(list, 0xd, 2, avx);
}

static u32 greatest_common_divisor(u32 a, u32 b)
{
	while (b) {
		u32 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * TSC frequency as a ratio to the core crystal clock. The "crystal" is the
 * LAPIC timer's clock, because guests take it for that too.
 * [SDM3 18.18.3 "Determining the Processor Base Frequency"],
 * [SDM3 10.5.4 "APIC Timer"]
 */
static void add_leaf_15_16(struct cpuid_list *list,
			   const struct cpuid_host *host)
{
	u32 divisor, mhz = host->tsc_khz / 1000;
	u32 ratio[CPUID_REGS] = {0, 0, 0, 0};
	const u32 frequency[CPUID_REGS] = {mhz, mhz, 100, 0};

	if (!offers_frequency(host) || host_is_amd(host))
		return;
	divisor = greatest_common_divisor(host->tsc_khz, host->apic_bus_khz);
	if (host->apic_bus_khz <= ~0u / 1000) {
		ratio[CPUID_EAX] = host->apic_bus_khz / divisor;
		ratio[CPUID_EBX] = host->tsc_khz / divisor;
		ratio[CPUID_ECX] = host->apic_bus_khz * 1000;
	}
	add_plain(list, 0x15, ratio);
	add_plain(list, 0x16, frequency);
}

static void add_kvm_leaves(struct cpuid_list *list,
			   const struct cpuid_host *host)
{
	/* "KVMKVMKVM\0\0\0" */
	const u32 signature[CPUID_REGS] = {offers_frequency(host)
						   ? CPUID_KVM_FREQUENCY
						   : CPUID_KVM_FEATURES,
					   0x4b4d564b, 0x564b4d56, 0x4d};
	const u32 features[CPUID_REGS] = {host->kvm_features, 0, 0, 0};
	const u32 frequency[CPUID_REGS] = {host->tsc_khz, host->apic_bus_khz, 0,
					   0};

	add_plain(list, CPUID_KVM_SIGNATURE, signature);
	add_plain(list, CPUID_KVM_FEATURES, features);
	if (offers_frequency(host))
		add_plain(list, CPUID_KVM_FREQUENCY, frequency);
}

static void add_leaf_x1(struct cpuid_list *list, const struct cpuid_host *host)
{
	u32 regs[CPUID_REGS];

	host_regs(host, 0x80000001u, 0, regs);
	if (!host_is_amd(host)) {
		regs[CPUID_EAX] = 0;
		regs[CPUID_EBX] = 0;
	}
	regs[CPUID_ECX] = offered_reg(host, 0x80000001u, 0, CPUID_ECX);
	regs[CPUID_EDX] = offered_reg(host, 0x80000001u, 0, CPUID_EDX);
	if (host_is_amd(host))
		regs[CPUID_EDX] |= offered_reg(host, 1, 0, CPUID_EDX) &
				   CPUID_X1_EDX_SHARED;
	else
		regs[CPUID_ECX] &= ~CPUID_X1_ECX_TOPOEXT;
	add_plain(list, 0x80000001u, regs);
}

static void add_leaf_x7_x8(struct cpuid_list *list,
			   const struct cpuid_host *host)
{
	u32 regs[CPUID_REGS] = {0, 0, 0, 0};
	bool la57 = host->flags & CPUID_OFFER_LA57 && host_has_leaf(host, 7) &&
		    host_reg(host, 7, 0, CPUID_ECX) & CPUID_7_ECX_LA57;
	u32 physical = host_has_leaf(host, 0x80000008u)
			       ? host_reg(host, 0x80000008u, 0, CPUID_EAX) & 0xff
			       : 36;

	regs[CPUID_EDX] = offered_reg(host, 0x80000007u, 0, CPUID_EDX);
	add_plain(list, 0x80000007u, regs);
	regs[CPUID_EAX] = physical | (la57 ? 57u : 48u) << 8;
	regs[CPUID_EBX] = offered_reg(host, 0x80000008u, 0, CPUID_EBX);
	regs[CPUID_EDX] = 0;
	add_plain(list, 0x80000008u, regs);
}

static void add_extended(struct cpuid_list *list, const struct cpuid_host *host)
{
	bool amd = host_is_amd(host);
	u32 regs[CPUID_REGS];

	host_regs(host, 0x80000000u, 0, regs);
	regs[CPUID_EAX] = amd ? 0x80000021u : 0x80000008u;
	add_plain(list, 0x80000000u, regs);
	add_leaf_x1(list, host);
	for (u32 leaf = 0x80000002u; leaf <= 0x80000006u; leaf++)
		add_from_host(list, host, leaf);
	add_leaf_x7_x8(list, host);
	if (!amd)
		return;
	if (offered_reg(host, 0x80000001u, 0, CPUID_ECX) & CPUID_X1_ECX_TOPOEXT)
		add_caches(list, host, 0x8000001du);
	for (u32 i = 0; i < CPUID_REGS; i++)
		regs[i] = 0;
	/* LFENCE holds back what follows: the engine runs in program order. And
	 * a guest's own measures against speculative returns and stale buffers
	 * cost much and do nothing where its code is rewritten
	 * (docs/decisions/0013). */
	regs[CPUID_EAX] = CPUID_X21_EAX_LFENCE_SERIALIZING |
			  CPUID_X21_EAX_SRSO_NO;
	regs[CPUID_ECX] = CPUID_X21_ECX_TSA_SQ_NO | CPUID_X21_ECX_TSA_L1_NO;
	add_plain(list, 0x80000021u, regs);
}

u32 cpuid_host_supported(const struct cpuid_host *host,
			 struct kvm_cpuid_entry2 *entries, u32 max)
{
	struct cpuid_list list = {.entries = entries, .max = max, .count = 0};

	add_leaf_0_1(&list, host);
	if (!host_is_amd(host)) {
		add_from_host(&list, host, 2);
		add_caches(&list, host, 4);
	}
	add_leaf_6_7(&list, host);
	add_leaf_d(&list, host);
	add_leaf_15_16(&list, host);
	add_kvm_leaves(&list, host);
	add_extended(&list, host);
	return list.count;
}
