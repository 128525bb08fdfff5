/* SPDX-License-Identifier: MIT */
/* One disk of the command line: see disk.h. */
#include "cli/disk.h"

#include <errno.h>
#include <string.h>

static const char *const cache_names[] = {
	[BLOCK_CACHE_WRITEBACK] = "writeback",
	[BLOCK_CACHE_NONE] = "none",
	[BLOCK_CACHE_WRITETHROUGH] = "writethrough",
	[BLOCK_CACHE_DIRECTSYNC] = "directsync",
	[BLOCK_CACHE_UNSAFE] = "unsafe",
};

#define ACCEPTED                                                         \
	"format=raw|qcow2, ro, temporary, serial=TEXT, cache=writeback|" \
	"none|writethrough|directsync|unsafe, discard, backing=on, "     \
	"bus=virtio|sata"

static int refuse(struct fault *fault, const char *part)
{
	fault_set(fault, FAULT_INVALID, 0,
		  "--disk: '%s' is not known; give FILE and then any of %s",
		  part, ACCEPTED);
	return trace_err(-EINVAL);
}

/*
 * Cuts the next part out of *at, which is left behind its comma, NULL after the
 * last. Doubled commas become one, in place.
 */
static char *next_part(char **at)
{
	char *part = *at, *from = part, *to = part;

	while (*from) {
		if (*from == ',') {
			if (from[1] != ',')
				break;
			from++;
		}
		*to++ = *from++;
	}
	*at = *from ? from + 1 : NULL;
	*to = '\0';
	return part;
}

static int set_cache(struct disk_option *disk, const char *part,
		     const char *value, struct fault *fault)
{
	for (u32 i = 0; i < ARRAY_SIZE(cache_names); i++)
		if (!strcmp(value, cache_names[i])) {
			disk->config.cache = (enum block_cache)i;
			return 0;
		}
	return refuse(fault, part);
}

/* "name" or "name=on": yes; "name=off": no. */
static bool take_flag(const char *part, const char *name, bool *ret)
{
	size_t size = strlen(name);

	if (strncmp(part, name, size))
		return false;
	if (!part[size] || !strcmp(part + size, "=on"))
		*ret = true;
	else if (!strcmp(part + size, "=off"))
		*ret = false;
	else
		return false;
	return true;
}

static int take_part(struct disk_option *disk, char *part, struct fault *fault)
{
	struct block_config *config = &disk->config;

	if (take_flag(part, "ro", &config->read_only) ||
	    take_flag(part, "temporary", &config->temporary) ||
	    take_flag(part, "discard", &config->discard) ||
	    take_flag(part, "backing", &config->backing_allowed))
		return 0;
	if (!strncmp(part, "serial=", 7)) {
		disk->serial = part + 7;
		return 0;
	}
	if (!strcmp(part, "bus=virtio") || !strcmp(part, "bus=sata")) {
		disk->sata = !strcmp(part + 4, "sata");
		return 0;
	}
	if (!strcmp(part, "format=raw") || !strcmp(part, "format=qcow2")) {
		config->format = part + 7;
		return 0;
	}
	if (!strncmp(part, "cache=", 6))
		return set_cache(disk, part, part + 6, fault);
	return refuse(fault, part);
}

/* ATA has no way to tell a guest that it cannot write. */
static int check_sata(const struct disk_option *disk, struct fault *fault)
{
	if (!disk->sata || !disk->config.read_only)
		return 0;
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "--disk: a SATA disk cannot be read-only; give "
			 "temporary, or bus=virtio, or the file as --cdrom");
}

int disk_parse(const char *text, struct disk_option *ret, struct fault *fault)
{
	char *at = ret->text;
	int err = 0;

	ret->config = (struct block_config){};
	ret->serial = "";
	ret->sata = false;
	if (strlen(text) >= sizeof(ret->text)) {
		fault_set(fault, FAULT_INVALID, 0,
			  "--disk: the text is too long");
		return trace_err(-ENAMETOOLONG);
	}
	memcpy(ret->text, text, strlen(text) + 1);
	ret->config.path = next_part(&at);
	if (!strncmp(ret->config.path, "file=", 5))
		ret->config.path += 5;
	if (!*ret->config.path)
		return refuse(fault, text);
	while (!err && at)
		err = take_part(ret, next_part(&at), fault);
	return err ? err : check_sata(ret, fault);
}
