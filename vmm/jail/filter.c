/* SPDX-License-Identifier: MIT */
/* See filter.h. [SECCOMP "Usage"] */
#include "vmm/jail/filter.h"

#include <assert.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

struct maker {
	struct filter *filter;
	const struct filter_rule *rules;
	u32 refusal;
};

static void add(struct maker *m, u16 code, u32 k, u8 if_true, u8 if_false)
{
	assert(m->filter->count < FILTER_INSNS_MAX);
	m->filter->insn[m->filter->count++] =
		(struct sock_filter){code, if_true, if_false, k};
}

static void load(struct maker *m, size_t offset)
{
	add(m, BPF_LD | BPF_W | BPF_ABS, (u32)offset, 0, 0);
}

static void answer(struct maker *m, u32 value)
{
	add(m, BPF_RET | BPF_K, value, 0, 0);
}

/* Goes on with the next instruction if it is `value`, else over one. */
static void unless_equal(struct maker *m, u32 value)
{
	add(m, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
}

static void allow_if(struct maker *m, const struct filter_rule *rule)
{
	assert(rule->arg < 6);
	if (rule->test != FILTER_ANY)
		load(m, offsetof(struct seccomp_data, args) + rule->arg * 8);
	switch (rule->test) {
	case FILTER_ANY:
		break;
	case FILTER_EQUAL:
		unless_equal(m, rule->value);
		break;
	case FILTER_TYPE:
		add(m, BPF_ALU | BPF_AND | BPF_K, 0xff00, 0, 0);
		unless_equal(m, rule->value << 8);
		break;
	case FILTER_WITHOUT:
		add(m, BPF_JMP | BPF_JSET | BPF_K, rule->value, 1, 0);
		break;
	}
	answer(m, SECCOMP_RET_ALLOW);
}

/* All rules of one number. */
static void leaf(struct maker *m, u32 first, u32 end)
{
	add(m, BPF_JMP | BPF_JEQ | BPF_K, m->rules[first].number, 1, 0);
	answer(m, m->refusal);
	for (u32 i = first; i < end; i++)
		allow_if(m, &m->rules[i]);
	answer(m, m->refusal);
}

/* The middle of the rules, moved on to where a number begins; `end` if none. */
static u32 middle(const struct maker *m, u32 first, u32 end)
{
	u32 i = first + (end - first) / 2;

	while (i < end && m->rules[i].number == m->rules[i - 1].number)
		i++;
	if (i < end)
		return i;
	i = first + (end - first) / 2;
	while (i > first && m->rules[i].number == m->rules[i - 1].number)
		i--;
	return i > first ? i : end;
}

struct half {
	u32 first, end;
	u16 jump; /* the instruction that leads here */
};

/*
 * Binary search, without recursion: the upper halves wait. A conditional jump
 * reaches 255 instructions, so it jumps over one that reaches all.
 */
static void tree(struct maker *m, u32 count)
{
	struct half waiting[FILTER_RULES_MAX], now = {0, count, 0};
	u32 depth = 0;

	for (;;) {
		u32 split = now.end - now.first > 1
				    ? middle(m, now.first, now.end)
				    : now.end;

		if (split < now.end) {
			add(m, BPF_JMP | BPF_JGE | BPF_K,
			    m->rules[split].number, 0, 1);
			waiting[depth++] =
				(struct half){split, now.end, m->filter->count};
			add(m, BPF_JMP | BPF_JA, 0, 0, 0);
			now.end = split;
			continue;
		}
		leaf(m, now.first, now.end);
		if (!depth)
			return;
		now = waiting[--depth];
		m->filter->insn[now.jump].k = m->filter->count - now.jump - 1u;
	}
}

void filter_make(const struct filter_rule *rules, u32 count, u32 refusal,
		 struct filter *ret)
{
	struct maker m = {ret, rules, refusal};

	assert(count && count <= FILTER_RULES_MAX);
	for (u32 i = 1; i < count; i++)
		assert(rules[i - 1].number <= rules[i].number);
	ret->count = 0;
	load(&m, offsetof(struct seccomp_data, arch));
	add(&m, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	answer(&m, refusal);
	load(&m, offsetof(struct seccomp_data, nr));
	tree(&m, count);
}
