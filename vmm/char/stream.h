/* SPDX-License-Identifier: MIT */
/*
 * A chardev over file descriptors.
 *
 * Output goes through a ring to a thread of its own that does the blocking
 * writes, so neither a vCPU nor the event loop ever waits for a slow
 * terminal, a full pipe or a disk. While the ring is full the device's
 * transmitter stays busy; when the reader has made no progress for
 * CHARDEV_STALL_NS, output is dropped until it does.
 *
 * Input is read by the event loop into a small buffer and handed over as the
 * device has room. From a pipe no more is read than fits; a terminal is read
 * always, so that the escape keys work while the guest takes nothing, and
 * what does not fit is dropped.
 *
 * Lock: `lock` guards the output members; input belongs to the loop's thread.
 */
#ifndef VMM_CHAR_STREAM_H
#define VMM_CHAR_STREAM_H

#include "base/thread.h"
#include "vmm/char/chardev.h"
#include "vmm/char/escape.h"

#define STREAM_OUT_BYTES 65536
#define STREAM_IN_BYTES	 1024

struct stream {
	struct chardev chardev;
	struct loop *loop; /* borrowed: must outlive this */

	struct mutex lock;
	struct cond changed;
	int out_fd;	   /* borrowed */
	u32 head, count;   /* of out[] */
	bool closing;	   /* no more will come: write out and end */
	bool abandoned;	   /* not even that: end */
	bool ended;	   /* the writer has */
	int sink_err;	   /* -errno of a failed write: drop everything */
	bool notify;	   /* a write was cut short */
	u64 full_since_ns; /* without progress; 0 = not full */
	u64 dropped_bytes;
	struct thread writer;
	bool writer_started;
	struct loop_work writable_work, full_work;
	struct loop_timer stall_timer;

	int in_fd; /* borrowed; -1 = no input */
	bool watched, always_ready, in_is_terminal, eof;
	bool in_background; /* the terminal is another job's for now */
	struct loop_watch watch;
	struct loop_work input_work;
	struct loop_timer retry_timer; /* while in_background */
	/* The terminal may be ours again: called before each read of one. */
	void (*on_terminal)(void *ctx); /* may be NULL */
	void *on_terminal_ctx;
	struct escape *escape; /* borrowed; NULL = no such keys */
	u32 in_head, in_count;
	u8 in[STREAM_IN_BYTES];
	u8 out[STREAM_OUT_BYTES];
};

/* No side effects. The fds (-1 = none) come with stream_start. */
void stream_init(struct stream *stream, struct loop *loop,
		 const struct chardev_ops *ops);

/*
 * From the loop's thread or before it runs. -EAGAIN, -ENOMEM, ...; then
 * nothing was started.
 */
must_check int stream_start(struct stream *stream, int in_fd, int out_fd,
			    struct escape *escape);
/*
 * Writes out what is there, for CHARDEV_STALL_NS at most; the fds stay open.
 * dropped_bytes and sink_err are final then.
 */
void stream_stop(struct stream *stream);

/* The chardev ops of every stream but close. */
size_t stream_write(struct chardev *chardev, const u8 *data, size_t size);
void stream_input_wanted(struct chardev *chardev);
void stream_drain(struct chardev *chardev);

#endif
