/* SPDX-License-Identifier: MIT */
/*
 * What a selector makes of a segment register: the checks of every kind of
 * segment, in the manual's order, with its error codes.
 * [SDM3 5.5 "Privilege Levels" to 5.7 "Privilege Level Checking When Loading the
 * SS Register"], [SDM2 4.3 "MOV—Move"]
 *
 * A null selector clears the base of FS and GS on either vendor. AMD's older
 * processors keep it; the newer announce (CPUID 80000021H, EAX bit 6) that they
 * do not, and no system can depend on the old way.
 */
#include "engine/core/segment/segment.h"

#include "engine/core/paging/mem.h"

void segment_null(u16 selector, u32 dpl, struct x86_segment *ret)
{
	ret->base = 0;
	ret->limit = 0;
	ret->attr = SEG_UNUSABLE | dpl << SEG_DPL_SHIFT;
	ret->selector = selector;
}

void segment_v86(u16 selector, struct x86_segment *ret)
{
	ret->base = (u64)selector << 4;
	ret->limit = 0xffff;
	ret->attr = SEG_P | SEG_DPL | SEG_S | SEG_RW | SEG_ACCESSED;
	ret->selector = selector;
}

void segment_real(const struct x86_cpu *cpu, u32 index, u16 selector,
		  struct x86_segment *ret)
{
	const struct x86_segment *old = &cpu->seg[index];
	u32 kept = old->attr & (SEG_G | SEG_DB | SEG_AVL);

	if (cpu->rflags & RFLAGS_VM) {
		segment_v86(selector, ret);
		return;
	}
	/* Real mode loads the base only: limit and width stay ("unreal"). */
	*ret = *old;
	ret->base = (u64)selector << 4;
	ret->attr = kept | SEG_P | SEG_S | SEG_RW | SEG_ACCESSED;
	if (index == SEG_CS)
		ret->attr |= SEG_CODE;
	if (old->attr & SEG_UNUSABLE)
		ret->limit = 0xffff;
	ret->selector = selector;
}

int segment_data(struct x86_cpu *cpu, u16 selector, u32 cpl,
		 enum x86_vector vector, u32 ext, struct x86_segment *ret)
{
	u32 conforming = SEG_CODE | SEG_DC;
	struct descriptor d;
	u32 attr, rpl = selector & 3;
	int rc;

	if (selector_null(selector)) {
		segment_null(selector, 0, ret);
		return X86_OK;
	}
	rc = descriptor_read(cpu, selector, vector, ext, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	if (!(attr & SEG_S) || (attr & (SEG_CODE | SEG_RW)) == SEG_CODE)
		return selector_fault(cpu, vector, selector, ext);
	if ((attr & conforming) != conforming && MAX(rpl, cpl) > attr_dpl(attr))
		return selector_fault(cpu, vector, selector, ext);
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, ext);
	rc = descriptor_mark_accessed(cpu, &d);
	if (rc)
		return rc;
	descriptor_segment(&d, selector, ret);
	return X86_OK;
}

int segment_stack(struct x86_cpu *cpu, u16 selector, u32 cpl,
		  enum x86_vector vector, u32 ext, struct x86_segment *ret)
{
	struct descriptor d;
	u32 attr;
	int rc;

	if (selector_null(selector))
		return raise_error(cpu, vector, ext);
	rc = descriptor_read(cpu, selector, vector, ext, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	if ((selector & 3u) != cpl || !attr_is_writable_data(attr) ||
	    attr_dpl(attr) != cpl)
		return selector_fault(cpu, vector, selector, ext);
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_SS, selector, ext);
	rc = descriptor_mark_accessed(cpu, &d);
	if (rc)
		return rc;
	descriptor_segment(&d, selector, ret);
	return X86_OK;
}

int segment_stack_long(struct x86_cpu *cpu, u16 selector, u32 cpl, bool code64,
		       struct x86_segment *ret)
{
	bool null_allowed = code64 && cpl != 3 && (selector & 3u) == cpl;

	if (selector_null(selector) && null_allowed) {
		segment_null(selector, cpl, ret);
		return X86_OK;
	}
	return segment_stack(cpu, selector, cpl, VECTOR_GP, 0, ret);
}

int segment_ldt(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
		u32 ext, struct x86_segment *ret)
{
	enum x86_vector absent = vector == VECTOR_TS ? VECTOR_TS : VECTOR_NP;
	struct descriptor d;
	u32 attr;
	int rc;

	if (selector_null(selector)) {
		segment_null(selector, 0, ret);
		return X86_OK;
	}
	if (selector & 4)
		return selector_fault(cpu, vector, selector, ext);
	rc = descriptor_read(cpu, selector, vector, ext, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	if ((attr & (SEG_S | SEG_TYPE)) != SYSTEM_LDT)
		return selector_fault(cpu, vector, selector, ext);
	rc = descriptor_read_high(cpu, selector, vector, ext, &d);
	if (rc)
		return rc;
	if (!(attr & SEG_P))
		return selector_fault(cpu, absent, selector, ext);
	descriptor_segment(&d, selector, ret);
	if (cpu->long_mode && !address_canonical(cpu, ret->base))
		return selector_fault(cpu, vector, selector, ext);
	return X86_OK;
}

int segment_load(struct x86_cpu *cpu, u32 index, u16 selector)
{
	struct x86_segment loaded;
	int rc = X86_OK;

	if (!protected_mode(cpu))
		segment_real(cpu, index, selector, &loaded);
	else if (index == SEG_SS)
		rc = segment_stack_long(cpu, selector, cpu->cpl,
					cpu->code == CODE_64, &loaded);
	else
		rc = segment_data(cpu, selector, cpu->cpl, VECTOR_GP, 0,
				  &loaded);
	if (rc)
		return rc;
	cpu->seg[index] = loaded;
	segment_update(cpu, index);
	return X86_OK;
}

int code_read(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
	      u32 ext, struct descriptor *ret)
{
	int rc;

	if (selector_null(selector))
		return raise_error(cpu, vector, ext);
	rc = descriptor_read(cpu, selector, vector, ext, ret);
	if (rc)
		return rc;
	if (!attr_is_code(descriptor_attr(ret)))
		return selector_fault(cpu, vector, selector, ext);
	return X86_OK;
}

int code_accept(struct x86_cpu *cpu, struct descriptor *d, u16 selector, u32 rpl,
		enum x86_vector vector, u32 ext, struct x86_segment *ret)
{
	u32 both = SEG_L | SEG_DB;
	u32 attr = descriptor_attr(d);
	int rc;

	if (cpu->long_mode && (attr & both) == both)
		return selector_fault(cpu, vector, selector, ext);
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, ext);
	rc = descriptor_mark_accessed(cpu, d);
	if (rc)
		return rc;
	descriptor_segment(d, (u16)((selector & 0xfffc) | rpl), ret);
	return X86_OK;
}

bool segment_is_64(const struct x86_cpu *cpu, const struct x86_segment *cs)
{
	return cpu->long_mode && (cs->attr & SEG_L);
}

int branch_check(struct x86_cpu *cpu, const struct x86_segment *cs, u64 rip,
		 u32 ext)
{
	bool inside = segment_is_64(cpu, cs) ? address_canonical(cpu, rip)
					     : rip <= cs->limit;

	return inside ? X86_OK : raise_error(cpu, VECTOR_GP, ext);
}

void branch_commit(struct x86_cpu *cpu, const struct x86_segment *cs, u64 rip)
{
	cpu->seg[SEG_CS] = *cs;
	RIP(cpu) = rip;
	x86_transfer_update(cpu);
}
