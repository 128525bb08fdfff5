/* SPDX-License-Identifier: MIT */
/* Images of all formats: choosing one, opening chains, and bounds. */
#include "vmm/block/disk.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "vmm/block/qcow2/qcow2.h"
#include "vmm/block/raw/raw.h"

/* ---- which format ---- */

static const char *format_of_name(const char *path)
{
	static const struct {
		const char *suffix, *format;
	} known[] = {
		{".qcow2", "qcow2"},
		{".img", "raw"},
		{".raw", "raw"},
		{".iso", "raw"},
	};
	size_t length = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t n = strlen(known[i].suffix);

		if (length > n && !strcasecmp(path + length - n, known[i].suffix))
			return known[i].format;
	}
	return NULL;
}

static int format_of_content(const char *path, const char **ret_format,
			     struct fault *fault)
{
	struct block_file file;
	u8 head[4];
	int err = block_file_open(&file, path, BLOCK_FILE_SHARE, fault);

	if (err)
		return err;
	err = block_file_read(&file, 0, head, sizeof(head));
	if (err)
		fault_set(fault, FAULT_IO, err, "cannot read '%s'", path);
	else
		*ret_format = qcow2_is_magic(head) ? "qcow2" : "raw";
	block_file_close(&file);
	return err;
}

static int no_format(const char *path, struct fault *fault)
{
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "the name '%s' does not tell a format: say "
			 "format=raw or format=qcow2",
			 path);
}

int disk_format_of_name(const char *path, const char **ret_format,
			struct fault *fault)
{
	const char *format = format_of_name(path);

	if (!format)
		return no_format(path, fault);
	*ret_format = format;
	return 0;
}

int disk_format(const char *path, bool probe, const char **ret_format,
		struct fault *fault)
{
	const char *named = format_of_name(path), *found = "";
	int err;

	if (named && strcmp(named, "raw") != 0) {
		*ret_format = named;
		return 0;
	}
	if (!named && !probe)
		return no_format(path, fault);
	err = format_of_content(path, &found, fault);
	if (err)
		return err;
	if (named && strcmp(named, found) != 0)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' has a raw image's name but begins like "
				 "qcow2: say format=raw or format=qcow2",
				 path);
	*ret_format = found;
	return 0;
}

/* ---- opening ---- */

static int open_as(const char *format, struct block_file *file,
		   const struct disk_config *config, struct disk **ret_image,
		   struct fault *fault)
{
	if (!strcmp(format, "qcow2"))
		return qcow2_open(file, config, ret_image, fault);
	if (!strcmp(format, "raw"))
		return raw_open(file, config, ret_image, fault);
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "'%s' is not a format for '%s'; those are raw and "
			 "qcow2",
			 format, file->name);
}

/* One image, without what is under it. */
static int open_one(const struct disk_config *config, struct disk **ret_image,
		    struct fault *fault)
{
	const char *format = config->format;
	u32 flags = config->file_flags;
	struct block_file file;
	int err = 0;

	if (!format)
		err = disk_format(config->path, config->probe, &format, fault);
	if (err)
		return err;
	assert(format);
	if (!config->read_only)
		flags |= BLOCK_FILE_WRITE;
	err = block_file_open(&file, config->path, flags, fault);
	if (err)
		return err;
	err = open_as(format, &file, config, ret_image, fault);
	if (err)
		block_file_close(&file);
	return err;
}

/* A name like "nbd:..." or "json:{...}": a protocol, and no file. */
static bool is_protocol(const char *name)
{
	const char *colon = strchr(name, ':'), *slash = strchr(name, '/');

	return colon && (!slash || colon < slash);
}

/* The backing's path: relative names start where the image is. */
static int backing_path(const struct disk *image, const char *name, char *path,
			size_t size)
{
	const char *folder_end = strrchr(image->file.name, '/');
	size_t folder = folder_end ? (size_t)(folder_end + 1 - image->file.name)
				   : 0;
	int length;

	if (name[0] == '/')
		folder = 0;
	length = snprintf(path, size, "%.*s%s", (int)folder, image->file.name,
			  name);
	return (size_t)length < size ? 0 : trace_err(-ENAMETOOLONG);
}

static int check_backing(const struct disk *image, bool allowed,
			 const char *name, const char *format,
			 struct fault *fault)
{
	const char *path = image->file.name;

	if (!allowed)
		return fault_set(fault, FAULT_DENIED, trace_err(-EPERM),
				 "'%s' needs a backing file '%s', and opening "
				 "those is not allowed: say backing=on",
				 path, name);
	if (is_protocol(name))
		return fault_set(fault, FAULT_UNSUPPORTED,
				 trace_err(-EOPNOTSUPP),
				 "the backing file '%s' of '%s' is not a file",
				 name, path);
	if (!format)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' does not say the format of its backing "
				 "file '%s'",
				 path, name);
	return 0;
}

static bool is_in_chain(const struct disk *top, const struct disk *image)
{
	for (; top; top = top->backing)
		if (top != image &&
		    top->file.device_id == image->file.device_id &&
		    top->file.inode == image->file.inode)
			return true;
	return false;
}

/* Opens what `image` names under itself; *ret_image NULL when nothing. */
static int open_backing(struct disk *image, const struct disk_config *config,
			struct disk **ret_image, struct fault *fault)
{
	struct disk_config below = {
		.read_only = true,
		.file_flags = config->file_flags,
	};
	const char *name, *format;
	char path[4096]; /* PATH_MAX */
	int err;

	*ret_image = NULL;
	if (strcmp(image->class->name, "qcow2") != 0 ||
	    !(name = qcow2_backing_name(image, &format)))
		return 0;
	err = check_backing(image, config->backing_allowed, name, format, fault);
	if (err)
		return err;
	err = backing_path(image, name, path, sizeof(path));
	if (err)
		return fault_set(fault, FAULT_INVALID, err,
				 "the backing file's name in '%s' is too long",
				 image->file.name);
	below.path = path;
	below.format = format;
	err = open_one(&below, ret_image, fault);
	return err ? fault_wrap(fault, err, "the backing file of '%s'",
				image->file.name)
		   : 0;
}

static int open_chain(struct disk *top, const struct disk_config *config,
		      struct fault *fault)
{
	struct disk *image = top;

	for (u32 depth = 1;; depth++) {
		struct disk *below;
		int err = open_backing(image, config, &below, fault);

		if (err || !below)
			return err;
		image->backing = below;
		if (is_in_chain(top, below) || depth == DISK_CHAIN_MAX)
			return fault_set(fault, FAULT_INVALID, trace_err(-ELOOP),
					 "the backing files of '%s' go round in "
					 "a circle, or are more than %d",
					 top->file.name, DISK_CHAIN_MAX);
		image = below;
	}
}

int disk_open(const struct disk_config *config, struct disk **ret_image,
	      struct fault *fault)
{
	struct disk *image;
	int err = open_one(config, &image, fault);

	if (err)
		return err;
	if (!config->backing_ignored)
		err = open_chain(image, config, fault);
	if (err) {
		image->read_only = true; /* nothing of it has been written */
		(void)disk_close(image);
		return err;
	}
	*ret_image = image;
	return 0;
}

int disk_open_temporary(const char *folder, struct disk *backing,
			struct disk **ret_image, struct fault *fault)
{
	const struct disk_config config = {.discard = true};
	const struct qcow2_options options = {
		.size_bytes = backing->size_bytes,
		.cluster_bytes = 64 * KiB,
	};
	struct disk *image;
	struct block_file file;
	int err = block_file_open_nameless(&file, folder, fault);

	if (!err) {
		err = qcow2_create(&file, &options, fault);
		if (!err)
			err = qcow2_open(&file, &config, &image, fault);
		if (err)
			block_file_close(&file);
	}
	if (err) {
		(void)disk_close(backing);
		return err;
	}
	image->backing = backing;
	*ret_image = image;
	return 0;
}

int disk_close(struct disk *image)
{
	int first = 0;

	while (image) {
		struct disk *below = image->backing;
		struct block_file file = image->file;
		int err = image->read_only ? 0 : disk_flush(image);

		if (err && !first)
			first = err;
		image->class->free(image);
		block_file_close(&file);
		image = below;
	}
	return first;
}

/* ---- using ---- */

static void assert_range(const struct disk *image, u64 offset, u64 size)
{
	assert(offset <= image->size_bytes);
	assert(size <= image->size_bytes - offset);
}

int disk_read(struct disk *image, u64 offset_bytes, void *data, u64 size_bytes)
{
	assert_range(image, offset_bytes, size_bytes);
	return image->class->read(image, offset_bytes, data, size_bytes);
}

int disk_write(struct disk *image, u64 offset_bytes, const void *data,
	       u64 size_bytes)
{
	assert_range(image, offset_bytes, size_bytes);
	if (image->read_only)
		return trace_err(-EROFS);
	return image->class->write(image, offset_bytes, data, size_bytes);
}

int disk_zero(struct disk *image, u64 offset_bytes, u64 size_bytes, bool unmap)
{
	assert_range(image, offset_bytes, size_bytes);
	if (image->read_only)
		return trace_err(-EROFS);
	return image->class->zero(image, offset_bytes, size_bytes, unmap);
}

int disk_discard(struct disk *image, u64 offset_bytes, u64 size_bytes)
{
	assert_range(image, offset_bytes, size_bytes);
	if (image->read_only)
		return trace_err(-EROFS);
	return image->class->discard(image, offset_bytes, size_bytes);
}

int disk_flush(struct disk *image)
{
	return image->read_only ? 0 : image->class->flush(image);
}

int disk_map(struct disk *image, u64 offset_bytes, u64 size_bytes,
	     struct extent *ret_extent)
{
	assert_range(image, offset_bytes, size_bytes);
	assert(size_bytes);
	return image->class->map(image, offset_bytes, size_bytes, ret_extent);
}

int disk_map_chain(struct disk *image, u64 offset_bytes, u64 size_bytes,
		   struct extent *ret_extent, u32 *ret_depth)
{
	u32 depth = 0;

	for (;; depth++, image = image->backing) {
		u64 below = image->backing ? image->backing->size_bytes : 0;
		int err = disk_map(image, offset_bytes, size_bytes, ret_extent);

		if (err)
			return err;
		size_bytes = ret_extent->size_bytes;
		if (ret_extent->kind != EXTENT_ABSENT || offset_bytes >= below)
			break;
		/* Up to where the backing ends, what is there counts. */
		size_bytes = MIN(size_bytes, below - offset_bytes);
	}
	*ret_depth = depth;
	return 0;
}

int disk_map_cached(struct disk *image, u64 offset_bytes, u64 size_bytes,
		    bool for_write, struct extent *ret_extent)
{
	assert_range(image, offset_bytes, size_bytes);
	assert(size_bytes);
	return image->class->map_cached(image, offset_bytes, size_bytes,
					for_write, ret_extent);
}

int disk_resize(struct disk *image, u64 size_bytes, struct fault *fault)
{
	assert(is_aligned(size_bytes, DISK_SECTOR_BYTES));
	assert(!image->read_only);
	return image->class->resize(image, size_bytes, fault);
}

int disk_check(struct disk *image, enum disk_repair repair,
	       struct disk_check *check)
{
	if (!image->class->check)
		return trace_err(-EOPNOTSUPP);
	return image->class->check(image, repair, check);
}
