/* SPDX-License-Identifier: MIT */
/*
 * The one place through which keys and pointers reach a machine. In front of it
 * whoever has them (QMP, a screen's viewer), behind it the sinks: the keyboards
 * and mice of the board, which adds each in its place.
 *
 * An event goes to the sink that was added last of those that take its kind, so
 * a tablet on a card comes before the mouse that is always there. The events of
 * one gesture are followed by one input_sync, after which they count.
 *
 * All of it on the event loop's thread; sinks are called with no lock held.
 */
#ifndef VMM_INPUT_INPUT_H
#define VMM_INPUT_INPUT_H

#include "base/list.h"
#include "vmm/dev/host.h"
#include "vmm/input/qcode.h"

#define INPUT_ABS_MAX 0x7fff

/* The order is that of QMP's InputEventKind. */
enum input_kind {
	INPUT_KEY,
	INPUT_BUTTON,
	INPUT_REL,
	INPUT_ABS,
	INPUT_KIND_COUNT,
};

/* [QAPI "InputButton"] A wheel's notch is a button that goes down and up. */
enum input_button {
	INPUT_BUTTON_LEFT,
	INPUT_BUTTON_MIDDLE,
	INPUT_BUTTON_RIGHT,
	INPUT_BUTTON_WHEEL_UP,
	INPUT_BUTTON_WHEEL_DOWN,
	INPUT_BUTTON_SIDE,
	INPUT_BUTTON_EXTRA,
	INPUT_BUTTON_WHEEL_LEFT,
	INPUT_BUTTON_WHEEL_RIGHT,
	INPUT_BUTTON_COUNT,
};

enum input_axis {
	INPUT_X,
	INPUT_Y,
};

struct input_event {
	enum input_kind kind;
	bool down; /* of INPUT_KEY and INPUT_BUTTON */
	union {
		enum qcode key;
		enum input_button button;
		enum input_axis axis;
	};
	/* INPUT_REL: steps to the right and down; INPUT_ABS: 0..INPUT_ABS_MAX
	 * from the left and top edge. */
	s32 value;
};

struct input_sink {
	const char *name; /* borrowed: static, for people */
	u32 kinds;	  /* BIT(enum input_kind), or-ed */
	void (*event)(void *ctx, const struct input_event *event);
	/* After the last of some events; or NULL. */
	void (*sync)(void *ctx);
	/* Whether the guest has yet to take earlier keys; or NULL. */
	bool (*busy)(void *ctx);
	void *ctx; /* borrowed: must outlive the sink */
	/* input's own: */
	struct list link;
	bool has_events;
};

/* Keys that wait for their time: what send-key wants typed. */
#define INPUT_TYPED_MAX 1024

struct input_typed {
	enum qcode key;
	bool down;
	u32 pause_ms; /* before the next one */
};

struct input {
	struct list sinks; /* the one to ask first in front; borrowed */
	struct dev_host *host;
	struct dev_timer timer;
	/* A ring of what was typed and not yet sent. */
	struct input_typed typed[INPUT_TYPED_MAX];
	u32 typed_head, typed_count;
	u64 ready_ns; /* no typed key is sent before */
};

/* `host` is borrowed: it must outlive this. */
void input_init(struct input *input, struct dev_host *host);
void input_release(struct input *input);

/* For the board. The sink is borrowed and stays until the input is released. */
void input_add_sink(struct input *input, struct input_sink *sink);

/* Whether somebody takes events of this kind. */
bool input_takes(const struct input *input, enum input_kind kind);

/*
 * To the sink that takes it, or nobody. The event's numbers come from outside:
 * an absolute value out of range is brought into it.
 */
void input_send(struct input *input, const struct input_event *event);
/* To all sinks that had events since the last one. */
void input_sync(struct input *input);

/* How many more keys can be typed now. */
u32 input_type_room(const struct input *input);
/*
 * A key, sent when the keys typed before it were and the pause of the last of
 * them is over; at once if there are none. A guest that has not taken them by
 * then gets INPUT_PATIENCE_MS more. input_type_room() must be above 0.
 */
#define INPUT_PATIENCE_MS 1000
void input_type(struct input *input, enum qcode key, bool down, u32 pause_ms);

/*
 * Keys that are held together: they go down one after the other and up in the
 * opposite order, with a pause after each. False: there is no room for all of
 * them, and none was typed.
 */
must_check bool input_type_chord(struct input *input, const enum qcode *keys,
				 u32 count, u32 pause_ms);

/*
 * The keys of "ctrl-alt-f1": names, numbers as "0x1e", or "<", with '-' between
 * them. How many; 0 where a word is no key, which is then in *ret_bad (of
 * `text`, *ret_bad_size bytes), or there are more than INPUT_CHORD_MAX, and
 * *ret_bad is NULL.
 */
#define INPUT_CHORD_MAX 16
must_check u32 input_parse_chord(const char *text, enum qcode *ret_keys,
				 const char **ret_bad, size_t *ret_bad_size);

#endif
