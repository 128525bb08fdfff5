/* SPDX-License-Identifier: MIT */
/* Help, manual page, completion, version. */
#include "cli/texts.h"

#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "cli/image.h"
#include "cli/run_options.h"
#include "cli/version.h"

static const struct opt_command *const commands[] = {
	&run_command,
	&image_command,
};

static int done(void)
{
	return fflush(stdout) || ferror(stdout);
}

static const struct opt_command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	fprintf(stderr,
		"keel: '%s' is not a command with options; those are:", name);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, " %s", commands[i]->name);
	fputc('\n', stderr);
	return NULL;
}

int texts_help(int argc, char *argv[])
{
	const struct opt_command *command;

	if (argc > 1) {
		command = find(argv[1]);
		if (!command)
			return 2;
		opt_print_help(command, stdout);
		return done();
	}
	fputs("usage: keel COMMAND [options]\n\ncommands:\n", stdout);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-18s%s\n", commands[i]->name, commands[i]->summary);
	fputs("  help [COMMAND]    the options of a command\n"
	      "  man COMMAND       its manual page, for man -l -\n"
	      "  completion bash   command completion, to be sourced by bash\n"
	      "  version           the version\n",
	      stdout);
	return done();
}

int texts_man(int argc, char *argv[])
{
	const struct opt_command *command;

	if (argc != 2) {
		fputs("keel: man takes one command, such as 'keel man run'\n",
		      stderr);
		return 2;
	}
	command = find(argv[1]);
	if (!command)
		return 2;
	opt_print_man(command, stdout);
	return done();
}

int texts_completion(int argc, char *argv[])
{
	if (argc != 2 || strcmp(argv[1], "bash")) {
		fputs("keel: completion is there for bash: "
		      "'keel completion bash'\n",
		      stderr);
		return 2;
	}
	opt_print_completion(commands, ARRAY_SIZE(commands), stdout);
	return done();
}

int texts_version(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	puts("keel " KEEL_VERSION);
	return done();
}
