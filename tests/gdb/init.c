/* SPDX-License-Identifier: MIT */
/*
 * A guest's only program, for a debugger: two processes that call hot() until
 * the debugger sets `go`, and then compute a sum that must be right whatever
 * was done to them. Without libc, so that all of it is known.
 */
#include <asm/unistd.h>

typedef unsigned long ulong;

#define SIGTRAP	    5
#define SA_RESTORER 0x04000000

struct action {
	void (*handler)(int number);
	ulong flags;
	void (*restorer)(void);
	ulong mask;
};

volatile ulong go, calls, watched, traps, knob = 0x1111;
volatile ulong is_child;

/* The labels are for the debugger. */
__asm__(".text\n"
	".globl _start, do_syscall, the_syscall, restore\n"
	"_start:	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
	"	call begin\n"
	"do_syscall:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"the_syscall:\n"
	"	syscall\n"
	"	ret\n"
	"restore:\n"
	"	mov $15, %eax\n" /* rt_sigreturn */
	"	syscall\n");
long do_syscall(long number, long a, long b, long c, long d);
void restore(void);
void begin(void);
ulong hot(ulong x);

static void print(const char *text)
{
	long size = 0;

	while (text[size])
		size++;
	do_syscall(__NR_write, 1, (long)text, size, 0);
}

/* In one write: the other process has the same console. */
static void print_sum(const char *who, ulong value)
{
	char text[64];
	int at = sizeof(text) - 1, size = 0;

	text[at] = 0;
	text[--at] = '\n';
	do {
		text[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	while (who[size])
		size++;
	while (size)
		text[--at] = who[--size];
	print(text + at);
}

__attribute__((noinline)) ulong hot(ulong x)
{
	calls++;
	return x * 2654435761u ^ x >> 7;
}

static void on_trap(int number)
{
	(void)number;
	traps++;
}

static void catch_traps(void)
{
	static struct action action = {
		.handler = on_trap, .flags = SA_RESTORER, .restorer = restore};

	do_syscall(__NR_rt_sigaction, SIGTRAP, (long)&action, 0, 8);
}

static void wait_for_debugger(void)
{
	for (ulong i = 1; !go; i++) {
		hot(i);
		if (i % 64 == 0)
			watched = i;
		if (i % 256 == 0)
			do_syscall(__NR_getppid, 0, 0, 0, 0);
		if (i % 1024 == 0)
			__asm__ volatile("int3");
	}
}

static ulong sum(void)
{
	ulong value = 1;

	for (ulong i = 0; i < 100000; i++)
		value = hot(value + i);
	return value;
}

void begin(void)
{
	long child;

	catch_traps();
	child = do_syscall(__NR_fork, 0, 0, 0, 0);
	is_child = !child;
	if (child)
		print("GDB-READY\n");
	wait_for_debugger();
	print_sum(child ? "GDB-SUM parent " : "GDB-SUM child ", sum());
	if (!child)
		do_syscall(__NR_exit, 0, 0, 0, 0);
	do_syscall(__NR_wait4, child, 0, 0, 0);
	/* LINUX_REBOOT_MAGIC1, MAGIC2, CMD_POWER_OFF */
	do_syscall(__NR_reboot, (long)0xfee1dead, 672274793, 0x4321fedc, 0);
	for (;;)
		;
}
