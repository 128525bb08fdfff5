/* SPDX-License-Identifier: MIT */
/*
 * A slot may point at host memory that is not there: never mapped, unmapped
 * behind our back, beyond the end of a file. The kernel's KVM_RUN answers
 * -EFAULT; here the access faults, and this handler brings run() back to its
 * start to say so. Faults of anybody else go to the handler that was there
 * before, or kill the process as they would have.
 */
#include "engine/soft/guard.h"

#include <pthread.h>
#include <ucontext.h>

#include "engine/soft/soft.h"

static _Thread_local struct soft_vcpu *running_vcpu;

void soft_guard_enter(struct soft_vcpu *vcpu)
{
	running_vcpu = vcpu;
}

void soft_guard_leave(void)
{
	running_vcpu = NULL;
}

/*
 * A signal's disposition belongs to the process, and so does the memory of the
 * one that was there before: set once, before any vCPU runs.
 */
static struct sigaction previous[3]; /* SIGSEGV, SIGBUS, SIGFPE */
static pthread_once_t installed = PTHREAD_ONCE_INIT;

/* Does this host address belong to a slot? vCPUs are inside: slots hold still. */
static bool in_slot(const struct soft_vm *vm, u64 address)
{
	for (u32 i = 0; i < vm->slots->count; i++)
		if (address - vm->slots->slot[i].hva < vm->slots->slot[i].size)
			return true;
	return false;
}

static void chain(int signal, siginfo_t *info, void *context)
{
	const struct sigaction *action = &previous[signal == SIGBUS   ? 1
						   : signal == SIGFPE ? 2
								      : 0];

	if (action->sa_flags & SA_SIGINFO) {
		action->sa_sigaction(signal, info, context);
	} else if (action->sa_handler != SIG_DFL &&
		   action->sa_handler != SIG_IGN) {
		action->sa_handler(signal);
	} else { /* die of it: the access is made again with the default action */
		struct sigaction normal = {.sa_handler = SIG_DFL};

		(void)sigaction(signal, &normal, NULL); /* cannot fail */
	}
}

/* The guest's vector registers, if the signal found them in the host's: the
 * handler runs with others, and nothing returns through it. */
static void vector_state_keep(struct soft_vcpu *vcpu, const ucontext_t *context)
{
	const u8 *from = (const void *)context->uc_mcontext.fpregs;
	u8 *area = vcpu->cpu.xsave.bytes;

	if (!vcpu->hot.fpu_live)
		return;
	vcpu->hot.fpu_live = 0;
	for (u32 i = 0; i < XSAVE_SIZE; i++)
		if (i < 6 || i >= 24) /* FOP, FIP, FDP are the engine's */
			area[i] = from[i];
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct soft_vcpu *vcpu = running_vcpu;
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	bool ours = vcpu && vcpu->guarded && info->si_code > 0; /* not sent */
	u64 go_on;

	if (ours) {
		go_on = translator_fault(vcpu, (u64)regs[REG_RIP],
					 (u64)regs[REG_EFL]);
		if (go_on) {
			regs[REG_RIP] = (greg_t)go_on;
			return;
		}
	}
	if (ours && signal != SIGFPE &&
	    in_slot(vcpu->vm, (u64)(uintptr_t)info->si_addr)) {
		vcpu->guarded = false;
		vector_state_keep(vcpu, context);
		siglongjmp(vcpu->guard, 1);
	}
	chain(signal, info, context);
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_NODEFER |
					       SA_ONSTACK};

	(void)sigaction(SIGSEGV, &action, &previous[0]); /* both are legal */
	(void)sigaction(SIGBUS, &action, &previous[1]);
	(void)sigaction(SIGFPE, &action, &previous[2]);
}

int soft_guard_install(void)
{
	return -pthread_once(&installed, install);
}
