/* SPDX-License-Identifier: MIT */
/*
 * A channel's life in ticks: t counts from the loading of `count`, n ticks.
 *
 *	mode 0  OUT low until t = n, then high
 *	mode 1  low from the trigger until t = n
 *	mode 2  low in the last tick of every n
 *	mode 3  high in the first half of every n, low in the second
 *	mode 4  low in tick n only
 *	mode 5  as 4, from the trigger
 *
 * The interrupt is OUT's rising edge.
 */
#include "engine/core/irqchip/pit/pit.h"

#include "engine/core/irqchip/vector_set.h"

#define NS_PER_S 1000000000u

/* Ticks closer together than this are delivered in company. */
#define TICK_MIN_NS 200000u

/* Control word [I8254 Figure 7 "Control Word Format"] */
#define SELECT(control)	    ((control) >> 6)
#define SELECT_READ_BACK    3
#define ACCESS(control)	    ((control) >> 4 & 3)
#define ACCESS_LATCH	    0
#define MODE(control)	    ((control) >> 1 & 7)
#define BCD		    0x01
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10
#define STATUS_OUT	    0x80
#define STATUS_NULL_COUNT   0x40

/* Where in the bytes of a count a read or write is. */
#define AT_LSB	    1
#define AT_MSB	    2
#define AT_WORD_LSB 3
#define AT_WORD_MSB 4

/* Port 0x61 */
#define SPEAKER_GATE2	  0x01
#define SPEAKER_DATA	  0x02
#define SPEAKER_REFRESH	  0x10
#define SPEAKER_OUT2	  0x20
#define REFRESH_TOGGLE_NS 15085u /* 18 ticks */

#define TIMER	0
#define SPEAKER 2

/* --- time --- */

static u64 ns_to_ticks(u64 ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

/* Rounded up: at that time the tick has happened. */
static u64 ticks_to_ns(u64 ticks)
{
	return ticks / PIT_HZ * NS_PER_S +
	       (ticks % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static bool is_triggered_by_gate(const struct pit_channel *channel)
{
	return channel->mode == 1 || channel->mode == 5;
}

static bool is_cyclic(const struct pit_channel *channel)
{
	return channel->mode == 2 || channel->mode == 3;
}

/* t. A low gate stops the count, except where only its edge matters. */
static u64 elapsed(const struct pit_channel *channel, u64 now)
{
	if (!channel->gate && !is_triggered_by_gate(channel))
		return channel->held_ticks;
	return now > channel->start_ns ? ns_to_ticks(now - channel->start_ns)
				       : 0;
}

/* --- output and count --- */

static bool output(const struct pit_channel *channel, u64 now)
{
	u64 n = channel->count;
	u64 t = elapsed(channel, now);

	if (!n)
		return channel->mode != 0;
	switch (channel->mode) {
	case 0:
	case 1:
		return t >= n;
	case 2:
		return !channel->gate || t % n != n - 1;
	case 3:
		return !channel->gate || t % n < (n + 1) / 2;
	default:
		return t != n;
	}
}

static u32 to_bcd(u32 value)
{
	return value / 1000 % 10 << 12 | value / 100 % 10 << 8 |
	       value / 10 % 10 << 4 | value % 10;
}

static u32 from_bcd(u32 value)
{
	return (value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 +
	       (value >> 4 & 15) * 10 + (value & 15);
}

static u32 modulus(const struct pit_channel *channel)
{
	return channel->bcd ? 10000 : 65536;
}

/* The counting element, as a read finds it. */
static u16 current_count(const struct pit_channel *channel, u64 now)
{
	u64 n = channel->count;
	u64 t = elapsed(channel, now);
	u64 m = modulus(channel);
	u64 half = (n + 1) / 2;
	u64 value;

	if (!n)
		value = 0;
	else if (channel->mode == 2)
		value = n - t % n;
	else if (channel->mode == 3) /* by twos, each half from the top */
		value = (n & ~1ull) - 2 * (t % n < half ? t % n : t % n - half);
	else
		value = n + m - t % m; /* runs on below zero */
	value %= m;
	return (u16)(channel->bcd ? to_bcd((u32)value) : value);
}

/* --- edges of OUT --- */

static bool is_single_shot_edge(const struct pit_channel *channel, u64 *ret_tick)
{
	if (is_cyclic(channel))
		return false;
	*ret_tick = channel->mode < 2 ? channel->count : channel->count + 1ull;
	return true;
}

/* Rising edges in ticks 1..t. Cyclic counts of 1 are not legal and do not
 * oscillate. */
static u64 edges_until(const struct pit_channel *channel, u64 t)
{
	u64 tick;

	if (!channel->count)
		return 0;
	if (is_single_shot_edge(channel, &tick))
		return t >= tick;
	return channel->count < 2 ? 0 : t / channel->count;
}

/* The tick of the edge that follows `edges` earlier ones, or PIT_NEVER. */
static u64 edge_tick(const struct pit_channel *channel, u64 edges)
{
	u64 tick;

	if (!channel->count || !channel->gate)
		return PIT_NEVER;
	if (is_single_shot_edge(channel, &tick))
		return edges ? PIT_NEVER : tick;
	return channel->count < 2 ? PIT_NEVER : (edges + 1) * channel->count;
}

/* --- loading --- */

static void load(struct pit_channel *channel, u64 now)
{
	channel->count = channel->reload;
	channel->start_ns = now;
	channel->held_ticks = 0;
}

/* A cyclic channel takes its new count when the cycle is over. Returns the
 * edges up to there. */
static u64 settle_reload(struct pit_channel *channel, u64 now)
{
	u64 edges;

	if (!is_cyclic(channel) || channel->count == channel->reload ||
	    !channel->count || elapsed(channel, now) < channel->reload_tick)
		return 0;
	edges = edges_until(channel, channel->reload_tick);
	load(channel, channel->start_ns + ticks_to_ns(channel->reload_tick));
	return edges;
}

/* Brings channel `index` up to date and gathers channel 0's edges. */
static u64 settle(struct pit *pit, u32 index, u64 now)
{
	struct pit_channel *channel = &pit->channel[index];
	u64 before = settle_reload(channel, now);
	u64 until, fresh;

	if (index != TIMER)
		return 0;
	fresh = 0;
	if (before) {
		fresh = before - MIN(before, pit->edges_seen);
		pit->edges_seen = 0;
	}
	until = edges_until(channel, elapsed(channel, now));
	fresh += until - MIN(until, pit->edges_seen);
	pit->edges_seen = until;
	return fresh;
}

/* --- the interrupt --- */

static void inject(struct pit *pit)
{
	int status;

	if (!pit->pending || pit->awaits_ack)
		return;
	status = pit->ops->irq0(pit->ctx);
	if (status < 0) {
		pit->pending = 0; /* masked: the guest wants none of them */
		return;
	}
	if (status > 0)
		pit->pending--;
	pit->awaits_ack = true; /* of this tick, or one it merged with */
}

/*
 * A guest that does not acknowledge for so long that the bound is reached has
 * lost the interrupt in some way we did not see (a masked LINT0, say): start
 * over, or its clock would stand still.
 */
static void add_ticks(struct pit *pit, u64 ticks)
{
	if (!ticks || pit->hpet_legacy)
		return;
	if (!pit->reinject) {
		(void)pit->ops->irq0(pit->ctx); /* merged or masked is lost */
		return;
	}
	if (pit->awaits_ack && pit->pending + ticks >= PIT_PENDING_MAX) {
		pit->awaits_ack = false;
		pit->pending = 0;
		ticks = 1;
	}
	pit->pending = (u32)MIN(pit->pending + ticks, (u64)PIT_PENDING_MAX);
	inject(pit);
}

void pit_expire(struct pit *pit, u64 now_ns)
{
	u64 ticks = settle(pit, TIMER, now_ns);

	if (ticks)
		pit->last_tick_ns = now_ns;
	add_ticks(pit, ticks);
}

u64 pit_deadline_ns(const struct pit *pit)
{
	const struct pit_channel *channel = &pit->channel[TIMER];
	u64 tick = edge_tick(channel, pit->edges_seen);

	if (tick == PIT_NEVER || pit->hpet_legacy)
		return PIT_NEVER;
	return MAX(channel->start_ns + ticks_to_ns(tick),
		   pit->last_tick_ns + TICK_MIN_NS);
}

void pit_acked(struct pit *pit)
{
	pit->awaits_ack = false;
	inject(pit);
}

void pit_unmasked(struct pit *pit)
{
	pit->awaits_ack = false;
	pit->pending = 0;
}

void pit_set_reinject(struct pit *pit, bool reinject)
{
	pit->reinject = reinject;
	pit_unmasked(pit);
}

/* --- programming --- */

static void restart_timer(struct pit *pit, u32 index)
{
	if (index != TIMER)
		return;
	pit->edges_seen = 0;
	pit->last_tick_ns = 0;
	pit_unmasked(pit); /* ticks of the old programming are void */
	pit->ops->timer_changed(pit->ctx);
}

static void write_count(struct pit *pit, u32 index, u32 value, u64 now)
{
	struct pit_channel *channel = &pit->channel[index];
	u64 t = elapsed(channel, now);

	if (channel->bcd)
		value = from_bcd(value);
	value %= modulus(channel);
	channel->reload = value ? value : modulus(channel);
	if (is_triggered_by_gate(channel))
		return; /* waits for the trigger */
	if (is_cyclic(channel) && channel->count) {
		channel->reload_tick = (t / channel->count + 1) * channel->count;
		return;
	}
	load(channel, now);
	restart_timer(pit, index);
}

static void write_channel(struct pit *pit, u32 index, u8 value, u64 now)
{
	struct pit_channel *channel = &pit->channel[index];

	switch (channel->write_state) {
	case AT_LSB:
		write_count(pit, index, value, now);
		break;
	case AT_MSB:
		write_count(pit, index, (u32)value << 8, now);
		break;
	case AT_WORD_LSB:
		channel->write_latch = value;
		channel->write_state = AT_WORD_MSB;
		if (channel->mode == 0) {
			channel->count = 0; /* the first byte stops mode 0 */
			restart_timer(pit, index);
		}
		break;
	default:
		channel->write_state = AT_WORD_LSB;
		write_count(pit, index, (u32)value << 8 | channel->write_latch,
			    now);
		break;
	}
}

static void latch_count(struct pit_channel *channel, u64 now)
{
	if (channel->count_latched)
		return; /* the first latch holds until it is read */
	channel->latched_count = current_count(channel, now);
	channel->count_latched = channel->access;
}

/* [I8254 Figure 12 "Status Byte"] */
static void latch_status(struct pit_channel *channel, u64 now)
{
	bool null_count = !channel->count || channel->count != channel->reload;

	if (channel->status_latched)
		return;
	channel->status_latched = true;
	channel->status = (u8)((output(channel, now) ? STATUS_OUT : 0) |
			       (null_count ? STATUS_NULL_COUNT : 0) |
			       channel->access << 4 | channel->mode << 1 |
			       (channel->bcd ? BCD : 0));
}

/* [I8254 "Read-Back Command"] */
static void read_back(struct pit *pit, u8 control, u64 now)
{
	for (u32 i = 0; i < PIT_CHANNELS; i++) {
		if (!(control >> (i + 1) & 1))
			continue;
		if (!(control & READ_BACK_NO_COUNT))
			latch_count(&pit->channel[i], now);
		if (!(control & READ_BACK_NO_STATUS))
			latch_status(&pit->channel[i], now);
	}
}

/* Modes 6 and 7 are 2 and 3: the top bit is not decoded there. */
static u8 legal_mode(u32 mode)
{
	mode &= 7;
	return (u8)(mode > 5 ? mode - 4 : mode);
}

/* A mode begins without a count; OUT goes to its initial state. */
static void set_mode(struct pit *pit, u32 index, u8 control)
{
	struct pit_channel *channel = &pit->channel[index];

	channel->access = ACCESS(control);
	channel->read_state = channel->write_state = channel->access;
	channel->mode = legal_mode(MODE(control));
	channel->bcd = control & BCD;
	channel->count_latched = 0;
	channel->status_latched = false;
	channel->count = channel->reload = 0;
	channel->held_ticks = 0;
	restart_timer(pit, index);
}

static void write_control(struct pit *pit, u8 control, u64 now)
{
	u32 index = SELECT(control);

	if (index == SELECT_READ_BACK)
		read_back(pit, control, now);
	else if (ACCESS(control) == ACCESS_LATCH)
		latch_count(&pit->channel[index], now);
	else
		set_mode(pit, index, control);
}

static u8 read_latched(struct pit_channel *channel)
{
	u8 msb = (u8)(channel->latched_count >> 8);
	u8 lsb = (u8)channel->latched_count;
	u8 at = channel->count_latched;

	channel->count_latched = at == AT_WORD_LSB ? AT_MSB : 0;
	return at == AT_MSB ? msb : lsb;
}

static u8 read_channel(struct pit_channel *channel, u64 now)
{
	u16 count = current_count(channel, now);

	if (channel->status_latched) {
		channel->status_latched = false;
		return channel->status;
	}
	if (channel->count_latched)
		return read_latched(channel);
	switch (channel->read_state) {
	case AT_LSB:
		return (u8)count;
	case AT_MSB:
		return (u8)(count >> 8);
	case AT_WORD_LSB:
		channel->read_state = AT_WORD_MSB;
		return (u8)count;
	default:
		channel->read_state = AT_WORD_LSB;
		return (u8)(count >> 8);
	}
}

/* [I8254 Figure 21 "Gate Pin Operations Summary"] */
static void set_gate(struct pit_channel *channel, bool gate, u64 now)
{
	u64 t = elapsed(channel, now);

	if (channel->gate == gate)
		return;
	channel->gate = gate;
	if (!gate)
		channel->held_ticks = t;
	else if (is_triggered_by_gate(channel) || is_cyclic(channel))
		load(channel, now);
	else
		channel->start_ns =
			now - MIN(now, ticks_to_ns(channel->held_ticks));
}

static u8 read_speaker_port(struct pit *pit, u64 now)
{
	struct pit_channel *speaker = &pit->channel[SPEAKER];

	return (u8)((speaker->gate ? SPEAKER_GATE2 : 0) |
		    (pit->speaker_data ? SPEAKER_DATA : 0) |
		    (now / REFRESH_TOGGLE_NS & 1 ? SPEAKER_REFRESH : 0) |
		    (output(speaker, now) ? SPEAKER_OUT2 : 0));
}

static void write_speaker_port(struct pit *pit, u8 value, u64 now)
{
	pit->speaker_data = value & SPEAKER_DATA;
	set_gate(&pit->channel[SPEAKER], value & SPEAKER_GATE2, now);
}

/* What came due before an access must be out before its effect. */
static u64 settle_all(struct pit *pit)
{
	u64 now = pit->ops->now_ns(pit->ctx);

	pit_expire(pit, now);
	for (u32 i = TIMER + 1; i < PIT_CHANNELS; i++)
		(void)settle(pit, i, now); /* only channel 0 has edges to count */
	return now;
}

bool pit_read(struct pit *pit, u16 port, u8 *ret_value)
{
	u64 now = settle_all(pit);

	if (port == PIT_SPEAKER_PORT)
		*ret_value = read_speaker_port(pit, now);
	else if (port >= PIT_PORT && port < PIT_PORT + PIT_CHANNELS)
		*ret_value = read_channel(&pit->channel[port - PIT_PORT], now);
	else if (port == PIT_PORT + PIT_CHANNELS)
		*ret_value = 0; /* the control word cannot be read */
	else
		return false;
	return true;
}

bool pit_write(struct pit *pit, u16 port, u8 value)
{
	u64 now = settle_all(pit);

	if (port == PIT_SPEAKER_PORT)
		write_speaker_port(pit, value, now);
	else if (port >= PIT_PORT && port < PIT_PORT + PIT_CHANNELS)
		write_channel(pit, port - PIT_PORT, value, now);
	else if (port == PIT_PORT + PIT_CHANNELS)
		write_control(pit, value, now);
	else
		return false;
	return true;
}

/* --- life and state --- */

/* The chip powers up undefined; this is what a PC's firmware leaves. */
void pit_init(struct pit *pit, const struct pit_ops *ops, void *ctx)
{
	*pit = (struct pit){.ops = ops, .ctx = ctx, .reinject = true};
	for (u32 i = 0; i < PIT_CHANNELS; i++)
		pit->channel[i] = (struct pit_channel){
			.mode = 3,
			.gate = i != SPEAKER,
			.access = AT_WORD_LSB,
			.read_state = AT_WORD_LSB,
			.write_state = AT_WORD_LSB,
		};
}

/*
 * The kernel's state has no word for a channel without a count: there it says
 * 65536, and the mode of a fresh chip is 255, in which nothing ticks. Clients
 * divide by the count. A mode that waits for its count is told in the low bits.
 */
#define STATE_NO_COUNT 0xf8u
#define STATE_COUNT    65536u

static u8 mode_told(const struct pit_channel *channel)
{
	u32 mode = channel->mode;

	if (channel->reload)
		return (u8)mode;
	return (u8)(STATE_NO_COUNT | (mode == 3 ? 7 : mode));
}

static void get_channel(const struct pit_channel *channel, u64 now,
			struct kvm_pit_channel_state *ret_state)
{
	bool runs = channel->gate || is_triggered_by_gate(channel);
	u64 start = channel->start_ns;

	if (!runs)
		start = now - MIN(now, ticks_to_ns(channel->held_ticks));
	*ret_state = (struct kvm_pit_channel_state){
		.count = channel->reload ? channel->reload : STATE_COUNT,
		.latched_count = channel->latched_count,
		.count_latched = channel->count_latched,
		.status_latched = channel->status_latched,
		.status = channel->status,
		.read_state = channel->read_state,
		.write_state = channel->write_state,
		.write_latch = channel->write_latch,
		.rw_mode = channel->access,
		.mode = mode_told(channel),
		.bcd = channel->bcd,
		.gate = channel->gate,
		.count_load_time = (s64)start,
	};
}

void pit_get_state(struct pit *pit, struct kvm_pit_state2 *ret_state)
{
	u64 now = settle_all(pit);

	__builtin_memset(ret_state, 0, sizeof(*ret_state));
	for (u32 i = 0; i < PIT_CHANNELS; i++)
		get_channel(&pit->channel[i], now, &ret_state->channels[i]);
	if (pit->hpet_legacy)
		ret_state->flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	if (pit->speaker_data)
		ret_state->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
}

/* 1..max, or `otherwise`: a client's state may hold anything. */
static u8 bounded(u32 value, u8 max, u8 otherwise)
{
	return value >= 1 && value <= max ? (u8)value : otherwise;
}

static void set_channel(struct pit_channel *channel, u64 now,
			const struct kvm_pit_channel_state *state)
{
	u64 start = MIN((u64)MAX(state->count_load_time, (s64)0), now);

	*channel = (struct pit_channel){
		.mode = legal_mode(state->mode),
		.bcd = state->bcd,
		.gate = state->gate,
		.access = bounded(state->rw_mode, AT_WORD_LSB, AT_WORD_LSB),
		.read_state =
			bounded(state->read_state, AT_WORD_MSB, AT_WORD_LSB),
		.write_state =
			bounded(state->write_state, AT_WORD_MSB, AT_WORD_LSB),
		.write_latch = state->write_latch,
		.count_latched = bounded(state->count_latched, AT_WORD_LSB, 0),
		.latched_count = state->latched_count,
		.status_latched = state->status_latched,
		.status = state->status,
		.start_ns = start,
	};
	if (state->mode < STATE_NO_COUNT)
		channel->count = MIN(state->count, modulus(channel));
	channel->reload = channel->count;
	if (!channel->gate)
		channel->held_ticks = ns_to_ticks(now - start);
}

void pit_set_state(struct pit *pit, const struct kvm_pit_state2 *state)
{
	struct pit_channel *timer = &pit->channel[TIMER];
	u64 now = pit->ops->now_ns(pit->ctx);

	for (u32 i = 0; i < PIT_CHANNELS; i++)
		set_channel(&pit->channel[i], now, &state->channels[i]);
	pit->hpet_legacy = state->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	pit->speaker_data = state->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	timer->gate = true; /* tied high */
	timer->held_ticks = 0;
	restart_timer(pit, TIMER);
	/* Ticks of the time between saving and now are not made up. */
	pit->edges_seen = edges_until(timer, elapsed(timer, now));
}
