/* SPDX-License-Identifier: MIT */
/*
 * Hot code that changes behind the guest's back: through a second slot, by a
 * device or by the client, with and without a word to the engine; and what a
 * client sees of a guest that it stops in the middle of hot code.
 */
#include <sys/mman.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/conform/machine.h"

GUEST(code_calls);
GUEST(code_calls_invlpg);
GUEST(code_calls_cr3);
GUEST(code_calls_iret);
GUEST(code_calls_far);
GUEST(code_calls_cpuid);
GUEST(code_alias);
GUEST(code_over_itself);
GUEST(code_on_demand);
GUEST(code_by_interrupt);
LABEL(code_by_interrupt_30);
GUEST(code_counts);
LABEL(code_counts_loop);
LABEL(code_counts_last);
GUEST(code_stores);
GUEST(code_loads);
LABEL(code_loads_load);
GUEST(code_real);

#define PAGE   ((u64)4096)
#define HIGH   ((u64)0x10000000) /* where the code that changes is */
#define OTHER  ((u64)0x20000000) /* and where it shows once more */
#define PAGES  4
#define ROUNDS 60u

/* mov $value, %eax; ret, after some NOPs that move it */
static u32 code_put(u8 *at, u32 nops, u32 value)
{
	memset(at, 0x90, nops);
	at[nops] = 0xb8;
	memcpy(at + nops + 1, &value, 4);
	at[nops + 5] = 0xc3;
	return nops + 6;
}

/* A machine that calls `code`, with vCPU 0 about to. */
static struct machine *caller(const u8 *guest, const u8 *end, u64 code)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_copy(m, GUEST_CODE, guest, (u32)(end - guest));
	machine_start_long(m, 0);
	regs = machine_regs(m, 0);
	regs.rbx = code;
	machine_set_regs(m, 0, &regs);
	return m;
}

#define caller_of(name, code) caller(name, name##_end, code)

/* Written as the client's own variables are: nobody is told. */
static void answer_is(struct machine *m, u32 value)
{
	memcpy(m->ram + GUEST_DATA, &value, sizeof(value));
}

static void expect_answers(struct machine *m, u32 value)
{
	answer_is(m, value);
	machine_expect_quiet(m, 1);
	check_eq(machine_regs(m, 0).r12, 0);
}

/* ------------------------------------------------------- second addresses - */

static struct machine *two_slots(u8 *memory)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	check_ok(machine_slot(m, 2, 0, OTHER, PAGES * PAGE, memory));
	return m;
}

static void alias_at(u32 offset)
{
	u8 *memory = pages_new(PAGES * PAGE);
	struct machine *m = two_slots(memory);
	struct kvm_regs regs;

	code_put(memory + offset, 0, 0);
	machine_begin(m, code_alias, long);
	regs = machine_regs(m, 0);
	regs.rbx = HIGH + offset;
	regs.rcx = OTHER + offset;
	regs.r8 = ROUNDS;
	machine_set_regs(m, 0, &regs);
	check_eq(machine_expect_say(m), 0);
}

TEST(hot_code_changes_through_a_second_slot)
{
	alias_at(64);
}

TEST(hot_code_over_two_pages_changes_through_a_second_slot)
{
	alias_at(4096 - 3);
}

TEST(hot_code_stores_over_itself_through_a_second_slot)
{
	u8 *memory = pages_new(PAGES * PAGE);
	struct machine *m = two_slots(memory);
	struct kvm_regs regs;

	memory[0] = 0x89; /* mov %esi, (%rdi) */
	memory[1] = 0x37;
	code_put(memory + 2, 0, 0);
	machine_begin(m, code_over_itself, long);
	regs = machine_regs(m, 0);
	regs.rbx = HIGH;
	regs.rcx = OTHER + 3;
	regs.rdx = OTHER + PAGE;
	regs.r8 = ROUNDS;
	machine_set_regs(m, 0, &regs);
	check_eq(machine_expect_say(m), 0);
}

/* ------------------------------------------------- devices and the client - */

/* Where round `i` puts its code: moving over the end of a page. */
static u32 place(u32 i)
{
	return 4096 - 40 + i * 7 % 64;
}

static void set_code(struct machine *m, u64 code)
{
	struct kvm_regs regs = machine_regs(m, 0);

	if (regs.rbx == code)
		return;
	regs.rbx = code;
	machine_set_regs(m, 0, &regs);
}

TEST(hot_code_follows_a_device_that_tells)
{
	struct machine *m = caller_of(code_calls, HIGH);
	u8 *memory = pages_new(PAGES * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 at = i < ROUNDS / 2 ? 128 : place(i);
		u32 size = code_put(memory + at, i % 5, i);

		m->vm->ops->memory_written(m->vm, HIGH + at, size);
		set_code(m, HIGH + at);
		expect_answers(m, i);
		expect_answers(m, i);
	}
}

TEST(hot_code_follows_a_device_that_tells_of_pages_at_once)
{
	struct machine *m = caller_of(code_calls, HIGH + 4090);
	u8 *memory = pages_new(PAGES * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		memset(memory, (int)i, PAGES * PAGE);
		code_put(memory + 4090, i % 5, i);
		m->vm->ops->memory_written(m->vm, HIGH, PAGES * PAGE);
		expect_answers(m, i);
	}
}

/* A file with ROUNDS pages; page i answers i at the same offset. */
static int code_file(u32 offset)
{
	int fd = memfd_create("code", MFD_CLOEXEC);
	u8 page[4096];

	check(fd >= 0);
	for (u32 i = 0; i < ROUNDS; i++) {
		memset(page, (int)i, sizeof(page));
		code_put(page + offset, i % 5, i);
		check_eq(write(fd, page, sizeof(page)), sizeof(page));
	}
	return fd;
}

/* pread(2) into guest memory, as a device model does it, and not a word. */
static void pread_into(const u8 *guest, const u8 *end)
{
	struct machine *m = caller(guest, end, HIGH + 100);
	u8 *memory = pages_new(PAGES * PAGE);
	int fd = code_file(100);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		check_eq(pread(fd, memory, PAGE, (off_t)(i * PAGE)), PAGE);
		expect_answers(m, i);
		expect_answers(m, i);
	}
	close(fd);
}

TEST(hot_code_follows_the_client_s_pread_after_an_exit)
{
	pread_into(code_calls, code_calls_end);
}

TEST(hot_code_follows_the_client_s_pread_after_invlpg)
{
	pread_into(code_calls_invlpg, code_calls_invlpg_end);
}

TEST(hot_code_follows_the_client_s_pread_after_a_load_of_cr3)
{
	pread_into(code_calls_cr3, code_calls_cr3_end);
}

TEST(hot_code_follows_the_client_s_pread_after_iret)
{
	pread_into(code_calls_iret, code_calls_iret_end);
}

TEST(hot_code_follows_the_client_s_pread_after_a_far_return)
{
	pread_into(code_calls_far, code_calls_far_end);
}

TEST(hot_code_follows_the_client_s_pread_after_cpuid)
{
	pread_into(code_calls_cpuid, code_calls_cpuid_end);
}

/* The client writes through another mapping of the same file. */
TEST(hot_code_follows_another_mapping_of_its_memory)
{
	struct machine *m = caller_of(code_calls_iret, HIGH + 100);
	int fd = memfd_create("memory", MFD_CLOEXEC);
	u8 *memory, *view;

	check(fd >= 0);
	check_eq(ftruncate(fd, PAGES * PAGE), 0);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	view = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	check(memory != MAP_FAILED && view != MAP_FAILED);
	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		code_put(view + 100, i % 5, i);
		expect_answers(m, i);
		expect_answers(m, i);
	}
	close(fd);
}

/* And through a system call on the file. */
TEST(hot_code_follows_a_write_to_the_file_behind_its_memory)
{
	struct machine *m = caller_of(code_calls_iret, HIGH + 100);
	int fd = code_file(100);
	u8 code[16], *memory;

	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(memory != MAP_FAILED);
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 size = code_put(code, i % 5, i);

		check_eq(pwrite(fd, code, size, 100), size);
		expect_answers(m, i);
		expect_answers(m, i);
	}
	close(fd);
}

TEST(hot_code_follows_memory_that_is_mapped_over)
{
	struct machine *m = caller_of(code_calls, HIGH + 100);
	u8 *memory = pages_new(PAGE);
	int fd = code_file(100);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		check(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			   (i & 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fd,
			   (off_t)(i * PAGE)) == memory);
		expect_answers(m, i);
		expect_answers(m, i);
	}
	close(fd);
}

/* Another page moves to the address, and its old contents with it. */
TEST(hot_code_follows_memory_that_is_moved)
{
	struct machine *m = caller_of(code_calls, HIGH + 100);
	u8 *memory = pages_new(PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	for (u32 i = 0; i < ROUNDS; i++) {
		u8 *fresh = pages_new(PAGE);

		code_put(fresh + 100, i % 5, i);
		check(mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     memory) == memory);
		expect_answers(m, i);
		expect_answers(m, i);
	}
}

/* MADV_DONTNEED of a private file mapping: the file's bytes are back. */
TEST(hot_code_follows_memory_that_is_dropped)
{
	struct machine *m = caller_of(code_calls, HIGH + 100);
	int fd = code_file(100);
	u8 *memory;

	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	check(memory != MAP_FAILED);
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	for (u32 i = 1; i < ROUNDS; i++) {
		expect_answers(m, 0);
		code_put(memory + 100, i % 5, i);
		expect_answers(m, i);
		expect_answers(m, i);
		check_eq(madvise(memory, PAGE, MADV_DONTNEED), 0);
	}
	close(fd);
}

TEST(hot_code_follows_its_slot)
{
	struct machine *m = caller_of(code_calls, HIGH + 100);
	u8 *memory[2] = {pages_new(PAGE), pages_new(PAGE)};

	for (u32 i = 0; i < ROUNDS; i++) {
		u8 *now = memory[i & 1];

		code_put(now + 100, i % 5, i);
		check_ok(machine_slot(m, 1, 0, HIGH, PAGE, now));
		expect_answers(m, i);
		expect_answers(m, i);
		check_ok(machine_slot(m, 1, 0, OTHER, PAGE, now)); /* moved */
		set_code(m, OTHER + 100);
		expect_answers(m, i);
		set_code(m, HIGH + 100);
		check_ok(machine_slot(m, 1, 0, OTHER, 0, NULL));
	}
}

/* -------------------------------------------- while the vCPU is under way - */

static u64 word_of(const struct machine *m, u64 gpa)
{
	const u64 *at = (const u64 *)(const void *)(m->ram + gpa);

	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static void word_set(struct machine *m, u64 gpa, u64 value)
{
	u64 *at = (u64 *)(void *)(m->ram + gpa);

	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static void wait_word(const struct machine *m, u64 gpa, u64 value)
{
	for (u32 i = 0; i < 10000000; i++) {
		if (word_of(m, gpa) == value)
			return;
		if (i > 1000)
			(void)usleep(100); /* a poll: the loop bounds it */
	}
	fail("the guest does not get there");
}

TEST(hot_code_of_a_running_vcpu_follows_a_device)
{
	struct machine *m = caller_of(code_on_demand, HIGH + 100);
	u8 *memory = pages_new(PAGES * PAGE);
	struct runner *r;

	/* The ABI has no word for it; the kernel's needs none. */
	if (getenv("LD_PRELOAD"))
		skip("a client of the library cannot tell of its writes");
	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	r = runner_start(m, 0);
	for (u32 i = 1; i <= 4 * ROUNDS; i++) {
		u32 size = code_put(memory + 100, i % 5, i);

		m->vm->ops->memory_written(m->vm, HIGH + 100, size);
		word_set(m, GUEST_DATA + 16, i);
		word_set(m, GUEST_DATA, i);
		wait_word(m, GUEST_DATA + 8, i);
		check_eq(word_of(m, GUEST_DATA + 24), 0);
	}
	check_eq(runner_stop(r), -EINTR);
}

/* The device's thread reads from its file and raises an interrupt. */
TEST(hot_code_of_a_running_vcpu_follows_pread_and_an_interrupt)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	const struct kvm_msi msi = {.address_lo = 0xfee00000, .data = 0x30};
	u8 *memory = pages_new(PAGE);
	int fd = code_file(100);
	struct kvm_regs regs;
	struct runner *r;

	check_eq(pread(fd, memory, PAGE, 0), PAGE);
	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	machine_begin(m, code_by_interrupt, long);
	machine_gate(m, 0x30,
		     machine_label(code_by_interrupt, code_by_interrupt_30));
	regs = machine_regs(m, 0);
	regs.rbx = HIGH + 100;
	machine_set_regs(m, 0, &regs);
	machine_expect_quiet(m, 1);
	r = runner_start(m, 0);
	for (u32 i = 1; i < ROUNDS; i++) {
		/* One byte of the running code: either value is a whole one. */
		u8 code[8];

		code_put(code, 0, i);
		check_eq(pwrite(fd, code + 1, 1, 101), 1);
		check_eq(pread(fd, memory + 101, 1, 101), 1);
		word_set(m, GUEST_DATA + 16, i);
		check(m->vm->ops->signal_msi(m->vm, &msi) > 0);
		wait_word(m, GUEST_DATA + 8, i);
		check_eq(word_of(m, GUEST_DATA + 24), 0);
	}
	check_eq(runner_stop(r), -EINTR);
	close(fd);
}

/* ------------------------------------- what the client sees of hot code - */

/* In the order in which the guest increments them. */
static void counters_of(const struct kvm_regs *regs, u64 ret[14])
{
	const u64 all[14] = {regs->rax, regs->rbx, regs->rcx, regs->rdx,
			     regs->rsi, regs->rbp, regs->r8,  regs->r9,
			     regs->r10, regs->r11, regs->r12, regs->r13,
			     regs->r14, regs->r15};

	memcpy(ret, all, sizeof(all));
}

#define COUNTS_HEAD machine_label(code_counts, code_counts_loop)

/* Are all registers what they must be where RIP is? */
static void check_counts(struct machine *m, u64 rounds)
{
	struct kvm_regs regs = machine_regs(m, 0);
	u64 at = regs.rip - COUNTS_HEAD, done = rounds - regs.rdi, all[14];
	u32 position;

	if (regs.rip < COUNTS_HEAD) /* kicked before it came to the loop */
		return;
	check(at <= machine_label(code_counts, code_counts_last) - COUNTS_HEAD);
	check_eq(at % 3, 0);
	position = (u32)at / 3;
	if (position >= 15) /* DEC is done, not yet the branch; or all */
		done--, position = 14;
	counters_of(&regs, all);
	for (u32 i = 0; i < 14; i++)
		if (all[i] != done + (i < position))
			fail("register %u is %llu, not %llu, %u instructions "
			     "in",
			     i, (unsigned long long)all[i],
			     (unsigned long long)(done + (i < position)),
			     position);
}

static struct machine *counting(u64 rounds)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_begin(m, code_counts, long);
	machine_expect_quiet(m, 1);
	regs = machine_regs(m, 0);
	regs.rdi = rounds;
	machine_set_regs(m, 0, &regs);
	return m;
}

TEST(hot_code_stops_at_an_instruction_when_kicked)
{
	const u64 rounds = 1ull << 40;
	struct machine *m = counting(rounds);

	for (u32 i = 0; i < 200; i++) {
		struct runner *r = runner_start(m, 0);

		(void)usleep(i * 7 % 500); /* any time is right */
		check_eq(runner_stop(r), -EINTR);
		check_counts(m, rounds);
	}
}

/* The client lets it go on at each instruction of the hot block. */
TEST(hot_code_may_be_entered_at_each_instruction)
{
	const u64 rounds = 1000;
	struct machine *m = counting(rounds);

	machine_expect_done(m);
	for (u32 at = 0; at < 15; at++) {
		struct kvm_regs regs = machine_regs(m, 0);
		u64 before[14], after[14];

		counters_of(&regs, before);
		regs.rip = COUNTS_HEAD + at * 3;
		regs.rdi = rounds;
		machine_set_regs(m, 0, &regs);
		machine_expect_done(m);
		regs = machine_regs(m, 0);
		counters_of(&regs, after);
		for (u32 i = 0; i < 14; i++)
			check_eq(after[i] - before[i], rounds - (i < at));
	}
}

/* Single-stepped in between, it stops at each; then it runs on. */
TEST(hot_code_may_be_stepped_by_the_client)
{
	const struct kvm_guest_debug on = {.control = KVM_GUESTDBG_ENABLE |
						      KVM_GUESTDBG_SINGLESTEP};
	const struct kvm_guest_debug off = {0};
	const u64 rounds = 1ull << 40;
	struct machine *m = counting(rounds);

	for (u32 i = 0; i < 20; i++) {
		struct runner *r = runner_start(m, 0);
		u64 last;

		(void)usleep(1000); /* until it is hot */
		check_eq(runner_stop(r), -EINTR);
		check_ok(m->vcpu[0]->ops->set_guest_debug(m->vcpu[0], &on));
		last = machine_regs(m, 0).rip;
		for (u32 n = 0; n < 40; n++) {
			u64 rip;

			machine_expect(m, KVM_EXIT_DEBUG);
			rip = machine_regs(m, 0).rip;
			check(rip == last + 3 || rip == COUNTS_HEAD);
			check_counts(m, rounds);
			last = rip;
		}
		check_ok(m->vcpu[0]->ops->set_guest_debug(m->vcpu[0], &off));
	}
}

TEST(hot_code_meets_the_client_s_breakpoints)
{
	const struct kvm_guest_debug off = {0};
	const u64 rounds = 1ull << 40;
	struct machine *m = counting(rounds);

	for (u32 i = 0; i < 30; i++) {
		u64 at = COUNTS_HEAD + i % 15 * 3;
		struct kvm_guest_debug on = {.control = KVM_GUESTDBG_ENABLE |
							KVM_GUESTDBG_USE_HW_BP};
		struct runner *r = runner_start(m, 0);

		(void)usleep(500); /* until it is hot */
		check_eq(runner_stop(r), -EINTR);
		on.arch.debugreg[0] = at;
		on.arch.debugreg[7] = 0x401;
		check_ok(m->vcpu[0]->ops->set_guest_debug(m->vcpu[0], &on));
		machine_expect(m, KVM_EXIT_DEBUG);
		check_eq(machine_regs(m, 0).rip, at);
		check_counts(m, rounds);
		check_ok(m->vcpu[0]->ops->set_guest_debug(m->vcpu[0], &off));
	}
}

/* ----------------------------------------------------- hot loads, stores - */

static struct machine *with_count(const u8 *guest, const u8 *end, u64 at,
				  u64 count)
{
	struct machine *m = caller(guest, end, at);
	struct kvm_regs regs = machine_regs(m, 0);

	regs.r8 = count;
	machine_set_regs(m, 0, &regs);
	return m;
}

static u64 dirty_log(struct machine *m, u32 slot)
{
	u64 bitmap[8] = {0};
	const struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bitmap};

	check_ok(m->vm->ops->get_dirty_log(m->vm, &log));
	return bitmap[0];
}

TEST(hot_stores_are_logged_after_each_harvest)
{
	struct machine *m =
		with_count(code_stores, code_stores_end, HIGH + PAGE + 8, 500);
	u8 *memory = pages_new(PAGES * PAGE);

	check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
	machine_expect_quiet(m, 2);
	for (u32 i = 0; i < ROUNDS; i++) {
		check_ok(machine_slot(m, 1, KVM_MEM_LOG_DIRTY_PAGES, HIGH,
				      PAGES * PAGE, memory));
		check_eq(dirty_log(m, 1), 0);
		machine_expect_quiet(m, 1);
		check_eq(dirty_log(m, 1), 2);
		check_eq(dirty_log(m, 1), 0);
		machine_expect_quiet(m, 2);
		check_eq(dirty_log(m, 1), 2);
		check_ok(machine_slot(m, 1, 0, HIGH, PAGES * PAGE, memory));
		machine_expect_quiet(m, 1);
	}
}

TEST(hot_stores_leave_memory_that_turns_read_only)
{
	struct machine *m =
		with_count(code_stores, code_stores_end, HIGH + 8, 500);
	u8 *memory = pages_new(PAGE);

	need_cap(KVM_CAP_READONLY_MEM);
	for (u32 i = 0; i < ROUNDS; i++) {
		u64 last;

		check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
		machine_expect_quiet(m, 2);
		memcpy(&last, memory + 8, 8);
		check_eq(machine_regs(m, 0).r12, last);
		check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
		check_ok(machine_slot(m, 1, KVM_MEM_READONLY, HIGH, PAGE,
				      memory));
		for (u32 n = 1; n <= 500; n++) {
			machine_expect_mmio(m, true, HIGH + 8, 8);
			check_eq(mmio_data(m), last + n);
		}
		check_eq(memcmp(memory + 8, &last, 8), 0);
		machine_expect_quiet(m, 1);
		check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
	}
}

/* The same load from memory and from a device, by turns; CF lives over it. */
TEST(hot_loads_go_to_memory_and_to_devices)
{
	struct machine *m =
		with_count(code_loads, code_loads_end, HIGH + 8, 300);
	u8 *memory = pages_new(PAGE);
	u64 sum = 0;

	memory[8] = 3;
	for (u32 i = 0; i < 20; i++) {
		check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
		machine_expect_quiet(m, 1);
		sum += 300 * 3;
		check_eq(machine_regs(m, 0).r12, sum);
		check_ok(machine_slot(m, 1, 0, HIGH, 0, NULL));
		for (u32 n = 0; n < 300; n++) {
			machine_expect_mmio(m, false, HIGH + 8, 8);
			mmio_answer(m, n);
			sum += n;
		}
		machine_expect_quiet(m, 1);
		check_eq(machine_regs(m, 0).r12, sum);
	}
}

TEST_FULL(hot_loads_of_memory_that_is_gone_give_efault, WHY_LOST)
{
	struct machine *m =
		with_count(code_loads, code_loads_end, HIGH + 8, 300);
	u8 *memory = pages_new(PAGE);
	u64 sum = 0;

	check_ok(machine_slot(m, 1, 0, HIGH, PAGE, memory));
	for (u32 i = 0; i < 20; i++) {
		memory[8] = (u8)i;
		machine_expect_quiet(m, 2);
		sum += 600ull * i;
		check_eq(machine_regs(m, 0).r12, sum);
		check_eq(munmap(memory, PAGE), 0);
		check_err(machine_run_raw(m, 0), EFAULT);
		check_eq(machine_regs(m, 0).rip,
			 machine_label(code_loads, code_loads_load));
		check_err(machine_run_raw(m, 0), EFAULT);
		check(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			   0) == memory);
	}
}

/* -------------------------------------------------------------- real mode - */

TEST(hot_code_changes_itself_in_real_mode)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, code_real, real);
	check_eq(machine_expect_say(m), 0);
	check_eq((u32)machine_regs(m, 0).rsi, 2000 * 1999 / 2);
}
