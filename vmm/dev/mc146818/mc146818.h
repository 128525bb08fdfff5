/* SPDX-License-Identifier: MIT */
/*
 * MC146818: the real-time clock and its battery-backed memory, reached
 * through an index port and a data port. [MC146818]
 *
 * Guest time is the host's real time plus an offset that the guest changes
 * by setting the clock. It is not counted but computed when looked at; host
 * timers run only while an interrupt is enabled. The square wave output goes
 * nowhere on a PC and daylight saving is not modelled (no modern part does).
 * The NMI mask in bit 7 of the index is kept; nothing here makes NMIs.
 *
 * On top of the chip's 64 bytes the PC's 128 are there, with the century and
 * the memory sizes where firmware puts them.
 */
#ifndef VMM_DEV_MC146818_MC146818_H
#define VMM_DEV_MC146818_MC146818_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"
#include "vmm/dev/host.h"

#define MC146818_BYTES 128

enum {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04,
	RTC_HOURS_ALARM = 0x05,
	RTC_WEEKDAY = 0x06, /* 1 = Sunday */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	CMOS_SHUTDOWN = 0x0f,
	CMOS_BASE_KIB = 0x15, /* 2 bytes */
	CMOS_EXT_KIB = 0x17,  /* 2 bytes: above 1 MiB, 63 MiB at most */
	CMOS_EXT_KIB_AGAIN = 0x30,
	CMOS_CENTURY = 0x32,
	CMOS_ABOVE_16M_64KIB = 0x34, /* 2 bytes: below 4 GiB */
	CMOS_ABOVE_4G_64KIB = 0x5b,  /* 3 bytes */
};

#define RTC_A_UIP	  0x80
#define RTC_A_DIVIDER	  0x70
#define RTC_A_DIVIDER_32K 0x20 /* the one in which the clock runs */
#define RTC_A_RATE	  0x0f

#define RTC_B_SET    0x80
#define RTC_B_PIE    0x40
#define RTC_B_AIE    0x20
#define RTC_B_UIE    0x10
#define RTC_B_BINARY 0x04
#define RTC_B_24H    0x02

#define RTC_C_IRQF 0x80
#define RTC_C_PF   0x40
#define RTC_C_AF   0x20
#define RTC_C_UF   0x10

#define RTC_D_VRT 0x80

struct mc146818_config {
	u64 base_port;
	struct irq_line irq;
	struct dev_host *host; /* borrowed: must outlive the device */
	u64 low_ram_end;       /* bytes */
	u64 high_ram_size;     /* bytes above 4 GiB */
};

struct mc146818 {
	struct dev dev;
	struct bus_region region;
	struct irq_line irq;
	struct dev_host *host;
	struct dev_timer timer;
	u64 low_ram_end, high_ram_size;

	u8 index;		 /* of the data port; bit 7: NMI mask */
	u8 data[MC146818_BYTES]; /* time registers: only while stopped */
	/*
	 * While running, guest time is the host's real time + phase_ns, of
	 * which the whole seconds are moved by offset_s.
	 */
	s64 offset_s;
	u64 phase_ns; /* below one second */
	/* Up to where flags are settled. */
	s64 settled_s;	    /* update and alarm: a guest second */
	u64 settled_period; /* periodic: count of periods since 1970 */
};

void mc146818_init(struct mc146818 *rtc, const struct mc146818_config *config);

#endif
