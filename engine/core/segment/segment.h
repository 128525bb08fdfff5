/* SPDX-License-Identifier: MIT */
/*
 * Segmentation: descriptors, segment loads, far transfers and task switches.
 *
 * Every function here that can fail returns an enum x86_result: X86_OK,
 * X86_FAULT (raised) or X86_NEED (a device must answer first), and writes no
 * register of the cpu unless it says so. `ext` is 0, or 1 when the work is
 * part of delivering an event from outside the program: it becomes the EXT bit
 * of every error code. [SDM3 6.13 "Error Code"]
 */
#ifndef ENGINE_CORE_SEGMENT_SEGMENT_H
#define ENGINE_CORE_SEGMENT_SEGMENT_H

#include "engine/core/x86.h"

/* System descriptor types. [SDM3 3.5 "System Descriptor Types"] */
enum system_type {
	SYSTEM_TSS16 = 1,
	SYSTEM_LDT = 2,
	SYSTEM_TSS16_BUSY = 3,
	SYSTEM_CALL16 = 4,
	SYSTEM_TASK_GATE = 5,
	SYSTEM_INTERRUPT16 = 6,
	SYSTEM_TRAP16 = 7,
	SYSTEM_TSS32 = 9,
	SYSTEM_TSS32_BUSY = 11,
	SYSTEM_CALL32 = 12,
	SYSTEM_INTERRUPT32 = 14,
	SYSTEM_TRAP32 = 15,
};

#define SYSTEM_TSS_BUSY 2u /* the busy bit in a TSS descriptor's type */

/* One entry of the GDT or LDT as read. */
struct descriptor {
	u64 low;
	u64 high;      /* second half of a 16-byte system descriptor */
	gva_t address; /* linear, of the low half */
};

static inline u32 descriptor_attr(const struct descriptor *d)
{
	return (u32)(d->low >> 40) & 0xf0ffu;
}
static inline u32 attr_dpl(u32 attr)
{
	return (attr & SEG_DPL) >> SEG_DPL_SHIFT;
}
static inline bool selector_null(u16 selector)
{
	return !(selector & 0xfffc);
}
/* Code of any kind. */
static inline bool attr_is_code(u32 attr)
{
	return (attr & (SEG_S | SEG_CODE)) == (SEG_S | SEG_CODE);
}
static inline bool attr_is_writable_data(u32 attr)
{
	return (attr & (SEG_S | SEG_CODE | SEG_RW)) == (SEG_S | SEG_RW);
}

/* Sign extension of the linear address, 48 or 57 bits by CR4.LA57. */
bool address_canonical(const struct x86_cpu *cpu, u64 address);

/* Raises `vector` with the error code of this selector. */
int selector_fault(struct x86_cpu *cpu, enum x86_vector vector, u16 selector,
		   u32 ext);

/* --- descriptor.c --- */

/*
 * Descriptor tables and the TSS: in long mode their addresses have 64 bits even
 * while compatibility-mode code runs. Up to 8 bytes.
 */
int table_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size);
int table_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size);

/* Where `bytes` of the descriptor stand; false: outside its table. */
bool descriptor_locate(const struct x86_cpu *cpu, u16 selector, u32 bytes,
		       gva_t *ret_address);
/* Reads the low half; outside the table raises `vector`(selector). */
int descriptor_read(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
		    u32 ext, struct descriptor *ret);
/*
 * In long mode, system descriptors have 16 bytes: reads the second half, whose
 * type field must be zero. Elsewhere sets high = 0.
 */
int descriptor_read_high(struct x86_cpu *cpu, u16 selector,
			 enum x86_vector vector, u32 ext, struct descriptor *d);
void descriptor_segment(const struct descriptor *d, u16 selector,
			struct x86_segment *ret);
/* Sets the accessed bit in memory (atomically) and in *d. */
int descriptor_mark_accessed(struct x86_cpu *cpu, struct descriptor *d);
/* Sets or clears the busy bit of a TSS descriptor in memory. */
int descriptor_mark_busy(struct x86_cpu *cpu, gva_t address, bool busy);

/* --- load.c: checked segment contents; nothing is loaded --- */

/* The contents of a null segment register; dpl is kept for SS = CPL. */
void segment_null(u16 selector, u32 dpl, struct x86_segment *ret);
/* Real and virtual-8086 mode: what loading `selector` makes of seg[index]. */
void segment_real(const struct x86_cpu *cpu, u32 index, u16 selector,
		  struct x86_segment *ret);
/* The V86 contents, whatever the mode is now. */
void segment_v86(u16 selector, struct x86_segment *ret);
/* DS, ES, FS, GS in protected mode; vector is #GP, or #TS in a task switch. */
int segment_data(struct x86_cpu *cpu, u16 selector, u32 cpl,
		 enum x86_vector vector, u32 ext, struct x86_segment *ret);
/* SS for privilege `cpl`; a null selector raises `vector`(0). */
int segment_stack(struct x86_cpu *cpu, u16 selector, u32 cpl,
		  enum x86_vector vector, u32 ext, struct x86_segment *ret);
/* SS where long mode may take a null one: the new code is 64-bit, cpl < 3. */
int segment_stack_long(struct x86_cpu *cpu, u16 selector, u32 cpl, bool code64,
		       struct x86_segment *ret);
/* LDTR contents. */
int segment_ldt(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
		u32 ext, struct x86_segment *ret);

/* MOV, POP, LxS to ES SS DS FS GS: checks and loads; X86_OK. Not for CS. */
int segment_load(struct x86_cpu *cpu, u32 index, u16 selector);
/* Recomputes what is derived from seg[index] alone. */
void segment_update(struct x86_cpu *cpu, u32 index);

/* As x86_mode_update(), where only CS, SS and RFLAGS have changed since. */
void x86_transfer_update(struct x86_cpu *cpu);

/* Chooses cpu->tlb anew: RFLAGS.AC changed and nothing else did. */
void tlb_class_update(struct x86_cpu *cpu);

/* A code segment as read, before its privilege rule: null, table limit, type. */
int code_read(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
	      u32 ext, struct descriptor *ret);
/* The rest: L and D, present, accessed; contents with RPL = rpl. */
int code_accept(struct x86_cpu *cpu, struct descriptor *d, u16 selector, u32 rpl,
		enum x86_vector vector, u32 ext, struct x86_segment *ret);
/* Is the instruction pointer inside the new code segment? else #GP(ext). */
int branch_check(struct x86_cpu *cpu, const struct x86_segment *cs, u64 rip,
		 u32 ext);
/* Loads CS and RIP and recomputes the mode. */
void branch_commit(struct x86_cpu *cpu, const struct x86_segment *cs, u64 rip);
/* 64-bit code in long mode? */
bool segment_is_64(const struct x86_cpu *cpu, const struct x86_segment *cs);

/* --- frame.c: pushing onto a stack that is not (yet) the current one --- */

struct frame {
	struct x86_cpu *cpu;
	struct x86_segment ss; /* the stack's segment */
	u64 sp;		       /* next push goes below */
	u64 mask;	       /* of the stack pointer */
	u32 bytes;	       /* of one slot: 2, 4 or 8 */
	u32 error;	       /* error code of #SS */
	u8 cpl;		       /* whose accesses these are */
	bool flat;	       /* 64-bit stack: no base, no limit */
};

/* The current stack; `flat` when the pushes are made by 64-bit rules. */
void frame_current(struct x86_cpu *cpu, u32 bytes, bool flat, u32 ext,
		   struct frame *ret);
/* The stack that the TSS holds for privilege cpl. */
int frame_inner(struct x86_cpu *cpu, u32 cpl, u32 bytes, u32 ext,
		struct frame *ret);
/* Long mode: the stack of IST entry 1..7, for privilege cpl. */
int frame_ist(struct x86_cpu *cpu, u32 ist, u32 cpl, u32 ext, struct frame *ret);
/* Is there room for `count` slots? else #SS. */
int frame_room(struct frame *frame, u32 count);
int frame_push(struct frame *frame, u64 value);
/* Loads SS and RSP. The caller recomputes the mode. */
void frame_commit(const struct frame *frame);

/* RSP := value in a stack of this width (16 bits keep the rest). */
void stack_pointer_set(struct x86_cpu *cpu, u64 value, u64 mask);
u64 segment_stack_mask(const struct x86_segment *ss, bool code64);

/* --- far.c: transfers; on X86_END registers are written --- */

/* bytes: of a stack slot and of the offset, 2, 4 or 8. */
int far_jump(struct x86_cpu *cpu, u16 selector, u64 offset);
int far_call(struct x86_cpu *cpu, u16 selector, u64 offset, u32 bytes);
int far_return(struct x86_cpu *cpu, u32 bytes, u32 release);
int far_iret(struct x86_cpu *cpu, u32 bytes);
/* A return to less privilege: drops data segments it may not hold. */
void segments_drop_inner(struct x86_cpu *cpu, u32 cpl);

/* --- quick.c: true, and all is done, or false, and nothing --- */

/*
 * An event that does not come from INT n. `rflags` is the image to be pushed,
 * `error` NULL: none.
 */
bool event_quick(struct x86_cpu *cpu, u8 vector, u64 rflags, const u32 *error);
/* IRETQ in 64-bit code. */
bool iret_quick(struct x86_cpu *cpu);

/* --- task.c --- */

enum task_reason { TASK_JUMP, TASK_CALL, TASK_RETURN, TASK_EVENT };

struct task_request {
	u16 selector; /* of the TSS */
	u8 reason;    /* enum task_reason */
	bool has_error;
	u32 error; /* TASK_EVENT: pushed onto the new stack */
	u32 ext;
};

/*
 * Switches tasks. X86_END; X86_FAULT before the switch, with nothing changed;
 * or X86_FAULT of the new task with exception.trap set and insn_len = 0, for
 * RIP already is the new task's.
 */
int task_switch(struct x86_cpu *cpu, const struct task_request *request);

#endif
