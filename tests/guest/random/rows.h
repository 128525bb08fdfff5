/* SPDX-License-Identifier: MIT */
/*
 * Which rows of the decoder's table can be compared in user mode, what is not
 * compared about them, and how often each was met.
 */
#ifndef TESTS_GUEST_RANDOM_ROWS_H
#define TESTS_GUEST_RANDOM_ROWS_H

#include <stdio.h>

#include "tests/guest/random/tier0.h"

#define ROW_EXECUTIONS_MIN 20

struct row_tally {
	u64 executed;	/* retired, or faulted at itself */
	u32 vectors;	/* bit n: raised exception n */
	u32 undefined;	/* cases whose undefined flags differed */
	u32 mismatched; /* cases that differed, this row first */
};

/* NULL: it can be compared. Else why not, in a few words. */
const char *row_excluded(const struct tier0 *tier0, u32 row);

/* The registers (by number) whose values are the host's own, as a mask. */
u32 row_host_values(const struct insn *in);

/* Do its faults leave the x87 and vector state half loaded? That depends on the
 * order in which the CPU reads the area. [SDM1 13.8 "Operation of XRSTOR"] */
bool row_fault_is_partial(const struct insn *in);

/* Is it offered, or only known to be #UD on both sides? */
bool row_offered(const struct tier0 *tier0, u32 row);

/* The exceptions that this row must have raised in a long run, as a mask. */
u32 row_expected_vectors(u32 row, enum code_size code);

/* Does its r/m operand take memory? Does it have a ModRM byte at all? */
bool row_takes_memory(const struct insn_row *row);
bool row_has_modrm(const struct insn_row *row);

/* Operands that no ModRM byte names. */
bool row_uses_stack(const struct insn_row *row);

/* Rows with too few executions or without their exceptions, printed. */
u32 rows_judge(const struct tier0 *tier0, const struct row_tally *tally,
	       enum code_size code, FILE *out);
void rows_print(const struct tier0 *tier0, const struct row_tally *tally,
		FILE *out);

/* "add Ev, Gv [01]" for people. */
void row_format(u32 row, char *text, u32 size);

#endif
