/* SPDX-License-Identifier: MIT */
/*
 * The slow way to guest memory: TLB misses, page-crossers, devices, alignment
 * checks and data breakpoints.
 *
 * An access is cut into at most two pieces, one per page. Both are translated
 * before either is touched, so that a fault on the second page leaves the first
 * one as it was.
 */
#include "engine/core/paging/mem.h"

#include "engine/core/exception/exception.h"
#include "engine/core/paging/paging.h"
#include "engine/core/paging/tlb.h"

const u64 address_mask[3] = {0xffff, 0xffffffff, ~0ull};

struct pieces {
	u32 count;
	u32 size[2];
	struct page_ref page[2];
};

int raise_segment(struct x86_cpu *cpu, u32 seg)
{
	return raise_error(cpu, seg == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
}

/*
 * [SDM3 table 6-7 "Alignment Requirements by Data Type"]: ten bytes of x87 count
 * as eight, a far pointer's six as four; vectors of 16 and more that need no
 * alignment are checked by AMD only, for 16.
 */
static bool alignment_wrong(const struct x86_cpu *cpu, gva_t address, u32 size)
{
	u32 align = size == 10 ? 8 : size == 6 ? 4 : size == 32 ? 16 : size;

	return cpu->tlb == cpu->tlbs[TLB_ALIGN] &&
	       align <= (cpu->vendor_amd ? 16 : 8) &&
	       (align & (align - 1)) == 0 && (address & (align - 1));
}

/* Over the end of a flat segment: Intel goes on at 0, which segment_check() lets
 * happen, to AMD it is the limit. */
static bool wraps_at_4g(const struct x86_cpu *cpu, gva_t address, u32 size)
{
	return cpu->vendor_amd && cpu->linear_mask == 0xffffffff &&
	       address + size - 1 > 0xffffffff;
}

static int pieces_translate(struct x86_cpu *cpu, u32 class, gva_t address,
			    u32 size, u32 access, struct pieces *ret)
{
	u32 room = 4096 - (u32)(address & 0xfff);
	int rc;

	ret->count = size > room ? 2 : 1;
	ret->size[0] = MIN(size, room);
	ret->size[1] = size - ret->size[0];
	rc = tlb_fill(cpu, class, address, access, &ret->page[0]);
	if (rc || ret->count == 1)
		return rc;
	rc = tlb_fill(cpu, class, (address + room) & cpu->linear_mask, access,
		      &ret->page[1]);
	if (unlikely(!rc && ret->page[1].waited)) /* it may have moved */
		rc = tlb_fill(cpu, class, address, access, &ret->page[0]);
	return rc;
}

/* The access of CPL-now code, checked in the order of
 * [SDM3 6.9 "Prioritization of Concurrent Events"]. */
static int access_begin(struct x86_cpu *cpu, gva_t address, u32 size,
			bool write, u32 seg, struct pieces *ret)
{
	u32 access = (write ? WALK_WRITE : 0u) |
		     (cpu->cpl == 3 ? WALK_USER : 0u);
	int rc;

	if (wraps_at_4g(cpu, address, size))
		return raise_segment(cpu, seg);
	if (!linear_canonical(cpu, address))
		return raise_segment(cpu, seg);
	if (cpu->vendor_amd && !linear_canonical(cpu, address + size - 1))
		return raise_segment(cpu, seg);
	if (alignment_wrong(cpu, address, size))
		return raise_error(cpu, VECTOR_AC, 0);
	if (!linear_canonical(cpu, address + size - 1))
		return raise_segment(cpu, seg);
	rc = pieces_translate(cpu, tlb_class_now(cpu), address, size, access,
			      ret);
	if (!rc)
		debug_data_access(cpu, address, size, write);
	return rc;
}

/*
 * One access for the sizes that a lock word may have: other vCPUs must never
 * see half of it. Larger ones are copied as they come.
 */
static void copy_once(void *to, const void *from, u32 size)
{
	switch (size) {
	case 1:
		*(u8 *)to = *(const volatile u8 *)from;
		break;
	case 2:
		*(u16 *)to = *(const volatile u16 *)from;
		break;
	case 4:
		*(u32 *)to = *(const volatile u32 *)from;
		break;
	case 8:
		*(u64 *)to = *(const volatile u64 *)from;
		break;
	default:
		for (u32 i = 0; i < size; i++)
			((u8 *)to)[i] = ((const u8 *)from)[i];
	}
}

static int piece_read(struct x86_cpu *cpu, const struct page_ref *page,
		      u8 *data, u32 size)
{
	if (page->host) {
		copy_once(data, page->host, size);
		return X86_OK;
	}
	for (u32 done = 0; done < size;) {
		u32 part = MIN(size - done, 8u);
		int rc = external_read(cpu, page->gpa + done, data + done, part);

		if (rc)
			return rc;
		done += part;
	}
	return X86_OK;
}

static void write_note(struct x86_cpu *cpu, u8 *host, u32 size)
{
	struct x86_write_log *log = cpu->write_log;

	if (likely(!log))
		return;
	for (u32 part; size; size -= part, host += part) {
		struct x86_write *write = &log->write[log->count];

		part = MIN(size, (u32)WRITE_LOG_BYTES);
		if (log->count == WRITE_LOG_MAX) {
			log->full = true;
			return;
		}
		log->count++;
		write->host = host;
		write->size = part;
		__builtin_memcpy(write->old, host, part);
	}
}

static int piece_write(struct x86_cpu *cpu, const struct page_ref *page,
		       const u8 *data, u32 size)
{
	if (page->host) {
		write_note(cpu, page->host, size);
		copy_once(page->host, data, size);
		note_store(cpu, (u64)(uintptr_t)page->host);
		return X86_OK;
	}
	for (u32 done = 0; done < size;) {
		u32 part = MIN(size - done, 8u);
		int rc = external_write(cpu, page->gpa + done, data + done,
					part);

		if (rc)
			return rc;
		done += part;
	}
	return X86_OK;
}

static int pieces_read(struct x86_cpu *cpu, const struct pieces *p, u8 *data)
{
	int rc = piece_read(cpu, &p->page[0], data, p->size[0]);

	if (rc || p->count == 1)
		return rc;
	return piece_read(cpu, &p->page[1], data + p->size[0], p->size[1]);
}

/*
 * Devices first: a device may have to be asked through the owner, and the
 * instruction then runs again; a store to memory made before that would be made
 * twice, and another vCPU's store in between be lost.
 */
static int pieces_write(struct x86_cpu *cpu, const struct pieces *p,
			const u8 *data)
{
	bool second_first = p->count == 2 && p->page[0].host && !p->page[1].host;
	int rc;

	if (second_first) {
		rc = piece_write(cpu, &p->page[1], data + p->size[0],
				 p->size[1]);
		return rc ? rc : piece_write(cpu, &p->page[0], data, p->size[0]);
	}
	rc = piece_write(cpu, &p->page[0], data, p->size[0]);
	if (rc || p->count == 1)
		return rc;
	return piece_write(cpu, &p->page[1], data + p->size[0], p->size[1]);
}

int linear_read_slow(struct x86_cpu *cpu, gva_t address, void *data, u32 size,
		     u32 seg)
{
	struct pieces pieces;
	int rc = access_begin(cpu, address, size, false, seg, &pieces);

	return rc ? rc : pieces_read(cpu, &pieces, data);
}

int linear_write_slow(struct x86_cpu *cpu, gva_t address, const void *data,
		      u32 size, u32 seg)
{
	struct pieces pieces;
	int rc = access_begin(cpu, address, size, true, seg, &pieces);

	return rc ? rc : pieces_write(cpu, &pieces, data);
}

static int operand_slow(struct x86_cpu *cpu, const struct insn *in, u32 size,
			bool write, struct pieces *ret)
{
	int rc = segment_check(cpu, in->seg, insn_offset(cpu, in), size, write);

	return rc ? rc
		  : access_begin(cpu, operand_linear(cpu, in), size, write,
				 insn_fault_seg(in), ret);
}

int operand_read_slow(struct x86_cpu *cpu, const struct insn *in, void *data,
		      u32 size)
{
	struct pieces pieces;
	int rc = operand_slow(cpu, in, size, false, &pieces);

	return rc ? rc : pieces_read(cpu, &pieces, data);
}

int operand_write_slow(struct x86_cpu *cpu, const struct insn *in,
		       const void *data, u32 size)
{
	struct pieces pieces;
	int rc = operand_slow(cpu, in, size, true, &pieces);

	return rc ? rc : pieces_write(cpu, &pieces, data);
}

int linear_probe(struct x86_cpu *cpu, gva_t address, u32 size, bool write,
		 u32 seg)
{
	struct pieces pieces;

	return access_begin(cpu, address, size, write, seg, &pieces);
}

static const struct x86_tlb_entry *system_entry(const struct x86_cpu *cpu,
						gva_t address)
{
	return tlb_entry(cpu, TLB_SUPERVISOR, address);
}

int system_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size)
{
	const struct x86_tlb_entry *entry = system_entry(cpu, address);
	struct pieces pieces;
	int rc;

	if (likely(entry->read_tag == tlb_tag(cpu, address, address + size - 1))) {
		copy_once(data, (const void *)(entry->host + address), size);
		return X86_OK;
	}
	if (!linear_canonical(cpu, address))
		return raise_gp0(cpu);
	rc = pieces_translate(cpu, TLB_SUPERVISOR, address, size, WALK_IMPLICIT,
			      &pieces);
	return rc ? rc : pieces_read(cpu, &pieces, data);
}

int system_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size)
{
	const struct x86_tlb_entry *entry = system_entry(cpu, address);
	struct pieces pieces;
	int rc;

	if (likely(entry->write_tag ==
		   tlb_tag(cpu, address, address + size - 1))) {
		copy_once((void *)(entry->host + address), data, size);
		note_store(cpu, entry->host + address);
		return X86_OK;
	}
	if (!linear_canonical(cpu, address))
		return raise_gp0(cpu);
	rc = pieces_translate(cpu, TLB_SUPERVISOR, address, size,
			      WALK_IMPLICIT | WALK_WRITE, &pieces);
	return rc ? rc : pieces_write(cpu, &pieces, data);
}

/* [SDM3 5.3 "Limit Checking"] [SDM3 5.5 "Privilege Levels"] */
int segment_check(struct x86_cpu *cpu, u32 seg, u64 offset, u32 size, bool write)
{
	const struct x86_segment *s = &cpu->seg[seg];
	u64 last = offset + size - 1;
	bool code = s->attr & SEG_CODE;

	if (seg == SEG_NONE || cpu->code == CODE_64)
		return X86_OK;
	if (s->attr & SEG_UNUSABLE)
		return raise_segment(cpu, seg);
	if (protected_mode(cpu)) {
		if (write && (code || !(s->attr & SEG_RW)))
			return raise_segment(cpu, seg);
		if (!write && code && !(s->attr & SEG_RW))
			return raise_segment(cpu, seg);
	}
	if (!code && (s->attr & SEG_DC)) { /* expand down */
		u64 top = s->attr & SEG_DB ? 0xffffffff : 0xffff;

		if (offset <= s->limit || last > top)
			return raise_segment(cpu, seg);
		return X86_OK;
	}
	/* With a 4 GiB limit, going over the end wraps, as the fast way does.
	 * [SDM3 5.3 "Limit Checking"]: either may happen. */
	if (s->limit == 0xffffffff)
		return X86_OK;
	return last > s->limit ? raise_segment(cpu, seg) : X86_OK;
}

/*
 * A locked operation over two cache lines locks the host's bus, and Linux
 * punishes that with milliseconds of sleep, or SIGBUS (split_lock_detect): such
 * operands are worked on in a copy as page-crossers are.
 */
static bool crosses_line(gva_t address, u32 size)
{
	return (address & 63) + size > 64;
}

void exclusive_enter(struct x86_cpu *cpu)
{
	cpu->ops->exclusive_begin(cpu->ctx);
	cpu->exclusive = true;
}

void exclusive_leave(struct x86_cpu *cpu)
{
	cpu->exclusive = false;
	cpu->ops->exclusive_end(cpu->ctx);
}

int rmw_begin(struct x86_cpu *cpu, const struct insn *in, u64 offset, u32 size,
	      bool locked, struct rmw *ret)
{
	const struct x86_tlb_entry *entry;
	u32 seg = insn_fault_seg(in);
	struct pieces pieces;
	gva_t address;
	bool split;
	int rc;

	if (unlikely(!(cpu->segment_fast[in->seg] & SEG_FAST_WRITE))) {
		rc = segment_check(cpu, in->seg, offset, size, true);
		if (rc)
			return rc;
	}
	address = (cpu->segment_base[in->seg] + offset) & cpu->linear_mask;
	split = crosses_line(address, size);
	entry = tlb_slot(cpu, address);
	ret->address = address;
	ret->size = size;
	ret->seg = seg;
	ret->copied = ret->exclusive = false;
	if (likely(entry->write_tag ==
		   tlb_tag(cpu, address, address + size - 1)) &&
	    likely(!split)) {
		ret->host = (void *)(entry->host + address);
		return X86_OK;
	}
	rc = access_begin(cpu, address, size, true, seg, &pieces);
	if (rc)
		return rc;
	ret->host = pieces.page[0].host;
	if (!split && pieces.count == 1 && ret->host) {
		write_note(cpu, ret->host, size);
		return X86_OK;
	}
	ret->copied = true;
	ret->exclusive = locked;
	ret->host = ret->copy;
	if (locked) { /* what was translated may have moved while we waited */
		exclusive_enter(cpu);
		rc = access_begin(cpu, address, size, true, seg, &pieces);
	}
	if (!rc)
		rc = pieces_read(cpu, &pieces, ret->copy);
	if (rc)
		rmw_cancel(cpu, ret);
	return rc;
}

int rmw_commit(struct x86_cpu *cpu, struct rmw *rmw)
{
	int rc = X86_OK;

	if (likely(!rmw->copied)) {
		note_store(cpu, (u64)(uintptr_t)rmw->host);
		return X86_OK;
	}
	rc = linear_write_slow(cpu, rmw->address, rmw->copy, rmw->size,
			       rmw->seg);
	rmw_cancel(cpu, rmw);
	return rc;
}

void rmw_cancel(struct x86_cpu *cpu, struct rmw *rmw)
{
	if (rmw->exclusive)
		exclusive_leave(cpu);
	rmw->exclusive = false;
}

u64 stack_mask(const struct x86_cpu *cpu)
{
	if (cpu->code == CODE_64)
		return ~0ull;
	return cpu->stack32 ? 0xffffffff : 0xffff;
}

static void stack_move(struct x86_cpu *cpu, u64 value)
{
	u64 mask = stack_mask(cpu);

	if (mask == 0xffff)
		cpu->gpr[RSP] = (cpu->gpr[RSP] & ~mask) | (value & mask);
	else
		cpu->gpr[RSP] = value & mask;
}

int stack_push(struct x86_cpu *cpu, u64 value, u32 size)
{
	u64 offset = (cpu->gpr[RSP] - size) & stack_mask(cpu);
	u32 seg = cpu->code == CODE_64 ? SEG_NONE : SEG_SS;
	int rc;

	if (likely(size == 8))
		rc = segment_write(cpu, seg, offset, &value, 8, SEG_SS);
	else if (size == 4)
		rc = segment_write(cpu, seg, offset, &value, 4, SEG_SS);
	else
		rc = segment_write(cpu, seg, offset, &value, 2, SEG_SS);
	if (!rc)
		stack_move(cpu, offset);
	return rc;
}

int stack_probe(struct x86_cpu *cpu, u32 size)
{
	u64 offset = (cpu->gpr[RSP] - size) & stack_mask(cpu);
	u32 seg = cpu->code == CODE_64 ? SEG_NONE : SEG_SS;
	int rc = segment_check(cpu, seg, offset, size, true);

	if (rc)
		return rc;
	return linear_probe(cpu,
			    (cpu->segment_base[seg] + offset) & cpu->linear_mask,
			    size, true, SEG_SS);
}

int stack_read(struct x86_cpu *cpu, s64 relative, u64 *ret_value, u32 size)
{
	u64 offset = (cpu->gpr[RSP] + (u64)relative) & stack_mask(cpu);
	u32 seg = cpu->code == CODE_64 ? SEG_NONE : SEG_SS;
	u64 value = 0;
	int rc;

	if (likely(size == 8))
		rc = segment_read(cpu, seg, offset, &value, 8, SEG_SS);
	else if (size == 4)
		rc = segment_read(cpu, seg, offset, &value, 4, SEG_SS);
	else
		rc = segment_read(cpu, seg, offset, &value, 2, SEG_SS);
	if (!rc)
		*ret_value = value;
	return rc;
}

int stack_pop(struct x86_cpu *cpu, u64 *ret_value, u32 size)
{
	int rc = stack_read(cpu, 0, ret_value, size);

	if (!rc)
		stack_move(cpu, cpu->gpr[RSP] + size);
	return rc;
}
