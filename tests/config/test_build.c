/* SPDX-License-Identifier: MIT */
#include "config/build.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/clock.h"
#include "corpus_rig.h"
#include "vtrunkd/ctl.h"

TestSuite(build, .init = enter_scratch, .fini = leave_scratch);

Test(build, example_of_a_user_with_two_uplinks)
{
	struct desired *config = load_good("readme.yaml");

	EXPECT_TEXT(config->path, "readme.yaml");
	cr_expect(eq(u32, config->mtu, 1420));
	cr_expect(eq(u32, config->buffer_size, 65536));
	EXPECT_TEXT(config->interface, "tun0");
	cr_assert(eq(sz, config->address_count, 1));
	expect_prefix(&config->addresses[0], "10.10.0.2/24");
	cr_expect(eq(int, config->destination.family, 0));
	cr_expect(config->routes_auto);

	expect_private_key(config->private_key);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_AUTO));
	cr_expect(eq(u64, config->error_backoff_ns, 5 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 1 * NS_PER_S));
	cr_expect(eq(u64, config->health_timeout_ns, 5 * NS_PER_S));

	cr_assert(eq(sz, config->link_count, 2));
	EXPECT_TEXT(config->links[0].name, "wifi");
	expect_endpoint(&config->links[0].bind, "192.168.1.20:0");
	EXPECT_TEXT(config->links[0].endpoint, "203.0.113.7:51820");
	cr_expect(eq(u32, config->links[0].weight, 1));
	cr_expect(eq(ptr, config->links[0].device, NULL));
	cr_expect(not(config->links[0].has_fwmark));
	EXPECT_TEXT(config->links[1].name, "lte/5g");
	expect_endpoint(&config->links[1].bind, "10.0.0.5:0");
	EXPECT_TEXT(config->links[1].endpoint, "vps.example.com:51820");
	cr_expect(eq(u32, config->links[1].weight, 3));

	cr_assert(eq(sz, config->peer_count, 1));
	const struct desired_peer *peer = &config->peers[0];
	EXPECT_TEXT(peer->name, "peer");
	expect_key(peer->public_key, PEER_KEY);
	cr_expect(not(peer->has_preshared_key));
	cr_expect(eq(ptr, peer->preshared_key, NULL));
	cr_expect(eq(int, peer->mode, BONDING_AGGREGATE));
	cr_expect(eq(u16, peer->persistent_keepalive, 25));
	cr_assert(eq(sz, peer->allowed_ip_count, 2));
	expect_prefix(&peer->allowed_ips[0], "0.0.0.0/0");
	expect_prefix(&peer->allowed_ips[1], "::/0");
	cr_assert(eq(sz, peer->endpoint_count, 2));
	cr_expect(eq(int, peer->endpoints[0].link, 0));
	EXPECT_TEXT(peer->endpoints[0].address, "203.0.113.7:51820");
	cr_expect(eq(int, peer->endpoints[1].link, 1));
	EXPECT_TEXT(peer->endpoints[1].address, "vps.example.com:51820");
	desired_free(config);
}

/* What holds when a key is absent or null. */
static void expect_defaults(const struct desired *config)
{
	EXPECT_TEXT(config->interface, "");
	cr_expect(eq(sz, config->address_count, 0));
	cr_expect(eq(int, config->destination.family, 0));
	cr_expect(config->routes_auto);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_AUTO));
	cr_expect(eq(u64, config->error_backoff_ns, 5 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 1 * NS_PER_S));
	cr_expect(eq(u64, config->health_timeout_ns, 5 * NS_PER_S));
	EXPECT_TEXT(config->links[0].name, "link-0");
	cr_expect(eq(int, endpoint_family(&config->links[0].bind), AF_UNSPEC));
	cr_expect(eq(ptr, config->links[0].endpoint, NULL));
	cr_expect(eq(ptr, config->links[0].device, NULL));
	cr_expect(eq(u32, config->links[0].weight, 1));
	cr_expect(eq(int, config->links[0].role, LINK_ROLE_PRIMARY));
	cr_expect(not(config->links[0].has_fwmark));
	cr_assert(eq(sz, config->peer_count, 1));
	cr_expect(eq(int, config->peers[0].mode, BONDING_AGGREGATE));
	cr_expect(eq(u16, config->peers[0].persistent_keepalive, 0));
	cr_expect(eq(sz, config->peers[0].endpoint_count, 0));
	cr_expect(not(config->peers[0].has_preshared_key));
	cr_expect(eq(uint, config->workers, 0));
	cr_expect(eq(sz, config->cpus_control.count, 0));
	cr_expect(eq(sz, config->cpus_tun.count, 0));
	cr_expect(eq(sz, config->cpus_rx.count, 0));
	cr_expect(eq(sz, config->cpus_workers.count, 0));
	cr_expect(eq(int, config->crypto, CIPHER_AUTO));
	cr_expect(eq(uint, config->busy_poll_us, 0));
	cr_expect(config->has_offloads);
	cr_expect(eq(int, config->log_level, LOG_LEVEL_INFO));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_AUTO));
	cr_expect(eq(ptr, config->run_dir, NULL));
}

Test(build, absent_keys_have_their_defaults)
{
	struct desired *config = load_good("minimal.yaml");

	cr_assert(eq(sz, config->link_count, 1));
	expect_defaults(config);
	desired_free(config);
}

Test(build, sizes_have_defaults_that_fit_each_other)
{
	static const struct {
		const char *file;
		uint32_t mtu, buffer_size;
	} cases[] = {
		{"sizes-missing.yaml", 1420, 1500},       {"mtu-missing.yaml", 1420, 65536},
		{"mtu-null.yaml", 1420, 65536},           {"mtu-empty.yaml", 1420, 65536},
		{"buffer-size-missing.yaml", 1420, 1500}, {"mtu-alone-and-large.yaml", 9000, 9080},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct desired *config = load_good(cases[i].file);

		cr_expect(eq(u32, config->mtu, cases[i].mtu), "%s", cases[i].file);
		cr_expect(eq(u32, config->buffer_size, cases[i].buffer_size), "%s", cases[i].file);
		desired_free(config);
	}
}

Test(build, null_means_absent_unless_in_quotes)
{
	struct desired *config = load_good("nulls.yaml");

	cr_assert(eq(sz, config->link_count, 2));
	expect_defaults(config);
	EXPECT_TEXT(config->links[1].name, "null");
	desired_free(config);
}

Test(build, gateway_with_peers_and_devices)
{
	struct desired *config = load_good("gateway.yaml");

	EXPECT_TEXT(config->interface, "gw0");
	cr_assert(eq(sz, config->address_count, 3));
	expect_prefix(&config->addresses[0], "10.10.0.1/24");
	expect_prefix(&config->addresses[1], "fd00::1/64");
	expect_prefix(&config->addresses[2], "192.168.200.1/32");
	cr_expect(not(config->routes_auto));
	cr_expect(eq(int, config->bonding, BONDING_POLICY_REQUIRE));
	expect_private_key(config->private_key);

	cr_assert(eq(sz, config->link_count, 3));
	const struct desired_link *links = config->links;
	expect_endpoint(&links[0].bind, "0.0.0.0:51820");
	EXPECT_TEXT(links[0].device, "wwan0");
	cr_expect(links[0].has_fwmark);
	cr_expect(eq(u32, links[0].fwmark, 0x51));
	cr_expect(eq(u32, links[0].weight, 1000000));
	cr_expect(eq(int, links[0].role, LINK_ROLE_BACKUP));
	cr_expect(eq(int, links[1].role, LINK_ROLE_OVERFLOW));
	cr_expect(eq(int, links[2].role, LINK_ROLE_PRIMARY));
	cr_expect(eq(u32, links[0].limits.up_kbps, 0));
	cr_expect(eq(u32, links[0].limits.down_kbps, 1000000000));
	cr_expect(eq(u32, links[1].limits.up_kbps, 20000));
	cr_expect(eq(u32, links[1].limits.down_kbps, 20000));
	cr_expect(eq(u32, links[2].limits.up_kbps, 0));
	EXPECT_TEXT(links[1].name, "link-1");
	expect_endpoint(&links[1].bind, "[::]:51820");
	cr_expect(links[1].has_fwmark);
	cr_expect(eq(u32, links[1].fwmark, UINT32_MAX));
	cr_expect(links[2].has_fwmark);
	cr_expect(eq(u32, links[2].fwmark, 0));

	cr_assert(eq(sz, config->peer_count, 2));
	const struct desired_peer *office = &config->peers[0], *other = &config->peers[1];
	EXPECT_TEXT(office->name, "office");
	expect_key(office->public_key, PEER_KEY);
	cr_expect(office->has_preshared_key);
	expect_key(office->preshared_key, SHARED_KEY);
	cr_expect(eq(int, office->mode, BONDING_FAILOVER));
	cr_expect(eq(u16, office->persistent_keepalive, 25));
	cr_assert(eq(sz, office->allowed_ip_count, 3));
	expect_prefix(&office->allowed_ips[0], "10.10.0.2/32");
	expect_prefix(&office->allowed_ips[1], "192.168.7.0/24");
	expect_prefix(&office->allowed_ips[2], "fd00:7::/48");
	cr_assert(eq(sz, office->endpoint_count, 3));
	cr_expect(eq(int, office->endpoints[0].link, -1));
	EXPECT_TEXT(office->endpoints[0].address, "198.51.100.7:51820");
	cr_expect(eq(int, office->endpoints[1].link, 0));
	EXPECT_TEXT(office->endpoints[1].address, "office.example.com:51821");
	cr_expect(eq(int, office->endpoints[2].link, 1));
	EXPECT_TEXT(office->endpoints[2].address, "[2001:db8::7]:51822");

	EXPECT_TEXT(other->name, "peer-2");
	expect_key(other->public_key, LATER_PEER_KEY);
	cr_expect(not(other->has_preshared_key));
	cr_expect(eq(int, other->mode, BONDING_REDUNDANT), "wireguard.bonding_mode is inherited");
	cr_expect(eq(u16, other->persistent_keepalive, 0));
	cr_expect(eq(sz, other->endpoint_count, 0));
	desired_free(config);
}

Test(build, engine_and_logging_keys)
{
	struct desired *config = load_good("every-engine-key.yaml");

	cr_expect(eq(u32, config->buffer_size, UINT32_MAX));
	cr_expect(config->routes_auto);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_OFF));
	cr_expect(eq(uint, config->workers, 64));
	cr_assert(eq(sz, config->cpus_control.count, 1));
	cr_expect(eq(u16, config->cpus_control.cpu[0], 0));
	cr_assert(eq(sz, config->cpus_tun.count, 1));
	cr_expect(eq(u16, config->cpus_tun.cpu[0], 1));
	cr_assert(eq(sz, config->cpus_rx.count, 2));
	cr_expect(eq(u16, config->cpus_rx.cpu[1], 3));
	cr_assert(eq(sz, config->cpus_workers.count, 3));
	cr_expect(eq(u16, config->cpus_workers.cpu[2], 1023));
	cr_expect(eq(int, config->crypto, CIPHER_IPSEC_MB), "available here or not");
	cr_expect(eq(uint, config->busy_poll_us, 1000));
	cr_expect(not(config->has_offloads));
	cr_expect(eq(int, config->log_level, LOG_LEVEL_DEBUG));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_JSON));
	cr_assert(ne(ptr, config->run_dir, NULL));
	cr_expect(eq(sz, strlen(config->run_dir), CTL_DIRECTORY_LEN_MAX));
	desired_free(config);
}

Test(build, words_are_taken_in_any_case)
{
	struct desired *config = load_good("words-in-capitals.yaml");

	cr_expect(eq(int, config->peers[0].mode, BONDING_AGGREGATE));
	cr_expect(eq(uint, config->workers, 0));
	cr_expect(eq(int, config->crypto, CIPHER_SODIUM));
	cr_expect(config->has_offloads);
	cr_expect(eq(int, config->log_level, LOG_LEVEL_WARNING));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_JOURNAL));
	desired_free(config);
}

Test(build, ipv6_addresses_binds_and_endpoints)
{
	struct desired *config = load_good("ipv6.yaml");

	cr_assert(eq(sz, config->address_count, 1));
	expect_prefix(&config->addresses[0], "fd00::2/64");
	expect_prefix(&config->destination, "fd00::1/128");
	cr_expect(eq(int, config->peers[0].mode, BONDING_REDUNDANT));
	cr_expect(eq(u16, config->peers[0].persistent_keepalive, 65535));
	expect_endpoint(&config->links[0].bind, "[2001:db8::5]:0");
	EXPECT_TEXT(config->links[0].endpoint, "[2001:db8::1]:51820");
	expect_endpoint(&config->links[1].bind, "[2001:db8::6]:4000");
	EXPECT_TEXT(config->links[2].endpoint, "[fe80::1%nosuchif0]:65535");
	desired_free(config);
}

Test(build, listen_port_is_a_bind_of_both_families)
{
	struct desired *config = load_good("listen-port.yaml");

	expect_endpoint(&config->links[0].bind, "[::]:51820");
	cr_expect(config->links[0].both_families);
	desired_free(config);
}

Test(build, any_ipv6_address_stands_for_both_families_unless_another_link_has_the_port)
{
	struct desired *config = load_good("any-address.yaml");
	static const bool both[] = {false, false, true, true, false};

	cr_assert(eq(sz, config->link_count, 5));
	for (size_t i = 0; i < config->link_count; i++)
		cr_expect(eq(int, config->links[i].both_families, both[i]), "link %zu", i);
	desired_free(config);
}

Test(build, json_is_yaml_and_escapes_are_kept)
{
	struct desired *config = load_good("json.yaml");

	expect_prefix(&config->addresses[0], "10.0.0.1/30");
	expect_prefix(&config->destination, "10.0.0.2/32");
	cr_expect(eq(int, config->peers[0].mode, BONDING_FAILOVER));
	EXPECT_TEXT(config->links[0].name, "a \"b\" \\c");
	EXPECT_TEXT(config->links[1].name, "s\xc3\xbc"
	                                   "d \xe4\xb8\xad");
	cr_expect(eq(u32, config->links[1].weight, 7));
	desired_free(config);
}

Test(build, blanks_around_keys_are_trimmed)
{
	struct desired *config = load_good("keys-with-blanks.yaml");

	expect_private_key(config->private_key);
	expect_key(config->peers[0].public_key, PEER_KEY);
	expect_key(config->peers[0].preshared_key, SHARED_KEY);
	desired_free(config);
}

Test(build, byte_order_mark_and_crlf_do_no_harm)
{
	struct desired *config = load_good("byte-order-mark-and-crlf.yaml");

	cr_expect(eq(u32, config->mtu, 1420));
	EXPECT_TEXT(config->links[0].name, "only");
	desired_free(config);
}

Test(build, one_health_time_alone_moves_the_other_out_of_its_way)
{
	struct desired *config = load_good("health-interval-alone.yaml");

	cr_expect(eq(u64, config->error_backoff_ns, 1000000000 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 6000 * NS_PER_MS));
	cr_expect(eq(u64, config->health_timeout_ns, 30000 * NS_PER_MS));
	desired_free(config);

	config = load_good("health-timeout-alone.yaml");
	cr_expect(eq(u64, config->health_interval_ns, 161 * NS_PER_MS));
	cr_expect(eq(u64, config->health_timeout_ns, 801 * NS_PER_MS));
	desired_free(config);
}
