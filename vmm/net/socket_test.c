/* SPDX-License-Identifier: MIT */
#include "vmm/net/net.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/net/retry.h"

static struct {
	struct loop *loop;
	struct netdev *netdev;
	struct fault fault;
	char directory[32], path[64], words[96];
	int listener, peer;
	u32 got;
} t;

static bool receive(void *ctx, const u8 *frame, u32 size)
{
	(void)ctx;
	check(size == 16 && !memcmp(frame, "0123456789abcdef", 16));
	t.got++;
	return true;
}

static void listen_there(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, t.path);
	t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(t.listener >= 0);
	check_eq(bind(t.listener, (struct sockaddr *)&address, sizeof(address)),
		 0);
	check_eq(listen(t.listener, 1), 0);
}

static void take_peer(void)
{
	t.peer = accept(t.listener, NULL, NULL);
	check(t.peer >= 0);
}

static void begin(void)
{
	static const struct netdev_user user = {.receive = receive};
	struct net_options options;

	memset(&t, 0, sizeof(t));
	t.listener = t.peer = -1;
	strcpy(t.directory, "/tmp/socket-test-XXXXXX");
	check(mkdtemp(t.directory) != NULL);
	snprintf(t.path, sizeof(t.path), "%s/wire", t.directory);
	snprintf(t.words, sizeof(t.words), "socket,path=%s", t.path);
	check_eq(net_options_parse(t.words, &options, &t.fault), 0);
	net_options_default_mac(&options, 0);
	check_eq(loop_create(&t.loop), 0);
	check_eq(net_create(&options, t.loop, &t.netdev, &t.fault), 0);
	netdev_attach(t.netdev, &user);
}

static void end(void)
{
	netdev_close(t.netdev);
	loop_free(t.loop);
	fd_close(&t.peer);
	fd_close(&t.listener);
	unlink(t.path);
	check_eq(rmdir(t.directory), 0);
}

static void wait_for_link(bool up)
{
	u64 end_ns = clock_now_ns() + 60 * NS_PER_S;

	while (t.netdev->link_up != up && clock_now_ns() < end_ns)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(t.netdev->link_up, up);
}

TEST(frames_go_both_ways)
{
	u8 frame[] = "0123456789abcdef", wire[64];

	begin();
	listen_there();
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	check_eq(netdev_settle(t.netdev, &t.fault), 0);
	check(t.netdev->link_up);
	check_eq(t.netdev->mtu, 1500);
	take_peer();
	check(netdev_send(t.netdev, &(struct iovec){frame, 16}, 1));
	check_eq(read(t.peer, wire, sizeof(wire)), 20);
	check_eq(write_full(t.peer, wire, 20), 0);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(t.got, 1);
	end();
}

TEST(a_path_where_nobody_listens_is_named)
{
	begin();
	check_eq(netdev_start(t.netdev, &t.fault), -ENOENT);
	check(strstr(t.fault.text[0], t.path));
	listen_there();
	fd_close(&t.listener);
	check_eq(netdev_start(t.netdev, &t.fault), -ECONNREFUSED);
	end();
}

TEST(a_peer_that_comes_back_finds_us_again)
{
	begin();
	listen_there();
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	take_peer();
	fd_close(&t.peer);
	fd_close(&t.listener);
	unlink(t.path);
	wait_for_link(false);
	/* The first attempts find nobody. */
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check(!t.netdev->link_up);
	listen_there();
	wait_for_link(true);
	take_peer();
	end();
}

TEST(a_peer_that_goes_is_not_looked_for_in_jail)
{
	struct pollfd wait = {.events = POLLIN};

	begin();
	listen_there();
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	take_peer();
	check_eq(netdev_jail(t.netdev, &t.fault), 0);
	fd_close(&t.peer);
	wait_for_link(false);
	check_eq(loop_run_once(t.loop, 2 * RETRY_MIN_NS), 0);
	wait.fd = t.listener;
	check_eq(poll(&wait, 1, 0), 0);
	check(!t.netdev->link_up);
	end();
}

TEST(no_network_is_no_netdev)
{
	struct net_options options;
	struct netdev *netdev = (void *)&t;

	check_eq(net_options_parse("none", &options, &t.fault), 0);
	check_eq(net_create(&options, NULL, &netdev, &t.fault), 0);
	check(!netdev);
}

TEST(no_memory_is_an_error_and_leaks_nothing)
{
	struct net_options options;
	u32 n = 1;

	check_eq(net_options_parse("socket,path=/x", &options, NULL), 0);
	check_eq(loop_create(&t.loop), 0);
	while (alloc_fail_at(n),
	       net_create(&options, t.loop, &t.netdev, &t.fault)) {
		check_eq(t.fault.err, -ENOMEM);
		n++;
	}
	alloc_fail_off();
	check_eq(n, 4);
	netdev_close(t.netdev);
	loop_free(t.loop);
}
