/* SPDX-License-Identifier: MIT */
/*
 * The other side: the interpreter, as a bare struct x86_cpu whose page tables
 * give it what the jailed child has mapped, under Linux's own descriptors.
 * Nothing is delivered: the exception that ends a case is what is compared.
 */
#ifndef TESTS_GUEST_RANDOM_TIER0_H
#define TESTS_GUEST_RANDOM_TIER0_H

#include <linux/kvm.h>

#include "engine/core/cpuid/cpuid.h"
#include "tests/guest/random/case.h"

struct tier0;

/* -errno. is_la57: the host's linear addresses have 57 bits in use. */
int must_check tier0_create(struct tier0 **ret, bool is_la57);
void tier0_free(struct tier0 *tier0);

/* What it offers, and what the bare CPU has. */
const u64 *tier0_features(const struct tier0 *tier0);

bool tier0_host_has(const struct tier0 *tier0, enum insn_feature feature);

/* Begins a case. */
void tier0_load(struct tier0 *tier0, const struct state *in, const u8 *memory);
/* The state now; with an exception, how it ended. */
void tier0_save(const struct tier0 *tier0, struct state *out);

/* Its memory and registers: a case that is being made may still change them. */
u8 *tier0_memory(struct tier0 *tier0);
struct x86_cpu *tier0_cpu(struct tier0 *tier0);

enum step {
	STEP_OK,
	STEP_FAULT,	/* *ret_insn raised it */
	STEP_BAD_FETCH, /* there was no instruction */
	STEP_BROKEN,	/* it did what no processor does, or wrote a register
			 * that the translator does not count on */
};

/*
 * Runs one instruction, all iterations of a repeated one. `blocks`: through the
 * block cache.
 */
enum step tier0_step(struct tier0 *tier0, bool blocks, struct insn *ret_insn);

#endif
