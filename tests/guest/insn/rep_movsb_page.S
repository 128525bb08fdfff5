/* SPDX-License-Identifier: MIT */
/*
 * rep movsb over a page boundary. [SDM2 "MOVS/MOVSB/MOVSW/MOVSD/MOVSQ"]
 *
 * in:  rsi=data+0xff3 rdi=data+0xfe1 rcx=0x40
 * out: rcx=0 rsi=data+0x1033 rdi=data+0x1021 [data+4064]=0xd0c9c2bbb4ada621
 * out: [data+4072]=0x0801faf3ece5ded7 [data+4080]=0x4039322b241d160f
 * out: [data+4088]=0x78716a635c554e47 [data+4096]=0xb0a9a29b948d867f
 * out: [data+4104]=0xe8e1dad3ccc5beb7 [data+4112]=0x2019120b04fdf6ef
 * out: [data+4120]=0x58514a433c352e27 [data+4128]=0x120b04fdf6efe85f
 */
	rep movsb
