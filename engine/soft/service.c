/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU does between blocks of guest code: requests of other threads,
 * timers that are due, signals, and the interrupts that may go in now.
 *
 * Order and blocking rules are those of [SDM3 6.9 "Prioritization of Concurrent
 * Events"]: what is already half delivered, then NMI, then external interrupts.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/block.h"
#include "engine/soft/code_map.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/soft.h"
#include "engine/soft/ticker.h"

/* A sleep's length tells what the next will be like. */
#define TICKER_SLEEP_NS NS_PER_MS	  /* worth stopping the ticker for */
#define LONG_SLEEP_NS	(100 * NS_PER_MS) /* an idle guest's, not a disk's */

static void request_clear(struct soft_vcpu *vcpu, u32 bits)
{
	__atomic_fetch_and(&vcpu->request, ~bits, __ATOMIC_SEQ_CST);
}

static void request_keep(struct soft_vcpu *vcpu, u32 bit, bool on)
{
	if (on)
		__atomic_fetch_or(&vcpu->request, bit, __ATOMIC_RELAXED);
	else
		request_clear(vcpu, bit);
}

/* A signal that run()'s mask lets through and that is not ignored. */
/* needs: vcpu: rt_sigpending */
bool soft_signal_pending(const struct soft_vcpu *vcpu)
{
	sigset_t pending;
	u64 word;

	if (sigpending(&pending))
		return false;
	memcpy(&word, &pending, sizeof(word));
	return word & ~vcpu->old_mask;
}

/* The vCPU that also looks after the PIT: the lowest there is. */
static bool minds_pit(const struct soft_vcpu *vcpu)
{
	for (u32 i = 0; i < vcpu->id; i++)
		if (vcpu->vm->vcpu[i])
			return false;
	return true;
}

u64 soft_next_deadline(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;
	u64 deadline = UINT64_MAX, pit;

	if (!vcpu->has_lapic)
		return deadline;
	mutex_lock(&vm->irq_lock);
	deadline = lapic_timer_deadline_ns(&vcpu->lapic);
	if (vm->irqchip->has_pit && minds_pit(vcpu)) {
		pit = irqchip_pit_deadline_ns(vm->irqchip);
		deadline = MIN(deadline, pit);
	}
	mutex_unlock(&vm->irq_lock);
	return deadline;
}

static void timers_expire(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;
	u64 now;

	if (!vcpu->has_lapic)
		return;
	mutex_lock(&vm->irq_lock);
	now = clock_now_ns();
	if (lapic_timer_deadline_ns(&vcpu->lapic) <= now)
		lapic_timer_expire(&vcpu->lapic, now);
	if (vm->irqchip->has_pit && minds_pit(vcpu) &&
	    irqchip_pit_deadline_ns(vm->irqchip) <= now)
		irqchip_pit_expire(vm->irqchip, now);
	mutex_unlock(&vm->irq_lock);
}

/* INIT and SIPI. [SDM3 8.4.3 "MP Initialization Protocol Algorithm"] */
static void accept_init_sipi(struct soft_vcpu *vcpu, u32 request)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	if (request & REQUEST_INIT) {
		request_clear(vcpu, REQUEST_INIT);
		x86_reset(cpu, true);
		tlb_flush(cpu, true);
		mutex_lock(&vcpu->vm->irq_lock);
		lapic_init_reset(&vcpu->lapic);
		mutex_unlock(&vcpu->vm->irq_lock);
		/* What waited for the old program is not the new one's. */
		vcpu->nmi_pending = 0;
		vcpu->exception_queued = vcpu->interrupt_queued = false;
		vcpu->mp_state = vcpu->lapic.base & LAPIC_BASE_BSP
					 ? KVM_MP_STATE_RUNNABLE
					 : KVM_MP_STATE_INIT_RECEIVED;
	}
	if (request & REQUEST_SIPI) {
		request_clear(vcpu, REQUEST_SIPI);
		if (vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED)
			return;
		cpu->seg[SEG_CS].selector = (u16)(vcpu->sipi_vector << 8);
		cpu->seg[SEG_CS].base = (u64)vcpu->sipi_vector << 12;
		RIP(cpu) = 0;
		x86_mode_update(cpu);
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

static int eoi_exit(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;
	int vector;

	mutex_lock(&vm->irq_lock);
	vector = vector_set_highest(&vcpu->eoi_due);
	if (vector >= 0)
		vector_set_remove(&vcpu->eoi_due, (u8)vector);
	if (vector_set_highest(&vcpu->eoi_due) < 0)
		request_clear(vcpu, REQUEST_EOI_EXIT);
	mutex_unlock(&vm->irq_lock);
	if (vector < 0)
		return 1;
	vcpu->vcpu.run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->vcpu.run->eoi.vector = (u8)vector;
	return 0;
}

/* Lets those who wait for all vCPUs go ahead, and believes no old TLB. */
void soft_sync(struct soft_vcpu *vcpu)
{
	u32 request = __atomic_load_n(&vcpu->request, __ATOMIC_SEQ_CST);

	if (request & REQUEST_PAUSE) {
		request_clear(vcpu, REQUEST_PAUSE);
		soft_guest_leave(vcpu);
		soft_guest_enter(vcpu);
		request = __atomic_load_n(&vcpu->request, __ATOMIC_SEQ_CST);
	}
	if (request & REQUEST_FLUSH) {
		request_clear(vcpu, REQUEST_FLUSH);
		tlb_flush(&vcpu->cpu, true);
		if (vcpu->direct)
			direct_memory_changed(vcpu->direct);
	}
	if (request & REQUEST_CODE) {
		request_clear(vcpu, REQUEST_CODE);
		code_map_serve(vcpu);
	}
}

/*
 * NMIs that came since: while one is served or blocked one more may wait, else
 * two. [SDM3 6.7.1 "Handling Multiple NMIs"], and the kernel's reading of it
 */
static void nmis_take(struct soft_vcpu *vcpu)
{
	u32 queued = __atomic_exchange_n(&vcpu->nmi_queued, 0, __ATOMIC_SEQ_CST);
	u32 most = vcpu->cpu.nmi_blocked ? 1 : 2;

	request_clear(vcpu, REQUEST_NMI);
	vcpu->nmi_pending = (u8)MIN(vcpu->nmi_pending + queued, most);
}

/* Requests that have nothing to do with interrupts. */
static int requests_serve(struct soft_vcpu *vcpu)
{
	u32 request;

	soft_sync(vcpu);
	request = __atomic_load_n(&vcpu->request, __ATOMIC_SEQ_CST);
	if (request & REQUEST_CLOCK) {
		request_clear(vcpu, REQUEST_CLOCK);
		soft_clock_write(vcpu);
	}
	if (request & REQUEST_TRIPLE) {
		request_clear(vcpu, REQUEST_TRIPLE);
		vcpu->vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	}
	if (request & REQUEST_NMI)
		nmis_take(vcpu);
	if (request & (REQUEST_INIT | REQUEST_SIPI))
		accept_init_sipi(vcpu, request);
	return request & REQUEST_EOI_EXIT ? eoi_exit(vcpu) : 1;
}

/* External interrupts can go in now. */
static bool interrupts_open(const struct soft_vcpu *vcpu)
{
	return (vcpu->cpu.rflags & RFLAGS_IF) && !vcpu->cpu.shadow;
}

bool soft_interrupt_window(struct soft_vcpu *vcpu)
{
	return !vcpu->vm->irqchip
		       ? interrupts_open(vcpu) && vcpu->extint < 0 &&
				 !vcpu->exception_queued &&
				 !vcpu->interrupt_queued
		       : vcpu->vm->split && interrupts_open(vcpu) &&
				 vcpu->lapic.extint == LAPIC_NO_EXTINT &&
				 lapic_accepts_extint(&vcpu->lapic);
}

static bool irq_pending(struct soft_vcpu *vcpu)
{
	bool pending;

	if (!vcpu->has_lapic)
		return vcpu->extint >= 0;
	mutex_lock(&vcpu->vm->irq_lock);
	pending = irqchip_has_interrupt(vcpu->vm->irqchip, vcpu->id);
	mutex_unlock(&vcpu->vm->irq_lock);
	return pending;
}

/* Takes the vector out of where it waits, or -1. */
static int irq_accept(struct soft_vcpu *vcpu)
{
	int vector;

	if (!vcpu->has_lapic) {
		vector = vcpu->extint;
		vcpu->extint = -1;
		return vector;
	}
	mutex_lock(&vcpu->vm->irq_lock);
	vector = irqchip_accept(vcpu->vm->irqchip, vcpu->id);
	mutex_unlock(&vcpu->vm->irq_lock);
	return vector;
}

static int delivered(struct soft_vcpu *vcpu, int rc)
{
	vcpu->cpu.stop = 0;
	if (rc != X86_SHUTDOWN)
		return 1;
	vcpu->vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/* A debugger that steps wants the next instruction, not a handler's first. */
static bool debugger_blocks(const struct soft_vcpu *vcpu)
{
	return vcpu->cpu.debug_guest & KVM_GUESTDBG_BLOCKIRQ;
}

/* An INT3 that is given back to the guest is still before it. */
static int exception_inject(struct soft_vcpu *vcpu)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	vcpu->exception_queued = false;
	if (cpu->exception.software) {
		cpu->insn_len = 1;
		RIP(cpu) += 1;
	}
	return delivered(vcpu, exception_deliver(cpu));
}

/* At most one event goes in; the rest waits behind a window. */
static int inject(struct soft_vcpu *vcpu)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	cpu->insn_len = 0; /* between instructions */
	if (vcpu->exception_queued)
		return exception_inject(vcpu);
	if (vcpu->interrupt_queued) {
		vcpu->interrupt_queued = false;
		return delivered(
			vcpu, interrupt_deliver(cpu, vcpu->interrupt_vector));
	}
	if (debugger_blocks(vcpu))
		return 1;
	if (vcpu->nmi_pending && !cpu->nmi_blocked && !cpu->shadow) {
		vcpu->nmi_pending--;
		return delivered(vcpu, nmi_deliver(cpu));
	}
	if (vcpu->irq_waits && interrupts_open(vcpu)) {
		int vector = irq_accept(vcpu);

		vcpu->irq_waits = false;
		request_keep(vcpu, REQUEST_EVENT, true);
		/* It may tell of code that the client put into memory. */
		if (vcpu->translator)
			translator_begin(vcpu->translator);
		if (vector >= 0)
			return delivered(vcpu,
					 interrupt_deliver(cpu, (u8)vector));
	}
	return 1;
}

static int interrupts_serve(struct soft_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->vcpu.run;
	int rc;

	request_clear(vcpu, REQUEST_EVENT);
	vcpu->irq_waits = irq_pending(vcpu);
	rc = inject(vcpu);
	if (rc <= 0)
		return rc;
	request_keep(vcpu, REQUEST_WINDOW,
		     vcpu->irq_waits || vcpu->nmi_pending ||
			     run->request_interrupt_window);
	if (run->request_interrupt_window && soft_interrupt_window(vcpu)) {
		run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		return 0;
	}
	return 1;
}

int soft_service(struct soft_vcpu *vcpu)
{
	u32 request = __atomic_load_n(&vcpu->request, __ATOMIC_RELAXED);
	int rc;

	translator_fpu_sync(vcpu);
	if (vcpu->budget <= 0 || (request & REQUEST_POLL)) {
		request_clear(vcpu, REQUEST_POLL);
		if (vcpu->translator) /* nor may code stay old for long */
			translator_begin(vcpu->translator);
		if (vcpu->direct && (request & REQUEST_POLL))
			direct_sample(vcpu->direct);
		if (soft_signal_pending(vcpu) || vcpu->interrupted) {
			vcpu->interrupted = false;
			vcpu->vcpu.run->exit_reason = KVM_EXIT_INTR;
			return -EINTR;
		}
		timers_expire(vcpu);
	}
	rc = requests_serve(vcpu);
	if (rc <= 0)
		return rc;
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE)
		return soft_halt(vcpu);
	return interrupts_serve(vcpu);
}

/* Something that ends the wait, whatever the state waits for. */
static bool wake_reason(struct soft_vcpu *vcpu)
{
	u32 request = __atomic_load_n(&vcpu->request, __ATOMIC_SEQ_CST);

	if (vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return request & (REQUEST_SIPI | REQUEST_INIT);
	if (vcpu->mp_state == KVM_MP_STATE_UNINITIALIZED)
		return request & REQUEST_INIT;
	if (request &
	    (REQUEST_INIT | REQUEST_NMI | REQUEST_EOI_EXIT | REQUEST_TRIPLE))
		return true;
	if (vcpu->nmi_pending && !vcpu->cpu.nmi_blocked)
		return true;
	if (vcpu->exception_queued || vcpu->interrupt_queued)
		return true;
	return interrupts_open(vcpu) && irq_pending(vcpu);
}

/* needs: vcpu: ppoll read */
int soft_poll(struct soft_vcpu *vcpu, struct pollfd *fds, u32 count,
	      u64 deadline)
{
	u64 now = clock_now_ns(), left = deadline > now ? deadline - now : 0;
	struct timespec time = {.tv_sec = (time_t)(left / NS_PER_S),
				.tv_nsec = (long)(left % NS_PER_S)};
	u64 value;
	sigset_t mask;
	int n;

	fds[0] = (struct pollfd){.fd = vcpu->wake_fd, .events = POLLIN};
	(void)sigemptyset(&mask); /* cannot fail */
	memcpy(&mask, &vcpu->old_mask, sizeof(vcpu->old_mask));
	n = ppoll(fds, count, deadline == UINT64_MAX ? NULL : &time, &mask);
	if (n < 0)
		return errno == EINTR ? -EINTR : 0;
	if (fds[0].revents) /* drain; EAGAIN is as good */
		(void)!read(vcpu->wake_fd, &value, sizeof(value));
	return n;
}

/* Sleeps until the deadline, a request or a signal: -EINTR for that. */
static int wait_once(struct soft_vcpu *vcpu, u64 deadline)
{
	u64 now = clock_now_ns();
	struct pollfd fd;
	int n = soft_poll(vcpu, &fd, 1, deadline);

	vcpu->slept_ns = clock_now_ns() - now;
	return n < 0 ? n : 1;
}

/* Sleeps until something ends the wait: 1, or -EINTR. */
static int sleep_until_event(struct soft_vcpu *vcpu)
{
	bool woken;
	int rc = 1;

	soft_guest_leave(vcpu);
	if (vcpu->slept_ns > TICKER_SLEEP_NS && vcpu->vm->ticker)
		ticker_rest(vcpu->vm->ticker);
	if (vcpu->slept_ns > LONG_SLEEP_NS && vcpu->translator)
		block_cache_trim(vcpu->blocks);
	if (vcpu->slept_ns > LONG_SLEEP_NS && vcpu->direct)
		direct_rest(vcpu->direct);
	do {
		timers_expire(vcpu); /* awake: it need not write to wake_fd */
		__atomic_store_n(&vcpu->sleeping, true, __ATOMIC_SEQ_CST);
		woken = wake_reason(vcpu);
		if (!woken)
			rc = wait_once(vcpu, soft_next_deadline(vcpu));
		__atomic_store_n(&vcpu->sleeping, false, __ATOMIC_SEQ_CST);
	} while (!woken && rc > 0);
	soft_guest_enter(vcpu);
	request_keep(vcpu, REQUEST_EVENT, true);
	return rc;
}

/*
 * HLT, and the states before SIPI. Without a LAPIC in the engine HLT is the
 * client's: KVM_EXIT_HLT. A vCPU that was never started answers -EAGAIN once
 * INIT has come, as the kernel's does: the client calls again.
 */
int soft_halt(struct soft_vcpu *vcpu)
{
	bool unborn = vcpu->mp_state == KVM_MP_STATE_UNINITIALIZED;
	int rc;

	if (!vcpu->has_lapic) {
		vcpu->vcpu.run->exit_reason = KVM_EXIT_HLT;
		return 0;
	}
	if (vcpu->mp_state == KVM_MP_STATE_RUNNABLE)
		vcpu->mp_state = KVM_MP_STATE_HALTED;
	do {
		rc = sleep_until_event(vcpu);
		if (rc < 0) {
			vcpu->vcpu.run->exit_reason = KVM_EXIT_INTR;
			return rc;
		}
		if (vcpu->mp_state == KVM_MP_STATE_HALTED)
			vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		else
			rc = requests_serve(vcpu);
		if (rc <= 0)
			return rc;
	} while (vcpu->mp_state != KVM_MP_STATE_RUNNABLE && !unborn);
	return unborn ? -EAGAIN : 1;
}
