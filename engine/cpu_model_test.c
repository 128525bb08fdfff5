/* SPDX-License-Identifier: MIT */
/* CPU models over made-up supported lists. */
#include "engine/cpu_model.h"

#include "base/test.h"
#include "engine/core/cpuid/cpuid.h"
#include "engine/core/cpuid/cpuid_bits.h"

#define LIST_MAX 128

union list {
	struct kvm_cpuid2 head;
	struct {
		u32 nent, padding;
		struct kvm_cpuid_entry2 entries[LIST_MAX];
	};
};

static union list supported, got;
static struct fault fault;

/* Everything on: what a host that can do it all would offer. */
static void generous_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 regs[4])
{
	const u32 *vendor = ctx;

	for (u32 i = 0; i < 4; i++)
		regs[i] = 0;
	switch (leaf) {
	case 0:
		regs[0] = 0x1f;
		memcpy(regs + 1, vendor, 12);
		break;
	case 1:
		regs[0] = 0xc06f2;
		regs[1] = 8 << 8;
		regs[2] = regs[3] = ~0u;
		break;
	case 4:
	case 0x8000001du:
		if (subleaf < 4)
			regs[0] = (subleaf == 1 ? 2 : 1) |
				  (subleaf < 2 ? 1 : subleaf) << 5;
		break;
	case 7:
	case 0xd:
		regs[0] = subleaf ? ~0u : leaf == 7 ? 1 : 7;
		regs[1] = regs[2] = regs[3] = subleaf ? 0 : ~0u;
		break;
	case 0x80000000u:
		regs[0] = 0x80000021u;
		break;
	case 0x80000001u:
		regs[2] = regs[3] = ~0u;
		break;
	case 0x80000008u:
		regs[0] = 0x3934;
		break;
	}
}

static const u32 intel[3] = {0x756e6547, 0x49656e69, 0x6c65746e};
static const u32 amd[3] = {0x68747541, 0x69746e65, 0x444d4163};

static void support(const u32 vendor[3])
{
	u32 name[3];
	struct cpuid_host host = {
		.cpuid = generous_cpuid,
		.ctx = name,
		.xcr0 = 7,
		.kvm_features = CPUID_KVM_FEATURES_DEFAULT,
		.tsc_khz = 2000000,
		.apic_bus_khz = 1000000,
	};

	/* Leaf 0 has the vendor in EBX, EDX, ECX. */
	name[0] = vendor[0];
	name[1] = vendor[2];
	name[2] = vendor[1];
	memset(&supported, 0, sizeof(supported));
	supported.head.nent =
		cpuid_host_supported(&host, supported.entries, LIST_MAX);
	check(supported.head.nent <= LIST_MAX);
}

static struct kvm_cpuid_entry2 *entry(union list *list, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < list->head.nent; i++)
		if (list->entries[i].function == leaf &&
		    list->entries[i].index == subleaf)
			return &list->entries[i];
	test_fail("no entry for leaf 0x%x.%u", leaf, subleaf);
}

static int build(const char *name, u32 cpu, u32 sockets, u32 cores, u32 threads)
{
	const struct cpu_topology topology = {sockets, cores, threads};

	memset(&got, 0xee, sizeof(got));
	got.head.nent = LIST_MAX;
	fault_clear(&fault);
	return cpu_model_cpuid(name, &supported.head, cpu, &topology, &got.head,
			       &fault);
}

TEST(every_model_can_be_built_on_a_host_that_has_all)
{
	const u32 *vendors[] = {intel, amd};

	for (u32 v = 0; v < 2; v++) {
		support(vendors[v]);
		for (u32 i = 0; cpu_model_name(i); i++) {
			check_eq(build(cpu_model_name(i), 0, 1, 1, 1), 0);
			for (u32 j = 0; j < got.head.nent; j++)
				for (u32 k = 0; k < j; k++)
					check(got.entries[j].function !=
						      got.entries[k].function ||
					      got.entries[j].index !=
						      got.entries[k].index);
		}
	}
	check_str_eq(cpu_model_name(0), "host");
}

TEST(an_unknown_model_is_refused_by_name)
{
	support(intel);
	check_eq(build("v9", 0, 1, 1, 1), -EINVAL);
	check(strstr(fault.text[0], "'v9'") != NULL);
}

TEST(a_missing_feature_is_named)
{
	support(intel);
	entry(&supported, 7, 0)->ebx &= ~CPUID_7_EBX_BMI2;
	check_eq(build("v3", 0, 1, 1, 1), -ENOTSUP);
	check(strstr(fault.text[0], "'bmi2'") != NULL);
	check_eq(fault.class, FAULT_UNSUPPORTED);
	check_eq(build("v2", 0, 1, 1, 1), 0);
}

TEST(a_topology_without_that_vcpu_is_refused)
{
	support(intel);
	check_eq(build("v1", 4, 1, 2, 2), -EINVAL);
	check_eq(build("v1", 3, 1, 2, 2), 0);
	check_eq(build("v1", 0, 0, 1, 1), -EINVAL);
	check_eq(build("v1", 0, 1025, 1, 1), -EINVAL);
	check_eq(build("v1", 0, 1024, 1024, 256), -EINVAL);
}

TEST(too_little_room_is_told)
{
	const struct cpu_topology one = {1, 1, 1};

	support(intel);
	for (u32 i = 0; cpu_model_name(i); i++) {
		check_eq(build(cpu_model_name(i), 0, 1, 1, 1), 0);
		for (u32 room = 0, whole = got.head.nent; room < whole; room++) {
			memset(&got, 0xee, sizeof(got));
			got.head.nent = room;
			check_eq(cpu_model_cpuid(cpu_model_name(i),
						 &supported.head, 0, &one,
						 &got.head, NULL),
				 -E2BIG);
			check_eq(got.entries[room].function, 0xeeeeeeeeu);
		}
	}
}

TEST(the_levels_nest_and_hold_no_more_than_their_level)
{
	support(intel);
	check_eq(build("v1", 0, 1, 1, 1), 0);
	check_eq(entry(&got, 1, 0)->ecx & (CPUID_1_ECX_SSE3 | CPUID_1_ECX_CX16 |
					   CPUID_1_ECX_AVX | CPUID_1_ECX_AES),
		 0);
	check(entry(&got, 1, 0)->edx & CPUID_1_EDX_SSE2);
	check_eq(build("v2", 0, 1, 1, 1), 0);
	check(entry(&got, 1, 0)->ecx & CPUID_1_ECX_SSE4_2);
	check_eq(entry(&got, 1, 0)->ecx & (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX),
		 0);
	check_eq(build("v3", 0, 1, 1, 1), 0);
	check(entry(&got, 1, 0)->ecx & CPUID_1_ECX_AVX);
	check(entry(&got, 7, 0)->ebx & CPUID_7_EBX_BMI2);
	check_eq(entry(&got, 7, 0)->ebx & CPUID_7_EBX_SHA, 0);
	check_eq(entry(&got, 0xd, 0)->ecx, 832);
	check(entry(&got, 0, 0)->eax >= 0xd);
}

TEST(a_level_is_the_same_on_a_lesser_host)
{
	union list rich;

	support(intel);
	check_eq(build("v2", 1, 1, 2, 1), 0);
	rich = got;
	entry(&supported, 1, 0)->eax = 0x306a9;
	entry(&supported, 1, 0)->ecx &= ~(CPUID_1_ECX_AVX | CPUID_1_ECX_XSAVE);
	entry(&supported, 4, 2)->ecx = 77;
	check_eq(build("v2", 1, 1, 2, 1), 0);
	check_eq(got.head.nent, rich.head.nent);
	check_mem_eq(got.entries, rich.entries,
		     got.head.nent * sizeof(got.entries[0]));
}

TEST(host_keeps_what_is_supported)
{
	support(intel);
	check_eq(build("host", 0, 1, 1, 1), 0);
	check_eq(entry(&got, 1, 0)->eax, 0xc06f2);
	check_eq(entry(&got, 1, 0)->ecx, entry(&supported, 1, 0)->ecx);
	check_eq(entry(&got, 7, 0)->ebx, entry(&supported, 7, 0)->ebx);
	check_eq(entry(&got, 0x15, 0)->ecx, 1000000000);
}

TEST(apic_ids_leave_whole_bits_for_each_level)
{
	const struct cpu_topology t = {2, 3, 2};
	const u32 expect[12] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13};

	for (u32 i = 0; i < 12; i++)
		check_eq(cpu_model_apic_id(&t, i), expect[i]);
}

TEST(intel_topology_leaves_agree_with_the_apic_id)
{
	support(intel);
	for (u32 i = 0; i < 12; i++) {
		const struct cpu_topology t = {2, 3, 2};
		u32 id = cpu_model_apic_id(&t, i);

		check_eq(build(i % 2 ? "host" : "v2", i, 2, 3, 2), 0);
		check_eq(entry(&got, 1, 0)->ebx >> 24, id);
		check_eq(entry(&got, 1, 0)->ebx >> 16 & 0xff, 8);
		check(entry(&got, 1, 0)->edx & CPUID_1_EDX_HTT);
		check_eq(entry(&got, 0xb, 0)->edx, id);
		check_eq(entry(&got, 0xb, 0)->eax, 1);
		check_eq(entry(&got, 0xb, 0)->ebx, 2);
		check_eq(entry(&got, 0xb, 0)->ecx, 0x100);
		check_eq(entry(&got, 0xb, 1)->eax, 3);
		check_eq(entry(&got, 0xb, 1)->ebx, 6);
		check_eq(entry(&got, 0xb, 1)->ecx, 0x201);
		check_eq(entry(&got, 0xb, 2)->ebx, 0);
		check_eq(entry(&got, 4, 0)->eax >> 14 & 0xfff, 1);
		check_eq(entry(&got, 4, 3)->eax >> 14 & 0xfff, 7);
		check_eq(entry(&got, 4, 0)->eax >> 26, 3);
	}
}

TEST(amd_topology_leaves_agree_with_the_apic_id)
{
	support(amd);
	check_eq(build("v3", 9, 2, 3, 2), 0);
	check_eq(entry(&got, 0x8000001eu, 0)->eax, 11);
	check_eq(entry(&got, 0x8000001eu, 0)->ebx, 1 << 8 | 1);
	check_eq(entry(&got, 0x8000001eu, 0)->ecx, 1);
	check_eq(entry(&got, 0x80000008u, 0)->ecx, 3 << 12 | 5);
	check(entry(&got, 0x80000001u, 0)->ecx & CPUID_X1_ECX_CMP_LEGACY);
	check_eq(entry(&got, 0x8000001du, 3)->eax >> 14 & 0xfff, 5);
	check_eq(entry(&got, 0x80000001u, 0)->edx & CPUID_X1_EDX_SHARED,
		 entry(&got, 1, 0)->edx & CPUID_X1_EDX_SHARED);
	check(entry(&got, 0x80000000u, 0)->eax >= 0x8000001eu);
}

TEST(a_single_vcpu_has_no_siblings)
{
	support(intel);
	check_eq(build("v3", 0, 1, 1, 1), 0);
	check_eq(entry(&got, 1, 0)->edx & CPUID_1_EDX_HTT, 0);
	check_eq(entry(&got, 1, 0)->ebx >> 16 & 0xff, 1);
	check_eq(entry(&got, 4, 3)->eax >> 14, 0);
}

TEST(the_kvm_leaves_are_passed_on)
{
	support(intel);
	check_eq(build("v1", 0, 1, 1, 1), 0);
	check_eq(entry(&got, CPUID_KVM_FEATURES, 0)->eax,
		 CPUID_KVM_FEATURES_DEFAULT);
	check_eq(entry(&got, CPUID_KVM_FREQUENCY, 0)->eax, 2000000);
}
