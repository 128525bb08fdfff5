/* SPDX-License-Identifier: MIT */
#include "base/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char folder[] = "/tmp/listen-test-XXXXXX", path[64];

static void begin(void)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	check(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
}

static void end(void)
{
	(void)unlink(path);
	check_eq(rmdir(folder), 0);
}

static int reach(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		fd_close(&fd);
		return -errno;
	}
	return fd;
}

TEST(its_own_user_can_connect_and_nobody_else)
{
	auto_close int fd = -1, client = -1;
	struct stat is;

	begin();
	check_eq(listen_unix(path, &fd), 0);
	client = reach();
	check(client >= 0);
	check_eq(stat(path, &is), 0);
	check_eq(is.st_mode & 0777, 0600);
	end();
}

TEST(a_socket_that_is_served_is_left_alone)
{
	auto_close int first = -1, client = -1;
	int second = -1;

	begin();
	check_eq(listen_unix(path, &first), 0);
	check_eq(listen_unix(path, &second), -EADDRINUSE);
	check_eq(second, -1);
	client = reach();
	check(client >= 0);
	end();
}

TEST(a_socket_that_nobody_serves_is_replaced)
{
	auto_close int again = -1, client = -1;
	int fd = -1;

	begin();
	check_eq(listen_unix(path, &fd), 0);
	fd_close(&fd);
	check_eq(reach(), -ECONNREFUSED);
	check_eq(listen_unix(path, &again), 0);
	client = reach();
	check(client >= 0);
	end();
}

TEST(what_is_no_socket_stays)
{
	int fd = -1;
	FILE *file;

	begin();
	file = fopen(path, "w");
	check(file && !fclose(file));
	check_eq(listen_unix(path, &fd), -EADDRINUSE);
	check_eq(access(path, F_OK), 0);
	end();
}

TEST(paths_that_cannot_be_are_refused)
{
	char longer[200];
	int fd = -1;

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	check_eq(listen_unix("", &fd), -EINVAL);
	check_eq(listen_unix(longer, &fd), -ENAMETOOLONG);
	check_eq(listen_unix("/nowhere/at/all", &fd), -ENOENT);
	check_eq(fd, -1);
}
