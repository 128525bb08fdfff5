/* SPDX-License-Identifier: MIT */
/*
 * The signal that takes a thread out of a blocking system call: it does
 * nothing but make the call return -EINTR. For vCPU threads inside the engine
 * and for writers to a chardev whose reader has gone.
 *
 * A kick can arrive just before the call it should interrupt, so whoever
 * kicks also sets a flag that the thread looks at, and a thread without such
 * a flag at the last moment (vCPUs have one, immediate_exit) is kicked again.
 */
#ifndef VMM_KICK_H
#define VMM_KICK_H

#include "base/thread.h"

/* Once per process, before the first kick. */
void kick_setup(void);

void kick_thread(const struct thread *thread);

#endif
