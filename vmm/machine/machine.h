/* SPDX-License-Identifier: MIT */
/*
 * The machine: guest memory, the board, the vCPUs and their threads, on one
 * engine VM.
 *
 * Its life: created paused; started; running and stopped in turn; over, when
 * the guest powers off, resets with no_reboot set, asks the test device for
 * an end, or fails, or when its user ends it. All functions belong to the event
 * loop's thread; vCPU threads and devices ask for what they want by machine
 * events, which the loop carries out.
 *
 * Who controls it (a monitor, a debugger, the signals) does so by the functions
 * below, and learns by a watch what others did. A stop holds the vCPUs only:
 * devices and clocks go on, as the world does.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "base/buf.h"
#include "engine/engine.h"
#include "vmm/char/chardev.h"
#include "vmm/firmware/bios/bios.h"
#include "vmm/firmware/boot/boot.h"
#include "vmm/firmware/uefi/uefi.h"
#include "vmm/machine/board.h"

#define MACHINE_CPUS_MAX 255

struct machine;

/* Whose doing a reset or an end is. */
enum machine_cause {
	CAUSE_GUEST,	   /* it asked for it */
	CAUSE_GUEST_CRASH, /* it cannot go on, or the engine with it */
	CAUSE_CONTROL,	   /* a monitor's client asked for it */
	CAUSE_SIGNAL,	   /* somebody ended the process */
	CAUSE_TERMINAL,	   /* somebody typed it */
};

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
	/* With it the firmware is this, and `bios` only tells of the machine. */
	struct uefi *uefi;
	const struct board_disk *disk; /* borrowed, too; of Q35 */
	u32 disk_count;
	const struct board_net *net; /* as the disks */
	u32 net_count;
	const struct console_port_setup *port;
	u32 port_count;
	const struct vga_rom *vga_rom; /* borrowed, too; of Q35; NULL: no VGA */
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

/* Starts the threads, which wait for machine_cont(). -errno of a thread. */
must_check int machine_start(struct machine *machine, struct fault *fault);

/* ---- control ---- */

enum machine_status {
	MACHINE_PRELAUNCH, /* it has not run yet */
	MACHINE_RUNS,
	MACHINE_STOPPED,  /* by its user */
	MACHINE_DEBUGGED, /* a vCPU has met what its debugger waits for */
	MACHINE_ENDED,	  /* over */
};

enum machine_status machine_status(const struct machine *machine);

/* All vCPUs stand, with no instruction half done, until machine_cont. It is
 * MACHINE_DEBUGGED where one has met something in the same moment. */
void machine_stop(struct machine *machine);
/* Nothing once it is over. */
void machine_cont(struct machine *machine);
/* As the reset button: soon. What was stopped stays so. */
void machine_reset(struct machine *machine);
void machine_power_button(struct machine *machine);
/* Over, as if it had been switched off: ended(ctx, 0). `why` is for watches. */
void machine_end(struct machine *machine, enum machine_cause why);

/* What happens to it. Told on the loop's thread, when it is so. */
enum machine_news_kind {
	MACHINE_NEWS_STOP,
	MACHINE_NEWS_CONT,
	MACHINE_NEWS_RESET,
	MACHINE_NEWS_POWER_BUTTON,
	MACHINE_NEWS_END, /* before ended() is called */
};

struct machine_news {
	enum machine_news_kind kind;
	enum machine_cause cause; /* of RESET and END */
	u32 vcpu;		  /* of STOP with MACHINE_DEBUGGED: whose */
};

struct machine_watch {
	void (*tell)(struct machine_watch *watch,
		     const struct machine_news *news);
	/*
	 * A debugger's; else NULL. vCPU `vcpu` has met something that the
	 * engine's `run->debug` tells, and no vCPU executes. True: the machine
	 * stops for it, which is told. False: it goes on, and nobody is told.
	 */
	bool (*met)(struct machine_watch *watch, u32 vcpu);
	struct list link;
};

/* Fill `tell` and `met` first. What is told may take away its own watch only. */
void machine_watch_add(struct machine *machine, struct machine_watch *watch);
void machine_watch_del(struct machine_watch *watch);

/* ---- what it is ---- */

const struct machine_config *machine_config(const struct machine *machine);
/* The engine's vCPU: its state may be read and set while the machine is not
 * running. `index` is below the configuration's cpu_count. */
struct engine_vcpu *machine_vcpu(struct machine *machine, u32 index);
/* Linux's number of its thread; 0 before machine_start. */
int machine_vcpu_thread(const struct machine *machine, u32 index);
/* Its registers for people, into `out` as far as they fit; it stands meanwhile. */
void machine_print_vcpu(struct machine *machine, u32 index, struct buf *out);
/* A held vCPU stands while others go on. To be called while nothing runs. */
void machine_vcpu_hold(struct machine *machine, u32 index, bool held);
struct guest_mem *machine_mem(struct machine *machine);
/* Where keys and movements go in. */
struct input *machine_input(struct machine *machine);

/* Guest instructions of all vCPUs since the start, as far as the engine counts
 * them; exact once the machine is over. */
u64 machine_instructions(const struct machine *machine);

/* Its screen, which lives as long as it; NULL: it has none. */
struct display *machine_display(struct machine *machine);

#endif
