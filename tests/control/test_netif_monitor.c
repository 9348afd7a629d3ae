/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own; TUN devices come and go in it. */
#include "control/netif_monitor.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../namespace_rig.h"
#include "control/netif.h"

#define NAME    "tun-test"
#define WAIT_MS 10000 /* for the kernel to tell; a notification ends the wait */

static struct netif_monitor monitor;
static char told[8192]; /* events of the last read, as "kind name address;" */

static void start(void)
{
	enter_namespace();
	close(make_tun("probe")); /* it can be had */
	cr_assert(eq(int, netif_monitor_init(&monitor), 0));
}

static void stop(void)
{
	netif_monitor_fini(&monitor);
}

TestSuite(netif_monitor, .init = start, .fini = stop);

static void note(const struct netif_event *event, void *arg)
{
	static const char *const kinds[] = {
		[NETIF_LINK_APPEARED] = "appeared",
		[NETIF_LINK_GONE] = "gone",
		[NETIF_LINK_UP] = "up",
		[NETIF_LINK_DOWN] = "down",
		[NETIF_ADDRESS_ADDED] = "added",
		[NETIF_ADDRESS_REMOVED] = "removed",
		[NETIF_ROUTES_CHANGED] = "routes",
		[NETIF_RESYNC] = "resync",
	};
	char text[PREFIX_TEXT_LEN] = "";
	size_t len = strlen(told);

	cr_assert(eq(ptr, arg, told));
	if (event->address.family)
		prefix_format(&event->address, text);
	if (!strncmp(text, "fe80:", 5) || !strncmp(text, "ff", 2))
		return; /* what IPv6 adds of itself, at its own time */
	cr_assert(eq(int, event->index != 0, event->kind < NETIF_ROUTES_CHANGED));
	snprintf(told + len, sizeof told - len, "%s%s%s%s%s;", kinds[event->kind],
	         event->name[0] ? " " : "", event->name, text[0] ? " " : "", text);
}

static bool is_readable(int timeout_ms)
{
	struct pollfd pfd = {.fd = netif_monitor_fd(&monitor), .events = POLLIN};

	return poll(&pfd, 1, timeout_ms) == 1;
}

static char *read_events(void)
{
	told[0] = 0;
	cr_assert(eq(int, netif_monitor_read(&monitor, note, told), 0));
	return told;
}

/* The changes of these tests are notified before the call that makes them returns. */
static char *read_told(void)
{
	cr_assert(is_readable(WAIT_MS));
	return read_events();
}

static void set_carrier(int fd, int on)
{
	if (ioctl(fd, TUNSETCARRIER, &on))
		cr_skip("no TUNSETCARRIER: %s", strerror(errno));
}

static void set_name(const char *from, const char *to)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, from);
	strcpy(request.ifr_newname, to);
	cr_assert(eq(int, ioctl(fd, SIOCSIFNAME, &request), 0));
	close(fd);
}

static void set_down(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, name);
	cr_assert(eq(int, ioctl(fd, SIOCSIFFLAGS, &request), 0));
	close(fd);
}

/* No IPv6 address of the device's own: the kernel would tell of it at its own time. */
static void quiet_ipv6(void)
{
	FILE *file = fopen("/proc/sys/net/ipv6/conf/" NAME "/addr_gen_mode", "w");

	if (file) {
		fputs("1\n", file);
		fclose(file);
	}
}

static int open_up(struct netif *netif)
{
	int fd = make_tun(NAME);

	quiet_ipv6();
	cr_assert(eq(int, netif_init(netif, NAME), 0));
	cr_assert(eq(int, netif_bring_up(netif), 0));
	read_told();
	return fd;
}

Test(netif_monitor, silence_is_no_event)
{
	cr_assert(not(is_readable(0)));
	cr_assert(eq(str, read_events(), (char *)""));
}

Test(netif_monitor, link_comes_goes_up_and_down_and_away)
{
	struct netif netif;
	int fd = make_tun(NAME);

	quiet_ipv6();
	cr_assert(eq(str, read_told(), (char *)"appeared " NAME ";"));
	cr_assert(eq(int, netif_init(&netif, NAME), 0));
	cr_assert(eq(int, netif_bring_up(&netif), 0));
	cr_assert(eq(ptr, strstr(read_told(), "up " NAME ";"), told));
	set_down(NAME);
	cr_assert(eq(ptr, strstr(read_told(), "down " NAME ";"), told));
	close(fd);
	cr_assert(eq(ptr, strstr(read_told(), "gone " NAME ";"), told));
	netif_fini(&netif);
}

/* The kernel tells of a carrier later, from its link watch, so wait until it has. */
static void wait_told(const char *expected)
{
	for (;;) {
		read_told();
		if (strstr(told, expected))
			return;
	}
}

Test(netif_monitor, carrier_counts)
{
	struct netif netif;
	int fd = open_up(&netif);

	set_carrier(fd, 0);
	wait_told("down " NAME ";");
	cr_assert(not(netif_is_usable(NAME)));
	set_carrier(fd, 1);
	wait_told("up " NAME ";");
	cr_assert(netif_is_usable(NAME));
	close(fd);
	netif_fini(&netif);
}

Test(netif_monitor, what_is_no_change_of_state_is_not_told)
{
	struct netif netif;
	int fd = open_up(&netif);

	cr_assert(eq(int, netif_set_mtu(&netif, 1400), 0));
	cr_assert(is_readable(WAIT_MS));
	cr_assert(eq(ptr, strstr(read_events(), NAME), NULL), "%s", told);
	close(fd);
	netif_fini(&netif);
}

Test(netif_monitor, links_from_before_are_known)
{
	int fd = make_tun(NAME);

	netif_monitor_fini(&monitor);
	cr_assert(eq(int, netif_monitor_init(&monitor), 0));
	cr_assert(eq(str, read_events(), (char *)""));
	close(fd);
	cr_assert(eq(str, read_told(), (char *)"gone " NAME ";"));
}

Test(netif_monitor, renaming_is_gone_and_appeared)
{
	int fd = make_tun(NAME);

	read_told();
	set_name(NAME, "tun-new");
	read_told();
	cr_assert(eq(ptr, strstr(told, "gone " NAME ";appeared tun-new;"), told), "%s", told);
	close(fd);
	cr_assert(ne(ptr, strstr(read_told(), "gone tun-new;"), NULL), "%s", told);
}

Test(netif_monitor, addresses_are_told_with_host_bits)
{
	struct netif netif;
	int fd = open_up(&netif);
	struct prefix v4, v6, destination;

	prefix_parse("10.10.0.2/24", &v4);
	prefix_parse("10.10.0.1", &destination);
	prefix_parse("fd00::2/64", &v6);
	cr_assert(eq(int, netif_add_address(&netif, &v4, &destination), 0));
	cr_assert(ne(ptr, strstr(read_told(), "added " NAME " 10.10.0.2/24;"), NULL), "%s", told);
	cr_assert(eq(int, netif_remove_address(&netif, &v4), 0));
	cr_assert(ne(ptr, strstr(read_told(), "removed " NAME " 10.10.0.2/24;"), NULL), "%s", told);
	cr_assert(eq(int, netif_add_address(&netif, &v6, NULL), 0));
	wait_told("added " NAME " fd00::2/64;"); /* after duplicate detection, where it is done */
	cr_assert(eq(int, netif_remove_address(&netif, &v6), 0));
	wait_told("removed " NAME " fd00::2/64;");
	close(fd);
	netif_fini(&netif);
}

Test(netif_monitor, routes_that_come_with_an_address_are_told_once)
{
	struct netif netif;
	int fd = open_up(&netif);
	struct prefix v4;

	prefix_parse("10.10.0.2/24", &v4);
	cr_assert(eq(int, netif_add_address(&netif, &v4, NULL), 0));
	cr_assert(eq(str, read_told(), (char *)"added " NAME " 10.10.0.2/24;routes;"));
	close(fd);
	netif_fini(&netif);
}

Test(netif_monitor, our_own_routes_are_not_told)
{
	struct netif netif;
	int fd = open_up(&netif);
	struct prefix p;

	prefix_parse("10.2.0.0/16", &p);
	cr_assert(eq(int, netif_add_route(&netif, &p), 0));
	cr_assert(is_readable(WAIT_MS));
	cr_assert(eq(str, read_events(), (char *)""));
	close(fd);
	netif_fini(&netif);
}

/* A flood of addresses into a tiny socket buffer hides that one link went and another came. */
Test(netif_monitor, lost_notifications_lead_to_a_resync)
{
	struct netif netif, after;
	int fd = open_up(&netif), tiny = 1;
	struct prefix p;

	cr_assert(eq(
		int,
		setsockopt(netif_monitor_fd(&monitor), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny),
		0));
	prefix_parse("10.10.0.1/32", &p);
	for (unsigned i = 0; i < 200; i++) {
		p.addr[2] = (uint8_t)i;
		cr_assert(eq(int, netif_add_address(&netif, &p, NULL), 0));
	}
	close(fd);
	int other = make_tun("tun-after");
	cr_assert(eq(int, netif_init(&after, "tun-after"), 0));
	cr_assert(eq(int, netif_bring_up(&after), 0));

	read_told();
	cr_assert(ne(ptr, strstr(told, "gone " NAME ";"), NULL), "%s", told);
	cr_assert(ne(ptr, strstr(told, "appeared tun-after;up tun-after;"), NULL), "%s", told);
	cr_assert(ne(ptr, strstr(told, "resync;"), NULL), "%s", told);
	cr_assert(eq(ptr, strstr(read_events(), "resync;"), NULL), "%s", told);
	close(other);
	wait_told("gone tun-after;");
	netif_fini(&netif);
	netif_fini(&after);
}

Test(netif_monitor, more_than_one_read_takes_is_not_lost)
{
	struct netif netif;
	int fd = open_up(&netif);
	struct prefix p;
	unsigned count = 0;

	prefix_parse("10.10.0.1/32", &p);
	for (unsigned i = 0; i < 1000; i++) {
		p.addr[2] = (uint8_t)(i >> 8);
		p.addr[3] = (uint8_t)i;
		cr_assert(eq(int, netif_add_address(&netif, &p, NULL), 0));
	}
	while (is_readable(0)) {
		read_events();
		cr_assert(eq(ptr, strstr(told, "resync;"), NULL));
		for (const char *at = told; (at = strstr(at, "added ")); at++)
			count++;
	}
	cr_assert(eq(uint, count, 1000));
	close(fd);
	netif_fini(&netif);
}
