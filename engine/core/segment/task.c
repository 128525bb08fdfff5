/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switching. [SDM3 7.3 "Task Switching"]
 *
 * Up to step 11 of the manual's list nothing in the cpu changes and a fault
 * belongs to the old task: the new TSS is read, the old one written, and only
 * then are the busy bits moved, the last thing in memory that can fault. After
 * that the new task is in place and the faults of its segments are its own.
 *
 * A descriptor table in device memory behind an owner's client is not
 * supported here: the instruction would be run again after its busy bits moved.
 */
#include "engine/core/segment/segment.h"

#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"

/* [SDM3 7.2.1 "Task-State Segment (TSS)"] */
#define TSS32_CR3    0x1c
#define TSS32_EIP    0x20
#define TSS32_EFLAGS 0x24
#define TSS32_GPR    0x28
#define TSS32_SEG    0x48 /* ES CS SS DS FS GS, 4 bytes each */
#define TSS32_LDT    0x60
#define TSS32_TRAP   0x64
#define TSS32_BYTES  0x68
/* [SDM3 7.6 "16-Bit Task-State Segment (TSS)"] */
#define TSS16_IP    0x0e
#define TSS16_SEG   0x22 /* ES CS SS DS, 2 bytes each */
#define TSS16_LDT   0x2a
#define TSS16_BYTES 0x2c

struct task_state {
	u64 gpr[8];
	u64 rip;
	u64 rflags;
	u64 cr3;
	u16 selector[6];
	u16 ldt;
	bool trap;
};

struct task {
	struct x86_cpu *cpu;
	const struct task_request *request;
	struct descriptor descriptor; /* of the new TSS */
	struct x86_segment tr;	      /* the new TR, type as in the table */
	struct task_state state;
	bool wide; /* a 32-bit TSS */
};

static enum x86_vector task_vector(const struct task_request *request)
{
	return request->reason == TASK_RETURN ? VECTOR_TS : VECTOR_GP;
}

/* The new TSS descriptor: in the GDT, of the right type, present, large
 * enough. */
static int task_descriptor(struct task *task)
{
	const struct task_request *request = task->request;
	struct x86_cpu *cpu = task->cpu;
	enum x86_vector vector = task_vector(request);
	u16 selector = request->selector;
	u32 ext = request->ext, attr, busy;
	int rc;

	if (selector & 4)
		return selector_fault(cpu, vector, selector, ext);
	if (selector_null(selector))
		return raise_error(cpu, vector, ext);
	rc = descriptor_read(cpu, selector, vector, ext, &task->descriptor);
	if (rc)
		return rc;
	attr = descriptor_attr(&task->descriptor);
	busy = request->reason == TASK_RETURN ? SYSTEM_TSS_BUSY : 0;
	task->wide = (attr & SEG_TYPE) == (SYSTEM_TSS32 | busy);
	if ((attr & SEG_S) ||
	    (!task->wide && (attr & SEG_TYPE) != (SYSTEM_TSS16 | busy)))
		return selector_fault(cpu, vector, selector, ext);
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, ext);
	descriptor_segment(&task->descriptor, selector, &task->tr);
	if (task->tr.limit < (task->wide ? TSS32_BYTES : TSS16_BYTES) - 1u)
		return selector_fault(cpu, VECTOR_TS, selector, ext);
	return X86_OK;
}

static u64 field(const u8 *bytes, u32 offset, u32 size)
{
	u64 value = 0;

	__builtin_memcpy(&value, bytes + offset, size);
	return value;
}

static void state_from_32(const u8 *bytes, struct task_state *ret)
{
	for (u32 i = 0; i < 8; i++)
		ret->gpr[i] = field(bytes, TSS32_GPR + 4 * i, 4);
	for (u32 i = 0; i < 6; i++)
		ret->selector[i] = (u16)field(bytes, TSS32_SEG + 4 * i, 2);
	ret->rip = field(bytes, TSS32_EIP, 4);
	ret->rflags = field(bytes, TSS32_EFLAGS, 4);
	ret->cr3 = field(bytes, TSS32_CR3, 4);
	ret->ldt = (u16)field(bytes, TSS32_LDT, 2);
	ret->trap = field(bytes, TSS32_TRAP, 2) & 1;
}

static void state_from_16(const u8 *bytes, struct task_state *ret)
{
	for (u32 i = 0; i < 8; i++)
		ret->gpr[i] = field(bytes, TSS16_IP + 4 + 2 * i, 2);
	for (u32 i = 0; i < 6; i++)
		ret->selector[i] =
			i < 4 ? (u16)field(bytes, TSS16_SEG + 2 * i, 2) : 0;
	ret->rip = field(bytes, TSS16_IP, 2);
	ret->rflags = field(bytes, TSS16_IP + 2, 2);
	ret->cr3 = 0;
	ret->ldt = (u16)field(bytes, TSS16_LDT, 2);
	ret->trap = false;
}

static int state_read(struct task *task)
{
	u8 bytes[TSS32_BYTES];
	u32 size = task->wide ? TSS32_BYTES : TSS16_BYTES;

	for (u32 i = 0; i < size; i += 4) {
		int rc = table_read(task->cpu, task->tr.base + i, bytes + i, 4);

		if (rc)
			return rc;
	}
	if (task->wide)
		state_from_32(bytes, &task->state);
	else
		state_from_16(bytes, &task->state);
	return X86_OK;
}

/* One field of the old TSS. */
static int save_field(struct x86_cpu *cpu, u32 offset, u64 value, u32 size)
{
	return table_write(cpu, cpu->seg[SEG_TR].base + offset, &value, size);
}

/* EIP, EFLAGS, the registers and the selectors into the TSS of TR. */
static int state_save(struct x86_cpu *cpu, enum task_reason reason)
{
	bool wide = (cpu->seg[SEG_TR].attr & SEG_TYPE) & 8;
	u32 size = wide ? 4 : 2;
	u32 head = wide ? TSS32_EIP : TSS16_IP;
	u32 segments = wide ? TSS32_SEG : TSS16_SEG;
	u64 flags = cpu->rflags;
	int rc;

	if (reason == TASK_RETURN)
		flags &= ~RFLAGS_NT;
	rc = save_field(cpu, head, RIP(cpu), size);
	if (!rc)
		rc = save_field(cpu, head + size, flags, size);
	for (u32 i = 0; !rc && i < 8; i++)
		rc = save_field(cpu, head + size * (2 + i), cpu->gpr[i], size);
	for (u32 i = 0; !rc && i < (wide ? 6 : 4); i++)
		rc = save_field(cpu, segments + size * i, cpu->seg[i].selector,
				size);
	return rc;
}

/* Moves the busy bits: the new one first, so that a fault on the second can be
 * undone. */
static int busy_move(struct task *task)
{
	enum task_reason reason = task->request->reason;
	struct x86_cpu *cpu = task->cpu;
	gva_t old, new = task->descriptor.address;
	int rc = X86_OK;

	if (reason != TASK_RETURN)
		rc = descriptor_mark_busy(cpu, new, true);
	if (rc || reason == TASK_CALL || reason == TASK_EVENT)
		return rc;
	if (!descriptor_locate(cpu, cpu->seg[SEG_TR].selector, 8, &old))
		return X86_OK;
	rc = descriptor_mark_busy(cpu, old, false);
	if (rc && reason == TASK_JUMP && !descriptor_mark_busy(cpu, new, false))
		return rc;
	return rc;
}

/* The page tables of the new task. PAE reads its PDPTEs at once. */
static int address_space_check(struct task *task)
{
	struct x86_cpu *cpu = task->cpu;

	if (!task->wide || !(cpu->cr0 & CR0_PG) || !(cpu->cr4 & CR4_PAE))
		return X86_OK;
	return pdpte_load(cpu, task->state.cr3);
}

/* Everything that leaves the old task; nothing of the cpu changes but, at the
 * very end, the PDPTE registers. */
static int task_leave(struct task *task)
{
	const struct task_request *request = task->request;
	struct x86_cpu *cpu = task->cpu;
	u16 link = cpu->seg[SEG_TR].selector;
	u64 pdpte[4];
	int rc;

	rc = state_save(cpu, request->reason);
	if (!rc &&
	    (request->reason == TASK_CALL || request->reason == TASK_EVENT))
		rc = table_write(cpu, task->tr.base, &link, 2);
	if (rc)
		return rc;
	__builtin_memcpy(pdpte, cpu->pdpte, sizeof(pdpte));
	rc = address_space_check(task);
	if (!rc)
		rc = busy_move(task);
	if (rc)
		__builtin_memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
	return rc;
}

/* The new task's registers, its segments by selector only. */
static void task_enter(struct task *task)
{
	enum task_reason reason = task->request->reason;
	const struct task_state *state = &task->state;
	u64 flags = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF |
		    RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM |
		    RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID;
	struct x86_cpu *cpu = task->cpu;
	u32 cpl = state->selector[SEG_CS] & 3;

	cpu->rflags = (state->rflags & flags) | RFLAGS_FIXED;
	if (reason == TASK_CALL || reason == TASK_EVENT)
		cpu->rflags |= RFLAGS_NT;
	if (state->trap)
		cpu->pending_db |= DR6_BT;
	RIP(cpu) = state->rip;
	for (u32 i = 0; i < 8; i++)
		cpu->gpr[i] = state->gpr[i];
	cpu->cr0 |= CR0_TS;
	cpu->dr7 &= ~DR7_LOCAL;
	cpu->seg[SEG_TR] = task->tr;
	cpu->seg[SEG_TR].attr |= SYSTEM_TSS_BUSY;
	if (task->wide && (cpu->cr0 & CR0_PG) && cpu->cr3 != state->cr3) {
		cpu->cr3 = state->cr3;
		tlb_flush(cpu, false);
	}
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		segment_null(state->selector[i], i == SEG_SS ? cpl : 0,
			     &cpu->seg[i]);
	segment_null(state->ldt, 0, &cpu->seg[SEG_LDTR]);
	cpu->insn_len = 0;
	x86_mode_update(cpu);
}

static void segments_load_v86(struct x86_cpu *cpu,
			      const struct task_state *state)
{
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		segment_v86(state->selector[i], &cpu->seg[i]);
}

/* [SDM3 7.3, table 7-1 "Exception Conditions Checked During a Task Switch"] */
static int task_code(struct x86_cpu *cpu, u16 selector, u32 ext)
{
	u32 rpl = selector & 3;
	struct descriptor d;
	u32 attr, dpl;
	int rc;

	rc = code_read(cpu, selector, VECTOR_TS, ext, &d);
	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	dpl = attr_dpl(attr);
	if (attr & SEG_DC ? dpl > rpl : dpl != rpl)
		return selector_fault(cpu, VECTOR_TS, selector, ext);
	return code_accept(cpu, &d, selector, rpl, VECTOR_TS, ext,
			   &cpu->seg[SEG_CS]);
}

static int segments_load(struct task *task)
{
	static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	const u16 *selector = task->state.selector;
	u32 cpl = selector[SEG_CS] & 3, ext = task->request->ext;
	struct x86_cpu *cpu = task->cpu;
	int rc;

	rc = segment_ldt(cpu, task->state.ldt, VECTOR_TS, ext,
			 &cpu->seg[SEG_LDTR]);
	if (rc)
		return rc;
	if (cpu->rflags & RFLAGS_VM) {
		segments_load_v86(cpu, &task->state);
		return X86_OK;
	}
	rc = task_code(cpu, selector[SEG_CS], ext);
	if (!rc)
		rc = segment_stack(cpu, selector[SEG_SS], cpl, VECTOR_TS, ext,
				   &cpu->seg[SEG_SS]);
	for (u32 i = 0; !rc && i < ARRAY_SIZE(data); i++)
		rc = segment_data(cpu, selector[data[i]], cpl, VECTOR_TS, ext,
				  &cpu->seg[data[i]]);
	return rc;
}

/* The error code of the exception that called this task. */
static int error_push(struct task *task)
{
	const struct task_request *request = task->request;
	struct frame frame;
	int rc;

	if (!request->has_error)
		return X86_OK;
	frame_current(task->cpu, task->wide ? 4 : 2, false, request->ext,
		      &frame);
	rc = frame_push(&frame, request->error);
	if (!rc)
		frame_commit(&frame);
	return rc;
}

int task_switch(struct x86_cpu *cpu, const struct task_request *request)
{
	struct task task = {.cpu = cpu, .request = request};
	int rc;

	rc = task_descriptor(&task);
	if (!rc)
		rc = state_read(&task);
	if (!rc)
		rc = task_leave(&task);
	if (rc)
		return rc;
	task_enter(&task);
	rc = segments_load(&task);
	x86_mode_update(cpu);
	if (!rc)
		rc = error_push(&task);
	if (!rc)
		rc = branch_check(cpu, &cpu->seg[SEG_CS], RIP(cpu),
				  request->ext);
	if (rc == X86_FAULT)
		cpu->exception.trap = true;
	return rc ? rc : X86_END;
}
