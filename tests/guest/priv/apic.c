/* SPDX-License-Identifier: MIT */
/*
 * Interrupt controllers and the rules of interruption, on CPU 0; with "cpus=N"
 * on the command line also what needs a second one.
 * [SDM3 11 "Advanced Programmable Interrupt Controller (APIC)"] [I82093AA]
 * [I8259A] [SDM3 6.7.1 "Handling Multiple NMIs"] [SDM3 6.8.3 "Masking
 * Exceptions and Interrupts When Switching Stacks"]
 */
#include "tests/guest/priv/lib/apic.h"

#include "tests/guest/priv/lib/tss64.h"

#define V1	0x51
#define V2	0x61
#define V3	0x71
#define V_TIMER 0x91
#define V_PIT	0x81
#define V_UART	0x83

static volatile u32 seen[256], order[16], order_count;
static volatile u64 seen_ip;

static bool on_irq(struct frame *f)
{
	seen[f->vector]++;
	seen_ip = f->ip;
	if (order_count < ARRAY_SIZE(order))
		order[order_count++] = (u32)f->vector;
	apic_eoi();
	return true;
}

static void forget(void)
{
	for (u32 i = 0; i < 256; i++)
		seen[i] = 0;
	order_count = 0;
}

static void self(u32 vector)
{
	apic_send(0, ICR_SELF | ICR_ASSERT | vector);
}

/* Interrupts on long enough for all that waits. */
static void window(void)
{
	irq_on();
	for (u32 i = 0; i < 200; i++)
		cpu_relax();
	irq_off();
}

/* --- registers --- */

static void test_registers(const char *mode)
{
	check_eq(apic_read(APIC_VERSION) & 0xff, 0x14, "%s: version", mode);
	check((apic_read(APIC_VERSION) >> 16 & 0xff) >= 5, "%s: LVT entries",
	      mode);
	check_eq(apic_is_x2() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24,
		 0, "%s: ID", mode);
	apic_write(APIC_TPR, 0x73);
	check_eq(apic_read(APIC_TPR), 0x73, "%s: TPR", mode);
	check_eq(apic_read(APIC_PPR), 0x73, "%s: PPR follows it", mode);
	__asm__ volatile("mov %0, %%cr8" : : "r"(5ul));
	check_eq(apic_read(APIC_TPR), 0x50, "%s: CR8 is TPR's upper half", mode);
	apic_write(APIC_TPR, 0);
	if (apic_is_x2())
		return;
	apic_write(APIC_LVT_TIMER, 0x3ff0 | LVT_MASKED | V_TIMER);
	check_eq(apic_read(APIC_LVT_TIMER) & 0xff00, 0,
		 "%s: LVT timer's bits 8-15", mode);
}

static void test_self(const char *mode)
{
	forget();
	self(V1);
	check(apic_bit(APIC_IRR, V1), "%s: a self-IPI waits in IRR", mode);
	check(!apic_bit(APIC_ISR, V1), "%s: not in ISR", mode);
	self(V1);
	window();
	check_eq(seen[V1], 1, "%s: two of a kind are one", mode);
	check(!apic_bit(APIC_IRR, V1) && !apic_bit(APIC_ISR, V1),
	      "%s: EOI clears it", mode);
	forget();
	self(V1);
	self(V3);
	self(V2);
	window();
	check(order_count == 3 && order[0] == V3 && order[1] == V2 &&
		      order[2] == V1,
	      "%s: the highest comes first", mode);
	forget();
	apic_send(0, ICR_FIXED | ICR_ASSERT | V1);
	apic_send(apic_is_x2() ? ~0u : 0xff, ICR_FIXED | ICR_ASSERT | V2);
	apic_send(0, ICR_ALL | ICR_ASSERT | V3);
	window();
	check(seen[V1] == 1 && seen[V2] == 1 && seen[V3] == 1,
	      "%s: by ID, by broadcast and by shorthand", mode);
	apic_send(7, ICR_FIXED | ICR_ASSERT | V1);
	window();
	check_eq(seen[V1], 1, "%s: to nobody", mode);
}

static void test_tpr(const char *mode)
{
	forget();
	apic_write(APIC_TPR, V1 & 0xf0);
	self(V1);
	self(V2);
	window();
	check_eq(seen[V1], 0, "%s: TPR holds its class back", mode);
	check_eq(seen[V2], 1, "%s: not the next", mode);
	__asm__ volatile("mov %0, %%cr8" : : "r"((V1 >> 4) - 1ul));
	window();
	check_eq(seen[V1], 1, "%s: lowering CR8 lets it through", mode);
	apic_write(APIC_TPR, 0);
}

/* In service: lower classes wait for the EOI, higher ones do not. */
static volatile u32 nested_low, nested_high, nested_ppr;

static bool on_nesting(struct frame *f)
{
	(void)f;
	nested_ppr = apic_read(APIC_PPR);
	self(V1);
	self(V3);
	window();
	nested_low = seen[V1];
	nested_high = seen[V3];
	apic_eoi();
	return true;
}

static void test_nesting(void)
{
	forget();
	hook(V2, on_nesting);
	self(V2);
	window();
	check_eq(nested_ppr, V2 & 0xf0, "PPR of one in service");
	check_eq(nested_high, 1, "a higher one interrupts it");
	check_eq(nested_low, 0, "a lower one does not");
	check_eq(seen[V1], 1, "until EOI");
	hook(V2, on_irq);
}

static void test_errors(void)
{
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "ESR");
	self(5);
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR) & 0x20, 0x20, "vector 5: illegal to send");
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "and gone");
}

static void test_disabled(void)
{
	forget();
	apic_write(APIC_LVT_LINT1, 0x400);
	apic_write(APIC_SVR, SPURIOUS_VECTOR);
	check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED,
		 "disabled by software: LVTs are masked");
	apic_write(APIC_LVT_TIMER, V_TIMER);
	check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED,
		 "and cannot be unmasked");
	apic_enable();
}

/* --- the timer --- */

static volatile u64 fired_tsc;

static bool on_timer(struct frame *f)
{
	(void)f;
	fired_tsc = rdtsc();
	seen[V_TIMER]++;
	apic_eoi();
	return true;
}

static void test_timer(const char *mode)
{
	u32 first, second;

	hook(V_TIMER, on_timer);
	forget();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVT_TIMER, V_TIMER);
	apic_write(APIC_TMICT, 0xffffffff);
	first = apic_read(APIC_TMCCT);
	delay_us(50);
	second = apic_read(APIC_TMCCT);
	check(second < first, "%s: the count goes down", mode);
	apic_write(APIC_TMICT, 0);
	check_eq(apic_read(APIC_TMCCT), 0, "%s: TMICT 0 stops it", mode);
	irq_on();
	apic_write(APIC_TMICT, (first - second) * 4 + 1000);
	check(wait_at_least(&seen[V_TIMER], 1), "%s: one-shot", mode);
	delay_us(1000);
	check_eq(seen[V_TIMER], 1, "%s: once", mode);
	check_eq(apic_read(APIC_TMCCT), 0, "%s: and stays at 0", mode);
	forget();
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_PERIODIC);
	apic_write(APIC_TMICT, (first - second) * 4 + 1000);
	check(wait_at_least(&seen[V_TIMER], 5), "%s: periodic", mode);
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_PERIODIC | LVT_MASKED);
	window();
	forget();
	irq_on();
	delay_us(2000);
	check_eq(seen[V_TIMER], 0, "%s: masked", mode);
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_PERIODIC);
	check(wait_at_least(&seen[V_TIMER], 2), "%s: goes on unmasked", mode);
	apic_write(APIC_TMICT, 0);
	irq_off();
	window();
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static void test_deadline(void)
{
	u64 deadline;
	u32 early = 0;

	if (!HAS_DEADLINE) {
		skip("TSC deadline: not offered");
		return;
	}
	forget();
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_DEADLINE);
	irq_on();
	for (u32 i = 1; i <= 20; i++) {
		deadline = rdtsc() + 100000 * i;
		write_msr(MSR_TSC_DEADLINE, deadline);
		if (!wait_at_least(&seen[V_TIMER], i))
			break;
		early += fired_tsc < deadline;
	}
	check_eq(seen[V_TIMER], 20, "20 deadlines");
	check_eq(early, 0, "none came early");
	check_eq(read_msr(MSR_TSC_DEADLINE), 0, "the MSR reads 0 afterwards");
	write_msr(MSR_TSC_DEADLINE, 1);
	check(wait_at_least(&seen[V_TIMER], 21),
	      "one in the past comes at once");
	write_msr(MSR_TSC_DEADLINE, rdtsc() + BIT(40));
	check(read_msr(MSR_TSC_DEADLINE) != 0, "armed");
	write_msr(MSR_TSC_DEADLINE, 0);
	delay_us(500);
	check_eq(seen[V_TIMER], 21, "0 disarms");
	apic_write(APIC_TMICT, 1000);
	check_eq(apic_read(APIC_TMCCT), 0, "TMICT does nothing in this mode");
	write_msr(MSR_TSC_DEADLINE, rdtsc() + BIT(40));
	apic_write(APIC_LVT_TIMER, V_TIMER);
	check_eq(read_msr(MSR_TSC_DEADLINE), 0, "leaving the mode disarms");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	irq_off();
}

/* --- where an interrupt may come --- */

SNIPPET(sti_nop, "sti; nop; nop; nop");
SNIPPET(sti_cli, "sti; cli; nop; nop");
SNIPPET(sti_ss, "mov %ss, %eax; sti; mov %eax, %ss; nop; nop");
SNIPPET(popf_on, "pushf; orl $0x200, (%rsp); popf; nop; nop");
SNIPPET(cr8_down, "xor %eax, %eax; mov %rax, %cr8; nop; nop");
SNIPPET(iret_on, "mov %rsp, %rax; pushq $0x18; push %rax; pushq $0x202; "
		 "pushq $0x10; lea 1f(%rip), %rax; push %rax; iretq; 1: nop");

static void lands(const char *code, u32 offset, word flags, const char *name)
{
	forget();
	self(V1);
	run(0, code, 0, 0, flags);
	check(seen[V1] == 1 && seen_ip == (u64)code + offset, "%s (at +%llx)",
	      name, seen_ip - (u64)code);
}

static void test_shadow(void)
{
	lands(sti_nop, 2, 0, "STI: after the next instruction");
	lands(sti_ss, 6, 0, "STI, MOV SS: two later");
	lands(popf_on, 9, 0, "POPF: at once");
	lands(iret_on, 23, 0, "IRET: at once");
	forget();
	self(V1);
	run(0, sti_cli, 0, 0, 0);
	check_eq(seen[V1], 0, "STI, CLI: never");
	window();
	forget();
	apic_write(APIC_TPR, V1 & 0xf0);
	self(V1);
	run(0, cr8_down, 0, 0, FLAG_IF);
	check_eq(seen[V1], 1, "MOV CR8 lets it in");
	check_eq(seen_ip, (u64)cr8_down + 6, "at once");
	apic_write(APIC_TPR, 0);
}

/* --- NMI --- */

static volatile u32 nmis, nmi_inside, nmi_nested, nmi_sent;

static void nmi_self(void)
{
	apic_send(0, ICR_NMI | ICR_ASSERT);
}

static void pause_some(void)
{
	for (volatile u32 i = 0; i < 200; i++)
		cpu_relax();
}

static bool on_nmi(struct frame *f)
{
	(void)f;
	nmi_nested += nmi_inside;
	nmi_inside = 1;
	nmis++;
	seen_ip = f->ip;
	if (nmi_sent) {
		nmi_sent = 0;
		nmi_self();
		pause_some();
		nmi_nested += nmis != 1;
	}
	nmi_inside = 0;
	return true;
}

SNIPPET(send_nmi,
	"mov $0xfee00300, %edx; movl $0, 16(%rdx); movl $0x4400, (%rdx); "
	"1: cmpl $0, (%rdi); je 1b; mov (%rdi), %eax");

static void test_nmi(void)
{
	const struct trap *t;

	gate_ist(V_NMI);
	hook(V_NMI, on_nmi);
	nmis = 0;
	nmi_sent = 1;
	t = run(0, send_nmi, (word)&nmis, 0, 0);
	check_eq(nmi_nested, 0, "an NMI waits for the IRET of the first");
	check_eq(nmis, 2, "and comes then");
	check_eq(t->ax, 2, "before anything else runs");
	nmis = 0;
	nmi_sent = 0;
	nmi_self();
	check_eq(nmis, 1, "an NMI does not look at IF");
	hook(V_NMI, NULL);
	gate_reset(V_NMI);
}

/* --- the I/O APIC, the 8254 and the 8259 --- */

static u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	return *(volatile u32 *)(IOAPIC_BASE + 0x10);
}

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	*(volatile u32 *)(IOAPIC_BASE + 0x10) = value;
}

static void ioapic_route(u32 pin, u32 low)
{
	ioapic_write(0x10 + 2 * pin + 1, 0);
	ioapic_write(0x10 + 2 * pin, low);
}

#define RTE_LEVEL  0x8000
#define RTE_MASKED 0x10000
#define RTE_REMOTE 0x4000

static void pit_rate(u32 divisor, u32 mode)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)divisor);
	outb(0x40, (u8)(divisor >> 8));
}

static void test_ioapic(void)
{
	hook(V_PIT, on_irq);
	check_eq(ioapic_read(1) >> 16 & 0xff, 23, "the I/O APIC has 24 pins");
	for (u32 i = 0; i < 24; i++)
		ioapic_route(i, RTE_MASKED);
	ioapic_write(0x10 + 2 * 5, 0xffffffff);
	check_eq(ioapic_read(0x10 + 2 * 5) & ~(RTE_REMOTE | 0x1000),
		 0x1afff & ~0x1000u, "a redirection entry's writable bits");
	ioapic_route(5, RTE_MASKED);
	forget();
	pit_rate(2000, 2);
	irq_on();
	ioapic_route(2, V_PIT);
	check(wait_at_least(&seen[V_PIT], 5), "PIT, mode 2, by the I/O APIC");
	ioapic_route(2, V_PIT | RTE_MASKED);
	window();
	forget();
	irq_on();
	delay_us(5000);
	check_eq(seen[V_PIT], 0, "masked");
	ioapic_route(2, V_PIT);
	pit_rate(3000, 0);
	wait_at_least(&seen[V_PIT], 1);
	forget();
	pit_rate(3000, 0);
	check(wait_at_least(&seen[V_PIT], 1), "PIT, mode 0");
	delay_us(8000);
	check_eq(seen[V_PIT], 1, "once");
	ioapic_route(2, RTE_MASKED);
	irq_off();
}

static bool on_uart(struct frame *f)
{
	(void)f;
	seen[V_UART]++;
	if (seen[V_UART] == 1)
		order[0] = ioapic_read(0x10 + 2 * 4);
	if (seen[V_UART] == 3)
		outb(0x3f9, 0); /* the line falls */
	apic_eoi();
	return true;
}

static void test_level(void)
{
	hook(V_UART, on_uart);
	forget();
	outb(0x3fc, 8); /* OUT2: the line is connected */
	outb(0x3f9, 0);
	ioapic_route(4, V_UART | RTE_LEVEL);
	irq_on();
	outb(0x3f9, 2); /* "transmitter empty" */
	check(wait_at_least(&seen[V_UART], 3),
	      "a level interrupt comes again after EOI");
	pause_some();
	check_eq(seen[V_UART], 3, "until the line falls");
	check_eq(order[0] & RTE_REMOTE, RTE_REMOTE, "remote IRR inside");
	check_eq(ioapic_read(0x10 + 2 * 4) & RTE_REMOTE, 0, "and not after");
	ioapic_route(4, RTE_MASKED);
	outb(0x3f9, 0);
	irq_off();
	forget();
	ioapic_route(4, V_UART);
	irq_on();
	outb(0x3f9, 2);
	wait_at_least(&seen[V_UART], 1);
	pause_some();
	check_eq(seen[V_UART], 1, "an edge interrupt comes once");
	outb(0x3f9, 0);
	ioapic_route(4, RTE_MASKED);
	irq_off();
}

#define PIC_BASE 0x20

static volatile u32 pic_ticks;
static u32 pic_isr;

static bool on_pic(struct frame *f)
{
	(void)f;
	pic_ticks++;
	outb(0x20, 0x0b);
	pic_isr = inb(0x20);
	outb(0x20, 0x20);
	return true;
}

static void test_pic(void)
{
	pic_mask_all();
	check_eq(inb(0x21), 0xff, "the mask reads back");
	outb(0x21, 0xa5);
	check_eq(inb(0x21), 0xa5, "any mask");
	outb(0x21, 0xff);
	hook(PIC_BASE, on_pic);
	apic_write(APIC_LVT_LINT0, 0x700); /* ExtINT */
	pit_rate(2000, 2);
	pic_ticks = 0;
	outb(0x21, 0xfe);
	irq_on();
	check(wait_at_least(&pic_ticks, 5), "PIT by the 8259");
	check_eq(pic_isr, 1, "its ISR inside");
	irq_off();
	outb(0x21, 0xff);
	delay_us(5000);
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 1, 1, "masked, it waits in IRR");
	pic_ticks = 0;
	irq_on();
	delay_us(5000);
	check_eq(pic_ticks, 0, "masked");
	irq_off();
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	outb(0x21, 0xfe);
	irq_on();
	delay_us(5000);
	check_eq(pic_ticks, 0, "LINT0 masked");
	irq_off();
	outb(0x21, 0xff);
	pit_rate(0, 0);
	apic_write(APIC_LVT_LINT0, 0x700);
	hook(PIC_BASE, NULL);
}

/* --- two CPUs: logical destinations --- */

#define ANYBODY 0x1000

static volatile u32 by_cpu[CPUS_MAX];

static bool on_count(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&by_cpu[cpu_index()], 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

static volatile u32 serving;

static void serve(u32 cpu)
{
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + cpu));
	irq_on();
	while (serving)
		cpu_relax();
	irq_off();
}

static u32 taken(void)
{
	return by_cpu[0] + 16 * by_cpu[1];
}

/* Who took it; waits until it is who should, and a little for others. */
static u32 sum_after(u32 dest, u32 command, u32 expected)
{
	by_cpu[0] = by_cpu[1] = 0;
	apic_send(dest, command | ICR_ASSERT | V3);
	irq_on();
	for (u32 ms = 0; ms < 10000 && taken() != expected; ms++) {
		if (expected == ANYBODY && taken())
			break;
		delay_us(1000);
	}
	delay_us(1000);
	irq_off();
	return taken();
}

static void test_logical(void)
{
	u32 sum;

	if (option_number("cpus", 1) < 2)
		return;
	hook(V3, on_count);
	check(cpus_start(2), "CPU 1");
	serving = 1;
	cpu_run(1, serve);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << 24);
	delay_us(20000);
	check_eq(sum_after(1, ICR_LOGICAL, 1), 1, "logical, flat: CPU 0");
	check_eq(sum_after(2, ICR_LOGICAL, 0x10), 0x10, "logical, flat: CPU 1");
	check_eq(sum_after(3, ICR_LOGICAL, 0x11), 0x11, "logical, flat: both");
	check_eq(sum_after(0xff, ICR_FIXED, 0x11), 0x11, "broadcast");
	check_eq(sum_after(0, ICR_OTHERS, 0x10), 0x10, "all but self");
	check_eq(sum_after(1, ICR_FIXED, 0x10), 0x10, "physical");
	sum = sum_after(3, ICR_LOGICAL | ICR_LOWEST, ANYBODY);
	check(sum == 1 || sum == 0x10, "lowest priority: one of them");
	apic_write(APIC_TPR, 0x60);
	check_eq(sum_after(3, ICR_LOGICAL | ICR_LOWEST, 0x10), 0x10,
		 "lowest priority: the one with less to do");
	apic_write(APIC_TPR, 0);
	serving = 0;
	check(cpu_wait(1), "CPU 1 is done");
	hook(V3, on_irq);
}

/* --- x2APIC --- */

static void read_msr_at(word index)
{
	(void)read_msr((u32)index);
}

static void write_msr_at(word index, word value)
{
	write_msr((u32)index, value);
}

static void x2_refuses(u32 index, u64 value, const char *name)
{
	expect(catch_call((void *)write_msr_at, index, value), V_GP, 0, name);
}

static void test_x2_rules(void)
{
	expect(catch_call((void *)read_msr_at, 0x80e, 0), V_GP, 0, "no DFR");
	expect(catch_call((void *)read_msr_at, 0x831, 0), V_GP, 0, "no ICR2");
	expect(catch_call((void *)read_msr_at, 0x80b, 0), V_GP, 0,
	       "EOI is not read");
	expect(catch_call((void *)read_msr_at, 0x83f, 0), V_GP, 0,
	       "SELF IPI is not read");
	x2_refuses(0x802, 1, "ID is not written");
	x2_refuses(0x80d, 1, "LDR is not written");
	x2_refuses(0x80b, 1, "EOI takes 0 only");
	x2_refuses(0x808, 0x100, "TPR bit 8");
	x2_refuses(0x808, BIT(32), "TPR bit 32");
	x2_refuses(0x828, 1, "ESR takes 0 only");
	x2_refuses(0x830, BIT(20), "ICR bit 20");
	x2_refuses(0x83f, 0x100, "SELF IPI bit 8");
	x2_refuses(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) & ~BIT(10),
		   "x2APIC to xAPIC");
	x2_refuses(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) & ~BIT(11),
		   "x2APIC without enable");
	check_eq(apic_read(APIC_LDR), 1, "LDR follows from the ID");
	forget();
	write_msr(0x83f, V1);
	window();
	check_eq(seen[V1], 1, "SELF IPI");
}

static void test_x2(void)
{
	if (!HAS_X2APIC) {
		skip("x2APIC: not offered");
		return;
	}
	apic_enable_x2();
	test_registers("x2APIC");
	test_self("x2APIC");
	test_tpr("x2APIC");
	test_timer("x2APIC");
	test_x2_rules();
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) & ~(BIT(10) | BIT(11)));
	check(!has_bit(1, 3, 9), "disabled: CPUID says so");
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BIT(11));
	apic_enable();
	check(has_bit(1, 3, 9), "and enabled again");
	test_self("xAPIC again");
}

void image_main(void)
{
	for (u32 i = V1; i <= V3; i += 16)
		hook(i, on_irq);
	pic_mask_all();
	apic_enable();
	test_registers("xAPIC");
	test_self("xAPIC");
	test_tpr("xAPIC");
	test_nesting();
	test_errors();
	test_disabled();
	test_timer("xAPIC");
	test_deadline();
	test_shadow();
	test_nmi();
	test_ioapic();
	test_level();
	test_pic();
	test_logical();
	test_x2();
}
