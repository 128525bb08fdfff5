/* SPDX-License-Identifier: MIT */
/*
 * The transfers that a 64-bit system makes all day, without the ways out of the
 * general ones: an event that enters 64-bit code at CPL 0, and IRETQ from there
 * to 64-bit code. All that they read and write must be in the TLB and as systems
 * have it (present, accessed, in the GDT, a frame in one page). Where anything is
 * not, nothing has been done, and the general functions find out what follows.
 *
 * Nothing is remembered from one time to the next: gates, descriptors and stacks
 * are read where they are, each word once, as the general functions do it.
 */
#include "engine/core/segment/segment.h"

#include "engine/core/paging/mem.h"
#include "engine/core/paging/tlb.h"

#define GATE_BYTES    16u
#define GATE_IS	      (0x80u | SYSTEM_INTERRUPT32) /* present, or a trap gate */
#define GATE_CHECKED  (0x80u | SEG_S | (SEG_TYPE & ~1u))
#define IST_AT(index) (0x24u + ((index)-1) * 8)
#define RSP0_AT	      4u
#define FLAGS_DROPPED (RFLAGS_TF | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT)
/* What IRETQ takes at CPL 0. [SDM2 3.3 "IRET/IRETD/IRETQ—Interrupt Return"] */
#define FLAGS_RETURNED                                                    \
	(RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | \
	 RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP |    \
	 RFLAGS_ID)

static const u64 *words_at(const struct x86_cpu *cpu,
			   const struct x86_tlb_entry *entry, u64 tag,
			   gva_t address, u32 bytes)
{
	if (tag != tlb_tag(cpu, address, address + bytes - 1))
		return NULL;
	return (const void *)(uintptr_t)(entry->host + address);
}

/* Of descriptor tables and the TSS. */
static const u64 *table_words(const struct x86_cpu *cpu, gva_t address,
			      u32 bytes)
{
	const struct x86_tlb_entry *entry =
		tlb_entry(cpu, TLB_SUPERVISOR, address);

	return words_at(cpu, entry, entry->read_tag, address, bytes);
}

static bool descriptor_quick(const struct x86_cpu *cpu, u16 selector,
			     struct descriptor *ret)
{
	const u64 *word;

	if (selector_null(selector) || (selector & 4) ||
	    (selector | 7u) > cpu->gdtr.limit)
		return false;
	word = table_words(cpu, cpu->gdtr.base + (selector & 0xfff8u), 8);
	if (word)
		ret->low = *word;
	return word;
}

/* 64-bit code of that privilege, not conforming. */
static bool code_quick(const struct x86_cpu *cpu, u16 selector, u32 dpl,
		       struct x86_segment *ret)
{
	u32 is = SEG_P | SEG_S | SEG_CODE | SEG_ACCESSED | SEG_L |
		 dpl << SEG_DPL_SHIFT;
	struct descriptor d = {0};

	if (!descriptor_quick(cpu, selector, &d) ||
	    (descriptor_attr(&d) & (0xffu | SEG_L | SEG_DB) & ~(u32)SEG_RW) != is)
		return false;
	descriptor_segment(&d, (u16)((selector & 0xfffc) | dpl), ret);
	return true;
}

static bool stack_quick(const struct x86_cpu *cpu, u16 selector, u32 cpl,
			struct x86_segment *ret)
{
	u32 is = SEG_P | SEG_S | SEG_RW | SEG_ACCESSED | cpl << SEG_DPL_SHIFT;
	struct descriptor d = {0};

	if (!selector) {
		segment_null(0, 0, ret);
		return !cpl;
	}
	if ((selector & 3u) != cpl || !descriptor_quick(cpu, selector, &d) ||
	    (descriptor_attr(&d) & 0xff) != is)
		return false;
	descriptor_segment(&d, selector, ret);
	return true;
}

/* --- events --- */

struct gate64 {
	u64 offset;
	u16 selector;
	u8 ist;
	bool trap;
};

static bool gate_quick(const struct x86_cpu *cpu, u8 vector, struct gate64 *ret)
{
	u32 at = vector * GATE_BYTES;
	const u64 *word;
	u64 low;

	if (at + GATE_BYTES - 1 > cpu->idtr.limit)
		return false;
	word = table_words(cpu, cpu->idtr.base + at, GATE_BYTES);
	if (!word)
		return false;
	low = word[0];
	if (((u32)(low >> 40) & GATE_CHECKED) != GATE_IS)
		return false;
	*ret = (struct gate64){
		.offset = (low & 0xffff) | (low >> 32 & 0xffff0000) |
			  word[1] << 32,
		.selector = (u16)(low >> 16),
		.ist = (u8)(low >> 32 & 7),
		.trap = low >> 40 & 1,
	};
	return address_canonical(cpu, ret->offset);
}

/* The top of the handler's stack. */
static bool top_quick(const struct x86_cpu *cpu, u32 ist, u64 *ret)
{
	const struct x86_segment *tr = &cpu->seg[SEG_TR];
	u32 at = ist ? IST_AT(ist) : RSP0_AT;
	const u64 *word;

	*ret = cpu->gpr[RSP];
	if (!ist && !cpu->cpl)
		return true;
	if ((tr->attr & SEG_UNUSABLE) || at + 7 > tr->limit)
		return false;
	word = table_words(cpu, tr->base + at, 8);
	if (word)
		*ret = *word;
	return word;
}

/* Where a frame of CPL 0 may be written at once; NULL: not so. */
static u64 *frame_quick(const struct x86_cpu *cpu, gva_t low, u32 bytes)
{
	bool closed = (cpu->cr4 & CR4_SMAP) && !(cpu->rflags & RFLAGS_AC);
	const struct x86_tlb_entry *entry =
		tlb_entry(cpu, closed ? TLB_SUPERVISOR : TLB_SUPERVISOR_AC, low);

	if (entry->write_tag != tlb_tag(cpu, low, low + bytes - 1))
		return NULL;
	return (void *)(uintptr_t)(entry->host + low);
}

bool event_quick(struct x86_cpu *cpu, u8 vector, u64 rflags, const u32 *error)
{
	struct x86_segment cs;
	struct gate64 gate;
	u64 top = 0, *frame;
	u32 count = error ? 6 : 5;

	if (!cpu->long_mode || !gate_quick(cpu, vector, &gate) ||
	    !code_quick(cpu, gate.selector, 0, &cs) ||
	    !top_quick(cpu, gate.ist, &top))
		return false;
	top &= ~15ull;
	frame = frame_quick(cpu, top - count * 8, count * 8);
	if (!frame)
		return false;
	note_store(cpu, (u64)(uintptr_t)frame);
	if (error)
		*frame++ = *error;
	frame[0] = RIP(cpu);
	frame[1] = cpu->seg[SEG_CS].selector;
	frame[2] = rflags;
	frame[3] = cpu->gpr[RSP];
	frame[4] = cpu->seg[SEG_SS].selector;
	if (cpu->cpl) /* with IST alone the selector stays */
		segment_null(0, 0, &cpu->seg[SEG_SS]);
	cpu->gpr[RSP] = top - count * 8;
	cpu->rflags &= ~(FLAGS_DROPPED | (gate.trap ? 0 : RFLAGS_IF));
	branch_commit(cpu, &cs, gate.offset);
	return true;
}

/* --- IRETQ --- */

bool iret_quick(struct x86_cpu *cpu)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, cpu->gpr[RSP]);
	struct x86_segment cs, ss;
	const u64 *frame;
	u64 rip, rsp;
	u16 selector;

	if (cpu->cpl || cpu->code != CODE_64 || (cpu->rflags & RFLAGS_NT))
		return false;
	frame = words_at(cpu, entry, entry->read_tag, cpu->gpr[RSP], 40);
	if (!frame)
		return false;
	rip = frame[0];
	selector = (u16)frame[1];
	rsp = frame[3];
	if (!address_canonical(cpu, rip) ||
	    !code_quick(cpu, selector, selector & 3, &cs) ||
	    !stack_quick(cpu, (u16)frame[4], selector & 3, &ss))
		return false;
	cpu->rflags = (cpu->rflags & ~FLAGS_RETURNED) |
		      (frame[2] & FLAGS_RETURNED) | RFLAGS_FIXED;
	cpu->seg[SEG_SS] = ss;
	cpu->gpr[RSP] = rsp;
	segments_drop_inner(cpu, selector & 3);
	branch_commit(cpu, &cs, rip);
	return true;
}
