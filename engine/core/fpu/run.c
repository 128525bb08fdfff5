/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions that compute, by the host's own instruction.
 *
 * The usual shapes (destination ModRM.reg, sources ModRM.rm and VEX.vvvv) have
 * handlers that hand the guest's registers to the host in place. Everything
 * else goes through run_any(), which reads the row's operand list.
 *
 * Floating point: the host runs with all exceptions masked and no flag set, so
 * it never traps; the flags that rose are then held against the guest's masks.
 * An unmasked one makes the instruction fault with its result discarded. What
 * MXCSR then shows follows [SDM1 11.5.2 "SIMD Floating-Point Exception
 * Conditions"] and current Intel parts: an unmasked invalid, denormal or
 * divide-by-zero is found before anything is rounded, so overflow, underflow
 * and inexact of other elements stay unset.
 *
 * Unmasked underflow is raised for every tiny result, masked underflow only for
 * the inexact ones. A second run with flush-to-zero set finds the former: it
 * raises UE for each tiny result. (Flush-to-zero itself does nothing while
 * underflow is unmasked. [SDM1 10.2.3.3])
 */
#include "engine/core/fpu/run.h"

#include "engine/core/fpu/state.h"

enum place { AT_NONE, AT_REG, AT_RM, AT_VVVV, AT_IS4, AT_IMM, AT_XMM0 };
enum file { FILE_NONE, FILE_VEC, FILE_MMX, FILE_GPR };

struct kind {
	u8 place;  /* enum place */
	u8 file;   /* enum file */
	bool full; /* 256 bits when VEX.L is 1 */
};

static const struct kind kinds[OP_COUNT] = {
	[OP_Ed] = {AT_RM, FILE_GPR, false},
	[OP_Eq] = {AT_RM, FILE_GPR, false},
	[OP_Ey] = {AT_RM, FILE_GPR, false},
	[OP_RdMb] = {AT_RM, FILE_GPR, false},
	[OP_RdMw] = {AT_RM, FILE_GPR, false},
	[OP_Gd] = {AT_REG, FILE_GPR, false},
	[OP_Gq] = {AT_REG, FILE_GPR, false},
	[OP_Gy] = {AT_REG, FILE_GPR, false},
	[OP_Ib] = {AT_IMM, FILE_NONE, false},
	[OP_Pq] = {AT_REG, FILE_MMX, false},
	[OP_Qq] = {AT_RM, FILE_MMX, false},
	[OP_Qd] = {AT_RM, FILE_MMX, false},
	[OP_Nq] = {AT_RM, FILE_MMX, false},
	[OP_Vx] = {AT_REG, FILE_VEC, true},
	[OP_Vqq] = {AT_REG, FILE_VEC, true},
	[OP_Vdq] = {AT_REG, FILE_VEC, false},
	[OP_Vq] = {AT_REG, FILE_VEC, false},
	[OP_Vd] = {AT_REG, FILE_VEC, false},
	[OP_Wx] = {AT_RM, FILE_VEC, true},
	[OP_Wqq] = {AT_RM, FILE_VEC, true},
	[OP_Wdq] = {AT_RM, FILE_VEC, false},
	[OP_Wq] = {AT_RM, FILE_VEC, false},
	[OP_Wd] = {AT_RM, FILE_VEC, false},
	[OP_Ww] = {AT_RM, FILE_VEC, false},
	[OP_Wb] = {AT_RM, FILE_VEC, false},
	[OP_Ux] = {AT_RM, FILE_VEC, true},
	[OP_Udq] = {AT_RM, FILE_VEC, false},
	[OP_Uq] = {AT_RM, FILE_VEC, false},
	[OP_Hx] = {AT_VVVV, FILE_VEC, true},
	[OP_Hqq] = {AT_VVVV, FILE_VEC, true},
	[OP_Hdq] = {AT_VVVV, FILE_VEC, false},
	[OP_Hq] = {AT_VVVV, FILE_VEC, false},
	[OP_Hd] = {AT_VVVV, FILE_VEC, false},
	[OP_Lx] = {AT_IS4, FILE_VEC, true},
	[OP_XMM0] = {AT_XMM0, FILE_VEC, false},
};

static bool string_compare(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_PCMPESTRI:
	case INSN_PCMPESTRM:
	case INSN_PCMPISTRI:
	case INSN_PCMPISTRM:
	case INSN_VPCMPESTRI:
	case INSN_VPCMPESTRM:
	case INSN_VPCMPISTRI:
	case INSN_VPCMPISTRM:
		return true;
	default:
		return false;
	}
}

/* The row's first thunk; NULL where the host cannot run it. */
static inline const u8 *thunk_base(const struct x86_cpu *cpu,
				   const struct insn *in)
{
	const struct fpu_host *host = cpu->ops->fpu;

	return likely(host) ? host->thunk[in->row][in->flags / INSN_VEX_L & 3]
			    : NULL;
}

/* The thunk for this instruction's imm8, which is 0 where it has none. */
static inline const void *thunk_of(const struct x86_cpu *cpu,
				   const struct insn *in)
{
	const u8 *thunk = thunk_base(cpu, in);

	return likely(thunk) ? thunk + (in->imm & 0xff) * FPU_IMM_STRIDE : NULL;
}

/* The same where imm8 is more than the operation's constant. */
static const void *thunk_any_of(const struct x86_cpu *cpu, const struct insn *in)
{
	const u8 *thunk = thunk_base(cpu, in);

	if (insn_rows[in->row].op[3] == OP_Lx) /* imm8 names a register */
		return thunk;
	/* INSERTPS from memory has one source element: bits 7:6 choose none. */
	if (thunk && in->flags & INSN_MEM &&
	    (in->id == INSN_INSERTPS || in->id == INSN_VINSERTPS))
		return thunk + (in->imm & 0x3f) * FPU_IMM_STRIDE;
	return thunk_of(cpu, in);
}

/* --- floating-point exceptions --------------------------------------------- */

/* What a runner gets: with everything masked it need not tell a new flag from
 * one that was set before. */
static inline u32 mxcsr_to_run(struct x86_cpu *cpu)
{
	u32 mxcsr = *mxcsr_of(cpu);

	return likely((mxcsr & MXCSR_RESET) == MXCSR_RESET)
		       ? mxcsr
		       : mxcsr & ~MXCSR_FLAGS;
}

static bool any_unmasked(const struct x86_cpu *cpu, u32 raised)
{
	u32 mxcsr;

	__builtin_memcpy(&mxcsr, cpu->xsave.bytes + XSAVE_MXCSR, 4);
	return raised & ~(mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
}

/* Merges the flags into MXCSR; an unmasked one is the end. */
static int simd_finish(struct x86_cpu *cpu, u32 raised)
{
	bool trap = any_unmasked(cpu, raised);

	*mxcsr_of(cpu) |= raised;
	return unlikely(trap) ? raise_simd(cpu) : X86_OK;
}

static bool underflow_unmasked(const struct x86_cpu *cpu)
{
	u32 mxcsr;

	__builtin_memcpy(&mxcsr, cpu->xsave.bytes + XSAVE_MXCSR, 4);
	return !(mxcsr & MXCSR_UE << MXCSR_MASK_SHIFT);
}

/* VCVTPS2PH ignores flush-to-zero: a denormal result is a tiny one. */
static u32 half_underflow(const struct insn *in, const struct vec_operands *v)
{
	u32 count = in->flags & INSN_VEX_L ? 8 : 4;

	for (u32 i = 0; i < count; i++) {
		u32 half = v->r[1][2 * i] | (u32)v->r[1][2 * i + 1] << 8;

		if (!(half & 0x7c00) && half & 0x03ff)
			return MXCSR_UE;
	}
	return 0;
}

static u32 run_for_underflow(struct x86_cpu *cpu, const struct insn *in,
			     const void *thunk, struct vec_operands *v, u32 use)
{
	struct vec_operands flushed = *v;
	u32 mxcsr = mxcsr_to_run(cpu);

	v->mxcsr = mxcsr & ~MXCSR_FTZ;
	cpu->ops->fpu->any(thunk, v, use);
	if (in->id == INSN_VCVTPS2PH)
		return v->mxcsr | half_underflow(in, v);
	flushed.mxcsr = mxcsr | MXCSR_FTZ;
	cpu->ops->fpu->any(thunk, &flushed, use);
	return v->mxcsr | (flushed.mxcsr & MXCSR_UE);
}

u32 simd_run(struct x86_cpu *cpu, const struct insn *in, const void *thunk,
	     struct vec_operands *v, u32 use)
{
	if (unlikely(underflow_unmasked(cpu)))
		return run_for_underflow(cpu, in, thunk, v, use);
	v->mxcsr = mxcsr_to_run(cpu);
	cpu->ops->fpu->any(thunk, v, use);
	return v->mxcsr;
}

/* --- any shape ------------------------------------------------------------- */

/* One instruction's way through run_any(). */
struct any {
	const struct insn_row *row;
	bool implied; /* XMM0 takes place 0, ModRM.reg place 2 */
	bool mmx;     /* MMX state is entered */
	u32 use;      /* FPU_USE_* */
	struct vec_operands v;
};

static u32 place_index(const struct any *a, u32 place)
{
	switch (place) {
	case AT_REG:
		return a->implied ? 2 : 0;
	case AT_RM:
		return 1;
	case AT_VVVV:
		return 2;
	case AT_IS4:
		return 3;
	default:
		return 0;
	}
}

static u32 place_register(const struct x86_cpu *cpu, const struct insn *in,
			  u32 place)
{
	switch (place) {
	case AT_REG:
		return in->reg;
	case AT_RM:
		return in->rm;
	case AT_VVVV:
		return in->vvvv;
	case AT_IS4:
		return (u32)(in->imm >> 4) & (cpu->code == CODE_64 ? 15 : 7);
	default:
		return 0;
	}
}

static int any_gate(struct x86_cpu *cpu, const struct insn *in,
		    const struct any *a)
{
	int rc;

	if (!(a->row->attr & ROW_VEC))
		return gate_mmx(cpu);
	rc = gate_vec(cpu, in);
	return rc || !a->mmx ? rc : gate_pending(cpu);
}

static void any_load_register(struct x86_cpu *cpu, const struct insn *in,
			      struct any *a, const struct kind *kind)
{
	u32 index = place_index(a, kind->place);
	u32 reg = place_register(cpu, in, kind->place);

	switch ((enum file)kind->file) {
	case FILE_VEC:
		bytes_copy(a->v.r[index], xmm(cpu, reg), 16);
		bytes_copy(a->v.r[index] + 16, ymm_high(cpu, reg), 16);
		break;
	case FILE_MMX:
		a->v.mm[index] = mmx_get(cpu, reg);
		break;
	case FILE_GPR:
		a->v.gpr[index] = cpu->gpr[reg];
		break;
	case FILE_NONE:
		break;
	}
}

static int any_load_memory(struct x86_cpu *cpu, const struct insn *in,
			   struct any *a, const struct kind *kind)
{
	switch ((enum file)kind->file) {
	case FILE_VEC:
		bytes_zero(a->v.r[1], 32);
		return vec_read(cpu, in, a->v.r[1]);
	case FILE_MMX:
		a->v.mm[1] = 0;
		return vec_read(cpu, in, &a->v.mm[1]);
	case FILE_GPR:
		a->v.gpr[1] = 0;
		return vec_read(cpu, in, &a->v.gpr[1]);
	case FILE_NONE:
		break;
	}
	return X86_OK;
}

static int any_load(struct x86_cpu *cpu, const struct insn *in, struct any *a)
{
	for (u32 i = 0; i < 4; i++) {
		const struct kind *kind = &kinds[a->row->op[i]];
		bool memory = kind->place == AT_RM && in->flags & INSN_MEM;
		int rc;

		if (!memory) {
			any_load_register(cpu, in, a, kind);
			continue;
		}
		if (i == 0)
			continue; /* stores only write it */
		rc = any_load_memory(cpu, in, a, kind);
		if (rc)
			return rc;
	}
	return X86_OK;
}

static void any_store_register(struct x86_cpu *cpu, const struct insn *in,
			       struct any *a, const struct kind *kind)
{
	u32 index = place_index(a, kind->place);
	u32 reg = place_register(cpu, in, kind->place);

	switch ((enum file)kind->file) {
	case FILE_VEC:
		bytes_copy(xmm(cpu, reg), a->v.r[index], 16);
		if (in->flags & INSN_VEX)
			bytes_copy(ymm_high(cpu, reg), a->v.r[index] + 16, 16);
		break;
	case FILE_MMX:
		mmx_set(cpu, reg, a->v.mm[index]);
		break;
	case FILE_GPR:
		cpu->gpr[reg] = a->v.gpr[index];
		break;
	case FILE_NONE:
		break;
	}
}

static int any_store_memory(struct x86_cpu *cpu, const struct insn *in,
			    struct any *a, const struct kind *kind)
{
	if (kind->file == FILE_GPR)
		return vec_write(cpu, in, &a->v.gpr[1]);
	return vec_write(cpu, in, a->v.r[1]);
}

static void any_store_string(struct x86_cpu *cpu, const struct insn *in,
			     struct any *a)
{
	if (in->opcode & 1) { /* PCMPxSTRI */
		cpu->gpr[RCX] = (u32)a->v.gpr[1];
		return;
	}
	bytes_copy(xmm(cpu, 0), a->v.r[0], 16);
	if (in->flags & INSN_VEX)
		bytes_zero(ymm_high(cpu, 0), 16);
}

static void any_flags(struct x86_cpu *cpu, struct any *a)
{
	cpu->rflags = (cpu->rflags & ~(u64)FLAG_ARITH) |
		      (a->v.rflags & FLAG_ARITH);
}

static void any_run(struct x86_cpu *cpu, const struct insn *in, struct any *a,
		    const void *thunk)
{
	struct vec_operands before;
	u32 masks = *mxcsr_of(cpu) & MXCSR_RESET;

	if (likely(masks == MXCSR_RESET || !(a->row->attr & ROW_FP))) {
		a->v.mxcsr = mxcsr_to_run(cpu);
		cpu->ops->fpu->any(thunk, &a->v, a->use);
		return;
	}
	before = a->v;
	a->v.mxcsr = simd_run(cpu, in, thunk, &a->v, a->use);
	if (unlikely(any_unmasked(cpu, a->v.mxcsr)))
		a->v.mxcsr = simd_trap_flags(cpu, in, thunk, &before, a->use,
					     a->v.mxcsr);
}

static void any_shape(const struct insn *in, struct any *a)
{
	a->row = &insn_rows[in->row];
	a->use = in->flags & INSN_VEX ? FPU_USE_AVX : 0;
	a->implied = string_compare(in) || a->row->op[2] == OP_XMM0;
	for (u32 i = 0; i < 4; i++)
		if (kinds[a->row->op[i]].file == FILE_MMX)
			a->use |= FPU_USE_MMX;
	/* CVTPI2PS and CVTPI2PD from memory touch no MMX register. */
	a->mmx = a->use & FPU_USE_MMX &&
		 !(a->row->op[1] == OP_Qq && a->row->attr & ROW_VEC &&
		   in->flags & INSN_MEM);
}

/* What the instruction leaves behind. */
static int any_finish(struct x86_cpu *cpu, const struct insn *in, struct any *a)
{
	const struct kind *dest = &kinds[a->row->op[0]];
	bool dest_memory = dest->place == AT_RM && in->flags & INSN_MEM;
	bool written = !(a->row->attr & ROW_DEST_NONE);
	u32 raised = a->row->attr & ROW_FP ? a->v.mxcsr : 0;
	int rc = X86_OK;

	if (cpu->vendor_amd && written && dest_memory)
		rc = operand_probe(cpu, in, 1u << in->op_size, true);
	if (rc)
		return rc;
	if (a->mmx) /* even when the operation ends in #XM */
		mmx_enter(cpu);
	rc = simd_finish(cpu, raised); /* Intel's stay if the store faults */
	if (!rc && written && dest_memory)
		rc = any_store_memory(cpu, in, a, dest);
	if (rc)
		return rc;
	if (a->row->flags_written)
		any_flags(cpu, a);
	if (string_compare(in))
		any_store_string(cpu, in, a);
	else if (written && !dest_memory)
		any_store_register(cpu, in, a, dest);
	return X86_OK;
}

static int run_any(struct x86_cpu *cpu, const struct insn *in);

/* After a fast run: the unmasked exception's flags need the operands again. A
 * device's answer for the memory operand is found in the log once more. */
static int simd_trap(struct x86_cpu *cpu, const struct insn *in)
{
	cpu->external.cursor = 0;
	return run_any(cpu, in);
}

static int run_any(struct x86_cpu *cpu, const struct insn *in)
{
	const void *thunk = thunk_any_of(cpu, in);
	struct any a;
	int rc;

	any_shape(in, &a);
	rc = any_gate(cpu, in, &a);
	if (rc)
		return rc;
	if (!thunk)
		return X86_UNHANDLED;
	/* Places the row does not name stay unset: its thunk reads none. */
	rc = any_load(cpu, in, &a);
	if (rc)
		return rc;
	if (a.implied)
		bytes_copy(a.v.r[0], xmm(cpu, 0), 16);
	if (string_compare(in)) {
		a.v.gpr[0] = cpu->gpr[RAX];
		a.v.gpr[2] = cpu->gpr[RDX];
	}
	any_run(cpu, in, &a, thunk);
	return any_finish(cpu, in, &a);
}

/* --- legacy SSE: V, W [, Ib] ----------------------------------------------- */

static inline __attribute__((always_inline)) int
run_sse(struct x86_cpu *cpu, const struct insn *in, bool memory, bool fp)
{
	const void *thunk = thunk_of(cpu, in);
	u64 *reg = xmm(cpu, in->reg);
	const u64 *rm = xmm(cpu, in->rm);
	u64 value[2];
	u32 raised;
	int rc = gate_sse(cpu);

	if (unlikely(rc))
		return rc;
	if (unlikely(!thunk))
		return X86_UNHANDLED;
	if (fp && unlikely(underflow_unmasked(cpu)))
		return run_any(cpu, in);
	if (memory) {
		value[0] = value[1] = 0;
		rc = vec_read(cpu, in, value);
		if (unlikely(rc))
			return rc;
		rm = value;
	}
	if (!fp) {
		cpu->ops->fpu->sse(thunk, reg, rm);
		return X86_OK;
	}
	raised = cpu->ops->fpu->sse_fp(thunk, reg, rm, mxcsr_to_run(cpu));
	if (unlikely(any_unmasked(cpu, raised)))
		return simd_trap(cpu, in);
	return simd_finish(cpu, raised);
}

static int run_sse_rr(struct x86_cpu *cpu, const struct insn *in)
{
	return run_sse(cpu, in, false, false);
}

static int run_sse_rm(struct x86_cpu *cpu, const struct insn *in)
{
	return run_sse(cpu, in, true, false);
}

static int run_sse_fp_rr(struct x86_cpu *cpu, const struct insn *in)
{
	return run_sse(cpu, in, false, true);
}

static int run_sse_fp_rm(struct x86_cpu *cpu, const struct insn *in)
{
	return run_sse(cpu, in, true, true);
}

/* Shift groups: U, Ib. Their thunks work on register 0. */
static int run_sse_group(struct x86_cpu *cpu, const struct insn *in)
{
	const void *thunk = thunk_of(cpu, in);
	u64 *rm = xmm(cpu, in->rm);
	int rc = gate_sse(cpu);

	if (unlikely(rc))
		return rc;
	if (unlikely(!thunk))
		return X86_UNHANDLED;
	cpu->ops->fpu->sse(thunk, rm, rm);
	return X86_OK;
}

/* --- MMX: P, Q [, Ib] and N, Ib -------------------------------------------- */

static int run_mmx(struct x86_cpu *cpu, const struct insn *in)
{
	const void *thunk = thunk_of(cpu, in);
	bool group = kinds[insn_rows[in->row].op[0]].place == AT_RM;
	u32 dest = group ? in->rm : in->reg;
	u64 value = 0;
	u64 result;
	int rc = gate_mmx(cpu);

	if (unlikely(rc))
		return rc;
	if (unlikely(!thunk))
		return X86_UNHANDLED;
	if (in->flags & INSN_MEM)
		rc = vec_read(cpu, in, &value);
	else
		value = mmx_get(cpu, in->rm);
	if (unlikely(rc))
		return rc;
	mmx_enter(cpu);
	result = *mmx(cpu, dest);
	cpu->ops->fpu->mmx(thunk, &result, &value);
	mmx_set(cpu, dest, result);
	return X86_OK;
}

/* --- VEX: V, H, W [, Ib] and V, W [, Ib] ----------------------------------- */

/* A memory operand in the shape of a register of the XSAVE image. */
struct vex_memory {
	u64 low[2];
	u8 gap[FPU_HIGH_OFFSET - 16];
	u64 high[2];
};

static int vex_read(struct x86_cpu *cpu, const struct insn *in,
		    struct vex_memory *ret)
{
	u64 value[4] = {0, 0, 0, 0};
	int rc = vec_read(cpu, in, value);

	ret->low[0] = value[0];
	ret->low[1] = value[1];
	ret->high[0] = value[2];
	ret->high[1] = value[3];
	return rc;
}

static inline __attribute__((always_inline)) int run_vex(struct x86_cpu *cpu,
							 const struct insn *in,
							 bool wide, bool memory,
							 bool fp)
{
	const struct fpu_host *host = cpu->ops->fpu;
	const void *thunk = thunk_of(cpu, in);
	u64 *reg = xmm(cpu, in->reg);
	const u64 *rm = xmm(cpu, in->rm);
	const u64 *vvvv = xmm(cpu, in->vvvv);
	struct vex_memory value;
	u32 mxcsr = mxcsr_to_run(cpu);
	u32 raised = 0;
	int rc = gate_avx(cpu);

	if (unlikely(rc))
		return rc;
	if (unlikely(!thunk))
		return X86_UNHANDLED;
	if (fp && unlikely(underflow_unmasked(cpu)))
		return run_any(cpu, in);
	if (memory) {
		rc = vex_read(cpu, in, &value);
		if (unlikely(rc))
			return rc;
		rm = value.low;
	}
	if (!fp && wide)
		host->vex256(thunk, reg, rm, vvvv);
	else if (!fp)
		host->vex128(thunk, reg, rm, vvvv);
	else if (wide)
		raised = host->vex256_fp(thunk, reg, rm, vvvv, mxcsr);
	else
		raised = host->vex128_fp(thunk, reg, rm, vvvv, mxcsr);
	if (unlikely(any_unmasked(cpu, raised)))
		return simd_trap(cpu, in);
	return simd_finish(cpu, raised);
}

#define RUN_VEX(name, wide, memory, fp)                             \
	static int name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                           \
		return run_vex(cpu, in, wide, memory, fp);          \
	}
RUN_VEX(run_128_rr, false, false, false)
RUN_VEX(run_128_rm, false, true, false)
RUN_VEX(run_128_fp_rr, false, false, true)
RUN_VEX(run_128_fp_rm, false, true, true)
RUN_VEX(run_256_rr, true, false, false)
RUN_VEX(run_256_rm, true, true, false)
RUN_VEX(run_256_fp_rr, true, false, true)
RUN_VEX(run_256_fp_rm, true, true, true)

/* Shift groups: H, U, Ib; the thunks take the destination for register 0. */
static int run_vex_group(struct x86_cpu *cpu, const struct insn *in)
{
	const void *thunk = thunk_of(cpu, in);
	u64 *dest = xmm(cpu, in->vvvv);
	const u64 *rm = xmm(cpu, in->rm);
	int rc = gate_avx(cpu);

	if (unlikely(rc))
		return rc;
	if (unlikely(!thunk))
		return X86_UNHANDLED;
	if (in->flags & INSN_VEX_L)
		cpu->ops->fpu->vex256(thunk, dest, rm, rm);
	else
		cpu->ops->fpu->vex128(thunk, dest, rm, rm);
	return X86_OK;
}

/* --- binding --------------------------------------------------------------- */

static bool row_wide(const struct insn *in)
{
	if (!(in->flags & INSN_VEX_L))
		return false;
	for (u32 i = 0; i < 4; i++)
		if (kinds[insn_rows[in->row].op[i]].full)
			return true;
	return false;
}

/* Whether operand i stands at `place` in the vector file, the rest is imm8. */
static bool operands_are(const struct insn_row *row, u32 count,
			 const enum place *places)
{
	for (u32 i = 0; i < 4; i++) {
		const struct kind *kind = &kinds[row->op[i]];

		if (i < count &&
		    (kind->place != places[i] || kind->file != FILE_VEC))
			return false;
		if (i >= count && row->op[i] != OP_NONE && row->op[i] != OP_Ib)
			return false;
	}
	return true;
}

static insn_exec_fn vex_bind(const struct insn *in)
{
	static const enum place three[] = {AT_REG, AT_VVVV, AT_RM};
	static const enum place two[] = {AT_REG, AT_RM};
	static const enum place group[] = {AT_VVVV, AT_RM};
	static const insn_exec_fn fn[2][2][2] = {
		/* [wide][fp][memory] */
		{{run_128_rr, run_128_rm}, {run_128_fp_rr, run_128_fp_rm}},
		{{run_256_rr, run_256_rm}, {run_256_fp_rr, run_256_fp_rm}},
	};
	const struct insn_row *row = &insn_rows[in->row];

	if (in->id == INSN_VINSERTPS && in->flags & INSN_MEM)
		return run_any;
	if (operands_are(row, 2, group))
		return run_vex_group;
	if (!operands_are(row, 3, three) && !operands_are(row, 2, two))
		return run_any;
	return fn[row_wide(in)][!!(row->attr & ROW_FP)][!!(in->flags & INSN_MEM)];
}

static insn_exec_fn sse_bind(const struct insn *in)
{
	static const enum place two[] = {AT_REG, AT_RM};
	static const enum place group[] = {AT_RM};
	const struct insn_row *row = &insn_rows[in->row];
	bool memory = in->flags & INSN_MEM;

	if (in->id == INSN_INSERTPS && memory)
		return run_any;
	if (operands_are(row, 1, group))
		return run_sse_group;
	if (!operands_are(row, 2, two))
		return run_any;
	if (row->attr & ROW_FP)
		return memory ? run_sse_fp_rm : run_sse_fp_rr;
	return memory ? run_sse_rm : run_sse_rr;
}

insn_exec_fn vec_run_bind(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	if (!(row->attr & (ROW_VEC | ROW_MMX)))
		return NULL;
	if (row->attr & ROW_DEST_NONE || row->flags_written)
		return run_any;
	if (in->flags & INSN_VEX)
		return vex_bind(in);
	if (row->attr & ROW_VEC)
		return sse_bind(in);
	return kinds[row->op[0]].file == FILE_MMX && row->op[1] != OP_RdMw
		       ? run_mmx
		       : run_any;
}
