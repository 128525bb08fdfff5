/* SPDX-License-Identifier: MIT */
/*
 * What a case's first instruction needs to do more than fault at once: operands
 * that no ModRM byte names, frames for returns, images for restores, selectors.
 */
#ifndef TESTS_GUEST_RANDOM_PREPARE_H
#define TESTS_GUEST_RANDOM_PREPARE_H

#include "tests/guest/random/encode.h"

struct preparation {
	struct encoding *e;
	struct state *state; /* the x87 and vector part is taken from here */
	u8 *memory[2];	     /* the same change to both */
	u8 *xsave;	     /* of the cpu */
};

/* Before the encoding is drawn: registers, the stack. */
void prepare_before(struct preparation *p);
/* Immediates that are addresses or distances, of any instruction. */
void prepare_tail(struct preparation *p, const struct insn *in);
/* Afterwards: registers and memory that the decoded operands name. */
void prepare_after(struct preparation *p, const struct insn *in);

#endif
