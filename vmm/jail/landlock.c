/* SPDX-License-Identifier: MIT */
/* See landlock.h. Numbers that headers before Linux 6.12 lack are written out. */
#include "vmm/jail/landlock.h"

#include <linux/landlock.h>
#include <stddef.h>
#include <unistd.h>

#include "base/raw.h"
#include "base/types.h"

/* struct landlock_ruleset_attr, as it has grown. */
struct ruleset {
	u64 files, net, scoped;
};

static const struct {
	u32 size;
	u32 file_rights; /* so many bits */
	u64 net, scoped;
} abi[] = {
	[1] = {8, 13, 0, 0},  [2] = {8, 14, 0, 0}, /* refer */
	[3] = {8, 15, 0, 0},			   /* truncate */
	[4] = {16, 15, 3, 0},			   /* bind and connect */
	[5] = {16, 16, 3, 0},			   /* ioctl on devices */
	[6] = {24, 16, 3, 1},			   /* abstract sockets */
};

/*
 * ABI 6 could keep signals in, too. Each of our threads has a domain of its own,
 * and Linux 6.12 then keeps signals between them from going through; signals to
 * others are the filters' to refuse.
 */
int landlock_make(void)
{
	long version = raw_call(SYS_landlock_create_ruleset, 0, 0,
				LANDLOCK_CREATE_RULESET_VERSION, 0, 0, 0);
	u32 i = (u32)MIN(version, (long)ARRAY_SIZE(abi) - 1);
	struct ruleset set;
	long fd;

	if (version < 1)
		return -1;
	set = (struct ruleset){BIT(abi[i].file_rights) - 1, abi[i].net,
			       abi[i].scoped};
	/* All of Landlock's descriptors are close-on-exec. */
	fd = raw_call(SYS_landlock_create_ruleset, raw_address(&set),
		      abi[i].size, 0, 0, 0, 0);
	return fd < 0 ? -1 : (int)fd;
}

int landlock_enter(int ruleset)
{
	return (int)raw_call(SYS_landlock_restrict_self, (u64)ruleset, 0, 0, 0,
			     0, 0);
}
