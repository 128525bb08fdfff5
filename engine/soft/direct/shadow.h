/* SPDX-License-Identifier: MIT */
/*
 * The user half of one guest address space, mapped into a stub page by page as
 * the guest asks for it: a TLB made of the host's mappings.
 *
 * As a TLB does, it may show what page tables said before, until the guest
 * flushes. Nothing watches the tables: each mapped page has a copy of the entry
 * it was made from, and after a flush those are compared with what stands there
 * now. A space that is left and entered again with its PCID costs nothing.
 *
 * A page that the stub may write is counted in the code map (code_map.h): it has
 * no translations as long as it is mapped so.
 *
 * On the vCPU's thread, or with all vCPUs outside.
 */
#ifndef ENGINE_SOFT_DIRECT_SHADOW_H
#define ENGINE_SOFT_DIRECT_SHADOW_H

#include "engine/core/paging/paging.h"
#include "engine/soft/direct/stub.h"
#include "engine/soft/soft.h"

struct shadow;

enum shadow_answer {
	SHADOW_DONE, /* mapped; the access may be made again */
	SHADOW_NOT,  /* the guest's tables do not allow it, or a device's */
	SHADOW_SENSITIVE, /* code that must not run directly */
	SHADOW_BROKEN,	  /* the host refuses */
};

/* `stub` is borrowed: outlives the shadow. NULL: no memory. */
struct shadow *shadow_create(struct soft_vcpu *vcpu, struct stub *stub);
/* Unmaps nothing: the stub goes, too. NULL is fine. */
void shadow_free(struct shadow *shadow);

/* Was the page mapped for that just now, though the stub may not have known? */
bool shadow_just_filled(struct shadow *shadow, u64 address, u32 how);

/*
 * Maps what an access at this address needs, and some of what is around it. `how`
 * is WALK_WRITE, WALK_FETCH or 0. The guest's A and D bits are set as by any walk.
 */
enum shadow_answer shadow_fill(struct shadow *shadow, u64 address, u32 how);

/* Before the guest's code goes on: the flushes since the last time. False: the
 * host refuses. */
bool shadow_sync(struct shadow *shadow);
/* How many pages are mapped. */
u32 shadow_pages(const struct shadow *shadow);
/* Nothing stays mapped; false: the host refuses. */
bool shadow_drop(struct shadow *shadow);
/* The page at this host address is no longer mapped for writing. */
bool shadow_page_close(struct shadow *shadow, u64 host_page);

#endif
