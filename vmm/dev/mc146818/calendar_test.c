/* SPDX-License-Identifier: MIT */
#include "vmm/dev/mc146818/calendar.h"

#include <time.h>

#include "base/test.h"

TEST(dates_agree_with_the_c_library_over_the_centuries)
{
	/* A step that meets every hour, day and month in turn. */
	for (s64 s = -2200000000; s < 8000000000; s += 86400 * 3 + 3601) {
		struct calendar mine;
		time_t t = (time_t)s;
		struct tm theirs;

		check(gmtime_r(&t, &theirs) != NULL);
		calendar_from_s(s, &mine);
		check_eq(mine.year, theirs.tm_year + 1900);
		check_eq(mine.month, theirs.tm_mon + 1);
		check_eq(mine.day, theirs.tm_mday);
		check_eq(mine.weekday, theirs.tm_wday);
		check_eq(mine.hour, theirs.tm_hour);
		check_eq(mine.minute, theirs.tm_min);
		check_eq(mine.second, theirs.tm_sec);
		check_eq(calendar_to_s(&mine), s);
	}
}

TEST(every_day_of_a_leap_cycle_returns_to_itself)
{
	for (s64 day = -800; day < 150000; day++) {
		struct calendar c;

		calendar_from_s(day * 86400, &c);
		check_eq(calendar_to_s(&c), day * 86400);
	}
}

TEST(fields_out_of_range_count_on)
{
	struct calendar c = {.year = 2025, .month = 14, .day = 31, .hour = 24};
	struct calendar d;

	calendar_from_s(calendar_to_s(&c), &d);
	check_eq(d.year, 2026);
	check_eq(d.month, 3); /* 31 February 2026 = 3 March, + 24 hours */
	check_eq(d.day, 4);
}

TEST(what_no_four_digit_year_can_say_becomes_the_nearest_that_can)
{
	struct calendar c;

	calendar_from_s(INT64_MAX, &c);
	check_eq(c.year, 9999);
	check_eq(c.day, 31);
	calendar_from_s(INT64_MIN, &c);
	check_eq(c.year, 0);
	check_eq(c.month, 1);
}
