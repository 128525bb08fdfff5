/* SPDX-License-Identifier: MIT */
/* See generate.h. */
#include "tests/guest/random/generate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/decode/id.h"
#include "engine/core/fpu/fpu.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/paging/tlb.h"
#include "engine/soft/thunk/referee.h"
#include "tests/guest/random/encode.h"
#include "tests/guest/random/prepare.h"

#define SEQUENCE_MAX 8
#define TRIES_MAX    40 /* rows drawn for one place */

/* One case being made. */
struct making {
	struct generator *g;
	struct random_case *c;
	struct rng rng;
	u8 filled[CODE_BYTES]; /* code bytes that belong to an instruction */
	u32 made, wanted;
	u32 taint; /* flags that are undefined now */
};

/* ---- life ---- */

static bool row_in_mode(u32 row, enum code_size code)
{
	return !(insn_rows[row].attr & (code == CODE_64 ? ROW_NO64 : ROW_ONLY64));
}

static void eligible_fill(struct generator *g, enum code_size code)
{
	for (u32 i = 0; i < insn_row_count; i++)
		if (row_in_mode(i, code) && !row_excluded(g->tier0, i))
			g->eligible[code][g->eligible_count[code]++] = (u16)i;
}

int generator_init(struct generator *g, struct tier0 *tier0,
		   const struct native *native, u64 seed)
{
	struct rng rng;
	u32 low = 0, high = 0;

	memset(g, 0, sizeof(*g));
	g->tier0 = tier0;
	g->native = native;
	g->seed = seed;
	g->only_row = insn_row_count;
	g->has_fsgsbase = tier0_host_has(tier0, FEAT_FSGSBASE);
	if (tier0_host_has(tier0, FEAT_XSAVE))
		__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	g->host_xcr0 = (u64)high << 32 | low;
	g->pool = malloc(POOL_BYTES);
	if (!g->pool)
		return -ENOMEM;
	for (u32 code = CODE_32; code <= CODE_64; code++) {
		g->eligible[code] = calloc(insn_row_count, sizeof(u16));
		if (!g->eligible[code])
			return -ENOMEM;
		eligible_fill(g, code);
	}
	rng_seed(&rng, seed, ~0ull);
	values_fill_pool(&rng, g->pool);
	return 0;
}

void generator_release(struct generator *g)
{
	for (u32 i = 0; i < ARRAY_SIZE(g->eligible); i++)
		free(g->eligible[i]);
	free(g->pool);
}

/* ---- one instruction ---- */

static u32 draw_row(struct making *m)
{
	struct generator *g = m->g;
	enum code_size code = tier0_cpu(g->tier0)->code;
	u32 count;

	if (code == CODE_16) /* a far transfer to it cannot succeed here */
		code = CODE_32;
	count = g->eligible_count[code];
	if (!m->made && g->only_row < insn_row_count)
		return g->only_row;
	if (!m->made && code == m->c->code)
		return g->eligible[code][m->c->number / g->code_count % count];
	return g->eligible[code][rng_below(&m->rng, count)];
}

static bool is_xsave(u16 id)
{
	return id == INSN_XSAVE || id == INSN_XSAVEC || id == INSN_XSAVEOPT ||
	       id == INSN_XRSTOR;
}

/* NULL: nothing is mapped there. */
static const struct mapping *mapping_of(u64 address)
{
	for (u32 i = 0; i < mapping_count; i++)
		if ((address & ~4095ull) == mappings[i].address)
			return &mappings[i];
	return NULL;
}

/* The byte at a linear address; 0 where nothing is. */
static u8 memory_byte(const struct making *m, u64 address)
{
	const struct mapping *map = mapping_of(address);

	return map ? tier0_memory(m->g->tier0)[map->page * PAGE_BYTES +
					       (address & 4095)]
		   : 0;
}

/*
 * Which comes first, a bad header's #GP or the area's #PF, differs on Intel with
 * what is bad: only one of them at a time.
 */
static bool header_comparable(const struct making *m, u64 area)
{
	bool legal = !(memory_byte(m, area + XSAVE_HEADER) & ~7);

	for (u32 i = 1; i < 64; i++)
		if (i != 8 && i != 15 && memory_byte(m, area + XSAVE_HEADER + i))
			legal = false;
	return legal || (mapping_of(area) && mapping_of(area + XSAVE_SIZE - 1));
}

/*
 * Components that the host has and the engine does not must stay out, of the
 * request and of what is restored. One that holds its initial state may or may
 * not count as in use. [SDM1 13.6 "Processor Tracking of XSAVE-Managed State"]
 */
static bool xsave_comparable(const struct making *m, const struct insn *in)
{
	const struct x86_cpu *cpu = tier0_cpu(m->g->tier0);
	u64 area = operand_linear(cpu, in);
	u64 mask = (u32)cpu->gpr[RAX] | cpu->gpr[RDX] << 32;

	for (u32 i = 0; i < 16 && in->id == INSN_XRSTOR; i++)
		mask |= (u64)memory_byte(m, area + XSAVE_HEADER + i)
			<< (i % 8 * 8);
	if (in->id == INSN_XRSTOR && !cpu->vendor_amd &&
	    !header_comparable(m, area))
		return false;
	if (in->id != INSN_XRSTOR && fpu_in_use(cpu) != cpu->xcr0)
		return false;
	return !(mask & m->g->host_xcr0 & ~cpu->xcr0);
}

/* Operands that the CPU reads or writes in several accesses. */
static bool has_pieces(const struct insn_row *row)
{
	for (u32 i = 0; i < 4; i++)
		if (row->op[i] == OP_M || row->op[i] == OP_Mt ||
		    row->op[i] == OP_Mp)
			return true;
	return false;
}

/*
 * IRET that sets AC and has a misaligned frame: it is #AC with AC still clear,
 * which Linux takes for a split lock's and has it tried again, for ever.
 */
static bool iret_hangs(const struct making *m, const struct insn *in)
{
	u64 sp = tier0_cpu(m->g->tier0)->gpr[RSP];
	u32 size = 1u << in->op_size;

	return in->id == INSN_IRET && size > 2 && sp & (size - 1) &&
	       memory_byte(m, sp + 2 * size + 2) & (RFLAGS_AC >> 16);
}

static bool is_masked(u16 id)
{
	return id == INSN_VMASKMOVPS || id == INSN_VMASKMOVPD ||
	       id == INSN_VPMASKMOVD || id == INSN_VPMASKMOVQ;
}

/* A far call to 64-bit code whose frame wraps: this AMD host never comes back. */
static bool call_hangs(const struct making *m, const struct insn *in)
{
	const struct x86_cpu *cpu = tier0_cpu(m->g->tier0);

	return cpu->vendor_amd && cpu->code != CODE_64 &&
	       (in->id == INSN_CALL_FAR_MEM || in->id == INSN_CALL_FAR_IMM) &&
	       (u32)cpu->gpr[RSP] < 16;
}

/*
 * State areas and MASKMOV at the end of 16- or 32-bit addresses: which of the
 * pieces wrap to address 0, and when, depends on how the CPU cuts them. AMD's masked
 * moves have two ways of going on there, too, by whether there is a fault.
 */
static bool area_wraps(const struct making *m, const struct insn *in)
{
	const struct x86_cpu *cpu = tier0_cpu(m->g->tier0);
	u32 first = (u32)(cpu->gpr[RDI] & address_mask[in->addr_size]);

	if (cpu->vendor_amd && in->addr_size != CODE_64 && is_masked(in->id))
		return insn_offset(cpu, in) + 32 > address_mask[in->addr_size];
	if (in->addr_size == CODE_64)
		return false;
	if (in->flags & INSN_MEM && has_pieces(&insn_rows[in->row]))
		first = (u32)insn_offset(cpu, in);
	else if (in->id != INSN_MASKMOVDQU && in->id != INSN_VMASKMOVDQU &&
		 !(in->id == INSN_MASKMOVQ && cpu->vendor_amd))
		return false;
	return first > address_mask[in->addr_size] - XSAVE_SIZE;
}

static bool is_gather(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	for (u32 i = 0; i < ARRAY_SIZE(row->op); i++)
		if (row->op[i] == OP_VSIBd || row->op[i] == OP_VSIBq)
			return true;
	return false;
}

static bool is_bit_string(u16 id)
{
	return id == INSN_BT || id == INSN_BTS || id == INSN_BTR ||
	       id == INSN_BTC;
}

/*
 * AMD's silicon wants the offset under FS and GS canonical, too. The engine only
 * looks at the sum, as Intel does: the other check would cost every access that
 * a kernel makes to its per-processor data.
 */
static bool offset_wild(const struct making *m, const struct insn *in)
{
	const struct x86_cpu *cpu = tier0_cpu(m->g->tier0);

	u64 first = insn_offset(cpu, in), last = first;

	if (!cpu->vendor_amd || cpu->code != CODE_64 || in->seg == SEG_NONE)
		return false;
	if (is_gather(in) || is_bit_string(in->id))
		return true;
	if (in->id == INSN_XLAT)
		first = last = cpu->gpr[RBX];
	else if (in->id == INSN_MASKMOVQ || in->id == INSN_MASKMOVDQU ||
		 in->id == INSN_VMASKMOVDQU)
		first = last = cpu->gpr[RDI];
	else if (!(in->flags & INSN_MEM)) /* a string */
		first = last = cpu->gpr[RSI];
	first -= DATA_BYTES;
	last += DATA_BYTES;
	return first > last || !linear_canonical(cpu, first) ||
	       !linear_canonical(cpu, last);
}

/* Some undefined forms do something on AMD: VPERMQ and VPERMPD with VEX.W 0,
 * VERR and VERW with LOCK, MOV CR0 with LOCK (which is CR8 then). */
static bool amd_runs_it(u16 id)
{
	return id == INSN_VPERMQ || id == INSN_VPERMPD || id == INSN_VERR ||
	       id == INSN_VERW || id == INSN_MOV_TO_CR || id == INSN_MOV_FROM_CR;
}

/*
 * Not opcodes that mean something else in the other mode; and how many bytes
 * are fetched for what does not exist, or when it is too long, is not said
 * anywhere.
 */
static bool undefined_for_good(const struct encoding *e)
{
	if (e->code == CODE_64 && e->row->attr & ROW_NO64)
		return false;
	return e->size + 5 <= INSN_LEN_MAX &&
	       !(e->cpu->vendor_amd && amd_runs_it(e->row->id)) &&
	       AT_CODE + CODE_BYTES - e->rip >= INSN_LEN_MAX;
}

/* Do all bytes of an instruction at most find place before another one's? */
static bool room_free(const struct making *m, const struct encoding *e)
{
	for (u32 i = 0; i < INSN_LEN_MAX; i++)
		if (e->rip - AT_CODE + i < CODE_BYTES &&
		    m->filled[e->rip - AT_CODE + i])
			return false;
	return true;
}

static bool acceptable(struct making *m, const struct encoding *e,
		       struct insn *ret)
{
	const struct insn_row *row;

	switch (decode_insn_for(e->bytes, ENCODING_BYTES, e->code,
				e->cpu->vendor_amd, ret)) {
	case DECODE_OK:
		break;
	case DECODE_UD:
		ret->len = 0;
		return undefined_for_good(e) && room_free(m, e);
	case DECODE_TOO_LONG:
		ret->len = 0;
		return room_free(m, e) &&
		       AT_CODE + CODE_BYTES - e->rip > 2 * INSN_LEN_MAX;
	default:
		return false;
	}
	row = &insn_rows[ret->row];
	if (row_excluded(m->g->tier0, ret->row) || row->flags_read & m->taint)
		return false;
	return true;
}

/* With the registers and the memory that it will find. */
static bool comparable(const struct making *m, const struct insn *in)
{
	if (area_wraps(m, in) || iret_hangs(m, in) || call_hangs(m, in) ||
	    offset_wild(m, in))
		return false;
	return !is_xsave(in->id) || xsave_comparable(m, in);
}

static void place(struct making *m, const u8 *bytes, u32 size)
{
	u64 at = RIP(tier0_cpu(m->g->tier0)) - AT_CODE;

	for (u32 i = 0; i < size && at + i < CODE_BYTES; i++) {
		if (m->filled[at + i])
			break; /* the rest is what stands there */
		m->filled[at + i] = 1;
		m->c->before[at + i] = bytes[i];
		tier0_memory(m->g->tier0)[at + i] = bytes[i];
	}
}

/* Draws one encoding for the place at RIP; false: not usable there. */
static bool make_one(struct making *m, struct rng *rng)
{
	struct x86_cpu *cpu = tier0_cpu(m->g->tier0);
	struct encoding e = {
		.rng = rng,
		.cpu = cpu,
		.code = cpu->code,
		.rip = RIP(cpu),
		.row = &insn_rows[draw_row(m)],
		.first = !m->made,
	};
	struct preparation p = {
		.e = &e,
		.state = &m->c->out,
		.xsave = cpu->xsave.bytes,
		.memory = {m->c->before, tier0_memory(m->g->tier0)},
	};
	struct insn in;

	if (e.first)
		prepare_before(&p);
	encode_row(&e);
	if (!acceptable(m, &e, &in))
		return false;
	if (in.len)
		prepare_tail(&p, &in);
	if (in.len && e.first)
		prepare_after(&p, &in);
	if (in.len && !comparable(m, &in))
		return false;
	place(m, e.bytes, in.len ? in.len : INSN_LEN_MAX);
	if (in.len && row_host_values(&in))
		m->wanted = m->made + 1; /* what follows would use them */
	return true;
}

/* False: nothing fits here. */
static bool make_next(struct making *m)
{
	for (u32 i = 0; i < TRIES_MAX; i++) {
		if (make_one(m, &m->rng)) {
			m->made++;
			return true;
		}
		if (!m->made) /* undo what the attempt set */
			tier0_load(m->g->tier0, &m->c->in, m->c->before);
	}
	return false;
}

/* ---- running ---- */

static void taint_flags(struct making *m, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	m->taint &= ~(u32)(row->flags_written & ~row->flags_read);
	m->taint |= row->flags_undefined;
}

static void note_step(struct making *m, const struct insn *in, u64 rip,
		      enum step step)
{
	struct random_case *c = m->c;
	struct case_step *s = &c->step[c->step_count];

	s->insn = *in;
	s->rip = rip;
	s->decoded = step != STEP_BAD_FETCH;
	s->faulted = step == STEP_FAULT;
	memset(s->bytes, CODE_END, sizeof(s->bytes));
	for (u32 i = 0; i < INSN_LEN_MAX && rip - AT_CODE + i < CODE_BYTES; i++)
		s->bytes[i] = tier0_memory(m->g->tier0)[rip - AT_CODE + i];
	c->step_count++;
	if (!s->decoded || s->faulted)
		return;
	taint_flags(m, in);
	c->host_values |= row_host_values(in);
}

static bool place_is_free(const struct making *m)
{
	u64 at = RIP(tier0_cpu(m->g->tier0)) - AT_CODE;

	return at < CODE_BYTES && !m->filled[at];
}

/* A branch back, or into another's bytes, led to what was not made for here. */
static bool leads_astray(const struct making *m, const struct insn *in,
			 u32 taint)
{
	return row_excluded(m->g->tier0, in->row) ||
	       insn_rows[in->row].flags_read & taint;
}

/* Runs, making instructions on the way, to the exception that ends it. */
static bool run(struct making *m)
{
	struct generator *g = m->g;
	struct random_case *c = m->c;
	struct x86_cpu *cpu = tier0_cpu(g->tier0);
	enum step step = STEP_OK;
	u32 host_values, taint;

	c->step_count = 0;
	c->host_values = 0;
	c->broken = false;
	m->taint = 0;
	while (step == STEP_OK) {
		struct insn in;
		u64 rip = RIP(cpu);

		if (c->step_count == STEPS_MAX)
			return false;
		if (m->made < m->wanted && place_is_free(m)) {
			bool first = !m->made;

			if (!make_next(m))
				m->wanted = m->made;
			if (first)
				tier0_save(g->tier0, &c->in);
		}
		if (g->snapshots) {
			tier0_save(g->tier0, &g->snapshots[c->step_count].state);
			memcpy(g->snapshots[c->step_count].memory,
			       tier0_memory(g->tier0), MEMORY_BYTES);
		}
		host_values = c->host_values;
		taint = m->taint;
		step = tier0_step(g->tier0, c->blocks, &in);
		note_step(m, &in, rip, step);
		if (cpu->rflags & RFLAGS_TF ||
		    (host_values && in.id != INSN_HLT))
			return false;
		if (step != STEP_BAD_FETCH && leads_astray(m, &in, taint))
			return false;
	}
	c->broken = step == STEP_BROKEN;
	c->flags_undefined = m->taint;
	tier0_save(g->tier0, &c->out);
	/* As the bare CPU's: that went through XSAVE. */
	referee_as_saved(c->out.xsave, cpu->vendor_amd);
	memcpy(c->after, tier0_memory(g->tier0), MEMORY_BYTES);
	return c->out.vector != VECTOR_PF ||
	       !native_is_mapped(g->native, c->out.cr2);
}

bool generate_rerun(struct generator *g, struct random_case *c)
{
	struct making m = {.g = g, .c = c};

	tier0_load(g->tier0, &c->in, c->before);
	return run(&m);
}

static u64 draw_rip(struct rng *rng)
{
	u32 kind = rng_below(rng, 10);

	if (kind == 0) /* across the pages */
		return AT_CODE + PAGE_BYTES - rng_below(rng, 24);
	if (kind == 1 && rng_percent(rng, 50)) /* into nothing */
		return AT_CODE + CODE_BYTES - 1 - rng_below(rng, 24);
	return AT_CODE + 64 + rng_below(rng, CODE_BYTES - 256);
}

bool generate_case(struct generator *g, u64 number, struct random_case *ret)
{
	struct making m = {.g = g, .c = ret};

	ret->number = number;
	ret->code = g->code[number % g->code_count];
	rng_seed(&m.rng, g->seed, number);
	values_state(&m.rng, ret->code, g->has_fsgsbase, g->pool, &ret->in,
		     ret->before);
	ret->in.rip = draw_rip(&m.rng);
	ret->blocks = rng_percent(&m.rng, 50);
	m.wanted = rng_percent(&m.rng, 45) ? 1
					   : 1 + rng_below(&m.rng, SEQUENCE_MAX);
	if (rng_percent(&m.rng, 30))
		tlb_flush(tier0_cpu(g->tier0), true);
	tier0_load(g->tier0, &ret->in, ret->before);
	return run(&m);
}
