/* SPDX-License-Identifier: MIT */
/* See policy.h. Constants in conditions are the headers' below. */
#include "vmm/jail/policy.h"

#include <fcntl.h>
#include <assert.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/types.h"

/* SECCOMP_IOCTL_NOTIF_SET_FLAGS, Linux 6.6's */
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, u64)

enum { ON_SOFT = 1, ON_KVM = 2 };

struct need {
	u8 roles;   /* BIT() of enum jail_role */
	u8 engines; /* ON_... */
	bool self;  /* the value is this process's id */
	const char *name;
	struct filter_rule rule;
};

#define IO     BIT(JAIL_IO)
#define VCPU   BIT(JAIL_VCPU)
#define WORKER BIT(JAIL_WORKER)

static const struct need needs[] = {
#include "vmm/jail/policy.inc"
};

/* In ascending order of the numbers: an insertion sort. */
static void insert(struct filter_rule *rules, u32 count,
		   const struct filter_rule *rule)
{
	u32 at = count;

	for (; at && rules[at - 1].number > rule->number; at--)
		rules[at] = rules[at - 1];
	rules[at] = *rule;
}

void policy_make(enum jail_role role, const char *engine, u32 refusal,
		 struct filter *ret)
{
	u32 on = strcmp(engine, "kvm") ? ON_SOFT : ON_KVM, count = 0;
	struct filter_rule rules[FILTER_RULES_MAX];

	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		struct filter_rule rule = needs[i].rule;

		if (!(needs[i].roles & BIT(role)) || !(needs[i].engines & on))
			continue;
		assert(count < FILTER_RULES_MAX);
		if (needs[i].self)
			rule.value = (u32)getpid();
		insert(rules, count++, &rule);
	}
	filter_make(rules, count, refusal, ret);
}

const char *policy_role_name(u32 role)
{
	static const char *const name[JAIL_ROLES] = {
		[JAIL_IO] = "I/O",
		[JAIL_VCPU] = "vCPU",
		[JAIL_WORKER] = "worker",
	};

	return role < JAIL_ROLES ? name[role] : "?";
}

const char *policy_call_name(u32 number)
{
	/* What an intruder would try first. */
	static const struct {
		u32 number;
		const char *name;
	} refused[] = {
		{SYS_open, "open"},
		{SYS_openat, "openat"},
		{SYS_socket, "socket"},
		{SYS_connect, "connect"},
		{SYS_execve, "execve"},
		{SYS_execveat, "execveat"},
		{SYS_fork, "fork"},
		{SYS_vfork, "vfork"},
		{SYS_clone3, "clone3"},
		{SYS_ptrace, "ptrace"},
		{SYS_mount, "mount"},
		{SYS_bpf, "bpf"},
		{SYS_setns, "setns"},
		{SYS_unlink, "unlink"},
		{SYS_keyctl, "keyctl"},
		{SYS_io_uring_setup, "io_uring_setup"},
		{SYS_sendmsg, "sendmsg"},
		{SYS_recvmsg, "recvmsg"},
		{SYS_fstat, "fstat"},
		{SYS_newfstatat, "newfstatat"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].rule.number == number)
			return needs[i].name;
	for (u32 i = 0; i < ARRAY_SIZE(refused); i++)
		if (refused[i].number == number)
			return refused[i].name;
	return NULL;
}
