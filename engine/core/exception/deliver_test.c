/* SPDX-License-Identifier: MIT */
#include "base/test.h"

#include <linux/kvm.h>

#include "engine/core/exception/exception.h"
#include "engine/core/exec/harness.h"
#include "engine/core/paging/mem.h"
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

static u64 slot(u32 top, u32 n, u32 bytes)
{
	return test_read(&m, top - n * bytes, bytes);
}

static int deliver_error(u8 vector, u32 error)
{
	(void)raise_error(&m.cpu, vector, error);
	return exception_deliver(&m.cpu);
}

static void gate(u32 vector, u16 selector, u32 attr)
{
	test_idt_set(&m, vector, selector, TEST_HANDLER + 16 * vector, attr, 0);
}

/* Which handler runs? */
static u32 handler(void)
{
	return (u32)(RIP(&m.cpu) - TEST_HANDLER) / 16;
}

TEST(real_mode_pushes_flags_cs_ip_and_no_error_code)
{
	test_machine_init(&m);
	m.cpu.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_CF;
	test_write(&m, 13 * 4, 0x5000 << 16 | 0x123, 4);
	check_eq(deliver_error(VECTOR_GP, 0), X86_END);
	check_eq(m.cpu.seg[SEG_CS].base, 0x50000);
	check_eq(RIP(&m.cpu), 0x123);
	check_eq(m.cpu.gpr[RSP], 0x7ffa);
	check_eq(test_read(&m, 0x7ffa, 2), 0);
	check_eq(test_read(&m, 0x7ffc, 2), TEST_CODE >> 4);
	check_eq(test_read(&m, 0x7ffe, 2),
		 RFLAGS_IF | RFLAGS_TF | RFLAGS_CF | 2);
	check_eq(m.cpu.rflags, RFLAGS_CF | RFLAGS_FIXED);
}

TEST(real_mode_without_a_vector_table_shuts_down)
{
	test_machine_init(&m);
	m.cpu.idtr.limit = 0;
	check_eq(deliver_error(VECTOR_GP, 0), X86_SHUTDOWN);
}

TEST(a_real_mode_stack_of_one_byte_raises_ss_and_then_shuts_down)
{
	test_machine_init(&m);
	m.cpu.gpr[RSP] = 1;
	check_eq(interrupt_deliver(&m.cpu, 8), X86_SHUTDOWN);
}

TEST(a_fault_at_the_same_privilege_pushes_eflags_cs_eip_error_with_rf)
{
	start(0);
	m.cpu.rflags |= RFLAGS_IF | RFLAGS_NT;
	check_eq(deliver_error(VECTOR_GP, 0x1234), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 16);
	check_eq(slot(TEST_STACK0, 1, 4), RFLAGS_IF | RFLAGS_NT | RFLAGS_RF | 2);
	check_eq(slot(TEST_STACK0, 2, 4), TEST_CODE0);
	check_eq(slot(TEST_STACK0, 3, 4), TEST_CODE);
	check_eq(slot(TEST_STACK0, 4, 4), 0x1234);
	check_eq(m.cpu.rflags, RFLAGS_FIXED);
}

TEST(a_fault_from_the_user_switches_to_the_stack_of_the_tss)
{
	start(3);
	check_eq(deliver_error(VECTOR_GP, 0), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 24);
	check_eq(slot(TEST_STACK0, 1, 4), TEST_DATA3);
	check_eq(slot(TEST_STACK0, 2, 4), TEST_STACK3);
	check_eq(m.cpu.seg[SEG_DS].selector, TEST_DATA3);
}

TEST(an_interrupt_gate_clears_if_and_a_trap_gate_keeps_it)
{
	start(0);
	m.cpu.rflags |= RFLAGS_IF | RFLAGS_TF;
	gate(0x20, TEST_CODE0, SEG_P | SYSTEM_TRAP32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(m.cpu.rflags, RFLAGS_IF | RFLAGS_FIXED);
	gate(0x20, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(m.cpu.rflags, RFLAGS_FIXED);
}

TEST(a_16_bit_gate_pushes_words)
{
	start(0);
	gate(VECTOR_GP, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT16);
	check_eq(deliver_error(VECTOR_GP, 0x55), X86_END);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 8);
	check_eq(slot(TEST_STACK0, 4, 2), 0x55);
	check_eq(RIP(&m.cpu), (TEST_HANDLER + 16 * VECTOR_GP) & 0xffff);
}

TEST(int_n_looks_at_the_gates_dpl_and_pushes_the_next_address)
{
	start(3);
	check_eq(TEST_DELIVER(&m, 0xcd, 0x10), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 6, 4), 0x10 * 8 + 2); /* IDT, not EXT */
	check_eq(slot(TEST_STACK0, 5, 4), TEST_CODE);
	start(3);
	gate(0x10, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT32 | SEG_DPL);
	check_eq(TEST_DELIVER(&m, 0xcd, 0x10), X86_END);
	check_eq(handler(), 0x10);
	check_eq(slot(TEST_STACK0, 5, 4), TEST_CODE + 2);
	check_eq(slot(TEST_STACK0, 3, 4) & RFLAGS_RF, 0);
	/* a fault of the processor's own goes through the same gate */
	start(3);
	check_eq(TEST_DELIVER(&m, 0x0f, 0x0b), X86_END);
	check_eq(handler(), VECTOR_UD);
}

TEST(int1_does_not_look_at_the_dpl)
{
	start(3);
	check_eq(TEST_DELIVER(&m, 0xf1), X86_END);
	check_eq(handler(), VECTOR_DB);
	check_eq(slot(TEST_STACK0, 5, 4), TEST_CODE + 1);
	check_eq(m.cpu.dr6, DR6_FIXED);
}

TEST(a_missing_or_wrong_gate_raises_gp_or_np_of_the_vector)
{
	start(0);
	gate(0x20, TEST_CODE0, SYSTEM_INTERRUPT32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(handler(), VECTOR_NP);
	check_eq(slot(TEST_STACK0, 4, 4), 0x20 * 8 + 3);
	start(0);
	gate(0x20, TEST_CODE0, SEG_P | SYSTEM_CALL32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 4, 4), 0x20 * 8 + 3);
	start(0);
	m.cpu.idtr.limit = 0x20 * 8 + 6;
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(handler(), VECTOR_GP);
}

TEST(the_gates_code_segment_is_checked_with_ext)
{
	start(0);
	gate(0x20, 0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(slot(TEST_STACK0, 4, 4), 1);
	start(0);
	gate(0x20, TEST_DATA0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(slot(TEST_STACK0, 4, 4), TEST_DATA0 | 1);
	start(0);
	gate(0x20, TEST_CODE3, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(slot(TEST_STACK0, 4, 4), (TEST_CODE3 & ~3) | 1);
}

/* --- double and triple faults --- */

/* Makes the delivery of vector `first` raise `second` and tells who runs. */
static int chain(u8 first, u8 second)
{
	start(3);
	test_paging(&m);
	switch (second) {
	case VECTOR_NP:
		gate(first, TEST_CODE0, SYSTEM_INTERRUPT32);
		break;
	case VECTOR_GP:
		gate(first, 0, SEG_P | SYSTEM_INTERRUPT32);
		break;
	default: /* #PF: the gate's code segment is on a page that is not there */
		m.cpu.gdtr.limit = 0xffff;
		gate(first, TEST_LDT - TEST_GDT + 8, SEG_P | SYSTEM_INTERRUPT32);
		test_map(&m, TEST_LDT, 0);
	}
	if (first == VECTOR_PF)
		(void)raise_page_fault(&m.cpu, 0x1234, 0);
	else
		(void)raise_fault(&m.cpu, first);
	return exception_deliver(&m.cpu);
}

TEST(the_double_fault_matrix_of_contributory_and_page_faults)
{
	static const u8 contributory[] = {VECTOR_DE, VECTOR_TS, VECTOR_NP,
					  VECTOR_SS, VECTOR_GP};
	static const u8 benign[] = {VECTOR_BP, VECTOR_UD, VECTOR_NM, VECTOR_MF,
				    VECTOR_AC, VECTOR_MC, VECTOR_XM};

	for (u32 i = 0; i < ARRAY_SIZE(contributory); i++) {
		u8 first = contributory[i];

		if (first != VECTOR_GP) {
			check_eq(chain(first, VECTOR_GP), X86_END);
			check_eq(handler(), VECTOR_DF);
			check_eq(slot(TEST_STACK0, 6, 4), 0);
		}
	}
	for (u32 i = 0; i < ARRAY_SIZE(benign); i++) {
		check_eq(chain(benign[i], VECTOR_GP), X86_END);
		check_eq(handler(), VECTOR_GP);
		check_eq(chain(benign[i], VECTOR_NP), X86_END);
		check_eq(handler(), VECTOR_NP);
	}
	check_eq(chain(VECTOR_PF, VECTOR_GP), X86_END);
	check_eq(handler(), VECTOR_DF);
	check_eq(m.cpu.cr2, 0x1234);
}

/* The IDT lies on two pages: a page fault happens for some vectors only. */
static void idt_split(u32 vector_missing)
{
	start(3);
	test_paging(&m);
	m.cpu.idtr.base = TEST_IDT + 0x1000 - 8 * vector_missing;
	for (u32 i = 0; i < vector_missing; i++)
		test_write(&m, m.cpu.idtr.base + 8 * i,
			   test_read(&m, TEST_IDT + 8 * i, 8), 8);
	m.cpu.seg[SEG_TR].base = TEST_LDT; /* TEST_TSS is on that page */
	test_write(&m, TEST_LDT + 4, TEST_STACK0, 4);
	test_write(&m, TEST_LDT + 8, TEST_DATA0, 2);
	test_map(&m, TEST_IDT + 0x1000, 0);
}

TEST(a_benign_fault_then_a_page_fault_are_taken_one_after_the_other)
{
	idt_split(VECTOR_PF + 1);
	(void)raise_fault(&m.cpu, 20);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(handler(), VECTOR_PF);
	check_eq(m.cpu.cr2, m.cpu.idtr.base + 8 * 20);
}

TEST(a_contributory_fault_then_a_page_fault_are_taken_one_after_the_other)
{
	check_eq(chain(VECTOR_GP, VECTOR_PF), X86_END);
	check_eq(handler(), VECTOR_PF);
	check_eq(m.cpu.cr2, TEST_LDT + 8);
	check_eq(chain(VECTOR_PF, VECTOR_PF), X86_END);
	check_eq(handler(), VECTOR_DF);
}

TEST(a_page_fault_while_a_page_fault_is_delivered_is_a_double_fault)
{
	idt_split(VECTOR_PF); /* #PF itself is on the missing page */
	(void)raise_page_fault(&m.cpu, 0x1234, 0);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(m.cpu.cr2, TEST_IDT + 0x1000);
	check_eq(handler(), VECTOR_DF);
}

TEST(a_fault_while_a_double_fault_is_delivered_shuts_down)
{
	start(0);
	gate(VECTOR_GP, 0, SEG_P | SYSTEM_INTERRUPT32);
	gate(VECTOR_DF, 0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(deliver_error(VECTOR_GP, 0), X86_SHUTDOWN);
	start(0);
	m.cpu.idtr.limit = 0;
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_SHUTDOWN);
}

TEST(int_8_is_no_double_fault)
{
	start(0);
	gate(VECTOR_DF, 0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(TEST_DELIVER(&m, 0xcd, 8), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 4, 4), 0);
	check_eq(slot(TEST_STACK0, 3, 4), TEST_CODE);
}

TEST(a_fault_during_delivery_leaves_no_half_pushed_state)
{
	start(3);
	test_paging(&m);
	test_map(&m, TEST_STACK0 - 4096, 0);
	(void)raise_fault(&m.cpu, VECTOR_UD);
	check_eq(exception_deliver(&m.cpu), X86_SHUTDOWN);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.gpr[RSP], TEST_STACK3);
	check_eq(RIP(&m.cpu), TEST_CODE);
}

/* --- virtual-8086 mode --- */

static void enter_v86(u64 iopl)
{
	static const u16 selector[] = {0x1000, TEST_CODE >> 4, 0x2000,
				       0x3000, 0x5000,	       0x6000};

	start(0);
	m.cpu.rflags |= RFLAGS_VM | iopl << 12;
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		segment_v86(selector[i], &m.cpu.seg[i]);
	m.cpu.gpr[RSP] = 0x800;
	RIP(&m.cpu) = 0;
	x86_mode_update(&m.cpu);
}

TEST(leaving_virtual_8086_mode_pushes_and_clears_the_data_segments)
{
	enter_v86(0);
	check_eq(TEST_DELIVER(&m, 0x0f, 0x0b), X86_END);
	check_eq(handler(), VECTOR_UD);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 36);
	check_eq(slot(TEST_STACK0, 1, 4), 0x6000);
	check_eq(slot(TEST_STACK0, 2, 4), 0x5000);
	check_eq(slot(TEST_STACK0, 3, 4), 0x3000);
	check_eq(slot(TEST_STACK0, 4, 4), 0x1000);
	check_eq(slot(TEST_STACK0, 5, 4), 0x2000);
	check_eq(slot(TEST_STACK0, 6, 4), 0x800);
	check_eq(slot(TEST_STACK0, 7, 4), RFLAGS_VM | RFLAGS_RF | 2);
	check_eq(slot(TEST_STACK0, 8, 4), TEST_CODE >> 4);
	check(m.cpu.seg[SEG_DS].attr & SEG_UNUSABLE);
	check(m.cpu.seg[SEG_GS].attr & SEG_UNUSABLE);
	check(!(m.cpu.rflags & RFLAGS_VM));
	/* and IRET goes back */
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.seg[SEG_DS].base, 0x30000);
	check_eq(m.cpu.gpr[RSP], 0x800);
	check(m.cpu.rflags & RFLAGS_VM);
}

TEST(int_n_in_virtual_8086_mode_needs_iopl_3_and_int3_does_not)
{
	enter_v86(0);
	gate(0x10, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT32 | SEG_DPL);
	check_error(&m, TEST_RUN(&m, 0xcd, 0x10), VECTOR_GP, 0);
	gate(VECTOR_BP, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT32 | SEG_DPL);
	check_eq(TEST_DELIVER(&m, 0xcc), X86_END);
	check_eq(handler(), VECTOR_BP);
	enter_v86(3);
	gate(0x10, TEST_CODE0, SEG_P | SYSTEM_INTERRUPT32 | SEG_DPL);
	check_eq(TEST_DELIVER(&m, 0xcd, 0x10), X86_END);
	check_eq(handler(), 0x10);
}

TEST(a_handler_for_virtual_8086_mode_must_run_at_cpl_0)
{
	enter_v86(3);
	gate(0x10, TEST_CONFORMING, SEG_P | SYSTEM_INTERRUPT32 | SEG_DPL);
	check_eq(TEST_DELIVER(&m, 0xcd, 0x10), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 10, 4), TEST_CONFORMING);
}

/* --- long mode --- */

TEST(long_mode_always_pushes_the_stack_on_a_16_byte_boundary)
{
	start_long(0);
	m.cpu.gpr[RSP] = TEST_STACK0 - 3;
	check_eq(deliver_error(VECTOR_GP, 0x77), X86_END);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 16 - 48);
	check_eq(slot(TEST_STACK0 - 16, 1, 8), TEST_DATA0);
	check_eq(slot(TEST_STACK0 - 16, 2, 8), TEST_STACK0 - 3);
	check_eq(slot(TEST_STACK0 - 16, 6, 8), 0x77);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_DATA0);
}

TEST(long_mode_from_the_user_takes_rsp0_and_a_null_ss)
{
	start_long(3);
	check_eq(deliver_error(VECTOR_GP, 0), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 48);
	check_eq(m.cpu.seg[SEG_SS].selector, 0);
	check_eq(slot(TEST_STACK0, 1, 8), TEST_DATA3);
	check_eq(slot(TEST_STACK0, 4, 8), TEST_CODE64_3);
}

TEST(an_ist_entry_switches_stacks_whatever_the_privilege)
{
	for (u32 cpl = 0; cpl < 4; cpl += 3) {
		start_long(cpl);
		test_idt_set(&m, VECTOR_DF, TEST_CODE64_0, TEST_HANDLER,
			     SEG_P | SYSTEM_INTERRUPT32, 1);
		check_eq(deliver_error(VECTOR_DF, 0), X86_END);
		check_eq(m.cpu.gpr[RSP], TEST_IST1 - 48);
		check_eq(slot(TEST_IST1, 1, 8), cpl ? TEST_DATA3 : TEST_DATA0);
		check_eq(m.cpu.seg[SEG_SS].selector, cpl ? 0 : TEST_DATA0);
	}
}

TEST(a_long_mode_gate_must_lead_to_64_bit_code_and_be_of_32_bit_type)
{
	start_long(0);
	test_idt_set(&m, 0x20, TEST_CODE0, 0, SEG_P | SYSTEM_INTERRUPT32, 0);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 6, 8), TEST_CODE0 | 1);
	start_long(0);
	test_idt_set(&m, 0x20, TEST_CODE64_0, 0, SEG_P | SYSTEM_INTERRUPT16, 0);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(slot(TEST_STACK0, 6, 8), 0x20 * 8 + 3);
}

TEST(a_non_canonical_stack_in_the_tss_raises_ss_with_ext)
{
	start_long(3);
	test_write(&m, TEST_TSS + 4, 0x0000900000000000, 8);
	test_idt_set(&m, VECTOR_SS, TEST_CODE64_0, TEST_HANDLER,
		     SEG_P | SYSTEM_INTERRUPT32, 1);
	check_eq(interrupt_deliver(&m.cpu, 0x10), X86_END);
	check_eq(slot(TEST_IST1, 6, 8), 1);
}

TEST(compatibility_mode_code_is_interrupted_into_64_bit_mode)
{
	test_machine_init(&m);
	test_compat(&m, 3);
	check_eq(deliver_error(VECTOR_GP, 0), X86_END);
	check_eq(m.cpu.code, CODE_64);
	check_eq(slot(TEST_STACK0, 4, 8), TEST_CODE3);
	check_eq(TEST_RUN(&m, 0x48, 0x83, 0xc4, 8), X86_OK); /* ADD RSP, 8 */
	check_eq(TEST_RUN(&m, 0x48, 0xcf), X86_END);
	check_eq(m.cpu.code, CODE_32);
	check_eq(m.cpu.cpl, 3);
}

/* --- NMI, page faults, debug --- */

TEST(an_nmi_blocks_the_next_until_iret)
{
	start(0);
	check_eq(nmi_deliver(&m.cpu), X86_END);
	check_eq(handler(), VECTOR_NMI);
	check(m.cpu.nmi_blocked);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check(!m.cpu.nmi_blocked);
}

TEST(cr2_is_written_when_a_page_fault_is_delivered)
{
	start(0);
	(void)raise_page_fault(&m.cpu, 0xabcd, PF_WRITE);
	check_eq(m.cpu.cr2, 0);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(m.cpu.cr2, 0xabcd);
	check_eq(slot(TEST_STACK0, 4, 4), PF_WRITE);
}

TEST(a_debug_exception_notes_its_cause_in_dr6_and_clears_gd)
{
	start(0);
	m.cpu.dr6 = DR6_FIXED | 0xf | DR6_BT;
	m.cpu.dr7 |= DR7_GD;
	(void)debug_raise(&m.cpu, DR6_BS | 2, true);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(m.cpu.dr6, DR6_FIXED | DR6_BT | DR6_BS | 2);
	check_eq(m.cpu.dr7, DR7_FIXED);
	check_eq(slot(TEST_STACK0, 1, 4) & RFLAGS_RF, 0);
}

TEST(a_debugger_that_steps_gets_the_debug_exceptions)
{
	start(0);
	m.cpu.debug_guest = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	(void)debug_raise(&m.cpu, DR6_BS, true);
	check_eq(exception_deliver(&m.cpu), X86_EXIT);
	check_eq(m.cpu.exit.kind, X86_EXIT_DEBUG);
	check_eq(m.cpu.exit.dr6, DR6_FIXED | DR6_BS);
	check_eq(m.cpu.dr6, DR6_FIXED);
	m.cpu.debug_guest = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	check_eq(TEST_RUN(&m, 0xcc), X86_EXIT);
	check_eq(m.cpu.exit.vector, VECTOR_BP);
	check_eq(RIP(&m.cpu), TEST_CODE);
	check_eq(TEST_DELIVER(&m, 0xcd, 3), X86_END);
}

TEST(a_stack_in_an_unanswered_device_drops_what_is_pushed)
{
	start(0);
	m.device = TEST_STACK0 - 4096;
	check_eq(deliver_error(VECTOR_GP, 0x1234), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(m.cpu.gpr[RSP], TEST_STACK0 - 16);
	check_eq(slot(TEST_STACK0, 4, 4), 0);
	check_eq(m.cpu.external.done, 0);
	check_eq(m.cpu.external.want.kind, EXTERNAL_NONE);
}

TEST(a_double_fault_that_cannot_be_delivered_is_final)
{
	start(0);
	gate(VECTOR_DF, 0, SEG_P | SYSTEM_INTERRUPT32);
	check_eq(deliver_error(VECTOR_DF, 0), X86_SHUTDOWN);
}

TEST(only_a_debug_exception_touches_dr6)
{
	start(0);
	m.cpu.dr7 |= DR7_GD;
	(void)raise_page_fault(&m.cpu, 0xf, 0);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(m.cpu.dr6, DR6_FIXED);
	check_eq(m.cpu.dr7, DR7_FIXED | DR7_GD);
}

TEST(a_handler_at_cpl_3_pushes_as_the_user)
{
	start(3);
	test_paging(&m);
	test_map(&m, TEST_STACK3 - 4096, (TEST_STACK3 - 4096) | 3);
	gate(VECTOR_UD, TEST_CONFORMING, SEG_P | SYSTEM_INTERRUPT32);
	(void)raise_fault(&m.cpu, VECTOR_UD);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(handler(), VECTOR_PF);
	check_eq(slot(TEST_STACK0, 6, 4), PF_PRESENT | PF_WRITE | PF_USER);
}

TEST(compatibility_mode_reaches_a_kernel_stack_in_the_upper_half)
{
	test_machine_init(&m);
	test_compat(&m, 3);
	test_write(&m, TEST_TSS + 4, 0xffff800000001000, 8);
	test_idt_set(&m, VECTOR_PF, TEST_CODE64_0, TEST_HANDLER,
		     SEG_P | SYSTEM_INTERRUPT32, 1);
	check_eq(interrupt_deliver(&m.cpu, 0x10), X86_END);
	check_eq(m.cpu.cr2, 0xffff800000000ff8);
}

TEST(rf_of_a_returned_frame_is_not_pushed_by_a_later_interrupt)
{
	start(0);
	m.cpu.rflags |= RFLAGS_RF;
	check_eq(interrupt_deliver(&m.cpu, 0x10), X86_END);
	check_eq(slot(TEST_STACK0, 1, 4), RFLAGS_FIXED);
}

TEST(a_failed_task_gate_leaves_the_flags)
{
	start(0);
	m.cpu.rflags |= RFLAGS_IF;
	test_idt_set(&m, VECTOR_UD, TEST_TR, 0, SEG_P | SYSTEM_TASK_GATE, 0);
	(void)raise_fault(&m.cpu, VECTOR_UD);
	check_eq(exception_deliver(&m.cpu), X86_END);
	check_eq(handler(), VECTOR_GP);
	check_eq(slot(TEST_STACK0, 1, 4), RFLAGS_IF | RFLAGS_RF | RFLAGS_FIXED);
}
