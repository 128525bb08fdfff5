/* SPDX-License-Identifier: MIT */
/*
 * Address spaces that share code over different data, and alternate fast: by
 * CR3 with and without PCIDs, global pages, the same code at several addresses,
 * code of one address that differs, and what each way to flush must do.
 * [SDM3 4.10 "Caching Translation Information"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"

#define SPACES	3
#define NOFLUSH BIT(63)
#define CR3_PWT BIT(3)
#define CR3_PCD BIT(4)

/* In each space: shared code, own data, own code, own data once more. */
#define AT_CODE	 VA_ONE
#define AT_DATA	 (VA_ONE + PAGE)
#define AT_OTHER (VA_ONE + 2 * PAGE)
#define AT_MORE	 (VA_ONE + 3 * PAGE)
/* And the same pages at a second place. */
#define MOVED (VA_TWO - VA_ONE)

static u8 shared[PAGE] __attribute__((aligned(4096)));
static struct {
	u8 data[PAGE], code[PAGE], more[PAGE];
} own[SPACES] __attribute__((aligned(4096)));
static u64 *roots[SPACES];

/* Offsets of functions in the shared page. */
#define F_READ	 0x000 /* own data, RIP-relative */
#define F_COUNT	 0x040 /* counts in own data */
#define F_CALL	 0x080 /* calls own code */
#define F_JUMP	 0x0c0 /* jumps to own code */
#define F_TABLE	 0x100 /* calls through a pointer in own data */
#define F_SWITCH 0x140 /* reads, loads CR3 from RSI, reads again */

static u32 away(u64 from_end, u64 to)
{
	return (u32)(to - from_end);
}

static void shared_make(void)
{
	u8 *at = shared + F_READ;

	/* mov data(%rip), %eax; ret */
	at = emit_u32(EMIT(at, 0x8b, 0x05), away(AT_CODE + F_READ + 6, AT_DATA));
	emit_ret(at);
	/* incl data+8(%rip); mov data+8(%rip), %eax; ret */
	at = shared + F_COUNT;
	at = emit_u32(EMIT(at, 0xff, 0x05),
		      away(AT_CODE + F_COUNT + 6, AT_DATA + 8));
	at = emit_u32(EMIT(at, 0x8b, 0x05),
		      away(AT_CODE + F_COUNT + 12, AT_DATA + 8));
	emit_ret(at);
	/* call own code; add $0x100, %eax; ret */
	at = shared + F_CALL;
	at = emit_u32(EMIT(at, 0xe8), away(AT_CODE + F_CALL + 5, AT_OTHER));
	emit_ret(emit_u32(EMIT(at, 0x05), 0x100));
	/* jmp own code */
	at = shared + F_JUMP;
	emit_u32(EMIT(at, 0xe9), away(AT_CODE + F_JUMP + 5, AT_OTHER));
	/* call *data+16(%rip); add $0x200, %eax; ret */
	at = shared + F_TABLE;
	at = emit_u32(EMIT(at, 0xff, 0x15),
		      away(AT_CODE + F_TABLE + 6, AT_DATA + 16));
	emit_ret(emit_u32(EMIT(at, 0x05), 0x200));
	/* mov (%rdi), %eax; mov %rsi, %cr3; shl $8, %eax; or (%rdi), %eax */
	EMIT(shared + F_SWITCH, 0x8b, 0x07, 0x0f, 0x22, 0xde, 0xc1, 0xe0, 8,
	     0x0b, 0x07, 0xc3);
}

static void spaces_make(u64 code_bits)
{
	shared_make();
	for (u32 i = 0; i < SPACES; i++) {
		u32 *data = (u32 *)(void *)own[i].data;

		memset(own[i].data, 0, PAGE);
		data[0] = 0x10 + i;
		*(u64 *)(void *)(data + 4) = AT_OTHER + 16;
		emit_answer(own[i].code, 0x20 + i);
		emit_answer(own[i].code + 16, 0x30 + i);
		/* Returns to its caller after a switch to the space in RSI. */
		EMIT(own[i].code + 32, 0x0f, 0x22, 0xde, 0xc3);
		emit_answer(own[i].code + 64, 0x40 + i);
		if (!roots[i])
			roots[i] = space_new();
		for (u32 place = 0; place < 2; place++) {
			u64 va = AT_CODE + place * MOVED;

			space_map(roots[i], va, shared, 1, PTE_ALL | code_bits);
			space_map(roots[i], va + PAGE, own[i].data, 1, PTE_ALL);
			space_map(roots[i], va + 2 * PAGE, own[i].code, 1,
				  PTE_ALL);
			space_map(roots[i], va + 3 * PAGE, own[i].more, 1,
				  PTE_ALL);
		}
	}
	flush_all();
}

static u32 ask(u64 at)
{
	return (u32)call_code((void *)at, 0, 0);
}

/* All that is shared, in space i, where it is at `at`. */
static u32 visit(u32 i, u64 at)
{
	u32 wrong = 0, count = *(volatile u32 *)(void *)(own[i].data + 8);

	wrong += ask(at + F_READ) != 0x10 + i;
	wrong += ask(at + F_COUNT) != count + 1;
	wrong += ask(at + F_CALL) != 0x120 + i;
	wrong += ask(at + F_JUMP) != 0x20 + i;
	wrong += ask(at + F_TABLE) != 0x230 + i;
	wrong += *(volatile u32 *)(void *)(own[i].data + 8) != count + 1;
	return wrong;
}

enum how { PLAIN, PCID_FLUSH, PCID_KEEP, HOWS };
static const char *const how_name[] = {"no PCID", "PCIDs, flushing",
				       "PCIDs, not flushing"};

static u64 cr3_of(u32 i, enum how how)
{
	u64 root = (u64)roots[i];

	if (how == PLAIN)
		return root;
	return (root | (i + 1)) | (how == PCID_KEEP ? NOFLUSH : 0);
}

static void alternate(enum how how, bool global)
{
	u32 wrong = 0, switches = 10000 * hot_scale;

	spaces_make(global ? PTE_G : 0);
	for (u32 n = 0; n < switches; n++) {
		u32 i = n % SPACES;

		write_cr3(cr3_of(i, how));
		wrong += visit(i, AT_CODE + n / SPACES % 2 * MOVED);
	}
	check_eq(wrong, 0, "%u switches, %s%s", switches, how_name[how],
		 global ? ", global code" : "");
	/* The switch itself is in the shared code. */
	wrong = 0;
	for (u32 n = 0; n < switches; n++) {
		u32 i = n % SPACES, next = (n + 1) % SPACES;

		write_cr3(cr3_of(i, how));
		wrong += call_code((void *)(AT_CODE + F_SWITCH), AT_DATA,
				   cr3_of(next, how)) !=
			 ((0x10 + i) << 8 | (0x10 + next));
	}
	check_eq(wrong, 0, "%u switches inside a block, %s%s", switches,
		 how_name[how], global ? ", global code" : "");
	write_cr3((word)pml4);
}

/* CR3 changes in a callee, whose caller is other code in the next space. */
static void test_returns(enum how how)
{
	u32 wrong = 0;

	spaces_make(0);
	for (u32 i = 0; i < SPACES; i++) {
		/* call code+32; mov $0x50+i, %eax; ret */
		u8 *at = own[i].code + 128;

		at = emit_call(at, own[i].code + 32);
		emit_answer(at, 0x50 + i);
	}
	for (u32 n = 0; n < 5000 * hot_scale; n++) {
		u32 i = n % SPACES, next = (n + 1) % SPACES;

		write_cr3(cr3_of(i, how));
		wrong += call_code((void *)(AT_OTHER + 128), 0,
				   cr3_of(next, how)) != 0x50 + next;
	}
	write_cr3((word)pml4);
	check_eq(wrong, 0, "a return into another space, %s", how_name[how]);
}

/* One space at a time for long, so that all is hot; then the next. */
static void test_long_turns(void)
{
	u32 wrong = 0;

	spaces_make(0);
	for (u32 n = 0; n < 30 * hot_scale; n++) {
		write_cr3(cr3_of(n % SPACES, PLAIN));
		for (u32 k = 0; k < hot_rounds; k++)
			wrong += visit(n % SPACES, AT_CODE + (k & 1) * MOVED);
	}
	write_cr3((word)pml4);
	check_eq(wrong, 0, "long turns");
}

/* Each place, space and code in an order without rhythm. */
static void test_random_turns(enum how how)
{
	u32 wrong = 0, state = 7;

	spaces_make(0);
	for (u32 n = 0; n < 10000 * hot_scale; n++) {
		u32 random = next_random(&state), i = random % SPACES;

		write_cr3(cr3_of(i, how));
		wrong += visit(i, AT_CODE + (random >> 8 & 1) * MOVED);
	}
	write_cr3((word)pml4);
	check_eq(wrong, 0, "turns without rhythm, %s", how_name[how]);
}

/* --- ways to flush --- */

enum flush {
	BY_INVLPG,
	BY_CR3,
	BY_PGE,
	BY_INVPCID,
	BY_INVPCID_CONTEXT,
	BY_INVPCID_ALL,
	FLUSHES
};
static const char *const flush_name[] = {"INVLPG",
					 "a load of CR3",
					 "CR4.PGE",
					 "INVPCID, one address",
					 "INVPCID, one context",
					 "INVPCID, all"};

static void invpcid(u64 type, u64 pcid, u64 address)
{
	const u64 descriptor[2] = {pcid, address};

	__asm__ volatile("invpcid %0, %1"
			 :
			 : "m"(descriptor), "r"(type)
			 : "memory");
}

static void flush(enum flush by, u64 va)
{
	switch (by) {
	case BY_INVLPG:
		invlpg((void *)va);
		break;
	case BY_CR3:
		write_cr3(read_cr3());
		break;
	case BY_PGE:
		flush_all();
		break;
	case BY_INVPCID:
		invpcid(0, 0, va);
		break;
	case BY_INVPCID_CONTEXT:
		invpcid(1, 0, 0);
		break;
	case BY_INVPCID_ALL:
		invpcid(2, 0, 0);
		break;
	case FLUSHES:
		break;
	}
}

/* Data and code at one address each become another page's. */
static void test_flush(enum flush by)
{
	u32 wrong = 0;

	space_map(pml4, AT_CODE, shared, 1, PTE_ALL);
	flush_all();
	shared_make();
	for (u32 n = 0; n < 60 * hot_scale; n++) {
		u32 i = n % SPACES;

		own[i].data[0] = (u8)(0x10 + i);
		emit_answer(own[i].code, 0x20 + i);
		space_map(pml4, AT_DATA, own[i].data, 1, PTE_ALL);
		flush(by, AT_DATA);
		wrong += hot_calls((void *)(AT_CODE + F_READ), 0, 0, 0x10 + i);
		space_map(pml4, AT_OTHER, own[i].code, 1, PTE_ALL);
		flush(by, AT_OTHER);
		wrong += hot_calls((void *)AT_OTHER, 0, 0, 0x20 + i);
		wrong += hot_calls((void *)(AT_CODE + F_CALL), 0, 0, 0x120 + i);
		wrong += hot_calls((void *)(AT_CODE + F_JUMP), 0, 0, 0x20 + i);
	}
	check_eq(wrong, 0, "other pages at hot addresses, by %s",
		 flush_name[by]);
}

/* More PCIDs than any processor's model here keeps. */
static void test_many_pcids(void)
{
	u32 wrong = 0, state = 9;

	spaces_make(0);
	for (u32 n = 0; n < 10000 * hot_scale; n++) {
		u32 pcid = 1 + next_random(&state) % 40, i = pcid % SPACES;

		write_cr3((u64)roots[i] | pcid | NOFLUSH);
		wrong += visit(i, AT_CODE);
	}
	write_cr3((word)pml4);
	check_eq(wrong, 0, "40 PCIDs");
}

/* What is kept of another space, hot there, is flushed from here. */
static void test_flush_elsewhere(u64 type)
{
	u32 wrong = 0;

	spaces_make(0);
	for (u32 n = 0; n < 60 * hot_scale; n++) {
		u32 now = 1 + (n & 1);

		write_cr3(cr3_of(1, PCID_KEEP));
		wrong += hot_calls((void *)(AT_CODE + F_READ), 0, 0, 0x10 + now);
		write_cr3(cr3_of(0, PCID_KEEP));
		wrong += visit(0, AT_CODE);
		space_map(roots[1], AT_DATA, own[3 - now].data, 1, PTE_ALL);
		invpcid(type, 1 + 1, type ? 0 : AT_DATA);
		write_cr3(cr3_of(1, PCID_KEEP));
		wrong += ask(AT_CODE + F_READ) != 0x10 + 3 - now;
	}
	write_cr3((word)pml4);
	check_eq(wrong, 0, "a kept space's page, flushed by INVPCID type %u",
		 (u32)type);
}

/* INVLPG of the page that runs, in the middle of it. */
static void test_invlpg_of_self(void)
{
	u32 wrong = 0;
	u8 *at = own[0].code;

	/* mov %rsi, (%rdi): the PTE; invlpg (%rdx), its own; then its answer:
	 * the next fetch after a serializing instruction. */
	for (u32 i = 0; i < 2; i++) {
		at = own[i].code;
		at = EMIT(at, 0x48, 0x89, 0x37);
		at = EMIT(at, 0x48, 0x8d, 0x15, 0xf6, 0xff, 0xff, 0xff);
		at = EMIT(at, 0x0f, 0x01, 0x3a);
		emit_answer(at, 0x60 + i);
	}
	for (u32 n = 0; n < 5 * hot_rounds; n++) {
		u32 now = n & 1;

		space_map(pml4, AT_OTHER, own[now].code, 1, PTE_ALL);
		invlpg((void *)AT_OTHER);
		wrong += call_code((void *)AT_OTHER,
				   (word)space_pte(pml4, AT_OTHER),
				   (word)own[!now].code | PTE_ALL) !=
			 0x60 + !now;
	}
	check_eq(wrong, 0, "code that maps other code over itself");
}

/* --- large pages --- */

#define BIG (VA_ONE + BIT(31))

static u8 big[0x400000];

/* A 2-MiB page is split into small ones, one of them elsewhere, and back. */
static void test_split(void)
{
	u8 *base = (u8 *)(((u64)big + 0x1fffff) & ~0x1fffffull);
	u64 *pt, *pde, va = BIG + 5 * PAGE;
	u32 wrong = 0;
	u64 small;

	pt = (u64 *)((u64)space_pte(pml4, BIG) & ~0xfffull);
	for (u32 i = 0; i < 512; i++)
		pt[i] = (u64)(base + i * PAGE) | PTE_ALL;
	pt[5] = (u64)own[1].code | PTE_ALL;
	pde = (u64 *)(pml4[BIG >> 39 & 511] & ~0xfffull);
	pde = (u64 *)(pde[BIG >> 30 & 511] & ~0xfffull) + (BIG >> 21 & 511);
	small = *pde;
	emit_answer(base + 5 * PAGE, 0x70);
	emit_answer(base + 6 * PAGE, 0x72);
	emit_answer(own[1].code, 0x71);
	for (u32 n = 0; n < 40 * hot_scale; n++) {
		bool split = n & 1;

		*pde = split ? small : (u64)base | PTE_ALL | PTE_PS;
		flush(n & 2 ? BY_INVLPG : BY_CR3, va);
		wrong += hot_calls((void *)va, 0, 0, split ? 0x71 : 0x70);
		wrong += *(volatile u8 *)(va + 1) != (split ? 0x71 : 0x70);
		wrong += hot_calls((void *)(va + PAGE), 0, 0, 0x72);
	}
	check_eq(wrong, 0, "a large page is split and joined");
}

void image_main(void)
{
	hot_init();
	write_cr4(read_cr4() | CR4_PGE);
	for (u32 global = 0; global < 2; global++)
		alternate(PLAIN, global);
	test_returns(PLAIN);
	test_long_turns();
	test_random_turns(PLAIN);
	for (enum flush by = BY_INVLPG; by < BY_INVPCID; by++)
		test_flush(by);
	test_invlpg_of_self();
	test_split();
	if (HAS_INVPCID) { /* without PCIDs it is of PCID 0 */
		write_cr3((word)pml4 | CR3_PWT | CR3_PCD);
		test_flush(BY_INVPCID);
		test_flush(BY_INVPCID_CONTEXT);
		write_cr3((word)pml4);
	}
	if (!HAS_PCID) {
		skip("PCID: not offered");
		return;
	}
	write_cr4(read_cr4() | CR4_PCIDE);
	for (enum how how = PCID_FLUSH; how < HOWS; how++) {
		for (u32 global = 0; global < 2; global++)
			alternate(how, global);
		test_returns(how);
		test_random_turns(how);
	}
	test_many_pcids();
	if (!HAS_INVPCID) {
		skip("INVPCID: not offered");
		return;
	}
	for (u64 type = 0; type < 4; type++)
		test_flush_elsewhere(type);
	for (enum flush by = BY_INVPCID; by < FLUSHES; by++)
		test_flush(by);
	test_split();
}
