/* SPDX-License-Identifier: MIT */
/*
 * Landlock with no rules: no file is opened, made, renamed or run by path, no TCP
 * port bound or connected to, no abstract UNIX socket outside reached. Files that
 * are open stay so. [LANDLOCK]
 */
#ifndef VMM_JAIL_LANDLOCK_H
#define VMM_JAIL_LANDLOCK_H

/* A ruleset of all that this kernel can refuse; -1: it has no Landlock. */
int landlock_make(void);
/* For the calling thread and its children. 0 or -errno. */
int landlock_enter(int ruleset);

#endif
