/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/checksum.h"

u8 checksum_to_zero(const void *data, size_t size)
{
	const u8 *bytes = data;
	u8 sum = 0;

	while (size--)
		sum = (u8)(sum + *bytes++);
	return (u8)-sum;
}
