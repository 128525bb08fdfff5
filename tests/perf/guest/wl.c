/* SPDX-License-Identifier: MIT */
/* wl NAME N: does the workload's work N times and prints its result. */
#include "tests/perf/guest/wl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKLOAD(name)           \
	{                        \
#name, wl_##name \
	}

static const struct {
	const char *name;
	uint64_t (*run)(long n);
} workload[] = {
	WORKLOAD(sieve),     WORKLOAD(sha),	   WORKLOAD(core),
	WORKLOAD(fib),	     WORKLOAD(interp),	   WORKLOAD(icall),
	WORKLOAD(chase),     WORKLOAD(matmul),	   WORKLOAD(nbody),
	WORKLOAD(x87),	     WORKLOAD(ssei),	   WORKLOAD(libm),
	WORKLOAD(getppid),   WORKLOAD(gettime),	   WORKLOAD(rdtsc),
	WORKLOAD(pipe),	     WORKLOAD(yield),	   WORKLOAD(pf),
	WORKLOAD(mprot),     WORKLOAD(cow),	   WORKLOAD(forkexec),
	WORKLOAD(fork),	     WORKLOAD(signal),	   WORKLOAD(segv),
	WORKLOAD(memcpy),    WORKLOAD(repmovs),	   WORKLOAD(copy8),
	WORKLOAD(smc),	     WORKLOAD(cold),	   WORKLOAD(files),
	WORKLOAD(rm),	     WORKLOAD(gen),	   WORKLOAD(par_sha),
	WORKLOAD(par_mutex), WORKLOAD(par_atomic), WORKLOAD(atomic1),
};

int main(int argc, char *argv[])
{
	if (argc != 3) {
		fputs("usage: wl NAME N\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(workload) / sizeof(workload[0]); i++) {
		if (strcmp(workload[i].name, argv[1]))
			continue;
		printf("%016" PRIx64 "\n", workload[i].run(atol(argv[2])));
		fflush(stdout);
		_exit(0);
	}
	fprintf(stderr, "wl: '%s' is no workload\n", argv[1]);
	return 2;
}
