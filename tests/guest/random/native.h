/* SPDX-License-Identifier: MIT */
/*
 * The reference: cases run on the bare CPU in a jailed child process.
 *
 * The child shares a queue of slots and the memory file with us and may do
 * nothing but return from signals, wait for the next batch, and exit. A case
 * begins where the child returns from a signal, with the wanted state in the
 * signal's frame, and ends with its exception, whose frame holds the outcome;
 * the end of the code is an exception like any other.
 */
#ifndef TESTS_GUEST_RANDOM_NATIVE_H
#define TESTS_GUEST_RANDOM_NATIVE_H

#include "tests/guest/random/case.h"

#define SLOTS_MAX 64

struct slot {
	struct state in, out;
	u8 before[MEMORY_BYTES] __attribute__((aligned(64)));
	u8 after[MEMORY_BYTES];
	bool ran; /* out and after are valid */
};

struct native;

/* -errno. What the host's CPUID offers. */
int must_check native_create(struct native **ret, bool has_avx,
			     bool has_fsgsbase);
void native_free(struct native *native);

/* SLOTS_MAX slots to fill before native_run(). */
struct slot *native_slots(struct native *native);

/*
 * Runs slots first .. end - 1. A case that killed or hung the child has `ran`
 * false; the rest is run by another child. -errno when there can be none.
 */
int must_check native_run(struct native *native, u32 first, u32 end);

/* Is this address one that the child has mapped for itself? */
bool native_is_mapped(const struct native *native, u64 address);

#endif
