/* SPDX-License-Identifier: MIT */
/*
 * A doubly linked list threaded through its members. The head is a node of
 * its own; a node that is in no list points at itself. No locks.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) ((struct list){&(name), &(name)})

static inline void list_init(struct list *node)
{
	node->next = node->prev = node;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_before(struct list *place, struct list *node)
{
	node->prev = place->prev;
	node->next = place;
	place->prev->next = node;
	place->prev = node;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}

static inline void list_add_head(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}

/* Harmless on a node that is in no list. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)

/* The list must not be empty. */
#define list_first(head, type, member) list_entry((head)->next, type, member)

/* `it` is a struct list *; the body must not remove it. */
#define list_for_each(it, head) \
	for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may remove `it`, and nothing else. */
#define list_for_each_safe(it, head)                                \
	for (struct list *it = (head)->next, *it##_next = it->next; \
	     it != (head); it = it##_next, it##_next = it->next)

#endif
