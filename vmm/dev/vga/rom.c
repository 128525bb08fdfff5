/* SPDX-License-Identifier: MIT */
/* The video BIOS, from its file into pages that a BAR can show. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/dev/vga/vga.h"

#define ROM_BYTES_MAX (128 * KiB) /* what a PC has room for below 0xe0000 */
#define ROM_BYTES_MIN 4096

static const char *const usual_places[] = {
	"/usr/share/seabios/vgabios-stdvga.bin",
	"/usr/share/qemu/vgabios-stdvga.bin",
};

static int open_rom(const char **ret_path, struct fault *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(usual_places); i++) {
		int fd = fd_open(usual_places[i], O_RDONLY, 0);

		*ret_path = usual_places[i];
		if (fd >= 0)
			return fd;
	}
	fault_set(fault, FAULT_NOT_FOUND, 0,
		  "there is no video BIOS at '%s'; install the package seabios, "
		  "or give --vga none",
		  usual_places[0]);
	return trace_err(-ENOENT);
}

/* [PCI 6.3.1.1 "PCI Expansion ROM Header Format"] */
static bool is_rom(const u8 *data)
{
	return data[0] == 0x55 && data[1] == 0xaa;
}

static int read_rom(struct vga_rom *rom, int fd, u64 file_bytes)
{
	rom->size = ROM_BYTES_MIN;
	while (rom->size < file_bytes)
		rom->size *= 2;
	rom->data = mmap(NULL, rom->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rom->data == MAP_FAILED) {
		rom->data = NULL;
		return trace_err(-errno);
	}
	return read_full(fd, rom->data, file_bytes);
}

static int load_rom(struct vga_rom *rom, int fd, const char *path,
		    struct fault *fault)
{
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return fault_set(fault, FAULT_IO, -errno, "video BIOS '%s'",
				 path);
	if (!S_ISREG(st.st_mode) || st.st_size < 512 ||
	    st.st_size > (off_t)ROM_BYTES_MAX)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is no video BIOS: it is a file of 512 "
				 "bytes to 128 KiB",
				 path);
	err = read_rom(rom, fd, (u64)st.st_size);
	if (err)
		return fault_set(fault, FAULT_IO, err,
				 "cannot read the video BIOS '%s'", path);
	if (!is_rom(rom->data))
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is no video BIOS: it does not begin "
				 "with 55 aa",
				 path);
	return 0;
}

int vga_rom_open(struct vga_rom *rom, struct fault *fault)
{
	const char *path;
	int fd = open_rom(&path, fault), err;

	*rom = (struct vga_rom){};
	if (fd < 0)
		return fd;
	err = load_rom(rom, fd, path, fault);
	fd_close(&fd);
	if (err)
		vga_rom_close(rom);
	return err;
}

void vga_rom_close(struct vga_rom *rom)
{
	if (rom->data)
		munmap(rom->data, rom->size);
	*rom = (struct vga_rom){};
}
