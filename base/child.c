/* SPDX-License-Identifier: MIT */
/* A child process: see child.h. */
#include "base/child.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

extern char **environ;

/* Standard error goes first: `fd` may have the number of the write end. */
static int set_files(posix_spawn_file_actions_t *files, int err_fd, int fd)
{
	int err = posix_spawn_file_actions_addopen(files, STDIN_FILENO,
						   "/dev/null", O_RDONLY, 0);

	if (!err)
		err = posix_spawn_file_actions_addopen(
			files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, err_fd,
						       STDERR_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, fd, CHILD_FD);
	/* What we were given without O_CLOEXEC is nothing of the child's. */
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(files,
							       CHILD_FD + 1);
	return -err;
}

/* No signal of ours is blocked or ignored in it. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
						     POSIX_SPAWN_SETSIGMASK |
						     POSIX_SPAWN_SETSIGDEF);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &all);
	return -err;
}

static int spawn(struct child *child, const char *const argv[], int err_fd,
		 int fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	/* POSIX takes char *const[] and changes neither. */
	char *const *args = (char *const *)(uintptr_t)argv;
	int err = -posix_spawn_file_actions_init(&files);

	if (err)
		return trace_err(err);
	err = -posix_spawnattr_init(&attr);
	if (err)
		goto out_files;
	err = set_files(&files, err_fd, fd);
	if (!err)
		err = set_attributes(&attr);
	if (!err)
		err = -posix_spawnp(&child->pid, argv[0], &files, &attr, args,
				    environ);
	posix_spawnattr_destroy(&attr);
out_files:
	posix_spawn_file_actions_destroy(&files);
	return err ? trace_err(err) : 0;
}

static int open_pid(struct child *child)
{
	child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	return child->pid_fd < 0 ? trace_err(-errno) : 0;
}

int child_find(const char *name, char *ret_path, size_t size)
{
	const char *at = getenv("PATH");

	/* As posix_spawnp has it. */
	at = at ? at : "/bin:/usr/bin";
	while (*at) {
		size_t length = strcspn(at, ":");
		int n = snprintf(ret_path, size, "%.*s/%s", (int)length, at,
				 name);

		if (*at == '/' && n > 0 && (size_t)n < size &&
		    !access(ret_path, X_OK))
			return 0;
		at += length + (at[length] == ':');
	}
	return trace_err(-ENOENT);
}

int child_start(struct child *child, const char *const argv[], int fd)
{
	auto_close int write_end = -1;
	int ends[2], err;

	*child = (struct child){.pid_fd = -1, .err_fd = -1};
	if (pipe2(ends, O_CLOEXEC) < 0)
		return trace_err(-errno);
	child->err_fd = ends[0];
	write_end = ends[1];
	err = fd_set_nonblock(child->err_fd, true);
	if (!err)
		err = spawn(child, argv, write_end, fd);
	if (!err)
		err = open_pid(child);
	if (err) {
		child_kill(child);
		(void)child_reap(child); /* it did nothing yet */
	}
	return err;
}

/* By its descriptor: a jail lets no process be signalled by number.
 * needs: io: pidfd_send_signal? */
void child_kill(struct child *child)
{
	if (child->pid > 0 && child->pid_fd >= 0)
		(void)syscall(SYS_pidfd_send_signal, child->pid_fd, SIGKILL,
			      NULL, 0); /* it may have ended */
	else if (child->pid > 0)
		(void)kill(child->pid, SIGKILL); /* it was not reaped */
}

/* needs: io: wait4 */
int child_reap(struct child *child)
{
	int status = 0;
	pid_t pid = 0;

	while (child->pid > 0 && pid <= 0) {
		pid = waitpid(child->pid, &status, 0);
		assert(pid == child->pid || errno == EINTR);
	}
	child->pid = 0;
	fd_close(&child->pid_fd);
	fd_close(&child->err_fd);
	return status;
}
