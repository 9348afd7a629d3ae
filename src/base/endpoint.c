/* SPDX-License-Identifier: MIT */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest numeric "IPv6%scope" and zero. */
#define HOST_LEN (INET6_ADDRSTRLEN + IF_NAMESIZE_MAX + 1)

_Static_assert(IF_NAMESIZE_MAX >= IF_NAMESIZE, "a scope may be an interface's name");

/* Decimal digits and nothing else. */
static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*end || errno || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* An address that means nothing without the interface it belongs to. */
static bool needs_scope(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LINKLOCAL(addr) || IN6_IS_ADDR_MC_LINKLOCAL(addr);
}

static int parse_scope(const char *text, uint32_t *ret)
{
	unsigned long number;

	if (parse_number(text, UINT32_MAX, &number))
		number = if_nametoindex(text);
	if (number == 0)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

static int parse_ipv4(const char *host, struct endpoint *ret)
{
	struct endpoint ep = {.in4.sin_family = AF_INET};

	if (inet_pton(AF_INET, host, &ep.in4.sin_addr) != 1)
		return -EINVAL;
	*ret = ep;
	return 0;
}

/* "IPv6" or "IPv6%scope"; changes @host. */
static int parse_ipv6(char *host, struct endpoint *ret)
{
	struct endpoint ep = {.in6.sin6_family = AF_INET6};
	char *percent = strchr(host, '%');

	if (percent)
		*percent = 0;
	if (inet_pton(AF_INET6, host, &ep.in6.sin6_addr) != 1)
		return -EINVAL;
	if (percent &&
	    (!needs_scope(&ep.in6.sin6_addr) || parse_scope(percent + 1, &ep.in6.sin6_scope_id)))
		return -EINVAL;
	*ret = ep;
	return 0;
}

/* Cuts "HOST:PORT" or "[HOST]:PORT" at the right places, whatever the host is. */
static int split(const char *text, char *host, size_t host_len, uint16_t *ret_port)
{
	bool in_brackets = text[0] == '[';
	const char *begin = text + in_brackets;
	const char *end = begin + strcspn(begin, in_brackets ? "]" : ":");
	const char *colon = end + (in_brackets && *end);
	unsigned long port;

	if (end == begin || *colon != ':' || parse_number(colon + 1, UINT16_MAX, &port))
		return -EINVAL;
	if ((size_t)(end - begin) >= host_len)
		return -ENAMETOOLONG;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = 0;
	*ret_port = (uint16_t)port;
	return 0;
}

/* An address alone is told from one with a port by its colons: IPv6 without brackets has two or
 * more of them, and IPv4 none.
 */
static bool is_bare(const char *text)
{
	const char *colon = strchr(text, ':');

	return text[0] != '[' && (!colon || strchr(colon + 1, ':'));
}

int endpoint_parse(const char *text, int default_port, struct endpoint *ret)
{
	struct endpoint ep;
	char host[HOST_LEN];
	uint16_t port = (uint16_t)default_port;

	if (!is_bare(text)) {
		if (split(text, host, sizeof host, &port))
			return -EINVAL;
	} else if (default_port > 0 && default_port <= UINT16_MAX && strlen(text) < sizeof host) {
		strcpy(host, text);
	} else {
		return -EINVAL;
	}

	if (text[0] == '[' || strchr(host, ':') ? parse_ipv6(host, &ep) : parse_ipv4(host, &ep))
		return -EINVAL;
	endpoint_set_port(&ep, port);
	*ret = ep;
	return 0;
}

static const char *format_ipv6(const struct sockaddr_in6 *in6, char *buf, size_t buf_len)
{
	char addr[INET6_ADDRSTRLEN], name[IF_NAMESIZE], scope[IF_NAMESIZE + 1] = "";

	inet_ntop(AF_INET6, &in6->sin6_addr, addr, sizeof addr);
	if (in6->sin6_scope_id && needs_scope(&in6->sin6_addr)) {
		if (!if_indextoname(in6->sin6_scope_id, name))
			snprintf(name, sizeof name, "%u", in6->sin6_scope_id);
		snprintf(scope, sizeof scope, "%%%s", name);
	}
	snprintf(buf, buf_len, "[%s%s]:%u", addr, scope, ntohs(in6->sin6_port));
	return buf;
}

const char *endpoint_format(const struct endpoint *ep, char buf[static ENDPOINT_TEXT_LEN])
{
	char addr[INET_ADDRSTRLEN];

	switch (endpoint_family(ep)) {
	case AF_INET:
		inet_ntop(AF_INET, &ep->in4.sin_addr, addr, sizeof addr);
		snprintf(buf, ENDPOINT_TEXT_LEN, "%s:%u", addr, ntohs(ep->in4.sin_port));
		return buf;
	case AF_INET6:
		return format_ipv6(&ep->in6, buf, ENDPOINT_TEXT_LEN);
	default:
		return strcpy(buf, "none");
	}
}

static bool equal_ipv6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return a->sin6_port == b->sin6_port && IN6_ARE_ADDR_EQUAL(&a->sin6_addr, &b->sin6_addr) &&
	       (!needs_scope(&a->sin6_addr) || a->sin6_scope_id == b->sin6_scope_id);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	if (endpoint_family(a) != endpoint_family(b))
		return false;
	switch (endpoint_family(a)) {
	case AF_INET:
		return a->in4.sin_port == b->in4.sin_port &&
		       a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	case AF_INET6:
		return equal_ipv6(&a->in6, &b->in6);
	default:
		return true;
	}
}

socklen_t endpoint_len(const struct endpoint *ep)
{
	switch (endpoint_family(ep)) {
	case AF_INET:
		return sizeof ep->in4;
	case AF_INET6:
		return sizeof ep->in6;
	default:
		return 0;
	}
}

uint16_t endpoint_port(const struct endpoint *ep)
{
	switch (endpoint_family(ep)) {
	case AF_INET:
		return ntohs(ep->in4.sin_port);
	case AF_INET6:
		return ntohs(ep->in6.sin6_port);
	default:
		return 0;
	}
}

void endpoint_set_port(struct endpoint *ep, uint16_t port)
{
	if (endpoint_family(ep) == AF_INET)
		ep->in4.sin_port = htons(port);
	else if (endpoint_family(ep) == AF_INET6)
		ep->in6.sin6_port = htons(port);
}

/* Whether @host can be what its form says: an IPv6 address between brackets (a scope is looked up
 * when it is needed, its interface may come later), else a name or IPv4 without odd characters.
 */
static bool host_is_plausible(const char *host, bool in_brackets)
{
	char addr[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%");
	struct in6_addr in6;

	if (!in_brackets)
		return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		                    "0123456789-._") == strlen(host);
	if (len >= sizeof addr)
		return false;
	memcpy(addr, host, len);
	addr[len] = 0;
	return inet_pton(AF_INET6, addr, &in6) == 1;
}

int endpoint_split(const char *text, char *host, size_t host_len, uint16_t *ret_port)
{
	char name[256]; /* a DNS name has at most 253 characters */
	uint16_t port;
	int r = split(text, name, sizeof name, &port);

	if (r)
		return r;
	if (port == 0 || !host_is_plausible(name, text[0] == '['))
		return -EINVAL;
	if (strlen(name) >= host_len)
		return -ENAMETOOLONG;
	strcpy(host, name);
	*ret_port = port;
	return 0;
}

bool endpoint_is_wildcard(const struct endpoint *ep)
{
	if (endpoint_family(ep) == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&ep->in6.sin6_addr);
	return ep->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}
