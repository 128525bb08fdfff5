/* SPDX-License-Identifier: MIT */
/*
 * Bit tests, scans and the BMI group.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* BT changes CF alone: the other flags are "undefined" and stay. */
static ALWAYS_INLINE void carry_set(struct x86_cpu *cpu, bool carry)
{
	cpu->rflags = (cpu->rflags & ~(u64)RFLAGS_CF) | carry;
}

#define BIT_OP(name, expression)                              \
	static u64 name(struct x86_cpu *cpu, u64 a, u64 mask) \
	{                                                     \
		carry_set(cpu, (a & mask) != 0);              \
		return expression;                            \
	}
BIT_OP(bit_test, a)
BIT_OP(bit_set, a | mask)
BIT_OP(bit_reset, a & ~mask)
BIT_OP(bit_complement, a ^ mask)

static ALWAYS_INLINE int bit_register(struct x86_cpu *cpu, const struct insn *in,
				      u64 index, alu_fn fn)
{
	u32 bits = 8u << in->op_size;
	u64 value = fn(cpu, gpr_read(cpu, in->rm_off, in->op_size),
		       BIT(index & (bits - 1)));

	if (in->id != INSN_BT)
		gpr_write(cpu, in->rm_off, in->op_size, value);
	return X86_OK;
}

/*
 * With a register index the memory operand is a bit string: the signed index
 * first moves the address. [SDM1 3.1.1.9 "Bit(BitBase, BitOffset)"]
 */
static ALWAYS_INLINE int bit_memory(struct x86_cpu *cpu, const struct insn *in,
				    u64 index, bool string, alu_fn fn)
{
	u32 size = in->op_size, bits = 8u << size;
	u64 offset = insn_offset(cpu, in), value = 0;
	s64 signed_index = size == SZ_W	  ? (s16)index
			   : size == SZ_L ? (s32)index
					  : (s64)index;

	if (string)
		offset += (u64)((signed_index >> (3 + size)) * (1 << size));
	offset &= address_mask[in->addr_size];
	if (in->id == INSN_BT) {
		int rc = segment_read(cpu, in->seg, offset, &value, 1u << size,
				      insn_fault_seg(in));

		if (!rc)
			(void)fn(cpu, value, BIT(index & (bits - 1)));
		return rc;
	}
	return rmw_apply(cpu, in, offset, size, BIT(index & (bits - 1)), fn);
}

#define BIT_HANDLER(name, fn)                                                 \
	static int name(struct x86_cpu *cpu, const struct insn *in)           \
	{                                                                     \
		bool by_imm = insn_rows[in->row].op[1] == OP_Ib;              \
		u64 index = by_imm ? in->imm                                  \
				   : gpr_read(cpu, in->reg_off, in->op_size); \
                                                                              \
		if (in->flags & INSN_MEM)                                     \
			return bit_memory(cpu, in, index, !by_imm, fn);       \
		return bit_register(cpu, in, index, fn);                      \
	}
BIT_HANDLER(bt, bit_test)
BIT_HANDLER(bts, bit_set)
BIT_HANDLER(btr, bit_reset)
BIT_HANDLER(btc, bit_complement)

/*
 * Scans and counts: destination preloaded, because BSF and BSR of zero leave
 * it, each in its silicon's own way in the upper half.
 */
#define SCAN(name, insn, suffix, type, modifier)                     \
	static void name(struct x86_cpu *cpu, u64 *dest, u64 source) \
	{                                                            \
		u64 x = *dest;                                       \
		u32 ax;                                              \
                                                                     \
		__asm__(insn #suffix " %" modifier "[s], %" modifier \
				     "[x]" FLAGS_OUT                 \
			: [x] "+&r"(x), "=&a"(ax)                    \
			: [s] "r"(source)                            \
			: "cc");                                     \
		flags_set(cpu, ax, RFLAGS_ARITH);                    \
		*dest = x;                                           \
	}
#define SCAN_SIZES(name, insn)            \
	SCAN(name##_w, insn, w, u16, "w") \
	SCAN(name##_l, insn, l, u32, "k") \
	SCAN(name##_q, insn, q, u64, "q")
SCAN_SIZES(bsf, "bsf")
SCAN_SIZES(bsr, "bsr")
SCAN_SIZES(popcnt, "popcnt")
SCAN_SIZES(lzcnt, "lzcnt")
SCAN_SIZES(tzcnt, "tzcnt")

typedef void (*scan_fn)(struct x86_cpu *cpu, u64 *dest, u64 source);

static ALWAYS_INLINE int scan(struct x86_cpu *cpu, const struct insn *in,
			      scan_fn w, scan_fn l, scan_fn q)
{
	u64 source, *dest = gpr_at(cpu, in->reg_off);
	int rc = source_read(cpu, in, in->op_size, &source);

	if (rc)
		return rc;
	(in->op_size == SZ_Q   ? q
	 : in->op_size == SZ_L ? l
			       : w)(cpu, dest, source);
	return X86_OK;
}

#define SCAN_HANDLER(name)                                          \
	static int name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                           \
		return scan(cpu, in, name##_w, name##_l, name##_q); \
	}
SCAN_HANDLER(bsf)
SCAN_HANDLER(bsr)
SCAN_HANDLER(popcnt)
SCAN_HANDLER(lzcnt)
SCAN_HANDLER(tzcnt)

/* BMI1 and BMI2 on 32 or 64 bits, flags by the host. */
#define BMI2_OP(name, insn, mask)                              \
	static u64 name##_l(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                      \
		u32 x, ax;                                     \
                                                               \
		__asm__(insn " %k[b], %k[a], %[x]" FLAGS_OUT   \
			: [x] "=&r"(x), "=&a"(ax)              \
			: [a] "r"(a), [b] "r"(b)               \
			: "cc");                               \
		flags_set(cpu, ax, mask);                      \
		return x;                                      \
	}                                                      \
	static u64 name##_q(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                      \
		u64 x;                                         \
		u32 ax;                                        \
                                                               \
		__asm__(insn " %[b], %[a], %[x]" FLAGS_OUT     \
			: [x] "=&r"(x), "=&a"(ax)              \
			: [a] "r"(a), [b] "r"(b)               \
			: "cc");                               \
		flags_set(cpu, ax, mask);                      \
		return x;                                      \
	}
/* In AT&T order the last source written first: andn b, a = ~a & b. */
BMI2_OP(andn, "andn", RFLAGS_ARITH)
BMI2_OP(bextr, "bextr", RFLAGS_ARITH)
BMI2_OP(bzhi, "bzhi", RFLAGS_ARITH)
BMI2_OP(pdep, "pdep", 0)
BMI2_OP(pext, "pext", 0)

#define BMI1_OP(name, insn)                                    \
	static u64 name##_l(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                      \
		u32 x, ax;                                     \
                                                               \
		(void)b;                                       \
		__asm__(insn " %k[a], %[x]" FLAGS_OUT          \
			: [x] "=&r"(x), "=&a"(ax)              \
			: [a] "r"(a)                           \
			: "cc");                               \
		flags_set(cpu, ax, RFLAGS_ARITH);              \
		return x;                                      \
	}                                                      \
	static u64 name##_q(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                      \
		u64 x;                                         \
		u32 ax;                                        \
                                                               \
		(void)b;                                       \
		__asm__(insn " %[a], %[x]" FLAGS_OUT           \
			: [x] "=&r"(x), "=&a"(ax)              \
			: [a] "r"(a)                           \
			: "cc");                               \
		flags_set(cpu, ax, RFLAGS_ARITH);              \
		return x;                                      \
	}
BMI1_OP(blsi, "blsi")
BMI1_OP(blsmsk, "blsmsk")
BMI1_OP(blsr, "blsr")

static const struct bmi_row {
	u16 id;
	alu_fn fn[2];	 /* 32, 64 bits */
	bool vvvv_first; /* fn(vvvv, r/m), else fn(r/m, vvvv) */
} bmi_rows[] = {
	{INSN_ANDN, {andn_l, andn_q}, true},
	{INSN_BEXTR, {bextr_l, bextr_q}, false},
	{INSN_BZHI, {bzhi_l, bzhi_q}, false},
	{INSN_PDEP, {pdep_l, pdep_q}, true},
	{INSN_PEXT, {pext_l, pext_q}, true},
	{INSN_BLSI, {blsi_l, blsi_q}, false},
	{INSN_BLSMSK, {blsmsk_l, blsmsk_q}, false},
	{INSN_BLSR, {blsr_l, blsr_q}, false},
};

static int bmi(struct x86_cpu *cpu, const struct insn *in)
{
	const struct bmi_row *row = bmi_rows;
	bool to_vvvv = insn_rows[in->row].attr & ROW_VVVV_DEST;
	u64 a, b = cpu->gpr[in->vvvv], result;
	int rc = source_read(cpu, in, in->op_size, &a);

	if (rc)
		return rc;
	while (row->id != in->id)
		row++;
	result = row->vvvv_first ? row->fn[in->op_size == SZ_Q](cpu, b, a)
				 : row->fn[in->op_size == SZ_Q](cpu, a, b);
	gpr_write(cpu, to_vvvv ? GPR_OFFSET(in->vvvv) : in->reg_off,
		  in->op_size, result);
	return X86_OK;
}

/* ADCX and ADOX: one carry chain each. */
static int add_chain(struct x86_cpu *cpu, const struct insn *in)
{
	u64 flag = in->id == INSN_ADCX ? RFLAGS_CF : RFLAGS_OF;
	u64 a = gpr_read(cpu, in->reg_off, in->op_size), b, sum;
	bool carry = cpu->rflags & flag, out;
	int rc = source_read(cpu, in, in->op_size, &b);

	if (rc)
		return rc;
	sum = a + b + carry;
	out = in->op_size == SZ_Q ? sum < a || (carry && sum == a)
				  : sum >> 32 & 1;
	cpu->rflags = (cpu->rflags & ~flag) | (out ? flag : 0);
	gpr_write(cpu, in->reg_off, in->op_size, sum);
	return X86_OK;
}

static int crc32_step(struct x86_cpu *cpu, const struct insn *in)
{
	u64 crc = (u32) * (u64 *)gpr_at(cpu, in->reg_off), value;
	int rc = source_read(cpu, in, in->op_size, &value);

	if (rc)
		return rc;
	switch (in->op_size) {
	case SZ_B:
		__asm__("crc32b %b[v], %k[c]" : [c] "+r"(crc) : [v] "q"(value));
		break;
	case SZ_W:
		__asm__("crc32w %w[v], %k[c]" : [c] "+r"(crc) : [v] "r"(value));
		break;
	case SZ_L:
		__asm__("crc32l %k[v], %k[c]" : [c] "+r"(crc) : [v] "r"(value));
		break;
	default:
		__asm__("crc32q %[v], %[c]" : [c] "+r"(crc) : [v] "r"(value));
	}
	*(u64 *)gpr_at(cpu, in->reg_off) = (u32)crc;
	return X86_OK;
}

static u64 swap_bytes(u64 value, u32 size)
{
	if (size == SZ_W)
		return __builtin_bswap16((u16)value);
	return size == SZ_L ? __builtin_bswap32((u32)value)
			    : __builtin_bswap64(value);
}

/* BSWAP of a 16-bit register gives zero on every processor we know. */
static int byte_swap(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = gpr_read(cpu, in->reg_off, in->op_size);

	gpr_write(cpu, in->reg_off, in->op_size,
		  in->op_size == SZ_W ? 0 : swap_bytes(value, in->op_size));
	return X86_OK;
}

static int move_big_endian(struct x86_cpu *cpu, const struct insn *in)
{
	bool store = insn_rows[in->row].attr & ROW_MEM_WRITE;
	u32 size = in->op_size;
	u64 value = 0;
	int rc;

	if (store) {
		value = swap_bytes(gpr_read(cpu, in->reg_off, size), size);
		return operand_write(cpu, in, &value, 1u << size);
	}
	rc = operand_read(cpu, in, &value, 1u << size);
	if (!rc)
		gpr_write(cpu, in->reg_off, size, swap_bytes(value, size));
	return rc;
}

insn_exec_fn bit_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_BT:
		return bt;
	case INSN_BTS:
		return bts;
	case INSN_BTR:
		return btr;
	case INSN_BTC:
		return btc;
	case INSN_BSF:
		return bsf;
	case INSN_BSR:
		return bsr;
	case INSN_POPCNT:
		return popcnt;
	case INSN_LZCNT:
		return lzcnt;
	case INSN_TZCNT:
		return tzcnt;
	case INSN_ADCX:
	case INSN_ADOX:
		return add_chain;
	case INSN_CRC32:
		return crc32_step;
	case INSN_BSWAP:
		return byte_swap;
	case INSN_MOVBE:
		return move_big_endian;
	default:
		return bmi;
	}
}
