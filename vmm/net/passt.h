/* SPDX-License-Identifier: MIT */
/* The command line of passt, the program, and what it says. */
#ifndef VMM_NET_PASST_H
#define VMM_NET_PASST_H

#include "vmm/net/net_options.h"

#define PASST_ARGS_MAX	     (32 + 2 * NET_FORWARD_MAX)
#define PASST_LINE_BYTES_MAX 160

struct passt_args {
	const char *argv[PASST_ARGS_MAX]; /* into this struct, or static */
	char mtu[8], fd[4];
	char forward[NET_FORWARD_MAX][40];
};

/* Frames go over its file number CHILD_FD. */
void passt_args_fill(struct passt_args *args, const struct net_options *options);

/* Of what it prints: the last line that says something. */
struct passt_words {
	char said[PASST_LINE_BYTES_MAX]; /* a string */
	char line[PASST_LINE_BYTES_MAX]; /* the one that is not whole yet */
	u32 size;
};

/* Longer lines are cut. */
void passt_words_add(struct passt_words *words, const char *data, size_t size);

#endif
