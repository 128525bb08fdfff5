/* SPDX-License-Identifier: MIT */
/* What a drive tells about itself. [ATA8-ACS 7.16 "IDENTIFY DEVICE"] */
#include "vmm/dev/ahci/ahci_internal.h"

#include <string.h>

#define VALID 0x4000 /* bit 14 of words 50, 83, 84 and 87 */

/* Two letters in each word, the first one above; spaces at the end. */
static void put_text(u16 *words, u32 count, const char *text, size_t size)
{
	for (u32 i = 0; i < 2 * count; i++) {
		u8 letter = i < size ? (u8)text[i] : ' ';

		if (i % 2)
			words[i / 2] |= letter;
		else
			words[i / 2] = (u16)(letter << 8);
	}
}

static void put_sectors(u16 *words, u64 value, u32 count)
{
	for (u32 i = 0; i < count; i++)
		words[i] = (u16)(value >> (16 * i));
}

/* Kinds of transfer: PIO 4, MDMA 2, UDMA 6, of which one is chosen. */
static void put_modes(u16 *words, u8 mode)
{
	words[49] = 0x0f00; /* DMA, LBA, IORDY */
	words[50] = VALID;
	words[53] = 0x0006; /* 64 to 70 and 88 are valid */
	words[63] = 0x0007;
	words[64] = 0x0003;
	words[88] = 0x007f;
	if (mode >> 3 == 4)
		words[63] |= (u16)(0x100 << (mode & 7));
	if (mode >> 3 == 8)
		words[88] |= (u16)(0x100 << (mode & 7));
	for (u32 i = 65; i <= 68; i++)
		words[i] = 120; /* ns of a cycle */
}

static void put_common(const struct ahci_port *port, u16 *words,
		       const char *model)
{
	put_text(words + 10, 10, port->serial, sizeof(port->serial));
	put_text(words + 23, 4, "1.0", 3);
	put_text(words + 27, 20, model, strlen(model));
	put_modes(words, port->disk.transfer_mode);
	words[76] = 0x000e; /* SATA of three speeds */
	words[77] = 0x0006; /* and the third is used */
	words[80] = 0x01f0; /* ATA 4 to ATA8-ACS */
	words[83] = words[84] = words[87] = VALID;
}

static void put_cdrom(const struct ahci_port *port, u16 *words)
{
	words[0] = 0x85c0; /* packets of 12 bytes, CD-ROM, removable */
	put_common(port, words, "KEEL CD-ROM");
	words[82] = words[85] = 0x0210; /* DEVICE RESET, PACKET */
}

/* For those who ask so, as drives of this size have it. */
static void put_geometry(u16 *words)
{
	words[1] = 16383;
	words[3] = 16;
	words[6] = 63;
}

static void put_disk(const struct ahci_port *port, u16 *words)
{
	u64 sectors = block_size_bytes(port->block) / AHCI_SECTOR;
	bool cache = !port->disk.cache_off;

	words[0] = 0x0040; /* not removable */
	put_geometry(words);
	put_common(port, words, "KEEL DISK");
	words[47] = 0x8010; /* READ MULTIPLE of 16 */
	words[59] = (u16)(0x100 | port->disk.multiple_sectors);
	put_sectors(words + 60, MIN(sectors, BIT(28) - 1), 2);
	words[75] = AHCI_SLOT_COUNT - 1;
	words[76] |= 0x0100; /* NCQ */
	words[82] = 0x0068;  /* look-ahead, write cache, power management */
	words[83] |= 0x3400; /* FLUSH CACHE, its EXT, 48 bits */
	words[84] |= 0x0060; /* FUA, logs */
	words[85] = (u16)(0x0048 | (cache ? 0x0020 : 0));
	words[86] = 0x3400;
	words[87] |= 0x0060;
	put_sectors(words + 100, sectors, 4);
	words[105] = 1; /* block of ranges to TRIM */
	words[169] = block_discards(port->block);
	words[217] = 1; /* nothing turns */
}

void ahci_identify(const struct ahci_port *port, u16 words[256])
{
	u8 sum = 0xa5;

	memset(words, 0, 512);
	if (port->kind == AHCI_DISK)
		put_disk(port, words);
	else
		put_cdrom(port, words);
	/* Signature and a checksum that makes all bytes 0. */
	words[255] = 0xa5;
	for (u32 i = 0; i < 255; i++)
		sum = (u8)(sum + words[i] + (words[i] >> 8));
	words[255] |= (u16)((u8)-sum << 8);
}
