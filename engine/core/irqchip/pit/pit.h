/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer of the PC, and the bits of port 0x61 that belong to
 * it: channel 0 ticks on IRQ 0, channel 1 is the memory refresh, channel 2
 * the speaker, with its gate in port 0x61.
 * [I8254 "Operational Description", "Mode Definitions"]
 *
 * Nothing counts: a channel is its count and the time it was loaded, and all
 * else is computed from the clock at 1193182 Hz.
 *
 * Simplified: in mode 3 a new count waits for the end of the whole cycle, not
 * of the half cycle; loading takes no clock pulse of its own.
 *
 * Locks: the irqchip lock of the VM, held by the caller.
 */
#ifndef ENGINE_CORE_IRQCHIP_PIT_PIT_H
#define ENGINE_CORE_IRQCHIP_PIT_PIT_H

#include <linux/kvm.h>

#include "engine/core/types.h"

#define PIT_HZ	     1193182u
#define PIT_CHANNELS 3
#define PIT_NEVER    UINT64_MAX

#define PIT_PORT	 0x40 /* channels 0..2, then the control word */
#define PIT_SPEAKER_PORT 0x61

/* Ticks that are made up at most when the guest was not running. */
#define PIT_PENDING_MAX 256u

struct pit_ops {
	u64 (*now_ns)(void *ctx);
	/* A pulse on IRQ 0; returns what KVM_IRQ_LINE_STATUS reports. */
	int (*irq0)(void *ctx);
	/* pit_deadline_ns() has a new answer. */
	void (*timer_changed)(void *ctx);
};

struct pit_channel {
	u8 mode; /* 0..5 */
	bool bcd;
	bool gate;
	u8 access;     /* the control word's RW field: 1 LSB, 2 MSB, 3 both */
	u8 read_state; /* 1 LSB, 2 MSB, 3 LSB of two, 4 MSB of two */
	u8 write_state;
	u8 write_latch;	   /* the LSB that waits for its MSB */
	u8 count_latched;  /* 0, or as read_state 1..3 */
	u16 latched_count; /* as read: BCD if so programmed */
	bool status_latched;
	u8 status;
	u32 count;	 /* that counts now: 1..65536; 0: none loaded */
	u32 reload;	 /* last written; 0: none since the control word */
	u64 start_ns;	 /* when count was loaded */
	u64 reload_tick; /* since then: when reload replaces count */
	u64 held_ticks;	 /* where the gate stopped it */
};

struct pit {
	const struct pit_ops *ops; /* borrowed */
	void *ctx;
	struct pit_channel channel[PIT_CHANNELS];
	bool speaker_data;
	bool hpet_legacy; /* the HPET has taken over IRQ 0 */
	bool reinject;	  /* make up lost ticks; on at first */
	bool awaits_ack;  /* a tick went out and was not served yet */
	u32 pending;	  /* ticks owed to the guest */
	u64 edges_seen;	  /* of channel 0's OUT, since start_ns */
	u64 last_tick_ns;
};

void pit_init(struct pit *pit, const struct pit_ops *ops, void *ctx);

/* When pit_expire() wants to be called next, or PIT_NEVER. */
u64 pit_deadline_ns(const struct pit *pit);
void pit_expire(struct pit *pit, u64 now_ns);

/* IRQ 0 was served, or may get through again: the next owed tick can go. */
void pit_acked(struct pit *pit);
void pit_unmasked(struct pit *pit);

/* KVM_REINJECT_CONTROL */
void pit_set_reinject(struct pit *pit, bool reinject);

/* True when `port` is one of ours. One byte, the only width there is. */
bool pit_read(struct pit *pit, u16 port, u8 *ret_value);
bool pit_write(struct pit *pit, u16 port, u8 value);

/*
 * KVM_GET_PIT2 and KVM_SET_PIT2. count_load_time is on the clock of
 * ops->now_ns; a time to come counts as now. A count that waits for the end of
 * a cycle is saved as if it had been loaded.
 */
void pit_get_state(struct pit *pit, struct kvm_pit_state2 *ret_state);
void pit_set_state(struct pit *pit, const struct kvm_pit_state2 *state);

#endif
