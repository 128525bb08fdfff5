/* SPDX-License-Identifier: MIT */
/*
 * QMP, the machine protocol of QEMU, on a UNIX socket: a greeting, then a
 * client's commands and their answers, and events in between, each a JSON
 * object. [QMP "Protocol Specification"]
 *
 * Names and meanings are QEMU's wherever there is one. commands.c lists what
 * there is; what a command takes is checked by that list, and query-qmp-schema
 * is made from it. The version in the greeting is that of the QEMU whose
 * interface this follows; `package` says who answers.
 *
 * Everything is on the loop's thread. A client is a stranger: what it may send
 * in one message and what may wait for it are bounded; over that it is dropped,
 * and the machine and other clients do not notice. While a client does not read,
 * its next command waits.
 */
#ifndef VMM_MONITOR_MONITOR_H
#define VMM_MONITOR_MONITOR_H

#include "vmm/machine/machine.h"

/* At once; who connects when there are as many waits. */
#define MONITOR_CLIENT_MAX 8

struct monitor;

/* A serial port or console: "serial0", and the words it was given. */
struct monitor_chardev {
	const char *label, *words;
};

struct monitor_config {
	struct loop *loop;   /* borrowed: must outlive the monitor */
	const char *path;    /* of the socket */
	const char *package; /* who answers: "keel-0.1.0" */
	const struct monitor_chardev *chardev; /* borrowed, too */
	u32 chardev_count;
};

/*
 * Listens; a socket that nobody serves any more is replaced. -EADDRINUSE:
 * another process serves it, -ENAMETOOLONG, -ENOMEM, or -errno of the calls; the
 * fault says which path. Only the user who started the process may connect.
 */
must_check int monitor_create(const struct monitor_config *config,
			      struct monitor **ret, struct fault *fault);
/* From now on it answers. The machine is borrowed until monitor_free. */
must_check int monitor_start(struct monitor *monitor, struct machine *machine);
/* No path leads anywhere any more: commands open no file by its name, and that of
 * the socket stays at the end. Accepts NULL. */
void monitor_jailed(struct monitor *monitor);
/* Accepts NULL. What is still to be told is, as far as sockets take it. */
void monitor_free(struct monitor *monitor);

#endif
