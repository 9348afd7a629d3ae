/* SPDX-License-Identifier: MIT */
/* Whole texts through config_check(): what is said of the ways to the peers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "crypto/init.h"
#include "vtrunkd/limits.h"

#define HEAD                                                               \
	"network: {mtu: 1420, buffer_size: 2048, routes: %s}\n"            \
	"wireguard:\n"                                                     \
	"  private_key: oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00=\n"    \
	"  links: [%s]\n"                                                  \
	"  peers:\n"                                                       \
	"    - public_key: AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q=\n" \
	"      allowed_ips: [%s]\n"                                        \
	"      endpoints: [%s]\n"

static char output[8192];

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(config_routes, .init = setup);

/* What is said of the file that these make; it must be a good one. */
static const char *said(const char *routes, const char *links, const char *allowed_ips,
                        const char *endpoints)
{
	struct config_secrets secrets = {0};
	char text[4096], *normal = NULL;
	FILE *messages = fmemopen(output, sizeof output, "w");

	memset(output, 0, sizeof output);
	snprintf(text, sizeof text, HEAD, routes, links, allowed_ips, endpoints);
	struct config_source source = {.path = "F", .text = text, .len = strlen(text)};
	int r = config_check(&source, messages, &normal, &secrets);

	fclose(messages);
	cr_assert(eq(int, r, 0), "%s%s", output, text);
	config_secrets_fini(&secrets);
	free(normal);
	return output;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

Test(config_routes, prefix_that_holds_an_endpoint_is_warned_about)
{
	static const struct {
		const char *allowed_ips, *endpoint;
		unsigned want; /* warnings */
	} cases[] = {
		{"10.99.0.0/24", "192.0.2.1:51820", 0},
		{"10.99.0.0/24, 192.0.2.0/24", "192.0.2.1:51820", 1},
		{"192.0.2.1", "192.0.2.1:51820", 1},
		{"192.0.2.0/31", "192.0.2.1:51820", 1},
		{"192.0.2.2/31", "192.0.2.1:51820", 0},
		{"192.0.2.0/32", "192.0.2.1:51820", 0},
		{"0.0.0.0/1, 128.0.0.0/1", "192.0.2.1:51820", 1},
		{"0.0.0.0/1, 128.0.0.0/1", "192.0.2.1:51820\", \"1.1.1.1:1", 2},
		{"0.0.0.0/0, '::/0'", "192.0.2.1:51820", 0}, /* never a route */
		{"'2000::/3'", "[2001:db8::1]:51820", 1},
		{"'2000::/3'", "[fd00::1]:51820", 0},
		{"192.0.2.0/24", "[c000:0201::]:51820", 0}, /* the same bytes */
		{"0.0.0.0/1", "vpn.example.net:51820", 0},  /* nobody knows yet */
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		char endpoints[128];

		snprintf(endpoints, sizeof endpoints, "\"%s\"", cases[i].endpoint);
		cr_expect(eq(uint,
		             count(said("auto", "{}", cases[i].allowed_ips, endpoints),
		                   "holds the endpoint in line 8; the daemon keeps a route"),
		             cases[i].want),
		          "%s and %s: %s", cases[i].allowed_ips, cases[i].endpoint, output);
	}
}

Test(config_routes, link_with_a_device_is_not_led_by_routes)
{
	said("auto", "{device: eth0}, {device: eth1}", "192.0.2.0/24", "\"192.0.2.1:1\"");
	cr_expect(eq(str, output, ""));
	said("auto", "{device: eth0}, {}", "192.0.2.0/24", "\"192.0.2.1:1\"");
	cr_expect(eq(uint, count(output, "warning"), 1));
	said("auto", "{device: eth0}, {name: b}", "192.0.2.0/24",
	     "{link: link-0, address: \"192.0.2.1:1\"}");
	cr_expect(eq(str, output, ""));
	said("auto", "{device: eth0}, {name: b}", "192.0.2.0/24",
	     "{link: b, address: \"192.0.2.1:1\"}");
	cr_expect(eq(uint, count(output, "warning"), 1));
}

Test(config_routes, without_routes_of_ours_it_is_said_what_to_mind)
{
	said("none", "{}", "192.0.2.0/24", "\"192.0.2.1:1\"");
	cr_expect(eq(uint, count(output, "must leave the endpoint out"), 1));
}

Test(config_routes, more_paths_than_there_are_slots_are_warned_about)
{
	char endpoints[512] = "", links[512] = "";

	for (unsigned i = 0; i < 6; i++)
		sprintf(endpoints + strlen(endpoints), "%s\"vpn%u.example.net:1\"", i ? ", " : "",
		        i);
	for (unsigned i = 0; i < 3; i++)
		sprintf(links + strlen(links), "%s{name: l%u}", i ? ", " : "", i);
	said("auto", links, "10.99.0.0/24", endpoints);
	cr_expect(eq(uint, count(output, "makes 18 paths with the links, of which only 16"), 1),
	          "%s", output);
	strcpy(strrchr(endpoints, ','), ""); /* five: 15 paths */
	said("auto", links, "10.99.0.0/24", endpoints);
	cr_expect(eq(str, output, ""));
	sprintf(endpoints + strlen(endpoints), ", {link: l1, address: \"vpn9.example.net:1\"}");
	said("auto", links, "10.99.0.0/24", endpoints);
	cr_expect(eq(str, output, ""), "16 are well");
}

Test(config_routes, only_links_of_the_family_make_a_path)
{
	char endpoints[512] = "";

	for (unsigned i = 0; i < 16; i++)
		sprintf(endpoints + strlen(endpoints), "%s\"192.0.2.%u:1\"", i ? ", " : "", i);
	said("auto", "{bind: 10.0.0.1}, {bind: \"fd00::1\"}", "10.99.0.0/24", endpoints);
	cr_expect(eq(str, output, ""));
	said("auto", "{bind: 10.0.0.1}, {bind: 10.0.0.2}", "10.99.0.0/24", endpoints);
	cr_expect(eq(uint, count(output, "makes 32 paths"), 1));
}

Test(config_routes, links_on_one_line_are_warned_about)
{
	static const struct {
		const char *links;
		unsigned want; /* warnings */
	} cases[] = {
		{"{device: eth0}, {device: eth1}", 0},
		{"{device: eth0}, {device: eth1}, {device: eth0}", 1},
		{"{bind: 192.0.2.9}, {bind: 192.0.2.10}", 0},
		{"{bind: '192.0.2.9:1'}, {bind: '192.0.2.9:2'}", 1},
		{"{bind: '192.0.2.9:1', device: any}, {bind: '192.0.2.9:2'}", 0},
		{"{bind: '192.0.2.9:1', fwmark: 1}, {bind: '192.0.2.9:2', fwmark: 2}", 0},
		{"{device: any}, {device: any, name: b}", 0},
		{"{}, {name: b}", 0},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		said("auto", cases[i].links, "10.99.0.0/24", "");
		cr_expect(eq(uint, count(output, "leaves by the same device as"), cases[i].want),
		          "%s: %s", cases[i].links, output);
	}
}

Test(config_routes, link_with_an_address_is_led_by_routes_only_where_rules_decide)
{
	said("auto", "{bind: 192.0.2.9}", "192.0.2.0/24", "\"192.0.2.1:1\"");
	cr_expect(eq(str, output, ""));
	said("auto", "{bind: 192.0.2.9, device: any}", "192.0.2.0/24", "\"192.0.2.1:1\"");
	cr_expect(eq(uint, count(output, "warning"), 1));
}
