/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/acpi/aml.h"

#include "base/test.h"

static u8 out[4096];

TEST(integers_take_the_shortest_form)
{
	struct aml aml;

	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "_ADR", 0);
	check_mem_eq(out, "\x08_ADR\x00", 6);
	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "_UID", 1);
	check_mem_eq(out, "\x08_UID\x01", 6);
	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "X", 0x80);
	check_mem_eq(out, "\x08X___\x0a\x80", 7);
	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "X", 0x1234);
	check_mem_eq(out, "\x08X___\x0b\x34\x12", 8);
	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "X", 0x12345678);
	check_mem_eq(out, "\x08X___\x0c\x78\x56\x34\x12", 10);
	aml_init(&aml, out, sizeof(out));
	aml_name_integer(&aml, "X", 0x123456789);
	check_mem_eq(out, "\x08X___\x0e\x89\x67\x45\x23\x01\0\0\0", 14);
}

TEST(an_eisa_id_is_packed_as_the_specification_shows)
{
	struct aml aml;

	/* EISAID("PNP0501") is 0x0105D041 in the byte order of the table. */
	aml_init(&aml, out, sizeof(out));
	aml_name_eisaid(&aml, "_HID", "PNP0501");
	check_mem_eq(out, "\x08_HID\x0c\x41\xd0\x05\x01", 10);
}

TEST(a_scope_knows_its_length_once_it_has_ended)
{
	struct aml aml;

	aml_init(&aml, out, sizeof(out));
	aml_scope_begin(&aml, "\\_SB");
	aml_name_integer(&aml, "X", 0);
	aml_scope_end(&aml);
	check_eq(aml.size, 1 + 4 + 5 + 6);
	check_eq(out[0], 0x10);
	/* Four bytes of length, which count themselves: 15. */
	check_mem_eq(out + 1, "\xcf\0\0\0\\_SB_", 9);
}

TEST(what_does_not_fit_is_noticed_and_writes_nothing_beyond)
{
	struct aml aml;

	for (size_t room = 0; room < 60; room++) {
		memset(out, 0xee, sizeof(out));
		aml_init(&aml, out, room);
		aml_device_begin(&aml, "COM1");
		aml_name_string(&aml, "_STR", "hello");
		aml_crs_begin(&aml);
		aml_crs_io(&aml, 0x3f8, 8);
		aml_crs_irq(&aml, 4);
		aml_crs_end(&aml);
		aml_device_end(&aml);
		check(aml.overflow == (room < 48));
		check_eq(out[room], 0xee);
	}
}
