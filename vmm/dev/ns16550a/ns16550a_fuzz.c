/* SPDX-License-Identifier: MIT */
/*
 * Any sequence of port accesses and wire events: the FIFOs stay in bounds
 * and the state saved at the end can be restored.
 */
#include "vmm/dev/ns16550a/ns16550a.h"

#include <assert.h>

#include "vmm/char/fake_chardev.h"
#include "vmm/dev/fake_host.h"

static void step(struct ns16550a *uart, struct fake_chardev *wire, u8 op, u8 arg)
{
	struct chardev_user *user = &wire->chardev.user;

	if (op & 0x80) {
		size_t room = user->room(user->ctx);
		u8 text[NS16550A_FIFO_BYTES] = {arg};

		assert(room <= sizeof(text));
		user->receive(user->ctx, text, room);
	} else if (op & 0x40) {
		wire->limit = arg & 1 ? FAKE_CHARDEV_BYTES_MAX : wire->out_size;
		if (wire->out_size > FAKE_CHARDEV_BYTES_MAX - 64)
			wire->out_size = wire->limit = 0;
		user->writable(user->ctx);
	} else if (op & 0x20) {
		(void)uart->region.read(uart, op & 7, 1);
	} else {
		uart->region.write(uart, op & 7, arg, 1);
	}
	assert(uart->rx.count <= NS16550A_FIFO_BYTES);
	assert(uart->tx.count <= NS16550A_FIFO_BYTES);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fake_chardev wire;
	struct fake_host host;
	struct ns16550a uart;
	struct buf buf;

	fake_host_init(&host);
	fake_chardev_init(&wire);
	ns16550a_init(&uart, &(struct ns16550a_config){
				     .base_port = 0x3f8,
				     .irq = fake_host_irq(&host, 4),
				     .chardev = &wire.chardev,
				     .acpi_uid = 1,
			     });
	for (size_t i = 0; i + 1 < size; i += 2)
		step(&uart, &wire, data[i], data[i + 1]);
	buf_init(&buf, 65536);
	if (!dev_save(&uart.dev, &buf))
		assert(!dev_load(&uart.dev, 1, buf.data, buf.size));
	buf_release(&buf);
	dev_release(&uart.dev);
	return 0;
}
