/* SPDX-License-Identifier: MIT */
/*
 * Debug registers and the stepping of single instructions. Raising stands in
 * x86.h, delivery in exec/exec.h. [SDM3 17.2 "Debug Registers"]
 *
 * While a debugger has set KVM_GUESTDBG_USE_HW_BP its breakpoints are in force
 * instead of the guest's, as under KVM.
 */
#ifndef ENGINE_CORE_EXCEPTION_EXCEPTION_H
#define ENGINE_CORE_EXCEPTION_EXCEPTION_H

#include "engine/core/x86.h"

#define DR6_TRAPS    0xfull /* B0..B3 */
#define DR6_BD	     BIT(13)
#define DR6_BS	     BIT(14)
#define DR6_BT	     BIT(15)
#define DR6_FIXED    0xffff0ff0ull
#define DR6_WRITABLE (DR6_TRAPS | DR6_BD | DR6_BS | DR6_BT)
#define DR7_FIXED    0x400ull
#define DR7_WRITABLE 0xffff23ffull
#define DR7_GD	     BIT(13)
#define DR7_LOCAL    0x155ull /* L0..L3, LE: cleared by a task switch */

/* The breakpoints in force: DR0..DR3 and DR7 of the debugger or the guest. */
const u64 *debug_registers(const struct x86_cpu *cpu, u64 *ret_dr7);

/* DR6 bits of enabled breakpoints that the event matches; 0: none. */
u64 debug_code_match(const struct x86_cpu *cpu, gva_t linear); /* RF: 0 */
u64 debug_data_match(const struct x86_cpu *cpu, gva_t linear, u32 size,
		     bool write);
u64 debug_io_match(const struct x86_cpu *cpu, u16 port, u32 size);

/* Notes matches in cpu->pending_db and sets STOP_DEBUG: the trap comes after
 * the instruction. */
void debug_data_access(struct x86_cpu *cpu, gva_t linear, u32 size, bool write);
void debug_io_access(struct x86_cpu *cpu, u16 port, u32 size);

/* Raises #DB with these DR6 bits; a trap's RIP is past its instruction. */
int debug_raise(struct x86_cpu *cpu, u64 bits, bool trap);

/*
 * The frame around one instruction while cpu->single_step is set.
 *
 *	rc = debug_step_begin(cpu, &step);    X86_OK, or X86_FAULT: a #DB fault
 *	rc = rc ? rc : run the instruction;
 *	rc = debug_step_end(cpu, &step, in, rc);
 *
 * begin takes the interrupt shadow out of cpu->shadow (interrupts were held
 * until now), raises a trap that is still due (cpu->pending_db, as after a task
 * switch) and looks for instruction breakpoints at CS:RIP. end drops RF,
 * gathers the single-step and breakpoint traps and turns a finished instruction
 * or REP portion into X86_FAULT with a trap #DB, unless the instruction itself
 * set a MOV SS shadow, which holds traps back by one instruction. After X86_NEED
 * and X86_EXIT everything is as before begin; what a faulting instruction
 * matched is forgotten.
 */
struct debug_step {
	u64 rflags;  /* before the instruction */
	u64 pending; /* cpu->pending_db, likewise */
	u8 shadow;   /* that covered it */
};

int debug_step_begin(struct x86_cpu *cpu, struct debug_step *ret_step);
int debug_step_end(struct x86_cpu *cpu, const struct debug_step *step,
		   const struct insn *in, int rc);

#endif
