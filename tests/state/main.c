/* SPDX-License-Identifier: MIT */
/*
 * State across tiers: boots a guest and moves it, at random exits, with all its
 * state into a new VM, from the interpreter to the translator and back. What
 * the new VM then tells of its state must be what the old one told, and the
 * guest must not notice: what it says goes to standard output, for tests/state/run
 * to judge.
 *
 * Exits are the guest's own and a signal's that comes at random times, so that
 * moves also fall between two instructions that have nothing to do with us.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/state/pc.h"
#include "vmm/kick.h"

#define KICK_PERIOD_NS	(2 * NS_PER_MS)
#define DIFFERENCES_MAX 20
#define MEMORY_BYTES	(256 * MiB)

struct options {
	const char *kernel, *initrd, *append;
	const char *accel; /* instead of both tiers, without moves */
	u64 seed, every, limit_s, slow;
};

static u64 random_below(u64 *state, u64 limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % limit;
}

/* The period helps when the first one comes before run() can notice it. */
static int kick_soon(timer_t timer, u64 ns)
{
	const struct itimerspec when = {
		.it_value = {.tv_nsec = (long)ns},
		.it_interval = {.tv_nsec = KICK_PERIOD_NS},
	};

	return timer_settime(timer, 0, &when, NULL) ? trace_err(-errno) : 0;
}

/* To this thread alone: the engine's own would take it and do nothing. */
static int kick_timer_create(timer_t *ret)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};

	kick_setup();
	event._sigev_un._tid = gettid();
	return timer_create(CLOCK_MONOTONIC, &event, ret) ? trace_err(-errno)
							  : 0;
}

static int report_end(const struct pc *pc, struct fault *fault)
{
	if (pc->differences)
		return fault_set(fault, FAULT_INTERNAL, -EIO,
				 "a move changed the state");
	return pc->over ? 0
			: fault_set(fault, FAULT_INTERNAL, -ETIMEDOUT,
				    "the guest did not end");
}

static int boot_moving(struct pc *pc, const struct options *options,
		       struct fault *fault)
{
	u64 random = options->seed * 0x9e3779b97f4a7c15u | 1, due = 1;
	u64 end_ns = clock_now_ns() + options->limit_s * NS_PER_S;
	timer_t timer;
	int err = kick_timer_create(&timer);

	while (!err && !pc->over && pc->differences < DIFFERENCES_MAX &&
	       clock_now_ns() < end_ns) {
		err = kick_soon(timer,
				1 + random_below(&random, KICK_PERIOD_NS));
		if (!err)
			err = pc_run(pc);
		if (!err && !options->accel && !--due && !pc->over) {
			due = 1 + random_below(&random, 2 * options->every);
			err = pc_move(pc, fault);
		}
	}
	if (err && !fault_is_set(fault))
		fault_set(fault, FAULT_INTERNAL, err,
			  "the guest failed, exit %u",
			  pc->vcpu->run->exit_reason);
	return err ? err : report_end(pc, fault);
}

/* Timers come as the TSC does: a guest that is told the old frequency has the
 * more time between them. */
static int slow_down(struct pc *pc, u64 factor)
{
	int khz = pc->vcpu->ops->get_tsc_khz(pc->vcpu);

	if (khz <= 0)
		return khz;
	return pc->vcpu->ops->set_tsc_khz(pc->vcpu, (u32)((u64)khz / factor));
}

/* One engine twice, or both tiers. */
static int run(const struct options *options, struct fault *fault)
{
	static const char *const tier[PC_ENGINES] = {"soft:tier=1",
						     "soft:tier=0"};
	struct engine *engine[PC_ENGINES] = {};
	struct pc pc = {};
	struct boot boot;
	int err = boot_open(&boot, options->kernel, options->initrd,
			    options->append, fault);

	if (err)
		return err;
	for (u32 i = 0; !err && i < PC_ENGINES; i++)
		err = engine_open(options->accel ? options->accel : tier[i],
				  &engine[i], NULL, 0, fault);
	if (!err)
		err = pc_init(&pc, engine, &boot, MEMORY_BYTES, fault);
	if (!err && options->slow > 1)
		err = slow_down(&pc, options->slow);
	if (!err)
		err = boot_moving(&pc, options, fault);
	fflush(stdout);
	fprintf(stderr, "state: %llu exits, %llu moves, %llu differences\n",
		(unsigned long long)pc.exits, (unsigned long long)pc.moves,
		(unsigned long long)pc.differences);
	pc_release(&pc);
	for (u32 i = 0; i < PC_ENGINES; i++)
		if (engine[i])
			engine[i]->ops->free(engine[i]);
	boot_close(&boot);
	return err;
}

enum {
	OPTION_KERNEL = 1,
	OPTION_INITRD,
	OPTION_APPEND,
	OPTION_SEED,
	OPTION_EVERY,
	OPTION_LIMIT,
	OPTION_ACCEL,
	OPTION_SLOW,
};

static const char usage[] =
	"usage: state --kernel FILE [--initrd FILE] [--append TEXT]\n"
	"             [--seed N] [--every EXITS] [--limit SECONDS]\n"
	"             [--accel NAME] [--slow N]\n"
	"Boots and moves the guest after EXITS exits each, on average. With\n"
	"--accel that engine is taken, and nothing moved. --slow lets the TSC\n"
	"run at an Nth of its speed, for engines that need the time.\n";

static int parse_number(u64 *ret)
{
	return str_parse_u64(str_of(optarg), ret);
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"kernel", required_argument, NULL, OPTION_KERNEL},
		{"initrd", required_argument, NULL, OPTION_INITRD},
		{"append", required_argument, NULL, OPTION_APPEND},
		{"seed", required_argument, NULL, OPTION_SEED},
		{"every", required_argument, NULL, OPTION_EVERY},
		{"limit", required_argument, NULL, OPTION_LIMIT},
		{"accel", required_argument, NULL, OPTION_ACCEL},
		{"slow", required_argument, NULL, OPTION_SLOW},
		{0},
	};
	int option, err = 0;

	while (!err &&
	       (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == OPTION_KERNEL)
			options->kernel = optarg;
		else if (option == OPTION_INITRD)
			options->initrd = optarg;
		else if (option == OPTION_APPEND)
			options->append = optarg;
		else if (option == OPTION_SEED)
			err = parse_number(&options->seed);
		else if (option == OPTION_EVERY)
			err = parse_number(&options->every);
		else if (option == OPTION_LIMIT)
			err = parse_number(&options->limit_s);
		else if (option == OPTION_ACCEL)
			options->accel = optarg;
		else if (option == OPTION_SLOW)
			err = parse_number(&options->slow);
		else
			err = -EINVAL;
	}
	return err || optind != argc || !options->kernel || !options->every
		       ? -EINVAL
		       : 0;
}

int main(int argc, char **argv)
{
	struct options options = {.append = "console=ttyS0",
				  .seed = 1,
				  .every = 50,
				  .limit_s = 300};
	struct fault fault = {};

	if (parse(argc, argv, &options)) {
		fputs(usage, stderr);
		return 2;
	}
	if (run(&options, &fault)) {
		fault_print(&fault, "state");
		return 1;
	}
	return 0;
}
