/* SPDX-License-Identifier: MIT */
/*
 * virtio-console: a console and named ports, each with a chardev behind it.
 * [VIRTIO 5.3 "Console Device"]
 *
 * Port 0 is the console (hvc0 in Linux); the others have names, by which guests
 * find them under /dev/virtio-ports. What a guest sends before it has opened a
 * port is passed on all the same; what comes in for a port that is not open
 * waits in its chardev.
 *
 * Threads: as virtio.h; chardevs call on the loop's thread.
 */
#ifndef VMM_VIRTIO_CONSOLE_CONSOLE_H
#define VMM_VIRTIO_CONSOLE_CONSOLE_H

#include "vmm/char/chardev.h"
#include "vmm/virtio/virtio.h"

#define CONSOLE_QUEUE_SIZE 64
#define CONSOLE_PORT_MAX   3
#define CONSOLE_NAME_BYTES 64
/* For each port an addition, a readiness, a name and an opening. */
#define CONSOLE_MESSAGE_MAX (4 * CONSOLE_PORT_MAX)

/* [VIRTIO 5.3.3 "Feature bits"] */
#define VIRTIO_CONSOLE_F_MULTIPORT BIT(1)

struct virtio_console;

struct console_port {
	struct virtio_console *console;
	struct chardev *chardev; /* borrowed: must outlive the device; NULL: none */
	char name[CONSOLE_NAME_BYTES]; /* "": it is the console */
	bool opened;		       /* by the guest */
	/* Popped, and not yet used up: */
	bool has_in, has_out;
	struct virtq_chain in, out;
	struct iovec in_iov[CONSOLE_QUEUE_SIZE], out_iov[CONSOLE_QUEUE_SIZE];
	u64 out_bytes; /* of `out` that are written */
};

/* Of the device's, waiting for a buffer of the control queue. */
struct console_message {
	u32 port;
	u16 event, value;
};

struct virtio_console {
	struct virtio virtio;
	u32 port_count;
	struct console_port port[CONSOLE_PORT_MAX];
	struct console_message message[CONSOLE_MESSAGE_MAX];
	u32 message_count;
	struct iovec control_iov[CONSOLE_QUEUE_SIZE];
};

struct console_port_setup {
	struct chardev *chardev; /* may be NULL */
	const char *name;	 /* cut at 63 bytes; of port 0 "" */
};

/* 1 to CONSOLE_PORT_MAX ports. */
void virtio_console_init(struct virtio_console *console,
			 const struct console_port_setup *port, u32 port_count,
			 struct guest_mem *mem, struct loop *loop);

#endif
