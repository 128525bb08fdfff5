/* SPDX-License-Identifier: MIT */
/*
 * The file or host device that an image lives in: plain synchronous calls
 * that do all of what they are asked or fail. Every offset and size is in
 * bytes and of any alignment; with O_DIRECT what is not aligned goes through
 * a buffer of this layer's own.
 *
 * A file belongs to one thread at a time, except for `fd`, `align_bytes` and
 * `name`, which never change while it is open, and for block_file_end.
 */
#ifndef VMM_BLOCK_FILE_H
#define VMM_BLOCK_FILE_H

#include "base/err.h"
#include "base/types.h"

/* Offsets at and above this are refused: off_t and the formats end there. */
#define BLOCK_OFFSET_MAX BIT(62)

struct block_file {
	int fd;		 /* owned */
	u32 align_bytes; /* of offset, size and memory; 1 without O_DIRECT */
	u64 size_bytes;	 /* where the file ends, as this process knows */
	bool writable;
	bool is_device;	      /* a block device: its end does not move */
	bool sync_ignored;    /* block_file_sync does nothing */
	int sync_err;	      /* of the first sync that failed; 0 */
	char *name;	      /* owned; the path as given, for messages */
	u64 device_id, inode; /* which file this is, for loops */
};

enum block_file_flags {
	BLOCK_FILE_WRITE = 1,  /* read and write */
	BLOCK_FILE_CREATE = 2, /* make it, or empty it once it is locked */
	BLOCK_FILE_DIRECT = 4, /* O_DIRECT */
	BLOCK_FILE_SHARE = 8,  /* no lock: whoever writes it may go on */
};

/*
 * Opens and locks `path`. The fault says which file and why: -EBUSY when
 * another program uses it in a way that excludes this one, -EINVAL for what is
 * neither a file nor a block device, -EOPNOTSUPP when it takes no O_DIRECT,
 * -ENOMEM, or open(2)'s error.
 */
must_check int block_file_open(struct block_file *file, const char *path,
			       u32 flags, struct fault *fault);

/* A file without a name in `folder`, gone when it is closed. */
must_check int block_file_open_nameless(struct block_file *file,
					const char *folder, struct fault *fault);

/* size_bytes; any thread may ask, and it may have changed since. */
u64 block_file_end(const struct block_file *file);

/* Accepts a closed one (fd < 0). */
void block_file_close(struct block_file *file);

/*
 * All of it, or -errno. What lies past the end of the file reads as zeros.
 * -ENOSPC and the like reach the caller unchanged.
 */
must_check int block_file_read(struct block_file *file, u64 offset_bytes,
			       void *data, u64 size_bytes);
must_check int block_file_write(struct block_file *file, u64 offset_bytes,
				const void *data, u64 size_bytes);

/* Makes a range read as zeros; `unmap`: its space is given back if possible. */
must_check int block_file_zero(struct block_file *file, u64 offset_bytes,
			       u64 size_bytes, bool unmap);

/*
 * Gives the space of a range back to the host, where the host can; it reads as
 * zeros or as before. Never fails for want of support.
 */
must_check int block_file_punch(struct block_file *file, u64 offset_bytes,
				u64 size_bytes);

/* Reserves the host's space; -EOPNOTSUPP where that cannot be done. */
must_check int block_file_reserve(struct block_file *file, u64 offset_bytes,
				  u64 size_bytes);

/*
 * All that was written is on the medium. Once that failed it fails for good: what
 * was lost then stays lost, whatever the host says later.
 */
must_check int block_file_sync(struct block_file *file);

/* -EINVAL for a block device. */
must_check int block_file_truncate(struct block_file *file, u64 size_bytes);

/*
 * How the range at `offset_bytes` (below size_bytes) begins: *ret_hole, and
 * in *ret_size for how long, at most to the file's end. Where the host cannot
 * tell all is data.
 */
must_check int block_file_extent(struct block_file *file, u64 offset_bytes,
				 bool *ret_hole, u64 *ret_size);

/* Bytes of the host's medium that the file takes; 0 for a device. */
must_check int block_file_used(struct block_file *file, u64 *ret_bytes);

#endif
