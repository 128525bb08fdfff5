/* SPDX-License-Identifier: MIT */
/* ELF headers and segments. */
#include "vmm/firmware/boot/elf.h"

#include <elf.h>
#include <string.h>

#include "vmm/firmware/memory_map.h"

static bool is_elf(const struct boot *boot)
{
	const u8 *ident = boot->head;

	return boot->head_size >= sizeof(Elf32_Ehdr) &&
	       !memcmp(ident, ELFMAG, SELFMAG);
}

/* Header fields, whichever the class. */
struct header {
	u64 entry, table_offset;
	u32 entry_bytes, count;
};

static int read_header(const struct boot *boot, struct elf *elf,
		       struct header *ret, struct fault *fault)
{
	Elf64_Ehdr h64;
	Elf32_Ehdr h32;

	if (!elf->is_64) {
		memcpy(&h32, boot->head, sizeof(h32));
		*ret = (struct header){h32.e_entry, h32.e_phoff,
				       h32.e_phentsize, h32.e_phnum};
	} else if (boot->head_size >= sizeof(h64)) {
		memcpy(&h64, boot->head, sizeof(h64));
		*ret = (struct header){h64.e_entry, h64.e_phoff,
				       h64.e_phentsize, h64.e_phnum};
	} else {
		return boot_refuse(boot, fault,
				   "is a truncated ELF file; give a complete "
				   "file");
	}
	if (ret->count > ELF_SEGMENT_MAX ||
	    (ret->count && ret->entry_bytes != (elf->is_64 ? sizeof(Elf64_Phdr)
							   : sizeof(Elf32_Phdr))))
		return boot_refuse(boot, fault,
				   "is a damaged ELF file (program headers); "
				   "give an intact file");
	return 0;
}

static int read_segment(const struct boot *boot, const struct elf *elf,
			u64 offset, struct elf_segment *ret, struct fault *fault)
{
	Elf64_Phdr p64;
	Elf32_Phdr p32;
	int err;

	if (elf->is_64) {
		err = image_read(&boot->kernel, offset, &p64, sizeof(p64),
				 fault);
		if (err)
			return err;
		*ret = (struct elf_segment){p64.p_type,	  p64.p_offset,
					    p64.p_paddr,  p64.p_vaddr,
					    p64.p_filesz, p64.p_memsz};
		return 0;
	}
	err = image_read(&boot->kernel, offset, &p32, sizeof(p32), fault);
	if (err)
		return err;
	*ret = (struct elf_segment){p32.p_type,	 p32.p_offset, p32.p_paddr,
				    p32.p_vaddr, p32.p_filesz, p32.p_memsz};
	return 0;
}

int elf_parse(const struct boot *boot, struct elf *ret, struct fault *fault)
{
	struct header header = {};
	u16 machine;
	int err;

	if (!is_elf(boot))
		return 0;
	*ret = (struct elf){.is_64 = boot->head[EI_CLASS] == ELFCLASS64};
	memcpy(&machine, boot->head + offsetof(Elf32_Ehdr, e_machine),
	       sizeof(machine));
	if (boot->head[EI_DATA] != ELFDATA2LSB ||
	    (machine != EM_X86_64 && machine != EM_386))
		return boot_refuse(boot, fault,
				   "is an ELF file for another architecture; "
				   "give one for x86");
	err = read_header(boot, ret, &header, fault);
	for (u32 i = 0; !err && i < header.count; i++)
		err = read_segment(boot, ret,
				   header.table_offset +
					   (u64)i * header.entry_bytes,
				   &ret->segment[i], fault);
	if (err)
		return err;
	ret->entry = header.entry;
	ret->segment_count = header.count;
	return 1;
}

static int load_segment(const struct boot *boot, const struct elf_segment *s,
			struct guest_mem *mem, struct fault *fault)
{
	u64 size = MAX(s->file_bytes, s->mem_bytes);
	int err;

	if (s->paddr < KERNEL_GPA_MIN)
		return boot_refuse(boot, fault,
				   "has a part that loads below 1 MiB, where "
				   "the boot data is; give one linked higher");
	if (s->paddr + size < s->paddr)
		return boot_refuse(boot, fault,
				   "is a damaged ELF file (segment size); "
				   "give an intact file");
	err = boot_check_fits(boot, mem, s->paddr + size, fault);
	if (!err)
		err = image_load(&boot->kernel, s->offset, s->file_bytes, mem,
				 s->paddr, fault);
	if (!err && s->mem_bytes > s->file_bytes &&
	    !guest_mem_zero(mem, s->paddr + s->file_bytes,
			    s->mem_bytes - s->file_bytes))
		return boot_refuse(boot, fault,
				   "has a part outside of the memory");
	return err;
}

int elf_load(const struct boot *boot, const struct elf *elf,
	     struct guest_mem *mem, gpa_t *ret_end, struct fault *fault)
{
	gpa_t end = 0;

	for (u32 i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *s = &elf->segment[i];
		int err;

		if (s->type != PT_LOAD || !(s->file_bytes | s->mem_bytes))
			continue;
		err = load_segment(boot, s, mem, fault);
		if (err)
			return err;
		end = MAX(end, s->paddr + s->file_bytes);
		end = MAX(end, s->paddr + s->mem_bytes);
	}
	if (!end)
		return boot_refuse(boot, fault,
				   "is an ELF file with nothing to load; give "
				   "a linked kernel");
	*ret_end = end;
	return 0;
}
