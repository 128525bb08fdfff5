/* SPDX-License-Identifier: MIT */
/*
 * A debugger's breakpoints and watchpoints, and guest memory as it sees it.
 *
 * A software breakpoint is an INT3 in guest memory, there only while the guest
 * runs: what stands still holds the guest's own bytes, for whoever looks. It
 * is kept by physical address, so it counts in every address space that has
 * the page. Where the guest has written over it meanwhile, it stays lost.
 *
 * Hardware breakpoints and watchpoints are the four of KVM_SET_GUEST_DEBUG;
 * while there is one, the guest's own debug registers have no effect.
 *
 * All on the loop's thread; planted ones are touched with the vCPUs parked.
 */
#ifndef VMM_GDBSTUB_BREAKS_H
#define VMM_GDBSTUB_BREAKS_H

#include "vmm/machine/machine.h"

#define GDB_SOFT_MAX 256
#define GDB_HARD_MAX 4

struct gdb_soft {
	u64 address; /* as the client gave it: linear */
	gpa_t gpa;
	bool planted;
	u8 original; /* while planted */
};

/* Values of DR7's R/W. [SDM3 17.2.4 "Debug Control Register (DR7)"] */
enum gdb_hard_kind { GDB_EXECUTE = 0, GDB_WRITE = 1, GDB_ACCESS = 3 };

struct gdb_hard {
	bool used;
	enum gdb_hard_kind kind;
	u64 address;
	u32 bytes; /* 1, 2, 4 or 8 */
};

struct gdb_breaks {
	struct machine *machine; /* borrowed */
	struct gdb_soft soft[GDB_SOFT_MAX];
	u32 soft_count;
	struct gdb_hard hard[GDB_HARD_MAX];
};

/* By the vCPU's page tables: false where nothing is mapped. */
bool gdb_translate(struct machine *machine, u32 vcpu, u64 address,
		   gpa_t *ret_gpa);
/* False unless all of it is mapped, and RAM. A write may then be half done. */
bool gdb_memory_read(struct machine *machine, u32 vcpu, u64 address, void *data,
		     u32 size);
bool gdb_memory_write(struct machine *machine, u32 vcpu, u64 address,
		      const void *data, u32 size);

/*
 * Adding what is there and deleting what is not succeed. -EFAULT: no memory
 * there; -ENOSPC: no more of them; -EINVAL: a size or alignment that the
 * debug registers do not have.
 */
must_check int gdb_soft_add(struct gdb_breaks *b, u32 vcpu, u64 address);
void gdb_soft_del(struct gdb_breaks *b, u64 address);
must_check int gdb_hard_add(struct gdb_breaks *b, enum gdb_hard_kind kind,
			    u64 address, u64 bytes);
void gdb_hard_del(struct gdb_breaks *b, enum gdb_hard_kind kind, u64 address,
		  u64 bytes);

/* All INT3s into memory, and out of it. */
void gdb_breaks_plant(struct gdb_breaks *b);
void gdb_breaks_lift(struct gdb_breaks *b);
/* The memory was loaded anew: what is planted there is put in again. */
void gdb_breaks_replant(struct gdb_breaks *b);

bool gdb_soft_at(const struct gdb_breaks *b, gpa_t gpa);
bool gdb_execute_at(const struct gdb_breaks *b, u64 address);
/* Whether there is such a one, in whatever register. */
bool gdb_hard_is_set(const struct gdb_breaks *b, const struct gdb_hard *hard);
/* The one that DR6 names, or NULL. */
const struct gdb_hard *gdb_hard_hit(const struct gdb_breaks *b, u64 dr6);

enum gdb_stop_for {
	GDB_STOP_FOR_BREAKS,
	GDB_STOP_FOR_STEP, /* after one instruction, too */
	GDB_STEP_OVER_ALL, /* after one instruction, by no breakpoint */
	GDB_STOP_FOR_NOTHING,
};

/* KVM_SET_GUEST_DEBUG; with `give_back` the INT3 it stands at is the guest's.
 * -errno of the engine. */
must_check int gdb_breaks_apply(const struct gdb_breaks *b, u32 vcpu,
				enum gdb_stop_for what, bool give_back);

#endif
