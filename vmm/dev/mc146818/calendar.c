/* SPDX-License-Identifier: MIT */
/*
 * The calendar is counted in years that begin on 1 March, so that the leap
 * day is the last of its year and month lengths repeat: the days before month
 * m of such a year are (153 * m + 2) / 5.
 */
#include "vmm/dev/mc146818/calendar.h"

#define DAY_S		   86400
#define DAYS_PER_ERA	   146097 /* 400 years */
#define DAYS_ERA_TO_1970   719468 /* from 0000-03-01 */
#define SECONDS_YEAR_0	   ((s64)-719528 * DAY_S)
#define SECONDS_YEAR_10000 ((s64)2932897 * DAY_S)

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

static s64 days_from_date(s64 year, s64 month, s64 day)
{
	s64 era, year_of_era, day_of_year;

	year += floor_div(month - 1, 12);
	month = month - 1 - floor_div(month - 1, 12) * 12; /* 0 = January */
	if (month < 2)
		year--;
	era = floor_div(year, 400);
	year_of_era = year - era * 400;
	day_of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
	return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
	       year_of_era / 100 + day_of_year - DAYS_ERA_TO_1970;
}

s64 calendar_to_s(const struct calendar *date)
{
	return days_from_date(date->year, date->month, date->day) * DAY_S +
	       date->hour * 3600 + date->minute * 60 + date->second;
}

static void date_from_days(s64 days, struct calendar *ret)
{
	s64 since = days + DAYS_ERA_TO_1970;
	s64 era = floor_div(since, DAYS_PER_ERA);
	s64 day_of_era = since - era * DAYS_PER_ERA;
	/* Leap days shift the count: one in 4 years, not in 100, but in 400. */
	s64 year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			   day_of_era / 146096) /
			  365;
	s64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
					year_of_era / 100);
	s64 month = (5 * day_of_year + 2) / 153; /* 0 = March */

	ret->day = (u8)(day_of_year - (153 * month + 2) / 5 + 1);
	ret->month = (u8)(month < 10 ? month + 3 : month - 9);
	ret->year = (s32)(year_of_era + era * 400 + (ret->month <= 2));
	ret->weekday = (u8)(((days + 4) % 7 + 7) % 7); /* 1970 began on 4 */
}

void calendar_from_s(s64 seconds, struct calendar *ret)
{
	s64 bounded = MAX(SECONDS_YEAR_0, MIN(seconds, SECONDS_YEAR_10000 - 1));
	s64 days = floor_div(bounded, DAY_S);
	s64 rest = bounded - days * DAY_S;

	date_from_days(days, ret);
	ret->hour = (u8)(rest / 3600);
	ret->minute = (u8)(rest / 60 % 60);
	ret->second = (u8)(rest % 60);
}
