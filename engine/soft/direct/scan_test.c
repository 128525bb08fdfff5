/* SPDX-License-Identifier: MIT */
#include "engine/soft/direct/scan.h"

#include "base/test.h"

static u8 page[4096], next[16];

/* NOPs, and these bytes at `offset`. */
static bool scan_with(u32 offset, const void *bytes, u32 size, u32 at)
{
	memset(page, 0x90, sizeof(page));
	memset(next, 0x90, sizeof(next));
	for (u32 i = 0; i < size; i++) {
		u8 *to = offset + i < 4096 ? &page[offset + i]
					   : &next[offset + i - 4096];

		*to = ((const u8 *)bytes)[i];
	}
	return scan_sensitive(page, next, at, NULL);
}

TEST(what_tells_of_the_host_is_found)
{
	static const char *const insn[] = {
		"\x0f\xa2\x90\x90", /* cpuid */
		"\x0f\x03\xc8\x90", /* lsl %eax, %ecx */
		"\x48\x0f\x03\xc8", /* lsl %rax, %rcx */
		"\x0f\x01\xd0\x90", /* xgetbv */
		"\x0f\x01\xf9\x90", /* rdtscp */
		"\x0f\x01\xd9\x90", /* vmmcall */
		"\x0f\x01\xc1\x90", /* vmcall */
		"\x0f\x01\xef\x90", /* wrpkru */
		"\xf3\x0f\xc7\xf8", /* rdpid %rax */
		"\x66\x0f\x03\xc8", /* lsl %ax, %cx */
	};

	for (u32 i = 0; i < ARRAY_SIZE(insn); i++)
		for (u32 offset = 0; offset < 4096; offset += 7)
			check(scan_with(offset, insn[i], 4, 0));
}

TEST(what_does_not_is_passed)
{
	static const char *const insn[] = {
		"\xb8\x0f\xa2\x00\x00", /* mov $0xa20f, %eax */
		"\x8b\x0f\x03\xc0\x90", /* mov (%rdi), %ecx; add %eax, %eax */
		"\x0f\x31\x90\x90\x90", /* rdtsc */
		"\x0f\x05\x90\x90\x90", /* syscall */
		"\x0f\xc7\xf0\x90\x90", /* rdrand %eax */
		"\x0f\x01\xd6\x90\x90", /* xtest */
	};

	for (u32 i = 0; i < ARRAY_SIZE(insn); i++)
		for (u32 offset = 0; offset < 4096 - 5; offset += 7)
			check(!scan_with(offset, insn[i], 5, 0));
}

TEST(an_instruction_in_two_pages_is_the_first_ones)
{
	check(scan_with(4095, "\x0f\xa2", 2, 0));
	check(scan_with(4094, "\x0f\x01\xd0", 3, 0));
	check(scan_with(4093, "\xf3\x0f\xc7\xf8", 4, 0));
	memset(page, 0x90, sizeof(page));
	page[0] = 0xa2; /* what comes before is another page's */
	check(!scan_sensitive(page, next, 0, NULL));
}

TEST(where_instructions_begin_is_known_from_one_of_them)
{
	/* Read from the page's start CPUID is within the MOV. */
	check(!scan_with(100, "\xb8\x00\x0f\xa2\x90", 5, 0));
	check(scan_with(100, "\xb8\x00\x0f\xa2\x90", 5, 102));
}

TEST(nobody_needs_to_know_what_follows)
{
	memset(page, 0x90, sizeof(page));
	page[4095] = 0x0f;
	check(!scan_sensitive(page, NULL, 0, NULL));
}

TEST(what_is_kept_is_true_for_what_is_in_the_page)
{
	struct scan_cache cache = {0};

	memset(page, 0x90, sizeof(page));
	for (u32 i = 0; i < 4; i++) {
		memcpy(page + 64, "\x0f\xa2", 2);
		check(scan_sensitive(page, next, 0, &cache));
		memcpy(page + 63, "\x68\x0f\xa2\x90\x90", 5); /* push */
		check(!scan_sensitive(page, next, 0, &cache));
		page[63] = 0x90;
	}
}
