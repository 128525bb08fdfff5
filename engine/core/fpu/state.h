/* SPDX-License-Identifier: MIT */
/*
 * Inside fpu/: the fields of the XSAVE image, the gates in front of every
 * instruction, and the handlers that bind.c hands out.
 *
 * Gates follow [SDM2 2.4 "AVX and SSE Instruction Exception Classification"]
 * and [SDM3 2.5 "Control Registers"]: #UD before #NM before #MF before memory.
 */
#ifndef ENGINE_CORE_FPU_STATE_H
#define ENGINE_CORE_FPU_STATE_H

#include "engine/core/decode/decode.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"
#include "engine/core/fpu/fpu.h"
#include "engine/core/paging/mem.h"
#include "engine/core/x86.h"

/* The legacy area. [SDM1 10.5.1 "FXSAVE Area"] */
#define FX_FCW 0
#define FX_FSW 2
#define FX_FTW 4 /* one bit per physical register: not empty */
#define FX_FOP 6
#define FX_FIP 8
#define FX_FDP 16

#define FCW_VALID      0x1f3fu /* what FLDCW and friends keep; bit 6 reads 1 */
#define FCW_FIXED      0x0040u
#define FSW_EXCEPTIONS 0x003fu
#define FSW_IE	       0x0001u
#define FSW_SF	       0x0040u
#define FSW_ES	       0x0080u
#define FSW_C1	       0x0200u
#define FSW_TOP_SHIFT  11
#define FSW_B	       0x8000u
#define FOP_MASK       0x07ffu

#define MXCSR_FLAGS	 0x003fu
#define MXCSR_OE	 0x0008u
#define MXCSR_UE	 0x0010u
#define MXCSR_PE	 0x0020u
#define MXCSR_MASK_SHIFT 7
#define MXCSR_DAZ	 0x0040u
#define MXCSR_FTZ	 0x8000u
#define MXCSR_MM	 0x20000u /* AMD's misaligned exception mask */

static inline u16 *fx_u16(struct x86_cpu *cpu, u32 offset)
{
	return (u16 *)(void *)(cpu->xsave.bytes + offset);
}

static inline u64 *fx_u64(struct x86_cpu *cpu, u32 offset)
{
	return (u64 *)(void *)(cpu->xsave.bytes + offset);
}

static inline u32 *mxcsr_of(struct x86_cpu *cpu)
{
	return (u32 *)(void *)(cpu->xsave.bytes + XSAVE_MXCSR);
}

/* MXCSR_MASK; DAZ is in every 64-bit CPU.
 * [APM1 4.2.2 "MXCSR Register"] */
static inline u32 mxcsr_valid(const struct x86_cpu *cpu)
{
	return x86_has(cpu, FEAT_MISALIGNSSE) ? 0xffffu | MXCSR_MM : 0xffffu;
}

/* The low half of a vector register; the upper is FPU_HIGH_OFFSET further. */
static inline u64 *xmm(struct x86_cpu *cpu, u32 reg)
{
	return (u64 *)(void *)(cpu->xsave.bytes + XSAVE_XMM + 16u * reg);
}

static inline u64 *ymm_high(struct x86_cpu *cpu, u32 reg)
{
	return (u64 *)(void *)(cpu->xsave.bytes + XSAVE_YMMH + 16u * reg);
}

/* MMX register n, when TOP is 0 (after mmx_enter). */
static inline u64 *mmx(struct x86_cpu *cpu, u32 reg)
{
	return (u64 *)(void *)(cpu->xsave.bytes + XSAVE_ST + 16u * (reg & 7));
}

static inline int gate_sse(struct x86_cpu *cpu)
{
	if (unlikely(cpu->cr0 & CR0_EM || !(cpu->cr4 & CR4_OSFXSR)))
		return raise_ud(cpu);
	return unlikely(cpu->cr0 & CR0_TS) ? raise_fault(cpu, VECTOR_NM)
					   : X86_OK;
}

static inline int gate_avx(struct x86_cpu *cpu)
{
	u64 need = XCR0_SSE | XCR0_AVX;

	if (unlikely(!(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & need) != need ||
		     !protected_mode(cpu)))
		return raise_ud(cpu);
	return unlikely(cpu->cr0 & CR0_TS) ? raise_fault(cpu, VECTOR_NM)
					   : X86_OK;
}

static inline int gate_vec(struct x86_cpu *cpu, const struct insn *in)
{
	return in->flags & INSN_VEX ? gate_avx(cpu) : gate_sse(cpu);
}

/* x87 instructions that wait are stopped by an earlier one's exception.
 * CR0.NE = 0 would signal FERR#; no board of ours wires it, so #MF is raised
 * either way. */
static inline int gate_pending(struct x86_cpu *cpu)
{
	return unlikely(*fx_u16(cpu, FX_FSW) & FSW_ES)
		       ? raise_fault(cpu, VECTOR_MF)
		       : X86_OK;
}

static inline int gate_x87(struct x86_cpu *cpu)
{
	if (unlikely(cpu->cr0 & (CR0_EM | CR0_TS)))
		return raise_fault(cpu, VECTOR_NM);
	return X86_OK;
}

static inline int gate_mmx(struct x86_cpu *cpu)
{
	if (unlikely(cpu->cr0 & CR0_EM))
		return raise_ud(cpu);
	if (unlikely(cpu->cr0 & CR0_TS))
		return raise_fault(cpu, VECTOR_NM);
	return gate_pending(cpu);
}

static inline int raise_simd(struct x86_cpu *cpu)
{
	return raise_fault(cpu,
			   cpu->cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD);
}

/* The instruction's memory operand as a linear address of `size` bytes, after
 * the segment's checks. */
int vec_linear(struct x86_cpu *cpu, const struct insn *in, u32 size, bool write,
	       gva_t *ret_address);
bool vec_canonical(const struct x86_cpu *cpu, gva_t address);
/* The same for a state area, whose address is checked whatever it needs of it. */
int area_linear(struct x86_cpu *cpu, const struct insn *in, u32 size,
		bool write, gva_t *ret_address);
/* #GP(0) when the memory operand is not `align`ed. Comes before #PF, after
 * #SS and the segment's #GP. */
int vec_align(struct x86_cpu *cpu, const struct insn *in, u32 size, u32 align,
	      bool write);
/*
 * Does this source operand, none of a move, have to be aligned? To AMD's SHA
 * instructions never, and to all but VEX's not under its MXCSR.MM.
 * [APM1 4.3.2 "Data Alignment"]
 */
bool vec_must_align(const struct x86_cpu *cpu, const struct insn *in);
/* Checks that the memory operand could be read or written. */
int operand_probe(struct x86_cpu *cpu, const struct insn *in, u32 size,
		  bool write);
/* linear_probe() of a state area whose last byte is looked at first, as
 * silicon's microcode does: CR2 shows it. */
int area_probe(struct x86_cpu *cpu, const struct insn *in, gva_t address,
	       u32 size, bool write);
/* In pieces of 32 and 8 bytes and a rest, after area_probe(). */
int area_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size,
	       u32 seg);
int area_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size, u32 seg);
/*
 * Some instructions are never checked by EFLAGS.AC: between these two, accesses
 * are not. The first answers what the second needs.
 */
static inline struct x86_tlb *alignment_ignore(struct x86_cpu *cpu)
{
	struct x86_tlb *tlb = cpu->tlb;

	if (unlikely(tlb == cpu->tlbs[TLB_ALIGN]))
		cpu->tlb = cpu->tlbs[TLB_USER];
	return tlb;
}
static inline void alignment_restore(struct x86_cpu *cpu, struct x86_tlb *tlb)
{
	cpu->tlb = tlb;
}

/* Reads or writes 1 << in->op_size bytes (1..32), with ROW_ALIGNED's check. */
int vec_read(struct x86_cpu *cpu, const struct insn *in, void *data);
int vec_write(struct x86_cpu *cpu, const struct insn *in, const void *data);
/* One element at this offset in the operand's segment, masked already; `size` 1,
 * 2, 4, 8. */
int element_read(struct x86_cpu *cpu, const struct insn *in, u64 offset,
		 void *data, u32 size);
int element_write(struct x86_cpu *cpu, const struct insn *in, u64 offset,
		  const void *data, u32 size);

/* Puts the x87 unit into the state any MMX instruction but EMMS leaves it in:
 * TOP 0, all tags valid. */
void mmx_enter(struct x86_cpu *cpu);
/* The same for an instruction that stores; rc is what the store came to. On a
 * fault Intel's has set TOP already, but not the tags. */
void mmx_enter_store(struct x86_cpu *cpu, int rc);
/* Reads one whatever TOP is. */
u64 mmx_get(struct x86_cpu *cpu, u32 reg);
/* Writes one, after mmx_enter: its exponent becomes all ones. */
void mmx_set(struct x86_cpu *cpu, u32 reg, u64 value);

/* FSW.ES and B from the flags and FCW's masks. */
void x87_update_es(struct x86_cpu *cpu);
/* FNINIT's control, status, tag and pointers; the physical registers keep their
 * contents, seen from TOP 0. */
void x87_reinit(struct x86_cpu *cpu);
/* The initial state of the XSAVE component: that, and registers zero. */
void x87_init(struct x86_cpu *cpu);
/* FSW.TOP was `old_top` when the image's registers were put in order. */
void x87_turn(struct x86_cpu *cpu, u32 old_top);
/* Loads FCW, FSW, FTW, FOP, FIP, FDP and the registers from an FXSAVE image as
 * FXRSTOR does; wide: the REX.W form. */
void x87_load_image(struct x86_cpu *cpu, const u8 *image, bool wide);
/* The first 24 bytes of an FXSAVE image and the registers. */
void x87_store_image(struct x86_cpu *cpu, u8 *image, bool wide);
/* The address form of FIP and FDP that loads keep. */
u64 x87_pointer(const struct x86_cpu *cpu, u64 value);

/* Copies for any size; core has no libc to lean on and gcc knows these. */
static inline void bytes_copy(void *to, const void *from, u32 size)
{
	__builtin_memcpy(to, from, size);
}

static inline void bytes_zero(void *to, u32 size)
{
	__builtin_memset(to, 0, size);
}

/* bind.c asks these in turn; NULL: not one of mine. */
insn_exec_fn fxsave_bind(const struct insn *in); /* FXSAVE, LDMXCSR, EMMS … */
insn_exec_fn xsave_bind(const struct insn *in);
insn_exec_fn x87_bind(const struct insn *in);
insn_exec_fn x87_env_bind(const struct insn *in); /* FNSTENV … FRSTOR */
insn_exec_fn vec_move_bind(const struct insn *in);
insn_exec_fn vec_masked_bind(const struct insn *in);
insn_exec_fn vec_run_bind(const struct insn *in); /* everything with a thunk */

#endif
