/* SPDX-License-Identifier: MIT */
#include "base/test.h"
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

/* MOV CRn, RAX */
static int mov_cr(u32 n, u64 value)
{
	m.cpu.gpr[RAX] = value;
	return TEST_RUN(&m, 0x0f, 0x22, (u8)(0xc0 | n << 3));
}

/* --- control registers --- */

TEST(cr0_refuses_paging_without_protection_and_nw_without_cd)
{
	start(0);
	check_error(&m, mov_cr(0, CR0_PG), VECTOR_GP, 0);
	check_error(&m, mov_cr(0, CR0_PE | CR0_NW), VECTOR_GP, 0);
	check_eq(mov_cr(0, CR0_PE | CR0_NW | CR0_CD), X86_END);
	check_eq(m.cpu.cr0, CR0_PE | CR0_NW | CR0_CD | CR0_ET);
}

TEST(cr0_upper_half_and_reserved_bits)
{
	start_long(0);
	check_error(&m, mov_cr(0, m.cpu.cr0 | BIT(32)), VECTOR_GP, 0);
	check_eq(mov_cr(0, m.cpu.cr0 | BIT(10)), X86_END);
	check_eq(m.cpu.cr0 & BIT(10), 0);
}

TEST(protected_mode_is_entered_and_left_by_pe_and_cpl_stays_0)
{
	test_machine_init(&m);
	m.cpu.seg[SEG_CS].selector |= 3;
	check_eq(mov_cr(0, CR0_PE), X86_END);
	check_eq(m.cpu.cpl, 0);
	check(protected_mode(&m.cpu));
	check_eq(mov_cr(0, 0), X86_END);
	check(!protected_mode(&m.cpu));
	check_eq(m.cpu.code, CODE_16);
}

TEST(long_mode_becomes_active_when_paging_is_enabled_with_lme)
{
	start(0);
	m.cpu.efer |= EFER_LME;
	check_error(&m, mov_cr(0, CR0_PE | CR0_PG), VECTOR_GP, 0);
	m.cpu.cr4 |= CR4_PAE;
	m.cpu.seg[SEG_CS].attr |= SEG_L;
	check_error(&m, mov_cr(0, CR0_PE | CR0_PG), VECTOR_GP, 0);
	m.cpu.seg[SEG_CS].attr &= ~SEG_L;
	m.cpu.seg[SEG_TR].attr = SEG_P | SYSTEM_TSS16_BUSY;
	check_error(&m, mov_cr(0, CR0_PE | CR0_PG), VECTOR_GP, 0);
	m.cpu.seg[SEG_TR].attr = SEG_P | SYSTEM_TSS32_BUSY;
	check_eq(mov_cr(0, CR0_PE | CR0_PG), X86_END);
	check(m.cpu.long_mode);
	check_eq(m.cpu.code, CODE_32);
}

TEST(long_mode_is_left_from_compatibility_mode_only)
{
	start_long(0);
	check_error(&m, mov_cr(0, m.cpu.cr0 & ~CR0_PG), VECTOR_GP, 0);
	test_machine_init(&m);
	test_compat(&m, 0);
	check_eq(mov_cr(0, m.cpu.cr0 & ~CR0_PG), X86_END);
	check(!m.cpu.long_mode);
	check(m.cpu.efer & EFER_LME);
	check(!(m.cpu.efer & EFER_LMA));
}

TEST(pae_paging_reads_its_four_top_entries)
{
	start(0);
	m.cpu.cr4 |= CR4_PAE;
	m.cpu.cr3 = TEST_TABLES;
	test_write(&m, TEST_TABLES, 0x3001, 8);
	check_eq(mov_cr(0, CR0_PE | CR0_PG), X86_END);
	check_eq(m.cpu.pdpte[0], 0x3001);
	start(0);
	m.cpu.cr4 |= CR4_PAE;
	m.cpu.cr3 = TEST_TABLES;
	test_write(&m, TEST_TABLES, 0x3003, 8); /* bit 1 is reserved */
	check_error(&m, mov_cr(0, CR0_PE | CR0_PG), VECTOR_GP, 0);
	check(!(m.cpu.cr0 & CR0_PG));
}

TEST(cr3_refuses_address_bits_that_do_not_exist)
{
	start_long(0);
	check_error(&m, mov_cr(3, BIT(40) | TEST_TABLES), VECTOR_GP, 0);
	check_error(&m, mov_cr(3, BIT(63) | TEST_TABLES), VECTOR_GP, 0);
	check_eq(mov_cr(3, TEST_TABLES | 0x18), X86_END);
	check_eq(m.cpu.cr3, TEST_TABLES | 0x18);
	m.cpu.cr4 |= CR4_PCIDE;
	check_eq(mov_cr(3, BIT(63) | TEST_TABLES | 5), X86_END);
	check_eq(m.cpu.cr3, TEST_TABLES | 5);
}

TEST(cr3_flushes_what_the_tlb_knew)
{
	start_long(0);
	check_eq(TEST_RUN(&m, 0x8a, 0x04, 0x25, 0, 0, 6, 0), X86_OK);
	test_write(&m, TEST_TABLES + 3 * 4096 + 8 * (TEST_DATA >> 12), 0, 8);
	check_eq(TEST_RUN(&m, 0x8a, 0x04, 0x25, 0, 0, 6, 0), X86_OK);
	check_eq(mov_cr(3, TEST_TABLES), X86_END);
	check_error(&m, TEST_RUN(&m, 0x8a, 0x04, 0x25, 0, 0, 6, 0), VECTOR_PF,
		    0);
}

TEST(invlpg_forgets_one_page)
{
	start_long(0);
	check_eq(TEST_RUN(&m, 0x8a, 0x04, 0x25, 0, 0, 6, 0), X86_OK);
	test_write(&m, TEST_TABLES + 3 * 4096 + 8 * (TEST_DATA >> 12), 0, 8);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0x3c, 0x25, 0, 0, 6, 0), X86_END);
	check_error(&m, TEST_RUN(&m, 0x8a, 0x04, 0x25, 0, 0, 6, 0), VECTOR_PF,
		    0);
}

TEST(cr4_refuses_what_is_not_offered_and_what_long_mode_needs)
{
	start_long(0);
	check_error(&m, mov_cr(4, m.cpu.cr4 | BIT(31)), VECTOR_GP, 0);
	check_error(&m, mov_cr(4, m.cpu.cr4 | CR4_VME), VECTOR_GP, 0);
	check_error(&m, mov_cr(4, m.cpu.cr4 & ~CR4_PAE), VECTOR_GP, 0);
	check_error(&m, mov_cr(4, m.cpu.cr4 | CR4_LA57), VECTOR_GP, 0);
	check_eq(mov_cr(4, m.cpu.cr4 | CR4_PGE | CR4_OSFXSR), X86_END);
}

TEST(pcide_needs_long_mode_and_pcid_0_and_holds_paging)
{
	start(0);
	check_error(&m, mov_cr(4, CR4_PCIDE), VECTOR_GP, 0);
	start_long(0);
	m.cpu.cr3 |= 8;
	check_error(&m, mov_cr(4, m.cpu.cr4 | CR4_PCIDE), VECTOR_GP, 0);
	m.cpu.cr3 &= ~0xfffull;
	check_eq(mov_cr(4, m.cpu.cr4 | CR4_PCIDE), X86_END);
	test_machine_init(&m);
	test_compat(&m, 0);
	m.cpu.cr4 |= CR4_PCIDE;
	check_error(&m, mov_cr(0, m.cpu.cr0 & ~CR0_PG), VECTOR_GP, 0);
}

TEST(cr8_is_the_task_priority)
{
	start_long(0);
	m.cpu.gpr[RAX] = 16;
	check_error(&m, TEST_RUN(&m, 0x44, 0x0f, 0x22, 0xc0), VECTOR_GP, 0);
	m.cpu.gpr[RAX] = 9;
	check_eq(TEST_RUN(&m, 0x44, 0x0f, 0x22, 0xc0), X86_END);
	check_eq(m.cr8, 9);
	m.cpu.gpr[RCX] = 0;
	check_eq(TEST_RUN(&m, 0x44, 0x0f, 0x20, 0xc1), X86_OK);
	check_eq(m.cpu.gpr[RCX], 9);
}

TEST(other_control_registers_do_not_exist)
{
	start(0);
	check_plain(&m, mov_cr(1, 0), VECTOR_UD);
	check_plain(&m, mov_cr(7, 0), VECTOR_UD);
	start(3);
	check_error(&m, mov_cr(0, 0), VECTOR_GP, 0);
}

TEST(lmsw_sets_pe_but_cannot_clear_it)
{
	test_machine_init(&m);
	m.cpu.gpr[RAX] = 0xfff3;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xf0), X86_END);
	check_eq(m.cpu.cr0, CR0_PE | CR0_MP | CR0_ET);
	m.cpu.gpr[RAX] = 0;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xf0), X86_END);
	check_eq(m.cpu.cr0, CR0_PE | CR0_ET);
}

TEST(smsw_stores_as_wide_as_its_register)
{
	start_long(0);
	m.cpu.gpr[RAX] = ~0ull;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xe0), X86_OK);
	check_eq(m.cpu.gpr[RAX], m.cpu.cr0);
	m.cpu.gpr[RAX] = ~0ull;
	check_eq(TEST_RUN(&m, 0x66, 0x0f, 0x01, 0xe0), X86_OK);
	check_eq(m.cpu.gpr[RAX], 0xffffffffffff0000 | (u16)m.cpu.cr0);
}

TEST(xsetbv_wants_osxsave_x87_and_sse_for_avx)
{
	start(0);
	m.cpu.gpr[RDX] = 0;
	m.cpu.gpr[RAX] = 7;
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd1), VECTOR_UD);
	m.cpu.cr4 |= CR4_OSXSAVE;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xd1), X86_END);
	check_eq(m.cpu.xcr0, 7);
	m.cpu.gpr[RAX] = 5;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd1), VECTOR_GP, 0);
	m.cpu.gpr[RAX] = 6;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd1), VECTOR_GP, 0);
	m.cpu.gpr[RAX] = 15;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd1), VECTOR_GP, 0);
	m.cpu.gpr[RAX] = 3;
	m.cpu.gpr[RCX] = 1;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd1), VECTOR_GP, 0);
	m.cpu.gpr[RCX] = 0;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xd0), X86_OK);
	check_eq(m.cpu.gpr[RAX], 7);
}

/* --- debug registers --- */

TEST(dr4_and_dr5_are_aliases_until_cr4_de)
{
	start(0);
	check_eq(TEST_RUN(&m, 0x0f, 0x21, 0xe0), X86_OK);
	check_eq(m.cpu.gpr[RAX], DR6_FIXED);
	check_eq(TEST_RUN(&m, 0x0f, 0x21, 0xe8), X86_OK);
	check_eq(m.cpu.gpr[RAX], DR7_FIXED);
	m.cpu.cr4 |= CR4_DE;
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x21, 0xe0), VECTOR_UD);
}

TEST(gd_turns_every_debug_register_access_into_a_fault)
{
	start(0);
	m.cpu.dr7 |= DR7_GD;
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x21, 0xc0), VECTOR_DB);
	check_eq(m.cpu.exception.payload, DR6_BD);
	check_eq(RIP(&m.cpu), TEST_CODE);
}

/* Else the first breakpoint after it would be missed. */
TEST(a_debug_register_write_drops_the_rf_of_an_earlier_iret)
{
	start_long(0);
	m.cpu.rflags |= RFLAGS_RF;
	m.cpu.gpr[RAX] = DR7_FIXED;
	check_eq(TEST_RUN(&m, 0x0f, 0x23, 0xf8), X86_END);
	check_eq(m.cpu.rflags & RFLAGS_RF, 0);
}

TEST(dr6_and_dr7_keep_their_fixed_bits_and_refuse_an_upper_half)
{
	start_long(0);
	m.cpu.gpr[RAX] = 0xffffffff;
	check_eq(TEST_RUN(&m, 0x0f, 0x23, 0xf0), X86_END);
	check_eq(m.cpu.dr6, 0xffffeffful);
	m.cpu.gpr[RAX] = 0xffffd7ff & ~DR7_GD;
	check_eq(TEST_RUN(&m, 0x0f, 0x23, 0xf8), X86_END);
	check_eq(m.cpu.dr7, 0xffff07ff);
	m.cpu.gpr[RAX] = BIT(32);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x23, 0xf8), VECTOR_GP, 0);
}

/* --- flags --- */

TEST(popf_follows_cpl_and_iopl)
{
	u64 all = RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM | RFLAGS_AC |
		  RFLAGS_ID | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_RF | RFLAGS_CF;

	for (u32 cpl = 0; cpl < 4; cpl += 3)
		for (u64 iopl = 0; iopl < 4; iopl++) {
			u64 expected = RFLAGS_NT | RFLAGS_AC | RFLAGS_ID |
				       RFLAGS_CF | RFLAGS_FIXED;

			start(cpl);
			m.cpu.rflags |= iopl << 12;
			m.cpu.gpr[RSP] -= 4;
			test_write(&m, m.cpu.gpr[RSP], all, 4);
			check_eq(TEST_RUN(&m, 0x9d), X86_END);
			expected |= cpl <= iopl ? RFLAGS_IF : 0;
			expected |= cpl ? iopl << 12 : RFLAGS_IOPL;
			check_eq(m.cpu.rflags, expected);
		}
}

TEST(a_16_bit_popf_keeps_ac_and_id)
{
	start(0);
	m.cpu.rflags |= RFLAGS_AC | RFLAGS_ID;
	m.cpu.gpr[RSP] -= 2;
	test_write(&m, m.cpu.gpr[RSP], 0, 2);
	check_eq(TEST_RUN(&m, 0x66, 0x9d), X86_END);
	check_eq(m.cpu.rflags, RFLAGS_AC | RFLAGS_ID | RFLAGS_FIXED);
}

TEST(pushf_hides_vm_and_rf)
{
	start(0);
	m.cpu.rflags |= RFLAGS_RF | RFLAGS_AC;
	check_eq(TEST_RUN(&m, 0x9c), X86_OK);
	check_eq(test_read(&m, TEST_STACK0 - 4, 4), RFLAGS_AC | RFLAGS_FIXED);
}

TEST(flag_instructions_in_virtual_8086_mode_need_iopl_3)
{
	static const u8 opcode[] = {0x9c, 0x9d, 0xfa, 0xfb};

	for (u32 i = 0; i < ARRAY_SIZE(opcode); i++)
		for (u64 iopl = 0; iopl < 4; iopl++) {
			int rc;

			start(0);
			m.cpu.rflags |= RFLAGS_VM | iopl << 12;
			for (u32 s = SEG_ES; s <= SEG_GS; s++)
				segment_v86(TEST_CODE >> 4, &m.cpu.seg[s]);
			RIP(&m.cpu) = 0;
			m.cpu.gpr[RSP] = 0x100;
			x86_mode_update(&m.cpu);
			rc = TEST_RUN(&m, opcode[i]);
			if (iopl == 3)
				check(rc == X86_OK || rc == X86_END);
			else
				check_error(&m, rc, VECTOR_GP, 0);
		}
}

TEST(cli_and_sti_need_cpl_at_most_iopl)
{
	for (u32 cpl = 0; cpl < 4; cpl += 3)
		for (u64 iopl = 0; iopl < 4; iopl++) {
			start(cpl);
			m.cpu.rflags |= iopl << 12;
			if (cpl <= iopl) {
				check_eq(TEST_RUN(&m, 0xfb), X86_END);
				check_eq(m.cpu.shadow, SHADOW_STI);
			} else {
				check_error(&m, TEST_RUN(&m, 0xfb), VECTOR_GP,
					    0);
				check_error(&m, TEST_RUN(&m, 0xfa), VECTOR_GP,
					    0);
			}
		}
}

TEST(sti_with_if_already_set_casts_no_shadow)
{
	start(0);
	m.cpu.rflags |= RFLAGS_IF;
	check_eq(TEST_RUN(&m, 0xfb), X86_OK);
	check_eq(m.cpu.shadow, 0);
}

TEST(stac_and_clac_choose_what_the_supervisor_may_touch)
{
	start_long(0);
	check_eq(mov_cr(4, m.cpu.cr4 | CR4_SMAP), X86_END);
	check(m.cpu.tlb == m.cpu.tlbs[TLB_SUPERVISOR]);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xcb), X86_OK);
	check(m.cpu.tlb == m.cpu.tlbs[TLB_SUPERVISOR_AC]);
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xca), X86_OK);
	check(m.cpu.tlb == m.cpu.tlbs[TLB_SUPERVISOR]);
	start_long(3);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x01, 0xcb), VECTOR_UD);
}

/* --- fast system calls --- */

static void syscall_setup(bool amd)
{
	m.cpu.vendor_amd = amd;
	m.cpu.efer |= EFER_SCE;
	m.cpu.msr.star = (u64)(TEST_CODE3 - 16) << 48 | (u64)TEST_CODE0 << 32 |
			 0x7000;
	m.cpu.msr.lstar = 0xffffffff81000000;
	m.cpu.msr.cstar = 0xffffffff82000000;
	m.cpu.msr.sfmask = RFLAGS_IF | RFLAGS_TF | RFLAGS_DF;
	m.cpu.msr.sysenter_cs = TEST_CODE0;
	m.cpu.msr.sysenter_esp = 0xffff800000001000;
	m.cpu.msr.sysenter_eip = 0xffff800000002000;
}

TEST(syscall_goes_to_lstar_and_saves_rip_and_rflags)
{
	start_long(3);
	syscall_setup(false);
	m.cpu.rflags |= RFLAGS_IF | RFLAGS_DF | RFLAGS_CF | RFLAGS_RF;
	check_eq(TEST_RUN(&m, 0x0f, 0x05), X86_END);
	check_eq(RIP(&m.cpu), 0xffffffff81000000);
	check_eq(m.cpu.gpr[RCX], TEST_CODE + 2);
	check_eq(m.cpu.gpr[R11],
		 RFLAGS_IF | RFLAGS_DF | RFLAGS_CF | RFLAGS_FIXED);
	check_eq(m.cpu.rflags, RFLAGS_CF | RFLAGS_FIXED);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.code, CODE_64);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE0);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_CODE0 + 8);
	check_eq(m.cpu.gpr[RSP], TEST_STACK3);
}

TEST(syscall_needs_sce)
{
	start_long(3);
	syscall_setup(false);
	m.cpu.efer &= ~EFER_SCE;
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x05), VECTOR_UD);
}

TEST(syscall_outside_64_bit_mode_is_amds_alone)
{
	test_machine_init(&m);
	test_compat(&m, 3);
	syscall_setup(false);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x05), VECTOR_UD);
	syscall_setup(true);
	check_eq(TEST_RUN(&m, 0x0f, 0x05), X86_END);
	check_eq(RIP(&m.cpu), 0xffffffff82000000);
	check_eq(m.cpu.code, CODE_64);
	start(3);
	syscall_setup(true);
	m.cpu.rflags |= RFLAGS_IF;
	check_eq(TEST_RUN(&m, 0x0f, 0x05), X86_END);
	check_eq(RIP(&m.cpu), 0x7000);
	check_eq(m.cpu.gpr[RCX], TEST_CODE + 2);
	check_eq(m.cpu.rflags, RFLAGS_FIXED);
	check_eq(m.cpu.code, CODE_32);
}

TEST(sysret_returns_to_64_bit_or_compatibility_mode)
{
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RCX] = 0x123456789;
	m.cpu.gpr[R11] = RFLAGS_IF | RFLAGS_VM | RFLAGS_RF | RFLAGS_AC | BIT(3);
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0x07), X86_END);
	check_eq(RIP(&m.cpu), 0x123456789);
	check_eq(m.cpu.rflags, RFLAGS_IF | RFLAGS_AC | RFLAGS_FIXED);
	check_eq(m.cpu.cpl, 3);
	check_eq(m.cpu.code, CODE_64);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE3);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_CODE3 - 8);
	check_eq(m.cpu.seg[SEG_SS].limit, 0xffffffff);
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RCX] = 0x123456789;
	check_eq(TEST_RUN(&m, 0x0f, 0x07), X86_END);
	check_eq(RIP(&m.cpu), 0x23456789);
	check_eq(m.cpu.code, CODE_32);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE3 - 16);
}

TEST(sysret_that_restores_tf_traps_before_the_next_instruction)
{
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RCX] = 0x123456789;
	m.cpu.gpr[R11] = RFLAGS_TF;
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0x07), X86_END);
	check_eq(m.cpu.pending_db, DR6_BS);
	check(m.cpu.single_step);
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RCX] = 0x123456789;
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0x07), X86_END);
	check_eq(m.cpu.pending_db, 0);
}

TEST(sysret_to_a_non_canonical_address_faults_at_cpl_0_on_intel_only)
{
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RCX] = BIT(47);
	check_error(&m, TEST_RUN(&m, 0x48, 0x0f, 0x07), VECTOR_GP, 0);
	check_eq(m.cpu.cpl, 0);
	syscall_setup(true);
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0x07), X86_END);
	check_eq(m.cpu.cpl, 3);
}

TEST(sysret_on_amd_keeps_the_attributes_of_ss)
{
	start_long(0);
	syscall_setup(true);
	segment_null(0, 0, &m.cpu.seg[SEG_SS]);
	x86_mode_update(&m.cpu);
	m.cpu.gpr[RCX] = 0x1000;
	check_eq(TEST_RUN(&m, 0x0f, 0x07), X86_END);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_CODE3 - 8);
	check(m.cpu.seg[SEG_SS].attr & SEG_UNUSABLE);
	check_eq(m.cpu.cpl, 3);
}

TEST(sysret_is_for_cpl_0)
{
	start_long(3);
	syscall_setup(false);
	check_error(&m, TEST_RUN(&m, 0x48, 0x0f, 0x07), VECTOR_GP, 0);
}

TEST(sysenter_in_long_mode_is_intels_alone)
{
	start_long(3);
	syscall_setup(true);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x34), VECTOR_UD);
	syscall_setup(false);
	m.cpu.rflags |= RFLAGS_IF;
	check_eq(TEST_RUN(&m, 0x0f, 0x34), X86_END);
	check_eq(RIP(&m.cpu), 0xffff800000002000);
	check_eq(m.cpu.gpr[RSP], 0xffff800000001000);
	check_eq(m.cpu.rflags, RFLAGS_FIXED);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.code, CODE_64);
}

TEST(sysenter_needs_protected_mode_and_a_code_segment)
{
	test_machine_init(&m);
	syscall_setup(false);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x34), VECTOR_GP, 0);
	start(3);
	syscall_setup(false);
	m.cpu.msr.sysenter_cs = 3;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x34), VECTOR_GP, 0);
	m.cpu.msr.sysenter_cs = TEST_CODE0 | 3;
	check_eq(TEST_RUN(&m, 0x0f, 0x34), X86_END);
	check_eq(RIP(&m.cpu), 0x2000);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE0);
	check_eq(m.cpu.code, CODE_32);
}

TEST(sysexit_goes_to_edx_with_the_stack_of_ecx)
{
	start(0);
	syscall_setup(true);
	m.cpu.gpr[RDX] = 0x1234;
	m.cpu.gpr[RCX] = 0x5678;
	check_eq(TEST_RUN(&m, 0x0f, 0x35), X86_END);
	check_eq(RIP(&m.cpu), 0x1234);
	check_eq(m.cpu.gpr[RSP], 0x5678);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE0 + 16 + 3);
	check_eq(m.cpu.seg[SEG_SS].selector, TEST_CODE0 + 24 + 3);
	check_eq(m.cpu.cpl, 3);
	start_long(0);
	syscall_setup(false);
	m.cpu.gpr[RDX] = BIT(47);
	check_error(&m, TEST_RUN(&m, 0x48, 0x0f, 0x35), VECTOR_GP, 0);
	m.cpu.gpr[RDX] = 0x123456789;
	check_eq(TEST_RUN(&m, 0x48, 0x0f, 0x35), X86_END);
	check_eq(RIP(&m.cpu), 0x123456789);
	check_eq(m.cpu.seg[SEG_CS].selector, TEST_CODE0 + 32 + 3);
	check_eq(m.cpu.code, CODE_64);
}

/* --- the rest --- */

TEST(rdtsc_is_the_supervisors_under_tsd)
{
	start(3);
	m.tsc = 0x1122334455667788;
	check_eq(TEST_RUN(&m, 0x0f, 0x31), X86_OK);
	check_eq(m.cpu.gpr[RAX], 0x55667788);
	check_eq(m.cpu.gpr[RDX], 0x11223344);
	m.cpu.cr4 |= CR4_TSD;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x31), VECTOR_GP, 0);
}

TEST(an_msr_access_that_the_client_answers_is_finished_at_the_second_run)
{
	start(0);
	m.cpu.exit = (struct x86_exit){
		.kind = X86_EXIT_RDMSR, .complete = true, .data = 0x100000002};
	check_eq(TEST_RUN(&m, 0x0f, 0x32), X86_OK);
	check_eq(m.cpu.gpr[RAX], 2);
	check_eq(m.cpu.gpr[RDX], 1);
	check_eq(m.cpu.exit.kind, X86_EXIT_NONE);
	m.cpu.exit = (struct x86_exit){
		.kind = X86_EXIT_WRMSR, .complete = true, .fault = true};
	check_error(&m, TEST_RUN(&m, 0x0f, 0x30), VECTOR_GP, 0);
}

TEST(a_hypercall_that_nobody_knows_is_undefined)
{
	start(0);
	m.hypercall_result = X86_FAULT;
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x01, 0xc1), VECTOR_UD);
	m.hypercall_result = X86_OK;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xd9), X86_END);
	check_eq(m.hypercalls, 2);
}

TEST(invpcid_checks_its_type_and_descriptor)
{
	start_long(0);
	m.cpu.gpr[RBX] = TEST_DATA;
	m.cpu.gpr[RAX] = 4;
	check_error(&m, TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), VECTOR_GP,
		    0);
	m.cpu.gpr[RAX] = 0;
	check_eq(TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), X86_END);
	test_write(&m, TEST_DATA, 5, 8); /* a PCID without CR4.PCIDE */
	check_error(&m, TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), VECTOR_GP,
		    0);
	m.cpu.gpr[RAX] = 2;
	check_eq(TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), X86_END);
	test_write(&m, TEST_DATA, 0x1000, 8);
	check_error(&m, TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), VECTOR_GP,
		    0);
	m.cpu.gpr[RAX] = 0;
	test_write(&m, TEST_DATA, 0, 8);
	test_write(&m, TEST_DATA + 8, BIT(47), 8);
	check_error(&m, TEST_RUN(&m, 0x66, 0x0f, 0x38, 0x82, 0x03), VECTOR_GP,
		    0);
}

TEST(bound_raises_br_outside_both_signed_bounds)
{
	start(0);
	test_write(&m, TEST_DATA, 0x5fffffffe, 8); /* -2 .. 5 */
	m.cpu.gpr[RCX] = 0xfffffffe;
	check_eq(TEST_RUN(&m, 0x62, 0x0d, 0, 0, 6, 0), X86_OK);
	m.cpu.gpr[RCX] = 5;
	check_eq(TEST_RUN(&m, 0x62, 0x0d, 0, 0, 6, 0), X86_OK);
	m.cpu.gpr[RCX] = 6;
	check_plain(&m, TEST_RUN(&m, 0x62, 0x0d, 0, 0, 6, 0), VECTOR_BR);
	m.cpu.gpr[RCX] = 0xfffffffd;
	check_plain(&m, TEST_RUN(&m, 0x62, 0x0d, 0, 0, 6, 0), VECTOR_BR);
}

TEST(hlt_rsm_and_ud_do_what_they_say)
{
	start(0);
	check_eq(TEST_RUN(&m, 0xf4), X86_HALT);
	check_eq(RIP(&m.cpu), TEST_CODE + 1);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0xaa), VECTOR_UD);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x0b), VECTOR_UD);
	start(3);
	check_error(&m, TEST_RUN(&m, 0xf4), VECTOR_GP, 0);
	check_error(&m, TEST_RUN(&m, 0x0f, 0x33), VECTOR_GP, 0);
}

TEST(cpuid_and_rdrand_come_from_the_owner)
{
	start(3);
	m.cpu.gpr[RAX] = 7;
	m.cpu.gpr[RCX] = 3;
	check_eq(TEST_RUN(&m, 0x0f, 0xa2), X86_OK);
	check_eq(m.cpu.gpr[RAX], 7);
	check_eq(m.cpu.gpr[RBX], 3);
	m.cpu.rflags |= RFLAGS_ZF;
	check_eq(TEST_RUN(&m, 0x0f, 0xc7, 0xf0), X86_OK);
	check_eq(m.cpu.gpr[RAX], 0x9abcdef0);
	check_eq(m.cpu.rflags, RFLAGS_CF | RFLAGS_FIXED);
}

TEST(movdir64b_moves_64_bytes_to_an_aligned_address)
{
	start_long(0);
	for (u32 i = 0; i < 8; i++)
		test_write(&m, TEST_DATA + 8 * i + 4, i + 1, 8);
	m.cpu.gpr[RBX] = TEST_DATA + 4;
	m.cpu.gpr[RAX] = TEST_DATA + 0x100;
	check_eq(TEST_RUN(&m, 0x66, 0x0f, 0x38, 0xf8, 0x03), X86_OK);
	check_mem_eq(m.memory + TEST_DATA + 0x100, m.memory + TEST_DATA + 4, 64);
	m.cpu.gpr[RAX] = TEST_DATA + 0x108;
	check_error(&m, TEST_RUN(&m, 0x66, 0x0f, 0x38, 0xf8, 0x03), VECTOR_GP,
		    0);
}

/* --- reset --- */

TEST(the_state_after_reset)
{
	test_machine_init(&m);
	x86_reset(&m.cpu, false);
	check_eq(RIP(&m.cpu), 0xfff0);
	check_eq(m.cpu.seg[SEG_CS].base, 0xffff0000);
	check_eq(m.cpu.seg[SEG_CS].selector, 0xf000);
	check_eq(m.cpu.seg[SEG_CS].attr, 0x9b);
	check_eq(m.cpu.seg[SEG_DS].attr, 0x93);
	check_eq(m.cpu.cr0, CR0_CD | CR0_NW | CR0_ET);
	check_eq(m.cpu.rflags, 2);
	check_eq(m.cpu.gpr[RDX], 0x60fb1);
	check_eq(m.cpu.xcr0, 1);
	check_eq(m.cpu.code, CODE_16);
	check_eq(m.cpu.cpl, 0);
	check_eq(m.cpu.linear_mask, 0xffffffff);
}

TEST(init_keeps_the_fpu_xcr0_and_cache_control)
{
	start_long(3);
	m.cpu.xcr0 = 7;
	m.cpu.xsave.bytes[XSAVE_XMM] = 0x55;
	m.cpu.msr.lstar = 0x1234;
	x86_reset(&m.cpu, true);
	check_eq(m.cpu.xcr0, 7);
	check_eq(m.cpu.xsave.bytes[XSAVE_XMM], 0x55);
	check_eq(m.cpu.msr.lstar, 0x1234);
	check_eq(m.cpu.cr0, CR0_ET);
	check_eq(m.cpu.efer, 0);
	check(!m.cpu.long_mode);
}

TEST(alignment_checks_are_for_user_code_with_am_and_ac)
{
	start(3);
	m.cpu.cr0 |= CR0_AM;
	m.cpu.rflags |= RFLAGS_AC;
	x86_mode_update(&m.cpu);
	check_error(&m, TEST_RUN(&m, 0xa1, 1, 0, 6, 0), VECTOR_AC, 0);
	check_eq(TEST_RUN(&m, 0xa1, 4, 0, 6, 0), X86_OK);
	start(0);
	m.cpu.cr0 |= CR0_AM;
	m.cpu.rflags |= RFLAGS_AC;
	x86_mode_update(&m.cpu);
	check_eq(TEST_RUN(&m, 0xa1, 1, 0, 6, 0), X86_OK);
}

static int touch(void)
{
	return TEST_RUN(&m, 0xa2, 0, 0, 6, 0); /* MOV [TEST_DATA], AL */
}

TEST(write_protection_holds_for_the_supervisor_once_wp_is_set)
{
	start(0);
	test_paging(&m);
	m.cpu.cr0 &= ~CR0_WP;
	test_map(&m, TEST_DATA, TEST_DATA | 5);
	check_eq(touch(), X86_OK);
	check_eq(mov_cr(0, m.cpu.cr0 | CR0_WP), X86_END);
	check_error(&m, touch(), VECTOR_PF, PF_PRESENT | PF_WRITE);
}

TEST(smap_takes_effect_at_once)
{
	start(0);
	test_paging(&m);
	check_eq(touch(), X86_OK);
	check_eq(mov_cr(4, CR4_SMAP), X86_END);
	check_error(&m, touch(), VECTOR_PF, PF_PRESENT | PF_WRITE);
	/* POPF that sets AC opens user pages again */
	m.cpu.gpr[RSP] = TEST_TABLES + 0x2000;
	test_map(&m, TEST_TABLES + 0x2000, (TEST_TABLES + 0x2000) | 3);
	test_write(&m, TEST_TABLES + 0x2000, RFLAGS_AC, 4);
	check_eq(TEST_RUN(&m, 0x9d), X86_END);
	check_eq(touch(), X86_OK);
}

TEST(a_data_breakpoint_is_seen_on_a_page_that_the_tlb_knew)
{
	start(0);
	check_eq(touch(), X86_OK);
	m.cpu.gpr[RAX] = TEST_DATA;
	check_eq(TEST_RUN(&m, 0x0f, 0x23, 0xc0), X86_END);
	m.cpu.gpr[RAX] = 2 | 1 << 16;
	check_eq(TEST_RUN(&m, 0x0f, 0x23, 0xf8), X86_END);
	check_eq(touch(), X86_OK);
	check_eq(m.cpu.pending_db, 1);
	check(m.cpu.stop & STOP_DEBUG);
}

TEST(a_pae_cr3_load_reads_the_top_entries_or_faults)
{
	start(0);
	m.cpu.cr4 |= CR4_PAE;
	m.cpu.cr0 |= CR0_PG;
	x86_mode_update(&m.cpu);
	/* the harness fetches code without walking these tables */
	for (u32 i = 0; i < 4; i++)
		m.cpu.pdpte[i] = 0;
	test_write(&m, TEST_TABLES, 0x5001, 8);
	check_eq(mov_cr(3, TEST_TABLES), X86_END);
	check_eq(m.cpu.pdpte[0], 0x5001);
	test_write(&m, TEST_TABLES, 0x5003, 8);
	check_error(&m, mov_cr(3, TEST_TABLES), VECTOR_GP, 0);
}

TEST(clts_clears_ts)
{
	start(0);
	m.cpu.cr0 |= CR0_TS;
	x86_mode_update(&m.cpu);
	check_eq(TEST_RUN(&m, 0x0f, 0x06), X86_END);
	check_eq(m.cpu.cr0 & CR0_TS, 0);
}

TEST(xgetbv_wants_osxsave_and_a_known_index)
{
	start(3);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd0), VECTOR_UD);
	m.cpu.cr4 |= CR4_OSXSAVE;
	m.cpu.gpr[RCX] = 2;
	check_error(&m, TEST_RUN(&m, 0x0f, 0x01, 0xd0), VECTOR_GP, 0);
	m.cpu.gpr[RCX] = 1;
	check_eq(TEST_RUN(&m, 0x0f, 0x01, 0xd0), X86_OK);
}

TEST(into_looks_at_of)
{
	start(0);
	check_eq(TEST_RUN(&m, 0xce), X86_OK);
	m.cpu.rflags |= RFLAGS_OF;
	check_eq(TEST_RUN(&m, 0xce), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_OF);
	check(m.cpu.exception.software);
}

TEST(bound_of_words)
{
	start(0);
	test_write(&m, TEST_DATA, 0xffff0005fffe, 6);
	m.cpu.gpr[RCX] = 5;
	check_eq(TEST_RUN(&m, 0x66, 0x62, 0x0d, 0, 0, 6, 0), X86_OK);
	m.cpu.gpr[RCX] = 6;
	check_plain(&m, TEST_RUN(&m, 0x66, 0x62, 0x0d, 0, 0, 6, 0), VECTOR_BR);
}

TEST(sysret_does_not_exist_in_compatibility_mode_on_intel)
{
	test_machine_init(&m);
	test_compat(&m, 0);
	syscall_setup(false);
	check_plain(&m, TEST_RUN(&m, 0x0f, 0x07), VECTOR_UD);
	syscall_setup(true);
	check_eq(TEST_RUN(&m, 0x0f, 0x07), X86_END);
}

TEST(a_64_bit_far_pointer_is_intels_alone)
{
	start_long(0);
	test_write(&m, TEST_DATA, 0xffff800000001000, 8);
	test_write(&m, TEST_DATA + 8, TEST_CODE64_0, 2);
	m.cpu.gpr[RBX] = TEST_DATA;
	check_eq(TEST_RUN(&m, 0x48, 0xff, 0x2b), X86_END);
	check_eq(RIP(&m.cpu), 0xffff800000001000);
	start_long(0);
	m.cpu.vendor_amd = true;
	test_write(&m, TEST_DATA, 0x1000, 4);
	test_write(&m, TEST_DATA + 4, TEST_CODE64_0, 2);
	m.cpu.gpr[RBX] = TEST_DATA;
	check_eq(TEST_RUN(&m, 0x48, 0xff, 0x2b), X86_END);
	check_eq(RIP(&m.cpu), 0x1000);
}

TEST(legacy_paging_needs_neither_pae_nor_a_32_bit_tss)
{
	start(0);
	m.cpu.seg[SEG_TR].attr = SEG_P | SYSTEM_TSS16_BUSY;
	m.cpu.cr3 = TEST_TABLES;
	check_eq(mov_cr(0, CR0_PE | CR0_PG), X86_END);
	check(!m.cpu.long_mode);
}
