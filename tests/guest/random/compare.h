/* SPDX-License-Identifier: MIT */
/* Two outcomes of one case: what differs, and how a person gets to see it. */
#ifndef TESTS_GUEST_RANDOM_COMPARE_H
#define TESTS_GUEST_RANDOM_COMPARE_H

#include <stdio.h>

#include "tests/guest/random/generate.h"

/* What differs. */
enum {
	DIFFERS_FAULT = 1 << 0, /* vector, error code or address */
	DIFFERS_RIP = 1 << 1,
	DIFFERS_GPR = 1 << 2,
	DIFFERS_FLAGS = 1 << 3,
	DIFFERS_SEGMENTS = 1 << 4,
	DIFFERS_X87 = 1 << 5,
	DIFFERS_VECTOR = 1 << 6,
	DIFFERS_MEMORY = 1 << 7,
	DIFFERS_UNDEFINED = 1 << 8, /* only flags that the manual leaves open */
	DIFFERS_HUNG = 1 << 9,	    /* one side did not come to an end */
};

/*
 * Compares the interpreter's outcome, which stands in *c, with the bare CPU's.
 * With `out` the differing fields are printed, both values side by side.
 */
u32 compare_case(const struct random_case *c, const struct slot *native,
		 FILE *out);

/* "fault rip gpr". */
void compare_format(u32 differs, char *text, u32 size);

/* The case itself: number, instructions, the registers before it. */
void compare_print_case(const struct random_case *c, u64 seed, FILE *out);

#endif
