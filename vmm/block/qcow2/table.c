/* SPDX-License-Identifier: MIT */
/* Where guest clusters are in the file: [QCOW2 "Cluster mapping"]. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

/* ---- entries ---- */

bool is_valid_l1(const struct qcow2 *q, u64 entry)
{
	u64 offset = entry & ENTRY_OFFSET;

	return is_aligned(offset, q->cluster_bytes) &&
	       !(entry & ~(ENTRY_OFFSET | ENTRY_COPIED)) &&
	       (!offset || offset < block_file_end(&q->image.file));
}

bool is_valid_l2(const struct qcow2 *q, u64 entry)
{
	u64 offset = entry & ENTRY_OFFSET;

	if (entry & ENTRY_COMPRESSED)
		/* Bits of a place that reaches past the format's end. */
		return compressed_offset(q, entry) + compressed_bytes(q, entry) <=
		       HOST_OFFSET_MAX;
	if (entry & ENTRY_ZERO && q->version < 3)
		return false;
	return !(entry & ENTRY_RESERVED) &&
	       is_aligned(offset, q->cluster_bytes) &&
	       (offset || !(entry & ENTRY_COPIED));
}

/* [QCOW2 "Compressed Clusters Descriptor"]: the bits of the offset. */
static u32 compressed_bits(const struct qcow2 *q)
{
	return 62 - (q->cluster_bits - 8);
}

u64 compressed_offset(const struct qcow2 *q, u64 entry)
{
	return entry & (BIT(compressed_bits(q)) - 1);
}

u64 compressed_bytes(const struct qcow2 *q, u64 entry)
{
	u64 more = (entry & (ENTRY_COMPRESSED - 1)) >> compressed_bits(q);

	return (more + 1) * 512 - compressed_offset(q, entry) % 512;
}

/* ---- L2 ---- */

static u32 l2_index(const struct qcow2 *q, u64 guest_cluster)
{
	return (u32)(guest_cluster & (BIT(l2_bits(q)) - 1));
}

/* The slice of an L2 table with an entry, and its index there. */
static u64 slice_of(const struct qcow2 *q, u64 table, u64 guest_cluster,
		    u32 *ret_index)
{
	u32 at = l2_index(q, guest_cluster) * 8;

	*ret_index = at % q->l2.slice_bytes;
	return table + align_down(at, q->l2.slice_bytes);
}

static int get_slot(struct qcow2 *q, u64 offset, struct cache_slot **ret_slot)
{
	int err = cache_get(&q->l2, offset, ret_slot);

	if (err != -ENOBUFS)
		return err;
	err = tables_write(q);
	return err ? err : cache_get(&q->l2, offset, ret_slot);
}

int entry_get(struct qcow2 *q, u64 guest_cluster, u64 *ret_entry)
{
	u64 l1_index = guest_cluster >> l2_bits(q), table;
	struct cache_slot *slot;
	u32 index;
	int err;

	*ret_entry = 0;
	if (l1_index >= q->l1_count)
		return 0;
	if (!is_valid_l1(q, q->l1[l1_index]))
		return trace_err(-EIO);
	table = q->l1[l1_index] & ENTRY_OFFSET;
	if (!table)
		return 0;
	err = get_slot(q, slice_of(q, table, guest_cluster, &index), &slot);
	if (!err)
		*ret_entry = get64(slot->data + index);
	return err;
}

int entry_cached_locked(struct qcow2 *q, u64 guest_cluster, u64 *ret_entry)
{
	u64 l1_index = guest_cluster >> l2_bits(q), table, offset;
	struct cache_slot *slot;
	u32 index;

	*ret_entry = 0;
	if (l1_index >= q->l1_count)
		return 0;
	if (!is_valid_l1(q, q->l1[l1_index]))
		return -EAGAIN;
	table = q->l1[l1_index] & ENTRY_OFFSET;
	if (!table)
		return 0;
	offset = slice_of(q, table, guest_cluster, &index);
	slot = cache_find_locked(&q->l2, offset);
	if (!slot)
		return -EAGAIN;
	*ret_entry = get64(slot->data + index);
	return 0;
}

static void l1_set(struct qcow2 *q, u32 index, u64 entry)
{
	mutex_lock(&q->lock);
	q->l1[index] = entry;
	mutex_unlock(&q->lock);
	if (q->l1_dirty_start == q->l1_dirty_end)
		q->l1_dirty_start = q->l1_dirty_end = index;
	q->l1_dirty_start = MIN(q->l1_dirty_start, index);
	q->l1_dirty_end = MAX(q->l1_dirty_end, index + 1);
}

/* A new table's content: that of `old`, or nothing. */
static int fill_table(struct qcow2 *q, u64 table, u64 old)
{
	struct block_file *file = &q->image.file;
	int err;

	if (!old && !file->is_device && table >= file->size_bytes)
		return block_file_truncate(file, table + q->cluster_bytes);
	if (!old)
		return block_file_zero(file, table, q->cluster_bytes, false);
	/* Tables that are shared are never dirty: the file has all. */
	err = block_file_read(file, old, q->cluster, q->cluster_bytes);
	return err ? err
		   : block_file_write(file, table, q->cluster, q->cluster_bytes);
}

int entry_prepare(struct qcow2 *q, u64 guest_cluster)
{
	u32 index = (u32)(guest_cluster >> l2_bits(q));
	u64 entry, old, table, count;
	int err;

	if (guest_cluster >> l2_bits(q) >= q->l1_count)
		return trace_err(-EIO);
	entry = q->l1[index];
	old = entry & ENTRY_OFFSET;
	if (!is_valid_l1(q, entry))
		return trace_err(-EIO);
	if (old && entry & ENTRY_COPIED)
		return 0;
	err = clusters_allocate(q, 1, true, &table, &count);
	if (err)
		return err;
	err = fill_table(q, table, old);
	if (err) {
		clusters_unallocate(q, table, 1);
		return err;
	}
	l1_set(q, index, table | ENTRY_COPIED);
	if (old) {
		cache_forget(&q->l2, old, q->cluster_bytes);
		cluster_release(q, old);
	}
	return 0;
}

int entry_set(struct qcow2 *q, u64 guest_cluster, u64 entry)
{
	struct cache_slot *slot;
	u64 table;
	u32 index;
	int err = entry_prepare(q, guest_cluster);

	if (err)
		return err;
	table = q->l1[guest_cluster >> l2_bits(q)] & ENTRY_OFFSET;
	err = get_slot(q, slice_of(q, table, guest_cluster, &index), &slot);
	if (err)
		return err;
	mutex_lock(&q->lock);
	put64(slot->data + index, entry);
	mutex_unlock(&q->lock);
	cache_mark_dirty(&q->l2, slot);
	return 0;
}

/* ---- writing ---- */

static int l1_write(struct qcow2 *q)
{
	u8 chunk[4096];
	int err = 0;

	while (!err && q->l1_dirty_start < q->l1_dirty_end) {
		u32 start = q->l1_dirty_start;
		u32 n = MIN(q->l1_dirty_end - start, (u32)sizeof(chunk) / 8);

		for (u32 i = 0; i < n; i++)
			put64(chunk + i * 8, q->l1[start + i]);
		err = block_file_write(&q->image.file,
				       q->l1_offset + (u64)start * 8, chunk,
				       n * 8);
		if (!err)
			q->l1_dirty_start += n;
	}
	return err;
}

static bool l1_is_dirty(const struct qcow2 *q)
{
	return q->l1_dirty_start < q->l1_dirty_end;
}

int tables_write(struct qcow2 *q)
{
	struct block_file *file = &q->image.file;
	int err = cache_write(&q->refs);

	if (!err && (q->l2.dirty_count || l1_is_dirty(q))) {
		err = block_file_sync(file);
		if (!err)
			err = cache_write(&q->l2);
	}
	if (!err && l1_is_dirty(q)) {
		err = block_file_sync(file);
		if (!err)
			err = l1_write(q);
	}
	if (!err && q->freed_count) {
		err = block_file_sync(file);
		if (!err)
			err = freed_apply(q);
		if (!err)
			err = cache_write(&q->refs);
	}
	return err;
}

/* Writes the longer table and lets the header point to it. */
static int l1_write_new(struct qcow2 *q, const u64 *l1, u64 offset, u32 count)
{
	u64 bytes = (u64)count * 8;
	u8 *raw = malloc(bytes);
	u8 field[12];
	int err;

	if (!raw)
		return trace_err(-ENOMEM);
	for (u32 i = 0; i < count; i++)
		put64(raw + (u64)i * 8, l1[i]);
	err = block_file_write(&q->image.file, offset, raw, bytes);
	free(raw);
	if (!err)
		err = tables_write(q);
	if (!err)
		err = block_file_sync(&q->image.file);
	if (err)
		return err;
	put32(field, count);
	put64(field + 4, offset);
	err = block_file_write(&q->image.file, HEADER_L1_SIZE, field,
			       sizeof(field));
	return err ? err : block_file_sync(&q->image.file);
}

static u64 l1_clusters(const struct qcow2 *q, u32 count)
{
	return ((u64)count * 8 + q->cluster_bytes - 1) >> q->cluster_bits;
}

int l1_grow(struct qcow2 *q, u32 count)
{
	u64 *l1 = calloc(count, sizeof(*l1)), *old = q->l1;
	u64 old_offset = q->l1_offset,
	    old_clusters = l1_clusters(q, q->l1_count);
	u64 offset, got;
	int err;

	assert(count > q->l1_count);
	if (!l1)
		return trace_err(-ENOMEM);
	err = clusters_allocate(q, l1_clusters(q, count), true, &offset, &got);
	if (err) {
		free(l1);
		return err;
	}
	if (q->l1_count)
		memcpy(l1, q->l1, q->l1_count * sizeof(*l1));
	err = l1_write_new(q, l1, offset, count);
	if (err) {
		/* The header may point there already: the new one leaks. */
		free(l1);
		return err;
	}
	mutex_lock(&q->lock);
	q->l1 = l1;
	q->l1_count = count;
	q->l1_offset = offset;
	mutex_unlock(&q->lock);
	free(old);
	for (u64 i = 0; i < old_clusters; i++)
		cluster_release(q, old_offset + (i << q->cluster_bits));
	return 0;
}
