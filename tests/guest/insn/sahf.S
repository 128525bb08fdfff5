/* SPDX-License-Identifier: MIT */
/*
 * sahf leaves OF. [SDM2 "SAHF"]
 *
 * needs: lahf
 * random: rax flags
 * in:  rax=0xff00 flags=o
 * out: flags=cpazso
 * in:  rax=0 flags=cpazso
 * out: flags=o
 */
	sahf
