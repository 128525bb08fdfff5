/* SPDX-License-Identifier: MIT */
/*
 * Any bytes: the first picks the mode, the rest is decoded at every length.
 * Held: no more bytes used than there are; an answer, once given, does not
 * change when more bytes come; what decodes names a row that the bytes fit; and
 * the referee, where there is one, agrees in everything.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/decode/decode.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

#if HAVE_ZYDIS
#include "engine/core/decode/referee.h"
#endif

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* All that tells one decoded instruction from another. */
static bool same_insn(const struct insn *a, const struct insn *b)
{
	return a->imm == b->imm && a->disp == b->disp && a->row == b->row &&
	       a->flags == b->flags && a->len == b->len &&
	       a->op_size == b->op_size && a->addr_size == b->addr_size &&
	       a->seg == b->seg && a->base_off == b->base_off &&
	       a->index_off == b->index_off && a->scale == b->scale &&
	       a->reg == b->reg && a->rm == b->rm && a->vvvv == b->vvvv &&
	       a->reg_off == b->reg_off && a->rm_off == b->rm_off &&
	       a->cond == b->cond && a->modrm == b->modrm &&
	       a->opcode == b->opcode && a->index_vec == b->index_vec;
}

static void check_insn(const struct insn *in, u32 size)
{
	const struct insn_row *row;

	assert(in->len >= 1 && in->len <= INSN_LEN_MAX && in->len <= size);
	assert(in->row < insn_row_count);
	row = &insn_rows[in->row];
	assert(in->id == row->id && in->id > INSN_INVALID && in->id < INSN_COUNT);
	assert(in->opcode >= row->opcode &&
	       in->opcode < row->opcode + row->opcode_span);
	assert(in->op_size <= 5 && in->addr_size <= CODE_64);
	assert(in->seg < SEG_SLOTS && in->scale <= 3);
	assert(in->base_off < GPR_SLOTS * 8 && in->index_off < GPR_SLOTS * 8);
	assert(in->reg < 16 && in->rm < 16 && in->vvvv < 16);
	assert(in->reg_off < GPR_ZERO * 8 && in->rm_off < GPR_ZERO * 8);
	assert(!(in->flags & INSN_LOCK) ||
	       (row->attr & ROW_LOCK && in->flags & INSN_MEM));
	assert(!(in->flags & INSN_VEX) == (row->space == SPACE_LEGACY));
	assert(!(row->attr & ROW_MEM_ONLY) || in->flags & INSN_MEM);
	assert(!(row->attr & ROW_REG_ONLY) || !(in->flags & INSN_MEM));
}

/* More bytes may turn "more" into an answer, and change no other. */
static void check_lengths(const u8 *bytes, u32 size, enum code_size code)
{
	enum decode_result result, last = DECODE_MORE;
	struct insn in, first;

	memset(&in, 0, sizeof(in));
	memset(&first, 0, sizeof(first));
	for (u32 n = 1; n <= size; n++) {
		result = decode_insn(bytes, n, code, &in);
		assert(result != DECODE_TOO_LONG || n >= INSN_LEN_MAX);
		assert(result != DECODE_MORE || n < INSN_LEN_MAX);
		if (last != DECODE_MORE)
			assert(result == last);
		if (result == DECODE_OK) {
			check_insn(&in, n);
			if (last == DECODE_MORE)
				first = in;
			assert(same_insn(&first, &in));
			assert(insn_mnemonic(&in));
		}
		last = result;
	}
}

#if HAVE_ZYDIS
static void check_referee(const u8 *bytes, u32 size, enum code_size code)
{
	static struct trial trial;

	referee_init();
	if (referee_agrees(&trial, bytes, size, code))
		return;
	fprintf(stderr, "%d-bit code: %s\n", 16 << code, trial.why);
	abort();
}
#endif

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	enum code_size code;

	if (size < 2)
		return 0;
	code = (enum code_size)(data[0] % 3);
	size = size - 1 < 64 ? size - 1 : 64;
	check_lengths(data + 1, (u32)size, code);
#if HAVE_ZYDIS
	check_referee(data + 1, (u32)size, code);
#endif
	return 0;
}
