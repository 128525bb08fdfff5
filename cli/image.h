/* SPDX-License-Identifier: MIT */
/*
 * keel image: makes, describes, checks and converts disk images, with the
 * words, options and output of qemu-img where the meaning is the same.
 *
 * Exit status: 0, 1 when it failed, 2 for a mistake on the command line or in
 * what it names. `check`: 0 nothing found, 1 could not be completed, 2 the
 * image is damaged, 3 it only has leaked clusters, 63 its format has nothing to
 * check. `compare`: 0 alike, 1 different, 2 could not be done.
 */
#ifndef CLI_IMAGE_H
#define CLI_IMAGE_H

#include <stdio.h>

#include "base/opt.h"
#include "cli/status.h"
#include "vmm/block/disk.h"
#include "vmm/block/qcow2/qcow2.h"

extern const struct opt_command image_command;

int image_main(int argc, char *argv[]);

/* ---- what the subcommands share ---- */

struct image_options {
	const char *format, *output_format;
	const char *settings; /* -o */
	const char *backing_file, *backing_format;
	int backing; /* 0 off, 1 on */
	int repair;  /* enum disk_repair */
	int output;  /* 0 human, 1 json */
	bool compress, progress, quiet, share, shrink, strict;
	bool help;
};

struct image_job {
	struct image_options options;
	const char *word; /* the subcommand's */
	struct opt_strings operands;
	struct fault fault;
};

/* What -o says, and create's other options. */
struct image_settings {
	struct qcow2_options qcow2;
	u64 size_bytes; /* 0 = not given */
	enum {
		PREALLOCATE_OFF,
		PREALLOCATE_METADATA,
		PREALLOCATE_FALLOC,
		PREALLOCATE_FULL
	} preallocation;
	char backing_name[1024], backing_format[16];
};

must_check int image_settings_parse(struct image_job *job,
				    struct image_settings *settings);

/*
 * Makes the image `path` and opens it for writing. -errno, and the fault says
 * why; a file that was made and not finished is left.
 */
must_check int image_make(const char *path, const char *format,
			  const struct image_settings *settings,
			  struct disk **ret_image, struct fault *fault);

/* Opens operand `index` for reading, with what it takes from others. */
must_check int image_job_open(struct image_job *job, u32 index,
			      struct disk **ret_image);

/* "1.5 MiB" into text of at least 32 bytes. */
void image_size_text(u64 bytes, char *text);

/* A line that is overwritten; nothing without -p. */
void image_progress(const struct image_job *job, u64 done, u64 total);

/* Each returns an exit status; with a fault set, the caller prints it. */
int image_create(struct image_job *job);
int image_resize_to(struct image_job *job);
int image_info(struct image_job *job);
int image_map_out(struct image_job *job);
int image_check_out(struct image_job *job);
int image_convert(struct image_job *job);
int image_compare(struct image_job *job);

#endif
