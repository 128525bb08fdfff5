/* SPDX-License-Identifier: MIT */
/* From what the engine supports to what one vCPU shows. */
#include "vmm/machine/cpuid.h"

#include <stdlib.h>

#define SUPPORTED_MAX 256
#define RESULT_MAX    (SUPPORTED_MAX + CPU_MODEL_ENTRIES_EXTRA)

static struct kvm_cpuid2 *list_alloc(u32 count)
{
	struct kvm_cpuid2 *list = calloc(
		1, sizeof(*list) + count * sizeof(struct kvm_cpuid_entry2));

	if (list)
		list->nent = count;
	return list;
}

/* [SDM2 CPUID "Linear/Physical Address Size"] */
static void limit_addresses(struct kvm_cpuid2 *list, u32 bits)
{
	for (u32 i = 0; bits && i < list->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &list->entries[i];

		if (entry->function == 0x80000008u && (entry->eax & 0xff) > bits)
			entry->eax = (entry->eax & ~0xffu) | bits;
	}
}

int cpuid_set(struct engine *engine, struct engine_vcpu *vcpu,
	      const char *model, const struct cpu_topology *topology,
	      u32 cpu_index, u32 physical_bits, struct fault *fault)
{
	struct kvm_cpuid2 *supported = list_alloc(SUPPORTED_MAX);
	struct kvm_cpuid2 *result = list_alloc(RESULT_MAX);
	int err = -ENOMEM;

	if (!supported || !result) {
		fault_set(fault, FAULT_NO_MEMORY, err, "CPUID");
		goto free_lists;
	}
	err = engine->ops->get_supported_cpuid(engine, supported);
	if (err) {
		fault_set(fault, FAULT_INTERNAL, err,
			  "the engine does not tell its CPUID");
		goto free_lists;
	}
	err = cpu_model_cpuid(model, supported, cpu_index, topology, result,
			      fault);
	if (err)
		goto free_lists;
	limit_addresses(result, physical_bits);
	err = vcpu->ops->set_cpuid2(vcpu, result);
	if (err)
		fault_set(fault, FAULT_INTERNAL, err,
			  "the engine refuses CPU model '%s'", model);
free_lists:
	free(supported);
	free(result);
	return err;
}
