/* SPDX-License-Identifier: MIT */
#include "base/opt.h"

#include "base/fd.h"
#include "base/test.h"

struct options {
	u64 memory;
	u64 cpus;
	int engine;
	bool quiet, verbose;
	const char *kernel;
	struct opt_strings disks;
};

static const char *const engines[] = {"auto", "kvm", "soft", NULL};

static const struct opt opts[] = {
	{.name = "memory",
	 .short_name = 'm',
	 .arg = "SIZE",
	 .kind = OPT_SIZE,
	 .help = "guest memory",
	 .min = MiB,
	 .max = TiB,
	 .offset = offsetof(struct options, memory)},
	{.name = "cpus",
	 .arg = "COUNT",
	 .kind = OPT_U64,
	 .help = "virtual processors",
	 .min = 1,
	 .max = 64,
	 .offset = offsetof(struct options, cpus)},
	{.name = "engine",
	 .arg = "NAME",
	 .kind = OPT_ENUM,
	 .help = "way to run the guest",
	 .values = engines,
	 .offset = offsetof(struct options, engine)},
	{.name = "quiet",
	 .short_name = 'q',
	 .kind = OPT_FLAG,
	 .help = "say less",
	 .offset = offsetof(struct options, quiet)},
	{.name = "verbose",
	 .short_name = 'v',
	 .kind = OPT_FLAG,
	 .help = "say more",
	 .offset = offsetof(struct options, verbose)},
	{.name = "kernel-image",
	 .short_name = 'k',
	 .arg = "FILE",
	 .kind = OPT_STRING,
	 .help = "kernel to boot",
	 .offset = offsetof(struct options, kernel)},
	{.name = "disk",
	 .arg = "FILE",
	 .kind = OPT_REPEAT,
	 .help = "a disk image; may be repeated",
	 .offset = offsetof(struct options, disks)},
};

static const struct opt_command command = {
	.program = "keel",
	.name = "run",
	.summary = "run a machine",
	.operands = "[FILE]",
	.opts = opts,
	.opt_count = ARRAY_SIZE(opts),
};

static struct options parsed;
static struct opt_strings operands;
static struct fault fault;

#define parse(...) parse_words((const char *[]){"run", __VA_ARGS__, NULL})

static int parse_words(const char *const *words)
{
	/* What `parsed` points into until the next parse. */
	static char text[160][32];
	char *argv[160];
	int argc = 0;

	for (; words[argc]; argc++) {
		snprintf(text[argc], sizeof(text[argc]), "%s", words[argc]);
		argv[argc] = text[argc];
	}
	argv[argc] = NULL;
	memset(&parsed, 0, sizeof(parsed));
	fault_clear(&fault);
	return opt_parse(&command, argc, argv, &parsed, &operands, &fault);
}

static const char *complaint(void)
{
	return fault.text[0];
}

TEST(a_value_follows_as_the_next_word_or_after_an_equals_sign)
{
	check_eq(parse("--memory", "512M", "--cpus=4"), 0);
	check_eq(parsed.memory, 512 * MiB);
	check_eq(parsed.cpus, 4);
}

TEST(a_short_option_takes_its_value_apart_or_attached)
{
	check_eq(parse("-m", "2G"), 0);
	check_eq(parsed.memory, 2 * GiB);
	check_eq(parse("-m3g", "-qv"), 0);
	check_eq(parsed.memory, 3 * GiB);
	check(parsed.quiet && parsed.verbose);
}

TEST(an_empty_value_after_equals_is_a_value)
{
	check_eq(parse("--kernel-image="), 0);
	check_str_eq(parsed.kernel, "");
}

TEST(repeatable_options_gather_in_order)
{
	check_eq(parse("--disk", "a", "--disk=b"), 0);
	check_eq(parsed.disks.count, 2);
	check_str_eq(parsed.disks.item[0], "a");
	check_str_eq(parsed.disks.item[1], "b");
}

TEST(a_repeatable_option_has_a_maximum)
{
	const char *words[2 * OPT_REPEAT_MAX + 4] = {"run"};

	for (size_t i = 0; i <= OPT_REPEAT_MAX; i++)
		words[1 + i] = "--disk=x";
	check_eq(parse_words(words), -EINVAL);
	check_eq(parsed.disks.count, OPT_REPEAT_MAX);
}

TEST(two_dashes_end_the_options)
{
	check_eq(parse("a", "--quiet", "--", "--quiet", "-"), 0);
	check_eq(operands.count, 3);
	check_str_eq(operands.item[1], "--quiet");
	check_str_eq(operands.item[2], "-");
	check(parsed.quiet);
}

TEST(a_bad_size_names_the_option_and_what_it_accepts)
{
	check_eq(parse("--memory", "12x"), -EINVAL);
	check_str_eq(complaint(), "--memory: '12x' is not a size; give a "
				  "number, optionally with K, M, G or T, such "
				  "as 512M");
}

TEST(a_number_out_of_range_names_the_range)
{
	check_eq(parse("--cpus", "65"), -EINVAL);
	check_str_eq(complaint(), "--cpus: '65' is out of range; give 1 to 64");
	check_eq(parse("--cpus", "99999999999999999999"), -EINVAL);
	check_eq(parse("--memory=1"), -EINVAL);
	check(strstr(complaint(), "give 1048576 to 1099511627776 bytes"));
}

TEST(an_unknown_enum_value_lists_the_known_ones)
{
	check_eq(parse("--engine=warp"), -EINVAL);
	check_str_eq(complaint(), "--engine: 'warp' is not known; give one "
				  "of: auto, kvm, soft");
	check_eq(parse("--engine=soft"), 0);
	check_eq(parsed.engine, 2);
}

TEST(an_unknown_option_is_named)
{
	check_eq(parse("--mem", "1G"), -EINVAL);
	check_str_eq(complaint(), "'--mem' is not an option of 'keel run'; "
				  "see 'keel run --help'");
	check_eq(parse("-qz"), -EINVAL);
}

TEST(a_flag_refuses_a_value_and_a_value_is_not_optional)
{
	check_eq(parse("--quiet=yes"), -EINVAL);
	check_str_eq(complaint(), "--quiet takes no value, but 'yes' is given");
	check_eq(parse("--memory"), -EINVAL);
	check_str_eq(complaint(), "--memory needs a value: --memory SIZE");
}

TEST(operands_are_refused_where_none_are_declared)
{
	struct opt_command bare = command;
	char *argv[] = {(char[]){"run"}, (char[]){"file"}, NULL};

	bare.operands = NULL;
	check_eq(opt_parse(&bare, 2, argv, &parsed, NULL, &fault), -EINVAL);
}

/* Runs one of the generators into memory that the caller frees. */
static char *text_of(int which)
{
	const struct opt_command *const commands[] = {&command};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	check(out);
	if (which == 0)
		opt_print_help(&command, out);
	else if (which == 1)
		opt_print_man(&command, out);
	else
		opt_print_completion(commands, 1, out);
	check_eq(fclose(out), 0);
	return text;
}

/* "kernel-image" as it appears in roff. */
static void roff_name(const char *name, char *text)
{
	for (; *name; name++) {
		if (*name == '-')
			*text++ = '\\';
		*text++ = *name;
	}
	*text = '\0';
}

TEST(help_man_and_completion_name_every_option_the_parser_takes)
{
	auto_free char *help = text_of(0);
	auto_free char *man = text_of(1);
	auto_free char *completion = text_of(2);

	for (size_t i = 0; i < ARRAY_SIZE(opts); i++) {
		char word[128], roff[64];

		snprintf(word, sizeof(word), "--%s", opts[i].name);
		check(strstr(help, word));
		check(strstr(help, opts[i].help));
		check(strstr(completion, word));
		roff_name(opts[i].name, roff);
		snprintf(word, sizeof(word), "\\-\\-%s\\fR", roff);
		check(strstr(man, word));
	}
	check(strstr(completion, "auto kvm soft"));
}

TEST(bash_accepts_the_completion)
{
	auto_free char *completion = text_of(2);
	FILE *bash = popen("command -v bash >/dev/null || exit 77; "
			   "exec bash -n",
			   "w");
	int status;

	check(bash);
	fputs(completion, bash);
	status = pclose(bash);
	if (status == 77 << 8)
		skip("bash is not installed");
	check_eq(status, 0);
}
