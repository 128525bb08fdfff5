/* SPDX-License-Identifier: MIT */
/*
 * From generated code into C: tier 0's handlers, and what fills slots.
 *
 * These run while the host's vector registers may hold the guest's: this folder
 * and engine/core are compiled without use of them, and what may reach the C
 * library calls translator_fpu_sync() first (cpu_ops.c).
 */
#include <string.h>

#include "engine/core/decode/row.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/paging/tlb.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/translate/inside.h"

/* More than a unit can move the stack pointer. */
#define STACK_EDGE (1u << 20)

/* STI's shadow is over the next instruction: is it in the unit? Then it is given
 * no way out but tier 0, which runs it at once. */
bool helper_keeps_shadow(struct making *m)
{
	if (m->at == m->count - 1)
		return false;
	m->insn[m->at + 1].span_shared = false;
	return true;
}

/* Calls the handler of one instruction; it returns here or leaves the unit. */
void helper_insn(struct making *m, const struct tr_insn *t)
{
	struct insn *in;

	in = meta_alloc(m->tr, sizeof(*in));
	if (!in || (t->in.id == INSN_STI && !helper_keeps_shadow(m))) {
		exit_tier0(m);
		return;
	}
	*in = t->in;
	in->exec = exec_bind(&m->tr->vcpu->cpu, in);
	flags_want_saved(m);
	flags_destroyed(m);
	sp_settle(m);
	scratch_forget(m);
	emit_rip_of(m, R_TMP, t->offset + t->in.len);
	emit_mov_imm(&m->e, R_ADDR, (u64)(uintptr_t)in);
	emit_fix(emit_call(&m->e), translator_goes_on(&t->in)
					   ? m->tr->stub_helper
					   : m->tr->stub_transfer);
	/* Slots may have been emptied: nothing that was checked holds. */
	m->flags_at = FLAGS_SAVED;
	m->stack_shared = false;
	memset(m->right, 0, sizeof(m->right));
	m->fpu_ready = false;
	if (insn_rows[t->in.row].attr & ROW_BRANCH)
		return;
	m->sp_known = false;
}

/*
 * With nothing to be delivered, STI's shadow is kept by going on: the unit has
 * no way out before the next instruction is done. One that goes to tier 0 is
 * run at once.
 */
static void shadow_skip(struct x86_cpu *cpu, const struct insn *in)
{
	if (in->id != INSN_STI || cpu->shadow != SHADOW_STI)
		return;
	cpu->shadow = 0;
	x86_mode_update(cpu);
}

static int handler_run(struct soft_vcpu *vcpu, const struct insn *in)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	u32 attr = insn_rows[in->row].attr;
	int rc;

	vcpu->hot.fill_pc = 0; /* a hole in memory is this handler's from here */
	if (attr & (ROW_VEC | ROW_X87 | ROW_MMX) || translator_needs_fpu(in))
		translator_fpu_sync(vcpu);
	flags_load(vcpu, vcpu->hot.flags);
	cpu->insn_len = in->len;
	rc = in->exec(cpu, in);
	while (rc == X86_REPEAT && !cpu->stop && translator_undisturbed(vcpu)) {
		RIP(cpu) += in->len;
		rc = in->exec(cpu, in);
	}
	return rc;
}

/* All is done, nobody waits, and what runs next may be translated. */
static bool handler_done(const struct translator *tr, int rc)
{
	const struct soft_vcpu *vcpu = tr->vcpu;

	return (rc == X86_OK || rc == X86_END || rc == X86_BRANCH) &&
	       !vcpu->cpu.stop && !tr->dropped && translatable(tr) &&
	       translator_undisturbed(vcpu);
}

/* The loop in enter.c must see to it. */
static void handler_leaves(struct translator *tr, const struct insn *in, int rc)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;

	if (rc == X86_FAULT || rc == X86_NEED || rc == X86_EXIT ||
	    rc == X86_UNHANDLED) {
		if (rc != X86_FAULT || !cpu->exception.trap)
			RIP(cpu) -= in->len;
	}
	tr->helper_result = rc;
}

/* 0: the unit goes on. Otherwise helper_result tells what happened. */
int translator_helper(struct soft_vcpu *vcpu, const struct insn *in)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct translator *tr = vcpu->translator;
	u32 mode = cpu->block_mode;
	u32 whole = small_loads_segment(in) ? mode_now(cpu) : 0;
	u64 next = RIP(cpu);
	int rc = handler_run(vcpu, in);

	if (rc == X86_END && !cpu->stop && !tr->dropped &&
	    translator_undisturbed(vcpu))
		shadow_skip(cpu, in);
	if (rc != X86_BRANCH && handler_done(tr, rc) && RIP(cpu) == next &&
	    cpu->block_mode == mode && (!whole || mode_now(cpu) == whole)) {
		translator_tables_sync(tr);
		vcpu->hot.flags = flags_word(cpu->rflags);
		return 0;
	}
	handler_leaves(tr, in, rc);
	return 1;
}

/* The same for an instruction that ends its unit: where to go on, if there is
 * code for it at once. 0: the loop in enter.c must find out. */
u64 translator_transfer(struct soft_vcpu *vcpu, const struct insn *in)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct translator *tr = vcpu->translator;
	int rc = handler_run(vcpu, in);
	u64 entry = 0;

	vcpu->transfers++;
	if (handler_done(tr, rc) && !tr->options.flush_every) {
		translator_tables_sync(tr);
		if (cpu->cpl != 3 || !vcpu->direct ||
		    !direct_returned(vcpu->direct))
			entry = entry_known(tr);
	}
	if (entry) {
		vcpu->hot.flags = flags_word(cpu->rflags);
		vcpu->hot.code_page = code_linear(cpu) & ~0xfffull;
		return entry;
	}
	handler_leaves(tr, in, rc);
	return 0;
}

/* Instructions after which a unit may go on, if nothing else forbids it. */
bool translator_goes_on(const struct insn *in)
{
	switch (in->id) {
	case INSN_CLI:
	case INSN_STI:
	case INSN_STAC:
	case INSN_CLAC:
	case INSN_SWAPGS:
	case INSN_POPF:
		return true;
	default:
		return small_loads_segment(in) ||
		       !(insn_rows[in->row].attr & (ROW_END | ROW_BRANCH));
	}
}

/* Handlers of rows without a vector attribute that look at the vector state. */
bool translator_needs_fpu(const struct insn *in)
{
	switch (in->id) {
	case INSN_FXSAVE:
	case INSN_FXRSTOR:
	case INSN_XSAVE:
	case INSN_XSAVEOPT:
	case INSN_XSAVEC:
	case INSN_XSAVES:
	case INSN_XRSTOR:
	case INSN_XRSTORS:
	case INSN_LDMXCSR:
	case INSN_STMXCSR:
	case INSN_VLDMXCSR:
	case INSN_VSTMXCSR:
	case INSN_XGETBV:
	case INSN_XSETBV:
		return true;
	default:
		return false;
	}
}

/* The host address of what is at `address`, if it may be read or written in
 * this way and the TLB has it. NULL: not so. */
static u8 *reachable(struct soft_vcpu *vcpu, u64 address, u32 size, bool write)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	u32 access = (write ? WALK_WRITE : 0u) |
		     (cpu->cpl == 3 ? WALK_USER : 0u);
	u64 tag = tlb_tag(cpu, address, address + size - 1);
	struct x86_tlb_entry *entry = tlb_slot(cpu, address);
	struct translator *tr = vcpu->translator;
	struct page_ref page;
	int rc;

	if ((write ? entry->write_tag : entry->read_tag) == tag)
		return (u8 *)(uintptr_t)(entry->host + address);
	if (!linear_canonical(cpu, address))
		return NULL;
	rc = tlb_fill(cpu, tlb_class_now(cpu), address, access, &page);
	tr->page_fault = rc == X86_FAULT && !cpu->stop && !tr->dropped;
	if (rc || cpu->stop || tr->dropped || !page.host)
		return NULL;
	/* Code, watched, logged: each access is looked at. */
	return (write ? entry->write_tag : entry->read_tag) == tag ? page.host
								   : NULL;
}

/* TR_USER's tables know of no page in the upper half, which systems keep for
 * themselves: each access of CPL 3 there comes to C. */
static bool is_foreign(const struct soft_vcpu *vcpu, u64 address)
{
	return vcpu->cpu.cpl == 3 && address >> 63;
}

/* Reads over the edge of a page are made here, into a buffer that is aligned
 * as the address is. */
static bool bounce(struct soft_vcpu *vcpu, u64 address, u32 size)
{
	struct tr_hot *hot = &vcpu->hot;
	u8 *to = hot->bounce + (-(uintptr_t)hot->bounce & 63) + (address & 63);
	u32 first = 4096 - (u32)(address & 4095);
	const u8 *from, *behind;

	if (vcpu->cpu.code != CODE_64) /* it may wrap */
		return false;
	if (!linear_canonical(&vcpu->cpu, address + size - 1)) /* #GP, not #PF */
		return false;
	from = reachable(vcpu, address, first, false);
	if (!from)
		return false;
	behind = reachable(vcpu, address + first, size - first, false);
	if (!behind)
		return false;
	for (u32 i = 0; i < first; i++)
		to[i] = from[i];
	for (u32 i = first; i < size; i++)
		to[i] = behind[i - first];
	hot->fill_delta = (u64)(uintptr_t)to - address;
	return true;
}

/* The code that asked for memory goes on with the vector state it had loaded. A
 * walk that stopped the other vCPUs has put that away. */
static void fpu_back(struct soft_vcpu *vcpu, u64 live)
{
	if (unlikely(live && !vcpu->hot.fpu_live))
		(void)translator_fpu_load(vcpu); /* it could be before */
}

/*
 * A slot and the TLB do not have this address. FILL_FAILED: tier 0 must make
 * the access.
 */
u64 translator_fill(struct soft_vcpu *vcpu, u64 address, u64 size, u64 how)
{
	u64 rc = FILL_FAILED, live = vcpu->hot.fpu_live;
	const u8 *host;

	vcpu->translator->page_fault =
		false; /* a stack's check may have met one */
	if ((address & 4095) + size <= 4096) {
		host = reachable(vcpu, address, (u32)size, how & FILL_WRITE);
		if (host && !is_foreign(vcpu, address))
			rc = FILL_DONE;
		else if (host && !(how & FILL_STRICT))
			rc = FILL_ELSEWHERE;
		vcpu->hot.fill_delta = (u64)(uintptr_t)host - address;
	} else if (!how && size <= BOUNCE_MAX) {
		if (bounce(vcpu, address, (u32)size))
			rc = FILL_ELSEWHERE;
	}
	vcpu->hot.fill_pc = 0; /* no more guest memory is touched */
	fpu_back(vcpu, live);
	return rc;
}

/*
 * 1: the stack's slot now covers [low, low + bytes). Otherwise the executable
 * address of the same unit without the check, or 0: there is none yet. `unit`
 * is its distance into the records.
 */
u64 translator_stack_miss(struct soft_vcpu *vcpu, u64 low, u64 bytes, u64 unit)
{
	struct translator *tr = vcpu->translator;
	const struct tr_unit *asking = (void *)(tr->meta + unit);
	const struct tr_unit *plain = asking->plain;
	u64 otherwise = plain ? executable(tr, plain->entry_saved) : 0;
	u64 live = vcpu->hot.fpu_live;
	const u8 *host;
	u32 table = vcpu->cpu.cpl == 3 ? TR_USER : TR_SYSTEM;

	if ((low & 4095) + bytes > 4096 || bytes > 4096)
		return otherwise;
	/* Where sums of 64 bits might not wrap as the guest's do. */
	if (vcpu->cpu.code != CODE_64 &&
	    low - STACK_EDGE > UINT32_MAX - 2 * STACK_EDGE)
		return otherwise;
	if ((table == TR_SYSTEM && !vcpu->hot.slots_fine) ||
	    is_foreign(vcpu, low))
		return otherwise;
	if (table == TR_SYSTEM && !(low >> 63))
		vcpu->hot.low_used = 1;
	/* One that only reads must not make the page dirty. */
	if (!asking->stack_writes && tlb_slot(&vcpu->cpu, low)->write_tag !=
					     tlb_tag(&vcpu->cpu, low, low))
		return otherwise;
	host = reachable(vcpu, low, 1, true);
	vcpu->hot.fill_pc = 0;
	fpu_back(vcpu, live);
	if (!host)
		return tr->dropped ? 0 : otherwise;
	vcpu->hot.stack_before[table] = vcpu->hot.stack[table];
	vcpu->hot.stack[table] = (struct tr_slot){
		.page = low & ~0xfffull, .delta = (u64)(uintptr_t)host - low};
	return 1;
}
