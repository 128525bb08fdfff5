/* SPDX-License-Identifier: MIT */
/*
 * For tests only: one instruction on the bare CPU, and the same state in a
 * struct test_machine beside it.
 *
 * The process maps pages at the guest's own linear addresses (code at TEST_CODE,
 * data at TEST_DATA), so the two runs see the same RIP and the same addresses.
 * The instruction is followed by INT3; that trap, or the instruction's own
 * fault, comes as a signal whose frame holds every register. Needs executable
 * memory and low addresses: native_start() says when those cannot be had.
 *
 * Static functions in a header because a test is one translation unit.
 */
#ifndef ENGINE_SOFT_THUNK_NATIVE_H
#define ENGINE_SOFT_THUNK_NATIVE_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/test.h"
#include "engine/core/decode/id.h"
#include "engine/core/exec/harness.h"
#include "engine/core/fpu/fpu.h"
#include "engine/soft/thunk/referee.h"
#include "engine/soft/thunk/thunk.h"

#define NATIVE_DATA_SIZE 0x2000u /* the eight pages after it are not mapped */

struct native_state {
	u64 gpr[16]; /* enum gpr */
	u64 rflags;
	u64 rip;
	u8 xsave[XSAVE_SIZE] __attribute__((aligned(64)));
};

/* What a run came to. vector: 3 = the instruction was completed. */
struct native_result {
	struct native_state state;
	u32 vector;
	u32 error;
	u64 cr2;
};

static struct native_run {
	struct native_state *in;
	struct native_result *out;
	u64 jump, landing, stack;
} native_run;

static struct test_machine native_machine;
static struct x86_ops native_ops;
static struct fpu_host *native_host;

/* Signal-frame xsave to the standard form: absent components are initial. */
static void native_take_xsave(u8 *to, const u8 *from)
{
	u64 bv;

	memcpy(&bv, from + XSAVE_HEADER, 8);
	memset(to, 0, XSAVE_SIZE);
	to[0] = 0x7f;
	to[1] = 0x03;
	if (bv & XCR0_X87)
		memcpy(to, from, XSAVE_XMM);
	memcpy(to + XSAVE_MXCSR, from + XSAVE_MXCSR, 4);
	memset(to + 28, 0, 4);
	if (bv & XCR0_SSE)
		memcpy(to + XSAVE_XMM, from + XSAVE_XMM, 256);
	if (bv & XCR0_AVX)
		memcpy(to + XSAVE_YMMH, from + XSAVE_YMMH, 256);
}

/* Back to native_enter(), with the FPU as C wants it. */
static void native_return(ucontext_t *uc)
{
	static const u32 mxcsr = 0x1f80;
	static const u16 fcw = 0x037f;
	u8 *fp = (u8 *)uc->uc_mcontext.fpregs;

	memset(fp, 0, XSAVE_MXCSR);
	memcpy(fp, &fcw, sizeof(fcw));
	memcpy(fp + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)native_run.landing;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)native_run.stack;
	uc->uc_mcontext.gregs[REG_EFL] = RFLAGS_FIXED;
}

static void native_signal(int signal, siginfo_t *info, void *context)
{
	static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				      REG_RSP, REG_RBP, REG_RSI, REG_RDI,
				      REG_R8,  REG_R9,	REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15};
	ucontext_t *uc = context;
	const greg_t *reg = uc->uc_mcontext.gregs;
	struct native_result *out = native_run.out;

	(void)info;
	if (!out) { /* not ours: let it kill us */
		sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL},
			  NULL);
		return;
	}
	for (u32 i = 0; i < 16; i++)
		out->state.gpr[i] = (u64)reg[order[i]];
	out->state.rflags = (u64)reg[REG_EFL];
	out->state.rip = (u64)reg[REG_RIP];
	out->vector = (u32)reg[REG_TRAPNO];
	out->error = (u32)reg[REG_ERR];
	out->cr2 = (u64)reg[REG_CR2];
	native_take_xsave(out->state.xsave, (const u8 *)uc->uc_mcontext.fpregs);
	native_run.out = NULL;
	native_return(uc);
}

static bool native_map(u64 address, u64 size, int prot)
{
	void *at = (void *)(uintptr_t)address;

	return mmap(at, size, prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		    0) == at;
}

/* Once per process; false: the host does not let us. */
static bool native_start(void)
{
	static bool tried, works;
	static u8 stack[65536];
	static const int signals[] = {SIGTRAP, SIGSEGV, SIGFPE, SIGILL, SIGBUS};
	struct sigaction action = {.sa_sigaction = native_signal};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

	if (tried)
		return works;
	tried = true;
	action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
	if (sigaltstack(&alternate, NULL))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &action, NULL))
			return false;
	works = native_map(TEST_CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) &&
		native_map(TEST_DATA, NATIVE_DATA_SIZE, PROT_READ | PROT_WRITE) &&
		thunk_host_has(FEAT_AVX);
	return works;
}

/*
 * Loads everything and jumps; native_signal() lets it go on at the label. (A
 * siglongjmp() would do, but under a sanitizer it reads /proc/self/maps.)
 */
static void __attribute__((noinline)) native_enter(void)
{
	struct native_state *s = native_run.in;
	u64 low = 7, high = 0; /* of the components to load */

	native_run.jump = TEST_CODE;
	__asm__ volatile("sub $128, %%rsp\n\t" /* the red zone */
			 "pushq %%rbx\n\t"
			 "pushq %%rbp\n\t"
			 "pushq %%r12\n\t"
			 "pushq %%r13\n\t"
			 "pushq %%r14\n\t"
			 "pushq %%r15\n\t"
			 "mov %%rsp, %[stack]\n\t"
			 "lea 1f(%%rip), %%rcx\n\t"
			 "mov %%rcx, %[landing]\n\t"
			 "xrstor64 %c[xsave](%[s])\n\t"
			 "pushq %c[flags](%[s])\n\t"
			 "popfq\n\t"
			 "mov 0(%[s]), %%rax\n\t"
			 "mov 8(%[s]), %%rcx\n\t"
			 "mov 16(%[s]), %%rdx\n\t"
			 "mov 24(%[s]), %%rbx\n\t"
			 "mov 32(%[s]), %%rsp\n\t"
			 "mov 40(%[s]), %%rbp\n\t"
			 "mov 48(%[s]), %%rsi\n\t"
			 "mov 64(%[s]), %%r8\n\t"
			 "mov 72(%[s]), %%r9\n\t"
			 "mov 80(%[s]), %%r10\n\t"
			 "mov 88(%[s]), %%r11\n\t"
			 "mov 96(%[s]), %%r12\n\t"
			 "mov 104(%[s]), %%r13\n\t"
			 "mov 112(%[s]), %%r14\n\t"
			 "mov 120(%[s]), %%r15\n\t"
			 "mov 56(%[s]), %%rdi\n\t"
			 "jmp *%[jump]\n\t"
			 "1:\n\t"
			 "popq %%r15\n\t"
			 "popq %%r14\n\t"
			 "popq %%r13\n\t"
			 "popq %%r12\n\t"
			 "popq %%rbp\n\t"
			 "popq %%rbx\n\t"
			 "add $128, %%rsp\n\t"
			 : [stack] "=m"(native_run.stack),
			   [landing] "=m"(native_run.landing), [s] "+D"(s),
			   "+a"(low), "+d"(high)
			 : [jump] "m"(native_run.jump),
			   [xsave] "i"(offsetof(struct native_state, xsave)),
			   [flags] "i"(offsetof(struct native_state, rflags))
			 : "memory", "cc", "rcx", "rsi", "r8", "r9", "r10",
			   "r11");
}

static bool native_zero(const u8 *at, u32 size)
{
	for (u32 i = 0; i < size; i++)
		if (at[i])
			return false;
	return true;
}

/* Initial components are loaded as such, so that XINUSE says so. */
static u64 native_bv(const u8 *xsave)
{
	bool x87 = xsave[0] != 0x7f || xsave[1] != 3 ||
		   !native_zero(xsave + 2, XSAVE_MXCSR - 2) ||
		   !native_zero(xsave + XSAVE_ST, 128);

	return (x87 ? XCR0_X87 : 0) |
	       (native_zero(xsave + XSAVE_XMM, 256) ? 0 : XCR0_SSE) |
	       (native_zero(xsave + XSAVE_YMMH, 256) ? 0 : XCR0_AVX);
}

static void native_step(struct native_state *in, const u8 *code, u32 size,
			struct native_result *ret)
{
	u8 *at = (u8 *)TEST_CODE;
	const u64 bv = native_bv(in->xsave);

	memcpy(at, code, size);
	memset(at + size, 0xcc, 16);
	memset(in->xsave + XSAVE_HEADER, 0, 64);
	memcpy(in->xsave + XSAVE_HEADER, &bv, 8);
	native_run.in = in;
	native_run.out = ret;
	native_enter();
}

/* --- the machine beside it --------------------------------------------------- */

static void native_machine_start(void)
{
	struct x86_cpu *cpu = &native_machine.cpu;

	test_machine_init(&native_machine);
	test_long(&native_machine, 3);
	if (!native_host)
		check_eq(thunk_host_create(&native_host), 0);
	native_ops = *cpu->ops;
	native_ops.fpu = native_host;
	cpu->ops = &native_ops;
	cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	cpu->cr0 |= CR0_NE;
	cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	cpu->linear_bits = referee_pointer_bits();
	cpu->vendor_amd = referee_is_amd();
	if (thunk_host_has(FEAT_MISALIGNSSE))
		cpu->feature[FEAT_MISALIGNSSE / 64] |=
			BIT(FEAT_MISALIGNSSE % 64);
	x86_mode_update(cpu);
	for (u64 at = NATIVE_DATA_SIZE; at < NATIVE_DATA_SIZE + 0x8000;
	     at += 4096)
		test_map(&native_machine, TEST_DATA + at, 0);
}

static void machine_step(const struct native_state *in, const u8 *code,
			 u32 size, struct native_result *ret)
{
	struct x86_cpu *cpu = &native_machine.cpu;
	int rc;

	memcpy(cpu->gpr, in->gpr, sizeof(in->gpr));
	cpu->rflags = in->rflags;
	cpu->gpr[GPR_RIP] = TEST_CODE;
	memcpy(cpu->xsave.bytes, in->xsave, XSAVE_SIZE);
	memset(cpu->xsave.bytes + 28, 0, 4);
	cpu->fcs = cpu->fds = 0;
	rc = test_insn(&native_machine, code, size);
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->state.gpr, cpu->gpr, sizeof(in->gpr));
	ret->state.rflags = cpu->rflags;
	ret->state.rip = cpu->gpr[GPR_RIP];
	memcpy(ret->state.xsave, cpu->xsave.bytes, XSAVE_SIZE);
	memset(ret->state.xsave + 28, 0, 4);
	referee_as_saved(ret->state.xsave, cpu->vendor_amd);
	if (rc == X86_OK || rc == X86_BRANCH || rc == X86_END) {
		ret->vector = 3;
		ret->state.rip++; /* past the INT3 */
	} else if (rc == X86_FAULT) {
		ret->vector = cpu->exception.vector;
		ret->error = cpu->exception.has_error ? cpu->exception.error : 0;
		ret->cr2 = cpu->exception.vector == VECTOR_PF
				   ? cpu->exception.payload
				   : 0;
	} else {
		ret->vector = 0x100 + (u32)rc;
	}
}

/* --- random operands --------------------------------------------------------- */

static u64 native_seed = 0x9e3779b97f4a7c15;

static u64 random_u64(void)
{
	native_seed ^= native_seed << 13;
	native_seed ^= native_seed >> 7;
	native_seed ^= native_seed << 17;
	return native_seed * 0x2545f4914f6cdd1d;
}

static u32 random_below(u32 n)
{
	return (u32)(random_u64() >> 33) % n;
}

/* Singles and doubles that arithmetic treats in its own way each. */
static u32 random_single(void)
{
	static const u32 some[] = {
		0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00400000,
		0x00800000, 0x80800001, 0x3f800000, 0xbf800000, 0x3fc00000,
		0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
		0xffc12345, 0x7f800001, 0xffa00000, 0x4f000000, 0xcf000000,
		0x5f000000, 0x40490fdb, 0x1f800000, 0x20000001, 0x7f000000,
		0x38800000, 0x477fe000, 0x33800000, 0x3f800001,
	};

	return random_below(3) ? some[random_below(ARRAY_SIZE(some))]
			       : (u32)random_u64();
}

static u64 random_double(void)
{
	static const u64 some[] = {
		0,
		1ull << 63,
		1,
		0x800fffffffffffff,
		0x0008000000000000,
		0x0010000000000000,
		0x3ff0000000000000,
		0xbff0000000000000,
		0x3ff8000000000000,
		0x7fefffffffffffff,
		0xffefffffffffffff,
		0x7ff0000000000000,
		0xfff0000000000000,
		0x7ff8000000000000,
		0xfff8123400000000,
		0x7ff0000000000001,
		0xfff4000000000000,
		0x41e0000000000000,
		0xc1e0000000000000,
		0x43e0000000000000,
		0x400921fb54442d18,
		0x2000000000000000,
		0x1ff0000000000001,
		0x3810000000000000,
		0x36a0000000000000,
		0x47efffffe0000000,
		0x7fe0000000000000,
		0x380fffffffffffff,
	};

	return random_below(3) ? some[random_below(ARRAY_SIZE(some))]
			       : random_u64();
}

static void random_vector(u8 *to, u32 size)
{
	u32 kind = random_below(5);

	for (u32 at = 0; at < size; at += 8) {
		u64 value = random_u64();

		if (kind == 0 || kind == 1)
			value = random_single() | (u64)random_single() << 32;
		else if (kind == 2)
			value = random_double();
		else if (kind == 3)
			value &= 0x0f010f0300ff7f80;
		memcpy(to + at, &value, 8);
	}
}

/* Ten bytes of an x87 register: normal, special, and unsupported forms. */
static void random_extended(u8 *to)
{
	static const u64 mantissa[] = {
		0,
		1,
		1ull << 63,
		(1ull << 63) | 1,
		~0ull,
		3ull << 62,
		(1ull << 63) + 0x400,
		0xc90fdaa22168c235,
		0x4000000000000000,
		0x7fffffffffffffff,
		0xfffffffffffffc00,
		0xffffff0000000000,
	};
	static const u16 exponent[] = {
		0,	1,	0x7fff, 0x7ffe, 0x3fff, 0x3ffe,
		0x4000, 0x3c00, 0x3f80, 0x43ff, 0x407e, 0x3bcd,
		0x3fc0, 0x401e, 0x403e, 0x403d, 0x3fbf,
	};
	u64 m = random_below(3) ? mantissa[random_below(ARRAY_SIZE(mantissa))]
				: random_u64() | (u64) !!random_below(8) << 63;
	u16 e = random_below(4) ? exponent[random_below(ARRAY_SIZE(exponent))]
				: (u16)(0x3fff + random_below(200) - 100);

	e |= (u16)(random_below(2) << 15);
	memcpy(to, &m, 8);
	memcpy(to + 8, &e, 2);
	memset(to + 10, 0, 6);
}

static u32 random_mxcsr(void)
{
	u32 mxcsr = 0x1f80 | random_below(4) << 13;

	if (!random_below(4))
		mxcsr |= 0x8000;
	if (!random_below(4))
		mxcsr |= 0x0040;
	if (!random_below(3))
		mxcsr |= random_below(64);
	if (!random_below(3))
		mxcsr &= ~(random_below(64) << 7);
	return mxcsr;
}

/* A random consistent state: no x87 exception pending. */
static void random_state(struct native_state *s)
{
	u32 mxcsr = random_mxcsr();
	u16 fcw = (u16)(0x037f & ~(random_below(2) ? 0 : random_below(64)));
	u16 fsw = (u16)(random_below(8) << 11 | (random_u64() & 0x4700));

	memset(s, 0, sizeof(*s));
	for (u32 i = 0; i < 16; i++)
		s->gpr[i] = random_below(2) ? random_u64() : random_below(300);
	s->rflags = 0x202 | (random_u64() & 0x8d5);
	fcw = (u16)((fcw & ~0x0f00) | random_below(4) << 8 |
		    random_below(4) << 10);
	fsw |= (u16)(random_below(64) & fcw & 0x3f);
	memcpy(s->xsave, &fcw, 2);
	memcpy(s->xsave + 2, &fsw, 2);
	s->xsave[4] = (u8)(random_below(2) ? 0xff : random_u64());
	memcpy(s->xsave + XSAVE_MXCSR, &mxcsr, 4);
	for (u32 i = 0; i < 8; i++)
		random_extended(s->xsave + XSAVE_ST + 16 * i);
	for (u32 i = 0; i < 16; i++) {
		random_vector(s->xsave + XSAVE_XMM + 16 * i, 16);
		random_vector(s->xsave + XSAVE_YMMH + 16 * i, 16);
	}
}

/* --- comparison -------------------------------------------------------------- */

/* The first difference, as text; NULL: none. */
static const char *state_difference(const struct native_result *want,
				    const struct native_result *got,
				    u64 flags_mask)
{
	static char text[160];

#define DIFFER(cond, ...)                                          \
	do {                                                       \
		if (cond) {                                        \
			snprintf(text, sizeof(text), __VA_ARGS__); \
			return text;                               \
		}                                                  \
	} while (0)
	DIFFER(want->vector != got->vector, "vector %u, silicon says %u",
	       got->vector, want->vector);
	DIFFER(want->vector == 14 && want->cr2 != got->cr2,
	       "CR2 %llx, silicon says %llx", (unsigned long long)got->cr2,
	       (unsigned long long)want->cr2);
	DIFFER(want->vector == 14 && want->error != got->error,
	       "error code %x, silicon says %x", got->error, want->error);
	DIFFER(want->state.rip != got->state.rip, "RIP %llx, silicon says %llx",
	       (unsigned long long)got->state.rip,
	       (unsigned long long)want->state.rip);
	for (u32 i = 0; i < 16; i++)
		DIFFER(want->state.gpr[i] != got->state.gpr[i],
		       "GPR %u is %llx, silicon says %llx", i,
		       (unsigned long long)got->state.gpr[i],
		       (unsigned long long)want->state.gpr[i]);
	DIFFER((want->state.rflags ^ got->state.rflags) & flags_mask,
	       "flags %llx, silicon says %llx",
	       (unsigned long long)(got->state.rflags & flags_mask),
	       (unsigned long long)(want->state.rflags & flags_mask));
	for (u32 i = 0; i < XSAVE_SIZE; i++) {
		if (i >= 416 && i < XSAVE_YMMH)
			continue;
		DIFFER(want->state.xsave[i] != got->state.xsave[i],
		       "xsave byte %u is %02x, silicon says %02x", i,
		       got->state.xsave[i], want->state.xsave[i]);
	}
#undef DIFFER
	return NULL;
}

#endif
