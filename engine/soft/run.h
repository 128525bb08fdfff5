/* SPDX-License-Identifier: MIT */
/*
 * Steps of tier 0, for the run loop and for who stands before it.
 */
#ifndef ENGINE_SOFT_RUN_H
#define ENGINE_SOFT_RUN_H

#include "engine/soft/soft.h"

/* A block, or one instruction where a block may not be; enum x86_result. */
int soft_block_step(struct soft_vcpu *vcpu);
/* One instruction at RIP, with nothing pending. */
int soft_insn_step(struct soft_vcpu *vcpu);
/* Its two halves; between them cpu.code_host is the page of its bytes. */
int soft_insn_fetch(struct soft_vcpu *vcpu, struct insn *ret);
int soft_insn_run(struct soft_vcpu *vcpu, struct insn *in);

#endif
