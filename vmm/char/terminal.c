/* SPDX-License-Identifier: MIT */
/* Raw mode and back. */
#include "vmm/char/terminal.h"

#include <errno.h>
#include <unistd.h>

static void make_raw(struct termios *t)
{
	t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR |
				  IGNCR | ICRNL | IXON);
	t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	t->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	t->c_cflag |= CS8;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
}

/* A background process that sets the terminal is stopped for it. */
/* needs: all: ioctl:TIOCGPGRP getpgrp */
static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

/* needs: io: ioctl:TCSETSW */
void terminal_again(struct terminal *terminal)
{
	struct termios t;

	if (!terminal->wanted || terminal->raw || !in_foreground(terminal->fd))
		return;
	if (tcgetattr(terminal->fd, &terminal->saved))
		return;
	t = terminal->saved;
	make_raw(&t);
	terminal->raw = true; /* first: a signal may come in between */
	if (tcsetattr(terminal->fd, TCSADRAIN, &t))
		terminal->raw = false;
}

void terminal_raw(struct terminal *terminal, int fd)
{
	if (!isatty(fd))
		return;
	terminal->fd = fd;
	terminal->wanted = true;
	terminal_again(terminal);
}

/* needs: all: ioctl:TCSETS ioctl:TCGETS */
void terminal_restore(struct terminal *terminal)
{
	int saved_errno = errno;

	if (terminal->raw && in_foreground(terminal->fd))
		tcsetattr(terminal->fd, TCSANOW, &terminal->saved);
	terminal->raw = false;
	errno = saved_errno;
}
