/* SPDX-License-Identifier: MIT */
#include "control/peer_settings.h"

#include "../config/desired_rig.h"
#include "base/clock.h"
#include "crypto/init.h"

static struct peer_settings set;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

static void teardown(void)
{
	peer_settings_fini(&set);
	peer_settings_fini(&set); /* nothing is left */
}

TestSuite(peer_settings, .init = setup, .fini = teardown);

static struct desired *state(const char *allowed_ips)
{
	char peer[512];

	snprintf(peer, sizeof peer,
	         "{name: a, public_key: \"" KEY_A "\", bonding_mode: failover, "
	         "persistent_keepalive: 25, allowed_ips: [%s]}",
	         allowed_ips);
	return desired_of("{name: l}", peer);
}

static void expect_allowed(const struct peer_allowed_ips *ips, size_t i, const char *text)
{
	char buf[PREFIX_TEXT_LEN];

	cr_assert(lt(sz, i, ips->count));
	cr_expect(eq(str, (char *)prefix_format(&ips->at[i], buf), (char *)text));
}

/* The state is gone when the copy is looked at. */
Test(peer_settings, are_copies)
{
	struct desired *wanted = state("10.0.0.1/32, \"fd00:7::/48\"");
	uint8_t key[KEY_LEN];

	memcpy(key, wanted->peers[0].public_key, KEY_LEN);
	wanted->bonding = BONDING_POLICY_REQUIRE;
	cr_assert(eq(int, peer_settings_init(&set, wanted, &wanted->peers[0]), 0));
	desired_free(wanted);
	cr_expect(eq(int, memcmp(set.public_key, key, KEY_LEN), 0));
	cr_expect(eq(int, set.mode, BONDING_FAILOVER));
	cr_expect(set.has_bonding && set.requires_bonding);
	cr_expect(eq(u64, set.persistent_keepalive_ns, 25 * NS_PER_S));
	cr_assert(eq(sz, set.allowed_ips.count, 2));
	expect_allowed(&set.allowed_ips, 0, "10.0.0.1/32");
	expect_allowed(&set.allowed_ips, 1, "fd00:7::/48");
}

Test(peer_settings, allowed_ips_that_are_ready_wait_to_be_taken)
{
	struct desired *before = state("10.0.0.1/32"), *after = state("10.2.0.0/16, 10.3.0.0/16");

	cr_assert(eq(int, peer_settings_init(&set, before, &before->peers[0]), 0));
	peer_settings_take_allowed_ips(&set);
	expect_allowed(&set.allowed_ips, 0, "10.0.0.1/32");
	for (unsigned i = 0; i < 2; i++) /* once for each of them in a list of changes */
		cr_assert(eq(int, peer_settings_ready_allowed_ips(&set, &after->peers[0]), 0));
	cr_assert(eq(sz, set.allowed_ips.count, 1));
	for (unsigned i = 0; i < 2; i++)
		peer_settings_take_allowed_ips(&set);
	cr_assert(eq(sz, set.allowed_ips.count, 2));
	expect_allowed(&set.allowed_ips, 1, "10.3.0.0/16");
	desired_free(before);
	desired_free(after);
}

Test(peer_settings, allowed_ips_that_were_dropped_are_not_taken)
{
	struct desired *before = state("10.0.0.1/32"), *after = state("10.2.0.0/16");

	cr_assert(eq(int, peer_settings_init(&set, before, &before->peers[0]), 0));
	cr_assert(eq(int, peer_settings_ready_allowed_ips(&set, &after->peers[0]), 0));
	peer_settings_drop_allowed_ips(&set);
	peer_settings_take_allowed_ips(&set);
	expect_allowed(&set.allowed_ips, 0, "10.0.0.1/32");
	desired_free(before);
	desired_free(after);
}

Test(peer_settings, may_have_no_allowed_ips)
{
	struct desired *before = state("10.0.0.1/32"), *after = state("10.2.0.0/16");

	after->peers[0].allowed_ip_count = 0;
	cr_assert(eq(int, peer_settings_init(&set, before, &before->peers[0]), 0));
	cr_assert(eq(int, peer_settings_ready_allowed_ips(&set, &after->peers[0]), 0));
	peer_settings_take_allowed_ips(&set);
	cr_expect(eq(sz, set.allowed_ips.count, 0));
	desired_free(before);
	desired_free(after);
}
