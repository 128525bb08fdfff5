/* SPDX-License-Identifier: MIT */
#include "base/test.h"
#include "engine/core/exception/exception.h"
#include "engine/core/exec/harness.h"
#include "engine/core/segment/segment.h"

#define TSS_B	 0x5000u
#define TSS_C	 0x6000u
#define SEL_B	 TEST_FREE
#define SEL_C	 (TEST_FREE + 8)
#define SEL_GATE (TEST_FREE + 16)
#define SEL_LDT	 (TEST_FREE + 24)

static struct test_machine m;

/* A 32-bit TSS whose task runs flat at CPL 0 on its own stack. */
static void tss32(u32 base, u32 eip)
{
	test_write(&m, base + 0x20, eip, 4);
	test_write(&m, base + 0x24, RFLAGS_CF | RFLAGS_FIXED, 4);
	for (u32 i = 0; i < 8; i++)
		test_write(&m, base + 0x28 + 4 * i, 0x1000 + i, 4);
	test_write(&m, base + 0x38, TEST_STACK1, 4);
	for (u32 i = 0; i < 6; i++)
		test_write(&m, base + 0x48 + 4 * i, TEST_DATA0, 2);
	test_write(&m, base + 0x4c, TEST_CODE0, 2);
	test_write(&m, base + 0x60, 0, 2);
}

static void start(void)
{
	test_machine_init(&m);
	test_protected(&m, 0);
	test_gdt_set(&m, SEL_B,
		     test_descriptor(TSS_B, 0x67, SEG_P | SYSTEM_TSS32), 0);
	test_gdt_set(&m, SEL_C,
		     test_descriptor(TSS_C, 0x67, SEG_P | SYSTEM_TSS32), 0);
	tss32(TSS_B, TEST_HANDLER);
	tss32(TSS_C, TEST_HANDLER + 0x100);
}

static u32 type_of(u16 selector)
{
	return (u32)(test_gdt_get(&m, selector) >> 40) & 15;
}

static int call_far(u16 selector)
{
	return TEST_RUN(&m, 0x9a, 0, 0, 0, 0, (u8)selector, (u8)(selector >> 8));
}

static int jmp_far(u16 selector)
{
	return TEST_RUN(&m, 0xea, 0, 0, 0, 0, (u8)selector, (u8)(selector >> 8));
}

TEST(a_jump_to_a_tss_saves_the_old_task_and_loads_the_new_one)
{
	start();
	m.cpu.gpr[RAX] = 0xaaaa;
	check_eq(jmp_far(SEL_B), X86_END);
	check_eq(test_read(&m, TEST_TSS + 0x20, 4), TEST_CODE + 7);
	check_eq(test_read(&m, TEST_TSS + 0x28, 4), 0xaaaa);
	check_eq(test_read(&m, TEST_TSS + 0x38, 4), TEST_STACK0);
	check_eq(test_read(&m, TEST_TSS + 0x4c, 4), TEST_CODE0);
	check_eq(RIP(&m.cpu), TEST_HANDLER);
	check_eq(m.cpu.gpr[RAX], 0x1000);
	check_eq(m.cpu.gpr[RSP], TEST_STACK1);
	check_eq(m.cpu.gpr[RDI], 0x1007);
	check_eq(m.cpu.seg[SEG_TR].selector, SEL_B);
	check_eq(m.cpu.seg[SEG_TR].base, TSS_B);
	check(m.cpu.cr0 & CR0_TS);
	check_eq(m.cpu.rflags, RFLAGS_CF | RFLAGS_FIXED);
}

TEST(a_jump_frees_the_old_task_and_does_not_nest)
{
	start();
	check_eq(jmp_far(SEL_B), X86_END);
	check_eq(type_of(TEST_TR), SYSTEM_TSS32);
	check_eq(type_of(SEL_B), SYSTEM_TSS32_BUSY);
	check_eq(test_read(&m, TSS_B, 2), 0);
}

TEST(calls_nest_through_link_and_nt_and_irets_unwind_them)
{
	start();
	check_eq(call_far(SEL_B), X86_END);
	check_eq(type_of(TEST_TR), SYSTEM_TSS32_BUSY);
	check_eq(test_read(&m, TSS_B, 2), TEST_TR);
	check(m.cpu.rflags & RFLAGS_NT);
	check_eq(call_far(SEL_C), X86_END);
	check_eq(test_read(&m, TSS_C, 2), SEL_B);
	check_eq(type_of(SEL_B), SYSTEM_TSS32_BUSY);
	/* every task in the chain is busy: no recursion */
	check_error(&m, call_far(SEL_B), VECTOR_GP, SEL_B);
	check_error(&m, call_far(TEST_TR), VECTOR_GP, TEST_TR);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.seg[SEG_TR].selector, SEL_B);
	check_eq(type_of(SEL_C), SYSTEM_TSS32);
	check_eq(test_read(&m, TSS_C + 0x24, 4) & RFLAGS_NT, 0);
	check(m.cpu.rflags & RFLAGS_NT);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(m.cpu.seg[SEG_TR].selector, TEST_TR);
	check_eq(RIP(&m.cpu), TEST_CODE + 7);
	check(!(m.cpu.rflags & RFLAGS_NT));
	check_eq(type_of(SEL_B), SYSTEM_TSS32);
}

TEST(iret_to_a_task_that_is_not_busy_raises_ts)
{
	start();
	m.cpu.rflags |= RFLAGS_NT;
	test_write(&m, TEST_TSS, SEL_B, 2);
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_TS, SEL_B);
	test_write(&m, TEST_TSS, SEL_B | 4, 2);
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_TS, SEL_B | 4);
	check_eq(RIP(&m.cpu), TEST_CODE);
}

TEST(an_absent_tss_raises_np_and_a_short_one_ts)
{
	start();
	test_gdt_set(&m, SEL_B, test_descriptor(TSS_B, 0x67, SYSTEM_TSS32), 0);
	check_error(&m, jmp_far(SEL_B), VECTOR_NP, SEL_B);
	test_gdt_set(&m, SEL_B,
		     test_descriptor(TSS_B, 0x66, SEG_P | SYSTEM_TSS32), 0);
	check_error(&m, jmp_far(SEL_B), VECTOR_TS, SEL_B);
	test_gdt_set(&m, SEL_B,
		     test_descriptor(TSS_B, 0x2a, SEG_P | SYSTEM_TSS16), 0);
	check_error(&m, jmp_far(SEL_B), VECTOR_TS, SEL_B);
	check_eq(type_of(TEST_TR), SYSTEM_TSS32_BUSY);
}

TEST(a_task_needs_privilege_of_its_descriptor_or_its_gate)
{
	start();
	check_error(&m, jmp_far(SEL_B | 1), VECTOR_GP, SEL_B);
	test_machine_init(&m);
	test_protected(&m, 3);
	tss32(TSS_B, TEST_HANDLER);
	test_gdt_set(&m, SEL_B,
		     test_descriptor(TSS_B, 0x67, SEG_P | SYSTEM_TSS32), 0);
	check_error(&m, jmp_far(SEL_B), VECTOR_GP, SEL_B);
	test_gdt_set(&m, SEL_GATE,
		     (u64)SEL_B << 16 |
			     (u64)(SEG_P | SEG_DPL | SYSTEM_TASK_GATE) << 40,
		     0);
	check_eq(jmp_far(SEL_GATE | 3), X86_END);
	check_eq(m.cpu.cpl, 0);
	check_eq(RIP(&m.cpu), TEST_HANDLER);
}

TEST(a_16_bit_tss_switches_sixteen_bits)
{
	start();
	test_gdt_set(&m, SEL_B,
		     test_descriptor(TSS_B, 0x2b, SEG_P | SYSTEM_TSS16), 0);
	test_write(&m, TSS_B + 0x0e, 0x1234, 2);
	test_write(&m, TSS_B + 0x10, RFLAGS_ZF | 2, 2);
	for (u32 i = 0; i < 8; i++)
		test_write(&m, TSS_B + 0x12 + 2 * i, 0x100 + i, 2);
	for (u32 i = 0; i < 4; i++)
		test_write(&m, TSS_B + 0x22 + 2 * i, TEST_DATA0, 2);
	test_write(&m, TSS_B + 0x24, TEST_CODE0, 2);
	test_write(&m, TSS_B + 0x2a, 0, 2);
	check_eq(call_far(SEL_B), X86_END);
	check_eq(RIP(&m.cpu), 0x1234);
	check_eq(m.cpu.gpr[RSP], 0x104);
	check_eq(m.cpu.rflags, RFLAGS_ZF | RFLAGS_NT | RFLAGS_FIXED);
	check(m.cpu.seg[SEG_FS].attr & SEG_UNUSABLE);
	check_eq(test_read(&m, TSS_B, 2), TEST_TR);
	check_eq(TEST_RUN(&m, 0xcf), X86_END);
	check_eq(RIP(&m.cpu), TEST_CODE + 7);
	check_eq(test_read(&m, TSS_B + 0x0e, 2), 0x1235);
}

/* Faults after the switch belong to the new task. */
static void check_after(u32 offset, u16 value, u32 vector, u32 error)
{
	start();
	test_gdt_set(&m, SEL_LDT,
		     test_descriptor(0, 0xff, TEST_ATTR_DATA & ~SEG_P), 0);
	test_write(&m, TSS_B + offset, value, 2);
	check_error(&m, jmp_far(SEL_B), vector, error);
	check(m.cpu.exception.trap);
	check_eq(RIP(&m.cpu), TEST_HANDLER);
	check_eq(m.cpu.seg[SEG_TR].selector, SEL_B);
	check_eq(type_of(SEL_B), SYSTEM_TSS32_BUSY);
}

TEST(segments_of_the_new_task_are_checked_with_ts_in_its_context)
{
	check_after(0x60, SEL_C | 4, VECTOR_TS, SEL_C | 4);
	check_after(0x60, TEST_DATA0, VECTOR_TS, TEST_DATA0);
	check_after(0x4c, 0, VECTOR_TS, 0);
	check_after(0x4c, TEST_DATA0, VECTOR_TS, TEST_DATA0);
	check_after(0x4c, TEST_CODE3 & ~3, VECTOR_TS, TEST_CODE3 & ~3);
	check_after(0x50, 0, VECTOR_TS, 0);
	check_after(0x50, TEST_DATA3, VECTOR_TS, TEST_DATA3 & ~3);
	check_after(0x50, SEL_LDT, VECTOR_SS, SEL_LDT);
	check_after(0x48, SEL_LDT, VECTOR_NP, SEL_LDT);
	check_after(0x54, TEST_TR, VECTOR_TS, TEST_TR);
}

TEST(a_null_data_selector_is_fine_in_a_new_task)
{
	start();
	test_write(&m, TSS_B + 0x58, 0, 2);
	check_eq(jmp_far(SEL_B), X86_END);
	check(m.cpu.seg[SEG_FS].attr & SEG_UNUSABLE);
}

TEST(a_task_may_start_in_virtual_8086_mode)
{
	start();
	test_write(&m, TSS_B + 0x20, 0x100, 4);
	test_write(&m, TSS_B + 0x24, RFLAGS_VM | RFLAGS_FIXED, 4);
	test_write(&m, TSS_B + 0x4c, 0x3000, 2);
	check_eq(jmp_far(SEL_B), X86_END);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.seg[SEG_CS].base, 0x30000);
	check_eq(m.cpu.seg[SEG_DS].base, TEST_DATA0 << 4);
}

TEST(the_new_tasks_page_directory_is_loaded)
{
	start();
	test_paging(&m);
	test_write(&m, TSS_B + 0x1c, TEST_TABLES, 4);
	check_eq(jmp_far(SEL_B), X86_END);
	check_eq(m.cpu.cr3, TEST_TABLES);
}

TEST(the_t_bit_gives_a_debug_trap_before_the_first_instruction)
{
	struct debug_step step;

	start();
	m.cpu.dr7 |= DR7_LOCAL | 2;
	test_write(&m, TSS_B + 0x64, 1, 2);
	check_eq(jmp_far(SEL_B), X86_END);
	check_eq(m.cpu.dr7, DR7_FIXED | 2);
	check(m.cpu.single_step);
	check_plain(&m, debug_step_begin(&m.cpu, &step), VECTOR_DB);
	check_eq(m.cpu.exception.payload, DR6_BT);
	check(m.cpu.exception.trap);
	check_eq(m.cpu.pending_db, 0);
}

TEST(an_interrupt_through_a_task_gate_nests_and_pushes_its_error_code)
{
	start();
	test_idt_set(&m, VECTOR_GP, SEL_B, 0, SEG_P | SYSTEM_TASK_GATE, 0);
	check_eq(TEST_DELIVER(&m, 0xea, 0, 0, 0, 0, (u8)TEST_DATA0, 0), X86_END);
	check_eq(m.cpu.seg[SEG_TR].selector, SEL_B);
	check(m.cpu.rflags & RFLAGS_NT);
	check_eq(test_read(&m, TSS_B, 2), TEST_TR);
	check_eq(m.cpu.gpr[RSP], TEST_STACK1 - 4);
	check_eq(test_read(&m, TEST_STACK1 - 4, 4), TEST_DATA0);
	check_eq(test_read(&m, TEST_TSS + 0x20, 4), TEST_CODE);
	check(test_read(&m, TEST_TSS + 0x24, 4) & RFLAGS_RF);
}

TEST(a_busy_task_in_a_task_gate_raises_gp_with_ext)
{
	start();
	test_idt_set(&m, 0x20, TEST_TR, 0, SEG_P | SYSTEM_TASK_GATE, 0);
	check_eq(interrupt_deliver(&m.cpu, 0x20), X86_END);
	check_eq(RIP(&m.cpu), TEST_HANDLER + 16 * VECTOR_GP);
	check_eq(test_read(&m, TEST_STACK0 - 16, 4), TEST_TR | 1);
}

TEST(a_fault_in_the_old_task_leaves_everything_as_it_was)
{
	start();
	test_paging(&m);
	test_map(&m, TSS_B, 0);
	check_error(&m, jmp_far(SEL_B), VECTOR_PF, 0);
	check_eq(m.cpu.seg[SEG_TR].selector, TEST_TR);
	check_eq(type_of(SEL_B), SYSTEM_TSS32);
	test_map(&m, TSS_B, TSS_B | 7);
	test_map(&m, TEST_GDT, TEST_GDT | 5);
	check_error(&m, jmp_far(SEL_B), VECTOR_PF, PF_PRESENT | PF_WRITE);
	check_eq(m.cpu.seg[SEG_TR].selector, TEST_TR);
	check_eq(RIP(&m.cpu), TEST_CODE);
}

TEST(a_tss_stands_in_the_gdt_and_not_in_entry_0)
{
	u64 tss = test_descriptor(TSS_B, 0x67, SEG_P | SYSTEM_TSS32);

	start();
	m.cpu.seg[SEG_LDTR] = (struct x86_segment){
		.base = TEST_GDT, .limit = 0xfff, .attr = SEG_P | SYSTEM_LDT};
	check_error(&m, jmp_far(SEL_B | 4), VECTOR_GP, SEL_B | 4);
	start();
	test_gdt_set(&m, 0, tss | (u64)SYSTEM_TSS_BUSY << 40, 0);
	m.cpu.rflags |= RFLAGS_NT;
	check_error(&m, TEST_RUN(&m, 0xcf), VECTOR_TS, 0);
}
