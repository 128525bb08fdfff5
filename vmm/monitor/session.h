/* SPDX-License-Identifier: MIT */
/* For vmm/monitor only: one client, from its bytes to messages and back. */
#ifndef VMM_MONITOR_SESSION_H
#define VMM_MONITOR_SESSION_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"

/* Of one message: no command is near it. */
#define SESSION_MESSAGE_BYTES_MAX (256 * KiB)
/* No further command before the client has read down to this. */
#define SESSION_OUTPUT_BYTES_HIGH (64 * KiB)
/* Events come unasked: who lets this much lie is dropped. */
#define SESSION_OUTPUT_BYTES_MAX (1 * MiB)
#define SESSION_INPUT_BYTES	 4096

struct monitor;

struct session {
	struct monitor *monitor; /* borrowed: owns this */
	struct list link;
	int fd; /* owned */
	struct loop_watch watch;
	struct loop_work work; /* commands that wait in `input` */
	struct json_tokener *tokener;
	u8 input[SESSION_INPUT_BYTES];
	u32 input_start, input_end;
	size_t message_bytes; /* of the message that has begun */
	bool skipping;	      /* to the end of a line that was no JSON */
	struct buf output;
	int passed_fd;	 /* owned: came with the last bytes, or -1 */
	bool negotiated; /* it has said qmp_capabilities */
	bool ended;	 /* its client is gone, or is not wanted any more */
};

/* Takes `fd`, in any case. -ENOMEM, or -errno of the loop. */
must_check int session_create(struct monitor *monitor, struct loop *loop,
			      int fd, struct session **ret);
void session_free(struct session *session);

/* Takes `message`; NULL, or one too many, ends the session. */
void session_send(struct session *session, struct json_object *message);

/* ---- what the monitor does with it ---- */

/* A whole message, borrowed; NULL: it was none. */
void monitor_message(struct session *session, struct json_object *message);
/* Its client has gone: called from session_due, which frees it next. */
void monitor_forget(struct session *session);

#endif
