/* SPDX-License-Identifier: MIT */
/*
 * keel run: one machine in this process, until the guest ends it.
 *
 * Exit status: 0 after a power-off (or a reset with --no-reboot), 1 when the
 * guest or the engine failed, 2 for a mistake on the command line or in a
 * file it names, (value << 1) | 1 through --test-exit.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "vmm/char/terminal.h"

/*
 * The whole command. *ret_signal is the signal that ended it, 0 if none: the
 * caller dies of it, so that its parent can tell.
 */
int run_main(int argc, char *argv[], struct terminal *terminal, int *ret_signal);

#endif
