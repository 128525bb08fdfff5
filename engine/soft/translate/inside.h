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

#define UNIT_INSNS_MAX 48
#define UNIT_CODE_MAX  (48u << 10) /* bytes of host code, at the very most */
#define UNIT_META_MAX  (32u << 10)
#define UNIT_MAP_MAX   (4 * UNIT_INSNS_MAX)
#define UNIT_EXITS_MAX (2 * UNIT_INSNS_MAX)
#define CODE_BYTES     (32u << 20)
#define META_BYTES     (16u << 20)
#define HASH_BITS      14
#define PAGE_HASH_BITS 11
#define THRESHOLD      12
#define HEAT_BITS      14

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

/* The mode word of a unit: x86_cpu.block_mode and, above it, */
enum {
	MODE_NO_STACK = 1u << 28, /* without the shared check of the stack */
};

struct tr_unit;

/* A direct way out of a unit. */
struct tr_exit {
	struct tr_unit *from; /* the unit it belongs to */
	struct tr_unit *to;   /* linked to; NULL: not */
	struct tr_exit *next; /* of those linked to the same unit */
	s32 target;	      /* relative to the unit's page */
	u32 field;	      /* the jump's distance, from the unit's code */
	u32 stub : 24;	      /* where it goes while not linked, likewise */
	u32 flags_at : 8;     /* where the flags are when it is taken */
};

/* What the guest's state is at a place of the host code that may fault. */
struct tr_map {
	u16 code;    /* offset from the unit's code */
	u16 offset;  /* of the guest instruction in its page */
	s16 lag;     /* guest RSP = R12 + lag */
	u8 flags_at; /* enum flags_at */
};

struct tr_unit {
	u64 host; /* address of its first guest byte */
	u64 rip;  /* its linear address; CPL 3: the offset in the page */
	u32 mode; /* block_mode | MODE_* */
	u32 crc;  /* of its bytes */
	u16 bytes, exit_count, map_count;
	u16 undefined; /* flags that some instruction leaves so */
	bool dead;
	bool calls;	   /* handlers of tier 0 */
	bool stack_writes; /* to what its shared check covers, come what may */
	u8 *code;	   /* writable view */
	u32 code_bytes;
	u8 *entry_host, *entry_saved;
	struct tr_unit *hash_next, *page_next;
	u64 host2; /* of the second page, if its one instruction crosses */
	struct tr_unit *cross_next; /* in that page's list */
	struct tr_exit *links;	    /* exits that jump here */
	struct tr_exit *exit;	    /* [exit_count] */
	struct tr_map *map;	    /* [map_count], by code */
	struct tr_unit *plain; /* the same without the stack's shared check */
};

/* The units of one page of host memory. */
struct tr_page {
	u64 host;
	struct tr_page *next;
	struct tr_unit *units;
	struct tr_unit *crossers; /* units that end in this page */
	u64 verified;		  /* in which of translator.epoch */
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
	struct tr_page *pages[1u << PAGE_HASH_BITS];
	u64 epoch; /* of foreign writes: raised by each run() */
	u64 random;
	u64 key[2]; /* what hot.jump_key is when nobody wants us */
	u64 seen_generation[2], seen_page_flushes[2];
	u32 table_mode[2];     /* block_mode that hot.jump[] serves */
	struct making *making; /* owned */
	struct x86_writers writers;
	struct tr_unit *entered; /* with verify: what is about to run */
	u32 last_reason;
	struct tr_unit *plain; /* run this next, without the stack's check */
	struct tr_exit *link_from; /* the exit just taken: link it if it may */
	u8 heat[1u << HEAT_BITS];
	u32 next_site[2][2];
	bool full;	       /* there is no room for a unit */
	bool dropped;	       /* units died: do not go on inside one */
	int helper_result;     /* of the handler that ended a unit */
	struct verify *verify; /* owned; NULL: nothing is compared */
	u32 verify_due;	       /* units until the next comparison */

	/* Generated once: executable addresses. */
	u8 *enter_code;		/* (entry) -> enum exit_reason */
	u8 *stub_miss[2][2][8]; /* [table][write][log2 size]; writable view */
	u8 *stub_helper, *stub_indirect, *stub_direct_host, *stub_direct_saved,
		*stub_tier0_host, *stub_tier0_saved, *stub_stack[2], *stub_fpu,
		*stub_fault, *leave;
};

static inline u64 executable(const struct translator *tr, const u8 *code)
{
	return (u64)(uintptr_t)code + (u64)(tr->code_exec - tr->code);
}

/* Why generated code came back. */
enum exit_reason {
	EXIT_DIRECT,   /* exit_arg: struct tr_exit */
	EXIT_INDIRECT, /* hot.rip */
	EXIT_TIER0,    /* exit_arg: offset in page of one instruction to run */
	EXIT_HELPER,   /* helper_result */
	EXIT_FAULT,    /* exit_arg: host address that struck */
	EXIT_STACK,    /* exit_arg: struct tr_unit whose stack check failed */
};

/* One guest instruction of the unit being made. */
struct tr_insn {
	struct insn in;
	u16 offset;	   /* in its page */
	u16 live;	   /* flags read after it, before they are written */
	u16 live_in;	   /* … before it */
	u16 reads, writes; /* arithmetic flags */
};

/* The state of one translation. */
struct making {
	struct translator *tr;
	struct emit e;
	struct tr_unit *unit;
	u64 page;      /* CPL 0: linear address of the page */
	bool absolute; /* `page` is known: CPL 0 */
	u32 table;     /* TR_USER, TR_SYSTEM */
	u32 code_size; /* enum code_size */
	u32 count;     /* instructions */
	u32 at;	       /* the one being written */
	u8 flags_at;
	/* The stack. */
	bool stack_shared; /* the check at the head covers [low, high) */
	bool stack_delta;  /* R15 holds the stack page's host - guest */
	bool sp_known;	   /* sp_offset is RSP now minus RSP at the head */
	s32 sp_offset, lag;
	s32 undo; /* of RSP, if a direct target proves impossible */
	s32 low, high;
	bool fpu_ready; /* the guest's vector state is in the host */
	u32 exit_count, map_count, cold_count;
	struct tr_insn insn[UNIT_INSNS_MAX];
	struct tr_exit exit[UNIT_EXITS_MAX];
	struct tr_map map[UNIT_MAP_MAX];
	struct cold {
		u8 kind; /* enum cold_kind */
		u8 flags_at;
		u16 offset; /* guest instruction */
		s32 lag;
		u8 *from; /* the distance to fill */
		u8 *back; /* where to go on */
		u8 *stub;
		u64 arg;
	} cold[UNIT_MAP_MAX];
};

enum cold_kind {
	COLD_MISS,     /* a site's slot does not hold the page: arg = slot */
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
struct tr_unit *unit_find(const struct translator *tr, u64 host, u64 rip,
			  u32 mode);
void unit_insert(struct translator *tr, struct tr_unit *unit);
struct tr_unit *unit_by_code(const struct translator *tr, u64 pc);
void exit_link(struct tr_exit *exit, struct tr_unit *to);
struct tr_page *page_find(const struct translator *tr, u64 host_page);
bool page_verify(struct translator *tr, u64 host_page);
void translator_distrust(struct translator *tr, u64 host_page);
void jumps_reset(struct translator *tr, u32 table);
void slots_reset(struct translator *tr, u32 table);
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
bool scan(struct making *m, const u8 *host, const u8 *second);

/* make.c. NULL: cannot be translated (now). */
struct tr_unit *unit_make(struct translator *tr, u8 *host, const u8 *second,
			  u32 mode);

/* state.c: flags, stack, exits of a translation. */
void flags_want_saved(struct making *m);
void flags_want_host(struct making *m);
void flags_destroyed(struct making *m);
void sp_settle(struct making *m); /* R12 is the guest's RSP */
void map_here(struct making *m);
void cold_add(struct making *m, struct cold cold);
void exit_direct(struct making *m, s64 target);
/* Taken when `cond` holds; the flags are in the host. */
void exit_conditional(struct making *m, u8 cond, s64 target);
/* Target in R14; RSP goes back by `undo` if the target proves impossible. */
void exit_indirect(struct making *m, s32 undo);
void exit_tier0(struct making *m);
void emit_address_of(struct making *m, u8 reg, s64 offset);
void emit_flags_save(struct emit *e);
void emit_flags_restore(struct emit *e);

/* access.c */
/* R14 = linear address of the operand; no flag changes. */
void access_address(struct making *m, const struct insn *in);
struct place access_place(struct making *m, const struct insn *in, u32 bytes,
			  bool write);
struct place access_stack(struct making *m, s32 relative, u32 bytes, bool write);
u8 gpr_host(struct making *m, u32 reg, u8 scratch); /* loads R12..R15 */
bool gpr_in_memory(u32 reg);

/* copy.c: false: not this one. */
bool copy_insn(struct making *m, const struct tr_insn *t);
u32 copy_memory_bytes(const struct insn *in);

/* flow.c: false: not this one. */
s32 stack_adjustment(const struct insn *in);
bool flow_insn(struct making *m, const struct tr_insn *t);
/* helper.c */
void helper_insn(struct making *m, const struct tr_insn *t);
void flags_load(struct soft_vcpu *vcpu, u64 ax);
u64 flags_word(u64 rflags);
/* May translated code run in the state that the guest is in? */
bool translatable(const struct translator *tr);
bool translator_goes_on(const struct insn *in);
bool translator_needs_fpu(const struct insn *in);
void translator_tables_sync(struct translator *tr);
int translator_helper(struct soft_vcpu *vcpu, const struct insn *in);
u64 translator_fill(struct soft_vcpu *vcpu, u64 address, u64 size_write);
u64 translator_fpu_load(struct soft_vcpu *vcpu);
u64 translator_stack_miss(struct soft_vcpu *vcpu, u64 low, u64 bytes, u64 unit);

#endif
