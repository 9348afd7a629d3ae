/* SPDX-License-Identifier: MIT */
#include "config/normal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/walk.h"
#include "crypto/init.h"
#include "node_rig.h"

#define A_KEY "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(normal, .init = setup);

static const struct {
	const char *text, *normal;
} cases[] = {
	{"network: {mtu: 1400, routes: AUTO}",
         "{\"network\": {\"mtu\": 1400,\n\"routes\": \"auto\"}}"},
	{"network: {mtu: ~, netmask: 24, address: null}", "{\"network\": {\"netmask\": \"24\"}}"},
	{"network: {addresses: [10.0.0.1, 'fd00::1/64']}",
         "{\"network\": {\"addresses\": [\"10.0.0.1\",\n\"fd00::1/64\"]}}"},
	{"network: {addresses: []}", "{\"network\": {\"addresses\": []}}"},
	{"wireguard: {private_key: \"" A_KEY "\"}", "{\"wireguard\": {\"private_key\": 1}}"},
	{"wireguard: {private_key_file: /k}", "{\"wireguard\": {\"private_key_file\": 0}}"},
	{"wireguard: {links: [{fwmark: 0xfF, name: 'a \"\\b'}]}",
         "{\"wireguard\": {\"links\": [{\"fwmark\": 255,\n\"name\": \"a \\\"\\\\b\"}]}}"},
	{"wireguard: {links: [{rate_limit_mbps: 7}, {rate_limit_mbps: {down: 8}}]}",
         "{\"wireguard\": {\"links\": [{\"rate_limit_mbps\": {\"up\": 7,\n\"down\": 7}},\n"
         "{\"rate_limit_mbps\": {\"down\": 8}}]}}"},
	{"wireguard: {peers: [{endpoints: ['h:1', {link: l, address: 'h:2'}]}]}",
         "{\"wireguard\": {\"peers\": [{\"endpoints\": [{\"address\": \"h:1\"},\n"
         "{\"link\": \"l\",\n\"address\": \"h:2\"}]}]}}"},
	{"wireguard: {peer_public_key: \"" A_KEY "\\n\\t\"}",
         "{\"wireguard\": {\"peer_public_key\": \"" A_KEY "\\x0a\\x09\"}}"},
	{"dataplane: {workers: auto}", "{\"dataplane\": {\"workers\": \"auto\"}}"},
	{"dataplane: {workers: 7, cpus: {tun: [0, 3]}}",
         "{\"dataplane\": {\"workers\": \"7\",\n\"cpus\": {\"tun\": [0,\n3]}}}"},
};

static char *normal_form_of(struct parsed *doc, const char *text)
{
	parse(doc, "%s\n", text);
	cr_assert(zero(int, config_walk(doc->root, &config_schema, &doc->report, &doc->secrets)));
	char *normal = config_normal_form(doc->root);

	cr_assert(ne(ptr, normal, NULL));
	return normal;
}

Test(normal, form_is_canonical_and_without_keys_and_nulls)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parsed doc;
		char *normal = normal_form_of(&doc, cases[i].text);
		size_t len = strlen(normal);

		cr_expect(eq(int, normal[len - 1], '\n'));
		normal[len - 1] = '\0';
		cr_expect(eq(str, normal, (char *)cases[i].normal), "%s", cases[i].text);
		free(normal);
		parsed_fini(&doc);
	}
}

/* Loading it again would make the same. */
Test(normal, form_of_the_form_is_the_form)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parsed doc, again;

		if (strstr(cases[i].text, "private_key"))
			continue; /* a number stands for it */
		char *normal = normal_form_of(&doc, cases[i].text);
		char *second = normal_form_of(&again, normal);

		cr_expect(eq(str, second, normal));
		free(normal);
		free(second);
		parsed_fini(&doc);
		parsed_fini(&again);
	}
}
