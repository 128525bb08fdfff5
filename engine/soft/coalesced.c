/* SPDX-License-Identifier: MIT */
/*
 * Coalesced MMIO and PIO: a guest's writes to registered zones that go into a
 * ring instead of each ending run(). The client empties the ring at its next
 * exit. [KVM-API 4.116 "KVM_(UN)REGISTER_COALESCED_MMIO"]
 *
 * The VM has one ring. It is a page of a memory file, so that every vCPU's
 * mapping can show it as its third page. Its content is the client's as much as
 * ours: what is read from it is checked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/soft/soft.h"

/* KVM_COALESCED_MMIO_MAX, which the kernel's header leaves to PAGE_SIZE. */
#define RING_ENTRIES                                             \
	((u32)((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / \
	       sizeof(struct kvm_coalesced_mmio)))

#define ZONES_MAX 1000 /* as many devices as a bus of the kernel's takes */

struct soft_coalesced {
	struct mutex lock;		      /* all below; taken last */
	struct kvm_coalesced_mmio_ring *ring; /* owned: a shared mapping */
	u32 count; /* atomic for who only asks whether there are any */
	struct kvm_coalesced_mmio_zone zone[ZONES_MAX];
};

static bool zone_has(const struct kvm_coalesced_mmio_zone *zone, u64 address,
		     u64 size, u32 pio)
{
	return zone->pio == pio && size <= zone->size && address >= zone->addr &&
	       address - zone->addr <= zone->size - size;
}

static bool any_zone_has(const struct soft_coalesced *c, u64 address, u32 size,
			 u32 pio)
{
	for (u32 i = 0; i < c->count; i++)
		if (zone_has(&c->zone[i], address, size, pio))
			return true;
	return false;
}

/* False: it is full, and the client must be asked. */
static bool ring_put(struct kvm_coalesced_mmio_ring *ring, u64 address,
		     const void *data, u32 size, u32 pio)
{
	u32 last = __atomic_load_n(&ring->last, __ATOMIC_RELAXED);
	u32 first = __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE);
	struct kvm_coalesced_mmio *entry;
	u32 next;

	if (last >= RING_ENTRIES)
		return false;
	next = (last + 1) % RING_ENTRIES;
	if (next == first % RING_ENTRIES)
		return false;
	entry = &ring->coalesced_mmio[last];
	entry->phys_addr = address;
	entry->len = size;
	memcpy(entry->data, data, size);
	entry->pio = pio;
	__atomic_store_n(&ring->last, next, __ATOMIC_RELEASE);
	return true;
}

bool soft_coalesced_write(struct soft_vm *vm, u64 address, const void *data,
			  u32 size, bool pio)
{
	struct soft_coalesced *c = vm->coalesced;
	bool taken;

	if (likely(!__atomic_load_n(&c->count, __ATOMIC_RELAXED)) || size > 8)
		return false;
	mutex_lock(&c->lock);
	taken = any_zone_has(c, address, size, pio) &&
		ring_put(c->ring, address, data, size, pio);
	mutex_unlock(&c->lock);
	return taken;
}

int soft_register_coalesced(struct engine_vm *handle,
			    const struct kvm_coalesced_mmio_zone *zone)
{
	struct soft_coalesced *c = soft_vm(handle)->coalesced;
	int err = 0;

	if (zone->pio > 1)
		return trace_err(-EINVAL);
	mutex_lock(&c->lock);
	if (c->count == ZONES_MAX) {
		err = trace_err(-ENOSPC);
	} else {
		c->zone[c->count] = *zone;
		__atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
	}
	mutex_unlock(&c->lock);
	return err;
}

/* Every zone that has all of this one in it goes; none is no error. */
int soft_unregister_coalesced(struct engine_vm *handle,
			      const struct kvm_coalesced_mmio_zone *zone)
{
	struct soft_coalesced *c = soft_vm(handle)->coalesced;
	u32 kept = 0;

	if (zone->pio > 1)
		return trace_err(-EINVAL);
	mutex_lock(&c->lock);
	for (u32 i = 0; i < c->count; i++)
		if (!zone_has(&c->zone[i], zone->addr, zone->size, zone->pio))
			c->zone[kept++] = c->zone[i];
	__atomic_store_n(&c->count, kept, __ATOMIC_RELAXED);
	mutex_unlock(&c->lock);
	return 0;
}

int soft_coalesced_map(struct soft_vm *vm, void *page)
{
	/* Of a shared mapping, "0 bytes moved" makes a second one. */
	return mremap(vm->coalesced->ring, 0, 4096,
		      MREMAP_MAYMOVE | MREMAP_FIXED, page) == page
		       ? 0
		       : trace_err(-errno);
}

void soft_coalesced_free(struct soft_coalesced *c)
{
	if (!c)
		return;
	if (c->ring)
		(void)munmap(c->ring, 4096); /* our own mapping */
	mutex_release(&c->lock);
	free(c);
}

int soft_coalesced_create(struct soft_coalesced **ret)
{
	struct soft_coalesced *c = calloc(1, sizeof(*c));
	void *page;
	int err;

	if (!c)
		return trace_err(-ENOMEM);
	mutex_init(&c->lock);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		err = -errno;
		soft_coalesced_free(c);
		return trace_err(err);
	}
	c->ring = page;
	*ret = c;
	return 0;
}
