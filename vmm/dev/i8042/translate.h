/* SPDX-License-Identifier: MIT */
/*
 * From scan code set 2 to set 1, as an 8042 does it to each byte of the
 * keyboard, answers included. 0xf0, which makes a code a release, is not for this.
 * [SCANCODE "Scan Code Tables"]
 */
#ifndef VMM_DEV_I8042_TRANSLATE_H
#define VMM_DEV_I8042_TRANSLATE_H

#include "base/types.h"

u8 i8042_translate(u8 byte);

#endif
