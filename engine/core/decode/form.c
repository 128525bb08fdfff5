/* SPDX-License-Identifier: MIT */
/* The decoder's tables, made by the compiler from the row lists: see form.h. */
#include "engine/core/decode/form.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* clang-format off */

#define MEM(log2) ((log2 + 1) << INFO_MEM)

/* Per operand kind, in the order of enum operand. */
enum {
	INFO_NONE = 0,
	INFO_Eb = NEEDS_MODRM | RM_BYTE,
	INFO_Ew = NEEDS_MODRM,
	INFO_Ed = NEEDS_MODRM | MEM(2),
	INFO_Eq = NEEDS_MODRM | MEM(3),
	INFO_Ev = NEEDS_MODRM,
	INFO_Ez = NEEDS_MODRM,
	INFO_Ey = NEEDS_MODRM | WIDE_GPR,
	INFO_Gb = NEEDS_MODRM | REG_BYTE,
	INFO_Gw = NEEDS_MODRM,
	INFO_Gd = NEEDS_MODRM,
	INFO_Gv = NEEDS_MODRM,
	INFO_Gy = NEEDS_MODRM | WIDE_GPR,
	INFO_Zb = REG_OPCODE | REG_BYTE,
	INFO_Zv = REG_OPCODE,
	INFO_By = WIDE_GPR,
	INFO_AL = 0, INFO_rAX = 0, INFO_CL = 0, INFO_DX = 0, INFO_ONE = 0,
	INFO_Ib = IMM_B,
	INFO_Ibs = IMM_BS,
	INFO_Iw = IMM_W,
	INFO_Iz = IMM_Z,
	INFO_Iv = IMM_V,
	INFO_Jb = IMM_BS,
	INFO_Jz = IMM_Z,
	INFO_Ap = IMM_A,
	INFO_Ob = IMM_O,
	INFO_Ov = IMM_O,
	INFO_Sw = NEEDS_MODRM | REG_CHECK,
	INFO_Cd = NEEDS_MODRM | REG_CHECK | RM_IS_REG,
	INFO_Dd = NEEDS_MODRM | REG_CHECK | RM_IS_REG,
	INFO_M = NEEDS_MODRM,
	INFO_Mw = NEEDS_MODRM | MEM(1),
	INFO_Md = NEEDS_MODRM | MEM(2),
	INFO_Mq = NEEDS_MODRM | MEM(3),
	INFO_Mdq = NEEDS_MODRM | MEM(4),
	INFO_Mp = NEEDS_MODRM, INFO_Ma = NEEDS_MODRM, INFO_Ms = NEEDS_MODRM,
	INFO_Mt = NEEDS_MODRM | MEM(4),
	INFO_Mv = NEEDS_MODRM,
	INFO_My = NEEDS_MODRM | WIDE_GPR,
	INFO_Xv = 0, INFO_Xb = 0, INFO_Yv = 0, INFO_Yb = 0,
	INFO_Pq = NEEDS_MODRM,
	INFO_Qq = NEEDS_MODRM | MEM(3),
	INFO_Qd = NEEDS_MODRM | MEM(2),
	INFO_Nq = NEEDS_MODRM,
	INFO_Vx = NEEDS_MODRM, INFO_Vdq = NEEDS_MODRM, INFO_Vq = NEEDS_MODRM,
	INFO_Vd = NEEDS_MODRM,
	INFO_Wx = NEEDS_MODRM | MEM_X,
	INFO_Wdq = NEEDS_MODRM | MEM(4),
	INFO_Wq = NEEDS_MODRM | MEM(3),
	INFO_Wd = NEEDS_MODRM | MEM(2),
	INFO_Ww = NEEDS_MODRM | MEM(1),
	INFO_Wb = NEEDS_MODRM | MEM(0),
	INFO_Ux = NEEDS_MODRM, INFO_Udq = NEEDS_MODRM, INFO_Uq = NEEDS_MODRM,
	INFO_Hx = 0, INFO_Hdq = 0, INFO_Hq = 0, INFO_Hd = 0,
	INFO_Lx = IMM_L,
	INFO_VSIBd = NEEDS_MODRM | HAS_VSIB | MEM_W,
	INFO_VSIBq = NEEDS_MODRM | HAS_VSIB | MEM_W,
	INFO_RdMb = NEEDS_MODRM | MEM(0),
	INFO_RdMw = NEEDS_MODRM | MEM(1),
	INFO_RvMw = NEEDS_MODRM,
	INFO_Zs = REG_SEG,
	INFO_ST0 = 0, INFO_STi = 0, INFO_XMM0 = 0,
};

#define PLACE(space, map, opcode) \
	((u32)(SPACE_##space << KEY_SPACE | MAP_##map << KEY_MAP | (opcode)))
#define INFO(...) INFO_4(__VA_ARGS__, NONE, NONE, NONE, )
#define INFO_4(a, b, c, d, ...) (INFO_##a | INFO_##b | INFO_##c | INFO_##d)
#define WHEN(condition, bits) ((condition) ? (u32)(bits) : 0u)

#define FORM_MASK(span, prefix, ext, rm, attr)                                \
	((KEY_OPCODE - ((span) - 1u)) |                                       \
	 WHEN((prefix) != PFX_ANY, 3 << KEY_PREFIX) |                         \
	 WHEN((ext) >= 0, 7 << KEY_REG) | WHEN((rm) >= 0, 7 << KEY_RM) |      \
	 WHEN((attr) & (ROW_MEM_ONLY | ROW_REG_ONLY), KEY_MOD3) |             \
	 WHEN((attr) & (ROW_VEX_W0 | ROW_VEX_W1), KEY_W) |                    \
	 WHEN((attr) & (ROW_VEX_L0 | ROW_VEX_L1), KEY_L) |                    \
	 WHEN((attr) & ROW_NO_VVVV, KEY_VVVV) |                               \
	 WHEN((attr) & (ROW_NO64 | ROW_ONLY64), KEY_64))

#define FORM_VALUE(prefix, ext, rm, attr)                                     \
	(WHEN((prefix) != PFX_ANY, ((u32)(prefix) - PFX_NONE) << KEY_PREFIX) |     \
	 WHEN((ext) >= 0, ((ext) & 7) << KEY_REG) |                           \
	 WHEN((rm) >= 0, ((rm) & 7) << KEY_RM) |                              \
	 WHEN((attr) & ROW_REG_ONLY, KEY_MOD3) |                              \
	 WHEN((attr) & ROW_VEX_W1, KEY_W) | WHEN((attr) & ROW_VEX_L1, KEY_L) | \
	 WHEN((attr) & ROW_ONLY64, KEY_64))

#define FORM_INFO(prefix, ext, size, attr)                                    \
	((u32)(size) << INFO_SIZE | WHEN((prefix) == PFX_ANY, ANY_PREFIX) |   \
	 WHEN((attr) & ROW_LOCK, MAY_LOCK) |                                  \
	 WHEN((ext) >= 0 || ((attr) & (ROW_MEM_ONLY | ROW_REG_ONLY)),         \
	      NEEDS_MODRM))

/* Immediates that plain.c reads, each a bit. */
#define PLAIN_IMM                                                             \
	(1 << IMM_NONE | 1 << IMM_B | 1 << IMM_BS | 1 << IMM_Z | 1 << IMM_V)

/* Nothing of it needs to be looked at once more; UD and 0F 0D are read in
 * another way by AMD's decoders. */
#define FORM_PLAIN(id, space, map, opcode, size, info)                        \
	WHEN(!((info) & (REG_SEG | REG_CHECK | RM_IS_REG | HAS_VSIB)) &&      \
		     (PLAIN_IMM >> ((info) & IMM_MASK) & 1) &&                \
		     (size) != SIZE_VEC && (id) != INSN_UD &&                 \
		     PLACE(space, map, opcode) != PLACE(LEGACY, 0F, 0x0d),    \
	     IS_PLAIN)

const struct form insn_forms[] = {
#define ROW(id_, name, space, map, prefix, opcode, span, ext, rm, size,       \
	    feature, attr, flags, ...)                                        \
	{                                                                     \
		.mask = FORM_MASK(span, PFX_##prefix, ext, rm, attr),         \
		.value = PLACE(space, map, opcode) |                          \
			 FORM_VALUE(PFX_##prefix, ext, rm, attr),             \
		.info = INFO(__VA_ARGS__) |                                   \
			FORM_INFO(PFX_##prefix, ext, SIZE_##size, attr) |     \
			FORM_PLAIN(INSN_##id_, space, map, opcode,            \
				   SIZE_##size, INFO(__VA_ARGS__)),           \
		.id = INSN_##id_,                                             \
	},
#include "engine/core/decode/rows.inc"
#undef ROW
};

/*
 * Each row overrides the entries of earlier ones, which is the purpose and not
 * the slip the compilers warn about.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
enum { FIRST_ROW = __COUNTER__ };
const u16 insn_last_form[KEY_PLACES] = {
#define ROW(id, name, space, map, prefix, opcode, span, ...)                  \
	[PLACE(space, map, opcode) ... PLACE(space, map, (opcode) + (span) - 1)] = \
		__COUNTER__ - FIRST_ROW,
#include "engine/core/decode/rows.inc"
#undef ROW
};
#pragma GCC diagnostic pop
