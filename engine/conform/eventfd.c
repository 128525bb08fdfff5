/* SPDX-License-Identifier: MIT */
/*
 * irqfd and ioeventfd. [KVM-API 4.59 "KVM_IOEVENTFD"], [KVM-API 4.75
 * "KVM_IRQFD"]
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/conform/machine.h"

GUEST(irq_ticks);
LABEL(irq_handler_30);
GUEST(fd_pio);
GUEST(fd_mmio);

#define PIN    20u
#define DEVICE ((u64)GUEST_MMIO_FAR)

static int eventfd_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	check(fd >= 0);
	return fd;
}

static u64 eventfd_count(int fd)
{
	u64 value = 0;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

static void eventfd_raise(int fd)
{
	const u64 one = 1;

	check_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

/* Delivery through an eventfd is not synchronous: wait for the effect. */
static bool eventfd_wait(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 2000) == 1;
}

static int irqfd(struct machine *m, int fd, u32 gsi, u32 flags, int resample)
{
	const struct kvm_irqfd request = {.fd = (u32)fd,
					  .gsi = gsi,
					  .flags = flags,
					  .resamplefd = (u32)resample};

	return m->vm->ops->irqfd(m->vm, &request);
}

static struct machine *new_ticking(void)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_begin(m, irq_ticks, long);
	machine_gate(m, 0x30, machine_label(irq_ticks, irq_handler_30));
	machine_expect_quiet(m, 2);
	return m;
}

TEST(an_irqfd_turns_a_write_into_an_interrupt)
{
	struct machine *m = new_ticking();
	int fd = eventfd_new();

	need_cap(KVM_CAP_IRQFD);
	machine_pin(m, PIN, 0x30, false, false);
	check_ok(irqfd(m, fd, PIN, 0, 0));
	for (u32 i = 0; i < 3; i++) {
		eventfd_raise(fd);
		check_eq(machine_next_say(m), 0x30);
	}
	check_ok(irqfd(m, fd, PIN, KVM_IRQFD_FLAG_DEASSIGN, 0));
	eventfd_raise(fd);
	machine_expect_quiet(m, 100);
	(void)close(fd);
}

TEST(an_irqfd_written_before_it_was_assigned_fires_at_once)
{
	struct machine *m = new_ticking();
	int fd = eventfd_new();

	need_cap(KVM_CAP_IRQFD);
	machine_pin(m, PIN, 0x30, false, false);
	eventfd_raise(fd);
	check_ok(irqfd(m, fd, PIN, 0, 0));
	check_eq(machine_next_say(m), 0x30);
	(void)close(fd);
}

TEST(an_irqfd_that_cannot_be_is_refused)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	int fd = eventfd_new();
	int pipes[2];

	need_cap(KVM_CAP_IRQFD);
	check_eq(pipe(pipes), 0);
	check_err(irqfd(m, fd, PIN, 0x80, 0), EINVAL);
	check_err(irqfd(m, 9999, PIN, 0, 0), EBADF);
	check_err(irqfd(m, pipes[0], PIN, 0, 0), EINVAL); /* no eventfd */
	check_ok(irqfd(m, fd, PIN, 0, 0));
	check_err(irqfd(m, fd, PIN, 0, 0), EBUSY);
	check_ok(irqfd(m, fd, PIN, KVM_IRQFD_FLAG_DEASSIGN, 0));
	check_ok(irqfd(m, fd, PIN, 0, 0));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	(void)close(fd);
}

TEST_FULL(a_resampled_line_falls_at_eoi_and_tells, WHY_IN_SERVICE)
{
	struct machine *m = new_ticking();
	int fd = eventfd_new(), resample = eventfd_new();

	need_cap(KVM_CAP_IRQFD_RESAMPLE);
	machine_pin(m, PIN, 0x30, true, false);
	check_ok(irqfd(m, fd, PIN, KVM_IRQFD_FLAG_RESAMPLE, resample));
	for (u32 i = 0; i < 3; i++) {
		eventfd_raise(fd);
		check_eq(machine_next_say(m), 0x30);
		check_eq(eventfd_count(resample), 0); /* before the EOI */
		machine_expect_quiet(m, 20);
		check(eventfd_wait(resample));
		check_eq(eventfd_count(resample), 1);
	}
	(void)close(fd);
	(void)close(resample);
}

static int ioeventfd(struct machine *m, int fd, u64 address, u32 len, u32 flags,
		     u64 match)
{
	const struct kvm_ioeventfd request = {.datamatch = match,
					      .addr = address,
					      .len = len,
					      .fd = fd,
					      .flags = flags};

	return m->vm->ops->ioeventfd(m->vm, &request);
}

TEST(an_ioeventfd_on_a_port_takes_the_access)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	int fd = eventfd_new();

	need_cap(KVM_CAP_IOEVENTFD);
	check_ok(ioeventfd(m, fd, PORT_DEVICE, 2, KVM_IOEVENTFD_FLAG_PIO, 0));
	machine_begin(m, fd_pio, real);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 1, 1);
	/* The two words pass unseen; reads never match. */
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 4, 1);
	machine_expect_io(m, KVM_EXIT_IO_IN, PORT_DEVICE, 2, 1);
	machine_expect_done(m);
	check_eq(eventfd_count(fd), 2);
	(void)close(fd);
}

TEST(an_ioeventfd_may_want_one_value)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	int fd = eventfd_new();
	const u32 flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH;

	need_cap(KVM_CAP_IOEVENTFD);
	check_ok(ioeventfd(m, fd, PORT_DEVICE, 2, flags, 0x1235));
	machine_begin(m, fd_pio, real);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 1, 1);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 2, 1);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 4, 1);
	check_eq(eventfd_count(fd), 1);
	(void)close(fd);
}

TEST(an_ioeventfd_on_memory_takes_the_access)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;
	int four = eventfd_new(), match = eventfd_new();

	need_cap(KVM_CAP_IOEVENTFD);
	check_ok(ioeventfd(m, four, DEVICE, 4, 0, 0));
	check_ok(ioeventfd(m, match, DEVICE + 8, 8,
			   KVM_IOEVENTFD_FLAG_DATAMATCH, 0x1122334455667788ull));
	machine_begin(m, fd_mmio, long);
	regs = machine_regs(m, 0);
	regs.rbx = DEVICE;
	machine_set_regs(m, 0, &regs);
	machine_expect_mmio(m, true, DEVICE, 1);
	machine_expect_mmio(m, true, DEVICE, 2);
	machine_expect_mmio(m, true, DEVICE + 8, 8);
	machine_expect_done(m);
	check_eq(eventfd_count(four), 1);
	check_eq(eventfd_count(match), 1);
	(void)close(four);
	(void)close(match);
}

TEST(an_ioeventfd_of_no_length_takes_every_store)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;
	int fd = eventfd_new();

	need_cap(KVM_CAP_IOEVENTFD_ANY_LENGTH);
	check_ok(ioeventfd(m, fd, DEVICE, 0, 0, 0));
	machine_begin(m, fd_mmio, long);
	regs = machine_regs(m, 0);
	regs.rbx = DEVICE;
	machine_set_regs(m, 0, &regs);
	machine_expect_mmio(m, true, DEVICE + 8, 8);
	machine_expect_mmio(m, true, DEVICE + 8, 8);
	machine_expect_done(m);
	check_eq(eventfd_count(fd), 3);
	(void)close(fd);
}

TEST(an_ioeventfd_that_cannot_be_is_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	int fd = eventfd_new(), other = eventfd_new();
	const u32 pio = KVM_IOEVENTFD_FLAG_PIO;
	const u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH;

	need_cap(KVM_CAP_IOEVENTFD);
	check_err(ioeventfd(m, fd, 0x10, 3, pio, 0), EINVAL);
	check_err(ioeventfd(m, fd, 0x10, 16, pio, 0), EINVAL);
	check_err(ioeventfd(m, fd, 0x10, 2, 0x1000, 0), EINVAL);
	check_err(ioeventfd(m, fd, ~0ull, 2, 0, 0), EINVAL);
	check_err(ioeventfd(m, fd, DEVICE, 0, match, 0), EINVAL);
	check_err(ioeventfd(m, 9999, 0x10, 2, pio, 0), EBADF);
	check_ok(ioeventfd(m, fd, 0x10, 2, pio | match, 1));
	check_ok(ioeventfd(m, other, 0x10, 2, pio | match, 2));
	check_err(ioeventfd(m, other, 0x10, 2, pio | match, 1), EEXIST);
	check_err(ioeventfd(m, other, 0x10, 2, pio, 0), EEXIST);
	check_ok(ioeventfd(m, other, 0x20, 2, pio, 0));
}

TEST(an_ioeventfd_is_taken_away_by_its_whole_description)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	int fd = eventfd_new(), other = eventfd_new();
	const u32 pio = KVM_IOEVENTFD_FLAG_PIO;
	const u32 gone = pio | KVM_IOEVENTFD_FLAG_DEASSIGN;

	need_cap(KVM_CAP_IOEVENTFD);
	check_ok(ioeventfd(m, fd, PORT_DEVICE, 2, pio, 0));
	check_err(ioeventfd(m, other, PORT_DEVICE, 2, gone, 0), ENOENT);
	check_err(ioeventfd(m, fd, PORT_DEVICE, 4, gone, 0), ENOENT);
	check_err(ioeventfd(m, fd, PORT_DEVICE + 1, 2, gone, 0), ENOENT);
	check_ok(ioeventfd(m, fd, PORT_DEVICE, 2, gone, 0));
	check_err(ioeventfd(m, fd, PORT_DEVICE, 2, gone, 0), ENOENT);
	machine_begin(m, fd_pio, real);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 1, 1);
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DEVICE, 2, 1);
	check_eq(eventfd_count(fd), 0);
}

/* --- coalesced MMIO and PIO --- */

/* KVM_COALESCED_MMIO_MAX, which the kernel's header leaves to PAGE_SIZE. */
#define RING_ENTRIES                                             \
	((u32)((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / \
	       sizeof(struct kvm_coalesced_mmio)))

static struct kvm_coalesced_mmio_ring *ring_of(struct machine *m, u32 id)
{
	u32 page = (u32)way->ops->check_extension(way, KVM_CAP_COALESCED_MMIO);
	void *ring = m->vcpu[id]->ops->mapped_page(m->vcpu[id], page);

	check(ring != NULL);
	return ring;
}

static void coalesce(struct machine *m, u64 address, u32 size, u32 pio)
{
	struct kvm_coalesced_mmio_zone zone = {
		.addr = address, .size = size, .pio = pio};

	check_ok(m->vm->ops->register_coalesced_mmio(m->vm, &zone));
}

static void start_storing(struct machine *m)
{
	struct kvm_regs regs;

	machine_begin(m, fd_mmio, long);
	regs = machine_regs(m, 0);
	regs.rbx = DEVICE;
	machine_set_regs(m, 0, &regs);
}

static void check_entry(const struct kvm_coalesced_mmio_ring *ring, u32 index,
			u64 address, u32 size, u64 value)
{
	const struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[index];
	u64 data = 0;

	memcpy(&data, entry->data, size);
	check_eq(entry->phys_addr, address);
	check_eq(entry->len, size);
	check_eq(data, value);
}

/* [KVM-API 4.116 "KVM_(UN)REGISTER_COALESCED_MMIO"] */
TEST(coalesced_stores_are_collected_in_the_ring)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_coalesced_mmio_zone zone = {.addr = DEVICE, .size = 8};
	const struct kvm_coalesced_mmio_ring *ring;

	need_cap(KVM_CAP_COALESCED_MMIO);
	coalesce(m, DEVICE, 8, 0);
	ring = ring_of(m, 0);
	start_storing(m);
	machine_expect_mmio(m, true, DEVICE + 8, 8); /* outside the zone */
	check_eq(ring->first, 0);
	check_eq(ring->last, 3);
	check_entry(ring, 0, DEVICE, 1, 0x88);
	check_entry(ring, 1, DEVICE, 2, 0x7788);
	check_entry(ring, 2, DEVICE, 4, 0x55667788);
	check_ok(m->vm->ops->unregister_coalesced_mmio(m->vm, &zone));
	start_storing(m);
	machine_expect_mmio(m, true, DEVICE, 1);
}

TEST(a_full_ring_lets_stores_through)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_coalesced_mmio_ring *ring;

	need_cap(KVM_CAP_COALESCED_MMIO);
	coalesce(m, DEVICE, 16, 0);
	ring = ring_of(m, 0);
	ring->last = RING_ENTRIES - 1;
	ring->first = 1; /* room for one, at the end */
	start_storing(m);
	machine_expect_mmio(m, true, DEVICE, 2);
	check_eq(ring->last, 0);
	check_entry(ring, RING_ENTRIES - 1, DEVICE, 1, 0x88);
	ring->first = 0; /* the client takes all */
	machine_expect_done(m);
	check_eq(ring->last, 3);
	check_entry(ring, 0, DEVICE, 4, 0x55667788);
	check_entry(ring, 2, DEVICE + 8, 8, 0x1122334455667788);
}

TEST(a_ring_that_the_client_spoiled_is_not_written)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_coalesced_mmio_ring *ring;

	need_cap(KVM_CAP_COALESCED_MMIO);
	coalesce(m, DEVICE, 8, 0);
	ring = ring_of(m, 0);
	ring->last = 0x80000000;
	start_storing(m);
	machine_expect_mmio(m, true, DEVICE, 1);
	check_eq(ring->last, 0x80000000);
}

TEST(coalesced_outs_are_marked_as_port_writes)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	const struct kvm_coalesced_mmio_ring *ring;

	need_cap(KVM_CAP_COALESCED_PIO);
	coalesce(m, PORT_DEVICE, 4, 1);
	coalesce(m, DEVICE, 8, 0);
	ring = ring_of(m, 0);
	machine_begin(m, fd_pio, real);
	machine_expect_io(m, KVM_EXIT_IO_IN, PORT_DEVICE, 2, 1);
	check_eq(ring->last, 4);
	check_entry(ring, 0, PORT_DEVICE, 1, 0x34);
	check_entry(ring, 1, PORT_DEVICE, 2, 0x1234);
	check_entry(ring, 2, PORT_DEVICE, 2, 0x1235);
	check_entry(ring, 3, PORT_DEVICE, 4, 0x1235);
	for (u32 i = 0; i < 4; i++)
		check_eq(ring->coalesced_mmio[i].pio, 1);
}

TEST(all_vcpus_show_the_same_ring)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_coalesced_mmio_ring *ring, *other;

	need_cap(KVM_CAP_COALESCED_MMIO);
	machine_add_vcpu(m, 1);
	ring = ring_of(m, 0);
	other = ring_of(m, 1);
	check(ring != other);
	ring->first = 7;
	check_eq(other->first, 7);
}

TEST(a_coalesced_zone_goes_with_any_part_of_it)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_coalesced_mmio_zone zone = {.addr = DEVICE, .pio = 2};
	const struct kvm_coalesced_mmio_ring *ring;

	need_cap(KVM_CAP_COALESCED_MMIO);
	check_err(m->vm->ops->register_coalesced_mmio(m->vm, &zone), EINVAL);
	check_err(m->vm->ops->unregister_coalesced_mmio(m->vm, &zone), EINVAL);
	zone = (struct kvm_coalesced_mmio_zone){.addr = DEVICE, .size = 32};
	check_ok(m->vm->ops->unregister_coalesced_mmio(m->vm, &zone));
	coalesce(m, DEVICE, 16, 0);
	ring = ring_of(m, 0);
	check_ok(m->vm->ops->unregister_coalesced_mmio(m->vm, &zone));
	start_storing(m); /* that one was wider */
	machine_expect_done(m);
	check_eq(ring->last, 5);
	zone.addr = DEVICE + 4;
	zone.size = 4;
	check_ok(m->vm->ops->unregister_coalesced_mmio(m->vm, &zone));
	start_storing(m);
	machine_expect_mmio(m, true, DEVICE, 1);
}
