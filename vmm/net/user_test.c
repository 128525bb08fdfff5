/* SPDX-License-Identifier: MIT */
/*
 * A script stands for passt: it says what it has to say, and sends back what it
 * gets. tests/net has the real one.
 */
#include "vmm/net/user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/net/retry.h"

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
/* A frame of 64 bytes. */
#define ECHO_ONCE "dd bs=68 count=1 <&3 >&3 2>/dev/null\n"

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

/* ---- in jail ---- */

/* A child of ours with this name; it may be about to take it. */
static pid_t child_named(const char *name)
{
	u64 end_ns = clock_now_ns() + 60 * NS_PER_S;
	char path[64], all[256], comm[64];
	size_t size = strlen(name);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getpid(),
		 getpid());
	while (clock_now_ns() < end_ns) {
		int fd = fd_open(path, O_RDONLY, 0);
		ssize_t n = read(fd, all, sizeof(all) - 1);

		check(n >= 0);
		close(fd);
		all[n] = 0;
		for (char *at = strtok(all, " "); at; at = strtok(NULL, " ")) {
			snprintf(comm, sizeof(comm), "/proc/%s/comm", at);
			fd = fd_open(comm, O_RDONLY, 0);
			n = fd < 0 ? 0 : read(fd, comm, sizeof(comm));
			close(fd);
			if (n == (ssize_t)size + 1 && !memcmp(comm, name, size))
				return (pid_t)atoi(at);
		}
	}
	test_fail("there is no child '%s'", name);
}

/* It is dead when this returns, and not reaped. */
static void kill_launcher(void)
{
	pid_t pid = child_named("keel-launcher");
	siginfo_t info;

	check_eq(kill(pid, SIGKILL), 0);
	check_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* `words` first, and then in jail; what comes next does `then`. */
static void begin_jailed(const char *words, const char *then)
{
	signal(SIGPIPE, SIG_IGN); /* as the program has it */
	begin(words, "user");
	start();
	check_eq(netdev_jail(t.netdev, &t.fault), 0);
	write_script(then);
}

static void end_jailed(void)
{
	end();
	/* Nobody is left of those who were started. */
	check_eq(waitpid(-1, NULL, WNOHANG), -1);
	check_eq(errno, ECHILD);
	signal(SIGPIPE, SIG_DFL);
}

TEST(in_jail_it_is_started_again_each_time_by_the_launcher)
{
	u8 frame[64] = "a frame";

	begin_jailed("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n",
		     ANSWER_ONCE ECHO_ONCE "exit 1\n");
	wait_for_link(false);
	wait_for_link(true);
	write_script(ECHO);
	echo(frame, sizeof(frame));
	wait_for_link(false);
	wait_for_link(true);
	echo(frame, sizeof(frame));
	check_eq(t.link_changes, 5);
	end_jailed();
}

TEST(in_jail_one_that_breaks_the_stream_is_ended_and_started_again)
{
	begin_jailed("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n",
		     ANSWER_ONCE "printf '\\377\\377\\377\\377' >&3\n"
				 "exec sleep 1000\n");
	wait_for_link(false);
	wait_for_link(true);
	write_script(ECHO);
	wait_for_link(false);
	wait_for_link(true);
	end_jailed();
}

TEST(in_jail_while_it_cannot_be_started_it_is_tried_again)
{
	begin_jailed("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n", NULL);
	wait_for_link(false);
	/* Two timers at least. */
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check(!t.netdev->link_up);
	write_script(ECHO);
	wait_for_link(true);
	end_jailed();
}

TEST(without_the_launcher_the_network_stays_until_passt_ends)
{
	u8 frame[64] = "a frame";

	begin_jailed("PATH=/bin:/usr/bin\n" ANSWER_ONCE ECHO_ONCE "exit 1\n",
		     ECHO);
	kill_launcher();
	check_eq(loop_run_once(t.loop, 0), 0);
	check(t.netdev->link_up);
	echo(frame, sizeof(frame));
	wait_for_link(false);
	/* Longer than the first waiting. */
	check_eq(loop_run_once(t.loop, 2 * RETRY_MIN_NS), 0);
	check_eq(loop_run_once(t.loop, 2 * RETRY_MIN_NS), 0);
	check_eq(t.link_changes, 2);
	end_jailed();
}

TEST(what_the_launcher_has_started_ends_with_it)
{
	begin_jailed("PATH=/bin:/usr/bin\n" ANSWER_ONCE "exit 1\n", ECHO);
	wait_for_link(false);
	wait_for_link(true);
	kill_launcher();
	wait_for_link(false);
	check_eq(loop_run_once(t.loop, 2 * RETRY_MIN_NS), 0);
	check_eq(t.link_changes, 4);
	end_jailed();
}

TEST(a_launcher_that_starts_nothing_ends_with_us)
{
	begin_jailed("PATH=/bin:/usr/bin\n" ECHO, NULL);
	end_jailed();
}

TEST(a_peer_that_breaks_the_stream_is_ended)
{
	u8 frame[64] = "go";

	/* Not before it is told to: or the start sees it, and fails. */
	begin("PATH=/bin:/usr/bin\n" ANSWER_ONCE "head -c 1 <&3 >/dev/null\n"
	      "printf '\\377\\377\\377\\377' >&3\nexec sleep 1000\n",
	      "user");
	start();
	check(netdev_send(t.netdev, &(struct iovec){frame, sizeof(frame)}, 1));
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
