/* SPDX-License-Identifier: MIT */
/*
 * 4-level paging: who may do what and how a fault looks, accessed and dirty
 * bits, reserved bits, large pages, and what each way of flushing flushes.
 * [SDM3 4.5 "4-Level Paging and 5-Level Paging"] [SDM3 4.6 "Access Rights"]
 * [SDM3 4.7 "Page-Fault Exceptions"] [SDM3 4.8 "Accessed and Dirty Flags"]
 * [SDM3 4.10 "Caching Translation Information"]
 */
#include "tests/guest/priv/lib/priv.h"

#define P   BIT(0)
#define RW  BIT(1)
#define US  BIT(2)
#define A   BIT(5)
#define D   BIT(6)
#define PS  BIT(7)
#define G   BIT(8)
#define NX  BIT(63)
#define ALL (P | RW | US)

#define ERR_P 1
#define ERR_W 2
#define ERR_U 4
#define ERR_R 8
#define ERR_I 16

#define LOW_VA	BIT(40)		      /* PML4 entry 2 */
#define HIGH_VA 0xffffff0000000000ull /* PML4 entry 510 */
#define MB2	0x200000ull
#define GB	0x40000000ull

enum kind { READ, WRITE, FETCH };
static const char *const kind_name[] = {"read", "write", "fetch"};

void kernel_read(void), kernel_write(void), kernel_fetch(void);
void kernel_read8(void), kernel_write8(void), kernel_push(void);
void kernel_pop(void);
void user_read(void), user_write(void), user_fetch(void);

typedef u64 table[512] __attribute__((aligned(4096)));
extern table pml4;
static table pdpt, pd, pt, other_pml4;
static u8 page[4][4096] __attribute__((aligned(4096)));

/* level 4: PML4E … 1: PTE */
static u64 *entry_at(u32 level)
{
	return level == 4 ? &pml4[2] : level == 3 ? pdpt : level == 2 ? pd : pt;
}

static void flush_all(void)
{
	word cr4 = read_cr4();

	write_cr4(cr4 ^ CR4_PGE);
	write_cr4(cr4);
}

/* LOW_VA and HIGH_VA + 0..3 pages are page[0..3], everything allowed. */
static void map_reset(void)
{
	pml4[2] = pml4[510] = (u64)pdpt | ALL;
	pdpt[0] = (u64)pd | ALL;
	pd[0] = (u64)pt | ALL;
	for (u32 i = 0; i < 4; i++)
		pt[i] = (u64)page[i] | ALL;
	pt[4] = 0;
	for (u32 i = 1; i < 4; i++)
		pdpt[i] = pd[i] = 0;
	flush_all();
}

static const struct trap *access(enum kind kind, u32 cpl, u64 at)
{
	static void (*const kernel[])(void) = {kernel_read, kernel_write,
					       kernel_fetch};
	static void (*const user[])(void) = {user_read, user_write, user_fetch};

	if (cpl == 3)
		return user_call((void *)user[kind], at, 0xc3);
	return catch_call((void *)kernel[kind], at, 0xc3);
}

/* --- the permission matrix --- */

struct situation {
	bool wp, smep, smap, ac;
};

struct rights {
	bool present, rw, us, nx;
};

/* The manual's rules: -1 when allowed, else the error code. */
static int judge(const struct situation *s, const struct rights *r,
		 enum kind kind, u32 cpl)
{
	int code = (kind == WRITE ? ERR_W : 0) | (cpl == 3 ? ERR_U : 0) |
		   (kind == FETCH ? ERR_I : 0); /* NXE is set */
	bool fine = true;

	if (!r->present)
		return code;
	if (kind == FETCH && r->nx)
		fine = false;
	if (cpl == 3) {
		fine = fine && r->us && (kind != WRITE || r->rw);
	} else if (kind == FETCH) {
		fine = fine && !(r->us && s->smep);
	} else {
		fine = !(r->us && s->smap && !s->ac) &&
		       (kind != WRITE || r->rw || !s->wp);
	}
	return fine ? -1 : code | ERR_P;
}

static void with_ac(word fn, word at)
{
	write_flags(read_flags() | FLAG_AC);
	((void (*)(word, word))fn)(at, 0xc3);
	write_flags(read_flags() & ~FLAG_AC);
}

static const struct trap *access_in(const struct situation *s, enum kind kind,
				    u32 cpl, u64 at)
{
	static void (*const kernel[])(void) = {kernel_read, kernel_write,
					       kernel_fetch};
	static void (*const user[])(void) = {user_read, user_write, user_fetch};

	if (cpl == 3)
		return user_call_flags((void *)user[kind], at, 0xc3,
				       s->ac ? FLAG_AC : 0);
	if (s->ac)
		return catch_call((void *)with_ac, (word)kernel[kind], at);
	return catch_call((void *)kernel[kind], at, 0xc3);
}

static bool as_judged(const struct trap *t, int judged, u32 cpl, u64 at)
{
	if (judged < 0)
		return t->vector == (cpl == 3 ? VECTOR_RETURN : NO_TRAP);
	return t->vector == V_PF && t->error == (u32)judged && t->cr2 == at;
}

/* One entry at `level` carries the rights, all others allow everything. */
static bool try_rights(const struct situation *s, u32 level, u32 bits,
		       enum kind kind, u32 cpl)
{
	struct rights r = {bits & 1, bits & 2, bits & 4, bits & 8};
	u64 *entry = entry_at(level), at = LOW_VA + 0x123;
	u64 set = (r.present ? P : 0) | (r.rw ? RW : 0) | (r.us ? US : 0) |
		  (r.nx ? NX : 0);
	int judged = judge(s, &r, kind, cpl);
	const struct trap *t;
	u64 leaf;

	map_reset();
	*entry = (*entry & ~(ALL | NX | A | D)) | set;
	t = access_in(s, kind, cpl, at);
	leaf = pt[0];
	if (!as_judged(t, judged, cpl, at)) {
		print("  level %u bits %x: judged %x got vector %x error %llx "
		      "cr2 %llx\n",
		      level, bits, (u32)judged, (u32)t->vector, t->error,
		      t->cr2);
		return false;
	}
	if (judged >= 0)
		return !(leaf & D);
	return (leaf & (A | D)) == (kind == WRITE ? A | D : A) &&
	       (pd[0] & (A | D)) == A && (pdpt[0] & (A | D)) == A &&
	       (pml4[2] & (A | D)) == A;
}

static void apply(const struct situation *s)
{
	word cr4 = read_cr4() & ~(CR4_SMEP | CR4_SMAP);

	write_cr0(s->wp ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
	write_cr4(cr4 | (s->smep ? CR4_SMEP : 0) | (s->smap ? CR4_SMAP : 0));
}

static void matrix_row(const struct situation *s, enum kind kind, u32 cpl)
{
	bool ok = true;

	for (u32 level = 1; level <= 4; level++)
		for (u32 bits = 0; bits < 16; bits++)
			ok = try_rights(s, level, bits, kind, cpl) && ok;
	check(ok, "matrix cpl%u %s wp=%u smep=%u smap=%u ac=%u", cpl,
	      kind_name[kind], s->wp, s->smep, s->smap, s->ac);
}

static void test_matrix(void)
{
	u32 most = HAS_SMEP && HAS_SMAP ? 16 : 8;

	if (most != 16)
		skip("SMEP and SMAP: not offered");
	for (u32 i = 0; i < most; i++) {
		struct situation s = {i & 1, i & 4 && most == 16, i & 8, i & 2};

		apply(&s);
		for (u32 kind = READ; kind <= FETCH; kind++) {
			matrix_row(&s, kind, 0);
			matrix_row(&s, kind, 3);
		}
	}
	apply(&(struct situation){.wp = true});
	map_reset();
}

/* --- accessed and dirty --- */

static void test_accessed_dirty(void)
{
	map_reset();
	(void)access(READ, 0, LOW_VA);
	check_eq(pt[0] & (A | D), A, "a read sets A, not D");
	(void)access(WRITE, 0, LOW_VA);
	check_eq(pt[0] & (A | D), A | D, "a write after a read sets D");
	pt[0] &= ~(A | D);
	invlpg((void *)LOW_VA);
	(void)access(WRITE, 0, LOW_VA);
	check_eq(pt[0] & (A | D), A | D, "a write after INVLPG sets D again");
	pt[0] &= ~(A | D);
	write_cr3(read_cr3());
	(void)access(READ, 0, LOW_VA);
	check_eq(pt[0] & (A | D), A, "a read after MOV CR3 sets A again");
	check_eq(pt[1] & (A | D), 0, "the next page's entry is untouched");
	(void)catch_call((void *)kernel_write8, LOW_VA + 0xffc, 5);
	check_eq(pt[1] & (A | D), A | D, "a write across pages sets both");
	(void)access(READ, 0, LOW_VA + 0x2000);
	check_eq(pd[0] & D, 0, "bit 6 of a PDE that points to a table stays");
	__asm__ volatile("lock cmpxchg %1, (%0)"
			 :
			 : "r"(LOW_VA + 0x3000), "r"(1ull), "a"(99ull)
			 : "memory", "cc");
	check_eq(pt[3] & (A | D), A | D, "a failing CMPXCHG sets D");
}

/* --- where an access lies --- */

static void test_addresses(void)
{
	const struct trap *t;

	map_reset();
	*(volatile u64 *)&page[3][0xff8] = 0x1111;
	t = catch_call((void *)kernel_read8, LOW_VA + 0x3ffc, 0);
	check_eq(t->cr2, LOW_VA + 0x4000, "CR2 of the second page's fault");
	check_eq(t->error, 0, "its error code");
	t = catch_call((void *)kernel_write8, LOW_VA + 0x3ffc, ~0ull);
	check_eq(t->cr2, LOW_VA + 0x4000, "CR2 of a write's second page");
	check_eq(t->error, ERR_W, "its error code");
	check_eq(*(volatile u64 *)&page[3][0xff8], 0x1111,
		 "the first page was not written");
	pt[0] = 0;
	flush_all();
	t = catch_call((void *)kernel_read8, LOW_VA + 0xffb, 0);
	check_eq(t->cr2, LOW_VA + 0xffb, "CR2 of the first page's fault");
	map_reset();
	page[3][0xfff] = 0x66; /* an instruction that goes on behind */
	t = access(FETCH, 0, LOW_VA + 0x3fff);
	check_eq((u32)t->vector, V_PF, "an instruction into the void");
	check_eq(t->cr2, LOW_VA + 0x4000, "its CR2");
	check_eq(t->error, ERR_I, "its error code");
	check_eq(t->ip, LOW_VA + 0x3fff, "its RIP is the instruction's start");

	t = access(READ, 0, BIT(47));
	check_eq((u32)t->vector, V_GP, "a non-canonical read");
	check_eq(t->error, 0, "its error code");
	t = catch_call((void *)kernel_read8, BIT(47) - 4, 0);
	check_eq((u32)t->vector, V_GP, "a read into the hole");
	gate_ist(V_SS);
	t = catch_call((void *)kernel_push, BIT(47) + 64, 0);
	check_eq((u32)t->vector, V_SS, "a non-canonical push");
	t = catch_call((void *)kernel_pop, BIT(47) + 64, 0);
	check_eq((u32)t->vector, V_SS, "a non-canonical pop");
	gate_reset(V_SS);
	t = access(FETCH, 0, BIT(47));
	check_eq((u32)t->vector, V_GP, "a non-canonical call");
	map_reset();
}

/* Where nothing answers, all bits read as ones: FF FF is no instruction. */
static void test_holes(void)
{
	const struct trap *t;

	map_reset();
	pt[0] = 0xd0000000ull | ALL;
	invlpg((void *)LOW_VA);
	check_eq(*(volatile u64 *)LOW_VA, ~0ull, "a hole reads as ones");
	t = access(FETCH, 3, LOW_VA);
	check_eq((u32)t->vector, V_UD, "CPL 3 runs into a hole: #UD");
	check_eq(t->ip, LOW_VA, "there");
	pt[0] = (u64)page[0] | ALL;
	pt[1] = 0xd0000000ull | ALL;
	page[0][0xfff] = 0x66;
	flush_all();
	t = access(FETCH, 3, LOW_VA + 0xfff);
	check_eq((u32)t->vector, V_UD, "over a hole's edge");
	map_reset();
}

/* --- reserved bits --- */

static void reserved(const char *what, u32 level, u64 bits, bool expected)
{
	const struct trap *t;

	*entry_at(level) |= bits;
	flush_all();
	t = access(WRITE, 0, LOW_VA);
	if (expected)
		check(t->vector == V_PF && t->error == (ERR_P | ERR_W | ERR_R),
		      "%s: reserved (vector %x error %llx)", what,
		      (u32)t->vector, t->error);
	else
		check(t->vector == NO_TRAP, "%s: not reserved (vector %x)",
		      what, (u32)t->vector);
	t = access(READ, 3, LOW_VA);
	if (expected)
		check(t->vector == V_PF && t->error == (ERR_P | ERR_U | ERR_R),
		      "%s: reserved at CPL 3 (vector %x error %llx)", what,
		      (u32)t->vector, t->error);
	map_reset();
}

static void test_reserved(void)
{
	u32 r[4], physical;

	cpuid(0x80000008, 0, r);
	physical = r[0] & 0xff;
	map_reset();
	reserved("PML4E bit 7", 4, PS, true);
	reserved("PML4E bit 8", 4, G, false);
	reserved("PTE bits 52-58", 1, 0x7full << 52, false);
	reserved("PTE bits 9-11", 1, 7ull << 9, false);
	reserved("PTE bit 7 is PAT", 1, PS, false);
	if (physical < 52)
		for (u32 level = 1; level <= 4; level++)
			reserved("an address bit too many", level,
				 BIT(physical), true);
	else
		skip("reserved address bits: 52 physical bits");
	for (u32 bit = 13; bit <= 20; bit++) {
		pd[0] = PS | ALL;
		reserved("2 MiB page, bits 13-20", 2, BIT(bit), true);
	}
	pd[0] = PS | ALL;
	reserved("2 MiB page, bit 12 is PAT", 2, BIT(12), false);
	if (HAS_1G) {
		for (u32 bit = 13; bit <= 29; bit += 4) {
			pdpt[0] = PS | ALL;
			reserved("1 GiB page, bits 13-29", 3, BIT(bit), true);
		}
	} else {
		pdpt[0] = ALL;
		reserved("PDPTE bit 7 without 1 GiB pages", 3, PS, true);
	}
	write_msr(MSR_EFER, read_msr(MSR_EFER) & ~EFER_NXE);
	for (u32 level = 1; level <= 4; level++)
		reserved("bit 63 without NXE", level, NX, true);
	pt[0] = 0;
	flush_all();
	check_eq(access(FETCH, 0, LOW_VA)->error, 0,
		 "a fetch's fault without NXE and SMEP has no I bit");
	if (HAS_SMEP) {
		write_cr4(read_cr4() | CR4_SMEP);
		check_eq(access(FETCH, 0, LOW_VA)->error, ERR_I,
			 "with SMEP it has");
		write_cr4(read_cr4() & ~CR4_SMEP);
	}
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
	map_reset();
}

/* --- what flushes what --- */

static u64 read_at(u64 at)
{
	return *(volatile u64 *)at;
}

static void tag_pages(void)
{
	for (u32 i = 0; i < 4; i++)
		*(volatile u64 *)page[i] = 0x1000 + i;
}

/* Maps page `n` there after having been read as page 0. */
static void remap(u64 base, u32 n, u64 bits)
{
	pt[0] = (u64)page[0] | ALL | bits;
	flush_all();
	(void)read_at(base);
	pt[0] = (u64)page[n] | ALL | bits;
}

static void flush_ways(u64 base, const char *half)
{
	word cr0;

	remap(base, 1, 0);
	invlpg((void *)(base + 0xfff));
	check_eq(read_at(base), 0x1001, "INVLPG, %s half", half);
	remap(base, 2, 0);
	write_cr3(read_cr3());
	check_eq(read_at(base), 0x1002, "MOV CR3, %s half", half);
	remap(base, 1, G);
	invlpg((void *)base);
	check_eq(read_at(base), 0x1001, "INVLPG of a global page, %s half",
		 half);
	write_cr4(read_cr4() | CR4_PGE);
	remap(base, 3, G);
	invlpg((void *)base);
	check_eq(read_at(base), 0x1003,
		 "INVLPG of a global page with PGE, %s half", half);
	remap(base, 2, G);
	write_cr4(read_cr4() & ~CR4_PGE);
	check_eq(read_at(base), 0x1002, "clearing CR4.PGE, %s half", half);
	remap(base, 3, G);
	write_cr3(read_cr3());
	check_eq(read_at(base), 0x1003,
		 "MOV CR3 with G but without PGE, %s half", half);
	write_cr4(read_cr4() | CR4_PGE);
	remap(base, 1, 0);
	write_cr3(read_cr3());
	check_eq(read_at(base), 0x1001,
		 "MOV CR3 of a page that is not global, with PGE, %s half",
		 half);
	write_cr4(read_cr4() & ~CR4_PGE);

	pt[0] = (u64)page[0] | P | RW;
	flush_all();
	(void)access(WRITE, 0, base);
	pt[0] = (u64)page[0] | P;
	invlpg((void *)base);
	check_eq((u32)access(WRITE, 0, base)->vector, V_PF,
		 "INVLPG after RW went, %s half", half);
	cr0 = read_cr0();
	write_cr0(cr0 & ~CR0_WP);
	check_eq((u32)access(WRITE, 0, base)->vector, (u32)NO_TRAP,
		 "clearing WP counts at once, %s half", half);
	write_cr0(cr0);
	check_eq((u32)access(WRITE, 0, base)->vector, V_PF,
		 "setting WP counts at once, %s half", half);
	pt[0] = (u64)page[0] | P | RW;
	check_eq((u32)access(WRITE, 0, base)->vector, (u32)NO_TRAP,
		 "more rights after a fault need no flush, %s half", half);
	map_reset();
}

static void test_flush(void)
{
	tag_pages();
	map_reset();
	flush_ways(LOW_VA, "lower");
	flush_ways(HIGH_VA, "upper");
}

/* An entry that was not present, or lacked a right, is never cached. */
static void test_not_present(void)
{
	map_reset();
	pt[0] = 0;
	flush_all();
	check_eq((u32)access(READ, 0, LOW_VA)->vector, V_PF, "not present");
	pt[0] = (u64)page[1] | ALL;
	check_eq(read_at(LOW_VA), 0x1001, "made present without a flush");
	pd[0] = 0;
	flush_all();
	check_eq((u32)access(READ, 0, LOW_VA)->vector, V_PF, "no table");
	pd[0] = (u64)pt | ALL;
	check_eq(read_at(LOW_VA), 0x1001, "a table without a flush");
	map_reset();
}

/* --- large pages --- */

static u8 big[3 * MB2] __attribute__((aligned(0x1000)));

static void test_large(void)
{
	u64 first = ((u64)big + MB2 - 1) & ~(MB2 - 1);
	u64 second = first + MB2 <= (u64)big + sizeof(big) - MB2 ? first + MB2
								 : first;

	*(volatile u64 *)(first + 0x5000) = 0xaaaa;
	*(volatile u64 *)(first + 0x1ff000) = 0xabab;
	*(volatile u64 *)(second + 0x5000) = 0xbbbb;
	*(volatile u64 *)(second + 0x1ff000) = 0xbcbc;
	map_reset();
	pd[0] = first | PS | ALL;
	flush_all();
	check_eq(read_at(LOW_VA + 0x5000), 0xaaaa, "a 2 MiB page");
	check_eq(read_at(LOW_VA + 0x1ff000), 0xabab, "its last page");
	check_eq(pd[0] & (A | D), A, "its A bit");
	*(volatile u64 *)(LOW_VA + 0x10) = 1;
	check_eq(pd[0] & (A | D), A | D, "its D bit");
	pd[0] = second | PS | ALL;
	invlpg((void *)(LOW_VA + 0x100123));
	check_eq(read_at(LOW_VA + 0x5000), 0xbbbb, "INVLPG takes all of it");
	check_eq(read_at(LOW_VA + 0x1ff000), 0xbcbc, "to its last page");
	pd[0] = (u64)pt | ALL;
	pt[5] = (u64)page[1] | ALL;
	tag_pages();
	invlpg((void *)LOW_VA);
	check_eq(read_at(LOW_VA + 0x5000), 0x1001, "a 2 MiB page split");
	pt[5] = 0;
	map_reset();

	pd[0] = first | PS | P | RW;
	flush_all();
	check_eq(access(READ, 3, LOW_VA + 0x5000)->error, ERR_P | ERR_U,
		 "a 2 MiB page of the supervisor");
	pd[0] = first | PS | P | US;
	flush_all();
	check_eq(access(WRITE, 0, LOW_VA + 0x5000)->error, ERR_P | ERR_W,
		 "a 2 MiB page without RW");
	pd[0] = first | PS | ALL | NX;
	flush_all();
	check_eq(access(FETCH, 0, LOW_VA + 0x5000)->error, ERR_P | ERR_I,
		 "a 2 MiB page with NX");
	map_reset();
	if (!HAS_1G) {
		skip("1 GiB pages: not offered");
		return;
	}
	pdpt[0] = PS | ALL;
	flush_all();
	check_eq(read_at(LOW_VA + first + 0x5000), 0xaaaa, "a 1 GiB page");
	check_eq(pdpt[0] & (A | D), A, "its A bit");
	*(volatile u64 *)(LOW_VA + first) = 1;
	check_eq(pdpt[0] & (A | D), A | D, "its D bit");
	pdpt[0] = 0;
	invlpg((void *)(LOW_VA + 0x3ffff000));
	check_eq((u32)access(READ, 0, LOW_VA + first + 0x5000)->vector, V_PF,
		 "INVLPG takes all of it");
	map_reset();
}

/* --- PCID --- */

static void write_cr3_at(word value)
{
	write_cr3(value);
}

static void write_cr4_at(word value)
{
	write_cr4(value);
}

static void do_invpcid(u64 type, u64 *descriptor)
{
	__asm__ volatile("invpcid %1, %0"
			 :
			 : "r"(type), "m"(*(u64(*)[2])descriptor)
			 : "memory");
}

static const struct trap *invpcid(u64 type, u64 pcid, u64 address)
{
	static u64 descriptor[2];

	descriptor[0] = pcid;
	descriptor[1] = address;
	return catch_call((void *)do_invpcid, type, (word)descriptor);
}

static void test_invpcid(void)
{
	if (!HAS_INVPCID) {
		skip("INVPCID: not offered");
		return;
	}
	remap(LOW_VA, 2, 0);
	(void)invpcid(0, 1, LOW_VA);
	check_eq(read_at(LOW_VA), 0x1002, "INVPCID of an address");
	remap(LOW_VA, 3, 0);
	(void)invpcid(1, 1, 0);
	check_eq(read_at(LOW_VA), 0x1003, "INVPCID of a context");
	remap(LOW_VA, 1, G);
	(void)invpcid(2, 0, 0);
	check_eq(read_at(LOW_VA), 0x1001, "INVPCID of all");
	remap(LOW_VA, 2, 0);
	(void)invpcid(3, 0, 0);
	check_eq(read_at(LOW_VA), 0x1002, "INVPCID of all but globals");
	check_eq((u32)invpcid(4, 0, 0)->vector, V_GP, "INVPCID type 4");
	check_eq((u32)invpcid(0, 1 << 12, 0)->vector, V_GP,
		 "INVPCID reserved bits");
	check_eq((u32)invpcid(0, 1, BIT(47))->vector, V_GP,
		 "INVPCID of a non-canonical address");
	check_eq((u32)user_call((void *)do_invpcid, 0, 0)->vector, V_GP,
		 "INVPCID at CPL 3");
}

static void test_pcid(void)
{
	word cr3 = read_cr3();

	if (!HAS_PCID) {
		skip("PCID: not offered");
		return;
	}
	tag_pages();
	map_reset();
	write_cr3(cr3 | 8);
	check_eq((u32)catch_call((void *)write_cr4_at, read_cr4() | CR4_PCIDE, 0)
			 ->vector,
		 V_GP, "setting PCIDE with CR3[11:0] set");
	write_cr3(cr3);
	write_cr4(read_cr4() | CR4_PCIDE);
	write_cr3(cr3 | 1);
	check_eq(read_cr3(), cr3 | 1, "CR3 holds the PCID");
	memcpy(other_pml4, pml4, sizeof(pml4));
	other_pml4[2] = 0;
	(void)read_at(LOW_VA);
	write_cr3((u64)other_pml4 | 2);
	check_eq((u32)access(READ, 0, LOW_VA)->vector, V_PF,
		 "another PCID's pages are not seen");
	write_cr3(cr3 | 1 | BIT(63));
	check_eq(read_cr3(), cr3 | 1, "bit 63 is not kept");
	check_eq(read_at(LOW_VA), 0x1000, "back again");
	write_cr3((u64)other_pml4 | 2 | BIT(63));
	check_eq((u32)access(READ, 0, LOW_VA)->vector, V_PF,
		 "nor without a flush");
	write_cr3(cr3 | 1);
	remap(LOW_VA, 1, 0);
	write_cr3(cr3 | 1);
	check_eq(read_at(LOW_VA), 0x1001, "MOV CR3 flushes its own PCID");
	test_invpcid();
	write_cr3(cr3);
	write_cr4(read_cr4() & ~CR4_PCIDE);
	check_eq((u32)catch_call((void *)write_cr3_at, cr3 | BIT(63), 0)->vector,
		 V_GP, "CR3 bit 63 without PCIDE");
	write_cr3(cr3);
	map_reset();
}

/* --- control registers that guard the mode --- */

static void write_cr0_at(word value)
{
	write_cr0(value);
}

static void write_efer_at(word value)
{
	write_msr(MSR_EFER, value);
}

static u32 vector_of(void (*fn)(word), word value)
{
	return (u32)catch_call((void *)fn, value, 0)->vector;
}

static void test_control(void)
{
	word cr0 = read_cr0(), cr4 = read_cr4();

	check_eq(vector_of(write_cr0_at, cr0 & ~CR0_PE), V_GP, "PG without PE");
	check_eq(vector_of(write_cr0_at, cr0 & ~CR0_PG), V_GP,
		 "clearing PG in 64-bit mode");
	check_eq(vector_of(write_cr0_at, cr0 | BIT(29)), V_GP, "NW without CD");
	check_eq(vector_of(write_cr0_at, cr0 | BIT(32)), V_GP, "CR0 bit 32");
	check_eq(vector_of(write_cr4_at, cr4 & ~CR4_PAE), V_GP,
		 "clearing PAE in long mode");
	check_eq(vector_of(write_cr4_at, cr4 | BIT(31)), V_GP, "CR4 bit 31");
	check_eq(vector_of(write_cr4_at, cr4 | BIT(63)), V_GP, "CR4 bit 63");
	check_eq(vector_of(write_cr4_at, cr4 ^ CR4_LA57), V_GP,
		 "LA57 in long mode");
	check_eq(vector_of(write_efer_at, read_msr(MSR_EFER) ^ BIT(8)), V_GP,
		 "LME with paging on");
	check_eq(vector_of(write_efer_at, read_msr(MSR_EFER) | BIT(20)), V_GP,
		 "EFER bit 20");
	write_efer_at(read_msr(MSR_EFER) & ~BIT(10));
	check(read_msr(MSR_EFER) & BIT(10), "EFER.LMA is read-only");
	check_eq(read_cr0(), cr0, "CR0 as before");
	check_eq(read_cr4(), cr4, "CR4 as before");
}

void image_main(void)
{
	test_accessed_dirty();
	test_addresses();
	test_holes();
	test_flush();
	test_not_present();
	test_large();
	test_reserved();
	test_pcid();
	test_control();
	test_matrix();
}
