/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own. */
#include "control/interface.h"

#include "control/netif.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../namespace_rig.h"
#include "base/log.h"
#include "config/desired.h"
#include "control/interface_plan.h"
#include "control/route_changes.h"
#include "dataplane/tun.h"

#define NAME "vt-test"

static struct desired config;
static struct prefix addresses[3], allowed[2][4];
static struct desired_peer config_peers[2];
static struct tun tun;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	cr_assert(eq(int, prefix_parse(text, &p), 0));
	return p;
}

static void start(void)
{
	enter_namespace();
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	strcpy(config.interface, NAME);
	config.mtu = 1380;
	config.addresses = addresses;
	config.peers = config_peers;
	config.peer_count = 2;
	config_peers[0].allowed_ips = allowed[0];
	config_peers[1].allowed_ips = allowed[1];
}

TestSuite(interface, .init = start);

static void add_address(const char *text)
{
	addresses[config.address_count++] = prefix(text);
}

static void allow(unsigned peer, const char *text)
{
	struct desired_peer *p = &config_peers[peer];

	p->allowed_ips[p->allowed_ip_count++] = prefix(text);
}

static short flags_of(const char *interface, int *ret_mtu)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, interface);
	cr_assert(eq(int, ioctl(fd, SIOCGIFMTU, &request), 0));
	*ret_mtu = request.ifr_mtu;
	cr_assert(eq(int, ioctl(fd, SIOCGIFFLAGS, &request), 0));
	close(fd);
	return request.ifr_flags;
}

/* Whether @text is an address of the interface, with @far_end as the other end unless NULL. */
static bool has_address(const char *text, const char *far_end)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN] = "";
	struct ifaddrs *list;
	bool found = false;

	cr_assert(eq(int, getifaddrs(&list), 0));
	for (struct ifaddrs *ifa = list; ifa; ifa = ifa->ifa_next) {
		if (!ifa->ifa_addr || strcmp(ifa->ifa_name, NAME) != 0)
			continue;
		int family = ifa->ifa_addr->sa_family;
		size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
		                              : offsetof(struct sockaddr_in6, sin6_addr);

		if (family != AF_INET && family != AF_INET6)
			continue;
		inet_ntop(family, (char *)ifa->ifa_addr + at, local, sizeof local);
		if (ifa->ifa_dstaddr)
			inet_ntop(family, (char *)ifa->ifa_dstaddr + at, remote, sizeof remote);
		found |= !strcmp(local, text) && (!far_end || !strcmp(remote, far_end));
	}
	freeifaddrs(list);
	return found;
}

/* How many lines of /proc/net/@file hold both texts. */
static unsigned lines_with(const char *file, const char *one, const char *other)
{
	char path[32], line[512];
	unsigned count = 0;

	snprintf(path, sizeof path, "/proc/net/%s", file);
	FILE *routes = fopen(path, "r");
	cr_assert(ne(ptr, routes, NULL));
	while (fgets(line, sizeof line, routes))
		count += strstr(line, one) && strstr(line, other);
	fclose(routes);
	return count;
}

/* Routes to @address out of @interface: the first two columns. */
static unsigned ip4_routes_to(const char *interface, const char *address)
{
	char columns[64];
	struct in_addr in;

	cr_assert(eq(int, inet_pton(AF_INET, address, &in), 1));
	snprintf(columns, sizeof columns, "%s\t%08X\t", interface, in.s_addr);
	return lines_with("route", columns, "");
}

Test(interface, has_mtu_addresses_and_routes_and_is_up)
{
	int mtu;

	add_address("10.98.0.2/24");
	add_address("10.98.1.2/32");
	add_address("fd98::2/64");
	allow(0, "192.168.7.0/24");
	allow(0, "0.0.0.0/0");
	allow(0, "10.98.0.0/24"); /* comes with the address */
	allow(1, "172.16.1.1/32");
	allow(1, "fd07::/64");
	allow(1, "::/0");
	config.routes_auto = true;
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(eq(str, tun.name, (char *)NAME));
	cr_assert(eq(int, flags_of(tun.name, &mtu) & IFF_UP, IFF_UP));
	cr_assert(eq(int, mtu, 1380));
	cr_assert(has_address("10.98.0.2", NULL));
	cr_assert(has_address("10.98.1.2", NULL));
	cr_assert(has_address("fd98::2", NULL));
	cr_assert(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 1));
	cr_assert(eq(uint, ip4_routes_to(NAME, "10.98.0.0"), 1));
	cr_assert(eq(uint, ip4_routes_to(NAME, "172.16.1.1"), 1));
	cr_assert(eq(uint, ip4_routes_to(NAME, "0.0.0.0"), 0));
	cr_assert(
		eq(uint, lines_with("ipv6_route", NAME, "fd070000000000000000000000000000 40"), 1));
	tun_close(&tun);
	cr_assert(eq(uint, if_nametoindex(NAME), 0), "it outlives its descriptor");
}

/* As a device of the kernel's own WireGuard. */
Test(interface, kernel_makes_no_address_and_no_multicast_by_itself)
{
	int mtu;

	add_address("fd98::2/64");
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_expect(eq(int, flags_of(tun.name, &mtu) & IFF_MULTICAST, 0));
	cr_expect(eq(uint, lines_with("if_inet6", "fe80", NAME), 0), "a link-local address");
	cr_assert(has_address("fd98::2", NULL));
	tun_close(&tun);
}

static void set_up(bool is_up)
{
	struct ifreq request = {.ifr_name = NAME};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert(eq(int, ioctl(fd, SIOCGIFFLAGS, &request), 0));
	request.ifr_flags =
		(short)(is_up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	cr_assert(eq(int, ioctl(fd, SIOCSIFFLAGS, &request), 0));
	close(fd);
}

/* The kernel takes routes, and addresses of IPv6, from a device that is set down. */
Test(interface, what_it_lost_is_put_back)
{
	struct interface_plan plan;

	add_address("10.98.0.2/24");
	add_address("fd98::2/64");
	allow(0, "192.168.7.0/24");
	config.routes_auto = true;
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	set_up(false);
	set_up(true);
	cr_assert(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 0));
	cr_assert(not(has_address("fd98::2", NULL)));
	cr_assert(eq(int, interface_plan_init(&plan, &config), 0));
	for (unsigned i = 0; i < 2; i++) { /* the second time there is nothing to do */
		interface_put_back(&plan, NAME);
		cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 1));
		cr_expect(has_address("fd98::2", NULL));
		cr_expect(has_address("10.98.0.2", NULL));
	}
	interface_plan_fini(&plan);
	tun_close(&tun);
}

/* The device is led from the allowed IPs that it has to those of peer 0 alone. */
static void keep_peer_0_alone(void)
{
	struct interface_plan before, after;
	struct route_changes changes;
	struct netif netif;

	cr_assert(eq(int, interface_plan_init(&before, &config), 0));
	config.peer_count = 1;
	cr_assert(eq(int, interface_plan_init(&after, &config), 0));
	cr_assert(eq(int,
	             route_changes_init(&changes, before.routes, before.route_count, after.routes,
	                                after.route_count),
	             0));
	cr_assert(eq(int, netif_init(&netif, NAME), 0));
	interface_change_routes(&after, &changes, &netif);
	netif_fini(&netif);
	route_changes_fini(&changes);
	interface_plan_fini(&before);
	interface_plan_fini(&after);
}

Test(interface, routes_of_a_peer_go_with_it)
{
	add_address("10.98.0.2/24");
	add_address("fd98::2/64");
	allow(0, "192.168.7.0/24");
	allow(1, "192.168.7.0/24"); /* which both have */
	allow(1, "192.168.8.0/24");
	allow(1, "fd08::/64");
	config.routes_auto = true;
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(eq(uint, ip4_routes_to(NAME, "192.168.8.0"), 1));
	keep_peer_0_alone();
	cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 1));
	cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.8.0"), 0));
	cr_expect(
		eq(uint, lines_with("ipv6_route", NAME, "fd080000000000000000000000000000 40"), 0));
	cr_expect(eq(uint, ip4_routes_to(NAME, "10.98.0.0"), 1), "that of its address stays");
	tun_close(&tun);
}

Test(interface, routes_that_somebody_else_set_stay)
{
	allow(1, "192.168.8.0/24");
	allow(1, "fd08::/64");
	add_address("10.98.0.2/24");
	add_address("fd98::2/64");
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(eq(int, system("ip route add 192.168.8.0/24 dev " NAME), 0));
	cr_assert(eq(int, system("ip route add fd08::/64 dev " NAME), 0));
	config.routes_auto = true;
	keep_peer_0_alone();
	cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.8.0"), 1));
	cr_expect(
		eq(uint, lines_with("ipv6_route", NAME, "fd080000000000000000000000000000 40"), 1));
	tun_close(&tun);
}

static void switch_off_ipv6(void)
{
	FILE *file = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w");

	if (!file)
		cr_skip("no IPv6 to switch off");
	fputs("1", file);
	fclose(file);
}

Test(interface, where_ipv6_is_off_it_has_ipv4_alone)
{
	switch_off_ipv6();
	add_address("fd98::2/64");
	add_address("10.98.0.2/24");
	allow(0, "fd07::/64");
	allow(0, "192.168.7.0/24");
	config.routes_auto = true;
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_expect(has_address("10.98.0.2", NULL));
	cr_expect(not(has_address("fd98::2", NULL)));
	cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 1));
	tun_close(&tun);
}

Test(interface, routes_are_left_alone_when_not_wanted)
{
	add_address("10.98.0.2/24");
	allow(0, "192.168.7.0/24");
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 0));
	tun_close(&tun);
}

Test(interface, destination_is_the_far_end_of_its_family)
{
	add_address("10.97.0.2/24");
	add_address("fd97::2/64");
	config.destination = prefix("10.97.0.1");
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(has_address("10.97.0.2", "10.97.0.1"));
	cr_assert(has_address("fd97::2", NULL));
	tun_close(&tun);
}

Test(interface, kernel_picks_a_name_when_none_is_given)
{
	config.interface[0] = 0;
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	cr_assert(lt(uint, 0, if_nametoindex(tun.name)));
	tun_close(&tun);
}

/* Runs interface_open(), which must fail, and returns what it wrote to standard error. */
static const char *failure(int expected)
{
	static char text[512];
	int fds[2], before = dup(STDERR_FILENO);

	cr_assert(eq(int, pipe(fds), 0));
	dup2(fds[1], STDERR_FILENO);
	struct tun none = {0};
	int r = interface_open(&config, 1, &none);
	dup2(before, STDERR_FILENO);
	close(fds[1]);
	ssize_t n = read(fds[0], text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	close(fds[0]);
	cr_assert(eq(int, r, expected), "%s", text);
	cr_expect(eq(uint, none.queues, 0));
	return text;
}

static bool tells(const char *text, const char *what)
{
	return strstr(text, " error interface=" NAME ": ") && strstr(text, what);
}

Test(interface, failures_are_explained_and_leave_nothing)
{
	cr_assert(eq(int, interface_open(&config, 1, &tun), 0));
	const char *text = failure(-EBUSY);
	cr_expect(tells(text, "another program has it open"), "%s", text);
	tun_close(&tun);

	config.mtu = 1;
	text = failure(-EINVAL);
	cr_expect(tells(text, "cannot set MTU 1 of " NAME), "%s", text);
	cr_expect(eq(uint, if_nametoindex(NAME), 0), "the device is left");

	config.mtu = 1280;
	cr_assert(eq(int, seteuid(65534), 0));
	/* The device file's mode refuses where it is for root alone, else the kernel. */
	bool opens = faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, AT_EACCESS) == 0;
	text = failure(opens ? -EPERM : -EACCES);
	cr_assert(eq(int, seteuid(0), 0));
	cr_expect(tells(text, "this needs root or the capability CAP_NET_ADMIN"), "%s", text);
}

Test(interface, route_that_leads_elsewhere_is_told_and_stays)
{
	struct tun other;
	cr_assert(eq(int, interface_open(&config, 1, &other), 0));
	tun_close(&other);

	strcpy(config.interface, "vt-other");
	add_address("192.168.7.1/24");
	cr_assert(eq(int, interface_open(&config, 1, &other), 0));
	config.address_count = 0;
	strcpy(config.interface, NAME);
	allow(0, "192.168.7.0/24");
	config.routes_auto = true;
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);

	int fds[2], before = dup(STDERR_FILENO);
	char text[512] = "";
	cr_assert(eq(int, pipe(fds), 0));
	dup2(fds[1], STDERR_FILENO);
	int r = interface_open(&config, 1, &tun);
	dup2(before, STDERR_FILENO);
	close(fds[1]);
	cr_assert(eq(int, r, 0));
	cr_assert(lt(long, 0, read(fds[0], text, sizeof text - 1)), "no word about it");
	cr_expect(ne(ptr, strstr(text, "a route to 192.168.7.0/24 is there already"), NULL), "%s",
	          text);
	cr_expect(eq(uint, ip4_routes_to("vt-other", "192.168.7.0"), 1));
	cr_expect(eq(uint, ip4_routes_to(NAME, "192.168.7.0"), 0));
	tun_close(&tun);
	tun_close(&other);
}

Test(interface, has_a_queue_for_each_dispatcher_and_offloads_where_wanted)
{
	static const struct {
		unsigned workers, queues;
	} cases[] = {{1, 1}, {2, 1}, {3, 2}, {8, 4}, {64, TUN_QUEUES_MAX}};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		config.has_offloads = i % 2;
		cr_assert(eq(int, interface_open(&config, cases[i].workers, &tun), 0));
		cr_expect(eq(uint, tun.queues, cases[i].queues), "%u workers", cases[i].workers);
		cr_expect(eq(int, tun.has_header, i % 2));
		tun_close(&tun);
		cr_expect(eq(uint, if_nametoindex(NAME), 0));
	}
}
