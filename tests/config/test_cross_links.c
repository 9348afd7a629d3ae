/* SPDX-License-Identifier: MIT */
#include "config/cross_links.h"

#include "cross_rig.h"

TestSuite(cross_links, .init = ready_crypto);

#define LINKS(list) "wireguard: {links: [" list "]}"
#define TWICE(i, j)                                                                           \
	"wireguard.links[" i "].bind: an address and port must be unique; wireguard.links[" j \
	"] has the same\n"

Test(cross_links, address_and_port_belong_to_one_link)
{
	static const struct cross_case cases[] = {
		{LINKS("{}, {}"), ""},
		{LINKS("{bind: '0.0.0.0:7'}, {bind: '0.0.0.0:8'}, {bind: '[::]:7'}"), ""},
		{LINKS("{bind: '0.0.0.0:7'}, {bind: '0.0.0.0:7'}"), TWICE("1", "0")},
		{LINKS("{bind: '[::1]:7'}, {}, {bind: '[0::1]:7'}"), TWICE("2", "0")},
		{LINKS("{bind: '1.2.3.4:7'}, {bind: '1.2.3.4:7'}, {bind: '1.2.3.4:7'}"),
	         TWICE("1", "0") TWICE("2", "0")},
		/* The kernel picks ports of its own. */
		{LINKS("{bind: 1.2.3.4}, {bind: 1.2.3.4}, {bind: '1.2.3.4:0'}"), ""},
	};

	CROSS_EXPECT_ALL(cases, config_cross_links);
}

Test(cross_links, two_devices_may_share_an_address_and_port)
{
	static const struct cross_case cases[] = {
		{LINKS("{bind: '0.0.0.0:7', device: a}, {bind: '0.0.0.0:7', device: b}"), ""},
		{LINKS("{bind: '0.0.0.0:7', device: a}, {bind: '0.0.0.0:7', device: a}"),
	         TWICE("1", "0")},
		{LINKS("{bind: '0.0.0.0:7', device: a}, {bind: '0.0.0.0:7'}"), TWICE("1", "0")},
		{LINKS("{bind: '0.0.0.0:7', device: any}, {bind: '0.0.0.0:7', device: b}"),
	         TWICE("1", "0")},
	};

	CROSS_EXPECT_ALL(cases, config_cross_links);
}

Test(cross_links, listen_port_stands_for_the_bind_of_the_one_link)
{
	static const struct cross_case cases[] = {
		{"wireguard: {listen_port: 7, links: [{}]}", ""},
		{"wireguard: {listen_port: 7, links: [{bind: ~}]}", ""},
		{"wireguard: {listen_port: 7, links: [{bind: 0.0.0.0}]}",
	         "wireguard.listen_port: excludes bind of the link; give one of them\n"},
		{"wireguard: {listen_port: 7, links: [{}, {}]}",
	         "wireguard.listen_port: is for a single link; with several give each a bind\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_links);
}
