/* SPDX-License-Identifier: MIT */
#include "base/test.h"
#include "engine/core/exec/harness.h"
#include "engine/core/segment/segment.h"

static struct test_machine m;

static void start(u32 cpl)
{
	test_machine_init(&m);
	test_protected(&m, cpl);
}

static void start_long(u32 cpl)
{
	test_machine_init(&m);
	test_long(&m, cpl);
}

static void free_set(u32 attr)
{
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0xffffffff, attr | SEG_G), 0);
}

/* JMP FAR and CALL FAR with a 32-bit immediate pointer */
static int jmp_far(u16 selector, u32 offset)
{
	return TEST_RUN(&m, 0xea, (u8)offset, (u8)(offset >> 8),
			(u8)(offset >> 16), (u8)(offset >> 24), (u8)selector,
			(u8)(selector >> 8));
}

static int call_far(u16 selector, u32 offset)
{
	return TEST_RUN(&m, 0x9a, (u8)offset, (u8)(offset >> 8),
			(u8)(offset >> 16), (u8)(offset >> 24), (u8)selector,
			(u8)(selector >> 8));
}

static void call_gate(u32 type, u32 dpl, u16 selector, u32 offset, u32 params)
{
	u64 low = (offset & 0xffff) | (u64)selector << 16 | (u64)params << 32 |
		  (u64)(SEG_P | type | TEST_DPL(dpl)) << 40 |
		  (u64)(offset >> 16) << 48;

	test_gdt_set(&m, TEST_FREE, low, 0);
}

static u64 slot(u32 top, u32 n, u32 bytes)
{
	return test_read(&m, top - n * bytes, bytes);
}

TEST(a_far_jump_loads_cs_with_rpl_cpl)
{
	start(3);
	check_eq(jmp_far(TEST_CODE3 & ~3, 0x12345), X86_END);
	check_eq(RIP(&m.cpu), 0x12345);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE3);
	check_eq(m.cpu.cpl, 3);
}

TEST(a_far_jump_refuses_null_data_and_what_is_beyond_the_table)
{
	start(0);
	check_error(&m, jmp_far(0, 0), VECTOR_GP, 0);
	check_error(&m, jmp_far(TEST_DATA0, 0), VECTOR_GP, TEST_DATA0);
	check_error(&m, jmp_far(0xfff8, 0), VECTOR_GP, 0xfff8);
}

TEST(nonconforming_code_wants_dpl_cpl_and_rpl_at_most_cpl)
{
	for (u32 cpl = 0; cpl < 4; cpl += 3)
		for (u32 dpl = 0; dpl < 4; dpl++)
			for (u32 rpl = 0; rpl < 4; rpl++) {
				start(cpl);
				free_set(TEST_ATTR_CODE | TEST_DPL(dpl));
				if (dpl == cpl && rpl <= cpl)
					check_eq(jmp_far((u16)(TEST_FREE | rpl),
							 0),
						 X86_END);
				else
					check_error(
						&m,
						jmp_far((u16)(TEST_FREE | rpl),
							0),
						VECTOR_GP, TEST_FREE);
			}
}

TEST(conforming_code_is_entered_from_outside_without_changing_cpl)
{
	start(3);
	check_eq(jmp_far(TEST_CONFORMING, 0x100), X86_END);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CONFORMING | 3);
	start(0);
	free_set(TEST_ATTR_CODE | SEG_DC | SEG_DPL);
	check_error(&m, jmp_far(TEST_FREE, 0), VECTOR_GP, TEST_FREE);
}

TEST(absent_code_raises_np_and_an_offset_beyond_the_limit_gp_0)
{
	start(0);
	free_set(TEST_ATTR_CODE & ~SEG_P);
	check_error(&m, jmp_far(TEST_FREE, 0), VECTOR_NP, TEST_FREE);
	test_gdt_set(&m, TEST_FREE,
		     test_descriptor(0, 0xffff, TEST_ATTR_CODE & ~SEG_G), 0);
	check_error(&m, jmp_far(TEST_FREE, 0x10000), VECTOR_GP, 0);
	check_eq(jmp_far(TEST_FREE, 0xffff), X86_END);
}

TEST(a_far_call_pushes_cs_and_the_return_address)
{
	start(0);
	check_eq(call_far(TEST_CODE0, 0x45678), X86_END);
	check_eq(RIP(&m.cpu), 0x45678);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 8);
	check_eq(slot(TEST_STACK0, 1, 4), TEST_CODE0);
	check_eq(slot(TEST_STACK0, 2, 4), TEST_CODE + 7);
}

TEST(a_far_call_without_room_raises_ss_and_changes_nothing)
{
	start(0);
	m.cpu.seg[SEG_SS].limit = TEST_STACK0 - 6;
	check_error(&m, call_far(TEST_CODE0, 0x45678), VECTOR_SS, 0);
	check_eq(RIP(&m.cpu), TEST_CODE);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0);
}

TEST(a_real_mode_far_call_and_return_are_inverse)
{
	test_machine_init(&m);
	check_eq(TEST_RUN(&m, 0x9a, 0x34, 0x12, 0x00, 0x50), X86_END);
	check_eq(m.cpu.seg[SEG_CS].base, 0x50000);
	check_eq(RIP(&m.cpu), 0x1234);
	check_eq(m.cpu.gpr[RSP], 0x7ffc);
	check_eq(test_read(&m, 0x7ffc, 4), (TEST_CODE >> 4) << 16 | 5);
	check_eq(TEST_RUN(&m, 0xcb), X86_END);
	check_eq(m.cpu.seg[SEG_CS].base, TEST_CODE);
	check_eq(RIP(&m.cpu), 5);
	check_eq(m.cpu.gpr[RSP], 0x8000);
}

TEST(a_call_gate_to_an_inner_ring_switches_stacks_and_copies_parameters)
{
	start(3);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 2);
	m.cpu.gpr[RSP] = TEST_STACK3 - 8;
	test_write(&m, TEST_STACK3 - 8, 0x11111111, 4);
	test_write(&m, TEST_STACK3 - 4, 0x22222222, 4);
	check_eq(call_far(TEST_FREE | 3, 0), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_eq(RIP(&m.cpu), TEST_HANDLER);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE0);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_DATA0);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 24);
	check_eq(slot(TEST_STACK0, 1, 4), TEST_DATA3);
	check_eq(slot(TEST_STACK0, 2, 4), TEST_STACK3 - 8);
	check_eq(slot(TEST_STACK0, 3, 4), 0x22222222);
	check_eq(slot(TEST_STACK0, 4, 4), 0x11111111);
	check_eq(slot(TEST_STACK0, 5, 4), TEST_CODE3);
	check_eq(slot(TEST_STACK0, 6, 4), TEST_CODE + 7);
	/* and RET FAR 8 goes back, releasing the parameters on both stacks */
	check_eq(TEST_RUN(&m, 0xca, 8, 0), X86_END);
	check_eq(m.cpu.cpl, 3);
	check_eq(RIP(&m.cpu), TEST_CODE + 7);
	check_eq(m.cpu.gpr[RSP], TEST_STACK3);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_DATA3);
}

TEST(a_16_bit_call_gate_pushes_words)
{
	start(3);
	call_gate(SYSTEM_CALL16, 3, TEST_CODE0, TEST_HANDLER, 0);
	m.cpu.gpr[RSP] = 0x8000;
	check_eq(call_far(TEST_FREE | 3, 0), X86_END);
	check_eq(RIP(&m.cpu), TEST_HANDLER & 0xffff);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 8);
	check_eq(slot(TEST_STACK0, 1, 2), TEST_DATA3);
	check_eq(slot(TEST_STACK0, 2, 2), 0x8000);
	check_eq(slot(TEST_STACK0, 3, 2), TEST_CODE3);
}

TEST(a_call_gate_is_open_to_cpl_and_rpl_up_to_its_dpl)
{
	for (u32 dpl = 0; dpl < 4; dpl++)
		for (u32 rpl = 0; rpl < 4; rpl++) {
			start(1);
			call_gate(SYSTEM_CALL32, dpl, TEST_CODE0, TEST_HANDLER,
				  0);
			if (MAX(rpl, 1u) <= dpl)
				check_eq(call_far((u16)(TEST_FREE | rpl), 0),
					 X86_END);
			else
				check_error(&m,
					    call_far((u16)(TEST_FREE | rpl), 0),
					    VECTOR_GP, TEST_FREE);
		}
}

TEST(a_call_gate_blames_itself_when_absent_and_its_target_otherwise)
{
	start(3);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 0);
	test_gdt_set(&m, TEST_FREE, test_gdt_get(&m, TEST_FREE) & ~BIT(47), 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_NP, TEST_FREE);
	call_gate(SYSTEM_CALL32, 3, 0, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_GP, 0);
	call_gate(SYSTEM_CALL32, 3, TEST_DATA0, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_GP, TEST_DATA0);
	call_gate(SYSTEM_CALL32, 3, 0xff8, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_GP, 0xff8);
}

TEST(a_jump_through_a_gate_cannot_gain_privilege)
{
	start(3);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 0);
	check_error(&m, jmp_far(TEST_FREE | 3, 0), VECTOR_GP, TEST_CODE0);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE3, TEST_HANDLER, 0);
	check_eq(jmp_far(TEST_FREE | 3, 0), X86_END);
	check_eq(RIP(&m.cpu), TEST_HANDLER);
}

TEST(the_inner_stack_of_the_tss_is_checked_with_ts_and_ss)
{
	start(3);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 0);
	m.cpu.seg[SEG_TR].limit = 8;
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_TS, TEST_TR);
	m.cpu.seg[SEG_TR].limit = 0x67;
	test_write(&m, TEST_TSS + 8, 0, 2);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_TS, 0);
	test_write(&m, TEST_TSS + 8, 0xff8, 2);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_TS, 0xff8);
	test_write(&m, TEST_TSS + 8, TEST_DATA3, 2);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_TS, TEST_DATA3 & ~3);
	test_write(&m, TEST_TSS + 8, TEST_CODE0, 2);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_TS, TEST_CODE0);
	test_write(&m, TEST_TSS + 8, TEST_DATA0, 2);
	test_gdt_set(&m, TEST_DATA0, test_gdt_get(&m, TEST_DATA0) & ~BIT(47), 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_SS, TEST_DATA0);
	check_eq(m.cpu.cpl, 3);
}

TEST(a_page_fault_on_the_inner_stack_is_a_supervisor_write)
{
	start(3);
	test_paging(&m);
	test_map(&m, TEST_STACK0 - 4096, 0);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_PF, PF_WRITE);
	check_eq(m.cpu.exception.payload, TEST_STACK0 - 4);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.gpr[RSP], TEST_STACK3);
	check(m.cpu.tlb == m.cpu.tlbs[TLB_USER]);
}

static void push_frame(u32 n, const u32 *values)
{
	for (u32 i = 0; i < n; i++)
		test_write(&m, m.cpu.gpr[RSP] - 4 * n + 4 * i, values[i], 4);
	m.cpu.gpr[RSP] -= 4 * n;
}

#define PUSH_FRAME(...)                                    \
	push_frame(sizeof((const u32[]){__VA_ARGS__}) / 4, \
		   (const u32[]){__VA_ARGS__})

TEST(a_return_to_more_privilege_raises_gp_of_the_selector)
{
	start(3);
	PUSH_FRAME(0x1000, TEST_CODE0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, TEST_CODE0);
}

TEST(a_return_checks_null_type_dpl_presence_and_limit)
{
	start(0);
	PUSH_FRAME(0x1000, 0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, 0);
	PUSH_FRAME(0x1000, TEST_DATA0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, TEST_DATA0);
	PUSH_FRAME(0x1000, TEST_CODE0 | 3);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, TEST_CODE0);
	free_set(TEST_ATTR_CODE & ~SEG_P);
	PUSH_FRAME(0x1000, TEST_FREE);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_NP, TEST_FREE);
	PUSH_FRAME(0x10000, TEST_CODE16);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, 0);
}

TEST(a_return_outward_checks_the_stack_segment)
{
	start(0);
	PUSH_FRAME(0x1000, TEST_CODE3, 0x5000, 0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, 0);
	PUSH_FRAME(0x1000, TEST_CODE3, 0x5000, TEST_DATA0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, TEST_DATA0);
	free_set((TEST_ATTR_DATA & ~SEG_P) | SEG_DPL);
	PUSH_FRAME(0x1000, TEST_CODE3, 0x5000, TEST_FREE | 3);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_SS, TEST_FREE);
	PUSH_FRAME(0x1000, TEST_CODE3, 0x5000, TEST_DATA3);
	check_eq(TEST_RUN(&m, 0xcb), X86_END);
	check_eq(m.cpu.gpr[RSP], 0x5000);
}

TEST(a_return_outward_drops_data_segments_of_inner_rings)
{
	start(0);
	free_set(TEST_ATTR_DATA | SEG_DPL);
	check_eq(segment_load(&m.cpu, SEG_ES, TEST_FREE), X86_OK);
	check_eq(segment_load(&m.cpu, SEG_FS, TEST_CONFORMING), X86_OK);
	PUSH_FRAME(0x1000, TEST_CODE3, 0x5000, TEST_DATA3);
	check_eq(TEST_RUN(&m, 0xcb), X86_END);
	check_eq(m.cpu.seg[SEG_ES].selector, TEST_FREE);
	check_eq(m.cpu.seg[SEG_FS].selector, TEST_CONFORMING);
	check_eq(m.cpu.seg[SEG_DS].selector, 0);
	check(m.cpu.seg[SEG_DS].attr & SEG_UNUSABLE);
}

TEST(a_null_gs_keeps_its_base_over_a_return_outward)
{
	start_long(0);
	segment_null(0, 0, &m.cpu.seg[SEG_GS]);
	m.cpu.seg[SEG_GS].base = 0x7777;
	x86_mode_update(&m.cpu);
	m.cpu.gpr[RSP] -= 40;
	test_write(&m, m.cpu.gpr[RSP], 0x1000, 8);
	test_write(&m, m.cpu.gpr[RSP] + 8, TEST_CODE64_3, 8);
	test_write(&m, m.cpu.gpr[RSP] + 16, 0x202, 8);
	test_write(&m, m.cpu.gpr[RSP] + 24, 0x5000, 8);
	test_write(&m, m.cpu.gpr[RSP] + 32, TEST_DATA3, 8);
	check_eq(TEST_RUN(&m, 0x48, 0xcf), X86_END);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.segment_base[SEG_GS], 0x7777);
	check_eq(m.cpu.gpr[RSP], 0x5000);
	check_eq(m.cpu.rflags, 0x202);
}

/* --- IRET --- */

TEST(iret_changes_if_by_iopl_and_iopl_at_cpl_0_only)
{
	for (u32 cpl = 0; cpl < 4; cpl += 3)
		for (u64 iopl = 0; iopl < 4; iopl++) {
			u64 expected = RFLAGS_FIXED;

			start(cpl);
			m.cpu.rflags |= iopl << 12;
			PUSH_FRAME(0x1000, cpl ? TEST_CODE3 : TEST_CODE0,
				   (u32)(RFLAGS_IF | RFLAGS_IOPL | RFLAGS_CF));
			check_eq(TEST_RUN(&m, 0xcf), X86_END);
			expected |= RFLAGS_CF;
			expected |= cpl <= iopl ? RFLAGS_IF : 0;
			expected |= cpl ? iopl << 12 : RFLAGS_IOPL;
			check_eq(m.cpu.rflags, expected);
		}
}

TEST(a_16_bit_iret_leaves_the_upper_flags)
{
	start(0);
	m.cpu.rflags |= RFLAGS_AC | RFLAGS_ID;
	m.cpu.gpr[RSP] -= 6;
	test_write(&m, m.cpu.gpr[RSP], 0x1000, 2);
	test_write(&m, m.cpu.gpr[RSP] + 2, TEST_CODE0, 2);
	test_write(&m, m.cpu.gpr[RSP] + 4, RFLAGS_ZF, 2);
	check_eq(TEST_RUN(&m, 0x66, 0xcf), X86_END);
	check_eq(m.cpu.rflags, RFLAGS_AC | RFLAGS_ID | RFLAGS_ZF | RFLAGS_FIXED);
	check_eq(RIP(&m.cpu), 0x1000);
}

TEST(iret_with_vm_in_its_image_enters_virtual_8086_mode)
{
	start(0);
	PUSH_FRAME(0x123, 0x2000, (u32)(RFLAGS_VM | RFLAGS_IF), 0xff0, 0x3000,
		   0x4000, 0x5000, 0x6000, 0x7000);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.code, CODE_16);
	check_eq(m.cpu.seg[SEG_CS].base, 0x20000);
	check_eq(m.cpu.seg[SEG_SS].base, 0x30000);
	check_eq(m.cpu.seg[SEG_ES].base, 0x40000);
	check_eq(m.cpu.seg[SEG_DS].base, 0x50000);
	check_eq(m.cpu.seg[SEG_FS].base, 0x60000);
	check_eq(m.cpu.seg[SEG_GS].base, 0x70000);
	check_eq(m.cpu.seg[SEG_DS].limit, 0xffff);
	check_eq(m.cpu.gpr[RSP], 0xff0);
	check_eq(RIP(&m.cpu), 0x123);
	check(m.cpu.rflags & RFLAGS_VM);
}

TEST(only_cpl_0_and_legacy_mode_can_enter_virtual_8086_mode)
{
	start(3);
	PUSH_FRAME(0x123, TEST_CODE3, (u32)RFLAGS_VM);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check(!(m.cpu.rflags & RFLAGS_VM));
	test_machine_init(&m);
	test_compat(&m, 0);
	PUSH_FRAME(0x123, TEST_CODE0, (u32)RFLAGS_VM);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check(!(m.cpu.rflags & RFLAGS_VM));
}

static void enter_v86(u64 iopl)
{
	start(0);
	PUSH_FRAME(0, TEST_CODE >> 4, (u32)(RFLAGS_VM | iopl << 12), 0xff0,
		   0x2000, 0x4000, 0x5000, 0x6000, 0x7000);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
}

TEST(iret_in_virtual_8086_mode_needs_iopl_3)
{
	enter_v86(2);
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_GP, 0);
	enter_v86(3);
	test_write(&m, 0x20ff0, 0x55, 2);
	test_write(&m, 0x20ff2, 0x1000, 2);
	test_write(&m, 0x20ff4, RFLAGS_IF, 2);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.seg[SEG_CS].base, 0x10000);
	check_eq(RIP(&m.cpu), 0x55);
	check_eq(m.cpu.gpr[RSP], 0xff6);
	check_eq(m.cpu.rflags,
		 RFLAGS_VM | RFLAGS_IOPL | RFLAGS_IF | RFLAGS_FIXED);
}

TEST(iret_opens_nmis_even_when_it_faults)
{
	enter_v86(0);
	m.cpu.nmi_blocked = true;
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_GP, 0);
	check(!m.cpu.nmi_blocked);
}

TEST(iretq_pops_a_stack_at_the_same_privilege_and_takes_a_null_ss)
{
	start_long(0);
	m.cpu.gpr[RSP] -= 40;
	test_write(&m, m.cpu.gpr[RSP], 0x1000, 8);
	test_write(&m, m.cpu.gpr[RSP] + 8, TEST_CODE64_0, 8);
	test_write(&m, m.cpu.gpr[RSP] + 16, RFLAGS_ZF, 8);
	test_write(&m, m.cpu.gpr[RSP] + 24, 0xffff800000001000, 8);
	test_write(&m, m.cpu.gpr[RSP] + 32, 0, 8);
	check_eq(TEST_RUN(&m, 0x48, 0xcf), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.gpr[RSP], 0xffff800000001000);
	check_eq(m.cpu.seg[SEG_SS].selector, 0);
}

static int iretq(u64 rip, u16 cs, u16 ss)
{
	m.cpu.gpr[RSP] = TEST_STACK0 - 40;
	test_write(&m, m.cpu.gpr[RSP], rip, 8);
	test_write(&m, m.cpu.gpr[RSP] + 8, cs, 8);
	test_write(&m, m.cpu.gpr[RSP] + 16, 2, 8);
	test_write(&m, m.cpu.gpr[RSP] + 24, 0x5000, 8);
	test_write(&m, m.cpu.gpr[RSP] + 32, ss, 8);
	return TEST_RUN(&m, 0x48, 0xcf);
}

TEST(iretq_refuses_null_ss_for_cpl_3_and_compatibility_mode)
{
	start_long(0);
	check_error(&m, iretq(0x1000, TEST_CODE64_3, 3), VECTOR_GP, 0);
	check_error(&m, iretq(0x1000, TEST_CODE3, 3), VECTOR_GP, 0);
	check_error(&m, iretq(0x1000, TEST_CODE0, 0), VECTOR_GP, 0);
	check_eq(iretq(0x1000, TEST_CODE3, TEST_DATA3), X86_END);
	check_eq(m.cpu.code, CODE_32);
	check_eq(m.cpu.linear_mask, 0xffffffff);
}

TEST(iretq_to_a_non_canonical_address_faults_in_the_kernel)
{
	start_long(0);
	check_error(&m, iretq(0x0000800000000000, TEST_CODE64_3, TEST_DATA3),
		    VECTOR_GP, 0);
	check_eq(m.cpu.cpl, 0);
	check_eq(iretq(0xffff800000000000, TEST_CODE64_3, TEST_DATA3), X86_END);
	check_eq(m.cpu.cpl, 3);
}

TEST(code_with_both_l_and_d_is_refused_in_long_mode)
{
	start_long(0);
	free_set(TEST_ATTR_CODE | SEG_L);
	check_error(&m, iretq(0x1000, TEST_FREE, 0), VECTOR_GP, TEST_FREE);
}

TEST(iret_with_nt_in_long_mode_raises_gp_0)
{
	start_long(0);
	m.cpu.rflags |= RFLAGS_NT;
	check_error(&m, iretq(0x1000, TEST_CODE64_0, 0), VECTOR_GP, 0);
}

TEST(a_64_bit_call_gate_takes_rsp_from_the_tss_and_a_null_ss)
{
	u64 low = (TEST_HANDLER & 0xffff) | (u64)TEST_CODE64_0 << 16 |
		  (u64)(SEG_P | SYSTEM_CALL32 | SEG_DPL) << 40 |
		  (u64)(TEST_HANDLER >> 16) << 48;

	test_machine_init(&m);
	test_compat(&m, 3);
	test_gdt_set(&m, TEST_FREE, low, 0);
	check_eq(call_far(TEST_FREE | 3, 0), X86_END);
	check_eq(m.cpu.code, CODE_64);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.seg[SEG_SS].selector, 0);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 32);
	check_eq(slot(TEST_STACK0, 1, 8), TEST_DATA3);
	check_eq(slot(TEST_STACK0, 2, 8), TEST_STACK3);
	check_eq(slot(TEST_STACK0, 3, 8), TEST_CODE3);
	check_eq(slot(TEST_STACK0, 4, 8), TEST_CODE + 7);
	test_gdt_set(&m, TEST_FREE, low, BIT(40));
	m.cpu.code = CODE_64;
	check_error(&m, far_call(&m.cpu, TEST_FREE, 0, 8), VECTOR_GP, TEST_FREE);
}

TEST(in_long_mode_a_call_gate_must_lead_to_64_bit_code)
{
	test_machine_init(&m);
	test_compat(&m, 3);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE0, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_GP, TEST_CODE0);
	call_gate(SYSTEM_CALL16, 3, TEST_CODE64_0, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE | 3, 0), VECTOR_GP, TEST_FREE);
	check_error(&m, call_far(TEST_TR, 0), VECTOR_GP, TEST_TR);
}

TEST(a_null_code_selector_is_refused_even_when_entry_0_holds_code)
{
	start(0);
	test_gdt_set(&m, 0, test_descriptor(0, 0xffffffff, TEST_ATTR_CODE), 0);
	check_error(&m, jmp_far(0, 0), VECTOR_GP, 0);
	PUSH_FRAME(0x1000, 0);
	check_error(&m, TEST_RUN(&m, 0xcb), VECTOR_GP, 0);
}

TEST(a_gate_leads_inward_only)
{
	start(0);
	call_gate(SYSTEM_CALL32, 3, TEST_CODE3, TEST_HANDLER, 0);
	check_error(&m, call_far(TEST_FREE, 0), VECTOR_GP, TEST_CODE3 & ~3);
}

TEST(an_absent_task_gate_raises_np_and_long_mode_has_none)
{
	u64 gate = (u64)TEST_TR << 16 | (u64)SYSTEM_TASK_GATE << 40;

	start(0);
	test_gdt_set(&m, TEST_FREE, gate, 0);
	check_error(&m, jmp_far(TEST_FREE, 0), VECTOR_NP, TEST_FREE);
	test_machine_init(&m);
	test_compat(&m, 0);
	test_gdt_set(&m, TEST_FREE, gate | BIT(47), 0);
	check_error(&m, jmp_far(TEST_FREE, 0), VECTOR_GP, TEST_FREE);
}

TEST(a_wide_iret_restores_ac_id_and_rf_and_vif_vip_at_cpl_0_only)
{
	u64 all = RFLAGS_AC | RFLAGS_ID | RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP;

	start(0);
	PUSH_FRAME(0x1000, TEST_CODE0, (u32)all);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.rflags, all | RFLAGS_FIXED);
	start(3);
	PUSH_FRAME(0x1000, TEST_CODE3, (u32)all);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.rflags, RFLAGS_AC | RFLAGS_ID | RFLAGS_RF | RFLAGS_FIXED);
}

TEST(iret_cannot_enter_virtual_8086_mode_beyond_64_kib)
{
	start(0);
	PUSH_FRAME(0x10000, 0x2000, (u32)RFLAGS_VM, 0xff0, 0, 0, 0, 0, 0);
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_GP, 0);
	check_eq(m.cpu.cpl, 0);
}

TEST(an_expand_down_stack_ends_at_its_limit)
{
	start(0);
	m.cpu.seg[SEG_SS].attr |= SEG_DC;
	m.cpu.seg[SEG_SS].limit = TEST_STACK0 - 9;
	x86_mode_update(&m.cpu);
	check_eq(call_far(TEST_CODE0, 0x1000), X86_END);
	check_error(&m, call_far(TEST_CODE0, 0x1000), VECTOR_SS, 0);
}

TEST(an_iret_to_a_16_bit_stack_keeps_the_upper_half_of_esp)
{
	start(0);
	test_gdt_set(
		&m, TEST_FREE,
		test_descriptor(0, 0xffff, SEG_P | SEG_S | SEG_RW | SEG_DPL), 0);
	PUSH_FRAME(0x1000, TEST_CODE3, 2, 0xabcd1234, TEST_FREE | 3);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.gpr[RSP], (TEST_STACK0 & 0xffff0000) | 0x1234);
}
