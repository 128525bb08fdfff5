/* SPDX-License-Identifier: MIT */
#include "base/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#define BACKLOG 16

/* What is there is a socket whose listener has gone. */
static bool is_stale(const struct sockaddr_un *address)
{
	auto_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat is;

	if (fd < 0 || lstat(address->sun_path, &is) || !S_ISSOCK(is.st_mode))
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) <
		       0 &&
	       errno == ECONNREFUSED;
}

/* The file is made by bind(), and nobody may be let in before chmod(). */
static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int err = bind(fd, (const struct sockaddr *)address, sizeof(*address))
			  ? -errno
			  : 0;

	umask(before);
	return err;
}

int listen_unix(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t size = strlen(path);
	int err;

	if (fd < 0)
		return trace_err(-errno);
	if (!size || size >= sizeof(address.sun_path))
		return trace_err(size ? -ENAMETOOLONG : -EINVAL);
	memcpy(address.sun_path, path, size);
	err = bind_private(fd, &address);
	if (err == -EADDRINUSE && is_stale(&address) && !unlink(path))
		err = bind_private(fd, &address);
	if (!err && listen(fd, BACKLOG))
		err = -errno;
	if (err)
		return trace_err(err);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
