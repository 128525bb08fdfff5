/* SPDX-License-Identifier: MIT */
/*
 * The decoder's tests: the rules of the encoding by example, then an
 * independent disassembler over every row in every mode with prefixes, ModRM
 * and SIB forms, and over random bytes.
 * KEEL_TEST_LONG=1 in the environment asks for 10^8 random ones.
 */
#include "engine/core/decode/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

#if HAVE_ZYDIS
#include "engine/core/decode/referee.h"
#endif

/* --------------------------------------------------------------- helpers --- */

#define BYTES(...) ((const u8[]){__VA_ARGS__}), sizeof((u8[]){__VA_ARGS__})

/* Decodes exactly these bytes; the whole of them must be the instruction. */
static struct insn decode_all(enum code_size code, const u8 *bytes, size_t size)
{
	struct insn in;

	check_eq(decode_insn(bytes, (u32)size, code, &in), DECODE_OK);
	check_eq(in.len, size);
	return in;
}

static enum decode_result result_of(enum code_size code, const u8 *bytes,
				    size_t size)
{
	struct insn in;

	return decode_insn(bytes, (u32)size, code, &in);
}

/* ------------------------------------------------------------ prefixes --- */

TEST(only_a_rex_right_before_the_opcode_counts)
{
	struct insn in = decode_all(CODE_64, BYTES(0x48, 0x89, 0xc8));

	check_eq(in.op_size, 3);
	check(in.flags & INSN_W);
	in = decode_all(CODE_64, BYTES(0x48, 0x66, 0x89, 0xc8));
	check_eq(in.op_size, 1);
	check(!(in.flags & (INSN_W | INSN_REX)));
	in = decode_all(CODE_64, BYTES(0x48, 0x41, 0x89, 0xc8));
	check_eq(in.op_size, 2);
	check_eq(in.rm, 8);
}

TEST(forty_to_4f_are_inc_and_dec_outside_64_bit_mode)
{
	struct insn in = decode_all(CODE_32, BYTES(0x48));

	check_eq(in.id, INSN_DEC);
	check_eq(in.reg, 0);
}

TEST(rex_w_outranks_66)
{
	struct insn in = decode_all(CODE_64, BYTES(0x66, 0x48, 0x01, 0xc8));

	check_eq(in.op_size, 3);
	check(in.flags & INSN_OPSIZE);
}

TEST(the_last_of_f2_and_f3_wins_and_either_outranks_66)
{
	check_eq(decode_all(CODE_64, BYTES(0xf2, 0xf3, 0x0f, 0x10, 0xc1)).id,
		 INSN_MOVSS);
	check_eq(decode_all(CODE_64, BYTES(0xf3, 0xf2, 0x0f, 0x10, 0xc1)).id,
		 INSN_MOVSD_VEC);
	check_eq(decode_all(CODE_64, BYTES(0xf3, 0x66, 0x0f, 0x10, 0xc1)).id,
		 INSN_MOVSS);
	check_eq(decode_all(CODE_64, BYTES(0x66, 0x0f, 0x10, 0xc1)).id,
		 INSN_MOVUPD);
}

TEST(a_mandatory_prefix_is_not_a_repeat)
{
	struct insn in = decode_all(CODE_64, BYTES(0xf3, 0x0f, 0x10, 0xc1));

	check(!(in.flags & (INSN_REP | INSN_REPNE)));
	in = decode_all(CODE_64, BYTES(0xf3, 0xa4));
	check_eq(in.flags & (INSN_REP | INSN_REPNE), INSN_REP);
	in = decode_all(CODE_64, BYTES(0xf3, 0xf2, 0xae));
	check_eq(in.flags & (INSN_REP | INSN_REPNE), INSN_REPNE);
}

TEST(lock_is_for_memory_destinations_of_rows_that_allow_it)
{
	struct insn in = decode_all(CODE_64, BYTES(0xf0, 0x01, 0x00));

	check(in.flags & INSN_LOCK);
	check_eq(result_of(CODE_64, BYTES(0xf0, 0x01, 0xc0)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0xf0, 0x03, 0x00)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0xf0, 0x38, 0x00)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0xf0, 0x90)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0xf0, 0x0f, 0xc7, 0x08)), DECODE_OK);
}

TEST(in_64_bit_mode_only_fs_and_gs_override)
{
	check_eq(decode_all(CODE_64, BYTES(0x8b, 0x00)).seg, SEG_NONE);
	check_eq(decode_all(CODE_64, BYTES(0x36, 0x8b, 0x00)).seg, SEG_NONE);
	check_eq(decode_all(CODE_64, BYTES(0x65, 0x8b, 0x00)).seg, SEG_GS);
	/* The ignored prefix does not take the other one back: so does silicon. */
	check_eq(decode_all(CODE_64, BYTES(0x64, 0x3e, 0x8b, 0x00)).seg, SEG_FS);
	check_eq(decode_all(CODE_64, BYTES(0x65, 0x64, 0x8b, 0x00)).seg, SEG_FS);
	check(!(decode_all(CODE_64, BYTES(0x2e, 0x8b, 0x00)).flags &
		INSN_SEG_OVERRIDE));
}

TEST(elsewhere_a_stack_base_means_the_stack_segment)
{
	check_eq(decode_all(CODE_32, BYTES(0x8b, 0x00)).seg, SEG_DS);
	check_eq(decode_all(CODE_32, BYTES(0x8b, 0x45, 0x00)).seg, SEG_SS);
	check_eq(decode_all(CODE_32, BYTES(0x8b, 0x04, 0x24)).seg, SEG_SS);
	check_eq(decode_all(CODE_32, BYTES(0x26, 0x8b, 0x04, 0x24)).seg, SEG_ES);
	check_eq(decode_all(CODE_16, BYTES(0x8b, 0x02)).seg, SEG_SS);
	check_eq(decode_all(CODE_16, BYTES(0x8b, 0x46, 0x00)).seg, SEG_SS);
	/* EBP as an index, or no base at all, is not a stack base. */
	check_eq(decode_all(CODE_32, BYTES(0x8b, 0x04, 0x28)).seg, SEG_DS);
	check_eq(decode_all(CODE_32, BYTES(0x8b, 0x05, 0, 0, 0, 0)).seg, SEG_DS);
	check_eq(decode_all(CODE_16, BYTES(0x8b, 0x06, 0, 0)).seg, SEG_DS);
}

TEST(vex_takes_no_66_f2_f3_lock_or_rex_before_it)
{
	static const u8 bad[] = {0x66, 0xf2, 0xf3, 0xf0, 0x40};

	check_eq(result_of(CODE_64, BYTES(0xc5, 0xf8, 0x28, 0xc1)), DECODE_OK);
	check_eq(result_of(CODE_64, BYTES(0x65, 0x67, 0xc5, 0xf8, 0x28, 0xc1)),
		 DECODE_OK);
	for (size_t i = 0; i < sizeof(bad); i++)
		check_eq(result_of(CODE_64,
				   BYTES(bad[i], 0xc5, 0xf8, 0x28, 0xc1)),
			 DECODE_UD);
}

TEST(outside_64_bit_mode_c4_c5_and_62_are_les_lds_and_bound_in_memory)
{
	check_eq(decode_all(CODE_32, BYTES(0xc4, 0x00)).id, INSN_LES);
	check_eq(decode_all(CODE_32, BYTES(0xc5, 0x00)).id, INSN_LDS);
	check_eq(decode_all(CODE_32, BYTES(0xc5, 0xf8, 0x28, 0xc1)).id,
		 INSN_VMOVAPS);
	check_eq(decode_all(CODE_32, BYTES(0x62, 0x00)).id, INSN_BOUND);
	check_eq(result_of(CODE_32, BYTES(0x62, 0xc0)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0x62, 0x00)), DECODE_UD);
}

/* ------------------------------------------------------------ operands --- */

TEST(ah_to_bh_lie_one_byte_up_unless_there_is_a_rex)
{
	struct insn in = decode_all(CODE_64, BYTES(0x88, 0xe7));

	check_eq(in.reg_off, GPR_OFFSET(0) + 1);
	check_eq(in.rm_off, GPR_OFFSET(3) + 1);
	in = decode_all(CODE_64, BYTES(0x40, 0x88, 0xe7));
	check_eq(in.reg_off, GPR_OFFSET(4));
	check_eq(in.rm_off, GPR_OFFSET(7));
	in = decode_all(CODE_64, BYTES(0x0f, 0xb6, 0xe4));
	check_eq(in.reg_off, GPR_OFFSET(4));
	check_eq(in.rm_off, GPR_OFFSET(0) + 1);
	in = decode_all(CODE_64, BYTES(0xb7, 0x01));
	check_eq(in.reg_off, GPR_OFFSET(3) + 1);
}

TEST(an_address_is_base_index_scale_and_displacement)
{
	struct insn in =
		decode_all(CODE_64, BYTES(0x47, 0x8b, 0x4c, 0xa5, 0xfe));

	check_eq(in.base_off, GPR_OFFSET(13));
	check_eq(in.index_off, GPR_OFFSET(12));
	check_eq(in.scale, 2);
	check_eq(in.disp, -2);
	check_eq(in.reg, 9);
	check_eq(in.addr_size, CODE_64);
	check(in.flags & INSN_MEM);
}

TEST(in_64_bit_mode_mod_0_rm_5_is_relative_to_rip_and_sib_is_absolute)
{
	struct insn in =
		decode_all(CODE_64, BYTES(0x8b, 0x05, 0x10, 0, 0, 0x80));

	check_eq(in.base_off, GPR_OFFSET(GPR_RIP));
	check_eq(in.index_off, GPR_OFFSET(GPR_ZERO));
	check_eq(in.disp, (s32)0x80000010);
	in = decode_all(CODE_64, BYTES(0x8b, 0x04, 0x25, 0x10, 0, 0, 0));
	check_eq(in.base_off, GPR_OFFSET(GPR_ZERO));
	in = decode_all(CODE_32, BYTES(0x8b, 0x05, 0x10, 0, 0, 0));
	check_eq(in.base_off, GPR_OFFSET(GPR_ZERO));
	/* REX.B does not turn SIB base 101b into R13 where mod is 0. */
	in = decode_all(CODE_64, BYTES(0x41, 0x8b, 0x04, 0x25, 0, 0, 0, 0));
	check_eq(in.base_off, GPR_OFFSET(GPR_ZERO));
}

TEST(sixteen_bit_addresses_add_a_base_and_an_index)
{
	struct insn in = decode_all(CODE_16, BYTES(0x8b, 0x81, 0x00, 0x80));

	check_eq(in.base_off, GPR_OFFSET(3));
	check_eq(in.index_off, GPR_OFFSET(7));
	check_eq(in.disp, -32768);
	check_eq(in.addr_size, CODE_16);
	in = decode_all(CODE_32, BYTES(0x67, 0x8b, 0x06, 0x34, 0x12));
	check_eq(in.base_off, GPR_OFFSET(GPR_ZERO));
	check_eq(in.disp, 0x1234);
	check_eq(in.addr_size, CODE_16);
}

TEST(a_gather_needs_a_sib_byte_and_its_index_is_a_vector)
{
	struct insn in =
		decode_all(CODE_64, BYTES(0xc4, 0xa2, 0x69, 0x92, 0x04, 0x48));

	check_eq(in.id, INSN_VGATHERDPS);
	check_eq(in.index_vec, 9);
	check_eq(in.index_off, GPR_OFFSET(GPR_ZERO));
	check_eq(in.base_off, GPR_OFFSET(0));
	check_eq(in.scale, 1);
	check_eq(in.vvvv, 2);
	check_eq(result_of(CODE_64, BYTES(0xc4, 0xe2, 0x69, 0x92, 0x00)),
		 DECODE_UD);
	check_eq(result_of(CODE_32,
			   BYTES(0x67, 0xc4, 0xe2, 0x69, 0x92, 0x04, 0x48)),
		 DECODE_UD);
}

TEST(immediates_are_extended_as_the_row_says)
{
	check_eq(decode_all(CODE_64, BYTES(0x83, 0xc0, 0xff)).imm, -1);
	check_eq(decode_all(CODE_64, BYTES(0xc1, 0xe0, 0xff)).imm, 0xff);
	check_eq(decode_all(CODE_64, BYTES(0x48, 0x05, 0, 0, 0, 0x80)).imm,
		 (s32)0x80000000);
	check_eq(decode_all(CODE_64, BYTES(0x66, 0x05, 0, 0x80)).imm, -32768);
	check_eq(decode_all(CODE_64, BYTES(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8)).imm,
		 0x0807060504030201);
	check_eq(decode_all(CODE_64, BYTES(0xb8, 0, 0, 0, 0x80)).imm,
		 0x80000000);
	check_eq(decode_all(CODE_32, BYTES(0xc2, 0xff, 0xff)).imm, 0xffff);
	check_eq(decode_all(CODE_32, BYTES(0xe8, 0xfb, 0xff, 0xff, 0xff)).imm,
		 -5);
	check_eq(decode_all(CODE_16, BYTES(0xe9, 0xfd, 0xff)).imm, -3);
	check_eq(decode_all(CODE_64, BYTES(0xc8, 0x34, 0x12, 0x56)).imm,
		 0x561234);
	check_eq(decode_all(CODE_16, BYTES(0xea, 1, 2, 3, 4)).imm,
		 0x040300000201);
	check_eq(decode_all(CODE_32, BYTES(0xea, 1, 2, 3, 4, 5, 6)).imm,
		 0x060504030201);
}

TEST(moffs_is_as_wide_as_addresses_and_lies_in_the_immediate)
{
	struct insn in =
		decode_all(CODE_64, BYTES(0xa0, 1, 2, 3, 4, 5, 6, 7, 8));

	check_eq(in.imm, 0x0807060504030201);
	check(in.flags & INSN_MEM);
	check_eq(in.base_off, GPR_OFFSET(GPR_ZERO));
	check_eq(decode_all(CODE_64, BYTES(0x67, 0xa1, 1, 2, 3, 4)).imm,
		 0x04030201);
	check_eq(decode_all(CODE_16, BYTES(0xa1, 1, 0x82)).imm, 0x8201);
}

TEST(operand_sizes_follow_mode_prefix_and_rule)
{
	check_eq(decode_all(CODE_16, BYTES(0x01, 0xc0)).op_size, 1);
	check_eq(decode_all(CODE_16, BYTES(0x66, 0x01, 0xc0)).op_size, 2);
	check_eq(decode_all(CODE_64, BYTES(0x50)).op_size, 3);
	check_eq(decode_all(CODE_64, BYTES(0x66, 0x50)).op_size, 1);
	check_eq(decode_all(CODE_32, BYTES(0x50)).op_size, 2);
	check_eq(decode_all(CODE_64, BYTES(0x66, 0xe8, 0, 0, 0, 0)).op_size, 3);
	check_eq(decode_all(CODE_32, BYTES(0x66, 0xe8, 0, 0)).op_size, 1);
	check_eq(decode_all(CODE_64, BYTES(0x48, 0xef)).op_size, 2);
	check_eq(decode_all(CODE_64, BYTES(0x0f, 0x20, 0xc0)).op_size, 3);
	check_eq(decode_all(CODE_32, BYTES(0x0f, 0x20, 0xc0)).op_size, 2);
	check_eq(decode_all(CODE_64, BYTES(0xc5, 0xfc, 0x28, 0x00)).op_size, 5);
	check_eq(decode_all(CODE_64, BYTES(0x0f, 0x28, 0x00)).op_size, 4);
	check_eq(decode_all(CODE_64, BYTES(0xf3, 0x0f, 0x58, 0x00)).op_size, 2);
}

/* Both vendors' readings of the same 15 bytes. */
static void read_twice(enum code_size code, const u8 *bytes, size_t size,
		       struct insn *ret_intel, struct insn *ret_amd)
{
	u8 all[INSN_LEN_MAX] = {0};

	memcpy(all, bytes, size);
	check_eq(decode_insn_for(all, sizeof(all), code, false, ret_intel),
		 DECODE_OK);
	check_eq(decode_insn_for(all, sizeof(all), code, true, ret_amd),
		 DECODE_OK);
}

TEST(amds_near_branches_of_64_bit_mode_can_be_16_bits_wide)
{
	struct insn intel, amd;

	read_twice(CODE_64, BYTES(0x66, 0xe8, 0x10, 0x20, 0x30, 0x40), &intel,
		   &amd);
	check_eq(intel.len, 6);
	check_eq(intel.op_size, 3);
	check_eq(amd.len, 4);
	check_eq(amd.op_size, 1);
	check_eq(amd.imm, 0x2010);
	read_twice(CODE_64, BYTES(0x66, 0x48, 0xe8, 0x10, 0x20, 0x30, 0x40),
		   &intel, &amd);
	check_eq(amd.len, 7);
	check_eq(amd.op_size, 3);
	read_twice(CODE_32, BYTES(0x66, 0xc3), &intel, &amd);
	check_eq(amd.op_size, intel.op_size);
}

TEST(some_prefixes_choose_another_instruction_on_amd)
{
	struct insn intel, amd;

	read_twice(CODE_64, BYTES(0xf3, 0x41, 0x90), &intel, &amd);
	check_eq(intel.id, INSN_PAUSE);
	check_eq(amd.id, INSN_XCHG);
	read_twice(CODE_64, BYTES(0xf3, 0x90), &intel, &amd);
	check_eq(amd.id, INSN_PAUSE);
	read_twice(CODE_64, BYTES(0xf3, 0xe0, 0x10), &intel, &amd);
	check_eq(intel.id, INSN_LOOPNE);
	check_eq(amd.id, INSN_LOOPE);
	read_twice(CODE_64, BYTES(0xf2, 0xe1, 0x10), &intel, &amd);
	check_eq(intel.id, INSN_LOOPE);
	check_eq(amd.id, INSN_LOOPNE);
}

TEST(amd_does_not_know_some_forms)
{
	struct insn in;

	check_eq(decode_insn_for(BYTES(0x0f, 0x0d, 0xc0), CODE_64, true, &in),
		 DECODE_UD);
	check_eq(decode_insn_for(BYTES(0xc4, 0xe3, 0xf9, 0x16, 0xc0, 1),
				 CODE_32, true, &in),
		 DECODE_UD);
	check_eq(decode_insn_for(BYTES(0x0f, 0xff), CODE_64, true, &in),
		 DECODE_OK); /* UD0 has no ModRM byte */
	check_eq(in.len, 2);
}

TEST(the_mod_field_of_control_register_moves_is_ignored)
{
	struct insn in = decode_all(CODE_64, BYTES(0x0f, 0x22, 0x1d));

	check_eq(in.id, INSN_MOV_TO_CR);
	check_eq(in.reg, 3);
	check_eq(in.rm, 5);
	check(!(in.flags & INSN_MEM));
	check_eq(result_of(CODE_64, BYTES(0x0f, 0x22, 0xc8)), DECODE_UD);
	check_eq(decode_all(CODE_64, BYTES(0x44, 0x0f, 0x22, 0xc0)).reg, 8);
}

TEST(segment_registers_that_do_not_exist_or_cannot_be_loaded_are_ud)
{
	check_eq(result_of(CODE_64, BYTES(0x8e, 0xc8)), DECODE_UD);
	check_eq(result_of(CODE_64, BYTES(0x8e, 0xf0)), DECODE_UD);
	check_eq(decode_all(CODE_64, BYTES(0x8c, 0xc8)).reg, SEG_CS);
	check_eq(decode_all(CODE_64, BYTES(0x44, 0x8e, 0xd8)).reg, SEG_DS);
	check_eq(decode_all(CODE_64, BYTES(0x0f, 0xa9)).reg, SEG_GS);
	check_eq(decode_all(CODE_32, BYTES(0x16)).reg, SEG_SS);
}

TEST(only_90_without_rex_b_is_nop_but_f3_90_is_always_pause)
{
	check_eq(decode_all(CODE_64, BYTES(0x90)).id, INSN_NOP);
	check_eq(decode_all(CODE_64, BYTES(0x41, 0x90)).id, INSN_XCHG);
	check_eq(decode_all(CODE_64, BYTES(0xf3, 0x90)).id, INSN_PAUSE);
	check_eq(decode_all(CODE_64, BYTES(0xf3, 0x41, 0x90)).id, INSN_PAUSE);
	check_eq(decode_all(CODE_64, BYTES(0x91)).id, INSN_XCHG);
}

TEST(a_condition_is_the_low_nibble_and_part_of_the_name)
{
	struct insn in = decode_all(CODE_64, BYTES(0x0f, 0x8f, 0, 0, 0, 0));

	check_eq(in.cond, 15);
	check_str_eq(insn_mnemonic(&in), "jnle");
	in = decode_all(CODE_64, BYTES(0x0f, 0x92, 0xc0));
	check_str_eq(insn_mnemonic(&in), "setb");
	in = decode_all(CODE_64, BYTES(0x48, 0x0f, 0x47, 0xc0));
	check_str_eq(insn_mnemonic(&in), "cmovnbe");
	in = decode_all(CODE_64, BYTES(0x01, 0xc0));
	check_str_eq(insn_mnemonic(&in), "add");
}

/* -------------------------------------------------------------- length --- */

TEST(a_prefix_of_an_instruction_asks_for_more)
{
	static const u8 bytes[] = {0x66, 0x4b, 0x81, 0x84, 0xd3, 1, 2,
				   3,	 4,    5,    6,	   7,	 8};

	for (u32 size = 1; size < sizeof(bytes); size++)
		check_eq(result_of(CODE_64, bytes, size), DECODE_MORE);
	check_eq(result_of(CODE_64, bytes, sizeof(bytes)), DECODE_OK);
}

TEST(fifteen_bytes_are_an_instruction_and_sixteen_are_too_long)
{
	u8 bytes[16];

	memset(bytes, 0x2e, sizeof(bytes));
	bytes[14] = 0x90;
	check_eq(result_of(CODE_64, bytes, 15), DECODE_OK);
	check_eq(result_of(CODE_64, bytes, 16), DECODE_OK);
	check_eq(result_of(CODE_64, bytes, 14), DECODE_MORE);
	bytes[14] = 0x2e;
	bytes[15] = 0x90;
	check_eq(result_of(CODE_64, bytes, 16), DECODE_TOO_LONG);
	bytes[13] = 0x01;
	bytes[14] = 0x80; /* needs four bytes of displacement */
	check_eq(result_of(CODE_64, bytes, 15), DECODE_TOO_LONG);
}

TEST(what_lies_beyond_fifteen_bytes_does_not_matter)
{
	u8 bytes[64], copy[INSN_LEN_MAX];
	struct insn in, again;

	memset(bytes, 0x66, sizeof(bytes));
	check_eq(result_of(CODE_64, bytes, sizeof(bytes)), DECODE_TOO_LONG);
	memcpy(bytes, (u8[]){0x48, 0x8b, 0x84, 0x24, 1, 2, 3, 4}, 8);
	memcpy(copy, bytes, sizeof(copy));
	memset(&in, 0x5a, sizeof(in)); /* padding is left as it was */
	memset(&again, 0x5a, sizeof(again));
	check_eq(decode_insn(bytes, sizeof(bytes), CODE_64, &in), DECODE_OK);
	check_eq(decode_insn(copy, sizeof(copy), CODE_64, &again), DECODE_OK);
	check_mem_eq(&in, &again, sizeof(in));
}

TEST(a_refused_instruction_leaves_the_result_alone)
{
	struct insn in, before;

	memset(&in, 0x5a, sizeof(in));
	before = in;
	check_eq(decode_insn(BYTES(0x0f, 0x04), CODE_64, &in), DECODE_UD);
	check_eq(decode_insn(BYTES(0x0f), CODE_64, &in), DECODE_MORE);
	check_mem_eq(&in, &before, sizeof(in));
}

/* ------------------------------------------------------- the short way --- */

/* Behind a prefix that 64-bit mode ignores no instruction is read the short
 * way: it must come to the same. */
static void both_ways_agree(const u8 *bytes, bool amd)
{
	struct insn short_way, long_way;
	u8 prefixed[48] = {0x2e};
	enum decode_result result;

	memset(&short_way, 0, sizeof(short_way));
	memset(&long_way, 0, sizeof(long_way));
	memcpy(prefixed + 1, bytes, INSN_LEN_MAX);
	result = decode_insn_for(bytes, 48, CODE_64, amd, &short_way);
	check_eq(decode_insn_for(prefixed, 48, CODE_64, amd, &long_way), result);
	if (result != DECODE_OK)
		return;
	check_eq(long_way.len, short_way.len + 1);
	long_way.len--;
	check_mem_eq(&short_way, &long_way, sizeof(long_way));
}

TEST(an_ignored_prefix_changes_nothing_but_the_length)
{
	static const u8 sibs[] = {0x00, 0x25, 0x64, 0xad, 0xe5, 0xff};
	u8 bytes[48] = {0};

	for (u32 i = 8; i < sizeof(bytes); i++)
		bytes[i] = (u8)(0x81 + 13 * i);
	for (u32 i = 0; i < 17u << 17; i++) {
		u8 *at = bytes;
		u32 rex = i >> 17;

		if (rex)
			*at++ = (u8)(0x3f + rex);
		if (i >> 16 & 1)
			*at++ = 0x0f;
		*at++ = (u8)(i >> 8);
		*at++ = (u8)i;
		for (u32 k = 0; k < sizeof(sibs); k++) {
			*at = sibs[k];
			both_ways_agree(bytes, k & 1);
			if ((i & 7) != 4)
				break;
		}
	}
}

/* ----------------------------------------------------------- the referee --- */

#if HAVE_ZYDIS

static u64 random_state = 0x9e3779b97f4a7c15;

/* xorshift64: [Marsaglia 2003 "Xorshift RNGs"] */
static u64 random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void random_fill(u8 *bytes)
{
	u64 low = random_next(), high = random_next();

	memcpy(bytes, &low, 8);
	memcpy(bytes + 7, &high, 8);
}

static struct trial trial;

/* Both decode; a difference that is not known fails the running test. */
static void judge(const u8 *bytes, u32 size, enum code_size code)
{
	char hex[3 * INSN_LEN_MAX + 1] = "";

	if (referee_agrees(&trial, bytes, size, code))
		return;
	for (u32 i = 0; i < size; i++)
		snprintf(hex + 3 * i, 4, "%02x ", bytes[i]);
	test_fail("%s in %d-bit code: %s", hex, 16 << code, trial.why);
}

static const u8 prefixes[] = {0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x26, 0x2e, 0x36,
			      0x3e, 0x64, 0x65, 0x48, 0x40, 0x41, 0x42, 0x44};

/* Adds up to three prefixes, mostly none; REX bits only where they are. */
static u32 random_prefixes(u8 *bytes)
{
	u64 dice = random_next();
	u32 count = 0;

	while (dice % 3 == 0 && count < 3) {
		bytes[count++] = prefixes[(dice >> 8) % sizeof(prefixes)];
		dice >>= 16;
	}
	return count;
}

/* Any VEX prefix that leads to a row's map, prefix and mostly W, L, vvvv. */
static u32 vex_bytes(u8 *at, const struct insn_row *row)
{
	static const u8 pp[] = {0, 0, 1, 2, 3};
	u64 dice = random_next();
	u8 last = (u8)((dice & 0x7c) | pp[row->prefix]);

	if (dice & 0xf00) { /* mostly what the row asks */
		if (row->attr & (ROW_VEX_L0 | ROW_VEX_L1))
			last = (u8)((last & ~4) |
				    (row->attr & ROW_VEX_L1 ? 4 : 0));
		if (row->attr & ROW_NO_VVVV)
			last |= 0x78;
	}
	if (row->map == MAP_0F && dice & 0x1000) {
		at[0] = 0xc5;
		at[1] = (u8)(last | (dice & 0x2000 ? 0x80 : 0));
		return 2;
	}
	at[0] = 0xc4;
	at[1] = (u8)(row->map | (dice >> 16 & 0xe0));
	at[2] = (u8)(last | (row->attr & ROW_VEX_W1 || dice & 0x4000 ? 0x80 : 0));
	if (row->attr & ROW_VEX_W0 && dice & 0xf00)
		at[2] &= 0x7f;
	return 3;
}

/* One encoding of a row: its opcode bytes behind `count` bytes of prefixes. */
static u32 row_opcode(u8 *at, const struct insn_row *row)
{
	static const u8 mandatory[] = {0, 0, 0x66, 0xf3, 0xf2};
	u32 count = 0;

	if (row->space == SPACE_VEX) {
		count = vex_bytes(at, row);
	} else {
		if (mandatory[row->prefix])
			at[count++] = mandatory[row->prefix];
		if (row->attr & ROW_VEX_W1)
			at[count++] = 0x48;
		if (row->map != MAP_ONE)
			at[count++] = 0x0f;
		if (row->map > MAP_0F)
			at[count++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	at[count++] = (u8)(row->opcode + random_next() % row->opcode_span);
	return count;
}

/* Each ModRM value once, and the row's own register form with any prefixes. */
static void judge_row(const struct insn_row *row, enum code_size code,
		      u32 rounds)
{
	for (u32 i = 0; i < rounds; i++) {
		u8 bytes[2 * INSN_LEN_MAX];
		u8 modrm = (u8)i;
		u32 at;

		random_fill(bytes);
		random_fill(bytes + INSN_LEN_MAX);
		at = random_prefixes(bytes);
		at += row_opcode(bytes + at, row);
		if (row->ext >= 0 && i >= 256)
			modrm = (u8)((modrm & 0xc7) | row->ext << 3);
		if (row->rm >= 0 && i >= 256)
			modrm = (u8)((modrm & 0x38) | 0xc0 | row->rm);
		bytes[at] = modrm;
		judge(bytes, INSN_LEN_MAX, code);
	}
}

TEST(every_row_in_every_mode_agrees_with_the_referee)
{
	referee_init();
	for (u32 i = 0; i < insn_row_count; i++)
		for (enum code_size code = CODE_16; code <= CODE_64; code++)
			judge_row(&insn_rows[i], code, 512);
}

/* All sets of these prefixes before a row's opcode, in a fixed order. */
static void judge_prefixes(const struct insn_row *row, enum code_size code)
{
	static const u8 set[] = {0x66, 0xf3, 0xf2, 0xf0, 0x67, 0x65, 0x36};

	for (u32 chosen = 0; chosen < 1u << sizeof(set); chosen++) {
		u8 bytes[2 * INSN_LEN_MAX];
		u32 at = 0;

		random_fill(bytes);
		random_fill(bytes + INSN_LEN_MAX);
		for (u32 i = 0; i < sizeof(set); i++)
			if (chosen & 1u << i)
				bytes[at++] = set[i];
		if (code == CODE_64 && random_next() & 1)
			bytes[at++] = (u8)(0x40 | (random_next() & 15));
		at += row_opcode(bytes + at, row);
		if (row->ext >= 0)
			bytes[at] = (u8)((bytes[at] & 0xc7) | row->ext << 3);
		if (row->rm >= 0)
			bytes[at] = (u8)(0xc0 | row->ext << 3 | row->rm);
		judge(bytes, INSN_LEN_MAX, code);
	}
}

TEST(every_set_of_prefixes_on_every_row_agrees_with_the_referee)
{
	referee_init();
	for (u32 i = 0; i < insn_row_count; i++)
		for (enum code_size code = CODE_16; code <= CODE_64; code++)
			judge_prefixes(&insn_rows[i], code);
}

TEST(random_bytes_agree_with_the_referee)
{
	bool all = getenv("KEEL_TEST_LONG") != NULL;

	referee_init();
	for (u64 i = 0; i < (all ? 100000000u : 1500000u); i++) {
		u8 bytes[2 * INSN_LEN_MAX];
		u64 dice = random_next();
		u32 at = dice & 1 ? random_prefixes(bytes) : 0;

		random_fill(bytes + at);
		if (dice & 2)
			bytes[at++] = dice & 4 ? 0x0f : dice & 8 ? 0xc4 : 0xc5;
		if (dice & 4 && dice & 16)
			bytes[at] = dice & 8 ? 0x38 : 0x3a;
		judge(bytes, INSN_LEN_MAX, (enum code_size)((dice >> 8) % 3));
	}
}

TEST(each_known_difference_is_still_one)
{
	struct known_difference *known;

	referee_init();
	for (size_t i = 0; i < KNOWN_DIFFERENCES; i++) {
		known = &known_differences[i];
		known->seen = 0;
		check(referee_agrees(&trial, known->example, INSN_LEN_MAX,
				     CODE_64));
		if (known->seen != 1)
			test_fail("no difference any more: %s", known->reason);
	}
}

#else

TEST(every_row_in_every_mode_agrees_with_the_referee)
{
	skip("built without Zydis");
}

#endif
