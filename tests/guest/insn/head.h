/* SPDX-License-Identifier: MIT */
/*
 * The head of an instruction's file: the states before and after it.
 *
 *	adc adds the carry as well. [SDM2 "ADC"]
 *
 *	needs: avx2 bmi1
 *	cpl: 3
 *	undefined: oa
 *	random: rax rcx flags
 *	limited-kvm: 0
 *	in:  rax=0xffffffffffffffff rcx=0 flags=c
 *	out: rax=0 flags=cpaz
 *
 * These are lines of the file's first comment; other lines are prose.
 *
 * `needs` names CPUID features (feature.c), or the vendor. `cpl` runs it at that level
 * only; 0 is never run on the bare CPU. `undefined` lists the flags the manual
 * leaves undefined in the case before it, or in all of them when it stands
 * before the first `in`. `random` lists what the random runs change, with
 * `random-undefined` for their flags (default: as `undefined`).
 *
 * `limited-kvm` names the levels at which a /dev/kvm that the probe calls
 * limited is known to be wrong; there, and only there, a disagreement is
 * counted as skipped.
 *
 * Each `in` begins a case and its `out` follows; both may go over several
 * lines by repeating the key. What `in` does not name has the value of
 * insn_state_init, what `out` does not name must not have changed.
 *
 *	rax=NUMBER		all 16, and mxcsr fcw fsw; fsw without its TOP
 *	rip=NUMBER		out only; default the code's end, or its start
 *				with a fault
 *	flags=LETTERS		the ones of "cpazsdo" that are set; none: flags=
 *	xmm0=HEX or f32:1,2	a 128-bit number, or elements from the lowest;
 *	ymm0=HEX, f64:…		ymm is the same with 256 bits. xmm leaves the
 *				upper half, ymm sets it, with 0 for what lacks
 *	st=1.5,-2,0x…		the x87 stack, ST(0) first, as decimal or as 20
 *				hex digits; st= empties it. TOP becomes 8 less
 *				their number
 *	top=N ftw=NUMBER	after st, for what st cannot say; ftw has a bit
 *				set for each physical register in use
 *	mm0=NUMBER		an MMX register; makes all in use, TOP 0
 *	[data+0x10]=HEX		memory, as wide as there are digits
 *	fault=N error=N cr2=N	out only: exception N at the instruction
 *
 * A NUMBER may be relative: data, stack (RSP at the start) or code, with
 * +number or -number behind it.
 */
#ifndef TESTS_GUEST_INSN_HEAD_H
#define TESTS_GUEST_INSN_HEAD_H

#include "base/err.h"
#include "base/str.h"
#include "base/types.h"
#include "tests/guest/insn/state.h"

#define INSN_CASES_MAX	32
#define INSN_NEEDS_MAX	4
#define INSN_RANDOM_MAX 16
#define INSN_CPL_ANY	4

struct insn_case {
	struct insn_state in, out;
	u64 undefined;
	u32 line; /* of its `in` */
};

/* What a random run changes. */
enum insn_random_kind {
	INSN_RANDOM_GPR,
	INSN_RANDOM_FLAGS,
	INSN_RANDOM_YMM,
	INSN_RANDOM_MEMORY, /* 64 bytes at INSN_DATA + index */
};

struct insn_head {
	const char *needs[INSN_NEEDS_MAX]; /* feature names, static */
	u32 needs_count;
	u32 cpl;	    /* 0, 3, or INSN_CPL_ANY */
	u32 limited_levels; /* bit 0, bit 3 */
	struct {
		enum insn_random_kind kind;
		u32 index;
	} random[INSN_RANDOM_MAX];
	u32 random_count;
	u64 undefined; /* of all cases and of the random runs */
	u64 random_undefined;
	u32 case_count;
	struct insn_case *cases; /* owned, INSN_CASES_MAX of them */
};

/* -EINVAL with the line in the fault; -ENOMEM. code_bytes: for rip's default. */
must_check int insn_head_parse(struct str text, u32 code_bytes,
			       struct insn_head *ret, struct fault *fault);
void insn_head_release(struct insn_head *head);

#endif
