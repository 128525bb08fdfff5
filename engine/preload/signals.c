/* SPDX-License-Identifier: MIT */
#include "engine/preload/signals.h"

#include <string.h>
#include <ucontext.h>

#include "base/raw.h"

#define SIGSET_BYTES 8 /* the kernel's */

/* Two that belong to libc: cancellation, and setuid of all threads. */
#define SIGNALS_OF_LIBC (BIT(32 - 1) | BIT(33 - 1))

/* What the client's flags may change about the engine's handler. */
#define FLAGS_OF_CLIENT (SA_ONSTACK | SA_RESTART)

static u64 bit(int number)
{
	return BIT(number - 1);
}

static u64 mask_set(int how, u64 mask)
{
	u64 old = 0;

	(void)raw_call(SYS_rt_sigprocmask, (u64)how, raw_address(&mask),
		       raw_address(&old), SIGSET_BYTES, 0, 0); /* cannot fail */
	return old;
}

static void send_self(const siginfo_t *info)
{
	long pid = raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	long tid = raw_call(SYS_gettid, 0, 0, 0, 0, 0, 0);

	(void)raw_call(SYS_rt_tgsigqueueinfo, (u64)pid, (u64)tid,
		       (u64)info->si_signo, raw_address(info), 0, 0);
}

/* --- calls --- */

/*
 * What the engine took is opened only after the frame is in place: one that the
 * client has blocked may be waiting, and would be taken for a new one.
 */
void signals_hold(const struct preload_signals *signals,
		  struct signals_frame **top, struct signals_frame *frame)
{
	u64 taken = __atomic_load_n(&signals->taken, __ATOMIC_RELAXED);

	frame->taken = taken;
	frame->later_count = 0;
	frame->client_mask = mask_set(SIG_BLOCK, ~(taken | SIGNALS_OF_LIBC));
	frame->outer = *top;
	__atomic_store_n(top, frame, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(frame->client_mask & taken))
		(void)mask_set(SIG_UNBLOCK, taken);
}

void signals_release(struct signals_frame **top, struct signals_frame *frame)
{
	/* Again as the client has them, while a frame can still take them. */
	if (unlikely(frame->client_mask & frame->taken))
		(void)mask_set(SIG_BLOCK, frame->client_mask & frame->taken);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(top, frame->outer, __ATOMIC_RELAXED);
	for (u32 i = 0; i < frame->later_count; i++)
		send_self(&frame->later[i]); /* blocked: it waits */
	(void)mask_set(SIG_SETMASK, frame->client_mask);
}

/* --- actions --- */

/* Held for a few copies, with every signal blocked. */
static u64 actions_lock(struct preload_signals *signals,
			struct preload_process *process)
{
	u64 mask = mask_set(SIG_BLOCK, ~0ull);
	u32 self = process_id(process), holder = 0;

	/* A holder of before a fork is not here to unlock. */
	while (!__atomic_compare_exchange_n(&signals->lock, &holder, self, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (holder == self) {
			(void)raw_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
			holder = 0;
		}
	}
	return mask;
}

static void actions_unlock(struct preload_signals *signals, u64 mask)
{
	__atomic_store_n(&signals->lock, 0, __ATOMIC_RELEASE);
	(void)mask_set(SIG_SETMASK, mask);
}

bool signals_is_taken(const struct preload_signals *signals, int number)
{
	return number > 0 && number <= SIGNALS_MAX &&
	       __atomic_load_n(&signals->taken, __ATOMIC_ACQUIRE) & bit(number);
}

static bool has_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* Under the lock: the engine's handler, on the stack of the client's choice. */
static int install(struct preload_signals *signals, int number,
		   signals_sigaction *set)
{
	struct sigaction action = signals->action[number].engine;
	const struct sigaction *client = &signals->action[number].client;

	if (has_handler(client))
		action.sa_flags = (action.sa_flags & ~FLAGS_OF_CLIENT) |
				  (client->sa_flags & FLAGS_OF_CLIENT);
	return set(number, &action, NULL);
}

int signals_take(struct preload_signals *signals,
		 struct preload_process *process, int number,
		 const struct sigaction *action, struct sigaction *ret_old,
		 void (*forward)(int, siginfo_t *, void *),
		 signals_sigaction *set)
{
	struct sigaction old;
	u64 mask;
	int rc;

	if (number < 1 || number > SIGNALS_MAX || set(number, NULL, &old))
		return -1;
	mask = actions_lock(signals, process);
	if (!signals_is_taken(signals, number))
		signals->action[number].client = old;
	signals->action[number].engine = *action;
	rc = install(signals, number, set);
	if (!rc)
		__atomic_fetch_or(&signals->taken, bit(number),
				  __ATOMIC_RELEASE);
	actions_unlock(signals, mask);
	if (ret_old) {
		memset(ret_old, 0, sizeof(*ret_old));
		ret_old->sa_sigaction = forward;
		ret_old->sa_flags = SA_SIGINFO;
	}
	return rc;
}

void signals_client(struct preload_signals *signals,
		    struct preload_process *process, int number,
		    const struct sigaction *action, struct sigaction *ret_old,
		    signals_sigaction *set)
{
	struct sigaction next, old;
	u64 mask;

	if (action)
		next = *action; /* a bad address faults here, without the lock */
	mask = actions_lock(signals, process);
	old = signals->action[number].client;
	if (action) {
		signals->action[number].client = next;
		(void)install(signals, number, set); /* as before */
	}
	actions_unlock(signals, mask);
	if (ret_old)
		*ret_old = old;
}

/* --- what is not the engine's --- */

static bool was_sent(const siginfo_t *info)
{
	return info->si_code <= 0;
}

/* As the kernel does it to those without a handler: the fault comes again. */
static void default_action(int number, const siginfo_t *info,
			   signals_sigaction *set)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};

	(void)set(number, &normal, NULL); /* cannot fail */
	if (was_sent(info))
		send_self(info);
}

static void client_call(const struct sigaction *action, int number,
			siginfo_t *info, void *context)
{
	u64 mask;

	memcpy(&mask, &action->sa_mask, sizeof(mask));
	if (!(action->sa_flags & SA_NODEFER))
		mask |= bit(number);
	/* The way out of the handler brings the old mask back. */
	(void)mask_set(SIG_BLOCK, mask);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(number, info, context);
	else
		action->sa_handler(number);
}

/*
 * Sent by somebody while a call of ours is under way. If the client has it
 * blocked it waits for the end of the call; else it is made pending, which ends
 * a KVM_RUN, and the handler runs when the call has returned.
 */
static void send_later(struct signals_frame *frame, int number,
		       const siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	u64 mask;

	if (frame->client_mask & bit(number)) {
		if (frame->later_count < SIGNALS_LATER_MAX)
			frame->later[frame->later_count++] = *info;
		return;
	}
	memcpy(&mask, &user->uc_sigmask, sizeof(mask));
	mask |= bit(number);
	memcpy(&user->uc_sigmask, &mask, sizeof(mask));
	(void)mask_set(SIG_BLOCK, bit(number));
	send_self(info);
}

void signals_forward(struct preload_signals *signals,
		     struct preload_process *process,
		     struct signals_frame *frame, int number, siginfo_t *info,
		     void *context, signals_sigaction *set)
{
	struct sigaction action;
	u64 mask;

	if (frame && was_sent(info)) {
		send_later(frame, number, info, context);
		return;
	}
	mask = actions_lock(signals, process);
	action = signals->action[number].client;
	if (has_handler(&action) && action.sa_flags & (int)SA_RESETHAND) {
		struct sigaction *client = &signals->action[number].client;

		memset(client, 0, sizeof(*client));
		client->sa_handler = SIG_DFL;
	}
	actions_unlock(signals, mask);
	if (has_handler(&action))
		client_call(&action, number, info, context);
	else if (action.sa_handler == SIG_DFL || !was_sent(info))
		default_action(number, info, set);
}
