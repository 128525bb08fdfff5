/* SPDX-License-Identifier: MIT */
/*
 * The host side of fpu/fpu.h: the only place where guest vector and x87
 * operations meet the host's vector unit.
 *
 * Nothing here is generated at run time: every thunk stands in vec.S or x87.S,
 * so this works where no executable memory can be had.
 */
#ifndef ENGINE_SOFT_THUNK_THUNK_H
#define ENGINE_SOFT_THUNK_THUNK_H

#include "engine/core/fpu/fpu.h"

/*
 * Makes the callbacks for this host: thunks of features that it lacks are NULL.
 * Immutable afterwards; any number of vCPUs may share one. -ENOMEM.
 */
int must_check thunk_host_create(struct fpu_host **ret_host);
void thunk_host_free(struct fpu_host *host); /* NULL is fine */

/* Whether this host's CPU and kernel offer the feature: for vector features,
 * whether rows of it have thunks. Others: true. */
bool thunk_host_has(enum insn_feature feature);

/*
 * The SSE runners leave the guest's exception flags in the host's MXCSR (its
 * control bits are as before): whoever runs guest code for a client takes the
 * thread's MXCSR before the first instruction and puts it back after the last.
 */
u32 thunk_mxcsr_save(void);
void thunk_mxcsr_restore(u32 mxcsr);

#endif
