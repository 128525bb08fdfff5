/* SPDX-License-Identifier: MIT */
/* Sockets that wait for clients. */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

#include "base/types.h"

/*
 * A stream socket at `path`, listening, close-on-exec and non-blocking, which only
 * the process's own user may connect to. A socket file that nobody listens on any
 * more is replaced; nothing else is. -EADDRINUSE: somebody does, or the path is
 * no socket; -EINVAL: it is empty; -ENAMETOOLONG; else -errno of the calls.
 */
must_check int listen_unix(const char *path, int *ret_fd);

#endif
