/* SPDX-License-Identifier: MIT */
/* What every chardev has in common. */
#include "vmm/char/chardev.h"

size_t chardev_write(struct chardev *chardev, const void *data, size_t size)
{
	return chardev ? chardev->ops->write(chardev, data, size) : size;
}

void chardev_input_wanted(struct chardev *chardev)
{
	if (chardev)
		chardev->ops->input_wanted(chardev);
}

void chardev_attach(struct chardev *chardev, const struct chardev_user *user)
{
	chardev->user = *user;
	chardev_input_wanted(chardev);
}

void chardev_drain(struct chardev *chardev)
{
	if (chardev)
		chardev->ops->drain(chardev);
}

void chardev_close(struct chardev *chardev)
{
	if (chardev)
		chardev->ops->close(chardev);
}
