/* SPDX-License-Identifier: MIT */
/* Port 0xf4. */
#include "vmm/dev/test_exit/test_exit.h"

static u64 test_exit_read(void *ctx, u64 offset, u32 width)
{
	(void)ctx;
	(void)offset;
	(void)width;
	return 0;
}

static void test_exit_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct test_exit *exit = ctx;

	(void)offset;
	(void)width;
	power_raise(&exit->power, POWER_EXIT, (int)((value << 1 | 1) & 0xff));
}

static const struct dev_class test_exit_class = {
	.name = "test_exit",
	.spec = "ISA-DEBUG-EXIT",
	.version = 1,
};

void test_exit_init(struct test_exit *exit, struct power_line power)
{
	*exit = (struct test_exit){
		.power = power,
		.region = {.name = "test exit",
			   .base = TEST_EXIT_PORT,
			   .size = TEST_EXIT_PORT_COUNT,
			   .widths = BUS_1_2_4,
			   .read = test_exit_read,
			   .write = test_exit_write},
	};
	dev_init(&exit->dev, &test_exit_class);
	exit->region.lock = &exit->dev.lock;
	exit->region.ctx = exit;
}
