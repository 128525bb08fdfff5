/* SPDX-License-Identifier: MIT */
/*
 * A chardev: where the bytes of a serial port go and come from. In front of
 * it a device (the user), behind it a terminal, a file, or nothing.
 *
 * Threads: chardev_write and chardev_input_wanted from any thread, with the
 * device's lock held if it likes; they never block on what is behind. The
 * user's functions are called from the loop's thread with no lock held.
 */
#ifndef VMM_CHAR_CHARDEV_H
#define VMM_CHAR_CHARDEV_H

#include "base/err.h"
#include "base/loop.h"
#include "base/types.h"

struct chardev;

struct chardev_ops {
	size_t (*write)(struct chardev *chardev, const u8 *data, size_t size);
	void (*input_wanted)(struct chardev *chardev);
	void (*drain)(struct chardev *chardev);
	void (*close)(struct chardev *chardev);
};

struct chardev_user {
	/* How many bytes receive() would take now. */
	size_t (*room)(void *ctx);
	/* At most room() bytes. */
	void (*receive)(void *ctx, const u8 *data, size_t size);
	/* A write that was cut short may go on. */
	void (*writable)(void *ctx);
	void *ctx; /* borrowed: must outlive the chardev or be taken off it */
};

struct chardev {
	const struct chardev_ops *ops;
	struct chardev_user user; /* all NULL = nobody listens */
};

/*
 * Takes the first of `size` bytes and says how many; fewer than `size` means
 * that writable() will be called. A sink that makes no progress for
 * CHARDEV_STALL_NS drops what it is given instead, so a guest never waits
 * for a reader that has gone. A NULL chardev takes everything.
 */
#define CHARDEV_STALL_NS ((u64)1000000000)
size_t chardev_write(struct chardev *chardev, const void *data, size_t size);

/* room() has grown from 0. Accepts NULL. */
void chardev_input_wanted(struct chardev *chardev);

/*
 * These from the loop's thread, or before it runs. Drain and close accept
 * NULL and wait until what was taken is written out, for CHARDEV_STALL_NS at
 * most; drain, so that what the process then says comes after it.
 */
void chardev_attach(struct chardev *chardev, const struct chardev_user *user);
void chardev_drain(struct chardev *chardev);
void chardev_close(struct chardev *chardev);

#endif
