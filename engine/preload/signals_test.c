/* SPDX-License-Identifier: MIT */
/* The bookkeeping; tests/preload/signals_client.c has it at work. */
#include "engine/preload/signals.h"

#include "base/test.h"

static struct preload_signals signals;
static struct preload_process process;
static struct signals_frame *top;
static volatile int engine_calls, client_calls;
static volatile bool engine_wants;

static void forward(int number, siginfo_t *info, void *context)
{
	signals_forward(&signals, &process, top, number, info, context,
			sigaction);
}

static struct sigaction engine_saw; /* what it was told was before it */

static void on_engine(int number, siginfo_t *info, void *context)
{
	engine_calls++;
	if (!engine_wants)
		engine_saw.sa_sigaction(number, info, context);
}

static void on_client(int number)
{
	(void)number;
	client_calls++;
}

static void take(void)
{
	const struct sigaction action = {.sa_sigaction = on_engine,
					 .sa_flags = SA_SIGINFO | SA_NODEFER |
						     SA_ONSTACK};

	check_eq(process_start(&process), 0);
	check_eq(signals_take(&signals, &process, SIGUSR1, &action, &engine_saw,
			      forward, sigaction),
		 0);
	engine_calls = client_calls = 0;
	engine_wants = false;
}

static void client(sighandler_t handler, int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	signals_client(&signals, &process, SIGUSR1, &action, NULL, sigaction);
}

TEST(the_engine_goes_first_and_the_client_gets_the_rest)
{
	struct sigaction old;

	signal(SIGUSR1, on_client);
	take();
	check(signals_is_taken(&signals, SIGUSR1));
	check(!signals_is_taken(&signals, SIGUSR2));
	check(!signals_is_taken(&signals, 0) && !signals_is_taken(&signals, 65));
	signals_client(&signals, &process, SIGUSR1, NULL, &old, sigaction);
	check(old.sa_handler == on_client);
	check_eq(raise(SIGUSR1), 0);
	check_eq(engine_calls, 1);
	check_eq(client_calls, 1);
	engine_wants = true;
	check_eq(raise(SIGUSR1), 0);
	check_eq(engine_calls, 2);
	check_eq(client_calls, 1);
}

TEST(a_handler_of_later_does_not_replace_the_engines)
{
	struct sigaction real;

	signal(SIGUSR1, SIG_DFL);
	take();
	client(on_client, SA_RESTART);
	check_eq(sigaction(SIGUSR1, NULL, &real), 0);
	check(real.sa_sigaction == on_engine);
	check_eq(real.sa_flags & (SA_RESTART | SA_ONSTACK | SA_NODEFER),
		 SA_RESTART | SA_NODEFER);
	check_eq(raise(SIGUSR1), 0);
	check_eq(client_calls, 1);
	client(SIG_IGN, 0);
	check_eq(raise(SIGUSR1), 0);
	check_eq(client_calls, 1);
}

TEST(one_that_is_sent_during_a_call_waits_for_its_end)
{
	struct signals_frame frame;
	sigset_t pending;

	take();
	client(on_client, 0);
	signals_hold(&signals, &top, &frame);
	check_eq(raise(SIGUSR1), 0);
	check_eq(client_calls, 0);
	sigpending(&pending); /* which is what ends a KVM_RUN */
	check(sigismember(&pending, SIGUSR1));
	signals_release(&top, &frame);
	check_eq(client_calls, 1);
	check(top == NULL);
}

TEST(one_that_the_client_blocks_stays_pending)
{
	struct signals_frame frame;
	sigset_t blocked, pending;

	take();
	client(on_client, 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	check_eq(raise(SIGUSR1), 0);
	signals_hold(&signals, &top, &frame);
	sigpending(&pending);
	check(!sigismember(&pending, SIGUSR1)); /* it would end a run */
	signals_release(&top, &frame);
	check_eq(client_calls, 0);
	sigpending(&pending);
	check(sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	check_eq(client_calls, 1);
}
