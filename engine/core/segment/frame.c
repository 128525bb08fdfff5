/* SPDX-License-Identifier: MIT */
/*
 * Stack frames of far calls and events. They are written before SS, RSP and CPL
 * change, with the privilege they will have afterwards, so that a fault on the
 * way leaves the cpu as it was. What has been written below the old top of the
 * new stack by then is nobody's. [SDM3 5.8.5 "Stack Switching"]
 */
#include "engine/core/segment/segment.h"

#include "engine/core/paging/mem.h"

u64 segment_stack_mask(const struct x86_segment *ss, bool code64)
{
	if (code64)
		return ~0ull;
	return ss->attr & SEG_DB ? 0xffffffff : 0xffff;
}

void stack_pointer_set(struct x86_cpu *cpu, u64 value, u64 mask)
{
	u64 kept = mask == 0xffff ? cpu->gpr[RSP] & ~mask : 0;

	cpu->gpr[RSP] = kept | (value & mask);
}

void frame_current(struct x86_cpu *cpu, u32 bytes, bool flat, u32 ext,
		   struct frame *ret)
{
	ret->cpu = cpu;
	ret->ss = cpu->seg[SEG_SS];
	ret->sp = cpu->gpr[RSP];
	ret->mask = segment_stack_mask(&ret->ss, flat);
	ret->bytes = bytes;
	ret->error = ext;
	ret->cpl = cpu->cpl;
	ret->flat = flat;
}

static int tss_read(struct x86_cpu *cpu, u32 offset, void *data, u32 size,
		    u32 ext)
{
	const struct x86_segment *tr = &cpu->seg[SEG_TR];

	if ((tr->attr & SEG_UNUSABLE) || offset + size - 1 > tr->limit)
		return selector_fault(cpu, VECTOR_TS, tr->selector, ext);
	return table_read(cpu, tr->base + offset, data, size);
}

static int frame_long(struct x86_cpu *cpu, u32 offset, u32 cpl, u32 ext,
		      struct frame *ret)
{
	int rc = tss_read(cpu, offset, &ret->sp, 8, ext);

	if (rc)
		return rc;
	ret->cpu = cpu;
	segment_null((u16)cpl, cpl, &ret->ss);
	ret->mask = ~0ull;
	ret->bytes = 8;
	ret->error = ext;
	ret->cpl = (u8)cpl;
	ret->flat = true;
	return X86_OK;
}

int frame_ist(struct x86_cpu *cpu, u32 ist, u32 cpl, u32 ext, struct frame *ret)
{
	int rc = frame_long(cpu, 0x24 + (ist - 1) * 8, cpl, ext, ret);

	/* Without a change of privilege the selector stays. */
	if (!rc && cpl == cpu->cpl)
		ret->ss = cpu->seg[SEG_SS];
	return rc;
}

/* [SDM3 7.2.1 "Task-State Segment (TSS)", 7.6 "16-Bit Task-State Segment"] */
static int tss_stack(struct x86_cpu *cpu, u32 cpl, u32 ext, u32 *ret_sp,
		     u16 *ret_ss)
{
	u16 small[2];
	u32 big[2];
	int rc;

	if ((cpu->seg[SEG_TR].attr & SEG_TYPE) & 8) {
		rc = tss_read(cpu, 4 + cpl * 8, big, 6, ext);
		if (rc)
			return rc;
		*ret_sp = big[0];
		*ret_ss = (u16)big[1];
		return X86_OK;
	}
	rc = tss_read(cpu, 2 + cpl * 4, small, 4, ext);
	if (rc)
		return rc;
	*ret_sp = small[0];
	*ret_ss = small[1];
	return X86_OK;
}

int frame_inner(struct x86_cpu *cpu, u32 cpl, u32 bytes, u32 ext,
		struct frame *ret)
{
	u32 sp = 0;
	u16 selector = 0;
	int rc;

	if (cpu->long_mode)
		return frame_long(cpu, 4 + cpl * 8, cpl, ext, ret);
	rc = tss_stack(cpu, cpl, ext, &sp, &selector);
	if (rc)
		return rc;
	rc = segment_stack(cpu, selector, cpl, VECTOR_TS, ext, &ret->ss);
	if (rc)
		return rc;
	ret->cpu = cpu;
	ret->sp = sp;
	ret->mask = segment_stack_mask(&ret->ss, false);
	ret->bytes = bytes;
	ret->error = (selector & 0xfffcu) | ext;
	ret->cpl = (u8)cpl;
	ret->flat = false;
	return X86_OK;
}

static bool slot_inside(const struct frame *frame, u64 offset)
{
	const struct x86_segment *ss = &frame->ss;
	u64 last = offset + frame->bytes - 1;
	u64 top = ss->attr & SEG_DB ? 0xffffffff : 0xffff;

	if (frame->flat)
		return address_canonical(frame->cpu, offset) &&
		       address_canonical(frame->cpu, last);
	if (ss->attr & SEG_UNUSABLE)
		return false;
	if ((ss->attr & (SEG_CODE | SEG_DC)) == SEG_DC)
		return offset > ss->limit && last <= top;
	return last <= ss->limit;
}

static u64 slot_below(const struct frame *frame, u64 sp, u32 count)
{
	return (sp - (u64)count * frame->bytes) & frame->mask;
}

int frame_room(struct frame *frame, u32 count)
{
	for (u32 i = 1; i <= count; i++)
		if (!slot_inside(frame, slot_below(frame, frame->sp, i)))
			return raise_error(frame->cpu, VECTOR_SS, frame->error);
	return X86_OK;
}

/* Accesses as the privilege that the frame will run with makes them. */
struct view {
	struct x86_tlb *tlb;
	u64 linear_mask;
	u8 cpl;
};

static void view_enter(const struct frame *frame, struct view *save)
{
	struct x86_cpu *cpu = frame->cpu;
	bool closed = (cpu->cr4 & CR4_SMAP) && !(cpu->rflags & RFLAGS_AC);

	save->tlb = cpu->tlb;
	save->linear_mask = cpu->linear_mask;
	save->cpl = cpu->cpl;
	if (frame->flat)
		cpu->linear_mask = ~0ull;
	if (frame->cpl == cpu->cpl)
		return;
	cpu->cpl = frame->cpl;
	cpu->tlb = cpu->tlbs[closed ? TLB_SUPERVISOR : TLB_SUPERVISOR_AC];
}

static void view_leave(struct x86_cpu *cpu, const struct view *save)
{
	cpu->tlb = save->tlb;
	cpu->linear_mask = save->linear_mask;
	cpu->cpl = save->cpl;
}

int frame_push(struct frame *frame, u64 value)
{
	struct x86_cpu *cpu = frame->cpu;
	u64 offset = slot_below(frame, frame->sp, 1);
	u64 base = frame->flat ? 0 : frame->ss.base;
	struct view save;
	gva_t address;
	int rc;

	if (!slot_inside(frame, offset))
		return raise_error(cpu, VECTOR_SS, frame->error);
	view_enter(frame, &save);
	address = (base + offset) & cpu->linear_mask;
	if (frame->bytes == 8)
		rc = linear_write(cpu, address, &value, 8, SEG_SS);
	else if (frame->bytes == 4)
		rc = linear_write(cpu, address, &value, 4, SEG_SS);
	else
		rc = linear_write(cpu, address, &value, 2, SEG_SS);
	view_leave(cpu, &save);
	if (!rc)
		frame->sp = (frame->sp & ~frame->mask) | offset;
	return rc;
}

void frame_commit(const struct frame *frame)
{
	frame->cpu->seg[SEG_SS] = frame->ss;
	frame->cpu->gpr[RSP] = frame->sp & (frame->flat ? ~0ull : 0xffffffff);
}
