/* SPDX-License-Identifier: MIT */
/*
 * Moves, broadcasts, 128-bit lane moves and bitwise logic: everything that needs
 * no arithmetic unit. They work where struct fpu_host is absent too.
 */
#include "engine/core/fpu/state.h"

static inline bool wide256(const struct insn *in)
{
	return in->flags & INSN_VEX_L;
}

/* Writes a whole register: low half, upper half or its VEX.128 zero. */
static inline void vex_set(struct x86_cpu *cpu, u32 reg, u64 low0, u64 low1)
{
	u64 *high = ymm_high(cpu, reg);
	u64 *low = xmm(cpu, reg);

	low[0] = low0;
	low[1] = low1;
	high[0] = high[1] = 0;
}

/* --- whole registers ------------------------------------------------------- */

static inline __attribute__((always_inline)) int
load16(struct x86_cpu *cpu, const struct insn *in, bool aligned)
{
	u64 value[2];
	int rc = gate_sse(cpu);

	if (unlikely(rc))
		return rc;
	if (!(in->flags & INSN_MEM)) {
		u64 *from = xmm(cpu, in->rm);
		u64 *to = xmm(cpu, in->reg);

		value[0] = from[0];
		value[1] = from[1];
		to[0] = value[0];
		to[1] = value[1];
		return X86_OK;
	}
	if (aligned) {
		rc = vec_align(cpu, in, 16, 16, false);
		if (unlikely(rc))
			return rc;
	}
	rc = operand_read(cpu, in, value, 16);
	if (likely(!rc)) {
		xmm(cpu, in->reg)[0] = value[0];
		xmm(cpu, in->reg)[1] = value[1];
	}
	return rc;
}

static int exec_load16(struct x86_cpu *cpu, const struct insn *in)
{
	return load16(cpu, in, false);
}

static int exec_load16_aligned(struct x86_cpu *cpu, const struct insn *in)
{
	return load16(cpu, in, true);
}

static inline __attribute__((always_inline)) int
store16(struct x86_cpu *cpu, const struct insn *in, bool aligned)
{
	u64 *from = xmm(cpu, in->reg);
	int rc = gate_sse(cpu);

	if (unlikely(rc))
		return rc;
	if (!(in->flags & INSN_MEM)) {
		u64 value[2] = {from[0], from[1]};

		xmm(cpu, in->rm)[0] = value[0];
		xmm(cpu, in->rm)[1] = value[1];
		return X86_OK;
	}
	if (aligned) {
		rc = vec_align(cpu, in, 16, 16, true);
		if (unlikely(rc))
			return rc;
	}
	return operand_write(cpu, in, from, 16);
}

static int exec_store16(struct x86_cpu *cpu, const struct insn *in)
{
	return store16(cpu, in, false);
}

static int exec_store16_aligned(struct x86_cpu *cpu, const struct insn *in)
{
	return store16(cpu, in, true);
}

static void vex_copy(struct x86_cpu *cpu, u32 to, u32 from, bool both)
{
	u64 low[2] = {xmm(cpu, from)[0], xmm(cpu, from)[1]};
	u64 high[2] = {ymm_high(cpu, from)[0], ymm_high(cpu, from)[1]};

	vex_set(cpu, to, low[0], low[1]);
	if (both) {
		ymm_high(cpu, to)[0] = high[0];
		ymm_high(cpu, to)[1] = high[1];
	}
}

static int exec_vex_load(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value[4] = {0, 0, 0, 0};
	int rc = gate_avx(cpu);

	if (unlikely(rc))
		return rc;
	if (!(in->flags & INSN_MEM)) {
		vex_copy(cpu, in->reg, in->rm, wide256(in));
		return X86_OK;
	}
	rc = vec_read(cpu, in, value);
	if (rc)
		return rc;
	vex_set(cpu, in->reg, value[0], value[1]);
	ymm_high(cpu, in->reg)[0] = value[2];
	ymm_high(cpu, in->reg)[1] = value[3];
	return X86_OK;
}

static int exec_vex_store(struct x86_cpu *cpu, const struct insn *in)
{
	u64 *low = xmm(cpu, in->reg);
	u64 *high = ymm_high(cpu, in->reg);
	u64 value[4] = {low[0], low[1], high[0], high[1]};
	int rc = gate_avx(cpu);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM)
		return vec_write(cpu, in, value);
	vex_copy(cpu, in->rm, in->reg, wide256(in));
	return X86_OK;
}

static insn_exec_fn whole_bind(const struct insn *in, bool store)
{
	bool aligned = insn_rows[in->row].attr & ROW_ALIGNED;

	if (in->flags & INSN_VEX)
		return store ? exec_vex_store : exec_vex_load;
	if (store)
		return aligned ? exec_store16_aligned : exec_store16;
	return aligned ? exec_load16_aligned : exec_load16;
}

/* --- scalars and halves ---------------------------------------------------- */

static inline u32 scalar_bytes(const struct insn *in)
{
	return in->id == INSN_MOVSS || in->id == INSN_VMOVSS ? 4 : 8;
}

/* MOVSS, MOVSD: from memory the rest becomes zero, from a register it is the
 * destination's own or, with VEX, that of VEX.vvvv. */
static int exec_scalar_load(struct x86_cpu *cpu, const struct insn *in)
{
	bool vex = in->flags & INSN_VEX;
	u64 value[2] = {0, 0};
	int rc = gate_vec(cpu, in);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM) {
		rc = scalar_bytes(in) == 4 ? operand_read(cpu, in, value, 4)
					   : operand_read(cpu, in, value, 8);
		if (unlikely(rc))
			return rc;
	} else {
		const u64 *rest = xmm(cpu, vex ? in->vvvv : in->reg);

		value[0] = xmm(cpu, in->rm)[0];
		if (scalar_bytes(in) == 4)
			value[0] = (value[0] & 0xffffffff) |
				   (rest[0] & 0xffffffff00000000);
		value[1] = rest[1];
	}
	xmm(cpu, in->reg)[0] = value[0];
	xmm(cpu, in->reg)[1] = value[1];
	if (vex)
		bytes_zero(ymm_high(cpu, in->reg), 16);
	return X86_OK;
}

static int exec_scalar_store(struct x86_cpu *cpu, const struct insn *in)
{
	bool vex = in->flags & INSN_VEX;
	u64 value = *xmm(cpu, in->reg);
	const u64 *rest = xmm(cpu, vex ? in->vvvv : in->rm);
	u64 high = rest[1];
	int rc = gate_vec(cpu, in);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM)
		return scalar_bytes(in) == 4 ? operand_write(cpu, in, &value, 4)
					     : operand_write(cpu, in, &value, 8);
	if (scalar_bytes(in) == 4)
		value = (value & 0xffffffff) | (rest[0] & 0xffffffff00000000);
	xmm(cpu, in->rm)[0] = value;
	xmm(cpu, in->rm)[1] = high;
	if (vex)
		bytes_zero(ymm_high(cpu, in->rm), 16);
	return X86_OK;
}

/* MOVLPS, MOVHPS and twins, MOVHLPS, MOVLHPS: one 64-bit half. */
static int half_load(struct x86_cpu *cpu, const struct insn *in, u32 half,
		     u32 from_half)
{
	bool vex = in->flags & INSN_VEX;
	u64 value, rest;
	int rc = gate_vec(cpu, in);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM) {
		rc = operand_read(cpu, in, &value, 8);
		if (unlikely(rc))
			return rc;
	} else {
		value = xmm(cpu, in->rm)[from_half];
	}
	rest = xmm(cpu, vex ? in->vvvv : in->reg)[half ^ 1];
	xmm(cpu, in->reg)[half] = value;
	xmm(cpu, in->reg)[half ^ 1] = rest;
	if (vex)
		bytes_zero(ymm_high(cpu, in->reg), 16);
	return X86_OK;
}

static int exec_low_load(struct x86_cpu *cpu, const struct insn *in)
{
	return half_load(cpu, in, 0, 1);
}

static int exec_high_load(struct x86_cpu *cpu, const struct insn *in)
{
	return half_load(cpu, in, 1, 0);
}

static int exec_low_store(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_vec(cpu, in);

	return rc ? rc : operand_write(cpu, in, &xmm(cpu, in->reg)[0], 8);
}

static int exec_high_store(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_vec(cpu, in);

	return rc ? rc : operand_write(cpu, in, &xmm(cpu, in->reg)[1], 8);
}

static int exec_movq_load(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = *xmm(cpu, in->rm);
	int rc = gate_vec(cpu, in);

	if (!rc && in->flags & INSN_MEM)
		rc = operand_read(cpu, in, &value, 8);
	if (unlikely(rc))
		return rc;
	xmm(cpu, in->reg)[0] = value;
	xmm(cpu, in->reg)[1] = 0;
	if (in->flags & INSN_VEX)
		bytes_zero(ymm_high(cpu, in->reg), 16);
	return X86_OK;
}

static int exec_movq_store(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = *xmm(cpu, in->reg);
	int rc = gate_vec(cpu, in);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM)
		return operand_write(cpu, in, &value, 8);
	xmm(cpu, in->rm)[0] = value;
	xmm(cpu, in->rm)[1] = 0;
	if (in->flags & INSN_VEX)
		bytes_zero(ymm_high(cpu, in->rm), 16);
	return X86_OK;
}

/* --- general registers ----------------------------------------------------- */

static inline bool gpr64(const struct x86_cpu *cpu, const struct insn *in)
{
	return in->flags & INSN_W && cpu->code == CODE_64;
}

static int general_read(struct x86_cpu *cpu, const struct insn *in, u64 *ret)
{
	*ret = 0;
	if (!(in->flags & INSN_MEM))
		*ret = gpr64(cpu, in) ? cpu->gpr[in->rm] : (u32)cpu->gpr[in->rm];
	else if (gpr64(cpu, in))
		return operand_read(cpu, in, ret, 8);
	else
		return operand_read(cpu, in, ret, 4);
	return X86_OK;
}

static int general_write(struct x86_cpu *cpu, const struct insn *in, u64 value)
{
	if (!(in->flags & INSN_MEM))
		cpu->gpr[in->rm] = gpr64(cpu, in) ? value : (u32)value;
	else if (gpr64(cpu, in))
		return operand_write(cpu, in, &value, 8);
	else
		return operand_write(cpu, in, &value, 4);
	return X86_OK;
}

static int exec_movd_to_vec(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value;
	int rc = gate_vec(cpu, in);

	if (!rc)
		rc = general_read(cpu, in, &value);
	if (unlikely(rc))
		return rc;
	xmm(cpu, in->reg)[0] = value;
	xmm(cpu, in->reg)[1] = 0;
	if (in->flags & INSN_VEX)
		bytes_zero(ymm_high(cpu, in->reg), 16);
	return X86_OK;
}

static int exec_movd_from_vec(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_vec(cpu, in);

	return rc ? rc : general_write(cpu, in, *xmm(cpu, in->reg));
}

/* --- MMX ------------------------------------------------------------------- */

static int exec_movd_to_mmx(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value;
	int rc = gate_mmx(cpu);

	if (!rc)
		rc = general_read(cpu, in, &value);
	if (rc)
		return rc;
	mmx_enter(cpu);
	mmx_set(cpu, in->reg, value);
	return X86_OK;
}

static int exec_movd_from_mmx(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_mmx(cpu);

	if (rc)
		return rc;
	rc = general_write(cpu, in, mmx_get(cpu, in->reg));
	mmx_enter_store(cpu, rc);
	return rc;
}

static int exec_movq_mmx_load(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = mmx_get(cpu, in->rm);
	int rc = gate_mmx(cpu);

	if (!rc && in->flags & INSN_MEM)
		rc = operand_read(cpu, in, &value, 8);
	if (rc)
		return rc;
	mmx_enter(cpu);
	mmx_set(cpu, in->reg, value);
	return X86_OK;
}

/* MOVQ to mm/m64, MOVNTQ */
static int exec_movq_mmx_store(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = mmx_get(cpu, in->reg);
	int rc = gate_mmx(cpu);

	if (rc)
		return rc;
	if (in->flags & INSN_MEM)
		rc = operand_write(cpu, in, &value, 8);
	mmx_enter_store(cpu, rc);
	if (!(in->flags & INSN_MEM))
		mmx_set(cpu, in->rm, value);
	return rc;
}

static int gate_mixed(struct x86_cpu *cpu)
{
	int rc = gate_sse(cpu);

	return rc ? rc : gate_pending(cpu);
}

static int exec_movq2dq(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_mixed(cpu);

	if (rc)
		return rc;
	mmx_enter(cpu);
	xmm(cpu, in->reg)[0] = *mmx(cpu, in->rm);
	xmm(cpu, in->reg)[1] = 0;
	return X86_OK;
}

static int exec_movdq2q(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_mixed(cpu);

	if (rc)
		return rc;
	mmx_enter(cpu);
	mmx_set(cpu, in->reg, *xmm(cpu, in->rm));
	return X86_OK;
}

/* --- bitwise logic --------------------------------------------------------- */

enum logic { LOGIC_AND, LOGIC_ANDN, LOGIC_OR, LOGIC_XOR };

static inline u64 logic(enum logic how, u64 a, u64 b)
{
	switch (how) {
	case LOGIC_AND:
		return a & b;
	case LOGIC_ANDN:
		return ~a & b;
	case LOGIC_OR:
		return a | b;
	case LOGIC_XOR:
		break;
	}
	return a ^ b;
}

static inline __attribute__((always_inline)) int
logic_sse(struct x86_cpu *cpu, const struct insn *in, enum logic how)
{
	u64 *to = xmm(cpu, in->reg);
	const u64 *from = xmm(cpu, in->rm);
	u64 value[2], result;
	int rc = gate_sse(cpu);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM) {
		if (vec_must_align(cpu, in))
			rc = vec_align(cpu, in, 16, 16, false);
		if (!rc)
			rc = operand_read(cpu, in, value, 16);
		if (unlikely(rc))
			return rc;
		from = value;
	}
	result = logic(how, to[1], from[1]);
	to[0] = logic(how, to[0], from[0]);
	to[1] = result;
	return X86_OK;
}

static inline __attribute__((always_inline)) int
logic_vex(struct x86_cpu *cpu, const struct insn *in, enum logic how)
{
	const u64 *low = xmm(cpu, in->vvvv), *high = ymm_high(cpu, in->vvvv);
	u64 value[4] = {0, 0, 0, 0};
	u64 h0, h1;
	int rc = gate_avx(cpu);

	if (unlikely(rc))
		return rc;
	if (in->flags & INSN_MEM) {
		rc = vec_read(cpu, in, value);
		if (unlikely(rc))
			return rc;
	} else {
		bytes_copy(value, xmm(cpu, in->rm), 16);
		bytes_copy(value + 2, ymm_high(cpu, in->rm), 16);
	}
	h0 = logic(how, high[0], value[2]);
	h1 = logic(how, high[1], value[3]);
	vex_set(cpu, in->reg, logic(how, low[0], value[0]),
		logic(how, low[1], value[1]));
	if (wide256(in)) {
		ymm_high(cpu, in->reg)[0] = h0;
		ymm_high(cpu, in->reg)[1] = h1;
	}
	return X86_OK;
}

#define LOGIC(name, how)                                                    \
	static int exec_##name(struct x86_cpu *cpu, const struct insn *in)  \
	{                                                                   \
		return logic_sse(cpu, in, how);                             \
	}                                                                   \
	static int exec_v##name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                                   \
		return logic_vex(cpu, in, how);                             \
	}
LOGIC(and, LOGIC_AND)
LOGIC(andn, LOGIC_ANDN)
LOGIC(or, LOGIC_OR)
LOGIC(xor, LOGIC_XOR)

/* --- broadcasts and 128-bit lanes ------------------------------------------ */

static u32 broadcast_bytes(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_VPBROADCASTB:
		return 1;
	case INSN_VPBROADCASTW:
		return 2;
	case INSN_VPBROADCASTD:
	case INSN_VBROADCASTSS:
		return 4;
	case INSN_VPBROADCASTQ:
	case INSN_VBROADCASTSD:
		return 8;
	default:
		return 16;
	}
}

static int exec_broadcast(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = broadcast_bytes(in);
	u8 value[32];
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	bytes_copy(value, xmm(cpu, in->rm), 16);
	if (in->flags & INSN_MEM)
		rc = vec_read(cpu, in, value);
	if (rc)
		return rc;
	for (u32 i = size; i < 32; i++)
		value[i] = value[i - size];
	bytes_copy(xmm(cpu, in->reg), value, 16);
	if (wide256(in))
		bytes_copy(ymm_high(cpu, in->reg), value + 16, 16);
	else
		bytes_zero(ymm_high(cpu, in->reg), 16);
	return X86_OK;
}

static int exec_extract128(struct x86_cpu *cpu, const struct insn *in)
{
	u64 *from = in->imm & 1 ? ymm_high(cpu, in->reg) : xmm(cpu, in->reg);
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	if (in->flags & INSN_MEM)
		return operand_write(cpu, in, from, 16);
	vex_set(cpu, in->rm, from[0], from[1]);
	return X86_OK;
}

static int exec_insert128(struct x86_cpu *cpu, const struct insn *in)
{
	u64 lane[2], low[2], high[2];
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	bytes_copy(lane, xmm(cpu, in->rm), 16);
	if (in->flags & INSN_MEM)
		rc = operand_read(cpu, in, lane, 16);
	if (rc)
		return rc;
	bytes_copy(low, xmm(cpu, in->vvvv), 16);
	bytes_copy(high, ymm_high(cpu, in->vvvv), 16);
	bytes_copy(in->imm & 1 ? high : low, lane, 16);
	bytes_copy(xmm(cpu, in->reg), low, 16);
	bytes_copy(ymm_high(cpu, in->reg), high, 16);
	return X86_OK;
}

/* --- binding --------------------------------------------------------------- */

static insn_exec_fn logic_bind(const struct insn *in)
{
	if (insn_rows[in->row].attr & ROW_MMX)
		return NULL;
	switch ((enum insn_id)in->id) {
	case INSN_PAND:
	case INSN_ANDPS:
	case INSN_ANDPD:
		return exec_and;
	case INSN_PANDN:
	case INSN_ANDNPS:
	case INSN_ANDNPD:
		return exec_andn;
	case INSN_POR:
	case INSN_ORPS:
	case INSN_ORPD:
		return exec_or;
	case INSN_PXOR:
	case INSN_XORPS:
	case INSN_XORPD:
		return exec_xor;
	case INSN_VPAND:
	case INSN_VANDPS:
	case INSN_VANDPD:
		return exec_vand;
	case INSN_VPANDN:
	case INSN_VANDNPS:
	case INSN_VANDNPD:
		return exec_vandn;
	case INSN_VPOR:
	case INSN_VORPS:
	case INSN_VORPD:
		return exec_vor;
	case INSN_VPXOR:
	case INSN_VXORPS:
	case INSN_VXORPD:
		return exec_vxor;
	default:
		return NULL;
	}
}

static insn_exec_fn lane_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_VBROADCASTSS:
	case INSN_VBROADCASTSD:
	case INSN_VBROADCASTF128:
	case INSN_VBROADCASTI128:
	case INSN_VPBROADCASTB:
	case INSN_VPBROADCASTW:
	case INSN_VPBROADCASTD:
	case INSN_VPBROADCASTQ:
		return exec_broadcast;
	case INSN_VEXTRACTF128:
	case INSN_VEXTRACTI128:
		return exec_extract128;
	case INSN_VINSERTF128:
	case INSN_VINSERTI128:
		return exec_insert128;
	default:
		return logic_bind(in);
	}
}

static insn_exec_fn part_bind(const struct insn *in)
{
	bool store = in->opcode & 1; /* of the pairs 10/11, 12/13, 16/17 */

	switch ((enum insn_id)in->id) {
	case INSN_MOVSS:
	case INSN_MOVSD_VEC:
	case INSN_VMOVSS:
	case INSN_VMOVSD:
		return store ? exec_scalar_store : exec_scalar_load;
	case INSN_MOVLPS:
	case INSN_MOVLPD:
	case INSN_VMOVLPS:
	case INSN_VMOVLPD:
	case INSN_MOVHLPS:
	case INSN_VMOVHLPS:
		return store ? exec_low_store : exec_low_load;
	case INSN_MOVHPS:
	case INSN_MOVHPD:
	case INSN_VMOVHPS:
	case INSN_VMOVHPD:
	case INSN_MOVLHPS:
	case INSN_VMOVLHPS:
		return store ? exec_high_store : exec_high_load;
	case INSN_MOVQ_LOAD:
	case INSN_VMOVQ_LOAD:
		return exec_movq_load;
	case INSN_MOVQ_STORE:
	case INSN_VMOVQ_STORE:
		return exec_movq_store;
	case INSN_MOVD_TO_VEC:
	case INSN_VMOVD_TO_VEC:
		return exec_movd_to_vec;
	case INSN_MOVD_FROM_VEC:
	case INSN_VMOVD_FROM_VEC:
		return exec_movd_from_vec;
	case INSN_MOVD_TO_MMX:
		return exec_movd_to_mmx;
	case INSN_MOVD_FROM_MMX:
		return exec_movd_from_mmx;
	case INSN_MOVQ_MMX:
		return in->opcode == 0x6f ? exec_movq_mmx_load
					  : exec_movq_mmx_store;
	case INSN_MOVNTQ:
		return exec_movq_mmx_store;
	case INSN_MOVQ2DQ:
		return exec_movq2dq;
	case INSN_MOVDQ2Q:
		return exec_movdq2q;
	default:
		return lane_bind(in);
	}
}

insn_exec_fn vec_move_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_MOVAPS:
	case INSN_MOVAPD:
	case INSN_VMOVAPS:
	case INSN_VMOVAPD:
		return whole_bind(in, in->opcode == 0x29);
	case INSN_MOVUPS:
	case INSN_MOVUPD:
	case INSN_VMOVUPS:
	case INSN_VMOVUPD:
		return whole_bind(in, in->opcode == 0x11);
	case INSN_MOVDQA:
	case INSN_MOVDQU:
	case INSN_VMOVDQA:
	case INSN_VMOVDQU:
		return whole_bind(in, in->opcode == 0x7f);
	case INSN_LDDQU:
	case INSN_VLDDQU:
	case INSN_MOVNTDQA:
	case INSN_VMOVNTDQA:
		return whole_bind(in, false);
	case INSN_MOVNTPS:
	case INSN_MOVNTPD:
	case INSN_MOVNTDQ:
	case INSN_VMOVNTPS:
	case INSN_VMOVNTPD:
	case INSN_VMOVNTDQ:
		return whole_bind(in, true);
	default:
		return part_bind(in);
	}
}
