/* SPDX-License-Identifier: MIT */
/*
 * The software engine by itself: what the conformance suite cannot see from
 * outside, because it is about counting, caching and clocks.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/soft/block.h"
#include "engine/soft/soft.h"
#include "engine/soft/ticker.h"

#include "base/clock.h"
#include "base/test.h"

#define RAM_BYTES (1 * MiB)
#define CODE	  0x1000

static struct engine *engine;
static struct engine_vm *vm;
static struct engine_vcpu *vcpu;
static u8 *ram;

/* A real-mode machine with `size` bytes of code at CODE. */
static void machine_with(const char *options, const void *code, u32 size)
{
	struct kvm_userspace_memory_region region = {.memory_size = RAM_BYTES};
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};

	ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(ram != MAP_FAILED);
	region.userspace_addr = (u64)(uintptr_t)ram;
	check_eq(engine_soft_open(options, &engine, NULL), 0);
	check_eq(engine->ops->create_vm(engine, 0, &vm), 0);
	check_eq(vm->ops->set_user_memory_region(vm, &region), 0);
	check_eq(vm->ops->create_vcpu(vm, 0, &vcpu), 0);
	check_eq(vcpu->ops->get_sregs(vcpu, &sregs), 0);
	sregs.cs.base = sregs.cs.selector = 0;
	check_eq(vcpu->ops->set_sregs(vcpu, &sregs), 0);
	check_eq(vcpu->ops->set_regs(vcpu, &regs), 0);
	memcpy(ram + CODE, code, size);
}

static void machine(const void *code, u32 size)
{
	machine_with(NULL, code, size);
}

static void machine_end(void)
{
	vcpu->ops->free(vcpu);
	vm->ops->free(vm);
	engine->ops->free(engine);
	check_eq(munmap(ram, RAM_BYTES), 0);
}

static struct x86_cpu *cpu_of(struct engine_vcpu *handle)
{
	return &soft_vcpu(handle)->cpu;
}

TEST(a_loop_of_known_length_is_counted_to_the_instruction)
{
	/* mov ecx, 100000; 1: dec ecx; jnz 1b; hlt */
	static const u8 code[] = {0x66, 0xb9, 0xa0, 0x86, 0x01, 0x00,
				  0x66, 0x49, 0x75, 0xfc, 0xf4};

	machine_with("tier=0", code, sizeof(code)); /* which alone counts */
	check_eq(vcpu->ops->run(vcpu), 0);
	check_eq(vcpu->run->exit_reason, KVM_EXIT_HLT);
	check_eq(vcpu->ops->instructions(vcpu), 1 + 2 * 100000 + 1);
	machine_end();
}

TEST(a_repeated_string_instruction_counts_once)
{
	/* mov cx, 3000; mov di, 0x2000; rep stosb; hlt */
	static const u8 code[] = {0xb9, 0xb8, 0x0b, 0xbf, 0x00,
				  0x20, 0xf3, 0xaa, 0xf4};

	machine(code, sizeof(code));
	check_eq(vcpu->ops->run(vcpu), 0);
	check_eq(vcpu->ops->instructions(vcpu), 4);
	machine_end();
}

TEST(a_store_into_the_next_instruction_is_executed_as_written)
{
	/* mov byte [1007h], 42h (inc dx); nops turned into inc dx; hlt */
	static const u8 code[] = {0xba, 0x00, 0x00,		/* mov dx, 0 */
				  0xc6, 0x06, 0x08, 0x10, 0x42, /* at 1003h */
				  0x90, 0xf4};
	struct kvm_regs regs;

	machine(code, sizeof(code));
	check_eq(vcpu->ops->run(vcpu), 0);
	check_eq(vcpu->ops->get_regs(vcpu, &regs), 0);
	check_eq(regs.rdx, 1);
	machine_end();
}

TEST(code_changed_behind_the_engines_back_is_seen_at_the_next_entry)
{
	static const u8 code[] = {0xb8, 0x01, 0x00, 0xf4}; /* mov ax, 1; hlt */
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};

	machine(code, sizeof(code));
	check_eq(vcpu->ops->run(vcpu), 0);
	ram[CODE + 1] = 7; /* as a device's DMA would */
	check_eq(vcpu->ops->set_regs(vcpu, &regs), 0);
	check_eq(vcpu->ops->run(vcpu), 0);
	check_eq(vcpu->ops->get_regs(vcpu, &regs), 0);
	check_eq(regs.rax, 7);
	machine_end();
}

TEST(a_block_ends_at_a_branch_and_before_the_page_ends)
{
	const struct block *block;
	struct x86_cpu *cpu;

	/* nop; nop; jmp $ */
	machine("\x90\x90\xeb\xfe", 4);
	cpu = cpu_of(vcpu);
	soft_guest_enter(soft_vcpu(vcpu));
	check_eq(block_find(soft_vcpu(vcpu)->blocks, cpu, &block), X86_OK);
	check_eq(block->count, 3);
	check_eq(block->bytes, 4);
	memset(ram + 0x1ffd, 0x90, 2);
	ram[0x1fff] = 0xb8; /* mov ax, imm16: runs over the end */
	RIP(cpu) = 0x1ffd;
	check_eq(block_find(soft_vcpu(vcpu)->blocks, cpu, &block), X86_OK);
	check_eq(block->count, 2);
	RIP(cpu) = 0x1fff;
	check_eq(block_find(soft_vcpu(vcpu)->blocks, cpu, &block), X86_OK);
	check_eq(block->count, 0);
	soft_guest_leave(soft_vcpu(vcpu));
	machine_end();
}

TEST(a_full_block_cache_starts_over)
{
	const struct block *block;
	struct x86_cpu *cpu;

	machine("\x90", 1);
	cpu = cpu_of(vcpu);
	memset(ram, 0x90, RAM_BYTES);
	soft_guest_enter(soft_vcpu(vcpu));
	for (u32 at = 0; at < 0xf000; at++) { /* 60 K blocks of up to 32 nops */
		RIP(cpu) = at;
		check_eq(block_find(soft_vcpu(vcpu)->blocks, cpu, &block),
			 X86_OK);
		check(block->count >= 1);
		check_eq(block->host, (u64)(uintptr_t)(ram + at));
	}
	soft_guest_leave(soft_vcpu(vcpu));
	machine_end();
}

/* Runs guest code, as far as others can see, until it is asked to look. */
static void run_until_asked(struct soft_vcpu *soft)
{
	u64 end = clock_now_ns() + 60 * NS_PER_S;

	__atomic_store_n(&soft->request, 0, __ATOMIC_SEQ_CST);
	soft_guest_enter(soft);
	while (!(__atomic_load_n(&soft->request, __ATOMIC_SEQ_CST) &
		 REQUEST_POLL))
		check(clock_now_ns() < end);
	soft_guest_leave(soft);
}

TEST(a_vcpu_that_runs_is_asked_to_look_however_long_nobody_did)
{
	struct soft_vcpu *soft;

	machine("\xf4", 1);
	soft = soft_vcpu(vcpu);
	for (u32 i = 0; i < 10; i++) {
		run_until_asked(soft);
		soft_guest_enter(soft); /* again, and out before it is asked */
		soft_guest_leave(soft);
		ticker_rest(soft->vm->ticker);
		ticker_rest(soft->vm->ticker);
		run_until_asked(soft);
		soft_guest_enter(soft);
		ticker_rest(soft->vm->ticker); /* another one's: it goes on */
		soft_guest_leave(soft);
	}
	machine_end();
}

/* Is the page of this address in memory? */
static bool page_there(u64 address)
{
	u8 there = 0;

	check_eq(mincore((void *)(uintptr_t)(address & ~4095ull), 4096, &there),
		 0);
	return there & 1;
}

TEST(a_trimmed_block_cache_gives_memory_back_and_goes_on)
{
	const struct block *block;
	struct block_cache *blocks;

	machine("\x90", 1);
	memset(ram, 0x90, RAM_BYTES);
	blocks = soft_vcpu(vcpu)->blocks;
	soft_guest_enter(soft_vcpu(vcpu));
	for (u32 round = 0; round < 2; round++) {
		for (u32 at = 0; at < 0x800; at++) { /* 2 K blocks of 32 */
			RIP(cpu_of(vcpu)) = at;
			check_eq(block_find(blocks, cpu_of(vcpu), &block),
				 X86_OK);
			check_eq(block->host, (u64)(uintptr_t)(ram + at));
			check_eq(block->count, 32);
		}
		check(page_there((u64)(uintptr_t)block));
		block_cache_trim(blocks);
		check(!page_there((u64)(uintptr_t)block));
		block_cache_trim(blocks); /* of nothing */
	}
	soft_guest_leave(soft_vcpu(vcpu));
	machine_end();
}

TEST(kvmclock_reads_nanoseconds_of_its_vm)
{
	struct kvm_clock_data clock = {.clock = 5000000000ull};
	struct kvm_clock_data first, second;

	machine("\xf4", 1);
	check_eq(vm->ops->set_clock(vm, &clock), 0);
	check_eq(vm->ops->get_clock(vm, &first), 0);
	check_eq(vm->ops->get_clock(vm, &second), 0);
	check(first.clock >= clock.clock);
	check(first.clock < clock.clock + 10000000000ull);
	check(second.clock >= first.clock);
	check(second.host_tsc >= first.host_tsc);
	machine_end();
}

TEST(the_host_tsc_rate_is_plausible)
{
	u32 khz = soft_host_tsc_khz(soft_instant_now());

	check(khz > 100000);
	check(khz < 20000000);
}

TEST(a_scaled_tsc_runs_at_its_own_rate)
{
	struct soft_vcpu *soft;
	u64 before, after, host_before, host_after;
	u32 half;

	machine("\xf4", 1);
	soft = soft_vcpu(vcpu);
	half = soft->tsc_khz / 2;
	check_eq(vcpu->ops->set_tsc_khz(vcpu, half), 0);
	check_eq(vcpu->ops->get_tsc_khz(vcpu), half);
	host_before = __builtin_ia32_rdtsc();
	before = soft_guest_tsc(soft);
	do
		host_after = __builtin_ia32_rdtsc();
	while (host_after - host_before < 20000000);
	after = soft_guest_tsc(soft);
	check((after - before) * 2 > 19000000);
	check((after - before) * 2 <
	      __builtin_ia32_rdtsc() - host_before + 1000000);
	check_eq(vcpu->ops->set_tsc_khz(vcpu, 1), -EINVAL);
	machine_end();
}

TEST(memory_of_a_slot_is_found_by_its_address_and_nothing_beside_it)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = 4 * MiB, .memory_size = 8192};

	machine("\xf4", 1);
	region.userspace_addr = (u64)(uintptr_t)ram;
	check_eq(vm->ops->set_user_memory_region(vm, &region), 0);
	check(soft_page(soft_vm(vm), 4 * MiB + 4096, false) == ram + 4096);
	check(soft_page(soft_vm(vm), 4 * MiB + 8192, false) == NULL);
	check(soft_page(soft_vm(vm), 4 * MiB - 4096, false) == NULL);
	check(soft_page(soft_vm(vm), 0, true) == ram);
	machine_end();
}
