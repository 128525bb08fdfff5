/* SPDX-License-Identifier: MIT */
/* The core and its queues, by a device that adds one to each byte it is given. */
#include "vmm/virtio/virtio.h"

#include <errno.h>

#include "base/test.h"
#include "vmm/virtio/fake_driver.h"

#define DATA FAKE_DRIVER_DATA_GPA

struct adder {
	struct virtio virtio;
	struct iovec iov[VIRTQ_SIZE_MAX];
	bool keep; /* leaves chains in flight */
	struct virtq_chain kept;
};

static void adder_serve(struct virtio *virtio, u32 queue)
{
	struct adder *adder = container_of(virtio, struct adder, virtio);
	struct virtq *vq = &virtio->queue[queue];
	struct virtq_chain chain = {.iov = adder->iov,
				    .iov_max = VIRTQ_SIZE_MAX};
	u8 data[64];
	int got;

	while ((got = virtq_pop(vq, &chain)) > 0) {
		size_t n = iov_read(chain.iov, chain.read_count, 0, data,
				    sizeof(data));

		if (adder->keep) {
			adder->kept = chain;
			virtio_begin(virtio);
			return;
		}
		for (size_t i = 0; i < n; i++)
			data[i]++;
		n = iov_write(chain.iov + chain.read_count, chain.write_count,
			      0, data, n);
		virtq_push(vq, &chain, (u32)n);
	}
	if (got < 0)
		virtio_broken(virtio);
	virtio_tell(virtio, queue);
}

static void adder_config_read(struct virtio *virtio, u32 offset, void *data,
			      u32 size)
{
	(void)virtio;
	memset(data, (int)(0x40 + offset), size);
}

static const struct virtio_class adder_class = {
	.name = "adder",
	.id = VIRTIO_ID_ENTROPY,
	.features = BIT(3),
	.queue_count = 2,
	.queue_size = 8,
	.config_bytes = 8,
	.config_read = adder_config_read,
	.serve = adder_serve,
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct adder),
	VIRTIO_QUEUE_FIELDS(struct adder, 0),
	VIRTIO_QUEUE_FIELDS(struct adder, 1),
};

static const struct dev_class adder_dev_class = {
	.name = "adder",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = virtio_dev_reset,
	.restored = virtio_dev_restored,
	.release = virtio_dev_release,
};

static struct guest_mem mem;
static struct adder adder;
static struct fake_driver driver;

static void start(u64 features)
{
	adder = (struct adder){};
	if (!mem.base)
		fake_driver_mem_init(&mem);
	virtio_init(&adder.virtio, &adder_class, &adder_dev_class, &mem, NULL,
		    adder_class.features);
	dev_reset(&adder.virtio.dev);
	fake_driver_start(&driver, &adder.virtio, features);
}

static void put(gpa_t gpa, const char *text)
{
	check(guest_mem_write(&mem, gpa, text, strlen(text)));
}

static bool is_broken(void)
{
	return adder.virtio.status & VIRTIO_NEEDS_RESET;
}

TEST(a_chain_goes_there_and_back)
{
	const struct fake_driver_part part[] = {
		{DATA, 2, false}, {DATA + 16, 1, false}, {DATA + 32, 8, true}};
	struct virtq_used_elem elem;
	char out[4] = {};

	start(0);
	put(DATA, "ab");
	put(DATA + 16, "c");
	fake_driver_add(&driver, 0, part, 3);
	fake_driver_kick(&driver, 0);
	check(fake_driver_used(&driver, 0, &elem));
	check_eq(elem.len, 3);
	check_eq(elem.id, 0);
	check(guest_mem_read(&mem, DATA + 32, out, 3));
	check(!strcmp(out, "bcd"));
	check_eq(driver.interrupts[0], 1);
	check(!fake_driver_used(&driver, 0, &elem));
}

TEST(a_queue_goes_round_many_times)
{
	const struct fake_driver_part part[] = {{DATA, 1, false},
						{DATA + 32, 1, true}};
	struct virtq_used_elem elem;

	start(VIRTIO_F_EVENT_IDX);
	for (u32 i = 0; i < 70000; i++) {
		fake_driver_add(&driver, 1, part, 2);
		fake_driver_kick(&driver, 1);
		check(fake_driver_used(&driver, 1, &elem));
		check_eq(elem.len, 1);
	}
	check(!is_broken());
}

TEST(virtio_2_7_7_no_interrupt_is_sent_to_a_driver_that_wants_none)
{
	const struct fake_driver_part part = {DATA, 1, false};
	const u16 none = VIRTQ_AVAIL_F_NO_INTERRUPT;

	start(0);
	check(guest_mem_write(&mem, adder.virtio.queue[0].avail_gpa, &none, 2));
	fake_driver_add(&driver, 0, &part, 1);
	fake_driver_kick(&driver, 0);
	check_eq(driver.interrupts[0], 0);
}

TEST(virtio_2_7_7_the_event_index_says_when_to_interrupt)
{
	const struct fake_driver_part part = {DATA, 1, false};
	const u16 event = 2; /* "when the third is used" */

	start(VIRTIO_F_EVENT_IDX);
	check(guest_mem_write(&mem, adder.virtio.queue[0].avail_gpa + 4 + 2 * 8,
			      &event, 2));
	for (u32 i = 0; i < 3; i++) {
		check_eq(driver.interrupts[0], 0);
		fake_driver_add(&driver, 0, &part, 1);
		fake_driver_kick(&driver, 0);
	}
	check_eq(driver.interrupts[0], 1);
}

TEST(virtio_2_7_10_the_device_says_of_which_chain_it_wants_to_hear)
{
	const struct fake_driver_part part = {DATA, 1, false};
	struct virtq *vq = &adder.virtio.queue[0];
	u16 event;

	start(VIRTIO_F_EVENT_IDX);
	for (u16 i = 0; i < 3; i++) {
		check(guest_mem_read(&mem, vq->used_gpa + 4 + 8 * 8, &event, 2));
		check_eq(event, i);
		fake_driver_add(&driver, 0, &part, 1);
		fake_driver_kick(&driver, 0);
	}
	start(0);
	virtq_ask_notify(&adder.virtio.queue[0], false);
	check(guest_mem_read(&mem, vq->used_gpa, &event, 2));
	check_eq(event, VIRTQ_USED_F_NO_NOTIFY);
	fake_driver_kick(&driver, 0);
	check(guest_mem_read(&mem, vq->used_gpa, &event, 2));
	check_eq(event, 0);
}

TEST(virtio_2_7_5_3_a_table_may_be_elsewhere)
{
	const struct virtq_desc table[2] = {
		{.addr = DATA, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 1},
		{.addr = DATA + 8, .len = 4, .flags = VIRTQ_DESC_F_WRITE},
	};
	struct virtq_used_elem elem;
	char out = 0;

	start(VIRTIO_F_INDIRECT_DESC);
	put(DATA, "x");
	check(guest_mem_write(&mem, DATA + 64, table, sizeof(table)));
	fake_driver_put_desc(&driver, 0, 5,
			     (struct virtq_desc){.addr = DATA + 64,
						 .len = sizeof(table),
						 .flags = VIRTQ_DESC_F_INDIRECT});
	fake_driver_offer(&driver, 0, 5);
	fake_driver_kick(&driver, 0);
	check(fake_driver_used(&driver, 0, &elem));
	check_eq(elem.id, 5);
	check_eq(elem.len, 1);
	check(guest_mem_read(&mem, DATA + 8, &out, 1));
	check_eq(out, 'y');
}

/* ---- drivers that break the rules ---- */

static void offer_one(struct virtq_desc desc)
{
	start(VIRTIO_F_INDIRECT_DESC);
	fake_driver_put_desc(&driver, 0, 0, desc);
	fake_driver_offer(&driver, 0, 0);
	fake_driver_kick(&driver, 0);
}

TEST(virtio_2_1_2_a_broken_queue_asks_for_a_reset_and_is_served_no_more)
{
	const struct fake_driver_part part = {DATA, 1, false};
	struct virtq_used_elem elem;

	offer_one((struct virtq_desc){.addr = 1 * GiB, .len = 16});
	check(is_broken());
	check_eq(driver.config_changes, 1);
	fake_driver_add(&driver, 1, &part, 1);
	fake_driver_kick(&driver, 1);
	check(!fake_driver_used(&driver, 1, &elem));
	fake_driver_start(&driver, &adder.virtio, 0);
	check(!is_broken());
	fake_driver_add(&driver, 1, &part, 1);
	fake_driver_kick(&driver, 1);
	check(fake_driver_used(&driver, 1, &elem));
}

TEST(a_buffer_that_leaves_the_memory_is_refused)
{
	offer_one((struct virtq_desc){.addr = 4 * MiB - 8, .len = 9});
	check(is_broken());
	offer_one((struct virtq_desc){.addr = UINT64_MAX - 8, .len = 16});
	check(is_broken());
	offer_one((struct virtq_desc){.addr = 0, .len = UINT32_MAX});
	check(is_broken());
	offer_one((struct virtq_desc){.addr = GUEST_MEM_WINDOW_START, .len = 1});
	check(is_broken());
}

TEST(virtio_2_7_5_2_a_chain_with_a_loop_ends)
{
	offer_one((struct virtq_desc){
		.addr = DATA, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 0});
	check(is_broken());
}

TEST(a_next_beyond_the_table_is_refused)
{
	offer_one((struct virtq_desc){
		.addr = DATA, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 8});
	check(is_broken());
}

TEST(virtio_2_7_5_3_1_indirect_tables_do_not_nest_and_have_a_size)
{
	const struct virtq_desc inner = {
		.addr = DATA, .len = 16, .flags = VIRTQ_DESC_F_INDIRECT};

	start(0);
	check(guest_mem_write(&mem, DATA, &inner, sizeof(inner)));
	offer_one((struct virtq_desc){
		.addr = DATA, .len = 16, .flags = VIRTQ_DESC_F_INDIRECT});
	check(is_broken());
	offer_one((struct virtq_desc){
		.addr = DATA, .len = 0, .flags = VIRTQ_DESC_F_INDIRECT});
	check(is_broken());
	offer_one((struct virtq_desc){
		.addr = DATA, .len = 16 * 9, .flags = VIRTQ_DESC_F_INDIRECT});
	check(is_broken());
	offer_one((struct virtq_desc){.addr = DATA,
				      .len = 16,
				      .flags = VIRTQ_DESC_F_INDIRECT |
					       VIRTQ_DESC_F_NEXT});
	check(is_broken());
}

TEST(what_is_read_comes_before_what_is_written)
{
	const struct fake_driver_part part[] = {{DATA, 1, true},
						{DATA + 8, 1, false}};

	start(0);
	fake_driver_add(&driver, 0, part, 2);
	fake_driver_kick(&driver, 0);
	check(is_broken());
}

TEST(an_index_that_jumps_over_the_ring_is_refused)
{
	const u16 index = 9;

	start(0);
	check(guest_mem_write(&mem, adder.virtio.queue[0].avail_gpa + 2, &index,
			      2));
	fake_driver_kick(&driver, 0);
	check(is_broken());
}

TEST(rings_that_are_not_in_memory_are_refused)
{
	struct virtq *vq = &adder.virtio.queue[0];

	start(0);
	mutex_lock(&adder.virtio.dev.lock);
	virtio_set_status(&adder.virtio, 0);
	vq->desc_gpa = 4 * MiB - 16;
	vq->avail_gpa = vq->used_gpa = 0x1000;
	virtio_enable_queue(&adder.virtio, 0);
	check(is_broken() && !vq->enabled);
	virtio_set_status(&adder.virtio, 0);
	vq->desc_gpa = 0x1008;
	virtio_enable_queue(&adder.virtio, 0);
	check(is_broken() && !vq->enabled);
	virtio_set_status(&adder.virtio, 0);
	vq->size = 16;
	virtio_enable_queue(&adder.virtio, 0);
	check(is_broken() && !vq->enabled);
	mutex_unlock(&adder.virtio.dev.lock);
}

/* ---- status ---- */

TEST(virtio_2_2_2_features_that_were_not_offered_are_not_accepted)
{
	start(BIT(4));
	check(!(adder.virtio.status & (VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK)));
	start(BIT(3));
	check(virtio_running(&adder.virtio));
	virtio_set_features(&adder.virtio, 0);
	check_eq(adder.virtio.features, BIT(3) | VIRTIO_F_VERSION_1);
}

TEST(virtio_2_4_1_a_reset_waits_for_what_is_in_flight)
{
	const struct fake_driver_part part = {DATA, 1, false};

	start(0);
	adder.keep = true;
	fake_driver_add(&driver, 0, &part, 1);
	fake_driver_kick(&driver, 0);
	check_eq(adder.virtio.in_flight, 1);
	mutex_lock(&adder.virtio.dev.lock);
	virtio_set_status(&adder.virtio, 0);
	check(virtio_status(&adder.virtio) != 0);
	check(!virtio_running(&adder.virtio));
	virtq_push(&adder.virtio.queue[0], &adder.kept, 0);
	virtio_end(&adder.virtio);
	check_eq(virtio_status(&adder.virtio), 0);
	check(!adder.virtio.queue[0].enabled);
	mutex_unlock(&adder.virtio.dev.lock);
}

TEST(the_configuration_space_ends)
{
	u8 data[8];

	start(0);
	virtio_config_read(&adder.virtio, 4, data, 4);
	check_eq(data[0], 0x44);
	virtio_config_read(&adder.virtio, 5, data, 4);
	check_eq(data[0], 0);
	virtio_config_read(&adder.virtio, UINT32_MAX, data, 4);
	check_eq(data[0], 0);
}

TEST(a_state_with_features_that_are_not_ours_is_refused)
{
	struct buf saved;

	buf_init(&saved, 65536);
	start(BIT(3));
	adder.virtio.features |= BIT(9);
	check_eq(dev_save(&adder.virtio.dev, &saved), 0);
	check_eq(dev_load(&adder.virtio.dev, 1, saved.data, saved.size),
		 -EINVAL);
	check_eq(virtio_status(&adder.virtio), 0);
	buf_release(&saved);
}

TEST(state_is_saved_and_restored)
{
	const struct fake_driver_part part = {DATA, 1, false};
	struct virtq_used_elem elem;
	struct adder before;
	struct buf saved;
	const char *name = "";

	buf_init(&saved, 65536);
	start(BIT(3));
	fake_driver_add(&driver, 0, &part, 1);
	fake_driver_kick(&driver, 0);
	before = adder;
	check_eq(dev_save(&adder.virtio.dev, &saved), 0);
	dev_reset(&adder.virtio.dev);
	check_eq(dev_load(&adder.virtio.dev, 1, saved.data, saved.size), 0);
	check(fields_equal(&adder_dev_class.state, &before, &adder, &name));
	fake_driver_add(&driver, 0, &part, 1);
	fake_driver_kick(&driver, 0);
	check(fake_driver_used(&driver, 0, &elem));
	check(fake_driver_used(&driver, 0, &elem));
	check_eq(driver.interrupts[0], 2);
	buf_release(&saved);
}
