/* SPDX-License-Identifier: MIT */
/*
 * Requests from standard input to a disk, many in flight:
 *
 *	io [option...] FILE
 *	--format F --cache writeback|none|writethrough|directsync|unsafe
 *	--aio uring|threads --discard --temporary --backing --read-only
 *
 *	w OFFSET SIZE VALUE	write a 32-bit value over and over
 *	r OFFSET SIZE VALUE	read, and it must be that
 *	z OFFSET SIZE		write zeros; u: and the space may go
 *	d OFFSET SIZE		discard
 *	f			flush
 *	q			wait for all so far
 *	p WORD			wait, flush, wait, and print the word
 *	x FILE			wait, and copy the whole disk there
 *
 * A request that fails prints "error OP OFFSET: why"; the exit status is 1 when
 * one did.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/block/block.h"

#define IN_FLIGHT_MAX 64
#define SEGMENTS_MAX  8

struct io {
	struct loop *loop;
	struct block *block;
	u32 in_flight;
	u32 seed;
	bool failed;
};

struct job {
	struct block_request request;
	struct iovec iov[SEGMENTS_MAX];
	struct io *io;
	u8 *data;
	u32 value;
	char letter;
};

static u32 next_random(struct io *io)
{
	io->seed = io->seed * 1664525 + 1013904223;
	return io->seed >> 8;
}

static void fill(u8 *data, u64 size, u32 value)
{
	for (u64 i = 0; i < size; i += 4)
		memcpy(data + i, &value, 4);
}

static bool is_filled(const u8 *data, u64 size, u32 value)
{
	for (u64 i = 0; i < size; i += 4)
		if (memcmp(data + i, &value, 4) != 0)
			return false;
	return true;
}

static void say_error(struct job *job, const char *why)
{
	printf("error %c %llu: %s\n", job->letter,
	       (unsigned long long)job->request.offset_bytes, why);
	fflush(stdout);
	job->io->failed = true;
}

static void on_done(struct block_request *request, int err)
{
	struct job *job = container_of(request, struct job, request);

	if (err)
		say_error(job, strerror(-err));
	else if (job->letter == 'r' &&
		 !is_filled(job->data, request->size_bytes, job->value))
		say_error(job, "wrong data");
	job->io->in_flight--;
	free(job->data);
	free(job);
}

/* Segments of odd sectors, so that nothing may count on one piece. */
static void split(struct io *io, struct job *job)
{
	u64 left = job->request.size_bytes;
	u8 *at = job->data;
	u32 n = 0;

	while (left) {
		u64 size = left;

		if (n < SEGMENTS_MAX - 1 && left > 512 && next_random(io) % 3)
			size = (next_random(io) % (left / 512) + 1) * 512;
		job->iov[n++] = (struct iovec){at, size};
		at += size;
		left -= size;
	}
	job->request.iov = job->iov;
	job->request.iov_count = n;
}

static void wait_below(struct io *io, u32 count)
{
	while (io->in_flight >= count)
		if (loop_run_once(io->loop, UINT64_MAX))
			exit(2);
}

static void submit(struct io *io, char letter, u64 offset, u64 size, u32 value)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		exit(2);
	*job = (struct job){.io = io, .letter = letter, .value = value};
	job->request.done = on_done;
	job->request.offset_bytes = offset;
	job->request.size_bytes = size;
	switch (letter) {
	case 'w':
	case 'r':
		job->request.op = letter == 'w' ? BLOCK_WRITE : BLOCK_READ;
		job->data = aligned_alloc(4096, align_up(size + 1, 4096));
		if (!job->data)
			exit(2);
		fill(job->data, size, letter == 'w' ? value : ~value);
		split(io, job);
		break;
	case 'd':
		job->request.op = BLOCK_DISCARD;
		break;
	case 'f':
		job->request.op = BLOCK_FLUSH;
		break;
	default:
		job->request.op = BLOCK_WRITE_ZEROES;
		job->request.may_unmap = letter == 'u';
	}
	wait_below(io, IN_FLIGHT_MAX);
	io->in_flight++;
	block_submit(io->block, &job->request);
}

/* Without the loop, for a change: block_drain calls `done` too. */
static void wait_all(struct io *io)
{
	if (next_random(io) % 2)
		block_drain(io->block);
	wait_below(io, 1);
}

struct piece {
	struct block_request request;
	struct iovec iov;
	u32 *left;
	int err;
};

static void on_piece(struct block_request *request, int err)
{
	struct piece *piece = container_of(request, struct piece, request);

	piece->err = err;
	--*piece->left;
}

static void read_piece(struct io *io, u64 offset, u8 *data, u64 size)
{
	u32 left = 1;
	struct piece piece = {
		.request = {.op = BLOCK_READ,
			    .offset_bytes = offset,
			    .size_bytes = size,
			    .iov = &piece.iov,
			    .iov_count = 1,
			    .done = on_piece},
		.iov = {data, size},
		.left = &left,
	};

	block_submit(io->block, &piece.request);
	while (left)
		if (loop_run_once(io->loop, UINT64_MAX))
			exit(2);
	if (piece.err) {
		printf("error x %llu: %s\n", (unsigned long long)offset,
		       strerror(-piece.err));
		io->failed = true;
	}
}

static void copy_out(struct io *io, const char *path)
{
	static u8 buffer[1 << 20] __attribute__((aligned(4096)));
	int fd = fd_open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	u64 size = block_size_bytes(io->block);

	if (fd < 0)
		exit(2);
	for (u64 at = 0; at < size; at += sizeof(buffer)) {
		u64 n = MIN(size - at, sizeof(buffer));

		read_piece(io, at, buffer, n);
		if (write_full(fd, buffer, n))
			exit(2);
	}
	fd_close(&fd);
}

static void obey(struct io *io, const char *line)
{
	unsigned long long offset = 0, size = 0, value = 0;
	char letter, word[256] = "";

	if (sscanf(line, "%c", &letter) != 1)
		return;
	if (strchr("px", letter))
		(void)sscanf(line + 1, "%255s", word);
	else
		(void)sscanf(line + 1, "%llu %llu %llu", &offset, &size, &value);
	if (strchr("qpx", letter))
		wait_all(io);
	if (letter == 'p') {
		submit(io, 'f', 0, 0, 0);
		wait_all(io);
		puts(word);
		fflush(stdout);
		/* No file, but a mark for tests/block/record.c. */
		(void)!pwrite(-1, word, strlen(word), 0);
	} else if (letter == 'x') {
		copy_out(io, word);
	} else if (letter != 'q') {
		submit(io, letter, offset, size, (u32)value);
	}
}

static enum block_cache cache_named(const char *name)
{
	static const char *const names[] = {"writeback", "none", "writethrough",
					    "directsync", "unsafe"};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return i;
	exit(2);
}

static const char *take_options(int argc, char *argv[],
				struct block_config *config)
{
	static const struct option options[] = {
		{"format", 1, 0, 'f'},	  {"cache", 1, 0, 'c'},
		{"aio", 1, 0, 'a'},	  {"discard", 0, 0, 'd'},
		{"temporary", 0, 0, 't'}, {"backing", 0, 0, 'b'},
		{"read-only", 0, 0, 'r'}, {0},
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (letter) {
		case 'f':
			config->format = optarg;
			break;
		case 'c':
			config->cache = cache_named(optarg);
			break;
		case 'a':
			config->aio = strcmp(optarg, "uring") ? AIO_THREADS
							      : AIO_URING;
			break;
		case 'd':
			config->discard = true;
			break;
		case 't':
			config->temporary = true;
			break;
		case 'b':
			config->backing_allowed = true;
			break;
		case 'r':
			config->read_only = true;
			break;
		default:
			exit(2);
		}
	}
	return argv[optind];
}

int main(int argc, char *argv[])
{
	struct block_config config = {};
	struct io io = {.seed = 1};
	struct fault fault = {};
	char line[512];

	config.path = take_options(argc, argv, &config);
	if (!config.path || loop_create(&io.loop))
		return 2;
	if (block_open(&config, io.loop, &io.block, &fault)) {
		fault_print(&fault, "io");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin))
		obey(&io, line);
	wait_all(&io);
	block_close(io.block);
	loop_free(io.loop);
	return io.failed;
}
