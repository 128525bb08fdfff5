/* SPDX-License-Identifier: MIT */
#include "vmm/char/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

/* A new terminal as the controlling one of a child, which runs `fn`. */
static int in_terminal(int (*fn)(int fd))
{
	int main_fd = posix_openpt(O_RDWR | O_NOCTTY), status = -1;
	pid_t child;

	check(main_fd >= 0 && !grantpt(main_fd) && !unlockpt(main_fd));
	fflush(stdout);
	child = fork();
	if (!child) {
		int fd;

		setsid();
		fd = open(ptsname(main_fd), O_RDWR);
		_exit(fd < 0 ? 99 : fn(fd));
	}
	check_eq(waitpid(child, &status, 0), child);
	close(main_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag &&
	       !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

static int raw_and_back(int fd)
{
	struct terminal terminal = {};
	struct termios before, during, after;

	tcgetattr(fd, &before);
	terminal_raw(&terminal, fd);
	tcgetattr(fd, &during);
	if (!terminal.raw || (during.c_lflag & (ICANON | ECHO | ISIG)) ||
	    !(during.c_oflag & OPOST))
		return 1;
	terminal_restore(&terminal);
	terminal_restore(&terminal);
	tcgetattr(fd, &after);
	if (!same(&before, &after))
		return 2;
	terminal_again(&terminal);
	tcgetattr(fd, &after);
	if (!same(&during, &after))
		return 3;
	terminal_restore(&terminal);
	tcgetattr(fd, &after);
	return same(&before, &after) ? 0 : 4;
}

TEST(raw_mode_comes_and_goes_without_a_trace)
{
	check_eq(in_terminal(raw_and_back), 0);
}

/* From the background the terminal is left alone, and nothing stops us. */
static int from_background(int fd)
{
	struct terminal terminal = {};
	struct termios before, after;
	pid_t child;
	int status;

	tcgetattr(fd, &before);
	child = fork();
	if (!child) {
		setpgid(0, 0);
		terminal_raw(&terminal, fd);
		terminal_restore(&terminal);
		_exit(terminal.raw);
	}
	if (waitpid(child, &status, WUNTRACED) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status))
		return 1;
	tcgetattr(fd, &after);
	return same(&before, &after) ? 0 : 2;
}

TEST(a_background_process_leaves_the_terminal_alone)
{
	check_eq(in_terminal(from_background), 0);
}

TEST(what_is_no_terminal_is_not_touched)
{
	struct terminal terminal = {};
	int pipe_fd[2];

	check(!pipe(pipe_fd));
	terminal_raw(&terminal, pipe_fd[0]);
	check(!terminal.wanted && !terminal.raw);
	terminal_restore(&terminal);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}
