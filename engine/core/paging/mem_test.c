/* SPDX-License-Identifier: MIT */
#include "engine/core/exec/harness.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"

#include "base/test.h"

#define RW_USER 7ull
#define FIRST	0x300000ull
#define SECOND	0x301000ull
#define DEVICE	0x302000ull

static struct test_machine m;

/* Two pages that lie apart and swapped in physical memory, then a device. */
static void apart(u32 cpl)
{
	test_machine_init(&m);
	test_long(&m, cpl);
	test_map(&m, FIRST, 0x210000 | RW_USER);
	test_map(&m, SECOND, 0x200000 | RW_USER);
	test_map(&m, DEVICE, DEVICE | RW_USER);
	m.device = DEVICE;
}

static u64 load(gva_t address, u32 size)
{
	u64 value = 0;

	check_eq(linear_read_slow(&m.cpu, address, &value, size, SEG_DS),
		 X86_OK);
	return value;
}

TEST(an_access_over_two_pages_is_joined)
{
	u64 value = 0x1122334455667788;

	apart(0);
	check_eq(linear_write_slow(&m.cpu, SECOND - 3, &value, 8, SEG_DS),
		 X86_OK);
	check_eq(test_read(&m, 0x210ffd, 2), 0x7788);
	check_eq(test_read(&m, 0x200000, 4), 0x22334455);
	check_eq(load(SECOND - 3, 8), value);
}

TEST(a_fault_on_the_second_page_leaves_the_first_alone)
{
	u64 value = ~0ull;

	apart(0);
	test_map(&m, SECOND, 0);
	check_error(&m, linear_write_slow(&m.cpu, SECOND - 4, &value, 8, SEG_DS),
		    VECTOR_PF, PF_WRITE);
	check_eq(m.cpu.exception.payload, SECOND);
	check_eq(test_read(&m, 0x210ffc, 4), 0);
}

TEST(a_hit_needs_the_page_of_the_last_byte)
{
	u64 value = 0x55;

	apart(0);
	(void)load(FIRST, 8);
	(void)load(SECOND, 8);
	test_write(&m, 0x210fff, 0xaa, 1);
	test_write(&m, 0x200000, 0xbb, 1);
	check_eq(linear_read(&m.cpu, SECOND - 1, &value, 2, SEG_DS), X86_OK);
	check_eq(value & 0xffff, 0xbbaa);
}

TEST(a_read_does_not_open_a_page_for_fast_writes)
{
	struct x86_tlb_entry *entry;

	apart(0);
	(void)load(FIRST, 8);
	entry = tlb_slot(&m.cpu, FIRST);
	check_eq(entry->read_tag, tlb_tag(&m.cpu, FIRST, FIRST));
	check(entry->write_tag != tlb_tag(&m.cpu, FIRST, FIRST));
}

TEST(a_flush_makes_new_rights_hold)
{
	apart(3);
	(void)load(FIRST, 8);
	test_map(&m, FIRST, 0x210000 | 3);
	tlb_flush(&m.cpu, false);
	check_error(&m, linear_read_slow(&m.cpu, FIRST, &(u64){0}, 8, SEG_DS),
		    VECTOR_PF, PF_PRESENT | PF_USER);
}

TEST(generations_may_wrap)
{
	u64 value;

	apart(0);
	for (u32 i = 0; i < 3 * TLB_GENERATION_MASK; i++) {
		(void)load(FIRST, 8);
		tlb_flush(&m.cpu, true);
		check(tlb_slot(&m.cpu, FIRST)->read_tag !=
		      tlb_tag(&m.cpu, FIRST, FIRST));
	}
	check_eq(linear_read(&m.cpu, FIRST, &value, 8, SEG_DS), X86_OK);
}

TEST(non_canonical_is_gp_and_for_stacks_ss)
{
	apart(0);
	check_error(&m, linear_read_slow(&m.cpu, BIT(47), &(u64){0}, 8, SEG_DS),
		    VECTOR_GP, 0);
	check_error(&m, linear_read_slow(&m.cpu, BIT(47), &(u64){0}, 8, SEG_SS),
		    VECTOR_SS, 0);
	check_error(&m,
		    linear_read_slow(&m.cpu, BIT(47) - 4, &(u64){0}, 8, SEG_DS),
		    VECTOR_GP, 0);
}

TEST(alignment_is_checked_for_user_code_with_am_and_ac)
{
	apart(3);
	m.cpu.cr0 |= CR0_AM;
	m.cpu.rflags |= RFLAGS_AC;
	x86_mode_update(&m.cpu);
	(void)load(FIRST, 8);
	check_error(&m,
		    linear_read_slow(&m.cpu, FIRST + 2, &(u64){0}, 4, SEG_DS),
		    VECTOR_AC, 0);
	check_eq(linear_read(&m.cpu, FIRST, &(u64){0}, 8, SEG_DS), X86_OK);
	check_error(&m, linear_read(&m.cpu, FIRST + 1, &(u64){0}, 2, SEG_DS),
		    VECTOR_AC, 0);
}

TEST(a_store_into_the_running_page_stops_the_block)
{
	u64 value = 1;

	apart(0);
	m.cpu.code_host = (u64)(uintptr_t)&m.memory[0x210000];
	check_eq(linear_write_slow(&m.cpu, SECOND, &value, 8, SEG_DS), X86_OK);
	check(!(m.cpu.stop & STOP_CODE_WRITTEN));
	check_eq(linear_write_slow(&m.cpu, FIRST, &value, 8, SEG_DS), X86_OK);
	check(m.cpu.stop & STOP_CODE_WRITTEN);
	m.cpu.stop = 0;
	check_eq(linear_write(&m.cpu, FIRST + 8, &value, 8, SEG_DS), X86_OK);
	check(m.cpu.stop & STOP_CODE_WRITTEN);
}

TEST(a_device_read_is_asked_once_and_replayed)
{
	u64 value = 0;

	apart(0);
	check_eq(linear_read_slow(&m.cpu, DEVICE + 4, &value, 4, SEG_DS),
		 X86_NEED);
	check_eq(m.cpu.external.want.kind, EXTERNAL_READ);
	check_eq(m.cpu.external.want.gpa, DEVICE + 4);
	check_eq(m.cpu.external.want.size, 4);
	external_complete(&m.cpu, 0xabcd);
	check_eq(linear_read_slow(&m.cpu, DEVICE + 4, &value, 4, SEG_DS),
		 X86_OK);
	check_eq(value, 0xabcd);
	external_clear(&m.cpu);
	check_eq(linear_read_slow(&m.cpu, DEVICE + 4, &value, 4, SEG_DS),
		 X86_NEED);
}

TEST(sixteen_device_bytes_are_two_accesses)
{
	u8 data[16] = {0};

	apart(0);
	check_eq(linear_read_slow(&m.cpu, DEVICE, data, 16, SEG_DS), X86_NEED);
	external_complete(&m.cpu, 0x1111);
	check_eq(linear_read_slow(&m.cpu, DEVICE, data, 16, SEG_DS), X86_NEED);
	check_eq(m.cpu.external.want.gpa, DEVICE + 8);
	external_complete(&m.cpu, 0x2222);
	check_eq(linear_read_slow(&m.cpu, DEVICE, data, 16, SEG_DS), X86_OK);
	check_eq(data[0], 0x11);
	check_eq(data[8], 0x22);
}

TEST(a_straddling_store_asks_the_device_before_it_touches_memory)
{
	u64 value = ~0ull;

	apart(0);
	check_eq(linear_write_slow(&m.cpu, DEVICE - 4, &value, 8, SEG_DS),
		 X86_NEED);
	check_eq(m.cpu.external.want.gpa, DEVICE);
	check_eq(m.cpu.external.want.size, 4);
	check_eq(test_read(&m, 0x200ffc, 4), 0);
	external_complete(&m.cpu, 0);
	check_eq(linear_write_slow(&m.cpu, DEVICE - 4, &value, 8, SEG_DS),
		 X86_OK);
	check_eq(test_read(&m, 0x200ffc, 4), 0xffffffff);
}

TEST(a_locked_page_crosser_runs_in_the_exclusive_section)
{
	struct insn in = {.seg = SEG_NONE, .base_off = GPR_OFFSET(GPR_ZERO)};
	struct rmw rmw;

	apart(0);
	check_eq(rmw_begin(&m.cpu, &in, SECOND - 2, 4, true, &rmw), X86_OK);
	check(rmw.copied);
	check_eq(m.exclusive_depth, 1);
	*(u32 *)rmw.host = 0x44332211;
	check_eq(rmw_commit(&m.cpu, &rmw), X86_OK);
	check_eq(m.exclusive_depth, 0);
	check_eq(test_read(&m, 0x210ffe, 2), 0x2211);
	check_eq(test_read(&m, 0x200000, 2), 0x4433);
}

/* The host would lock its bus, and Linux makes that cost milliseconds. */
TEST(a_locked_operand_over_two_cache_lines_runs_in_the_exclusive_section)
{
	struct insn in = {.seg = SEG_NONE, .base_off = GPR_OFFSET(GPR_ZERO)};
	struct rmw rmw;

	apart(0);
	test_write(&m, 0x21003e, 0x04030201, 4);
	check_eq(rmw_begin(&m.cpu, &in, FIRST + 0x3c, 4, true, &rmw), X86_OK);
	check(!rmw.copied);
	for (u32 hit = 0; hit < 2; hit++) {
		check_eq(rmw_begin(&m.cpu, &in, FIRST + 0x3e, 4, true, &rmw),
			 X86_OK);
		check(rmw.copied);
		check_eq(m.exclusive_depth, 1);
		check_eq(*(u32 *)rmw.host, 0x04030201 + hit);
		*(u32 *)rmw.host += 1;
		check_eq(rmw_commit(&m.cpu, &rmw), X86_OK);
		check_eq(m.exclusive_depth, 0);
	}
	check_eq(rmw_begin(&m.cpu, &in, FIRST + 0x3e, 4, false, &rmw), X86_OK);
	check_eq(m.exclusive_depth, 0);
	check_eq(*(u32 *)rmw.host, 0x04030203);
	check_eq(rmw_commit(&m.cpu, &rmw), X86_OK);
}

TEST(a_locked_device_access_leaves_the_exclusive_section_to_ask)
{
	struct insn in = {.seg = SEG_NONE, .base_off = GPR_OFFSET(GPR_ZERO)};
	struct rmw rmw;

	apart(0);
	check_eq(rmw_begin(&m.cpu, &in, DEVICE, 4, true, &rmw), X86_NEED);
	check_eq(m.exclusive_depth, 0);
	external_complete(&m.cpu, 5);
	check_eq(rmw_begin(&m.cpu, &in, DEVICE, 4, true, &rmw), X86_OK);
	check_eq(*(u32 *)rmw.host, 5);
	*(u32 *)rmw.host = 6;
	check_eq(rmw_commit(&m.cpu, &rmw), X86_NEED);
	check_eq(m.exclusive_depth, 0);
	check_eq(m.cpu.external.want.kind, EXTERNAL_WRITE);
	check_eq(m.cpu.external.want.data, 6);
}

TEST(a_push_that_faults_leaves_rsp)
{
	apart(3);
	test_map(&m, FIRST, 0x210000 | 5);
	m.cpu.gpr[RSP] = FIRST + 8;
	check_error(&m, stack_push(&m.cpu, 1, 8), VECTOR_PF,
		    PF_PRESENT | PF_WRITE | PF_USER);
	check_eq(m.cpu.gpr[RSP], FIRST + 8);
}

TEST(limits_are_checked_to_the_last_byte)
{
	test_machine_init(&m);
	test_protected(&m, 0);
	m.cpu.seg[SEG_DS].limit = 0xfff;
	x86_mode_update(&m.cpu);
	check_eq(segment_check(&m.cpu, SEG_DS, 0xffc, 4, false), X86_OK);
	check_error(&m, segment_check(&m.cpu, SEG_DS, 0xffd, 4, false),
		    VECTOR_GP, 0);
	check_error(&m, segment_check(&m.cpu, SEG_DS, 0xffffffff, 1, false),
		    VECTOR_GP, 0);
}

TEST(an_expand_down_segment_allows_what_lies_above_its_limit)
{
	test_machine_init(&m);
	test_protected(&m, 0);
	m.cpu.seg[SEG_SS].attr |= SEG_DC;
	m.cpu.seg[SEG_SS].limit = 0xfff;
	x86_mode_update(&m.cpu);
	check_eq(segment_check(&m.cpu, SEG_SS, 0x1000, 4, true), X86_OK);
	check_error(&m, segment_check(&m.cpu, SEG_SS, 0xfff, 1, true),
		    VECTOR_SS, 0);
	check_eq(segment_check(&m.cpu, SEG_SS, 0xfffffffc, 4, true), X86_OK);
	check_error(&m, segment_check(&m.cpu, SEG_SS, 0xfffffffd, 4, true),
		    VECTOR_SS, 0);
}
