/* SPDX-License-Identifier: MIT */
/*
 * The fixed hardware of ACPI: the PM1a event and control registers, the power
 * management timer, and the PC's reset register. [ACPI 4.8 "ACPI Hardware
 * Features"]
 *
 * Power-off (S5) is the only sleep state. ACPI mode is always on: there is no
 * SMI command port, so SCI_EN reads as one. The reset register is the PC's
 * 0xcf9: bit 1 says how, bit 2 going from 0 to 1 resets.
 */
#ifndef VMM_DEV_ACPI_PM_ACPI_PM_H
#define VMM_DEV_ACPI_PM_ACPI_PM_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"
#include "vmm/dev/host.h"

/* Offsets from the base port. */
enum {
	ACPI_PM1_STS = 0,
	ACPI_PM1_EN = 2,
	ACPI_PM1_CNT = 4,
	ACPI_PM_TMR = 8,
	ACPI_PM_PORT_COUNT = 12,
};

#define ACPI_PM_TIMER_HZ    3579545
#define ACPI_PM_SLP_TYP_S5  5
#define ACPI_PM_RESET_PORT  0xcf9
#define ACPI_PM_RESET_VALUE 0x06
#define ACPI_PM_RESET_CPU   0x04

/* PM1 status and enable. [ACPI 4.8.3.1 "PM1 Event Grouping"] */
#define PM1_TMR	   0x0001
#define PM1_GBL	   0x0020
#define PM1_PWRBTN 0x0100
#define PM1_SLPBTN 0x0200
#define PM1_RTC	   0x0400
#define PM1_WAK	   0x8000 /* status only */

/* [ACPI 4.8.3.2 "PM1 Control Grouping"] */
#define PM1_CNT_SCI_EN	0x0001
#define PM1_CNT_SLP_TYP 0x1c00
#define PM1_CNT_SLP_EN	0x2000

struct acpi_pm_config {
	u64 base_port;
	struct irq_line sci;
	struct power_line power;
	struct dev_host *host; /* borrowed: must outlive the device */
};

struct acpi_pm {
	struct dev dev;
	struct bus_region event_region, control_region, timer_region;
	struct bus_region reset_region;
	struct irq_line sci;
	struct power_line power;
	struct dev_host *host;
	struct dev_timer timer;

	u16 status, enable, control;
	u8 reset_value;
	u64 base_ticks;	  /* added to the host's clock: what the guest counts */
	u64 saved_ticks;  /* the guest's count when saved */
	u64 settled_half; /* half periods of the timer seen */
};

void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_config *config);

/* The user pressed the power button. Any thread. */
void acpi_pm_power_button(struct acpi_pm *pm);

#endif
