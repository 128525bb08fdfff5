/* SPDX-License-Identifier: MIT */
/*
 * The flash chips of UEFI firmware, and the engine's memory slots in which
 * their arrays are seen.
 */
#ifndef VMM_MACHINE_FLASH_H
#define VMM_MACHINE_FLASH_H

#include "vmm/dev/pflash/pflash.h"

struct machine;

/* What goes on the board, into an array of BOARD_FLASH_MAX; how many. */
u32 flash_describe(struct machine *machine, struct pflash_config *ret);

/* After a start or a reset: the engine has refused the slot of one. */
bool flash_is_hidden(const struct machine *machine);

#endif
