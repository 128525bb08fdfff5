/* SPDX-License-Identifier: MIT */
/* For device tests: clocks and timers that move only when told to. */
#ifndef VMM_DEV_FAKE_HOST_H
#define VMM_DEV_FAKE_HOST_H

#include "base/types.h"
#include "vmm/dev/dev.h"
#include "vmm/dev/host.h"

#define FAKE_TIMER_MAX 8
#define FAKE_IRQ_MAX   24

struct fake_host {
	struct dev_host host;
	u64 now_ns;
	u64 realtime_ns;
	struct dev_timer *timer[FAKE_TIMER_MAX];
	bool irq[FAKE_IRQ_MAX];
	u32 irq_edges[FAKE_IRQ_MAX]; /* rising */
	u32 power_count;
	enum power_event power;
	int power_status;
};

void fake_host_init(struct fake_host *fake);
/* Both clocks go on; timers that fall due run, in order. */
void fake_host_advance(struct fake_host *fake, u64 ns);
struct irq_line fake_host_irq(struct fake_host *fake, u32 irq);
struct power_line fake_host_power(struct fake_host *fake);

#endif
