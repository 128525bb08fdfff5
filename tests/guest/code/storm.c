/* SPDX-License-Identifier: MIT */
/*
 * Interrupts into hot loops: a timer, IPIs to itself, and from another CPU
 * ("cpus=2") a storm of IPIs and NMIs. Loops must come out as if there had been
 * none, and an interrupt must get into every kind of loop.
 * [SDM3 6.6 "Program or Task Restart"] [SDM3 11.5.4 "APIC Timer"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/priv/lib/apic.h"

#define VECTOR_TIMER 0xa0
#define VECTOR_IPI   0xa1
#define PAGE	     4096

/* Loops of RDI rounds that answer a sum; all that they use is in it. */
#define LOOP(name, text)                                                   \
	extern const u8 name[];                                            \
	__asm__(".pushsection .text.loops\n .balign 64\n" #name ":\n" text \
		"\n .popsection")

u64 storm_cells[64];
u8 storm_bytes[2][8 * PAGE];

/* Flags live from round to round: CF through DEC and LEA. */
LOOP(alu, "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n"
	  "push %r15\n"
	  "mov $1, %eax\n mov $2, %ebx\n mov $3, %ecx\n mov $4, %edx\n"
	  "mov $5, %ebp\n mov $6, %esi\n mov $7, %r8d\n mov $8, %r9d\n"
	  "mov $9, %r10d\n mov $10, %r11d\n mov $11, %r12d\n"
	  "mov $12, %r13d\n mov $13, %r14d\n mov $14, %r15d\n clc\n"
	  "1: adc %rbx, %rax\n adc %rax, %rbx\n sbb %rcx, %rdx\n"
	  "adc %rdx, %rcx\n rcl $3, %rbp\n adc %rbp, %rsi\n adc %rsi, %r8\n"
	  "mul %r8\n adc %rdx, %r9\n sbb %r9, %r10\n adc %r10, %r11\n"
	  "rcr $1, %r12\n adc %r12, %r13\n adc %r13, %r14\n adc %r14, %r15\n"
	  "lea 1(%r15, %rax), %rax\n dec %rdi\n jnz 1b\n"
	  "adc $0, %rax\n xor %rbx, %rax\n add %rcx, %rax\n xor %rdx, %rax\n"
	  "add %rbp, %rax\n xor %rsi, %rax\n add %r8, %rax\n xor %r9, %rax\n"
	  "add %r10, %rax\n xor %r11, %rax\n add %r12, %rax\n xor %r13, %rax\n"
	  "add %r14, %rax\n xor %r15, %rax\n"
	  "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	  "ret");
LOOP(memory, "xor %eax, %eax\n xor %ecx, %ecx\n"
	     "1: mov %edi, %ecx\n and $63, %ecx\n"
	     "add %rdi, storm_cells(, %rcx, 8)\n adc $3, %rax\n"
	     "xor storm_cells(, %rcx, 8), %rax\n rol $5, %rax\n"
	     "push %rax\n pop %rdx\n lea (%rax, %rdx, 2), %rax\n"
	     "dec %rdi\n jnz 1b\n ret");
LOOP(calls, "xor %eax, %eax\n"
	    "1: call 2f\n call 2f\n lea 4f(%rip), %rdx\n call *%rdx\n"
	    "dec %rdi\n jnz 1b\n ret\n"
	    "2: push %rdi\n call 3f\n pop %rdx\n add %rdx, %rax\n ret\n"
	    "3: rol $3, %rax\n xor %rdi, %rax\n ret\n"
	    "4: add $7, %rax\n jmp 3b");
LOOP(strings, "xor %eax, %eax\n mov %rdi, %r8\n"
	      "1: mov $storm_bytes, %edi\n mov $4096, %ecx\n mov %r8d, %eax\n"
	      "rep stosl\n"
	      "mov $storm_bytes, %esi\n mov $storm_bytes + 32768, %edi\n"
	      "mov $4096, %ecx\n rep movsq\n"
	      "mov $storm_bytes, %esi\n mov $storm_bytes + 32768, %edi\n"
	      "mov $16384, %ecx\n repe cmpsb\n setne %al\n movzbl %al, %eax\n"
	      "add %rax, %r9\n add %rcx, %r9\n dec %r8\n jnz 1b\n"
	      "mov %rsi, %rax\n xor %rdi, %rax\n ret");
LOOP(vectors, "mov $0x12345, %eax\n movd %eax, %xmm0\n movd %edi, %xmm1\n"
	      "fld1\n fldpi\n"
	      "1: paddd %xmm0, %xmm1\n pshufd $0x39, %xmm1, %xmm0\n"
	      "pxor %xmm1, %xmm0\n fadd %st(1), %st\n dec %rdi\n jnz 1b\n"
	      "movq %xmm0, %rax\n sub $8, %rsp\n fistpll (%rsp)\n pop %rdx\n"
	      "fstp %st(0)\n add %rdx, %rax\n ret");

static const struct loop {
	const char *name;
	const u8 *code;
	u32 rounds;
} loops[] = {
	{"arithmetic", alu, 20000},  {"memory", memory, 20000},
	{"calls", calls, 8000},	     {"strings", strings, 12},
	{"vectors", vectors, 20000},
};

static volatile u32 ticks, ipis, nmis, stop;

static bool on_timer(struct frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
	return true;
}

static bool on_ipi(struct frame *f)
{
	(void)f;
	ipis++;
	apic_eoi();
	return true;
}

static bool on_nmi(struct frame *f)
{
	(void)f;
	nmis++;
	return true;
}

static void timer_start(u32 count, bool periodic)
{
	apic_write(APIC_TDCR, 0xb); /* by 1 */
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (periodic ? LVT_PERIODIC : 0));
	apic_write(APIC_TMICT, count);
}

static void timer_stop(void)
{
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static u64 run_loop(const struct loop *l)
{
	memset(storm_cells, 0, sizeof(storm_cells));
	return call_code(l->code, l->rounds * hot_scale, 0);
}

/* The loop as it is alone, and `times` times in the storm, or more often: the
 * host may have let the sender wait. */
static void storm(const struct loop *l, u32 times, const char *of)
{
	u64 alone = run_loop(l), wrong = 0;
	u32 before = ticks + ipis + nmis;

	irq_on();
	for (u32 i = 0; i < times ||
			(ticks + ipis + nmis - before < 10 && i < 200 * times);
	     i++)
		wrong += run_loop(l) != alone;
	irq_off();
	check_eq(wrong, 0, "%s under %s", l->name, of);
	check(ticks + ipis + nmis != before, "%s: %u came", of,
	      ticks + ipis + nmis - before);
}

static void test_timer(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(loops); i++)
		for (u32 n = 0; n < 3; n++) {
			timer_start(20011 + 70001 * n, true);
			storm(&loops[i], 6, "a timer");
			timer_stop();
		}
}

static void sender(u32 cpu)
{
	u32 i = 0;

	(void)cpu;
	while (!stop) {
		apic_send(0, i & 1 ? ICR_NMI | ICR_ASSERT
				   : ICR_FIXED | ICR_ASSERT | VECTOR_IPI);
		for (u32 n = i++ % 97 * 8; n; n--)
			cpu_relax();
	}
}

static void test_senders(void)
{
	stop = 0;
	cpu_run(1, sender);
	for (u32 i = 0; i < ARRAY_SIZE(loops); i++)
		storm(&loops[i], 15, "IPIs and NMIs");
	stop = 1;
	check(cpu_wait(1), "the sender ends");
	/* The rest of them. */
	irq_on();
	delay_us(100);
	irq_off();
}

/* An interrupt sent to itself comes before the next instruction but one. */
static void test_self(void)
{
	u32 wrong = 0;

	irq_on();
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		u32 before = ipis;

		apic_write(APIC_ICR2, 0);
		apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_IPI);
		(void)apic_read(APIC_ID);
		wrong += ipis != before + 1;
	}
	irq_off();
	check_eq(wrong, 0, "IPIs to itself");
	wrong = 0;
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		u32 before = ipis;

		apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_IPI);
		wrong += ipis != before; /* IF is 0 */
		__asm__ volatile("sti; nop; nop; cli" : : : "memory");
		wrong += ipis != before + 1;
	}
	check_eq(wrong, 0, "STI opens for one that waits");
	wrong = 0;
	for (u32 i = 0; i < 10 * hot_rounds; i++) {
		u32 before = ipis, after;

		apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_IPI);
		/* The shadow of STI ends with CLI: none may come. */
		__asm__ volatile("sti; cli; nop" : : : "memory");
		after = ipis;
		write_flags(read_flags() | FLAG_IF);
		__asm__ volatile("nop; nop" : : : "memory");
		irq_off();
		wrong += after != before || ipis != before + 1;
	}
	check_eq(wrong, 0, "STI, CLI lets none in; POPF does");
}

/* --- loops without end: the handler goes on behind them --- */

#define ENDLESS(name, text)                                                \
	extern const u8 name[];                                            \
	__asm__(".pushsection .text.loops\n .balign 64\n" #name ":\n" text \
		"\n hlt\n .popsection")

ENDLESS(to_self, "1: jmp 1b");
ENDLESS(counting, "1: inc %rax\n jmp 1b");
ENDLESS(conditional, "1: inc %rax\n test %rdi, %rdi\n jnz 1b");
ENDLESS(pausing, "1: pause\n jmp 1b");
ENDLESS(two_pages, "1: inc %rax\n jmp 2f\n .balign 4096\n"
		   "3: inc %rcx\n jmp 1b\n .balign 4096\n"
		   "2: inc %rdx\n jmp 3b");
ENDLESS(calling, "1: call 2f\n jmp 1b\n 2: inc %rax\n ret");
ENDLESS(indirect, "lea 1f(%rip), %rdx\n 1: inc %rax\n jmp *%rdx");
ENDLESS(reading, "1: mov storm_cells, %rax\n cmp %rdi, %rax\n jne 1b");
ENDLESS(locking, "1: lock incq storm_cells\n jmp 1b");
ENDLESS(looping, "mov $-1, %rcx\n 1: loop 1b\n jmp looping");
ENDLESS(repeating, "1: mov $storm_bytes, %edi\n mov $65536, %ecx\n"
		   "rep stosb\n jmp 1b");
ENDLESS(vectoring, "1: paddd %xmm0, %xmm1\n jmp 1b");

static const struct endless {
	const char *name;
	const u8 *code;
} endless[] = {
	{"jmp to itself", to_self},
	{"inc, jmp", counting},
	{"a conditional branch", conditional},
	{"pause", pausing},
	{"jumps over three pages", two_pages},
	{"call and ret", calling},
	{"an indirect jump", indirect},
	{"waiting for memory", reading},
	{"lock inc", locking},
	{"loop", looping},
	{"rep stosb", repeating},
	{"vectors", vectoring},
};

static const u8 *first_ip;
static u32 strange;

static void leave(word unused, word code)
{
	(void)unused;
	irq_on();
	call_code((void *)code, 1, 0);
}

/* False: catch_call() takes it for a fault, which is a way out of any loop. On
 * a busy host it may have come before the loop began. */
static bool on_way_out(struct frame *f)
{
	apic_eoi();
	ticks++;
	strange += f->ip - (word)first_ip > 3 * PAGE && f->ip - (word)leave > 64;
	return false;
}

static void test_endless(void)
{
	u64 longest = 0;

	for (u32 i = 0; i < ARRAY_SIZE(endless); i++) {
		u32 came = 0;

		first_ip = endless[i].code;
		hook(VECTOR_TIMER, on_way_out);
		strange = 0;
		for (u32 n = 0; n < 8; n++) {
			u64 start = pm_ticks();
			const struct trap *t;

			timer_start(1000000 + 100000 * n, false);
			t = catch_call((void *)leave, 0, (word)first_ip);
			irq_off();
			came += t->vector == VECTOR_TIMER;
			start = pm_ticks() - start;
			longest = start > longest ? start : longest;
		}
		check_eq(came, 8, "an interrupt gets into: %s", endless[i].name);
		check_eq(strange, 0, "where it should be: %s", endless[i].name);
	}
	timer_stop();
	print("the longest took %u us\n", (u32)(longest * 1000000 / PM_HZ));
	/* A busy host may hold the CPU; this is about seconds. */
	check(longest < 5 * PM_HZ, "all of them within 5 s");
}

void image_main(void)
{
	u32 count;

	hot_init();
	__asm__ volatile("fninit");
	count = option_number("cpus", 1);
	pic_mask_all();
	apic_enable();
	gate_ist(V_NMI);
	hook(VECTOR_TIMER, on_timer);
	hook(VECTOR_IPI, on_ipi);
	hook(V_NMI, on_nmi);
	if (count > 1) {
		if (check(cpus_start(count), "the other CPU"))
			test_senders();
		return;
	}
	test_timer();
	test_self();
	test_endless();
}
