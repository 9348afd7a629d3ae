/* SPDX-License-Identifier: MIT */
#include "config/desired.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "corpus_rig.h"

TestSuite(desired, .init = enter_scratch, .fini = leave_scratch);

Test(desired, run_directory_may_be_none_and_an_option_takes_its_place)
{
	struct desired *config = load_good("run-dir-none.yaml");

	cr_expect(eq(str, config->run_dir, (char *)CONFIG_RUN_DIR_NONE));
	cr_expect(eq(int, desired_set_run_dir(config, "/run/other"), 0));
	cr_expect(eq(str, config->run_dir, (char *)"/run/other"));
	desired_free(config);
}

Test(desired, endpoint_tells_the_name_of_its_link)
{
	struct desired *config = load_good("gateway.yaml");
	const struct desired_endpoint *endpoints = config->peers[0].endpoints;

	EXPECT_TEXT(desired_endpoint_link(config, &endpoints[0]), "");
	EXPECT_TEXT(desired_endpoint_link(config, &endpoints[2]), "link-1");
	desired_free(config);
}

/* The original is gone when the copy is looked at. */
Test(desired, copy_of_a_peer_lives_by_itself_and_without_its_secret)
{
	struct desired *config = load_good("gateway.yaml");
	struct desired_peer *copy = desired_peer_copy(&config->peers[0]);

	desired_free(config);
	cr_assert(ne(ptr, copy, NULL));
	EXPECT_TEXT(copy->name, "office");
	expect_key(copy->public_key, PEER_KEY);
	cr_expect(copy->has_preshared_key);
	cr_expect(eq(ptr, copy->preshared_key, NULL));
	cr_expect(eq(int, copy->mode, BONDING_FAILOVER));
	cr_assert(eq(sz, copy->allowed_ip_count, 3));
	expect_prefix(&copy->allowed_ips[2], "fd00:7::/48");
	cr_assert(eq(sz, copy->endpoint_count, 3));
	EXPECT_TEXT(copy->endpoints[1].address, "office.example.com:51821");
	desired_peer_free(copy);
	desired_peer_free(NULL);
}
