/* SPDX-License-Identifier: MIT */
/* Any sequence of port accesses while time goes by; every time settable. */
#include "vmm/dev/mc146818/mc146818.h"

#include <assert.h>

#include "vmm/dev/fake_host.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fake_host host;
	struct mc146818 rtc;
	struct buf buf;

	fake_host_init(&host);
	host.realtime_ns = (u64)1795345198 * 1000000000;
	mc146818_init(&rtc, &(struct mc146818_config){
				    .base_port = 0x70,
				    .irq = fake_host_irq(&host, 8),
				    .host = &host.host,
				    .low_ram_end = 512 * MiB,
			    });
	for (size_t i = 0; i + 2 < size; i += 3) {
		rtc.region.write(&rtc, 0, data[i], 1);
		if (data[i] & 0x80)
			rtc.region.write(&rtc, 1, data[i + 1], 1);
		else
			(void)rtc.region.read(&rtc, 1, 1);
		/* With a fast rate a long step would be many timers. */
		fake_host_advance(&host, (u64)data[i + 2] << 16);
	}
	buf_init(&buf, 65536);
	if (!dev_save(&rtc.dev, &buf))
		assert(!dev_load(&rtc.dev, 1, buf.data, buf.size));
	buf_release(&buf);
	dev_release(&rtc.dev);
	return 0;
}
