/* SPDX-License-Identifier: MIT */
/* Numbers, sizes and splitting over any bytes: what parses means itself. */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A number that parses prints to a number that parses to the same. */
static void numbers(struct str s)
{
	char text[32];
	u64 value, again, bytes;
	int n;

	if (str_parse_u64(s, &value) == 0) {
		n = snprintf(text, sizeof(text), "%llu",
			     (unsigned long long)value);
		require(n > 0);
		require(str_parse_u64(str_of(text), &again) == 0);
		require(again == value);
		require(str_parse_size(s, &bytes) == 0 && bytes == value);
	}
	if (str_parse_size(s, &bytes) == 0 && bytes == 0)
		require(str_find(s, '0') < s.size);
}

/* The parts and their separators are the whole. */
static void parts(struct str s)
{
	struct str rest = s, part;
	size_t total = 0;

	while (str_split(&rest, ',', &part)) {
		require(str_find(part, ',') == part.size);
		require(str_trim(part).size <= part.size);
		total += part.size + 1;
	}
	require(total == s.size || total == s.size + 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct str s = str_make((const char *)data, size);

	numbers(s);
	parts(s);
	return 0;
}
