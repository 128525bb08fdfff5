/* SPDX-License-Identifier: MIT */
/*
 * Requests to the image. A command moves in pieces, one after the other, each as
 * much of the PRDT as there are segments for; memory for a command is bounded
 * however long its table is.
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <assert.h>

static void done(struct block_request *block, int err);

static void submit(struct ahci_request *request, u64 size_bytes)
{
	struct ahci_port *port = request->port;

	assert(!request->in_flight && port->block);
	request->block = (struct block_request){
		.op = request->op,
		.offset_bytes = request->offset_bytes,
		.size_bytes = size_bytes,
		.iov = request->iov,
		.iov_count = request->iov_count,
		.done = done,
		.ctx = request,
	};
	request->in_flight = true;
	port->in_flight_count++;
	block_submit(port->block, &request->block);
}

static void submit_piece(struct ahci_request *request)
{
	u64 size = ahci_gather(request, request->left_bytes);

	if (size)
		submit(request, size);
}

/* The image has written, whether somebody still wants it or not. */
static void tell_written(struct ahci_request *request)
{
	for (u32 i = 0; i < request->iov_count; i++)
		guest_mem_tell_written_at(request->port->ahci->mem,
					  request->iov[i].iov_base,
					  request->iov[i].iov_len);
}

static void go_on(struct ahci_request *request, int err)
{
	u64 size = request->block.size_bytes;

	if (!err && (request->op == BLOCK_READ || request->op == BLOCK_WRITE)) {
		request->done_bytes += (u32)size;
		request->offset_bytes += size;
		request->left_bytes -= size;
		if (request->left_bytes) {
			submit_piece(request);
			return;
		}
	}
	request->ended(request, err);
}

static void done(struct block_request *block, int err)
{
	struct ahci_request *request = block->ctx;
	struct ahci_port *port = request->port;
	struct ahci *ahci = port->ahci;

	mutex_lock(&ahci->pci.dev.lock);
	request->in_flight = false;
	port->in_flight_count--;
	if (request->op == BLOCK_READ)
		tell_written(request);
	if (request->orphan) {
		request->orphan = false;
		port->orphan_count--;
		ahci_port_settle(port);
	} else {
		go_on(request, err);
	}
	ahci_port_serve(port);
	ahci_drive_irq(ahci);
	mutex_unlock(&ahci->pci.dev.lock);
}

static void begin(struct ahci_request *request, enum block_op op,
		  u64 offset_bytes, u64 size_bytes, ahci_ended ended)
{
	request->op = op;
	request->offset_bytes = offset_bytes;
	request->left_bytes = size_bytes;
	request->ended = ended;
	request->iov_count = 0;
}

void ahci_transfer(struct ahci_request *request, enum block_op op,
		   u64 offset_bytes, u64 size_bytes, ahci_ended ended)
{
	assert(size_bytes && is_aligned(size_bytes, AHCI_SECTOR));
	begin(request, op, offset_bytes, size_bytes, ended);
	submit_piece(request);
}

void ahci_change(struct ahci_request *request, enum block_op op,
		 u64 offset_bytes, u64 size_bytes, ahci_ended ended)
{
	begin(request, op, offset_bytes, size_bytes, ended);
	submit(request, size_bytes);
}
