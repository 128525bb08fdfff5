/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU this thread runs, for the handler of faults on guest memory.
 */
#ifndef ENGINE_SOFT_GUARD_H
#define ENGINE_SOFT_GUARD_H

struct soft_vcpu;

void soft_guard_enter(struct soft_vcpu *vcpu);
void soft_guard_leave(void);

#endif
