/* SPDX-License-Identifier: MIT */
/* Error origins and fault chains: see err.h. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Diagnostics only: nothing decides anything by it. */
static _Thread_local struct err_origin last_origin;

int trace_err_at(int err, const char *file, int line)
{
	assert(err <= 0);
	last_origin = (struct err_origin){
		.err = err,
		.line = line,
		.file = file,
	};
	return err;
}

const struct err_origin *err_last(void)
{
	return &last_origin;
}

int fault_set(struct fault *f, enum fault_class class, int err, const char *fmt,
	      ...)
{
	va_list args;

	assert(class > FAULT_NONE && class < FAULT_CLASS_COUNT);
	assert(err <= 0);
	if (!f)
		return err;
	f->class = class;
	f->err = err;
	f->count = 1;
	f->origin = last_origin;
	va_start(args, fmt);
	vsnprintf(f->text[0], sizeof(f->text[0]), fmt, args);
	va_end(args);
	return err;
}

int fault_wrap(struct fault *f, int err, const char *fmt, ...)
{
	va_list args;
	u32 i;

	assert(err <= 0);
	if (!f)
		return err;
	if (!fault_is_set(f)) {
		f->class = FAULT_INTERNAL;
		f->err = err;
		f->origin = last_origin;
	}
	i = f->count < FAULT_CHAIN_MAX ? f->count++ : FAULT_CHAIN_MAX - 1;
	va_start(args, fmt);
	vsnprintf(f->text[i], sizeof(f->text[i]), fmt, args);
	va_end(args);
	return err;
}

void fault_clear(struct fault *f)
{
	if (f)
		memset(f, 0, sizeof(*f));
}

bool fault_is_set(const struct fault *f)
{
	return f && f->class != FAULT_NONE;
}

const char *fault_class_name(enum fault_class class)
{
	static const char *const name[FAULT_CLASS_COUNT] = {
		[FAULT_NONE] = "none",
		[FAULT_INTERNAL] = "internal",
		[FAULT_INVALID] = "invalid",
		[FAULT_UNSUPPORTED] = "unsupported",
		[FAULT_NOT_FOUND] = "not-found",
		[FAULT_EXISTS] = "exists",
		[FAULT_BUSY] = "busy",
		[FAULT_DENIED] = "denied",
		[FAULT_NO_MEMORY] = "no-memory",
		[FAULT_IO] = "io",
		[FAULT_TIMEOUT] = "timeout",
	};

	assert((unsigned int)class < FAULT_CLASS_COUNT);
	return name[class];
}

/* Appends as far as there is room; `used` counts the whole text. */
static size_t append(char *text, size_t size, size_t used, const char *more)
{
	size_t length = strlen(more);

	if (used + 1 < size) {
		size_t room = MIN(size - used - 1, length);

		memcpy(text + used, more, room);
		text[used + room] = '\0';
	}
	return used + length;
}

size_t fault_format(const struct fault *f, char *text, size_t size)
{
	size_t used = 0;

	if (size)
		text[0] = '\0';
	if (!fault_is_set(f))
		return append(text, size, used, "no fault");
	for (u32 i = f->count; i-- > 0;) {
		used = append(text, size, used, f->text[i]);
		if (i)
			used = append(text, size, used, ": ");
	}
	/* "Invalid argument" adds nothing to a sentence that says what is. */
	if (f->err && f->err != -EINVAL) {
		used = append(text, size, used, ": ");
		used = append(text, size, used, strerror(-f->err));
	}
	return used;
}

void fault_print(const struct fault *f, const char *prefix)
{
	char text[FAULT_CHAIN_MAX * FAULT_TEXT_BYTES_MAX + 128];

	fault_format(f, text, sizeof(text));
	str_make_printable(text, strlen(text));
	fprintf(stderr, "%s: %s\n", prefix, text);
}
