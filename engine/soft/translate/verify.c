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
#include "engine/core/exec/alu.h"
#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/soft/run.h"
#include "engine/soft/translate/inside.h"

struct state {
	u64 gpr[GPR_SLOTS];
	u64 rflags;
	struct x86_xsave xsave;
};

/* Decoding takes longer than running: an instruction at a host address, good
 * while its bytes are still there. */
struct decoded {
	u64 host;
	u64 bytes[2];
	u32 mode;      /* x86_cpu.block_mode */
	bool vector;   /* looks at the vector or x87 state, or changes it */
	bool no_store; /* surely writes no memory */
	struct insn in;
};

#define DECODED_BITS  14
#define DECODED_BYTES 16

struct verify {
	struct state before, tier0;
	struct decoded decoded[1u << DECODED_BITS];
	struct x86_write_log log;
	u8 written[WRITE_LOG_MAX][WRITE_LOG_BYTES]; /* by tier 0 */
	const struct tr_unit *unit;
	bool vector; /* `before` and `tier0` have the vector state, too */
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

/* Says how much was compared: nothing that differs is little worth else. */
void verify_free(struct translator *tr)
{
	const struct verify *v = tr->verify;

	if (v)
		(void)fprintf(stderr, "verify: %llu units compared, %llu not\n",
			      (unsigned long long)v->compared,
			      (unsigned long long)v->skipped);
	free(tr->verify);
}

static void state_take(const struct x86_cpu *cpu, struct state *ret)
{
	memcpy(ret->gpr, cpu->gpr, sizeof(ret->gpr));
	ret->rflags = cpu->rflags;
}

static void state_put(struct x86_cpu *cpu, const struct state *state)
{
	memcpy(cpu->gpr, state->gpr, sizeof(state->gpr));
	cpu->rflags = state->rflags;
}

/* Is `next` simply behind the instruction at rip? Then the branch was not
 * taken, or its target is where it would go anyway. */
static bool unit_falls_to(const struct x86_cpu *cpu, const struct tr_unit *unit,
			  u64 first, u64 rip, u64 next)
{
	const u8 *code = (const u8 *)(uintptr_t)unit->host + (rip - first);
	struct insn in;

	if (decode_insn(code, INSN_LEN_MAX, (enum code_size)cpu->code, &in) !=
	    DECODE_OK)
		return false;
	if (in.id == INSN_JCC && !in.imm)
		return !condition(cpu->rflags, in.cond);
	return rip + in.len == next;
}

static void decoded_fill(struct decoded *d)
{
	u32 attr = insn_rows[d->in.row].attr;

	d->vector = attr & (ROW_VEC | ROW_MMX | ROW_X87) ||
		    translator_needs_fpu(&d->in);
	switch (d->in.id) {
	case INSN_MOV:
	case INSN_MOVZX8:
	case INSN_MOVZX16:
	case INSN_MOVSX8:
	case INSN_MOVSX16:
	case INSN_MOVSXD:
	case INSN_CMP:
	case INSN_TEST:
	case INSN_RET:
		d->no_store = !(attr & ROW_MEM_WRITE);
		break;
	default:
		d->no_store = false;
		break;
	}
}

static int insn_next(struct soft_vcpu *vcpu, const struct tr_unit *unit,
		     struct decoded *ret)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	u64 host = (unit->host & ~4095ull) | (code_linear(cpu) & 4095), bytes[2];
	struct decoded *d =
		&vcpu->translator->verify
			 ->decoded[host & ((1u << DECODED_BITS) - 1)];
	int rc;

	if ((host & 4095) > 4096 - DECODED_BYTES) {
		rc = soft_insn_fetch(vcpu, &ret->in);
		if (!rc)
			decoded_fill(ret);
		return rc;
	}
	memcpy(bytes, (const void *)(uintptr_t)host, sizeof(bytes));
	if (d->host != host || d->mode != cpu->block_mode ||
	    d->bytes[0] != bytes[0] || d->bytes[1] != bytes[1]) {
		d->host = 0;
		rc = soft_insn_fetch(vcpu, &d->in);
		if (rc)
			return rc;
		d->host = host;
		d->mode = cpu->block_mode;
		memcpy(d->bytes, bytes, sizeof(bytes));
		decoded_fill(d);
	}
	cpu->code_host = host & ~4095ull;
	*ret = *d;
	return X86_OK;
}

/* With each write noted. */
static int insn_logged(struct soft_vcpu *vcpu, const struct tr_unit *unit)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct verify *v = vcpu->translator->verify;
	struct x86_tlb *tlb = cpu->tlb;
	struct decoded next;
	int rc = insn_next(vcpu, unit, &next);

	if (rc)
		return rc;
	if (next.vector && !v->vector) {
		v->vector = true;
		v->before.xsave = cpu->xsave;
	}
	if (!next.no_store)
		cpu->tlb = cpu->tlbs[TLB_LOGGED];
	rc = soft_insn_run(vcpu, &next.in);
	cpu->tlb = tlb;
	return rc;
}

/* Tier 0 up to where the unit's straight line is left. */
static bool tier0_run(struct soft_vcpu *vcpu, const struct tr_unit *unit)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	u64 first = RIP(cpu), end = first + unit->bytes;
	int rc = X86_OK;

	for (u32 i = 0; i < UNIT_INSNS_MAX; i++) {
		u64 rip = RIP(cpu);

		rc = insn_logged(vcpu, unit);
		if (rc > X86_BRANCH || cpu->stop)
			return false;
		if (rc == X86_BRANCH && (RIP(cpu) <= rip || RIP(cpu) >= end))
			return true;
		if (RIP(cpu) >= end || RIP(cpu) < first)
			return true;
		/* A taken branch forward leaves the unit, too. */
		if (rc == X86_BRANCH && RIP(cpu) - rip > INSN_LEN_MAX)
			return true;
		if (rc == X86_BRANCH &&
		    !unit_falls_to(cpu, unit, first, rip, RIP(cpu)))
			return true;
	}
	return true;
}

bool verify_before(struct translator *tr, const struct tr_unit *unit)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;
	struct verify *v = tr->verify;
	struct x86_exception exception = cpu->exception;

	v->comparable = false;
	if (unit->calls)
		return true; /* a handler of tier 0 may do more than can be undone */
	translator_fpu_sync(vcpu);
	state_take(cpu, &v->before);
	v->unit = unit;
	v->vector = false;
	v->log.count = 0;
	v->log.full = false;
	cpu->write_log = &v->log;
	v->comparable = tier0_run(vcpu, unit) && !v->log.full;
	cpu->write_log = NULL;
	cpu->stop = 0;
	cpu->exception = exception;
	external_clear(cpu);
	state_take(cpu, &v->tier0);
	if (v->vector) {
		v->tier0.xsave = cpu->xsave;
		cpu->xsave = v->before.xsave;
	}
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
	for (u32 i = 0; v->vector && i < XSAVE_SIZE; i++)
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
	    (v->tier0.rflags ^ now->rflags) & ~(u64)(v->unit->undefined | dead))
		return false;
	if (v->vector && memcmp(&v->tier0.xsave, &now->xsave, sizeof(now->xsave)))
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
	bool strange;

	if (!v->comparable ||
	    (reason != EXIT_DIRECT && reason != EXIT_INDIRECT)) {
		v->skipped++;
		return true;
	}
	/* Vector state that the host's unit never held is what it was. */
	strange = vcpu->hot.fpu_live && !v->vector;
	translator_fpu_sync(vcpu);
	state_take(&vcpu->cpu, &now);
	if (v->vector)
		now.xsave = vcpu->cpu.xsave;
	v->compared++;
	if (same(v, &now, dead ? RFLAGS_ARITH : 0) && !strange)
		return true;
	if (strange)
		(void)fprintf(stderr, "verify: the vector state was loaded\n");
	report(v, &now);
	return false;
}
