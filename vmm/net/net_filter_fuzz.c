/* SPDX-License-Identifier: MIT */
/*
 * Any frame of a restricted guest: what passes is no connection's beginning.
 */
#include "vmm/net/net_filter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct net_options options = {
		.restricted = true,
		.forward = {{.host_port = 2222, .guest_port = 22}},
		.forward_count = 1,
	};

	if (size > NETDEV_FRAME_BYTES_MAX ||
	    !net_filter_passes(&options, data, (u32)size))
		return 0;
	if (data[12] == 8 && data[13] == 0 && data[23] == 6) {
		u32 tcp = 14 + 4 * (data[14] & 15u);

		require((data[tcp + 13] & 0x12) != 2 && data[tcp + 1] == 22);
	}
	return 0;
}
