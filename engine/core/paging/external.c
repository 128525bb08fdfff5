/* SPDX-License-Identifier: MIT */
/*
 * Accesses that are not memory: devices inside the engine and, through
 * X86_NEED, the owner's client.
 *
 * The log makes an instruction of several such accesses restartable: what is
 * finished is found again by kind, address and order instead of being made
 * twice. See struct x86_external.
 */
#include "engine/core/paging/mem.h"

/* The next finished access, if it is this one. */
static struct external_access *log_match(struct x86_external *ext, u32 kind,
					 gpa_t gpa, u32 size)
{
	struct external_access *next = &ext->log[ext->cursor];

	if (ext->cursor >= ext->done || next->kind != kind ||
	    next->gpa != gpa || next->size != size)
		return NULL;
	ext->cursor++;
	return next;
}

static void log_append(struct x86_cpu *cpu, const struct external_access *access)
{
	struct x86_external *ext = &cpu->external;

	ext->log[ext->done++] = *access;
	cpu->stop |= STOP_LOG;
}

static int external_do(struct x86_cpu *cpu, struct external_access *access)
{
	struct x86_external *ext = &cpu->external;
	bool write = access->kind == EXTERNAL_WRITE ||
		     access->kind == EXTERNAL_OUT;
	struct external_access *logged =
		log_match(ext, access->kind, access->gpa, access->size);
	bool taken;

	if (logged) {
		access->data = logged->data;
		return X86_OK;
	}
	if (ext->done == EXTERNAL_LOG_MAX)
		return X86_UNHANDLED;
	if (access->kind == EXTERNAL_IN || access->kind == EXTERNAL_OUT)
		taken = cpu->ops->port(cpu->ctx, (u16)access->gpa,
				       &access->data, access->size, write);
	else
		taken = cpu->ops->mmio(cpu->ctx, access->gpa, &access->data,
				       access->size, write);
	if (!taken) {
		ext->want = *access;
		ext->count = 0; /* a single access, not a portion */
		return X86_NEED;
	}
	log_append(cpu, access);
	ext->cursor = ext->done;
	return X86_OK;
}

int external_read(struct x86_cpu *cpu, gpa_t gpa, void *data, u32 size)
{
	struct external_access access = {
		.gpa = gpa, .size = (u8)size, .kind = EXTERNAL_READ};
	int rc = external_do(cpu, &access);

	if (!rc)
		__builtin_memcpy(data, &access.data, size);
	return rc;
}

int external_write(struct x86_cpu *cpu, gpa_t gpa, const void *data, u32 size)
{
	struct external_access access = {
		.gpa = gpa, .size = (u8)size, .kind = EXTERNAL_WRITE};

	__builtin_memcpy(&access.data, data, size);
	return external_do(cpu, &access);
}

int external_port(struct x86_cpu *cpu, u16 port, void *data, u32 size,
		  bool write)
{
	struct external_access access = {.gpa = port,
					 .size = (u8)size,
					 .kind = write ? EXTERNAL_OUT
						       : EXTERNAL_IN};
	int rc;

	if (write)
		__builtin_memcpy(&access.data, data, size);
	rc = external_do(cpu, &access);
	if (!rc && !write)
		__builtin_memcpy(data, &access.data, size);
	return rc;
}

void external_complete(struct x86_cpu *cpu, u64 data)
{
	struct x86_external *ext = &cpu->external;

	if (ext->want.kind == EXTERNAL_READ || ext->want.kind == EXTERNAL_IN)
		ext->want.data = data;
	log_append(cpu, &ext->want);
	ext->want.kind = EXTERNAL_NONE;
	ext->cursor = 0;
}

void external_clear(struct x86_cpu *cpu)
{
	struct x86_external *ext = &cpu->external;

	ext->want.kind = EXTERNAL_NONE;
	ext->count = ext->done = ext->cursor = 0;
	ext->string_ready = false;
	cpu->stop &= ~STOP_LOG;
}
