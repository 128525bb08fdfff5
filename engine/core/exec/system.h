/* SPDX-License-Identifier: MIT */
/*
 * The handlers of system instructions, by file; all are insn_exec_fn and are
 * chosen by system_bind() from the instruction's id alone. Gates by CPUID, by
 * ROW_PROT_ONLY and by ROW_PRIV have been passed when one runs.
 */
#ifndef ENGINE_CORE_EXEC_SYSTEM_H
#define ENGINE_CORE_EXEC_SYSTEM_H

#include "engine/core/exec/exec.h"

/* system_control.c: control and debug registers */
int insn_mov_from_cr(struct x86_cpu *cpu, const struct insn *in);
int insn_mov_to_cr(struct x86_cpu *cpu, const struct insn *in);
int insn_mov_from_dr(struct x86_cpu *cpu, const struct insn *in);
int insn_mov_to_dr(struct x86_cpu *cpu, const struct insn *in);
int insn_clts(struct x86_cpu *cpu, const struct insn *in);
int insn_lmsw(struct x86_cpu *cpu, const struct insn *in);
int insn_smsw(struct x86_cpu *cpu, const struct insn *in);
int insn_xgetbv(struct x86_cpu *cpu, const struct insn *in);
int insn_xsetbv(struct x86_cpu *cpu, const struct insn *in);

/* system_flags.c */
int insn_cli(struct x86_cpu *cpu, const struct insn *in);
int insn_sti(struct x86_cpu *cpu, const struct insn *in);
int insn_pushf(struct x86_cpu *cpu, const struct insn *in);
int insn_popf(struct x86_cpu *cpu, const struct insn *in);
int insn_clac(struct x86_cpu *cpu, const struct insn *in);
int insn_stac(struct x86_cpu *cpu, const struct insn *in);

/* system_segment.c: selectors and descriptor tables */
int insn_mov_to_seg(struct x86_cpu *cpu, const struct insn *in);
int insn_mov_from_seg(struct x86_cpu *cpu, const struct insn *in);
int insn_push_seg(struct x86_cpu *cpu, const struct insn *in);
int insn_pop_seg(struct x86_cpu *cpu, const struct insn *in);
int insn_load_far_pointer(struct x86_cpu *cpu, const struct insn *in);
int insn_lar(struct x86_cpu *cpu, const struct insn *in);
int insn_lsl(struct x86_cpu *cpu, const struct insn *in);
int insn_verr(struct x86_cpu *cpu, const struct insn *in);
int insn_verw(struct x86_cpu *cpu, const struct insn *in);
int insn_arpl(struct x86_cpu *cpu, const struct insn *in);
int insn_lgdt(struct x86_cpu *cpu, const struct insn *in);
int insn_lidt(struct x86_cpu *cpu, const struct insn *in);
int insn_sgdt(struct x86_cpu *cpu, const struct insn *in);
int insn_sidt(struct x86_cpu *cpu, const struct insn *in);
int insn_lldt(struct x86_cpu *cpu, const struct insn *in);
int insn_ltr(struct x86_cpu *cpu, const struct insn *in);
int insn_sldt(struct x86_cpu *cpu, const struct insn *in);
int insn_str(struct x86_cpu *cpu, const struct insn *in);
int insn_swapgs(struct x86_cpu *cpu, const struct insn *in);
int insn_rdfsbase(struct x86_cpu *cpu, const struct insn *in);
int insn_rdgsbase(struct x86_cpu *cpu, const struct insn *in);
int insn_wrfsbase(struct x86_cpu *cpu, const struct insn *in);
int insn_wrgsbase(struct x86_cpu *cpu, const struct insn *in);

/* system_transfer.c: far transfers, interrupts, fast system calls */
int insn_jmp_far_imm(struct x86_cpu *cpu, const struct insn *in);
int insn_jmp_far_mem(struct x86_cpu *cpu, const struct insn *in);
int insn_call_far_imm(struct x86_cpu *cpu, const struct insn *in);
int insn_call_far_mem(struct x86_cpu *cpu, const struct insn *in);
int insn_ret_far(struct x86_cpu *cpu, const struct insn *in);
int insn_iret(struct x86_cpu *cpu, const struct insn *in);
int insn_int(struct x86_cpu *cpu, const struct insn *in);
int insn_int1(struct x86_cpu *cpu, const struct insn *in);
int insn_int3(struct x86_cpu *cpu, const struct insn *in);
int insn_into(struct x86_cpu *cpu, const struct insn *in);
int insn_bound(struct x86_cpu *cpu, const struct insn *in);
int insn_syscall(struct x86_cpu *cpu, const struct insn *in);
int insn_sysret(struct x86_cpu *cpu, const struct insn *in);
int insn_sysenter(struct x86_cpu *cpu, const struct insn *in);
int insn_sysexit(struct x86_cpu *cpu, const struct insn *in);

/* system_misc.c: counters, MSRs, caches, and what does nothing here */
int insn_nothing(struct x86_cpu *cpu, const struct insn *in);
int insn_undefined(struct x86_cpu *cpu, const struct insn *in);
int insn_hlt(struct x86_cpu *cpu, const struct insn *in);
int insn_cpuid(struct x86_cpu *cpu, const struct insn *in);
int insn_rdmsr(struct x86_cpu *cpu, const struct insn *in);
int insn_wrmsr(struct x86_cpu *cpu, const struct insn *in);
int insn_rdtsc(struct x86_cpu *cpu, const struct insn *in);
int insn_rdtscp(struct x86_cpu *cpu, const struct insn *in);
int insn_rdpid(struct x86_cpu *cpu, const struct insn *in);
int insn_rdpmc(struct x86_cpu *cpu, const struct insn *in);
int insn_random(struct x86_cpu *cpu, const struct insn *in);
int insn_hypercall(struct x86_cpu *cpu, const struct insn *in);
int insn_invlpg(struct x86_cpu *cpu, const struct insn *in);
int insn_invpcid(struct x86_cpu *cpu, const struct insn *in);
int insn_clflush(struct x86_cpu *cpu, const struct insn *in);
int insn_fence(struct x86_cpu *cpu, const struct insn *in);
/* Of serializing instructions: the stores before are seen before any load
 * after. [SDM3 8.3 "Serializing Instructions"] */
static inline void insn_serialize(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
int insn_monitor(struct x86_cpu *cpu, const struct insn *in);
int insn_mwait(struct x86_cpu *cpu, const struct insn *in);
int insn_movdiri(struct x86_cpu *cpu, const struct insn *in);
int insn_movdir64b(struct x86_cpu *cpu, const struct insn *in);

/* CR4.UMIP: SGDT, SIDT, SLDT, STR, SMSW belong to the supervisor. */
static inline bool umip_forbids(const struct x86_cpu *cpu)
{
	return (cpu->cr4 & CR4_UMIP) && cpu->cpl != 0 && protected_mode(cpu);
}

/* A 16-bit source, register or memory. */
int source_read16(struct x86_cpu *cpu, const struct insn *in, u16 *ret);
/* One of two values of `size` (2 or 4) bytes that make the operand. */
int operand_read_half(struct x86_cpu *cpu, const struct insn *in, u32 size,
		      u32 half, u64 *ret);
/* The width of a far pointer's offset; AMD knows none of 64 bits. */
u32 pointer_bytes(const struct x86_cpu *cpu, const struct insn *in);
/* A far pointer: offset of `size` bytes (2, 4, 8), then the selector. */
int operand_read_pointer(struct x86_cpu *cpu, const struct insn *in, u32 size,
			 u64 ret[2]);
/* Stores a word to memory, or zero-extended to a register. */
int dest_write16(struct x86_cpu *cpu, const struct insn *in, u64 value);

#endif
