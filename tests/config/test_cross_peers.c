/* SPDX-License-Identifier: MIT */
#include "config/cross_peers.h"

#include "cross_rig.h"

#include "base/key_text.h"
#include "crypto/aead.h"

TestSuite(cross_peers, .init = ready_crypto);

#define LIST(more)                                               \
	"wireguard: {links: [{}], peers: [{public_key: \"" KEY_A \
	"\", allowed_ips: ['::/0']}]" more "}"

Test(cross_peers, one_peer_or_a_list_is_given)
{
	static const struct cross_case cases[] = {
		{"wireguard: {links: [{}], peer_public_key: \"" KEY_A "\"}", ""},
		{"wireguard: {links: [{endpoint: 'h:1'}], peer_public_key: \"" KEY_A
	         "\", preshared_key: \"" KEY_B "\", persistent_keepalive: 1}",
	         ""},
		{LIST(""), ""},
		{"wireguard: {links: [{}]}",
	         "wireguard.peer_public_key: required but missing; give it or peers; `vtrunkd "
	         "pubkey -c FILE` at the other end prints it\n"},
		{LIST(", peer_public_key: \"" KEY_B "\""),
	         "wireguard.peer_public_key: excludes wireguard.peers; give one of them\n"},
		{LIST(", preshared_key: \"" KEY_B "\", persistent_keepalive: 1"),
	         "wireguard.preshared_key: excludes wireguard.peers; set it for each peer\n"
	         "wireguard.persistent_keepalive: excludes wireguard.peers; set it for each "
	         "peer\n"},
		{"wireguard: {links: [{endpoint: 'h:1'}], peers: [{public_key: \"" KEY_A
	         "\", allowed_ips: ['::/0']}]}",
	         "wireguard.links[0].endpoint: excludes wireguard.peers; set endpoints for each "
	         "peer\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_single_or_list);
}

static void check(const struct config_sections *s)
{
	cr_expect(zero(int, config_cross_peers(s, NULL)));
}

#define PEERS(list)    "wireguard: {links: [{}], peers: [" list "]}"
#define WITH(key, ips) "{public_key: \"" key "\", allowed_ips: [" ips "]}"
#define KEY_TWICE(i) \
	"wireguard.peers[" i "].public_key: a public key must be unique; line 1 has the same\n"
#define IP_TWICE(i, k)                                                                      \
	"wireguard.peers[" i "].allowed_ips[" k "]: a prefix among the allowed_ips of all " \
	"peers must be unique; line 1 has the same\n"

Test(cross_peers, key_and_prefix_belong_to_one_peer)
{
	static const struct cross_case cases[] = {
		{PEERS(WITH(KEY_A, "10.0.0.0/8") "," WITH(KEY_B, "10.0.0.0/9, 11.0.0.0/8")), ""},
		{PEERS(WITH(KEY_A, "10.0.0.0/8") "," WITH(KEY_A, "11.0.0.0/8")), KEY_TWICE("1")},
		{PEERS(WITH(KEY_A, "10.0.0.0/8") "," WITH(" " KEY_A, "11.0.0.0/8")),
	         KEY_TWICE("1")},
		{PEERS(WITH(KEY_A, "10.0.0.0/8") "," WITH(KEY_B, "11.0.0.0/8, 10.0.0.0/8")),
	         IP_TWICE("1", "1")},
		/* Host bits are ignored. */
		{PEERS(WITH(KEY_A, "10.1.2.3/8") "," WITH(KEY_B, "10.3.2.1/8")),
	         IP_TWICE("1", "0")},
		{PEERS(WITH(KEY_A, "'fd00::1'") "," WITH(KEY_B, "'fd00::1/128'")),
	         IP_TWICE("1", "0")},
		{PEERS(WITH(KEY_A, "0.0.0.0/0") "," WITH(KEY_B, "'::/0'")), ""},
		/* It is harmless that one says it twice. */
		{PEERS(WITH(KEY_A, "10.0.0.0/8, 10.1.0.0/8")), ""},
	};

	CROSS_EXPECT_ALL(cases, check);
}

Test(cross_peers, own_key_is_none_of_a_peer)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	char text[KEY_TEXT_LEN], document[256];
	struct parsed doc;

	cr_assert(zero(int, key_from_base64(private_key, OWN_KEY)));
	dh_public(public_key, private_key);
	key_to_base64(text, public_key);
	snprintf(document, sizeof document, PEERS(WITH("%s", "10.0.0.1")), text);
	struct config_sections s = cross_sections(&doc, document);
	cr_expect(zero(int, config_cross_peers(&s, private_key)));
	cross_expect(&doc, "wireguard.peers[0].public_key: must be the peer's public key; this one "
	                   "belongs to our own private key\n");
	parsed_fini(&doc);
}
