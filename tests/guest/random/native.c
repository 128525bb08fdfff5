/* SPDX-License-Identifier: MIT */
/* The parent's half of the reference; see native.h. */
#include "tests/guest/random/native.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/guest/random/child.h"

#define RANGES_MAX	  1024
#define CHILD_EXIT_SETUP  99
#define BATCH_SECONDS_MAX 5
#define DEATHS_MAX	  100 /* children in one batch */

struct native {
	int fd; /* owned: struct shared, a memory file */
	struct shared *shared;
	pid_t child; /* 0: none */
	u32 range_count;
	struct {
		u64 first, last;
	} range[RANGES_MAX]; /* what the child inherits from us */
};

/* ---- the child ---- */

static no_return void child_exit(int status)
{
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

static bool child_map(int fd)
{
	for (u32 i = 0; i < mapping_count; i++) {
		const struct mapping *m = &mappings[i];
		void *want = (void *)(uintptr_t)m->address;
		int protection = PROT_READ |
				 (m->rights & MAP_WRITE ? PROT_WRITE : 0) |
				 (m->rights & MAP_EXEC ? PROT_EXEC : 0);
		off_t at = (off_t)(offsetof(struct shared, memory) +
				   m->page * PAGE_BYTES);

		if (mmap(want, PAGE_BYTES, protection,
			 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd,
			 at) != want)
			return false;
	}
	return true;
}

static bool child_catch(struct shared *shared)
{
	static const int signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS, SIGTRAP};
	stack_t stack = {
		.ss_sp = shared->signal_stack,
		.ss_size = SIGNAL_STACK_BYTES,
	};
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK |
					       SA_NODEFER};

	action.sa_sigaction = (void (*)(int, siginfo_t *, void *))child_entry;
	if (sigaltstack(&stack, NULL) < 0)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return false;
	return true;
}

/* Anything but the three calls kills. */
static bool child_jail(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};
	struct rlimit core = {0, 0};

	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	       setrlimit(RLIMIT_CORE, &core) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static no_return void child_main(struct native *native)
{
	if (!child_map(native->fd) || !child_catch(native->shared) ||
	    !child_jail())
		child_exit(CHILD_EXIT_SETUP);
	__asm__ volatile("ud2");
	child_exit(CHILD_EXIT_SETUP);
}

/* ---- the parent ---- */

/* What the child inherits: cases that reach for it prove nothing. */
static int ranges_read(struct native *native)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];

	if (!file)
		return -errno;
	native->range_count = 0;
	while (native->range_count < RANGES_MAX &&
	       fgets(line, sizeof(line), file)) {
		char *end;
		u64 first = strtoull(line, &end, 16);

		native->range[native->range_count].first = first & ~4095ull;
		native->range[native->range_count++].last =
			strtoull(end + 1, NULL, 16) - 1;
	}
	(void)fclose(file); /* was only read */
	return 0;
}

bool native_is_mapped(const struct native *native, u64 address)
{
	for (u32 i = 0; i < native->range_count; i++)
		if (address + 64 >= native->range[i].first &&
		    address <= native->range[i].last)
			return true;
	return false;
}

static void child_end(struct native *native)
{
	int status;

	if (!native->child)
		return;
	(void)kill(native->child, SIGKILL); /* ours, and not yet waited for */
	while (waitpid(native->child, &status, 0) < 0 && errno == EINTR)
		;
	native->child = 0;
}

static int child_start(struct native *native)
{
	pid_t child;

	native->shared->running = false;
	(void)fflush(NULL);
	child = fork();
	if (child == 0)
		child_main(native);
	if (child < 0)
		return -errno;
	native->child = child;
	return 0;
}

static bool child_is_dead(struct native *native)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)native->child, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == native->child;
}

/* Until the child hands back the turn, dies, or takes too long. */
static bool batch_wait(struct native *native)
{
	struct shared *s = native->shared;
	struct timespec poll = {.tv_nsec = 50 * 1000 * 1000};
	u32 polls = 0, index = 0;

	while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) == TURN_CHILD) {
		u32 now = __atomic_load_n(&s->index, __ATOMIC_RELAXED);

		if (syscall(SYS_futex, &s->turn, FUTEX_WAIT, TURN_CHILD, &poll,
			    NULL, 0) == 0 ||
		    errno != ETIMEDOUT)
			continue;
		if (child_is_dead(native))
			return false;
		polls = now == index ? polls + 1 : 0;
		index = now;
		if (polls > BATCH_SECONDS_MAX * 20)
			return false;
	}
	return true;
}

int native_run(struct native *native, u32 first, u32 end)
{
	struct shared *s = native->shared;
	u32 deaths = 0;
	int err;

	assert(first <= end && end <= SLOTS_MAX);
	for (u32 i = first; i < end; i++)
		s->slot[i].ran = false;
	s->index = first;
	s->count = end;
	while (s->index < end) {
		if (!native->child) {
			err = child_start(native);
			if (err)
				return err;
		}
		__atomic_store_n(&s->turn, TURN_CHILD, __ATOMIC_SEQ_CST);
		(void)syscall(SYS_futex, &s->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
		if (batch_wait(native))
			continue;
		child_end(native);
		if (s->no_xsave)
			return -ENOTSUP;
		if (!s->running || ++deaths > DEATHS_MAX)
			return -ECHILD; /* it died by itself */
		s->index++;
	}
	return 0;
}

struct slot *native_slots(struct native *native)
{
	return native->shared->slot;
}

void native_free(struct native *native)
{
	if (!native)
		return;
	child_end(native);
	if (native->shared)
		(void)munmap(native->shared, sizeof(*native->shared));
	fd_close(&native->fd);
	free(native);
}

int native_create(struct native **ret, bool has_avx, bool has_fsgsbase)
{
	void *want = (void *)(uintptr_t)AT_SHARED;
	struct native *native = calloc(1, sizeof(*native));
	int err = 0;

	if (!native)
		return -ENOMEM;
	native->fd = memfd_create("random", MFD_CLOEXEC);
	if (native->fd < 0 || ftruncate(native->fd, sizeof(struct shared)) < 0)
		err = -errno;
	if (!err && mmap(want, sizeof(struct shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE,
			 native->fd, 0) == want)
		native->shared = want;
	else if (!err)
		err = -ENOMEM;
	if (!err)
		err = ranges_read(native);
	if (err) {
		native_free(native);
		return err;
	}
	native->shared->has_avx = has_avx;
	native->shared->has_fsgsbase = has_fsgsbase;
	*ret = native;
	return 0;
}
