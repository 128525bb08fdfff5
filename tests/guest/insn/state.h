/* SPDX-License-Identifier: MIT */
/*
 * What one instruction can see and change, and how two of them are compared.
 * The same for every way of running: bare CPU, software engine, /dev/kvm.
 */
#ifndef TESTS_GUEST_INSN_STATE_H
#define TESTS_GUEST_INSN_STATE_H

#include <stdio.h>

#include "base/types.h"

/*
 * Linear addresses, the same everywhere; the pages between are not mapped.
 * RSP starts in the middle of the stack, so both directions have room.
 */
#define INSN_CODE	 0x10000000
#define INSN_DATA	 0x10010000
#define INSN_STACK_PAGE	 0x10020000
#define INSN_STACK	 (INSN_STACK_PAGE + 0x800)
#define INSN_CODE_BYTES	 0x1000
#define INSN_DATA_BYTES	 0x2000
#define INSN_STACK_BYTES 0x1000

/* No exception: the code ran to its end. */
#define INSN_NO_VECTOR 255

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, INSN_GPRS = 16 };

/* [SDM1 3.4.3.1 "Status Flags"] and DF; IF, IOPL, RF and the like differ. */
#define INSN_FLAGS 0xcd5

struct insn_state {
	u64 gpr[INSN_GPRS];
	u64 rip;
	u64 rflags; /* INSN_FLAGS of it count */
	u16 fcw, fsw;
	u8 ftw; /* as FXSAVE has it: bit i = physical register i is in use */
	u32 mxcsr;
	u8 st[8][10]; /* ST(i), as FXSAVE has them */
	u8 ymm[16][32];
	u8 data[INSN_DATA_BYTES];
	u8 stack[INSN_STACK_BYTES];
	/* How it ended. */
	u8 vector;
	u32 error; /* 0 where the vector has none */
	u64 cr2;   /* with vector 14, else 0 */
};

extern const char *const insn_gpr_name[INSN_GPRS];

/* Recognisable values everywhere; x87 as after FNINIT. */
void insn_state_init(struct insn_state *state);

/*
 * Prints a line per difference, each after `title`, and returns their number
 * (nothing is printed when out is NULL). Flags in `undefined` do not count;
 * nor do the contents of empty x87 registers.
 */
u32 insn_state_compare(const struct insn_state *got,
		       const struct insn_state *want, u64 undefined,
		       const char *title, FILE *out);

/* "cpo" for CF, PF, OF and so on; text of at least 8 bytes. */
void insn_flags_format(u64 rflags, char text[8]);
/* The letters' bits, or UINT64_MAX when a letter is none. */
u64 insn_flags_parse(const char *letters, size_t size);

/*
 * The state's x87, SSE and AVX part to and from an XSAVE area in the standard
 * format of at least 832 bytes. [SDM1 13.4 "XSAVE Area"] Bytes that hold
 * something else are kept. has_avx: the upper halves are there.
 */
void insn_state_to_xsave(const struct insn_state *state, u8 *area, bool has_avx);
void insn_state_from_xsave(struct insn_state *state, const u8 *area);

#endif
