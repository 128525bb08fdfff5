/* SPDX-License-Identifier: MIT */
/* Seconds since 1970 to date and back, by the Gregorian rule, without libc. */
#ifndef VMM_DEV_MC146818_CALENDAR_H
#define VMM_DEV_MC146818_CALENDAR_H

#include "base/types.h"

struct calendar {
	s32 year;   /* 0..9999 */
	u8 month;   /* 1..12 */
	u8 day;	    /* 1..31 */
	u8 weekday; /* 0 = Sunday */
	u8 hour, minute, second;
};

/* Any second of the years 0..9999; beyond, the nearest of them. */
void calendar_from_s(s64 seconds, struct calendar *ret);

/* Fields beyond their range count on into the next larger one. */
s64 calendar_to_s(const struct calendar *date);

#endif
