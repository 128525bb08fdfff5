/* SPDX-License-Identifier: MIT */
/* Bytes to packets, packets to commands, and the answers' way back. */
#include "vmm/gdbstub/session.h"

#include <string.h>

#include "vmm/gdbstub/registers.h"

#define DESCRIPTION_BYTES_MAX (64 * 1024)

/* ---- answers ---- */

/* Without memory for an answer there is no session. */
static void send(struct gdb_session *s)
{
	if (gdb_packet_append(&s->out, &s->reply))
		s->over = true;
}

static void send_byte(struct gdb_session *s, u8 byte)
{
	if (buf_append_byte(&s->out, byte))
		s->over = true;
}

void gdb_reply_ok(struct gdb_session *s)
{
	gdb_text_printf(&s->reply, "OK");
}

void gdb_reply_error(struct gdb_session *s, int err)
{
	gdb_text_clear(&s->reply);
	gdb_text_printf(&s->reply, "E%02x", (unsigned int)-err & 0xff);
}

static void reply_hard(struct gdb_session *s, const struct gdb_hard *hard)
{
	if (hard->kind != GDB_EXECUTE)
		gdb_text_printf(&s->reply, "%s:%llx;",
				hard->kind == GDB_WRITE ? "watch" : "awatch",
				(unsigned long long)hard->address);
	else if (s->tells_breaks)
		gdb_text_printf(&s->reply, "hwbreak:;");
}

/* [GDB "Stop Reply Packets"]; signals are gdb's: 2 SIGINT, 5 SIGTRAP. */
void gdb_reply_stop(struct gdb_session *s)
{
	const struct gdb_stop *stop = &s->run.last;

	if (stop->kind == GDB_STOP_END) {
		gdb_text_printf(&s->reply, "W00");
		return;
	}
	gdb_text_printf(&s->reply, "T%02xthread:%x;",
			stop->kind == GDB_STOP_USER ? 2 : 5, stop->vcpu + 1);
	if (stop->kind == GDB_STOP_SOFT && s->tells_breaks)
		gdb_text_printf(&s->reply, "swbreak:;");
	if (stop->kind == GDB_STOP_HARD)
		reply_hard(s, &stop->hard);
}

static void on_stopped(struct gdb_run *run)
{
	struct gdb_session *s = container_of(run, struct gdb_session, run);

	if (s->over)
		return;
	s->vcpu = run->last.vcpu;
	gdb_text_clear(&s->reply);
	gdb_reply_stop(s);
	send(s);
	if (run->last.kind == GDB_STOP_END)
		s->over = true;
	s->wakes(s);
}

/* ---- requests ---- */

/* While the guest runs only Ctrl-C and an end make sense. */
static bool waits_for_stop(const struct gdb_session *s)
{
	const char *data = (const char *)s->reader.data;

	return s->run.running && data[0] != 'D' && data[0] != 'k' &&
	       strncmp(data, "vKill", 5) != 0;
}

/*
 * No answer is sent to what lets the guest run: that is the stop's. An empty
 * answer means that there is no such command. [GDB "Overview"]
 */
static void execute(struct gdb_session *s)
{
	struct gdb_cursor c = {.at = s->reader.data,
			       .end = s->reader.data + s->reader.size};

	gdb_text_clear(&s->reply);
	if (waits_for_stop(s)) {
		gdb_reply_error(s, -EBUSY);
		s->mistakes++;
	} else if (!gdb_command_run(s, &c)) {
		gdb_text_clear(&s->reply);
	}
	if (!s->over && (!s->run.running || s->reply.size))
		send(s);
}

static void packet(struct gdb_session *s)
{
	if (s->acks)
		send_byte(s, '+');
	execute(s);
}

static void event(struct gdb_session *s, enum gdb_event event)
{
	switch (event) {
	case GDB_NOTHING:
	case GDB_ACK:
		break;
	case GDB_PACKET:
		packet(s);
		break;
	case GDB_WRONG_SUM:
		s->mistakes++;
		if (s->acks)
			send_byte(s, '-');
		break;
	case GDB_INTERRUPT:
		gdb_run_interrupt(&s->run);
		break;
	case GDB_NAK:
		s->mistakes++;
		send(s);
		break;
	case GDB_TOO_LONG:
		s->over = true;
		break;
	case GDB_GARBAGE:
		s->mistakes++;
		break;
	}
}

void gdb_session_receive(struct gdb_session *s, const u8 *data, size_t size)
{
	for (size_t i = 0; i < size && !s->over; i++) {
		event(s, gdb_reader_byte(&s->reader, data[i]));
		if (s->mistakes > GDB_MISTAKES_MAX)
			s->over = true;
	}
}

/* ---- its life ---- */

int gdb_session_begin(struct gdb_session *s, struct machine *machine)
{
	void (*wakes)(struct gdb_session *) = s->wakes;
	int err;

	memset(s, 0, sizeof(*s));
	s->wakes = wakes;
	s->run.stopped = on_stopped;
	s->acks = true;
	s->vcpu_to_go = -1;
	buf_init(&s->out, GDB_OUT_BYTES_MAX);
	buf_init(&s->description, DESCRIPTION_BYTES_MAX);
	err = gdb_registers_describe(&s->description);
	if (err) {
		buf_release(&s->description);
		return err;
	}
	gdb_run_begin(&s->run, machine);
	return 0;
}

void gdb_session_end(struct gdb_session *s)
{
	s->over = true; /* what now happens is told to nobody */
	gdb_run_end(&s->run, s->goes_on);
	buf_release(&s->out);
	buf_release(&s->description);
}
