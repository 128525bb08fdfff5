/* SPDX-License-Identifier: MIT */
/*
 * Memory operands of vector instructions: their alignment rule, and the widths
 * that the general-register rooms do not know.
 */
#include "engine/core/fpu/state.h"

int vec_linear(struct x86_cpu *cpu, const struct insn *in, u32 size, bool write,
	       gva_t *ret_address)
{
	u64 offset = insn_offset(cpu, in);
	u8 fast = write ? SEG_FAST_WRITE : SEG_FAST_READ;

	if (unlikely(!(cpu->segment_fast[in->seg] & fast))) {
		int rc = segment_check(cpu, in->seg, offset, size, write);

		if (rc)
			return rc;
	}
	*ret_address = (cpu->segment_base[in->seg] + offset) & cpu->linear_mask;
	return X86_OK;
}

bool vec_canonical(const struct x86_cpu *cpu, gva_t address)
{
	u32 bits = cpu->cr4 & CR4_LA57 ? 57 : 48;

	return !cpu->long_mode ||
	       (u64)((s64)(address << (64 - bits)) >> (64 - bits)) == address;
}

/*
 * Vectors: #GP; to AMD, XSAVE's area as well. State areas: the address is
 * looked at before its alignment, and under alignment checks a field that is
 * not on its own boundary is #AC.
 */
static int raise_misaligned(struct x86_cpu *cpu, const struct insn *in,
			    gva_t address, bool area)
{
	bool is_fxsave = in->id == INSN_FXSAVE || in->id == INSN_FXRSTOR;

	if (cpu->vendor_amd && !is_fxsave)
		return raise_gp0(cpu);
	if (area && !vec_canonical(cpu, address))
		return raise_segment(cpu, insn_fault_seg(in));
	if (area && cpu->tlb == cpu->tlbs[TLB_ALIGN] && address & 3)
		return raise_error(cpu, VECTOR_AC, 0);
	return raise_gp0(cpu);
}

int area_linear(struct x86_cpu *cpu, const struct insn *in, u32 size,
		bool write, gva_t *ret_address)
{
	int rc = vec_linear(cpu, in, size, write, ret_address);

	if (!rc && !vec_canonical(cpu, *ret_address))
		rc = raise_segment(cpu, insn_fault_seg(in));
	return rc;
}

int vec_align(struct x86_cpu *cpu, const struct insn *in, u32 size, u32 align,
	      bool write)
{
	u64 guess = cpu->segment_base[in->seg] + insn_offset(cpu, in);
	gva_t address;
	int rc;

	if (likely(!(guess & (align - 1))))
		return X86_OK;
	if (cpu->vendor_amd && cpu->code != CODE_64 && size > align &&
	    align == 16 && cpu->tlb == cpu->tlbs[TLB_ALIGN] && guess & 3 &&
	    !(cpu->seg[in->seg].attr & SEG_UNUSABLE))
		return raise_error(cpu, VECTOR_AC, 0); /* before the segment */
	rc = vec_linear(cpu, in, size, write, &address);
	return rc ? rc : raise_misaligned(cpu, in, address, size > align);
}

static bool tlb_has(const struct x86_cpu *cpu, gva_t address, bool write)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);

	return (write ? entry->write_tag : entry->read_tag) ==
	       tlb_tag(cpu, address, address);
}

int area_probe(struct x86_cpu *cpu, const struct insn *in, gva_t address,
	       u32 size, bool write)
{
	u32 seg = insn_fault_seg(in);
	gva_t last = (address + size - 1) & cpu->linear_mask;
	int rc;

	if (likely(tlb_has(cpu, last, write) && tlb_has(cpu, address, write)))
		return X86_OK;
	rc = linear_probe(cpu, last, 1, write, seg);
	return rc ? rc : linear_probe(cpu, address, size, write, seg);
}

int area_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size,
	       u32 seg)
{
	const u8 *from = data;
	int rc = X86_OK;

	while (size >= 32 && !rc) {
		rc = linear_write(cpu, address, from, 32, seg);
		address = (address + 32) & cpu->linear_mask;
		from += 32;
		size -= 32;
	}
	while (size >= 8 && !rc) {
		rc = linear_write(cpu, address, from, 8, seg);
		address = (address + 8) & cpu->linear_mask;
		from += 8;
		size -= 8;
	}
	return rc || !size ? rc
			   : linear_write_slow(cpu, address, from, size, seg);
}

int area_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size, u32 seg)
{
	u8 *to = data;
	int rc = X86_OK;

	while (size >= 32 && !rc) {
		rc = linear_read(cpu, address, to, 32, seg);
		address = (address + 32) & cpu->linear_mask;
		to += 32;
		size -= 32;
	}
	while (size >= 8 && !rc) {
		rc = linear_read(cpu, address, to, 8, seg);
		address = (address + 8) & cpu->linear_mask;
		to += 8;
		size -= 8;
	}
	return rc || !size ? rc : linear_read_slow(cpu, address, to, size, seg);
}

int operand_probe(struct x86_cpu *cpu, const struct insn *in, u32 size,
		  bool write)
{
	gva_t address;
	int rc = vec_linear(cpu, in, size, write, &address);

	return rc ? rc
		  : linear_probe(cpu, address, size, write, insn_fault_seg(in));
}

bool vec_must_align(const struct x86_cpu *cpu, const struct insn *in)
{
	u32 mxcsr;

	if (!(insn_rows[in->row].attr & ROW_ALIGNED))
		return false;
	if (likely(!cpu->vendor_amd))
		return true;
	if (in->id >= INSN_SHA1MSG1 && in->id <= INSN_SHA256RNDS2)
		return false;
	__builtin_memcpy(&mxcsr, cpu->xsave.bytes + XSAVE_MXCSR, 4);
	return in->flags & INSN_VEX || !(mxcsr & MXCSR_MM);
}

static int sized_read(struct x86_cpu *cpu, const struct insn *in, void *data)
{
	u32 size = 1u << in->op_size;

	if (vec_must_align(cpu, in)) {
		int rc = vec_align(cpu, in, size, size, false);

		if (rc)
			return rc;
	}
	switch (in->op_size) {
	case 0:
		return operand_read(cpu, in, data, 1);
	case 1:
		return operand_read(cpu, in, data, 2);
	case 2:
		return operand_read(cpu, in, data, 4);
	case 3:
		return operand_read(cpu, in, data, 8);
	case 4:
		return operand_read(cpu, in, data, 16);
	default:
		return operand_read(cpu, in, data, 32);
	}
}

static int sized_write(struct x86_cpu *cpu, const struct insn *in,
		       const void *data)
{
	u32 size = 1u << in->op_size;

	if (insn_rows[in->row].attr & ROW_ALIGNED) {
		int rc = vec_align(cpu, in, size, size, true);

		if (rc)
			return rc;
	}
	switch (in->op_size) {
	case 0:
		return operand_write(cpu, in, data, 1);
	case 1:
		return operand_write(cpu, in, data, 2);
	case 2:
		return operand_write(cpu, in, data, 4);
	case 3:
		return operand_write(cpu, in, data, 8);
	case 4:
		return operand_write(cpu, in, data, 16);
	default:
		return operand_write(cpu, in, data, 32);
	}
}

/* Intel never checks half-precision numbers in memory by EFLAGS.AC. */
static bool is_half_precision(const struct x86_cpu *cpu, const struct insn *in)
{
	if (cpu->vendor_amd)
		return false;
	return in->id == INSN_VCVTPH2PS || in->id == INSN_VCVTPS2PH;
}

int vec_read(struct x86_cpu *cpu, const struct insn *in, void *data)
{
	struct x86_tlb *tlb;
	int rc;

	if (likely(!is_half_precision(cpu, in)))
		return sized_read(cpu, in, data);
	tlb = alignment_ignore(cpu);
	rc = sized_read(cpu, in, data);
	alignment_restore(cpu, tlb);
	return rc;
}

int vec_write(struct x86_cpu *cpu, const struct insn *in, const void *data)
{
	struct x86_tlb *tlb;
	int rc;

	if (likely(!is_half_precision(cpu, in)))
		return sized_write(cpu, in, data);
	tlb = alignment_ignore(cpu);
	rc = sized_write(cpu, in, data);
	alignment_restore(cpu, tlb);
	return rc;
}

int element_read(struct x86_cpu *cpu, const struct insn *in, u64 offset,
		 void *data, u32 size)
{
	u32 seg = insn_fault_seg(in);

	switch (size) {
	case 1:
		return segment_read(cpu, in->seg, offset, data, 1, seg);
	case 2:
		return segment_read(cpu, in->seg, offset, data, 2, seg);
	case 4:
		return segment_read(cpu, in->seg, offset, data, 4, seg);
	default:
		return segment_read(cpu, in->seg, offset, data, 8, seg);
	}
}

int element_write(struct x86_cpu *cpu, const struct insn *in, u64 offset,
		  const void *data, u32 size)
{
	u32 seg = insn_fault_seg(in);

	switch (size) {
	case 1:
		return segment_write(cpu, in->seg, offset, data, 1, seg);
	case 2:
		return segment_write(cpu, in->seg, offset, data, 2, seg);
	case 4:
		return segment_write(cpu, in->seg, offset, data, 4, seg);
	default:
		return segment_write(cpu, in->seg, offset, data, 8, seg);
	}
}
