/* SPDX-License-Identifier: MIT */
/*
 * The decoder proper: prefixes, opcode, row, ModRM and SIB, immediate.
 *
 * The row is found by a key made from the bytes: see form.h.
 *
 * How bytes are read: without asking whether they exist; at the end the
 * position says whether they did. Running past the given bytes therefore always
 * answers "more" (or "too long"), whatever stood there. Input too short for
 * that to be safe is copied into a buffer and followed by zeros.
 *
 * [SDM2 2.1 "Instruction Format for Protected Mode..."], [SDM2 2.2 "IA-32e
 * Mode"], [SDM2 2.3 "Intel Advanced Vector Extensions (Intel AVX)"].
 */
#include "engine/core/decode/decode.h"

#include "engine/core/decode/form.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* ---------------------------------------------------- bytes and prefixes --- */

enum {
	REX_B = 1,
	REX_X = 2,
	REX_R = 4,
	REX_W = 8,
	NO_SEG = SEG_SLOTS, /* no override */
	BUFFER = 48, /* 15 prefixes and the longest instruction are shorter */
};

/* One decoding under way. */
struct cursor {
	const u8 *bytes; /* at least BUFFER bytes can be read */
	u32 pos;
	u32 limit; /* how many are input */
	u32 key;
	u32 flags; /* INSN_* */
	enum code_size code;
	bool amd; /* in AMD's reading */
	u8 rex;	  /* REX_*, from REX or VEX */
	u8 vvvv;
	u8 seg; /* override or NO_SEG */
	u8 opcode;
	u8 modrm;
	u8 addr_size; /* enum code_size */
	u8 op_size;   /* log2 */
	/* The effective address, as struct insn has it. */
	s32 disp;
	u8 base, index; /* slots */
	u8 index_vec;
	u8 scale;
	u64 imm;
};

enum prefix_kind {
	PREFIX_NOT,
	PREFIX_REX,
	PREFIX_SEG,
	PREFIX_SIZE,
	PREFIX_ADDR,
	PREFIX_LOCK,
	PREFIX_REPNE,
	PREFIX_REP
};

static const u8 prefix_kinds[256] = {
	[0x26] = PREFIX_SEG,	      [0x2e] = PREFIX_SEG,
	[0x36] = PREFIX_SEG,	      [0x3e] = PREFIX_SEG,
	[0x64] = PREFIX_SEG,	      [0x65] = PREFIX_SEG,
	[0x40 ... 0x4f] = PREFIX_REX, [0x66] = PREFIX_SIZE,
	[0x67] = PREFIX_ADDR,	      [0xf0] = PREFIX_LOCK,
	[0xf2] = PREFIX_REPNE,	      [0xf3] = PREFIX_REP,
};

/* The first 15 bytes and zeros: for input that ends sooner than BUFFER. */
static void copy_input(u8 *buffer, const u8 *bytes, u32 size)
{
	__builtin_memset(buffer, 0, BUFFER);
	if (size >= INSN_LEN_MAX)
		__builtin_memcpy(buffer, bytes, INSN_LEN_MAX);
	else
		for (u32 i = 0; i < size; i++)
			buffer[i] = bytes[i];
}

static void start(struct cursor *c, const u8 *bytes, u32 size,
		  enum code_size code, bool amd)
{
	c->bytes = bytes;
	c->pos = 0;
	c->limit = size < INSN_LEN_MAX ? size : INSN_LEN_MAX;
	c->flags = 0;
	c->code = code;
	c->amd = amd;
	c->rex = 0;
	c->vvvv = 0;
	c->seg = NO_SEG;
	c->modrm = 0;
	c->disp = 0;
	c->base = c->index = GPR_ZERO;
	c->index_vec = 0;
	c->scale = 0;
	c->imm = 0;
}

static u8 take(struct cursor *c)
{
	return c->bytes[c->pos++];
}

static u16 take_16(struct cursor *c)
{
	u16 value;

	__builtin_memcpy(&value, &c->bytes[c->pos], sizeof(value));
	c->pos += sizeof(value);
	return value;
}

static u32 take_32(struct cursor *c)
{
	u32 value;

	__builtin_memcpy(&value, &c->bytes[c->pos], sizeof(value));
	c->pos += sizeof(value);
	return value;
}

static u64 take_64(struct cursor *c)
{
	u64 low = take_32(c);

	return low | (u64)take_32(c) << 32;
}

/* In 64-bit mode ES, CS, SS and DS overrides are ignored: [SDM2 2.1.1]. */
static void segment_prefix(struct cursor *c, u8 byte)
{
	u8 seg = byte >= 0x64 ? (u8)(byte - 0x64 + SEG_FS)
			      : (u8)((byte >> 3) - 4);

	if (c->code != CODE_64 || seg >= SEG_FS) {
		c->seg = seg;
		c->flags |= INSN_SEG_OVERRIDE;
	}
}

/* Of F2 and F3 the last one counts. A REX counts if the opcode follows it. */
static void read_prefixes(struct cursor *c)
{
	for (; c->pos < c->limit; c->pos++) {
		u8 byte = c->bytes[c->pos];
		u8 kind = prefix_kinds[byte];

		if (kind == PREFIX_NOT)
			return;
		if (kind == PREFIX_REX) {
			if (c->code != CODE_64)
				return;
			c->rex = byte & 15;
			c->flags |= INSN_REX;
			continue;
		}
		c->rex = 0;
		c->flags &= ~(u32)INSN_REX;
		if (kind == PREFIX_SEG)
			segment_prefix(c, byte);
		else if (kind == PREFIX_SIZE)
			c->flags |= INSN_OPSIZE;
		else if (kind == PREFIX_ADDR)
			c->flags |= INSN_ADDRSIZE;
		else if (kind == PREFIX_LOCK)
			c->flags |= INSN_LOCK;
		else if (kind == PREFIX_REPNE)
			c->flags = (c->flags & ~(u32)INSN_REP) | INSN_REPNE;
		else
			c->flags = (c->flags & ~(u32)INSN_REPNE) | INSN_REP;
	}
}

/* --------------------------------------------------------------- opcode --- */

static u32 mandatory_prefix(const struct cursor *c)
{
	if (c->flags & INSN_REPNE)
		return PFX_F2 - PFX_NONE;
	if (c->flags & INSN_REP)
		return PFX_F3 - PFX_NONE;
	return c->flags & INSN_OPSIZE ? PFX_66 - PFX_NONE : 0;
}

/* F3 41 90: Intel's PAUSE, AMD's XCHG R8. [APM3 "PAUSE"] */
static bool is_amd_xchg(const struct cursor *c, u32 map)
{
	return c->amd && map == MAP_ONE && c->opcode == 0x90 && c->rex & REX_B;
}

/* REP and REPNE before LOOPE and LOOPNE say, to AMD, which of them it is. */
static void amd_loop(struct cursor *c)
{
	if ((c->opcode | 1) == 0xe1 && c->flags & (INSN_REP | INSN_REPNE))
		c->opcode = c->flags & INSN_REP ? 0xe1 : 0xe0;
}

static void legacy_opcode(struct cursor *c)
{
	u32 map = MAP_ONE;

	c->opcode = take(c);
	if (c->opcode == 0x0f) {
		map = MAP_0F;
		c->opcode = take(c);
		if (c->opcode == 0x38 || c->opcode == 0x3a) {
			map = c->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
			c->opcode = take(c);
		}
	}
	if (c->amd && map == MAP_ONE)
		amd_loop(c);
	c->key = SPACE_LEGACY << KEY_SPACE | map << KEY_MAP | c->opcode;
	if (!is_amd_xchg(c, map))
		c->key |= mandatory_prefix(c) << KEY_PREFIX;
}

/*
 * C4 and C5 are VEX in 64-bit mode and, elsewhere, where LES and LDS would
 * have a register operand; there only eight registers exist.
 */
static bool at_vex(const struct cursor *c)
{
	u8 byte = c->bytes[c->pos];

	if (byte != 0xc4 && byte != 0xc5)
		return false;
	return c->code == CODE_64 || c->bytes[c->pos + 1] >= 0xc0;
}

/* Answers whether these prefixes may stand before VEX and the map exists. */
static bool vex_opcode(struct cursor *c)
{
	static const u8 pp_prefix[4] = {PFX_NONE, PFX_66, PFX_F3, PFX_F2};
	bool legal = !(c->flags & (INSN_LOCK | INSN_OPSIZE | INSN_REP |
				   INSN_REPNE | INSN_REX));
	bool three = take(c) == 0xc4;
	u8 first = take(c);
	u8 last = three ? take(c) : first & 0x7f;
	u32 map = three ? first & 31u : MAP_0F;

	c->rex = (u8)((first & 0x80 ? 0 : REX_R) | (last & 0x80 ? REX_W : 0));
	if (three)
		c->rex |= (u8)((first & 0x40 ? 0 : REX_X) |
			       (first & 0x20 ? 0 : REX_B));
	c->vvvv = (~last >> 3) & 15;
	if (c->code != CODE_64) {
		c->rex &= REX_W;
		c->vvvv &= 7;
	}
	c->flags |= INSN_VEX | (last & 4 ? INSN_VEX_L : 0u);
	c->opcode = take(c);
	c->key = SPACE_VEX << KEY_SPACE | (map & 3) << KEY_MAP | c->opcode |
		 (pp_prefix[last & 3] - (u32)PFX_NONE) << KEY_PREFIX |
		 (last & 4 ? KEY_L : 0u) |
		 ((last & 0x78) != 0x78 ? KEY_VVVV : 0u);
	return legal && map != MAP_ONE && map <= MAP_0F3A;
}

/* Completes the key (which takes the ModRM byte) and finds the row's form. */
static const struct form *find_form(struct cursor *c)
{
	u32 row = insn_last_form[c->key & KEY_OPCODE];
	u32 key = c->key;

	if (!row)
		return NULL;
	if (insn_forms[row - 1].info & NEEDS_MODRM) {
		c->modrm = take(c);
		c->flags |= INSN_MODRM;
		key |= (c->modrm & 0x38u) << (KEY_REG - 3) | (c->modrm & 7u)
								     << KEY_RM;
		key |= c->modrm >= 0xc0 ? KEY_MOD3 : 0u;
	} else {
		key |= (u32)(c->rex & REX_B) << KEY_RM;
	}
	key |= c->rex & REX_W ? KEY_W : 0u;
	key |= c->code == CODE_64 ? KEY_64 : 0u;
	for (; row; row--) {
		const struct form *form = &insn_forms[row - 1];
		u32 differs = (key ^ form->value) & form->mask;

		if (!differs)
			return form;
		if (differs & KEY_OPCODE)
			break;
	}
	return NULL;
}

/* ---------------------------------------------------- effective address --- */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static void displacement(struct cursor *c, u32 size)
{
	if (size == 1)
		c->disp = (s8)take(c);
	else if (size == 2)
		c->disp = (s16)take_16(c);
	else if (size == 4)
		c->disp = (s32)take_32(c);
}

/* [SDM2 table 2-1 "16-Bit Addressing Forms with the ModR/M Byte"] */
static void address_16(struct cursor *c)
{
	static const u8 base[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
	static const u8 index[8] = {RSI,      RDI,	RSI,	  RDI,
				    GPR_ZERO, GPR_ZERO, GPR_ZERO, GPR_ZERO};
	u32 mod = c->modrm >> 6, rm = c->modrm & 7;

	c->base = base[rm];
	c->index = index[rm];
	if (mod == 0 && rm == 6) {
		c->base = GPR_ZERO;
		mod = 2;
	}
	displacement(c, mod);
}

/* Answers what ModRM.mod means to the displacement. */
static u32 read_sib(struct cursor *c, bool vsib)
{
	u32 mod = c->modrm >> 6;
	u8 sib = take(c);
	u8 index = (u8)((sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0));

	c->scale = sib >> 6;
	if (vsib)
		c->index_vec = index;
	else if (index != RSP)
		c->index = index;
	if ((sib & 7) == RBP && mod == 0)
		return 2; /* no base */
	c->base = (u8)((sib & 7) | (c->rex & REX_B ? 8 : 0));
	return mod;
}

/* [SDM2 tables 2-2, 2-3 "32-Bit Addressing Forms ..."], 64-bit mode alike */
static void address_32(struct cursor *c, bool vsib)
{
	u32 mod = c->modrm >> 6, rm = c->modrm & 7;

	if (rm == RSP) {
		mod = read_sib(c, vsib);
	} else if (mod == 0 && rm == RBP) {
		c->base = c->code == CODE_64 ? GPR_RIP : GPR_ZERO;
		mod = 2;
	} else {
		c->base = (u8)(rm | (c->rex & REX_B ? 8 : 0));
	}
	displacement(c, mod == 2 ? 4 : mod);
}

/* Answers whether the form exists: VSIB needs a SIB byte. */
static bool read_address(struct cursor *c, u32 info)
{
	if (!(c->flags & INSN_MODRM) || c->modrm >= 0xc0 || info & RM_IS_REG)
		return true;
	c->flags |= INSN_MEM;
	if (c->addr_size == CODE_16) {
		address_16(c);
		return !(info & HAS_VSIB);
	}
	address_32(c, info & HAS_VSIB);
	return !(info & HAS_VSIB) || (c->modrm & 7) == RSP;
}

/* Where nothing overrides: none in 64-bit mode, else by the base register. */
static u8 segment(const struct cursor *c)
{
	if (c->seg != NO_SEG)
		return c->seg;
	if (c->code == CODE_64)
		return SEG_NONE;
	return c->base == RSP || c->base == RBP ? SEG_SS : SEG_DS;
}

/* ---------------------------------------------------- sizes, immediates --- */

static u8 address_size(const struct cursor *c)
{
	if (!(c->flags & INSN_ADDRSIZE))
		return (u8)c->code;
	return c->code == CODE_32 ? CODE_16 : CODE_32;
}

static u8 vector_size(const struct cursor *c, u32 mem)
{
	if (mem == MEM_X)
		return c->flags & INSN_VEX_L ? 5 : 4;
	if (mem == MEM_W)
		return c->rex & REX_W ? 3 : 2;
	return mem ? (u8)((mem >> INFO_MEM) - 1) : 0;
}

static u8 operand_size(const struct cursor *c, u32 info)
{
	bool wide = c->rex & REX_W, long_mode = c->code == CODE_64;
	u8 by_prefix = (c->code == CODE_16) == !(c->flags & INSN_OPSIZE) ? 1 : 2;

	switch ((enum opsize_rule)(info >> INFO_SIZE & 15)) {
	case SIZE_V:
		return wide ? 3 : by_prefix;
	case SIZE_B:
		return 0;
	case SIZE_D64:
		return !long_mode ? by_prefix : wide || by_prefix == 2 ? 3 : 1;
	case SIZE_F64: /* AMD: 66 counts. [APM3 1.2.7 "Operand-Size Override"] */
		if (!long_mode)
			return by_prefix;
		return c->amd && !wide && by_prefix == 1 ? 1 : 3;
	case SIZE_Z:
		return wide ? 2 : by_prefix;
	case SIZE_W:
		return 1;
	case SIZE_D:
		return 2;
	case SIZE_Y:
		return wide ? 3 : 2;
	case SIZE_Q:
		return 3;
	case SIZE_M:
		return long_mode ? 3 : 2;
	case SIZE_VEC:
		return vector_size(c, info & MEM_MASK);
	}
	return 0;
}

/* imm16, or imm32, sign-extended; near branches included. */
static u64 immediate_z(struct cursor *c)
{
	if (c->op_size == 1)
		return (u64)(s16)take_16(c);
	return (u64)(s32)take_32(c);
}

/* Two, four or eight bytes, zero-extended. */
static u64 immediate_wide(struct cursor *c, u32 log2)
{
	if (log2 == 1)
		return take_16(c);
	return log2 == 2 ? take_32(c) : take_64(c);
}

static u64 immediate_far(struct cursor *c)
{
	u64 offset = c->op_size == 1 ? take_16(c) : take_32(c);

	return offset | (u64)take_16(c) << 32;
}

static u64 immediate_enter(struct cursor *c)
{
	u64 size = take_16(c);

	return size | (u64)take(c) << 16;
}

static u64 read_immediate(struct cursor *c, u32 kind)
{
	switch (kind) {
	case IMM_B:
		return take(c);
	case IMM_W:
		return take_16(c);
	case IMM_WB:
		return immediate_enter(c);
	case IMM_BS:
		return (u64)(s8)take(c);
	case IMM_Z:
		return immediate_z(c);
	case IMM_V:
		return immediate_wide(c, c->op_size);
	case IMM_A:
		return immediate_far(c);
	case IMM_O:
		c->flags |= INSN_MEM;
		return immediate_wide(c, c->addr_size + 1u);
	case IMM_L: /* [7:4] is a register, of which eight outside 64-bit mode */
		return take(c) & (c->code == CODE_64 ? 0xff : 0x7f);
	default:
		return 0;
	}
}

/* ------------------------------------------------------------ registers --- */

static u8 gpr_offset(const struct cursor *c, u8 slot, bool byte)
{
	if (byte && slot >= 4 && slot < 8 && !(c->flags & INSN_REX))
		return (u8)(GPR_OFFSET(slot - 4) + 1);
	return GPR_OFFSET(slot);
}

/* Segment registers have no REX.R; the opcode holds some registers. */
static u8 reg_number(const struct cursor *c, const struct form *form)
{
	if (form->info & REG_OPCODE)
		return (u8)((c->opcode & 7) | (c->rex & REX_B ? 8 : 0));
	if (form->info & REG_SEG)
		return c->opcode >> 3 & 7;
	if (form->id == INSN_MOV_FROM_SEG || form->id == INSN_MOV_TO_SEG)
		return c->modrm >> 3 & 7;
	return (u8)((c->modrm >> 3 & 7) | (c->rex & REX_R ? 8 : 0));
}

/*
 * There are six segment registers and CS cannot be loaded by MOV; control
 * registers are 0, 2, 3, 4 and 8, debug registers 0 to 7.
 */
static bool register_exists(const struct cursor *c, const struct form *form)
{
	u8 reg = reg_number(c, form);

	switch (form->id) {
	case INSN_MOV_FROM_SEG:
		return reg <= SEG_GS;
	case INSN_MOV_TO_SEG:
		return reg <= SEG_GS && reg != SEG_CS;
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR:
		return 0x11du >> reg & 1;
	default:
		return reg < 8;
	}
}

/* --------------------------------------------------------------- decode --- */

/* 0F 0D, as in a key. */
#define AMD_PREFETCH (SPACE_LEGACY << KEY_SPACE | MAP_0F << KEY_MAP | 0x0du)

/* What only AMD's decoders refuse: PREFETCHW of a register, and outside 64-bit
 * mode the quadword forms of these. */
static bool amd_refuses(const struct cursor *c, const struct form *form, bool w)
{
	if (form->id == INSN_VPEXTRD || form->id == INSN_VPINSRD)
		return w && c->code != CODE_64;
	return (c->key & KEY_OPCODE) == AMD_PREFETCH && c->modrm >= 0xc0;
}

/* Reads what follows the opcode; answers whether the form is legal. */
static bool read_operands(struct cursor *c, const struct form *form)
{
	u32 info = form->info;
	bool legal, w = c->rex & REX_W;

	if (c->amd && form->id == INSN_UD && c->flags & INSN_MODRM) {
		c->flags &= ~(u32)INSN_MODRM; /* AMD's UD0 and UD1 have none */
		c->pos--;
	}
	/* Only 64-bit mode has wide general registers, whatever VEX.W says; a
	 * W that selects among rows is none of theirs. */
	if (c->code != CODE_64 && (info & WIDE_GPR || !(form->mask & KEY_W)))
		c->rex &= (u8)~REX_W;
	c->addr_size = address_size(c);
	c->op_size = operand_size(c, info);
	legal = read_address(c, info) && !(c->amd && amd_refuses(c, form, w));
	if (info & IMM_MASK)
		c->imm = read_immediate(c, info & IMM_MASK);
	if (info & REG_CHECK)
		legal = legal && register_exists(c, form);
	if (c->flags & INSN_LOCK)
		legal = legal && info & MAY_LOCK && c->flags & INSN_MEM;
	return legal;
}

static u16 insn_flags(const struct cursor *c, u32 info)
{
	u32 flags = c->flags;

	if (!(info & ANY_PREFIX))
		flags &= ~(u32)(INSN_REP | INSN_REPNE);
	return (u16)(flags | (c->rex & REX_W ? INSN_W : 0));
}

/*
 * Field by field into *ret: a whole struct copied from elsewhere would wait
 * for its bytes to reach the cache before it could be read in words.
 */
static void fill(const struct cursor *c, const struct form *form,
		 struct insn *ret)
{
	u32 info = form->info;

	ret->exec = NULL;
	ret->imm = c->imm;
	ret->disp = c->disp;
	ret->row = (u16)(form - insn_forms);
	ret->id = (u16)form->id;
	ret->flags = insn_flags(c, info);
	ret->len = (u8)c->pos;
	ret->op_size = c->op_size;
	ret->addr_size = c->addr_size;
	ret->seg = segment(c);
	ret->base_off = GPR_OFFSET(c->base);
	ret->index_off = GPR_OFFSET(c->index);
	ret->scale = c->scale;
	ret->reg = reg_number(c, form);
	/* Without ModRM it is register 0: AL and rAX. */
	ret->rm = !(c->flags & INSN_MODRM)
			  ? 0
			  : (u8)((c->modrm & 7) | (c->rex & REX_B ? 8 : 0));
	ret->vvvv = c->vvvv;
	ret->reg_off = gpr_offset(c, ret->reg, info & REG_BYTE);
	ret->rm_off = gpr_offset(c, ret->rm, info & RM_BYTE);
	ret->cond = c->opcode & 15;
	ret->modrm = c->modrm;
	ret->opcode = c->opcode;
	ret->index_vec = c->index_vec;
}

/* Kept apart: what the long way saves and restores is half of the short one. */
static enum decode_result __attribute__((noinline))
decode_any(const u8 *bytes, u32 size, enum code_size code, bool amd,
	   struct insn *ret)
{
	const struct form *form;
	u8 buffer[BUFFER];
	struct cursor c;
	bool legal = true;

	start(&c, bytes, size, code, amd);
	if (size < BUFFER) {
		copy_input(buffer, bytes, size);
		c.bytes = buffer;
	}
	read_prefixes(&c);
	if (at_vex(&c))
		legal = vex_opcode(&c);
	else
		legacy_opcode(&c);
	form = legal ? find_form(&c) : NULL;
	legal = form && read_operands(&c, form);
	if (c.pos > c.limit)
		return c.limit < INSN_LEN_MAX ? DECODE_MORE : DECODE_TOO_LONG;
	if (!legal)
		return DECODE_UD;
	fill(&c, form, ret);
	return DECODE_OK;
}

enum decode_result decode_insn_for(const u8 *bytes, u32 size,
				   enum code_size code, bool amd,
				   struct insn *ret)
{
	if (code == CODE_64 && size >= INSN_LEN_MAX && decode_plain(bytes, ret))
		return DECODE_OK;
	return decode_any(bytes, size, code, amd, ret);
}

enum decode_result decode_insn(const u8 *bytes, u32 size, enum code_size code,
			       struct insn *ret)
{
	return decode_insn_for(bytes, size, code, false, ret);
}

const char *insn_mnemonic(const struct insn *in)
{
	static const char names[3][16][8] = {
#define BY_CONDITION(stem)                                                 \
	{stem "o",  stem "no",	stem "b",  stem "nb", stem "z", stem "nz", \
	 stem "be", stem "nbe", stem "s",  stem "ns", stem "p", stem "np", \
	 stem "l",  stem "nl",	stem "le", stem "nle"}
		BY_CONDITION("j"),
		BY_CONDITION("set"),
		BY_CONDITION("cmov"),
	};

	switch (in->id) {
	case INSN_JCC:
		return names[0][in->cond];
	case INSN_SETCC:
		return names[1][in->cond];
	case INSN_CMOVCC:
		return names[2][in->cond];
	default:
		return insn_rows[in->row].name;
	}
}
