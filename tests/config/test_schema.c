/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../expect_text.h"

static const char *description_of(const char *path)
{
	static char buf[CONFIG_DESCRIPTION_LEN];
	const struct config_rule *rule = config_rule_at(path);

	cr_assert(ne(ptr, (void *)rule, NULL), "%s", path);
	return config_rule_describe(rule, buf);
}

Test(schema, key_is_found_by_its_path)
{
	cr_expect(eq(ptr, (void *)config_rule_at(""), (void *)&config_schema));
	EXPECT_TEXT(config_rule_at("wireguard.links.weight")->key, "weight");
	EXPECT_TEXT(config_rule_at("wireguard.peers.endpoints.address")->key, "address");
	cr_expect(eq(ptr, (void *)config_rule_at("wireguard.link"), NULL));
	cr_expect(eq(ptr, (void *)config_rule_at("network.mtu.bytes"), NULL));
}

Test(schema, description_tells_what_is_allowed)
{
	EXPECT_TEXT(description_of("network.mtu"), "a whole number, 1..65535");
	EXPECT_TEXT(description_of("dataplane.workers"), "auto or a whole number, 1..64");
	EXPECT_TEXT(description_of("logging.level"), "error, warning, info or debug");
	EXPECT_TEXT(description_of("wireguard.links"), "a list of 1..16 entries");
	EXPECT_TEXT(description_of("wireguard.links.fwmark"),
	            "a whole number, 0..0xffffffff, decimal or 0x...");
	EXPECT_TEXT(description_of("dataplane"), "a mapping");
}

Test(schema, word_is_found_in_any_case)
{
	const struct config_rule *rule = config_rule_at("wireguard.bonding_mode");
	uint64_t word = 99;

	cr_expect(config_rule_word(rule, "Failover", &word));
	EXPECT_TEXT(rule->words[word], "failover");
	cr_expect(not(config_rule_word(rule, "fail", &word)));
	cr_expect(not(config_rule_word(config_rule_at("network.mtu"), "auto", &word)));
}

Test(schema, place_of_a_key_is_found_whatever_its_spelling)
{
	char place[CONFIG_DESCRIPTION_LEN];

	cr_expect(config_rule_place("allowed_ips", place));
	EXPECT_TEXT(place, "wireguard.peers[]");
	cr_expect(config_rule_place("AllowedIPs", place));
	EXPECT_TEXT(place, "wireguard.peers[]");
	cr_expect(config_rule_place("network", place));
	EXPECT_TEXT(place, "the document");
	cr_expect(not(config_rule_place("quux", place)));
}
