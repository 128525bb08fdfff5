/* SPDX-License-Identifier: MIT */
/*
 * The machine: guest memory, the board, the vCPUs and their threads, on one
 * engine VM.
 *
 * Its life: created paused; started; running and paused in turn; over, when
 * the guest powers off, resets with no_reboot set, asks the test device for
 * an end, or fails. All functions belong to the event loop's thread; vCPU
 * threads and devices ask for what they want by machine events, which the
 * loop carries out.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "engine/engine.h"
#include "vmm/char/chardev.h"
#include "vmm/firmware/bios/bios.h"
#include "vmm/firmware/boot/boot.h"
#include "vmm/machine/board.h"

#define MACHINE_CPUS_MAX 255

struct machine;

struct machine_config {
	struct engine *engine; /* borrowed: must outlive the machine */
	struct loop *loop;     /* borrowed, too */
	u64 memory_bytes;
	u32 cpu_count; /* 1..MACHINE_CPUS_MAX */
	const char *cpu_model;
	enum board_kind kind;
	/* One of the two, borrowed, too: a kernel, or firmware that finds one. */
	const struct boot *boot;
	struct bios *bios;
	const struct board_disk *disk; /* borrowed, too; of Q35 */
	u32 disk_count;
	const struct board_net *net; /* as the disks */
	u32 net_count;
	const struct console_port_setup *port;
	u32 port_count;
	struct chardev *serial;	       /* borrowed, too; may be NULL */
	struct chardev *debug_console; /* borrowed, too; may be NULL */
	bool test_exit;
	bool no_reboot;
	/* The machine is over: the process ends with `status`. Called once. */
	void (*ended)(void *ctx, int status);
	void *ctx;
};

/*
 * Builds it and loads the kernel. -EINVAL for a configuration that cannot
 * be, else -errno of the engine or the host; the fault says it in a sentence.
 */
must_check int machine_create(const struct machine_config *config,
			      struct machine **ret, struct fault *fault);
/* Accepts NULL. Stops what runs. */
void machine_free(struct machine *machine);

/* Starts the threads, which wait for machine_go(). -errno of a thread. */
must_check int machine_start(struct machine *machine, struct fault *fault);
/* The guest runs. */
void machine_go(struct machine *machine);

/* Guest instructions of all vCPUs since the start, as far as the engine counts
 * them; exact once the machine is over. */
u64 machine_instructions(const struct machine *machine);

/* What the user may do to a running machine. */
void machine_power_button(struct machine *machine);

#endif
