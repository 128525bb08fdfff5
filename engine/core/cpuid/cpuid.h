/* SPDX-License-Identifier: MIT */
/*
 * CPUID: what a guest may be offered, what it was offered, what it is told.
 *
 *   host CPUID --cpuid_host_supported--> the list of KVM_GET_SUPPORTED_CPUID
 *   list of KVM_SET_CPUID2 --cpuid_apply--> the masks that gates look at
 *   list + registers --cpuid_query--> the answer to one CPUID instruction
 *
 * Lists are plain arrays of struct kvm_cpuid_entry2, borrowed for the call;
 * their contents may be anything a client wrote. No locks, no state.
 */
#ifndef ENGINE_CORE_CPUID_CPUID_H
#define ENGINE_CORE_CPUID_CPUID_H

#include <linux/kvm.h>

#include "engine/core/decode/row.h"
#include "engine/core/types.h"

struct x86_cpu;

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, CPUID_REGS };

#define CPUID_KVM_SIGNATURE 0x40000000u /* [KVM-CPUID "KVM CPUID bits"] */
#define CPUID_KVM_FEATURES  0x40000001u
#define CPUID_KVM_FREQUENCY 0x40000010u

/* The largest list this room writes, and that a client may set. */
#define CPUID_ENTRIES_MAX 256u

/* ------------------------------------------------------------- the host -- */

/* regs[] is indexed by enum cpuid_reg. */
typedef void (*cpuid_host_fn)(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4]);

/* cpuid_host.flags: off unless asked for, and then still only if it can be. */
enum {
	CPUID_OFFER_LA57 = 1 << 0,	/* needs a host with 57 linear bits */
	CPUID_OFFER_MONITOR = 1 << 1,	/* MONITOR/MWAIT */
	CPUID_OFFER_SPEC_CTRL = 1 << 2, /* IBRS, STIBP, SSBD, IBPB and, on Intel,
					 * the ARCH_CAPABILITIES MSR */
};

/* KVM_FEATURE_* bits of leaf 0x40000001 EAX that are offered by default. */
#define CPUID_KVM_FEATURES_DEFAULT 0x0100000bu

struct cpuid_host {
	cpuid_host_fn cpuid; /* borrowed for the call */
	void *ctx;
	u64 xcr0;	  /* the host's XCR0 (XGETBV 0); 0 without OSXSAVE */
	u32 flags;	  /* CPUID_OFFER_* */
	u32 kvm_features; /* CPUID_KVM_FEATURES_DEFAULT, or as the owner can */
	u32 tsc_khz;	  /* of the guests' TSC; 0: not known, not told */
	u32 apic_bus_khz; /* what the LAPIC timer counts; 0: not told */
};

/*
 * Writes what the engine can show a guest on this host: unprivileged features
 * the host has and the engine implements, privileged ones the engine
 * implements. Vendor, family and caches are the host's; topology leaves are
 * left to whoever lays out vCPUs (engine/cpu_model.h).
 * Returns the length of the whole list and writes its first `max` entries; a
 * result above `max` is what KVM_GET_SUPPORTED_CPUID answers with E2BIG. Never
 * more than CPUID_ENTRIES_MAX.
 */
u32 cpuid_host_supported(const struct cpuid_host *host,
			 struct kvm_cpuid_entry2 *entries, u32 max);

/* ------------------------------------------------------------- features -- */

struct cpuid_bit {
	u32 leaf;
	u8 subleaf;
	u8 reg; /* enum cpuid_reg; CPUID_REGS: always there, no bit */
	u8 bit;
	const char *name; /* lower case, as /proc/cpuinfo has it */
};

/* Where each enum insn_feature is told. */
extern const struct cpuid_bit cpuid_feature_bit[FEAT_COUNT];

#define CPUID_FEATURE_WORDS ((FEAT_COUNT + 63u) / 64u)

/* The features a list offers: bit n = enum insn_feature n. */
void cpuid_features(const struct kvm_cpuid_entry2 *entries, u32 count,
		    u64 ret_feature[CPUID_FEATURE_WORDS]);

/*
 * Sets cpu->feature, cr4_allowed, efer_allowed, xcr0_allowed, physical_bits,
 * linear_bits and vendor_amd from a list. An empty list is a vCPU whose CPUID
 * was never set: as under KVM it still executes what needs no enabling, so
 * that simple clients run.
 * The caller invalidates whatever it bound to the old features.
 */
void cpuid_apply(struct x86_cpu *cpu, const struct kvm_cpuid_entry2 *entries,
		 u32 count);

/*
 * The same, but nothing outside `limit` (from cpuid_features() of the supported
 * list) is believed: a client may claim what the host's CPU cannot execute.
 */
void cpuid_apply_limited(struct x86_cpu *cpu,
			 const struct kvm_cpuid_entry2 *entries, u32 count,
			 const u64 limit[CPUID_FEATURE_WORDS]);

/* --------------------------------------------------------------- queries -- */

/* The registers that CPUID's answers depend on. */
struct cpuid_state {
	u64 cr4;
	u64 apic_base;
	u64 xcr0;
	u64 xss;
};

/*
 * The entry for leaf and subleaf, or NULL. `subleaf` counts only in entries
 * that say so (KVM_CPUID_FLAG_SIGNIFCANT_INDEX).
 */
const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid_entry2 *entries,
					  u32 count, u32 leaf, u32 subleaf);

/* What CPUID returns: dynamic bits, out-of-range rule and all. */
void cpuid_query(const struct kvm_cpuid_entry2 *entries, u32 count,
		 const struct cpuid_state *state, u32 leaf, u32 subleaf,
		 u32 ret_regs[4]);

/* True when leaf 0 names AMD or Hygon. */
bool cpuid_vendor_amd(const struct kvm_cpuid_entry2 *entries, u32 count);

/* Bytes of an XSAVE area that holds `mask`, which must be within x87|SSE|AVX:
 * standard and compacted format agree there. [SDM1 13.4.3 "Extended Region"] */
u32 cpuid_xsave_bytes(u64 mask);

#endif
