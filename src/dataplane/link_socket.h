/* SPDX-License-Identifier: MIT */
/* link_socket.h - one of the UDP sockets of a link: how it is bound, and what may become of what it
 * sends.
 *
 * Whether a datagram may be fragmented is a matter of the socket, not of the datagram, in Linux: so
 * data, which plain peers share, leaves by another one than what must not be.
 *
 * Control.
 */
#ifndef DATAPLANE_LINK_SOCKET_H
#define DATAPLANE_LINK_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"

struct link_socket {
	struct endpoint at; /* the port may be 0 for the first */
	const char *device; /* NULL: none */
	uint32_t fwmark;
	bool has_fwmark;
	bool is_second;   /* it joins the port of another one, by the option ... */
	int share;        /* ... SO_REUSEPORT or SO_REUSEADDR, which all have in the end */
	bool is_whole;    /* what it sends has DF, in IPv4 and in effect in IPv6 */
	int buffer_bytes; /* each way */
};

/* Returns the descriptor or a negative errno.
 *
 * The first is bound without the option and gets it afterwards: with it, the system would give out
 * an ephemeral port that another daemon of the same user has, and would let a configured one be
 * shared unnoticed.
 */
int link_socket_open(const struct link_socket *kind);

/* An option; 0 or a negative errno. */
int link_socket_set(int fd, int level, int option, int value);

#endif
