/* SPDX-License-Identifier: MIT */
/*
 * The texts made from an option table: --help, the manual page in the man(7)
 * macros, and completion for bash.
 */
#include <ctype.h>
#include <string.h>

#include "base/opt.h"

#define HELP_COLUMN 28

/* ---- --help ---- */

static void help_option(const struct opt *opt, FILE *out)
{
	int width = 0;

	if (opt->short_name)
		width += fprintf(out, "  -%c, ", opt->short_name);
	else
		width += fprintf(out, "      ");
	width += fprintf(out, "--%s", opt->name);
	if (opt->arg)
		width += fprintf(out, " %s", opt->arg);
	if (width >= HELP_COLUMN)
		width = fprintf(out, "\n") - 1;
	fprintf(out, "%*s%s", HELP_COLUMN - width, "", opt->help);
	for (size_t i = 0; opt->values && opt->values[i]; i++)
		fprintf(out, "%s%s", i ? ", " : ": ", opt->values[i]);
	fputc('\n', out);
}

void opt_print_help(const struct opt_command *command, FILE *out)
{
	fprintf(out, "usage: %s %s [options]%s%s\n\n%s\n", command->program,
		command->name, command->operands ? " " : "",
		command->operands ? command->operands : "", command->summary);
	if (command->text)
		fprintf(out, "\n%s\n", command->text);
	fprintf(out, "\noptions:\n");
	for (size_t i = 0; i < command->opt_count; i++)
		help_option(&command->opts[i], out);
}

/* ---- the manual page ---- */

/* Text as roff: '-' is a minus to copy, and no line becomes a request. */
static void roff_text(const char *text, FILE *out)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
		line_start = *text == '\n';
	}
}

static void man_option(const struct opt *opt, FILE *out)
{
	fputs(".TP\n", out);
	if (opt->short_name)
		fprintf(out, "\\fB\\-%c\\fR, ", opt->short_name);
	fputs("\\fB\\-\\-", out);
	roff_text(opt->name, out);
	fputs("\\fR", out);
	if (opt->arg) {
		fputs(" \\fI", out);
		roff_text(opt->arg, out);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	roff_text(opt->help, out);
	for (size_t i = 0; opt->values && opt->values[i]; i++) {
		fputs(i ? ", " : ": ", out);
		roff_text(opt->values[i], out);
	}
	fputc('\n', out);
}

static void upper(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(toupper((unsigned char)*text), out);
}

void opt_print_man(const struct opt_command *command, FILE *out)
{
	fputs(".TH ", out);
	upper(command->program, out);
	fputc('-', out);
	upper(command->name, out);
	fprintf(out, " 1\n.SH NAME\n%s\\-%s \\- ", command->program,
		command->name);
	roff_text(command->summary, out);
	fprintf(out, "\n.SH SYNOPSIS\n.B %s %s\n[options]", command->program,
		command->name);
	if (command->operands) {
		fputc(' ', out);
		roff_text(command->operands, out);
	}
	fputs("\n.SH DESCRIPTION\n", out);
	roff_text(command->text ? command->text : command->summary, out);
	fputs("\n.SH OPTIONS\n", out);
	for (size_t i = 0; i < command->opt_count; i++)
		man_option(&command->opts[i], out);
}

/* ---- completion ---- */

static void completion_options(const struct opt_command *command, FILE *out)
{
	for (size_t i = 0; i < command->opt_count; i++) {
		const struct opt *opt = &command->opts[i];

		fprintf(out, "%s--%s", i ? " " : "", opt->name);
		if (opt->short_name)
			fprintf(out, " -%c", opt->short_name);
	}
}

/* What may follow an option that takes a value. */
static void completion_values(const struct opt_command *command, FILE *out)
{
	for (size_t i = 0; i < command->opt_count; i++) {
		const struct opt *opt = &command->opts[i];

		if (opt->kind == OPT_FLAG)
			continue;
		fprintf(out, "\t%s:--%s", command->name, opt->name);
		if (opt->short_name)
			fprintf(out, "|%s:-%c", command->name, opt->short_name);
		if (opt->kind == OPT_STRING || opt->kind == OPT_REPEAT) {
			fputs(") COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n",
			      out);
			continue;
		}
		fputs(") COMPREPLY=($(compgen -W \"", out);
		for (size_t v = 0; opt->values && opt->values[v]; v++)
			fprintf(out, "%s%s", v ? " " : "", opt->values[v]);
		fputs("\" -- \"$cur\")) ;;\n", out);
	}
}

void opt_print_completion(const struct opt_command *const commands[],
			  size_t count, FILE *out)
{
	const char *program = count ? commands[0]->program : "";

	fprintf(out,
		"_%s() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
		"prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
		"\t\tCOMPREPLY=($(compgen -W \"",
		program);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
	fputs("\" -- \"$cur\"))\n\t\treturn\n\tfi\n"
	      "\tcase \"${COMP_WORDS[1]}:$prev\" in\n",
	      out);
	for (size_t i = 0; i < count; i++)
		completion_values(commands[i], out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t%s:*) COMPREPLY=($(compgen -W \"",
			commands[i]->name);
		completion_options(commands[i], out);
		fputs("\" -- \"$cur\")) ;;\n", out);
	}
	fprintf(out, "\tesac\n}\ncomplete -o default -F _%s %s\n", program,
		program);
}
