/* SPDX-License-Identifier: MIT */
#include "base/types.h"

#include "base/test.h"

struct outer {
	int first;
	int second;
};

TEST(container_of_finds_the_struct_around_a_member)
{
	struct outer o;

	check(container_of(&o.second, struct outer, second) == &o);
}

TEST(array_size_counts_elements_of_any_size)
{
	u64 words[7];
	struct outer structs[3];

	check_eq(ARRAY_SIZE(words), 7);
	check_eq(ARRAY_SIZE(structs), 3);
}

TEST(min_and_max_evaluate_their_arguments_once)
{
	int calls = 0;

	check_eq(MIN(calls++, 5), 0);
	check_eq(calls, 1);
	check_eq(MAX(2, 3), 3);
	check_eq(MIN((u64)1 << 40, (u64)3), 3);
}

TEST(aligning_moves_to_the_multiple_below_or_above_and_leaves_multiples)
{
	check_eq(align_down(0x1fff, 0x1000), 0x1000);
	check_eq(align_up(0x1001, 0x1000), 0x2000);
	check_eq(align_up(0x1000, 0x1000), 0x1000);
	check_eq(align_down(UINT64_MAX, 0x1000), UINT64_MAX - 0xfff);
	check(is_aligned(0, 8) && is_aligned(64, 64) && !is_aligned(65, 64));
}

TEST(powers_of_two_have_one_bit)
{
	check(is_power_of_two(1) && is_power_of_two(BIT(63)));
	check(!is_power_of_two(0) && !is_power_of_two(12));
}
