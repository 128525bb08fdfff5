/* SPDX-License-Identifier: MIT */
/*
 * A load of code that comes and goes, for a Linux guest: code made in fresh
 * mappings and in one that is rewritten, fork and exec, for so many seconds.
 * Each answer is looked at. Prints a line for each second and an end.
 *
 *	code-churn SECONDS
 *	code-churn child NUMBER		what it executes
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES 65536u
#define CALLS 200u

typedef uint32_t (*made_fn)(void);

/* `count` functions, each a chain of additions that makes serial + its index. */
static void code_make(uint8_t *at, uint32_t count, uint32_t serial)
{
	const uint32_t each = BYTES / count;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *code = at + i * each;
		uint32_t value = serial + i - 3 * (serial % 9);

		*code++ = 0xb8; /* mov $value, %eax */
		memcpy(code, &value, 4);
		code += 4;
		for (uint32_t k = 0; k < serial % 9; k++) {
			static const uint8_t add[] = {0xeb, 0, 0x83, 0xc0, 3};

			memcpy(code, add, sizeof(add));
			code += sizeof(add);
		}
		*code = 0xc3;
	}
}

static uint32_t code_wrong(uint8_t *at, uint32_t count, uint32_t serial)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		made_fn fn;
		void *code = at + i * (BYTES / count);

		memcpy(&fn, &code, sizeof(fn));
		for (uint32_t n = 0; n < CALLS; n++)
			wrong += fn() != serial + i;
	}
	return wrong;
}

static uint32_t fresh(uint32_t serial)
{
	uint8_t *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t wrong;

	if (at == MAP_FAILED)
		return 1;
	code_make(at, 64, serial);
	if (mprotect(at, BYTES, PROT_READ | PROT_EXEC) < 0)
		return 1;
	wrong = code_wrong(at, 64, serial);
	return wrong + (munmap(at, BYTES) < 0);
}

static uint32_t rewritten(uint8_t *at, uint32_t serial)
{
	code_make(at, 256, serial);
	return code_wrong(at, 256, serial);
}

static uint32_t executed(const char *self, uint32_t serial)
{
	char number[16];
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)snprintf(number, sizeof(number), "%u", serial);
		(void)execl(self, self, "child", number, (char *)NULL);
		_exit(99);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	return !WIFEXITED(status) || WEXITSTATUS(status) != (int)(serial % 90);
}

int main(int argc, char **argv)
{
	uint8_t *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t serial, wrong = 0;
	time_t start = time(NULL), shown = start;
	long seconds;

	if (at == MAP_FAILED || argc < 2)
		return 2;
	if (argc == 3) {
		serial = (uint32_t)strtoul(argv[2], NULL, 10);
		wrong = fresh(serial) + rewritten(at, serial + 1);
		return wrong ? 98 : (int)(serial % 90);
	}
	seconds = strtol(argv[1], NULL, 10);
	for (serial = 1; time(NULL) - start < seconds; serial++) {
		wrong += fresh(serial) + rewritten(at, serial);
		if (serial % 4 == 0)
			wrong += executed(argv[0], serial);
		if (time(NULL) != shown) {
			shown = time(NULL);
			printf("churn: %u rounds, %u wrong\n", serial, wrong);
			fflush(stdout);
		}
	}
	printf("CHURN-END %u rounds, %u wrong\n", serial, wrong);
	return wrong != 0;
}
