/* SPDX-License-Identifier: MIT */
/*
 * A picture of one VM with one vCPU: everything that the engine's GET calls
 * tell, side by side, to be compared with another.
 */
#ifndef TESTS_STATE_SHOT_H
#define TESTS_STATE_SHOT_H

#include "engine/engine.h"

#define SHOT_MSRS_MAX 256

struct shot {
	struct kvm_regs regs;
	struct kvm_sregs2 sregs2;
	struct kvm_fpu fpu;
	u8 xsave[sizeof(struct kvm_xsave)]; /* which has a flexible end */
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	u64 tsc_khz;
	u32 msr_count;
	struct kvm_msr_entry msr[SHOT_MSRS_MAX];
};

/* The vCPU is not running and has finished its exit. -errno of the engine. */
must_check int shot_take(struct engine *engine, struct engine_vm *vm,
			 struct engine_vcpu *vcpu, struct shot *ret);

/*
 * How many parts of `after` are not what they were in `before`; each is printed.
 * Clocks that run on, and what their ticks raise meanwhile, may differ.
 */
u32 shot_differs(const struct shot *before, const struct shot *after);

#endif
