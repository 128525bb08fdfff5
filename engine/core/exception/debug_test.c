/* SPDX-License-Identifier: MIT */
#include "base/test.h"

#include <linux/kvm.h>

#include "engine/core/exception/exception.h"
#include "engine/core/exec/harness.h"

static struct test_machine m;

static const struct insn nop_insn;

static void start(void)
{
	test_machine_init(&m);
	test_protected(&m, 0);
}

/* Breakpoint n: enabled locally, of this kind and LEN code. */
static void arm(u32 n, u64 address, u32 kind, u32 len)
{
	m.cpu.dr[n] = address;
	m.cpu.dr7 |= BIT(2 * n) | (u64)(kind | len << 2) << (16 + 4 * n);
	x86_mode_update(&m.cpu);
}

TEST(an_instruction_breakpoint_matches_its_address_unless_rf)
{
	start();
	check(!m.cpu.single_step);
	arm(1, 0x1000, 0, 0);
	check(m.cpu.single_step);
	check_eq(debug_code_match(&m.cpu, 0x1000), 2);
	check_eq(debug_code_match(&m.cpu, 0x1001), 0);
	check_eq(debug_data_match(&m.cpu, 0x1000, 4, true), 0);
	m.cpu.rflags |= RFLAGS_RF;
	check_eq(debug_code_match(&m.cpu, 0x1000), 0);
}

TEST(a_disabled_breakpoint_never_matches)
{
	start();
	arm(0, 0x1000, 3, 0);
	m.cpu.dr7 &= ~3ull;
	check_eq(debug_data_match(&m.cpu, 0x1000, 1, true), 0);
}

TEST(data_breakpoints_match_any_overlap_and_are_aligned_to_their_length)
{
	start();
	arm(0, 0x1006, 3, 3); /* 4 bytes: 0x1004..0x1007 */
	check_eq(debug_data_match(&m.cpu, 0x1000, 4, false), 0);
	check_eq(debug_data_match(&m.cpu, 0x1001, 4, false), 1);
	check_eq(debug_data_match(&m.cpu, 0x1007, 1, false), 1);
	check_eq(debug_data_match(&m.cpu, 0x1008, 1, false), 0);
	arm(1, 0x2000, 3, 2); /* 8 bytes */
	check_eq(debug_data_match(&m.cpu, 0x2007, 1, true), 2);
}

TEST(a_write_breakpoint_ignores_reads)
{
	start();
	arm(2, 0x1000, 1, 0);
	check_eq(debug_data_match(&m.cpu, 0x1000, 1, false), 0);
	check_eq(debug_data_match(&m.cpu, 0x1000, 1, true), 4);
}

TEST(io_breakpoints_need_cr4_de)
{
	start();
	arm(3, 0x3f8, 2, 1);
	check_eq(debug_io_match(&m.cpu, 0x3f9, 1), 0);
	m.cpu.cr4 |= CR4_DE;
	check_eq(debug_io_match(&m.cpu, 0x3f9, 1), 8);
	check_eq(debug_io_match(&m.cpu, 0x3fa, 1), 0);
}

TEST(a_debuggers_breakpoints_replace_the_guests)
{
	start();
	arm(0, 0x1000, 0, 0);
	m.cpu.debug_guest = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	m.cpu.debug_dr[0] = 0x2000;
	m.cpu.debug_dr7 = 2;
	check_eq(debug_code_match(&m.cpu, 0x1000), 0);
	check_eq(debug_code_match(&m.cpu, 0x2000), 1);
}

TEST(a_watched_store_traps_after_the_instruction)
{
	struct debug_step step;

	start();
	arm(0, TEST_DATA, 1, 3);
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	check_eq(TEST_RUN(&m, 0xa3, 0, 0, 6, 0), X86_OK);
	check_plain(&m, debug_step_end(&m.cpu, &step, &nop_insn, X86_OK),
		    VECTOR_DB);
	check_eq(m.cpu.exception.payload, 1);
	check(m.cpu.exception.trap);
	check_eq(RIP(&m.cpu), TEST_CODE + 5);
}

TEST(tf_traps_after_the_instruction_that_found_it_set)
{
	struct debug_step step;

	start();
	m.cpu.rflags |= RFLAGS_TF;
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	m.cpu.rflags &= ~RFLAGS_TF; /* as POPF does */
	check_plain(&m, debug_step_end(&m.cpu, &step, &nop_insn, X86_OK),
		    VECTOR_DB);
	check_eq(m.cpu.exception.payload, DR6_BS);
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	m.cpu.rflags |= RFLAGS_TF;
	check_eq(debug_step_end(&m.cpu, &step, &nop_insn, X86_OK), X86_OK);
}

TEST(mov_ss_holds_a_trap_back_by_one_instruction)
{
	struct debug_step step;

	start();
	m.cpu.rflags |= RFLAGS_TF;
	m.cpu.gpr[RAX] = TEST_DATA0;
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	check_eq(debug_step_end(&m.cpu, &step, &nop_insn,
				TEST_RUN(&m, 0x8e, 0xd0)),
		 X86_END);
	check_eq(m.cpu.shadow, SHADOW_MOV_SS);
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	check_eq(m.cpu.shadow, 0);
	check_plain(&m, debug_step_end(&m.cpu, &step, &nop_insn, X86_OK),
		    VECTOR_DB);
}

TEST(an_instruction_to_be_run_again_keeps_shadow_and_loses_no_trap)
{
	struct debug_step step;

	start();
	m.cpu.shadow = SHADOW_STI;
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	m.cpu.pending_db = 1;
	check_eq(debug_step_end(&m.cpu, &step, &nop_insn, X86_NEED), X86_NEED);
	check_eq(m.cpu.shadow, SHADOW_STI);
	check_eq(m.cpu.pending_db, 0);
}

TEST(rf_is_dropped_by_the_first_finished_instruction)
{
	struct debug_step step;

	start();
	arm(0, TEST_CODE, 0, 0);
	check_plain(&m, debug_step_begin(&m.cpu, &step), VECTOR_DB);
	check(!m.cpu.exception.trap);
	m.cpu.rflags |= RFLAGS_RF;
	check_eq(debug_step_begin(&m.cpu, &step), X86_OK);
	check_eq(debug_step_end(&m.cpu, &step, &nop_insn, X86_OK), X86_OK);
	check_eq(m.cpu.rflags & RFLAGS_RF, 0);
}
