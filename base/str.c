/* SPDX-License-Identifier: MIT */
/* String views and number parsing: see str.h. */
#include "base/str.h"

#include <string.h>

#include "base/err.h"

struct str str_of(const char *text)
{
	return str_make(text, strlen(text));
}

struct str str_make(const char *data, size_t size)
{
	return (struct str){data, size};
}

bool str_eq(struct str a, struct str b)
{
	return a.size == b.size &&
	       (a.size == 0 || !memcmp(a.data, b.data, a.size));
}

bool str_eq_c(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

bool str_starts(struct str s, const char *prefix)
{
	return str_eq_c(str_sub(s, 0, strlen(prefix)), prefix);
}

struct str str_sub(struct str s, size_t from, size_t to)
{
	to = MIN(to, s.size);
	from = MIN(from, to);
	return str_make(s.data + from, to - from);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s)
{
	while (s.size && is_blank(s.data[s.size - 1]))
		s.size--;
	while (s.size && is_blank(s.data[0]))
		s = str_sub(s, 1, s.size);
	return s;
}

size_t str_find(struct str s, char c)
{
	size_t i = 0;

	while (i < s.size && s.data[i] != c)
		i++;
	return i;
}

bool str_split(struct str *rest, char separator, struct str *ret_part)
{
	size_t end = str_find(*rest, separator);

	if (!rest->size)
		return false;
	*ret_part = str_sub(*rest, 0, end);
	*rest = str_sub(*rest, end + 1, rest->size);
	return true;
}

int str_copy(struct str s, char *text, size_t size)
{
	if (s.size >= size)
		return trace_err(-ENOBUFS);
	if (s.size)
		memcpy(text, s.data, s.size);
	text[s.size] = '\0';
	return 0;
}

static int digit_value(char c, unsigned int base)
{
	int value = -1;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	return value < (int)base ? value : -1;
}

int str_parse_u64(struct str s, u64 *ret_value)
{
	unsigned int base = 10;
	u64 value = 0;

	if (str_starts(s, "0x") || str_starts(s, "0X")) {
		base = 16;
		s = str_sub(s, 2, s.size);
	}
	if (!s.size)
		return trace_err(-EINVAL);
	for (size_t i = 0; i < s.size; i++)
		if (digit_value(s.data[i], base) < 0)
			return trace_err(-EINVAL);
	for (size_t i = 0; i < s.size; i++) {
		u64 digit = (u64)digit_value(s.data[i], base);

		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return trace_err(-ERANGE);
	}
	*ret_value = value;
	return 0;
}

int str_parse_size(struct str s, u64 *ret_bytes)
{
	static const char suffix[] = "kmgt";
	unsigned int shift = 0;
	u64 value;
	int err;

	if (s.size) {
		char last = (char)(s.data[s.size - 1] | 0x20);
		const char *at = memchr(suffix, last, sizeof(suffix) - 1);

		if (at) {
			shift = 10 * (unsigned int)(at - suffix + 1);
			s.size--;
		}
	}
	err = str_parse_u64(s, &value);
	if (err)
		return err;
	if (value > UINT64_MAX >> shift)
		return trace_err(-ERANGE);
	*ret_bytes = value << shift;
	return 0;
}

void str_make_printable(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}
