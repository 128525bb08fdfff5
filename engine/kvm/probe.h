/* SPDX-License-Identifier: MIT */
/*
 * Can the KVM found here run operating systems? Three tiny guests are run in
 * a scratch VM, each about one thing every kernel needs and a KVM without
 * hardware virtualization beneath it lacks. The answer is kept for the boot.
 */
#ifndef ENGINE_KVM_PROBE_H
#define ENGINE_KVM_PROBE_H

#include "base/types.h"
#include "engine/engine.h"

/* No probe takes longer in guests, whatever they do. */
#define KVM_PROBE_BUDGET_NS ((u64)500 * 1000 * 1000)

enum kvm_probe_check {
	KVM_PROBE_SYSCALL,  /* SYSCALL from CPL 3 reaches CPL 0 */
	KVM_PROBE_PAGING32, /* 32-bit paging can be entered */
	KVM_PROBE_POPCNT,   /* popcnt runs at CPL 0 */
	KVM_PROBE_CHECK_COUNT,
};

enum kvm_probe_outcome {
	KVM_PROBE_FINE,
	KVM_PROBE_WRONG,   /* it ended as no processor would */
	KVM_PROBE_TIMEOUT, /* it did not end within the budget */
	KVM_PROBE_ERROR,   /* it could not be set up or run: `err` */
};

struct kvm_probe_result {
	struct {
		enum kvm_probe_outcome outcome;
		int err; /* -errno with KVM_PROBE_ERROR, else 0 */
	} check[KVM_PROBE_CHECK_COUNT];
};

/*
 * KVM_FULL or KVM_LIMITED, from the cache of this boot or by running the
 * guests. `why` (why_size > 0) gets the clause that explains it, without a
 * full stop: "this /dev/kvm is limited: popcnt at CPL 0 fails".
 * Blocks one signal of the calling thread, SIGRTMAX, while it runs.
 */
enum kvm_quality kvm_probe(struct engine *e, char *why, size_t why_size);

/* The parts, for tests. Neither fails. */
void kvm_probe_run(struct engine *e, u64 budget_ns,
		   struct kvm_probe_result *ret);
enum kvm_quality kvm_probe_classify(const struct kvm_probe_result *result,
				    char *why, size_t why_size);
/* Would another try today give the same? Timeouts and errors might not. */
bool kvm_probe_is_final(const struct kvm_probe_result *result);

#endif
