/* SPDX-License-Identifier: MIT */
/* See jail.h. [SECCOMP] [LANDLOCK] */
#include "vmm/jail/jail.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/raw.h"
#include "base/str.h"
#include "base/thread.h"
#include "vmm/jail/landlock.h"
#include "vmm/jail/policy.h"

#define BY_SECCOMP	  1 /* SYS_SECCOMP of <asm-generic/siginfo.h> */
#define NOBODY		  65534u
#define MISSING_BYTES_MAX 96
#define FDS_SPARE	  64u /* for what is opened and closed meanwhile */
#define FDS_PER_VCPU	  64u /* listeners and the like of stubs */

struct jail {
	struct filter filter[JAIL_ROLES];
	u32 cpu_count;
	int landlock;	/* owned: a ruleset; -1: there is none */
	bool drop_user; /* root without a user namespace becomes nobody */
	bool own_mounts;
	char missing[MISSING_BYTES_MAX];
};

static void miss(struct jail *jail, const char *what)
{
	size_t used = strlen(jail->missing);

	(void)snprintf(jail->missing + used, sizeof(jail->missing) - used,
		       "%s%s", used ? ", " : "", what); /* cut is fine */
}

int jail_create(const struct jail_config *config, struct jail **ret,
		struct fault *fault)
{
	u32 refusal = config->mode == JAIL_LOG ? SECCOMP_RET_LOG
					       : SECCOMP_RET_TRAP;
	struct jail *jail;

	*ret = NULL;
	if (config->mode == JAIL_OFF || SANITIZED)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &refusal))
		return fault_set(fault, FAULT_UNSUPPORTED, trace_err(-ENOSYS),
				 "this kernel has no seccomp filters, which "
				 "the jail needs; --jail off runs without");
	jail = calloc(1, sizeof(*jail));
	if (!jail)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "jail");
	/* The handler finds the role in si_errno. */
	for (u32 role = 0; role < JAIL_ROLES; role++)
		policy_make(role, config->engine, refusal | role,
			    &jail->filter[role]);
	jail->cpu_count = config->cpu_count;
	jail->landlock = landlock_make();
	*ret = jail;
	return 0;
}

void jail_free(struct jail *jail)
{
	if (!jail)
		return;
	thread_begin_set(NULL, NULL);
	if (jail->landlock >= 0)
		(void)close(jail->landlock); /* nothing was written */
	free(jail);
}

const char *jail_missing(const struct jail *jail)
{
	return jail ? jail->missing : "";
}

/* ---- a thread's own ---- */

/* libc's functions would do it for all threads, which others' filters refuse. */
static int user_drop(const struct jail *jail)
{
	long rc = 0;

	if (!jail->drop_user)
		return 0;
	rc = raw_call(SYS_setgroups, 0, 0, 0, 0, 0, 0);
	if (!rc)
		rc = raw_call(SYS_setresgid, NOBODY, NOBODY, NOBODY, 0, 0, 0);
	if (!rc)
		rc = raw_call(SYS_setresuid, NOBODY, NOBODY, NOBODY, 0, 0, 0);
	return (int)rc;
}

/* <linux/capability.h>, version 3: two words of each set. */
static int capabilities_drop(void)
{
	struct {
		u32 version;
		int pid;
	} header = {0x20080522, 0};
	u32 none[6] = {};

	return (int)raw_call(SYS_capset, raw_address(&header),
			     raw_address(none), 0, 0, 0, 0);
}

static int enter(const struct jail *jail, enum jail_role role)
{
	struct sock_fprog program = {
		.len = jail->filter[role].count,
		.filter = (struct sock_filter *)(uintptr_t)jail->filter[role]
				  .insn, /* only read */
	};
	int err = user_drop(jail);

	if (!err)
		err = capabilities_drop();
	if (!err && jail->landlock >= 0)
		err = landlock_enter(jail->landlock);
	if (!err)
		err = (int)raw_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
				    raw_address(&program), 0, 0, 0);
	return err ? trace_err(err) : 0;
}

/* Anywhere, and at a thread's end, in libc:
 * needs: all: futex write clock_gettime? restart_syscall? */
/* needs: vcpu worker: madvise:MADV_DONTNEED exit rt_sigprocmask */
static int thread_begins(void *ctx, const char *name)
{
	return enter(ctx, strncmp(name, "vcpu", 4) ? JAIL_WORKER : JAIL_VCPU);
}

/* ---- the process's ---- */

static bool unshare_all(struct jail *jail)
{
	static const struct {
		int flag;
		const char *name;
	} space[] = {{CLONE_NEWNS, "mount namespace"},
		     {CLONE_NEWNET, "network namespace"},
		     {CLONE_NEWIPC, "IPC namespace"}};

	if (!unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)) {
		jail->own_mounts = true;
		return true;
	}
	if (errno == EPERM)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(space); i++)
		if (unshare(space[i].flag))
			miss(jail, space[i].name);
		else
			jail->own_mounts |= space[i].flag == CLONE_NEWNS;
	return true;
}

/* In a user namespace of its own, where no other user is to be had any more. */
static void unshare_own(struct jail *jail, bool *root)
{
	bool own = !unshare(CLONE_NEWUSER);

	if (!own || !unshare_all(jail))
		miss(jail, "namespaces");
	if (own && *root) {
		miss(jail, "user 65534");
		*root = false;
	}
}

/*
 * Else malloc looks for files: in /sys, to count the processors for a ninth
 * thread; in /proc, before it gives back what another arena has no use for. One
 * grows and shrinks by brk, and by what large blocks are.
 * needs: all: brk? mmap:not=PROT_EXEC? munmap?
 */
static void one_arena(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
}

void jail_separate(struct jail *jail)
{
	bool root = !geteuid();

	if (!jail)
		return;
	/* Does nothing, and only for one thread: another would stay outside. */
	assert(!unshare(CLONE_THREAD) || errno != EINVAL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		miss(jail, "no_new_privs");
	if (jail->landlock < 0)
		miss(jail, "Landlock");
	/* Root has the right to namespaces, others only in one of their own. */
	if (!root || !unshare_all(jail))
		unshare_own(jail, &root);
	jail->drop_user = root;
	one_arena();
	if (jail->own_mounts &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		jail->own_mounts = false;
		miss(jail, "private mounts");
	}
	thread_begin_set(thread_begins, jail);
}

/* Directories that are everywhere; in our own namespace it does not matter. */
static bool root_mount(void)
{
	static const char *const at[] = {"/tmp", "/proc", "/dev"};

	for (u32 i = 0; i < ARRAY_SIZE(at); i++)
		if (!mount("none", at[i], "tmpfs",
			   MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   "size=4k,mode=555"))
			return !chdir(at[i]);
	return false;
}

/* The old root is mounted upon the new one, and goes. pivot_root(2) */
static bool root_change(void)
{
	if (!syscall(SYS_pivot_root, ".", "."))
		return !umount2(".", MNT_DETACH);
	return !chroot("."); /* the first root of all cannot be moved */
}

static void root_empty(struct jail *jail)
{
	if (!jail->own_mounts)
		return;
	if (!root_mount() || !root_change() || chdir("/"))
		miss(jail, "empty root");
}

static void limit(int what, u64 most)
{
	struct rlimit now, then;

	if (getrlimit((__rlimit_resource_t)what, &now))
		return;
	then.rlim_max = MIN(now.rlim_max, (rlim_t)most);
	then.rlim_cur = MIN(now.rlim_cur, then.rlim_max);
	(void)setrlimit((__rlimit_resource_t)what, &then); /* less is allowed */
}

/*
 * Closes what the program was started with, as it was left open by somebody: all
 * of ours closes on exec. The highest of the others, or -1.
 */
static int descriptors_keep_ours(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int highest = STDERR_FILENO;
	struct dirent *entry;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		u64 number;
		int fd;

		if (str_parse_u64(str_of(entry->d_name), &number)) /* . and .. */
			continue;
		fd = (int)number;
		if (fd <= STDERR_FILENO || fd == dirfd(dir))
			continue;
		if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
			highest = MAX(highest, fd);
		else
			(void)close(fd); /* not ours to lose */
	}
	(void)closedir(dir); /* was only read */
	return highest;
}

static void descriptors_limit(struct jail *jail)
{
	int highest = descriptors_keep_ours();

	if (highest < 0) {
		miss(jail, "closing of what was inherited");
		return;
	}
	limit(RLIMIT_NOFILE,
	      (u64)highest + 1 + FDS_SPARE + FDS_PER_VCPU * jail->cpu_count);
}

int jail_close(struct jail *jail, struct fault *fault)
{
	int err;

	if (!jail)
		return 0;
	descriptors_limit(jail);
	limit(RLIMIT_CORE, 0); /* it would hold the guest's memory */
	root_empty(jail);
	err = enter(jail, JAIL_IO);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot close the jail; --jail off runs "
				 "without");
	return 0;
}

/* ---- what was refused ---- */

static size_t put_text(char *line, size_t used, const char *text)
{
	size_t length = strlen(text);

	memcpy(line + used, text, length);
	return used + length;
}

static size_t put_number(char *line, size_t used, u32 number)
{
	char digits[10];
	u32 count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		line[used++] = digits[--count];
	return used;
}

/* needs: all: write */
void jail_tell_refusal(const siginfo_t *info)
{
	u32 number = (u32)info->si_syscall;
	const char *name = policy_call_name(number);
	char line[128];
	size_t used;

	if (info->si_code != BY_SECCOMP)
		return;
	used = put_text(line, 0, "keel: the jail refused system call ");
	used = put_number(line, used, number);
	used = put_text(line, used, " (");
	used = put_text(line, used, name ? name : "see <asm/unistd_64.h>");
	used = put_text(line, used, ") of the ");
	used = put_text(line, used, policy_role_name((u32)info->si_errno));
	used = put_text(line, used, " thread\n");
	/* Nobody is left to tell when standard error itself fails. */
	(void)raw_call(SYS_write, STDERR_FILENO, raw_address(line), used, 0, 0,
		       0);
}
