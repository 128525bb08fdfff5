/* SPDX-License-Identifier: MIT */
#include "vmm/jail/launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

enum { ECHO, LIST, MISSING, SLEEPER };

static const struct launcher_program programs[] = {
	[ECHO] = {"/bin/sh",
		  (const char *const[]){"sh", "-c", "cat <&3 >&3", NULL}},
	/* The shell's own glob: no descriptor of another program's. */
	[LIST] = {"/bin/sh",
		  (const char *const[]){
			  "sh", "-c",
			  "cd /proc/self/fd; echo * >&3; env >&3;"
			  "grep NoNewPrivs /proc/self/status >&3; exit 5",
			  NULL}},
	[MISSING] = {"/nowhere/program", (const char *const[]){"p", NULL}},
	[SLEEPER] = {"/bin/sleep", (const char *const[]){"sleep", "1000", NULL}},
};

static struct launcher *launcher;

static void create(void)
{
	check_eq(launcher_create(programs, ARRAY_SIZE(programs), &launcher, NULL),
		 0);
}

/* The next end; fails the test when none comes. */
static int wait_end(u32 program)
{
	struct pollfd wait = {.fd = launcher_fd(launcher), .events = POLLIN};
	int status = -1;
	u32 which = ~0u;

	check_eq(poll(&wait, 1, 10000), 1);
	check_eq(launcher_ended(launcher, &which, &status), 0);
	check_eq(which, program);
	return status;
}

TEST(a_program_talks_through_its_socket)
{
	char back[5];
	int fd = -1;

	create();
	check_eq(launcher_start(launcher, ECHO, &fd), 0);
	check_eq(write_full(fd, "hello", 5), 0);
	check_eq(read_full(fd, back, 5), 0);
	check_mem_eq(back, "hello", 5);
	check_eq(launcher_start(launcher, ECHO, &fd), -EBUSY);
	close(fd);
	check_eq(wait_end(ECHO), 0);
	launcher_free(launcher);
}

TEST(a_program_has_nothing_of_ours)
{
	char text[400] = "";
	size_t used = 0;
	ssize_t n;
	int fd = -1;

	check(dup(1) >= 0); /* not close-on-exec */
	setenv("SECRET", "1", 1);
	create();
	check_eq(launcher_start(launcher, LIST, &fd), 0);
	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	check(!strncmp(text, "0 1 2 3\n", 8) ||
	      !strncmp(text, "0 1 2 3 4\n", 10)); /* the glob's own */
	check(strstr(text, "NoNewPrivs:\t1"));
	check(!strstr(text, "SECRET"));
	check_eq(WEXITSTATUS(wait_end(LIST)), 5);
	launcher_free(launcher);
}

TEST(what_cannot_be_run_is_told_at_once)
{
	int fd = -1;
	u32 which;

	create();
	check_eq(launcher_start(launcher, MISSING, &fd), -ENOENT);
	check_eq(fd, -1);
	check_eq(launcher_stop(launcher, MISSING), -ESRCH);
	check_eq(launcher_ended(launcher, &which, &fd), -EAGAIN);
	launcher_free(launcher);
}

TEST(what_was_stopped_can_be_started_again)
{
	int fd = -1;

	create();
	for (u32 i = 0; i < 3; i++) {
		check_eq(launcher_start(launcher, SLEEPER, &fd), 0);
		check_eq(launcher_stop(launcher, SLEEPER), 0);
		check_eq(WTERMSIG(wait_end(SLEEPER)), SIGKILL);
		close(fd);
	}
	launcher_free(launcher);
}

TEST(the_programs_end_with_the_launcher)
{
	char byte;
	int fd = -1;

	create();
	check_eq(launcher_start(launcher, SLEEPER, &fd), 0);
	launcher_free(launcher);
	check_eq(read(fd, &byte, 1), 0); /* the other end is closed */
	close(fd);
}

TEST(a_program_that_is_none_is_refused)
{
	int fd = -1;

	create();
	check_eq(launcher_start(launcher, ARRAY_SIZE(programs), &fd), -EINVAL);
	check_eq(launcher_start(launcher, ~0u, &fd), -EINVAL);
	check_eq(launcher_stop(launcher, 77), -EINVAL);
	check_eq(launcher_start(launcher, ECHO, &fd), 0);
	close(fd);
	launcher_free(launcher);
}

TEST(only_whole_questions_are_questions)
{
	struct launcher_message m = {LAUNCHER_START, 1, 0};

	check(launcher_question(&m, sizeof(m), 2));
	check(!launcher_question(&m, sizeof(m), 1));
	check(!launcher_question(&m, sizeof(m) - 1, 2));
	check(!launcher_question(&m, sizeof(m) + 1, 2));
	m.verb = LAUNCHER_ENDED;
	check(!launcher_question(&m, sizeof(m), 2));
	m.verb = 0;
	check(!launcher_question(&m, sizeof(m), 2));
}
