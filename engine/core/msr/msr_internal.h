/* SPDX-License-Identifier: MIT */
/* What the files of this room share; `host`: the client asks, not the guest. */
#ifndef ENGINE_CORE_MSR_MSR_INTERNAL_H
#define ENGINE_CORE_MSR_MSR_INTERNAL_H

#include "engine/core/msr/msr.h"
#include "engine/core/x86.h"

enum msr_answer mtrr_get(const struct x86_cpu *cpu, u32 index, u64 *ret);
enum msr_answer mtrr_set(struct x86_cpu *cpu, u32 index, u64 value, bool host);

enum msr_answer mce_get(const struct x86_cpu *cpu, u32 index, u64 *ret,
			bool host);
enum msr_answer mce_set(struct x86_cpu *cpu, u32 index, u64 value, bool host);

enum msr_answer msr_get(const struct x86_cpu *cpu, u32 index, u64 *ret,
			bool host);
enum msr_answer msr_set(struct x86_cpu *cpu, u32 index, u64 value, bool host);

/* Does the guest's CPUID have this bit? reg is enum cpuid_reg. */
bool guest_cpuid_bit(const struct x86_cpu *cpu, u32 leaf, u32 reg, u32 mask);

#endif
