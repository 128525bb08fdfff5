/* SPDX-License-Identifier: MIT */
/*
 * Instructions that must not touch what their mask leaves out: each element is
 * an access of its own.
 *
 * Gathers are restartable: what is done shows in the registers when a later
 * element faults, and its mask bits are clear. While waiting for a device the
 * registers stay as they were, because the log of finished accesses replays the
 * instruction from its start.
 */
#include "engine/core/fpu/state.h"

struct wide {
	u8 byte[32] __attribute__((aligned(8)));
};

static void wide_get(struct x86_cpu *cpu, u32 reg, struct wide *ret)
{
	bytes_copy(ret->byte, xmm(cpu, reg), 16);
	bytes_copy(ret->byte + 16, ymm_high(cpu, reg), 16);
}

static void wide_set(struct x86_cpu *cpu, u32 reg, const struct wide *value)
{
	bytes_copy(xmm(cpu, reg), value->byte, 16);
	bytes_copy(ymm_high(cpu, reg), value->byte + 16, 16);
}

static bool element_on(const struct wide *mask, u32 index, u32 size)
{
	return mask->byte[index * size + size - 1] & 0x80;
}

/*
 * A masked store: nothing is written when one of its elements would fault, so
 * a store over a page's end is probed first. Its elements follow each other
 * from the masked offset on, also over the end of 32-bit addresses.
 */
struct masked_store {
	u64 offset; /* of element 0 */
	u32 size;   /* of one element */
	u32 count;
	const u8 *data;
	struct wide mask;
};

static int probe_range(struct x86_cpu *cpu, const struct insn *in, u64 offset,
		       u32 size)
{
	int rc;

	rc = segment_check(cpu, in->seg, offset, size, true);
	if (rc)
		return rc;
	return linear_probe(
		cpu, (cpu->segment_base[in->seg] + offset) & cpu->linear_mask,
		size, true, insn_fault_seg(in));
}

/* AMD's way: one element after the other. */
static int store_probe_each(struct x86_cpu *cpu, const struct insn *in,
			    const struct masked_store *s)
{
	int rc = X86_OK;

	for (u32 i = 0; i < s->count && !rc; i++)
		if (element_on(&s->mask, i, s->size))
			rc = probe_range(cpu, in, s->offset + i * s->size,
					 s->size);
	return rc;
}

/*
 * From the first to the last element that is on. Where that lies in two pages,
 * CR2 shows the first byte if its page faults, else the last.
 */
static int store_probe(struct x86_cpu *cpu, const struct insn *in,
		       const struct masked_store *s)
{
	u64 base = cpu->segment_base[in->seg] + s->offset;
	u32 first = 0, end = s->count;
	int rc;

	if (cpu->vendor_amd)
		return store_probe_each(cpu, in, s);
	if ((base & 0xfff) + s->size * s->count <= 4096)
		return X86_OK;
	while (first < end && !element_on(&s->mask, first, s->size))
		first++;
	while (first < end && !element_on(&s->mask, end - 1, s->size))
		end--;
	if (((base + first * s->size) & 0xfff) + (end - first) * s->size <= 4096)
		return X86_OK;
	if (!vec_canonical(cpu, base + end * s->size - 1))
		return raise_segment(cpu, insn_fault_seg(in));
	rc = probe_range(cpu, in, s->offset + first * s->size, 1);
	return rc ? rc : probe_range(cpu, in, s->offset + end * s->size - 1, 1);
}

static int store_write(struct x86_cpu *cpu, const struct insn *in,
		       const struct masked_store *s)
{
	int rc = X86_OK;

	for (u32 i = 0; i < s->count && !rc; i++)
		if (element_on(&s->mask, i, s->size))
			rc = element_write(cpu, in, s->offset + i * s->size,
					   s->data + i * s->size, s->size);
	return rc;
}

/*
 * MASKMOVQ, MASKMOVDQU: to [DS:rDI]; the decoder leaves the segment in seg.
 * All of it must be writable, whatever the mask says; Intel looks at the upper
 * eight bytes first.
 */
static int store_bytes(struct x86_cpu *cpu, const struct insn *in,
		       const u8 *data, const u8 *mask, u32 count)
{
	struct masked_store store = {.size = 1, .count = 8};
	u64 offset[2];
	int rc = X86_OK;

	for (u32 i = 0; i < count / 8; i++)
		offset[i] = (cpu->gpr[RDI] + 8 * i) &
			    address_mask[in->addr_size];
	if (cpu->vendor_amd)
		rc = probe_range(cpu, in, offset[0], 8);
	for (u32 i = count / 8; i && !rc; i--)
		rc = probe_range(cpu, in, offset[i - 1], 8);
	for (u32 i = 0; i < count / 8 && !rc; i++) {
		store.offset = offset[i];
		store.data = data + 8 * i;
		bytes_copy(store.mask.byte, mask + 8 * i, 8);
		rc = store_write(cpu, in, &store);
	}
	return rc;
}

static int exec_maskmovdqu(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_vec(cpu, in);

	return rc ? rc
		  : store_bytes(cpu, in, (const u8 *)xmm(cpu, in->reg),
				(const u8 *)xmm(cpu, in->rm), 16);
}

static int exec_maskmovq(struct x86_cpu *cpu, const struct insn *in)
{
	u64 data = mmx_get(cpu, in->reg);
	u64 mask = mmx_get(cpu, in->rm);
	int rc = gate_mmx(cpu);

	if (rc)
		return rc;
	rc = store_bytes(cpu, in, (const u8 *)&data, (const u8 *)&mask, 8);
	if (rc == X86_OK || rc == X86_FAULT)
		mmx_enter(cpu);
	return rc;
}

static u32 maskmov_size(const struct insn *in)
{
	return in->id == INSN_VMASKMOVPD || in->id == INSN_VPMASKMOVQ ? 8 : 4;
}

static int vmaskmov_load(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = in->flags & INSN_VEX_L ? 32 : 16;
	u32 size = maskmov_size(in);
	u64 offset = insn_offset(cpu, in);
	struct wide mask, result;
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	wide_get(cpu, in->vvvv, &mask);
	bytes_zero(&result, sizeof(result));
	for (u32 i = 0; i < bytes / size; i++) {
		if (!element_on(&mask, i, size))
			continue;
		rc = element_read(cpu, in, offset + i * size,
				  result.byte + i * size, size);
		if (rc)
			return rc;
	}
	wide_set(cpu, in->reg, &result);
	return X86_OK;
}

static int vmaskmov_store(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = in->flags & INSN_VEX_L ? 32 : 16;
	struct masked_store store = {.offset = insn_offset(cpu, in)};
	struct wide data;
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	store.size = maskmov_size(in);
	store.count = bytes / store.size;
	store.data = data.byte;
	wide_get(cpu, in->reg, &data);
	wide_get(cpu, in->vvvv, &store.mask);
	rc = store_probe(cpu, in, &store);
	return rc ? rc : store_write(cpu, in, &store);
}

struct gather {
	u32 count;	/* elements */
	u32 size;	/* of one, 4 or 8 bytes */
	u32 index_size; /* 4 or 8 bytes */
	u32 mask_bytes; /* the vector's length, 16 or 32 */
	bool done;	/* an element was loaded */
	struct wide index, mask, result;
};

static void gather_shape(const struct insn *in, struct gather *g)
{
	u32 bytes = in->flags & INSN_VEX_L ? 32 : 16;

	switch ((enum insn_id)in->id) {
	case INSN_VGATHERDPS:
	case INSN_VPGATHERDD:
		g->size = g->index_size = 4;
		break;
	case INSN_VGATHERDPD:
	case INSN_VPGATHERDQ:
		g->size = 8;
		g->index_size = 4;
		break;
	case INSN_VGATHERQPS:
	case INSN_VPGATHERQD:
		g->size = 4;
		g->index_size = 8;
		break;
	default:
		g->size = g->index_size = 8;
		break;
	}
	g->count = bytes / MAX(g->size, g->index_size);
	g->mask_bytes = bytes;
	g->done = false;
}

static u64 gather_offset(const struct x86_cpu *cpu, const struct insn *in,
			 const struct gather *g, u32 i)
{
	const u8 *gpr = (const u8 *)cpu->gpr;
	u64 base, index;

	bytes_copy(&base, gpr + in->base_off, 8);
	if (g->index_size == 4) {
		s32 narrow;

		bytes_copy(&narrow, g->index.byte + 4 * i, 4);
		index = (u64)(s64)narrow;
	} else {
		bytes_copy(&index, g->index.byte + 8 * i, 8);
	}
	return (base + (index << in->scale) + (u64)(s64)in->disp) &
	       address_mask[in->addr_size];
}

static void gather_begin(struct x86_cpu *cpu, const struct insn *in,
			 struct gather *g)
{
	gather_shape(in, g);
	wide_get(cpu, in->index_vec, &g->index);
	wide_get(cpu, in->vvvv, &g->mask);
	wide_get(cpu, in->reg, &g->result);
	if (cpu->vendor_amd)
		return;
	/* The mask is spread over each element before the first access. */
	for (u32 i = 0; i < g->mask_bytes; i += g->size)
		__builtin_memset(
			g->mask.byte + i,
			element_on(&g->mask, i / g->size, g->size) ? 0xff : 0,
			g->size);
	bytes_zero(g->mask.byte + g->mask_bytes, 32 - g->mask_bytes);
}

/* Puts down what was done: all of it, or up to a fault. What a fault leaves
 * past the elements follows current Intel parts; AMD's leave that alone. */
static void gather_end(struct x86_cpu *cpu, const struct insn *in,
		       struct gather *g, bool complete)
{
	u32 from = complete ? g->count * g->size : g->mask_bytes;

	if (complete)
		bytes_zero(&g->mask, sizeof(g->mask));
	if (complete || !cpu->vendor_amd)
		bytes_zero(g->result.byte + from, 32 - from);
	if (complete || g->done)
		wide_set(cpu, in->reg, &g->result);
	wide_set(cpu, in->vvvv, &g->mask);
}

static int gather(struct x86_cpu *cpu, const struct insn *in)
{
	struct gather g;
	int rc = gate_avx(cpu);

	if (rc)
		return rc;
	if (in->reg == in->vvvv || in->reg == in->index_vec ||
	    in->vvvv == in->index_vec)
		return raise_ud(cpu);
	gather_begin(cpu, in, &g);
	for (u32 i = 0; i < g.count && !rc; i++) {
		if (element_on(&g.mask, i, g.size)) {
			rc = element_read(cpu, in, gather_offset(cpu, in, &g, i),
					  g.result.byte + i * g.size, g.size);
			g.done = g.done || !rc;
		}
		if (!rc) /* of one that is off, AMD clears all bits */
			bytes_zero(g.mask.byte + i * g.size, g.size);
	}
	if (!rc || rc == X86_FAULT)
		gather_end(cpu, in, &g, !rc);
	return rc;
}

/* None of these is concerned by alignment checks. */
#define UNCHECKED(name)                                                    \
	static int exec_##name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                                  \
		struct x86_tlb *tlb = alignment_ignore(cpu);               \
		int rc = name(cpu, in);                                    \
                                                                           \
		alignment_restore(cpu, tlb);                               \
		return rc;                                                 \
	}

UNCHECKED(vmaskmov_load)
UNCHECKED(vmaskmov_store)
UNCHECKED(gather)

insn_exec_fn vec_masked_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_MASKMOVQ:
		return exec_maskmovq;
	case INSN_MASKMOVDQU:
	case INSN_VMASKMOVDQU:
		return exec_maskmovdqu;
	case INSN_VMASKMOVPS:
	case INSN_VMASKMOVPD:
		return in->opcode >= 0x2e ? exec_vmaskmov_store
					  : exec_vmaskmov_load;
	case INSN_VPMASKMOVD:
	case INSN_VPMASKMOVQ:
		return in->opcode == 0x8e ? exec_vmaskmov_store
					  : exec_vmaskmov_load;
	case INSN_VGATHERDPD:
	case INSN_VGATHERDPS:
	case INSN_VGATHERQPD:
	case INSN_VGATHERQPS:
	case INSN_VPGATHERDD:
	case INSN_VPGATHERDQ:
	case INSN_VPGATHERQD:
	case INSN_VPGATHERQQ:
		return exec_gather;
	default:
		return NULL;
	}
}
