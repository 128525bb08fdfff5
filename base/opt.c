/* SPDX-License-Identifier: MIT */
/* Command-line parsing from an option table: see opt.h. */
#include "base/opt.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"

/* The state of one opt_parse. */
struct parse {
	const struct opt_command *command;
	int argc, next;
	char *const *argv;
	u8 *result;
	struct fault *fault;
};

static const struct opt *find_long(const struct opt_command *command,
				   struct str name)
{
	for (size_t i = 0; i < command->opt_count; i++)
		if (str_eq_c(name, command->opts[i].name))
			return &command->opts[i];
	return NULL;
}

static const struct opt *find_short(const struct opt_command *command, char name)
{
	for (size_t i = 0; i < command->opt_count; i++)
		if (name && command->opts[i].short_name == name)
			return &command->opts[i];
	return NULL;
}

static int no_such_option(struct parse *p, const char *typed)
{
	return fault_set(p->fault, FAULT_INVALID, -EINVAL,
			 "'%s' is not an option of '%s %s'; see '%s %s --help'",
			 typed, p->command->program, p->command->name,
			 p->command->program, p->command->name);
}

static int set_number(struct parse *p, const struct opt *opt, const char *text)
{
	bool size = opt->kind == OPT_SIZE;
	u64 value;
	int err = size ? str_parse_size(str_of(text), &value)
		       : str_parse_u64(str_of(text), &value);

	if (err == -EINVAL)
		return fault_set(p->fault, FAULT_INVALID, -EINVAL,
				 "--%s: '%s' is not a %s; give a number%s",
				 opt->name, text, size ? "size" : "number",
				 size ? ", optionally with K, M, G or T, such "
					"as 512M"
				      : "");
	if (err || (opt->max && (value < opt->min || value > opt->max)))
		return fault_set(
			p->fault, FAULT_INVALID, -EINVAL,
			"--%s: '%s' is out of range; give %llu to "
			"%llu%s",
			opt->name, text, (unsigned long long)opt->min,
			(unsigned long long)(opt->max ? opt->max : UINT64_MAX),
			size ? " bytes" : "");
	memcpy(p->result + opt->offset, &value, sizeof(value));
	return 0;
}

static void join_values(const struct opt *opt, const char *separator,
			char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; opt->values[i] && used < size; i++) {
		int n = snprintf(text + used, size - used, "%s%s",
				 i ? separator : "", opt->values[i]);

		assert(n >= 0);
		used += (size_t)n;
	}
}

static int set_enum(struct parse *p, const struct opt *opt, const char *text)
{
	char accepted[128];

	for (int i = 0; opt->values[i]; i++) {
		if (strcmp(opt->values[i], text))
			continue;
		memcpy(p->result + opt->offset, &i, sizeof(i));
		return 0;
	}
	join_values(opt, ", ", accepted, sizeof(accepted));
	return fault_set(p->fault, FAULT_INVALID, -EINVAL,
			 "--%s: '%s' is not known; give one of: %s", opt->name,
			 text, accepted);
}

static int add_string(struct parse *p, const struct opt *opt, const char *text)
{
	struct opt_strings *list = (void *)(p->result + opt->offset);

	if (list->count == OPT_REPEAT_MAX)
		return fault_set(p->fault, FAULT_INVALID, -EINVAL,
				 "--%s: given more than %d times", opt->name,
				 OPT_REPEAT_MAX);
	list->item[list->count++] = text;
	return 0;
}

static int set_value(struct parse *p, const struct opt *opt, const char *text)
{
	bool yes = true;

	switch (opt->kind) {
	case OPT_FLAG:
		memcpy(p->result + opt->offset, &yes, sizeof(yes));
		return 0;
	case OPT_STRING:
		memcpy(p->result + opt->offset, &text, sizeof(text));
		return 0;
	case OPT_U64:
	case OPT_SIZE:
		return set_number(p, opt, text);
	case OPT_ENUM:
		return set_enum(p, opt, text);
	case OPT_REPEAT:
		return add_string(p, opt, text);
	}
	/* A kind that is not in enum opt_kind. */
	assert(false);
	return 0;
}

/* `inline_value` is what followed '=' or the short letter; NULL = nothing. */
static int take_option(struct parse *p, const struct opt *opt,
		       const char *inline_value)
{
	const char *value = inline_value;

	if (opt->kind == OPT_FLAG) {
		if (inline_value)
			return fault_set(p->fault, FAULT_INVALID, -EINVAL,
					 "--%s takes no value, but '%s' is "
					 "given",
					 opt->name, inline_value);
		return set_value(p, opt, NULL);
	}
	if (!value && p->next < p->argc)
		value = p->argv[p->next++];
	if (!value)
		return fault_set(p->fault, FAULT_INVALID, -EINVAL,
				 "--%s needs a value: --%s %s", opt->name,
				 opt->name, opt->arg);
	return set_value(p, opt, value);
}

static int take_long(struct parse *p, const char *typed)
{
	struct str name = str_of(typed + 2);
	size_t equals = str_find(name, '=');
	const struct opt *opt = find_long(p->command, str_sub(name, 0, equals));

	if (!opt)
		return no_such_option(p, typed);
	return take_option(p, opt,
			   equals < name.size ? typed + 2 + equals + 1 : NULL);
}

/* -x, -xvalue, or flags together: -xyz. */
static int take_short(struct parse *p, const char *typed)
{
	int err = 0;

	for (size_t i = 1; typed[i] && !err; i++) {
		const struct opt *opt = find_short(p->command, typed[i]);

		if (!opt)
			return no_such_option(p, typed);
		if (opt->kind != OPT_FLAG)
			return take_option(p, opt,
					   typed[i + 1] ? typed + i + 1 : NULL);
		err = take_option(p, opt, NULL);
	}
	return err;
}

static int take_operand(struct parse *p, const char *typed,
			struct opt_strings *operands)
{
	if (!p->command->operands)
		return fault_set(p->fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not expected; '%s %s' takes options "
				 "only",
				 typed, p->command->program, p->command->name);
	if (operands->count == OPT_REPEAT_MAX)
		return fault_set(p->fault, FAULT_INVALID, -EINVAL,
				 "more than %d operands", OPT_REPEAT_MAX);
	operands->item[operands->count++] = typed;
	return 0;
}

int opt_parse(const struct opt_command *command, int argc, char *const argv[],
	      void *result, struct opt_strings *ret_operands,
	      struct fault *fault)
{
	struct parse p = {
		.command = command,
		.argc = argc,
		.next = 1,
		.argv = argv,
		.result = result,
		.fault = fault,
	};
	struct opt_strings operands = {};
	bool options_ended = false;

	while (p.next < argc) {
		const char *typed = argv[p.next++];
		int err;

		if (!options_ended && !strcmp(typed, "--")) {
			options_ended = true;
			continue;
		}
		if (options_ended || typed[0] != '-' || !typed[1])
			err = take_operand(&p, typed, &operands);
		else if (typed[1] == '-')
			err = take_long(&p, typed);
		else
			err = take_short(&p, typed);
		if (err)
			return trace_err(err);
	}
	if (ret_operands)
		*ret_operands = operands;
	return 0;
}
