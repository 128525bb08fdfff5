/* SPDX-License-Identifier: MIT */
/* The fast A20 and reset port. */
#include "vmm/dev/port92/port92.h"

static u64 port92_read(void *ctx, u64 offset, u32 width)
{
	const struct port92 *port = ctx;

	(void)offset;
	(void)width;
	return port->value;
}

static void port92_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct port92 *port = ctx;
	bool rising = value & ~(u64)port->value & PORT92_RESET;

	(void)offset;
	(void)width;
	port->value = (u8)value;
	if (rising)
		power_raise(&port->power, POWER_RESET, 0);
}

static void port92_reset(struct dev *dev)
{
	container_of(dev, struct port92, dev)->value = PORT92_A20;
}

static const struct field fields[] = {
	FIELD(struct port92, value, 1),
};

static const struct dev_class port92_class = {
	.name = "port92",
	.spec = "ISA-SYS",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = port92_reset,
};

void port92_init(struct port92 *port, struct power_line power)
{
	*port = (struct port92){
		.power = power,
		.region = {.name = "port92",
			   .base = PORT92_PORT,
			   .size = 1,
			   .widths = BUS_1,
			   .read = port92_read,
			   .write = port92_write},
	};
	dev_init(&port->dev, &port92_class);
	port->region.lock = &port->dev.lock;
	port->region.ctx = port;
	dev_reset(&port->dev);
}
