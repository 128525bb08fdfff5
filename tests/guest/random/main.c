/* SPDX-License-Identifier: MIT */
/*
 * The random test: user-mode instruction sequences on the bare CPU and on the
 * interpreter, and everything that they can change compared.
 *
 *	generate_case -> tier0_step ...     a batch of cases, made while running
 *	native_run                          the same batch, in the jailed child
 *	compare_case                        a difference is confirmed by running
 *	                                    the case again, then narrowed down
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tests/guest/random/compare.h"

#define CASES_DEFAULT 100000
#define CASES_JUDGED  100000 /* fewer need not meet every row and exception */
#define SHOWN_MAX     20 /* mismatches printed in full; later ones: a line */
#define CONFIRMATIONS 3
#define KINDS_MAX     512
#define BATCH_MAX     (SLOTS_MAX - 1)

/* Mismatches of one row that look alike: one is printed, all are counted. */
struct kind {
	u32 row, differs;
	u64 count;
	u64 first_case;
};

struct run {
	struct tier0 *tier0;
	struct native *native;
	struct generator generator;
	struct random_case *cases; /* owned: a batch, and one to narrow down to */
	struct snapshot *snapshots; /* owned: STEPS_MAX */
	struct row_tally *tally;    /* owned */
	u64 seed, count, first, only_case;
	u32 shown_max, shown;
	bool print_rows, verbose;
	u64 passed, failed, passed_over, unconfirmed, remade;
	u64 bad_fetches;
	u32 kind_count;
	struct kind kind[KINDS_MAX];
};

/* ---- mismatches ---- */

static void slot_fill(struct slot *slot, const struct random_case *c)
{
	slot->in = c->in;
	memcpy(slot->before, c->before, MEMORY_BYTES);
}

/* The bare CPU's outcome of one case, in slot 0. */
static const struct slot *run_alone(struct run *run, const struct random_case *c)
{
	struct slot *slot = native_slots(run->native);

	slot_fill(slot, c);
	if (native_run(run->native, 0, 1) < 0)
		slot->ran = false;
	return slot;
}

/* Interrupts can change what an instruction is seen to do; bugs come again. */
static u32 confirm(struct run *run, struct random_case *c)
{
	u32 differs = 0;

	for (u32 i = 0; i < CONFIRMATIONS; i++) {
		if (!c->broken && !generate_rerun(&run->generator, c))
			return 0;
		differs = compare_case(c, run_alone(run, c), NULL);
		if (!(differs & ~(u32)DIFFERS_UNDEFINED))
			return 0;
	}
	return differs;
}

/* The step's instruction alone, from the state that it found. */
static void single_case(const struct random_case *c,
			const struct snapshot *before,
			const struct case_step *s, struct random_case *ret)
{
	u32 size = s->decoded ? s->insn.len : INSN_LEN_MAX;

	ret->number = c->number;
	ret->code = before->state.seg[SEG_CS] == SELECTOR_CODE64 ? CODE_64
								 : CODE_32;
	ret->blocks = c->blocks;
	ret->in = before->state;
	memcpy(ret->before, before->memory, MEMORY_BYTES);
	memset(ret->before, CODE_END, CODE_BYTES);
	for (u32 i = 0; i < size && s->rip - AT_CODE + i < CODE_BYTES; i++)
		ret->before[s->rip - AT_CODE + i] = s->bytes[i];
}

/*
 * Looks for one instruction of *c that differs alone, and puts it into *ret;
 * false: only the sequence does.
 */
static bool narrow(struct run *run, struct random_case *c,
		   struct random_case *ret)
{
	bool found = false;

	run->generator.snapshots = run->snapshots;
	found = generate_rerun(&run->generator, c);
	run->generator.snapshots = NULL;
	if (!found)
		return false;
	for (u32 i = 0; i < c->step_count; i++) {
		single_case(c, &run->snapshots[i], &c->step[i], ret);
		if (generate_rerun(&run->generator, ret) &&
		    compare_case(ret, run_alone(run, ret), NULL) &
			    ~(u32)DIFFERS_UNDEFINED)
			return true;
	}
	return false;
}

static struct kind *kind_of(struct run *run, u32 row, u32 differs, u64 number)
{
	for (u32 i = 0; i < run->kind_count; i++)
		if (run->kind[i].row == row && run->kind[i].differs == differs)
			return &run->kind[i];
	if (run->kind_count == KINDS_MAX)
		return &run->kind[KINDS_MAX - 1];
	run->kind[run->kind_count] = (struct kind){row, differs, 0, number};
	return &run->kind[run->kind_count++];
}

/* Of two steps, an instruction and the end, the row is the first one's. */
static u32 row_of(const struct random_case *c)
{
	return c->step_count && c->step[0].decoded ? c->step[0].insn.row
						   : insn_row_count;
}

/* A difference of once: what it was may tell why. */
static void unconfirmed(struct run *run, const struct random_case *c,
			const struct slot *slot)
{
	run->unconfirmed++;
	run->passed++;
	if (!run->verbose)
		return;
	printf("ONCE ");
	compare_print_case(c, run->seed, stdout);
	(void)compare_case(c, slot, stdout);
}

/* `first` is what the bare CPU made of it when the batch ran. */
static void mismatch(struct run *run, struct random_case *c,
		     const struct slot *first)
{
	struct random_case *single = &run->cases[BATCH_MAX];
	struct random_case *shown = c;
	const struct slot *slot;
	struct kind *kind;
	u32 differs, row;

	/* While the case was made, an instruction may have read code that was
	 * not there yet. The bare CPU had all of it from the start. */
	if (!c->broken && generate_rerun(&run->generator, c) &&
	    !(compare_case(c, first, NULL) & ~(u32)DIFFERS_UNDEFINED)) {
		run->remade++;
		run->passed++;
		return;
	}
	differs = confirm(run, c);
	if (!differs) {
		unconfirmed(run, c, first);
		return;
	}
	run->failed++;
	if (!c->broken && narrow(run, c, single))
		shown = single;
	else if (!c->broken)
		(void)generate_rerun(&run->generator, c); /* was usable before */
	slot = run_alone(run, shown);
	differs = compare_case(shown, slot, NULL);
	row = row_of(shown);
	if (row < insn_row_count)
		run->tally[row].mismatched++;
	kind = kind_of(run, row, differs, c->number);
	if (kind->count++ && !run->verbose)
		return;
	if (run->shown++ >= run->shown_max)
		return;
	printf("FAIL ");
	compare_print_case(shown, run->seed, stdout);
	if (shown != single && c->step_count > 2)
		printf("  (no instruction of these differs alone)\n");
	(void)compare_case(shown, slot, stdout);
}

/* ---- batches ---- */

static void tally_case(struct run *run, const struct random_case *c)
{
	for (u32 i = 0; i < c->step_count; i++) {
		const struct case_step *s = &c->step[i];

		if (!s->decoded) {
			run->bad_fetches++;
			continue;
		}
		run->tally[s->insn.row].executed++;
		if (s->faulted)
			run->tally[s->insn.row].vectors |=
				1u << (c->out.vector & 31);
	}
}

static void judge_case(struct run *run, struct random_case *c,
		       const struct slot *slot)
{
	u32 differs = compare_case(c, slot, NULL);

	tally_case(run, c);
	if (differs == DIFFERS_UNDEFINED && c->step[0].decoded)
		run->tally[c->step[0].insn.row].undefined++;
	if (differs & ~(u32)DIFFERS_UNDEFINED) {
		mismatch(run, c, slot);
	} else {
		run->passed++;
	}
}

/* Slot 0 is left for cases that are run again. */
static int run_batch(struct run *run, u64 *number, u64 end)
{
	struct slot *slots = native_slots(run->native) + 1;
	u32 count = 0;
	int err;

	while (count < BATCH_MAX && *number < end) {
		struct random_case *c = &run->cases[count];

		if (generate_case(&run->generator, (*number)++, c))
			slot_fill(&slots[count++], c);
		else
			run->passed_over++;
	}
	err = native_run(run->native, 1, 1 + count);
	for (u32 i = 0; i < count && !err; i++)
		judge_case(run, &run->cases[i], &slots[i]);
	return err;
}

/* ---- set-up ---- */

/* A load above 2^48 answers how wide linear addresses are here. */
static int probe_la57(struct run *run, bool *ret)
{
	struct slot *slot = native_slots(run->native);
	static const u8 load[] = {0x8a, 0x00, CODE_END}; /* mov al, [rax] */
	int err;

	memset(slot, 0, sizeof(*slot));
	slot->in.rip = AT_CODE;
	slot->in.rflags = RFLAGS_FIXED;
	slot->in.gpr[RAX] = BIT(50);
	slot->in.seg[SEG_CS] = SELECTOR_CODE64;
	slot->in.seg[SEG_SS] = SELECTOR_DATA;
	memcpy(slot->before, load, sizeof(load));
	err = native_run(run->native, 0, 1);
	if (err)
		return err;
	if (!slot->ran)
		return -EIO;
	*ret = slot->out.vector == VECTOR_PF;
	return 0;
}

static bool feature_here(u32 leaf, u32 reg, u32 bit)
{
	u32 regs[4];

	__asm__("cpuid"
		: "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
		: "a"(leaf), "c"(0));
	return regs[reg] >> bit & 1;
}

/*
 * Parent and child stay on one processor: they hand over quickly, and the limit
 * of Linux's segment for getcpu(), which LSL shows, is its number.
 */
static int pin(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return -errno;
	CPU_ZERO(&set);
	CPU_SET((u32)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static int setup(struct run *run)
{
	bool is_la57 = false;
	int err = pin();

	if (err)
		return err;

	run->cases = calloc(BATCH_MAX + 1, sizeof(*run->cases));
	run->snapshots = calloc(STEPS_MAX, sizeof(*run->snapshots));
	run->tally = calloc(insn_row_count, sizeof(*run->tally));
	if (!run->cases || !run->snapshots || !run->tally)
		return -ENOMEM;
	/* [SDM2 "CPUID"]: AVX with OSXSAVE, FSGSBASE */
	err = native_create(&run->native,
			    feature_here(1, 2, 28) && feature_here(1, 2, 27),
			    feature_here(7, 1, 0));
	if (!err)
		err = probe_la57(run, &is_la57);
	if (!err)
		err = tier0_create(&run->tier0, is_la57);
	if (!err)
		err = generator_init(&run->generator, run->tier0, run->native,
				     run->seed);
	return err;
}

static void release(struct run *run)
{
	generator_release(&run->generator);
	tier0_free(run->tier0);
	native_free(run->native);
	free(run->cases);
	free(run->snapshots);
	free(run->tally);
}

/* ---- the report ---- */

static void report_kinds(const struct run *run)
{
	char row[80], what[100];

	if (run->kind_count)
		printf("mismatches by row:\n");
	for (u32 i = 0; i < run->kind_count; i++) {
		const struct kind *kind = &run->kind[i];

		if (kind->row < insn_row_count)
			row_format(kind->row, row, sizeof(row));
		else
			(void)snprintf(row, sizeof(row), "(fetch or decode)");
		compare_format(kind->differs, what, sizeof(what));
		printf("  %-48s %-30s %8llu, first in case %llu\n", row, what,
		       (unsigned long long)kind->count,
		       (unsigned long long)kind->first_case);
	}
}

static void report(struct run *run)
{
	u32 bad_rows = 0;

	report_kinds(run);
	if (run->print_rows)
		rows_print(run->tier0, run->tally, stdout);
	if (run->count >= CASES_JUDGED)
		bad_rows = rows_judge(run->tier0, run->tally, CODE_64, stdout);
	else
		printf("rows are judged from %u cases on\n", CASES_JUDGED);
	printf("random: seed %llu, %llu cases passed over, %llu ended at no "
	       "instruction, %llu read code made later, %llu differences did "
	       "not come again\n",
	       (unsigned long long)run->seed,
	       (unsigned long long)run->passed_over,
	       (unsigned long long)run->bad_fetches,
	       (unsigned long long)run->remade,
	       (unsigned long long)run->unconfirmed);
	run->failed += bad_rows;
	printf("%llu passed, %llu failed\n", (unsigned long long)run->passed,
	       (unsigned long long)run->failed);
}

static const char usage[] =
	"usage: random [--seed S] [--cases N] [--rows] [--mode 64|32] [--row ROW]\n"
	"              [--case NUMBER] [--show COUNT] [--verbose]\n";

enum {
	OPTION_SEED,
	OPTION_CASES,
	OPTION_ROWS,
	OPTION_MODE,
	OPTION_ROW,
	OPTION_CASE,
	OPTION_SHOW,
	OPTION_VERBOSE
};

static int parse_arguments(struct run *run, int argc, char **argv,
			   u64 *ret_mode, u64 *ret_row)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, OPTION_SEED},
		{"cases", required_argument, NULL, OPTION_CASES},
		{"rows", no_argument, NULL, OPTION_ROWS},
		{"mode", required_argument, NULL, OPTION_MODE},
		{"row", required_argument, NULL, OPTION_ROW},
		{"case", required_argument, NULL, OPTION_CASE},
		{"show", required_argument, NULL, OPTION_SHOW},
		{"verbose", no_argument, NULL, OPTION_VERBOSE},
		{0},
	};
	u64 value = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?' ||
		    (optarg && str_parse_u64(str_of(optarg), &value) < 0))
			return -EINVAL;
		if (option == OPTION_SEED)
			run->seed = value;
		else if (option == OPTION_CASES)
			run->count = value;
		else if (option == OPTION_ROWS)
			run->print_rows = true;
		else if (option == OPTION_MODE)
			*ret_mode = value;
		else if (option == OPTION_ROW)
			*ret_row = value;
		else if (option == OPTION_CASE)
			run->only_case = value;
		else if (option == OPTION_SHOW)
			run->shown_max = (u32)value;
		else
			run->verbose = true;
	}
	return optind == argc ? 0 : -EINVAL;
}

/* Three of four cases are 64-bit, unless told. */
static void choose_modes(struct generator *g, u64 mode)
{
	static const enum code_size turns[] = {CODE_64, CODE_64, CODE_32,
					       CODE_64};

	g->code_count = 4;
	for (u32 i = 0; i < 4; i++)
		g->code[i] = mode == 64	  ? CODE_64
			     : mode == 32 ? CODE_32
					  : turns[i];
}

static int run_all(struct run *run)
{
	u64 number = 0, end = run->count;
	int err = 0;

	if (run->only_case != ~0ull) {
		number = run->only_case;
		end = number + 1;
		run->count = 1;
	}
	while (number < end && !err)
		err = run_batch(run, &number, end);
	return err;
}

int main(int argc, char **argv)
{
	struct run run = {.seed = 1,
			  .count = CASES_DEFAULT,
			  .only_case = ~0ull,
			  .shown_max = SHOWN_MAX};
	u64 mode = 0, row = ~0ull;
	int err;

	if (parse_arguments(&run, argc, argv, &mode, &row) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	err = setup(&run);
	if (!err) {
		choose_modes(&run.generator, mode);
		if (row < insn_row_count)
			run.generator.only_row = (u32)row;
		err = run_all(&run);
	}
	if (err) {
		printf("FAIL random: %s\n", strerror(-err));
		run.failed++;
	}
	if (run.tally)
		report(&run);
	release(&run);
	return run.failed || !run.passed;
}
