/* SPDX-License-Identifier: MIT */
#include "base/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char folder[] = "/tmp/listener-test-XXXXXX", path[64];
static struct loop *loop;
static struct listener listener;
static u32 clients;

static void on_client(struct listener *from, int fd)
{
	check(from == &listener);
	fd_close(&fd);
	clients++;
}

static void begin(void)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	check(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	check_eq(loop_create(&loop), 0);
	listener_init(&listener);
	listener.client = on_client;
	clients = 0;
}

static void end(void)
{
	listener_release(&listener);
	loop_free(loop);
	check_eq(rmdir(folder), 0);
}

/* 0, or -errno of connect; the connection is closed again. */
static int reach(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address))
		       ? -errno
		       : 0;
}

static void turn(void)
{
	check_eq(loop_run_once(loop, 0), 0);
}

TEST(its_file_is_its_owners_alone_and_goes_with_it)
{
	struct stat is;

	begin();
	check_eq(listener_open_unix(&listener, path), 0);
	check_eq(stat(path, &is), 0);
	check_eq(is.st_mode & 0777, 0600);
	check_eq(reach(), 0);
	listener_release(&listener);
	check_eq(access(path, F_OK), -1);
	end();
}

TEST(a_file_that_no_path_leads_to_is_left)
{
	begin();
	check_eq(listener_open_unix(&listener, path), 0);
	listener_keep_file(&listener);
	listener_release(&listener);
	check_eq(reach(), -ECONNREFUSED);
	/* And the next one takes its place. */
	check_eq(listener_open_unix(&listener, path), 0);
	check_eq(reach(), 0);
	end();
}

TEST(a_socket_that_is_served_is_left_alone)
{
	struct listener second;

	begin();
	listener_init(&second);
	check_eq(listener_open_unix(&listener, path), 0);
	check_eq(listener_open_unix(&second, path), -EADDRINUSE);
	listener_release(&second);
	check_eq(reach(), 0);
	end();
}

TEST(what_is_no_socket_stays)
{
	FILE *file;

	begin();
	file = fopen(path, "w");
	check(file && !fclose(file));
	check_eq(listener_open_unix(&listener, path), -EADDRINUSE);
	listener_release(&listener);
	check_eq(unlink(path), 0);
	end();
}

TEST(paths_that_cannot_be_are_refused)
{
	char longer[200];

	begin();
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	check_eq(listener_open_unix(&listener, ""), -EINVAL);
	check_eq(listener_open_unix(&listener, longer), -ENAMETOOLONG);
	check_eq(listener_open_unix(&listener, "/nowhere/at/all"), -ENOENT);
	check_eq(listener.fd, -1);
	end();
}

TEST(clients_are_taken_but_while_it_is_held)
{
	begin();
	check_eq(listener_open_unix(&listener, path), 0);
	check_eq(listener_start(&listener, loop), 0);
	check_eq(reach(), 0);
	turn();
	check_eq(clients, 1);
	listener_hold(&listener, true);
	listener_hold(&listener, true);
	check_eq(reach(), 0);
	turn();
	check_eq(clients, 1);
	listener_hold(&listener, false);
	turn();
	check_eq(clients, 2);
	end();
}

/* Else the loop would have it ready for ever, and do nothing but that. */
TEST(a_client_without_a_descriptor_waits_and_so_does_the_loop)
{
	struct rlimit limit, none;

	begin();
	check_eq(listener_open_unix(&listener, path), 0);
	check_eq(listener_start(&listener, loop), 0);
	check_eq(reach(), 0);
	check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	check_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	check(!listener.watched);
	check(loop_timer_is_set(&listener.again));
	check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	check_eq(clients, 0);
	while (!clients)
		check_eq(loop_run_once(loop, UINT64_MAX), 0);
	check_eq(clients, 1);
	end();
}
