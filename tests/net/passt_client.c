/* SPDX-License-Identifier: MIT */
/*
 * The user network with the real passt, and this program in the guest's place:
 * it writes frames by hand and reads what comes. Host and guest meet on the
 * host's loopback only. tests/net/run calls it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "vmm/net/net.h"

#define PATIENCE_NS (30 * NS_PER_S)
#define GUEST_PORT  22

#define SYN 0x02
#define ACK 0x10

static const u8 guest_ip[] = {10, 0, 2, 15}, host_ip[] = {10, 0, 2, 2};

static struct {
	struct loop *loop;
	struct netdev *netdev;
	struct net_options options;
	struct fault fault;
	/* What is waited for, and the frame it was. */
	bool (*wanted)(const u8 *frame, u32 size);
	u8 frame[2048];
	u32 size;
	u16 host_port, server_port;
	int server; /* listens on the host's loopback */
} t;

/* ---- frames ---- */

static u16 at16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static u32 at32(const u8 *at)
{
	return (u32)at16(at) << 16 | at16(at + 2);
}

static void put16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static void put32(u8 *at, u32 value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static void send_frame(u8 *frame, u32 size)
{
	check(netdev_send(t.netdev, &(struct iovec){frame, size}, 1));
}

/* [RFC1071 1 "Introduction"] */
static u16 checksum(const u8 *data, u32 size)
{
	u32 sum = 0;

	for (u32 i = 0; i < size; i += 2)
		sum += at16(data + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* Ethernet's and IPv4's header; what follows them has `size` bytes. */
static void put_ip(u8 *frame, u8 protocol, const u8 from[4], const u8 to[4],
		   u32 size)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, t.options.mac, 6);
	put16(frame + 12, 0x0800);
	memset(frame + 14, 0, 20);
	frame[14] = 0x45;
	put16(frame + 16, 20 + size);
	frame[22] = 64;
	frame[23] = protocol;
	memcpy(frame + 26, from, 4);
	memcpy(frame + 30, to, 4);
	put16(frame + 24, checksum(frame + 14, 20));
}

/*
 * The checksum of TCP is left 0: the netdev says that nobody looks at it, and
 * the whole conversation shows that it is so.
 */
static void send_segment(u16 from, u16 to, u32 seq, u32 ack, u8 flags,
			 const char *text)
{
	u32 size = 20 + (u32)strlen(text);
	u8 frame[256] = {};
	u8 *tcp = frame + 34;

	check(t.netdev->trusts_checksums);
	put_ip(frame, 6, guest_ip, host_ip, size);
	put16(tcp, from);
	put16(tcp + 2, to);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 0x7fff);
	memcpy(tcp + 20, text, strlen(text));
	send_frame(frame, 14 + 20 + size);
}

static bool is_tcp(const u8 *frame, u32 size)
{
	return size >= 54 && at16(frame + 12) == 0x0800 && frame[23] == 6;
}

static const u8 *tcp_of(const u8 *frame)
{
	return frame + 14 + 4 * (frame[14] & 15);
}

static bool is_syn_ack(const u8 *frame, u32 size)
{
	return is_tcp(frame, size) && (tcp_of(frame)[13] & 0x12) == (SYN | ACK);
}

static bool is_syn(const u8 *frame, u32 size)
{
	return is_tcp(frame, size) && (tcp_of(frame)[13] & 0x12) == SYN;
}

static const char *text_of(const u8 *frame)
{
	return (const char *)tcp_of(frame) + 4 * (tcp_of(frame)[12] >> 4);
}

/* Four letters are the text of all segments that have one. */
static bool has_text(const u8 *frame, u32 size)
{
	return is_tcp(frame, size) &&
	       text_of(frame) + 4 <= (const char *)frame + size &&
	       14u + at16(frame + 16) >=
		       text_of(frame) + 4 - (const char *)frame;
}

static bool is_dhcp(const u8 *frame, u32 size)
{
	return size > 42 + 240 && at16(frame + 12) == 0x0800 &&
	       frame[23] == 17 && at16(frame + 36) == 68;
}

/* ---- the netdev's user ---- */

static bool receive(void *ctx, const u8 *frame, u32 size)
{
	(void)ctx;
	/* The first that fits stays until somebody waits for another. */
	if (t.wanted && t.wanted(frame, size) && size <= sizeof(t.frame)) {
		memcpy(t.frame, frame, size);
		t.size = size;
		t.wanted = NULL;
	}
	return true;
}

static bool await(bool (*wanted)(const u8 *frame, u32 size))
{
	u64 end_ns = clock_now_ns() + PATIENCE_NS;

	t.wanted = wanted;
	while (t.wanted && clock_now_ns() < end_ns)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	return !t.wanted;
}

static int listen_on_loopback(u16 *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	check_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	check_eq(listen(fd, 4), 0);
	check_eq(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	*ret_port = ntohs(in.sin_port);
	return fd;
}

/* Free a moment ago, which is as much as one can know. */
static u16 free_port(void)
{
	u16 port;
	int fd = listen_on_loopback(&port);

	close(fd);
	return port;
}

static void begin(const char *words)
{
	static const struct netdev_user user = {.receive = receive};
	char text[128];

	memset(&t, 0, sizeof(t));
	t.server = listen_on_loopback(&t.server_port);
	t.host_port = free_port();
	snprintf(text, sizeof(text), "%s,hostfwd=tcp:127.0.0.1:%u-:%u", words,
		 t.host_port, GUEST_PORT);
	check_eq(net_options_parse(text, &t.options, &t.fault), 0);
	net_options_default_mac(&t.options, 0);
	check_eq(loop_create(&t.loop), 0);
	check_eq(net_create(&t.options, t.loop, &t.netdev, &t.fault), 0);
	netdev_attach(t.netdev, &user);
}

static void start(void)
{
	char text[512];

	if (!netdev_start(t.netdev, &t.fault) &&
	    !netdev_settle(t.netdev, &t.fault))
		return;
	(void)fault_format(&t.fault, text, sizeof(text));
	test_fail("%s", text);
}

static void end(void)
{
	netdev_close(t.netdev);
	loop_free(t.loop);
	close(t.server);
}

/* ---- what a guest does ---- */

static void ask_dhcp(void)
{
	static const u8 nobody[4], all[] = {255, 255, 255, 255};
	static const u8 head[] = {1, 1, 6, 0, 0, 0, 0x12, 0x34};
	static const u8 options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
	u8 frame[14 + 20 + 8 + 300] = {};

	put_ip(frame, 17, nobody, all, 8 + 300);
	put16(frame + 34, 68);
	put16(frame + 36, 67);
	put16(frame + 38, 8 + 300);
	memcpy(frame + 42, head, sizeof(head));
	memcpy(frame + 42 + 28, t.options.mac, 6);
	memcpy(frame + 42 + 236, options, sizeof(options));
	send_frame(frame, sizeof(frame));
}

/* The value of a DHCP option in the frame that came, or NULL. */
static const u8 *dhcp_option(u8 number, u32 size)
{
	for (u32 at = 42 + 240; at + 2 < t.size && t.frame[at] != 255;
	     at += 2u + t.frame[at + 1])
		if (t.frame[at] == number && t.frame[at + 1] == size &&
		    at + 2 + size <= t.size)
			return t.frame + at + 2;
	return NULL;
}

static void check_dhcp(void)
{
	const u8 *router;

	ask_dhcp();
	check(await(is_dhcp));
	check_mem_eq(t.frame + 42 + 16, guest_ip, 4);
	router = dhcp_option(3, 4);
	check(router && !memcmp(router, host_ip, 4));
}

/* The guest connects, both sides say four letters. */
static void check_guest_to_host(void)
{
	char text[5] = {};
	const u8 *tcp;
	u32 ack;
	int fd;

	send_segment(40000, t.server_port, 1000, 0, SYN, "");
	check(await(is_syn_ack));
	tcp = tcp_of(t.frame);
	check_eq(at32(tcp + 8), 1001);
	ack = at32(tcp + 4) + 1;
	/* Two segments, as kernels do it: with the first passt takes no text. */
	send_segment(40000, t.server_port, 1001, ack, ACK, "");
	send_segment(40000, t.server_port, 1001, ack, ACK, "ping");
	fd = accept4(t.server, NULL, NULL, SOCK_CLOEXEC);
	check(fd >= 0);
	check_eq(read_full(fd, text, 4), 0);
	check_str_eq(text, "ping");
	check_eq(write_full(fd, "pong", 4), 0);
	check(await(has_text));
	check_mem_eq(text_of(t.frame), "pong", 4);
	close(fd);
}

/* The host connects to the forward, both sides say four letters. */
static void check_host_to_guest(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(t.host_port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[5] = {};
	const u8 *tcp;
	u32 ack;
	u16 port;

	check(fd >= 0);
	check_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	check(await(is_syn));
	tcp = tcp_of(t.frame);
	check_eq(at16(tcp + 2), GUEST_PORT);
	check_mem_eq(t.frame, t.options.mac, 6);
	port = at16(tcp);
	ack = at32(tcp + 4) + 1;
	send_segment(GUEST_PORT, port, 5000, ack, SYN | ACK, "");
	check_eq(write_full(fd, "ping", 4), 0);
	check(await(has_text));
	check_mem_eq(text_of(t.frame), "ping", 4);
	send_segment(GUEST_PORT, port, 5001, ack + 4, ACK, "pong");
	check_eq(read_full(fd, text, 4), 0);
	check_str_eq(text, "pong");
	close(fd);
}

/* The only child of a process. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[64] = {};
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = fd_open(path, O_RDONLY, 0);
	check(fd >= 0);
	check(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	return (pid_t)atoi(text);
}

/* ---- tests ---- */

TEST(a_guest_gets_its_address_by_dhcp)
{
	const u8 *mtu;

	begin("user");
	start();
	check_dhcp();
	mtu = dhcp_option(26, 2);
	check(mtu && at16(mtu) == 65520);
	end();
}

TEST(a_guest_reaches_a_server_on_the_hosts_loopback)
{
	begin("user");
	start();
	check_guest_to_host();
	end();
}

TEST(the_host_reaches_a_guests_port_by_a_forward)
{
	begin("user");
	start();
	check_dhcp();
	check_host_to_guest();
	end();
}

TEST(the_host_reaches_a_guest_that_has_not_said_a_word)
{
	begin("user");
	start();
	check_host_to_guest();
	end();
}

TEST(a_restricted_guest_answers_and_begins_nothing)
{
	struct pollfd wait = {.events = POLLIN};

	begin("user,restrict");
	start();
	check_dhcp();
	check_host_to_guest();
	send_segment(40000, t.server_port, 1000, 0, SYN, "");
	send_segment(GUEST_PORT, t.server_port, 1000, 0, SYN, "");
	/* When this is answered the others would have been. */
	check_dhcp();
	wait.fd = t.server;
	check_eq(poll(&wait, 1, 0), 0);
	end();
}

TEST(a_port_that_is_taken_is_said)
{
	char text[512];
	u16 port;
	int taken;

	begin("user");
	taken = listen_on_loopback(&port);
	t.options.forward[0].host_port = port;
	netdev_close(t.netdev);
	check_eq(net_create(&t.options, t.loop, &t.netdev, &t.fault), 0);
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	check_eq(netdev_settle(t.netdev, &t.fault), -EIO);
	(void)fault_format(&t.fault, text, sizeof(text));
	printf("  %s\n", text);
	snprintf(text + 256, 256, "127.0.0.1/%u:%u", port, GUEST_PORT);
	check(strstr(text, text + 256));
	close(taken);
	end();
}

TEST(when_passt_is_killed_the_link_comes_back_and_all_works_again)
{
	u64 end_ns = clock_now_ns() + PATIENCE_NS;
	bool was_down = false;

	begin("user");
	start();
	check_dhcp();
	check_eq(kill(child_of(getpid()), SIGKILL), 0);
	while (!(was_down && t.netdev->link_up) && clock_now_ns() < end_ns) {
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
		was_down |= !t.netdev->link_up;
	}
	check(was_down && t.netdev->link_up);
	check_host_to_guest();
	check_dhcp();
	check_guest_to_host();
	end();
}

TEST(passt_ends_when_we_are_killed)
{
	struct pollfd wait = {.events = POLLIN};
	pid_t us, passt;

	begin("user");
	fflush(stdout);
	us = fork();
	if (!us) {
		start();
		for (;;)
			pause();
	}
	check(us > 0);
	for (u64 end_ns = clock_now_ns() + PATIENCE_NS;
	     !(passt = child_of(us)) && clock_now_ns() < end_ns;)
		;
	check(passt > 0);
	wait.fd = (int)syscall(SYS_pidfd_open, passt, 0);
	check(wait.fd >= 0);
	check_eq(poll(&wait, 1, 500), 0);
	check_eq(kill(us, SIGKILL), 0);
	check_eq(waitpid(us, NULL, 0), us);
	check_eq(poll(&wait, 1, 30000), 1);
	close(wait.fd);
	end();
}

TEST(the_time_it_takes_to_start)
{
	u64 begin_ns;

	begin("user");
	begin_ns = clock_now_ns();
	check_eq(netdev_start(t.netdev, &t.fault), 0);
	printf("  started in %llu us",
	       (unsigned long long)((clock_now_ns() - begin_ns) / NS_PER_US));
	check_eq(netdev_settle(t.netdev, &t.fault), 0);
	printf(", answers after %llu us\n",
	       (unsigned long long)((clock_now_ns() - begin_ns) / NS_PER_US));
	end();
}
