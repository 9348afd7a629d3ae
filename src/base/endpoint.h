/* SPDX-License-Identifier: MIT */
/* endpoint.h - an address and a UDP port, IPv4 or IPv6. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* family AF_UNSPEC: none. All zero is none. */
struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

#define IF_NAMESIZE_MAX 16 /* IF_NAMESIZE, whose header not everybody wants */

/* "[" IPv6 with scope "]:" port and zero. */
#define ENDPOINT_TEXT_LEN (INET6_ADDRSTRLEN + IF_NAMESIZE_MAX + 10)

/* "IP:PORT" or "[IPv6%scope]:PORT", numeric only; with @default_port (host order) set above zero
 * also a bare "IP". A scope is an interface's name or number and stands with link-local addresses
 * only. Returns 0, or -EINVAL and leaves @ret alone. Port 0 is accepted.
 */
int endpoint_parse(const char *text, int default_port, struct endpoint *ret);

/* The same form back; "none" without a family. Returns @buf. */
const char *endpoint_format(const struct endpoint *ep, char buf[static ENDPOINT_TEXT_LEN]);

/* Same family, address, port (and scope, when link-local). */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

static inline int endpoint_family(const struct endpoint *ep)
{
	return ep->sa.sa_family;
}

/* No address of its own, whatever the port: 0.0.0.0 or [::]. @ep has a family. */
bool endpoint_is_wildcard(const struct endpoint *ep);

/* Bytes that a system call wants to hear of. */
socklen_t endpoint_len(const struct endpoint *ep);

/* Host order. */
uint16_t endpoint_port(const struct endpoint *ep);
void endpoint_set_port(struct endpoint *ep, uint16_t port);

/* Splits "HOST:PORT" and "[IPv6]:PORT" without resolving HOST. The host is copied into @host (with
 * zero, without brackets). Returns 0, -EINVAL for a bad form or port (0 cannot be contacted), or
 * -ENAMETOOLONG.
 */
int endpoint_split(const char *text, char *host, size_t host_len, uint16_t *ret_port);

#endif
