/* SPDX-License-Identifier: MIT */
#include "vmm/machine/flash.h"

#include "base/test.h"
#include "vmm/machine/fake_machine.h"

#define CODE_BYTES  (64 * KiB)
#define STORE_BYTES (8 * KiB)
#define STORE_GPA   (4 * GiB - CODE_BYTES - STORE_BYTES)

static struct fake_machine t;
static struct bios bios;
static struct uefi uefi;

static _Alignas(4096) u8 code[CODE_BYTES];
static _Alignas(4096) u8 store[STORE_BYTES];

static void begin(void)
{
	memset(store, 0xff, sizeof(store));
	uefi = (struct uefi){.code = code,
			     .code_bytes = CODE_BYTES,
			     .store = store,
			     .store_bytes = STORE_BYTES};
	fake_machine_init(&t);
	t.config.kind = BOARD_Q35;
	t.config.boot = NULL;
	t.config.bios = &bios;
	t.config.uefi = &uefi;
}

static void end(void)
{
	fake_machine_release(&t);
}

static void put(u64 gpa, u8 value)
{
	fake_engine_add(&t.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_MMIO,
					   .address = gpa,
					   .size = 1,
					   .write = true,
					   .value = value});
}

static struct fake_exit *get(u64 gpa)
{
	return fake_engine_add(&t.engine, 0,
			       (struct fake_exit){.reason = KVM_EXIT_MMIO,
						  .address = gpa,
						  .size = 1});
}

static void run(void)
{
	fake_engine_add(&t.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
					   .detail = KVM_SYSTEM_EVENT_SHUTDOWN});
	check_eq(machine_create(&t.config, &t.machine, &t.fault), 0);
	check_eq(machine_start(t.machine, &t.fault), 0);
	machine_cont(t.machine);
	check_eq(loop_run(t.loop), 0);
}

/* Two slots of RAM, and one for each chip. */
TEST(a_chip_that_takes_commands_has_no_slot)
{
	struct fake_exit *status, *id;

	begin();
	put(STORE_GPA + 1, PFLASH_PROGRAM_BYTE);
	put(STORE_GPA + 1, 0x5a);
	status = get(STORE_GPA);
	put(4 * GiB - 1, PFLASH_READ_ID);
	id = get(4 * GiB - CODE_BYTES);
	run();
	check_eq(status->read, PFLASH_READY);
	check_eq(id->read, 0x89);
	check_eq(store[1], 0x5a);
	check_eq(t.engine.memslot_count, 2);
	end();
}

TEST(an_array_that_is_asked_for_has_its_slot_again)
{
	u32 written;

	begin();
	run();
	written = t.engine.written_count;
	check_eq(t.engine.memslot_count, 4);
	end();
	begin();
	put(STORE_GPA, PFLASH_PROGRAM_BYTE);
	put(STORE_GPA, 0);
	put(STORE_GPA, PFLASH_READ_ARRAY);
	run();
	check_eq(t.engine.memslot_count, 4);
	/* And the engine knows that what is there has changed. */
	check_eq(t.engine.written_count, written + 1);
	end();
}

TEST(a_reset_shows_both_chips)
{
	begin();
	put(STORE_GPA, PFLASH_READ_STATUS);
	put(4 * GiB - CODE_BYTES, PFLASH_READ_STATUS);
	fake_engine_add(&t.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_SHUTDOWN});
	run();
	check_eq(t.engine.memslot_count, 4);
	end();
}

/* Or firmware maps more than there is, for seconds. */
TEST(addresses_are_kept_short_for_uefi_only)
{
	begin();
	run();
	check_eq(t.engine.vcpu[0].physical_bits, UEFI_PHYSICAL_BITS);
	end();
	begin();
	t.config.uefi = NULL;
	run();
	check_eq(t.engine.vcpu[0].physical_bits, 46);
	end();
}

TEST(an_engine_that_refuses_a_slot_is_reported)
{
	u32 failed = 0;

	begin();
	for (u32 at = 1; at < 40; at++) {
		fake_engine_init(&t.engine);
		t.engine.fail = -ENOMEM;
		t.engine.fail_at = at;
		if (!machine_create(&t.config, &t.machine, &t.fault))
			break;
		t.machine = NULL;
		check(fault_is_set(&t.fault));
		failed++;
	}
	check(failed > 8 && failed < 39);
	end();
}

/* Else its vCPU would begin in nothing. */
TEST(a_machine_whose_chip_does_not_come_back_at_a_reset_ends)
{
	u32 failed = 0, at = 0;

	for (bool all = false; !all; at++) {
		begin();
		put(4 * GiB - CODE_BYTES, PFLASH_READ_STATUS);
		fake_engine_add(&t.engine, 0,
				(struct fake_exit){.reason = KVM_EXIT_SHUTDOWN});
		fake_engine_add(
			&t.engine, 0,
			(struct fake_exit){.reason = KVM_EXIT_SYSTEM_EVENT,
					   .detail = KVM_SYSTEM_EVENT_SHUTDOWN});
		t.engine.fail = -ENOMEM;
		t.engine.fail_at = 1 + at;
		if (!machine_create(&t.config, &t.machine, &t.fault)) {
			check_eq(machine_start(t.machine, &t.fault), 0);
			machine_cont(t.machine);
			check_eq(loop_run(t.loop), 0);
			failed += t.status == 1;
			check(t.status == 1 || t.engine.memslot_count == 4);
			all = t.engine.call_count < t.engine.fail_at;
		}
		end();
	}
	check_eq(failed, 1);
}
