/* SPDX-License-Identifier: MIT */
/* See code_map.h. */
#include "engine/soft/code_map.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/soft/direct/direct.h"
#include "engine/soft/translate/translate.h"

#define REGION_SHIFT 30
#define REGION_PAGES (1u << (REGION_SHIFT - 12))
#define REGIONS	     (1u << (47 - REGION_SHIFT))
#define PAGE_CODE    0x8000u /* holds translated code */
#define PAGE_WRITES  0x7fu   /* how often it was written while it did */
#define PAGE_ASKS    0x7f80u /* how often it was refused since then */
#define ASK	     0x80u
#define WRITES_MAX   100
#define WRITES_AGAIN 75	      /* from where it counts after many refusals */
#define OPEN	     0x10000u /* how often a stub may write it, in what is above */

struct code_map {
	struct mutex lock;
	u32 *region[REGIONS]; /* owned; set once, under the lock */
	u32 first, end;	      /* of those that are set; most of the rest was
			       * never touched, not even by the kernel */
};

int code_map_create(struct code_map **ret)
{
	struct code_map *map = calloc(1, sizeof(*map));

	if (!map)
		return trace_err(-ENOMEM);
	map->first = REGIONS;
	mutex_init(&map->lock);
	*ret = map;
	return 0;
}

void code_map_free(struct code_map *map)
{
	if (!map)
		return;
	for (u32 i = map->first; i < map->end; i++)
		free(map->region[i]);
	mutex_release(&map->lock);
	free(map);
}

/* The page's entry; NULL: there is none yet. */
static u32 *entry_find(struct code_map *map, u64 host_page)
{
	u32 *region;

	if (host_page >> 47)
		return NULL;
	region = __atomic_load_n(&map->region[host_page >> REGION_SHIFT],
				 __ATOMIC_ACQUIRE);
	return region ? &region[host_page >> 12 & (REGION_PAGES - 1)] : NULL;
}

/* NULL: no memory. */
static u32 *entry_make(struct code_map *map, u64 host_page)
{
	u32 **region, *made;

	if (host_page >> 47)
		return NULL;
	region = &map->region[host_page >> REGION_SHIFT];
	mutex_lock(&map->lock);
	if (!*region) {
		made = calloc(REGION_PAGES, sizeof(*made));
		__atomic_store_n(region, made, __ATOMIC_RELEASE);
		map->first = MIN(map->first, (u32)(region - map->region));
		map->end = MAX(map->end, (u32)(region - map->region) + 1);
	}
	mutex_unlock(&map->lock);
	return entry_find(map, host_page);
}

/*
 * A page that was written too often is refused. It may have been patched for a
 * while only, as kernels are when they start: in the end it gets another chance,
 * with fewer writes.
 */
static bool forgiven(u32 *entry)
{
	u32 value = __atomic_load_n(entry, __ATOMIC_RELAXED), next;
	bool last = (value & PAGE_ASKS) == PAGE_ASKS;

	if (value & PAGE_CODE)
		return true;
	next = last ? (value & ~(OPEN - 1)) | WRITES_AGAIN : value + ASK;
	return __atomic_compare_exchange_n(entry, &value, next, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
	       last;
}

/* All vCPUs are outside: no stub may write the page after this. */
static void stubs_close(struct soft_vm *vm, u64 host_page)
{
	for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->direct)
			direct_page_close(vm->vcpu[i]->direct, host_page);
}

bool code_map_protect(struct soft_vcpu *vcpu, u64 host_page)
{
	struct soft_vm *vm = vcpu->vm;
	u32 *entry = entry_find(vm->code_map, host_page);

	if (!entry) {
		translator_fpu_sync(vcpu);
		entry = entry_make(vm->code_map, host_page);
	}
	if (!entry)
		return false;
	if (likely(*entry & PAGE_CODE))
		return true;
	if ((*entry & PAGE_WRITES) >= WRITES_MAX && !forgiven(entry))
		return false;
	if (vm->vcpu_count == 1 && *entry < OPEN) {
		__atomic_fetch_or(entry, PAGE_CODE, __ATOMIC_SEQ_CST);
		translator_forget_writes_to(vcpu->translator, host_page);
		return true;
	}
	translator_fpu_sync(vcpu);
	soft_exclusive_begin(vm, vcpu);
	if (*entry >= OPEN)
		stubs_close(vm, host_page);
	__atomic_fetch_or(entry, PAGE_CODE, __ATOMIC_SEQ_CST);
	soft_request_all(vm, REQUEST_CODE);
	soft_exclusive_end(vm, vcpu);
	return false;
}

void code_map_open(struct soft_vm *vm, struct soft_vcpu *self, u64 host_page)
{
	u32 *entry = entry_find(vm->code_map, host_page);

	if (!entry)
		entry = entry_make(vm->code_map, host_page);
	if (!entry)
		return; /* nor can anybody translate it */
	__atomic_fetch_add(entry, OPEN, __ATOMIC_SEQ_CST);
	code_map_written(vm, self, host_page);
}

void code_map_close(struct soft_vm *vm, u64 host_page)
{
	u32 *entry = entry_find(vm->code_map, host_page);

	if (entry && *entry >= OPEN)
		__atomic_fetch_sub(entry, OPEN, __ATOMIC_SEQ_CST);
}

bool code_map_holds(struct code_map *map, u64 host_page)
{
	u32 *entry = entry_find(map, host_page);

	return entry && (*entry & PAGE_CODE);
}

/* map.lock held. */
static void drop_ask(struct soft_vcpu *vcpu, u64 host_page)
{
	if (vcpu->drop_count < SOFT_DROPS_MAX)
		vcpu->drop[vcpu->drop_count] = host_page;
	if (vcpu->drop_count <= SOFT_DROPS_MAX)
		vcpu->drop_count++;
}

void code_map_written(struct soft_vm *vm, struct soft_vcpu *self, u64 host_page)
{
	u32 *entry = vm->code_map ? entry_find(vm->code_map, host_page) : NULL;
	u32 old;

	if (likely(!entry || !(*entry & PAGE_CODE)))
		return;
	if (self)
		translator_fpu_sync(self);
	mutex_lock(&vm->code_map->lock);
	old = *entry;
	if (old & PAGE_CODE) {
		u32 writes = MIN((old & PAGE_WRITES) + 1u, (u32)WRITES_MAX);

		/* The rest may change meanwhile. */
		__atomic_fetch_and(entry, ~(OPEN - 1), __ATOMIC_SEQ_CST);
		__atomic_fetch_or(entry, writes, __ATOMIC_SEQ_CST);
		for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
			if (vm->vcpu[i] && vm->vcpu[i] != self)
				drop_ask(vm->vcpu[i], host_page);
	}
	mutex_unlock(&vm->code_map->lock);
	for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
		if (vm->vcpu[i] && vm->vcpu[i] != self)
			soft_request(vm->vcpu[i], REQUEST_CODE);
	if (self && self->translator) {
		translator_drop_page(self->translator, host_page);
		self->cpu.stop |= STOP_CODE_WRITTEN;
	}
}

void code_map_serve(struct soft_vcpu *vcpu)
{
	struct translator *tr = vcpu->translator;
	struct code_map *map = vcpu->vm->code_map;

	if (!tr || !map)
		return;
	translator_forget_writes(tr);
	mutex_lock(&map->lock);
	if (vcpu->drop_count > SOFT_DROPS_MAX)
		translator_clear(tr);
	else
		for (u32 i = 0; i < vcpu->drop_count; i++)
			translator_drop_page(tr, vcpu->drop[i]);
	vcpu->drop_count = 0;
	mutex_unlock(&map->lock);
}
