/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: which guest-physical range is which host range, and what was
 * written. [KVM-API 4.35 "KVM_SET_USER_MEMORY_REGION"]
 *
 * A change builds a new sorted array and puts it in force while all vCPUs are
 * outside guest code; each drops its TLBs before it goes on, so no pointer
 * into an old slot survives the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/soft/code_map.h"
#include "engine/soft/soft.h"

#define SLOT_FLAGS   (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)
#define GPA_BITS_MAX 52

static u64 pages_of(u64 size)
{
	return size / 4096;
}

static size_t bitmap_bytes(u64 size)
{
	return (size_t)((pages_of(size) + 63) / 64 * 8);
}

void soft_slots_free(struct soft_slots *slots)
{
	if (!slots)
		return;
	for (u32 i = 0; i < slots->count; i++)
		free(slots->slot[i].dirty);
	free(slots);
}

static struct soft_slot *slot_by_id(struct soft_slots *slots, u32 id)
{
	for (u32 i = 0; i < slots->count; i++)
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	return NULL;
}

static struct soft_slot *slot_by_gpa(struct soft_slots *slots, gpa_t gpa)
{
	u32 low = 0, high = slots->count;

	while (low < high) {
		u32 middle = (low + high) / 2;
		struct soft_slot *slot = &slots->slot[middle];

		if (gpa < slot->gpa)
			high = middle;
		else if (gpa - slot->gpa >= slot->size)
			low = middle + 1;
		else
			return slot;
	}
	return NULL;
}

static void dirty_set(struct soft_slot *slot, gpa_t gpa)
{
	u64 page = pages_of(gpa - slot->gpa);

	__atomic_fetch_or(&slot->dirty[page / 64], BIT(page % 64),
			  __ATOMIC_RELAXED);
}

void *soft_page(struct soft_vm *vm, gpa_t gpa, bool write)
{
	struct soft_slot *slot = slot_by_gpa(vm->slots, gpa);

	if (!slot)
		return NULL;
	if (write) {
		if (slot->flags & KVM_MEM_READONLY)
			return NULL;
		if (slot->dirty)
			dirty_set(slot, gpa);
	}
	return (void *)(uintptr_t)(slot->hva + (gpa - slot->gpa));
}

void soft_slot_note(struct soft_vcpu *vcpu, gpa_t gpa)
{
	const struct soft_slot *slot = slot_by_gpa(vcpu->vm->slots, gpa);

	if (!slot)
		return;
	vcpu->slot_gpa = slot->gpa;
	vcpu->slot_size = slot->size;
	vcpu->slot_hva = slot->hva;
}

static bool memory_copy(struct soft_vm *vm, gpa_t gpa, void *data, u32 size,
			bool write)
{
	u8 *bytes = data;

	while (size) {
		u32 part = MIN(size, 4096 - (u32)(gpa & 4095));
		u8 *host = soft_page(vm, gpa & ~4095ull, write);

		if (!host)
			return false;
		host += gpa & 4095;
		if (write) /* the kvmclock's page may hold code */
			code_map_written(vm, NULL,
					 (u64)(uintptr_t)host & ~4095ull);
		if (write)
			memcpy(host, bytes, part);
		else
			memcpy(bytes, host, part);
		gpa += part;
		bytes += part;
		size -= part;
	}
	return true;
}

bool soft_memory_write(struct soft_vm *vm, gpa_t gpa, const void *data, u32 size)
{
	return memory_copy(vm, gpa, (void *)(uintptr_t)data, size, true);
}

bool soft_memory_read(struct soft_vm *vm, gpa_t gpa, void *data, u32 size)
{
	return memory_copy(vm, gpa, data, size, false);
}

static int region_check(const struct kvm_userspace_memory_region *region)
{
	u64 size = region->memory_size, gpa = region->guest_phys_addr;

	if (region->flags & ~(u32)SLOT_FLAGS)
		return trace_err(-EINVAL);
	if ((region->slot & 0xffff) >= SOFT_SLOTS_MAX || region->slot >> 16)
		return trace_err(-EINVAL);
	if ((size | gpa | region->userspace_addr) & 4095)
		return trace_err(-EINVAL);
	if (gpa + size < gpa || (gpa + size) >> GPA_BITS_MAX)
		return trace_err(-EINVAL);
	if (region->userspace_addr + size < region->userspace_addr ||
	    region->userspace_addr + size > BIT(47))
		return trace_err(-EINVAL);
	return 0;
}

static bool overlaps(const struct soft_slots *slots,
		     const struct kvm_userspace_memory_region *region)
{
	for (u32 i = 0; i < slots->count; i++) {
		const struct soft_slot *slot = &slots->slot[i];

		if (slot->id != region->slot &&
		    region->guest_phys_addr < slot->gpa + slot->size &&
		    slot->gpa < region->guest_phys_addr + region->memory_size)
			return true;
	}
	return false;
}

static void slot_remove(struct soft_slots *slots, u32 id)
{
	struct soft_slot *slot = slot_by_id(slots, id);
	u32 index = (u32)(slot - slots->slot);

	memmove(slot, slot + 1, (slots->count - index - 1) * sizeof(*slot));
	slots->count--;
}

static void slot_insert(struct soft_slots *slots, const struct soft_slot *slot)
{
	u32 at = 0;

	while (at < slots->count && slots->slot[at].gpa < slot->gpa)
		at++;
	memmove(&slots->slot[at + 1], &slots->slot[at],
		(slots->count - at) * sizeof(*slot));
	slots->slot[at] = *slot;
	slots->count++;
}

/*
 * What stays of the old slot's bitmap: with the same place and size and logging
 * on before and after, all of it. A moved slot or one that starts to log begins
 * clean. [KVM-API 4.35]
 */
static int new_bitmap(const struct soft_slot *old, struct soft_slot *slot,
		      u64 **ret_unused)
{
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
		*ret_unused = old ? old->dirty : NULL;
		return 0;
	}
	if (old && old->dirty && old->gpa == slot->gpa) {
		slot->dirty = old->dirty;
		*ret_unused = NULL;
		return 0;
	}
	slot->dirty = calloc(1, bitmap_bytes(slot->size));
	*ret_unused = old ? old->dirty : NULL;
	return slot->dirty ? 0 : trace_err(-ENOMEM);
}

static int region_replace(struct soft_vm *vm, struct soft_slots *next,
			  const struct kvm_userspace_memory_region *region,
			  u64 **ret_unused)
{
	struct soft_slot *old = slot_by_id(vm->slots, region->slot);
	struct soft_slot slot = {.gpa = region->guest_phys_addr,
				 .size = region->memory_size,
				 .hva = region->userspace_addr,
				 .id = region->slot,
				 .flags = region->flags};
	int err;

	if (!region->memory_size) {
		if (!old)
			return trace_err(-EINVAL);
		*ret_unused = old->dirty;
		slot_remove(next, region->slot);
		return 0;
	}
	/* An existing slot may move or change its log flag, no more. */
	if (old && (old->size != slot.size || old->hva != slot.hva ||
		    ((old->flags ^ slot.flags) & KVM_MEM_READONLY)))
		return trace_err(-EINVAL);
	if (overlaps(vm->slots, region))
		return trace_err(-EEXIST);
	if (!old && vm->slots->count == SOFT_SLOTS_MAX)
		return trace_err(-EINVAL);
	err = new_bitmap(old, &slot, ret_unused);
	if (err)
		return err;
	if (old)
		slot_remove(next, region->slot);
	slot_insert(next, &slot);
	return 0;
}

int soft_set_memory(struct engine_vm *handle,
		    const struct kvm_userspace_memory_region *region)
{
	struct soft_vm *vm = soft_vm(handle);
	struct soft_slots *next, *old;
	u64 *unused = NULL;
	int err = region_check(region);

	if (err)
		return err;
	next = malloc(sizeof(*next));
	if (!next)
		return trace_err(-ENOMEM);
	mutex_lock(&vm->lock);
	memcpy(next, vm->slots, sizeof(*next));
	err = region_replace(vm, next, region, &unused);
	if (!err) {
		soft_exclusive_begin(vm, NULL);
		old = vm->slots;
		vm->slots = next;
		next = old;
		vm->logged = false;
		for (u32 i = 0; i < vm->slots->count; i++)
			vm->logged |= vm->slots->slot[i].dirty != NULL;
		for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
			if (vm->vcpu[i])
				vm->vcpu[i]->slot_size = 0;
		soft_request_all(vm, REQUEST_FLUSH);
		soft_exclusive_end(vm, NULL);
		free(unused);
	}
	mutex_unlock(&vm->lock);
	free(next);
	return err;
}

/* What stubs map: direct/shadow.h. */
int soft_memory_backing(struct engine_vm *handle, u64 hva, u64 bytes, int fd)
{
	struct soft_vm *vm = soft_vm(handle);
	int copy, err = 0;

	if (!bytes)
		return vm->engine->tier >= 3;
	if ((hva | bytes) & 4095)
		return trace_err(-EINVAL);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return trace_err(-errno);
	mutex_lock(&vm->lock);
	if (vm->vcpu_count || vm->ram_fd >= 0) {
		err = trace_err(-EBUSY);
		(void)close(copy); /* nothing was written */
	} else {
		vm->ram_fd = copy;
		vm->ram_hva = hva;
		vm->ram_bytes = bytes;
		/* User code in stubs reads it by itself, if it is the host's. */
		vm->tsc_offset_first = 0;
	}
	mutex_unlock(&vm->lock);
	return err;
}

/* Copies out the bitmap, clearing it unless the client clears by itself. */
int soft_get_dirty_log(struct engine_vm *handle, const struct kvm_dirty_log *log)
{
	struct soft_vm *vm = soft_vm(handle);
	struct soft_slot *slot;
	int err = 0;

	mutex_lock(&vm->lock);
	slot = slot_by_id(vm->slots, log->slot);
	if (log->slot >= SOFT_SLOTS_MAX) {
		err = trace_err(-EINVAL);
	} else if (!slot || !slot->dirty) {
		err = trace_err(-ENOENT);
	} else if (!log->dirty_bitmap) {
		err = trace_err(-EFAULT);
	} else {
		soft_exclusive_begin(vm, NULL);
		memcpy(log->dirty_bitmap, slot->dirty, bitmap_bytes(slot->size));
		if (!vm->manual_dirty_protect) {
			memset(slot->dirty, 0, bitmap_bytes(slot->size));
			soft_request_all(vm, REQUEST_FLUSH);
		}
		soft_exclusive_end(vm, NULL);
	}
	mutex_unlock(&vm->lock);
	return err;
}

static int clear_check(const struct soft_slot *slot,
		       const struct kvm_clear_dirty_log *log)
{
	u64 pages = pages_of(slot->size);

	if (log->first_page > pages ||
	    log->num_pages > pages - log->first_page || (log->first_page & 63) ||
	    ((log->num_pages & 63) && log->num_pages < pages - log->first_page))
		return trace_err(-EINVAL);
	return log->dirty_bitmap ? 0 : trace_err(-EFAULT);
}

int soft_clear_dirty_log(struct engine_vm *handle,
			 const struct kvm_clear_dirty_log *log)
{
	struct soft_vm *vm = soft_vm(handle);
	const u64 *clear = log->dirty_bitmap;
	struct soft_slot *slot;
	int err;

	mutex_lock(&vm->lock);
	slot = slot_by_id(vm->slots, log->slot);
	if (log->slot >= SOFT_SLOTS_MAX)
		err = trace_err(-EINVAL);
	else if (!slot || !slot->dirty)
		err = trace_err(-ENOENT);
	else
		err = clear_check(slot, log);
	if (!err && slot && slot->dirty) {
		soft_exclusive_begin(vm, NULL);
		for (u64 i = 0; i < (log->num_pages + 63) / 64; i++)
			slot->dirty[log->first_page / 64 + i] &= ~clear[i];
		soft_request_all(vm, REQUEST_FLUSH);
		soft_exclusive_end(vm, NULL);
	}
	mutex_unlock(&vm->lock);
	return err;
}
