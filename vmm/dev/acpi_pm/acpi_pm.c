/* SPDX-License-Identifier: MIT */
/* PM1 events and control, the PM timer, the reset register: see acpi_pm.h. */
#include "vmm/dev/acpi_pm/acpi_pm.h"

#include <assert.h>

#include "base/clock.h"

/*
 * The status bit follows the counter's top bit; ours has 32 (TMR_VAL_EXT).
 * [ACPI 4.8.2.1 "Power Management Timer"]
 */
#define HALF_TICKS ((u64)1 << 31)

#define PCI_ADDRESS_PORT 0xcf8

/*
 * The enable bits that hold a value. The sleep button and the clock's alarm
 * never set their status here, for there is nothing to wake from; drivers
 * expect to find the bits.
 */
#define PM1_EVENTS (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* ---- the timer ---- */

static u64 ticks_at(const struct acpi_pm *pm, u64 now_ns)
{
	/* 128 bits: 64 would overflow within the hour. */
	return pm->base_ticks +
	       (u64)((unsigned __int128)now_ns * ACPI_PM_TIMER_HZ / NS_PER_S);
}

static u64 ticks_now(const struct acpi_pm *pm)
{
	return ticks_at(pm, pm->host->now_ns(pm->host));
}

static void settle(struct acpi_pm *pm, u64 ticks)
{
	if (ticks / HALF_TICKS != pm->settled_half)
		pm->status |= PM1_TMR;
	pm->settled_half = ticks / HALF_TICKS;
}

/* ---- the system control interrupt ---- */

static void update(struct acpi_pm *pm)
{
	u64 now_ns = pm->host->now_ns(pm->host), ticks = ticks_at(pm, now_ns);
	u64 left;

	settle(pm, ticks);
	irq_line_set(&pm->sci, pm->status & pm->enable & PM1_EVENTS);
	if (!(pm->enable & PM1_TMR) || (pm->status & PM1_TMR)) {
		dev_timer_set(&pm->timer, DEV_TIMER_NEVER);
		return;
	}
	left = HALF_TICKS - ticks % HALF_TICKS;
	/* One tick later than exact, so that the tick has surely passed. */
	dev_timer_set(&pm->timer,
		      now_ns + (left + 1) * NS_PER_S / ACPI_PM_TIMER_HZ);
}

static void timer_due(void *ctx)
{
	struct acpi_pm *pm = ctx;

	mutex_lock(&pm->dev.lock);
	update(pm);
	mutex_unlock(&pm->dev.lock);
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	mutex_lock(&pm->dev.lock);
	pm->status |= PM1_PWRBTN;
	update(pm);
	mutex_unlock(&pm->dev.lock);
}

/* ---- registers ---- */

static u64 event_read(void *ctx, u64 offset, u32 width)
{
	struct acpi_pm *pm = ctx;
	u64 both;

	update(pm);
	both = pm->status | (u32)pm->enable << 16;
	return both >> (8 * offset) & (BIT(8 * width) - 1);
}

static void event_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct acpi_pm *pm = ctx;
	u32 mask = (u32)((BIT(8 * width) - 1) << (8 * offset));
	u32 bits = (u32)(value << (8 * offset));

	settle(pm, ticks_now(pm));
	/* Status bits are cleared by writing ones; enable bits are stored. */
	pm->status &= (u16)~bits;
	pm->enable = (u16)((pm->enable & ~(mask >> 16)) |
			   ((bits >> 16) & PM1_EVENTS));
	update(pm);
}

static u64 control_read(void *ctx, u64 offset, u32 width)
{
	const struct acpi_pm *pm = ctx;

	return (u64)pm->control >> (8 * offset) & (BIT(8 * width) - 1);
}

static void control_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct acpi_pm *pm = ctx;
	u32 mask = (u32)((BIT(8 * width) - 1) << (8 * offset));
	u32 next = (pm->control & ~mask) | ((u32)(value << (8 * offset)) & mask);

	/* SLP_EN is write-only; SCI_EN cannot be cleared. */
	pm->control = (u16)((next & PM1_CNT_SLP_TYP) | PM1_CNT_SCI_EN);
	if ((next & PM1_CNT_SLP_EN) &&
	    (next & PM1_CNT_SLP_TYP) >> 10 == ACPI_PM_SLP_TYP_S5)
		power_raise(&pm->power, POWER_OFF, 0);
}

static u64 timer_read(void *ctx, u64 offset, u32 width)
{
	(void)offset;
	(void)width;
	return (u32)ticks_now(ctx);
}

static void timer_write(void *ctx, u64 offset, u64 value, u32 width)
{
	/* A free-running counter: read only. */
	(void)ctx;
	(void)offset;
	(void)value;
	(void)width;
}

/*
 * The reset register answers byte accesses only. It lies within the four
 * ports of PCI's configuration address, and a guest that writes those whole
 * in search of PCI must find nothing and reset nothing.
 */
static bool is_reset_register(u64 offset, u32 width)
{
	return width == 1 && offset == ACPI_PM_RESET_PORT - PCI_ADDRESS_PORT;
}

static u64 reset_read(void *ctx, u64 offset, u32 width)
{
	const struct acpi_pm *pm = ctx;

	return is_reset_register(offset, width) ? pm->reset_value : UINT64_MAX;
}

static void reset_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct acpi_pm *pm = ctx;
	bool rising = value & ~(u64)pm->reset_value & ACPI_PM_RESET_CPU;

	if (!is_reset_register(offset, width))
		return;
	pm->reset_value = (u8)value;
	if (rising)
		power_raise(&pm->power, POWER_RESET, 0);
}

/* ---- life ---- */

static struct acpi_pm *pm_of(struct dev *dev)
{
	return container_of(dev, struct acpi_pm, dev);
}

static void acpi_pm_reset(struct dev *dev)
{
	struct acpi_pm *pm = pm_of(dev);

	pm->status = pm->enable = 0;
	pm->control = PM1_CNT_SCI_EN;
	pm->reset_value = 0;
	pm->base_ticks = 0;
	/* The counter starts at 0 as seen by this reset. */
	pm->base_ticks = -ticks_now(pm);
	pm->settled_half = 0;
	update(pm);
}

static void acpi_pm_release(struct dev *dev)
{
	dev_timer_release(&pm_of(dev)->timer);
}

static void acpi_pm_saving(struct dev *dev)
{
	struct acpi_pm *pm = pm_of(dev);

	update(pm);
	pm->saved_ticks = ticks_now(pm);
}

/* The guest's count goes on from where it was, whatever this host's is. */
static int acpi_pm_restored(struct dev *dev)
{
	struct acpi_pm *pm = pm_of(dev);

	pm->base_ticks = 0;
	pm->base_ticks = pm->saved_ticks - ticks_now(pm);
	pm->settled_half = pm->saved_ticks / HALF_TICKS;
	irq_line_refresh(&pm->sci, pm->status & pm->enable & PM1_EVENTS);
	update(pm);
	return 0;
}

static const struct field fields[] = {
	FIELD(struct acpi_pm, status, 1),
	FIELD(struct acpi_pm, enable, 1),
	FIELD(struct acpi_pm, control, 1),
	FIELD(struct acpi_pm, reset_value, 1),
	FIELD(struct acpi_pm, saved_ticks, 1),
};

/* Told to the guest by the FADT, not by a device node. */
static const struct dev_class acpi_pm_class = {
	.name = "acpi_pm",
	.spec = "ACPI",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = acpi_pm_reset,
	.release = acpi_pm_release,
	.saving = acpi_pm_saving,
	.restored = acpi_pm_restored,
};

static void init_regions(struct acpi_pm *pm, u64 base_port)
{
	pm->event_region = (struct bus_region){
		.name = "acpi pm1 event",
		.base = base_port + ACPI_PM1_STS,
		.size = 4,
		.widths = BUS_1_2_4,
		.read = event_read,
		.write = event_write,
	};
	pm->control_region = (struct bus_region){
		.name = "acpi pm1 control",
		.base = base_port + ACPI_PM1_CNT,
		.size = 2,
		.widths = BUS_1_2,
		.read = control_read,
		.write = control_write,
	};
	pm->timer_region = (struct bus_region){
		.name = "acpi pm timer",
		.base = base_port + ACPI_PM_TMR,
		.size = 4,
		.widths = BUS_4,
		.read = timer_read,
		.write = timer_write,
	};
	pm->reset_region = (struct bus_region){
		.name = "reset register",
		.base = PCI_ADDRESS_PORT,
		.size = 4,
		.widths = BUS_1_2_4,
		.read = reset_read,
		.write = reset_write,
	};
}

void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_config *config)
{
	struct bus_region *regions[] = {&pm->event_region, &pm->control_region,
					&pm->timer_region, &pm->reset_region};

	*pm = (struct acpi_pm){
		.sci = config->sci,
		.power = config->power,
		.host = config->host,
	};
	init_regions(pm, config->base_port);
	dev_init(&pm->dev, &acpi_pm_class);
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		regions[i]->lock = &pm->dev.lock;
		regions[i]->ctx = pm;
	}
	dev_timer_init(&pm->timer, config->host, timer_due, pm);
	dev_reset(&pm->dev);
}
