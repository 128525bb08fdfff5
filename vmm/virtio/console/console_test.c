/* SPDX-License-Identifier: MIT */
#include "vmm/virtio/console/console.h"

#include "base/test.h"
#include "vmm/char/fake_chardev.h"
#include "vmm/virtio/fake_driver.h"

#define DATA	FAKE_DRIVER_DATA_GPA
#define CONTROL (DATA + 0x1000) /* what the device says */
#define ANSWER	(DATA + 0x4000) /* what the driver says */

static struct {
	struct guest_mem mem;
	struct fake_chardev wire[2];
	struct virtio_console console;
	struct fake_driver driver;
	u32 heard;
} t;

static void begin(u64 features)
{
	memset(&t, 0, sizeof(t));
	fake_driver_mem_init(&t.mem);
	fake_chardev_init(&t.wire[0]);
	fake_chardev_init(&t.wire[1]);
	virtio_console_init(&t.console,
			    (struct console_port_setup[]){
				    {&t.wire[0].chardev, ""},
				    {&t.wire[1].chardev, "org.example.agent"},
			    },
			    2, &t.mem, NULL);
	fake_driver_start(&t.driver, &t.console.virtio, features);
	for (u32 i = 0; i < 16; i++)
		fake_driver_add(
			&t.driver, 2,
			&(struct fake_driver_part){CONTROL + 64 * i, 64, true},
			1);
}

static void end(void)
{
	dev_release(&t.console.virtio.dev);
	guest_mem_release(&t.mem);
}

static void tell(u32 port, u16 event, u16 value)
{
	const struct console_message m = {port, event, value};

	check(guest_mem_write(&t.mem, ANSWER, &m, sizeof(m)));
	fake_driver_add(&t.driver, 3,
			&(struct fake_driver_part){ANSWER, sizeof(m), false}, 1);
	fake_driver_kick(&t.driver, 3);
}

/* The next message must be this one; its text comes back. */
static const char *expect(u32 port, u16 event, u16 value)
{
	static char text[64];
	struct virtq_used_elem elem;
	struct console_message m;
	gpa_t at = CONTROL + 64 * (gpa_t)t.heard++;

	check(fake_driver_used(&t.driver, 2, &elem));
	check(elem.len >= sizeof(m) && elem.len <= 64);
	check(guest_mem_read(&t.mem, at, &m, sizeof(m)));
	check_eq(m.port, port);
	check_eq(m.event, event);
	check_eq(m.value, value);
	memset(text, 0, sizeof(text));
	check(guest_mem_read(&t.mem, at + sizeof(m), text, elem.len - sizeof(m)));
	return text;
}

static void send(u32 queue, const char *text)
{
	check(guest_mem_write(&t.mem, DATA, text, strlen(text)));
	fake_driver_add(
		&t.driver, queue,
		&(struct fake_driver_part){DATA, (u32)strlen(text), false}, 1);
	fake_driver_kick(&t.driver, queue);
}

static struct chardev_user *user(u32 wire)
{
	return &t.wire[wire].chardev.user;
}

TEST(without_ports_there_is_a_plain_console)
{
	struct virtq_used_elem elem;
	char got[4] = {};
	u32 wanted;

	begin(0);
	wanted = t.wire[0].input_wanted_count;
	send(1, "hello");
	check_eq(t.wire[0].out_size, 5);
	check_mem_eq(t.wire[0].out, "hello", 5);
	check_eq(user(0)->room(user(0)->ctx), 0);
	fake_driver_add(&t.driver, 0,
			&(struct fake_driver_part){DATA, 16, true}, 1);
	fake_driver_kick(&t.driver, 0);
	check_eq(t.wire[0].input_wanted_count, wanted + 1);
	check_eq(user(0)->room(user(0)->ctx), 16);
	user(0)->receive(user(0)->ctx, (const u8 *)"abc", 3);
	check(fake_driver_used(&t.driver, 0, &elem));
	check_eq(elem.len, 3);
	check(guest_mem_read(&t.mem, DATA, got, 3));
	check_str_eq(got, "abc");
	end();
}

TEST(virtio_5_3_6_2_ports_are_told_of_and_named)
{
	begin(VIRTIO_CONSOLE_F_MULTIPORT);
	tell(0, 0, 1);
	expect(0, 1, 0);
	expect(1, 1, 0);
	tell(0, 3, 1);
	expect(0, 4, 1);
	expect(0, 6, 1);
	tell(1, 3, 1);
	check_str_eq(expect(1, 7, 1), "org.example.agent");
	expect(1, 6, 1);
	end();
}

TEST(virtio_5_3_6_2_a_port_that_is_not_open_receives_nothing)
{
	begin(VIRTIO_CONSOLE_F_MULTIPORT);
	fake_driver_add(&t.driver, 4,
			&(struct fake_driver_part){DATA, 16, true}, 1);
	fake_driver_kick(&t.driver, 4);
	check_eq(user(1)->room(user(1)->ctx), 0);
	tell(1, 6, 1);
	check_eq(user(1)->room(user(1)->ctx), 16);
	tell(1, 6, 0);
	check_eq(user(1)->room(user(1)->ctx), 0);
	send(5, "out");
	check_mem_eq(t.wire[1].out, "out", 3);
	end();
}

TEST(a_chardev_that_is_full_is_waited_for)
{
	struct virtq_used_elem elem;

	begin(0);
	t.wire[0].limit = 3;
	send(1, "hello");
	check(!fake_driver_used(&t.driver, 1, &elem));
	t.wire[0].limit = 100;
	user(0)->writable(user(0)->ctx);
	check(fake_driver_used(&t.driver, 1, &elem));
	check_mem_eq(t.wire[0].out, "hello", 5);
	check_eq(t.wire[0].out_size, 5);
	end();
}

TEST(more_than_a_queue_full_is_taken_in_turns)
{
	struct virtq_used_elem elem;
	const u16 many = CONSOLE_QUEUE_SIZE;

	begin(0);
	check(guest_mem_write(&t.mem, DATA, "x", 1));
	for (u32 i = 0; i < many; i++)
		fake_driver_add(&t.driver, 1,
				&(struct fake_driver_part){DATA, 1, false}, 1);
	fake_driver_kick(&t.driver, 1);
	for (u32 i = 0; i < many; i++)
		check(fake_driver_used(&t.driver, 1, &elem));
	check_eq(t.wire[0].out_size, many);
	send(1, "y");
	check_eq(t.wire[0].out[many], 'y');
	end();
}

TEST(messages_of_nonsense_are_not_heard)
{
	struct virtq_used_elem elem;

	begin(VIRTIO_CONSOLE_F_MULTIPORT);
	tell(7, 3, 1);
	tell(UINT32_MAX, 6, 1);
	tell(0, 99, 1);
	tell(0, 0, 0);
	fake_driver_add(&t.driver, 3,
			&(struct fake_driver_part){ANSWER, 3, false}, 1);
	fake_driver_kick(&t.driver, 3);
	check(!fake_driver_used(&t.driver, 2, &elem));
	for (u32 i = 0; i < 1000; i++)
		tell(0, 3, 1);
	check(t.console.message_count <= CONSOLE_MESSAGE_MAX);
	check(!(t.console.virtio.status & VIRTIO_NEEDS_RESET));
	end();
}

TEST(an_input_buffer_without_room_breaks_the_device)
{
	begin(0);
	fake_driver_add(&t.driver, 0,
			&(struct fake_driver_part){DATA, 16, false}, 1);
	fake_driver_kick(&t.driver, 0);
	check_eq(user(0)->room(user(0)->ctx), 0);
	check(t.console.virtio.status & VIRTIO_NEEDS_RESET);
	end();
}

TEST(input_after_a_reset_goes_nowhere)
{
	begin(0);
	fake_driver_add(&t.driver, 0,
			&(struct fake_driver_part){DATA, 16, true}, 1);
	fake_driver_kick(&t.driver, 0);
	check_eq(user(0)->room(user(0)->ctx), 16);
	mutex_lock(&t.console.virtio.dev.lock);
	virtio_set_status(&t.console.virtio, 0);
	mutex_unlock(&t.console.virtio.dev.lock);
	user(0)->receive(user(0)->ctx, (const u8 *)"abc", 3);
	check_eq(user(0)->room(user(0)->ctx), 0);
	end();
}

TEST(what_was_begun_goes_on_after_a_restore)
{
	struct virtq_used_elem elem;
	struct buf saved;

	begin(0);
	buf_init(&saved, 65536);
	t.wire[0].limit = 3;
	send(1, "hello");
	check_eq(dev_save(&t.console.virtio.dev, &saved), 0);
	dev_reset(&t.console.virtio.dev);
	check_eq(dev_load(&t.console.virtio.dev, 1, saved.data, saved.size), 0);
	t.wire[0].limit = 100;
	user(0)->writable(user(0)->ctx);
	check(fake_driver_used(&t.driver, 1, &elem));
	check_eq(t.wire[0].out_size, 5);
	check_mem_eq(t.wire[0].out, "hello", 5);
	buf_release(&saved);
	end();
}
