/* SPDX-License-Identifier: MIT */
/* See prepare.h. */
#include "tests/guest/random/prepare.h"

#include <string.h>

#include "engine/core/decode/id.h"
#include "tests/guest/random/values.h"

/* ---- memory ---- */

static void poke(struct preparation *p, u64 address, const void *data, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		u64 at = address + i;

		for (u32 m = 0; m < mapping_count; m++) {
			u32 offset = mappings[m].page * PAGE_BYTES + (at & 4095);

			if ((at & ~4095ull) != mappings[m].address ||
			    mappings[m].rights & MAP_EXEC)
				continue;
			p->memory[0][offset] = ((const u8 *)data)[i];
			p->memory[1][offset] = ((const u8 *)data)[i];
		}
	}
}

static void poke_value(struct preparation *p, u64 address, u64 value, u32 size)
{
	poke(p, address, &value, size);
}

static u64 code_address(struct preparation *p)
{
	if (rng_percent(p->e->rng, 80))
		return AT_CODE + rng_below(p->e->rng, CODE_BYTES);
	return value_gpr(p->e->rng, p->e->code);
}

static void set_free(struct preparation *p, u32 reg, u64 value)
{
	if (!(p->e->reserved >> reg & 1))
		encode_set(p->e, reg, value);
}

/* ---- before ---- */

/* RIP, CS, RFLAGS, RSP, SS, all of the operand's size; three for RETF. */
static void poke_frame(struct preparation *p, bool has_flags, u32 size)
{
	struct rng *rng = p->e->rng;
	u64 sp = p->e->cpu->gpr[RSP];
	u64 frame[5] = {code_address(p), value_selector(rng)};
	u32 count = 2;

	if (rng_percent(rng, 60))
		frame[1] = p->e->code == CODE_64 ? SELECTOR_CODE64
						 : SELECTOR_CODE32;
	if (has_flags)
		frame[count++] = rng_next(rng) & ~(u64)RFLAGS_TF;
	frame[count++] = AT_STACK + 8 * rng_below(rng, 500);
	frame[count] = rng_percent(rng, 70) ? SELECTOR_DATA
					    : value_selector(rng);
	for (u32 i = 0; i <= count; i++)
		poke_value(p, sp + i * size, frame[i], size);
}

static u32 stack_operand_bytes(const struct encoding *e)
{
	if (e->opsize)
		return e->code == CODE_64 ? 2 : 2;
	if (e->row->id == INSN_IRET || e->row->id == INSN_RET_FAR)
		return e->w ? 8 : 4;
	return e->code == CODE_64 ? 8 : 4;
}

static void prepare_stack(struct preparation *p)
{
	struct rng *rng = p->e->rng;
	u64 sp = AT_STACK + 512 + 8 * rng_below(rng, 380);

	if (rng_percent(rng, 12))
		sp = AT_STACK + rng_below(rng, 2) * PAGE_BYTES +
		     rng_below(rng, 33) - 16;
	else if (rng_percent(rng, 15))
		sp = encode_target(rng, p->e->code, 16);
	encode_set(p->e, RSP, sp);
	if (p->e->row->id == INSN_ENTER)
		encode_set(p->e, RBP, encode_target(rng, p->e->code, 64));
	if (p->e->row->id == INSN_POP_SEG)
		poke_value(p, sp, value_selector(rng), 2);
	if (p->e->row->id == INSN_POPF)
		poke_value(p, sp, rng_next(rng) & ~(u64)RFLAGS_TF, 8);
	if (p->e->row->id == INSN_RET)
		poke_value(p, sp, code_address(p), 8);
}

static void prepare_string(struct preparation *p)
{
	struct rng *rng = p->e->rng;

	encode_set(p->e, RSI, encode_target(rng, p->e->code, 8));
	encode_set(p->e, RDI, encode_target(rng, p->e->code, 8));
	if (rng_percent(rng, 85))
		encode_set(p->e, RCX,
			   rng_percent(rng, 25) ? 0 : rng_below(rng, 40));
}

static void unmask_simd(struct preparation *p)
{
	u32 mxcsr = (u32)rng_next(p->e->rng) & 0xe040;

	if (rng_percent(p->e->rng, 50))
		mxcsr |= 0x1f80 & (u32)rng_next(p->e->rng);
	memcpy(p->xsave + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
}

static void x87_pending(struct preparation *p)
{
	struct state *state = p->state;

	memcpy(state->xsave, p->xsave, XSAVE_SIZE);
	values_x87_pending(p->e->rng, state);
	memcpy(p->xsave, state->xsave, XSAVE_SIZE);
}

/* Rows whose only exception is an inexact result of a 64-bit source. */
static bool is_from_integer(const struct insn_row *row)
{
	return row->id == INSN_CVTSI2SD || row->id == INSN_VCVTSI2SD;
}

static void prepare_by_id(struct preparation *p)
{
	struct encoding *e = p->e;
	struct rng *rng = e->rng;

	switch (e->row->id) {
	case INSN_LEAVE:
		encode_set(e, RBP, encode_target(rng, e->code, 8));
		break;
	case INSN_XLAT:
		encode_set(e, RBX,
			   encode_target(rng, e->code, 1) -
				   (e->cpu->gpr[RAX] & 255));
		break;
	case INSN_MASKMOVQ:
	case INSN_MASKMOVDQU:
	case INSN_VMASKMOVDQU:
		encode_set(e, RDI, encode_target(rng, e->code, 16));
		break;
	case INSN_DIV:
	case INSN_IDIV:
		if (rng_percent(rng, 70))
			encode_set(e, RDX, (u64)rng_below(rng, 5) - 2);
		break;
	case INSN_LOOP:
	case INSN_LOOPE:
	case INSN_LOOPNE:
	case INSN_JCXZ:
		if (rng_percent(rng, 60))
			encode_set(e, RCX, rng_below(rng, 3));
		break;
	case INSN_XSAVE:
	case INSN_XSAVEC:
	case INSN_XSAVEOPT:
	case INSN_XRSTOR:
		encode_set(e, RAX, rng_percent(rng, 40) ? 7 : rng_below(rng, 8));
		encode_set(e, RDX, 0);
		break;
	case INSN_PCMPESTRI:
	case INSN_PCMPESTRM:
	case INSN_VPCMPESTRI:
	case INSN_VPCMPESTRM:
		encode_set(e, RAX, (u64)rng_below(rng, 41) - 20);
		encode_set(e, RDX, (u64)rng_below(rng, 41) - 20);
		break;
	case INSN_XGETBV:
		encode_set(e, RCX, rng_below(rng, 3));
		break;
	default:
		for (u32 i = 0; i < 4; i++)
			if (e->row->op[i] == OP_CL && rng_percent(rng, 60))
				encode_set(e, RCX, rng_below(rng, 80));
	}
}

void prepare_before(struct preparation *p)
{
	const struct insn_row *row = p->e->row;
	struct rng *rng = p->e->rng;

	if (row_uses_stack(row))
		prepare_stack(p);
	if (row->attr & ROW_STRING)
		prepare_string(p);
	if (row->attr & ROW_FP &&
	    rng_percent(rng, is_from_integer(row) ? 70 : 35))
		unmask_simd(p);
	if (row->attr & (ROW_X87 | ROW_MMX) && rng_percent(rng, 12))
		x87_pending(p);
	prepare_by_id(p);
}

/* ---- after ---- */

/* Bytes at the end of the encoding: an immediate, a displacement. */
static void set_tail(struct preparation *p, const struct insn *in, u32 size,
		     u64 value)
{
	memcpy(p->e->bytes + in->len - size, &value, size);
}

static void aim_branch(struct preparation *p, const struct insn *in, bool wide)
{
	struct rng *rng = p->e->rng;
	u64 distance = rng_below(rng, 48);

	if (rng_percent(rng, 8))
		return;
	if (rng_percent(rng, 12))
		distance = 0 - distance;
	set_tail(p, in, !wide ? 1 : in->op_size == 1 ? 2 : 4, distance);
}

static void aim_offset(struct preparation *p, const struct insn *in)
{
	u64 target = encode_target(p->e->rng, p->e->code, 1u << in->op_size);
	u32 size = in->addr_size == CODE_64   ? 8
		   : in->addr_size == CODE_32 ? 4
					      : 2;

	set_tail(p, in, size, target);
}

void prepare_tail(struct preparation *p, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	for (u32 i = 0; i < 4; i++) {
		switch (row->op[i]) {
		case OP_Jb:
			aim_branch(p, in, false);
			break;
		case OP_Jz:
			aim_branch(p, in, true);
			break;
		case OP_Ob:
		case OP_Ov:
			aim_offset(p, in);
			break;
		case OP_Ap:
			set_tail(p, in, 2, value_selector(p->e->rng));
			if (in->op_size == 2)
				memcpy(p->e->bytes + in->len - 6,
				       &(u32){(u32)code_address(p)}, 4);
			break;
		default:
			break;
		}
	}
}

/* A 16-bit operand in r/m. */
static void aim_selector(struct preparation *p, const struct insn *in)
{
	u16 selector = value_selector(p->e->rng);

	if (p->e->is_memory)
		poke_value(p, p->e->target, selector, 2);
	else if (in->rm != RSP)
		set_free(p, in->rm,
			 selector | (rng_next(p->e->rng) & ~0xffffull));
}

static void aim_far(struct preparation *p, const struct insn *in)
{
	u32 size = 1u << in->op_size;

	poke_value(p, p->e->target, code_address(p), size);
	poke_value(p, p->e->target + size, value_selector(p->e->rng), 2);
}

static void aim_near(struct preparation *p, const struct insn *in)
{
	if (p->e->is_memory)
		poke_value(p, p->e->target, code_address(p), 8);
	else
		set_free(p, in->rm, code_address(p));
}

static void aim_comparison(struct preparation *p, const struct insn *in)
{
	const u64 *gpr = p->e->cpu->gpr;

	if (!p->e->is_memory || rng_percent(p->e->rng, 50))
		return;
	if (in->id == INSN_CMPXCHG16B) {
		poke_value(p, p->e->target, gpr[RAX], 8);
		poke_value(p, p->e->target + 8, gpr[RDX], 8);
	} else if (in->id == INSN_CMPXCHG8B) {
		poke_value(p, p->e->target, gpr[RAX], 4);
		poke_value(p, p->e->target + 4, gpr[RDX], 4);
	} else {
		poke_value(p, p->e->target, gpr[RAX], 1u << in->op_size);
	}
}

static void aim_mxcsr(struct preparation *p)
{
	if (rng_percent(p->e->rng, 75))
		poke_value(p, p->e->target, value_mxcsr(p->e->rng), 4);
}

/* An image that FXRSTOR, and with a header XRSTOR, would load. */
static void aim_restore(struct preparation *p, const struct insn *in)
{
	struct rng *rng = p->e->rng;
	u64 header[8] = {rng_below(rng, 8)};

	if (rng_percent(rng, 80))
		poke_value(p, p->e->target + XSAVE_MXCSR, value_mxcsr(rng), 4);
	poke_value(p, p->e->target, value_fcw(rng), 2);
	if (in->id != INSN_XRSTOR || rng_percent(rng, 10))
		return;
	if (rng_percent(rng, 25))
		header[1] = BIT(63) | rng_below(rng, 8) | header[0];
	/* Of the compacted form's header the CPU checks the rest only after it
	 * has touched the area. */
	if (rng_percent(rng, 8))
		header[rng_below(rng, header[1] ? 2 : 8)] |= BIT(62);
	poke(p, p->e->target + XSAVE_HEADER, header, sizeof(header));
}

static void aim_bit(struct preparation *p, const struct insn *in)
{
	if (rng_percent(p->e->rng, 60))
		set_free(p, in->reg, (u64)rng_below(p->e->rng, 256) - 128);
}

static void aim_bounds(struct preparation *p, const struct insn *in)
{
	u32 size = 1u << in->op_size;
	u64 value = p->e->cpu->gpr[in->reg];

	poke_value(p, p->e->target, value - rng_below(p->e->rng, 3) + 1, size);
	poke_value(p, p->e->target + size, value + rng_below(p->e->rng, 3) - 1,
		   size);
}

static void set_lane(struct preparation *p, u32 reg, u32 at, const void *value,
		     u32 size)
{
	u8 *to = p->xsave + (at < 16 ? XSAVE_XMM : XSAVE_YMMH - 16) + 16 * reg +
		 at;

	memcpy(to, value, size);
}

/* Indices that stay near, with now and then one that does not. */
static void aim_gather(struct preparation *p, const struct insn *in)
{
	struct rng *rng = p->e->rng;
	bool quads = insn_rows[in->row].op[1] == OP_VSIBq;

	for (u32 at = 0; at < 32; at += quads ? 8 : 4) {
		u64 index = (u64)rng_below(rng, 64) - 32;

		if (rng_percent(rng, 8))
			index = value_gpr(rng, p->e->code);
		set_lane(p, in->index_vec, at, &index, quads ? 8 : 4);
	}
	for (u32 at = 0; at < 32; at += 4) {
		u32 mask = rng_below(rng, 2) << 31;

		if (in->vvvv != in->index_vec)
			set_lane(p, in->vvvv, at, &mask, 4);
	}
}

/* The sign bits of the mask's elements. */
static void aim_mask(struct preparation *p, u32 reg)
{
	for (u32 at = 0; at < 32; at++) {
		u8 value = (u8)rng_next(p->e->rng);

		if (rng_percent(p->e->rng, 70))
			set_lane(p, reg, at, &value, 1);
	}
}

/* long: one case for each kind of instruction that needs its operands aimed */
static void aim_by_id(struct preparation *p, const struct insn *in)
{
	switch (in->id) {
	case INSN_MOV_TO_SEG:
	case INSN_LAR:
	case INSN_LSL:
	case INSN_VERR:
	case INSN_VERW:
	case INSN_ARPL:
		aim_selector(p, in);
		break;
	case INSN_LFS:
	case INSN_LGS:
	case INSN_LSS:
	case INSN_LES:
	case INSN_LDS:
	case INSN_CALL_FAR_MEM:
	case INSN_JMP_FAR_MEM:
		aim_far(p, in);
		break;
	case INSN_CALL_NEAR:
	case INSN_JMP_NEAR:
		aim_near(p, in);
		break;
	case INSN_RET_FAR:
	case INSN_IRET:
		poke_frame(p, in->id == INSN_IRET, stack_operand_bytes(p->e));
		break;
	case INSN_CMPXCHG:
	case INSN_CMPXCHG8B:
	case INSN_CMPXCHG16B:
		aim_comparison(p, in);
		break;
	case INSN_LDMXCSR:
	case INSN_VLDMXCSR:
		aim_mxcsr(p);
		break;
	case INSN_FXRSTOR:
	case INSN_XRSTOR:
		aim_restore(p, in);
		break;
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		aim_bit(p, in);
		break;
	case INSN_BOUND:
		aim_bounds(p, in);
		break;
	case INSN_MOVDIR64B:
		set_free(p, in->reg,
			 encode_target(p->e->rng, p->e->code, 64) &
				 (rng_percent(p->e->rng, 80) ? ~63ull : ~0ull));
		break;
	case INSN_WRFSBASE:
	case INSN_WRGSBASE:
		if (rng_percent(p->e->rng, 60))
			set_free(p, in->rm, value_run(p->e->rng, p->e->code));
		break;
	case INSN_CVTSI2SD:
	case INSN_VCVTSI2SD:
		if (!p->e->is_memory)
			set_free(p, in->rm, rng_next(p->e->rng));
		else
			poke_value(p, p->e->target, rng_next(p->e->rng), 8);
		break;
	case INSN_AAM:
		if (rng_percent(p->e->rng, 30))
			set_tail(p, in, 1, 0);
		break;
	case INSN_MASKMOVDQU:
	case INSN_VMASKMOVDQU:
		aim_mask(p, in->rm);
		break;
	default:
		break;
	}
}

void prepare_after(struct preparation *p, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	struct rng *rng = p->e->rng;
	u8 value[16];

	aim_by_id(p, in);
	if (row->attr & ROW_MASKED && row->space == SPACE_VEX &&
	    p->e->is_memory) {
		if (row->op[1] == OP_VSIBd || row->op[1] == OP_VSIBq)
			aim_gather(p, in);
		else
			aim_mask(p, in->vvvv);
	}
	if (row->attr & (ROW_FP | ROW_X87) && p->e->is_memory &&
	    rng_percent(rng, 50)) {
		if (row->id == INSN_VCVTPH2PS)
			value_halves(rng, value);
		else if (is_from_integer(row))
			return;
		else
			value_vector(rng, value);
		if (row->id != INSN_FLDCW)
			poke(p, p->e->target, value, sizeof(value));
	}
}
