/* SPDX-License-Identifier: MIT */
/*
 * A disk for a device: an image whose requests run asynchronously. What takes
 * no more than moving data to or from a known place of the file goes straight
 * to io_uring; what needs an image's tables or a slow call goes to the disk's
 * worker thread, one such at a time.
 *
 * Everything belongs to the thread of the loop. Requests may end in any order.
 * Two at once that overlap, one of them a write, leave either's data in each
 * sector; a request submitted after another's `done` sees its effect.
 *
 * Durability: after a flush's `done` with 0, all that had ended before the
 * flush was submitted survives the end of this process and of its host. At
 * any moment an image left behind by either is whole: at worst it has space
 * that belongs to nobody.
 */
#ifndef VMM_BLOCK_BLOCK_H
#define VMM_BLOCK_BLOCK_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/types.h"
#include "vmm/block/aio.h"

#define BLOCK_SECTOR_BYTES 512
/* Of one request, all segments together. */
#define BLOCK_REQUEST_BYTES_MAX ((u64)1 << 31)
#define BLOCK_IOV_MAX		1024

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH, /* offset and size are 0 */
	BLOCK_DISCARD,
	BLOCK_WRITE_ZEROES,
};

#define BLOCK_OP_COUNT (BLOCK_WRITE_ZEROES + 1)

/* Of the requests that have ended: all since block_open, by op. */
struct block_stats {
	u64 count[BLOCK_OP_COUNT], bytes[BLOCK_OP_COUNT]; /* went well */
	u64 failed[BLOCK_OP_COUNT];
	u64 time_ns[BLOCK_OP_COUNT]; /* from submit to end, in sum */
};

enum block_cache {
	BLOCK_CACHE_WRITEBACK,	  /* the host caches, a flush is a flush */
	BLOCK_CACHE_NONE,	  /* O_DIRECT, a flush is a flush */
	BLOCK_CACHE_WRITETHROUGH, /* each write ends flushed */
	BLOCK_CACHE_DIRECTSYNC,	  /* O_DIRECT, each write ends flushed */
	BLOCK_CACHE_UNSAFE,	  /* flushes do nothing until block_close */
};

struct block;

/* The caller's, in place until `done`. Zero it, then fill the first part. */
struct block_request {
	enum block_op op;
	/* Multiples of 512 within the disk; else done says -EINVAL. */
	u64 offset_bytes, size_bytes;
	/*
	 * Reads and writes: at most BLOCK_IOV_MAX segments of size_bytes
	 * together, else -EINVAL. Borrowed until done, memory included.
	 */
	const struct iovec *iov;
	u32 iov_count;
	bool may_unmap; /* BLOCK_WRITE_ZEROES: space may be given back */
	/*
	 * On the loop's thread, never from inside block_submit. 0, -EINVAL,
	 * -EROFS, -EIO for a damaged image, or the host's error as it is, such
	 * as -ENOSPC. The request is the caller's again when it is called; it
	 * may submit, and may not close the block.
	 */
	void (*done)(struct block_request *request, int err);
	void *ctx; /* for the caller */

	/* The block layer's own. */
	struct block *block;
	struct list all_link, link;
	u64 submitted_ns;
	u64 range_start, range_end; /* rounded to what a change touches */
	u8 state;
	bool exclusive; /* may change where the data is */
	int err;
	struct aio_op aio;
};

struct block_config {
	const char *path;
	const char *format; /* "raw", "qcow2"; NULL = as the name says */
	bool read_only;
	bool temporary;	      /* writes are forgotten at block_close */
	bool backing_allowed; /* the files that the image names may be opened */
	enum block_cache cache;
	bool discard;		      /* discards give space back to the host */
	const char *temporary_folder; /* NULL = /var/tmp */
	enum aio_kind aio;	      /* AIO_AUTO but in tests */
};

/*
 * Opens, locks and starts the disk. Beside disk_open's errors: -ENOMEM,
 * -EMFILE, -EAGAIN (no thread); the fault is one sentence in each case. `loop`
 * is borrowed until block_close.
 */
must_check int block_open(const struct block_config *config, struct loop *loop,
			  struct block **ret_block, struct fault *fault);

/* Nothing may be in flight (block_drain). Flushes; a failure is logged. */
void block_close(struct block *block);

u64 block_size_bytes(const struct block *block);
bool block_read_only(const struct block *block);
/* Whether discards give something back. */
bool block_discards(const struct block *block);

/* "raw", "qcow2". */
const char *block_format(const struct block *block);
const struct block_stats *block_stats(const struct block *block);

void block_submit(struct block *block, struct block_request *request);

/* Between these, submitted requests may wait to be handed over together. */
void block_plug(struct block *block);
void block_unplug(struct block *block);

/* Until nothing is in flight; calls `done` from inside. */
void block_drain(struct block *block);

#endif
