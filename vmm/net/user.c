/* SPDX-License-Identifier: MIT */
/* passt as a child, and frames to and from it: see user.h. */
#include "vmm/net/user.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/iov.h"
#include "base/log.h"
#include "vmm/jail/launcher.h"
#include "vmm/net/net_filter.h"
#include "vmm/net/netstream.h"
#include "vmm/net/passt.h"
#include "vmm/net/retry.h"

/* A few whole frames, or the host's limit. */
#define SOCKET_BYTES (1024 * 1024)

struct net_user {
	struct netstream stream;
	struct net_options options;
	struct loop *loop; /* borrowed */
	u8 *copy; /* owned: a restricted guest's frame; NULL: it is not */
	struct passt_args args;
	struct child child;
	/* In jail it is not we who start it again, but the launcher. */
	bool jailed;
	struct launcher *launcher; /* owned; NULL: there is none, or no more */
	struct loop_watch launcher_watch;
	bool launched; /* by the launcher, and not known to have ended */
	struct loop_watch ended_watch, words_watch;
	bool watched, words_watched;
	struct passt_words words;
	struct retry retry;
	struct log_limit log_limit;
};

static struct net_user *user_of(struct netdev *netdev)
{
	return container_of(netstream_of(netdev), struct net_user, stream);
}

/* ---- what it says, and its end ---- */

/* What there is, or as much as a pipe holds: it may say more for ever.
 * needs: io: read */
static void read_words(struct net_user *user)
{
	char data[4096];
	ssize_t n = 1;

	for (u32 i = 0; i < 16 && n > 0; i++) {
		n = read(user->child.err_fd, data, sizeof(data));
		if (n > 0)
			passt_words_add(&user->words, data, (size_t)n);
	}
	/* Nobody will write to it any more, and it would wake us for ever. */
	if (!n && user->words_watched) {
		loop_watch_del(user->loop, &user->words_watch);
		user->words_watched = false;
	}
}

static void on_words(struct loop_watch *watch, u32 events)
{
	(void)events;
	read_words(watch->ctx);
}

static void unwatch(struct net_user *user)
{
	if (user->words_watched)
		loop_watch_del(user->loop, &user->words_watch);
	if (user->watched)
		loop_watch_del(user->loop, &user->ended_watch);
	user->watched = user->words_watched = false;
}

/* One that was killed says nothing itself. */
static void say_status(struct net_user *user, int status)
{
	struct passt_words *words = &user->words;

	if (words->said[0])
		return;
	if (WIFSIGNALED(status))
		snprintf(words->said, sizeof(words->said), "signal %d",
			 WTERMSIG(status));
	else
		snprintf(words->said, sizeof(words->said), "exit status %d",
			 WEXITSTATUS(status));
}

static void stop_launched(struct net_user *user)
{
	/* It fails when there is nothing to stop any more. */
	int err = user->launched ? launcher_stop(user->launcher, 0) : 0;

	(void)err;
}

/*
 * It is gone, or is made to; nothing of it stays. The launcher tells of the end
 * of what it has started.
 */
static void end_child(struct net_user *user)
{
	stop_launched(user);
	child_kill(&user->child);
	if (user->child.err_fd >= 0)
		read_words(user);
	unwatch(user);
	say_status(user, child_reap(&user->child));
	netstream_shut(&user->stream);
}

static void say_ended(struct net_user *user)
{
	bool again = user->launcher || !user->jailed;
	u64 now_ns = clock_now_ns();

	if (again)
		retry_ended(&user->retry, now_ns);
	if (log_limit_pass(&user->log_limit, now_ns))
		log_at(LOG_WARN, "net", "passt has ended and %s again: %s",
		       again ? "is started" : "cannot be started",
		       user->words.said);
}

static void on_ended(struct loop_watch *watch, u32 events)
{
	struct net_user *user = watch->ctx;

	(void)events;
	end_child(user);
	say_ended(user);
}

/* What it has started ends with it; one that we have started stays. */
static void lose_launcher(struct net_user *user)
{
	loop_watch_del(user->loop, &user->launcher_watch);
	launcher_free(user->launcher);
	user->launcher = NULL;
	retry_stop(&user->retry);
	if (user->launched)
		netstream_shut(&user->stream);
	user->launched = false;
	log_at(LOG_WARN, "net",
	       "the launcher has ended: passt cannot be started again");
}

/* needs: io: read */
static void on_launcher(struct loop_watch *watch, u32 events)
{
	struct net_user *user = watch->ctx;
	int status, err;
	u32 program;

	(void)events;
	while (!(err = launcher_ended(user->launcher, &program, &status))) {
		user->launched = false;
		say_status(user, status);
		netstream_shut(&user->stream);
		say_ended(user);
	}
	if (err != -EAGAIN)
		lose_launcher(user);
}

/* The rest is done when the kernel, or the launcher, tells of its end. */
static void on_lost(struct netstream *stream, int err)
{
	struct net_user *user = container_of(stream, struct net_user, stream);

	(void)err;
	child_kill(&user->child);
	stop_launched(user);
	netstream_shut(stream);
}

/* ---- its beginning ---- */

static int watch_child(struct net_user *user)
{
	int err;

	user->ended_watch = (struct loop_watch){user->child.pid_fd, EPOLLIN,
						on_ended, user};
	user->words_watch = (struct loop_watch){user->child.err_fd, EPOLLIN,
						on_words, user};
	err = loop_watch_add(user->loop, &user->ended_watch);
	if (err)
		return err;
	user->watched = true;
	err = loop_watch_add(user->loop, &user->words_watch);
	user->words_watched = !err;
	return err;
}

/*
 * Who has 10.0.2.2? Asked by nobody in particular, from the card's address: so
 * passt learns that, too. [RFC826 "Packet format"]
 */
static void ask_for_gateway(struct net_user *user)
{
	static const u8 question[] = {
		8, 6,			       /* ARP */
		0, 1, 8, 0, 6, 4, 0,  1,       /* a request, IPv4 on Ethernet */
		0, 0, 0, 0, 0, 0, 0,  0, 0, 0, /* from */
		0, 0, 0, 0, 0, 0, 10, 0, 2, 2  /* about; NET_USER_HOST */
	};
	u8 frame[42];
	const struct iovec iov = {frame, sizeof(frame)};
	bool sent;

	static_assert(sizeof(question) == sizeof(frame) - 12, "whole");
	memset(frame, 0xff, 6);
	memcpy(frame + 6, user->options.mac, 6);
	memcpy(frame + 12, question, sizeof(question));
	memcpy(frame + 22, user->options.mac, 6);
	sent = netstream_send(&user->stream.netdev, &iov, 1);
	assert(sent); /* the socket is new */
}

/* In jail. needs: io: write recvmsg? setsockopt:SO_SNDBUF? close */
static int relaunch(struct net_user *user)
{
	const int size = SOCKET_BYTES;
	int fd, err;

	user->words = (struct passt_words){};
	retry_began(&user->retry, clock_now_ns());
	err = launcher_start(user->launcher, 0, &fd);
	if (err)
		return err;
	user->launched = true;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	err = netstream_open(&user->stream, fd, true);
	if (err) {
		fd_close(&fd);
		stop_launched(user); /* we are told when it has ended */
		return 0;
	}
	ask_for_gateway(user);
	return 0;
}

static int launch(struct net_user *user)
{
	auto_close int ours = -1, theirs = -1;
	const int size = SOCKET_BYTES;
	int ends[2], err;

	user->words = (struct passt_words){};
	retry_began(&user->retry, clock_now_ns());
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return trace_err(-errno);
	ours = ends[0];
	theirs = ends[1];
	/* Larger is faster; the host may have reasons to give less. */
	(void)setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	err = child_start(&user->child, user->args.argv, theirs);
	if (!err)
		err = watch_child(user);
	if (!err)
		err = netstream_open(&user->stream, ours, true);
	if (err) {
		end_child(user);
		return err;
	}
	ours = -1;
	ask_for_gateway(user);
	return 0;
}

static void retry_due(struct loop_timer *timer)
{
	struct net_user *user = timer->ctx;

	if (user->jailed ? relaunch(user) : launch(user))
		retry_ended(&user->retry, clock_now_ns());
}

/* ---- the netdev ---- */

static int user_start(struct netdev *netdev, struct fault *fault)
{
	struct net_user *user = user_of(netdev);
	int err = launch(user);

	if (err == -ENOENT)
		fault_set(fault, FAULT_NOT_FOUND, 0,
			  "--net user needs the program passt, of Debian's "
			  "package 'passt'; install it, or give --net none");
	else if (err)
		return fault_set(fault, FAULT_IO, err,
				 "--net user: cannot start passt");
	return err;
}

/* What the loop would do, for one that does not run yet. */
static int user_settle(struct netdev *netdev, struct fault *fault)
{
	struct net_user *user = user_of(netdev);
	u64 end_ns = clock_now_ns() + NETDEV_SETTLE_NS, now_ns;

	while (!netdev->link_up && user->stream.fd >= 0) {
		struct pollfd wait = {.fd = user->stream.fd, .events = POLLIN};

		now_ns = clock_now_ns();
		if (now_ns >= end_ns) {
			end_child(user);
			return fault_set(fault, FAULT_TIMEOUT, -ETIMEDOUT,
					 "--net user: passt does not answer");
		}
		(void)poll(&wait, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
		if (wait.revents)
			netstream_input(&user->stream);
	}
	if (netdev->link_up)
		return 0;
	end_child(user);
	fault_set(fault, FAULT_UNSUPPORTED, 0, "%s", user->words.said);
	return fault_wrap(fault, -EIO, "--net user: passt does not start");
}

static int watch_launcher(struct net_user *user)
{
	int err;

	user->launcher_watch = (struct loop_watch){launcher_fd(user->launcher),
						   EPOLLIN, on_launcher, user};
	err = loop_watch_add(user->loop, &user->launcher_watch);
	if (err) {
		launcher_free(user->launcher);
		user->launcher = NULL;
	}
	return err;
}

static int user_jail(struct netdev *netdev, struct fault *fault)
{
	struct net_user *user = user_of(netdev);
	char path[PATH_MAX];
	const struct launcher_program program = {
		.path = path,
		.argv = user->args.argv,
	};
	int err = child_find(user->args.argv[0], path, sizeof(path));

	if (!err)
		err = launcher_create(&program, 1, &user->launcher, fault);
	if (!err)
		err = watch_launcher(user);
	if (err)
		return fault_wrap(fault, err, "--net user");
	user->jailed = true;
	return 0;
}

/*
 * What a restricted guest may not send is as if sent. It could change its frame
 * between the look at it and the sending, were that not a copy.
 */
static bool send_restricted(struct net_user *user, const struct iovec *iov,
			    u32 count)
{
	const struct iovec copy = {
		.iov_base = user->copy,
		.iov_len = iov_read(iov, count, 0, user->copy,
				    NETDEV_FRAME_BYTES_MAX),
	};

	return !net_filter_passes(&user->options, user->copy,
				  (u32)copy.iov_len) ||
	       netstream_send(&user->stream.netdev, &copy, 1);
}

static bool user_send(struct netdev *netdev, const struct iovec *iov, u32 count)
{
	struct net_user *user = user_of(netdev);

	return user->copy ? send_restricted(user, iov, count)
			  : netstream_send(netdev, iov, count);
}

static void user_close(struct netdev *netdev)
{
	struct net_user *user = user_of(netdev);

	netdev_attach(netdev, NULL);
	retry_stop(&user->retry);
	end_child(user);
	netstream_release(&user->stream);
	if (user->launcher)
		loop_watch_del(user->loop, &user->launcher_watch);
	launcher_free(user->launcher);
	free(user->copy);
	free(user);
}

static const struct netdev_ops user_ops = {
	.start = user_start,
	.settle = user_settle,
	.jail = user_jail,
	.send = user_send,
	.receive_wanted = netstream_receive_wanted,
	.close = user_close,
};

int net_user_create(const struct net_options *options, struct loop *loop,
		    struct netdev **ret)
{
	struct net_user *user = calloc(1, sizeof(*user));
	int err;

	assert(options->has_mac);
	if (!user)
		return trace_err(-ENOMEM);
	user->options = *options;
	user->loop = loop;
	user->child = (struct child){.pid_fd = -1, .err_fd = -1};
	user->log_limit =
		(struct log_limit){.window_ns = 60 * NS_PER_S, .burst = 5};
	passt_args_fill(&user->args, options);
	retry_init(&user->retry, loop, retry_due, user);
	err = netstream_init(&user->stream, loop, &user_ops);
	if (!err && options->restricted) {
		user->copy = malloc(NETDEV_FRAME_BYTES_MAX);
		err = user->copy ? 0 : trace_err(-ENOMEM);
	}
	if (err) {
		user_close(&user->stream.netdev);
		return err;
	}
	user->stream.lost = on_lost;
	user->stream.netdev.mtu = options->mtu ? options->mtu : NET_MTU_MAX;
	user->stream.netdev.trusts_checksums = true;
	*ret = &user->stream.netdev;
	return 0;
}
