/* SPDX-License-Identifier: MIT */
#include "vmm/dev/i8042/i8042.h"

#include <errno.h>

#include "base/test.h"
#include "vmm/dev/fake_host.h"
#include "vmm/dev/i8042/translate.h"

#define IRQ	1
#define AUX_IRQ 12

struct bench {
	struct fake_host host;
	struct input input;
	struct i8042 kbc;
	struct bus bus;
};

static struct bench b, other;

static void bench_init(struct bench *bench, bool has_mouse)
{
	memset(bench, 0, sizeof(*bench));
	fake_host_init(&bench->host);
	input_init(&bench->input, &bench->host.host);
	bus_init(&bench->bus, "test", 0x10000);
	i8042_init(&bench->kbc,
		   &(struct i8042_config){
			   .kbd_irq = fake_host_irq(&bench->host, IRQ),
			   .aux_irq = fake_host_irq(&bench->host, AUX_IRQ),
			   .has_mouse = has_mouse,
			   .power = fake_host_power(&bench->host),
		   });
	check_eq(bus_add(&bench->bus, &bench->kbc.data_region), 0);
	check_eq(bus_add(&bench->bus, &bench->kbc.command_region), 0);
	input_add_sink(&bench->input, &bench->kbc.keyboard_sink);
	if (has_mouse)
		input_add_sink(&bench->input, &bench->kbc.mouse_sink);
}

static void begin(void)
{
	bench_init(&b, true);
}

static u8 in(u16 port)
{
	u8 value;

	bus_read(&b.bus, port, &value, 1);
	return value;
}

static void out(u16 port, u8 value)
{
	bus_write(&b.bus, port, &value, 1);
}

static bool has_byte(void)
{
	return in(0x64) & I8042_STATUS_OBF;
}

/* The answer to a controller command; fails when there is none. */
static u8 ask(u8 command)
{
	out(0x64, command);
	check(has_byte());
	check(!(in(0x64) & I8042_STATUS_AUX));
	return in(0x60);
}

static void write_ctr(u8 ctr)
{
	out(0x64, 0x60);
	out(0x60, ctr);
}

static void tell_mouse(u8 byte)
{
	out(0x64, 0xd4);
	out(0x60, byte);
}

static u8 from_mouse(void)
{
	check_eq(in(0x64) & (I8042_STATUS_OBF | I8042_STATUS_AUX),
		 I8042_STATUS_OBF | I8042_STATUS_AUX);
	return in(0x60);
}

static u8 from_keyboard(void)
{
	check_eq(in(0x64) & (I8042_STATUS_OBF | I8042_STATUS_AUX),
		 I8042_STATUS_OBF);
	return in(0x60);
}

static void key(enum qcode key, bool down)
{
	input_send(&b.input, &(struct input_event){.kind = INPUT_KEY,
						   .down = down,
						   .key = key});
	input_sync(&b.input);
}

static void move(s32 x)
{
	input_send(&b.input,
		   &(struct input_event){.kind = INPUT_REL, .value = x});
	input_sync(&b.input);
}

static void click(bool down)
{
	input_send(&b.input, &(struct input_event){.kind = INPUT_BUTTON,
						   .down = down,
						   .button = INPUT_BUTTON_LEFT});
	input_sync(&b.input);
}

/* ---- the controller ---- */

TEST(the_self_tests_pass)
{
	begin();
	check_eq(in(0x64) & (I8042_STATUS_OBF | I8042_STATUS_IBF), 0);
	check_eq(ask(0xaa), 0x55);
	check_eq(ask(0xab), 0x00);
	check_eq(ask(0xa9), 0x00);
	check(in(0x64) & I8042_STATUS_SYSTEM);
}

TEST(the_self_test_empties_the_buffer)
{
	begin();
	key(QCODE_A, true);
	check_eq(ask(0xaa), 0x55);
	check(!has_byte());
}

TEST(without_a_mouse_it_is_said_at_once)
{
	bench_init(&b, false);
	check(ask(0xa9) != 0);
	out(0x64, 0xd3);
	out(0x60, 0x5a);
	check_eq(from_keyboard(), 0x5a);
	tell_mouse(0xf2);
	check(!has_byte());
}

TEST(the_command_byte_reads_back)
{
	begin();
	check_eq(ask(0x20), 0x65);
	out(0x64, 0x60);
	check(in(0x64) & I8042_STATUS_COMMAND);
	out(0x60, 0x45);
	check(!(in(0x64) & I8042_STATUS_COMMAND));
	check_eq(ask(0x20), 0x45);
}

TEST(ports_are_turned_off_and_on_by_commands)
{
	begin();
	out(0x64, 0xad);
	out(0x64, 0xa8);
	check_eq(ask(0x20), 0x55);
	out(0x64, 0xae);
	out(0x64, 0xa7);
	check_eq(ask(0x20), 0x65);
	/* And by a word to who is behind them. */
	write_ctr(0x75);
	tell_mouse(0xe6);
	check_eq(from_mouse(), 0xfa);
	check_eq(ask(0x20), 0x55);
	out(0x60, 0xee);
	check_eq(b.kbc.ctr & I8042_CTR_KBD_DISABLE, 0);
}

TEST(the_output_port_has_the_lines_and_what_is_in_the_buffer)
{
	begin();
	check_eq(ask(0xd0), 0xcf);
	key(QCODE_A, true);
	out(0x64, 0xd0);
	(void)in(0x60);
	check_eq(in(0x60), 0xdf);
	out(0x64, 0xd1);
	out(0x60, 0xcd);
	check_eq(ask(0xd0), 0xcd);
	out(0x64, 0xdf);
	check_eq(ask(0xd0), 0xcf);
	out(0x64, 0xdd);
	check_eq(ask(0xd0), 0xcd);
	check_eq(ask(0xc0), 0x80);
	check_eq(b.host.power_count, 0);
}

TEST(pulsing_the_reset_line_resets_the_machine)
{
	begin();
	out(0x64, 0xff);
	out(0x64, 0xf1);
	check_eq(b.host.power_count, 0);
	out(0x64, 0xfe);
	check_eq(b.host.power_count, 1);
	check_eq(b.host.power, POWER_RESET);
	out(0x64, 0xd1);
	out(0x60, 0xdf);
	check_eq(b.host.power_count, 1);
	out(0x64, 0xd1);
	out(0x60, 0xde);
	check_eq(b.host.power_count, 2);
	out(0x64, 0xf0);
	check_eq(b.host.power_count, 3);
}

TEST(bytes_can_be_put_into_the_buffer_as_from_a_device)
{
	begin();
	write_ctr(0x47);
	out(0x64, 0xd2);
	out(0x60, 0x1c);
	check(b.host.irq[IRQ] && !b.host.irq[AUX_IRQ]);
	check_eq(from_keyboard(), 0x1c);
	out(0x64, 0xd3);
	out(0x60, 0xa5);
	check(!b.host.irq[IRQ] && b.host.irq[AUX_IRQ]);
	check_eq(from_mouse(), 0xa5);
	check(!b.host.irq[AUX_IRQ]);
}

TEST(an_answer_of_the_controller_waits_for_the_buffer_and_comes_first)
{
	begin();
	key(QCODE_A, true);
	key(QCODE_B, true);
	out(0x64, 0x20);
	check_eq(from_keyboard(), 0x1e);
	check_eq(from_keyboard(), 0x65);
	check_eq(from_keyboard(), 0x30);
	check(!has_byte());
	check_eq(in(0x60), 0x30); /* again */
}

/* ---- the keyboard behind it ---- */

TEST(the_keyboard_acknowledges_reset_and_says_who_it_is)
{
	begin();
	out(0x60, 0xff);
	check(b.host.irq[IRQ]);
	check_eq(from_keyboard(), 0xfa);
	check_eq(from_keyboard(), 0xaa);
	check(!b.host.irq[IRQ]);
	check_eq(b.host.irq_edges[IRQ], 2);
	out(0x60, 0xf2);
	check_eq(from_keyboard(), 0xfa);
	check_eq(from_keyboard(), 0xab);
	check_eq(from_keyboard(), 0x41);
	write_ctr(0x25);
	out(0x60, 0xf2);
	check_eq(from_keyboard(), 0xfa);
	check_eq(from_keyboard(), 0xab);
	check_eq(from_keyboard(), 0x83);
}

TEST(keys_are_translated_while_the_command_byte_says_so)
{
	begin();
	key(QCODE_DELETE, true);
	key(QCODE_DELETE, false);
	check_eq(from_keyboard(), 0xe0);
	check_eq(from_keyboard(), 0x53);
	check_eq(from_keyboard(), 0xe0);
	check_eq(from_keyboard(), 0xd3);
	key(QCODE_F7, true);
	key(QCODE_F7, false);
	check_eq(from_keyboard(), 0x41);
	check_eq(from_keyboard(), 0xc1);
	write_ctr(0x25);
	key(QCODE_F7, true);
	key(QCODE_F7, false);
	check_eq(from_keyboard(), 0x83);
	check_eq(from_keyboard(), 0xf0);
	check_eq(from_keyboard(), 0x83);
	check(!has_byte());
}

TEST(print_and_pause_come_out_as_set_1)
{
	static const u8 print[] = {0xe0, 0x2a, 0xe0, 0x37,
				   0xe0, 0xb7, 0xe0, 0xaa};
	static const u8 pause[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};

	begin();
	key(QCODE_PRINT, true);
	key(QCODE_PRINT, false);
	for (u32 i = 0; i < ARRAY_SIZE(print); i++)
		check_eq(from_keyboard(), print[i]);
	key(QCODE_PAUSE, true);
	key(QCODE_PAUSE, false);
	for (u32 i = 0; i < ARRAY_SIZE(pause); i++)
		check_eq(from_keyboard(), pause[i]);
	check(!has_byte());
}

TEST(no_two_codes_are_translated_to_the_same)
{
	bool seen[0x100] = {};

	for (u32 code = 0; code < 0x80; code++) {
		u8 byte = i8042_translate((u8)code);

		check(!seen[byte]);
		check(byte < 0x80 || !code);
		seen[byte] = true;
	}
	for (u32 byte = 0x85; byte < 0x100; byte++)
		check_eq(i8042_translate((u8)byte), byte);
}

TEST(a_keyboard_that_is_turned_off_keeps_its_keys)
{
	begin();
	out(0x64, 0xad);
	key(QCODE_A, true);
	check(!has_byte());
	check(!b.host.irq[IRQ]);
	out(0x64, 0xae);
	check(b.host.irq[IRQ]);
	check_eq(from_keyboard(), 0x1e);
}

/* Linux and SeaBIOS throw 15 bytes away before they find the controller. */
TEST(no_more_waits_than_firmware_is_ready_to_throw_away)
{
	u32 bytes = 0;

	begin();
	write_ctr(0x25);
	for (u32 i = 0; i < 100; i++) {
		key(QCODE_A + i % 8, true);
		key(QCODE_A + i % 8, false);
	}
	while (has_byte()) {
		(void)in(0x60);
		bytes++;
	}
	check(bytes > 9);
	check(bytes <= 15);
}

TEST(who_types_is_told_that_keys_were_not_taken)
{
	struct input_sink *sink;

	begin();
	sink = &b.kbc.keyboard_sink;
	key(QCODE_A, true);
	check(!sink->busy(sink->ctx)); /* it is in the controller */
	key(QCODE_A, false);
	check(sink->busy(sink->ctx));
	(void)from_keyboard();
	check(!sink->busy(sink->ctx));
}

TEST(interrupts_come_only_when_they_are_on)
{
	begin();
	write_ctr(0x44);
	key(QCODE_A, true);
	check(has_byte());
	check(!b.host.irq[IRQ]);
	out(0x64, 0x60);
	out(0x60, 0x45);
	check(b.host.irq[IRQ]);
	check_eq(from_keyboard(), 0x1e);
	check(!b.host.irq[IRQ]);
	check_eq(b.host.irq_edges[AUX_IRQ], 0);
}

/* ---- the mouse behind it ---- */

TEST(the_mouse_says_who_it_is_on_its_own_interrupt)
{
	begin();
	write_ctr(0x47);
	tell_mouse(0xff);
	check_eq(from_mouse(), 0xfa);
	check(b.host.irq[AUX_IRQ]);
	check_eq(from_mouse(), 0xaa);
	check_eq(from_mouse(), 0x00);
	check(!b.host.irq[AUX_IRQ]);
	check_eq(b.host.irq_edges[AUX_IRQ], 3);
	check_eq(b.host.irq_edges[IRQ], 0);
}

TEST(a_mouse_that_moves_on_is_told_as_it_is_read)
{
	begin();
	write_ctr(0x47);
	tell_mouse(0xf4);
	check_eq(from_mouse(), 0xfa);
	move(1);
	move(2);
	move(3);
	check_eq(from_mouse(), 0x08);
	check_eq(from_mouse(), 1);
	check_eq(from_mouse(), 0);
	check_eq(from_mouse(), 0x08);
	check_eq(from_mouse(), 5);
	check_eq(from_mouse(), 0);
	check(!has_byte());
	click(true);
	check_eq(from_mouse(), 0x09);
	check_eq(from_mouse(), 0);
	check_eq(from_mouse(), 0);
	check(!has_byte());
}

TEST(the_keyboard_comes_before_the_mouse)
{
	begin();
	write_ctr(0x47);
	tell_mouse(0xf4);
	check_eq(from_mouse(), 0xfa);
	move(1);
	key(QCODE_A, true);
	check_eq(from_mouse(), 0x08);
	check_eq(from_keyboard(), 0x1e);
	check_eq(from_mouse(), 1);
	check_eq(from_mouse(), 0);
}

TEST(a_mouse_that_is_turned_off_waits)
{
	begin();
	write_ctr(0x67);
	tell_mouse(0xf4);
	out(0x64, 0xa7);
	check_eq(from_mouse(), 0xfa); /* was in the buffer */
	move(1);
	check(!has_byte());
	out(0x64, 0xa8);
	check_eq(from_mouse(), 0x08);
}

/* What Linux's driver does to find a mouse and its interrupt. */
TEST(a_driver_that_looks_for_the_mouse_port_finds_it)
{
	begin();
	write_ctr(0x74);
	out(0x64, 0xd3);
	out(0x60, 0x5a);
	check_eq(from_mouse(), 0x5a);
	out(0x64, 0xa7);
	check(ask(0x20) & I8042_CTR_AUX_DISABLE);
	out(0x64, 0xa8);
	check(!(ask(0x20) & I8042_CTR_AUX_DISABLE));
	write_ctr(0x56);
	out(0x64, 0xd3);
	out(0x60, 0xa5);
	check(b.host.irq[AUX_IRQ]);
	check_eq(from_mouse(), 0xa5);
	/* No multiplexer: the third byte comes back as it was. */
	out(0x64, 0xd3);
	out(0x60, 0xa4);
	check_eq(from_mouse(), 0xa4);
}

/* ---- life ---- */

TEST(reset_puts_everything_back)
{
	begin();
	write_ctr(0x03);
	tell_mouse(0xf4);
	key(QCODE_A, true);
	out(0x64, 0xd1);
	dev_reset(&b.kbc.dev);
	check(!has_byte());
	check(!b.host.irq[IRQ] && !b.host.irq[AUX_IRQ]);
	check_eq(ask(0x20), 0x65);
	check_eq(ask(0xd0), 0xcf);
	move(1);
	check(!has_byte());
	key(QCODE_A, false);
	check(!has_byte());
}

TEST(a_saved_controller_restores_to_an_equal_one)
{
	const char *name = NULL;
	struct buf buf;

	begin();
	bench_init(&other, true);
	write_ctr(0x47);
	out(0x60, 0xf0);
	(void)in(0x60);
	out(0x60, 0x01);
	key(QCODE_DELETE, true);
	tell_mouse(0xf3);
	tell_mouse(200);
	tell_mouse(0xf4);
	click(true);
	move(300);
	out(0x64, 0x20);
	out(0x64, 0x60);
	buf_init(&buf, 65536);
	check_eq(dev_save(&b.kbc.dev, &buf), 0);
	check_eq(dev_load(&other.kbc.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&b.kbc.dev.class->state, &b.kbc, &other.kbc, &name));
	check(other.host.irq[IRQ]);
	check(!other.host.irq[AUX_IRQ]);
	buf_release(&buf);
}

TEST(a_state_that_cannot_be_is_refused)
{
	struct buf buf;

	begin();
	bench_init(&other, false);
	buf_init(&buf, 65536);
	b.kbc.keyboard.out.data_count = 17;
	check_eq(dev_save(&b.kbc.dev, &buf), 0);
	check_eq(dev_load(&other.kbc.dev, 1, buf.data, buf.size), -EINVAL);
	begin();
	buf_truncate(&buf);
	b.kbc.buffer_source = I8042_MOUSE;
	check_eq(dev_save(&b.kbc.dev, &buf), 0);
	check_eq(dev_load(&b.kbc.dev, 1, buf.data, buf.size), 0);
	check_eq(dev_load(&other.kbc.dev, 1, buf.data, buf.size), -EINVAL);
	begin();
	buf_truncate(&buf);
	b.kbc.mouse.id = 7;
	check_eq(dev_save(&b.kbc.dev, &buf), 0);
	check_eq(dev_load(&b.kbc.dev, 1, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
}
