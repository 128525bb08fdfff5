/* SPDX-License-Identifier: MIT */
/*
 * One client of gdb's remote serial protocol, from its first byte to its last,
 * without the socket. A thread is a vCPU, its number one higher.
 * [GDB "Remote Serial Protocol"]
 *
 * What it answers waits in `out`, of which the owner takes as the client
 * reads. A request is at most a packet of GDB_PACKET_BYTES_MAX; the owner hands
 * on no more while an answer waits, so `out` holds little. On the loop's thread.
 */
#ifndef VMM_GDBSTUB_SESSION_H
#define VMM_GDBSTUB_SESSION_H

#include "vmm/gdbstub/packet.h"
#include "vmm/gdbstub/run.h"

#define GDB_OUT_BYTES_MAX (64 * 1024)
#define GDB_MISTAKES_MAX  64 /* of a client: then it is no gdb */

struct gdb_session {
	struct gdb_run run;
	struct gdb_reader reader;
	struct gdb_text reply;
	struct buf out;		/* owned */
	struct buf description; /* owned: target.xml */
	bool acks;		/* + and - are spoken */
	bool over;		/* nothing more is read; `out` may still go */
	bool goes_on;		/* the machine is to run after it */
	bool tells_breaks;	/* the client knows swbreak and hwbreak */
	u32 mistakes;
	u32 vcpu;	/* of registers and memory: Hg */
	s64 vcpu_to_go; /* Hc; -1: all */
	u32 listed;	/* vCPUs told by qfThreadInfo so far */
	/* There is more in `out`, and no request was the cause. Fill it first. */
	void (*wakes)(struct gdb_session *session);
};

/* Stops the machine. -ENOMEM: the session did not begin. */
must_check int gdb_session_begin(struct gdb_session *session,
				 struct machine *machine);
/* The machine goes on, or not, as the session has left it. */
void gdb_session_end(struct gdb_session *session);

/* From the client. Stops taking, with what is left ignored, when it is over. */
void gdb_session_receive(struct gdb_session *session, const u8 *data,
			 size_t size);

/* ---- between session.c, command.c and query.c ---- */

/* One command with its letter or word taken off; the answer goes to `reply`. */
typedef void (*gdb_command)(struct gdb_session *session, struct gdb_cursor *c);

/* By first letter; false: there is no such command. */
bool gdb_command_run(struct gdb_session *session, struct gdb_cursor *c);
/* q..., Q... and v...; false, as above. */
bool gdb_query_run(struct gdb_session *session, struct gdb_cursor *c);

void gdb_reply_ok(struct gdb_session *session);
/* E and an errno, which gdb shows as a number. */
void gdb_reply_error(struct gdb_session *session, int err);
/* T05thread:1;... of the last stop. */
void gdb_reply_stop(struct gdb_session *session);

/* "-1": all, "0": any, else a vCPU's number, with or without "p1." before it.
 * False unless there is such a one. *ret is -1 for all. */
bool gdb_take_thread(struct gdb_session *session, struct gdb_cursor *c,
		     s64 *ret);
/* vCont;... */
void gdb_vcont(struct gdb_session *session, struct gdb_cursor *c);
/* The machine is over; the connection, too. */
void gdb_kill(struct gdb_session *session);
void gdb_detach(struct gdb_session *session);

#endif
