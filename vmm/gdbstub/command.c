/* SPDX-License-Identifier: MIT */
/* Commands of one letter. [GDB "Packets"] */
#include <string.h>

#include "vmm/gdbstub/registers.h"
#include "vmm/gdbstub/session.h"

static struct engine_vcpu *vcpu_of(struct gdb_session *s)
{
	return machine_vcpu(s->run.machine, s->vcpu);
}

/* ---- threads ---- */

bool gdb_take_thread(struct gdb_session *s, struct gdb_cursor *c, s64 *ret)
{
	u64 number;

	if (gdb_take(c, 'p') && (!gdb_take_hex(c, &number) || !gdb_take(c, '.')))
		return false;
	if (gdb_take_word(c, "-1")) {
		*ret = -1;
		return true;
	}
	if (!gdb_take_hex(c, &number) || number > gdb_run_cpus(&s->run))
		return false;
	*ret = number ? (s64)number - 1 : (s64)s->vcpu;
	return true;
}

static void select_thread(struct gdb_session *s, struct gdb_cursor *c)
{
	bool to_go = gdb_take(c, 'c');
	s64 vcpu;

	if ((!to_go && !gdb_take(c, 'g')) || !gdb_take_thread(s, c, &vcpu)) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	if (to_go)
		s->vcpu_to_go = vcpu;
	else if (vcpu >= 0)
		s->vcpu = (u32)vcpu;
	gdb_reply_ok(s);
}

static void is_alive(struct gdb_session *s, struct gdb_cursor *c)
{
	s64 vcpu;

	if (gdb_take_thread(s, c, &vcpu))
		gdb_reply_ok(s);
	else
		gdb_reply_error(s, -ESRCH);
}

/* ---- registers ---- */

static void read_all(struct gdb_session *s, struct gdb_cursor *c)
{
	u8 data[GDB_REGISTER_BYTES_MAX];
	struct gdb_registers r;
	int err = gdb_registers_load(vcpu_of(s), &r);

	(void)c;
	if (err) {
		gdb_reply_error(s, err);
		return;
	}
	for (u32 i = 0; i < gdb_register_count(); i++) {
		gdb_register_get(&r, i, data);
		gdb_text_hex(&s->reply, data, gdb_register_bytes(i));
	}
}

static void read_one(struct gdb_session *s, struct gdb_cursor *c)
{
	u8 data[GDB_REGISTER_BYTES_MAX];
	struct gdb_registers r;
	u64 index;
	int err;

	if (!gdb_take_hex(c, &index) || index >= gdb_register_count()) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	err = gdb_registers_load(vcpu_of(s), &r);
	if (err) {
		gdb_reply_error(s, err);
		return;
	}
	gdb_register_get(&r, (u32)index, data);
	gdb_text_hex(&s->reply, data, gdb_register_bytes((u32)index));
}

/* A new place has its breakpoint before it, not behind. */
static int store(struct gdb_session *s, const struct gdb_registers *old,
		 const struct gdb_registers *new)
{
	if (old->regs.rip != new->regs.rip)
		gdb_run_moved(&s->run, s->vcpu);
	return gdb_registers_store(vcpu_of(s), old, new);
}

static bool parse_one(struct gdb_cursor *c, u32 index, struct gdb_registers *r)
{
	u8 data[GDB_REGISTER_BYTES_MAX];

	if (!gdb_take_bytes(c, data, gdb_register_bytes(index)))
		return false;
	gdb_register_set(r, index, data);
	return true;
}

static int parse_all(struct gdb_cursor *c, struct gdb_registers *r)
{
	for (u32 i = 0; i < gdb_register_count(); i++)
		if (!parse_one(c, i, r))
			return -EINVAL;
	return 0;
}

static void answer(struct gdb_session *s, int err)
{
	if (err)
		gdb_reply_error(s, err);
	else
		gdb_reply_ok(s);
}

static void write_all(struct gdb_session *s, struct gdb_cursor *c)
{
	struct gdb_registers old, new;
	int err = gdb_registers_load(vcpu_of(s), &old);

	new = old;
	if (!err)
		err = parse_all(c, &new);
	if (!err)
		err = store(s, &old, &new);
	answer(s, err);
}

static void write_one(struct gdb_session *s, struct gdb_cursor *c)
{
	struct gdb_registers old, new;
	u64 index;
	int err;

	if (!gdb_take_hex(c, &index) || index >= gdb_register_count() ||
	    !gdb_take(c, '=')) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	err = gdb_registers_load(vcpu_of(s), &old);
	new = old;
	if (!err && !parse_one(c, (u32)index, &new))
		err = -EINVAL;
	if (!err)
		err = store(s, &old, &new);
	answer(s, err);
}

/* ---- memory ---- */

static bool take_range(struct gdb_cursor *c, u64 *ret_address, u64 *ret_size)
{
	return gdb_take_hex(c, ret_address) && gdb_take(c, ',') &&
	       gdb_take_hex(c, ret_size);
}

/* Less than was asked for may be answered: what a packet holds, and what is
 * mapped. */
static void read_memory(struct gdb_session *s, struct gdb_cursor *c)
{
	u8 data[GDB_PACKET_BYTES_MAX / 2];
	u64 address, size;
	u32 n;

	if (!take_range(c, &address, &size)) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	n = (u32)MIN(size, (u64)sizeof(data));
	if (!gdb_memory_read(s->run.machine, s->vcpu, address, data, n)) {
		u32 to_page = GUEST_PAGE_BYTES - address % GUEST_PAGE_BYTES;

		n = MIN(n, to_page);
		if (!gdb_memory_read(s->run.machine, s->vcpu, address, data, n)) {
			gdb_reply_error(s, -EFAULT);
			return;
		}
	}
	gdb_text_hex(&s->reply, data, n);
}

static void put_memory(struct gdb_session *s, u64 address, const u8 *data,
		       u64 size)
{
	answer(s, gdb_memory_write(s->run.machine, s->vcpu, address, data,
				   (u32)size)
			  ? 0
			  : -EFAULT);
}

static void write_memory(struct gdb_session *s, struct gdb_cursor *c)
{
	u8 data[GDB_PACKET_BYTES_MAX / 2];
	u64 address, size;

	if (!take_range(c, &address, &size) || !gdb_take(c, ':') ||
	    size > sizeof(data) || !gdb_take_bytes(c, data, size))
		gdb_reply_error(s, -EINVAL);
	else
		put_memory(s, address, data, size);
}

static void write_binary(struct gdb_session *s, struct gdb_cursor *c)
{
	u64 address, size;

	if (!take_range(c, &address, &size) || !gdb_take(c, ':') ||
	    size != (u64)(c->end - c->at))
		gdb_reply_error(s, -EINVAL);
	else
		put_memory(s, address, c->at, size);
}

/* ---- breakpoints ---- */

/* Z and z: type,address,kind. A read watchpoint is none of x86's. */
static bool take_break(struct gdb_cursor *c, u64 *ret_type, u64 *ret_address,
		       u64 *ret_kind)
{
	return gdb_take_hex(c, ret_type) && gdb_take(c, ',') &&
	       take_range(c, ret_address, ret_kind);
}

#define TYPE_SOFT 0

static bool hard_kind(u64 type, enum gdb_hard_kind *ret)
{
	switch (type) {
	case 1:
		*ret = GDB_EXECUTE;
		return true;
	case 2:
		*ret = GDB_WRITE;
		return true;
	case 4:
		*ret = GDB_ACCESS;
		return true;
	default:
		return false;
	}
}

static void add_break(struct gdb_session *s, struct gdb_cursor *c)
{
	enum gdb_hard_kind kind;
	u64 type, address, size;
	int err;

	if (!take_break(c, &type, &address, &size))
		err = -EINVAL;
	else if (type == TYPE_SOFT)
		err = gdb_soft_add(&s->run.breaks, s->vcpu, address);
	else if (hard_kind(type, &kind))
		err = gdb_hard_add(&s->run.breaks, kind, address, size);
	else
		return;
	answer(s, err);
}

static void del_break(struct gdb_session *s, struct gdb_cursor *c)
{
	enum gdb_hard_kind kind;
	u64 type, address, size;

	if (!take_break(c, &type, &address, &size)) {
		gdb_reply_error(s, -EINVAL);
		return;
	}
	if (type == TYPE_SOFT)
		gdb_soft_del(&s->run.breaks, address);
	else if (hard_kind(type, &kind))
		gdb_hard_del(&s->run.breaks, kind, address, size);
	else
		return;
	gdb_reply_ok(s);
}

/* ---- running ---- */

static bool take_action(struct gdb_cursor *c, enum gdb_action *ret)
{
	u64 signal; /* a CPU has none */

	if (gdb_take(c, 'c'))
		*ret = GDB_GO;
	else if (gdb_take(c, 's'))
		*ret = GDB_STEP;
	else if (gdb_take(c, 'C') && gdb_take_hex(c, &signal))
		*ret = GDB_GO;
	else if (gdb_take(c, 'S') && gdb_take_hex(c, &signal))
		*ret = GDB_STEP;
	else
		return false;
	return true;
}

/* Of several actions for a vCPU the first counts; one that none names, stands. */
static void take_actions(struct gdb_session *s, struct gdb_cursor *c)
{
	while (gdb_take(c, ';')) {
		enum gdb_action action;
		s64 which = -1;

		if (!take_action(c, &action) ||
		    (gdb_take(c, ':') && !gdb_take_thread(s, c, &which))) {
			gdb_reply_error(s, -EINVAL);
			return;
		}
		for (u32 i = 0; i < gdb_run_cpus(&s->run); i++)
			if ((which < 0 || which == i) &&
			    s->run.action[i] == GDB_HOLD)
				s->run.action[i] = action;
	}
}

void gdb_vcont(struct gdb_session *s, struct gdb_cursor *c)
{
	memset(s->run.action, 0, sizeof(s->run.action));
	take_actions(s, c);
	if (s->reply.size)
		return;
	for (u32 i = 0; i < gdb_run_cpus(&s->run); i++)
		if (s->run.action[i] != GDB_HOLD) {
			gdb_run_go(&s->run);
			return;
		}
	gdb_reply_error(s, -EINVAL);
}

static int go_to(struct gdb_session *s, u64 address)
{
	struct gdb_registers old, new;
	int err = gdb_registers_load(vcpu_of(s), &old);

	if (err)
		return err;
	new = old;
	new.regs.rip = address;
	return store(s, &old, &new);
}

/* The older way: c [address], s [address], C signal[;address], S likewise. */
static void go(struct gdb_session *s, struct gdb_cursor *c, bool step,
	       bool has_signal)
{
	bool one = step || s->vcpu_to_go >= 0;
	u32 which = s->vcpu_to_go >= 0 ? (u32)s->vcpu_to_go : s->vcpu;
	u64 number, address;
	int err = 0;

	if (has_signal && (!gdb_take_hex(c, &number) ||
			   (c->at < c->end && !gdb_take(c, ';'))))
		err = -EINVAL;
	else if (gdb_take_hex(c, &address))
		err = go_to(s, address);
	if (err) {
		gdb_reply_error(s, err);
		return;
	}
	for (u32 i = 0; i < gdb_run_cpus(&s->run); i++)
		s->run.action[i] = one && i != which ? GDB_HOLD
				   : step	     ? GDB_STEP
						     : GDB_GO;
	gdb_run_go(&s->run);
}

static void go_on(struct gdb_session *s, struct gdb_cursor *c)
{
	go(s, c, false, false);
}

static void go_on_signal(struct gdb_session *s, struct gdb_cursor *c)
{
	go(s, c, false, true);
}

static void step(struct gdb_session *s, struct gdb_cursor *c)
{
	go(s, c, true, false);
}

static void step_signal(struct gdb_session *s, struct gdb_cursor *c)
{
	go(s, c, true, true);
}

static void why_stopped(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_reply_stop(s);
}

/* ---- the end ---- */

/* The answer must be in `out` before the session is over. */
static void answer_last(struct gdb_session *s)
{
	gdb_reply_ok(s);
	if (gdb_packet_append(&s->out, &s->reply))
		s->goes_on = true; /* and nobody hears of it */
	s->over = true;
}

void gdb_detach(struct gdb_session *s)
{
	s->goes_on = true;
	answer_last(s);
}

static void detach(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_detach(s);
}

void gdb_kill(struct gdb_session *s)
{
	s->over = true;
	machine_end(s->run.machine, CAUSE_CONTROL);
}

static void kill_it(struct gdb_session *s, struct gdb_cursor *c)
{
	(void)c;
	gdb_kill(s);
}

static const gdb_command commands[128] = {
	['?'] = why_stopped,  ['H'] = select_thread, ['T'] = is_alive,
	['g'] = read_all,     ['p'] = read_one,	     ['G'] = write_all,
	['P'] = write_one,    ['m'] = read_memory,   ['M'] = write_memory,
	['X'] = write_binary, ['Z'] = add_break,     ['z'] = del_break,
	['c'] = go_on,	      ['C'] = go_on_signal,  ['s'] = step,
	['S'] = step_signal,  ['D'] = detach,	     ['k'] = kill_it,
};

bool gdb_command_run(struct gdb_session *s, struct gdb_cursor *c)
{
	u8 letter = c->at < c->end ? *c->at : 0;

	if (letter == 'q' || letter == 'Q' || letter == 'v')
		return gdb_query_run(s, c);
	if (letter >= ARRAY_SIZE(commands) || !commands[letter])
		return false;
	c->at++;
	commands[letter](s, c);
	return true;
}
