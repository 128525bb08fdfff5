/* SPDX-License-Identifier: MIT */
/*
 * Inside translate/: units, their exits, and the state of one translation.
 */
#ifndef ENGINE_SOFT_TRANSLATE_INSIDE_H
#define ENGINE_SOFT_TRANSLATE_INSIDE_H

#include <stddef.h>

#include "engine/core/decode/id.h"
#include "engine/soft/soft.h"
#include "engine/soft/translate/emit.h"
#include "engine/soft/translate/translate.h"

#define UNIT_INSNS_MAX	  48
#define UNIT_CODE_MAX	  (48u << 10) /* bytes of host code, at the very most */
#define UNIT_META_MAX	  (32u << 10)
#define UNIT_MAP_MAX	  (4 * UNIT_INSNS_MAX)
#define UNIT_EXITS_MAX	  (2 * UNIT_INSNS_MAX)
#define SPAN_MAX	  128 /* bytes around a base register under one check */
#define SPAN_FAILURES_MAX 32
#define PLAIN_BITS	  13
#define UNDO_NO_BRANCH	  1
#define MISS_SIZE_SHIFT	  20 /* what a miss is told: slot | size << this */
#define CODE_BYTES	  (32u << 20)
#define META_BYTES	  (16u << 20)
#define HASH_BITS	  16
#define FOUND_BITS	  12
#define UNIT_ALIGN	  64
#define PAGE_HASH_BITS	  12
#define THRESHOLD	  6
#define HEAT_BITS	  17
#define JUMP_PAGE_WORDS	  64

/* GS-relative places. */
#define CPU_AT(member) ((s32)offsetof(struct x86_cpu, member))
#define VCPU_AT(member)                                  \
	((s32)((s64)offsetof(struct soft_vcpu, member) - \
	       (s64)offsetof(struct soft_vcpu, cpu)))
#define HOT_AT(member) VCPU_AT(hot.member)
#define GPR_AT(n)      ((s32)(n)*8)

#define R_SP   H_R12 /* the guest's RSP */
#define R_ADDR H_R14
#define R_TMP  H_R13
#define R_AUX  H_R15

/* Where the guest's flags are. */
enum flags_at {
	FLAGS_HOST,  /* in the host's register */
	FLAGS_SAVED, /* in hot.flags */
	FLAGS_BOTH,
	FLAGS_DEAD, /* nowhere: they are written before they are read */
};

/*
 * The mode word of a unit: x86_cpu.block_mode and, above it, what small.c adds
 * for code that is not 64-bit, and what unit it is of several.
 */
enum {
	MODE_SEGMENT_SHIFT = 13, /* two bits for each of six: enum reach */
	MODE_STACK32 = 1u << 25, /* SS.B */
	MODE_KEYED = 1u << 26,	 /* belongs to one base and limit of CS */
	MODE_PLAIN = 1u << 28, /* without checks that several accesses share */
};

/* How an address in a segment becomes a linear one. */
enum reach {
	REACH_FLAT,  /* it is one */
	REACH_BASE,  /* a base is added */
	REACH_LIMIT, /* the limit is looked at before */
	REACH_NONE,  /* by tier 0 only */
};

/* What a unit is found by. */
struct unit_key {
	u64 host; /* address of its first guest byte */
	u64 rip;  /* its linear address; CPL 3: the offset in the page */
	u64 cs;	  /* MODE_KEYED: CS's base, and its limit << 32; else 0 */
	u32 mode; /* block_mode | MODE_* */
};

struct tr_unit;

/* A direct way out of a unit. */
struct tr_exit {
	struct tr_unit *from; /* the unit it belongs to */
	struct tr_unit *to;   /* linked to; NULL: not */
	struct tr_exit *next; /* of those linked to the same unit */
	s32 target;	      /* relative to the unit's page */
	u32 field; /* the jump's distance, from the unit's code; 0: no link */
	u32 stub : 24;	  /* where it goes while not linked, likewise */
	u32 flags_at : 8; /* where the flags are when it is taken */
};

/* What the guest's state is at a place of the host code that may fault. */
struct tr_map {
	u16 code;	   /* offset from the unit's code */
	u16 offset;	   /* of the guest instruction in its page */
	s16 lag;	   /* guest RSP = R12 + lag */
	u8 flags_at;	   /* enum flags_at */
	bool faults_first; /* a page fault there is the instruction's */
};

/* Aligned to UNIT_ALIGN: what is looked at to enter it is one line of cache. */
struct tr_unit {
	u64 host, rip; /* as in its key */
	u32 mode;
	u32 jump_epoch; /* the jump below is true in; 0: none */
	struct tr_unit *hash_next;
	u64 host2; /* of the second page, if its one instruction crosses */
	u8 *entry_saved;
	u64 jump_key;	 /* of the table's jump that leads here */
	u16 jump;	 /* its index */
	bool jumps_many; /* others do, too */
	u8 table;	 /* TR_USER, TR_SYSTEM */
	bool dead;
	bool calls;	   /* handlers of tier 0 */
	bool stack_shared; /* one check at its head covers the stack */
	bool stack_writes; /* to what that covers, come what may */

	u64 cs; /* as in its key */
	u8 *entry_host;
	u8 *code; /* writable view */
	u32 code_bytes;
	u32 crc; /* of its bytes */
	u16 bytes, exit_count, map_count;
	u16 undefined; /* flags that some instruction leaves so */
	u8 span_failures;
	struct tr_unit *page_next;
	struct tr_unit *cross_next; /* in the second page's list */
	struct tr_exit *links;	    /* exits that jump here */
	struct tr_exit *exit;	    /* [exit_count] */
	struct tr_map *map;	    /* [map_count], by code */
	struct tr_unit *plain;	    /* the same without shared checks */
};

/* The units of one page of host memory. */
struct tr_page {
	u64 host;
	struct tr_page *next;
	struct tr_unit *units;
	struct tr_unit *crossers; /* units that end in this page */
	u64 verified;		  /* in which of translator.epoch */
};

/* TR_USER's tables while another address space is in force. */
struct kept_space {
	u64 space; /* x86_cpu.tlb_space; 0: none */
	u64 key;   /* of its jumps; 0: none is valid */
	u32 mode;  /* which they serve */
	u32 count;
	u32 touched[TR_TOUCHED];
	struct tr_slot slot[TR_TOUCHED], stack;
};

struct translator {
	struct soft_vcpu *vcpu; /* borrowed */
	struct translate_options options;
	u8 *code, *code_exec; /* owned: two views of one memory */
	size_t code_bytes, code_first, code_used;
	u8 *meta; /* owned */
	size_t meta_used;
	struct tr_unit **units; /* owned: by code address, unit_count */
	u32 unit_count, unit_max;
	struct tr_unit *hash[1u << HASH_BITS];
	struct tr_unit *found[1u << FOUND_BITS]; /* lately, by hash of host */
	struct tr_page *pages[1u << PAGE_HASH_BITS];
	u64 epoch; /* of foreign writes: raised by each run() */
	u64 random;
	u64 key[2];	   /* what hot.jump_key is when nobody wants us */
	u32 jump_epoch[2]; /* all jumps were dropped so often */
	u64 seen_space, seen_upper, seen_page_flushes[2];
	struct kept_space kept[TLB_CONTEXTS];
	u32 kept_next;
	bool user_upper; /* TR_USER has jumps into the upper half */
	u64 jump_pages[2][JUMP_PAGE_WORDS]; /* a bit for where jumps lead to */
	u32 table_mode[2];     /* what hot.jump[] serves: of the keys of */
	u64 table_cs[2];       /* its units */
	struct making *making; /* owned */
	struct x86_writers writers;
	struct tr_unit *entered; /* with verify: what is about to run */
	u32 last_reason;
	struct tr_unit *plain;	   /* run this next, without shared checks */
	struct tr_exit *link_from; /* the exit just taken: link it if it may */
	u8 heat[1u << HEAT_BITS];
	u32 heat_hand;			  /* which is cooled next; even */
	u8 plain_units[1u << PLAIN_BITS]; /* by hash: no shared checks there */
	u32 next_site[2][2];
	bool full;	       /* there is no room for a unit */
	bool dropped;	       /* units died: do not go on inside one */
	bool page_fault;       /* cpu.exception is what the last fill met */
	int helper_result;     /* of the handler that ended a unit */
	struct verify *verify; /* owned; NULL: nothing is compared */
	u32 verify_due;	       /* units until the next comparison */
	u32 flush_due;	       /* exits until all is dropped */

	/* Generated once: executable addresses. */
	u8 *enter_code;		/* (entry) -> enum exit_reason */
	u8 *stub_miss[2][2][2]; /* [table][write][strict]; writable view */
	u8 *stub_helper, *stub_transfer, *stub_indirect, *stub_direct_host,
		*stub_direct_saved, *stub_tier0_host, *stub_tier0_saved,
		*stub_stack[2], *stub_fpu, *stub_fault, *leave;
};

static inline u64 executable(const struct translator *tr, const u8 *code)
{
	return (u64)(uintptr_t)code + (u64)(tr->code_exec - tr->code);
}

/* What is told to translator_fill(), and its answers. */
enum {
	FILL_WRITE = 1,
	FILL_STRICT = 2, /* it must come into the TLB */

	FILL_FAILED = 0,
	FILL_DONE = 1,	    /* the TLB has the page */
	FILL_ELSEWHERE = 2, /* hot.fill_delta leads to it, this once */
	BOUNCE_MAX = 64,    /* bytes */
};

/* Why generated code came back. */
enum exit_reason {
	EXIT_DIRECT,   /* exit_arg: struct tr_exit */
	EXIT_INDIRECT, /* hot.rip */
	EXIT_TIER0,    /* exit_arg: offset in page of one instruction to run */
	EXIT_HELPER,   /* helper_result */
	EXIT_FAULT,    /* exit_arg: host address that struck */
	EXIT_STACK,    /* exit_arg: host address of the stack's failed check */
	EXIT_SPAN, /* exit_arg: host address of a failed check for several */
};

/* One guest instruction of the unit being made. */
struct tr_insn {
	struct insn in;
	u16 offset;	    /* in its page */
	u16 live;	    /* flags read after it, before they are written */
	u16 live_in;	    /* … before it */
	u16 reads, writes;  /* arithmetic flags */
	u16 live_at_target; /* … where a branch leads to */
	u32 written;	    /* plan_gprs_written() */
	/* The bytes around its base register that its check should cover, since
	 * later accesses will be there. */
	bool span_shared;
	s32 span_low, span_high;
};

/* A check was made for the bytes [low, high) from a base register on. */
struct span_right {
	s32 slot; /* which has the page; 0: no such check */
	s32 low, high;
};

/* What a scratch register holds: a guest register R12..R15, or */
enum {
	HOLDS_NOTHING,
	HOLDS_STACK, /* R15: the stack page's host - guest */
};

/* The state of one translation. */
struct making {
	struct translator *tr;
	struct emit e;
	struct tr_unit *unit;
	u64 page;      /* CPL 0: linear address of the page */
	bool absolute; /* `page` is known: CPL 0, or keyed */
	u32 table;     /* TR_USER, TR_SYSTEM */
	u32 code_size; /* enum code_size */
	u64 linear_mask;
	bool keyed;	       /* not 64-bit: to cs_base and cs_limit */
	bool stack32;	       /* not 64-bit: SS.B */
	u32 cs_base, cs_limit; /* 0 and the highest if not keyed */
	u8 reach[SEG_SLOTS];   /* not 64-bit: enum reach */
	u32 count;	       /* instructions */
	u32 at;		       /* the one being written */
	u8 flags_at;
	u16 live_at_end; /* flags wanted by what follows the last one */
	u8 *loop;	 /* behind the head's checks; NULL: not to be used */
	/* The stack. */
	bool stack_shared; /* the check at the head covers [low, high) */
	bool sp_known;	   /* sp_offset is RSP now minus RSP at the head */
	s32 sp_offset, lag;
	s32 undo;    /* of RSP, if a direct target proves impossible */
	bool at_end; /* the exit behind the last instruction, no branch */
	s32 low, high;
	/* Scratch registers R13, R14, R15. */
	u8 holds[3];
	u8 last_used;
	u32 pinned;	/* registers of the operands at hand: BIT(host) */
	s32 delta_slot; /* R14 is what this slot holds; 0: it is not */
	struct span_right right[2][16]; /* [write][base] */
	bool fpu_ready;	   /* the guest's vector state is in the host */
	bool faults_first; /* as in tr_map, of the access being written */
	u32 exit_count, map_count, cold_count;
	struct tr_insn insn[UNIT_INSNS_MAX];
	struct tr_exit exit[UNIT_EXITS_MAX];
	struct tr_map map[UNIT_MAP_MAX];
	struct cold {
		u8 kind; /* enum cold_kind */
		u8 flags_at;
		bool faults_first;
		u16 offset; /* guest instruction */
		s32 lag;
		u8 *from; /* the distance to fill */
		u8 *back; /* where to go on */
		u8 *stub;
		u64 arg;
	} cold[UNIT_MAP_MAX];
};

enum cold_kind {
	COLD_MISS,     /* a slot does not hold the page: arg = slot and size */
	COLD_TIER0,    /* run the instruction on tier 0 */
	COLD_EXIT,     /* the stub of exit number arg */
	COLD_CALL,     /* call stub, then back */
	COLD_STACK,    /* the shared stack check failed */
	COLD_INDIRECT, /* the table of jumps does not have it: arg = undo */
};

/* cache.c */
bool cache_create(struct translator *tr);
void cache_free(struct translator *tr);
void *meta_alloc(struct translator *tr, size_t bytes); /* NULL: full */
struct tr_unit *unit_alloc(struct translator *tr);
struct tr_unit *unit_found(const struct translator *tr,
			   const struct unit_key *key);
struct tr_unit *unit_find(struct translator *tr, const struct unit_key *key);
void unit_insert(struct translator *tr, struct tr_unit *unit);
void unit_make_plain(struct translator *tr, struct tr_unit *unit);
bool unit_is_plain(const struct translator *tr, u64 host);
struct tr_unit *unit_by_code(const struct translator *tr, u64 pc);
void exit_link(struct tr_exit *exit, struct tr_unit *to);
struct tr_page *page_find(const struct translator *tr, u64 host_page);
bool page_verify(struct translator *tr, u64 host_page);
void translator_distrust(struct translator *tr, u64 host_page);
void jumps_reset(struct translator *tr, u32 table);
void jump_forget(struct translator *tr, struct tr_unit *unit); /* enter.c */
void slots_reset(struct translator *tr, u32 table);
void slots_create(struct translator *tr);
void slots_forget_writes(struct translator *tr);

/* space.c: what the tables keep when mappings change. */
void space_changed(struct translator *tr);
void space_upper_flushed(struct translator *tr);
void space_pages_flushed(struct translator *tr, u32 half);
void space_jump_noted(struct translator *tr, u32 table, u64 rip);
u64 random_next(struct translator *tr);

u32 unit_crc(const u8 *bytes, u32 count);
u32 unit_crc_now(const struct tr_unit *unit);

/* verify.c. Runs one unit on tier 0 and as translated: EXIT_*, with the state of
 * the latter; X86_UNHANDLED is noted when they differ. */
bool verify_create(struct translator *tr);
void verify_free(struct translator *tr);
bool verify_before(struct translator *tr, const struct tr_unit *unit);
bool verify_after(struct translator *tr, u32 reason);

/* stubs.c */
void stubs_make(struct translator *tr);

/* scan.c */
bool insn_leaves(const struct insn *in);
bool insn_uses_stack(const struct insn *in);
bool scan(struct making *m, const u8 *host, const u8 *second);

/* make.c. NULL: cannot be translated (now). */
struct tr_unit *unit_make(struct translator *tr, const struct unit_key *key,
			  const u8 *second);

/* state.c: flags, stack, exits of a translation. */
void flags_want_saved(struct making *m);
void flags_want_host(struct making *m);
void flags_destroyed(struct making *m);
void sp_settle(struct making *m); /* R12 is the guest's RSP */
void map_here(struct making *m);
void cold_add(struct making *m, struct cold cold);
/* `live`: flags that are wanted there. */
void exit_direct(struct making *m, s64 target, u16 live);
/* Taken when `cond` holds; the flags are in the host. */
void exit_conditional(struct making *m, u8 cond, s64 target, u16 live);
bool exit_is_near(s64 target);
/* Target in R14; RSP goes back by `undo` if the target proves impossible. */
void exit_indirect(struct making *m, s32 undo);
void exit_tier0(struct making *m);
void emit_address_of(struct making *m, u8 reg, s64 offset);
void emit_rip_of(struct making *m, u8 reg, s64 offset);
void emit_lea_for(struct making *m, u8 reg, struct place memory);
/* `scratch` keeps RAX meanwhile. */
void emit_flags_save(struct emit *e, u8 scratch);
void emit_flags_restore(struct emit *e, u8 scratch);

/* regs.c */
bool gpr_in_memory(u32 reg);
u8 gpr_host(struct making *m, u32 reg);
u8 gpr_new(struct making *m, u32 reg);
void gpr_written(struct making *m, u32 reg, u8 host);
bool gpr_not_held(struct making *m, u32 reg);
void scratch_pin(struct making *m, u8 host);
void scratch_unpin(struct making *m, u8 host);
u32 scratch_free_count(const struct making *m);
void scratch_take(struct making *m, u8 scratch);
void scratch_forget(struct making *m);
u8 scratch_pick(struct making *m);

/* access.c */
void access_effective(struct making *m, const struct insn *in, u8 host);
void flags_make_way(struct making *m);
bool access_is_simple(const struct insn *in);
struct place access_place(struct making *m, const struct insn *in, u32 bytes,
			  bool write);
struct place access_stack(struct making *m, s32 relative, u32 bytes, bool write);
/* The operand at the address in `host`, which lacks its segment; its place is R14
 * alone. */
struct place access_linear(struct making *m, const struct insn *in, u8 host,
			   u32 bytes, bool write, bool locked);
struct place access_in_one(struct making *m, struct place p);
void access_locked(struct making *m, u32 bytes);

/* plan.c */
void plan(struct making *m);
void plan_insn_done(struct making *m, const struct tr_insn *t);

/* copy.c: false: not this one. */
bool copy_insn(struct making *m, const struct tr_insn *t);
u32 copy_memory_bytes(const struct insn *in);
u32 copy_gprs_named(const struct insn *in);

/* flow.c: false: not this one. */
s32 stack_adjustment(const struct making *m, const struct insn *in);
u32 flow_memory_bytes(const struct insn *in);
bool flow_insn(struct making *m, const struct tr_insn *t);
void sp_move(struct making *m, s32 delta);
bool flow_adjust(struct making *m, const struct tr_insn *t);

/* small.c: what differs in code that is not 64-bit. */
bool code_keyed(const struct x86_cpu *cpu);
u32 mode_now(const struct x86_cpu *cpu);
struct unit_key key_now(const struct x86_cpu *cpu, u64 host, u32 extra_mode);
void small_begin(struct making *m);
u32 small_room(const struct making *m); /* bytes of code up to CS's limit */
bool small_stack_flat(const struct making *m);
bool small_loads_segment(const struct insn *in);
/* Copied in other words, though its row is not marked so. */
bool small_copies(const struct insn *in);
bool small_reachable(const struct making *m, const struct insn *in);
/* R14 = linear address of the offset there; flags are destroyed. */
void small_linear(struct making *m, u32 seg, u32 bytes);
bool small_moffs(struct making *m, const struct insn *in);
bool small_flow(struct making *m, const struct tr_insn *t);
bool small_target(const struct making *m, const struct tr_insn *t, s64 *ret);

/* What CS adds to RIP. */
static inline u64 code_base(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_64 ? 0 : cpu->segment_base[SEG_CS];
}

static inline u64 code_linear(const struct x86_cpu *cpu)
{
	return (code_base(cpu) + RIP(cpu)) & cpu->linear_mask;
}

/* The other way round. */
static inline void code_go(struct x86_cpu *cpu, u64 linear)
{
	RIP(cpu) = (linear - code_base(cpu)) & cpu->linear_mask;
}

/* Is the running code shared by all places that it is mapped at? */
static inline bool code_floats(const struct x86_cpu *cpu)
{
	return cpu->cpl == 3 && !code_keyed(cpu);
}

/* enter.c: where code for RIP begins, if the table of jumps has it; else 0. */
u64 entry_known(struct translator *tr);

/* inline.c. False: not this one, or not here. */
bool inline_insn(struct making *m, const struct tr_insn *t);
bool inline_is_plain(const struct insn *in);
bool inline_is_flagless(const struct insn *in);

/* helper.c */
void helper_insn(struct making *m, const struct tr_insn *t);
bool helper_keeps_shadow(struct making *m);
void flags_load(struct soft_vcpu *vcpu, u64 ax);
u64 flags_word(u64 rflags);
/* May translated code run in the state that the guest is in? */
bool translatable(const struct translator *tr);
bool translator_undisturbed(const struct soft_vcpu *vcpu);
bool translator_goes_on(const struct insn *in);
bool translator_needs_fpu(const struct insn *in);
void translator_tables_sync(struct translator *tr);
int translator_helper(struct soft_vcpu *vcpu, const struct insn *in);
u64 translator_transfer(struct soft_vcpu *vcpu, const struct insn *in);
u64 translator_fill(struct soft_vcpu *vcpu, u64 address, u64 size, u64 how);
u64 translator_fpu_load(struct soft_vcpu *vcpu);
u64 translator_stack_miss(struct soft_vcpu *vcpu, u64 low, u64 bytes, u64 unit);

#endif
