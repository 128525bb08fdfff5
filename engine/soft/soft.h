/* SPDX-License-Identifier: MIT */
/*
 * Inside of the software engine: its system, its VMs, its vCPUs.
 *
 * A vCPU is the thread that calls run(): there is no thread of the engine
 * besides, except one per VM that listens to irqfds once there are any. Timers
 * are looked at by the vCPUs themselves, between blocks of guest code and while
 * they sleep in HLT.
 *
 * Locks, outermost first:
 *   vcpu.lock       one caller inside a vcpu's calls, as the kernel's
 *   vm.lock         vcpu list, slots, devices, clock: the VM's configuration
 *   vm.exclusive    held while every vCPU is outside guest code
 *   vm.irq_lock     the irqchip and everything it calls
 *   vm.run_lock     the count of vCPUs inside guest code; never held long
 * Slots and their bitmaps change only with vm.lock held and all vCPUs outside;
 * so a vCPU inside reads them without a lock, and anybody else with vm.lock.
 */
#ifndef ENGINE_SOFT_SOFT_H
#define ENGINE_SOFT_SOFT_H

#include <setjmp.h>
#include <signal.h>

#include "base/thread.h"
#include "engine/core/cpuid/cpuid.h"
#include "engine/core/irqchip/irqchip.h"
#include "engine/core/x86.h"
#include "engine/engine.h"
#include "engine/soft/translate/translate.h"

#define SOFT_VCPUS_MAX	       255
#define SOFT_SLOTS_MAX	       512
#define SOFT_CPUID_MAX	       256
#define SOFT_IOEVENTFDS_MAX    1000
#define SOFT_IRQFDS_MAX	       1024
#define SOFT_FILTER_RANGES_MAX 16
#define SOFT_RUN_PAGES	       3 /* kvm_run, PIO data, coalesced ring */
#define SOFT_PIO_OFFSET	       4096
#define SOFT_RING_OFFSET       (KVM_COALESCED_MMIO_PAGE_OFFSET * 4096)
#define SOFT_DROPS_MAX	       64

struct soft_engine {
	struct engine engine;
	u32 tsc_khz;	       /* the host's */
	u64 arch_capabilities; /* MSR_ARCH_CAPABILITIES bits of the host */
	u32 supported_count;
	struct kvm_cpuid_entry2 supported[CPUID_ENTRIES_MAX];
	u64 features[CPUID_FEATURE_WORDS]; /* what the host can run */
	struct x86_ops ops;   /* soft_cpu_ops and this host's vector unit */
	struct fpu_host *fpu; /* owned */
	bool fsgsbase; /* the GS base is a register for user space, too */
	u32 tier;      /* the highest to be used: 0, 1 or 3 */
	s32 promote; /* samples that must speak for tier 3; 0: all is run there */
	struct translate_options translate;
};

#define SOFT_PROMOTE 4 /* what is usual */

/* --- guest memory --- */

struct soft_slot {
	gpa_t gpa;
	u64 size;   /* bytes; multiples of 4096 */
	u64 hva;    /* the client's: borrowed */
	u64 *dirty; /* owned; one bit per page, NULL: not logged */
	u32 id;
	u32 flags; /* KVM_MEM_* */
};

struct soft_slots {
	u32 count;
	struct soft_slot slot[SOFT_SLOTS_MAX]; /* sorted by gpa */
};

/* --- ioeventfd, irqfd --- */

struct soft_ioeventfd {
	u64 address;
	u64 datamatch;
	u32 length; /* 0: any */
	u32 flags;
	int fd; /* owned: a duplicate */
};

struct soft_irqfd {
	u32 gsi;
	int fd, resample_fd; /* owned duplicates; -1 */
	bool used;
	bool raised; /* resample: line is held high by us */
};

struct soft_vcpu;
struct soft_coalesced;
struct code_map;
struct ticker;

struct soft_msr_filter {
	bool deny_default;
	u32 count;
	struct {
		u32 flags, base, nmsrs;
		u8 *bitmap; /* owned */
	} range[SOFT_FILTER_RANGES_MAX];
};

struct soft_vm {
	struct engine_vm vm;
	struct soft_engine *engine; /* borrowed: outlives the VM */
	struct mutex lock;
	struct mutex exclusive;
	struct mutex run_lock;
	struct cond run_cond;
	u32 inside;		  /* run_lock: vCPUs in guest code */
	bool paused;		  /* run_lock: none may enter */
	struct soft_slots *slots; /* owned */
	struct soft_vcpu *vcpu[SOFT_VCPUS_MAX]; /* by id; owned by the client */
	u32 vcpu_count, boot_cpu_id;
	bool manual_dirty_protect;

	struct mutex irq_lock;
	struct irqchip *irqchip;	   /* owned; NULL: none */
	const struct irq_routing *routing; /* owned */
	u32 split_reserved; /* split: pins of the client's IOAPIC */
	bool split;
	bool ids_32bit, no_broadcast_quirk;

	struct soft_coalesced *coalesced; /* owned */
	u32 ioeventfd_count;		  /* lock and exclusive */
	struct soft_ioeventfd *ioeventfd; /* owned array */
	struct soft_irqfd *irqfd;	  /* owned array; irq_lock */
	struct thread irqfd_thread;
	int irqfd_epoll, irqfd_stop; /* -1: no thread yet */

	/* lock; read by vCPUs inside: changes come with all outside */
	u64 clock_base_tsc;   /* at this host TSC ... */
	u64 clock_base_ns;    /* ... kvmclock reads this */
	u64 tsc_offset_first; /* of the VM: host TSC at creation, negated */
	u32 tsc_khz;
	u32 user_msr_mask;   /* KVM_CAP_X86_USER_SPACE_MSR */
	u64 exit_hypercalls; /* KVM_CAP_EXIT_HYPERCALL */
	bool exception_payload;
	struct soft_msr_filter *filter; /* owned; NULL: none */

	/* The memory that stubs can map, if the client has told of any. */
	int ram_fd; /* owned: a duplicate; -1 */
	u64 ram_hva, ram_bytes;
	bool logged; /* a slot counts dirty pages */

	struct code_map *code_map; /* owned; NULL: nothing is translated */
	bool writes_told;      /* the client tells of every write to memory */
	struct ticker *ticker; /* owned; NULL: tier 0 counts blocks */
};

/* vcpu.request: looked at before each block. */
enum {
	REQUEST_PAUSE = 1 << 0, /* somebody wants all vCPUs outside */
	REQUEST_FLUSH = 1 << 1, /* host addresses changed: drop the TLBs */
	REQUEST_EVENT = 1 << 2, /* ask the irqchip */
	REQUEST_NMI = 1 << 3,
	REQUEST_INIT = 1 << 4,
	REQUEST_SIPI = 1 << 5,
	REQUEST_EOI_EXIT = 1 << 6,
	REQUEST_CLOCK = 1 << 7,	 /* kvmclock page must be written anew */
	REQUEST_WINDOW = 1 << 8, /* something waits for IF or the shadow */
	REQUEST_POLL = 1 << 9,	 /* look at the clock and for signals now */
	REQUEST_TRIPLE = 1 << 10,
	REQUEST_CODE = 1 << 11, /* translations to drop, writes to forget */
};

struct block_cache;
struct direct;

struct soft_vcpu {
	struct engine_vcpu vcpu;
	struct x86_cpu cpu;
	struct soft_vm *vm; /* borrowed */
	struct mutex lock;
	u32 id;
	u32 request;   /* atomic */
	bool sleeping; /* atomic: waits on wake_fd, in HLT or for a stub */
	int wake_fd;   /* owned: eventfd */
	u32 mp_state;  /* KVM_MP_STATE_*; the vcpu's thread */
	s32 budget;    /* blocks until the next look at the clock */
	u64 slept_ns;  /* the last time */
	struct block_cache *blocks;    /* owned */
	struct translator *translator; /* owned; NULL: tier 0 alone */
	struct direct *direct;	       /* owned; NULL: no tier 3 */
	bool direct_on;	  /* the address space in force has a stub */
	bool direct_held; /* ... which must not run until the kernel returns */
	bool interrupted; /* a signal's handler ran: run() is to end */
	u64 transfers;	  /* ends of units that enter or leave the kernel */
	/* The slot last read from; nothing when slots change. */
	u64 slot_gpa, slot_size, slot_hva;
	bool inside_code; /* generated code, or what it called, runs */
	u32 drop_count;	  /* code_map's lock; over the maximum: everything */
	u64 drop[SOFT_DROPS_MAX]; /* host pages whose translations must go */

	struct lapic lapic;
	bool has_lapic;
	u8 sipi_vector;
	u8 cr8;			   /* without LAPIC */
	u64 apic_base;		   /* without LAPIC */
	struct vector_set eoi_due; /* irq_lock: split, to report */

	/* Events on their way in. */
	u32 nmi_queued; /* atomic: NMIs raised, not looked at yet */
	u8 nmi_pending; /* waiting for their turn: 0..2 */
	s16 extint;	/* KVM_INTERRUPT without irqchip: vector, -1 */
	bool irq_waits; /* the irqchip has one that IF or a shadow holds */
	bool exception_queued; /* set_vcpu_events: cpu.exception to deliver */
	bool interrupt_queued; /* accepted, not delivered yet */
	u8 interrupt_vector;

	/* The exit that the next run() finishes. */
	u8 pending;	/* enum soft_pending */
	u64 tsc_offset; /* guest TSC = host TSC scaled + offset */
	u32 tsc_khz;
	u64 tsc_ratio; /* guest per host tick, 32.32; 0: equal */
	struct vcpu_sigset {
		bool set;
		u64 mask;
	} sigset;
	u64 old_mask; /* while inside run() */

	u32 cpuid_count;
	struct kvm_cpuid_entry2 cpuid[SOFT_CPUID_MAX];
	bool guest_stopped; /* KVM_KVMCLOCK_CTRL: to be told in the page */

	sigjmp_buf guard; /* where a fault on guest memory lands */
	bool guarded;
	bool inside; /* counted in vm.inside */
	bool exclusive_held;
	u32 pauses; /* PAUSE instructions since the last yield */
	struct tr_hot hot;
};

enum soft_pending {
	PENDING_NONE,
	PENDING_MMIO,
	PENDING_IO,
	PENDING_MSR,
	PENDING_HYPERCALL,
};

static inline struct soft_vm *soft_vm(struct engine_vm *vm)
{
	return container_of(vm, struct soft_vm, vm);
}
static inline struct soft_vcpu *soft_vcpu(struct engine_vcpu *vcpu)
{
	return container_of(vcpu, struct soft_vcpu, vcpu);
}
static inline struct soft_engine *soft_engine(struct engine *e)
{
	return container_of(e, struct soft_engine, engine);
}

/* vm.c */
extern const struct engine_vm_ops soft_vm_ops;
int soft_vm_create(struct soft_engine *engine, struct engine_vm **ret);

/* vcpu.c, state.c */
extern const struct engine_vcpu_ops soft_vcpu_ops;
int soft_vcpu_create(struct soft_vm *vm, u32 id, struct engine_vcpu **ret);

/* memory.c */
int soft_memory_backing(struct engine_vm *vm, u64 hva, u64 bytes, int fd);
int soft_set_memory(struct engine_vm *vm,
		    const struct kvm_userspace_memory_region *region);
int soft_get_dirty_log(struct engine_vm *vm, const struct kvm_dirty_log *log);
int soft_clear_dirty_log(struct engine_vm *vm,
			 const struct kvm_clear_dirty_log *log);
void soft_slots_free(struct soft_slots *slots);
/* x86_ops.page. Inside guest code, or with vm.lock. */
void *soft_page(struct soft_vm *vm, gpa_t gpa, bool write);
/* The slot of gpa is this vCPU's to find pages in, until slots change. */
void soft_slot_note(struct soft_vcpu *vcpu, gpa_t gpa);
/* Writes guest memory by guest-physical address; false: no memory there. */
bool soft_memory_write(struct soft_vm *vm, gpa_t gpa, const void *data,
		       u32 size);
bool soft_memory_read(struct soft_vm *vm, gpa_t gpa, void *data, u32 size);

/* exclusive.c: all vCPUs outside guest code. self NULL: not a vCPU. */
void soft_exclusive_begin(struct soft_vm *vm, struct soft_vcpu *self);
void soft_exclusive_end(struct soft_vm *vm, struct soft_vcpu *self);
void soft_guest_enter(struct soft_vcpu *vcpu);
void soft_guest_leave(struct soft_vcpu *vcpu);
/* Sets a request and wakes the vCPU if it sleeps. Any thread. */
void soft_request(struct soft_vcpu *vcpu, u32 request);
void soft_request_all(struct soft_vm *vm, u32 request);

/* cpu_ops.c */
extern const struct x86_ops soft_cpu_ops;

/* msr.c: the MSRs that are more than a value. */
int soft_msr_read(void *ctx, u32 index, u64 *ret);
int soft_msr_write(void *ctx, u32 index, u64 value);
bool soft_msr_get(struct soft_vcpu *vcpu, u32 index, u64 *ret); /* client's */
bool soft_msr_set(struct soft_vcpu *vcpu, u32 index, u64 value);
/* False: the client's filter wants this access for itself. */
bool soft_msr_allowed(const struct soft_vm *vm, u32 index, bool write);

/* clock.c */
struct soft_instant { /* both clocks of the host at one moment */
	u64 tsc, ns;
};
struct soft_instant soft_instant_now(void);
/* Measured from `since` on, for what is left of two milliseconds. */
u32 soft_host_tsc_khz(struct soft_instant since);
u64 soft_guest_tsc(struct soft_vcpu *vcpu);
void soft_guest_tsc_write(struct soft_vcpu *vcpu, u64 value);
u64 soft_tsc_to_ns(struct soft_vcpu *vcpu, u64 guest_tsc);
void soft_clock_write(struct soft_vcpu *vcpu); /* the kvmclock page */
void soft_wall_clock_write(struct soft_vcpu *vcpu, gpa_t gpa);
u64 soft_clock_ns(const struct soft_vm *vm);
void soft_clock_start(struct soft_vm *vm, u64 value_ns);
int soft_get_clock(struct engine_vm *vm, struct kvm_clock_data *clock);
int soft_set_clock(struct engine_vm *vm, const struct kvm_clock_data *clock);
int soft_vcpu_set_tsc_khz(struct soft_vcpu *vcpu, u32 khz);

/* irq.c */
int soft_create_irqchip(struct engine_vm *vm);
int soft_create_split(struct soft_vm *vm, u32 pins);
void soft_irq_release(struct soft_vm *vm);
void soft_lapic_attach(struct soft_vcpu *vcpu);
void soft_lapic_detach(struct soft_vcpu *vcpu);
int soft_get_irqchip(struct engine_vm *vm, struct kvm_irqchip *chip);
int soft_set_irqchip(struct engine_vm *vm, const struct kvm_irqchip *chip);
int soft_create_pit2(struct engine_vm *vm, const struct kvm_pit_config *config);
int soft_get_pit2(struct engine_vm *vm, struct kvm_pit_state2 *state);
int soft_set_pit2(struct engine_vm *vm, const struct kvm_pit_state2 *state);
int soft_reinject_control(struct engine_vm *vm,
			  const struct kvm_reinject_control *control);
int soft_set_gsi_routing(struct engine_vm *vm,
			 const struct kvm_irq_routing *routing);
int soft_irq_line(struct engine_vm *vm, const struct kvm_irq_level *level);
int soft_irq_line_status(struct engine_vm *vm, struct kvm_irq_level *level);
int soft_signal_msi(struct engine_vm *vm, const struct kvm_msi *msi);

/* eventfd.c */
int soft_irqfd(struct engine_vm *vm, const struct kvm_irqfd *irqfd);
int soft_ioeventfd(struct engine_vm *vm, const struct kvm_ioeventfd *ioeventfd);
bool soft_ioeventfd_write(struct soft_vm *vm, u64 address, const void *data,
			  u32 size, bool pio);
void soft_irqfd_acked(struct soft_vm *vm, u32 gsi); /* irq_lock held */
void soft_eventfd_release(struct soft_vm *vm);

/* coalesced.c: writes that wait in a ring; see there. */
int must_check soft_coalesced_create(struct soft_coalesced **ret);
void soft_coalesced_free(struct soft_coalesced *coalesced);
/* Puts the VM's ring where a vCPU's third page is. -errno */
int must_check soft_coalesced_map(struct soft_vm *vm, void *page);
/* False: no zone of theirs, or no room: the write is an exit. */
bool soft_coalesced_write(struct soft_vm *vm, u64 address, const void *data,
			  u32 size, bool pio);
int soft_register_coalesced(struct engine_vm *vm,
			    const struct kvm_coalesced_mmio_zone *zone);
int soft_unregister_coalesced(struct engine_vm *vm,
			      const struct kvm_coalesced_mmio_zone *zone);

/* Is the vCPU in code that a stub is there for? */
static inline bool direct_wanted(const struct soft_vcpu *vcpu)
{
	return vcpu->direct_on && !vcpu->direct_held && vcpu->cpu.cpl == 3;
}

/* run.c */
int soft_run(struct engine_vcpu *vcpu);

/* state.c, events.c: the GET and SET calls. */
int soft_get_regs(struct engine_vcpu *vcpu, struct kvm_regs *regs);
int soft_set_regs(struct engine_vcpu *vcpu, const struct kvm_regs *regs);
int soft_get_sregs(struct engine_vcpu *vcpu, struct kvm_sregs *sregs);
int soft_set_sregs(struct engine_vcpu *vcpu, const struct kvm_sregs *sregs);
int soft_get_sregs2(struct engine_vcpu *vcpu, struct kvm_sregs2 *sregs);
int soft_set_sregs2(struct engine_vcpu *vcpu, const struct kvm_sregs2 *sregs);
int soft_get_xcrs(struct engine_vcpu *vcpu, struct kvm_xcrs *xcrs);
int soft_set_xcrs(struct engine_vcpu *vcpu, const struct kvm_xcrs *xcrs);
int soft_get_debugregs(struct engine_vcpu *vcpu, struct kvm_debugregs *regs);
int soft_set_debugregs(struct engine_vcpu *vcpu,
		       const struct kvm_debugregs *regs);
int soft_set_guest_debug(struct engine_vcpu *vcpu,
			 const struct kvm_guest_debug *debug);
int soft_get_vcpu_events(struct engine_vcpu *vcpu,
			 struct kvm_vcpu_events *events);
int soft_set_vcpu_events(struct engine_vcpu *vcpu,
			 const struct kvm_vcpu_events *events);
int soft_get_mp_state(struct engine_vcpu *vcpu, struct kvm_mp_state *state);
int soft_set_mp_state(struct engine_vcpu *vcpu,
		      const struct kvm_mp_state *state);
int soft_interrupt(struct engine_vcpu *vcpu, u32 vector);
int soft_nmi(struct engine_vcpu *vcpu);

/* service.c: requests, timers, interrupts. 1: go on; else run()'s result. */
int soft_service(struct soft_vcpu *vcpu);
int soft_halt(struct soft_vcpu *vcpu);
void soft_sync(struct soft_vcpu *vcpu);
/*
 * ppoll until the deadline, with the client's signals let in. fds[0] becomes the
 * vCPU's wake_fd, which is emptied. How many are ready; 0: time is up; -EINTR: a
 * signal's handler ran, and nothing is known of the fds.
 */
struct pollfd;
int soft_poll(struct soft_vcpu *vcpu, struct pollfd *fds, u32 count,
	      u64 deadline);
/* The next time this vCPU must look at a timer; UINT64_MAX: none. */
u64 soft_next_deadline(struct soft_vcpu *vcpu);
bool soft_signal_pending(const struct soft_vcpu *vcpu);
bool soft_interrupt_window(struct soft_vcpu *vcpu);

/* exits.c: from the core's wants to kvm_run, and back. */
int soft_exit_need(struct soft_vcpu *vcpu);
int soft_exit_other(struct soft_vcpu *vcpu);
int soft_exit_internal(struct soft_vcpu *vcpu);
void soft_exit_complete(struct soft_vcpu *vcpu); /* the client's answer */
void soft_exit_abandon(struct soft_vcpu *vcpu);	 /* the client moved on */

/* guard.c: SIGSEGV and SIGBUS on guest memory end run() with -EFAULT. */
int soft_guard_install(void);

#endif
