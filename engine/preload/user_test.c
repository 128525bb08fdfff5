/* SPDX-License-Identifier: MIT */
#include "engine/preload/user.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/test.h"

TEST(bytes_go_both_ways)
{
	u32 here = 0x12345678, there = 0;

	check_eq(user_read(&there, user_address(&here), sizeof(there)), 0);
	check_eq(there, 0x12345678);
	there = 7;
	check_eq(user_write(user_address(&here), &there, sizeof(there)), 0);
	check_eq(here, 7);
	check_eq(user_read(&there, 0, 0), 0);
}

TEST(what_is_not_there_is_efault)
{
	u8 *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 word = 0, edge = user_address(two) + 4092;

	check(two != MAP_FAILED);
	check_eq(munmap(two + 4096, 4096), 0);
	check_eq(user_read(&word, 8, sizeof(word)), -EFAULT);
	check_eq(user_read(&word, ~0ull - 4, sizeof(word)), -EFAULT);
	check_eq(user_read(&word, edge, 4), 0);
	check_eq(user_read(&word, edge, 8), -EFAULT);
	check_eq(user_write(edge, &word, 8), -EFAULT);
	check_eq(mprotect(two, 4096, PROT_READ), 0);
	check_eq(user_read(&word, edge, 4), 0);
	check_eq(user_write(edge, &word, 4), -EFAULT);
	munmap(two, 4096);
}
