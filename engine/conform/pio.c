/* SPDX-License-Identifier: MIT */
/*
 * Port I/O. [KVM-API 5 "The kvm_run structure", KVM_EXIT_IO]: an access is
 * finished by the next KVM_RUN and by nothing else; a REP is handed over in
 * portions of one or more items, and a way may cut them as it likes, but not
 * lose, repeat or reorder one.
 */
#include "engine/conform/machine.h"

GUEST(pio_sizes);
GUEST(pio_one_in);
GUEST(pio_rep_insb);
GUEST(pio_rep_insw);
GUEST(pio_rep_insl);
GUEST(pio_rep_outsb);
GUEST(pio_rep_outsl);
GUEST(pio64_rep_outsb);
LABEL(pio64_outs_fault);
GUEST(pio64_rep_insw);
LABEL(pio64_ins_fault);

#define ITEMS_MAX 0x4000

/* Everything a string instruction moves, however it is cut. */
struct string_io {
	u8 direction;
	u8 size;
	u32 items; /* so far */
	u32 portions;
	u8 bytes[ITEMS_MAX];
};

/* The n-th byte that the device gives. */
static u8 device_byte(u32 n)
{
	return (u8)(n * 7 + 3 + (n >> 8));
}

/* One portion of the running string instruction. */
static void take_portion(struct machine *m, struct string_io *io)
{
	u8 *data = (u8 *)m->run + m->run->io.data_offset;
	u32 bytes = m->run->io.count * m->run->io.size;
	u32 at = io->items * io->size;

	check_eq(m->run->exit_reason, KVM_EXIT_IO);
	check_eq(m->run->io.port, PORT_DEVICE);
	check_eq(m->run->io.direction, io->direction);
	check_eq(m->run->io.size, io->size);
	check(m->run->io.count >= 1);
	check(at + bytes <= sizeof(io->bytes));
	for (u32 i = 0; i < bytes; i++) {
		if (io->direction == KVM_EXIT_IO_IN)
			data[i] = device_byte(at + i);
		else
			io->bytes[at + i] = data[i];
	}
	io->items += m->run->io.count;
	io->portions++;
}

/* Runs until all `total` items have passed. */
static void take_all(struct machine *m, struct string_io *io, u32 total)
{
	while (io->items < total) {
		machine_expect(m, KVM_EXIT_IO);
		take_portion(m, io);
	}
	check_eq(io->items, total);
}

static void string_start(struct machine *m, u64 pointer, u64 count, bool down)
{
	struct kvm_regs regs = machine_regs(m, 0);

	regs.rdi = regs.rsi = pointer;
	regs.rcx = count;
	regs.rflags = down ? 0x402 : 2;
	machine_set_regs(m, 0, &regs);
}

TEST(out_hands_over_one_two_and_four_bytes)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	const u32 value = 0x11223344;

	machine_begin(m, pio_sizes, real);
	for (u8 size = 1; size <= 4; size *= 2) {
		void *data = machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE,
					       size, 1);

		check_eq(memcmp(data, &value, size), 0);
	}
}

TEST(in_keeps_the_rest_of_the_accumulator)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	const u32 answer = 0xa1b2c3d4;

	machine_begin(m, pio_sizes, real);
	for (u32 i = 0; i < 3; i++)
		machine_expect(m, KVM_EXIT_IO);
	for (u8 size = 1; size <= 4; size *= 2)
		memcpy(machine_expect_io(m, KVM_EXIT_IO_IN, PORT_DEVICE, size, 1),
		       &answer, size);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_CODE - 0x100), 0xd4);
	check_eq(ram_u32(m, GUEST_CODE - 0xfc), 0xc3d4);
	check_eq(ram_u32(m, GUEST_CODE - 0xf8), 0xa1b2c3d4);
}

TEST(an_in_is_finished_by_an_immediate_exit)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_begin(m, pio_one_in, real);
	*(u8 *)machine_expect_io(m, KVM_EXIT_IO_IN, PORT_DEVICE, 1, 1) = 0x9c;
	check_eq(machine_regs(m, 0).rax & 0xff, 0x55);
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rax & 0xff, 0x9c);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 6);
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 6);
	m->run->immediate_exit = 0;
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rbx & 0xff, 0x9c);
}

TEST(an_out_is_behind_the_guest_after_an_immediate_exit)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_begin(m, pio_sizes, real);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 1, 1);
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 10);
	m->run->immediate_exit = 0;
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 2, 1);
}

static void rep_in(const u8 *guest, u32 guest_size, u8 size, u32 count, u64 to)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_IN, .size = size};

	machine_copy(m, GUEST_CODE, guest, guest_size);
	machine_start_real(m, 0);
	string_start(m, to, count, false);
	take_all(m, &io, count);
	machine_expect_done(m);
	for (u32 i = 0; i < count * size; i++)
		check_eq(m->ram[to + i], device_byte(i));
	check_eq(m->ram[to + count * size], 0);
	check_eq(m->ram[to - 1], 0);
	check_eq(machine_regs(m, 0).rcx, 0);
	check_eq(machine_regs(m, 0).rdi, to + count * size);
}

#define rep_in_guest(guest, size, count, to) \
	rep_in(guest, GUEST_SIZE(guest), size, count, to)

TEST(rep_insb_fills_memory_in_order)
{
	rep_in_guest(pio_rep_insb, 1, 100, 0x2000);
}

TEST(rep_insw_fills_memory_in_order)
{
	rep_in_guest(pio_rep_insw, 2, 300, 0x2000);
}

TEST(rep_insl_crosses_pages_with_unaligned_items)
{
	rep_in_guest(pio_rep_insl, 4, 1500, 0x1ffe);
}

static void rep_out(const u8 *guest, u32 guest_size, u8 size, u32 count,
		    u64 from)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_OUT, .size = size};

	for (u32 i = 0; i < count * size; i++)
		m->ram[from + i] = device_byte(i);
	machine_copy(m, GUEST_CODE, guest, guest_size);
	machine_start_real(m, 0);
	string_start(m, from, count, false);
	take_all(m, &io, count);
	machine_expect_done(m);
	check_eq(memcmp(io.bytes, m->ram + from, count * size), 0);
	check_eq(machine_regs(m, 0).rcx, 0);
	check_eq(machine_regs(m, 0).rsi, from + count * size);
}

#define rep_out_guest(guest, size, count, from) \
	rep_out(guest, GUEST_SIZE(guest), size, count, from)

TEST(rep_outsb_hands_over_memory_in_order)
{
	rep_out_guest(pio_rep_outsb, 1, 600, 0x2f80);
}

TEST(rep_outsl_crosses_pages_with_unaligned_items)
{
	rep_out_guest(pio_rep_outsl, 4, 300, 0x2ffd);
}

TEST(rep_ins_runs_downwards_with_df)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_IN, .size = 2};
	u64 last = 0x3004; /* the first item's place; crosses a page */

	machine_begin(m, pio_rep_insw, real);
	string_start(m, last, 10, true);
	take_all(m, &io, 10);
	machine_expect_done(m);
	for (u32 i = 0; i < 10; i++)
		check_eq(ram_u16(m, last - 2 * i),
			 device_byte(2 * i) | device_byte(2 * i + 1) << 8);
	check_eq(machine_regs(m, 0).rdi, last - 20);
	check_eq(machine_regs(m, 0).rcx, 0);
}

TEST(rep_outs_runs_downwards_with_df)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_OUT, .size = 1};

	machine_begin(m, pio_rep_outsb, real);
	for (u32 i = 0; i < 32; i++)
		m->ram[0x2ff0 + i] = (u8)i;
	string_start(m, 0x300f, 32, true);
	take_all(m, &io, 32);
	machine_expect_done(m);
	for (u32 i = 0; i < 32; i++)
		check_eq(io.bytes[i], 31 - i);
	check_eq(machine_regs(m, 0).rsi, 0x2fef);
}

TEST(rep_with_a_zero_count_touches_nothing)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, pio_rep_insb, real);
	string_start(m, 0x2000, 0, false);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rdi, 0x2000);
}

/*
 * Between portions the vCPU may be taken away: what is done is done, RCX and
 * RDI say how far, and nothing is asked again.
 */
TEST(a_rep_ins_can_be_left_between_portions)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_IN, .size = 1};
	const u32 total = 9000;

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_begin(m, pio_rep_insb, real);
	string_start(m, 0x2000, total, false);
	while (io.items < total) {
		struct kvm_regs regs;

		machine_expect(m, KVM_EXIT_IO);
		take_portion(m, &io);
		m->run->immediate_exit = 1;
		check_err(machine_run_raw(m, 0), EINTR);
		m->run->immediate_exit = 0;
		regs = machine_regs(m, 0);
		check_eq(regs.rcx + (regs.rdi - 0x2000), total);
		check(regs.rdi - 0x2000 <= io.items);
		check_eq(m->ram[regs.rdi - 1],
			 device_byte((u32)regs.rdi - 0x2001));
	}
	machine_expect_done(m);
	for (u32 i = 0; i < total; i++)
		check_eq(m->ram[0x2000 + i], device_byte(i));
}

TEST(a_rep_outs_can_be_left_between_portions)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_OUT, .size = 1};
	const u32 total = 200;

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_begin(m, pio_rep_outsb, real);
	for (u32 i = 0; i < total; i++)
		m->ram[0x2fc0 + i] = device_byte(i);
	string_start(m, 0x2fc0, total, false);
	while (io.items < total) {
		struct kvm_regs regs;

		machine_expect(m, KVM_EXIT_IO);
		take_portion(m, &io);
		m->run->immediate_exit = 1;
		check_err(machine_run_raw(m, 0), EINTR);
		m->run->immediate_exit = 0;
		regs = machine_regs(m, 0);
		check_eq(regs.rsi - 0x2fc0, io.items);
		check_eq(regs.rcx, total - io.items);
	}
	machine_expect_done(m);
	check_eq(memcmp(io.bytes, m->ram + 0x2fc0, total), 0);
}

/* Takes the present bit from the 2 MiB page table entry's half: a 4 KiB hole. */
static void punch_hole(struct machine *m, u64 hole)
{
	for (u64 i = 0; i < 512; i++)
		ram_set(m, GUEST_PT_SPARE + i * 8,
			i == hole >> 12 ? 0 : i << 12 | 7, 8);
	ram_set(m, GUEST_PD, GUEST_PT_SPARE | 7, 8);
}

TEST(a_page_fault_inside_rep_outs_leaves_the_registers_at_the_item)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_OUT, .size = 1};

	machine_begin(m, pio64_rep_outsb, long);
	machine_gate(m, 14, machine_label(pio64_rep_outsb, pio64_outs_fault));
	punch_hole(m, 0x30000);
	for (u32 i = 0; i < 8; i++)
		m->ram[0x2fff8 + i] = (u8)i;
	string_start(m, 0x2fff8, 20, false);
	take_all(m, &io, 8);
	check_eq(machine_expect_say(m), 14);
	check_eq(memcmp(io.bytes, m->ram + 0x2fff8, 8), 0);
	check_eq(machine_regs(m, 0).rsi, 0x30000);
	check_eq(machine_regs(m, 0).rcx, 12);
	check_eq(machine_sregs(m, 0).cr2, 0x30000);
}

TEST(a_page_fault_inside_rep_ins_leaves_registers_that_agree)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct string_io io = {.direction = KVM_EXIT_IO_IN, .size = 2};
	struct kvm_regs regs;

	machine_begin(m, pio64_rep_insw, long);
	machine_gate(m, 14, machine_label(pio64_rep_insw, pio64_ins_fault));
	punch_hole(m, 0x30000);
	string_start(m, 0x2fff8, 20, false);
	/*
	 * Silicon stops at the item. The kernel's emulator reads ahead, writes
	 * what fits and leaves the registers at the portion's start: so the
	 * registers may lag, but must agree with each other.
	 */
	while (machine_run(m) == KVM_EXIT_IO && m->run->io.port == PORT_DEVICE)
		take_portion(m, &io);
	check_eq(m->run->io.port, PORT_SAY);
	regs = machine_regs(m, 0);
	check(regs.rdi >= 0x2fff8 && regs.rdi <= 0x30000);
	check_eq(regs.rdi + 2 * regs.rcx, 0x2fff8 + 2 * 20);
	for (u32 i = 0; i < 8; i++)
		check_eq(m->ram[0x2fff8 + i], device_byte(i));
}
