/* SPDX-License-Identifier: MIT */
#include "vmm/jail/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/raw.h"
#include "base/test.h"

#define REFUSAL (SECCOMP_RET_ERRNO | 77)
#define X32_BIT 0x40000000u

/* What the kernel would answer: the few instructions that filter.c makes. */
static u32 run(const struct filter *f, const struct seccomp_data *data)
{
	u32 a = 0, steps = 0;

	for (u32 at = 0; at < f->count; at++) {
		const struct sock_filter *i = &f->insn[at];

		check(++steps <= f->count); /* jumps lead forwards */
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			check(i->k % 4 == 0 && i->k + 4 <= sizeof(*data));
			memcpy(&a, (const u8 *)data + i->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			test_fail("instruction 0x%x", i->code);
		}
	}
	test_fail("the program has no end");
}

static bool allows(const struct filter *f, u32 arch, u32 number, u32 arg,
		   u64 value)
{
	struct seccomp_data data = {.arch = arch, .nr = (int)number};
	u32 answer;

	data.args[arg] = value;
	answer = run(f, &data);
	check(answer == SECCOMP_RET_ALLOW || answer == REFUSAL);
	return answer == SECCOMP_RET_ALLOW;
}

static bool plain(const struct filter *f, u32 number)
{
	return allows(f, AUDIT_ARCH_X86_64, number, 0, 0);
}

static struct filter f;

TEST(each_listed_number_is_allowed_and_no_other)
{
	/* Of every length, so that every shape of the tree is there. */
	for (u32 count = 1; count <= FILTER_RULES_MAX; count++) {
		struct filter_rule rules[FILTER_RULES_MAX] = {};

		for (u32 i = 0; i < count; i++)
			rules[i].number = 3 * i + 2;
		filter_make(rules, count, REFUSAL, &f);
		for (u32 n = 0; n < 3 * count + 4; n++)
			check_eq(plain(&f, n), n % 3 == 2 && n < 3 * count);
		check(!plain(&f, UINT32_MAX));
	}
}

TEST(the_other_entries_to_the_kernel_are_refused)
{
	const struct filter_rule rules[] = {{.number = 1}, {.number = 20}};

	filter_make(rules, 2, REFUSAL, &f);
	check(allows(&f, AUDIT_ARCH_X86_64, 20, 0, 0));
	check(!allows(&f, AUDIT_ARCH_I386, 20, 0, 0));
	check(!allows(&f, AUDIT_ARCH_AARCH64, 20, 0, 0));
	check(!allows(&f, AUDIT_ARCH_X86_64, 20 | X32_BIT, 0, 0));
	check(!allows(&f, AUDIT_ARCH_X86_64, 1 | X32_BIT, 0, 0));
}

TEST(an_argument_decides_where_a_rule_says_so)
{
	const struct filter_rule rules[] = {
		{5, FILTER_WITHOUT, 2, 4},     {16, FILTER_EQUAL, 1, 0x5401},
		{16, FILTER_EQUAL, 1, 0x5402}, {16, FILTER_TYPE, 1, 0xae},
		{17, FILTER_ANY, 0, 0},
	};
	const u32 here = AUDIT_ARCH_X86_64;

	filter_make(rules, ARRAY_SIZE(rules), REFUSAL, &f);
	check(allows(&f, here, 16, 1, 0x5401));
	check(allows(&f, here, 16, 1, 0x5402));
	check(!allows(&f, here, 16, 1, 0x5412)); /* TIOCSTI */
	check(!allows(&f, here, 16, 0, 0x5401));
	check(allows(&f, here, 16, 1, 0x4008ae7f));
	check(!allows(&f, here, 16, 1, 0x40087fae));
	/* The kernel takes an unsigned int. */
	check(allows(&f, here, 16, 1, 0x100005401));
	check(allows(&f, here, 5, 2, 3));
	check(!allows(&f, here, 5, 2, 7));
	check(allows(&f, here, 17, 1, 0x5412));
}

TEST(many_rules_of_one_number_stay_together)
{
	struct filter_rule rules[40];

	for (u32 odd = 0; odd < 40; odd++) {
		for (u32 i = 0; i < 40; i++)
			rules[i] = (struct filter_rule){i < odd ? 3u : 9u,
							FILTER_EQUAL, 0, i};
		filter_make(rules, 40, REFUSAL, &f);
		for (u32 i = 0; i < 40; i++) {
			check_eq(allows(&f, AUDIT_ARCH_X86_64, 3, 0, i),
				 i < odd);
			check_eq(allows(&f, AUDIT_ARCH_X86_64, 9, 0, i),
				 i >= odd);
		}
	}
}

/* In a child: the kernel takes the program, and does what it says. */
static int under_the_kernel(void)
{
	const struct filter_rule rules[] = {
		{SYS_getpid, FILTER_ANY, 0, 0},
		{SYS_exit_group, FILTER_ANY, 0, 0},
	};
	struct sock_fprog program = {.filter = f.insn};

	filter_make(rules, 2, REFUSAL, &f);
	program.len = f.count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return 1;
	if (raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0) <= 0)
		return 2;
	if (raw_call(SYS_getppid, 0, 0, 0, 0, 0, 0) != -77)
		return 3;
	if (raw_call(SYS_getpid | X32_BIT, 0, 0, 0, 0, 0, 0) != -77)
		return 4;
	return 0;
}

TEST(the_kernel_agrees)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		raw_call(SYS_exit_group, (u64)under_the_kernel(), 0, 0, 0, 0, 0);
	check_eq(waitpid(child, &status, 0), child);
	check(WIFEXITED(status));
	check_eq(WEXITSTATUS(status), 0);
}
