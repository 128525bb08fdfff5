/* SPDX-License-Identifier: MIT */
/* Clocks, timers, wires of a test. */
#include "vmm/dev/fake_host.h"

#include <assert.h>

static struct fake_host *fake_of(struct dev_host *host)
{
	return container_of(host, struct fake_host, host);
}

static u64 fake_now_ns(struct dev_host *host)
{
	return fake_of(host)->now_ns;
}

static u64 fake_realtime_ns(struct dev_host *host)
{
	return fake_of(host)->realtime_ns;
}

static void fake_timer_changed(struct dev_host *host, struct dev_timer *timer)
{
	struct fake_host *fake = fake_of(host);
	struct dev_timer **free_slot = NULL;

	for (u32 i = 0; i < FAKE_TIMER_MAX; i++) {
		if (fake->timer[i] == timer)
			return;
		if (!fake->timer[i])
			free_slot = &fake->timer[i];
	}
	assert(free_slot);
	*free_slot = timer;
}

static void fake_timer_gone(struct dev_host *host, struct dev_timer *timer)
{
	struct fake_host *fake = fake_of(host);

	for (u32 i = 0; i < FAKE_TIMER_MAX; i++)
		if (fake->timer[i] == timer)
			fake->timer[i] = NULL;
}

void fake_host_init(struct fake_host *fake)
{
	*fake = (struct fake_host){
		.host = {.now_ns = fake_now_ns,
			 .realtime_ns = fake_realtime_ns,
			 .timer_changed = fake_timer_changed,
			 .timer_gone = fake_timer_gone},
	};
}

static struct dev_timer *first_due(struct fake_host *fake, u64 end_ns)
{
	struct dev_timer *first = NULL;

	for (u32 i = 0; i < FAKE_TIMER_MAX; i++) {
		struct dev_timer *timer = fake->timer[i];

		if (timer && timer->deadline_ns <= end_ns &&
		    (!first || timer->deadline_ns < first->deadline_ns))
			first = timer;
	}
	return first;
}

void fake_host_advance(struct fake_host *fake, u64 ns)
{
	u64 end_ns = fake->now_ns + ns;
	struct dev_timer *timer;

	while ((timer = first_due(fake, end_ns))) {
		if (timer->deadline_ns > fake->now_ns) {
			fake->realtime_ns += timer->deadline_ns - fake->now_ns;
			fake->now_ns = timer->deadline_ns;
		}
		timer->deadline_ns = DEV_TIMER_NEVER;
		timer->fn(timer->ctx);
	}
	fake->realtime_ns += end_ns - fake->now_ns;
	fake->now_ns = end_ns;
}

static void fake_irq_set(void *ctx, u32 irq, bool level)
{
	struct fake_host *fake = ctx;

	assert(irq < FAKE_IRQ_MAX);
	if (level && !fake->irq[irq])
		fake->irq_edges[irq]++;
	fake->irq[irq] = level;
}

struct irq_line fake_host_irq(struct fake_host *fake, u32 irq)
{
	return (struct irq_line){.set = fake_irq_set, .ctx = fake, .irq = irq};
}

static void fake_power(void *ctx, enum power_event event, int status)
{
	struct fake_host *fake = ctx;

	fake->power_count++;
	fake->power = event;
	fake->power_status = status;
}

struct power_line fake_host_power(struct fake_host *fake)
{
	return (struct power_line){.raise = fake_power, .ctx = fake};
}
