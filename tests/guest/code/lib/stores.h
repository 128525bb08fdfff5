/* SPDX-License-Identifier: MIT */
/* What stores.S offers, and the test that goes through all of it. */
#ifndef TESTS_GUEST_CODE_LIB_STORES_H
#define TESTS_GUEST_CODE_LIB_STORES_H

#include "tests/guest/code/lib/hot.h"

enum store_need { NEED_NOTHING, NEED_CX16, NEED_MOVBE, NEED_AVX };

struct store {
	const char *name;
	u8 *code, *site;
	word mask; /* bits of the immediate that it changes */
	word need; /* enum store_need */
};

extern const struct store stores[], stores_end[];
extern u8 stores_code[], stores_code_end[]; /* whole pages */

/*
 * Each kind of store changes the code behind it, seldom and then each time;
 * the code runs `run` bytes from where it was linked, and the stores go to it
 * `write` bytes from there: aliases that the caller has mapped. One check.
 */
void stores_test(word run, word write, const char *where);

#endif
