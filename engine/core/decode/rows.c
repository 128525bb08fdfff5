/* SPDX-License-Identifier: MIT */
/*
 * insn_rows[]: the row lists, spelt out as struct insn_row. The lists are
 * included a second time by decode.c, which makes of each row the few words it
 * needs to recognise it; both arrays therefore have the same order.
 */
#include "engine/core/decode/row.h"

#include "engine/core/decode/id.h"

#define FLAGS_READ(read, written, undefined)	  (read)
#define FLAGS_WRITTEN(read, written, undefined)	  (written)
#define FLAGS_UNDEFINED(read, written, undefined) (undefined)
#define OPERANDS(...)				  OPERANDS_4(__VA_ARGS__, NONE, NONE, NONE, )
#define OPERANDS_4(a, b, c, d, ...)            \
	{                                      \
		OP_##a, OP_##b, OP_##c, OP_##d \
	}

#define ROW(id_, name_, space_, map_, prefix_, opcode_, span_, ext_, rm_, \
	    size_, feature_, attr_, flags_, ...)                          \
	{                                                                 \
		.name = #name_,                                           \
		.id = INSN_##id_,                                         \
		.space = SPACE_##space_,                                  \
		.map = MAP_##map_,                                        \
		.prefix = PFX_##prefix_,                                  \
		.opcode = opcode_,                                        \
		.opcode_span = span_,                                     \
		.ext = ext_,                                              \
		.rm = rm_,                                                \
		.size = SIZE_##size_,                                     \
		.op = OPERANDS(__VA_ARGS__),                              \
		.feature = FEAT_##feature_,                               \
		.attr = attr_,                                            \
		.flags_read = FLAGS_READ flags_,                          \
		.flags_written = FLAGS_WRITTEN flags_,                    \
		.flags_undefined = FLAGS_UNDEFINED flags_,                \
	},

const struct insn_row insn_rows[] = {
#include "engine/core/decode/rows.inc"
	{.name = NULL},
};

const u32 insn_row_count = sizeof(insn_rows) / sizeof(insn_rows[0]) - 1;
