/* SPDX-License-Identifier: MIT */
/* The machine that the options of `keel run` describe, from making to its end. */
#include "cli/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "cli/devices.h"
#include "cli/run_options.h"
#include "cli/status.h"
#include "cli/version.h"
#include "vmm/char/backend.h"
#include "vmm/gdbstub/gdbstub.h"
#include "vmm/jail/jail.h"
#include "vmm/kick.h"
#include "vmm/machine/machine.h"
#include "vmm/monitor/monitor.h"

#define CHARDEV_MAX 3 /* serial port, debug console, virtio console */

/* Everything of one run; the root of what it owns. */
struct run {
	struct run_options options;
	struct terminal *terminal; /* borrowed */
	struct loop *loop;	   /* owned, as all below */
	struct backend *serial, *debug_console;
	struct boot boot;
	bool boot_opened;
	struct bios bios;
	struct uefi uefi;
	bool uefi_opened;
	struct vga_rom vga_rom;
	struct devices devices;
	struct engine *engine;
	char engine_reason[FAULT_TEXT_BYTES_MAX];
	struct jail *jail;
	struct machine *machine;
	struct monitor *monitor; /* NULL: none was asked for */
	struct monitor_chardev monitor_chardev[CHARDEV_MAX];
	struct gdbstub *gdbstub; /* NULL: not asked for */
	int signal_fd;
	struct loop_watch signal_watch;
	bool signal_watched;
	u64 pressed_ns; /* when SIGTERM came last, or 0 */
	int ended_by;	/* a signal, or 0 */
	int status;
};

/* ---- signals ---- */

#define BUTTON_AGAIN_NS (10 * NS_PER_S)

static const int handled[] = {SIGTERM, SIGINT,	SIGHUP,
			      SIGQUIT, SIGTSTP, SIGCONT};

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		sigaddset(set, handled[i]);
}

/* Stops as SIGTSTP would, with the terminal in order meanwhile. */
/* needs: io: kill:self */
static void stop_for_now(struct run *run)
{
	terminal_restore(run->terminal);
	kill(getpid(), SIGSTOP);
	terminal_again(run->terminal);
}

static void end_by(struct run *run, int signal)
{
	run->ended_by = signal;
	machine_end(run->machine, CAUSE_SIGNAL);
}

/* A guest that heeds its power button ends in order; who cannot wait for that
 * says so again. */
static void on_sigterm(struct run *run)
{
	u64 now_ns = clock_now_ns();

	if (run->pressed_ns && now_ns - run->pressed_ns < BUTTON_AGAIN_NS) {
		end_by(run, SIGTERM);
		return;
	}
	run->pressed_ns = now_ns;
	fputs("keel: SIGTERM: pressed the power button; a second one within "
	      "10 s ends the machine\n",
	      stderr);
	machine_power_button(run->machine);
}

static void on_signal(struct loop_watch *watch, u32 events)
{
	struct run *run = watch->ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read_full(run->signal_fd, &info, sizeof(info)))
		return;
	switch (info.ssi_signo) {
	case SIGTSTP:
		stop_for_now(run);
		break;
	case SIGCONT: /* the shell set the terminal its own way */
		terminal_restore(run->terminal);
		terminal_again(run->terminal);
		break;
	case SIGTERM:
		on_sigterm(run);
		break;
	default:
		end_by(run, (int)info.ssi_signo);
		break;
	}
}

/* Before any thread: they inherit the mask. */
static int watch_signals(struct run *run)
{
	sigset_t set;
	int err;

	signal_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return trace_err(-errno);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return trace_err(-errno);
	run->signal_watch = (struct loop_watch){
		.fd = run->signal_fd,
		.events = EPOLLIN,
		.fn = on_signal,
		.ctx = run,
	};
	err = loop_watch_add(run->loop, &run->signal_watch);
	run->signal_watched = !err;
	return err;
}

/* ---- making ---- */

static void on_quit(void *ctx)
{
	struct run *run = ctx;

	machine_end(run->machine, CAUSE_TERMINAL);
}

static void on_ended(void *ctx, int status)
{
	struct run *run = ctx;

	run->status = status;
	loop_stop(run->loop);
}

static int make_loop(struct run *run, struct fault *fault)
{
	int err = loop_create(&run->loop);

	kick_setup();
	if (!err)
		err = watch_signals(run);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot make the event loop");
	return 0;
}

static struct backend_config backend_config(struct run *run)
{
	return (struct backend_config){
		.loop = run->loop,
		.terminal = run->terminal,
		.quit = on_quit,
		.quit_ctx = run,
	};
}

static int make_backends(struct run *run, struct fault *fault)
{
	const struct backend_config config = backend_config(run);
	const struct run_options *o = &run->options;
	int err = backend_create("--serial", o->serial, &config, &run->serial,
				 fault);

	/* One standard output has one writer: two ports then share it. */
	if (!err &&
	    (strcmp(o->debug_console, "stdio") || strcmp(o->serial, "stdio")))
		err = backend_create("--debug-console", o->debug_console,
				     &config, &run->debug_console, fault);
	return err;
}

static int open_firmware(struct run *run, struct fault *fault)
{
	const struct run_options *o = &run->options;

	if (!run_is_uefi(o))
		return bios_open(&run->bios,
				 o->firmware && strcmp(o->firmware, "bios")
					 ? o->firmware
					 : NULL,
				 fault);
	run->uefi_opened = true;
	return uefi_open(&run->uefi, o->uefi_vars, fault);
}

static int open_kernel(struct run *run, struct fault *fault)
{
	const struct run_options *o = &run->options;
	int err;

	if (!o->kernel)
		return open_firmware(run, fault);
	err = boot_open(&run->boot, o->kernel, o->initrd, o->append, fault);
	run->boot_opened = !err;
	return err;
}

static int open_vga(struct run *run, struct fault *fault)
{
	return run->options.vga == VGA_STD ? vga_rom_open(&run->vga_rom, fault)
					   : 0;
}

static struct device_words device_words(const struct run_options *o)
{
	return (struct device_words){
		.disk = &o->disk,
		.cdrom = &o->cdrom,
		.net = &o->net,
		.port = &o->port,
		.console = o->console,
		.temporary = o->temporary,
		.stdio_taken = !strcmp(o->serial, "stdio"),
		.jail = o->jail != JAIL_OFF,
		.usual_net = !o->kernel,
	};
}

static int make_devices(struct run *run, struct fault *fault)
{
	const struct device_words words = device_words(&run->options);
	const struct backend_config config = backend_config(run);

	return devices_create(&run->devices, &words, &config, fault);
}

static u32 list_chardevs(struct run *run)
{
	const struct run_options *o = &run->options;
	const struct monitor_chardev all[CHARDEV_MAX] = {
		{"serial0", o->serial},
		{"debug0", o->debug_console},
		{"console0", o->console},
	};
	u32 count = 0;

	for (u32 i = 0; i < CHARDEV_MAX; i++)
		if (strcmp(all[i].words, "none"))
			run->monitor_chardev[count++] = all[i];
	return count;
}

/* The socket, before the jail; it answers once there is a machine. */
static int make_monitor(struct run *run, struct fault *fault)
{
	const struct monitor_config config = {
		.loop = run->loop,
		.path = run_qmp_path(&run->options),
		.package = "keel-" KEEL_VERSION,
		.chardev = run->monitor_chardev,
		.chardev_count = list_chardevs(run),
	};

	return config.path ? monitor_create(&config, &run->monitor, fault) : 0;
}

static int start_monitor(struct run *run, struct fault *fault)
{
	int err = run->monitor ? monitor_start(run->monitor, run->machine) : 0;

	if (err)
		fault_set(fault, FAULT_NO_MEMORY, err, "--qmp");
	return err;
}

static int open_disks(struct run *run, struct fault *fault)
{
	const struct device_words words = device_words(&run->options);

	return devices_open(&run->devices, &words, run->loop, fault);
}

static int open_engine(struct run *run, struct fault *fault)
{
	const char *accel = run_accel(&run->options);
	char with_options[128];

	if (run->options.soft) {
		if (!strcmp(accel, "kvm"))
			return fault_set(fault, FAULT_INVALID,
					 trace_err(-EINVAL),
					 "--soft has no meaning with "
					 "--accel kvm");
		(void)snprintf(with_options, sizeof(with_options), "soft:%s",
			       run->options.soft); /* cut: refused below */
		accel = with_options;
	}
	return engine_open(accel, &run->engine, run->engine_reason,
			   sizeof(run->engine_reason), fault);
}

/* Everything is open but the disks and outputs; there is one thread. */
static int make_jail(struct run *run, struct fault *fault)
{
	const struct jail_config config = {
		.mode = (enum jail_mode)run->options.jail,
		.engine = run->engine->ops->name,
		.cpu_count = (u32)run->options.cpu_count,
	};
	int err = jail_create(&config, &run->jail, fault);

	if (!err)
		jail_separate(run->jail);
	return err;
}

static struct chardev *debug_chardev(const struct run *run)
{
	if (!strcmp(run->options.debug_console, "stdio") && run->serial &&
	    !run->debug_console)
		return backend_chardev(run->serial);
	return backend_chardev(run->debug_console);
}

static int make_machine(struct run *run, struct fault *fault)
{
	const struct run_options *o = &run->options;
	const struct machine_config config = {
		.engine = run->engine,
		.loop = run->loop,
		.memory_bytes = o->memory_bytes,
		.cpu_count = (u32)o->cpu_count,
		.cpu_model = run_cpu_model(o),
		.kind = run_board(o),
		.boot = run->boot_opened ? &run->boot : NULL,
		.bios = run->boot_opened ? NULL : &run->bios,
		.uefi = run->uefi_opened ? &run->uefi : NULL,
		.disk = run->devices.disk,
		.disk_count = run->devices.disk_count,
		.net = run->devices.net,
		.net_count = run->devices.net_count,
		.port = run->devices.port,
		.port_count = run->devices.port_count,
		.vga_rom = o->vga == VGA_STD ? &run->vga_rom : NULL,
		.serial = backend_chardev(run->serial),
		.debug_console = debug_chardev(run),
		.test_exit = o->test_exit,
		.no_reboot = o->no_reboot,
		.ended = on_ended,
		.ctx = run,
	};

	return machine_create(&config, &run->machine, fault);
}

/* In one line, for who has typed the name of a disk. */
static void say_how_to_reach(const struct run *run)
{
	const struct run_options *o = &run->options;
	const char *net = run->devices.net_is_usual
				  ? ", a user network (guest 10.0.2.15, this "
				    "host 10.0.2.2)"
				  : "";

	if (o->kernel)
		return;
	if (!strcmp(o->serial, "stdio"))
		fprintf(stderr,
			"keel: q35 with the serial port here (Ctrl-A h: "
			"keys)%s\n",
			net);
	else
		fprintf(stderr, "keel: q35 with the serial port on %s%s\n",
			o->serial, net);
}

/* Before the jail, which has no network and no paths. */
static int listen_for_gdb(struct run *run, struct fault *fault)
{
	if (!run->options.gdb)
		return 0;
	return gdbstub_create(run->options.gdb, &run->gdbstub, fault);
}

static int attach_gdb(struct run *run, struct fault *fault)
{
	if (!run->gdbstub)
		return 0;
	fprintf(stderr, "keel: for gdb: target remote %s\n",
		gdbstub_target(run->gdbstub));
	return gdbstub_attach(run->gdbstub, run->machine, fault);
}

/* The last steps that can fail, and the only ones with traces outside. */
static int start(struct run *run, struct fault *fault)
{
	int err = uefi_start(&run->uefi, fault);

	if (!err)
		err = devices_start(&run->devices, fault);
	if (!err)
		err = backend_start(run->debug_console, fault);
	if (!err)
		err = backend_start(run->serial, fault);
	if (!err) {
		fprintf(stderr, "keel: %s\n", run->engine_reason);
		say_how_to_reach(run);
		err = machine_start(run->machine, fault);
	}
	if (!err)
		err = attach_gdb(run, fault);
	if (err) {
		backend_undo(run->debug_console);
		backend_undo(run->serial);
	}
	return err;
}

/* From here on no path leads anywhere; the guest has not run yet. */
static int close_jail(struct run *run, struct fault *fault)
{
	int err = jail_close(run->jail, fault);

	if (!err && *jail_missing(run->jail))
		fprintf(stderr, "keel: the jail is without: %s\n",
			jail_missing(run->jail));
	if (!err && run->options.jail != JAIL_OFF) {
		gdbstub_jailed(run->gdbstub);
		monitor_jailed(run->monitor);
	}
	return err;
}

/* The software engine counts; with kvm only the time is known. */
/* needs: io: clock_gettime */
static void stats_print(const struct run *run)
{
	u64 instructions = machine_instructions(run->machine);
	struct timespec cpu;
	double seconds;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu))
		return;
	seconds = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	fprintf(stderr, "keel: %llu guest instructions, %.3f s of CPU time",
		(unsigned long long)instructions, seconds);
	if (instructions && seconds > 0)
		fprintf(stderr, ", %.1f million a second",
			(double)instructions / seconds / 1e6);
	fputc('\n', stderr);
}

/* needs: io: munmap close exit_group */
static void release(struct run *run)
{
	monitor_free(run->monitor);
	gdbstub_free(run->gdbstub);
	machine_free(run->machine);
	if (run->engine)
		run->engine->ops->free(run->engine);
	if (run->boot_opened)
		boot_close(&run->boot);
	bios_close(&run->bios);
	uefi_close(&run->uefi);
	vga_rom_close(&run->vga_rom);
	devices_release(&run->devices);
	backend_free(run->debug_console);
	backend_free(run->serial);
	jail_free(run->jail);
	if (run->signal_watched)
		loop_watch_del(run->loop, &run->signal_watch);
	fd_close(&run->signal_fd);
	loop_free(run->loop);
}

static int run_machine(struct run *run, struct fault *fault)
{
	int err = make_loop(run, fault);

	if (!err)
		err = make_backends(run, fault);
	if (!err)
		err = open_kernel(run, fault);
	if (!err)
		err = open_vga(run, fault);
	if (!err)
		err = make_devices(run, fault);
	if (!err)
		err = open_engine(run, fault);
	if (!err)
		err = listen_for_gdb(run, fault);
	if (!err)
		err = make_jail(run, fault);
	if (!err)
		err = open_disks(run, fault);
	if (!err)
		err = make_monitor(run, fault);
	if (!err)
		err = make_machine(run, fault);
	if (!err)
		err = start_monitor(run, fault);
	if (!err)
		err = start(run, fault);
	if (!err)
		err = close_jail(run, fault);
	if (err)
		return err;
	if (!run->options.paused)
		machine_cont(run->machine);
	err = loop_run(run->loop);
	if (err)
		fault_set(fault, FAULT_INTERNAL, err, "the event loop failed");
	return err;
}

int run_main(int argc, char *argv[], struct terminal *terminal, int *ret_signal)
{
	struct run run = {
		.terminal = terminal,
		.signal_fd = -1,
	};
	struct fault fault = {};

	*ret_signal = 0;
	if (run_options_parse(argc, argv, &run.options, &fault)) {
		fault_print(&fault, "keel");
		return STATUS_USAGE;
	}
	if (run.options.help) {
		opt_print_help(&run_command, stdout);
		return 0;
	}
	if (run_machine(&run, &fault))
		run.status = status_of_fault(&fault);
	if (run.options.stats && run.machine)
		stats_print(&run);
	release(&run);
	if (fault_is_set(&fault))
		fault_print(&fault, "keel");
	*ret_signal = run.ended_by;
	return run.status;
}
