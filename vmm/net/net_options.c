/* SPDX-License-Identifier: MIT */
/* "user,hostfwd=...", "socket,path=...", "none": see net_options.h. */
#include "vmm/net/net_options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define FORWARD_FORM "tcp:[ADDRESS]:PORT-[ADDRESS]:PORT, or udp:..."

static int refuse(struct fault *fault, struct str word, const char *instead)
{
	fault_set(fault, FAULT_INVALID, 0, "--net: '%.*s' is not accepted; %s",
		  STR_ARG(word), instead);
	return trace_err(-EINVAL);
}

/* ---- values ---- */

/* Two digits each, with colons. */
static bool parse_mac(struct str text, u8 mac[NETDEV_MAC_BYTES])
{
	for (u32 i = 0; i < NETDEV_MAC_BYTES; i++) {
		char digits[5] = "0x";
		u64 value;

		if (text.size != 17 || (i && text.data[3 * i - 1] != ':'))
			return false;
		memcpy(digits + 2, text.data + 3 * i, 2);
		if (str_parse_u64(str_of(digits), &value))
			return false;
		mac[i] = (u8)value;
	}
	return true;
}

static int take_mac(struct net_options *o, struct str value, struct fault *fault)
{
	static const u8 zero[NETDEV_MAC_BYTES];

	o->has_mac = true;
	/* A group's address is nobody's own, and zeros are none at all. */
	if (!parse_mac(value, o->mac) || (o->mac[0] & 1) ||
	    !memcmp(o->mac, zero, sizeof(zero)))
		return refuse(fault, value,
			      "give mac= one card's address, for example "
			      "52:54:00:12:34:56");
	return 0;
}

static int take_mtu(struct net_options *o, struct str value, struct fault *fault)
{
	u64 mtu;

	if (str_parse_u64(value, &mtu) || mtu < NET_MTU_MIN || mtu > NET_MTU_MAX)
		return refuse(fault, value,
			      "give mtu= a number from 68 to 65520");
	o->mtu = (u16)mtu;
	return 0;
}

static bool parse_port(struct str text, u16 *ret)
{
	u64 port;

	if (str_parse_u64(text, &port) || !port || port > UINT16_MAX)
		return false;
	*ret = (u16)port;
	return true;
}

/* "[ADDRESS]:PORT". */
static bool parse_place(struct str text, char address[16], u16 *ret_port)
{
	size_t colon = str_find(text, ':');
	struct in_addr in;

	if (colon == text.size ||
	    str_copy(str_sub(text, 0, colon), address, 16) ||
	    (address[0] && inet_pton(AF_INET, address, &in) != 1))
		return false;
	return parse_port(str_sub(text, colon + 1, text.size), ret_port);
}

static bool parse_forward(struct str text, struct net_forward *f)
{
	char guest[16];
	struct str host;

	if (!str_starts(text, "tcp:") && !str_starts(text, "udp:"))
		return false;
	f->udp = text.data[0] == 'u';
	text = str_sub(text, 4, text.size);
	host = str_sub(text, 0, str_find(text, '-'));
	if (host.size == text.size || !parse_place(host, f->host, &f->host_port))
		return false;
	text = str_sub(text, host.size + 1, text.size);
	return parse_place(text, guest, &f->guest_port) &&
	       (!guest[0] || !strcmp(guest, NET_USER_GUEST));
}

static int take_forward(struct net_options *o, struct str value,
			struct fault *fault)
{
	if (o->forward_count == NET_FORWARD_MAX)
		return refuse(fault, value, "32 forwards are the most");
	if (!parse_forward(value, &o->forward[o->forward_count]))
		return refuse(fault, value,
			      "give hostfwd= as " FORWARD_FORM
			      ", with IPv4 addresses, the guest's being "
			      "empty or " NET_USER_GUEST);
	o->forward_count++;
	return 0;
}

static int take_path(struct net_options *o, struct str value,
		     struct fault *fault)
{
	if (!value.size || str_copy(value, o->path, sizeof(o->path)))
		return refuse(fault, value,
			      "give path= a UNIX socket's, of 107 bytes at most");
	return 0;
}

static int take_restrict(struct net_options *o, struct str value,
			 struct fault *fault)
{
	if (!str_eq_c(value, "") && !str_eq_c(value, "on"))
		return refuse(fault, value, "restrict has no value");
	o->restricted = true;
	return 0;
}

/* ---- words ---- */

static const struct word {
	const char *name;
	enum net_kind kind; /* NET_NONE: of each */
	int (*take)(struct net_options *o, struct str value,
		    struct fault *fault);
} words[] = {
	{"mac", NET_NONE, take_mac},
	{"mtu", NET_NONE, take_mtu},
	{"hostfwd", NET_USER, take_forward},
	{"restrict", NET_USER, take_restrict},
	{"path", NET_SOCKET, take_path},
};

static const struct {
	const char *name, *takes;
} kinds[] = {
	[NET_NONE] = {"none", "none stands alone"},
	[NET_USER] = {"user", "user takes hostfwd=, restrict, mac= and mtu="},
	[NET_SOCKET] = {"socket", "socket takes path=, mac= and mtu="},
};

static int take_word(struct net_options *o, struct str part, struct fault *fault)
{
	size_t equals = str_find(part, '=');
	struct str name = str_sub(part, 0, equals);
	struct str value = str_sub(part, equals + 1, part.size);

	for (size_t i = 0; o->kind && i < ARRAY_SIZE(words); i++)
		if (str_eq_c(name, words[i].name) &&
		    (!words[i].kind || words[i].kind == o->kind))
			return words[i].take(o, value, fault);
	return refuse(fault, part, kinds[o->kind].takes);
}

static int take_kind(struct net_options *o, struct str part, struct fault *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq_c(part, kinds[i].name)) {
			o->kind = (enum net_kind)i;
			return 0;
		}
	return refuse(fault, part, "give user, socket or none");
}

static int check_whole(const struct net_options *o, const char *text,
		       struct fault *fault)
{
	if (o->kind == NET_SOCKET && !o->path[0])
		return refuse(fault, str_of(text), "socket needs path=");
	/* Its answers could not be told from packets to anybody. */
	for (u32 i = 0; o->restricted && i < o->forward_count; i++)
		if (o->forward[i].udp)
			return refuse(fault, str_of(text),
				      "restrict and a forward of udp exclude "
				      "each other");
	return 0;
}

/*
 * Up to the next single comma; of two one is left, in `out`, which has room for
 * all of *text.
 */
static struct str next_part(const char **text, char *out)
{
	const char *at = *text;
	size_t size = 0;

	for (; *at && (*at != ',' || at[1] == ','); at++) {
		at += *at == ',';
		out[size++] = *at;
	}
	*text = *at ? at + 1 : NULL;
	return str_make(out, size);
}

int net_options_parse(const char *text, struct net_options *ret,
		      struct fault *fault)
{
	struct net_options o = {};
	const char *rest = text;
	char part[1024];
	int err;

	if (strlen(text) >= sizeof(part))
		return refuse(fault, str_make(text, 16), "it is too long");
	err = take_kind(&o, next_part(&rest, part), fault);
	while (!err && rest)
		err = take_word(&o, next_part(&rest, part), fault);
	if (!err)
		err = check_whole(&o, text, fault);
	if (!err)
		*ret = o;
	return err;
}

void net_options_default_mac(struct net_options *options, u8 index)
{
	static const u8 first[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

	if (options->has_mac)
		return;
	options->has_mac = true;
	memcpy(options->mac, first, sizeof(first));
	options->mac[5] = (u8)(options->mac[5] + index);
}
