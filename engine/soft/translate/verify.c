/* SPDX-License-Identifier: MIT */
/*
 * Translated code against tier 0, unit by unit.
 *
 * Before a unit runs, tier 0 runs the same instructions, with every write to
 * memory noted; then registers and memory are put back, the unit runs, and both
 * results are compared. Units end before instructions that ask for more than
 * registers and memory (scan.c), and are not linked while this is on. What does
 * not come out at the same instruction, since a fault or a device was met, is
 * not compared. One vCPU only: another would write in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/decode/row.h"
#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/soft/run.h"
#include "engine/soft/translate/inside.h"

struct state {
	u64 gpr[GPR_SLOTS];
	u64 rflags;
	struct x86_xsave xsave;
};

struct verify {
	struct state before, tier0;
	struct x86_write_log log;
	u8 written[WRITE_LOG_MAX][WRITE_LOG_BYTES]; /* by tier 0 */
	const struct tr_unit *unit;
	bool comparable;
	u64 compared, skipped;
};

bool verify_create(struct translator *tr)
{
	tr->verify = aligned_alloc(64, (sizeof(*tr->verify) + 63) & ~(size_t)63);
	if (tr->verify)
		memset(tr->verify, 0, sizeof(*tr->verify));
	return tr->verify;
}

void verify_free(struct translator *tr)
{
	free(tr->verify);
}

static void state_take(const struct x86_cpu *cpu, struct state *ret)
{
	memcpy(ret->gpr, cpu->gpr, sizeof(ret->gpr));
	ret->rflags = cpu->rflags;
	ret->xsave = cpu->xsave;
}

static void state_put(struct x86_cpu *cpu, const struct state *state)
{
	memcpy(cpu->gpr, state->gpr, sizeof(state->gpr));
	cpu->rflags = state->rflags;
	cpu->xsave = state->xsave;
}

/* Is `next` simply behind the instruction at rip? Then the branch was not
 * taken, or its target is where it would go anyway, which the unit's exit may
 * or may not tell apart: compared as left. */
static bool unit_falls_to(const struct tr_unit *unit, u64 rip, u64 next)
{
	const u8 *code =
		(const u8 *)(uintptr_t)unit->host + ((rip - unit->rip) & 0xfff);
	struct insn in;

	if (decode_insn(code, INSN_LEN_MAX, CODE_64, &in) != DECODE_OK)
		return false;
	return rip + in.len == next;
}

/* Tier 0 up to where the unit's straight line is left. */
static bool tier0_run(struct soft_vcpu *vcpu, const struct tr_unit *unit)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	u64 first = RIP(cpu), end = first + unit->bytes;
	int rc = X86_OK;

	for (u32 i = 0; i < UNIT_INSNS_MAX; i++) {
		u64 rip = RIP(cpu);

		rc = soft_insn_step(vcpu);
		if (rc > X86_BRANCH || cpu->stop)
			return false;
		if (rc == X86_BRANCH && (RIP(cpu) <= rip || RIP(cpu) >= end))
			return true;
		if (RIP(cpu) >= end || RIP(cpu) < first)
			return true;
		/* A taken branch forward leaves the unit, too. */
		if (rc == X86_BRANCH && RIP(cpu) - rip > INSN_LEN_MAX)
			return true;
		if (rc == X86_BRANCH && !unit_falls_to(unit, rip, RIP(cpu)))
			return true;
	}
	return true;
}

bool verify_before(struct translator *tr, const struct tr_unit *unit)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;
	struct verify *v = tr->verify;
	struct x86_tlb *tlb = cpu->tlb;
	struct x86_exception exception = cpu->exception;

	v->comparable = false;
	if (unit->calls)
		return true;
	translator_fpu_sync(vcpu);
	state_take(cpu, &v->before);
	v->unit = unit;
	v->log.count = 0;
	v->log.full = false;
	cpu->write_log = &v->log;
	cpu->tlb = cpu->tlbs[TLB_LOGGED];
	v->comparable = tier0_run(vcpu, unit) && !v->log.full;
	cpu->tlb = tlb;
	cpu->write_log = NULL;
	cpu->stop = 0;
	cpu->exception = exception;
	external_clear(cpu);
	state_take(cpu, &v->tier0);
	for (u32 i = v->log.count; i-- > 0;) {
		struct x86_write *write = &v->log.write[i];

		memcpy(v->written[i], write->host, write->size);
		memcpy(write->host, write->old, write->size);
	}
	state_put(cpu, &v->before);
	return !v->log.full; /* else memory is not what it was */
}

static void state_print(const char *name, const struct state *a,
			const struct state *b)
{
	static const char names[GPR_SLOTS][5] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",	 "r8",
		"r9",  "r10", "r11", "r12", "r13", "r14", "r15", "zero", "rip"};

	(void)fprintf(stderr, "%-8s %18s %18s\n", name, "interpreted",
		      "translated");
	for (u32 i = 0; i < GPR_SLOTS; i++)
		(void)fprintf(stderr, "%-8s %018llx %018llx%s\n", names[i],
			      (unsigned long long)a->gpr[i],
			      (unsigned long long)b->gpr[i],
			      a->gpr[i] != b->gpr[i] ? "  differs" : "");
	(void)fprintf(stderr, "%-8s %018llx %018llx%s\n", "rflags",
		      (unsigned long long)a->rflags,
		      (unsigned long long)b->rflags,
		      a->rflags != b->rflags ? "  differs" : "");
}

static bool vector_differs(const struct state *a, const struct state *b, u32 i)
{
	if ((i >= 6 && i < 24) || (i >= 28 && i < 32) ||
	    (i >= 416 && i < XSAVE_YMMH)) /* pointers, MXCSR_MASK, header */
		return false;
	if (i >= XSAVE_ST && i < XSAVE_XMM && (i - XSAVE_ST) % 16 >= 10)
		return false;
	return a->xsave.bytes[i] != b->xsave.bytes[i];
}

static void report(const struct verify *v, const struct state *now)
{
	const u8 *code = (const u8 *)(uintptr_t)v->unit->host;

	(void)fprintf(stderr,
		      "verify: a translated unit of %u bytes at %llx, mode %x, "
		      "differs from the interpreter\n",
		      v->unit->bytes,
		      (unsigned long long)v->before.gpr[GPR_RIP], v->unit->mode);
	for (u32 i = 0; i < v->unit->bytes; i++)
		(void)fprintf(stderr, " %02x%s", code[i],
			      i % 24 == 23 ? "\n" : "");
	(void)fprintf(stderr, "\n");
	state_print("before", &v->before, &v->before);
	state_print("after", &v->tier0, now);
	for (u32 i = 0; i < XSAVE_SIZE; i++)
		if (vector_differs(&v->tier0, now, i))
			(void)fprintf(stderr, "xsave+%u %02x %02x\n", i,
				      v->tier0.xsave.bytes[i],
				      now->xsave.bytes[i]);
	for (u32 i = 0; i < v->log.count; i++) {
		const struct x86_write *write = &v->log.write[i];

		if (memcmp(write->host, v->written[i], write->size))
			(void)fprintf(stderr,
				      "memory at host %p, %u bytes: %02x… "
				      "interpreted, %02x… translated\n",
				      (void *)write->host, write->size,
				      v->written[i][0], *write->host);
	}
}

/* Later writes hide earlier ones to the same place. */
static bool overwritten(const struct verify *v, u32 index)
{
	const struct x86_write *a = &v->log.write[index];

	for (u32 i = index + 1; i < v->log.count; i++) {
		const struct x86_write *b = &v->log.write[i];

		if (a->host < b->host + b->size && b->host < a->host + a->size)
			return true;
	}
	return false;
}

/* `dead`: flags that nobody will read. */
static bool same(const struct verify *v, const struct state *now, u32 dead)
{
	if (memcmp(v->tier0.gpr, now->gpr, sizeof(now->gpr)) ||
	    (v->tier0.rflags ^ now->rflags) &
		    ~(u64)(v->unit->undefined | dead))
		return false;
	for (u32 i = 0; i < XSAVE_SIZE; i++)
		if (vector_differs(&v->tier0, now, i))
			return false;
	for (u32 i = 0; i < v->log.count; i++)
		if (!overwritten(v, i) &&
		    memcmp(v->log.write[i].host, v->written[i],
			   v->log.write[i].size))
			return false;
	return true;
}

/* False: they differ, and the difference was printed. */
bool verify_after(struct translator *tr, u32 reason)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct verify *v = tr->verify;
	const struct tr_exit *exit = (void *)(uintptr_t)vcpu->hot.exit_arg;
	bool dead = reason == EXIT_DIRECT && exit->flags_at == FLAGS_DEAD;
	struct state now;

	if (!v->comparable ||
	    (reason != EXIT_DIRECT && reason != EXIT_INDIRECT)) {
		v->skipped++;
		return true;
	}
	translator_fpu_sync(vcpu);
	state_take(&vcpu->cpu, &now);
	v->compared++;
	if (same(v, &now, dead ? RFLAGS_ARITH : 0))
		return true;
	report(v, &now);
	return false;
}
