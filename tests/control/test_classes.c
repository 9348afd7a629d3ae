/* SPDX-License-Identifier: MIT */
#include "control/classes.h"

#include "changes_rig.h"
#include "sched/traffic_rules.h"

#define FILE_WITH(classes)                                               \
	"network: {interface: vt0}\nwireguard:\n  private_key: " OWN_KEY \
	"\n  peer_public_key: " KEY_A "\n  links: [{name: dsl}]\n" classes

TestSuite(classes, .init = changes_rig_start, .fini = changes_rig_stop, .timeout = 60);

Test(classes, without_any_there_is_no_table)
{
	struct desired *wanted = desired_of_text(FILE_WITH(""));
	struct traffic_rules *rules;

	cr_assert(eq(int, classes_ready(wanted, &rules), 0));
	cr_expect(eq(ptr, rules, NULL));
	classes_resolve(wanted, &control.links, rules);
	cr_expect(eq(ptr, (void *)control.engine->tables.rules, NULL));
	desired_free(wanted);
}

Test(classes, a_link_is_told_by_its_id)
{
	struct desired *wanted = desired_of_text(
		FILE_WITH("  classes: [{match: {protocol: udp}, treat: fastest}, {treat: dsl}]\n"));
	struct traffic_rules *rules;

	cr_assert(eq(int, classes_ready(wanted, &rules), 0));
	cr_assert(eq(u32, rules->len, 2));
	classes_resolve(wanted, &control.links, rules);
	cr_expect(eq(u8, rules->rule[0].protocol[0], 17));
	cr_expect(eq(int, rules->rule[0].treatment, TREAT_FASTEST));
	cr_expect(eq(int, rules->rule[1].treatment, TREAT_LINK));
	cr_expect(eq(int, (int)rules->rule[1].link, links_find(&control.links, "dsl")));
	strcpy(wanted->classes[1].link, "lte");
	classes_resolve(wanted, &control.links, rules);
	cr_expect(eq(u32, rules->rule[1].link, LINKS_MAX), "it is not there");
	free(rules);
	desired_free(wanted);
}
