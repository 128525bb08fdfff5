/* SPDX-License-Identifier: MIT */
/*
 * The log: one line to standard error per call, written with one write(2) so
 * that threads do not mix. Lower case, no full stop, subjects in quotes:
 *	qcow2: cannot read 'disk.img' cluster 0x1f: Input/output error
 * An error is logged once, by the function that stops its propagation.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/types.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

#define LOG_LINE_BYTES_MAX 512

/* Lines above `level` are dropped. LOG_INFO until set; set once, in main. */
void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);

/* Longer lines are cut; control bytes are written as '?'. Keeps errno. */
void log_at(enum log_level level, const char *room, const char *fmt, ...)
	printf_like(3, 4);

/*
 * A rate limit for what a guest or client can repeat: at most `burst` passes
 * in each window of `window_ns`. Any thread may call it; `suppressed` counts
 * what did not pass, forever.
 */
struct log_limit {
	u64 window_ns;
	u32 burst;
	u32 passed;	     /* in this window; atomic */
	u64 window_start_ns; /* atomic */
	u64 suppressed;	     /* atomic */
};

#define LOG_LIMIT(per_second) \
	((struct log_limit){.window_ns = 1000000000, .burst = (per_second)})

/* `now_ns` is clock_now_ns() or a test's own time. */
bool log_limit_pass(struct log_limit *limit, u64 now_ns);
u64 log_limit_suppressed(const struct log_limit *limit);

#endif
