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
