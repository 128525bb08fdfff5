/* SPDX-License-Identifier: MIT */
/* The host's clocks: see clock.h. */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

static u64 clock_read_ns(clockid_t id)
{
	struct timespec now;
	int err = clock_gettime(id, &now);

	assert(!err);
	assert(now.tv_sec >= 0);
	return (u64)now.tv_sec * NS_PER_S + (u64)now.tv_nsec;
}

u64 clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

u64 clock_realtime_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}
