/* SPDX-License-Identifier: MIT */
/* The structures, one behind the other, and their entry point: see smbios.h. */
#include "vmm/firmware/smbios/smbios.h"

#include <assert.h>
#include <string.h>

#include "vmm/firmware/checksum.h"

#define VERSION_MAJOR 2
#define VERSION_MINOR 8
#define VENDOR	      "Keel"
#define STRINGS_MAX   4

/* Handles; what refers to another names it by its handle. */
enum handle {
	HANDLE_BIOS = 0x0000,
	HANDLE_SYSTEM = 0x0100,
	HANDLE_CHASSIS = 0x0300,
	HANDLE_CPU = 0x0400,
	HANDLE_ARRAY = 0x1000,
	HANDLE_DIMM = 0x1100,
	HANDLE_MAPPED = 0x1300, /* one for each range */
	HANDLE_BOOT = 0x2000,
	HANDLE_END = 0x7f00,
};

#define UNKNOWN	  0x02
#define NO_HANDLE 0xffff

struct header {
	u8 type, length;
	u16 handle;
} __attribute__((packed));

/* [SMBIOS 7.2 "System Information (Type 1)"] */
struct system {
	struct header header;
	u8 manufacturer, product, version, serial;
	u8 uuid[16]; /* all zeros: there is none */
	u8 wake_up;
	u8 sku, family;
} __attribute__((packed));

#define WAKE_UP_POWER_SWITCH 0x06

/* [SMBIOS 7.4 "System Enclosure or Chassis (Type 3)"] */
struct chassis {
	struct header header;
	u8 manufacturer, type, version, serial, asset;
	u8 boot_state, power_state, thermal_state, security;
	u32 oem;
	u8 height, cords, elements, element_bytes;
} __attribute__((packed));

#define CHASSIS_OTHER 0x01
#define STATE_SAFE    0x03

/* [SMBIOS 7.5 "Processor Information (Type 4)"] */
struct cpu {
	struct header header;
	u8 socket, type, family, manufacturer;
	u64 id;
	u8 version, voltage;
	u16 clock, max_speed, speed;
	u8 status, upgrade;
	u16 l1, l2, l3;
	u8 serial, asset, part;
	u8 cores, cores_enabled, threads;
	u16 characteristics, family2;
} __attribute__((packed));

#define CPU_CENTRAL	 0x03
#define CPU_OTHER	 0x01
#define CPU_ENABLED	 0x41 /* and the socket is populated */
#define CPU_64_BIT	 0x04
#define CPU_UPGRADE_NONE 0x06

/* [SMBIOS 7.17 "Physical Memory Array (Type 16)"] */
struct array {
	struct header header;
	u8 location, use, correction;
	u32 max_kib;
	u16 error_handle, devices;
	u64 max_bytes;
} __attribute__((packed));

#define LOCATION_OTHER	0x01
#define USE_SYSTEM	0x03
#define CORRECTION_NONE 0x03
#define SEE_EXTENDED	0x80000000u

/* [SMBIOS 7.18 "Memory Device (Type 17)"] */
struct dimm {
	struct header header;
	u16 array, error_handle, total_width, data_width, mib;
	u8 form, set, locator, bank, type;
	u16 detail, speed;
	u8 manufacturer, serial, asset, part, attributes;
	u32 extended_mib;
	u16 clock, min_mv, max_mv, mv;
} __attribute__((packed));

#define FORM_DIMM     0x09
#define TYPE_RAM      0x07
#define DETAIL_OTHER  0x0002
#define MIB_EXTENDED  0x7fff
#define WIDTH_UNKNOWN 0xffff

/* [SMBIOS 7.20 "Memory Array Mapped Address (Type 19)"] */
struct mapped {
	struct header header;
	u32 first_kib, last_kib;
	u16 array;
	u8 partition_width;
	u64 first, last;
} __attribute__((packed));

/* [SMBIOS 7.33 "System Boot Information (Type 32)"] */
struct boot {
	struct header header;
	u8 reserved[6], status;
} __attribute__((packed));

struct end {
	struct header header;
} __attribute__((packed));

/* [SMBIOS 5.2.1 "SMBIOS 2.1 (32-bit) Entry Point"] */
struct entry {
	char anchor[4];
	u8 checksum, length, major, minor;
	u16 largest;
	u8 revision, formatted[5];
	char inner_anchor[5];
	u8 inner_checksum;
	u16 table_bytes;
	u32 table_gpa;
	u16 count;
	u8 bcd_revision;
} __attribute__((packed));

struct writer {
	struct smbios *out;
	u32 count, largest;
};

static void put(struct writer *w, const void *data, size_t size)
{
	assert(size <= SMBIOS_BYTES_MAX - w->out->size);
	memcpy(w->out->data + w->out->size, data, size);
	w->out->size += size;
}

/* Strings are numbered from 1; an empty set still ends with two zeros. */
static void put_structure(struct writer *w, const void *data, u8 type,
			  size_t length, u16 handle,
			  const char *const strings[STRINGS_MAX])
{
	const struct header header = {type, (u8)length, handle};
	size_t start = w->out->size;
	u32 i;

	put(w, &header, sizeof(header));
	put(w, (const u8 *)data + sizeof(header), length - sizeof(header));
	for (i = 0; i < STRINGS_MAX && strings[i]; i++)
		put(w, strings[i], strlen(strings[i]) + 1);
	put(w, "\0", i ? 1 : 2);
	w->count++;
	w->largest = MAX(w->largest, (u32)(w->out->size - start));
}

#define PUT(w, what, type, handle, ...)                             \
	put_structure((w), &(what), (type), sizeof(what), (handle), \
		      (const char *const[STRINGS_MAX]){__VA_ARGS__})

static void put_machine(struct writer *w, const struct smbios_config *config)
{
	const struct system system = {
		.manufacturer = 1,
		.product = 2,
		.version = 3,
		.wake_up = WAKE_UP_POWER_SWITCH,
	};
	const struct chassis chassis = {
		.manufacturer = 1,
		.type = CHASSIS_OTHER,
		.version = 2,
		.boot_state = STATE_SAFE,
		.power_state = STATE_SAFE,
		.thermal_state = STATE_SAFE,
		.security = UNKNOWN,
	};

	PUT(w, system, 1, HANDLE_SYSTEM, VENDOR, "Keel virtual machine",
	    config->version);
	PUT(w, chassis, 3, HANDLE_CHASSIS, VENDOR, config->version);
}

static void put_cpus(struct writer *w, const struct smbios_config *config)
{
	u8 cores = (u8)MIN(config->cpu_count, 255u);
	const struct cpu cpu = {
		.socket = 1,
		.type = CPU_CENTRAL,
		.family = CPU_OTHER,
		.manufacturer = 2,
		.status = CPU_ENABLED,
		.upgrade = CPU_UPGRADE_NONE,
		.l1 = NO_HANDLE,
		.l2 = NO_HANDLE,
		.l3 = NO_HANDLE,
		.cores = cores,
		.cores_enabled = cores,
		.threads = cores,
		.characteristics = CPU_64_BIT,
		.family2 = CPU_OTHER,
	};

	PUT(w, cpu, 4, HANDLE_CPU, "CPU 0", VENDOR);
}

static void put_range(struct writer *w, u16 index, gpa_t start, gpa_t end)
{
	bool wide = end > (u64)UINT32_MAX * KiB;
	const struct mapped mapped = {
		.first_kib = wide ? UINT32_MAX : (u32)(start / KiB),
		.last_kib = wide ? UINT32_MAX : (u32)(end / KiB - 1),
		.array = HANDLE_ARRAY,
		.partition_width = 1,
		.first = wide ? start : 0,
		.last = wide ? end - 1 : 0,
	};

	PUT(w, mapped, 19, (u16)(HANDLE_MAPPED + index), NULL);
}

static void put_memory(struct writer *w, const struct guest_mem *mem)
{
	u64 kib = mem->size / KiB, mib = mem->size / MiB;
	gpa_t high_end = guest_mem_high_end(mem);
	const struct array array = {
		.location = LOCATION_OTHER,
		.use = USE_SYSTEM,
		.correction = CORRECTION_NONE,
		.max_kib = kib < SEE_EXTENDED ? (u32)kib : SEE_EXTENDED,
		.error_handle = NO_HANDLE - 1, /* not provided */
		.devices = 1,
		.max_bytes = kib < SEE_EXTENDED ? 0 : mem->size,
	};
	const struct dimm dimm = {
		.array = HANDLE_ARRAY,
		.error_handle = NO_HANDLE - 1,
		.total_width = WIDTH_UNKNOWN,
		.data_width = WIDTH_UNKNOWN,
		.mib = mib < MIB_EXTENDED ? (u16)mib : MIB_EXTENDED,
		.form = FORM_DIMM,
		.locator = 1,
		.type = TYPE_RAM,
		.detail = DETAIL_OTHER,
		.manufacturer = 2,
		.extended_mib = mib < MIB_EXTENDED ? 0 : (u32)mib,
	};

	PUT(w, array, 16, HANDLE_ARRAY, NULL);
	PUT(w, dimm, 17, HANDLE_DIMM, "DIMM 0", VENDOR);
	put_range(w, 0, 0, guest_mem_low_end(mem));
	if (high_end > GUEST_MEM_HIGH_START)
		put_range(w, 1, GUEST_MEM_HIGH_START, high_end);
}

static void fill_entry(const struct writer *w, u32 gpa)
{
	struct entry entry = {
		.anchor = {'_', 'S', 'M', '_'},
		.length = sizeof(entry),
		.major = VERSION_MAJOR,
		.minor = VERSION_MINOR,
		.largest = (u16)w->largest,
		.inner_anchor = {'_', 'D', 'M', 'I', '_'},
		.table_bytes = (u16)w->out->size,
		.table_gpa = gpa,
		.count = (u16)w->count,
		.bcd_revision = VERSION_MAJOR << 4 | VERSION_MINOR,
	};
	size_t inner = offsetof(struct entry, inner_anchor);

	static_assert(sizeof(entry) == SMBIOS_ENTRY_BYTES, "as SMBIOS has it");
	entry.inner_checksum =
		checksum_to_zero((u8 *)&entry + inner, sizeof(entry) - inner);
	entry.checksum = checksum_to_zero(&entry, sizeof(entry));
	memcpy(w->out->entry, &entry, sizeof(entry));
}

void smbios_build(const struct smbios_config *config, struct smbios *ret)
{
	struct writer w = {.out = ret};
	const struct boot boot = {};
	const struct end end = {};

	ret->size = 0;
	put_machine(&w, config);
	put_cpus(&w, config);
	put_memory(&w, config->mem);
	PUT(&w, boot, 32, HANDLE_BOOT, NULL);
	PUT(&w, end, 127, HANDLE_END, NULL);
	fill_entry(&w, config->gpa);
}
