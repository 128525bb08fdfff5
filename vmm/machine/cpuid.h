/* SPDX-License-Identifier: MIT */
/* Gives a vCPU its CPUID list. */
#ifndef VMM_MACHINE_CPUID_H
#define VMM_MACHINE_CPUID_H

#include "engine/cpu_model.h"
#include "engine/engine.h"

/* -EINVAL or -ENOTSUP as cpu_model_cpuid, -ENOMEM, or of the engine. */
must_check int cpuid_set(struct engine *engine, struct engine_vcpu *vcpu,
			 const char *model, const struct cpu_topology *topology,
			 u32 cpu_index, struct fault *fault);

#endif
