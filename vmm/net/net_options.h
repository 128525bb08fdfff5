/* SPDX-License-Identifier: MIT */
/*
 * A network card's other side in the words a user types:
 *
 *	none
 *	user[,hostfwd=PROTO:[HOST-ADDRESS]:HOST-PORT-[GUEST-ADDRESS]:PORT]...
 *	    [,restrict][,mac=MAC][,mtu=N]
 *	socket,path=PATH[,mac=MAC][,mtu=N]
 *
 * PROTO is tcp or udp, addresses are IPv4; without one the forward listens on
 * all of the host's. A comma in PATH is typed twice.
 */
#ifndef VMM_NET_NET_OPTIONS_H
#define VMM_NET_NET_OPTIONS_H

#include "vmm/net/netdev.h"

#define NET_FORWARD_MAX	   32
#define NET_PATH_BYTES_MAX 108 /* a UNIX socket's, with its NUL */
#define NET_MTU_MIN	   68
#define NET_MTU_MAX	   65520u

/* What a guest of the user network is given, and where it finds the host. */
#define NET_USER_GUEST "10.0.2.15"
#define NET_USER_HOST  "10.0.2.2"

enum net_kind {
	NET_NONE,
	NET_USER,
	NET_SOCKET,
};

struct net_forward {
	bool udp;
	char host[16]; /* dotted; empty = all addresses */
	u16 host_port, guest_port;
};

struct net_options {
	enum net_kind kind;
	bool has_mac;
	u8 mac[NETDEV_MAC_BYTES]; /* the card's */
	u16 mtu;		  /* 0 = the kind's own */
	/* NET_USER: */
	bool restricted; /* the guest may answer, and nothing else */
	struct net_forward forward[NET_FORWARD_MAX];
	u32 forward_count;
	/* NET_SOCKET: */
	char path[NET_PATH_BYTES_MAX];
};

/*
 * -EINVAL, and one sentence in the fault that names the word and says what
 * would be accepted.
 */
must_check int net_options_parse(const char *text, struct net_options *ret,
				 struct fault *fault);

/* Without mac=: card number `index` of a machine has an address of its own. */
void net_options_default_mac(struct net_options *options, u8 index);

#endif
