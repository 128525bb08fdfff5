/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/boot/boot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <asm/bootparam.h>

#include "base/test.h"
#include "vmm/firmware/memory_map.h"

#define CMDLINE "console=ttyS0 x"

static struct {
	u8 file[65536];
	size_t size;
	u8 initrd[8192];
	struct guest_mem mem;
	struct boot boot;
	struct boot_entry entry;
	struct fault fault;
} t;

/* A clean bench with `size` bytes of 0x5a for a file. */
static void fresh(size_t size)
{
	guest_mem_release(&t.mem);
	memset(t.file, 0x5a, sizeof(t.file));
	memset(t.initrd, 0x77, sizeof(t.initrd));
	t.size = size;
	t.fault = (struct fault){};
}

static void put(size_t at, u64 value, u32 bytes)
{
	memcpy(t.file + at, &value, bytes);
}

static int open_file(size_t initrd_size)
{
	return boot_from_memory(&t.boot, t.file, t.size,
				initrd_size ? t.initrd : NULL, initrd_size,
				CMDLINE, &t.fault);
}

static int load(u64 memory, size_t initrd_size)
{
	int err = open_file(initrd_size);

	guest_mem_release(&t.mem);
	check_eq(guest_mem_init(&t.mem, memory, NULL), 0);
	return err ? err : boot_load(&t.boot, &t.mem, &t.entry, &t.fault);
}

static u64 ram(gpa_t gpa, u32 bytes)
{
	u64 value = 0;

	check(guest_mem_read(&t.mem, gpa, &value, bytes));
	return value;
}

/* The load is refused with a sentence that has `part` in it. */
static void check_refused(int err, const char *part)
{
	check_eq(err, -EINVAL);
	if (!strstr(t.fault.text[0], part))
		test_fail("\"%s\" has no \"%s\"", t.fault.text[0], part);
}

/* ---- bzImage ---- */

static struct setup_header *hdr(void)
{
	return (void *)(t.file + 0x1f1);
}

/* Two sectors of setup, 16 KiB of payload. */
static void make_bzimage(u16 version)
{
	fresh(1024 + 16384);
	memset(t.file, 0, 1024);
	*hdr() = (struct setup_header){
		.setup_sects = 1,
		.syssize = 1024,
		.boot_flag = 0xaa55,
		.jump = 0x66eb,
		.header = 0x53726448,
		.version = version,
		.loadflags = LOADED_HIGH,
		.code32_start = 0x100000,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = 0x1000000,
		.init_size = 0x400000,
	};
}

TEST(a_64_bit_kernel_goes_to_its_preferred_address)
{
	make_bzimage(0x020f);
	check_eq(load(64 * MiB, 5000), 0);
	check_str_eq(t.boot.loader->name, "Linux bzImage");
	check_eq(t.entry.mode, BOOT_LONG_64);
	check_eq(t.entry.rip, 0x1000200);
	check_eq(t.entry.rsi, BOOT_ZERO_PAGE_GPA);
	check_eq(ram(0x1000000, 4), 0x5a5a5a5a);
	check_eq(ram(0x1000000 + 16383, 1), 0x5a);
	check_eq(ram(0x1000000 + 16384, 1), 0);
}

TEST(the_zero_page_tells_what_was_loaded)
{
	struct boot_params zero;
	gpa_t initrd;

	make_bzimage(0x020f);
	check_eq(load(64 * MiB, 5000), 0);
	check(guest_mem_read(&t.mem, BOOT_ZERO_PAGE_GPA, &zero, sizeof(zero)));
	check_eq(zero.hdr.header, 0x53726448);
	check_eq(zero.hdr.type_of_loader, 0xff);
	check_eq(zero.hdr.ramdisk_size, 5000);
	initrd = zero.hdr.ramdisk_image;
	check_eq(initrd, 64 * MiB - 8192);
	check_eq(ram(initrd + 4999, 2), 0x0077);
	check_eq(zero.hdr.cmd_line_ptr, BOOT_CMDLINE_GPA);
	check_str_eq((char *)guest_mem_at(&t.mem, BOOT_CMDLINE_GPA, 64),
		     CMDLINE);
	check_eq(zero.acpi_rsdp_addr, ACPI_TABLES_GPA);
	check(zero.e820_entries >= 4);
	check_eq(zero.e820_table[0].addr, 0);
	check_eq(zero.e820_table[0].type, 1);
	check_eq(zero.alt_mem_k, 63 * 1024);
}

TEST(page_tables_map_the_first_4_gib_one_to_one)
{
	make_bzimage(0x020f);
	check_eq(load(64 * MiB, 0), 0);
	for (u64 at = 0; at < 4 * GiB; at += 64 * MiB + 2 * MiB) {
		u64 pml4e = ram(BOOT_PAGE_TABLES_GPA, 8);
		u64 pdpte = ram((pml4e & ~0xfffull) + (at >> 30) * 8, 8);
		u64 pde = ram((pdpte & ~0xfffull) + (at >> 21 & 511) * 8, 8);

		check(pml4e & 1 && pdpte & 1 && pde & 1);
		check(pde & 0x80);
		check_eq(pde & ~0xfffull, at);
	}
}

TEST(a_kernel_without_64_bit_entry_starts_in_protected_mode)
{
	make_bzimage(0x020f);
	hdr()->xloadflags = 0;
	hdr()->relocatable_kernel = 0;
	check_eq(load(64 * MiB, 0), 0);
	check_eq(t.entry.mode, BOOT_PROTECTED_32);
	check_eq(t.entry.rip, 0x100000);
	/* Selector 0x10 is flat 32-bit code, 0x18 flat data. */
	check_eq(ram(BOOT_GDT_GPA + 0x10, 8), 0x00cf9b000000ffff);
	check_eq(ram(BOOT_GDT_GPA + 0x18, 8), 0x00cf93000000ffff);
}

TEST(an_old_protocol_boots_with_its_own_limits)
{
	make_bzimage(0x0202);
	check_eq(load(64 * MiB, 100), 0);
	check_eq(t.entry.mode, BOOT_PROTECTED_32);
	check_eq(t.entry.rip, 0x100000);
}

TEST(in_a_small_memory_a_relocatable_kernel_moves_down)
{
	make_bzimage(0x020f);
	check_eq(load(16 * MiB, 0), 0);
	check_eq(t.entry.rip, 0x200200);
	make_bzimage(0x020f);
	check_refused(load(4 * MiB, 0), "needs at least 6 MiB");
	make_bzimage(0x020f);
	hdr()->relocatable_kernel = 0;
	check_refused(load(16 * MiB, 0), "needs at least 20 MiB");
}

TEST(an_initrd_stays_below_the_kernels_limit)
{
	make_bzimage(0x020f);
	hdr()->initrd_addr_max = 0x17fffff;
	check_eq(load(64 * MiB, 8192), 0);
	check_eq(ram(0x1800000 - 8192, 1), 0x77);
	make_bzimage(0x020f);
	hdr()->initrd_addr_max = 0x1400fff;
	check_refused(load(64 * MiB, 8192), "too large");
	make_bzimage(0x020f);
	hdr()->initrd_addr_max = 0xffffffff;
	check_eq(load(64 * MiB, 8192), 0);
}

TEST(a_command_line_that_is_too_long_is_refused)
{
	make_bzimage(0x020f);
	hdr()->cmdline_size = sizeof(CMDLINE) - 2;
	check_refused(load(64 * MiB, 0), "takes at most 14");
	make_bzimage(0x020f);
	hdr()->cmdline_size = sizeof(CMDLINE) - 1;
	check_eq(load(64 * MiB, 0), 0);
}

TEST(broken_bzimages_are_refused_with_their_fault)
{
	make_bzimage(0x020f);
	hdr()->boot_flag = 0;
	check_refused(load(64 * MiB, 0), "boot flag");
	make_bzimage(0x0201);
	check_refused(load(64 * MiB, 0), "older than 2.02");
	make_bzimage(0x020f);
	hdr()->loadflags = 0;
	check_refused(load(64 * MiB, 0), "zImage");
	make_bzimage(0x020f);
	t.size = 600;
	check_refused(load(64 * MiB, 0), "truncated");
	make_bzimage(0x020f);
	t.size = 1024;
	check_refused(load(64 * MiB, 0), "truncated");
	make_bzimage(0x020f);
	t.size = 9000;
	check_refused(load(64 * MiB, 0), "truncated");
	make_bzimage(0x020f);
	hdr()->init_size = 0xffffffff;
	check_refused(load(64 * MiB, 0), "needs at least");
	make_bzimage(0x020f);
	hdr()->pref_address = UINT64_MAX - 5;
	check_eq(load(64 * MiB, 0), 0);
	check_eq(t.entry.rip, 0x200200);
	make_bzimage(0x020f);
	hdr()->kernel_alignment = 0x80000000;
	hdr()->pref_address = 0;
	check_refused(load(64 * MiB, 0), "needs at least");
}

/* ---- PVH ---- */

/* One segment of 0x100 bytes at 2 MiB with 0x200 of memory, and a note. */
static void make_elf(bool is_64, u16 machine)
{
	const u32 note[] = {4, 4, 18, 0x6e6558, 0x200010};
	size_t headers = is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);

	fresh(0x2100);
	memset(t.file, 0, 0x1000);
	memcpy(t.file, ELFMAG, 4);
	t.file[EI_CLASS] = is_64 ? ELFCLASS64 : ELFCLASS32;
	t.file[EI_DATA] = ELFDATA2LSB;
	put(18, machine, 2);
	if (is_64) {
		*(Elf64_Ehdr *)(void *)t.file = (Elf64_Ehdr){
			.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, 1},
			.e_machine = machine,
			.e_entry = 0x200000,
			.e_phoff = headers,
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2};
		((Elf64_Phdr *)(void *)(t.file + headers))[0] =
			(Elf64_Phdr){.p_type = PT_LOAD,
				     .p_offset = 0x2000,
				     .p_paddr = 0x200000,
				     .p_filesz = 0x100,
				     .p_memsz = 0x200};
		((Elf64_Phdr *)(void *)(t.file + headers))[1] =
			(Elf64_Phdr){.p_type = PT_NOTE,
				     .p_offset = 0x800,
				     .p_filesz = sizeof(note)};
	} else {
		*(Elf32_Ehdr *)(void *)t.file = (Elf32_Ehdr){
			.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, 1},
			.e_machine = machine,
			.e_entry = 0x200000,
			.e_phoff = (u32)headers,
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 2};
		((Elf32_Phdr *)(void *)(t.file + headers))[0] =
			(Elf32_Phdr){.p_type = PT_LOAD,
				     .p_offset = 0x2000,
				     .p_paddr = 0x200000,
				     .p_filesz = 0x100,
				     .p_memsz = 0x200};
		((Elf32_Phdr *)(void *)(t.file + headers))[1] =
			(Elf32_Phdr){.p_type = PT_NOTE,
				     .p_offset = 0x800,
				     .p_filesz = sizeof(note)};
	}
	memcpy(t.file + 0x800, note, sizeof(note));
}

static Elf64_Phdr *phdr(u32 index)
{
	return (Elf64_Phdr *)(void *)(t.file + sizeof(Elf64_Ehdr)) + index;
}

static void check_pvh(void)
{
	check_str_eq(t.boot.loader->name, "PVH ELF");
	check_eq(t.entry.mode, BOOT_PROTECTED_32);
	check_eq(t.entry.rip, 0x200010);
	check_eq(t.entry.rbx, BOOT_INFO_GPA);
	check_eq(ram(0x2000ff, 2), 0x005a);
	check_eq(ram(BOOT_INFO_GPA, 4), 0x336ec578);
	check_eq(ram(BOOT_INFO_GPA + 4, 4), 1);
	check_eq(ram(ram(BOOT_INFO_GPA + 24, 8), 6), 0x6c6f736e6f63);
	check_eq(ram(BOOT_INFO_GPA + 32, 8), ACPI_TABLES_GPA);
	check(ram(BOOT_INFO_GPA + 48, 4) >= 4);
}

TEST(a_pvh_note_in_an_elf_of_either_class_starts_there)
{
	make_elf(true, EM_X86_64);
	check_eq(load(16 * MiB, 300), 0);
	check_pvh();
	check_eq(ram(BOOT_INFO_GPA + 12, 4), 1);
	check_eq(ram(ram(ram(BOOT_INFO_GPA + 16, 8), 8), 1), 0x77);
	make_elf(false, EM_386);
	check_eq(load(16 * MiB, 0), 0);
	check_pvh();
	check_eq(ram(BOOT_INFO_GPA + 12, 4), 0);
}

TEST(loading_again_clears_what_the_first_run_left)
{
	u8 dirt = 0xdd;

	make_elf(true, EM_X86_64);
	check_eq(load(16 * MiB, 0), 0);
	check(guest_mem_write(&t.mem, 0x200180, &dirt, 1));
	check(guest_mem_write(&t.mem, 0x200000, &dirt, 1));
	check_eq(boot_load(&t.boot, &t.mem, &t.entry, &t.fault), 0);
	check_eq(ram(0x200180, 1), 0);
	check_eq(ram(0x200000, 1), 0x5a);
}

TEST(broken_elf_files_are_refused_with_their_fault)
{
	make_elf(true, EM_AARCH64);
	check_refused(load(16 * MiB, 0), "another architecture");
	make_elf(true, EM_X86_64);
	t.size = 0x2080;
	check_refused(load(16 * MiB, 0), "truncated");
	make_elf(true, EM_X86_64);
	t.size = 80;
	check_refused(load(16 * MiB, 0), "truncated");
	make_elf(true, EM_X86_64);
	phdr(1)->p_filesz = 16;
	check_refused(load(16 * MiB, 0), "neither a PVH note");
	make_elf(true, EM_X86_64);
	put(0x800, 0xffffffff, 4);
	check_refused(load(16 * MiB, 0), "neither a PVH note");
	make_elf(true, EM_X86_64);
	phdr(0)->p_paddr = 0x1000;
	check_refused(load(16 * MiB, 0), "below 1 MiB");
	make_elf(true, EM_X86_64);
	phdr(0)->p_paddr = UINT64_MAX - 0x100;
	check_refused(load(16 * MiB, 0), "damaged");
	make_elf(true, EM_X86_64);
	phdr(0)->p_memsz = 64 * MiB;
	check_refused(load(16 * MiB, 0), "needs at least 66 MiB");
	make_elf(true, EM_X86_64);
	phdr(0)->p_type = PT_NULL;
	check_refused(load(16 * MiB, 0), "nothing to load");
	make_elf(true, EM_X86_64);
	((Elf64_Ehdr *)(void *)t.file)->e_phnum = 65535;
	check_refused(load(16 * MiB, 0), "damaged");
	make_elf(true, EM_X86_64);
	((Elf64_Ehdr *)(void *)t.file)->e_phoff = UINT64_MAX - 8;
	check_refused(load(16 * MiB, 0), "truncated");
}

/* ---- multiboot ---- */

static void put_multiboot(size_t at, u32 flags)
{
	const u32 sum = 0u - (0x1badb002u + flags);

	put(at, 0x1badb002, 4);
	put(at + 4, flags, 4);
	put(at + 8, sum, 4);
}

TEST(an_elf32_with_a_multiboot_header_starts_at_its_entry)
{
	make_elf(false, EM_386);
	put(0x800 + 12, 0, 4); /* not Xen's note any more */
	put_multiboot(0x900, 3);
	check_eq(load(16 * MiB, 300), 0);
	check_str_eq(t.boot.loader->name, "multiboot 1");
	check_eq(t.entry.rip, 0x200000);
	check_eq(t.entry.rax, 0x2badb002);
	check_eq(t.entry.rbx, BOOT_INFO_GPA);
	check_eq(ram(BOOT_INFO_GPA + 4, 4), 639 - 0);
	check_eq(ram(BOOT_INFO_GPA + 8, 4), 15 * 1024);
	check_eq(ram(ram(BOOT_INFO_GPA + 16, 4), 6), 0x6c6f736e6f63);
	check_eq(ram(BOOT_INFO_GPA + 20, 4), 1);
	check_eq(ram(ram(ram(BOOT_INFO_GPA + 24, 4), 4), 1), 0x77);
	check_eq(ram(ram(BOOT_INFO_GPA + 48, 4), 4), 20);
}

static void make_kludge(void)
{
	fresh(0x3000);
	put_multiboot(0x1000, 0x10003);
	put(0x1000 + 12, 0x200100, 4); /* header */
	put(0x1000 + 16, 0x200000, 4); /* load */
	put(0x1000 + 20, 0x201000, 4); /* load end */
	put(0x1000 + 24, 0x203000, 4); /* bss end */
	put(0x1000 + 28, 0x200200, 4); /* entry */
}

TEST(load_addresses_in_the_header_are_followed)
{
	make_kludge();
	t.file[0xf00] = 0x11;
	check_eq(load(16 * MiB, 0), 0);
	check_eq(t.entry.rip, 0x200200);
	check_eq(ram(0x200000, 1), 0x11);
	check_eq(ram(0x200fff, 2), 0x005a);
	make_kludge();
	put(0x1000 + 20, 0, 4); /* the whole rest of the file */
	put(0x1000 + 24, 0, 4);
	check_eq(load(16 * MiB, 0), 0);
	check_eq(ram(0x200000 + 0x3000 - 0xf00 - 1, 2), 0x005a);
}

TEST(impossible_multiboot_headers_are_refused)
{
	make_kludge();
	put(0x1000 + 12, 0x1fffff, 4);
	check_refused(load(16 * MiB, 0), "impossible");
	make_kludge();
	put(0x1000 + 12, 0x202000, 4);
	check_refused(load(16 * MiB, 0), "impossible");
	make_kludge();
	put(0x1000 + 16, 0x1000, 4);
	check_refused(load(16 * MiB, 0), "impossible");
	make_kludge();
	put(0x1000 + 20, 0x209000, 4);
	put(0x1000 + 24, 0, 4);
	check_refused(load(16 * MiB, 0), "truncated");
	make_kludge();
	put(0x1000 + 24, 0xffffffff, 4);
	check_refused(load(16 * MiB, 0), "needs at least 4096 MiB");
	fresh(0x3000);
	put_multiboot(0x100, 3);
	check_refused(load(16 * MiB, 0), "neither ELF");
	fresh(0x3000);
	put_multiboot(0x100, 0x10008);
	check_refused(load(16 * MiB, 0), "features");
	make_elf(true, EM_X86_64);
	put(0x800 + 12, 0, 4);
	put_multiboot(0x900, 3);
	check_refused(load(16 * MiB, 0), "64-bit ELF");
}

TEST(a_multiboot_header_beyond_8_kib_or_with_a_bad_sum_is_none)
{
	fresh(0x3000);
	put_multiboot(8192 - 8, 0x10003);
	check_refused(load(16 * MiB, 0), "not known");
	fresh(0x3000);
	put_multiboot(0x100, 0x10003);
	put(0x100 + 8, 0, 4);
	check_refused(load(16 * MiB, 0), "not known");
}

/* ---- strangers ---- */

TEST(files_that_are_no_kernel_are_called_by_their_name)
{
	fresh(1000);
	t.file[10] = 1;
	check_refused(open_file(0), "not known");
	memset(t.file, 'a', 1000);
	check_refused(open_file(0), "a text file");
	memcpy(t.file, "MZ", 2);
	check_refused(open_file(0), "an EFI or DOS program");
	memcpy(t.file + 0x38, "ARM\x64", 4);
	check_refused(open_file(0), "arm64");
	memcpy(t.file, "\x1f\x8b\x08", 3);
	t.file[0x38] = 0;
	check_refused(open_file(0), "gzip");
	memcpy(t.file, "070701", 6);
	check_refused(open_file(0), "cpio");
	t.size = 1;
	check_refused(open_file(0), "a text file");
}

/* ---- files ---- */

static int open_path(const char *kernel, const char *initrd)
{
	return boot_open(&t.boot, kernel, initrd, "", &t.fault);
}

TEST(paths_that_are_no_file_are_refused)
{
	check_refused(open_path("/", NULL), "is a directory");
	check_refused(open_path("/dev/null", NULL), "not a regular file");
	check_eq(open_path("/nonexistent/vmlinuz", NULL), -ENOENT);
	check(strstr(t.fault.text[0], "/nonexistent/vmlinuz"));
}

TEST(an_opened_kernel_is_read_from_its_file)
{
	char path[] = "/tmp/boot-test-XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	check_refused(open_path(path, NULL), "is empty");
	make_bzimage(0x020f);
	check_eq(write(fd, t.file, t.size), (ssize_t)t.size);
	check_eq(open_path(path, "/"), -EINVAL);
	check(strstr(t.fault.text[0], "initrd '/'"));
	check_eq(open_path(path, path), 0);
	check_eq(guest_mem_init(&t.mem, 64 * MiB, NULL), 0);
	check_eq(boot_load(&t.boot, &t.mem, &t.entry, &t.fault), 0);
	check_eq(ram(0x1000000, 1), 0x5a);
	/* Cut short while in use, it is an error and no crash. */
	check_eq(ftruncate(fd, 2000), 0);
	check_eq(boot_load(&t.boot, &t.mem, &t.entry, &t.fault), -EIO);
	boot_close(&t.boot);
	close(fd);
	unlink(path);
	guest_mem_release(&t.mem);
}
