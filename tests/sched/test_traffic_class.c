/* SPDX-License-Identifier: MIT */
#include "sched/traffic_class.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define TCP      6u
#define UDP      17u

static struct traffic_classes classes;
static uint64_t now_ns = START_NS;

static bool is_urgent(struct traffic_facts facts)
{
	return traffic_classify(&classes, &facts, now_ns) == TRAFFIC_URGENT;
}

static bool udp(uint32_t flow, uint32_t bytes)
{
	return is_urgent((struct traffic_facts){.protocol = UDP, .flow = flow, .bytes = bytes});
}

Test(traffic_class, voice_is_urgent)
{
	for (unsigned i = 0; i < 1000; i++, now_ns += 20 * NS_PER_MS)
		cr_expect(udp(1, 200));
}

Test(traffic_class, a_fast_flow_of_small_packets_is_bulk)
{
	bool last = true;

	for (unsigned i = 0; i < 100; i++, now_ns += NS_PER_MS)
		last = udp(1, 300); /* 2.4 Mbit/s */
	cr_expect(not(last));
}

Test(traffic_class, a_large_packet_makes_the_flow_bulk)
{
	cr_expect(udp(1, 100));
	cr_expect(not(udp(1, 1200)), "QUIC");
	cr_expect(not(udp(1, 100)), "would overtake its own flow");
	cr_expect(udp(2, 100), "another flow");
}

Test(traffic_class, a_bulk_flow_is_sparse_again_after_silence)
{
	udp(1, 1200);
	now_ns += TRAFFIC_REST_NS - 1;
	cr_expect(not(udp(1, 100)));
	now_ns += TRAFFIC_REST_NS;
	cr_expect(udp(1, 100));
}

/* As QUIC's behind its handshake. */
Test(traffic_class, acknowledgements_of_a_flow_that_began_large_are_urgent_in_the_end)
{
	bool last = false;

	udp(1, 1200);
	for (unsigned i = 0; i < 2000; i++, now_ns += NS_PER_MS / 5)
		last = udp(1, 70); /* 2.8 Mbit/s */
	cr_expect(last);
	cr_expect(not(udp(1, 1200)));
	cr_expect(not(udp(1, 70)));
}

Test(traffic_class, a_flood_of_tiny_packets_is_bulk)
{
	bool last = true;

	for (unsigned i = 0; i < 20000; i++, now_ns += NS_PER_MS / 100)
		last = udp(1, 70); /* 56 Mbit/s */
	cr_expect(not(last));
}

Test(traffic_class, of_tcp_what_carries_nothing)
{
	cr_expect(is_urgent((struct traffic_facts){.protocol = TCP, .is_tcp_control = true}));
	cr_expect(not(is_urgent((struct traffic_facts){.protocol = TCP, .bytes = 100})));
}

Test(traffic_class, pings_and_names)
{
	cr_expect(is_urgent((struct traffic_facts){.protocol = 1, .bytes = 1400}));
	cr_expect(is_urgent((struct traffic_facts){.protocol = 58, .bytes = 1400}));
	cr_expect(is_urgent((struct traffic_facts){
		.protocol = UDP, .flow = 3, .bytes = 1200, .source_port = 53}));
	cr_expect(is_urgent((struct traffic_facts){
		.protocol = UDP, .flow = 4, .bytes = 1200, .destination_port = 53}));
}

Test(traffic_class, marks_are_believed)
{
	const uint8_t urgent[] = {32, 40, 44, 46, 48, 56}, bulk[] = {0, 8, 10, 18, 26, 34};

	for (unsigned i = 0; i < sizeof urgent; i++)
		cr_expect(is_urgent(
			(struct traffic_facts){.protocol = TCP, .bytes = 1400, .dscp = urgent[i]}));
	for (unsigned i = 0; i < sizeof bulk; i++)
		cr_expect(not(is_urgent(
			(struct traffic_facts){.protocol = TCP, .bytes = 1400, .dscp = bulk[i]})));
}

Test(traffic_class, other_protocols_are_bulk)
{
	cr_expect(not(is_urgent((struct traffic_facts){.protocol = 47, .bytes = 60})));
}
