/* SPDX-License-Identifier: MIT */
/*
 * Command-line options, declared once: the parser, --help, the manual page
 * and the shell completion of a command are all made from one table.
 *
 *	struct run_options { u64 memory; bool quiet; const char *kernel; };
 *	static const struct opt run_opts[] = {
 *		{.name = "memory", .short_name = 'm', .arg = "SIZE",
 *		 .kind = OPT_SIZE, .help = "guest memory (default 512M)",
 *		 .min = MiB, .max = TiB,
 *		 .offset = offsetof(struct run_options, memory)},
 *		...
 *
 * Typed as --name value, --name=value, -m value, -mvalue. Options and operands
 * may mix; "--" ends the options. An option given twice takes the later value,
 * repeatable ones gather.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"

#define OPT_REPEAT_MAX 64

enum opt_kind {
	OPT_FLAG,   /* bool; takes no value */
	OPT_STRING, /* const char *, pointing into argv */
	OPT_U64,    /* u64 within min..max */
	OPT_SIZE,   /* u64 of bytes, K M G T accepted, within min..max */
	OPT_ENUM,   /* int: index into values */
	OPT_REPEAT, /* struct opt_strings: one entry each time */
};

struct opt_strings {
	const char *item[OPT_REPEAT_MAX]; /* pointing into argv */
	u32 count;
};

struct opt {
	const char *name; /* without dashes */
	char short_name;  /* 0 = none */
	const char *arg;  /* the value's name in help; NULL for OPT_FLAG */
	enum opt_kind kind;
	const char *help;	   /* one sentence, lower case */
	const char *const *values; /* OPT_ENUM: NULL-terminated */
	u64 min, max;		   /* max 0 = no bounds */
	size_t offset;		   /* of the value in the result */
};

struct opt_command {
	const char *program;  /* "keel" */
	const char *name;     /* "run" */
	const char *summary;  /* one line */
	const char *text;     /* what it does, a paragraph */
	const char *operands; /* "[FILE]"; NULL = takes none */
	const struct opt *opts;
	size_t opt_count;
};

/*
 * Fills `result` (preset with the defaults) and the operands. On -EINVAL the
 * fault holds one sentence that names the option and what it would accept;
 * `result` is then partly written. argv[0] is the command's own name.
 */
must_check int opt_parse(const struct opt_command *command, int argc,
			 char *const argv[], void *result,
			 struct opt_strings *ret_operands, struct fault *fault);

/* The three texts. Stream errors are the caller's to check (ferror). */
void opt_print_help(const struct opt_command *command, FILE *out);
void opt_print_man(const struct opt_command *command, FILE *out);
/* For bash; all commands of one program. */
void opt_print_completion(const struct opt_command *const commands[],
			  size_t count, FILE *out);

#endif
