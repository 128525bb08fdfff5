/* SPDX-License-Identifier: MIT */
/* System calls, the clock, the scheduler and signals. */
#define _GNU_SOURCE
#include "tests/perf/guest/wl.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096

/* n of the smallest system call. */
uint64_t wl_getppid(long n)
{
	while (n--)
		syscall(SYS_getppid);
	return 0;
}

/* n readings of the clock, without a system call where the vDSO can. */
uint64_t wl_gettime(long n)
{
	struct timespec now;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return 0;
}

/* n readings of the time-stamp counter. */
uint64_t wl_rdtsc(long n)
{
	volatile uint64_t last;

	while (n--)
		last = __builtin_ia32_rdtsc();
	(void)last;
	return 0;
}

static void echo(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			break;
	_exit(0);
}

/* n bytes there and back between two processes; returns those that came. */
uint64_t wl_pipe(long n)
{
	int there[2], back[2];
	uint64_t count = 0;
	char byte = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		return 0;
	pid = fork();
	if (!pid) {
		close(there[1]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	while (n-- && write(there[1], &byte, 1) == 1 &&
	       read(back[0], &byte, 1) == 1)
		count++;
	close(there[1]);
	waitpid(pid, NULL, 0);
	return count;
}

/* n yields in each of two processes. */
uint64_t wl_yield(long n)
{
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		for (long k = 0; k < n; k++)
			sched_yield();
		_exit(0);
	}
	waitpid(pid[0], NULL, 0);
	waitpid(pid[1], NULL, 0);
	return 0;
}

static char *map_pages(size_t bytes, int protection)
{
	return mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* n times: a page becomes read-only, is read, becomes writable, is written. */
uint64_t wl_mprot(long n)
{
	char *page = map_pages(4 * PAGE_BYTES, PROT_READ | PROT_WRITE);
	uint64_t sum = 0;

	while (n--) {
		mprotect(page, PAGE_BYTES, PROT_READ);
		sum += (unsigned char)page[0];
		mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
		page[0] = (char)n;
	}
	return sum;
}

static volatile uint64_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

/* n signals of a thread to itself. */
uint64_t wl_signal(long n)
{
	signal(SIGUSR1, on_signal);
	while (n--)
		syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	return signals;
}

static void on_segv(int number, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_BYTES - 1);

	(void)number;
	(void)context;
	signals++;
	mprotect((char *)page, PAGE_BYTES, PROT_READ | PROT_WRITE);
}

/* n writes to a read-only page, each made writable by the handler. */
uint64_t wl_segv(long n)
{
	struct sigaction action = {.sa_sigaction = on_segv,
				   .sa_flags = SA_SIGINFO};
	volatile char *page = map_pages(PAGE_BYTES, PROT_READ);

	sigaction(SIGSEGV, &action, NULL);
	while (n--) {
		page[5] = 1;
		mprotect((char *)(uintptr_t)page, PAGE_BYTES, PROT_READ);
	}
	return signals;
}
