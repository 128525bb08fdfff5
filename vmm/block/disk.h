/* SPDX-License-Identifier: MIT */
/*
 * A disk image of some format: the disk that a guest sees, kept in a file in
 * raw/'s or qcow2/'s way, with what is not in it taken from a backing image.
 *
 * The calls are synchronous and belong to one thread at a time, the image's
 * worker. disk_map_cached alone may be called by one other thread meanwhile:
 * it does no I/O. `size_bytes` of the disk is a multiple of 512; calls take any
 * offset and size within it, in bytes. Results are 0 or -errno: the host's
 * error unchanged, or -EIO when the image is damaged at that place.
 */
#ifndef VMM_BLOCK_DISK_H
#define VMM_BLOCK_DISK_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"
#include "vmm/block/file.h"

#define DISK_SECTOR_BYTES 512
/* Images under one another; more is a mistake or an attack. */
#define DISK_CHAIN_MAX 32

struct disk;

enum extent_kind {
	EXTENT_ABSENT,	   /* not in this image: the backing's, or zeros */
	EXTENT_ZERO,	   /* reads as zeros, whatever the backing has */
	EXTENT_DATA,	   /* at host_offset of `file` */
	EXTENT_COMPRESSED, /* somewhere, in another form */
};

/* The beginning of a range, as long as it is all of one kind. */
struct extent {
	enum extent_kind kind;
	u64 size_bytes;
	bool has_offset; /* host_offset says where; always with EXTENT_DATA */
	u64 host_offset;
	const struct block_file *file; /* borrowed from the image */
};

/* What disk_check found and did. */
struct disk_check {
	u64 leaks, corruptions;		    /* left in the image */
	u64 leaks_fixed, corruptions_fixed; /* mended */
	u64 clusters, allocated, compressed, fragmented;
	u64 end_offset;	 /* where the image's last used byte ends */
	FILE *report;	 /* one line for each finding, or NULL; borrowed */
	u32 report_left; /* lines before it falls silent */
};

enum disk_repair {
	DISK_REPAIR_NONE,
	DISK_REPAIR_LEAKS,
	DISK_REPAIR_ALL,
};

struct disk_class {
	const char *name; /* "raw", "qcow2" */
	int (*read)(struct disk *image, u64 offset, void *data, u64 size);
	int (*write)(struct disk *image, u64 offset, const void *data, u64 size);
	int (*zero)(struct disk *image, u64 offset, u64 size, bool unmap);
	int (*discard)(struct disk *image, u64 offset, u64 size);
	int (*flush)(struct disk *image);
	int (*map)(struct disk *image, u64 offset, u64 size, struct extent *ret);
	int (*map_cached)(struct disk *image, u64 offset, u64 size,
			  bool for_write, struct extent *ret);
	int (*resize)(struct disk *image, u64 size, struct fault *fault);
	/* NULL: the format has nothing to check */
	int (*check)(struct disk *image, enum disk_repair repair,
		     struct disk_check *check);
	void (*free)(struct disk *image);
};

struct disk {
	const struct disk_class *class;
	struct block_file file; /* owned */
	u64 size_bytes;
	u32 granule_bytes; /* a change touches whole ones at most; a power of 2 */
	bool read_only;
	bool discard;	      /* discarding gives space back */
	struct disk *backing; /* owned; NULL = none */
};

struct disk_config {
	const char *path;
	const char *format; /* NULL = as the name says */
	bool read_only;
	bool backing_allowed; /* files that the image names may be opened */
	bool backing_ignored; /* none is opened: what is absent reads as zeros */
	bool discard;
	bool for_repair; /* to be checked: marked as corrupt is no hindrance */
	bool probe;	 /* no format, and the name tells none: look inside */
	u32 file_flags;	 /* BLOCK_FILE_DIRECT, BLOCK_FILE_SHARE */
};

/*
 * Opens an image and the chain under it. The fault says which file and what
 * is wrong: -EINVAL not an image of its format, damaged beyond use, or the
 * format is not known; -EOPNOTSUPP uses what is not supported; -EPERM a backing
 * file that may not be opened; -ELOOP a chain without an end; and
 * block_file_open's.
 */
must_check int disk_open(const struct disk_config *config,
			 struct disk **ret_image, struct fault *fault);

/*
 * Which format `path` has by its name: "raw", "qcow2". -EINVAL when the name
 * tells none (with `probe` the content is asked), or tells raw and the content
 * begins like qcow2: a guest may have written that to lead its host astray.
 */
must_check int disk_format(const char *path, bool probe,
			   const char **ret_format, struct fault *fault);

/* For a file that is yet to be: by the name alone. -EINVAL. */
must_check int disk_format_of_name(const char *path, const char **ret_format,
				   struct fault *fault);

/* A new image over `backing` (owned from now on, NULL after a failure too). */
must_check int disk_open_temporary(const char *folder, struct disk *backing,
				   struct disk **ret_image, struct fault *fault);

/* Writes out what is not written yet and lets go. The last error, or 0. */
int disk_close(struct disk *image);

must_check int disk_read(struct disk *image, u64 offset_bytes, void *data,
			 u64 size_bytes);
must_check int disk_write(struct disk *image, u64 offset_bytes,
			  const void *data, u64 size_bytes);
must_check int disk_zero(struct disk *image, u64 offset_bytes, u64 size_bytes,
			 bool unmap);
/* What is discarded reads as zeros or as before. */
must_check int disk_discard(struct disk *image, u64 offset_bytes,
			    u64 size_bytes);
must_check int disk_flush(struct disk *image);

/* What the range begins with. size_bytes > 0. */
must_check int disk_map(struct disk *image, u64 offset_bytes, u64 size_bytes,
			struct extent *ret_extent);

/*
 * The same through the backing images; EXTENT_ABSENT, which reads as zeros,
 * where none has the range. *ret_depth says which one does, 0 for `image` itself.
 */
must_check int disk_map_chain(struct disk *image, u64 offset_bytes,
			      u64 size_bytes, struct extent *ret_extent,
			      u32 *ret_depth);

/*
 * As disk_map for all of the range, without I/O: EXTENT_DATA or EXTENT_ZERO, down
 * through the backing images. -EAGAIN when that takes I/O or the range is of
 * several kinds, or, `for_write`, when writing it in place is not all there is
 * to a write.
 */
must_check int disk_map_cached(struct disk *image, u64 offset_bytes,
			       u64 size_bytes, bool for_write,
			       struct extent *ret_extent);

must_check int disk_resize(struct disk *image, u64 size_bytes,
			   struct fault *fault);

/*
 * -EOPNOTSUPP when the format has nothing to check, or why it could not be
 * completed. `check` is the caller's, with `report` set.
 */
must_check int disk_check(struct disk *image, enum disk_repair repair,
			  struct disk_check *check);

#endif
