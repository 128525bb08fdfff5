/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

/* What one log_at wrote to standard error. */
static void capture(char *text, size_t size, enum log_level level,
		    const char *message)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	check(saved >= 0);
	check_eq(pipe(ends), 0);
	check(dup2(ends[1], STDERR_FILENO) >= 0);
	fd_close(&ends[1]);
	log_at(level, "room", "%s", message);
	check(dup2(saved, STDERR_FILENO) >= 0);
	fd_close(&saved);
	n = read(ends[0], text, size - 1);
	fd_close(&ends[0]);
	check(n >= 0);
	text[n] = '\0';
}

TEST(a_message_becomes_one_line_with_its_room)
{
	char text[64];

	capture(text, sizeof(text), LOG_WARN, "cannot do it");
	check_str_eq(text, "room: cannot do it\n");
}

TEST(control_bytes_do_not_reach_the_terminal)
{
	char text[64];

	capture(text, sizeof(text), LOG_WARN, "a\033[2Jb\nc");
	check_str_eq(text, "room: a?[2Jb?c\n");
}

TEST(an_overlong_line_is_cut_and_still_ends)
{
	char text[2 * LOG_LINE_BYTES_MAX], message[2 * LOG_LINE_BYTES_MAX];

	memset(message, 'x', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	capture(text, sizeof(text), LOG_WARN, message);
	check(strlen(text) < LOG_LINE_BYTES_MAX);
	check_eq(text[strlen(text) - 1], '\n');
}

TEST(levels_above_the_set_one_are_silent)
{
	char text[64];

	log_level_set(LOG_WARN);
	capture(text, sizeof(text), LOG_INFO, "quiet");
	check_str_eq(text, "");
	log_level_set(LOG_INFO);
	check(log_enabled(LOG_INFO) && !log_enabled(LOG_DEBUG));
}

TEST(the_rate_limit_passes_a_burst_per_window_and_counts_the_rest)
{
	struct log_limit limit = LOG_LIMIT(3);
	u64 now_ns = 5000000000;
	int passed = 0;

	for (int i = 0; i < 10; i++)
		passed += log_limit_pass(&limit, now_ns);
	check_eq(passed, 3);
	check_eq(log_limit_suppressed(&limit), 7);
	check(!log_limit_pass(&limit, now_ns + 999999999));
	check(log_limit_pass(&limit, now_ns + 1000000000));
	check_eq(log_limit_suppressed(&limit), 8);
}
