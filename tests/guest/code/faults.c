/* SPDX-License-Identifier: MIT */
/*
 * Faults in the middle of hot blocks (of page faults cross.c has more): each must
 * show every register, the flags that a later instruction reads, RIP and the error
 * code as they are at that instruction.
 * [SDM3 6.15 "Exception and Interrupt Reference"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"

#define NON_CANONICAL 0x0000800000000000ull
#define ABSENT	      0x0000600000000000ull /* a page that is not mapped */
#define FLAGS_LIVE    0x8d5u
#define FLAGS_THERE   0x894u /* 0x7fffffff + 1: OF SF AF PF */

/*
 * In: RDI a number, RSI good or bad. Before the instruction: RAX = n, RCX =
 * n + 3, RDX = 0, R8 = 0x80000000, R9 = 5 n, R10 = R9 + 2 RCX. Answers R10 + OF.
 */
#define BLOCK(name, text)                                       \
	extern const u8 name[], name##_at[], name##_out[];      \
	__asm__(".pushsection .text.faults\n" #name ":\n"       \
		"mov %rdi, %rax\n"                              \
		"push %rbp\n mov %rsp, %r11\n mov %rsp, %rbp\n" \
		"lea 3(%rax), %rcx\n"                           \
		"xor %edx, %edx\n"                              \
		"mov $0x7fffffff, %r8d\n"                       \
		"imul $5, %rax, %r9\n"                          \
		"lea (%r9, %rcx, 2), %r10\n"                    \
		"add $1, %r8d\n" #name "_at:\n" text            \
		"\n mov %r11, %rsp\n pop %rbp\n"                \
		"seto %al\n movzbl %al, %eax\n"                 \
		"add %r10, %rax\n ret\n" #name "_out:\n"        \
		"mov %r11, %rsp\n pop %rbp\n ret\n.popsection")

BLOCK(load, "mov (%rsi), %rdi");
BLOCK(store, "mov %rcx, (%rsi)");
BLOCK(compare, "mov 8(%rsi, %rdx, 8), %edi");
BLOCK(exchange, "xchg %rdi, (%rsi)");
BLOCK(string, "lodsb");
BLOCK(divide, "div %esi");
BLOCK(divide_signed, "idiv %rsi");
BLOCK(movaps, "movaps (%rsi), %xmm0");
BLOCK(movups_load, "movups (%rsi), %xmm0");
BLOCK(invert, "lock notq (%rsi)");
BLOCK(movdqa, "movdqa %xmm1, (%rsi)");
BLOCK(paddd, "paddd (%rsi), %xmm0");
BLOCK(movntdq, "movntdq %xmm0, (%rsi)");
BLOCK(cmpxchg16, "lock cmpxchg16b (%rsi)");
BLOCK(jump, "jmp *%rsi\n .balign 64\n.globl jump_good\njump_good:");
BLOCK(call_to, "call *%rsi\n .balign 64\n.globl call_good\ncall_good:");
BLOCK(selector, "mov %esi, %fs");
BLOCK(msr, "mov %rsi, %rcx\n rdmsr");
BLOCK(movups, "movups %xmm0, %xmm1");
BLOCK(x87, "fnop");
BLOCK(divss, "divss (%rsi), %xmm0");
BLOCK(frame_load, "mov (%rbp, %rsi), %rdi");
BLOCK(stack_load, "mov (%rsp, %rsi), %rdi");
extern const u8 jump_good[], call_good[];

static u64 area[8] __attribute__((aligned(64)));
static float numbers[2];

static void nothing(bool bad)
{
	(void)bad;
}

static void set_ts(bool bad)
{
	write_cr0(bad ? read_cr0() | CR0_TS : read_cr0() & ~CR0_TS);
}

static void set_em(bool bad)
{
	write_cr0(bad ? read_cr0() | CR0_EM : read_cr0() & ~CR0_EM);
}

static void set_osfxsr(bool bad)
{
	write_cr4(bad ? read_cr4() & ~CR4_OSFXSR : read_cr4() | CR4_OSFXSR);
}

/* Division by zero, unmasked or masked; flags of MXCSR clear. */
static void set_mxcsr(bool bad)
{
	u32 mxcsr = bad ? 0x1d80 : 0x1f80;

	/* and 1.0 to divide */
	__asm__ volatile("ldmxcsr %0\n movd %1, %%xmm0"
			 :
			 : "m"(mxcsr), "r"(0x3f800000));
}

static const struct kind {
	const char *name;
	const u8 *code, *at, *out;
	u64 good, bad;
	void (*set)(bool bad); /* what else makes it bad */
	u32 vector;
	bool answers; /* flags and registers are known behind it */
	u32 error;
} kinds[] = {
#define KIND(block, good, bad, set, vector, answers, error)          \
	{                                                            \
#block, block, block##_at, block##_out, (u64)(good), \
			(u64)(bad), set, vector, answers, error      \
	}
	KIND(load, area, NON_CANONICAL, nothing, V_GP, true, 0),
	KIND(load, area, ~NON_CANONICAL - 3, nothing, V_GP, true, 0),
	KIND(store, area, NON_CANONICAL, nothing, V_GP, true, 0),
	KIND(compare, area, NON_CANONICAL - 8, nothing, V_GP, true, 0),
	KIND(exchange, area, NON_CANONICAL, nothing, V_GP, true, 0),
	KIND(string, area, NON_CANONICAL, nothing, V_GP, false, 0),
	KIND(divide, 7, 0, nothing, V_DE, false, 0),
	KIND(divide_signed, 7, 0, nothing, V_DE, false, 0),
	KIND(movaps, area, (u64)area + 8, nothing, V_GP, true, 0),
	KIND(movdqa, area, (u64)area + 1, nothing, V_GP, true, 0),
	KIND(paddd, area, (u64)area + 4, nothing, V_GP, true, 0),
	KIND(movntdq, area, (u64)area + 8, nothing, V_GP, true, 0),
	KIND(jump, jump_good, NON_CANONICAL, nothing, V_GP, true, 0),
	KIND(call_to, call_good, NON_CANONICAL, nothing, V_GP, true, 0),
	KIND(selector, SEL_DATA, 0x1f0, nothing, V_GP, true, 0x1f0),
	KIND(msr, MSR_EFER, 0x12345, nothing, V_GP, false, 0),
	KIND(movups, 0, 0, set_osfxsr, V_UD, true, 0),
	KIND(movups, 0, 0, set_em, V_UD, true, 0),
	KIND(movups, 0, 0, set_ts, V_NM, true, 0),
	KIND(x87, 0, 0, set_ts, V_NM, true, 0),
	KIND(x87, 0, 0, set_em, V_NM, true, 0),
	KIND(divss, &numbers[1], &numbers[0], set_mxcsr, V_XM, true, 0),
	KIND(frame_load, 0, NON_CANONICAL, nothing, V_SS, true, 0),
	KIND(stack_load, 0, NON_CANONICAL, nothing, V_SS, true, 0),
	KIND(cmpxchg16, area, (u64)area + 8, nothing, V_GP, false, 0),
	/* What is wrong with an address comes before what is not there. */
	KIND(load, area, NON_CANONICAL - 4, nothing, V_GP, true, 0),
	KIND(movups_load, area, NON_CANONICAL - 8, nothing, V_GP, true, 0),
	KIND(movaps, area, ABSENT + 8, nothing, V_GP, true, 0),
	KIND(movdqa, area, ABSENT + 1, nothing, V_GP, true, 0),
	KIND(paddd, area, ABSENT + 4, nothing, V_GP, true, 0),
	KIND(cmpxchg16, area, ABSENT + 8, nothing, V_GP, false, 0),
	KIND(load, area, ABSENT + 8, nothing, V_PF, true, 0),
	KIND(store, area, ABSENT + 1, nothing, V_PF, true, ERR_W),
	KIND(compare, area, ABSENT, nothing, V_PF, true, 0),
	KIND(exchange, area, ABSENT + 3, nothing, V_PF, true, ERR_W),
	KIND(string, area, ABSENT, nothing, V_PF, false, 0),
	KIND(movups_load, area, ABSENT + 8, nothing, V_PF, true, 0),
	KIND(movdqa, area, ABSENT + 16, nothing, V_PF, true, ERR_W),
	KIND(invert, area, ABSENT + 1, nothing, V_PF, true, ERR_W),
	KIND(divss, &numbers[1], ABSENT, nothing, V_PF, true, 0),
};

static struct {
	const struct kind *kind;
	u64 number;
	u32 count, wrong;
} now;

static bool on_fault(struct frame *f)
{
	const struct kind *k = now.kind;
	u64 n = now.number;

	now.count++;
	now.wrong += f->vector != k->vector || f->error != k->error;
	now.wrong += k->vector == V_PF &&
		     read_cr2() != k->bad + (k->code == compare ? 8 : 0);
	now.wrong += f->ip != (word)k->at && f->ip != (word)k->at + 3;
	if (k->code != msr) {
		now.wrong += f->ip != (word)k->at;
		now.wrong += f->cx != n + 3;
	}
	now.wrong += f->ax != n || f->dx != 0;
	now.wrong += f->r8 != 0x80000000 || f->r9 != 5 * n ||
		     f->r10 != 5 * n + 2 * (n + 3);
	now.wrong += f->di != n || f->si != k->bad || f->sp != f->r11 ||
		     f->bp != f->r11;
	now.wrong += (f->flags & FLAGS_LIVE) != FLAGS_THERE;
	k->set(false);
	f->ip = (word)k->out;
	f->ax = 0xdead;
	return true;
}

static u32 call(const struct kind *k, u64 number, u64 operand)
{
	u64 answer;

	now.number = number;
	numbers[0] = 0;
	numbers[1] = 1;
	area[0] = area[1] = 0;
	answer = call_code(k->code, number, operand);
	return k->answers && answer != 5 * number + 2 * (number + 3) + 1;
}

static void test_kind(const struct kind *k)
{
	u32 wrong = 0, faults = 0;

	now.kind = k;
	now.count = now.wrong = 0;
	hook(k->vector, on_fault);
	k->set(false);
	for (u32 round = 1; round <= 20; round++) {
		for (u32 i = 0; i < hot_rounds; i++)
			wrong += call(k, i, k->good);
		for (u32 i = 0; i < round; i++) {
			k->set(true);
			now.number = 1000 * round + i;
			wrong += call_code(k->code, now.number, k->bad) !=
				 0xdead;
			faults++;
		}
	}
	check(!wrong && !now.wrong && now.count == faults,
	      "%s, hot: vector %u; %u wrong, %u wrong in %u faults of %u",
	      k->name, k->vector, wrong, now.wrong, now.count, faults);
	hook(k->vector, NULL);
}

/*
 * RDI: a stack, which is looked at before the store is made, RSI: what the store
 * goes to, over the edge of a page. It is the push that faults, and later.
 */
extern const u8 deep[], deep_push[], deep_out[];
__asm__(".pushsection .text.faults\n"
	"deep: mov %rsp, %r11\n"
	"lea 1f(%rip), %rcx\n"
	"mov %rdi, %rsp\n"
	"jmp *%rcx\n .balign 64\n"
	"1: movq $1, (%rsi)\n"
	"deep_push: push %rcx\n push %rdx\n pop %rdx\n pop %rcx\n"
	"deep_out: mov %r11, %rsp\n ret\n.popsection");

static u8 pages[2 * PAGE] __attribute__((aligned(4096)));

static bool on_deep(struct frame *f)
{
	u64 stack = ABSENT + PAGE / 2;

	now.count++;
	now.wrong += f->ip != (word)deep_push || f->error != ERR_W;
	now.wrong += f->sp != stack || read_cr2() != stack - 8;
	now.wrong += pages[PAGE - 4] != 1;
	f->ip = (word)deep_out;
	return true;
}

static void test_deep(void)
{
	now.count = now.wrong = 0;
	hook(V_PF, on_deep);
	gate_ist(V_PF);
	for (u32 n = 1; n <= 20; n++) {
		for (u32 i = 0; i < hot_rounds; i++)
			call_code(deep, (u64)(area + 4), (u64)pages);
		pages[PAGE - 4] = 0;
		call_code(deep, ABSENT + PAGE / 2, (u64)(pages + PAGE - 4));
		now.wrong += now.count != n;
	}
	check_eq(now.wrong, 0, "a push faults, not the store before it");
	hook(V_PF, NULL);
}

/* UD2 over hot code and away again, and over its second instruction. */
static u8 code[64] __attribute__((aligned(64)));

static bool on_undefined(struct frame *f)
{
	u8 *at = (u8 *)f->ip;

	now.count++;
	now.wrong += at != code && at != code + 5;
	emit_mov_eax(code, 3);
	EMIT(code + 5, 0x83, 0xc0, 4, 0xc3); /* add $4, %eax; ret */
	return true;
}

static void test_undefined(void)
{
	u32 wrong = 0;

	now.count = now.wrong = 0;
	hook(V_UD, on_undefined);
	emit_mov_eax(code, 3);
	EMIT(code + 5, 0x83, 0xc0, 4, 0xc3);
	for (u32 n = 1; n <= 40; n++) {
		wrong += hot_calls(code, 0, 0, 7);
		EMIT(code + (n & 1 ? 5 : 0), 0x0f, 0x0b);
		wrong += call_code(code, 0, 0) != 7;
		wrong += now.count != n;
	}
	check_eq(wrong + now.wrong, 0, "UD2 over hot code");
	hook(V_UD, NULL);
}

void image_main(void)
{
	hot_init();
	__asm__ volatile("fninit");
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	gate_ist(V_SS);
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++)
		if (k->code != cmpxchg16 || HAS_CX16)
			test_kind(k);
	test_deep();
	test_undefined();
}
