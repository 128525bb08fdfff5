/* SPDX-License-Identifier: MIT */
/*
 * Changing a qcow2 disk. Data goes to a place that is this image's alone: the
 * one the cluster has, when its entry says COPIED, else a new one, to which the
 * entry points once the data is there. See inside.h for the order in the file.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/block/qcow2/inside.h"

static u64 in_cluster(const struct qcow2 *q, u64 offset)
{
	return offset & (q->cluster_bytes - 1);
}

static bool is_plain_data(u64 entry)
{
	return !(entry & (ENTRY_COMPRESSED | ENTRY_ZERO)) &&
	       entry & ENTRY_OFFSET;
}

/* Data in a place of its own: written where it is. */
static bool is_own(u64 entry)
{
	return is_plain_data(entry) && entry & ENTRY_COPIED;
}

/* A zero cluster that keeps a place of its own. */
static bool is_reserved(u64 entry)
{
	return entry & ENTRY_ZERO && entry & ENTRY_COPIED &&
	       entry & ENTRY_OFFSET && !(entry & ENTRY_COMPRESSED);
}

/* No image of anybody's has clusters past the end, and none gets them so. */
static bool is_in_file(const struct qcow2 *q, u64 entry)
{
	return (entry & ENTRY_OFFSET) < q->image.file.size_bytes;
}

static int entry_get_valid(struct qcow2 *q, u64 guest_cluster, u64 *ret_entry)
{
	int err = entry_get(q, guest_cluster, ret_entry);

	if (!err && !is_valid_l2(q, *ret_entry))
		err = trace_err(-EIO);
	return err;
}

/* ---- one cluster, in part ---- */

/* What the cluster reads as, into q->cluster; the disk's end may cut it. */
static int assemble(struct qcow2 *q, u64 guest_cluster)
{
	u64 start = guest_cluster << q->cluster_bits;
	u64 size = MIN((u64)q->cluster_bytes, q->image.size_bytes - start);

	memset(q->cluster, 0, q->cluster_bytes);
	return qcow2_read(&q->image, start, q->cluster, size);
}

/* Nothing is there yet, and the file is to grow there: the rest is zeros. */
static bool is_fresh(const struct qcow2 *q, u64 entry, u64 host)
{
	/* A compressed place may be an odd one, which is not the zero bit. */
	bool is_empty = entry == 0 ||
			(entry & (ENTRY_ZERO | ENTRY_COMPRESSED)) == ENTRY_ZERO;

	return is_empty && !q->image.backing && !q->image.file.is_device &&
	       host >= q->image.file.size_bytes;
}

static int write_new_part(struct qcow2 *q, u64 entry, u64 host, u64 offset,
			  const void *data, u64 size)
{
	int err;

	if (is_fresh(q, entry, host))
		return block_file_write(&q->image.file,
					host + in_cluster(q, offset), data,
					size);
	err = assemble(q, offset >> q->cluster_bits);
	if (err)
		return err;
	memcpy(q->cluster + in_cluster(q, offset), data, size);
	return block_file_write(&q->image.file, host, q->cluster,
				q->cluster_bytes);
}

/* A place for one cluster: the reserved one, or a new one. */
static int find_place(struct qcow2 *q, u64 entry, u64 *ret_host)
{
	u64 count;

	if (is_reserved(entry)) {
		*ret_host = entry & ENTRY_OFFSET;
		return is_in_file(q, entry) ? 0 : trace_err(-EIO);
	}
	return clusters_allocate(q, 1, true, ret_host, &count);
}

/* Less than a cluster, or one of a kind of its own. */
static int write_part(struct qcow2 *q, u64 entry, u64 offset, const void *data,
		      u64 size)
{
	u64 guest_cluster = offset >> q->cluster_bits, host;
	bool reserved = is_reserved(entry);
	int err = entry_prepare(q, guest_cluster);

	if (!err)
		err = find_place(q, entry, &host);
	if (err)
		return err;
	err = write_new_part(q, entry, host, offset, data, size);
	if (!err)
		err = entry_set(q, guest_cluster, host | ENTRY_COPIED);
	if (err && !reserved)
		clusters_unallocate(q, host, 1);
	if (!err && !reserved)
		entry_release(q, entry);
	return err;
}

/* ---- whole clusters ---- */

/* Points `count` clusters to what was written at `host`. */
static int point_to(struct qcow2 *q, u64 guest_cluster, u64 host, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		u64 old;
		int err = entry_get_valid(q, guest_cluster + i, &old);

		if (!err)
			err = entry_set(q, guest_cluster + i,
					host | ENTRY_COPIED);
		if (err) {
			clusters_unallocate(q, host, count - i);
			return err;
		}
		entry_release(q, old);
		host += q->cluster_bytes;
	}
	return 0;
}

/* As many of `want` whole clusters as get places in a row; *ret_done bytes. */
static int write_whole(struct qcow2 *q, u64 offset, const void *data, u64 want,
		       u64 *ret_done)
{
	u64 guest_cluster = offset >> q->cluster_bits, host, count;
	int err = entry_prepare(q, guest_cluster);

	if (!err)
		err = clusters_allocate(q, want, false, &host, &count);
	if (err)
		return err;
	err = block_file_write(&q->image.file, host, data,
			       count << q->cluster_bits);
	if (err)
		clusters_unallocate(q, host, count);
	else
		err = point_to(q, guest_cluster, host, count);
	*ret_done = count << q->cluster_bits;
	return err;
}

/* Whole clusters of the range that need new places, in one L2 table. */
static u64 count_whole(struct qcow2 *q, u64 offset, u64 size)
{
	u64 first = offset >> q->cluster_bits, n = 0;
	u64 max = MIN(size >> q->cluster_bits,
		      BIT(l2_bits(q)) - (first & (BIT(l2_bits(q)) - 1)));

	while (n < max) {
		u64 entry;

		if (entry_get_valid(q, first + n, &entry) || is_own(entry) ||
		    is_reserved(entry))
			break;
		n++;
	}
	return n;
}

/* ---- writing ---- */

/* Goes on in the place behind `entry`'s, n clusters later. */
static bool is_own_row(struct qcow2 *q, u64 entry, u64 guest_cluster, u64 n)
{
	u64 next;

	return !entry_get_valid(q, guest_cluster + n, &next) && is_own(next) &&
	       (next & ENTRY_OFFSET) ==
		       (entry & ENTRY_OFFSET) + (n << q->cluster_bits);
}

/* As far as a row of places is this image's own. */
static int write_own(struct qcow2 *q, u64 entry, u64 offset, const void *data,
		     u64 size, u64 *ret_done)
{
	u64 first = offset >> q->cluster_bits, skip = in_cluster(q, offset);
	u64 last = (offset + size - 1) >> q->cluster_bits, n = 1;

	if (!is_in_file(q, entry))
		return trace_err(-EIO);
	while (first + n <= last && is_own_row(q, entry, first, n))
		n++;
	*ret_done = MIN((n << q->cluster_bits) - skip, size);
	return block_file_write(&q->image.file, (entry & ENTRY_OFFSET) + skip,
				data, *ret_done);
}

/* The beginning of a range; *ret_done says how much of it. */
static int write_some(struct qcow2 *q, u64 offset, const void *data, u64 size,
		      u64 *ret_done)
{
	u64 part = MIN(q->cluster_bytes - in_cluster(q, offset), size), entry;
	int err = entry_get_valid(q, offset >> q->cluster_bits, &entry);

	if (err)
		return err;
	if (is_own(entry))
		return write_own(q, entry, offset, data, size, ret_done);
	if (part == q->cluster_bytes && !is_reserved(entry))
		return write_whole(q, offset, data,
				   count_whole(q, offset, size), ret_done);
	*ret_done = part;
	return write_part(q, entry, offset, data, part);
}

int qcow2_write(struct disk *image, u64 offset, const void *data, u64 size)
{
	struct qcow2 *q = qcow2_of(image);
	const u8 *at = data;
	int err = writing_begin(q);

	while (!err && size) {
		u64 done = 0;

		err = write_some(q, offset, at, size, &done);
		if (err)
			break;
		assert(done && done <= size);
		at += done;
		offset += done;
		size -= done;
	}
	return err;
}

/* ---- zeros ---- */

/* Whether the cluster reads as zeros already, as far as the entry tells. */
static bool reads_zero(const struct qcow2 *q, u64 entry, u64 guest_cluster)
{
	const struct disk *below = q->image.backing;

	if (entry & ENTRY_COMPRESSED)
		return false;
	if (entry & ENTRY_ZERO)
		return true;
	return !(entry & ENTRY_OFFSET) &&
	       (!below || guest_cluster << q->cluster_bits >= below->size_bytes);
}

static int zero_part(struct qcow2 *q, u64 offset, u64 size)
{
	u64 entry;
	int err = entry_get_valid(q, offset >> q->cluster_bits, &entry);
	u8 *zeros;

	if (err || reads_zero(q, entry, offset >> q->cluster_bits))
		return err;
	zeros = calloc(1, size);
	if (!zeros)
		return trace_err(-ENOMEM);
	err = qcow2_write(&q->image, offset, zeros, size);
	free(zeros);
	return err;
}

static int replace_entry(struct qcow2 *q, u64 guest_cluster, u64 old, u64 entry)
{
	int err = entry_set(q, guest_cluster, entry);

	if (!err && (entry & ENTRY_OFFSET) != (old & ENTRY_OFFSET))
		entry_release(q, old);
	return err;
}

static int zero_cluster(struct qcow2 *q, u64 guest_cluster, bool unmap)
{
	u64 entry, keep;
	int err = entry_get_valid(q, guest_cluster, &entry);

	if (err)
		return err;
	keep = !unmap && (is_own(entry) || is_reserved(entry))
		       ? entry & ENTRY_OFFSET
		       : 0;
	if (reads_zero(q, entry, guest_cluster) && keep == (entry & ENTRY_OFFSET))
		return 0;
	if (q->version >= 3)
		return replace_entry(q, guest_cluster, entry,
				     ENTRY_ZERO |
					     (keep ? keep | ENTRY_COPIED : 0));
	/* Version 2 has no zero clusters: what is nowhere reads as zeros. */
	if (!q->backing_expected)
		return replace_entry(q, guest_cluster, entry, 0);
	return zero_part(
		q, guest_cluster << q->cluster_bits,
		MIN((u64)q->cluster_bytes,
		    q->image.size_bytes - (guest_cluster << q->cluster_bits)));
}

/* Clusters from `c` on that no table describes and no backing has. */
static u64 skip_absent(const struct qcow2 *q, u64 c)
{
	u64 index = c >> l2_bits(q);

	if (q->image.backing || q->backing_expected || index >= q->l1_count ||
	    q->l1[index])
		return 0;
	return BIT(l2_bits(q)) - (c & (BIT(l2_bits(q)) - 1));
}

typedef int (*cluster_fn)(struct qcow2 *q, u64 guest_cluster, bool unmap);

/* Calls `fn` for what of the range is whole clusters, to the disk's end. */
static int each_whole(struct qcow2 *q, u64 offset, u64 end, cluster_fn fn,
		      bool unmap)
{
	u64 last = end == q->image.size_bytes ? disk_clusters(q)
					      : end >> q->cluster_bits;
	u64 c = (offset + q->cluster_bytes - 1) >> q->cluster_bits;

	while (c < last) {
		u64 skip = skip_absent(q, c);
		int err = skip ? 0 : fn(q, c, unmap);

		if (err)
			return err;
		c += skip ? skip : 1;
	}
	return 0;
}

int qcow2_zero(struct disk *image, u64 offset, u64 size, bool unmap)
{
	struct qcow2 *q = qcow2_of(image);
	u64 end = offset + size, head, tail;
	int err = writing_begin(q);

	head = MIN(align_up(offset, q->cluster_bytes), end);
	tail = end == image->size_bytes ? end
					: align_down(end, q->cluster_bytes);
	if (!err && head > offset)
		err = zero_part(q, offset, head - offset);
	if (!err)
		err = each_whole(q, head, MAX(tail, head), zero_cluster,
				 unmap && image->discard);
	if (!err && tail >= head && end > tail)
		err = zero_part(q, tail, end - tail);
	return err;
}

/* ---- discarding ---- */

static int discard_cluster(struct qcow2 *q, u64 guest_cluster, bool unmap)
{
	u64 entry;
	int err = entry_get_valid(q, guest_cluster, &entry);

	(void)unmap;
	/* What never was here stays the backing's. */
	if (err || !entry || entry == ENTRY_ZERO)
		return err;
	if (q->version >= 3)
		return replace_entry(q, guest_cluster, entry, ENTRY_ZERO);
	/* Version 2 cannot forget without showing what is below. */
	return q->backing_expected ? 0
				   : replace_entry(q, guest_cluster, entry, 0);
}

int qcow2_discard(struct disk *image, u64 offset, u64 size)
{
	struct qcow2 *q = qcow2_of(image);
	int err;

	if (!image->discard)
		return 0;
	err = writing_begin(q);
	return err ? err
		   : each_whole(q, offset, offset + size, discard_cluster, true);
}

/* ---- the rest ---- */

int qcow2_flush(struct disk *image)
{
	int err = tables_write(qcow2_of(image));

	return err ? err : block_file_sync(&image->file);
}

static u64 l1_needed(const struct qcow2 *q, u64 size)
{
	u32 shift = q->cluster_bits + l2_bits(q);

	return (size + BIT(shift) - 1) >> shift;
}

static int grow(struct qcow2 *q, u64 size)
{
	u64 old = q->image.size_bytes, needed = l1_needed(q, size);
	u64 below = q->image.backing ? q->image.backing->size_bytes : 0;
	u64 clear_end = MIN(align_up(old, q->cluster_bytes), size);
	int err = 0;

	if (needed * 8 > L1_BYTES_MAX)
		return trace_err(-EFBIG);
	if (needed > q->l1_count)
		err = l1_grow(q, (u32)needed);
	if (err)
		return err;
	q->image.size_bytes = size;
	/* What was past the end shows: of the last cluster, of the backing. */
	clear_end = MAX(clear_end, MIN(below, size));
	err = qcow2_zero(&q->image, old, MAX(clear_end, old) - old, false);
	if (!err)
		err = tables_write(q);
	if (err)
		q->image.size_bytes = old;
	return err;
}

/* Past the disk's end nothing shows: grow() clears what would. */
static int forget_cluster(struct qcow2 *q, u64 guest_cluster, bool unmap)
{
	u64 entry;
	int err = entry_get_valid(q, guest_cluster, &entry);

	(void)unmap;
	return err || !entry ? err : replace_entry(q, guest_cluster, entry, 0);
}

static int shrink(struct qcow2 *q, u64 size)
{
	u64 first = align_up(size, q->cluster_bytes);
	int err = 0;

	q->image.discard = true;
	if (first < q->image.size_bytes)
		err = each_whole(q, first, q->image.size_bytes, forget_cluster,
				 true);
	return err ? err : tables_write(q);
}

int qcow2_resize(struct disk *image, u64 size, struct fault *fault)
{
	struct qcow2 *q = qcow2_of(image);
	int err;

	if (q->has_bitmaps)
		return fault_set(fault, FAULT_UNSUPPORTED,
				 trace_err(-EOPNOTSUPP),
				 "'%s' has bitmaps, which fit its size only",
				 image->file.name);
	if (q->snapshot_count && (q->version < 3 || size < image->size_bytes))
		return fault_set(fault, FAULT_UNSUPPORTED,
				 trace_err(-EOPNOTSUPP),
				 "'%s' has snapshots, which need its size",
				 image->file.name);
	err = writing_begin(q);
	if (!err)
		err = size < image->size_bytes ? shrink(q, size) : grow(q, size);
	if (!err)
		err = block_file_sync(&image->file);
	if (!err)
		err = header_put64(q, HEADER_SIZE, size);
	if (!err)
		err = block_file_sync(&image->file);
	if (err)
		return fault_set(fault, FAULT_IO, err, "cannot resize '%s'",
				 image->file.name);
	image->size_bytes = size;
	return 0;
}

int qcow2_preallocate(struct disk *image)
{
	struct qcow2 *q = qcow2_of(image);
	u64 total = disk_clusters(q), at = 0, end = 0;
	int err = writing_begin(q);

	while (!err && at < total) {
		u64 host, count;

		err = entry_prepare(q, at);
		if (!err)
			err = clusters_allocate(
				q,
				MIN(total - at,
				    BIT(l2_bits(q)) -
					    (at & (BIT(l2_bits(q)) - 1))),
				false, &host, &count);
		if (!err)
			err = point_to(q, at, host, count);
		at += err ? 0 : count;
		if (!err)
			end = MAX(end, host + (count << q->cluster_bits));
	}
	/* No cluster may lie past the end of the file. */
	if (!err && !image->file.is_device && end > image->file.size_bytes)
		err = block_file_truncate(&image->file, end);
	return err;
}

/* ---- compressed ---- */

/* A place for `bytes`: behind the last one, or in a new cluster. */
static int place_packed(struct qcow2 *q, u64 bytes, u64 *ret_host)
{
	u64 at = q->compressed_at,
	    left = at ? q->cluster_bytes - in_cluster(q, at) : 0;
	u64 host, got, count = 0;
	int err;

	if (in_cluster(q, at)) {
		err = refcount_get(q, at >> q->cluster_bits, &count);
		if (err)
			return err;
	}
	/* What is at its end, or as often in use as can be counted, is full. */
	if (!in_cluster(q, at) || count >= refcount_max(q))
		at = left = 0;
	if (bytes > left) {
		err = clusters_allocate(q, 1, true, &host, &got);
		if (err)
			return err;
		/* One that does not follow cannot take the rest of this. */
		if (!at || host != at + left)
			at = host;
	}
	/* One more piece in the cluster that was begun before. */
	if (in_cluster(q, at)) {
		u64 cluster = at >> q->cluster_bits;

		/* Again: it may be less by now. */
		err = refcount_get(q, cluster, &count);
		if (!err)
			err = refcount_set(q, cluster, count + 1);
		if (err && bytes > left)
			clusters_unallocate(q, host, 1);
		if (err)
			return err;
	}
	q->compressed_at = at + bytes;
	*ret_host = at;
	return 0;
}

static u64 packed_entry(const struct qcow2 *q, u64 host, u64 bytes)
{
	u64 sectors = ((host & 511) + bytes + 511) / 512 - 1;

	return ENTRY_COMPRESSED | host | sectors << (62 - (q->cluster_bits - 8));
}

static int write_packed(struct qcow2 *q, u64 guest_cluster, const u8 *packed,
			u64 bytes)
{
	u64 host, entry;
	int err = entry_prepare(q, guest_cluster);

	if (!err)
		err = place_packed(q, bytes, &host);
	if (err)
		return err;
	entry = packed_entry(q, host, bytes);
	err = block_file_write(&q->image.file, host, packed, bytes);
	if (!err)
		err = entry_set(q, guest_cluster, entry);
	if (err) {
		entry_release(q, entry);
		q->compressed_at = 0;
	}
	return err;
}

int qcow2_write_compressed(struct disk *image, u64 offset, const void *data,
			   u64 size)
{
	struct qcow2 *q = qcow2_of(image);
	u8 *packed = malloc(q->cluster_bytes);
	u64 bytes = 0;
	int err = packed ? writing_begin(q) : trace_err(-ENOMEM);

	assert(in_cluster(q, offset) == 0 && size <= q->cluster_bytes);
	q->unpacked_entry = 0;
	if (!err) {
		memset(q->cluster, 0, q->cluster_bytes);
		memcpy(q->cluster, data, size);
		err = cluster_pack(q, q->cluster, packed, q->cluster_bytes - 1,
				   &bytes);
	}
	if (!err)
		err = bytes ? write_packed(q, offset >> q->cluster_bits, packed,
					   bytes)
			    : qcow2_write(image, offset, data, size);
	free(packed);
	return err;
}
