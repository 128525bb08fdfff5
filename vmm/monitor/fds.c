/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that clients hand over: the way to files for a process that can
 * open none. [QMP-REF "add-fd"], [QMP-REF "getfd"]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "vmm/monitor/monitor_internal.h"

#define FDSET_PREFIX "/dev/fdset/"

static struct monitor_fd *find(struct monitor *m, s64 set, const char *name,
			       int fd)
{
	for (u32 i = 0; i < MONITOR_FD_MAX; i++) {
		struct monitor_fd *at = &m->fd[i];

		if (at->fd >= 0 && at->set == set &&
		    (!name || !strcmp(at->name, name)) &&
		    (fd < 0 || at->fd == fd))
			return at;
	}
	return NULL;
}

/* Takes what came with the message. */
static struct monitor_fd *keep(struct qmp_call *call, s64 set, const char *name)
{
	struct session *s = call->session;
	struct monitor_fd *place = NULL;

	for (u32 i = 0; i < MONITOR_FD_MAX && !place; i++)
		if (call->monitor->fd[i].fd < 0)
			place = &call->monitor->fd[i];
	if (s->passed_fd < 0)
		qmp_fail(call, "No file descriptor supplied via SCM_RIGHTS");
	else if (!place)
		qmp_fail(call, "There are %d descriptors already",
			 MONITOR_FD_MAX);
	else if (str_copy(str_of(name), place->name, sizeof(place->name)))
		qmp_fail(call, "A name has at most %d bytes",
			 MONITOR_FD_NAME_BYTES - 1);
	if (call->error_class)
		return NULL;
	place->fd = s->passed_fd;
	place->set = set;
	s->passed_fd = -1;
	return place;
}

void qmp_getfd(struct qmp_call *call)
{
	const char *name = qmp_text(call, "fdname", "");
	struct monitor_fd *old = find(call->monitor, -1, name, -1);

	if (name[0] >= '0' && name[0] <= '9') {
		qmp_fail(call, "Invalid parameter 'fdname', expected: a name "
			       "not starting with a digit");
		return;
	}
	if (old && call->session->passed_fd >= 0)
		fd_close(&old->fd);
	(void)keep(call, -1, name);
}

void qmp_closefd(struct qmp_call *call)
{
	const char *name = qmp_text(call, "fdname", "");
	struct monitor_fd *at = find(call->monitor, -1, name, -1);

	if (at)
		fd_close(&at->fd);
	else
		qmp_fail(call, "File descriptor named '%s' not found", name);
}

void qmp_add_fd(struct qmp_call *call)
{
	s64 set = qmp_int(call, "fdset-id", -1);
	struct monitor_fd *at;

	if (set < 0 && call->args &&
	    json_object_object_get_ex(call->args, "fdset-id", NULL)) {
		qmp_fail(call, "Parameter 'fdset-id' expects a non-negative "
			       "value");
		return;
	}
	if (set < 0) /* the first that is free */
		for (set = 0; find(call->monitor, set, NULL, -1); set++)
			continue;
	at = keep(call, set, qmp_text(call, "opaque", ""));
	if (at)
		call->result = value_pairs("fdset-id", value_u64((u64)set),
					   "fd", value_u64((u64)at->fd));
}

void qmp_remove_fd(struct qmp_call *call)
{
	s64 set = qmp_int(call, "fdset-id", -1), fd = qmp_int(call, "fd", -1);
	struct monitor_fd *at =
		set < 0 || fd > INT32_MAX
			? NULL
			: find(call->monitor, set, NULL, (int)fd);

	if (!at)
		qmp_fail(call, "File descriptor named 'fdset-id:%lld' not found",
			 (long long)set);
	while (at) {
		fd_close(&at->fd);
		at = find(call->monitor, set, NULL, (int)fd);
	}
}

void qmp_query_fdsets(struct qmp_call *call)
{
	struct monitor *m = call->monitor;

	call->result = json_object_new_array();
	for (u32 i = 0; i < MONITOR_FD_MAX; i++) {
		struct json_object *fds = json_object_new_array();

		/* A set is told at its first descriptor. */
		for (u32 j = 0; j < MONITOR_FD_MAX; j++)
			if (m->fd[i].fd >= 0 && m->fd[i].set >= 0 &&
			    find(m, m->fd[i].set, NULL, -1) == &m->fd[i] &&
			    m->fd[j].fd >= 0 && m->fd[j].set == m->fd[i].set)
				value_append(
					fds,
					value_pairs("fd",
						    value_u64((u64)m->fd[j].fd),
						    "opaque",
						    value_text(m->fd[j].name)));
		if (json_object_array_length(fds))
			value_append(call->result,
				     value_pairs("fdset-id",
						 value_u64((u64)m->fd[i].set),
						 "fds", fds));
		else
			json_object_put(fds);
	}
}

/* ---- output ---- */

/* needs: io: fcntl:F_GETFL? fcntl:F_DUPFD_CLOEXEC? */
static int output_of_set(struct qmp_call *call, const char *number)
{
	u64 set;
	int fd, err;

	if (str_parse_u64(str_of(number), &set) || set > INT32_MAX) {
		qmp_fail(call, "'%s' is no set of descriptors", number);
		return -EINVAL;
	}
	for (u32 i = 0; i < MONITOR_FD_MAX; i++) {
		const struct monitor_fd *at = &call->monitor->fd[i];

		if (at->fd < 0 || at->set != (s64)set ||
		    (fcntl(at->fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
			continue;
		fd = fcntl(at->fd, F_DUPFD_CLOEXEC, 0);
		err = fd < 0 ? -errno : 0;
		if (err)
			qmp_fail(call, "set %s: %s", number, strerror(-err));
		return err ? err : fd;
	}
	qmp_fail(call, "set %llu has no descriptor to write to",
		 (unsigned long long)set);
	return -ENOENT;
}

int qmp_open_output(struct qmp_call *call, const char *name)
{
	int fd;

	if (!strncmp(name, FDSET_PREFIX, strlen(FDSET_PREFIX)))
		return output_of_set(call, name + strlen(FDSET_PREFIX));
	if (call->monitor->jailed) {
		qmp_fail(call,
			 "the jail opens no file: hand one over by add-fd and "
			 "name it " FDSET_PREFIX "N");
		return -EPERM;
	}
	fd = fd_open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		qmp_fail(call, "Could not open '%s': %s", name, strerror(-fd));
	return fd;
}
