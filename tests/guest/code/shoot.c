/* SPDX-License-Identifier: MIT */
/*
 * Page tables that one CPU changes while others run hot code through them: TLB
 * shoot-down by IPI under a writer and under running code, and accessed and
 * dirty bits set by walks against locked updates of the same entry. "cpus=2".
 * [SDM3 4.10.5 "Propagation of Paging-Structure Changes to Multiple Processors"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"
#include "tests/guest/priv/lib/apic.h"

#define VECTOR_IPI 0xa0
#define COUNTER	   BIT(52) /* the PTE's own bits for software */
#define COUNTS	   1023u

static u8 pages[4][PAGE] __attribute__((aligned(4096)));
static volatile u64 *pte;
static volatile u32 acked, done, beats, wrong;

static bool on_shoot(struct frame *f)
{
	(void)f;
	invlpg((void *)VA_ONE);
	__atomic_fetch_add(&acked, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

static void shoot(u64 entry)
{
	*pte = entry;
	invlpg((void *)VA_ONE);
	acked = 0;
	apic_send(0, ICR_OTHERS | ICR_FIXED | ICR_ASSERT | VECTOR_IPI);
	if (!wait_for(&acked, 1))
		die("a shoot-down is not answered");
}

static void begin(void (*other)(u32 cpu))
{
	hook(VECTOR_IPI, on_shoot);
	done = beats = wrong = 0;
	*pte = (u64)pages[0] | PTE_ALL;
	invlpg((void *)VA_ONE);
	cpu_run(1, other);
	if (!wait_at_least(&beats, 10))
		die("CPU 1 does not run");
}

static void end(void)
{
	done = 1;
	if (!cpu_wait(1))
		die("CPU 1 does not end");
}

static void wait_beats(void)
{
	if (!wait_at_least(&beats, beats + 3))
		die("CPU 1 does not go on");
}

/* --- a writer --- */

static void writer(u32 cpu)
{
	u64 n = 0;

	(void)cpu;
	irq_on();
	while (!done) {
		for (u32 i = 0; i < 200; i++)
			((volatile u64 *)VA_ONE)[i % 512] = ++n;
		beats++;
	}
	irq_off();
}

/* After the shoot-down nothing is written to the old page. */
static void test_writer(void)
{
	u32 bad = 0;

	begin(writer);
	for (u32 n = 1; n < 150 * hot_scale; n++) {
		u8 *old = pages[(n - 1) & 3], *next = pages[n & 3];
		u64 sum[2] = {0, 0};

		wait_beats();
		shoot((u64)next | PTE_ALL);
		for (u32 i = 0; i < 512; i++)
			sum[0] += ((volatile u64 *)(void *)old)[i];
		wait_beats();
		for (u32 i = 0; i < 512; i++)
			sum[1] += ((volatile u64 *)(void *)old)[i];
		bad += sum[0] != sum[1];
	}
	end();
	check_eq(bad, 0, "a page is not written after its shoot-down");
}

/* --- code that runs --- */

static volatile u32 floor;

static void executor(u32 cpu)
{
	(void)cpu;
	irq_on();
	while (!done) {
		for (u32 i = 0; i < 200; i++) {
			u32 least = floor;

			wrong += (u32)call_code((void *)(VA_ONE + 64), 0, 0) <
				 least;
		}
		beats++;
	}
	irq_off();
}

/* Each new page of code answers more than the one before. */
static void test_executor(void)
{
	floor = 0;
	emit_answer(pages[0] + 64, 0);
	begin(executor);
	for (u32 n = 1; n < 150 * hot_scale; n++) {
		emit_answer(pages[n & 3] + 64, n);
		wait_beats();
		shoot((u64)pages[n & 3] | PTE_ALL);
		floor = n;
	}
	end();
	check_eq(wrong, 0, "code is not run after its shoot-down");
	hooks_clear();
}

/* --- write protection, as fork does it --- */

static u32 faults;
static volatile u32 copied;

/* Copy on write: the writer gets a page of its own. */
static bool on_fault(struct frame *f)
{
	u64 entry = *pte;

	wrong += read_cr2() >> 12 != VA_ONE >> 12;
	wrong += (f->error & (ERR_P | ERR_W)) != (ERR_P | ERR_W);
	faults++;
	if (!(entry & PTE_RW)) {
		copied++;
		*pte = entry | PTE_RW;
	}
	invlpg((void *)VA_ONE);
	return true;
}

static void test_protection(void)
{
	u32 bad = 0;

	faults = copied = 0;
	hook(V_PF, on_fault);
	begin(writer);
	for (u32 n = 1; n < 150 * hot_scale; n++) {
		wait_beats();
		shoot((u64)pages[0] | PTE_P);
		if (!wait_at_least(&copied, n))
			die("no fault");
		bad += copied != n;
	}
	end();
	check_eq(bad + wrong, 0,
		 "one fault each time a hot store loses its right");
	hooks_clear();
}

/* --- accessed and dirty against locked updates, free running --- */

static void toucher(u32 cpu)
{
	u64 n = 0;

	(void)cpu;
	while (!done) {
		for (u32 i = 0; i < 50; i++) {
			invlpg((void *)VA_ONE);
			if (i & 1)
				*(volatile u64 *)VA_ONE = ++n;
			else
				(void)*(volatile u64 *)VA_ONE;
		}
		beats++;
	}
}

/* CPU 0 counts in the entry's software bits and takes A and D away. */
static void test_counter(void)
{
	u32 lost = 0, n;

	begin(toucher);
	for (n = 1; n <= 20000 * hot_scale; n++) {
		u64 old = *pte, new;

		for (;;) {
			u64 seen;

			new = old & ~(u64)(PTE_A | PTE_D);
			new = (new & ~(COUNTS * COUNTER)) |
			      (n & COUNTS) * COUNTER;
			seen = old;
			if (__atomic_compare_exchange_n(pte, &seen, new, false,
							__ATOMIC_SEQ_CST,
							__ATOMIC_SEQ_CST))
				break;
			lost += (seen / COUNTER & COUNTS) != ((n - 1) & COUNTS);
			old = seen;
		}
		if (n % 16 == 0)
			__asm__ volatile("lock btrq %1, %0"
					 : "+m"(*pte)
					 : "r"(6ull)
					 : "memory", "cc");
		lost += (*pte / COUNTER & COUNTS) != (n & COUNTS);
		lost += (*pte & ~0xfffull & (COUNTER - 1)) != (u64)pages[0];
	}
	end();
	check_eq(lost, 0, "%u locked updates of an entry that is walked", n - 1);
}

/* D is taken away, then CPU 1 is asked to write: it is there again. */
static volatile u32 asked, answered;

static void answerer(u32 cpu)
{
	(void)cpu;
	while (!done) {
		u32 n = asked;

		beats++;
		if (answered == n) {
			cpu_relax();
			continue;
		}
		invlpg((void *)VA_ONE);
		for (u32 i = 0; i < 8; i++)
			((volatile u64 *)VA_ONE)[i] = n;
		__atomic_store_n(&answered, n, __ATOMIC_SEQ_CST);
	}
}

static void test_dirty(void)
{
	u32 lost = 0;

	asked = answered = 0;
	begin(answerer);
	for (u32 n = 1; n < 3000 * hot_scale; n++) {
		__asm__ volatile("lock btrq %1, %0\n lock btrq %2, %0"
				 : "+m"(*pte)
				 : "r"(6ull), "r"(5ull)
				 : "memory", "cc");
		__atomic_store_n(&asked, n, __ATOMIC_SEQ_CST);
		while (answered != n)
			cpu_relax();
		lost += (*pte & (PTE_A | PTE_D)) != (PTE_A | PTE_D);
	}
	end();
	check_eq(lost, 0, "a hot store makes its page dirty again");
}

/* --- vector state under a walk that is disturbed over and over --- */

/* RDI is the page, RSI a number: it comes back through XMM1 and the x87 stack,
 * over a load from the page. RAX: twice the number. */
extern const u8 carry[];
__asm__(".pushsection .text.shoot\n"
	"carry:\n"
	"	push %rsi\n"
	"	movq %rsi, %xmm1\n"
	"	fildll (%rsp)\n"
	"	mov (%rdi), %rax\n"
	"	fistpll (%rsp)\n"
	"	movq %xmm1, %rax\n"
	"	pop %rsi\n"
	"	add %rsi, %rax\n"
	"	ret\n"
	".popsection");

static void carrier(u32 cpu)
{
	u64 n = 0;

	(void)cpu;
	write_cr4(read_cr4() | CR4_OSFXSR);
	__asm__ volatile("fninit");
	while (!done) {
		for (u32 i = 0; i < 50; i++) {
			invlpg((void *)VA_ONE);
			n++;
			wrong += call_code(carry, VA_ONE, n) != 2 * n;
		}
		beats++;
	}
}

/* CPU 0 changes the entry all the time, never with A: hardly a walk can set it
 * without help. */
static void test_vectors(void)
{
	begin(carrier);
	for (u32 n = 0; beats < 200 * hot_scale; n++)
		*pte = (u64)pages[0] | PTE_ALL | (n & COUNTS) * COUNTER;
	end();
	check_eq(wrong, 0, "vector state over a walk that is disturbed");
}

void image_main(void)
{
	hot_init();
	pic_mask_all();
	apic_enable();
	pte = space_pte(pml4, VA_ONE);
	if (!check(cpus_start(2), "the other CPU"))
		finish();
	test_writer();
	test_executor();
	test_protection();
	test_counter();
	test_dirty();
	test_vectors();
}
