/* SPDX-License-Identifier: MIT */
/* Image locks: see lock.h. */
#include "vmm/block/lock.h"

#include <fcntl.h>
#include <unistd.h>

#define DOES_BYTE   100
#define DENIES_BYTE 200

#define FOR_READ   0
#define FOR_WRITE  1
#define FOR_RESIZE 3

static int take(int fd, int byte)
{
	struct flock lock = {
		.l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &lock) ? trace_err(-errno) : 0;
}

/* Whether another open file holds the byte: 1, 0 or -errno. */
static int is_taken(int fd, int byte)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return trace_err(-errno);
	return lock.l_type != F_UNLCK;
}

static int take_all(int fd, bool write)
{
	int err = take(fd, DOES_BYTE + FOR_READ);

	if (!err && write)
		err = take(fd, DOES_BYTE + FOR_WRITE);
	if (!err && write)
		err = take(fd, DOES_BYTE + FOR_RESIZE);
	if (!err)
		err = take(fd, DENIES_BYTE + FOR_WRITE);
	return err ? err : take(fd, DENIES_BYTE + FOR_RESIZE);
}

static int find_rival(int fd, bool write)
{
	static const int for_all[] = {DENIES_BYTE + FOR_READ,
				      DOES_BYTE + FOR_WRITE,
				      DOES_BYTE + FOR_RESIZE};
	static const int for_writers[] = {DENIES_BYTE + FOR_WRITE,
					  DENIES_BYTE + FOR_RESIZE};
	int taken = 0;

	for (size_t i = 0; i < ARRAY_SIZE(for_all) && !taken; i++)
		taken = is_taken(fd, for_all[i]);
	for (size_t i = 0; write && i < ARRAY_SIZE(for_writers) && !taken; i++)
		taken = is_taken(fd, for_writers[i]);
	return taken;
}

int block_lock(int fd, bool write, const char *name, struct fault *fault)
{
	int err = take_all(fd, write), rival;

	if (err == -EINVAL || err == -EOPNOTSUPP || err == -ENOLCK)
		return 0; /* no such locks here */
	rival = err ? err : find_rival(fd, write);
	if (rival == 1 || rival == -EAGAIN || rival == -EACCES)
		return fault_set(fault, FAULT_BUSY, trace_err(-EBUSY),
				 "'%s' is in use by another program", name);
	if (rival < 0)
		return fault_set(fault, FAULT_IO, rival, "cannot lock '%s'",
				 name);
	return 0;
}
