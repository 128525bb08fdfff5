/* SPDX-License-Identifier: MIT */
/* The vCPU thread and its exits. */
#include "vmm/machine/vcpu.h"

#include <stdio.h>
#include <unistd.h>

#include "vmm/kick.h"
#include "vmm/machine/machine_internal.h"

/* It cannot go on: the loop's thread reports it and ends the machine. */
static void fail(struct vcpu *vcpu, const char *sentence, int err)
{
	vcpu->failure = sentence;
	vcpu->failure_err = err;
	machine_ask(vcpu->machine, EVENT_FAILED, 0, vcpu);
}

/* ---- exits ---- */

typedef void (*vcpu_exit_handler)(struct vcpu *vcpu);

static void exit_io(struct vcpu *vcpu)
{
	board_io(&vcpu->machine->board, vcpu->engine->run);
}

static void exit_mmio(struct vcpu *vcpu)
{
	board_mmio(&vcpu->machine->board, vcpu->engine->run);
}

static void exit_again(struct vcpu *vcpu)
{
	(void)vcpu;
}

static void exit_hlt(struct vcpu *vcpu)
{
	/* The engine owns the local APICs and so waits itself. */
	fail(vcpu, "the engine left the guest's HLT to us", 0);
}

/*
 * A PC's board resets a processor that shuts down; on `micro`, where a kernel
 * is run for itself, its registers are of more use.
 */
static void exit_shutdown(struct vcpu *vcpu)
{
	if (vcpu->machine->config.kind == BOARD_Q35) {
		machine_ask(vcpu->machine, EVENT_RESET, 0, NULL);
		return;
	}
	fail(vcpu,
	     "triple fault: the guest failed to handle an exception "
	     "while handling another",
	     0);
}

static void exit_fail_entry(struct vcpu *vcpu)
{
	fail(vcpu, "the hardware refuses to enter the guest", 0);
}

static void exit_internal_error(struct vcpu *vcpu)
{
	fail(vcpu, "the engine cannot go on with the guest", 0);
}

/* What a debugger has asked for; where it is in `debug` stays until the next
 * run. */
static void exit_debug(struct vcpu *vcpu)
{
	machine_ask_debug(vcpu);
}

static void exit_system_event(struct vcpu *vcpu)
{
	switch (vcpu->engine->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_ask(vcpu->machine, EVENT_OFF, 0, NULL);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_ask(vcpu->machine, EVENT_RESET, 0, NULL);
		break;
	default:
		fail(vcpu, "the guest reports that it has crashed", 0);
		break;
	}
}

static const vcpu_exit_handler exit_handler[] = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_HLT] = exit_hlt,
	[KVM_EXIT_INTR] = exit_again,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_again,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_DEBUG] = exit_debug,
};

#define NAME(exit) [KVM_EXIT_##exit] = "KVM_EXIT_" #exit
static const char *const exit_name[] = {
	NAME(UNKNOWN),
	NAME(EXCEPTION),
	NAME(IO),
	NAME(HYPERCALL),
	NAME(DEBUG),
	NAME(HLT),
	NAME(MMIO),
	NAME(IRQ_WINDOW_OPEN),
	NAME(SHUTDOWN),
	NAME(FAIL_ENTRY),
	NAME(INTR),
	NAME(SET_TPR),
	NAME(TPR_ACCESS),
	NAME(NMI),
	NAME(INTERNAL_ERROR),
	NAME(SYSTEM_EVENT),
	NAME(IOAPIC_EOI),
	NAME(HYPERV),
	NAME(X86_RDMSR),
	NAME(X86_WRMSR),
	NAME(DIRTY_RING_FULL),
	NAME(X86_BUS_LOCK),
	NAME(XEN),
};
#undef NAME

const char *vcpu_exit_name(u32 reason)
{
	if (reason < ARRAY_SIZE(exit_name) && exit_name[reason])
		return exit_name[reason];
	return "an exit that is not known";
}

static void handle_exit(struct vcpu *vcpu)
{
	u32 reason = vcpu->engine->run->exit_reason;

	if (reason < ARRAY_SIZE(exit_handler) && exit_handler[reason])
		exit_handler[reason](vcpu);
	else
		fail(vcpu,
		     "the engine came back with an exit that this "
		     "machine did not ask for",
		     0);
}

/* ---- the thread ---- */

static bool pause_wanted(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->machine->pause_wanted, __ATOMIC_ACQUIRE);
}

static void immediate_exit_set(struct vcpu *vcpu, u8 value)
{
	__atomic_store_n(&vcpu->engine->run->immediate_exit, value,
			 __ATOMIC_RELEASE);
}

static void run_once(struct vcpu *vcpu)
{
	int err = vcpu->engine->ops->run(vcpu->engine);

	if (!err)
		handle_exit(vcpu);
	else if (err != -EINTR && err != -EAGAIN)
		fail(vcpu, "the engine refuses to run the vCPU", err);
}

/*
 * The engine finishes an I/O instruction when it is entered the next time.
 * Before the state may be read or replaced, enter it once more without
 * executing anything. [KVM-API 5 "The kvm_run structure", note on MMIO]
 */
static void finish_exit(struct vcpu *vcpu)
{
	/* An access that spans pages comes in parts; no instruction has more */
	for (u32 parts = 0; parts < 16; parts++) {
		immediate_exit_set(vcpu, 1);
		if (vcpu->engine->ops->run(vcpu->engine))
			return;
		handle_exit(vcpu);
	}
}

/* Waits while paused; false when the thread is to end. */
static bool park(struct vcpu *vcpu)
{
	struct machine *m = vcpu->machine;
	bool go_on;

	mutex_lock(&m->lock);
	vcpu->parked = true;
	m->parked_count++;
	cond_wake_all(&m->changed);
	while ((m->pause_wanted || vcpu->held) && !m->quit_wanted)
		cond_wait(&m->changed, &m->lock);
	vcpu->parked = false;
	m->parked_count--;
	go_on = !m->quit_wanted;
	immediate_exit_set(vcpu, 0);
	mutex_unlock(&m->lock);
	return go_on;
}

/* needs: vcpu: gettid */
static void vcpu_main(void *ctx)
{
	struct vcpu *vcpu = ctx;

	__atomic_store_n(&vcpu->thread_number, gettid(), __ATOMIC_RELAXED);
	while (park(vcpu)) {
		while (!pause_wanted(vcpu))
			run_once(vcpu);
		if (!vcpu->failure)
			finish_exit(vcpu);
	}
}

int vcpu_start(struct vcpu *vcpu)
{
	char name[THREAD_NAME_BYTES_MAX];
	int err;

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	err = thread_start(&vcpu->thread, name, vcpu_main, vcpu);
	vcpu->started = !err;
	return err;
}

void vcpu_kick(struct vcpu *vcpu)
{
	immediate_exit_set(vcpu, 1);
	kick_thread(&vcpu->thread);
}
