/* SPDX-License-Identifier: MIT */
#include "config/cross_endpoints.h"

#include "cross_rig.h"

TestSuite(cross_endpoints, .init = ready_crypto);

#define PEER(links, endpoints)                                          \
	"wireguard: {links: [" links "], peers: [{public_key: \"" KEY_A \
	"\", allowed_ips: [10.0.0.1], endpoints: [" endpoints "]}]}"
#define FIRST "wireguard.peers[0].endpoints[0]"

Test(cross_endpoints, endpoint_of_a_link_is_of_a_family_that_its_bind_has)
{
	static const struct cross_case cases[] = {
		{"wireguard: {links: [{bind: 0.0.0.0, endpoint: '1.2.3.4:7'}]}", ""},
		{"wireguard: {links: [{bind: 0.0.0.0, endpoint: 'host:7'}]}", ""},
		{"wireguard: {links: [{endpoint: '[::1]:7'}, {endpoint: '1.2.3.4:7'}]}", ""},
		{"wireguard: {links: [{bind: 0.0.0.0, endpoint: '[::1]:7'}]}",
	         "wireguard.links[0].endpoint: must be of the family of the link's bind, IPv4; "
	         "this is IPv6\n"},
		{"wireguard: {links: [{bind: '::1', endpoint: '1.2.3.4:7'}]}",
	         "wireguard.links[0].endpoint: must be of the family of the link's bind, IPv6; "
	         "this is IPv4\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_endpoints);
}

/* [::] is both families, unless another link has its port for IPv4. */
Test(cross_endpoints, bind_to_every_address_has_ipv4_while_nobody_else_has_its_port)
{
	static const struct cross_case cases[] = {
		{"wireguard: {links: [{bind: '[::]:7', endpoint: '1.2.3.4:7'}]}", ""},
		{"wireguard: {links: [{bind: '[::]:7', endpoint: '1.2.3.4:7'}, {bind: "
	         "'0.0.0.0:8'}]}",
	         ""},
		{"wireguard: {links: [{bind: '[::]:7', endpoint: '1.2.3.4:7'}, {bind: "
	         "'0.0.0.0:7'}]}",
	         "wireguard.links[0].endpoint: must be of the family of the link's bind, IPv6; "
	         "this is IPv4\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_endpoints);
}

Test(cross_endpoints, link_is_named_as_given_or_by_default)
{
	static const struct cross_case cases[] = {
		{PEER("{name: a}, {}", "{link: a, address: 'h:1'}, {link: link-1, address: 'h:1'}"),
	         ""},
		{PEER("{name: a}, {}", "{link: link-0, address: 'h:1'}"),
	         FIRST ".link: must be the name of one of wireguard.links\n"},
		{PEER("{name: a}", "{link: A, address: 'h:1'}"),
	         FIRST ".link: must be the name of one of wireguard.links\n"},
		{PEER("{bind: 0.0.0.0}, {bind: '::'}", "{link: link-0, address: '[::1]:1'}"),
	         FIRST ".address: must be of the family of the link's bind, IPv4; this is IPv6\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_endpoints);
}

Test(cross_endpoints, one_link_at_least_reaches_an_endpoint_for_all)
{
	static const struct cross_case cases[] = {
		{PEER("{bind: 0.0.0.0}, {bind: '::1'}", "'[::1]:1', '1.2.3.4:1', 'h:1'"), ""},
		{PEER("{bind: 0.0.0.0}, {bind: 1.2.3.4}", "'[::1]:1'"),
	         FIRST ": no link can reach it; all of them are bound to IPv4\n"},
		{PEER("{bind: '::1'}", "{address: '1.2.3.4:1'}"),
	         FIRST ".address: no link can reach it; all of them are bound to IPv6\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_endpoints);
}

Test(cross_endpoints, endpoint_is_given_once_for_a_link)
{
#define SAME(i, dot)                                                                         \
	"wireguard.peers[0].endpoints[" i "]" dot ": must be unique for the peer and link; " \
	"line 1 has the same\n"
	static const struct cross_case cases[] = {
		{PEER("{name: a}", "'h:1', 'h:2', {link: a, address: 'h:1'}"), ""},
		{PEER("{name: a}", "'h:1', 'h:1'"), SAME("1", "")},
		{PEER("{name: a}", "'h:1', {address: 'h:1'}"), SAME("1", ".address")},
		{PEER("{name: a}", "'h:1', 'h:1', 'h:1'"), SAME("1", "") SAME("2", "")},
		{PEER("{name: a}", "{link: a, address: 'h:1'}, 'h:1', {link: a, address: 'h:1'}"),
	         SAME("2", ".address")},
	};

	CROSS_EXPECT_ALL(cases, config_cross_endpoints);
}
