/* SPDX-License-Identifier: MIT */
/*
 * The scalar types of the engine: base's fixed-width names and the address
 * types of the field. Freestanding; a kernel module takes this file as it is.
 */
#ifndef ENGINE_CORE_TYPES_H
#define ENGINE_CORE_TYPES_H

#include "base/types.h"

typedef u64 gpa_t; /* guest-physical address */
typedef u64 gva_t; /* guest-virtual (linear) address */

#endif
