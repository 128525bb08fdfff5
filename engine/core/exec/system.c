/* SPDX-License-Identifier: MIT */
/* Which handler runs which system instruction. */
#include "engine/core/exec/system.h"

#include "engine/core/decode/id.h"
#include "engine/core/paging/mem.h"

static const insn_exec_fn handlers[INSN_COUNT] = {
	[INSN_MOV_FROM_CR] = insn_mov_from_cr,
	[INSN_MOV_TO_CR] = insn_mov_to_cr,
	[INSN_MOV_FROM_DR] = insn_mov_from_dr,
	[INSN_MOV_TO_DR] = insn_mov_to_dr,
	[INSN_CLTS] = insn_clts,
	[INSN_LMSW] = insn_lmsw,
	[INSN_SMSW] = insn_smsw,
	[INSN_XGETBV] = insn_xgetbv,
	[INSN_XSETBV] = insn_xsetbv,

	[INSN_CLI] = insn_cli,
	[INSN_STI] = insn_sti,
	[INSN_PUSHF] = insn_pushf,
	[INSN_POPF] = insn_popf,
	[INSN_CLAC] = insn_clac,
	[INSN_STAC] = insn_stac,

	[INSN_MOV_TO_SEG] = insn_mov_to_seg,
	[INSN_MOV_FROM_SEG] = insn_mov_from_seg,
	[INSN_PUSH_SEG] = insn_push_seg,
	[INSN_POP_SEG] = insn_pop_seg,
	[INSN_LES] = insn_load_far_pointer,
	[INSN_LDS] = insn_load_far_pointer,
	[INSN_LSS] = insn_load_far_pointer,
	[INSN_LFS] = insn_load_far_pointer,
	[INSN_LGS] = insn_load_far_pointer,
	[INSN_LAR] = insn_lar,
	[INSN_LSL] = insn_lsl,
	[INSN_VERR] = insn_verr,
	[INSN_VERW] = insn_verw,
	[INSN_ARPL] = insn_arpl,
	[INSN_LGDT] = insn_lgdt,
	[INSN_LIDT] = insn_lidt,
	[INSN_SGDT] = insn_sgdt,
	[INSN_SIDT] = insn_sidt,
	[INSN_LLDT] = insn_lldt,
	[INSN_LTR] = insn_ltr,
	[INSN_SLDT] = insn_sldt,
	[INSN_STR] = insn_str,
	[INSN_SWAPGS] = insn_swapgs,
	[INSN_RDFSBASE] = insn_rdfsbase,
	[INSN_RDGSBASE] = insn_rdgsbase,
	[INSN_WRFSBASE] = insn_wrfsbase,
	[INSN_WRGSBASE] = insn_wrgsbase,

	[INSN_JMP_FAR_IMM] = insn_jmp_far_imm,
	[INSN_JMP_FAR_MEM] = insn_jmp_far_mem,
	[INSN_CALL_FAR_IMM] = insn_call_far_imm,
	[INSN_CALL_FAR_MEM] = insn_call_far_mem,
	[INSN_RET_FAR] = insn_ret_far,
	[INSN_IRET] = insn_iret,
	[INSN_INT] = insn_int,
	[INSN_INT1] = insn_int1,
	[INSN_INT3] = insn_int3,
	[INSN_INTO] = insn_into,
	[INSN_BOUND] = insn_bound,
	[INSN_SYSCALL] = insn_syscall,
	[INSN_SYSRET] = insn_sysret,
	[INSN_SYSENTER] = insn_sysenter,
	[INSN_SYSEXIT] = insn_sysexit,

	[INSN_HLT] = insn_hlt,
	[INSN_CPUID] = insn_cpuid,
	[INSN_RDMSR] = insn_rdmsr,
	[INSN_WRMSR] = insn_wrmsr,
	[INSN_RDTSC] = insn_rdtsc,
	[INSN_RDTSCP] = insn_rdtscp,
	[INSN_RDPID] = insn_rdpid,
	[INSN_RDPMC] = insn_rdpmc,
	[INSN_RDRAND] = insn_random,
	[INSN_RDSEED] = insn_random,
	[INSN_VMCALL] = insn_hypercall,
	[INSN_VMMCALL] = insn_hypercall,
	[INSN_INVLPG] = insn_invlpg,
	[INSN_INVPCID] = insn_invpcid,
	[INSN_CLFLUSH] = insn_clflush,
	[INSN_CLFLUSHOPT] = insn_clflush,
	[INSN_CLWB] = insn_clflush,
	[INSN_LFENCE] = insn_fence,
	[INSN_MFENCE] = insn_fence,
	[INSN_SFENCE] = insn_fence,
	[INSN_SERIALIZE] = insn_fence,
	[INSN_MONITOR] = insn_monitor,
	[INSN_MWAIT] = insn_mwait,
	[INSN_MOVDIRI] = insn_movdiri,
	[INSN_MOVDIR64B] = insn_movdir64b,
	/* Caches are coherent and nobody can see them being flushed. */
	[INSN_INVD] = insn_nothing,
	[INSN_WBINVD] = insn_nothing,
	[INSN_WBNOINVD] = insn_nothing,
	[INSN_PAUSE] = insn_nothing,
	[INSN_PREFETCHNTA] = insn_nothing,
	[INSN_PREFETCHT0] = insn_nothing,
	[INSN_PREFETCHT1] = insn_nothing,
	[INSN_PREFETCHT2] = insn_nothing,
	[INSN_PREFETCHW] = insn_nothing,
	/* There is no system-management mode to leave. */
	[INSN_RSM] = insn_undefined,
	[INSN_UD] = insn_undefined,
};

insn_exec_fn system_bind(const struct insn *in)
{
	return in->id < INSN_COUNT ? handlers[in->id] : NULL;
}

int source_read16(struct x86_cpu *cpu, const struct insn *in, u16 *ret)
{
	if (in->flags & INSN_MEM)
		return operand_read(cpu, in, ret, 2);
	*ret = (u16)gpr_read(cpu, in->rm_off, 1);
	return X86_OK;
}

int operand_read_half(struct x86_cpu *cpu, const struct insn *in, u32 size,
		      u32 half, u64 *ret)
{
	u64 at = (insn_offset(cpu, in) + half * size) &
		 address_mask[in->addr_size];
	u32 fault_seg = insn_fault_seg(in);

	*ret = 0;
	return size == 2 ? segment_read(cpu, in->seg, at, ret, 2, fault_seg)
			 : segment_read(cpu, in->seg, at, ret, 4, fault_seg);
}

/* AMD's way: the offset of four bytes, then the selector. */
static int pointer_read_parts(struct x86_cpu *cpu, const struct insn *in,
			      u64 ret[2])
{
	u64 at = (insn_offset(cpu, in) + 4) & address_mask[in->addr_size];
	int rc = operand_read_half(cpu, in, 4, 0, &ret[0]);

	return rc ? rc
		  : segment_read(cpu, in->seg, at, &ret[1], 2,
				 insn_fault_seg(in));
}

int operand_read_pointer(struct x86_cpu *cpu, const struct insn *in, u32 size,
			 u64 ret[2])
{
	u8 pointer[10];
	int rc;

	if (size == 2) {
		rc = operand_read_half(cpu, in, 2, 0, &ret[0]);
		return rc ? rc : operand_read_half(cpu, in, 2, 1, &ret[1]);
	}
	ret[0] = 0;
	ret[1] = 0;
	if (cpu->vendor_amd)
		return pointer_read_parts(cpu, in, ret);
	if (size == 8)
		rc = operand_read(cpu, in, pointer, 10);
	else
		rc = operand_read(cpu, in, pointer, 6);
	if (rc)
		return rc;
	__builtin_memcpy(&ret[0], pointer, size);
	__builtin_memcpy(&ret[1], pointer + size, 2);
	return X86_OK;
}

int dest_write16(struct x86_cpu *cpu, const struct insn *in, u64 value)
{
	u16 word = (u16)value;

	if (in->flags & INSN_MEM)
		return operand_write(cpu, in, &word, 2);
	gpr_write(cpu, in->rm_off, in->op_size, value);
	return X86_OK;
}
