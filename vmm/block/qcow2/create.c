/* SPDX-License-Identifier: MIT */
/*
 * A new image: the least that is one, a disk of no size, which is then resized
 * as any other.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/block/qcow2/inside.h"

int qcow2_check_options(const struct qcow2_options *o, struct fault *fault)
{
	const char *what = NULL;
	u32 bits = o->refcount_bits ? o->refcount_bits : 16;

	if (!is_power_of_two(o->cluster_bytes) ||
	    o->cluster_bytes < QCOW2_CLUSTER_BYTES_MIN ||
	    o->cluster_bytes > QCOW2_CLUSTER_BYTES_MAX)
		what = "the cluster size is a power of two from 512 to 2M";
	else if (!is_power_of_two(bits) || bits > 64)
		what = "refcount_bits is 1, 2, 4, 8, 16, 32 or 64";
	else if (o->version == 2 && bits != 16)
		what = "version 2 (compat=0.10) has refcounts of 16 bits only";
	else if (o->version == 2 && o->compression)
		what = "version 2 (compat=0.10) has zlib compression only";
	else if (o->version == 2 && o->lazy_refcounts)
		what = "version 2 (compat=0.10) has no lazy refcounts";
	else if (o->size_bytes > HOST_OFFSET_MAX)
		what = "the disk is too large";
	else if (o->backing_name &&
		 strlen(o->backing_name) >
			 MIN((u64)QCOW2_NAME_BYTES_MAX, o->cluster_bytes - 256))
		what = "the backing file's name is too long";
	return what ? fault_set(fault, FAULT_INVALID, trace_err(-EINVAL), "%s",
				what)
		    : 0;
}

static u32 put_extension(u8 *head, u32 at, u32 type, const char *text)
{
	u32 size = (u32)strlen(text);

	put32(head + at, type);
	put32(head + at + 4, size);
	memcpy(head + at + 8, text, size);
	return at + 8 + (u32)align_up(size, 8);
}

static void put_version3(u8 *head, const struct qcow2_options *o)
{
	u32 bits = o->refcount_bits ? o->refcount_bits : 16;

	put64(head + HEADER_INCOMPATIBLE,
	      o->compression ? INCOMPATIBLE_COMPRESSION : 0);
	put64(head + HEADER_COMPATIBLE, o->lazy_refcounts ? COMPATIBLE_LAZY : 0);
	put32(head + HEADER_REFCOUNT_ORDER, (u32)__builtin_ctz(bits));
	put32(head + HEADER_LENGTH, HEADER_BYTES_COMPRESSION);
	head[HEADER_COMPRESSION] = (u8)o->compression;
}

/* Cluster 0 header, 1 refcount table, 2 its block, 3 an L1 table of one. */
static void put_header(u8 *head, const struct qcow2_options *o)
{
	u32 at = o->version == 2 ? HEADER_BYTES_V2 : HEADER_BYTES_COMPRESSION;

	put32(head, QCOW2_MAGIC);
	put32(head + HEADER_VERSION, o->version == 2 ? 2 : 3);
	put32(head + HEADER_CLUSTER_BITS,
	      (u32)__builtin_ctzll(o->cluster_bytes));
	put32(head + HEADER_L1_SIZE, 1);
	put64(head + HEADER_L1_OFFSET, 3 * o->cluster_bytes);
	put64(head + HEADER_REFTABLE_OFFSET, o->cluster_bytes);
	put32(head + HEADER_REFTABLE_CLUSTERS, 1);
	if (o->version != 2)
		put_version3(head, o);
	if (o->backing_format)
		at = put_extension(head, at, EXTENSION_BACKING_FORMAT,
				   o->backing_format);
	at += 8; /* the end mark is zeros */
	if (o->backing_name) {
		u32 size = (u32)strlen(o->backing_name);

		put64(head + HEADER_BACKING_OFFSET, at);
		put32(head + HEADER_BACKING_SIZE, size);
		memcpy(head + at, o->backing_name, size);
	}
}

static void put_refcounts(u8 *block, u32 bits)
{
	for (u32 i = 0; i < 4; i++) {
		if (bits >= 8)
			block[(i + 1) * bits / 8 - 1] = 1;
		else
			block[i * bits / 8] |= (u8)(1 << i * bits % 8);
	}
}

static int write_least(struct block_file *file, const struct qcow2_options *o)
{
	u64 cluster = o->cluster_bytes;
	auto_free u8 *all = calloc(4, cluster);
	int err;

	if (!all)
		return trace_err(-ENOMEM);
	put_header(all, o);
	put64(all + cluster, 2 * cluster);
	put_refcounts(all + 2 * cluster,
		      o->refcount_bits ? o->refcount_bits : 16);
	/* Whole, or no image: the magic comes last. */
	err = block_file_write(file, cluster, all + cluster, 3 * cluster);
	if (!err)
		err = block_file_sync(file);
	return err ? err : block_file_write(file, 0, all, cluster);
}

int qcow2_create(struct block_file *file, const struct qcow2_options *options,
		 struct fault *fault)
{
	const struct disk_config config = {};
	struct disk *image;
	int err = qcow2_check_options(options, fault);

	if (err)
		return err;
	err = write_least(file, options);
	if (err)
		return fault_set(fault, FAULT_IO, err, "cannot write '%s'",
				 file->name);
	err = qcow2_open(file, &config, &image, fault);
	if (err)
		return err;
	err = options->size_bytes
		      ? disk_resize(image, options->size_bytes, fault)
		      : 0;
	if (!err) {
		err = disk_flush(image);
		if (err)
			fault_set(fault, FAULT_IO, err, "cannot write '%s'",
				  file->name);
	}
	file->size_bytes = image->file.size_bytes;
	image->class->free(image); /* the file stays open */
	return err;
}
