/* SPDX-License-Identifier: MIT */
/*
 * The file in which UEFI's variables outlive their machine: what its flash chip
 * holds, twice, so that one of the two is whole at any moment.
 *
 *	0		header: 8 bytes "KEELVARS", u32 version, u32 checksum,
 *			u64 bytes of the store
 *	4 KiB		copy 0: u64 sequence, u32 checksum; at 4 KiB more the store
 *	... + store	copy 1, the same
 *
 * All numbers are little-endian. A checksum is the CRC-32 of zlib, over the
 * fields before and behind it, and over the store. The header never changes. The
 * copy whose sequence is ahead is what holds, if its checksum fits; the other one
 * is written over. So the end of the program or of the host leaves the old
 * store or the new one. The file has its full size from the start.
 *
 * A copy of the file is a state of the variables, for a snapshot of the machine.
 */
#ifndef VMM_FIRMWARE_UEFI_VARS_FILE_H
#define VMM_FIRMWARE_UEFI_VARS_FILE_H

#include "base/err.h"
#include "vmm/block/file.h"

#define VARS_FILE_VERSION 1
#define VARS_FILE_PAGE	  ((u64)4096)
#define VARS_FILE_COPIES  2
/* Of the store; and whole pages. */
#define VARS_STORE_BYTES_MAX (4 * MiB)

/* As in the file. */
struct vars_header {
	char magic[8];
	u32 version;
	u32 checksum;
	u64 store_bytes;
};

struct vars_copy {
	u64 sequence; /* 1, 2 and so on, and 0 after the last */
	u32 checksum;
	u32 zero;
};

struct vars_file {
	struct block_file file;
	u64 store_bytes;
	u64 sequence; /* of the copy that holds */
	u32 copy;     /* which of them that is */
};

/*
 * Opens `path`, for this program alone, and reads what holds into `store`, of
 * `store_bytes`. A file that is missing is made, with what `store` has. The fault
 * says what is wrong: -EBUSY: in use; -EINVAL: it is something else, damaged, or
 * for firmware with another store; -ENOTSUP: a newer version; else of the host.
 */
must_check int vars_file_open(struct vars_file *vars, const char *path,
			      u8 *store, u64 store_bytes, struct fault *fault);
/* Accepts one that was never opened, all zeros. */
void vars_file_close(struct vars_file *vars);

/* `store` is on the medium. -errno: what was there holds. */
must_check int vars_file_put(struct vars_file *vars, const u8 *store);

/* Where copy 0 or 1 begins. */
u64 vars_copy_offset(u64 store_bytes, u32 copy);
/* The header's and a copy's checksum, as they should be. */
u32 vars_header_checksum(const struct vars_header *header);
u32 vars_copy_checksum(const struct vars_copy *copy, const u8 *store,
		       u64 store_bytes);

#endif
