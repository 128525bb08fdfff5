/* SPDX-License-Identifier: MIT */
/*
 * Far jumps, calls and returns, IRET included.
 * [SDM3 5.8 "Privilege Checking When Transferring Program Control Between Code
 * Segments"], [SDM2 3.3 "CALL—Call Procedure"], [SDM2 3.3 "JMP—Jump"],
 * [SDM2 4.3 "RET—Return From Procedure"], [SDM2 3.3 "IRET/IRETD/IRETQ"]
 *
 * The checks stand in the order of the manual's pseudocode. Everything is read
 * and checked, then the stack is written, then registers change.
 */
#include "engine/core/segment/segment.h"

#include "engine/core/paging/mem.h"

static bool mode_64(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_64;
}

/* --- real and virtual-8086 mode --- */

static int real_target(struct x86_cpu *cpu, u16 selector, u64 offset,
		       struct x86_segment *ret_cs)
{
	segment_real(cpu, SEG_CS, selector, ret_cs);
	return branch_check(cpu, ret_cs, offset, 0);
}

static int real_jump(struct x86_cpu *cpu, u16 selector, u64 offset)
{
	struct x86_segment cs;
	int rc = real_target(cpu, selector, offset, &cs);

	if (rc)
		return rc;
	branch_commit(cpu, &cs, offset);
	return X86_END;
}

/* Pushes the return address and goes: the end of every call that keeps its
 * stack. */
static int call_finish(struct x86_cpu *cpu, struct frame *frame,
		       const struct x86_segment *cs, u64 offset)
{
	/* AMD looks at each slot as it comes to it. */
	int rc = cpu->vendor_amd ? X86_OK : frame_room(frame, 2);

	if (!rc)
		rc = frame_push(frame, cpu->seg[SEG_CS].selector);
	if (!rc)
		rc = frame_push(frame, RIP(cpu));
	if (!rc) /* what was pushed stays, though RSP does not move */
		rc = branch_check(cpu, cs, offset, 0);
	if (rc)
		return rc;
	frame_commit(frame);
	branch_commit(cpu, cs, offset);
	return X86_END;
}

static int real_call(struct x86_cpu *cpu, u16 selector, u64 offset, u32 bytes)
{
	struct x86_segment cs;
	struct frame frame;

	segment_real(cpu, SEG_CS, selector, &cs);
	frame_current(cpu, bytes, false, 0, &frame);
	return call_finish(cpu, &frame, &cs, offset);
}

/* --- direct to a code segment --- */

static int code_direct(struct x86_cpu *cpu, struct descriptor *d, u16 selector,
		       struct x86_segment *ret_cs)
{
	u32 attr = descriptor_attr(d), dpl = attr_dpl(attr);
	bool conforming = attr & SEG_DC;

	if (!(attr & SEG_CODE))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	if (conforming ? dpl > cpu->cpl
		       : (selector & 3u) > cpu->cpl || dpl != cpu->cpl)
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	return code_accept(cpu, d, selector, cpu->cpl, VECTOR_GP, 0, ret_cs);
}

/* The descriptor that a far pointer names, of any kind. */
static int target_read(struct x86_cpu *cpu, u16 selector, struct descriptor *ret)
{
	if (selector_null(selector))
		return raise_gp0(cpu);
	return descriptor_read(cpu, selector, VECTOR_GP, 0, ret);
}

/* --- gates --- */

struct call_gate {
	struct descriptor code; /* of the target */
	u64 offset;
	u16 selector;
	u32 params; /* stack slots to copy */
	u32 bytes;  /* of a slot */
};

static int gate_target(struct x86_cpu *cpu, struct call_gate *gate)
{
	u32 attr;
	int rc;

	rc = code_read(cpu, gate->selector, VECTOR_GP, 0, &gate->code);
	if (rc)
		return rc;
	attr = descriptor_attr(&gate->code);
	if (attr_dpl(attr) > cpu->cpl)
		return selector_fault(cpu, VECTOR_GP, gate->selector, 0);
	if (cpu->long_mode && (attr & (SEG_L | SEG_DB)) != SEG_L)
		return selector_fault(cpu, VECTOR_GP, gate->selector, 0);
	return X86_OK;
}

static int gate_read(struct x86_cpu *cpu, u16 selector, struct descriptor *d,
		     struct call_gate *ret)
{
	u32 attr = descriptor_attr(d), type = attr & SEG_TYPE;
	int rc;

	if (MAX(selector & 3u, (u32)cpu->cpl) > attr_dpl(attr))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	if (cpu->long_mode) {
		rc = descriptor_read_high(cpu, selector, VECTOR_GP, 0, d);
		if (rc)
			return rc;
	}
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, 0);
	ret->selector = (u16)(d->low >> 16);
	ret->offset = d->low & 0xffff;
	if (type == SYSTEM_CALL32)
		ret->offset |= d->low >> 32 & 0xffff0000;
	ret->offset |= d->high << 32;
	ret->params = cpu->long_mode ? 0 : (u32)(d->low >> 32) & 31;
	ret->bytes = cpu->long_mode ? 8 : type == SYSTEM_CALL32 ? 4 : 2;
	return gate_target(cpu, ret);
}

static int gate_jump(struct x86_cpu *cpu, u16 selector, struct descriptor *d)
{
	struct call_gate gate;
	struct x86_segment cs;
	u32 attr;
	int rc;

	rc = gate_read(cpu, selector, d, &gate);
	if (rc)
		return rc;
	attr = descriptor_attr(&gate.code);
	if (!(attr & SEG_DC) && attr_dpl(attr) != cpu->cpl)
		return selector_fault(cpu, VECTOR_GP, gate.selector, 0);
	rc = code_accept(cpu, &gate.code, gate.selector, cpu->cpl, VECTOR_GP, 0,
			 &cs);
	if (!rc)
		rc = branch_check(cpu, &cs, gate.offset, 0);
	if (rc)
		return rc;
	branch_commit(cpu, &cs, gate.offset);
	return X86_END;
}

/* The parameters, deepest first, go from the old stack to the new one. */
static int params_copy(struct x86_cpu *cpu, struct frame *frame, u32 params)
{
	for (u32 i = params; i > 0; i--) {
		u64 value;
		int rc = stack_read(cpu, (s64)(i - 1) * frame->bytes, &value,
				    frame->bytes);

		if (!rc)
			rc = frame_push(frame, value);
		if (rc)
			return rc;
	}
	return X86_OK;
}

static int gate_call_inner(struct x86_cpu *cpu, struct call_gate *gate, u32 cpl)
{
	struct x86_segment cs;
	struct frame frame;
	int rc;

	rc = code_accept(cpu, &gate->code, gate->selector, cpl, VECTOR_GP, 0,
			 &cs);
	if (!rc)
		rc = frame_inner(cpu, cpl, gate->bytes, 0, &frame);
	if (!rc)
		rc = frame_room(&frame, 4 + gate->params);
	if (!rc)
		rc = branch_check(cpu, &cs, gate->offset, 0);
	if (!rc)
		rc = frame_push(&frame, cpu->seg[SEG_SS].selector);
	if (!rc)
		rc = frame_push(&frame, cpu->gpr[RSP]);
	if (!rc)
		rc = params_copy(cpu, &frame, gate->params);
	if (!rc)
		rc = frame_push(&frame, cpu->seg[SEG_CS].selector);
	if (!rc)
		rc = frame_push(&frame, RIP(cpu));
	if (rc)
		return rc;
	frame_commit(&frame);
	branch_commit(cpu, &cs, gate->offset);
	return X86_END;
}

static int gate_call(struct x86_cpu *cpu, u16 selector, struct descriptor *d)
{
	struct call_gate gate;
	struct x86_segment cs;
	struct frame frame;
	u32 attr;
	int rc;

	rc = gate_read(cpu, selector, d, &gate);
	if (rc)
		return rc;
	attr = descriptor_attr(&gate.code);
	if (!(attr & SEG_DC) && attr_dpl(attr) < cpu->cpl)
		return gate_call_inner(cpu, &gate, attr_dpl(attr));
	rc = code_accept(cpu, &gate.code, gate.selector, cpu->cpl, VECTOR_GP, 0,
			 &cs);
	if (rc)
		return rc;
	frame_current(cpu, gate.bytes, cpu->long_mode, 0, &frame);
	return call_finish(cpu, &frame, &cs, gate.offset);
}

/* A jump or call to a TSS or through a task gate. [SDM3 7.3 "Task Switching"] */
static int task_transfer(struct x86_cpu *cpu, u16 selector,
			 const struct descriptor *d, enum task_reason reason)
{
	struct task_request request = {.selector = selector,
				       .reason = (u8)reason};
	u32 attr = descriptor_attr(d);
	bool gate = (attr & SEG_TYPE) == SYSTEM_TASK_GATE;

	if (MAX(selector & 3u, (u32)cpu->cpl) > attr_dpl(attr))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	if (gate && !(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, 0);
	if (gate)
		request.selector = (u16)(d->low >> 16);
	return task_switch(cpu, &request);
}

static int system_transfer(struct x86_cpu *cpu, u16 selector,
			   struct descriptor *d, bool call)
{
	u32 type = descriptor_attr(d) & SEG_TYPE;

	if (type == SYSTEM_CALL32 || (type == SYSTEM_CALL16 && !cpu->long_mode))
		return call ? gate_call(cpu, selector, d)
			    : gate_jump(cpu, selector, d);
	if (cpu->long_mode)
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	switch (type) {
	case SYSTEM_TASK_GATE:
	case SYSTEM_TSS16:
	case SYSTEM_TSS16_BUSY:
	case SYSTEM_TSS32:
	case SYSTEM_TSS32_BUSY:
		return task_transfer(cpu, selector, d,
				     call ? TASK_CALL : TASK_JUMP);
	default:
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	}
}

/* Of a 64-bit offset, compatibility mode sees the lower half. */
static u64 offset_cut(const struct x86_cpu *cpu, const struct x86_segment *cs,
		      u64 offset)
{
	return segment_is_64(cpu, cs) ? offset : (u32)offset;
}

int far_jump(struct x86_cpu *cpu, u16 selector, u64 offset)
{
	struct x86_segment cs;
	struct descriptor d;
	int rc;

	if (!protected_mode(cpu))
		return real_jump(cpu, selector, offset);
	rc = target_read(cpu, selector, &d);
	if (rc)
		return rc;
	if (!(descriptor_attr(&d) & SEG_S))
		return system_transfer(cpu, selector, &d, false);
	rc = code_direct(cpu, &d, selector, &cs);
	if (rc)
		return rc;
	offset = offset_cut(cpu, &cs, offset);
	rc = branch_check(cpu, &cs, offset, 0);
	if (rc)
		return rc;
	branch_commit(cpu, &cs, offset);
	return X86_END;
}

int far_call(struct x86_cpu *cpu, u16 selector, u64 offset, u32 bytes)
{
	struct x86_segment cs;
	struct descriptor d;
	struct frame frame;
	int rc;

	if (!protected_mode(cpu))
		return real_call(cpu, selector, offset, bytes);
	rc = target_read(cpu, selector, &d);
	if (rc)
		return rc;
	if (!(descriptor_attr(&d) & SEG_S))
		return system_transfer(cpu, selector, &d, true);
	rc = code_direct(cpu, &d, selector, &cs);
	if (rc)
		return rc;
	/* Pushed as the new code's mode would. */
	frame_current(cpu, bytes, segment_is_64(cpu, &cs), 0, &frame);
	return call_finish(cpu, &frame, &cs, offset_cut(cpu, &cs, offset));
}

/* --- returns --- */

/* What RETF and IRET find on the stack. */
struct far_return {
	u64 rip, rflags, rsp;
	u16 cs_selector, ss_selector;
	struct x86_segment cs, ss;
};

static int slot_read(struct x86_cpu *cpu, u32 index, u32 bytes, u64 *ret)
{
	return stack_read(cpu, (s64)index * bytes, ret, bytes);
}

/* Intel reads the selector's word only, AMD the slot. */
static u32 selector_bytes(const struct x86_cpu *cpu, u32 bytes)
{
	return cpu->vendor_amd ? bytes : 2;
}

static int slot_read_selector(struct x86_cpu *cpu, u32 index, u32 bytes,
			      u16 *ret)
{
	u64 value = 0;
	int rc = stack_read(cpu, (s64)index * bytes, &value,
			    selector_bytes(cpu, bytes));

	*ret = (u16)value;
	return rc;
}

/* The code segment of a return, to the same or less privilege. */
static int return_code(struct x86_cpu *cpu, u16 selector,
		       struct x86_segment *ret)
{
	u32 rpl = selector & 3, dpl;
	struct descriptor d;
	u32 attr;
	int rc;

	rc = code_read(cpu, selector, VECTOR_GP, 0, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	dpl = attr_dpl(attr);
	if (rpl < cpu->cpl || (attr & SEG_DC ? dpl > rpl : dpl != rpl))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	return code_accept(cpu, &d, selector, rpl, VECTOR_GP, 0, ret);
}

void segments_drop_inner(struct x86_cpu *cpu, u32 cpl)
{
	static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	u32 conforming = SEG_S | SEG_CODE | SEG_DC;

	for (u32 i = 0; i < ARRAY_SIZE(data); i++) {
		struct x86_segment *s = &cpu->seg[data[i]];

		/* A null FS or GS may carry a base that an MSR gave it. */
		if ((s->attr & SEG_UNUSABLE) || selector_null(s->selector))
			continue;
		if (attr_dpl(s->attr) < cpl &&
		    (s->attr & conforming) != conforming)
			segment_null(0, 0, s);
		else
			continue;
		segment_update(cpu, data[i]);
	}
}

/* Takes CS:RIP and SS:RSP of a return that pops a stack. */
static void return_outer(struct x86_cpu *cpu, const struct far_return *to,
			 u64 release)
{
	bool code64 = segment_is_64(cpu, &to->cs);

	cpu->seg[SEG_SS] = to->ss;
	stack_pointer_set(cpu, to->rsp + release,
			  segment_stack_mask(&to->ss, code64));
	segments_drop_inner(cpu, to->cs_selector & 3u);
	branch_commit(cpu, &to->cs, to->rip);
}

static int real_return(struct x86_cpu *cpu, const struct far_return *to,
		       u64 used)
{
	struct x86_segment cs;
	int rc = real_target(cpu, to->cs_selector, to->rip, &cs);

	if (rc)
		return rc;
	stack_pointer_set(cpu, cpu->gpr[RSP] + used, stack_mask(cpu));
	branch_commit(cpu, &cs, to->rip);
	return X86_END;
}

/* SS:RSP of a return to `cpl`, from slots index and index + 1 past `skip`. */
static int return_stack(struct x86_cpu *cpu, u32 bytes, s64 at, u32 cpl,
			struct far_return *to)
{
	u64 ss = 0;
	int rc;

	rc = stack_read(cpu, at + bytes, &ss, selector_bytes(cpu, bytes));
	if (!rc)
		rc = stack_read(cpu, at, &to->rsp, bytes);
	if (rc)
		return rc;
	to->ss_selector = (u16)ss;
	return segment_stack_long(cpu, to->ss_selector, cpl,
				  segment_is_64(cpu, &to->cs), &to->ss);
}

/* AMD reads SS and RSP before it looks at CS: CR2 shows it. */
static int amd_stack_probe(struct x86_cpu *cpu, u32 bytes, s64 at)
{
	u64 value;
	int rc;

	if (!cpu->vendor_amd)
		return X86_OK;
	rc = stack_read(cpu, at + bytes, &value, bytes);
	return rc ? rc : stack_read(cpu, at, &value, bytes);
}

/* Outside 64-bit code Intel cuts the offset, to AMD it is beyond the limit; and
 * AMD checks it before SS. */
static int return_offset(struct x86_cpu *cpu, struct far_return *to)
{
	u64 offset = to->rip;

	to->rip = offset_cut(cpu, &to->cs, offset);
	if (!cpu->vendor_amd)
		return X86_OK;
	return to->rip == offset ? branch_check(cpu, &to->cs, offset, 0)
				 : raise_gp0(cpu);
}

int far_return(struct x86_cpu *cpu, u32 bytes, u32 release)
{
	struct far_return to;
	u64 used = 2 * bytes + release;
	u32 rpl;
	int rc;

	/* From above, as CR2 shows. */
	rc = slot_read_selector(cpu, 1, bytes, &to.cs_selector);
	if (!rc)
		rc = slot_read(cpu, 0, bytes, &to.rip);
	if (rc)
		return rc;
	if (!protected_mode(cpu))
		return real_return(cpu, &to, used);
	rpl = to.cs_selector & 3;
	if (rpl != cpu->cpl)
		rc = amd_stack_probe(cpu, bytes, (s64)used);
	if (!rc)
		rc = return_code(cpu, to.cs_selector, &to.cs);
	if (!rc)
		rc = return_offset(cpu, &to);
	if (rc)
		return rc;
	if (rpl > cpu->cpl)
		rc = return_stack(cpu, bytes, (s64)used, rpl, &to);
	if (!rc)
		rc = branch_check(cpu, &to.cs, to.rip, 0);
	if (rc)
		return rc;
	if (rpl > cpu->cpl) {
		return_outer(cpu, &to, release);
		return X86_END;
	}
	stack_pointer_set(cpu, cpu->gpr[RSP] + used,
			  segment_stack_mask(&cpu->seg[SEG_SS],
					     segment_is_64(cpu, &to.cs)));
	branch_commit(cpu, &to.cs, to.rip);
	return X86_END;
}

/* --- IRET --- */

#define IRET_ALWAYS (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT)
#define IRET_WIDE   (RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

/* The flags that IRET may change, by width and privilege. */
static u64 iret_flags_mask(const struct x86_cpu *cpu, u32 bytes)
{
	u32 iopl = (u32)(cpu->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
	u64 mask = IRET_ALWAYS;

	if (bytes > 2)
		mask |= IRET_WIDE;
	if (cpu->cpl <= iopl)
		mask |= RFLAGS_IF;
	if (cpu->cpl == 0) {
		mask |= RFLAGS_IOPL;
		if (bytes > 2 && protected_mode(cpu))
			mask |= RFLAGS_VIF | RFLAGS_VIP;
	}
	return mask;
}

static void flags_merge(struct x86_cpu *cpu, u64 image, u64 mask)
{
	cpu->rflags = (cpu->rflags & ~mask) | (image & mask) | RFLAGS_FIXED;
}

/* CS, RIP and flags into *to. */
static int iret_read(struct x86_cpu *cpu, u32 bytes, struct far_return *to)
{
	int rc = slot_read(cpu, 2, bytes, &to->rflags);

	if (!rc)
		rc = slot_read_selector(cpu, 1, bytes, &to->cs_selector);
	if (!rc)
		rc = slot_read(cpu, 0, bytes, &to->rip);
	return rc;
}

static int iret_real(struct x86_cpu *cpu, u32 bytes)
{
	u64 mask = iret_flags_mask(cpu, bytes);
	struct far_return to;
	int rc;

	if (cpu->rflags & RFLAGS_VM && (cpu->rflags & RFLAGS_IOPL) != RFLAGS_IOPL)
		return raise_gp0(cpu);
	rc = iret_read(cpu, bytes, &to);
	if (rc)
		return rc;
	rc = real_return(cpu, &to, 3 * bytes);
	if (rc != X86_END)
		return rc;
	flags_merge(cpu, to.rflags, mask);
	return X86_END;
}

/* To virtual-8086 mode, from CPL 0. [SDM3 20.2.4 "Leaving Virtual-8086 Mode"] */
static int iret_to_v86(struct x86_cpu *cpu, const struct far_return *to)
{
	static const u8 order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	u64 all = IRET_ALWAYS | IRET_WIDE | RFLAGS_IF | RFLAGS_IOPL |
		  RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP;
	u16 data[ARRAY_SIZE(order)] = {0};
	u16 ss;
	u64 esp;
	int rc;

	rc = slot_read(cpu, 3, 4, &esp);
	if (!rc)
		rc = slot_read_selector(cpu, 4, 4, &ss);
	for (u32 i = 0; !rc && i < ARRAY_SIZE(order); i++)
		rc = slot_read_selector(cpu, 5 + i, 4, &data[i]);
	if (rc)
		return rc;
	if (to->rip > 0xffff)
		return raise_gp0(cpu);
	flags_merge(cpu, to->rflags, all);
	for (u32 i = 0; i < ARRAY_SIZE(order); i++)
		segment_v86(data[i], &cpu->seg[order[i]]);
	segment_v86(ss, &cpu->seg[SEG_SS]);
	segment_v86(to->cs_selector, &cpu->seg[SEG_CS]);
	cpu->gpr[RSP] = esp;
	RIP(cpu) = to->rip;
	x86_mode_update(cpu);
	return X86_END;
}

/* NT set: back to the task that the link of this one names. */
static int iret_task(struct x86_cpu *cpu)
{
	const struct x86_segment *tr = &cpu->seg[SEG_TR];
	struct task_request request = {.reason = TASK_RETURN};
	int rc = table_read(cpu, tr->base, &request.selector, 2);

	return rc ? rc : task_switch(cpu, &request);
}

static int iret_protected(struct x86_cpu *cpu, u32 bytes, struct far_return *to)
{
	u64 mask = iret_flags_mask(cpu, bytes);
	u32 rpl = to->cs_selector & 3;
	bool outer;
	int rc;

	outer = mode_64(cpu) || rpl != cpu->cpl;
	rc = outer ? amd_stack_probe(cpu, bytes, 3 * (s64)bytes) : X86_OK;
	if (!rc)
		rc = return_code(cpu, to->cs_selector, &to->cs);
	if (!rc)
		rc = return_offset(cpu, to);
	if (rc)
		return rc;
	if (outer)
		rc = return_stack(cpu, bytes, 3 * (s64)bytes, rpl, to);
	if (!rc)
		rc = branch_check(cpu, &to->cs, to->rip, 0);
	if (rc)
		return rc;
	flags_merge(cpu, to->rflags, mask);
	if (outer) {
		return_outer(cpu, to, 0);
		return X86_END;
	}
	stack_pointer_set(cpu, cpu->gpr[RSP] + 3 * bytes, stack_mask(cpu));
	branch_commit(cpu, &to->cs, to->rip);
	return X86_END;
}

static int iret_execute(struct x86_cpu *cpu, u32 bytes)
{
	struct far_return to;
	int rc;

	if (!protected_mode(cpu))
		return iret_real(cpu, bytes);
	if (cpu->rflags & RFLAGS_NT)
		return cpu->long_mode ? raise_gp0(cpu) : iret_task(cpu);
	rc = iret_read(cpu, bytes, &to);
	if (rc)
		return rc;
	if (bytes == 4 && (to.rflags & RFLAGS_VM) && cpu->cpl == 0 &&
	    !cpu->long_mode)
		return iret_to_v86(cpu, &to);
	return iret_protected(cpu, bytes, &to);
}

int far_iret(struct x86_cpu *cpu, u32 bytes)
{
	int rc = bytes == 8 && iret_quick(cpu) ? X86_END
					       : iret_execute(cpu, bytes);

	/* NMIs open again even when IRET itself faults.
	 * [SDM3 6.7.1 "Handling Multiple NMIs"] */
	if (rc == X86_END || rc == X86_FAULT)
		cpu->nmi_blocked = false;
	return rc;
}
