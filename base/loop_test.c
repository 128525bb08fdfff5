/* SPDX-License-Identifier: MIT */
#include "base/loop.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"
#include "base/thread.h"

struct fixture {
	struct loop *loop;
	int order[8];
	int count;
};

static struct fixture fx;

static void start(void)
{
	memset(&fx, 0, sizeof(fx));
	check_eq(loop_create(&fx.loop), 0);
}

static void on_timer(struct loop_timer *timer)
{
	fx.order[fx.count++] = (int)(intptr_t)timer->ctx;
	if (fx.count == 3)
		loop_stop(fx.loop);
}

TEST(timers_fire_in_the_order_of_their_deadlines)
{
	struct loop_timer timer[3];
	u64 now_ns = clock_now_ns();

	start();
	for (int i = 0; i < 3; i++)
		loop_timer_init(&timer[i], on_timer, (void *)(intptr_t)i);
	loop_timer_set(fx.loop, &timer[2], now_ns + 1000);
	loop_timer_set(fx.loop, &timer[0], now_ns + 3000);
	loop_timer_set(fx.loop, &timer[1], 0);
	check_eq(loop_run(fx.loop), 0);
	check_eq(fx.order[0], 1);
	check_eq(fx.order[1], 2);
	check_eq(fx.order[2], 0);
	check(clock_now_ns() >= now_ns + 3000);
	loop_free(fx.loop);
}

TEST(a_cleared_timer_stays_silent_and_a_moved_one_fires_once)
{
	struct loop_timer a, b;

	start();
	loop_timer_init(&a, on_timer, NULL);
	loop_timer_init(&b, on_timer, NULL);
	loop_timer_set(fx.loop, &a, 1);
	loop_timer_clear(fx.loop, &a);
	check(!loop_timer_is_set(&a));
	loop_timer_clear(fx.loop, &a);
	loop_timer_set(fx.loop, &b, UINT64_MAX / 2);
	loop_timer_set(fx.loop, &b, 1);
	check_eq(loop_run_once(fx.loop, NS_PER_S), 0);
	check_eq(loop_run_once(fx.loop, NS_PER_MS), 0);
	check_eq(fx.count, 1);
	loop_free(fx.loop);
}

static struct loop_watch pair[2];

static void remove_both(struct loop_watch *watch, u32 events)
{
	(void)watch;
	check(events & EPOLLIN);
	fx.count++;
	loop_watch_del(fx.loop, &pair[0]);
	loop_watch_del(fx.loop, &pair[1]);
}

TEST(a_watch_removed_in_the_same_round_is_not_called)
{
	u64 one = 1;

	start();
	for (int i = 0; i < 2; i++) {
		pair[i] = (struct loop_watch){fd_eventfd(), EPOLLIN,
					      remove_both, NULL};
		check(pair[i].fd >= 0);
		check_eq(write_full(pair[i].fd, &one, sizeof(one)), 0);
		check_eq(loop_watch_add(fx.loop, &pair[i]), 0);
	}
	check_eq(loop_run_once(fx.loop, NS_PER_S), 0);
	check_eq(fx.count, 1);
	fd_close(&pair[0].fd);
	fd_close(&pair[1].fd);
	loop_free(fx.loop);
}

static void count_event(struct loop_watch *watch, u32 events)
{
	(void)watch;
	fx.order[fx.count++] = (int)events;
}

TEST(a_modified_watch_reports_the_new_events_only)
{
	struct loop_watch watch = {.events = EPOLLIN, .fn = count_event};

	start();
	watch.fd = fd_eventfd();
	check(watch.fd >= 0);
	check_eq(loop_watch_add(fx.loop, &watch), 0);
	check_eq(loop_watch_add(fx.loop, &watch), -EEXIST);
	check_eq(loop_run_once(fx.loop, 0), 0);
	check_eq(fx.count, 0);
	check_eq(loop_watch_modify(fx.loop, &watch, EPOLLOUT), 0);
	check_eq(loop_run_once(fx.loop, NS_PER_S), 0);
	check_eq(fx.count, 1);
	check_eq(fx.order[0], EPOLLOUT);
	loop_watch_del(fx.loop, &watch);
	fd_close(&watch.fd);
	loop_free(fx.loop);
}

#define POSTS 1000

static struct loop_work work;
static u32 produced, seen; /* produced: atomic */

static void on_work(struct loop_work *item)
{
	(void)item;
	seen = __atomic_load_n(&produced, __ATOMIC_ACQUIRE);
	if (seen == POSTS)
		loop_stop(fx.loop);
}

static void producer(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < POSTS; i++) {
		__atomic_fetch_add(&produced, 1, __ATOMIC_RELEASE);
		loop_post(fx.loop, &work);
	}
}

TEST(no_post_from_another_thread_is_lost)
{
	struct thread thread;

	start();
	produced = seen = 0;
	loop_work_init(&work, on_work, NULL);
	check_eq(thread_start(&thread, "producer", producer, NULL), 0);
	check_eq(loop_run(fx.loop), 0);
	thread_join(&thread);
	check_eq(seen, POSTS);
	loop_work_cancel(fx.loop, &work);
	loop_free(fx.loop);
}

static void count_work(struct loop_work *item)
{
	(void)item;
	fx.count++;
}

TEST(work_posted_twice_before_it_runs_is_run_once)
{
	start();
	loop_work_init(&work, count_work, NULL);
	loop_post(fx.loop, &work);
	loop_post(fx.loop, &work);
	check_eq(loop_run_once(fx.loop, 0), 0);
	check_eq(fx.count, 1);
	loop_post(fx.loop, &work);
	loop_work_cancel(fx.loop, &work);
	check_eq(loop_run_once(fx.loop, 0), 0);
	check_eq(fx.count, 1);
	loop_free(fx.loop);
	loop_free(NULL);
}

static struct loop_work others[3];
static u32 rounds, others_count;

static void post_again(struct loop_work *w)
{
	if (++rounds < 1000)
		loop_post(fx.loop, w);
}

static void count_other(struct loop_work *w)
{
	(void)w;
	others_count++;
}

TEST(work_that_posts_itself_leaves_the_loop_to_others)
{
	start();
	rounds = others_count = 0;
	loop_work_init(&work, post_again, NULL);
	loop_post(fx.loop, &work);
	for (u32 i = 0; i < ARRAY_SIZE(others); i++) {
		loop_work_init(&others[i], count_other, NULL);
		loop_post(fx.loop, &others[i]);
	}
	check_eq(loop_run_once(fx.loop, 0), 0);
	check_eq(rounds, 1);
	check_eq(others_count, ARRAY_SIZE(others));
	/* The next round comes at once. */
	for (u32 n = 2; n <= 1000; n++) {
		check_eq(loop_run_once(fx.loop, UINT64_MAX), 0);
		check_eq(rounds, n);
	}
	check_eq(loop_run_once(fx.loop, 0), 0);
	check_eq(rounds, 1000);
	loop_free(fx.loop);
}

TEST(a_stop_before_the_run_ends_it_at_once)
{
	start();
	loop_stop(fx.loop);
	check_eq(loop_run(fx.loop), 0);
	loop_free(fx.loop);
}

TEST(a_loop_without_memory_is_an_error)
{
	struct loop *loop = NULL;

	alloc_fail_at(1);
	check_eq(loop_create(&loop), -ENOMEM);
	check(!loop);
	check_eq(loop_create(&loop), 0);
	loop_free(loop);
}
