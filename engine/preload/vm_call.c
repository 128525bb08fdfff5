/* SPDX-License-Identifier: MIT */
/* ioctl on a VM's descriptor. [KVM-API 4], type "vm ioctl" */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/preload/call.h"

#define IRQ_ROUTES_MAX 4096 /* the kernel's KVM_MAX_IRQ_ROUTES */
#define PAGE_BYTES     4096

static struct engine_vm *vm_of(const struct call *call)
{
	return call->file->vm->engine;
}

/* vm_<name>: a call whose argument is a struct of this type, */
#define VM_CALL(name, type)                                 \
	static int vm_##name(struct call *call, void *data) \
	{                                                   \
		struct engine_vm *vm = vm_of(call);         \
		type *argument = data;                      \
                                                            \
		return vm->ops->name(vm, argument);         \
	}
/* a number, */
#define VM_CALL_VALUE(name, type)                           \
	static int vm_##name(struct call *call, void *data) \
	{                                                   \
		struct engine_vm *vm = vm_of(call);         \
                                                            \
		(void)data;                                 \
		return vm->ops->name(vm, (type)call->arg);  \
	}
/* or nothing. */
#define VM_CALL_NONE(name)                                  \
	static int vm_##name(struct call *call, void *data) \
	{                                                   \
		struct engine_vm *vm = vm_of(call);         \
                                                            \
		(void)data;                                 \
		return vm->ops->name(vm);                   \
	}

static int vm_check_extension(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);

	(void)data;
	if (preload_lacks((u32)call->arg))
		return 0;
	return vm->ops->check_extension(vm, (u32)call->arg);
}

VM_CALL(enable_cap, const struct kvm_enable_cap)
/* As the engine without the ring would. */
static int vm_coalesced_mmio(struct call *call, void *data)
{
	(void)call;
	(void)data;
	return trace_err(-EINVAL);
}

VM_CALL_VALUE(set_tss_addr, u64)
VM_CALL_VALUE(set_boot_cpu_id, u32)
VM_CALL_NONE(create_irqchip)
VM_CALL(get_irqchip, struct kvm_irqchip)
VM_CALL(set_irqchip, const struct kvm_irqchip)
VM_CALL(create_pit2, const struct kvm_pit_config)
VM_CALL(get_pit2, struct kvm_pit_state2)
VM_CALL(set_pit2, const struct kvm_pit_state2)
VM_CALL(irq_line, const struct kvm_irq_level)
VM_CALL(irq_line_status, struct kvm_irq_level)
VM_CALL(irqfd, const struct kvm_irqfd)
VM_CALL(ioeventfd, const struct kvm_ioeventfd)
VM_CALL(signal_msi, const struct kvm_msi)
VM_CALL(get_clock, struct kvm_clock_data)
VM_CALL(set_clock, const struct kvm_clock_data)
VM_CALL_VALUE(set_tsc_khz, u32)
VM_CALL_NONE(get_tsc_khz)

static int vm_create_vcpu(struct call *call, void *data)
{
	(void)data;
	if (call->arg > UINT32_MAX)
		return -EINVAL;
	return object_create_vcpu(call->p, call->file, (u32)call->arg);
}

static int vm_set_identity_map_addr(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);
	u64 address;

	memcpy(&address, data, sizeof(address));
	return vm->ops->set_identity_map_addr(vm, address);
}

/* --- memory: the sizes of slots are the sizes of their bitmaps --- */

static int vm_set_user_memory_region(struct call *call, void *data)
{
	const struct kvm_userspace_memory_region *region = data;
	struct preload_vm *vm = call->file->vm;
	int rc;

	mutex_lock(&vm->lock);
	rc = vm->engine->ops->set_user_memory_region(vm->engine, region);
	if (rc >= 0)
		object_slot_set(vm, region->slot, region->memory_size);
	mutex_unlock(&vm->lock);
	return rc;
}

static size_t bitmap_bytes(u64 pages)
{
	return (size_t)((pages + 63) / 64 * 8);
}

/* A slot that is not there is the engine's to refuse. */
static int vm_get_dirty_log(struct call *call, void *data)
{
	struct kvm_dirty_log log = *(struct kvm_dirty_log *)data;
	u64 to = user_address(log.dirty_bitmap);
	struct preload_vm *vm = call->file->vm;
	size_t bytes;
	int rc = -ENOMEM;

	mutex_lock(&vm->lock);
	bytes = bitmap_bytes(object_slot_bytes(vm, log.slot) / PAGE_BYTES);
	log.dirty_bitmap = calloc(1, MAX(bytes, (size_t)1));
	if (log.dirty_bitmap)
		rc = vm->engine->ops->get_dirty_log(vm->engine, &log);
	mutex_unlock(&vm->lock);
	if (rc >= 0 && user_write(to, log.dirty_bitmap, bytes))
		rc = -EFAULT;
	free(log.dirty_bitmap);
	return rc;
}

static int vm_clear_dirty_log(struct call *call, void *data)
{
	struct kvm_clear_dirty_log log = *(struct kvm_clear_dirty_log *)data;
	u64 from = user_address(log.dirty_bitmap);
	struct preload_vm *vm = call->file->vm;
	size_t bytes;
	int rc = -ENOMEM;

	mutex_lock(&vm->lock);
	/* More pages than the slot has are refused, whatever the bitmap says. */
	bytes = bitmap_bytes(MIN(object_slot_bytes(vm, log.slot) / PAGE_BYTES,
				 (u64)log.num_pages));
	log.dirty_bitmap = calloc(1, MAX(bytes, (size_t)1));
	if (log.dirty_bitmap)
		rc = user_read(log.dirty_bitmap, from, bytes);
	if (!rc)
		rc = vm->engine->ops->clear_dirty_log(vm->engine, &log);
	mutex_unlock(&vm->lock);
	free(log.dirty_bitmap);
	return rc;
}

/* --- interrupts --- */

static int vm_set_gsi_routing(struct call *call, void *data)
{
	const struct kvm_irq_routing *head = data;
	struct call_tail tail = {.head = sizeof(*head),
				 .entry = sizeof(head->entries[0]),
				 .count = head->nr};
	struct engine_vm *vm = vm_of(call);
	struct kvm_irq_routing *routing;
	void *copy = NULL;
	int rc;

	if (head->nr > IRQ_ROUTES_MAX || head->flags)
		return -EINVAL;
	rc = call_copy_tail(call, &tail, true, &copy);
	if (rc)
		return rc;
	routing = copy;
	routing->nr = tail.count; /* it may have been changed since */
	rc = vm->ops->set_gsi_routing(vm, routing);
	free(copy);
	return rc;
}

/* The call of before KVM_CREATE_PIT2: without a speaker. */
static int vm_create_pit(struct call *call, void *data)
{
	const struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
	struct engine_vm *vm = vm_of(call);

	(void)data;
	return vm->ops->create_pit2(vm, &config);
}

static int vm_get_pit(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);
	struct kvm_pit_state2 state = {0};
	int rc = vm->ops->get_pit2(vm, &state);

	memcpy(data, state.channels, sizeof(struct kvm_pit_state));
	return rc;
}

static int vm_set_pit(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);
	struct kvm_pit_state2 state = {0};
	int rc = vm->ops->get_pit2(vm, &state); /* the flags stay */

	if (rc < 0)
		return rc;
	memcpy(state.channels, data, sizeof(struct kvm_pit_state));
	return vm->ops->set_pit2(vm, &state);
}

/* A struct behind a request that does not say its size. */
static int vm_reinject_control(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);
	struct kvm_reinject_control control;

	(void)data;
	if (user_read(&control, call->arg, sizeof(control)))
		return -EFAULT;
	return vm->ops->reinject_control(vm, &control);
}

/* --- MSRs --- */

/* Replaces the client's bitmap by a copy, for free(). */
static int filter_bitmap(struct kvm_msr_filter_range *range)
{
	size_t bytes = bitmap_bytes(range->nmsrs);
	u64 from = user_address(range->bitmap);

	range->bitmap = NULL;
	if (!range->nmsrs)
		return 0;
	if (bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	range->bitmap = malloc(bytes);
	if (!range->bitmap)
		return trace_err(-ENOMEM);
	return user_read(range->bitmap, from, bytes);
}

static int vm_set_msr_filter(struct call *call, void *data)
{
	struct engine_vm *vm = vm_of(call);
	struct kvm_msr_filter filter = *(struct kvm_msr_filter *)data;
	int rc = 0;
	u32 copied = 0;

	while (copied < KVM_MSR_FILTER_MAX_RANGES && !rc)
		rc = filter_bitmap(&filter.ranges[copied++]);
	if (!rc)
		rc = vm->ops->set_msr_filter(vm, &filter);
	while (copied)
		free(filter.ranges[--copied].bitmap);
	return rc;
}

/* --- what is not there --- */

/* No type of device is known: the kernel's answer to those it lacks. */
static int vm_create_device(struct call *call, void *data)
{
	(void)call;
	(void)data;
	return -ENODEV;
}

const struct call_row vm_rows[] = {
	{KVM_IRQ_LINE, CALL_IN, vm_irq_line},
	{KVM_IRQ_LINE_STATUS, CALL_INOUT, vm_irq_line_status},
	{KVM_SIGNAL_MSI, CALL_IN, vm_signal_msi},
	{KVM_SET_USER_MEMORY_REGION, CALL_IN, vm_set_user_memory_region},
	{KVM_GET_DIRTY_LOG, CALL_IN, vm_get_dirty_log},
	{KVM_CLEAR_DIRTY_LOG, CALL_INOUT, vm_clear_dirty_log},
	{KVM_CHECK_EXTENSION, CALL_VALUE, vm_check_extension},
	{KVM_CREATE_VCPU, CALL_VALUE, vm_create_vcpu},
	{KVM_ENABLE_CAP, CALL_IN, vm_enable_cap},
	{KVM_REGISTER_COALESCED_MMIO, CALL_IN, vm_coalesced_mmio},
	{KVM_UNREGISTER_COALESCED_MMIO, CALL_IN, vm_coalesced_mmio},
	{KVM_SET_TSS_ADDR, CALL_VALUE, vm_set_tss_addr},
	{KVM_SET_IDENTITY_MAP_ADDR, CALL_IN, vm_set_identity_map_addr},
	{KVM_SET_BOOT_CPU_ID, CALL_VALUE, vm_set_boot_cpu_id},
	{KVM_CREATE_IRQCHIP, CALL_VALUE, vm_create_irqchip},
	{KVM_GET_IRQCHIP, CALL_INOUT, vm_get_irqchip},
	{KVM_SET_IRQCHIP, CALL_IN, vm_set_irqchip},
	{KVM_CREATE_PIT, CALL_VALUE, vm_create_pit},
	{KVM_CREATE_PIT2, CALL_IN, vm_create_pit2},
	{KVM_GET_PIT, CALL_OUT, vm_get_pit},
	{KVM_SET_PIT, CALL_IN, vm_set_pit},
	{KVM_GET_PIT2, CALL_OUT, vm_get_pit2},
	{KVM_SET_PIT2, CALL_IN, vm_set_pit2},
	{KVM_REINJECT_CONTROL, CALL_VALUE, vm_reinject_control},
	{KVM_SET_GSI_ROUTING, CALL_IN, vm_set_gsi_routing},
	{KVM_IRQFD, CALL_IN, vm_irqfd},
	{KVM_IOEVENTFD, CALL_IN, vm_ioeventfd},
	{KVM_GET_CLOCK, CALL_OUT, vm_get_clock},
	{KVM_SET_CLOCK, CALL_IN, vm_set_clock},
	{KVM_SET_TSC_KHZ, CALL_VALUE, vm_set_tsc_khz},
	{KVM_GET_TSC_KHZ, CALL_VALUE, vm_get_tsc_khz},
	{KVM_X86_SET_MSR_FILTER, CALL_IN, vm_set_msr_filter},
	{KVM_CREATE_DEVICE, CALL_IN, vm_create_device},
};
const u32 vm_row_count = ARRAY_SIZE(vm_rows);
