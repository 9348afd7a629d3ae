/* SPDX-License-Identifier: MIT */
#include "control/line.h"

#include <string.h>

const struct ifaddrs *line_of_address(const struct ifaddrs *list, const struct endpoint *address)
{
	struct endpoint wanted = *address;

	endpoint_set_port(&wanted, 0);
	for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
		struct endpoint ep = {0};

		if (!a->ifa_addr || a->ifa_addr->sa_family != endpoint_family(address))
			continue;
		memcpy(&ep, a->ifa_addr, endpoint_len(address));
		if (endpoint_equal(&ep, &wanted))
			return a;
	}
	return NULL;
}

bool line_can_send(const struct ifaddrs *entry)
{
	bool is_dummy = entry->ifa_flags & IFF_NOARP && !(entry->ifa_flags & IFF_POINTOPOINT);

	return !(entry->ifa_flags & IFF_LOOPBACK) && !is_dummy;
}

bool line_has_address(const struct endpoint *address)
{
	struct ifaddrs *list;
	bool result;

	if (getifaddrs(&list))
		return false;
	result = line_of_address(list, address);
	freeifaddrs(list);
	return result;
}

void line_device(const struct line *line, const struct endpoint *bind, char ret[static IF_NAMESIZE])
{
	const struct ifaddrs *entry;
	struct ifaddrs *list;

	memset(ret, 0, IF_NAMESIZE);
	if (*line->device) {
		memcpy(ret, line->device, IF_NAMESIZE);
		return;
	}
	/* No device has the wildcard address. */
	if (line->any_device || line->has_fwmark || getifaddrs(&list))
		return;
	entry = line_of_address(list, bind);
	if (entry && line_can_send(entry))
		strncpy(ret, entry->ifa_name, IF_NAMESIZE - 1);
	freeifaddrs(list);
}

bool line_is_bound_to(const struct line *line, const struct prefix *address)
{
	const struct endpoint *ep = &line->bind;

	if (endpoint_family(ep) != address->family)
		return false;
	if (address->family == AF_INET)
		return !memcmp(&ep->in4.sin_addr, address->addr, 4);
	return !memcmp(&ep->in6.sin6_addr, address->addr, 16);
}
