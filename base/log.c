/* SPDX-License-Identifier: MIT */
/* The log: see log.h. */
#include "base/log.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Set once before threads start, read by all of them. */
static enum log_level level_max = LOG_INFO;

void log_level_set(enum log_level level)
{
	assert(level >= LOG_ERROR && level <= LOG_DEBUG);
	__atomic_store_n(&level_max, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
	return level <= __atomic_load_n(&level_max, __ATOMIC_RELAXED);
}

void log_at(enum log_level level, const char *room, const char *fmt, ...)
{
	char line[LOG_LINE_BYTES_MAX];
	int saved_errno = errno;
	va_list args;
	size_t used;
	int n;

	if (!log_enabled(level))
		return;
	n = snprintf(line, sizeof(line) - 1, "%s: ", room);
	assert(n >= 0);
	used = MIN((size_t)n, sizeof(line) - 2);
	va_start(args, fmt);
	n = vsnprintf(line + used, sizeof(line) - 1 - used, fmt, args);
	va_end(args);
	assert(n >= 0);
	used = MIN(used + (size_t)n, sizeof(line) - 2);
	str_make_printable(line, used);
	line[used++] = '\n';
	/* Nobody is left to tell when standard error itself fails. */
	if (write(STDERR_FILENO, line, used) < 0)
		errno = 0;
	errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, u64 now_ns)
{
	u64 start = __atomic_load_n(&limit->window_start_ns, __ATOMIC_RELAXED);

	if (now_ns - start >= limit->window_ns &&
	    __atomic_compare_exchange_n(&limit->window_start_ns, &start, now_ns,
					false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		__atomic_store_n(&limit->passed, 0, __ATOMIC_RELAXED);
	/* Loaded first, so that a long flood cannot wrap the count. */
	if (__atomic_load_n(&limit->passed, __ATOMIC_RELAXED) < limit->burst &&
	    __atomic_fetch_add(&limit->passed, 1, __ATOMIC_RELAXED) <
		    limit->burst)
		return true;
	__atomic_fetch_add(&limit->suppressed, 1, __ATOMIC_RELAXED);
	return false;
}

u64 log_limit_suppressed(const struct log_limit *limit)
{
	return __atomic_load_n(&limit->suppressed, __ATOMIC_RELAXED);
}
