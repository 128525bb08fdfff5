/* SPDX-License-Identifier: MIT */
/* passt's command line: see passt(1). */
#include "vmm/net/passt.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/child.h"

/*
 * The "template" interface gives what is not given here; nothing is left, but
 * without one that has a route it does not start, and `lo` counts as such. No
 * socket is bound to it. The forms of a name's search list stay the host's own.
 */
static const char *const fixed[] = {
	"passt",       "--foreground",	    "--quiet",
	"--ipv4-only", "--interface",	    "lo",
	"--address",   NET_USER_GUEST,	    "--netmask",
	"24",	       "--gateway",	    NET_USER_HOST,
	"--mac-addr",  "52:55:0a:00:02:02", "--search",
	"none",
};

struct builder {
	struct passt_args *args;
	u32 count;
};

static void add(struct builder *b, const char *word)
{
	assert(b->count < PASST_ARGS_MAX);
	b->args->argv[b->count++] = word;
}

/* "[ADDRESS/]PORT:PORT". */
static void add_forward(struct builder *b, const struct net_forward *f,
			char text[40])
{
	snprintf(text, 40, "%s%s%u:%u", f->host, f->host[0] ? "/" : "",
		 f->host_port, f->guest_port);
	add(b, f->udp ? "--udp-ports" : "--tcp-ports");
	add(b, text);
}

/* Without a word of ours a UDP port comes with each TCP port. */
static void add_forwards(struct builder *b, const struct net_options *options)
{
	u32 udp_count = 0;

	for (u32 i = 0; i < options->forward_count; i++) {
		add_forward(b, &options->forward[i], b->args->forward[i]);
		udp_count += options->forward[i].udp;
	}
	if (!udp_count) {
		add(b, "--udp-ports");
		add(b, "none");
	}
}

void passt_args_fill(struct passt_args *args, const struct net_options *options)
{
	struct builder b = {.args = args};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add(&b, fixed[i]);
	snprintf(args->fd, sizeof(args->fd), "%d", CHILD_FD);
	add(&b, "--fd");
	add(&b, args->fd);
	snprintf(args->mtu, sizeof(args->mtu), "%u",
		 options->mtu ? options->mtu : NET_MTU_MAX);
	add(&b, "--mtu");
	add(&b, args->mtu);
	add_forwards(&b, options);
	if (options->restricted) {
		add(&b, "--no-map-gw");
		add(&b, "--no-icmp");
	}
	add(&b, NULL);
}

/* ---- what it says ---- */

/* It says these of itself, however quiet it is asked to be. */
static bool is_noise(const char *line)
{
	return !line[0] || strstr(line, "bytes to syslog") ||
	       strstr(line, "Don't run as root");
}

static void end_line(struct passt_words *words)
{
	words->line[words->size] = 0;
	if (!is_noise(words->line))
		memcpy(words->said, words->line, words->size + 1);
	words->size = 0;
}

void passt_words_add(struct passt_words *words, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n')
			end_line(words);
		else if (words->size < PASST_LINE_BYTES_MAX - 1)
			words->line[words->size++] = data[i];
}
