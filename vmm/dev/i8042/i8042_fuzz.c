/* SPDX-License-Identifier: MIT */
/* Any sequence of port accesses; the queue stays in bounds. */
#include "vmm/dev/i8042/i8042.h"

#include <assert.h>

#include "vmm/dev/fake_host.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fake_host host;
	struct i8042 kbc;
	struct buf buf;

	fake_host_init(&host);
	i8042_init(&kbc, &(struct i8042_config){
				 .kbd_irq = fake_host_irq(&host, 1),
				 .power = fake_host_power(&host),
			 });
	for (size_t i = 0; i + 1 < size; i += 2) {
		struct bus_region *region = data[i] & 1 ? &kbc.data_region
							: &kbc.command_region;

		if (data[i] & 2)
			(void)region->read(&kbc, 0, 1);
		else
			region->write(&kbc, 0, data[i + 1], 1);
		assert(kbc.queue_count <= I8042_QUEUE_BYTES);
	}
	buf_init(&buf, 65536);
	if (!dev_save(&kbc.dev, &buf))
		assert(!dev_load(&kbc.dev, 1, buf.data, buf.size));
	buf_release(&buf);
	dev_release(&kbc.dev);
	return 0;
}
