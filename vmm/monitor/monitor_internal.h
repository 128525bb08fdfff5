/* SPDX-License-Identifier: MIT */
/* For vmm/monitor only: what its files share. */
#ifndef VMM_MONITOR_MONITOR_INTERNAL_H
#define VMM_MONITOR_MONITOR_INTERNAL_H

#include "vmm/input/input.h"
#include "base/listener.h"
#include "vmm/block/block.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/session.h"

#define MONITOR_FD_MAX	      16 /* handed over and kept, of all clients */
#define MONITOR_FD_NAME_BYTES 64

/* A descriptor that a client handed over, under a name or in a set. */
struct monitor_fd {
	int fd;				  /* owned; -1: the place is free */
	s64 set;			  /* -1: it has a name */
	char name[MONITOR_FD_NAME_BYTES]; /* of a set's: what it is for */
};

struct monitor {
	struct monitor_config config;
	struct machine *machine; /* borrowed */
	struct machine_watch machine_watch;
	bool machine_watched;
	struct listener listener;
	bool jailed;	      /* no file can be opened by its name */
	struct list sessions; /* of struct session */
	u32 session_count;
	struct monitor_fd fd[MONITOR_FD_MAX];
};

/* ---- JSON ---- */

/* An object of names and values; takes the values. */
#define value_pairs(...) value_pairs_until_null(__VA_ARGS__, (const char *)NULL)
struct json_object *value_pairs_until_null(const char *name, ...);
struct json_object *value_text(const char *text);
struct json_object *value_u64(u64 value);
struct json_object *value_bool(bool value);
/* These take `value`; without a first argument it only goes away. */
void value_add(struct json_object *object, const char *name,
	       struct json_object *value);
void value_append(struct json_object *array, struct json_object *value);

/* ---- commands ---- */

/* One execution. A command sets `result`, or fails it by qmp_fail. */
struct qmp_call {
	struct monitor *monitor;
	struct session *session;
	struct json_object *args;   /* borrowed: as its list says, or NULL */
	struct json_object *result; /* owned; NULL: an empty object */
	const char *error_class;    /* NULL: it went well */
	char error[256];
};

/* In QEMU's words where it has some; the class is GenericError. */
void qmp_fail(struct qmp_call *call, const char *fmt, ...) printf_like(2, 3);

enum qmp_type { QMP_TEXT, QMP_INT, QMP_BOOL, QMP_ARRAY, QMP_OBJECT };

struct qmp_arg {
	const char *name;
	enum qmp_type type;
	bool optional;
};

#define QMP_ARG_MAX 6

struct qmp_command {
	const char *name;
	void (*run)(struct qmp_call *call);
	struct qmp_arg arg[QMP_ARG_MAX]; /* up to one without a name */
};

/* All of them, by name; `i` from 0 up, then NULL. */
const struct qmp_command *qmp_command_at(u32 i);
/* What the call's message asks for. */
void qmp_execute(struct qmp_call *call, const char *name);

/* An argument, or what it is without. Lives as long as the call. */
const char *qmp_text(const struct qmp_call *call, const char *name,
		     const char *otherwise);
s64 qmp_int(const struct qmp_call *call, const char *name, s64 otherwise);
bool qmp_bool(const struct qmp_call *call, const char *name, bool otherwise);

/*
 * Opens what a command writes: "/dev/fdset/N" of add-fd, or a path where the jail
 * lets one. The caller closes it. Negative: the call has failed.
 */
must_check int qmp_open_output(struct qmp_call *call, const char *name);

/* ---- commands of other files ---- */

void qmp_query_block(struct qmp_call *call);
void qmp_query_blockstats(struct qmp_call *call);
void qmp_query_named_block_nodes(struct qmp_call *call);
void qmp_query_chardev(struct qmp_call *call);
void qmp_query_cpus_fast(struct qmp_call *call);
void qmp_query_schema(struct qmp_call *call);
void qmp_human_command(struct qmp_call *call);
void qmp_send_key(struct qmp_call *call);
void qmp_input_send_event(struct qmp_call *call);
void qmp_getfd(struct qmp_call *call);
void qmp_closefd(struct qmp_call *call);
void qmp_add_fd(struct qmp_call *call);
void qmp_remove_fd(struct qmp_call *call);
void qmp_query_fdsets(struct qmp_call *call);
void qmp_screendump(struct qmp_call *call);

/* Held together, each for `hold_ms`; 0 or less: as long as QEMU does. */
void monitor_type(struct qmp_call *call, const enum qcode *keys, u32 count,
		  s64 hold_ms);
/* "running", "paused"...: QEMU's RunState. */
const char *monitor_run_state(const struct monitor *monitor);
struct json_object *monitor_version(const struct monitor *monitor);
/* The events' names; `i` from 0 up, then NULL. */
const char *monitor_event_at(u32 i);
/* A counter of block_stats for all that a guest wrote: zeros are written, too. */
u64 monitor_written(const u64 counter[static BLOCK_OP_COUNT]);
/* "disk0", by which clients name it. */
void monitor_disk_name(u32 index, char name[static 16]);

#endif
