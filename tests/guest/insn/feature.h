/* SPDX-License-Identifier: MIT */
/* Features by name, and whether a CPUID table has them. */
#ifndef TESTS_GUEST_INSN_FEATURE_H
#define TESTS_GUEST_INSN_FEATURE_H

#include <linux/kvm.h>

#include "base/str.h"

#define INSN_CPUIDS_MAX 256

/* The static name equal to `name`, or NULL for an unknown feature. */
const char *insn_feature_name(struct str name);
/* `name` is one that insn_feature_name gave. */
bool insn_feature_in(const struct kvm_cpuid2 *cpuid, const char *name);
/* This processor's own table, as far as the features need it. */
void insn_feature_host(struct kvm_cpuid2 *cpuid);

#endif
