/* SPDX-License-Identifier: MIT */
/* The screen as a file. [QMP-REF "screendump"] */
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/display/picture.h"
#include "vmm/monitor/monitor_internal.h"

static bool format_of(struct qmp_call *call, enum picture_format *ret)
{
	const char *word = qmp_text(call, "format", "ppm");

	*ret = strcmp(word, "png") ? PICTURE_PPM : PICTURE_PNG;
	if (*ret == PICTURE_PNG || !strcmp(word, "ppm"))
		return true;
	qmp_fail(call, "Parameter 'format' does not accept value '%s'", word);
	return false;
}

/* There is one screen, and no device of it has a name. */
static struct display *display_of(struct qmp_call *call)
{
	struct display *display = machine_display(call->monitor->machine);
	const char *device = qmp_text(call, "device", NULL);

	if (device) {
		qmp_fail(call, "Device '%s' not found", device);
		call->error_class = "DeviceNotFound";
	} else if (qmp_int(call, "head", 0)) {
		qmp_fail(call, "'head' must be specified together with "
			       "'device'");
	} else if (!display) {
		qmp_fail(call, "There is no console to take a screendump from");
	}
	return call->error_class ? NULL : display;
}

/* The machine waits meanwhile: so not into what somebody must read. */
/* needs: io: lseek? */
static void dump(struct qmp_call *call, struct display *display, int fd,
		 enum picture_format format)
{
	const char *name = qmp_text(call, "filename", "");
	int err;

	if (lseek(fd, 0, SEEK_CUR) < 0) {
		qmp_fail(call, "'%s' is no file on a disk", name);
		return;
	}
	display_refresh(display);
	err = picture_write(display, format, fd);
	if (err)
		qmp_fail(call, "failed to write '%s': %s", name, strerror(-err));
}

void qmp_screendump(struct qmp_call *call)
{
	struct display *display = display_of(call);
	enum picture_format format;
	int fd;

	if (!display || !format_of(call, &format))
		return;
	fd = qmp_open_output(call, qmp_text(call, "filename", ""));
	if (fd < 0)
		return;
	dump(call, display, fd, format);
	fd_close(&fd);
}
