/* SPDX-License-Identifier: MIT */
/*
 * Disks: see block.h.
 *
 * A request is WAITING behind an overlapping one, with the AIO, with the
 * WORKER, or ENDED and on its way to `done`. Where data is in the file is
 * changed by the worker alone. What may do so is `exclusive`: it runs when
 * nothing overlapping is before it, and nothing overlapping starts before it
 * has ended. So a place handed to the AIO stays the data's place until that
 * has ended, and the worker's change of a part of a cluster is not torn.
 */
#include "vmm/block/block.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/iov.h"
#include "base/log.h"
#include "base/thread.h"
#include "vmm/block/disk.h"

#define BOUNCE_BYTES (256 * KiB)

enum request_state { WAITING, WITH_AIO, WITH_WORKER, ENDED };

struct block {
	struct disk *image; /* owned */
	struct loop *loop;  /* borrowed */
	struct aio *aio;    /* owned */
	int event_fd;	    /* owned: rings when something has ended */
	struct loop_watch watch;
	bool watched;
	bool write_through, temporary;
	u32 plugs;
	struct list all;   /* struct block_request, as submitted */
	u32 waiting_count; /* those that are WAITING */
	struct list ended; /* by this thread itself */
	struct block_stats stats;

	struct thread worker;
	bool worker_started;
	u8 *bounce;	   /* the worker's */
	struct mutex lock; /* guards what follows */
	struct cond wake;
	struct list todo, worked; /* struct block_request */
	bool stop;
};

/* ---- the worker ---- */

static int move_one(struct block *b, struct block_request *r, u64 done, u64 n)
{
	u64 offset = r->offset_bytes + done;
	int err;

	if (r->op == BLOCK_WRITE) {
		iov_read(r->iov, r->iov_count, done, b->bounce, n);
		return disk_write(b->image, offset, b->bounce, n);
	}
	err = disk_read(b->image, offset, b->bounce, n);
	if (!err)
		iov_write(r->iov, r->iov_count, done, b->bounce, n);
	return err;
}

static int move_data(struct block *b, struct block_request *r)
{
	int err = 0;

	if (r->iov_count == 1)
		return r->op == BLOCK_WRITE
			       ? disk_write(b->image, r->offset_bytes,
					    r->iov->iov_base, r->size_bytes)
			       : disk_read(b->image, r->offset_bytes,
					   r->iov->iov_base, r->size_bytes);
	for (u64 done = 0; !err && done < r->size_bytes;) {
		/* Chunks end where clusters do. */
		u64 to = align_down(r->offset_bytes + done + BOUNCE_BYTES,
				    BOUNCE_BYTES);
		u64 n = MIN(to - r->offset_bytes - done, r->size_bytes - done);

		err = move_one(b, r, done, n);
		done += n;
	}
	return err;
}

static int work_on(struct block *b, struct block_request *r)
{
	struct disk *image = b->image;
	int err = 0;

	switch (r->op) {
	case BLOCK_READ:
		return move_data(b, r);
	case BLOCK_FLUSH:
		return disk_flush(image);
	case BLOCK_WRITE:
		err = move_data(b, r);
		break;
	case BLOCK_DISCARD:
		err = disk_discard(image, r->offset_bytes, r->size_bytes);
		break;
	case BLOCK_WRITE_ZEROES:
		err = disk_zero(image, r->offset_bytes, r->size_bytes,
				r->may_unmap);
		break;
	}
	return !err && b->write_through ? disk_flush(image) : err;
}

static void ring(struct block *b)
{
	u64 one = 1;

	/* A full counter (EAGAIN) rings just as well. */
	(void)!write(b->event_fd, &one, sizeof(one));
}

static void worker_main(void *ctx)
{
	struct block *b = ctx;

	mutex_lock(&b->lock);
	for (;;) {
		struct block_request *r;

		while (!b->stop && list_empty(&b->todo))
			cond_wait(&b->wake, &b->lock);
		if (b->stop)
			break;
		r = list_first(&b->todo, struct block_request, link);
		list_del(&r->link);
		mutex_unlock(&b->lock);
		r->err = work_on(b, r);
		mutex_lock(&b->lock);
		list_add_tail(&b->worked, &r->link);
		ring(b);
	}
	mutex_unlock(&b->lock);
}

static void give_to_worker(struct block *b, struct block_request *r)
{
	r->state = WITH_WORKER;
	mutex_lock(&b->lock);
	list_add_tail(&b->todo, &r->link);
	cond_wake_one(&b->wake);
	mutex_unlock(&b->lock);
}

/* ---- starting requests ---- */

static void end(struct block *b, struct block_request *r, int err)
{
	r->state = ENDED;
	r->err = err;
	list_add_tail(&b->ended, &r->link);
}

/* For `done` in the next round of the loop. */
static void end_later(struct block *b, struct block_request *r, int err)
{
	end(b, r, err);
	ring(b);
}

/* Of aio_reap; what has ended is looked at right after it. */
static void on_aio_done(struct aio_op *op, s64 result)
{
	struct block_request *r = container_of(op, struct block_request, aio);

	if (result == (s64)r->size_bytes)
		end(r->block, r, 0);
	else if (result >= 0 || result == -EAGAIN || result == -EINTR)
		/* The end of a file, a medium's limit: again, step by step. */
		give_to_worker(r->block, r);
	else
		end(r->block, r, (int)result);
}

/* For the place in the file, and not of the disk: clusters may be smaller. */
static bool is_direct_ready(const struct block_request *r,
			    const struct extent *extent)
{
	u64 all = extent->host_offset | r->size_bytes;
	u32 align = extent->file->align_bytes;

	for (u32 i = 0; align > 1 && i < r->iov_count; i++)
		all |= (u64)(uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
	return is_aligned(all, align);
}

static void clear_iov(const struct block_request *r)
{
	for (u32 i = 0; i < r->iov_count; i++)
		memset(r->iov[i].iov_base, 0, r->iov[i].iov_len);
}

/* Starts what needs no worker; false when it does. */
static bool start_directly(struct block *b, struct block_request *r)
{
	bool write = r->op == BLOCK_WRITE;
	struct extent extent;

	if (r->op != BLOCK_READ && (!write || b->write_through))
		return false;
	if (disk_map_cached(b->image, r->offset_bytes, r->size_bytes, write,
			    &extent))
		return false;
	if (extent.kind == EXTENT_ZERO) {
		clear_iov(r);
		end_later(b, r, 0);
		return true;
	}
	if (!is_direct_ready(r, &extent))
		return false;
	r->aio = (struct aio_op){
		.write = write,
		.fd = extent.file->fd,
		.offset_bytes = extent.host_offset,
		.iov = r->iov,
		.iov_count = r->iov_count,
		.done = on_aio_done,
	};
	r->state = WITH_AIO;
	aio_submit(b->aio, &r->aio);
	return true;
}

static bool overlap(const struct block_request *a, const struct block_request *b)
{
	return a->range_start < b->range_end && b->range_start < a->range_end;
}

/* Whether something before `r` must end first. */
static bool must_wait(struct block *b, const struct block_request *r)
{
	list_for_each(it, &b->all) {
		const struct block_request *earlier =
			list_entry(it, struct block_request, all_link);

		if (earlier == r)
			return false;
		if ((earlier->exclusive || r->exclusive) && overlap(earlier, r))
			return true;
	}
	assert(false); /* it is in the list */
	return false;
}

/* Leaves it WAITING, or starts it. */
static void start(struct block *b, struct block_request *r)
{
	r->exclusive = false;
	if (must_wait(b, r)) {
		/* What comes after it must not overtake a change. */
		r->exclusive = r->op != BLOCK_READ && r->op != BLOCK_FLUSH;
		return;
	}
	if (start_directly(b, r))
		return;
	r->exclusive = r->op != BLOCK_READ && r->op != BLOCK_FLUSH;
	if (!must_wait(b, r))
		give_to_worker(b, r);
}

static bool is_valid(const struct block *b, const struct block_request *r)
{
	u64 disk = b->image->size_bytes, total = 0;

	if (r->op == BLOCK_FLUSH)
		return true;
	if (!is_aligned(r->offset_bytes | r->size_bytes, BLOCK_SECTOR_BYTES) ||
	    r->offset_bytes > disk || r->size_bytes > disk - r->offset_bytes)
		return false;
	if (r->op != BLOCK_READ && r->op != BLOCK_WRITE)
		return true;
	if (r->size_bytes > BLOCK_REQUEST_BYTES_MAX ||
	    r->iov_count > BLOCK_IOV_MAX)
		return false;
	for (u32 i = 0; i < r->iov_count; i++) {
		if (r->iov[i].iov_len > r->size_bytes - total)
			return false;
		total += r->iov[i].iov_len;
	}
	return total == r->size_bytes;
}

static void set_range(const struct block *b, struct block_request *r)
{
	u64 granule = b->image->granule_bytes;

	r->range_start = align_down(r->offset_bytes, granule);
	r->range_end = align_up(r->offset_bytes + r->size_bytes, granule);
	if (r->op == BLOCK_FLUSH)
		r->range_start = r->range_end = 0;
}

void block_submit(struct block *block, struct block_request *request)
{
	struct block_request *r = request;
	bool changes = r->op != BLOCK_READ && r->op != BLOCK_FLUSH;

	assert(r->done);
	r->block = block;
	r->submitted_ns = clock_now_ns();
	r->state = WAITING;
	r->exclusive = false;
	list_init(&r->link);
	list_add_tail(&block->all, &r->all_link);
	if (!is_valid(block, r)) {
		r->range_start = r->range_end = 0;
		end_later(block, r, -EINVAL);
	} else if (changes && block_read_only(block)) {
		r->range_start = r->range_end = 0;
		end_later(block, r, -EROFS);
	} else {
		set_range(block, r);
		if (!r->size_bytes && r->op != BLOCK_FLUSH)
			end_later(block, r, 0);
		else
			start(block, r);
	}
	block->waiting_count += r->state == WAITING;
	if (!block->plugs)
		aio_kick(block->aio);
}

void block_plug(struct block *block)
{
	block->plugs++;
}

void block_unplug(struct block *block)
{
	assert(block->plugs);
	if (!--block->plugs)
		aio_kick(block->aio);
}

/* ---- ending requests ---- */

/* The worker's join those that this thread ended. */
static void collect_worked(struct block *b)
{
	mutex_lock(&b->lock);
	while (!list_empty(&b->worked)) {
		struct block_request *r =
			list_first(&b->worked, struct block_request, link);

		list_del(&r->link);
		r->state = ENDED;
		list_add_tail(&b->ended, &r->link);
	}
	mutex_unlock(&b->lock);
}

static void start_waiting(struct block *b)
{
	list_for_each(it, &b->all) {
		struct block_request *r =
			list_entry(it, struct block_request, all_link);

		if (!b->waiting_count)
			break;
		if (r->state != WAITING)
			continue;
		start(b, r);
		b->waiting_count -= r->state != WAITING;
	}
}

static void count(struct block *b, const struct block_request *r)
{
	struct block_stats *stats = &b->stats;

	if (r->err) {
		stats->failed[r->op]++;
		return;
	}
	stats->count[r->op]++;
	stats->bytes[r->op] += r->size_bytes;
	stats->time_ns[r->op] += clock_now_ns() - r->submitted_ns;
}

/* All that has ended is out of the way before the first `done` submits. */
static void finish_ended(struct block *b)
{
	struct list batch;

	list_init(&batch);
	while (!list_empty(&b->ended)) {
		struct block_request *r =
			list_first(&b->ended, struct block_request, link);

		list_del(&r->link);
		list_del(&r->all_link);
		list_add_tail(&batch, &r->link);
	}
	if (b->waiting_count)
		start_waiting(b);
	while (!list_empty(&batch)) {
		struct block_request *r =
			list_first(&batch, struct block_request, link);

		list_del(&r->link);
		count(b, r);
		r->done(r, r->err);
	}
}

static void on_event(struct loop_watch *watch, u32 events)
{
	struct block *b = watch->ctx;
	u64 count;

	(void)events;
	/* Only empties the fd, before the queues: no ring is lost. */
	(void)!read(b->event_fd, &count, sizeof(count));
	b->plugs++; /* what `done` submits goes over together */
	aio_reap(b->aio);
	collect_worked(b);
	finish_ended(b);
	block_unplug(b);
}

/* needs: io: poll? */
void block_drain(struct block *block)
{
	struct pollfd fd = {.fd = block->event_fd, .events = POLLIN};

	assert(!block->plugs);
	while (!list_empty(&block->all)) {
		/* EINTR only means one more round. */
		(void)poll(&fd, 1, -1);
		on_event(&block->watch, POLLIN);
	}
}

/* ---- opening and closing ---- */

static int open_image(const struct block_config *config, struct disk **ret,
		      struct fault *fault)
{
	bool direct = config->cache == BLOCK_CACHE_NONE ||
		      config->cache == BLOCK_CACHE_DIRECTSYNC;
	const struct disk_config disk_config = {
		.path = config->path,
		.format = config->format,
		.read_only = config->read_only || config->temporary,
		.backing_allowed = config->backing_allowed,
		.discard = config->discard,
		.file_flags = direct ? BLOCK_FILE_DIRECT : 0,
	};
	const char *folder = config->temporary_folder;
	struct disk *image;
	int err = disk_open(&disk_config, &image, fault);

	if (!err && config->temporary)
		err = disk_open_temporary(folder ? folder : "/var/tmp", image,
					  &image, fault);
	if (err)
		return err;
	if (config->cache == BLOCK_CACHE_UNSAFE)
		image->file.sync_ignored = true;
	*ret = image;
	return 0;
}

static int start_threads(struct block *b, enum aio_kind kind)
{
	int err;

	b->bounce = malloc(BOUNCE_BYTES);
	if (!b->bounce)
		return trace_err(-ENOMEM);
	b->event_fd = fd_eventfd();
	if (b->event_fd < 0)
		return b->event_fd;
	b->watch = (struct loop_watch){b->event_fd, EPOLLIN, on_event, b};
	err = loop_watch_add(b->loop, &b->watch);
	if (err)
		return err;
	b->watched = true;
	err = aio_create(kind, b->event_fd, &b->aio);
	if (!err)
		err = thread_start(&b->worker, "disk", worker_main, b);
	b->worker_started = !err;
	return err;
}

static void release(struct block *b)
{
	if (b->worker_started) {
		mutex_lock(&b->lock);
		b->stop = true;
		cond_wake_all(&b->wake);
		mutex_unlock(&b->lock);
		thread_join(&b->worker);
	}
	aio_free(b->aio);
	if (b->watched)
		loop_watch_del(b->loop, &b->watch);
	fd_close(&b->event_fd);
	free(b->bounce);
	cond_release(&b->wake);
	mutex_release(&b->lock);
	free(b);
}

int block_open(const struct block_config *config, struct loop *loop,
	       struct block **ret_block, struct fault *fault)
{
	struct block *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "cannot open '%s'", config->path);
	b->loop = loop;
	b->event_fd = -1;
	b->temporary = config->temporary;
	b->write_through = config->cache == BLOCK_CACHE_WRITETHROUGH ||
			   config->cache == BLOCK_CACHE_DIRECTSYNC;
	list_init(&b->all);
	list_init(&b->ended);
	list_init(&b->todo);
	list_init(&b->worked);
	mutex_init(&b->lock);
	cond_init(&b->wake);
	err = open_image(config, &b->image, fault);
	if (!err) {
		err = start_threads(b, config->aio);
		if (err) {
			fault_set(fault, FAULT_INTERNAL, err,
				  "cannot start the threads of '%s'",
				  config->path);
			(void)disk_close(b->image);
		}
	}
	if (err) {
		release(b);
		return err;
	}
	*ret_block = b;
	return 0;
}

void block_close(struct block *block)
{
	char name[256];
	int err;

	if (!block)
		return;
	assert(list_empty(&block->all));
	/* Without a sync at the end, "unsafe" would forget even a clean one. */
	block->image->file.sync_ignored = block->temporary;
	(void)snprintf(name, sizeof(name), "%s", block->image->file.name);
	err = disk_close(block->image);
	if (err)
		log_at(LOG_ERROR, "block", "cannot write the last of '%s': %s",
		       name, strerror(-err));
	release(block);
}

u64 block_size_bytes(const struct block *block)
{
	return block->image->size_bytes;
}

const char *block_format(const struct block *block)
{
	return block->image->class->name;
}

const struct block_stats *block_stats(const struct block *block)
{
	return &block->stats;
}

bool block_read_only(const struct block *block)
{
	return block->image->read_only;
}

bool block_discards(const struct block *block)
{
	return block->image->discard && !block->image->read_only;
}
