/* SPDX-License-Identifier: MIT */
/* Gives a vCPU its CPUID list. */
#ifndef VMM_MACHINE_CPUID_H
#define VMM_MACHINE_CPUID_H

#include "engine/cpu_model.h"
#include "engine/engine.h"

/*
 * `physical_bits`: no wider addresses than these; 0: as the model has them.
 * -EINVAL or -ENOTSUP as cpu_model_cpuid, -ENOMEM, or of the engine.
 */
must_check int cpuid_set(struct engine *engine, struct engine_vcpu *vcpu,
			 const char *model, const struct cpu_topology *topology,
			 u32 cpu_index, u32 physical_bits, struct fault *fault);

#endif
