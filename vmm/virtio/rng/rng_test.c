/* SPDX-License-Identifier: MIT */
#include "vmm/virtio/rng/rng.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"
#include "vmm/virtio/fake_driver.h"

#define DATA FAKE_DRIVER_DATA_GPA

static struct {
	struct guest_mem mem;
	struct fake_host host;
	struct virtio_rng rng;
	struct fake_driver driver;
	struct virtq_used_elem elem;
} t;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	fake_driver_mem_init(&t.mem);
	fake_host_init(&t.host);
	virtio_rng_init(&t.rng, &t.mem, &t.host.host);
	fake_driver_start(&t.driver, &t.rng.virtio, 0);
}

static void end(void)
{
	dev_release(&t.rng.virtio.dev);
	guest_mem_release(&t.mem);
}

/* How many bytes came, or UINT32_MAX: the request waits. */
static u32 ask(u32 size, bool device_writes)
{
	const struct fake_driver_part part = {DATA, size, device_writes};

	fake_driver_add(&t.driver, 0, &part, 1);
	fake_driver_kick(&t.driver, 0);
	return fake_driver_used(&t.driver, 0, &t.elem) ? t.elem.len : UINT32_MAX;
}

TEST(virtio_5_4_6_what_is_asked_for_is_filled)
{
	static u8 first[64], second[64];

	begin();
	check_eq(ask(64, true), 64);
	check(guest_mem_read(&t.mem, DATA, first, 64));
	check_eq(ask(64, true), 64);
	check(guest_mem_read(&t.mem, DATA, second, 64));
	check(memcmp(first, second, 64) != 0);
	end();
}

TEST(a_large_request_is_answered_in_part)
{
	static u8 data[8192], zeros[8192];

	begin();
	check_eq(ask(sizeof(data), true), RNG_REQUEST_BYTES);
	check(guest_mem_read(&t.mem, DATA, data, sizeof(data)));
	check_mem_eq(data + RNG_REQUEST_BYTES, zeros,
		     sizeof(data) - RNG_REQUEST_BYTES);
	end();
}

TEST(a_buffer_that_cannot_be_written_gets_nothing)
{
	begin();
	check_eq(ask(64, false), 0);
	check(!(t.rng.virtio.status & VIRTIO_NEEDS_RESET));
	end();
}

TEST(beyond_the_rate_a_request_waits_for_its_time)
{
	u32 answered = 0;

	begin();
	while (ask(RNG_REQUEST_BYTES, true) != UINT32_MAX)
		answered++;
	check_eq(answered, RNG_RATE_BYTES / RNG_REQUEST_BYTES);
	fake_host_advance(&t.host, 1000);
	check(!fake_driver_used(&t.driver, 0, &t.elem));
	fake_host_advance(&t.host, 2 * RNG_REQUEST_BYTES * (u64)1000000000 /
					   RNG_RATE_BYTES);
	check(fake_driver_used(&t.driver, 0, &t.elem));
	check_eq(t.elem.len, RNG_REQUEST_BYTES);
	end();
}

TEST(a_guest_without_need_saves_up_a_second_at_most)
{
	u32 answered = 0;

	begin();
	fake_host_advance(&t.host, (u64)3600 * 1000000000);
	while (ask(RNG_REQUEST_BYTES, true) != UINT32_MAX)
		answered++;
	check_eq(answered, RNG_RATE_BYTES / RNG_REQUEST_BYTES);
	end();
}

TEST(state_is_saved_and_restored)
{
	struct buf saved;

	begin();
	buf_init(&saved, 65536);
	check_eq(ask(8, true), 8);
	check_eq(dev_save(&t.rng.virtio.dev, &saved), 0);
	dev_reset(&t.rng.virtio.dev);
	check_eq(dev_load(&t.rng.virtio.dev, 1, saved.data, saved.size), 0);
	check_eq(ask(8, true), 8);
	buf_release(&saved);
	end();
}
