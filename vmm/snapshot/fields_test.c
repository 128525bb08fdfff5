/* SPDX-License-Identifier: MIT */
#include "vmm/snapshot/fields.h"

#include <errno.h>

#include "base/test.h"

struct thing {
	u8 small;
	u64 big;
	u8 bytes[5];
	u32 later;
	u32 not_saved;
};

static const struct field fields[] = {
	FIELD(struct thing, small, 1),
	FIELD(struct thing, big, 1),
	FIELD(struct thing, bytes, 1),
	FIELD(struct thing, later, 2),
};
static const struct field_table table = {fields, ARRAY_SIZE(fields)};
/* What the first release had. */
static const struct field_table table_v1 = {fields, 3};

static const struct thing full = {
	.small = 1, .big = 2, .bytes = {3, 4, 5, 6, 7}, .later = 8};

TEST(what_was_saved_is_restored_and_nothing_else)
{
	struct thing back = {.not_saved = 99};
	const char *name = NULL;
	struct buf buf;

	buf_init(&buf, 4096);
	check_eq(fields_save(&table, &full, &buf), 0);
	check(!fields_equal(&table, &full, &back, &name));
	check_str_eq(name, "small");
	check_eq(fields_load(&table, &back, 2, buf.data, buf.size), 0);
	check(fields_equal(&table, &full, &back, NULL));
	check_eq(back.not_saved, 99);
	buf_release(&buf);
}

TEST(a_record_of_an_older_release_leaves_new_fields_as_they_were)
{
	struct thing back = {.later = 1234};
	struct buf buf;

	buf_init(&buf, 4096);
	check_eq(fields_save(&table_v1, &full, &buf), 0);
	check_eq(fields_load(&table, &back, 2, buf.data, buf.size), -EINVAL);
	check_eq(fields_load(&table, &back, 1, buf.data, buf.size), 0);
	check_eq(back.later, 1234);
	check_eq(back.big, 2);
	buf_release(&buf);
}

TEST(a_record_of_a_newer_release_is_refused)
{
	struct thing back = {};
	struct buf buf;

	buf_init(&buf, 4096);
	check_eq(fields_save(&table, &full, &buf), 0);
	check_eq(fields_load(&table_v1, &back, 2, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
}

TEST(every_truncation_of_a_record_is_refused)
{
	struct thing back = {};
	struct buf buf;

	buf_init(&buf, 4096);
	check_eq(fields_save(&table, &full, &buf), 0);
	for (size_t size = 0; size < buf.size; size++)
		check_eq(fields_load(&table, &back, 2, buf.data, size), -EINVAL);
	buf_release(&buf);
}

TEST(a_field_given_twice_is_refused)
{
	struct thing back = {};
	struct buf buf;

	buf_init(&buf, 4096);
	check_eq(fields_save(&table, &full, &buf), 0);
	check_eq(fields_save(&table_v1, &full, &buf), 0);
	check_eq(fields_load(&table, &back, 2, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
}
