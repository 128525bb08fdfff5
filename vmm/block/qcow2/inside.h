/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share.
 *
 * Threads: all of it belongs to the image's worker, but for map_cached, which
 * one other thread may call. `lock` guards what that reads: the L1 table, the
 * cached L2 slices and their list, `writing`. The worker alone changes these,
 * so it reads them without the lock, and takes it to change them; it does no
 * I/O with the lock held.
 *
 * Order of writing, so that the file is whole at any moment:
 *   1. refcounts that went up, and the data itself
 *   2. (sync) L2 entries that point there
 *   3. (sync) L1 entries that point to new L2 tables
 *   4. (sync) refcounts that go down: places nobody points to any more, which
 *      wait in `freed` and are not used again before.
 * tables_write does all that; it comes with a flush and when a cache is full.
 */
#ifndef VMM_BLOCK_QCOW2_INSIDE_H
#define VMM_BLOCK_QCOW2_INSIDE_H

#include <endian.h>

#include "base/list.h"
#include "base/thread.h"
#include "vmm/block/qcow2/qcow2.h"

/* ---- the format's numbers ---- */

#define QCOW2_MAGIC 0x514649fb /* "QFI\xfb" */

/* [QCOW2 "Header"]: where the fields are. */
#define HEADER_VERSION		 4
#define HEADER_BACKING_OFFSET	 8
#define HEADER_BACKING_SIZE	 16
#define HEADER_CLUSTER_BITS	 20
#define HEADER_SIZE		 24
#define HEADER_CRYPT_METHOD	 32
#define HEADER_L1_SIZE		 36
#define HEADER_L1_OFFSET	 40
#define HEADER_REFTABLE_OFFSET	 48
#define HEADER_REFTABLE_CLUSTERS 56
#define HEADER_SNAPSHOT_COUNT	 60
#define HEADER_SNAPSHOTS_OFFSET	 64
#define HEADER_INCOMPATIBLE	 72
#define HEADER_COMPATIBLE	 80
#define HEADER_AUTOCLEAR	 88
#define HEADER_REFCOUNT_ORDER	 96
#define HEADER_LENGTH		 100
#define HEADER_COMPRESSION	 104
#define HEADER_BYTES_V2		 72
#define HEADER_BYTES_V3		 104
#define HEADER_BYTES_COMPRESSION 112

#define INCOMPATIBLE_DIRTY	 BIT(0)
#define INCOMPATIBLE_CORRUPT	 BIT(1)
#define INCOMPATIBLE_DATA_FILE	 BIT(2)
#define INCOMPATIBLE_COMPRESSION BIT(3)
#define INCOMPATIBLE_EXTENDED_L2 BIT(4)
#define COMPATIBLE_LAZY		 BIT(0)
#define AUTOCLEAR_BITMAPS	 BIT(0)

/* [QCOW2 "Header extensions"] */
#define EXTENSION_END		 0x00000000
#define EXTENSION_BACKING_FORMAT 0xe2792aca
#define EXTENSION_FEATURE_NAMES	 0x6803f857
#define EXTENSION_BITMAPS	 0x23852875

/* [QCOW2 "Cluster mapping"] */
#define ENTRY_OFFSET	 0x00fffffffffffe00
#define ENTRY_RESERVED	 0x3f000000000001fe
#define ENTRY_ZERO	 BIT(0)
#define ENTRY_COMPRESSED BIT(62)
#define ENTRY_COPIED	 BIT(63)
#define HOST_OFFSET_MAX	 BIT(56)

/* The implementation's limits; QEMU has the same. */
#define L1_BYTES_MAX	    (32 * MiB)
#define REFTABLE_BYTES_MAX  (8 * MiB)
#define SNAPSHOTS_MAX	    65536
#define SNAPSHOTS_BYTES_MAX (64 * MiB)
#define BITMAPS_MAX	    65535
#define BITMAPS_BYTES_MAX   (64 * MiB)
#define BITMAP_TABLE_MAX    (32 * MiB)

/* ---- cache.c: pieces of L2 tables, and of refcount blocks ---- */

#define CACHE_BUCKETS 256

struct cache_slot {
	struct list by_age, in_bucket;
	u64 offset; /* in the file */
	bool dirty;
	u8 data[] __attribute__((aligned(8)));
};

struct cache {
	struct block_file *file; /* borrowed */
	struct mutex *lock;	 /* borrowed; NULL: one thread only */
	u32 slice_bytes;	 /* a power of two, 512..4096 */
	u32 count, max, dirty_count;
	struct list by_age; /* the least recently used first */
	struct list bucket[CACHE_BUCKETS];
};

void cache_init(struct cache *cache, struct block_file *file,
		struct mutex *lock, u32 slice_bytes, u64 max_bytes);
void cache_release(struct cache *cache);

/* The slice at `offset`, or NULL when it is not here. With the lock held. */
struct cache_slot *cache_find_locked(struct cache *cache, u64 offset);
/*
 * The slice at `offset`, a multiple of slice_bytes, read if need be; valid
 * until the next call. -ENOBUFS when dirty ones must be written first.
 */
must_check int cache_get(struct cache *cache, u64 offset,
			 struct cache_slot **ret_slot);
/* Its data is changed, by the caller with the lock held, if there is one. */
void cache_mark_dirty(struct cache *cache, struct cache_slot *slot);
/* Writes all dirty slices. What fails stays dirty. */
must_check int cache_write(struct cache *cache);
/* Forgets what is known of a range, dirty or not. */
void cache_forget(struct cache *cache, u64 offset, u64 size);

/* ---- the image ---- */

#define FREED_MAX 4096

struct qcow2 {
	struct disk image;
	u32 version, cluster_bits, cluster_bytes;
	u64 incompatible, compatible, autoclear;
	u32 refcount_order, header_length;
	enum qcow2_compression compression;
	char *backing_name, *backing_format; /* owned; NULL = none */
	bool backing_expected; /* what is absent may be the backing's */
	bool for_repair;       /* disk_config's */

	u64 l1_offset;
	u32 l1_count;
	u64 *l1; /* owned; the host's byte order */
	u32 l1_dirty_start, l1_dirty_end;

	u64 reftable_offset;
	u32 reftable_clusters, reftable_count;
	u64 *reftable; /* owned; the host's byte order */

	u32 snapshot_count;
	u64 snapshots_offset;
	u32 bitmap_count;
	u64 bitmaps_offset, bitmaps_bytes;
	bool has_bitmaps;

	struct mutex lock;
	struct cache l2, refs;
	bool writing; /* the header says so where it must */
	bool broken;  /* found damaged: no more allocations */

	u64 free_hint;	      /* cluster index: nothing is free below */
	u64 freed[FREED_MAX]; /* clusters to count down once */
	u32 freed_count;

	u8 *cluster;	    /* owned: one cluster, to assemble in */
	u8 *packed;	    /* owned: its compressed form; NULL until needed */
	u8 *unpacked;	    /* owned: the last one decompressed */
	u64 unpacked_entry; /* its L2 entry; 0 = none */
	u64 compressed_at;  /* where the next compressed cluster may go; 0 */
};

static inline struct qcow2 *qcow2_of(struct disk *image)
{
	return container_of(image, struct qcow2, image);
}

static inline u32 get32(const u8 *at)
{
	u32 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static inline u64 get64(const u8 *at)
{
	u64 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static inline void put32(u8 *at, u32 value)
{
	value = htobe32(value);
	__builtin_memcpy(at, &value, sizeof(value));
}

static inline void put64(u8 *at, u64 value)
{
	value = htobe64(value);
	__builtin_memcpy(at, &value, sizeof(value));
}

/* ---- refcount.c ---- */

u64 refcount_max(const struct qcow2 *q);
u64 refblock_entries(const struct qcow2 *q);
/* Of a cluster by its index; 0 where no table reaches. */
must_check int refcount_get(struct qcow2 *q, u64 cluster, u64 *ret_count);
/* -EIO when a table's place is impossible, -EFBIG past the format's end. */
must_check int refcount_set(struct qcow2 *q, u64 cluster, u64 count);
/*
 * Finds free clusters in a row, 1..want of them (`all`: exactly as many), and
 * counts each once. -EFBIG when the format's end is reached.
 */
must_check int clusters_allocate(struct qcow2 *q, u64 want, bool all,
				 u64 *ret_offset, u64 *ret_count);
/* Gives back what was allocated and never pointed to. */
void clusters_unallocate(struct qcow2 *q, u64 offset, u64 count);
/*
 * Counts a cluster down once nothing in the file points to it: after the
 * caller's change of what did. It leaks when that cannot be written.
 */
void cluster_release(struct qcow2 *q, u64 offset);
/* The same for all places of an L2 entry. */
void entry_release(struct qcow2 *q, u64 entry);
/* In the file nothing points to what is in `freed`: counts those down. */
must_check int freed_apply(struct qcow2 *q);

/* ---- table.c: L1 and L2 ---- */

static inline u32 l2_bits(const struct qcow2 *q)
{
	return q->cluster_bits - 3;
}

/* Guest clusters of the disk, the last one cut perhaps. */
static inline u64 disk_clusters(const struct qcow2 *q)
{
	return (q->image.size_bytes + q->cluster_bytes - 1) >> q->cluster_bits;
}

/*
 * Where entries may point: aligned, within the format, no reserved bits; a
 * table also below the file's end, so that an image cannot make us write far
 * away from all that it has.
 */
bool is_valid_l1(const struct qcow2 *q, u64 entry);
bool is_valid_l2(const struct qcow2 *q, u64 entry);
u64 compressed_offset(const struct qcow2 *q, u64 entry);
u64 compressed_bytes(const struct qcow2 *q, u64 entry);

/* The L2 entry of a guest cluster; 0 where there is no table. */
must_check int entry_get(struct qcow2 *q, u64 guest_cluster, u64 *ret_entry);
/* Sets it, and makes the table the image's own first. */
must_check int entry_set(struct qcow2 *q, u64 guest_cluster, u64 entry);
/* The same without I/O, with the lock held: -EAGAIN. */
must_check int entry_cached_locked(struct qcow2 *q, u64 guest_cluster,
				   u64 *ret_entry);
/* Sees to it that entry_set of this cluster needs no space of the file. */
must_check int entry_prepare(struct qcow2 *q, u64 guest_cluster);

/* All that is dirty, in its order. No sync at the end. */
must_check int tables_write(struct qcow2 *q);
/* A longer L1 table. */
must_check int l1_grow(struct qcow2 *q, u32 count);

/* ---- header.c ---- */

/* Reads and judges everything of the header. */
must_check int header_read(struct qcow2 *q, struct fault *fault);
/* Before the first change: clears and marks what must not be relied on. */
must_check int writing_begin(struct qcow2 *q);
/* Writes one field of the header at once. */
must_check int header_put32(struct qcow2 *q, u32 at, u32 value);
must_check int header_put64(struct qcow2 *q, u32 at, u64 value);

/* ---- extra.c: snapshots and bitmaps ---- */

struct snapshot_l1 {
	u64 offset;
	u32 count;
};

/* The whole table and the L1 tables in it; both to be freed. -EINVAL. */
must_check int snapshots_read(struct qcow2 *q, struct snapshot_l1 **ret_l1,
			      u64 *ret_bytes);

struct bitmap_entry {
	u64 table_offset;
	u32 table_count;
	u32 flags;
	u64 at; /* of the entry in the directory */
};

#define BITMAP_IN_USE BIT(0)
#define BITMAP_AUTO   BIT(1)

must_check int bitmaps_read(struct qcow2 *q, struct bitmap_entry **ret_entries);
/* Enabled bitmaps do not see our changes: marks them as out of date. */
must_check int bitmaps_mark(struct qcow2 *q);

/* ---- compress.c ---- */

/* The whole cluster that a compressed entry describes, into q->unpacked. */
must_check int cluster_unpack(struct qcow2 *q, u64 entry);
/* *ret_size 0 when it does not get smaller than `max`. */
must_check int cluster_pack(const struct qcow2 *q, const void *data, void *out,
			    u64 max, u64 *ret_size);

/* ---- read.c, write.c, check.c ---- */

int qcow2_read(struct disk *image, u64 offset, void *data, u64 size);
int qcow2_map(struct disk *image, u64 offset, u64 size, struct extent *ret);
int qcow2_map_cached(struct disk *image, u64 offset, u64 size, bool for_write,
		     struct extent *ret);
int qcow2_write(struct disk *image, u64 offset, const void *data, u64 size);
int qcow2_zero(struct disk *image, u64 offset, u64 size, bool unmap);
int qcow2_discard(struct disk *image, u64 offset, u64 size);
int qcow2_flush(struct disk *image);
int qcow2_resize(struct disk *image, u64 size, struct fault *fault);
int qcow2_check(struct disk *image, enum disk_repair repair,
		struct disk_check *check);

#endif
