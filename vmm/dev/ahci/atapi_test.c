/* SPDX-License-Identifier: MIT */
/* A CD-ROM drive by packets; the drives are fake_ahci.h's. */
#include "vmm/dev/ahci/ahci.h"

#include <unistd.h>

#include "base/test.h"
#include "vmm/dev/ahci/ahci_internal.h"
#include "vmm/dev/ahci/fake_ahci.h"

#define DATA	   FAKE_AHCI_DATA_GPA
#define CD_SECTORS (FAKE_AHCI_CD_BYTES / 2048)
#define DMA	   1
#define OK	   0x50

enum {
	TEST_UNIT_READY = 0x00,
	REQUEST_SENSE = 0x03,
	INQUIRY = 0x12,
	START_STOP = 0x1b,
	PREVENT = 0x1e,
	READ_CAPACITY = 0x25,
	READ_10 = 0x28,
	SEEK_10 = 0x2b,
	READ_TOC = 0x43,
	GET_CONFIGURATION = 0x46,
	GET_EVENT = 0x4a,
	READ_DISC_INFORMATION = 0x51,
	MODE_SENSE = 0x5a,
	READ_12 = 0xa8,
	READ_DVD_STRUCTURE = 0xad,
};

static struct fake_ahci t;
static u32 drive;

/* A packet with room for `bytes`; PxTFD afterwards, the port running again. */
static u32 packet(const u8 bytes_of_packet[12], u8 feature, u32 bytes)
{
	const struct fake_ahci_command c = {
		.code = 0xa0,
		.feature = feature,
		.packet = bytes_of_packet,
		.entry = {{DATA, bytes}},
		.entry_count = bytes ? 1 : 0,
	};
	u32 tfd = fake_ahci_do(&t, drive, &c);

	if (tfd & ATA_ERR)
		fake_ahci_restart(&t, drive);
	return tfd;
}

#define send(bytes, ...) packet((const u8[12]){__VA_ARGS__}, DMA, bytes)

static u8 byte(u32 at)
{
	return fake_ahci_byte(&t, DATA + at);
}

static u32 word(u32 at)
{
	return (u32)byte(at) << 24 | (u32)byte(at + 1) << 16 |
	       (u32)byte(at + 2) << 8 | byte(at + 3);
}

/* Key, code and qualifier of the sense data, a byte each. */
static u32 sense(void)
{
	check_eq(send(18, REQUEST_SENSE, 0, 0, 0, 18), OK);
	check_eq(byte(0), 0x70);
	return (u32)byte(2) << 16 | (u32)byte(12) << 8 | byte(13);
}

/* A packet that ended with `tfd` did so for this reason, as sense() has it. */
static void check_refused(u32 tfd, u32 reason)
{
	check_eq(tfd, (reason >> 16) << 12 | 0x0451);
	check_eq(sense(), reason);
}

/* The drive has told of its reset. */
static void begin(u32 which)
{
	fake_ahci_begin(&t);
	drive = which;
	check_refused(send(0, TEST_UNIT_READY), 0x062900);
}

static void end(void)
{
	fake_ahci_end(&t);
}

TEST(ata8_7_17_it_identifies_as_a_cd_rom_and_not_as_a_disk)
{
	const struct fake_ahci_command device = {
		.code = 0xec, .entry = {{DATA, 512}}, .entry_count = 1};
	struct fake_ahci_command packet_device = device;
	gpa_t fis = fake_ahci_fis_gpa(FAKE_CDROM) + 0x40;

	begin(FAKE_CDROM);
	packet_device.code = 0xa1;
	check_eq(fake_ahci_do(&t, FAKE_CDROM, &packet_device), OK);
	check_eq(byte(0) | byte(1) << 8, 0x85c0);
	check_eq(fake_ahci_do(&t, FAKE_CDROM, &device), 0x0451);
	check_eq(fake_ahci_byte(&t, fis + 5), 0x14);
	check_eq(fake_ahci_byte(&t, fis + 6), 0xeb);
	end();
}

TEST(spc_6_inquiry_tells_of_a_removable_cd_rom)
{
	char text[25] = {};

	fake_ahci_begin(&t);
	drive = FAKE_CDROM;
	/* Before the attention is told, too. */
	check_eq(send(36, INQUIRY, 0, 0, 0, 36), OK);
	check_eq(byte(0), 5);
	check_eq(byte(1), 0x80);
	check(guest_mem_read(&t.mem, DATA + 8, text, 24));
	check_str_eq(text, "KEEL    CD-ROM          ");
	check_refused(send(36, INQUIRY, 1, 0, 0, 36), 0x052400);
	end();
}

TEST(a_reply_is_as_long_as_the_driver_wants)
{
	begin(FAKE_CDROM);
	check(guest_mem_zero(&t.mem, DATA, 64));
	check_eq(send(64, INQUIRY, 0, 0, 0, 10), OK);
	check_eq(byte(9), 'E');
	check_eq(byte(10), 0);
	check_eq(send(0, INQUIRY, 0, 0, 0, 0), OK);
	end();
}

TEST(mmc_6_content_is_read_in_sectors_of_2048)
{
	begin(FAKE_CDROM);
	check_eq(pwrite(t.fd[FAKE_CDROM], "abc", 3, 7 * 2048), 3);
	check_eq(pwrite(t.fd[FAKE_CDROM], "z", 1, 9 * 2048 - 1), 1);
	check_eq(send(8, READ_CAPACITY), OK);
	check_eq(word(0), CD_SECTORS - 1);
	check_eq(word(4), 2048);
	check_eq(send(4096, READ_10, 0, 0, 0, 0, 7, 0, 0, 2), OK);
	check_eq(byte(0), 'a');
	check_eq(byte(4095), 'z');
	check(guest_mem_zero(&t.mem, DATA, 4096));
	check_eq(send(4096, READ_12, 0, 0, 0, 0, 7, 0, 0, 0, 2), OK);
	check_eq(byte(2), 'c');
	check_eq(send(0, READ_10, 0, 0, 0, 0, 7, 0, 0, 0), OK);
	end();
}

TEST(a_read_by_pio_announces_its_data)
{
	const u8 read[12] = {READ_10, [8] = 1};
	gpa_t fis = fake_ahci_fis_gpa(FAKE_CDROM) + 0x20;

	begin(FAKE_CDROM);
	check(guest_mem_zero(&t.mem, fis, 20));
	check_eq(packet(read, 0, 2048), OK);
	check_eq(fake_ahci_byte(&t, fis), 0x5f);
	end();
}

TEST(mmc_6_beyond_the_end_is_an_illegal_request)
{
	begin(FAKE_CDROM);
	check_refused(send(2048, READ_10, 0, 0, 0, 1, 0, 0, 0, 1), 0x052100);
	check_refused(send(4096, READ_10, 0, 0, 0, 0, 255, 0, 0, 2), 0x052100);
	check_refused(send(2048, READ_10, 0, 255, 255, 255, 255, 0, 255, 255),
		      0x052100);
	check_refused(send(2048, READ_12, 0, 0, 0, 0, 1, 255, 255, 255, 255),
		      0x052100);
	check_eq(send(0, SEEK_10, 0, 0, 0, 1, 0), 0x5451);
	check_eq(send(0, SEEK_10, 0, 0, 0, 0, 255), OK);
	check_eq(sense(), 0); /* of the last command, which was good */
	end();
}

TEST(a_table_that_is_too_short_overflows)
{
	const u8 read[12] = {READ_10, [8] = 2};

	begin(FAKE_CDROM);
	check(packet(read, DMA, 2048) & ATA_BSY);
	check(fake_ahci_get(&t, FAKE_CDROM, PX_IS) & PXIS_OFS);
	end();
}

TEST(mmc_6_the_table_of_contents_has_one_track)
{
	begin(FAKE_CDROM);
	check_eq(send(64, READ_TOC, 0, 0, 0, 0, 0, 0, 0, 64), OK);
	check_eq(byte(1), 18);
	check_eq(byte(5), 0x14);
	check_eq(byte(6), 1);
	check_eq(word(8), 0);
	check_eq(byte(14), 0xaa);
	check_eq(word(16), CD_SECTORS);
	check_eq(send(64, READ_TOC, 2, 0, 0, 0, 0, 0xaa, 0, 64), OK);
	check_eq(byte(1), 10);
	/* 256 + 150 frames: 5 s and 31 frames. */
	check_eq(word(8), 5 << 8 | 31);
	check_eq(send(64, READ_TOC, 0, 1, 0, 0, 0, 0, 0, 64), OK);
	check_eq(byte(1), 10);
	check_eq(send(64, READ_TOC, 0, 0, 0, 0, 0, 0, 0, 64, 0x40), OK);
	check_eq(byte(1), 10);
	check_refused(send(64, READ_TOC, 0, 0, 0, 0, 0, 2, 0, 64), 0x052400);
	check_refused(send(64, READ_TOC, 0, 5, 0, 0, 0, 0, 0, 64), 0x052400);
	end();
}

TEST(mmc_5_the_profile_is_that_of_the_medium)
{
	begin(FAKE_CDROM);
	check_eq(send(128, GET_CONFIGURATION, 0, 0, 0, 0, 0, 0, 0, 128), OK);
	check_eq(word(4), 8);
	check_eq(word(0), 60);
	check_eq(byte(18), 1); /* CD-ROM is current, DVD-ROM is not */
	check_eq(byte(14), 0);
	check_eq(send(128, GET_CONFIGURATION, 2, 0, 0x1e, 0, 0, 0, 0, 128), OK);
	check_eq(word(8), 0x001e0904);
	check_eq(send(128, GET_CONFIGURATION, 1, 0, 0x1f, 0, 0, 0, 0, 128), OK);
	check_eq(word(0), 4);
	check_refused(send(128, GET_CONFIGURATION, 3, 0, 0, 0, 0, 0, 0, 128),
		      0x052400);
	end();
}

TEST(mmc_7_mode_sense_tells_of_a_tray_that_can_be_locked)
{
	begin(FAKE_CDROM);
	check_eq(send(64, MODE_SENSE, 0, 0x2a, 0, 0, 0, 0, 0, 64), OK);
	check_eq(byte(1), 26);
	check_eq(byte(8), 0x2a);
	check_eq(byte(14), 0x29);
	check_eq(send(0, PREVENT, 0, 0, 0, 1), OK);
	check_eq(send(64, MODE_SENSE, 0, 0x3f, 0, 0, 0, 0, 0, 64), OK);
	check_eq(byte(8), 0x01);
	check_eq(byte(22), 0x2b);
	check_eq(send(64, MODE_SENSE, 0, 0x6a, 0, 0, 0, 0, 0, 64), OK);
	check_eq(byte(8), 0x2a);
	check_eq(byte(14), 0);
	check_refused(send(64, MODE_SENSE, 0, 0xea, 0, 0, 0, 0, 0, 64),
		      0x053900);
	check_refused(send(64, MODE_SENSE, 0, 0x08, 0, 0, 0, 0, 0, 64),
		      0x052400);
	end();
}

TEST(mmc_6_the_disc_is_complete_and_no_dvd)
{
	begin(FAKE_CDROM);
	check_eq(send(34, READ_DISC_INFORMATION, 0, 0, 0, 0, 0, 0, 0, 34), OK);
	check_eq(byte(1), 32);
	check_eq(byte(2), 0x0e);
	check_refused(send(64, READ_DVD_STRUCTURE, 0, 0, 0, 0, 0, 0, 0, 0, 64),
		      0x053002);
	end();
}

TEST(a_large_image_is_a_dvd)
{
	begin(FAKE_CDROM);
	fake_ahci_end(&t);
	fake_ahci_begin_sized(&t, (u64)1 << 30);
	check_refused(send(0, TEST_UNIT_READY), 0x062900);
	check_eq(send(16, GET_CONFIGURATION, 0, 0, 0, 0, 0, 0, 0, 16), OK);
	check_eq(word(4), 0x10);
	check_eq(send(2052, READ_DVD_STRUCTURE, 0, 0, 0, 0, 0, 0, 0, 8, 4), OK);
	check_eq(byte(0) << 8 | byte(1), 2050);
	check_eq(word(8), 0x30000);
	check_eq(word(12), 0x30000 + (1 << 19) - 1);
	check_eq(send(8, READ_DVD_STRUCTURE, 0, 0, 0, 0, 0, 0, 1, 0, 8), OK);
	check_eq(word(4), 0);
	end();
}

TEST(what_is_no_whole_sector_at_the_end_is_not_there)
{
	fake_ahci_begin_sized(&t, 3 * 2048 + 1000);
	drive = FAKE_CDROM;
	check_refused(send(0, TEST_UNIT_READY), 0x062900);
	check_eq(send(8, READ_CAPACITY), OK);
	check_eq(word(0), 2);
	check_eq(send(2048, READ_10, 0, 0, 0, 0, 2, 0, 0, 1), OK);
	check_refused(send(2048, READ_10, 0, 0, 0, 0, 3, 0, 0, 1), 0x052100);
	end();
}

TEST(an_image_without_a_sector_is_no_medium)
{
	static const u64 sizes[] = {0, 1536};

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		fake_ahci_begin_sized(&t, sizes[i]);
		drive = FAKE_CDROM;
		check_refused(send(0, TEST_UNIT_READY), 0x062900);
		check_refused(send(0, TEST_UNIT_READY), 0x023a01);
		check_refused(send(2048, READ_10, 0, 0, 0, 0, 0, 0, 0, 1),
			      0x023a01);
		end();
	}
}

/* ---- the tray ---- */

TEST(mmc_6_a_locked_tray_stays_and_an_open_one_has_no_medium)
{
	begin(FAKE_CDROM);
	check_eq(send(0, PREVENT, 0, 0, 0, 1), OK);
	check_refused(send(0, START_STOP, 0, 0, 0, 2), 0x055302);
	check_eq(send(0, PREVENT), OK);
	check_eq(send(0, START_STOP, 0, 0, 0, 2), OK);
	check_refused(send(0, TEST_UNIT_READY), 0x023a02);
	check_eq(send(0, START_STOP, 0, 0, 0, 3), OK);
	check_refused(send(0, TEST_UNIT_READY), 0x062800);
	check_eq(send(0, TEST_UNIT_READY), OK);
	check_eq(send(0, START_STOP, 0, 0, 0, 0), OK);
	check_eq(send(0, TEST_UNIT_READY), OK);
	end();
}

TEST(mmc_6_events_are_told_once)
{
	begin(FAKE_CDROM);
	check_eq(send(8, GET_EVENT, 1, 0, 0, 0x10, 0, 0, 0, 8), OK);
	check_eq(word(0), 0x00060410);
	check_eq(word(4), 0x00020000);
	check_eq(send(0, START_STOP, 0, 0, 0, 2), OK);
	check_eq(send(8, GET_EVENT, 1, 0, 0, 0x10, 0, 0, 0, 8), OK);
	check_eq(word(4), 0x03010000);
	check_eq(send(8, GET_EVENT, 1, 0, 0, 0x10, 0, 0, 0, 8), OK);
	check_eq(word(4), 0x00010000);
	check_eq(send(8, GET_EVENT, 1, 0, 0, 0x40, 0, 0, 0, 8), OK);
	check_eq(word(0), 0x00028010);
	check_refused(send(8, GET_EVENT, 0, 0, 0, 0x10, 0, 0, 0, 8), 0x052400);
	end();
}

TEST(an_empty_drive_says_so)
{
	begin(FAKE_EMPTY);
	check_refused(send(0, TEST_UNIT_READY), 0x023a01);
	check_refused(send(2048, READ_10, 0, 0, 0, 0, 0, 0, 0, 1), 0x023a01);
	check_refused(send(8, READ_CAPACITY), 0x023a01);
	check_eq(send(16, GET_CONFIGURATION, 0, 0, 0, 0, 0, 0, 0, 16), OK);
	check_eq(word(4), 0);
	check_eq(send(0, START_STOP, 0, 0, 0, 2), OK);
	check_eq(send(0, START_STOP, 0, 0, 0, 3), OK);
	check_refused(send(0, TEST_UNIT_READY), 0x023a01);
	end();
}

TEST(what_a_drive_does_not_know_is_an_illegal_request)
{
	begin(FAKE_CDROM);
	check_refused(send(0, 0x2a), 0x052000); /* WRITE(10) */
	check_refused(send(0, 0xff), 0x052000);
	end();
}

TEST(the_tray_is_part_of_the_saved_state)
{
	struct buf saved;

	begin(FAKE_CDROM);
	buf_init(&saved, 65536);
	check_eq(send(0, START_STOP, 0, 0, 0, 2), OK);
	check_eq(dev_save(&t.ahci->pci.dev, &saved), 0);
	check_eq(send(0, START_STOP, 0, 0, 0, 3), OK);
	check_eq(dev_load(&t.ahci->pci.dev, 1, saved.data, saved.size), 0);
	check_refused(send(0, TEST_UNIT_READY), 0x023a02);
	buf_release(&saved);
	end();
}
