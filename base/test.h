/* SPDX-License-Identifier: MIT */
/*
 * The test harness: one binary per x_test.c, main() included.
 *
 *	TEST(a_popped_byte_is_gone) { check_eq(pop(), 7); }
 *
 * Names are sentences. The first failed check ends its test and the next test
 * runs; skip(reason) ends it as skipped. The last line printed is "N passed,
 * N failed, N skipped"; the exit status is 0 only when nothing failed and
 * something ran. Arguments select tests by part of their name. Checks belong
 * to the main thread. Tests register by constructor, in the file's order.
 */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct {
	struct test_case *first, **end;
	struct test_case *now;
	jmp_buf stop;
	unsigned int passed, failed, skipped;
} test_run;

#define TEST(title)                                                     \
	static void title(void);                                        \
	static void __attribute__((constructor)) test_add_##title(void) \
	{                                                               \
		static struct test_case entry = {#title, title, NULL};  \
                                                                        \
		if (!test_run.end)                                      \
			test_run.end = &test_run.first;                 \
		*test_run.end = &entry;                                 \
		test_run.end = &entry.next;                             \
	}                                                               \
	static void title(void)

/* Ends the running test: 1 failed, 2 skipped. The caller has said why. */
static no_return maybe_unused void test_stop(int how)
{
	fflush(stdout);
	longjmp(test_run.stop, how);
}

#define test_fail(...)                                                     \
	do {                                                               \
		printf("FAIL %s\n  %s:%d: ", test_run.now->name, __FILE__, \
		       __LINE__);                                          \
		printf(__VA_ARGS__);                                       \
		printf("\n");                                              \
		test_stop(1);                                              \
	} while (0)

#define skip(reason)                                                   \
	do {                                                           \
		printf("SKIP %s: %s\n", test_run.now->name, (reason)); \
		test_stop(2);                                          \
	} while (0)

#define check(expr)                             \
	do {                                    \
		if (!(expr))                    \
			test_fail("%s", #expr); \
	} while (0)

/* Integers of any type, compared as the 64-bit values they convert to. */
#define check_eq(a, b)                                                         \
	do {                                                                   \
		long long check_a_ = (long long)(a);                           \
		long long check_b_ = (long long)(b);                           \
		if (check_a_ != check_b_)                                      \
			test_fail("%s is %lld (0x%llx), not %s = %lld "        \
				  "(0x%llx)",                                  \
				  #a, check_a_, (unsigned long long)check_a_,  \
				  #b, check_b_, (unsigned long long)check_b_); \
	} while (0)

#define check_str_eq(a, b)                                                     \
	do {                                                                   \
		const char *check_a_ = (a);                                    \
		const char *check_b_ = (b);                                    \
		if (!check_a_ || !check_b_ || strcmp(check_a_, check_b_) != 0) \
			test_fail("%s is \"%s\", not \"%s\"", #a,              \
				  check_a_ ? check_a_ : "(null)",              \
				  check_b_ ? check_b_ : "(null)");             \
	} while (0)

/* Prints the index of the first difference. */
#define check_mem_eq(a, b, size)                                               \
	do {                                                                   \
		const u8 *check_a_ = (const void *)(a);                        \
		const u8 *check_b_ = (const void *)(b);                        \
		size_t check_n_ = (size);                                      \
		for (size_t i_ = 0; i_ < check_n_; i_++)                       \
			if (check_a_[i_] != check_b_[i_])                      \
				test_fail("%s[%zu] is 0x%02x, not 0x%02x", #a, \
					  i_, check_a_[i_], check_b_[i_]);     \
	} while (0)

static bool test_selected(const struct test_case *test, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return argc < 2;
}

static void test_one(struct test_case *test)
{
	test_run.now = test;
	switch (setjmp(test_run.stop)) {
	case 0:
		test->run();
		test_run.passed++;
		break;
	case 1:
		test_run.failed++;
		break;
	default:
		test_run.skipped++;
		break;
	}
}

int main(int argc, char **argv)
{
	for (struct test_case *t = test_run.first; t; t = t->next)
		if (test_selected(t, argc, argv))
			test_one(t);
	printf("%u passed, %u failed, %u skipped\n", test_run.passed,
	       test_run.failed, test_run.skipped);
	/* The leak checker may end the process before stdio does. */
	fflush(stdout);
	return test_run.failed || !(test_run.passed + test_run.skipped);
}

#endif
