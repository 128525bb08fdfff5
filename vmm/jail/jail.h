/* SPDX-License-Identifier: MIT */
/*
 * The jail of a VM's process: what is left to whoever takes it over.
 *
 * It closes in three steps, between the last file that is opened and the first
 * instruction of the guest:
 *
 *	jail_create	before the engine: the filters, and what this kernel has
 *	jail_separate	before any thread: own namespaces, no new privileges
 *	jail_close	when all threads stand ready and all files are open: no
 *			descriptor that is not ours, an empty root, limits, and
 *			the first thread's own jail
 *
 * Each thread that base/thread.h starts after jail_separate() enters its own jail
 * before it does anything else: another user (for root), no capabilities, Landlock
 * and the filter of its role. So nothing can be started and forgotten.
 *
 * A call that a role's list does not have is SIGSYS, which ends the process; see
 * jail_tell_refusal(). What is promised by it is in SECURITY.md, how it is built
 * and how one finds what is missing in docs/jail.md.
 */
#ifndef VMM_JAIL_JAIL_H
#define VMM_JAIL_JAIL_H

#include <signal.h>

#include "base/err.h"
#include "base/types.h"

enum jail_mode {
	JAIL_ON,
	JAIL_OFF,
	JAIL_LOG, /* refused calls are logged by the kernel, and done */
};

struct jail_config {
	enum jail_mode mode;
	const char *engine; /* "soft" or "kvm" */
	u32 cpu_count;
};

struct jail;

/*
 * *ret is NULL with JAIL_OFF, and in builds with a sanitizer, whose runtimes need
 * calls of their own; the functions below then do nothing. -ENOSYS: this kernel
 * has no seccomp filters; the fault says what to do.
 */
must_check int jail_create(const struct jail_config *config, struct jail **ret,
			   struct fault *fault);
void jail_free(struct jail *jail); /* only the memory: there is no way out */

/*
 * The process's own user, mount, network and IPC namespaces, as far as the host
 * lets us, and the jails of the threads that are started from now on. The caller
 * is the only thread, which is asserted. Paths can still be opened.
 */
void jail_separate(struct jail *jail);

/*
 * What of the jail this host does not give, as "user namespace, Landlock"; ""
 * if nothing is missing. Complete after jail_close().
 */
const char *jail_missing(const struct jail *jail);

/* The rest, and the calling thread's own jail as JAIL_IO. -errno: not closed. */
must_check int jail_close(struct jail *jail, struct fault *fault);

/*
 * In a handler of SIGSYS: writes to standard error which call was refused to
 * what thread, if it is the jail's. Touches nothing but the stack.
 */
void jail_tell_refusal(const siginfo_t *info);

#endif
