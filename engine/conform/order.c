/* SPDX-License-Identifier: MIT */
/*
 * Memory order between a vCPU and a thread of the client, as a device's thread
 * sees it: litmus tests, and locked operations of both on one counter.
 * [SDM3 8.2 "Memory Ordering"]
 */
#include <unistd.h>

#include "base/thread.h"
#include "engine/conform/machine.h"

GUEST(code_order_sb);
GUEST(code_order_sb_lock);
GUEST(code_order_mp_write);
GUEST(code_order_mp_read);
GUEST(code_order_lb);
GUEST(code_locked);

#define BATCH	512u
#define BATCHES 60u
#define AT_X	0x40000
#define AT_Y	0x50000
#define AT_R	0x60000

static volatile u32 *cell(const struct machine *m, u64 base, u32 i)
{
	return (volatile u32 *)(void *)(m->ram + base + i * 64);
}

static u64 *word(const struct machine *m, u64 gpa)
{
	return (u64 *)(void *)(m->ram + gpa);
}

static struct machine *order_machine(const u8 *guest, const u8 *end)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_copy(m, GUEST_CODE, guest, (u32)(end - guest));
	machine_start_long(m, 0);
	regs = machine_regs(m, 0);
	regs.rsi = AT_X;
	regs.rdi = AT_Y;
	regs.rbx = AT_R;
	machine_set_regs(m, 0, &regs);
	return m;
}

/* The client's side of instance i; what it loaded. */
struct loads {
	u32 first, second;
};
typedef struct loads (*host_side)(const struct machine *m, u32 i);
/* May the guest's and the client's loads not be so together? */
typedef bool (*forbidden)(const struct loads *guest, const struct loads *host);

static void wait_done(const struct machine *m, u64 n)
{
	for (u32 i = 0; i < 10000000; i++) {
		if (__atomic_load_n(word(m, GUEST_DATA + 8),
				    __ATOMIC_ACQUIRE) == n)
			return;
		if (i > 10000)
			(void)usleep(100); /* a poll: the loop bounds it */
	}
	fail("the guest does not get there");
}

static void order_test(const u8 *guest, const u8 *end, host_side side,
		       forbidden not_so)
{
	static struct loads host[BATCH];
	struct machine *m = order_machine(guest, end);
	struct runner *r = runner_start(m, 0);
	u32 seen = 0;

	for (u64 n = 1; n <= BATCHES; n++) {
		for (u32 i = 0; i < BATCH; i++)
			*cell(m, AT_X, i) = *cell(m, AT_Y, i) = 0;
		__atomic_store_n(word(m, GUEST_DATA), n, __ATOMIC_SEQ_CST);
		for (u32 i = 0; i < BATCH; i++)
			host[i] = side(m, i);
		wait_done(m, n);
		for (u32 i = 0; i < BATCH; i++) {
			struct loads g;

			memcpy(&g, m->ram + AT_R + i * 8, sizeof(g));
			seen += not_so(&g, &host[i]);
		}
	}
	check_eq(runner_stop(r), -EINTR);
	check_eq(seen, 0);
}

static struct loads host_store_load(const struct machine *m, u32 i)
{
	*cell(m, AT_Y, i) = 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (struct loads){*cell(m, AT_X, i), 0};
}

static struct loads host_read(const struct machine *m, u32 i)
{
	u32 first = *cell(m, AT_Y, i);

	return (struct loads){first, *cell(m, AT_X, i)};
}

static struct loads host_write(const struct machine *m, u32 i)
{
	*cell(m, AT_X, i) = 1;
	*cell(m, AT_Y, i) = 1;
	return (struct loads){0, 0};
}

static struct loads host_load_store(const struct machine *m, u32 i)
{
	u32 first = *cell(m, AT_X, i);

	*cell(m, AT_Y, i) = 1;
	return (struct loads){first, 0};
}

static bool both_zero(const struct loads *guest, const struct loads *host)
{
	return !guest->first && !host->first;
}

static bool both_one(const struct loads *guest, const struct loads *host)
{
	return guest->first && host->first;
}

static bool host_sees_second_only(const struct loads *guest,
				  const struct loads *host)
{
	(void)guest;
	return host->first && !host->second;
}

static bool guest_sees_second_only(const struct loads *guest,
				   const struct loads *host)
{
	(void)host;
	return guest->first && !guest->second;
}

#define order_of(guest, side, not_so) \
	order_test(guest, guest##_end, side, not_so)

TEST(hot_code_orders_a_store_and_a_load_by_mfence)
{
	order_of(code_order_sb, host_store_load, both_zero);
}

TEST(hot_code_orders_a_store_and_a_load_by_lock)
{
	order_of(code_order_sb_lock, host_store_load, both_zero);
}

TEST(hot_code_stores_in_order_for_a_device)
{
	order_of(code_order_mp_write, host_read, host_sees_second_only);
}

TEST(hot_code_loads_in_order_from_a_device)
{
	order_of(code_order_mp_read, host_write, guest_sees_second_only);
}

TEST(hot_code_does_not_store_before_its_load)
{
	order_of(code_order_lb, host_load_store, both_one);
}

/* Within a line: over two of them, vCPUs exclude each other and nobody else. */
static void locked_at(u64 offset)
{
	const u32 rounds = 20000;
	struct machine *m = order_machine(code_locked, code_locked_end);
	struct kvm_regs regs = machine_regs(m, 0);
	u64 *sum = word(m, AT_X + offset);
	struct runner *r;

	regs.rsi = AT_X + offset;
	regs.rcx = rounds;
	machine_set_regs(m, 0, &regs);
	r = runner_start(m, 0);
	for (u32 i = 0; i < rounds; i++) {
		__asm__ volatile("lock incq %0" : "+m"(sum[0]) : : "memory");
		__asm__ volatile("lock incl %0"
				 : "+m"(*(u32 *)(void *)&sum[1])
				 :
				 : "memory");
	}
	check_eq(runner_join(r), 0);
	check_eq(m->run->io.port, PORT_DONE);
	check_eq(ram_u64(m, AT_X + offset), 2 * rounds);
	check_eq(ram_u32(m, AT_X + offset + 8), 2 * rounds);
}

TEST(hot_code_locks_against_a_device)
{
	locked_at(64);
}

TEST(hot_code_locks_unaligned_against_a_device)
{
	locked_at(70);
}
