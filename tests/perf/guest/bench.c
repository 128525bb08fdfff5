/* SPDX-License-Identifier: MIT */
/*
 * Runs the rows of a list of workloads and reports each on standard output,
 * in a guest for the VMM's driver to see on the serial line, and natively.
 *
 *	bench LIST WHICH REPEAT
 *
 * A line of LIST is "name class repeat needs command words...". WHICH is
 * "main" (all rows but class parallel), "parallel", or names with commas
 * between them; a row that a chosen one needs ("-" is none) is run as well.
 * REPEAT replaces the list's count of runs in one measurement; 0 keeps it.
 *
 *	BEGIN name repeat
 *	BENCH name wall user sys status sum
 *
 * Times are seconds of all repeats; status is the first wrong wait status,
 * sum a checksum of what the last repeat printed. The program sleeps after
 * each of these lines, so that whoever reads the VMM's CPU clock when a line
 * arrives reads it while the guest does nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX    100
#define WORDS_MAX   30
#define OUTPUT_PATH "/tmp/bench.out"
#define REST_NS	    (30 * 1000 * 1000)

struct row {
	char line[400];
	char *name;
	char *class;
	char *needs;
	int repeat;
	char *command[WORDS_MAX];
	int is_chosen;
};

static struct row rows[ROWS_MAX];
static int row_count;

static int row_parse(struct row *row)
{
	char *at = NULL;
	char *repeat;
	int count = 0;

	row->name = strtok_r(row->line, " \t\n", &at);
	if (!row->name || row->name[0] == '#')
		return 0;
	row->class = strtok_r(NULL, " \t\n", &at);
	repeat = strtok_r(NULL, " \t\n", &at);
	row->needs = strtok_r(NULL, " \t\n", &at);
	while (count < WORDS_MAX - 1) {
		row->command[count] = strtok_r(NULL, " \t\n", &at);
		if (!row->command[count])
			break;
		count++;
	}
	row->command[count] = NULL;
	row->repeat = repeat ? atoi(repeat) : 0;
	row->is_chosen = 0;
	return count > 0 && row->repeat > 0;
}

static int list_read(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (row_count < ROWS_MAX &&
	       fgets(rows[row_count].line, sizeof(rows[0].line), file))
		row_count += row_parse(&rows[row_count]);
	fclose(file);
	return 0;
}

static int is_in(const char *name, const char *names)
{
	size_t length = strlen(name);

	for (const char *at = names; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) &&
		    (at[length] == ',' || !at[length]))
			return 1;
	}
	return 0;
}

static void choose_needed(const char *name)
{
	for (int i = 0; i < row_count; i++)
		if (!strcmp(rows[i].name, name))
			rows[i].is_chosen = 1;
}

static void choose(const char *which)
{
	for (int i = 0; i < row_count; i++) {
		int is_parallel = !strcmp(rows[i].class, "parallel");

		if (!strcmp(which, "main"))
			rows[i].is_chosen = !is_parallel;
		else if (!strcmp(which, "parallel"))
			rows[i].is_chosen = is_parallel;
		else
			rows[i].is_chosen = is_in(rows[i].name, which);
	}
	for (int i = row_count; i-- > 0;)
		if (rows[i].is_chosen)
			choose_needed(rows[i].needs);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* What is printed is on the wire, and this program does nothing, when it
 * returns. */
static void rest(void)
{
	struct timespec time = {.tv_nsec = REST_NS};

	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	nanosleep(&time, NULL);
}

static int run_once(const struct row *row)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		int out = open(OUTPUT_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(out, 1);
		dup2(null, 2);
		execv(row->command[0], row->command);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* FNV-1a over what the last command printed. */
static uint32_t output_sum(void)
{
	FILE *file = fopen(OUTPUT_PATH, "r");
	uint32_t sum = 2166136261U;
	int byte;

	if (!file)
		return 0;
	while ((byte = getc(file)) != EOF)
		sum = (sum ^ (uint32_t)byte) * 16777619U;
	fclose(file);
	return sum;
}

static void measure(const struct row *row, int repeat)
{
	struct rusage before, after;
	double start_s, wall_s;
	int bad_status = 0;

	printf("BEGIN %s %d\n", row->name, repeat);
	rest();
	getrusage(RUSAGE_CHILDREN, &before);
	start_s = now_s();
	for (int i = 0; i < repeat; i++) {
		int status = run_once(row);

		if (status && !bad_status)
			bad_status = status;
	}
	wall_s = now_s() - start_s;
	getrusage(RUSAGE_CHILDREN, &after);
	printf("BENCH %s %.6f %.6f %.6f %d %08x\n", row->name, wall_s,
	       seconds(after.ru_utime) - seconds(before.ru_utime),
	       seconds(after.ru_stime) - seconds(before.ru_stime), bad_status,
	       output_sum());
	rest();
}

int main(int argc, char *argv[])
{
	int repeat;

	if (argc != 4 || list_read(argv[1])) {
		fputs("usage: bench LIST WHICH REPEAT\n", stderr);
		return 2;
	}
	repeat = atoi(argv[3]);
	choose(argv[2]);
	for (int i = 0; i < row_count; i++)
		if (rows[i].is_chosen)
			measure(&rows[i], repeat ? repeat : rows[i].repeat);
	puts("ALLDONE");
	rest();
	return 0;
}
