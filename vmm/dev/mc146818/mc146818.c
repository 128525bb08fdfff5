/* SPDX-License-Identifier: MIT */
/* The clock's registers, flags and interrupts: see mc146818.h. */
#include "vmm/dev/mc146818/mc146818.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "vmm/dev/mc146818/calendar.h"
#include "vmm/firmware/acpi/aml.h"

/* The update takes its last 244 us. [MC146818 "Update Cycle"] */
#define UIP_NS (244 * NS_PER_US)

/* ---- time ---- */

static bool running(const struct mc146818 *rtc)
{
	return !(rtc->data[RTC_B] & RTC_B_SET) &&
	       (rtc->data[RTC_A] & RTC_A_DIVIDER) == RTC_A_DIVIDER_32K;
}

/*
 * The divider chain: counts ns; each full second of it is a guest second.
 * Seconds and their fraction are kept apart because four-digit years in ns do
 * not fit in 64 bits.
 */
static u64 chain_ns(struct mc146818 *rtc)
{
	return rtc->host->realtime_ns(rtc->host) + rtc->phase_ns;
}

static s64 second_at(const struct mc146818 *rtc, u64 chain)
{
	return (s64)(chain / NS_PER_S) + rtc->offset_s;
}

static u8 encode(const struct mc146818 *rtc, u32 value)
{
	if (rtc->data[RTC_B] & RTC_B_BINARY)
		return (u8)value;
	return (u8)(value / 10 % 10 << 4 | value % 10);
}

static u8 decode(const struct mc146818 *rtc, u8 value)
{
	if (rtc->data[RTC_B] & RTC_B_BINARY)
		return value;
	return (u8)((value >> 4) * 10 + (value & 0xf));
}

/* In 12-hour mode bit 7 is the afternoon, and midnight is 12. */
static u8 encode_hour(const struct mc146818 *rtc, u8 hour)
{
	if (rtc->data[RTC_B] & RTC_B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12u : 12u) |
	       (hour >= 12 ? 0x80 : 0);
}

static u8 decode_hour(const struct mc146818 *rtc, u8 value)
{
	if (rtc->data[RTC_B] & RTC_B_24H)
		return decode(rtc, value);
	return (u8)(decode(rtc, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0));
}

/* Fills the time registers from the running clock. */
static void latch_time(struct mc146818 *rtc, s64 second)
{
	struct calendar c;

	calendar_from_s(second, &c);
	rtc->data[RTC_SECONDS] = encode(rtc, c.second);
	rtc->data[RTC_MINUTES] = encode(rtc, c.minute);
	rtc->data[RTC_HOURS] = encode_hour(rtc, c.hour);
	rtc->data[RTC_WEEKDAY] = encode(rtc, c.weekday + 1u);
	rtc->data[RTC_DAY] = encode(rtc, c.day);
	rtc->data[RTC_MONTH] = encode(rtc, c.month);
	rtc->data[RTC_YEAR] = encode(rtc, (u32)c.year % 100);
	/* The century is memory to the chip; firmware keeps it in BCD. */
	rtc->data[CMOS_CENTURY] = (u8)(c.year / 1000 << 4 | c.year / 100 % 10);
}

/* Nonsense in the registers still gives some second up to the year 9998. */
static s64 latched_time(const struct mc146818 *rtc)
{
	const u8 *data = rtc->data;
	u8 century = data[CMOS_CENTURY];
	s32 year = ((century >> 4) * 10 + (century & 0xf)) * 100 +
		   decode(rtc, data[RTC_YEAR]);
	struct calendar c = {
		.year = MIN(year, 9950),
		.month = decode(rtc, data[RTC_MONTH]),
		.day = decode(rtc, data[RTC_DAY]),
		.hour = decode_hour(rtc, data[RTC_HOURS]),
		.minute = decode(rtc, data[RTC_MINUTES]),
		.second = decode(rtc, data[RTC_SECONDS]),
	};

	return calendar_to_s(&c);
}

/* ---- flags ---- */

/* A period in ns, 0 = none. [MC146818 "Periodic Interrupt Selection"] */
static u64 period_ns(const struct mc146818 *rtc)
{
	u32 rate = rtc->data[RTC_A] & RTC_A_RATE;

	if (!rate)
		return 0;
	/* The two fastest codes of a 32 kHz base repeat two slower ones. */
	if (rate <= 2)
		rate += 7;
	return (NS_PER_S << (rate - 1)) / 32768;
}

static bool alarm_matches(const struct mc146818 *rtc, u32 reg, u8 value)
{
	/* The top two bits set mean "any". [MC146818 "Alarm Bytes"] */
	return (rtc->data[reg] & 0xc0) == 0xc0 || rtc->data[reg] == value;
}

/*
 * The first second from `from` on that the alarm matches, within the next
 * day; -1 if none (an alarm such as 25:61). Skips whole hours and minutes, so
 * it takes some 24 + 60 + 60 steps.
 */
static s64 next_alarm(const struct mc146818 *rtc, s64 from)
{
	s64 s = from, end = from + 86400;
	struct calendar c;

	while (s <= end) {
		calendar_from_s(s, &c);
		if (!alarm_matches(rtc, RTC_HOURS_ALARM,
				   encode_hour(rtc, c.hour)))
			s += 3600 - c.minute * 60 - c.second;
		else if (!alarm_matches(rtc, RTC_MINUTES_ALARM,
					encode(rtc, c.minute)))
			s += 60 - c.second;
		else if (!alarm_matches(rtc, RTC_SECONDS_ALARM,
					encode(rtc, c.second)))
			s++;
		else
			return s;
	}
	return -1;
}

/* Sets the flags for everything that happened up to now. */
static void settle(struct mc146818 *rtc, u64 chain)
{
	u64 period = period_ns(rtc);
	s64 now_s = second_at(rtc, chain), alarm;

	if (period && chain / period != rtc->settled_period) {
		rtc->settled_period = chain / period;
		rtc->data[RTC_C] |= RTC_C_PF;
	}
	if (!running(rtc) || now_s == rtc->settled_s)
		return;
	rtc->data[RTC_C] |= RTC_C_UF;
	/* After a step backwards (of the host's clock) only this second. */
	alarm = next_alarm(rtc,
			   now_s > rtc->settled_s ? rtc->settled_s + 1 : now_s);
	if (alarm >= 0 && alarm <= now_s)
		rtc->data[RTC_C] |= RTC_C_AF;
	rtc->settled_s = now_s;
}

/* What came before counts as seen. */
static void start_from(struct mc146818 *rtc, u64 chain)
{
	u64 period = period_ns(rtc);

	rtc->settled_s = second_at(rtc, chain);
	rtc->settled_period = period ? chain / period : 0;
}

/* ---- interrupt and timer ---- */

static bool irq_level(struct mc146818 *rtc)
{
	u8 pending = rtc->data[RTC_C] & rtc->data[RTC_B] &
		     (RTC_C_PF | RTC_C_AF | RTC_C_UF);

	if (pending)
		rtc->data[RTC_C] |= RTC_C_IRQF;
	else
		rtc->data[RTC_C] &= (u8)~RTC_C_IRQF;
	return pending;
}

/* ns until the next thing that would raise the line. */
static u64 next_event_in_ns(const struct mc146818 *rtc, u64 chain)
{
	u8 enabled = rtc->data[RTC_B];
	u64 period = period_ns(rtc), next = DEV_TIMER_NEVER;
	u64 to_second = NS_PER_S - chain % NS_PER_S;

	if ((enabled & RTC_B_PIE) && period)
		next = period - chain % period;
	if ((enabled & RTC_B_UIE) && running(rtc))
		next = MIN(next, to_second);
	if ((enabled & RTC_B_AIE) && running(rtc)) {
		s64 from = second_at(rtc, chain) + 1;
		s64 alarm = next_alarm(rtc, from);

		if (alarm >= 0)
			next = MIN(next,
				   to_second + (u64)(alarm - from) * NS_PER_S);
	}
	return next;
}

static void update(struct mc146818 *rtc)
{
	u64 chain = chain_ns(rtc), next = DEV_TIMER_NEVER;
	bool level;

	settle(rtc, chain);
	level = irq_level(rtc);
	irq_line_set(&rtc->irq, level);
	/* While the line is up, further events cannot be seen. */
	if (!level)
		next = next_event_in_ns(rtc, chain);
	if (next != DEV_TIMER_NEVER)
		next += rtc->host->now_ns(rtc->host);
	dev_timer_set(&rtc->timer, next);
}

static void timer_due(void *ctx)
{
	struct mc146818 *rtc = ctx;

	mutex_lock(&rtc->dev.lock);
	update(rtc);
	mutex_unlock(&rtc->dev.lock);
}

/* ---- registers ---- */

static bool is_time(u32 index)
{
	return index <= RTC_YEAR ? index != RTC_SECONDS_ALARM &&
					   index != RTC_MINUTES_ALARM &&
					   index != RTC_HOURS_ALARM
				 : index == CMOS_CENTURY;
}

static u8 read_data(struct mc146818 *rtc)
{
	u32 index = rtc->index % MC146818_BYTES;
	u64 chain = chain_ns(rtc);
	u8 value;

	settle(rtc, chain);
	if (is_time(index) && running(rtc))
		latch_time(rtc, second_at(rtc, chain));
	value = rtc->data[index];
	if (index == RTC_A && running(rtc) &&
	    chain % NS_PER_S >= NS_PER_S - UIP_NS)
		value |= RTC_A_UIP;
	if (index == RTC_C) {
		(void)irq_level(rtc);
		value = rtc->data[RTC_C];
		rtc->data[RTC_C] = 0;
	}
	return value;
}

/*
 * Stopping latches the time into the registers, starting takes it from there.
 * A divider that was held in reset starts with its first update half a second
 * away; SET alone lets the divider go on. [MC146818 "Divider Control"]
 */
static void change_control(struct mc146818 *rtc, u32 index, u8 value)
{
	bool was_running = running(rtc);
	u64 chain = chain_ns(rtc);

	if (was_running)
		latch_time(rtc, second_at(rtc, chain));
	rtc->data[index] = value;
	if (running(rtc) && !was_running) {
		if (index == RTC_A)
			rtc->phase_ns = (rtc->phase_ns + NS_PER_S +
					 NS_PER_S / 2 - chain % NS_PER_S) %
					NS_PER_S;
		chain = chain_ns(rtc);
		rtc->offset_s = latched_time(rtc) - (s64)(chain / NS_PER_S);
	}
	start_from(rtc, chain);
}

static void write_time(struct mc146818 *rtc, u32 index, u8 value)
{
	u64 chain = chain_ns(rtc);

	if (!running(rtc)) {
		rtc->data[index] = value;
		return;
	}
	latch_time(rtc, second_at(rtc, chain));
	rtc->data[index] = value;
	rtc->offset_s = latched_time(rtc) - (s64)(chain / NS_PER_S);
	start_from(rtc, chain);
}

static void write_data(struct mc146818 *rtc, u8 value)
{
	u32 index = rtc->index % MC146818_BYTES;

	/* What is past is judged by the settings it happened under. */
	settle(rtc, chain_ns(rtc));
	if (index == RTC_A)
		change_control(rtc, index, value & (u8)~RTC_A_UIP);
	else if (index == RTC_B && (value & RTC_B_SET)) /* clears UIE */
		change_control(rtc, index, value & (u8)~RTC_B_UIE);
	else if (index == RTC_B)
		change_control(rtc, index, value);
	else if (is_time(index))
		write_time(rtc, index, value);
	else if (index != RTC_C && index != RTC_D) /* for reading */
		rtc->data[index] = value;
}

static u64 mc146818_read(void *ctx, u64 offset, u32 width)
{
	struct mc146818 *rtc = ctx;
	u8 value;

	(void)width;
	if (offset == 0) /* the index is write-only on a PC */
		return 0xff;
	value = read_data(rtc);
	update(rtc);
	return value;
}

static void mc146818_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct mc146818 *rtc = ctx;

	(void)width;
	if (offset == 0) {
		rtc->index = (u8)value;
		return;
	}
	write_data(rtc, (u8)value);
	update(rtc);
}

/* ---- life ---- */

static struct mc146818 *rtc_of(struct dev *dev)
{
	return container_of(dev, struct mc146818, dev);
}

static void put_u16(u8 *at, u64 value)
{
	at[0] = (u8)value;
	at[1] = (u8)(value >> 8);
}

/* What firmware tells operating systems of the machine's memory. */
static void fill_cmos(struct mc146818 *rtc)
{
	u8 *data = rtc->data;
	u64 low = rtc->low_ram_end, high = rtc->high_ram_size / (64 * KiB);
	u64 above_1m = low > MiB ? (low - MiB) / KiB : 0;
	u64 above_16m = low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0;

	put_u16(&data[CMOS_BASE_KIB], 640);
	put_u16(&data[CMOS_EXT_KIB], MIN(above_1m, 63 * KiB));
	put_u16(&data[CMOS_EXT_KIB_AGAIN], MIN(above_1m, 63 * KiB));
	put_u16(&data[CMOS_ABOVE_16M_64KIB], MIN(above_16m, (u64)UINT16_MAX));
	put_u16(&data[CMOS_ABOVE_4G_64KIB], high);
	data[CMOS_ABOVE_4G_64KIB + 2] = (u8)(high >> 16);
}

/*
 * A battery keeps the time and the memory over a reset; RESET clears only the
 * interrupt enables and flags. [MC146818 "RESET"]
 */
static void mc146818_reset(struct dev *dev)
{
	struct mc146818 *rtc = rtc_of(dev);

	rtc->index = 0;
	rtc->data[RTC_B] &= (u8) ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);
	rtc->data[RTC_C] = 0;
	update(rtc);
}

static void mc146818_release(struct dev *dev)
{
	dev_timer_release(&rtc_of(dev)->timer);
}

static void mc146818_saving(struct dev *dev)
{
	update(rtc_of(dev));
}

static int mc146818_restored(struct dev *dev)
{
	struct mc146818 *rtc = rtc_of(dev);
	/* Ten thousand years either way, as four-digit years give. */
	const s64 offset_s_max = (s64)10000 * 366 * 86400;

	if (rtc->offset_s > offset_s_max || rtc->offset_s < -offset_s_max ||
	    rtc->phase_ns >= NS_PER_S)
		return trace_err(-EINVAL);
	irq_line_refresh(&rtc->irq, irq_level(rtc));
	update(rtc);
	return 0;
}

static void mc146818_acpi(const struct dev *dev, struct aml *aml)
{
	const struct mc146818 *rtc =
		container_of(dev, const struct mc146818, dev);

	aml_device_begin(aml, "RTC");
	aml_name_eisaid(aml, "_HID", "PNP0B00");
	aml_crs_begin(aml);
	aml_crs_io(aml, (u16)rtc->region.base, (u8)rtc->region.size);
	aml_crs_irq(aml, rtc->irq.irq);
	aml_crs_end(aml);
	aml_device_end(aml);
}

static const struct field fields[] = {
	FIELD(struct mc146818, index, 1),
	FIELD(struct mc146818, data, 1),
	FIELD(struct mc146818, offset_s, 1),
	FIELD(struct mc146818, phase_ns, 1),
	FIELD(struct mc146818, settled_s, 1),
	FIELD(struct mc146818, settled_period, 1),
};

static const struct dev_class mc146818_class = {
	.name = "mc146818",
	.spec = "MC146818",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = mc146818_reset,
	.release = mc146818_release,
	.saving = mc146818_saving,
	.restored = mc146818_restored,
	.acpi = mc146818_acpi,
};

void mc146818_init(struct mc146818 *rtc, const struct mc146818_config *config)
{
	*rtc = (struct mc146818){
		.irq = config->irq,
		.host = config->host,
		.low_ram_end = config->low_ram_end,
		.high_ram_size = config->high_ram_size,
		.region = {.name = "mc146818",
			   .base = config->base_port,
			   .size = 2,
			   .widths = BUS_1,
			   .read = mc146818_read,
			   .write = mc146818_write},
	};
	dev_init(&rtc->dev, &mc146818_class);
	rtc->region.lock = &rtc->dev.lock;
	rtc->region.ctx = rtc;
	dev_timer_init(&rtc->timer, config->host, timer_due, rtc);
	/* As a PC's firmware leaves it: 32 kHz base, 1024 Hz rate, BCD, 24 h */
	rtc->data[RTC_A] = RTC_A_DIVIDER_32K | 6;
	rtc->data[RTC_B] = RTC_B_24H;
	rtc->data[RTC_D] = RTC_D_VRT;
	fill_cmos(rtc);
	latch_time(rtc, second_at(rtc, chain_ns(rtc)));
	start_from(rtc, chain_ns(rtc));
	dev_reset(&rtc->dev);
}
