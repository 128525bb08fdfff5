/* SPDX-License-Identifier: MIT */
/* One access each, for CPL 0 (arguments on the stack, ret) and CPL 3
 * (arguments in EAX and EDX, int $0x80). */
	.text
	.globl kernel_read, kernel_write, kernel_fetch
	.globl user_read, user_write, user_fetch
kernel_read:
	mov 4(%esp), %eax
	movzbl (%eax), %eax
	ret
kernel_write:
	mov 4(%esp), %eax
	mov 8(%esp), %edx
	mov %dl, (%eax)
	ret
kernel_fetch:
	mov 4(%esp), %eax
	call *%eax
	ret
user_read:
	movzbl (%eax), %eax
	int $0x80
user_write:
	mov %dl, (%eax)
	int $0x80
user_fetch:
	call *%eax
	int $0x80
