/* SPDX-License-Identifier: MIT */
/*
 * The clock's hand of one VM: translated code counts nothing, so a thread asks
 * the vCPUs that run guest code to look at the clock and for signals, each
 * TICKER_PERIOD_NS. Where it finds none that runs, it rests.
 */
#ifndef ENGINE_SOFT_TICKER_H
#define ENGINE_SOFT_TICKER_H

#include "engine/soft/soft.h"

/* What a sleep of half a millisecond comes to, with its slack. */
#define TICKER_PERIOD_NS 600000l

/* Starts the thread. -ENOMEM, -EAGAIN, -EMFILE, -ENFILE. */
int must_check ticker_create(struct soft_vm *vm, struct ticker **ret);
void ticker_free(struct ticker *ticker); /* ends the thread; NULL is fine */
/* A vCPU begins to run guest code. Any thread. */
void ticker_wake(struct ticker *ticker);
/* A vCPU has stopped and will sleep for long: if it ran for less than a period,
 * and is the last, the thread need not wake up for it. Any thread. */
void ticker_rest(struct ticker *ticker);

#endif
