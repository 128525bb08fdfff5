/* SPDX-License-Identifier: MIT */
/* A driver's requests on a raw image of 1 MiB in a file without a name. */
#include "vmm/virtio/blk/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/test.h"
#include "vmm/virtio/fake_driver.h"

#define DISK_BYTES MiB
#define HEADER_GPA FAKE_DRIVER_DATA_GPA
#define STATUS_GPA (HEADER_GPA + 0x100)
#define CHANGE_GPA (HEADER_GPA + 0x200)
#define DATA_GPA   (HEADER_GPA + 0x1000)

enum {
	IN = 0,
	OUT = 1,
	FLUSH = 4,
	GET_ID = 8,
	DISCARD = 11,
	WRITE_ZEROES = 13,
};

static struct {
	char path[64];
	int fd;
	struct guest_mem mem;
	struct loop *loop;
	struct block *block;
	struct virtio_blk *blk;
	struct fake_driver driver;
	u32 used_bytes; /* of the last element */
} t;

static void begin(bool read_only, u64 features)
{
	struct fault fault = {};

	memset(&t, 0, sizeof(t));
	snprintf(t.path, sizeof(t.path), "/tmp/blk-test-XXXXXX");
	t.fd = mkstemp(t.path);
	check(t.fd >= 0);
	check_eq(ftruncate(t.fd, DISK_BYTES), 0);
	check_eq(loop_create(&t.loop), 0);
	check_eq(block_open(&(struct block_config){.path = t.path,
						   .format = "raw",
						   .discard = true,
						   .read_only = read_only},
			    t.loop, &t.block, &fault),
		 0);
	fake_driver_mem_init(&t.mem);
	t.blk = malloc(sizeof(*t.blk));
	check(t.blk != NULL);
	virtio_blk_init(t.blk, &(struct virtio_blk_setup){
				       .block = t.block,
				       .serial = "serial-of-a-disk-too-long",
				       .mem = &t.mem,
				       .loop = t.loop});
	fake_driver_start(&t.driver, &t.blk->virtio, features);
}

static void end(void)
{
	dev_quiesce(&t.blk->virtio.dev);
	dev_release(&t.blk->virtio.dev);
	free(t.blk);
	block_close(t.block);
	loop_free(t.loop);
	guest_mem_release(&t.mem);
	close(t.fd);
	unlink(t.path);
}

/* Rounds of the loop until the device has used what was offered; bounded. */
static bool wait_used(void)
{
	struct virtq_used_elem elem;

	for (u32 i = 0; i < 1000; i++) {
		if (fake_driver_used(&t.driver, 0, &elem)) {
			t.used_bytes = elem.len;
			return true;
		}
		check(loop_run_once(t.loop, 10000000) >= 0);
	}
	return false;
}

static void put_header(u32 type, u64 sector)
{
	const struct {
		u32 type, reserved;
		u64 sector;
	} header = {.type = type, .sector = sector};
	const u8 unset = 0xaa;

	check(guest_mem_write(&t.mem, HEADER_GPA, &header, sizeof(header)));
	check(guest_mem_write(&t.mem, STATUS_GPA, &unset, 1));
}

static u8 status(void)
{
	u8 byte;

	check(guest_mem_read(&t.mem, STATUS_GPA, &byte, 1));
	return byte;
}

/* The status of a request with `size` bytes of data at DATA_GPA, or 0xaa. */
static u8 request(u32 type, u64 sector, u32 size, bool device_writes)
{
	const struct fake_driver_part part[] = {
		{HEADER_GPA, 16, false},
		{DATA_GPA, size, device_writes},
		{STATUS_GPA, 1, true},
	};

	put_header(type, sector);
	fake_driver_add(&t.driver, 0, part, 3);
	fake_driver_kick(&t.driver, 0);
	return wait_used() ? status() : 0xaa;
}

static u8 change(u32 type, u64 sector, u32 sectors, u32 flags)
{
	const struct {
		u64 sector;
		u32 sectors, flags;
	} range = {sector, sectors, flags};
	const struct fake_driver_part part[] = {
		{HEADER_GPA, 16, false},
		{CHANGE_GPA, sizeof(range), false},
		{STATUS_GPA, 1, true},
	};

	put_header(type, 0);
	check(guest_mem_write(&t.mem, CHANGE_GPA, &range, sizeof(range)));
	fake_driver_add(&t.driver, 0, part, 3);
	fake_driver_kick(&t.driver, 0);
	return wait_used() ? status() : 0xaa;
}

static bool is_broken(void)
{
	return t.blk->virtio.status & VIRTIO_NEEDS_RESET;
}

static const u64 usual = VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |
			 VIRTIO_BLK_F_WRITE_ZEROES | VIRTIO_BLK_F_CONFIG_WCE;

TEST(virtio_5_2_6_what_is_written_is_read)
{
	char out[1024], in[1024];

	begin(false, usual);
	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	check(guest_mem_write(&t.mem, DATA_GPA, out, sizeof(out)));
	check_eq(request(OUT, 5, sizeof(out), false), 0);
	check_eq(t.used_bytes, 1);
	check_eq(pread(t.fd, in, sizeof(in), 5 * 512), sizeof(in));
	check_mem_eq(in, out, sizeof(out));
	check(guest_mem_zero(&t.mem, DATA_GPA, sizeof(out)));
	check_eq(request(IN, 5, sizeof(out), true), 0);
	check_eq(t.used_bytes, sizeof(out) + 1);
	check(guest_mem_read(&t.mem, DATA_GPA, in, sizeof(in)));
	check_mem_eq(in, out, sizeof(out));
	check(t.driver.interrupts[0] >= 2);
	end();
}

TEST(the_header_may_lie_in_pieces_and_the_status_behind_the_data)
{
	const struct fake_driver_part part[] = {
		{HEADER_GPA, 5, false},
		{HEADER_GPA + 5, 11, false},
		{DATA_GPA, 513, true}, /* data and status together */
	};
	u8 byte;

	begin(false, usual);
	check_eq(pwrite(t.fd, "x", 1, 512 + 511), 1);
	put_header(IN, 1);
	fake_driver_add(&t.driver, 0, part, 3);
	fake_driver_kick(&t.driver, 0);
	check(wait_used());
	check_eq(t.used_bytes, 513);
	check(guest_mem_read(&t.mem, DATA_GPA + 511, &byte, 1));
	check_eq(byte, 'x');
	check(guest_mem_read(&t.mem, DATA_GPA + 512, &byte, 1));
	check_eq(byte, 0);
	end();
}

/* ---- what the engine is told, for code may lie there ---- */

static struct {
	bool status, data;
} told;

static void note_written(void *ctx, gpa_t gpa, u64 size)
{
	(void)ctx;
	told.status |= gpa <= STATUS_GPA && STATUS_GPA < gpa + size;
	told.data |= gpa <= DATA_GPA && DATA_GPA + 512 <= gpa + size;
}

TEST(the_engine_is_told_of_data_and_status_of_errors_too)
{
	begin(false, usual);
	t.mem.written = note_written;
	check_eq(request(IN, 0, 512, true), 0);
	check(told.status && told.data);
	told.status = told.data = false;
	check_eq(request(IN, DISK_BYTES / 512, 512, true), 1);
	check(told.status && told.data);
	end();
}

TEST(discards_are_offered_where_they_give_something_back)
{
	begin(false, usual);
	check(t.blk->virtio.offered & VIRTIO_BLK_F_DISCARD);
	end();
	begin(true, 0);
	check(!(t.blk->virtio.offered & VIRTIO_BLK_F_DISCARD));
	end();
}

TEST(virtio_5_2_6_2_beyond_the_end_is_an_error_of_the_request_only)
{
	begin(false, usual);
	check_eq(request(IN, DISK_BYTES / 512, 512, true), 1);
	check_eq(request(OUT, DISK_BYTES / 512 - 1, 1024, false), 1);
	check_eq(request(IN, UINT64_MAX, 512, true), 1);
	check_eq(request(IN, 0, 511, true), 1);
	check_eq(request(IN, DISK_BYTES / 512 - 1, 512, true), 0);
	check(!is_broken());
	end();
}

TEST(virtio_5_2_6_2_an_unknown_type_is_not_supported)
{
	begin(false, 0);
	check_eq(request(99, 0, 512, true), 2);
	check_eq(change(DISCARD, 0, 1, 0), 2); /* not negotiated */
	end();
}

TEST(virtio_5_2_6_2_a_read_only_disk_refuses_changes)
{
	begin(true, VIRTIO_BLK_F_RO);
	check(t.blk->virtio.offered & VIRTIO_BLK_F_RO);
	check(!(t.blk->virtio.offered & VIRTIO_BLK_F_DISCARD));
	check_eq(request(OUT, 0, 512, false), 1);
	check_eq(request(IN, 0, 512, true), 0);
	check_eq(request(FLUSH, 0, 0, false), 0);
	end();
}

TEST(an_identification_is_twenty_bytes)
{
	char id[21] = {};

	begin(false, usual);
	check_eq(request(GET_ID, 0, 20, true), 0);
	check_eq(t.used_bytes, 21);
	check(guest_mem_read(&t.mem, DATA_GPA, id, 20));
	check_str_eq(id, "serial-of-a-disk-too");
	end();
}

TEST(virtio_5_2_6_ranges_are_zeroed_and_discarded)
{
	u8 byte;

	begin(false, usual);
	check_eq(pwrite(t.fd, "abc", 3, 8192), 3);
	check_eq(change(WRITE_ZEROES, 16, 8, 0), 0);
	check_eq(pread(t.fd, &byte, 1, 8192), 1);
	check_eq(byte, 0);
	check_eq(change(WRITE_ZEROES, 16, 8, 1), 0);
	check_eq(change(DISCARD, 16, 8, 0), 0);
	check_eq(change(DISCARD, 16, 8, 1), 2);
	check_eq(change(WRITE_ZEROES, 16, 8, 6), 2);
	check_eq(change(DISCARD, DISK_BYTES / 512, 8, 0), 1);
	check_eq(change(DISCARD, 0, UINT32_MAX, 0), 1);
	check_eq(change(WRITE_ZEROES, UINT64_MAX, 8, 0), 1);
	end();
}

TEST(virtio_5_2_5_2_a_driver_that_cannot_flush_gets_no_cache)
{
	begin(false, 0);
	check_eq(t.blk->config.writeback, 0);
	check_eq(request(OUT, 0, 512, false), 0);
	check(t.blk->request[0].flushing);
	end();
}

TEST(virtio_5_2_5_2_the_cache_can_be_turned_off)
{
	const u8 off = 0;

	begin(false, usual);
	check_eq(t.blk->config.writeback, 1);
	virtio_config_write(&t.blk->virtio, 32, &off, 1);
	check_eq(t.blk->config.writeback, 0);
	check_eq(request(OUT, 0, 512, false), 0);
	fake_driver_start(&t.driver, &t.blk->virtio, usual);
	check_eq(t.blk->config.writeback, 1);
	end();
}

TEST(chains_without_header_or_status_break_the_device)
{
	struct fake_driver_part part = {HEADER_GPA, 16, false};

	begin(false, usual);
	fake_driver_add(&t.driver, 0, &part, 1);
	fake_driver_kick(&t.driver, 0);
	check(loop_run_once(t.loop, 1000000) >= 0);
	check(is_broken());
	fake_driver_start(&t.driver, &t.blk->virtio, usual);
	check(!is_broken());
	part = (struct fake_driver_part){STATUS_GPA, 1, true};
	fake_driver_add(&t.driver, 0, &part, 1);
	fake_driver_kick(&t.driver, 0);
	check(loop_run_once(t.loop, 1000000) >= 0);
	check(is_broken());
	end();
}

TEST(a_status_alone_may_be_all_that_is_written)
{
	const struct fake_driver_part part[] = {{HEADER_GPA, 16, false},
						{STATUS_GPA, 1, true}};

	begin(false, usual);
	put_header(IN, 0);
	fake_driver_add(&t.driver, 0, part, 2);
	fake_driver_kick(&t.driver, 0);
	check(wait_used());
	check_eq(status(), 0);
	end();
}

/* One place in the table, offered again and again: more than fit the pool. */
TEST(more_requests_than_the_queue_has_places_are_taken_in_turn)
{
	const struct fake_driver_part part[] = {{HEADER_GPA, 16, false},
						{DATA_GPA, 512, true},
						{STATUS_GPA, 1, true}};
	u16 head;
	u32 used = 0;

	begin(false, usual);
	put_header(IN, 0);
	head = fake_driver_add(&t.driver, 0, part, 3);
	for (u32 i = 1; i < VIRTIO_BLK_QUEUE_SIZE; i++)
		fake_driver_offer(&t.driver, 0, head);
	fake_driver_kick(&t.driver, 0);
	check(wait_used());
	for (u32 i = 0; i < 100; i++)
		fake_driver_offer(&t.driver, 0, head);
	fake_driver_kick(&t.driver, 0);
	for (used = 1; used < VIRTIO_BLK_QUEUE_SIZE; used++)
		check(wait_used());
	check(!is_broken());
	end();
}

TEST(a_reset_in_flight_waits_and_then_nothing_is_left)
{
	const struct fake_driver_part part[] = {{HEADER_GPA, 16, false},
						{DATA_GPA, 65536, true},
						{STATUS_GPA, 1, true}};

	begin(false, usual);
	put_header(IN, 0);
	fake_driver_add(&t.driver, 0, part, 3);
	fake_driver_kick(&t.driver, 0);
	check(loop_run_once(t.loop, 0) >= 0);
	mutex_lock(&t.blk->virtio.dev.lock);
	virtio_set_status(&t.blk->virtio, 0);
	mutex_unlock(&t.blk->virtio.dev.lock);
	for (u32 i = 0; i < 1000 && virtio_status(&t.blk->virtio); i++)
		check(loop_run_once(t.loop, 10000000) >= 0);
	check_eq(virtio_status(&t.blk->virtio), 0);
	check_eq(t.blk->virtio.in_flight, 0);
	fake_driver_start(&t.driver, &t.blk->virtio, usual);
	check_eq(request(IN, 0, 512, true), 0);
	end();
}

TEST(state_is_saved_and_restored)
{
	struct buf saved;

	begin(false, usual);
	buf_init(&saved, 65536);
	check_eq(request(OUT, 0, 512, false), 0);
	dev_quiesce(&t.blk->virtio.dev);
	check_eq(dev_save(&t.blk->virtio.dev, &saved), 0);
	dev_reset(&t.blk->virtio.dev);
	check_eq(dev_load(&t.blk->virtio.dev, 1, saved.data, saved.size), 0);
	check_eq(t.blk->config.writeback, 1);
	check_eq(request(IN, 0, 512, true), 0);
	buf_release(&saved);
	end();
}
