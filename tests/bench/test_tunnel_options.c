/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "bench/tunnel_options.h"
#include "bench/vtbench.h"

static struct tunnel_plan plan;

/* Options separated by blanks; their text must outlive the plan. */
static int init_plan(char *options)
{
	char *argv[32] = {"tunnel"};
	int argc = 1;

	for (char *word; argc < 31 && (word = strsep(&options, " "));)
		argv[argc++] = word;
	return tunnel_plan_init(&plan, argc, argv);
}

static unsigned tests_selected(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < TUNNEL_TEST_COUNT; i++)
		count += plan.tests[i];
	return count;
}

Test(tunnel_options, by_default_one_vtrunkd_takes_all_tests)
{
	char *argv[] = {"tunnel", NULL};

	cr_assert(eq(int, tunnel_plan_init(&plan, 1, argv), OPTIONS_RUN));
	cr_expect(eq(uint, plan.variant_count, 1));
	cr_expect(eq(str, plan.variants[0].name, "vtrunkd"));
	cr_expect(eq(uint, plan.variants[0].links, 1));
	cr_expect(eq(uint, plan.runs, 3));
	cr_expect(eq(uint, plan.seconds, 4));
	cr_expect(eq(uint, tests_selected(), TUNNEL_TEST_COUNT));
	tunnel_plan_fini(&plan);
}

Test(tunnel_options, variants_stand_in_order_and_the_first_other_is_the_baseline)
{
	char options[] = "--links 3 --variant w1:dataplane.workers=1 --variant l2:links=2 "
			 "--set dataplane.workers=2 --vs none,wireguard-go --exec x:a:b";

	cr_assert(eq(int, init_plan(options), OPTIONS_RUN));
	cr_assert(eq(uint, plan.variant_count, 5));
	cr_expect(eq(str, plan.variants[0].name, "w1"));
	cr_expect(eq(uint, plan.variants[0].links, 3));
	cr_expect(eq(uint, plan.variants[1].links, 2));
	cr_expect(eq(int, plan.variants[2].kind, VARIANT_NONE));
	cr_expect(eq(int, plan.variants[3].kind, VARIANT_WIREGUARD_GO));
	cr_expect(eq(int, plan.variants[4].kind, VARIANT_EXEC));
	cr_expect(eq(uint, plan.baseline, 2));
	tunnel_plan_fini(&plan);
}

Test(tunnel_options, settings_of_all_count_wherever_they_stand)
{
	char options[] =
		"--variant own:dataplane.workers=1 --variant plain --set dataplane.workers=2";
	static const int expected[] = {1, 2};

	cr_assert(eq(int, init_plan(options), OPTIONS_RUN));
	for (unsigned i = 0; i < 2; i++) {
		int workers = 0;

		json_unpack(plan.variants[i].settings, "{s:{s:i}}", "dataplane", "workers",
		            &workers);
		cr_expect(eq(int, workers, expected[i]));
	}
	tunnel_plan_fini(&plan);
}

Test(tunnel_options, the_baseline_can_be_chosen)
{
	char options[] = "--variant a --variant b --vs none --baseline b";

	cr_assert(eq(int, init_plan(options), OPTIONS_RUN));
	cr_expect(eq(uint, plan.baseline, 1));
	tunnel_plan_fini(&plan);
}

Test(tunnel_options, tests_are_selected_by_their_whole_names)
{
	char options[] = "--tests tcp1,idle";

	cr_assert(eq(int, init_plan(options), OPTIONS_RUN));
	cr_expect(eq(uint, tests_selected(), 2));
	for (unsigned i = 0; i < TUNNEL_TEST_COUNT; i++)
		cr_expect(eq(int, plan.tests[i],
		             !strcmp(tunnel_tests[i].name, "tcp1") ||
		                     !strcmp(tunnel_tests[i].name, "idle")));
	tunnel_plan_fini(&plan);
}

Test(tunnel_options, wrong_usage_is_refused)
{
	static const char *const table[] = {
		"--tests tcp2",
		"--tests ",
		"--tests tcp1,",
		"--links 0",
		"--links 5",
		"--runs 0",
		"--runs 101",
		"--seconds 0",
		"--vs openvpn",
		"--vs none,",
		"--vs none --vs none",
		"--variant a --variant a",
		"--baseline no-such",
		"--set workers=2",
		"--exec x:a",
		"--exec-address host",
		"--no-such-option",
		"word",
		"--variant a:links=2 --variant a:links=2",
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char options[128];

		strcpy(options, table[i]);
		cr_expect(eq(int, init_plan(options), VTBENCH_USAGE), "%s", table[i]);
		tunnel_plan_fini(&plan);
	}
}

Test(tunnel_options, one_name_may_have_several_numbers_of_links)
{
	char options[] = "--variant a:links=1 --variant a:links=2";

	cr_assert(eq(int, init_plan(options), OPTIONS_RUN));
	cr_expect(eq(uint, plan.variant_count, 2));
	tunnel_plan_fini(&plan);
}
