/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as instructions see it: segment, effective address, TLB, and
 * the slow way through page_walk() to memory or a device.
 *
 * All functions return X86_OK, X86_FAULT (raised) or X86_NEED (a device must
 * answer first). After anything but X86_OK a handler must return that value at
 * once, having written no register.
 */
#ifndef ENGINE_CORE_PAGING_MEM_H
#define ENGINE_CORE_PAGING_MEM_H

#include "engine/core/x86.h"

/* The slow way, also for sizes up to 4096 bytes and for page-crossers.
 * `seg` only chooses between #GP and #SS for a non-canonical address. */
int linear_read_slow(struct x86_cpu *cpu, gva_t address, void *data, u32 size,
		     u32 seg);
int linear_write_slow(struct x86_cpu *cpu, gva_t address, const void *data,
		      u32 size, u32 seg);

/* Implicit supervisor accesses (descriptor tables, TSS): never CPL 3's. */
int system_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size);
int system_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size);

/*
 * Checks that [offset, offset+size) through seg may be read or written: limit,
 * type, null selector. Raises #GP(0) or #SS(0).
 */
int segment_check(struct x86_cpu *cpu, u32 seg, u64 offset, u32 size,
		  bool write);

/* #SS(0) for stack references, else #GP(0). */
int raise_segment(struct x86_cpu *cpu, u32 seg);

extern const u64 address_mask[3]; /* by enum code_size */

static inline u64 insn_offset(const struct x86_cpu *cpu, const struct insn *in)
{
	const u8 *gpr = (const u8 *)cpu->gpr;
	u64 base = *(const u64 *)(const void *)(gpr + in->base_off);
	u64 index = *(const u64 *)(const void *)(gpr + in->index_off);

	return (base + (index << in->scale) + (u64)(s64)in->disp) &
	       address_mask[in->addr_size];
}

/* Which segment a fault on this operand speaks of: in 64-bit mode RSP- and
 * RBP-based operands are stack references although they carry SEG_NONE. */
static inline u32 insn_fault_seg(const struct insn *in)
{
	bool stack = in->base_off == GPR_OFFSET(RSP) ||
		     in->base_off == GPR_OFFSET(RBP);

	return in->seg == SEG_NONE && stack ? SEG_SS : in->seg;
}

static inline struct x86_tlb_entry *tlb_slot(const struct x86_cpu *cpu, gva_t a)
{
	return &cpu->tlb->entry[a >> 63][(a >> 12) & (TLB_ENTRIES - 1)];
}

/* The tag that an access ending at byte `last` must find. */
static inline u64 tlb_tag(const struct x86_cpu *cpu, gva_t a, gva_t last)
{
	return (last & ~0xfffull) | cpu->tlb_generation[a >> 63];
}

static inline void note_store(struct x86_cpu *cpu, u64 host)
{
	if (unlikely((host ^ cpu->code_host) < 4096))
		cpu->stop |= STOP_CODE_WRITTEN;
}

/* size is a constant 1, 2, 4, 8, 16 or 32 at every call. */
static inline __attribute__((always_inline)) int
linear_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size, u32 seg)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);

	if (unlikely(entry->read_tag !=
		     tlb_tag(cpu, address, address + size - 1)))
		return linear_read_slow(cpu, address, data, size, seg);
	__builtin_memcpy(data, (const void *)(entry->host + address), size);
	return X86_OK;
}

static inline __attribute__((always_inline)) int
linear_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size,
	     u32 seg)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);

	if (unlikely(entry->write_tag !=
		     tlb_tag(cpu, address, address + size - 1)))
		return linear_write_slow(cpu, address, data, size, seg);
	__builtin_memcpy((void *)(entry->host + address), data, size);
	note_store(cpu, entry->host + address);
	return X86_OK;
}

/* Through a segment: offset is already masked to the address size. */
static inline __attribute__((always_inline)) int
segment_read(struct x86_cpu *cpu, u32 seg, u64 offset, void *data, u32 size,
	     u32 fault_seg)
{
	if (unlikely(!(cpu->segment_fast[seg] & SEG_FAST_READ))) {
		int rc = segment_check(cpu, seg, offset, size, false);

		if (rc)
			return rc;
	}
	return linear_read(cpu,
			   (cpu->segment_base[seg] + offset) & cpu->linear_mask,
			   data, size, fault_seg);
}

static inline __attribute__((always_inline)) int
segment_write(struct x86_cpu *cpu, u32 seg, u64 offset, const void *data,
	      u32 size, u32 fault_seg)
{
	if (unlikely(!(cpu->segment_fast[seg] & SEG_FAST_WRITE))) {
		int rc = segment_check(cpu, seg, offset, size, true);

		if (rc)
			return rc;
	}
	return linear_write(cpu,
			    (cpu->segment_base[seg] + offset) & cpu->linear_mask,
			    data, size, fault_seg);
}

/*
 * The instruction's memory operand: the TLB hit inline, everything else (limit
 * checks, misses, page-crossers, devices) done from the start out of line.
 */
int operand_read_slow(struct x86_cpu *cpu, const struct insn *in, void *data,
		      u32 size);
int operand_write_slow(struct x86_cpu *cpu, const struct insn *in,
		       const void *data, u32 size);

static inline __attribute__((always_inline)) gva_t
operand_linear(const struct x86_cpu *cpu, const struct insn *in)
{
	return (cpu->segment_base[in->seg] + insn_offset(cpu, in)) &
	       cpu->linear_mask;
}

static inline __attribute__((always_inline)) int
operand_read(struct x86_cpu *cpu, const struct insn *in, void *data, u32 size)
{
	gva_t address = operand_linear(cpu, in);
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);

	if (unlikely(!(cpu->segment_fast[in->seg] & SEG_FAST_READ)) ||
	    unlikely(entry->read_tag !=
		     tlb_tag(cpu, address, address + size - 1)))
		return operand_read_slow(cpu, in, data, size);
	__builtin_memcpy(data, (const void *)(entry->host + address), size);
	return X86_OK;
}

static inline __attribute__((always_inline)) int
operand_write(struct x86_cpu *cpu, const struct insn *in, const void *data,
	      u32 size)
{
	gva_t address = operand_linear(cpu, in);
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);

	if (unlikely(!(cpu->segment_fast[in->seg] & SEG_FAST_WRITE)) ||
	    unlikely(entry->write_tag !=
		     tlb_tag(cpu, address, address + size - 1)))
		return operand_write_slow(cpu, in, data, size);
	__builtin_memcpy((void *)(entry->host + address), data, size);
	note_store(cpu, entry->host + address);
	return X86_OK;
}

/*
 * Read-modify-write in place. begin checks write permission on the whole
 * operand first and gives a host pointer to work on: the guest's memory itself
 * when the operand lies in one cache line of memory, else a copy which commit
 * writes back. With `locked`, a copy is only handed out inside the exclusive
 * section, which commit (or cancel, on every other way out) leaves; so an
 * operation with a host LOCK prefix on `host` is atomic either way.
 */
struct rmw {
	void *host;
	gva_t address;
	u32 size;
	u32 seg;
	bool copied;
	bool exclusive;
	u8 copy[16] __attribute__((aligned(16)));
};

/* The exclusive section, which is not entered twice. On the way in what was
 * translated before may move. */
void exclusive_enter(struct x86_cpu *cpu);
void exclusive_leave(struct x86_cpu *cpu);

int rmw_begin(struct x86_cpu *cpu, const struct insn *in, u64 offset, u32 size,
	      bool locked, struct rmw *ret);
int rmw_commit(struct x86_cpu *cpu, struct rmw *rmw);
void rmw_cancel(struct x86_cpu *cpu, struct rmw *rmw);

/*
 * Checks that [address, address+size) could be written (or read) now without
 * a fault; changes nothing visible but A/D bits. Devices count as fine.
 */
int linear_probe(struct x86_cpu *cpu, gva_t address, u32 size, bool write,
		 u32 seg);

/* Stack: size 2, 4 or 8; RSP moves only on X86_OK. */
int stack_push(struct x86_cpu *cpu, u64 value, u32 size);
int stack_pop(struct x86_cpu *cpu, u64 *ret_value, u32 size);
/* Would a push of this size fault? */
int stack_probe(struct x86_cpu *cpu, u32 size);
/* Same without moving RSP: at RSP + offset in the current stack width. */
int stack_read(struct x86_cpu *cpu, s64 offset, u64 *ret_value, u32 size);
u64 stack_mask(const struct x86_cpu *cpu); /* of RSP: 16, 32 or 64 bits */

/* Devices. One access of 1..8 bytes inside one page; logs and replays. */
int external_read(struct x86_cpu *cpu, gpa_t gpa, void *data, u32 size);
int external_write(struct x86_cpu *cpu, gpa_t gpa, const void *data, u32 size);
int external_port(struct x86_cpu *cpu, u16 port, void *data, u32 size,
		  bool write);
/* The owner's answer to X86_NEED: data of want.size bytes for reads and IN. */
void external_complete(struct x86_cpu *cpu, u64 data);
/* Forget the log: the instruction is finished or was given up. */
void external_clear(struct x86_cpu *cpu);

#endif
