/* SPDX-License-Identifier: MIT */
/*
 * What a SIMD floating-point operation's flags come to.
 */
#ifndef ENGINE_CORE_FPU_RUN_H
#define ENGINE_CORE_FPU_RUN_H

#include "engine/core/fpu/fpu.h"
#include "engine/core/x86.h"

/* IE, DE, ZE: found before the result is computed. */
#define MXCSR_BEFORE 0x0007u

/*
 * Runs a thunk through fpu_host.any() with the guest's MXCSR, finding unmasked
 * underflow too; the flags that rose. v holds the result of a masked run.
 */
u32 simd_run(struct x86_cpu *cpu, const struct insn *in, const void *thunk,
	     struct vec_operands *v, u32 use);

/*
 * The flags MXCSR gains when `raised` (of simd_run on operands *v) holds an
 * unmasked one.
 */
u32 simd_trap_flags(struct x86_cpu *cpu, const struct insn *in,
		    const void *thunk, const struct vec_operands *v, u32 use,
		    u32 raised);

#endif
