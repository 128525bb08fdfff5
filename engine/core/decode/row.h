/* SPDX-License-Identifier: MIT */
/*
 * The instruction table: one row per encoding form.
 *
 * A row says how the bytes look, which operands they name, which CPUID bit
 * offers it, which flags it reads and writes, how its memory operand behaves.
 * A row that is not here does not exist: the decoder answers #UD.
 */
#ifndef ENGINE_CORE_DECODE_ROW_H
#define ENGINE_CORE_DECODE_ROW_H

#include "engine/core/types.h"

/* clang-format off */

/* Opcode maps. x87 rows (D8..DF) stand in MAP_ONE with `ext`/`rm` set. */
enum insn_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };

/* Mandatory prefix. PFX_ANY: 66/F2/F3 are not part of the opcode. */
enum insn_prefix { PFX_ANY, PFX_NONE, PFX_66, PFX_F3, PFX_F2 };

/* Encoding space. */
enum insn_space { SPACE_LEGACY, SPACE_VEX };

/* Operand kinds, in the letters of [SDM2 A.2 "Key to Abbreviations"]. */
enum operand {
	OP_NONE,
	OP_Eb, OP_Ew, OP_Ed, OP_Eq, OP_Ev, OP_Ey, /* r/m: GPR or memory; y = 32/64 by W */
	OP_Gb, OP_Gw, OP_Gd, OP_Gq, OP_Gv, OP_Gy, /* reg: GPR */
	OP_Zb, OP_Zv,       /* register in the opcode's low three bits */
	OP_By,              /* VEX.vvvv GPR */
	OP_AL, OP_rAX, OP_CL, OP_DX, OP_ONE, /* implied */
	OP_Ib, OP_Ibs,      /* imm8, zero- / sign-extended */
	OP_Iw, OP_Iz, OP_Iv, /* imm16; imm16/32 sign-extended; imm16/32/64 */
	OP_Jb, OP_Jz,       /* relative branch */
	OP_Ap,              /* far pointer immediate */
	OP_Ob, OP_Ov,       /* moffs */
	OP_Sw, OP_Cd, OP_Dd, /* segment, control, debug register in reg */
	OP_M,               /* memory, address only (LEA, INVLPG, FXSAVE …) */
	OP_Mb, OP_Mw, OP_Md, OP_Mq, OP_Mdq, OP_Mqq, OP_Mp, OP_Ma, OP_Ms, OP_Mt,
	OP_Mv, OP_My,
	OP_Xv, OP_Xb, OP_Yv, OP_Yb, /* string operands */
	OP_Pq, OP_Qq, OP_Qd, OP_Nq, /* MMX: reg, r/m, register-only r/m */
	OP_Vx, OP_Vdq, OP_Vqq, OP_Vq, OP_Vd, /* XMM/YMM in reg; width = what is read/written */
	OP_Wx, OP_Wdq, OP_Wqq, OP_Wq, OP_Wd, OP_Ww, OP_Wb, /* XMM/YMM or memory in r/m */
	OP_Ux, OP_Udq, OP_Uq, /* XMM/YMM, register-only r/m */
	OP_Hx, OP_Hdq, OP_Hqq, OP_Hq, OP_Hd, /* XMM/YMM in VEX.vvvv */
	OP_Lx,              /* XMM/YMM in imm8[7:4] */
	OP_VSIBd, OP_VSIBq, /* gather addresses */
	OP_RdMb, OP_RdMw,   /* GPR (32/64) or narrower memory (PEXTRB, PINSRW …) */
	OP_Ez,              /* r/m: 16 or 32 by operand size, 32 under W (MOVSXD) */
	OP_RvMw,            /* GPR by operand size or 16-bit memory (SMSW, STR …) */
	OP_Zs,              /* segment register in the opcode's bits 5:3 */
	OP_ST0, OP_STi,     /* x87 */
	OP_XMM0,            /* implied mask of BLENDV */
	OP_COUNT
};

/* Default operand size rules. */
enum opsize_rule {
	SIZE_V,       /* 16/32 by mode and 66; 64 by REX.W */
	SIZE_B,       /* byte */
	SIZE_D64,     /* like V but 64 by default in 64-bit mode (PUSH, CALL …);
		       * 66 gives 16; 32 cannot be encoded there */
	SIZE_F64,     /* forced 64 in 64-bit mode (near branches on Intel) */
	SIZE_Z,       /* 16/32 by mode and 66, 32 by REX.W (IN, OUT …) */
	SIZE_W,       /* 16 */
	SIZE_D,       /* 32 */
	SIZE_Y,       /* 32, or 64 by W; 66 does nothing */
	SIZE_Q,       /* 64 */
	SIZE_M,       /* 32, 64 in 64-bit mode: CR/DR moves, INVPCID, … */
	SIZE_VEC,     /* vector row: op_size = log2 of memory operand bytes,
		       * of one element for gathers, 4 for x87's ten bytes */
};

/* row.attr */
enum {
	ROW_LOCK = 1 << 0,      /* LOCK allowed when the destination is memory */
	ROW_NO64 = 1 << 1,      /* #UD in 64-bit mode */
	ROW_ONLY64 = 1 << 2,    /* #UD outside 64-bit mode */
	ROW_MEM_ONLY = 1 << 3,  /* ModRM.mod must not be 3 */
	ROW_REG_ONLY = 1 << 4,  /* ModRM.mod must be 3 */
	ROW_PRIV = 1 << 5,      /* CPL 0 only: #GP(0) otherwise */
	ROW_VEX_L0 = 1 << 6,    /* VEX.L must be 0 */
	ROW_VEX_L1 = 1 << 7,    /* VEX.L must be 1 */
	ROW_VEX_W0 = 1 << 8,    /* VEX.W (or REX.W) must be 0 */
	ROW_VEX_W1 = 1 << 9,    /* must be 1 (also picks REX.W forms) */
	ROW_NO_VVVV = 1 << 10,  /* VEX.vvvv must be 1111b */
	ROW_BRANCH = 1 << 11,   /* ends a block: changes RIP */
	ROW_END = 1 << 12,      /* ends a block: changes mode, mappings, IF … */
	ROW_ALIGNED = 1 << 13,  /* memory operand must be naturally aligned (#GP) */
	ROW_FP = 1 << 14,       /* may raise #XM: reads and writes MXCSR */
	ROW_X87 = 1 << 15,      /* x87: #NM by CR0.EM/TS, #MF pending */
	ROW_MMX = 1 << 16,      /* MMX state: #NM, #MF, #UD by CR0.EM */
	ROW_VEC = 1 << 17,      /* SSE/AVX state: #NM, #UD by CR4/XCR0 */
	ROW_COPYABLE = 1 << 18, /* a translator may run these bytes as they are
				 * once registers and addresses are rewritten */
	ROW_STRING = 1 << 19,   /* REP may repeat it */
	ROW_MASKED = 1 << 20,   /* does not touch masked-off memory elements */
	ROW_IMM_ID = 1 << 21,   /* imm8 selects the operation: constant in silicon */
	ROW_PROT_ONLY = 1 << 22, /* #UD in real and virtual-8086 mode */
	ROW_DEST_READ = 1 << 23, /* operand 0 is read too */
	ROW_DEST_NONE = 1 << 24, /* operand 0 is not written (CMP, TEST, PUSH;
				  * stores whose operand 0 is memory are NOT
				  * this); it is read if DEST_READ is set too,
				  * not even accessed if not (hints) */
	ROW_MEM_WRITE = 1 << 25, /* its memory form writes memory */
	ROW_VVVV_DEST = 1 << 26, /* VEX.vvvv names the destination (BLSR …) */
};

/* RFLAGS masks for flags_read / flags_written / flags_undefined. */
enum {
	FLAG_CF = 0x001, FLAG_PF = 0x004, FLAG_AF = 0x010, FLAG_ZF = 0x040,
	FLAG_SF = 0x080, FLAG_TF = 0x100, FLAG_IF = 0x200, FLAG_DF = 0x400,
	FLAG_OF = 0x800,
	FLAG_ARITH = 0x8d5,
};

/*
 * CPUID features that offer rows; cpuid/ maps each to its leaf and bit. A VEX
 * row of vector state (ROW_VEC) asks for AVX besides. What is not offered is
 * #UD, except where an F3 that older processors ignore makes the difference:
 * without their feature LZCNT is BSR, TZCNT is BSF, WBNOINVD is WBINVD; and the
 * PREFETCH rows are hints, which do nothing.
 */
enum insn_feature {
	FEAT_BASE, FEAT_X87, FEAT_CMOV, FEAT_CX8, FEAT_CX16, FEAT_MMX, FEAT_FXSR,
	FEAT_SSE, FEAT_SSE2, FEAT_SSE3, FEAT_SSSE3, FEAT_SSE4_1, FEAT_SSE4_2,
	FEAT_POPCNT, FEAT_AES, FEAT_PCLMUL, FEAT_SHA, FEAT_GFNI, FEAT_AVX,
	FEAT_AVX2, FEAT_FMA, FEAT_F16C, FEAT_VAES, FEAT_VPCLMUL, FEAT_AVX_VNNI,
	FEAT_BMI1, FEAT_BMI2, FEAT_LZCNT, FEAT_MOVBE, FEAT_ADX, FEAT_LAHF64,
	FEAT_XSAVE, FEAT_XSAVEOPT, FEAT_XSAVEC, FEAT_XSAVES, FEAT_XGETBV1,
	FEAT_FSGSBASE, FEAT_RDRAND, FEAT_RDSEED, FEAT_RDTSCP, FEAT_RDPID,
	FEAT_CLFSH, FEAT_CLFLUSHOPT, FEAT_CLWB, FEAT_PREFETCHW, FEAT_SMAP,
	FEAT_INVPCID, FEAT_PKU, FEAT_SYSCALL, FEAT_SEP, FEAT_MSR, FEAT_TSC,
	FEAT_MONITOR, FEAT_SERIALIZE, FEAT_WBNOINVD, FEAT_MOVDIRI,
	FEAT_MOVDIR64B, FEAT_3DNOWPREFETCH, FEAT_SSE4A, FEAT_CLZERO,
	FEAT_MISALIGNSSE, FEAT_COUNT
};

struct insn_row {
	const char *name; /* Intel mnemonic, lower case; NULL ends the table */
	u16 id;           /* enum insn_id */
	u8 space;         /* enum insn_space */
	u8 map;           /* enum insn_map */
	u8 prefix;        /* enum insn_prefix; PFX_ANY only for legacy space */
	u8 opcode;        /* the (base) opcode byte */
	u8 opcode_span;   /* 1, 8 (register in opcode) or 16 (cond in opcode) */
	s8 ext;           /* ModRM.reg that selects this row, or -1 */
	s8 rm;            /* ModRM.rm that selects it (mod 3), or -1; in a row
			   * without ModRM: REX.B (90 is NOP, 41 90 is not) */
	u8 size;          /* enum opsize_rule */
	u8 op[4];         /* enum operand; op[0] is the destination */
	u8 feature;       /* enum insn_feature */
	u32 attr;         /* ROW_* */
	u16 flags_read;      /* includes those that may keep their old value
			      * (a shift whose count can be zero) */
	u16 flags_written;   /* includes the undefined ones */
	u16 flags_undefined; /* left undefined by the manual */
};

/*
 * enum insn_id and insn_rows[] are made from the same lists. An id is INSN_
 * plus the Intel mnemonic in upper case (VEX forms have their own: INSN_VPADDB),
 * with these splits and joins:
 *   Jcc/SETcc/CMOVcc: INSN_JCC INSN_SETCC INSN_CMOVCC (insn.cond)
 *   MOV: INSN_MOV, INSN_MOV_MOFFS, INSN_MOV_FROM_SEG, INSN_MOV_TO_SEG,
 *        INSN_MOV_FROM_CR, INSN_MOV_TO_CR, INSN_MOV_FROM_DR, INSN_MOV_TO_DR
 *   PUSH/POP: + INSN_PUSH_SEG, INSN_POP_SEG; PUSHF POPF PUSHA POPA by size
 *   CALL/JMP: INSN_CALL_REL INSN_CALL_NEAR INSN_CALL_FAR_IMM INSN_CALL_FAR_MEM
 *        INSN_JMP_REL INSN_JMP_NEAR INSN_JMP_FAR_IMM INSN_JMP_FAR_MEM
 *   RET: INSN_RET (C2, C3), INSN_RET_FAR (CA, CB); INSN_IRET
 *   IMUL: INSN_IMUL1 (F6/F7 /5) and INSN_IMUL (two, three operands)
 *   MOVZX/MOVSX: INSN_MOVZX8 INSN_MOVZX16 INSN_MOVSX8 INSN_MOVSX16 INSN_MOVSXD
 *   CBW = CBW/CWDE/CDQE; CWD = CWD/CDQ/CQO; string rows: INSN_MOVS INSN_CMPS
 *        INSN_STOS INSN_LODS INSN_SCAS INSN_INS INSN_OUTS (any size)
 *   SSE2 MOVSD/CMPSD: INSN_MOVSD_VEC, INSN_CMPSD_VEC
 *   NOP: INSN_NOP (90, 0F 1F, hint rows), INSN_PAUSE, INSN_ENDBR64/32 = NOP;
 *   SALC = INSN_SALC; INT1 = INSN_INT1; UD0/1/2 = INSN_UD
 *   x87: INSN_FADD … by mnemonic; ids need not differ by memory width
 *   MOVQ/MOVD between GPR and MMX/XMM: INSN_MOVD_TO_VEC, INSN_MOVD_FROM_VEC
 *        (VEX: INSN_VMOVD_TO_VEC, INSN_VMOVD_FROM_VEC),
 *        INSN_MOVD_TO_MMX, INSN_MOVD_FROM_MMX, INSN_MOVQ_MMX;
 *        XMM to XMM/mem MOVQ: INSN_MOVQ_LOAD (F3 0F 7E), INSN_MOVQ_STORE
 *        (66 0F D6), VEX: INSN_VMOVQ_LOAD, INSN_VMOVQ_STORE
 */
extern const struct insn_row insn_rows[];
extern const u32 insn_row_count;

/* clang-format on */

#endif
