/* SPDX-License-Identifier: MIT */
#include "config/settings.h"

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

TestSuite(settings, .init = setup);

#define PEER "peer_public_key: \"" KEY_A "\", links: [{}]"

static const struct {
	const char *network, *wireguard, *rest; /* beside what every file needs */
	const char *text;
} cases[] = {
	{"mtu: 1400, buffer_size: 1500", PEER, "", "network.mtu: from 1420 to 1400"},
	{"buffer_size: 9000", PEER, "", "network.buffer_size: from 1500 to 9000"},
	{"interface: vt7", PEER, "", "network.interface: from a name of the kernel's to vt7"},
	{"addresses: [10.0.0.1/24, fd00::1/64]", PEER, "",
         "network.addresses: from none to 10.0.0.1/24, fd00::1/64"},
	{"routes: none", PEER, "", "network.routes: from auto to none"},
	{"", PEER ", bonding: off", "", "wireguard.bonding: from auto to off"},
	{"", PEER ", error_backoff_secs: 7", "", "wireguard.error_backoff_secs: from 5 s to 7 s"},
	{"", PEER ", health_check_interval_ms: 100", "",
         "wireguard.health_check_interval_ms: from 1000 ms to 100 ms"},
	{"", PEER ", health_check_timeout_ms: 3000", "",
         "wireguard.health_check_timeout_ms: from 5000 ms to 3000 ms"},
	{"", PEER, "dataplane: {workers: 3}", "dataplane.workers: from auto to 3"},
	{"", PEER, "dataplane: {cpus: {control: [1]}}", "dataplane.cpus.control: from none to 1"},
	{"", PEER, "dataplane: {cpus: {tun: [1]}}", "dataplane.cpus.tun: from none to 1"},
	{"", PEER, "dataplane: {cpus: {rx: [1, 2]}}", "dataplane.cpus.rx: from none to 1, 2"},
	{"", PEER, "dataplane: {cpus: {workers: [1]}}", "dataplane.cpus.workers: from none to 1"},
	{"", PEER, "dataplane: {crypto: sodium}", "dataplane.crypto: from auto to sodium"},
	{"", PEER, "dataplane: {busy_poll_us: 50}", "dataplane.busy_poll_us: from 0 us to 50 us"},
	{"", PEER, "dataplane: {offloads: off}", "dataplane.offloads: from auto to off"},
	{"", PEER, "control: {run_dir: none}",
         "control.run_dir: from /run/vtrunkd by default to none"},
	{"", PEER, "logging: {level: debug}", "logging.level: from info to debug"},
	{"", PEER, "logging: {format: json}", "logging.format: from auto to json"},
};

static struct desired *with(const char *network, const char *wireguard, const char *rest)
{
	char *text;

	cr_assert(lt(int, 0,
	             asprintf(&text,
	                      "network: {%s}\nwireguard: {private_key: \"" OWN_KEY "\", %s}\n%s\n",
	                      network, wireguard, rest)));
	struct desired *desired = desired_of_text(text);
	free(text);
	return desired;
}

Test(settings, each_that_is_another_needs_a_restart_and_nothing_else_does)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct desired *from = with("", PEER, ""),
			       *to = with(cases[i].network, cases[i].wireguard, cases[i].rest);
		char wanted[256], *got = difference(from, to);

		snprintf(wanted, sizeof wanted, "%s; needs a restart\n", cases[i].text);
		cr_expect(eq(str, got, wanted));
		free(got);
		desired_free(from);
		desired_free(to);
	}
}

Test(settings, destination_of_a_point_to_point_device)
{
	struct desired *from = with("address: 10.0.0.1", PEER, "");
	struct desired *to = with("address: 10.0.0.1, destination: 10.0.0.2", PEER, "");
	char *got = difference(from, to);

	cr_expect(eq(str, got,
	             (char *)"network.destination: from none to 10.0.0.2/32; needs a restart\n"));
	free(got);
	desired_free(from);
	desired_free(to);
}

/* Allowed IPs of a single peer have exceptions that those of a list have not. */
Test(settings, single_peer_is_not_a_list_of_one)
{
	struct desired *from = with("", PEER, "");
	struct desired *to = with("",
	                          "links: [{}], peers: [{name: peer, public_key: \"" KEY_A
	                          "\", allowed_ips: [0.0.0.0/0, \"::/0\"]}]",
	                          "");
	char *got = difference(from, to);

	cr_expect(eq(str, got,
	             (char *)"wireguard: from peer_public_key to peers; needs a restart\n"));
	free(got);
	desired_free(from);
	desired_free(to);
}
