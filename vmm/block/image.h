/* SPDX-License-Identifier: MIT */
/*
 * A disk image of some format: the disk that a guest sees, kept in a file in
 * raw/'s or qcow2/'s way, with what is not in it taken from a backing image.
 *
 * The calls are synchronous and belong to one thread at a time, the image's
 * worker. image_map_cached alone may be called by one other thread meanwhile:
 * it does no I/O. `size_bytes` of the disk is a multiple of 512; calls take any
 * offset and size within it, in bytes. Results are 0 or -errno: the host's
 * error unchanged, or -EIO when the image is damaged at that place.
 */
#ifndef VMM_BLOCK_IMAGE_H
#define VMM_BLOCK_IMAGE_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"
#include "vmm/block/file.h"

#define IMAGE_SECTOR_BYTES 512
/* Images under one another; more is a mistake or an attack. */
#define IMAGE_CHAIN_MAX 32

struct image;

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

/* What image_check found and did. */
struct image_check {
	u64 leaks, corruptions;		    /* left in the image */
	u64 leaks_fixed, corruptions_fixed; /* mended */
	u64 clusters, allocated, compressed, fragmented;
	u64 end_offset;	 /* where the image's last used byte ends */
	FILE *report;	 /* one line for each finding, or NULL; borrowed */
	u32 report_left; /* lines before it falls silent */
};

enum image_repair {
	IMAGE_REPAIR_NONE,
	IMAGE_REPAIR_LEAKS,
	IMAGE_REPAIR_ALL,
};

struct image_class {
	const char *name; /* "raw", "qcow2" */
	int (*read)(struct image *image, u64 offset, void *data, u64 size);
	int (*write)(struct image *image, u64 offset, const void *data,
		     u64 size);
	int (*zero)(struct image *image, u64 offset, u64 size, bool unmap);
	int (*discard)(struct image *image, u64 offset, u64 size);
	int (*flush)(struct image *image);
	int (*map)(struct image *image, u64 offset, u64 size,
		   struct extent *ret);
	int (*map_cached)(struct image *image, u64 offset, u64 size,
			  bool for_write, struct extent *ret);
	int (*resize)(struct image *image, u64 size, struct fault *fault);
	/* NULL: the format has nothing to check */
	int (*check)(struct image *image, enum image_repair repair,
		     struct image_check *check);
	void (*free)(struct image *image);
};

struct image {
	const struct image_class *class;
	struct block_file file; /* owned */
	u64 size_bytes;
	u32 granule_bytes; /* a change touches whole ones at most; a power of 2 */
	bool read_only;
	bool discard;	       /* discarding gives space back */
	struct image *backing; /* owned; NULL = none */
};

struct image_config {
	const char *path;
	const char *format; /* NULL = as the name says */
	bool read_only;
	bool backing_allowed; /* files that the image names may be opened */
	bool backing_ignored; /* none is opened: what is absent reads as zeros */
	bool discard;
	bool probe;	/* no format, and the name tells none: look inside */
	u32 file_flags; /* BLOCK_FILE_DIRECT, BLOCK_FILE_SHARE */
};

/*
 * Opens an image and the chain under it. The fault says which file and what
 * is wrong: -EINVAL not an image of its format, damaged beyond use, or the
 * format is not known; -EOPNOTSUPP uses what is not supported; -EPERM a backing
 * file that may not be opened; -ELOOP a chain without an end; and
 * block_file_open's.
 */
must_check int image_open(const struct image_config *config,
			  struct image **ret_image, struct fault *fault);

/*
 * Which format `path` has by its name: "raw", "qcow2". -EINVAL when the name
 * tells none (with `probe` the content is asked), or tells raw and the content
 * begins like qcow2: a guest may have written that to lead its host astray.
 */
must_check int image_format(const char *path, bool probe,
			    const char **ret_format, struct fault *fault);

/* A new image over `backing` (owned from now on, NULL after a failure too). */
must_check int image_open_temporary(const char *folder, struct image *backing,
				    struct image **ret_image,
				    struct fault *fault);

/* Writes out what is not written yet and lets go. The last error, or 0. */
int image_close(struct image *image);

must_check int image_read(struct image *image, u64 offset_bytes, void *data,
			  u64 size_bytes);
must_check int image_write(struct image *image, u64 offset_bytes,
			   const void *data, u64 size_bytes);
must_check int image_zero(struct image *image, u64 offset_bytes, u64 size_bytes,
			  bool unmap);
/* What is discarded reads as zeros or as before. */
must_check int image_discard(struct image *image, u64 offset_bytes,
			     u64 size_bytes);
must_check int image_flush(struct image *image);

/* What the range begins with. size_bytes > 0. */
must_check int image_map(struct image *image, u64 offset_bytes, u64 size_bytes,
			 struct extent *ret_extent);

/*
 * The same for all of the range, without I/O: EXTENT_DATA or EXTENT_ZERO, down
 * through the backing images. -EAGAIN when that takes I/O or the range is of
 * several kinds, or, `for_write`, when writing it in place is not all there is
 * to a write.
 */
must_check int image_map_cached(struct image *image, u64 offset_bytes,
				u64 size_bytes, bool for_write,
				struct extent *ret_extent);

must_check int image_resize(struct image *image, u64 size_bytes,
			    struct fault *fault);

/*
 * -EOPNOTSUPP when the format has nothing to check, or why it could not be
 * completed. `check` is the caller's, with `report` set.
 */
must_check int image_check(struct image *image, enum image_repair repair,
			   struct image_check *check);

#endif
