/* SPDX-License-Identifier: MIT */
/* See values.h. */
#include "tests/guest/random/values.h"

#include <string.h>

/* Offsets in the legacy XSAVE area. [SDM1 10.5.1 "FXSAVE Area"] */
enum {
	AT_FCW = 0,
	AT_FSW = 2,
	AT_FTW = 4,
	AT_FOP = 6,
	AT_FIP = 8,
	AT_FDP = 16
};

static const u32 singles[] = {
	0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x00000001, 0x807fffff,
	0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
	0xffc00000, 0x7fa00000, 0xff800001, 0x3f000000, 0x3fc00000, 0x40200000,
	0x4effffff, 0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000, 0x3f800001,
	0x00ffffff, 0x33800000, 0x47800000, 0x477fe000, 0x477fefff, 0x38800000,
	0x387fffff, 0x7fffffff,
};

static const u64 doubles[] = {
	0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000,
	0xbff0000000000000, 0x0000000000000001, 0x800fffffffffffff,
	0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff,
	0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
	0xfff8000000000000, 0x7ff4000000000000, 0xfff0000000000001,
	0x3fe0000000000000, 0x3ff8000000000000, 0x4004000000000000,
	0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
	0xc1e0000000200000, 0x43dfffffffffffff, 0x43e0000000000000,
	0xc3e0000000000000, 0x47efffffe0000000, 0x47effffff0000000,
	0x3810000000000000, 0x36a0000000000000, 0x3690000000000000,
	0x43f0000000000000, 0x7fffffffffffffff,
};

static const u16 halves[] = {
	0x0000, 0x8000, 0x3c00, 0xbc00, 0x0001, 0x83ff, 0x0400,
	0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x7d00, 0x3555, 0x03ff,
};

static const u64 integers[] = {
	0,
	1,
	2,
	0x7f,
	0x80,
	0xff,
	0x100,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffffffffffff,
	0xfffffffffffffffe,
	0xffffffff80000000,
	0xffffffffffff8000,
	0xffffffffffffff80,
	0x00007fffffffffff,
	0x0000800000000000,
	0xffff7fffffffffff,
	0xffff800000000000,
};

#define PICK(rng, array) ((array)[rng_below((rng), ARRAY_SIZE(array))])

static u32 value_single(struct rng *rng)
{
	u32 kind = rng_below(rng, 8), bits = (u32)rng_next(rng);

	if (kind < 4)
		return PICK(rng, singles);
	if (kind < 7) /* not far from one */
		return (bits & 0x807fffff) | (127 - 30 + rng_below(rng, 61))
						     << 23;
	return bits;
}

static u64 value_double(struct rng *rng)
{
	u32 kind = rng_below(rng, 8);
	u64 bits = rng_next(rng);

	if (kind < 4)
		return PICK(rng, doubles);
	if (kind < 7)
		return (bits & 0x800fffffffffffff) |
		       (u64)(1023 - 66 + rng_below(rng, 133)) << 52;
	return bits;
}

/* Exponent classes of the double-extended format, with every kind of integer
 * bit: [SDM1 8.2.2 "Unsupported Double Extended-Precision ..."] */
void value_x87(struct rng *rng, u8 bytes[10])
{
	static const u16 exponents[] = {0,	0,	1,	0x3fff,
					0x3ffe, 0x4000, 0x7ffe, 0x7fff,
					0x7fff, 0x403e, 0x401e, 0x400e};
	static const u64 fractions[] = {
		0,
		1,
		0x8000000000000000,
		0xc000000000000000,
		0x8000000000000001,
		0xffffffffffffffff,
		0x7fffffffffffffff,
		0x4000000000000000,
		0xa000000000000000,
		0xfffffffffffff800,
		0xffffff0000000000,
	};
	u16 exponent = PICK(rng, exponents);
	u64 fraction = PICK(rng, fractions);
	u32 kind = rng_below(rng, 10);

	if (kind >= 5) {
		exponent = (u16)(0x3fff - 66 + rng_below(rng, 133));
		fraction = rng_next(rng) | BIT(63);
	}
	if (kind == 9)
		fraction &= ~(BIT(40) - 1);
	if (kind == 8)
		exponent = (u16)(rng_next(rng) & 0x7fff);
	if (kind == 7) { /* what FBSTP can hold */
		exponent = (u16)(0x3fff + rng_below(rng, 60));
		fraction = (rng_next(rng) | BIT(63)) &
			   ~(BIT(63 - (exponent & 63)) - 1);
	}
	exponent |= (u16)(rng_below(rng, 2) << 15);
	memcpy(bytes, &fraction, 8);
	memcpy(bytes + 8, &exponent, 2);
}

u64 value_run(struct rng *rng, enum code_size code)
{
	static const u64 runs[] = {AT_DATA,  AT_DATA,	AT_DATA,  AT_DATA32,
				   AT_TOP32, AT_DATA64, AT_DATA64};

	return runs[rng_below(rng, code == CODE_64 ? 7 : 4)];
}

static u64 value_pointer(struct rng *rng, enum code_size code)
{
	u64 at = rng_percent(rng, 85) ? value_run(rng, code) : AT_STACK;
	u64 offset = rng_below(rng, at == AT_STACK ? PAGE_BYTES : DATA_BYTES);

	return at + (rng_percent(rng, 80) ? offset & ~63ull : offset);
}

static u64 value_nowhere(struct rng *rng)
{
	static const u64 places[] = {
		0,
		0x00007ffffffff000,
		0x0000800000000000,
		0xffff7fffffffffff,
		0xffff800000000000,
		0xffffffffffffffff,
		0x0100000000000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0x00ffffffffffffff,
	};

	return PICK(rng, places) + rng_below(rng, 33) - 16;
}

u64 value_gpr(struct rng *rng, enum code_size code)
{
	u64 value;

	switch (rng_below(rng, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		return value_pointer(rng, code);
	case 5:
	case 6:
		return rng_below(rng, 65);
	case 7:
		return 0ull - rng_below(rng, 65);
	case 8:
		return BIT(rng_below(rng, 64)) + rng_below(rng, 3) - 1;
	case 9:
	case 10:
		return PICK(rng, integers);
	case 11:
		return rng_next(rng);
	case 12:
		return (u32)rng_next(rng);
	case 13:
		value = rng_next(rng);
		return rng_below(rng, 2) ? value & 0xffff : value & 0xff;
	case 14:
		return AT_CODE + rng_below(rng, CODE_BYTES);
	default:
		return value_nowhere(rng);
	}
}

/* Eighteen digits and a sign, mostly. */
static void value_bcd(struct rng *rng, u8 bytes[16])
{
	for (u32 i = 0; i < 9; i++)
		bytes[i] = (u8)(rng_below(rng, 10) << 4 | rng_below(rng, 10));
	bytes[9] = (u8)(rng_below(rng, 2) << 7);
	if (rng_percent(rng, 20))
		bytes[rng_below(rng, 10)] = (u8)rng_next(rng);
}

static void fill_parts(u8 bytes[16], struct rng *rng, u32 size,
		       u64 (*value)(struct rng *rng))
{
	for (u32 at = 0; at < 16; at += size) {
		u64 part = value(rng);

		memcpy(bytes + at, &part, size);
	}
}

static u64 part_single(struct rng *rng)
{
	return value_single(rng);
}
static u64 part_half(struct rng *rng)
{
	return rng_percent(rng, 60) ? PICK(rng, halves) : rng_next(rng);
}
static u64 part_integer(struct rng *rng)
{
	return PICK(rng, integers);
}
static u64 part_small(struct rng *rng)
{
	return (u64)rng_below(rng, 129) - 64;
}
static u64 part_shift(struct rng *rng)
{
	return rng_below(rng, 72);
}
static u64 part_address(struct rng *rng)
{
	return rng_percent(rng, 50) ? AT_CODE + rng_below(rng, CODE_BYTES)
				    : value_pointer(rng, CODE_64);
}
static u64 part_mask(struct rng *rng)
{
	return rng_below(rng, 2) ? ~0ull : 0;
}
static u64 part_text(struct rng *rng)
{
	return "aabcAZz0\0~"[rng_below(rng, 10)];
}

void value_halves(struct rng *rng, u8 bytes[16])
{
	fill_parts(bytes, rng, 2, part_half);
}

void value_vector(struct rng *rng, u8 bytes[16])
{
	u64 part[2] = {rng_next(rng), rng_next(rng)};

	memcpy(bytes, part, 16);
	switch (rng_below(rng, 20)) {
	case 0:
	case 1:
	case 2:
	case 3:
		fill_parts(bytes, rng, 4, part_single);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		fill_parts(bytes, rng, 8, value_double);
		break;
	case 8:
		value_halves(rng, bytes);
		break;
	case 9:
		fill_parts(bytes, rng, 1u << rng_below(rng, 4), part_integer);
		break;
	case 10:
		fill_parts(bytes, rng, 1u << rng_below(rng, 4), part_small);
		break;
	case 11:
		fill_parts(bytes, rng, 4u << rng_below(rng, 2), part_mask);
		break;
	case 12:
		fill_parts(bytes, rng, 8, part_address);
		break;
	case 13:
		value_x87(rng, bytes);
		break;
	case 14:
		value_bcd(rng, bytes);
		break;
	case 15:
		fill_parts(bytes, rng, 1, part_text);
		break;
	case 16:
		fill_parts(bytes, rng, 1u << rng_below(rng, 4), part_shift);
		break;
	case 17:
		memset(bytes, 0, 16);
		break;
	default:
		break;
	}
}

/* [SDM1 10.2.3 "MXCSR Control and Status Register"] */
u32 value_mxcsr(struct rng *rng)
{
	u32 bits = (u32)rng_next(rng);

	if (rng_percent(rng, 45))
		return MXCSR_RESET | (bits & (rng_percent(rng, 30) ? 0x3f : 0));
	if (rng_percent(rng, 40))
		return MXCSR_RESET | (bits & 0xe07f); /* rounding, FTZ, DAZ */
	if (rng_percent(rng, 30))
		return bits & 0x6000;
	return bits & (rng_percent(rng, 30) ? 0xffff : 0xffc0);
}

/* [SDM1 8.1.5 "x87 FPU Control Word"] */
u16 value_fcw(struct rng *rng)
{
	u32 bits = (u32)rng_next(rng);

	if (rng_percent(rng, 45))
		return FCW_RESET;
	if (rng_percent(rng, 60))
		return (u16)(0x7f | (bits & 0x0f00));
	return (u16)(0x40 | (bits & 0x1f3f));
}

u16 value_selector(struct rng *rng)
{
	static const u16 selectors[] = {
		0,
		0,
		1,
		3,
		SELECTOR_DATA,
		SELECTOR_DATA,
		SELECTOR_DATA,
		SELECTOR_DATA & ~3,
		SELECTOR_CODE32,
		SELECTOR_CODE32,
		SELECTOR_CODE64,
		SELECTOR_CODE64,
		0x10,
		0x18,
		0x40,
		0x63,
		0x7b,
		0x80,
		0x07,
		0x32,
	};

	return rng_percent(rng, 90) ? PICK(rng, selectors) : (u16)rng_next(rng);
}

void values_fill_pool(struct rng *rng, u8 *pool)
{
	for (u32 at = 0; at < POOL_BYTES; at += 16)
		value_vector(rng, pool + at);
}

/* ---- states ---- */

static void put16(u8 *at, u16 value)
{
	memcpy(at, &value, sizeof(value));
}

static u16 get16(const u8 *at)
{
	u16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* ES and B say whether an unmasked exception is pending. */
static void x87_summarize(u8 *xsave)
{
	u16 fcw = get16(xsave + AT_FCW), fsw = get16(xsave + AT_FSW) & 0x7f7f;

	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	put16(xsave + AT_FSW, fsw);
}

void values_x87_pending(struct rng *rng, struct state *state)
{
	u32 exception = rng_below(rng, 6);

	put16(state->xsave + AT_FCW,
	      (u16)(get16(state->xsave + AT_FCW) & ~(1u << exception)));
	put16(state->xsave + AT_FSW,
	      (u16)(get16(state->xsave + AT_FSW) | 1u << exception));
	x87_summarize(state->xsave);
}

static u64 canonical(u64 value)
{
	return (u64)((s64)(value << 16) >> 16);
}

static void state_x87(struct rng *rng, u8 *xsave)
{
	u64 bits = rng_next(rng), fip = canonical(rng_next(rng));
	u64 fdp = canonical(rng_next(rng));
	u16 fcw = value_fcw(rng), fsw = (u16)(bits & 0x7f00);

	if (rng_percent(rng, 20)) /* flags whose exceptions are masked */
		fsw |= (u16)(bits & fcw & 0x3f);
	put16(xsave + AT_FCW, fcw);
	put16(xsave + AT_FSW, fsw);
	xsave[AT_FTW] = rng_percent(rng, 65)   ? 0xff
			: rng_percent(rng, 40) ? 0
					       : (u8)(bits >> 16);
	put16(xsave + AT_FOP, (u16)(bits >> 32 & 0x7ff));
	memcpy(xsave + AT_FIP, &fip, 8);
	memcpy(xsave + AT_FDP, &fdp, 8);
	for (u32 i = 0; i < 8; i++)
		value_x87(rng, xsave + XSAVE_ST + 16 * i);
}

static void state_vector(struct rng *rng, u8 *xsave)
{
	u32 mxcsr = value_mxcsr(rng);
	u8 high_is_zero = (u8)rng_percent(rng, 10);

	memcpy(xsave + XSAVE_MXCSR, &mxcsr, 4);
	for (u32 i = 0; i < 16; i++) {
		value_vector(rng, xsave + XSAVE_XMM + 16 * i);
		if (!high_is_zero)
			value_vector(rng, xsave + XSAVE_YMMH + 16 * i);
	}
}

static void state_segments(struct rng *rng, enum code_size code,
			   bool has_fsgsbase, struct state *ret)
{
	static const u16 data[] = {SELECTOR_DATA,
				   SELECTOR_DATA,
				   SELECTOR_DATA,
				   SELECTOR_DATA,
				   SELECTOR_DATA,
				   SELECTOR_DATA,
				   0,
				   SELECTOR_CODE32};

	ret->seg[SEG_SS] = SELECTOR_DATA;
	if (code == CODE_64) {
		ret->seg[SEG_CS] = SELECTOR_CODE64;
		ret->seg[SEG_DS] = ret->seg[SEG_ES] = PICK(rng, data);
		if (!has_fsgsbase)
			return;
		ret->fs_base = canonical(value_gpr(rng, code));
		ret->gs_base = canonical(value_gpr(rng, code));
		return;
	}
	ret->seg[SEG_CS] = SELECTOR_CODE32;
	ret->seg[SEG_DS] = rng_percent(rng, 80) ? SELECTOR_DATA
						: PICK(rng, data);
	ret->seg[SEG_ES] = PICK(rng, data);
	ret->seg[SEG_FS] = PICK(rng, data);
	ret->seg[SEG_GS] = PICK(rng, data);
}

static void state_memory(struct rng *rng, const u8 *pool, u8 *memory)
{
	memset(memory, CODE_END, CODE_BYTES);
	for (u32 page = PAGE_DATA0; page < PAGE_COUNT; page++) {
		u32 at = rng_below(rng, (u32)POOL_BYTES - PAGE_BYTES);

		at &= rng_percent(rng, 80) ? ~15u : ~3u;
		memcpy(memory + page * PAGE_BYTES, pool + at, PAGE_BYTES);
	}
}

void values_state(struct rng *rng, enum code_size code, bool has_fsgsbase,
		  const u8 *pool, struct state *ret, u8 *memory)
{
	u64 mask = code == CODE_64 ? ~0ull : 0xffffffff;

	memset(ret, 0, sizeof(*ret));
	for (u32 i = 0; i < (code == CODE_64 ? 16u : 8u); i++)
		ret->gpr[i] = value_gpr(rng, code) & mask;
	ret->gpr[RSP] = AT_STACK + (rng_percent(rng, 85)
					    ? 64 + 8 * rng_below(rng, 480)
					    : rng_below(rng, PAGE_BYTES));
	ret->rflags = RFLAGS_FIXED | RFLAGS_IF | (rng_next(rng) & RFLAGS_ARITH);
	if (rng_percent(rng, 25))
		ret->rflags |= RFLAGS_DF;
	if (rng_percent(rng, 4))
		ret->rflags |= RFLAGS_AC;
	state_segments(rng, code, has_fsgsbase, ret);
	state_x87(rng, ret->xsave);
	state_vector(rng, ret->xsave);
	state_memory(rng, pool, memory);
}
