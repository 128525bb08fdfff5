/* SPDX-License-Identifier: MIT */
/*
 * Choosing the way under the seam.
 *
 * "kvm" and "soft" are taken at their word. "auto" wants the fastest way that
 * can run an operating system, and the mere existence of /dev/kvm does not say
 * so: a KVM may be built without hardware virtualization beneath it, keep the
 * whole ABI, and still leave out instructions and modes every kernel uses. So
 * auto asks the probe, which runs three tiny guests, and takes /dev/kvm only
 * when all three did what the hardware does. Everything else gets the software
 * engine, whose openers' one failure is memory.
 *
 * The choice is told in one line, "accel: WAY (WHY)". A person whose VM is
 * slower than expected needs that line, so the caller prints it.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/kvm/probe.h"

/* "auto" found nothing better; `why` completes the sentence. */
static int open_soft(const char *options, const char *why, struct engine **ret,
		     char *reason, u32 reason_size, struct fault *fault)
{
	int err = engine_soft_open(options, ret, fault);

	if (err == 0 && reason)
		(void)snprintf(reason, reason_size, "accel: soft (%s)%s", why,
			       engine_soft_translates(*ret) ? ""
			       : options		    ? "; it interprets"
					 : "; it interprets: executable memory "
					   "is not to be had");
	return err;
}

static int open_auto(struct engine **ret, char *reason, u32 reason_size,
		     struct fault *fault)
{
	struct fault kvm_fault = {0};
	struct engine *kvm = NULL;
	char why[FAULT_TEXT_BYTES_MAX];

	if (engine_kvm_open(&kvm, &kvm_fault) < 0) {
		(void)fault_format(&kvm_fault, why, sizeof(why));
		return open_soft(NULL, why, ret, reason, reason_size, fault);
	}
	if (kvm_probe(kvm, why, sizeof(why)) != KVM_FULL) {
		kvm->ops->free(kvm);
		return open_soft(NULL, why, ret, reason, reason_size, fault);
	}
	if (reason)
		(void)snprintf(reason, reason_size, "accel: kvm (%s)", why);
	*ret = kvm;
	return 0;
}

int engine_open(const char *accel, struct engine **ret, char *reason,
		u32 reason_size, struct fault *fault)
{
	int err;

	assert(accel && ret);
	assert(!reason || reason_size > 0);
	if (strcmp(accel, "auto") == 0)
		return open_auto(ret, reason, reason_size, fault);
	if (strcmp(accel, "soft") == 0)
		return open_soft(NULL, "as asked", ret, reason, reason_size,
				 fault);
	if (strncmp(accel, "soft:", 5) == 0)
		return open_soft(accel + 5, "as asked", ret, reason,
				 reason_size, fault);
	if (strcmp(accel, "kvm") != 0)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "there is no accelerator '%s': auto, kvm or "
				 "soft",
				 accel);
	err = engine_kvm_open(ret, fault);
	if (err == 0 && reason)
		(void)snprintf(reason, reason_size, "accel: kvm (as asked)");
	return err;
}
