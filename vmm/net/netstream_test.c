/* SPDX-License-Identifier: MIT */
#include "vmm/net/netstream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"

static struct {
	struct loop *loop;
	struct netstream stream;
	int peer;
	u8 got[4][64];
	u32 got_size[4], got_count, room;
	u32 received, writable, link_changes, lost;
	int lost_err;
} t;

static bool receive(void *ctx, const u8 *frame, u32 size)
{
	(void)ctx;
	if (t.got_count >= t.room)
		return false;
	if (t.got_count < ARRAY_SIZE(t.got)) {
		memcpy(t.got[t.got_count], frame, MIN(size, (u32)64));
		t.got_size[t.got_count] = size;
	}
	t.got_count++;
	return true;
}

static void received(void *ctx)
{
	(void)ctx;
	t.received++;
}

static void writable(void *ctx)
{
	(void)ctx;
	t.writable++;
}

static void link_changed(void *ctx)
{
	(void)ctx;
	t.link_changes++;
}

static void lost(struct netstream *stream, int err)
{
	t.lost++;
	t.lost_err = err;
	netstream_shut(stream);
}

static void fake_close(struct netdev *netdev)
{
	netstream_release(netstream_of(netdev));
}

static const struct netdev_ops ops = {
	.send = netstream_send,
	.receive_wanted = netstream_receive_wanted,
	.close = fake_close,
};

static void begin(bool wait)
{
	static const struct netdev_user user = {
		.receive = receive,
		.received = received,
		.writable = writable,
		.link_changed = link_changed,
	};
	int ends[2];

	memset(&t, 0, sizeof(t));
	t.room = 1000;
	check_eq(loop_create(&t.loop), 0);
	check_eq(netstream_init(&t.stream, t.loop, &ops), 0);
	t.stream.lost = lost;
	netdev_attach(&t.stream.netdev, &user);
	check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	check_eq(netstream_open(&t.stream, ends[0], wait), 0);
	t.peer = ends[1];
}

static void end(void)
{
	netdev_close(&t.stream.netdev);
	loop_free(t.loop);
	fd_close(&t.peer);
}

static void settle(void)
{
	for (u32 i = 0; i < 20; i++)
		check_eq(loop_run_once(t.loop, 0), 0);
}

static void peer_sends(const char *body)
{
	u8 head[FRAMES_HEAD_BYTES];

	frames_head(head, (u32)strlen(body));
	check_eq(write_full(t.peer, head, sizeof(head)), 0);
	check_eq(write_full(t.peer, body, strlen(body)), 0);
}

static bool send_text(const char *a, const char *b)
{
	const struct iovec iov[] = {
		{(void *)(uintptr_t)a, strlen(a)},
		{(void *)(uintptr_t)b, strlen(b)},
	};

	return netdev_send(&t.stream.netdev, iov, 2);
}

TEST(a_frame_in_parts_arrives_whole_behind_its_size)
{
	char wire[64];

	begin(false);
	check(send_text("0123456789", "abcdefghij"));
	check_eq(read(t.peer, wire, sizeof(wire)), 24);
	check_mem_eq(wire,
		     "\0\0\0\x14"
		     "0123456789abcdefghij",
		     24);
	end();
}

TEST(what_is_no_frame_is_taken_and_lost)
{
	static u8 large[NETDEV_FRAME_BYTES_MAX + 1];
	const struct iovec iov = {large, sizeof(large)};
	char byte;

	begin(false);
	check(send_text("0123456789", "abc"));
	check(netdev_send(&t.stream.netdev, &iov, 1));
	check_eq(recv(t.peer, &byte, 1, MSG_DONTWAIT), -1);
	end();
}

TEST(frames_come_in_and_the_end_of_a_batch_is_told)
{
	begin(false);
	peer_sends("first frame of it");
	peer_sends("second frame of it");
	settle();
	check_eq(t.got_count, 2);
	check_eq(t.got_size[1], 18);
	check_mem_eq(t.got[1], "second frame of it", 18);
	check_eq(t.received, 1);
	end();
}

TEST(without_room_input_waits_and_nothing_is_lost_or_spun)
{
	begin(false);
	t.room = 1;
	for (u32 i = 0; i < 3; i++)
		peer_sends("0123456789abcdef");
	settle();
	check_eq(t.got_count, 1);
	/* The loop sleeps while there is no room. */
	peer_sends("0123456789abcdef");
	settle();
	check_eq(t.stream.watch.events, 0);
	t.room = 2;
	netdev_receive_wanted(&t.stream.netdev);
	settle();
	check_eq(t.got_count, 2);
	t.room = 10;
	netdev_receive_wanted(&t.stream.netdev);
	settle();
	check_eq(t.got_count, 4);
	end();
}

/* Sends frames of 60,000 bytes until one is refused; the count. */
static u32 fill(void)
{
	static u8 body[60000];
	const struct iovec iov = {body, sizeof(body)};
	u32 count = 0;

	for (u32 i = 0; i < sizeof(body); i++)
		body[i] = (u8)(i % 251);
	while (netdev_send(&t.stream.netdev, &iov, 1))
		check(count++ < 1000);
	return count;
}

static u32 read_frames(u32 count)
{
	static u8 wire[4 + 60000];
	u32 good = 0;

	for (u32 n = 0; n < count; n++) {
		for (u32 at = 0; at < sizeof(wire);) {
			ssize_t got = recv(t.peer, wire + at, sizeof(wire) - at,
					   MSG_DONTWAIT);

			if (got < 0)
				settle(); /* the rest is on its way */
			else
				at += (u32)got;
		}
		good += wire[2] == 60000 >> 8 && wire[4 + 59999] == 59999 % 251;
	}
	return good;
}

TEST(a_full_peer_gets_each_frame_whole_and_the_card_is_told)
{
	u32 count;

	begin(false);
	count = fill();
	check(count > 1);
	settle();
	check_eq(t.writable, 0);
	check_eq(read_frames(count), count);
	settle();
	check_eq(t.writable, 1);
	check(send_text("0123456789", "abcdefghij"));
	end();
}

TEST(a_link_that_goes_down_takes_all_and_owes_nothing)
{
	begin(false);
	check_eq(t.link_changes, 1);
	(void)fill();
	fd_close(&t.peer);
	settle();
	check_eq(t.lost, 1);
	/* With input of ours unread, Linux says so. */
	check(t.lost_err == -EPIPE || t.lost_err == -ECONNRESET);
	check(!t.stream.netdev.link_up);
	check_eq(t.link_changes, 2);
	check_eq(t.writable, 1);
	check(send_text("0123456789", "abcdefghij"));
	end();
}

TEST(what_a_peer_sent_before_it_went_is_handed_on)
{
	begin(false);
	peer_sends("the last frame of all");
	fd_close(&t.peer);
	settle();
	check_eq(t.got_count, 1);
	check_eq(t.lost_err, -EPIPE);
	end();
}

TEST(a_peer_that_goes_while_there_is_no_room_is_noticed)
{
	begin(false);
	t.room = 0;
	peer_sends("0123456789abcdef");
	settle();
	fd_close(&t.peer);
	settle();
	check_eq(t.lost, 1);
	netdev_receive_wanted(&t.stream.netdev);
	settle();
	check_eq(t.got_count, 0);
	end();
}

TEST(a_broken_stream_is_the_end_of_it)
{
	begin(false);
	peer_sends("0123456789abcdef");
	check_eq(write_full(t.peer, "\x7f\0\0\0", 4), 0);
	settle();
	check_eq(t.got_count, 1);
	check_eq(t.lost_err, -EPROTO);
	end();
}

TEST(the_link_can_wait_for_the_first_frame)
{
	begin(true);
	check(!t.stream.netdev.link_up);
	peer_sends("0123456789abcdef");
	settle();
	check(t.stream.netdev.link_up);
	check_eq(t.link_changes, 1);
	check_eq(t.got_count, 0);
	peer_sends("0123456789abcdef");
	settle();
	check_eq(t.got_count, 1);
	end();
}

TEST(another_connection_starts_clean)
{
	int ends[2];

	begin(false);
	(void)fill();
	check_eq(write_full(t.peer, "\0\0", 2), 0);
	settle();
	fd_close(&t.peer);
	settle();
	check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	check_eq(netstream_open(&t.stream, ends[0], false), 0);
	t.peer = ends[1];
	peer_sends("0123456789abcdef");
	settle();
	check_eq(t.got_count, 1);
	check(send_text("0123456789", "abcdefghij"));
	check_eq(t.link_changes, 3);
	end();
}

TEST(no_memory_is_an_error_and_leaks_nothing)
{
	u32 n = 1;

	check_eq(loop_create(&t.loop), 0);
	while (alloc_fail_at(n), netstream_init(&t.stream, t.loop, &ops)) {
		netstream_release(&t.stream);
		n++;
	}
	alloc_fail_off();
	check_eq(n, 3);
	netstream_release(&t.stream);
	netstream_release(&t.stream);
	loop_free(t.loop);
}
