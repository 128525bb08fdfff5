/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints and single-stepping.
 * [SDM3 17.2.4 "Debug Control Register (DR7)"], [SDM3 17.3.1 "Debug Exception
 * (#DB)—Interrupt Vector 1"]
 */
#include "engine/core/exception/exception.h"

#include <linux/kvm.h>

#include "engine/core/decode/id.h"

enum { BREAK_CODE = 0, BREAK_WRITE = 1, BREAK_IO = 2, BREAK_ACCESS = 3 };

static bool debugger_wants(const struct x86_cpu *cpu, u32 what)
{
	return (cpu->debug_guest & KVM_GUESTDBG_ENABLE) &&
	       (cpu->debug_guest & what);
}

const u64 *debug_registers(const struct x86_cpu *cpu, u64 *ret_dr7)
{
	bool debugger = debugger_wants(cpu, KVM_GUESTDBG_USE_HW_BP);

	*ret_dr7 = debugger ? cpu->debug_dr7 : cpu->dr7;
	return debugger ? cpu->debug_dr : cpu->dr;
}

static u32 break_kind(u64 dr7, u32 n)
{
	return (u32)(dr7 >> (16 + 4 * n)) & 3;
}

/* LEN: 00b 1, 01b 2, 10b 8, 11b 4 bytes. */
static u32 break_bytes(u64 dr7, u32 n)
{
	static const u8 bytes[4] = {1, 2, 8, 4};

	return bytes[dr7 >> (18 + 4 * n) & 3];
}

/* The enabled ones of these kinds whose range meets [first, first+size). */
static u64 match(const struct x86_cpu *cpu, u32 kinds, u64 first, u32 size)
{
	u64 dr7;
	const u64 *dr = debug_registers(cpu, &dr7);
	u64 bits = 0;

	if (likely(!(dr7 & 0xff)))
		return 0;
	for (u32 n = 0; n < 4; n++) {
		u32 bytes = break_bytes(dr7, n);
		u64 start = dr[n] & ~(u64)(bytes - 1);

		if (!(dr7 >> (2 * n) & 3) || !(kinds >> break_kind(dr7, n) & 1))
			continue;
		if (first - start < bytes || start - first < size)
			bits |= BIT(n);
	}
	return bits;
}

u64 debug_code_match(const struct x86_cpu *cpu, gva_t linear)
{
	if (cpu->rflags & RFLAGS_RF)
		return 0;
	return match(cpu, BIT(BREAK_CODE), linear, 1);
}

u64 debug_data_match(const struct x86_cpu *cpu, gva_t linear, u32 size,
		     bool write)
{
	u32 kinds = BIT(BREAK_ACCESS) | (write ? BIT(BREAK_WRITE) : 0);

	return match(cpu, kinds, linear, size);
}

u64 debug_io_match(const struct x86_cpu *cpu, u16 port, u32 size)
{
	if (!(cpu->cr4 & CR4_DE))
		return 0;
	return match(cpu, BIT(BREAK_IO), port, size);
}

static void note_match(struct x86_cpu *cpu, u64 bits)
{
	if (likely(!bits))
		return;
	cpu->pending_db |= bits;
	cpu->stop |= STOP_DEBUG;
}

void debug_data_access(struct x86_cpu *cpu, gva_t linear, u32 size, bool write)
{
	note_match(cpu, debug_data_match(cpu, linear, size, write));
}

void debug_io_access(struct x86_cpu *cpu, u16 port, u32 size)
{
	note_match(cpu, debug_io_match(cpu, port, size));
}

int debug_step_begin(struct x86_cpu *cpu, struct debug_step *ret_step)
{
	u64 linear = (cpu->segment_base[SEG_CS] + RIP(cpu)) & cpu->linear_mask;
	u64 bits;

	ret_step->rflags = cpu->rflags;
	ret_step->pending = cpu->pending_db;
	ret_step->shadow = cpu->shadow;
	cpu->shadow = 0;
	/* A MOV SS holds instruction breakpoints back as well. */
	if (ret_step->shadow & SHADOW_MOV_SS)
		return X86_OK;
	bits = cpu->pending_db;
	cpu->pending_db = 0;
	if (bits)
		return debug_raise(cpu, bits, true);
	bits = debug_code_match(cpu, linear);
	return bits ? debug_raise(cpu, bits, false) : X86_OK;
}

/* SYSCALL and SYSRET look at the flags they leave, all others at those they
 * found, and INT does not trap. [APM2 6.1.1 "SYSCALL and SYSRET"] */
static bool step_due(const struct x86_cpu *cpu, const struct debug_step *step,
		     const struct insn *in)
{
	bool late = in->id == INSN_SYSCALL || in->id == INSN_SYSRET;
	u64 rflags = late ? cpu->rflags : step->rflags;

	return (rflags & RFLAGS_TF) ||
	       debugger_wants(cpu, KVM_GUESTDBG_SINGLESTEP);
}

static bool finished(int rc)
{
	return rc == X86_OK || rc == X86_BRANCH || rc == X86_END ||
	       rc == X86_HALT || rc == X86_REPEAT;
}

static int step_traps(struct x86_cpu *cpu, const struct debug_step *step,
		      const struct insn *in, int rc)
{
	u64 bits;

	if (rc == X86_REPEAT) /* the breakpoint on it has been seen */
		cpu->rflags |= RFLAGS_RF;
	else if (in->id != INSN_IRET)
		cpu->rflags &= ~RFLAGS_RF;
	if (step_due(cpu, step, in))
		cpu->pending_db |= DR6_BS;
	if (cpu->shadow & SHADOW_MOV_SS)
		return rc;
	bits = cpu->pending_db;
	cpu->pending_db = 0;
	return bits ? debug_raise(cpu, bits, true) : rc;
}

int debug_step_end(struct x86_cpu *cpu, const struct debug_step *step,
		   const struct insn *in, int rc)
{
	if (rc == X86_NEED || rc == X86_EXIT) { /* it will be run again */
		cpu->shadow = step->shadow;
		cpu->pending_db = step->pending;
		return rc;
	}
	if (rc == X86_FAULT && !cpu->exception.software)
		cpu->pending_db = 0;
	if (finished(rc))
		rc = step_traps(cpu, step, in, rc);
	x86_mode_update(cpu);
	return rc;
}
