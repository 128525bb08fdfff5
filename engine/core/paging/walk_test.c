/* SPDX-License-Identifier: MIT */
#include "engine/core/exec/harness.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"

#include "base/test.h"

#define P    1u
#define W    2u
#define U    4u
#define A    0x20u
#define D    0x40u
#define PS   0x80u
#define NX   BIT(63)
#define PAGE 0x300000ull

static struct test_machine m;
static struct walk walk;

/* The level-1 entry that 4-level paging of the harness uses for `page`. */
static gpa_t leaf_of(gva_t page)
{
	gpa_t table = m.cpu.cr3 & ~0xfffull;

	for (u32 level = 3; level > 0; level--) {
		u32 index = (u32)(page >> (12 + 9 * level)) & 511;

		table = test_read(&m, table + index * 8, 8) & 0xffffffffff000ull;
	}
	return table + (page >> 12 & 511) * 8;
}

static int walk_as(u32 access)
{
	return page_walk(&m.cpu, PAGE + 0x123, access, &walk);
}

static void expect_fault(u32 access, u32 error)
{
	check_error(&m, walk_as(access), VECTOR_PF, error);
	check_eq(m.cpu.exception.payload, PAGE + 0x123);
}

static void long_page(u64 entry)
{
	test_machine_init(&m);
	test_long(&m, 0);
	m.cpu.efer |= EFER_NXE;
	m.cpu.cr0 |= CR0_WP;
	test_map(&m, PAGE, entry);
}

TEST(without_paging_linear_is_physical)
{
	test_machine_init(&m);
	check_eq(walk_as(WALK_WRITE | WALK_USER), X86_OK);
	check_eq(walk.gpa, PAGE + 0x123);
	check(walk.writable && walk.user && walk.executable);
}

TEST(a_walk_sets_accessed_and_only_a_write_sets_dirty)
{
	long_page(PAGE | P | W | U);
	check_eq(walk_as(0), X86_OK);
	check_eq(walk.gpa, PAGE + 0x123);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), A);
	check(!walk.dirty);
	check_eq(walk_as(WALK_WRITE), X86_OK);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), A | D);
	check(walk.dirty);
}

TEST(a_probe_changes_nothing)
{
	long_page(PAGE | P | W | U);
	check_eq(walk_as(WALK_PROBE), X86_OK);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), 0);
}

TEST(a_refused_walk_leaves_the_leaf_untouched)
{
	long_page(PAGE | P | U);
	expect_fault(WALK_WRITE | WALK_USER, PF_PRESENT | PF_WRITE | PF_USER);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), 0);
}

TEST(an_absent_page_faults_without_the_present_bit)
{
	long_page(0);
	expect_fault(0, 0);
	expect_fault(WALK_WRITE, PF_WRITE);
	expect_fault(WALK_USER, PF_USER);
	expect_fault(WALK_FETCH, PF_FETCH);
}

TEST(user_code_needs_the_user_bit)
{
	long_page(PAGE | P | W);
	check_eq(walk_as(0), X86_OK);
	expect_fault(WALK_USER, PF_PRESENT | PF_USER);
}

TEST(the_supervisor_writes_read_only_pages_unless_wp)
{
	long_page(PAGE | P | U);
	expect_fault(WALK_WRITE, PF_PRESENT | PF_WRITE);
	m.cpu.cr0 &= ~CR0_WP;
	check_eq(walk_as(WALK_WRITE), X86_OK);
	expect_fault(WALK_WRITE | WALK_USER, PF_PRESENT | PF_WRITE | PF_USER);
}

TEST(nx_stops_fetches_when_efer_says_so)
{
	long_page(PAGE | P | W | U | NX);
	check_eq(walk_as(0), X86_OK);
	expect_fault(WALK_FETCH, PF_PRESENT | PF_FETCH);
}

TEST(nx_is_a_reserved_bit_without_efer_nxe)
{
	long_page(PAGE | P | W | U | NX);
	m.cpu.efer &= ~EFER_NXE;
	expect_fault(0, PF_PRESENT | PF_RSVD);
}

TEST(smep_stops_the_supervisor_fetching_user_pages)
{
	long_page(PAGE | P | W | U);
	check_eq(walk_as(WALK_FETCH), X86_OK);
	m.cpu.cr4 |= CR4_SMEP;
	expect_fault(WALK_FETCH, PF_PRESENT | PF_FETCH);
	check_eq(walk_as(WALK_FETCH | WALK_USER), X86_OK);
}

TEST(smap_stops_the_supervisor_reading_user_pages_unless_ac)
{
	long_page(PAGE | P | W | U);
	m.cpu.cr4 |= CR4_SMAP;
	expect_fault(0, PF_PRESENT);
	m.cpu.rflags |= RFLAGS_AC;
	check_eq(walk_as(0), X86_OK);
	expect_fault(WALK_IMPLICIT, PF_PRESENT);
}

TEST(address_bits_above_the_physical_width_are_reserved)
{
	long_page(PAGE | P | W | U);
	m.cpu.physical_bits = 40;
	test_map(&m, PAGE, PAGE | P | W | U | BIT(40));
	expect_fault(0, PF_PRESENT | PF_RSVD);
	test_map(&m, PAGE, PAGE | P | W | U | BIT(52)); /* ignored in 4-level */
	check_eq(walk_as(0), X86_OK);
}

TEST(a_table_outside_memory_reads_as_all_ones)
{
	long_page(PAGE | P | W | U);
	m.cpu.cr3 = 0x7fff0000;
	expect_fault(0, PF_PRESENT | PF_RSVD);
}

TEST(a_two_mebibyte_page_keeps_the_low_21_bits)
{
	gpa_t directory;

	long_page(PAGE | P | W | U);
	directory = test_read(&m, m.cpu.cr3 & ~0xfffull, 8) & ~0xfffull;
	directory = test_read(&m, directory, 8) & ~0xfffull;
	test_write(&m, directory + 8, 0x200000 | P | W | U | PS, 8);
	check_eq(walk_as(0), X86_OK);
	check_eq(walk.gpa, PAGE + 0x123);
	check_eq(walk.page_bytes, 2 * MiB);
	test_write(&m, directory + 8, 0x200000 | 0x2000 | P | W | U | PS, 8);
	expect_fault(0, PF_PRESENT | PF_RSVD);
}

TEST(a_gibibyte_page_is_one_only_where_cpuid_offers_them)
{
	gpa_t directory;

	long_page(PAGE | P | W | U);
	directory = test_read(&m, m.cpu.cr3 & ~0xfffull, 8) & ~0xfffull;
	test_write(&m, directory, P | W | U | PS, 8);
	check_eq(walk_as(0), X86_OK);
	check_eq(walk.gpa, PAGE + 0x123);
	check_eq(walk.page_bytes, GiB);
	m.cpu.pages_1g = false;
	expect_fault(0, PF_PRESENT | PF_RSVD);
}

TEST(two_level_paging_walks_four_byte_entries)
{
	test_machine_init(&m);
	test_protected(&m, 0);
	test_paging(&m);
	test_map(&m, PAGE, 0x200000 | P | W | U);
	check_eq(walk_as(WALK_WRITE), X86_OK);
	check_eq(walk.gpa, 0x200123);
	check(walk.executable);
}

TEST(pse36_takes_bits_32_to_39_from_the_directory_entry)
{
	gpa_t entry;

	test_machine_init(&m);
	test_protected(&m, 0);
	test_paging(&m);
	m.cpu.cr4 |= CR4_PSE;
	m.cpu.physical_bits = 40;
	entry = (m.cpu.cr3 & ~0xfffull) + 4;
	test_write(&m, entry, 0x800000 | 5u << 13 | P | W | U | PS, 4);
	check_eq(page_walk(&m.cpu, 0x400456, 0, &walk), X86_OK);
	check_eq(walk.gpa, (5ull << 32) + 0x800456);
	check_eq(walk.page_bytes, 4 * MiB);
}

TEST(pae_walks_from_the_loaded_pdptes)
{
	gpa_t pdpt = 0x30000, directory = 0x31000, table = 0x32000;

	test_machine_init(&m);
	test_protected(&m, 0);
	test_write(&m, pdpt, directory | P, 8);
	test_write(&m, directory + 8, table | P | W | U, 8);
	test_write(&m, table + (PAGE >> 12 & 511) * 8, 0x123000 | P | W | U, 8);
	m.cpu.cr3 = pdpt;
	m.cpu.cr4 |= CR4_PAE;
	m.cpu.cr0 |= CR0_PG;
	check_eq(pdpte_load(&m.cpu, pdpt), X86_OK);
	test_write(&m, pdpt, 0, 8); /* no longer looked at */
	check_eq(walk_as(0), X86_OK);
	check_eq(walk.gpa, 0x123123);
}

TEST(a_pdpte_with_reserved_bits_does_not_load)
{
	test_machine_init(&m);
	test_protected(&m, 0);
	test_write(&m, 0x30000, 0x31000 | P | W, 8);
	m.cpu.pdpte[0] = 77;
	check_error(&m, pdpte_load(&m.cpu, 0x30000), VECTOR_GP, 0);
	check_eq(m.cpu.pdpte[0], 77);
}

TEST(five_levels_reach_57_bits)
{
	gva_t address = 1ull << 50;
	gpa_t table[5] = {0x30000, 0x31000, 0x32000, 0x33000, 0x34000};

	test_machine_init(&m);
	test_long(&m, 0);
	for (u32 i = 0; i < 5; i++) {
		u32 index = (u32)(address >> (48 - 9 * i)) & 511;

		test_write(&m, table[i] + index * 8,
			   (i < 4 ? table[i + 1] : 0x200000) | P | W | U, 8);
	}
	m.cpu.cr4 |= CR4_LA57;
	m.cpu.cr3 = table[0];
	check_eq(page_walk(&m.cpu, address + 8, 0, &walk), X86_OK);
	check_eq(walk.gpa, 0x200008);
}

/* --- entries that others change --- */

static struct x86_ops racing_ops;
static gpa_t racing_entry;
static u32 races;

/* Between the walker's look at the entry and its update, somebody else writes
 * a bit that software may use: until all others are stopped. */
static void *racing_page(void *ctx, gpa_t gpa, bool write)
{
	(void)ctx;
	if (write && gpa == (racing_entry & ~0xfffull) && !m.cpu.exclusive) {
		test_write(&m, racing_entry,
			   test_read(&m, racing_entry, 8) ^ 0x200, 8);
		races++;
	}
	return m.memory + gpa;
}

static void race(void)
{
	racing_ops = *m.cpu.ops;
	racing_ops.page = racing_page;
	m.cpu.ops = &racing_ops;
	racing_entry = leaf_of(PAGE);
	races = 0;
}

TEST(a_lost_race_for_accessed_and_dirty_is_never_given_up)
{
	long_page(0x123000 | P | W | U);
	race();
	check_eq(walk_as(WALK_WRITE), X86_OK);
	check(races > 1);
	check(walk.waited);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), A | D);
	check_eq(m.exclusive_depth, 0);
	check(!m.cpu.exclusive);
	check_eq(walk_as(WALK_WRITE), X86_OK);
	check(!walk.waited);
}

TEST(a_race_inside_the_exclusive_section_does_not_enter_it_again)
{
	long_page(0x123000 | P | W | U);
	race();
	exclusive_enter(&m.cpu);
	check_eq(walk_as(WALK_WRITE), X86_OK);
	check_eq(m.exclusive_depth, 1);
	exclusive_leave(&m.cpu);
	check_eq(races, 0);
	check_eq(m.exclusive_depth, 0);
}

TEST(a_page_crosser_that_waited_looks_at_its_first_page_again)
{
	u64 value = 0;

	long_page(0x123000 | P | W | U);
	test_map(&m, PAGE - 4096, 0x122000 | P | W | U);
	race();
	check_eq(linear_write_slow(&m.cpu, PAGE - 4, &value, 8, SEG_NONE),
		 X86_OK);
	check(races > 1);
	check_eq(test_read(&m, leaf_of(PAGE), 8) & (A | D), A | D);
}
