/* SPDX-License-Identifier: MIT */
/*
 * What an image may have beside the disk: internal snapshots and bitmaps.
 * [QCOW2 "Snapshots"], [QCOW2 "Bitmaps"].
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

bool disk_is_qcow2(const struct disk *image)
{
	return !strcmp(image->class->name, "qcow2");
}

const char *qcow2_backing_name(const struct disk *image, const char **ret_format)
{
	const struct qcow2 *q = container_of(image, struct qcow2, image);

	*ret_format = q->backing_format;
	return q->backing_name;
}

void qcow2_info(const struct disk *image, struct qcow2_info *ret_info)
{
	const struct qcow2 *q = container_of(image, struct qcow2, image);

	*ret_info = (struct qcow2_info){
		.version = q->version,
		.cluster_bytes = q->cluster_bytes,
		.refcount_bits = 1u << q->refcount_order,
		.compression = q->compression,
		.lazy_refcounts = q->compatible & COMPATIBLE_LAZY,
		.dirty = q->incompatible & INCOMPATIBLE_DIRTY,
		.corrupt = q->incompatible & INCOMPATIBLE_CORRUPT,
		.backing_name = q->backing_name,
		.backing_format = q->backing_format,
		.snapshot_count = q->snapshot_count,
		.bitmap_count = q->has_bitmaps ? q->bitmap_count : 0,
	};
}

/* ---- snapshots ---- */

#define SNAPSHOT_BYTES 40

/* One entry: its fixed part, and what follows it cut to what is told. */
struct snapshot_entry {
	struct snapshot_l1 l1;
	struct qcow2_snapshot told;
	u64 bytes; /* to the next one */
};

static int read_text(struct qcow2 *q, u64 at, u32 size, char *text, u32 room)
{
	u32 n = MIN(size, room - 1);

	text[n] = '\0';
	return block_file_read(&q->image.file, at, text, n);
}

static int snapshot_read(struct qcow2 *q, u64 at, struct snapshot_entry *e)
{
	u8 fixed[SNAPSHOT_BYTES], extra[16] = {};
	u32 id_bytes, name_bytes, extra_bytes;
	int err = block_file_read(&q->image.file, at, fixed, sizeof(fixed));

	if (err)
		return err;
	id_bytes = get32(fixed + 12) >> 16;
	name_bytes = get32(fixed + 12) & 0xffff;
	extra_bytes = get32(fixed + 36);
	*e = (struct snapshot_entry){
		.l1 = {get64(fixed), get32(fixed + 8)},
		.told = {.date_s = get32(fixed + 16),
			 .date_ns = get32(fixed + 20),
			 .vm_clock_ns = get64(fixed + 24),
			 .vm_state_bytes = get32(fixed + 32)},
		.bytes = align_up(SNAPSHOT_BYTES + (u64)extra_bytes + id_bytes +
					  name_bytes,
				  8),
	};
	at += SNAPSHOT_BYTES;
	err = block_file_read(&q->image.file, at, extra,
			      MIN((size_t)extra_bytes, sizeof(extra)));
	if (extra_bytes >= 8)
		e->told.vm_state_bytes = get64(extra);
	e->told.disk_bytes = extra_bytes >= 16 ? get64(extra + 8)
					       : q->image.size_bytes;
	at += extra_bytes;
	if (!err)
		err = read_text(q, at, id_bytes, e->told.id, sizeof(e->told.id));
	if (!err)
		err = read_text(q, at + id_bytes, name_bytes, e->told.name,
				sizeof(e->told.name));
	return err;
}

static bool is_valid_snapshot(const struct qcow2 *q,
			      const struct snapshot_entry *e)
{
	return (u64)e->l1.count * 8 <= L1_BYTES_MAX &&
	       is_aligned(e->l1.offset, q->cluster_bytes) &&
	       e->l1.offset < HOST_OFFSET_MAX;
}

/* Calls one of the two for each entry. *ret_bytes: of the whole table. */
static int each_snapshot(struct qcow2 *q, struct snapshot_l1 *l1,
			 void (*fn)(const struct qcow2_snapshot *, void *),
			 void *ctx, u64 *ret_bytes)
{
	struct snapshot_entry e;
	u64 bytes = 0;

	for (u32 i = 0; i < q->snapshot_count; i++) {
		int err = snapshot_read(q, q->snapshots_offset + bytes, &e);

		if (err)
			return err;
		bytes += e.bytes;
		if (!is_valid_snapshot(q, &e) || bytes > SNAPSHOTS_BYTES_MAX)
			return trace_err(-EINVAL);
		if (l1)
			l1[i] = e.l1;
		if (fn)
			fn(&e.told, ctx);
	}
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

int snapshots_read(struct qcow2 *q, struct snapshot_l1 **ret_l1, u64 *ret_bytes)
{
	struct snapshot_l1 *l1 =
		calloc((size_t)q->snapshot_count + 1, sizeof(*l1));
	int err = l1 ? 0 : trace_err(-ENOMEM);

	if (!err)
		err = each_snapshot(q, l1, NULL, NULL, ret_bytes);
	if (err) {
		free(l1);
		return err;
	}
	*ret_l1 = l1;
	return 0;
}

int qcow2_each_snapshot(struct disk *image,
			void (*fn)(const struct qcow2_snapshot *, void *),
			void *ctx)
{
	return each_snapshot(qcow2_of(image), NULL, fn, ctx, NULL);
}

/* ---- bitmaps ---- */

#define BITMAP_BYTES 24

struct bitmap_read {
	struct bitmap_entry entry;
	struct qcow2_bitmap told;
	u64 bytes;
};

static int bitmap_read(struct qcow2 *q, u64 at, struct bitmap_read *b)
{
	u8 fixed[BITMAP_BYTES];
	u32 name_bytes, extra_bytes;
	int err = block_file_read(&q->image.file, at, fixed, sizeof(fixed));

	if (err)
		return err;
	name_bytes = get32(fixed + 16) & 0xffff;
	extra_bytes = get32(fixed + 20);
	*b = (struct bitmap_read){
		.entry = {.table_offset = get64(fixed),
			  .table_count = get32(fixed + 8),
			  .flags = get32(fixed + 12),
			  .at = at},
		.bytes = align_up(BITMAP_BYTES + (u64)extra_bytes + name_bytes,
				  8),
	};
	b->told.granularity_bytes = BIT(fixed[17] & 63);
	b->told.in_use = b->entry.flags & BITMAP_IN_USE;
	b->told.automatic = b->entry.flags & BITMAP_AUTO;
	return read_text(q, at + BITMAP_BYTES + extra_bytes, name_bytes,
			 b->told.name, sizeof(b->told.name));
}

static bool is_valid_bitmap(const struct qcow2 *q, const struct bitmap_entry *e)
{
	return (u64)e->table_count * 8 <= BITMAP_TABLE_MAX &&
	       is_aligned(e->table_offset, q->cluster_bytes) &&
	       e->table_offset < HOST_OFFSET_MAX;
}

static int each_bitmap(struct qcow2 *q, struct bitmap_entry *entries,
		       void (*fn)(const struct qcow2_bitmap *, void *),
		       void *ctx)
{
	u64 bytes = 0;

	for (u32 i = 0; q->has_bitmaps && i < q->bitmap_count; i++) {
		struct bitmap_read b;
		int err = bitmap_read(q, q->bitmaps_offset + bytes, &b);

		if (err)
			return err;
		bytes += b.bytes;
		if (!is_valid_bitmap(q, &b.entry) || bytes > q->bitmaps_bytes)
			return trace_err(-EINVAL);
		if (entries)
			entries[i] = b.entry;
		if (fn)
			fn(&b.told, ctx);
	}
	return 0;
}

int bitmaps_read(struct qcow2 *q, struct bitmap_entry **ret_entries)
{
	struct bitmap_entry *entries =
		calloc((size_t)q->bitmap_count + 1, sizeof(*entries));
	int err;

	if (!entries)
		return trace_err(-ENOMEM);
	err = each_bitmap(q, entries, NULL, NULL);
	if (err) {
		free(entries);
		return err;
	}
	*ret_entries = entries;
	return 0;
}

int qcow2_each_bitmap(struct disk *image,
		      void (*fn)(const struct qcow2_bitmap *, void *), void *ctx)
{
	return each_bitmap(qcow2_of(image), NULL, fn, ctx);
}

/* [QCOW2 "Bitmap directory", flags]: in_use says that it is out of date. */
int bitmaps_mark(struct qcow2 *q)
{
	struct bitmap_entry *entries;
	int err = bitmaps_read(q, &entries);

	if (err)
		return err;
	for (u32 i = 0; !err && i < q->bitmap_count; i++) {
		const struct bitmap_entry *e = &entries[i];
		u8 flags[4];

		if (!(e->flags & BITMAP_AUTO) || e->flags & BITMAP_IN_USE)
			continue;
		put32(flags, e->flags | BITMAP_IN_USE);
		err = block_file_write(&q->image.file, e->at + 12, flags,
				       sizeof(flags));
	}
	free(entries);
	return err;
}
