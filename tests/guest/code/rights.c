/* SPDX-License-Identifier: MIT */
/*
 * Access rights that change under hot code: read-only and back, no-execute,
 * user and supervisor, write protection, SMEP, SMAP with STAC and CLAC in the
 * middle of a block; accessed and dirty bits under hot loads and stores.
 * [SDM3 4.6 "Access Rights"] [SDM3 4.8 "Accessed and Dirty Flags"]
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"

#define AT_DATA VA_ONE
#define AT_CODE (VA_ONE + 4 * PAGE)

static u8 data[2 * PAGE] __attribute__((aligned(4096)));
static u8 code[2 * PAGE] __attribute__((aligned(4096)));
static volatile u64 *pte; /* of AT_DATA */

/* Hot accesses, with labels at the instruction that may fault. They are seen
 * by CPL 3 as well. The answer is RSI + 1, and 1 more where CF is still set. */
#define ACCESS(name, text)                                                  \
	extern const u8 name[], name##_at[];                                \
	__asm__(".pushsection .text.access\n" #name ":\n"                   \
		"mov %rsi, %rax\n mov $1, %ecx\n stc\n" #name "_at:\n" text \
		"\n adc $1, %rax\n ret\n .popsection")

ACCESS(load, "mov (%rdi), %rcx");
ACCESS(store, "mov %rsi, (%rdi)");
ACCESS(modify, "addq $1, (%rdi)");
ACCESS(locked, "lock xadd %rcx, (%rdi)");
ACCESS(string, "stosb");
ACCESS(vector, "movups %xmm0, (%rdi)");

static const struct {
	const char *name;
	const u8 *code, *at;
	bool writes;
	u32 answer; /* when RSI is 7 */
} accesses[] = {
	{"mov, load", load, load_at, false, 9},
	{"mov, store", store, store_at, true, 9},
	{"add", modify, modify_at, true, 8},
	{"lock xadd", locked, locked_at, true, 8},
	{"stosb", string, string_at, true, 9},
	{"movups", vector, vector_at, true, 9},
};

/* --- faults that the handler cures --- */

static struct {
	u32 count;
	u64 cr2, error, ip, repair;
	volatile u64 *pte;
} fault;

static bool on_fault(struct frame *f)
{
	fault.count++;
	fault.cr2 = read_cr2();
	fault.error = f->error;
	fault.ip = f->ip;
	*fault.pte = fault.repair;
	/* None is needed, but what the kernel does on x86 is this. */
	invlpg((void *)(fault.cr2 & ~0xfffull));
	return true;
}

static void faults_begin(volatile u64 *at, u64 repair)
{
	hook(V_PF, on_fault);
	fault.count = 0;
	fault.pte = at;
	fault.repair = repair;
}

static void pte_set(u64 bits)
{
	*pte = (u64)data | bits;
	invlpg((void *)AT_DATA);
}

/* One fault each time the right is taken, with everything exact. */
static void test_cured(u32 i, u64 without, u64 error, const char *what)
{
	u32 wrong = 0;
	u64 all = (u64)data | PTE_ALL;

	if (accesses[i].writes)
		error |= ERR_W;
	faults_begin(pte, all);
	pte_set(PTE_ALL);
	for (u32 n = 1; n <= 40; n++) {
		wrong += hot_calls(accesses[i].code, AT_DATA + 8 * n, 7,
				   accesses[i].answer);
		wrong += fault.count != n - 1;
		pte_set(without);
		wrong += hot_calls(accesses[i].code, AT_DATA + 8 * n, 7,
				   accesses[i].answer);
		wrong += fault.count != n || fault.cr2 != AT_DATA + 8 * n ||
			 fault.error != error ||
			 fault.ip != (word)accesses[i].at;
	}
	check_eq(wrong, 0, "%s, hot: %s", accesses[i].name, what);
	hook(V_PF, NULL);
}

/* --- code that may not be fetched --- */

static void test_no_execute(u64 without, u64 error, const char *what)
{
	volatile u64 *at = space_pte(pml4, AT_CODE);
	u64 all = (u64)code | PTE_ALL;
	u32 wrong = 0;

	emit_answer(code + 16, 9);
	faults_begin(at, all);
	*at = all;
	invlpg((void *)AT_CODE);
	for (u32 n = 1; n <= 40; n++) {
		wrong += hot_calls((void *)(AT_CODE + 16), 0, 0, 9);
		*at = without ? (u64)code | without : 0;
		invlpg((void *)AT_CODE);
		wrong += hot_calls((void *)(AT_CODE + 16), 0, 0, 9);
		wrong += fault.count != n || fault.cr2 != AT_CODE + 16 ||
			 fault.error != error || fault.ip != AT_CODE + 16;
	}
	check_eq(wrong, 0, "hot code, %s", what);
	hook(V_PF, NULL);
}

/* The code runs into a page that may not be fetched; what is before it has
 * been done, and once. The last instruction may lie over the edge. */
static void test_runs_into(u32 before)
{
	volatile u64 *at = space_pte(pml4, AT_CODE + PAGE);
	u64 all = (u64)(code + PAGE) | PTE_ALL;
	u32 wrong = 0, n;

	space_map(pml4, AT_CODE, code, 2, PTE_ALL);
	flush_all();
	/* incl (%rdi); then mov $imm, %eax `before` bytes before the edge */
	EMIT(code + PAGE - before - 2, 0xff, 0x07);
	emit_answer(code + PAGE - before, 11);
	faults_begin(at, all);
	*(volatile u32 *)(void *)data = 0;
	for (n = 1; n <= 40; n++) {
		u8 *start = (u8 *)AT_CODE + PAGE - before - 2;

		wrong += hot_calls(start, AT_DATA, 0, 11);
		*at = n & 1 ? all | PTE_NX : 0;
		invlpg((void *)(AT_CODE + PAGE));
		wrong += hot_calls(start, AT_DATA, 0, 11);
		wrong += fault.count != n || fault.cr2 != AT_CODE + PAGE ||
			 fault.error != (n & 1 ? ERR_P | ERR_I : ERR_I) ||
			 fault.ip != AT_CODE + PAGE - before % 5;
	}
	check_eq(wrong, 0,
		 "hot code runs into a page without rights, %u before", before);
	check_eq(*(volatile u32 *)(void *)data, 2 * (n - 1) * hot_rounds,
		 "and what comes before it happens once, %u before", before);
	hook(V_PF, NULL);
}

/* --- levels: the same access, hot, at CPL 0 and at CPL 3 --- */

/* CPL 3 has no way back by RET: the return address is not there for it, and
 * RET faults; which fault it is tells how far it came. */
static void test_levels(u32 i)
{
	u32 wrong = 0;

	for (u32 n = 0; n < hot_rounds; n++) {
		const struct trap *t;

		pte_set(PTE_ALL | (n & 1 ? PTE_US : 0));
		wrong += call_code(accesses[i].code, AT_DATA + 8, 7) !=
			 accesses[i].answer;
		t = user_call((void *)(word)accesses[i].code, AT_DATA + 8, 0);
		if (n & 1)
			wrong += t->ip == user_address(accesses[i].at);
		else
			wrong += t->vector != V_PF || t->cr2 != AT_DATA + 8 ||
				 t->ip != user_address(accesses[i].at) ||
				 t->error != (ERR_P | ERR_U |
					      (accesses[i].writes ? ERR_W : 0));
		wrong += call_code(accesses[i].code, AT_DATA + 8, 7) !=
			 accesses[i].answer;
	}
	check_eq(wrong, 0, "%s, hot at CPL 0 and CPL 3", accesses[i].name);
}

/* --- CPL 3 where systems keep themselves --- */

#define AT_UPPER      0xffffa00000000000ull
#define AT_UPPER_CODE (AT_UPPER + 4 * PAGE)

/* Hot loads and stores by CPL 3, of a page that changes. */
static void test_upper_data(u32 i)
{
	u32 wrong = 0;

	for (u32 n = 0; n < hot_rounds; n++) {
		u8 *page = data + (n / 8 & 1) * PAGE;
		volatile u64 *at = (u64 *)(void *)(page + 8);
		const struct trap *t;

		space_map(pml4, AT_UPPER, page, 1, PTE_ALL | PTE_US);
		invlpg((void *)AT_UPPER);
		*at = 0;
		t = user_call((void *)(word)accesses[i].code, AT_UPPER + 8, n);
		wrong += t->ip == user_address(accesses[i].at);
		if (accesses[i].code == store)
			wrong += *at != n;
		else if (accesses[i].code == modify)
			wrong += *at != 1;
	}
	check_eq(wrong, 0, "%s, hot at CPL 3 in the upper half",
		 accesses[i].name);
}

/* And code. CR4.PGE flushes what INVLPG does one by one. */
static void test_upper_code(bool all)
{
	u32 wrong = 0;

	for (u32 i = 0; i < 2; i++)
		emit_answer(code + i * PAGE, 20 + i);
	for (u32 n = 0; n < hot_rounds; n++) {
		u32 now = n / 16 & 1;

		if (n % 16 == 0) {
			space_map(pml4, AT_UPPER_CODE, code + now * PAGE, 1,
				  PTE_ALL | PTE_US);
			if (all)
				flush_all();
			else
				invlpg((void *)AT_UPPER_CODE);
		}
		wrong += user_call((void *)(AT_UPPER_CODE - user_address(NULL)),
				   0, 0)
				 ->ax != 20 + now;
	}
	check_eq(wrong, 0, "hot code of CPL 3 in the upper half, %s",
		 all ? "all flushed" : "INVLPG");
}

/* --- CR0.WP, SMEP, SMAP --- */

static void test_write_protect(void)
{
	u32 wrong = 0;
	word cr0 = read_cr0();

	pte_set(PTE_P);
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		for (u32 n = 0; n < 40; n++) {
			const struct trap *t;

			write_cr0(cr0 & ~CR0_WP);
			wrong += hot_calls(accesses[i].code, AT_DATA + 8, 7,
					   accesses[i].answer);
			write_cr0(cr0);
			t = catch_call((void *)(word)accesses[i].code,
				       AT_DATA + 8, 7);
			if (accesses[i].writes)
				wrong += t->vector != V_PF ||
					 t->error != (ERR_P | ERR_W) ||
					 t->ip != (word)accesses[i].at;
			else
				wrong += t->vector != NO_TRAP ||
					 t->ax != accesses[i].answer;
		}
	}
	check_eq(wrong, 0, "CR0.WP under hot stores");
}

static void test_smep(void)
{
	u32 wrong = 0;
	word cr4 = read_cr4();

	if (!HAS_SMEP) {
		skip("SMEP: not offered");
		return;
	}
	space_map(pml4, AT_CODE, code, 1, PTE_ALL | PTE_US);
	invlpg((void *)AT_CODE);
	emit_answer(code, 12);
	for (u32 n = 0; n < 40; n++) {
		const struct trap *t;

		wrong += hot_calls((void *)AT_CODE, 0, 0, 12);
		write_cr4(cr4 | CR4_SMEP);
		t = catch_call((void *)AT_CODE, 0, 0);
		wrong += t->vector != V_PF || t->error != (ERR_P | ERR_I) ||
			 t->cr2 != AT_CODE || t->ip != AT_CODE;
		write_cr4(cr4);
	}
	check_eq(wrong, 0, "SMEP over hot code");
}

/* RSI: 0 ends before the access without AC. */
extern const u8 smap_block[], smap_first[], smap_last[];
__asm__(".pushsection .text.access\n"
	"smap_block:\n"
	"	stac\n"
	"	mov (%rdi), %eax\n"
	"	incl (%rdi)\n"
	"	clac\n"
	"	lea 1(%rax), %ecx\n"
	"	test %rsi, %rsi\n"
	"	jz 1f\n"
	"smap_first:\n"
	"	mov (%rdi), %eax\n"
	"1:	stac\n"
	"	addl $2, (%rdi)\n"
	"	clac\n"
	"	cmp $1, %rsi\n"
	"	jbe 2f\n"
	"smap_last:\n"
	"	rep movsb\n"
	"2:	ret\n"
	".popsection");

static void test_smap(void)
{
	volatile u32 *at = (volatile u32 *)(void *)data;
	u32 wrong = 0;

	if (!HAS_SMAP) {
		skip("SMAP: not offered");
		return;
	}
	write_cr4(read_cr4() | CR4_SMAP);
	pte_set(PTE_ALL | PTE_US);
	*at = 0;
	for (u32 n = 0; n < 10 * hot_rounds; n++) {
		const struct trap *t;

		wrong += (u32)call_code(smap_block, AT_DATA, 0) != 4 * n;
		wrong += *at != 4 * n + 3;
		t = catch_call((void *)(word)smap_block, AT_DATA, 1);
		wrong += t->vector != V_PF || t->error != ERR_P ||
			 t->cr2 != AT_DATA || t->ip != (word)smap_first ||
			 (t->flags & FLAG_AC) || t->cx != 4 * n + 4ull;
		wrong += *at != 4 * n + 4;
	}
	check_eq(wrong, 0, "STAC and CLAC around hot accesses");
	write_cr4(read_cr4() & ~CR4_SMAP);
	wrong = 0;
	*at = 0;
	for (u32 n = 0; n < hot_rounds; n++)
		wrong += (u32)call_code(smap_block, AT_DATA, 1) != 3 * n + 1;
	check_eq(wrong, 0, "and the same without SMAP");
}

/* --- accessed and dirty --- */

static void test_accessed(u32 i)
{
	u32 wrong = 0;

	for (u32 n = 0; n < hot_rounds; n++) {
		u64 bits = PTE_A | (accesses[i].writes ? PTE_D : 0);

		pte_set(PTE_ALL);
		wrong += call_code(accesses[i].code, AT_DATA + 8, 7) !=
			 accesses[i].answer;
		wrong += (*pte & (PTE_A | PTE_D)) != bits;
		/* A load first: the store must still make it dirty. */
		pte_set(PTE_ALL);
		wrong += call_code(load, AT_DATA + 8, 7) != 9;
		wrong += (*pte & (PTE_A | PTE_D)) != PTE_A;
		wrong += call_code(accesses[i].code, AT_DATA + 8, 7) !=
			 accesses[i].answer;
		wrong += (*pte & (PTE_A | PTE_D)) != bits;
	}
	check_eq(wrong, 0, "%s, hot: accessed and dirty", accesses[i].name);
}

/* A fetch is an access, and no write. */
static void test_accessed_code(void)
{
	volatile u64 *at = space_pte(pml4, AT_CODE);
	u32 wrong = 0;

	emit_answer(code, 13);
	for (u32 n = 0; n < hot_rounds; n++) {
		*at = (u64)code | PTE_ALL;
		invlpg((void *)AT_CODE);
		wrong += call_code((void *)AT_CODE, 0, 0) != 13;
		wrong += (*at & (PTE_A | PTE_D)) != PTE_A;
	}
	check_eq(wrong, 0, "hot code is accessed after each INVLPG");
}

void image_main(void)
{
	hot_init();
	pte = space_pte(pml4, AT_DATA);
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		if (accesses[i].writes)
			test_cured(i, PTE_P, ERR_P, "read-only");
		test_cured(i, 0, 0, "not present");
		test_levels(i);
		test_upper_data(i);
		test_accessed(i);
	}
	test_upper_code(false);
	test_upper_code(true);
	test_no_execute(PTE_ALL | PTE_NX, ERR_P | ERR_I, "no-execute");
	test_no_execute(0, ERR_I, "not present");
	for (u32 before = 0; before < 6; before++)
		test_runs_into(before);
	test_write_protect();
	test_smep();
	test_smap();
	test_accessed_code();
}
