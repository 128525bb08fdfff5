/* SPDX-License-Identifier: MIT */
/* ACPI tables, each appended to one block and then summed. */
#include "vmm/firmware/acpi/tables.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "vmm/dev/acpi_pm/acpi_pm.h"
#include "vmm/dev/mc146818/mc146818.h"
#include "vmm/firmware/acpi/aml.h"
#include "vmm/firmware/checksum.h"

#define OEM_ID	     "KEEL  "
#define OEM_TABLE_ID "KEELPC  "
#define CREATOR_ID   "KEEL"
#define OEM_REVISION 1

#define ISA_IRQ_COUNT 16

/* [ACPI 5.2.6 "System Description Table Header"] */
struct header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __attribute__((packed));

/* [ACPI 5.2.5.3 "Root System Description Pointer (RSDP) Structure"] */
struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

/* [ACPI 5.2.3.2 "Generic Address Structure"] */
struct gas {
	u8 space, bit_width, bit_offset, access_size;
	u64 address;
} __attribute__((packed));

#define GAS_IO	  1
#define GAS_BYTE  1
#define GAS_WORD  2
#define GAS_DWORD 3

/* [ACPI 5.2.9 "Fixed ACPI Description Table (FADT)"], revision 5 */
struct fadt {
	struct header header;
	u32 facs, dsdt;
	u8 reserved0, preferred_profile;
	u16 sci_irq;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate_control;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	u32 pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_bytes, pm1_control_bytes, pm2_control_bytes;
	u8 pm_timer_bytes, gpe0_bytes, gpe1_bytes, gpe1_base;
	u8 cstate_control;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved1;
	u32 flags;
	struct gas reset_register;
	u8 reset_value;
	u16 arm_boot_flags;
	u8 minor_revision;
	u64 x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct gas x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
} __attribute__((packed));

#define FADT_REVISION	    5
#define FADT_WBINVD	    BIT(0)
#define FADT_PROC_C1	    BIT(2)
#define FADT_SLP_BUTTON	    BIT(5) /* set: no such button */
#define FADT_FIX_RTC	    BIT(6) /* set: its wake status is nowhere */
#define FADT_TMR_VAL_EXT    BIT(8)
#define FADT_RESET_REG_SUP  BIT(10)
#define FADT_LATENCY_NONE   0xfff /* no C2, no C3 */
#define BOOT_LEGACY_DEVICES BIT(0)
#define BOOT_8042	    BIT(1)
#define BOOT_NO_VGA	    BIT(2)

/* [ACPI 5.2.10 "Firmware ACPI Control Structure (FACS)"] */
struct facs {
	char signature[4];
	u32 length;
	u32 hardware_signature, waking_vector, global_lock, flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __attribute__((packed));

/* [ACPI 5.2.12 "Multiple APIC Description Table (MADT)"] */
struct madt {
	struct header header;
	u32 lapic_address;
	u32 flags;
} __attribute__((packed));

#define MADT_PCAT_COMPAT BIT(0) /* there are two 8259s, too */

struct madt_lapic {
	u8 type, length;
	u8 acpi_uid, apic_id;
	u32 flags;
} __attribute__((packed));

struct madt_x2apic {
	u8 type, length;
	u16 reserved;
	u32 x2apic_id, flags, acpi_uid;
} __attribute__((packed));

struct madt_ioapic {
	u8 type, length;
	u8 ioapic_id, reserved;
	u32 address, gsi_base;
} __attribute__((packed));

struct madt_override {
	u8 type, length;
	u8 bus, irq;
	u32 gsi;
	u16 flags;
} __attribute__((packed));

struct madt_lapic_nmi {
	u8 type, length;
	u8 acpi_uid;
	u16 flags;
	u8 lint;
} __attribute__((packed));

/* The "PCI Express memory mapped configuration space base address" table, of the
 * PCI Firmware Specification; with one segment. */
struct mcfg {
	struct header header;
	u64 reserved;
	u64 base;
	u16 segment;
	u8 bus_first, bus_last;
	u32 reserved1;
} __attribute__((packed));

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
};

#define MADT_ENABLED	BIT(0)
#define MADT_ALL_CPUS	0xff
#define MADT_LEVEL_HIGH 0x000d /* trigger: level; polarity: high */
#define XAPIC_ID_MAX	254

/* The block that grows; nothing is written beyond `capacity`. */
struct block {
	u8 *data;
	size_t size, capacity;
	u64 gpa;
	bool overflow;
	struct acpi_layout layout;
};

/* Offset of the appended bytes. */
static size_t append(struct block *b, const void *data, size_t size)
{
	size_t at = b->size;

	if (b->overflow || size > b->capacity - b->size) {
		b->overflow = true;
		return at;
	}
	memcpy(b->data + at, data, size);
	b->size += size;
	return at;
}

static void align(struct block *b, size_t to)
{
	static const u8 zero[64];

	append(b, zero, align_up(b->size, to) - b->size);
}

/* There is an address of one of the tables at `at`. */
static void note_pointer(struct block *b, size_t at, u8 size)
{
	struct acpi_layout *l = &b->layout;

	assert(l->pointer_count < ACPI_POINTER_MAX);
	l->pointer[l->pointer_count].offset = (u32)at;
	l->pointer[l->pointer_count++].size = size;
}

static void note_table(struct block *b, size_t at)
{
	struct acpi_layout *l = &b->layout;

	assert(l->table_count < ACPI_TABLE_MAX);
	l->table[l->table_count].offset = (u32)at;
	l->table[l->table_count++].length = (u32)(b->size - at);
}

static struct header header_of(const char *signature, u8 revision)
{
	struct header h = {
		.revision = revision,
		.oem_id = OEM_ID,
		.oem_revision = OEM_REVISION,
		.creator_revision = OEM_REVISION,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
	return h;
}

/* The table that began at `at` is complete: its length and checksum. */
static void finish(struct block *b, size_t at)
{
	struct header h;

	note_table(b, at);
	if (b->overflow)
		return;
	memcpy(&h, b->data + at, sizeof(h));
	h.length = (u32)(b->size - at);
	h.checksum = 0;
	memcpy(b->data + at, &h, sizeof(h));
	h.checksum = checksum_to_zero(b->data + at, h.length);
	memcpy(b->data + at, &h, sizeof(h));
}

/* ---- the tables; each returns its guest-physical address ---- */

static u64 put_dsdt(struct block *b, const struct acpi_config *config)
{
	static const u64 s5[] = {ACPI_PM_SLP_TYP_S5, ACPI_PM_SLP_TYP_S5, 0, 0};
	/* Revision 2: integers have 64 bits. */
	struct header h = header_of("DSDT", 2);
	size_t at;
	struct aml aml;

	align(b, 16);
	at = append(b, &h, sizeof(h));
	aml_init(&aml, b->data + b->size, b->capacity - b->size);
	/* The values for PM1a and PM1b. [ACPI 7.4.2 "\_Sx (System States)"] */
	aml_name_package(&aml, "\\_S5", s5, ARRAY_SIZE(s5));
	aml_scope_begin(&aml, "\\_SB");
	for (u32 i = 0; i < config->dev_count; i++)
		if (config->dev[i]->class->acpi)
			config->dev[i]->class->acpi(config->dev[i], &aml);
	aml_scope_end(&aml);
	b->overflow |= aml.overflow;
	b->size += aml.size;
	finish(b, at);
	return b->gpa + at;
}

static u64 put_facs(struct block *b)
{
	struct facs facs = {.signature = {'F', 'A', 'C', 'S'},
			    .length = sizeof(facs),
			    .version = 2};

	align(b, 64);
	return b->gpa + append(b, &facs, sizeof(facs));
}

static struct gas io_gas(u32 port, u8 bytes)
{
	static const u8 access[] = {0, GAS_BYTE, GAS_WORD, 0, GAS_DWORD};

	return (struct gas){
		.space = GAS_IO,
		.bit_width = (u8)(bytes * 8),
		.access_size = access[bytes],
		.address = port,
	};
}

static void fill_pm(struct fadt *fadt, u32 base)
{
	fadt->pm1a_event = base + ACPI_PM1_STS;
	fadt->pm1a_control = base + ACPI_PM1_CNT;
	fadt->pm_timer = base + ACPI_PM_TMR;
	fadt->pm1_event_bytes = 4;
	fadt->pm1_control_bytes = 2;
	fadt->pm_timer_bytes = 4;
	fadt->x_pm1a_event = io_gas(base + ACPI_PM1_STS, 4);
	fadt->x_pm1a_control = io_gas(base + ACPI_PM1_CNT, 2);
	fadt->x_pm_timer = io_gas(base + ACPI_PM_TMR, 4);
	/* The event block is two 16-bit registers. */
	fadt->x_pm1a_event.access_size = GAS_WORD;
}

static u64 put_fadt(struct block *b, const struct acpi_config *config, u64 facs,
		    u64 dsdt)
{
	struct fadt fadt = {
		.header = header_of("FACP", FADT_REVISION),
		.facs = (u32)facs,
		.dsdt = (u32)dsdt,
		.x_dsdt = dsdt,
		.sci_irq = (u16)config->sci_irq,
		.c2_latency = FADT_LATENCY_NONE,
		.c3_latency = FADT_LATENCY_NONE,
		.century = CMOS_CENTURY,
		.boot_flags = BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON |
			 FADT_FIX_RTC | FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP,
		.reset_register = io_gas(ACPI_PM_RESET_PORT, 1),
		.reset_value = ACPI_PM_RESET_VALUE,
		.minor_revision = 1,
	};
	size_t at;

	fill_pm(&fadt, config->pm_base_port);
	align(b, 16);
	at = append(b, &fadt, sizeof(fadt));
	note_pointer(b, at + offsetof(struct fadt, facs), 4);
	note_pointer(b, at + offsetof(struct fadt, dsdt), 4);
	note_pointer(b, at + offsetof(struct fadt, x_dsdt), 8);
	finish(b, at);
	return b->gpa + at;
}

static void put_cpu(struct block *b, u32 index, u32 apic_id)
{
	const struct madt_lapic lapic = {
		.type = MADT_LAPIC,
		.length = sizeof(lapic),
		.acpi_uid = (u8)index,
		.apic_id = (u8)apic_id,
		.flags = MADT_ENABLED,
	};
	const struct madt_x2apic x2apic = {
		.type = MADT_X2APIC,
		.length = sizeof(x2apic),
		.x2apic_id = apic_id,
		.flags = MADT_ENABLED,
		.acpi_uid = index,
	};

	if (apic_id <= XAPIC_ID_MAX && index <= XAPIC_ID_MAX)
		append(b, &lapic, sizeof(lapic));
	else
		append(b, &x2apic, sizeof(x2apic));
}

static void put_override(struct block *b, u8 irq, u32 gsi, u16 flags)
{
	const struct madt_override entry = {
		.type = MADT_OVERRIDE,
		.length = sizeof(entry),
		.irq = irq,
		.gsi = gsi,
		.flags = flags,
	};

	append(b, &entry, sizeof(entry));
}

static u64 put_madt(struct block *b, const struct acpi_config *config)
{
	const struct madt madt = {
		.header = header_of("APIC", 3),
		.lapic_address = LAPIC_GPA,
		.flags = MADT_PCAT_COMPAT,
	};
	const struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC,
		.length = sizeof(ioapic),
		.address = IOAPIC_GPA,
	};
	const struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI,
		.length = sizeof(nmi),
		.acpi_uid = MADT_ALL_CPUS,
		.lint = 1,
	};
	size_t at;

	align(b, 16);
	at = append(b, &madt, sizeof(madt));
	for (u32 i = 0; i < config->cpu_count; i++)
		put_cpu(b, i, config->apic_id[i]);
	append(b, &ioapic, sizeof(ioapic));
	/* The timer comes in at pin 2, the system control interrupt by level */
	put_override(b, 0, 2, 0);
	put_override(b, (u8)config->sci_irq, config->sci_irq, MADT_LEVEL_HIGH);
	append(b, &nmi, sizeof(nmi));
	finish(b, at);
	return b->gpa + at;
}

/* Where configuration space is in memory. [PCIE 7.2.2 "PCI Express Enhanced
 * Configuration Access Mechanism (ECAM)"] */
static u64 put_mcfg(struct block *b, u64 ecam_gpa)
{
	const struct mcfg mcfg = {
		.header = header_of("MCFG", 1),
		.base = ecam_gpa,
		.bus_last = 0xff,
	};
	size_t at;

	align(b, 16);
	at = append(b, &mcfg, sizeof(mcfg));
	finish(b, at);
	return b->gpa + at;
}

/* XSDT and RSDT list the same tables in addresses of two sizes. */
static u64 put_list(struct block *b, const char *signature, u8 bytes,
		    const u64 *gpa, u32 count)
{
	struct header h = header_of(signature, 1);
	size_t at;

	align(b, 16);
	at = append(b, &h, sizeof(h));
	for (u32 i = 0; i < count; i++)
		note_pointer(b, append(b, &gpa[i], bytes), bytes);
	finish(b, at);
	return b->gpa + at;
}

static void fill_rsdp(struct block *b, u64 rsdt, u64 xsdt)
{
	struct rsdp rsdp = {
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem_id = {'K', 'E', 'E', 'L', ' ', ' '},
		.revision = 2,
		.rsdt = (u32)rsdt,
		.length = sizeof(rsdp),
		.xsdt = xsdt,
	};

	/* The first checksum covers the part that revision 0 had. */
	rsdp.checksum = checksum_to_zero(&rsdp, offsetof(struct rsdp, length));
	rsdp.extended_checksum = checksum_to_zero(&rsdp, sizeof(rsdp));
	memcpy(b->data, &rsdp, sizeof(rsdp));
}

int acpi_build(const struct acpi_config *config, void *data, size_t capacity,
	       struct acpi_layout *ret)
{
	static const struct rsdp to_come;
	struct block b = {.data = data, .capacity = capacity, .gpa = config->gpa};
	u64 facs, dsdt, table[3], rsdt, xsdt;
	u32 count = 0;

	static_assert(sizeof(to_come) == ACPI_RSDP_BYTES, "as ACPI has it");
	assert(is_aligned(config->gpa, 64));
	note_pointer(&b, offsetof(struct rsdp, rsdt), 4);
	note_pointer(&b, offsetof(struct rsdp, xsdt), 8);
	append(&b, &to_come, sizeof(to_come));
	facs = put_facs(&b);
	dsdt = put_dsdt(&b, config);
	table[count++] = put_fadt(&b, config, facs, dsdt);
	table[count++] = put_madt(&b, config);
	if (config->ecam_gpa)
		table[count++] = put_mcfg(&b, config->ecam_gpa);
	rsdt = put_list(&b, "RSDT", sizeof(u32), table, count);
	xsdt = put_list(&b, "XSDT", sizeof(u64), table, count);
	if (b.overflow)
		return trace_err(-ENOBUFS);
	fill_rsdp(&b, rsdt, xsdt);
	b.layout.size = b.size;
	*ret = b.layout;
	return 0;
}
