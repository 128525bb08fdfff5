/* SPDX-License-Identifier: MIT */
/* The monitor's socket, its clients, and what all of them are told. */
#include "vmm/monitor/monitor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "vmm/monitor/monitor_internal.h"

/* The QEMU whose protocol this is, as far as it goes. */
#define VERSION_MAJOR 8
#define VERSION_MINOR 2
#define VERSION_MICRO 2

struct json_object *monitor_version(const struct monitor *m)
{
	return value_pairs("qemu",
			   value_pairs("micro", value_u64(VERSION_MICRO),
				       "minor", value_u64(VERSION_MINOR),
				       "major", value_u64(VERSION_MAJOR)),
			   "package", value_text(m->config.package));
}

const char *monitor_run_state(const struct monitor *m)
{
	switch (machine_status(m->machine)) {
	case MACHINE_PRELAUNCH:
		return "prelaunch";
	case MACHINE_RUNS:
		return "running";
	case MACHINE_STOPPED:
		return "paused";
	case MACHINE_DEBUGGED:
		return "debug";
	case MACHINE_ENDED:
		break;
	}
	return "shutdown";
}

/* ---- events ---- */

/* [QMP "Asynchronous events"] */
/* needs: io: clock_gettime */
static void send_event(struct monitor *m, const char *name,
		       struct json_object *data)
{
	struct timespec now = {};
	struct json_object *event;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	event = value_pairs("timestamp",
			    value_pairs("seconds", value_u64((u64)now.tv_sec),
					"microseconds",
					value_u64((u64)now.tv_nsec / 1000)),
			    "event", value_text(name));
	if (data)
		value_add(event, "data", data);
	list_for_each(it, &m->sessions) {
		struct session *s = list_entry(it, struct session, link);

		if (s->negotiated && !s->ended)
			session_send(s, json_object_get(event));
	}
	json_object_put(event);
}

/* [QMP-REF "ShutdownCause"] */
static struct json_object *cause_data(enum machine_cause cause, bool reset)
{
	static const char *const end[] = {
		[CAUSE_GUEST] = "guest-shutdown",
		[CAUSE_GUEST_CRASH] = "guest-panic",
		[CAUSE_CONTROL] = "host-qmp-quit",
		[CAUSE_SIGNAL] = "host-signal",
		[CAUSE_TERMINAL] = "host-ui",
	};
	const char *reason = end[cause];

	if (reset)
		reason = cause == CAUSE_CONTROL ? "host-qmp-system-reset"
						: "guest-reset";
	return value_pairs(
		"guest",
		value_bool(cause == CAUSE_GUEST || cause == CAUSE_GUEST_CRASH),
		"reason", value_text(reason));
}

static const char *const event_name[] = {
	[MACHINE_NEWS_STOP] = "STOP",
	[MACHINE_NEWS_CONT] = "RESUME",
	[MACHINE_NEWS_RESET] = "RESET",
	[MACHINE_NEWS_POWER_BUTTON] = "POWERDOWN",
	[MACHINE_NEWS_END] = "SHUTDOWN",
};

const char *monitor_event_at(u32 i)
{
	return i < ARRAY_SIZE(event_name) ? event_name[i] : NULL;
}

static void on_news(struct machine_watch *watch, const struct machine_news *news)
{
	struct monitor *m = container_of(watch, struct monitor, machine_watch);

	struct json_object *data = NULL;

	if (news->kind == MACHINE_NEWS_RESET || news->kind == MACHINE_NEWS_END)
		data = cause_data(news->cause, news->kind == MACHINE_NEWS_RESET);
	send_event(m, event_name[news->kind], data);
}

/* ---- messages ---- */

static struct json_object *answer_of(struct qmp_call *call)
{
	if (call->error_class)
		return value_pairs(
			"error",
			value_pairs("class", value_text(call->error_class),
				    "desc", value_text(call->error)));
	return value_pairs("return", call->result ? json_object_get(call->result)
						  : json_object_new_object());
}

/* What a message has beside "execute" is as much of a mistake as it is in a
 * command's arguments. */
static const char *command_of(struct qmp_call *call, struct json_object *message)
{
	struct json_object *name = NULL;

	if (!json_object_is_type(message, json_type_object)) {
		qmp_fail(call, "QMP input must be a JSON object");
		return NULL;
	}
	json_object_object_foreach(message, key, value)
	{
		if (!strcmp(key, "execute"))
			name = value;
		else if (!strcmp(key, "arguments"))
			call->args = value;
		else if (strcmp(key, "id"))
			qmp_fail(call, "QMP input member '%s' is unexpected",
				 key);
	}
	if (!json_object_is_type(name, json_type_string))
		qmp_fail(call, name ? "QMP input member 'execute' must be a "
				      "string"
				    : "QMP input lacks member 'execute'");
	else if (call->args && !json_object_is_type(call->args, json_type_object))
		qmp_fail(call, "QMP input member 'arguments' must be an "
			       "object");
	return json_object_get_string(name);
}

void monitor_message(struct session *s, struct json_object *message)
{
	struct qmp_call call = {.monitor = s->monitor, .session = s};
	struct json_object *answer, *id;
	const char *name = NULL;

	if (message)
		name = command_of(&call, message);
	else
		qmp_fail(&call, "JSON parse error, the input is not JSON");
	if (!call.error_class)
		qmp_execute(&call, name);
	answer = answer_of(&call);
	if (message && json_object_is_type(message, json_type_object) &&
	    json_object_object_get_ex(message, "id", &id))
		value_add(answer, "id", json_object_get(id));
	json_object_put(call.result);
	fd_close(&s->passed_fd); /* nobody wanted it */
	session_send(s, answer);
}

/* ---- clients ---- */

void monitor_forget(struct session *s)
{
	struct monitor *m = s->monitor;

	m->session_count--;
	list_del(&s->link);
	listener_hold(&m->listener, false);
}

static void on_client(struct listener *listener, int fd)
{
	struct monitor *m = container_of(listener, struct monitor, listener);
	struct session *s;

	if (session_create(m, m->config.loop, fd, &s))
		return; /* it was closed: the client sees that */
	list_add_tail(&m->sessions, &s->link);
	m->session_count++;
	listener_hold(listener, m->session_count == MONITOR_CLIENT_MAX);
	session_send(
		s, value_pairs("QMP", value_pairs("version", monitor_version(m),
						  "capabilities",
						  json_object_new_array())));
}

/* ---- lives ---- */

int monitor_create(const struct monitor_config *config, struct monitor **ret,
		   struct fault *fault)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "--qmp");
	m->config = *config;
	listener_init(&m->listener);
	m->listener.client = on_client;
	list_init(&m->sessions);
	for (u32 i = 0; i < MONITOR_FD_MAX; i++)
		m->fd[i].fd = -1;
	err = listener_open_unix(&m->listener, config->path);
	if (err) {
		fault_set(fault, err == -EADDRINUSE ? FAULT_BUSY : FAULT_IO,
			  err, "--qmp: cannot listen on '%s'", config->path);
		monitor_free(m);
		return err;
	}
	*ret = m;
	return 0;
}

int monitor_start(struct monitor *m, struct machine *machine)
{
	m->machine = machine;
	m->machine_watch.tell = on_news;
	machine_watch_add(machine, &m->machine_watch);
	m->machine_watched = true;
	return listener_start(&m->listener, m->config.loop);
}

void monitor_jailed(struct monitor *m)
{
	if (!m)
		return;
	m->jailed = true;
	listener_keep_file(&m->listener);
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	while (!list_empty(&m->sessions))
		session_free(list_first(&m->sessions, struct session, link));
	if (m->machine_watched)
		machine_watch_del(&m->machine_watch);
	for (u32 i = 0; i < MONITOR_FD_MAX; i++)
		fd_close(&m->fd[i].fd);
	listener_release(&m->listener);
	free(m);
}
