/* SPDX-License-Identifier: MIT */
/* Requests to a disk: on io_uring and on threads, raw and qcow2. */
#include "vmm/block/block.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"

#define DISK_BYTES (8 * MiB)

struct bench {
	struct folder folder;
	struct loop *loop;
	struct block *block;
	struct block_config config;
};

struct job {
	struct block_request request;
	struct iovec iov[2];
	u32 ended;
	int err;
	struct block_request *after; /* submitted from inside done */
	struct block *block;
};

static void on_done(struct block_request *request, int err)
{
	struct job *job = container_of(request, struct job, request);

	job->ended++;
	job->err = err;
	if (job->after)
		block_submit(job->block, job->after);
}

static void job_init(struct job *job, enum block_op op, u64 offset, void *data,
		     u64 size)
{
	*job = (struct job){
		.request = {.op = op,
			    .offset_bytes = offset,
			    .size_bytes = size,
			    .done = on_done},
		.iov = {{data, size / 512 / 2 * 512},
			{(u8 *)data + size / 512 / 2 * 512,
			 size - size / 512 / 2 * 512}},
	};
	if (data) {
		job->request.iov = job->iov;
		job->request.iov_count = 2;
	}
}

static void wait_for(struct bench *b, struct job *job)
{
	while (!job->ended)
		check_eq(loop_run_once(b->loop, UINT64_MAX), 0);
}

static int run(struct bench *b, enum block_op op, u64 offset, void *data,
	       u64 size)
{
	struct job job;

	job_init(&job, op, offset, data, size);
	block_submit(b->block, &job.request);
	check_eq(job.ended, 0); /* never from inside */
	wait_for(b, &job);
	check_eq(job.ended, 1);
	return job.err;
}

/* The same in one segment, as aligned as the data is. */
static int run_one(struct bench *b, enum block_op op, u64 offset, void *data,
		   u64 size)
{
	struct job job;

	job_init(&job, op, offset, data, size);
	job.iov[0].iov_len = size;
	job.request.iov_count = 1;
	block_submit(b->block, &job.request);
	wait_for(b, &job);
	return job.err;
}

static void bench_open(struct bench *b, bool qcow2, enum aio_kind aio)
{
	b->config.aio = aio;
	b->config.path = qcow2 ? folder_path(&b->folder, "d.qcow2")
			       : folder_path(&b->folder, "d.img");
	check_eq(loop_create(&b->loop), 0);
	check_eq(block_open(&b->config, b->loop, &b->block, NULL), 0);
}

static void bench_make(struct bench *b, bool qcow2, enum aio_kind aio)
{
	*b = (struct bench){};
	folder_make(&b->folder);
	if (qcow2)
		folder_qcow2(&b->folder, "d.qcow2", DISK_BYTES, 64 * KiB, NULL,
			     NULL);
	else
		folder_file(&b->folder, "d.img", "", 0, DISK_BYTES);
	bench_open(b, qcow2, aio);
}

static void bench_close(struct bench *b)
{
	block_close(b->block);
	loop_free(b->loop);
}

static void bench_free(struct bench *b)
{
	bench_close(b);
	folder_remove(&b->folder);
}

/* Runs `test` on each format, each way. */
static void each_way(void (*test)(struct bench *b))
{
	for (int i = 0; i < 4; i++) {
		struct bench b;

		bench_make(&b, i & 1, i & 2 ? AIO_THREADS : AIO_AUTO);
		test(&b);
		bench_free(&b);
	}
}

static void write_then_read(struct bench *b)
{
	static u8 data[300 * KiB], read[300 * KiB];

	pattern_fill(data, sizeof(data), 1);
	check_eq(run(b, BLOCK_WRITE, 70 * 512, data, sizeof(data)), 0);
	check_eq(run(b, BLOCK_READ, 70 * 512, read, sizeof(read)), 0);
	check_mem_eq(read, data, sizeof(data));
	/* In place now, beside what was never written. */
	check_eq(run(b, BLOCK_WRITE, 72 * 512, data, 4096), 0);
	check_eq(run(b, BLOCK_READ, 72 * 512, read, 4096), 0);
	check_mem_eq(read, data, 4096);
	check_eq(run(b, BLOCK_READ, 0, read, 512), 0);
	check_eq(read[0], 0);
	check_eq(run(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	check_eq(run(b, BLOCK_WRITE_ZEROES, 70 * 512, NULL, 200 * KiB), 0);
	check_eq(run(b, BLOCK_READ, 70 * 512, read, sizeof(read)), 0);
	check_eq(read[0] | read[200 * KiB - 1], 0);
	check_mem_eq(read + 200 * KiB, data + 200 * KiB, 100 * KiB);
	check_eq(run(b, BLOCK_DISCARD, 0, NULL, DISK_BYTES), 0);
	check_eq(run(b, BLOCK_READ, DISK_BYTES - 512, read, 512), 0);
}

TEST(what_is_written_is_read)
{
	each_way(write_then_read);
}

static void out_of_bounds(struct bench *b)
{
	static u8 data[4096];

	check_eq(block_size_bytes(b->block), DISK_BYTES);
	check_eq(run(b, BLOCK_READ, DISK_BYTES, data, 512), -EINVAL);
	check_eq(run(b, BLOCK_READ, DISK_BYTES - 512, data, 1024), -EINVAL);
	check_eq(run(b, BLOCK_WRITE, 1, data, 512), -EINVAL);
	check_eq(run(b, BLOCK_WRITE, 0, data, 511), -EINVAL);
	check_eq(run(b, BLOCK_WRITE, UINT64_MAX - 511, data, 512), -EINVAL);
	check_eq(run(b, BLOCK_DISCARD, 512, NULL, UINT64_MAX - 511), -EINVAL);
	check_eq(run(b, BLOCK_WRITE_ZEROES, 0, NULL, DISK_BYTES + 512), -EINVAL);
	/* Segments that are not the size. */
	check_eq(run(b, BLOCK_READ, 0, NULL, 512), -EINVAL);
	check_eq(run(b, BLOCK_READ, DISK_BYTES, data, 0), 0);
	check_eq(run(b, BLOCK_READ, DISK_BYTES - 512, data, 512), 0);
}

TEST(what_is_not_of_the_disk_is_refused)
{
	each_way(out_of_bounds);
}

/* The same cluster by many, most of which have to wait for one another. */
static void counted(struct bench *b)
{
	const struct block_stats *stats = block_stats(b->block);
	static u8 data[4096];

	check(!strcmp(block_format(b->block),
		      strstr(b->config.path, "qcow2") ? "qcow2" : "raw"));
	check_eq(run(b, BLOCK_WRITE, 0, data, 4096), 0);
	check_eq(run(b, BLOCK_WRITE, 8192, data, 512), 0);
	check_eq(run(b, BLOCK_READ, 0, data, 4096), 0);
	check_eq(run(b, BLOCK_READ, DISK_BYTES, data, 512), -EINVAL);
	check_eq(run(b, BLOCK_WRITE_ZEROES, 0, NULL, 1024), 0);
	check_eq(run(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	check_eq(stats->count[BLOCK_WRITE], 2);
	check_eq(stats->bytes[BLOCK_WRITE], 4608);
	check_eq(stats->count[BLOCK_READ], 1);
	check_eq(stats->bytes[BLOCK_READ], 4096);
	check_eq(stats->failed[BLOCK_READ], 1);
	check_eq(stats->failed[BLOCK_WRITE], 0);
	check_eq(stats->count[BLOCK_WRITE_ZEROES], 1);
	check_eq(stats->bytes[BLOCK_WRITE_ZEROES], 1024);
	check_eq(stats->count[BLOCK_FLUSH], 1);
	check_eq(stats->count[BLOCK_DISCARD], 0);
	check(stats->time_ns[BLOCK_WRITE] > 0);
	check_eq(stats->time_ns[BLOCK_DISCARD], 0);
}

TEST(requests_are_counted_when_they_have_ended)
{
	each_way(counted);
}

static void overlapping(struct bench *b)
{
	static u8 data[64][4096], read[64 * 4096];
	static struct job jobs[64];

	for (u32 i = 0; i < 64; i++) {
		pattern_fill(data[i], 4096, i);
		job_init(&jobs[i], i % 8 == 7 ? BLOCK_FLUSH : BLOCK_WRITE,
			 i % 8 == 7 ? 0 : (u64)i * 4096,
			 i % 8 == 7 ? NULL : data[i], i % 8 == 7 ? 0 : 4096);
	}
	block_plug(b->block);
	for (u32 i = 0; i < 64; i++)
		block_submit(b->block, &jobs[i].request);
	block_unplug(b->block);
	block_drain(b->block);
	for (u32 i = 0; i < 64; i++) {
		check_eq(jobs[i].ended, 1);
		check_eq(jobs[i].err, 0);
	}
	check_eq(run(b, BLOCK_READ, 0, read, sizeof(read)), 0);
	for (u32 i = 0; i < 64; i++)
		if (i % 8 != 7)
			check(pattern_is(read + (u64)i * 4096, 4096, i));
}

TEST(writes_of_one_cluster_do_not_lose_one_another)
{
	each_way(overlapping);
}

/* A change and all that comes after it keep their order. */
static void ordered(struct bench *b)
{
	static u8 data[2][64 * KiB], read[64 * KiB];
	struct job first, zero, last, look;

	for (u32 i = 0; i < 40; i++) {
		pattern_fill(data[0], sizeof(data[0]), i);
		pattern_fill(data[1], sizeof(data[1]), i + 100);
		job_init(&first, BLOCK_WRITE, 0, data[0], sizeof(data[0]));
		job_init(&zero, BLOCK_WRITE_ZEROES, 0, NULL, 32 * KiB);
		zero.request.may_unmap = i & 1;
		job_init(&last, BLOCK_WRITE, 16 * KiB, data[1], 8 * KiB);
		job_init(&look, BLOCK_READ, 0, read, sizeof(read));
		block_submit(b->block, &first.request);
		wait_for(b, &first);
		block_submit(b->block, &zero.request);
		block_submit(b->block, &last.request);
		wait_for(b, &zero);
		wait_for(b, &last);
		block_submit(b->block, &look.request);
		wait_for(b, &look);
		check_eq(first.err | zero.err | last.err | look.err, 0);
		check_eq(read[0] | read[16 * KiB - 1], 0);
		check_mem_eq(read + 16 * KiB, data[1], 8 * KiB);
		check_eq(read[24 * KiB], 0);
		check_mem_eq(read + 32 * KiB, data[0] + 32 * KiB, 32 * KiB);
	}
}

TEST(a_change_is_not_overtaken_by_what_overlaps_it)
{
	each_way(ordered);
}

static void submit_from_done(struct bench *b)
{
	static u8 data[4096], read[4096];
	struct job first, second;

	pattern_fill(data, sizeof(data), 5);
	job_init(&first, BLOCK_WRITE, 4096, data, sizeof(data));
	job_init(&second, BLOCK_READ, 4096, read, sizeof(read));
	first.after = &second.request;
	first.block = b->block;
	block_submit(b->block, &first.request);
	block_drain(b->block);
	check_eq(second.ended, 1);
	check_mem_eq(read, data, sizeof(data));
}

TEST(done_may_submit_more)
{
	each_way(submit_from_done);
}

TEST(a_read_only_disk_refuses_changes)
{
	struct bench b;
	u8 data[512] = {};

	bench_make(&b, true, AIO_AUTO);
	bench_close(&b);
	b.config.read_only = true;
	bench_open(&b, true, AIO_AUTO);
	check(block_read_only(b.block));
	check_eq(run(&b, BLOCK_WRITE, 0, data, 512), -EROFS);
	check_eq(run(&b, BLOCK_WRITE_ZEROES, 0, NULL, 512), -EROFS);
	check_eq(run(&b, BLOCK_DISCARD, 0, NULL, 512), -EROFS);
	check_eq(run(&b, BLOCK_READ, 0, data, 512), 0);
	check_eq(run(&b, BLOCK_FLUSH, 0, NULL, 0), 0);
	bench_free(&b);
}

TEST(each_cache_mode_keeps_what_it_promises_when_closed)
{
	for (int cache = BLOCK_CACHE_WRITEBACK; cache <= BLOCK_CACHE_UNSAFE;
	     cache++) {
		static u8 data[64 * KiB] __attribute__((aligned(4096)));
		static u8 read[64 * KiB];
		struct fault fault = {};
		struct bench b;
		int err;

		bench_make(&b, true, AIO_AUTO);
		bench_close(&b);
		b.config.cache = (enum block_cache)cache;
		check_eq(loop_create(&b.loop), 0);
		err = block_open(&b.config, b.loop, &b.block, &fault);
		if (err == -EOPNOTSUPP) { /* no O_DIRECT here */
			check(strstr(fault.text[0], "cache=writeback"));
			loop_free(b.loop);
			folder_remove(&b.folder);
			continue;
		}
		check_eq(err, 0);
		pattern_fill(data, sizeof(data), (u32)cache);
		check_eq(run(&b, BLOCK_WRITE, 512, data, sizeof(data)), 0);
		check_eq(run(&b, BLOCK_WRITE, 512, data, 1024), 0);
		bench_close(&b);
		bench_open(&b, true, AIO_AUTO);
		check_eq(run(&b, BLOCK_READ, 512, read, sizeof(read)), 0);
		check_mem_eq(read, data, sizeof(data));
		bench_free(&b);
	}
}

/* Clusters that are smaller than what O_DIRECT asks for lie anywhere. */
TEST(without_the_cache_small_clusters_read_and_write)
{
	static u8 data[64 * KiB] __attribute__((aligned(4096)));
	static u8 read[64 * KiB] __attribute__((aligned(4096)));
	struct bench b = {};
	int err;

	folder_make(&b.folder);
	folder_qcow2(&b.folder, "d.qcow2", DISK_BYTES, 512, NULL, NULL);
	b.config.cache = BLOCK_CACHE_NONE;
	b.config.path = folder_path(&b.folder, "d.qcow2");
	check_eq(loop_create(&b.loop), 0);
	err = block_open(&b.config, b.loop, &b.block, NULL);
	if (err == -EOPNOTSUPP) {
		loop_free(b.loop);
		folder_remove(&b.folder);
		skip("this file system takes no O_DIRECT");
	}
	check_eq(err, 0);
	pattern_fill(data, sizeof(data), 1);
	/* The second time each cluster has its place. */
	for (int i = 0; i < 2; i++)
		for (u64 at = 0; at < sizeof(data); at += 4096)
			check_eq(run_one(&b, BLOCK_WRITE, at, data + at, 4096),
				 0);
	for (u64 at = 0; at < sizeof(data); at += 4096)
		check_eq(run_one(&b, BLOCK_READ, at, read + at, 4096), 0);
	check_mem_eq(read, data, sizeof(data));
	bench_free(&b);
}

TEST(a_temporary_disk_forgets)
{
	u8 data[512], read[512] = {1};
	struct bench b;

	bench_make(&b, true, AIO_AUTO);
	bench_close(&b);
	memset(data, 1, sizeof(data));
	b.config.temporary = true;
	b.config.temporary_folder = b.folder.path;
	bench_open(&b, true, AIO_AUTO);
	check(!block_read_only(b.block));
	check_eq(run(&b, BLOCK_WRITE, 0, data, 512), 0);
	check_eq(run(&b, BLOCK_READ, 0, read, 512), 0);
	check_mem_eq(read, data, 512);
	bench_close(&b);
	b.config.temporary = false;
	bench_open(&b, true, AIO_AUTO);
	check_eq(run(&b, BLOCK_READ, 0, read, 512), 0);
	check_eq(read[0], 0);
	bench_free(&b);
}

struct plain_op {
	struct aio_op op;
	bool ended;
	s64 result;
};

static void on_plain_done(struct aio_op *op, s64 result)
{
	struct plain_op *plain = container_of(op, struct plain_op, op);

	plain->ended = true;
	plain->result = result;
}

TEST(a_host_error_reaches_done_as_it_is)
{
	u8 data[512] = {};
	struct iovec iov = {data, sizeof(data)};

	for (int way = AIO_AUTO; way <= AIO_THREADS; way += AIO_THREADS) {
		/* Every write to this device says ENOSPC. */
		auto_close int full = fd_open("/dev/full", O_RDWR, 0);
		auto_close int event_fd = fd_eventfd();
		struct plain_op plain = {.op = {.write = true,
						.fd = full,
						.iov = &iov,
						.iov_count = 1,
						.done = on_plain_done}};
		struct aio *aio;

		check(full >= 0 && event_fd >= 0);
		check_eq(aio_create((enum aio_kind)way, event_fd, &aio), 0);
		aio_submit(aio, &plain.op);
		aio_kick(aio);
		while (!plain.ended)
			aio_reap(aio);
		check_eq(plain.result, -ENOSPC);
		aio_free(aio);
	}
}

/* What a container's policy does to io_uring. */
static int refuse_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the call's number */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0 when threads are taken by default, and io_uring alone says why not. */
static int without_io_uring(void)
{
	int event_fd = fd_eventfd(), wrong = 0;
	struct aio *aio;

	if (event_fd < 0 || refuse_io_uring())
		return 2;
	wrong |= aio_create(AIO_URING, event_fd, &aio) != -EPERM;
	if (aio_create(AIO_AUTO, event_fd, &aio))
		return 1;
	wrong |= strcmp(aio_name(aio), "threads") != 0;
	aio_free(aio);
	return wrong;
}

TEST(where_io_uring_is_refused_threads_do_its_work)
{
	pid_t child = fork();
	int status;

	check(child >= 0);
	if (!child)
		_exit(without_io_uring());
	check_eq(waitpid(child, &status, 0), child);
	check(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip("no seccomp here");
	check_eq(WEXITSTATUS(status), 0);
}

TEST(more_than_the_ring_holds_is_not_lost)
{
	static u8 data[600][512], read[600 * 512];
	static struct job jobs[600];
	struct bench b;

	for (int way = AIO_AUTO; way <= AIO_THREADS; way++) {
		if (way == AIO_URING)
			continue;
		bench_make(&b, false, (enum aio_kind)way);
		block_plug(b.block);
		for (u32 i = 0; i < 600; i++) {
			pattern_fill(data[i], 512, i);
			job_init(&jobs[i], BLOCK_WRITE, (u64)i * 512, data[i],
				 512);
			block_submit(b.block, &jobs[i].request);
		}
		block_unplug(b.block);
		block_drain(b.block);
		check_eq(run(&b, BLOCK_READ, 0, read, sizeof(read)), 0);
		for (u32 i = 0; i < 600; i++)
			check(pattern_is(read + (u64)i * 512, 512, i));
		bench_free(&b);
	}
}

TEST(opening_survives_each_allocation_that_fails)
{
	struct bench b;
	int err;

	bench_make(&b, true, AIO_AUTO);
	bench_close(&b);
	check_eq(loop_create(&b.loop), 0);
	for (u32 n = 1;; n++) {
		alloc_fail_at(n);
		err = block_open(&b.config, b.loop, &b.block, NULL);
		if (!err)
			break;
		check(err == -ENOMEM);
	}
	alloc_fail_off();
	bench_free(&b);
}
