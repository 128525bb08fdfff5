/* SPDX-License-Identifier: MIT */
/* What `keel run` is told on its command line, and what that means together. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "base/opt.h"
#include "vmm/machine/board.h"

enum { VGA_NONE, VGA_STD };

struct run_options {
	const char *kernel, *initrd, *append, *firmware, *uefi_vars;
	struct opt_strings disk, cdrom, net, port;
	const char *console;
	bool temporary;
	u64 memory_bytes, cpu_count;
	int cpu, accel, machine; /* see run_cpu_model, run_accel, run_board */
	int jail;		 /* enum jail_mode */
	int vga;		 /* VGA_* */
	const char *serial, *debug_console, *qmp;
	const char *soft;
	const char *gdb;
	bool paused, no_reboot, test_exit, stats;
	bool help;
};

extern const struct opt_command run_command;

/*
 * The words over the defaults, judged: 0, or -EINVAL for what no run can be made of,
 * and the fault says why. With `help` set nothing is judged.
 */
must_check int run_options_parse(int argc, char *argv[],
				 struct run_options *ret, struct fault *fault);

enum board_kind run_board(const struct run_options *options);
bool run_is_uefi(const struct run_options *options);
/* As engine_open and the machine's configuration take them. */
const char *run_accel(const struct run_options *options);
const char *run_cpu_model(const struct run_options *options);
/* Of the socket; NULL: no monitor is asked for. */
const char *run_qmp_path(const struct run_options *options);

#endif
