/* SPDX-License-Identifier: MIT */
#include "config/cross_network.h"

#include "cross_rig.h"

TestSuite(cross_network, .init = ready_crypto);

#define NET(keys) "network: {" keys "}"

static void check(const struct config_sections *s)
{
	cr_expect(zero(int, config_cross_network(s)));
}

Test(cross_network, buffer_holds_a_packet)
{
	static const struct cross_case cases[] = {
		{NET("mtu: 1400, buffer_size: 1400"), ""},
		{NET("mtu: 1400, buffer_size: 1399"),
	         "network.buffer_size: must be at least network.mtu, which is 1400\n"},
		{NET("buffer_size: 1420"), ""},
		{NET("buffer_size: 1419"),
	         "network.buffer_size: must be at least network.mtu, which is 1420 by default\n"},
		{NET("mtu: 0, buffer_size: 1"),
	         "network.mtu: must be a whole number, 1..65535; this is out of range\n"},
	};

	CROSS_EXPECT_ALL(cases, check);
}

Test(cross_network, mtu_that_may_be_unwise_is_warned_of)
{
#define SMALL "network.mtu: warning: below 576 many IPv4 programs fail\n"
#define IPV6                                                                               \
	"network.mtu: warning: IPv6 needs 1280 at least; the kernel will refuse the IPv6 " \
	"address\n"
#define LARGE                                                                         \
	"network.mtu: warning: above 65455 a full packet does not fit into UDP with " \
	"WireGuard's header\n"
	static const struct cross_case cases[] = {
		{NET("mtu: 575"), SMALL},
		{NET("mtu: 576"), ""},
		{NET("mtu: 1279, address: 'fd00::1'"), IPV6},
		{NET("mtu: 1279, addresses: [10.0.0.1, 'fd00::1']"), IPV6},
		{NET("mtu: 1279, address: 10.0.0.1"), ""},
		{NET("mtu: 1280, address: 'fd00::1'"), ""},
		{NET("mtu: 65455"), ""},
		{NET("mtu: 65456"), LARGE},
	};

	CROSS_EXPECT_ALL(cases, check);
}

Test(cross_network, netmask_needs_an_address_of_its_family)
{
	static const struct cross_case cases[] = {
		{NET("address: 10.0.0.1, netmask: 32"), ""},
		{NET("address: 10.0.0.1, netmask: 255.255.0.0"), ""},
		{NET("address: 'fd00::1', netmask: 64"), ""},
		{NET("address: 10.0.0.1, netmask: 33"),
	         "network.netmask: must be a prefix length, 0..32, or a dotted netmask for an IPv4 "
	         "address\n"},
		{NET("address: 'fd00::1', netmask: 255.255.0.0"),
	         "network.netmask: must be a prefix length, 0..128, for an IPv6 address\n"},
		{NET("netmask: 24"), "network.netmask: needs network.address\n"},
		{NET("address: bad, netmask: 24"),
	         "network.address: must be an IPv4 or IPv6 address\n"},
	};

	CROSS_EXPECT_ALL(cases, check);
}

Test(cross_network, destination_needs_an_address_of_its_family)
{
#define NEEDS(family)                                                             \
	"network.destination: needs an " family " address in network.address or " \
	"network.addresses\n"
	static const struct cross_case cases[] = {
		{NET("destination: 10.0.0.2, address: 10.0.0.1"), ""},
		{NET("destination: 'fd00::2', addresses: [10.0.0.1, 'fd00::1/64']"), ""},
		{NET("destination: 10.0.0.2"), NEEDS("IPv4")},
		{NET("destination: 'fd00::2', address: 10.0.0.1"), NEEDS("IPv6")},
		{NET("destination: 10.0.0.2, addresses: []"), NEEDS("IPv4")},
		{NET("destination: 'fd00::2', addresses: [10.0.0.1]"), NEEDS("IPv6")},
		{NET("destination: 10.0.0.2, address: bad"),
	         "network.address: must be an IPv4 or IPv6 address\n"},
	};

	CROSS_EXPECT_ALL(cases, check);
}

Test(cross_network, list_of_addresses_excludes_the_one_and_holds_each_once)
{
	static const struct cross_case cases[] = {
		{NET("addresses: [10.0.0.1/24, 10.0.0.2/24, 'fd00::1']"), ""},
		{NET("addresses: [10.0.0.1/24, 10.0.0.1/16]"),
	         "network.addresses[1]: an address must be unique; line 1 has the same\n"},
		{NET("addresses: ['fd00::1', 'fd00:0::1/64']"),
	         "network.addresses[1]: an address must be unique; line 1 has the same\n"},
		{NET("address: 10.0.0.1, netmask: 24, addresses: [10.0.0.2]"),
	         "network.address: excludes network.addresses; give one of them\n"
	         "network.netmask: excludes network.addresses; give one of them\n"},
	};

	CROSS_EXPECT_ALL(cases, check);
}
