/* SPDX-License-Identifier: MIT */
#include "vmm/char/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "vmm/kick.h"

static struct {
	struct loop *loop;
	struct terminal terminal;
	struct fault fault;
	char directory[32];
	char spec[128];
} t;

static struct backend *make(const char *spec, int expected)
{
	const struct backend_config config = {.loop = t.loop,
					      .terminal = &t.terminal};
	struct backend *backend;

	t.fault = (struct fault){};
	check_eq(backend_create("--serial", spec, &config, &backend, &t.fault),
		 expected);
	return backend;
}

static void begin(void)
{
	kick_setup();
	check_eq(loop_create(&t.loop), 0);
	strcpy(t.directory, "/tmp/backend-test-XXXXXX");
	check(mkdtemp(t.directory) != NULL);
}

static void end(void)
{
	check_eq(rmdir(t.directory), 0);
	loop_free(t.loop);
}

static const char *in_directory(const char *name)
{
	snprintf(t.spec, sizeof(t.spec), "file:%s/%s", t.directory, name);
	return t.spec;
}

TEST(unknown_words_are_refused_and_the_known_ones_listed)
{
	static const char *const wrong[] = {
		"", "file:", "stdi", "stdio:", "file", "tcp:1", "none "};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		check(!make(wrong[i], -EINVAL));
		check(strstr(t.fault.text[0], "stdio, file:PATH or none"));
	}
	check(!make("none", 0));
	check(!backend_chardev(NULL));
	end();
}

TEST(a_file_gets_the_output_and_starts_empty)
{
	char content[8] = {};
	struct backend *b;
	int fd;

	begin();
	b = make(in_directory("log"), 0);
	check_eq(access(t.spec + 5, F_OK), -1);
	check_eq(backend_start(b, &t.fault), 0);
	check_eq(chardev_write(backend_chardev(b), "first", 5), 5);
	backend_free(b);
	b = make(t.spec, 0);
	check_eq(backend_start(b, &t.fault), 0);
	check_eq(chardev_write(backend_chardev(b), "2nd", 3), 3);
	backend_free(b);
	fd = fd_open(t.spec + 5, O_RDONLY, 0);
	check_eq(read(fd, content, sizeof(content)), 3);
	check_mem_eq(content, "2nd", 3);
	close(fd);
	check_eq(unlink(t.spec + 5), 0);
	end();
}

TEST(a_file_that_cannot_be_opened_is_named)
{
	struct backend *b;

	begin();
	b = make(in_directory("missing/log"), 0);
	check_eq(backend_start(b, &t.fault), -ENOENT);
	check(strstr(t.fault.text[0], "missing/log"));
	backend_free(b);
	b = make("file:/tmp", 0);
	check(backend_start(b, &t.fault) < 0);
	backend_free(b);
	end();
}

TEST(a_fifo_without_a_reader_is_refused_and_not_waited_for)
{
	struct backend *b;

	begin();
	b = make(in_directory("fifo"), 0);
	check_eq(mkfifo(t.spec + 5, 0600), 0);
	check_eq(backend_start(b, &t.fault), -ENXIO);
	check(strstr(t.fault.text[0], "nobody reads"));
	backend_free(b);
	check_eq(unlink(t.spec + 5), 0);
	end();
}

TEST(undoing_removes_only_a_file_that_was_made)
{
	struct backend *b;
	int fd;

	begin();
	b = make(in_directory("new"), 0);
	check_eq(backend_start(b, &t.fault), 0);
	backend_undo(b);
	backend_free(b);
	check_eq(access(t.spec + 5, F_OK), -1);
	fd = fd_open(t.spec + 5, O_WRONLY | O_CREAT, 0600);
	check(fd >= 0);
	close(fd);
	b = make(t.spec, 0);
	check_eq(backend_start(b, &t.fault), 0);
	backend_undo(b);
	backend_free(b);
	check_eq(unlink(t.spec + 5), 0);
	end();
}
