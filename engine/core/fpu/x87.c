/* SPDX-License-Identifier: MIT */
/*
 * x87 instructions that compute or move data, by the host's own.
 *
 * The whole guest image is loaded, the instruction runs with the guest's own
 * masks, and the image is stored again. Nothing can trap on the way: an
 * unmasked x87 exception is only recorded (FSW.ES) and delivered at the next
 * waiting instruction, and FXSAVE does not wait. So biased results of unmasked
 * overflow, untouched operands of unmasked invalid, C1, tags and all the rest
 * are the silicon's. What is not: FIP, FDP and FOP, which name the guest's
 * instruction here. [SDM1 8.1.8 "Last Instruction Opcode"]
 */
#include "engine/core/fpu/state.h"

/* Bytes of the memory operand by opcode - D8 and ModRM.reg; 0: not run here. */
static const u8 x87_bytes[8][8] = {
	{4, 4, 4, 4, 4, 4, 4, 4}, {4, 0, 4, 4, 0, 0, 0, 0},
	{4, 4, 4, 4, 4, 4, 4, 4}, {4, 4, 4, 4, 0, 10, 0, 10},
	{8, 8, 8, 8, 8, 8, 8, 8}, {8, 8, 8, 8, 0, 0, 0, 0},
	{2, 2, 2, 2, 2, 2, 2, 2}, {2, 2, 2, 2, 10, 8, 10, 8},
};

/* Of these, bit ModRM.reg: the ones that store. */
static const u8 x87_stores[8] = {0, 0x0c, 0, 0x8e, 0, 0x0e, 0, 0xce};

/* The exceptions that, unmasked, keep a store from being made. */
#define STORE_STOPPERS (FSW_EXCEPTIONS & ~0x20u)

static u32 x87_size(const struct insn *in)
{
	return x87_bytes[in->opcode & 7][in->modrm >> 3 & 7];
}

static bool x87_is_store(const struct insn *in)
{
	return x87_stores[in->opcode & 7] >> (in->modrm >> 3 & 7) & 1;
}

static int gate_waiting(struct x86_cpu *cpu)
{
	int rc = gate_x87(cpu);

	return rc ? rc : gate_pending(cpu);
}

static u64 guest_fip(const struct x86_cpu *cpu)
{
	u64 rip = insn_address(cpu);

	return cpu->code == CODE_64 ? rip : (u32)rip & address_mask[cpu->code];
}

/* Those that 64-bit mode ignores are noted as well. */
static void selectors_note(struct x86_cpu *cpu, const struct insn *in)
{
	cpu->fcs = cpu->seg[SEG_CS].selector;
	if (in->flags & INSN_MEM) {
		u32 seg = insn_fault_seg(in);

		cpu->fds = cpu->seg[seg == SEG_NONE ? SEG_DS : seg].selector;
	}
}

/* Runs it and puts the guest's pointers where the host's came back. */
static void x87_run(struct x86_cpu *cpu, const struct insn *in, void *memory)
{
	u64 fdp = *fx_u64(cpu, FX_FDP);
	u16 fop = *fx_u16(cpu, FX_FOP);
	u64 flags;

	flags = cpu->ops->fpu->x87(cpu->xsave.bytes, in->opcode, in->modrm,
				   memory, cpu->rflags);
	*fx_u64(cpu, FX_FIP) = guest_fip(cpu);
	if (cpu->vendor_amd || *fx_u16(cpu, FX_FSW) & FSW_ES) {
		fop = (u16)((in->opcode & 7) << 8 | in->modrm);
		if (in->flags & INSN_MEM)
			fdp = insn_offset(cpu, in);
	}
	if (cpu->vendor_amd)
		selectors_note(cpu, in);
	*fx_u64(cpu, FX_FDP) = fdp;
	*fx_u16(cpu, FX_FOP) = fop;
	if (insn_rows[in->row].flags_written)
		cpu->rflags = (cpu->rflags & ~(u64)FLAG_ARITH) | flags;
}

static int exec_x87_register(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_waiting(cpu);

	if (rc)
		return rc;
	if (!cpu->ops->fpu)
		return X86_UNHANDLED;
	x87_run(cpu, in, NULL);
	return X86_OK;
}

static int x87_read(struct x86_cpu *cpu, const struct insn *in, void *data)
{
	switch (x87_size(in)) {
	case 2:
		return operand_read(cpu, in, data, 2);
	case 4:
		return operand_read(cpu, in, data, 4);
	case 8:
		return operand_read(cpu, in, data, 8);
	default:
		return operand_read(cpu, in, data, 10);
	}
}

static int x87_write(struct x86_cpu *cpu, const struct insn *in,
		     const void *data)
{
	switch (x87_size(in)) {
	case 2:
		return operand_write(cpu, in, data, 2);
	case 4:
		return operand_write(cpu, in, data, 4);
	case 8:
		return operand_write(cpu, in, data, 8);
	default:
		return operand_write(cpu, in, data, 10);
	}
}

static int exec_x87_load(struct x86_cpu *cpu, const struct insn *in)
{
	u8 data[16] __attribute__((aligned(16)));
	int rc = gate_waiting(cpu);

	if (rc)
		return rc;
	if (!cpu->ops->fpu)
		return X86_UNHANDLED;
	rc = x87_read(cpu, in, data);
	if (rc)
		return rc;
	x87_run(cpu, in, data);
	return X86_OK;
}

/* The store may fault or wait for a device: the image then goes back. */
static int exec_x87_store(struct x86_cpu *cpu, const struct insn *in)
{
	u8 data[16] __attribute__((aligned(16)));
	u8 before[XSAVE_XMM];
	u16 fcw = *fx_u16(cpu, FX_FCW);
	u16 fsw = *fx_u16(cpu, FX_FSW);
	u64 rflags = cpu->rflags;
	u16 fresh;
	int rc = gate_waiting(cpu);

	if (rc)
		return rc;
	if (!cpu->ops->fpu)
		return X86_UNHANDLED;
	bytes_copy(before, cpu->xsave.bytes, XSAVE_XMM);
	x87_run(cpu, in, data);
	fresh = *fx_u16(cpu, FX_FSW) & (u16)~fsw;
	if (!(fresh & ~fcw & STORE_STOPPERS))
		rc = x87_write(cpu, in, data);
	else if (cpu->vendor_amd) /* the address is looked at all the same */
		rc = operand_probe(cpu, in, x87_size(in), true);
	if (rc) {
		bytes_copy(cpu->xsave.bytes, before, XSAVE_XMM);
		cpu->rflags = rflags;
	}
	return rc;
}

/* --- control --------------------------------------------------------------- */

static int exec_fwait(struct x86_cpu *cpu, const struct insn *in)
{
	u64 both = CR0_MP | CR0_TS;

	(void)in;
	if ((cpu->cr0 & both) == both)
		return raise_fault(cpu, VECTOR_NM);
	return gate_pending(cpu);
}

static int exec_fldcw(struct x86_cpu *cpu, const struct insn *in)
{
	u16 fcw;
	int rc = gate_waiting(cpu);

	if (!rc)
		rc = operand_read(cpu, in, &fcw, 2);
	if (rc)
		return rc;
	*fx_u16(cpu, FX_FCW) = (fcw & FCW_VALID) | FCW_FIXED;
	x87_update_es(cpu);
	return X86_OK;
}

static int exec_fnstcw(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_x87(cpu);

	return rc ? rc : operand_write(cpu, in, fx_u16(cpu, FX_FCW), 2);
}

static int exec_fnstsw(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_x87(cpu);

	if (rc)
		return rc;
	if (in->flags & INSN_MEM)
		return operand_write(cpu, in, fx_u16(cpu, FX_FSW), 2);
	*(u16 *)(void *)&cpu->gpr[RAX] = *fx_u16(cpu, FX_FSW);
	return X86_OK;
}

static int exec_fnclex(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_x87(cpu);

	(void)in;
	if (!rc)
		*fx_u16(cpu, FX_FSW) &=
			(u16) ~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
	return rc;
}

static int exec_fninit(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_x87(cpu);

	(void)in;
	if (rc)
		return rc;
	x87_reinit(cpu);
	return X86_OK;
}

static insn_exec_fn control_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_FWAIT:
		return exec_fwait;
	case INSN_FLDCW:
		return exec_fldcw;
	case INSN_FNSTCW:
		return exec_fnstcw;
	case INSN_FNSTSW:
		return exec_fnstsw;
	case INSN_FNCLEX:
		return exec_fnclex;
	case INSN_FNINIT:
		return exec_fninit;
	case INSN_FNSTENV:
	case INSN_FLDENV:
	case INSN_FNSAVE:
	case INSN_FRSTOR:
		return x87_env_bind(in);
	default:
		return NULL;
	}
}

/* FNENI, FNDISI, FNSETPM: nothing happens, and they do not wait. */
static int exec_nothing(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return gate_x87(cpu);
}

insn_exec_fn x87_bind(const struct insn *in)
{
	insn_exec_fn fn;

	if (!(insn_rows[in->row].attr & ROW_X87))
		return NULL;
	fn = control_bind(in);
	if (fn)
		return fn;
	if (in->opcode == 0xdb && (in->modrm & 0xf8) == 0xe0)
		return exec_nothing;
	if (!(in->flags & INSN_MEM))
		return exec_x87_register;
	return x87_is_store(in) ? exec_x87_store : exec_x87_load;
}
