/* SPDX-License-Identifier: MIT */
/*
 * String instructions.
 *
 * Registers are committed after each element, so a fault or a device access in
 * the middle leaves RCX, RSI and RDI as the architecture wants them. REP MOVS
 * and REP STOS whose pages are both in the TLB run as the host's own REP, one
 * page at a time. A repeated instruction returns X86_REPEAT after a portion,
 * which is where interrupts get in. [SDM2 4.3 "REP/REPE/REPZ/REPNE/REPNZ"]
 */
#include "engine/core/exec/string.h"

#include "engine/core/decode/id.h"

#define PORTION_MAX 256 /* elements done one by one before yielding */

static u32 count_size(const struct insn *in)
{
	return in->addr_size == CODE_64	  ? SZ_Q
	       : in->addr_size == CODE_32 ? SZ_L
					  : SZ_W;
}

void string_begin(const struct x86_cpu *cpu, const struct insn *in,
		  struct string_state *ret)
{
	ret->mask = address_mask[in->addr_size];
	ret->source = cpu->gpr[RSI] & ret->mask;
	ret->dest = cpu->gpr[RDI] & ret->mask;
	ret->repeated = in->flags & (INSN_REP | INSN_REPNE);
	ret->count = ret->repeated ? cpu->gpr[RCX] & ret->mask : 1;
	ret->bytes = 1u << in->op_size;
	ret->backward = cpu->rflags & RFLAGS_DF;
}

void string_advance(struct x86_cpu *cpu, const struct insn *in,
		    struct string_state *s, u64 n, u32 moves)
{
	u64 step = n * s->bytes;
	u32 size = count_size(in);

	if (s->backward)
		step = -step;
	if (moves & MOVES_SOURCE) {
		s->source = (s->source + step) & s->mask;
		gpr_write(cpu, GPR_OFFSET(RSI), size, s->source);
	}
	if (moves & MOVES_DEST) {
		s->dest = (s->dest + step) & s->mask;
		gpr_write(cpu, GPR_OFFSET(RDI), size, s->dest);
	}
	s->count -= n;
	if (s->repeated)
		gpr_write(cpu, GPR_OFFSET(RCX), size, s->count);
	if (unlikely(cpu->external.done)) /* what was logged was this element's */
		external_clear(cpu);
}

int string_end(struct x86_cpu *cpu, const struct insn *in,
	       const struct string_state *s, bool done)
{
	if (done || !s->count)
		return X86_OK;
	RIP(cpu) -= in->len;
	return X86_REPEAT;
}

u64 string_portion(const struct x86_cpu *cpu, const struct string_state *s)
{
	return MIN(s->count, cpu->single_step ? 1ull : (u64)PORTION_MAX);
}

/* The host address of [address, +bytes) if the TLB allows, else 0. */
static u64 hit(const struct x86_cpu *cpu, gva_t address, u32 bytes, bool write)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);
	u64 tag = write ? entry->write_tag : entry->read_tag;

	if (tag != tlb_tag(cpu, address, address + bytes - 1))
		return 0;
	return entry->host + address;
}

/* Do n elements lie within the segment, and below the wrap of the offset? A
 * refusal is not raised: the element that meets it will be. */
static bool within(struct x86_cpu *cpu, u32 seg, const struct string_state *s,
		   u64 offset, u64 n, bool write)
{
	u64 bytes = n * s->bytes;

	if (offset + bytes - 1 > s->mask)
		return false;
	return (cpu->segment_fast[seg] &
		(write ? SEG_FAST_WRITE : SEG_FAST_READ)) ||
	       segment_check(cpu, seg, offset, (u32)bytes, write) == X86_OK;
}

/* In the guest's direction, so that what overlaps comes out alike. */
#define REP(insn)                   \
	"test %[back], %[back]\n\t" \
	"jz 1f\n\t"                 \
	"std\n"                     \
	"1:\trep " insn "\n\t"      \
	"cld"

static void host_rep_movs(u64 dest, u64 source, u64 count, u32 bytes,
			  bool backward)
{
	switch (bytes) {
	case 1:
		__asm__ volatile(REP("movsb")
				 : "+D"(dest), "+S"(source), "+c"(count)
				 : [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	case 2:
		__asm__ volatile(REP("movsw")
				 : "+D"(dest), "+S"(source), "+c"(count)
				 : [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	case 4:
		__asm__ volatile(REP("movsl")
				 : "+D"(dest), "+S"(source), "+c"(count)
				 : [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	default:
		__asm__ volatile(REP("movsq")
				 : "+D"(dest), "+S"(source), "+c"(count)
				 : [back] "r"((u32)backward)
				 : "memory", "cc");
	}
}

static void host_rep_stos(u64 dest, u64 value, u64 count, u32 bytes,
			  bool backward)
{
	switch (bytes) {
	case 1:
		__asm__ volatile(REP("stosb")
				 : "+D"(dest), "+c"(count)
				 : "a"(value), [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	case 2:
		__asm__ volatile(REP("stosw")
				 : "+D"(dest), "+c"(count)
				 : "a"(value), [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	case 4:
		__asm__ volatile(REP("stosl")
				 : "+D"(dest), "+c"(count)
				 : "a"(value), [back] "r"((u32)backward)
				 : "memory", "cc");
		break;
	default:
		__asm__ volatile(REP("stosq")
				 : "+D"(dest), "+c"(count)
				 : "a"(value), [back] "r"((u32)backward)
				 : "memory", "cc");
	}
}

/* One side of a run of elements that stays in its page. */
struct run {
	u32 seg;
	u64 offset;   /* of the first element */
	gva_t linear; /* likewise */
	bool write;
};

/* Elements from the first one to the edge of its page. */
static u64 run_room(const struct run *r, const struct string_state *s)
{
	return s->backward ? (r->linear & 0xfff) / s->bytes + 1
			   : (4096 - (r->linear & 0xfff)) / s->bytes;
}

/* The host address of the first element, if all n may be reached; else 0. */
static u64 run_host(struct x86_cpu *cpu, const struct run *r,
		    const struct string_state *s, u64 n)
{
	u64 back = s->backward ? (n - 1) * s->bytes : 0;

	if (r->offset < back ||
	    !within(cpu, r->seg, s, r->offset - back, n, r->write))
		return 0;
	return hit(cpu, r->linear, s->bytes, r->write);
}

static struct run run_of(const struct x86_cpu *cpu, u32 seg, u64 offset,
			 bool write)
{
	return (struct run){.seg = seg,
			    .offset = offset,
			    .linear = (cpu->segment_base[seg] + offset) &
				      cpu->linear_mask,
			    .write = write};
}

/* As many as lie in one page on both sides; 0: not this way. */
static u64 bulk_movs(struct x86_cpu *cpu, const struct insn *in,
		     const struct string_state *s)
{
	struct run source = run_of(cpu, in->seg, s->source, false);
	struct run dest = run_of(cpu, dest_seg(in, cpu), s->dest, true);
	u64 room = MIN(run_room(&source, s), run_room(&dest, s));
	u64 n = MIN(s->count, room), from, to;

	if (cpu->single_step || n < 2)
		return 0;
	from = run_host(cpu, &source, s, n);
	to = run_host(cpu, &dest, s, n);
	if (!from || !to)
		return 0;
	host_rep_movs(to, from, n, s->bytes, s->backward);
	note_store(cpu, to);
	return n;
}

static u64 bulk_stos(struct x86_cpu *cpu, const struct insn *in,
		     const struct string_state *s)
{
	struct run dest = run_of(cpu, dest_seg(in, cpu), s->dest, true);
	u64 n = MIN(s->count, run_room(&dest, s)), to;

	if (cpu->single_step || n < 2)
		return 0;
	to = run_host(cpu, &dest, s, n);
	if (!to)
		return 0;
	host_rep_stos(to, cpu->gpr[RAX], n, s->bytes, s->backward);
	note_store(cpu, to);
	return n;
}

/*
 * Intel's REP under 32-bit addresses in 64-bit mode begins by cutting the count
 * and, of MOVS and STOS, the pointers to 32 bits, whatever happens then.
 */
static void registers_cut(struct x86_cpu *cpu, const struct insn *in, u32 moves)
{
	if (likely(in->addr_size != CODE_32) || cpu->code != CODE_64 ||
	    cpu->vendor_amd || !(in->flags & (INSN_REP | INSN_REPNE)))
		return;
	cpu->gpr[RCX] = (u32)cpu->gpr[RCX];
	if (moves & MOVES_SOURCE)
		cpu->gpr[RSI] = (u32)cpu->gpr[RSI];
	if (moves & MOVES_DEST)
		cpu->gpr[RDI] = (u32)cpu->gpr[RDI];
}

static int source_element(struct x86_cpu *cpu, const struct insn *in,
			  const struct string_state *s, u64 *ret)
{
	*ret = 0;
	return segment_read(cpu, in->seg, s->source, ret, s->bytes, in->seg);
}

static int dest_element(struct x86_cpu *cpu, const struct insn *in,
			const struct string_state *s, u64 *ret)
{
	*ret = 0;
	return segment_read(cpu, dest_seg(in, cpu), s->dest, ret, s->bytes,
			    SEG_ES);
}

static int dest_store(struct x86_cpu *cpu, const struct insn *in,
		      const struct string_state *s, u64 value)
{
	return segment_write(cpu, dest_seg(in, cpu), s->dest, &value, s->bytes,
			     SEG_ES);
}

static int movs(struct x86_cpu *cpu, const struct insn *in)
{
	struct string_state s;
	u64 done, value;
	int rc;

	registers_cut(cpu, in, MOVES_SOURCE | MOVES_DEST);
	string_begin(cpu, in, &s);
	if (!s.count)
		return X86_OK;
	done = bulk_movs(cpu, in, &s);
	if (done) {
		string_advance(cpu, in, &s, done, MOVES_SOURCE | MOVES_DEST);
		return string_end(cpu, in, &s, false);
	}
	/* One by one up to a TLB fill: then the bulk way has its chance. */
	rc = source_element(cpu, in, &s, &value);
	if (!rc)
		rc = dest_store(cpu, in, &s, value);
	if (rc)
		return rc;
	string_advance(cpu, in, &s, 1, MOVES_SOURCE | MOVES_DEST);
	return string_end(cpu, in, &s, false);
}

static int stos(struct x86_cpu *cpu, const struct insn *in)
{
	struct string_state s;
	u64 done;
	int rc;

	registers_cut(cpu, in, MOVES_DEST);
	string_begin(cpu, in, &s);
	if (!s.count)
		return X86_OK;
	done = bulk_stos(cpu, in, &s);
	if (done) {
		string_advance(cpu, in, &s, done, MOVES_DEST);
		return string_end(cpu, in, &s, false);
	}
	rc = dest_store(cpu, in, &s, cpu->gpr[RAX]);
	if (rc)
		return rc;
	string_advance(cpu, in, &s, 1, MOVES_DEST);
	return string_end(cpu, in, &s, false);
}

static int lods(struct x86_cpu *cpu, const struct insn *in)
{
	struct string_state s;
	u64 value;
	int rc;

	registers_cut(cpu, in, 0);
	string_begin(cpu, in, &s);
	if (!s.count)
		return X86_OK;
	rc = source_element(cpu, in, &s, &value);
	if (rc)
		return rc;
	gpr_write(cpu, GPR_OFFSET(RAX), in->op_size, value);
	string_advance(cpu, in, &s, 1, MOVES_SOURCE);
	return string_end(cpu, in, &s, false);
}

ALU_SIZES(ALU2, compare, "sub")

static void compare_elements(struct x86_cpu *cpu, u64 a, u64 b, u32 bytes)
{
	if (bytes == 1)
		(void)compare_b(cpu, a, b);
	else if (bytes == 2)
		(void)compare_w(cpu, a, b);
	else if (bytes == 4)
		(void)compare_l(cpu, a, b);
	else
		(void)compare_q(cpu, a, b);
}

/* REPE stops at the first difference, REPNE at the first match. */
static bool comparison_over(const struct x86_cpu *cpu, const struct insn *in)
{
	bool equal = cpu->rflags & RFLAGS_ZF;

	if (in->flags & INSN_REPNE)
		return equal;
	return !equal;
}

/*
 * The destination is read first. A fault in the middle leaves the flags as they
 * were before the instruction; on AMD, as the last element set them.
 * [SDM2 "REP/REPE/REPZ/REPNE/REPNZ"]
 */
static int compare_run(struct x86_cpu *cpu, const struct insn *in, bool scan)
{
	struct string_state s;
	u64 a = cpu->gpr[RAX], b, flags = cpu->rflags;
	u64 portion;
	bool over = false;
	int rc;

	registers_cut(cpu, in, 0);
	string_begin(cpu, in, &s);
	portion = string_portion(cpu, &s);
	for (u64 i = 0; i < portion && !over; i++) {
		rc = dest_element(cpu, in, &s, &b);

		if (!rc && !scan)
			rc = source_element(cpu, in, &s, &a);
		if (rc) {
			if (!cpu->vendor_amd)
				cpu->rflags = flags;
			return rc;
		}
		compare_elements(cpu, a, b, s.bytes);
		string_advance(cpu, in, &s, 1,
			       scan ? MOVES_DEST : MOVES_SOURCE | MOVES_DEST);
		over = comparison_over(cpu, in);
	}
	rc = string_end(cpu, in, &s, over);
	if (rc == X86_REPEAT &&
	    !cpu->vendor_amd) /* a later fault must find them, too */
		cpu->rflags = flags;
	return rc;
}

static int cmps(struct x86_cpu *cpu, const struct insn *in)
{
	return compare_run(cpu, in, false);
}

static int scas(struct x86_cpu *cpu, const struct insn *in)
{
	return compare_run(cpu, in, true);
}

insn_exec_fn string_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_MOVS:
		return movs;
	case INSN_STOS:
		return stos;
	case INSN_LODS:
		return lods;
	case INSN_CMPS:
		return cmps;
	default:
		return scas;
	}
}
