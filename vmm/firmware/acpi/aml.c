/* SPDX-License-Identifier: MIT */
/* AML, written front to back; lengths are filled in afterwards. */
#include "vmm/firmware/acpi/aml.h"

#include <assert.h>
#include <string.h>

/* [ACPI 20.3 "AML Byte Stream Byte Values"] */
#define OP_ZERO		 0x00
#define OP_ONE		 0x01
#define OP_NAME		 0x08
#define OP_BYTE_PREFIX	 0x0a
#define OP_WORD_PREFIX	 0x0b
#define OP_DWORD_PREFIX	 0x0c
#define OP_STRING_PREFIX 0x0d
#define OP_QWORD_PREFIX	 0x0e
#define OP_SCOPE	 0x10
#define OP_BUFFER	 0x11
#define OP_PACKAGE	 0x12
#define OP_EXT_PREFIX	 0x5b
#define OP_EXT_DEVICE	 0x82

/*
 * Every PkgLength is written in its four-byte form, although a shorter one
 * may do: it can then be filled in without moving what follows.
 * [ACPI 20.2.4 "Package Length Encoding"]
 */
#define PKG_LENGTH_BYTES 4

static void put(struct aml *aml, const void *data, size_t size)
{
	if (aml->overflow || size > aml->capacity - aml->size) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->data + aml->size, data, size);
	aml->size += size;
}

static void put_byte(struct aml *aml, u8 byte)
{
	put(aml, &byte, 1);
}

void aml_init(struct aml *aml, void *data, size_t capacity)
{
	*aml = (struct aml){.data = data, .capacity = capacity};
}

static void begin(struct aml *aml)
{
	static const u8 room[PKG_LENGTH_BYTES] = {};

	assert(aml->depth < AML_DEPTH_MAX);
	aml->open[aml->depth++] = aml->size;
	put(aml, room, sizeof(room));
}

static void end(struct aml *aml)
{
	size_t start, length;
	u8 *at;

	assert(aml->depth);
	start = aml->open[--aml->depth];
	if (aml->overflow)
		return;
	length = aml->size - start;
	assert(length < BIT(28));
	at = aml->data + start;
	at[0] = (u8)((PKG_LENGTH_BYTES - 1) << 6 | (length & 0xf));
	at[1] = (u8)(length >> 4);
	at[2] = (u8)(length >> 12);
	at[3] = (u8)(length >> 20);
}

/* "_SB" or "\\_SB": a root mark, then one segment. */
static void put_name(struct aml *aml, const char *name)
{
	char segment[4] = {'_', '_', '_', '_'};

	if (*name == '\\')
		put_byte(aml, (u8)*name++);
	assert(strlen(name) <= sizeof(segment));
	memcpy(segment, name, strlen(name));
	put(aml, segment, sizeof(segment));
}

static void put_integer(struct aml *aml, u64 value)
{
	if (value <= 1) {
		put_byte(aml, value ? OP_ONE : OP_ZERO);
	} else if (value <= UINT8_MAX) {
		put_byte(aml, OP_BYTE_PREFIX);
		put(aml, &value, 1);
	} else if (value <= UINT16_MAX) {
		put_byte(aml, OP_WORD_PREFIX);
		put(aml, &value, 2);
	} else if (value <= UINT32_MAX) {
		put_byte(aml, OP_DWORD_PREFIX);
		put(aml, &value, 4);
	} else {
		put_byte(aml, OP_QWORD_PREFIX);
		put(aml, &value, 8);
	}
}

static void name_begin(struct aml *aml, const char *name)
{
	put_byte(aml, OP_NAME);
	put_name(aml, name);
}

void aml_scope_begin(struct aml *aml, const char *name)
{
	put_byte(aml, OP_SCOPE);
	begin(aml);
	put_name(aml, name);
}

void aml_scope_end(struct aml *aml)
{
	end(aml);
}

void aml_device_begin(struct aml *aml, const char *name)
{
	put_byte(aml, OP_EXT_PREFIX);
	put_byte(aml, OP_EXT_DEVICE);
	begin(aml);
	put_name(aml, name);
}

void aml_device_end(struct aml *aml)
{
	end(aml);
}

void aml_name_integer(struct aml *aml, const char *name, u64 value)
{
	name_begin(aml, name);
	put_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *name, const char *text)
{
	name_begin(aml, name);
	put_byte(aml, OP_STRING_PREFIX);
	put(aml, text, strlen(text) + 1);
}

static u8 hex_digit(char c)
{
	return (u8)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/*
 * Three letters of five bits and four hexadecimal digits, most significant
 * byte first. [ACPI 19.6.36 "EISAID (EISA ID String To Integer Conversion
 * Macro)"]
 */
void aml_name_eisaid(struct aml *aml, const char *name, const char *id)
{
	u8 bytes[4];

	assert(strlen(id) == 7);
	bytes[0] = (u8)((id[0] - '@') << 2 | (id[1] - '@') >> 3);
	bytes[1] = (u8)((id[1] - '@') << 5 | (id[2] - '@'));
	bytes[2] = (u8)(hex_digit(id[3]) << 4 | hex_digit(id[4]));
	bytes[3] = (u8)(hex_digit(id[5]) << 4 | hex_digit(id[6]));
	name_begin(aml, name);
	put_byte(aml, OP_DWORD_PREFIX);
	put(aml, bytes, sizeof(bytes));
}

void aml_name_package(struct aml *aml, const char *name, const u64 *values,
		      u32 count)
{
	assert(count <= UINT8_MAX);
	name_begin(aml, name);
	put_byte(aml, OP_PACKAGE);
	begin(aml);
	put_byte(aml, (u8)count);
	for (u32 i = 0; i < count; i++)
		put_integer(aml, values[i]);
	end(aml);
}

void aml_name_prt(struct aml *aml, u32 slots, u32 (*gsi)(u32 slot))
{
	assert(slots <= UINT8_MAX);
	name_begin(aml, "_PRT");
	put_byte(aml, OP_PACKAGE);
	begin(aml);
	put_byte(aml, (u8)slots);
	for (u32 slot = 0; slot < slots; slot++) {
		/* Any function, pin A, no link device: the number itself. */
		const u64 entry[] = {(u64)slot << 16 | 0xffff, 0, 0, gsi(slot)};

		put_byte(aml, OP_PACKAGE);
		begin(aml);
		put_byte(aml, ARRAY_SIZE(entry));
		for (u32 i = 0; i < ARRAY_SIZE(entry); i++)
			put_integer(aml, entry[i]);
		end(aml);
	}
	end(aml);
}

/* ---- resources ---- */

void aml_crs_begin(struct aml *aml)
{
	static const u8 size_to_come[] = {OP_WORD_PREFIX, 0, 0};

	name_begin(aml, "_CRS");
	put_byte(aml, OP_BUFFER);
	begin(aml);
	put(aml, size_to_come, sizeof(size_to_come));
	aml->crs_start = aml->size;
}

/* [ACPI 6.4.2.5 "I/O Port Descriptor"]; 0x47: type 8, 7 bytes follow. */
void aml_crs_io(struct aml *aml, u16 port, u8 count)
{
	const u8 bytes[] = {
		0x47,	  1 /* all 16 address lines */,
		(u8)port, (u8)(port >> 8), /* lowest base */
		(u8)port, (u8)(port >> 8), /* highest base */
		1,	  count,
	};

	put(aml, bytes, sizeof(bytes));
}

/* [ACPI 6.4.2.1 "IRQ Descriptor"]; 0x22: type 4, 2 bytes follow. */
void aml_crs_irq(struct aml *aml, u32 irq)
{
	u16 mask = (u16)BIT(irq);
	const u8 bytes[] = {0x22, (u8)mask, (u8)(mask >> 8)};

	assert(irq < 16);
	put(aml, bytes, sizeof(bytes));
}

/* [ACPI 6.4.3.4 "32-Bit Fixed Memory Range Descriptor"] */
void aml_crs_memory(struct aml *aml, u32 base, u32 size)
{
	static const u8 head[] = {0x86, 9, 0, 1 /* writable */};

	put(aml, head, sizeof(head));
	put(aml, &base, sizeof(base));
	put(aml, &size, sizeof(size));
}

enum range_type {
	RANGE_MEMORY = 0,
	RANGE_IO = 1,
	RANGE_BUS = 2,
};

/* Bit 0 "consumer" clear: passed on; 1: positive decode; 2, 3: both ends fixed. */
#define RANGE_FIXED		       0x0c
#define RANGE_IO_ENTIRE		       0x03 /* ISA and not ISA addresses */
#define RANGE_MEMORY_UNCACHED_WRITABLE 0x01

/* `bytes` is the width of the numbers: 2 (0x88) or 4 (0x87). */
static void put_range(struct aml *aml, enum range_type type, u8 specific,
		      u32 bytes, u32 first, u32 last)
{
	const u8 head[] = {bytes == 2 ? 0x88 : 0x87,
			   (u8)(3 + 5 * bytes),
			   0,
			   (u8)type,
			   RANGE_FIXED,
			   specific};
	const u32 number[] = {0 /* granularity */, first, last,
			      0 /* translation */, last - first + 1};

	put(aml, head, sizeof(head));
	for (u32 i = 0; i < ARRAY_SIZE(number); i++)
		put(aml, &number[i], bytes);
}

void aml_crs_bus_range(struct aml *aml, u16 first, u16 last)
{
	put_range(aml, RANGE_BUS, 0, 2, first, last);
}

void aml_crs_io_range(struct aml *aml, u16 first, u16 last)
{
	put_range(aml, RANGE_IO, RANGE_IO_ENTIRE, 2, first, last);
}

void aml_crs_memory_range(struct aml *aml, u32 first, u32 last)
{
	put_range(aml, RANGE_MEMORY, RANGE_MEMORY_UNCACHED_WRITABLE, 4, first,
		  last);
}

void aml_crs_end(struct aml *aml)
{
	/* End tag; checksum 0 means "as if correct". [ACPI 6.4.2.9 "End Tag"] */
	static const u8 end_tag[] = {0x79, 0};
	size_t size;

	put(aml, end_tag, sizeof(end_tag));
	size = aml->size - aml->crs_start;
	if (!aml->overflow) {
		assert(size <= UINT16_MAX);
		aml->data[aml->crs_start - 2] = (u8)size;
		aml->data[aml->crs_start - 1] = (u8)(size >> 8);
	}
	end(aml);
}
