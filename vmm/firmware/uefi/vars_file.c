/* SPDX-License-Identifier: MIT */
/* Two copies of a store in one file: see vars_file.h. */
#include "vmm/firmware/uefi/vars_file.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fd.h"

static const char magic[8] = "KEELVARS"; /* no byte of it is the end */

/* ---- checksums and places ---- */

u32 vars_header_checksum(const struct vars_header *header)
{
	struct vars_header plain = *header;

	plain.checksum = 0;
	return (u32)crc32(0, (const u8 *)&plain, sizeof(plain));
}

u32 vars_copy_checksum(const struct vars_copy *copy, const u8 *store,
		       u64 store_bytes)
{
	struct vars_copy plain = *copy;

	plain.checksum = 0;
	return (u32)crc32(crc32(0, (const u8 *)&plain, sizeof(plain)), store,
			  (unsigned int)store_bytes);
}

u64 vars_copy_offset(u64 store_bytes, u32 copy)
{
	return VARS_FILE_PAGE + copy * (VARS_FILE_PAGE + store_bytes);
}

static u64 file_bytes(u64 store_bytes)
{
	return vars_copy_offset(store_bytes, VARS_FILE_COPIES);
}

/* ---- making ---- */

static int write_copy(int fd, u32 index, u64 sequence, const u8 *store,
		      u64 store_bytes)
{
	u64 offset = vars_copy_offset(store_bytes, index);
	struct vars_copy copy = {.sequence = sequence};
	u8 page[VARS_FILE_PAGE] = {};
	int err;

	copy.checksum = vars_copy_checksum(&copy, store, store_bytes);
	memcpy(page, &copy, sizeof(copy));
	err = pwrite_full(fd, page, sizeof(page), offset);
	if (err)
		return err;
	return pwrite_full(fd, store, store_bytes, offset + sizeof(page));
}

static int write_all(int fd, const u8 *store, u64 store_bytes)
{
	struct vars_header header = {.version = VARS_FILE_VERSION,
				     .store_bytes = store_bytes};
	u8 page[VARS_FILE_PAGE] = {};
	int err;

	memcpy(header.magic, magic, sizeof(magic));
	header.checksum = vars_header_checksum(&header);
	memcpy(page, &header, sizeof(header));
	err = pwrite_full(fd, page, sizeof(page), 0);
	for (u32 i = 0; !err && i < VARS_FILE_COPIES; i++)
		err = write_copy(fd, i, i + 1, store, store_bytes);
	if (!err && fsync(fd))
		err = trace_err(-errno);
	return err;
}

static int cannot_make(struct fault *fault, const char *path, int err)
{
	enum fault_class class = FAULT_IO;

	if (err == -ENOENT || err == -ENOTDIR)
		class = FAULT_NOT_FOUND;
	if (err == -EACCES || err == -EROFS || err == -EPERM)
		class = FAULT_DENIED;
	if (err == -ENAMETOOLONG)
		class = FAULT_INVALID;
	return fault_set(fault, class, trace_err(err),
			 "cannot make '%s' for the UEFI variables", path);
}

/*
 * Whole under another name first, and then linked: nobody ever finds half a file.
 * Who comes second takes what the first one has made.
 */
static int make(const char *path, const u8 *store, u64 store_bytes,
		struct fault *fault)
{
	char name[PATH_MAX];
	int length = snprintf(name, sizeof(name), "%s.XXXXXX", path), fd, err;

	if (length < 0 || (size_t)length >= sizeof(name))
		return cannot_make(fault, path, -ENAMETOOLONG);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return cannot_make(fault, path, -errno);
	err = write_all(fd, store, store_bytes);
	if (!err && link(name, path) && errno != EEXIST)
		err = -errno;
	(void)unlink(name); /* if that fails there is a file too many */
	(void)close(fd);    /* it was synced */
	return err ? cannot_make(fault, path, err) : 0;
}

/* ---- opening ---- */

static int refuse_alien(struct fault *fault, const char *path)
{
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "'%s' is no file of UEFI variables that keel made",
			 path);
}

static int check_header(const struct vars_file *vars,
			const struct vars_header *header, struct fault *fault)
{
	const char *path = vars->file.name;

	if (memcmp(header->magic, magic, sizeof(magic)))
		return refuse_alien(fault, path);
	if (header->version != VARS_FILE_VERSION)
		return fault_set(fault, FAULT_UNSUPPORTED, trace_err(-ENOTSUP),
				 "'%s' is of version %u, and this program knows "
				 "version %u",
				 path, header->version, VARS_FILE_VERSION);
	if (header->checksum != vars_header_checksum(header))
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "the header of '%s' is damaged", path);
	if (header->store_bytes != vars->store_bytes)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is for firmware with %llu bytes of "
				 "variables, and this one has %llu",
				 path, (unsigned long long)header->store_bytes,
				 (unsigned long long)vars->store_bytes);
	if (vars->file.size_bytes != file_bytes(vars->store_bytes))
		return fault_set(
			fault, FAULT_INVALID, trace_err(-EINVAL),
			"'%s' has %llu bytes, and not %llu", path,
			(unsigned long long)vars->file.size_bytes,
			(unsigned long long)file_bytes(vars->store_bytes));
	return 0;
}

/* Into `to`; whether it is whole, or -errno. */
static int read_copy(struct vars_file *vars, u32 index, struct vars_copy *copy,
		     u8 *to)
{
	u64 offset = vars_copy_offset(vars->store_bytes, index);
	int err = block_file_read(&vars->file, offset, copy, sizeof(*copy));

	if (!err)
		err = block_file_read(&vars->file, offset + VARS_FILE_PAGE, to,
				      vars->store_bytes);
	if (err)
		return err;
	return copy->checksum == vars_copy_checksum(copy, to, vars->store_bytes);
}

/* Sequences have no end: 0 comes after the last. */
static bool is_newer(u64 sequence, u64 than)
{
	return (s64)(sequence - than) > 0;
}

/* The newer one of those that are whole, into `store`. */
static int read_newest(struct vars_file *vars, u8 *store, u8 *scratch,
		       struct fault *fault)
{
	struct vars_copy copy;
	bool found = false;

	for (u32 i = 0; i < VARS_FILE_COPIES; i++) {
		int whole = read_copy(vars, i, &copy, scratch);

		if (whole < 0)
			return fault_set(fault, FAULT_IO, whole,
					 "cannot read '%s'", vars->file.name);
		if (!whole ||
		    (found && !is_newer(copy.sequence, vars->sequence)))
			continue;
		found = true;
		memcpy(store, scratch, vars->store_bytes);
		vars->sequence = copy.sequence;
		vars->copy = i;
	}
	if (found)
		return 0;
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "both copies of the UEFI variables in '%s' are damaged; "
			 "remove the file to start with none",
			 vars->file.name);
}

static int read_file(struct vars_file *vars, u8 *store, struct fault *fault)
{
	struct vars_header header;
	u8 *scratch;
	int err;

	if (vars->file.is_device ||
	    vars->file.size_bytes < sizeof(struct vars_header))
		return refuse_alien(fault, vars->file.name);
	err = block_file_read(&vars->file, 0, &header, sizeof(header));
	if (err)
		return fault_set(fault, FAULT_IO, err, "cannot read '%s'",
				 vars->file.name);
	err = check_header(vars, &header, fault);
	if (err)
		return err;
	scratch = malloc(vars->store_bytes);
	if (!scratch)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "UEFI variables");
	err = read_newest(vars, store, scratch, fault);
	free(scratch);
	return err;
}

int vars_file_open(struct vars_file *vars, const char *path, u8 *store,
		   u64 store_bytes, struct fault *fault)
{
	int err = 0;

	assert(store_bytes && store_bytes <= VARS_STORE_BYTES_MAX);
	assert(is_aligned(store_bytes, VARS_FILE_PAGE));
	*vars = (struct vars_file){};
	if (access(path, F_OK) && errno == ENOENT)
		err = make(path, store, store_bytes, fault);
	if (!err)
		err = block_file_open(&vars->file, path, BLOCK_FILE_WRITE,
				      fault);
	if (err)
		return err;
	vars->store_bytes = store_bytes;
	err = read_file(vars, store, fault);
	if (err)
		vars_file_close(vars);
	return err;
}

void vars_file_close(struct vars_file *vars)
{
	if (vars->store_bytes)
		block_file_close(&vars->file);
	*vars = (struct vars_file){};
}

int vars_file_put(struct vars_file *vars, const u8 *store)
{
	u32 next = (vars->copy + 1) % VARS_FILE_COPIES;
	int err = write_copy(vars->file.fd, next, vars->sequence + 1, store,
			     vars->store_bytes);

	/* What the host has lost of an earlier put is of no matter: this is all. */
	vars->file.sync_err = 0;
	if (!err)
		err = block_file_sync(&vars->file);
	if (err)
		return err;
	vars->copy = next;
	vars->sequence++;
	return 0;
}
