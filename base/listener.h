/* SPDX-License-Identifier: MIT */
/*
 * A socket that waits for clients, on an event loop. Everything belongs to the
 * loop's thread, or to the only one before it runs.
 */
#ifndef BASE_LISTENER_H
#define BASE_LISTENER_H

#include <sys/un.h>

#include "base/loop.h"

struct listener {
	int fd; /* owned; -1: there is none */
	/* Takes `fd`, which is close-on-exec and non-blocking. May hold or release
	 * the listener. Set it before listener_start. */
	void (*client)(struct listener *listener, int fd);
	struct loop *loop; /* borrowed; NULL before listener_start */
	struct loop_watch watch;
	struct loop_timer again;
	bool watched, held;
	struct sockaddr_un address;
	bool has_file; /* at `address`, and it goes with the listener */
};

/* Of what is all zero: no socket. */
void listener_init(struct listener *listener);
/*
 * A stream socket at `path`, listening, which only the process's own user may
 * connect to. A socket file that nobody listens on any more is replaced; nothing
 * else is. -EADDRINUSE: somebody does, or the path is no socket; -EINVAL: it is
 * empty; -ENAMETOOLONG; else -errno of the calls.
 */
must_check int listener_open_unix(struct listener *listener, const char *path);
/* The file stays when the listener goes: no path leads to it any more. */
void listener_keep_file(struct listener *listener);

/*
 * Clients are taken from now on. While the host has no descriptor or memory for
 * one, he waits: it is tried again soon, and not at once. -ENOMEM.
 */
must_check int listener_start(struct listener *listener, struct loop *loop);
/* Held, whoever comes waits. */
void listener_hold(struct listener *listener, bool held);

/* Accepts what was only initialized. */
void listener_release(struct listener *listener);

#endif
