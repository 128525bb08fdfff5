/* SPDX-License-Identifier: MIT */
#include "base/test.h"
#include "engine/core/exec/harness.h"
#include "engine/core/paging/mem.h"
#include "engine/core/segment/segment.h"

static struct test_machine m;

static void start(u32 cpl)
{
	test_machine_init(&m);
	test_protected(&m, cpl);
}

/* MOV DS, AX and MOV SS, AX */
static int mov_ds(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	return TEST_RUN(&m, 0x8e, 0xd8);
}

static int mov_ss(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	return TEST_RUN(&m, 0x8e, 0xd0);
}

static void free_set(u32 attr)
{
	test_gdt_set(&m, TEST_FREE, test_descriptor(0x1234, 0xffff, attr), 0);
}

TEST(a_data_segment_is_loaded_and_marked_accessed_in_memory)
{
	start(0);
	free_set(SEG_P | SEG_S | SEG_RW);
	check_eq(mov_ds(TEST_FREE), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].base, 0x1234);
	check_eq(m.cpu.seg[SEG_DS].limit, 0xffff);
	check_eq(m.cpu.seg[SEG_DS].selector, TEST_FREE);
	check_eq(m.cpu.seg[SEG_DS].attr, SEG_P | SEG_S | SEG_RW | SEG_ACCESSED);
	check_eq(test_gdt_get(&m, TEST_FREE) >> 40 & 1, 1);
	check_eq(m.cpu.segment_base[SEG_DS], 0x1234);
	check_eq(m.cpu.segment_fast[SEG_DS], 0);
}

TEST(granularity_makes_the_limit_one_of_pages)
{
	start(0);
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0x5fff, SEG_P | SEG_S | SEG_RW | SEG_G),
		     0);
	check_eq(mov_ds(TEST_FREE), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].limit, 0x5fff);
}

TEST(a_null_selector_in_ds_is_taken_and_faults_only_at_use)
{
	start(0);
	check_eq(mov_ds(3), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].selector, 3);
	check(m.cpu.seg[SEG_DS].attr & SEG_UNUSABLE);
	check_error(&m, TEST_RUN(&m, 0xa0, 0, 0, 6, 0), VECTOR_GP, 0);
}

TEST(a_data_selector_beyond_the_table_limit_raises_gp_of_it)
{
	start(0);
	m.cpu.gdtr.limit = TEST_FREE + 6;
	check_error(&m, mov_ds(TEST_FREE | 1), VECTOR_GP, TEST_FREE);
	m.cpu.gdtr.limit = TEST_FREE + 7;
	free_set(SEG_P | SEG_S);
	check_eq(mov_ds(TEST_FREE), X86_OK);
}

TEST(a_local_selector_without_an_ldt_raises_gp_with_ti)
{
	start(0);
	segment_null(0, 0, &m.cpu.seg[SEG_LDTR]);
	check_error(&m, mov_ds(0x0c), VECTOR_GP, 0x0c);
}

TEST(a_local_selector_is_found_in_the_ldt)
{
	start(0);
	m.cpu.seg[SEG_LDTR] = (struct x86_segment){
		.base = TEST_LDT, .limit = 15, .attr = SEG_P | SYSTEM_LDT};
	test_write(&m, TEST_LDT + 8, test_descriptor(0x77, 0xff, SEG_P | SEG_S),
		   8);
	check_eq(mov_ds(0x0c), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].base, 0x77);
	check_error(&m, mov_ds(0x14), VECTOR_GP, 0x14);
}

TEST(ds_refuses_system_segments_and_execute_only_code)
{
	start(0);
	free_set(SEG_P | SYSTEM_LDT);
	check_error(&m, mov_ds(TEST_FREE), VECTOR_GP, TEST_FREE);
	free_set(SEG_P | SEG_S | SEG_CODE);
	check_error(&m, mov_ds(TEST_FREE), VECTOR_GP, TEST_FREE);
	free_set(SEG_P | SEG_S | SEG_CODE | SEG_RW);
	check_eq(mov_ds(TEST_FREE), X86_OK);
}

TEST(data_privilege_is_the_larger_of_cpl_and_rpl_against_dpl)
{
	for (u32 cpl = 0; cpl < 4; cpl += 3)
		for (u32 rpl = 0; rpl < 4; rpl++)
			for (u32 dpl = 0; dpl < 4; dpl++) {
				u16 selector = (u16)(TEST_FREE | rpl);

				start(cpl);
				free_set(SEG_P | SEG_S | SEG_RW | TEST_DPL(dpl));
				if (MAX(cpl, rpl) <= dpl)
					check_eq(mov_ds(selector), X86_OK);
				else
					check_error(&m, mov_ds(selector),
						    VECTOR_GP, TEST_FREE);
			}
}

TEST(conforming_readable_code_may_be_data_for_everybody)
{
	start(3);
	free_set(SEG_P | SEG_S | SEG_CODE | SEG_RW | SEG_DC);
	check_eq(mov_ds(TEST_FREE | 3), X86_OK);
}

TEST(an_absent_data_segment_raises_np_after_the_privilege_check)
{
	start(3);
	free_set(SEG_S | SEG_RW | TEST_DPL(3));
	check_error(&m, mov_ds(TEST_FREE), VECTOR_NP, TEST_FREE);
	free_set(SEG_S | SEG_RW);
	check_error(&m, mov_ds(TEST_FREE), VECTOR_GP, TEST_FREE);
}

TEST(a_failed_load_leaves_the_register_alone)
{
	struct x86_segment before;

	start(0);
	before = m.cpu.seg[SEG_DS];
	free_set(SEG_S | SEG_RW);
	check_eq(mov_ds(TEST_FREE), X86_FAULT);
	check_mem_eq(&m.cpu.seg[SEG_DS], &before, sizeof(before));
	check_eq(test_gdt_get(&m, TEST_FREE) >> 40 & 1, 0);
}

TEST(ss_refuses_null_with_gp_0)
{
	start(0);
	check_error(&m, mov_ss(0), VECTOR_GP, 0);
	check_error(&m, mov_ss(3), VECTOR_GP, 0);
}

TEST(ss_wants_rpl_and_dpl_equal_to_cpl)
{
	for (u32 rpl = 0; rpl < 4; rpl++)
		for (u32 dpl = 0; dpl < 4; dpl++) {
			u16 selector = (u16)(TEST_FREE | rpl);

			start(3);
			free_set(SEG_P | SEG_S | SEG_RW | TEST_DPL(dpl));
			if (rpl == 3 && dpl == 3)
				check_eq(mov_ss(selector), X86_END);
			else
				check_error(&m, mov_ss(selector), VECTOR_GP,
					    TEST_FREE);
		}
}

TEST(ss_refuses_code_and_read_only_data)
{
	start(0);
	free_set(SEG_P | SEG_S | SEG_CODE | SEG_RW);
	check_error(&m, mov_ss(TEST_FREE), VECTOR_GP, TEST_FREE);
	free_set(SEG_P | SEG_S);
	check_error(&m, mov_ss(TEST_FREE), VECTOR_GP, TEST_FREE);
}

TEST(an_absent_stack_segment_raises_ss_not_np)
{
	start(0);
	free_set(SEG_S | SEG_RW);
	check_error(&m, mov_ss(TEST_FREE), VECTOR_SS, TEST_FREE);
}

TEST(mov_ss_holds_interrupts_for_one_instruction_and_lss_does_not)
{
	start(0);
	check_eq(mov_ss(TEST_DATA0), X86_END);
	check_eq(m.cpu.shadow, SHADOW_MOV_SS);
	check(m.cpu.single_step);
	m.cpu.shadow = 0;
	test_write(&m, TEST_DATA, 0x1000, 4);
	test_write(&m, TEST_DATA + 4, TEST_DATA0, 2);
	check_eq(TEST_RUN(&m, 0x0f, 0xb2, 0x25, 0, 0, 6, 0), X86_OK);
	check_eq(m.cpu.gpr[RSP], 0x1000);
	check_eq(m.cpu.shadow, 0);
}

TEST(mov_to_cs_is_no_instruction)
{
	start(0);
	check_plain(&m, TEST_RUN(&m, 0x8e, 0xc8), VECTOR_UD);
	check_plain(&m, TEST_RUN(&m, 0x8e, 0xf0), VECTOR_UD);
}

TEST(in_64_bit_mode_ss_may_be_null_at_cpl_0_with_equal_rpl)
{
	test_machine_init(&m);
	test_long(&m, 0);
	check_eq(mov_ss(0), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_error(&m, mov_ss(3), VECTOR_GP, 0);
	test_machine_init(&m);
	test_long(&m, 3);
	check_error(&m, mov_ss(3), VECTOR_GP, 0);
	test_machine_init(&m);
	test_compat(&m, 0);
	check_error(&m, mov_ss(0), VECTOR_GP, 0);
}

TEST(a_page_fault_on_the_descriptor_is_a_supervisor_access)
{
	start(3);
	test_paging(&m);
	test_map(&m, TEST_GDT, 0);
	check_error(&m, mov_ds(TEST_DATA3), VECTOR_PF, 0);
	check_eq(m.cpu.exception.payload, TEST_GDT + (TEST_DATA3 & ~7));
}

TEST(the_accessed_bit_of_a_read_only_table_page_faults_as_a_write)
{
	start(0);
	test_paging(&m);
	test_map(&m, TEST_GDT, TEST_GDT | 5);
	free_set(SEG_P | SEG_S | SEG_RW);
	check_error(&m, mov_ds(TEST_FREE), VECTOR_PF, PF_PRESENT | PF_WRITE);
	free_set(SEG_P | SEG_S | SEG_RW | SEG_ACCESSED);
	check_eq(mov_ds(TEST_FREE), X86_OK);
}

TEST(real_mode_loads_change_the_base_and_keep_the_limit)
{
	test_machine_init(&m);
	m.cpu.seg[SEG_DS].limit = 0xffffffff;
	check_eq(mov_ds(0x1234), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].base, 0x12340);
	check_eq(m.cpu.seg[SEG_DS].limit, 0xffffffff);
	check_eq(m.cpu.segment_fast[SEG_DS], SEG_FAST_READ | SEG_FAST_WRITE);
	m.cpu.seg[SEG_DS].limit = 0xffff;
	check_eq(mov_ds(0x1234), X86_OK);
	check_eq(m.cpu.segment_fast[SEG_DS], 0);
}

static int lldt(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	return TEST_RUN(&m, 0x0f, 0x00, 0xd0);
}

TEST(lldt_takes_null_and_checks_table_type_and_presence)
{
	start(0);
	check_eq(lldt(0), X86_OK);
	check(m.cpu.seg[SEG_LDTR].attr & SEG_UNUSABLE);
	check_error(&m, lldt(TEST_FREE | 4), VECTOR_GP, TEST_FREE | 4);
	check_error(&m, lldt(TEST_DATA0), VECTOR_GP, TEST_DATA0);
	free_set(SYSTEM_LDT);
	check_error(&m, lldt(TEST_FREE), VECTOR_NP, TEST_FREE);
	free_set(SEG_P | SYSTEM_LDT);
	check_eq(lldt(TEST_FREE), X86_OK);
	check_eq(m.cpu.seg[SEG_LDTR].base, 0x1234);
}

static int ltr(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	return TEST_RUN(&m, 0x0f, 0x00, 0xd8);
}

TEST(ltr_wants_an_available_tss_and_makes_it_busy)
{
	start(0);
	check_error(&m, ltr(0), VECTOR_GP, 0);
	check_error(&m, ltr(TEST_TR), VECTOR_GP, TEST_TR);
	free_set(SYSTEM_TSS32);
	check_error(&m, ltr(TEST_FREE), VECTOR_NP, TEST_FREE);
	free_set(SEG_P | SYSTEM_TSS32);
	check_eq(ltr(TEST_FREE), X86_OK);
	check_eq(m.cpu.seg[SEG_TR].attr & SEG_TYPE, SYSTEM_TSS32_BUSY);
	check_eq(test_gdt_get(&m, TEST_FREE) >> 40 & 15, SYSTEM_TSS32_BUSY);
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
}

TEST(in_long_mode_system_descriptors_have_sixteen_bytes)
{
	u64 low;

	test_machine_init(&m);
	test_long(&m, 0);
	low = test_descriptor(0x5000, 0x67, SEG_P | SYSTEM_TSS32);
	test_gdt_set(&m, TEST_FREE, low, 0xffff8000);
	check_eq(ltr(TEST_FREE), X86_OK);
	check_eq(m.cpu.seg[SEG_TR].base, 0xffff800000005000);
	/* a 16-bit TSS, a type in the upper half, a non-canonical base */
	test_gdt_set(&m, TEST_FREE, test_descriptor(0, 0x67, SEG_P | 1), 0);
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
	test_gdt_set(&m, TEST_FREE, low, 0x0000020000000000);
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
	test_gdt_set(&m, TEST_FREE, low, BIT(40));
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
	m.cpu.gdtr.limit = TEST_FREE + 14;
	test_gdt_set(&m, TEST_FREE, low, 0);
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
}

/* --- LAR, LSL, VERR, VERW, ARPL --- */

static bool looked(int rc)
{
	check_eq(rc, X86_OK);
	return m.cpu.rflags & RFLAGS_ZF;
}

static bool lar(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	m.cpu.gpr[RCX] = 0x5555;
	return looked(TEST_RUN(&m, 0x0f, 0x02, 0xc8));
}

static bool lsl(u16 selector)
{
	m.cpu.gpr[RAX] = selector;
	m.cpu.gpr[RCX] = 0x5555;
	return looked(TEST_RUN(&m, 0x0f, 0x03, 0xc8));
}

TEST(lar_gives_the_attributes_and_clears_zf_for_what_may_not_be_seen)
{
	start(3);
	free_set(SEG_P | SEG_S | SEG_RW | SEG_G | TEST_DPL(3));
	check(lar(TEST_FREE));
	check_eq(m.cpu.gpr[RCX], 0x80f200);
	check(!lar(0));
	check_eq(m.cpu.gpr[RCX], 0x5555);
	check(!lar(TEST_DATA0));
	check(!lar(0xfff8));
	check(lar(TEST_CONFORMING));
}

TEST(lar_and_lsl_know_the_system_types_of_their_tables)
{
	const u32 lar_legacy = 0x1a3e, lsl_legacy = 0x0a0e;
	const u32 lar_long = 0x1a04, lsl_long = 0x0a04;

	for (u32 type = 0; type < 16; type++) {
		start(0);
		free_set(SEG_P | type);
		check_eq(lar(TEST_FREE), lar_legacy >> type & 1);
		check_eq(lsl(TEST_FREE), lsl_legacy >> type & 1);
		test_machine_init(&m);
		test_long(&m, 0);
		free_set(SEG_P | type);
		check_eq(lar(TEST_FREE), lar_long >> type & 1);
		check_eq(lsl(TEST_FREE), lsl_long >> type & 1);
	}
}

TEST(lsl_scales_by_granularity)
{
	start(0);
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0x12fff, SEG_P | SEG_S | SEG_G), 0);
	check(lsl(TEST_FREE));
	check_eq(m.cpu.gpr[RCX], 0x12fff);
}

TEST(verr_and_verw_say_what_could_be_read_and_written)
{
	start(3);
	m.cpu.gpr[RAX] = TEST_DATA3;
	check(looked(TEST_RUN(&m, 0x0f, 0x00, 0xe0)));
	check(looked(TEST_RUN(&m, 0x0f, 0x00, 0xe8)));
	m.cpu.gpr[RAX] = TEST_CODE3;
	check(looked(TEST_RUN(&m, 0x0f, 0x00, 0xe0)));
	check(!looked(TEST_RUN(&m, 0x0f, 0x00, 0xe8)));
	m.cpu.gpr[RAX] = TEST_DATA0;
	check(!looked(TEST_RUN(&m, 0x0f, 0x00, 0xe0)));
	m.cpu.gpr[RAX] = TEST_TR;
	check(!looked(TEST_RUN(&m, 0x0f, 0x00, 0xe0)));
}

TEST(arpl_raises_the_rpl_and_tells_by_zf)
{
	start(3);
	m.cpu.gpr[RAX] = 0x10;
	m.cpu.gpr[RCX] = 3;
	check(looked(TEST_RUN(&m, 0x63, 0xc8)));
	check_eq(m.cpu.gpr[RAX], 0x13);
	m.cpu.gpr[RCX] = 1;
	check(!looked(TEST_RUN(&m, 0x63, 0xc8)));
	check_eq(m.cpu.gpr[RAX], 0x13);
}

TEST(selector_instructions_do_not_exist_outside_protected_mode)
{
	test_machine_init(&m);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x00, 0xd0), VECTOR_UD);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x02, 0xc8), VECTOR_UD);
}

TEST(lgdt_loads_24_bits_of_base_with_a_16_bit_operand)
{
	test_machine_init(&m);
	test_write(&m, 0x600, 0x9abcdef0127full, 8);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0x16, 0, 6), X86_OK);
	check_eq(m.cpu.gdtr.limit, 0x127f);
	check_eq(m.cpu.gdtr.base, 0xbcdef0);
	check_eq(TEST_RUN(&m, 0x66, 0x0f, 0x01, 0x16, 0, 6), X86_OK);
	check_eq(m.cpu.gdtr.base, 0x9abcdef0);
}

TEST(umip_takes_the_table_registers_away_from_the_user)
{
	start(3);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0x05, 0, 0, 6, 0), X86_OK);
	check_eq(test_read(&m, TEST_DATA, 6), 0x10000fff);
	m.cpu.cr4 |= CR4_UMIP;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0x05, 0, 0, 6, 0), VECTOR_GP,
		    0);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0x0d, 0, 0, 6, 0), VECTOR_GP,
		    0);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x00, 0xc0), VECTOR_GP, 0);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x00, 0xc8), VECTOR_GP, 0);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xe0), VECTOR_GP, 0);
	start(0);
	m.cpu.cr4 |= CR4_UMIP;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xe0), X86_OK);
}

TEST(swapgs_and_the_base_instructions_move_whole_addresses)
{
	test_machine_init(&m);
	test_long(&m, 0);
	m.cpu.msr.kernel_gs_base = 0xffff800000001000;
	m.cpu.seg[SEG_GS].base = 0x1000;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xf8), X86_OK);
	check_eq(m.cpu.segment_base[SEG_GS], 0xffff800000001000);
	check_eq(m.cpu.msr.kernel_gs_base, 0x1000);
	check_plain(&m, TEST_RUN(&m, 0xf3, 0x48, 0x0f, 0xae, 0xd0), VECTOR_UD);
	m.cpu.cr4 |= CR4_FSGSBASE;
	m.cpu.gpr[RAX] = 0x0000800000000000;
	check_error(&m, TEST_RUN(&m, 0xf3, 0x48, 0x0f, 0xae, 0xd0), VECTOR_GP,
		    0);
	m.cpu.gpr[RAX] = 0x00007fffffffffff;
	check_eq(TEST_RUN(&m, 0xf3, 0x48, 0x0f, 0xae, 0xd0), X86_OK);
	check_eq(m.cpu.segment_base[SEG_FS], 0x00007fffffffffff);
	check_eq(TEST_RUN(&m, 0xf3, 0x0f, 0xae, 0xc1), X86_OK);
	check_eq(m.cpu.gpr[RCX], 0xffffffff);
}

TEST(entry_0_of_the_gdt_is_never_used)
{
	start(0);
	test_gdt_set(&m, 0, test_descriptor(0, 0xffff, SEG_P | SEG_S | SEG_RW),
		     0);
	check_error(&m, mov_ss(0), VECTOR_GP, 0);
	check_eq(mov_ds(0), X86_OK);
	check(m.cpu.seg[SEG_DS].attr & SEG_UNUSABLE);
	test_gdt_set(&m, 0, test_descriptor(0, 0x67, SEG_P | SYSTEM_TSS32), 0);
	check_error(&m, ltr(0), VECTOR_GP, 0);
}

TEST(ldt_and_tss_descriptors_stand_in_the_gdt_only)
{
	start(0);
	m.cpu.seg[SEG_LDTR] = (struct x86_segment){
		.base = TEST_LDT, .limit = 15, .attr = SEG_P | SYSTEM_LDT};
	test_write(&m, TEST_LDT + 8, test_descriptor(0, 15, SEG_P | SYSTEM_LDT),
		   8);
	check_error(&m, lldt(0x0c), VECTOR_GP, 0x0c);
	test_write(&m, TEST_LDT + 8,
		   test_descriptor(0, 0x67, SEG_P | SYSTEM_TSS32), 8);
	check_error(&m, ltr(0x0c), VECTOR_GP, 0x0c);
}

TEST(an_unusable_ldt_has_no_entries_whatever_its_limit)
{
	start(0);
	m.cpu.seg[SEG_LDTR] = (struct x86_segment){
		.base = TEST_GDT, .limit = 0xff, .attr = SEG_UNUSABLE};
	check_error(&m, mov_ds(TEST_DATA0 | 4), VECTOR_GP, TEST_DATA0 | 4);
}

TEST(in_long_mode_an_ldt_base_must_be_canonical)
{
	test_machine_init(&m);
	test_long(&m, 0);
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0xff, SEG_P | SYSTEM_LDT), 0x00800000);
	check_error(&m, lldt(TEST_FREE), VECTOR_GP, TEST_FREE);
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0x67, SEG_P | SYSTEM_TSS32), 0x00800000);
	check_error(&m, ltr(TEST_FREE), VECTOR_GP, TEST_FREE);
}

TEST(a_real_mode_load_revives_an_unusable_register)
{
	test_machine_init(&m);
	segment_null(0, 0, &m.cpu.seg[SEG_DS]);
	check_eq(mov_ds(0x1000), X86_OK);
	check_eq(m.cpu.seg[SEG_DS].limit, 0xffff);
	check_eq(m.cpu.seg[SEG_DS].attr, SEG_P | SEG_S | SEG_RW | SEG_ACCESSED);
	check_eq(TEST_RUN(&m, 0xea, 0, 0, 0, 0x50), X86_END);
	check(m.cpu.seg[SEG_CS].attr & SEG_CODE);
}

TEST(there_are_six_segment_registers)
{
	start(0);
	check_plain(&m, TEST_RUN(&m, 0x8c, 0xf0), VECTOR_UD);
	check_plain(&m, TEST_RUN(&m, 0x8e, 0xf8), VECTOR_UD);
	check_eq(TEST_RUN(&m, 0x8c, 0xc8), X86_OK);
	check_eq(m.cpu.gpr[RAX], TEST_CODE0);
}

TEST(a_segment_push_writes_a_word_and_moves_by_the_operand_size)
{
	start(0);
	test_write(&m, TEST_STACK0 - 4, 0xaaaabbbb, 4);
	check_eq(TEST_RUN(&m, 0x1e), X86_OK);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 4);
	check_eq(test_read(&m, TEST_STACK0 - 4, 4), 0xaaaa0000 | TEST_DATA0);
	check_eq(TEST_RUN(&m, 0x07), X86_OK);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0);
	check_eq(TEST_RUN(&m, 0x66, 0x0e), X86_OK);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 2);
	check_eq(test_read(&m, TEST_STACK0 - 2, 2), TEST_CODE0);
}

TEST(far_pointers_come_in_three_widths)
{
	test_machine_init(&m);
	test_long(&m, 0);
	test_write(&m, TEST_DATA, 0x1122334455667788, 8);
	test_write(&m, TEST_DATA + 8, TEST_DATA0, 2);
	m.cpu.gpr[RBX] = TEST_DATA;
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0xb4, 0x03), X86_OK);
	check_eq(m.cpu.gpr[RAX], 0x1122334455667788);
	start(0);
	test_write(&m, TEST_DATA, 0x7788, 2);
	test_write(&m, TEST_DATA + 2, TEST_DATA0, 2);
	m.cpu.gpr[RBX] = TEST_DATA;
	check_eq(TEST_RUN(&m, 0x66, 0xc4, 0x03), X86_OK);
	check_eq(m.cpu.gpr[RAX], 0x7788);
	check_eq(m.cpu.seg[SEG_ES].selector, TEST_DATA0);
}

TEST(arpl_writes_its_memory_operand)
{
	start(3);
	test_write(&m, TEST_DATA, 0x20, 2);
	m.cpu.gpr[RCX] = 2;
	check(looked(TEST_RUN(&m, 0x63, 0x0d, 0, 0, 6, 0)));
	check_eq(test_read(&m, TEST_DATA, 2), 0x22);
}

TEST(in_64_bit_mode_table_registers_have_ten_bytes_and_canonical_bases)
{
	test_machine_init(&m);
	test_long(&m, 0);
	m.cpu.gpr[RBX] = TEST_DATA;
	test_write(&m, TEST_DATA, 0x1ff, 2);
	test_write(&m, TEST_DATA + 2, 0x0000800000000000, 8);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0x1b), VECTOR_GP, 0);
	test_write(&m, TEST_DATA + 2, 0xffff800000001000, 8);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0x1b), X86_OK);
	check_eq(m.cpu.idtr.base, 0xffff800000001000);
	m.cpu.gpr[RBX] = TEST_DATA + 16;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0x0b), X86_OK);
	check_mem_eq(m.memory + TEST_DATA + 16, m.memory + TEST_DATA, 10);
}

TEST(rdfsbase_needs_cr4_fsgsbase)
{
	test_machine_init(&m);
	test_long(&m, 3);
	check_plain(&m, TEST_RUN(&m, 0xf3, 0x0f, 0xae, 0xc1), VECTOR_UD);
}
