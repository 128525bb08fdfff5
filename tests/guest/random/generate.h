/* SPDX-License-Identifier: MIT */
/*
 * Making cases: draws a state and a sequence of instructions, each of them made
 * when the interpreter has come to its place, so that its operands can be aimed
 * with the registers as they then are. The first instruction of a case may also
 * set the registers and the memory that it will use.
 *
 * A case depends on seed and number alone: nothing is kept from one to the next.
 */
#ifndef TESTS_GUEST_RANDOM_GENERATE_H
#define TESTS_GUEST_RANDOM_GENERATE_H

#include "tests/guest/random/native.h"
#include "tests/guest/random/rows.h"
#include "tests/guest/random/values.h"

#define STEPS_MAX 48 /* instructions that a case may run */

struct case_step {
	struct insn insn;
	u64 rip;
	u8 bytes[INSN_LEN_MAX];
	bool decoded;
	bool faulted;
};

/* State and memory before a step. */
struct snapshot {
	struct state state;
	u8 memory[MEMORY_BYTES];
};

struct random_case {
	u64 number;
	enum code_size code;
	bool blocks; /* the interpreter runs it through its block cache */
	struct state in;
	u8 before[MEMORY_BYTES]; /* the code included */
	/* What the interpreter made of it. */
	struct state out;
	u8 after[MEMORY_BYTES];
	u32 step_count;
	struct case_step step[STEPS_MAX];
	u32 flags_undefined; /* RFLAGS bits that the manual leaves open */
	u32 host_values;     /* registers that hold the host's own values */
	bool broken;	     /* the interpreter did what no processor does */
};

struct generator {
	struct tier0 *tier0;	     /* borrowed */
	const struct native *native; /* borrowed */
	u64 seed;
	u64 host_xcr0;
	bool has_fsgsbase;
	u32 only_row; /* insn_row_count: none */
	u32 code_count;
	enum code_size code[4];	    /* modes, in turns */
	u32 eligible_count[3];	    /* by enum code_size */
	u16 *eligible[3];	    /* owned */
	u8 *pool;		    /* owned */
	struct snapshot *snapshots; /* borrowed; NULL: none are kept */
};

int must_check generator_init(struct generator *g, struct tier0 *tier0,
			      const struct native *native, u64 seed);
void generator_release(struct generator *g);

/* False: the case proves nothing and is to be passed over. */
bool generate_case(struct generator *g, u64 number, struct random_case *ret);

/* Runs *c from c->in and c->before as it is, and fills what follows. */
bool generate_rerun(struct generator *g, struct random_case *c);

#endif
