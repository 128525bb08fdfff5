/* SPDX-License-Identifier: MIT */
/*
 * The seam between the engine and the machine: the KVM ABI as typed C.
 *
 * One function per KVM ioctl, over the structs of <linux/kvm.h>, with the
 * semantics and error codes of the kernel's KVM API document [KVM-API]. What
 * is behind it (Linux's /dev/kvm, the software engine, later our own kernel
 * module) cannot be told from in front of it, except by what check_extension
 * answers.
 *
 * Every call returns 0 or a non-negative value as its ioctl does, or -errno.
 * A call that a way does not offer returns what the kernel would: -ENOTTY for
 * an ioctl that does not exist, -EINVAL or -ENXIO where [KVM-API] says so; the
 * function pointers themselves are never NULL.
 *
 * Threads: system and vm calls from any thread; a vcpu's calls from one thread
 * at a time (the kernel's vcpu mutex; a second caller waits). Kicking a vcpu
 * is a signal to its thread, or kvm_run.immediate_exit, as with the kernel.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/types.h"
#include "engine/cpu_model.h"

struct engine;
struct engine_vm;
struct engine_vcpu;

struct engine_ops;
struct engine_vm_ops;
struct engine_vcpu_ops;

/* The three handles; a way embeds them at the head of its own structs. */
struct engine {
	const struct engine_ops *ops;
};

struct engine_vm {
	const struct engine_vm_ops *ops;
};

struct engine_vcpu {
	const struct engine_vcpu_ops *ops;
	struct kvm_run *run; /* shared; owned by the vcpu; vcpu_mmap_size bytes */
};

/* /dev/kvm itself. [KVM-API 4 "API description"], type "system ioctl" */
struct engine_ops {
	const char *name; /* "kvm", "soft" */
	void (*free)(struct engine *e);
	/* KVM_CHECK_EXTENSION of the system: 0 = not there (or not complete). */
	int (*check_extension)(struct engine *e, u32 cap);
	int (*vcpu_mmap_size)(struct engine *e);
	/* nent in: room, out: used; -E2BIG when the room is too small. */
	int (*get_supported_cpuid)(struct engine *e, struct kvm_cpuid2 *cpuid);
	int (*get_emulated_cpuid)(struct engine *e, struct kvm_cpuid2 *cpuid);
	int (*get_msr_index_list)(struct engine *e, struct kvm_msr_list *list);
	int (*get_msr_feature_index_list)(struct engine *e,
					  struct kvm_msr_list *list);
	int (*get_feature_msrs)(struct engine *e, struct kvm_msrs *msrs);
	/* type 0 is the only machine type. *ret owned by the caller. */
	int (*create_vm)(struct engine *e, unsigned long type,
			 struct engine_vm **ret);
};

/* A VM. [KVM-API 4], type "vm ioctl" */
struct engine_vm_ops {
	/* All vcpus must have been freed, and no call may be under way. */
	void (*free)(struct engine_vm *vm);
	int (*check_extension)(struct engine_vm *vm, u32 cap);
	int (*enable_cap)(struct engine_vm *vm,
			  const struct kvm_enable_cap *cap);
	int (*create_vcpu)(struct engine_vm *vm, u32 id,
			   struct engine_vcpu **ret);

	int (*set_user_memory_region)(
		struct engine_vm *vm,
		const struct kvm_userspace_memory_region *region);
	int (*get_dirty_log)(struct engine_vm *vm,
			     const struct kvm_dirty_log *log);
	int (*clear_dirty_log)(struct engine_vm *vm,
			       const struct kvm_clear_dirty_log *log);
	int (*register_coalesced_mmio)(struct engine_vm *vm,
				       const struct kvm_coalesced_mmio_zone *zone);
	int (*unregister_coalesced_mmio)(
		struct engine_vm *vm,
		const struct kvm_coalesced_mmio_zone *zone);
	/*
	 * Two calls are ours. This one: guest memory [gpa, gpa+size) was written
	 * by somebody who is not a vcpu, and the guest is about to be told.
	 * A size of 0 is a promise: from now on every such write is told, and
	 * nothing is mapped behind a slot meanwhile; code need then not be
	 * compared with memory each time run() begins.
	 * A way whose hardware is coherent does nothing.
	 */
	void (*memory_written)(struct engine_vm *vm, u64 gpa, u64 size);
	/*
	 * The other: the memory at [hva, hva+bytes), multiples of 4096, is a
	 * shared mapping of this file from its start, and will be as long as
	 * the VM lives. Slots may lie in it; other processes of a way's own may
	 * then map their pages, too. Once, before the first vcpu; the way takes
	 * a duplicate of `fd`. -EINVAL, -EBUSY: too late or again, -EMFILE.
	 * With bytes of 0 it is only asked whether that is of use: 1 or 0.
	 */
	int (*memory_backing)(struct engine_vm *vm, u64 hva, u64 bytes, int fd);

	int (*set_tss_addr)(struct engine_vm *vm, u64 address);
	int (*set_identity_map_addr)(struct engine_vm *vm, u64 address);
	int (*set_boot_cpu_id)(struct engine_vm *vm, u32 id);

	int (*create_irqchip)(struct engine_vm *vm);
	int (*get_irqchip)(struct engine_vm *vm, struct kvm_irqchip *chip);
	int (*set_irqchip)(struct engine_vm *vm, const struct kvm_irqchip *chip);
	int (*create_pit2)(struct engine_vm *vm,
			   const struct kvm_pit_config *config);
	int (*get_pit2)(struct engine_vm *vm, struct kvm_pit_state2 *state);
	int (*set_pit2)(struct engine_vm *vm,
			const struct kvm_pit_state2 *state);
	int (*reinject_control)(struct engine_vm *vm,
				const struct kvm_reinject_control *control);
	int (*set_gsi_routing)(struct engine_vm *vm,
			       const struct kvm_irq_routing *routing);
	int (*irq_line)(struct engine_vm *vm, const struct kvm_irq_level *level);
	/* in-out: level->status. */
	int (*irq_line_status)(struct engine_vm *vm,
			       struct kvm_irq_level *level);
	int (*irqfd)(struct engine_vm *vm, const struct kvm_irqfd *irqfd);
	int (*ioeventfd)(struct engine_vm *vm,
			 const struct kvm_ioeventfd *ioeventfd);
	int (*signal_msi)(struct engine_vm *vm, const struct kvm_msi *msi);

	int (*get_clock)(struct engine_vm *vm, struct kvm_clock_data *clock);
	int (*set_clock)(struct engine_vm *vm,
			 const struct kvm_clock_data *clock);
	int (*set_tsc_khz)(struct engine_vm *vm, u32 khz);
	int (*get_tsc_khz)(struct engine_vm *vm);
	int (*set_msr_filter)(struct engine_vm *vm,
			      const struct kvm_msr_filter *filter);
};

/* A vCPU. [KVM-API 4], type "vcpu ioctl" */
struct engine_vcpu_ops {
	/* Not while another thread is inside one of its calls. */
	void (*free)(struct engine_vcpu *vcpu);
	/* KVM_RUN: 0 with run->exit_reason, or -EINTR, -EFAULT, … */
	int (*run)(struct engine_vcpu *vcpu);
	int (*enable_cap)(struct engine_vcpu *vcpu,
			  const struct kvm_enable_cap *cap);

	int (*get_regs)(struct engine_vcpu *vcpu, struct kvm_regs *regs);
	int (*set_regs)(struct engine_vcpu *vcpu, const struct kvm_regs *regs);
	int (*get_sregs)(struct engine_vcpu *vcpu, struct kvm_sregs *sregs);
	int (*set_sregs)(struct engine_vcpu *vcpu,
			 const struct kvm_sregs *sregs);
	int (*get_sregs2)(struct engine_vcpu *vcpu, struct kvm_sregs2 *sregs);
	int (*set_sregs2)(struct engine_vcpu *vcpu,
			  const struct kvm_sregs2 *sregs);
	int (*get_fpu)(struct engine_vcpu *vcpu, struct kvm_fpu *fpu);
	int (*set_fpu)(struct engine_vcpu *vcpu, const struct kvm_fpu *fpu);
	int (*get_xsave)(struct engine_vcpu *vcpu, struct kvm_xsave *xsave);
	int (*set_xsave)(struct engine_vcpu *vcpu,
			 const struct kvm_xsave *xsave);
	int (*get_xcrs)(struct engine_vcpu *vcpu, struct kvm_xcrs *xcrs);
	int (*set_xcrs)(struct engine_vcpu *vcpu, const struct kvm_xcrs *xcrs);
	/* Return how many were read or written; stop at the first refused. */
	int (*get_msrs)(struct engine_vcpu *vcpu, struct kvm_msrs *msrs);
	int (*set_msrs)(struct engine_vcpu *vcpu, const struct kvm_msrs *msrs);
	int (*set_cpuid2)(struct engine_vcpu *vcpu,
			  const struct kvm_cpuid2 *cpuid);
	int (*get_cpuid2)(struct engine_vcpu *vcpu, struct kvm_cpuid2 *cpuid);
	int (*get_lapic)(struct engine_vcpu *vcpu,
			 struct kvm_lapic_state *lapic);
	int (*set_lapic)(struct engine_vcpu *vcpu,
			 const struct kvm_lapic_state *lapic);
	int (*get_vcpu_events)(struct engine_vcpu *vcpu,
			       struct kvm_vcpu_events *events);
	int (*set_vcpu_events)(struct engine_vcpu *vcpu,
			       const struct kvm_vcpu_events *events);
	int (*get_mp_state)(struct engine_vcpu *vcpu,
			    struct kvm_mp_state *state);
	int (*set_mp_state)(struct engine_vcpu *vcpu,
			    const struct kvm_mp_state *state);
	int (*get_debugregs)(struct engine_vcpu *vcpu,
			     struct kvm_debugregs *regs);
	int (*set_debugregs)(struct engine_vcpu *vcpu,
			     const struct kvm_debugregs *regs);
	int (*set_guest_debug)(struct engine_vcpu *vcpu,
			       const struct kvm_guest_debug *debug);
	int (*translate)(struct engine_vcpu *vcpu,
			 struct kvm_translation *translation);
	int (*interrupt)(struct engine_vcpu *vcpu, u32 vector);
	int (*nmi)(struct engine_vcpu *vcpu);
	int (*smi)(struct engine_vcpu *vcpu);
	/* mask NULL: none. len is the kernel's sigset size, 8. */
	int (*set_signal_mask)(struct engine_vcpu *vcpu, const u64 *mask);
	int (*tpr_access_reporting)(struct engine_vcpu *vcpu,
				    struct kvm_tpr_access_ctl *control);
	int (*set_vapic_addr)(struct engine_vcpu *vcpu, u64 address);
	int (*set_tsc_khz)(struct engine_vcpu *vcpu, u32 khz);
	int (*get_tsc_khz)(struct engine_vcpu *vcpu);
	int (*kvmclock_ctrl)(struct engine_vcpu *vcpu);
	int (*x86_setup_mce)(struct engine_vcpu *vcpu, u64 mcg_cap);
	/*
	 * Ours, for measuring: guest instructions that the interpreter finished
	 * since creation, a REP counted once; translated code is not counted. 0
	 * on a way that does not count. From any thread; exact while the vcpu
	 * is not inside run.
	 */
	u64 (*instructions)(struct engine_vcpu *vcpu);
	/* mmap of the vcpu fd at `page` pages: 0 is *run. NULL past the end. */
	void *(*mapped_page)(struct engine_vcpu *vcpu, u32 page);
};

/*
 * The software engine. Never fails for want of privileges; -ENOMEM. `options`
 * may be NULL; it is for tests and measurements, words separated by commas:
 *
 *	tier=0		interpret only; tier=1 (default) translates what is hot
 *	threshold=N	translate after N executions, 1..200
 *	verify=N	compare every Nth translated unit with the interpreter
 *	cache=SIZE	of the code cache of each vCPU, 64K..64M
 *	kick		leave generated code at each poll
 *	flush		drop all translations each time it is left: a boot does
 *			not come to its end like this
 *	flush=N		... every Nth time, 1..1000000
 *
 * -EINVAL for anything else.
 */
int engine_soft_open(const char *options, struct engine **ret,
		     struct fault *fault);
/* False: it only interprets, as asked or for want of executable memory. */
bool engine_soft_translates(const struct engine *e);

/* Linux's /dev/kvm. -ENOENT, -EACCES, …; -ENOSYS for an API version not 12. */
int engine_kvm_open(struct engine **ret, struct fault *fault);

/* What the probe of /dev/kvm found; see engine/kvm/probe.c. */
enum kvm_quality { KVM_ABSENT, KVM_LIMITED, KVM_FULL };

/*
 * --accel: "auto" takes a full /dev/kvm, else the software engine; "kvm" and
 * "soft" force, "soft:OPTIONS" with options of engine_soft_open(). reason (may
 * be NULL) gets one line that says which and why.
 * -EINVAL for an unknown name, else as the opener.
 */
int engine_open(const char *accel, struct engine **ret, char *reason,
		u32 reason_size, struct fault *fault);

#endif
