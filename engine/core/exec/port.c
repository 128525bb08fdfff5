/* SPDX-License-Identifier: MIT */
/*
 * Port input and output, single and by string.
 *
 * REP INS and REP OUTS go out in portions of up to a page, as KVM_EXIT_IO has
 * a count: an INS portion first makes sure that its destination can be written,
 * an OUTS portion reads all it sends before it sends any. A portion is then
 * finished when the owner has answered; between portions interrupts get in.
 */
#include "engine/core/exec/string.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"
#include "engine/core/exception/exception.h"

/*
 * The I/O permission bitmap of a 32- or 64-bit TSS.
 * [SDM1 19.5.2 "I/O Permission Bit Map"]
 */
static int bitmap_check(struct x86_cpu *cpu, u16 port, u32 size)
{
	const struct x86_segment *tss = &cpu->seg[SEG_TR];
	u16 base = 0, bits = 0;
	u32 type = tss->attr & SEG_TYPE;
	int rc;

	if ((type != 9 && type != 11) || tss->limit < 103)
		return raise_gp0(cpu);
	rc = system_read(cpu, tss->base + 102, &base, 2);
	if (rc)
		return rc;
	if (base + port / 8u + 1 > tss->limit)
		return raise_gp0(cpu);
	rc = system_read(cpu, tss->base + base + port / 8u, &bits, 2);
	if (rc)
		return rc;
	return bits >> (port & 7) & (BIT(size) - 1) ? raise_gp0(cpu) : X86_OK;
}

static int permission_check(struct x86_cpu *cpu, u16 port, u32 size)
{
	u32 iopl = (u32)(cpu->rflags >> RFLAGS_IOPL_SHIFT) & 3;

	if (!(cpu->cr0 & CR0_PE))
		return X86_OK;
	if (!(cpu->rflags & RFLAGS_VM) && cpu->cpl <= iopl)
		return X86_OK;
	return bitmap_check(cpu, port, size);
}

static int in_out(struct x86_cpu *cpu, const struct insn *in)
{
	bool write = in->id == INSN_OUT;
	const u8 *op = insn_rows[in->row].op;
	bool by_dx = op[write ? 0 : 1] == OP_DX;
	u16 port = by_dx ? (u16)cpu->gpr[RDX] : (u8)in->imm;
	u32 size = MIN((u32)in->op_size, (u32)SZ_L);
	u64 value = cpu->gpr[RAX];
	int rc = permission_check(cpu, port, 1u << size);

	if (!rc)
		rc = external_port(cpu, port, &value, 1u << size, write);
	if (rc)
		return rc;
	debug_io_access(cpu, port, 1u << size);
	if (!write)
		gpr_write(cpu, GPR_OFFSET(RAX), size, value);
	return X86_OK;
}

/* Elements of this portion: to the end of the page, forwards or backwards. */
static u32 portion_count(const struct x86_cpu *cpu,
			 const struct string_state *s, gva_t linear)
{
	u64 room = s->backward ? (linear & 0xfff) / s->bytes + 1
			       : (4096 - (linear & 0xfff)) / s->bytes;
	u64 most = MIN(room, (u64)STRING_IO_MAX / s->bytes);
	u64 n = MIN(s->count, most);

	if (cpu->single_step)
		n = 1;
	return n ? (u32)n : 1;
}

/* Asks for a portion: one element through the engine's own ports, or all of
 * it by the owner. X86_OK: *n elements are in string_io[], or went out. */
static int portion_transfer(struct x86_cpu *cpu, u16 port, u32 bytes,
			    bool write, u32 *n)
{
	struct x86_external *ext = &cpu->external;
	u64 value = 0;

	if (ext->string_ready) {
		*n = ext->count;
		return X86_OK;
	}
	if (write)
		__builtin_memcpy(&value, ext->string_io, bytes);
	if (cpu->ops->port(cpu->ctx, port, &value, bytes, write)) {
		__builtin_memcpy(ext->string_io, &value, bytes);
		*n = 1;
		return X86_OK;
	}
	ext->want = (struct external_access){.gpa = port,
					     .size = (u8)bytes,
					     .kind = write ? EXTERNAL_OUT
							   : EXTERNAL_IN};
	ext->count = *n;
	return X86_NEED;
}

/* Element i of a portion, in the direction of DF. */
static u64 element_offset(const struct string_state *s, u64 base, u64 i)
{
	return (s->backward ? base - i * s->bytes : base + i * s->bytes) &
	       s->mask;
}

static int string_in(struct x86_cpu *cpu, const struct insn *in)
{
	u32 seg = dest_seg(in, cpu), n;
	u16 port = (u16)cpu->gpr[RDX];
	struct string_state s;
	gva_t linear;
	int rc;

	string_begin(cpu, in, &s);
	s.bytes = MIN(s.bytes, 4u);
	rc = permission_check(cpu, port, s.bytes);
	if (rc || !s.count) /* a count of zero needs permission all the same */
		return rc;
	linear = (cpu->segment_base[seg] + s.dest) & cpu->linear_mask;
	n = portion_count(cpu, &s, linear);
	for (u32 i = 0; i < n && !cpu->external.string_ready;
	     i += MAX(n - 1, 1u)) {
		u64 offset = element_offset(&s, s.dest, i);

		rc = segment_check(cpu, seg, offset, s.bytes, true);
		if (!rc)
			rc = linear_probe(cpu,
					  (cpu->segment_base[seg] + offset) &
						  cpu->linear_mask,
					  s.bytes, true, SEG_ES);
		if (rc && i) { /* the first is fine: take just that one */
			n = 1;
			break;
		}
		if (rc)
			return rc;
	}
	rc = portion_transfer(cpu, port, s.bytes, false, &n);
	if (rc)
		return rc;
	debug_io_access(cpu, port, s.bytes);
	/* A device as destination asks for itself: the log replays what the
	 * owner has taken, and the registers move when all of it is written. */
	for (u32 i = 0; i < n; i++) {
		rc = segment_write(cpu, seg, element_offset(&s, s.dest, i),
				   cpu->external.string_io + i * s.bytes,
				   s.bytes, SEG_ES);
		if (rc == X86_NEED) {
			cpu->external.count = n;
			cpu->external.string_ready = true;
		}
		if (rc)
			return rc;
	}
	external_clear(cpu);
	string_advance(cpu, in, &s, n, MOVES_DEST);
	return string_end(cpu, in, &s, false);
}

static int string_out(struct x86_cpu *cpu, const struct insn *in)
{
	u16 port = (u16)cpu->gpr[RDX];
	struct string_state s;
	gva_t linear;
	int rc;
	u32 n;

	string_begin(cpu, in, &s);
	s.bytes = MIN(s.bytes, 4u);
	rc = permission_check(cpu, port, s.bytes);
	if (rc || !s.count) /* a count of zero needs permission all the same */
		return rc;
	linear = (cpu->segment_base[in->seg] + s.source) & cpu->linear_mask;
	n = portion_count(cpu, &s, linear);
	for (u32 i = 0; i < n && !cpu->external.string_ready; i++) {
		rc = segment_read(cpu, in->seg, element_offset(&s, s.source, i),
				  cpu->external.string_io + i * s.bytes,
				  s.bytes, in->seg);
		if (rc == X86_FAULT && i) {
			n = i;
			break;
		}
		if (rc)
			return rc;
	}
	rc = portion_transfer(cpu, port, s.bytes, true, &n);
	if (rc)
		return rc;
	debug_io_access(cpu, port, s.bytes);
	external_clear(cpu);
	string_advance(cpu, in, &s, n, MOVES_SOURCE);
	return string_end(cpu, in, &s, false);
}

insn_exec_fn port_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_IN:
	case INSN_OUT:
		return in_out;
	case INSN_INS:
		return string_in;
	default:
		return string_out;
	}
}
