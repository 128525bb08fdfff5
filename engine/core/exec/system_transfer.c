/* SPDX-License-Identifier: MIT */
/*
 * Far transfers, software interrupts and the fast system calls.
 * [SDM3 5.8.7 "Performing Fast Calls to System Procedures with the SYSENTER and
 * SYSEXIT Instructions"], [APM2 6.1 "Fast System Call and Return"]
 *
 * Vendors differ: AMD has SYSCALL outside 64-bit mode, Intel has SYSENTER in
 * long mode; Intel checks SYSRET's RCX at CPL 0, AMD faults at the target; AMD's
 * SYSRET loads SS's selector only.
 */
#include "engine/core/exec/system.h"

#include <linux/kvm.h>

#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/core/segment/segment.h"

/* --- far transfers --- */

u32 pointer_bytes(const struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = 1u << in->op_size;

	return bytes == 8 && cpu->vendor_amd ? 4 : bytes;
}

static int far_pointer_read(struct x86_cpu *cpu, const struct insn *in,
			    u16 *ret_selector, u64 *ret_offset)
{
	u64 pointer[2];
	int rc = operand_read_pointer(cpu, in, pointer_bytes(cpu, in), pointer);

	if (rc)
		return rc;
	*ret_offset = pointer[0];
	*ret_selector = (u16)pointer[1];
	return X86_OK;
}

/* imm: offset in bits 0-31, selector in 32-47 */
static u64 imm_offset(const struct insn *in)
{
	return in->op_size == 1 ? in->imm & 0xffff : in->imm & 0xffffffff;
}

int insn_jmp_far_imm(struct x86_cpu *cpu, const struct insn *in)
{
	return far_jump(cpu, (u16)(in->imm >> 32), imm_offset(in));
}

int insn_call_far_imm(struct x86_cpu *cpu, const struct insn *in)
{
	return far_call(cpu, (u16)(in->imm >> 32), imm_offset(in),
			1u << in->op_size);
}

int insn_jmp_far_mem(struct x86_cpu *cpu, const struct insn *in)
{
	u16 selector = 0;
	u64 offset = 0;
	int rc = far_pointer_read(cpu, in, &selector, &offset);

	return rc ? rc : far_jump(cpu, selector, offset);
}

int insn_call_far_mem(struct x86_cpu *cpu, const struct insn *in)
{
	u16 selector = 0;
	u64 offset = 0;
	int rc = far_pointer_read(cpu, in, &selector, &offset);

	return rc ? rc : far_call(cpu, selector, offset, 1u << in->op_size);
}

/* CA has an immediate, CB has not. */
int insn_ret_far(struct x86_cpu *cpu, const struct insn *in)
{
	u32 release = in->opcode == 0xca ? (u16)in->imm : 0;

	return far_return(cpu, 1u << in->op_size, release);
}

int insn_iret(struct x86_cpu *cpu, const struct insn *in)
{
	insn_serialize();
	return far_iret(cpu, 1u << in->op_size);
}

/* --- software interrupts --- */

static int raise_software(struct x86_cpu *cpu, u8 vector)
{
	cpu->exception = (struct x86_exception){
		.vector = vector, .software = true, .trap = true};
	return X86_FAULT;
}

int insn_int(struct x86_cpu *cpu, const struct insn *in)
{
	u64 iopl = cpu->rflags & RFLAGS_IOPL;

	if ((cpu->rflags & RFLAGS_VM) && iopl != RFLAGS_IOPL)
		return raise_gp0(cpu);
	return raise_software(cpu, (u8)in->imm);
}

/* A debugger's own breakpoints look like this: they never reach the guest. */
int insn_int3(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if ((cpu->debug_guest & KVM_GUESTDBG_ENABLE) &&
	    (cpu->debug_guest & KVM_GUESTDBG_USE_SW_BP)) {
		cpu->exit = (struct x86_exit){.kind = X86_EXIT_DEBUG,
					      .vector = VECTOR_BP};
		return X86_EXIT;
	}
	return raise_software(cpu, VECTOR_BP);
}

int insn_into(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (!(cpu->rflags & RFLAGS_OF))
		return X86_OK;
	return raise_software(cpu, VECTOR_OF);
}

int insn_int1(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	cpu->exception = (struct x86_exception){
		.vector = VECTOR_DB, .int1 = true, .trap = true};
	return X86_FAULT;
}

static s64 signed_value(u64 value, u32 op_size)
{
	return op_size == 1 ? (s16)value : (s32)value;
}

int insn_bound(struct x86_cpu *cpu, const struct insn *in)
{
	s64 index = signed_value(gpr_read(cpu, in->reg_off, in->op_size),
				 in->op_size);
	u64 lower = 0, upper = 0;
	int rc = operand_read_half(cpu, in, 1u << in->op_size, 0, &lower);
	bool below = index < signed_value(lower, in->op_size);

	if (!rc && (cpu->vendor_amd || !below)) /* Intel reads it if it must */
		rc = operand_read_half(cpu, in, 1u << in->op_size, 1, &upper);
	if (!rc && (below || index > signed_value(upper, in->op_size)))
		rc = raise_fault(cpu, VECTOR_BR);
	return rc;
}

/* --- SYSCALL, SYSRET, SYSENTER, SYSEXIT --- */

enum flat_width { FLAT_32, FLAT_64 };

/* CS and SS as these instructions load them: flat, not from a table. */
static void flat_code(struct x86_cpu *cpu, u16 selector, u32 dpl,
		      enum flat_width width)
{
	cpu->seg[SEG_CS] = (struct x86_segment){
		.limit = 0xffffffff,
		.attr = SEG_P | SEG_S | SEG_CODE | SEG_RW | SEG_ACCESSED |
			SEG_G | dpl << SEG_DPL_SHIFT |
			(width == FLAT_64 ? SEG_L : SEG_DB),
		.selector = selector};
}

static void flat_stack(struct x86_cpu *cpu, u16 selector, u32 dpl)
{
	cpu->seg[SEG_SS] = (struct x86_segment){
		.limit = 0xffffffff,
		.attr = SEG_P | SEG_S | SEG_RW | SEG_ACCESSED | SEG_G | SEG_DB |
			dpl << SEG_DPL_SHIFT,
		.selector = selector};
}

/* May SYSCALL and SYSRET be used in this mode? */
static bool syscall_exists(const struct x86_cpu *cpu)
{
	if (!(cpu->efer & EFER_SCE) || !protected_mode(cpu))
		return false;
	return cpu->code == CODE_64 || cpu->vendor_amd;
}

int insn_syscall(struct x86_cpu *cpu, const struct insn *in)
{
	u16 selector = (u16)(cpu->msr.star >> 32) & 0xfffc;
	u64 rflags = cpu->rflags & ~RFLAGS_RF;
	u64 target;

	(void)in;
	if (!syscall_exists(cpu))
		return raise_ud(cpu);
	if (cpu->long_mode) {
		target = cpu->code == CODE_64 ? cpu->msr.lstar : cpu->msr.cstar;
		cpu->gpr[RCX] = RIP(cpu);
		cpu->gpr[R11] = rflags;
		cpu->rflags = (rflags & ~cpu->msr.sfmask) | RFLAGS_FIXED;
	} else {
		target = (u32)cpu->msr.star;
		cpu->gpr[RCX] = (u32)RIP(cpu);
		cpu->rflags = rflags & ~(RFLAGS_IF | RFLAGS_VM);
	}
	flat_code(cpu, selector, 0, cpu->long_mode ? FLAT_64 : FLAT_32);
	flat_stack(cpu, (u16)(selector + 8), 0);
	RIP(cpu) = target;
	x86_transfer_update(cpu);
	return X86_END;
}

/* The flags that SYSRET takes from R11: all defined ones but RF and VM. */
#define SYSRET_FLAGS 0x3c7fd7ull

static void sysret_stack(struct x86_cpu *cpu, u16 selector)
{
	struct x86_segment *ss = &cpu->seg[SEG_SS];

	if (!cpu->vendor_amd) {
		flat_stack(cpu, selector, 3);
		return;
	}
	/* AMD leaves the rest of SS alone; the DPL is where we keep CPL. */
	ss->selector = selector;
	ss->attr |= SEG_DPL;
}

int insn_sysret(struct x86_cpu *cpu, const struct insn *in)
{
	bool wide = in->op_size == 3;
	u16 selector = (u16)(cpu->msr.star >> 48);
	u64 target = wide ? cpu->gpr[RCX] : (u32)cpu->gpr[RCX];

	if (!syscall_exists(cpu))
		return raise_ud(cpu);
	if (cpu->cpl != 0)
		return raise_gp0(cpu);
	if (!cpu->vendor_amd && !address_canonical(cpu, target))
		return raise_gp0(cpu);
	if (cpu->long_mode)
		cpu->rflags = (cpu->gpr[R11] & SYSRET_FLAGS) | RFLAGS_FIXED;
	else
		cpu->rflags |= RFLAGS_IF;
	flat_code(cpu, (u16)((selector + (wide ? 16u : 0u)) | 3), 3,
		  wide ? FLAT_64 : FLAT_32);
	sysret_stack(cpu, (u16)((selector + 8u) | 3));
	/* A TF that it restores traps at once, before the next instruction. */
	if (cpu->long_mode && (cpu->rflags & RFLAGS_TF))
		cpu->pending_db |= DR6_BS;
	RIP(cpu) = target;
	x86_transfer_update(cpu);
	return X86_END;
}

/* SYSENTER and SYSEXIT: X86_OK when they may run here. */
static int sysenter_check(struct x86_cpu *cpu)
{
	if (cpu->long_mode && cpu->vendor_amd)
		return raise_ud(cpu);
	if (!(cpu->cr0 & CR0_PE) || selector_null((u16)cpu->msr.sysenter_cs))
		return raise_gp0(cpu);
	return X86_OK;
}

int insn_sysenter(struct x86_cpu *cpu, const struct insn *in)
{
	u16 selector = cpu->msr.sysenter_cs & 0xfffc;
	u64 mask = cpu->long_mode ? ~0ull : 0xffffffff;
	int rc = sysenter_check(cpu);

	(void)in;
	if (rc)
		return rc;
	cpu->rflags &= ~(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
	flat_code(cpu, selector, 0, cpu->long_mode ? FLAT_64 : FLAT_32);
	flat_stack(cpu, (u16)(selector + 8), 0);
	cpu->gpr[RSP] = cpu->msr.sysenter_esp & mask;
	RIP(cpu) = cpu->msr.sysenter_eip & mask;
	x86_mode_update(cpu);
	return X86_END;
}

int insn_sysexit(struct x86_cpu *cpu, const struct insn *in)
{
	bool wide = in->op_size == 3;
	u64 mask = wide ? ~0ull : 0xffffffff;
	u64 rip = cpu->gpr[RDX] & mask, rsp = cpu->gpr[RCX] & mask;
	u16 selector = cpu->msr.sysenter_cs & 0xfffc;
	int rc = sysenter_check(cpu);

	if (rc)
		return rc;
	if (cpu->cpl != 0 || !protected_mode(cpu))
		return raise_gp0(cpu);
	if (wide &&
	    (!address_canonical(cpu, rip) || !address_canonical(cpu, rsp)))
		return raise_gp0(cpu);
	selector = (u16)(selector + (wide ? 32 : 16));
	flat_code(cpu, selector | 3, 3, wide ? FLAT_64 : FLAT_32);
	flat_stack(cpu, (u16)(selector + 8) | 3, 3);
	cpu->gpr[RSP] = rsp;
	RIP(cpu) = rip;
	x86_mode_update(cpu);
	return X86_END;
}
