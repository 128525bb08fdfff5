/* SPDX-License-Identifier: MIT */
/*
 * The independent referee of the decoder's tests: Zydis decodes the same bytes
 * and every field is compared. Only decode_test.c and decode_fuzz.c include
 * this, and only where Zydis is installed; hence functions in a header.
 *
 * Where the two rightly differ, known_differences[] says so, with the reason;
 * anything else is a failure.
 */
#ifndef ENGINE_CORE_DECODE_REFEREE_H
#define ENGINE_CORE_DECODE_REFEREE_H

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#include "engine/core/decode/decode.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* One decoding by both. */
struct trial {
	const u8 *bytes;
	u32 size;
	enum code_size code;
	enum decode_result result;
	struct insn in; /* ours, when result is DECODE_OK */
	const struct insn_row *row;
	bool zydis_ok;
	ZydisDecodedInstruction zydis;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	char why[160];
};

static ZydisDecoder referee_decoders[3];

static inline void referee_init(void)
{
	static const ZydisMachineMode modes[3] = {ZYDIS_MACHINE_MODE_LEGACY_16,
						  ZYDIS_MACHINE_MODE_LEGACY_32,
						  ZYDIS_MACHINE_MODE_LONG_64};
	static const ZydisStackWidth widths[3] = {ZYDIS_STACK_WIDTH_16,
						  ZYDIS_STACK_WIDTH_32,
						  ZYDIS_STACK_WIDTH_64};

	for (int i = 0; i < 3; i++) {
		ZydisDecoder *d = &referee_decoders[i];

		ZydisDecoderInit(d, modes[i], widths[i]);
		ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_MPX, 0);
		ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_CET, 0);
		ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_CLDEMOTE, 0);
		ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_WBNOINVD, 1);
	}
}

/* ------------------------------------------------------------- registers --- */

/* The register of 8 << log2 bits at a byte offset of gpr[]. */
static inline ZydisRegister referee_gpr(u32 log2, u32 offset)
{
	static const ZydisRegisterClass classes[4] = {
		ZYDIS_REGCLASS_GPR8, ZYDIS_REGCLASS_GPR16, ZYDIS_REGCLASS_GPR32,
		ZYDIS_REGCLASS_GPR64};
	u32 slot = offset / 8;

	/* Zydis orders AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B ... */
	if (log2 == 0 && (offset & 1 || slot >= 4))
		slot += 4;
	return ZydisRegisterEncode(classes[log2], (ZyanU8)slot);
}

/* A base or index as wide as addresses are; GPR_ZERO is none. */
static inline ZydisRegister referee_address_register(const struct trial *t,
						     u32 offset)
{
	if (offset == GPR_OFFSET(GPR_ZERO))
		return ZYDIS_REGISTER_NONE;
	if (offset == GPR_OFFSET(GPR_RIP))
		return t->in.addr_size == CODE_64 ? ZYDIS_REGISTER_RIP
						  : ZYDIS_REGISTER_EIP;
	return referee_gpr(t->in.addr_size + 1u, offset);
}

static inline ZydisRegister referee_vector(bool wide, u32 number)
{
	return ZydisRegisterEncode(
		wide ? ZYDIS_REGCLASS_YMM : ZYDIS_REGCLASS_XMM, (ZyanU8)number);
}

/* log2 bytes of a 32/64-bit register operand */
static inline u32 referee_y(const struct trial *t)
{
	if (t->row->size == SIZE_M)
		return t->in.op_size;
	return t->in.flags & INSN_W ? 3 : 2;
}

/* clang-format off */

/* What register an operand kind names in its register form. */
static inline ZydisRegister referee_register(const struct trial *t, u8 kind)
{
	const struct insn *in = &t->in;
	bool wide = in->flags & INSN_VEX_L;

	switch ((enum operand)kind) {
	case OP_Eb: return referee_gpr(0, in->rm_off);
	case OP_Ew: return referee_gpr(1, in->rm_off);
	case OP_Ed: return referee_gpr(2, in->rm_off);
	case OP_Eq: return referee_gpr(3, in->rm_off);
	case OP_Ev: case OP_RvMw: return referee_gpr(in->op_size, in->rm_off);
	case OP_Ey: return referee_gpr(referee_y(t), in->rm_off);
	case OP_Ez: return referee_gpr(in->op_size > 1 ? 2 : 1, in->rm_off);
	case OP_RdMb: case OP_RdMw: return referee_gpr(2, in->rm_off);
	case OP_Gb: case OP_Zb: return referee_gpr(0, in->reg_off);
	case OP_Gw: return referee_gpr(1, in->reg_off);
	case OP_Gd: return referee_gpr(2, in->reg_off);
	case OP_Gq: return referee_gpr(3, in->reg_off);
	case OP_Gv: case OP_Zv:
		/* MOVDIR64B's is an address. */
		return referee_gpr(in->id == INSN_MOVDIR64B ? in->addr_size + 1u
							    : in->op_size,
				   in->reg_off);
	case OP_Gy: return referee_gpr(referee_y(t), in->reg_off);
	case OP_By: return referee_gpr(referee_y(t), GPR_OFFSET(in->vvvv));
	case OP_AL: return ZYDIS_REGISTER_AL;
	case OP_rAX: return referee_gpr(in->op_size, 0);
	case OP_CL: return ZYDIS_REGISTER_CL;
	case OP_DX: return ZYDIS_REGISTER_DX;
	case OP_Sw: case OP_Zs:
		return ZydisRegisterEncode(ZYDIS_REGCLASS_SEGMENT, in->reg);
	case OP_Cd: return ZydisRegisterEncode(ZYDIS_REGCLASS_CONTROL, in->reg);
	case OP_Dd: return ZydisRegisterEncode(ZYDIS_REGCLASS_DEBUG, in->reg);
	case OP_Pq: return ZydisRegisterEncode(ZYDIS_REGCLASS_MMX, in->reg & 7);
	case OP_Qq: case OP_Qd: case OP_Nq:
		return ZydisRegisterEncode(ZYDIS_REGCLASS_MMX, in->rm & 7);
	case OP_Vx: case OP_Vqq: return referee_vector(wide, in->reg);
	case OP_Vdq: case OP_Vq: case OP_Vd: return referee_vector(0, in->reg);
	case OP_Wx: case OP_Ux: case OP_Wqq: return referee_vector(wide, in->rm);
	case OP_Wdq: case OP_Wq: case OP_Wd: case OP_Ww: case OP_Wb:
	case OP_Udq: case OP_Uq: return referee_vector(0, in->rm);
	case OP_Hx: case OP_Hqq: return referee_vector(wide, in->vvvv);
	case OP_Hdq: case OP_Hq: case OP_Hd: return referee_vector(0, in->vvvv);
	case OP_Lx: return referee_vector(wide, (u32)(in->imm >> 4 & 15));
	case OP_ST0: return ZYDIS_REGISTER_ST0;
	case OP_STi: return ZydisRegisterEncode(ZYDIS_REGCLASS_X87, in->rm & 7);
	case OP_XMM0: return ZYDIS_REGISTER_XMM0;
	default: return ZYDIS_REGISTER_NONE;
	}
}

/* clang-format on */

/* Bits of the memory an operand kind names; 0: has no size of its own. */
static inline u32 referee_memory_bits(const struct trial *t, u8 kind)
{
	u32 bits = 8u << t->in.op_size;

	switch ((enum operand)kind) {
	case OP_M:
		return 0;
	case OP_Eb:
	case OP_RdMb:
	case OP_Mb:
		return 8;
	case OP_Ew:
	case OP_RdMw:
	case OP_RvMw:
	case OP_Mw:
		return 16;
	case OP_Ed:
	case OP_Md:
		return 32;
	case OP_Ez:
		return t->in.op_size > 1 ? 32 : 16;
	case OP_Mq:
		return 64;
	case OP_Mdq:
		return 128;
	case OP_Mt:
		return 80;
	case OP_Mp:
		return 16 + bits;
	case OP_Ma:
		return 2 * bits;
	case OP_Ms:
		return t->code == CODE_64 ? 80 : 48;
	case OP_Ey:
	case OP_My:
		return 8u << referee_y(t);
	default:
		return bits;
	}
}

/* ---------------------------------------------------------------- memory --- */

#define referee_says(t, ...) \
	(snprintf((t)->why, sizeof((t)->why), __VA_ARGS__), false)

static inline bool referee_segment(const struct trial *t,
				   const ZydisDecodedOperand *z, u8 seg)
{
	if (seg == SEG_NONE)
		return z->mem.segment != ZYDIS_REGISTER_FS &&
		       z->mem.segment != ZYDIS_REGISTER_GS;
	/* An address that is not accessed needs no segment. */
	if (t->in.id == INSN_LEA)
		return true;
	return z->mem.segment ==
	       ZydisRegisterEncode(ZYDIS_REGCLASS_SEGMENT, seg);
}

static inline bool referee_memory(struct trial *t, u8 kind,
				  const ZydisDecodedOperand *z)
{
	const struct insn *in = &t->in;
	ZydisRegister index = referee_address_register(t, in->index_off);
	u32 bits = referee_memory_bits(t, kind);

	if (kind == OP_VSIBd || kind == OP_VSIBq)
		index = referee_vector(
			in->flags & INSN_VEX_L &&
				!(kind == OP_VSIBd && in->flags & INSN_W),
			in->index_vec);
	if (!(in->flags & INSN_MEM))
		return referee_says(t, "we see no memory operand");
	if (z->mem.base != referee_address_register(t, in->base_off))
		return referee_says(t, "base %d", in->base_off);
	if (z->mem.index != index)
		return referee_says(t, "index %d", in->index_off);
	if (index && z->mem.scale != 1 << in->scale)
		return referee_says(t, "scale %d", in->scale);
	if (z->mem.disp.value != in->disp)
		return referee_says(t, "displacement %d", in->disp);
	if (!referee_segment(t, z, in->seg))
		return referee_says(t, "segment %d", in->seg);
	if (bits && z->size && bits != z->size)
		return referee_says(t, "%u bits of memory, not %u", bits,
				    z->size);
	return true;
}

/* String operands: rSI in insn.seg, rDI always in ES. */
static inline bool referee_string(struct trial *t, u8 kind,
				  const ZydisDecodedOperand *z)
{
	bool source = kind == OP_Xb || kind == OP_Xv;
	u32 slot = source ? 6 : 7;
	u8 seg = source ? t->in.seg : t->code == CODE_64 ? SEG_NONE : SEG_ES;

	if (z->type != ZYDIS_OPERAND_TYPE_MEMORY ||
	    z->mem.base != referee_address_register(t, GPR_OFFSET(slot)))
		return referee_says(t, "string register");
	if (!referee_segment(t, z, seg))
		return referee_says(t, "string segment %d", seg);
	if (z->size != 8u << t->in.op_size)
		return referee_says(t, "string size %d", t->in.op_size);
	return true;
}

/* -------------------------------------------------------------- operands --- */

static inline bool referee_immediate(struct trial *t, u8 kind,
				     const ZydisDecodedOperand *z)
{
	u64 imm = t->in.imm, want = z->imm.value.u;

	if (z->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return referee_says(t, "operand is no immediate");
	if (kind == OP_Jb || kind == OP_Jz) {
		if (!z->imm.is_relative)
			return referee_says(t, "not relative");
	} else if (t->row->id == INSN_ENTER) {
		imm = kind == OP_Iw ? imm & 0xffff : imm >> 16;
	} else if (kind == OP_ONE) {
		imm = 1;
	} else if (t->in.op_size < 3) {
		/* Extension beyond the operand's size is a matter of taste. */
		imm &= (1ull << (8 << t->in.op_size)) - 1;
		want &= (1ull << (8 << t->in.op_size)) - 1;
	}
	if (imm != want)
		return referee_says(t, "immediate %llx, not %llx",
				    (unsigned long long)imm,
				    (unsigned long long)want);
	return true;
}

static inline bool referee_moffs(struct trial *t, const ZydisDecodedOperand *z)
{
	u64 mask = t->in.addr_size == CODE_64
			   ? ~0ull
			   : (1ull << (16 << t->in.addr_size)) - 1;

	if (z->type != ZYDIS_OPERAND_TYPE_MEMORY || z->mem.base ||
	    z->mem.index || ((u64)z->mem.disp.value & mask) != t->in.imm)
		return referee_says(t, "moffs %llx",
				    (unsigned long long)t->in.imm);
	return referee_segment(t, z, t->in.seg) && t->in.flags & INSN_MEM &&
	       t->in.base_off == GPR_OFFSET(GPR_ZERO) &&
	       t->in.index_off == GPR_OFFSET(GPR_ZERO) &&
	       z->size == 8u << t->in.op_size;
}

/* The E, M, Q, W kinds and their relatives. */
static inline bool referee_may_be_memory(u8 kind)
{
	return (kind >= OP_Eb && kind <= OP_Ey) || kind == OP_Ez ||
	       (kind >= OP_M && kind <= OP_My) || kind == OP_Qq ||
	       kind == OP_Qd || (kind >= OP_Wx && kind <= OP_Wb) ||
	       (kind >= OP_VSIBd && kind <= OP_RvMw);
}

static inline bool referee_operand(struct trial *t, u8 kind,
				   const ZydisDecodedOperand *z)
{
	ZydisRegister reg;

	switch ((enum operand)kind) {
	case OP_Ib:
	case OP_Ibs:
	case OP_Iw:
	case OP_Iz:
	case OP_Iv:
	case OP_Jb:
	case OP_Jz:
	case OP_ONE:
		return referee_immediate(t, kind, z);
	case OP_Xb:
	case OP_Xv:
	case OP_Yb:
	case OP_Yv:
		return referee_string(t, kind, z);
	case OP_Ap:
		if (z->type != ZYDIS_OPERAND_TYPE_POINTER ||
		    t->in.imm != (z->ptr.offset | (u64)z->ptr.segment << 32))
			return referee_says(t, "far pointer");
		return true;
	case OP_Ob:
	case OP_Ov:
		return referee_moffs(t, z);
	default:
		break;
	}
	if (z->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return referee_may_be_memory(kind)
			       ? referee_memory(t, kind, z)
			       : referee_says(t, "operand %d in memory", kind);
	if (z->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return referee_says(t, "operand type %d", (int)z->type);
	reg = referee_register(t, kind);
	if (z->reg.value != reg)
		return referee_says(t, "register %s, not %s",
				    ZydisRegisterGetString(reg),
				    ZydisRegisterGetString(z->reg.value));
	return true;
}

/* ST0, XMM0 and string operands may be hidden, as Zydis calls it. */
static inline bool referee_hidden(struct trial *t, u8 kind)
{
	if (kind != OP_ST0 && kind != OP_STi && kind != OP_XMM0 &&
	    kind != OP_AL && kind != OP_rAX && kind != OP_DX && kind != OP_Xb &&
	    kind != OP_Xv && kind != OP_Yb && kind != OP_Yv)
		return false;
	for (u32 i = t->zydis.operand_count_visible; i < t->zydis.operand_count;
	     i++)
		if (referee_operand(t, kind, &t->operands[i]))
			return true;
	return false;
}

static inline bool referee_operands(struct trial *t)
{
	u32 visible = 0;

	for (u32 i = 0; i < 4 && t->row->op[i]; i++) {
		u8 kind = t->row->op[i];

		if (visible < t->zydis.operand_count_visible &&
		    referee_operand(t, kind, &t->operands[visible]))
			visible++;
		else if (!referee_hidden(t, kind))
			return t->why[0] ? false : referee_says(t, "operands");
	}
	if (visible != t->zydis.operand_count_visible)
		return referee_says(t, "%u operands, not %u", visible,
				    t->zydis.operand_count_visible);
	return true;
}

/* -------------------------------------------------------------- mnemonic --- */

/* What Zydis calls one of our names: by width, or differently. */
static const char *const referee_names[][5] = {
	{"cbw", "cwde", "cdqe"},
	{"cwd", "cdq", "cqo"},
	{"pushf", "pushfd", "pushfq"},
	{"popf", "popfd", "popfq"},
	{"pusha", "pushad"},
	{"popa", "popad"},
	{"iret", "iretd", "iretq"},
	{"jcxz", "jecxz", "jrcxz"},
	{"retf", "ret"},
	{"movd", "movq"},
	{"vmovd", "vmovq"},
	{"cmpxchg8b", "cmpxchg16b"},
	{"movs", "movsb", "movsw", "movsd", "movsq"},
	{"cmps", "cmpsb", "cmpsw", "cmpsd", "cmpsq"},
	{"stos", "stosb", "stosw", "stosd", "stosq"},
	{"lods", "lodsb", "lodsw", "lodsd", "lodsq"},
	{"scas", "scasb", "scasw", "scasd", "scasq"},
	{"ins", "insb", "insw", "insd"},
	{"outs", "outsb", "outsw", "outsd"},
	{"fxsave", "fxsave64"},
	{"fxrstor", "fxrstor64"},
	{"xsave", "xsave64"},
	{"xrstor", "xrstor64"},
	{"xsaveopt", "xsaveopt64"},
	{"xsavec", "xsavec64"},
	{"xsaves", "xsaves64"},
	{"xrstors", "xrstors64"},
	{"fcom2", "fcom"},
	{"fcomp3", "fcomp"},
	{"fcomp5", "fcomp"},
	{"fxch4", "fxch"},
	{"fxch7", "fxch"},
	{"fstp8", "fstp"},
	{"fstp9", "fstp"},
	{"feni", "feni8087_nop"},
	{"fdisi", "fdisi8087_nop"},
	{"fsetpm", "fsetpm287_nop"},
	/* 0F 0D other than /1 */
	{"nop", "prefetch", "prefetchwt1"},
};

static inline bool referee_mnemonic(struct trial *t)
{
	const char *ours = insn_mnemonic(&t->in);
	const char *theirs = ZydisMnemonicGetString(t->zydis.mnemonic);

	if (!strcmp(ours, theirs))
		return true;
	for (size_t i = 0; i < sizeof(referee_names) / sizeof(referee_names[0]);
	     i++)
		for (int j = 1; j < 5 && !strcmp(referee_names[i][0], ours); j++)
			if (referee_names[i][j] &&
			    !strcmp(referee_names[i][j], theirs))
				return true;
	return referee_says(t, "%s, not %s", ours, theirs);
}

/* ----------------------------------------------------- known differences --- */

/* Instruction sets that have no rows: the bytes are #UD to us. */
static inline bool referee_not_offered(const struct trial *t)
{
	if (t->zydis.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
	    t->zydis.encoding != ZYDIS_INSTRUCTION_ENCODING_VEX)
		return true; /* EVEX, MVEX, XOP, 3DNow! */
	switch (t->zydis.meta.isa_ext) {
	case ZYDIS_ISA_EXT_AMD3DNOW:
	case ZYDIS_ISA_EXT_AMD_INVLPGB:
	case ZYDIS_ISA_EXT_AMX_BF16:
	case ZYDIS_ISA_EXT_AMX_INT8:
	case ZYDIS_ISA_EXT_AMX_TILE:
	case ZYDIS_ISA_EXT_AVX512VEX:
	case ZYDIS_ISA_EXT_CET:
	case ZYDIS_ISA_EXT_CLZERO:
	case ZYDIS_ISA_EXT_ENQCMD:
	case ZYDIS_ISA_EXT_FMA4:
	case ZYDIS_ISA_EXT_HRESET:
	case ZYDIS_ISA_EXT_KEYLOCKER:
	case ZYDIS_ISA_EXT_KEYLOCKER_WIDE:
	case ZYDIS_ISA_EXT_KNC:
	case ZYDIS_ISA_EXT_KNCE:
	case ZYDIS_ISA_EXT_KNCV:
	case ZYDIS_ISA_EXT_MCOMMIT:
	case ZYDIS_ISA_EXT_MONITORX:
	case ZYDIS_ISA_EXT_PADLOCK:
	case ZYDIS_ISA_EXT_PCONFIG:
	case ZYDIS_ISA_EXT_PT:
	case ZYDIS_ISA_EXT_RDPRU:
	case ZYDIS_ISA_EXT_RTM:
	case ZYDIS_ISA_EXT_SGX:
	case ZYDIS_ISA_EXT_SGX_ENCLV:
	case ZYDIS_ISA_EXT_SMX:
	case ZYDIS_ISA_EXT_SNP:
	case ZYDIS_ISA_EXT_SSE4A:
	case ZYDIS_ISA_EXT_SVM:
	case ZYDIS_ISA_EXT_TDX:
	case ZYDIS_ISA_EXT_TSX_LDTRK:
	case ZYDIS_ISA_EXT_UINTR:
	case ZYDIS_ISA_EXT_VMFUNC:
	case ZYDIS_ISA_EXT_VTX:
	case ZYDIS_ISA_EXT_WAITPKG:
	case ZYDIS_ISA_EXT_XOP:
		return t->in.id != INSN_VMCALL && t->in.id != INSN_VMMCALL;
	default:
		return false;
	}
}

static inline bool differs_not_offered(const struct trial *t)
{
	return t->zydis_ok && t->result == DECODE_UD && referee_not_offered(t);
}

static inline bool differs_gather(const struct trial *t)
{
	return !t->zydis_ok && t->result == DECODE_OK &&
	       (t->row->op[1] == OP_VSIBd || t->row->op[1] == OP_VSIBq) &&
	       (t->in.index_vec == t->in.vvvv || t->in.reg == t->in.vvvv ||
		t->in.reg == t->in.index_vec);
}

static inline bool both_accept(const struct trial *t)
{
	return t->zydis_ok && t->result == DECODE_OK &&
	       t->in.len == t->zydis.length;
}

static inline bool differs_hint(const struct trial *t)
{
	return both_accept(t) && t->in.id == INSN_NOP &&
	       t->in.flags & INSN_MODRM;
}

static inline bool differs_ud(const struct trial *t)
{
	return both_accept(t) && t->in.id == INSN_UD;
}

static inline bool differs_selector(const struct trial *t)
{
	return both_accept(t) &&
	       (t->in.id == INSN_LAR || t->in.id == INSN_LSL) &&
	       !(t->in.flags & INSN_MEM);
}

static inline bool differs_movmsk(const struct trial *t)
{
	return both_accept(t) && t->in.flags & INSN_W &&
	       (t->in.id == INSN_MOVMSKPS || t->in.id == INSN_MOVMSKPD);
}

static inline bool differs_sib_base(const struct trial *t)
{
	if (!both_accept(t) || t->in.base_off != GPR_OFFSET(GPR_ZERO))
		return false;
	for (u32 i = 0; i < t->zydis.operand_count_visible; i++)
		if (t->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    t->operands[i].mem.base == ZYDIS_REGISTER_R13D)
			return true;
	return false;
}

static inline bool differs_wbnoinvd(const struct trial *t)
{
	return both_accept(t) && t->in.id == INSN_WBNOINVD;
}

static inline bool differs_movsxd(const struct trial *t)
{
	return both_accept(t) && t->in.id == INSN_MOVSXD && t->in.op_size == 1;
}

static struct known_difference {
	const char *reason;
	bool (*applies)(const struct trial *t);
	u8 example[INSN_LEN_MAX]; /* in 64-bit mode */
	u64 seen;
} known_differences[] = {
	{"an instruction set that is not offered",
	 differs_not_offered,
	 {0x0f, 0x01, 0xfc},
	 0},
	{"gathers: whether the three registers differ is checked on execution",
	 differs_gather,
	 {0xc4, 0xe2, 0x69, 0x92, 0x04, 0x10},
	 0},
	{"hints: which operands a NOP has, and how wide, matters to nobody",
	 differs_hint,
	 {0x0f, 0x1d, 0x00},
	 0},
	{"UD0 and UD1: the width of operands that are never accessed",
	 differs_ud,
	 {0x48, 0x0f, 0xb9, 0xc0},
	 0},
	{"LAR and LSL: the source is a selector, 16 bits of the register",
	 differs_selector,
	 {0x0f, 0x02, 0xc0},
	 0},
	{"MOVMSKPS and MOVMSKPD: a 32-bit result, zero-extended, is the same",
	 differs_movmsk,
	 {0x48, 0x0f, 0x50, 0xc0},
	 0},
	{"Zydis 4.0: takes R13D for a base where REX.B, address size 32 and "
	 "SIB base 101b with mod 0 mean none",
	 differs_sib_base,
	 {0x67, 0x41, 0x8b, 0x04, 0x05},
	 0},
	{"Zydis 4.0: knows no WBNOINVD", differs_wbnoinvd, {0xf3, 0x0f, 0x09}, 0},
	{"Zydis 4.0: MOVSXD with 66 reads 32 bits of memory though only 16 of "
	 "a register",
	 differs_movsxd,
	 {0x66, 0x63, 0x00},
	 0},
};

#define KNOWN_DIFFERENCES \
	(sizeof(known_differences) / sizeof(known_differences[0]))

static inline struct known_difference *referee_known(const struct trial *t)
{
	for (size_t i = 0; i < KNOWN_DIFFERENCES; i++)
		if (known_differences[i].applies(t))
			return &known_differences[i];
	return NULL;
}

/* -------------------------------------------------------------- the trial --- */

static inline bool referee_same(struct trial *t)
{
	if ((t->result == DECODE_OK) != t->zydis_ok)
		return referee_says(t, t->zydis_ok ? "we refuse" : "we accept");
	if (!t->zydis_ok)
		return true;
	if (t->in.len != t->zydis.length)
		return referee_says(t, "length %d, not %d", t->in.len,
				    t->zydis.length);
	return referee_mnemonic(t) && referee_operands(t);
}

/* Decodes by both; false, with t->why, where they differ and should not. */
static inline bool referee_agrees(struct trial *t, const u8 *bytes, u32 size,
				  enum code_size code)
{
	struct known_difference *known;

	t->bytes = bytes;
	t->size = size;
	t->code = code;
	t->why[0] = 0;
	memset(&t->in, 0, sizeof(t->in));
	t->result = decode_insn(bytes, size, code, &t->in);
	t->row = &insn_rows[t->in.row];
	t->zydis_ok = ZYAN_SUCCESS(ZydisDecoderDecodeFull(
		&referee_decoders[code], bytes, size, &t->zydis, t->operands));
	if (referee_same(t))
		return true;
	known = referee_known(t);
	if (known)
		known->seen++;
	return known;
}

#endif
