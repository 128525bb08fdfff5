/* SPDX-License-Identifier: MIT */
/*
 * The vm ioctls of the /dev/kvm way. [KVM-API 4 "API description"]
 *
 * Structs with a tail (routing entries, filter bitmaps) carry their own count,
 * and the kernel reads it: they pass like all the others.
 */
#include "engine/kvm/kvm.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fd.h"

static struct kvm_way_vm *vm_of(struct engine_vm *vm)
{
	return container_of(vm, struct kvm_way_vm, base);
}

/* vm_<name>(vm, arg): a request whose argument is a struct, */
#define VM_CALL(name, request, type)                                  \
	static int vm_##name(struct engine_vm *vm, type *arg)         \
	{                                                             \
		return kvm_way_ioctl_at(vm_of(vm)->fd, request, arg); \
	}
/* a number passed as it is, */
#define VM_CALL_VALUE(name, request, type)                           \
	static int vm_##name(struct engine_vm *vm, type value)       \
	{                                                            \
		return kvm_way_ioctl(vm_of(vm)->fd, request, value); \
	}
/* or nothing. */
#define VM_CALL_NONE(name, request)                              \
	static int vm_##name(struct engine_vm *vm)               \
	{                                                        \
		return kvm_way_ioctl(vm_of(vm)->fd, request, 0); \
	}

VM_CALL_VALUE(check_extension, KVM_CHECK_EXTENSION, u32)
VM_CALL(enable_cap, KVM_ENABLE_CAP, const struct kvm_enable_cap)
VM_CALL(set_user_memory_region, KVM_SET_USER_MEMORY_REGION,
	const struct kvm_userspace_memory_region)
VM_CALL(get_dirty_log, KVM_GET_DIRTY_LOG, const struct kvm_dirty_log)
VM_CALL(clear_dirty_log, KVM_CLEAR_DIRTY_LOG, const struct kvm_clear_dirty_log)
VM_CALL(register_coalesced_mmio, KVM_REGISTER_COALESCED_MMIO,
	const struct kvm_coalesced_mmio_zone)
VM_CALL(unregister_coalesced_mmio, KVM_UNREGISTER_COALESCED_MMIO,
	const struct kvm_coalesced_mmio_zone)
VM_CALL_VALUE(set_tss_addr, KVM_SET_TSS_ADDR, u64)
VM_CALL_VALUE(set_boot_cpu_id, KVM_SET_BOOT_CPU_ID, u32)
VM_CALL_NONE(create_irqchip, KVM_CREATE_IRQCHIP)
VM_CALL(get_irqchip, KVM_GET_IRQCHIP, struct kvm_irqchip)
VM_CALL(set_irqchip, KVM_SET_IRQCHIP, const struct kvm_irqchip)
VM_CALL(create_pit2, KVM_CREATE_PIT2, const struct kvm_pit_config)
VM_CALL(get_pit2, KVM_GET_PIT2, struct kvm_pit_state2)
VM_CALL(set_pit2, KVM_SET_PIT2, const struct kvm_pit_state2)
VM_CALL(reinject_control, KVM_REINJECT_CONTROL,
	const struct kvm_reinject_control)
VM_CALL(set_gsi_routing, KVM_SET_GSI_ROUTING, const struct kvm_irq_routing)
VM_CALL(irq_line, KVM_IRQ_LINE, const struct kvm_irq_level)
VM_CALL(irq_line_status, KVM_IRQ_LINE_STATUS, struct kvm_irq_level)
VM_CALL(irqfd, KVM_IRQFD, const struct kvm_irqfd)
VM_CALL(ioeventfd, KVM_IOEVENTFD, const struct kvm_ioeventfd)
VM_CALL(signal_msi, KVM_SIGNAL_MSI, const struct kvm_msi)
VM_CALL(get_clock, KVM_GET_CLOCK, struct kvm_clock_data)
VM_CALL(set_clock, KVM_SET_CLOCK, const struct kvm_clock_data)
VM_CALL_VALUE(set_tsc_khz, KVM_SET_TSC_KHZ, u32)
VM_CALL_NONE(get_tsc_khz, KVM_GET_TSC_KHZ)
VM_CALL(set_msr_filter, KVM_X86_SET_MSR_FILTER, const struct kvm_msr_filter)

/* By address, though it is one number, unlike KVM_SET_TSS_ADDR. */
static int vm_set_identity_map_addr(struct engine_vm *vm, u64 address)
{
	return kvm_way_ioctl_at(vm_of(vm)->fd, KVM_SET_IDENTITY_MAP_ADDR,
				&address);
}

static void vm_memory_written(struct engine_vm *vm, u64 gpa, u64 size)
{
	/* The hardware keeps caches and instruction fetch coherent. */
	(void)vm;
	(void)gpa;
	(void)size;
}

static int vm_memory_backing(struct engine_vm *vm, u64 hva, u64 bytes, int fd)
{
	/* The kernel maps what is there, whatever it is. */
	(void)vm;
	(void)hva;
	(void)bytes;
	(void)fd;
	return 0;
}

static int vm_create_vcpu(struct engine_vm *base, u32 id,
			  struct engine_vcpu **ret)
{
	struct kvm_way_vm *vm = vm_of(base);
	int fd = kvm_way_ioctl(vm->fd, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return fd;
	/* If the mapping fails, the kernel keeps the id taken all the same. */
	return kvm_way_vcpu_create(fd, vm->vcpu_mmap_bytes, ret);
}

static void vm_free(struct engine_vm *base)
{
	struct kvm_way_vm *vm;

	if (!base)
		return;
	vm = vm_of(base);
	fd_close(&vm->fd);
	free(vm);
}

static const struct engine_vm_ops vm_ops = {
	.free = vm_free,
	.check_extension = vm_check_extension,
	.enable_cap = vm_enable_cap,
	.create_vcpu = vm_create_vcpu,
	.set_user_memory_region = vm_set_user_memory_region,
	.get_dirty_log = vm_get_dirty_log,
	.clear_dirty_log = vm_clear_dirty_log,
	.register_coalesced_mmio = vm_register_coalesced_mmio,
	.unregister_coalesced_mmio = vm_unregister_coalesced_mmio,
	.memory_written = vm_memory_written,
	.memory_backing = vm_memory_backing,
	.set_tss_addr = vm_set_tss_addr,
	.set_identity_map_addr = vm_set_identity_map_addr,
	.set_boot_cpu_id = vm_set_boot_cpu_id,
	.create_irqchip = vm_create_irqchip,
	.get_irqchip = vm_get_irqchip,
	.set_irqchip = vm_set_irqchip,
	.create_pit2 = vm_create_pit2,
	.get_pit2 = vm_get_pit2,
	.set_pit2 = vm_set_pit2,
	.reinject_control = vm_reinject_control,
	.set_gsi_routing = vm_set_gsi_routing,
	.irq_line = vm_irq_line,
	.irq_line_status = vm_irq_line_status,
	.irqfd = vm_irqfd,
	.ioeventfd = vm_ioeventfd,
	.signal_msi = vm_signal_msi,
	.get_clock = vm_get_clock,
	.set_clock = vm_set_clock,
	.set_tsc_khz = vm_set_tsc_khz,
	.get_tsc_khz = vm_get_tsc_khz,
	.set_msr_filter = vm_set_msr_filter,
};

int kvm_way_vm_create(int fd, size_t vcpu_mmap_bytes, struct engine_vm **ret)
{
	struct kvm_way_vm *vm;

	assert(fd >= 0 && vcpu_mmap_bytes >= sizeof(struct kvm_run));
	vm = calloc(1, sizeof(*vm));
	if (!vm) {
		fd_close(&fd);
		return trace_err(-ENOMEM);
	}
	vm->base.ops = &vm_ops;
	vm->fd = fd;
	vm->vcpu_mmap_bytes = vcpu_mmap_bytes;
	*ret = &vm->base;
	return 0;
}
