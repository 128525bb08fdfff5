/* SPDX-License-Identifier: MIT */
/* The two clocks of the host, in nanoseconds. Neither fails. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/types.h"

#define NS_PER_S  ((u64)1000000000)
#define NS_PER_MS ((u64)1000000)
#define NS_PER_US ((u64)1000)

/* CLOCK_MONOTONIC: never steps; its zero means nothing. */
u64 clock_now_ns(void);

/* CLOCK_REALTIME: since 1970-01-01 UTC; may step either way. */
u64 clock_realtime_ns(void);

#endif
