/* SPDX-License-Identifier: MIT */
/* The file under an image: see file.h. */
#include "vmm/block/file.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/block/lock.h"

/* A system call moves at most this much, a buffer of ours holds it. */
#define CHUNK_BYTES_MAX MiB
/* What every medium of today takes, where the kernel does not say. */
#define DIRECT_ALIGN_BYTES 4096

/* ---- opening ---- */

static enum fault_class class_of(int err)
{
	switch (-err) {
	case ENOENT:
		return FAULT_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return FAULT_DENIED;
	case ENOMEM:
		return FAULT_NO_MEMORY;
	case EINVAL:
	case EISDIR:
		return FAULT_INVALID;
	default:
		return FAULT_IO;
	}
}

/* For block_file_end, which another thread may ask. */
static void set_end(struct block_file *file, u64 size)
{
	__atomic_store_n(&file->size_bytes, size, __ATOMIC_RELAXED);
}

u64 block_file_end(const struct block_file *file)
{
	return __atomic_load_n(&file->size_bytes, __ATOMIC_RELAXED);
}

/* Kind and end of what is open. */
static int learn(struct block_file *file)
{
	struct stat st;
	u64 size = 0;

	if (fstat(file->fd, &st))
		return trace_err(-errno);
	file->device_id = st.st_dev;
	file->inode = st.st_ino;
	file->is_device = S_ISBLK(st.st_mode);
	if (S_ISREG(st.st_mode))
		size = (u64)st.st_size;
	else if (!file->is_device)
		return trace_err(-EINVAL);
	else if (ioctl(file->fd, BLKGETSIZE64, &size))
		return trace_err(-errno);
	set_end(file, size);
	return 0;
}

/*
 * Where what is open ends now. Not by stat(2), which the jail refuses: it takes
 * names. Nobody else uses the file's position.
 */
/* needs: io worker: lseek? */
static int learn_end(struct block_file *file)
{
	off_t end = lseek(file->fd, 0, SEEK_END);

	if (end < 0)
		return trace_err(-errno);
	set_end(file, (u64)end);
	return 0;
}

/* A device, a socket or a pipe may wait for somebody when it is opened. */
#define OPEN_FLAGS (O_NONBLOCK | O_NOCTTY)

/* What O_DIRECT asks of offsets, sizes and memory. */
static u32 direct_align(const struct block_file *file)
{
	struct statx st;
	u32 align;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) ||
	    !(st.stx_mask & STATX_DIOALIGN))
		return DIRECT_ALIGN_BYTES;
	align = MAX(st.stx_dio_offset_align, st.stx_dio_mem_align);
	return is_power_of_two(align) && align <= DIRECT_ALIGN_BYTES
		       ? MAX(align, 512u)
		       : DIRECT_ALIGN_BYTES;
}

static int open_path(struct block_file *file, const char *path, u32 flags,
		     struct fault *fault)
{
	int how = flags & BLOCK_FILE_WRITE ? O_RDWR : O_RDONLY;
	int err;

	if (flags & BLOCK_FILE_CREATE)
		how |= O_CREAT;
	if (flags & BLOCK_FILE_DIRECT)
		how |= O_DIRECT;
	file->fd = fd_open(path, how | OPEN_FLAGS, 0644);
	if (file->fd == -EINVAL && flags & BLOCK_FILE_DIRECT)
		return fault_set(fault, FAULT_UNSUPPORTED,
				 trace_err(-EOPNOTSUPP),
				 "'%s' is on a file system that takes no "
				 "O_DIRECT; use cache=writeback",
				 path);
	err = file->fd < 0 ? file->fd : learn(file);
	/* With it io_uring answers EAGAIN instead of waiting. */
	if (!err)
		err = fd_set_nonblock(file->fd, false);
	if (err == -EINVAL)
		return fault_set(fault, FAULT_INVALID, err,
				 "'%s' is neither a file nor a block device",
				 path);
	if (err)
		return fault_set(fault, class_of(err), err, "cannot open '%s'",
				 path);
	if (flags & BLOCK_FILE_DIRECT)
		file->align_bytes = direct_align(file);
	return 0;
}

int block_file_open(struct block_file *file, const char *path, u32 flags,
		    struct fault *fault)
{
	int err;

	*file = (struct block_file){
		.fd = -1,
		.align_bytes = flags & BLOCK_FILE_DIRECT ? DIRECT_ALIGN_BYTES
							 : 1,
		.writable = flags & BLOCK_FILE_WRITE,
		.name = strdup(path),
	};
	if (!file->name)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "cannot open '%s'", path);
	err = open_path(file, path, flags, fault);
	if (!err && !(flags & BLOCK_FILE_SHARE))
		err = block_lock(file->fd, file->writable, path, fault);
	/* Emptied only now: it could have been somebody's. */
	if (!err && flags & BLOCK_FILE_CREATE && !file->is_device) {
		err = block_file_truncate(file, 0);
		if (err)
			fault_set(fault, FAULT_IO, err, "cannot empty '%s'",
				  path);
	}
	if (err)
		block_file_close(file);
	return err;
}

int block_file_open_nameless(struct block_file *file, const char *folder,
			     struct fault *fault)
{
	int err;

	*file = (struct block_file){
		.fd = -1,
		.align_bytes = 1,
		.writable = true,
		.sync_ignored = true,
		.name = strdup("the temporary file"),
	};
	err = file->name ? 0 : trace_err(-ENOMEM);
	if (!err) {
		file->fd = fd_open(folder, O_TMPFILE | O_RDWR, 0600);
		err = file->fd < 0 ? file->fd : learn(file);
	}
	if (err) {
		block_file_close(file);
		return fault_set(fault, class_of(err), err,
				 "cannot make a temporary file in '%s'", folder);
	}
	return 0;
}

void block_file_close(struct block_file *file)
{
	fd_close(&file->fd);
	free(file->name);
	file->name = NULL;
}

/* ---- reading and writing ---- */

/* needs: worker: pread64 */
/* needs: io: pread64? */
static int read_some(struct block_file *file, u64 offset, u8 *data, u64 size)
{
	while (size) {
		ssize_t n = pread(file->fd, data, MIN(size, CHUNK_BYTES_MAX),
				  (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_err(-errno);
		if (n == 0) {
			memset(data, 0, size);
			return 0;
		}
		data += n;
		offset += (u64)n;
		size -= (u64)n;
	}
	return 0;
}

/* needs: worker: pwrite64 */
/* needs: io: pwrite64? */
static int write_some(struct block_file *file, u64 offset, const u8 *data,
		      u64 size)
{
	int err = pwrite_full(file->fd, data, size, offset);

	/* Some of it may be there: what is past the end is taken for zeros. */
	if (err)
		(void)!learn_end(file);
	else if (offset + size > file->size_bytes)
		set_end(file, offset + size);
	return err;
}

static bool is_direct_ready(const struct block_file *file, u64 offset,
			    const void *data, u64 size)
{
	return is_aligned(offset | size | (u64)(uintptr_t)data,
			  file->align_bytes);
}

/* The aligned range around at most a chunk at `offset`, in the buffer. */
struct window {
	u64 start, size;
	u64 skip;  /* from start to offset */
	u64 bytes; /* wanted ones */
};

static struct window window_at(const struct block_file *file, u64 offset,
			       u64 size)
{
	struct window w = {.start = align_down(offset, file->align_bytes)};

	w.skip = offset - w.start;
	w.bytes = MIN(size, CHUNK_BYTES_MAX - w.skip);
	w.size = align_up(w.skip + w.bytes, file->align_bytes);
	return w;
}

static int direct_read(struct block_file *file, u64 offset, u8 *data, u64 size)
{
	auto_free u8 *buffer = aligned_alloc(file->align_bytes, CHUNK_BYTES_MAX);
	int err = 0;

	if (!buffer)
		return trace_err(-ENOMEM);
	while (!err && size) {
		struct window w = window_at(file, offset, size);

		err = read_some(file, w.start, buffer, w.size);
		if (err)
			break;
		memcpy(data, buffer + w.skip, w.bytes);
		data += w.bytes;
		offset += w.bytes;
		size -= w.bytes;
	}
	return err;
}

/* Reads around what is written and writes it back; the end stays its own. */
static int direct_write_window(struct block_file *file, const struct window *w,
			       u8 *buffer, const u8 *data)
{
	u64 end = MAX(file->size_bytes, w->start + w->skip + w->bytes);
	int err = 0;

	if (w->bytes != w->size)
		err = read_some(file, w->start, buffer, w->size);
	if (err)
		return err;
	memcpy(buffer + w->skip, data, w->bytes);
	err = write_some(file, w->start, buffer, w->size);
	if (!err && file->size_bytes > end && !file->is_device)
		err = block_file_truncate(file, end);
	return err;
}

static int direct_write(struct block_file *file, u64 offset, const u8 *data,
			u64 size)
{
	auto_free u8 *buffer = aligned_alloc(file->align_bytes, CHUNK_BYTES_MAX);
	int err;

	if (!buffer)
		return trace_err(-ENOMEM);
	/* Asynchronous writes may have moved the end. */
	err = learn_end(file);
	while (!err && size) {
		struct window w = window_at(file, offset, size);

		err = direct_write_window(file, &w, buffer, data);
		data += w.bytes;
		offset += w.bytes;
		size -= w.bytes;
	}
	return err;
}

static bool is_range(u64 offset, u64 size)
{
	return offset <= BLOCK_OFFSET_MAX && size <= BLOCK_OFFSET_MAX - offset;
}

int block_file_read(struct block_file *file, u64 offset_bytes, void *data,
		    u64 size_bytes)
{
	if (!is_range(offset_bytes, size_bytes))
		return trace_err(-EIO);
	if (is_direct_ready(file, offset_bytes, data, size_bytes))
		return read_some(file, offset_bytes, data, size_bytes);
	return direct_read(file, offset_bytes, data, size_bytes);
}

int block_file_write(struct block_file *file, u64 offset_bytes,
		     const void *data, u64 size_bytes)
{
	assert(file->writable);
	if (!is_range(offset_bytes, size_bytes))
		return trace_err(-EFBIG);
	if (is_direct_ready(file, offset_bytes, data, size_bytes))
		return write_some(file, offset_bytes, data, size_bytes);
	return direct_write(file, offset_bytes, data, size_bytes);
}

/* ---- space ---- */

/* needs: io worker: fallocate? */
static int allocate(struct block_file *file, int mode, u64 offset, u64 size)
{
	int rc;

	do
		rc = fallocate(file->fd, mode, (off_t)offset, (off_t)size);
	while (rc && errno == EINTR);
	return rc ? trace_err(-errno) : 0;
}

static bool is_unsupported(int err)
{
	return err == -EOPNOTSUPP || err == -ENOSYS || err == -EINVAL ||
	       err == -ENODEV || err == -EPERM;
}

static int write_zeros(struct block_file *file, u64 offset, u64 size)
{
	u64 buffer_bytes = MIN(align_up(size, KiB * 4), (u64)64 * KiB);
	auto_free u8 *zeros = aligned_alloc(4 * KiB, buffer_bytes);
	int err = 0;

	if (!zeros)
		return trace_err(-ENOMEM);
	memset(zeros, 0, buffer_bytes);
	while (!err && size) {
		u64 n = MIN(size, buffer_bytes);

		err = block_file_write(file, offset, zeros, n);
		offset += n;
		size -= n;
	}
	return err;
}

int block_file_zero(struct block_file *file, u64 offset_bytes, u64 size_bytes,
		    bool unmap)
{
	int err = -EOPNOTSUPP;

	assert(file->writable);
	if (!size_bytes)
		return 0;
	if (!is_range(offset_bytes, size_bytes))
		return trace_err(-EFBIG);
	/* A hole reads as zeros only below the end of a file. */
	if (unmap && offset_bytes + size_bytes <= file->size_bytes)
		err = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       offset_bytes, size_bytes);
	if (is_unsupported(err))
		err = allocate(file, FALLOC_FL_ZERO_RANGE, offset_bytes,
			       size_bytes);
	if (!err && offset_bytes + size_bytes > file->size_bytes)
		set_end(file, offset_bytes + size_bytes);
	return is_unsupported(err) ? write_zeros(file, offset_bytes, size_bytes)
				   : err;
}

int block_file_punch(struct block_file *file, u64 offset_bytes, u64 size_bytes)
{
	int err;

	if (!size_bytes || !is_range(offset_bytes, size_bytes))
		return 0;
	err = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       offset_bytes, size_bytes);
	return is_unsupported(err) ? 0 : err;
}

int block_file_reserve(struct block_file *file, u64 offset_bytes, u64 size_bytes)
{
	int err = size_bytes ? allocate(file, 0, offset_bytes, size_bytes) : 0;

	if (!err)
		set_end(file, MAX(file->size_bytes, offset_bytes + size_bytes));
	return is_unsupported(err) ? -EOPNOTSUPP : err;
}

/* needs: io worker: fdatasync */
int block_file_sync(struct block_file *file)
{
	if (file->sync_ignored)
		return 0;
	if (file->sync_err)
		return file->sync_err;
	if (!fdatasync(file->fd))
		return 0;
	/* The host has dropped it and would say 0 next time. [fsync(2)] */
	file->sync_err = -errno;
	return trace_err(file->sync_err);
}

/* needs: io worker: ftruncate? */
int block_file_truncate(struct block_file *file, u64 size_bytes)
{
	if (file->is_device || size_bytes > BLOCK_OFFSET_MAX)
		return trace_err(-EINVAL);
	if (ftruncate(file->fd, (off_t)size_bytes))
		return trace_err(-errno);
	set_end(file, size_bytes);
	return 0;
}

/* needs: worker: lseek? */
int block_file_extent(struct block_file *file, u64 offset_bytes, bool *ret_hole,
		      u64 *ret_size)
{
	u64 left = file->size_bytes - offset_bytes;
	off_t data, hole;

	assert(offset_bytes < file->size_bytes);
	data = lseek(file->fd, (off_t)offset_bytes, SEEK_DATA);
	if (data < 0 && errno == ENXIO) {
		*ret_hole = true;
		*ret_size = left;
		return 0;
	}
	*ret_hole = data > (off_t)offset_bytes;
	if (*ret_hole) {
		*ret_size = MIN((u64)data - offset_bytes, left);
		return 0;
	}
	hole = data < 0 ? -1 : lseek(file->fd, (off_t)offset_bytes, SEEK_HOLE);
	*ret_size = hole > (off_t)offset_bytes
			    ? MIN((u64)hole - offset_bytes, left)
			    : left;
	return 0;
}

int block_file_used(struct block_file *file, u64 *ret_bytes)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return trace_err(-errno);
	*ret_bytes = (u64)st.st_blocks * 512; /* stat(2)'s unit */
	return 0;
}
