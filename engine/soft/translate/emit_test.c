/* SPDX-License-Identifier: MIT */
/* The encoder against bytes that an assembler made of the same instructions. */
#include "engine/soft/translate/emit.h"

#include <string.h>

#include "base/test.h"
#include "engine/core/decode/row.h"

static u8 buffer[64];
static struct emit e;

static void begin(void)
{
	memset(buffer, 0, sizeof(buffer));
	e = (struct emit){.at = buffer, .end = buffer + sizeof(buffer)};
}

#define CHECK_BYTES(...)                                               \
	do {                                                           \
		static const u8 want[] = {__VA_ARGS__};                \
		check_eq(e.at - buffer, (long)sizeof(want));           \
		check(!memcmp(buffer, want, sizeof(want)) && !e.full); \
	} while (0)

TEST(every_base_finds_its_form_of_modrm)
{
	begin();
	emit_load(&e, H_RAX, IN_MEMORY(H_RBX, 0)); /* mov (%rbx),%rax */
	CHECK_BYTES(0x48, 0x8b, 0x03);
	begin();
	emit_load(&e, H_R8, IN_MEMORY(H_RBP, 0)); /* mov 0(%rbp),%r8 */
	CHECK_BYTES(0x4c, 0x8b, 0x45, 0x00);
	begin();
	emit_load(&e, H_RAX, IN_MEMORY(H_R13, 0));
	CHECK_BYTES(0x49, 0x8b, 0x45, 0x00);
	begin();
	emit_store(&e, IN_MEMORY(H_RSP, 8), H_RCX);
	CHECK_BYTES(0x48, 0x89, 0x4c, 0x24, 0x08);
	begin();
	emit_store(&e, IN_MEMORY(H_R12, -300), H_R15);
	CHECK_BYTES(0x4d, 0x89, 0xbc, 0x24, 0xd4, 0xfe, 0xff, 0xff);
}

TEST(an_index_and_no_base_stand_in_sib)
{
	struct place p = IN_MEMORY(H_R12, 16);

	begin();
	p.index = H_R15;
	p.scale = 3;
	emit_lea(&e, H_R14, p); /* lea 16(%r12,%r15,8),%r14 */
	CHECK_BYTES(0x4f, 0x8d, 0x74, 0xfc, 0x10);
	begin();
	p.base = H_NONE;
	p.index = H_RCX;
	p.scale = 2;
	emit_lea32(&e, H_RAX, p); /* lea 0x10(,%rcx,4),%eax */
	CHECK_BYTES(0x8d, 0x04, 0x8d, 0x10, 0x00, 0x00, 0x00);
}

TEST(gs_places_are_absolute_or_based)
{
	struct place p = IN_GS(8);

	begin();
	emit_op16(&e, 0x89, H_RAX, IN_GS(0x120)); /* mov %ax,%gs:0x120 */
	CHECK_BYTES(0x65, 0x66, 0x89, 0x04, 0x25, 0x20, 0x01, 0x00, 0x00);
	begin();
	p.base = H_R15;
	emit_op(&e, 0x3b, H_R13, p); /* cmp %gs:8(%r15),%r13 */
	CHECK_BYTES(0x65, 0x4d, 0x3b, 0x6f, 0x08);
}

TEST(immediates_take_the_shortest_form)
{
	begin();
	emit_mov_imm(&e, H_RAX, 5);
	CHECK_BYTES(0xb8, 0x05, 0x00, 0x00, 0x00);
	begin();
	emit_mov_imm(&e, H_R13, ~0ull);
	CHECK_BYTES(0x49, 0xc7, 0xc5, 0xff, 0xff, 0xff, 0xff);
	begin();
	emit_mov_imm(&e, H_R14, 0x123456789ull);
	CHECK_BYTES(0x49, 0xbe, 0x89, 0x67, 0x45, 0x23, 0x01, 0, 0, 0);
	begin();
	emit_alu_imm(&e, 7, IN_REG(H_R14), 4088); /* cmp $4088,%r14 */
	CHECK_BYTES(0x49, 0x81, 0xfe, 0xf8, 0x0f, 0x00, 0x00);
	begin();
	emit_alu_imm(&e, 5, IN_REG(H_RSP), 8);
	CHECK_BYTES(0x48, 0x83, 0xec, 0x08);
}

TEST(prefixes_stand_in_their_order)
{
	const struct encoding crc = {.map = MAP_0F38,
				     .opcode = 0xf1,
				     .prefix = 0xf2,
				     .opsize = true,
				     .reg = H_R15,
				     .rm = IN_REG(H_R14)};
	const struct encoding add = {.opcode = 0x01,
				     .lock = true,
				     .wide = true,
				     .reg = H_RAX,
				     .rm = IN_MEMORY(H_R14, 0)};
	const struct encoding spl = {
		.opcode = 0x88, .rex = true, .reg = H_RSI, .rm = IN_REG(H_RCX)};

	begin();
	emit_insn(&e, &crc); /* crc32w %r14w,%r15d */
	CHECK_BYTES(0x66, 0xf2, 0x45, 0x0f, 0x38, 0xf1, 0xfe);
	begin();
	emit_insn(&e, &add); /* lock add %rax,(%r14) */
	CHECK_BYTES(0xf0, 0x49, 0x01, 0x06);
	begin();
	emit_insn(&e, &spl); /* mov %sil,%cl */
	CHECK_BYTES(0x40, 0x88, 0xf1);
}

TEST(vex_carries_all_four_registers)
{
	const struct encoding add = {.map = MAP_0F,
				     .opcode = 0xfe,
				     .prefix = 0x66,
				     .vex = true,
				     .vex_long = true,
				     .vvvv = 9,
				     .reg = 10,
				     .rm = IN_MEMORY(H_R14, 0)};

	begin();
	emit_insn(&e, &add); /* vpaddd (%r14),%ymm9,%ymm10 */
	CHECK_BYTES(0xc4, 0x41, 0x35, 0xfe, 0x16);
}

TEST(a_distance_is_counted_from_its_end)
{
	u8 *field;

	begin();
	field = emit_jmp(&e);
	emit_byte(&e, 0x90);
	emit_fix(field, e.at);
	CHECK_BYTES(0xe9, 0x01, 0x00, 0x00, 0x00, 0x90);
	emit_fix(field, buffer);
	CHECK_BYTES(0xe9, 0xfb, 0xff, 0xff, 0xff, 0x90);
}

TEST(a_full_buffer_is_said_and_not_overrun)
{
	begin();
	e.end = buffer + EMIT_INSN_MAX - 1;
	emit_load(&e, H_RAX, IN_REG(H_RBX));
	check(e.full);
	check_eq(e.at - buffer, 0);
}
