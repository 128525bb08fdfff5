/* SPDX-License-Identifier: MIT */
/* See stub.h; the other side is stub.S. */
#include "engine/soft/direct/stub.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/raw.h"

#define USER_TOP	0x7ffffffff000ull
#define WINDOW_LOW	0x100000000000ull /* where windows may be: nothing that */
#define WINDOW_HIGH	0x500000000000ull /* loaders and allocators like */
#define WINDOW_ALIGN	(2 * MiB)
#define BIRTH_WAIT_MS	5000
#define ORDERS_WAIT_MS	10000
#define RSEQ_BYTES_MIN	32u /* what was registered, at least */
#define HWCAP2_FSGSBASE 2u
#define AUTODISARM	(1u << 31) /* SS_AUTODISARM, a sign bit in libc's eyes */

/* SECCOMP_IOCTL_NOTIF_SET_FLAGS, which headers before Linux 6.6 lack: who asks
 * runs where he is answered, and the other way round. */
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, u64)

/* Signals that end a turn of guest code: the CPU's, seccomp's, the kick. */
static const int stopping[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE,
			       SIGTRAP, SIGSYS, SIGUSR1};

struct stub {
	u64 address;  /* of the window in the stub */
	u8 *window;   /* owned: the same here */
	pid_t pid;    /* owned: a child to be reaped; 0: none */
	int process;  /* owned: a pidfd of it, by which it gets its signals */
	int watch[2]; /* owned: the listeners, guest and mapping thread */
	u64 asked[2]; /* their questions to be answered */
	bool stopped; /* the guest thread is */
	u64 context;  /* where its frame is, always */
	u32 orders;
	int failed;   /* of the orders run early */
	bool started; /* the mapping thread has not been heard of since */
};

struct order {
	u64 number, arg[6];
};
_Static_assert(sizeof(struct order) == ORDER_BYTES, "stub.S counts on it");
_Static_assert(offsetof(struct stub_guest, ready) == GUEST_READY &&
		       offsetof(struct stub_guest, ds) == GUEST_DS &&
		       offsetof(struct stub_guest, watch) == GUEST_WATCH_A,
	       "stub.S counts on it");

bool stub_possible(void)
{
	struct seccomp_notif_sizes sizes;

	return (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) &&
	       !syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) &&
	       sizes.seccomp_notif == sizeof(struct seccomp_notif) &&
	       sizes.seccomp_notif_resp == sizeof(struct seccomp_notif_resp);
}

/* ---- filters ---- */

#define LOAD(field)                       \
	((struct sock_filter)BPF_STMT(    \
		BPF_LD | BPF_W | BPF_ABS, \
		(u32)offsetof(struct seccomp_data, field)))
#define LOAD_HIGH(field)                  \
	((struct sock_filter)BPF_STMT(    \
		BPF_LD | BPF_W | BPF_ABS, \
		(u32)offsetof(struct seccomp_data, field) + 4))
#define ANSWER(what) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what))

struct program {
	struct sock_filter insn[64];
	u16 count;
};

static void add(struct program *p, struct sock_filter insn)
{
	assert(p->count < ARRAY_SIZE(p->insn));
	p->insn[p->count++] = insn;
}

/* Skips `over` instructions unless the word loaded is `value`. */
static void unless(struct program *p, u32 value, u8 over)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0,
					    over));
}

/* The 64-bit call `number`, made at `address`, gets `answer`. */
static void rule(struct program *p, u32 number, u64 address, u32 answer)
{
	add(p, LOAD(arch));
	unless(p, AUDIT_ARCH_X86_64, 7);
	add(p, LOAD(nr));
	unless(p, number, 5);
	add(p, LOAD(instruction_pointer));
	unless(p, (u32)address, 3);
	add(p, LOAD_HIGH(instruction_pointer));
	unless(p, (u32)(address >> 32), 1);
	add(p, ANSWER(answer));
}

static void program_place(struct stub *stub, u32 header, u32 *at,
			  const struct program *p)
{
	struct sock_fprog head = {
		.len = p->count,
		.filter = (void *)(uintptr_t)(stub->address + *at),
	};
	u32 bytes = p->count * (u32)sizeof(p->insn[0]);

	assert(*at + bytes <= STUB_GUEST);
	memcpy(stub->window + header, &head, sizeof(head));
	memcpy(stub->window + *at, p->insn, bytes);
	*at += bytes;
}

static u64 place_of(const struct stub *stub, const u8 *label)
{
	return stub->address + (u64)(label - stub_begin);
}

/*
 * Two filters for each thread, of which the stricter answer counts. The watch has
 * the listener and must let the thread shut itself in; the cage lets nothing else
 * pass. What the cage of the mapping thread lets pass is checked by number only:
 * nobody but it runs under this filter, and it runs nothing but stub.S.
 */
static void filters_write(struct stub *stub)
{
	u64 guest = place_of(stub, stub_guest_asked),
	    maps = place_of(stub, stub_maps_asked);
	static const u32 orders[] = {SYS_mmap, SYS_munmap};
	struct program p = {};
	u32 at = BIRTH_PROGRAMS;

	rule(&p, STUB_ASK, guest, SECCOMP_RET_USER_NOTIF);
	add(&p, ANSWER(SECCOMP_RET_ALLOW));
	program_place(stub, BIRTH_WATCH_GUEST, &at, &p);

	p.count = 0;
	rule(&p, STUB_ASK, guest, SECCOMP_RET_ALLOW);
	rule(&p, SYS_rt_sigreturn, place_of(stub, stub_returned),
	     SECCOMP_RET_ALLOW);
	add(&p, ANSWER(SECCOMP_RET_TRAP));
	program_place(stub, BIRTH_CAGE_GUEST, &at, &p);

	p.count = 0;
	rule(&p, STUB_ASK, maps, SECCOMP_RET_USER_NOTIF);
	add(&p, ANSWER(SECCOMP_RET_ALLOW));
	program_place(stub, BIRTH_WATCH_MAPS, &at, &p);

	p.count = 0;
	rule(&p, STUB_ASK, maps, SECCOMP_RET_ALLOW);
	add(&p, LOAD(nr));
	for (u32 i = 0; i < ARRAY_SIZE(orders); i++) {
		unless(&p, orders[i], 1);
		add(&p, ANSWER(SECCOMP_RET_ALLOW));
	}
	add(&p, ANSWER(SECCOMP_RET_KILL_PROCESS));
	program_place(stub, BIRTH_CAGE_MAPS, &at, &p);
}

/* ---- birth: in the child, with no memory of the C library touched ---- */

/* As the kernel has it; libc's is another. */
struct kernel_sigaction {
	u64 handler, flags, restorer, mask;
};

#define RESTORER 0x04000000ull

/* All stay blocked until there is a second thread, which leaves them so. */
static bool signals_set(u64 handler)
{
	struct kernel_sigaction action = {
		.handler = handler,
		.flags = SA_SIGINFO | SA_ONSTACK | RESTORER,
		.restorer = handler, /* the handler returns by itself */
		.mask = ~0ull,
	};

	for (u32 i = 0; i < ARRAY_SIZE(stopping); i++)
		if (raw_call(SYS_rt_sigaction, (u64)stopping[i],
			     (u64)(uintptr_t)&action, 0, 8, 0, 0))
			return false;
	return true;
}

struct birth {
	u64 address, handler, start;
	u64 rseq; /* the thread's area, 0: not registered */
	int window_fd;
	pid_t parent;
};

static bool window_map(const struct birth *b)
{
	static const struct {
		u32 offset, bytes;
		int prot;
	} part[] = {
		{0, STUB_CODE_BYTES, PROT_READ | PROT_EXEC},
		{STUB_ORDERS, STUB_ORDERS_BYTES, PROT_READ},
		{STUB_GUEST, STUB_GUEST_BYTES, PROT_READ | PROT_WRITE},
	};

	for (u32 i = 0; i < ARRAY_SIZE(part); i++) {
		u64 at = b->address + part[i].offset;

		if (raw_call(SYS_mmap, at, part[i].bytes, (u64)part[i].prot,
			     MAP_SHARED | MAP_FIXED_NOREPLACE,
			     (u64)b->window_fd, part[i].offset) != (long)at)
			return false;
	}
	return true;
}

static bool signal_stack_set(const struct birth *b)
{
	stack_t stack = {
		.ss_sp = (void *)(uintptr_t)(b->address + STUB_GUEST +
					     GUEST_HEAD),
		.ss_size = STUB_GUEST_BYTES - GUEST_HEAD,
		.ss_flags = (int)AUTODISARM,
	};

	return !raw_call(SYS_sigaltstack, (u64)(uintptr_t)&stack, 0, 0, 0, 0, 0);
}

/*
 * The child of a clone; never returns. What it calls goes through the filter of
 * the vCPU thread, whose child it is: needs: vcpu: prctl:PR_SET_PDEATHSIG getppid
 * prctl:PR_SET_NO_NEW_PRIVS prctl:PR_SET_DUMPABLE prctl:PR_SET_NAME rseq mmap
 * rt_sigaction sigaltstack exit_group?
 */
static void child_run(const struct birth *b)
{
	bool fine = !raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0) &&
		    raw_call(SYS_getppid, 0, 0, 0, 0, 0, 0) == b->parent &&
		    !raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);

	/* Who has the same user may not look into the guest's memory here. */
	(void)raw_call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
	(void)raw_call(SYS_prctl, PR_SET_NAME, (u64)(uintptr_t) "keel-stub", 0,
		       0, 0, 0);
	if (fine && b->rseq)
		fine = !raw_call(SYS_rseq, b->rseq,
				 MAX(__rseq_size, RSEQ_BYTES_MIN),
				 RSEQ_FLAG_UNREGISTER, RSEQ_SIG, 0, 0);
	if (fine && window_map(b) && signals_set(b->handler) &&
	    signal_stack_set(b))
		((void (*)(void))(uintptr_t)b->start)();
	(void)raw_call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
	__builtin_trap();
}

/* ---- birth: in the monitor ---- */

static struct stub_guest *guest_of(const struct stub *stub)
{
	return (void *)(stub->window + STUB_GUEST);
}

static bool dead(struct stub *stub)
{
	siginfo_t info = {};

	if (!stub->pid)
		return true;
	if (waitid(P_PID, (id_t)stub->pid, &info, WEXITED | WNOHANG | __WALL) ||
	    info.si_pid == stub->pid)
		stub->pid = 0;
	return !stub->pid;
}

/* Receives a thread's question, which is there, or the thread is not. */
/* needs: vcpu: ioctl:SECCOMP_IOCTL_NOTIF_RECV */
static int question_take(struct stub *stub, u32 thread, s64 *ret_argument)
{
	struct seccomp_notif question;
	int rc;

	memset(&question, 0, sizeof(question));
	do
		rc = ioctl(stub->watch[thread], SECCOMP_IOCTL_NOTIF_RECV,
			   &question);
	while (rc && errno == EINTR);
	if (rc)
		return trace_err(errno == ENOENT ? -ESRCH : -errno);
	stub->asked[thread] = question.id;
	if (ret_argument)
		*ret_argument = (s64)question.data.args[0];
	return 0;
}

/* needs: vcpu: ioctl:SECCOMP_IOCTL_NOTIF_SEND */
static int question_answer(struct stub *stub, u32 thread, s64 value)
{
	struct seccomp_notif_resp response = {.id = stub->asked[thread],
					      .val = value};

	if (ioctl(stub->watch[thread], SECCOMP_IOCTL_NOTIF_SEND, &response))
		return trace_err(-errno);
	return 0;
}

/* Waits for a question that must come soon. */
/* needs: vcpu: poll */
static int question_wait(struct stub *stub, u32 thread, s64 *ret_argument,
			 int limit_ms)
{
	struct pollfd poll_for = {.fd = stub->watch[thread], .events = POLLIN};
	int rc;

	do
		rc = poll(&poll_for, 1, limit_ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return trace_err(rc ? -errno : -ETIMEDOUT);
	return question_take(stub, thread, ret_argument);
}

static int wait_ready(struct stub *stub)
{
	const struct timespec moment = {.tv_nsec = 20 * NS_PER_MS};
	u64 end = clock_now_ns() + BIRTH_WAIT_MS * NS_PER_MS;
	u32 *ready = &guest_of(stub)->ready, now;

	while ((now = __atomic_load_n(ready, __ATOMIC_ACQUIRE)) != 2) {
		if (dead(stub))
			return trace_err(-ECHILD);
		if (clock_now_ns() > end)
			return trace_err(-ETIMEDOUT);
		(void)syscall(SYS_futex, ready, 0 /* FUTEX_WAIT */, now,
			      &moment, NULL, 0);
	}
	return 0;
}

/* A random place for the window, a hint for nobody. */
/* needs: vcpu: memfd_create ftruncate getrandom close */
static int window_make(struct stub *stub, int *ret_fd)
{
	u64 random = 0, slots = (WINDOW_HIGH - WINDOW_LOW) / WINDOW_ALIGN;
	int fd = memfd_create("keel-stub", MFD_CLOEXEC), err;
	void *at;

	if (fd < 0)
		return trace_err(-errno);
	if (ftruncate(fd, STUB_WINDOW_BYTES)) {
		err = trace_err(-errno);
		goto close_it;
	}
	at = mmap(NULL, STUB_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		  fd, 0);
	if (at == MAP_FAILED ||
	    getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		err = trace_err(-errno);
		goto close_it;
	}
	stub->window = at;
	stub->address = WINDOW_LOW + random % slots * WINDOW_ALIGN;
	*ret_fd = fd;
	return 0;
close_it:
	(void)close(fd); /* nothing was written */
	return err;
}

static void birth_write(struct stub *stub, int ram_fd, bool tsc_free)
{
	u32 tsc = tsc_free ? PR_TSC_ENABLE : PR_TSC_SIGSEGV;
	u64 top = USER_TOP;

	memcpy(stub->window, stub_begin, (size_t)(stub_end - stub_begin));
	memcpy(stub->window + BIRTH_RAM_FD, &ram_fd, sizeof(ram_fd));
	memcpy(stub->window + BIRTH_TSC, &tsc, sizeof(tsc));
	memcpy(stub->window + BIRTH_TOP, &top, sizeof(top));
	filters_write(stub);
	guest_of(stub)->watch[0] = guest_of(stub)->watch[1] = -1;
}

/* needs: vcpu: rt_sigprocmask getpid clone:CLONE_FILES|CLONE_PIDFD */
static int fork_it(struct stub *stub, int window_fd)
{
	struct birth b = {
		.address = stub->address,
		.handler = place_of(stub, stub_handler),
		.start = place_of(stub, stub_start),
		.window_fd = window_fd,
		.parent = getpid(),
	};
	sigset_t all, old;
	int process = -1;
	long pid;

	if (__rseq_size)
		b.rseq = (u64)(uintptr_t)__builtin_thread_pointer() +
			 (u64)(s64)__rseq_offset;
	(void)sigfillset(&all); /* cannot fail, nor can the mask */
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = raw_call(SYS_clone, CLONE_FILES | CLONE_PIDFD, 0,
		       raw_address(&process), 0, 0, 0);
	if (!pid)
		child_run(&b);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return trace_err((int)pid);
	stub->pid = (pid_t)pid;
	stub->process = process;
	return 0;
}

/* needs: vcpu: ioctl:NOTIF_SET_FLAGS? */
static int meet(struct stub *stub)
{
	struct stub_guest *guest = guest_of(stub);
	int err = wait_ready(stub);

	for (u32 i = 0; i < 2; i++) /* what came into our table is ours */
		stub->watch[i] =
			__atomic_load_n(&guest->watch[i], __ATOMIC_ACQUIRE);
	if (err)
		return err;
	if (stub->watch[0] < 0 || stub->watch[1] < 0)
		return trace_err(-EPROTO);
	for (u32 i = 0; i < 2; i++) /* Linux 6.6's; without it slower */
		(void)ioctl(stub->watch[i], NOTIF_SET_FLAGS, 1);
	err = question_wait(stub, 1, NULL, BIRTH_WAIT_MS);
	if (!err)
		err = question_wait(stub, 0, NULL, BIRTH_WAIT_MS);
	if (err)
		return err;
	stub->context = guest->context;
	stub->stopped = true;
	return 0;
}

int stub_create(int ram_fd, bool tsc_free, struct stub **ret)
{
	struct stub *stub = calloc(1, sizeof(*stub));
	int window_fd = -1, err;

	if (!stub)
		return trace_err(-ENOMEM);
	stub->watch[0] = stub->watch[1] = stub->process = -1;
	err = window_make(stub, &window_fd);
	if (!err) {
		birth_write(stub, ram_fd, tsc_free);
		err = fork_it(stub, window_fd);
		if (!err)
			err = meet(stub);
		(void)close(window_fd); /* its mappings stay */
	}
	if (err) {
		stub_free(stub);
		return err;
	}
	*ret = stub;
	return 0;
}

/* By a descriptor, which is ours alone: no number names a stranger's process. */
static void signal_send(struct stub *stub, int number)
{
	/* It may be no more. */
	(void)syscall(SYS_pidfd_send_signal, stub->process, number, NULL, 0);
}

/* needs: io vcpu: pidfd_send_signal waitid close munmap */
void stub_free(struct stub *stub)
{
	siginfo_t info;

	if (!stub)
		return;
	if (stub->pid) {
		signal_send(stub, SIGKILL);
		while (waitid(P_PID, (id_t)stub->pid, &info, WEXITED | __WALL) &&
		       errno == EINTR)
			;
	}
	for (u32 i = 0; i < 2; i++)
		if (stub->watch[i] >= 0)
			(void)close(stub->watch[i]); /* nothing to lose */
	if (stub->process >= 0)
		(void)close(stub->process);
	if (stub->window)
		(void)munmap(stub->window, STUB_WINDOW_BYTES); /* ours */
	free(stub);
}

void stub_window(const struct stub *stub, u64 *ret_start, u64 *ret_end)
{
	*ret_start = stub->address;
	*ret_end = stub->address + STUB_WINDOW_BYTES;
}

/* ---- turns ---- */

/* [address, address + bytes) of the stub, if that is the signal stack's. */
static void *in_stack(const struct stub *stub, u64 address, u64 bytes)
{
	u64 offset = address - stub->address;

	if (offset < STUB_GUEST + GUEST_HEAD || offset > STUB_WINDOW_BYTES ||
	    bytes > STUB_WINDOW_BYTES - offset)
		return NULL;
	return stub->window + offset;
}

#define LEGACY_BYTES 512u
/* In the legacy part's bytes for software. [SDM1 13.4.1], <asm/sigcontext.h> */
#define SW_AT	 464u
#define SW_MAGIC 0x46505853u /* FP_XSTATE_MAGIC1 */
#define SW_SIZE	 16u	     /* xstate_size, from there */

bool stub_frame(struct stub *stub, struct stub_frame *ret)
{
	struct stub_guest *guest = guest_of(stub);
	ucontext_t *context;
	u64 fp;
	u32 magic, size;

	assert(stub->stopped);
	if (guest->context != stub->context)
		return false;
	context = in_stack(stub, stub->context,
			   offsetof(ucontext_t, __fpregs_mem));
	if (!context)
		return false;
	fp = (u64)(uintptr_t)context->uc_mcontext.fpregs;
	ret->xsave = in_stack(stub, fp, LEGACY_BYTES);
	if (!ret->xsave || (fp & 63))
		return false;
	memcpy(&magic, ret->xsave + SW_AT, sizeof(magic));
	memcpy(&size, ret->xsave + SW_AT + SW_SIZE, sizeof(size));
	if (magic != SW_MAGIC || !in_stack(stub, fp, size))
		return false;
	ret->xsave_bytes = size;
	ret->guest = guest;
	ret->gregs = (s64 *)(void *)context->uc_mcontext.gregs;
	return true;
}

int stub_resume(struct stub *stub)
{
	assert(stub->stopped);
	stub->stopped = false;
	return question_answer(stub, 0, 0);
}

int stub_fd(const struct stub *stub)
{
	return stub->watch[0];
}

int stub_stopped(struct stub *stub)
{
	int err = question_take(stub, 0, NULL);

	stub->stopped = !err;
	return err;
}

void stub_kick(struct stub *stub)
{
	signal_send(stub, SIGUSR1); /* which only the guest thread lets through */
}

/* ---- orders ---- */

/* Waits for orders that are under way; they must not be written over. */
static int orders_finish(struct stub *stub)
{
	s64 result = 0;
	int err;

	if (!stub->started)
		return 0;
	stub->started = false;
	err = question_wait(stub, 1, &result, ORDERS_WAIT_MS);
	return err ? err : (int)result;
}

static void order_add(struct stub *stub, const struct order *order)
{
	int err = stub->orders == ORDERS_MAX ? stub_orders_run(stub)
					     : orders_finish(stub);

	if (err)
		stub->failed = err;
	memcpy(stub->window + STUB_ORDERS + stub->orders * ORDER_BYTES, order,
	       sizeof(*order));
	stub->orders++;
}

void stub_map(struct stub *stub, u64 address, u64 bytes, u64 offset, int prot,
	      bool populate)
{
	u64 flags = MAP_SHARED | MAP_FIXED | (populate ? MAP_POPULATE : 0u);

	order_add(stub, &(struct order){
				SYS_mmap,
				{address, bytes, (u64)prot, flags, 0, offset}});
}

void stub_unmap(struct stub *stub, u64 address, u64 bytes)
{
	order_add(stub, &(struct order){SYS_munmap, {address, bytes}});
}

int stub_orders_start(struct stub *stub)
{
	int err = stub->failed;

	if (!err && stub->orders) {
		err = question_answer(stub, 1, stub->orders);
		stub->started = !err;
	}
	stub->orders = 0;
	stub->failed = 0;
	return err;
}

int stub_orders_run(struct stub *stub)
{
	int before = orders_finish(stub), err = stub_orders_start(stub);

	if (!err)
		err = orders_finish(stub);
	return before ? before : err;
}

bool stub_orders_pending(const struct stub *stub)
{
	return stub->started;
}
