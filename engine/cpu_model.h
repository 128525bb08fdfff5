/* SPDX-License-Identifier: MIT */
/*
 * CPU models: the CPUID list of one vCPU, from a model's name, what the engine
 * supports and where the vCPU sits in the topology.
 *
 *   "host"  everything the engine supports on this host
 *   "v1"    the x86-64 baseline
 *   "v2"    x86-64-v2: also CMPXCHG16B, LAHF, POPCNT, SSE3 to SSE4.2
 *   "v3"    x86-64-v3: also AVX, AVX2, BMI, F16C, FMA, LZCNT, MOVBE, XSAVE
 * [PSABI 3.1.1 "Processor Architecture", table "Micro-Architecture Levels"]
 *
 * The three levels look the same on every host of the same vendor, whatever it
 * can do beyond the level, so a guest on one may move. No state, no locks.
 */
#ifndef ENGINE_CPU_MODEL_H
#define ENGINE_CPU_MODEL_H

#include <linux/kvm.h>

#include "base/err.h"
#include "base/types.h"

/* vCPU n sits in socket n / (cores * threads), and so on downwards. */
struct cpu_topology {
	u32 sockets;
	u32 cores;   /* in a socket */
	u32 threads; /* in a core */
};

#define CPU_TOPOLOGY_CPUS_MAX 1024u

/* Room enough in *ret for any model over any list of `supported_count`. */
#define CPU_MODEL_ENTRIES_EXTRA 48u

/* The index-th name, index from 0; NULL past the last. */
const char *cpu_model_name(u32 index);

/*
 * The APIC ID, and so the id for create_vcpu, of vCPU `cpu_index`: thread, core
 * and socket numbers in fields of whole bits. cpu_index below the product of
 * the topology, which is 1..CPU_TOPOLOGY_CPUS_MAX.
 * [SDM3 8.9.1 "Hierarchical Mapping of Shared Resources"]
 */
u32 cpu_model_apic_id(const struct cpu_topology *topology, u32 cpu_index);

/*
 * Fills ret->entries for vCPU `cpu_index`; ret->nent is the room on entry and
 * the length on return. `supported` is what get_supported_cpuid returned.
 * -EINVAL: no such model, or a topology that is empty, too large or does not
 * have that vCPU. -ENOTSUP: the host lacks a feature of the model, which the
 * fault names. -E2BIG: ret->nent too small. On an error *ret is unspecified.
 */
must_check int cpu_model_cpuid(const char *name,
			       const struct kvm_cpuid2 *supported, u32 cpu_index,
			       const struct cpu_topology *topology,
			       struct kvm_cpuid2 *ret, struct fault *fault);

#endif
