/* SPDX-License-Identifier: MIT */
/*
 * The quality probe of /dev/kvm.
 *
 * Each check is a guest of a few bytes on a fresh vcpu of one scratch VM. All
 * end the same way: they write a number to PROBE_PORT, and the number is the
 * finding. Whatever else happens, a triple fault, an emulation failure, an
 * unknown exit, is a guest that did not behave as on a processor: "wrong".
 *
 * SYSCALL	user code at CPL 3 in long mode; the kernel entry reports CS,
 *		whose low bits must be 0. At CPL 3 the report itself faults.
 * PAGING32	CR0.PG without PAE and without long mode; the guest reports CR0.
 *		A KVM that refuses this leaves CR0.PG clear, which is seen
 *		before the vcpu is run.
 * POPCNT	an ordinary instruction at CPL 0, where a KVM that interprets
 *		supervisor code fails on what its interpreter does not know.
 *
 * A guest may also just not end. Every KVM_RUN is made under a timer signal
 * that is blocked for the thread and open inside KVM_RUN only (the vcpu's
 * signal mask): no handler is installed, nothing is missed between checking
 * and running, since the signal stays pending until this file takes it, and
 * KVM_RUN then returns EINTR each time. All checks share one budget.
 *
 * What it leaves out: anything about speed, and nested virtualization.
 */
#include "engine/kvm/probe.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/kvm/kvm.h"
#include "engine/kvm/probe_cache.h"

#define PROBE_SIGNAL SIGRTMAX
#define PROBE_PORT   0xe9

/* Guest memory: one megabyte at 0, of which these pages are used. */
#define PROBE_MEM_BYTES	 MiB
#define PROBE_PML4	 0x1000
#define PROBE_PDPT	 0x2000
#define PROBE_PD	 0x3000
#define PROBE_PD32	 0x4000
#define PROBE_CODE	 0x8000
#define PROBE_ENTRY	 0x9000 /* what LSTAR points at */
#define PROBE_STACK	 0xf000
#define PROBE_CPUIDS_MAX 256

/* Selectors as STAR makes them. [SDM3 5.8.8 "Fast System Calls in 64-Bit Mode"] */
#define PROBE_KERNEL_CS 0x08
#define PROBE_USER32_CS 0x1b
#define PROBE_USER_SS	0x23
#define PROBE_USER_CS	0x2b

/* [SDM3 2.5 "Control Registers"], [SDM4 Table 2-2 "IA-32 Architectural MSRs"] */
#define CR0_PE	     BIT(0)
#define CR0_ET	     BIT(4)
#define CR0_NE	     BIT(5)
#define CR0_PG	     BIT(31)
#define CR4_PSE	     BIT(4)
#define CR4_PAE	     BIT(5)
#define EFER_SCE     BIT(0)
#define EFER_LME     BIT(8)
#define EFER_LMA     BIT(10)
#define MSR_STAR     0xc0000081
#define MSR_LSTAR    0xc0000082
#define MSR_FMASK    0xc0000084
#define RFLAGS_FIXED 0x2
#define RFLAGS_IF    BIT(9)

/*
 * Present, writable, user, and a page of 2 or 4 MiB.
 * [SDM3 4.5 "4-Level Paging and 5-Level Paging", 4.3 "32-Bit Paging"]
 */
#define PTE_TABLE 0x7
#define PTE_LARGE 0x87

struct probe_guest {
	struct engine_vm *vm; /* owned */
	u8 *mem;	      /* owned mapping of PROBE_MEM_BYTES */
	u64 deadline_ns;
	timer_t timer;
	u32 next_vcpu;
};

struct probe_check {
	const char *fails; /* the sentence when it is wrong */
	const char *what;  /* the thing itself, for "what: error" */
	u8 code[16];	   /* at PROBE_CODE */
	u8 entry[8];	   /* at PROBE_ENTRY */
	int (*setup)(struct engine_vcpu *vcpu);
	/* The reported number is what a processor would report. */
	bool (*accepts)(u32 reported);
};

/* ---- processor states ---- */

static struct kvm_segment segment(u16 selector, u8 type, bool is_64bit)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.dpl = selector & 3,
		.s = 1,
		.g = 1,
		.l = is_64bit,
		.db = !is_64bit,
	};
}

static void set_data_segments(struct kvm_sregs *sregs, u16 selector)
{
	struct kvm_segment data = segment(selector, 3, false);

	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
}

static int set_long_mode(struct engine_vcpu *vcpu, u16 cs, u16 ss)
{
	struct kvm_regs regs = {
		.rip = PROBE_CODE,
		.rsp = PROBE_STACK,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs sregs;
	int err = vcpu->ops->get_sregs(vcpu, &sregs);

	if (err < 0)
		return err;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs.cr3 = PROBE_PML4;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_SCE | EFER_LME | EFER_LMA;
	sregs.cs = segment(cs, 11, true);
	set_data_segments(&sregs, ss);
	err = vcpu->ops->set_sregs(vcpu, &sregs);
	return err < 0 ? err : vcpu->ops->set_regs(vcpu, &regs);
}

static int setup_syscall(struct engine_vcpu *vcpu)
{
	union {
		struct kvm_msrs head;
		u8 bytes[sizeof(struct kvm_msrs) +
			 3 * sizeof(struct kvm_msr_entry)];
	} msrs = {.head.nmsrs = 3};
	struct kvm_msr_entry *entry = msrs.head.entries;
	int err = set_long_mode(vcpu, PROBE_USER_CS, PROBE_USER_SS);

	if (err < 0)
		return err;
	entry[0].index = MSR_STAR;
	entry[0].data = (u64)PROBE_USER32_CS << 48 | (u64)PROBE_KERNEL_CS << 32;
	entry[1].index = MSR_LSTAR;
	entry[1].data = PROBE_ENTRY;
	entry[2].index = MSR_FMASK;
	entry[2].data = RFLAGS_IF;
	err = vcpu->ops->set_msrs(vcpu, &msrs.head);
	if (err < 0)
		return err;
	return err == 3 ? 0 : -EIO;
}

static int setup_paging32(struct engine_vcpu *vcpu)
{
	struct kvm_regs regs = {.rip = PROBE_CODE, .rflags = RFLAGS_FIXED};
	struct kvm_sregs sregs;
	int err = vcpu->ops->get_sregs(vcpu, &sregs);

	if (err < 0)
		return err;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs.cr3 = PROBE_PD32;
	sregs.cr4 = CR4_PSE;
	sregs.efer = 0;
	sregs.cs = segment(PROBE_KERNEL_CS, 11, false);
	set_data_segments(&sregs, PROBE_KERNEL_CS + 8);
	err = vcpu->ops->set_sregs(vcpu, &sregs);
	if (err < 0)
		return err;
	/* A KVM without this mode takes the call and drops the bit. */
	err = vcpu->ops->get_sregs(vcpu, &sregs);
	if (err < 0)
		return err;
	if (!(sregs.cr0 & CR0_PG))
		return -EOPNOTSUPP;
	return vcpu->ops->set_regs(vcpu, &regs);
}

static int setup_popcnt(struct engine_vcpu *vcpu)
{
	return set_long_mode(vcpu, PROBE_KERNEL_CS, PROBE_KERNEL_CS + 8);
}

/* ---- the checks ---- */

static bool accepts_kernel_cs(u32 reported)
{
	return (reported & 0xffff) == PROBE_KERNEL_CS;
}

static bool accepts_paging(u32 reported)
{
	return reported & CR0_PG;
}

static bool accepts_eight(u32 reported)
{
	return reported == 8;
}

static const struct probe_check probe_checks[KVM_PROBE_CHECK_COUNT] = {
	[KVM_PROBE_SYSCALL] =
		{
			.fails = "SYSCALL from CPL 3 does not reach CPL 0",
			.what = "SYSCALL from CPL 3",
			.code = {0x0f, 0x05,	    /* syscall */
				 0xf4},		    /* hlt */
			.entry = {0x8c, 0xc8,	    /* mov %cs, %eax */
				  0xe7, PROBE_PORT, /* out %eax, $PROBE_PORT */
				  0xf4},
			.setup = setup_syscall,
			.accepts = accepts_kernel_cs,
		},
	[KVM_PROBE_PAGING32] =
		{
			.fails = "32-bit paging cannot be entered",
			.what = "32-bit paging",
			.code = {0x0f, 0x20, 0xc0, /* mov %cr0, %eax */
				 0xe7, PROBE_PORT, 0xf4},
			.setup = setup_paging32,
			.accepts = accepts_paging,
		},
	[KVM_PROBE_POPCNT] =
		{
			.fails = "popcnt at CPL 0 fails",
			.what = "popcnt at CPL 0",
			.code = {0xb8, 0xff, 0, 0, 0,	 /* mov $0xff, %eax */
				 0xf3, 0x0f, 0xb8, 0xc0, /* popcnt %eax, %eax */
				 0xe7, PROBE_PORT, 0xf4},
			.setup = setup_popcnt,
			.accepts = accepts_eight,
		},
};

/* ---- the scratch VM ---- */

static void put_u64(u8 *mem, u32 at, u64 value)
{
	memcpy(mem + at, &value, sizeof(value));
}

/* The first 2 (long mode) and 4 (32-bit) megabytes map to themselves. */
static void fill_page_tables(u8 *mem)
{
	put_u64(mem, PROBE_PML4, PROBE_PDPT | PTE_TABLE);
	put_u64(mem, PROBE_PDPT, PROBE_PD | PTE_TABLE);
	put_u64(mem, PROBE_PD, PTE_LARGE);
	put_u64(mem, PROBE_PD32, PTE_LARGE);
}

static int guest_create(struct engine *e, struct probe_guest *guest)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = PROBE_MEM_BYTES,
		.userspace_addr = (u64)(uintptr_t)guest->mem,
	};
	int err = e->ops->create_vm(e, 0, &guest->vm);

	if (err < 0)
		return err;
	/*
	 * Old Intel processors need a page here to run real mode; a way that
	 * does not want it may refuse.
	 */
	(void)guest->vm->ops->set_tss_addr(guest->vm, 0xfffbd000);
	return guest->vm->ops->set_user_memory_region(guest->vm, &region);
}

static int give_cpuid(struct engine *e, struct engine_vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid;
	int err;

	cpuid = calloc(1, sizeof(*cpuid) +
				  PROBE_CPUIDS_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = PROBE_CPUIDS_MAX;
	err = e->ops->get_supported_cpuid(e, cpuid);
	if (err >= 0)
		err = vcpu->ops->set_cpuid2(vcpu, cpuid);
	free(cpuid);
	return err;
}

/* Runs until the guest reports, ends otherwise, or the signal comes. */
static enum kvm_probe_outcome run_guest(struct probe_guest *guest,
					struct engine_vcpu *vcpu,
					const struct probe_check *check,
					int *ret_err)
{
	struct kvm_run *run = vcpu->run;
	u32 reported;
	int err;

	do {
		if (clock_now_ns() >= guest->deadline_ns)
			return KVM_PROBE_TIMEOUT;
		err = vcpu->ops->run(vcpu);
	} while (err == -EINTR || err == -EAGAIN ||
		 (err == 0 && run->exit_reason == KVM_EXIT_INTR));
	if (err < 0) {
		*ret_err = err;
		return KVM_PROBE_ERROR;
	}
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PROBE_PORT ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
		return KVM_PROBE_WRONG;
	memcpy(&reported, (u8 *)run + run->io.data_offset, sizeof(reported));
	return check->accepts(reported) ? KVM_PROBE_FINE : KVM_PROBE_WRONG;
}

/* Everything open but PROBE_SIGNAL, which interrupts the run. */
static int open_signal(struct engine_vcpu *vcpu)
{
	u64 mask = ~BIT(PROBE_SIGNAL - 1);

	return vcpu->ops->set_signal_mask(vcpu, &mask);
}

static enum kvm_probe_outcome run_check(struct engine *e,
					struct probe_guest *guest,
					const struct probe_check *check,
					int *ret_err)
{
	enum kvm_probe_outcome outcome = KVM_PROBE_ERROR;
	struct engine_vcpu *vcpu;
	int err;

	memcpy(guest->mem + PROBE_CODE, check->code, sizeof(check->code));
	memcpy(guest->mem + PROBE_ENTRY, check->entry, sizeof(check->entry));
	fill_page_tables(guest->mem);
	err = guest->vm->ops->create_vcpu(guest->vm, guest->next_vcpu++, &vcpu);
	if (err < 0) {
		*ret_err = err;
		return KVM_PROBE_ERROR;
	}
	err = give_cpuid(e, vcpu);
	if (err >= 0)
		err = open_signal(vcpu);
	if (err >= 0)
		err = check->setup(vcpu);
	if (err >= 0)
		outcome = run_guest(guest, vcpu, check, &err);
	else if (err == -EOPNOTSUPP)
		outcome = KVM_PROBE_WRONG;
	if (outcome == KVM_PROBE_ERROR)
		*ret_err = err;
	vcpu->ops->free(vcpu);
	return outcome;
}

/* ---- the watchdog ---- */

/* A signal to this thread at the deadline and every 10 ms from then on. */
static int timer_start(struct probe_guest *guest)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = PROBE_SIGNAL,
	};
	struct itimerspec when = {
		.it_interval.tv_nsec = 10 * (long)NS_PER_MS,
		.it_value.tv_sec = (time_t)(guest->deadline_ns / NS_PER_S),
		.it_value.tv_nsec = (long)(guest->deadline_ns % NS_PER_S),
	};

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &guest->timer) < 0)
		return -errno;
	/* Cannot fail with a valid timer and time. */
	(void)timer_settime(guest->timer, TIMER_ABSTIME, &when, NULL);
	return 0;
}

static void timer_stop(struct probe_guest *guest, const sigset_t *signal)
{
	const struct timespec none = {0};

	(void)timer_delete(guest->timer);
	while (sigtimedwait(signal, NULL, &none) == PROBE_SIGNAL)
		;
}

static void run_checks(struct engine *e, struct probe_guest *guest,
		       struct kvm_probe_result *ret)
{
	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++) {
		int err = 0;

		ret->check[i].outcome =
			run_check(e, guest, &probe_checks[i], &err);
		ret->check[i].err = err;
	}
}

static void fail_all(struct kvm_probe_result *ret, int err)
{
	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++) {
		ret->check[i].outcome = KVM_PROBE_ERROR;
		ret->check[i].err = err;
	}
}

static void run_in_guest(struct engine *e, struct probe_guest *guest,
			 struct kvm_probe_result *ret)
{
	sigset_t signal, old;
	int err;

	(void)sigemptyset(&signal);
	(void)sigaddset(&signal, PROBE_SIGNAL);
	(void)pthread_sigmask(SIG_BLOCK, &signal, &old);
	err = timer_start(guest);
	if (err == 0) {
		run_checks(e, guest, ret);
		timer_stop(guest, &signal);
	} else {
		fail_all(ret, err);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void kvm_probe_run(struct engine *e, u64 budget_ns, struct kvm_probe_result *ret)
{
	struct probe_guest guest = {0};
	void *mem = mmap(NULL, PROBE_MEM_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	assert(e && ret);
	if (mem == MAP_FAILED) {
		fail_all(ret, -errno);
		return;
	}
	guest.mem = mem;
	err = guest_create(e, &guest);
	/* Making a VM may wait for the whole kernel; that is not its fault. */
	guest.deadline_ns = clock_now_ns() + budget_ns;
	if (err >= 0)
		run_in_guest(e, &guest, ret);
	else
		fail_all(ret, err);
	if (guest.vm)
		guest.vm->ops->free(guest.vm);
	(void)munmap(mem, PROBE_MEM_BYTES); /* cannot fail */
}

/* ---- the judgement ---- */

enum kvm_quality kvm_probe_classify(const struct kvm_probe_result *result,
				    char *why, size_t why_size)
{
	assert(why && why_size > 0);
	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++) {
		const struct probe_check *check = &probe_checks[i];
		int err = result->check[i].err;

		switch (result->check[i].outcome) {
		case KVM_PROBE_FINE:
			continue;
		case KVM_PROBE_WRONG:
			(void)snprintf(why, why_size,
				       "this /dev/kvm is limited: %s",
				       check->fails);
			return KVM_LIMITED;
		case KVM_PROBE_TIMEOUT:
			(void)snprintf(why, why_size,
				       "this /dev/kvm did not finish its test "
				       "in time: %s",
				       check->what);
			return KVM_LIMITED;
		case KVM_PROBE_ERROR:
			(void)snprintf(why, why_size,
				       "this /dev/kvm could not be tested: "
				       "%s: %s",
				       check->what, strerror(-err));
			return KVM_LIMITED;
		}
	}
	(void)snprintf(why, why_size, "this /dev/kvm passed its test");
	return KVM_FULL;
}

bool kvm_probe_is_final(const struct kvm_probe_result *result)
{
	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++) {
		enum kvm_probe_outcome outcome = result->check[i].outcome;

		if (outcome != KVM_PROBE_FINE && outcome != KVM_PROBE_WRONG)
			return false;
	}
	return true;
}

enum kvm_quality kvm_probe(struct engine *e, char *why, size_t why_size)
{
	bool cached = kvm_way_is_device(e);
	struct kvm_probe_result result;

	if (!cached || !kvm_probe_cache_load(&result)) {
		kvm_probe_run(e, KVM_PROBE_BUDGET_NS, &result);
		if (cached && kvm_probe_is_final(&result))
			kvm_probe_cache_store(&result);
	}
	return kvm_probe_classify(&result, why, why_size);
}
