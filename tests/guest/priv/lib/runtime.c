/* SPDX-License-Identifier: MIT */
/* Reporting, catching, and the entry of every exception. */
#include "tests/guest/priv/lib/priv.h"

#include <stdarg.h>

#define COM1 0x3f8

static struct {
	word save; /* the stack to go back to; 0: nobody catches */
	struct trap trap;
} cpus[CPUS_MAX];

static u32 passed_count, failed_count;
static trap_hook hooks[256];
static u32 print_lock;

/* --- text --- */

void put_char(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		cpu_relax();
	outb(COM1, (u8)c);
}

static void put_text(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_hex(u64 value)
{
	u32 shift = 60;

	put_text("0x");
	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (;; shift -= 4) {
		put_char("0123456789abcdef"[value >> shift & 15]);
		if (!shift)
			return;
	}
}

static void put_decimal(u32 value)
{
	char text[11];
	u32 at = sizeof(text) - 1;

	text[at] = 0;
	do
		text[--at] = (char)('0' + value % 10);
	while (value /= 10);
	put_text(text + at);
}

static void put_format(const char *f, va_list args)
{
	for (; *f; f++) {
		if (*f != '%') {
			put_char(*f);
			continue;
		}
		switch (*++f) {
		case 's':
			put_text(va_arg(args, const char *));
			break;
		case 'c':
			put_char((char)va_arg(args, int));
			break;
		case 'd':
		case 'u':
			put_decimal(va_arg(args, u32));
			break;
		case 'x':
			put_hex(va_arg(args, u32));
			break;
		default: /* llx */
			f += 2;
			put_hex(va_arg(args, u64));
		}
	}
}

static void lock(void)
{
	while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void unlock(void)
{
	__atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	lock();
	put_format(format, args);
	unlock();
	va_end(args);
}

/* --- checks --- */

bool check(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	lock();
	put_text(ok ? "ok " : "FAIL ");
	put_format(format, args);
	put_char('\n');
	*(ok ? &passed_count : &failed_count) += 1;
	unlock();
	va_end(args);
	return ok;
}

static bool report_eq(u64 got, u64 expected, const char *format, va_list args,
		      bool quiet)
{
	bool ok = got == expected;

	lock();
	*(ok ? &passed_count : &failed_count) += 1;
	if (!quiet || !ok) {
		put_text(ok ? "ok " : "FAIL ");
		put_format(format, args);
		if (!ok) {
			put_text(": expected ");
			put_hex(expected);
			put_text(" got ");
			put_hex(got);
		}
		put_char('\n');
	}
	unlock();
	return ok;
}

bool check_eq(u64 got, u64 expected, const char *format, ...)
{
	va_list args;
	bool ok;

	va_start(args, format);
	ok = report_eq(got, expected, format, args, false);
	va_end(args);
	return ok;
}

bool quiet_eq(u64 got, u64 expected, const char *format, ...)
{
	va_list args;
	bool ok;

	va_start(args, format);
	ok = report_eq(got, expected, format, args, true);
	va_end(args);
	return ok;
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_text("skip ");
	put_format(format, args);
	put_char('\n');
	va_end(args);
}

u32 failures(void)
{
	return failed_count;
}

void finish(void)
{
	irq_off();
	print("%u passed, %u failed\n", passed_count, failed_count);
	for (;;)
		outb(PORT_TEST_EXIT, failed_count ? 1 : 0);
}

void die(const char *why)
{
	irq_off();
	failed_count++;
	print_lock = 0;
	print("FAIL image: %s\n", why);
	finish();
}

/* --- command line --- */

static const char *option_find(const char *name)
{
	const char *at = command_line;

	while (at && *at) {
		const char *n = name;

		while (*at == ' ')
			at++;
		while (*n && *at == *n)
			at++, n++;
		if (!*n && (!*at || *at == ' ' || *at == '='))
			return at;
		while (*at && *at != ' ')
			at++;
	}
	return NULL;
}

bool option(const char *name)
{
	return option_find(name);
}

u32 option_number(const char *name, u32 normal)
{
	const char *at = option_find(name);
	u32 value = 0;

	if (!at || *at != '=')
		return normal;
	for (at++; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (u32)(*at - '0');
	return value;
}

/* --- memory, for the compiler --- */

void *memset(void *to, int value, size_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb"
			 : "+D"(at), "+c"(size)
			 : "a"(value)
			 : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb"
			 : "+D"(at), "+S"(from), "+c"(size)
			 :
			 : "memory");
	return to;
}

/* --- exceptions --- */

void hook(u32 vector, trap_hook fn)
{
	hooks[vector] = fn;
}

void hooks_clear(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(hooks); i++)
		hooks[i] = NULL;
}

static void record(struct trap *t, const struct frame *f)
{
	*t = (struct trap){.vector = (int)f->vector,
			   .error = f->error,
			   .cr2 = read_cr2(),
			   .ip = f->ip,
			   .cs = f->cs & 0xffff,
			   .flags = f->flags,
			   .sp = f->sp,
			   .ss = f->ss & 0xffff,
			   .ax = f->ax,
			   .bx = f->bx,
			   .cx = f->cx,
			   .dx = f->dx,
			   .bp = f->bp};
	if (t->vector == V_DB)
		t->dr6 = read_dr6();
}

void trap_entry(struct frame *f);
void trap_entry(struct frame *f)
{
	u32 cpu = cpu_index();
	word save = cpus[cpu].save;

	if (hooks[f->vector] && hooks[f->vector](f))
		return;
	record(&cpus[cpu].trap, f);
	if (save) {
		cpus[cpu].save = 0;
		catch_leave(save);
	}
	print_lock = 0;
	print("cpu %u: vector %u error %llx ip %llx cr2 %llx flags %llx\n", cpu,
	      (u32)f->vector, (u64)f->error, (u64)f->ip, (u64)read_cr2(),
	      (u64)f->flags);
	die("an exception that nobody expects");
}

const struct trap *last_trap(void)
{
	return &cpus[cpu_index()].trap;
}

const struct trap *catch_call(void *fn, word a, word b)
{
	u32 cpu = cpu_index();
	struct trap *trap = &cpus[cpu].trap;
	word returned;

	if (cpus[cpu].save)
		die("nested catch");
	*trap = (struct trap){.vector = NO_TRAP};
	returned = catch_enter(&cpus[cpu].save, fn, a, b);
	cpus[cpu].save = 0;
	if (trap->vector == NO_TRAP)
		trap->ax = returned;
	return trap;
}

struct far_target {
	word ip, cs, flags, sp, ss, a, b;
};

static void go(word target, word unused)
{
	const struct far_target *t = (const struct far_target *)target;

	(void)unused;
	enter_frame(t->ip, t->cs, t->flags, t->sp, t->ss, t->a, t->b);
}

const struct trap *user_call_flags(void *fn, word a, word b, word flags)
{
	struct far_target t = {.ip = user_address(fn),
			       .cs = SEL_USER_CODE,
			       .flags = flags | FLAG_FIXED,
			       .sp = user_stack_top(),
			       .ss = SEL_USER_DATA,
			       .a = a,
			       .b = b};

	return catch_call((void *)go, (word)&t, 0);
}

const struct trap *user_call(void *fn, word a, word b)
{
	return user_call_flags(fn, a, b, 0);
}

const struct trap *run(u32 cpl, const void *code, word a, word b, word flags)
{
	struct far_target t = {.ip = (word)code,
			       .cs = SEL_CODE,
			       .flags = flags | FLAG_FIXED,
			       .ss = SEL_DATA,
			       .a = a,
			       .b = b};

	if (cpl)
		return user_call_flags((void *)(word)code, a, b, flags);
	t.sp = (word)__builtin_frame_address(0) - 4096;
	return catch_call((void *)go, (word)&t, 0);
}

bool expect(const struct trap *t, u32 vector, u64 error, const char *name)
{
	bool ok = (u32)t->vector == vector && t->error == error;

	if (ok)
		return check(true, "%s", name);
	return check(false,
		     "%s: expected vector %u error %llx got %u %llx at %llx",
		     name, vector, error, (u32)t->vector, t->error, t->ip);
}

const struct trap *iret_call(word ip, word cs, word flags, word sp, word ss)
{
	struct far_target t = {
		.ip = ip, .cs = cs, .flags = flags, .sp = sp, .ss = ss};

	return catch_call((void *)go, (word)&t, 0);
}
