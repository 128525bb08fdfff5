/* SPDX-License-Identifier: MIT */
/*
 * Litmus tests between CPUs ("cpus=2" or "cpus=4"): what total store order
 * forbids must never be seen, and locked operations lose nothing. Each thread
 * runs a batch of instances of its own cells, so that they overlap.
 * [SDM3 8.2 "Memory Ordering"] [SDM3 8.1 "Locked Atomic Operations"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/priv/lib/apic.h"

#define BATCH 512
#define LINE  64

static u32 count;

/* x and y of each instance in lines of their own, moved by a stride. */
static u8 cells[2][BATCH * LINE + LINE] __attribute__((aligned(4096)));
static volatile u32 results[4][2][BATCH];
static volatile u32 met[2], turn;
static u32 batches;

static void meet(u32 cpus)
{
	u32 now = turn;

	if (__atomic_add_fetch(&met[now & 1], 1, __ATOMIC_SEQ_CST) == cpus) {
		met[now & 1] = 0;
		__atomic_store_n(&turn, now + 1, __ATOMIC_SEQ_CST);
		return;
	}
	while (turn == now)
		cpu_relax();
}

/*
 * One thread's instance: RDI = its first cell, RSI = its second; two loaded
 * values in EAX and EDX. Hot code, one function for each thread and test.
 */
#define THREAD(name, text)                                             \
	extern const u8 name[];                                        \
	__asm__(".pushsection .text.litmus\n .balign 64\n" #name ":\n" \
		"xor %eax, %eax\n xor %edx, %edx\n" text               \
		"\n ret\n .popsection")

THREAD(store_load, "movl $1, (%rdi)\n mov (%rsi), %eax");
THREAD(store_mfence_load, "movl $1, (%rdi)\n mfence\n mov (%rsi), %eax");
THREAD(xchg_load, "mov $1, %ecx\n xchg %ecx, (%rdi)\n mov (%rsi), %eax");
THREAD(store_lock_load, "movl $1, (%rdi)\n lock addl $0, -8(%rsp)\n"
			"mov (%rsi), %eax");
THREAD(store_cpuid_load, "push %rbx\n movl $1, (%rdi)\n xor %eax, %eax\n"
			 "cpuid\n mov (%rsi), %eax\n pop %rbx");
THREAD(store_iret_load, "movl $1, (%rdi)\n mov %rsp, %rcx\n mov %ss, %eax\n"
			"push %rax\n push %rcx\n pushf\n mov %cs, %eax\n"
			"push %rax\n lea 1f(%rip), %rax\n push %rax\n"
			"iretq\n 1: mov (%rsi), %eax");
THREAD(store_invlpg_load, "movl $1, (%rdi)\n invlpg -4096(%rsp)\n"
			  "mov (%rsi), %eax");
THREAD(store_cr3_load, "movl $1, (%rdi)\n mov %cr3, %rcx\n"
		       "mov %rcx, %cr3\n mov (%rsi), %eax");
THREAD(store_wrmsr_load, "movl $1, (%rdi)\n mov $0xc0000102, %ecx\n wrmsr\n"
			 "mov (%rsi), %eax\n xor %edx, %edx");
THREAD(store_lidt_load, "sub $16, %rsp\n sidt (%rsp)\n movl $1, (%rdi)\n"
			"lidt (%rsp)\n mov (%rsi), %eax\n add $16, %rsp");
THREAD(store_store, "movl $1, (%rdi)\n movl $1, (%rsi)");
THREAD(store_rep_store, "mov %rdi, %r8\n mov $1, %eax\n mov $1, %ecx\n"
			"rep stosl\n movl $1, (%rsi)\n xor %eax, %eax");
THREAD(load_load, "mov (%rdi), %eax\n mov (%rsi), %edx");
THREAD(load_add_load, "mov (%rdi), %eax\n xor %edx, %edx\n add (%rsi), %edx");
THREAD(load_store, "mov (%rdi), %eax\n movl $1, (%rsi)");
THREAD(store_one, "movl $1, (%rdi)");
THREAD(store_1_2, "movl $1, (%rdi)\n movl $2, (%rsi)");
THREAD(store_load_own, "movl $1, (%rdi)\n mov (%rdi), %eax\n"
		       "mov (%rsi), %edx");

enum { X, Y };

struct thread {
	const u8 *code;
	u32 first, second; /* X or Y */
};

static const struct litmus {
	const char *name;
	struct thread thread[4];
	u32 threads;
	/* Is this end one that must not be? r: thread, which value. */
	bool (*forbidden)(u32 i);
	bool may; /* forbidden only in a stronger order: seen is fine */
} * now;

static u32 r(u32 thread, u32 which, u32 i)
{
	return results[thread][which][i];
}

static u32 cell_at(u32 which, u32 i)
{
	return *(volatile u32 *)(void *)(cells[which] + i * LINE);
}

static bool both_zero(u32 i)
{
	return !r(0, 0, i) && !r(1, 0, i);
}
static bool second_before_first(u32 i) /* MP: thread 1 reads y, then x */
{
	return r(1, 0, i) && !r(1, 1, i);
}
static bool both_one(u32 i)
{
	return r(0, 0, i) && r(1, 0, i);
}
static bool other_orders(u32 i) /* IRIW */
{
	return r(2, 0, i) && !r(2, 1, i) && r(3, 0, i) && !r(3, 1, i);
}
static bool both_first(u32 i) /* 2+2W: x = y = 1 at the end */
{
	return cell_at(X, i) == 1 && cell_at(Y, i) == 1;
}
static bool own_missing(u32 i)
{
	return !r(0, 0, i) || !r(1, 0, i);
}

#define SERIALIZED(by, code)                                               \
	{                                                                  \
		"SB with " by, {{code, X, Y}, {code, Y, X}}, 2, both_zero, \
			false                                              \
	}

static const struct litmus tests[] = {
	{"SB", {{store_load, X, Y}, {store_load, Y, X}}, 2, both_zero, true},
	{"SB, its own loads",
	 {{store_load_own, X, Y}, {store_load_own, Y, X}},
	 2,
	 own_missing,
	 false},
	{"SB with MFENCE",
	 {{store_mfence_load, X, Y}, {store_mfence_load, Y, X}},
	 2,
	 both_zero,
	 false},
	{"SB with XCHG",
	 {{xchg_load, X, Y}, {xchg_load, Y, X}},
	 2,
	 both_zero,
	 false},
	{"SB with a locked add elsewhere",
	 {{store_lock_load, X, Y}, {store_lock_load, Y, X}},
	 2,
	 both_zero,
	 false},
	{"SB with CPUID",
	 {{store_cpuid_load, X, Y}, {store_cpuid_load, Y, X}},
	 2,
	 both_zero,
	 false},
	SERIALIZED("IRET", store_iret_load),
	SERIALIZED("INVLPG", store_invlpg_load),
	SERIALIZED("a load of CR3", store_cr3_load),
	SERIALIZED("WRMSR", store_wrmsr_load),
	SERIALIZED("LIDT", store_lidt_load),
	{"MP",
	 {{store_store, X, Y}, {load_load, Y, X}},
	 2,
	 second_before_first,
	 false},
	{"MP, ADD reads",
	 {{store_store, X, Y}, {load_add_load, Y, X}},
	 2,
	 second_before_first,
	 false},
	{"MP, REP STOS writes",
	 {{store_rep_store, X, Y}, {load_load, Y, X}},
	 2,
	 second_before_first,
	 false},
	{"LB", {{load_store, X, Y}, {load_store, Y, X}}, 2, both_one, false},
	{"2+2W", {{store_1_2, X, Y}, {store_1_2, Y, X}}, 2, both_first, false},
	{"IRIW",
	 {{store_one, X, Y},
	  {store_one, Y, X},
	  {load_load, X, Y},
	  {load_load, Y, X}},
	 4,
	 other_orders,
	 false},
};

static u32 seen;

static void run_batch(const struct thread *t, u32 cpu)
{
	for (u32 i = 0; i < BATCH; i++) {
		u64 value = 0, second;

		__asm__ volatile("call *%4"
				 : "=a"(value), "=d"(second)
				 : "D"(cells[t->first] + i * LINE),
				   "S"(cells[t->second] + i * LINE), "r"(t->code)
				 : "rcx", "r8", "memory", "cc");
		results[cpu][0][i] = (u32)value;
		results[cpu][1][i] = (u32)second;
	}
}

static void thread_main(u32 cpu)
{
	for (u32 n = 0; n < batches; n++) {
		if (cpu == 0)
			for (u32 i = 0; i < BATCH; i++)
				*(volatile u32 *)(void *)(cells[X] + i * LINE) =
					*(volatile u32 *)(void *)(cells[Y] +
								  i * LINE) = 0;
		meet(now->threads);
		/* Starts move against each other. */
		for (u32 i = (n * 37 + cpu * 11) % 64; i; i--)
			cpu_relax();
		if (cpu < now->threads)
			run_batch(&now->thread[cpu], cpu);
		meet(now->threads);
		if (cpu == 0)
			for (u32 i = 0; i < BATCH; i++)
				seen += now->forbidden(i);
	}
}

static void test_litmus(const struct litmus *l)
{
	if (l->threads > count)
		return;
	now = l;
	seen = 0;
	batches = (l->threads > 2 ? 12 : 80) * hot_scale;
	for (u32 i = 1; i < l->threads; i++)
		cpu_run(i, thread_main);
	thread_main(0);
	for (u32 i = 1; i < l->threads; i++)
		cpu_wait(i);
	if (l->may)
		check(true, "%s: both old %u times of %u, as it may be",
		      l->name, seen, batches * BATCH);
	else
		check_eq(seen, 0, "%s in %u instances", l->name,
			 batches * BATCH);
}

/* --- locked operations --- */

static u8 sums[2 * 4096] __attribute__((aligned(4096)));
static volatile u8 *target;
static u32 rounds;
static const u8 *operation;

#define LOCKED(name, text)                                             \
	extern const u8 name[];                                        \
	__asm__(".pushsection .text.litmus\n .balign 64\n" #name ":\n" \
		"push %rbx\n" text "\n pop %rbx\n ret\n .popsection")

/* Each adds 1 to the 64 bits at RDI. */
LOCKED(by_inc, "lock incq (%rdi)");
LOCKED(by_add, "lock addq $1, (%rdi)");
LOCKED(by_sub, "lock subq $-1, (%rdi)");
LOCKED(by_xadd, "mov $1, %eax\n lock xadd %rax, (%rdi)");
LOCKED(by_cmpxchg, "mov (%rdi), %rax\n"
		   "1: lea 1(%rax), %rcx\n lock cmpxchg %rcx, (%rdi)\n jnz 1b");
LOCKED(by_cmpxchg8b, "mov (%rdi), %eax\n mov 4(%rdi), %edx\n"
		     "1: mov %eax, %ebx\n mov %edx, %ecx\n"
		     "add $1, %ebx\n adc $0, %ecx\n"
		     "lock cmpxchg8b (%rdi)\n jnz 1b");
LOCKED(by_cmpxchg16b, "mov (%rdi), %rax\n mov 8(%rdi), %rdx\n"
		      "1: mov %rax, %rbx\n mov %rdx, %rcx\n"
		      "add $1, %rbx\n adc $0, %rcx\n"
		      "lock cmpxchg16b (%rdi)\n jnz 1b");
/* 32 bits: both halves count. */
LOCKED(by_halves, "lock incl (%rdi)\n lock incl 4(%rdi)");
LOCKED(by_bytes, "lock incb (%rdi)\n lock incb 7(%rdi)");

static void locked_main(u32 cpu)
{
	(void)cpu;
	meet(count);
	for (u32 i = 0; i < rounds; i++)
		call_code(operation, (word)target, 0);
}

static u64 sum_at(u32 offset)
{
	u64 value;

	memcpy(&value, sums + offset, 8);
	return value;
}

static void test_locked(const u8 *code, u32 offset, u32 n, u64 each,
			const char *name)
{
	u64 expected;

	memset(sums + offset, 0, 16);
	target = sums + offset;
	operation = code;
	rounds = n * hot_scale;
	cpus_run(count, locked_main);
	expected = (u64)rounds * count;
	if (each == 1ull << 32)
		expected |= expected << 32;
	else if (each == 1ull << 56)
		expected = (expected & 0xff) | expected << 56;
	check_eq(sum_at(offset), expected, "%s, contended, at %u", name, offset);
}

static void test_all_locked(void)
{
	static const u32 offsets[] = {64, 128 - 3, 4096 - 5};
	static const u32 counts[] = {20000, 3000, 600};

	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		u32 at = offsets[i], n = counts[i];

		test_locked(by_inc, at, n, 1, "lock inc");
		test_locked(by_add, at, n, 1, "lock add");
		test_locked(by_sub, at, n, 1, "lock sub");
		test_locked(by_xadd, at, n, 1, "lock xadd");
		test_locked(by_cmpxchg, at, n, 1, "lock cmpxchg");
		test_locked(by_cmpxchg8b, at, n, 1, "lock cmpxchg8b");
		test_locked(by_halves, at, n, 1ull << 32, "lock inc of halves");
		test_locked(by_bytes, at, n, 1ull << 56, "lock inc of bytes");
	}
	if (HAS_CX16)
		test_locked(by_cmpxchg16b, 64, 20000, 1, "lock cmpxchg16b");
}

void image_main(void)
{
	hot_init();
	count = option_number("cpus", 2);
	pic_mask_all();
	apic_enable();
	if (!check(cpus_start(count), "the other CPUs"))
		finish();
	for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
		test_litmus(&tests[i]);
	test_all_locked();
}
