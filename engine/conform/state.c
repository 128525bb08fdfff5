/* SPDX-License-Identifier: MIT */
/* A vCPU's state: what is set is what is read, and what cannot be is refused. */
#include "engine/conform/machine.h"

GUEST(mem_compute);

#define CR4_SMXE (1ull << 14)

TEST(registers_are_read_as_they_were_set)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs, got;
	u64 *word = (u64 *)&regs;

	for (u32 i = 0; i < sizeof(regs) / 8; i++)
		word[i] = 0x1111111111111111ull * (i % 15 + 1) + i;
	regs.rflags = 0x246;
	machine_set_regs(m, 0, &regs);
	got = machine_regs(m, 0);
	check_eq(memcmp(&regs, &got, sizeof(regs)), 0);
}

TEST(rflags_bit_one_cannot_be_cleared)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs = {.rflags = 0};

	machine_set_regs(m, 0, &regs);
	check_eq(machine_regs(m, 0).rflags, 2);
}

TEST(a_new_vcpu_stands_at_the_reset_vector)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_sregs sregs = machine_sregs(m, 0);
	struct kvm_regs regs = machine_regs(m, 0);

	check_eq(regs.rip, 0xfff0);
	check_eq(regs.rflags, 2);
	check_eq(sregs.cs.selector, 0xf000);
	check_eq(sregs.cs.base, 0xffff0000);
	check_eq(sregs.cs.limit, 0xffff);
	check_eq(sregs.ds.base, 0);
	check_eq(sregs.ds.limit, 0xffff);
	check_eq(sregs.cr0, 0x60000010);
	check_eq(sregs.cr4, 0);
	check_eq(sregs.efer, 0);
	check_eq(sregs.idt.limit, 0xffff);
	check_eq(sregs.tr.type, 11);
	check_eq(sregs.ldt.type, 2);
	check_eq(sregs.apic_base & 0xfffff000, 0xfee00000);
}

TEST(system_registers_are_read_as_they_were_set)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_sregs set, got;

	machine_start_long(m, 0);
	set = machine_sregs(m, 0);
	set.fs.base = 0x123456789000ull;
	set.gs.base = 0xffff888000000000ull;
	set.cr2 = 0xdeadbeef;
	set.cr8 = 7;
	set.ldt.base = 0x7000;
	set.ldt.limit = 0x77;
	machine_set_sregs(m, 0, &set);
	got = machine_sregs(m, 0);
	check_eq(memcmp(&set, &got, sizeof(set)), 0);
}

TEST(a_pending_interrupt_travels_in_the_bitmap)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_sregs sregs = machine_sregs(m, 0);

	sregs.interrupt_bitmap[1] = 1ull << 5;
	machine_set_sregs(m, 0, &sregs);
	sregs = machine_sregs(m, 0);
	check_eq(sregs.interrupt_bitmap[1], 1ull << 5);
}

static void sregs_refused(struct machine *m, const struct kvm_sregs *sregs)
{
	struct kvm_sregs before = machine_sregs(m, 0), after;

	check_err(m->vcpu[0]->ops->set_sregs(m->vcpu[0], sregs), EINVAL);
	after = machine_sregs(m, 0);
	check_eq(before.cr0, after.cr0);
	check_eq(before.cr4, after.cr4);
	check_eq(before.efer, after.efer);
}

TEST(system_registers_that_cannot_be_are_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_sregs good, bad;

	machine_start_long(m, 0);
	good = machine_sregs(m, 0);
	bad = good;
	bad.cr4 |= CR4_SMXE; /* never offered */
	sregs_refused(m, &bad);
	bad = good;
	bad.cr4 &= ~(1ull << 5); /* long mode without PAE */
	sregs_refused(m, &bad);
	bad = good;
	bad.efer &= ~(1ull << 10); /* LME and PG without LMA */
	sregs_refused(m, &bad);
	bad = good;
	bad.cr0 &= ~(1ull << 31); /* LMA without PG */
	sregs_refused(m, &bad);
	machine_set_sregs(m, 0, &good);
}

TEST(sregs2_round_trips)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_sregs2 set, got;

	need_cap(KVM_CAP_SREGS2);
	machine_start_long(m, 0);
	check_ok(m->vcpu[0]->ops->get_sregs2(m->vcpu[0], &set));
	set.cr2 = 0x1234;
	check_ok(m->vcpu[0]->ops->set_sregs2(m->vcpu[0], &set));
	check_ok(m->vcpu[0]->ops->get_sregs2(m->vcpu[0], &got));
	check_eq(memcmp(&set, &got, sizeof(set)), 0);
	set.flags = 0x80;
	check_err(m->vcpu[0]->ops->set_sregs2(m->vcpu[0], &set), EINVAL);
}

/* MXCSR is not compared: KVM_GET_FPU and KVM_SET_FPU leave it out. */
TEST(the_fpu_is_read_as_it_was_set)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_fpu set, got;

	check_ok(m->vcpu[0]->ops->get_fpu(m->vcpu[0], &set));
	check_eq(set.fcw, 0x37f);
	for (u32 i = 0; i < 16; i++)
		for (u32 j = 0; j < 16; j++)
			set.xmm[i][j] = (u8)(i * 16 + j);
	for (u32 i = 0; i < 8; i++)
		memset(set.fpr[i], (int)i + 1, 10);
	set.fsw = 0x3800;
	set.ftwx = 0x81;
	check_ok(m->vcpu[0]->ops->set_fpu(m->vcpu[0], &set));
	check_ok(m->vcpu[0]->ops->get_fpu(m->vcpu[0], &got));
	check_eq(memcmp(set.xmm, got.xmm, sizeof(set.xmm)), 0);
	for (u32 i = 0; i < 8; i++)
		check_eq(memcmp(set.fpr[i], got.fpr[i], 10), 0);
	check_eq(got.fsw, 0x3800);
	check_eq(got.ftwx, 0x81);
}

TEST(xsave_and_fpu_show_the_same_registers)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	u8 *area = (u8 *)xsave.region;
	u64 xstate_bv = 3;

	need_cap(KVM_CAP_XSAVE);
	/* Registers in their initial state need not be in the area: have them. */
	check_ok(m->vcpu[0]->ops->get_xsave(m->vcpu[0], &xsave));
	memcpy(area + 512, &xstate_bv, 8);
	memcpy(area + 24, &(u32){0x1f80}, 4);
	check_ok(m->vcpu[0]->ops->set_xsave(m->vcpu[0], &xsave));
	check_ok(m->vcpu[0]->ops->get_fpu(m->vcpu[0], &fpu));
	memset(fpu.xmm[3], 0x33, 16);
	check_ok(m->vcpu[0]->ops->set_fpu(m->vcpu[0], &fpu));
	check_ok(m->vcpu[0]->ops->get_xsave(m->vcpu[0], &xsave));
	check_eq(memcmp(area + 160 + 3 * 16, fpu.xmm[3], 16), 0);
	memcpy(&xstate_bv, area + 512, 8);
	check(xstate_bv & 2);
	memset(area + 160, 0x44, 16);
	check_ok(m->vcpu[0]->ops->set_xsave(m->vcpu[0], &xsave));
	check_ok(m->vcpu[0]->ops->get_fpu(m->vcpu[0], &fpu));
	check_eq(fpu.xmm[0][0], 0x44);
	check_eq(fpu.xmm[3][0], 0x33);
}

TEST(an_xsave_area_that_cannot_be_loaded_is_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_xsave xsave;
	u8 *area = (u8 *)xsave.region;

	need_cap(KVM_CAP_XSAVE);
	check_ok(m->vcpu[0]->ops->get_xsave(m->vcpu[0], &xsave));
	area[512 + 7] = 0x40; /* a component that does not exist */
	check_err(m->vcpu[0]->ops->set_xsave(m->vcpu[0], &xsave), EINVAL);
	area[512 + 7] = 0;
	area[512] = 3;
	area[27] = 0xff; /* reserved bits of MXCSR */
	check_err(m->vcpu[0]->ops->set_xsave(m->vcpu[0], &xsave), EINVAL);
}

TEST(xcr0_is_checked)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_xcrs xcrs;

	need_cap(KVM_CAP_XCRS);
	check_ok(m->vcpu[0]->ops->get_xcrs(m->vcpu[0], &xcrs));
	check_eq(xcrs.nr_xcrs, 1);
	check_eq(xcrs.xcrs[0].xcr, 0);
	check_eq(xcrs.xcrs[0].value, 1);
	xcrs.xcrs[0].value = 3;
	check_ok(m->vcpu[0]->ops->set_xcrs(m->vcpu[0], &xcrs));
	check_ok(m->vcpu[0]->ops->get_xcrs(m->vcpu[0], &xcrs));
	check_eq(xcrs.xcrs[0].value, 3);
	xcrs.xcrs[0].value = 2; /* without x87 */
	check_err(m->vcpu[0]->ops->set_xcrs(m->vcpu[0], &xcrs), EINVAL);
	xcrs.xcrs[0].value = 1ull << 62 | 1;
	check_err(m->vcpu[0]->ops->set_xcrs(m->vcpu[0], &xcrs), EINVAL);
	xcrs.xcrs[0].value = 3;
	xcrs.flags = 1;
	check_err(m->vcpu[0]->ops->set_xcrs(m->vcpu[0], &xcrs), EINVAL);
	xcrs.flags = 0;
	xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
	check_err(m->vcpu[0]->ops->set_xcrs(m->vcpu[0], &xcrs), EINVAL);
}

TEST(debug_registers_round_trip)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_debugregs set, got;

	need_cap(KVM_CAP_DEBUGREGS);
	check_ok(m->vcpu[0]->ops->get_debugregs(m->vcpu[0], &set));
	check_eq(set.dr6, 0xffff0ff0);
	check_eq(set.dr7, 0x400);
	for (u32 i = 0; i < 4; i++)
		set.db[i] = 0x1000 * (i + 1);
	set.dr7 = 0x455;
	check_ok(m->vcpu[0]->ops->set_debugregs(m->vcpu[0], &set));
	check_ok(m->vcpu[0]->ops->get_debugregs(m->vcpu[0], &got));
	check_eq(memcmp(&set, &got, sizeof(set)), 0);
	set.flags = 1;
	check_err(m->vcpu[0]->ops->set_debugregs(m->vcpu[0], &set), EINVAL);
	set.flags = 0;
	set.dr7 = 1ull << 32;
	check_err(m->vcpu[0]->ops->set_debugregs(m->vcpu[0], &set), EINVAL);
}

TEST(events_round_trip)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_vcpu_events set, got;

	need_cap(KVM_CAP_VCPU_EVENTS);
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &set));
	check_eq(set.exception.injected, 0);
	check_eq(set.nmi.pending, 0);
	set.exception.injected = 1;
	set.exception.nr = 13;
	set.exception.has_error_code = 1;
	set.exception.error_code = 0x18;
	set.nmi.masked = 1;
	set.flags &= ~(u32)KVM_VCPUEVENT_VALID_SMM;
	check_ok(m->vcpu[0]->ops->set_vcpu_events(m->vcpu[0], &set));
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &got));
	check_eq(got.exception.nr, 13);
	check_eq(got.exception.error_code, 0x18);
	check_eq(got.nmi.masked, 1);
	set.flags = 0x80000000;
	check_err(m->vcpu[0]->ops->set_vcpu_events(m->vcpu[0], &set), EINVAL);
	set.flags = 0;
	set.exception.nr = 32; /* no exception */
	check_err(m->vcpu[0]->ops->set_vcpu_events(m->vcpu[0], &set), EINVAL);
	set.exception.nr = 2; /* NMI is not one either */
	check_err(m->vcpu[0]->ops->set_vcpu_events(m->vcpu[0], &set), EINVAL);
}

TEST(mp_states_follow_the_irqchip)
{
	struct machine *with = machine_new(MACHINE_IRQCHIP);
	struct machine *without = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_mp_state state = {.mp_state = 99};

	need_cap(KVM_CAP_MP_STATE);
	machine_add_vcpu(with, 1);
	check_ok(with->vcpu[0]->ops->get_mp_state(with->vcpu[0], &state));
	check_eq(state.mp_state, KVM_MP_STATE_RUNNABLE);
	check_ok(with->vcpu[1]->ops->get_mp_state(with->vcpu[1], &state));
	check_eq(state.mp_state, KVM_MP_STATE_UNINITIALIZED);
	state.mp_state = KVM_MP_STATE_HALTED;
	check_ok(with->vcpu[0]->ops->set_mp_state(with->vcpu[0], &state));
	check_ok(with->vcpu[0]->ops->get_mp_state(with->vcpu[0], &state));
	check_eq(state.mp_state, KVM_MP_STATE_HALTED);
	check_err(without->vcpu[0]->ops->set_mp_state(without->vcpu[0], &state),
		  EINVAL);
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	check_ok(without->vcpu[0]->ops->set_mp_state(without->vcpu[0], &state));
	state.mp_state = 4711;
	check_err(with->vcpu[0]->ops->set_mp_state(with->vcpu[0], &state),
		  EINVAL);
}

TEST(translate_walks_the_guests_tables)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_translation t = {.linear_address = 0x12345678};

	/* Without paging every address is itself. */
	check_ok(m->vcpu[0]->ops->translate(m->vcpu[0], &t));
	check_eq(t.valid, 1);
	check_eq(t.physical_address, 0x12345678);
	machine_start_long(m, 0);
	t.linear_address = 0x40012345;
	ram_set(m, GUEST_PD + 0x1000, 0x600000 | 0x87, 8);
	check_ok(m->vcpu[0]->ops->translate(m->vcpu[0], &t));
	check_eq(t.valid, 1);
	check_eq(t.physical_address, 0x612345);
	t.linear_address = 0x123400000000ull;
	check_ok(m->vcpu[0]->ops->translate(m->vcpu[0], &t));
	check_eq(t.valid, 0);
}

/* ------------------------------------------------------------------- MSRs - */

#define ROOM 512

union msr_list {
	struct kvm_msr_list head;
	struct {
		u32 nmsrs;
		u32 indices[ROOM];
	};
};

#define MSR_TSC_	      0x10u
#define MSR_KVM_ASYNC_PF_INT_ 0x4b564d06u

TEST(every_listed_msr_can_be_read_and_written_back)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	static union msr_list list;

	list.nmsrs = ROOM;
	check_ok(way->ops->get_msr_index_list(way, &list.head));
	for (u32 i = 0; i < list.nmsrs; i++) {
		u32 index = list.indices[i];
		u64 value = machine_msr(m, 0, index);

		/* The kernel's refuses to be written outside its own use. */
		if (index == MSR_KVM_ASYNC_PF_INT_)
			continue;
		if (machine_set_msr(m, 0, index, value) != 1)
			fail("msr 0x%x cannot be written back", index);
		if (index != MSR_TSC_ && machine_msr(m, 0, index) != value)
			fail("msr 0x%x reads differently", index);
	}
}

TEST(msr_calls_stop_at_the_first_refusal)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	union {
		struct kvm_msrs head;
		struct {
			u32 nmsrs, pad;
			struct kvm_msr_entry entry[4];
		};
	} msrs = {.nmsrs = 4};

	msrs.entry[0].index = 0xc0000082;
	msrs.entry[0].data = 0x1000;
	msrs.entry[1].index = 0x174;
	msrs.entry[1].data = 0x10;
	msrs.entry[2].index = 0x9999;
	msrs.entry[3].index = 0xc0000083;
	msrs.entry[3].data = 0x2000;
	check_eq(m->vcpu[0]->ops->set_msrs(m->vcpu[0], &msrs.head), 2);
	check_eq(machine_msr(m, 0, 0xc0000082), 0x1000);
	check_eq(machine_msr(m, 0, 0x174), 0x10);
	check_eq(machine_msr(m, 0, 0xc0000083), 0);
	check_eq(m->vcpu[0]->ops->get_msrs(m->vcpu[0], &msrs.head), 2);
	msrs.nmsrs = 1 << 20;
	check_err(m->vcpu[0]->ops->get_msrs(m->vcpu[0], &msrs.head), E2BIG);
	check_err(m->vcpu[0]->ops->set_msrs(m->vcpu[0], &msrs.head), E2BIG);
}

TEST(msrs_that_hold_what_they_hold)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	check_eq(machine_set_msr(m, 0, 0x277, 0x0606060606060606ull), 1);
	check_eq(machine_msr(m, 0, 0x277), 0x0606060606060606ull);
	check_eq(machine_set_msr(m, 0, 0xc0000102, 1ull << 63), 0);
	check_eq(machine_set_msr(m, 0, 0x2ff, 0xc06), 1);
	check_eq(machine_msr(m, 0, 0x2ff), 0xc06);
	check_eq(machine_msr(m, 0, 0xfe) & 0xff, 8);
}

TEST_FULL(the_pat_holds_memory_types_only, "the PAT is checked")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	check_eq(machine_set_msr(m, 0, 0x277, 2), 0);
	check_eq(machine_msr(m, 0, 0x277), 0x0007040600070406ull);
}

/* ----------------------------------------------------------- transplants - */

/* Everything a migration carries, from one vCPU to another. */
static void transplant(struct machine *from, struct machine *to)
{
	struct engine_vcpu *a = from->vcpu[0], *b = to->vcpu[0];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_debugregs debugregs;

	check_ok(a->ops->get_regs(a, &regs));
	check_ok(a->ops->get_sregs(a, &sregs));
	check_ok(a->ops->get_xsave(a, &xsave));
	check_ok(a->ops->get_xcrs(a, &xcrs));
	check_ok(a->ops->get_vcpu_events(a, &events));
	check_ok(a->ops->get_mp_state(a, &mp_state));
	check_ok(a->ops->get_debugregs(a, &debugregs));
	memcpy(to->ram, from->ram, GUEST_RAM_SIZE);
	to->vm->ops->memory_written(to->vm, 0, GUEST_RAM_SIZE);
	check_ok(b->ops->set_xcrs(b, &xcrs));
	check_ok(b->ops->set_sregs(b, &sregs));
	check_ok(b->ops->set_regs(b, &regs));
	check_ok(b->ops->set_xsave(b, &xsave));
	check_ok(b->ops->set_mp_state(b, &mp_state));
	check_ok(b->ops->set_debugregs(b, &debugregs));
	check_ok(b->ops->set_vcpu_events(b, &events));
	for (u32 index = 0x174; index <= 0x176; index++)
		check_eq(machine_set_msr(to, 0, index,
					 machine_msr(from, 0, index)),
			 1);
}

#define ROUNDS 2000

static struct machine *compute_new(void)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_begin(m, mem_compute, long);
	regs = machine_regs(m, 0);
	regs.r8 = ROUNDS;
	machine_set_regs(m, 0, &regs);
	return m;
}

/* One tick of the guest, finished; false when it is done. */
static bool compute_tick(struct machine *m)
{
	machine_expect(m, KVM_EXIT_IO);
	if (m->run->io.port == PORT_DONE)
		return false;
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	m->run->immediate_exit = 0;
	return true;
}

TEST(a_guest_goes_on_in_a_fresh_vm_with_its_state)
{
	struct machine *whole = compute_new();
	struct kvm_regs expect, got;
	struct machine *m;
	u32 moves = 0;
	static u8 memory[GUEST_RAM_SIZE];

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	while (compute_tick(whole))
		;
	expect = machine_regs(whole, 0);
	memcpy(memory, whole->ram, sizeof(memory));
	machine_free_all();

	m = compute_new();
	while (compute_tick(m)) {
		struct machine *next;

		if (++moves % 7)
			continue;
		next = machine_new(MACHINE_NO_IRQCHIP);
		transplant(m, next);
		machine_swap_free(m, next);
	}
	got = machine_regs(m, 0);
	check(moves > 20);
	check_eq(memcmp(&expect, &got, sizeof(got)), 0);
	check_eq(memcmp(memory, m->ram, sizeof(memory)), 0);
}
