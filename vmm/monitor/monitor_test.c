/* SPDX-License-Identifier: MIT */
/* Clients on the monitor's socket, with a machine on the fake engine behind it. */
#include "vmm/monitor/monitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"
#include "vmm/machine/fake_machine.h"
#include "vmm/monitor/monitor_internal.h"

static struct fake_machine m;

static struct {
	struct folder folder;
	char path[128];
	struct monitor *monitor;
	struct monitor_config config;
} t;

struct client {
	int fd;
	struct buf in;
};

/* ---- set-up ---- */

static void prepare(void)
{
	fake_machine_init(&m);
	folder_make(&t.folder);
	(void)snprintf(t.path, sizeof(t.path), "%s",
		       folder_path(&t.folder, "qmp"));
	t.config = (struct monitor_config){
		.loop = m.loop, .path = t.path, .package = "keel-test"};
}

static void begin_prepared(void)
{
	fake_machine_create(&m);
	check_eq(machine_start(m.machine, &m.fault), 0);
	check_eq(monitor_create(&t.config, &t.monitor, &m.fault), 0);
	check_eq(monitor_start(t.monitor, m.machine), 0);
}

static void begin(void)
{
	prepare();
	begin_prepared();
}

static void end(void)
{
	monitor_free(t.monitor);
	fake_machine_release(&m);
	folder_remove(&t.folder);
}

/* ---- a client ---- */

static void turn(void)
{
	check_eq(loop_run_once(m.loop, 0), 0);
}

static struct client meet(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct client client = {
		.fd = socket(AF_UNIX,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s",
		       t.path);
	check_eq(connect(client.fd, (const struct sockaddr *)&address,
			 sizeof(address)),
		 0);
	buf_init(&client.in, 8 * MiB);
	return client;
}

static void leave(struct client *client)
{
	fd_close(&client->fd);
	buf_release(&client->in);
	for (u32 i = 0; i < 4; i++)
		turn();
}

static void say(struct client *client, const char *text)
{
	check_eq(send(client->fd, text, strlen(text), MSG_NOSIGNAL),
		 (ssize_t)strlen(text));
}

/* False: there is no more, and will be none. */
static bool hear(struct client *client)
{
	u8 data[4096];
	ssize_t n = recv(client->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0)
		check_eq(buf_append(&client->in, data, (size_t)n), 0);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The next message, for half a minute at most; NULL: the connection ended. */
static struct json_object *next(struct client *client)
{
	u64 end_ns = clock_now_ns() + 30 * NS_PER_S;

	for (;;) {
		u8 *line_end = client->in.size ? memchr(client->in.data, '\n',
							client->in.size)
					       : NULL;
		struct json_object *message;

		if (line_end) {
			*line_end = '\0';
			message = json_tokener_parse((char *)client->in.data);
			check(message);
			buf_consume(&client->in,
				    (size_t)(line_end + 1 - client->in.data));
			return message;
		}
		check(clock_now_ns() < end_ns);
		turn();
		if (!hear(client))
			return NULL;
	}
}

/* The text of a member that is reached by names; "" if it is not there. Lives as
 * long as the message. */
static const char *text_at(struct json_object *message, const char *first,
			   const char *second)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(message, first, &value))
		return "";
	if (second && !json_object_object_get_ex(value, second, &value))
		return "";
	return json_object_get_string(value);
}

static void expect_event(struct client *client, const char *name)
{
	struct json_object *message = next(client);

	check(message);
	check(!strcmp(text_at(message, "event", NULL), name));
	json_object_put(message);
}

/* The answer is to have `words` in its description of an error; NULL: to be one
 * that has none. */
static void expect(struct client *client, const char *words)
{
	struct json_object *message = next(client);

	check(message);
	if (words)
		check(strstr(text_at(message, "error", "desc"), words));
	else
		check(json_object_object_get_ex(message, "return", NULL));
	json_object_put(message);
}

static void ask(struct client *client, const char *text, const char *words)
{
	say(client, text);
	expect(client, words);
}

/* What query NAME gives; the caller puts it away. */
static struct json_object *query(struct client *client, const char *text)
{
	struct json_object *message, *result;

	say(client, text);
	message = next(client);
	check(message && json_object_object_get_ex(message, "return", &result));
	json_object_get(result);
	json_object_put(message);
	return result;
}

static void check_state(struct client *client, const char *wanted)
{
	struct json_object *status = query(client, "{'execute':'query-status'}");

	check(!strcmp(text_at(status, "status", NULL), wanted));
	json_object_put(status);
}

static struct client negotiate(void)
{
	struct client client = meet();
	struct json_object *greeting = next(&client);

	check(json_object_object_get_ex(greeting, "QMP", NULL));
	json_object_put(greeting);
	ask(&client, "{'execute':'qmp_capabilities'}", NULL);
	return client;
}

/* ---- the protocol ---- */

TEST(a_client_is_greeted_and_heard_when_it_has_negotiated)
{
	struct client client;
	struct json_object *greeting;

	begin();
	client = meet();
	greeting = next(&client);
	check(strstr(text_at(greeting, "QMP", "version"), "keel-test"));
	json_object_put(greeting);
	ask(&client, "{'execute':'query-status'}", "capabilities negotiation");
	ask(&client,
	    "{'execute':'qmp_capabilities','arguments':"
	    "{'enable':['oob']}}",
	    "'oob' is not offered");
	ask(&client, "{'execute':'qmp_capabilities'}", NULL);
	ask(&client, "{'execute':'qmp_capabilities'}", "already complete");
	check_state(&client, "prelaunch");
	leave(&client);
	end();
}

TEST(an_answer_has_the_id_of_its_command)
{
	struct client client;
	struct json_object *message;

	begin();
	client = negotiate();
	say(&client, "{'execute':'stop','id':{'a':[1,null]}}"
		     "{'execute':'nothing','id':18446744073709551615}");
	message = next(&client);
	check(!strcmp(text_at(message, "id", NULL), "{ \"a\": [ 1, null ] }"));
	json_object_put(message);
	message = next(&client);
	check(!strcmp(text_at(message, "id", NULL), "18446744073709551615"));
	check(!strcmp(text_at(message, "error", "class"), "CommandNotFound"));
	json_object_put(message);
	leave(&client);
	end();
}

TEST(a_message_may_come_byte_by_byte)
{
	static const char text[] = " {\"execute\" :\n\"query-uuid\" }";
	struct client client;

	begin();
	client = negotiate();
	for (const char *at = text; *at; at++) {
		check_eq(send(client.fd, at, 1, 0), 1);
		turn();
	}
	expect(&client, NULL);
	leave(&client);
	end();
}

TEST(what_is_no_json_goes_up_to_the_end_of_its_line)
{
	struct client client;

	begin();
	client = negotiate();
	ask(&client, "{'execute': nonsense 'stop'}\n", "not JSON");
	ask(&client, "]]]] {'execute':'stop'}\n{'execute':'query-name'}",
	    "not JSON");
	expect(&client, NULL);
	/* The rest of a bad line may come later. */
	ask(&client, "]", "not JSON");
	say(&client, "{'execute':'stop'}");
	turn();
	say(&client, "\n{'execute':'query-name'}");
	expect(&client, NULL);
	check_state(&client, "prelaunch");
	leave(&client);
	end();
}

TEST(what_is_no_command_is_said_in_a_sentence)
{
	struct client client;

	begin();
	client = negotiate();
	ask(&client, "[]", "must be a JSON object");
	ask(&client, "7\n", "must be a JSON object");
	ask(&client, "{}", "lacks member 'execute'");
	ask(&client, "{'execute':7}", "must be a string");
	ask(&client, "{'execute':'stop','arguments':[]}", "must be an object");
	ask(&client, "{'execute':'stop','and':1}", "'and' is unexpected");
	ask(&client, "{'execute':'stop','arguments':{'x':1}}",
	    "'x' is unexpected");
	ask(&client, "{'execute':'getfd'}", "'fdname' is missing");
	ask(&client, "{'execute':'getfd','arguments':{'fdname':1}}",
	    "expected: string");
	ask(&client, "{'execute':'add-fd','arguments':{'fdset-id':'1'}}",
	    "expected: integer");
	ask(&client, "{'execute':'add-fd','arguments':{'fdset-id':null}}",
	    "expected: integer");
	leave(&client);
	end();
}

TEST(depth_is_bounded)
{
	char text[128] = "{'execute':'stop','id':";
	struct client client;

	begin();
	client = negotiate();
	memset(text + strlen(text), '[', 40);
	say(&client, text);
	expect(&client, "not JSON");
	leave(&client);
	end();
}

/* ---- what a client may cost ---- */

TEST(a_message_without_an_end_ends_its_client_only)
{
	struct client good, bad;
	char part[4096];
	ssize_t n = 1;

	begin();
	good = negotiate();
	bad = negotiate();
	memset(part, 'a', sizeof(part));
	say(&bad, "{'execute':'");
	for (u32 i = 0; n > 0 && i < 1000; i++) {
		n = send(bad.fd, part, sizeof(part),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		turn();
	}
	check_eq(n, -1);
	check(errno == EPIPE || errno == ECONNRESET);
	check_state(&good, "prelaunch");
	leave(&bad);
	leave(&good);
	end();
}

/* What it asks for waits with it, in its socket, and not with us. */
TEST(a_client_that_does_not_read_is_not_read_from)
{
	struct session *session;
	struct client client;
	u32 sent = 0, heard = 0;

	begin();
	client = negotiate();
	for (u32 idle = 0; idle < 4; turn()) {
		static const char text[] = "{'execute':'query-qmp-schema'}";
		ssize_t n = send(client.fd, text, strlen(text),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		check(n == (ssize_t)strlen(text) || errno == EAGAIN);
		sent += n > 0;
		idle = n > 0 ? 0 : idle + 1;
	}
	session = list_first(&t.monitor->sessions, struct session, link);
	check(session->output.size > SESSION_OUTPUT_BYTES_HIGH);
	check(session->output.size < SESSION_OUTPUT_BYTES_HIGH + 64 * KiB);
	for (; heard < sent; heard++)
		expect(&client, NULL);
	leave(&client);
	end();
}

TEST(a_client_that_lets_events_lie_is_dropped)
{
	struct client good, bad;
	u32 rounds = 0;

	begin();
	good = negotiate();
	bad = negotiate();
	for (; t.monitor->session_count == 2 && rounds < 100000; rounds++) {
		machine_cont(m.machine);
		machine_stop(m.machine);
		turn();
		check(hear(&good));
		buf_truncate(&good.in);
	}
	check_eq(t.monitor->session_count, 1);
	check(rounds > 5000); /* about a mebibyte of them */
	check_state(&good, "paused");
	leave(&bad);
	leave(&good);
	end();
}

TEST(one_client_too_many_waits_for_a_place)
{
	struct client client[MONITOR_CLIENT_MAX + 1];

	begin();
	for (u32 i = 0; i < MONITOR_CLIENT_MAX; i++)
		client[i] = negotiate();
	client[MONITOR_CLIENT_MAX] = meet();
	for (u32 i = 0; i < 10; i++)
		turn();
	check_eq(recv(client[MONITOR_CLIENT_MAX].fd, &(u8){0}, 1, 0), -1);
	leave(&client[3]);
	client[3] = client[MONITOR_CLIENT_MAX];
	json_object_put(next(&client[3]));
	for (u32 i = 0; i < MONITOR_CLIENT_MAX; i++)
		leave(&client[i]);
	end();
}

TEST(a_client_may_go_with_its_last_command)
{
	struct client client;

	begin();
	client = negotiate();
	say(&client, "{'execute':'cont'}");
	leave(&client);
	check_eq(t.monitor->session_count, 0);
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

/* ---- events ---- */

TEST(what_happens_is_told_to_those_who_have_negotiated)
{
	struct client client, other;

	begin();
	client = negotiate();
	other = meet();
	json_object_put(next(&other));
	machine_cont(m.machine);
	machine_power_button(m.machine);
	machine_stop(m.machine);
	machine_reset(m.machine);
	expect_event(&client, "RESUME");
	expect_event(&client, "POWERDOWN");
	expect_event(&client, "STOP");
	expect_event(&client, "RESET");
	ask(&other, "{'execute':'qmp_capabilities'}", NULL);
	machine_end(m.machine, CAUSE_SIGNAL);
	expect_event(&client, "SHUTDOWN");
	expect_event(&other, "SHUTDOWN");
	leave(&client);
	leave(&other);
	end();
}

static void check_end(enum machine_cause cause, const char *reason, bool guest)
{
	struct client client;
	struct json_object *message;

	begin();
	client = negotiate();
	machine_end(m.machine, cause);
	message = next(&client);
	check(!strcmp(text_at(message, "event", NULL), "SHUTDOWN"));
	check(!strcmp(text_at(message, "data", "reason"), reason));
	check(!strcmp(text_at(message, "data", "guest"),
		      guest ? "true" : "false"));
	json_object_put(message);
	ask(&client, "{'execute':'cont'}", "required");
	leave(&client);
	end();
}

TEST(an_end_says_whose_doing_it_was)
{
	check_end(CAUSE_GUEST, "guest-shutdown", true);
	check_end(CAUSE_GUEST_CRASH, "guest-panic", true);
	check_end(CAUSE_CONTROL, "host-qmp-quit", false);
	check_end(CAUSE_SIGNAL, "host-signal", false);
	check_end(CAUSE_TERMINAL, "host-ui", false);
}

TEST(a_debug_stop_has_a_state_of_its_own)
{
	struct client client;

	prepare();
	fake_engine_add(&m.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_DEBUG});
	begin_prepared();
	client = negotiate();
	machine_cont(m.machine);
	expect_event(&client, "RESUME");
	expect_event(&client, "STOP");
	check_state(&client, "debug");
	leave(&client);
	end();
}

/* ---- lists ---- */

TEST(commands_stand_in_order_and_the_schema_knows_each)
{
	const struct qmp_command *command, *before = NULL;
	struct json_object *schema;
	struct client client;

	begin();
	client = negotiate();
	schema = query(&client, "{'execute':'query-qmp-schema'}");
	for (u32 i = 0; (command = qmp_command_at(i)); before = command, i++) {
		bool known = false;

		check(!before || strcmp(before->name, command->name) < 0);
		for (size_t j = 0; j < json_object_array_length(schema); j++) {
			struct json_object *entry =
				json_object_array_get_idx(schema, j);

			known |= !strcmp(text_at(entry, "name", NULL),
					 command->name) &&
				 !strcmp(text_at(entry, "meta-type", NULL),
					 "command");
		}
		check(known);
	}
	json_object_put(schema);
	leave(&client);
	end();
}

TEST(an_empty_drive_has_nothing_inserted)
{
	const struct board_disk drive = {
		.serial = "", .bus = BOARD_SATA, .cdrom = true};
	struct json_object *list, *entry;
	struct client client;

	prepare();
	m.config.kind = BOARD_Q35;
	m.config.disk = &drive;
	m.config.disk_count = 1;
	begin_prepared();
	client = negotiate();
	list = query(&client, "{'execute':'query-block'}");
	check_eq(json_object_array_length(list), 1);
	entry = json_object_array_get_idx(list, 0);
	check(!strcmp(text_at(entry, "device", NULL), "disk0"));
	check(!strcmp(text_at(entry, "removable", NULL), "true"));
	check(!json_object_object_get_ex(entry, "inserted", NULL));
	json_object_put(list);
	list = query(&client, "{'execute':'query-blockstats'}");
	check_eq(json_object_array_length(list), 0);
	json_object_put(list);
	list = query(&client, "{'execute':'query-named-block-nodes'}");
	check_eq(json_object_array_length(list), 0);
	json_object_put(list);
	list = query(&client, "{'execute':'human-monitor-command',"
			      "'arguments':{'command-line':'info block'}}");
	check(strstr(json_object_get_string(list), "[not inserted]"));
	json_object_put(list);
	leave(&client);
	end();
}

TEST(lines_of_people_are_answered_in_text)
{
	static const struct {
		const char *line, *answer;
	} cases[] = {
		{"", ""},
		{"   ", ""},
		{"x", "unknown command: 'x'\r\n"},
		{"info  status", "VM status: paused (prelaunch)\r\n"},
		{"info version ", "keel-test\r\n"},
		{"info kvm", "kvm support: disabled\r\n"},
		{"c", ""},
		{"info status", "VM status: running\r\n"},
		{"stop", ""},
		{"info status", "VM status: paused\r\n"},
	};
	struct client client;

	begin();
	client = negotiate();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *answer = NULL, *message;
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "{'execute':'human-monitor-command','arguments':"
			       "{'command-line':'%s'}}",
			       cases[i].line);
		say(&client, text);
		do {
			message = next(&client);
			if (json_object_object_get_ex(message, "return", &answer))
				check(!strcmp(json_object_get_string(answer),
					      cases[i].answer));
			json_object_put(message);
		} while (!answer);
	}
	leave(&client);
	end();
}

TEST(registers_are_of_a_vcpu_that_is_there)
{
	struct json_object *text;
	struct client client;

	begin();
	client = negotiate();
	machine_cont(m.machine);
	expect_event(&client, "RESUME");
	text = query(&client,
		     "{'execute':'human-monitor-command','arguments':"
		     "{'command-line':'info registers','cpu-index':0}}");
	check(strstr(json_object_get_string(text), "rip "));
	json_object_put(text);
	ask(&client,
	    "{'execute':'human-monitor-command','arguments':"
	    "{'command-line':'info registers','cpu-index':1}}",
	    "expects a CPU");
	ask(&client,
	    "{'execute':'human-monitor-command','arguments':"
	    "{'command-line':'info registers','cpu-index':-1}}",
	    "expects a CPU");
	check_state(&client, "running"); /* the look was nobody's stop */
	leave(&client);
	end();
}

/* ---- descriptors ---- */

static u32 count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	u32 count = 0;

	check(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void pass_all(struct client *client, const char *text, const int *fds,
		     u32 count)
{
	union {
		struct cmsghdr head;
		u8 room[CMSG_SPACE(16 * sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)text,
			     .iov_len = strlen(text)};
	const struct msghdr head = {.msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen =
					    CMSG_SPACE(count * sizeof(int))};

	memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
	check_eq(sendmsg(client->fd, &head, 0), (ssize_t)strlen(text));
}

static void pass(struct client *client, const char *text, int fd,
		 const char *words)
{
	pass_all(client, text, &fd, 1);
	expect(client, words);
}

TEST(of_several_descriptors_at_once_none_is_left_lying)
{
	int fds[16];
	struct client client;
	u32 before;

	begin();
	client = negotiate();
	for (u32 i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = STDOUT_FILENO;
	before = count_fds();
	for (u32 count = 2; count <= 16; count++) {
		pass_all(&client, "{'execute':'query-name'}", fds, count);
		expect(&client, NULL);
		check_eq(count_fds(), before);
	}
	leave(&client);
	end();
}

TEST(descriptors_are_kept_counted_and_closed)
{
	struct client client;
	u32 before;

	begin();
	client = negotiate();
	before = count_fds();
	pass(&client, "{'execute':'getfd','arguments':{'fdname':'a'}}", 1, NULL);
	pass(&client, "{'execute':'getfd','arguments':{'fdname':'a'}}", 1, NULL);
	check_eq(count_fds(), before + 1);
	pass(&client, "{'execute':'getfd','arguments':{'fdname':'1'}}", 1,
	     "digit");
	ask(&client, "{'execute':'getfd','arguments':{'fdname':'b'}}",
	    "No file descriptor");
	pass(&client, "{'execute':'query-name'}", 1, NULL);
	check_eq(count_fds(), before + 1);
	ask(&client, "{'execute':'closefd','arguments':{'fdname':'a'}}", NULL);
	ask(&client, "{'execute':'closefd','arguments':{'fdname':'a'}}",
	    "not found");
	check_eq(count_fds(), before);
	leave(&client);
	end();
}

TEST(sets_are_bounded_and_go_as_a_whole)
{
	struct client client;
	u32 before;

	begin();
	client = negotiate();
	before = count_fds();
	for (u32 i = 0; i < MONITOR_FD_MAX; i++)
		pass(&client, "{'execute':'add-fd','arguments':{'fdset-id':7}}",
		     1, NULL);
	pass(&client, "{'execute':'add-fd'}", 1, "descriptors already");
	check_eq(count_fds(), before + MONITOR_FD_MAX);
	pass(&client, "{'execute':'add-fd','arguments':{'fdset-id':-1}}", 1,
	     "non-negative");
	ask(&client,
	    "{'execute':'remove-fd','arguments':{'fdset-id':7,"
	    "'fd':4294967296}}",
	    "not found");
	ask(&client, "{'execute':'remove-fd','arguments':{'fdset-id':7}}", NULL);
	check_eq(count_fds(), before);
	/* What is left at the end goes, too. */
	pass(&client, "{'execute':'add-fd'}", 1, NULL);
	leave(&client);
	end();
	check(count_fds() < before);
}

/* ---- output ---- */

static struct qmp_call call_of(void)
{
	return (struct qmp_call){.monitor = t.monitor};
}

TEST(output_goes_to_descriptors_that_can_be_written)
{
	struct qmp_call call;
	struct client client;
	int null, fd;

	begin();
	client = negotiate();
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pass(&client, "{'execute':'add-fd','arguments':{'fdset-id':3}}", null,
	     NULL);
	call = call_of();
	check_eq(qmp_open_output(&call, "/dev/fdset/3"), -ENOENT);
	check(call.error_class);
	fd_close(&null);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pass(&client, "{'execute':'add-fd','arguments':{'fdset-id':3}}", null,
	     NULL);
	call = call_of();
	fd = qmp_open_output(&call, "/dev/fdset/3");
	check(fd >= 0 && !call.error_class);
	check_eq(write(fd, "x", 1), 1);
	fd_close(&fd);
	fd_close(&null);
	call = call_of();
	check_eq(qmp_open_output(&call, "/dev/fdset/x"), -EINVAL);
	leave(&client);
	end();
}

TEST(output_to_a_path_is_for_who_is_not_jailed)
{
	struct qmp_call call;
	char path[256];
	struct stat is;
	int fd;

	begin();
	(void)snprintf(path, sizeof(path), "%s", folder_path(&t.folder, "file"));
	call = call_of();
	fd = qmp_open_output(&call, path);
	check(fd >= 0);
	check_eq(stat(path, &is), 0);
	fd_close(&fd);
	check_eq(qmp_open_output(&call, "/nowhere/at/all"), -ENOENT);
	check(strstr(call.error, "Could not open"));
	monitor_jailed(t.monitor);
	call = call_of();
	check_eq(qmp_open_output(&call, path), -EPERM);
	check(strstr(call.error, "add-fd"));
	end();
}
