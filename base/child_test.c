/* SPDX-License-Identifier: MIT */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static struct child child;
static int ends[2];

static int start(const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	int err;

	check_eq(pipe2(ends, O_CLOEXEC), 0);
	err = child_start(&child, argv, ends[1]);
	fd_close(&ends[1]);
	return err;
}

static void wait_for_end(void)
{
	struct pollfd ended = {.fd = child.pid_fd, .events = POLLIN};

	check_eq(poll(&ended, 1, 60000), 1);
}

TEST(it_finds_the_file_it_is_given_and_nothing_else_of_ours)
{
	auto_close int other = dup(STDERR_FILENO); /* without O_CLOEXEC */
	char text[64] = {};

	check(other >= CHILD_FD);
	check_eq(start("for f in 0 1 2 3 4 5 6 7 8 9; do "
		       "[ ! -e /proc/$$/fd/$f ] || printf %s $f >&3; done"),
		 0);
	check_eq(WEXITSTATUS(child_reap(&child)), 0);
	check(read(ends[0], text, sizeof(text) - 1) > 0);
	check_str_eq(text, "0123");
	close(ends[0]);
}

TEST(what_it_says_and_its_status_are_read)
{
	char text[16] = {};

	check_eq(start("cat; echo no >&2; exit 3"), 0);
	wait_for_end();
	check_eq(read(child.err_fd, text, sizeof(text) - 1), 3);
	check_str_eq(text, "no\n");
	check_eq(WEXITSTATUS(child_reap(&child)), 3);
	check_eq(child_reap(&child), 0);
	close(ends[0]);
}

TEST(reading_what_it_says_does_not_block)
{
	char byte;

	check_eq(start("exec sleep 1000"), 0);
	check_eq(read(child.err_fd, &byte, 1), -1);
	check_eq(errno, EAGAIN);
	child_kill(&child);
	check_eq(WTERMSIG(child_reap(&child)), SIGKILL);
	check_eq(child.pid_fd, -1);
	child_kill(&child);
	close(ends[0]);
}

TEST(signals_that_we_block_or_ignore_reach_it)
{
	struct sigaction old;
	sigset_t set, old_set;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, NULL, &old);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old_set);
	check_eq(start("kill -PIPE $$; exit 1"), 0);
	check_eq(WTERMSIG(child_reap(&child)), SIGPIPE);
	close(ends[0]);
	check_eq(start("kill -TERM $$; exit 1"), 0);
	check_eq(WTERMSIG(child_reap(&child)), SIGTERM);
	close(ends[0]);
	sigprocmask(SIG_SETMASK, &old_set, NULL);
}

TEST(it_is_not_in_our_process_group)
{
	check_eq(start("exec sleep 1000"), 0);
	check_eq(getpgid(child.pid), child.pid);
	child_kill(&child);
	(void)child_reap(&child);
	close(ends[0]);
}

TEST(a_program_that_is_missing_is_an_error)
{
	const char *const argv[] = {"no-such-program-here", NULL};

	check_eq(child_start(&child, argv, STDERR_FILENO), -ENOENT);
	check_eq(child.pid, 0);
	check_eq(child.err_fd, -1);
	check_eq(child_reap(&child), 0);
}
