/* SPDX-License-Identifier: MIT */
/*
 * keel: the command dispatch, and the one place that sees to it that the
 * user's terminal is put back however the process ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/types.h"
#include "cli/image.h"
#include "cli/run.h"
#include "cli/texts.h"
#include "vmm/char/terminal.h"
#include "vmm/jail/jail.h"

/* File-scope because a signal handler must find it. */
static struct terminal terminal;

/*
 * Signals that end a process and that nobody else handles. Those of the
 * software engine come here only when it finds that they are not its own.
 */
static const int deadly[] = {
	SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,	SIGSYS,
	SIGALRM, SIGUSR2, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM,
};

/* needs: all: rt_sigaction getpid gettid tgkill:self rt_sigprocmask rt_sigreturn */
static void on_deadly(int number, siginfo_t *info, void *context)
{
	(void)context;
	terminal_restore(&terminal);
	if (number == SIGSYS)
		jail_tell_refusal(info);
	/* The software engine may have put its own handler before this one. */
	signal(number, SIG_DFL);
	raise(number);
}

static void guard_terminal(void)
{
	struct sigaction action = {
		.sa_sigaction = on_deadly,
		.sa_flags = SA_SIGINFO,
	};

	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
		if (sigaction(deadly[i], &action, NULL))
			abort(); /* all of them exist */
	/* A reader that has gone is an error of write, not our end. */
	signal(SIGPIPE, SIG_IGN);
	/* In the background, reading the terminal fails instead of stopping. */
	signal(SIGTTIN, SIG_IGN);
}

/* Ends as if the signal had its default action, so a parent sees it. */
static void die_of(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}

static int command_run(int argc, char *argv[])
{
	int ended_by, status;

	guard_terminal();
	/* Whoever starts us may ignore it, and then no child can be waited for. */
	signal(SIGCHLD, SIG_DFL);
	status = run_main(argc, argv, &terminal, &ended_by);
	if (ended_by)
		die_of(ended_by);
	return status;
}

/* A file opened later must not become somebody's standard output. */
static void hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

struct command {
	const char *name;
	int (*main)(int argc, char *argv[]);
};

static const struct command commands[] = {
	{"run", command_run},
	{"image", image_main},
	{"help", texts_help},
	{"--help", texts_help},
	{"-h", texts_help},
	{"man", texts_man},
	{"completion", texts_completion},
	{"version", texts_version},
	{"--version", texts_version},
	{"-V", texts_version},
};

int main(int argc, char *argv[])
{
	hold_standard_fds();
	if (argc < 2) {
		fputs("keel: no command is given; see 'keel help'\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].main(argc - 1, argv + 1);
	fprintf(stderr, "keel: '%s' is not a command; see 'keel help'\n",
		argv[1]);
	return 2;
}
