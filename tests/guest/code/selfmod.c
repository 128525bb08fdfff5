/* SPDX-License-Identifier: MIT */
/*
 * Code that one CPU changes under itself: the running block, by every kind of
 * store and through aliases; code that shares its line or page with data or
 * page tables; bytes with two meanings.
 * [SDM3 11.6 "Self-Modifying Code"] [APM2 7.6.1 "Cache Organization and
 * Operation", "Self-Modifying Code"]
 */
#include "tests/guest/code/lib/space.h"
#include "tests/guest/code/lib/stores.h"

u32 loop_head(void), loop_next(void), loop_previous(void), loop_branch(void);
u32 loop_opcode(void), loop_end(void), loop_line(void);

static u8 area[8 * PAGE] __attribute__((aligned(4096)));

/* --- every kind of store, at its own address and by aliases --- */

static void test_stores(void)
{
	u32 pages = (u32)(stores_code_end - stores_code) / PAGE;
	word one = VA_ONE - (word)stores_code, two = VA_TWO - (word)stores_code;

	space_map(pml4, VA_ONE, stores_code, pages, PTE_ALL);
	space_map(pml4, VA_TWO, stores_code, pages, PTE_ALL);
	stores_test(0, 0, "in place");
	stores_test(0, one, "written by an alias");
	stores_test(one, 0, "run at an alias");
	stores_test(one, two, "run at one alias, written by another");
	stores_test(two, two, "both at the alias");
}

/* --- loops that change themselves --- */

static void test_loops(void)
{
	u32 n = 1000 * hot_scale;

	check_eq(call_code(loop_head, n, 0), n * (n - 1) / 2,
		 "a loop changes its head");
	check_eq(call_code(loop_next, n, 0), n * (n + 1) / 2,
		 "a loop changes the next instruction");
	check_eq(call_code(loop_previous, n, 0), 7 * n,
		 "a loop changes the instruction behind");
	check_eq(call_code(loop_branch, n, 0), n / 2 << 16 | n / 2,
		 "a loop turns its branch");
	check_eq(call_code(loop_opcode, n, 0), n / 2,
		 "a loop changes an opcode");
	check_eq(call_code(loop_end, n, 0), n - 3,
		 "a loop ends itself by a changed branch");
	check_eq(call_code(loop_line, 50 * n, 0), 50 * n,
		 "data in the line of a loop");
	check_eq(call_code(loop_head, n, 0), n * (n - 1) / 2,
		 "and the first once more");
}

/* --- over the edge of a page --- */

/* An instruction that begins `before` bytes before the edge, with the store
 * before it (on the edge itself when that is 0), or behind a jump. */
static u32 try_edge(u32 before, bool store_last)
{
	u8 *edge = area + PAGE, *site = edge - before, *start = site - 2, *at;
	u32 wrong = 0;

	if (store_last) { /* the store comes after, in the second page */
		start = edge + 64;
		at = EMIT(start, 0x89, 0x37); /* mov %esi, (%rdi) */
		emit_jmp(at, site);
	} else {
		EMIT(start, 0x89, 0x37);
	}
	emit_answer(site, 1);
	for (u32 round = 2; round < 5; round++) {
		u32 last = round - 1;

		wrong += hot_calls(start, (word)(area + 64), round, last);
		wrong += call_code(start, (word)(site + 1), round) != round;
		wrong += hot_calls(site, 0, 0, round);
	}
	for (u32 value = 0; value < hot_rounds; value++)
		wrong += call_code(start, (word)(site + 1),
				   value * 0x1010101) != value * 0x1010101;
	return wrong;
}

static void test_edges(void)
{
	for (u32 before = 0; before < 9; before++)
		check_eq(try_edge(before, false) + try_edge(before, true), 0,
			 "code %u bytes before a page's end changes", before);
}

/* Two pages, mapped side by side in one order and then in the other. */
static void test_joined_pages(void)
{
	u8 *a = area, *b = area + 4 * PAGE;
	u32 wrong = 0;

	emit_nops(a, PAGE);
	emit_nops(b, PAGE);
	EMIT(a + PAGE - 2, 0xb8, 0x11); /* mov $0x....11, %eax */
	EMIT(b + PAGE - 2, 0xb8, 0x22);
	EMIT(a, 0xa1, 0xa2, 0xa3, 0xc3);
	EMIT(b, 0xb1, 0xb2, 0xb3, 0xc3);
	for (u32 round = 0; round < 6; round++) {
		bool turned = round & 1;

		space_map(pml4, VA_ONE, turned ? b : a, 1, PTE_ALL);
		space_map(pml4, VA_ONE + PAGE, turned ? a : b, 1, PTE_ALL);
		invlpg((void *)VA_ONE);
		invlpg((void *)(VA_ONE + PAGE));
		wrong += hot_calls((void *)(VA_ONE + PAGE - 2), 0, 0,
				   turned ? 0xa3a2a122 : 0xb3b2b111);
		space_map(pml4, VA_ONE + PAGE, turned ? b : a, 1, PTE_ALL);
		invlpg((void *)(VA_ONE + PAGE));
		EMIT(b, 0xb1, 0xb2, 0xb3, 0xc3);
		wrong += hot_calls((void *)(VA_ONE + PAGE - 2), 0, 0,
				   turned ? 0xb3b2b122 : 0xa3a2a111);
	}
	check_eq(wrong, 0, "an instruction over two pages that are exchanged");
}

/* --- blocks that go to other blocks --- */

static void test_chains(void)
{
	u8 *a = area, *b = area + 2 * PAGE + 100, *c = area + 4 * PAGE + 200;
	u32 wrong = 0;

	emit_jmp(a, b);
	for (u32 round = 1; round < 40; round++) {
		emit_answer(b, round);
		wrong += hot_calls(a, 0, 0, round);
		/* The jump itself goes elsewhere, with the old target there. */
		emit_answer(c, ~round);
		emit_jmp(a, c);
		wrong += hot_calls(a, 0, 0, ~round);
		/* A third way in between: b jumps to c. */
		emit_jmp(b, c);
		emit_jmp(a, b);
		wrong += hot_calls(a, 0, 0, ~round);
		/* One byte: b begins with RET; EAX is the target. */
		EMIT(b, 0xc3);
		wrong += hot_calls(a, 0, 0, (u32)(word)a);
	}
	check_eq(wrong, 0, "jumps whose target changes");
}

/* Conditional branches, both ways hot, condition and targets changing. */
static void test_conditions(void)
{
	u8 *at = area;
	u32 wrong = 0;

	/* cmp %esi, %edi; jcc +6; mov $1, %eax; ret; mov $2, %eax; ret */
	at = EMIT(at, 0x39, 0xf7, 0x74, 6);
	emit_answer(emit_answer(at, 1), 2);
	for (u32 round = 0; round < 10; round++) {
		EMIT(area + 2, 0x74); /* je */
		wrong += hot_calls(area, 5, 5, 2) + hot_calls(area, 5, 6, 1);
		EMIT(area + 2, 0x75); /* jne */
		wrong += hot_calls(area, 5, 5, 1) + hot_calls(area, 5, 6, 2);
		EMIT(area + 2, 0x72); /* jb */
		wrong += hot_calls(area, 5, 6, 2) + hot_calls(area, 6, 5, 1);
		EMIT(area + 3, 0);
		wrong += hot_calls(area, 5, 6, 1) + hot_calls(area, 6, 5, 1);
		EMIT(area + 3, 6);
		EMIT(area, 0x39, 0xfe); /* cmp %edi, %esi */
		wrong += hot_calls(area, 5, 6, 1) + hot_calls(area, 6, 5, 2);
		EMIT(area, 0x39, 0xf7);
	}
	check_eq(wrong, 0, "branches whose condition changes");
}

/* --- bytes with two meanings --- */

/* An answer is what EAX keeps of the address called, and a number. */
struct answer {
	u32 at, keep, number;
};

static const struct overlap {
	u8 bytes[12];
	struct answer answers[2];
} overlaps[] = {
	/* mov $0x5bc3c031, %eax; ret | xor %eax, %eax; ret */
	{{0xb8, 0x31, 0xc0, 0xc3, 0x5b, 0xc3}, {{0, 0, 0x5bc3c031}, {1, 0, 0}}},
	/* mov $7, %eax; test $0x9004c083, %eax; ret | add $4, %eax; nop; ret */
	{{0xb8, 7, 0, 0, 0, 0xa9, 0x83, 0xc0, 4, 0x90, 0xc3},
	 {{0, 0, 7}, {6, ~0u, 4}}},
	/* mov $0x1234, %ax; nop; nop; ret | mov $0x90901234, %eax; ret */
	{{0x66, 0xb8, 0x34, 0x12, 0x90, 0x90, 0xc3},
	 {{0, 0xffff0000, 0x1234}, {1, 0, 0x90901234}}},
	/* add $0x05.., %al; add $.., %eax: two chains that join at the end */
	{{0x04, 0x05, 0x04, 0x05, 0x90, 0x90, 0x90, 0x90, 0xc3},
	 {{3, ~0u, 0x90909090}, {8, ~0u, 0}}},
	/* add $-1, %rax and the same without REX */
	{{0xb8, 0xff, 0xff, 0xff, 0xff, 0x48, 0xff, 0xc0, 0xc3},
	 {{0, 0, 0}, {6, ~0u, 1}}},
};

static u32 overlap_call(const struct answer *a)
{
	const u8 *at = area + 37 + a->at;

	return (u32)call_code(at, 0, 0) != ((u32)(word)at & a->keep) + a->number;
}

static void test_overlaps(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(overlaps); i++) {
		const struct overlap *o = &overlaps[i];
		u32 wrong = 0;

		emit(area + 37, o->bytes, sizeof(o->bytes));
		for (u32 n = 0; n < hot_rounds; n++)
			wrong += overlap_call(&o->answers[0]) +
				 overlap_call(&o->answers[1]);
		check_eq(wrong, 0, "bytes with two meanings, %u", i);
	}
}

/* Both decodings are hot when a byte of both changes. */
static void test_overlap_changes(void)
{
	u32 wrong = 0;

	/* mov $0xc3..b0.., %eax; ret | mov $.., %al; ret */
	EMIT(area, 0xb8, 1, 0xb0, 2, 0xc3, 0xc3);
	for (u32 round = 0; round < 20; round++) {
		u8 value = (u8)(3 * round);

		EMIT(area + 3, value);
		wrong += hot_calls(area, 0, 0,
				   0xc3u << 24 | value << 16 | 0xb001);
		value++;
		EMIT(area + 3, value);
		for (u32 n = 0; n < hot_rounds; n++)
			wrong += (u8)call_code(area + 2, 0, 0) != value;
	}
	check_eq(wrong, 0, "two meanings of a byte that changes");
}

/* --- pages that are code, then data, then code --- */

static u32 sums[2];

/* The page as data, hot: written, read back, by both of its addresses. */
static void as_data(u32 seed, volatile u32 *by, const volatile u32 *other)
{
	u32 state = seed, wrong = 0;

	for (u32 i = 0; i < PAGE / 4; i++)
		by[i] = next_random(&state);
	state = seed;
	for (u32 i = 0; i < PAGE / 4; i++)
		wrong += other[i] != next_random(&state);
	sums[1] += wrong;
}

static void test_recycling(void)
{
	const u64 at[] = {(u64)area, VA_ONE, VA_TWO};

	space_map(pml4, VA_ONE, area, 1, PTE_ALL);
	space_map(pml4, VA_TWO, area, 1, PTE_ALL);
	flush_all();
	sums[0] = sums[1] = 0;
	for (u32 round = 0; round < 60 * hot_scale; round++) {
		u8 *write = (u8 *)at[round % 3];
		u8 *run = (u8 *)at[round / 3 % 3];
		u32 offset = round * 52 % 4000;

		as_data(round + 1, (volatile u32 *)(void *)write,
			(volatile u32 *)(void *)run);
		emit_answer(write + offset, round);
		sums[0] += hot_calls(run + offset, 0, 0, round);
		/* And the same in place, one byte longer. */
		emit_answer(EMIT(write + offset, 0x90), ~round);
		sums[0] += hot_calls(run + offset, 0, 0, ~round);
	}
	check_eq(sums[0], 0, "a page that is code again and again");
	check_eq(sums[1], 0, "and data in between");
}

/* --- page tables and code on one page --- */

/* The upper half of a table's page is code that reads through its entries. */
static void test_table_and_code(void)
{
	u64 *table, va = VA_ONE + BIT(30);
	volatile u64 *pte = space_pte(pml4, va);
	u8 *code, *at;
	u32 wrong = 0;

	table = (u64 *)((u64)pte & ~0xfffull);
	code = (u8 *)(table + 256);
	at = EMIT(code, 0x8b, 0x07); /* mov (%rdi), %eax */
	at = emit_ret(at);
	*(volatile u32 *)(void *)(area + PAGE) = 0x1111;
	*(volatile u32 *)(void *)(area + 2 * PAGE) = 0x2222;
	for (u32 round = 0; round < hot_rounds; round++) {
		pte[0] = (u64)(area + PAGE) | PTE_ALL;
		pte[1] = (u64)(area + 2 * PAGE) | PTE_ALL;
		invlpg((void *)va);
		invlpg((void *)(va + PAGE));
		for (u32 n = 0; n < 40; n++) {
			wrong += call_code(code, va, 0) != 0x1111;
			wrong += call_code(code, va + PAGE, 0) != 0x2222;
		}
		wrong += !(pte[0] & PTE_A) + !(pte[1] & PTE_A);
		pte[0] = (u64)(area + 2 * PAGE) | PTE_ALL;
		invlpg((void *)va);
		wrong += call_code(code, va, 0) != 0x2222;
		EMIT(code, 0x8b, round & 1 ? 0x07 : 0x06); /* or (%rsi) */
		wrong += call_code(code, va, va + PAGE) != 0x2222;
		EMIT(code, 0x8b, 0x07);
	}
	check_eq(wrong, 0, "page tables and code on one page");
}

void image_main(void)
{
	hot_init();
	test_stores();
	test_loops();
	test_edges();
	test_joined_pages();
	test_chains();
	test_conditions();
	test_overlaps();
	test_overlap_changes();
	test_recycling();
	test_table_and_code();
}
