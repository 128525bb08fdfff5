/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk: a disk with one queue. [VIRTIO 5.2 "Block Device"]
 *
 * Reads and writes move between the guest's own memory and the image; as many
 * are in flight as the queue has places. A host's error becomes the guest's I/O
 * error.
 *
 * Threads: as virtio.h; requests complete on the loop's thread.
 */
#ifndef VMM_VIRTIO_BLK_BLK_H
#define VMM_VIRTIO_BLK_BLK_H

#include "vmm/block/block.h"
#include "vmm/virtio/virtio.h"

#define VIRTIO_BLK_QUEUE_SIZE 128
/* Header and status take one each. */
#define VIRTIO_BLK_SEG_MAX  (VIRTIO_BLK_QUEUE_SIZE - 2)
#define VIRTIO_BLK_ID_BYTES 20

/* [VIRTIO 5.2.3 "Feature bits"] */
#define VIRTIO_BLK_F_SEG_MAX	  BIT(2)
#define VIRTIO_BLK_F_RO		  BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE	  BIT(6)
#define VIRTIO_BLK_F_FLUSH	  BIT(9)
#define VIRTIO_BLK_F_CONFIG_WCE	  BIT(11)
#define VIRTIO_BLK_F_DISCARD	  BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES BIT(14)

/* [VIRTIO 5.2.4 "Device configuration layout"] */
struct virtio_blk_config {
	u64 capacity; /* sectors of 512 bytes */
	u32 size_max, seg_max;
	u8 geometry[4];
	u32 blk_size;
	u8 topology[8];
	u8 writeback, unused;
	u16 num_queues;
	u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
	u32 max_write_zeroes_sectors, max_write_zeroes_seg;
	u8 write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

struct virtio_blk;

struct virtio_blk_request {
	struct virtio_blk *blk;
	struct virtq_chain chain;
	struct iovec iov[VIRTIO_BLK_QUEUE_SIZE];
	struct block_request block;
	u8 *status;    /* the guest's byte */
	bool flushing; /* a write through the cache, at its second step */
	struct virtio_blk_request *next_free;
};

struct virtio_blk {
	struct virtio virtio;
	struct block *block; /* borrowed: must outlive the device */
	char serial[VIRTIO_BLK_ID_BYTES];
	struct virtio_blk_config config;
	struct virtio_blk_request *free;
	bool starved; /* chains wait for a free request */
	struct virtio_blk_request request[VIRTIO_BLK_QUEUE_SIZE];
};

struct virtio_blk_setup {
	struct block *block;
	const char *serial; /* its first 20 bytes; "" for none */
	struct guest_mem *mem;
	struct loop *loop; /* the block's */
};

void virtio_blk_init(struct virtio_blk *blk,
		     const struct virtio_blk_setup *setup);

#endif
