/* SPDX-License-Identifier: MIT */
/*
 * The architectural state of one virtual CPU and the names of its bits.
 *
 * struct x86_cpu belongs to the thread that runs the vCPU; nobody else touches
 * it while that thread is inside the run loop. It holds no pointer that it
 * owns: the owner of the vCPU provides the TLBs and the ops.
 */
#ifndef ENGINE_CORE_X86_H
#define ENGINE_CORE_X86_H

#include "engine/core/decode/decode.h"
#include "engine/core/decode/row.h"
#include "engine/core/types.h"

/* [SDM3 2.5 "Control Registers"] */
#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR3_PCID    0xfffull
#define CR3_NOFLUSH BIT(63)

#define CR4_VME	       BIT(0)
#define CR4_PVI	       BIT(1)
#define CR4_TSD	       BIT(2)
#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_PGE	       BIT(7)
#define CR4_PCE	       BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE	       BIT(22)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

/* [SDM1 3.4.3 "EFLAGS Register"] */
#define RFLAGS_CF	  BIT(0)
#define RFLAGS_FIXED	  BIT(1)
#define RFLAGS_PF	  BIT(2)
#define RFLAGS_AF	  BIT(4)
#define RFLAGS_ZF	  BIT(6)
#define RFLAGS_SF	  BIT(7)
#define RFLAGS_TF	  BIT(8)
#define RFLAGS_IF	  BIT(9)
#define RFLAGS_DF	  BIT(10)
#define RFLAGS_OF	  BIT(11)
#define RFLAGS_IOPL	  (BIT(12) | BIT(13))
#define RFLAGS_IOPL_SHIFT 12
#define RFLAGS_NT	  BIT(14)
#define RFLAGS_RF	  BIT(16)
#define RFLAGS_VM	  BIT(17)
#define RFLAGS_AC	  BIT(18)
#define RFLAGS_VIF	  BIT(19)
#define RFLAGS_VIP	  BIT(20)
#define RFLAGS_ID	  BIT(21)
#define RFLAGS_ARITH	  0x8d5u

/* [SDM3 6.3.1 "External Interrupts", table 6-1 "Exceptions and Interrupts"] */
enum x86_vector {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
	VECTOR_XM = 19,
};

/* Page-fault error code. [SDM3 4.7 "Page-Fault Exceptions"] */
#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_USER	   (1u << 2)
#define PF_RSVD	   (1u << 3)
#define PF_FETCH   (1u << 4)
#define PF_KEY	   (1u << 5)

/*
 * Segment attributes: descriptor bits 40..55 as bits 0..15, and one bit of our
 * own for "unusable", the layout of [SDM3 24.4.1 "Guest Register State"].
 */
#define SEG_TYPE      0xfu
#define SEG_ACCESSED  (1u << 0)
#define SEG_RW	      (1u << 1) /* data: writable; code: readable */
#define SEG_DC	      (1u << 2) /* data: expand down; code: conforming */
#define SEG_CODE      (1u << 3)
#define SEG_S	      (1u << 4) /* code or data, not system */
#define SEG_DPL_SHIFT 5
#define SEG_DPL	      (3u << SEG_DPL_SHIFT)
#define SEG_P	      (1u << 7)
#define SEG_AVL	      (1u << 12)
#define SEG_L	      (1u << 13)
#define SEG_DB	      (1u << 14)
#define SEG_G	      (1u << 15)
#define SEG_UNUSABLE  (1u << 16)

struct x86_segment {
	u64 base;
	u32 limit; /* in bytes, granularity already applied */
	u32 attr;
	u16 selector;
};

/* cpu->seg[] beyond enum insn_seg's six. */
enum { SEG_TR = 6, SEG_LDTR = 7, SEG_COUNT = 8 };

struct x86_table { /* GDTR, IDTR */
	u64 base;
	u16 limit;
};

/*
 * The FPU, SSE and AVX state in the standard XSAVE format: what XCR0 bits 0-2
 * cover. [SDM1 13.4 "XSAVE Area"]
 */
#define XSAVE_SIZE   832
#define XSAVE_MXCSR  24
#define XSAVE_ST     32	 /* 16 bytes apart */
#define XSAVE_XMM    160 /* 16 bytes apart */
#define XSAVE_HEADER 512
#define XSAVE_YMMH   576 /* 16 bytes apart */
#define XCR0_X87     BIT(0)
#define XCR0_SSE     BIT(1)
#define XCR0_AVX     BIT(2)

struct x86_xsave {
	u8 bytes[XSAVE_SIZE] __attribute__((aligned(64)));
};

#define MXCSR_RESET 0x1f80u
#define FCW_RESET   0x037fu /* after FNINIT; power-up is 0x0040 */

/*
 * One software TLB. Three of them, one for each way permissions read: user
 * code, supervisor code that may not touch user pages (SMAP, AC clear), and
 * supervisor code that may. Entry tags hold the page address of what is
 * allowed, with the generation of that half of the address space in the low
 * 12 bits: raising the generation flushes. An access is a hit when the tag of
 * its last byte's page equals: page-crossers therefore miss.
 */
#define TLB_BITS	    12
#define TLB_ENTRIES	    (1u << TLB_BITS)
#define TLB_GENERATION_MASK 0xfffu

struct x86_tlb_entry {
	u64 read_tag;
	u64 write_tag;
	u64 exec_tag;
	u64 host; /* host address minus guest-linear address */
};

struct x86_tlb {
	struct x86_tlb_entry entry[2][TLB_ENTRIES]; /* [bit 63 of the address] */
};

/*
 * The lower halves of address spaces that CR3 left with their PCID to come back
 * to: each has a generation of its own, so that all stand in one TLB.
 */
#define TLB_CONTEXTS	  8
#define TLB_FLUSHES_NOTED 8

struct x86_tlb_context {
	u64 space; /* never the same for two generations; 0: not in use */
	u32 pcid;
	u32 generation;
	u64 large_first, large_last;
};

/*
 * TLB_ALIGN is user code under alignment checks (CR0.AM, RFLAGS.AC, CPL 3): it
 * is never filled, so that every access takes the slow way, where #AC is seen.
 */
enum tlb_class {
	TLB_USER,
	TLB_SUPERVISOR,
	TLB_SUPERVISOR_AC,
	TLB_ALIGN,
	TLB_LOGGED, /* never filled either: all writes are to be seen */
	TLB_CLASSES
};

/*
 * The entries that gave a right to write since somebody last withdrew them
 * all, so that he need not look at every entry. An entry may stand in it twice.
 */
#define WRITERS_MAX   1024
#define WRITERS_WORDS 64

struct x86_writers {
	u32 count; /* over the maximum: some are missing */
	struct x86_tlb_entry *entry[WRITERS_MAX];
	u64 host_pages[WRITERS_WORDS]; /* where they lead: a bit by hash */
};

/* Memory as it was before each write, newest last; for who wants to undo them.
 * Only what goes the slow way is noted: see TLB_LOGGED. */
#define WRITE_LOG_MAX	256
#define WRITE_LOG_BYTES 64

struct x86_write_log {
	u32 count;
	bool full; /* some were not noted */
	struct x86_write {
		u8 *host;
		u32 size;
		u8 old[WRITE_LOG_BYTES];
	} write[WRITE_LOG_MAX];
};

/* What an instruction's execution comes to. Positive: not simply "next". */
enum x86_result {
	X86_OK = 0,	   /* done, RIP is at the next instruction */
	X86_BRANCH = 1,	   /* done, RIP was set */
	X86_END = 2,	   /* done; mode, mappings or IF may have changed */
	X86_FAULT = 3,	   /* cpu->exception is to be delivered */
	X86_NEED = 4,	   /* cpu->external asks the owner for an access */
	X86_HALT = 5,	   /* done, HLT: wait for an interrupt */
	X86_EXIT = 6,	   /* cpu->exit tells what the owner must do */
	X86_REPEAT = 7,	   /* a REP portion is done, RIP still at the insn */
	X86_SHUTDOWN = 8,  /* triple fault */
	X86_UNHANDLED = 9, /* no handler: the owner reports an engine failure */
};

/* An exception on its way to the guest. */
struct x86_exception {
	u8 vector;
	bool has_error;
	bool trap;     /* RIP is already past the instruction */
	bool software; /* INT n, INT3, INTO: DPL is checked, RF not set */
	bool int1;     /* ICEBP */
	u32 error;
	u64 payload; /* #PF: CR2; #DB: the DR6 bits */
};

/*
 * The half-done instruction. An instruction that reaches a device stops with
 * X86_NEED and everything it has done so far noted here; when the owner has the
 * answer it calls external_complete() and runs the same instruction again from
 * its start, which finds the finished accesses in the log instead of making
 * them twice. Registers are not written before the last access is done.
 */
enum external_kind {
	EXTERNAL_NONE,
	EXTERNAL_READ,
	EXTERNAL_WRITE,
	EXTERNAL_IN,
	EXTERNAL_OUT,
};

struct external_access {
	gpa_t gpa; /* or port number */
	u64 data;
	u8 size; /* 1..8 */
	u8 kind; /* enum external_kind */
};

#define EXTERNAL_LOG_MAX 128  /* XSAVE's 832 bytes, 8 at a time, and some */
#define STRING_IO_MAX	 4096 /* bytes in one portion of REP INS/OUTS */

struct x86_external {
	struct external_access want; /* kind NONE: nothing pending */
	u32 count;  /* INS/OUTS: items of want.size in string_io[]; 0: single */
	u32 done;   /* accesses in log[] that are complete */
	u32 cursor; /* next one to be replayed */
	struct external_access log[EXTERNAL_LOG_MAX];
	bool string_ready; /* string_io[] holds what an INS portion read, or an
			    * OUTS portion was written */
	u8 string_io[STRING_IO_MAX];
};

/* X86_EXIT reasons. */
enum x86_exit_kind {
	X86_EXIT_NONE,
	X86_EXIT_RDMSR,
	X86_EXIT_WRMSR,
	X86_EXIT_HYPERCALL,
	X86_EXIT_DEBUG,
};

struct x86_exit {
	u8 kind;       /* enum x86_exit_kind */
	u32 index;     /* MSR number; hypercall number */
	u64 data;      /* value written; on completion the value read */
	u64 arg[4];    /* hypercall arguments */
	u32 reason;    /* KVM_MSR_EXIT_REASON_* */
	u64 dr6;       /* X86_EXIT_DEBUG: the bits for the debugger */
	u8 vector;     /* X86_EXIT_DEBUG: #DB or #BP */
	bool complete; /* the owner has answered: the instruction may finish */
	bool fault;    /* the owner answered with an error: #GP */
};

/* MSRs that are nothing but a value; see msr/ for who may hold what. */
struct x86_msrs {
	u64 star, lstar, cstar, sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;
	u64 tsc_aux;
	u64 tsc_adjust;
	u64 misc_enable;
	u64 spec_ctrl;
	u64 apic_base;
	u64 tsc_deadline;
	u64 mtrr_def_type;
	u64 mtrr_fixed[11];
	u64 mtrr_variable[8][2];
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 mc_bank[10][4];
	u64 xss;
	u64 kvm_wall_clock, kvm_system_time, kvm_async_pf, kvm_steal_time;
	u64 kvm_pv_eoi, kvm_poll_control, kvm_async_pf_int, kvm_migration;
	u64 feature_control, smi_count, smbase;
	u64 debugctl;
	u64 platform_info, misc_features_enables;
	u64 arch_capabilities, microcode;
	u64 virt_spec_ctrl, tsc_ratio, hwcr, de_cfg; /* AMD */
};

struct x86_ops;

struct x86_cpu {
	/* Hot: what every instruction touches. */
	u64 gpr[GPR_SLOTS] __attribute__((aligned(64))); /* [ZERO]=0, [RIP] */
	u64 rflags;		 /* always exact; bit 1 set */
	struct x86_tlb *tlb;	 /* of the current class; borrowed */
	u64 tlb_generation[2];	 /* by address half, 1..0xfff */
	u64 tlb_page_flushes[2]; /* counts flushes of single pages, likewise */
	u64 linear_mask;	 /* ~0 in 64-bit mode, 0xffffffff elsewhere */
	u64 segment_base[SEG_SLOTS]; /* what the fast path adds; [NONE] = 0 */
	u8 segment_fast[SEG_SLOTS];  /* SEG_FAST_*: no limit check is needed */
	u64 code_host; /* host page of the running block: stores to it stop */
	u32 stop;      /* STOP_*: leave the block after this instruction */
	u32 insn_len;  /* of the running instruction; RIP slot is past it */

	/* Mode, derived by x86_mode_update() from the registers below. */
	u8 cpl;
	u8 code;	  /* enum code_size of CS */
	bool long_mode;	  /* EFER.LMA */
	bool stack32;	  /* SS.B (not 64-bit mode) */
	bool single_step; /* one instruction at a time: TF, shadow, DR7, debug */
	u8 shadow;	  /* SHADOW_*: interrupts held for one instruction */
	u32 block_mode;	  /* part of the key of decoded blocks */

	u64 cr0, cr2, cr3, cr4, efer, xcr0;
	u64 dr[4], dr6, dr7;
	u64 pdpte[4]; /* PAE: loaded at MOV CR3 */
	struct x86_segment seg[SEG_COUNT];
	struct x86_table gdtr, idtr;
	struct x86_msrs msr;
	struct x86_exception exception; /* valid with X86_FAULT */
	struct x86_exit exit;
	bool nmi_blocked;      /* until IRET */
	bool upper_half_local; /* the TLB's upper half has non-global entries */
	bool lower_half_global; /* the lower half may have global ones */
	u64 large_first[2], large_last[2]; /* range that large pages filled */
	/* The lower half: what is in force, and what is kept. */
	u64 tlb_space;
	u64 tlb_space_last;	 /* highest that was given */
	u32 tlb_generation_last; /* likewise */
	struct x86_tlb_context tlb_context[TLB_CONTEXTS];
	u32 tlb_context_next;			 /* to be replaced */
	gva_t tlb_flushed[2][TLB_FLUSHES_NOTED]; /* [half][count of flushes] */
	u32 debug_guest;	    /* KVM_GUESTDBG_* of KVM_SET_GUEST_DEBUG */
	u64 debug_dr[4], debug_dr7; /* the debugger's own breakpoints */
	u64 pending_db; /* DR6 bits of a trap due after this instruction */

	/* What CPUID told the guest, as masks that gates look at. */
	u64 feature[(FEAT_COUNT + 63) / 64]; /* bit n = enum insn_feature n */
	u64 cr4_allowed, efer_allowed, xcr0_allowed;
	u8 physical_bits, linear_bits;
	bool pages_1g;	 /* a PDPTE may map a page of 1 GiB */
	bool vendor_amd; /* whose differences hold */
	u16 fcs, fds;	 /* AMD: selectors beside FIP and FDP; else 0 */

	struct x86_tlb *tlbs[TLB_CLASSES]; /* borrowed: outlive the cpu */
	const struct x86_ops *ops;	   /* borrowed */
	void *ctx;			   /* first argument of every op */
	bool exclusive; /* between exclusive_begin and exclusive_end */
	u64 retired;	/* instructions, REP iterations not counted */
	struct x86_writers *writers;	 /* borrowed; NULL: nobody asks */
	struct x86_write_log *write_log; /* borrowed; NULL: nobody asks */

	struct x86_xsave xsave;
	struct x86_external external;
};

/* cpu->segment_fast */
#define SEG_FAST_READ  (1u << 0)
#define SEG_FAST_WRITE (1u << 1)

/* cpu->stop */
#define STOP_CODE_WRITTEN \
	(1u << 0)	     /* a store went to the running block's page */
#define STOP_LOG   (1u << 1) /* external.log[] holds finished accesses */
#define STOP_DEBUG (1u << 2) /* a data breakpoint was hit */
#define STOP_MODE  (1u << 3) /* mode changed in a helper */

/* cpu->shadow. [SDM3 6.8.3 "Masking Exceptions When Switching Stacks"] */
#define SHADOW_STI    (1u << 0)
#define SHADOW_MOV_SS (1u << 1)

/*
 * Everything core needs from outside. All run on the vCPU's thread; none may
 * keep the pointers it is given. ctx is x86_cpu.ctx.
 */
struct x86_ops {
	/*
	 * The host address of the page that holds gpa (4 KiB aligned), or NULL
	 * when there is no memory for this use: unmapped, or `write` to a
	 * read-only slot. With write set the page counts as dirty from now on.
	 * Never blocks for the guest; the pointer holds until the cpu's TLBs
	 * are next flushed by the owner.
	 */
	void *(*page)(void *ctx, gpa_t gpa, bool write);
	/*
	 * A device inside the engine (LAPIC, IOAPIC, ioeventfd …): true when
	 * it took the access; false: the owner's client must.
	 */
	bool (*mmio)(void *ctx, gpa_t gpa, void *data, u32 size, bool write);
	bool (*port)(void *ctx, u16 port, void *data, u32 size, bool write);
	u64 (*tsc)(void *ctx); /* the guest's TSC now */
	void (*cpuid)(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4]);
	/*
	 * MSRs that are more than a value (TSC, APIC, KVM's own, …).
	 * X86_OK, X86_FAULT = unknown or refused, X86_EXIT = the client's
	 * (cpu->exit filled).
	 */
	int (*msr_read)(void *ctx, u32 index, u64 *ret_value);
	int (*msr_write)(void *ctx, u32 index, u64 value);
	/*
	 * May the client see this MSR access? Asked with
	 * KVM_MSR_EXIT_REASON_FILTER before every one: X86_OK lets it go on,
	 * X86_FAULT refuses it; and with _INVAL or _UNKNOWN before a #GP, where
	 * X86_OK and X86_FAULT mean the #GP. X86_EXIT in all three: the client
	 * answers (cpu->exit is filled by the caller). May be NULL.
	 */
	int (*msr_check)(void *ctx, u32 index, bool write, u32 reason);
	u64 (*cr8_get)(void *ctx);
	void (*cr8_set)(void *ctx, u64 tpr); /* 0..15 */
	/* Stop every other vCPU at an instruction boundary, and let go. */
	void (*exclusive_begin)(void *ctx);
	void (*exclusive_end)(void *ctx);
	/*
	 * Run one vector or x87 operation on operands in memory; see fpu/fpu.h.
	 * NULL where the host's vector unit may not be used (a kernel).
	 */
	const struct fpu_host *fpu;
	bool (*random)(void *ctx, u64 *ret); /* RDRAND, RDSEED */
	/* VMCALL/VMMCALL: X86_OK (RAX set), X86_EXIT, X86_FAULT (#UD). */
	int (*hypercall)(void *ctx);
};

#define RIP(cpu) ((cpu)->gpr[GPR_RIP])
enum gpr {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15
};

/* The instruction's own address: RIP is already past it while it runs. */
static inline u64 insn_address(const struct x86_cpu *cpu)
{
	return cpu->gpr[GPR_RIP] - cpu->insn_len;
}

static inline bool x86_has(const struct x86_cpu *cpu, u32 feature)
{
	return cpu->feature[feature / 64] >> (feature % 64) & 1;
}

static inline bool protected_mode(const struct x86_cpu *cpu)
{
	return (cpu->cr0 & CR0_PE) && !(cpu->rflags & RFLAGS_VM);
}

/* Raises: fills cpu->exception and returns X86_FAULT. */
int raise_fault(struct x86_cpu *cpu, enum x86_vector vector); /* no code */
int raise_error(struct x86_cpu *cpu, enum x86_vector vector, u32 error);
int raise_page_fault(struct x86_cpu *cpu, gva_t address, u32 error);
static inline int raise_gp0(struct x86_cpu *cpu)
{
	return raise_error(cpu, VECTOR_GP, 0);
}
static inline int raise_ud(struct x86_cpu *cpu)
{
	return raise_fault(cpu, VECTOR_UD);
}

/*
 * Recomputes all derived fields (cpl, code, long_mode, segment_base,
 * segment_fast, linear_mask, tlb, single_step, block_mode …) from the
 * registers. Call after anything wrote CR0/CR4/EFER/RFLAGS.{VM,AC,TF}/CS/SS/
 * any segment. Cheap enough for every mode change, not for every instruction.
 */
void x86_mode_update(struct x86_cpu *cpu);

/* Power-up state. [SDM3 9.1.1 "Processor State After Reset"] `init`: INIT. */
void x86_reset(struct x86_cpu *cpu, bool init);

#endif
