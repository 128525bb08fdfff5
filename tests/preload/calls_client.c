/* SPDX-License-Identifier: MIT */
/* ioctl: addresses that are none, requests that are none, structs with tails. */
#define _GNU_SOURCE
#include "tests/preload/client.h"

TEST(a_bad_address_is_efault_in_every_call)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	static const unsigned long of_system[] = {KVM_GET_MSR_INDEX_LIST,
						  KVM_GET_MSR_FEATURE_INDEX_LIST,
						  KVM_GET_SUPPORTED_CPUID,
						  KVM_GET_EMULATED_CPUID,
						  KVM_GET_MSRS,
						  KVM_X86_GET_MCE_CAP_SUPPORTED};
	static const unsigned long of_vm[] = {KVM_SET_USER_MEMORY_REGION,
					      KVM_GET_DIRTY_LOG,
					      KVM_IRQFD,
					      KVM_CLEAR_DIRTY_LOG,
					      KVM_IOEVENTFD,
					      KVM_SET_GSI_ROUTING,
					      KVM_ENABLE_CAP,
					      KVM_GET_CLOCK,
					      KVM_SET_CLOCK,
					      KVM_X86_SET_MSR_FILTER,
					      KVM_CREATE_DEVICE,
					      KVM_CREATE_PIT2};
	static const unsigned long of_vcpu[] = {
		KVM_GET_REGS,	     KVM_SET_REGS,	  KVM_GET_SREGS,
		KVM_SET_SREGS,	     KVM_GET_FPU,	  KVM_SET_FPU,
		KVM_GET_XSAVE,	     KVM_SET_XSAVE,	  KVM_GET_XCRS,
		KVM_SET_XCRS,	     KVM_GET_MSRS,	  KVM_SET_MSRS,
		KVM_SET_CPUID,	     KVM_SET_CPUID2,	  KVM_GET_CPUID2,
		KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_MP_STATE,
		KVM_SET_MP_STATE,    KVM_GET_DEBUGREGS,	  KVM_SET_DEBUGREGS,
		KVM_SET_GUEST_DEBUG, KVM_TRANSLATE,	  KVM_INTERRUPT,
		KVM_SET_SIGNAL_MASK, KVM_X86_SETUP_MCE};
	int vm;

	for (u32 i = 0; i < ARRAY_SIZE(of_system); i++)
		check_errno(ioctl(c.kvm, of_system[i], NOWHERE), EFAULT);
	for (u32 i = 0; i < ARRAY_SIZE(of_vm); i++)
		check_errno(ioctl(c.vm, of_vm[i], NOWHERE), EFAULT);
	for (u32 i = 0; i < ARRAY_SIZE(of_vcpu); i++)
		check_errno(ioctl(c.vcpu, of_vcpu[i], NOWHERE), EFAULT);
	vm = ioctl(c.kvm, KVM_CREATE_VM, 0); /* before the first vCPU */
	check_errno(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, NOWHERE), EFAULT);
	close(vm);
	client_free(&c);
}

/* Half of the struct is there; the other half is not. */
TEST(a_struct_that_runs_into_nothing_is_efault)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	u8 *two = pages(2 * PAGE);
	struct kvm_regs *regs = (void *)(two + PAGE - sizeof(*regs) / 2);

	check_ok(munmap(two + PAGE, PAGE));
	check_errno(ioctl(c.vcpu, KVM_GET_REGS, regs), EFAULT);
	check_errno(ioctl(c.vcpu, KVM_SET_REGS, regs), EFAULT);
	check_ok(mprotect(two, PAGE, PROT_READ));
	regs = (void *)two;
	check_errno(ioctl(c.vcpu, KVM_GET_REGS, regs), EFAULT);
	check_ok(ioctl(c.vcpu, KVM_SET_REGS, regs));
	munmap(two, PAGE);
	client_free(&c);
}

TEST(requests_that_are_none_get_the_kernels_answers)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	struct kvm_create_device device = {.type = 77};

	check_errno(ioctl(c.kvm, _IO(KVMIO, 0xfe), 0), EINVAL);
	check_errno(ioctl(c.vm, _IO(KVMIO, 0xfe), 0), ENOTTY);
	check_errno(ioctl(c.vcpu, _IO(KVMIO, 0xfe), 0), EINVAL);
	/* Not KVM's at all. */
	check_errno(ioctl(c.kvm, 0x5401, NOWHERE), EINVAL);
	check_errno(ioctl(c.vm, 0x5401, NOWHERE), ENOTTY);
	check_errno(ioctl(c.vcpu, 0x5401, NOWHERE), EINVAL);
	/* Right, of another descriptor's. */
	check_errno(ioctl(c.kvm, KVM_RUN, 0), EINVAL);
	check_errno(ioctl(c.vm, KVM_RUN, 0), ENOTTY);
	check_errno(ioctl(c.vcpu, KVM_CREATE_VCPU, 3), EINVAL);
	check_errno(ioctl(c.vm, KVM_CREATE_DEVICE, &device), ENODEV);
	client_free(&c);
}

TEST(arguments_that_must_be_zero_are_looked_at)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));

	check_errno(ioctl(c.kvm, KVM_GET_API_VERSION, 1), EINVAL);
	check_errno(ioctl(c.kvm, KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
	check_errno(ioctl(c.vcpu, KVM_RUN, 1), EINVAL);
	check_errno(ioctl(c.vm, KVM_CREATE_VCPU, 1ul << 20), EINVAL);
	client_free(&c);
}

/* int ioctl(int, int, ...) of many wrappers. */
TEST(a_request_counts_with_its_low_32_bits)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	struct kvm_regs regs;
	int request = (int)KVM_GET_REGS;

	check(request < 0);
	check_ok(ioctl(c.vcpu, (unsigned long)request, &regs));
	check_eq(regs.rip, 0x1000);
	client_free(&c);
}

TEST(lists_tell_how_long_they_are)
{
	int kvm = kvm_open();
	struct kvm_msr_list none = {.nmsrs = 0}, *list;
	struct kvm_cpuid2 small = {.nent = 0}, *cpuid;

	check_errno(ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &none), E2BIG);
	check(none.nmsrs > 0 && none.nmsrs < 4096);
	list = calloc(1, sizeof(*list) + (none.nmsrs + 1) * sizeof(u32));
	list->nmsrs = none.nmsrs;
	list->indices[none.nmsrs] = 0xabcdef;
	check_ok(ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list));
	check_eq(list->nmsrs, none.nmsrs);
	check_eq(list->indices[none.nmsrs], 0xabcdef);
	free(list);

	check_errno(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &small), E2BIG);
	cpuid = calloc(1, sizeof(*cpuid) + 257 * sizeof(cpuid->entries[0]));
	cpuid->nent = 256;
	cpuid->entries[256].eax = 0xabcdef;
	check_ok(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	check(cpuid->nent > 5 && cpuid->nent < 256);
	check_eq(cpuid->entries[256].eax, 0xabcdef);
	check_eq(cpuid->entries[0].function, 0);
	free(cpuid);
	close(kvm);
}

TEST(cpuid_is_set_and_read_back_at_its_length)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + 257 * sizeof(cpuid->entries[0]));

	cpuid->nent = 256;
	check_ok(ioctl(c.kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	check_ok(ioctl(c.vcpu, KVM_SET_CPUID2, cpuid));
	cpuid->nent = 1;
	check_errno(ioctl(c.vcpu, KVM_GET_CPUID2, cpuid), E2BIG);
	cpuid->nent = 256;
	check_ok(ioctl(c.vcpu, KVM_GET_CPUID2, cpuid));
	check(cpuid->nent > 5 && cpuid->nent < 256);
	cpuid->nent = 257;
	check_errno(ioctl(c.vcpu, KVM_SET_CPUID2, cpuid), E2BIG);
	free(cpuid);
	client_free(&c);
}

TEST(msrs_count_what_was_done)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	struct kvm_msrs *msrs =
		calloc(1, sizeof(*msrs) + 3 * sizeof(msrs->entries[0]));

	msrs->nmsrs = 3;
	msrs->entries[0].index = 0x10;
	msrs->entries[1].index = 0xdeadbeef; /* nobody's */
	msrs->entries[2].index = 0x10;
	check_eq(ioctl(c.vcpu, KVM_GET_MSRS, msrs), 1);
	msrs->entries[0].index = 0x174;
	msrs->entries[0].data = 0x1234;
	check_eq(ioctl(c.vcpu, KVM_SET_MSRS, msrs), 1);
	msrs->nmsrs = 1;
	msrs->entries[0].data = 0;
	check_eq(ioctl(c.vcpu, KVM_GET_MSRS, msrs), 1);
	check_eq(msrs->entries[0].data, 0x1234);
	msrs->nmsrs = 256;
	check_errno(ioctl(c.vcpu, KVM_GET_MSRS, msrs), E2BIG);
	free(msrs);
	client_free(&c);
}

TEST(routing_is_read_at_its_length)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	u8 *two = pages(2 * PAGE);
	struct kvm_irq_routing *routing = (void *)(two + PAGE - 8 - 48);
	int vm = ioctl(c.kvm, KVM_CREATE_VM, 0);

	check_ok(munmap(two + PAGE, PAGE));
	check_ok(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	routing->nr = 1; /* ends with the page */
	routing->entries[0].gsi = 5;
	routing->entries[0].type = KVM_IRQ_ROUTING_MSI;
	check_ok(ioctl(vm, KVM_SET_GSI_ROUTING, routing));
	routing->nr = 2;
	check_errno(ioctl(vm, KVM_SET_GSI_ROUTING, routing), EFAULT);
	routing->nr = 5000;
	check_errno(ioctl(vm, KVM_SET_GSI_ROUTING, routing), EINVAL);
	routing->nr = 1;
	routing->flags = 1;
	check_errno(ioctl(vm, KVM_SET_GSI_ROUTING, routing), EINVAL);
	munmap(two, PAGE);
	close(vm);
	client_free(&c);
}

TEST(the_dirty_log_fills_the_bitmap_and_no_more)
{
	/* mov %al, 0x800; out %al, $0x10 */
	static const u8 code[] = {0xa2, 0x00, 0x08, 0xe6, 0x10};
	struct client c = client_new(code, sizeof(code));
	u64 bitmap[2] = {~0ull, 0x1234};
	struct kvm_dirty_log log = {.slot = 0, .dirty_bitmap = bitmap};
	struct kvm_userspace_memory_region region = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = 2 * PAGE,
		.userspace_addr = (u64)(uintptr_t)c.memory,
	};

	check_errno(ioctl(c.vm, KVM_GET_DIRTY_LOG, &log), ENOENT);
	check_ok(ioctl(c.vm, KVM_SET_USER_MEMORY_REGION, &region));
	check_ok(ioctl(c.vcpu, KVM_RUN, 0));
	log.dirty_bitmap = NOWHERE;
	check_errno(ioctl(c.vm, KVM_GET_DIRTY_LOG, &log), EFAULT);
	start_at(c.vcpu, 0x1000);
	check_ok(ioctl(c.vcpu, KVM_RUN, 0));
	log.dirty_bitmap = bitmap;
	check_ok(ioctl(c.vm, KVM_GET_DIRTY_LOG, &log));
	check_eq(bitmap[0], 1);
	check_eq(bitmap[1], 0x1234);
	log.slot = 7;
	check_errno(ioctl(c.vm, KVM_GET_DIRTY_LOG, &log), ENOENT);
	client_free(&c);
}

TEST(the_pit_of_old_and_new_calls_is_one)
{
	int kvm = kvm_open(), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_pit_state old;
	struct kvm_pit_state2 state;

	check_ok(vm);
	check_ok(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	check_ok(ioctl(vm, KVM_CREATE_PIT, 0));
	check_ok(ioctl(vm, KVM_GET_PIT2, &state));
	check_eq(state.channels[0].count, 65536);
	check_ok(ioctl(vm, KVM_GET_PIT, &old));
	old.channels[2].mode = 2;
	old.channels[2].count = 5000;
	check_ok(ioctl(vm, KVM_SET_PIT, &old));
	check_ok(ioctl(vm, KVM_GET_PIT2, &state));
	check_eq(state.channels[2].count, 5000);
	close(vm);
	close(kvm);
}

TEST(filters_of_msrs_have_their_bitmaps_read)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	u8 bitmap[8] = {0xff};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {.flags = KVM_MSR_FILTER_READ,
			      .base = 0x100,
			      .nmsrs = 8,
			      .bitmap = bitmap},
	};

	check_ok(ioctl(c.vm, KVM_X86_SET_MSR_FILTER, &filter));
	filter.ranges[0].bitmap = NOWHERE;
	check_errno(ioctl(c.vm, KVM_X86_SET_MSR_FILTER, &filter), EFAULT);
	client_free(&c);
}

/* A capability that reads 0 has calls that are not there. */
TEST(what_the_library_lacks_is_refused_as_by_a_kernel_without_it)
{
	struct client c;
	char room[128] = {0};

	need_preload();
	c = client_new(guest_spin, sizeof(guest_spin));
	check_eq(ioctl(c.vm, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD), 0);
	check_errno(ioctl(c.vm, KVM_GET_STATS_FD, 0), ENOTTY);
	check_errno(ioctl(c.vcpu, KVM_GET_STATS_FD, 0), EINVAL);
	check_errno(ioctl(c.vcpu, KVM_GET_NESTED_STATE, room), EINVAL);
	check_errno(ioctl(c.vcpu, KVM_GET_XSAVE2, room), EINVAL);
	check_errno(ioctl(c.vcpu, KVM_GET_ONE_REG, room), EINVAL);
	check_errno(ioctl(c.vm, KVM_MEMORY_ENCRYPT_OP, room), ENOTTY);
	check_errno(ioctl(c.vm, KVM_RESET_DIRTY_RINGS, 0), ENOTTY);
	check_errno(ioctl(c.vm, KVM_XEN_HVM_CONFIG, room), ENOTTY);
	check_errno(ioctl(c.vm, KVM_HAS_DEVICE_ATTR, room), ENOTTY);
	check_errno(ioctl(c.kvm, KVM_GET_SUPPORTED_HV_CPUID, room), EINVAL);
	client_free(&c);
}
