/* SPDX-License-Identifier: MIT */
/*
 * A script stands for passt: it says what it has to say, and sends back what it
 * gets. tests/net has the real one.
 */
#include "vmm/net/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"

#define ECHO "exec cat <&3 >&3\n"

static struct {
	struct loop *loop;
	struct netdev *netdev;
	struct fault fault;
	char directory[32], script[64], path[4096];
	u32 got, link_changes;
	u8 frame[128];
	u32 size;
} t;

static bool receive(void *ctx, const u8 *frame, u32 size)
{
	(void)ctx;
	t.got++;
	t.size = MIN(size, (u32)sizeof(t.frame));
	memcpy(t.frame, frame, t.size);
	return true;
}

static void link_changed(void *ctx)
{
	(void)ctx;
	t.link_changes++;
}

/* The first "passt" in PATH does this; NULL: there is none at all. */
static void write_script(const char *body)
{
	auto_close int fd = -1;

	unlink(t.script);
	if (!body)
		return;
	fd = fd_open(t.script, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	check(fd >= 0);
	check_eq(write_full(fd, "#!/bin/sh\n", 10), 0);
	check_eq(write_full(fd, body, strlen(body)), 0);
}

static void begin(const char *body, const char *words)
{
	static const struct netdev_user user = {.receive = receive,
						.link_changed = link_changed};
	struct net_options options;

	memset(&t, 0, sizeof(t));
	strcpy(t.directory, "/tmp/user-test-XXXXXX");
	check(mkdtemp(t.directory) != NULL);
	snprintf(t.script, sizeof(t.script), "%s/passt", t.directory);
	snprintf(t.path, sizeof(t.path), "%s", getenv("PATH"));
	/* The script's own programs are where they always are. */
	setenv("PATH", t.directory, 1);
	write_script(body);
	check_eq(loop_create(&t.loop), 0);
	check_eq(net_options_parse(words, &options, &t.fault), 0);
	net_options_default_mac(&options, 0);
	check_eq(net_user_create(&options, t.loop, &t.netdev), 0);
	netdev_attach(t.netdev, &user);
}

static void end(void)
{
	netdev_close(t.netdev);
	loop_free(t.loop);
	setenv("PATH", t.path, 1);
	unlink(t.script);
	check_eq(rmdir(t.directory), 0);
}

static void start(void)
{
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	check_eq(netdev_settle(t.netdev, &t.fault), 0);
	check(t.netdev->link_up);
}

/* Until the link is so, a minute at most. */
static void wait_for_link(bool up)
{
	u64 end_ns = clock_now_ns() + 60 * NS_PER_S;

	while (t.netdev->link_up != up && clock_now_ns() < end_ns)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(t.netdev->link_up, up);
}

static void echo(u8 *frame, u32 size)
{
	const struct iovec iov = {frame, size};
	u32 before = t.got;
	u64 end_ns = clock_now_ns() + 60 * NS_PER_S;

	check(netdev_send(t.netdev, &iov, 1));
	while (t.got == before && clock_now_ns() < end_ns)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(t.got, before + 1);
	check_mem_eq(t.frame, frame, size);
}

TEST(frames_go_there_and_come_back)
{
	u8 frame[64] = "a frame";

	begin("PATH=/bin:/usr/bin\n" ECHO, "user");
	start();
	check_eq(t.netdev->mtu, 65520);
	check_eq(t.got, 0);
	echo(frame, sizeof(frame));
	end();
}

TEST(a_program_that_is_missing_is_named_with_its_package)
{
	begin(NULL, "user");
	check_eq(netdev_start(t.netdev, &t.fault), -ENOENT);
	check(strstr(t.fault.text[0], "Debian's package 'passt'"));
	end();
}

TEST(what_it_says_when_it_does_not_start_is_handed_on)
{
	char text[512];

	begin("echo 'Failed to bind any port' >&2\n"
	      "echo 'Failed to send 5 bytes to syslog' >&2\nexit 1\n",
	      "user");
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	check_eq(netdev_settle(t.netdev, &t.fault), -EIO);
	(void)fault_format(&t.fault, text, sizeof(text));
	check_str_eq(text, "--net user: passt does not start: "
			   "Failed to bind any port");
	end();
}

#define ANSWER_ONCE "dd bs=46 count=1 <&3 >&3 2>/dev/null\n"

TEST(its_end_takes_the_link_down_and_its_return_brings_it_up)
{
	u8 frame[64] = "a frame";

	begin("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n", "user");
	start();
	write_script("PATH=/bin:/usr/bin\n" ECHO);
	wait_for_link(false);
	check(netdev_send(t.netdev, &(struct iovec){frame, 64}, 1));
	wait_for_link(true);
	check_eq(t.link_changes, 3);
	echo(frame, sizeof(frame));
	end();
}

TEST(while_it_cannot_be_started_it_is_tried_again)
{
	begin("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n", "user");
	start();
	write_script(NULL);
	wait_for_link(false);
	/* Two timers at least. */
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check(!t.netdev->link_up);
	write_script("PATH=/bin:/usr/bin\n" ECHO);
	wait_for_link(true);
	end();
}

TEST(a_peer_that_breaks_the_stream_is_ended)
{
	begin("PATH=/bin:/usr/bin\n" ANSWER_ONCE
	      "printf '\\377\\377\\377\\377' >&3\nexec sleep 1000\n",
	      "user");
	start();
	wait_for_link(false);
	end();
}

TEST(a_restricted_guest_gets_nothing_through)
{
	u8 arp[64] = {[12] = 8, [13] = 6}, ip[64] = {[12] = 8, [13] = 0};

	begin("PATH=/bin:/usr/bin\n" ECHO, "user,restrict");
	start();
	check(netdev_send(t.netdev, &(struct iovec){ip, sizeof(ip)}, 1));
	echo(arp, sizeof(arp));
	end();
}

TEST(a_helper_that_does_nothing_is_not_waited_for_at_the_end)
{
	u64 begin_ns = clock_now_ns();

	begin("PATH=/bin:/usr/bin\nexec sleep 1000\n", "user");
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	end();
	check(clock_now_ns() - begin_ns < 60 * NS_PER_S);
}

TEST(no_memory_is_an_error_and_leaks_nothing)
{
	struct net_options options;
	u32 n = 1;

	check_eq(net_options_parse("user,restrict", &options, NULL), 0);
	net_options_default_mac(&options, 0);
	check_eq(loop_create(&t.loop), 0);
	while (alloc_fail_at(n), net_user_create(&options, t.loop, &t.netdev))
		n++;
	alloc_fail_off();
	check_eq(n, 5);
	netdev_close(t.netdev);
	netdev_close(NULL);
	loop_free(t.loop);
}
