/* SPDX-License-Identifier: MIT */
/* How what is read for a peer that reports is treated. */
#include "dataplane/classify.h"

#include "dataplane/publish.h"
#include "dataplane/super_packet.h"
#include "ip_rig.h"
#include "runs_rig.h"
#include "sched/traffic_rules.h"

static void teardown(void)
{
	engine_publish_rules(end.engine, NULL);
	runs_teardown();
}

TestSuite(classify, .init = runs_setup, .fini = teardown, .timeout = 60);

static struct send_class classify(uint8_t protocol, uint16_t port, size_t payload_len)
{
	static const uint8_t payload[LEN];
	const struct virtio_net_hdr header = {0};
	struct ip_spec spec = usual_spec(false, protocol);
	struct super_packet cut;
	uint8_t packet[2 * LEN];
	size_t len;

	spec.port[0] = port;
	len = build(packet, &spec, payload, payload_len);
	cr_assert(eq(uint, super_packet_begin(&cut, &header, packet, len), 1));
	return classify_read(self, &runs, &cut);
}

static bool is_urgent(uint8_t protocol, size_t payload_len)
{
	return classify(protocol, 5000, payload_len).is_urgent;
}

Test(classify, what_is_urgent_matters_only_where_paths_are_chosen)
{
	begin(PATHS);
	cr_expect(is_urgent(ICMP, 56));
	cr_expect(is_urgent(TCP, 0));
	cr_expect(is_urgent(UDP, 100));
	cr_expect(not(is_urgent(TCP, 1000)));
	cr_expect(not(is_urgent(UDP, 1000)));
	cr_expect(not(is_urgent(UDP, 100)), "the flow has become bulk");
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_assert(runs_begin(self, &runs));
	cr_expect(not(is_urgent(ICMP, 56)));
	cr_expect(eq(u32, classify(TCP, 5000, 1000).flow, 0));
}

Test(classify, packets_are_told_apart_by_flow)
{
	uint32_t flow;

	begin(PATHS);
	flow = classify(TCP, 5000, 1000).flow;
	cr_expect(eq(u32, classify(TCP, 5000, 50).flow, flow));
	cr_expect(ne(u32, classify(TCP, 5001, 1000).flow, flow));
}

/* ---- classes by configuration ---- */

static struct traffic_rule *publish_rule(enum traffic_treatment treatment)
{
	struct traffic_rules *rules = traffic_rules_new(1);

	cr_assert(ne(ptr, rules, NULL));
	rules->rule[0].protocol[0] = UDP;
	rules->rule[0].treatment = treatment;
	engine_publish_rules(end.engine, rules);
	return &rules->rule[0];
}

Test(classify, rules_come_before_what_a_packet_is_by_itself)
{
	struct send_class class;

	begin(PATHS);
	publish_rule(TREAT_FASTEST);
	cr_expect(is_urgent(UDP, 1000));
	cr_expect(not(is_urgent(TCP, 1000)), "no rule is for it");
	publish_rule(TREAT_BALANCED);
	cr_expect(not(is_urgent(UDP, 100)));
	cr_expect(is_urgent(ICMP, 56));
	publish_rule(TREAT_DUPLICATE);
	class = classify(UDP, 5000, 1000);
	cr_expect(class.is_urgent && class.is_doubled);
	engine_publish_rules(end.engine, NULL);
	class = classify(UDP, 5001, 100);
	cr_expect(class.is_urgent);
	cr_expect(not(class.is_doubled));
}

Test(classify, rules_look_at_the_size_of_one_packet)
{
	begin(PATHS);
	publish_rule(TREAT_FASTEST)->max_bytes = 700;
	cr_expect(not(is_urgent(UDP, 1000)));
	cr_expect(is_urgent(UDP, 650));
}

/* In this rig both paths leave over the two pairs of sockets of link 0. */
Test(classify, a_rule_names_a_link_and_what_has_no_path_is_as_without_it)
{
	const struct path_candidate other = {.path_id = 1, .weight = 1};
	struct send_class class;

	begin(PATHS);
	publish_rule(TREAT_LINK)->link = 0;
	class = classify(UDP, 5000, 100);
	cr_expect(class.is_pinned);
	cr_expect(not(class.is_urgent));
	cr_expect(eq(u8, class.path_id, 0));
	engine_publish_paths(peer, path_table_build(BONDING_AGGREGATE, &other, 1));
	cr_assert(runs_begin(self, &runs));
	cr_expect(eq(u8, classify(UDP, 5000, 100).path_id, 1), "the other way over it");
	publish_rule(TREAT_LINK)->link = 1;
	class = classify(UDP, 5000, 100);
	cr_expect(not(class.is_pinned));
	cr_expect(class.is_urgent);
}
