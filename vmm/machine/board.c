/* SPDX-License-Identifier: MIT */
/*
 * A PC without a PCI host: the devices an operating system expects at fixed
 * ports. Interrupt controllers and the interval timer (with port 0x61) are
 * the engine's. Ports nobody claims, on `micro` 0xcf8 among them, read as
 * all-ones, which is how an operating system finds that there is no PCI.
 */
#include "vmm/machine/board.h"

#include <assert.h>
#include <linux/kvm.h>

void board_add_dev(struct board *board, struct dev *dev)
{
	assert(board->dev_count < BOARD_DEV_MAX);
	board->dev[board->dev_count++] = dev;
}

/* The map below is ours: a clash in it is a bug. */
void board_add_ports(struct board *board, struct bus_region *region)
{
	int err = bus_add(&board->pio, region);

	assert(!err);
}

void board_add_memory(struct board *board, struct bus_region *region)
{
	int err = bus_add(&board->mmio, region);

	assert(!err);
}

static struct irq_line irq(const struct board_config *config, u32 number)
{
	return (struct irq_line){
		.set = config->set_irq, .ctx = config->ctx, .irq = number};
}

/* long: the whole board in one place, read from top to bottom */
int board_build(struct board *board, const struct board_config *config)
{
	const struct power_line power = {.raise = config->power,
					 .ctx = config->ctx};
	const bool has_mouse = config->kind == BOARD_Q35;

	board->kind = config->kind;
	board->dev_count = 0;
	board->send_msi = config->send_msi;
	board->set_ram = config->set_ram;
	board->ctx = config->ctx;
	bus_init(&board->pio, "ports", BOARD_PORTS_SIZE);
	bus_init(&board->mmio, "memory", 0);
	input_init(&board->input, config->host);

	/* 0x60, 0x64: keyboard controller; only q35 has a mouse there */
	i8042_init(&board->i8042, &(struct i8042_config){
					  .kbd_irq = irq(config, IRQ_KEYBOARD),
					  .aux_irq = irq(config, IRQ_MOUSE),
					  .has_mouse = has_mouse,
					  .power = power,
				  });
	board_add_dev(board, &board->i8042.dev);
	board_add_ports(board, &board->i8042.data_region);
	board_add_ports(board, &board->i8042.command_region);
	input_add_sink(&board->input, &board->i8042.keyboard_sink);
	if (has_mouse)
		input_add_sink(&board->input, &board->i8042.mouse_sink);

	/* 0x70-0x71: clock and CMOS memory */
	mc146818_init(&board->rtc,
		      &(struct mc146818_config){
			      .base_port = BOARD_RTC_PORT,
			      .irq = irq(config, IRQ_RTC),
			      .host = config->host,
			      .low_ram_end = guest_mem_low_end(config->mem),
			      .high_ram_size = guest_mem_high_end(config->mem) -
					       GUEST_MEM_HIGH_START,
		      });
	board_add_dev(board, &board->rtc.dev);
	board_add_ports(board, &board->rtc.region);

	/* 0x80: power-on self-test codes */
	post_code_init(&board->post_code);
	board_add_dev(board, &board->post_code.dev);
	board_add_ports(board, &board->post_code.region);

	/* 0x92: fast A20 and reset */
	port92_init(&board->port92, power);
	board_add_dev(board, &board->port92.dev);
	board_add_ports(board, &board->port92.region);

	/* 0xe9: debug console, there only when somebody listens */
	if (config->debug_console) {
		debug_console_init(&board->debug_console, config->debug_console);
		board_add_dev(board, &board->debug_console.dev);
		board_add_ports(board, &board->debug_console.region);
	}

	/* 0xf4: ends the process, for tests */
	if (config->test_exit) {
		test_exit_init(&board->test_exit, power);
		board_add_dev(board, &board->test_exit.dev);
		board_add_ports(board, &board->test_exit.region);
	}

	/* 0x3f8-0x3ff: the serial port */
	ns16550a_init(&board->com1, &(struct ns16550a_config){
					    .base_port = BOARD_COM1_PORT,
					    .irq = irq(config, IRQ_COM1),
					    .chardev = config->serial,
					    .acpi_uid = 1,
				    });
	board_add_dev(board, &board->com1.dev);
	board_add_ports(board, &board->com1.region);

	/* 0x510-0x51b: what firmware asks about the machine */
	fw_cfg_init(&board->fw_cfg, config->mem, config->cpu_count);
	board_add_dev(board, &board->fw_cfg.dev);
	board_add_ports(board, &board->fw_cfg.port_region);
	board_add_ports(board, &board->fw_cfg.dma_region);

	/* 0x600-0x60b and 0xcf9: power management and reset */
	acpi_pm_init(&board->pm, &(struct acpi_pm_config){
					 .base_port = BOARD_PM_BASE_PORT,
					 .sci = irq(config, IRQ_SCI),
					 .power = power,
					 .host = config->host,
				 });
	board_add_dev(board, &board->pm.dev);
	board_add_ports(board, &board->pm.event_region);
	board_add_ports(board, &board->pm.control_region);
	board_add_ports(board, &board->pm.timer_region);

	/* Up to 4 GiB: firmware's flash chips */
	assert(config->flash_count <= BOARD_FLASH_MAX);
	for (u32 i = 0; i < config->flash_count; i++) {
		pflash_init(&board->flash[i], &config->flash[i]);
		board_add_dev(board, &board->flash[i].dev);
		board_add_memory(board, &board->flash[i].region);
	}
	if (config->kind == BOARD_Q35)
		return q35_build(board, config);
	board_add_ports(board, &board->pm.reset_region);
	return 0;
}

void board_release(struct board *board)
{
	while (board->dev_count)
		dev_release(board->dev[--board->dev_count]);
	if (board->kind == BOARD_Q35)
		q35_release(&board->q35);
	input_release(&board->input);
}

void board_quiesce(struct board *board)
{
	for (u32 i = 0; i < board->dev_count; i++)
		dev_quiesce(board->dev[i]);
}

void board_reset(struct board *board)
{
	for (u32 i = 0; i < board->dev_count; i++)
		dev_reset(board->dev[i]);
}

/* A count over 1 is of INS and OUTS. */
void board_io(struct board *board, struct kvm_run *run)
{
	u8 *data = (u8 *)run + run->io.data_offset;

	for (u32 i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&board->pio, run->io.port, data, run->io.size);
		else
			bus_read(&board->pio, run->io.port, data, run->io.size);
	}
}

void board_mmio(struct board *board, struct kvm_run *run)
{
	if (run->mmio.is_write)
		bus_write(&board->mmio, run->mmio.phys_addr, run->mmio.data,
			  run->mmio.len);
	else
		bus_read(&board->mmio, run->mmio.phys_addr, run->mmio.data,
			 run->mmio.len);
}
