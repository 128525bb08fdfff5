/* SPDX-License-Identifier: MIT */
#include "vmm/machine/machine.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "vmm/char/fake_chardev.h"
#include "vmm/kick.h"
#include "vmm/machine/fake_machine.h"

static struct fake_machine t;
static struct fake_chardev serial;

static void begin(void)
{
	fake_machine_init(&t);
	fake_chardev_init(&serial);
	t.config.serial = &serial.chardev;
	t.config.test_exit = true;
}

static void exit_add(u32 index, struct fake_exit exit)
{
	fake_engine_add(&t.engine, index, exit);
}

static void out(u16 port, u32 size, u64 value)
{
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_IO,
				       .address = port,
				       .size = size,
				       .write = true,
				       .value = value});
}

static struct fake_exit *in(u16 port, u32 size)
{
	return fake_engine_add(&t.engine, 0,
			       (struct fake_exit){.reason = KVM_EXIT_IO,
						  .address = port,
						  .size = size});
}

/* Runs until the machine ends; the result is its status. */
static int run(void)
{
	check_eq(machine_create(&t.config, &t.machine, &t.fault), 0);
	check_eq(machine_start(t.machine, &t.fault), 0);
	machine_cont(t.machine);
	check_eq(loop_run(t.loop), 0);
	check(t.ended);
	return t.status;
}

static void end(void)
{
	machine_free(t.machine);
	t.machine = NULL;
	check(!t.engine.vm_created);
	check_eq(t.engine.live_vcpus, 0);
	fake_machine_release(&t);
}

TEST(a_power_off_ends_with_status_0)
{
	begin();
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	/* The instruction was finished before the machine stopped. */
	check(!t.engine.vcpu[0].pending);
	end();
}

TEST(the_first_cpu_starts_where_the_kernel_says)
{
	begin();
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check_eq(t.engine.vcpu[0].regs.rip, 0x100020);
	check_eq(t.engine.vcpu[0].regs.rax, 0x2badb002);
	check_eq(t.engine.vcpu[0].sregs.cr0 & 0x80000001, 1);
	check_eq(t.engine.vcpu[0].sregs.cs.selector, 0x10);
	check_eq(t.engine.memslot_count, 2);
	check(t.engine.written_count > 0);
	end();
}

TEST(ports_are_read_and_written)
{
	struct fake_exit *status, *nobody;

	begin();
	out(0x3f8, 1, 'k');
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_IO,
				       .address = 0x3f8,
				       .size = 1,
				       .count = 4,
				       .write = true,
				       .value = 0x6c65656b});
	status = in(0x3fd, 1);
	nobody = in(0xcfc, 4);
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check_eq(serial.out_size, 5);
	check_mem_eq(serial.out, "kkeel", 5);
	check_eq(status->read & 0xff, 0x60);
	check_eq(nobody->read & 0xffffffff, 0xffffffff);
	end();
}

TEST(memory_that_is_not_there_reads_all_ones)
{
	struct fake_exit *read;

	begin();
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_MMIO,
				       .address = 0xd0000000,
				       .size = 4,
				       .write = true});
	read = fake_engine_add(&t.engine, 0,
			       (struct fake_exit){.reason = KVM_EXIT_MMIO,
						  .address = 0xd0000000,
						  .size = 8});
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check_eq(read->read, UINT64_MAX);
	end();
}

/* A graphics card's memory: slots of the engine's from 5 on. */
TEST(memory_behind_a_bar_is_where_the_guest_puts_it)
{
	static u8 code[4096] __attribute__((aligned(4096)));
	const struct vga_rom rom = {.data = code, .size = sizeof(code)};
	const struct kvm_userspace_memory_region *slot = t.engine.memslot;

	begin();
	t.config.kind = BOARD_Q35;
	t.config.vga_rom = &rom;
	out(0xcf8, 4, 0x80001010);
	out(0xcfc, 4, 0xd0000000);
	out(0xcf8, 4, 0x80001030);
	out(0xcfc, 4, 0xd2000001);
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check(machine_display(t.machine) != NULL);
	check_eq(t.engine.memslot_count, 4);
	check_eq(slot[5].guest_phys_addr, 0xd0000000);
	check_eq(slot[5].memory_size, 16 * MiB);
	check_eq(slot[5].flags, 0);
	check_eq(slot[6].guest_phys_addr, 0xd2000000);
	check_eq(slot[6].flags, KVM_MEM_READONLY);
	check(slot[6].userspace_addr == (uintptr_t)code);
	check_eq(t.engine.written_gpa, 0xd2000000); /* may be other code */
	check_eq(t.engine.written_size, sizeof(code));
	end();
	check_eq(t.engine.memslot_count, 2);
}

static void check_no_slot_at(u32 address)
{
	static u8 code[4096] __attribute__((aligned(4096)));
	const struct vga_rom rom = {.data = code, .size = sizeof(code)};

	begin();
	t.config.kind = BOARD_Q35;
	t.config.vga_rom = &rom;
	out(0xcf8, 4, 0x80001010);
	out(0xcfc, 4, address);
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check_eq(t.engine.memslot_count, 2);
	end();
}

TEST(memory_behind_a_bar_stays_out_of_what_is_beside_the_window)
{
	check_no_slot_at(0x01000000); /* RAM's */
	check_no_slot_at(0x7f000000);
	check_no_slot_at(0xfe000000); /* reaches over IOAPIC and local APIC */
	check_no_slot_at(0xff000000); /* firmware's */
}

TEST(the_test_port_gives_its_status)
{
	begin();
	out(0xf4, 1, 0x15);
	check_eq(run(), 0x2b);
	end();
}

TEST(a_reset_starts_all_over)
{
	begin();
	t.config.cpu_count = 3;
	out(0x3fb, 1, 0x83); /* leaves the divisor latch open */
	out(0x64, 1, 0xfe);
	out(0x3f8, 1, 'z'); /* after it: data, not a divisor */
	out(0x604, 2, 0x3400);
	check_eq(run(), 0);
	check_mem_eq(serial.out, "z", 1);
	check_eq(t.engine.vcpu[0].regs.rip, 0x100020);
	/* Once to the boot entry, then power-on state and entry again. */
	check_eq(t.engine.vcpu[0].state_load_count, 3);
	check_eq(t.engine.vcpu[2].state_load_count, 1);
	end();
}

TEST(with_no_reboot_a_reset_ends)
{
	begin();
	t.config.no_reboot = true;
	out(0x64, 1, 0xfe);
	out(0x3f8, 1, 'z');
	check_eq(run(), 0);
	check_eq(serial.out_size, 0);
	end();
}

TEST(after_a_power_request_the_vcpu_executes_nothing_more)
{
	begin();
	out(0x604, 2, 0x3400);
	out(0x3f8, 1, 'x');
	out(0xf4, 1, 1);
	check_eq(run(), 0);
	check_eq(serial.out_size, 0);
	end();
}

/* The report goes to standard error: catch it. */
static const char *failing(struct fake_exit exit)
{
	static char text[8192];
	int saved = dup(2), pipe_fd[2];
	ssize_t n;

	check(saved >= 0 && !pipe(pipe_fd));
	begin();
	exit_add(0, exit);
	dup2(pipe_fd[1], 2);
	run();
	dup2(saved, 2);
	close(saved);
	close(pipe_fd[1]);
	n = read(pipe_fd[0], text, sizeof(text) - 1);
	close(pipe_fd[0]);
	check(n > 0);
	text[n] = 0;
	check_eq(t.status, 1);
	check_eq(serial.drain_count, 1);
	end();
	return text;
}

TEST(an_exit_that_cannot_be_handled_is_reported_with_registers)
{
	const char *text;

	text = failing((struct fake_exit){.reason = KVM_EXIT_SHUTDOWN});
	check(strstr(text, "triple fault") && strstr(text, "rip 00000000"));
	check(strstr(text, "code:"));
	text = failing((struct fake_exit){.reason = KVM_EXIT_INTERNAL_ERROR,
					  .detail = 1});
	check(strstr(text, "cannot emulate"));
	text = failing((struct fake_exit){.reason = KVM_EXIT_FAIL_ENTRY});
	check(strstr(text, "refuses to enter"));
	text = failing((struct fake_exit){.reason = 250});
	check(strstr(text, "an exit that is not known"));
	text = failing((struct fake_exit){.reason = KVM_EXIT_HYPERV});
	check(strstr(text, "KVM_EXIT_HYPERV"));
	text = failing((struct fake_exit){.err = -EFAULT});
	check(strstr(text, "Bad address"));
	text = failing((struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
					  .detail = KVM_SYSTEM_EVENT_CRASH});
	check(strstr(text, "crashed"));
}

TEST(system_events_power_off_and_reset)
{
	begin();
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
				       .detail = KVM_SYSTEM_EVENT_RESET});
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
				       .detail = KVM_SYSTEM_EVENT_SHUTDOWN});
	check_eq(run(), 0);
	check_eq(t.engine.vcpu[0].state_load_count, 3);
	end();
}

TEST(a_triple_fault_resets_a_pc)
{
	begin();
	t.config.kind = BOARD_Q35;
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_SHUTDOWN});
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
				       .detail = KVM_SYSTEM_EVENT_SHUTDOWN});
	check_eq(run(), 0);
	check_eq(t.engine.vcpu[0].state_load_count, 3);
	end();
}

TEST(interrupted_runs_go_on)
{
	begin();
	exit_add(0, (struct fake_exit){.err = -EINTR});
	exit_add(0, (struct fake_exit){.err = -EAGAIN});
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_INTR});
	out(0xf4, 1, 0);
	check_eq(run(), 1);
	end();
}

TEST(a_machine_whose_cpus_wait_can_be_freed_at_once)
{
	u64 start_ns = clock_now_ns();

	begin();
	t.config.cpu_count = 8;
	check_eq(machine_create(&t.config, &t.machine, &t.fault), 0);
	check_eq(machine_start(t.machine, &t.fault), 0);
	machine_cont(t.machine);
	end();
	check(clock_now_ns() - start_ns < 2 * NS_PER_S);
}

/* ---- control ---- */

static struct {
	struct machine_watch watch;
	struct machine_news news[8];
	u32 count;
} told;

static void on_news(struct machine_watch *watch, const struct machine_news *news)
{
	check(watch == &told.watch);
	check(told.count < ARRAY_SIZE(told.news));
	told.news[told.count++] = *news;
}

static void check_told(u32 index, enum machine_news_kind kind)
{
	check(index < told.count);
	check_eq(told.news[index].kind, kind);
}

static void start_watched(void)
{
	told.count = 0;
	told.watch.tell = on_news;
	check_eq(machine_create(&t.config, &t.machine, &t.fault), 0);
	machine_watch_add(t.machine, &told.watch);
	check_eq(machine_start(t.machine, &t.fault), 0);
}

TEST(a_machine_runs_when_it_is_told_to_and_not_before)
{
	begin();
	out(0xf4, 1, 0);
	start_watched();
	check_eq(machine_status(t.machine), MACHINE_PRELAUNCH);
	check_eq(loop_run_once(t.loop, 20 * NS_PER_MS), 0);
	check(!t.ended);
	machine_cont(t.machine);
	check_eq(machine_status(t.machine), MACHINE_RUNS);
	check_eq(loop_run(t.loop), 0);
	check_eq(machine_status(t.machine), MACHINE_ENDED);
	check_eq(told.count, 2);
	check_told(0, MACHINE_NEWS_CONT);
	check_told(1, MACHINE_NEWS_END);
	check_eq(told.news[1].cause, CAUSE_GUEST);
	machine_cont(t.machine);
	machine_stop(t.machine);
	check_eq(told.count, 2);
	end();
}

TEST(stop_and_cont_are_told_once_each)
{
	begin();
	t.config.cpu_count = 2;
	start_watched();
	machine_cont(t.machine);
	machine_cont(t.machine);
	machine_stop(t.machine);
	machine_stop(t.machine);
	check_eq(machine_status(t.machine), MACHINE_STOPPED);
	machine_cont(t.machine);
	check_eq(told.count, 3);
	check_told(1, MACHINE_NEWS_STOP);
	check_told(2, MACHINE_NEWS_CONT);
	machine_end(t.machine, CAUSE_CONTROL);
	check(t.ended && t.status == 0);
	check_eq(told.news[3].cause, CAUSE_CONTROL);
	end();
}

TEST(a_reset_leaves_a_stopped_machine_stopped)
{
	begin();
	start_watched();
	machine_cont(t.machine);
	machine_stop(t.machine);
	machine_reset(t.machine);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_told(2, MACHINE_NEWS_RESET);
	check_eq(told.news[2].cause, CAUSE_CONTROL);
	check_eq(machine_status(t.machine), MACHINE_STOPPED);
	check_eq(t.engine.vcpu[0].state_load_count, 3);
	machine_cont(t.machine);
	check_eq(machine_status(t.machine), MACHINE_RUNS);
	end();
}

TEST(what_the_guest_asked_for_comes_before_a_cont)
{
	begin();
	out(0x604, 2, 0x3400);
	start_watched();
	machine_cont(t.machine);
	/* Its second run is to finish the instruction, for the pause. */
	while (__atomic_load_n(&t.engine.vcpu[0].run_count, __ATOMIC_ACQUIRE) < 2)
		usleep(1000);
	machine_stop(t.machine);
	machine_cont(t.machine);
	check_eq(loop_run(t.loop), 0);
	check_eq(t.status, 0);
	end();
}

TEST(a_debug_exit_stops_the_machine_and_says_where)
{
	begin();
	t.config.cpu_count = 2;
	exit_add(1, (struct fake_exit){.reason = KVM_EXIT_DEBUG});
	start_watched();
	machine_cont(t.machine);
	while (told.count < 2)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_told(1, MACHINE_NEWS_STOP);
	check_eq(told.news[1].vcpu, 1);
	check_eq(machine_status(t.machine), MACHINE_DEBUGGED);
	end();
}

static u32 met_count;

static bool on_met(struct machine_watch *watch, u32 vcpu)
{
	check(watch == &told.watch);
	check_eq(vcpu, met_count);
	met_count++;
	return true;
}

static void wait_for_runs(u32 vcpu, u32 count)
{
	u64 end_ns = clock_now_ns() + 30 * NS_PER_S;

	while (__atomic_load_n(&t.engine.vcpu[vcpu].run_count,
			       __ATOMIC_ACQUIRE) < count) {
		check(clock_now_ns() < end_ns);
		usleep(1000);
	}
}

/* A vCPU's second run is to finish the instruction, for the pause. */
static void wait_until_met(u32 vcpu)
{
	wait_for_runs(vcpu, 2);
}

TEST(of_two_debug_exits_in_one_moment_one_stop_is_told_and_both_are_met)
{
	const struct fake_exit exit = {.reason = KVM_EXIT_DEBUG,
				       .together = true};

	begin();
	t.config.cpu_count = 2;
	exit_add(0, exit);
	exit_add(1, exit);
	met_count = 0;
	told.watch.met = on_met;
	start_watched();
	machine_cont(t.machine);
	while (told.count < 2)
		check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(loop_run_once(t.loop, 0), 0);
	check_eq(told.count, 2);
	check_told(1, MACHINE_NEWS_STOP);
	check_eq(told.news[1].vcpu, 0);
	check_eq(met_count, 2);
	machine_cont(t.machine);
	check_eq(loop_run_once(t.loop, 0), 0);
	check_eq(machine_status(t.machine), MACHINE_RUNS);
	told.watch.met = NULL;
	end();
}

TEST(a_stop_and_a_debug_exit_in_one_moment_are_one_stop)
{
	begin();
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_DEBUG});
	start_watched();
	machine_cont(t.machine);
	wait_until_met(0);
	machine_stop(t.machine);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_eq(told.count, 2);
	check_eq(machine_status(t.machine), MACHINE_DEBUGGED);
	machine_cont(t.machine);
	check_eq(loop_run_once(t.loop, 0), 0);
	check_eq(told.count, 3);
	check_eq(machine_status(t.machine), MACHINE_RUNS);
	end();
}

TEST(a_debug_exit_does_not_cost_a_reset)
{
	begin();
	exit_add(0, (struct fake_exit){.reason = KVM_EXIT_DEBUG});
	start_watched();
	machine_cont(t.machine);
	wait_until_met(0);
	machine_reset(t.machine);
	check_eq(loop_run_once(t.loop, NS_PER_S), 0);
	check_told(1, MACHINE_NEWS_RESET);
	check_eq(told.count, 2); /* what it has met is void */
	check_eq(machine_status(t.machine), MACHINE_RUNS);
	wait_for_runs(0, 3);
	end();
}

TEST(a_held_cpu_stands_while_others_go_on)
{
	begin();
	t.config.cpu_count = 2;
	exit_add(1, (struct fake_exit){.reason = KVM_EXIT_DEBUG});
	out(0xf4, 1, 7);
	start_watched();
	machine_vcpu_hold(t.machine, 1, true);
	machine_cont(t.machine);
	check_eq(loop_run(t.loop), 0);
	check_eq(t.status, 15);
	check_eq(told.count, 2); /* and no debug stop */
	end();
}

TEST(the_serial_port_interrupts_through_its_gsi)
{
	begin();
	out(0x3fc, 1, 8);
	out(0x3f9, 1, 2);
	out(0xf4, 1, 0);
	check_eq(run(), 1);
	check(t.engine.irq_line_count[4] >= 1);
	check_eq(t.engine.route_count, 38);
	end();
}

TEST(too_many_cpus_for_the_engine_are_refused_in_a_sentence)
{
	begin();
	t.config.cpu_count = 9;
	check_eq(machine_create(&t.config, &t.machine, &t.fault), -EINVAL);
	check(strstr(t.fault.text[0], "1 to 8 CPUs"));
	fake_machine_release(&t);
}

TEST(an_engine_that_fails_at_any_call_leaves_nothing_behind)
{
	u32 calls;

	begin();
	t.config.cpu_count = 2;
	check_eq(machine_create(&t.config, &t.machine, &t.fault), 0);
	calls = t.engine.call_count;
	check(calls >= 8);
	end();
	for (u32 at = 1; at <= calls; at++) {
		begin();
		t.config.cpu_count = 2;
		t.engine.fail = -ENOMEM;
		t.engine.fail_at = at;
		check_eq(machine_create(&t.config, &t.machine, &t.fault),
			 -ENOMEM);
		check(fault_is_set(&t.fault));
		end();
	}
}
