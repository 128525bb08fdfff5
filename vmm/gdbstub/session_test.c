/* SPDX-License-Identifier: MIT */
/* A client's packets, on a machine whose vCPUs play exits. */
#include "vmm/gdbstub/session.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "vmm/gdbstub/registers.h"
#include "vmm/machine/fake_machine.h"

static struct fake_machine m;

static struct {
	struct gdb_session session;
	u32 wakes;
	char reply[2 * GDB_PACKET_BYTES_MAX];
} t;

static void on_wake(struct gdb_session *session)
{
	(void)session;
	t.wakes++;
}

/* A machine that has not run, and a client. Exits are added before. */
static void begin(u32 cpu_count)
{
	m.config.cpu_count = cpu_count;
	fake_machine_create(&m);
	check_eq(machine_start(m.machine, &m.fault), 0);
	t.wakes = 0;
	t.session.wakes = on_wake;
	check_eq(gdb_session_begin(&t.session, m.machine), 0);
}

static void prepare(void)
{
	fake_machine_init(&m);
}

static void end(void)
{
	gdb_session_end(&t.session);
	fake_machine_release(&m);
}

static void send_bytes(const void *data, size_t size)
{
	gdb_session_receive(&t.session, data, size);
}

/* A packet out and nothing else taken from `out`. */
static void tell_bytes(const char *text, size_t size)
{
	char tail[4];
	u8 sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (u8)(sum + text[i]);
	snprintf(tail, sizeof(tail), "#%02x", sum);
	send_bytes("$", 1);
	send_bytes(text, size);
	send_bytes(tail, 3);
}

static void tell(const char *text)
{
	tell_bytes(text, strlen(text));
}

/* What waits in `out`: one packet's data, with an ack before it or not. */
static const char *answer(void)
{
	struct buf *out = &t.session.out;
	const char *text = buf_cstr(out);
	const char *start = text ? strchr(text, '$') : NULL;
	size_t size;

	if (!start) {
		buf_truncate(out);
		return "nothing";
	}
	size = strcspn(start + 1, "#");
	memcpy(t.reply, start + 1, size);
	t.reply[size] = 0;
	buf_truncate(out);
	return t.reply;
}

static const char *ask(const char *text)
{
	tell(text);
	return answer();
}

static void run_until_told(void)
{
	for (u32 i = 0; i < 100000 && !t.wakes; i++)
		check_eq(loop_run_once(m.loop, NS_PER_MS), 0);
	check_eq(t.wakes, 1);
	t.wakes = 0;
}

static void exit_debug(u32 vcpu, u32 vector, u64 pc, u64 dr6)
{
	fake_engine_add(&m.engine, vcpu,
			(struct fake_exit){.reason = KVM_EXIT_DEBUG,
					   .detail = vector,
					   .address = pc,
					   .value = dr6});
}

/* Both vCPUs, each of which plays its exit when the other does. */
static void exits_together(u64 pc, u64 dr6)
{
	fake_engine_add(&m.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_DEBUG,
					   .together = true,
					   .detail = 3,
					   .address = pc});
	fake_engine_add(&m.engine, 1,
			(struct fake_exit){.reason = KVM_EXIT_DEBUG,
					   .together = true,
					   .detail = 1,
					   .value = dr6});
}

/* The exit of a vCPU that has just been let go for the first time; the loop has
 * not heard of it. */
static void wait_for_exit(u32 vcpu)
{
	while (__atomic_load_n(&m.engine.vcpu[vcpu].run_count,
			       __ATOMIC_ACQUIRE) < 2)
		usleep(1000);
}

static void settle(void)
{
	for (u32 i = 0; i < 20; i++)
		check_eq(loop_run_once(m.loop, 0), 0);
}

static struct {
	struct machine_watch watch;
	u32 stops, conts;
} other;

static void on_news(struct machine_watch *watch, const struct machine_news *news)
{
	(void)watch;
	other.stops += news->kind == MACHINE_NEWS_STOP;
	other.conts += news->kind == MACHINE_NEWS_CONT;
}

static u8 byte_at(gpa_t gpa)
{
	u8 byte = 0;

	check(guest_mem_read(machine_mem(m.machine), gpa, &byte, 1));
	return byte;
}

static void at(u32 vcpu, u64 rip)
{
	m.engine.vcpu[vcpu].regs.rip = rip;
	m.engine.vcpu[vcpu].sregs.cs.l = 1;
}

/* ---- talking ---- */

TEST(what_is_not_known_gets_an_empty_answer)
{
	prepare();
	begin(1);
	check_str_eq(ask("vMustReplyEmpty"), "");
	check_str_eq(ask("qSymbol::"), "");
	check_str_eq(ask("!"), "");
	check_str_eq(ask(""), "");
	check_str_eq(ask("Z3,9000,4"), "");
	end();
}

TEST(acks_end_when_the_client_says_so)
{
	prepare();
	begin(1);
	tell("?");
	check_eq(t.session.out.data[0], '+');
	check_str_eq(answer(), "T02thread:1;");
	check_str_eq(ask("QStartNoAckMode"), "OK");
	tell("?");
	check_eq(t.session.out.data[0], '$');
	end();
}

TEST(a_wrong_sum_is_asked_for_again)
{
	prepare();
	begin(1);
	send_bytes("$?#00", 5);
	check_eq(t.session.out.size, 1);
	check_eq(t.session.out.data[0], '-');
	buf_truncate(&t.session.out);
	check_str_eq(ask("?"), "T02thread:1;");
	send_bytes("-", 1);
	check_str_eq(answer(), "T02thread:1;");
	end();
}

TEST(garbage_and_too_much_end_the_session)
{
	static char much[GDB_PACKET_BYTES_MAX + 2];

	prepare();
	begin(1);
	for (u32 i = 0; i <= GDB_MISTAKES_MAX; i++) {
		check(!t.session.over);
		send_bytes("x", 1);
	}
	check(t.session.over);
	end();
	prepare();
	begin(1);
	memset(much, 'm', sizeof(much));
	much[0] = '$';
	send_bytes(much, sizeof(much));
	check(t.session.over);
	end();
}

TEST(the_description_comes_in_parts_and_names_all_registers)
{
	char text[64];
	u32 size = 0;
	const char *part;

	prepare();
	begin(1);
	do {
		snprintf(text, sizeof(text),
			 "qXfer:features:read:target.xml:%x,200", size);
		part = ask(text);
		check(part[0] == 'm' || part[0] == 'l');
		size += 0x200;
	} while (part[0] == 'm');
	check_eq(size, align_up(t.session.description.size, 0x200));
	check(strstr(buf_cstr(&t.session.description), "\"efer\""));
	check_str_eq(ask("qXfer:features:read:target.xml:ffffff,10"), "E16");
	check_str_eq(ask("qXfer:features:read:other.xml:0,10"), "E16");
	end();
}

TEST(threads_are_vcpus)
{
	prepare();
	begin(3);
	m.engine.vcpu[1].mp_state.mp_state = KVM_MP_STATE_HALTED;
	check_str_eq(ask("qfThreadInfo"), "m1,2,3");
	check_str_eq(ask("qsThreadInfo"), "l");
	check_str_eq(ask("qThreadExtraInfo,2"), "76435055203120"
						"68616c746564");
	check_str_eq(ask("T3"), "OK");
	check_str_eq(ask("T4"), "E03");
	check_str_eq(ask("Hg2"), "OK");
	check_str_eq(ask("qC"), "QC2");
	check_str_eq(ask("Hg9"), "E16");
	end();
}

/* ---- registers and memory ---- */

TEST(registers_are_read_and_written)
{
	prepare();
	begin(1);
	at(0, 0xffffffff81000123);
	check_str_eq(ask("p10"), "23010081ffffffff");
	check_str_eq(ask("P10=4500000000000000"), "OK");
	check_eq(m.engine.vcpu[0].regs.rip, 0x45);
	check_str_eq(ask("P28=000102030405060708090a0b0c0d0e0f"), "OK");
	check_eq(m.engine.vcpu[0].fpu.xmm[0][15], 15);
	check_str_eq(ask("p43"), "E16"); /* one behind the last */
	check_str_eq(ask("P10=45"), "E16");
	end();
}

TEST(all_registers_written_back_change_nothing)
{
	char text[2 * GDB_PACKET_BYTES_MAX];
	struct kvm_regs regs;
	struct kvm_fpu fpu;
	u32 loads;

	prepare();
	begin(1);
	memset(&m.engine.vcpu[0].regs, 0x5a, sizeof(regs));
	memset(&m.engine.vcpu[0].fpu, 0xa5, sizeof(fpu));
	m.engine.vcpu[0].regs.rflags = 0x246;
	regs = m.engine.vcpu[0].regs;
	fpu = m.engine.vcpu[0].fpu;
	loads = m.engine.vcpu[0].state_load_count;
	snprintf(text, sizeof(text), "G%s", ask("g"));
	check_str_eq(ask(text), "OK");
	check_mem_eq(&m.engine.vcpu[0].regs, &regs, sizeof(regs));
	check_mem_eq(&m.engine.vcpu[0].fpu, &fpu, sizeof(fpu));
	check_eq(m.engine.vcpu[0].state_load_count, loads);
	text[strlen(text) - 1] = 0;
	check_str_eq(ask(text), "E16");
	end();
}

TEST(a_selector_is_written_in_real_mode_only)
{
	prepare();
	begin(1);
	m.engine.vcpu[0].sregs.cr0 = 1;
	check_str_eq(ask("P14=34120000"), "E16");
	m.engine.vcpu[0].sregs.cr0 = 0;
	check_str_eq(ask("P14=34120000"), "OK");
	check_eq(m.engine.vcpu[0].sregs.ds.base, 0x12340);
	end();
}

TEST(the_x87s_tags_have_two_bits)
{
	struct fake_vcpu *v = &m.engine.vcpu[0];

	prepare();
	begin(1);
	v->fpu.fsw = 7 << 11; /* ST0 is R7 */
	v->fpu.ftwx = 0x81;   /* R7 and R0 hold something: ST0 and ST1 */
	v->fpu.fpr[0][9] = 0x3f;
	v->fpu.fpr[0][8] = 0xff;
	v->fpu.fpr[0][7] = 0x80; /* 1.0; ST1 is 0 */
	check_str_eq(ask("p22"), "fd3f0000");
	check_str_eq(ask("P22=ffff0000"), "OK");
	check_eq(v->fpu.ftwx, 0);
	end();
}

TEST(memory_is_read_and_written_where_it_is_mapped)
{
	prepare();
	begin(1);
	check_str_eq(ask("M9ffe,4:01a2ff00"), "OK");
	check_str_eq(ask("m9ffe,4"), "01a2ff00");
	tell_bytes("X9000,3:}\x03\0}]", 13);
	check_str_eq(answer(), "OK");
	check_str_eq(ask("m9000,3"), "23007d");
	check_str_eq(ask("m8000000000000000,1"), "E0e");
	check_str_eq(ask("M8000000000000000,1:00"), "E0e");
	/* Past the end of memory: what there is. */
	check_eq(strlen(ask("mfffff0,40")), 32);
	check_eq(strlen(ask("m0,ffffffffffffffff")), GDB_PACKET_BYTES_MAX);
	check_str_eq(ask("M9000,ffffffffffffffff:00"), "E16");
	check_str_eq(ask("X9000,2:a"), "E16");
	end();
}

/* ---- breakpoints ---- */

TEST(an_int3_is_in_memory_only_while_the_guest_runs)
{
	prepare();
	begin(1);
	check_str_eq(ask("M9000,1:55"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_eq(byte_at(0x9000), 0x55);
	check_str_eq(ask("vCont;c"), "nothing");
	check_eq(byte_at(0x9000), 0xcc);
	check(m.engine.vcpu[0].debug.control & KVM_GUESTDBG_USE_SW_BP);
	send_bytes("\x03", 1);
	check_str_eq(answer(), "T02thread:1;");
	check_eq(byte_at(0x9000), 0x55);
	check_str_eq(ask("z0,9000,1"), "OK");
	check_str_eq(ask("c"), "nothing");
	check_eq(byte_at(0x9000), 0x55);
	check_eq(m.engine.vcpu[0].debug.control, 0);
	end();
}

TEST(a_breakpoint_that_is_hit_is_told)
{
	prepare();
	exit_debug(1, 3, 0x9000, 0);
	begin(2);
	at(1, 0x9000);
	check(strstr(ask("qSupported:swbreak+;hwbreak+"), "swbreak+"));
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:2;swbreak:;");
	check_eq(machine_status(m.machine), MACHINE_DEBUGGED);
	check_str_eq(ask("qC"), "QC2");
	end();
}

TEST(an_int3_of_the_guests_goes_back_to_it)
{
	prepare();
	exit_debug(0, 3, 0x7000, 0);
	exit_debug(0, 3, 0x9000, 0);
	begin(1);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_eq(m.engine.vcpu[0].debug_given_back, 1);
	check_str_eq(answer(), "T05thread:1;");
	end();
}

TEST(a_vcpu_leaves_a_breakpoint_that_was_told_by_a_step_of_its_own)
{
	prepare();
	exit_debug(0, 3, 0x9000, 0);
	exit_debug(0, 1, 0x9001, 0x4000);
	exit_debug(0, 3, 0x9000, 0);
	begin(2);
	at(0, 0x9000);
	check_str_eq(ask("M9000,1:55"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	tell("vCont;c");
	check_eq(byte_at(0x9000), 0x55);
	check_eq(m.engine.vcpu[0].debug.control,
		 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	check_eq(m.engine.vcpu[0].debug.control,
		 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
	end();
}

TEST(what_is_the_debuggers_own_affair_is_told_to_nobody)
{
	prepare();
	exit_debug(0, 3, 0x9000, 0);
	exit_debug(0, 1, 0x9001, 0x4000); /* it leaves the breakpoint */
	exit_debug(0, 3, 0x7000, 0);	  /* the guest's */
	exit_debug(0, 3, 0x9000, 0);
	begin(1);
	at(0, 0x9000);
	memset(&other, 0, sizeof(other));
	other.watch.tell = on_news;
	machine_watch_add(m.machine, &other.watch);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	check_eq(m.engine.vcpu[0].debug_given_back, 1);
	check_eq(other.stops, 2);
	check_eq(other.conts, 2);
	end();
}

TEST(a_watchpoint_hit_in_the_moment_of_anothers_stop_is_told_next)
{
	prepare();
	exits_together(0x9000, 1);
	begin(2);
	at(0, 0x9000);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("Z2,9100,8"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	/* As gdb does it: all out, and in again. */
	check_str_eq(ask("z2,9100,8"), "OK");
	check_str_eq(ask("Z1,9200,1"), "OK");
	check_str_eq(ask("Z2,9100,8"), "OK");
	check_str_eq(ask("vCont;c:1"), "nothing"); /* not yet: it is held */
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	send_bytes("\x03", 1);
	check_str_eq(answer(), "T02thread:1;");
	t.wakes = 0;
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:2;watch:9100;");
	check_str_eq(ask("vCont;c"), "nothing");
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

TEST(a_watchpoint_hit_that_waits_goes_with_its_watchpoint)
{
	prepare();
	exits_together(0x9000, 1);
	begin(2);
	at(0, 0x9000);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("Z2,9100,8"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:1;");
	check_str_eq(ask("z2,9100,8"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	settle();
	check_str_eq(answer(), "nothing");
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

/* vCPU 1 is alone to leave, and then waits to be started by vCPU 0. */
TEST(a_reset_lets_go_whom_a_leaving_vcpu_held)
{
	prepare();
	exit_debug(1, 3, 0x9000, 0);
	begin(2);
	at(1, 0x9000);
	check_str_eq(ask("M9000,1:55"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	run_until_told();
	check_str_eq(answer(), "T05thread:2;");
	check_str_eq(ask("vCont;c"), "nothing");
	check_eq(byte_at(0x9000), 0x55);
	machine_reset(m.machine);
	settle();
	check_eq(byte_at(0x9000), 0xcc);
	check_eq(t.session.run.leaving, -1);
	check_eq(m.engine.vcpu[1].debug.control,
		 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

TEST(a_step_holds_all_other_vcpus)
{
	u32 runs;

	prepare();
	exit_debug(1, 1, 0x9001, 0x4000);
	begin(3);
	runs = m.engine.vcpu[0].run_count;
	check_str_eq(ask("vCont;s:2"), "nothing");
	check(m.engine.vcpu[1].debug.control & KVM_GUESTDBG_SINGLESTEP);
	run_until_told();
	check_str_eq(answer(), "T05thread:2;");
	check_eq(m.engine.vcpu[0].run_count, runs);
	check_eq(m.engine.vcpu[0].debug.control, 0);
	end();
}

TEST(watchpoints_are_debug_registers)
{
	prepare();
	exit_debug(0, 1, 0x7000, 2);
	begin(1);
	check_str_eq(ask("Z1,ffffffff81000001,1"), "OK");
	check_str_eq(ask("Z2,9008,8"), "OK");
	check_str_eq(ask("Z4,9004,4"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	check_eq(m.engine.vcpu[0].debug.arch.debugreg[1], 0x9008);
	check_eq(m.engine.vcpu[0].debug.arch.debugreg[7],
		 0x400 | 0x2a | 0x9ull << 20 | 0xfull << 24);
	run_until_told();
	check_str_eq(answer(), "T05thread:1;watch:9008;");
	end();
}

TEST(there_are_four_of_sizes_that_the_cpu_has)
{
	prepare();
	begin(1);
	check_str_eq(ask("Z2,9001,4"), "E16");
	check_str_eq(ask("Z2,9000,3"), "E16");
	check_str_eq(ask("Z2,9000,0"), "E16");
	check_str_eq(ask("Z2,9000,10"), "E16");
	check_str_eq(ask("Z2,9000,8"), "OK");
	check_str_eq(ask("Z2,9008,8"), "OK");
	check_str_eq(ask("Z2,9010,8"), "OK");
	check_str_eq(ask("Z2,9018,8"), "OK");
	check_str_eq(ask("Z1,9018,1"), "E1c");
	check_str_eq(ask("z2,9010,8"), "OK");
	check_str_eq(ask("Z1,9018,1"), "OK");
	check_str_eq(ask("Z0,8000000000000000,1"), "E0e");
	end();
}

/* ---- coming and leaving ---- */

TEST(attaching_stops_a_machine_and_detaching_lets_it_go)
{
	prepare();
	begin(1);
	check_str_eq(ask("M9000,1:55"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("D"), "OK");
	check(t.session.over);
	gdb_session_end(&t.session);
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	check_eq(byte_at(0x9000), 0x55);
	check_eq(gdb_session_begin(&t.session, m.machine), 0);
	check_eq(machine_status(m.machine), MACHINE_STOPPED);
	/* A client that is lost leaves it as it was. */
	gdb_session_end(&t.session);
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	check_eq(gdb_session_begin(&t.session, m.machine), 0);
	end();
}

TEST(a_lost_client_does_not_start_what_was_paused)
{
	prepare();
	begin(1);
	gdb_session_end(&t.session);
	check_eq(machine_status(m.machine), MACHINE_PRELAUNCH);
	check_eq(gdb_session_begin(&t.session, m.machine), 0);
	end();
}

TEST(a_client_lost_in_the_moment_of_a_hit_leaves_a_machine_that_runs)
{
	prepare();
	exit_debug(0, 3, 0x9000, 0);
	begin(1);
	check_str_eq(ask("M9000,1:55"), "OK");
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	wait_for_exit(0);
	gdb_session_end(&t.session);
	settle();
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	check_eq(m.engine.vcpu[0].debug.control, 0);
	check_eq(byte_at(0x9000), 0x55);
	check_eq(gdb_session_begin(&t.session, m.machine), 0);
	end();
}

TEST(an_interrupt_in_the_moment_of_a_hit_is_one_stop)
{
	prepare();
	exit_debug(0, 3, 0x9000, 0);
	begin(1);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	wait_for_exit(0);
	send_bytes("\x03", 1);
	check_str_eq(answer(), "T05thread:1;");
	settle();
	check_str_eq(answer(), "nothing");
	end();
}

/* The guest's own INT3 does not undo a stop that comes with it. */
TEST(an_interrupt_beside_an_int3_of_the_guests_stops)
{
	prepare();
	exit_debug(0, 3, 0x7000, 0);
	begin(1);
	check_str_eq(ask("Z0,9000,1"), "OK");
	check_str_eq(ask("vCont;c"), "nothing");
	wait_for_exit(0);
	send_bytes("\x03", 1);
	check_str_eq(answer(), "T02thread:1;");
	check_eq(m.engine.vcpu[0].debug_given_back, 1);
	settle();
	check_eq(machine_status(m.machine), MACHINE_STOPPED);
	end();
}

TEST(a_monitor_does_not_let_go_what_the_debugger_holds)
{
	prepare();
	begin(1);
	machine_cont(m.machine);
	check_eq(machine_status(m.machine), MACHINE_STOPPED);
	check_str_eq(ask("vCont;c"), "nothing");
	machine_stop(m.machine);
	check_str_eq(answer(), "T02thread:1;");
	end();
}

TEST(while_it_runs_only_an_interrupt_or_an_end_is_heard)
{
	prepare();
	begin(1);
	check_str_eq(ask("vCont;c"), "nothing");
	check_str_eq(ask("g"), "E10");
	tell("D");
	check_eq(t.session.out.size, strlen("+$OK#9a")); /* once */
	check_str_eq(answer(), "OK");
	end();
}

TEST(the_machines_end_is_told)
{
	prepare();
	begin(1);
	check_str_eq(ask("vCont;c"), "nothing");
	machine_end(m.machine, CAUSE_SIGNAL);
	check_str_eq(answer(), "W00");
	check(t.session.over);
	end();
}

TEST(a_kill_ends_the_machine)
{
	prepare();
	begin(1);
	check_str_eq(ask("vKill;1"), "OK");
	check(m.ended);
	check_eq(machine_status(m.machine), MACHINE_ENDED);
	end();
}

TEST(a_vcont_of_nothing_is_refused)
{
	prepare();
	begin(2);
	check_str_eq(ask("vCont"), "E16");
	check_str_eq(ask("vCont;x"), "E16");
	check_str_eq(ask("vCont;c:9"), "E16");
	check_eq(machine_status(m.machine), MACHINE_PRELAUNCH);
	end();
}
