/* SPDX-License-Identifier: MIT */
/*
 * String views: a pointer and a size, not terminated, never owning. And the
 * one place where text becomes numbers.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/types.h"

struct str {
	const char *data; /* borrowed; need not be NULL even when empty */
	size_t size;
};

/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).size, (s).data

struct str str_of(const char *text);
struct str str_make(const char *data, size_t size);

bool str_eq(struct str a, struct str b);
bool str_eq_c(struct str a, const char *b);
bool str_starts(struct str s, const char *prefix);

/* The view between `from` and `to`, both cut to the size. */
struct str str_sub(struct str s, size_t from, size_t to);
/* Without blanks, tabs and line ends at both ends. */
struct str str_trim(struct str s);
/* Index of the first `c`, or s.size. */
size_t str_find(struct str s, char c);
/*
 * Takes the part up to `separator` off the front of *rest. False when *rest
 * was empty; "a," yields "a" only.
 */
bool str_split(struct str *rest, char separator, struct str *ret_part);
/* Copies and terminates; -ENOBUFS, writing nothing, if it does not fit. */
must_check int str_copy(struct str s, char *text, size_t size);

/* In place: a stranger's text must not steer the terminal it is shown on. */
void str_make_printable(char *text, size_t size);

/*
 * The whole view as a number, decimal or 0x hexadecimal, no sign, no blanks.
 * -EINVAL when it is none, -ERANGE beyond 64 bits.
 */
must_check int str_parse_u64(struct str s, u64 *ret_value);
/* The same with an optional suffix K, M, G or T (also k m g t) = 1024^n. */
must_check int str_parse_size(struct str s, u64 *ret_bytes);

#endif
