/* SPDX-License-Identifier: MIT */
/* Output through a ring and a writer thread, input from the loop. */
#include "vmm/char/stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/kick.h"

#define KICK_AGAIN_NS	(10 * NS_PER_MS)
#define RETRY_NS	(500 * NS_PER_MS)
#define WRITE_BYTES_MAX 4096u

static struct stream *stream_of(struct chardev *chardev)
{
	return container_of(chardev, struct stream, chardev);
}

/* ---- output: the device's side ---- */

static u32 put_locked(struct stream *s, const u8 *data, size_t size)
{
	u32 taken = (u32)MIN(size, (size_t)(STREAM_OUT_BYTES - s->count));
	u32 tail = (s->head + s->count) % STREAM_OUT_BYTES;
	u32 first = MIN(taken, STREAM_OUT_BYTES - tail);

	memcpy(s->out + tail, data, first);
	memcpy(s->out, data + first, taken - first);
	s->count += taken;
	return taken;
}

/* The ring is full: wait for the reader, or drop for one that has gone. */
static size_t full_locked(struct stream *s, size_t taken, size_t size)
{
	u64 now_ns = clock_now_ns();

	if (s->full_since_ns && now_ns - s->full_since_ns >= CHARDEV_STALL_NS) {
		s->dropped_bytes += size - taken;
		return size;
	}
	if (!s->full_since_ns)
		s->full_since_ns = now_ns;
	s->notify = true;
	loop_post(s->loop, &s->full_work);
	return taken;
}

size_t stream_write(struct chardev *chardev, const u8 *data, size_t size)
{
	struct stream *s = stream_of(chardev);
	size_t taken = size;
	bool was_empty;

	mutex_lock(&s->lock);
	was_empty = !s->count;
	if (s->sink_err || s->closing || s->out_fd < 0)
		s->dropped_bytes += size;
	else
		taken = put_locked(s, data, size);
	if (taken < size)
		taken = full_locked(s, taken, size);
	mutex_unlock(&s->lock);
	if (was_empty)
		cond_wake_one(&s->changed);
	return taken;
}

/* ---- output: the loop's side ---- */

static void tell_writable(struct stream *s)
{
	if (s->chardev.user.writable)
		s->chardev.user.writable(s->chardev.user.ctx);
}

static void writable_due(struct loop_work *work)
{
	tell_writable(work->ctx);
}

/* The device tries again when the stall has lasted: its bytes then drop. */
static void full_due(struct loop_work *work)
{
	struct stream *s = work->ctx;
	u64 since_ns;

	mutex_lock(&s->lock);
	since_ns = s->full_since_ns;
	mutex_unlock(&s->lock);
	if (since_ns)
		loop_timer_set(s->loop, &s->stall_timer,
			       since_ns + CHARDEV_STALL_NS);
}

static void stall_due(struct loop_timer *timer)
{
	tell_writable(timer->ctx);
}

/* ---- output: the writer's side ---- */

/* Returns the bytes gone, 0 to try again, or -errno of a dead sink. */
/* needs: worker: poll */
static ssize_t write_some(int fd, const u8 *data, size_t size)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	ssize_t n = write(fd, data, size);

	if (n >= 0)
		return n;
	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -errno;
	/* Somebody else made it non-blocking, and the setting is shared. */
	(void)poll(&wait, 1, 100); /* whatever it says, the write is repeated */
	return 0;
}

static void progress_locked(struct stream *s, ssize_t n)
{
	bool notify;

	if (n < 0) {
		s->sink_err = (int)n;
		s->dropped_bytes += s->count;
		n = s->count;
	}
	s->head = (u32)(s->head + n) % STREAM_OUT_BYTES;
	s->count -= (u32)n;
	if (n)
		s->full_since_ns = 0;
	notify = s->notify && s->count <= STREAM_OUT_BYTES / 2;
	if (notify) {
		s->notify = false;
		loop_post(s->loop, &s->writable_work);
	}
	if (!s->count)
		cond_wake_all(&s->changed);
}

/* Only this thread moves `head`, so the bytes from there on are its own. */
static void writer_main(void *ctx)
{
	struct stream *s = ctx;
	u32 size;
	ssize_t n;

	mutex_lock(&s->lock);
	while (!s->abandoned && (s->count || !s->closing)) {
		if (!s->count) {
			cond_wait(&s->changed, &s->lock);
			continue;
		}
		size = MIN(s->count, STREAM_OUT_BYTES - s->head);
		size = MIN(size, WRITE_BYTES_MAX);
		mutex_unlock(&s->lock);
		n = write_some(s->out_fd, s->out + s->head, size);
		mutex_lock(&s->lock);
		progress_locked(s, n);
	}
	s->ended = true;
	cond_wake_all(&s->changed);
	mutex_unlock(&s->lock);
}

void stream_drain(struct chardev *chardev)
{
	struct stream *s = stream_of(chardev);
	u64 deadline_ns = clock_now_ns() + CHARDEV_STALL_NS;

	mutex_lock(&s->lock);
	while (s->count && !s->ended && clock_now_ns() < deadline_ns)
		cond_wait_until(&s->changed, &s->lock, deadline_ns);
	mutex_unlock(&s->lock);
}

static void writer_stop(struct stream *s)
{
	u64 deadline_ns = clock_now_ns() + CHARDEV_STALL_NS;

	mutex_lock(&s->lock);
	s->closing = true;
	cond_wake_all(&s->changed);
	while (!s->ended && clock_now_ns() < deadline_ns)
		cond_wait_until(&s->changed, &s->lock, deadline_ns);
	s->abandoned = true;
	while (!s->ended) {
		kick_thread(&s->writer);
		cond_wait_until(&s->changed, &s->lock,
				clock_now_ns() + KICK_AGAIN_NS);
	}
	s->dropped_bytes += s->count;
	s->count = 0;
	mutex_unlock(&s->lock);
	thread_join(&s->writer);
}

/* ---- input ---- */

static void hand_over(struct stream *s)
{
	const struct chardev_user *user = &s->chardev.user;

	while (s->in_count && user->room) {
		u32 run = MIN(s->in_count, STREAM_IN_BYTES - s->in_head);
		size_t n = MIN((size_t)run, user->room(user->ctx));

		if (!n)
			return;
		user->receive(user->ctx, s->in + s->in_head, n);
		s->in_head = (u32)(s->in_head + n) % STREAM_IN_BYTES;
		s->in_count -= (u32)n;
	}
}

static void keep(struct stream *s, u8 byte)
{
	if (s->in_count == STREAM_IN_BYTES)
		return; /* a terminal's; a pipe is read only as it fits */
	s->in[(s->in_head + s->in_count) % STREAM_IN_BYTES] = byte;
	s->in_count++;
}

static void take_input(struct stream *s, const u8 *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		u8 pass[2] = {data[i]};
		u32 n = 1;

		if (s->escape)
			n = escape_take(s->escape, data[i], pass);
		for (u32 k = 0; k < n; k++)
			keep(s, pass[k]);
	}
}

static void watch_input(struct stream *s, bool on)
{
	if (s->watched == on || s->always_ready)
		return;
	if (!on)
		loop_watch_del(s->loop, &s->watch);
	else if (loop_watch_add(s->loop, &s->watch))
		s->eof = true; /* no memory for it: the guest gets no input */
	s->watched = on && !s->eof;
}

/*
 * A terminal gives a background job EIO (the signal that would stop it is
 * ignored); what is typed is another's. Ask again later.
 */
static bool is_in_background(const struct stream *s)
{
	return s->in_is_terminal && errno == EIO &&
	       tcgetpgrp(s->in_fd) != getpgrp();
}

static void wait_for_foreground(struct stream *s)
{
	s->in_background = true;
	loop_timer_set(s->loop, &s->retry_timer, clock_now_ns() + RETRY_NS);
}

/* True when there may be more to read at once. */
/* needs: io: read */
static bool read_input(struct stream *s)
{
	/* A pair of bytes may come out of one. */
	u32 room = (STREAM_IN_BYTES - s->in_count) / 2;
	u8 data[STREAM_IN_BYTES / 2];
	ssize_t n;

	if (s->eof || (!room && !s->in_is_terminal))
		return false;
	if (s->in_is_terminal && s->on_terminal)
		s->on_terminal(s->on_terminal_ctx);
	n = read(s->in_fd, data, room ? room : sizeof(data));
	if (n > 0)
		take_input(s, data, (size_t)n);
	else if (n < 0 && is_in_background(s))
		wait_for_foreground(s);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		s->eof = true;
	hand_over(s);
	return n > 0;
}

static void after_input(struct stream *s)
{
	bool room = s->in_is_terminal || s->in_count < STREAM_IN_BYTES / 2;

	watch_input(s, room && !s->eof && !s->in_background);
}

static void input_ready(struct loop_watch *watch, u32 events)
{
	struct stream *s = watch->ctx;

	(void)events;
	(void)read_input(s); /* more will show as another event */
	after_input(s);
}

static void retry_due(struct loop_timer *timer)
{
	struct stream *s = timer->ctx;

	s->in_background = false;
	after_input(s);
}

static void input_wanted_due(struct loop_work *work)
{
	struct stream *s = work->ctx;

	if (s->in_fd < 0)
		return;
	hand_over(s);
	/* A file is read as fast as the guest takes it. */
	if (s->always_ready && read_input(s))
		loop_post(s->loop, &s->input_work);
	after_input(s);
}

void stream_input_wanted(struct chardev *chardev)
{
	struct stream *s = stream_of(chardev);

	loop_post(s->loop, &s->input_work);
}

/* ---- life ---- */

void stream_init(struct stream *s, struct loop *loop,
		 const struct chardev_ops *ops)
{
	s->chardev = (struct chardev){.ops = ops};
	s->loop = loop;
	mutex_init(&s->lock);
	cond_init(&s->changed);
	s->out_fd = s->in_fd = -1;
	s->head = s->count = s->in_head = s->in_count = 0;
	s->closing = s->abandoned = s->ended = false;
	s->sink_err = 0;
	s->notify = s->writer_started = false;
	s->watched = s->always_ready = s->in_is_terminal = s->eof = false;
	s->full_since_ns = s->dropped_bytes = 0;
	s->in_background = false;
	s->escape = NULL;
	s->on_terminal = NULL;
	loop_timer_init(&s->retry_timer, retry_due, s);
	loop_work_init(&s->writable_work, writable_due, s);
	loop_work_init(&s->full_work, full_due, s);
	loop_work_init(&s->input_work, input_wanted_due, s);
	loop_timer_init(&s->stall_timer, stall_due, s);
}

static int start_input(struct stream *s, int in_fd)
{
	int err;

	s->in_is_terminal = isatty(in_fd);
	s->watch = (struct loop_watch){
		.fd = in_fd, .events = EPOLLIN, .fn = input_ready, .ctx = s};
	err = loop_watch_add(s->loop, &s->watch);
	s->watched = !err;
	/* epoll refuses what is always ready: files, /dev/null. */
	s->always_ready = err == -EPERM;
	if (err && !s->always_ready)
		return trace_err(err);
	s->in_fd = in_fd;
	if (s->always_ready)
		loop_post(s->loop, &s->input_work);
	return 0;
}

int stream_start(struct stream *s, int in_fd, int out_fd, struct escape *escape)
{
	int err;

	s->escape = escape;
	if (in_fd >= 0) {
		err = start_input(s, in_fd);
		if (err)
			return err;
	}
	if (out_fd < 0)
		return 0;
	s->out_fd = out_fd;
	err = thread_start(&s->writer, "chardev", writer_main, s);
	s->writer_started = !err;
	if (err)
		watch_input(s, false);
	return err;
}

void stream_stop(struct stream *s)
{
	watch_input(s, false);
	if (s->writer_started)
		writer_stop(s);
	s->writer_started = false;
	loop_timer_clear(s->loop, &s->stall_timer);
	loop_timer_clear(s->loop, &s->retry_timer);
	loop_work_cancel(s->loop, &s->writable_work);
	loop_work_cancel(s->loop, &s->full_work);
	loop_work_cancel(s->loop, &s->input_work);
	cond_release(&s->changed);
	mutex_release(&s->lock);
}
