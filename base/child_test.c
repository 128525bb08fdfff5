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

/* ---- where a program is ---- */

static struct {
	char path[4096], directory[32], program[64], plain[64];
} f;

/* A directory with a program, and one that is not to be run. */
static void begin_find(void)
{
	int fd;

	snprintf(f.path, sizeof(f.path), "%s", getenv("PATH"));
	strcpy(f.directory, "/tmp/child-test-XXXXXX");
	check(mkdtemp(f.directory) != NULL);
	snprintf(f.program, sizeof(f.program), "%s/program", f.directory);
	snprintf(f.plain, sizeof(f.plain), "%s/plain", f.directory);
	fd = fd_open(f.program, O_WRONLY | O_CREAT, 0755);
	check(fd >= 0);
	close(fd);
	fd = fd_open(f.plain, O_WRONLY | O_CREAT, 0644);
	check(fd >= 0);
	close(fd);
}

static void end_find(void)
{
	unlink(f.program);
	unlink(f.plain);
	check_eq(rmdir(f.directory), 0);
	setenv("PATH", f.path, 1);
}

static void set_path(const char *before, const char *after)
{
	char text[8192];

	snprintf(text, sizeof(text), "%s%s%s", before, f.directory, after);
	setenv("PATH", text, 1);
}

TEST(a_program_is_found_in_the_first_place_that_has_it)
{
	char path[64] = "";

	begin_find();
	set_path("/nowhere:", ":/bin");
	check_eq(child_find("program", path, sizeof(path)), 0);
	check_str_eq(path, f.program);
	check_eq(child_find("sh", path, sizeof(path)), 0);
	check_str_eq(path, "/bin/sh");
	set_path("", "");
	check_eq(child_find("program", path, sizeof(path)), 0);
	check_eq(child_find("plain", path, sizeof(path)), -ENOENT);
	check_eq(child_find("missing", path, sizeof(path)), -ENOENT);
	end_find();
}

TEST(places_without_a_root_or_too_long_are_left_out)
{
	char path[64], before[512];

	begin_find();
	check_eq(chdir(f.directory), 0);
	setenv("PATH", ":.:/nowhere:", 1);
	check_eq(child_find("program", path, sizeof(path)), -ENOENT);
	setenv("PATH", "", 1);
	check_eq(child_find("program", path, sizeof(path)), -ENOENT);
	memset(before, '/', sizeof(before));
	strcpy(before + 300, ":");
	set_path(before, "");
	check_eq(child_find("program", path, sizeof(path)), 0);
	check_str_eq(path, f.program);
	check_eq(chdir("/"), 0);
	end_find();
}

/* As child_start does it. */
TEST(without_a_path_the_usual_places_are_looked_at)
{
	const char *const argv[] = {"sh", "-c", "exit 3", NULL};
	char path[64] = "";

	begin_find();
	unsetenv("PATH");
	check_eq(child_start(&child, argv, STDERR_FILENO), 0);
	check_eq(WEXITSTATUS(child_reap(&child)), 3);
	check_eq(child_find("sh", path, sizeof(path)), 0);
	check_str_eq(path, "/bin/sh");
	check_eq(child_find("program", path, sizeof(path)), -ENOENT);
	end_find();
}
