/* SPDX-License-Identifier: MIT */
/*
 * Lists of allowed system calls as programs for the kernel's seccomp.
 *
 * A program compares the call's number by binary search, and where a rule asks
 * for more, the low half of one argument: the calls that such rules are for
 * (ioctl, prctl, clone, ...) take no notice of the upper half, or refuse it.
 * Calls of the 32-bit and x32 entries are refused whatever their number.
 */
#ifndef VMM_JAIL_FILTER_H
#define VMM_JAIL_FILTER_H

#include <linux/filter.h>

#include "base/types.h"

#define FILTER_RULES_MAX 128
#define FILTER_INSNS_MAX 1024

enum filter_test {
	FILTER_ANY,	/* whatever the arguments are */
	FILTER_EQUAL,	/* the argument is `value` */
	FILTER_TYPE,	/* an ioctl's type, its bits 8 to 15, is `value` */
	FILTER_WITHOUT, /* the argument has no bit of `value` */
};

struct filter_rule {
	u32 number; /* of the call */
	enum filter_test test;
	u32 arg; /* index, 0 to 5 */
	u32 value;
};

struct filter {
	u16 count;
	struct sock_filter insn[FILTER_INSNS_MAX];
};

/*
 * Allows what one of the `count` rules allows, and answers `refusal`, a
 * SECCOMP_RET_ value, to everything else. Rules are in ascending order of their
 * numbers, at most FILTER_RULES_MAX; those of one number are alternatives.
 */
void filter_make(const struct filter_rule *rules, u32 count, u32 refusal,
		 struct filter *ret);

#endif
