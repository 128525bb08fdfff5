/* SPDX-License-Identifier: MIT */
/* Frames over a stream socket: see netstream.h. */
#include "vmm/net/netstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/iov.h"

/* Of one wake: the loop has others to serve. */
#define READS_MAX 8

static void watch_again(struct netstream *s)
{
	bool out = s->refused || s->rest_start != s->rest_end;
	u32 events = (s->held ? 0 : EPOLLIN) | (out ? EPOLLOUT : 0);

	if (s->fd < 0 || s->watch.events == events)
		return;
	/* A change of what is watched already needs nothing that can lack. */
	if (loop_watch_modify(s->loop, &s->watch, events))
		assert(false);
}

static void set_link(struct netstream *s, bool up)
{
	if (s->netdev.link_up == up)
		return;
	s->netdev.link_up = up;
	if (s->netdev.user.link_changed)
		s->netdev.user.link_changed(s->netdev.user.ctx);
}

/* ---- output ---- */

/* Of one frame, with its head. */
#define REST_BYTES (FRAMES_HEAD_BYTES + NETDEV_FRAME_BYTES_MAX)

static bool refuse(struct netstream *s)
{
	s->refused = true;
	watch_again(s);
	return false;
}

/*
 * An error that is not "later" loses the frame; the loop hears of a peer that
 * has gone.  needs: io: sendmsg?
 */
bool netstream_send(struct netdev *netdev, const struct iovec *iov, u32 count)
{
	struct netstream *s = netstream_of(netdev);
	struct iovec all[1 + NETDEV_PARTS_MAX];
	struct msghdr message = {.msg_iov = all, .msg_iovlen = 1 + count};
	u8 head[FRAMES_HEAD_BYTES];
	size_t size = 0;
	ssize_t n;

	if (s->rest_start != s->rest_end)
		return refuse(s);
	memcpy(all + 1, iov, count * sizeof(*iov));
	for (u32 i = 0; i < count; i++)
		size += iov[i].iov_len;
	frames_head(head, (u32)size);
	all[0] = (struct iovec){.iov_base = head, .iov_len = sizeof(head)};
	n = sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? refuse(s) : true;
	if ((size_t)n < sizeof(head) + size) {
		s->rest_start = 0;
		s->rest_end = (u32)iov_read(all, 1 + count, (size_t)n, s->rest,
					    REST_BYTES);
		watch_again(s);
	}
	return true;
}

/* needs: io: sendto? */
static void send_rest(struct netstream *s)
{
	ssize_t n = send(s->fd, s->rest + s->rest_start,
			 s->rest_end - s->rest_start,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		s->rest_start += (u32)n;
}

static void tell_writable(struct netstream *s)
{
	bool owed = s->refused;

	s->refused = false;
	if (owed && s->netdev.user.writable)
		s->netdev.user.writable(s->netdev.user.ctx);
}

static void output(struct netstream *s)
{
	if (s->rest_start != s->rest_end)
		send_rest(s);
	if (s->rest_start == s->rest_end)
		tell_writable(s);
	watch_again(s);
}

/* ---- input ---- */

/* False when the card has no room for it. */
static bool hand_on(struct netstream *s, const u8 *frame, u32 size)
{
	const struct netdev_user *user = &s->netdev.user;

	if (s->waits_for_first) {
		s->waits_for_first = false;
		set_link(s, true);
		return true;
	}
	return !user->receive || user->receive(user->ctx, frame, size);
}

/* 0 when all whole frames are handed on or the card has no room. */
static int hand_on_all(struct netstream *s)
{
	const u8 *frame;
	bool some = false;
	u32 size;
	int got;

	while ((got = frames_next(&s->frames, &frame, &size)) == 1) {
		s->held = !hand_on(s, frame, size);
		if (s->held)
			break;
		frames_drop(&s->frames);
		some = true;
	}
	if (some && s->netdev.user.received)
		s->netdev.user.received(s->netdev.user.ctx);
	return MIN(got, 0);
}

/* 1: there may be more. 0: not now. -errno: the stream has ended.
 * needs: io: recvfrom? */
static int read_some(struct netstream *s)
{
	u32 space;
	u8 *at = frames_space(&s->frames, &space);
	ssize_t n = recv(s->fd, at, space, MSG_DONTWAIT);
	int err;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -EPIPE;
	frames_added(&s->frames, (u32)n);
	err = hand_on_all(s);
	return err ? err : !s->held && (u32)n == space;
}

void netstream_input(struct netstream *s)
{
	int more = 1;

	for (u32 i = 0; i < READS_MAX && more > 0 && !s->held; i++)
		more = read_some(s);
	watch_again(s);
	if (more < 0)
		s->lost(s, more);
}

static void on_ready(struct loop_watch *watch, u32 events)
{
	struct netstream *s = watch->ctx;

	if (events & EPOLLOUT)
		output(s);
	/* A peer that has gone may have left frames; not if they would wait. */
	if (s->fd >= 0 && (events & EPOLLIN) && !s->held)
		netstream_input(s);
	else if (s->fd >= 0 && (events & (EPOLLHUP | EPOLLERR)))
		s->lost(s, -EPIPE);
}

static void wanted_due(struct loop_work *work)
{
	struct netstream *s = work->ctx;
	int err;

	if (s->fd < 0 || !s->held)
		return;
	s->held = false;
	err = hand_on_all(s);
	watch_again(s);
	if (err)
		s->lost(s, err);
}

void netstream_receive_wanted(struct netdev *netdev)
{
	struct netstream *s = netstream_of(netdev);

	if (s->held)
		loop_post(s->loop, &s->wanted_work);
}

/* ---- life ---- */

int netstream_init(struct netstream *s, struct loop *loop,
		   const struct netdev_ops *ops)
{
	*s = (struct netstream){
		.netdev = {.ops = ops, .mtu = 1500},
		.loop = loop,
		.fd = -1,
	};
	loop_work_init(&s->wanted_work, wanted_due, s);
	s->rest = malloc(REST_BYTES);
	if (!s->rest)
		return trace_err(-ENOMEM);
	return frames_init(&s->frames);
}

int netstream_open(struct netstream *s, int fd, bool wait)
{
	int err;

	assert(s->fd < 0);
	s->watch = (struct loop_watch){fd, EPOLLIN, on_ready, s};
	err = loop_watch_add(s->loop, &s->watch);
	if (err)
		return err;
	s->fd = fd;
	frames_restart(&s->frames);
	s->held = false;
	s->waits_for_first = wait;
	if (!wait)
		set_link(s, true);
	return 0;
}

void netstream_shut(struct netstream *s)
{
	if (s->fd < 0)
		return;
	loop_watch_del(s->loop, &s->watch);
	fd_close(&s->fd);
	s->rest_start = s->rest_end = 0;
	set_link(s, false);
	/* The link takes all now. */
	tell_writable(s);
}

void netstream_release(struct netstream *s)
{
	if (!s->loop)
		return;
	netdev_attach(&s->netdev, NULL);
	netstream_shut(s);
	loop_work_cancel(s->loop, &s->wanted_work);
	frames_release(&s->frames);
	free(s->rest);
	*s = (struct netstream){.fd = -1};
}
