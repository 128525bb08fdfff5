/* SPDX-License-Identifier: MIT */
/* The listening socket and the client's. */
#include "vmm/gdbstub/gdbstub.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/listener.h"
#include "base/str.h"
#include "vmm/gdbstub/session.h"

struct gdbstub {
	struct loop *loop;	 /* borrowed; NULL before it is attached */
	struct machine *machine; /* borrowed, too */
	struct listener listener;
	int fd; /* owned; -1: there is no client */
	struct loop_watch watch;
	struct loop_timer stall_timer;
	struct gdb_session session; /* while there is an fd */
	char target[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
};

/* ---- listening ---- */

static int on_unix(struct gdbstub *stub, const char *path)
{
	int err = listener_open_unix(&stub->listener, path);

	return err ? err
		   : str_copy(str_of(path), stub->target, sizeof(stub->target));
}

static int parse_tcp(const char *text, struct sockaddr_in *ret)
{
	const char *colon = strrchr(text, ':');
	char address[INET_ADDRSTRLEN] = "127.0.0.1";
	u64 port;

	if (colon && str_copy(str_make(text, (size_t)(colon - text)), address,
			      sizeof(address)))
		return trace_err(-EINVAL);
	if (str_parse_u64(str_of(colon ? colon + 1 : text), &port) || !port ||
	    port > 65535)
		return trace_err(-EINVAL);
	*ret = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((u16)port)};
	return inet_pton(AF_INET, address, &ret->sin_addr) == 1
		       ? 0
		       : trace_err(-EINVAL);
}

/* What the listening socket is set to, those of its clients are, too. */
static int on_tcp(struct gdbstub *stub, const char *text)
{
	struct sockaddr_in address;
	const int on = 1;
	int err = parse_tcp(text, &address);

	if (err)
		return err;
	snprintf(stub->target, sizeof(stub->target), "%s:%u",
		 inet_ntoa(address.sin_addr), ntohs(address.sin_port));
	stub->listener.fd =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stub->listener.fd < 0)
		return trace_err(-errno);
	if (setsockopt(stub->listener.fd, SOL_SOCKET, SO_REUSEADDR, &on,
		       sizeof(on)) ||
	    setsockopt(stub->listener.fd, IPPROTO_TCP, TCP_NODELAY, &on,
		       sizeof(on)) ||
	    bind(stub->listener.fd, (const struct sockaddr *)&address,
		 sizeof(address)) ||
	    listen(stub->listener.fd, 1))
		return trace_err(-errno);
	return 0;
}

static int listen_on(struct gdbstub *stub, const char *where)
{
	int err = -EINVAL;

	if (!strncmp(where, "unix:", 5))
		err = on_unix(stub, where + 5);
	else if (!strncmp(where, "tcp:", 4))
		err = on_tcp(stub, where + 4);
	return err;
}

static int cannot_listen(const char *where, int err, struct fault *fault)
{
	if (err == -EINVAL)
		return fault_set(fault, FAULT_INVALID, err,
				 "--gdb: '%s' is not unix:PATH or "
				 "tcp:[ADDRESS:]PORT",
				 where);
	if (err == -EADDRINUSE)
		return fault_set(fault, FAULT_BUSY, err,
				 "--gdb: somebody else has '%s'", where);
	return fault_set(fault, FAULT_IO, err, "--gdb: cannot listen on '%s'",
			 where);
}

int gdbstub_create(const char *where, struct gdbstub **ret, struct fault *fault)
{
	struct gdbstub *stub = calloc(1, sizeof(*stub));
	int err;

	if (!stub)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "--gdb: no memory");
	listener_init(&stub->listener);
	stub->fd = -1;
	err = listen_on(stub, where);
	if (err) {
		cannot_listen(where, err, fault);
		gdbstub_free(stub);
		return err;
	}
	*ret = stub;
	return 0;
}

/* ---- the client ---- */

static void drop(struct gdbstub *stub)
{
	loop_timer_clear(stub->loop, &stub->stall_timer);
	loop_watch_del(stub->loop, &stub->watch);
	fd_close(&stub->fd);
	gdb_session_end(&stub->session);
}

static void stalled(struct loop_timer *timer)
{
	drop(timer->ctx);
}

/* False: the client has gone. */
/* needs: io: sendto */
static bool flush(struct gdbstub *stub)
{
	struct buf *out = &stub->session.out;
	ssize_t n;

	while (out->size) {
		n = send(stub->fd, out->data, out->size,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		loop_timer_clear(stub->loop, &stub->stall_timer);
		buf_consume(out, (size_t)n);
	}
	return true;
}

/* While an answer waits nothing is read: the client is to take it first. */
static void await(struct gdbstub *stub)
{
	bool waits = stub->session.out.size;

	if (waits && !loop_timer_is_set(&stub->stall_timer))
		loop_timer_set(stub->loop, &stub->stall_timer,
			       clock_now_ns() + GDBSTUB_STALL_NS);
	/* It is there, so this cannot fail; a session that is over is dropped
	 * when the loop comes by. */
	(void)!loop_watch_modify(stub->loop, &stub->watch,
				 waits || stub->session.over ? EPOLLOUT
							     : EPOLLIN);
}

/* Within what the machine tells: the session stays until the loop comes by. */
static void on_wake(struct gdb_session *session)
{
	struct gdbstub *stub = container_of(session, struct gdbstub, session);

	if (!flush(stub))
		session->over = true;
	await(stub);
}

/* needs: io: recvfrom */
static bool receive(struct gdbstub *stub)
{
	u8 data[GDB_PACKET_BYTES_MAX];
	ssize_t n = recv(stub->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0)
		gdb_session_receive(&stub->session, data, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_client(struct loop_watch *watch, u32 events)
{
	struct gdbstub *stub = watch->ctx;
	bool there = true;

	if (events & EPOLLIN)
		there = receive(stub);
	else if (events & (EPOLLERR | EPOLLHUP))
		there = false;
	if (!there || !flush(stub) ||
	    (stub->session.over && !stub->session.out.size))
		drop(stub);
	else
		await(stub);
}

static int take_client(struct gdbstub *stub, int fd)
{
	int err;

	stub->session.wakes = on_wake;
	err = gdb_session_begin(&stub->session, stub->machine);
	if (err)
		return err;
	stub->watch = (struct loop_watch){
		.fd = fd, .events = EPOLLIN, .fn = on_client, .ctx = stub};
	err = loop_watch_add(stub->loop, &stub->watch);
	if (err)
		gdb_session_end(&stub->session);
	return err;
}

static void on_connection(struct listener *listener, int fd)
{
	struct gdbstub *stub = container_of(listener, struct gdbstub, listener);

	if (stub->fd >= 0 || machine_status(stub->machine) == MACHINE_ENDED ||
	    take_client(stub, fd))
		fd_close(&fd);
	else
		stub->fd = fd;
}

/* ---- its life ---- */

int gdbstub_attach(struct gdbstub *stub, struct machine *machine,
		   struct fault *fault)
{
	struct loop *loop = machine_config(machine)->loop;
	int err;

	stub->machine = machine;
	loop_timer_init(&stub->stall_timer, stalled, stub);
	stub->listener.client = on_connection;
	err = listener_start(&stub->listener, loop);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "--gdb: cannot watch the socket");
	stub->loop = loop;
	return 0;
}

void gdbstub_jailed(struct gdbstub *stub)
{
	if (stub)
		listener_keep_file(&stub->listener);
}

const char *gdbstub_target(const struct gdbstub *stub)
{
	return stub->target;
}

/* needs: io: close */
void gdbstub_free(struct gdbstub *stub)
{
	if (!stub)
		return;
	if (stub->fd >= 0) {
		(void)flush(stub); /* a last word, if it fits */
		drop(stub);
	}
	listener_release(&stub->listener);
	free(stub);
}
