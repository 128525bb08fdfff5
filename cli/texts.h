/* SPDX-License-Identifier: MIT */
/*
 * keel help, man, completion, version: texts made from the option tables.
 * Each is a command's main: argv[0] is its name, the result an exit status,
 * 0, 2 for a mistake, or 1 when standard output takes no more.
 */
#ifndef CLI_TEXTS_H
#define CLI_TEXTS_H

int texts_help(int argc, char *argv[]);
int texts_man(int argc, char *argv[]);
int texts_completion(int argc, char *argv[]);
int texts_version(int argc, char *argv[]);

#endif
