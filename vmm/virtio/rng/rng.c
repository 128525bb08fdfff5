/* SPDX-License-Identifier: MIT */
/* Answers requests for randomness, at a bounded rate: see rng.h. */
#include "vmm/virtio/rng/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"

static struct virtio_rng *rng_of(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_rng, virtio);
}

/* A second's worth at most can be saved up. */
static void refill(struct virtio_rng *rng)
{
	u64 now_ns = rng->host->now_ns(rng->host);
	u64 passed_ns = MIN(now_ns - rng->budget_since_ns, NS_PER_S);

	rng->budget_bytes =
		MIN(rng->budget_bytes + passed_ns * RNG_RATE_BYTES / NS_PER_S,
		    RNG_RATE_BYTES);
	rng->budget_since_ns = now_ns;
}

/* Tries again when the budget allows for the next request. */
static void wait_for_budget(struct virtio_rng *rng)
{
	dev_timer_set(&rng->timer,
		      rng->budget_since_ns +
			      RNG_REQUEST_BYTES * NS_PER_S / RNG_RATE_BYTES + 1);
}

/* needs: io: getrandom? */
static u32 fill(const struct virtq_chain *chain)
{
	u8 data[RNG_REQUEST_BYTES];
	size_t size = MIN(chain->write_bytes, (u64)sizeof(data));
	ssize_t got = getrandom(data, size, GRND_NONBLOCK);

	/* Only a host that has just started has none yet. */
	if (got <= 0)
		return 0;
	return (u32)iov_write(chain->iov + chain->read_count,
			      chain->write_count, 0, data, (size_t)got);
}

static void serve(struct virtio *virtio, u32 queue)
{
	struct virtio_rng *rng = rng_of(virtio);
	struct virtq *vq = &virtio->queue[queue];
	struct virtq_chain chain = {.iov = rng->iov,
				    .iov_max = ARRAY_SIZE(rng->iov)};
	int got = 0;

	refill(rng);
	while (rng->budget_bytes >= RNG_REQUEST_BYTES &&
	       (got = virtq_pop(vq, &chain)) > 0) {
		u32 written = fill(&chain);

		rng->budget_bytes -= written;
		virtq_push(vq, &chain, written);
	}
	if (got < 0)
		virtio_broken(virtio);
	else if (rng->budget_bytes < RNG_REQUEST_BYTES)
		wait_for_budget(rng);
	virtio_tell(virtio, queue);
}

static void timer_due(void *ctx)
{
	struct virtio_rng *rng = ctx;

	virtio_notify(&rng->virtio, 0);
}

static void no_config(struct virtio *virtio, u32 offset, void *data, u32 size)
{
	(void)virtio;
	(void)offset;
	(void)data;
	(void)size;
}

static const struct virtio_class rng_class = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.queue_count = 1,
	.queue_size = RNG_QUEUE_SIZE,
	.config_read = no_config,
	.serve = serve,
};

static void release(struct dev *dev)
{
	struct virtio_rng *rng = rng_of(container_of(dev, struct virtio, dev));

	dev_timer_release(&rng->timer);
	virtio_dev_release(dev);
}

static const struct field fields[] = {
	VIRTIO_FIELDS(struct virtio_rng),
	VIRTIO_QUEUE_FIELDS(struct virtio_rng, 0),
};

static const struct dev_class dev_class = {
	.name = "virtio_rng",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = virtio_dev_reset,
	.restored = virtio_dev_restored,
	.release = release,
};

void virtio_rng_init(struct virtio_rng *rng, struct guest_mem *mem,
		     struct dev_host *host)
{
	*rng = (struct virtio_rng){
		.host = host,
		.budget_bytes = RNG_RATE_BYTES,
		.budget_since_ns = host->now_ns(host),
	};
	virtio_init(&rng->virtio, &rng_class, &dev_class, mem, host->loop, 0);
	dev_timer_init(&rng->timer, host, timer_due, rng);
	dev_reset(&rng->virtio.dev);
}
