/* SPDX-License-Identifier: MIT */
#include "vmm/net/retry.h"

#include "base/err.h"
#include "base/test.h"

static struct loop *loop;
static struct retry retry;
static u32 calls;

static void due(struct loop_timer *timer)
{
	check(timer->ctx == &retry);
	calls++;
}

static void begin(void)
{
	calls = 0;
	check_eq(loop_create(&loop), 0);
	retry_init(&retry, loop, due, &retry);
}

static void end(void)
{
	retry_stop(&retry);
	loop_free(loop);
}

/* An attempt that lasts so long; how long it is then waited. */
static u64 waiting_after(u64 lasted_ns)
{
	u64 now_ns = clock_now_ns() + 1000 * NS_PER_S;

	retry_began(&retry, now_ns);
	retry_ended(&retry, now_ns + lasted_ns);
	return retry.timer.deadline_ns - now_ns - lasted_ns;
}

TEST(each_failure_doubles_the_waiting_up_to_a_bound)
{
	u64 expected_ns = RETRY_MIN_NS;

	begin();
	for (u32 i = 0; i < 100; i++) {
		check_eq(waiting_after(NS_PER_MS), expected_ns);
		expected_ns = MIN(2 * expected_ns, RETRY_MAX_NS);
	}
	end();
}

TEST(what_lasted_long_is_tried_again_soon)
{
	begin();
	for (u32 i = 0; i < 10; i++)
		(void)waiting_after(NS_PER_MS);
	check_eq(waiting_after(RETRY_MAX_NS), RETRY_MIN_NS);
	check_eq(waiting_after(NS_PER_MS), 2 * RETRY_MIN_NS);
	end();
}

TEST(the_loop_calls_when_it_is_time_and_not_after_a_stop)
{
	u64 now_ns = clock_now_ns();

	begin();
	retry_began(&retry, 0);
	retry_ended(&retry, now_ns - NS_PER_S);
	check_eq(loop_run_once(loop, NS_PER_S), 0);
	check_eq(calls, 1);
	retry_ended(&retry, now_ns - NS_PER_S);
	retry_stop(&retry);
	check_eq(loop_run_once(loop, NS_PER_MS), 0);
	check_eq(calls, 1);
	end();
}
