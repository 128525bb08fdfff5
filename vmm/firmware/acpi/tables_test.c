/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/acpi/tables.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "vmm/dev/fake_host.h"
#include "vmm/dev/i8042/i8042.h"
#include "vmm/dev/mc146818/mc146818.h"
#include "vmm/dev/ns16550a/ns16550a.h"
#include "vmm/dev/q35_mch/q35_mch.h"

#define GPA 0xe0000

static struct {
	struct fake_host host;
	struct ns16550a uart;
	struct mc146818 rtc;
	struct i8042 kbc;
	struct pci_bus pci;
	struct q35_mch mch;
	struct dev *dev[4];
	u32 apic_id[300];
	struct acpi_config config;
	u8 data[65536];
	struct acpi_layout layout;
	size_t size;
} t;

static void build(u32 cpu_count)
{
	fake_host_init(&t.host);
	ns16550a_init(&t.uart, &(struct ns16550a_config){
				       .base_port = 0x3f8,
				       .irq = fake_host_irq(&t.host, 4),
				       .acpi_uid = 1,
			       });
	mc146818_init(&t.rtc, &(struct mc146818_config){
				      .base_port = 0x70,
				      .irq = fake_host_irq(&t.host, 8),
				      .host = &t.host.host,
			      });
	i8042_init(&t.kbc, &(struct i8042_config){
				   .kbd_irq = fake_host_irq(&t.host, 1),
				   .aux_irq = fake_host_irq(&t.host, 12),
				   .has_mouse = true,
			   });
	t.dev[0] = &t.uart.dev;
	t.dev[1] = &t.rtc.dev;
	t.dev[2] = &t.kbc.dev;
	q35_mch_init(&t.mch, &(struct q35_mch_config){.bus = &t.pci});
	t.dev[3] = &t.mch.pci.dev;
	for (u32 i = 0; i < ARRAY_SIZE(t.apic_id); i++)
		t.apic_id[i] = i;
	t.config = (struct acpi_config){
		.apic_id = t.apic_id,
		.cpu_count = cpu_count,
		.sci_irq = 9,
		.pm_base_port = 0x600,
		.dev = t.dev,
		.dev_count = 4,
		.gpa = GPA,
		.ecam_gpa = Q35_ECAM_GPA,
	};
	check_eq(acpi_build(&t.config, t.data, sizeof(t.data), &t.layout), 0);
	t.size = t.layout.size;
}

static u8 sum(const void *data, size_t size)
{
	const u8 *bytes = data;
	u8 total = 0;

	while (size--)
		total = (u8)(total + *bytes++);
	return total;
}

static u64 get(size_t offset, u32 bytes)
{
	u64 value = 0;

	check(offset + bytes <= t.size);
	memcpy(&value, t.data + offset, bytes);
	return value;
}

/* Offset of the table with this signature, through the XSDT. */
static size_t find(const char *signature)
{
	size_t xsdt = get(24, 8) - GPA;

	check_eq(sum(t.data + xsdt, get(xsdt + 4, 4)), 0);
	for (size_t at = xsdt + 36; at < xsdt + get(xsdt + 4, 4); at += 8) {
		size_t table = get(at, 8) - GPA;

		check(table + get(table + 4, 4) <= t.size);
		check_eq(sum(t.data + table, get(table + 4, 4)), 0);
		if (!memcmp(t.data + table, signature, 4))
			return table;
	}
	test_fail("no table %s", signature);
	return 0;
}

TEST(the_root_pointer_has_both_checksums)
{
	build(1);
	check_mem_eq(t.data, "RSD PTR ", 8);
	check_eq(sum(t.data, 20), 0);
	check_eq(sum(t.data, 36), 0);
	check_eq(get(15, 1), 2);
}

TEST(rsdt_and_xsdt_list_the_same_tables)
{
	size_t rsdt, xsdt;

	build(1);
	rsdt = get(16, 4) - GPA;
	xsdt = get(24, 8) - GPA;
	check_mem_eq(t.data + rsdt, "RSDT", 4);
	check_mem_eq(t.data + xsdt, "XSDT", 4);
	check_eq(sum(t.data + rsdt, get(rsdt + 4, 4)), 0);
	check_eq((get(rsdt + 4, 4) - 36) / 4, (get(xsdt + 4, 4) - 36) / 8);
	check_eq(get(rsdt + 36, 4), get(xsdt + 36, 8));
}

TEST(the_fadt_says_where_power_management_is)
{
	size_t fadt, dsdt, facs;

	build(1);
	fadt = find("FACP");
	check_eq(get(fadt + 4, 4), 268); /* revision 5 */
	check_eq(get(fadt + 56, 4), 0x600);
	check_eq(get(fadt + 64, 4), 0x604);
	check_eq(get(fadt + 76, 4), 0x608);
	check_eq(get(fadt + 108, 1), 0x32); /* century */
	check_eq(get(fadt + 116, 1), 1);    /* reset register: I/O */
	check_eq(get(fadt + 120, 8), 0xcf9);
	check_eq(get(fadt + 128, 1), 6);
	dsdt = get(fadt + 40, 4) - GPA;
	facs = get(fadt + 36, 4) - GPA;
	check_mem_eq(t.data + dsdt, "DSDT", 4);
	check_eq(sum(t.data + dsdt, get(dsdt + 4, 4)), 0);
	check_mem_eq(t.data + facs, "FACS", 4);
	check(is_aligned(facs, 64));
}

/* Counts the entries of one type. */
static u32 madt_count(u32 type)
{
	size_t madt = find("APIC"), end = madt + get(madt + 4, 4);
	u32 count = 0;

	for (size_t at = madt + 44; at < end; at += get(at + 1, 1)) {
		check(get(at + 1, 1) >= 6);
		count += get(at, 1) == type;
	}
	return count;
}

TEST(the_madt_has_every_cpu_and_one_ioapic)
{
	build(1);
	check_eq(madt_count(0), 1);
	build(255);
	check_eq(madt_count(0), 255);
	check_eq(madt_count(9), 0);
	check_eq(madt_count(1), 1);
	check_eq(madt_count(2), 2);
	build(300);
	check_eq(madt_count(0), 255);
	check_eq(madt_count(9), 45);
}

TEST(too_little_room_is_refused_at_every_size)
{
	static u8 small[4096];
	struct acpi_layout layout;
	size_t whole;

	build(2);
	whole = t.size;
	for (size_t room = 36; room < whole; room++)
		check_eq(acpi_build(&t.config, small, room, &layout), -ENOBUFS);
	check_eq(acpi_build(&t.config, small, whole, &layout), 0);
	check_mem_eq(small, t.data, whole);
}

/* Disassembles and compiles again; a person reads what is printed. */
static void judge(const char *directory, const char *signature, size_t offset)
{
	char path[256], command[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.aml", directory, signature);
	fd = fd_open(path, 01 | 0100, 0600);
	check(fd >= 0);
	check_eq(write_full(fd, t.data + offset, get(offset + 4, 4)), 0);
	fd_close(&fd);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d %s.aml >%s.log 2>&1 && "
		 "! grep -iE 'error|warning|invalid|unknown' %s.log && "
		 "iasl -p again %s.dsl >>%s.log 2>&1 && "
		 "grep -q ' 0 Errors, 0 Warnings' %s.log || "
		 "{ cat %s.log; false; }",
		 directory, signature, signature, signature, signature,
		 signature, signature, signature);
	check_eq(system(command), 0);
}

TEST(a_disassembler_understands_every_table)
{
	char directory[] = "/tmp/acpi-test-XXXXXX", command[512];

	if (system("command -v iasl >/dev/null 2>&1"))
		skip("iasl is not installed");
	build(2);
	check(mkdtemp(directory) != NULL);
	judge(directory, "FACP", find("FACP"));
	judge(directory, "APIC", find("APIC"));
	judge(directory, "MCFG", find("MCFG"));
	judge(directory, "DSDT", get(find("FACP") + 40, 4) - GPA);
	snprintf(command, sizeof(command),
		 "grep -q _S5 %s/DSDT.dsl && grep -q 'Device (COM1)' "
		 "%s/DSDT.dsl && grep -q PNP0B00 %s/DSDT.dsl && "
		 "grep -q 'Device (PCI0)' %s/DSDT.dsl && "
		 "grep -q PNP0303 %s/DSDT.dsl && grep -q PNP0F13 %s/DSDT.dsl",
		 directory, directory, directory, directory, directory,
		 directory);
	check_eq(system(command), 0);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	check_eq(system(command), 0);
}
