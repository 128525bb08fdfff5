/* SPDX-License-Identifier: MIT */
/* The checksum of ACPI's and SMBIOS's tables. */
#ifndef VMM_FIRMWARE_CHECKSUM_H
#define VMM_FIRMWARE_CHECKSUM_H

#include "base/types.h"

/* The byte that makes the sum of all of them 0. */
u8 checksum_to_zero(const void *data, size_t size);

#endif
