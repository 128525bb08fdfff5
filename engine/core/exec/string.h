/* SPDX-License-Identifier: MIT */
/*
 * What string instructions share: pointers, counts and portions.
 */
#ifndef ENGINE_CORE_EXEC_STRING_H
#define ENGINE_CORE_EXEC_STRING_H

#include "engine/core/exec/alu.h"

/* One string instruction on its way: registers are in the insn's terms. */
struct string_state {
	u64 mask;   /* of RSI, RDI and RCX */
	u64 source; /* RSI and RDI, masked */
	u64 dest;
	u64 count; /* RCX, or 1 without REP */
	u32 bytes; /* of an element */
	bool backward;
	bool repeated;
};

void string_begin(const struct x86_cpu *cpu, const struct insn *in,
		  struct string_state *ret);

/* Moves the pointers that `moves` names past n elements and RCX down. */
enum { MOVES_SOURCE = 1, MOVES_DEST = 2 };
void string_advance(struct x86_cpu *cpu, const struct insn *in,
		    struct string_state *s, u64 n, u32 moves);

/* After a portion: X86_OK when done, else X86_REPEAT with RIP back. */
int string_end(struct x86_cpu *cpu, const struct insn *in,
	       const struct string_state *s, bool done);

/* How many elements may be done before the instruction yields: one when
 * single-stepping, so that the trap comes after each. */
u64 string_portion(const struct x86_cpu *cpu, const struct string_state *s);

static inline u32 dest_seg(const struct insn *in, const struct x86_cpu *cpu)
{
	(void)in;
	return cpu->code == CODE_64 ? SEG_NONE : SEG_ES;
}

#endif
