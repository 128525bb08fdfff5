/* SPDX-License-Identifier: MIT */
/*
 * Chardevs by the words a user types: "stdio", "file:PATH", "none".
 *
 * Made in two steps, so that a command line with a mistake further on leaves
 * nothing behind: backend_create has no side effects, backend_start opens the
 * file or takes the terminal.
 */
#ifndef VMM_CHAR_BACKEND_H
#define VMM_CHAR_BACKEND_H

#include "vmm/char/chardev.h"
#include "vmm/char/terminal.h"

struct backend;

struct backend_config {
	struct loop *loop;	   /* borrowed: must outlive the backend */
	struct terminal *terminal; /* borrowed, too; for "stdio" */
	void (*quit)(void *ctx);   /* Ctrl-A x */
	void *quit_ctx;
};

/*
 * *ret is NULL for "none". -EINVAL for words that are none of these; the
 * sentence begins with `option`.
 */
must_check int backend_create(const char *option, const char *spec,
			      const struct backend_config *config,
			      struct backend **ret, struct fault *fault);

/* The three accept NULL. */
struct chardev *backend_chardev(struct backend *backend);
/* -errno of opening the file; then a file it made is gone again. */
must_check int backend_start(struct backend *backend, struct fault *fault);
/* Another one did not start: a file that backend_start made goes away. */
void backend_undo(struct backend *backend);
/* Stops and frees; puts the terminal back. */
void backend_free(struct backend *backend);

#endif
