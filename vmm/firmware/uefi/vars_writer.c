/* SPDX-License-Identifier: MIT */
/* When the file is written: see vars_writer.h. */
#include "vmm/firmware/uefi/vars_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

void vars_writer_note(struct vars_writer *writer, u64 at, const u8 *data,
		      u64 size)
{
	assert(at <= writer->bytes && size <= writer->bytes - at);
	mutex_lock(&writer->lock);
	memcpy(writer->now + at, data, size);
	if (!writer->dirty) {
		writer->dirty = true;
		writer->due_ns = MAX(clock_now_ns() + writer->settle_ns,
				     writer->earliest_ns);
		cond_wake_all(&writer->changed);
	}
	mutex_unlock(&writer->lock);
}

/* Until there is something to write and it is time; false: never more. */
static bool wait_for_work(struct vars_writer *writer)
{
	while (!writer->dirty && !writer->quit)
		cond_wait(&writer->changed, &writer->lock);
	while (writer->dirty && !writer->quit &&
	       cond_wait_until(&writer->changed, &writer->lock, writer->due_ns))
		;
	return writer->dirty;
}

/* The host may have room, or its disk, again; after the end there is no more. */
static void try_again_locked(struct vars_writer *writer)
{
	if (writer->quit)
		return;
	writer->dirty = true;
	writer->due_ns = writer->earliest_ns;
}

/* needs: worker: pwrite64 */
static void writer_main(void *ctx)
{
	struct vars_writer *writer = ctx;
	bool told = false;
	int err;

	mutex_lock(&writer->lock);
	while (wait_for_work(writer)) {
		writer->dirty = false;
		/* What changes while this is written waits, too. */
		writer->earliest_ns = clock_now_ns() + writer->pause_ns;
		memcpy(writer->writing, writer->now, writer->bytes);
		mutex_unlock(&writer->lock);
		err = vars_file_put(writer->file, writer->writing);
		if (err && !told)
			log_at(LOG_ERROR, "uefi",
			       "cannot write the variables to '%s': %s",
			       writer->file->file.name, strerror(-err));
		told |= err != 0;
		mutex_lock(&writer->lock);
		if (err)
			try_again_locked(writer);
	}
	mutex_unlock(&writer->lock);
}

int vars_writer_init(struct vars_writer *writer, struct vars_file *file,
		     const u8 *store)
{
	*writer = (struct vars_writer){
		.file = file,
		.bytes = file->store_bytes,
		.settle_ns = VARS_SETTLE_NS,
		.pause_ns = VARS_PAUSE_NS,
	};
	mutex_init(&writer->lock);
	cond_init(&writer->changed);
	writer->now = malloc(writer->bytes);
	writer->writing = malloc(writer->bytes);
	if (!writer->now || !writer->writing) {
		vars_writer_release(writer);
		return trace_err(-ENOMEM);
	}
	memcpy(writer->now, store, writer->bytes);
	return 0;
}

int vars_writer_start(struct vars_writer *writer)
{
	int err =
		thread_start(&writer->thread, "uefi-vars", writer_main, writer);

	writer->started = !err;
	return err;
}

void vars_writer_release(struct vars_writer *writer)
{
	if (!writer->bytes)
		return;
	if (writer->started) {
		mutex_lock(&writer->lock);
		writer->quit = true;
		cond_wake_all(&writer->changed);
		mutex_unlock(&writer->lock);
		thread_join(&writer->thread);
	}
	cond_release(&writer->changed);
	mutex_release(&writer->lock);
	free(writer->now);
	free(writer->writing);
	*writer = (struct vars_writer){};
}
