/* SPDX-License-Identifier: MIT */
/* Any text as --net's: it is refused with a sentence, or means itself. */
#include "vmm/net/net_options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct net_options options = {};
	struct fault fault = {};
	char text[2048];

	if (size >= sizeof(text) || memchr(data, 0, size))
		return -1;
	memcpy(text, data, size);
	text[size] = 0;
	if (net_options_parse(text, &options, &fault)) {
		require(fault_is_set(&fault) && fault.text[0][0]);
		return 0;
	}
	require(options.forward_count <= NET_FORWARD_MAX);
	require(memchr(options.path, 0, sizeof(options.path)));
	for (u32 i = 0; i < options.forward_count; i++)
		require(options.forward[i].host_port &&
			options.forward[i].guest_port &&
			memchr(options.forward[i].host, 0, 16));
	return 0;
}
