# SPDX-License-Identifier: MIT
#
# Bare-metal images and the programs that run them; each folder has its own
# rules. Included at the end of the Makefile.

include $(sort $(wildcard tests/guest/*/*.mk))
