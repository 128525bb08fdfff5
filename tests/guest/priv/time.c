/* SPDX-License-Identifier: MIT */
/*
 * Clocks: none steps back, all go at one rate, no periodic tick is lost.
 * "seconds=N" is the length of each comparison, "reads=N" how often kvmclock
 * is read, "cpus=N" by how many CPUs. Bounds are of rates over the whole run,
 * so a busy host may stop us for a while without failing anything.
 * [I8254] [ACPI 4.8.2.1 "Power Management Timer"] [KVM-MSR
 * "MSR_KVM_SYSTEM_TIME_NEW"] [SDM3 11.5.4 "APIC Timer"]
 */
#include "tests/guest/priv/lib/apic.h"

#define MSR_SYSTEM_TIME	  0x4b564d01
#define LEAF_KVM	  0x40000000u
#define LEAF_KVM_FEATURES 0x40000001u
#define LEAF_KVM_CLOCKS	  0x40000010u
#define FEATURE_CLOCK	  3

#define V_TIMER 0x91
#define V_PIT	0x81
#define PIT_HZ	1193182u
#define NS	1000000000ull

static u32 count, seconds;

/* --- TSC --- */

static volatile u64 newest __attribute__((aligned(64)));
static u32 rounds, back;

/* Raises *newest to `now`; what it was before must not be above. */
static void advance(u64 now)
{
	u64 old = newest;

	while (old < now)
		if (__atomic_compare_exchange_n(&newest, &old, now, false,
						__ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			break;
}

static void tsc_loop(u32 cpu)
{
	(void)cpu;
	for (u32 i = 0; i < rounds; i++) {
		u64 before = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
		u64 now = rdtsc();

		if (now < before)
			__atomic_fetch_add(&back, 1, __ATOMIC_RELAXED);
		advance(now);
	}
}

static void test_tsc(void)
{
	rounds = 100000;
	newest = 0;
	back = 0;
	cpus_run(count, tsc_loop);
	check_eq(back, 0, "TSC: never back over %u CPUs", count);
}

/* --- kvmclock --- */

struct clock_page {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul;
	s8 shift;
	u8 flags, pad[2];
} __attribute__((packed));

static volatile struct clock_page clock[CPUS_MAX] __attribute__((aligned(64)));
static u32 odd_seen;

static u64 clock_ns(u32 cpu)
{
	const volatile struct clock_page *page = &clock[cpu];
	u64 ticks, ns;
	u32 version;

	do {
		version = page->version;
		while (version & 1) {
			__atomic_fetch_add(&odd_seen, 1, __ATOMIC_RELAXED);
			cpu_relax();
			version = page->version;
		}
		ticks = rdtsc() - page->tsc;
		ticks = page->shift < 0 ? ticks >> -page->shift
					: ticks << page->shift;
		ns = page->ns +
		     (u64)((unsigned __int128)ticks * page->mul >> 32);
	} while (page->version != version);
	return ns;
}

static void clock_loop(u32 cpu)
{
	u64 last = 0;

	write_msr(MSR_SYSTEM_TIME, (u64)&clock[cpu] | 1);
	for (u32 i = 0; i < rounds; i++) {
		u64 before = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
		u64 now = clock_ns(cpu);

		if (now < before || now < last)
			__atomic_fetch_add(&back, 1, __ATOMIC_RELAXED);
		last = now;
		advance(now);
	}
}

static bool has_clock(void)
{
	u32 r[4];

	cpuid(LEAF_KVM, 0, r);
	if (r[1] != 0x4b4d564b || r[0] < LEAF_KVM_FEATURES)
		return false;
	cpuid(LEAF_KVM_FEATURES, 0, r);
	return r[0] >> FEATURE_CLOCK & 1;
}

static void test_clock(void)
{
	if (!has_clock()) {
		skip("kvmclock: not offered");
		return;
	}
	rounds = option_number("reads", 500000) / count;
	newest = 0;
	back = 0;
	cpus_run(count, clock_loop);
	check_eq(back, 0, "kvmclock: %u reads over %u CPUs, never back",
		 rounds * count, count);
	for (u32 i = 0; i < count; i++) {
		check(clock[i].version && !(clock[i].version & 1),
		      "kvmclock: CPU %u's version is even and not 0", i);
		check(clock[i].mul >= BIT(31) && clock[i].tsc,
		      "kvmclock: CPU %u's scale", i);
	}
}

/* --- rates --- */

/* All clocks at one moment, or as near to it as luck has it. */
struct moment {
	u64 tsc, pm, ns;
	u32 lapic;
};

static void moment_now(struct moment *ret)
{
	u64 narrowest = ~0ull;

	for (u32 i = 0; i < 200; i++) {
		struct moment m;
		u64 first = rdtsc(), last;

		m.lapic = apic_read(APIC_TMCCT);
		m.pm = pm_ticks();
		m.ns = clock[0].version ? clock_ns(0) : 0;
		last = rdtsc();
		if (last - first < narrowest) {
			narrowest = last - first;
			m.tsc = first + narrowest / 2;
			*ret = m;
		}
	}
}

/* Is `hz` within 0.1 % of what is expected? */
static void check_rate(u64 hz, u64 expected, const char *name)
{
	u64 difference = hz > expected ? hz - expected : expected - hz;

	check(difference <= expected / 1000, "%s: %u kHz, %u expected", name,
	      (u32)(hz / 1000), (u32)(expected / 1000));
}

static u64 tsc_hz_told(void)
{
	u32 r[4];

	cpuid(LEAF_KVM, 0, r);
	if (r[1] == 0x4b4d564b && r[0] >= LEAF_KVM_CLOCKS) {
		cpuid(LEAF_KVM_CLOCKS, 0, r);
		return r[0] * 1000ull;
	}
	cpuid(0, 0, r);
	if (r[0] < 0x15)
		return 0;
	cpuid(0x15, 0, r);
	return r[0] && r[1] && r[2] ? (u64)r[2] * r[1] / r[0] : 0;
}

/* `ticks` of a clock while the PM timer made `pm`, in Hz. */
static u64 rate(u64 ticks, u64 pm)
{
	return (u64)((unsigned __int128)ticks * PM_HZ / pm);
}

unsigned __int128 __udivti3(unsigned __int128 a, unsigned __int128 b);
/* The compiler's division; b fits 64 bits here, and so does the quotient. */
unsigned __int128 __udivti3(unsigned __int128 a, unsigned __int128 b)
{
	u64 high = (u64)(a >> 64), low = (u64)a, quotient, rest;

	__asm__("divq %4"
		: "=a"(quotient), "=d"(rest)
		: "a"(low), "d"(high), "r"((u64)b)
		: "cc");
	return quotient;
}

/* Channel 2's count and the TSC, the narrowest of some tries. */
struct pit_moment {
	u64 tsc;
	u16 count;
};

static void pit_now(struct pit_moment *ret)
{
	u64 narrowest = ~0ull;

	for (u32 i = 0; i < 200; i++) {
		u64 first = rdtsc(), last;
		u16 now;

		outb(0x43, 0x80); /* latch */
		last = rdtsc();
		now = inb(0x42);
		now |= (u16)(inb(0x42) << 8);
		if (last - first < narrowest) {
			narrowest = last - first;
			ret->tsc = first + narrowest / 2;
			ret->count = now;
		}
	}
}

/* The count wraps each 55 ms; how often, the TSC tells well enough: a wrong
 * rate shows as a wrong rest. */
static void test_pit(u64 tsc_hz)
{
	struct pit_moment first, last;
	u64 expected;
	u32 off;

	outb(0x61, (u8)((inb(0x61) & ~2) | 1)); /* gate on, speaker off */
	outb(0x43, 0xb4);			/* mode 2, 65536 */
	outb(0x42, 0);
	outb(0x42, 0);
	delay_us(1000);
	pit_now(&first);
	delay_us(1000000);
	pit_now(&last);
	expected = (u64)((unsigned __int128)(last.tsc - first.tsc) * PIT_HZ /
			 tsc_hz);
	off = (u16)(first.count - last.count - (u32)expected);
	off = MIN(off, 0x10000 - off);
	check(off <= expected / 1000,
	      "PIT channel 2 against TSC: %u counts, off by %u", (u32)expected,
	      off);
	outb(0x61, (u8)(inb(0x61) & ~3));
	pit_now(&first);
	delay_us(1000);
	pit_now(&last);
	check_eq(last.count, first.count, "PIT channel 2 stops with its gate");
}

static void wait_pm(u64 ticks)
{
	u64 first = pm_ticks();

	while (pm_ticks() - first < ticks)
		cpu_relax();
}

static void test_rates(void)
{
	struct moment first, last;
	u64 pm, told = tsc_hz_told(), hz;

	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_TMICT, 0xffffffff);
	moment_now(&first);
	/* The LAPIC's count of 32 bits lasts 4.29 s at 1 GHz. */
	wait_pm((u64)MIN(seconds, 4u) * PM_HZ);
	moment_now(&last);
	pm = last.pm - first.pm;
	check_rate(rate(first.lapic - last.lapic, pm), NS,
		   "LAPIC timer against PM timer");
	if (seconds > 4)
		wait_pm((u64)(seconds - 4) * PM_HZ);
	moment_now(&last);
	pm = last.pm - first.pm;
	hz = rate(last.tsc - first.tsc, pm);
	if (told)
		check_rate(hz, told, "TSC against PM timer");
	else
		skip("TSC: its rate is not told");
	if (first.ns)
		check_rate(rate(last.ns - first.ns, pm), NS,
			   "kvmclock against PM timer");
	test_pit(hz);
	apic_write(APIC_TMICT, 0);
}

/* --- periodic ticks --- */

static volatile u32 ticks;

static bool on_tick(struct frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
	return true;
}

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	*(volatile u32 *)(IOAPIC_BASE + 0x10) = value;
}

/*
 * Ticks since `first`, those that came late made up: sooner or later they agree
 * with the time that has passed, but for one or two that are under way.
 */
static void check_ticks(u64 hz, u64 first, const char *name)
{
	u64 got, expected, difference, now;
	u64 limit = pm_ticks() + 5ull * PM_HZ;

	do {
		for (u32 i = 0; i < 100; i++)
			cpu_relax();
		got = ticks;
		now = pm_ticks();
		expected = hz * (now - first) / PM_HZ;
		difference = got > expected ? got - expected : expected - got;
	} while (difference > expected / 1000 + 2 && now < limit);
	check(difference <= expected / 1000 + 2, "%s: %u ticks, %u expected",
	      name, (u32)got, (u32)expected);
}

/* Lets ticks come for `seconds`, with a pause that holds some back. */
static void let_tick(void)
{
	irq_on();
	wait_pm((u64)seconds * PM_HZ / 2);
	irq_off();
	wait_pm(PM_HZ / 50); /* 20 ms without interrupts */
	irq_on();
	wait_pm((u64)seconds * PM_HZ / 2);
}

static void test_ticks(void)
{
	u64 first;

	hook(V_TIMER, on_tick);
	ticks = 0;
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_PERIODIC);
	first = pm_ticks();
	/* It owes 32 ticks at most: at 100 Hz a third of a second. */
	apic_write(APIC_TMICT, (u32)(NS / 100));
	let_tick();
	check_ticks(100, first, "LAPIC timer, 100 Hz");
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	irq_off();

	hook(V_PIT, on_tick);
	ioapic_write(0x10 + 2 * 2 + 1, 0);
	ioapic_write(0x10 + 2 * 2, V_PIT);
	ticks = 0;
	first = pm_ticks();
	outb(0x43, 0x34);
	outb(0x40, (u8)(PIT_HZ / 1000));
	outb(0x40, (u8)(PIT_HZ / 1000 >> 8));
	let_tick();
	check_ticks(1000, first, "PIT, 1000 Hz");
	irq_off();
	ioapic_write(0x10 + 2 * 2, LVT_MASKED);
}

void image_main(void)
{
	count = option_number("cpus", 1);
	seconds = option_number("seconds", 1);
	pic_mask_all();
	apic_enable();
	if (count > 1 && !check(cpus_start(count), "%u CPUs", count))
		finish();
	test_tsc();
	test_clock();
	test_rates();
	test_ticks();
}
