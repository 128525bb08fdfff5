/* SPDX-License-Identifier: MIT */
/*
 * Delivering exceptions and interrupts through the IDT.
 * [SDM3 6.12 "Exception and Interrupt Handling"], [SDM3 6.14 "Exception and
 * Interrupt Handling in 64-bit Mode"], [SDM2 3.3 "INT n/INTO/INT3/INT1—Call to
 * Interrupt Procedure"], [SDM3 20.1.4 "Interrupt and Exception Handling"]
 *
 * One attempt reads and checks everything, writes the frame and then changes
 * the registers, so that a fault on the way is simply the next event to be
 * delivered, by the rules of [SDM3 6.15 "Interrupt 8—Double Fault Exception
 * (#DF)"].
 *
 * Deviation: a stack, IDT or TSS in a device that only the owner's client
 * serves is not asked for: writes are dropped and reads give all ones, as on a
 * bus where nobody answers.
 */
#include "engine/core/exec/exec.h"

#include <linux/kvm.h>

#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/core/segment/segment.h"

/* A chain of benign faults can go on for ever (an #AC while pushing for #AC);
 * silicon hangs there, we stop the machine. */
#define EVENT_ROUNDS_MAX 16

struct event {
	u8 vector;
	bool has_error;
	bool software;	/* INT n, INT3, INTO */
	bool exception; /* raised by the processor: takes part in #DF */
	u32 error;
	u32 ext;    /* of error codes of faults while it is delivered */
	u64 rflags; /* the image to be pushed */
};

struct gate {
	u64 offset;
	u32 attr;
	u16 selector;
	u8 ist;
};

/* #GP or #NP that points into the IDT: index, IDT bit, EXT. */
static int gate_fault(struct x86_cpu *cpu, enum x86_vector vector,
		      const struct event *event)
{
	return raise_error(cpu, vector, event->vector * 8u + 2 + event->ext);
}

static u64 flags_cleared(bool interrupt_gate)
{
	u64 clear = RFLAGS_TF | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT;

	return interrupt_gate ? clear | RFLAGS_IF : clear;
}

/* --- real mode --- */

static int event_real(struct x86_cpu *cpu, const struct event *event)
{
	u32 offset = event->vector * 4u, vector = 0;
	struct x86_segment cs;
	struct frame frame;
	int rc;

	if (offset + 3 > cpu->idtr.limit)
		return raise_error(cpu, VECTOR_GP, offset * 2 + 2 + event->ext);
	rc = table_read(cpu, cpu->idtr.base + offset, &vector, 4);
	if (rc)
		return rc;
	segment_real(cpu, SEG_CS, (u16)(vector >> 16), &cs);
	frame_current(cpu, 2, false, event->ext, &frame);
	rc = frame_room(&frame, 3);
	if (!rc)
		rc = branch_check(cpu, &cs, vector & 0xffff, event->ext);
	if (!rc)
		rc = frame_push(&frame, event->rflags);
	if (!rc)
		rc = frame_push(&frame, cpu->seg[SEG_CS].selector);
	if (!rc)
		rc = frame_push(&frame, RIP(cpu));
	if (rc)
		return rc;
	frame_commit(&frame);
	cpu->rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
	branch_commit(cpu, &cs, vector & 0xffff);
	return X86_OK;
}

/* --- protected and long mode --- */

static int gate_read(struct x86_cpu *cpu, const struct event *event,
		     struct gate *ret)
{
	u32 bytes = cpu->long_mode ? 16 : 8;
	u32 at = event->vector * bytes;
	u64 low = 0, high = 0;
	int rc;

	if (at + bytes - 1 > cpu->idtr.limit)
		return gate_fault(cpu, VECTOR_GP, event);
	rc = table_read(cpu, cpu->idtr.base + at, &low, 8);
	if (!rc && cpu->long_mode)
		rc = table_read(cpu, cpu->idtr.base + at + 8, &high, 8);
	if (rc)
		return rc;
	ret->attr = (u32)(low >> 40) & 0xff;
	ret->selector = (u16)(low >> 16);
	ret->offset = (low & 0xffff) | high << 32;
	if (ret->attr & 8)
		ret->offset |= low >> 32 & 0xffff0000;
	ret->ist = cpu->long_mode ? (u8)(low >> 32 & 7) : 0;
	return X86_OK;
}

static bool gate_type_legal(const struct x86_cpu *cpu, u32 attr)
{
	switch (attr & (SEG_S | SEG_TYPE)) {
	case SYSTEM_INTERRUPT32:
	case SYSTEM_TRAP32:
		return true;
	case SYSTEM_TASK_GATE:
	case SYSTEM_INTERRUPT16:
	case SYSTEM_TRAP16:
		return !cpu->long_mode;
	default:
		return false;
	}
}

static int gate_check(struct x86_cpu *cpu, const struct event *event,
		      const struct gate *gate)
{
	if (!gate_type_legal(cpu, gate->attr))
		return gate_fault(cpu, VECTOR_GP, event);
	if (event->software && attr_dpl(gate->attr) < cpu->cpl)
		return gate_fault(cpu, VECTOR_GP, event);
	if (!(gate->attr & SEG_P))
		return gate_fault(cpu, VECTOR_NP, event);
	return X86_OK;
}

/* The handler's code segment and the privilege it runs with. */
static int handler_code(struct x86_cpu *cpu, const struct event *event,
			const struct gate *gate, struct x86_segment *ret_cs,
			u32 *ret_cpl)
{
	u32 attr, dpl, cpl = cpu->cpl, ext = event->ext;
	struct descriptor d;
	int rc;

	rc = code_read(cpu, gate->selector, VECTOR_GP, ext, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	dpl = attr_dpl(attr);
	if (dpl > cpl)
		return selector_fault(cpu, VECTOR_GP, gate->selector, ext);
	if (cpu->long_mode && (attr & (SEG_L | SEG_DB)) != SEG_L)
		return selector_fault(cpu, VECTOR_GP, gate->selector, ext);
	if (!(attr & SEG_DC))
		cpl = dpl;
	if ((cpu->rflags & RFLAGS_VM) && (cpl != 0 || (attr & SEG_DC)) &&
	    (attr & SEG_P))
		return selector_fault(cpu, VECTOR_GP, gate->selector, ext);
	*ret_cpl = cpl;
	return code_accept(cpu, &d, gate->selector, cpl, VECTOR_GP, ext, ret_cs);
}

static int frame_choose(struct x86_cpu *cpu, const struct event *event,
			const struct gate *gate, u32 cpl, struct frame *ret)
{
	u32 bytes = cpu->long_mode ? 8 : gate->attr & 8 ? 4 : 2;
	int rc = X86_OK;

	if (gate->ist)
		rc = frame_ist(cpu, gate->ist, cpl, event->ext, ret);
	else if (cpl < cpu->cpl)
		rc = frame_inner(cpu, cpl, bytes, event->ext, ret);
	else
		frame_current(cpu, bytes, cpu->long_mode, event->ext, ret);
	if (!rc && cpu->long_mode)
		ret->sp &= ~15ull;
	return rc;
}

/* What stands in the frame, first pushed first. */
static u32 frame_values(const struct x86_cpu *cpu, const struct event *event,
			bool stack_changes, u64 ret_values[10])
{
	static const u8 v86[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
	u32 n = 0;

	if (cpu->rflags & RFLAGS_VM)
		for (u32 i = 0; i < ARRAY_SIZE(v86); i++)
			ret_values[n++] = cpu->seg[v86[i]].selector;
	if (stack_changes) {
		ret_values[n++] = cpu->seg[SEG_SS].selector;
		ret_values[n++] = cpu->gpr[RSP];
	}
	ret_values[n++] = event->rflags;
	ret_values[n++] = cpu->seg[SEG_CS].selector;
	ret_values[n++] = RIP(cpu);
	if (event->has_error)
		ret_values[n++] = event->error;
	return n;
}

static int frame_write(struct frame *frame, const struct x86_segment *cs,
		       const struct event *event, u64 offset, const u64 *values,
		       u32 count)
{
	struct x86_cpu *cpu = frame->cpu;
	int rc = frame_room(frame, count);

	if (!rc)
		rc = branch_check(cpu, cs, offset, event->ext);
	for (u32 i = 0; !rc && i < count; i++)
		rc = frame_push(frame, values[i]);
	return rc;
}

static void segments_leave_v86(struct x86_cpu *cpu)
{
	segment_null(0, 0, &cpu->seg[SEG_ES]);
	segment_null(0, 0, &cpu->seg[SEG_DS]);
	segment_null(0, 0, &cpu->seg[SEG_FS]);
	segment_null(0, 0, &cpu->seg[SEG_GS]);
}

static int event_gate(struct x86_cpu *cpu, const struct event *event,
		      const struct gate *gate)
{
	struct x86_segment cs;
	struct frame frame;
	u64 values[10];
	u32 count, cpl = 0;
	int rc;

	rc = handler_code(cpu, event, gate, &cs, &cpl);
	if (!rc)
		rc = frame_choose(cpu, event, gate, cpl, &frame);
	if (rc)
		return rc;
	count = frame_values(cpu, event, cpl < cpu->cpl || cpu->long_mode,
			     values);
	rc = frame_write(&frame, &cs, event, gate->offset, values, count);
	if (rc)
		return rc;
	if (cpu->rflags & RFLAGS_VM)
		segments_leave_v86(cpu);
	frame_commit(&frame);
	cpu->rflags &= ~flags_cleared(!(gate->attr & 1));
	branch_commit(cpu, &cs, gate->offset);
	return X86_OK;
}

static int event_task(struct x86_cpu *cpu, const struct event *event,
		      const struct gate *gate)
{
	struct task_request request = {.selector = gate->selector,
				       .reason = TASK_EVENT,
				       .has_error = event->has_error,
				       .error = event->error,
				       .ext = event->ext};
	u64 rflags = cpu->rflags;
	int rc;

	cpu->rflags = event->rflags; /* the image that the old TSS gets */
	rc = task_switch(cpu, &request);
	if (rc == X86_END)
		return X86_OK;
	if (!cpu->exception.trap || rc != X86_FAULT)
		cpu->rflags = rflags; /* it did not happen */
	return rc;
}

static int event_attempt(struct x86_cpu *cpu, const struct event *event)
{
	struct gate gate = {0};
	int rc;

	if (!(cpu->cr0 & CR0_PE))
		return event_real(cpu, event);
	rc = gate_read(cpu, event, &gate);
	if (!rc)
		rc = gate_check(cpu, event, &gate);
	if (rc)
		return rc;
	if ((gate.attr & SEG_TYPE) == SYSTEM_TASK_GATE)
		return event_task(cpu, event, &gate);
	return event_gate(cpu, event, &gate);
}

/* One attempt, answering for devices that the owner serves. */
static int event_try(struct x86_cpu *cpu, const struct event *event)
{
	int rc = X86_NEED;

	external_clear(cpu);
	if (!event->software &&
	    event_quick(cpu, event->vector, event->rflags,
			event->has_error ? &event->error : NULL))
		return X86_OK;
	for (u32 i = 0; i < EXTERNAL_LOG_MAX; i++) {
		cpu->external.cursor = 0;
		rc = event_attempt(cpu, event);
		if (rc != X86_NEED)
			break;
		external_complete(cpu, ~0ull);
	}
	external_clear(cpu);
	return rc;
}

/* --- which event comes next --- */

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum fault_class classify(u8 vector)
{
	switch (vector) {
	case VECTOR_DE:
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
		return CONTRIBUTORY;
	case VECTOR_PF:
		return PAGE_FAULT;
	case VECTOR_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

/* Traps have their cause behind them: only faults are to be run again. */
static bool is_fault(const struct x86_exception *e)
{
	if (e->software || e->int1)
		return false;
	return e->vector != VECTOR_DB && e->vector != VECTOR_NMI &&
	       e->vector != VECTOR_BP && e->vector != VECTOR_OF &&
	       e->vector != VECTOR_DF && e->vector != VECTOR_MC;
}

static void event_from_exception(const struct x86_cpu *cpu, struct event *ret)
{
	const struct x86_exception *e = &cpu->exception;

	ret->vector = e->vector;
	ret->has_error = e->has_error;
	ret->error = e->error;
	ret->software = e->software;
	ret->exception = !e->software;
	ret->ext = !e->software;
	ret->rflags = cpu->rflags & ~RFLAGS_RF;
	if (is_fault(e)) /* [SDM3 17.3.1.1 "Instruction-Breakpoint Exception"] */
		ret->rflags |= RFLAGS_RF;
}

/* What the registers say of an exception before its handler runs. */
static void exception_note(struct x86_cpu *cpu)
{
	const struct x86_exception *e = &cpu->exception;

	if (e->vector == VECTOR_PF && !e->software)
		cpu->cr2 = e->payload;
	if (e->vector != VECTOR_DB || e->software)
		return;
	if (!e->int1)
		cpu->dr6 = (cpu->dr6 & ~DR6_TRAPS) | e->payload | DR6_FIXED;
	cpu->dr7 &= ~DR7_GD;
	cpu->msr.debugctl &= ~3ull; /* LBR, BTF */
}

/* cpu->exception was raised while `first` was delivered. Makes *first what is
 * to be delivered now; false: shutdown. */
static bool event_nest(struct x86_cpu *cpu, struct event *first)
{
	enum fault_class one = first->exception ? classify(first->vector)
						: BENIGN;
	enum fault_class two = classify(cpu->exception.vector);

	if (one == DOUBLE_FAULT && two != BENIGN)
		return false;
	if (cpu->exception.vector == VECTOR_PF)
		cpu->cr2 = cpu->exception.payload;
	if ((one == CONTRIBUTORY && two == CONTRIBUTORY) ||
	    (one == PAGE_FAULT && two != BENIGN))
		(void)raise_error(cpu, VECTOR_DF, 0); /* fills the exception */
	exception_note(cpu);
	event_from_exception(cpu, first);
	return true;
}

static int event_deliver(struct x86_cpu *cpu, struct event *event)
{
	cpu->shadow = 0;
	for (u32 i = 0; i < EVENT_ROUNDS_MAX; i++) {
		int rc = event_try(cpu, event);

		if (rc == X86_OK)
			return X86_END;
		if (rc != X86_FAULT)
			return X86_SHUTDOWN;
		/* The fault is the INT's own: back to it. */
		if (event->software)
			RIP(cpu) -= cpu->insn_len;
		if (!event_nest(cpu, event))
			return X86_SHUTDOWN;
	}
	return X86_SHUTDOWN;
}

/* All #DB go to a debugger that steps or has breakpoints, as under KVM. */
static bool debugger_takes(const struct x86_cpu *cpu)
{
	u32 wants = KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP;

	return cpu->exception.vector == VECTOR_DB && !cpu->exception.software &&
	       (cpu->debug_guest & KVM_GUESTDBG_ENABLE) &&
	       (cpu->debug_guest & wants);
}

int exception_deliver(struct x86_cpu *cpu)
{
	struct event event;

	if (debugger_takes(cpu)) {
		cpu->exit = (struct x86_exit){.kind = X86_EXIT_DEBUG,
					      .vector = VECTOR_DB,
					      .dr6 = cpu->exception.payload |
						     DR6_FIXED};
		return X86_EXIT;
	}
	exception_note(cpu);
	event_from_exception(cpu, &event);
	return event_deliver(cpu, &event);
}

int interrupt_deliver(struct x86_cpu *cpu, u8 vector)
{
	struct event event = {.vector = vector, .ext = 1, .rflags = cpu->rflags};

	/* Nobody has cleared RF since: only stepping does. */
	if (!(cpu->dr7 & 0xff))
		event.rflags &= ~RFLAGS_RF;
	return event_deliver(cpu, &event);
}

int nmi_deliver(struct x86_cpu *cpu)
{
	cpu->nmi_blocked = true;
	return interrupt_deliver(cpu, VECTOR_NMI);
}
