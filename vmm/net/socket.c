/* SPDX-License-Identifier: MIT */
/* Frames to and from whoever listens on a UNIX socket: see socket.h. */
#include "vmm/net/socket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/log.h"
#include "vmm/net/netstream.h"
#include "vmm/net/retry.h"

struct net_socket {
	struct netstream stream;
	struct sockaddr_un address;
	struct retry retry;
	bool jailed; /* no path leads to the other side any more */
};

static struct net_socket *socket_of(struct netdev *netdev)
{
	return container_of(netstream_of(netdev), struct net_socket, stream);
}

/* A full backlog (-EAGAIN) is not waited for. */
static int join(struct net_socket *s)
{
	auto_close int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	retry_began(&s->retry, clock_now_ns());
	if (fd < 0)
		return trace_err(-errno);
	if (connect(fd, (const struct sockaddr *)&s->address,
		    sizeof(s->address)) < 0)
		return trace_err(-errno);
	err = netstream_open(&s->stream, fd, false);
	if (!err)
		fd = -1;
	return err;
}

static void on_lost(struct netstream *stream, int err)
{
	struct net_socket *s = container_of(stream, struct net_socket, stream);

	(void)err;
	netstream_shut(stream);
	if (!s->jailed)
		retry_ended(&s->retry, clock_now_ns());
	else
		log_at(LOG_WARN, "net",
		       "'%s' has gone; the jail lets nobody connect to it again",
		       s->address.sun_path);
}

static void retry_due(struct loop_timer *timer)
{
	struct net_socket *s = timer->ctx;

	if (join(s))
		retry_ended(&s->retry, clock_now_ns());
}

/* ---- the netdev ---- */

static int socket_start(struct netdev *netdev, struct fault *fault)
{
	struct net_socket *s = socket_of(netdev);
	int err = join(s);

	if (err)
		fault_set(fault, FAULT_NOT_FOUND, err,
			  "--net socket: cannot connect to '%s'",
			  s->address.sun_path);
	return err;
}

static int socket_settle(struct netdev *netdev, struct fault *fault)
{
	(void)netdev;
	(void)fault;
	return 0;
}

static int socket_jail(struct netdev *netdev, struct fault *fault)
{
	(void)fault;
	socket_of(netdev)->jailed = true;
	return 0;
}

static void socket_close(struct netdev *netdev)
{
	struct net_socket *s = socket_of(netdev);

	retry_stop(&s->retry);
	netstream_release(&s->stream);
	free(s);
}

static const struct netdev_ops socket_ops = {
	.start = socket_start,
	.settle = socket_settle,
	.jail = socket_jail,
	.send = netstream_send,
	.receive_wanted = netstream_receive_wanted,
	.close = socket_close,
};

int net_socket_create(const struct net_options *options, struct loop *loop,
		      struct netdev **ret)
{
	struct net_socket *s = calloc(1, sizeof(*s));
	int err;

	static_assert(sizeof(s->address.sun_path) == NET_PATH_BYTES_MAX,
		      "any path fits");
	if (!s)
		return trace_err(-ENOMEM);
	s->address.sun_family = AF_UNIX;
	memcpy(s->address.sun_path, options->path, NET_PATH_BYTES_MAX);
	retry_init(&s->retry, loop, retry_due, s);
	err = netstream_init(&s->stream, loop, &socket_ops);
	if (err) {
		socket_close(&s->stream.netdev);
		return err;
	}
	s->stream.lost = on_lost;
	if (options->mtu)
		s->stream.netdev.mtu = options->mtu;
	*ret = &s->stream.netdev;
	return 0;
}
