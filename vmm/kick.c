/* SPDX-License-Identifier: MIT */
/* SIGUSR1, with a handler that does nothing and without restarting calls. */
#include "vmm/kick.h"

#include <assert.h>
#include <signal.h>

#define KICK_SIGNAL SIGUSR1

static void do_nothing(int signal_number)
{
	(void)signal_number;
}

void kick_setup(void)
{
	struct sigaction action = {.sa_handler = do_nothing};
	int err = sigaction(KICK_SIGNAL, &action, NULL);
	sigset_t set;

	assert(!err); /* the signal exists */
	sigemptyset(&set);
	sigaddset(&set, KICK_SIGNAL);
	/* The parent may have left it blocked. */
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* needs: all: tgkill:self */
void kick_thread(const struct thread *thread)
{
	pthread_kill(thread->id, KICK_SIGNAL);
}
