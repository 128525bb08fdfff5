/* SPDX-License-Identifier: MIT */
#include "cli/json_out.h"

#include "base/test.h"

/* The JSON of one text; valid until the next call. */
static const char *text_of(const char *text)
{
	static char out[256];
	struct json_out json = {.out = fmemopen(out, sizeof(out), "w")};

	check(json.out != NULL);
	json_text(&json, NULL, text);
	check_eq(fclose(json.out), 0);
	return out;
}

TEST(what_ends_a_string_is_escaped)
{
	check_str_eq(text_of("a\"b\\c"), "\"a\\\"b\\\\c\"");
	check_str_eq(text_of("\n\x7f"), "\"\\u000a\\u007f\"");
}

TEST(characters_of_all_lengths_are_kept)
{
	check_str_eq(text_of("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

TEST(bytes_that_are_no_character_are_replaced)
{
	check_str_eq(text_of("a\xff"), "\"a\\ufffd\"");
	check_str_eq(text_of("\xc3"), "\"\\ufffd\"");
	check_str_eq(text_of("\xc3("), "\"\\ufffd(\"");
	check_str_eq(text_of("\xc0\x80"), "\"\\ufffd\\ufffd\"");
	check_str_eq(text_of("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
	check_str_eq(text_of("\xf4\x90\x80\x80"),
		     "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	check_str_eq(text_of("\xe2\x82"), "\"\\ufffd\\ufffd\"");
}
