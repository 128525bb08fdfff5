/* SPDX-License-Identifier: MIT */
/*
 * For tests: a write to port 0xf4 ends the process with exit status
 * (value << 1) | 1, which is never the 0 of an orderly power-off.
 * [ISA-DEBUG-EXIT] On the board only when asked for.
 */
#ifndef VMM_DEV_TEST_EXIT_TEST_EXIT_H
#define VMM_DEV_TEST_EXIT_TEST_EXIT_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define TEST_EXIT_PORT	     0xf4
#define TEST_EXIT_PORT_COUNT 4

struct test_exit {
	struct dev dev;
	struct bus_region region;
	struct power_line power;
};

void test_exit_init(struct test_exit *exit, struct power_line power);

#endif
