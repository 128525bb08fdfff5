/* SPDX-License-Identifier: MIT */
/*
 * Tier 3: user code of the guest run by the host's CPU as it stands.
 *
 * Theory of operation. A 64-bit user program needs nothing of a translator but
 * the memory that it sees. So the address spaces that compute (chosen below) get
 * a process of the host each, a stub (stub.h), in which the guest's pages are
 * mapped at the guest's own addresses (shadow.h). The vCPU's thread puts the
 * registers there, lets the stub's thread go on, and waits. What ends the turn
 * comes back as a signal's frame:
 *
 *	a page that is not mapped yet	it is mapped, if the guest's own tables
 *					allow it, and the turn goes on
 *	anything else			the registers come back to struct x86_cpu;
 *					tier 0 runs the instruction that could not
 *					be run there. So all faults, system calls
 *					and privileged instructions are tier 0's,
 *					as they are for translated code.
 *	a kick				somebody wants this vCPU
 *
 * A turn costs some ten microseconds at each end, where translated code pays
 * nothing: it is for code that runs much longer than that between two entries to
 * its kernel. Every half millisecond a look is taken at what the vCPU does; an
 * address space that was found in user code often enough, with few entries to the
 * kernel in between, is promoted. While turns are short it is demoted again.
 *
 * Kernels, 32-bit code, code that single-steps, or whose state the host's user
 * mode cannot have, run translated.
 *
 * What kills a stub (the host's memory runs out; guest code that forges what only
 * the stub's own may do) ends in a #GP for the program that ran in it.
 *
 * Not the same as on the processor that CPUID describes: an instruction that the
 * guest's CPUID hides, but the host's CPU has, runs (as it does under KVM). Pages
 * that may hold CPUID itself and its like (scan.h) are never run here.
 *
 * Each vCPU has stubs of its own and waits for nobody else's.
 */
#ifndef ENGINE_SOFT_DIRECT_DIRECT_H
#define ENGINE_SOFT_DIRECT_DIRECT_H

#include "base/types.h"

struct direct;
struct soft_vcpu;

/* Is there all that it takes on this host? */
bool direct_possible(void);

/* NULL: no memory; then there is no tier 3. */
struct direct *direct_create(struct soft_vcpu *vcpu);
void direct_free(struct direct *direct); /* NULL is fine */

/*
 * Half a millisecond has passed, or about: what the vCPU does now counts for what
 * it does. May promote: a millisecond or two.
 */
void direct_sample(struct direct *direct);

/* CR3 has another value. Any tier, whenever it notices. */
void direct_space_changed(struct direct *direct);
/* The kernel has gone back to user code. True: to a stub. */
bool direct_returned(struct direct *direct);

/*
 * One turn, or a step of another tier instead; like translator_step(). Before it
 * direct_wanted() was true.
 */
int direct_step(struct direct *direct);

/* Nothing has run for long: no stub is kept. */
void direct_rest(struct direct *direct);

/* Slots or what is behind them changed: all mappings go before the next turn. */
void direct_memory_changed(struct direct *direct);
/* All vCPUs are outside guest code: no stub of this one may write the page. */
void direct_page_close(struct direct *direct, u64 host_page);

#endif
