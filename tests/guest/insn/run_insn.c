/* SPDX-License-Identifier: MIT */
/*
 * Runs the instruction files on every way there is and compares.
 *
 *	run_insn [-v] [-l] [-n RUNS] [-s SEED] [-w WAY] [FILE.S ...]
 *
 * Each file says what comes out of its instruction (head.h); every way must
 * give exactly that. Files that name random inputs are also run RUNS times
 * (default 16) with values from SEED, and the ways must agree with the bare
 * CPU. Without files: all in the folder "cases" beside this program, each with
 * the machine code of FILE.S in FILE.bin.
 *
 *	-v  every skip with its file	-l  print the bare CPU's out lines
 *	-w  only ways whose title contains WAY ("bare", "soft", "CPL 0")
 *
 * A way that says it cannot run something is skipped there, and the skips are
 * counted by reason. The last line is "N passed, N failed, N skipped".
 */
#define _GNU_SOURCE
#include <assert.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "engine/engine.h"
#include "tests/guest/insn/feature.h"
#include "tests/guest/insn/head.h"
#include "tests/guest/insn/learn.h"
#include "tests/guest/insn/way.h"

#define WAYS_MAX	 8
#define SKIP_REASONS_MAX 64
#define FILE_BYTES_MAX	 (64 * 1024)
#define RANDOM_RUNS	 16
#define TITLE_BYTES	 256

struct runner {
	struct engine *soft, *kvm;	/* owned; may be NULL */
	struct insn_way *way[WAYS_MAX]; /* owned */
	u32 way_count;
	struct insn_way *native; /* one of them, or NULL */
	u32 passed, failed, skipped;
	struct {
		char text[INSN_WHY_BYTES + 40];
		u32 count;
	} skip[SKIP_REASONS_MAX];
	u32 skip_count;
	const char *filter;
	u32 random_runs;
	u64 seed;
	bool is_verbose;
	bool is_learning;
};

struct insn_file {
	const char *name; /* without the folder */
	u8 *code;	  /* owned */
	u32 code_bytes;
	struct insn_head head; /* owned */
};

/* ---- counting ---- */

static void count_skip(struct runner *r, const struct insn_way *way,
		       const struct insn_file *file, const char *why)
{
	char text[sizeof(r->skip[0].text)];
	u32 i = 0;

	r->skipped++;
	(void)snprintf(text, sizeof(text), "%s: %s", way->title, why);
	if (r->is_verbose)
		printf("SKIP %s on %s\n", file->name, text);
	while (i < r->skip_count && strcmp(r->skip[i].text, text) != 0)
		i++;
	if (i == SKIP_REASONS_MAX)
		return;
	if (i == r->skip_count)
		memcpy(r->skip[r->skip_count++].text, text, sizeof(text));
	r->skip[i].count++;
}

static void report(const struct runner *r)
{
	for (u32 i = 0; i < r->skip_count; i++)
		printf("SKIP %u x %s\n", r->skip[i].count, r->skip[i].text);
	printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed,
	       r->skipped);
}

/* ---- one state on one way ---- */

/* The file says nothing about this way: not even a skip. */
static bool is_meant(const struct insn_way *way, const struct insn_head *head)
{
	return head->cpl == INSN_CPL_ANY || head->cpl == way->cpl;
}

/* The feature the way lacks, or NULL. */
static const char *lacks(const struct insn_way *way,
			 const struct insn_head *head)
{
	for (u32 i = 0; i < head->needs_count; i++)
		if (!insn_feature_in(way->cpuid, head->needs[i]))
			return head->needs[i];
	return NULL;
}

/* What differs between ways by their nature, not by mistake. */
static void adapt(const struct insn_way *way, struct insn_state *state)
{
	for (u32 i = 0; i < 16 && !way->has_avx; i++)
		memset(state->ymm[i] + 16, 0, 16);
	if (way->cpl == 0 && state->vector == 14)
		state->error &= ~(u32)4; /* from the supervisor */
}

/* This way is known to be wrong about this file. */
static bool is_excused(const struct insn_way *way, const struct insn_file *file)
{
	return way->is_limited && (file->head.limited_levels & BIT(way->cpl));
}

static void run_one(struct runner *r, struct insn_way *way,
		    const struct insn_file *file, const struct insn_state *in,
		    const struct insn_state *want, u64 undefined,
		    const char *title)
{
	struct insn_state from = *in, to = *want, got;
	char why[INSN_WHY_BYTES] = "";

	enum insn_result result;

	adapt(way, &from);
	adapt(way, &to);
	result = way->run(way, file->code, file->code_bytes, &from, &got, why);
	if (is_excused(way, file) &&
	    (result == INSN_BROKEN ||
	     (result == INSN_RAN &&
	      insn_state_compare(&got, &to, undefined, title, NULL)))) {
		count_skip(r, way, file, "a limited KVM is wrong about it");
		return;
	}
	switch (result) {
	case INSN_RAN:
		if (insn_state_compare(&got, &to, undefined, title, stdout))
			r->failed++;
		else
			r->passed++;
		break;
	case INSN_UNABLE:
		count_skip(r, way, file, why);
		break;
	case INSN_BROKEN:
		printf("%s: %s\n", title, why);
		r->failed++;
		break;
	}
}

static void run_cases(struct runner *r, struct insn_way *way,
		      const struct insn_file *file)
{
	char title[TITLE_BYTES];

	for (u32 i = 0; i < file->head.case_count; i++) {
		const struct insn_case *c = &file->head.cases[i];

		(void)snprintf(title, sizeof(title), "FAIL %s:%u on %s",
			       file->name, c->line, way->title);
		run_one(r, way, file, &c->in, &c->out, c->undefined, title);
	}
}

/* ---- random states ---- */

/* [splitmix64: a counter through a mixing function; any seed will do] */
static u64 random_next(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Half of them at the edges, where instructions differ from each other. */
static u64 random_value(u64 *seed)
{
	static const u64 edge[] = {0,
				   1,
				   2,
				   0x7f,
				   0x80,
				   0xff,
				   0x7fff,
				   0x8000,
				   0x7fffffff,
				   0x80000000,
				   0xffffffff,
				   0x7fffffffffffffff,
				   0x8000000000000000,
				   UINT64_MAX,
				   UINT64_MAX - 1,
				   0x3f80000040000000,
				   0x7f800000ff800000,
				   0x7fc000007f800001,
				   0x0000000180000001,
				   0x3ff0000000000000,
				   0x7ff0000000000000,
				   0xfff8000000000000,
				   0x7ff0000000000001,
				   0x0000000000000001,
				   0x4340000000000000};
	u64 pick = random_next(seed);

	if (pick & 1)
		return random_next(seed) >> (pick >> 1 & 63);
	return edge[(pick >> 8) % ARRAY_SIZE(edge)];
}

static void random_bytes(u64 *seed, u8 *bytes, u32 size)
{
	for (u32 i = 0; i < size; i += 8) {
		u64 value = random_value(seed);

		memcpy(bytes + i, &value, 8);
	}
}

static void randomise(const struct insn_head *head, u64 *seed,
		      struct insn_state *state)
{
	*state = head->cases[0].in;
	for (u32 i = 0; i < head->random_count; i++) {
		u32 index = head->random[i].index;

		switch (head->random[i].kind) {
		case INSN_RANDOM_GPR:
			state->gpr[index] = random_value(seed);
			break;
		case INSN_RANDOM_FLAGS: /* DF stays: it moves pointers */
			state->rflags ^= random_next(seed) & INSN_FLAGS & 0xbff;
			break;
		case INSN_RANDOM_YMM:
			random_bytes(seed, state->ymm[index], 32);
			break;
		case INSN_RANDOM_MEMORY:
			random_bytes(seed, state->data + index, 64);
			break;
		}
	}
}

/* One random state on the bare CPU, then on all the others. */
static void run_random(struct runner *r, const struct insn_file *file, u64 seed)
{
	u64 undefined = file->head.random_undefined;
	struct insn_state in, want;
	char why[INSN_WHY_BYTES];
	char title[TITLE_BYTES];
	u64 next = seed;

	randomise(&file->head, &next, &in);
	if (r->native->run(r->native, file->code, file->code_bytes, &in, &want,
			   why) != INSN_RAN) {
		printf("FAIL %s: random %llu: %s\n", file->name,
		       (unsigned long long)seed, why);
		r->failed++;
		return;
	}
	for (u32 i = 0; i < r->way_count; i++) {
		struct insn_way *way = r->way[i];

		if (way == r->native || !is_meant(way, &file->head) ||
		    lacks(way, &file->head) || !strstr(way->title, r->filter))
			continue;
		(void)snprintf(title, sizeof(title), "FAIL %s, -s %llu on %s",
			       file->name, (unsigned long long)seed, way->title);
		run_one(r, way, file, &in, &want, undefined, title);
	}
}

/* ---- a file ---- */

static void learn(struct runner *r, const struct insn_file *file)
{
	for (u32 i = 0; i < file->head.case_count; i++) {
		const struct insn_state *in = &file->head.cases[i].in;
		char why[INSN_WHY_BYTES];
		struct insn_state out;

		printf("%s:%u", file->name, file->head.cases[i].line);
		if (r->native->run(r->native, file->code, file->code_bytes, in,
				   &out, why) == INSN_RAN)
			insn_learn_print(in, &out, file->code_bytes, stdout);
		else
			printf(" %s\n", why);
	}
}

static void run_file(struct runner *r, const struct insn_file *file)
{
	for (u32 i = 0; i < r->way_count; i++) {
		struct insn_way *way = r->way[i];
		const char *feature = lacks(way, &file->head);

		if (!strstr(way->title, r->filter) ||
		    !is_meant(way, &file->head))
			continue;
		if (feature)
			count_skip(r, way, file, feature);
		else
			run_cases(r, way, file);
	}
	if (!r->native || !is_meant(r->native, &file->head) ||
	    lacks(r->native, &file->head) || file->head.random_count == 0)
		return;
	for (u32 i = 0; i < r->random_runs; i++)
		run_random(r, file, r->seed + i);
}

/* The code beside "x.S" is in "x.bin". */
static int read_code(const char *path, struct insn_file *file,
		     struct fault *fault)
{
	char bin[PATH_MAX];
	size_t stem = strlen(path);
	void *code;
	size_t size;
	int err;

	if (stem < 3 || strcmp(path + stem - 2, ".S") != 0 ||
	    snprintf(bin, sizeof(bin), "%.*s.bin", (int)stem - 2, path) >=
		    (int)sizeof(bin))
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "'%s' is not called NAME.S", path);
	err = file_read(bin, INSN_CODE_BYTES - 16, &code, &size);
	if (err < 0)
		return fault_set(fault, FAULT_IO, err, "cannot read '%s'", bin);
	if (size == 0) {
		free(code);
		return fault_set(fault, FAULT_INVALID, -EINVAL, "'%s' is empty",
				 bin);
	}
	file->code = code;
	file->code_bytes = (u32)size;
	return 0;
}

static int load_file(const char *path, struct insn_file *file,
		     struct fault *fault)
{
	const char *slash = strrchr(path, '/');
	void *text;
	size_t size;
	int err = read_code(path, file, fault);

	if (err < 0)
		return err;
	file->name = slash ? slash + 1 : path;
	err = file_read(path, FILE_BYTES_MAX, &text, &size);
	if (err < 0) {
		(void)fault_set(fault, FAULT_IO, err, "cannot read '%s'", path);
	} else {
		err = insn_head_parse(str_make(text, size), file->code_bytes,
				      &file->head, fault);
		free(text);
	}
	if (err < 0)
		free(file->code);
	return err;
}

static void run_path(struct runner *r, const char *path)
{
	struct insn_file file = {0};
	struct fault fault = {0};

	if (load_file(path, &file, &fault) < 0) {
		char text[512];

		(void)fault_format(&fault, text, sizeof(text));
		printf("FAIL %s: %s\n", path, text);
		r->failed++;
		return;
	}
	if (r->is_learning && r->native)
		learn(r, &file);
	else
		run_file(r, &file);
	insn_head_release(&file.head);
	free(file.code);
}

/* ---- can it fail at all? ---- */

#define FIELD(name)                                               \
	{                                                         \
#name, offsetof(struct insn_state, name),         \
			sizeof(((struct insn_state *)NULL)->name) \
	}

/* One changed bit anywhere in the state must be seen. */
static void check_comparison(struct runner *r)
{
	static const struct {
		const char *name;
		size_t offset, size;
	} fields[] = {FIELD(gpr),  FIELD(rip),	 FIELD(fcw),	FIELD(fsw),
		      FIELD(ftw),  FIELD(mxcsr), FIELD(st),	FIELD(ymm),
		      FIELD(data), FIELD(stack), FIELD(vector), FIELD(error),
		      FIELD(cr2)};
	struct insn_state want, got;
	u32 missed = 0;

	insn_state_init(&want);
	want.ftw = 0xff; /* all registers of the stack count */
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		for (size_t at = 0; at < fields[i].size; at++) {
			got = want;
			((u8 *)&got)[fields[i].offset + at] ^= 0x10;
			if (insn_state_compare(&got, &want, 0, "", NULL))
				continue;
			printf("FAIL run_insn: a change of %s[%zu] is missed\n",
			       fields[i].name, at);
			missed++;
		}
	got = want;
	got.rflags ^= insn_flags_parse("d", 1);
	missed += insn_state_compare(&got, &want, 0, "", NULL) != 1;
	if (missed)
		r->failed++;
	else
		r->passed++;
}

/* ---- setting up ---- */

static void add_way(struct runner *r, int err, struct insn_way *way,
		    const struct fault *fault)
{
	if (err < 0) {
		fault_print(fault, "FAIL run_insn");
		r->failed++;
		return;
	}
	assert(r->way_count < WAYS_MAX);
	r->way[r->way_count++] = way;
}

static void add_guests(struct runner *r, struct engine *e, bool is_limited)
{
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		struct fault fault = {0};
		struct insn_way *way = NULL;
		int err = insn_guest_create(e, cpl, &way, &fault);

		if (err == 0)
			way->is_limited = is_limited;
		add_way(r, err, way, &fault);
	}
}

/* What "auto" does not take is limited. */
static bool is_kvm_limited(void)
{
	struct engine *e = NULL;
	bool is_full;

	if (engine_open("auto", &e, NULL, 0, NULL) < 0)
		return true;
	is_full = strcmp(e->ops->name, "kvm") == 0;
	e->ops->free(e);
	return !is_full;
}

static void add_ways(struct runner *r)
{
	struct fault fault = {0};
	struct insn_way *way = NULL;
	int err = insn_native_create(&way, &fault);

	add_way(r, err, way, &fault);
	r->native = way;
	if (engine_soft_open(NULL, &r->soft, &fault) == 0) {
		add_guests(r, r->soft, false);
	} else {
		fault_print(&fault, "FAIL run_insn: soft");
		r->failed++;
	}
	if (engine_kvm_open(&r->kvm, &fault) == 0) {
		add_guests(r, r->kvm, is_kvm_limited());
	} else {
		printf("SKIP all on /dev/kvm: %s\n", fault.text[0]);
		r->skipped++;
	}
}

static void release(struct runner *r)
{
	for (u32 i = 0; i < r->way_count; i++)
		r->way[i]->free(r->way[i]);
	if (r->soft)
		r->soft->ops->free(r->soft);
	if (r->kvm)
		r->kvm->ops->free(r->kvm);
}

static void run_default(struct runner *r)
{
	char self[PATH_MAX], pattern[PATH_MAX + 16];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	glob_t files;

	self[size < 0 ? 0 : size] = '\0';
	(void)snprintf(pattern, sizeof(pattern), "%s/cases/*.S", dirname(self));
	if (glob(pattern, 0, NULL, &files) != 0) {
		printf("FAIL run_insn: nothing is '%s'\n", pattern);
		r->failed++;
		return;
	}
	for (size_t i = 0; i < files.gl_pathc; i++)
		run_path(r, files.gl_pathv[i]);
	globfree(&files);
}

static int parse_arguments(struct runner *r, int argc, char **argv)
{
	u64 runs = RANDOM_RUNS;
	int flag;

	while ((flag = getopt(argc, argv, "vln:s:w:")) != -1) {
		if (flag == 'v')
			r->is_verbose = true;
		else if (flag == 'l')
			r->is_learning = true;
		else if (flag == 'w')
			r->filter = optarg;
		else if (flag == '?' ||
			 str_parse_u64(str_of(optarg),
				       flag == 'n' ? &runs : &r->seed) < 0)
			return -EINVAL;
	}
	r->random_runs = (u32)runs;
	return 0;
}

int main(int argc, char **argv)
{
	struct runner r = {.filter = "", .seed = 1};

	if (parse_arguments(&r, argc, argv) < 0) {
		fprintf(stderr, "usage: run_insn [-v] [-l] [-n RUNS] "
				"[-s SEED] [-w WAY] [FILE.S ...]\n");
		return 2;
	}
	check_comparison(&r);
	add_ways(&r);
	if (optind == argc)
		run_default(&r);
	for (int i = optind; i < argc; i++)
		run_path(&r, argv[i]);
	release(&r);
	report(&r);
	return r.failed || !r.passed;
}
