/* SPDX-License-Identifier: MIT */
/* keel image convert and compare: the content of disks. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "cli/image.h"

/* What is read at once; a multiple of every cluster size. */
#define CHUNK_BYTES (2 * MiB)
/* Zeros of this length are not written: what file systems keep in holes. */
#define HOLE_BYTES (4 * KiB)

/* ---- what is zero ---- */

static bool is_zero(const u8 *data, u64 size)
{
	return !size || (!data[0] && !memcmp(data, data + 1, size - 1));
}

/* The length of the range's beginning that is zero, or is not, in steps. */
static u64 zero_run(const u8 *data, u64 size, u64 step, bool *ret_zero)
{
	u64 at = MIN(step, size);

	*ret_zero = is_zero(data, at);
	while (at < size) {
		u64 n = MIN(step, size - at);

		if (is_zero(data + at, n) != *ret_zero)
			break;
		at += n;
	}
	return at;
}

/* How far the range reads as zeros by the images' tables alone; 0 = not. */
static int known_zero(struct disk *image, u64 offset, u64 size, u64 *ret_size)
{
	struct extent extent;
	u32 depth;
	int err = disk_map_chain(image, offset, size, &extent, &depth);

	if (!err)
		*ret_size = extent.kind == EXTENT_ZERO ||
					    extent.kind == EXTENT_ABSENT
				    ? extent.size_bytes
				    : 0;
	return err;
}

/* ---- convert ---- */

struct convert {
	struct image_job *job;
	struct disk *from, *to; /* owned */
	u8 *buffer;		/* owned */
	bool is_blank;	   /* the new image reads as zeros where not written */
	u64 cluster_bytes; /* of a compressed one; 0 = not compressed */
	u64 look_bytes;	   /* how far to look for zeros the next time */
};

static int write_chunk(struct convert *c, u64 offset, u64 size)
{
	u64 step = MAX(HOLE_BYTES, (u64)c->to->granule_bytes);
	int err = 0;

	for (u64 at = 0; !err && at < size;) {
		bool zero;
		u64 n = zero_run(c->buffer + at, size - at, step, &zero);

		if (!zero)
			err = disk_write(c->to, offset + at, c->buffer + at, n);
		else if (!c->is_blank)
			err = disk_zero(c->to, offset + at, n, true);
		at += n;
	}
	return err;
}

static int write_packed(struct convert *c, u64 offset, u64 size)
{
	int err = 0;

	for (u64 at = 0; !err && at < size; at += c->cluster_bytes) {
		u64 n = MIN(c->cluster_bytes, size - at);

		if (!is_zero(c->buffer + at, n))
			err = qcow2_write_compressed(c->to, offset + at,
						     c->buffer + at, n);
	}
	return err;
}

/* Zeros that the tables tell; whole chunks, so that clusters stay whole. */
static int skip_zeros(struct convert *c, u64 offset, u64 *ret_size)
{
	u64 left = c->from->size_bytes - offset;
	u64 look = MIN(left, MAX(c->look_bytes, CHUNK_BYTES)), n;
	int err = known_zero(c->from, offset, look, &n);

	if (err)
		return err;
	/* Twice as far where all was zeros, so that data behind a long row of
	 * them is not looked at again and again. */
	c->look_bytes = n == look ? 2 * look : CHUNK_BYTES;
	if (n < left)
		n = align_down(n, CHUNK_BYTES);
	if (n && !c->is_blank)
		err = disk_zero(c->to, offset, n, true);
	*ret_size = n;
	return err;
}

static int copy_chunk(struct convert *c, u64 offset, u64 *ret_size)
{
	u64 n = MIN(CHUNK_BYTES, c->from->size_bytes - offset);
	int err = disk_read(c->from, offset, c->buffer, n);

	*ret_size = n;
	if (err)
		return fault_set(&c->job->fault, FAULT_IO, err,
				 "cannot read '%s' at %llu", c->from->file.name,
				 (unsigned long long)offset);
	err = c->cluster_bytes ? write_packed(c, offset, n)
			       : write_chunk(c, offset, n);
	return err ? fault_set(&c->job->fault, FAULT_IO, err,
			       "cannot write '%s' at %llu", c->to->file.name,
			       (unsigned long long)offset)
		   : 0;
}

static int copy_all(struct convert *c)
{
	u64 total = c->from->size_bytes, n = 0;
	int err = 0;

	for (u64 at = 0; !err && at < total; at += n) {
		image_progress(c->job, at, total);
		err = skip_zeros(c, at, &n);
		if (err)
			return fault_set(&c->job->fault, FAULT_IO, err,
					 "cannot convert '%s' at %llu",
					 c->from->file.name,
					 (unsigned long long)at);
		if (!n)
			err = copy_chunk(c, at, &n);
	}
	if (!err)
		image_progress(c->job, total, total);
	return err;
}

static int find_packing(struct convert *c)
{
	struct qcow2_info info;

	if (!c->job->options.compress)
		return 0;
	if (!disk_is_qcow2(c->to))
		return fault_set(&c->job->fault, FAULT_INVALID, -EINVAL,
				 "only qcow2 images have compressed clusters");
	qcow2_info(c->to, &info);
	c->cluster_bytes = info.cluster_bytes;
	return 0;
}

/* Nothing is made before the source is known to be readable. */
static int open_both(struct convert *c, struct image_settings *s)
{
	struct image_job *job = c->job;
	const char *path = job->operands.item[1];
	const char *format = job->options.output_format;
	int err = image_settings_parse(job, s);

	if (!err && !format)
		err = disk_format_of_name(path, &format, &job->fault);
	if (!err && job->options.compress && strcmp(format, "qcow2") != 0)
		err = fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				"only qcow2 images have compressed clusters");
	if (!err && s->backing_name[0])
		err = fault_set(&job->fault, FAULT_UNSUPPORTED, -EOPNOTSUPP,
				"a copy stands alone: it has no backing file");
	if (!err)
		err = image_job_open(job, 0, &c->from);
	if (err)
		return err;
	s->size_bytes = c->from->size_bytes;
	err = image_make(path, format, s, &c->to, &job->fault);
	return err ? err : find_packing(c);
}

int image_convert(struct image_job *job)
{
	struct convert c = {.job = job};
	struct image_settings settings;
	int err = open_both(&c, &settings), closed;

	if (!err) {
		c.is_blank = !c.to->file.is_device;
		c.buffer = malloc(CHUNK_BYTES);
		err = c.buffer ? copy_all(&c)
			       : fault_set(&job->fault, FAULT_NO_MEMORY,
					   -ENOMEM, "cannot convert");
	}
	closed = disk_close(c.to);
	if (!err && closed)
		err = fault_set(&job->fault, FAULT_IO, closed,
				"cannot write '%s'", job->operands.item[1]);
	(void)disk_close(c.from); /* read only: nothing to lose */
	free(c.buffer);
	return err ? STATUS_FAILED : 0;
}

/* ---- compare ---- */

struct compare {
	struct image_job *job;
	struct disk *a, *b; /* owned */
	u8 *buffer;	    /* owned: two chunks */
};

static int read_for_compare(struct compare *c, struct disk *image, u64 offset,
			    u8 *data, u64 size)
{
	u64 n = offset < image->size_bytes
			? MIN(size, image->size_bytes - offset)
			: 0;
	int err = n ? disk_read(image, offset, data, n) : 0;

	memset(data + n, 0, size - n);
	return err ? fault_set(&c->job->fault, FAULT_IO, err,
			       "cannot read '%s' at %llu", image->file.name,
			       (unsigned long long)offset)
		   : 0;
}

/* Zeros in both by the tables; past an image's end all is zero. */
static u64 both_zero(struct disk *image, u64 offset, u64 size)
{
	u64 n = 0;

	if (offset >= image->size_bytes)
		return size;
	if (known_zero(image, offset, MIN(size, image->size_bytes - offset), &n))
		return 0; /* reading will say what is wrong */
	return n;
}

static u64 first_difference(const u8 *x, const u8 *y)
{
	u64 i = 0;

	while (x[i] == y[i])
		i++;
	return i;
}

/* *ret_at: the first byte that differs, or `total`. */
static int find_difference(struct compare *c, u64 total, u64 *ret_at)
{
	u8 *x = c->buffer, *y = c->buffer + CHUNK_BYTES;
	u64 n;

	for (u64 at = 0; at < total; at += n) {
		int err;

		image_progress(c->job, at, total);
		n = both_zero(c->a, at, total - at);
		n = n ? both_zero(c->b, at, n) : 0;
		if (n)
			continue;
		n = MIN(CHUNK_BYTES, total - at);
		err = read_for_compare(c, c->a, at, x, n);
		if (!err)
			err = read_for_compare(c, c->b, at, y, n);
		if (err)
			return err;
		if (memcmp(x, y, n) != 0) {
			*ret_at = at + first_difference(x, y);
			return 0;
		}
	}
	*ret_at = total;
	return 0;
}

static int compare_both(struct compare *c, bool *ret_alike)
{
	const struct image_options *o = &c->job->options;
	bool same_size = c->a->size_bytes == c->b->size_bytes;
	u64 total = MAX(c->a->size_bytes, c->b->size_bytes), at;
	int err;

	*ret_alike = false;
	if (!same_size && o->strict) {
		if (!o->quiet)
			puts("Strict mode: Image size mismatch!");
		return 0;
	}
	err = find_difference(c, total, &at);
	if (err)
		return err;
	if (!same_size && !o->quiet)
		puts("Warning: Image size mismatch!");
	*ret_alike = at == total;
	if (o->quiet)
		return 0;
	if (at == total)
		puts("Images are identical.");
	else
		printf("Content mismatch at offset %llu!\n",
		       (unsigned long long)at);
	return 0;
}

int image_compare(struct image_job *job)
{
	struct compare c = {.job = job, .buffer = malloc(2 * CHUNK_BYTES)};
	bool alike = false;
	int err = c.buffer ? 0
			   : fault_set(&job->fault, FAULT_NO_MEMORY, -ENOMEM,
				       "cannot compare");

	if (!err)
		err = image_job_open(job, 0, &c.a);
	if (!err)
		err = image_job_open(job, 1, &c.b);
	if (!err)
		err = compare_both(&c, &alike);
	/* Read only: nothing to lose. */
	(void)disk_close(c.a);
	(void)disk_close(c.b);
	free(c.buffer);
	return err ? 2 : !alike;
}
