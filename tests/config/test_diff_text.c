/* SPDX-License-Identifier: MIT */
#include "config/diff_text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/init.h"
#include "desired_rig.h"

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(diff_text, .init = setup);

static void expect_text(struct desired *from, struct desired *to, const char *wanted)
{
	char *text = difference(from, to);

	cr_expect(eq(str, text, (char *)wanted));
	free(text);
	desired_free(from);
	desired_free(to);
}

Test(diff_text, links_that_come_go_and_change)
{
	expect_text(desired_of("{name: dsl, bind: 0.0.0.0:51820}, {name: lte}",
	                       "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1]}"),
	            desired_of("{name: dsl, bind: \"[::]:51820\", device: eth0, weight: 3, "
	                       "fwmark: 0x51, role: overflow, "
	                       "rate_limit_mbps: {down: 50}}, {name: sat, device: any}",
	                       "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1]}"),
	            "link lte: removed\n"
	            "link dsl: bind from 0.0.0.0:51820 to [::]:51820 of both families\n"
	            "link dsl: device from that of its address to eth0\n"
	            "link dsl: fwmark from none to 0x51\n"
	            "link dsl: weight from 1 to 3\n"
	            "link dsl: role from primary to overflow\n"
	            "link dsl: rate limit from up none, down none to up none, down 50 Mbit/s\n"
	            "link sat: added\n");
}

Test(diff_text, peers_that_come_go_and_change)
{
	expect_text(desired_of("{name: l}",
	                       "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1]},"
	                       "{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.2], "
	                       "preshared_key: \"" SECRET_KEY "\", endpoints: [{link: l, address: "
	                       "\"192.0.2.1:1\"}]}"),
	            desired_of("{name: l}",
	                       "{name: c, public_key: \"" KEY_C "\", allowed_ips: [10.0.0.1]},"
	                       "{name: home, public_key: \"" KEY_B
	                       "\", allowed_ips: [10.2.0.0/16], "
	                       "bonding_mode: redundant, persistent_keepalive: 25, endpoints: "
	                       "[\"192.0.2.1:1\"]}"),
	            "peer b: endpoint 192.0.2.1:1 by link l removed\n"
	            "peer b: allowed IPs 10.0.0.2/32 removed\n"
	            "peer a: removed, public key " KEY_A "\n"
	            "peer c: added, public key " KEY_C "\n"
	            "peer b: name from b to home\n"
	            "peer b: preshared key removed\n"
	            "peer b: bonding mode from aggregate to redundant\n"
	            "peer b: persistent keepalive from 0 s to 25 s\n"
	            "peer b: allowed IPs 10.2.0.0/16 added\n"
	            "peer b: endpoint 192.0.2.1:1 added\n");
}

Test(diff_text, secrets_are_not_shown)
{
	expect_text(desired_of_text("network: {}\nwireguard: {private_key: \"" OWN_KEY
	                            "\", peer_public_key: \"" KEY_A
	                            "\", preshared_key: \"" SECRET_KEY "\", links: [{}]}\n"),
	            desired_of_text("network: {}\nwireguard: {private_key: \"" SECRET_KEY
	                            "\", peer_public_key: \"" KEY_A "\", preshared_key: \"" OWN_KEY
	                            "\", links: [{}]}\n"),
	            "wireguard.private_key: another one; needs a restart\n"
	            "peer peer: preshared key replaced\n");
}
