/* SPDX-License-Identifier: MIT */
/*
 * What a port reads from guest memory and writes there: the command list, a
 * command's table with its FIS and PRDT, and the received FIS structure. Each is
 * copied once, then checked, then used. [AHCI 4 "System Memory Structures"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <assert.h>
#include <string.h>

#define HEADER_BYTES	 32
#define HEADER_PRDBC	 4 /* where in it: bytes that were moved */
#define TABLE_PACKET	 0x40
#define TABLE_PRDT	 0x80
#define TABLE_ALIGN	 128
#define FIS_DWORDS_MIN	 5
#define FIS_HOST_COMMAND 0x27

/* [AHCI 4.2.1 "Received FIS Structure"] */
#define RECEIVED_PIO_SETUP   0x20
#define RECEIVED_REGISTERS   0x40
#define RECEIVED_DEVICE_BITS 0x58

/* [SATA 10.3 "FIS Types"] */
#define FIS_REGISTERS	0x34
#define FIS_PIO_SETUP	0x5f
#define FIS_DEVICE_BITS 0xa1
#define FIS_INTERRUPT	0x40
#define FIS_TO_HOST	0x20

struct header {
	u16 flags, entry_count;
	u32 moved_bytes;
	u64 table_gpa;
	u32 reserved[4];
};

/* [AHCI 4.2.3.3 "Physical Region Descriptor Table (PRDT)"] */
struct entry {
	u64 gpa;
	u32 reserved;
	u32 control; /* bytes - 1 in 22 bits; bit 31: interrupt */
};
#define ENTRY_BYTES(control) (((control)&0x3fffff) + 1)
#define ENTRY_INTERRUPT	     0x80000000u

bool ahci_fetch(struct ahci_request *request)
{
	struct ahci_port *port = request->port;
	struct guest_mem *mem = port->ahci->mem;
	struct header header;

	request->header_gpa = port->list_gpa + request->slot * HEADER_BYTES;
	if (!guest_mem_read(mem, request->header_gpa, &header, sizeof(header))) {
		ahci_port_fault(port, PXIS_HBFS);
		return false;
	}
	request->flags = header.flags;
	request->entry_count = header.entry_count;
	request->table_gpa = align_down(header.table_gpa, TABLE_ALIGN);
	if (!guest_mem_read(mem, request->table_gpa, request->fis,
			    sizeof(request->fis)) ||
	    !guest_mem_read(mem, request->table_gpa + TABLE_PACKET,
			    request->packet, sizeof(request->packet))) {
		ahci_port_fault(port, PXIS_HBFS);
		return false;
	}
	/* The device does not acknowledge what it cannot make sense of. */
	if ((header.flags & HEADER_CFL) < FIS_DWORDS_MIN ||
	    request->fis[0] != FIS_HOST_COMMAND) {
		ahci_port_fault(port, PXIS_IFS);
		return false;
	}
	return true;
}

/* ---- data ---- */

/* The entry at the place, which is moved on to one that has bytes left. */
static bool read_entry(struct ahci_request *request, struct entry *ret)
{
	struct ahci_place *place = &request->place;
	gpa_t table = request->table_gpa + TABLE_PRDT;
	u32 fault = 0;

	for (; !fault; place->entry++, place->used = 0) {
		if (place->entry >= request->entry_count)
			fault = PXIS_OFS;
		else if (!guest_mem_read(request->port->ahci->mem,
					 table + place->entry * sizeof(*ret),
					 ret, sizeof(*ret)) ||
			 ENTRY_BYTES(ret->control) & 1 || ret->gpa & 1)
			fault = PXIS_HBFS;
		else if (place->used < ENTRY_BYTES(ret->control))
			return true;
	}
	ahci_port_fault(request->port, fault);
	return false;
}

/* The next part, of at most `bytes`, as the host sees it. */
static bool next_part(struct ahci_request *request, u64 bytes, struct iovec *ret)
{
	struct entry entry;
	u64 size;

	if (!read_entry(request, &entry))
		return false;
	size = MIN(ENTRY_BYTES(entry.control) - request->place.used, bytes);
	ret->iov_base = guest_mem_at(request->port->ahci->mem,
				     entry.gpa + request->place.used, size);
	ret->iov_len = size;
	if (!ret->iov_base) {
		ahci_port_fault(request->port, PXIS_HBFS);
		return false;
	}
	request->place.used += (u32)size;
	request->descriptor_interrupt |= !!(entry.control & ENTRY_INTERRUPT);
	return true;
}

/*
 * Where the segments run out within a sector, the parts behind its beginning are
 * for the next time.
 */
u64 ahci_gather(struct ahci_request *request, u64 bytes)
{
	struct ahci_place whole = request->place;
	u64 gathered = 0, sectors = 0;
	u32 count = 0;
	size_t last = 0;

	request->iov_count = 0;
	while (gathered < bytes && count < AHCI_IOV_MAX) {
		struct iovec *iov = &request->iov[count++];
		u64 over;

		if (!next_part(request, bytes - gathered, iov))
			return 0;
		gathered += iov->iov_len;
		over = gathered % AHCI_SECTOR;
		if (over >= iov->iov_len)
			continue;
		sectors = gathered - over;
		request->iov_count = count;
		last = iov->iov_len - over;
		whole = request->place;
		whole.used -= (u32)over;
	}
	assert(sectors); /* as many entries of two bytes make one */
	request->place = whole;
	request->iov[request->iov_count - 1].iov_len = last;
	return sectors;
}

static bool copy(struct ahci_request *request, u8 *data, u32 size, bool to_guest)
{
	struct iovec part;

	for (; size; data += part.iov_len, size -= (u32)part.iov_len) {
		if (!next_part(request, size, &part))
			return false;
		if (!to_guest) {
			memcpy(data, part.iov_base, part.iov_len);
			continue;
		}
		memcpy(part.iov_base, data, part.iov_len);
		guest_mem_tell_written_at(request->port->ahci->mem,
					  part.iov_base, part.iov_len);
		request->done_bytes += (u32)part.iov_len;
	}
	return true;
}

bool ahci_give(struct ahci_request *request, const void *data, u32 size)
{
	/* It is only read. */
	return copy(request, (u8 *)(uintptr_t)data, size, true);
}

bool ahci_take(struct ahci_request *request, void *data, u32 size)
{
	return copy(request, data, size, false);
}

/* ---- received FISes ---- */

static void post(struct ahci_port *port, u32 offset, const void *fis, u32 size)
{
	if (port->cmd & PXCMD_FRE &&
	    !guest_mem_write(port->ahci->mem, port->fis_gpa + offset, fis, size))
		ahci_port_fault(port, PXIS_HBFS);
}

/* What FISes about registers have in common; status and error as in PxTFD. */
static void fill_registers(const struct ahci_port *port, u8 fis[20], u8 type,
			   u8 flags, u64 lba, u16 count)
{
	memset(fis, 0, 20);
	fis[0] = type;
	fis[1] = flags;
	fis[2] = (u8)port->tfd;
	fis[3] = (u8)(port->tfd >> 8);
	for (u32 i = 0; i < 3; i++) {
		fis[FIS_LBA_LOW + i] = (u8)(lba >> (8 * i));
		fis[FIS_LBA_HIGH + i] = (u8)(lba >> (24 + 8 * i));
	}
	fis[FIS_COUNT] = (u8)count;
	fis[FIS_COUNT + 1] = (u8)(count >> 8);
}

void ahci_post_registers(struct ahci_port *port, u8 flags, u64 lba, u16 count)
{
	u8 fis[20];

	fill_registers(port, fis, FIS_REGISTERS, flags, lba, count);
	post(port, RECEIVED_REGISTERS, fis, sizeof(fis));
}

/* The end of a command that was not queued. */
void ahci_post_result(struct ahci_request *request)
{
	struct ahci_port *port = request->port;

	if (!guest_mem_write(port->ahci->mem, request->header_gpa + HEADER_PRDBC,
			     &request->done_bytes, sizeof(u32)))
		ahci_port_fault(port, PXIS_HBFS);
	if (request->pio_in)
		ahci_post_pio_setup(request, true);
	else
		ahci_post_registers(port, FIS_INTERRUPT, request->lba,
				    request->count);
}

/* [SATA 10.3.10 "PIO Setup - Device to Host FIS"] */
void ahci_post_pio_setup(struct ahci_request *request, bool interrupt)
{
	u16 bytes = (u16)MIN(request->done_bytes, (u32)UINT16_MAX);
	u8 fis[20];

	fill_registers(request->port, fis, FIS_PIO_SETUP,
		       FIS_TO_HOST | (interrupt ? FIS_INTERRUPT : 0),
		       request->lba, request->count);
	fis[2] = ATA_OK | ATA_DRQ; /* before the data; what is after it: */
	fis[15] = ATA_OK;
	fis[16] = (u8)bytes;
	fis[17] = (u8)(bytes >> 8);
	post(request->port, RECEIVED_PIO_SETUP, fis, sizeof(fis));
}

/* [SATA 10.3.6 "Set Device Bits - Device to Host FIS"]; `done`: tags, a bit each */
void ahci_post_device_bits(struct ahci_port *port, u32 done)
{
	u8 fis[8] = {FIS_DEVICE_BITS, FIS_INTERRUPT, (u8)(port->tfd & 0x77),
		     (u8)(port->tfd >> 8)};

	memcpy(fis + 4, &done, sizeof(done));
	post(port, RECEIVED_DEVICE_BITS, fis, sizeof(fis));
}
