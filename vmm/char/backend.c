/* SPDX-License-Identifier: MIT */
/* "stdio", "file:PATH", "none". */
#include "vmm/char/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "vmm/char/stream.h"

struct backend {
	struct stream stream;
	struct backend_config config;
	const char *option; /* borrowed: static */
	const char *path;   /* borrowed: in argv; NULL = stdio */
	bool started, made_file;
	int fd; /* owned; -1 = none */
	struct escape escape;
};

static void backend_close(struct chardev *chardev)
{
	stream_stop(container_of(chardev, struct stream, chardev));
}

static const struct chardev_ops backend_ops = {
	.write = stream_write,
	.input_wanted = stream_input_wanted,
	.drain = stream_drain,
	.close = backend_close,
};

static void print_help(void *ctx)
{
	static const char text[] = "\n"
				   "Ctrl-A x       quit keel\n"
				   "Ctrl-A h       this list\n"
				   "Ctrl-A Ctrl-A  send Ctrl-A to the guest\n";

	(void)ctx;
	if (write_full(STDERR_FILENO, text, sizeof(text) - 1))
		return; /* nobody to read it */
}

/* After a stop or a time in the background, raw mode is to be set again. */
static void on_terminal(void *ctx)
{
	struct backend *backend = ctx;

	terminal_again(backend->config.terminal);
}

static int check_words(const char *option, const char *spec, struct fault *fault)
{
	if (!strcmp(spec, "stdio") || !strcmp(spec, "none") ||
	    (!strncmp(spec, "file:", 5) && spec[5]))
		return 0;
	fault_set(fault, FAULT_INVALID, 0,
		  "%s: '%s' is not known; give stdio, file:PATH or none",
		  option, spec);
	return trace_err(-EINVAL);
}

int backend_create(const char *option, const char *spec,
		   const struct backend_config *config, struct backend **ret,
		   struct fault *fault)
{
	struct backend *backend;
	int err = check_words(option, spec, fault);

	*ret = NULL;
	if (err || !strcmp(spec, "none"))
		return err;
	backend = calloc(1, sizeof(*backend));
	if (!backend)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "%s", option);
	stream_init(&backend->stream, config->loop, &backend_ops);
	backend->config = *config;
	backend->option = option;
	backend->path = strcmp(spec, "stdio") ? spec + strlen("file:") : NULL;
	backend->fd = -1;
	backend->escape = (struct escape){
		.quit = config->quit,
		.help = print_help,
		.ctx = config->quit_ctx,
	};
	*ret = backend;
	return 0;
}

struct chardev *backend_chardev(struct backend *backend)
{
	return backend ? &backend->stream.chardev : NULL;
}

/* Emptied like a shell's ">", made if need be, and we know which it was. */
static int open_file(struct backend *backend, struct fault *fault)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
	int fd = fd_open(backend->path, flags | O_CREAT | O_EXCL, 0666);

	backend->made_file = fd >= 0;
	if (fd == -EEXIST)
		fd = fd_open(backend->path, flags | O_TRUNC, 0);
	if (fd == -ENXIO)
		return fault_set(fault, FAULT_INVALID, fd,
				 "%s: nobody reads the FIFO '%s'",
				 backend->option, backend->path);
	if (fd < 0)
		return fault_set(fault, FAULT_INVALID, fd,
				 "%s: cannot open '%s' for writing",
				 backend->option, backend->path);
	backend->fd = fd;
	/* Non-blocking was for the opening; writes have their own thread. */
	return fd_set_nonblock(fd, false);
}

static int start_stdio(struct backend *backend)
{
	int err;

	backend->stream.on_terminal = on_terminal;
	backend->stream.on_terminal_ctx = backend;
	err = stream_start(&backend->stream, STDIN_FILENO, STDOUT_FILENO,
			   &backend->escape);
	if (!err)
		terminal_raw(backend->config.terminal, STDIN_FILENO);
	return err;
}

int backend_start(struct backend *backend, struct fault *fault)
{
	int err;

	if (!backend)
		return 0;
	if (backend->path) {
		err = open_file(backend, fault);
		if (err)
			return err;
		err = stream_start(&backend->stream, -1, backend->fd, NULL);
	} else {
		err = start_stdio(backend);
	}
	backend->started = !err;
	if (err) {
		backend_undo(backend);
		return fault_set(fault, FAULT_IO, err, "%s: cannot start",
				 backend->option);
	}
	return 0;
}

void backend_undo(struct backend *backend)
{
	if (backend && backend->made_file)
		unlink(backend->path);
	if (backend)
		backend->made_file = false;
}

/* Once, at the end: a guest can make it happen as often as it likes. */
static void report_loss(const struct backend *backend)
{
	const struct stream *s = &backend->stream;

	if (s->dropped_bytes)
		log_at(LOG_WARN, "keel", "%s: %llu bytes of output lost: %s",
		       backend->option, (unsigned long long)s->dropped_bytes,
		       s->sink_err ? strerror(-s->sink_err)
				   : "nobody took them");
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	if (!backend->path && backend->started)
		terminal_restore(backend->config.terminal);
	chardev_close(&backend->stream.chardev);
	if (backend->started)
		report_loss(backend);
	fd_close(&backend->fd);
	free(backend);
}
