/* SPDX-License-Identifier: MIT */
/*
 * Writing host instructions.
 *
 * One encoder serves both what the translator composes itself and the guest's
 * instructions that it writes again with other registers and addresses. It
 * writes through the writable view of the code cache; relative distances are
 * the same in the executable one. [SDM2 2 "Instruction Format"]
 */
#ifndef ENGINE_SOFT_TRANSLATE_EMIT_H
#define ENGINE_SOFT_TRANSLATE_EMIT_H

#include "engine/core/types.h"

#define EMIT_INSN_MAX 24 /* bytes that one emit_insn() writes at most */

/* Host registers by number; the guest's are enum gpr. */
enum {
	H_RAX,
	H_RCX,
	H_RDX,
	H_RBX,
	H_RSP,
	H_RBP,
	H_RSI,
	H_RDI,
	H_R8,
	H_R9,
	H_R10,
	H_R11,
	H_R12,
	H_R13,
	H_R14,
	H_R15,
	H_NONE = 0xff,
};

/* Where code goes. When there is no room, nothing is written and full is set. */
struct emit {
	u8 *at, *end; /* borrowed */
	bool full;
};

enum place_kind {
	PLACE_REG,    /* register `base` */
	PLACE_GS,     /* the same with the GS base added */
	PLACE_MEMORY, /* [base + index << scale + disp], either may be H_NONE */
};

struct place {
	u8 kind; /* enum place_kind */
	u8 base, index, scale;
	s32 disp;
};

#define IN_REG(reg) ((struct place){.kind = PLACE_REG, .base = (reg)})
#define IN_GS(offset)                     \
	((struct place){.kind = PLACE_GS, \
			.base = H_NONE,   \
			.index = H_NONE,  \
			.disp = (s32)(offset)})
#define IN_MEMORY(reg, offset)                \
	((struct place){.kind = PLACE_MEMORY, \
			.base = (reg),        \
			.index = H_NONE,      \
			.disp = (s32)(offset)})

enum emit_form {
	FORM_MODRM,  /* reg and rm */
	FORM_OPCODE, /* register in the opcode's low bits: rm.base */
	FORM_PLAIN,  /* neither */
};

struct encoding {
	u8 form; /* enum emit_form */
	u8 map;	 /* enum insn_map */
	u8 opcode;
	u8 prefix;   /* 0, 0x66, 0xf3, 0xf2: of the opcode; VEX: pp */
	bool opsize; /* a 66 besides */
	bool lock;
	bool wide; /* REX.W, VEX.W */
	bool rex;  /* some REX must stand: SPL..DIL */
	bool vex, vex_long;
	u8 vvvv;
	u8 reg;
	struct place rm;
	u8 imm_bytes;
	u64 imm;
};

void emit_insn(struct emit *e, const struct encoding *encoding);

/* 64-bit unless the name says otherwise; `op` is the one-byte opcode of the
 * form "reg, rm" (or "rm, reg", as the opcode has it). */
void emit_op(struct emit *e, u8 op, u8 reg, struct place rm);
void emit_op32(struct emit *e, u8 op, u8 reg, struct place rm);
void emit_op16(struct emit *e, u8 op, u8 reg, struct place rm);
void emit_movzx8(struct emit *e, u8 reg, struct place rm); /* not AH..DIL */
void emit_movzx16(struct emit *e, u8 reg, struct place rm);
/* Group 1: op is its /digit (0 ADD, 4 AND, 5 SUB, 7 CMP …). */
void emit_alu_imm(struct emit *e, u8 op, struct place rm, s32 imm);
void emit_alu_imm32(struct emit *e, u8 op, struct place rm, s32 imm);
void emit_shift_imm(struct emit *e, u8 op, u8 reg, u8 count); /* 32-bit */
void emit_shift64_imm(struct emit *e, u8 op, u8 reg, u8 count);
void emit_load(struct emit *e, u8 reg, struct place from);
void emit_store(struct emit *e, struct place to, u8 reg);
void emit_lea(struct emit *e, u8 reg, struct place memory);
void emit_lea32(struct emit *e, u8 reg, struct place memory);
void emit_mov_imm(struct emit *e, u8 reg, u64 value); /* shortest form */
void emit_store_imm(struct emit *e, struct place to, s32 imm);	 /* 64-bit */
void emit_store_imm32(struct emit *e, struct place to, u32 imm); /* 32-bit */
void emit_byte(struct emit *e, u8 byte);
void emit_u32(struct emit *e, u32 value);
/* Jumps with a 32-bit distance still to be filled: return where it stands. */
u8 *emit_jcc(struct emit *e, u8 cond);
u8 *emit_jmp(struct emit *e);
u8 *emit_call(struct emit *e);
void emit_jmp_place(struct emit *e, struct place to);
/* Makes the distance at `field` reach `target`; both in the writable view. */
void emit_fix(u8 *field, const u8 *target);

#endif
