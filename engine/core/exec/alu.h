/* SPDX-License-Identifier: MIT */
/*
 * The host's own integer instructions on guest operands: results and flags,
 * undefined ones too, are the silicon's. Shared by the integer handlers.
 */
#ifndef ENGINE_CORE_EXEC_ALU_H
#define ENGINE_CORE_EXEC_ALU_H

#include "engine/core/exec/exec.h"
#include "engine/core/paging/mem.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Operand sizes as log2 bytes. */
enum { SZ_B, SZ_W, SZ_L, SZ_Q };

/*
 * Flags come out of an asm block as AX = LAHF in AH, SETO in AL, and go into
 * rflags under `mask`.
 */
static ALWAYS_INLINE void flags_set(struct x86_cpu *cpu, u32 ax, u64 mask)
{
	u64 flags = (ax >> 8 & 0xd5) | (ax & 1) << 11;

	cpu->rflags = (cpu->rflags & ~mask) | (flags & mask);
}

#define FLAGS_OUT "\n\tlahf\n\tseto %%al"

/* Two operands, result and flags: returns the result. */
typedef u64 (*alu_fn)(struct x86_cpu *cpu, u64 a, u64 b);

#define ALU2(name, insn, suffix, type)                                   \
	static ALWAYS_INLINE u64 name(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                                \
		type x = (type)a, y = (type)b;                           \
		u32 ax;                                                  \
                                                                         \
		__asm__(insn #suffix " %[y], %[x]" FLAGS_OUT             \
			: [x] "+&q"(x), "=&a"(ax)                        \
			: [y] "q"(y)                                     \
			: "cc");                                         \
		flags_set(cpu, ax, RFLAGS_ARITH);                        \
		return x;                                                \
	}

/* The same with CF going in (ADC, SBB). */
#define ALU2_CARRY(name, insn, suffix, type)                             \
	static ALWAYS_INLINE u64 name(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                                \
		type x = (type)a, y = (type)b;                           \
		u8 carry = cpu->rflags & RFLAGS_CF;                      \
		u32 ax;                                                  \
                                                                         \
		__asm__("addb $255, %[carry]\n\t" insn #suffix           \
			" %[y], %[x]" FLAGS_OUT                          \
			: [x] "+&q"(x), "=&a"(ax), [carry] "+&q"(carry)  \
			: [y] "q"(y)                                     \
			: "cc");                                         \
		flags_set(cpu, ax, RFLAGS_ARITH);                        \
		return x;                                                \
	}

#define ALU_SIZES(MACRO, name, insn)  \
	MACRO(name##_b, insn, b, u8)  \
	MACRO(name##_w, insn, w, u16) \
	MACRO(name##_l, insn, l, u32) \
	MACRO(name##_q, insn, q, u64)

/* Reads a register or memory source operand. */
static ALWAYS_INLINE int source_read(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, u64 *ret)
{
	u64 value = 0;
	int rc;

	if (!(in->flags & INSN_MEM)) {
		*ret = gpr_read(cpu, in->rm_off, size);
		return X86_OK;
	}
	rc = operand_read(cpu, in, &value, 1u << size);
	*ret = value;
	return rc;
}

/* Host pointer for an in-place store to a cached page, or NULL. */
static ALWAYS_INLINE void *rmw_fast(struct x86_cpu *cpu, const struct insn *in,
				    u64 offset, u32 bytes)
{
	const struct x86_tlb_entry *entry;
	gva_t address;

	if (unlikely(!(cpu->segment_fast[in->seg] & SEG_FAST_WRITE)))
		return NULL;
	address = (cpu->segment_base[in->seg] + offset) & cpu->linear_mask;
	entry = tlb_slot(cpu, address);
	if (unlikely(entry->write_tag !=
		     tlb_tag(cpu, address, address + bytes - 1)))
		return NULL;
	note_store(cpu, entry->host + address);
	return (void *)(entry->host + address);
}

static ALWAYS_INLINE u64 host_load(const void *host, u32 size)
{
	switch (size) {
	case SZ_B:
		return *(const volatile u8 *)host;
	case SZ_W:
		return *(const volatile u16 *)host;
	case SZ_L:
		return *(const volatile u32 *)host;
	default:
		return *(const volatile u64 *)host;
	}
}

static ALWAYS_INLINE void host_store(void *host, u64 value, u32 size)
{
	switch (size) {
	case SZ_B:
		*(volatile u8 *)host = (u8)value;
		break;
	case SZ_W:
		*(volatile u16 *)host = (u16)value;
		break;
	case SZ_L:
		*(volatile u32 *)host = (u32)value;
		break;
	default:
		*(volatile u64 *)host = value;
	}
}

/* Compare-and-swap of 1..8 bytes; *expected gets what was there. */
static ALWAYS_INLINE bool host_cas(void *host, u64 *expected, u64 value,
				   u32 size)
{
#define CAS(type)                                               \
	({                                                      \
		type old = (type)*expected;                     \
		bool done = __atomic_compare_exchange_n(        \
			(type *)host, &old, (type)value, false, \
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
		*expected = old;                                \
		done;                                           \
	})
	switch (size) {
	case SZ_B:
		return CAS(u8);
	case SZ_W:
		return CAS(u16);
	case SZ_L:
		return CAS(u32);
	default:
		return CAS(u64);
	}
#undef CAS
}

/*
 * Read-modify-write of the memory operand at `offset` with fn(value, b). The
 * locked form computes on a private copy and swaps it in, so that every ALU
 * function serves; flags are those of the round that won.
 */
static ALWAYS_INLINE int rmw_apply(struct x86_cpu *cpu, const struct insn *in,
				   u64 offset, u32 size, u64 b, alu_fn fn)
{
	bool locked = in->flags & INSN_LOCK;
	u64 flags = cpu->rflags, old;
	struct rmw rmw;
	void *host;
	int rc;

	if (likely(!locked)) {
		host = rmw_fast(cpu, in, offset, 1u << size);
		if (likely(host)) {
			host_store(host, fn(cpu, host_load(host, size), b),
				   size);
			return X86_OK;
		}
	}
	rc = rmw_begin(cpu, in, offset, 1u << size, locked, &rmw);
	if (rc)
		return rc;
	old = host_load(rmw.host, size);
	if (locked)
		do
			cpu->rflags = flags;
		while (!host_cas(rmw.host, &old, fn(cpu, old, b), size));
	else
		host_store(rmw.host, fn(cpu, old, b), size);
	rc = rmw_commit(cpu, &rmw);
	if (rc) /* waits for a device: nothing has happened yet */
		cpu->rflags = flags;
	return rc;
}

/* The rooms' binders, one file each; in->id is one of theirs. */
insn_exec_fn alu_bind(const struct insn *in);
insn_exec_fn shift_bind(const struct insn *in);
insn_exec_fn multiply_bind(const struct insn *in);
insn_exec_fn bit_bind(const struct insn *in);
insn_exec_fn move_bind(const struct insn *in);
insn_exec_fn stack_bind(const struct insn *in);
insn_exec_fn atomic_bind(const struct insn *in);
insn_exec_fn branch_bind(const struct insn *in);
insn_exec_fn decimal_bind(const struct insn *in);
insn_exec_fn port_bind(const struct insn *in);

/* RFLAGS satisfies condition code `cond`. [SDM1 B.1 "Condition Codes"] */
static ALWAYS_INLINE bool condition(u64 rflags, u32 cond)
{
	bool less = (rflags >> 7 ^ rflags >> 11) & 1;
	bool value;

	switch (cond >> 1) {
	case 0:
		value = rflags & RFLAGS_OF;
		break;
	case 1:
		value = rflags & RFLAGS_CF;
		break;
	case 2:
		value = rflags & RFLAGS_ZF;
		break;
	case 3:
		value = rflags & (RFLAGS_CF | RFLAGS_ZF);
		break;
	case 4:
		value = rflags & RFLAGS_SF;
		break;
	case 5:
		value = rflags & RFLAGS_PF;
		break;
	case 6:
		value = less;
		break;
	default:
		value = less || (rflags & RFLAGS_ZF);
	}
	return value ^ (cond & 1);
}

#endif
