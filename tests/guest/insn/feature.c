/* SPDX-License-Identifier: MIT */
#include "tests/guest/insn/feature.h"

#include <cpuid.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };

/* [SDM2 "CPUID", tables 3-8 and on], [APM3 Appendix E] */
static const struct feature {
	const char *name;
	u32 leaf, subleaf;
	u8 reg, bit;
} features[] = {
	{"sse3", 1, 0, ECX, 0},
	{"pclmulqdq", 1, 0, ECX, 1},
	{"ssse3", 1, 0, ECX, 9},
	{"fma", 1, 0, ECX, 12},
	{"cx16", 1, 0, ECX, 13},
	{"sse41", 1, 0, ECX, 19},
	{"sse42", 1, 0, ECX, 20},
	{"movbe", 1, 0, ECX, 22},
	{"popcnt", 1, 0, ECX, 23},
	{"aes", 1, 0, ECX, 25},
	{"xsave", 1, 0, ECX, 26},
	{"avx", 1, 0, ECX, 28},
	{"f16c", 1, 0, ECX, 29},
	{"rdrand", 1, 0, ECX, 30},
	{"fsgsbase", 7, 0, EBX, 0},
	{"bmi1", 7, 0, EBX, 3},
	{"avx2", 7, 0, EBX, 5},
	{"bmi2", 7, 0, EBX, 8},
	{"adx", 7, 0, EBX, 19},
	{"smap", 7, 0, EBX, 20},
	{"sha", 7, 0, EBX, 29},
	{"lahf", 0x80000001, 0, ECX, 0},
	{"lzcnt", 0x80000001, 0, ECX, 5},
	/* A bit of "Genu" that "Auth" has not, and the other way. */
	{"intel", 0, 0, EBX, 1},
	{"amd", 0, 0, EBX, 12},
};

const char *insn_feature_name(struct str name)
{
	for (u32 i = 0; i < ARRAY_SIZE(features); i++)
		if (str_eq_c(name, features[i].name))
			return features[i].name;
	return NULL;
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *cpuid,
					   u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf &&
		    cpuid->entries[i].index == subleaf)
			return &cpuid->entries[i];
	return NULL;
}

static bool has(const struct kvm_cpuid2 *cpuid, const struct feature *feature)
{
	const struct kvm_cpuid_entry2 *entry =
		find(cpuid, feature->leaf, feature->subleaf);
	u32 value[4];

	if (!entry)
		return false;
	value[EAX] = entry->eax;
	value[EBX] = entry->ebx;
	value[ECX] = entry->ecx;
	value[EDX] = entry->edx;
	return value[feature->reg] & BIT(feature->bit);
}

bool insn_feature_in(const struct kvm_cpuid2 *cpuid, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].name == name)
			return has(cpuid, &features[i]);
	return false;
}

void insn_feature_host(struct kvm_cpuid2 *cpuid)
{
	cpuid->nent = 0;
	for (u32 i = 0; i < ARRAY_SIZE(features); i++) {
		struct kvm_cpuid_entry2 entry = {
			.function = features[i].leaf,
			.index = features[i].subleaf,
		};

		if (find(cpuid, entry.function, entry.index))
			continue;
		if (__get_cpuid_count(entry.function, entry.index, &entry.eax,
				      &entry.ebx, &entry.ecx, &entry.edx))
			cpuid->entries[cpuid->nent++] = entry;
	}
}
