/* SPDX-License-Identifier: MIT */
#include "config/cross.h"

#include "cross_rig.h"

TestSuite(cross, .init = ready_crypto);

static bool is_world_readable;

/* As cross_expect_all(), for the whole of the checks. */
static void expect_all(const struct cross_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct parsed doc;

		cross_sections(&doc, cases[i].text);
		cr_expect(zero(int, config_cross_check(doc.root, is_world_readable, &doc.report,
		                                       &doc.secrets)));
		cross_expect(&doc, cases[i].messages);
		parsed_fini(&doc);
	}
}

#define WIREGUARD(keys)                                                       \
	"wireguard: {private_key: \"" OWN_KEY "\", peer_public_key: \"" KEY_A \
	"\", links: [{}]" keys "}"

Test(cross, link_is_silent_for_longer_than_the_distance_of_probes)
{
#define MORE "must be more than wireguard.health_check_interval_ms, which is "
	static const struct cross_case cases[] = {
		{WIREGUARD(", health_check_interval_ms: 100, health_check_timeout_ms: 101"), ""},
		{WIREGUARD(", health_check_interval_ms: 100, health_check_timeout_ms: 100"),
	         "wireguard.health_check_timeout_ms: " MORE "100\n"},
		{WIREGUARD(", health_check_interval_ms: 100, health_check_timeout_ms: 99"),
	         "wireguard.health_check_timeout_ms: " MORE "100\n"},
		/* With one of them the other's default follows. */
		{WIREGUARD(", health_check_timeout_ms: 2"), ""},
		{WIREGUARD(", health_check_interval_ms: 1000000"), ""},
	};

	expect_all(cases, sizeof cases / sizeof cases[0]);
}

/* Every part of the checks is asked, each here by one mistake that only it knows. */
Test(cross, each_part_has_its_say)
{
	static const struct cross_case cases[] = {
		{"network: {netmask: 24}\n" WIREGUARD(""),
	         "network.netmask: needs network.address\n"},
		{"wireguard: {peer_public_key: \"" KEY_A "\", links: [{}]}",
	         "wireguard.private_key: required but missing; give it or private_key_file; "
	         "`vtrunkd genkey` makes one\n"},
		{"wireguard: {private_key: \"" OWN_KEY "\", links: [{}]}",
	         "wireguard.peer_public_key: required but missing; give it or peers; `vtrunkd "
	         "pubkey -c FILE` at the other end prints it\n"},
		{"wireguard: {private_key: \"" OWN_KEY
	         "\", peer_public_key: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", links: "
	         "[{}]}",
	         "wireguard.peer_public_key: must be a usable public key; this one is of low "
	         "order\n"},
		{"wireguard: {private_key: \"" OWN_KEY "\", peer_public_key: \"" KEY_A
	         "\", listen_port: 7, links: [{}, {}]}",
	         "wireguard.listen_port: is for a single link; with several give each a bind\n"},
		{"wireguard: {private_key: \"" OWN_KEY "\", peer_public_key: \"" KEY_A
	         "\", links: [{bind: 0.0.0.0, endpoint: '[::1]:1'}]}",
	         "wireguard.links[0].endpoint: must be of the family of the link's bind, IPv4; "
	         "this is IPv6\n"},
		{"wireguard: {private_key: \"" OWN_KEY "\", peer_public_key: \"" KEY_A
	         "\", links: [{name: a}, {name: a}]}",
	         "wireguard.links[1].name: a name, given or by default, must be unique; line 1 "
	         "has the same\n"},
		{"wireguard: {private_key: \"" OWN_KEY "\", links: [{}], peers: [{public_key: "
	         "\"" KEY_A "\", allowed_ips: ['::1'], name: peer-2}, {public_key: \"" KEY_B
	         "\", allowed_ips: ['::1']}]}",
	         "wireguard.peers[1]: a name, given or by default, must be unique; line 1 has the "
	         "same\n"
	         "wireguard.peers[1].allowed_ips[0]: a prefix among the allowed_ips of all peers "
	         "must be unique; line 1 has the same\n"},
	};

	expect_all(cases, sizeof cases / sizeof cases[0]);
}

Test(cross, reader_is_told_of_the_file_and_not_of_what_is_fine)
{
	static const struct cross_case cases[] = {
		{WIREGUARD(""), "wireguard.private_key: warning: everybody can read this file and "
	                        "the key in it; chmod 0600 keeps it secret\n"},
	};

	is_world_readable = true;
	expect_all(cases, 1);
}

/* A section that was refused says nothing about the other. */
Test(cross, section_that_is_not_there_is_left_alone)
{
	static const struct cross_case cases[] = {
		{"network: {netmask: 24}", "network.netmask: needs network.address\n"},
		{"network: 3", "network: must be a mapping; this is a number\n"},
		{"network: ~\nwireguard: []", "network: must be a mapping; this is null\n"
	                                      "wireguard: must be a mapping; this is a list\n"},
	};

	expect_all(cases, sizeof cases / sizeof cases[0]);
}
