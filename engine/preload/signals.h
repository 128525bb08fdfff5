/* SPDX-License-Identifier: MIT */
/*
 * Signals are the client's. Two things of ours must nevertheless be there.
 *
 * The engine's handler for faults on guest memory. It stays in force whatever
 * the client installs for the same signal, before or after: the client's action
 * is kept here, told back when it asks, and called for every fault that is not
 * the engine's, with the mask, the one shot and the default that it asked for.
 *
 * All signals are held back while a call of ours is under way, so that their
 * handlers run where they would run with the kernel: after the ioctl, when no
 * lock is held, free to call again or to jump away. Only those that the engine
 * takes stay open, for faults; one that somebody sent is sent on afterwards.
 */
#ifndef ENGINE_PRELOAD_SIGNALS_H
#define ENGINE_PRELOAD_SIGNALS_H

#include <signal.h>

#include "base/types.h"
#include "engine/preload/process.h"

#define SIGNALS_MAX 64
/* Of the engine's own signals, how many can wait for the end of one call. */
#define SIGNALS_LATER_MAX 4

struct preload_signals {
	u64 taken; /* atomic: by the engine; bit number - 1 */
	u32 lock;  /* atomic: process_id of its holder; signals are blocked */
	struct {
		struct sigaction engine, client;
	} action[SIGNALS_MAX + 1];
};

/* One call of ours on this thread, and what is to be done after it. */
struct signals_frame {
	struct signals_frame *outer;
	u64 client_mask;
	u64 taken; /* the engine's signals, open meanwhile */
	u32 later_count;
	siginfo_t later[SIGNALS_LATER_MAX];
};

typedef int signals_sigaction(int number, const struct sigaction *action,
			      struct sigaction *old);

/* `top`: where the thread's signal handlers find its innermost frame. */
void signals_hold(const struct preload_signals *signals,
		  struct signals_frame **top, struct signals_frame *frame);
void signals_release(struct signals_frame **top, struct signals_frame *frame);

bool signals_is_taken(const struct preload_signals *signals, int number);

/*
 * The engine's sigaction: `set` is the system's, `forward` becomes what the
 * engine is told was there before.
 */
must_check int signals_take(struct preload_signals *signals,
			    struct preload_process *process, int number,
			    const struct sigaction *action,
			    struct sigaction *ret_old,
			    void (*forward)(int, siginfo_t *, void *),
			    signals_sigaction *set);
/* The client's sigaction for a signal that is taken; either may be NULL. */
void signals_client(struct preload_signals *signals,
		    struct preload_process *process, int number,
		    const struct sigaction *action, struct sigaction *ret_old,
		    signals_sigaction *set);
/*
 * A signal that the engine took and does not want. frame: the call of ours that
 * it came in, or NULL.
 */
void signals_forward(struct preload_signals *signals,
		     struct preload_process *process,
		     struct signals_frame *frame, int number, siginfo_t *info,
		     void *context, signals_sigaction *set);

#endif
