/* SPDX-License-Identifier: MIT */
/*
 * The same bytes as 64-bit, 32-bit and 16-bit code, all of them hot, by turns,
 * before and after they change; and at CPL 0 and CPL 3.
 * [APM1 2.1 "Memory Management", "Modes of Operation"]
 */
#include "tests/guest/code/lib/space.h"
#include "tests/guest/code/lib/hot.h"

#define SEL_CODE_16 SEL_FREE

static u8 area[PAGE] __attribute__((aligned(4096)));

/* Goes there with EAX = 0; `int $0x80` comes back. */
static void go(word ip, word selector)
{
	__asm__ volatile("push %1; push %0; xor %%eax, %%eax; lretq"
			 :
			 : "r"(ip), "r"(selector)
			 : "memory", "rax");
}

static u64 answer_of(word ip, word selector)
{
	return catch_call((void *)go, ip, selector)->ax;
}

static void test_three_modes(void)
{
	u32 bad[3] = {0, 0, 0};

	gdt[SEL_CODE_16 / 8] = segment((u32)(u64)area, 0xffff, 0x9b);
	for (u32 round = 0; round < 8; round++) {
		u8 *at = EMIT(area, 0x31, 0xc0, 0x48, 0xff, 0xc0, 0x48, 0xff,
			      0xc0);

		/* 64: inc %rax twice | 32, 16: dec, inc, dec, inc
		 * 64, 32: add $0x9090.., %eax | 16: add $.., %ax; nop; nop */
		EMIT(at, 0x05, (u8)round, 0x12, 0x90, 0x90, 0xcd, 0x80);
		for (u32 i = 0; i < hot_rounds; i++) {
			bad[0] += answer_of((word)area, SEL_CODE) !=
				  0x90901202 + round;
			bad[1] += answer_of((word)area, SEL_CODE_OTHER) !=
				  0x90901200 + round;
			bad[2] += (answer_of(0, SEL_CODE_16) & 0xffff) !=
				  0x1200 + round;
		}
	}
	check_eq(bad[0], 0, "the same bytes as 64-bit code");
	check_eq(bad[1], 0, "the same bytes as 32-bit code");
	check_eq(bad[2], 0, "the same bytes as 16-bit code");
}

/* 32-bit addresses wrap, RIP-relative is absolute there. */
static void test_addresses(void)
{
	u32 bad = 0;
	u8 *at;

	*(volatile u32 *)(void *)(area + 0x100) = 0x1111;
	*(volatile u32 *)(void *)(area + 0x200) = 0x2222;
	/* mov disp32, %eax: RIP-relative in 64-bit code, absolute in 32-bit */
	for (u32 i = 0; i < hot_rounds; i++) {
		u32 absolute = (u32)(u64)area + 0x100;

		at = emit_u32(EMIT(area, 0x8b, 0x05), absolute);
		EMIT(at, 0xcd, 0x80);
		bad += answer_of((word)area, SEL_CODE_OTHER) != 0x1111;
		emit_u32(area + 2, 0x200 - 6);
		bad += answer_of((word)area, SEL_CODE) != 0x2222;
	}
	check_eq(bad, 0, "RIP-relative and absolute of the same bytes");
	/* mov -1(%eax), %eax with EAX 0 is not at the end of 2^64 */
	EMIT(area, 0x8b, 0x40, 0xff, 0xcd, 0x80);
	bad = 0;
	for (u32 i = 0; i < hot_rounds; i++) {
		const struct trap *t;

		(void)answer_of((word)area, SEL_CODE_OTHER);
		t = catch_call((void *)go, (word)area, SEL_CODE);
		bad += t->vector != V_PF || t->cr2 != ~0ull;
	}
	check_eq(bad, 0, "addresses wrap at 4 GiB in 32-bit code only");
}

/* One page at CPL 0 and CPL 3: what CLI and CS answer. */
static void test_levels(void)
{
	u8 *at = EMIT(area, 0x8c, 0xc8); /* mov %cs, %eax */
	u32 bad = 0;

	at = EMIT(at, 0xfa); /* cli: #GP at CPL 3 */
	EMIT(at, 0xcd, 0x80);
	for (u32 i = 0; i < hot_rounds; i++) {
		const struct trap *t = run(0, area, 0, 0, 0);

		bad += t->vector != VECTOR_RETURN || t->ax != SEL_CODE;
		t = run(3, area, 0, 0, 0);
		bad += t->vector != V_GP || t->error ||
		       t->ip != user_address(area + 2) || t->ax != SEL_USER_CODE;
	}
	check_eq(bad, 0, "the same code at CPL 0 and CPL 3");
}

/* CLI at CPL 3 follows IOPL; hot with both. */
static void test_iopl(void)
{
	u32 bad = 0;

	EMIT(EMIT(area, 0xfa, 0xfb, 0xfa, 0x90), 0xcd, 0x80);
	for (u32 i = 0; i < hot_rounds; i++) {
		bad += run(3, area, 0, 0, 3 * FLAG_IOPL)->vector !=
		       VECTOR_RETURN;
		bad += run(3, area, 0, 0, 2 * FLAG_IOPL)->vector != V_GP;
	}
	check_eq(bad, 0, "CLI and STI with IOPL 3 and 2");
}

void image_main(void)
{
	hot_init();
	test_three_modes();
	test_addresses();
	test_levels();
	test_iopl();
}
