/* SPDX-License-Identifier: MIT */
/*
 * Which pages of host memory hold translated guest code, for one VM.
 *
 * A slot shows host memory at a guest address, and several slots may show the
 * same: so the record is kept by host page. While a page is recorded no vCPU
 * has a cached right to write it; the first access that wants one comes to
 * code_map_written(), which drops the page's translations on every vCPU and
 * the record with them. A page that is written over and over while it runs is
 * left to tier 0, whose blocks are compared with memory at each entry, for some
 * thousand executions.
 *
 * Entries are atomic words; regions are allocated under the map's lock.
 */
#ifndef ENGINE_SOFT_CODE_MAP_H
#define ENGINE_SOFT_CODE_MAP_H

#include "engine/soft/soft.h"

/* -ENOMEM */
int must_check code_map_create(struct code_map **ret);
void code_map_free(struct code_map *map); /* NULL is fine */

/*
 * May this vCPU translate code of the page now? If it was not recorded, it is
 * afterwards, with every vCPU's rights to write it withdrawn; the answer is
 * then "not yet", since all that the caller knows may have changed meanwhile.
 */
bool code_map_protect(struct soft_vcpu *vcpu, u64 host_page);

/* The page is about to be written, by `self` or by nobody in particular (NULL;
 * vm.lock held or on a vCPU inside). Cheap when it holds no code. */
void code_map_written(struct soft_vm *vm, struct soft_vcpu *self, u64 host_page);

/*
 * A stub of `self`'s may write the page from now on (direct/shadow.h), and no
 * longer, as often as it was opened: while it may, nothing of it is translated.
 * Who wants to translate it after all takes the right away.
 */
void code_map_open(struct soft_vm *vm, struct soft_vcpu *self, u64 host_page);
void code_map_close(struct soft_vm *vm, u64 host_page);

bool code_map_holds(struct code_map *map, u64 host_page);

/* REQUEST_CODE: what others have asked this vCPU to drop. */
void code_map_serve(struct soft_vcpu *vcpu);

#endif
