/* SPDX-License-Identifier: MIT */
/*
 * adox uses OF as its carry. [SDM2 "ADOX"]
 *
 * needs: adx
 * random: rax rcx flags
 * in:  rax=0xffffffff rcx=0 flags=o
 * out: rax=0
 * in:  rax=1 rcx=1 flags=co
 * out: rax=0x3 flags=c
 */
	adox %ecx, %eax
