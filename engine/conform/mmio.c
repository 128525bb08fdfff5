/* SPDX-License-Identifier: MIT */
/*
 * Memory-mapped I/O. [KVM-API 5 "The kvm_run structure", KVM_EXIT_MMIO]: up to
 * eight bytes an exit, several exits an instruction, each access made once, all
 * finished by the next KVM_RUN.
 */
#include "engine/conform/machine.h"

GUEST(mmio_reads);
GUEST(mmio_writes);
GUEST(mmio_read8);
GUEST(mmio_write8);
GUEST(mmio_movups_read);
GUEST(mmio_movups_write);
GUEST(mmio_add);
GUEST(mmio_lock_inc);
GUEST(mmio_add_load);
GUEST(mmio_xchg);
GUEST(mmio_cmpxchg);
GUEST(mmio_push_pop);
GUEST(mmio_stack);
GUEST(mmio_call);
LABEL(mmio_call_back);
LABEL(mmio_call_target);
GUEST(mmio_movsl);
GUEST(mmio_rep_movsl);
GUEST(mmio_rep_stosw);
GUEST(mmio_lodsb);
GUEST(mmio_cmpsb);
GUEST(mmio_repe_scasb);
GUEST(mmio_outsb);
GUEST(mmio_insb);
GUEST(mmio_rep_movs_fault);
LABEL(mmio_rep_movs_fault_14);
GUEST(mmio_real);

#define DEVICE ((u64)GUEST_MMIO_FAR)

static struct machine *new_device(const u8 *guest, const u8 *end, u64 rbx)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_copy(m, GUEST_CODE, guest, (u32)(end - guest));
	machine_start_long(m, 0);
	regs = machine_regs(m, 0);
	regs.rbx = rbx;
	machine_set_regs(m, 0, &regs);
	return m;
}

#define device_guest(name, rbx) new_device(name, name##_end, rbx)

static void set_pointers(struct machine *m, u64 rsi, u64 rdi, u64 rcx)
{
	struct kvm_regs regs = machine_regs(m, 0);

	regs.rsi = rsi;
	regs.rdi = rdi;
	regs.rcx = rcx;
	machine_set_regs(m, 0, &regs);
}

static void expect_read(struct machine *m, u64 gpa, u32 len, u64 answer)
{
	machine_expect_mmio(m, false, gpa, len);
	mmio_answer(m, answer);
}

static void expect_write(struct machine *m, u64 gpa, u32 len, u64 value)
{
	machine_expect_mmio(m, true, gpa, len);
	check_eq(mmio_data(m), value);
}

TEST(loads_of_every_size_come_as_one_exit_each)
{
	struct machine *m = device_guest(mmio_reads, DEVICE);

	expect_read(m, DEVICE, 1, 0x81);
	expect_read(m, DEVICE + 2, 2, 0x8283);
	expect_read(m, DEVICE + 4, 4, 0x84858687);
	expect_read(m, DEVICE + 8, 8, 0x88898a8b8c8d8e8full);
	expect_read(m, DEVICE + 16, 1, 0x90);
	expect_read(m, DEVICE + 18, 2, 0x9192);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0xffffffffffffff81ull);
	check_eq(ram_u64(m, GUEST_DATA + 8), 0xffffffffffff8283ull);
	check_eq(ram_u64(m, GUEST_DATA + 16), 0x84858687);
	check_eq(ram_u64(m, GUEST_DATA + 24), 0x88898a8b8c8d8e8full);
	check_eq(ram_u64(m, GUEST_DATA + 32), 0x90);
	check_eq(ram_u64(m, GUEST_DATA + 40), 0xffffffffffff9192ull);
}

TEST(stores_of_every_size_come_as_one_exit_each)
{
	struct machine *m = device_guest(mmio_writes, DEVICE);

	expect_write(m, DEVICE, 1, 0x88);
	expect_write(m, DEVICE + 2, 2, 0x7788);
	expect_write(m, DEVICE + 4, 4, 0x55667788);
	expect_write(m, DEVICE + 8, 8, 0x1122334455667788ull);
	expect_write(m, DEVICE + 16, 4, 0x01020304);
	expect_write(m, DEVICE + 24, 8, (u64)-2);
	machine_expect_done(m);
}

TEST(a_load_is_finished_by_an_immediate_exit)
{
	struct machine *m = device_guest(mmio_read8, DEVICE);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	expect_read(m, DEVICE, 8, 0x123456789);
	check_eq(machine_regs(m, 0).rax, 0);
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rax, 0x123456789);
	m->run->immediate_exit = 0;
	machine_expect_done(m);
}

TEST(a_store_is_behind_the_guest_after_an_immediate_exit)
{
	struct machine *m = device_guest(mmio_write8, DEVICE);
	u64 rip;

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	expect_write(m, DEVICE, 8, 0x1122334455667788ull);
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	rip = machine_regs(m, 0).rip;
	check_eq(rip, GUEST_CODE + 13);
	m->run->immediate_exit = 0;
	machine_expect_done(m);
}

TEST(a_load_over_two_pages_of_a_device_is_two_exits)
{
	struct machine *m = device_guest(mmio_read8, DEVICE + 0xffd);

	expect_read(m, DEVICE + 0xffd, 3, 0x332211);
	expect_read(m, DEVICE + 0x1000, 5, 0x8877665544ull);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x8877665544332211ull);
}

TEST(a_store_over_two_pages_of_a_device_is_two_exits)
{
	struct machine *m = device_guest(mmio_write8, DEVICE + 0xffd);

	expect_write(m, DEVICE + 0xffd, 3, 0x667788);
	expect_write(m, DEVICE + 0x1000, 5, 0x1122334455ull);
	machine_expect_done(m);
}

TEST(the_second_exit_of_a_load_comes_before_an_immediate_exit)
{
	struct machine *m = device_guest(mmio_read8, DEVICE + 0xffc);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	expect_read(m, DEVICE + 0xffc, 4, 0x44332211);
	m->run->immediate_exit = 1;
	expect_read(m, DEVICE + 0x1000, 4, 0x88776655);
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rax, 0x8877665544332211ull);
	m->run->immediate_exit = 0;
	machine_expect_done(m);
}

TEST(a_load_that_begins_in_memory_asks_only_for_the_rest)
{
	struct machine *m = device_guest(mmio_read8, GUEST_MMIO - 4);

	ram_set(m, GUEST_MMIO - 4, 0x44332211, 4);
	expect_read(m, GUEST_MMIO, 4, 0x88776655);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x8877665544332211ull);
}

TEST(a_store_that_begins_in_memory_hands_over_only_the_rest)
{
	struct machine *m = device_guest(mmio_write8, GUEST_MMIO - 4);

	expect_write(m, GUEST_MMIO, 4, 0x11223344);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_MMIO - 4), 0x55667788);
}

TEST(a_sixteen_byte_load_is_two_exits_of_eight)
{
	struct machine *m = device_guest(mmio_movups_read, DEVICE);

	expect_read(m, DEVICE, 8, 0x0706050403020100ull);
	expect_read(m, DEVICE + 8, 8, 0x0f0e0d0c0b0a0908ull);
	machine_expect_done(m);
	for (u32 i = 0; i < 16; i++)
		check_eq(m->ram[GUEST_DATA + i], i);
}

TEST(a_sixteen_byte_store_is_two_exits_of_eight)
{
	struct machine *m = device_guest(mmio_movups_write, DEVICE);

	for (u32 i = 0; i < 16; i++)
		m->ram[GUEST_DATA + i] = (u8)(i + 1);
	expect_write(m, DEVICE, 8, 0x0807060504030201ull);
	expect_write(m, DEVICE + 8, 8, 0x100f0e0d0c0b0a09ull);
	machine_expect_done(m);
}

TEST(a_sixteen_byte_load_over_two_pages_is_cut_at_the_page_and_at_eight)
{
	struct machine *m = device_guest(mmio_movups_read, DEVICE + 0xffc);

	expect_read(m, DEVICE + 0xffc, 4, 0x03020100);
	expect_read(m, DEVICE + 0x1000, 8, 0x0b0a090807060504ull);
	expect_read(m, DEVICE + 0x1008, 4, 0x0f0e0d0c);
	machine_expect_done(m);
	for (u32 i = 0; i < 16; i++)
		check_eq(m->ram[GUEST_DATA + i], i);
}

TEST(a_read_modify_write_over_two_pages_reads_all_then_writes_all)
{
	struct machine *m = device_guest(mmio_add, DEVICE + 0xffe);

	expect_read(m, DEVICE + 0xffe, 2, 0xffff);
	expect_read(m, DEVICE + 0x1000, 2, 0x0001);
	expect_write(m, DEVICE + 0xffe, 2, 0x0004);
	expect_write(m, DEVICE + 0x1000, 2, 0x0002);
	machine_expect_done(m);
}

TEST(a_read_modify_write_reads_once_and_writes_once)
{
	struct machine *m = device_guest(mmio_add, DEVICE);

	expect_read(m, DEVICE, 4, 100);
	expect_write(m, DEVICE, 4, 105);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rflags & 0x8d5, 4); /* even parity */
}

TEST(a_locked_increment_reads_once_and_writes_once)
{
	struct machine *m = device_guest(mmio_lock_inc, DEVICE);

	expect_read(m, DEVICE, 4, 0xffffffff);
	expect_write(m, DEVICE, 4, 0);
	machine_expect_done(m);
	check(machine_regs(m, 0).rflags & 0x40);
}

TEST(arithmetic_with_a_device_as_source_reads_once)
{
	struct machine *m = device_guest(mmio_add_load, DEVICE);

	expect_read(m, DEVICE, 4, 100);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_DATA), 105);
}

TEST(xchg_with_a_device_reads_once_and_writes_once)
{
	struct machine *m = device_guest(mmio_xchg, DEVICE);

	expect_read(m, DEVICE, 4, 0xcafef00d);
	expect_write(m, DEVICE, 4, 0x12345678);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_DATA), 0xcafef00d);
}

TEST(cmpxchg_that_matches_writes_the_new_value)
{
	struct machine *m = device_guest(mmio_cmpxchg, DEVICE);

	expect_read(m, DEVICE, 4, 7);
	expect_write(m, DEVICE, 4, 9);
	machine_expect_done(m);
	check(ram_u64(m, GUEST_DATA) & 0x40);
	check_eq(ram_u32(m, GUEST_DATA + 8), 7);
}

/*
 * On a mismatch silicon writes the old value back [SDM2 "CMPXCHG"]; a way may
 * also not write. Either way the accumulator has what was read.
 */
TEST(cmpxchg_that_differs_returns_the_old_value)
{
	struct machine *m = device_guest(mmio_cmpxchg, DEVICE);

	expect_read(m, DEVICE, 4, 8);
	if (machine_run(m) == KVM_EXIT_MMIO) {
		check(m->run->mmio.is_write);
		check_eq(mmio_data(m), 8);
		machine_expect_done(m);
	}
	check(!(ram_u64(m, GUEST_DATA) & 0x40));
	check_eq(ram_u32(m, GUEST_DATA + 8), 8);
}

TEST(push_and_pop_move_between_a_device_and_the_stack)
{
	struct machine *m = device_guest(mmio_push_pop, DEVICE);

	expect_read(m, DEVICE, 8, 0xfeedfacecafebeefull);
	expect_write(m, DEVICE + 8, 8, 0xfeedfacecafebeefull);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rsp, GUEST_STACK);
	check_eq(ram_u64(m, GUEST_STACK - 8), 0xfeedfacecafebeefull);
}

TEST(a_stack_may_lie_in_a_device)
{
	struct machine *m = device_guest(mmio_stack, DEVICE);

	expect_write(m, DEVICE + 56, 8, 0x55);
	expect_read(m, DEVICE + 56, 8, 0x66);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x66);
}

TEST(a_call_through_a_device_reads_its_target_once)
{
	struct machine *m = device_guest(mmio_call, DEVICE);

	expect_read(m, DEVICE, 8, machine_label(mmio_call, mmio_call_target));
	check_eq(machine_expect_say(m), 1);
	check_eq(ram_u64(m, GUEST_STACK - 8),
		 machine_label(mmio_call, mmio_call_back));
	machine_expect_done(m);
}

TEST(movs_moves_from_a_device_to_memory)
{
	struct machine *m = device_guest(mmio_movsl, 0);

	set_pointers(m, DEVICE, GUEST_DATA, 0);
	expect_read(m, DEVICE, 4, 0x89abcdef);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_DATA), 0x89abcdef);
	check_eq(machine_regs(m, 0).rsi, DEVICE + 4);
	check_eq(machine_regs(m, 0).rdi, GUEST_DATA + 4);
}

TEST(movs_moves_from_memory_to_a_device)
{
	struct machine *m = device_guest(mmio_movsl, 0);

	ram_set(m, GUEST_DATA, 0x13579bdf, 4);
	set_pointers(m, GUEST_DATA, DEVICE, 0);
	expect_write(m, DEVICE, 4, 0x13579bdf);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rsi, GUEST_DATA + 4);
	check_eq(machine_regs(m, 0).rdi, DEVICE + 4);
}

TEST(movs_moves_from_a_device_to_a_device)
{
	struct machine *m = device_guest(mmio_movsl, 0);

	set_pointers(m, DEVICE, DEVICE + 0x100, 0);
	expect_read(m, DEVICE, 4, 0x2468ace0);
	expect_write(m, DEVICE + 0x100, 4, 0x2468ace0);
	machine_expect_done(m);
}

TEST(rep_movs_into_a_device_makes_each_access_once_in_order)
{
	struct machine *m = device_guest(mmio_rep_movsl, 0);

	for (u32 i = 0; i < 40; i++)
		ram_set(m, GUEST_DATA + 0xff0 + i * 4, 0x1000 + i, 4);
	set_pointers(m, GUEST_DATA + 0xff0, DEVICE, 40);
	for (u32 i = 0; i < 40; i++)
		expect_write(m, DEVICE + i * 4, 4, 0x1000 + i);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rcx, 0);
	check_eq(machine_regs(m, 0).rdi, DEVICE + 160);
}

TEST(rep_movs_out_of_a_device_makes_each_access_once_in_order)
{
	struct machine *m = device_guest(mmio_rep_movsl, 0);

	set_pointers(m, DEVICE, GUEST_DATA + 0xff0, 40);
	for (u32 i = 0; i < 40; i++)
		expect_read(m, DEVICE + i * 4, 4, 0x2000 + i);
	machine_expect_done(m);
	for (u32 i = 0; i < 40; i++)
		check_eq(ram_u32(m, GUEST_DATA + 0xff0 + i * 4), 0x2000 + i);
	check_eq(machine_regs(m, 0).rsi, DEVICE + 160);
}

TEST(rep_movs_between_devices_alternates)
{
	struct machine *m = device_guest(mmio_rep_movsl, 0);

	set_pointers(m, DEVICE, DEVICE + 0x1000, 5);
	for (u32 i = 0; i < 5; i++) {
		expect_read(m, DEVICE + i * 4, 4, i + 1);
		expect_write(m, DEVICE + 0x1000 + i * 4, 4, i + 1);
	}
	machine_expect_done(m);
}

/*
 * With an immediate exit a way may stop after an item, or only when the next
 * one has asked for its access: either way the registers say where it is.
 */
TEST(rep_movs_shows_its_progress_between_items)
{
	struct machine *m = device_guest(mmio_rep_movsl, 0);
	int rc = -EINTR;

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	set_pointers(m, DEVICE, GUEST_DATA, 10);
	for (u32 i = 0; i < 10; i++) {
		if (rc == -EINTR)
			machine_expect(m, KVM_EXIT_MMIO);
		check_eq(m->run->mmio.phys_addr, DEVICE + i * 4);
		mmio_answer(m, i + 1);
		m->run->immediate_exit = 1;
		rc = machine_run_raw(m, 0);
		m->run->immediate_exit = 0;
		check(rc == 0 || rc == -EINTR);
		check_eq(machine_regs(m, 0).rcx, 9 - i);
		check_eq(machine_regs(m, 0).rsi, DEVICE + i * 4 + 4);
		check_eq(machine_regs(m, 0).rdi, GUEST_DATA + i * 4 + 4);
		check_eq(ram_u32(m, GUEST_DATA + i * 4), i + 1);
	}
	check_eq(rc, -EINTR);
	machine_expect_done(m);
}

TEST(rep_stos_that_runs_out_of_memory_goes_on_in_the_device)
{
	struct machine *m = device_guest(mmio_rep_stosw, 0);
	struct kvm_regs regs;

	set_pointers(m, 0, GUEST_MMIO - 6, 6);
	regs = machine_regs(m, 0);
	regs.rax = 0xabcd;
	machine_set_regs(m, 0, &regs);
	for (u32 i = 0; i < 3; i++)
		expect_write(m, GUEST_MMIO + i * 2, 2, 0xabcd);
	machine_expect_done(m);
	check_eq(ram_u16(m, GUEST_MMIO - 6), 0xabcd);
	check_eq(m->ram[GUEST_MMIO - 1], 0xab);
}

TEST(outs_from_a_device_is_a_load_and_an_out)
{
	struct machine *m = device_guest(mmio_outsb, 0);

	set_pointers(m, DEVICE, 0, 0);
	expect_read(m, DEVICE, 1, 0x5a);
	check_eq(*(u8 *)machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 1, 1),
		 0x5a);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rsi, DEVICE + 1);
}

TEST(ins_to_a_device_is_an_in_and_a_store)
{
	struct machine *m = device_guest(mmio_insb, 0);

	set_pointers(m, 0, DEVICE, 0);
	*(u8 *)machine_expect_io(m, KVM_EXIT_IO_IN, PORT_DEVICE, 1, 1) = 0xa5;
	expect_write(m, DEVICE, 1, 0xa5);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rdi, DEVICE + 1);
}

TEST(a_page_fault_inside_rep_movs_leaves_the_registers_at_the_item)
{
	struct machine *m = device_guest(mmio_rep_movs_fault, 0);
	struct kvm_regs regs;

	machine_gate(m, 14,
		     machine_label(mmio_rep_movs_fault, mmio_rep_movs_fault_14));
	/* The third 2 MiB are not present; the second are the device. */
	ram_set(m, GUEST_PD + 2 * 8, 0, 8);
	set_pointers(m, GUEST_DATA, 0x400000 - 8, 5);
	expect_write(m, 0x400000 - 8, 4, 0);
	expect_write(m, 0x400000 - 4, 4, 0);
	check_eq(machine_expect_say(m), 14);
	regs = machine_regs(m, 0);
	check_eq(regs.rdi, 0x400000);
	check_eq(regs.rsi, GUEST_DATA + 8);
	check_eq(regs.rcx, 3);
	check_eq(machine_sregs(m, 0).cr2, 0x400000);
	check_eq(ram_u64(m, regs.rsp), 2); /* a write, not present */
	check_eq(ram_u64(m, regs.rsp + 8), GUEST_CODE);
}

TEST(lods_reads_once)
{
	struct machine *m = device_guest(mmio_lodsb, 0);

	set_pointers(m, DEVICE + 3, 0, 0);
	expect_read(m, DEVICE + 3, 1, 0x77);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x77);
}

TEST(cmps_of_two_devices_reads_each_once)
{
	struct machine *m = device_guest(mmio_cmpsb, 0);
	u64 first;

	set_pointers(m, DEVICE, DEVICE + 0x40, 0);
	machine_expect(m, KVM_EXIT_MMIO);
	first = m->run->mmio.phys_addr;
	mmio_answer(m, 0x20);
	machine_expect(m, KVM_EXIT_MMIO);
	check_eq(m->run->mmio.phys_addr + first, 2 * DEVICE + 0x40);
	mmio_answer(m, 0x20);
	machine_expect_done(m);
	check(machine_regs(m, 0).rflags & 0x40);
}

TEST(repe_scas_stops_at_the_first_difference)
{
	struct machine *m = device_guest(mmio_repe_scasb, 0);

	set_pointers(m, 0, DEVICE, 10);
	expect_read(m, DEVICE, 1, 0);
	expect_read(m, DEVICE + 1, 1, 0);
	expect_read(m, DEVICE + 2, 1, 5);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rcx, 7);
	check_eq(machine_regs(m, 0).rdi, DEVICE + 3);
}

TEST(real_mode_reaches_devices_in_a_hole)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	/* Memory without the VGA window. */
	check_ok(machine_slot(m, 0, 0, 0, 0, m->ram));
	check_ok(machine_slot(m, 0, 0, 0, 0xa0000, m->ram));
	machine_begin(m, mmio_real, real);
	expect_write(m, 0xb8002, 1, 0x41);
	expect_read(m, 0xb8002, 1, 0x42);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rax & 0xffff, 0x4241);
}

TEST(guest_addresses_above_four_gigabytes_are_told_whole)
{
	struct machine *m = device_guest(mmio_write8, 0x40001000);
	const u64 high = 0x1240000000ull;

	/* The second GiB shows 0x1240000000: a 1 GiB page's worth of 2 MiB. */
	for (u64 i = 0; i < 512; i++)
		ram_set(m, GUEST_PD + 0x1000 + i * 8, (high + (i << 21)) | 0x87,
			8);
	expect_write(m, high + 0x1000, 8, 0x1122334455667788ull);
	machine_expect_done(m);
}
