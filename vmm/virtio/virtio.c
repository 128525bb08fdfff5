/* SPDX-License-Identifier: MIT */
/* Status, features and queues of every virtio device: see virtio.h. */
#include "vmm/virtio/virtio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

#define RESERVED_FEATURES \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

static struct virtio *virtio_of(struct dev *dev)
{
	return container_of(dev, struct virtio, dev);
}

/* ---- serving queues ---- */

bool virtio_running(const struct virtio *virtio)
{
	return (virtio->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) ==
		       VIRTIO_DRIVER_OK &&
	       !virtio->resetting;
}

static void serve_kicked(struct virtio *virtio)
{
	u32 kicked;

	mutex_lock(&virtio->dev.lock);
	virtio->serving = true;
	kicked = __atomic_exchange_n(&virtio->kicked, 0, __ATOMIC_ACQ_REL);
	for (u32 i = 0; i < virtio->class->queue_count; i++)
		if (kicked & BIT(i) && virtio_running(virtio) &&
		    virtio->queue[i].enabled)
			virtio->class->serve(virtio, i);
	virtio->serving = false;
	mutex_unlock(&virtio->dev.lock);
}

static void work_due(struct loop_work *work)
{
	serve_kicked(work->ctx);
}

void virtio_notify(struct virtio *virtio, u32 queue)
{
	u32 before;

	if (queue >= virtio->class->queue_count)
		return;
	before = __atomic_fetch_or(&virtio->kicked, (u32)BIT(queue),
				   __ATOMIC_ACQ_REL);
	if (virtio->loop) {
		if (!before)
			loop_post(virtio->loop, &virtio->work);
		return;
	}
	while (!virtio->serving &&
	       __atomic_load_n(&virtio->kicked, __ATOMIC_ACQUIRE))
		serve_kicked(virtio);
}

/* Chains may be there that nobody tells of. */
static void notify_all(struct virtio *virtio)
{
	for (u32 i = 0; virtio->loop && i < virtio->class->queue_count; i++)
		if (virtio->queue[i].enabled)
			virtio_notify(virtio, i);
}

/* ---- what the device says ---- */

void virtio_tell(struct virtio *virtio, u32 queue)
{
	if (virtq_interrupt_wanted(&virtio->queue[queue]) &&
	    virtio->wire.interrupt)
		virtio->wire.interrupt(virtio->wire.ctx, queue);
}

void virtio_tell_config(struct virtio *virtio)
{
	virtio->config_generation++;
	if ((virtio->status & VIRTIO_DRIVER_OK) && virtio->wire.config_changed)
		virtio->wire.config_changed(virtio->wire.ctx);
}

/* [VIRTIO 2.1.2 "Device Requirements: Device Status Field"] */
void virtio_broken(struct virtio *virtio)
{
	if (virtio->status & VIRTIO_NEEDS_RESET)
		return;
	virtio->status |= VIRTIO_NEEDS_RESET;
	virtio_tell_config(virtio);
}

/* ---- reset ---- */

static void forget_driver(struct virtio *virtio)
{
	assert(!virtio->in_flight);
	virtio->resetting = false;
	virtio->status = 0;
	virtio->features = 0;
	for (u32 i = 0; i < virtio->class->queue_count; i++)
		virtq_reset(&virtio->queue[i]);
	if (virtio->class->forget)
		virtio->class->forget(virtio);
}

static void driver_resets(struct virtio *virtio)
{
	virtio->resetting = true;
	if (!virtio->in_flight)
		forget_driver(virtio);
}

void virtio_begin(struct virtio *virtio)
{
	virtio->in_flight++;
}

void virtio_end(struct virtio *virtio)
{
	assert(virtio->in_flight);
	if (!--virtio->in_flight && virtio->resetting)
		forget_driver(virtio);
}

void virtio_dev_reset(struct dev *dev)
{
	struct virtio *virtio = virtio_of(dev);

	forget_driver(virtio);
	virtio->config_generation = 0;
}

void virtio_dev_quiesce(struct dev *dev)
{
	struct virtio *virtio = virtio_of(dev);

	if (virtio->class->drain)
		virtio->class->drain(virtio);
	assert(!virtio->in_flight);
}

void virtio_dev_release(struct dev *dev)
{
	struct virtio *virtio = virtio_of(dev);

	if (virtio->loop)
		loop_work_cancel(virtio->loop, &virtio->work);
}

/* Where the rings lie is looked up anew; chains may wait in any of them. */
int virtio_dev_restored(struct dev *dev)
{
	struct virtio *virtio = virtio_of(dev);

	if (virtio->status && (virtio->features & ~virtio->offered))
		return trace_err(-EINVAL);
	for (u32 i = 0; i < virtio->class->queue_count; i++) {
		struct virtq *vq = &virtio->queue[i];

		if (!vq->enabled)
			continue;
		if (virtq_enable(vq, virtio_has(virtio, VIRTIO_F_EVENT_IDX)))
			return trace_err(-EINVAL);
	}
	notify_all(virtio);
	return 0;
}

/* ---- registers ---- */

u8 virtio_status(const struct virtio *virtio)
{
	return virtio->status;
}

/* Features are checked when the driver says that it has chosen. */
static bool features_fit(const struct virtio *virtio)
{
	return (virtio->features & VIRTIO_F_VERSION_1) &&
	       !(virtio->features & ~virtio->offered);
}

static void driver_is_ready(struct virtio *virtio)
{
	if (virtio->class->started)
		virtio->class->started(virtio);
	notify_all(virtio);
}

/* [VIRTIO 3.1.1 "Driver Requirements: Device Initialization"] */
void virtio_set_status(struct virtio *virtio, u8 status)
{
	u8 before = virtio->status;

	if (virtio->resetting)
		return;
	if (!status) {
		driver_resets(virtio);
		return;
	}
	/* Bits are only added, and NEEDS_RESET is the device's. */
	status |= before;
	if ((status & ~before & VIRTIO_FEATURES_OK) && !features_fit(virtio))
		status &= (u8)~VIRTIO_FEATURES_OK;
	if (!(status & VIRTIO_FEATURES_OK))
		status &= (u8)~VIRTIO_DRIVER_OK;
	status = (u8)((status & ~VIRTIO_NEEDS_RESET) |
		      (before & VIRTIO_NEEDS_RESET));
	virtio->status = status;
	if (status & ~before & VIRTIO_DRIVER_OK)
		driver_is_ready(virtio);
}

void virtio_set_features(struct virtio *virtio, u64 features)
{
	if (!(virtio->status & VIRTIO_FEATURES_OK))
		virtio->features = features;
}

struct virtq *virtio_queue(struct virtio *virtio, u32 index)
{
	return index < virtio->class->queue_count ? &virtio->queue[index] : NULL;
}

void virtio_enable_queue(struct virtio *virtio, u32 index)
{
	struct virtq *vq = virtio_queue(virtio, index);

	if (!vq || vq->enabled || virtio->resetting)
		return;
	if (virtq_enable(vq, virtio_has(virtio, VIRTIO_F_EVENT_IDX)))
		virtio_broken(virtio);
}

void virtio_config_read(struct virtio *virtio, u32 offset, void *data, u32 size)
{
	memset(data, 0, size);
	if (offset < virtio->class->config_bytes &&
	    size <= virtio->class->config_bytes - offset)
		virtio->class->config_read(virtio, offset, data, size);
}

void virtio_config_write(struct virtio *virtio, u32 offset, const void *data,
			 u32 size)
{
	if (virtio->class->config_write && offset < virtio->class->config_bytes &&
	    size <= virtio->class->config_bytes - offset)
		virtio->class->config_write(virtio, offset, data, size);
}

/* ---- life ---- */

void virtio_init(struct virtio *virtio, const struct virtio_class *class,
		 const struct dev_class *dev_class, struct guest_mem *mem,
		 struct loop *loop, u64 offered)
{
	assert(class->queue_count <= VIRTIO_QUEUE_MAX &&
	       class->queue_size <= VIRTQ_SIZE_MAX &&
	       class->config_bytes <= VIRTIO_CONFIG_BYTES_MAX);
	assert(!(offered & ~class->features));
	*virtio = (struct virtio){
		.class = class,
		.mem = mem,
		.loop = loop,
		.offered = offered | RESERVED_FEATURES,
	};
	loop_work_init(&virtio->work, work_due, virtio);
	for (u32 i = 0; i < class->queue_count; i++) {
		virtio->queue[i].mem = mem;
		virtio->queue[i].size_max = class->queue_size;
	}
	dev_init(&virtio->dev, dev_class);
}
