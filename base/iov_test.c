/* SPDX-License-Identifier: MIT */
#include "base/iov.h"

#include "base/test.h"

static char part[3][4];
static struct iovec iov[4];

static void begin(void)
{
	memcpy(part, "abc\0defgh\0\0", sizeof(part));
	iov[0] = (struct iovec){part[0], 3};
	iov[1] = (struct iovec){part[1], 0};
	iov[2] = (struct iovec){part[1], 4};
	iov[3] = (struct iovec){part[2], 1};
}

TEST(parts_are_read_as_one)
{
	char text[16] = {};

	begin();
	check_eq(iov_read(iov, 4, 0, text, sizeof(text)), 8);
	check_str_eq(text, "abcdefgh");
	memset(text, 0, sizeof(text));
	check_eq(iov_read(iov, 4, 2, text, 3), 3);
	check_str_eq(text, "cde");
	check_eq(iov_read(iov, 4, 3, text, 1), 1);
	check_eq(text[0], 'd');
	check_eq(iov_read(iov, 4, 8, text, 1), 0);
	check_eq(iov_read(iov, 4, SIZE_MAX, text, 1), 0);
	check_eq(iov_read(iov, 0, 0, text, 1), 0);
}

TEST(parts_are_written_as_one)
{
	begin();
	check_eq(iov_write(iov, 4, 1, "123456789", 9), 7);
	check_mem_eq(part[0], "a12", 4);
	check_mem_eq(part[1], "3456", 4);
	check_mem_eq(part[2], "7", 2);
	check_eq(iov_write(iov, 4, 7, "xy", 1), 1);
	check_mem_eq(part[2], "x", 2);
}

TEST(what_is_left_out_is_gone)
{
	begin();
	check_eq(iov_skip(iov, 4, 2), 0);
	check(iov[0].iov_base == part[0] + 2 && iov[0].iov_len == 1);
	begin();
	check_eq(iov_skip(iov, 4, 3), 2); /* empty parts go along */
	check_eq(iov[2].iov_len, 4);
	begin();
	check_eq(iov_skip(iov, 4, 5), 2);
	check(iov[2].iov_base == part[1] + 2 && iov[2].iov_len == 2);
	begin();
	check_eq(iov_skip(iov, 4, 8), 4);
	check_eq(iov_skip(iov, 4, 100), 4);
}
