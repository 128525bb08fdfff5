/* SPDX-License-Identifier: MIT */
/* Commands with a word for a name. [GDB "General Query Packets"] */
#include <stdio.h>
#include <string.h>

#include "vmm/gdbstub/session.h"

/* ---- what can be done ---- */

static void supported(struct gdb_session *s, struct gdb_cursor *c)
{
	while (c->at < c->end) {
		if (gdb_take_word(c, "swbreak+"))
			s->tells_breaks = true;
		else
			c->at++;
	}
	gdb_text_printf(&s->reply,
			"PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;"
			"vContSupported+;swbreak+;hwbreak+",
			GDB_PACKET_BYTES_MAX);
}

static void no_acks(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	s->acks = false;
	gdb_reply_ok(s);
}

/* target.xml:OFFSET,SIZE: "m" and a part, or "l" and the last one. */
static void features(struct gdb_session *s, struct gdb_cursor *c)
{
	const struct buf *xml = &s->description;
	u64 offset, size;
	bool last;

	if (!gdb_take_word(c, "target.xml:") || !gdb_take_hex(c, &offset) ||
	    !gdb_take(c, ',') || !gdb_take_hex(c, &size) || offset > xml->size) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	size = MIN(size, (u64)GDB_PACKET_BYTES_MAX / 2); /* escapes double it */
	last = size >= xml->size - offset;
	if (last)
		size = xml->size - offset;
	gdb_text_printf(&s->reply, last ? "l" : "m");
	gdb_text_bytes(&s->reply, xml->data + offset, size);
}

/* ---- threads ---- */

static void this_thread(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_text_printf(&s->reply, "QC%x", s->vcpu + 1);
}

#define LISTED_AT_ONCE 64

static void more_threads(struct gdb_session *s, struct gdb_cursor *c)
{
	u32 end = MIN(gdb_run_cpus(&s->run), s->listed + LISTED_AT_ONCE);
	char separator = 'm';

	(void)c;
	if (s->listed >= end)
		gdb_text_printf(&s->reply, "l");
	for (; s->listed < end; separator = ',')
		gdb_text_printf(&s->reply, "%c%x", separator, ++s->listed);
}

static void first_threads(struct gdb_session *s, struct gdb_cursor *c)
{
	s->listed = 0;
	more_threads(s, c);
}

static const char *state_of(struct gdb_session *s, u32 vcpu)
{
	struct engine_vcpu *v = machine_vcpu(s->run.machine, vcpu);
	struct kvm_mp_state state;

	if (v->ops->get_mp_state(v, &state))
		return "unknown";
	if (state.mp_state == KVM_MP_STATE_RUNNABLE)
		return "running";
	return state.mp_state == KVM_MP_STATE_HALTED ? "halted" : "not started";
}

static void hex_text(struct gdb_session *s, const char *text)
{
	gdb_text_hex(&s->reply, text, strlen(text));
}

static void thread_info(struct gdb_session *s, struct gdb_cursor *c)
{
	char text[64];
	s64 vcpu;

	if (!gdb_take_thread(s, c, &vcpu) || vcpu < 0) {
		gdb_reply_error(s, -ESRCH);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %lld %s", (long long)vcpu,
		 state_of(s, (u32)vcpu));
	hex_text(s, text);
}

static void attached(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_text_printf(&s->reply, "1"); /* so gdb detaches when it quits */
}

/* ---- monitor ---- */

static void monitor_help(struct gdb_session *s)
{
	hex_text(s, "help   this text\n"
		    "info   the vCPUs and what they do\n"
		    "reset  as the reset button; the machine stays stopped\n");
}

static void monitor_info(struct gdb_session *s)
{
	u32 count = MIN(gdb_run_cpus(&s->run), 64u); /* what a packet holds */
	char text[64];

	for (u32 i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "vCPU %u %s\n", i, state_of(s, i));
		hex_text(s, text);
	}
}

static void monitor_reset(struct gdb_session *s)
{
	machine_reset(s->run.machine);
	gdb_reply_ok(s);
}

static const struct {
	const char *word;
	void (*run)(struct gdb_session *s);
} monitor_commands[] = {
	{"help", monitor_help},
	{"info", monitor_info},
	{"reset", monitor_reset},
};

static void monitor(struct gdb_session *s, struct gdb_cursor *c)
{
	size_t size = (size_t)(c->end - c->at) / 2;
	char word[16] = "";

	if (size < sizeof(word) && gdb_take_bytes(c, (u8 *)word, size))
		for (u32 i = 0; i < ARRAY_SIZE(monitor_commands); i++)
			if (!strcmp(word, monitor_commands[i].word)) {
				monitor_commands[i].run(s);
				return;
			}
	hex_text(s, "there is no such command; try help\n");
}

/* ---- v... ---- */

static void vcont_actions(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_text_printf(&s->reply, "vCont;c;C;s;S");
}

static void kill_all(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_reply_ok(s);
	if (gdb_packet_append(&s->out, &s->reply))
		s->over = true; /* it is, in any case */
	gdb_kill(s);
}

/* Longer names before those they begin with. */
static const struct {
	const char *word;
	gdb_command run;
} queries[] = {
	{"qSupported", supported},
	{"QStartNoAckMode", no_acks},
	{"qXfer:features:read:", features},
	{"qfThreadInfo", first_threads},
	{"qsThreadInfo", more_threads},
	{"qThreadExtraInfo,", thread_info},
	{"qAttached", attached},
	{"qRcmd,", monitor},
	{"qC", this_thread},
	{"vCont?", vcont_actions},
	{"vCont", gdb_vcont},
	{"vKill", kill_all},
};

bool gdb_query_run(struct gdb_session *s, struct gdb_cursor *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(queries); i++) {
		if (!gdb_take_word(c, queries[i].word))
			continue;
		queries[i].run(s, c);
		return true;
	}
	return false;
}
