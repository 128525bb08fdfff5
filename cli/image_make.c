/* SPDX-License-Identifier: MIT */
/* keel image create and resize, and what -o may say. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/image.h"

/* ---- -o ---- */

static int bad_value(struct image_job *job, struct str key, struct str value)
{
	return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
			 "'%.*s' is no value for %.*s", STR_ARG(value),
			 STR_ARG(key));
}

/* The index of a word in a list that ends with NULL; -1 when it is not. */
static int word_index(struct str value, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (str_eq_c(value, words[i]))
			return i;
	return -1;
}

static int set_word(struct image_job *job, struct str key, struct str value,
		    const char *const words[], int *ret_index)
{
	int index = word_index(value, words);

	if (index < 0)
		return bad_value(job, key, value);
	*ret_index = index;
	return 0;
}

static int set_number(struct image_job *job, struct str key, struct str value,
		      u64 *ret)
{
	return str_parse_size(value, ret) ? bad_value(job, key, value) : 0;
}

static int set_text(struct image_job *job, struct str key, struct str value,
		    char *text, size_t size)
{
	return !value.size || str_copy(value, text, size)
		       ? bad_value(job, key, value)
		       : 0;
}

/* compat: "0.10", "1.1", or v2 and v3 as QEMU takes too. */
static int set_compat(struct image_job *job, struct str key, struct str value,
		      u32 *ret_version)
{
	static const char *const names[] = {"0.10", "v2", "1.1", "v3", NULL};
	int index;
	int err = set_word(job, key, value, names, &index);

	if (!err)
		*ret_version = index < 2 ? 2 : 3;
	return err;
}

static int set_one(struct image_job *job, struct str key, struct str value,
		   struct image_settings *s)
{
	static const char *const off_on[] = {"off", "on", NULL};
	static const char *const packing[] = {"zlib", "zstd", NULL};
	static const char *const places[] = {"off", "metadata", "falloc",
					     "full", NULL};
	u64 number = 0;
	int index = 0, err;

	if (str_eq_c(key, "size"))
		return set_number(job, key, value, &s->size_bytes);
	if (str_eq_c(key, "cluster_size"))
		return set_number(job, key, value, &s->qcow2.cluster_bytes);
	if (str_eq_c(key, "compat"))
		return set_compat(job, key, value, &s->qcow2.version);
	if (str_eq_c(key, "backing_file"))
		return set_text(job, key, value, s->backing_name,
				sizeof(s->backing_name));
	if (str_eq_c(key, "backing_fmt"))
		return set_text(job, key, value, s->backing_format,
				sizeof(s->backing_format));
	if (str_eq_c(key, "refcount_bits")) {
		err = set_number(job, key, value, &number);
		s->qcow2.refcount_bits = (u32)MIN(number, (u64)65);
	} else if (str_eq_c(key, "lazy_refcounts")) {
		err = set_word(job, key, value, off_on, &index);
		s->qcow2.lazy_refcounts = index;
	} else if (str_eq_c(key, "compression_type")) {
		err = set_word(job, key, value, packing, &index);
		s->qcow2.compression = (enum qcow2_compression)index;
	} else if (str_eq_c(key, "preallocation")) {
		err = set_word(job, key, value, places, &index);
		s->preallocation = index;
	} else {
		err = fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				"'%.*s' is no option of an image", STR_ARG(key));
	}
	return err;
}

static int set_backing(struct image_job *job, struct image_settings *s)
{
	const struct image_options *o = &job->options;

	if (o->backing_file && str_copy(str_of(o->backing_file), s->backing_name,
					sizeof(s->backing_name)))
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "the backing file's name is too long");
	if (o->backing_format &&
	    str_copy(str_of(o->backing_format), s->backing_format,
		     sizeof(s->backing_format)))
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not a format; those are raw and "
				 "qcow2",
				 o->backing_format);
	if (s->backing_name[0] && !s->backing_format[0])
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "the format of the backing file '%s' is not "
				 "given: say -F raw or -F qcow2",
				 s->backing_name);
	if (s->backing_name[0]) {
		s->qcow2.backing_name = s->backing_name;
		s->qcow2.backing_format = s->backing_format;
	}
	return 0;
}

int image_settings_parse(struct image_job *job, struct image_settings *s)
{
	struct str rest =
		str_of(job->options.settings ? job->options.settings : "");
	struct str part;
	int err = 0;

	*s = (struct image_settings){.qcow2.cluster_bytes = 64 * KiB};
	while (!err && str_split(&rest, ',', &part)) {
		size_t equals = str_find(part, '=');

		if (equals == part.size)
			return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
					 "'%.*s' in -o is no NAME=VALUE",
					 STR_ARG(part));
		err = set_one(job, str_sub(part, 0, equals),
			      str_sub(part, equals + 1, part.size), s);
	}
	return err ? err : set_backing(job, s);
}

/* ---- making ---- */

static int reserve(struct disk *image, const struct image_settings *s)
{
	bool qcow2 = disk_is_qcow2(image);
	struct block_file *file = &image->file;
	int err = 0;

	if (qcow2 && s->preallocation != PREALLOCATE_OFF)
		err = qcow2_preallocate(image);
	if (!err && s->preallocation == PREALLOCATE_FALLOC)
		err = block_file_reserve(file, 0, file->size_bytes);
	if (!err && s->preallocation == PREALLOCATE_FULL)
		err = qcow2 ? block_file_reserve(file, 0, file->size_bytes)
			    : block_file_zero(file, 0, file->size_bytes, false);
	return err;
}

/* Before a file of that name is emptied. */
static int check_format(const char *format, const struct image_settings *s,
			struct fault *fault)
{
	bool preallocate = s->preallocation != PREALLOCATE_OFF;

	if (!strcmp(format, "qcow2") && s->qcow2.backing_name && preallocate)
		return fault_set(fault, FAULT_UNSUPPORTED, -EOPNOTSUPP,
				 "with all places reserved nothing would be seen "
				 "of the backing file '%s'",
				 s->backing_name);
	if (!strcmp(format, "qcow2"))
		return qcow2_check_options(&s->qcow2, fault);
	if (strcmp(format, "raw") != 0)
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not a format; those are raw and "
				 "qcow2",
				 format);
	if (s->qcow2.backing_name || s->preallocation == PREALLOCATE_METADATA)
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "a raw image has no backing file and no "
				 "metadata");
	return 0;
}

/* The image's first bytes, in the empty file. */
static int format_file(struct block_file *file, const char *format,
		       const struct image_settings *s, struct fault *fault)
{
	struct qcow2_options options = s->qcow2;
	int err;

	options.size_bytes = s->size_bytes;
	if (!strcmp(format, "qcow2"))
		return qcow2_create(file, &options, fault);
	if (file->is_device) {
		if (s->size_bytes <= file->size_bytes)
			return 0;
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "'%s' has %llu bytes only", file->name,
				 (unsigned long long)file->size_bytes);
	}
	err = block_file_truncate(file, s->size_bytes);
	return err ? fault_set(fault, FAULT_IO, err,
			       "cannot make '%s' %llu "
			       "bytes long",
			       file->name, (unsigned long long)s->size_bytes)
		   : 0;
}

int image_make(const char *path, const char *format,
	       const struct image_settings *s, struct disk **ret_image,
	       struct fault *fault)
{
	const struct disk_config config = {
		.path = path,
		.format = format,
		.backing_ignored = true,
	};
	struct block_file file;
	int err = check_format(format, s, fault);

	if (!err)
		err = block_file_open(&file, path,
				      BLOCK_FILE_WRITE | BLOCK_FILE_CREATE,
				      fault);
	if (err)
		return err;
	err = format_file(&file, format, s, fault);
	block_file_close(&file);
	if (!err)
		err = disk_open(&config, ret_image, fault);
	if (err)
		return err;
	err = reserve(*ret_image, s);
	if (err) {
		(void)disk_close(*ret_image);
		return fault_set(fault, FAULT_IO, err,
				 "cannot reserve the space of '%s'", path);
	}
	return 0;
}

/* The size of the file that the user names as backing, if no other is given. */
static int size_of_backing(struct image_job *job, const char *path,
			   struct image_settings *s)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash && s->backing_name[0] != '/'
				? (size_t)(slash + 1 - path)
				: 0;
	char full[4096];
	struct disk_config config = {
		.path = full,
		.format = s->backing_format,
		.read_only = true,
		.backing_ignored = true,
	};
	struct disk *image;
	int err;

	(void)snprintf(full, sizeof(full), "%.*s%s", (int)folder, path,
		       s->backing_name);
	err = disk_open(&config, &image, &job->fault);
	if (err)
		return err;
	if (!s->size_bytes)
		s->size_bytes = image->size_bytes;
	(void)disk_close(image); /* read only: nothing to lose */
	return 0;
}

static int find_size(struct image_job *job, struct image_settings *s)
{
	const char *path = job->operands.item[0];
	int err = 0;

	if (job->operands.count > 1 &&
	    str_parse_size(str_of(job->operands.item[1]), &s->size_bytes))
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not a size, such as 20G",
				 job->operands.item[1]);
	if (s->backing_name[0])
		err = size_of_backing(job, path, s);
	if (!err && !s->size_bytes && job->operands.count < 2)
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "no size is given for '%s'", path);
	if (!err && s->size_bytes > BLOCK_OFFSET_MAX)
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'%s' would be too large", path);
	s->size_bytes = align_up(s->size_bytes, DISK_SECTOR_BYTES);
	return err;
}

static void say_made(const struct image_job *job, const char *format,
		     const struct image_settings *s)
{
	if (job->options.quiet)
		return;
	printf("Formatting '%s', fmt=%s size=%llu", job->operands.item[0],
	       format, (unsigned long long)s->size_bytes);
	if (!strcmp(format, "qcow2"))
		printf(" cluster_size=%llu compat=%s",
		       (unsigned long long)s->qcow2.cluster_bytes,
		       s->qcow2.version == 2 ? "0.10" : "1.1");
	if (s->backing_name[0])
		printf(" backing_file=%s backing_fmt=%s", s->backing_name,
		       s->backing_format);
	putchar('\n');
}

static int create(struct image_job *job, const char **ret_format,
		  struct image_settings *s)
{
	const char *path = job->operands.item[0];
	const char *format = job->options.format;
	struct disk *image;
	int err = image_settings_parse(job, s);

	if (!err && !format)
		err = disk_format_of_name(path, &format, &job->fault);
	if (!err)
		err = find_size(job, s);
	if (!err)
		err = image_make(path, format, s, &image, &job->fault);
	if (err)
		return err;
	*ret_format = format;
	err = disk_close(image);
	return err ? fault_set(&job->fault, FAULT_IO, err, "cannot write '%s'",
			       path)
		   : 0;
}

int image_create(struct image_job *job)
{
	struct image_settings settings;
	const char *format;

	if (create(job, &format, &settings))
		return STATUS_FAILED;
	say_made(job, format, &settings);
	return 0;
}

/* ---- resizing ---- */

/* "20G", "+1G", "-1G" beside the size that is. */
static int new_size(struct image_job *job, u64 old, u64 *ret_size)
{
	const char *text = job->operands.item[1];
	char sign = text[0] == '+' || text[0] == '-' ? text[0] : 0;
	u64 size;

	if (str_parse_size(str_of(text + !!sign), &size) ||
	    size > BLOCK_OFFSET_MAX / 2 || (sign == '-' && size > old))
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not a size, such as 20G, +1G or -1G",
				 text);
	if (sign == '+')
		size = old + size;
	if (sign == '-')
		size = old - size;
	size = align_up(size, DISK_SECTOR_BYTES);
	if (size < old && !job->options.shrink)
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'%s' would lose what is past %llu bytes; say "
				 "--shrink if that is wanted",
				 job->operands.item[0],
				 (unsigned long long)size);
	*ret_size = size;
	return 0;
}

int image_resize_to(struct image_job *job)
{
	const struct disk_config config = {
		.path = job->operands.item[0],
		.format = job->options.format,
		.backing_allowed = job->options.backing,
	};
	struct disk *image;
	int err = disk_open(&config, &image, &job->fault), closed;
	u64 size = 0;

	if (err)
		return STATUS_FAILED;
	err = new_size(job, image->size_bytes, &size);
	if (!err)
		err = disk_resize(image, size, &job->fault);
	closed = disk_close(image);
	if (!err && closed)
		err = fault_set(&job->fault, FAULT_IO, closed,
				"cannot write '%s'", config.path);
	if (err)
		return STATUS_FAILED;
	if (!job->options.quiet)
		puts("Image resized.");
	return 0;
}
