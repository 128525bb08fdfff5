/* SPDX-License-Identifier: MIT */
/*
 * The disks, CD-ROMs, network cards and console ports of one run, from the words of the
 * command line to what a board is built of, and what is behind them.
 */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include "base/opt.h"
#include "cli/disk.h"
#include "vmm/char/backend.h"
#include "vmm/machine/machine.h"
#include "vmm/net/net.h"

struct device_words {
	const struct opt_strings *disk, *cdrom, *net, *port;
	const char *console; /* "none": no virtio console but for ports */
	bool stdio_taken;    /* by the serial port */
	bool jail;	     /* the process will be closed */
	bool temporary;	     /* every disk */
	bool usual_net; /* without a word about it, a user network if it can be */
};

struct devices {
	struct disk_option disk_option[Q35_DISK_MAX];
	/* CD-ROMs are behind the disks. */
	struct board_disk disk[Q35_DISK_MAX + Q35_SATA_MAX];
	u32 disk_count;
	struct board_net net[Q35_NET_MAX];
	u32 net_count;
	bool net_is_usual; /* nobody asked for it */
	/* The first port is the console. */
	struct backend *backend[CONSOLE_PORT_MAX];
	struct console_port_setup port[CONSOLE_PORT_MAX];
	char port_name[CONSOLE_PORT_MAX][CONSOLE_NAME_BYTES];
	u32 port_count;
	bool stdio_taken;
};

/*
 * In this order, each after the last one's success; devices_release in any
 * case. The fault names what is wrong. `config` is of backends.
 *
 * Begins what is behind network cards: programs, which the jail would forbid.
 */
must_check int devices_create(struct devices *devices,
			      const struct device_words *words,
			      const struct backend_config *config,
			      struct fault *fault);
/* Opens the disks, whose threads begin in the jail where there is one. */
must_check int devices_open(struct devices *devices,
			    const struct device_words *words, struct loop *loop,
			    struct fault *fault);
/* Waits until networks work; opens the ports' files. */
must_check int devices_start(struct devices *devices, struct fault *fault);
/* The machine is gone. What was not opened is left alone. */
void devices_release(struct devices *devices);

#endif
