/* SPDX-License-Identifier: MIT */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#define KEEL_VERSION "0.1.0"

#endif
