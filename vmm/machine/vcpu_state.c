/* SPDX-License-Identifier: MIT */
/*
 * vCPU state through the engine's calls. Where an engine lacks a call that
 * only newer CPUs need (XCRs, debug registers), that part is left out on both
 * ways.
 */
#include "vmm/machine/vcpu_state.h"

#include <stdlib.h>

#define MSR_COUNT_MAX 1024

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xsave *xsave; /* owned: it ends in a flexible array */
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	bool has_xsave, has_xcrs, has_debugregs, has_events;
	struct kvm_msrs *msrs; /* owned; those that could be read */
};

static struct kvm_msrs *msrs_alloc(u32 count)
{
	return calloc(1, sizeof(struct kvm_msrs) +
				 count * sizeof(struct kvm_msr_entry));
}

/*
 * One call reads up to the first index refused; that one is dropped and the
 * rest tried again.
 */
static int read_msrs(struct engine_vcpu *vcpu, struct kvm_msrs *msrs)
{
	u32 kept = 0, at = 0, total = msrs->nmsrs;
	struct kvm_msrs *rest = msrs_alloc(total);

	if (!rest)
		return trace_err(-ENOMEM);
	while (at < total) {
		int n;

		rest->nmsrs = total - at;
		for (u32 i = 0; i < rest->nmsrs; i++)
			rest->entries[i] = msrs->entries[at + i];
		n = vcpu->ops->get_msrs(vcpu, rest);
		if (n < 0) {
			free(rest);
			return n;
		}
		for (int i = 0; i < n; i++)
			msrs->entries[kept++] = rest->entries[i];
		at += (u32)n + 1;
	}
	msrs->nmsrs = kept;
	free(rest);
	return 0;
}

static int save_msrs(struct engine *engine, struct engine_vcpu *vcpu,
		     struct vcpu_state *state)
{
	struct kvm_msr_list *list = calloc(
		1, sizeof(*list) + MSR_COUNT_MAX * sizeof(list->indices[0]));
	int err;

	state->msrs = msrs_alloc(MSR_COUNT_MAX);
	if (!list || !state->msrs) {
		free(list);
		return trace_err(-ENOMEM);
	}
	list->nmsrs = MSR_COUNT_MAX;
	err = engine->ops->get_msr_index_list(engine, list);
	if (!err) {
		state->msrs->nmsrs = list->nmsrs;
		for (u32 i = 0; i < list->nmsrs; i++)
			state->msrs->entries[i].index = list->indices[i];
		err = read_msrs(vcpu, state->msrs);
	}
	free(list);
	return err;
}

static int save_registers(struct engine_vcpu *vcpu, struct vcpu_state *state)
{
	const struct engine_vcpu_ops *ops = vcpu->ops;
	int err = ops->get_regs(vcpu, &state->regs);

	if (!err)
		err = ops->get_sregs(vcpu, &state->sregs);
	if (!err)
		err = ops->get_fpu(vcpu, &state->fpu);
	if (!err)
		err = ops->get_mp_state(vcpu, &state->mp_state);
	if (err)
		return trace_err(err);
	state->has_xsave = !ops->get_xsave(vcpu, state->xsave);
	state->has_xcrs = !ops->get_xcrs(vcpu, &state->xcrs);
	state->has_debugregs = !ops->get_debugregs(vcpu, &state->debugregs);
	state->has_events = !ops->get_vcpu_events(vcpu, &state->events);
	return 0;
}

int vcpu_state_save(struct engine *engine, struct engine_vcpu *vcpu,
		    struct vcpu_state **ret)
{
	struct vcpu_state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return trace_err(-ENOMEM);
	state->xsave = calloc(1, sizeof(*state->xsave));
	err = state->xsave ? save_registers(vcpu, state) : trace_err(-ENOMEM);
	if (!err)
		err = save_msrs(engine, vcpu, state);
	/* Last: a deadline that is over by now is in IRR then. */
	if (!err)
		err = vcpu->ops->get_lapic(vcpu, &state->lapic);
	if (err) {
		vcpu_state_free(state);
		return err;
	}
	*ret = state;
	return 0;
}

/*
 * MSRs one run at a time: a value that cannot be written back (a counter that
 * only reads) does not keep the rest from it.
 */
static int load_msrs(struct engine_vcpu *vcpu, const struct kvm_msrs *msrs)
{
	struct kvm_msrs *rest = msrs_alloc(msrs->nmsrs);
	int n = 0;

	if (!rest)
		return trace_err(-ENOMEM);
	for (u32 at = 0; at < msrs->nmsrs; at += (u32)n + 1) {
		rest->nmsrs = msrs->nmsrs - at;
		for (u32 i = 0; i < rest->nmsrs; i++)
			rest->entries[i] = msrs->entries[at + i];
		n = vcpu->ops->set_msrs(vcpu, rest);
		if (n < 0)
			break;
	}
	free(rest);
	return n < 0 ? n : 0;
}

/* The order matters: SREGS turns the local APIC on before it is loaded, and that
 * stops its timer, which the MSR of the deadline then starts again. */
int vcpu_state_load(struct engine_vcpu *vcpu, struct vcpu_state *state)
{
	const struct engine_vcpu_ops *ops = vcpu->ops;
	int err = ops->set_sregs(vcpu, &state->sregs);

	if (!err)
		err = ops->set_regs(vcpu, &state->regs);
	if (!err && state->has_xcrs)
		err = ops->set_xcrs(vcpu, &state->xcrs);
	if (!err)
		err = state->has_xsave ? ops->set_xsave(vcpu, state->xsave)
				       : ops->set_fpu(vcpu, &state->fpu);
	if (!err && state->has_debugregs)
		err = ops->set_debugregs(vcpu, &state->debugregs);
	if (!err)
		err = ops->set_lapic(vcpu, &state->lapic);
	if (!err)
		err = load_msrs(vcpu, state->msrs);
	if (!err && state->has_events)
		err = ops->set_vcpu_events(vcpu, &state->events);
	if (!err)
		err = ops->set_mp_state(vcpu, &state->mp_state);
	return err ? trace_err(err) : 0;
}

void vcpu_state_free(struct vcpu_state *state)
{
	if (!state)
		return;
	free(state->msrs);
	free(state->xsave);
	free(state);
}
