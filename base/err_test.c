/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include "base/test.h"

TEST(trace_err_returns_its_argument_and_remembers_the_place)
{
	int line = __LINE__ + 1;
	int err = trace_err(-ENOENT);

	check_eq(err, -ENOENT);
	check_eq(err_last()->err, -ENOENT);
	check_eq(err_last()->line, line);
	check_str_eq(err_last()->file, __FILE__);
}

TEST(a_wrapped_fault_reads_from_the_outside_in)
{
	struct fault f = {};
	char text[256];

	check_eq(fault_set(&f, FAULT_IO, -EIO, "cannot read '%s'", "x"), -EIO);
	check_eq(fault_wrap(&f, -EINVAL, "disk %d", 3), -EINVAL);
	fault_format(&f, text, sizeof(text));
	check_str_eq(text, "disk 3: cannot read 'x': Input/output error");
	check_eq(f.class, FAULT_IO);
	check_eq(f.err, -EIO);
}

TEST(a_full_chain_keeps_the_cause_and_the_outermost_message)
{
	struct fault f = {};

	fault_set(&f, FAULT_IO, -EIO, "cause");
	for (int i = 0; i < 2 * FAULT_CHAIN_MAX; i++)
		fault_wrap(&f, -EIO, "level %d", i);
	check_eq(f.count, FAULT_CHAIN_MAX);
	check_str_eq(f.text[0], "cause");
	check_str_eq(f.text[FAULT_CHAIN_MAX - 1], "level 11");
}

TEST(long_messages_are_cut_and_stay_terminated)
{
	struct fault f = {};
	char text[16];

	fault_set(&f, FAULT_IO, 0, "%0*d", 2 * FAULT_TEXT_BYTES_MAX, 1);
	check_eq(strlen(f.text[0]), FAULT_TEXT_BYTES_MAX - 1);
	check_eq(fault_format(&f, text, sizeof(text)), FAULT_TEXT_BYTES_MAX - 1);
	check_eq(strlen(text), sizeof(text) - 1);
}

TEST(no_fault_to_fill_is_accepted_everywhere)
{
	char text[32];

	check_eq(fault_set(NULL, FAULT_IO, -EIO, "x"), -EIO);
	check_eq(fault_wrap(NULL, -EIO, "x"), -EIO);
	fault_clear(NULL);
	check(!fault_is_set(NULL));
	fault_format(NULL, text, sizeof(text));
	check_str_eq(text, "no fault");
	fault_format(NULL, NULL, 0);
}

TEST(every_class_has_a_name_of_its_own)
{
	for (int a = 0; a < FAULT_CLASS_COUNT; a++)
		for (int b = 0; b < a; b++)
			check(strcmp(fault_class_name(a), fault_class_name(b)));
}
