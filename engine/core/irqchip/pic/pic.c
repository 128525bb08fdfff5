/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/pic/pic.h"

#include "engine/core/irqchip/vector_set.h"

#define MASTER	     0
#define SLAVE	     1
#define CASCADE_PIN  2
#define SPURIOUS_PIN 7
#define NO_PIN	     (-1)

/* Pins 0, 1, 2, 8 and 13 cannot be level-triggered: timer, keyboard, cascade,
 * RTC and FPU are wired for edges. */
#define ELCR_MASTER 0xf8
#define ELCR_SLAVE  0xde

/* Command words [I8259A Figures 7 and 8, "Initialization Command Word Format"
 * and "Operation Command Word Format"] */
#define ICW1	     0x10
#define ICW1_IC4     0x01
#define ICW4_AEOI    0x02
#define ICW4_SFNM    0x10
#define OCW3	     0x08
#define OCW3_RIS     0x01
#define OCW3_RR	     0x02
#define OCW3_POLL    0x04
#define OCW3_SMM     0x20
#define OCW3_ESMM    0x40
#define POLL_PENDING 0x80

/* OCW2's commands, bits 7:5. */
enum ocw2 {
	OCW2_CLEAR_ROTATE_ON_AEOI = 0,
	OCW2_EOI = 1,
	OCW2_NOTHING = 2,
	OCW2_SPECIFIC_EOI = 3,
	OCW2_SET_ROTATE_ON_AEOI = 4,
	OCW2_ROTATE_ON_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_ON_SPECIFIC_EOI = 7,
};

static u32 which(const struct pic *pic, const struct pic_chip *chip)
{
	return (u32)(chip - pic->chip);
}

static void acked(struct pic *pic, const struct pic_chip *chip, u32 pin)
{
	pic->ops->acked(pic->ctx, which(pic, chip) * 8 + pin);
}

/* --- priority --- */

/* The rank of the most urgent pin in `pins`, 0 the highest; 8 when empty.
 * Ranks are pins counted from top_pin, the rotating top. */
static u32 highest_rank(const struct pic_chip *chip, u8 pins)
{
	u32 twice = (u32)pins << 8 | pins;
	u32 rotated = twice >> chip->top_pin & 0xff;

	return rotated ? (u32)__builtin_ctz(rotated) : 8;
}

static u32 rank_to_pin(const struct pic_chip *chip, u32 rank)
{
	return (rank + chip->top_pin) & 7;
}

/* The pin that INTA would serve: requested, not masked, and above whatever is
 * in service. [I8259A "Interrupt Sequence", "Special Mask Mode", "Special
 * Fully Nested Mode"] */
static int pin_to_serve(const struct pic *pic, const struct pic_chip *chip)
{
	u32 rank = highest_rank(chip, chip->irr & (u8)~chip->imr);
	u8 blocking = chip->isr;

	if (chip->special_mask)
		blocking &= (u8)~chip->imr;
	if (chip->special_fully_nested && which(pic, chip) == MASTER)
		blocking &= (u8) ~(1u << CASCADE_PIN);
	if (rank >= highest_rank(chip, blocking))
		return NO_PIN;
	return (int)rank_to_pin(chip, rank);
}

/* The slave's INT is the master's pin 2. It stays latched there if the slave
 * changes its mind; the slave answers with its spurious vector then. */
static void update(struct pic *pic)
{
	bool intr;

	if (pin_to_serve(pic, &pic->chip[SLAVE]) != NO_PIN)
		pic->chip[MASTER].irr |= 1u << CASCADE_PIN;
	intr = pin_to_serve(pic, &pic->chip[MASTER]) != NO_PIN;
	if (intr == pic->intr)
		return;
	pic->intr = intr;
	pic->ops->intr(pic->ctx, intr);
}

/* --- lines --- */

static int set_pin(struct pic_chip *chip, u32 pin, bool level)
{
	u8 bit = (u8)(1u << pin);
	bool is_level = chip->elcr & bit;
	bool was_high = chip->lines & bit;
	bool was_requested = chip->irr & bit;
	int status = 1;

	if (level && (is_level || !was_high)) {
		chip->irr |= bit;
		status = !was_requested;
	} else if (!level && is_level) {
		chip->irr &= (u8)~bit;
	}
	if (level)
		chip->lines |= bit;
	else
		chip->lines &= (u8)~bit;
	return chip->imr & bit ? -1 : status;
}

int pic_set_line(struct pic *pic, u32 source, u32 pin, bool level)
{
	int status;

	irqchip_assert(pin < PIC_PINS && source < 8);
	if (level)
		pic->sources[pin] |= (u8)(1u << source);
	else
		pic->sources[pin] &= (u8) ~(1u << source);
	status = set_pin(&pic->chip[pin / 8], pin % 8, pic->sources[pin]);
	update(pic);
	return status;
}

/* --- service --- */

/* Who hears of the end of service may lower its line; update() comes after. */
static void end_service(struct pic *pic, struct pic_chip *chip, u32 pin)
{
	chip->isr &= (u8) ~(1u << pin);
	acked(pic, chip, pin);
}

static void begin_service(struct pic *pic, struct pic_chip *chip, u32 pin)
{
	u8 bit = (u8)(1u << pin);

	chip->isr |= bit;
	if (!(chip->elcr & bit))
		chip->irr &= (u8)~bit;
	if (!chip->auto_eoi)
		return;
	if (chip->rotate_on_auto_eoi)
		chip->top_pin = (pin + 1) & 7;
	end_service(pic, chip, pin);
}

static u8 accept_from(struct pic *pic, struct pic_chip *chip)
{
	int pin = pin_to_serve(pic, chip);

	if (pin == NO_PIN)
		return chip->vector_base + SPURIOUS_PIN;
	begin_service(pic, chip, (u32)pin);
	return (u8)(chip->vector_base + pin);
}

u8 pic_accept(struct pic *pic)
{
	bool from_slave = pin_to_serve(pic, &pic->chip[MASTER]) == CASCADE_PIN;
	u8 vector = accept_from(pic, &pic->chip[MASTER]);

	if (from_slave)
		vector = accept_from(pic, &pic->chip[SLAVE]);
	update(pic);
	return vector;
}

/* [I8259A "Poll Command"] A read stands in for INTA: bit 7 says that there
 * was one, bits 2:0 which. */
static u8 poll(struct pic *pic, struct pic_chip *chip)
{
	int pin = pin_to_serve(pic, chip);

	chip->poll = false;
	if (pin == NO_PIN)
		return SPURIOUS_PIN;
	begin_service(pic, chip, (u32)pin);
	if (which(pic, chip) == SLAVE)
		pic->chip[MASTER].irr &= (u8) ~(1u << CASCADE_PIN);
	update(pic);
	return (u8)(POLL_PENDING | pin);
}

/* --- command words --- */

static void unmasked(struct pic *pic, const struct pic_chip *chip, u8 pins)
{
	for (u32 pin = 0; pin < 8; pin++)
		if (pins >> pin & 1)
			pic->ops->unmasked(pic->ctx, which(pic, chip) * 8 + pin);
}

static void dropped(struct pic *pic, const struct pic_chip *chip, u8 pins)
{
	for (u32 pin = 0; pin < 8; pin++)
		if (pins >> pin & 1)
			acked(pic, chip, pin);
}

/*
 * Requests by edge are forgotten, and a pin that stays high makes no new one:
 * it needs an edge. [I8259A "Initialization Command Words 1 and 2"] Whoever
 * waits for the end of a forgotten interrupt must hear of it.
 */
static void write_icw1(struct pic *pic, struct pic_chip *chip, u8 value)
{
	u8 forgotten = chip->isr | (chip->irr & (u8)~chip->elcr);
	u8 were_masked = chip->imr;

	chip->irr &= chip->elcr;
	chip->imr = 0;
	chip->isr = 0;
	chip->top_pin = 0;
	chip->special_mask = false;
	chip->poll = false;
	chip->read_isr = false;
	chip->init_icw4 = value & ICW1_IC4;
	if (!chip->init_icw4) {
		chip->auto_eoi = false;
		chip->special_fully_nested = false;
	}
	chip->rotate_on_auto_eoi = false;
	chip->init_state = 2;
	dropped(pic, chip, forgotten);
	unmasked(pic, chip, were_masked);
}

static void eoi(struct pic *pic, struct pic_chip *chip, u32 pin, bool rotate)
{
	if (rotate)
		chip->top_pin = (pin + 1) & 7;
	end_service(pic, chip, pin);
}

/* Ends what is most urgent in service; in special mask mode, of what is not
 * masked. */
static void nonspecific_eoi(struct pic *pic, struct pic_chip *chip, bool rotate)
{
	u8 in_service = chip->isr;
	u32 rank;

	if (chip->special_mask)
		in_service &= (u8)~chip->imr;
	rank = highest_rank(chip, in_service);
	if (rank < 8)
		eoi(pic, chip, rank_to_pin(chip, rank), rotate);
}

static void write_ocw2(struct pic *pic, struct pic_chip *chip, u8 value)
{
	u32 pin = value & 7;

	switch ((enum ocw2)(value >> 5)) {
	case OCW2_CLEAR_ROTATE_ON_AEOI:
		chip->rotate_on_auto_eoi = false;
		break;
	case OCW2_SET_ROTATE_ON_AEOI:
		chip->rotate_on_auto_eoi = true;
		break;
	case OCW2_EOI:
		nonspecific_eoi(pic, chip, false);
		break;
	case OCW2_ROTATE_ON_EOI:
		nonspecific_eoi(pic, chip, true);
		break;
	case OCW2_SPECIFIC_EOI:
		eoi(pic, chip, pin, false);
		break;
	case OCW2_ROTATE_ON_SPECIFIC_EOI:
		eoi(pic, chip, pin, true);
		break;
	case OCW2_SET_PRIORITY:
		chip->top_pin = (pin + 1) & 7;
		break;
	case OCW2_NOTHING:
		break;
	}
}

static void write_ocw3(struct pic_chip *chip, u8 value)
{
	if (value & OCW3_POLL)
		chip->poll = true;
	if (value & OCW3_RR)
		chip->read_isr = value & OCW3_RIS;
	if (value & OCW3_ESMM)
		chip->special_mask = value & OCW3_SMM;
}

static void write_command(struct pic *pic, struct pic_chip *chip, u8 value)
{
	if (value & ICW1)
		write_icw1(pic, chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(pic, chip, value);
}

static void write_ocw1(struct pic *pic, struct pic_chip *chip, u8 value)
{
	u8 opened = chip->imr & (u8)~value;

	chip->imr = value;
	unmasked(pic, chip, opened);
}

static void write_data(struct pic *pic, struct pic_chip *chip, u8 value)
{
	switch (chip->init_state) {
	case 2:
		chip->vector_base = value & 0xf8;
		chip->init_state = 3;
		break;
	case 3: /* who is cascaded where is not for software to choose */
		chip->init_state = chip->init_icw4 ? 4 : 0;
		break;
	case 4:
		chip->auto_eoi = value & ICW4_AEOI;
		chip->special_fully_nested = value & ICW4_SFNM;
		chip->init_state = 0;
		break;
	default:
		write_ocw1(pic, chip, value);
		break;
	}
}

/* --- ports --- */

static struct pic_chip *chip_at(struct pic *pic, u16 port)
{
	switch (port & ~1u) {
	case PIC_MASTER_PORT:
		return &pic->chip[MASTER];
	case PIC_SLAVE_PORT:
		return &pic->chip[SLAVE];
	default:
		return NULL;
	}
}

bool pic_read(struct pic *pic, u16 port, u8 *ret_value)
{
	struct pic_chip *chip = chip_at(pic, port);

	if (chip && chip->poll)
		*ret_value = poll(pic, chip);
	else if (chip && (port & 1))
		*ret_value = chip->imr;
	else if (chip)
		*ret_value = chip->read_isr ? chip->isr : chip->irr;
	else if ((port & ~1u) == PIC_ELCR_PORT)
		*ret_value = pic->chip[port & 1].elcr;
	else
		return false;
	return true;
}

/* A pin that becomes level-triggered asks if it is high. */
static void write_elcr(struct pic_chip *chip, u8 value)
{
	chip->elcr = value & chip->elcr_mask;
	chip->irr |= chip->lines & chip->elcr;
}

bool pic_write(struct pic *pic, u16 port, u8 value)
{
	struct pic_chip *chip = chip_at(pic, port);

	if (chip && (port & 1))
		write_data(pic, chip, value);
	else if (chip)
		write_command(pic, chip, value);
	else if ((port & ~1u) == PIC_ELCR_PORT)
		write_elcr(&pic->chip[port & 1], value);
	else
		return false;
	update(pic);
	return true;
}

/* --- life and state --- */

void pic_reset(struct pic *pic)
{
	for (u32 i = 0; i < ARRAY_SIZE(pic->chip); i++)
		pic->chip[i] = (struct pic_chip){
			.elcr_mask = i == MASTER ? ELCR_MASTER : ELCR_SLAVE,
		};
	__builtin_memset(pic->sources, 0, sizeof(pic->sources));
	update(pic);
}

void pic_init(struct pic *pic, const struct pic_ops *ops, void *ctx)
{
	pic->ops = ops;
	pic->ctx = ctx;
	pic->intr = false;
	pic_reset(pic);
}

/* KVM counts the awaited ICW from 1, we by its name. */
void pic_get_state(const struct pic *pic, u32 chip,
		   struct kvm_pic_state *ret_state)
{
	const struct pic_chip *c = &pic->chip[chip];

	irqchip_assert(chip < ARRAY_SIZE(pic->chip));
	*ret_state = (struct kvm_pic_state){
		.last_irr = c->lines,
		.irr = c->irr,
		.imr = c->imr,
		.isr = c->isr,
		.priority_add = c->top_pin,
		.irq_base = c->vector_base,
		.read_reg_select = c->read_isr,
		.poll = c->poll,
		.special_mask = c->special_mask,
		.init_state = c->init_state ? c->init_state - 1 : 0,
		.auto_eoi = c->auto_eoi,
		.rotate_on_auto_eoi = c->rotate_on_auto_eoi,
		.special_fully_nested_mode = c->special_fully_nested,
		.init4 = c->init_icw4,
		.elcr = c->elcr,
		.elcr_mask = c->elcr_mask,
	};
}

void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state)
{
	struct pic_chip *c = &pic->chip[chip];

	irqchip_assert(chip < ARRAY_SIZE(pic->chip));
	*c = (struct pic_chip){
		.lines = state->last_irr,
		.irr = state->irr,
		.imr = state->imr,
		.isr = state->isr,
		.top_pin = state->priority_add & 7,
		.vector_base = state->irq_base & 0xf8,
		.elcr = state->elcr & c->elcr_mask,
		.elcr_mask = c->elcr_mask,
		.init_state = state->init_state % 4 ? state->init_state % 4 + 1
						    : 0,
		.init_icw4 = state->init4,
		.auto_eoi = state->auto_eoi,
		.rotate_on_auto_eoi = state->rotate_on_auto_eoi,
		.special_mask = state->special_mask,
		.special_fully_nested = state->special_fully_nested_mode,
		.poll = state->poll,
		.read_isr = state->read_reg_select,
	};
	__builtin_memset(pic->sources + chip * 8, 0, 8);
	update(pic);
}
