/* SPDX-License-Identifier: MIT */
/* The options of `keel image` and its subcommands: see image.h. */
#include "cli/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *const switch_names[] = {"off", "on", NULL};
static const char *const repair_names[] = {"none", "leaks", "all", NULL};
static const char *const output_names[] = {"human", "json", NULL};

#define OPTION(member) .offset = offsetof(struct image_options, member)
static const struct opt image_opts[] = {
	{.name = "format",
	 .short_name = 'f',
	 .arg = "FORMAT",
	 .kind = OPT_STRING,
	 OPTION(format),
	 .help = "the image's format, raw or qcow2 (default: by its name)"},
	{.name = "output-format",
	 .short_name = 'O',
	 .arg = "FORMAT",
	 .kind = OPT_STRING,
	 OPTION(output_format),
	 .help = "convert: the new image's format (default: by its name)"},
	{.name = "options",
	 .short_name = 'o',
	 .arg = "LIST",
	 .kind = OPT_STRING,
	 OPTION(settings),
	 .help = "create, convert: cluster_size=, compat=, refcount_bits=, "
		 "compression_type=, lazy_refcounts=, preallocation=, "
		 "backing_file=, backing_fmt=, size=, separated by commas"},
	{.name = "backing-file",
	 .short_name = 'b',
	 .arg = "FILE",
	 .kind = OPT_STRING,
	 OPTION(backing_file),
	 .help = "create: what is not in the image is taken from there"},
	{.name = "backing-format",
	 .short_name = 'F',
	 .arg = "FORMAT",
	 .kind = OPT_STRING,
	 OPTION(backing_format),
	 .help = "create: that file's format"},
	{.name = "backing",
	 .arg = "off|on",
	 .kind = OPT_ENUM,
	 .values = switch_names,
	 OPTION(backing),
	 .help = "whether files that an image names may be opened (default "
		 "off)"},
	{.name = "compress",
	 .short_name = 'c',
	 .kind = OPT_FLAG,
	 OPTION(compress),
	 .help = "convert: compressed clusters"},
	{.name = "repair",
	 .short_name = 'r',
	 .arg = "WHAT",
	 .kind = OPT_ENUM,
	 .values = repair_names,
	 OPTION(repair),
	 .help = "check: mend what is found"},
	{.name = "shrink",
	 .kind = OPT_FLAG,
	 OPTION(shrink),
	 .help = "resize: what is cut off may be lost"},
	{.name = "strict",
	 .short_name = 's',
	 .kind = OPT_FLAG,
	 OPTION(strict),
	 .help = "compare: sizes must be alike too"},
	{.name = "output",
	 .arg = "HOW",
	 .kind = OPT_ENUM,
	 .values = output_names,
	 OPTION(output),
	 .help = "info, map, check: for people or as JSON"},
	{.name = "progress",
	 .short_name = 'p',
	 .kind = OPT_FLAG,
	 OPTION(progress),
	 .help = "show how far it is"},
	{.name = "quiet",
	 .short_name = 'q',
	 .kind = OPT_FLAG,
	 OPTION(quiet),
	 .help = "print errors only"},
	{.name = "force-share",
	 .short_name = 'U',
	 .kind = OPT_FLAG,
	 OPTION(share),
	 .help = "read an image that is in use, and may be changing"},
	{.name = "help",
	 .short_name = 'h',
	 .kind = OPT_FLAG,
	 OPTION(help),
	 .help = "this text"},
};
#undef OPTION

const struct opt_command image_command = {
	.program = "keel",
	.name = "image",
	.summary = "make, check and convert disk images",
	.text = "  create [-f FORMAT] [-o LIST] [-b FILE -F FORMAT] FILE [SIZE]\n"
		"  info FILE\n"
		"  check [-r leaks|all] FILE\n"
		"  convert [-f FORMAT] [-O FORMAT] [-c] [-o LIST] FILE NEW\n"
		"  resize [--shrink] FILE [+|-]SIZE\n"
		"  map FILE\n"
		"  compare [-s] FILE FILE\n"
		"\n"
		"Formats are raw and qcow2. A format that is not given is told "
		"by the name's end: .qcow2, or .raw, .img, .iso. Sizes take K, "
		"M, G and T, which count in 1024. check exits with 0 when "
		"nothing is wrong, 2 when the image is damaged, 3 when it only "
		"has leaked clusters; compare with 0 or 1.",
	.operands = "COMMAND FILE...",
	.opts = image_opts,
	.opt_count = ARRAY_SIZE(image_opts),
};

struct subcommand {
	const char *word;
	u32 min, max;	   /* files and sizes */
	const char *takes; /* beside -h and -q: the letters of its options */
	int (*run)(struct image_job *job);
};

/* In `takes`, 'B' is --backing, 'K' --shrink, 'J' --output. */
static const struct subcommand subcommands[] = {
	{"create", 1, 2, "fobF", image_create},
	{"info", 1, 1, "fUJ", image_info},
	{"check", 1, 1, "frUJp", image_check_out},
	{"convert", 2, 2, "fOocBUp", image_convert},
	{"resize", 2, 2, "fKB", image_resize_to},
	{"map", 1, 1, "fUJB", image_map_out},
	{"compare", 2, 2, "fsBUp", image_compare},
};

static const struct subcommand *find_subcommand(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(subcommands[i].word, word))
			return &subcommands[i];
	return NULL;
}

/* The first option given that the subcommand does not take. */
static const char *foreign_option(const struct subcommand *s,
				  const struct image_options *o)
{
	const struct {
		bool given;
		char letter;
		const char *name;
	} all[] = {
		{o->format, 'f', "--format"},
		{o->output_format, 'O', "--output-format"},
		{o->settings, 'o', "--options"},
		{o->backing_file, 'b', "--backing-file"},
		{o->backing_format, 'F', "--backing-format"},
		{o->backing, 'B', "--backing"},
		{o->compress, 'c', "--compress"},
		{o->repair, 'r', "--repair"},
		{o->shrink, 'K', "--shrink"},
		{o->strict, 's', "--strict"},
		{o->output, 'J', "--output"},
		{o->progress, 'p', "--progress"},
		{o->share, 'U', "--force-share"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].given && !strchr(s->takes, all[i].letter))
			return all[i].name;
	return NULL;
}

static int judge(const struct subcommand *s, struct image_job *job)
{
	const char *foreign = foreign_option(s, &job->options);
	u32 count = job->operands.count;

	if (foreign)
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'keel image %s' takes no %s", s->word,
				 foreign);
	if (count < s->min || count > s->max)
		return fault_set(&job->fault, FAULT_INVALID, -EINVAL,
				 "'keel image %s' takes %u%s%.0u operands, and "
				 "%u are given; see 'keel help image'",
				 s->word, s->min,
				 s->max > s->min ? " or 2" : "", s->max, count);
	return 0;
}

static int run_subcommand(const struct subcommand *s, struct image_job *job)
{
	int status = judge(s, job) ? STATUS_USAGE : s->run(job);

	if (!fault_is_set(&job->fault))
		return fflush(stdout) || ferror(stdout) ? STATUS_FAILED : status;
	/* A sentence of ours says all; "Invalid argument" adds nothing. */
	if (job->fault.class == FAULT_INVALID)
		job->fault.err = 0;
	fault_print(&job->fault, "keel");
	if (s->run == image_check_out)
		return STATUS_FAILED;
	if (s->run == image_compare)
		return 2;
	return status_of_fault(&job->fault);
}

int image_main(int argc, char *argv[])
{
	const struct subcommand *s = argc > 1 ? find_subcommand(argv[1]) : NULL;
	struct image_job job = {.word = s ? s->word : ""};
	bool help = argc > 1 &&
		    (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"));

	if (help) {
		opt_print_help(&image_command, stdout);
		return 0;
	}
	if (!s) {
		fprintf(stderr, "keel: image needs one of:");
		for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
			fprintf(stderr, " %s", subcommands[i].word);
		fputc('\n', stderr);
		return STATUS_USAGE;
	}
	if (opt_parse(&image_command, argc - 1, argv + 1, &job.options,
		      &job.operands, &job.fault)) {
		job.fault.err = 0;
		fault_print(&job.fault, "keel");
		return s->run == image_check_out ? STATUS_FAILED : STATUS_USAGE;
	}
	if (job.options.help) {
		opt_print_help(&image_command, stdout);
		return 0;
	}
	return run_subcommand(s, &job);
}

/* ---- shared ---- */

int image_job_open(struct image_job *job, u32 index, struct disk **ret_image)
{
	const struct disk_config config = {
		.path = job->operands.item[index],
		.format = job->options.format,
		.read_only = true,
		.backing_allowed = job->options.backing,
		.probe = true,
		.file_flags = job->options.share ? BLOCK_FILE_SHARE : 0,
	};

	return disk_open(&config, ret_image, &job->fault);
}

void image_size_text(u64 bytes, char *text)
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	u32 unit = 0;

	while (value >= 1000 && unit < ARRAY_SIZE(units) - 1) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(text, 32, "%0.3g %s", value, units[unit]);
}

void image_progress(const struct image_job *job, u64 done, u64 total)
{
	if (!job->options.progress || job->options.quiet)
		return;
	printf("    (%3.2f/100%%)\r",
	       total ? 100.0 * (double)done / (double)total : 100.0);
	if (done >= total)
		putchar('\n');
	fflush(stdout);
}
