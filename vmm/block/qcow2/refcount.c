/* SPDX-License-Identifier: MIT */
/*
 * Which clusters of the file are in use: [QCOW2 "Host cluster management"].
 *
 * A new refcount block lies at the start of the range it counts, which is free
 * because it has none. A longer refcount table is made at the file's end,
 * with the blocks that count it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

#define REFTABLE_OFFSET 0xfffffffffffffe00

/* ---- one count ---- */

u64 refcount_max(const struct qcow2 *q)
{
	u32 bits = 1u << q->refcount_order;

	return bits == 64 ? UINT64_MAX : BIT(bits) - 1;
}

u64 refblock_entries(const struct qcow2 *q)
{
	return (u64)q->cluster_bytes * 8 >> q->refcount_order;
}

static u64 count_load(const u8 *data, u32 order, u64 index)
{
	u32 bits = 1u << order;
	u64 value = 0;

	if (order < 3) {
		u32 shift = (u32)(index * bits % 8);

		return data[index * bits / 8] >> shift & (BIT(bits) - 1);
	}
	for (u32 i = 0; i < bits / 8; i++)
		value = value << 8 | data[index * bits / 8 + i];
	return value;
}

static void count_store(u8 *data, u32 order, u64 index, u64 value)
{
	u32 bits = 1u << order;

	if (order < 3) {
		u32 shift = (u32)(index * bits % 8);
		u8 *at = &data[index * bits / 8];

		*at = (u8)((*at & ~((BIT(bits) - 1) << shift)) | value << shift);
		return;
	}
	for (u32 i = bits / 8; i-- > 0; value >>= 8)
		data[index * bits / 8 + i] = (u8)value;
}

/* The block's place; 0 when there is none. */
static int block_offset(const struct qcow2 *q, u64 cluster, u64 *ret_offset)
{
	u64 index = cluster / refblock_entries(q), offset;

	*ret_offset = 0;
	if (index >= q->reftable_count)
		return 0;
	offset = q->reftable[index] & REFTABLE_OFFSET;
	if (!is_aligned(offset, q->cluster_bytes) ||
	    (offset && offset >= q->image.file.size_bytes))
		return trace_err(-EIO);
	*ret_offset = offset;
	return 0;
}

/* The slice with the count of a cluster; *ret_slot NULL when no block has it. */
static int find_slot(struct qcow2 *q, u64 cluster, struct cache_slot **ret_slot,
		     u64 *ret_index)
{
	u64 in_block = cluster % refblock_entries(q);
	u64 per_slice = (u64)q->refs.slice_bytes * 8 >> q->refcount_order;
	u64 offset;
	int err = block_offset(q, cluster, &offset);

	*ret_slot = NULL;
	if (err || !offset)
		return err;
	offset += in_block / per_slice * q->refs.slice_bytes;
	*ret_index = in_block % per_slice;
	err = cache_get(&q->refs, offset, ret_slot);
	/* What is dirty here may be written at any time. */
	if (err == -ENOBUFS)
		err = cache_write(&q->refs);
	return err || *ret_slot ? err : cache_get(&q->refs, offset, ret_slot);
}

int refcount_get(struct qcow2 *q, u64 cluster, u64 *ret_count)
{
	struct cache_slot *slot;
	u64 index;
	int err = find_slot(q, cluster, &slot, &index);

	if (err)
		return err;
	*ret_count = slot ? count_load(slot->data, q->refcount_order, index) : 0;
	return 0;
}

int refcount_set(struct qcow2 *q, u64 cluster, u64 count)
{
	struct cache_slot *slot;
	u64 index;
	int err = find_slot(q, cluster, &slot, &index);

	assert(count <= refcount_max(q));
	if (err)
		return err;
	if (!slot)
		return count ? trace_err(-EIO) : 0;
	count_store(slot->data, q->refcount_order, index, count);
	cache_mark_dirty(&q->refs, slot);
	return 0;
}

/* ---- more blocks, a longer table ---- */

static bool holds(u64 start, u64 bytes, u64 offset)
{
	return bytes && offset >= start && offset - start < bytes;
}

/* A place that cannot be free, whatever its count says. */
static bool is_vital(const struct qcow2 *q, u64 offset)
{
	return offset == 0 ||
	       holds(q->l1_offset, (u64)q->l1_count * 8, offset) ||
	       holds(q->reftable_offset,
		     (u64)q->reftable_clusters << q->cluster_bits, offset) ||
	       (q->snapshot_count && offset == q->snapshots_offset) ||
	       (q->has_bitmaps && offset == q->bitmaps_offset);
}

static int damaged(struct qcow2 *q)
{
	q->broken = true;
	return trace_err(-EIO);
}

static int block_create(struct qcow2 *q, u64 index)
{
	u64 offset = index * refblock_entries(q) << q->cluster_bits;
	u8 entry[8];
	int err;

	if (is_vital(q, offset))
		return damaged(q);
	memset(q->cluster, 0, q->cluster_bytes);
	count_store(q->cluster, q->refcount_order, 0, 1);
	err = block_file_write(&q->image.file, offset, q->cluster,
			       q->cluster_bytes);
	if (!err)
		err = block_file_sync(&q->image.file);
	if (err)
		return err;
	put64(entry, offset);
	err = block_file_write(&q->image.file, q->reftable_offset + index * 8,
			       entry, sizeof(entry));
	if (err)
		return err;
	q->reftable[index] = offset;
	return 0;
}

/* Where a longer table goes and what it takes. */
struct growth {
	u64 start;	 /* cluster of the first new block */
	u64 first_index; /* of that block in the table */
	u64 blocks;	 /* new ones in a row, then the table */
	u64 table_clusters;
};

static int plan_growth(const struct qcow2 *q, u64 index, struct growth *g)
{
	u64 entries = refblock_entries(q), per_cluster = q->cluster_bytes / 8;
	u64 end = q->image.file.is_device ? 0 : q->image.file.size_bytes;
	u64 count;

	g->start = MAX((u64)q->reftable_count * entries,
		       (end + q->cluster_bytes - 1) >> q->cluster_bits);
	g->first_index = g->start / entries;
	count = MAX(g->first_index, index) + 1;
	count += count / 2; /* so that this is rare */
	g->table_clusters = count / per_cluster + 1;
	/* The blocks count themselves and the table. */
	g->blocks = (g->table_clusters + g->start % entries) / (entries - 1) + 1;
	if (g->table_clusters * q->cluster_bytes > REFTABLE_BYTES_MAX ||
	    g->first_index + g->blocks > g->table_clusters * per_cluster ||
	    g->start + g->blocks >= HOST_OFFSET_MAX >> q->cluster_bits)
		return trace_err(-EFBIG);
	return 0;
}

/* The new blocks and the table behind them, as they go into the file. */
static u8 *make_growth(const struct qcow2 *q, const struct growth *g)
{
	u64 total = g->blocks + g->table_clusters, entries = refblock_entries(q);
	u8 *all = calloc(total, q->cluster_bytes), *table;

	if (!all)
		return NULL;
	for (u64 i = 0; i < total; i++) {
		u64 at = g->start % entries + i;

		count_store(all + (at / entries << q->cluster_bits),
			    q->refcount_order, at % entries, 1);
	}
	table = all + (g->blocks << q->cluster_bits);
	for (u64 i = 0; i < q->reftable_count; i++)
		put64(table + i * 8, q->reftable[i]);
	for (u64 i = 0; i < g->blocks; i++)
		put64(table + (g->first_index + i) * 8,
		      (g->start + i) << q->cluster_bits);
	return all;
}

/* The header's two fields lie side by side: one write changes both. */
static int point_to_reftable(struct qcow2 *q, u64 offset, u32 clusters)
{
	u8 field[12];

	put64(field, offset);
	put32(field + 8, clusters);
	return block_file_write(&q->image.file, HEADER_REFTABLE_OFFSET, field,
				sizeof(field));
}

static int write_growth(struct qcow2 *q, const struct growth *g, const u8 *all)
{
	u64 total = g->blocks + g->table_clusters;
	int err = block_file_write(&q->image.file, g->start << q->cluster_bits,
				   all, total << q->cluster_bits);

	if (!err)
		err = block_file_sync(&q->image.file);
	if (!err)
		err = point_to_reftable(
			q, (g->start + g->blocks) << q->cluster_bits,
			(u32)g->table_clusters);
	return err ? err : block_file_sync(&q->image.file);
}

static int reftable_grow(struct qcow2 *q, u64 index)
{
	u64 old_offset = q->reftable_offset, old_clusters = q->reftable_clusters;
	auto_free u8 *all = NULL;
	struct growth g;
	u64 *table;
	u32 count;
	int err = plan_growth(q, index, &g);

	if (err)
		return err;
	count = (u32)(g.table_clusters << q->cluster_bits) / 8;
	table = malloc((size_t)count * 8);
	all = make_growth(q, &g);
	err = table && all ? write_growth(q, &g, all) : -ENOMEM;
	if (err) {
		free(table);
		return err;
	}
	for (u32 i = 0; i < count; i++)
		table[i] =
			get64(all + (g.blocks << q->cluster_bits) + (u64)i * 8);
	free(q->reftable);
	q->reftable = table;
	q->reftable_count = count;
	q->reftable_clusters = (u32)g.table_clusters;
	q->reftable_offset = (g.start + g.blocks) << q->cluster_bits;
	for (u64 i = 0; i < old_clusters; i++)
		cluster_release(q, old_offset + (i << q->cluster_bits));
	return 0;
}

/* Sees to it that a block counts this cluster. */
static int block_ready(struct qcow2 *q, u64 cluster)
{
	u64 index = cluster / refblock_entries(q);
	int err = 0;

	if (index >= q->reftable_count)
		err = reftable_grow(q, index);
	if (!err && !(q->reftable[index] & REFTABLE_OFFSET))
		err = block_create(q, index);
	return err;
}

/* ---- clusters ---- */

/* Clusters looked at for one place: 8 TiB of file with those of 64 KiB. */
#define SEARCH_MAX (128 * MiB)

/* Nothing can be in use past the file's end; and a search must end. */
static bool is_astray(const struct qcow2 *q, u64 cluster, u64 count)
{
	u64 end = q->image.file.size_bytes;

	return (count && cluster << q->cluster_bits >= end + 4 * MiB) ||
	       cluster - q->free_hint > SEARCH_MAX;
}

/* The first run of free clusters, and where the first free one was. */
static int find_free(struct qcow2 *q, u64 want, bool all, u64 *ret_start,
		     u64 *ret_run, u64 *ret_first)
{
	u64 start = 0, run = 0, first = UINT64_MAX;

	for (u64 cluster = q->free_hint; run < want; cluster++) {
		u64 count;
		int err;

		if (cluster >= HOST_OFFSET_MAX >> q->cluster_bits)
			return trace_err(-EFBIG);
		err = block_ready(q, cluster);
		if (!err)
			err = refcount_get(q, cluster, &count);
		if (err)
			return err;
		if (is_astray(q, cluster, count))
			return damaged(q);
		if (count && run && !all)
			break;
		if (count) {
			run = 0;
			continue;
		}
		if (is_vital(q, cluster << q->cluster_bits))
			return damaged(q);
		start = run++ ? start : cluster;
		first = MIN(first, cluster);
	}
	*ret_start = start;
	*ret_run = run;
	*ret_first = first;
	return 0;
}

int clusters_allocate(struct qcow2 *q, u64 want, bool all, u64 *ret_offset,
		      u64 *ret_count)
{
	u64 start = 0, run = 0, first = 0;
	int err;

	assert(want);
	if (q->broken)
		return trace_err(-EIO);
	err = find_free(q, want, all, &start, &run, &first);
	if (err)
		return err;
	for (u64 i = 0; !err && i < run; i++) {
		err = refcount_set(q, start + i, 1);
		if (err)
			clusters_unallocate(q, start << q->cluster_bits, i);
	}
	if (err)
		return err;
	q->free_hint = first == start ? start + run : first;
	*ret_offset = start << q->cluster_bits;
	*ret_count = run;
	return 0;
}

void clusters_unallocate(struct qcow2 *q, u64 offset, u64 count)
{
	u64 start = offset >> q->cluster_bits;

	for (u64 i = 0; i < count; i++)
		/* Fails for want of memory or by the host: then it leaks. */
		(void)!refcount_set(q, start + i, 0);
	q->free_hint = MIN(q->free_hint, start);
}

void cluster_release(struct qcow2 *q, u64 offset)
{
	if (q->freed_count == FREED_MAX && tables_write(q))
		return; /* a flush will say why */
	q->freed[q->freed_count++] = offset >> q->cluster_bits;
}

void entry_release(struct qcow2 *q, u64 entry)
{
	u64 offset = entry & ENTRY_OFFSET, last;

	if (!(entry & ENTRY_COMPRESSED)) {
		if (offset)
			cluster_release(q, offset);
		return;
	}
	/* [QCOW2 "Compressed Clusters Descriptor"]: all that it touches. */
	offset = compressed_offset(q, entry);
	last = offset + compressed_bytes(q, entry) - 1;
	for (u64 c = offset >> q->cluster_bits; c <= last >> q->cluster_bits;
	     c++)
		cluster_release(q, c << q->cluster_bits);
}

/* Counts one down; 1 when it is free now. */
static int count_down(struct qcow2 *q, u64 cluster)
{
	u64 count;
	int err = refcount_get(q, cluster, &count);

	if (err || !count)
		return err;
	err = refcount_set(q, cluster, count - 1);
	if (err || count > 1)
		return err;
	q->free_hint = MIN(q->free_hint, cluster);
	if (q->compressed_at >> q->cluster_bits == cluster)
		q->compressed_at = 0;
	return 1;
}

int freed_apply(struct qcow2 *q)
{
	u64 start = 0, run = 0; /* of free ones in a row */
	int err = 0;

	for (u32 i = 0; i < q->freed_count; i++) {
		u64 cluster = q->freed[i];
		int is_free = count_down(q, cluster);

		/* An error leaks the cluster. */
		if (is_free < 0 && !err)
			err = is_free;
		if (is_free != 1 || !q->image.discard)
			continue;
		if (run && cluster == start + run) {
			run++;
			continue;
		}
		(void)!block_file_punch(&q->image.file, start << q->cluster_bits,
					run << q->cluster_bits);
		start = cluster;
		run = 1;
	}
	/* The host's space is given back as far as the host likes. */
	(void)!block_file_punch(&q->image.file, start << q->cluster_bits,
				run << q->cluster_bits);
	q->freed_count = 0;
	return err;
}
