/* SPDX-License-Identifier: MIT */
#include "engine/preload/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/raw.h"

#define PLACE_BYTES 16 /* longer than "/dev" */

/* Past slashes and "." parts. */
static const char *skip_empty(const char *at)
{
	for (;;) {
		if (*at == '/')
			at++;
		else if (*at == '.' && (at[1] == '/' || at[1] == '\0'))
			at++;
		else
			return at;
	}
}

/* After the part `name`, or NULL when another is there. */
static const char *skip_part(const char *at, const char *name)
{
	size_t size = strlen(name);

	at = skip_empty(at);
	if (strncmp(at, name, size) != 0 ||
	    (at[size] != '/' && at[size] != '\0'))
		return NULL;
	return at + size;
}

/* A trailing slash would want a directory. */
static bool is_last(const char *at, const char *name)
{
	at = skip_part(at, name);
	return at && *at == '\0';
}

/* Where relative names begin: 0 for "/", 1 for "/dev", -1 for all others. */
static int place_of(int directory)
{
	char link[40] = "/proc/self/cwd", place[PLACE_BYTES];
	long size;

	if (directory != AT_FDCWD)
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d",
			       directory); /* fits */
	size = raw_call(SYS_readlink, raw_address(link), raw_address(place),
			sizeof(place), 0, 0, 0);
	if (size == 1 && place[0] == '/')
		return 0;
	return size == 4 && !memcmp(place, "/dev", 4) ? 1 : -1;
}

bool path_is_kvm(int directory, const char *path)
{
	const char *after;

	/* The first page is never mapped: the kernel says EFAULT. */
	if ((uintptr_t)path < 4096)
		return false;
	if (*path == '/') {
		after = skip_part(path, "dev");
		return after && is_last(after, "kvm");
	}
	after = skip_part(path, "dev");
	if (after && is_last(after, "kvm"))
		return place_of(directory) == 0;
	return is_last(path, "kvm") && place_of(directory) == 1;
}
