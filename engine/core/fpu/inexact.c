/* SPDX-License-Identifier: MIT */
/*
 * MXCSR when an unmasked overflow or underflow ends a SIMD instruction.
 *
 * The masked run says inexact for every overflow and for every denormal result
 * that lost bits. Unmasked, silicon holds the result against the format with an
 * unbounded exponent instead: PE says whether the mantissa alone was rounded.
 * That is worked out here with integers, element by element; each element is
 * run alone, the others being 1.0, to learn which of them it concerns. Nothing
 * here is on a path that a program takes twice: a #XM follows.
 *
 * DPPS and DPPD are a multiplication and additions one after the other, and an
 * unmasked exception in one of them ends the instruction there.
 */
#include "engine/core/fpu/run.h"

#include "engine/core/fpu/state.h"

enum operation {
	NO_OPERATION,
	ADD,
	SUB,
	MUL,
	DIV,
	ADDSUB,
	HORIZONTAL_ADD,
	HORIZONTAL_SUB,
	NARROW,
	FUSED,
};

/* What the row computes, and on what. */
struct shape {
	enum operation operation;
	u32 size;      /* bytes of a source element */
	u32 precision; /* mantissa bits of a result, with the leading one */
	u32 bytes;     /* of the sources that are used */
	u8 x, y, z;    /* operand places: x op y, or x * y + z */
	bool amd;
};

/* mantissa * 2^exponent; the mantissa is odd, or 0. */
struct number {
	bool negative;
	s32 exponent;
	u64 mantissa;
};

static u32 bits128(unsigned __int128 value)
{
	u64 high = (u64)(value >> 64), low = (u64)value;

	if (high)
		return 128 - (u32)__builtin_clzll(high);
	return low ? 64 - (u32)__builtin_clzll(low) : 0;
}

static u64 element(const struct vec_operands *v, u32 place, u32 size, u32 index)
{
	u64 value = 0;

	bytes_copy(&value, v->r[place] + size * index, size);
	return value;
}

static struct number unpack(u64 bits, u32 size, bool daz)
{
	u32 fraction = size == 4 ? 23 : 52;
	u32 exponent = (u32)(bits >> fraction) & (size == 4 ? 0xff : 0x7ff);
	struct number n = {.negative = bits >> (size * 8 - 1) & 1};
	u32 zeros;

	n.mantissa = bits & (BIT(fraction) - 1);
	if (exponent)
		n.mantissa |= BIT(fraction);
	else if (daz)
		n.mantissa = 0;
	n.exponent = (s32)MAX(exponent, 1u);
	if (!n.mantissa)
		return n;
	zeros = (u32)__builtin_ctzll(n.mantissa);
	n.mantissa >>= zeros;
	n.exponent += (s32)zeros - (s32)fraction - (size == 4 ? 127 : 1023);
	return n;
}

/* Whether product * 2^exponent + c needs more than `precision` bits. */
static bool sum_inexact(unsigned __int128 product, bool negative, s32 exponent,
			struct number c, u32 precision)
{
	bool opposite = negative != c.negative;
	unsigned __int128 high = product, low = c.mantissa, sum;
	s32 shift = exponent - c.exponent;

	if (!c.mantissa)
		return bits128(product) > precision;
	if (!product)
		return bits128(c.mantissa) > precision;
	if (shift < 0) {
		high = c.mantissa;
		low = product;
		shift = -shift;
	}
	/* Far apart: the sum reaches from one's top to the other's last bit. */
	if (bits128(high) + (u32)shift > 126)
		return true;
	high <<= shift;
	if (!opposite)
		sum = high + low;
	else
		sum = high > low ? high - low : low - high;
	while (sum && !(sum & 1))
		sum >>= 1;
	return bits128(sum) > precision;
}

static bool div_inexact(struct number x, struct number y)
{
	return x.mantissa && y.mantissa && x.mantissa % y.mantissa;
}

static bool mul_inexact(struct number x, struct number y, u32 precision)
{
	return bits128((unsigned __int128)x.mantissa * y.mantissa) > precision;
}

static bool add_inexact(struct number x, struct number y, bool subtract,
			u32 precision)
{
	y.negative ^= subtract;
	return sum_inexact(x.mantissa, x.negative, x.exponent, y, precision);
}

/* Low opcode nibble: 6 MADDSUB, 7 MSUBADD, 8 MADD, A MSUB, C NMADD, E NMSUB;
 * one more is scalar. */
static bool fused_inexact(const struct insn *in, const struct shape *s,
			  const struct vec_operands *v, u32 i, bool daz)
{
	struct number x = unpack(element(v, s->x, s->size, i), s->size, daz);
	struct number y = unpack(element(v, s->y, s->size, i), s->size, daz);
	struct number z = unpack(element(v, s->z, s->size, i), s->size, daz);
	u32 kind = in->opcode & 0xf;
	bool odd = i & 1;
	bool negate = kind >= 0xc;
	bool subtract = kind == 6 ? !odd : kind == 7 ? odd : (kind & 2);

	z.negative ^= subtract;
	return sum_inexact((unsigned __int128)x.mantissa * y.mantissa,
			   x.negative ^ y.negative ^ negate,
			   x.exponent + y.exponent, z, s->precision);
}

static bool lane_inexact(const struct insn *in, const struct shape *s,
			 const struct vec_operands *v, u32 i, bool daz)
{
	bool horizontal = s->operation == HORIZONTAL_ADD ||
			  s->operation == HORIZONTAL_SUB;
	u32 other = horizontal ? i + 1 : i;
	struct number x = unpack(element(v, s->x, s->size, i), s->size, daz);
	struct number y = unpack(element(v, s->y, s->size, other), s->size, daz);

	switch (s->operation) {
	case ADD:
	case HORIZONTAL_ADD:
		return add_inexact(x, y, false, s->precision);
	case SUB:
	case HORIZONTAL_SUB:
		return add_inexact(x, y, true, s->precision);
	case ADDSUB:
		return add_inexact(x, y, !(i & 1), s->precision);
	case MUL:
		return mul_inexact(x, y, s->precision);
	case DIV:
		return div_inexact(x, y);
	case NARROW:
		/* Intel loses a denormal single in a half whatever its bits. */
		if (!s->amd && s->size == 4 &&
		    !(element(v, s->x, 4, i) & 0x7f800000))
			return x.mantissa;
		return bits128(x.mantissa) > s->precision;
	case FUSED:
		return fused_inexact(in, s, v, i, daz);
	case NO_OPERATION:
		break;
	}
	return false;
}

/* --- which operation ------------------------------------------------------- */

static enum operation operation_of(const struct insn_row *row)
{
	if (row->map == MAP_0F38)
		return FUSED;
	if (row->map == MAP_0F3A)
		return row->opcode == 0x1d ? NARROW : NO_OPERATION;
	switch (row->opcode) {
	case 0x58:
		return ADD;
	case 0x59:
		return MUL;
	case 0x5a:
		return NARROW;
	case 0x5c:
		return SUB;
	case 0x5e:
		return DIV;
	case 0x7c:
		return HORIZONTAL_ADD;
	case 0x7d:
		return HORIZONTAL_SUB;
	case 0xd0:
		return ADDSUB;
	default:
		return NO_OPERATION;
	}
}

static void fused_places(const struct insn *in, struct shape *s)
{
	static const u8 places[3][3] = {{0, 1, 2}, {2, 0, 1}, {2, 1, 0}};
	u32 order = (in->opcode >> 4) - 9u; /* 132, 213, 231 */

	s->x = places[order][0];
	s->y = places[order][1];
	s->z = places[order][2];
}

static struct shape shape_of(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	bool scalar = row->prefix == PFX_F3 || row->prefix == PFX_F2;
	struct shape s = {.operation = operation_of(row)};

	s.size = row->prefix == PFX_66 || row->prefix == PFX_F2 ? 8 : 4;
	s.bytes = in->flags & INSN_VEX_L ? 32 : 16;
	s.x = in->flags & INSN_VEX ? 2 : 0;
	s.y = 1;
	if (row->opcode == 0xd0 || row->opcode == 0x7c || row->opcode == 0x7d) {
		s.size = row->prefix == PFX_66 ? 8 : 4;
		scalar = false;
	}
	if (s.operation == FUSED) {
		s.size = in->flags & INSN_W ? 8 : 4;
		scalar = in->opcode & 1 && (in->opcode & 0xf) != 7;
		fused_places(in, &s);
	}
	s.precision = s.size == 8 ? 53 : 24;
	if (s.operation == NARROW) {
		bool half = row->map == MAP_0F3A;

		s.size = half ? 4 : 8;
		s.precision = half ? 11 : 24;
		s.x = s.y = half ? 0 : 1;
	}
	if (scalar)
		s.bytes = s.size;
	return s;
}

/* --- element by element ---------------------------------------------------- */

/* 1.0 everywhere but in elements [first, first + count) of the places given. */
static void isolate(struct vec_operands *v, const struct vec_operands *from,
		    const struct shape *s, u32 places, u32 first, u32 count)
{
	u64 one = s->size == 8 ? 0x3ff0000000000000 : 0x3f8000003f800000;

	*v = *from;
	for (u32 place = 0; place < 3; place++) {
		for (u32 at = 0; at < 32; at += 8)
			bytes_copy(v->r[place] + at, &one, 8);
		if (places >> place & 1)
			bytes_copy(v->r[place] + s->size * first,
				   from->r[place] + s->size * first,
				   s->size * count);
	}
}

static u32 lane_flags(struct x86_cpu *cpu, const struct insn *in,
		      const struct shape *s, const struct vec_operands *from,
		      const void *thunk, u32 use, u32 i)
{
	bool pair = s->operation == HORIZONTAL_ADD ||
		    s->operation == HORIZONTAL_SUB;
	u32 places = pair ? 1u << s->x : 7u;
	u32 mxcsr = *mxcsr_of(cpu);
	u32 unmasked = ~(mxcsr >> MXCSR_MASK_SHIFT);
	struct vec_operands v;
	u32 flags;

	isolate(&v, from, s, places, i, pair ? 2 : 1);
	flags = simd_run(cpu, in, thunk, &v, use);
	if (!(flags & unmasked & (MXCSR_OE | MXCSR_UE)))
		return flags;
	flags &= ~MXCSR_PE;
	return lane_inexact(in, s, from, i, mxcsr & MXCSR_DAZ) ? flags | MXCSR_PE
							       : flags;
}

static u32 lanes_flags(struct x86_cpu *cpu, const struct insn *in,
		       struct shape s, const struct vec_operands *v,
		       const void *thunk, u32 use)
{
	bool pair = s.operation == HORIZONTAL_ADD ||
		    s.operation == HORIZONTAL_SUB;
	u8 second = s.y;
	u32 flags = 0;

	if (pair)
		s.y = s.x;
	for (u32 i = 0; i < s.bytes / s.size; i += pair ? 2 : 1)
		flags |= lane_flags(cpu, in, &s, v, thunk, use, i);
	if (!pair)
		return flags;
	s.x = s.y = second;
	for (u32 i = 0; i < s.bytes / s.size; i += 2)
		flags |= lane_flags(cpu, in, &s, v, thunk, use, i);
	return flags;
}

/* --- dot products ---------------------------------------------------------- */

/* A step of a dot product: the row of one ordinary instruction. */
static struct insn step_insn(enum insn_id id)
{
	struct insn in = {.id = (u16)id};

	for (u32 i = 0; i < insn_row_count; i++)
		if (insn_rows[i].id == id)
			in.row = (u16)i;
	in.opcode = insn_rows[in.row].opcode;
	return in;
}

/* Runs it on r[0] and r[1]; the result is in r[0] unless one is unmasked. */
static u32 step_run(struct x86_cpu *cpu, enum insn_id id, struct vec_operands *v)
{
	const struct insn in = step_insn(id);
	const void *thunk = cpu->ops->fpu->thunk[in.row][0];
	u32 unmasked = ~(*mxcsr_of(cpu) >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
	struct vec_operands before = *v;
	u32 flags;

	if (!thunk)
		return 0;
	flags = simd_run(cpu, &in, thunk, v, 0);
	if (flags & unmasked & MXCSR_BEFORE)
		return flags & MXCSR_BEFORE;
	if (flags & unmasked)
		return lanes_flags(cpu, &in, shape_of(&in), &before, thunk, 0);
	return flags;
}

/* The products that imm8 leaves out are zero and raise nothing. */
static void dot_select(struct vec_operands *v, u32 imm, u32 size)
{
	for (u32 i = 0; i < 16 / size; i++) {
		if (imm >> (4 + i) & 1)
			continue;
		bytes_zero(v->r[0] + size * i, size);
		bytes_zero(v->r[1] + size * i, size);
	}
}

/* Even elements to r[0], odd to r[1], zero elsewhere. */
static void dot_pair(struct vec_operands *v, u32 size)
{
	u8 even[16] = {0}, odd[16] = {0};

	for (u32 i = 0; i < 8 / size; i++) {
		bytes_copy(even + size * i, v->r[0] + 2 * size * i, size);
		bytes_copy(odd + size * i, v->r[0] + 2 * size * i + size, size);
	}
	bytes_copy(v->r[0], even, 16);
	bytes_copy(v->r[1], odd, 16);
}

struct dot {
	enum insn_id multiply, add;
	u32 size, imm;
	u32 flags, unmasked;
	struct vec_operands lane[2];
	u32 lanes;
};

/* One step on all lanes; true: an unmasked exception ends it here. */
static bool dot_step(struct x86_cpu *cpu, struct dot *d, enum insn_id id)
{
	u32 flags = 0;

	for (u32 i = 0; i < d->lanes; i++)
		flags |= step_run(cpu, id, &d->lane[i]);
	if (flags & d->unmasked & MXCSR_BEFORE)
		flags &= MXCSR_BEFORE;
	d->flags |= flags;
	return flags & d->unmasked;
}

static u32 dot_flags(struct x86_cpu *cpu, const struct insn *in,
		     const struct vec_operands *v)
{
	bool vex = in->flags & INSN_VEX;
	struct dot d = {.imm = (u32)in->imm,
			.lanes = in->flags & INSN_VEX_L ? 2 : 1};
	bool single = in->opcode == 0x40;

	d.multiply = single ? INSN_MULPS : INSN_MULPD;
	d.add = single ? INSN_ADDPS : INSN_ADDPD;
	d.size = single ? 4 : 8;
	d.unmasked = ~(*mxcsr_of(cpu) >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
	for (u32 i = 0; i < d.lanes; i++) {
		bytes_copy(d.lane[i].r[0], v->r[vex ? 2 : 0] + 16 * i, 16);
		bytes_copy(d.lane[i].r[1], v->r[1] + 16 * i, 16);
		dot_select(&d.lane[i], d.imm, d.size);
	}
	if (dot_step(cpu, &d, d.multiply))
		return d.flags;
	for (u32 step = 0; step < (single ? 2 : 1); step++) {
		for (u32 i = 0; i < d.lanes; i++)
			dot_pair(&d.lane[i], d.size);
		if (dot_step(cpu, &d, d.add))
			return d.flags;
	}
	return d.flags;
}

u32 simd_trap_flags(struct x86_cpu *cpu, const struct insn *in,
		    const void *thunk, const struct vec_operands *v, u32 use,
		    u32 raised)
{
	u32 unmasked = raised & ~(*mxcsr_of(cpu) >> MXCSR_MASK_SHIFT);
	struct shape s;

	if (in->id == INSN_DPPS || in->id == INSN_DPPD ||
	    in->id == INSN_VDPPS || in->id == INSN_VDPPD)
		return dot_flags(cpu, in, v);
	if (unmasked & MXCSR_BEFORE)
		return raised & MXCSR_BEFORE;
	if (!(unmasked & (MXCSR_OE | MXCSR_UE)))
		return raised;
	s = shape_of(in);
	s.amd = cpu->vendor_amd;
	return s.operation == NO_OPERATION
		       ? raised
		       : lanes_flags(cpu, in, s, v, thunk, use);
}
