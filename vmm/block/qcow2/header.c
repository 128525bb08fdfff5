/* SPDX-License-Identifier: MIT */
/*
 * The header: [QCOW2 "Header"]. It is changed field by field in place, so that
 * what this program does not know of stays as it is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

bool qcow2_is_magic(const u8 *head)
{
	return get32(head) == QCOW2_MAGIC;
}

static int damaged(struct qcow2 *q, struct fault *fault, const char *what)
{
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "'%s' is a damaged qcow2 image: %s",
			 q->image.file.name, what);
}

static int refused(struct qcow2 *q, struct fault *fault, const char *what)
{
	return fault_set(fault, FAULT_UNSUPPORTED, trace_err(-EOPNOTSUPP),
			 "'%s' has %s, which this version cannot use",
			 q->image.file.name, what);
}

/* ---- fields ---- */

static int read_version(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	u32 crypt = get32(head + HEADER_CRYPT_METHOD);

	if (!qcow2_is_magic(head))
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is no qcow2 image", q->image.file.name);
	q->version = get32(head + HEADER_VERSION);
	if (q->version != 2 && q->version != 3)
		return refused(q, fault, "a qcow2 version other than 2 and 3");
	q->cluster_bits = get32(head + HEADER_CLUSTER_BITS);
	if (q->cluster_bits < 9 || q->cluster_bits > 21)
		return damaged(q, fault, "its cluster size is not 512 to 2M");
	q->cluster_bytes = 1u << q->cluster_bits;
	if (crypt)
		return refused(q, fault, "encrypted data");
	return 0;
}

/* Fields that version 2 has not keep its fixed values. */
static int read_version3(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	q->refcount_order = 4;
	q->header_length = HEADER_BYTES_V2;
	if (q->version < 3)
		return 0;
	q->incompatible = get64(head + HEADER_INCOMPATIBLE);
	q->compatible = get64(head + HEADER_COMPATIBLE);
	q->autoclear = get64(head + HEADER_AUTOCLEAR);
	q->refcount_order = get32(head + HEADER_REFCOUNT_ORDER);
	q->header_length = get32(head + HEADER_LENGTH);
	if (q->refcount_order > 6)
		return damaged(q, fault, "its refcounts are too wide");
	if (q->header_length < HEADER_BYTES_V3 ||
	    q->header_length > q->cluster_bytes ||
	    !is_aligned(q->header_length, 8))
		return damaged(q, fault, "its header's length is impossible");
	return 0;
}

static int read_compression(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	u8 type = 0;

	if (q->header_length > HEADER_COMPRESSION)
		type = head[HEADER_COMPRESSION];
	if (!(q->incompatible & INCOMPATIBLE_COMPRESSION) != !type)
		return damaged(q, fault, "its compression is contradictory");
	if (type > QCOW2_ZSTD)
		return refused(q, fault, "an unknown compression");
	q->compression = type;
	return 0;
}

static int read_places(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	u64 size = get64(head + HEADER_SIZE), needed;
	u64 end = q->image.file.size_bytes;

	q->l1_count = get32(head + HEADER_L1_SIZE);
	q->l1_offset = get64(head + HEADER_L1_OFFSET);
	q->reftable_offset = get64(head + HEADER_REFTABLE_OFFSET);
	q->reftable_clusters = get32(head + HEADER_REFTABLE_CLUSTERS);
	q->snapshot_count = get32(head + HEADER_SNAPSHOT_COUNT);
	q->snapshots_offset = get64(head + HEADER_SNAPSHOTS_OFFSET);
	if (size > HOST_OFFSET_MAX)
		return damaged(q, fault, "its disk is too large");
	q->image.size_bytes = align_up(size, DISK_SECTOR_BYTES);
	needed = (disk_clusters(q) + BIT(l2_bits(q)) - 1) >> l2_bits(q);
	if ((u64)q->l1_count * 8 > L1_BYTES_MAX || needed > q->l1_count ||
	    !is_aligned(q->l1_offset, q->cluster_bytes) ||
	    (q->l1_count && q->l1_offset >= end))
		return damaged(q, fault, "its L1 table is impossible");
	if ((u64)q->reftable_clusters * q->cluster_bytes > REFTABLE_BYTES_MAX ||
	    !is_aligned(q->reftable_offset, q->cluster_bytes) ||
	    q->reftable_offset >= end || !q->reftable_offset)
		return damaged(q, fault, "its refcount table is impossible");
	if (q->snapshot_count > SNAPSHOTS_MAX ||
	    !is_aligned(q->snapshots_offset, q->cluster_bytes) ||
	    (q->snapshot_count && q->snapshots_offset >= end))
		return damaged(q, fault, "its snapshot table is impossible");
	return 0;
}

/* ---- extensions ---- */

/* An entry of the table of names that is for an unknown incompatible bit. */
static const char *name_of_bit(const u8 *data, u32 size, u32 bit, char *name)
{
	(void)snprintf(name, 64, "incompatible feature %u", bit);
	for (; size >= 48; data += 48, size -= 48)
		if (data[0] == 0 && data[1] == bit)
			(void)snprintf(name, 64, "the feature '%.46s'",
				       (const char *)data + 2);
	return name;
}

static int check_features(struct qcow2 *q, const u8 *names, u32 names_bytes,
			  struct fault *fault)
{
	u64 unknown = q->incompatible &
		      ~(INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT |
			INCOMPATIBLE_COMPRESSION);
	char name[64];

	if (q->incompatible & INCOMPATIBLE_DATA_FILE)
		return refused(q, fault, "its data in another file");
	if (q->incompatible & INCOMPATIBLE_EXTENDED_L2)
		return refused(q, fault, "extended L2 entries");
	if (unknown)
		return refused(q, fault,
			       name_of_bit(names, names_bytes,
					   (u32)__builtin_ctzll(unknown), name));
	if (q->incompatible & INCOMPATIBLE_CORRUPT && !q->image.read_only &&
	    !q->for_repair)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is marked as corrupt and can only be "
				 "read; 'keel image check -r all' may mend it",
				 q->image.file.name);
	return 0;
}

static int read_bitmaps_extension(struct qcow2 *q, const u8 *data, u32 size,
				  struct fault *fault)
{
	if (size != 24)
		return damaged(q, fault, "its bitmaps extension is too short");
	q->has_bitmaps = true;
	q->bitmap_count = get32(data);
	q->bitmaps_bytes = get64(data + 8);
	q->bitmaps_offset = get64(data + 16);
	if (!q->bitmap_count || q->bitmap_count > BITMAPS_MAX ||
	    q->bitmaps_bytes > BITMAPS_BYTES_MAX ||
	    !is_aligned(q->bitmaps_offset, q->cluster_bytes) ||
	    !q->bitmaps_offset || q->bitmaps_offset >= q->image.file.size_bytes)
		return damaged(q, fault, "its bitmap directory is impossible");
	return 0;
}

static int read_format(struct qcow2 *q, const u8 *data, u32 size,
		       struct fault *fault)
{
	if (q->backing_format)
		return damaged(q, fault, "two formats of its backing file");
	q->backing_format = strndup((const char *)data, size);
	return q->backing_format ? 0 : trace_err(-ENOMEM);
}

/* From the header's end to the end mark, within the first cluster. */
static int read_extensions(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	const u8 *names = NULL;
	u32 at = q->header_length, names_bytes = 0;
	int err = 0;

	while (!err && q->cluster_bytes - at >= 8) {
		u32 type = get32(head + at), size = get32(head + at + 4);

		at += 8;
		if (type == EXTENSION_END)
			break;
		if (size > q->cluster_bytes - at)
			return damaged(q, fault, "a header extension is cut");
		if (type == EXTENSION_BACKING_FORMAT)
			err = read_format(q, head + at, size, fault);
		else if (type == EXTENSION_BITMAPS)
			err = read_bitmaps_extension(q, head + at, size, fault);
		else if (type == EXTENSION_FEATURE_NAMES)
			names = head + at, names_bytes = size;
		at += (u32)MIN(align_up(size, 8), (u64)q->cluster_bytes - at);
	}
	if (!err && q->autoclear & AUTOCLEAR_BITMAPS && !q->has_bitmaps)
		return damaged(q, fault, "it says it has bitmaps, and has not");
	return err ? err : check_features(q, names, names_bytes, fault);
}

static int read_backing_name(struct qcow2 *q, const u8 *head,
			     struct fault *fault)
{
	u64 offset = get64(head + HEADER_BACKING_OFFSET);
	u32 size = get32(head + HEADER_BACKING_SIZE);

	if (!offset || !size)
		return 0;
	if (size > QCOW2_NAME_BYTES_MAX || offset > q->cluster_bytes ||
	    size > q->cluster_bytes - offset)
		return damaged(q, fault, "its backing file's name is cut");
	q->backing_name = strndup((const char *)head + offset, size);
	if (!q->backing_name)
		return trace_err(-ENOMEM);
	q->backing_expected = true;
	return 0;
}

/* ---- the tables that are in memory as a whole ---- */

static int read_table(struct qcow2 *q, u64 offset, u32 count, u64 **ret)
{
	u64 *table = calloc((size_t)count + 1, sizeof(*table));
	int err;

	if (!table)
		return trace_err(-ENOMEM);
	err = block_file_read(&q->image.file, offset, table, (u64)count * 8);
	if (err) {
		free(table);
		return err;
	}
	for (u32 i = 0; i < count; i++)
		table[i] = be64toh(table[i]);
	*ret = table;
	return 0;
}

static int read_fields(struct qcow2 *q, const u8 *head, struct fault *fault)
{
	int err = read_version(q, head, fault);

	if (!err)
		err = read_version3(q, head, fault);
	return err;
}

/* What is in the first cluster. */
static int read_cluster(struct qcow2 *q, struct fault *fault)
{
	auto_free u8 *head = malloc(q->cluster_bytes);
	int err;

	if (!head)
		return trace_err(-ENOMEM);
	err = block_file_read(&q->image.file, 0, head, q->cluster_bytes);
	if (!err)
		err = read_extensions(q, head, fault);
	if (!err)
		err = read_compression(q, head, fault);
	if (!err)
		err = read_places(q, head, fault);
	if (!err)
		err = read_backing_name(q, head, fault);
	return err;
}

int header_read(struct qcow2 *q, struct fault *fault)
{
	u8 head[HEADER_BYTES_V3];
	int err = block_file_read(&q->image.file, 0, head, sizeof(head));

	if (!err)
		err = read_fields(q, head, fault);
	if (!err)
		err = read_cluster(q, fault);
	if (err)
		return err;
	q->reftable_count = (u32)(q->reftable_clusters * q->cluster_bytes / 8);
	err = read_table(q, q->l1_offset, q->l1_count, &q->l1);
	return err ? err
		   : read_table(q, q->reftable_offset, q->reftable_count,
				&q->reftable);
}

/* ---- changes ---- */

int header_put32(struct qcow2 *q, u32 at, u32 value)
{
	u8 field[4];

	put32(field, value);
	return block_file_write(&q->image.file, at, field, sizeof(field));
}

int header_put64(struct qcow2 *q, u32 at, u64 value)
{
	u8 field[8];

	put64(field, value);
	return block_file_write(&q->image.file, at, field, sizeof(field));
}

/*
 * [QCOW2 "Header", autoclear_features]: bits that this program does not know
 * are cleared before its first change. Bitmaps stay valid: those that are
 * enabled are marked as out of date, and the others are not to change.
 */
int writing_begin(struct qcow2 *q)
{
	u64 known = q->autoclear & AUTOCLEAR_BITMAPS;
	int err = 0;

	if (q->writing)
		return 0;
	if (q->autoclear != known)
		err = header_put64(q, HEADER_AUTOCLEAR, known);
	if (!err && known)
		err = bitmaps_mark(q);
	if (!err && q->autoclear)
		err = block_file_sync(&q->image.file);
	if (err)
		return err;
	q->autoclear = known;
	mutex_lock(&q->lock);
	q->writing = true;
	mutex_unlock(&q->lock);
	return 0;
}
