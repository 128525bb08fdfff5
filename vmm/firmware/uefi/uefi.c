/* SPDX-License-Identifier: MIT */
/* The package's files in memory: see uefi.h. */
#include "vmm/firmware/uefi/uefi.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* Code and the variables that belong to it; the first there is. */
static const struct {
	const char *code, *vars;
} usual_places[] = {
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
};

/* A mapping that is ours, so that no change of the file reaches the guest. */
static int read_mapping(int fd, const char *path, u64 max, u8 **ret,
			u64 *ret_bytes, struct fault *fault)
{
	struct stat st;
	u64 size;
	u8 *data;
	int err;

	if (fstat(fd, &st))
		return fault_set(fault, FAULT_IO, -errno, "firmware '%s'", path);
	size = (u64)st.st_size;
	if (!S_ISREG(st.st_mode) || !size || size > max ||
	    !is_aligned(size, VARS_FILE_PAGE))
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is no part of UEFI firmware: it has to be "
				 "a file of up to %llu MiB, in steps of 4 KiB",
				 path, (unsigned long long)(max / MiB));
	data = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-errno),
				 "firmware '%s'", path);
	*ret = data;
	*ret_bytes = size;
	err = read_full(fd, data, size);
	if (err)
		return fault_set(fault, FAULT_IO, err,
				 "cannot read firmware '%s'", path);
	return 0;
}

static int read_part(const char *path, u64 max, u8 **ret, u64 *ret_bytes,
		     struct fault *fault)
{
	int fd = fd_open(path, O_RDONLY | O_NONBLOCK, 0), err;

	if (fd < 0)
		return fault_set(fault, FAULT_NOT_FOUND, fd,
				 "cannot open firmware '%s'", path);
	err = read_mapping(fd, path, max, ret, ret_bytes, fault);
	fd_close(&fd);
	return err;
}

static int read_package(struct uefi *uefi, struct fault *fault)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(usual_places); i++) {
		if (access(usual_places[i].code, R_OK))
			continue;
		err = read_part(usual_places[i].code, UEFI_CODE_BYTES_MAX,
				&uefi->code, &uefi->code_bytes, fault);
		if (!err)
			err = read_part(usual_places[i].vars,
					VARS_STORE_BYTES_MAX, &uefi->store,
					&uefi->store_bytes, fault);
		return err;
	}
	return fault_set(fault, FAULT_NOT_FOUND, trace_err(-ENOENT),
			 "there is no UEFI firmware at '%s'; install the package "
			 "ovmf",
			 usual_places[0].code);
}

int uefi_open(struct uefi *uefi, const char *vars, struct fault *fault)
{
	int err;

	*uefi = (struct uefi){};
	err = read_package(uefi, fault);
	if (err || !vars)
		return err;
	err = vars_file_open(&uefi->file, vars, uefi->store, uefi->store_bytes,
			     fault);
	if (err)
		return fault_wrap(fault, err, "--uefi-vars");
	err = vars_writer_init(&uefi->writer, &uefi->file, uefi->store);
	if (err)
		return fault_set(fault, FAULT_NO_MEMORY, err, "UEFI variables");
	uefi->keeps = true;
	return 0;
}

int uefi_start(struct uefi *uefi, struct fault *fault)
{
	int err = uefi->keeps ? vars_writer_start(&uefi->writer) : 0;

	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot start the thread of the UEFI variables");
	return 0;
}

void uefi_store_written(void *ctx, u64 at, u64 size)
{
	struct uefi *uefi = ctx;

	if (uefi->keeps)
		vars_writer_note(&uefi->writer, at, uefi->store + at, size);
}

void uefi_close(struct uefi *uefi)
{
	vars_writer_release(&uefi->writer);
	vars_file_close(&uefi->file);
	if (uefi->code)
		munmap(uefi->code, uefi->code_bytes);
	if (uefi->store)
		munmap(uefi->store, uefi->store_bytes);
	*uefi = (struct uefi){};
}
