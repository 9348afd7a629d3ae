/* SPDX-License-Identifier: MIT */
#include "sched/traffic_rules.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#define UDP  17u
#define TCP  6u
#define EF   46u
#define CS5  40u
#define ICMP 1u

static struct traffic_rules *rules;

static void begin(void)
{
	rules = traffic_rules_new(1);
	cr_assert(ne(ptr, rules, NULL));
}

static void end(void)
{
	free(rules);
}

TestSuite(traffic_rules, .init = begin, .fini = end);

static bool is_matched(struct traffic_facts facts)
{
	return traffic_rules_find(rules, &facts) != NULL;
}

static void set_prefix(struct prefix *ret, const char *text)
{
	cr_assert(zero(int, prefix_parse(text, ret)));
	prefix_mask(ret);
}

Test(traffic_rules, a_rule_that_says_nothing_matches_everything)
{
	cr_expect(is_matched((struct traffic_facts){0}));
	cr_expect(is_matched((struct traffic_facts){.dscp = EF, .protocol = UDP}));
}

Test(traffic_rules, by_dscp)
{
	rules->rule[0].dscp = 1ull << EF | 1ull << CS5;
	cr_expect(is_matched((struct traffic_facts){.dscp = EF}));
	cr_expect(is_matched((struct traffic_facts){.dscp = CS5}));
	cr_expect(not(is_matched((struct traffic_facts){.dscp = 0})));
	rules->rule[0].dscp = 1;
	cr_expect(is_matched((struct traffic_facts){.dscp = 0}));
	cr_expect(not(is_matched((struct traffic_facts){.dscp = EF})));
}

Test(traffic_rules, by_size)
{
	rules->rule[0].max_bytes = 300;
	cr_expect(is_matched((struct traffic_facts){.packet_bytes = 300, .bytes = 3000}));
	cr_expect(not(is_matched((struct traffic_facts){.packet_bytes = 301})));
}

Test(traffic_rules, by_protocol)
{
	rules->rule[0].protocol[0] = ICMP;
	rules->rule[0].protocol[1] = 58;
	cr_expect(is_matched((struct traffic_facts){.protocol = ICMP}));
	cr_expect(is_matched((struct traffic_facts){.protocol = 58}));
	cr_expect(not(is_matched((struct traffic_facts){.protocol = UDP})));
	rules->rule[0].protocol[1] = 0;
	cr_expect(not(is_matched((struct traffic_facts){.protocol = 0})));
}

Test(traffic_rules, by_a_port_of_either_end)
{
	rules->rule[0].ports = 2;
	rules->rule[0].port[0] = 53;
	rules->rule[0].port[1] = 5060;
	cr_expect(is_matched((struct traffic_facts){.source_port = 5060, .destination_port = 9}));
	cr_expect(is_matched((struct traffic_facts){.source_port = 9, .destination_port = 53}));
	cr_expect(not(is_matched((struct traffic_facts){.source_port = 9})));
}

static bool from(const uint8_t *address, bool is_v6)
{
	return is_matched(
		(struct traffic_facts){.source = address, .destination = address, .is_v6 = is_v6});
}

Test(traffic_rules, by_address)
{
	static const uint8_t in[16] = {10, 1, 130}, out[16] = {10, 1, 64}, v6[16] = {0xfd, 1, 0x82};

	set_prefix(&rules->rule[0].source, "10.1.128.0/17");
	cr_expect(from(in, false));
	cr_expect(not(from(out, false)));
	cr_expect(not(from(in, true)), "an address of the other family");
	cr_expect(not(from(NULL, false)));
	set_prefix(&rules->rule[0].destination, "10.1.64.0/24");
	cr_expect(not(from(in, false)), "both have to match");
	rules->rule[0].source.family = 0;
	cr_expect(from(out, false));
	set_prefix(&rules->rule[0].destination, "fd01:8000::/17");
	cr_expect(from(v6, true));
	set_prefix(&rules->rule[0].destination, "::/0");
	cr_expect(from(v6, true));
	cr_expect(not(from(in, false)));
}

Test(traffic_rules, all_that_a_rule_says_has_to_match)
{
	rules->rule[0].protocol[0] = UDP;
	rules->rule[0].dscp = 1ull << EF;
	cr_expect(is_matched((struct traffic_facts){.protocol = UDP, .dscp = EF}));
	cr_expect(not(is_matched((struct traffic_facts){.protocol = TCP, .dscp = EF})));
	cr_expect(not(is_matched((struct traffic_facts){.protocol = UDP})));
}

Test(traffic_rules, the_first_match_counts)
{
	const struct traffic_facts udp = {.protocol = UDP}, tcp = {.protocol = TCP};

	free(rules);
	rules = traffic_rules_new(3);
	rules->rule[0].protocol[0] = UDP;
	rules->rule[1].protocol[0] = UDP;
	rules->rule[2].protocol[0] = TCP;
	cr_expect(eq(ptr, (void *)traffic_rules_find(rules, &udp), &rules->rule[0]));
	cr_expect(eq(ptr, (void *)traffic_rules_find(rules, &tcp), &rules->rule[2]));
	rules->len = 0;
	cr_expect(eq(ptr, (void *)traffic_rules_find(rules, &tcp), NULL));
}

Test(traffic_rules, retiring_nothing_is_allowed)
{
	traffic_rules_retire(NULL);
}
