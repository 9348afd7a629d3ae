/* SPDX-License-Identifier: MIT */
/* connect() of a UDP socket looks up the route and chooses the source address by all rules that
 * hold for sending: policy routing, marks, the bound device.
 */
#include "control/reach.h"

#include <ifaddrs.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_link_local(const struct sockaddr *address)
{
	struct sockaddr_in6 in6;

	if (address->sa_family != AF_INET6)
		return false; /* 169.254.0.0/16 is in use where nothing else is, and translated */
	memcpy(&in6, address, sizeof in6);
	return IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr);
}

static bool has_address(const char *device, int family, bool takes_link_local)
{
	struct ifaddrs *list;
	bool is_found = false;

	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *a = list; a && !is_found; a = a->ifa_next)
		is_found = a->ifa_addr && a->ifa_addr->sa_family == family &&
		           !strcmp(a->ifa_name, device) &&
		           (takes_link_local || !is_link_local(a->ifa_addr));
	freeifaddrs(list);
	return is_found;
}

/* As the link's sockets are set up. */
static bool prepare(int fd, const struct line *from, int family)
{
	struct endpoint at = from->bind;

	if (*from->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, from->device,
	                                (socklen_t)strlen(from->device) + 1))
		return false;
	if (from->has_fwmark &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &from->fwmark, sizeof from->fwmark))
		return false;
	if (endpoint_family(&at) != family || endpoint_is_wildcard(&at))
		return true;
	endpoint_set_port(&at, 0);
	return !bind(fd, &at.sa, endpoint_len(&at));
}

static bool has_route(int fd, const struct endpoint *remote)
{
	struct endpoint source = {0};
	socklen_t len = sizeof source;

	return !connect(fd, &remote->sa, endpoint_len(remote)) &&
	       !getsockname(fd, &source.sa, &len) && !endpoint_is_wildcard(&source) &&
	       (!is_link_local(&source.sa) || is_link_local(&remote->sa));
}

bool reach_is_possible(const struct line *from, const struct endpoint *remote)
{
	int family = endpoint_family(remote);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	bool is_possible;

	if (fd < 0)
		return false;
	is_possible = prepare(fd, from, family) && has_route(fd, remote);
	close(fd);
	if (!*from->device || !is_possible)
		return is_possible;
	return has_address(from->device, family, is_link_local(&remote->sa));
}
