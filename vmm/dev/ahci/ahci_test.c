/* SPDX-License-Identifier: MIT */
/* The controller and its disk, as a driver sees them; the drives are
 * fake_ahci.h's. */
#include "vmm/dev/ahci/ahci.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"
#include "vmm/block/harness_folder.h"
#include "vmm/dev/ahci/ahci_internal.h"
#include "vmm/dev/ahci/fake_ahci.h"

#define DATA	FAKE_AHCI_DATA_GPA
#define SECTORS (FAKE_AHCI_DISK_BYTES / 512)
#define BDF	(AHCI_SLOT * 8 + AHCI_FUNCTION)
#define LBA	0x40 /* in the device register */

enum {
	TRIM = 0x06,
	READ_DMA_EXT = 0x25,
	READ_LOG_EXT = 0x2f,
	WRITE_DMA_EXT = 0x35,
	WRITE_FUA_EXT = 0x3d,
	READ_QUEUED = 0x60,
	WRITE_QUEUED = 0x61,
	READ_MULTIPLE = 0xc4,
	SET_MULTIPLE = 0xc6,
	FLUSH = 0xe7,
	IDENTIFY = 0xec,
	SET_FEATURES = 0xef,
};

static struct fake_ahci t;

static void begin(void)
{
	fake_ahci_begin(&t);
}

static void end(void)
{
	fake_ahci_end(&t);
}

static u32 get(u32 offset)
{
	return fake_ahci_get(&t, FAKE_DISK, offset);
}

static void put(u32 offset, u32 value)
{
	fake_ahci_put(&t, FAKE_DISK, offset, value);
}

static u32 command(u8 code, u64 lba, u16 count, u32 bytes)
{
	const struct fake_ahci_command c = {
		.code = code,
		.device = LBA,
		.lba = lba,
		.count = count,
		.entry = {{DATA, bytes}},
		.entry_count = bytes ? 1 : 0,
	};

	return fake_ahci_do(&t, FAKE_DISK, &c);
}

static void put_queued(u32 slot, u8 code, u64 lba, gpa_t gpa)
{
	const struct fake_ahci_command c = {
		.code = code,
		.feature = 1, /* sector */
		.device = LBA,
		.lba = lba,
		.count = (u16)(slot << 3),
		.entry = {{gpa, 512}},
		.entry_count = 1,
	};

	fake_ahci_put_command(&t, FAKE_DISK, slot, &c);
}

static void issue_queued(u32 slots)
{
	put(PX_IS, UINT32_MAX);
	put(PX_SACT, slots);
	put(PX_CI, slots);
}

static u8 byte_at(gpa_t gpa)
{
	return fake_ahci_byte(&t, gpa);
}

static u32 moved_bytes(u32 slot)
{
	u32 value = 0;

	check(guest_mem_read(&t.mem, fake_ahci_header_gpa(FAKE_DISK, slot) + 4,
			     &value, 4));
	return value;
}

static void put_disk(u64 offset, char letter, u32 size)
{
	char data[4096];

	memset(data, letter, sizeof(data));
	check_eq(pwrite(t.fd[FAKE_DISK], data, size, (off_t)offset), size);
}

static char disk_at(u64 offset)
{
	char letter = 0;

	check_eq(pread(t.fd[FAKE_DISK], &letter, 1, (off_t)offset), 1);
	return letter;
}

/* ---- registers ---- */

TEST(ich9_15_1_the_function_is_an_ahci_controller_with_msi)
{
	begin();
	check_eq(pci_config_read(&t.bus, BDF, 0, 4), 0x29228086);
	check_eq(pci_config_read(&t.bus, BDF, 8, 4) >> 8, 0x010601);
	check_eq(pci_config_read(&t.bus, BDF, PCI_INTERRUPT_PIN, 1), 1);
	check_eq(pci_config_read(&t.bus, BDF, t.ahci->pci.msi.cap, 1),
		 PCI_CAP_MSI);
	pci_config_write(&t.bus, BDF, PCI_BAR0 + 20, UINT32_MAX, 4);
	check_eq(pci_config_read(&t.bus, BDF, PCI_BAR0 + 20, 4), 0xfffff000);
	end();
}

TEST(ahci_3_1_the_hba_says_what_it_can)
{
	begin();
	check_eq(fake_ahci_read(&t, HBA_CAP), 0xc1341f05);
	check_eq(fake_ahci_read(&t, HBA_GHC), 0x80000002);
	check_eq(fake_ahci_read(&t, 0x0c), 0x3f);
	fake_ahci_write(&t, HBA_CAP, 0);
	check_eq(fake_ahci_read(&t, HBA_CAP), 0xc1341f05);
	check_eq(fake_ahci_read(&t, 0x24), 0);
	check_eq(fake_ahci_read(&t, 0xffc), 0);
	end();
}

TEST(ahci_3_3_9_a_port_shows_the_signature_of_its_device)
{
	begin();
	check_eq(get(PX_SIG), 0x00000101);
	check_eq(get(PX_TFD), 0x150);
	check_eq(get(PX_SSTS), 0x133);
	check_eq(fake_ahci_get(&t, FAKE_CDROM, PX_SIG), 0xeb140101);
	check_eq(fake_ahci_get(&t, FAKE_CDROM, PX_TFD), 0x100);
	check_eq(fake_ahci_get(&t, FAKE_EMPTY, PX_SIG), 0xeb140101);
	check_eq(fake_ahci_get(&t, 5, PX_SIG), UINT32_MAX);
	check_eq(fake_ahci_get(&t, 5, PX_TFD), 0x7f);
	check_eq(fake_ahci_get(&t, 5, PX_SSTS), 0);
	check_eq(byte_at(fake_ahci_fis_gpa(FAKE_DISK) + 0x40), 0x34);
	end();
}

TEST(ahci_3_3_1_addresses_are_aligned)
{
	begin();
	put(PX_CLB, UINT32_MAX);
	put(PX_CLB + 4, 0x1234);
	put(PX_FB, UINT32_MAX);
	check_eq(get(PX_CLB), 0xfffffc00);
	check_eq(get(PX_CLB + 4), 0x1234);
	check_eq(get(PX_FB), 0xffffff00);
	end();
}

TEST(ahci_10_3_2_without_st_nothing_is_issued)
{
	begin();
	put(PX_CMD, PXCMD_FRE);
	put(PX_CI, 1);
	put(PX_SACT, 1);
	check_eq(get(PX_CI) | get(PX_SACT), 0);
	check_eq(get(PX_CMD), PXCMD_FRE | PXCMD_FR | 6);
	end();
}

/* ---- commands ---- */

TEST(ata8_7_16_identify_tells_of_the_disk)
{
	u16 words[256];
	u8 sum = 0;

	begin();
	check_eq(command(IDENTIFY, 0, 0, 512), ATA_OK);
	check(get(PX_IS) & PXIS_PSS);
	check_eq(moved_bytes(0), 512);
	check(guest_mem_read(&t.mem, DATA, words, sizeof(words)));
	check_eq(words[60] | (u32)words[61] << 16, SECTORS);
	check_eq(words[100], SECTORS);
	check_eq(words[75], 31);
	check(words[76] & 0x100);
	check(words[83] & 0x400);
	check_eq(words[27], 'K' << 8 | 'E');
	check_eq(words[10], 's' << 8 | 'e');
	check_eq(words[19], 'o' << 8 | 'o'); /* the last two of 20 */
	for (u32 i = 0; i < 512; i++)
		sum = (u8)(sum + ((u8 *)words)[i]);
	check_eq(sum, 0);
	check_eq(byte_at(fake_ahci_fis_gpa(FAKE_DISK) + 0x20), 0x5f);
	end();
}

TEST(what_is_written_is_read_and_told)
{
	begin();
	put_disk(5 * 512, 'r', 1024);
	check_eq(command(READ_DMA_EXT, 5, 2, 1024), ATA_OK);
	check_eq(byte_at(DATA), 'r');
	check_eq(byte_at(DATA + 1023), 'r');
	check_eq(byte_at(DATA + 1024), 0);
	check_eq(moved_bytes(0), 1024);
	check_eq(get(PX_IS) & ~PXIS_PCS, PXIS_DHRS);
	check_eq(byte_at(fake_ahci_fis_gpa(FAKE_DISK) + 0x42), ATA_OK);
	check_eq(command(WRITE_DMA_EXT, 8, 2, 1024), ATA_OK);
	check_eq(disk_at(9 * 512 + 511), 'r');
	check_eq(disk_at(10 * 512), 0);
	check_eq(command(WRITE_FUA_EXT, 12, 1, 512), ATA_OK);
	check_eq(disk_at(12 * 512), 'r');
	check_eq(command(FLUSH, 0, 0, 0), ATA_OK);
	check(t.wire);
	end();
}

/* Entries one after the other in memory: more of them than segments in a request,
 * which therefore end within a sector, and within an entry. */
static void put_small_entries(u32 count, u32 special, u32 special_size)
{
	gpa_t table = fake_ahci_table_gpa(FAKE_DISK, 0) + 0x80;
	u32 header = 5 | count << 16, at = (u32)DATA;

	check(guest_mem_write(&t.mem, fake_ahci_header_gpa(FAKE_DISK, 0),
			      &header, 4));
	for (u32 i = 0; i < count; i++) {
		u32 size = i == special ? special_size : 2;
		u32 words[4] = {at, 0, 0, size - 1};

		check(guest_mem_write(&t.mem, table + i * 16, words, 16));
		at += size;
	}
}

static void check_small_entries(u32 count, u32 special, u32 special_size)
{
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT, .device = LBA, .lba = 1, .count = 2};
	u8 disk[1024], got[1024];

	begin();
	for (u32 i = 0; i < sizeof(disk); i++)
		disk[i] = (u8)(i * 7 + i / 256);
	check_eq(pwrite(t.fd[FAKE_DISK], disk, sizeof(disk), 512), 1024);
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	put_small_entries(count, special, special_size);
	put(PX_CI, 1);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, 1));
	check_eq(get(PX_TFD), ATA_OK);
	check_eq(moved_bytes(0), 1024);
	check(guest_mem_read(&t.mem, DATA, got, sizeof(got)));
	check_mem_eq(got, disk, sizeof(disk));
	end();
}

TEST(a_table_in_pieces_of_two_bytes_is_as_good)
{
	check_small_entries(512, 0, 2);
}

TEST(a_piece_may_end_within_a_sector_and_within_an_entry)
{
	check_small_entries(511, 0, 4);
	check_small_entries(510, 254, 6);
	check_small_entries(2, 0, 1022);
}

TEST(ata8_7_an_address_beyond_the_end_is_not_found)
{
	begin();
	check_eq(command(READ_DMA_EXT, SECTORS, 1, 512), 0x1051);
	check(get(PX_IS) & PXIS_TFES);
	check_eq(get(PX_CI), 1);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, SECTORS - 1, 2, 1024), 0x1051);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, (u64)1 << 47, 0, 1024), 0x1051);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, SECTORS - 1, 1, 512), ATA_OK);
	end();
}

TEST(what_a_disk_does_not_know_it_aborts)
{
	static const u8 codes[] = {0x00, 0x08, 0xa0, 0xa1, 0xb0, 0xff};

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++) {
		check_eq(command(codes[i], 0, 0, 512), 0x0451);
		fake_ahci_restart(&t, FAKE_DISK);
	}
	end();
}

TEST(ata8_7_read_multiple_wants_to_be_set_up)
{
	begin();
	check_eq(command(READ_MULTIPLE, 0, 1, 512), ATA_OK);
	check_eq(command(SET_MULTIPLE, 0, 0, 0), ATA_OK);
	check_eq(command(READ_MULTIPLE, 0, 1, 512), 0x0451);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(SET_MULTIPLE, 0, 3, 0), 0x0451);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(SET_MULTIPLE, 0, 8, 0), ATA_OK);
	end();
}

static u32 set_feature(u8 feature, u16 count)
{
	const struct fake_ahci_command c = {
		.code = SET_FEATURES, .feature = feature, .count = count};

	return fake_ahci_do(&t, FAKE_DISK, &c);
}

static u16 identify_word(u32 index)
{
	u16 word = 0;

	check_eq(command(IDENTIFY, 0, 0, 512), ATA_OK);
	check(guest_mem_read(&t.mem, DATA + index * 2, &word, 2));
	return word;
}

TEST(ata8_7_set_features_is_kept_and_shown)
{
	begin();
	check_eq(identify_word(88), 0x407f);
	check_eq(set_feature(0x03, 0x42), ATA_OK);
	check_eq(identify_word(88), 0x047f);
	check_eq(set_feature(0x03, 0x22), ATA_OK);
	check_eq(identify_word(63), 0x0407);
	check_eq(set_feature(0x82, 0), ATA_OK);
	check(!(identify_word(85) & 0x20));
	check_eq(command(WRITE_DMA_EXT, 0, 1, 512), ATA_OK);
	check_eq(t.ahci->port[FAKE_DISK].request[0].op, BLOCK_FLUSH);
	check_eq(set_feature(0x02, 0), ATA_OK);
	check_eq(command(WRITE_DMA_EXT, 0, 1, 512), ATA_OK);
	check_eq(t.ahci->port[FAKE_DISK].request[0].op, BLOCK_WRITE);
	check_eq(set_feature(0x03, 0x48), 0x0451);
	end();
}

/* Else a write that has ended would not be on the disk. */
TEST(a_cache_that_was_turned_off_stays_off_over_resets)
{
	begin();
	check_eq(set_feature(0x82, 0), ATA_OK);
	put(PX_SCTL, 0x301);
	put(PX_SCTL, 0x300);
	fake_ahci_restart(&t, FAKE_DISK);
	check(!(identify_word(85) & 0x20));
	fake_ahci_write(&t, HBA_GHC, 1);
	fake_ahci_start(&t, FAKE_DISK);
	check(!(identify_word(85) & 0x20));
	dev_quiesce(&t.ahci->pci.dev);
	dev_reset(&t.ahci->pci.dev);
	check_eq(t.ahci->port[FAKE_DISK].disk.cache_off, 0);
	end();
}

TEST(ata8_7_ranges_are_trimmed)
{
	const u64 ranges[64] = {16 | (u64)8 << 48, 0, 40 | (u64)1 << 48};
	const u64 bad[64] = {SECTORS | (u64)1 << 48};
	const struct fake_ahci_command c = {
		.code = TRIM,
		.feature = 1,
		.device = LBA,
		.count = 1,
		.entry = {{DATA, 512}},
		.entry_count = 1,
	};
	struct fake_ahci_command two = c;

	begin();
	put_disk(16 * 512, 'x', 4096);
	check(guest_mem_write(&t.mem, DATA, ranges, sizeof(ranges)));
	check_eq(fake_ahci_do(&t, FAKE_DISK, &c), ATA_OK);
	check_eq(disk_at(16 * 512), 0);
	check_eq(disk_at(24 * 512 - 1), 0);
	check(guest_mem_write(&t.mem, DATA, bad, sizeof(bad)));
	check_eq(fake_ahci_do(&t, FAKE_DISK, &c), 0x1051);
	fake_ahci_restart(&t, FAKE_DISK);
	two.count = 2;
	check_eq(fake_ahci_do(&t, FAKE_DISK, &two), 0x0451);
	end();
}

/* ---- the queue ---- */

TEST(sata_13_6_queued_commands_are_in_flight_together)
{
	begin();
	for (u32 i = 0; i < 8; i++) {
		put_disk(i * 512, (char)('a' + i), 512);
		put_queued(i * 4, READ_QUEUED, i, DATA + i * 512);
	}
	issue_queued(0x11111111);
	fake_ahci_round(&t);
	check_eq(get(PX_CI), 0);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, UINT32_MAX));
	check_eq(get(PX_SACT), 0);
	check_eq(get(PX_TFD), ATA_OK);
	check(get(PX_IS) & PXIS_SDBS);
	check(!(get(PX_IS) & PXIS_DHRS));
	for (u32 i = 0; i < 8; i++)
		check_eq(byte_at(DATA + i * 512), 'a' + i);
	check_eq(byte_at(fake_ahci_fis_gpa(FAKE_DISK) + 0x58), 0xa1);
	end();
}

TEST(sata_13_6_a_write_of_the_queue_is_on_the_disk)
{
	begin();
	check(guest_mem_write(&t.mem, DATA, "w", 1));
	put_queued(31, WRITE_QUEUED, 7, DATA);
	issue_queued(BIT(31));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(31)));
	check_eq(disk_at(7 * 512), 'w');
	end();
}

TEST(sata_13_6_a_queued_write_with_fua_is_flushed)
{
	const struct fake_ahci_command c = {
		.code = WRITE_QUEUED,
		.feature = 1,
		.device = LBA | 0x80, /* FUA */
		.lba = 3,
		.entry = {{DATA, 512}},
		.entry_count = 1,
	};
	u64 flushes;

	begin();
	flushes = block_stats(t.block[FAKE_DISK])->count[BLOCK_FLUSH];
	put_queued(0, WRITE_QUEUED, 3, DATA);
	issue_queued(BIT(0));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(0)));
	check_eq(block_stats(t.block[FAKE_DISK])->count[BLOCK_FLUSH], flushes);
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	issue_queued(BIT(0));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(0)));
	check_eq(get(PX_TFD), ATA_OK);
	check_eq(block_stats(t.block[FAKE_DISK])->count[BLOCK_FLUSH],
		 flushes + 1);
	end();
}

TEST(ata8_7_the_log_says_which_of_the_queue_failed)
{
	u8 log[512], sum = 0;

	begin();
	put_queued(3, READ_QUEUED, SECTORS + 5, DATA);
	issue_queued(BIT(3));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(3)));
	check_eq(get(PX_TFD), 0x1051);
	check_eq(get(PX_SACT), BIT(3));
	check(get(PX_IS) & PXIS_TFES);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(get(PX_SACT), 0);
	check_eq(command(READ_LOG_EXT, 0x10, 1, 512), ATA_OK);
	check(guest_mem_read(&t.mem, DATA, log, sizeof(log)));
	check_eq(log[0], 3);
	check_eq(log[3], ATA_IDNF);
	check_eq(log[4] | log[5] << 8, SECTORS + 5);
	for (u32 i = 0; i < 512; i++)
		sum = (u8)(sum + log[i]);
	check_eq(sum, 0);
	check_eq(command(READ_LOG_EXT, 0, 1, 512), ATA_OK);
	check_eq(byte_at(DATA + 32), 1);
	check_eq(command(READ_LOG_EXT, 0x11, 1, 512), 0x0451);
	end();
}

TEST(sata_13_6_3_another_command_loses_the_queue)
{
	const struct fake_ahci_command flush = {.code = FLUSH};

	begin();
	put_queued(1, READ_QUEUED, 0, DATA);
	fake_ahci_put_command(&t, FAKE_DISK, 2, &flush);
	put(PX_IS, UINT32_MAX);
	put(PX_SACT, BIT(1));
	put(PX_CI, BIT(1) | BIT(2)); /* begun in this order, at once */
	check(loop_run_once(t.loop, 0) >= 0);
	check_eq(get(PX_TFD), 0x0451);
	check_eq(get(PX_SACT), BIT(1));
	check_eq(get(PX_CI), BIT(2));
	check(get(PX_IS) & PXIS_TFES);
	check_eq(t.ahci->port[FAKE_DISK].disk.failed_tag, 0x80);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

TEST(a_tag_that_is_in_use_loses_the_queue)
{
	begin();
	put_queued(1, READ_QUEUED, 0, DATA);
	issue_queued(BIT(1));
	check(loop_run_once(t.loop, 0) >= 0);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 1);
	put(PX_CI, BIT(1));
	fake_ahci_round(&t);
	/* The image may have been faster; then it is a tag nobody announced. */
	check_eq(get(PX_TFD), 0x0451);
	check_eq(t.ahci->port[FAKE_DISK].disk.failed_tag, 1);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 0);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

/* The error of the command in slot 2 whose tag is `tag`. */
static void check_bad_tag(u32 announced, u32 tag)
{
	const struct fake_ahci_command c = {
		.code = READ_QUEUED,
		.feature = 1,
		.device = LBA,
		.count = (u16)(tag << 3),
		.entry = {{DATA, 512}},
		.entry_count = 1,
	};

	fake_ahci_put_command(&t, FAKE_DISK, 2, &c);
	put(PX_IS, UINT32_MAX);
	put(PX_SACT, announced);
	put(PX_CI, BIT(2));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, BIT(2)));
	check_eq(get(PX_TFD), 0x0451);
	check_eq(t.ahci->port[FAKE_DISK].disk.failed_tag, 2);
	fake_ahci_restart(&t, FAKE_DISK);
}

TEST(a_tag_that_is_no_slot_or_not_announced_is_an_error)
{
	begin();
	check_bad_tag(BIT(1), 2);
	check_bad_tag(BIT(1) | BIT(2), 1);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

/* ---- what a driver must not do ---- */

/* The PxIS of a read of two sectors with this table. */
static u32 fault_of(gpa_t gpa, u32 size, u32 count)
{
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT,
		.device = LBA,
		.count = 2,
		.entry = {{gpa, size}, {gpa, size}},
		.entry_count = count,
	};
	u32 is;

	check(fake_ahci_do(&t, FAKE_DISK, &c) != UINT32_MAX);
	is = get(PX_IS);
	check_eq(get(PX_CI), 1);
	/* Others go on. */
	check_eq(fake_ahci_get(&t, FAKE_CDROM, PX_TFD) & ATA_BSY, 0);
	put(PX_SCTL, 1);
	put(PX_SCTL, 0);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(IDENTIFY, 0, 0, 512), ATA_OK);
	return is & (PXIS_HBFS | PXIS_OFS | PXIS_IFS | PXIS_TFES | PXIS_DHRS);
}

TEST(ahci_6_1_bad_tables_stop_the_port_and_nothing_else)
{
	begin();
	check_eq(fault_of(DATA, 512, 1), PXIS_OFS);
	check_eq(fault_of(DATA, 512, 0), PXIS_OFS);
	check_eq(fault_of(DATA, 511, 2), PXIS_HBFS);
	check_eq(fault_of(DATA + 1, 512, 2), PXIS_HBFS);
	check_eq(fault_of(FAKE_AHCI_MEM_BYTES - 512, 1024, 1), PXIS_HBFS);
	check_eq(fault_of(0xa0000, 1024, 1), PXIS_HBFS);
	check_eq(fault_of(0xfee00000, 1024, 1), PXIS_HBFS);
	check_eq(fault_of(UINT64_MAX - 1, 1024, 1), PXIS_HBFS);
	end();
}

TEST(an_entry_of_four_mib_is_used_as_far_as_it_goes)
{
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT,
		.device = LBA,
		.count = 2,
		.entry = {{DATA, 4 * MiB}},
		.entry_count = 1,
	};

	begin();
	put_disk(0, 'z', 1024);
	check_eq(fake_ahci_do(&t, FAKE_DISK, &c), ATA_OK);
	check_eq(byte_at(DATA + 1023), 'z');
	check_eq(moved_bytes(0), 1024);
	end();
}

/* The image has an entry's beginning when the driver takes the rest away. */
TEST(a_table_that_changes_under_way_is_used_as_it_is)
{
	gpa_t entry = fake_ahci_table_gpa(FAKE_DISK, 0) + 0x80 + 255 * 16;
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT, .device = LBA, .count = 2};
	const u32 shorter = 2 - 1, last[4] = {(u32)DATA + 0x2000, 0, 0, 511};
	const struct ahci_place *place;

	begin();
	place = &t.ahci->port[FAKE_DISK].request[0].place;
	put_disk(0, '1', 512);
	put_disk(512, '2', 512);
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	put_small_entries(257, 255, 100); /* 510 bytes are before it */
	check(guest_mem_write(&t.mem, entry + 16, last, sizeof(last)));
	put(PX_CI, 1);
	check(loop_run_once(t.loop, 0) >= 0);
	check_eq(place->entry, 255);
	check_eq(place->used, 2);
	check(guest_mem_write(&t.mem, entry + 12, &shorter, 4));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, 1));
	check_eq(get(PX_TFD), ATA_OK);
	check_eq(moved_bytes(0), 1024);
	check_eq(byte_at(DATA + 511), '1');
	check_eq(byte_at(DATA + 512), 0);
	check_eq(byte_at(DATA + 0x2000), '2');
	check_eq(byte_at(DATA + 0x2000 + 511), '2');
	end();
}

TEST(lists_that_are_no_memory_are_bad_pointers)
{
	begin();
	put(PX_CMD, PXCMD_FRE);
	put(PX_CLB, 0xfff00000);
	put(PX_CMD, PXCMD_FRE | PXCMD_ST);
	put(PX_CI, 1);
	fake_ahci_round(&t);
	check(get(PX_IS) & PXIS_HBFS);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	put(PX_FB, 0xfff00000);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	check(get(PX_IS) & PXIS_HBFS);
	end();
}

TEST(what_is_no_fis_of_a_command_is_an_interface_error)
{
	const struct fake_ahci_command c = {.code = FLUSH};
	const u8 type = 0x34;

	begin();
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	check(guest_mem_write(&t.mem, fake_ahci_table_gpa(FAKE_DISK, 0), &type,
			      1));
	put(PX_CI, 1);
	fake_ahci_round(&t);
	check(get(PX_IS) & PXIS_IFS);
	end();
}

/* ---- what the host cannot do ---- */

/* A qcow2 image whose first table lies where none can. */
static void use_damaged_disk(struct folder *folder)
{
	const u8 odd[8] = {0x80, [6] = 0x12, [7] = 0x34};
	struct fault fault = {};
	const char *path;
	u8 header[48];
	int fd;

	folder_make(folder);
	path = folder_qcow2(folder, "disk.qcow2", FAKE_AHCI_DISK_BYTES, 65536,
			    NULL, NULL);
	fd = open(path, O_RDWR);
	check(fd >= 0);
	check_eq(pread(fd, header, sizeof(header), 0), sizeof(header));
	/* Where that table is: 8 bytes, of which the last four are enough. */
	check_eq(pwrite(fd, odd, 8, get_be32(header + 44)), 8);
	close(fd);
	block_close(t.block[FAKE_DISK]);
	check_eq(block_open(&(struct block_config){.path = path}, t.loop,
			    &t.block[FAKE_DISK], &fault),
		 0);
	t.ahci->port[FAKE_DISK].block = t.block[FAKE_DISK];
}

TEST(ata8_6_what_the_image_cannot_do_is_an_error_of_the_command)
{
	struct folder folder;

	begin();
	use_damaged_disk(&folder);
	check_eq(command(READ_DMA_EXT, 5, 1, 512), 0x4051); /* UNC */
	check_eq(get(PX_CI), 1);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(WRITE_DMA_EXT, 5, 1, 512), 0x0451);
	fake_ahci_restart(&t, FAKE_DISK);
	put_queued(4, READ_QUEUED, 5, DATA);
	issue_queued(BIT(4));
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(4)));
	check_eq(get(PX_TFD), 0x4051);
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(IDENTIFY, 0, 0, 512), ATA_OK);
	end();
	folder_remove(&folder);
}

/* ---- interrupts ---- */

TEST(ahci_10_7_a_bit_stays_until_the_port_has_no_reason)
{
	begin();
	check_eq(command(FLUSH, 0, 0, 0), ATA_OK);
	check_eq(fake_ahci_read(&t, HBA_IS), 1);
	check(t.wire);
	fake_ahci_write(&t, HBA_IS, 1);
	check_eq(fake_ahci_read(&t, HBA_IS), 1);
	put(PX_IS, UINT32_MAX);
	check(t.wire);
	fake_ahci_write(&t, HBA_IS, 1);
	check_eq(fake_ahci_read(&t, HBA_IS), 0);
	check(!t.wire);
	end();
}

static void enable_msi(void)
{
	u32 cap = t.ahci->pci.msi.cap;

	pci_config_write(&t.bus, BDF, cap + 4, 0xfee01003, 4);
	pci_config_write(&t.bus, BDF, cap + 12, 0x41, 2);
	pci_config_write(&t.bus, BDF, cap + 2, 1, 2);
}

TEST(what_the_wire_told_msi_tells_again_when_it_is_enabled)
{
	begin();
	check_eq(command(FLUSH, 0, 0, 0), ATA_OK);
	check(t.wire);
	check_eq(t.msi_count, 0);
	enable_msi();
	check(!t.wire);
	check_eq(t.msi_count, 1);
	/* Once: other registers are written, too. */
	pci_config_write(&t.bus, BDF, PCI_INTERRUPT_LINE, 11, 1);
	check_eq(t.msi_count, 1);
	end();
}

TEST(ahci_4_2_3_3_an_entry_may_ask_for_an_interrupt)
{
	gpa_t control = fake_ahci_table_gpa(FAKE_DISK, 0) + 0x8c;
	const u32 interrupt = 0x80000000 | 511;

	begin();
	put(PX_IE, PXIS_DPS);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	check(!(get(PX_IS) & PXIS_DPS));
	check(!t.wire);
	put(PX_IS, UINT32_MAX);
	check(guest_mem_write(&t.mem, control, &interrupt, 4));
	put(PX_CI, 1);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, 1));
	check(get(PX_IS) & PXIS_DPS);
	check(t.wire);
	end();
}

TEST(ahci_10_7_2_with_msi_a_message_is_sent_and_the_wire_rests)
{
	begin();
	enable_msi();
	check_eq(command(FLUSH, 0, 0, 0), ATA_OK);
	check_eq(t.msi_count, 1);
	check_eq(t.msi_gpa, 0xfee01000);
	check_eq(t.msi_data, 0x41);
	check(!t.wire);
	/* The driver clears the HBA's bit and leaves the port's. */
	fake_ahci_write(&t, HBA_IS, 1);
	check_eq(t.msi_count, 2);
	put(PX_IS, UINT32_MAX);
	fake_ahci_write(&t, HBA_IS, 1);
	check_eq(t.msi_count, 2);
	fake_ahci_write(&t, HBA_GHC, 0);
	check_eq(command(FLUSH, 0, 0, 0), ATA_OK);
	check_eq(t.msi_count, 2);
	fake_ahci_write(&t, HBA_GHC, 2);
	check_eq(t.msi_count, 3);
	end();
}

/* ---- resets ---- */

/* A read of 64 KiB is with the image, and only that. */
static void read_in_flight(void)
{
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT,
		.device = LBA,
		.count = 128,
		.entry = {{DATA, 65536}},
		.entry_count = 1,
	};
	const u8 zeros[20] = {};

	put_disk(0, 'f', 512);
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	check(guest_mem_write(&t.mem, fake_ahci_fis_gpa(FAKE_DISK) + 0x40,
			      zeros, sizeof(zeros)));
	put(PX_IS, UINT32_MAX);
	put(PX_CI, 1);
	check(loop_run_once(t.loop, 0) >= 0);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 1);
}

TEST(ahci_10_3_2_a_stopped_port_runs_until_the_image_is_done)
{
	begin();
	read_in_flight();
	put(PX_CMD, PXCMD_FRE);
	check_eq(get(PX_CI), 0);
	check(get(PX_CMD) & PXCMD_CR);
	for (u32 i = 0; i < 1000 && get(PX_CMD) & PXCMD_CR; i++)
		fake_ahci_round(&t);
	check(!(get(PX_CMD) & PXCMD_CR));
	/* Data may have come; no FIS and no interrupt has. */
	check_eq(byte_at(fake_ahci_fis_gpa(FAKE_DISK) + 0x40), 0);
	check_eq(moved_bytes(0), 0);
	check_eq(get(PX_IS) & PXIS_DHRS, 0);
	check(get(PX_TFD) & ATA_BSY);
	put(PX_CMD, PXCMD_FRE | PXCMD_CLO);
	check(!(get(PX_TFD) & ATA_BSY));
	put(PX_CMD, PXCMD_FRE | PXCMD_ST);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

TEST(ahci_10_4_2_a_device_that_is_reset_is_busy_until_the_image_is_done)
{
	begin();
	read_in_flight();
	put(PX_SCTL, 0x301);
	check_eq(get(PX_SSTS), 0);
	put(PX_SCTL, 0x300);
	check(get(PX_TFD) & ATA_BSY);
	check_eq(get(PX_SIG), UINT32_MAX);
	for (u32 i = 0; i < 1000 && get(PX_TFD) & ATA_BSY; i++)
		fake_ahci_round(&t);
	check_eq(get(PX_TFD), 0x150);
	check_eq(get(PX_SIG), 0x101);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 0);
	check(get(PX_IS) & PXIS_PCS);
	put(PX_SERR, UINT32_MAX);
	check(!(get(PX_IS) & PXIS_PCS));
	fake_ahci_restart(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

TEST(ahci_10_4_3_a_reset_of_the_hba_ends_with_the_image)
{
	begin();
	read_in_flight();
	fake_ahci_write(&t, HBA_GHC, 1);
	check_eq(fake_ahci_read(&t, HBA_GHC) & 3, 1);
	for (u32 i = 0; i < 1000 && fake_ahci_read(&t, HBA_GHC) & 1; i++)
		fake_ahci_round(&t);
	check_eq(fake_ahci_read(&t, HBA_GHC), 0x80000000);
	check_eq(get(PX_CMD), 6);
	check_eq(get(PX_CLB), fake_ahci_header_gpa(FAKE_DISK, 0));
	check_eq(get(PX_IE), 0);
	check(!t.wire);
	fake_ahci_start(&t, FAKE_DISK);
	check_eq(command(READ_DMA_EXT, 0, 1, 512), ATA_OK);
	end();
}

TEST(ahci_10_4_1_a_software_reset_brings_the_signature)
{
	struct fake_ahci_command c = {};
	gpa_t table = fake_ahci_table_gpa(FAKE_DISK, 0);
	const u8 none = 0, srst = FIS_CONTROL_SRST;

	begin();
	check_eq(command(SET_MULTIPLE, 0, 0, 0), ATA_OK);
	fake_ahci_put_command(&t, FAKE_DISK, 0, &c);
	check(guest_mem_write(&t.mem, table + FIS_FLAGS, &none, 1));
	check(guest_mem_write(&t.mem, table + FIS_CONTROL, &srst, 1));
	put(PX_CI, 1);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, 1));
	check(guest_mem_write(&t.mem, table + FIS_CONTROL, &none, 1));
	put(PX_CI, 1);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, 1));
	check_eq(get(PX_TFD), 0x150);
	check_eq(command(READ_MULTIPLE, 0, 1, 512), ATA_OK);
	end();
}

TEST(a_reset_of_the_machine_leaves_nothing)
{
	begin();
	read_in_flight();
	dev_quiesce(&t.ahci->pci.dev);
	dev_reset(&t.ahci->pci.dev);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 0);
	check_eq(t.ahci->port[FAKE_DISK].list_gpa, 0);
	check(!t.wire);
	end();
}

/* ---- saved state ---- */

TEST(state_is_saved_and_restored_and_goes_on)
{
	struct buf saved, again;

	begin();
	buf_init(&saved, 65536);
	buf_init(&again, 65536);
	check_eq(command(SET_MULTIPLE, 0, 8, 0), ATA_OK);
	put_disk(0, 's', 512);
	read_in_flight();
	put_queued(9, READ_QUEUED, 0, DATA);
	dev_quiesce(&t.ahci->pci.dev);
	issue_queued(BIT(9)); /* not begun when the state is saved */
	check_eq(dev_save(&t.ahci->pci.dev, &saved), 0);
	check_eq(dev_load(&t.ahci->pci.dev, 1, saved.data, saved.size), 0);
	check_eq(get(PX_CI), BIT(9));
	check_eq(dev_save(&t.ahci->pci.dev, &again), 0);
	check_eq(saved.size, again.size);
	check_mem_eq(saved.data, again.data, saved.size);
	check(fake_ahci_wait(&t, FAKE_DISK, PX_SACT, BIT(9)));
	check_eq(byte_at(DATA), 'f');
	check_eq(t.ahci->port[FAKE_DISK].disk.multiple_sectors, 8);
	buf_release(&saved);
	buf_release(&again);
	end();
}

/* What a driver has in its list must not delay a pause, however long it is. */
TEST(a_pause_waits_for_what_was_begun_and_for_no_more)
{
	const struct fake_ahci_command c = {
		.code = READ_DMA_EXT,
		.device = LBA,
		.lba = 1,
		.count = 1,
		.entry = {{DATA, 512}},
		.entry_count = 1,
	};

	begin();
	put_disk(512, 'p', 512);
	read_in_flight();
	fake_ahci_put_command(&t, FAKE_DISK, 1, &c);
	put(PX_CI, BIT(1));
	dev_quiesce(&t.ahci->pci.dev);
	check_eq(get(PX_CI), BIT(1));
	check_eq(moved_bytes(0), 65536);
	check_eq(t.ahci->port[FAKE_DISK].in_flight_count, 0);
	/* And it goes on by itself. */
	check(fake_ahci_wait(&t, FAKE_DISK, PX_CI, BIT(1)));
	check_eq(byte_at(DATA), 'p');
	end();
}

TEST(the_state_of_other_drives_is_refused)
{
	struct buf saved;

	begin();
	buf_init(&saved, 65536);
	t.ahci->port[FAKE_DISK].saved_kind = AHCI_CDROM;
	check_eq(dev_save(&t.ahci->pci.dev, &saved), 0);
	check_eq(dev_load(&t.ahci->pci.dev, 1, saved.data, saved.size), -EINVAL);
	buf_release(&saved);
	end();
}
