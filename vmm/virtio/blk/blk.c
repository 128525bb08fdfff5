/* SPDX-License-Identifier: MIT */
/* Requests of the guest's, to the image and back: see blk.h. */
#include "vmm/virtio/blk/blk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SECTOR BLOCK_SECTOR_BYTES
/* 1 GiB at once: longer ones are split by the driver. */
#define CHANGE_SECTORS_MAX (1u << 21)

/* [VIRTIO 5.2.6 "Device Operation"] */
enum {
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13,
};

enum status {
	S_OK = 0,
	S_IOERR = 1,
	S_UNSUPP = 2,
};

struct header {
	u32 type, reserved;
	u64 sector;
};

struct change {
	u64 sector;
	u32 sectors, flags;
};

#define CHANGE_UNMAP 1

static struct virtio_blk *blk_of(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_blk, virtio);
}

/* ---- the end of a request ---- */

/* `written`: bytes of the guest's buffer before the status. */
static void complete(struct virtio_blk_request *request, enum status status,
		     u32 written)
{
	struct virtio_blk *blk = request->blk;
	struct virtq *vq = &blk->virtio.queue[0];

	*request->status = (u8)status;
	/* The status may lie behind what is told; a read that failed may have
	 * written anywhere. */
	guest_mem_tell_written_at(blk->virtio.mem, request->status, 1);
	if (status != S_OK)
		virtq_tell_written(vq, &request->chain,
				   request->chain.write_bytes);
	virtq_push(vq, &request->chain, written + 1);
	request->next_free = blk->free;
	blk->free = request;
}

/* A write is to be on the disk when it ends: the cache is off. */
static bool must_flush(const struct virtio_blk_request *request)
{
	return request->block.op != BLOCK_READ &&
	       request->block.op != BLOCK_FLUSH && !request->flushing &&
	       !request->blk->config.writeback;
}

static void submit_flush(struct virtio_blk_request *request);

static void done(struct block_request *block, int err)
{
	struct virtio_blk_request *request = block->ctx;
	struct virtio_blk *blk = request->blk;
	struct virtio *virtio = &blk->virtio;
	u32 written = 0;

	mutex_lock(&virtio->dev.lock);
	if (!err && must_flush(request)) {
		submit_flush(request);
		mutex_unlock(&virtio->dev.lock);
		return;
	}
	if (block->op == BLOCK_READ && !request->flushing)
		written = (u32)block->size_bytes;
	complete(request, err ? S_IOERR : S_OK, written);
	virtio_tell(virtio, 0);
	if (blk->starved)
		virtio_notify(virtio, 0);
	virtio_end(virtio);
	mutex_unlock(&virtio->dev.lock);
}

static void submit_flush(struct virtio_blk_request *request)
{
	request->flushing = true;
	request->block = (struct block_request){
		.op = BLOCK_FLUSH,
		.done = done,
		.ctx = request,
	};
	block_submit(request->blk->block, &request->block);
}

/* ---- its beginning ---- */

static void submit(struct virtio_blk_request *request, enum block_op op,
		   u64 sector, u64 bytes)
{
	request->flushing = false;
	request->block.op = op;
	request->block.size_bytes = bytes;
	/* Too large for bytes is beyond any disk. */
	request->block.offset_bytes = sector > UINT64_MAX / SECTOR
					      ? UINT64_MAX - (SECTOR - 1)
					      : sector * SECTOR;
	request->block.done = done;
	request->block.ctx = request;
	virtio_begin(&request->blk->virtio);
	block_submit(request->blk->block, &request->block);
}

/* Readable: a header, then what is written to the disk. */
static void start_write(struct virtio_blk_request *request, u64 sector)
{
	struct virtq_chain *chain = &request->chain;
	u32 gone =
		iov_skip(chain->iov, chain->read_count, sizeof(struct header));

	if (block_read_only(request->blk->block)) {
		complete(request, S_IOERR, 0);
		return;
	}
	request->block.iov = chain->iov + gone;
	request->block.iov_count = chain->read_count - gone;
	submit(request, BLOCK_WRITE, sector,
	       chain->read_bytes - sizeof(struct header));
}

/* Writable: what is read from the disk, then the status. */
static void start_read(struct virtio_blk_request *request, u64 sector)
{
	struct virtq_chain *chain = &request->chain;
	struct iovec *last =
		&chain->iov[chain->read_count + chain->write_count - 1];
	u32 count = chain->write_count;

	if (!--last->iov_len)
		count--;
	request->block.iov = chain->iov + chain->read_count;
	request->block.iov_count = count;
	submit(request, BLOCK_READ, sector, chain->write_bytes - 1);
}

/* [VIRTIO 5.2.6.2 "Device Requirements: Device Operation"]: one range each */
static void start_change(struct virtio_blk_request *request, enum block_op op)
{
	struct virtq_chain *chain = &request->chain;
	struct change change;
	u32 allowed = op == BLOCK_WRITE_ZEROES ? CHANGE_UNMAP : 0;

	if (chain->read_bytes != sizeof(struct header) + sizeof(change) ||
	    block_read_only(request->blk->block)) {
		complete(request, S_IOERR, 0);
		return;
	}
	iov_read(chain->iov, chain->read_count, sizeof(struct header), &change,
		 sizeof(change));
	if (change.flags & ~allowed) {
		complete(request, S_UNSUPP, 0);
		return;
	}
	if (change.sectors > CHANGE_SECTORS_MAX) {
		complete(request, S_IOERR, 0);
		return;
	}
	request->block.may_unmap = change.flags & CHANGE_UNMAP;
	submit(request, op, change.sector, (u64)change.sectors * SECTOR);
}

static void get_id(struct virtio_blk_request *request)
{
	struct virtq_chain *chain = &request->chain;
	u64 room = chain->write_bytes - 1;
	size_t size = MIN(room, (u64)VIRTIO_BLK_ID_BYTES);

	iov_write(chain->iov + chain->read_count, chain->write_count, 0,
		  request->blk->serial, size);
	complete(request, S_OK, (u32)size);
}

static void start(struct virtio_blk_request *request)
{
	struct virtio_blk *blk = request->blk;
	struct header header;

	iov_read(request->chain.iov, request->chain.read_count, 0, &header,
		 sizeof(header));
	request->block = (struct block_request){};
	switch (header.type) {
	case T_IN:
		start_read(request, header.sector);
		break;
	case T_OUT:
		start_write(request, header.sector);
		break;
	case T_FLUSH:
		submit(request, BLOCK_FLUSH, 0, 0);
		break;
	case T_GET_ID:
		get_id(request);
		break;
	case T_DISCARD:
		if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_DISCARD))
			complete(request, S_UNSUPP, 0);
		else
			start_change(request, BLOCK_DISCARD);
		break;
	case T_WRITE_ZEROES:
		if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_WRITE_ZEROES))
			complete(request, S_UNSUPP, 0);
		else
			start_change(request, BLOCK_WRITE_ZEROES);
		break;
	default:
		complete(request, S_UNSUPP, 0);
		break;
	}
}

/* Where the status goes: the last byte the device may write. */
static u8 *status_byte(const struct virtq_chain *chain)
{
	const struct iovec *last =
		&chain->iov[chain->read_count + chain->write_count - 1];

	return (u8 *)last->iov_base + last->iov_len - 1;
}

/* 1: started or answered, 0: nothing waits, -EINVAL: against the rules. */
static int take(struct virtio_blk *blk)
{
	struct virtio_blk_request *request = blk->free;
	struct virtq_chain *chain = &request->chain;
	int got;

	chain->iov = request->iov;
	chain->iov_max = ARRAY_SIZE(request->iov);
	got = virtq_pop(&blk->virtio.queue[0], chain);
	if (got <= 0)
		return got;
	if (chain->read_bytes < sizeof(struct header) || !chain->write_bytes)
		return -EINVAL;
	blk->free = request->next_free;
	request->status = status_byte(chain);
	start(request);
	return 1;
}

static void serve(struct virtio *virtio, u32 queue)
{
	struct virtio_blk *blk = blk_of(virtio);
	struct virtq *vq = &virtio->queue[queue];
	int got;

	block_plug(blk->block);
	virtq_ask_notify(vq, false);
	do
		got = blk->free ? take(blk) : 0;
	while (got > 0);
	blk->starved = !blk->free;
	if (got < 0)
		virtio_broken(virtio);
	virtio_tell(virtio, queue);
	block_unplug(blk->block);
}

/* ---- configuration ---- */

static void config_read(struct virtio *virtio, u32 offset, void *data, u32 size)
{
	memcpy(data, (u8 *)&blk_of(virtio)->config + offset, size);
}

/* Only the byte that turns the cache on and off. */
static void config_write(struct virtio *virtio, u32 offset, const void *data,
			 u32 size)
{
	struct virtio_blk *blk = blk_of(virtio);

	if (size == 1 &&
	    offset == offsetof(struct virtio_blk_config, writeback) &&
	    virtio_has(virtio, VIRTIO_BLK_F_CONFIG_WCE))
		blk->config.writeback = *(const u8 *)data & 1;
}

/* A driver that cannot flush gets a disk without a cache. [VIRTIO 5.2.5.2] */
static void started(struct virtio *virtio)
{
	if (!virtio_has(virtio, VIRTIO_BLK_F_FLUSH) &&
	    !virtio_has(virtio, VIRTIO_BLK_F_CONFIG_WCE))
		blk_of(virtio)->config.writeback = 0;
}

static void forget(struct virtio *virtio)
{
	struct virtio_blk *blk = blk_of(virtio);

	blk->config.writeback = 1;
	blk->starved = false;
}

static void drain(struct virtio *virtio)
{
	block_drain(blk_of(virtio)->block);
}

static const struct virtio_class blk_class = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |
		    VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
		    VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_DISCARD |
		    VIRTIO_BLK_F_WRITE_ZEROES,
	.queue_count = 1,
	.queue_size = VIRTIO_BLK_QUEUE_SIZE,
	.config_bytes = sizeof(struct virtio_blk_config),
	.config_read = config_read,
	.config_write = config_write,
	.started = started,
	.serve = serve,
	.forget = forget,
	.drain = drain,
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct virtio_blk),
	VIRTIO_QUEUE_FIELDS(struct virtio_blk, 0),
	FIELD(struct virtio_blk, config.writeback, 1),
};

static const struct dev_class dev_class = {
	.name = "virtio_blk",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.restored = virtio_dev_restored,
	.release = virtio_dev_release,
};

/* ---- life ---- */

static void fill_config(struct virtio_blk *blk)
{
	blk->config = (struct virtio_blk_config){
		.capacity = block_size_bytes(blk->block) / SECTOR,
		.seg_max = VIRTIO_BLK_SEG_MAX,
		.blk_size = SECTOR,
		.writeback = 1,
		.num_queues = 1,
		.max_discard_sectors = CHANGE_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 1,
		.max_write_zeroes_sectors = CHANGE_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
}

static u64 features_of(struct block *block)
{
	u64 features = blk_class.features;

	/* A guest need not ask for what gives nothing back. */
	if (!block_discards(block))
		features &= ~VIRTIO_BLK_F_DISCARD;

	features &= block_read_only(block)
			    ? ~(VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)
			    : ~VIRTIO_BLK_F_RO;
	return features;
}

void virtio_blk_init(struct virtio_blk *blk,
		     const struct virtio_blk_setup *setup)
{
	static_assert(sizeof(struct virtio_blk_config) == 60,
		      "as virtio has it");
	blk->block = setup->block;
	memset(blk->serial, 0, sizeof(blk->serial));
	memcpy(blk->serial, setup->serial,
	       strnlen(setup->serial, sizeof(blk->serial)));
	fill_config(blk);
	blk->free = NULL;
	for (u32 i = VIRTIO_BLK_QUEUE_SIZE; i--;) {
		blk->request[i].blk = blk;
		blk->request[i].next_free = blk->free;
		blk->free = &blk->request[i];
	}
	virtio_init(&blk->virtio, &blk_class, &dev_class, setup->mem,
		    setup->loop, features_of(setup->block));
	dev_reset(&blk->virtio.dev);
}
