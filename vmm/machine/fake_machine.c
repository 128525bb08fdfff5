/* SPDX-License-Identifier: MIT */
#include "vmm/machine/fake_machine.h"

#include <assert.h>
#include <string.h>

#include "vmm/kick.h"

#define LOAD_GPA 0x100000u

static void on_ended(void *ctx, int status)
{
	struct fake_machine *fake = ctx;

	assert(!fake->ended);
	fake->ended = true;
	fake->status = status;
	loop_stop(fake->loop);
}

/* Magic, flags (addresses follow), their sum; where the header is loaded, where the
 * image, its end (the file's), the end of what is zeroed (none), the entry.
 * [MULTIBOOT 3.1.1 "The layout of Multiboot header"] */
static const u32 header[] = {
	0x1badb002, 0x10003, -(0x1badb002 + 0x10003), LOAD_GPA, LOAD_GPA,
	0,	    0,	     LOAD_GPA + 0x20,
};

void fake_machine_init(struct fake_machine *fake)
{
	int err;

	memset(fake, 0, sizeof(*fake));
	memcpy(fake->kernel, header, sizeof(header));
	fake->status = -1;
	kick_setup();
	fake_engine_init(&fake->engine);
	err = loop_create(&fake->loop);
	assert(!err);
	err = boot_from_memory(&fake->boot, fake->kernel, sizeof(fake->kernel),
			       NULL, 0, "cmdline", &fake->fault);
	assert(!err);
	fake->config = (struct machine_config){
		.engine = &fake->engine.engine,
		.loop = fake->loop,
		.memory_bytes = 16 * MiB,
		.cpu_count = 1,
		.cpu_model = "host",
		.boot = &fake->boot,
		.ended = on_ended,
		.ctx = fake,
	};
}

void fake_machine_create(struct fake_machine *fake)
{
	int err = machine_create(&fake->config, &fake->machine, &fake->fault);

	assert(!err);
}

void fake_machine_release(struct fake_machine *fake)
{
	machine_free(fake->machine);
	fake->machine = NULL;
	loop_free(fake->loop);
	fake->loop = NULL;
}
