/* SPDX-License-Identifier: MIT */
/*
 * KVM_RUN: the loop that runs guest code.
 *
 *	soft_run -> run_loop -> block_find, block_run -> insn.exec
 *	                     -> soft_service   requests, timers, interrupts
 *	                     -> exception_deliver
 *	                     -> soft_exit_*    back to the client
 *
 * All signals but the synchronous ones are blocked while guest code runs; their
 * arrival is noticed by asking for pending ones every BUDGET blocks, and their
 * handlers run when run() restores the mask on its way out, as the kernel runs
 * them on the way out of its ioctl. [KVM-API 4.10 "KVM_RUN"]
 */
#include "engine/soft/run.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/core/decode/id.h"
#include "engine/core/exception/exception.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/block.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/guard.h"
#include "engine/soft/pause.h"
#include "engine/soft/soft.h"
#include "engine/soft/thunk/thunk.h"

#define BUDGET		 1024 /* blocks between two looks at clock and signals */
#define PAUSES_PER_YIELD 64

/* needs: vcpu: sched_yield? */
int soft_pause(struct x86_cpu *cpu, const struct insn *in)
{
	struct soft_vcpu *vcpu = cpu->ctx;

	(void)in;
	if (++vcpu->pauses >= PAUSES_PER_YIELD) {
		vcpu->pauses = 0;
		translator_fpu_sync(vcpu);
		soft_guest_leave(vcpu);
		(void)sched_yield(); /* cannot fail on Linux */
		soft_guest_enter(vcpu);
	}
	return X86_OK;
}

/*
 * Runs a block to its end or to the first instruction that does not simply go
 * on. RIP is put back to the instruction when it was not finished.
 */
static inline int block_run(struct x86_cpu *cpu, const struct block *block)
{
	const struct insn *in = block->insn, *end = in + block->count;
	int rc;

	do {
		cpu->insn_len = in->len;
		cpu->gpr[GPR_RIP] += in->len;
		rc = in->exec(cpu, in);
	} while (likely(!(rc | (int)cpu->stop)) && ++in < end);
	if (in == end)
		in--;
	cpu->retired += (u64)(in - block->insn) + 1;
	if (rc == X86_FAULT || rc == X86_NEED || rc == X86_EXIT ||
	    rc == X86_UNHANDLED) {
		if (rc != X86_FAULT || !cpu->exception.trap)
			cpu->gpr[GPR_RIP] -= in->len;
		cpu->retired--;
	}
	if (rc == X86_REPEAT) /* counts once, when it is over */
		cpu->retired--;
	return rc;
}

/* One instruction: to finish a half-done one, or under single_step. */
static int insn_run(struct x86_cpu *cpu, struct insn *in)
{
	int rc;

	cpu->insn_len = in->len;
	cpu->gpr[GPR_RIP] += in->len;
	rc = in->exec(cpu, in);
	if (rc == X86_NEED || rc == X86_EXIT || rc == X86_UNHANDLED ||
	    (rc == X86_FAULT && !cpu->exception.trap))
		cpu->gpr[GPR_RIP] -= in->len;
	else if (rc != X86_REPEAT)
		cpu->retired++;
	return rc;
}

static u64 code_page(struct x86_cpu *cpu)
{
	gva_t linear =
		(cpu->segment_base[cpu->code == CODE_64 ? SEG_NONE : SEG_CS] +
		 cpu->gpr[GPR_RIP]) &
		cpu->linear_mask;
	u8 *host;

	return tlb_fetch(cpu, linear, &host) ? 0
					     : (u64)(uintptr_t)host & ~4095ull;
}

/* With traps, shadows or breakpoints in play: one instruction, carefully. */
static int step_run(struct x86_cpu *cpu)
{
	struct debug_step step;
	struct insn in;
	int rc = debug_step_begin(cpu, &step);

	if (rc)
		return rc;
	rc = insn_fetch(cpu, &in);
	if (rc) {
		if (rc == X86_NEED) /* nothing was run: the shadow still holds */
			cpu->shadow = step.shadow;
		return rc;
	}
	cpu->code_host = code_page(cpu);
	rc = insn_run(cpu, &in);
	return debug_step_end(cpu, &step, &in, rc);
}

int soft_block_step(struct soft_vcpu *vcpu)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	const struct block *block;
	int rc;

	cpu->insn_len = 0; /* nothing to put back if the fetch hits a hole */
	if (unlikely(cpu->single_step))
		return step_run(cpu);
	rc = block_find(vcpu->blocks, cpu, &block);
	if (unlikely(rc))
		return rc;
	if (unlikely(!block->count)) { /* runs over the page's end */
		struct insn in;

		rc = insn_fetch(cpu, &in);
		return rc ? rc : insn_run(cpu, &in);
	}
	return block_run(cpu, block);
}

int soft_insn_fetch(struct soft_vcpu *vcpu, struct insn *ret)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	int rc;

	cpu->insn_len = 0;
	rc = insn_fetch(cpu, ret);
	if (!rc)
		cpu->code_host = code_page(cpu);
	return rc;
}

int soft_insn_run(struct soft_vcpu *vcpu, struct insn *in)
{
	translator_fpu_sync(vcpu);
	return insn_run(&vcpu->cpu, in);
}

int soft_insn_step(struct soft_vcpu *vcpu)
{
	struct insn in;
	int rc = soft_insn_fetch(vcpu, &in);

	return rc ? rc : soft_insn_run(vcpu, &in);
}

/* After anything but a plain step. 1: go on; else run()'s result. */
static int step_over(struct soft_vcpu *vcpu, int rc)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	translator_fpu_sync(vcpu);
	if (cpu->stop & STOP_LOG && rc != X86_NEED)
		external_clear(cpu);
	cpu->stop = 0;
	switch (rc) {
	case X86_OK:
	case X86_BRANCH:
	case X86_REPEAT:
	case X86_END:
		return 1;
	case X86_FAULT:
		external_clear(cpu);
		if (!cpu->exception.software) /* else RIP is past the INT */
			cpu->insn_len = 0;
		rc = exception_deliver(cpu);
		if (rc == X86_EXIT)
			return soft_exit_other(vcpu);
		if (rc != X86_SHUTDOWN)
			return 1;
		vcpu->vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	case X86_SHUTDOWN:
		vcpu->vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	case X86_NEED:
		return soft_exit_need(vcpu);
	case X86_HALT:
		return soft_halt(vcpu);
	case X86_EXIT:
		return soft_exit_other(vcpu);
	default:
		return soft_exit_internal(vcpu);
	}
}

static int run_loop(struct soft_vcpu *vcpu)
{
	int rc = 1;

	while (rc > 0) {
		u32 request = __atomic_load_n(&vcpu->request, __ATOMIC_RELAXED);

		vcpu->budget--;
		if (unlikely(request || vcpu->budget <= 0)) {
			bool held = request == REQUEST_WINDOW &&
				    vcpu->budget > 0 && !vcpu->nmi_pending &&
				    !(vcpu->cpu.rflags & RFLAGS_IF);

			if (!held) {
				rc = soft_service(vcpu);
				if (rc <= 0)
					break;
			}
			if (vcpu->budget <= 0)
				vcpu->budget = BUDGET;
		}
		if (unlikely(direct_wanted(vcpu)))
			rc = direct_step(vcpu->direct);
		else
			rc = vcpu->translator ? translator_step(vcpu->translator)
					      : soft_block_step(vcpu);
		rc = likely((u32)rc <= X86_BRANCH && !vcpu->cpu.stop)
			     ? 1
			     : step_over(vcpu, rc);
	}
	return rc;
}

/* Runs the half-done instruction again, with what the client answered. */
static int complete_pending(struct soft_vcpu *vcpu)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct insn in;
	int rc;

	soft_exit_complete(vcpu);
	if (cpu->single_step)
		return step_over(vcpu, step_run(cpu));
	rc = insn_fetch(cpu, &in);
	if (!rc) {
		cpu->code_host = code_page(cpu);
		rc = insn_run(cpu, &in);
	}
	cpu->stop |= STOP_LOG;
	return step_over(vcpu, rc);
}

static u64 sigset_word(const sigset_t *set)
{
	u64 word;

	memcpy(&word, set, sizeof(word));
	return word;
}

/* Blocks everything but what the CPU itself raises; notes the mask in force. */
static void signals_block(struct soft_vcpu *vcpu, sigset_t *ret_old)
{
	static const int synchronous[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
					  SIGTRAP, SIGABRT, SIGSYS};
	sigset_t all;

	(void)sigfillset(&all); /* cannot fail, nor can sigdelset */
	for (u32 i = 0; i < ARRAY_SIZE(synchronous); i++)
		(void)sigdelset(&all, synchronous[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, ret_old); /* cannot fail */
	/* A fault of the CPU's kills where its signal is blocked. */
	if (sigismember(ret_old, SIGSEGV) || sigismember(ret_old, SIGBUS) ||
	    sigismember(ret_old, SIGFPE)) {
		(void)sigemptyset(&all);
		(void)sigaddset(&all, SIGSEGV);
		(void)sigaddset(&all, SIGBUS);
		(void)sigaddset(&all, SIGFPE);
		(void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	}
	vcpu->old_mask = vcpu->sigset.set ? vcpu->sigset.mask
					  : sigset_word(ret_old);
}

/*
 * With the client's KVM_SET_SIGNAL_MASK, a signal that it lets through is left
 * pending for the client to take by sigwait: only the old mask comes back.
 */
static void signals_restore(const sigset_t *old)
{
	(void)pthread_sigmask(SIG_SETMASK, old, NULL); /* cannot fail */
}

/* What kvm_run tells after every run. [KVM-API 5 "The kvm_run structure"] */
static void run_epilogue(struct soft_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->vcpu.run;
	struct x86_cpu *cpu = &vcpu->cpu;

	run->if_flag = (cpu->rflags & RFLAGS_IF) != 0;
	run->cr8 = cpu->ops->cr8_get(cpu->ctx);
	run->apic_base = vcpu->has_lapic ? vcpu->lapic.base : vcpu->apic_base;
	run->flags = 0;
	run->ready_for_interrupt_injection = soft_interrupt_window(vcpu);
}

/* The part of a run that may touch guest memory. */
static int run_guarded(struct soft_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->vcpu.run;
	int rc = 1;

	soft_sync(vcpu); /* no access may use what a slot change took away */
	vcpu->cpu.insn_len = 0;
	if (vcpu->pending)
		rc = complete_pending(vcpu);
	if (rc <= 0)
		return rc;
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_RELAXED)) {
		run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	vcpu->budget = 0; /* look at everything first */
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE) {
		rc = soft_halt(vcpu);
		if (rc <= 0)
			return rc;
	}
	return run_loop(vcpu);
}

/* Generated code finds its vCPU there; the client's value comes back after. */
static u64 gs_base_swap(const struct soft_engine *engine, u64 base)
{
	u64 old;

	if (engine->fsgsbase) {
		__asm__ volatile("rdgsbase %0\n\twrgsbase %1"
				 : "=&r"(old)
				 : "r"(base));
		return old;
	}
	/* Cannot fail: the calls exist, the values were in the register. */
	(void)syscall(SYS_arch_prctl, ARCH_GET_GS, &old);
	(void)syscall(SYS_arch_prctl, ARCH_SET_GS, base);
	return old;
}

int soft_run(struct engine_vcpu *handle)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	u32 mxcsr = thunk_mxcsr_save();
	volatile u64 gs_base; /* lives across siglongjmp, as rc does */
	sigset_t old;
	volatile int rc; /* lives across siglongjmp */

	mutex_lock(&vcpu->lock);
	signals_block(vcpu, &old);
	gs_base = gs_base_swap(vcpu->vm->engine, (u64)(uintptr_t)&vcpu->cpu);
	if (vcpu->translator)
		translator_begin(vcpu->translator);
	if (!vcpu->has_lapic)
		vcpu->cr8 = (u8)(handle->run->cr8 & 15);
	soft_guest_enter(vcpu);
	soft_guard_enter(vcpu);
	if (!sigsetjmp(vcpu->guard, 0)) {
		vcpu->guarded = true;
		rc = run_guarded(vcpu);
	} else {
		if (vcpu->exclusive_held)
			soft_exclusive_end(vcpu->vm, vcpu);
		external_clear(&vcpu->cpu);
		vcpu->cpu.stop = 0;
		if (vcpu->inside_code)
			translator_abandon(vcpu->translator);
		else /* it did not happen */
			RIP(&vcpu->cpu) -= vcpu->cpu.insn_len;
		rc = -EFAULT;
	}
	vcpu->guarded = false;
	translator_fpu_sync(vcpu);
	soft_guard_leave();
	(void)gs_base_swap(vcpu->vm->engine, gs_base);
	if (vcpu->inside)
		soft_guest_leave(vcpu);
	run_epilogue(vcpu);
	thunk_mxcsr_restore(mxcsr); /* the guest's flags are not the client's */
	signals_restore(&old);
	mutex_unlock(&vcpu->lock);
	return rc;
}
