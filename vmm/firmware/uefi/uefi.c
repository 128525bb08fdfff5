/* SPDX-License-Identifier: MIT */
/* The package's files in memory: see uefi.h. */
#include "vmm/firmware/uefi/uefi.h"

#include <sys/mman.h>

#include "vmm/firmware/rom.h"

static const struct rom_kind code_kind = {
	.what = "UEFI firmware",
	.sizes = "4 KiB to 12 MiB, in steps of 4 KiB",
	.bytes_min = VARS_FILE_PAGE,
	.bytes_max = UEFI_CODE_BYTES_MAX,
	.bytes_step = VARS_FILE_PAGE,
};

static const struct rom_kind store_kind = {
	.what = "template of UEFI variables",
	.sizes = "4 KiB to 4 MiB, in steps of 4 KiB",
	.bytes_min = VARS_FILE_PAGE,
	.bytes_max = VARS_STORE_BYTES_MAX,
	.bytes_step = VARS_FILE_PAGE,
};

/* Code, and at the same index the variables that belong to it. */
static const char *const code_places[] = {
	"/usr/share/OVMF/OVMF_CODE_4M.fd",
	"/usr/share/OVMF/OVMF_CODE.fd",
};
static const char *const store_places[ARRAY_SIZE(code_places)] = {
	"/usr/share/OVMF/OVMF_VARS_4M.fd",
	"/usr/share/OVMF/OVMF_VARS.fd",
};

static int read_package(struct uefi *uefi, struct fault *fault)
{
	int place = rom_find(&code_kind, code_places, ARRAY_SIZE(code_places),
			     "install the package ovmf", fault);
	int err;

	if (place < 0)
		return place;
	err = rom_map(&code_kind, code_places[place], &uefi->code,
		      &uefi->code_bytes, fault);
	if (err)
		return err;
	return rom_map(&store_kind, store_places[place], &uefi->store,
		       &uefi->store_bytes, fault);
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
