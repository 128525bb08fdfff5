/* SPDX-License-Identifier: MIT */
/*
 * Hot code under the trap flag, under breakpoints of code and data, and without
 * them again. [SDM3 17.3 "Debug Exceptions"]
 */
#include "tests/guest/code/lib/hot.h"

extern const u8 walk[], walk_end[], walk_store[], walk_steps[];
u64 walk_cell;
/* Straight on, a call, a loop of two, a REP of three. */
__asm__(".pushsection .text.step\n"
	"walk:\n"
	"	mov %rdi, %rax\n"
	"	add $1, %rax\n"
	"	call 3f\n"
	"	mov $2, %ecx\n"
	"1:	lea 2(%rax), %rax\n"
	"	dec %ecx\n"
	"	jnz 1b\n"
	"walk_store:\n"
	"	mov %rax, walk_cell\n"
	"	mov $walk_cell + 0, %esi\n"
	"	mov $3, %ecx\n"
	"2:	rep lodsb\n"
	"	mov walk_cell, %rax\n"
	"walk_end:\n"
	"	ret\n"
	"3:	xor $0x10, %rax\n"
	"	ret\n"
	".popsection");

#define STEPS_MAX 64

static struct {
	u32 count, wrong, learned;
	u64 ips[STEPS_MAX];
	u64 dr6;
} steps;

/* One step more; past the end it switches itself off. */
static bool on_step(struct frame *f)
{
	u32 at = steps.count++;

	steps.dr6 |= read_dr6();
	write_dr6(0);
	if (at < STEPS_MAX && !steps.learned)
		steps.ips[at] = f->ip;
	else if (at < STEPS_MAX)
		steps.wrong += steps.ips[at] != f->ip;
	if (f->ip == (word)walk_end)
		f->flags &= ~FLAG_TF;
	return true;
}

/* Calls walk with TF set just before. */
static u64 stepped(u64 n)
{
	u64 answer;

	__asm__ volatile("pushf\n orl $0x100, (%%rsp)\n popf\n call walk"
			 : "=a"(answer), "+D"(n)
			 :
			 : "rcx", "rsi", "memory", "cc");
	return answer;
}

static void test_steps(void)
{
	u32 wrong = 0, expected;

	hook(V_DB, on_step);
	steps.count = 0;
	wrong += stepped(5) != (6 ^ 0x10) + 4;
	expected = steps.count;
	steps.learned = 1;
	for (u32 n = 0; n < hot_rounds / 4; n++) {
		wrong += hot_calls(walk, n, 0, ((n + 1) ^ 0x10) + 4);
		steps.count = 0;
		wrong += stepped(n) != ((n + 1) ^ 0x10) + 4;
		wrong += steps.count != expected;
	}
	check_eq(wrong, 0, "hot code by single steps, %u each", expected);
	check_eq(steps.wrong, 0,
		 "each step where it was when the code was cold");
	check_eq(steps.dr6 & 0xe00f, 0x4000, "DR6.BS and nothing else");
	/* walk 3, callee 2, 1, loop 6, 3, REP 3 times, 1, the call itself */
	check_eq(expected, 1 + 3 + 2 + 1 + 6 + 3 + 3 + 1,
		 "as many as there are instructions");
	hook(V_DB, NULL);
}

static struct {
	u32 count, wrong;
	u64 ip, dr6;
	bool code;
} hit;

static bool on_hit(struct frame *f)
{
	hit.count++;
	hit.wrong += f->ip != hit.ip || (read_dr6() & 0xf) != hit.dr6;
	write_dr6(0);
	if (hit.code)
		f->flags |= FLAG_RF;
	return true;
}

static void test_breakpoints(bool code, const char *what)
{
	u32 wrong = 0, n;

	hook(V_DB, on_hit);
	hit.count = hit.wrong = 0;
	hit.code = code;
	hit.dr6 = 2;
	/* A data breakpoint is a trap: after the store of 8 bytes. */
	hit.ip = (word)walk_store + (code ? 0 : 8);
	write_dr1(code ? (word)walk_store : (word)&walk_cell);
	for (n = 1; n <= hot_rounds / 4; n++) {
		wrong += hot_calls(walk, n, 0, ((n + 1) ^ 0x10) + 4);
		write_dr7(code ? 0x408 : 0x408 | 9u << 20);
		for (u32 i = 0; i < 5; i++)
			wrong += call_code(walk, n, 0) != ((n + 1) ^ 0x10) + 4;
		write_dr7(0x400);
		wrong += hit.count != 5 * n;
	}
	check_eq(wrong + hit.wrong, 0, "%s, %u hits", what, hit.count);
	hook(V_DB, NULL);
}

/* POPF that sets TF, hot: the trap comes one instruction later. */
static u32 traps;
static u64 trap_ip;

static bool on_trap(struct frame *f)
{
	traps++;
	trap_ip = f->ip;
	f->flags &= ~FLAG_TF;
	return true;
}

extern const u8 popf_code[], popf_next[];
__asm__(".pushsection .text.step\n"
	"popf_code:\n"
	"	pushf\n"
	"	or %rdi, (%rsp)\n"
	"	popf\n"
	"	inc %esi\n"
	"popf_next:\n"
	"	lea 1(%rsi), %eax\n"
	"	ret\n"
	".popsection");

static void test_popf(void)
{
	u32 wrong = 0;

	hook(V_DB, on_trap);
	traps = 0;
	for (u32 n = 1; n <= hot_rounds; n++) {
		for (u32 i = 0; i < 50; i++)
			wrong += call_code(popf_code, 0, n) != n + 2;
		trap_ip = 0;
		wrong += call_code(popf_code, FLAG_TF, n) != n + 2;
		wrong += traps != n || trap_ip != (word)popf_next;
	}
	check_eq(wrong, 0, "POPF that sets TF in hot code");
	hook(V_DB, NULL);
}

void image_main(void)
{
	hot_init();
	test_steps();
	test_breakpoints(true, "a breakpoint in hot code");
	test_breakpoints(false, "a watchpoint of a hot store");
	test_popf();
	test_steps();
}
