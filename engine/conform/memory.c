/* SPDX-License-Identifier: MIT */
/*
 * Memory slots. [KVM-API 4.35 "KVM_SET_USER_MEMORY_REGION"], [KVM-API 4.8
 * "KVM_GET_DIRTY_LOG"], [KVM-API 4.118 "KVM_CLEAR_DIRTY_LOG"]
 */
#include <sys/mman.h>
#include <unistd.h>

#include "engine/conform/machine.h"

GUEST(mem_probe);
GUEST(mem_count);
GUEST(mem_watch);
GUEST(mem_dirty);
GUEST(mem_fetch);

#define PAGE ((u64)4096)
#define HIGH ((u64)0x10000000) /* where tests put slots of their own */

static struct machine *new_guest(const u8 *guest, const u8 *end, u64 rbx,
				 u64 rcx)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_copy(m, GUEST_CODE, guest, (u32)(end - guest));
	machine_start_long(m, 0);
	regs = machine_regs(m, 0);
	regs.rbx = rbx;
	regs.rcx = rcx;
	machine_set_regs(m, 0, &regs);
	return m;
}

#define guest_at(name, rbx, rcx) new_guest(name, name##_end, rbx, rcx)

static void restart(struct machine *m, u64 rbx, u64 rcx)
{
	struct kvm_regs regs = machine_regs(m, 0);

	regs.rip = GUEST_CODE;
	regs.rbx = rbx;
	regs.rcx = rcx;
	machine_set_regs(m, 0, &regs);
}

TEST(slots_that_cannot_be_are_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u8 *memory = pages_new(16 * PAGE);

	check_err(machine_slot(m, 1, 0, HIGH, 100, memory), EINVAL);
	check_err(machine_slot(m, 1, 0, HIGH + 1, PAGE, memory), EINVAL);
	check_err(machine_slot(m, 1, 0, HIGH, PAGE, memory + 1), EINVAL);
	check_err(machine_slot(m, 1, 0x40, HIGH, PAGE, memory), EINVAL);
	check_err(machine_slot(m, 1, 0, ~0ull & ~(PAGE - 1), 2 * PAGE, memory),
		  EINVAL);
	check_err(machine_slot(m, 0x8000, 0, HIGH, PAGE, memory), EINVAL);
	check_err(machine_slot(m, 1u << 20, 0, HIGH, PAGE, memory), EINVAL);
	/* Nothing to delete. */
	check_err(machine_slot(m, 1, 0, HIGH, 0, memory), EINVAL);
}

TEST(the_number_of_slots_is_told)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u8 *memory = pages_new(PAGE);
	int slots = m->vm->ops->check_extension(m->vm, KVM_CAP_NR_MEMSLOTS);

	check(slots >= 32);
	check_ok(machine_slot(m, (u32)slots - 1, 0, HIGH, PAGE, memory));
	check_err(machine_slot(m, (u32)slots, 0, HIGH + PAGE, PAGE, memory),
		  EINVAL);
}

TEST(slots_do_not_overlap)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u8 *memory = pages_new(16 * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory));
	check_err(machine_slot(m, 2, 0, HIGH + 3 * PAGE, PAGE, memory), EEXIST);
	check_err(machine_slot(m, 2, 0, HIGH - PAGE, 2 * PAGE, memory), EEXIST);
	check_err(machine_slot(m, 2, 0, HIGH + PAGE, PAGE, memory), EEXIST);
	check_err(machine_slot(m, 2, 0, HIGH - PAGE, 16 * PAGE, memory), EEXIST);
	check_ok(machine_slot(m, 2, 0, HIGH + 4 * PAGE, PAGE, memory));
	check_ok(machine_slot(m, 3, 0, HIGH - PAGE, PAGE, memory));
	/* Moving into another is an overlap too. */
	check_err(machine_slot(m, 3, 0, HIGH, PAGE, memory), EEXIST);
}

TEST(a_slot_keeps_its_size_and_its_memory)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u8 *memory = pages_new(16 * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory));
	check_err(machine_slot(m, 1, 0, HIGH, 5 * PAGE, memory), EINVAL);
	check_err(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory + PAGE), EINVAL);
	check_err(machine_slot(m, 1, KVM_MEM_READONLY, HIGH, 4 * PAGE, memory),
		  EINVAL);
	check_ok(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory)); /* no change */
	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, 4 * PAGE,
			      memory));
	check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
	check_ok(machine_slot(m, 1, 0, HIGH, 5 * PAGE, memory));
}

TEST(a_new_slot_is_memory_and_a_deleted_one_a_device)
{
	struct machine *m = guest_at(mem_probe, HIGH + 8, 77);
	u8 *memory = pages_new(PAGE);

	memory[8] = 55;
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 55);
	check_eq(ram_u64(m, GUEST_DATA + 8), 77);
	check_eq(memory[8], 77);
	check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
	restart(m, HIGH + 8, 88);
	machine_expect_mmio(m, false, HIGH + 8, 8);
	mmio_answer(m, 1);
	machine_expect_mmio(m, true, HIGH + 8, 8);
	check_eq(mmio_data(m), 88);
	machine_expect_mmio(m, false, HIGH + 8, 8);
	mmio_answer(m, 2);
	machine_expect_done(m);
	check_eq(memory[8], 77);
}

TEST(a_moved_slot_is_found_where_it_went)
{
	struct machine *m = guest_at(mem_probe, HIGH, 1);
	u8 *memory = pages_new(PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	machine_expect_done(m);
	check_ok(machine_slot(m, 1, 0, HIGH + 8 * PAGE, PAGE, memory));
	restart(m, HIGH + 8 * PAGE, 2);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 1);
	check_eq(memory[0], 2);
	restart(m, HIGH, 3);
	machine_expect_mmio(m, false, HIGH, 8);
}

TEST(one_memory_may_show_in_several_slots)
{
	struct machine *m = guest_at(mem_probe, HIGH, 1);
	u8 *memory = pages_new(2 * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, 2 * PAGE, memory));
	check_ok(machine_slot(m, 2, 0, HIGH + 16 * PAGE, PAGE, memory + PAGE));
	restart(m, HIGH + PAGE, 0x1111);
	machine_expect_done(m);
	restart(m, HIGH + 16 * PAGE, 0x2222);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x1111);
	restart(m, HIGH + PAGE, 0x3333);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x2222);
}

/* A remapped host page takes effect without a word to the engine. */
TEST(memory_mapped_over_is_seen_at_once)
{
	struct machine *m = guest_at(mem_watch, HIGH, 0);
	u8 *memory = pages_new(PAGE);

	memory[0] = 1;
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	machine_expect_quiet(m, 3);
	check_eq(machine_regs(m, 0).rax & 0xff, 1);
	check(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	memory[0] = 2;
	machine_expect_quiet(m, 2);
	check_eq(machine_regs(m, 0).rax & 0xff, 2);
	check_eq(madvise(memory, PAGE, MADV_DONTNEED), 0);
	machine_expect_quiet(m, 2);
	check_eq(machine_regs(m, 0).rax & 0xff, 0);
}

TEST_FULL(a_slot_without_memory_behind_it_gives_efault, WHY_LOST)
{
	struct machine *m = guest_at(mem_probe, HIGH, 1);
	u8 *memory = pages_new(2 * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, 2 * PAGE, memory));
	check_eq(munmap(memory, PAGE), 0);
	check_err(machine_run_raw(m, 0), EFAULT);
	check_err(machine_run_raw(m, 0), EFAULT); /* again, and no signal */
	check(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	machine_expect_done(m);
	check_eq(memory[0], 1);
}

TEST_FULL(memory_that_turns_read_only_in_the_host_gives_efault_on_a_store,
	  WHY_LOST)
{
	struct machine *m = guest_at(mem_probe, HIGH, 1);
	u8 *memory = pages_new(PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	check_eq(mprotect(memory, PAGE, PROT_READ), 0);
	check_err(machine_run_raw(m, 0), EFAULT);
	check_eq(mprotect(memory, PAGE, PROT_READ | PROT_WRITE), 0);
	machine_expect_done(m);
	check_eq(memory[0], 1);
}

TEST_FULL(a_fetch_from_a_slot_without_memory_gives_efault, WHY_LOST)
{
	struct machine *m = guest_at(mem_fetch, HIGH, 0);
	u8 *memory = pages_new(PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	check_eq(munmap(memory, PAGE), 0);
	check_err(machine_run_raw(m, 0), EFAULT);
}

TEST(a_store_to_a_read_only_slot_is_an_mmio_exit)
{
	struct machine *m = guest_at(mem_probe, HIGH, 99);
	u8 *memory = pages_new(PAGE);

	need_cap(KVM_CAP_READONLY_MEM);
	memory[0] = 5;
	check_ok(machine_slot(m, 1, KVM_MEM_READONLY, HIGH, PAGE, memory));
	machine_expect_mmio(m, true, HIGH, 8);
	check_eq(mmio_data(m), 99);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 5);
	check_eq(ram_u64(m, GUEST_DATA + 8), 5);
	check_eq(memory[0], 5);
	/* What the client writes is seen. */
	memory[0] = 6;
	restart(m, HIGH, 99);
	machine_expect(m, KVM_EXIT_MMIO);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 6);
}

TEST(a_read_only_slot_may_lie_over_read_only_memory)
{
	struct machine *m = guest_at(mem_probe, HIGH, 99);
	u8 *memory = pages_new(PAGE);

	need_cap(KVM_CAP_READONLY_MEM);
	memory[0] = 7;
	check_eq(mprotect(memory, PAGE, PROT_READ), 0);
	check_ok(machine_slot(m, 1, KVM_MEM_READONLY, HIGH, PAGE, memory));
	machine_expect_mmio(m, true, HIGH, 8);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 7);
}

/* ------------------------------------------------------------- dirty log - */

static u64 dirty_log(struct machine *m, u32 slot)
{
	u64 bitmap[8] = {0};
	const struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bitmap};

	check_ok(m->vm->ops->get_dirty_log(m->vm, &log));
	return bitmap[0];
}

TEST(the_dirty_log_names_written_pages_once)
{
	struct machine *m = guest_at(mem_dirty, HIGH + PAGE, 3);
	u8 *memory = pages_new(16 * PAGE);

	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, 16 * PAGE,
			      memory));
	check_eq(dirty_log(m, 1), 0);
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 0xe);
	check_eq(dirty_log(m, 1), 0);
	restart(m, HIGH + 5 * PAGE, 1);
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 0x20);
	restart(m, HIGH + 5 * PAGE, 1); /* the same page again */
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 0x20);
}

TEST(reading_is_not_dirtying)
{
	struct machine *m = guest_at(mem_watch, HIGH, 0);
	u8 *memory = pages_new(PAGE);

	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, PAGE, memory));
	machine_expect_quiet(m, 4);
	check_eq(dirty_log(m, 1), 0);
}

TEST(logging_can_be_switched_on_and_off_while_pages_are_mapped)
{
	struct machine *m = guest_at(mem_dirty, HIGH, 2);
	u8 *memory = pages_new(4 * PAGE);
	u64 bitmap = 0;
	const struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = &bitmap};

	check_ok(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory));
	machine_expect_done(m);
	check_err(m->vm->ops->get_dirty_log(m->vm, &log), ENOENT);
	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, 4 * PAGE,
			      memory));
	restart(m, HIGH + PAGE, 1);
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 2);
	check_ok(machine_slot(m, 1, 0, HIGH, 4 * PAGE, memory));
	check_err(m->vm->ops->get_dirty_log(m->vm, &log), ENOENT);
}

TEST(a_dirty_log_that_is_not_there_says_so)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u64 bitmap = 0;
	struct kvm_dirty_log log = {.slot = 7, .dirty_bitmap = &bitmap};

	check_err(m->vm->ops->get_dirty_log(m->vm, &log), ENOENT);
	log.slot = 0x8000;
	check_err(m->vm->ops->get_dirty_log(m->vm, &log), EINVAL);
}

TEST(accessed_and_dirty_bits_dirty_their_table)
{
	struct machine *m = guest_at(mem_dirty, 0x600000, 1);
	u8 *tables = pages_new(PAGE);
	u8 *memory = pages_new(512 * PAGE);

	/* The page directory moves into a logged slot of its own. */
	memcpy(tables, m->ram + GUEST_PD, PAGE);
	for (u32 i = 0; i < 512; i++)
		tables[i * 8] &= 0x9f; /* neither accessed nor dirty */
	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, PAGE, tables));
	check_ok(machine_slot(m, 2, 0, 0x600000, 512 * PAGE, memory));
	ram_set(m, GUEST_PDPT, HIGH | 7, 8);
	check_eq(dirty_log(m, 1), 0);
	machine_expect_done(m);
	check_eq(tables[3 * 8] & 0x60, 0x60);
	check_eq(dirty_log(m, 1), 1);
}

static int manual_protect(struct machine *m, u64 flags)
{
	const struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = {flags}};

	return m->vm->ops->enable_cap(m->vm, &cap);
}

static int clear_log(struct machine *m, u32 slot, u64 first, u32 pages, u64 bits)
{
	u64 bitmap[2] = {bits, 0};
	const struct kvm_clear_dirty_log log = {.slot = slot,
						.num_pages = pages,
						.first_page = first,
						.dirty_bitmap = bitmap};

	return m->vm->ops->clear_dirty_log(m->vm, &log);
}

TEST(manual_protection_keeps_bits_until_they_are_cleared)
{
	struct machine *m = guest_at(mem_dirty, HIGH, 4);
	u8 *memory = pages_new(128 * PAGE);

	need_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	check_ok(manual_protect(m, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, 128 * PAGE,
			      memory));
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 0xf);
	check_eq(dirty_log(m, 1), 0xf);
	check_ok(clear_log(m, 1, 0, 64, 0x3));
	check_eq(dirty_log(m, 1), 0xc);
	restart(m, HIGH, 1);
	machine_expect_done(m);
	check_eq(dirty_log(m, 1), 0xd);
}

TEST(clear_dirty_log_checks_its_range)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u8 *memory = pages_new(128 * PAGE);

	need_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	check_ok(manual_protect(m, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH, 128 * PAGE,
			      memory));
	check_err(clear_log(m, 1, 1, 64, 0), EINVAL); /* not a multiple of 64 */
	check_err(clear_log(m, 1, 0, 65, 0), EINVAL); /* nor the count */
	check_err(clear_log(m, 1, 128, 64, 0), EINVAL); /* beyond the end */
	check_err(clear_log(m, 1, 0, 192, 0), EINVAL);
	check_err(clear_log(m, 9, 0, 64, 0), ENOENT);
	check_ok(clear_log(m, 1, 64, 64, 0));
	check_ok(clear_log(m, 1, 0, 128, 0));
}

TEST(manual_protection_takes_known_flags_only)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	check_err(manual_protect(m, 0x100), EINVAL);
	/* "Initially all set" is meaningless without manual protection. */
	check_err(manual_protect(m, KVM_DIRTY_LOG_INITIALLY_SET), EINVAL);
}

/* ------------------------------------------------------------------ load - */

/* Until the counter at `at` is not `old`: its thread must get the CPU. */
static u64 wait_count(const u8 *at, u64 old)
{
	const u64 *counter = (const u64 *)(const void *)at;
	u64 now;

	for (u32 i = 0; i < 5000; i++) {
		now = __atomic_load_n(counter, __ATOMIC_RELAXED);
		if (now != old)
			return now;
		(void)usleep(1000); /* a poll: the loop bounds it */
	}
	fail("the guest does not run");
}

TEST(slots_change_hundreds_of_times_while_a_vcpu_runs)
{
	struct machine *m = guest_at(mem_count, GUEST_DATA, 0);
	u8 *memory = pages_new(PAGE);
	struct runner *r = runner_start(m, 0);
	u64 before = wait_count(m->ram + GUEST_DATA, 0);

	for (u32 i = 0; i < 300; i++) {
		check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
		check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
	}
	/* It still runs, and stops when it is told. */
	(void)wait_count(m->ram + GUEST_DATA, ram_u64(m, GUEST_DATA));
	check_eq(runner_stop(r), -EINTR);
	check(ram_u64(m, GUEST_DATA) != before);
}

TEST(the_memory_under_a_running_vcpu_can_be_replaced)
{
	struct machine *m = guest_at(mem_count, HIGH, 0);
	u8 *one = pages_new(PAGE), *two = pages_new(PAGE);
	struct runner *r;
	u64 count;

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, one));
	r = runner_start(m, 0);
	(void)wait_count(one, 0);
	check_eq(runner_stop(r), -EINTR);
	check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, two));
	memcpy(&count, one, sizeof(count));
	r = runner_start(m, 0);
	(void)wait_count(two, 0);
	check_eq(runner_stop(r), -EINTR);
	check_eq(memcmp(one, &count, sizeof(count)), 0);
}
