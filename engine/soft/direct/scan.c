/* SPDX-License-Identifier: MIT */
/*
 * See scan.h. First the bytes are looked for, at any offset; in the few pages that
 * have them, about one in twenty, instructions are decoded one after the other, to
 * see whether one begins there.
 */
#include "engine/soft/direct/scan.h"

#include <string.h>

#include "engine/core/decode/decode.h"

#define PAGE_BYTES 4096u
#define TAIL_BYTES 16u

/*
 * After 0F: CPUID; LSL with a register (the host's number of the CPU is a segment's
 * limit); of group 01 VMCALL, XGETBV, ENCLU, VMMCALL, RDPKRU, WRPKRU, RDTSCP and
 * RDPRU; RDPID. RDTSC is right or raises a signal in a stub, and what the kernel
 * alone may do faults. [SDM2 "Opcode Map"], table A-6 "Opcode Extensions"
 */
static bool sensitive(u8 second, u8 third)
{
	switch (second) {
	case 0xa2:
		return true;
	case 0x03:
		return third >= 0xc0;
	case 0x01:
		return third == 0xc1 || third == 0xd0 || third == 0xd7 ||
		       third == 0xd9 || third == 0xee || third == 0xef ||
		       third == 0xf9 || third == 0xfd;
	case 0xc7:
		return third >= 0xf8;
	default:
		return false;
	}
}

/* Is one of the bytes 0F? */
static bool has_escape(u64 bytes)
{
	u64 ones = 0x0101010101010101u, x = bytes ^ 0x0f * ones;

	return (x - ones) & ~x & ones << 7;
}

/* With the tail, in which an instruction of this page may have its 0F. */
static bool has_bytes(const u8 *code)
{
	for (u32 i = 0; i < PAGE_BYTES + TAIL_BYTES / 2; i += 8) {
		u64 bytes;

		memcpy(&bytes, code + i, sizeof(bytes));
		for (u32 n = i; has_escape(bytes) && n < i + 8; n++)
			if (code[n] == 0x0f &&
			    sensitive(code[n + 1], code[n + 2]))
				return true;
	}
	return false;
}

static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64 ... 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
	case 0x40 ... 0x4f: /* REX */
		return true;
	default:
		return false;
	}
}

static bool is_sensitive(const u8 *insn)
{
	u32 prefixes = 0;

	while (prefixes < INSN_LEN_MAX - 3 && is_prefix(insn[prefixes]))
		prefixes++;
	return insn[prefixes] == 0x0f &&
	       sensitive(insn[prefixes + 1], insn[prefixes + 2]);
}

static bool begins(const u8 *code, u32 at)
{
	u32 i = 0;

	while (i < PAGE_BYTES) {
		struct insn in;
		u32 from = i;

		if (is_sensitive(code + i))
			return true;
		i += decode_insn(code + i, INSN_LEN_MAX, CODE_64, &in) ? 1
								       : in.len;
		if (from < at && i > at)
			i = at;
	}
	return false;
}

static u64 sum_of(const u8 *code)
{
	u64 sum = 0, word;

	for (u32 i = 0; i < PAGE_BYTES + TAIL_BYTES; i += 8) {
		memcpy(&word, code + i, sizeof(word));
		sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
	}
	return sum;
}

bool scan_sensitive(const u8 *page, const u8 *next, u32 at,
		    struct scan_cache *cache)
{
	u8 code[PAGE_BYTES + TAIL_BYTES] = {};
	u32 slot = (u32)((uintptr_t)page >> 12) % SCANS_KEPT;
	bool sensitive;
	u64 sum;

	memcpy(code, page, PAGE_BYTES);
	if (next)
		memcpy(code + PAGE_BYTES, next, TAIL_BYTES);
	if (!has_bytes(code))
		return false;
	if (at || !cache)
		return begins(code, at);
	sum = sum_of(code);
	if (cache->kept[slot].page == page && cache->kept[slot].sum == sum)
		return cache->kept[slot].sensitive;
	sensitive = begins(code, 0);
	cache->kept[slot].page = page;
	cache->kept[slot].sum = sum;
	cache->kept[slot].sensitive = sensitive;
	return sensitive;
}
