/* SPDX-License-Identifier: MIT */
/* A client of the monitor: bytes in, JSON objects, bytes out. */
#include "vmm/monitor/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* Deeper than any command's arguments; the parser's memory is bounded by it. */
#define DEPTH_MAX 32

static void end(struct session *s)
{
	s->ended = true;
	loop_post(s->watch.ctx, &s->work);
}

/* ---- output ---- */

/* What the socket does not take waits for EPOLLOUT. */
/* needs: io: sendto */
static void flush(struct session *s)
{
	ssize_t n;

	while (s->output.size) {
		n = send(s->fd, s->output.data, s->output.size,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			end(s);
		if (n < 0)
			return;
		buf_consume(&s->output, (size_t)n);
	}
}

static bool is_behind(const struct session *s)
{
	return s->output.size > SESSION_OUTPUT_BYTES_HIGH;
}

/* A client that does not read is not read from. */
static void watch_again(struct session *s)
{
	u32 events =
		(s->output.size ? EPOLLOUT : 0) |
		(s->input_start < s->input_end || is_behind(s) ? 0 : EPOLLIN);

	/* A socket that is watched already can fail for want of memory only. */
	if (!s->ended && s->watch.events != events &&
	    loop_watch_modify(s->watch.ctx, &s->watch, events))
		end(s);
}

void session_send(struct session *s, struct json_object *message)
{
	const char *text =
		message ? json_object_to_json_string_ext(
				  message, JSON_C_TO_STRING_NOSLASHESCAPE)
			: NULL;

	if (!text || buf_append_str(&s->output, text) ||
	    buf_append_str(&s->output, "\r\n"))
		end(s);
	json_object_put(message);
	flush(s);
	watch_again(s);
}

/* ---- input ---- */

/* What follows a mistake is likely to be the rest of it. */
static void skip_line(struct session *s)
{
	u8 *at = s->input + s->input_start;
	u8 *line_end = memchr(at, '\n', s->input_end - s->input_start);

	s->skipping = !line_end;
	s->input_start = line_end ? (u32)(line_end + 1 - s->input)
				  : s->input_end;
}

static void broken(struct session *s)
{
	json_tokener_reset(s->tokener);
	s->message_bytes = 0;
	s->skipping = true;
	monitor_message(s, NULL);
}

static void parse_some(struct session *s)
{
	u32 size = s->input_end - s->input_start;
	struct json_object *message = json_tokener_parse_ex(
		s->tokener, (const char *)s->input + s->input_start, (int)size);
	enum json_tokener_error err = json_tokener_get_error(s->tokener);
	size_t used = json_tokener_get_parse_end(s->tokener);

	assert(used <= size);
	s->message_bytes += used;
	s->input_start += (u32)used;
	if (err == json_tokener_continue) {
		s->input_start = s->input_end;
		if (s->message_bytes > SESSION_MESSAGE_BYTES_MAX)
			end(s);
	} else if (err != json_tokener_success) {
		broken(s);
	} else {
		s->message_bytes = 0;
		monitor_message(s, message);
	}
	json_object_put(message);
}

static void parse(struct session *s)
{
	while (s->input_start < s->input_end && !s->ended && !is_behind(s))
		if (s->skipping)
			skip_line(s);
		else
			parse_some(s);
}

/* One descriptor may come along; the room for it has room for more, and whatever
 * came is open. */
static void take_passed(struct session *s, struct msghdr *head)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(head);
	size_t count;
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		fd_close(i ? &fd : &s->passed_fd);
		if (!i)
			s->passed_fd = fd;
	}
}

/* needs: io: recvmsg close */
static void receive(struct session *s)
{
	/* The kernel closes what does not fit. */
	union {
		struct cmsghdr head;
		u8 room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = s->input, .iov_len = sizeof(s->input)};
	struct msghdr head = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(s->fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(s);
		return;
	}
	take_passed(s, &head);
	s->input_start = 0;
	s->input_end = (u32)n;
}

static void on_ready(struct loop_watch *watch, u32 events)
{
	struct session *s = container_of(watch, struct session, watch);

	if (events & EPOLLOUT)
		flush(s);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    s->input_start == s->input_end && !is_behind(s))
		receive(s);
	else if (events & (EPOLLHUP | EPOLLERR))
		end(s); /* nobody will read the answers */
	parse(s);
	watch_again(s);
}

/* A session is taken down where nothing of it is under way. */
static void session_due(struct loop_work *work)
{
	struct session *s = work->ctx;

	if (!s->ended)
		return;
	monitor_forget(s);
	session_free(s);
}

/* ---- lives ---- */

int session_create(struct monitor *monitor, struct loop *loop, int fd,
		   struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		fd_close(&fd);
		return trace_err(-ENOMEM);
	}
	s->monitor = monitor;
	s->fd = fd;
	s->passed_fd = -1;
	list_init(&s->link);
	buf_init(&s->output, SESSION_OUTPUT_BYTES_MAX);
	loop_work_init(&s->work, session_due, s);
	s->tokener = json_tokener_new_ex(DEPTH_MAX);
	s->watch = (struct loop_watch){
		.fd = fd, .events = EPOLLIN, .fn = on_ready, .ctx = loop};
	err = s->tokener ? loop_watch_add(loop, &s->watch) : -ENOMEM;
	if (err) {
		json_tokener_free(s->tokener);
		fd_close(&s->fd);
		free(s);
		return trace_err(err);
	}
	*ret = s;
	return 0;
}

void session_free(struct session *s)
{
	flush(s);
	loop_work_cancel(s->watch.ctx, &s->work);
	loop_watch_del(s->watch.ctx, &s->watch);
	list_del(&s->link);
	fd_close(&s->fd);
	fd_close(&s->passed_fd);
	json_tokener_free(s->tokener);
	buf_release(&s->output);
	free(s);
}
