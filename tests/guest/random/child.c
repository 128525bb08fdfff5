/* SPDX-License-Identifier: MIT */
/* The child's signal handler; see child.h and native.h. */
#include "tests/guest/random/child.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* Where _fpstate says that an XSAVE header follows the legacy region. */
#define FPSTATE_MAGIC1	  0x46505853u
#define FPSTATE_MAGIC1_AT 464
#define XSAVE_KEPT	  464 /* the legacy bytes that are the processor's */

/*
 * A case may have left AC, NT or ID set: the kernel clears only DF, TF and RF.
 * 0x244000: [SDM1 3.4.3 "EFLAGS Register"]
 */
__asm__(".text\n"
	".globl child_entry\n"
	"child_entry:\n"
	"	endbr64\n"
	"	pushfq\n"
	"	andl $~0x244000, (%rsp)\n"
	"	popfq\n"
	"	jmp child_signal\n");

void child_signal(int signal, void *info, void *context);

static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct shared *shared(void)
{
	return (struct shared *)(uintptr_t)AT_SHARED;
}

static void copy(void *to, const void *from, u64 size)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(size)
			 :
			 : "memory");
}

static s64 system_call(s64 number, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 __asm__("r10") = d;
	s64 result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

static no_return void leave(void)
{
	for (;;)
		(void)system_call(SYS_exit_group, 0, 0, 0, 0);
}

/* --- selectors and bases: not in the frame --- */

static void selectors_load(const struct shared *s, const struct state *in)
{
	__asm__ volatile("movw %0, %%ds" : : "r"(in->seg[SEG_DS]));
	__asm__ volatile("movw %0, %%es" : : "r"(in->seg[SEG_ES]));
	__asm__ volatile("movw %0, %%fs" : : "r"(in->seg[SEG_FS]));
	__asm__ volatile("movw %0, %%gs" : : "r"(in->seg[SEG_GS]));
	if (!s->has_fsgsbase)
		return;
	__asm__ volatile("wrfsbase %0" : : "r"(in->fs_base));
	__asm__ volatile("wrgsbase %0" : : "r"(in->gs_base));
}

static void selectors_save(const struct shared *s, struct state *out)
{
	__asm__ volatile("movw %%ds, %0" : "=r"(out->seg[SEG_DS]));
	__asm__ volatile("movw %%es, %0" : "=r"(out->seg[SEG_ES]));
	__asm__ volatile("movw %%fs, %0" : "=r"(out->seg[SEG_FS]));
	__asm__ volatile("movw %%gs, %0" : "=r"(out->seg[SEG_GS]));
	out->fs_base = out->gs_base = 0;
	if (!s->has_fsgsbase)
		return;
	__asm__ volatile("rdfsbase %0" : "=r"(out->fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(out->gs_base));
}

/* --- the frame --- */

static void frame_save(struct shared *s, const ucontext_t *frame)
{
	const greg_t *gregs = frame->uc_mcontext.gregs;
	struct slot *slot = &s->slot[s->index];
	struct state *out = &slot->out;

	selectors_save(s, out);
	for (u32 i = 0; i < 16; i++)
		out->gpr[i] = (u64)gregs[greg_of[i]];
	out->rip = (u64)gregs[REG_RIP];
	out->rflags = (u64)gregs[REG_EFL];
	out->seg[SEG_CS] = (u16)gregs[REG_CSGSFS];
	out->seg[SEG_SS] = (u16)((u64)gregs[REG_CSGSFS] >> 48);
	copy(out->xsave, (const void *)frame->uc_mcontext.fpregs, XSAVE_SIZE);
	out->vector = (u8)gregs[REG_TRAPNO];
	out->error = (u32)gregs[REG_ERR];
	out->cr2 = out->vector == 14 ? (u64)gregs[REG_CR2] : 0;
	copy(slot->after, s->memory, MEMORY_BYTES);
	slot->ran = true;
}

static void frame_load(struct shared *s, ucontext_t *frame)
{
	greg_t *gregs = frame->uc_mcontext.gregs;
	u8 *fp = (u8 *)(void *)frame->uc_mcontext.fpregs;
	const struct slot *slot = &s->slot[s->index];
	const struct state *in = &slot->in;
	u64 *features = (u64 *)(void *)(fp + XSAVE_HEADER);

	copy(s->memory, slot->before, MEMORY_BYTES);
	for (u32 i = 0; i < 16; i++)
		gregs[greg_of[i]] = (greg_t)in->gpr[i];
	gregs[REG_RIP] = (greg_t)in->rip;
	gregs[REG_EFL] = (greg_t)in->rflags;
	gregs[REG_CSGSFS] =
		(greg_t)((u64)in->seg[SEG_CS] | (u64)in->seg[SEG_SS] << 48);
	copy(fp, in->xsave, XSAVE_KEPT);
	*features |= XCR0_X87 | XCR0_SSE;
	if (s->has_avx) {
		*features |= XCR0_AVX;
		copy(fp + XSAVE_YMMH, in->xsave + XSAVE_YMMH,
		     XSAVE_SIZE - XSAVE_YMMH);
	}
	selectors_load(s, in);
}

/* --- the queue --- */

static void wait_for_batch(struct shared *s)
{
	__atomic_store_n(&s->turn, TURN_PARENT, __ATOMIC_SEQ_CST);
	(void)system_call(SYS_futex, (u64)(uintptr_t)&s->turn, FUTEX_WAKE, 1, 0);
	while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) == TURN_PARENT)
		(void)system_call(SYS_futex, (u64)(uintptr_t)&s->turn,
				  FUTEX_WAIT, TURN_PARENT, 0);
}

void child_signal(int signal, void *info, void *context)
{
	ucontext_t *frame = context;
	struct shared *s = shared();
	u32 magic;

	(void)signal;
	(void)info;
	if (s->running) {
		frame_save(s, frame);
		s->running = false;
		s->index++;
	}
	copy(&magic,
	     (const u8 *)(void *)frame->uc_mcontext.fpregs + FPSTATE_MAGIC1_AT,
	     sizeof(magic));
	if (magic != FPSTATE_MAGIC1) {
		s->no_xsave = true;
		leave();
	}
	while (s->index >= s->count)
		wait_for_batch(s);
	frame_load(s, frame);
	s->running = true;
}
