/* SPDX-License-Identifier: MIT */
/* Reading a qcow2 disk: what a range is, and its bytes. */
#include <assert.h>
#include <string.h>

#include "vmm/block/qcow2/inside.h"

static enum extent_kind kind_of(u64 entry)
{
	if (entry & ENTRY_COMPRESSED)
		return EXTENT_COMPRESSED;
	if (entry & ENTRY_ZERO)
		return EXTENT_ZERO;
	return entry & ENTRY_OFFSET ? EXTENT_DATA : EXTENT_ABSENT;
}

static bool has_offset(u64 entry)
{
	return !(entry & ENTRY_COMPRESSED) && entry & ENTRY_OFFSET;
}

/* Whether the cluster of `next` goes on where that of `entry` is, n later. */
static bool continues(const struct qcow2 *q, u64 entry, u64 n, u64 next)
{
	if (kind_of(entry) != kind_of(next) ||
	    has_offset(entry) != has_offset(next))
		return false;
	return !has_offset(entry) ||
	       (entry & ENTRY_OFFSET) + (n << q->cluster_bits) ==
		       (next & ENTRY_OFFSET);
}

/* Clusters to the end of the part of the disk that has one L2 table. */
static u64 in_table(const struct qcow2 *q, u64 guest_cluster)
{
	return BIT(l2_bits(q)) - (guest_cluster & (BIT(l2_bits(q)) - 1));
}

static bool table_is_absent(const struct qcow2 *q, u64 guest_cluster)
{
	u64 index = guest_cluster >> l2_bits(q);

	return index < q->l1_count && !q->l1[index];
}

static void set_extent(const struct qcow2 *q, u64 entry, u64 offset, u64 size,
		       struct extent *ret)
{
	*ret = (struct extent){
		.kind = kind_of(entry),
		.size_bytes = size,
		.has_offset = has_offset(entry),
		.file = &q->image.file,
	};
	if (ret->has_offset)
		ret->host_offset = (entry & ENTRY_OFFSET) +
				   (offset & (q->cluster_bytes - 1));
}

int qcow2_map(struct disk *image, u64 offset, u64 size, struct extent *ret)
{
	struct qcow2 *q = qcow2_of(image);
	u64 first = offset >> q->cluster_bits;
	u64 last = (offset + size - 1) >> q->cluster_bits;
	u64 entry, n = 1;
	int err = entry_get(q, first, &entry);

	if (err)
		return err;
	if (!is_valid_l2(q, entry))
		return trace_err(-EIO);
	/* Steps of a whole table where there is none. */
	if (table_is_absent(q, first))
		n = in_table(q, first);
	while (first + n <= last && kind_of(entry) != EXTENT_COMPRESSED) {
		u64 next;

		/* Errors are for the one who gets that far. */
		if (entry_get(q, first + n, &next) || !is_valid_l2(q, next) ||
		    !continues(q, entry, n, next))
			break;
		n += table_is_absent(q, first + n) ? in_table(q, first + n) : 1;
	}
	n = MIN(n, last - first + 1);
	set_extent(q, entry, offset,
		   MIN(((first + n) << q->cluster_bits) - offset, size), ret);
	return 0;
}

/* All of the range in one piece, or -EAGAIN. */
static int map_locked(struct qcow2 *q, u64 offset, u64 size, bool for_write,
		      struct extent *ret)
{
	u64 first = offset >> q->cluster_bits, entry;
	u64 last = (offset + size - 1) >> q->cluster_bits;
	int err = entry_cached_locked(q, first, &entry);

	if (err || !is_valid_l2(q, entry) || (for_write && !q->writing))
		return -EAGAIN;
	for (u64 c = first; c <= last; c++) {
		u64 next;

		if (entry_cached_locked(q, c, &next) || !is_valid_l2(q, next) ||
		    !continues(q, entry, c - first, next))
			return -EAGAIN;
		if (for_write && !(next & ENTRY_COPIED))
			return -EAGAIN;
	}
	set_extent(q, entry, offset, size, ret);
	if (for_write && align_down(ret->host_offset, q->cluster_bytes) >=
				 block_file_end(&q->image.file))
		return -EAGAIN; /* the worker will say what is wrong */
	return ret->kind == EXTENT_COMPRESSED ||
			       (for_write && ret->kind != EXTENT_DATA)
		       ? -EAGAIN
		       : 0;
}

int qcow2_map_cached(struct disk *image, u64 offset, u64 size, bool for_write,
		     struct extent *ret)
{
	struct qcow2 *q = qcow2_of(image);
	struct extent extent;
	int err;

	mutex_lock(&q->lock);
	err = map_locked(q, offset, size, for_write, &extent);
	mutex_unlock(&q->lock);
	if (err)
		return err;
	if (extent.kind == EXTENT_ABSENT && image->backing) {
		u64 below = image->backing->size_bytes;

		if (offset >= below || size > below - offset)
			return -EAGAIN;
		return disk_map_cached(image->backing, offset, size, false, ret);
	}
	if (extent.kind == EXTENT_ABSENT)
		extent.kind = EXTENT_ZERO;
	*ret = extent;
	return 0;
}

/* What this image does not have. */
static int read_absent(struct disk *image, u64 offset, u8 *data, u64 size)
{
	u64 below = image->backing ? image->backing->size_bytes : 0;
	u64 n = offset < below ? MIN(size, below - offset) : 0;

	memset(data + n, 0, size - n);
	return n ? disk_read(image->backing, offset, data, n) : 0;
}

/* `size` bytes within one cluster. */
static int read_compressed(struct qcow2 *q, u64 offset, u8 *data, u64 size)
{
	u64 entry;
	int err = entry_get(q, offset >> q->cluster_bits, &entry);

	if (!err)
		err = cluster_unpack(q, entry);
	if (!err)
		memcpy(data, q->unpacked + (offset & (q->cluster_bytes - 1)),
		       size);
	return err;
}

static int read_extent(struct qcow2 *q, const struct extent *extent, u64 offset,
		       u8 *data)
{
	u64 size = extent->size_bytes;

	switch (extent->kind) {
	case EXTENT_ABSENT:
		return read_absent(&q->image, offset, data, size);
	case EXTENT_ZERO:
		memset(data, 0, size);
		return 0;
	case EXTENT_DATA:
		return block_file_read(&q->image.file, extent->host_offset,
				       data, size);
	case EXTENT_COMPRESSED:
		return read_compressed(q, offset, data, size);
	}
	assert(false); /* not in enum extent_kind */
	return 0;
}

int qcow2_read(struct disk *image, u64 offset, void *data, u64 size)
{
	struct qcow2 *q = qcow2_of(image);
	u8 *at = data;
	int err = 0;

	while (!err && size) {
		struct extent extent;

		err = qcow2_map(image, offset, size, &extent);
		if (!err)
			err = read_extent(q, &extent, offset, at);
		if (err)
			break;
		at += extent.size_bytes;
		offset += extent.size_bytes;
		size -= extent.size_bytes;
	}
	return err;
}
