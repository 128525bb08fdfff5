/* SPDX-License-Identifier: MIT */
/* Port 0xe9. */
#include "vmm/dev/debug_console/debug_console.h"

static u64 debug_console_read(void *ctx, u64 offset, u32 width)
{
	(void)ctx;
	(void)offset;
	(void)width;
	return DEBUG_CONSOLE_PORT;
}

static void debug_console_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct debug_console *console = ctx;
	u8 byte = (u8)value;

	(void)offset;
	(void)width;
	(void)chardev_write(console->chardev, &byte, 1); /* or it is lost */
}

static const struct dev_class debug_console_class = {
	.name = "debug_console",
	.spec = "PORT-E9",
	.version = 1,
};

void debug_console_init(struct debug_console *console, struct chardev *chardev)
{
	*console = (struct debug_console){
		.chardev = chardev,
		.region = {.name = "debug console",
			   .base = DEBUG_CONSOLE_PORT,
			   .size = 1,
			   .widths = BUS_1,
			   .read = debug_console_read,
			   .write = debug_console_write},
	};
	dev_init(&console->dev, &debug_console_class);
	console->region.lock = &console->dev.lock;
	console->region.ctx = console;
}
