/* SPDX-License-Identifier: MIT */
/*
 * Binding decoded instructions to handlers, and running them.
 *
 * A handler runs with RIP already past the instruction and cpu->insn_len set.
 * It returns an enum x86_result and follows one rule: first every access and
 * check that can fail, then the registers. So a fault needs no undo, and an
 * instruction that must wait for a device can be run again from the start.
 */
#ifndef ENGINE_CORE_EXEC_EXEC_H
#define ENGINE_CORE_EXEC_EXEC_H

#include "engine/core/decode/decode.h"
#include "engine/core/x86.h"

/*
 * The handler for a decoded instruction, chosen by row, size and form; never
 * NULL: what the guest may not use gets a handler that raises #UD or #GP.
 * Depends only on *in and on what cpu->block_mode encodes.
 */
insn_exec_fn exec_bind(const struct x86_cpu *cpu, const struct insn *in);

/* The rooms' parts of it; NULL: not one of mine. */
insn_exec_fn integer_bind(const struct insn *in); /* exec/: data, branches */
insn_exec_fn string_bind(const struct insn *in);  /* exec/: strings, ports */
insn_exec_fn system_bind(const struct insn *in);  /* exec/system, segment/ */
insn_exec_fn fpu_bind(const struct insn *in); /* fpu/: x87, SSE, AVX, XSAVE */

/*
 * Delivers cpu->exception (after X86_FAULT, RIP put back to the instruction by
 * the caller unless .trap) or an external interrupt through the IDT, with
 * double and triple faults. X86_END, or X86_SHUTDOWN.
 */
int exception_deliver(struct x86_cpu *cpu);
int interrupt_deliver(struct x86_cpu *cpu, u8 vector);
int nmi_deliver(struct x86_cpu *cpu);

/* Register access by the byte offsets of struct insn. A 32-bit write clears
 * the upper half, narrower ones keep it. [SDM1 3.4.1.1] */
static inline void *gpr_at(struct x86_cpu *cpu, u32 offset)
{
	return (u8 *)cpu->gpr + offset;
}
static inline u64 gpr_read(struct x86_cpu *cpu, u32 offset, u32 op_size)
{
	switch (op_size) {
	case 0:
		return *(u8 *)gpr_at(cpu, offset);
	case 1:
		return *(u16 *)gpr_at(cpu, offset);
	case 2:
		return *(u32 *)gpr_at(cpu, offset);
	default:
		return *(u64 *)gpr_at(cpu, offset);
	}
}
static inline void gpr_write(struct x86_cpu *cpu, u32 offset, u32 op_size,
			     u64 value)
{
	switch (op_size) {
	case 0:
		*(u8 *)gpr_at(cpu, offset) = (u8)value;
		break;
	case 1:
		*(u16 *)gpr_at(cpu, offset) = (u16)value;
		break;
	case 2:
		*(u64 *)gpr_at(cpu, offset) = (u32)value;
		break;
	default:
		*(u64 *)gpr_at(cpu, offset) = value;
	}
}

#endif
