/* SPDX-License-Identifier: MIT */
/*
 * A guest of some engine, through the seam: long mode, the instruction at
 * CPL 0 or 3, its memory where the bare CPU has it, and everything a kernel
 * would have set up in identity-mapped low memory.
 *
 * Every exception has a handler of two instructions, which writes to the port
 * with the vector's number and changes nothing; the stack it runs on is its
 * own (IST), so the instruction's stack stays as it left it. The code ends
 * with HLT, which halts at CPL 0 and is #GP at CPL 3.
 */
#define _GNU_SOURCE
#include "tests/guest/insn/way.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "base/clock.h"
#include "tests/guest/insn/feature.h"

/* Guest-physical, and below 2 MiB also linear. */
#define MEM_BYTES    0x20000
#define MEM_PML4     0x1000
#define MEM_PDPT     0x2000
#define MEM_PD	     0x3000
#define MEM_PT	     0x4000
#define MEM_GDT	     0x5000
#define MEM_IDT	     0x6000
#define MEM_TSS	     0x7000
#define MEM_HANDLERS 0x8000
#define MEM_IST_TOP  0xa000
#define MEM_CODE     0x10000
#define MEM_DATA     0x11000
#define MEM_STACK    0x14000

#define HANDLER_BYTES 4
#define TSS_LIMIT     0x67
#define TSS_RSP0      0x04
#define TSS_IST1      0x24
#define TSS_IO_MAP    0x66
#define VECTORS	      256

/* The selectors Linux has, as the bare CPU's stacks hold them. */
#define SEL_KERNEL_CS 0x10
#define SEL_KERNEL_SS 0x18
#define SEL_USER_SS   0x2b
#define SEL_USER_CS   0x33
#define SEL_TSS	      0x40

/* [SDM3 3.4.5 "Segment Descriptors"]: flat, accessed. */
#define DESC_CODE64 0x00af9b000000ffff
#define DESC_DATA   0x00cf93000000ffff
#define DESC_DPL3   0x0000600000000000

/* [SDM3 4.5 "4-Level Paging and 5-Level Paging"]: accessed, dirty. */
#define PTE_TABLE  0x27
#define PTE_KERNEL 0xe3 /* a large page */
#define PTE_USER   0x67

/* [SDM3 2.5 "Control Registers"] PE MP ET NE WP AM PG; PAE OSFXSR OSXMMEXCPT */
#define CR0_GUEST    0x80050033
#define CR4_GUEST    0x620
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE  BIT(18)
#define EFER_GUEST   0xd01 /* SCE LME LMA NXE */
#define RFLAGS_GUEST 0x202
#define XCR0_X87_SSE 3
#define XCR0_AVX     4
#define PF_ERROR_VECTORS                                                      \
	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17) | \
	 BIT(21))

#define RUN_LIMIT_NS (2 * NS_PER_S)

struct guest_way {
	struct insn_way base;
	struct engine *e;	  /* borrowed */
	struct engine_vm *vm;	  /* owned; NULL until needed */
	struct engine_vcpu *vcpu; /* owned, with the vm */
	u8 *mem;		  /* owned mapping of MEM_BYTES */
};

/* What an exception leaves on the handler's stack, error code aside. */
struct exception_frame {
	u64 rip, cs, rflags, rsp, ss;
};

/* The vcpu that the timer's signal takes out of its run. */
static struct kvm_run *volatile watched_run;

static struct guest_way *guest_of(struct insn_way *way)
{
	return container_of(way, struct guest_way, base);
}

/* ---- the guest's memory ---- */

static void put_u64(u8 *mem, u32 at, u64 value)
{
	memcpy(mem + at, &value, sizeof(value));
}

static void map_pages(u8 *mem, u64 linear, u64 gpa, u32 bytes)
{
	for (u32 at = 0; at < bytes; at += 0x1000) {
		u64 index = (linear + at) >> 12 & 511;

		put_u64(mem, MEM_PT + (u32)index * 8, (gpa + at) | PTE_USER);
	}
}

static void fill_page_tables(u8 *mem)
{
	put_u64(mem, MEM_PML4, MEM_PDPT | PTE_TABLE);
	put_u64(mem, MEM_PDPT, MEM_PD | PTE_TABLE);
	put_u64(mem, MEM_PD, PTE_KERNEL);
	put_u64(mem, MEM_PD + (INSN_CODE >> 21) * 8, MEM_PT | PTE_TABLE);
	map_pages(mem, INSN_CODE, MEM_CODE, INSN_CODE_BYTES);
	map_pages(mem, INSN_DATA, MEM_DATA, INSN_DATA_BYTES);
	map_pages(mem, INSN_STACK_PAGE, MEM_STACK, INSN_STACK_BYTES);
}

static void fill_descriptors(u8 *mem)
{
	put_u64(mem, MEM_GDT + SEL_KERNEL_CS, DESC_CODE64);
	put_u64(mem, MEM_GDT + SEL_KERNEL_SS, DESC_DATA);
	put_u64(mem, MEM_GDT + (SEL_USER_SS & ~7), DESC_DATA | DESC_DPL3);
	put_u64(mem, MEM_GDT + (SEL_USER_CS & ~7), DESC_CODE64 | DESC_DPL3);
	/* A busy 64-bit TSS; its base fits the descriptor's first half. */
	put_u64(mem, MEM_GDT + SEL_TSS,
		(u64)MEM_TSS << 16 | TSS_LIMIT | (u64)0x8b << 40);
	put_u64(mem, MEM_TSS + TSS_RSP0, MEM_IST_TOP);
	put_u64(mem, MEM_TSS + TSS_IST1, MEM_IST_TOP);
	mem[MEM_TSS + TSS_IO_MAP] = TSS_LIMIT + 1; /* none: all ports denied */
}

/* Interrupt gates on IST 1; as in Linux, #BP and #OF are open to CPL 3. */
static void fill_idt(u8 *mem)
{
	for (u32 i = 0; i < VECTORS; i++) {
		u64 handler = MEM_HANDLERS + i * HANDLER_BYTES;
		u64 dpl = i == 3 || i == 4 ? 3 : 0;
		const u8 code[HANDLER_BYTES] = {0xe6, (u8)i, INSN_HLT, INSN_HLT};

		memcpy(mem + handler, code, sizeof(code));
		put_u64(mem, MEM_IDT + i * 16,
			(handler & 0xffff) | SEL_KERNEL_CS << 16 | (u64)1 << 32 |
				(0x8e | dpl << 5) << 40 | (handler >> 16) << 48);
	}
}

static void fill_memory(struct guest_way *way, const u8 *code, u32 size,
			const struct insn_state *in)
{
	u8 *mem = way->mem;

	memset(mem, 0, MEM_BYTES);
	fill_page_tables(mem);
	fill_descriptors(mem);
	fill_idt(mem);
	memset(mem + MEM_CODE, INSN_HLT, INSN_CODE_BYTES);
	memcpy(mem + MEM_CODE, code, size);
	memcpy(mem + MEM_DATA, in->data, INSN_DATA_BYTES);
	memcpy(mem + MEM_STACK, in->stack, INSN_STACK_BYTES);
	way->vm->ops->memory_written(way->vm, 0, MEM_BYTES);
}

/* ---- the vcpu's state ---- */

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

static bool has(const struct insn_way *way, const char *feature)
{
	return insn_feature_in(way->cpuid, insn_feature_name(str_of(feature)));
}

static int set_sregs(struct guest_way *way)
{
	struct engine_vcpu *vcpu = way->vcpu;
	bool is_user = way->base.cpl == 3;
	struct kvm_segment none = {.unusable = 1};
	struct kvm_sregs sregs;
	int err = vcpu->ops->get_sregs(vcpu, &sregs);

	if (err < 0)
		return err;
	sregs.cs = segment(is_user ? SEL_USER_CS : SEL_KERNEL_CS, 11, true);
	sregs.ss = segment(is_user ? SEL_USER_SS : SEL_KERNEL_SS, 3, false);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ldt = none;
	sregs.tr = (struct kvm_segment){
		.base = MEM_TSS,
		.limit = TSS_LIMIT,
		.selector = SEL_TSS,
		.type = 11,
		.present = 1,
	};
	sregs.gdt.base = MEM_GDT;
	sregs.gdt.limit = SEL_TSS + 15;
	sregs.idt.base = MEM_IDT;
	sregs.idt.limit = VECTORS * 16 - 1;
	sregs.cr0 = CR0_GUEST;
	sregs.cr2 = 0;
	sregs.cr3 = MEM_PML4;
	sregs.cr4 = CR4_GUEST | (has(&way->base, "xsave") ? CR4_OSXSAVE : 0) |
		    (has(&way->base, "fsgsbase") ? CR4_FSGSBASE : 0);
	sregs.efer = EFER_GUEST;
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	return vcpu->ops->set_sregs(vcpu, &sregs);
}

static int set_regs(struct guest_way *way, const struct insn_state *in)
{
	struct kvm_regs regs = {
		.rax = in->gpr[0],
		.rcx = in->gpr[1],
		.rdx = in->gpr[2],
		.rbx = in->gpr[3],
		.rsp = in->gpr[4],
		.rbp = in->gpr[5],
		.rsi = in->gpr[6],
		.rdi = in->gpr[7],
		.r8 = in->gpr[8],
		.r9 = in->gpr[9],
		.r10 = in->gpr[10],
		.r11 = in->gpr[11],
		.r12 = in->gpr[12],
		.r13 = in->gpr[13],
		.r14 = in->gpr[14],
		.r15 = in->gpr[15],
		.rip = INSN_CODE,
		.rflags = in->rflags | RFLAGS_GUEST,
	};

	return way->vcpu->ops->set_regs(way->vcpu, &regs);
}

static int set_extended(struct guest_way *way, const struct insn_state *in)
{
	struct engine_vcpu *vcpu = way->vcpu;
	struct kvm_xcrs xcrs = {.nr_xcrs = 1};
	struct kvm_xsave xsave = {0};
	int err = 0;

	xcrs.xcrs[0].value = XCR0_X87_SSE;
	if (way->base.has_avx)
		xcrs.xcrs[0].value |= XCR0_AVX;
	if (has(&way->base, "xsave"))
		err = vcpu->ops->set_xcrs(vcpu, &xcrs);
	if (err < 0)
		return err;
	insn_state_to_xsave(in, (u8 *)xsave.region, way->base.has_avx);
	return vcpu->ops->set_xsave(vcpu, &xsave);
}

static int set_state(struct guest_way *way, const struct insn_state *in)
{
	struct kvm_vcpu_events events = {0};
	int err = set_sregs(way);

	if (err >= 0)
		err = set_regs(way, in);
	if (err >= 0)
		err = set_extended(way, in);
	if (err >= 0)
		err = way->vcpu->ops->set_vcpu_events(way->vcpu, &events);
	return err;
}

static int get_state(struct guest_way *way, struct insn_state *out)
{
	struct engine_vcpu *vcpu = way->vcpu;
	struct kvm_xsave xsave;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int err = vcpu->ops->get_regs(vcpu, &regs);

	if (err >= 0)
		err = vcpu->ops->get_sregs(vcpu, &sregs);
	if (err >= 0)
		err = vcpu->ops->get_xsave(vcpu, &xsave);
	if (err < 0)
		return err;
	memcpy(out->gpr,
	       (u64[INSN_GPRS]){regs.rax, regs.rcx, regs.rdx, regs.rbx,
				regs.rsp, regs.rbp, regs.rsi, regs.rdi, regs.r8,
				regs.r9, regs.r10, regs.r11, regs.r12, regs.r13,
				regs.r14, regs.r15},
	       sizeof(out->gpr));
	out->rip = regs.rip;
	out->rflags = regs.rflags & INSN_FLAGS;
	out->cr2 = sregs.cr2;
	out->error = 0;
	out->vector = INSN_NO_VECTOR;
	insn_state_from_xsave(out, (u8 *)xsave.region);
	memcpy(out->data, way->mem + MEM_DATA, INSN_DATA_BYTES);
	memcpy(out->stack, way->mem + MEM_STACK, INSN_STACK_BYTES);
	return 0;
}

/* The state the exception interrupted, from what it pushed. */
static void apply_exception(struct guest_way *way, u8 vector, u32 code_bytes,
			    struct insn_state *out)
{
	bool has_error = vector < 64 && (PF_ERROR_VECTORS & BIT(vector));
	struct exception_frame frame;
	u64 error = 0;
	u32 at = MEM_IST_TOP - (u32)sizeof(frame);

	memcpy(&frame, way->mem + at, sizeof(frame));
	if (has_error)
		memcpy(&error, way->mem + at - 8, sizeof(error));
	out->rip = frame.rip;
	out->rflags = frame.rflags & INSN_FLAGS;
	out->gpr[RSP] = frame.rsp;
	out->error = (u32)error;
	out->vector = vector;
	if (vector != 14)
		out->cr2 = 0;
	if (vector == 13 && error == 0 && out->rip == INSN_CODE + code_bytes)
		out->vector = INSN_NO_VECTOR;
}

/* ---- running ---- */

static void on_alarm(int signal)
{
	struct kvm_run *run = watched_run;

	(void)signal;
	if (run)
		run->immediate_exit = 1;
}

static void watch(struct kvm_run *run)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval timer = {{0, 100000}, {1, 0}};

	watched_run = run;
	if (!run)
		memset(&timer, 0, sizeof(timer));
	/* Neither fails with these arguments. */
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* KVM_RUN until something other than the timer ends it; -ETIME by that. */
static int run_watched(struct guest_way *way)
{
	u64 deadline_ns = clock_now_ns() + RUN_LIMIT_NS;
	struct engine_vcpu *vcpu = way->vcpu;
	int err;

	watch(vcpu->run);
	do {
		vcpu->run->immediate_exit = 0;
		err = vcpu->ops->run(vcpu);
	} while (err == -EINTR && clock_now_ns() < deadline_ns);
	watch(NULL);
	return err == -EINTR ? -ETIME : err;
}

/* The OUT that ended the run is only finished by the next entry. */
static void finish_io(struct engine_vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	(void)vcpu->ops->run(vcpu); /* -EINTR, as asked for */
	vcpu->run->immediate_exit = 0;
}

static enum insn_result broken(struct guest_way *way, char *why,
			       const char *what, u64 number)
{
	struct kvm_regs regs = {0};

	(void)way->vcpu->ops->get_regs(way->vcpu, &regs); /* for the text */
	(void)snprintf(why, INSN_WHY_BYTES, "%s %lld at rip 0x%llx", what,
		       (long long)number, (unsigned long long)regs.rip);
	return INSN_BROKEN;
}

/* A KVM without hardware virtualization says so by these two. */
static enum insn_result unable(char *why, const char *what)
{
	(void)snprintf(why, INSN_WHY_BYTES, "%s", what);
	return INSN_UNABLE;
}

static enum insn_result judge(struct guest_way *way, int err, u32 size,
			      struct insn_state *out, char *why)
{
	struct kvm_run *run = way->vcpu->run;

	if (err < 0)
		return broken(way, why, "KVM_RUN gave error", (u64)err);
	switch (run->exit_reason) {
	case KVM_EXIT_HLT:
		if (get_state(way, out) < 0)
			return broken(way, why, "no state after exit",
				      run->exit_reason);
		out->rip--; /* the end is where HLT is, as everywhere */
		out->cr2 = 0;
		return INSN_RAN;
	case KVM_EXIT_IO:
		if (run->io.direction != KVM_EXIT_IO_OUT ||
		    run->io.port >= VECTORS)
			return broken(way, why, "I/O to port", run->io.port);
		finish_io(way->vcpu);
		if (get_state(way, out) < 0)
			return broken(way, why, "no state after exit",
				      run->exit_reason);
		apply_exception(way, (u8)run->io.port, size, out);
		return INSN_RAN;
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			return unable(why, "it says it cannot emulate this");
		return broken(way, why, "internal error",
			      run->internal.suberror);
	default:
		return broken(way, why, "exit", run->exit_reason);
	}
}

/* ---- the VM ---- */

static void guest_stop(struct guest_way *way)
{
	if (way->vcpu)
		way->vcpu->ops->free(way->vcpu);
	if (way->vm)
		way->vm->ops->free(way->vm);
	way->vcpu = NULL;
	way->vm = NULL;
}

static int guest_start(struct guest_way *way)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = MEM_BYTES,
		.userspace_addr = (u64)(uintptr_t)way->mem,
	};
	int err = way->e->ops->create_vm(way->e, 0, &way->vm);

	if (err < 0)
		return err;
	/* Wanted by old Intel processors only; refused where it is not. */
	(void)way->vm->ops->set_tss_addr(way->vm, 0xfffbd000);
	err = way->vm->ops->set_user_memory_region(way->vm, &region);
	if (err >= 0)
		err = way->vm->ops->create_vcpu(way->vm, 0, &way->vcpu);
	if (err >= 0)
		err = way->vcpu->ops->set_cpuid2(way->vcpu, way->base.cpuid);
	if (err < 0)
		guest_stop(way);
	return err;
}

/*
 * What the guest gets is what it reads back: a KVM may put in the host's own
 * bits, and those are the instructions that will run.
 */
static int read_cpuid(struct guest_way *way)
{
	int err = guest_start(way);

	if (err < 0)
		return err;
	way->base.cpuid->nent = INSN_CPUIDS_MAX;
	return way->vcpu->ops->get_cpuid2(way->vcpu, way->base.cpuid);
}

static enum insn_result guest_run(struct insn_way *base, const u8 *code,
				  u32 size, const struct insn_state *in,
				  struct insn_state *out,
				  char why[INSN_WHY_BYTES])
{
	struct guest_way *way = guest_of(base);
	enum insn_result result = INSN_BROKEN;
	int err = way->vm ? 0 : guest_start(way);

	if (err >= 0) {
		fill_memory(way, code, size, in);
		err = set_state(way, in);
	}
	if (err < 0)
		(void)snprintf(why, INSN_WHY_BYTES, "cannot set it up: %s",
			       strerror(-err));
	else
		result = judge(way, run_watched(way), size, out, why);
	if (result != INSN_RAN)
		guest_stop(way); /* whatever state it is in */
	return result;
}

static void guest_free(struct insn_way *base)
{
	struct guest_way *way = guest_of(base);

	guest_stop(way);
	if (way->mem)
		(void)munmap(way->mem, MEM_BYTES);
	free(base->cpuid);
	free(way);
}

static int guest_prepare(struct guest_way *way)
{
	struct engine *e = way->e;
	void *mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;
	size_t bytes = sizeof(struct kvm_cpuid2) +
		       INSN_CPUIDS_MAX * sizeof(struct kvm_cpuid_entry2);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	way->mem = mem;
	way->base.cpuid = calloc(1, bytes);
	if (!way->base.cpuid)
		return -ENOMEM;
	way->base.cpuid->nent = INSN_CPUIDS_MAX;
	err = e->ops->get_supported_cpuid(e, way->base.cpuid);
	return err < 0 ? err : read_cpuid(way);
}

int insn_guest_create(struct engine *e, u32 cpl, struct insn_way **ret,
		      struct fault *fault)
{
	struct guest_way *way = calloc(1, sizeof(*way));
	int err;

	if (!way)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "no memory");
	way->e = e;
	(void)snprintf(way->base.title, sizeof(way->base.title), "%s at CPL %u",
		       e->ops->name, cpl);
	way->base.cpl = cpl;
	way->base.run = guest_run;
	way->base.free = guest_free;
	err = guest_prepare(way);
	if (err < 0) {
		guest_free(&way->base);
		return fault_set(fault, FAULT_IO, err, "cannot prepare %s",
				 e->ops->name);
	}
	way->base.has_avx = has(&way->base, "avx");
	*ret = &way->base;
	return 0;
}
