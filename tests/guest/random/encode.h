/* SPDX-License-Identifier: MIT */
/* From a row to bytes, with operands that meet what they are aimed at. */
#ifndef TESTS_GUEST_RANDOM_ENCODE_H
#define TESTS_GUEST_RANDOM_ENCODE_H

#include "tests/guest/random/rows.h"

#define ENCODING_BYTES 48

struct encoding {
	struct rng *rng;
	struct x86_cpu *cpu; /* the registers as they are */
	const struct insn_row *row;
	enum code_size code;
	u64 rip;
	bool first;   /* registers may be set */
	u32 reserved; /* ... but for these */
	bool illegal; /* made so that it is #UD */

	/* Prefixes and fields. */
	bool opsize, addrsize, lock;
	u8 rep;	    /* 0, f2 or f3, not the mandatory one */
	u8 segment; /* the prefix, or 0 */
	bool rex_forced;
	u8 w, r, x, b, l, vvvv;
	u8 opcode, modrm, sib;
	bool has_modrm, has_sib, is_memory;
	u8 disp_bytes;
	bool rip_relative;
	u64 disp;
	u64 target; /* the linear address aimed at */

	u8 bytes[ENCODING_BYTES];
	u32 size; /* up to where an immediate would begin */
};

/* Draws an encoding of the row; bytes behind its end are an immediate's. */
void encode_row(struct encoding *e);

/* Where an operand of about `size` bytes is aimed at. */
u64 encode_target(struct rng *rng, enum code_size code, u32 size);

/* Sets a register of the first instruction. */
void encode_set(struct encoding *e, u32 reg, u64 value);

#endif
