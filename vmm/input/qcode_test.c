/* SPDX-License-Identifier: MIT */
#include "vmm/input/qcode.h"

#include "base/test.h"
#include "vmm/dev/i8042/translate.h"

TEST(every_key_has_a_name_of_its_own_by_which_it_is_found)
{
	for (u32 i = 0; i < QCODE_COUNT; i++) {
		enum qcode key = QCODE_COUNT;

		check(qcode_name(i) != NULL);
		check(qcode_of_name(qcode_name(i), &key));
		check_eq(key, i);
	}
}

TEST(what_is_no_name_is_no_key)
{
	static const char *const others[] = {"", "A", "enter", "f25", "ret "};
	enum qcode key = QCODE_COUNT;

	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		check(!qcode_of_name(others[i], &key));
	check_eq(key, QCODE_COUNT);
}

/* Numbers that are the interface's: another order would be another key. */
TEST(keys_count_as_qemu_counts_them)
{
	check_eq(QCODE_UNMAPPED, 0);
	check_str_eq(qcode_name(1), "shift");
	check_eq(QCODE_RET, 35);
	check_eq(QCODE_AC_BOOKMARKS, 147);
	check_str_eq(qcode_name(149), "lang2");
	check_eq(QCODE_COUNT, 162);
}

/* A controller makes set 1 of set 2; 0xe0 passes it by. */
TEST(set_1_is_what_a_controller_makes_of_set_2)
{
	for (u32 i = 0; i < QCODE_COUNT; i++) {
		u16 set1 = qcode_set1(i), set2 = qcode_set2(i);

		check_eq(!set1, !set2);
		if (!set1)
			continue;
		check_eq(set1 >> 8, set2 >> 8);
		check((set1 >> 8) == 0 || (set1 >> 8) == 0xe0);
		check_eq(set1 & 0xff, i8042_translate((u8)set2));
		check((set1 & 0x80) == 0);
	}
}

TEST(keys_have_the_codes_of_the_standard)
{
	static const struct {
		const char *name;
		u16 set1, set2;
	} some[] = {
		{"esc", 0x01, 0x76},	    {"a", 0x1e, 0x1c},
		{"ret", 0x1c, 0x5a},	    {"kp_enter", 0xe01c, 0xe05a},
		{"ctrl", 0x1d, 0x14},	    {"ctrl_r", 0xe01d, 0xe014},
		{"f7", 0x41, 0x83},	    {"delete", 0xe053, 0xe071},
		{"meta_l", 0xe05b, 0xe01f}, {"kp_5", 0x4c, 0x73},
		{"f24", 0x76, 0x5f},
	};

	for (u32 i = 0; i < ARRAY_SIZE(some); i++) {
		enum qcode key;

		check(qcode_of_name(some[i].name, &key));
		check_eq(qcode_set1(key), some[i].set1);
		check_eq(qcode_set2(key), some[i].set2);
	}
}

TEST(a_number_is_a_code_of_set_1_with_a_bit_for_its_prefix)
{
	check_eq(qcode_of_number(0x1e), QCODE_A);
	check_eq(qcode_of_number(0x9c), QCODE_KP_ENTER);
	check_eq(qcode_of_number(0xd3), QCODE_DELETE);
	check_eq(qcode_of_number(0xc6), QCODE_PAUSE);
	check_eq(qcode_of_number(0xb7), QCODE_PRINT);
	check_eq(qcode_of_number(0x54), QCODE_SYSRQ);
	check_eq(qcode_of_number(0x37), QCODE_KP_MULTIPLY);
	check_eq(qcode_of_number(0), QCODE_UNMAPPED);
	check_eq(qcode_of_number(0x80), QCODE_UNMAPPED);
	check_eq(qcode_of_number(0x11e), QCODE_UNMAPPED);
	check_eq(qcode_of_number(UINT32_MAX), QCODE_UNMAPPED);
}

TEST(every_key_that_a_number_means_has_that_number)
{
	for (u32 number = 1; number < 0x100; number++) {
		enum qcode key = qcode_of_number(number);
		u16 code = qcode_set1(key);

		if (key == QCODE_UNMAPPED)
			continue;
		check_eq(code >> 8 ? (code & 0xff) | 0x80 : code, number);
	}
}
