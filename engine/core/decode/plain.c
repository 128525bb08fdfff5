/* SPDX-License-Identifier: MIT */
/*
 * The short way for what most code is made of: in 64-bit mode, at most a REX
 * prefix, an opcode of one byte or behind 0F, operands in general registers and
 * memory. It reads the same tables as decode.c and fills in the same, but knows
 * much beforehand. Whatever is not like that is declined before *ret is touched.
 */
#include "engine/core/decode/form.h"

#include "engine/core/decode/decode.h"
#include "engine/core/decode/row.h"

enum {
	REX_B = 1,
	REX_X = 2,
	REX_R = 4,
	REX_W = 8,
	RM_SIB = 4,  /* ModRM.rm: a SIB byte follows; SIB.index: none */
	RM_DISP = 5, /* … without base, where ModRM.mod is 0 */
};

/* log2 of the operand's size by enum opsize_rule, without and with REX.W, where
 * no prefix changes it. */
static const u8 plain_size[][2] = {
	[SIZE_V] = {2, 3},   [SIZE_B] = {0, 0}, [SIZE_D64] = {3, 3},
	[SIZE_F64] = {3, 3}, [SIZE_Z] = {2, 2}, [SIZE_W] = {1, 1},
	[SIZE_D] = {2, 2},   [SIZE_Y] = {2, 3}, [SIZE_Q] = {3, 3},
	[SIZE_M] = {3, 3},
};

/* The form whose row the bytes select; NULL: none, or not a plain one. `key`
 * lacks what ModRM adds, or REX.B where there is none. */
static const struct form *plain_form(u32 key, u32 rex, u32 modrm)
{
	u32 row = insn_last_form[key & KEY_OPCODE];
	const struct form *form;

	if (!row)
		return NULL;
	form = &insn_forms[row - 1];
	if (form->info & NEEDS_MODRM) {
		key |= (modrm & 0x38) << (KEY_REG - 3) | (modrm & 7) << KEY_RM;
		key |= modrm >= 0xc0 ? KEY_MOD3 : 0u;
	} else {
		key |= (rex & REX_B) << KEY_RM;
	}
	for (;; form--) {
		u32 differs = (key ^ form->value) & form->mask;

		if (!differs)
			return form->info & IS_PLAIN ? form : NULL;
		if (differs & KEY_OPCODE || form == insn_forms)
			return NULL;
	}
}

/* Reads ModRM's memory operand at `at`; answers what follows it. */
static const u8 *plain_address(const u8 *at, u32 modrm, u32 rex,
			       struct insn *ret)
{
	u32 mod = modrm >> 6, base = modrm & 7, index = GPR_ZERO;

	ret->scale = 0;
	if (base == RM_SIB) {
		u32 sib = *at++;

		base = sib & 7;
		index = (sib >> 3 & 7) | (rex & REX_X) << 2;
		if (index == RM_SIB)
			index = GPR_ZERO;
		ret->scale = (u8)(sib >> 6);
		if (base == RM_DISP && mod == 0)
			base = GPR_ZERO;
	} else if (base == RM_DISP && mod == 0) {
		base = GPR_RIP;
	}
	ret->index_off = GPR_OFFSET(index);
	if (base >= GPR_ZERO)
		mod = 2;
	else
		base |= (rex & REX_B) << 3;
	ret->base_off = GPR_OFFSET(base);
	if (mod == 0) {
		ret->disp = 0;
		return at;
	}
	if (mod == 1) {
		ret->disp = (s8)*at;
		return at + 1;
	}
	__builtin_memcpy(&ret->disp, at, 4);
	return at + 4;
}

static const u8 *plain_immediate(const u8 *at, u32 kind, u32 op_size, u64 *ret)
{
	s32 value;

	if (kind == IMM_BS) {
		*ret = (u64)(s8)*at;
		return at + 1;
	}
	if (kind == IMM_B) {
		*ret = *at;
		return at + 1;
	}
	if (kind == IMM_V && op_size == 3) {
		__builtin_memcpy(ret, at, 8);
		return at + 8;
	}
	__builtin_memcpy(&value, at, 4);
	*ret = kind == IMM_V ? (u64)(u32)value : (u64)value;
	return at + 4;
}

static u8 byte_offset(u32 reg, u32 flags)
{
	if (reg >= 4 && reg < 8 && !(flags & INSN_REX))
		return (u8)(GPR_OFFSET(reg - 4) + 1);
	return GPR_OFFSET(reg);
}

bool decode_plain(const u8 *bytes, struct insn *ret)
{
	const u8 *at = bytes;
	const struct form *form;
	u32 rex = 0, flags = 0, byte = *at++, key, modrm = 0, info, reg, rm = 0;

	if ((byte & 0xf0) == 0x40) {
		rex = byte & 15;
		flags = INSN_REX | (rex & REX_W ? INSN_W : 0u);
		byte = *at++;
	}
	key = SPACE_LEGACY << KEY_SPACE | MAP_ONE << KEY_MAP | KEY_64;
	if (byte == 0x0f) {
		byte = *at++;
		key |= MAP_0F << KEY_MAP;
	}
	key |= byte | (rex & REX_W ? KEY_W : 0u);
	form = plain_form(key, rex, *at);
	if (!form)
		return false;
	info = form->info;
	ret->exec = NULL;
	ret->imm = 0;
	ret->row = (u16)(form - insn_forms);
	ret->id = (u16)form->id;
	ret->opcode = (u8)byte;
	ret->cond = byte & 15;
	ret->op_size = plain_size[info >> INFO_SIZE & 15][rex >> 3];
	ret->addr_size = CODE_64;
	ret->seg = SEG_NONE;
	ret->vvvv = ret->index_vec = 0;
	if (info & NEEDS_MODRM) {
		modrm = *at++;
		flags |= INSN_MODRM;
		rm = (modrm & 7) | (rex & REX_B) << 3;
	}
	if (modrm < 0xc0 && info & NEEDS_MODRM) {
		flags |= INSN_MEM;
		at = plain_address(at, modrm, rex, ret);
	} else {
		ret->base_off = ret->index_off = GPR_OFFSET(GPR_ZERO);
		ret->scale = 0;
		ret->disp = 0;
	}
	if (info & IMM_MASK)
		at = plain_immediate(at, info & IMM_MASK, ret->op_size,
				     &ret->imm);
	if (info & REG_OPCODE)
		reg = (byte & 7) | (rex & REX_B) << 3;
	else
		reg = (modrm >> 3 & 7) | (rex & REX_R) << 1;
	ret->modrm = (u8)modrm;
	ret->reg = (u8)reg;
	ret->rm = (u8)rm;
	ret->reg_off = info & REG_BYTE ? byte_offset(reg, flags)
				       : GPR_OFFSET(reg);
	ret->rm_off = info & RM_BYTE ? byte_offset(rm, flags) : GPR_OFFSET(rm);
	ret->flags = (u16)flags;
	ret->len = (u8)(at - bytes);
	return true;
}
