/* SPDX-License-Identifier: MIT */
/*
 * Code that changes itself in 32-bit and 16-bit protected mode, and the same
 * bytes run as both. [SDM3 11.6 "Self-Modifying Code"] [SDM3 20 "Mixing 16-Bit
 * and 32-Bit Code"]
 */
#include "tests/guest/code/lib/stores.h"

#define CODE_16 0x8000u
#define SEL_16	8u /* lib/table32.c: base 0, 64 KiB */

u32 loop_head(void), loop_next(void), loop_previous(void), loop_branch(void);
u32 loop_opcode(void), loop_end(void), loop_line(void);

extern const u8 code16[], code16_end[];
extern const u8 head16[], next16[], stos16[], mixed16[], twice16[];

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
}

static u32 far_call(u32 selector, u32 offset, u32 a)
{
	struct {
		u32 offset;
		u16 selector;
	} __attribute__((packed)) target = {offset, (u16)selector};
	u32 result, b = 0;

	__asm__ volatile("lcall *(%%eax)"
			 : "=a"(result), "+D"(a), "+S"(b)
			 : "0"(&target)
			 : "ebx", "ecx", "edx", "memory", "cc");
	return result;
}

static u32 call16(const u8 *label, u32 a)
{
	return far_call(SEL_16, CODE_16 + (u32)(label - code16), a);
}

static void test_16(void)
{
	u32 n = 300 * hot_scale; /* 16-bit immediates: below 65536 */

	emit((u8 *)CODE_16, code16, (u32)(code16_end - code16));
	for (u32 again = 0; again < 2; again++) {
		check_eq(call16(head16, n), n * (n - 1) / 2,
			 "16 bits: a loop changes its head");
		check_eq(call16(next16, n), n * (n + 1) / 2,
			 "16 bits: a loop changes the next instruction");
		check_eq(call16(stos16, n), n,
			 "16 bits: rep stosb over the next instruction");
		check_eq(call16(mixed16, n), n / 2,
			 "16 bits: a condition changes");
		check_eq(call16(twice16, n), n / 2,
			 "16 bits: a prefix comes and goes");
	}
}

/* The same bytes as 16-bit and as 32-bit code, by turns. They end with a jump
 * to a far return of the mode's own, which is in BX. */
static void test_both(void)
{
	u8 *code = (u8 *)CODE_16 + 0x800, *out16 = code + 64, *out32 = code + 96;
	u32 bad = 0;

	emit_ret(EMIT(out32, 0x90));
	EMIT(out16, 0x66, 0xcb); /* lretl */
	for (u32 round = 0; round < 12; round++) {
		u8 value = (u8)(round * 17);
		u8 *at = EMIT(code, 0x31, 0xc0, 0x05, value, 0x12, 0x40, 0x40);

		/* 16: add $.., %ax; inc; inc | 32: add $0x4040.., %eax */
		at = EMIT(at, 0x0f, 0x1f, 0x00); /* nop */
		EMIT(at, 0xff, 0xe6);		 /* jmp *%esi, or *%si */
		for (u32 i = 0; i < hot_rounds; i++) {
			u32 r16, r32;

			__asm__ volatile("xor %%eax, %%eax; lcall $8, %1"
					 : "=&a"(r16)
					 : "i"(CODE_16 + 0x800), "S"(out16)
					 : "memory", "cc");
			bad += r16 != 0x1202u + value;
			r32 = call_code(code, 0, (word)out32);
			bad += r32 != 0x40401200u + value;
		}
	}
	check_eq(bad, 0, "the same bytes as 16-bit and 32-bit code");
}

/* Two code segments of different base over the same bytes: EIP is not where
 * they are, and CALL pushes it. */
static void test_bases(void)
{
	u32 bad = 0;

	/* call +0; pop %eax; lret, and an immediate that changes */
	for (u32 base = 0; base < 3; base++)
		gdt[SEL_FREE / 8 + base] =
			segment(CODE_16 - 0x10000 * base, 0xfffff, 0xc09b);
	for (u32 round = 0; round < 6; round++) {
		u8 *at = (u8 *)CODE_16 + 0x900;

		at = EMIT(at, 0xe8, 0, 0, 0, 0, 0x58, 0x05);
		EMIT(emit_u32(at, round * 0x100), 0xcb);
		for (u32 i = 0; i < hot_rounds; i++)
			for (u32 base = 0; base < 3; base++)
				bad += far_call(SEL_FREE + 8 * base,
						0x900 + 0x10000 * base, 0) !=
				       0x905 + 0x10000 * base + round * 0x100;
	}
	check_eq(bad, 0, "code segments of three bases over the same bytes");
}

void image_main(void)
{
	hot_init();
	stores_test(0, 0, "32 bits");
	test_loops();
	test_16();
	test_both();
	test_bases();
}
