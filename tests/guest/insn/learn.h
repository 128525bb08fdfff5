/* SPDX-License-Identifier: MIT */
/* Writing a head: what changed from one state to the other, in its words. */
#ifndef TESTS_GUEST_INSN_LEARN_H
#define TESTS_GUEST_INSN_LEARN_H

#include <stdio.h>

#include "tests/guest/insn/state.h"

/* " * out: rax=0x1 flags=c", for a person to hold against the manual. */
void insn_learn_print(const struct insn_state *in, const struct insn_state *out,
		      u32 code_bytes, FILE *file);

#endif
