/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "base/test.h"

struct item {
	int value;
	struct list link;
};

static int value_at(struct list *it)
{
	return list_entry(it, struct item, link)->value;
}

TEST(tail_and_head_insertions_keep_their_order)
{
	struct list head = LIST_INIT(head);
	struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 0};
	int expected = 0;

	list_add_tail(&head, &a.link);
	list_add_tail(&head, &b.link);
	list_add_head(&head, &c.link);
	list_for_each(it, &head)
		check_eq(value_at(it), expected++);
	check_eq(expected, 3);
	check(list_first(&head, struct item, link) == &c);
}

TEST(the_safe_walk_survives_removal_of_every_item)
{
	struct list head = LIST_INIT(head);
	struct item item[5];
	int seen = 0;

	for (int i = 0; i < 5; i++)
		list_add_tail(&head, &item[i].link);
	list_for_each_safe(it, &head) {
		list_del(it);
		seen++;
	}
	check_eq(seen, 5);
	check(list_empty(&head));
}

TEST(deleting_twice_is_harmless)
{
	struct list head = LIST_INIT(head);
	struct item a;

	list_add_tail(&head, &a.link);
	list_del(&a.link);
	list_del(&a.link);
	check(list_empty(&head) && list_empty(&a.link));
}
