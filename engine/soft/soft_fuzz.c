/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest: arbitrary bytes as memory, page tables, descriptor tables
 * and code, in any mode, with devices that answer garbage. Whatever it does, a
 * run ends with an exit or with a signal, never with a fault of ours.
 *
 * Byte 0 picks the mode, 1 the interrupt set-up, 2 a way to step; the rest is
 * memory from address 0, where CS:RIP points at START.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/core/x86.h"
#include "engine/engine.h"

#define RAM_BYTES (256 * KiB)
#define START	  0x200
#define RUNS_MAX  16
#define SLICE_NS  500000

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void nothing(int signal)
{
	(void)signal;
}

static struct engine *engine_once(void)
{
	static struct engine *engine;

	if (!engine) {
		struct sigaction action = {.sa_handler = nothing};

		if (engine_soft_open(NULL, &engine, NULL) ||
		    sigaction(SIGUSR2, &action, NULL))
			abort();
	}
	return engine;
}

/* Real time, because a guest may sleep for ever; again and again, because the
 * first one may come before the run has begun. */
static timer_t timer_once(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGUSR2};
	static timer_t timer;
	static bool made;

	if (!made && timer_create(CLOCK_MONOTONIC, &event, &timer))
		abort();
	made = true;
	return timer;
}

static void code_segment(struct kvm_segment *cs, bool wide, bool big)
{
	*cs = (struct kvm_segment){.limit = 0xffffffff,
				   .selector = 8,
				   .type = 11,
				   .present = 1,
				   .s = 1,
				   .g = 1,
				   .l = wide,
				   .db = big};
}

/* Real, 32-bit with and without paging, PAE, long: tables are the guest's. */
static void mode_set(struct engine_vcpu *vcpu, u8 mode)
{
	struct kvm_sregs sregs;

	if (vcpu->ops->get_sregs(vcpu, &sregs))
		abort();
	sregs.cs.base = sregs.cs.selector = 0;
	sregs.gdt.limit = sregs.idt.limit = 0xfff;
	sregs.idt.base = 0x400;
	if (mode & 7) {
		sregs.cr0 |= CR0_PE;
		code_segment(&sregs.cs, (mode & 7) == 4, (mode & 7) < 4);
	}
	if ((mode & 7) > 1) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = 0x1000;
	}
	if ((mode & 7) > 2)
		sregs.cr4 |= CR4_PAE;
	if ((mode & 7) == 4)
		sregs.efer |= EFER_LME | EFER_LMA;
	if (mode & 8)
		sregs.cs.dpl = sregs.ss.dpl = 3;
	(void)vcpu->ops->set_sregs(vcpu, &sregs); /* may be refused: stay real */
}

static void registers_set(struct engine_vcpu *vcpu, const u8 *data, size_t size)
{
	struct kvm_regs regs = {0};
	struct kvm_fpu fpu;

	memcpy(&regs, data, size < sizeof(regs) ? size : sizeof(regs));
	regs.rip = START;
	regs.rsp &= 0x3fff8;
	if (vcpu->ops->get_fpu(vcpu, &fpu) || vcpu->ops->set_regs(vcpu, &regs))
		abort();
	memcpy(fpu.xmm, data, size < sizeof(fpu.xmm) ? size : sizeof(fpu.xmm));
	(void)vcpu->ops->set_fpu(vcpu, &fpu); /* MXCSR is the old one: fine */
}

static void run_some(struct engine_vcpu *vcpu, u8 how)
{
	const struct itimerspec slice = {.it_value.tv_nsec = SLICE_NS,
					 .it_interval.tv_nsec = SLICE_NS};
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE |
						   KVM_GUESTDBG_SINGLESTEP};

	if (how & 1)
		(void)vcpu->ops->set_guest_debug(vcpu, &debug);
	for (u32 i = 0; i < RUNS_MAX; i++) {
		if (timer_settime(timer_once(), 0, &slice, NULL))
			abort();
		if (vcpu->ops->run(vcpu))
			return;
		if (vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN ||
		    vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
			return;
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			memset(vcpu->run->mmio.data, (int)i * 37, 8);
	}
}

static void machine_run(struct engine_vm *vm, u8 *ram, const u8 *data,
			size_t size)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = RAM_BYTES, .userspace_addr = (u64)(uintptr_t)ram};
	struct kvm_pit_config pit = {0};
	struct engine_vcpu *vcpu;

	if (data[1] & 1) {
		(void)vm->ops->create_irqchip(vm);
		(void)vm->ops->create_pit2(vm, &pit);
	}
	if (vm->ops->set_user_memory_region(vm, &region) ||
	    vm->ops->create_vcpu(vm, 0, &vcpu))
		abort();
	mode_set(vcpu, data[0]);
	registers_set(vcpu, data + 3, size - 3);
	run_some(vcpu, data[2]);
	vcpu->ops->free(vcpu);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct engine *engine = engine_once();
	struct engine_vm *vm;
	u8 *ram;

	if (size < 4)
		return 0;
	ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED || engine->ops->create_vm(engine, 0, &vm))
		abort();
	memcpy(ram, data + 3, size - 3 < RAM_BYTES ? size - 3 : RAM_BYTES);
	machine_run(vm, ram, data, size);
	vm->ops->free(vm);
	if (munmap(ram, RAM_BYTES))
		abort();
	return 0;
}
