/* SPDX-License-Identifier: MIT */
/*
 * A VM of the software engine: its life and the calls that belong to no other
 * room. Memory is memory.c, interrupts irq.c and eventfd.c, time clock.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86gprintrin.h>

#include "engine/soft/code_map.h"
#include "engine/soft/soft.h"
#include "engine/soft/system.h"
#include "engine/soft/ticker.h"

#define MSR_REASONS                                                \
	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
	 KVM_MSR_EXIT_REASON_FILTER)

static void filter_free(struct soft_msr_filter *filter)
{
	if (!filter)
		return;
	for (u32 i = 0; i < filter->count; i++)
		free(filter->range[i].bitmap);
	free(filter);
}

static void vm_free(struct engine_vm *handle)
{
	struct soft_vm *vm = soft_vm(handle);

	assert(vm->vcpu_count == 0);
	ticker_free(vm->ticker);
	soft_eventfd_release(vm);
	soft_irq_release(vm);
	soft_slots_free(vm->slots);
	soft_coalesced_free(vm->coalesced);
	code_map_free(vm->code_map);
	if (vm->ram_fd >= 0)
		(void)close(vm->ram_fd); /* nothing was written */
	filter_free(vm->filter);
	cond_release(&vm->run_cond);
	mutex_release(&vm->run_lock);
	mutex_release(&vm->exclusive);
	mutex_release(&vm->irq_lock);
	mutex_release(&vm->lock);
	free(vm);
}

int soft_vm_create(struct soft_engine *engine, struct engine_vm **ret)
{
	struct soft_vm *vm = calloc(1, sizeof(*vm));
	int err;

	if (!vm)
		return trace_err(-ENOMEM);
	vm->slots = calloc(1, sizeof(*vm->slots));
	err = vm->slots ? soft_coalesced_create(&vm->coalesced)
			: trace_err(-ENOMEM);
	if (err) {
		soft_slots_free(vm->slots);
		free(vm);
		return err;
	}
	vm->vm.ops = &soft_vm_ops;
	vm->engine = engine;
	mutex_init(&vm->lock);
	mutex_init(&vm->exclusive);
	mutex_init(&vm->run_lock);
	mutex_init(&vm->irq_lock);
	cond_init(&vm->run_cond);
	vm->irqfd_epoll = vm->irqfd_stop = vm->ram_fd = -1;
	vm->tsc_khz = engine->tsc_khz;
	vm->tsc_offset_first = -__rdtsc(); /* TSCs start at zero, together */
	soft_clock_start(vm, 0);
	if (engine->tier == 0) {
		*ret = &vm->vm;
		return 0;
	}
	err = code_map_create(&vm->code_map);
	if (!err)
		err = ticker_create(vm, &vm->ticker);
	if (err) {
		vm_free(&vm->vm);
		return err;
	}
	*ret = &vm->vm;
	return 0;
}

static int vm_check_extension(struct engine_vm *handle, u32 cap)
{
	struct soft_vm *vm = soft_vm(handle);

	return soft_check_extension(&vm->engine->engine, cap);
}

static int cap_x2apic(struct soft_vm *vm, u64 flags)
{
	if (flags & ~(u64)(KVM_X2APIC_API_USE_32BIT_IDS |
			   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return trace_err(-EINVAL);
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->ids_32bit = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->no_broadcast_quirk = true;
	if (vm->irqchip) {
		vm->irqchip->bus.ids_are_32bit = vm->ids_32bit;
		vm->irqchip->bus.broadcast_quirk = !vm->no_broadcast_quirk;
	}
	return 0;
}

static int cap_value(u64 value, u64 allowed)
{
	return value & ~allowed ? trace_err(-EINVAL) : 0;
}

/* vm.lock held. */
static int cap_enable(struct soft_vm *vm, const struct kvm_enable_cap *cap)
{
	u64 value = cap->args[0];
	int err;

	switch (cap->cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return value > UINT32_MAX ? trace_err(-EINVAL)
					  : soft_create_split(vm, (u32)value);
	case KVM_CAP_X2APIC_API:
		return cap_x2apic(vm, value);
	case KVM_CAP_X86_USER_SPACE_MSR:
		err = cap_value(value, MSR_REASONS);
		if (!err)
			vm->user_msr_mask = (u32)value;
		return err;
	case KVM_CAP_EXIT_HYPERCALL:
		err = cap_value(value, BIT(12)); /* KVM_HC_MAP_GPA_RANGE */
		if (!err)
			vm->exit_hypercalls = value;
		return err;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		err = cap_value(value, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
		if (!err)
			vm->manual_dirty_protect = value;
		return err;
	default:
		return trace_err(-EINVAL);
	}
}

static int vm_enable_cap(struct engine_vm *handle,
			 const struct kvm_enable_cap *cap)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	if (cap->flags)
		return trace_err(-EINVAL);
	mutex_lock(&vm->lock);
	soft_exclusive_begin(vm, NULL);
	err = cap_enable(vm, cap);
	soft_exclusive_end(vm, NULL);
	mutex_unlock(&vm->lock);
	return err;
}

static int vm_create_vcpu(struct engine_vm *handle, u32 id,
			  struct engine_vcpu **ret)
{
	return soft_vcpu_create(soft_vm(handle), id, ret);
}

/*
 * Translations of these pages go, on every vCPU, before this returns. Tier 0
 * compares its blocks with memory each time they run and needs no telling.
 */
static void vm_memory_written(struct engine_vm *handle, u64 gpa, u64 size)
{
	struct soft_vm *vm = soft_vm(handle);
	u64 first = gpa & ~4095ull, last = gpa + size;

	if (!size)
		vm->writes_told = true;
	if (!vm->code_map || !size)
		return;
	mutex_lock(&vm->lock);
	for (u64 page = first; page < last; page += 4096) {
		void *host = soft_page(vm, page, false);

		if (!host || !code_map_holds(vm->code_map, (u64)(uintptr_t)host))
			continue;
		soft_exclusive_begin(vm, NULL);
		code_map_written(vm, NULL, (u64)(uintptr_t)host);
		soft_exclusive_end(vm, NULL);
	}
	mutex_unlock(&vm->lock);
}

/* Three pages that VT-x would need; here they are never used. */
static int vm_set_tss_addr(struct engine_vm *handle, u64 address)
{
	(void)handle;
	return address > UINT32_MAX - 3 * 4096 ? trace_err(-EINVAL) : 0;
}

static int vm_set_identity_map_addr(struct engine_vm *handle, u64 address)
{
	struct soft_vm *vm = soft_vm(handle);

	(void)address;
	return vm->vcpu_count ? trace_err(-EINVAL) : 0;
}

static int vm_set_boot_cpu_id(struct engine_vm *handle, u32 id)
{
	struct soft_vm *vm = soft_vm(handle);
	int err = 0;

	mutex_lock(&vm->lock);
	if (vm->vcpu_count)
		err = trace_err(-EBUSY);
	else
		vm->boot_cpu_id = id;
	mutex_unlock(&vm->lock);
	return err;
}

static int vm_set_tsc_khz(struct engine_vm *handle, u32 khz)
{
	struct soft_vm *vm = soft_vm(handle);
	u32 host = vm->engine->tsc_khz;
	int err = 0;

	if (!khz)
		khz = host;
	if (khz / 256 > host || host / 256 > khz)
		return trace_err(-EINVAL);
	mutex_lock(&vm->lock);
	if (vm->vcpu_count)
		err = trace_err(-EINVAL);
	else
		vm->tsc_khz = khz;
	mutex_unlock(&vm->lock);
	return err;
}

static int vm_get_tsc_khz(struct engine_vm *handle)
{
	return (int)soft_vm(handle)->tsc_khz;
}

static int filter_range(struct soft_msr_filter *next,
			const struct kvm_msr_filter_range *range)
{
	size_t bytes = (range->nmsrs + 7u) / 8;
	u8 *bitmap;

	if (!range->nmsrs)
		return 0;
	if (range->flags & ~(u32)(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) ||
	    !range->flags || bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return trace_err(-EINVAL);
	if (!range->bitmap)
		return trace_err(-EFAULT);
	bitmap = malloc(bytes);
	if (!bitmap)
		return trace_err(-ENOMEM);
	memcpy(bitmap, range->bitmap, bytes);
	next->range[next->count].flags = range->flags;
	next->range[next->count].base = range->base;
	next->range[next->count].nmsrs = range->nmsrs;
	next->range[next->count++].bitmap = bitmap;
	return 0;
}

static int vm_set_msr_filter(struct engine_vm *handle,
			     const struct kvm_msr_filter *filter)
{
	struct soft_vm *vm = soft_vm(handle);
	struct soft_msr_filter *next, *old;
	int err = 0;

	if (filter->flags & ~(u32)KVM_MSR_FILTER_DEFAULT_DENY)
		return trace_err(-EINVAL);
	next = calloc(1, sizeof(*next));
	if (!next)
		return trace_err(-ENOMEM);
	next->deny_default = filter->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (u32 i = 0; i < KVM_MSR_FILTER_MAX_RANGES && !err; i++)
		err = filter_range(next, &filter->ranges[i]);
	if (!err && !next->count && next->deny_default)
		err = trace_err(-EINVAL); /* nothing would be allowed */
	if (err) {
		filter_free(next);
		return err;
	}
	mutex_lock(&vm->lock);
	soft_exclusive_begin(vm, NULL);
	old = vm->filter;
	vm->filter = next;
	soft_exclusive_end(vm, NULL);
	mutex_unlock(&vm->lock);
	filter_free(old);
	return 0;
}

const struct engine_vm_ops soft_vm_ops = {
	.free = vm_free,
	.check_extension = vm_check_extension,
	.enable_cap = vm_enable_cap,
	.create_vcpu = vm_create_vcpu,
	.set_user_memory_region = soft_set_memory,
	.get_dirty_log = soft_get_dirty_log,
	.clear_dirty_log = soft_clear_dirty_log,
	.register_coalesced_mmio = soft_register_coalesced,
	.unregister_coalesced_mmio = soft_unregister_coalesced,
	.memory_written = vm_memory_written,
	.memory_backing = soft_memory_backing,
	.set_tss_addr = vm_set_tss_addr,
	.set_identity_map_addr = vm_set_identity_map_addr,
	.set_boot_cpu_id = vm_set_boot_cpu_id,
	.create_irqchip = soft_create_irqchip,
	.get_irqchip = soft_get_irqchip,
	.set_irqchip = soft_set_irqchip,
	.create_pit2 = soft_create_pit2,
	.get_pit2 = soft_get_pit2,
	.set_pit2 = soft_set_pit2,
	.reinject_control = soft_reinject_control,
	.set_gsi_routing = soft_set_gsi_routing,
	.irq_line = soft_irq_line,
	.irq_line_status = soft_irq_line_status,
	.irqfd = soft_irqfd,
	.ioeventfd = soft_ioeventfd,
	.signal_msi = soft_signal_msi,
	.get_clock = soft_get_clock,
	.set_clock = soft_set_clock,
	.set_tsc_khz = vm_set_tsc_khz,
	.get_tsc_khz = vm_get_tsc_khz,
	.set_msr_filter = vm_set_msr_filter,
};
