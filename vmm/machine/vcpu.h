/* SPDX-License-Identifier: MIT */
/*
 * One vCPU: its thread, and what is done when the engine comes back with an
 * exit.
 *
 * The thread allocates nothing and logs nothing. It takes the machine's lock
 * only to park, to go on, and to ask for a machine event; a region's lock (a
 * device's own) around each device access; under that a chardev's; and what
 * the engine takes inside.
 */
#ifndef VMM_MACHINE_VCPU_H
#define VMM_MACHINE_VCPU_H

#include "base/buf.h"
#include "base/thread.h"
#include "engine/engine.h"

struct machine;
struct vcpu_state;

struct vcpu {
	struct machine *machine;    /* borrowed: owns this */
	struct engine_vcpu *engine; /* owned */
	u32 index;
	struct thread thread;
	bool started;		     /* the thread; the loop's thread only */
	int thread_number;	     /* gettid(), set by itself; atomic */
	bool parked, held;	     /* machine's lock */
	bool met;		     /* KVM_EXIT_DEBUG; machine's lock */
	struct vcpu_state *power_on; /* owned */

	/* Why it failed, once EVENT_FAILED names it. */
	const char *failure; /* static sentence */
	int failure_err;     /* -errno of run(), or 0 */
};

/* -EAGAIN as thread_start. It begins parked. */
must_check int vcpu_start(struct vcpu *vcpu);

/* Takes it out of the engine soon; the machine's pause_wanted is set. */
void vcpu_kick(struct vcpu *vcpu);

/* "KVM_EXIT_IO", or "an exit that is not known". */
const char *vcpu_exit_name(u32 reason);

/* Registers and code for people, as far as they fit; it must be parked. */
void vcpu_print(const struct vcpu *vcpu, struct buf *out);
/* The same with why it failed, on standard error. */
void vcpu_dump(const struct vcpu *vcpu);

#endif
