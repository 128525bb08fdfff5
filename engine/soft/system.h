/* SPDX-License-Identifier: MIT */
/* The software engine's system calls that its VMs share. */
#ifndef ENGINE_SOFT_SYSTEM_H
#define ENGINE_SOFT_SYSTEM_H

#include "engine/engine.h"

int soft_check_extension(struct engine *e, u32 cap);

#endif
