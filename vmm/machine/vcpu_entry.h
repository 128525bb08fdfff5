/* SPDX-License-Identifier: MIT */
/* Puts the first CPU where a boot loader says it starts. */
#ifndef VMM_MACHINE_VCPU_ENTRY_H
#define VMM_MACHINE_VCPU_ENTRY_H

#include "engine/engine.h"
#include "vmm/firmware/boot/boot.h"

/* -errno of the engine. */
must_check int vcpu_enter_boot(struct engine_vcpu *vcpu,
			       const struct boot_entry *entry);

#endif
