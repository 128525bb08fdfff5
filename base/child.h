/* SPDX-License-Identifier: MIT */
/*
 * A program that helps us, as a child process: it gets /dev/null to read from
 * and to print to, one file of ours, and says what goes wrong on standard error,
 * which we read. It is in a process group of its own, so that keys typed at our
 * terminal are not for it.
 *
 * Threads: one at a time. Nobody else may wait for "any child", and SIGCHLD is
 * not ignored, with which the kernel does: programs may be started so.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <sys/types.h>

#include "base/types.h"

/* The number under which it finds the file it is given. */
#define CHILD_FD 3

struct child {
	pid_t pid;  /* 0 = none */
	int pid_fd; /* owned; readable when it has ended */
	int err_fd; /* owned; its standard error, does not block */
};

/* argv[0] is looked for in PATH, argv ends with NULL; `fd` stays the caller's.
 * -ENOENT when there is no such program, -EACCES, -EAGAIN, -EMFILE, -ENOMEM. */
must_check int child_start(struct child *child, const char *const argv[],
			   int fd);

/*
 * Where in PATH a program is: an absolute path. Places in PATH without a root,
 * or too long for `size`, are left out. -ENOENT: nowhere; anything is in ret_path.
 */
must_check int child_find(const char *name, char *ret_path, size_t size);

/* SIGKILL. Nothing if there is none. */
void child_kill(struct child *child);

/*
 * Waits for its end and closes what is open: at once when pid_fd is readable.
 * The status as of wait(2), 0 if there is none.
 */
int child_reap(struct child *child);

#endif
