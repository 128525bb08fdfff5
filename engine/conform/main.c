/* SPDX-License-Identifier: MIT */
/*
 * Runs the conformance tests against one way and counts.
 *
 * The last line is "N passed, N failed, N skipped"; the exit status is 0 when
 * nothing failed and something ran.
 */
#include "engine/conform/conform.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/conform/machine.h"

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_SKIPPED = 77 };

#define TEST_SECONDS_DEFAULT 20u

struct conform {
	struct conform_test *first, **end;
	const struct conform_test *now;
	const char *accel;
	bool limited; /* a KVM that cannot run whole systems */
	bool no_fork;
	unsigned int seconds;
	unsigned int passed, failed, skipped;
};

static struct conform conform;
struct engine *way;

void conform_add(struct conform_test *test)
{
	if (!conform.end)
		conform.end = &conform.first;
	*conform.end = test;
	conform.end = &test->next;
}

void conform_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("FAIL %s\n  %s:%d: ", conform.now->name, file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	machine_describe();
	fflush(stdout);
	_exit(EXIT_FAILED);
}

void conform_skip(const char *fmt, ...)
{
	va_list args;

	printf("SKIP %s: ", conform.now->name);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(EXIT_SKIPPED);
}

/* A limited KVM is one that "auto" passes over. */
static bool way_is_limited(void)
{
	struct engine *chosen = NULL;
	bool limited;

	if (strcmp(conform.accel, "kvm") != 0)
		return false;
	if (engine_open("auto", &chosen, NULL, 0, NULL) < 0)
		return true;
	limited = strcmp(chosen->ops->name, "kvm") != 0;
	chosen->ops->free(chosen);
	return limited;
}

static int test_child(const struct conform_test *test)
{
	struct fault fault = {0};
	char reason[256];
	int err = engine_open(conform.accel, &way, reason, sizeof(reason),
			      &fault);

	if (err) {
		fault_print(&fault, "conform");
		return EXIT_FAILED;
	}
	test->run();
	machine_free_all();
	way->ops->free(way);
	fflush(stdout);
	return EXIT_PASSED;
}

/* The child's wait status; a child out of time is killed. */
static int wait_child(pid_t pid)
{
	u64 deadline = clock_now_ns() + conform.seconds * (u64)1000000000;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ns() > deadline) {
			(void)kill(pid, SIGKILL); /* it may just have ended */
			(void)waitpid(pid, &status, 0);
			return status;
		}
		usleep(500);
	}
	return status;
}

static void count(const struct conform_test *test, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == EXIT_PASSED) {
		conform.passed++;
		return;
	}
	if (code == EXIT_SKIPPED) {
		conform.skipped++;
		return;
	}
	conform.failed++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		printf("FAIL %s\n  no end after %u s\n", test->name,
		       conform.seconds);
	else if (WIFSIGNALED(status))
		printf("FAIL %s\n  killed by signal %d (%s)\n", test->name,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (code != EXIT_FAILED)
		printf("FAIL %s\n  exit status %d\n", test->name, code);
}

static void run_one(const struct conform_test *test)
{
	pid_t pid;

	conform.now = test;
	if (test->full && conform.limited) {
		printf("SKIP %s: this KVM cannot: %s\n", test->name, test->full);
		conform.skipped++;
		return;
	}
	fflush(stdout);
	if (conform.no_fork)
		exit(test_child(test));
	pid = fork();
	if (pid < 0) {
		perror("conform: fork");
		exit(1);
	}
	if (pid == 0)
		exit(test_child(test));
	count(test, wait_child(pid));
}

static bool selected(const struct conform_test *test, int argc, char **argv)
{
	for (int i = optind; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return optind >= argc;
}

static no_return void usage(void)
{
	fprintf(stderr,
		"usage: conform soft|kvm [-t SECONDS] [-l] [-n] "
		"[PART OF A TEST'S NAME]...\n"
		"  -t  seconds a test may take (%u)\n"
		"  -l  list the tests\n"
		"  -n  run the first test that fits in this process\n",
		TEST_SECONDS_DEFAULT);
	exit(2);
}

int main(int argc, char **argv)
{
	bool list = false;
	int option;

	conform.seconds = TEST_SECONDS_DEFAULT;
	while ((option = getopt(argc, argv, "t:ln")) != -1) {
		if (option == 't')
			conform.seconds =
				(unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'l')
			list = true;
		else if (option == 'n')
			conform.no_fork = true;
		else
			usage();
	}
	if (optind >= argc)
		usage();
	conform.accel = argv[optind++];
	conform.limited = !list && way_is_limited();
	for (struct conform_test *t = conform.first; t; t = t->next) {
		if (!selected(t, argc, argv))
			continue;
		if (list)
			printf("%s\n", t->name);
		else
			run_one(t);
	}
	if (list)
		return 0;
	printf("%u passed, %u failed, %u skipped\n", conform.passed,
	       conform.failed, conform.skipped);
	return conform.failed || !conform.passed;
}
