/* SPDX-License-Identifier: MIT */
#include "config/inventory.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"

#define ROUTE_UP 1u /* RTF_UP of /proc/net/route, linux/route.h */

static unsigned add_device(char ret[][IF_NAMESIZE], unsigned count, unsigned max, const char *name)
{
	if (count == max || !strcmp(name, "lo") || config_check_device(name))
		return count;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(ret[i], name))
			return count;
	snprintf(ret[count], IF_NAMESIZE, "%s", name);
	return count + 1;
}

/* Lines of "eth0 00000000 0102000A 0003 0 0 100 00000000 ...": device, destination, gateway, flags,
 * two counters, metric, mask.
 */
static unsigned add_ipv4(char ret[][IF_NAMESIZE], unsigned count, unsigned max)
{
	FILE *in = fopen("/proc/net/route", "re");
	char line[256], name[32];
	unsigned to, flags, mask;

	while (in && fgets(line, sizeof line, in))
		if (sscanf(line, "%31s %x %*x %x %*d %*d %*d %x", name, &to, &flags, &mask) == 4 &&
		    !to && !mask && flags & ROUTE_UP)
			count = add_device(ret, count, max, name);
	if (in)
		fclose(in);
	return count;
}

/* Lines of destination, its length, source, its length, next hop, metric, two counters, flags and
 * device; all but the device hexadecimal.
 */
static unsigned add_ipv6(char ret[][IF_NAMESIZE], unsigned count, unsigned max)
{
	FILE *in = fopen("/proc/net/ipv6_route", "re");
	char line[256], to[33], name[32];
	unsigned to_len, flags;

	while (in && fgets(line, sizeof line, in))
		if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %31s", to, &to_len, &flags,
		           name) == 4 &&
		    !to_len && strspn(to, "0") == 32 && flags & ROUTE_UP)
			count = add_device(ret, count, max, name);
	if (in)
		fclose(in);
	return count;
}

unsigned inventory_uplinks(char ret[][IF_NAMESIZE], unsigned max)
{
	return add_ipv6(ret, add_ipv4(ret, 0, max), max);
}

/* ---- for people ---- */

struct text {
	char *buf;
	size_t len;
	bool is_full;
};

/* All of it or none. */
static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *fmt, ...)
{
	static const char more[] = " ...";
	size_t room = INVENTORY_TEXT_LEN - sizeof more - text->len;
	va_list args;

	if (text->is_full)
		return;
	va_start(args, fmt);
	int len = vsnprintf(text->buf + text->len, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room) {
		text->is_full = true;
		memcpy(text->buf + text->len, more, sizeof more);
		return;
	}
	text->len += (size_t)len;
}

static bool format_address(const struct sockaddr *at, char ret[static INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *in6 = (const void *)at;
	const struct sockaddr_in *in4 = (const void *)at;

	if (!at)
		return false;
	if (at->sa_family == AF_INET)
		return inet_ntop(AF_INET, &in4->sin_addr, ret, INET6_ADDRSTRLEN);
	return at->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) &&
	       inet_ntop(AF_INET6, &in6->sin6_addr, ret, INET6_ADDRSTRLEN);
}

static void add_addresses(struct text *text, const struct ifaddrs *all, const char *name)
{
	bool has_address = false;

	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
		char address[INET6_ADDRSTRLEN];

		if (strcmp(entry->ifa_name, name) || !format_address(entry->ifa_addr, address))
			continue;
		add(text, "%s%s", has_address ? ", " : "", address);
		has_address = true;
	}
	if (!has_address)
		add(text, "no address");
}

static unsigned flags_of(const struct ifaddrs *all, const char *name)
{
	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next)
		if (!strcmp(entry->ifa_name, name))
			return entry->ifa_flags;
	return 0;
}

const char *inventory_text(char buf[static INVENTORY_TEXT_LEN])
{
	struct text text = {.buf = buf};
	struct if_nameindex *devices = if_nameindex();
	struct ifaddrs *all = NULL;

	strcpy(buf, "none");
	if (!devices || getifaddrs(&all))
		strcpy(buf, "unknown");
	for (const struct if_nameindex *device = devices; all && device->if_index; device++) {
		unsigned flags = flags_of(all, device->if_name);

		if (flags & IFF_LOOPBACK)
			continue;
		add(&text, "%s%s (%s", text.len ? ", " : "", device->if_name,
		    flags & IFF_UP ? "" : "down, ");
		add_addresses(&text, all, device->if_name);
		add(&text, ")");
	}
	if (all)
		freeifaddrs(all);
	if (devices)
		if_freenameindex(devices);
	return buf;
}
