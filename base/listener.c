/* SPDX-License-Identifier: MIT */
#include "base/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

#define BACKLOG	 16
#define AGAIN_NS (200 * NS_PER_MS)

/* ---- UNIX sockets ---- */

/* What is there is a socket whose listener has gone. */
static bool is_stale(const struct sockaddr_un *address)
{
	auto_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat is;

	/* A file refuses, too. */
	if (fd < 0 || lstat(address->sun_path, &is) || !S_ISSOCK(is.st_mode))
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) <
		       0 &&
	       errno == ECONNREFUSED;
}

static int bind_or_replace(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *any = (const struct sockaddr *)address;

	if (!bind(fd, any, sizeof(*address)))
		return 0;
	if (errno != EADDRINUSE)
		return trace_err(-errno);
	if (!is_stale(address))
		return trace_err(-EADDRINUSE);
	if (unlink(address->sun_path) || bind(fd, any, sizeof(*address)))
		return trace_err(-errno);
	return 0;
}

int listener_open_unix(struct listener *l, const char *path)
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
	/* The file that bind() makes has the socket's mode. */
	if (fchmod(fd, S_IRUSR | S_IWUSR))
		return trace_err(-errno);
	err = bind_or_replace(fd, &address);
	if (err)
		return err;
	l->address = address;
	l->has_file = true;
	l->fd = fd;
	fd = -1;
	return listen(l->fd, BACKLOG) ? trace_err(-errno) : 0;
}

void listener_keep_file(struct listener *l)
{
	l->has_file = false;
}

/* ---- clients ---- */

static void unwatch(struct listener *l)
{
	if (l->watched)
		loop_watch_del(l->loop, &l->watch);
	l->watched = false;
}

static int watch(struct listener *l)
{
	int err = l->watched || l->held ? 0 : loop_watch_add(l->loop, &l->watch);

	if (!err)
		l->watched = !l->held;
	return err;
}

static void wait_a_while(struct listener *l)
{
	unwatch(l);
	loop_timer_set(l->loop, &l->again, clock_now_ns() + AGAIN_NS);
}

static void watch_again(struct listener *l)
{
	if (watch(l))
		wait_a_while(l);
}

static void again_due(struct loop_timer *timer)
{
	watch_again(timer->ctx);
}

/* needs: io: accept4 */
static void on_ready(struct loop_watch *watch, u32 events)
{
	struct listener *l = watch->ctx;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		l->client(l, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		wait_a_while(l); /* it would be ready all the time */
}

int listener_start(struct listener *l, struct loop *loop)
{
	l->loop = loop;
	l->watch = (struct loop_watch){
		.fd = l->fd, .events = EPOLLIN, .fn = on_ready, .ctx = l};
	loop_timer_init(&l->again, again_due, l);
	return watch(l);
}

void listener_hold(struct listener *l, bool held)
{
	l->held = held;
	if (!held) {
		watch_again(l);
		return;
	}
	unwatch(l);
	loop_timer_clear(l->loop, &l->again);
}

/* ---- lives ---- */

void listener_init(struct listener *l)
{
	*l = (struct listener){.fd = -1};
}

void listener_release(struct listener *l)
{
	if (l->loop) {
		unwatch(l);
		loop_timer_clear(l->loop, &l->again);
	}
	if (l->has_file)
		(void)unlink(l->address.sun_path); /* or it is replaced */
	l->has_file = false;
	fd_close(&l->fd);
}
