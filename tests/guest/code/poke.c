/* SPDX-License-Identifier: MIT */
/*
 * Code that one CPU changes under another: Linux's INT3 protocol for static
 * keys, ftrace and static calls; whole pages of new code published by a flag,
 * as JIT compilers do it; data stores beside hot code. "cpus=1" runs what makes
 * sense there. [SDM3 8.1.3 "Handling Self- and Cross-Modifying Code"]
 */
#include "tests/guest/priv/lib/apic.h"
#include "tests/guest/code/lib/space.h"
#include "tests/guest/code/lib/hot.h"

#define VECTOR_SYNC 0xa0
#define INT3	    0xcc

static u32 count;
static u8 area[8 * PAGE] __attribute__((aligned(4096)));

/* --- both CPUs --- */

static volatile u32 acked, done, beats;

static void serialize(void)
{
	u32 r[4];

	cpuid(0, 0, r);
}

static bool on_sync(struct frame *f)
{
	(void)f;
	serialize();
	__atomic_fetch_add(&acked, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

/* The others have passed a serializing instruction. */
static void sync_others(void)
{
	if (count < 2) {
		serialize();
		return;
	}
	acked = 0;
	apic_send(0, ICR_OTHERS | ICR_FIXED | ICR_ASSERT | VECTOR_SYNC);
	if (!wait_for(&acked, count - 1))
		die("a sync is not answered");
}

/* Until the other CPU has run the sites `n` times more. */
static void wait_beats(u32 n)
{
	if (count > 1 && !wait_at_least(&beats, beats + n))
		die("the other CPU stands still");
}

/* --- INT3, three steps --- */

/*
 * A site of 5 bytes in a function: with NOP it answers 1, with a jump 2, with
 * a call 3 (the callee adds 2).
 */
enum state { IS_NOP, IS_JUMP, IS_CALL, STATES };

struct site {
	u8 *at;
	u8 bytes[STATES][5];
	u8 *target, *tracer;
	volatile u32 state; /* 4 * serial + state; +~0 while it changes */
};

#define SITES	 6
#define CHANGING 0x80000000u

static struct site sites[SITES];
static struct {
	struct site *site;
	enum state next;
	bool retry; /* what #BP does: go back, or do the new instruction */
} poking;
static volatile u32 breaks;
static u32 wrong, mixed;

static void site_make(struct site *s, u8 *at)
{
	u8 *next;

	s->at = at;
	s->tracer = area + 6 * PAGE;
	emit_ret(EMIT(s->tracer, 0x83, 0xc0, 2)); /* add $2, %eax */
	/* mov $1, %eax before; the site; ret; mov $2, %eax; ret */
	emit_mov_eax(at - 5, 1);
	next = EMIT(at, 0x0f, 0x1f, 0x44, 0, 0);
	s->target = emit_ret(next);
	emit_answer(s->target, 2);
	memcpy(s->bytes[IS_NOP], at, 5);
	emit_jmp(at, s->target);
	memcpy(s->bytes[IS_JUMP], at, 5);
	emit_call(at, s->tracer);
	memcpy(s->bytes[IS_CALL], at, 5);
	emit(at, s->bytes[IS_NOP], 5);
	s->state = IS_NOP;
}

static bool on_break(struct frame *f)
{
	const struct site *s = poking.site;

	__atomic_fetch_add(&breaks, 1, __ATOMIC_RELAXED);
	if (!s || f->ip != (word)s->at + 1)
		die("a break that nobody set");
	if (poking.retry) {
		f->ip--;
		return true;
	}
	f->ip += 4;
	if (poking.next == IS_JUMP) {
		f->ip = (word)s->target;
	} else if (poking.next == IS_CALL) {
		f->sp -= 8;
		*(word *)f->sp = f->ip;
		f->ip = (word)s->tracer;
	}
	return true;
}

static void poke(struct site *s, enum state next, bool retry)
{
	u32 serial = (s->state >> 2) + 1;

	__atomic_store_n(&s->state, CHANGING, __ATOMIC_SEQ_CST);
	poking.next = next;
	poking.retry = retry;
	__atomic_store_n(&poking.site, s, __ATOMIC_SEQ_CST);
	*(volatile u8 *)s->at = INT3;
	sync_others();
	emit(s->at + 1, s->bytes[next] + 1, 4);
	sync_others();
	*(volatile u8 *)s->at = s->bytes[next][0];
	sync_others();
	__atomic_store_n(&poking.site, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->state, serial << 2 | next, __ATOMIC_SEQ_CST);
}

/* Runs a site and says whether what it answered may be. */
static void run_site(struct site *s)
{
	u32 before = s->state, answer, after;

	answer = (u32)call_code(s->at - 5, 0, 0);
	after = s->state;
	if (answer < 1 || answer > 3)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	else if (before == after && before != CHANGING &&
		 answer != (before & 3) + 1)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	else if (before != after)
		__atomic_fetch_add(&mixed, 1, __ATOMIC_RELAXED);
}

static void runner(u32 cpu)
{
	irq_on();
	while (!done) {
		for (u32 i = 0; i < SITES; i++)
			run_site(&sites[i]);
		if (cpu == 1)
			beats++;
	}
	irq_off();
}

static void sites_make(void)
{
	/* In the middle, over lines, over a page's end by 1 to 4 bytes. */
	site_make(&sites[0], area + 64);
	site_make(&sites[1], area + 256 - 2);
	site_make(&sites[2], area + PAGE - 1);
	site_make(&sites[3], area + 2 * PAGE - 3);
	site_make(&sites[4], area + 3 * PAGE - 4);
	site_make(&sites[5], area + 4 * PAGE);
}

static void poke_all(u32 rounds)
{
	u32 state = 1;

	for (u32 i = 0; i < rounds; i++) {
		u32 random = next_random(&state);
		struct site *s = &sites[random % SITES];

		poke(s, (enum state)(random / SITES % STATES), random >> 16 & 1);
		if (count < 2)
			for (u32 n = 0; n < hot_rounds; n++)
				run_site(s);
		else
			wait_beats(100);
	}
}

static void test_poke(void)
{
	u32 rounds = (count > 2 ? 40 : 150) * hot_scale;

	sites_make();
	hook(VECTOR_SYNC, on_sync);
	hook(V_BP, on_break);
	gate_ist(V_BP); /* it pushes on the stack of what it came from */
	done = 0;
	for (u32 i = 1; i < count; i++)
		cpu_run(i, runner);
	wait_beats(100);
	poke_all(rounds);
	done = 1;
	for (u32 i = 1; i < count; i++)
		cpu_wait(i);
	check_eq(wrong, 0, "%u pokes by way of INT3 (%u breaks, %u on the way)",
		 rounds, breaks, mixed);
	gate_reset(V_BP);
	hook(V_BP, NULL);
}

/* --- poked by a handler in the middle of the CPU's own loop: one CPU --- */

/* The first byte of a hot function is INT3 at times; #BP takes it away. */
static bool on_own_break(struct frame *f)
{
	f->ip--;
	*(volatile u8 *)f->ip = 0xb8;
	breaks++;
	return true;
}

static void test_own_breaks(void)
{
	u32 bad = 0;

	hook(V_BP, on_own_break);
	emit_answer(area, 77);
	breaks = 0;
	for (u32 i = 0; i < hot_rounds; i++) {
		bad += hot_calls(area, 0, 0, 77);
		*(volatile u8 *)area = INT3;
		bad += (u32)call_code(area, 0, 0) != 77;
	}
	check_eq(bad, 0, "INT3 over hot code, and away again");
	check_eq(breaks, hot_rounds, "one #BP each");
	hook(V_BP, NULL);
}

/* --- new code, published by a flag --- */

static volatile u32 published, taken;
static u32 rounds;

/* The code of a serial number: as many NOPs as it takes to move things. */
static void code_write(u8 *at, u32 serial)
{
	at = emit_nops(at, serial % 7);
	at = emit_mov_eax(at, serial);
	at = serial & 1 ? EMIT(at, 0x83, 0xc0, 1) : at; /* add $1, %eax */
	emit_ret(at);
}

static u32 code_answer(u32 serial)
{
	return serial + (serial & 1);
}

static u8 *slot_of(u32 serial, u32 slots)
{
	return area + PAGE - 100 + serial % slots * 40;
}

static u32 slots;

/* CPU 0 writes code n while the other still runs code n - 1, `slots` of them
 * side by side over two pages; with one slot it waits for its turn. */
static void publisher(void)
{
	for (u32 i = 1; i <= rounds; i++) {
		while (taken + slots < i)
			cpu_relax();
		code_write(slot_of(i, slots), i);
		__atomic_store_n(&published, i, __ATOMIC_RELEASE);
	}
}

static void subscriber(u32 cpu)
{
	(void)cpu;
	for (u32 i = 1; i <= rounds; i++) {
		while (published < i)
			cpu_relax();
		serialize();
		for (u32 n = 0; n < 100; n++)
			wrong += call_code(slot_of(i, slots), 0, 0) !=
				 code_answer(i);
		__atomic_store_n(&taken, i, __ATOMIC_RELEASE);
	}
}

static void test_publish(u32 n)
{
	slots = n;
	rounds = 300 * hot_scale;
	published = taken = wrong = 0;
	cpu_run(1, subscriber);
	publisher();
	check(cpu_wait(1), "the code's reader comes to its end");
	check_eq(wrong, 0, "code from another CPU, %u places", n);
}

/* Both write code for each other, on one page. */
static volatile u32 letters[2];

static void pen_pal(u32 cpu)
{
	u8 *mine = area + 200 * cpu, *other = area + 200 * (1 - cpu);

	for (u32 i = 1; i <= rounds; i++) {
		u32 bad = 0;

		code_write(mine, 2 * i + 1000 * cpu);
		__atomic_store_n(&letters[cpu], i, __ATOMIC_SEQ_CST);
		while (letters[1 - cpu] < i)
			cpu_relax();
		serialize();
		for (u32 n = 0; n < 60; n++)
			bad += call_code(other, 0, 0) !=
			       2 * i + 1000 * (1 - cpu);
		__atomic_fetch_add(&wrong, bad, __ATOMIC_RELAXED);
		__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
		while (taken < 2 * i)
			cpu_relax();
	}
}

static void test_pen_pals(void)
{
	rounds = 200 * hot_scale;
	letters[0] = letters[1] = taken = wrong = 0;
	cpu_run(1, pen_pal);
	pen_pal(0);
	check(cpu_wait(1), "both come to their end");
	check_eq(wrong, 0, "two CPUs write code for each other on one page");
}

/* --- data beside code that another CPU runs --- */

static void line_runner(u32 cpu)
{
	(void)cpu;
	for (u32 i = 0; i < rounds; i++)
		wrong += call_code(area + 64, 0, 0) != 5;
	done = 1;
}

static void test_false_sharing(void)
{
	volatile u32 *data = (volatile u32 *)(void *)(area + 64 + 32);
	u32 stores = 0;

	emit_answer(area + 64, 5);
	rounds = 20000 * hot_scale;
	wrong = done = 0;
	cpu_run(1, line_runner);
	while (!done) {
		*data = ++stores;
		wrong += *data != stores;
	}
	cpu_wait(1);
	check_eq(wrong, 0, "stores beside code that another CPU runs");
}

/* An aligned byte, word, dword and quadword of code changes at once. */
static void unit_runner(u32 cpu)
{
	u32 last = 0;

	(void)cpu;
	while (!done) {
		u32 answer = (u32)call_code(area + 3, 0, 0);

		wrong += answer < last ||
			 (answer & 0xff) != (answer >> 8 & 0xff);
		last = answer;
		beats++;
	}
}

static void test_aligned_units(void)
{
	wrong = done = 0;
	emit_answer(area + 3, 0); /* the immediate at 4 */
	cpu_run(1, unit_runner);
	for (u32 i = 1; i < 200 * hot_scale; i++) {
		u32 value = i << 16 | (i & 0xff) * 0x101;

		wait_beats(50);
		if (i & 1)
			*(volatile u32 *)(void *)(area + 4) = value;
		else
			__atomic_exchange_n((u32 *)(void *)(area + 4), value,
					    __ATOMIC_SEQ_CST);
	}
	done = 1;
	cpu_wait(1);
	check_eq(wrong, 0, "an aligned immediate changes as a whole");
}

void image_main(void)
{
	hot_init();
	count = option_number("cpus", 1);
	pic_mask_all();
	apic_enable();
	if (count > 1 && !check(cpus_start(count), "the other CPUs"))
		finish();
	test_own_breaks();
	test_poke();
	if (count < 2)
		return;
	test_publish(1);
	test_publish(2);
	test_publish(8);
	test_pen_pals();
	test_false_sharing();
	test_aligned_units();
}
