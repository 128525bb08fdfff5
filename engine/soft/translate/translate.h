/* SPDX-License-Identifier: MIT */
/*
 * Tier 1: guest code rewritten into host code, unit by unit.
 *
 * Theory of operation. A unit is a straight run of guest instructions of one
 * page, with side exits at its conditional branches. Its host code holds the
 * guest's registers in the host's, so that most instructions are the guest's
 * own bytes with another address operand:
 *
 *	guest RAX..RBX, RBP..RDI, R8..R11	themselves
 *	guest RSP				R12
 *	guest R12..R15				memory, x86_cpu.gpr (GS-relative),
 *						and a scratch register (regs.c)
 *	R13, R14, R15				scratch; R14 is "the address"
 *	RSP					the host's stack
 *	GS base					struct x86_cpu of the vCPU
 *	vector and x87 registers		the guest's while hot.fpu_live
 *
 * Memory. Each access site has a slot (hot.site_*) that remembers one page: its
 * guest address and the distance to the host's. A hit costs five instructions; a
 * miss looks into the software TLB out of line and then asks C. Stack accesses
 * of a unit whose offsets from RSP are known share one check at the unit's head,
 * those through another base register share the first one's (plan.c).
 *
 * Flags are the host's own. Where a check would destroy flags that are still to
 * be read they are kept in hot.flags. Every unit can be entered both ways: with
 * the flags in the host's register (entry_host) or in hot.flags (entry_saved).
 *
 * What is not written again as host code calls tier 0's handler, or leaves to
 * the loop in enter.c, which runs that one instruction on tier 0. An access
 * that cannot be made at once (fault, device, page-crosser, code page) leaves
 * likewise, before its instruction has changed anything: so every fault, exit
 * and device is tier 0's, and there is one implementation of each.
 *
 * Keys. A unit belongs to the host address of its first byte and the mode word;
 * for CPL 0 also to its linear address, which is then a constant in the code.
 * CPL 3's code is shared by all places it is mapped at: what depends on the
 * address is computed from hot.code_page. small.c tells what else code depends
 * on that is not 64-bit; there "linear" and RIP are two things.
 *
 * All of this is one vCPU's own: caches, links and tables need no lock. What is
 * shared is the record of which host pages hold code (code_map.h): a store to
 * such a page takes the slow way and drops the page's units on every vCPU.
 */
#ifndef ENGINE_SOFT_TRANSLATE_TRANSLATE_H
#define ENGINE_SOFT_TRANSLATE_TRANSLATE_H

#include "engine/core/x86.h"

#define TR_SITES_USER	4096
#define TR_SITES_SYSTEM 8192
#define TR_JUMPS	32768
#define TR_DISPLACED	4096
#define TR_TOUCHED	256
#define TR_USER		0 /* first index of the tables: CPL 3's, and the others' */
#define TR_SYSTEM	1

/* A page that a site may reach: an address in it is at address + delta. */
struct tr_slot {
	u64 page;
	u64 delta;
};

struct tr_jump {
	u64 key;  /* linear address ^ hot.jump_key */
	u64 code; /* where to enter it, flags saved */
};

/* Reached by generated code, GS-relative; part of struct soft_vcpu. */
struct tr_hot {
	u64 flags;	  /* AL = OF, AH = LAHF's byte */
	u64 flags_fault;  /* the host's flags where a signal struck */
	u64 code_page;	  /* CPL 3: linear address of the running code's page */
	u64 exit_arg;	  /* of the exit that was taken */
	u64 undo;	  /* what RSP goes back by if `rip` is impossible */
	u64 fill_pc;	  /* while C looks for memory: where the code waits */
	u64 fill_delta;	  /* host - linear, of what C has found */
	u8 bounce[192];	  /* a copy of what was read in two pages */
	u64 rip;	  /* where an indirect exit goes */
	u32 wanted;	  /* atomic: somebody wants this vCPU */
	u64 jump_key[2];  /* atomic: they spoil it to the same end */
	u64 jump_poison;  /* what they spoil it with */
	u32 jump_seed[2]; /* where the hash of an address begins */
	u64 tsc_plain;	  /* RDTSC is the host's counter and an offset */
	u64 fpu_live;	  /* the host's vector unit holds the guest's state */
	u64 slots_fine;	  /* TR_SYSTEM's slots may take what the TLB has */
	u64 slots_fine_ac;  /* ... when AC is set */
	u64 tlb_without_ac; /* x86_cpu.tlb when it is not; CPL 0 */
	u64 low_used;	    /* ... and have pages of the lower half */
	struct tr_slot stack[2];
	struct tr_slot stack_before[2]; /* the page that gave way to it */
	/* TR_USER's slots that are not empty, GS-relative. */
	u32 touched[TR_TOUCHED];
	u32 touched_count, touched_lost;
	struct tr_slot site_user[2][TR_SITES_USER]; /* [write] */
	struct tr_slot site_system[2][TR_SITES_SYSTEM];
	struct tr_jump jump[2][TR_JUMPS];
	struct tr_jump displaced[TR_DISPLACED]; /* from there by another */
};

struct insn;
struct soft_vcpu;
struct soft_vm;
struct translator;

/* How to translate; for tests. */
struct translate_options {
	u32 threshold;	  /* executions on tier 0 before; 0: the default */
	u32 verify_every; /* compare every nth unit with tier 0; 0: none */
	u64 cache_bytes;  /* 0: the default */
	bool stress_kick; /* leave at every poll */
	u32 flush_every;  /* drop all translations at every nth exit */
};

/* Can this process have memory that is writable here and executable there? */
bool translator_possible(void);

/* NULL: no memory to be had; tier 0 goes on alone. */
struct translator *translator_create(struct soft_vcpu *vcpu,
				     const struct translate_options *options);
void translator_free(struct translator *tr);

/* Everything translated is dropped, e.g. since CPUID changed. */
void translator_clear(struct translator *tr);
/* Units of this host page are dropped; its bytes are about to change. */
void translator_drop_page(struct translator *tr, u64 host_page);
/* No cached right to write may outlive this. */
void translator_forget_writes(struct translator *tr);
/* The same if one of them may lead to that page. */
void translator_forget_writes_to(struct translator *tr, u64 host_page);
/* A run() begins, or an interrupt came: code may have been changed behind our
 * back meanwhile, unless the client tells of each such change. */
void translator_begin(struct translator *tr);

/*
 * Runs guest code from RIP until something that tier 0 or the run loop must
 * see. Returns what an instruction's handler would (enum x86_result), with RIP
 * and all registers in place.
 */
int translator_step(struct translator *tr);

/* The guest's vector state back into x86_cpu.xsave, if it is in the host's. */
void translator_fpu_sync(struct soft_vcpu *vcpu);

/*
 * A signal struck at pc in generated code: where to go on instead, or 0 when
 * pc is not ours. For signal handlers.
 */
u64 translator_fault(struct soft_vcpu *vcpu, u64 pc, u64 rflags);
/* General registers that may be another's value afterwards: BIT(number). All
 * that lies behind a checked address rests on this: it is held against what
 * instructions do by tests/guest/random. */
u32 plan_gprs_written(const struct insn *in);
/* A jump out of C that generated code had called: its state into x86_cpu. */
void translator_abandon(struct translator *tr);

#endif
