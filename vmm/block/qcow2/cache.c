/* SPDX-License-Identifier: MIT */
/*
 * Slices of the image's tables in memory, as they are in the file. A slice is
 * smaller than a table, so that a change of one entry writes little and a
 * random read brings little in.
 */
#include <assert.h>
#include <stdlib.h>

#include "vmm/block/qcow2/inside.h"

static void lock(struct cache *cache)
{
	if (cache->lock)
		mutex_lock(cache->lock);
}

static void unlock(struct cache *cache)
{
	if (cache->lock)
		mutex_unlock(cache->lock);
}

void cache_init(struct cache *cache, struct block_file *file,
		struct mutex *guard, u32 slice_bytes, u64 max_bytes)
{
	*cache = (struct cache){
		.file = file,
		.lock = guard,
		.slice_bytes = slice_bytes,
		.max = (u32)(max_bytes / slice_bytes),
	};
	list_init(&cache->by_age);
	for (u32 i = 0; i < CACHE_BUCKETS; i++)
		list_init(&cache->bucket[i]);
}

static void drop(struct cache *cache, struct cache_slot *slot)
{
	list_del(&slot->by_age);
	list_del(&slot->in_bucket);
	cache->count--;
	cache->dirty_count -= slot->dirty;
	free(slot);
}

void cache_release(struct cache *cache)
{
	list_for_each_safe(it, &cache->by_age)
		drop(cache, list_entry(it, struct cache_slot, by_age));
}

static struct list *bucket_of(struct cache *cache, u64 offset)
{
	u64 slice = offset / cache->slice_bytes;

	/* Tables are clusters, and those of a disk lie at even distances. */
	return &cache->bucket[(slice ^ slice >> 8 ^ slice >> 16) % CACHE_BUCKETS];
}

struct cache_slot *cache_find_locked(struct cache *cache, u64 offset)
{
	list_for_each(it, bucket_of(cache, offset)) {
		struct cache_slot *slot =
			list_entry(it, struct cache_slot, in_bucket);

		if (slot->offset != offset)
			continue;
		list_del(&slot->by_age);
		list_add_tail(&cache->by_age, &slot->by_age);
		return slot;
	}
	return NULL;
}

/* Takes the oldest clean slice out; at most half of them are dirty. */
static struct cache_slot *evict(struct cache *cache)
{
	list_for_each(it, &cache->by_age) {
		struct cache_slot *slot =
			list_entry(it, struct cache_slot, by_age);

		if (slot->dirty)
			continue;
		list_del(&slot->by_age);
		list_del(&slot->in_bucket);
		cache->count--;
		return slot;
	}
	return NULL;
}

static int cache_read(struct cache *cache, u64 offset,
		      struct cache_slot **ret_slot)
{
	struct cache_slot *slot = NULL;
	int err;

	if (cache->count >= cache->max) {
		lock(cache);
		slot = evict(cache);
		unlock(cache);
	}
	if (!slot)
		slot = malloc(sizeof(*slot) + cache->slice_bytes);
	if (!slot)
		return trace_err(-ENOMEM);
	err = block_file_read(cache->file, offset, slot->data,
			      cache->slice_bytes);
	if (err) {
		free(slot);
		return err;
	}
	slot->offset = offset;
	slot->dirty = false;
	lock(cache);
	list_add_tail(&cache->by_age, &slot->by_age);
	list_add_head(bucket_of(cache, offset), &slot->in_bucket);
	cache->count++;
	unlock(cache);
	*ret_slot = slot;
	return 0;
}

int cache_get(struct cache *cache, u64 offset, struct cache_slot **ret_slot)
{
	struct cache_slot *slot;

	assert(is_aligned(offset, cache->slice_bytes));
	lock(cache);
	slot = cache_find_locked(cache, offset);
	unlock(cache);
	if (!slot && cache->dirty_count > cache->max / 2)
		return -ENOBUFS;
	if (!slot)
		return cache_read(cache, offset, ret_slot);
	*ret_slot = slot;
	return 0;
}

void cache_mark_dirty(struct cache *cache, struct cache_slot *slot)
{
	cache->dirty_count += !slot->dirty;
	slot->dirty = true;
}

int cache_write(struct cache *cache)
{
	int first = 0;

	if (!cache->dirty_count)
		return 0;
	/* The other thread may move slices in this list as it finds them; the
	 * buckets change by this thread only. */
	for (u32 i = 0; i < CACHE_BUCKETS; i++) {
		list_for_each(it, &cache->bucket[i]) {
			struct cache_slot *slot =
				list_entry(it, struct cache_slot, in_bucket);
			int err;

			if (!slot->dirty)
				continue;
			err = block_file_write(cache->file, slot->offset,
					       slot->data, cache->slice_bytes);
			if (!err) {
				slot->dirty = false;
				cache->dirty_count--;
			} else if (!first) {
				first = err;
			}
		}
	}
	return first;
}

void cache_forget(struct cache *cache, u64 offset, u64 size)
{
	lock(cache);
	list_for_each_safe(it, &cache->by_age) {
		struct cache_slot *slot =
			list_entry(it, struct cache_slot, by_age);

		if (slot->offset >= offset && slot->offset - offset < size)
			drop(cache, slot);
	}
	unlock(cache);
}
