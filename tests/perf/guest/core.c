/* SPDX-License-Identifier: MIT */
/*
 * The kinds of work of the well-known embedded benchmark: sorting a linked
 * list, multiplying small matrices, a state machine over text, a CRC.
 */
#include "tests/perf/guest/wl.h"

#define NODES 200
#define SIDE  20

struct node {
	struct node *next;
	int value;
	short key;
};

static NOINLINE uint16_t crc16(uint16_t crc, uint16_t data)
{
	for (int i = 0; i < 16; i++) {
		int is_odd = (crc ^ data) & 1;

		data >>= 1;
		crc >>= 1;
		if (is_odd)
			crc ^= 0xa001;
	}
	return crc;
}

static NOINLINE int compare_value(struct node *a, struct node *b)
{
	return a->value - b->value;
}

static NOINLINE int compare_key(struct node *a, struct node *b)
{
	return a->key - b->key;
}

typedef int (*compare_t)(struct node *a, struct node *b);

/* Merges the runs of `size` at the head of `list`, pair by pair; counts the
 * pairs. */
static struct node *merge_runs(struct node *list, int size, compare_t compare,
			       int *ret_pairs)
{
	struct node *p = list, *q, *taken, *tail = NULL;

	list = NULL;
	*ret_pairs = 0;
	while (p) {
		int left = 0, right = size;

		(*ret_pairs)++;
		q = p;
		while (left < size && q) {
			left++;
			q = q->next;
		}
		while (left > 0 || (right > 0 && q)) {
			if (left && (!right || !q || compare(p, q) <= 0)) {
				taken = p;
				p = p->next;
				left--;
			} else {
				taken = q;
				q = q->next;
				right--;
			}
			if (tail)
				tail->next = taken;
			else
				list = taken;
			tail = taken;
		}
		p = q;
	}
	if (tail)
		tail->next = NULL;
	return list;
}

static NOINLINE struct node *sort(struct node *list, compare_t compare)
{
	int pairs = 2;

	for (int size = 1; pairs > 1; size *= 2)
		list = merge_runs(list, size, compare, &pairs);
	return list;
}

enum number {
	START,
	INTEGER,
	SIGN,
	FRACTION,
	EXPONENT,
	EXPONENT_SIGN,
	POWER,
	BAD
};

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum number number_step(enum number state, char c)
{
	switch (state) {
	case START:
		return is_digit(c)	      ? INTEGER
		       : c == '-' || c == '+' ? SIGN
		       : c == '.'	      ? FRACTION
					      : BAD;
	case INTEGER:
		return c == '.'	     ? FRACTION
		       : is_digit(c) ? INTEGER
		       : c == ','    ? START
				     : BAD;
	case SIGN:
		return is_digit(c) ? INTEGER : c == '.' ? FRACTION : BAD;
	case FRACTION:
		return c == 'e' || c == 'E' ? EXPONENT
		       : is_digit(c)	    ? FRACTION
		       : c == ','	    ? START
					    : BAD;
	case EXPONENT:
		return c == '+' || c == '-' ? EXPONENT_SIGN : BAD;
	case EXPONENT_SIGN:
		return is_digit(c) ? POWER : BAD;
	case POWER:
		return is_digit(c) ? POWER : c == ',' ? START : BAD;
	case BAD:
		return c == ',' ? START : BAD;
	}
	return BAD;
}

static NOINLINE enum number scan(const char *text, int *count)
{
	enum number state = START;

	for (; *text; text++) {
		state = number_step(state, *text);
		count[state]++;
	}
	return state;
}

static NOINLINE uint16_t multiply(uint16_t crc, int n)
{
	static int a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];

	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			a[i][j] = i * j + n;
			b[i][j] = i - j;
		}
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			int sum = 0;

			for (int k = 0; k < SIDE; k++)
				sum += a[i][k] * b[k][j];
			c[i][j] = (sum >> 2) & 0x7fff;
		}
	for (int i = 0; i < SIDE; i++)
		crc = crc16(crc, (uint16_t)c[i][i]);
	return crc;
}

/* n rounds of all four. */
uint64_t wl_core(long n)
{
	static const char text[] =
		"5012,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,"
		"-.123e-2,-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,"
		"34.0e-T^";
	struct node node[NODES], *list;
	int count[BAD + 1] = {0};
	uint16_t crc = 0;

	while (n--) {
		for (int i = 0; i < NODES; i++) {
			node[i].next = i < NODES - 1 ? &node[i + 1] : NULL;
			node[i].value = (int)((i * 7919 + n) % 1009);
			node[i].key = (short)((i * 31) % 97);
		}
		list = sort(node, compare_value);
		crc = crc16(crc, (uint16_t)list->value);
		list = sort(list, compare_key);
		for (struct node *p = list; p; p = p->next)
			crc = crc16(crc, (uint16_t)p->value);
		crc = multiply(crc, (int)n);
		crc = crc16(crc, (uint16_t)scan(text, count));
	}
	return crc + (uint64_t)count[BAD];
}
