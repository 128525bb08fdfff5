/* SPDX-License-Identifier: MIT */
/* The system calls, and what VMs and vCPUs refuse. [KVM-API 4] */
#include <unistd.h>

#include "engine/conform/machine.h"

#define ROOM 512

union cpuid_list {
	struct kvm_cpuid2 head;
	struct {
		u32 nent, padding;
		struct kvm_cpuid_entry2 entries[ROOM];
	};
};

union msr_list {
	struct kvm_msr_list head;
	struct {
		u32 nmsrs;
		u32 indices[ROOM];
	};
};

union msr_one {
	struct kvm_msrs head;
	struct {
		u32 nmsrs, pad;
		struct kvm_msr_entry entry;
	};
};

TEST(the_run_page_has_room_for_the_structure)
{
	int size = way->ops->vcpu_mmap_size(way);

	check(size >= (int)sizeof(struct kvm_run));
	check_eq(size % 4096, 0);
}

TEST(an_unknown_capability_is_zero)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);

	check_eq(way->ops->check_extension(way, 0xfffff), 0);
	check_eq(m->vm->ops->check_extension(m->vm, 0xfffff), 0);
}

TEST(the_capabilities_every_client_needs_are_there)
{
	static const u32 caps[] = {
		KVM_CAP_USER_MEMORY,
		KVM_CAP_SET_TSS_ADDR,
		KVM_CAP_EXT_CPUID,
		KVM_CAP_IRQCHIP,
		KVM_CAP_NR_VCPUS,
		KVM_CAP_NR_MEMSLOTS,
		KVM_CAP_MP_STATE,
		KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
		KVM_CAP_VCPU_EVENTS,
		KVM_CAP_DEBUGREGS,
		KVM_CAP_XSAVE,
		KVM_CAP_XCRS,
		KVM_CAP_IRQ_ROUTING,
		KVM_CAP_IRQFD,
		KVM_CAP_IOEVENTFD,
		KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_SIGNAL_MSI,
		KVM_CAP_ADJUST_CLOCK,
	};

	for (u32 i = 0; i < ARRAY_SIZE(caps); i++)
		if (way->ops->check_extension(way, caps[i]) <= 0)
			fail("capability %u is not offered", caps[i]);
}

TEST(the_number_of_vcpus_is_told_and_kept)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);
	struct engine_vcpu *vcpu;
	int most = way->ops->check_extension(way, KVM_CAP_MAX_VCPUS);
	int ids = way->ops->check_extension(way, KVM_CAP_MAX_VCPU_ID);

	check(most >= 1);
	check(ids == 0 || ids >= most);
	check_err(m->vm->ops->create_vcpu(m->vm, (u32)(ids ? ids : most), &vcpu),
		  EINVAL);
	machine_add_vcpu(m, 1);
	check_err(m->vm->ops->create_vcpu(m->vm, 1, &vcpu), EEXIST);
}

TEST(several_vcpus_can_be_made)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);

	for (u32 id = 0; id < MACHINE_VCPUS_MAX; id++)
		machine_add_vcpu(m, id);
}

TEST(vms_come_and_go)
{
	for (u32 i = 0; i < 20; i++) {
		(void)machine_new(i % 2 ? MACHINE_IRQCHIP : MACHINE_NO_IRQCHIP);
		machine_free_all();
	}
}

TEST(an_unknown_machine_type_is_refused)
{
	struct engine_vm *vm;

	check_err(way->ops->create_vm(way, 0x1000, &vm), EINVAL);
}

TEST(supported_cpuid_wants_room)
{
	static union cpuid_list list;
	u32 whole;

	list.nent = 1;
	check_err(way->ops->get_supported_cpuid(way, &list.head), E2BIG);
	list.nent = 0;
	check_err(way->ops->get_supported_cpuid(way, &list.head), E2BIG);
	list.nent = ROOM;
	check_ok(way->ops->get_supported_cpuid(way, &list.head));
	whole = list.nent;
	check(whole > 10 && whole < ROOM);
	list.nent = whole;
	check_ok(way->ops->get_supported_cpuid(way, &list.head));
	list.nent = whole - 1;
	check_err(way->ops->get_supported_cpuid(way, &list.head), E2BIG);
}

TEST(supported_cpuid_has_what_every_guest_needs)
{
	static union cpuid_list list;
	bool long_mode = false, hypervisor = false;

	list.nent = ROOM;
	check_ok(way->ops->get_supported_cpuid(way, &list.head));
	for (u32 i = 0; i < list.nent; i++) {
		const struct kvm_cpuid_entry2 *e = &list.entries[i];

		if (e->function == 0x80000001u)
			long_mode = e->edx >> 29 & 1;
		if (e->function == 0x40000000u)
			hypervisor = memcmp(&e->ebx, "KVMKVMKVM\0\0\0", 12) == 0;
		if (e->function == 1) /* FPU, PSE, TSC, MSR, PAE, CX8, SSE2 */
			check_eq(e->edx & 0x04000179, 0x04000179);
	}
	check(long_mode && hypervisor);
}

TEST_FULL(cpuid_is_given_back_as_it_was_set, "CPUID is kept as it was set")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	static union cpuid_list set, got;

	set.nent = ROOM;
	check_ok(way->ops->get_supported_cpuid(way, &set.head));
	for (u32 i = 0; i < set.nent; i++)
		if (set.entries[i].function == 0x80000002u)
			memcpy(&set.entries[i].eax, "conformance", 12);
	check_ok(m->vcpu[0]->ops->set_cpuid2(m->vcpu[0], &set.head));
	got.nent = ROOM;
	check_ok(m->vcpu[0]->ops->get_cpuid2(m->vcpu[0], &got.head));
	check_eq(got.nent, set.nent);
	for (u32 i = 0; i < got.nent; i++) {
		check_eq(got.entries[i].function, set.entries[i].function);
		check_eq(got.entries[i].index, set.entries[i].index);
		if (got.entries[i].function == 0x80000002u)
			check_eq(memcmp(&got.entries[i].eax, "conformance", 12),
				 0);
	}
	got.nent = 1;
	check_err(m->vcpu[0]->ops->get_cpuid2(m->vcpu[0], &got.head), E2BIG);
}

TEST(too_many_cpuid_entries_are_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	static union cpuid_list list;

	list.nent = ROOM;
	check_err(m->vcpu[0]->ops->set_cpuid2(m->vcpu[0], &list.head), E2BIG);
}

TEST(the_msr_index_list_wants_room)
{
	static union msr_list list;
	u32 whole;

	list.nmsrs = 0;
	check_err(way->ops->get_msr_index_list(way, &list.head), E2BIG);
	whole = list.nmsrs; /* told all the same */
	check(whole > 10 && whole < ROOM);
	check_ok(way->ops->get_msr_index_list(way, &list.head));
	check_eq(list.nmsrs, whole);
	list.nmsrs = whole - 1;
	check_err(way->ops->get_msr_index_list(way, &list.head), E2BIG);
}

TEST(feature_msrs_can_be_read_without_a_vm)
{
	static union msr_list list;

	need_cap(KVM_CAP_GET_MSR_FEATURES);
	list.nmsrs = ROOM;
	check_ok(way->ops->get_msr_feature_index_list(way, &list.head));
	check(list.nmsrs < ROOM);
	for (u32 i = 0; i < list.nmsrs; i++) {
		union msr_one one = {.nmsrs = 1};

		one.entry.index = list.indices[i];
		check_eq(way->ops->get_feature_msrs(way, &one.head), 1);
	}
	list.nmsrs = 0;
	check_err(way->ops->get_msr_feature_index_list(way, &list.head), E2BIG);
}

TEST(an_unknown_capability_cannot_be_enabled)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_enable_cap cap = {.cap = 0xfffff};

	check_err(m->vm->ops->enable_cap(m->vm, &cap), EINVAL);
	check_err(m->vcpu[0]->ops->enable_cap(m->vcpu[0], &cap), EINVAL);
	cap.cap = KVM_CAP_SPLIT_IRQCHIP;
	cap.flags = 1;
	check_err(m->vm->ops->enable_cap(m->vm, &cap), EINVAL);
}

TEST(addresses_for_the_tss_and_identity_map_are_taken)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);

	check_ok(m->vm->ops->set_tss_addr(m->vm, 0xfffbd000));
	check_ok(m->vm->ops->set_identity_map_addr(m->vm, 0xfffbc000));
	machine_add_vcpu(m, 0);
	check_err(m->vm->ops->set_identity_map_addr(m->vm, 0xfffbc000), EINVAL);
}

TEST(the_boot_cpu_is_chosen_before_there_are_any)
{
	struct machine *m = machine_bare(MACHINE_IRQCHIP);

	need_cap(KVM_CAP_SET_BOOT_CPU_ID);
	check_ok(m->vm->ops->set_boot_cpu_id(m->vm, 1));
	machine_add_vcpu(m, 0);
	machine_add_vcpu(m, 1);
	check_err(m->vm->ops->set_boot_cpu_id(m->vm, 0), EBUSY);
	check(!(machine_sregs(m, 0).apic_base & 0x100));
	check(machine_sregs(m, 1).apic_base & 0x100);
}

TEST(the_clock_runs_and_can_be_set)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_clock_data clock = {.clock = 0}, later = {.clock = 0};

	need_cap(KVM_CAP_ADJUST_CLOCK);
	check_ok(m->vm->ops->get_clock(m->vm, &clock));
	(void)usleep(2000); /* at least: the clock must have moved */
	check_ok(m->vm->ops->get_clock(m->vm, &later));
	check(later.clock >= clock.clock + 1000000);
	clock = (struct kvm_clock_data){.clock = 1000000000000ull};
	check_ok(m->vm->ops->set_clock(m->vm, &clock));
	check_ok(m->vm->ops->get_clock(m->vm, &later));
	check(later.clock >= 1000000000000ull);
	check(later.clock < 1000000000000ull + 60000000000ull);
	clock.flags = 0x8000;
	check_err(m->vm->ops->set_clock(m->vm, &clock), EINVAL);
}

TEST(the_tsc_frequency_is_told)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_GET_TSC_KHZ);
	check(m->vcpu[0]->ops->get_tsc_khz(m->vcpu[0]) > 100000);
}

TEST(what_the_kernel_takes_from_the_vapic_page_is_checked)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	/* Without a LAPIC there is no page to share. */
	check_err(m->vcpu[0]->ops->set_vapic_addr(m->vcpu[0], 0x1000), EINVAL);
}

TEST(mce_banks_are_set_up_within_reason)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	int banks = way->ops->check_extension(way, KVM_CAP_MCE);

	need_cap(KVM_CAP_MCE);
	check_err(m->vcpu[0]->ops->x86_setup_mce(m->vcpu[0], 0), EINVAL);
	check_err(m->vcpu[0]->ops->x86_setup_mce(m->vcpu[0], (u64)banks + 1),
		  EINVAL);
	check_err(m->vcpu[0]->ops->x86_setup_mce(m->vcpu[0], 1ull << 40 | 1),
		  EINVAL);
	check_ok(m->vcpu[0]->ops->x86_setup_mce(m->vcpu[0], 1 << 8 | 5));
	check_eq(machine_msr(m, 0, 0x179), 1 << 8 | 5);
	check_eq(machine_msr(m, 0, 0x17b), ~0ull);
	check_eq(machine_msr(m, 0, 0x400), ~0ull);
	check_eq(machine_set_msr(m, 0, 0x401, 1ull << 63), 1);
	check_eq(machine_msr(m, 0, 0x401), 1ull << 63);
	check_eq(machine_set_msr(m, 0, 0x400 + 4 * 5, 0), 0);
}

/* A call whose capability is 0 fails, with an errno the kernel uses for it. */
static void check_absent(u32 cap, int rc, const char *call)
{
	if (way->ops->check_extension(way, cap) > 0)
		return;
	if (rc != -ENOTTY && rc != -EINVAL && rc != -ENXIO && rc != -EPERM)
		fail("capability %u is 0, but %s gives %d", cap, call, rc);
}

TEST(calls_of_absent_capabilities_fail)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct engine_vcpu *vcpu = m->vcpu[0];
	struct kvm_sregs2 sregs2;
	struct kvm_tpr_access_ctl tpr = {.enabled = 0};
	const struct kvm_coalesced_mmio_zone zone = {.addr = 0, .size = 8};
	const struct kvm_clear_dirty_log clear = {.num_pages = 64};
	const struct kvm_msr_filter filter = {.flags = 0};

	check_absent(KVM_CAP_SREGS2, vcpu->ops->get_sregs2(vcpu, &sregs2),
		     "get_sregs2");
	check_absent(KVM_CAP_X86_SMM, vcpu->ops->smi(vcpu), "smi");
	check_absent(KVM_CAP_VAPIC, vcpu->ops->tpr_access_reporting(vcpu, &tpr),
		     "tpr_access_reporting");
	check_absent(KVM_CAP_COALESCED_MMIO,
		     m->vm->ops->register_coalesced_mmio(m->vm, &zone),
		     "register_coalesced_mmio");
	check_absent(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		     m->vm->ops->clear_dirty_log(m->vm, &clear),
		     "clear_dirty_log");
	check_absent(KVM_CAP_X86_MSR_FILTER,
		     m->vm->ops->set_msr_filter(m->vm, &filter),
		     "set_msr_filter");
}

TEST(the_guest_clock_is_not_paused_before_there_is_one)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_KVMCLOCK_CTRL);
	check_err(m->vcpu[0]->ops->kvmclock_ctrl(m->vcpu[0]), EINVAL);
}
