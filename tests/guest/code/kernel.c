/* SPDX-License-Identifier: MIT */
/*
 * What kernels do all the time and no copy of the bytes can do: flags on the
 * stack, the interrupt flag, GS, the processor's number, bits far from where
 * their operand says. Each runs hot and is compared with what C computes.
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"

#define ARITH_FLAGS 0x8d5u
#define BITS	    (4 * 4096 * 8) /* of `bits` */

static u8 bits[BITS / 8] __attribute__((aligned(4096)));
static u32 state = 5;

/* --- flags --- */

/* RAX = RFLAGS as PUSHF has them, with those in RDI set before; on a stack whose
 * offsets are known, and on one where they are not. */
extern const u8 flags_two[], flags_one[], flags_late[];
__asm__(".pushsection .text.kernel\n"
	"flags_two:\n"
	"	push %rdi\n	popf\n"
	"	pushf\n		pop %rax\n"
	"	ret\n"
	"flags_one:\n"
	"	mov %rsp, %rcx\n"
	"	and $-16, %rsp\n"
	"	push %rdi\n	popf\n"
	"	pushf\n"
	"	mov (%rsp), %rax\n"
	"	mov %rcx, %rsp\n"
	"	ret\n"
	/* flags that come from the last instruction, and go on behind */
	"flags_late:\n"
	"	mov %edi, %eax\n"
	"	add %esi, %eax\n"
	"	pushf\n"
	"	setc %cl\n	seto %ch\n"
	"	pop %rax\n"
	"	movzx %cx, %ecx\n"
	"	shl $32, %rcx\n"
	"	or %rcx, %rax\n"
	"	ret\n"
	".popsection");

static void test_pushf(void)
{
	static const u64 others[] = {0,	      FLAG_DF,		FLAG_NT,
				     FLAG_AC, FLAG_IOPL,	FLAG_IOPL << 1,
				     BIT(21), FLAG_NT | FLAG_AC};
	u32 wrong = 0;

	for (u32 i = 0; i < 40 * hot_rounds; i++) {
		u64 flags = (next_random(&state) & ARITH_FLAGS) | FLAG_FIXED |
			    others[next_random(&state) % ARRAY_SIZE(others)];
		u32 a = next_random(&state), b = next_random(&state);
		u64 late = call_code(flags_late, a, b);
		bool carry = a + b < a,
		     over = (a ^ (a + b)) & (b ^ (a + b)) & BIT(31);

		wrong += call_code(flags_two, flags, 0) != flags;
		wrong += call_code(flags_one, flags, 0) != flags;
		wrong += (late >> 32 & 1) != carry || (late >> 40 & 1) != over;
		wrong += (late & FLAG_CF) != carry ||
			 !(late & FLAG_OF) != !over ||
			 !(late & FLAG_ZF) != (a + b != 0);
		__asm__ volatile("push $2; popf" : : : "cc");
	}
	check_eq(wrong, 0, "PUSHF");
}

/* RAX: IF after STI << 1 | IF after CLI, and twice over. */
extern const u8 sti_cli[];
__asm__(".pushsection .text.kernel\n"
	"sti_cli:\n"
	"	xor %eax, %eax\n"
	"	mov $2, %edx\n"
	"1:	stc\n"
	"	sti\n"
	"	adc $0, %edi\n" /* the carry has gone through STI */
	"	pushf\n	pop %rcx\n"
	"	shr $9, %ecx\n	and $1, %ecx\n"
	"	lea (%rcx, %rax, 2), %eax\n"
	"	stc\n"
	"	cli\n"
	"	adc $0, %edi\n"
	"	pushf\n	pop %rcx\n"
	"	shr $9, %ecx\n	and $1, %ecx\n"
	"	lea (%rcx, %rax, 2), %eax\n"
	"	dec %edx\n"
	"	jnz 1b\n"
	"	shl $8, %edi\n"
	"	or %edi, %eax\n"
	"	ret\n"
	".popsection");

static void test_interrupt_flag(void)
{
	u32 wrong = 0;

	for (u32 i = 0; i < 4 * hot_rounds; i++)
		wrong += call_code(sti_cli, 0, 0) != (4 << 8 | 10);
	check_eq(wrong, 0, "STI and CLI");
}

/* --- segments, processor, stack pointer --- */

/* Adds what GS reaches before and after each SWAPGS. */
extern const u8 swap_twice[];
__asm__(".pushsection .text.kernel\n"
	"swap_twice:\n"
	"	stc\n"
	"	mov %gs:8, %rax\n"
	"	swapgs\n"
	"	adc %gs:8, %rax\n"
	"	swapgs\n"
	"	add %gs:8, %rax\n"
	"	ret\n"
	".popsection");

#define MSR_KERNEL_GS_BASE 0xc0000102

static void test_swapgs(void)
{
	static u64 one[2], two[2];
	u64 old = read_msr(MSR_GS_BASE);
	u32 wrong = 0;

	write_msr(MSR_KERNEL_GS_BASE, (word)two);
	write_msr(MSR_GS_BASE, (word)one);
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		one[1] = i;
		two[1] = 3 * i;
		wrong += call_code(swap_twice, 0, 0) != 5 * i + 1;
	}
	wrong += read_msr(MSR_GS_BASE) != (word)one ||
		 read_msr(MSR_KERNEL_GS_BASE) != (word)two;
	write_msr(MSR_GS_BASE, old);
	check_eq(wrong, 0, "SWAPGS");
}

extern const u8 selectors[], pop_sp[];
__asm__(".pushsection .text.kernel\n"
	"selectors:\n"
	"	push %r13\n"
	"	mov $-1, %rax\n"
	"	mov $-1, %r13\n"
	"	mov %ss, %eax\n"
	"	mov %cs, %r13\n"
	"	shl $16, %r13\n"
	"	add %r13, %rax\n"
	"	mov $-1, %rdi\n"
	"	mov %ds, %di\n" /* the rest stays */
	"	shr $16, %rdi\n"
	"	shl $32, %rdi\n"
	"	xor %rdi, %rax\n"
	"	pop %r13\n"
	"	ret\n"
	/* a stack at RDI whose first word is where RSP goes: RAX from there */
	"pop_sp:\n"
	"	mov %rsp, %rsi\n"
	"	mov %rdi, %rsp\n"
	"	pop %rsp\n"
	"	pop %rax\n"
	"	sub %rsp, %rdi\n"
	"	mov %rsi, %rsp\n"
	"	add %rdi, %rax\n"
	"	ret\n"
	".popsection");

static void test_moves(void)
{
	static u64 far[600];
	u64 stack[2];
	u32 wrong = 0, wrong_sp = 0;
	word segments = (SEL_CODE << 16 | SEL_DATA) ^ 0xffffffff00000000ull;

	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		u64 *at = &far[i % 599];

		wrong += call_code(selectors, 0, 0) != segments;
		stack[0] = (word)at;
		*at = i;
		wrong_sp += call_code(pop_sp, (word)stack, 0) !=
			    i + (word)stack - (word)(at + 1);
	}
	check_eq(wrong, 0, "MOV from segment registers");
	check_eq(wrong_sp, 0, "POP RSP");
}

extern const u8 processor[];
__asm__(".pushsection .text.kernel\n"
	"processor:\n"
	"	mov $-1, %rcx\n"
	"	rdtscp\n"
	"	shl $32, %rdx\n"
	"	or %rdx, %rax\n"
	"	mov %rcx, (%rdi)\n"
	"	ret\n"
	".popsection");

#define MSR_TSC_AUX 0xc0000103

static void test_rdtscp(void)
{
	u64 last = 0, number = 0;
	u32 wrong = 0;

	if (!has_bit(0x80000001, 3, 27)) {
		skip("RDTSCP: not offered");
		return;
	}
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		u64 now;

		if (i % 100 == 0)
			write_msr(MSR_TSC_AUX, 0x80000000u + i);
		now = call_code(processor, (word)&number, 0);
		wrong += now <= last || number != 0x80000000u + i / 100 * 100;
		last = now;
	}
	write_cr4(read_cr4() | CR4_TSD); /* which is CPL 3's only */
	wrong += call_code(processor, (word)&number, 0) <= last;
	write_cr4(read_cr4() & ~CR4_TSD);
	check_eq(wrong, 0, "RDTSCP");
}

/* --- bit strings --- */

/* RDI is the operand's address, RSI the bit; RAX: CF, and ZF << 1 as it was. */
#define BIT_SITE(name, text)                              \
	extern const u8 name[];                           \
	__asm__(".pushsection .text.kernel\n" #name ":\n" \
		"	push %r13\n	push %r14\n"                \
		"	mov %rdi, %r13\n"                       \
		"	mov %rsi, %r14\n"                       \
		"	xor %eax, %eax\n"                       \
		"	cmp %eax, %eax\n"                       \
		"	" text "\n"                       \
		"	setc %al\n"                             \
		"	pop %r14\n	pop %r13\n"                  \
		"	ret\n"                                  \
		".popsection")

BIT_SITE(bt_q, "bt %rsi, (%rdi)");
BIT_SITE(bt_l, "bt %esi, (%rdi)");
BIT_SITE(bt_w, "bt %si, (%rdi)");
BIT_SITE(bt_high, "bt %r14, 16(%r13)");
BIT_SITE(bts_q, "bts %rsi, (%rdi)");
BIT_SITE(bts_l, "bts %r14d, -4(%r13, %rax, 8)");
BIT_SITE(btr_q, "btr %r14, (%r13)");
BIT_SITE(btr_lock, "lock btr %rsi, (%rdi)");
BIT_SITE(btr_lock_l, "lock btr %r14d, (%r13)");
BIT_SITE(btc_q, "btc %rsi, 8(%rdi)");
BIT_SITE(btc_lock, "lock btc %r14, (%rdi)");

static const struct bit_site {
	const u8 *code;
	const char *name;
	u8 width, kind; /* kind: 0 BT, 1 BTS, 2 BTR, 3 BTC */
	s8 disp;
} bit_sites[] = {
	{bt_q, "bt q", 64, 0, 0},
	{bt_l, "bt l", 32, 0, 0},
	{bt_w, "bt w", 16, 0, 0},
	{bt_high, "bt r14", 64, 0, 16},
	{bts_q, "bts q", 64, 1, 0},
	{bts_l, "bts l", 32, 1, -4},
	{btr_q, "btr q", 64, 2, 0},
	{btr_lock, "lock btr q", 64, 2, 0},
	{btr_lock_l, "lock btr l", 32, 2, 0},
	{btc_q, "btc q", 64, 3, 8},
	{btc_lock, "lock btc q", 64, 3, 0},
};

static u32 try_bit(const struct bit_site *site, u32 round)
{
	/* anywhere, over pages' edges too, from an operand anywhere */
	u32 place = next_random(&state) % (BITS / 8 - 128) + 64;
	s32 bit = (s32)(next_random(&state) % BITS) - (s32)(place * 8);
	s32 limit = site->width == 16 ? 16384 : BITS;
	word junk = 0, answer;
	u32 at, before, after, expected;

	if (round % 4) /* mostly aligned, as bit maps are */
		place &= ~7u;
	bit = bit < -limit ? -limit : bit >= limit ? limit - 1 : bit;
	if ((s32)(place * 8) + bit < 1024)
		bit = 1024 - (s32)(place * 8);
	if ((s32)(place * 8) + bit >= BITS - 1024)
		bit = BITS - 1025 - (s32)(place * 8);
	at = (u32)((s32)(place * 8) + bit);
	if (site->width < 64) /* above the operand: not looked at */
		junk = (word)next_random(&state) << site->width;
	before = bits[at / 8] >> (at % 8) & 1;
	answer = call_code(
		site->code, (word)bits + place - (word)(s64)site->disp,
		junk | ((word)(s64)bit &
			(site->width == 64 ? ~0ull : BIT(site->width) - 1)));
	after = bits[at / 8] >> (at % 8) & 1;
	expected = site->kind == 0   ? before
		   : site->kind == 1 ? 1
		   : site->kind == 2 ? 0
				     : !before;
	bits[at / 8] ^= (u8)((next_random(&state) & 1) << (at % 8));
	return (answer & 1) != before || after != expected;
}

static void test_bits(void)
{
	u32 i = 0;

	for (const struct bit_site *site = bit_sites;
	     site < bit_sites + ARRAY_SIZE(bit_sites); site++) {
		u32 wrong = 0;

		for (i = 0; i < 20 * hot_rounds; i++)
			wrong += try_bit(site, i);
		check_eq(wrong, 0, "%s", site->name);
	}
}

/* A bit in a page that is not there: the fault is of the bit's place. */
static void test_bit_fault(void)
{
	u32 wrong = 0;

	space_map(pml4, VA_ONE, bits, 1, PTE_ALL);
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		const struct trap *t;
		bool far = i % 50 == 49;

		if (!far) {
			(void)call_code(bts_q, VA_ONE, i % 32768);
			continue;
		}
		t = catch_call((void *)(word)bts_q, VA_ONE, 32768 + i);
		wrong += t->vector != V_PF || t->error != ERR_W ||
			 t->cr2 != VA_ONE + 4096 + i / 64 * 8;
	}
	check_eq(wrong, 0, "a bit of a page that is missing");
}

void image_main(void)
{
	hot_init();
	test_pushf();
	test_interrupt_flag();
	test_swapgs();
	test_moves();
	test_rdtscp();
	test_bits();
	test_bit_fault();
}
