/* SPDX-License-Identifier: MIT */
/*
 * What every virtio device is made of, whatever bus it sits on: status,
 * features, queues, and the way it is told of things. [VIRTIO 2 "Basic
 * Facilities of a Virtio Device"], [VIRTIO 3 "General Initialization And Device
 * Operation"]
 *
 * A device (vmm/virtio/blk and so on) has a struct virtio at its head and gives
 * its class; a transport (vmm/virtio/pci) has registers, calls the functions
 * below and passes interrupts on.
 *
 * Threads: registers are written by vCPU threads under dev.lock. Queues are
 * served on the event loop's thread: a notification only posts work, and
 * `serve` runs there with dev.lock held. Requests in flight belong to the loop's
 * thread; their completions take dev.lock themselves. A driver's reset while
 * some are in flight is finished when the last one is done: until then the
 * status does not read as 0.
 */
#ifndef VMM_VIRTIO_VIRTIO_H
#define VMM_VIRTIO_VIRTIO_H

#include "base/loop.h"
#include "vmm/dev/dev.h"
#include "vmm/virtio/virtqueue.h"

#define VIRTIO_QUEUE_MAX	8
#define VIRTIO_MSI_NO_VECTOR	0xffff
#define VIRTIO_CONFIG_BYTES_MAX 256

/* [VIRTIO 5 "Device Types"] */
enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_ENTROPY = 4,
};

/* [VIRTIO 2.1 "Device Status Field"] */
#define VIRTIO_ACKNOWLEDGE 0x01
#define VIRTIO_DRIVER	   0x02
#define VIRTIO_DRIVER_OK   0x04
#define VIRTIO_FEATURES_OK 0x08
#define VIRTIO_NEEDS_RESET 0x40

/* [VIRTIO 6 "Reserved Feature Bits"] */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)

struct virtio;

struct virtio_class {
	const char *name; /* "virtio-blk", for people */
	enum virtio_id id;
	u64 features; /* beside the reserved ones */
	u32 queue_count;
	u16 queue_size; /* of each, at most VIRTQ_SIZE_MAX */
	u32 config_bytes;
	/* vCPU threads, dev.lock held; inside config_bytes. */
	void (*config_read)(struct virtio *virtio, u32 offset, void *data,
			    u32 size);
	/* NULL: nothing in it can be written. */
	void (*config_write)(struct virtio *virtio, u32 offset,
			     const void *data, u32 size);
	/* DRIVER_OK: from now on queues are served. Or NULL. dev.lock held */
	void (*started)(struct virtio *virtio);
	/* The queue may have chains. The loop's thread, dev.lock held. */
	void (*serve)(struct virtio *virtio, u32 queue);
	/* What the device remembers of its driver is forgotten; nothing is in
	 * flight. Or NULL. dev.lock held */
	void (*forget)(struct virtio *virtio);
	/*
	 * Waits until nothing is in flight. The loop's thread, no lock held, no
	 * vCPU running. NULL: never anything in flight.
	 */
	void (*drain)(struct virtio *virtio);
};

/* How a transport passes on what the device wants to say. dev.lock held. */
struct virtio_wire {
	void (*interrupt)(void *ctx, u32 queue);
	void (*config_changed)(void *ctx);
	void *ctx; /* borrowed: must outlive the device */
};

struct virtio {
	struct dev dev;
	const struct virtio_class *class;
	struct guest_mem *mem; /* borrowed, as the loop */
	struct loop *loop;     /* NULL in tests: the notifier serves at once */
	struct virtio_wire wire;
	u64 offered; /* features */

	u64 features; /* what the driver took; final with FEATURES_OK */
	u8 status;
	u8 config_generation;
	bool resetting; /* the driver asked; waiting for in_flight == 0 */
	struct virtq queue[VIRTIO_QUEUE_MAX];

	/* Not saved: */
	u32 in_flight;
	u32 kicked;   /* queues notified and not yet served; atomic */
	bool serving; /* without a loop: by who holds the lock */
	struct loop_work work;
};

/*
 * `offered` are the class's features or fewer. The device's own init calls it,
 * and then dev_init's class functions below serve as reset and release.
 */
void virtio_init(struct virtio *virtio, const struct virtio_class *class,
		 const struct dev_class *dev_class, struct guest_mem *mem,
		 struct loop *loop, u64 offered);

/* For dev_class of every virtio device. */
void virtio_dev_reset(struct dev *dev);
void virtio_dev_release(struct dev *dev);
void virtio_dev_quiesce(struct dev *dev);
int virtio_dev_restored(struct dev *dev);

/* Saved fields that all have; `type` has the member `virtio`. */
#define VIRTIO_FIELDS(type)                                             \
	FIELD(type, virtio.features, 1), FIELD(type, virtio.status, 1), \
		FIELD(type, virtio.config_generation, 1)
/* ... and those of queue number `n`. */
#define VIRTIO_QUEUE_FIELDS(type, n)                         \
	FIELD(type, virtio.queue[n].size, 1),                \
		FIELD(type, virtio.queue[n].msix_vector, 1), \
		FIELD(type, virtio.queue[n].enabled, 1),     \
		FIELD(type, virtio.queue[n].desc_gpa, 1),    \
		FIELD(type, virtio.queue[n].avail_gpa, 1),   \
		FIELD(type, virtio.queue[n].used_gpa, 1),    \
		FIELD(type, virtio.queue[n].next_avail, 1),  \
		FIELD(type, virtio.queue[n].next_used, 1),   \
		FIELD(type, virtio.queue[n].told_used, 1)

/* ---- for devices ---- */

static inline bool virtio_has(const struct virtio *virtio, u64 feature)
{
	return virtio->features & feature;
}

/* DRIVER_OK and not broken. */
bool virtio_running(const struct virtio *virtio);
/* The driver broke a rule: DEVICE_NEEDS_RESET, and no queue is served. */
void virtio_broken(struct virtio *virtio);
/* Interrupts if the driver wants to know what was pushed. */
void virtio_tell(struct virtio *virtio, u32 queue);
/* The configuration space has changed. */
void virtio_tell_config(struct virtio *virtio);

/* A request is in flight, and is no more; the latter may end a reset. */
void virtio_begin(struct virtio *virtio);
void virtio_end(struct virtio *virtio);

/* ---- for transports; dev.lock held but for notify ---- */

u8 virtio_status(const struct virtio *virtio);
void virtio_set_status(struct virtio *virtio, u8 status);
/* Ignored once FEATURES_OK is set. */
void virtio_set_features(struct virtio *virtio, u64 features);
/* NULL beyond the last. */
struct virtq *virtio_queue(struct virtio *virtio, u32 index);
void virtio_enable_queue(struct virtio *virtio, u32 index);
/* Reads as zeros, and writes nothing, beyond the end. */
void virtio_config_read(struct virtio *virtio, u32 offset, void *data, u32 size);
void virtio_config_write(struct virtio *virtio, u32 offset, const void *data,
			 u32 size);
/* Any thread, no lock. */
void virtio_notify(struct virtio *virtio, u32 queue);

#endif
