/* SPDX-License-Identifier: MIT */
#include "vmm/char/stream.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "vmm/kick.h"

static void stop(struct chardev *chardev)
{
	(void)chardev;
}

static const struct chardev_ops ops = {
	.write = stream_write,
	.input_wanted = stream_input_wanted,
	.drain = stream_drain,
	.close = stop,
};

/* A stream between two pipes, and the device in front of it. */
static struct {
	struct loop *loop;
	struct stream stream;
	int in[2], out[2]; /* pipes: we write in[1] and read out[0] */
	size_t room;
	u8 got[8192];
	size_t got_size;
	u32 writable_count;
	u32 quit_count;
	struct escape escape;
} t;

static size_t room(void *ctx)
{
	(void)ctx;
	return t.room;
}

static void receive(void *ctx, const u8 *data, size_t size)
{
	(void)ctx;
	check(size <= t.room);
	memcpy(t.got + t.got_size, data, size);
	t.got_size += size;
	t.room -= size;
}

static void writable(void *ctx)
{
	(void)ctx;
	t.writable_count++;
}

static void quit(void *ctx)
{
	(void)ctx;
	t.quit_count++;
}

static void start(bool with_keys)
{
	kick_setup();
	signal(SIGPIPE, SIG_IGN);
	t.room = t.got_size = 0;
	t.writable_count = t.quit_count = 0;
	t.escape = (struct escape){.quit = quit};
	check_eq(loop_create(&t.loop), 0);
	check(!pipe2(t.in, O_CLOEXEC) && !pipe2(t.out, O_CLOEXEC));
	stream_init(&t.stream, t.loop, &ops);
	chardev_attach(&t.stream.chardev,
		       &(struct chardev_user){.room = room,
					      .receive = receive,
					      .writable = writable});
	check_eq(stream_start(&t.stream, t.in[0], t.out[1],
			      with_keys ? &t.escape : NULL),
		 0);
}

static void finish(void)
{
	stream_stop(&t.stream);
	for (u32 i = 0; i < 2; i++) {
		fd_close(&t.in[i]);
		fd_close(&t.out[i]);
	}
	loop_free(t.loop);
}

/* Runs the loop until nothing happens for a moment. */
static void settle(void)
{
	for (u32 i = 0; i < 20; i++)
		check_eq(loop_run_once(t.loop, 2 * NS_PER_MS), 0);
}

TEST(bytes_written_arrive_in_order)
{
	char back[6] = {};

	start(false);
	check_eq(chardev_write(&t.stream.chardev, "hel", 3), 3);
	check_eq(chardev_write(&t.stream.chardev, "lo", 2), 2);
	check_eq(read_full(t.out[0], back, 5), 0);
	check_str_eq(back, "hello");
	finish();
}

TEST(draining_waits_until_the_writer_has_written)
{
	u8 data[STREAM_OUT_BYTES / 2] = {[STREAM_OUT_BYTES / 2 - 1] = 7};
	u8 back[sizeof(data)];

	start(false);
	chardev_drain(&t.stream.chardev);
	check_eq(fcntl(t.out[1], F_SETPIPE_SZ, STREAM_OUT_BYTES),
		 STREAM_OUT_BYTES);
	check_eq(chardev_write(&t.stream.chardev, data, sizeof(data)),
		 sizeof(data));
	chardev_drain(&t.stream.chardev);
	check_eq(fcntl(t.out[0], F_SETFL, O_NONBLOCK), 0);
	check_eq(read_full(t.out[0], back, sizeof(back)), 0);
	check_eq(back[sizeof(back) - 1], 7);
	finish();
}

TEST(draining_to_a_reader_that_sleeps_ends)
{
	u8 data[STREAM_OUT_BYTES] = {};

	start(false);
	check_eq(fcntl(t.out[1], F_SETPIPE_SZ, 4096), 4096);
	check_eq(chardev_write(&t.stream.chardev, data, sizeof(data)),
		 sizeof(data));
	chardev_drain(&t.stream.chardev);
	finish();
}

TEST(stopping_writes_out_what_is_waiting)
{
	static u8 data[40000], back[40000];

	start(false);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7);
	check_eq(chardev_write(&t.stream.chardev, data, sizeof(data)),
		 sizeof(data));
	stream_stop(&t.stream);
	check_eq(read_full(t.out[0], back, sizeof(back)), 0);
	check_mem_eq(back, data, sizeof(data));
	check_eq(t.stream.dropped_bytes, 0);
	loop_free(t.loop);
}

TEST(a_full_pipe_makes_the_writer_wait_and_then_go_on)
{
	static u8 data[200000], back[200000];
	size_t sent = 0, taken;

	start(false);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 13);
	do {
		taken = chardev_write(&t.stream.chardev, data + sent, 1000);
		sent += taken;
		usleep(50);
	} while (taken == 1000 && sent < 190000);
	check(sent < 190000);
	check_eq(t.writable_count, 0);
	check_eq(read_full(t.out[0], back, 100000), 0);
	for (u32 i = 0; i < 100 && !t.writable_count; i++)
		check_eq(loop_run_once(t.loop, 10 * NS_PER_MS), 0);
	check_eq(t.writable_count, 1);
	check_eq(chardev_write(&t.stream.chardev, data + sent, 1000), 1000);
	check_eq(read_full(t.out[0], back + 100000, sent + 1000 - 100000), 0);
	check_mem_eq(back, data, sent + 1000);
	finish();
}

TEST(a_reader_that_has_gone_to_sleep_loses_output_and_blocks_nobody)
{
	static u8 data[300000];
	u64 start_ns = clock_now_ns();

	start(false);
	/* The ring may be full for a moment only, while the pipe has room: it
	 * is a stall when bytes have begun to drop. */
	while (!t.stream.dropped_bytes &&
	       clock_now_ns() - start_ns < 60 * NS_PER_S) {
		t.writable_count = 0;
		while (!t.stream.dropped_bytes &&
		       chardev_write(&t.stream.chardev, data, 1000) == 1000)
			usleep(50);
		while (!t.stream.dropped_bytes && !t.writable_count)
			check_eq(loop_run_once(t.loop, 100 * NS_PER_MS), 0);
	}
	/* Stalled: everything is taken, and dropped. */
	check_eq(chardev_write(&t.stream.chardev, data, sizeof(data)),
		 sizeof(data));
	check(t.stream.dropped_bytes >= sizeof(data) - STREAM_OUT_BYTES);
	finish();
	check(clock_now_ns() - start_ns < 60 * NS_PER_S);
}

TEST(a_closed_reader_is_as_good_as_none)
{
	start(false);
	fd_close(&t.out[0]);
	for (u32 i = 0; i < 1000; i++) {
		check_eq(chardev_write(&t.stream.chardev, "0123456789", 10), 10);
		usleep(10);
	}
	finish();
}

TEST(input_waits_until_the_device_has_room)
{
	start(false);
	check_eq(write_full(t.in[1], "abcdef", 6), 0);
	settle();
	check_eq(t.got_size, 0);
	t.room = 4;
	chardev_input_wanted(&t.stream.chardev);
	settle();
	check_eq(t.got_size, 4);
	t.room = 10;
	chardev_input_wanted(&t.stream.chardev);
	settle();
	check_mem_eq(t.got, "abcdef", 6);
	finish();
}

TEST(a_long_input_from_a_pipe_loses_nothing)
{
	static u8 data[5000];

	start(true);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(2 + i % 200);
	check_eq(write_full(t.in[1], data, sizeof(data)), 0);
	for (u32 i = 0; i < 2000 && t.got_size < sizeof(data); i++) {
		t.room = 16;
		chardev_input_wanted(&t.stream.chardev);
		check_eq(loop_run_once(t.loop, NS_PER_MS), 0);
	}
	check_eq(t.got_size, sizeof(data));
	check_mem_eq(t.got, data, sizeof(data));
	finish();
}

TEST(the_quit_key_works_while_the_guest_takes_nothing)
{
	start(true);
	check_eq(write_full(t.in[1], "zzz\001x", 5), 0);
	settle();
	check_eq(t.quit_count, 1);
	check_eq(t.got_size, 0);
	finish();
}

TEST(a_file_as_input_is_read_to_its_end)
{
	char path[] = "/tmp/stream-test-XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	unlink(path);
	check_eq(write_full(fd, "from a file", 11), 0);
	check_eq(lseek(fd, 0, SEEK_SET), 0);
	kick_setup();
	check_eq(loop_create(&t.loop), 0);
	stream_init(&t.stream, t.loop, &ops);
	t.room = 100;
	t.got_size = 0;
	chardev_attach(&t.stream.chardev,
		       &(struct chardev_user){.room = room,
					      .receive = receive,
					      .writable = writable});
	check_eq(stream_start(&t.stream, fd, -1, NULL), 0);
	settle();
	check_eq(t.got_size, 11);
	check_mem_eq(t.got, "from a file", 11);
	check_eq(chardev_write(&t.stream.chardev, "x", 1), 1);
	stream_stop(&t.stream);
	loop_free(t.loop);
	close(fd);
}
