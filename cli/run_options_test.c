/* SPDX-License-Identifier: MIT */
#include "cli/run_options.h"

#include <errno.h>

#include "base/test.h"

static struct run_options options;
static struct fault fault;

/* The words, separated by single blanks. */
static int parse(const char *words)
{
	static char text[256], name[] = "run";
	char *argv[16] = {name};
	int argc = 1;

	fault_clear(&fault);
	(void)snprintf(text, sizeof(text), "%s", words);
	for (char *at = strtok(text, " "); at; at = strtok(NULL, " "))
		argv[argc++] = at; /* few, so they fit */
	return run_options_parse(argc, argv, &options, &fault);
}

static void check_refused(const char *words, const char *sentence)
{
	check_eq(parse(words), -EINVAL);
	check_eq(fault.class, FAULT_INVALID);
	check(strstr(fault.text[0], sentence));
}

TEST(a_kernel_alone_runs_on_the_small_board)
{
	check_eq(parse("--kernel k"), 0);
	check_eq(run_board(&options), BOARD_MICRO);
	check_eq(options.memory_bytes, 512 * MiB);
	check(!strcmp(options.append, "console=ttyS0"));
	check(!strcmp(run_accel(&options), "auto"));
	check(!strcmp(run_cpu_model(&options), "host"));
	check(!run_qmp_path(&options));
}

TEST(whatever_needs_pci_makes_it_a_pc)
{
	static const char *const words[] = {
		"--kernel k --disk d",
		"--kernel k --cdrom c",
		"--kernel k --net user",
		"--kernel k --vga std",
		"--kernel k --console stdio",
		"--kernel k --port a=stdio",
		"d",
		"--cdrom c",
		"--firmware f",
		"--kernel k -M q35",
	};

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		check_eq(parse(words[i]), 0);
		check_eq(run_board(&options), BOARD_Q35);
	}
}

TEST(what_is_typed_alone_is_a_disk_behind_the_others)
{
	check_eq(parse("a --disk b c"), 0);
	check_eq(options.disk.count, 3);
	check(!strcmp(options.disk.item[0], "b"));
	check(!strcmp(options.disk.item[1], "a"));
	check(!strcmp(options.disk.item[2], "c"));
}

TEST(what_cannot_be_together_is_refused)
{
	check_refused("", "nothing to boot");
	check_refused("--vga std", "nothing to boot");
	check_refused("--kernel k --firmware uefi", "exclude each other");
	check_refused("-M micro d", "micro has no firmware");
	check_refused("-M micro --kernel k --vga std", "graphics card");
	check_refused("d --uefi-vars v", "only with --firmware uefi");
	check_refused("d --firmware bios --uefi-vars v", "--firmware uefi");
}

TEST(help_is_given_whatever_else_is_said)
{
	check_eq(parse("--help"), 0);
	check(options.help);
	check_eq(parse("-M micro --help d"), 0);
}

TEST(uefi_is_a_word_and_other_firmware_a_file)
{
	check_eq(parse("d --firmware uefi --uefi-vars v"), 0);
	check(run_is_uefi(&options));
	check_eq(parse("d --firmware ./uefi"), 0);
	check(!run_is_uefi(&options));
	check_eq(parse("d"), 0);
	check(!run_is_uefi(&options));
}

TEST(a_monitor_s_path_may_have_its_kind_before_it)
{
	check_eq(parse("d --qmp /run/a"), 0);
	check(!strcmp(run_qmp_path(&options), "/run/a"));
	check_eq(parse("d --qmp unix:/run/a"), 0);
	check(!strcmp(run_qmp_path(&options), "/run/a"));
}
