/* SPDX-License-Identifier: MIT */
/*
 * Paging without long mode: two levels with and without PSE, and PAE with its
 * PDPTE registers. [SDM3 4.3 "32-Bit Paging"] [SDM3 4.4 "PAE Paging"]
 */
#include "tests/guest/priv/lib/priv.h"

#define P   1u
#define RW  2u
#define US  4u
#define A   0x20u
#define D   0x40u
#define PS  0x80u
#define G   0x100u
#define NX  BIT(63)
#define ALL (P | RW | US)

#define ERR_P 1
#define ERR_W 2
#define ERR_U 4
#define ERR_R 8
#define ERR_I 16

#define VA  0xc0000000u
#define MB2 0x200000u
#define MB4 0x400000u

void kernel_read(void), kernel_write(void), kernel_fetch(void);
void user_read(void), user_write(void), user_fetch(void);

enum kind { READ, WRITE, FETCH };
static const char *const kind_name[] = {"read", "write", "fetch"};
static void (*const kernel_fn[])(void) = {kernel_read, kernel_write,
					  kernel_fetch};
static void (*const user_fn[])(void) = {user_read, user_write, user_fetch};

static u32 directory[1024] __attribute__((aligned(4096)));
static u32 low_table[1024] __attribute__((aligned(4096)));
static u32 table[1024] __attribute__((aligned(4096)));
static u64 pae_directory[4][512] __attribute__((aligned(4096)));
static u64 pae_table[512] __attribute__((aligned(4096)));
static u64 pdpt[2][4] __attribute__((aligned(32)));
static u8 page[4][4096] __attribute__((aligned(4096)));

static const struct trap *access(enum kind kind, u32 cpl, u32 at)
{
	return cpl == 3 ? user_call((void *)user_fn[kind], at, 0xc3)
			: catch_call((void *)kernel_fn[kind], at, 0xc3);
}

static u32 vector_at(enum kind kind, u32 cpl, u32 at)
{
	return (u32)access(kind, cpl, at)->vector;
}

static u32 read_at(u32 at)
{
	return *(volatile u32 *)at;
}

static void flush(void)
{
	write_cr3(read_cr3());
}

static void tag_pages(void)
{
	for (u32 i = 0; i < 4; i++)
		*(volatile u32 *)page[i] = 0x1000 + i;
}

/* --- two levels --- */

/* Below 64 MiB one to one by 4-KiB tables would be long: PSE is on. */
static void two_levels_map(void)
{
	for (u32 i = 0; i < 16; i++)
		directory[i] = i * MB4 | PS | ALL;
	directory[VA >> 22] = (u32)table | ALL;
	for (u32 i = 0; i < 4; i++)
		table[i] = (u32)page[i] | ALL;
	table[4] = 0;
	if (read_cr0() & CR0_PG)
		flush();
}

static void two_levels_on(void)
{
	two_levels_map();
	write_cr4(CR4_PSE);
	write_cr3((u32)directory);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static void paging_off(void)
{
	write_cr0(read_cr0() & ~CR0_PG);
	write_cr4(0);
}

static int judge(u32 bits, bool wp, enum kind kind, u32 cpl)
{
	int code = (kind == WRITE ? ERR_W : 0) | (cpl == 3 ? ERR_U : 0);
	bool fine = true;

	if (!(bits & P))
		return code; /* no I bit: neither NXE nor SMEP */
	if (cpl == 3)
		fine = (bits & US) && (kind != WRITE || (bits & RW));
	else
		fine = kind != WRITE || (bits & RW) || !wp;
	return fine ? -1 : code | ERR_P;
}

static bool as_judged(const struct trap *t, int judged, u32 cpl, u32 at)
{
	if (judged < 0)
		return t->vector == (cpl == 3 ? VECTOR_RETURN : NO_TRAP);
	return t->vector == V_PF && t->error == (u32)judged && t->cr2 == at;
}

static void matrix_row(bool wp, enum kind kind, u32 cpl)
{
	bool ok = true;

	for (u32 bits = 0; bits < 16; bits++) {
		u32 *entry = bits & 8 ? &directory[VA >> 22] : &table[0];
		int judged = judge(bits & 7, wp, kind, cpl);
		u32 leaf;

		two_levels_map();
		*entry = (*entry & ~(ALL | A | D)) | (bits & 7);
		ok = as_judged(access(kind, cpl, VA + 0x321), judged, cpl,
			       VA + 0x321) &&
		     ok;
		leaf = table[0] & (A | D);
		ok = ok && (judged >= 0 ? !(leaf & D)
					: leaf == (kind == WRITE ? A | D : A));
	}
	check(ok, "two levels: cpl%u %s wp=%u", cpl, kind_name[kind], wp);
}

static void test_matrix(void)
{
	for (u32 wp = 0; wp < 2; wp++) {
		write_cr0(wp ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
		for (u32 kind = READ; kind <= FETCH; kind++) {
			matrix_row(wp, kind, 0);
			matrix_row(wp, kind, 3);
		}
	}
	two_levels_map();
}

static void test_pse(void)
{
	u32 *entry = &directory[VA >> 22];

	tag_pages();
	two_levels_map();
	*entry = PS | ALL; /* this image lies in the first 4 MiB */
	flush();
	check_eq(read_at(VA + (u32)page[1]), 0x1001, "a 4 MiB page");
	check_eq(*entry & (A | D), A, "its A bit");
	check_eq(vector_at(WRITE, 0, VA + 0x3ff000), (u32)NO_TRAP,
		 "a write to it");
	check_eq(*entry & (A | D), A | D, "its D bit");
	*entry = PS | P | US | BIT(21);
	flush();
	check_eq(access(READ, 0, VA)->error, ERR_P | ERR_R,
		 "bit 21 of a 4 MiB page is reserved");
	check_eq(access(WRITE, 3, VA)->error, ERR_P | ERR_R | ERR_W | ERR_U,
		 "for a write at CPL 3, too");
	if (HAS_PSE36) {
		*entry = PS | ALL | BIT(13); /* 4 GiB: nothing there */
		flush();
		(void)access(WRITE, 0, VA + 0x200000);
		check_eq(read_at(VA + 0x200000), ~0u,
			 "PSE-36: bit 13 is address bit 32");
	}
	/* Without PSE the bit means nothing: the entry points to a table. */
	two_levels_map();
	for (u32 i = 0; i < 1024; i++)
		low_table[i] = i << 12 | ALL;
	directory[0] = (u32)low_table | ALL;
	*entry = (u32)table | PS | ALL;
	flush();
	write_cr4(read_cr4() & ~CR4_PSE);
	check_eq(read_at(VA + 0x1000), 0x1001, "PS without CR4.PSE");
	directory[0] = PS | ALL;
	write_cr4(read_cr4() | CR4_PSE);
	check_eq(access(READ, 0, VA)->error, ERR_P | ERR_R,
		 "and with it, by MOV CR4 alone");
	two_levels_map();
}

static void test_two_flush(void)
{
	tag_pages();
	two_levels_map();
	check_eq(read_at(VA), 0x1000, "page 0");
	table[0] = (u32)page[1] | ALL;
	invlpg((void *)VA);
	check_eq(read_at(VA), 0x1001, "INVLPG");
	table[0] = (u32)page[2] | ALL;
	flush();
	check_eq(read_at(VA), 0x1002, "MOV CR3");
	write_cr4(read_cr4() | CR4_PGE);
	table[0] = (u32)page[3] | ALL | G;
	flush();
	check_eq(read_at(VA), 0x1003, "a global page");
	table[0] = (u32)page[1] | ALL | G;
	invlpg((void *)VA);
	check_eq(read_at(VA), 0x1001, "INVLPG of it");
	table[0] = (u32)page[2] | ALL | G;
	write_cr4(read_cr4() & ~CR4_PGE);
	check_eq(read_at(VA), 0x1002, "clearing CR4.PGE");
	two_levels_map();
	write_cr0(read_cr0() & ~CR0_PG);
	check_eq(read_at((u32)page[3]), 0x1003, "paging off: one to one");
	write_cr0(read_cr0() | CR0_PG);
	check_eq(read_at(VA), 0x1000, "and on again");
}

/* Addresses wrap at 4 GiB. */
static void test_edges(void)
{
	const struct trap *t;

	two_levels_map();
	t = access(READ, 0, VA + 0x4000);
	check_eq((u32)t->vector, V_PF, "not present");
	check_eq(t->cr2, VA + 0x4000, "its CR2");
	t = access(READ, 0, 0xfffffffc);
	check_eq(t->cr2, 0xfffffffc, "the last word's CR2");
}

/* --- PAE --- */

static void pae_map(void)
{
	for (u32 i = 0; i < 32; i++)
		pae_directory[0][i] = i * MB2 | PS | ALL;
	pae_directory[3][0] = (u32)pae_table | ALL;
	for (u32 i = 0; i < 4; i++)
		pae_table[i] = (u32)page[i] | ALL;
	pae_table[4] = pae_directory[3][1] = 0;
	for (u32 i = 0; i < 4; i++)
		pdpt[0][i] = (u32)pae_directory[i] | P;
	if (read_cr0() & CR0_PG)
		flush();
}

static void pae_on(void)
{
	pae_map();
	write_cr4(CR4_PAE);
	write_cr3((u32)pdpt[0]);
	write_msr(MSR_EFER, EFER_NXE);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static void write_cr3_at(word value)
{
	write_cr3(value);
}

static void write_cr4_at(word value)
{
	write_cr4(value);
}

static void test_pdpte(void)
{
	word cr3 = read_cr3();

	tag_pages();
	pdpt[0][3] = 0;
	check_eq(read_at(VA), 0x1000,
		 "PDPTEs are registers: memory is not read");
	flush();
	check_eq((u32)access(READ, 0, VA)->vector, V_PF,
		 "MOV CR3 loads them: not present");
	check_eq(last_trap()->error, 0, "its error code");
	pdpt[0][3] = (u32)pae_directory[3] | P;
	check_eq(vector_at(READ, 0, VA), V_PF, "still not");
	write_cr4(read_cr4() ^ CR4_PGE);
	check_eq(read_at(VA), 0x1000, "MOV CR4 that changes PGE loads them");
	write_cr4(read_cr4() ^ CR4_PGE);
	memcpy(pdpt[1], pdpt[0], sizeof(pdpt[0]));
	for (u32 bit = 1; bit < 9; bit++) {
		if (bit == 3 || bit == 4)
			continue;
		pdpt[1][3] = pdpt[0][3] | BIT(bit);
		check_eq((u32)catch_call((void *)write_cr3_at, (u32)pdpt[1], 0)
				 ->vector,
			 V_GP, "PDPTE bit %u is reserved", bit);
	}
	pdpt[1][3] = pdpt[0][3] | BIT(63);
	check_eq((u32)catch_call((void *)write_cr3_at, (u32)pdpt[1], 0)->vector,
		 V_GP, "PDPTE bit 63 is reserved");
	check_eq(read_cr3(), cr3, "CR3 is as before");
	check_eq(read_at(VA), 0x1000, "and so are the PDPTEs");
	pdpt[1][3] = 0x1e6; /* not present: nothing is reserved */
	check_eq((u32)catch_call((void *)write_cr3_at, (u32)pdpt[1], 0)->vector,
		 (u32)NO_TRAP, "a PDPTE that is not present may hold anything");
	write_cr3(cr3);
	pdpt[0][3] |= 2;
	check_eq((u32)catch_call((void *)write_cr4_at, read_cr4() ^ CR4_PGE, 0)
			 ->vector,
		 V_GP, "MOV CR4 finds a bad PDPTE");
	pdpt[0][3] &= ~2ull;
	pdpt[1][3] = pdpt[0][3];
	write_cr3((u32)pdpt[1]);
	check_eq(read_at(VA), 0x1000, "a PDPT at offset 32 of a page");
	write_cr3(cr3);
}

static void test_pae_rights(void)
{
	const struct trap *t;

	pae_map();
	page[0][0] = 0xc3;
	check_eq(vector_at(FETCH, 3, VA), VECTOR_RETURN, "PAE: a fetch");
	pae_table[0] |= NX;
	flush();
	t = access(FETCH, 3, VA);
	check_eq((u32)t->vector, V_PF, "PAE: NX");
	check_eq(t->error, ERR_P | ERR_U | ERR_I, "its error code");
	pae_map();
	pae_directory[3][0] |= NX;
	flush();
	check_eq(access(FETCH, 0, VA)->error, ERR_P | ERR_I, "NX in a PDE");
	pae_map();
	pae_table[0] &= ~(u64)RW;
	flush();
	check_eq(access(WRITE, 0, VA)->error, ERR_P | ERR_W, "PAE: WP");
	pae_map();
	pae_table[0] |= BIT(62);
	flush();
	check_eq(access(READ, 0, VA)->error, ERR_P | ERR_R,
		 "PAE: bit 62 is reserved");
	for (u32 bit = 52; bit < 63; bit++) {
		pae_map();
		pae_directory[3][0] |= BIT(bit);
		flush();
		quiet_eq(access(READ, 0, VA)->error, ERR_P | ERR_R,
			 "PAE: PDE bit %u is reserved", bit);
	}
	pae_map();
	write_msr(MSR_EFER, 0);
	pae_table[0] |= NX;
	flush();
	check_eq(access(READ, 0, VA)->error, ERR_P | ERR_R,
		 "PAE: bit 63 without NXE");
	write_msr(MSR_EFER, EFER_NXE);
	pae_map();
	pae_directory[3][1] = BIT(13) | PS | ALL;
	flush();
	check_eq(access(READ, 0, VA + MB2)->error, ERR_P | ERR_R,
		 "PAE: a large page's bit 13");
	pae_directory[3][1] = MB2 | PS | ALL;
	flush();
	(void)access(WRITE, 0, VA + MB2 + ((u32)page[3] - MB2) % MB2);
	check_eq(pae_directory[3][1] & (A | D), A | D, "PAE: its A and D");
	(void)access(READ, 0, VA);
	check_eq(pae_table[0] & (A | D), A, "PAE: A of a small page");
	(void)access(WRITE, 0, VA);
	check_eq(pae_table[0] & (A | D), A | D, "PAE: D of a small page");
}

static void test_pae(void)
{
	pae_on();
	tag_pages();
	check_eq(read_at(VA + 0x1000), 0x1001, "PAE: a page");
	test_pdpte();
	test_pae_rights();
	paging_off();
	write_msr(MSR_EFER, 0);
}

void image_main(void)
{
	two_levels_on();
	test_matrix();
	test_pse();
	test_two_flush();
	test_edges();
	paging_off();
	test_pae();
}
