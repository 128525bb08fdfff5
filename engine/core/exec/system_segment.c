/* SPDX-License-Identifier: MIT */
/*
 * Instructions on selectors, descriptors and descriptor-table registers.
 */
#include "engine/core/exec/system.h"

#include "engine/core/decode/id.h"
#include "engine/core/paging/mem.h"
#include "engine/core/segment/segment.h"

static bool mode_64(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_64;
}

/* After MOV SS and POP SS one instruction runs without interrupts, so that the
 * stack pointer can follow. [SDM3 6.8.3] */
static int stack_segment_done(struct x86_cpu *cpu, u32 index)
{
	if (index != SEG_SS)
		return X86_OK;
	cpu->shadow |= SHADOW_MOV_SS;
	x86_mode_update(cpu);
	return X86_END;
}

int insn_mov_to_seg(struct x86_cpu *cpu, const struct insn *in)
{
	u32 index = in->reg & 7;
	u16 selector = 0;
	int rc;

	if (index == SEG_CS || index > SEG_GS)
		return raise_ud(cpu);
	rc = source_read16(cpu, in, &selector);
	if (!rc)
		rc = segment_load(cpu, index, selector);
	return rc ? rc : stack_segment_done(cpu, index);
}

int insn_mov_from_seg(struct x86_cpu *cpu, const struct insn *in)
{
	u32 index = in->reg & 7;

	if (index > SEG_GS)
		return raise_ud(cpu);
	return dest_write16(cpu, in, cpu->seg[index].selector);
}

/* PUSH and POP have the segment in bits 3-5 of the opcode, 0F A0/A8 too. */
static u32 opcode_segment(const struct insn *in)
{
	return in->opcode >> 3 & 7;
}

/* A 32-bit push writes only the selector's word, as silicon does: the upper
 * half of the slot keeps what it had. [SDM2 4.3 "PUSH"] */
int insn_push_seg(struct x86_cpu *cpu, const struct insn *in)
{
	u16 selector = cpu->seg[opcode_segment(in)].selector;
	u32 bytes = 1u << in->op_size;
	u64 offset;
	int rc;

	if (bytes != 4 || cpu->vendor_amd) /* Intel: half of the slot */
		return stack_push(cpu, selector, bytes);
	offset = (cpu->gpr[RSP] - bytes) & stack_mask(cpu);
	rc = segment_write(cpu, SEG_SS, offset, &selector, 2, SEG_SS);
	if (!rc)
		stack_pointer_set(cpu, offset, stack_mask(cpu));
	return rc;
}

int insn_pop_seg(struct x86_cpu *cpu, const struct insn *in)
{
	u32 index = opcode_segment(in), bytes = 1u << in->op_size;
	u64 mask = stack_mask(cpu), sp = cpu->gpr[RSP] + bytes, value = 0;
	int rc;

	/* Intel reads the selector's word only, whatever the slot's width. */
	rc = stack_read(cpu, 0, &value, cpu->vendor_amd ? bytes : 2);
	if (!rc)
		rc = segment_load(cpu, index, (u16)value);
	if (rc)
		return rc;
	stack_pointer_set(cpu, sp, mask);
	return stack_segment_done(cpu, index);
}

static u32 far_pointer_segment(u16 id)
{
	switch (id) {
	case INSN_LES:
		return SEG_ES;
	case INSN_LDS:
		return SEG_DS;
	case INSN_LSS:
		return SEG_SS;
	case INSN_LFS:
		return SEG_FS;
	default:
		return SEG_GS;
	}
}

/* LDS LES LSS LFS LGS. LSS holds no interrupts back: it loads both halves. */
int insn_load_far_pointer(struct x86_cpu *cpu, const struct insn *in)
{
	u64 pointer[2];
	int rc = operand_read_pointer(cpu, in, pointer_bytes(cpu, in), pointer);

	if (!rc)
		rc = segment_load(cpu, far_pointer_segment(in->id),
				  (u16)pointer[1]);
	if (rc)
		return rc;
	gpr_write(cpu, in->reg_off, in->op_size, pointer[0]);
	return X86_OK;
}

/* --- LAR, LSL, VERR, VERW, ARPL --- */

/* Types that LAR and LSL know, one bit each. [SDM2 3.3 "LAR", "LSL"] */
#define LAR_TYPES      0x1a3eu
#define LAR_TYPES_LONG 0x1a04u
/* Bits 19:16 are the limit's; the manual leaves them open, silicon shows them. */
#define LAR_BITS       0xffff00u
#define LSL_TYPES      0x0a0eu
#define LSL_TYPES_LONG 0x0a04u

/* Reads a descriptor without raising what its selector may deserve. */
static int descriptor_look(struct x86_cpu *cpu, u16 selector,
			   struct descriptor *ret, bool *ret_found)
{
	*ret_found = !selector_null(selector) &&
		     descriptor_locate(cpu, selector, 8, &ret->address);
	ret->high = 0;
	return *ret_found ? table_read(cpu, ret->address, &ret->low, 8) : X86_OK;
}

static bool privilege_suffices(const struct x86_cpu *cpu, u16 selector, u32 attr)
{
	u32 conforming = SEG_S | SEG_CODE | SEG_DC;

	if ((attr & conforming) == conforming)
		return true;
	return MAX(selector & 3u, (u32)cpu->cpl) <= attr_dpl(attr);
}

static void zf_write(struct x86_cpu *cpu, bool set)
{
	cpu->rflags = set ? cpu->rflags | RFLAGS_ZF : cpu->rflags & ~RFLAGS_ZF;
}

/* The source operand's descriptor; *ret_seen: it is of a type that `types`
 * names (code and data always are) and may be looked at. */
static int source_descriptor(struct x86_cpu *cpu, const struct insn *in,
			     u32 types, struct descriptor *ret, bool *ret_seen)
{
	u16 selector = 0;
	u32 attr;
	int rc;

	rc = source_read16(cpu, in, &selector);
	if (!rc)
		rc = descriptor_look(cpu, selector, ret, ret_seen);
	if (rc || !*ret_seen)
		return rc;
	attr = descriptor_attr(ret);
	*ret_seen = ((attr & SEG_S) || (types >> (attr & SEG_TYPE) & 1)) &&
		    privilege_suffices(cpu, selector, attr);
	return X86_OK;
}

int insn_lar(struct x86_cpu *cpu, const struct insn *in)
{
	u32 types = cpu->long_mode ? LAR_TYPES_LONG : LAR_TYPES;
	struct descriptor d = {0};
	bool seen = false;
	int rc = source_descriptor(cpu, in, types, &d, &seen);

	if (rc)
		return rc;
	zf_write(cpu, seen);
	if (seen)
		gpr_write(cpu, in->reg_off, in->op_size, d.low >> 32 & LAR_BITS);
	return X86_OK;
}

int insn_lsl(struct x86_cpu *cpu, const struct insn *in)
{
	u32 types = cpu->long_mode ? LSL_TYPES_LONG : LSL_TYPES;
	struct x86_segment segment;
	struct descriptor d = {0};
	bool seen = false;
	int rc = source_descriptor(cpu, in, types, &d, &seen);

	if (rc)
		return rc;
	zf_write(cpu, seen);
	descriptor_segment(&d, 0, &segment);
	if (seen)
		gpr_write(cpu, in->reg_off, in->op_size, segment.limit);
	return X86_OK;
}

static int verify(struct x86_cpu *cpu, const struct insn *in, bool write)
{
	struct descriptor d = {0};
	bool seen = false;
	u32 attr;
	int rc = source_descriptor(cpu, in, 0, &d, &seen);

	if (rc)
		return rc;
	attr = descriptor_attr(&d);
	if (write)
		seen = seen && attr_is_writable_data(attr);
	else
		seen = seen && (!(attr & SEG_CODE) || (attr & SEG_RW));
	zf_write(cpu, seen);
	return X86_OK;
}

int insn_verr(struct x86_cpu *cpu, const struct insn *in)
{
	return verify(cpu, in, false);
}

int insn_verw(struct x86_cpu *cpu, const struct insn *in)
{
	return verify(cpu, in, true);
}

int insn_arpl(struct x86_cpu *cpu, const struct insn *in)
{
	u16 rpl = gpr_read(cpu, in->reg_off, 1) & 3;
	u16 dest = 0;
	int rc = source_read16(cpu, in, &dest);
	bool raised = (dest & 3) < rpl;

	if (rc)
		return rc;
	dest = (u16)((dest & ~3u) | rpl);
	if (raised && (in->flags & INSN_MEM))
		rc = operand_write(cpu, in, &dest, 2);
	else if (raised)
		gpr_write(cpu, in->rm_off, 1, dest);
	if (!rc)
		zf_write(cpu, raised);
	return rc;
}

/* --- descriptor-table registers --- */

/* LGDT and LIDT with a 16-bit operand load 24 bits of base. */
static bool operand_is_16(const struct x86_cpu *cpu, const struct insn *in)
{
	bool prefix = in->flags & INSN_OPSIZE;

	return cpu->code == CODE_16 ? !prefix : cpu->code == CODE_32 && prefix;
}

static int table_load(struct x86_cpu *cpu, const struct insn *in,
		      struct x86_table *table)
{
	struct x86_table loaded = {0};
	u8 bytes[10];
	int rc;

	if (mode_64(cpu))
		rc = operand_read(cpu, in, bytes, 10);
	else
		rc = operand_read(cpu, in, bytes, 6);
	if (rc)
		return rc;
	__builtin_memcpy(&loaded.limit, bytes, 2);
	__builtin_memcpy(&loaded.base, bytes + 2, mode_64(cpu) ? 8 : 4);
	if (operand_is_16(cpu, in))
		loaded.base &= 0xffffff;
	if (mode_64(cpu) && !address_canonical(cpu, loaded.base))
		return raise_gp0(cpu);
	insn_serialize();
	*table = loaded;
	return X86_OK;
}

static int table_store(struct x86_cpu *cpu, const struct insn *in,
		       const struct x86_table *table)
{
	u8 bytes[10];

	if (umip_forbids(cpu))
		return raise_gp0(cpu);
	__builtin_memcpy(bytes, &table->limit, 2);
	__builtin_memcpy(bytes + 2, &table->base, 8);
	if (mode_64(cpu))
		return operand_write(cpu, in, bytes, 10);
	return operand_write(cpu, in, bytes, 6);
}

int insn_lgdt(struct x86_cpu *cpu, const struct insn *in)
{
	return table_load(cpu, in, &cpu->gdtr);
}

int insn_lidt(struct x86_cpu *cpu, const struct insn *in)
{
	return table_load(cpu, in, &cpu->idtr);
}

int insn_sgdt(struct x86_cpu *cpu, const struct insn *in)
{
	return table_store(cpu, in, &cpu->gdtr);
}

int insn_sidt(struct x86_cpu *cpu, const struct insn *in)
{
	return table_store(cpu, in, &cpu->idtr);
}

int insn_lldt(struct x86_cpu *cpu, const struct insn *in)
{
	struct x86_segment ldt;
	u16 selector = 0;
	int rc = source_read16(cpu, in, &selector);

	if (!rc)
		rc = segment_ldt(cpu, selector, VECTOR_GP, 0, &ldt);
	if (rc)
		return rc;
	insn_serialize();
	cpu->seg[SEG_LDTR] = ldt;
	return X86_OK;
}

static int task_register_read(struct x86_cpu *cpu, u16 selector,
			      struct descriptor *d)
{
	u32 attr, type;
	int rc;

	if (selector_null(selector))
		return raise_gp0(cpu);
	if (selector & 4)
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	rc = descriptor_read(cpu, selector, VECTOR_GP, 0, d);
	if (rc)
		return rc;
	attr = descriptor_attr(d);
	type = attr & (SEG_S | SEG_TYPE);
	if (type != SYSTEM_TSS32 && (type != SYSTEM_TSS16 || cpu->long_mode))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	rc = descriptor_read_high(cpu, selector, VECTOR_GP, 0, d);
	if (rc)
		return rc;
	if (!(attr & SEG_P))
		return selector_fault(cpu, VECTOR_NP, selector, 0);
	return X86_OK;
}

int insn_ltr(struct x86_cpu *cpu, const struct insn *in)
{
	struct x86_segment tr;
	struct descriptor d;
	u16 selector = 0;
	int rc = source_read16(cpu, in, &selector);

	if (!rc)
		rc = task_register_read(cpu, selector, &d);
	if (rc)
		return rc;
	descriptor_segment(&d, selector, &tr);
	if (cpu->long_mode && !address_canonical(cpu, tr.base))
		return selector_fault(cpu, VECTOR_GP, selector, 0);
	rc = descriptor_mark_busy(cpu, d.address, true);
	if (rc)
		return rc;
	tr.attr |= SYSTEM_TSS_BUSY;
	cpu->seg[SEG_TR] = tr;
	return X86_OK;
}

int insn_sldt(struct x86_cpu *cpu, const struct insn *in)
{
	if (umip_forbids(cpu))
		return raise_gp0(cpu);
	return dest_write16(cpu, in, cpu->seg[SEG_LDTR].selector);
}

int insn_str(struct x86_cpu *cpu, const struct insn *in)
{
	if (umip_forbids(cpu))
		return raise_gp0(cpu);
	return dest_write16(cpu, in, cpu->seg[SEG_TR].selector);
}

/* --- FS and GS bases --- */

int insn_swapgs(struct x86_cpu *cpu, const struct insn *in)
{
	u64 base = cpu->seg[SEG_GS].base;

	(void)in;
	cpu->seg[SEG_GS].base = cpu->msr.kernel_gs_base;
	cpu->msr.kernel_gs_base = base;
	segment_update(cpu, SEG_GS);
	return X86_OK;
}

static int base_read(struct x86_cpu *cpu, const struct insn *in, u32 index)
{
	if (!(cpu->cr4 & CR4_FSGSBASE))
		return raise_ud(cpu);
	gpr_write(cpu, in->rm_off, in->op_size, cpu->seg[index].base);
	return X86_OK;
}

static int base_write(struct x86_cpu *cpu, const struct insn *in, u32 index)
{
	u64 base = gpr_read(cpu, in->rm_off, in->op_size);

	if (!(cpu->cr4 & CR4_FSGSBASE))
		return raise_ud(cpu);
	if (!address_canonical(cpu, base))
		return raise_gp0(cpu);
	cpu->seg[index].base = base;
	segment_update(cpu, index);
	return X86_OK;
}

int insn_rdfsbase(struct x86_cpu *cpu, const struct insn *in)
{
	return base_read(cpu, in, SEG_FS);
}

int insn_rdgsbase(struct x86_cpu *cpu, const struct insn *in)
{
	return base_read(cpu, in, SEG_GS);
}

int insn_wrfsbase(struct x86_cpu *cpu, const struct insn *in)
{
	return base_write(cpu, in, SEG_FS);
}

int insn_wrgsbase(struct x86_cpu *cpu, const struct insn *in)
{
	return base_write(cpu, in, SEG_GS);
}
