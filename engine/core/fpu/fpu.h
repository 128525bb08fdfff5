/* SPDX-License-Identifier: MIT */
/*
 * x87, MMX, SSE and AVX: the guest's vector state, and what runs its
 * instructions.
 *
 * The state stands in cpu->xsave in the standard XSAVE format and is complete
 * there at every instruction boundary, whatever the guest has enabled; the
 * header's bytes mean nothing inside (fpu_in_use() computes XINUSE from the
 * components). Core itself is compiled without the vector unit: moves, bitwise
 * logic and all state instructions are plain C, everything that computes goes
 * through struct fpu_host to the host's own instruction.
 *
 * What the guest's CPUID must say, because it is what is done here. Intel: FDP
 * and FOP are recorded for unmasked x87 exceptions only (CPUID.7.0:EBX[6] = 1),
 * FCS and FDS are stored as zero (EBX[13] = 1). [SDM1 8.1.8] AMD: all are
 * recorded always, and saved as zero by FXSAVE and XSAVE while no exception is
 * pending (CPUID.80000008H:EBX[2] = 1); the selectors live beside the XSAVE
 * image, whose 64-bit form, a client's, has no place for them.
 */
#ifndef ENGINE_CORE_FPU_FPU_H
#define ENGINE_CORE_FPU_FPU_H

#include <linux/kvm.h>

#include "engine/core/x86.h"

/* Bytes from a register's low half in the XSAVE image to its upper half; the
 * AVX runners find the upper half of every operand there. */
#define FPU_HIGH_OFFSET (XSAVE_YMMH - XSAVE_XMM)

/* Thunks of rows with an imm8: 256 of them, this many bytes apart. */
#define FPU_IMM_STRIDE 8

/*
 * Everything one operation may read and write. Operands are numbered by the
 * place that names them in the encoding: 0 ModRM.reg, 1 ModRM.rm (register or
 * what was read from memory), 2 VEX.vvvv, 3 imm8[7:4]. With an implied XMM0
 * (BLENDV, PCMPxSTRx, SHA256RNDS2), ModRM.reg moves to 2 and 0 is XMM0.
 */
struct vec_operands {
	u8 r[4][32]; /* XMM, YMM */
	u64 mm[2];   /* MMX, by ModRM.reg and ModRM.rm */
	u64 gpr[3];  /* RAX, RCX, RDX: general registers by the same numbers;
		       * PCMPESTRx: the guest's RAX and RDX in, RCX out */
	u64 rflags;  /* out: arithmetic flags */
	u32 mxcsr;   /* in: as for the FP runners; out: the flags now set */
} __attribute__((aligned(32)));

/* fpu_host.any: which register files the operation touches. */
enum { FPU_USE_AVX = 1 << 0, FPU_USE_MMX = 1 << 1 };

/*
 * The host's vector unit. A thunk is the address of one host instruction on
 * fixed registers followed by RET; only the runners call it. None of these can
 * fail or raise a signal; the host's MXCSR and x87 control word are as before
 * when they return, but for MXCSR's sticky flags (see soft/thunk/thunk.h).
 *
 * FP runners take an MXCSR, run with its rounding, FTZ, DAZ and flags but with
 * everything masked, and return the flags then set; when one of them is
 * unmasked in the given MXCSR the destination is not written.
 */
struct fpu_host {
	/*
	 * By row, then INSN_W << 1 | INSN_VEX_L; owned by who made the struct.
	 * NULL: no such form, or this host lacks it (then the guest's CPUID
	 * must not offer it).
	 */
	const void *(*thunk)[4];
	void (*sse)(const void *thunk, void *reg, const void *rm);
	u32 (*sse_fp)(const void *thunk, void *reg, const void *rm, u32 mxcsr);
	/* The upper half of *reg is zeroed. */
	void (*vex128)(const void *thunk, void *reg, const void *rm,
		       const void *vvvv);
	u32 (*vex128_fp)(const void *thunk, void *reg, const void *rm,
			 const void *vvvv, u32 mxcsr);
	/* All three with their upper halves FPU_HIGH_OFFSET further on. */
	void (*vex256)(const void *thunk, void *reg, const void *rm,
		       const void *vvvv);
	u32 (*vex256_fp)(const void *thunk, void *reg, const void *rm,
			 const void *vvvv, u32 mxcsr);
	void (*mmx)(const void *thunk, void *reg, const void *rm);
	void (*any)(const void *thunk, struct vec_operands *operands, u32 use);
	/*
	 * x87 instruction opcode (D8..DF), modrm, on the whole FXSAVE64 image,
	 * 16-byte aligned, its memory operand at *memory. The image's MXCSR
	 * must be valid. Exceptions may be unmasked: they only become pending
	 * in the image. FIP, FDP and FOP come back as the host's. Takes RFLAGS
	 * and returns its arithmetic flags (FCMOVcc, FCOMI).
	 */
	u64 (*x87)(void *fxsave, u8 opcode, u8 modrm, void *memory, u64 rflags);
};

/*
 * Power-up (`init` false), or INIT, which changes nothing. Power-up is the
 * initial state of all components, as a new vCPU of Linux has it; silicon's FCW
 * would be 0040H. [SDM3 9.1.1 "Processor State After Reset"]
 */
void fpu_reset(struct x86_cpu *cpu, bool init);

/* XINUSE of the components XCR0 bits 0-2, exact. [SDM1 13.6] To AMD the x87
 * pointers alone are no use of it. */
u64 fpu_in_use(const struct x86_cpu *cpu);

/*
 * KVM_GET_FPU, KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE [KVM-API 4.22, 4.23,
 * 4.42, 4.43]. As in Linux, kvm_fpu.mxcsr is 0 when got and ignored when set,
 * and of an XSAVE image without its SSE component MXCSR becomes 1F80H.
 * fpu_set_kvm() always returns 0. xsave_set() changes nothing when it fails:
 * -EINVAL for XSTATE_BV bits outside what the guest may have in XCR0, for a
 * header that is compacted or has reserved bytes set, and for reserved MXCSR
 * bits with any component present.
 */
void fpu_get_kvm(const struct x86_cpu *cpu, struct kvm_fpu *ret);
int must_check fpu_set_kvm(struct x86_cpu *cpu, const struct kvm_fpu *fpu);
void xsave_get(const struct x86_cpu *cpu, struct kvm_xsave *ret);
int must_check xsave_set(struct x86_cpu *cpu, const struct kvm_xsave *xsave);

#endif
