/* SPDX-License-Identifier: MIT */
/*
 * Hot code that is not 64-bit: segments with bases and limits, stacks of 16
 * bits, 16-bit code in protected and in real mode. [SDM3 5.3 "Limit Checking"]
 * [SDM3 20.1 "Real-Address Mode"]
 */
#include "tests/guest/code/small.h"

#include "tests/guest/code/lib/hot.h"

extern const u8 small16[], small16_end[], protected16[], real16[];
extern const u8 sum16[], segments16[], jumps16[], wide16[], strings16[];
extern const u8 wrap16[];

/* --- 16-bit code --- */

static u32 far_call(const u8 *way, const u8 *fn, u32 a)
{
	struct {
		u32 offset;
		u16 selector;
	} __attribute__((packed)) target = {(u32)(way - small16), SEL_SMALL};
	u32 result;

	__asm__ volatile("lcall *(%%ecx)"
			 : "=a"(result)
			 : "c"(&target), "b"((u32)(fn - small16)), "D"(a)
			 : "memory", "cc");
	return result;
}

static u32 sum(u32 a)
{
	return a * (a + 1) / 2 & 0xffff;
}

static u32 segments(u32 a)
{
	u16 v = (u16)a, r = (u16)(6 * v + 4), at12 = (u16)(v + 1);

	r = (u16)(r + (r >> 8));
	r = (u16)(r + at12);
	return (u16)(r + (at12 + r > 0xffff));
}

static u32 jumps(u32 a)
{
	static const u32 first[] = {11, 33, 1000, 11};
	u32 r = first[a & 3];

	/* ten more, or up to 1005, and what is left of the count */
	return r == 1000 ? 1005 + 5 : r + 10;
}

static u32 wide(u32 a)
{
	u32 b = 0x12345678, r = a + 2 * (b + 2 * a);

	r ^= __builtin_bswap32(3 * r);
	return r << 5 | b >> 27;
}

static u32 strings(u32 a)
{
	return (u16)(2 * a + 7 + 9);
}

static u32 wrap(u32 a)
{
	return (u16)(2 * a);
}

static const struct {
	const u8 *fn;
	u32 (*expected)(u32 a);
	const char *name;
} tests16[] = {
	{sum16, sum, "calls and loops"},
	{segments16, segments, "segments and addresses"},
	{jumps16, jumps, "indirect jumps"},
	{wide16, wide, "32-bit operands and addresses"},
	{strings16, strings, "strings and segment registers"},
	{wrap16, wrap, "a stack over the end of its segment"},
};

static void test_16(const u8 *way, const char *mode)
{
	for (u32 i = 0; i < ARRAY_SIZE(tests16); i++) {
		u32 bad = 0, seed = 1;

		for (u32 round = 0; round < hot_rounds; round++) {
			u32 a = next_random(&seed) & 0xff;

			if (tests16[i].fn != sum16)
				a = next_random(&seed);
			bad += far_call(way, tests16[i].fn, a) !=
			       tests16[i].expected(a);
		}
		check_eq(bad, 0, "%s: %s", mode, tests16[i].name);
	}
}

/* --- 32-bit code, other segments --- */

static void fs_load(u16 selector)
{
	__asm__ volatile("mov %0, %%fs" : : "r"((u32)selector) : "memory");
}

/* C needs its ES: the code below loads this one, and traps put back C's. */
u32 es_selector;

static void es_load(u16 selector)
{
	es_selector = selector;
}

word fs_read(word a, word b), fs_write(word a, word b);
word es_read(word a, word b), es_write(word a, word b);
word stack_of_16(word a, word b);
word bytes_high(word a, word b), short_forms(word a, word b);

#define ARGUMENTS "mov 4(%esp), %eax; mov 8(%esp), %edx\n\t"

__asm__(".pushsection .text\n"
	"fs_read: " ARGUMENTS "mov %fs:(%eax), %eax; ret\n"
	"fs_write: " ARGUMENTS "mov %edx, %fs:(%eax); mov %edx, %eax; ret\n"
	"es_read: " ARGUMENTS "push %es; mov es_selector, %ecx\n"
	"	mov %ecx, %es; mov %es:(%eax), %eax; pop %es; ret\n"
	"es_write: " ARGUMENTS "push %es; mov es_selector, %ecx\n"
	"	mov %ecx, %es; mov %edx, %es:(%eax); mov %edx, %eax\n"
	"	pop %es; ret\n"
	"stack_of_16: " ARGUMENTS "mov %ss, %cx; push %esi; mov %esp, %esi\n"
	"	mov $0xb0, %edx; mov %dx, %ss; mov $0x70004, %esp\n"
	"	push %eax; push $3; push %ax; pop %dx; pop %edx; add %esp, %edx\n"
	"	pop %eax; add %edx, %eax; add %esp, %eax\n"
	"	mov %cx, %ss; mov %esi, %esp; pop %esi; ret\n"
	/* AH..BH beside memory */
	"bytes_high: " ARGUMENTS
	"push %ebx; mov %eax, 4(%edx); mov 4(%edx), %ah\n"
	"	mov 5(%edx), %bh; add 6(%edx), %ah; add %bh, 7(%edx)\n"
	"	cmp %ah, 4(%edx); sbb %ecx, %ecx; xchg %bh, 6(%edx)\n"
	"	mov %bh, %bl; movzbl %bh, %ebx; add 4(%edx), %eax\n"
	"	add %ebx, %eax; sub %ecx, %eax; pop %ebx; ret\n"
	/* what 64-bit mode has not, or has as something else */
	"short_forms: " ARGUMENTS
	"inc %eax; push %ebx; mov %edx, %ebx; inc %ebx\n"
	"	dec %edx; incw %bx; mov %eax, 0x20000; mov 0x20000, %ecx\n"
	"	movb $5, 0x20000; mov 0x20000, %al; mov %ax, 0x20004\n"
	"	mov 0x20004, %ax; add %ecx, %eax; stc; lahf; clc; sahf\n"
	"	adc %ebx, %eax; push %ds; pop %es; pusha; xor %eax, %eax\n"
	"	popa; add $9, %al; daa; aam; mov %ah, %cl; add %edx, %eax\n"
	"	pop %ebx; ret\n"
	".popsection");

static void data_segment(u32 base, u32 limit, u32 attr)
{
	gdt[SEL_DATA1 / 8] = segment(base, limit, attr);
}

#define ATTR_DATA	 0x4093u /* bytes */
#define ATTR_DATA_4K	 0xc093u
#define ATTR_READ_ONLY	 0x4091u
#define ATTR_EXPAND_DOWN 0x4097u
#define ATTR_STACK_16	 0x0093u

/* Hot at an offset inside, then once each at the last good one and beyond. */
static void test_edge(word (*read)(word, word), void (*load)(u16), u32 last,
		      u32 beyond, const char *name)
{
	u32 bad = 0;

	load(SEL_DATA1);
	for (u32 i = 0; i < hot_rounds; i++)
		bad += read(last - 4 * (i & 7), 0) !=
		       *(volatile u32 *)(SMALL_DS + last - 4 * (i & 7));
	check_eq(bad, 0, "%s: inside", name);
	expect(catch_call((void *)read, beyond, 0), V_GP, 0, name);
	load(0);
	expect(catch_call((void *)read, last, 0), V_GP, 0, name);
	load(SEL_DATA);
}

static u32 hot_reads(void)
{
	u32 bad = 0;

	for (u32 i = 0; i < hot_rounds; i++)
		bad += fs_read(4 * (i & 7), 0) != 4 * (i & 7) * 0x10001;
	return bad;
}

static void test_segments(void)
{
	for (u32 i = 0; i < 0x2000; i += 4)
		*(volatile u32 *)(SMALL_DS + i) = i * 0x10001;
	data_segment(SMALL_DS, 0xeff, ATTR_DATA);
	test_edge(fs_read, fs_load, 0xefc, 0xefd, "fs with a limit");
	test_edge(es_read, es_load, 0xefc, 0xefd, "es with a limit");
	test_edge(es_read, es_load, 0xefc, 0xfffffffe, "es, over 4 GiB");
	data_segment(SMALL_DS, 0xeff, ATTR_READ_ONLY);
	test_edge(es_read, es_load, 0xefc, 0xf00, "es, read-only");
	data_segment(SMALL_DS, 0xeff, ATTR_EXPAND_DOWN);
	test_edge(es_read, es_load, 0x1ffc, 0xeff, "es, expand-down");
	data_segment(SMALL_DS, 0xfffff, ATTR_READ_ONLY | 0x8000u);
	fs_load(SEL_DATA1);
	check_eq(hot_reads(), 0, "fs, read-only and flat: inside");
	expect(catch_call((void *)fs_write, 0, 0), V_GP, 0,
	       "fs, read-only and flat");
	fs_load(SEL_DATA);
}

/* Flat, with a base, with a limit, by turns: one code, many segments. */
static void test_turns(void)
{
	u32 bad = 0;

	for (u32 i = 0; i < hot_rounds; i++) {
		u32 base = SMALL_DS + (i % 3) * 0x100,
		    limit = i % 2 ? 0xfffff : 0xfff;

		data_segment(base, limit, i % 2 ? ATTR_DATA_4K : ATTR_DATA);
		es_load(SEL_DATA1);
		fs_load(SEL_DATA1);
		bad += es_write(0x10, i) != i ||
		       *(volatile u32 *)(base + 0x10) != i;
		bad += fs_write(0x14, i) != i || es_read(0x14, 0) != i;
		es_load(SEL_DATA);
		bad += es_read(base + 0x14, 0) != i;
		if (i % 2 == 0)
			bad += catch_call((void *)fs_write, 0xffd, i)->vector !=
			       V_GP;
	}
	fs_load(SEL_DATA);
	check_eq(bad, 0, "segments that change under hot code");
}

static void test_stack_of_16(void)
{
	u32 bad = 0;

	data_segment(SMALL_SS, 0xffff, ATTR_STACK_16);
	for (u32 i = 0; i < hot_rounds; i++) /* over 0 and back */
		bad += stack_of_16(i, 0) != i + 3 + 0x70000 + 0x70004;
	check_eq(bad, 0, "32-bit code on a stack of 16 bits");
}

static u32 bytes_high_expected(u32 a)
{
	u8 m[4] = {(u8)a, (u8)(a >> 8), (u8)(a >> 16), (u8)(a >> 24)};
	u8 ah = m[0], bh = m[1], below;
	u32 eax, old;

	ah = (u8)(ah + m[2]);
	m[3] = (u8)(m[3] + bh);
	below = m[0] < ah;
	old = m[2];
	m[2] = bh;
	eax = (a & 0xffff00ff) | (u32)ah << 8;
	eax += m[0] | (u32)m[1] << 8 | (u32)m[2] << 16 | (u32)m[3] << 24;
	return eax + old + below;
}

static void test_forms(void)
{
	u32 bad = 0, wrong = 0, seed = 7;
	word first[8];

	for (u32 i = 0; i < 8; i++) /* not yet hot */
		first[i] = short_forms(i * 0x01234567, i * 0x3579);
	for (u32 i = 0; i < hot_rounds; i++) {
		u32 a = next_random(&seed);

		bad += bytes_high(a, SMALL_DS) != bytes_high_expected(a);
		wrong += short_forms((i & 7) * 0x01234567, (i & 7) * 0x3579) !=
			 first[i & 7];
	}
	check_eq(bad, 0, "AH to BH beside memory");
	check_eq(wrong, 0, "forms that 64-bit mode has not");
}

void image_main(void)
{
	hot_init();
	memcpy((void *)SMALL_CODE, small16, (size_t)(small16_end - small16));
	gdt[SEL_SMALL / 8] = segment(SMALL_CODE, 0xffff, 0x9b);
	for (u32 i = 1; i < 6; i++)
		gdt[SEL_SMALL / 8 + i] =
			segment(SMALL_CODE + 0x10000 * i, 0xffff, 0x93);
	test_16(protected16, "protected mode");
	test_16(real16, "real mode");
	test_segments();
	test_turns();
	test_stack_of_16();
	test_forms();
}
