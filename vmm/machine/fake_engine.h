/* SPDX-License-Identifier: MIT */
/*
 * For machine tests: an engine that executes nothing. Each vCPU plays a list
 * of exits; after the last it waits, as in HLT, until it is kicked.
 */
#ifndef VMM_MACHINE_FAKE_ENGINE_H
#define VMM_MACHINE_FAKE_ENGINE_H

#include "engine/engine.h"

#define FAKE_VCPU_MAX	 8
#define FAKE_EXIT_MAX	 16
#define FAKE_MEMSLOT_MAX 16

/* One exit, as the test describes it; port or gpa in `address`. */
struct fake_exit {
	u32 reason;
	int err; /* returned by run() instead, if not 0 */
	u64 address;
	u32 size, count;
	bool write;
	bool together; /* not before all vCPUs are at such an exit */
	u64 value;     /* written by the guest */
	u64 read;      /* what the machine answered; filled when completed */
	u32 detail;    /* suberror, event type, vector of KVM_EXIT_DEBUG; there
		     * `address` is pc and `value` dr6 */
};

struct fake_vcpu {
	struct engine_vcpu vcpu;
	struct fake_engine *engine;
	u32 id;
	struct fake_exit exit[FAKE_EXIT_MAX];
	u32 exit_count;
	u32 next;      /* exit to be played */
	bool pending;  /* exit[next - 1] is not completed */
	u32 run_count; /* atomic */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_mp_state mp_state;
	struct kvm_guest_debug debug; /* the last one set */
	u32 debug_given_back;	      /* with KVM_GUESTDBG_INJECT_BP */
	u32 state_load_count;	      /* set_sregs calls */
	u32 physical_bits;	      /* of its CPUID */
	u8 run_page[8192];
};

struct fake_engine {
	struct engine engine;
	struct engine_vm vm;
	bool vm_created;
	u32 memslot_count; /* that are there */
	struct kvm_userspace_memory_region memslot[FAKE_MEMSLOT_MAX];
	u32 irq_line_count[24]; /* changes seen; atomic */
	u32 written_count;
	u64 written_gpa, written_size; /* told last */
	u32 route_count;
	int fail; /* every creating call returns it from call `fail_at` on */
	u32 fail_at, call_count;
	struct fake_vcpu vcpu[FAKE_VCPU_MAX];
	u32 vcpu_count;
	u32 together_count; /* vCPUs that came to such an exit; atomic */
	u32 live_vcpus;
};

void fake_engine_init(struct fake_engine *fake);
/* For vCPU `index`, before it is created. The entry may be read back. */
struct fake_exit *fake_engine_add(struct fake_engine *fake, u32 index,
				  struct fake_exit exit);

#endif
