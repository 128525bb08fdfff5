/* SPDX-License-Identifier: MIT */
/*
 * Each transfer is made twice from the same state: with an empty TLB, where the
 * general functions must do it, and with what it needs in the TLB. All registers,
 * all that is derived from them and all memory must be the same.
 */
#include "base/test.h"

#include <string.h>

#include "engine/core/exception/exception.h"
#include "engine/core/exec/harness.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/paging/tlb.h"
#include "engine/core/segment/segment.h"

#define VECTOR	    0x20u
#define PAGE_KERNEL 3u /* present, writable; all others are the user's, too */
#define RIP_BEFORE  (TEST_CODE + 0x123)
#define USER_TARGET (TEST_CODE + 0x1000)

static struct test_machine m, slow;

static void descriptor_or(u32 selector, u64 bits)
{
	u32 index = selector & ~7u;

	test_gdt_set(&m, index, test_gdt_get(&m, index) | bits, 0);
}

static void start(u32 cpl)
{
	static const u16 used[] = {TEST_CODE64_0, TEST_CODE64_3,
				   TEST_DATA0,	  TEST_DATA3,
				   TEST_CODE0,	  TEST_CONFORMING};

	test_machine_init(&m);
	test_long(&m, cpl);
	for (u32 i = 0; i < ARRAY_SIZE(used); i++)
		descriptor_or(used[i], (u64)SEG_ACCESSED << 40);
	RIP(&m.cpu) = RIP_BEFORE;
	test_idt_set(&m, VECTOR, TEST_CODE64_0, TEST_HANDLER,
		     SEG_P | SYSTEM_INTERRUPT32, 0);
}

/* What may be had comes into the TLB; what may not raises, which is forgotten. */
static void warm(void)
{
	static const u32 page[] = {
		TEST_GDT,    TEST_IDT,	      TEST_TSS,	    TEST_STACK0 - 1,
		TEST_STACK0, TEST_STACK3 - 1, TEST_IST1 - 1};
	bool closed = (m.cpu.cr4 & CR4_SMAP) && !(m.cpu.rflags & RFLAGS_AC);
	u32 kernel = closed ? TLB_SUPERVISOR : TLB_SUPERVISOR_AC;
	struct page_ref ref;

	tlb_flush(&m.cpu, true);
	for (u32 i = 0; i < ARRAY_SIZE(page); i++) {
		(void)tlb_fill(&m.cpu, TLB_SUPERVISOR, page[i], WALK_IMPLICIT,
			       &ref);
		(void)tlb_fill(&m.cpu, TLB_SUPERVISOR, page[i],
			       WALK_IMPLICIT | WALK_WRITE, &ref);
		(void)tlb_fill(&m.cpu, kernel, page[i], WALK_WRITE, &ref);
	}
	m.cpu.exception = (struct x86_exception){0};
}

static u32 class_of(const struct test_machine *machine)
{
	return (u32)(machine->cpu.tlb - machine->tlb);
}

static bool same_derived(const struct x86_cpu *a, const struct x86_cpu *b)
{
	return a->cpl == b->cpl && a->code == b->code &&
	       a->long_mode == b->long_mode &&
	       a->linear_mask == b->linear_mask && a->stack32 == b->stack32 &&
	       a->single_step == b->single_step &&
	       a->block_mode == b->block_mode &&
	       !memcmp(a->segment_base, b->segment_base,
		       sizeof(a->segment_base)) &&
	       !memcmp(a->segment_fast, b->segment_fast,
		       sizeof(a->segment_fast));
}

static bool same_segments(const struct x86_cpu *a, const struct x86_cpu *b)
{
	for (u32 i = SEG_ES; i <= SEG_GS; i++) {
		const struct x86_segment *s = &a->seg[i], *t = &b->seg[i];

		if (s->base != t->base || s->limit != t->limit ||
		    s->attr != t->attr || s->selector != t->selector)
			return false;
	}
	return true;
}

/* All but the page tables, whose A and D the warming has set. */
static bool same_memory(void)
{
	u32 behind = TEST_TABLES + 0x10000;

	return !memcmp(m.memory, slow.memory, TEST_TABLES) &&
	       !memcmp(m.memory + behind, slow.memory + behind,
		       TEST_MEMORY - behind);
}

static void check_same(const char *name, u32 cpl)
{
	const struct x86_cpu *a = &m.cpu, *b = &slow.cpu;
	bool same = !memcmp(a->gpr, b->gpr, sizeof(a->gpr)) &&
		    a->rflags == b->rflags && a->cr2 == b->cr2 &&
		    a->nmi_blocked == b->nmi_blocked &&
		    class_of(&m) == class_of(&slow) && same_derived(a, b) &&
		    same_segments(a, b) && same_memory();

	if (!same)
		printf("# %s, from CPL %u\n", name, cpl);
	check(same);
}

/* --- events --- */

static void nothing(void)
{
}
static void gate_of(u16 selector, u64 offset, u32 attr, u32 ist)
{
	test_idt_set(&m, VECTOR, selector, offset, attr, ist);
}
static void trap_gate(void)
{
	gate_of(TEST_CODE64_0, TEST_HANDLER, SEG_P | SYSTEM_TRAP32, 0);
}
static void gate_with_ist(void)
{
	gate_of(TEST_CODE64_0, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 1);
}
static void absent_gate(void)
{
	gate_of(TEST_CODE64_0, TEST_HANDLER, SYSTEM_INTERRUPT32, 0);
}
static void call_gate(void)
{
	gate_of(TEST_CODE64_0, TEST_HANDLER, SEG_P | SYSTEM_CALL32, 0);
}
static void gate_to_nowhere(void)
{
	gate_of(TEST_CODE64_0, BIT(50), SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void gate_to_32_bits(void)
{
	gate_of(TEST_CODE0, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void gate_to_the_user(void)
{
	gate_of(TEST_CODE64_3, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void null_gate(void)
{
	gate_of(3, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void local_gate(void)
{
	gate_of(TEST_CODE64_0 | 4, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void gate_with_rpl(void)
{
	gate_of(TEST_CODE64_0 | 3, TEST_HANDLER, SEG_P | SYSTEM_INTERRUPT32, 0);
}
static void conforming(void)
{
	descriptor_or(TEST_CODE64_0, (u64)SEG_DC << 40);
}
static void not_accessed(void)
{
	u64 low = test_gdt_get(&m, TEST_CODE64_0);

	test_gdt_set(&m, TEST_CODE64_0, low & ~((u64)SEG_ACCESSED << 40), 0);
}
static void code_absent(void)
{
	u64 low = test_gdt_get(&m, TEST_CODE64_0);

	test_gdt_set(&m, TEST_CODE64_0, low & ~((u64)SEG_P << 40), 0);
}
static void both_widths(void)
{
	descriptor_or(TEST_CODE64_0, (u64)SEG_DB << 40);
}
static void short_idt(void)
{
	m.cpu.idtr.limit = VECTOR * 16 + 14;
}
static void short_gdt(void)
{
	m.cpu.gdtr.limit = TEST_CODE64_0 + 6;
}
static void short_tss(void)
{
	gate_with_ist();
	m.cpu.seg[SEG_TR].limit = 0x24 + 6;
}
static void stack_over_an_edge(void)
{
	test_write(&m, TEST_TSS + 4, TEST_STACK0 - 0x1000 + 0x10, 8);
	m.cpu.gpr[RSP] = TEST_STACK0 - 0x1000 + 0x10;
}
static void stack_not_aligned(void)
{
	test_write(&m, TEST_TSS + 4, TEST_STACK0 - 3, 8);
	m.cpu.gpr[RSP] = TEST_STACK0 - 5;
}
static void stack_nowhere(void)
{
	test_write(&m, TEST_TSS + 4, BIT(50), 8);
}
static void stack_absent(void)
{
	test_map(&m, TEST_STACK0 - 0x1000, 0);
}
static void stack_of_the_user(void)
{
	m.cpu.cr4 |= CR4_SMAP;
	x86_mode_update(&m.cpu);
	for (u32 page = TEST_GDT; page <= TEST_TSS; page += 4096)
		test_map(&m, page, page | PAGE_KERNEL);
}
static void stack_of_the_user_with_ac(void)
{
	stack_of_the_user();
	m.cpu.rflags |= RFLAGS_AC;
	x86_mode_update(&m.cpu);
}
static void many_flags(void)
{
	m.cpu.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_NT | RFLAGS_RF |
			RFLAGS_IOPL | RFLAGS_DF | RFLAGS_ARITH;
	x86_mode_update(&m.cpu);
}

struct arrangement {
	const char *name;
	void (*make)(void);
	bool quick[2]; /* from CPL 0, from CPL 3 */
};

#define QUICK(make)                \
	{                          \
#make, make,       \
		{                  \
			true, true \
		}                  \
	}
#define GENERAL(make)                \
	{                            \
#make, make,         \
		{                    \
			false, false \
		}                    \
	}

static const struct arrangement events[] = {
	QUICK(nothing),
	QUICK(trap_gate),
	QUICK(gate_with_ist),
	QUICK(gate_with_rpl),
	QUICK(stack_not_aligned),
	QUICK(many_flags),
	GENERAL(absent_gate),
	GENERAL(call_gate),
	GENERAL(gate_to_nowhere),
	GENERAL(gate_to_32_bits),
	GENERAL(gate_to_the_user),
	GENERAL(null_gate),
	GENERAL(local_gate),
	GENERAL(conforming),
	GENERAL(not_accessed),
	GENERAL(code_absent),
	GENERAL(both_widths),
	GENERAL(short_idt),
	GENERAL(short_gdt),
	GENERAL(short_tss),
	GENERAL(stack_over_an_edge),
	GENERAL(stack_absent),
	{"stack_nowhere", stack_nowhere, {true, false}},
	GENERAL(stack_of_the_user),
	/* In an event AC holds for the frame, too. */
	QUICK(stack_of_the_user_with_ac),
};

static int deliver(bool error)
{
	if (!error)
		return interrupt_deliver(&m.cpu, VECTOR);
	(void)raise_error(&m.cpu, VECTOR, 0xabcd);
	return exception_deliver(&m.cpu);
}

static void compare_event(const struct arrangement *a, u32 cpl, bool error)
{
	u32 code = 0xabcd;
	int rc;

	start(cpl);
	a->make();
	tlb_flush(&m.cpu, true);
	rc = deliver(error);
	slow = m;
	start(cpl);
	a->make();
	warm();
	check_eq(deliver(error), rc);
	slow.cpu.tlb = slow.tlb + (slow.cpu.tlb - m.tlb);
	check_same(a->name, cpl);
	/* And was it the way that it should be? */
	start(cpl);
	a->make();
	warm();
	check_eq(event_quick(&m.cpu, VECTOR, m.cpu.rflags, error ? &code : NULL),
		 a->quick[cpl != 0]);
}

TEST(an_event_ends_alike_the_short_way_and_the_long_one)
{
	for (u32 i = 0; i < ARRAY_SIZE(events); i++)
		for (u32 error = 0; error < 2; error++) {
			compare_event(&events[i], 0, error);
			compare_event(&events[i], 3, error);
		}
}

/* --- IRETQ --- */

static void frame(u64 rip, u64 cs, u64 rflags, u64 rsp, u64 ss)
{
	const u64 word[] = {rip, cs, rflags, rsp, ss};

	m.cpu.gpr[RSP] = TEST_STACK0 - sizeof(word);
	for (u32 i = 0; i < ARRAY_SIZE(word); i++)
		test_write(&m, m.cpu.gpr[RSP] + 8 * i, word[i], 8);
}

static void to_user(void)
{
	frame(USER_TARGET, TEST_CODE64_3, RFLAGS_IF | 2, TEST_STACK3 - 8,
	      TEST_DATA3);
}
static void to_kernel(void)
{
	frame(USER_TARGET, TEST_CODE64_0, 2, TEST_STACK0 - 64, TEST_DATA0);
}
static void to_null_stack(void)
{
	frame(USER_TARGET, TEST_CODE64_0, 2, TEST_STACK0 - 64, 0);
}
static void user_with_null_stack(void)
{
	frame(USER_TARGET, TEST_CODE64_3, 2, TEST_STACK3, 0);
}
static void with_all_flags(void)
{
	frame(USER_TARGET, TEST_CODE64_3, ~0ull, TEST_STACK3, TEST_DATA3);
}
static void with_high_words(void)
{
	frame(USER_TARGET, 0xabcd0000 | TEST_CODE64_3, 2, TEST_STACK3,
	      0x12340000 | TEST_DATA3);
}
static void to_nowhere(void)
{
	frame(BIT(50), TEST_CODE64_3, 2, TEST_STACK3, TEST_DATA3);
}
static void to_32_bits(void)
{
	frame(USER_TARGET, TEST_CODE3, 2, TEST_STACK3, TEST_DATA3);
}
static void to_null_code(void)
{
	frame(USER_TARGET, 3, 2, TEST_STACK3, TEST_DATA3);
}
static void with_wrong_stack(void)
{
	frame(USER_TARGET, TEST_CODE64_3, 2, TEST_STACK3, TEST_DATA0);
}
static void with_code_as_stack(void)
{
	frame(USER_TARGET, TEST_CODE64_3, 2, TEST_STACK3, TEST_CODE64_3);
}
static void with_nested_task(void)
{
	to_user();
	m.cpu.rflags |= RFLAGS_NT;
}
static void over_an_edge(void)
{
	to_user();
	m.cpu.gpr[RSP] = TEST_STACK0 - 0x1000 - 16;
	for (u32 i = 0; i < 5; i++)
		test_write(&m, m.cpu.gpr[RSP] + 8 * i,
			   test_read(&m, TEST_STACK0 - 40 + 8 * i, 8), 8);
}
static void with_kernels_segments(void)
{
	static const u8 index[] = {SEG_DS, SEG_FS, SEG_GS};

	to_user();
	for (u32 i = 0; i < ARRAY_SIZE(index); i++) {
		m.cpu.seg[index[i]] = m.cpu.seg[SEG_SS];
		m.cpu.seg[index[i]].selector = i == 2 ? 0 : TEST_DATA0;
		m.cpu.seg[index[i]].attr = TEST_ATTR_DATA | SEG_ACCESSED;
		m.cpu.seg[index[i]].base = 0x1000 * i;
	}
	x86_mode_update(&m.cpu);
}
static void with_blocked_nmi(void)
{
	to_kernel();
	m.cpu.nmi_blocked = true;
}

static const struct arrangement irets[] = {
	QUICK(to_user),
	QUICK(to_kernel),
	QUICK(to_null_stack),
	QUICK(with_all_flags),
	QUICK(with_high_words),
	QUICK(with_kernels_segments),
	QUICK(with_blocked_nmi),
	GENERAL(user_with_null_stack),
	GENERAL(to_nowhere),
	GENERAL(to_32_bits),
	GENERAL(to_null_code),
	GENERAL(with_wrong_stack),
	GENERAL(with_code_as_stack),
	GENERAL(with_nested_task),
	GENERAL(over_an_edge),
};

static void compare_iret(const struct arrangement *a)
{
	int rc;

	start(0);
	a->make();
	tlb_flush(&m.cpu, true);
	rc = far_iret(&m.cpu, 8);
	slow = m;
	start(0);
	a->make();
	warm();
	check_eq(far_iret(&m.cpu, 8), rc);
	slow.cpu.tlb = slow.tlb + (slow.cpu.tlb - m.tlb);
	check_same(a->name, 0);
	start(0);
	a->make();
	warm();
	check_eq(iret_quick(&m.cpu), a->quick[0]);
}

TEST(an_iretq_ends_alike_the_short_way_and_the_long_one)
{
	for (u32 i = 0; i < ARRAY_SIZE(irets); i++)
		compare_iret(&irets[i]);
}
