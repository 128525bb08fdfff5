/* SPDX-License-Identifier: MIT */
/*
 * The machine of a test: a VM with 2 MiB of memory at 0 and some vCPUs.
 *
 * Where things are in it (guest-physical, and linear in long mode, which maps
 * the first 4 GiB one to one with 2 MiB pages):
 */
#ifndef ENGINE_CONFORM_MACHINE_H
#define ENGINE_CONFORM_MACHINE_H

#include "engine/conform/layout.h"
#include "engine/conform/conform.h"

/* machine_new: the interrupt set-up. */
enum machine_irq {
	MACHINE_NO_IRQCHIP,
	MACHINE_IRQCHIP, /* KVM_CREATE_IRQCHIP */
	MACHINE_SPLIT,	 /* KVM_CAP_SPLIT_IRQCHIP with 24 pins */
};

#define MACHINE_VCPUS_MAX 4

struct machine {
	struct engine_vm *vm;
	struct engine_vcpu *vcpu[MACHINE_VCPUS_MAX];
	struct kvm_run *run; /* of vCPU 0 */
	u8 *ram;
};

/* One machine a test; with vCPU 0. Fails the test if it cannot. */
struct machine *machine_new(enum machine_irq irq);
/* The same without any vCPU and memory. */
struct machine *machine_bare(enum machine_irq irq);
/* Adds vCPU `id` with the supported CPUID. */
void machine_add_vcpu(struct machine *m, u32 id);
void machine_free_all(void);
/* Frees what is in `m` and moves `other`, the newest machine, into its place. */
void machine_swap_free(struct machine *m, struct machine *other);

/* Where vCPU 0 is and why it stopped, for a failed test. */
void machine_describe(void);

/* A guest of some *.S file: GUEST(name) declares it. */
#define GUEST(name) extern const u8 name[], name##_end[]
/* Two symbols, one object: to the compiler they are unrelated arrays. */
#define GUEST_SIZE(name) ((u32)((uintptr_t)name##_end - (uintptr_t)name))
#define LABEL(name)	 extern const u8 name[]

/* Puts a guest's bytes at GUEST_CODE. */
#define machine_load(m, name) \
	machine_copy((m), GUEST_CODE, name, GUEST_SIZE(name))
void machine_copy(struct machine *m, u64 gpa, const void *bytes, u32 size);

/* The address of a label of a loaded guest. */
#define machine_label(name, label) \
	(GUEST_CODE + (u64)((uintptr_t)(label) - (uintptr_t)(name)))

/* Sets the vCPU to start at GUEST_CODE in the given mode. */
void machine_start_real(struct machine *m, u32 id);
void machine_start_flat(struct machine *m, u32 id); /* 32-bit, no paging */
void machine_start_long(struct machine *m, u32 id);

/* An interrupt gate of the long-mode IDT. */
void machine_gate(struct machine *m, u32 vector, u64 address);

/* Loads and starts vCPU 0. */
#define machine_begin(m, name, mode)          \
	do {                                  \
		machine_load((m), name);      \
		machine_start_##mode((m), 0); \
	} while (0)

/* KVM_RUN of vCPU 0: returns the exit reason; fails on an error. */
u32 machine_run(struct machine *m);
int machine_run_raw(struct machine *m, u32 id);

/* Runs until the next exit, which must be this one. */
void machine_expect(struct machine *m, u32 exit_reason);
/* OUT to PORT_DONE. */
void machine_expect_done(struct machine *m);
/* OUT to PORT_SAY: the byte. */
u8 machine_expect_say(struct machine *m);
/* Lets PORT_TICK pass until the guest says something: the byte. */
u8 machine_next_say(struct machine *m);
/* The guest ticks `count` times and says nothing. */
void machine_expect_quiet(struct machine *m, u32 count);
/* One IO exit; returns the data to read or fill. */
void *machine_expect_io(struct machine *m, u8 direction, u16 port, u8 size,
			u32 count);
void machine_expect_mmio(struct machine *m, bool write, u64 gpa, u32 len);
u64 mmio_data(const struct machine *m);
void mmio_answer(struct machine *m, u64 value);

struct kvm_regs machine_regs(struct machine *m, u32 id);
void machine_set_regs(struct machine *m, u32 id, const struct kvm_regs *regs);
struct kvm_sregs machine_sregs(struct machine *m, u32 id);
void machine_set_sregs(struct machine *m, u32 id, const struct kvm_sregs *sregs);

int machine_slot(struct machine *m, u32 slot, u32 flags, u64 gpa, u64 size,
		 void *memory);

u64 machine_msr(struct machine *m, u32 id, u32 index);
int machine_set_msr(struct machine *m, u32 id, u32 index, u64 value);

void *pages_new(u64 size); /* anonymous, zero, page-aligned; freed at exit */

u64 ram_u64(const struct machine *m, u64 gpa);
u32 ram_u32(const struct machine *m, u64 gpa);
u16 ram_u16(const struct machine *m, u64 gpa);
void ram_set(struct machine *m, u64 gpa, u64 value, u32 size);

/* --- interrupts --- */

/* A pin of the in-kernel IOAPIC: fixed delivery to APIC ID 0. */
void machine_pin(struct machine *m, u32 pin, u8 vector, bool level, bool masked);
int machine_line(struct machine *m, u32 gsi, u32 level);
/* The status of KVM_IRQ_LINE_STATUS. */
int machine_line_status(struct machine *m, u32 gsi, u32 level);

/* A routing table under construction. */
#define ROUTES_MAX 32

union routes {
	struct kvm_irq_routing head;
	struct {
		u32 nr, flags;
		struct kvm_irq_routing_entry entry[ROUTES_MAX];
	};
};

void route_msi(union routes *routes, u32 gsi, u32 address, u32 data);
void route_pin(union routes *routes, u32 gsi, u32 chip, u32 pin);

/* Runs vCPU `id` in a thread of its own; see runner.c. */
struct runner;
struct runner *runner_start(struct machine *m, u32 id);
/* Kicks it with a signal and waits: the result of its last KVM_RUN. */
int runner_stop(struct runner *r);
/* Waits until it stops by itself (an exit it cannot handle alone). */
int runner_join(struct runner *r);

/*
 * runner: what it does with an exit. IO to PORT_TICK is counted and run goes
 * on; everything else ends it.
 */
u64 runner_ticks(const struct runner *r);

#endif
