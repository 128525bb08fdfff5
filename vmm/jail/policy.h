/* SPDX-License-Identifier: MIT */
/*
 * Which system calls a thread of a VM's process may make when the guest runs.
 *
 * The list is not written here. Each function that makes a call says so in a
 * comment beside it,
 *
 *	needs: io worker: write poll
 *	needs: io: ioctl:TCGETS kill:self mmap:not=PROT_EXEC clock_gettime?
 *
 * and tools/gather-needs makes policy.inc of these comments: first the roles, or
 * "all", then the calls. A condition is a value that the argument must have that
 * says what the call does (`self` is this process's id), `type=` the type of an
 * ioctl, `not=` bits that it must not have. A question mark stands behind what no
 * test can be sure to see, as it depends on the host. What is written below
 * engine/soft or engine/kvm is only allowed when that engine runs the guest.
 */
#ifndef VMM_JAIL_POLICY_H
#define VMM_JAIL_POLICY_H

#include "vmm/jail/filter.h"

/* What a thread does; its name decides, see jail.h. */
enum jail_role {
	JAIL_IO,     /* the first thread: the event loop */
	JAIL_VCPU,   /* guest code, and the stubs of the software engine */
	JAIL_WORKER, /* what serves these: console output, timers */
	JAIL_ROLES,
};

/* The filter of a role; `engine` is "soft" or "kvm", `refusal` a SECCOMP_RET_. */
void policy_make(enum jail_role role, const char *engine, u32 refusal,
		 struct filter *ret);

const char *policy_role_name(u32 role); /* "?" for a number that is none */
/* Of a call that is on some list or known to be tried; NULL for others. */
const char *policy_call_name(u32 number);

#endif
