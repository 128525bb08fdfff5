/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images, versions 2 and 3: [QCOW2].
 *
 * Read and written: zlib and zstd clusters (written by qcow2_write_compressed
 * only), backing files, zero clusters, any cluster size and refcount width,
 * images with internal snapshots and bitmaps, which are kept. Repaired when
 * opened for writing: images with the dirty bit. Refused: encryption, external
 * data files, extended L2 entries, unknown incompatible features.
 */
#ifndef VMM_BLOCK_QCOW2_QCOW2_H
#define VMM_BLOCK_QCOW2_QCOW2_H

#include "vmm/block/disk.h"

#define QCOW2_CLUSTER_BYTES_MIN 512
#define QCOW2_CLUSTER_BYTES_MAX (2 * MiB)
/* Of a backing file, as the format allows it. */
#define QCOW2_NAME_BYTES_MAX 1023

/* Of the first 4 bytes of a file. */
bool qcow2_is_magic(const u8 *head);

/*
 * Takes the open file over, on success only. Backing files are not opened.
 * -EINVAL no qcow2, or damaged beyond use; -EOPNOTSUPP a feature that is
 * refused; -ENOMEM; or the host's.
 */
must_check int qcow2_open(struct block_file *file,
			  const struct disk_config *config,
			  struct disk **ret_image, struct fault *fault);

/*
 * The name of the file under `image`, borrowed from it, and in *ret_format its
 * format or NULL when the image does not say; NULL when it has none.
 */
const char *qcow2_backing_name(const struct disk *image,
			       const char **ret_format);

enum qcow2_compression { QCOW2_ZLIB, QCOW2_ZSTD };

struct qcow2_options {
	u64 size_bytes;	   /* of the disk; a multiple of 512 */
	u64 cluster_bytes; /* a power of two */
	u32 version;	   /* 2 or 3; 0 = 3 */
	u32 refcount_bits; /* 1..64, a power of two; 0 = 16 */
	enum qcow2_compression compression;
	bool lazy_refcounts;
	const char *backing_name, *backing_format; /* NULL = none */
};

/* -EINVAL, with the fault saying which option cannot be. */
must_check int qcow2_check_options(const struct qcow2_options *options,
				   struct fault *fault);

/*
 * Makes the open, empty file an image. -EINVAL with the fault saying which
 * option cannot be, or the host's errors. The file stays the caller's.
 */
must_check int qcow2_create(struct block_file *file,
			    const struct qcow2_options *options,
			    struct fault *fault);

/* Reserves places for all clusters; they read as zeros from now on. */
must_check int qcow2_preallocate(struct disk *image);

/*
 * Writes a whole cluster in compressed form, or as it is when that is not
 * smaller. `offset` is a cluster's; the disk's end may cut it. For clusters
 * that were never written.
 */
must_check int qcow2_write_compressed(struct disk *image, u64 offset,
				      const void *data, u64 size);

/* ---- what the image says of itself ---- */

struct qcow2_info {
	u32 version;
	u64 cluster_bytes;
	u32 refcount_bits;
	enum qcow2_compression compression;
	bool lazy_refcounts, dirty, corrupt;
	const char *backing_name, *backing_format; /* borrowed; or NULL */
	u32 snapshot_count, bitmap_count;
};

struct qcow2_snapshot {
	char id[64], name[256]; /* cut */
	u64 vm_state_bytes, disk_bytes;
	u32 date_s, date_ns;
	u64 vm_clock_ns;
};

struct qcow2_bitmap {
	char name[256]; /* cut */
	u64 granularity_bytes;
	bool in_use, automatic;
};

bool disk_is_qcow2(const struct disk *image);
void qcow2_info(const struct disk *image, struct qcow2_info *ret_info);
/* Calls `fn` for each; -EINVAL for a damaged table, or the host's error. */
must_check int qcow2_each_snapshot(struct disk *image,
				   void (*fn)(const struct qcow2_snapshot *,
					      void *ctx),
				   void *ctx);
must_check int
qcow2_each_bitmap(struct disk *image,
		  void (*fn)(const struct qcow2_bitmap *, void *ctx), void *ctx);

#endif
