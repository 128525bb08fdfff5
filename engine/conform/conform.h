/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: what every way of the engine must do, held by small
 * guests and by calls through engine/engine.h alone.
 *
 *	conform WAY [-t SECONDS] [-n] [-l] [part of a test's name]...
 *
 * Each test runs in a child process of its own, so that one that crashes or
 * hangs is one failure. Inside a test the first failed check ends it.
 */
#ifndef ENGINE_CONFORM_CONFORM_H
#define ENGINE_CONFORM_CONFORM_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

struct conform_test {
	const char *name;
	void (*run)(void);
	const char *full; /* why a limited KVM cannot run it; NULL: it can */
	struct conform_test *next;
};

void conform_add(struct conform_test *test);

/* The way under test, opened in this test's process. */
extern struct engine *way;

#define CONFORM_TEST(title, why)                                               \
	static void title(void);                                               \
	static void __attribute__((constructor)) conform_add_##title(void)     \
	{                                                                      \
		static struct conform_test entry = {#title, title, why, NULL}; \
                                                                               \
		conform_add(&entry);                                           \
	}                                                                      \
	static void title(void)

#define TEST(title) CONFORM_TEST(title, NULL)
/* `why` completes "this KVM cannot: ". */
#define TEST_FULL(title, why) CONFORM_TEST(title, why)

/* This KVM's emulator takes memory that is gone for a device. */
#define WHY_LOST "a host address without memory is an error"
/* This KVM ends an interrupt for the guest as soon as it is delivered. */
#define WHY_IN_SERVICE "an interrupt stays in service until EOI"

no_return void conform_fail(const char *file, int line, const char *fmt, ...)
	printf_like(3, 4);
no_return void conform_skip(const char *fmt, ...) printf_like(1, 2);

#define fail(...) conform_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip(...) conform_skip(__VA_ARGS__)

#define check(expr)                        \
	do {                               \
		if (!(expr))               \
			fail("%s", #expr); \
	} while (0)

#define check_eq(a, b)                                                       \
	do {                                                                 \
		long long check_a_ = (long long)(a);                         \
		long long check_b_ = (long long)(b);                         \
		if (check_a_ != check_b_)                                    \
			fail("%s is %lld (0x%llx), not %s = %lld (0x%llx)",  \
			     #a, check_a_, (unsigned long long)check_a_, #b, \
			     check_b_, (unsigned long long)check_b_);        \
	} while (0)

/* A call that must fail in a certain way. */
#define check_err(call, err)                                                  \
	do {                                                                  \
		int check_rc_ = (call);                                       \
		if (check_rc_ != -(err))                                      \
			fail("%s gives %d, not -%s", #call, check_rc_, #err); \
	} while (0)

#define check_ok(call)                                            \
	do {                                                      \
		int check_rc_ = (call);                           \
		if (check_rc_ < 0)                                \
			fail("%s gives %d: %s", #call, check_rc_, \
			     strerror(-check_rc_));               \
	} while (0)

/* Skips the test on a way that says it has not got it. */
#define need_cap(cap)                                           \
	do {                                                    \
		if (way->ops->check_extension(way, (cap)) <= 0) \
			skip("%s is not offered", #cap);        \
	} while (0)

#endif
