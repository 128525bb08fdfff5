/* SPDX-License-Identifier: MIT */
/*
 * The launcher: a process that starts programs for one that is in jail.
 *
 * It is forked before the jail closes, and knows the few programs it may start,
 * with all their arguments. The jailed process can ask it to start or stop one of
 * them by number, and nothing else: it names no path, no argument and no
 * descriptor. Each program has a socket to the jailed process as descriptor 3,
 * which the launcher makes anew at each start; besides that it has /dev/null three
 * times, a new session, no new privileges, no core dumps, and an environment of
 * nothing but PATH. When the jailed process ends, so do they.
 *
 * A program is started at most once at a time. One thread uses a launcher.
 */
#ifndef VMM_JAIL_LAUNCHER_H
#define VMM_JAIL_LAUNCHER_H

#include "base/err.h"
#include "base/types.h"

#define LAUNCHER_PROGRAMS_MAX 8

struct launcher_program {
	const char *path;	 /* absolute */
	const char *const *argv; /* with argv[0], NULL at the end */
};

struct launcher;

/*
 * Forks it. The caller is the only thread; `programs`, 1 to
 * LAUNCHER_PROGRAMS_MAX, are not needed afterwards. -errno: the host refuses.
 */
must_check int launcher_create(const struct launcher_program *programs,
			       u32 count, struct launcher **ret,
			       struct fault *fault);
/* Accepts NULL. Ends the launcher and what it has started. */
void launcher_free(struct launcher *launcher);

/*
 * Starts a program. *ret_fd is the other end of its descriptor 3, a UNIX stream
 * socket, close-on-exec, the caller's to close. Waits until it runs, which takes
 * a millisecond. -EBUSY: it runs already, or its end has not been noticed; -errno
 * of fork or exec; -EPIPE: the launcher is no more.
 *
 * Whoever calls it in jail writes beside that "needs: io: write recvmsg".
 */
must_check int launcher_start(struct launcher *launcher, u32 program,
			      int *ret_fd);
/* SIGKILL; its end is told like any other. -ESRCH: it does not run. */
must_check int launcher_stop(struct launcher *launcher, u32 program);

/* Readable when a program has ended, and when the launcher has. */
int launcher_fd(const struct launcher *launcher);
/*
 * Which one has, and its status as waitpid(2) has it. -EAGAIN: none. -EPIPE: the
 * launcher itself, and all of them with it.
 */
must_check int launcher_ended(struct launcher *launcher, u32 *ret_program,
			      int *ret_status);

/* What goes through its sockets, both ways; packets of exactly this size. */
struct launcher_message {
	u32 verb; /* LAUNCHER_START ...; in answers, that of the question */
	u32 program;
	s32 value; /* answers: 0 or -errno; LAUNCHER_ENDED: the wait status */
};
enum { LAUNCHER_START = 1, LAUNCHER_STOP, LAUNCHER_ENDED };

/* Of `size` bytes received from the jail: is it a question, of `count` programs? */
bool launcher_question(const struct launcher_message *m, s64 size, u32 count);

#endif
