/* SPDX-License-Identifier: MIT */
/*
 * What the decoder knows of a row: a mask and a value over a key made from the
 * bytes, and what its operands ask to be read. Private to decode.c; form.c
 * makes the tables from the row lists.
 *
 * insn_last_form[] gives, for an encoding space, map and opcode, the last row
 * that may match; rows are tried backwards from there until the opcode part of
 * the key no longer agrees. So the last matching row of a list wins.
 */
#ifndef ENGINE_CORE_DECODE_FORM_H
#define ENGINE_CORE_DECODE_FORM_H

#include "engine/core/types.h"

/* clang-format off */

/* The key: what selects a row. The low eleven bits index insn_last_form[]. */
enum {
	KEY_MAP = 8,         /* enum insn_map, two bits */
	KEY_SPACE = 10,      /* enum insn_space */
	KEY_PLACES = 1 << 11,
	KEY_OPCODE = KEY_PLACES - 1,
	KEY_PREFIX = 11,     /* enum insn_prefix less PFX_NONE, two bits */
	KEY_REG = 13,        /* ModRM.reg */
	KEY_RM = 16,         /* ModRM.rm, or REX.B where there is no ModRM */
	KEY_MOD3 = 1 << 19,
	KEY_W = 1 << 20,
	KEY_L = 1 << 21,
	KEY_VVVV = 1 << 22,  /* VEX.vvvv is not 1111b */
	KEY_64 = 1 << 23,
};

/* Immediates. IMM_W | IMM_B is ENTER's pair. */
enum {
	IMM_NONE, IMM_B, IMM_W, IMM_WB, IMM_BS, IMM_Z, IMM_V, IMM_A, IMM_O, IMM_L,
	IMM_MASK = 15
};

/* What the operands of a row together ask of the decoder. */
enum {
	INFO_MEM = 4,         /* memory operand's log2 + 1, four bits, or: */
	MEM_X = 7 << INFO_MEM, /* 16 bytes, 32 by VEX.L */
	MEM_W = 8 << INFO_MEM, /* 4 bytes, 8 by W */
	MEM_MASK = 15 << INFO_MEM,
	INFO_SIZE = 8,        /* enum opsize_rule, four bits */
	NEEDS_MODRM = 1 << 12,
	REG_BYTE = 1 << 13,   /* `reg` names a byte register */
	RM_BYTE = 1 << 14,    /* `rm` does */
	REG_OPCODE = 1 << 15, /* `reg` is in the opcode */
	REG_SEG = 1 << 16,    /* a segment register in the opcode */
	REG_CHECK = 1 << 17,  /* `reg` names something that may not exist */
	RM_IS_REG = 1 << 18,  /* ModRM.mod is ignored: taken as 3 */
	HAS_VSIB = 1 << 19,
	WIDE_GPR = 1 << 20,   /* W is the width of a general register */
	ANY_PREFIX = 1 << 21, /* F2 and F3 are not part of the opcode */
	MAY_LOCK = 1 << 22,
	IS_PLAIN = 1 << 23,   /* plain.c can read it */
};

/* clang-format on */

struct form {
	u32 mask, value; /* of the key */
	u32 info;
	u32 id; /* enum insn_id */
};

/* Where the bytes are that simple: decode_insn_for() of 64-bit code, for both
 * vendors. False: not done. At least INSN_LEN_MAX bytes can be read. */
struct insn;
bool decode_plain(const u8 *bytes, struct insn *ret);

extern const struct form insn_forms[];	     /* in the order of insn_rows[] */
extern const u16 insn_last_form[KEY_PLACES]; /* index + 1, 0: none */

#endif
