/* SPDX-License-Identifier: MIT */
/*
 * The decoder: bytes in, one struct insn out.
 *
 * Everything known about an encoding stands in one row of insn_rows[] (see
 * row.h); the decoder, the interpreter's binding of handlers, the test
 * generator and later the translator all read that table and nothing else.
 * Sources: [SDM2 2 "Instruction Format"], [SDM2 A "Opcode Map"],
 * [APM3 "Opcode and Operand Encodings"].
 */
#ifndef ENGINE_CORE_DECODE_DECODE_H
#define ENGINE_CORE_DECODE_DECODE_H

#include "engine/core/types.h"

#define INSN_LEN_MAX 15 /* [SDM2 2.3.11 "AVX Instruction Length"] */

struct x86_cpu;
struct insn;

/* Runs one decoded instruction; returns an enum x86_result (exec/exec.h). */
typedef int (*insn_exec_fn)(struct x86_cpu *cpu, const struct insn *in);

/* Width of the code segment being decoded. */
enum code_size { CODE_16, CODE_32, CODE_64 };

/*
 * General registers are addressed by their byte offset into x86_cpu.gpr[],
 * whose last two slots hold zero and the next instruction's RIP: an effective
 * address is then always base + (index << scale) + disp, with no case split.
 */
#define GPR_ZERO	 16u
#define GPR_RIP		 17u
#define GPR_SLOTS	 18u
#define GPR_OFFSET(slot) ((u8)((slot)*8u))

/* clang-format off */

/* insn.seg: the six, and "none" = base zero, never checked (64-bit mode). */
enum insn_seg {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_NONE, SEG_SLOTS
};

/* insn.flags */
enum {
	INSN_MODRM = 1 << 0,  /* has a ModRM byte */
	INSN_MEM = 1 << 1,    /* its r/m (or moffs) operand is memory */
	INSN_LOCK = 1 << 2,   /* LOCK (already checked legal here) */
	INSN_REP = 1 << 3,    /* F3, where it is not part of the opcode */
	INSN_REPNE = 1 << 4,  /* F2, likewise; the later of both counts */
	INSN_VEX = 1 << 5,    /* VEX encoded */
	INSN_VEX_L = 1 << 6,  /* 256-bit */
	INSN_W = 1 << 7,      /* REX.W or VEX.W; of a row whose W is the width of
			       * a general register, in 64-bit mode only */
	INSN_REX = 1 << 8,    /* any REX prefix in force */
	INSN_OPSIZE = 1 << 9, /* a 66 prefix was seen, part of the opcode or not */
	INSN_SEG_OVERRIDE = 1 << 10, /* an explicit segment override is in force */
	INSN_ADDRSIZE = 1 << 11,     /* a 67 prefix was seen */
};

struct insn {
	insn_exec_fn exec; /* filled by the interpreter, NULL from the decoder */
	u64 imm; /* immediate, sign-extended to 64 bits where the ISA extends;
		  * branch displacement sign-extended; moffs address;
		  * ENTER: size in bits 0-15, level in 16-23;
		  * far pointer: offset in bits 0-31, selector in 32-47 */
	s32 disp;      /* ModRM displacement, sign-extended */
	u16 row;       /* index into insn_rows[] */
	u16 id;        /* enum insn_id of that row */
	u16 flags;     /* INSN_* */
	u8 len;        /* total length in bytes, 1..15 */
	u8 op_size;    /* log2 of the operand size: 0 byte .. 3 quad, for GPR
			* rows; vector rows: of the memory operand 0..5 */
	u8 addr_size;  /* enum code_size of the effective address */
	u8 seg;        /* enum insn_seg to use for the memory operand; of string
			* rows for the source, their destination is always
			* ES (without base in 64-bit mode) */
	u8 base_off;   /* GPR_OFFSET of base, GPR_ZERO when none */
	u8 index_off;  /* of index, GPR_ZERO when none */
	u8 scale;      /* 0..3 */
	u8 reg;        /* ModRM.reg | REX.R<<3, or the opcode's register;
			* 0..5 where it is a segment register */
	u8 rm;         /* ModRM.rm | REX.B<<3 when mod == 3; no ModRM: 0 */
	u8 vvvv;       /* VEX.vvvv as a register number */
	u8 reg_off;    /* byte offset of `reg` in gpr[] as this row's GPR operand:
			* AH..BH = slot - 4, offset + 1, without REX */
	u8 rm_off;     /* likewise for `rm` */
	u8 cond;       /* condition code of Jcc/SETcc/CMOVcc: opcode & 15 */
	u8 modrm;      /* the raw byte (x87, groups, diagnostics) */
	u8 opcode;     /* the last opcode byte */
	u8 index_vec;  /* VSIB index register number (gathers), else 0 */
};

/* clang-format on */

/* Why bytes did not decode. */
enum decode_result {
	DECODE_OK = 0,
	DECODE_MORE = 1,     /* ran out of bytes: needs more than `size` */
	DECODE_UD = 2,	     /* no such instruction: #UD */
	DECODE_TOO_LONG = 3, /* over 15 bytes: #GP(0) */
};

/*
 * Decodes one instruction from bytes[0..size). Of more than 15 the rest means
 * nothing, but who has 48 readable bytes should say so: it saves a copy.
 * Fills *ret only on DECODE_OK. Looks at nothing but its arguments: CPUID
 * gating, XCR0, CPL and mode checks belong to the caller by the row's fields,
 * except that rows illegal in `code` (64-bit or not) give DECODE_UD.
 * A LOCK prefix on a row or form that may not take it gives DECODE_UD, and so
 * do control, debug and segment registers that do not exist or, CS, cannot be
 * loaded. Left to execution: which of a gather's registers must differ.
 */
enum decode_result decode_insn(const u8 *bytes, u32 size, enum code_size code,
			       struct insn *ret);

/*
 * The same as a CPU of that vendor reads it; decode_insn() is Intel. On AMD 66
 * makes near branches of 64-bit mode 16 bits wide (op_size 1), F3 41 90 is XCHG,
 * and some forms are #UD.
 */
enum decode_result decode_insn_for(const u8 *bytes, u32 size,
				   enum code_size code, bool amd,
				   struct insn *ret);

/* Its Intel mnemonic in lower case, condition included; operand width not. */
const char *insn_mnemonic(const struct insn *in);

#endif
