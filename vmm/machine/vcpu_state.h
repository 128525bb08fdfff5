/* SPDX-License-Identifier: MIT */
/*
 * The whole architectural state of one vCPU, read from the engine and written
 * back: how a reset returns to power-on.
 */
#ifndef VMM_MACHINE_VCPU_STATE_H
#define VMM_MACHINE_VCPU_STATE_H

#include "engine/engine.h"

struct vcpu_state;

/*
 * Reads the state of a vCPU that is not running. -ENOMEM, or -errno of the
 * engine. *ret is the caller's, to be freed with vcpu_state_free.
 */
must_check int vcpu_state_save(struct engine *engine, struct engine_vcpu *vcpu,
			       struct vcpu_state **ret);
/* -errno of the engine; the vCPU is then in no defined state. */
must_check int vcpu_state_load(struct engine_vcpu *vcpu,
			       struct vcpu_state *state);
void vcpu_state_free(struct vcpu_state *state);

#endif
