/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include "base/err.h"
#include "base/test.h"

static int parse(const char *text, u64 *ret_value)
{
	return str_parse_u64(str_of(text), ret_value);
}

TEST(decimal_and_hexadecimal_numbers_parse)
{
	u64 value;

	check_eq(parse("0", &value), 0);
	check_eq(value, 0);
	check_eq(parse("18446744073709551615", &value), 0);
	check_eq(value, UINT64_MAX);
	check_eq(parse("0xFfFfffffffffffff", &value), 0);
	check_eq(value, UINT64_MAX);
}

TEST(a_number_beyond_64_bits_is_a_range_error)
{
	u64 value = 7;

	check_eq(parse("18446744073709551616", &value), -ERANGE);
	check_eq(parse("0x10000000000000000", &value), -ERANGE);
	check_eq(value, 7);
}

TEST(signs_blanks_and_stray_letters_are_not_numbers)
{
	u64 value;

	check_eq(parse("", &value), -EINVAL);
	check_eq(parse("0x", &value), -EINVAL);
	check_eq(parse("-1", &value), -EINVAL);
	check_eq(parse("+1", &value), -EINVAL);
	check_eq(parse(" 1", &value), -EINVAL);
	check_eq(parse("12a", &value), -EINVAL);
	check_eq(parse("99999999999999999999z", &value), -EINVAL);
}

TEST(size_suffixes_are_powers_of_1024)
{
	u64 bytes;

	check_eq(str_parse_size(str_of("3"), &bytes), 0);
	check_eq(bytes, 3);
	check_eq(str_parse_size(str_of("4k"), &bytes), 0);
	check_eq(bytes, 4096);
	check_eq(str_parse_size(str_of("512M"), &bytes), 0);
	check_eq(bytes, 512 * MiB);
	check_eq(str_parse_size(str_of("2G"), &bytes), 0);
	check_eq(bytes, 2 * GiB);
	check_eq(str_parse_size(str_of("1T"), &bytes), 0);
	check_eq(bytes, TiB);
}

TEST(a_size_that_overflows_its_suffix_is_a_range_error)
{
	u64 bytes;

	check_eq(str_parse_size(str_of("16777215T"), &bytes), 0);
	check_eq(str_parse_size(str_of("16777216T"), &bytes), -ERANGE);
	check_eq(str_parse_size(str_of("K"), &bytes), -EINVAL);
	check_eq(str_parse_size(str_of("1KK"), &bytes), -EINVAL);
	check_eq(str_parse_size(str_of(""), &bytes), -EINVAL);
}

TEST(splitting_walks_every_part_and_empty_parts_count)
{
	struct str rest = str_of("a,,bc"), part;

	check(str_split(&rest, ',', &part));
	check(str_eq_c(part, "a"));
	check(str_split(&rest, ',', &part));
	check(str_eq_c(part, ""));
	check(str_split(&rest, ',', &part));
	check(str_eq_c(part, "bc"));
	check(!str_split(&rest, ',', &part));
}

TEST(trimming_an_all_blank_view_leaves_nothing)
{
	check_eq(str_trim(str_of(" \t\r\n ")).size, 0);
	check(str_eq_c(str_trim(str_of("  x y\n")), "x y"));
}

TEST(a_copy_that_does_not_fit_writes_nothing)
{
	char text[4] = "old";

	check_eq(str_copy(str_of("four"), text, sizeof(text)), -ENOBUFS);
	check_str_eq(text, "old");
	check_eq(str_copy(str_of("new"), text, sizeof(text)), 0);
	check_str_eq(text, "new");
}

TEST(a_prefix_longer_than_the_view_does_not_match)
{
	check(!str_starts(str_of("ab"), "abc"));
	check(str_starts(str_of("abc"), "ab"));
}

TEST(what_a_terminal_obeys_is_not_shown)
{
	char text[] = "a\x1b[2J\tb\x7f\xc3\xa4";

	str_make_printable(text, strlen(text));
	check_str_eq(text, "a?[2J?b?\xc3\xa4");
}
