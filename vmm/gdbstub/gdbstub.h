/* SPDX-License-Identifier: MIT */
/*
 * A socket on which gdb reaches a machine: `target remote`.
 *
 * One client at a time; who comes meanwhile is closed at once. A client that
 * sends what is no protocol, or takes nothing for GDBSTUB_STALL_NS, is dropped,
 * and the machine goes on. All on the loop's thread.
 */
#ifndef VMM_GDBSTUB_GDBSTUB_H
#define VMM_GDBSTUB_GDBSTUB_H

#include "base/clock.h"
#include "vmm/machine/machine.h"

#define GDBSTUB_STALL_NS (10 * NS_PER_S)

struct gdbstub;

/*
 * Listens on `where`: "unix:PATH", whose file only its owner may use, or
 * "tcp:[ADDRESS:]PORT", IPv4, of this host alone unless an address is given.
 * A socket's file that nobody listens on any more is replaced. The fault names
 * `where`: -EINVAL for other words, -EADDRINUSE, -errno of the host.
 */
must_check int gdbstub_create(const char *where, struct gdbstub **ret,
			      struct fault *fault);
/* From here on clients are heard. `machine` must outlive the stub. -ENOMEM. */
must_check int gdbstub_attach(struct gdbstub *stub, struct machine *machine,
			      struct fault *fault);
/* No path leads to the socket's file any more: it stays. Accepts NULL. */
void gdbstub_jailed(struct gdbstub *stub);
/* What gdb's `target remote` is given; until the stub is freed. */
const char *gdbstub_target(const struct gdbstub *stub);
/* A client is told of a machine that is over, as far as it reads. Accepts NULL. */
void gdbstub_free(struct gdbstub *stub);

#endif
