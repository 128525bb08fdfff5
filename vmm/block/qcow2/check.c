/* SPDX-License-Identifier: MIT */
/*
 * Checking an image: counts who points to each cluster, and compares with the
 * refcounts and the COPIED flags. A cluster counted too high only leaks; one
 * counted too low would be given away a second time.
 *
 * Tables that several L1 tables share are walked once, with their number, so
 * that time and memory follow from the size of the file. Mending too low
 * counts writes a whole new refcount structure behind the last used cluster.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

/* 16 TiB of file with clusters of 64 KiB; two bytes of memory each. */
#define CLUSTERS_MAX (256 * MiB)
/* Entries of L1 and bitmap tables, all together. */
#define ENTRIES_MAX (8 * MiB)

struct table_use {
	u64 offset;
	bool active; /* through the L1 table in use */
};

struct checker {
	struct qcow2 *q;
	struct disk_check *check;
	u16 *used;    /* owned: by cluster, who points there; saturates */
	u64 clusters; /* of the file */
	struct table_use *tables; /* owned: each use of an L2 table */
	u64 table_count;
	u64 entries;  /* of L1 and bitmap tables so far */
	u8 *table;    /* owned: one L2 table */
	u64 next;     /* where the next cluster would lie in a row */
	bool rebuild; /* some count is too low */
};

#define report(c, ...)                                                  \
	do {                                                            \
		struct disk_check *k_ = (c)->check;                     \
                                                                        \
		if (k_->report && k_->report_left && k_->report_left--) \
			fprintf(k_->report, __VA_ARGS__);               \
	} while (0)

static void use(struct checker *c, u64 offset, u64 bytes, u64 times)
{
	u32 bits = c->q->cluster_bits;
	u64 first = offset >> bits;
	u64 last = bytes ? (offset + bytes - 1) >> bits : first;

	if (!bytes)
		return;
	if (last >= c->clusters) {
		report(c, "error: 0x%llx is used and past the file's end\n",
		       (unsigned long long)offset);
		c->check->corruptions++;
		return;
	}
	for (u64 i = first; i <= last; i++)
		c->used[i] = (u16)MIN(c->used[i] + times, (u64)UINT16_MAX);
}

static void bad_entry(struct checker *c, const char *what, u64 entry)
{
	report(c, "error: %s 0x%llx is impossible\n", what,
	       (unsigned long long)entry);
	c->check->corruptions++;
}

/* ---- counting ---- */

/* One table in the file may be named often: that costs time. */
static int add_entries(struct checker *c, u32 count)
{
	c->entries += count;
	return c->entries > ENTRIES_MAX ? trace_err(-EFBIG) : 0;
}

static int add_tables(struct checker *c, const u64 *l1, u32 count, bool active)
{
	struct table_use *more;

	more = realloc(c->tables, (c->table_count + count + 1) * sizeof(*more));
	if (!more)
		return trace_err(-ENOMEM);
	c->tables = more;
	for (u32 i = 0; i < count; i++) {
		u64 offset = l1[i] & ENTRY_OFFSET;

		if (!is_valid_l1(c->q, l1[i])) {
			bad_entry(c, "L1 entry", l1[i]);
			continue;
		}
		if (!offset)
			continue;
		use(c, offset, c->q->cluster_bytes, 1);
		c->tables[c->table_count++] = (struct table_use){offset, active};
	}
	return 0;
}

static int count_snapshot(struct checker *c, const struct snapshot_l1 *s)
{
	auto_free u64 *l1 = NULL;
	int err = add_entries(c, s->count);

	if (err)
		return err;
	l1 = calloc((size_t)s->count + 1, sizeof(*l1));
	if (!l1)
		return trace_err(-ENOMEM);
	use(c, s->offset, (u64)s->count * 8, 1);
	err = block_file_read(&c->q->image.file, s->offset, l1,
			      (u64)s->count * 8);
	for (u32 i = 0; !err && i < s->count; i++)
		l1[i] = be64toh(l1[i]);
	return err ? err : add_tables(c, l1, s->count, false);
}

static int count_snapshots(struct checker *c)
{
	auto_free struct snapshot_l1 *l1 = NULL;
	u64 bytes;
	int err;

	if (!c->q->snapshot_count)
		return 0;
	err = snapshots_read(c->q, &l1, &bytes);
	if (err == -EINVAL) {
		bad_entry(c, "the snapshot table at", c->q->snapshots_offset);
		return 0;
	}
	if (!err)
		use(c, c->q->snapshots_offset, bytes, 1);
	for (u32 i = 0; !err && i < c->q->snapshot_count; i++)
		err = count_snapshot(c, &l1[i]);
	return err;
}

static int count_bitmap(struct checker *c, const struct bitmap_entry *e)
{
	u64 bytes = (u64)e->table_count * 8;
	auto_free u64 *table = NULL;
	int err = add_entries(c, e->table_count);

	if (err)
		return err;
	table = malloc(bytes + 8);
	if (!table)
		return trace_err(-ENOMEM);
	use(c, e->table_offset, bytes, 1);
	err = block_file_read(&c->q->image.file, e->table_offset, table, bytes);
	for (u32 i = 0; !err && i < e->table_count; i++) {
		u64 entry = be64toh(table[i]), offset = entry & ENTRY_OFFSET;

		if (!is_aligned(offset, c->q->cluster_bytes))
			bad_entry(c, "bitmap table entry", entry);
		else if (offset)
			use(c, offset, c->q->cluster_bytes, 1);
	}
	return err;
}

static int count_bitmaps(struct checker *c)
{
	auto_free struct bitmap_entry *entries = NULL;
	int err;

	/* Without the bit their data is nobody's: it leaks. */
	if (!c->q->has_bitmaps || !(c->q->autoclear & AUTOCLEAR_BITMAPS))
		return 0;
	err = bitmaps_read(c->q, &entries);
	if (err == -EINVAL) {
		bad_entry(c, "the bitmap directory at", c->q->bitmaps_offset);
		return 0;
	}
	use(c, c->q->bitmaps_offset, c->q->bitmaps_bytes, 1);
	for (u32 i = 0; !err && i < c->q->bitmap_count; i++)
		err = count_bitmap(c, &entries[i]);
	return err;
}

static void count_refcounts(struct checker *c)
{
	struct qcow2 *q = c->q;

	use(c, q->reftable_offset, (u64)q->reftable_clusters << q->cluster_bits,
	    1);
	for (u32 i = 0; i < q->reftable_count; i++) {
		u64 offset = q->reftable[i];

		if (offset && (!is_aligned(offset, q->cluster_bytes) ||
			       offset >> q->cluster_bits >= c->clusters)) {
			bad_entry(c, "refcount table entry", offset);
			c->rebuild = true;
		} else if (offset) {
			use(c, offset, q->cluster_bytes, 1);
		}
	}
}

/* As QEMU counts: rows are those of one table, and compressed ones are none. */
static void count_active(struct checker *c, u64 entry)
{
	struct disk_check *k = c->check;
	u64 offset = entry & ENTRY_OFFSET;

	if (entry & ENTRY_COMPRESSED) {
		k->allocated++;
		k->compressed++;
		k->fragmented++;
	} else if (offset) {
		k->allocated++;
		k->fragmented += c->next && offset != c->next;
		c->next = offset + c->q->cluster_bytes;
	}
}

static void count_entry(struct checker *c, u64 entry, u64 times, bool active)
{
	struct qcow2 *q = c->q;

	if (!is_valid_l2(q, entry)) {
		bad_entry(c, "L2 entry", entry);
		return;
	}
	if (active)
		count_active(c, entry);
	if (entry & ENTRY_COMPRESSED)
		use(c, compressed_offset(q, entry), compressed_bytes(q, entry),
		    times);
	else if (entry & ENTRY_OFFSET)
		use(c, entry & ENTRY_OFFSET, q->cluster_bytes, times);
}

/* A hole has only zeros, and a file may have very large ones. */
static bool is_hole(struct checker *c, u64 offset)
{
	struct block_file *file = &c->q->image.file;
	bool hole;
	u64 size;

	if (offset >= file->size_bytes)
		return true;
	return !block_file_extent(file, offset, &hole, &size) && hole &&
	       size >= c->q->cluster_bytes;
}

static int count_table(struct checker *c, u64 offset, u64 times, bool active)
{
	struct qcow2 *q = c->q;
	int err;

	if (is_hole(c, offset))
		return 0;
	c->next = 0;
	err = block_file_read(&q->image.file, offset, c->table,
			      q->cluster_bytes);
	for (u32 at = 0; !err && at < q->cluster_bytes; at += 8)
		if (get64(c->table + at))
			count_entry(c, get64(c->table + at), times, active);
	return err;
}

static int by_offset(const void *a, const void *b)
{
	const struct table_use *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Each L2 table once, with the number of its uses. */
static int count_tables(struct checker *c)
{
	int err = 0;

	if (c->table_count)
		qsort(c->tables, c->table_count, sizeof(*c->tables), by_offset);
	for (u64 i = 0, n; !err && i < c->table_count; i += n) {
		bool active = false;

		for (n = 0; i + n < c->table_count &&
			    c->tables[i + n].offset == c->tables[i].offset;
		     n++)
			active |= c->tables[i + n].active;
		err = count_table(c, c->tables[i].offset, n, active);
	}
	return err;
}

static int count_all(struct checker *c)
{
	struct qcow2 *q = c->q;
	int err;

	use(c, 0, q->cluster_bytes, 1);
	use(c, q->l1_offset, (u64)q->l1_count * 8, 1);
	count_refcounts(c);
	err = add_tables(c, q->l1, q->l1_count, true);
	if (!err)
		err = count_snapshots(c);
	if (!err)
		err = count_bitmaps(c);
	return err ? err : count_tables(c);
}

/* ---- refcounts ---- */

static int mend_leak(struct checker *c, u64 cluster)
{
	int err = refcount_set(c->q, cluster, c->used[cluster]);

	if (!err) {
		c->check->leaks--;
		c->check->leaks_fixed++;
	}
	return err;
}

static int compare_one(struct checker *c, u64 cluster, bool mend)
{
	u64 count, used = c->used[cluster];
	int err = refcount_get(c->q, cluster, &count);

	if (err == -EIO)
		count = 0, c->rebuild = true;
	else if (err)
		return err;
	if (count == used || (used == UINT16_MAX && count > used))
		return 0;
	if (count < used) {
		report(c,
		       "error: cluster %llu is used %llu times and counted "
		       "%llu\n",
		       (unsigned long long)cluster, (unsigned long long)used,
		       (unsigned long long)count);
		c->check->corruptions++;
		c->rebuild = true;
		return 0;
	}
	report(c, "leaked cluster %llu: used %llu times and counted %llu\n",
	       (unsigned long long)cluster, (unsigned long long)used,
	       (unsigned long long)count);
	c->check->leaks++;
	return mend ? mend_leak(c, cluster) : 0;
}

/* Whether a block of its own counts these clusters, and has any count. */
static bool has_counts(struct checker *c, u64 index)
{
	struct qcow2 *q = c->q;
	u64 offset = index < q->reftable_count ? q->reftable[index] : 0;
	u64 cluster = offset >> q->cluster_bits;

	if (!offset || !is_aligned(offset, q->cluster_bytes) ||
	    cluster >= c->clusters || is_hole(c, offset))
		return false;
	if (c->used[cluster] > 1)
		c->rebuild = true; /* and its count tells of it */
	return c->used[cluster] == 1;
}

static int compare_counts(struct checker *c, bool mend)
{
	u64 per_block = refblock_entries(c->q);
	bool counted = false;
	int err = 0;

	for (u64 i = 0; !err && i < c->clusters; i++) {
		if (i % per_block == 0)
			counted = has_counts(c, i / per_block);
		if (counted || c->used[i])
			err = compare_one(c, i, mend);
		if (c->used[i])
			c->check->end_offset = (i + 1) << c->q->cluster_bits;
	}
	return err ? err : cache_write(&c->q->refs);
}

/* ---- COPIED flags ---- */

/* What the entry should be by the counts. */
static u64 right_flag(const struct checker *c, u64 entry)
{
	u64 cluster = (entry & ENTRY_OFFSET) >> c->q->cluster_bits;

	if (entry & ENTRY_COMPRESSED || !(entry & ENTRY_OFFSET) ||
	    cluster >= c->clusters)
		return entry & ~ENTRY_COPIED;
	return c->used[cluster] == 1 ? entry | ENTRY_COPIED
				     : entry & ~ENTRY_COPIED;
}

/* A flag that is missing costs a copy; one too many, another's data. */
static int check_flag(struct checker *c, u64 entry, u64 at, bool mend,
		      u64 *ret_entry)
{
	u64 right = right_flag(c, entry);
	u8 raw[8];
	int err;

	*ret_entry = entry;
	if (entry == right)
		return 0;
	report(c, "error: entry 0x%llx has a wrong COPIED flag\n",
	       (unsigned long long)entry);
	c->check->corruptions++;
	if (!mend)
		return 0;
	put64(raw, right);
	err = block_file_write(&c->q->image.file, at, raw, sizeof(raw));
	if (err)
		return err;
	c->check->corruptions--;
	c->check->corruptions_fixed++;
	*ret_entry = right;
	return 0;
}

static int check_table_flags(struct checker *c, u64 offset, bool mend)
{
	struct qcow2 *q = c->q;
	int err;

	if (is_hole(c, offset))
		return 0;
	err = block_file_read(&q->image.file, offset, c->table,
			      q->cluster_bytes);
	for (u32 at = 0; !err && at < q->cluster_bytes; at += 8) {
		u64 entry = get64(c->table + at), mended;

		if (entry && is_valid_l2(q, entry))
			err = check_flag(c, entry, offset + at, mend, &mended);
	}
	return err;
}

static int check_flags(struct checker *c, bool mend)
{
	struct qcow2 *q = c->q;
	int err = 0;

	for (u32 i = 0; !err && i < q->l1_count; i++) {
		u64 entry = q->l1[i];

		if (!(entry & ENTRY_OFFSET) || !is_valid_l1(q, entry))
			continue;
		err = check_flag(c, entry, q->l1_offset + (u64)i * 8, mend,
				 &q->l1[i]);
	}
	/* Tables are sorted: those of the active L1, each once. */
	for (u64 i = 0; !err && i < c->table_count; i++)
		if (c->tables[i].active &&
		    (!i || c->tables[i - 1].offset != c->tables[i].offset ||
		     !c->tables[i - 1].active))
			err = check_table_flags(c, c->tables[i].offset, mend);
	return err;
}

/* ---- a new refcount structure ---- */

struct rebuild {
	u64 start; /* first cluster of the new blocks */
	u64 blocks, table_clusters;
};

static void plan_rebuild(const struct checker *c, struct rebuild *r)
{
	u64 entries = refblock_entries(c->q);
	u64 per_cluster = c->q->cluster_bytes / 8, before;

	*r = (struct rebuild){
		.start = c->check->end_offset >> c->q->cluster_bits,
		.blocks = 1,
		.table_clusters = 1,
	};
	do {
		u64 total = r->start + r->blocks + r->table_clusters;

		before = r->blocks + r->table_clusters;
		r->blocks = (total + entries - 1) / entries;
		r->table_clusters = r->blocks / per_cluster + 1;
	} while (r->blocks + r->table_clusters != before);
}

/* The old structure is not used any more. */
static void forget_refcounts(struct checker *c)
{
	struct qcow2 *q = c->q;
	u64 first = q->reftable_offset >> q->cluster_bits;

	for (u64 i = 0; i < q->reftable_clusters; i++)
		if (first + i < c->clusters && c->used[first + i])
			c->used[first + i]--;
	for (u32 i = 0; i < q->reftable_count; i++) {
		u64 cluster = q->reftable[i] >> q->cluster_bits;

		if (q->reftable[i] && cluster < c->clusters &&
		    is_aligned(q->reftable[i], q->cluster_bytes) &&
		    c->used[cluster])
			c->used[cluster]--;
	}
}

/* Points the image to blocks without a count, and counts by refcount_set. */
static int fill_rebuilt(struct checker *c, const struct rebuild *r)
{
	struct qcow2 *q = c->q;
	u64 own_end = r->start + r->blocks + r->table_clusters;
	int err = 0;

	for (u64 i = 0; !err && i < r->start && i < c->clusters; i++)
		if (c->used[i])
			err = refcount_set(
				q, i, MIN((u64)c->used[i], refcount_max(q)));
	for (u64 i = r->start; !err && i < own_end; i++)
		err = refcount_set(q, i, 1);
	return err ? err : cache_write(&q->refs);
}

static int write_rebuilt_table(struct qcow2 *q, const struct rebuild *r)
{
	u64 offset = (r->start + r->blocks) << q->cluster_bits;
	u8 *raw = calloc(r->table_clusters, q->cluster_bytes);
	u8 field[12];
	int err;

	if (!raw)
		return trace_err(-ENOMEM);
	for (u32 i = 0; i < q->reftable_count; i++)
		put64(raw + (u64)i * 8, q->reftable[i]);
	err = block_file_write(&q->image.file, offset, raw,
			       r->table_clusters << q->cluster_bits);
	free(raw);
	if (!err)
		err = block_file_sync(&q->image.file);
	put64(field, offset);
	put32(field + 8, (u32)r->table_clusters);
	if (!err)
		err = block_file_write(&q->image.file, HEADER_REFTABLE_OFFSET,
				       field, sizeof(field));
	q->reftable_offset = offset;
	q->reftable_clusters = (u32)r->table_clusters;
	return err ? err : block_file_sync(&q->image.file);
}

static int rebuild_refcounts(struct checker *c)
{
	struct qcow2 *q = c->q;
	struct rebuild r;
	u64 count, *table;
	int err;

	plan_rebuild(c, &r);
	count = r.table_clusters * q->cluster_bytes / 8;
	if (count * 8 > REFTABLE_BYTES_MAX)
		return trace_err(-EFBIG);
	table = calloc(count, sizeof(*table));
	if (!table)
		return trace_err(-ENOMEM);
	forget_refcounts(c);
	for (u64 i = 0; i < r.blocks; i++)
		table[i] = (r.start + i) << q->cluster_bits;
	free(q->reftable);
	q->reftable = table;
	q->reftable_count = (u32)count;
	cache_forget(&q->refs, 0, UINT64_MAX);
	err = block_file_zero(&q->image.file, r.start << q->cluster_bits,
			      r.blocks << q->cluster_bits, false);
	if (!err)
		err = fill_rebuilt(c, &r);
	return err ? err : write_rebuilt_table(q, &r);
}

/* ---- all of it ---- */

static int checker_init(struct checker *c, struct qcow2 *q,
			struct disk_check *check)
{
	u64 clusters = (q->image.file.size_bytes + q->cluster_bytes - 1) >>
		       q->cluster_bits;

	*c = (struct checker){.q = q, .check = check, .clusters = clusters};
	if (clusters > CLUSTERS_MAX)
		return trace_err(-EFBIG);
	c->used = calloc(clusters + 1, sizeof(*c->used));
	c->table = malloc(q->cluster_bytes);
	return c->used && c->table ? 0 : -ENOMEM;
}

static void checker_release(struct checker *c)
{
	free(c->used);
	free(c->tables);
	free(c->table);
}

/* [QCOW2 "Header"]: neither dirty nor corrupt any more. */
static int clear_marks(struct qcow2 *q)
{
	u64 marks = INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT;
	int err = block_file_sync(&q->image.file);

	if (err || !(q->incompatible & marks))
		return err;
	err = header_put64(q, HEADER_INCOMPATIBLE, q->incompatible & ~marks);
	if (err)
		return err;
	q->incompatible &= ~marks;
	return block_file_sync(&q->image.file);
}

/* Too low counts are all mended together; leaks go with them. */
static int mend_all(struct checker *c, u64 low)
{
	struct disk_check *k = c->check;
	int err = rebuild_refcounts(c);

	if (err)
		return err;
	k->corruptions -= low;
	k->corruptions_fixed += low;
	k->leaks_fixed += k->leaks;
	k->leaks = 0;
	return 0;
}

static int check_all(struct checker *c, enum disk_repair repair)
{
	u64 before, low;
	int err;

	assert(c->used && c->table);
	err = count_all(c);
	if (err)
		return err;
	before = c->check->corruptions;
	/* Where all is counted anew, leaks need no visit of their own. */
	err = compare_counts(c, repair != DISK_REPAIR_NONE && !c->rebuild);
	low = c->check->corruptions - before;
	if (!err)
		err = check_flags(c, repair == DISK_REPAIR_ALL);
	if (!err && repair == DISK_REPAIR_ALL && c->rebuild)
		err = mend_all(c, low);
	if (!err && repair == DISK_REPAIR_ALL && !c->check->corruptions)
		err = clear_marks(c->q);
	return err;
}

int qcow2_check(struct disk *image, enum disk_repair repair,
		struct disk_check *check)
{
	struct qcow2 *q = qcow2_of(image);
	struct checker c;
	int err = image->read_only ? 0 : tables_write(q);

	assert(repair == DISK_REPAIR_NONE || !image->read_only);
	if (!err)
		err = checker_init(&c, q, check);
	else
		c = (struct checker){};
	check->clusters = disk_clusters(q);
	if (!err)
		err = check_all(&c, repair);
	checker_release(&c);
	if (repair == DISK_REPAIR_NONE)
		return err;
	q->free_hint = 0;
	cache_forget(&q->l2, 0, UINT64_MAX);
	if (!err)
		err = block_file_sync(&image->file);
	return err;
}
