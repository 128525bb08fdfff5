/* SPDX-License-Identifier: MIT */
#include "cli/run_options.h"

#include <errno.h>
#include <string.h>

#include "vmm/jail/jail.h"
#include "vmm/machine/machine.h"

/* ---- the words ---- */

static const char *const accel_names[] = {"auto", "soft", "kvm", NULL};
static const char *const jail_names[] = {
	[JAIL_ON] = "on", [JAIL_OFF] = "off", [JAIL_LOG] = "log", NULL};
static const char *const cpu_names[] = {"host", "v1", "v2", "v3", NULL};

static const char *const vga_names[] = {
	[VGA_NONE] = "none", [VGA_STD] = "std", NULL};

/* The first of them stands for what fits the rest of the line. */
static const char *const machine_names[] = {"auto", "micro", "q35", "q35-1",
					    NULL};

#define OPTION(member) .offset = offsetof(struct run_options, member)
static const struct opt run_opts[] = {
	{.name = "kernel",
	 .short_name = 'k',
	 .arg = "FILE",
	 .kind = OPT_STRING,
	 OPTION(kernel),
	 .help = "the kernel: Linux bzImage, ELF with a PVH note, or "
		 "multiboot 1"},
	{.name = "initrd",
	 .short_name = 'i',
	 .arg = "FILE",
	 .kind = OPT_STRING,
	 OPTION(initrd),
	 .help = "the initial RAM disk, or multiboot module"},
	{.name = "append",
	 .short_name = 'a',
	 .arg = "TEXT",
	 .kind = OPT_STRING,
	 OPTION(append),
	 .help = "the kernel's command line (default \"console=ttyS0\")"},
	{.name = "disk",
	 .short_name = 'd',
	 .arg = "FILE[,OPTION...]",
	 .kind = OPT_REPEAT,
	 OPTION(disk),
	 .help = "a disk, as a file alone is: format=raw|qcow2 (default: as "
		 "the name ends), ro, temporary, serial=TEXT, cache=MODE, "
		 "discard, backing=on, bus=virtio|sata"},
	{.name = "cdrom",
	 .arg = "FILE",
	 .kind = OPT_REPEAT,
	 OPTION(cdrom),
	 .help = "a CD-ROM, of a raw image; booted when no disk before it "
		 "can be"},
	{.name = "temporary",
	 .kind = OPT_FLAG,
	 OPTION(temporary),
	 .help = "leave all disks as they are: what is written is forgotten "
		 "at the end"},
	{.name = "net",
	 .short_name = 'n',
	 .arg = "KIND[,OPTION...]",
	 .kind = OPT_REPEAT,
	 OPTION(net),
	 .help = "a network card: user[,hostfwd=tcp:127.0.0.1:2222-:22]"
		 "[,restrict] (default where a disk boots), "
		 "socket,path=FILE, or none; mac=MAC and mtu=N for each"},
	{.name = "console",
	 .arg = "WHERE",
	 .kind = OPT_STRING,
	 OPTION(console),
	 .help = "a virtio console, hvc0: stdio, file:PATH or none (default)"},
	{.name = "port",
	 .arg = "NAME=WHERE",
	 .kind = OPT_REPEAT,
	 OPTION(port),
	 .help = "a port of the virtio console that the guest finds by name"},
	{.name = "machine",
	 .short_name = 'M',
	 .arg = "NAME",
	 .kind = OPT_ENUM,
	 OPTION(machine),
	 .values = machine_names,
	 .help = "the board (default auto): q35 with PCI and firmware, or "
		 "micro, which has neither and is for a kernel alone"},
	{.name = "firmware",
	 .arg = "WHICH",
	 .kind = OPT_STRING,
	 OPTION(firmware),
	 .help = "what starts a machine without --kernel: bios (default: "
		 "Debian's SeaBIOS), uefi (Debian's OVMF), or the FILE of a "
		 "ROM"},
	{.name = "uefi-vars",
	 .arg = "FILE",
	 .kind = OPT_STRING,
	 OPTION(uefi_vars),
	 .help = "where UEFI keeps its variables; made if it is missing "
		 "(default: they are forgotten at the end)"},
	{.name = "memory",
	 .short_name = 'm',
	 .arg = "SIZE",
	 .kind = OPT_SIZE,
	 OPTION(memory_bytes),
	 .min = GUEST_MEM_SIZE_MIN,
	 .max = GUEST_MEM_SIZE_MAX,
	 .help = "guest memory; K, M, G, T count in 1024 (default 512M)"},
	{.name = "cpus",
	 .short_name = 'c',
	 .arg = "N",
	 .kind = OPT_U64,
	 OPTION(cpu_count),
	 .min = 1,
	 .max = MACHINE_CPUS_MAX,
	 .help = "virtual CPUs (default 1)"},
	{.name = "cpu",
	 .arg = "MODEL",
	 .kind = OPT_ENUM,
	 OPTION(cpu),
	 .values = cpu_names,
	 .help = "CPU model (default host): what this host offers, or an "
		 "x86-64 level"},
	{.name = "accel",
	 .arg = "NAME",
	 .kind = OPT_ENUM,
	 OPTION(accel),
	 .values = accel_names,
	 .help = "how the guest is executed (default auto)"},
	{.name = "soft",
	 .arg = "OPTIONS",
	 .kind = OPT_STRING,
	 OPTION(soft),
	 .help = "for tests of the software engine: tier=0|1|3, promote=N, "
		 "threshold=N, verify=N, cache=SIZE, kick, flush, flush=N, "
		 "separated by commas"},
	{.name = "vga",
	 .arg = "KIND",
	 .kind = OPT_ENUM,
	 OPTION(vga),
	 .values = vga_names,
	 .help = "a graphics card, of q35: std, or none (default)"},
	{.name = "serial",
	 .arg = "WHERE",
	 .kind = OPT_STRING,
	 OPTION(serial),
	 .help = "the serial port: stdio (default), file:PATH or none"},
	{.name = "debug-console",
	 .arg = "WHERE",
	 .kind = OPT_STRING,
	 OPTION(debug_console),
	 .help = "output of port 0xe9: stdio, file:PATH or none (default)"},
	{.name = "qmp",
	 .arg = "PATH",
	 .kind = OPT_STRING,
	 OPTION(qmp),
	 .help = "serve QMP, QEMU's machine protocol, on a UNIX socket "
		 "there; unix:PATH is the same"},
	{.name = "jail",
	 .arg = "MODE",
	 .kind = OPT_ENUM,
	 OPTION(jail),
	 .values = jail_names,
	 .help = "lock the process in before the guest runs (default on); "
		 "with log the kernel's log tells what it would refuse"},
	{.name = "gdb",
	 .arg = "WHERE",
	 .kind = OPT_STRING,
	 OPTION(gdb),
	 .help = "let gdb attach (docs/gdb.md): unix:PATH, or tcp:PORT of "
		 "this host, tcp:ADDRESS:PORT"},
	{.name = "paused",
	 .kind = OPT_FLAG,
	 OPTION(paused),
	 .help = "wait with the guest's first instruction for a monitor or "
		 "debugger to say go"},
	{.name = "no-reboot",
	 .kind = OPT_FLAG,
	 OPTION(no_reboot),
	 .help = "exit when the guest resets, instead of starting anew"},
	{.name = "test-exit",
	 .kind = OPT_FLAG,
	 OPTION(test_exit),
	 .help = "let the guest end keel by port 0xf4: status is "
		 "(value << 1) | 1"},
	{.name = "stats",
	 .kind = OPT_FLAG,
	 OPTION(stats),
	 .help = "say at the end how many guest instructions ran, in how much "
		 "CPU time of the host"},
	{.name = "help",
	 .short_name = 'h',
	 .kind = OPT_FLAG,
	 OPTION(help),
	 .help = "this text"},
};
#undef OPTION

const struct opt_command run_command = {
	.program = "keel",
	.name = "run",
	.summary = "run a virtual machine",
	.operands = "[DISK...]",
	.text = "Boots a disk, a CD-ROM or a kernel, and runs until the guest powers "
		"off. With the serial port on stdio, Ctrl-A x quits, Ctrl-A h lists the "
		"keys and Ctrl-A Ctrl-A sends Ctrl-A. SIGTERM presses the "
		"power button, a second one within 10 s ends the machine. The exit status is 0 "
		"after a power-off, 1 when the guest or the engine failed, "
		"and 2 for a mistake on the command line.",
	.opts = run_opts,
	.opt_count = ARRAY_SIZE(run_opts),
};

/* ---- what they mean ---- */

bool run_is_uefi(const struct run_options *o)
{
	return o->firmware && !strcmp(o->firmware, "uefi");
}

const char *run_accel(const struct run_options *o)
{
	return accel_names[o->accel];
}

const char *run_cpu_model(const struct run_options *o)
{
	return cpu_names[o->cpu];
}

/* "unix:PATH" is the same as PATH. */
const char *run_qmp_path(const struct run_options *o)
{
	static const char prefix[] = "unix:";

	if (!o->qmp || strncmp(o->qmp, prefix, sizeof(prefix) - 1))
		return o->qmp;
	return o->qmp + sizeof(prefix) - 1;
}

static bool has_cards(const struct run_options *o)
{
	return o->disk.count || o->cdrom.count || o->net.count ||
	       o->port.count || o->vga != VGA_NONE || strcmp(o->console, "none");
}

/* "auto" is q35 for whatever needs it. */
enum board_kind run_board(const struct run_options *o)
{
	if (!strcmp(machine_names[o->machine], "micro"))
		return BOARD_MICRO;
	if (!strcmp(machine_names[o->machine], "auto") && o->kernel &&
	    !has_cards(o))
		return BOARD_MICRO;
	return BOARD_Q35;
}

/* ---- whether they can be ---- */

static int refuse(struct fault *fault, const char *sentence)
{
	return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL), "%s",
			 sentence);
}

static int judge(const struct run_options *o, struct fault *fault)
{
	if (run_board(o) == BOARD_MICRO && (!o->kernel || has_cards(o)))
		return refuse(fault,
			      "--machine micro has no firmware, disks, "
			      "network, virtio console and graphics card; give "
			      "--kernel FILE and none of these, or --machine "
			      "q35");
	if (o->uefi_vars && !run_is_uefi(o))
		return refuse(fault, "--uefi-vars has a meaning only with "
				     "--firmware uefi");
	if (o->kernel && o->firmware)
		return refuse(fault, "--firmware and --kernel exclude each "
				     "other; give one");
	if (!o->kernel && !o->firmware && !o->disk.count && !o->cdrom.count)
		return refuse(fault, "there is nothing to boot; give a disk, "
				     "--cdrom FILE or --kernel FILE");
	return 0;
}

/* A file that is typed alone is a disk, after those of --disk. */
static int add_operands(struct run_options *options,
			const struct opt_strings *operands, struct fault *fault)
{
	struct opt_strings *disk = &options->disk;

	for (u32 i = 0; i < operands->count; i++) {
		if (disk->count == OPT_REPEAT_MAX)
			return fault_set(fault, FAULT_INVALID,
					 trace_err(-EINVAL), "too many disks");
		disk->item[disk->count++] = operands->item[i];
	}
	return 0;
}

int run_options_parse(int argc, char *argv[], struct run_options *ret,
		      struct fault *fault)
{
	struct opt_strings operands = {};
	int err;

	*ret = (struct run_options){
		.append = "console=ttyS0",
		.memory_bytes = 512 * MiB,
		.cpu_count = 1,
		.serial = "stdio",
		.console = "none",
		.debug_console = "none",
	};
	err = opt_parse(&run_command, argc, argv, ret, &operands, fault);
	if (!err)
		err = add_operands(ret, &operands, fault);
	return err || ret->help ? err : judge(ret, fault);
}
