/* SPDX-License-Identifier: MIT */
#include "config/walk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "../expect_text.h"
#include "base/key_text.h"
#include "config/schema.h"
#include "crypto/init.h"
#include "node_rig.h"

#define A_KEY "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="

static struct parsed doc;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

static void finish(void)
{
	parsed_fini(&doc);
}

TestSuite(walk, .init = setup, .fini = finish);

/* What is said about the value @text of the key at @path. */
static const char *walk_value(const char *path, const char *text)
{
	parsed_fini(&doc);
	parse(&doc, "k: %s\n", text);
	cr_assert(zero(int, config_walk(doc.root->first, config_rule_at(path), &doc.report,
	                                &doc.secrets)));
	return parsed_messages(&doc);
}

#define MTU    "network.mtu"
#define MARK   "wireguard.links.fwmark"
#define MARKS  "must be a whole number, 0..0xffffffff, decimal or 0x..."
#define LEVEL  "logging.level"
#define LEVELS "must be error, warning, info or debug"

static const struct {
	const char *path, *text, *message; /* behind the key; NULL: it is good */
} values[] = {
	{MTU, "1", NULL},
	{MTU, "65535", NULL},
	{MTU, "0", "must be a whole number, 1..65535; this is out of range"},
	{MTU, "65536", "must be a whole number, 1..65535; this is out of range"},
	{MTU, "18446744073709551617", "must be a whole number, 1..65535; this is out of range"},
	{MTU, "-1", "must be a whole number, 1..65535; this is a number with a sign"},
	{MTU, "+1", "must be a whole number, 1..65535; this is a number with a sign"},
	{MTU, "01400", "must be a whole number, 1..65535; this is a number with a leading zero"},
	{MTU, "1.0", "must be a whole number, 1..65535; this is not a whole number"},
	{MTU, "0x10", "must be a whole number, 1..65535; this is hexadecimal"},
	{MTU, "'1400'", "must be a whole number, 1..65535; this is text in quotes"},
	{MTU, "big", "must be a whole number, 1..65535; this is text"},
	{MTU, "true", "must be a whole number, 1..65535; this is a boolean"},
	{MTU, "[1]", "must be a whole number, 1..65535; this is a list"},
	{MTU, "{a: 1}", "must be a whole number, 1..65535; this is a mapping"},
	{MTU, "~", NULL},
	{MARK, "0xffffffff", NULL},
	{MARK, "4294967295", NULL},
	{MARK, "0x100000000", MARKS "; this is out of range"},
	{LEVEL, "Debug", NULL},
	{LEVEL, "degub", LEVELS "; this is another word; did you mean debug?"},
	{LEVEL, "loud", LEVELS "; this is another word"},
	{LEVEL, "7", LEVELS "; this is a number"},
	{LEVEL, "\"in\\0fo\"", LEVELS "; this is text with a zero in it"},
	{"dataplane.workers", "auto", NULL},
	{"dataplane.workers", "64", NULL},
	{"dataplane.workers", "many", "must be auto or a whole number, 1..64; this is text"},
	{"wireguard.links.name", "'7'", NULL},
	{"wireguard.links.name", "7",
         "must be a name of 1..31 bytes, without blanks around it; this is not text to YAML; put "
         "it in quotes"},
	{"wireguard.links.name", "\"a\\nb\"",
         "must be a name of 1..31 bytes, without blanks around it; this is text with control "
         "characters or several lines"},
	{"wireguard.links.name", "<mine>", NULL},
	{"wireguard.links.bind", "<ADDRESS>",
         "must be IP, IP:PORT or [IPv6]:PORT; this is a placeholder, to be replaced; `ip -br "
         "address` lists those of this machine"},
	{"wireguard.links", "[]", "must be a list of 1..16 entries; this is empty"},
	{"wireguard.links", "~", "must be a list of 1..16 entries; this is null"},
	{"network.addresses", "[]", NULL},
};

Test(walk, value_is_held_against_its_rule)
{
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		char wanted[256] = "";

		if (values[i].message)
			snprintf(wanted, sizeof wanted, "f:1:4: k: %s\n", values[i].message);
		EXPECT_TEXT(walk_value(values[i].path, values[i].text), wanted);
		cr_expect(eq(int, doc.root->first->is_refused, *wanted != '\0'), "%s",
		          values[i].text);
	}
}

Test(walk, number_and_word_stay_with_their_node)
{
	walk_value(MARK, "0x1F");
	cr_expect(eq(u64, doc.root->first->number, 31));
	walk_value(LEVEL, "INFO");
	cr_expect(eq(u64, doc.root->first->number, 2));
}

Test(walk, list_has_an_end)
{
	char text[128] = "[";

	for (unsigned i = 0; i < 16; i++)
		strcat(text, "{},");
	strcpy(text + strlen(text) - 1, "]");
	EXPECT_TEXT(walk_value("wireguard.links", text), "");
	strcpy(text + strlen(text) - 1, ",{}]");
	EXPECT_TEXT(walk_value("wireguard.links", text),
	            "f:1:4: k: must be a list of 1..16 entries; this is longer\n");
}

Test(walk, null_is_absent_in_a_mapping_and_wrong_in_a_list)
{
	EXPECT_TEXT(walk_value("network", "{mtu: ~, addresses: ~}"), "");
	EXPECT_TEXT(walk_value("network.addresses", "[10.0.0.1, ~]"),
	            "f:1:15: k[1]: must be an address and prefix length such as 10.10.0.2/24 or "
	            "fd00::2/64; this is null\n");
}

Test(walk, secret_leaves_its_node)
{
	uint8_t wanted[KEY_LEN];

	cr_assert(zero(int, key_from_base64(wanted, A_KEY)));
	EXPECT_TEXT(walk_value("wireguard.preshared_key", "\" " A_KEY "\\n\""), "");
	cr_assert(eq(sz, doc.secrets.count, 1));
	cr_expect(eq(u64, doc.root->first->number, 1));
	cr_expect(zero(int, memcmp(doc.secrets.keys[0], wanted, KEY_LEN)));
	EXPECT_TEXT(walk_value("wireguard.peer_public_key", A_KEY), "");
	cr_expect(eq(sz, doc.secrets.count, 0));
}

Test(walk, key_is_known_given_once_and_guessed)
{
	EXPECT_TEXT(walk_value("control", "{run_dri: none, quux: 1, mtu: 2}"),
	            "f:1:5: k.run_dri: unknown key; did you mean run_dir? allowed are run_dir\n"
	            "f:1:20: k.quux: unknown key; allowed are run_dir\n"
	            "f:1:29: k.mtu: unknown key; there is one in network; allowed are run_dir\n");
	EXPECT_TEXT(walk_value("control", "{run_dir: none, run_dir: none}"),
	            "f:1:20: k.run_dir: a key may be given once; the first is in line 1\n");
	EXPECT_TEXT(walk_value("control", "{<<: {}}"),
	            "f:1:5: k.<<: merge keys are not allowed; write the keys out\n");
}

/* One mistake, one message: what stands for a key is not missing too. */
Test(walk, required_key_is_missing_unless_it_is_misspelled)
{
	EXPECT_TEXT(walk_value("wireguard.peers.endpoints", "[{link: a}]"),
	            "f:1:5: k[0].address: required but missing; must be HOST:PORT, IP:PORT or "
	            "[IPv6]:PORT; the other end's, as it is reached from here\n");
	EXPECT_TEXT(walk_value("wireguard.peers.endpoints", "[{addres: 'h:1'}]"),
	            "f:1:6: k[0].addres: unknown key; did you mean address? allowed are link, "
	            "address\n");
}

Test(walk, what_was_refused_before_is_left_alone)
{
	parse(&doc, "mtu: big\n");
	config_error(&doc.report, doc.root->first, "is refused");
	cr_assert(zero(
		int, config_walk(doc.root->first, config_rule_at(MTU), &doc.report, &doc.secrets)));
	EXPECT_TEXT(parsed_messages(&doc), "f:1:6: mtu: is refused\n");
}

Test(walk, mapping_with_very_many_keys_is_not_searched)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < 257; i++)
		fprintf(out, "%srun_dir: none", i ? ", " : "{");
	fputs("}", out);
	fclose(out);
	EXPECT_TEXT(walk_value("control", text),
	            "f:1:4: k: must be a mapping with at most 256 keys\n");
	free(text);
}
