/* SPDX-License-Identifier: MIT */
/* Disks, CD-ROMs, network cards and ports of the command line: see devices.h. */
#include "cli/devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- disks ---- */

static int open_disk(struct devices *devices, const char *text, bool temporary,
		     struct loop *loop, struct fault *fault)
{
	struct disk_option *option = &devices->disk_option[devices->disk_count];
	struct board_disk *disk = &devices->disk[devices->disk_count];
	int err = disk_parse(text, option, fault);

	if (err)
		return err;
	option->config.temporary |= temporary;
	err = block_open(&option->config, loop, &disk->block, fault);
	if (err)
		return err;
	disk->path = option->config.path;
	disk->serial = option->serial;
	disk->bus = option->sata ? BOARD_SATA : BOARD_VIRTIO;
	devices->disk_count++;
	return 0;
}

/* Raw, whatever it is called and whatever is in it. */
static int open_cdrom(struct devices *devices, const char *path,
		      struct loop *loop, struct fault *fault)
{
	struct board_disk *disk = &devices->disk[devices->disk_count];
	const struct block_config config = {
		.path = path,
		.format = "raw",
		.read_only = true,
	};
	int err = block_open(&config, loop, &disk->block, fault);

	if (err)
		return err;
	disk->path = path;
	disk->serial = "";
	disk->bus = BOARD_SATA;
	disk->cdrom = true;
	devices->disk_count++;
	return 0;
}

static int check_sata_count(const struct devices *devices,
			    const struct device_words *words,
			    struct fault *fault)
{
	u32 count = words->cdrom->count;

	for (u32 i = 0; i < devices->disk_count; i++)
		count += devices->disk[i].bus == BOARD_SATA;
	if (count <= Q35_SATA_MAX)
		return 0;
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
			 "%u SATA disks and CD-ROMs are given; a machine has "
			 "at most %d; give disks bus=virtio",
			 count, Q35_SATA_MAX);
}

static int open_disks(struct devices *devices, const struct device_words *words,
		      struct loop *loop, struct fault *fault)
{
	int err = 0;

	if (words->disk->count > Q35_DISK_MAX)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "%u disks are given; a machine has at most %d",
				 words->disk->count, Q35_DISK_MAX);
	for (u32 i = 0; !err && i < words->disk->count; i++)
		err = open_disk(devices, words->disk->item[i], words->temporary,
				loop, fault);
	if (!err)
		err = check_sata_count(devices, words, fault);
	for (u32 i = 0; !err && i < words->cdrom->count; i++)
		err = open_cdrom(devices, words->cdrom->item[i], loop, fault);
	return err;
}

/* ---- network cards ---- */

static int open_net(struct devices *devices, const char *text,
		    struct loop *loop, struct fault *fault)
{
	struct board_net *net = &devices->net[devices->net_count];
	struct net_options options;
	int err = net_options_parse(text, &options, fault);

	if (err)
		return err;
	net_options_default_mac(&options, (u8)devices->net_count);
	err = net_create(&options, loop, &net->netdev, fault);
	if (err || !net->netdev)
		return err;
	memcpy(net->mac, options.mac, sizeof(net->mac));
	devices->net_count++;
	return netdev_start(net->netdev, fault);
}

/* One that was not asked for is done without where it cannot be had. */
static void open_usual_net(struct devices *devices, struct loop *loop)
{
	struct fault fault = {};

	devices->net_is_usual = !open_net(devices, "user", loop, &fault);
	if (devices->net_is_usual)
		return;
	fault_print(&fault, "keel: the machine has no network");
	if (devices->net_count)
		netdev_close(devices->net[--devices->net_count].netdev);
}

static int open_nets(struct devices *devices, const struct device_words *words,
		     struct loop *loop, struct fault *fault)
{
	int err = 0;

	if (words->net->count > Q35_NET_MAX)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "%u network cards are given; a machine has at "
				 "most %d",
				 words->net->count, Q35_NET_MAX);
	for (u32 i = 0; !err && i < words->net->count; i++)
		err = open_net(devices, words->net->item[i], loop, fault);
	if (!words->net->count && words->usual_net)
		open_usual_net(devices, loop);
	return err;
}

/* ---- ports ---- */

static int add_port(struct devices *devices, const char *option,
		    const char *name, size_t name_size, const char *where,
		    const struct backend_config *config, struct fault *fault)
{
	u32 index = devices->port_count;
	bool stdio = !strcmp(where, "stdio");
	int err;

	if (stdio && devices->stdio_taken)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "%s: stdio is taken; give it to one of "
				 "--serial (as it is without a word), --console "
				 "and --port",
				 option);
	err = backend_create(option, where, config, &devices->backend[index],
			     fault);
	if (err)
		return err;
	devices->port_count++;
	devices->stdio_taken |= stdio;
	memcpy(devices->port_name[index], name, name_size);
	devices->port[index] = (struct console_port_setup){
		.chardev = backend_chardev(devices->backend[index]),
		.name = devices->port_name[index],
	};
	return 0;
}

/* NAME=WHERE */
static int open_port(struct devices *devices, const char *text,
		     const struct backend_config *config, struct fault *fault)
{
	const char *equals = strchr(text, '=');
	size_t size = equals ? (size_t)(equals - text) : 0;

	if (!size || size >= CONSOLE_NAME_BYTES)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "--port: '%s' is no port; give NAME=WHERE, "
				 "the name of at most %d bytes",
				 text, CONSOLE_NAME_BYTES - 1);
	return add_port(devices, "--port", text, size, equals + 1, config,
			fault);
}

static int open_ports(struct devices *devices, const struct device_words *words,
		      const struct backend_config *config, struct fault *fault)
{
	int err;

	if (!words->port->count && !strcmp(words->console, "none"))
		return 0;
	if (words->port->count > CONSOLE_PORT_MAX - 1)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "%u ports are given; a machine has at most %d",
				 words->port->count, CONSOLE_PORT_MAX - 1);
	err = add_port(devices, "--console", "", 0, words->console, config,
		       fault);
	for (u32 i = 0; !err && i < words->port->count; i++)
		err = open_port(devices, words->port->item[i], config, fault);
	return err;
}

/* ---- all ---- */

static int jail_nets(struct devices *devices, struct fault *fault)
{
	int err = 0;

	for (u32 i = 0; !err && i < devices->net_count; i++)
		err = netdev_jail(devices->net[i].netdev, fault);
	if (!err || !devices->net_is_usual)
		return err;
	fault_print(fault, "keel: the machine has no network");
	fault_clear(fault);
	devices->net_is_usual = false;
	netdev_close(devices->net[--devices->net_count].netdev);
	return 0;
}

int devices_create(struct devices *devices, const struct device_words *words,
		   const struct backend_config *config, struct fault *fault)
{
	int err;

	devices->stdio_taken = words->stdio_taken;
	err = open_ports(devices, words, config, fault);
	if (!err)
		err = open_nets(devices, words, config->loop, fault);
	if (!err && words->jail)
		err = jail_nets(devices, fault);
	return err;
}

int devices_open(struct devices *devices, const struct device_words *words,
		 struct loop *loop, struct fault *fault)
{
	return open_disks(devices, words, loop, fault);
}

/* One that nobody asked for has no link then: the machine knows its card. */
static int settle_nets(struct devices *devices, struct fault *fault)
{
	int err = 0;

	for (u32 i = 0; !err && i < devices->net_count; i++)
		err = netdev_settle(devices->net[i].netdev, fault);
	if (!err || !devices->net_is_usual)
		return err;
	fault_print(fault, "keel: the machine has no network");
	fault_clear(fault);
	return 0;
}

int devices_start(struct devices *devices, struct fault *fault)
{
	int err = settle_nets(devices, fault);

	for (u32 i = 0; !err && i < devices->port_count; i++)
		err = backend_start(devices->backend[i], fault);
	for (u32 i = 0; err && i < devices->port_count; i++)
		backend_undo(devices->backend[i]);
	return err;
}

void devices_release(struct devices *devices)
{
	while (devices->net_count)
		netdev_close(devices->net[--devices->net_count].netdev);
	while (devices->port_count)
		backend_free(devices->backend[--devices->port_count]);
	while (devices->disk_count)
		block_close(devices->disk[--devices->disk_count].block);
}
