/* SPDX-License-Identifier: MIT */
/*
 * PAUSE: a guest that spins gives its core to whom it may be waiting for.
 */
#ifndef ENGINE_SOFT_PAUSE_H
#define ENGINE_SOFT_PAUSE_H

#include "engine/core/decode/decode.h"

int soft_pause(struct x86_cpu *cpu, const struct insn *in);

#endif
