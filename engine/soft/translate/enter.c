/* SPDX-License-Identifier: MIT */
/*
 * Running units: finding the one at RIP, making it when it is hot, entering,
 * and what becomes of the ways out.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "engine/core/decode/row.h"
#include "engine/core/exception/exception.h"
#include "engine/core/exec/alu.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/paging/tlb.h"
#include "engine/soft/code_map.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/run.h"
#include "engine/soft/translate/inside.h"

struct translator *translator_create(struct soft_vcpu *vcpu,
				     const struct translate_options *options)
{
	struct translator *tr = calloc(1, sizeof(*tr));

	if (!tr)
		return NULL;
	tr->making = malloc(sizeof(*tr->making));
	tr->vcpu = vcpu;
	if (options)
		tr->options = *options;
	if (!tr->options.threshold)
		tr->options.threshold = THRESHOLD;
	if (!tr->making || !cache_create(tr) ||
	    getrandom(&tr->random, sizeof(tr->random), 0) != sizeof(tr->random)) {
		translator_free(tr);
		return NULL;
	}
	tr->random |= 1;
	vcpu->hot.jump_poison = tr->random * 0x9e3779b97f4a7c15u;
	tr->epoch = 1;
	vcpu->cpu.writers = &tr->writers;
	tr->verify_due = tr->options.verify_every;
	tr->flush_due = tr->options.flush_every;
	if (tr->options.verify_every && !verify_create(tr)) {
		translator_free(tr);
		return NULL;
	}
	stubs_make(tr);
	slots_create(tr);
	jumps_reset(tr, TR_USER);
	jumps_reset(tr, TR_SYSTEM);
	return tr;
}

void translator_free(struct translator *tr)
{
	if (!tr)
		return;
	cache_free(tr);
	verify_free(tr);
	free(tr->making);
	free(tr);
}

/* --- flags and the FPU --- */

/* From LAHF's and SETO's bytes, and to them. */
void flags_load(struct soft_vcpu *vcpu, u64 ax)
{
	flags_set(&vcpu->cpu, (u32)ax, RFLAGS_ARITH);
}

u64 flags_word(u64 rflags)
{
	return (rflags & 0xff) << 8 | (rflags >> 11 & 1);
}

#ifdef PLAIN_MEM
#define HAVE_PLAIN_MEM true
#else
#define HAVE_PLAIN_MEM false
#endif
#define FX_POINTERS	  6 /* FOP, FIP, FDP: the engine's own */
#define FX_POINTERS_BYTES 18
#define MXCSR_MASKS	  0x1f80u
#define FCW_MASKS	  0x3fu
#define FSW_PENDING	  0x80u

void translator_fpu_sync(struct soft_vcpu *vcpu)
{
	u8 *area = vcpu->cpu.xsave.bytes, pointers[FX_POINTERS_BYTES];
	const u32 mxcsr = MXCSR_RESET;

	if (!vcpu->hot.fpu_live)
		return;
	vcpu->hot.fpu_live = 0;
	for (u32 i = 0; i < FX_POINTERS_BYTES; i++)
		pointers[i] = area[FX_POINTERS + i];
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"(7), "d"(0)
			 : "memory");
	for (u32 i = 0; i < FX_POINTERS_BYTES; i++)
		area[FX_POINTERS + i] = pointers[i];
	/* C expects the unit as the ABI has it at a function's start. */
	__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

/* 1: the host's vector unit holds the guest's state. 0: it would raise signals
 * there, since the guest has unmasked an exception. */
u64 translator_fpu_load(struct soft_vcpu *vcpu)
{
	u8 *area = vcpu->cpu.xsave.bytes;
	u64 header[8] = {7};
	u32 mxcsr;
	u16 fcw, fsw;

	__builtin_memcpy(&mxcsr, area + XSAVE_MXCSR, 4);
	__builtin_memcpy(&fcw, area, 2);
	__builtin_memcpy(&fsw, area + 2, 2);
	if (!HAVE_PLAIN_MEM || (mxcsr & MXCSR_MASKS) != MXCSR_MASKS ||
	    (fcw & FCW_MASKS) != FCW_MASKS || (fsw & FSW_PENDING))
		return 0;
	for (u32 i = 0; i < 8; i++)
		__builtin_memcpy(area + XSAVE_HEADER + 8 * i, &header[i], 8);
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"(7), "d"(0)
			 : "memory");
	vcpu->hot.fpu_live = 1;
	return 1;
}

/* --- tables --- */

/* What TLB flushes have made untrue since the last time. */
void translator_tables_sync(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;
	u64 low = cpu->tlb_space ^ tr->seen_space;
	u64 high = cpu->tlb_generation[1] ^ tr->seen_upper;
	u64 page_low = cpu->tlb_page_flushes[0] ^ tr->seen_page_flushes[0];
	u64 page_high = cpu->tlb_page_flushes[1] ^ tr->seen_page_flushes[1];
	bool smap;

	vcpu->hot.tsc_plain = !vcpu->tsc_ratio &&
			      (!(cpu->cr4 & CR4_TSD) || !cpu->cpl);
	/* What AC opens to the kernel must not stay open without it. */
	smap = cpu->cr4 & CR4_SMAP;
	vcpu->hot.slots_fine_ac = !smap;
	vcpu->hot.slots_fine = !smap || cpu->tlb != cpu->tlbs[TLB_SUPERVISOR_AC];
	vcpu->hot.tlb_without_ac =
		(u64)(uintptr_t)
			cpu->tlbs[smap ? TLB_SUPERVISOR : TLB_SUPERVISOR_AC];
	if (likely(!(low | high | page_low | page_high)))
		return;
	if (page_low)
		space_pages_flushed(tr, 0);
	if (low) {
		space_changed(tr);
		if (vcpu->direct)
			direct_space_changed(vcpu->direct);
	}
	if (high)
		space_upper_flushed(tr);
	else if (page_high)
		space_pages_flushed(tr, 1);
	tr->seen_upper = cpu->tlb_generation[1];
	for (u32 i = 0; i < 2; i++)
		tr->seen_page_flushes[i] = cpu->tlb_page_flushes[i];
}

static u32 table_now(const struct x86_cpu *cpu)
{
	return cpu->cpl == 3 ? TR_USER : TR_SYSTEM;
}

/* As generated code does it, state.c: exit_indirect(). */
static struct tr_jump *jump_of(struct soft_vcpu *vcpu, u32 table, u64 rip)
{
	u32 crc = vcpu->hot.jump_seed[table];

	__asm__("crc32l %1, %0" : "+r"(crc) : "r"((u32)rip));
	return &vcpu->hot.jump[table][crc >> 4 & (TR_JUMPS - 1)];
}

/* As stub_indirect does it. */
static struct tr_jump *displaced_of(struct soft_vcpu *vcpu, u64 key)
{
	u32 crc = 0;

	__asm__("crc32l %1, %0" : "+r"(crc) : "r"((u32)key));
	return &vcpu->hot.displaced[crc >> 4 & (TR_DISPLACED - 1)];
}

static bool jump_is_known(const struct translator *tr,
			  const struct tr_unit *unit)
{
	return unit->jump_epoch == tr->jump_epoch[unit->table];
}

static void jump_note(struct translator *tr, u32 table, u64 rip,
		      struct tr_unit *unit)
{
	struct tr_jump *jump = jump_of(tr->vcpu, table, rip);
	u64 key = rip ^ tr->key[table];

	unit->jumps_many = jump_is_known(tr, unit) &&
			   (unit->jumps_many || unit->jump_key != key);
	unit->jump = (u16)(jump - tr->vcpu->hot.jump[table]);
	unit->jump_key = key;
	unit->jump_epoch = tr->jump_epoch[table];
	space_jump_noted(tr, table, rip);
	if (unit->host2)
		space_jump_noted(tr, table, rip + INSN_LEN_MAX);
	if (jump->key != key)
		*displaced_of(tr->vcpu, jump->key) = *jump;
	*jump = (struct tr_jump){
		.key = key,
		.code = executable(tr, unit->entry_saved),
	};
}

/* Jumps lead to the unit no more. */
void jump_forget(struct translator *tr, struct tr_unit *unit)
{
	struct tr_jump *jump, *displaced;

	if (!jump_is_known(tr, unit))
		return;
	if (unit->jumps_many) {
		jumps_reset(tr, unit->table);
		return;
	}
	jump = &tr->vcpu->hot.jump[unit->table][unit->jump];
	displaced = displaced_of(tr->vcpu, unit->jump_key);
	if (jump->key == unit->jump_key)
		*jump = (struct tr_jump){0};
	if (displaced->key == unit->jump_key)
		*displaced = (struct tr_jump){0};
}

/* --- finding and making --- */

bool translatable(const struct translator *tr)
{
	const struct x86_cpu *cpu = &tr->vcpu->cpu;

	return !cpu->single_step && cpu->tlb != cpu->tlbs[TLB_ALIGN];
}

#define HEAT_MADE 0xff

/* Code at `host` is about to run: how often it did, or that it has a unit, if
 * it was not dropped since. What shares its hash shares the count. */
static u8 *heat_of(struct translator *tr, u64 host)
{
	return &tr->heat[(host * 0x9e3779b97f4a7c15u) >> (64 - HEAT_BITS)];
}

/* What ran long ago is cold again, or other code by now. The table is gone over
 * by and by. */
static void heat_cool(struct translator *tr)
{
	u8 *heat = &tr->heat[tr->heat_hand];

	for (u32 i = 0; i < 2; i++)
		if (heat[i] != HEAT_MADE)
			heat[i] /= 2;
	tr->heat_hand = (tr->heat_hand + 2) % (1u << HEAT_BITS);
}

/* The host's page behind the one at RIP; NULL: RIP is far from its edge, or it
 * is not there. */
static u8 *page_behind(struct translator *tr)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;
	u64 rip = code_linear(cpu);
	u8 *host;

	if ((rip & 4095) <= 4096 - INSN_LEN_MAX ||
	    tlb_fetch(cpu, ((rip | 4095) + 1) & cpu->linear_mask, &host))
		return NULL;
	return host;
}

static struct tr_unit *unit_new(struct translator *tr,
				const struct unit_key *key)
{
	struct tr_unit *unit;
	u8 *second;

	if (!code_map_protect(tr->vcpu, key->host & ~4095ull))
		return NULL; /* not now: somebody may still be writing it */
	unit = unit_make(tr, key, NULL);
	if (!unit && !tr->full) {
		second = page_behind(tr);
		if (second && code_map_protect(tr->vcpu, (u64)(uintptr_t)second))
			unit = unit_make(tr, key, second);
	}
	if (!unit && tr->full)
		translator_clear(tr);
	return unit;
}

/* Found for the first page; the second may be another here, or changed. */
static bool crosser_holds(struct translator *tr, struct tr_unit *unit)
{
	u8 *second = page_behind(tr);

	if ((u64)(uintptr_t)second != unit->host2)
		return false;
	if (unit_crc_now(unit) == unit->crc)
		return true;
	translator_drop_page(tr, unit->host2);
	return false;
}

/* The unit at RIP, NULL: none; then tier 0 runs, and finds all faults. */
static struct tr_unit *unit_here(struct translator *tr, u32 extra_mode)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;
	u64 rip = code_linear(cpu);
	struct unit_key key;
	struct tr_unit *unit;
	u8 *host, *heat;
	bool made;

	if (RIP(cpu) > cpu->seg[SEG_CS].limit && cpu->code != CODE_64)
		return NULL;
	if (!tr->vcpu->vm->writes_told &&
	    tlb_slot(cpu, rip)->exec_tag != tlb_tag(cpu, rip, rip)) {
		if (tlb_fetch(cpu, rip, &host))
			return NULL;
		translator_distrust(tr, (u64)(uintptr_t)host & ~4095ull);
	}
	if (tlb_fetch(cpu, rip, &host))
		return NULL;
	key = key_now(cpu, (u64)(uintptr_t)host, extra_mode);
	unit = unit_found(tr, &key);
	if (unit && !unit->host2 && tr->vcpu->vm->writes_told)
		return unit;
	/* Most of what comes here is cold, and this is all that it costs. */
	heat = heat_of(tr, (u64)(uintptr_t)host);
	made = extra_mode || *heat == HEAT_MADE;
	if (!made) {
		heat_cool(tr);
		if (++*heat < tr->options.threshold)
			return NULL;
	}
	if (!tr->vcpu->vm->writes_told)
		(void)page_verify(tr, (u64)(uintptr_t)host & ~4095ull);
	unit = unit_find(tr, &key);
	*heat = HEAT_MADE;
	if (unit)
		return !unit->host2 || crosser_holds(tr, unit) ? unit : NULL;
	if (made && !extra_mode) { /* dropped, or the mark is another's */
		*heat = 1;
		return NULL;
	}
	return unit_new(tr, &key);
}

/* The page's units are compared with memory before they run again. */
void translator_distrust(struct translator *tr, u64 host_page)
{
	struct tr_page *page = page_find(tr, host_page);

	if (page)
		page->verified = 0;
}

void translator_begin(struct translator *tr)
{
	if (tr->vcpu->vm->writes_told)
		return;
	tr->epoch++;
	jumps_reset(tr, TR_USER);
	jumps_reset(tr, TR_SYSTEM);
}

/* --- running --- */

typedef u32 (*enter_fn)(u64 entry);

#define GO_ON (-1)

/* Tier 0 finishes what generated code left. */
static int settle(struct soft_vcpu *vcpu, int rc)
{
	if ((rc == X86_OK || rc == X86_BRANCH || rc == X86_END ||
	     rc == X86_REPEAT) &&
	    !vcpu->cpu.stop)
		return GO_ON;
	return rc;
}

static int one_on_tier0(struct soft_vcpu *vcpu)
{
	return settle(vcpu, soft_insn_step(vcpu));
}

/* The guest's state at a place of the generated code that could not go on. */
static const struct tr_map *state_at(struct translator *tr, u64 pc)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;
	struct tr_unit *unit = unit_by_code(tr, pc);
	u32 code = (u32)(pc - executable(tr, unit->code)), low = 0,
	    high = unit->map_count;
	const struct tr_map *map;

	while (high - low > 1) { /* the last that is not behind pc */
		u32 middle = (low + high) / 2;

		if (unit->map[middle].code <= code)
			low = middle;
		else
			high = middle;
	}
	map = &unit->map[low];
	code_go(cpu, map->offset + (code_floats(cpu) ? vcpu->hot.code_page
						     : unit->rip & ~0xfffull));
	if (map->lag)
		cpu->gpr[RSP] = (cpu->gpr[RSP] + (u64)(s64)map->lag) &
				cpu->linear_mask;
	flags_load(vcpu,
		   map->flags_at == FLAGS_SAVED || map->flags_at == FLAGS_BOTH
			   ? vcpu->hot.flags
			   : vcpu->hot.flags_fault);
	return map;
}

/* A page fault, RIP at its instruction: what run.c would do of it, without
 * putting the vector state away. */
static int page_fault(struct soft_vcpu *vcpu)
{
	external_clear(&vcpu->cpu);
	vcpu->cpu.insn_len = 0;
	return settle(vcpu, exception_deliver(&vcpu->cpu));
}

static int on_fault(struct translator *tr)
{
	const struct tr_map *map = state_at(tr, tr->vcpu->hot.exit_arg);
	bool whole = tr->page_fault && map->faults_first && !tr->verify;

	tr->page_fault = false;
	return whole ? page_fault(tr->vcpu) : one_on_tier0(tr->vcpu);
}

static int on_helper(struct translator *tr)
{
	const struct x86_cpu *cpu = &tr->vcpu->cpu;
	int rc = tr->helper_result;

	if (rc == X86_FAULT && cpu->exception.vector == VECTOR_PF &&
	    !cpu->exception.software && !cpu->stop && !tr->verify)
		return page_fault(tr->vcpu);
	return settle(tr->vcpu, rc);
}

static int on_direct(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct tr_exit *exit = (struct tr_exit *)(uintptr_t)vcpu->hot.exit_arg;

	code_go(&vcpu->cpu, (u64)(s64)exit->target +
				    (code_floats(&vcpu->cpu)
					     ? vcpu->hot.code_page
					     : exit->from->rip & ~0xfffull));
	if (exit->field && !exit->to && !exit->from->dead && !tr->dropped)
		tr->link_from = exit;
	return GO_ON;
}

static int on_indirect(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;

	if (likely(linear_canonical(cpu, vcpu->hot.rip) ||
		   vcpu->hot.undo == UNDO_NO_BRANCH)) {
		code_go(cpu, vcpu->hot.rip); /* the fetch there will fault */
		return GO_ON;
	}
	code_go(cpu, vcpu->hot.exit_arg +
			     (code_floats(cpu) ? vcpu->hot.code_page : 0));
	cpu->gpr[RSP] -= vcpu->hot.undo;
	return one_on_tier0(vcpu);
}

/* A check that several accesses share found two pages, or one that is not to be
 * had at once. From here on with checks of each. */
static int plainly(struct translator *tr, struct tr_unit *unit)
{
	if (unit->dead || tr->dropped)
		return GO_ON;
	tr->plain = unit_here(tr, MODE_PLAIN);
	return tr->plain ? GO_ON : one_on_tier0(tr->vcpu);
}

static int on_stack(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct tr_unit *unit = unit_by_code(tr, vcpu->hot.exit_arg);
	int rc;

	code_go(&vcpu->cpu,
		unit->rip + (code_floats(&vcpu->cpu) ? vcpu->hot.code_page : 0));
	rc = plainly(tr, unit);
	if (!unit->dead)
		unit->plain = tr->plain; /* of one page: they die together */
	return rc;
}

/* What fails too often shall not be tried again. */
static int on_span(struct translator *tr)
{
	u64 pc = tr->vcpu->hot.exit_arg;
	struct tr_unit *unit = unit_by_code(tr, pc);

	(void)state_at(tr, pc);
	if (!unit->dead && ++unit->span_failures == SPAN_FAILURES_MAX)
		unit_make_plain(tr, unit);
	return plainly(tr, unit);
}

static int came_back(struct translator *tr, u32 reason)
{
	struct soft_vcpu *vcpu = tr->vcpu;

	tr->last_reason = reason;
	switch (reason) {
	case EXIT_DIRECT:
		return on_direct(tr);
	case EXIT_INDIRECT:
		return on_indirect(tr);
	case EXIT_TIER0:
		code_go(&vcpu->cpu,
			vcpu->hot.exit_arg + (code_floats(&vcpu->cpu)
						      ? vcpu->hot.code_page
						      : 0));
		return one_on_tier0(vcpu);
	case EXIT_HELPER:
		return on_helper(tr);
	case EXIT_FAULT:
		return on_fault(tr);
	case EXIT_SPAN:
		return on_span(tr);
	default:
		return on_stack(tr);
	}
}

static int enter(struct translator *tr, u64 entry)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	struct x86_cpu *cpu = &vcpu->cpu;
	u32 reason;

	vcpu->hot.flags = flags_word(cpu->rflags);
	vcpu->hot.code_page = code_linear(cpu) & ~0xfffull;
	tr->dropped = false;
	cpu->insn_len = 0;
	vcpu->inside_code = true;
	reason = ((enter_fn)(uintptr_t)executable(tr, tr->enter_code))(entry);
	vcpu->inside_code = false;
	if (reason != EXIT_HELPER)
		flags_load(vcpu, vcpu->hot.flags);
	return came_back(tr, reason);
}

/* One unit, alone: with verify no unit is linked, nor found by a jump. */
static int enter_verified(struct translator *tr, struct tr_unit *unit)
{
	int rc;

	if (--tr->verify_due)
		return enter(tr, executable(tr, unit->entry_saved));
	tr->verify_due = tr->options.verify_every;
	if (!verify_before(tr, unit))
		return X86_UNHANDLED;
	if (unit->dead) /* its code was written over, if only for a while */
		return one_on_tier0(tr->vcpu);
	rc = enter(tr, executable(tr, unit->entry_saved));
	return verify_after(tr, tr->last_reason) ? rc : X86_UNHANDLED;
}

static void attention(struct soft_vcpu *vcpu, bool wanted, u64 user, u64 system)
{
	__atomic_store_n(&vcpu->hot.wanted, wanted, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->hot.jump_key[TR_USER], user, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->hot.jump_key[TR_SYSTEM], system,
			 __ATOMIC_RELAXED);
}

/* Nobody wants this vCPU, or only to give it an interrupt that it holds off. */
bool translator_undisturbed(const struct soft_vcpu *vcpu)
{
	u32 request = __atomic_load_n(&vcpu->request, __ATOMIC_RELAXED);

	return !request || (request == REQUEST_WINDOW && !vcpu->nmi_pending &&
			    !(vcpu->cpu.rflags & RFLAGS_IF));
}

/*
 * When it is undisturbed jumps may be found and polls pass. Otherwise code that
 * is entered all the same comes back at its first poll. Who wants it sets the
 * request first and spoils the rest after, so one of the two is seen.
 */
static bool nobody_waits(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	u64 poison = vcpu->hot.jump_poison;

	attention(vcpu, false, tr->key[TR_USER], tr->key[TR_SYSTEM]);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (translator_undisturbed(vcpu)) {
		if (tr->options.stress_kick)
			attention(vcpu, true, poison, poison);
		return true;
	}
	attention(vcpu, true, poison, poison);
	return false;
}

/* The table of jumps is of one mode, and of one code segment in it. */
static void table_serve(struct translator *tr, u32 table)
{
	struct unit_key key = key_now(&tr->vcpu->cpu, 0, 0);

	if (likely(tr->table_mode[table] == key.mode &&
		   tr->table_cs[table] == key.cs))
		return;
	jumps_reset(tr, table);
	tr->table_mode[table] = key.mode;
	tr->table_cs[table] = key.cs;
}

u64 entry_known(struct translator *tr)
{
	const struct x86_cpu *cpu = &tr->vcpu->cpu;
	u32 table = table_now(cpu);
	u64 rip = code_linear(cpu);
	const struct tr_jump *jump;

	table_serve(tr, table);
	jump = jump_of(tr->vcpu, table, rip);
	return !tr->verify && jump->key == (rip ^ tr->key[table]) ? jump->code
								  : 0;
}

static u64 entry_here(struct translator *tr)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;
	u32 table = table_now(cpu);
	u64 rip = code_linear(cpu), known;
	struct tr_unit *unit;

	known = entry_known(tr);
	if (known && !tr->link_from)
		return known;
	unit = unit_here(tr, 0);
	if (!unit)
		return 0;
	tr->entered = unit;
	if (tr->verify) /* neither linked nor jumped to */
		return executable(tr, unit->entry_saved);
	if (tr->link_from && !tr->link_from->to && !unit->host2 &&
	    ((unit->host ^ tr->link_from->from->host) & ~4095ull) == 0)
		exit_link(tr->link_from, unit);
	tr->link_from = NULL;
	jump_note(tr, table, rip, unit);
	return executable(tr, unit->entry_saved);
}

/* Where generated code for RIP begins, 0: there is none. */
static u64 entry_next(struct translator *tr)
{
	struct tr_unit *plain = tr->plain;
	u64 entry = 0;

	translator_tables_sync(tr);
	if (translatable(tr)) {
		tr->entered = plain;
		entry = plain ? executable(tr, plain->entry_saved)
			      : entry_here(tr);
	}
	tr->link_from = NULL;
	tr->plain = NULL;
	return entry;
}

/* What is to run next for the exit before must still be there. */
static void flush_stress(struct translator *tr)
{
	if (!tr->options.flush_every || tr->plain || --tr->flush_due)
		return;
	tr->flush_due = tr->options.flush_every;
	translator_clear(tr);
}

int translator_step(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;
	bool first = true;
	int rc = GO_ON;

	while (rc == GO_ON) {
		u64 entry;

		if (direct_wanted(vcpu) && !first) {
			tr->link_from = NULL;
			tr->plain = NULL;
			return X86_OK;
		}
		flush_stress(tr);
		entry = entry_next(tr);
		/*
		 * What was there before has been served: one step is made.
		 * Before a second one it is asked again, for tier 0 as well: an
		 * interrupt that IF has just let in would be shut out again
		 * where that step is an INT3, each time anew.
		 */
		if (!nobody_waits(tr) && !first)
			return X86_OK;
		first = false;
		if (!entry) {
			translator_fpu_sync(vcpu);
			return soft_block_step(vcpu);
		}
		rc = tr->verify ? enter_verified(tr, tr->entered)
				: enter(tr, entry);
	}
	return rc;
}

/* --- signals --- */

u64 translator_fault(struct soft_vcpu *vcpu, u64 pc, u64 rflags)
{
	struct translator *tr = vcpu->translator;

	if (!tr || !vcpu->inside_code ||
	    pc - (u64)(uintptr_t)tr->code_exec >= tr->code_bytes ||
	    !unit_by_code(tr, pc))
		return 0;
	vcpu->translator->page_fault = false;
	vcpu->hot.exit_arg = pc;
	vcpu->hot.flags_fault = flags_word(rflags);
	return executable(tr, tr->stub_fault);
}

void translator_abandon(struct translator *tr)
{
	struct soft_vcpu *vcpu = tr->vcpu;

	if (vcpu->inside_code && vcpu->hot.fill_pc)
		(void)state_at(tr, vcpu->hot.fill_pc);
	else if (vcpu->inside_code) /* in a handler: as it found them */
		RIP(&vcpu->cpu) -= vcpu->cpu.insn_len;
	vcpu->inside_code = false;
	vcpu->hot.fill_pc = 0;
	tr->link_from = NULL;
}
