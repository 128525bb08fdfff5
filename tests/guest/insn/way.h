/* SPDX-License-Identifier: MIT */
/*
 * A way to run one instruction: on the bare CPU, or in a guest of some engine
 * at CPL 0 or 3.
 */
#ifndef TESTS_GUEST_INSN_WAY_H
#define TESTS_GUEST_INSN_WAY_H

#include "base/err.h"
#include "engine/engine.h"
#include "tests/guest/insn/state.h"

#define INSN_WHY_BYTES 160

/* The byte behind the code: ends it everywhere, by #GP or by halting. */
#define INSN_HLT 0xf4

enum insn_result {
	INSN_RAN,    /* to an end or an exception: compare the states */
	INSN_UNABLE, /* this way does not offer it, by its own word: `why` */
	INSN_BROKEN, /* it did what no processor does: `why` */
};

struct insn_way {
	char title[32];		  /* "soft at CPL 3" */
	u32 cpl;		  /* 3 for the bare CPU */
	bool is_limited;	  /* a /dev/kvm that its probe calls so */
	bool has_avx;		  /* the upper halves of ymm are kept */
	struct kvm_cpuid2 *cpuid; /* owned: what it offers */
	/*
	 * Runs code (size bytes, less than a page) from `in`; *out is written
	 * with INSN_RAN, else `why` is.
	 */
	enum insn_result (*run)(struct insn_way *way, const u8 *code, u32 size,
				const struct insn_state *in,
				struct insn_state *out,
				char why[INSN_WHY_BYTES]);
	void (*free)(struct insn_way *way);
};

/* -ENOMEM, or the host's errno. */
must_check int insn_native_create(struct insn_way **ret, struct fault *fault);
/* `e` is borrowed. As the engine's calls. */
must_check int insn_guest_create(struct engine *e, u32 cpl,
				 struct insn_way **ret, struct fault *fault);

#endif
