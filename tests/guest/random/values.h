/* SPDX-License-Identifier: MIT */
/* Values that instructions find interesting, and initial states made of them. */
#ifndef TESTS_GUEST_RANDOM_VALUES_H
#define TESTS_GUEST_RANDOM_VALUES_H

#include "tests/guest/random/case.h"

#define POOL_BYTES (64 * KiB)

/* A general register. */
u64 value_gpr(struct rng *rng, enum code_size code);
/* Sixteen bytes of one kind of number. */
void value_vector(struct rng *rng, u8 bytes[16]);
/* Half-precision numbers. */
void value_halves(struct rng *rng, u8 bytes[16]);
/* Ten bytes. */
void value_x87(struct rng *rng, u8 bytes[10]);
/* Control words that can be loaded: all masked in half of the cases. */
u32 value_mxcsr(struct rng *rng);
u16 value_fcw(struct rng *rng);
/* One of Linux's selectors, null, or one that cannot be loaded. */
u16 value_selector(struct rng *rng);

/* A mapped address: the start of one of the data runs. */
u64 value_run(struct rng *rng, enum code_size code);

/* POOL_BYTES of values, from which the cases' memory is cut. */
void values_fill_pool(struct rng *rng, u8 *pool);
/* The whole state and memory before a case; code is all CODE_END. */
void values_state(struct rng *rng, enum code_size code, bool has_fsgsbase,
		  const u8 *pool, struct state *ret, u8 *memory);
/* Unmasks exceptions and sets, or not, a pending one. */
void values_x87_pending(struct rng *rng, struct state *state);

#endif
