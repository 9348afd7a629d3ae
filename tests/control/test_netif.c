/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own with one TUN device, "tun-test". */
#include "control/netif.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../namespace_rig.h"

#define NAME "tun-test"

static int tun_fd = -1;
static struct netif netif;

static void start(void)
{
	enter_namespace();
	tun_fd = make_tun(NAME);
	cr_assert(eq(int, netif_init(&netif, NAME), 0));
}

static void stop(void)
{
	netif_fini(&netif);
	close(tun_fd);
}

TestSuite(netif, .init = start, .fini = stop);

static struct prefix prefix(const char *text)
{
	struct prefix p;

	cr_assert(eq(int, prefix_parse(text, &p), 0), "%s", text);
	return p;
}

/* The kernel may add words of its own behind. */
static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The routes of NAME in the main table, as "PREFIX proto N;", in the kernel's order. */
struct route_text {
	char text[1024];
};

static int add_route_text(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct prefix p = {.family = msg->rtm_family, .len = msg->rtm_dst_len};
	struct route_text *routes = arg;
	const struct nlattr *attr;
	char text[PREFIX_TEXT_LEN];
	size_t len = strlen(routes->text);
	int index = 0;

	mnl_attr_for_each(attr, nlh, sizeof *msg)
	{
		if (mnl_attr_get_type(attr) == RTA_DST)
			memcpy(p.addr, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
		if (mnl_attr_get_type(attr) == RTA_OIF)
			index = (int)mnl_attr_get_u32(attr);
	}
	if (index == netif_index(NAME) && msg->rtm_table == RT_TABLE_MAIN)
		snprintf(routes->text + len, sizeof routes->text - len, "%s proto %u;",
		         prefix_format(&p, text), msg->rtm_protocol);
	return MNL_CB_OK;
}

static struct route_text routes_of(uint8_t family)
{
	struct route_text routes = {""};
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	_Alignas(struct nlmsghdr) char buf[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t len;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	((struct rtmsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtmsg)))->rtm_family =
		family;
	cr_assert(eq(int, mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0));
	cr_assert(lt(int, 0, (int)mnl_socket_sendto(nl, nlh, nlh->nlmsg_len)));
	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof buf);
		cr_assert(lt(int, 0, (int)len));
	} while (mnl_cb_run(buf, (size_t)len, 0, 0, add_route_text, &routes) == MNL_CB_OK);
	mnl_socket_close(nl);
	return routes;
}

/* "ADDRESS/LEN", with the far end as "ADDRESS peer FAR/LEN" when there is one; "" for none. */
static const char *address_text(sa_family_t family)
{
	static char text[200];
	char local[INET6_ADDRSTRLEN], far_end[INET6_ADDRSTRLEN];
	struct ifaddrs *list;

	text[0] = 0;
	cr_assert(eq(int, getifaddrs(&list), 0));
	for (struct ifaddrs *ifa = list; ifa; ifa = ifa->ifa_next) {
		if (strcmp(ifa->ifa_name, NAME) != 0 || !ifa->ifa_addr ||
		    ifa->ifa_addr->sa_family != family)
			continue;
		struct sockaddr *dst = ifa->ifa_dstaddr;
		size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
		                              : offsetof(struct sockaddr_in6, sin6_addr);
		uint8_t *mask = (uint8_t *)ifa->ifa_netmask + at;
		unsigned bits = 0;

		while (bits < (family == AF_INET ? 32 : 128) && mask[bits / 8] & 0x80 >> bits % 8)
			bits++;
		inet_ntop(family, (char *)ifa->ifa_addr + at, local, sizeof local);
		bool has_far = dst && memcmp((char *)dst + at, (char *)ifa->ifa_addr + at,
		                             family == AF_INET ? 4 : 16) != 0;
		if (has_far)
			inet_ntop(family, (char *)dst + at, far_end, sizeof far_end);
		/* A link-local address is the kernel's own doing. */
		if (strncmp(local, "fe80:", 5) != 0)
			snprintf(text, sizeof text, "%s%s%s/%u", local, has_far ? " peer " : "",
			         has_far ? far_end : "", bits);
	}
	freeifaddrs(list);
	return text;
}

static int mtu(void)
{
	struct ifreq request = {0};

	strcpy(request.ifr_name, NAME);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert(eq(int, ioctl(fd, SIOCGIFMTU, &request), 0));
	close(fd);
	return request.ifr_mtu;
}

Test(netif, mtu_is_set)
{
	cr_assert(eq(int, netif_set_mtu(&netif, 1280), 0));
	cr_assert(eq(int, mtu(), 1280));
}

Test(netif, impossible_mtu_names_the_step)
{
	cr_assert(eq(int, netif_set_mtu(&netif, 1), -EINVAL));
	cr_assert(begins(netif_error(&netif), "set MTU 1 of " NAME ": Invalid argument"), "%s",
	          netif_error(&netif));
}

Test(netif, bring_up_makes_it_usable)
{
	cr_assert(not(netif_is_usable(NAME)));
	cr_assert(eq(int, netif_bring_up(&netif), 0));
	cr_assert(netif_is_usable(NAME));
	cr_assert(eq(int, netif_bring_up(&netif), 0));
}

Test(netif, index_and_usability_of_nothing)
{
	struct netif absent;

	cr_assert(lt(int, 0, netif_index(NAME)));
	cr_assert(eq(int, netif_index("no-such-link"), -ENODEV));
	cr_assert(not(netif_is_usable("no-such-link")));
	cr_assert(not(netif_is_usable("name-longer-than-sixteen")));
	cr_assert(eq(int, netif_init(&absent, "no-such-link"), -ENODEV));
	cr_assert(eq(str, (char *)netif_error(&absent),
	             (char *)"find interface no-such-link: No such device"));
	netif_fini(&absent);
	netif_fini(NULL);
}

Test(netif, address_keeps_host_bits_and_length)
{
	static const struct {
		const char *address, *destination, *expected;
	} cases[] = {
		{"10.10.0.2/24", NULL, "10.10.0.2/24"},
		{"10.10.0.2", NULL, "10.10.0.2/32"},
		{"10.10.0.2/24", "10.10.0.1", "10.10.0.2 peer 10.10.0.1/24"},
		{"10.10.0.2", "10.99.0.1/8", "10.10.0.2 peer 10.99.0.1/32"},
		{"fd00::2/64", NULL, "fd00::2/64"},
		{"fd00::2", "fd00::1", "fd00::2 peer fd00::1/128"},
	};

	cr_assert(eq(int, netif_bring_up(&netif), 0));
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct prefix address = prefix(cases[i].address), destination;

		if (cases[i].destination)
			destination = prefix(cases[i].destination);
		cr_expect(eq(int,
		             netif_add_address(&netif, &address,
		                               cases[i].destination ? &destination : NULL),
		             0),
		          "%s", netif_error(&netif));
		cr_expect(eq(str, (char *)address_text(address.family), (char *)cases[i].expected));
		cr_expect(eq(int, netif_remove_address(&netif, &address), 0), "%s",
		          netif_error(&netif));
		cr_expect(eq(str, (char *)address_text(address.family), (char *)""));
	}
}

Test(netif, same_address_again_is_told)
{
	static const char *const texts[] = {"10.10.0.2/24", "fd00::2/64"};

	for (unsigned i = 0; i < 2; i++) {
		struct prefix address = prefix(texts[i]);

		cr_expect(eq(int, netif_remove_address(&netif, &address), NETIF_ABSENT));
		cr_expect(eq(int, netif_add_address(&netif, &address, NULL), 0));
		cr_expect(eq(int, netif_add_address(&netif, &address, NULL), NETIF_EXISTS));
	}
}

Test(netif, destination_of_another_family_is_refused)
{
	struct prefix address = prefix("10.0.0.1/24"), destination = prefix("fd00::1");

	cr_assert(eq(int, netif_add_address(&netif, &address, &destination), -EINVAL));
	cr_assert(eq(str, (char *)netif_error(&netif),
	             (char *)"add address 10.0.0.1/24 to " NAME
	                     ": Invalid argument (destination of another family)"));
	cr_assert(eq(str, (char *)address_text(AF_INET), (char *)""));
}

Test(netif, route_is_added_masked_and_marked)
{
	static const struct {
		const char *prefix, *expected;
	} cases[] = {
		{"10.2.3.4/16", "10.2.0.0/16 proto 118;"},
		{"192.0.2.1", "192.0.2.1/32 proto 118;"},
		{"128.0.0.0/1", "128.0.0.0/1 proto 118;"},
		{"fd01:2::77/32", "fd01:2::/32 proto 118;"},
		{"2001:db8::1", "2001:db8::1/128 proto 118;"},
	};

	cr_assert(eq(int, netif_bring_up(&netif), 0));
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct prefix p = prefix(cases[i].prefix);

		cr_expect(eq(int, netif_remove_route(&netif, &p), NETIF_ABSENT));
		cr_expect(eq(int, netif_add_route(&netif, &p), 0), "%s", netif_error(&netif));
		cr_expect(eq(int, netif_add_route(&netif, &p), NETIF_EXISTS));
		struct route_text routes = routes_of(p.family);
		cr_expect(ne(ptr, strstr(routes.text, cases[i].expected), NULL), "%s", routes.text);
		cr_expect(eq(int, netif_remove_route(&netif, &p), 0), "%s", netif_error(&netif));
		routes = routes_of(p.family);
		cr_expect(eq(ptr, strstr(routes.text, cases[i].expected), NULL), "%s", routes.text);
	}
}

Test(netif, default_route_is_skipped)
{
	struct prefix v4 = prefix("0.0.0.0/0"), v6 = prefix("::/0");

	cr_assert(eq(int, netif_bring_up(&netif), 0));
	cr_assert(eq(int, netif_add_route(&netif, &v4), NETIF_SKIPPED));
	cr_assert(eq(int, netif_add_route(&netif, &v6), NETIF_SKIPPED));
	cr_assert(eq(int, netif_remove_route(&netif, &v4), NETIF_SKIPPED));
	cr_assert(eq(str, routes_of(AF_INET).text, (char *)""));
}

Test(netif, route_of_another_interface_is_left_alone)
{
	int other_fd = make_tun("tun-other");
	struct prefix p = prefix("10.2.0.0/16");
	struct netif other;

	cr_assert(eq(int, netif_init(&other, "tun-other"), 0));
	cr_assert(eq(int, netif_bring_up(&other), 0));
	cr_assert(eq(int, netif_bring_up(&netif), 0));
	cr_assert(eq(int, netif_add_route(&other, &p), 0));
	cr_assert(eq(int, netif_add_route(&netif, &p), NETIF_EXISTS));
	cr_assert(eq(int, netif_remove_route(&netif, &p), NETIF_ABSENT));
	cr_assert(eq(int, netif_remove_route(&other, &p), 0));
	netif_fini(&other);
	close(other_fd);
}

Test(netif, route_to_an_interface_that_is_down_names_the_step)
{
	struct prefix p = prefix("10.2.0.0/16");

	cr_assert(eq(int, netif_add_route(&netif, &p), -ENETDOWN));
	cr_assert(begins(netif_error(&netif), "add route 10.2.0.0/16 to " NAME ": Network is down"),
	          "%s", netif_error(&netif));
}

Test(netif, packets_for_a_full_queue_are_counted)
{
	struct prefix p = prefix("10.2.0.1/16");
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a020002)};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t before = 0, after = 0;
	char packet[2048];

	/* The queue has room for 1000; nobody reads. */
	cr_assert(eq(int, netif_add_address(&netif, &p, NULL), 0));
	cr_assert(eq(int, netif_bring_up(&netif), 0));
	cr_assert(eq(int, netif_tx_dropped(&netif, &before), 0), "%s", netif_error(&netif));
	for (unsigned i = 0; i < 1500; i++)
		sendto(sock, "x", 1, 0, (struct sockaddr *)&at, sizeof at);
	close(sock);
	cr_assert(eq(int, netif_tx_dropped(&netif, &after), 0), "%s", netif_error(&netif));
	cr_expect(le(u64, before + 500, after), "%" PRIu64 " and then %" PRIu64, before, after);
	cr_assert(lt(long, 0, read(tun_fd, packet, sizeof packet)));
}

Test(netif, device_gone_is_an_error)
{
	struct prefix p = prefix("10.2.0.1/16");
	uint64_t dropped = 7;

	close(tun_fd);
	cr_assert(eq(int, netif_set_mtu(&netif, 1400), -ENODEV));
	cr_assert(eq(int, netif_bring_up(&netif), -ENODEV));
	cr_assert(eq(int, netif_add_address(&netif, &p, NULL), -ENODEV));
	cr_assert(eq(int, netif_add_route(&netif, &p), -ENODEV));
	cr_assert(eq(int, netif_tx_dropped(&netif, &dropped), -ENODEV));
	cr_assert(eq(u64, dropped, 7));
	tun_fd = -1;
}

Test(netif, a_thousand_routes)
{
	struct prefix p = prefix("10.0.0.0/24");
	int results = 0;

	cr_assert(eq(int, netif_bring_up(&netif), 0));
	for (unsigned i = 0; i < 1000; i++) {
		p.addr[1] = (uint8_t)(i >> 8);
		p.addr[2] = (uint8_t)i;
		results |= netif_add_route(&netif, &p);
	}
	cr_assert(eq(int, results, 0), "%s", netif_error(&netif));
	cr_assert(eq(int, netif_add_route(&netif, &p), NETIF_EXISTS));
}
