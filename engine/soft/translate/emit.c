/* SPDX-License-Identifier: MIT */
/* See emit.h. */
#include "engine/soft/translate/emit.h"

#include <assert.h>
#include <string.h>

#include "engine/core/decode/row.h"

void emit_byte(struct emit *e, u8 byte)
{
	if (unlikely(e->at >= e->end)) {
		e->full = true;
		return;
	}
	*e->at++ = byte;
}

void emit_u32(struct emit *e, u32 value)
{
	if (unlikely(e->end - e->at < (ptrdiff_t)sizeof(value))) {
		e->full = true;
		return;
	}
	memcpy(e->at, &value, sizeof(value));
	e->at += sizeof(value);
}

/* The parts of emit_insn(), which has seen to the room: each writes at `at` and
 * answers where it ends. */

static u8 *put_u32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

/* ModRM, SIB and displacement. [SDM2 2.1.5 "Addressing-Mode Encoding"] */
static u8 *put_modrm(u8 *at, u8 reg, const struct place *rm)
{
	u8 field = (u8)((reg & 7) << 3), base = rm->base & 7, mod;
	bool sib = rm->index != H_NONE || base == 4;

	if (rm->kind == PLACE_REG) {
		*at++ = (u8)(0xc0 | field | base);
		return at;
	}
	if (rm->base == H_NONE) {
		*at++ = field | 4;
		*at++ = rm->index == H_NONE ? 0x25
					    : (u8)(rm->scale << 6 |
						   (rm->index & 7) << 3 | 5);
		return put_u32(at, (u32)rm->disp);
	}
	mod = rm->disp == 0 && base != 5 ? 0 : rm->disp == (s8)rm->disp ? 1 : 2;
	*at++ = (u8)(mod << 6 | field | (sib ? 4 : base));
	if (sib)
		*at++ = (u8)(rm->scale << 6 |
			     (rm->index == H_NONE ? 4 : rm->index & 7) << 3 |
			     base);
	if (mod == 1)
		*at++ = (u8)rm->disp;
	else if (mod == 2)
		at = put_u32(at, (u32)rm->disp);
	return at;
}

static u8 high_bit(u8 reg)
{
	return reg != H_NONE && (reg & 8) ? 1 : 0;
}

static u8 *put_vex(u8 *at, const struct encoding *c)
{
	static const u8 maps[] = {[MAP_0F] = 1, [MAP_0F38] = 2, [MAP_0F3A] = 3};
	u8 pp = c->prefix == 0x66   ? 1
		: c->prefix == 0xf3 ? 2
		: c->prefix == 0xf2 ? 3
				    : 0;

	*at++ = 0xc4;
	*at++ = (u8)((high_bit(c->reg) ^ 1) << 7 |
		     (high_bit(c->rm.index) ^ 1) << 6 |
		     (high_bit(c->rm.base) ^ 1) << 5 | maps[c->map]);
	*at++ = (u8)(c->wide << 7 | (~c->vvvv & 15) << 3 | c->vex_long << 2 | pp);
	return at;
}

static u8 *put_legacy(u8 *at, const struct encoding *c)
{
	u8 rex = (u8)(c->wide << 3 | high_bit(c->reg) << 2 |
		      high_bit(c->rm.index) << 1 | high_bit(c->rm.base));

	if (c->lock)
		*at++ = 0xf0;
	if (c->opsize && c->prefix != 0x66)
		*at++ = 0x66;
	if (c->prefix)
		*at++ = c->prefix;
	if (rex || c->rex)
		*at++ = 0x40 | rex;
	if (c->map != MAP_ONE)
		*at++ = 0x0f;
	if (c->map == MAP_0F38)
		*at++ = 0x38;
	else if (c->map == MAP_0F3A)
		*at++ = 0x3a;
	return at;
}

void emit_insn(struct emit *e, const struct encoding *c)
{
	u8 *at = e->at;

	if (e->end - at < EMIT_INSN_MAX) {
		e->full = true;
		return;
	}
	if (c->rm.kind == PLACE_GS && c->form == FORM_MODRM)
		*at++ = 0x65;
	at = c->vex ? put_vex(at, c) : put_legacy(at, c);
	*at++ = c->form == FORM_OPCODE ? (u8)(c->opcode | (c->rm.base & 7))
				       : c->opcode;
	if (c->form == FORM_MODRM)
		at = put_modrm(at, c->reg, &c->rm);
	memcpy(at, &c->imm, sizeof(c->imm)); /* what is too much goes over */
	e->at = at + c->imm_bytes;
}

static void emit_sized(struct emit *e, u8 op, u8 reg, struct place rm, u8 bytes)
{
	struct encoding c = {.opcode = op,
			     .reg = reg,
			     .rm = rm,
			     .wide = bytes == 8,
			     .opsize = bytes == 2};

	emit_insn(e, &c);
}

void emit_op(struct emit *e, u8 op, u8 reg, struct place rm)
{
	emit_sized(e, op, reg, rm, 8);
}

void emit_op32(struct emit *e, u8 op, u8 reg, struct place rm)
{
	emit_sized(e, op, reg, rm, 4);
}

void emit_op16(struct emit *e, u8 op, u8 reg, struct place rm)
{
	emit_sized(e, op, reg, rm, 2);
}

void emit_movzx8(struct emit *e, u8 reg, struct place rm)
{
	struct encoding c = {.map = MAP_0F, .opcode = 0xb6, .reg = reg, .rm = rm};

	emit_insn(e, &c);
}

void emit_movzx16(struct emit *e, u8 reg, struct place rm)
{
	struct encoding c = {.map = MAP_0F, .opcode = 0xb7, .reg = reg, .rm = rm};

	emit_insn(e, &c);
}

static void emit_group1(struct emit *e, u8 op, struct place rm, s32 imm,
			bool wide)
{
	bool small = imm == (s8)imm;
	struct encoding c = {.opcode = small ? 0x83 : 0x81,
			     .reg = op,
			     .rm = rm,
			     .wide = wide,
			     .imm_bytes = small ? 1 : 4,
			     .imm = (u64)(s64)imm};

	emit_insn(e, &c);
}

void emit_alu_imm(struct emit *e, u8 op, struct place rm, s32 imm)
{
	emit_group1(e, op, rm, imm, true);
}

void emit_alu_imm32(struct emit *e, u8 op, struct place rm, s32 imm)
{
	emit_group1(e, op, rm, imm, false);
}

void emit_shift_imm(struct emit *e, u8 op, u8 reg, u8 count)
{
	struct encoding c = {.opcode = 0xc1,
			     .reg = op,
			     .rm = IN_REG(reg),
			     .imm_bytes = 1,
			     .imm = count};

	emit_insn(e, &c);
}

void emit_shift64_imm(struct emit *e, u8 op, u8 reg, u8 count)
{
	struct encoding c = {.opcode = 0xc1,
			     .reg = op,
			     .rm = IN_REG(reg),
			     .wide = true,
			     .imm_bytes = 1,
			     .imm = count};

	emit_insn(e, &c);
}

void emit_load(struct emit *e, u8 reg, struct place from)
{
	emit_op(e, 0x8b, reg, from);
}

void emit_store(struct emit *e, struct place to, u8 reg)
{
	emit_op(e, 0x89, reg, to);
}

void emit_lea(struct emit *e, u8 reg, struct place memory)
{
	emit_op(e, 0x8d, reg, memory);
}

void emit_lea32(struct emit *e, u8 reg, struct place memory)
{
	emit_op32(e, 0x8d, reg, memory);
}

void emit_mov_imm(struct emit *e, u8 reg, u64 value)
{
	struct encoding c = {.form = FORM_OPCODE,
			     .opcode = 0xb8,
			     .rm = IN_REG(reg),
			     .imm_bytes = 4,
			     .imm = value};

	if (value == (u64)(s64)(s32)value && value >> 32) {
		c.form = FORM_MODRM;
		c.opcode = 0xc7;
		c.wide = true;
	} else if (value >> 32) {
		c.wide = true;
		c.imm_bytes = 8;
	}
	emit_insn(e, &c);
}

void emit_store_imm(struct emit *e, struct place to, s32 imm)
{
	struct encoding c = {.opcode = 0xc7,
			     .rm = to,
			     .wide = true,
			     .imm_bytes = 4,
			     .imm = (u32)imm};

	emit_insn(e, &c);
}

void emit_store_imm32(struct emit *e, struct place to, u32 imm)
{
	struct encoding c = {
		.opcode = 0xc7, .rm = to, .imm_bytes = 4, .imm = imm};

	emit_insn(e, &c);
}

static u8 *distance(struct emit *e)
{
	u8 *field = e->at;

	emit_u32(e, 0);
	return field;
}

u8 *emit_jcc(struct emit *e, u8 cond)
{
	emit_byte(e, 0x0f);
	emit_byte(e, 0x80 | cond);
	return distance(e);
}

u8 *emit_jmp(struct emit *e)
{
	emit_byte(e, 0xe9);
	return distance(e);
}

u8 *emit_call(struct emit *e)
{
	emit_byte(e, 0xe8);
	return distance(e);
}

void emit_jmp_place(struct emit *e, struct place to)
{
	struct encoding c = {.opcode = 0xff, .reg = 4, .rm = to};

	emit_insn(e, &c);
}

/*
 * Four bytes at once: another view of them may be running. A field that is not
 * aligned is only ever changed by the thread that runs the code.
 */
void emit_fix(u8 *field, const u8 *target)
{
	s64 far = target - (field + 4);
	u32 value = (u32)far;

	assert(far == (s32)far);
	memcpy(field, &value, sizeof(value));
}
