/* SPDX-License-Identifier: MIT */
/* See encode.h. */
#include "tests/guest/random/encode.h"

#include <string.h>

#include "engine/core/decode/id.h"
#include "tests/guest/random/values.h"

/* ---- targets ---- */

u64 encode_target(struct rng *rng, enum code_size code, u32 size)
{
	u64 run = value_run(rng, code);
	u32 kind = rng_below(rng, 100);
	u32 into = 1 + rng_below(rng, size < 2 ? 1 : size - 1);

	if (kind < 46) /* in the data, well aligned */
		return run + (rng_below(rng, DATA_BYTES - 1024) & ~63u);
	if (kind < 58)
		return run + rng_below(rng, DATA_BYTES - 1024);
	if (kind < 65) /* across a page */
		return run + PAGE_BYTES - into;
	if (kind < 70) /* read-only */
		return run + DATA_BYTES + rng_below(rng, PAGE_BYTES - 64);
	if (kind < 74)
		return run + DATA_BYTES - into;
	if (kind < 82) /* out of the run at its end, before its start */
		return run + RUN_BYTES - into;
	if (kind < 84)
		return run - into;
	if (kind < 93) /* unmapped */
		return run + RUN_BYTES +
		       (rng_below(rng, PAGE_BYTES - 64) &
			(rng_percent(rng, 70) ? ~63u : ~0u));
	if (kind < 96)
		return AT_CODE + rng_below(rng, CODE_BYTES);
	if (code != CODE_64)
		return 0ull - rng_below(rng, 17);
	if (kind < 97)
		return AT_KERNEL + rng_below(rng, 64) - 32;
	return value_gpr(rng, code);
}

void encode_set(struct encoding *e, u32 reg, u64 value)
{
	u64 mask = e->code == CODE_64 ? ~0ull : 0xffffffff;

	e->cpu->gpr[reg] = value & mask;
	e->reserved |= 1u << reg;
}

/* ---- effective addresses ---- */

static u32 address_bits(const struct encoding *e)
{
	if (e->code == CODE_64)
		return e->addrsize ? 32 : 64;
	return e->addrsize ? 16 : 32;
}

static u64 segment_offset(const struct encoding *e)
{
	if (e->segment == 0x64)
		return e->cpu->segment_base[SEG_FS];
	if (e->segment == 0x65)
		return e->cpu->segment_base[SEG_GS];
	return 0;
}

static u32 any_register(struct encoding *e)
{
	return rng_below(e->rng, e->code == CODE_64 ? 16 : 8);
}

static u64 random_displacement(struct rng *rng)
{
	u32 kind = rng_below(rng, 4);

	if (kind == 0)
		return 0;
	if (kind < 3)
		return (u64)(s64)(s8)rng_next(rng);
	return (u64)(s64)(s32)rng_next(rng);
}

/* Whether a displacement is 0, 1 or 4 bytes long: ModRM.mod. */
static u8 displacement_mod(struct encoding *e, u64 disp, bool may_be_none)
{
	if (disp == 0 && may_be_none && rng_percent(e->rng, 80))
		return 0;
	if (disp == (u64)(s64)(s8)disp && rng_percent(e->rng, 75))
		return 1;
	return 2;
}

static void set_mod(struct encoding *e, u8 mod, u64 disp)
{
	e->modrm = (u8)((e->modrm & 0x3f) | mod << 6);
	e->disp = disp;
	e->disp_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
}

static void set_sib(struct encoding *e, u32 base, u32 index, u32 scale)
{
	e->modrm = (u8)((e->modrm & ~7) | 4);
	e->has_sib = true;
	e->sib = (u8)(scale << 6 | (index & 7) << 3 | (base & 7));
	e->b = base >> 3 & 1;
	e->x = index >> 3 & 1;
}

/* base + (index << scale) + disp; index 4: none; vector: VSIB, base alone
 * counts. */
static bool try_base(struct encoding *e, u64 ea, u32 base, u32 index, u32 scale,
		     bool vector)
{
	u64 mask = address_bits(e) == 64 ? ~0ull : 0xffffffff;
	u64 *gpr = e->cpu->gpr;
	u64 sum = index == 4 || vector ? 0 : gpr[index] << scale;
	u64 disp, needed;

	if (e->first && index != 4 && !vector)
		e->reserved |= 1u << index;
	if (e->first && base != index && !(e->reserved >> base & 1)) {
		disp = random_displacement(e->rng);
		needed = (ea - sum - disp) & mask;
		if (mask != ~0ull && e->code == CODE_64 &&
		    rng_percent(e->rng, 50))
			needed |= rng_next(e->rng) << 32;
		if (base == RSP && !rng_percent(e->rng, 30))
			return false;
		encode_set(e, base, needed);
	}
	disp = (ea - sum - gpr[base]) & mask;
	if (mask != ~0ull)
		disp = (u64)(s64)(s32)disp;
	if (disp != (u64)(s64)(s32)disp)
		return false;
	if (vector || index != 4 || (base & 7) == RSP ||
	    rng_percent(e->rng, 10)) {
		set_sib(e, base, index, scale);
	} else {
		e->modrm = (u8)((e->modrm & ~7) | (base & 7));
		e->b = base >> 3 & 1;
	}
	set_mod(e, displacement_mod(e, disp, (base & 7) != RBP), disp);
	return true;
}

/* Without a base: absolute, RIP-relative, or index and displacement. */
static void without_base(struct encoding *e, u64 ea, bool vector, u32 index,
			 u32 scale)
{
	u64 sum = index == 4 || vector ? 0 : e->cpu->gpr[index] << scale;
	bool relative = e->code == CODE_64 && index == 4 && !vector;

	if (relative && ea - AT_CODE + BIT(30) < BIT(31)) {
		e->modrm = (u8)((e->modrm & ~7) | 5);
		e->rip_relative = true;
		set_mod(e, 0, ea);
	} else if (e->code != CODE_64 && index == 4 && !vector &&
		   rng_percent(e->rng, 70)) {
		e->modrm = (u8)((e->modrm & ~7) | 5);
		set_mod(e, 0, ea);
	} else {
		set_sib(e, 5, index, scale);
		e->b = (u8)(e->code == CODE_64 && rng_percent(e->rng, 20));
		set_mod(e, 0, ea - sum);
	}
	e->disp_bytes = 4;
}

static void address_wide(struct encoding *e, u64 ea, bool vector)
{
	u32 index = any_register(e), scale = rng_below(e->rng, 4);
	bool has_index = vector || (index != RSP && rng_percent(e->rng, 35));

	if (!has_index) {
		index = 4;
		scale = rng_percent(e->rng, 80) ? 0 : scale;
	}
	for (u32 i = 0; i < 12 && (e->first ? !rng_percent(e->rng, 10) : true);
	     i++) {
		if (i > 6 && !vector) {
			index = 4;
			scale = 0;
		}
		if (try_base(e, ea, any_register(e), index, scale, vector))
			return;
	}
	without_base(e, ea, vector, index, scale);
}

/* [SDM2 table 2-1 "16-Bit Addressing Forms with the ModR/M Byte"]: flat
 * segments hold nothing in the first 64 KiB, so any address will do. */
static void address_16(struct encoding *e)
{
	u8 mod = (u8)rng_below(e->rng, 3);

	e->modrm = (u8)((e->modrm & ~7) | rng_below(e->rng, 8));
	set_mod(e, mod, rng_next(e->rng));
	if (mod == 2 || (mod == 0 && (e->modrm & 7) == 6))
		e->disp_bytes = 2;
}

static u32 operand_bytes(const struct insn_row *row)
{
	switch (row->id) {
	case INSN_FXSAVE:
	case INSN_FXRSTOR:
	case INSN_XSAVE:
	case INSN_XRSTOR:
	case INSN_XSAVEC:
	case INSN_XSAVEOPT:
	case INSN_FNSAVE:
	case INSN_FRSTOR:
		return 576;
	case INSN_FLDENV:
	case INSN_FNSTENV:
		return 28;
	case INSN_MOVDIR64B:
		return 64;
	default:
		return row->attr & ROW_VEC ? 32 : 8;
	}
}

static void encode_memory(struct encoding *e)
{
	bool vector = false;

	for (u32 i = 0; i < 4; i++)
		if (e->row->op[i] == OP_VSIBd || e->row->op[i] == OP_VSIBq)
			vector = true;
	e->is_memory = true;
	e->target = encode_target(e->rng, e->code, operand_bytes(e->row));
	if (operand_bytes(e->row) > 512 && rng_percent(e->rng, 60))
		e->target &= ~63ull;
	if (address_bits(e) == 16)
		address_16(e);
	else
		address_wide(e, e->target - segment_offset(e), vector);
}

/* ---- the other fields ---- */

static void draw_prefixes(struct encoding *e)
{
	static const u8 segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
	struct rng *rng = e->rng;
	bool any = e->row->prefix == PFX_ANY && e->row->space == SPACE_LEGACY;

	e->opsize = any && rng_percent(rng, 25);
	e->addrsize = rng_percent(rng, e->code == CODE_64 ? 12 : 4);
	if (any && rng_percent(rng, e->row->attr & ROW_STRING ? 60 : 4))
		e->rep = rng_percent(rng, 50) ? 0xf2 : 0xf3;
	if (rng_percent(rng, 12))
		e->segment = segments[rng_below(rng, ARRAY_SIZE(segments))];
	if (e->row->attr & ROW_LOCK)
		e->lock = rng_percent(rng, 20);
	else if (rng_percent(rng, 1))
		e->lock = e->illegal = true;
}

static void draw_vex(struct encoding *e)
{
	u32 attr = e->row->attr;
	struct rng *rng = e->rng;

	e->l = (u8)rng_below(rng, 2);
	if (attr & (ROW_VEX_L0 | ROW_VEX_L1))
		e->l = !!(attr & ROW_VEX_L1);
	e->vvvv = attr & ROW_NO_VVVV
			  ? 0
			  : (u8)rng_below(rng, e->code == CODE_64 ? 16 : 8);
	if (!rng_percent(rng, 3))
		return;
	e->illegal = true;
	switch (rng_below(rng, 3)) {
	case 0:
		e->l ^= 1;
		break;
	case 1:
		e->w ^= 1;
		break;
	default:
		e->vvvv ^= (u8)(1 + rng_below(rng, 7));
	}
}

/* W, R, X and B; the latter two are the memory operand's when there is one. */
static void draw_rex(struct encoding *e)
{
	u32 attr = e->row->attr;
	u32 bits = (u32)rng_next(e->rng);

	if (e->code != CODE_64 && e->row->space != SPACE_VEX)
		return;
	if (e->code == CODE_64 && (bits & 0x30)) {
		e->r = bits & 1;
		e->x = bits >> 1 & 1;
		e->b = e->row->rm >= 0 && !e->has_modrm ? 0 : bits >> 2 & 1;
	}
	e->w = bits >> 3 & 1 & (bits >> 6 | bits >> 8);
	if (attr & (ROW_VEX_W0 | ROW_VEX_W1))
		e->w = !!(attr & ROW_VEX_W1);
	e->rex_forced = rng_percent(e->rng, 10) && e->code == CODE_64;
}

static void draw_modrm(struct encoding *e)
{
	const struct insn_row *row = e->row;
	bool takes_memory = row_takes_memory(row);
	u8 reg = row->ext >= 0 ? (u8)row->ext : (u8)rng_below(e->rng, 8);
	u8 rm = row->rm >= 0 ? (u8)row->rm : (u8)rng_below(e->rng, 8);

	e->has_modrm = true;
	e->modrm = (u8)(0xc0 | reg << 3 | rm);
	if (row->id == INSN_MOV_TO_SEG && rng_percent(e->rng, 90))
		e->r = 0;
	if (row->attr & ROW_MEM_ONLY ||
	    (takes_memory && rng_percent(e->rng, 60))) {
		e->x = e->b = 0;
		encode_memory(e);
	}
}

/* ---- bytes ---- */

static void emit(struct encoding *e, u8 byte)
{
	e->bytes[e->size++] = byte;
}

static void emit_prefixes(struct encoding *e)
{
	static const u8 mandatory[] = {0, 0, 0x66, 0xf3, 0xf2};
	u8 prefix[6], count = 0;

	if (e->opsize)
		prefix[count++] = 0x66;
	if (e->addrsize)
		prefix[count++] = 0x67;
	if (e->lock)
		prefix[count++] = 0xf0;
	if (e->rep)
		prefix[count++] = e->rep;
	if (e->segment)
		prefix[count++] = e->segment;
	if (e->row->space == SPACE_LEGACY && mandatory[e->row->prefix])
		prefix[count++] = mandatory[e->row->prefix];
	for (u32 i = count; i > 1; i--) { /* in any order */
		u32 other = rng_below(e->rng, i);
		u8 last = prefix[i - 1];

		prefix[i - 1] = prefix[other];
		prefix[other] = last;
	}
	for (u32 i = 0; i < count; i++)
		emit(e, prefix[i]);
	if (count && !e->illegal && rng_percent(e->rng, 1)) /* towards 15 bytes */
		for (u32 i = rng_below(e->rng, 12); i; i--)
			emit(e, prefix[0]);
}

static void emit_legacy(struct encoding *e)
{
	u8 rex = (u8)(0x40 | e->w << 3 | e->r << 2 | e->x << 1 | e->b);

	if (rex != 0x40 || e->rex_forced)
		emit(e, rex);
	if (e->row->map != MAP_ONE)
		emit(e, 0x0f);
	if (e->row->map == MAP_0F38)
		emit(e, 0x38);
	if (e->row->map == MAP_0F3A)
		emit(e, 0x3a);
	emit(e, e->opcode);
}

/* [SDM2 2.3.5 "The VEX Prefix"]; R, X, B and vvvv are stored inverted. */
static void emit_vex(struct encoding *e)
{
	static const u8 pp[] = {0, 0, 1, 2, 3};
	u8 last = (u8)((~e->vvvv & 15) << 3 | e->l << 2 | pp[e->row->prefix]);
	bool may_be_short = e->row->map == MAP_0F && !e->w && !e->x && !e->b;

	if (may_be_short && rng_percent(e->rng, 50)) {
		emit(e, 0xc5);
		emit(e, (u8)((e->r ? 0 : 0x80) | last));
	} else {
		emit(e, 0xc4);
		emit(e, (u8)((e->r ? 0 : 0x80) | (e->x ? 0 : 0x40) |
			     (e->b ? 0 : 0x20) | e->row->map));
		emit(e, (u8)(e->w << 7 | last));
	}
	emit(e, e->opcode);
}

void encode_row(struct encoding *e)
{
	u32 disp_at;

	e->opcode =
		(u8)(e->row->opcode + rng_below(e->rng, e->row->opcode_span));
	e->has_modrm = row_has_modrm(e->row);
	draw_prefixes(e);
	draw_rex(e);
	if (e->row->space == SPACE_VEX)
		draw_vex(e);
	if (e->has_modrm)
		draw_modrm(e);
	emit_prefixes(e);
	if (e->row->space == SPACE_VEX)
		emit_vex(e);
	else
		emit_legacy(e);
	if (e->has_modrm)
		emit(e, e->modrm);
	if (e->has_sib)
		emit(e, e->sib);
	disp_at = e->size;
	for (u32 i = 0; i < e->disp_bytes; i++)
		emit(e, (u8)(e->disp >> (8 * i)));
	for (u32 i = e->size; i < ENCODING_BYTES; i++)
		e->bytes[i] = (u8)rng_next(e->rng);
	if (e->rip_relative) {
		struct insn in;
		u32 relative;

		if (decode_insn_for(e->bytes, ENCODING_BYTES, e->code,
				    e->cpu->vendor_amd, &in) != DECODE_OK)
			return;
		relative = (u32)(e->disp - e->rip - in.len);
		memcpy(e->bytes + disp_at, &relative, sizeof(relative));
	}
}
