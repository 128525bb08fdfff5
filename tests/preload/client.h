/* SPDX-License-Identifier: MIT */
/*
 * A client of /dev/kvm as other people write it: libc, ioctl, mmap. Its tests
 * say what the kernel does, and run against both, the kernel's own device where
 * there is one and libkeel-kvm.so.
 *
 * Static functions in a header because a test is one translation unit.
 */
#ifndef TESTS_PRELOAD_CLIENT_H
#define TESTS_PRELOAD_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

#define PAGE 4096u
/* Nothing is there, in no process. */
#define NOWHERE ((void *)(uintptr_t)0x10)

#define check_errno(call, err)                                                 \
	do {                                                                   \
		long check_rc_ = (call);                                       \
		if (check_rc_ != -1 || errno != (err))                         \
			test_fail("%s gives %ld, errno %s, not -1, %s", #call, \
				  check_rc_, strerrorname_np(errno), #err);    \
	} while (0)

#define check_ok(call)                                                      \
	do {                                                                \
		if ((call) < 0)                                             \
			test_fail("%s: %s", #call, strerrorname_np(errno)); \
	} while (0)

/* One VM with a page of code at 0x1000 and a vCPU in real mode. */
struct client {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	u8 *memory; /* two pages at guest-physical 0 */
	size_t run_size;
};

/* Is this our library, or a KVM that can all we ask? */
static bool is_preloaded(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "keel-kvm");
}

static maybe_unused void need_preload(void)
{
	if (!is_preloaded())
		skip("about the library only");
}

static int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && !is_preloaded())
		skip("no /dev/kvm here");
	check_ok(fd);
	return fd;
}

static void *pages(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(at != MAP_FAILED);
	return at;
}

static int slot_set(int vm, u32 slot, u64 gpa, u64 size, void *at)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)(uintptr_t)at,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void start_at(int vcpu, u64 rip)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = rip, .rflags = 2, .rsp = 0x1000};

	check_ok(ioctl(vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check_ok(ioctl(vcpu, KVM_SET_SREGS, &sregs));
	check_ok(ioctl(vcpu, KVM_SET_REGS, &regs));
}

static struct client client_new(const void *code, size_t size)
{
	struct client c = {.kvm = kvm_open()};

	c.vm = ioctl(c.kvm, KVM_CREATE_VM, 0);
	check_ok(c.vm);
	c.memory = pages(2 * PAGE);
	memcpy(c.memory + 0x1000, code, size);
	check_ok(slot_set(c.vm, 0, 0, 2 * PAGE, c.memory));
	c.vcpu = ioctl(c.vm, KVM_CREATE_VCPU, 0);
	check_ok(c.vcpu);
	c.run_size = (size_t)ioctl(c.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	c.run = mmap(NULL, c.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     c.vcpu, 0);
	check(c.run != MAP_FAILED);
	start_at(c.vcpu, 0x1000);
	return c;
}

static void client_free(struct client *c)
{
	munmap(c->run, c->run_size);
	close(c->vcpu);
	close(c->vm);
	close(c->kvm);
	munmap(c->memory, 2 * PAGE);
}

/* cli; 1: jmp 1b */
static const maybe_unused u8 guest_spin[] = {0xfa, 0xeb, 0xfe};
/* out %al, $0x10; in $0x11, %al; out %al, $0x12; hlt */
static const maybe_unused u8 guest_ports[] = {0xe6, 0x10, 0xe4, 0x11,
					      0xe6, 0x12, 0xf4};

/* Runs to the next exit, which is a byte to or from this port. */
static maybe_unused u8 *expect_port(struct client *c, u8 direction, u16 port)
{
	check_ok(ioctl(c->vcpu, KVM_RUN, 0));
	check_eq(c->run->exit_reason, KVM_EXIT_IO);
	check_eq(c->run->io.direction, direction);
	check_eq(c->run->io.port, port);
	return (u8 *)c->run + c->run->io.data_offset;
}

/* The exit status of what a forked child makes of this; -signal if killed. */
static maybe_unused int in_child(int (*what)(void *ctx), void *ctx)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check_ok(pid);
	if (!pid)
		_exit(what(ctx));
	check_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Kicks a thread until it says that it is through. */
struct kicker {
	pthread_t thread, target;
	int signal;
	bool done; /* atomic */
};

static void *kicker_main(void *ctx)
{
	struct kicker *kicker = ctx;
	const struct timespec pause = {0, 3000000};

	while (!__atomic_load_n(&kicker->done, __ATOMIC_ACQUIRE)) {
		nanosleep(&pause, NULL);
		pthread_kill(kicker->target, kicker->signal);
	}
	return NULL;
}

static maybe_unused void kicker_start(struct kicker *kicker, int number)
{
	sigset_t all, old;

	*kicker = (struct kicker){.target = pthread_self(), .signal = number};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	check_eq(pthread_create(&kicker->thread, NULL, kicker_main, kicker), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static maybe_unused void kicker_stop(struct kicker *kicker)
{
	__atomic_store_n(&kicker->done, true, __ATOMIC_RELEASE);
	pthread_join(kicker->thread, NULL);
}

#endif
