/* SPDX-License-Identifier: MIT */
/* keel image info, map and check: what an image is, has, and lacks. */
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cli/image.h"
#include "cli/json_out.h"

#define NS_PER_MS_U64 ((u64)1000000)

/* ---- info ---- */

static const char *compat_of(const struct qcow2_info *info)
{
	return info->version == 2 ? "0.10" : "1.1";
}

static const char *packing_of(const struct qcow2_info *info)
{
	return info->compression == QCOW2_ZSTD ? "zstd" : "zlib";
}

/* An image's own word, with nothing in it that a terminal obeys. */
static const char *shown(const char *word,
			 char text[static QCOW2_NAME_BYTES_MAX + 1])
{
	size_t size = strlen(word);

	if (size > QCOW2_NAME_BYTES_MAX)
		size = QCOW2_NAME_BYTES_MAX;
	memcpy(text, word, size);
	text[size] = '\0';
	str_make_printable(text, size);
	return text;
}

struct listing {
	struct json_out *json; /* NULL: for people */
	u32 count;
};

static void list_snapshot(const struct qcow2_snapshot *s, void *ctx)
{
	struct listing *listing = ctx;
	u64 ms = s->vm_clock_ns / NS_PER_MS_U64;
	time_t when = (time_t)s->date_s;
	char size[32], date[32] = "";
	char id[QCOW2_NAME_BYTES_MAX + 1], name[QCOW2_NAME_BYTES_MAX + 1];
	struct tm tm;

	if (listing->json) {
		json_begin(listing->json, NULL, '{');
		json_text(listing->json, "id", s->id);
		json_text(listing->json, "name", s->name);
		json_u64(listing->json, "vm-state-size", s->vm_state_bytes);
		json_u64(listing->json, "date-sec", s->date_s);
		json_u64(listing->json, "date-nsec", s->date_ns);
		json_u64(listing->json, "vm-clock-sec", ms / 1000);
		json_u64(listing->json, "vm-clock-nsec",
			 s->vm_clock_ns % (1000 * NS_PER_MS_U64));
		json_end(listing->json, '}');
		return;
	}
	if (!listing->count++)
		printf("Snapshot list:\n%-10s%-16s%9s%20s%15s\n", "ID", "TAG",
		       "VM SIZE", "DATE", "VM CLOCK");
	image_size_text(s->vm_state_bytes, size);
	if (localtime_r(&when, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%-10s%-16s%9s%20s   %02llu:%02llu:%02llu.%03llu\n",
	       shown(s->id, id), shown(s->name, name), size, date,
	       (unsigned long long)(ms / 3600000),
	       (unsigned long long)(ms / 60000 % 60),
	       (unsigned long long)(ms / 1000 % 60),
	       (unsigned long long)(ms % 1000));
}

static void list_bitmap(const struct qcow2_bitmap *b, void *ctx)
{
	struct listing *listing = ctx;
	char name[QCOW2_NAME_BYTES_MAX + 1];

	if (!listing->json) {
		if (!listing->count++)
			puts("    bitmaps:");
		printf("        %s: granularity %llu%s%s\n",
		       shown(b->name, name),
		       (unsigned long long)b->granularity_bytes,
		       b->automatic ? ", auto" : "",
		       b->in_use ? ", in-use" : "");
		return;
	}
	json_begin(listing->json, NULL, '{');
	json_begin(listing->json, "flags", '[');
	if (b->in_use)
		json_text(listing->json, NULL, "in-use");
	if (b->automatic)
		json_text(listing->json, NULL, "auto");
	json_end(listing->json, ']');
	json_text(listing->json, "name", b->name);
	json_u64(listing->json, "granularity", b->granularity_bytes);
	json_end(listing->json, '}');
}

static int info_human_qcow2(struct disk *image)
{
	struct listing listing = {};
	struct qcow2_info info;
	char text[QCOW2_NAME_BYTES_MAX + 1];
	int err;

	qcow2_info(image, &info);
	printf("cluster_size: %llu\n", (unsigned long long)info.cluster_bytes);
	if (info.dirty)
		puts("cleanly shut down: no");
	if (info.backing_name)
		printf("backing file: %s\n", shown(info.backing_name, text));
	if (info.backing_format)
		printf("backing file format: %s\n",
		       shown(info.backing_format, text));
	err = qcow2_each_snapshot(image, list_snapshot, &listing);
	printf("Format specific information:\n"
	       "    compat: %s\n"
	       "    compression type: %s\n"
	       "    lazy refcounts: %s\n"
	       "    refcount bits: %u\n",
	       compat_of(&info), packing_of(&info),
	       info.lazy_refcounts ? "true" : "false", info.refcount_bits);
	listing.count = 0;
	if (!err)
		err = qcow2_each_bitmap(image, list_bitmap, &listing);
	printf("    corrupt: %s\n", info.corrupt ? "true" : "false");
	return err;
}

static int info_human(struct disk *image, u64 used_bytes)
{
	char size[32];

	printf("image: %s\nfile format: %s\n", image->file.name,
	       image->class->name);
	image_size_text(image->size_bytes, size);
	printf("virtual size: %s (%llu bytes)\n", size,
	       (unsigned long long)image->size_bytes);
	image_size_text(used_bytes, size);
	printf("disk size: %s\n", size);
	return disk_is_qcow2(image) ? info_human_qcow2(image) : 0;
}

static int json_lists(struct json_out *json, struct disk *image,
		      const struct qcow2_info *info)
{
	struct listing listing = {.json = json};
	int err = 0;

	if (info->snapshot_count) {
		json_begin(json, "snapshots", '[');
		err = qcow2_each_snapshot(image, list_snapshot, &listing);
		json_end(json, ']');
	}
	return err;
}

static int json_specific(struct json_out *json, struct disk *image,
			 const struct qcow2_info *info)
{
	struct listing listing = {.json = json};
	int err = 0;

	json_begin(json, "format-specific", '{');
	json_text(json, "type", "qcow2");
	json_begin(json, "data", '{');
	json_text(json, "compat", compat_of(info));
	json_text(json, "compression-type", packing_of(info));
	json_bool(json, "lazy-refcounts", info->lazy_refcounts);
	json_u64(json, "refcount-bits", info->refcount_bits);
	json_bool(json, "corrupt", info->corrupt);
	if (info->bitmap_count) {
		json_begin(json, "bitmaps", '[');
		err = qcow2_each_bitmap(image, list_bitmap, &listing);
		json_end(json, ']');
	}
	json_end(json, '}');
	json_end(json, '}');
	return err;
}

static int json_qcow2(struct json_out *json, struct disk *image)
{
	struct qcow2_info info;
	int err;

	qcow2_info(image, &info);
	json_u64(json, "cluster-size", info.cluster_bytes);
	if (info.backing_name)
		json_text(json, "backing-filename", info.backing_name);
	if (info.backing_format)
		json_text(json, "backing-filename-format", info.backing_format);
	err = json_lists(json, image, &info);
	if (!err)
		err = json_specific(json, image, &info);
	json_bool(json, "dirty-flag", info.dirty);
	return err;
}

static int info_json(struct disk *image, u64 used_bytes)
{
	struct json_out json = {.out = stdout};
	int err = 0;

	json_begin(&json, NULL, '{');
	json_u64(&json, "virtual-size", image->size_bytes);
	json_text(&json, "filename", image->file.name);
	json_text(&json, "format", image->class->name);
	json_u64(&json, "actual-size", used_bytes);
	if (disk_is_qcow2(image))
		err = json_qcow2(&json, image);
	json_end(&json, '}');
	return err;
}

static int open_alone(struct image_job *job, bool write, struct disk **ret)
{
	const struct disk_config config = {
		.path = job->operands.item[0],
		.format = job->options.format,
		.read_only = !write,
		.backing_ignored = true,
		.for_repair = write,
		.probe = !write,
		.file_flags = job->options.share ? BLOCK_FILE_SHARE : 0,
	};

	return disk_open(&config, ret, &job->fault);
}

int image_info(struct image_job *job)
{
	struct disk *image;
	u64 used_bytes = 0;
	int err = open_alone(job, false, &image);

	if (err)
		return STATUS_FAILED;
	err = block_file_used(&image->file, &used_bytes);
	if (!err)
		err = job->options.output ? info_json(image, used_bytes)
					  : info_human(image, used_bytes);
	if (err)
		fault_set(&job->fault, FAULT_IO, err, "cannot read all of '%s'",
			  job->operands.item[0]);
	(void)disk_close(image); /* read only: nothing to lose */
	return 0;
}

/* ---- map ---- */

struct run {
	u64 start;
	struct extent extent;
	u32 depth;
};

static bool joins(const struct run *a, const struct run *b)
{
	return a->extent.size_bytes && a->depth == b->depth &&
	       a->extent.kind == b->extent.kind &&
	       a->extent.has_offset == b->extent.has_offset &&
	       (!a->extent.has_offset ||
		a->extent.host_offset + a->extent.size_bytes ==
			b->extent.host_offset);
}

static void print_run(struct json_out *json, const struct run *run)
{
	const struct extent *e = &run->extent;
	bool data = e->kind == EXTENT_DATA || e->kind == EXTENT_COMPRESSED;

	if (!e->size_bytes)
		return;
	if (json) {
		json_begin(json, NULL, '{');
		json_u64(json, "start", run->start);
		json_u64(json, "length", e->size_bytes);
		json_u64(json, "depth", run->depth);
		json_bool(json, "present", e->kind != EXTENT_ABSENT);
		json_bool(json, "zero", !data);
		json_bool(json, "data", data);
		json_bool(json, "compressed", e->kind == EXTENT_COMPRESSED);
		if (e->has_offset)
			json_u64(json, "offset", e->host_offset);
		json_end(json, '}');
	} else if (data) {
		char place[32] = "compressed";

		if (e->has_offset)
			(void)snprintf(place, sizeof(place), "%#llx",
				       (unsigned long long)e->host_offset);
		printf("%#-16llx%#-16llx%-16s%s\n",
		       (unsigned long long)run->start,
		       (unsigned long long)e->size_bytes, place, e->file->name);
	}
}

static int map_all(struct disk *image, struct json_out *json)
{
	struct run last = {}, now;
	int err = 0;

	for (u64 at = 0; at < image->size_bytes; at += now.extent.size_bytes) {
		now.start = at;
		err = disk_map_chain(image, at, image->size_bytes - at,
				     &now.extent, &now.depth);
		if (err)
			break;
		if (joins(&last, &now)) {
			last.extent.size_bytes += now.extent.size_bytes;
			continue;
		}
		print_run(json, &last);
		last = now;
	}
	print_run(json, &last);
	return err;
}

int image_map_out(struct image_job *job)
{
	struct json_out json = {.out = stdout};
	struct disk *image;
	int err = image_job_open(job, 0, &image);

	if (err)
		return STATUS_FAILED;
	if (job->options.output)
		json_begin(&json, NULL, '[');
	else
		printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to",
		       "File");
	err = map_all(image, job->options.output ? &json : NULL);
	if (job->options.output)
		json_end(&json, ']');
	if (err)
		fault_set(&job->fault, FAULT_IO, err, "cannot read '%s'",
			  job->operands.item[0]);
	(void)disk_close(image); /* read only: nothing to lose */
	return 0;
}

/* ---- check ---- */

#define EXIT_DAMAGED 2
#define EXIT_LEAKS   3
#define EXIT_NOTHING 63
#define LINES_MAX    1000

static void check_json(const struct image_job *job, const char *format,
		       const struct disk_check *c)
{
	struct json_out json = {.out = stdout};

	json_begin(&json, NULL, '{');
	json_text(&json, "filename", job->operands.item[0]);
	json_text(&json, "format", format);
	json_u64(&json, "check-errors", 0);
	json_u64(&json, "image-end-offset", c->end_offset);
	json_u64(&json, "total-clusters", c->clusters);
	if (c->allocated)
		json_u64(&json, "allocated-clusters", c->allocated);
	if (c->compressed)
		json_u64(&json, "compressed-clusters", c->compressed);
	if (c->fragmented)
		json_u64(&json, "fragmented-clusters", c->fragmented);
	if (c->corruptions)
		json_u64(&json, "corruptions", c->corruptions);
	if (c->leaks)
		json_u64(&json, "leaks", c->leaks);
	if (c->corruptions_fixed)
		json_u64(&json, "corruptions-fixed", c->corruptions_fixed);
	if (c->leaks_fixed)
		json_u64(&json, "leaks-fixed", c->leaks_fixed);
	json_end(&json, '}');
}

static double percent(u64 part, u64 whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void check_human(const struct disk_check *c)
{
	if (c->leaks_fixed || c->corruptions_fixed)
		printf("Mended: %llu leaked clusters, %llu errors.\n",
		       (unsigned long long)c->leaks_fixed,
		       (unsigned long long)c->corruptions_fixed);
	if (c->corruptions)
		printf("\n%llu errors were found on the image.\n"
		       "Data may be lost, and writing to it may lose more.\n",
		       (unsigned long long)c->corruptions);
	if (c->leaks)
		printf("\n%llu leaked clusters were found on the image.\n"
		       "They waste space and harm no data.\n",
		       (unsigned long long)c->leaks);
	if (!c->corruptions && !c->leaks)
		puts("No errors were found on the image.");
	if (c->clusters)
		printf("%llu/%llu = %.2f%% allocated, %.2f%% fragmented, "
		       "%.2f%% compressed clusters\n",
		       (unsigned long long)c->allocated,
		       (unsigned long long)c->clusters,
		       percent(c->allocated, c->clusters),
		       percent(c->fragmented, c->allocated),
		       percent(c->compressed, c->allocated));
	printf("Image end offset: %llu\n", (unsigned long long)c->end_offset);
}

static int check_status(const struct disk_check *c)
{
	if (c->corruptions)
		return EXIT_DAMAGED;
	return c->leaks ? EXIT_LEAKS : 0;
}

int image_check_out(struct image_job *job)
{
	const struct image_options *o = &job->options;
	struct disk_check check = {
		.report = o->quiet || o->output ? NULL : stdout,
		.report_left = LINES_MAX,
	};
	struct disk *image;
	const char *format;
	int err = open_alone(job, o->repair != DISK_REPAIR_NONE, &image);

	if (err)
		return STATUS_FAILED;
	format = image->class->name;
	err = disk_check(image, (enum disk_repair)o->repair, &check);
	(void)disk_close(image); /* check itself has synced */
	if (err == -EOPNOTSUPP) {
		fprintf(stderr,
			"keel: '%s' is %s, which has nothing to "
			"check\n",
			job->operands.item[0], format);
		return EXIT_NOTHING;
	}
	if (err) {
		fault_set(&job->fault, FAULT_IO, err,
			  "cannot check all of '%s'", job->operands.item[0]);
		return STATUS_FAILED;
	}
	image_progress(job, 1, 1);
	if (o->output)
		check_json(job, format, &check);
	else if (!o->quiet)
		check_human(&check);
	return check_status(&check);
}
