/* SPDX-License-Identifier: MIT */
/* See state.h. */
#include "engine/soft/direct/state.h"

#include <string.h>
#include <ucontext.h>

#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"

/* The selectors that Linux gives 64-bit user code, the host's and most guests'. */
#define USER_CS	  0x33u
#define USER_CS32 0x23u
#define USER_SS	  0x2bu
#define CODE32_ATTR                                \
	(0xbu | SEG_S | SEG_DPL | SEG_P | SEG_DB | \
	 SEG_G) /* readable, accessed */
#define DATA_ATTR (0x3u | SEG_S | SEG_DPL | SEG_P | SEG_DB | SEG_G)

/* What user code sees and changes as it likes; the rest must be as the host has
 * it. RF is over with the first instruction, and means nothing here. */
#define FLAGS_FREE  (RFLAGS_ARITH | RFLAGS_DF | RFLAGS_ID)
#define FLAGS_TAKEN (FLAGS_FREE | RFLAGS_TF | RFLAGS_NT | RFLAGS_AC)
#define FLAGS_ZERO                                                     \
	(RFLAGS_TF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM | RFLAGS_AC | \
	 RFLAGS_VIF | RFLAGS_VIP)
#define CR4_WANTED  (CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE)
#define XCR0_WANTED (XCR0_X87 | XCR0_SSE | XCR0_AVX)

/* struct x86_cpu's registers in the order of <ucontext.h>. */
static const u8 register_of[] = {
	[REG_R8] = R8,	 [REG_R9] = R9,	  [REG_R10] = R10, [REG_R11] = R11,
	[REG_R12] = R12, [REG_R13] = R13, [REG_R14] = R14, [REG_R15] = R15,
	[REG_RDI] = RDI, [REG_RSI] = RSI, [REG_RBP] = RBP, [REG_RBX] = RBX,
	[REG_RDX] = RDX, [REG_RAX] = RAX, [REG_RCX] = RCX, [REG_RSP] = RSP,
};

static bool segments_fit(const struct x86_cpu *cpu)
{
	static const u8 null[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};

	if (cpu->code != CODE_64 || cpu->seg[SEG_CS].selector != USER_CS ||
	    cpu->seg[SEG_SS].selector != USER_SS)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(null); i++)
		if (cpu->seg[null[i]].selector)
			return false;
	return true;
}

bool state_fits(const struct soft_vcpu *vcpu)
{
	const struct x86_cpu *cpu = &vcpu->cpu;

	return cpu->cpl == 3 && segments_fit(cpu) && !cpu->single_step &&
	       !cpu->shadow && !cpu->pending_db &&
	       cpu->tlb == cpu->tlbs[TLB_USER] && !(cpu->rflags & FLAGS_ZERO) &&
	       (cpu->rflags & RFLAGS_IF) &&
	       (cpu->cr0 & (CR0_PG | CR0_NE | CR0_TS | CR0_EM)) ==
		       (CR0_PG | CR0_NE) &&
	       (cpu->cr4 & CR4_WANTED) == CR4_WANTED &&
	       !(cpu->cr4 & (CR4_LA57 | CR4_PKE)) && (cpu->efer & EFER_NXE) &&
	       cpu->xcr0 == XCR0_WANTED && RIP(cpu) < BIT(47) &&
	       vcpu->vm->ram_bytes && !vcpu->vm->logged;
}

/* ---- vectors ---- */

#define LEGACY_USED 416u /* up to XMM15 */
#define FULL_BYTES  (XSAVE_YMMH + 256u)

static bool vectors_put(const struct soft_vcpu *vcpu,
			const struct stub_frame *frame)
{
	const u8 *from = vcpu->cpu.xsave.bytes;
	u64 header[8] = {XCR0_WANTED};

	if (frame->xsave_bytes < FULL_BYTES)
		return false;
	memcpy(frame->xsave, from, LEGACY_USED);
	memcpy(frame->xsave + XSAVE_HEADER, header, sizeof(header));
	memcpy(frame->xsave + XSAVE_YMMH, from + XSAVE_YMMH, 256);
	return true;
}

/* A component that is in its first state need not be in the frame. */
static void vectors_take(struct soft_vcpu *vcpu, const struct stub_frame *frame)
{
	u8 *to = vcpu->cpu.xsave.bytes;
	u64 present;

	memcpy(&present, frame->xsave + XSAVE_HEADER, sizeof(present));
	memcpy(to, frame->xsave, LEGACY_USED);
	if (!(present & XCR0_SSE))
		memset(to + XSAVE_XMM, 0, 256);
	if (present & XCR0_AVX)
		memcpy(to + XSAVE_YMMH, frame->xsave + XSAVE_YMMH, 256);
	else
		memset(to + XSAVE_YMMH, 0, 256);
}

/* ---- the rest ---- */

bool state_put(const struct soft_vcpu *vcpu, const struct stub_frame *frame)
{
	const struct x86_cpu *cpu = &vcpu->cpu;
	s64 *regs = frame->gregs;

	for (u32 i = 0; i < ARRAY_SIZE(register_of); i++)
		regs[i] = (s64)cpu->gpr[register_of[i]];
	regs[REG_RIP] = (s64)RIP(cpu);
	regs[REG_EFL] =
		(s64)((cpu->rflags & FLAGS_FREE) | RFLAGS_FIXED | RFLAGS_IF);
	regs[REG_CSGSFS] = USER_CS | (s64)USER_SS << 48;
	frame->guest->fs_base = cpu->seg[SEG_FS].base;
	frame->guest->gs_base = cpu->seg[SEG_GS].base;
	return vectors_put(vcpu, frame);
}

static void base_take(struct x86_cpu *cpu, enum insn_seg seg, u16 selector,
		      u64 base)
{
	struct x86_segment *s = &cpu->seg[seg];

	if (s->base == base && s->selector == selector)
		return;
	s->selector = selector;
	s->base = base;
	if (selector) { /* the only ones there are are flat */
		s->limit = UINT32_MAX;
		s->attr = DATA_ATTR;
	}
	segment_update(cpu, seg);
}

/* Only a far transfer changes CS, and to one other only. */
static void code_take(struct x86_cpu *cpu, u16 selector)
{
	if (selector == USER_CS)
		return;
	cpu->seg[SEG_CS] = (struct x86_segment){
		.limit = UINT32_MAX, .attr = CODE32_ATTR, .selector = USER_CS32};
	x86_mode_update(cpu);
}

static bool byte_at(struct x86_cpu *cpu, u64 address, u8 *ret)
{
	u8 *host;

	if (tlb_fetch(cpu, address, &host))
		return false;
	*ret = *host;
	return true;
}

/*
 * RIP is behind these, for the kernel and the CPU have taken them for done: back
 * to INT3, INT n, ICEBP, SYSCALL.
 */
static void step_back(struct x86_cpu *cpu, bool one_byte_too)
{
	u8 last = 0;

	if (RIP(cpu) >= BIT(47)) /* the vsyscall page: not even begun */
		return;
	if (one_byte_too && byte_at(cpu, RIP(cpu) - 1, &last) &&
	    (last == 0xcc || last == 0xf1))
		RIP(cpu) -= 1;
	else
		RIP(cpu) -= 2;
}

static enum state_kind trap_take(struct x86_cpu *cpu, s64 number)
{
	u8 last = 0;

	switch (number) {
	case VECTOR_DB:
		if (byte_at(cpu, RIP(cpu) - 1, &last) && last == 0xf1) {
			RIP(cpu) -= 1;
			return STATE_OTHER;
		}
		return STATE_STEPPED;
	case VECTOR_BP:
	case VECTOR_OF:
		step_back(cpu, true);
		return STATE_OTHER;
	default:
		return STATE_OTHER;
	}
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

/* Could a CPU have left user code so? The guest can write what the stub tells,
 * and its kernel must not meet what no CPU gives it. */
static bool believable(const struct stub_frame *frame)
{
	return canonical((u64)frame->gregs[REG_RIP]) &&
	       canonical(frame->guest->fs_base) &&
	       canonical(frame->guest->gs_base) &&
	       frame->xsave_bytes >= FULL_BYTES;
}

bool state_take(struct soft_vcpu *vcpu, const struct stub_frame *frame,
		struct state_end *ret)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	const struct stub_guest *guest = frame->guest;
	const s64 *regs = frame->gregs;
	u64 flags = (u64)regs[REG_EFL];

	if (!believable(frame))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(register_of); i++)
		cpu->gpr[register_of[i]] = (u64)regs[i];
	RIP(cpu) = (u64)regs[REG_RIP];
	cpu->rflags = (cpu->rflags & ~(FLAGS_TAKEN | RFLAGS_RF)) |
		      (flags & FLAGS_TAKEN);
	if (flags & (RFLAGS_TF | RFLAGS_NT | RFLAGS_AC))
		x86_mode_update(cpu);
	base_take(cpu, SEG_FS, guest->fs, guest->fs_base);
	base_take(cpu, SEG_GS, guest->gs, guest->gs_base);
	base_take(cpu, SEG_DS, guest->ds, 0);
	base_take(cpu, SEG_ES, guest->es, 0);
	code_take(cpu, (u16)regs[REG_CSGSFS]);
	vectors_take(vcpu, frame);
	*ret = (struct state_end){.kind = STATE_OTHER};
	switch (guest->signal) {
	case SIGUSR1:
		ret->kind = STATE_KICK;
		break;
	case SIGSYS:
		step_back(cpu, false);
		break;
	case SIGTRAP:
		ret->kind = trap_take(cpu, regs[REG_TRAPNO]);
		break;
	case SIGSEGV:
		if (regs[REG_TRAPNO] == VECTOR_PF) {
			ret->kind = STATE_PAGE;
			ret->address = (u64)regs[REG_CR2];
			ret->error = (u64)regs[REG_ERR];
		} else if (regs[REG_TRAPNO] == VECTOR_OF) {
			step_back(cpu, true);
		}
		break;
	default: /* SIGBUS, SIGFPE, SIGILL: at the instruction */
		break;
	}
	return true;
}
