/* SPDX-License-Identifier: MIT */
/* Signals: the client's handlers, masks and stacks, kicks out of KVM_RUN. */
#define _GNU_SOURCE
#include "tests/preload/client.h"

#include <sys/signalfd.h>

static volatile sig_atomic_t calls;
static volatile int last_signal, last_code;
static void *volatile last_address;
static volatile bool was_blocked[65];
static volatile uintptr_t handler_stack;
static u8 *hole;	 /* a page that the handler makes writable */
static int handler_vcpu; /* a vCPU that the handler asks */
static sigjmp_buf away;

static void on_kick(int number)
{
	last_signal = number;
	calls++;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	sigset_t mask;
	u8 here;

	(void)context;
	last_signal = number;
	last_code = info->si_code;
	last_address = info->si_addr;
	handler_stack = (uintptr_t)&here;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int i = 1; i < 65; i++)
		was_blocked[i] = sigismember(&mask, i) == 1;
	calls++;
	if (hole && (u8 *)info->si_addr - hole < (long)PAGE)
		mprotect(hole, PAGE, PROT_READ | PROT_WRITE);
}

static void reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	calls = 0;
	last_signal = last_code = 0;
	hole = NULL;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | flags};

	sigaddset(&action.sa_mask, SIGUSR2);
	check_ok(sigaction(number, &action, NULL));
}

static void touch_hole(void)
{
	hole = pages(PAGE);
	check_ok(mprotect(hole, PAGE, PROT_NONE));
	*(volatile u8 *)hole = 1;
}

static void check_handled(void)
{
	int before = calls;

	touch_hole();
	check_eq(calls, before + 1);
	check_eq(last_signal, SIGSEGV);
	check_eq(last_code, SEGV_ACCERR);
	check(last_address == hole);
	munmap(hole, PAGE);
	hole = NULL;
}

/* --- faults that are the client's --- */

TEST(a_handler_of_before_is_called_for_its_own_faults)
{
	struct client c;

	reset();
	handle(SIGSEGV, 0);
	c = client_new(guest_ports, sizeof(guest_ports));
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_handled();
	expect_port(&c, KVM_EXIT_IO_IN, 0x11);
	client_free(&c);
	reset();
}

TEST(a_handler_of_later_is_called_and_told_back)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct sigaction old;

	reset();
	check_ok(sigaction(SIGSEGV, NULL, &old));
	check(old.sa_handler == SIG_DFL);
	handle(SIGSEGV, SA_RESTART);
	check_ok(sigaction(SIGSEGV, NULL, &old));
	check(old.sa_sigaction == on_fault);
	check_eq(old.sa_flags & (SA_SIGINFO | SA_RESTART | SA_ONSTACK),
		 SA_SIGINFO | SA_RESTART);
	check(sigismember(&old.sa_mask, SIGUSR2));
	check_handled();
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_handled();
	client_free(&c);
	reset();
}

TEST(the_handlers_mask_is_in_force_and_gone_afterwards)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	sigset_t mask;

	reset();
	handle(SIGSEGV, 0);
	check_handled();
	check(was_blocked[SIGSEGV] && was_blocked[SIGUSR2]);
	check(!was_blocked[SIGUSR1] && !was_blocked[SIGBUS]);
	handle(SIGSEGV, SA_NODEFER);
	check_handled();
	check(!was_blocked[SIGSEGV] && was_blocked[SIGUSR2]);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	check(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGUSR2));
	client_free(&c);
	reset();
}

TEST(a_one_shot_handler_is_called_once)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct sigaction old;

	reset();
	handle(SIGSEGV, (int)SA_RESETHAND);
	check_handled();
	check_ok(sigaction(SIGSEGV, NULL, &old));
	check(old.sa_handler == SIG_DFL);
	client_free(&c);
	reset();
}

TEST(the_old_calls_set_and_tell_handlers_too)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct sigaction old;

	reset();
	check(signal(SIGSEGV, on_kick) == SIG_DFL);
	check(signal(SIGSEGV, SIG_IGN) == on_kick);
	check(sysv_signal(SIGSEGV, on_kick) == SIG_IGN);
	check_ok(sigaction(SIGSEGV, NULL, &old));
	check_eq(old.sa_flags & (SA_RESTART | SA_NODEFER), SA_NODEFER);
	check(signal(SIGSEGV, on_kick) == on_kick);
	check_ok(sigaction(SIGSEGV, NULL, &old));
	check(old.sa_handler == on_kick && old.sa_flags & SA_RESTART);
	check_eq(raise(SIGSEGV), 0);
	check_eq(calls, 1);
	check_errno(sigaction(SIGKILL, &old, NULL), EINVAL);
	check_errno(sigaction(0, &old, NULL), EINVAL);
	client_free(&c);
	reset();
}

static u8 *volatile wild_place = NOWHERE;

static int wild(void *ctx)
{
	(void)ctx;
	signal(SIGSEGV, SIG_DFL);
	*wild_place = 1;
	return 0;
}

static int wild_ignored(void *ctx)
{
	(void)ctx;
	signal(SIGSEGV, SIG_IGN);
	raise(SIGSEGV);	 /* passes */
	*wild_place = 1; /* does not */
	return 0;
}

static int killed(void *ctx)
{
	(void)ctx;
	signal(SIGBUS, SIG_DFL);
	raise(SIGBUS);
	return 0;
}

TEST(without_a_handler_a_fault_kills)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	reset();
	check_eq(in_child(wild, NULL), -SIGSEGV);
	check_eq(in_child(wild_ignored, NULL), -SIGSEGV);
	check_eq(in_child(killed, NULL), -SIGBUS);
	client_free(&c);
}

static void on_division(int number)
{
	last_signal = number;
	siglongjmp(away, 1);
}

TEST(a_division_by_zero_is_the_clients)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	const struct sigaction action = {.sa_handler = on_division};
	volatile int zero = 0;

	reset();
	check_ok(sigaction(SIGFPE, &action, NULL));
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	if (!sigsetjmp(away, 1))
		zero = 1000 / zero;
	check_eq(last_signal, SIGFPE);
	check_eq(zero, 0);
	expect_port(&c, KVM_EXIT_IO_IN, 0x11);
	signal(SIGFPE, SIG_DFL);
	client_free(&c);
	reset();
}

/* --- stacks --- */

TEST(handlers_run_on_the_stack_that_they_asked_for)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	const size_t size = 64 * 1024;
	stack_t mine = {.ss_sp = pages(size), .ss_size = size}, now;
	uintptr_t low = (uintptr_t)mine.ss_sp;

	reset();
	check_ok(sigaltstack(&mine, NULL));
	handle(SIGSEGV, 0);
	check_handled();
	check(handler_stack - low >= size);
	handle(SIGSEGV, SA_ONSTACK);
	check_handled();
	check(handler_stack - low < size);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_ok(sigaltstack(NULL, &now));
	check(now.ss_sp == mine.ss_sp && now.ss_size == size);
	check_eq(now.ss_flags, 0);
	mine.ss_flags = SS_DISABLE;
	check_ok(sigaltstack(&mine, NULL));
	munmap((void *)low, size);
	client_free(&c);
	reset();
}

/* --- faults that are the guest's --- */

/* mov %al, 0x3000: in a slot whose memory is not there */
static const u8 guest_hole[] = {0xa2, 0x00, 0x30, 0xf4};

static void check_hole_is_efault(void)
{
	struct client c = client_new(guest_hole, sizeof(guest_hole));
	u8 *gone = pages(PAGE);
	int before = calls;

	check_ok(munmap(gone, PAGE));
	check_ok(slot_set(c.vm, 1, 0x3000, PAGE, gone));
	for (u32 i = 0; i < 3; i++) {
		start_at(c.vcpu, 0x1000);
		check_errno(ioctl(c.vcpu, KVM_RUN, 0), EFAULT);
	}
	check_eq(calls, before);
	client_free(&c);
}

TEST(memory_that_is_not_there_is_efault_whoever_handles_faults)
{
	need_preload(); /* a KVM without hardware tells an internal error */
	reset();
	check_hole_is_efault();
	handle(SIGSEGV, 0);
	handle(SIGBUS, 0);
	check_hole_is_efault();
	check_handled();
	check(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
	check_hole_is_efault();
	reset();
	check_hole_is_efault();
}

TEST(memory_that_is_not_there_is_efault_with_every_signal_blocked)
{
	sigset_t all, now;

	need_preload();
	reset();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	check_hole_is_efault();
	sigprocmask(SIG_BLOCK, NULL, &now);
	check(sigismember(&now, SIGSEGV) && sigismember(&now, SIGUSR1));
	reset();
}

/* --- kicks --- */

static void check_kicked(struct client *c, int number)
{
	struct kicker kicker;
	long rc;
	int err;

	calls = 0;
	start_at(c->vcpu, 0x1000);
	kicker_start(&kicker, number);
	rc = ioctl(c->vcpu, KVM_RUN, 0);
	err = errno;
	kicker_stop(&kicker);
	check_eq(rc, -1);
	check_eq(err, EINTR);
	check_eq(c->run->exit_reason, KVM_EXIT_INTR);
}

TEST(a_handler_that_does_nothing_ends_a_run_with_interrupts_off)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const struct sigaction action = {.sa_handler = on_kick};
	const struct sigaction again = {.sa_handler = on_kick,
					.sa_flags = SA_RESTART};

	reset();
	check_ok(sigaction(SIGUSR1, &action, NULL));
	check_kicked(&c, SIGUSR1);
	check(calls > 0 && last_signal == SIGUSR1);
	check_ok(sigaction(SIGRTMIN + 3, &again, NULL));
	check_kicked(&c, SIGRTMIN + 3);
	check(calls > 0);
	client_free(&c);
}

static void set_mask(int vcpu, const sigset_t *mask)
{
	union {
		struct kvm_signal_mask head;
		u8 bytes[sizeof(struct kvm_signal_mask) + 8];
	} arg = {.head.len = 8};

	if (mask)
		memcpy(arg.head.sigset, mask, 8);
	check_ok(ioctl(vcpu, KVM_SET_SIGNAL_MASK, mask ? &arg : NULL));
	arg.head.len = 16;
	check_errno(ioctl(vcpu, KVM_SET_SIGNAL_MASK, &arg), EINVAL);
}

/* The signal stays blocked for the thread: it ends the run and waits. */
TEST(the_masks_signal_ends_the_run_and_stays_pending)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const struct sigaction action = {.sa_handler = on_kick};
	sigset_t blocked, open, pending;
	int number;

	reset();
	check_ok(sigaction(SIGUSR1, &action, NULL));
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigemptyset(&open);
	set_mask(c.vcpu, &open);
	/* Atomic: it is there before the run is entered. */
	pthread_kill(pthread_self(), SIGUSR1);
	check_errno(ioctl(c.vcpu, KVM_RUN, 0), EINTR);
	check_errno(ioctl(c.vcpu, KVM_RUN, 0), EINTR);
	check_eq(calls, 0);
	sigpending(&pending);
	check(sigismember(&pending, SIGUSR1));
	check_eq(sigwait(&blocked, &number), 0);
	check_eq(number, SIGUSR1);
	check_kicked(&c, SIGUSR1);
	check_eq(calls, 0);
	check_eq(sigwait(&blocked, &number), 0);
	reset();
	set_mask(c.vcpu, NULL);
	client_free(&c);
}

/* And what it blocks does not end the run, though the thread would take it. */
TEST(a_signal_that_the_mask_blocks_waits_for_the_end_of_the_run)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	const struct sigaction action = {.sa_handler = on_kick};
	sigset_t blocked;

	reset();
	check_ok(sigaction(SIGUSR1, &action, NULL));
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	set_mask(c.vcpu, &blocked);
	pthread_kill(pthread_self(), SIGUSR1);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_eq(calls, 0);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	check_eq(calls, 1);
	client_free(&c);
	reset();
}

TEST(immediate_exit_completes_what_is_pending_and_runs_nothing)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct kvm_regs regs;

	reset();
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	*expect_port(&c, KVM_EXIT_IO_IN, 0x11) = 0x77;
	c.run->immediate_exit = 1;
	check_errno(ioctl(c.vcpu, KVM_RUN, 0), EINTR);
	check_ok(ioctl(c.vcpu, KVM_GET_REGS, &regs));
	check_eq(regs.rax & 0xff, 0x77);
	check_eq(regs.rip, 0x1004);
	c.run->immediate_exit = 0;
	check_eq(*expect_port(&c, KVM_EXIT_IO_OUT, 0x12), 0x77);
	client_free(&c);
}

/* --- what a handler may do --- */

static void on_kick_ask(int number)
{
	struct kvm_regs regs;

	last_signal = number;
	if (!ioctl(handler_vcpu, KVM_GET_REGS, &regs) && regs.rip > 0x1000 &&
	    !ioctl(handler_vcpu, KVM_SET_REGS, &regs))
		calls++;
}

TEST(a_handler_may_call_the_same_vcpu)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const struct sigaction action = {.sa_handler = on_kick_ask};

	reset();
	handler_vcpu = c.vcpu;
	check_ok(sigaction(SIGUSR1, &action, NULL));
	check_kicked(&c, SIGUSR1);
	check(calls > 0);
	client_free(&c);
}

static void on_kick_jump(int number)
{
	(void)number;
	siglongjmp(away, 1);
}

TEST(a_handler_may_jump_out_of_a_run)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const struct sigaction action = {.sa_handler = on_kick_jump};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct kvm_regs regs;
	struct kicker kicker;

	reset();
	check_ok(sigaction(SIGUSR1, &action, NULL));
	for (volatile int i = 0; i < 3; i++) {
		start_at(c.vcpu, 0x1000);
		if (!sigsetjmp(away, 1)) {
			kicker_start(&kicker, SIGUSR1);
			ioctl(c.vcpu, KVM_RUN, 0);
			test_fail("the handler did not jump");
		}
		check_ok(sigaction(SIGUSR1, &ignore, NULL));
		kicker_stop(&kicker);
		check_ok(sigaction(SIGUSR1, &action, NULL));
		check_ok(ioctl(c.vcpu, KVM_GET_REGS, &regs));
		check(regs.rip > 0x1000);
	}
	client_free(&c);
}

/* --- the engine's signals, sent by somebody --- */

TEST(a_sent_sigsegv_is_a_kick_like_any_other)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));

	reset();
	handle(SIGSEGV, 0);
	check_kicked(&c, SIGSEGV);
	check(calls > 0);
	check_eq(last_code, SI_TKILL);
	handle(SIGBUS, 0);
	check_kicked(&c, SIGBUS);
	check_eq(last_signal, SIGBUS);
	client_free(&c);
	reset();
}

TEST(a_sent_sigsegv_that_is_blocked_waits)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	sigset_t blocked, pending;

	reset();
	handle(SIGSEGV, 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGSEGV);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	pthread_kill(pthread_self(), SIGSEGV);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_eq(calls, 0);
	sigpending(&pending);
	check(sigismember(&pending, SIGSEGV));
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	check_eq(calls, 1);
	client_free(&c);
	reset();
}

/* Two vCPUs run, fault and are kicked at once, the main thread faults too. */
struct worker {
	pthread_t thread;
	struct client client;
	bool stop; /* atomic */
	u32 efaults, kicks, others;
};

static void *worker_main(void *ctx)
{
	struct worker *w = ctx;
	/* Kept, or the main thread would be given the place. */
	void *gone =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	slot_set(w->client.vm, 1, 0x3000, PAGE, gone);
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		start_at(w->client.vcpu, 0x1000);
		if (!ioctl(w->client.vcpu, KVM_RUN, 0))
			w->others++;
		else if (errno == EFAULT)
			w->efaults++;
		else if (errno == EINTR)
			w->kicks++;
		else
			w->others++;
	}
	return NULL;
}

TEST(faults_of_guests_and_client_do_not_mix)
{
	struct worker w[2] = {0};
	const struct sigaction action = {.sa_handler = on_kick};

	need_preload();
	reset();
	handle(SIGSEGV, 0);
	check_ok(sigaction(SIGUSR1, &action, NULL));
	for (u32 i = 0; i < 2; i++) {
		w[i].client = client_new(guest_hole, sizeof(guest_hole));
		check_eq(pthread_create(&w[i].thread, NULL, worker_main, &w[i]),
			 0);
	}
	for (u32 i = 0; i < 500; i++) {
		touch_hole();
		munmap(hole, PAGE);
		pthread_kill(w[i & 1].thread, SIGUSR1);
	}
	for (u32 i = 0; i < 2; i++) {
		__atomic_store_n(&w[i].stop, true, __ATOMIC_RELEASE);
		pthread_join(w[i].thread, NULL);
		check(w[i].efaults > 0);
		check_eq(w[i].others, 0);
		client_free(&w[i].client);
	}
	reset();
}
