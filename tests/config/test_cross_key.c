/* SPDX-License-Identifier: MIT */
#include "config/cross_key.h"

#include "cross_rig.h"

#include <unistd.h>

#include "base/key_text.h"
#include "crypto/aead.h"

TestSuite(cross_key, .init = ready_crypto);

/* Our private key of @text, and what is said; the number of the key is returned. */
static uint64_t find_private_key(const char *text, const char *messages)
{
	struct parsed doc;
	struct config_sections s = cross_sections(&doc, text);
	uint64_t number = 77;

	cr_assert(zero(int, config_cross_private_key(&s, &doc.secrets, &number)));
	cross_expect(&doc, messages);
	if (number) {
		uint8_t wanted[KEY_LEN];

		cr_assert(zero(int, key_from_base64(wanted, OWN_KEY)));
		cr_expect(zero(int, memcmp(doc.secrets.keys[number - 1], wanted, KEY_LEN)));
	}
	parsed_fini(&doc);
	return number;
}

#define WIREGUARD(keys) "wireguard: {links: [{}], " keys "}"

Test(cross_key, private_key_is_given_once_here_or_in_a_file)
{
	char path[] = "/tmp/test-cross-key.XXXXXX", text[256];
	int fd = mkstemp(path);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(long, write(fd, OWN_KEY, strlen(OWN_KEY)), (long)strlen(OWN_KEY)));
	close(fd);
	cr_expect(eq(u64, find_private_key(WIREGUARD("private_key: \"" OWN_KEY "\""), ""), 1));
	snprintf(text, sizeof text, WIREGUARD("private_key_file: %s"), path);
	cr_expect(eq(u64, find_private_key(text, ""), 1));
	snprintf(text, sizeof text, WIREGUARD("private_key_file: %s, private_key: ~"), path);
	cr_expect(eq(u64, find_private_key(text, ""), 1));
	snprintf(text, sizeof text, WIREGUARD("private_key_file: %s, private_key: \"" OWN_KEY "\""),
	         path);
	cr_expect(zero(u64, find_private_key(text, "wireguard.private_key_file: excludes "
	                                           "wireguard.private_key; give one of them\n")));
	unlink(path);
}

/* What was given wrong is not missing. */
Test(cross_key, private_key_is_missing_only_where_none_was_meant)
{
#define MISSING                                                                               \
	"wireguard.private_key: required but missing; give it or private_key_file; `vtrunkd " \
	"genkey` makes one\n"
	static const struct cross_case cases[] = {
		{WIREGUARD(""), MISSING},
		{WIREGUARD("private_key: ~"), MISSING},
		{WIREGUARD("private_key: AAAA"),
	         "wireguard.private_key: must be a key, base64 of 32 bytes (44 characters); this "
	         "is base64 of another length\n"},
		{WIREGUARD("private_key_file: key"),
	         "wireguard.private_key_file: must be an absolute path; this is a relative path\n"},
		{WIREGUARD("private_key_file: /nowhere/key"),
	         "wireguard.private_key_file: the file cannot be read: No such file or directory; "
	         "`umask 077; vtrunkd genkey >FILE` makes one\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(zero(u64, find_private_key(cases[i].text, cases[i].messages)), "case %zu",
		          i);
}

Test(cross_key, public_key_of_a_peer_is_neither_ours_nor_useless)
{
	uint8_t ours[KEY_LEN], public_key[KEY_LEN];
	char own_public[KEY_TEXT_LEN];
	const struct {
		const char *key, *message;
	} cases[] = {
		{KEY_A, ""},
		{own_public,
	         "wireguard.peer_public_key: must be the peer's public key; this one belongs to "
	         "our own private key\n"},
		{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	         "wireguard.peer_public_key: must be a usable public key; this one is of low "
	         "order\n"},
	};

	cr_assert(zero(int, key_from_base64(ours, OWN_KEY)));
	dh_public(public_key, ours);
	key_to_base64(own_public, public_key);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[256];
		struct parsed doc;

		snprintf(text, sizeof text, WIREGUARD("peer_public_key: \"%s\""), cases[i].key);
		struct config_sections s = cross_sections(&doc, text);
		struct config_node *node = config_node_good(s.wireguard, "peer_public_key");

		config_cross_public_key(&doc.report, node, NULL);
		config_cross_public_key(&doc.report, NULL, ours);
		cr_expect(zero(sz, doc.report.count));
		config_cross_public_key(&doc.report, node, ours);
		cross_expect(&doc, cases[i].message);
		parsed_fini(&doc);
	}
}

static void check_open(const struct config_sections *s)
{
	config_cross_readers(s, true);
}

static void check_closed(const struct config_sections *s)
{
	config_cross_readers(s, false);
}

Test(cross_key, everybody_is_warned_of_a_key_that_everybody_can_read)
{
#define OPEN(where)                                                                          \
	where ": warning: everybody can read this file and the key in it; chmod 0600 keeps " \
	      "it secret\n"
	static const struct cross_case cases[] = {
		{WIREGUARD("private_key_file: /k, peer_public_key: \"" KEY_A "\""), ""},
		{WIREGUARD("private_key: \"" OWN_KEY "\""), OPEN("wireguard.private_key")},
		{WIREGUARD("preshared_key: \"" KEY_B "\""), OPEN("wireguard.preshared_key")},
		{WIREGUARD("private_key: \"" OWN_KEY "\", preshared_key: \"" KEY_B "\""),
	         OPEN("wireguard.private_key")},
		{WIREGUARD("peers: [{public_key: \"" KEY_A
	                   "\", allowed_ips: ['::1']}, {public_key: "
	                   "\"" KEY_A "\", allowed_ips: ['::1'], preshared_key: \"" KEY_B "\"}]"),
	         OPEN("wireguard.peers[1].preshared_key")},
	};

	CROSS_EXPECT_ALL(cases, check_open);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cross_case silent = {cases[i].text, ""};

		cross_expect_all(&silent, 1, check_closed);
	}
}
