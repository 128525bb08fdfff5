/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs at once. "cpus=N" on the command line says how many; "long"
 * makes all loops ten times as long.
 * [SDM3 8.1 "Locked Atomic Operations"] [SDM3 8.1.3 "Handling Self- and
 * Cross-Modifying Code"] [SDM3 4.10.5 "Propagation of Paging-Structure Changes
 * to Multiple Processors"] [SDM3 8.4 "Multiple-Processor (MP)
 * Initialization"]
 */
#include "tests/guest/priv/lib/apic.h"

#include "tests/guest/priv/lib/tss64.h"

#define P    BIT(0)
#define RW   BIT(1)
#define A    BIT(5)
#define D    BIT(6)
#define SOFT 9

#define VA	   BIT(40)
#define VECTOR_IPI 0xa0
#define VECTOR_HI  0xa1

static u32 count, scale = 1;

/* Rounds that all CPUs must take part in: with more of them than the host has,
 * each waits for the host's scheduler. */
static u32 few(u32 n)
{
	return (count > 2 ? n / 5 : n) * scale;
}

/* --- meeting --- */

static volatile u32 met[2], turn;

/* All CPUs at one point, again and again. */
static void meet(void)
{
	u32 now = turn;

	if (__atomic_add_fetch(&met[now & 1], 1, __ATOMIC_SEQ_CST) == count) {
		met[now & 1] = 0;
		__atomic_store_n(&turn, now + 1, __ATOMIC_SEQ_CST);
		return;
	}
	while (turn == now)
		cpu_relax();
}

/* --- locked arithmetic --- */

static u8 arena[3 * 4096] __attribute__((aligned(4096)));
static u64 *counter;
static u32 rounds;

static void add_loop(u32 cpu)
{
	(void)cpu;
	meet();
	for (u32 i = 0; i < rounds; i++) {
		__asm__ volatile("lock incq %0" : "+m"(*counter) : : "memory");
		__asm__ volatile("lock addl $1, %0"
				 : "+m"(*(u32 *)(void *)counter)
				 :
				 : "memory");
	}
}

static void xadd_loop(u32 cpu)
{
	(void)cpu;
	meet();
	for (u32 i = 0; i < rounds; i++) {
		u64 one = 2, old, new;

		__asm__ volatile("lock xaddq %1, %0"
				 : "+m"(*counter), "+r"(one)
				 :
				 : "memory");
		do {
			old = *(volatile u64 *)counter;
			new = old - 1;
			__asm__ volatile("lock cmpxchgq %2, %0"
					 : "+m"(*counter), "=a"(new)
					 : "r"(new), "a"(old)
					 : "memory");
		} while (new != old);
	}
}

static void test_adds(u32 at, u32 n, const char *where)
{
	counter = (u64 *)(void *)(arena + at);
	rounds = n * scale;
	*counter = 0;
	cpus_run(count, add_loop);
	check_eq(*counter, 2ull * rounds * count, "lock inc, lock add: %s",
		 where);
	*counter = 0;
	cpus_run(count, xadd_loop);
	check_eq(*counter, (u64)rounds * count, "lock xadd, lock cmpxchg: %s",
		 where);
}

/* --- mutual exclusion --- */

static volatile u32 spin;
static volatile u64 guarded[2];
static u64 wide[2] __attribute__((aligned(16)));

static void xchg_loop(u32 cpu)
{
	(void)cpu;
	meet();
	for (u32 i = 0; i < rounds; i++) {
		u32 one = 1;

		do {
			one = 1;
			__asm__ volatile("xchg %0, %1"
					 : "+r"(one), "+m"(spin)
					 :
					 : "memory");
			if (one)
				cpu_relax();
		} while (one);
		guarded[0]++;
		guarded[1] += 3;
		__asm__ volatile("movl $0, %0" : "=m"(spin) : : "memory");
	}
}

static bool cas16(u64 *at, u64 old[2], u64 low, u64 high)
{
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(ok), "+m"(*(u64(*)[2])at), "+a"(old[0]),
			   "+d"(old[1])
			 : "b"(low), "c"(high)
			 : "memory");
	return ok;
}

static void cas16_loop(u32 cpu)
{
	u64 old[2] = {0, 0};

	(void)cpu;
	meet();
	for (u32 i = 0; i < rounds; i++)
		while (!cas16(wide, old, old[0] + 1, old[1] + 5))
			;
}

static void test_exclusion(void)
{
	rounds = 5000 * scale;
	guarded[0] = guarded[1] = 0;
	cpus_run(count, xchg_loop);
	check_eq(guarded[0], (u64)rounds * count, "xchg as a lock");
	check_eq(guarded[1], 3ull * rounds * count, "both under it");
	if (!HAS_CX16) {
		skip("CMPXCHG16B: not offered");
		return;
	}
	rounds = 10000 * scale;
	cpus_run(count, cas16_loop);
	check_eq(wide[0], (u64)rounds * count, "cmpxchg16b, low");
	check_eq(wide[1], 5ull * rounds * count, "cmpxchg16b, high");
}

/* --- the order of loads and stores --- */

static volatile u32 cell[4 * 16];
static u32 loaded[2];
static u32 both_zero, stale;

static void store_buffer_loop(u32 cpu)
{
	for (u32 i = 0; i < rounds; i++) {
		meet();
		if (cpu < 2) {
			cell[16 * cpu] = 1;
			__asm__ volatile("mfence" : : : "memory");
			loaded[cpu] = cell[16 * (1 - cpu)];
		}
		meet();
		if (cpu == 0) {
			both_zero += !loaded[0] && !loaded[1];
			cell[0] = cell[16] = 0;
		}
	}
}

/* CPU 0 writes data, then a number; the others must not see it earlier. */
static void message_loop(u32 cpu)
{
	meet();
	if (cpu == 0) {
		for (u32 i = 1; i <= rounds; i++) {
			cell[32] = i;
			cell[48] = i;
		}
		return;
	}
	for (u32 seen = 0; seen < rounds;) {
		seen = cell[48];
		if (cell[32] < seen)
			__atomic_fetch_add(&stale, 1, __ATOMIC_RELAXED);
	}
}

static void test_order(void)
{
	rounds = few(500);
	cpus_run(count, store_buffer_loop);
	check_eq(both_zero, 0, "store, MFENCE, load: not both old");
	rounds = 100000 * scale;
	cpus_run(count, message_loop);
	check_eq(stale, 0, "stores are seen in their order");
}

/* --- TLB shoot-down --- */

typedef u64 table[512] __attribute__((aligned(4096)));
extern table pml4;
static table pdpt, pd, pt;
static volatile u64 pages[2][512] __attribute__((aligned(4096)));
static volatile u32 acked, done;
static u32 poison_seen;

#define POISON 0xdeadull

static bool on_shoot(struct frame *f)
{
	(void)f;
	invlpg((void *)VA);
	__atomic_fetch_add(&acked, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

static void map_shared(u64 flags)
{
	pml4[2] = (u64)pdpt | P | RW;
	pdpt[0] = (u64)pd | P | RW;
	pd[0] = (u64)pt | P | RW;
	pt[0] = (u64)pages[0] | P | RW | flags;
	invlpg((void *)VA);
}

static void shoot(void)
{
	acked = 0;
	apic_send(0, ICR_OTHERS | ICR_FIXED | ICR_ASSERT | VECTOR_IPI);
	if (!wait_for(&acked, count - 1))
		die("a shoot-down is not answered");
}

static void shoot_loop(u32 cpu)
{
	meet();
	if (cpu) {
		irq_on();
		while (!done)
			if (*(volatile u64 *)VA == POISON)
				__atomic_fetch_add(&poison_seen, 1,
						   __ATOMIC_RELAXED);
		irq_off();
		return;
	}
	for (u32 i = 0; i < rounds; i++) {
		u32 next = (i + 1) & 1;

		pages[next][0] = i;
		pt[0] = (u64)pages[next] | P | RW;
		invlpg((void *)VA);
		shoot();
		pages[!next][0] = POISON;
	}
	done = 1;
}

static void test_shootdown(void)
{
	map_shared(0);
	hook(VECTOR_IPI, on_shoot);
	rounds = few(200);
	done = 0;
	cpus_run(count, shoot_loop);
	check_eq(poison_seen, 0, "TLB shoot-down: no old page is read");
}

/* --- accessed and dirty against the kernel's own changes --- */

static volatile u32 phase, phase_done;
static u32 lost_dirty, lost_soft;

static bool btr(u64 *at, u32 bit)
{
	bool was;

	__asm__ volatile("lock btrq %2, %1"
			 : "=@ccc"(was), "+m"(*at)
			 : "r"((u64)bit)
			 : "memory");
	return was;
}

static bool bts(u64 *at, u32 bit)
{
	bool was;

	__asm__ volatile("lock btsq %2, %1"
			 : "=@ccc"(was), "+m"(*at)
			 : "r"((u64)bit)
			 : "memory");
	return was;
}

/* CPU 0 clears D and asks CPU 1 for a write; others walk all the time. */
static void dirty_loop(u32 cpu)
{
	meet();
	if (cpu == 0) {
		for (u32 i = 1; i <= rounds; i++) {
			btr(&pt[0], 6);
			if (i & 1)
				btr(&pt[0], 5);
			lost_soft += bts(&pt[0], SOFT);
			__atomic_store_n(&phase, i, __ATOMIC_SEQ_CST);
			while (phase_done != i)
				cpu_relax();
			lost_dirty += !(pt[0] & D);
			lost_soft += !btr(&pt[0], SOFT);
		}
		done = 1;
		return;
	}
	for (u32 mine = 0; !done;) {
		if (cpu == 1 && phase == mine) {
			cpu_relax();
			continue;
		}
		mine = phase;
		invlpg((void *)VA);
		if (cpu == 1) {
			*(volatile u64 *)(VA + 8) = mine;
			__atomic_store_n(&phase_done, mine, __ATOMIC_SEQ_CST);
		} else {
			(void)*(volatile u64 *)VA;
		}
	}
}

static void test_dirty(void)
{
	map_shared(0);
	rounds = few(5000);
	done = phase = phase_done = 0;
	cpus_run(count, dirty_loop);
	check_eq(lost_dirty, 0, "no D bit is lost");
	check_eq(lost_soft, 0, "no software bit is lost to an A/D update");
}

/* --- code that changes --- */

/* mov $imm, %eax; ret: the immediate does not cross 8 bytes. */
static u8 code[64] __attribute__((aligned(64)));
static u32 bad_values, breaks;

static void code_make(u32 value)
{
	code[0] = 0x90;
	code[1] = 0x90;
	code[2] = 0x90;
	code[3] = 0xb8;
	memcpy(code + 4, &value, 4);
	code[8] = 0xc3;
}

static u32 code_call(void)
{
	u32 value;

	__asm__ volatile("call *%1" : "=a"(value) : "r"(code) : "memory");
	return value;
}

static bool on_break(struct frame *f)
{
	f->ip--;
	__atomic_fetch_add(&breaks, 1, __ATOMIC_RELAXED);
	return true;
}

static bool on_sync(struct frame *f)
{
	u32 r[4];

	(void)f;
	cpuid(0, 0, r);
	__atomic_fetch_add(&acked, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

static void poke_loop(u32 cpu)
{
	u32 last = 0;

	meet();
	if (cpu) {
		irq_on();
		while (!done) {
			u32 value = code_call();

			if (value < last || value > rounds)
				__atomic_fetch_add(&bad_values, 1,
						   __ATOMIC_RELAXED);
			last = value;
		}
		irq_off();
		return;
	}
	for (u32 i = 1; i <= rounds; i++) {
		*(volatile u8 *)(code + 3) = 0xcc;
		shoot();
		memcpy(code + 4, &i, 4);
		shoot();
		*(volatile u8 *)(code + 3) = 0xb8;
		shoot();
	}
	done = 1;
}

/* The aligned immediate alone, without asking anybody. */
static void patch_loop(u32 cpu)
{
	u32 last = 0;

	meet();
	if (cpu == 0) {
		for (u32 i = 1; i <= rounds; i++)
			*(volatile u32 *)(void *)(code + 4) = i;
		return;
	}
	while (last < rounds) {
		u32 value = code_call();

		if (value < last || value > rounds)
			__atomic_fetch_add(&bad_values, 1, __ATOMIC_RELAXED);
		last = value;
	}
}

static void test_cross_modifying(void)
{
	hook(VECTOR_IPI, on_sync);
	hook(V_BP, on_break);
	code_make(0);
	done = 0;
	rounds = few(100);
	cpus_run(count, poke_loop);
	check_eq(bad_values, 0, "code poked by way of INT3");
	code_make(0);
	rounds = 20000 * scale;
	cpus_run(count, patch_loop);
	check_eq(bad_values, 0, "an immediate changed under way");
	hook(V_BP, NULL);
}

/* --- interrupts that wake --- */

static volatile u32 woken;
static u32 missed;
static u32 woken_by_nmi[CPUS_MAX];

static bool on_wake(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
	return true;
}

static bool on_nmi(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&woken_by_nmi[cpu_index()], 1, __ATOMIC_SEQ_CST);
	return true;
}

/* CPU 1 sleeps; each IPI must wake it once. */
static void sleep_loop(u32 cpu)
{
	meet();
	if (cpu == 1) {
		while (woken < rounds)
			irq_on_halt();
		return;
	}
	if (cpu)
		return;
	for (u32 i = 1; i <= rounds; i++) {
		apic_send(1, ICR_FIXED | ICR_ASSERT | VECTOR_HI);
		if (!wait_for(&woken, i))
			return;
	}
}

/* Everybody sleeps, CPU 0 wakes all at once. The IPI may come before the HLT:
 * interrupts are off until then, so it waits. */
static void chorus_loop(u32 cpu)
{
	for (u32 i = 1; i <= rounds; i++) {
		if (cpu == 0)
			woken = 0;
		meet();
		if (cpu)
			irq_on_halt();
		else
			apic_send(0, ICR_OTHERS | ICR_FIXED | ICR_ASSERT |
					     VECTOR_HI);
		meet();
		missed += cpu == 0 && woken != count - 1;
	}
}

static void nmi_loop(u32 cpu)
{
	meet();
	if (cpu) {
		while (woken_by_nmi[cpu] < rounds)
			__asm__ volatile("hlt" : : : "memory");
		return;
	}
	for (u32 i = 1; i <= rounds; i++) {
		apic_send(0, ICR_OTHERS | ICR_NMI | ICR_ASSERT);
		for (u32 n = 1; n < count; n++)
			if (!wait_at_least(&woken_by_nmi[n], i))
				return;
	}
}

static void test_wake(void)
{
	hook(VECTOR_HI, on_wake);
	woken = 0;
	rounds = 10000 * scale;
	cpus_run(count, sleep_loop);
	check_eq(woken, rounds, "%u wake-ups from HLT", rounds);
	rounds = few(200);
	cpus_run(count, chorus_loop);
	check_eq(missed, 0, "all woken at once");
	hook(V_NMI, on_nmi);
	rounds = few(200);
	for (u32 i = 0; i < CPUS_MAX; i++)
		woken_by_nmi[i] = 0;
	cpus_run(count, nmi_loop);
	for (u32 i = 1; i < count; i++)
		check_eq(woken_by_nmi[i], rounds, "NMIs wake CPU %u", i);
	hooks_clear();
}

/* --- INIT --- */

static volatile u32 beats;

static void beat(u32 cpu)
{
	(void)cpu;
	for (;;) {
		beats++;
		cpu_relax();
	}
}

static volatile u32 init_flags;

static void note_state(u32 cpu)
{
	(void)cpu;
	init_flags = (u32)read_flags();
}

static void test_init(void)
{
	u32 now;

	cpu_run(1, beat);
	if (!wait_at_least(&beats, 100))
		die("CPU 1 does not run");
	apic_send(1, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	delay_us(20000);
	now = beats;
	delay_us(20000);
	check_eq(beats, now, "INIT stops a CPU");
	apic_send(1, ICR_FIXED | ICR_ASSERT | VECTOR_HI);
	apic_send(1, ICR_NMI | ICR_ASSERT);
	delay_us(5000);
	check_eq(beats, now, "nothing but SIPI wakes it");
	if (!check(cpus_start(count), "INIT and SIPI start all CPUs again"))
		return;
	cpu_run(1, note_state);
	check(cpu_wait(1), "CPU 1 works again");
	check_eq(init_flags & FLAG_IF, 0, "with interrupts off");
}

void image_main(void)
{
	count = option_number("cpus", 2);
	if (option("long"))
		scale = 10;
	pic_mask_all();
	apic_enable();
	gate_ist(V_NMI);
	check(cpus_start(count), "INIT and SIPI start %u CPUs", count - 1);
	if (failures())
		finish();
	test_adds(64, 20000, "aligned");
	test_adds(128 - 4, 5000, "across cache lines");
	test_adds(4096 - 3, 1500, "across pages");
	test_exclusion();
	test_order();
	test_shootdown();
	test_dirty();
	test_cross_modifying();
	test_wake();
	test_init();
}
