/* SPDX-License-Identifier: MIT */
/* See image.h. */
#include "vmm/firmware/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int check_kind(struct image *image, struct fault *fault)
{
	struct stat st;
	const char *is = NULL;

	if (fstat(image->fd, &st))
		return fault_set(fault, FAULT_IO, -errno, "%s '%s'",
				 image->what, image->path);
	if (S_ISDIR(st.st_mode))
		is = "a directory";
	else if (!S_ISREG(st.st_mode))
		is = "not a regular file";
	else if (!st.st_size)
		is = "empty";
	image->size = (u64)st.st_size;
	if (!is)
		return 0;
	/* The errno would add nothing to the sentence. */
	fault_set(fault, FAULT_INVALID, 0, "%s '%s' is %s; give a %s file",
		  image->what, image->path, is, image->what);
	return trace_err(-EINVAL);
}

int image_open(struct image *image, const char *what, const char *path,
	       struct fault *fault)
{
	int err;

	*image = (struct image){.what = what, .path = path};
	/* Non-blocking: a FIFO without a writer must not hang us. */
	image->fd = fd_open(path, O_RDONLY | O_NONBLOCK, 0);
	if (image->fd < 0) {
		err = image->fd;
		image->fd = -1;
		return fault_set(fault, FAULT_NOT_FOUND, err,
				 "cannot open %s '%s'", what, path);
	}
	err = check_kind(image, fault);
	if (err)
		image_close(image);
	return err;
}

void image_from_memory(struct image *image, const char *what, const void *data,
		       size_t size)
{
	*image = (struct image){
		.what = what,
		.path = "memory",
		.data = data,
		.size = size,
		.fd = -1,
	};
}

void image_close(struct image *image)
{
	fd_close(&image->fd);
}

static int truncated(const struct image *image, struct fault *fault)
{
	fault_set(fault, FAULT_INVALID, 0,
		  "%s '%s' is truncated: it ends before what its header "
		  "announces; give a complete file",
		  image->what, image->path);
	return trace_err(-EINVAL);
}

int image_read(const struct image *image, u64 offset, void *data, u64 size,
	       struct fault *fault)
{
	int err;

	if (offset > image->size || size > image->size - offset)
		return truncated(image, fault);
	if (image->fd < 0) {
		memcpy(data, image->data + offset, size);
		return 0;
	}
	err = pread_full(image->fd, data, size, offset);
	if (err)
		return fault_set(fault, FAULT_IO, err, "cannot read %s '%s'",
				 image->what, image->path);
	return 0;
}

int image_load(const struct image *image, u64 offset, u64 size,
	       struct guest_mem *mem, gpa_t gpa, struct fault *fault)
{
	void *to = guest_mem_at(mem, gpa, size);
	int err;

	if (!to) {
		fault_set(fault, FAULT_INVALID, 0,
			  "%s '%s' wants to be loaded at 0x%llx to 0x%llx, "
			  "which is not memory of this machine; give more "
			  "--memory or another %s",
			  image->what, image->path, (unsigned long long)gpa,
			  (unsigned long long)(gpa + size), image->what);
		return trace_err(-EINVAL);
	}
	err = image_read(image, offset, to, size, fault);
	if (!err)
		guest_mem_tell_written(mem, gpa, size);
	return err;
}
