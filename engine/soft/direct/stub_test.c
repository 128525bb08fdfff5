/* SPDX-License-Identifier: MIT */
#include "engine/soft/direct/stub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

#define CODE  0x400000u
#define DATA  0x10000000u
#define PAGES 16u

/* A stub with a page of code at CODE, another of data at DATA. */
struct room {
	int fd;
	u8 *ram;
	struct stub *stub;
	struct stub_frame frame;
};

static void room_make(struct room *r)
{
	if (!stub_possible())
		skip("this host has no seccomp listeners or no FSGSBASE");
	r->fd = memfd_create("ram", MFD_CLOEXEC);
	check(r->fd >= 0);
	check_eq(ftruncate(r->fd, PAGES * 4096), 0);
	r->ram = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		      r->fd, 0);
	check(r->ram != MAP_FAILED);
	check_eq(stub_create(r->fd, true, &r->stub), 0);
	check(stub_frame(r->stub, &r->frame));
	stub_map(r->stub, CODE, 4096, 0, PROT_READ | PROT_EXEC, false);
	stub_map(r->stub, DATA, 4096, 4096, PROT_READ | PROT_WRITE, false);
	check_eq(stub_orders_run(r->stub), 0);
}

static void room_free(struct room *r)
{
	stub_free(r->stub);
	(void)munmap(r->ram, PAGES * 4096);
	(void)close(r->fd);
}

static bool stops_within(struct room *r, int ms)
{
	struct pollfd poll_for = {.fd = stub_fd(r->stub), .events = POLLIN};

	return poll(&poll_for, 1, ms) == 1;
}

/* Runs code there until it stops; the signal. */
static u32 run_code(struct room *r, const void *code, u32 size)
{
	memcpy(r->ram, code, size);
	r->frame.gregs[REG_RIP] = CODE;
	r->frame.gregs[REG_EFL] = 0x202;
	check_eq(stub_resume(r->stub), 0);
	check(stops_within(r, 5000));
	check_eq(stub_stopped(r->stub), 0);
	check(stub_frame(r->stub, &r->frame));
	return r->frame.guest->signal;
}
#define RUN(r, code) run_code(r, code, sizeof(code) - 1)

TEST(registers_go_in_and_come_out)
{
	struct room r;

	room_make(&r);
	r.frame.gregs[REG_RAX] = 40;
	r.frame.gregs[REG_R15] = -5;
	r.frame.guest->fs_base = DATA;
	memset(r.ram + 4096, 0x11, 8);
	/* add $2, %rax; mov %fs:0, %rbx; hlt */
	check_eq(RUN(&r, "\x48\x83\xc0\x02\x64\x48\x8b\x1c\x25\0\0\0\0\xf4"),
		 SIGSEGV);
	check_eq(r.frame.gregs[REG_TRAPNO], 13);
	check_eq(r.frame.gregs[REG_RAX], 42);
	check_eq(r.frame.gregs[REG_R15], -5);
	check_eq(r.frame.gregs[REG_RBX], 0x1111111111111111);
	check_eq(r.frame.gregs[REG_RIP], CODE + 13);
	check_eq(r.frame.guest->fs_base, DATA);
	room_free(&r);
}

TEST(a_page_that_is_not_mapped_is_told)
{
	struct room r;

	room_make(&r);
	r.frame.gregs[REG_RDI] = DATA + 4096 + 8;
	check_eq(RUN(&r, "\x48\x89\x07\xf4"), SIGSEGV); /* mov %rax, (%rdi) */
	check_eq(r.frame.gregs[REG_TRAPNO], 14);
	check_eq(r.frame.gregs[REG_CR2], DATA + 4096 + 8);
	check_eq(r.frame.gregs[REG_ERR], 6);
	stub_map(r.stub, DATA + 4096, 4096, 8192, PROT_READ, true);
	check_eq(stub_orders_run(r.stub), 0);
	check_eq(RUN(&r, "\x48\x89\x07\xf4"), SIGSEGV);
	check_eq(r.frame.gregs[REG_ERR], 7);
	stub_map(r.stub, DATA + 4096, 4096, 8192, PROT_READ | PROT_WRITE, true);
	check_eq(stub_orders_start(r.stub), 0);
	r.frame.gregs[REG_RAX] = 99;
	if (RUN(&r, "\x48\x89\x07\xf4") == SIGSEGV &&
	    r.frame.gregs[REG_TRAPNO] == 14) { /* before the order was done */
		check_eq(stub_orders_run(r.stub), 0);
		check_eq(RUN(&r, "\x48\x89\x07\xf4"), SIGSEGV);
	}
	check_eq(r.frame.gregs[REG_TRAPNO], 13);
	check_eq(r.ram[8192 + 8], 99);
	stub_unmap(r.stub, DATA + 4096, 4096);
	check_eq(stub_orders_run(r.stub), 0);
	check_eq(RUN(&r, "\x48\x89\x07\xf4"), SIGSEGV);
	check_eq(r.frame.gregs[REG_TRAPNO], 14);
	room_free(&r);
}

TEST(a_kick_stops_a_loop)
{
	struct room r;

	room_make(&r);
	memcpy(r.ram, "\xeb\xfe", 2);
	r.frame.gregs[REG_RIP] = CODE;
	check_eq(stub_resume(r.stub), 0);
	check(!stops_within(&r, 30));
	stub_kick(r.stub);
	check(stops_within(&r, 5000));
	check_eq(stub_stopped(r.stub), 0);
	check(stub_frame(r.stub, &r.frame));
	check_eq(r.frame.guest->signal, SIGUSR1);
	check_eq(r.frame.gregs[REG_RIP], CODE);
	room_free(&r);
}

/* mov %rdi's number into RAX is the caller's; syscall; hlt */
static u32 call_there(struct room *r, u64 number)
{
	r->frame.gregs[REG_RAX] = (s64)number;
	return RUN(r, "\x0f\x05\xf4");
}

TEST(no_system_call_of_the_guests_reaches_the_host)
{
	struct room r;

	room_make(&r);
	for (u64 number = 0; number < 480; number++) {
		check_eq(call_there(&r, number), SIGSYS);
		check_eq(r.frame.gregs[REG_RAX], number);
		check_eq(r.frame.gregs[REG_RIP], CODE + 2);
	}
	check_eq(call_there(&r, STUB_ASK), SIGSYS);
	check_eq(call_there(&r, 0x40000000 + 9), SIGSYS); /* x32's */
	r.frame.gregs[REG_RAX] = 4;
	check_eq(RUN(&r, "\xcd\x80\xf4"), SIGSYS); /* of 32 bits */
	check_eq(r.frame.gregs[REG_RAX], 4);
	room_free(&r);
}

/* Where a label of stub.S is in the stub. */
static u64 label_at(const struct room *r, const u8 *label)
{
	u64 start, end;

	stub_window(r->stub, &start, &end);
	return start + (u64)(label - stub_begin);
}

TEST(jumping_to_the_mapping_threads_calls_maps_nothing)
{
	struct room r;

	room_make(&r);
	/* The two bytes before the label are its SYSCALL. */
	r.frame.gregs[REG_RAX] = 9;
	r.frame.gregs[REG_RDI] = 0x20000000;
	r.frame.gregs[REG_RSI] = 4096;
	r.frame.gregs[REG_RDX] = PROT_READ;
	r.frame.gregs[REG_R10] = MAP_SHARED | MAP_FIXED;
	r.frame.gregs[REG_RBX] = (s64)label_at(&r, stub_maps_asked) - 2;
	check_eq(RUN(&r, "\xff\xe3"), SIGSYS); /* jmp *%rbx */
	check_eq(r.frame.gregs[REG_RAX], 9);
	room_free(&r);
}

TEST(who_forges_a_question_is_stopped_and_his_frame_not_believed)
{
	struct room r;

	room_make(&r);
	r.frame.gregs[REG_RAX] = STUB_ASK;
	r.frame.gregs[REG_RBX] = (s64)label_at(&r, stub_guest_asked) - 2;
	r.frame.guest->context = 0x1234; /* as the guest might */
	memcpy(r.ram, "\xff\xe3", 2);
	r.frame.gregs[REG_RIP] = CODE;
	check_eq(stub_resume(r.stub), 0);
	check(stops_within(&r, 5000));
	check_eq(stub_stopped(r.stub), 0);
	check(!stub_frame(r.stub, &r.frame));
	room_free(&r);
}

TEST(a_stub_that_is_killed_is_noticed)
{
	struct room r;

	room_make(&r);
	/* RSP to nowhere, then what only the handler may: rt_sigreturn. */
	r.frame.gregs[REG_RAX] = 15;
	r.frame.gregs[REG_RSP] = 0x1000;
	r.frame.gregs[REG_RBX] = (s64)label_at(&r, stub_returned) - 2;
	memcpy(r.ram, "\xff\xe3", 2);
	r.frame.gregs[REG_RIP] = CODE;
	check_eq(stub_resume(r.stub), 0);
	check(stops_within(&r, 5000)); /* by a signal, or for good */
	if (!stub_stopped(r.stub))
		check_eq(stub_resume(r.stub), 0);
	stub_free(r.stub);
	r.stub = NULL;
	room_free(&r);
}

TEST(rdtsc_is_the_hosts_or_a_signal)
{
	struct room r;
	struct stub *other;

	room_make(&r);
	check_eq(RUN(&r, "\x0f\x31\xf4"), SIGSEGV);
	check_eq(r.frame.gregs[REG_RIP], CODE + 2);
	check_eq(stub_create(r.fd, false, &other), 0);
	stub_free(r.stub);
	r.stub = other;
	check(stub_frame(r.stub, &r.frame));
	stub_map(r.stub, CODE, 4096, 0, PROT_READ | PROT_EXEC, false);
	check_eq(stub_orders_run(r.stub), 0);
	check_eq(RUN(&r, "\x0f\x31\xf4"), SIGSEGV);
	check_eq(r.frame.gregs[REG_RIP], CODE);
	room_free(&r);
}

TEST(many_orders_are_done_in_their_order)
{
	struct room r;

	room_make(&r);
	for (u32 i = 0; i < 3 * ORDERS_MAX; i++) {
		stub_map(r.stub, DATA + 4096 * i, 4096, 4096 * (i % PAGES),
			 PROT_READ, false);
		if (i % 2)
			stub_unmap(r.stub, DATA + 4096 * (i - 1), 4096);
	}
	check_eq(stub_orders_run(r.stub), 0);
	r.frame.gregs[REG_RDI] = DATA + 4096 * (3 * ORDERS_MAX - 1);
	check_eq(RUN(&r, "\x8a\x07\xf4"), SIGSEGV); /* mov (%rdi), %al */
	check_eq(r.frame.gregs[REG_TRAPNO], 13);
	r.frame.gregs[REG_RDI] -= 4096;
	check_eq(RUN(&r, "\x8a\x07\xf4"), SIGSEGV);
	check_eq(r.frame.gregs[REG_TRAPNO], 14);
	stub_map(r.stub, 1, 4096, 0, PROT_READ, false);
	check(stub_orders_run(r.stub) < 0);
	room_free(&r);
}
