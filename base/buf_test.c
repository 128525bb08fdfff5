/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/err.h"
#include "base/harness_fault.h"
#include "base/test.h"

TEST(appending_up_to_the_maximum_works_and_one_more_byte_does_not)
{
	u8 block[100] = {};
	struct buf b;

	buf_init(&b, 300);
	for (int i = 0; i < 3; i++)
		check_eq(buf_append(&b, block, sizeof(block)), 0);
	check_eq(buf_append_byte(&b, 1), -ENOBUFS);
	check_eq(b.size, 300);
	buf_release(&b);
	buf_release(NULL);
}

TEST(a_failed_append_changes_nothing)
{
	struct buf b;

	buf_init(&b, 4);
	check_eq(buf_append_str(&b, "abc"), 0);
	check_eq(buf_append_str(&b, "de"), -ENOBUFS);
	check_eq(buf_printf(&b, "%d", 100), -ENOBUFS);
	check_str_eq(buf_cstr(&b), "abc");
	buf_release(&b);
}

TEST(printf_appends_exactly_and_fills_to_the_brim)
{
	struct buf b;

	buf_init(&b, 8);
	check_eq(buf_printf(&b, "%s", "1234"), 0);
	check_eq(buf_printf(&b, "%04d", 56), 0);
	check_str_eq(buf_cstr(&b), "12340056");
	check_eq(b.size, 8);
	buf_release(&b);
}

TEST(consuming_moves_the_rest_to_the_front)
{
	struct buf b;

	buf_init(&b, 64);
	check_eq(buf_append_str(&b, "header:body"), 0);
	buf_consume(&b, 7);
	check_str_eq(buf_cstr(&b), "body");
	buf_consume(&b, 4);
	check_eq(b.size, 0);
	check_str_eq(buf_cstr(&b), "");
	buf_release(&b);
}

TEST(growth_keeps_the_content)
{
	struct buf b;

	buf_init(&b, 100000);
	for (u32 i = 0; i < 100000; i++)
		check_eq(buf_append_byte(&b, (u8)(i * 7)), 0);
	for (u32 i = 0; i < 100000; i++)
		check_eq(b.data[i], (u8)(i * 7));
	buf_release(&b);
}

TEST(a_buffer_without_memory_keeps_what_it_has)
{
	struct buf b;

	buf_init(&b, 1000);
	check_eq(buf_append_str(&b, "abc"), 0);
	alloc_fail_at(1);
	check_eq(buf_printf(&b, "%0500d", 1), -ENOMEM);
	check(alloc_has_failed());
	check_str_eq(buf_cstr(&b), "abc");
	check_eq(buf_printf(&b, "%0500d", 1), 0);
	check_eq(b.size, 503);
	buf_release(&b);
}
