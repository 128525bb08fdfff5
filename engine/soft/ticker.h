/* SPDX-License-Identifier: MIT */
/*
 * The clock's hand of one VM: translated code counts nothing, so a thread asks
 * the vCPUs that run guest code to look at the clock and for signals, each
 * TICKER_PERIOD_NS. While none runs it sleeps.
 */
#ifndef ENGINE_SOFT_TICKER_H
#define ENGINE_SOFT_TICKER_H

#include "engine/soft/soft.h"

#define TICKER_PERIOD_NS (500 * NS_PER_US)

/* Starts the thread. -ENOMEM, -EAGAIN. */
int must_check ticker_create(struct soft_vm *vm, struct ticker **ret);
void ticker_free(struct ticker *ticker); /* ends the thread; NULL is fine */
/* A vCPU begins to run guest code. Any thread. */
void ticker_wake(struct ticker *ticker);

#endif
