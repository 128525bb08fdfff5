/* SPDX-License-Identifier: MIT */
/* The guest's registers on their way into a stub's frame, and back. */
#ifndef ENGINE_SOFT_DIRECT_STATE_H
#define ENGINE_SOFT_DIRECT_STATE_H

#include "engine/soft/direct/stub.h"
#include "engine/soft/soft.h"

enum state_kind {
	STATE_KICK,    /* nothing happened */
	STATE_PAGE,    /* no page at `address`, with the #PF's `error` */
	STATE_STEPPED, /* a single-step trap is due */
	STATE_OTHER,   /* the instruction at RIP cannot be run there */
};

/* What ended a turn. */
struct state_end {
	enum state_kind kind;
	u64 address, error;
};

/* Can the host's user mode have the state that this vCPU is in? */
bool state_fits(const struct soft_vcpu *vcpu);

/* False: the frame has no room for it. */
must_check bool state_put(const struct soft_vcpu *vcpu,
			  const struct stub_frame *frame);
/* RIP is then at the instruction that is to be run. False, and nothing is changed:
 * no CPU leaves user code so, the guest has tampered with it. */
must_check bool state_take(struct soft_vcpu *vcpu,
			   const struct stub_frame *frame,
			   struct state_end *ret);

#endif
