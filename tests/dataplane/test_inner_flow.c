/* SPDX-License-Identifier: MIT */
/* Every packet ends where memory does: whatever is read beyond its end ends the test. */
#include "dataplane/inner_flow.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "base/align.h"
#include "base/bytes.h"
#include "ip_rig.h"

enum {
	ICMPV6 = 58,
	HOP_BY_HOP = 0, /* IPv6 extension headers */
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	DESTINATION = 60,
	FIXED = 40, /* the header of IPv6 */
	ROUNDS = 20000,
};

static const uint8_t payload[1000];

/* Where memory ends: behind it lies a page that cannot be read. */
static uint8_t *border;

static void setup(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = align_up(IP_RIG_PACKET_MAX, page);
	uint8_t *memory = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
	                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert(ne(ptr, memory, MAP_FAILED));
	border = memory + bytes;
	cr_assert(eq(int, mprotect(border, page, PROT_NONE), 0));
}

TestSuite(inner_flow, .init = setup, .timeout = 60);

static bool look(const uint8_t *packet, size_t len, struct traffic_facts *ret)
{
	memcpy(border - len, packet, len);
	return inner_flow_facts(border - len, len, ret);
}

static struct traffic_facts facts_of(const uint8_t *packet, size_t len)
{
	struct traffic_facts facts = {0};

	cr_assert(look(packet, len, &facts));
	cr_expect(eq(u32, facts.bytes, (uint32_t)len));
	return facts;
}

static struct traffic_facts facts_built(const struct ip_spec *spec, size_t payload_len)
{
	uint8_t packet[2048];

	return facts_of(packet, build(packet, spec, payload, payload_len));
}

static void expect_ports(const struct traffic_facts *facts, unsigned from, unsigned to)
{
	cr_expect(eq(uint, facts->source_port, from));
	cr_expect(eq(uint, facts->destination_port, to));
}

/* What it claims to be is @len bytes long. */
static void claim(uint8_t *packet, size_t len)
{
	if (packet[0] >> 4 == 4)
		store_be16(packet + 2, (uint16_t)len);
	else
		store_be16(packet + 4, (uint16_t)(len - FIXED));
}

Test(inner_flow, ports_protocol_and_mark_of_both_versions)
{
	for (unsigned i = 0; i < 4; i++) {
		struct ip_spec spec = usual_spec(i % 2, i < 2 ? TCP : UDP);
		struct traffic_facts facts;

		spec.tos = 46 << 2 | 3;
		facts = facts_built(&spec, 100);
		expect_ports(&facts, 5000, 80);
		cr_expect(eq(u8, facts.protocol, spec.protocol), "%u", i);
		cr_expect(eq(u8, facts.dscp, 46), "%u", i);
		cr_expect(not(facts.is_tcp_control), "%u", i);
	}
}

/* They stand before the ports. */
Test(inner_flow, options_of_ip_are_passed_over)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct ip_spec spec = usual_spec(v6, TCP);
		struct traffic_facts plain = facts_built(&spec, 0), facts;

		spec.ip_extra_len = v6 ? 24 : 40;
		facts = facts_built(&spec, 0);
		expect_ports(&facts, 5000, 80);
		cr_expect(facts.is_tcp_control);
		cr_expect(eq(u8, facts.protocol, TCP));
		cr_expect(eq(u32, facts.flow, plain.flow), "it is the same flow");
	}
}

/* ---- TCP ---- */

static bool is_control(uint8_t flags, size_t payload_len)
{
	bool is[2];

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct ip_spec spec = usual_spec(v6, TCP);

		spec.flags = flags;
		spec.options_len = 12;
		is[v6] = facts_built(&spec, payload_len).is_tcp_control;
	}
	cr_expect(eq(int, is[0], is[1]));
	return is[0];
}

Test(inner_flow, what_opens_a_connection_or_acknowledges_is_control)
{
	cr_expect(is_control(SYN, 0));
	cr_expect(is_control(SYN | ACK, 0));
	cr_expect(is_control(SYN | ECE | CWR, 100), "with a cookie it may carry data");
	cr_expect(is_control(ACK, 0));
	cr_expect(is_control(ACK | ECE, 0));
}

Test(inner_flow, data_is_no_control)
{
	cr_expect(not(is_control(ACK, 1)));
	cr_expect(not(is_control(ACK | PSH, 1000)));
	cr_expect(not(is_control(0, 1)));
}

/* It must not overtake the data before it. */
Test(inner_flow, the_end_of_a_connection_is_no_control)
{
	cr_expect(not(is_control(FIN | ACK, 0)));
	cr_expect(not(is_control(RST, 0)));
	cr_expect(not(is_control(RST | ACK, 0)));
	cr_expect(not(is_control(SYN | FIN, 0)));
}

Test(inner_flow, other_protocols_have_no_control)
{
	struct ip_spec udp = usual_spec(false, UDP), icmp = usual_spec(false, ICMP);

	cr_expect(not(facts_built(&udp, 0).is_tcp_control));
	cr_expect(not(facts_built(&icmp, 0).is_tcp_control));
}

Test(inner_flow, a_header_that_is_cut_short_is_no_control)
{
	struct ip_spec spec = usual_spec(false, TCP);
	struct traffic_facts facts;
	uint8_t packet[100];

	spec.flags = SYN;
	build(packet, &spec, payload, 0);
	claim(packet, 39);
	facts = facts_of(packet, 39);
	cr_expect(not(facts.is_tcp_control));
	expect_ports(&facts, 5000, 80);
}

/* ---- what has no ports ---- */

Test(inner_flow, icmp_has_no_ports)
{
	struct ip_spec v4 = usual_spec(false, ICMP), v6 = usual_spec(true, ICMP);
	struct traffic_facts facts = facts_built(&v4, 56);
	uint8_t packet[200];
	size_t len;

	expect_ports(&facts, 0, 0);
	cr_expect(eq(u8, facts.protocol, ICMP));
	len = build(packet, &v6, payload, 56);
	packet[6] = ICMPV6;
	facts = facts_of(packet, len);
	expect_ports(&facts, 0, 0);
	cr_expect(eq(u8, facts.protocol, ICMPV6));
}

/* The first one has ports, the others bytes where ports would be. */
Test(inner_flow, fragments_but_the_first_have_no_ports)
{
	struct ip_spec spec = usual_spec(false, UDP);
	struct traffic_facts facts, other;

	spec.fragment = MF;
	facts = facts_built(&spec, 100);
	expect_ports(&facts, 5000, 80);
	spec.fragment = MF | 1;
	facts = facts_built(&spec, 100);
	expect_ports(&facts, 0, 0);
	cr_expect(eq(u8, facts.protocol, UDP));
	spec.fragment = 0x1fff;
	spec.port[0] = 6000;
	other = facts_built(&spec, 100);
	expect_ports(&other, 0, 0);
	cr_expect(eq(u32, other.flow, facts.flow));
	spec.protocol = TCP;
	spec.flags = SYN;
	cr_expect(not(facts_built(&spec, 0).is_tcp_control));
}

/* ---- IPv6 extension headers ---- */

struct extension {
	uint8_t type;
	unsigned words;  /* of 8 bytes; the fragment header has one */
	uint16_t offset; /* in a fragment header, with the flag */
};

/* A SYN from port 5000 to 80 behind @count headers. Returns its length. */
static size_t build_behind(uint8_t *packet, const struct extension *extension, unsigned count)
{
	struct ip_spec spec = usual_spec(true, TCP);
	uint8_t plain[FIXED + 20], *next = packet + 6;
	size_t at = FIXED;

	spec.flags = SYN;
	build(plain, &spec, payload, 0);
	memcpy(packet, plain, FIXED);
	for (unsigned i = 0; i < count; i++) {
		memset(packet + at, 0, 8 * extension[i].words);
		*next = extension[i].type;
		next = packet + at;
		if (extension[i].type == FRAGMENT)
			store_be16(packet + at + 2, extension[i].offset);
		else
			packet[at + 1] = (uint8_t)(extension[i].words - 1);
		at += 8 * extension[i].words;
	}
	*next = TCP;
	memcpy(packet + at, plain + FIXED, 20);
	claim(packet, at + 20);
	return at + 20;
}

static struct traffic_facts facts_behind(const struct extension *extension, unsigned count)
{
	uint8_t packet[4096];

	return facts_of(packet, build_behind(packet, extension, count));
}

Test(inner_flow, headers_of_ipv6_are_passed_over)
{
	static const struct extension all[] = {{HOP_BY_HOP, 1, 0},
	                                       {DESTINATION, 3, 0},
	                                       {ROUTING, 2, 0},
	                                       {FRAGMENT, 1, 1}, /* the first of several */
	                                       {DESTINATION, 256, 0}};
	struct traffic_facts plain = facts_behind(all, 0);

	for (unsigned count = 0; count <= sizeof all / sizeof *all; count++) {
		struct traffic_facts facts = facts_behind(all, count);

		expect_ports(&facts, 5000, 80);
		cr_expect(eq(u8, facts.protocol, TCP), "%u", count);
		cr_expect(facts.is_tcp_control, "%u", count);
		cr_expect(eq(u32, facts.flow, plain.flow), "%u", count);
	}
}

Test(inner_flow, fragments_of_ipv6_but_the_first_have_no_ports)
{
	struct extension fragment[] = {{HOP_BY_HOP, 1, 0}, {FRAGMENT, 1, 8 | 1}};
	struct traffic_facts facts = facts_behind(fragment, 2), last;

	expect_ports(&facts, 0, 0);
	cr_expect(not(facts.is_tcp_control));
	cr_expect(eq(u8, facts.protocol, TCP));
	fragment[1].offset = 0xfff8;
	last = facts_behind(fragment, 2);
	expect_ports(&last, 0, 0);
	cr_expect(eq(u32, last.flow, facts.flow));
}

Test(inner_flow, what_hides_behind_an_unknown_header_has_no_ports)
{
	static const struct extension hidden[] = {{DESTINATION, 1, 0}, {AUTHENTICATION, 3, 0}};
	struct traffic_facts facts = facts_behind(hidden, 2);

	expect_ports(&facts, 0, 0);
	cr_expect(not(facts.is_tcp_control));
	cr_expect(eq(u8, facts.protocol, AUTHENTICATION));
}

/* Nobody sends so many; they are not followed for ever. */
Test(inner_flow, too_many_headers_hide_what_is_behind)
{
	struct extension many[40];
	struct traffic_facts facts;

	for (unsigned i = 0; i < 40; i++)
		many[i] = (struct extension){DESTINATION, 1, 0};
	facts = facts_behind(many, 8);
	expect_ports(&facts, 5000, 80);
	facts = facts_behind(many, 9);
	expect_ports(&facts, 0, 0);
	facts = facts_behind(many, 40);
	expect_ports(&facts, 0, 0);
}

/* ---- which flow ---- */

/* Each differs in one thing. */
Test(inner_flow, packets_of_one_flow_are_of_one_and_others_are_not)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct ip_spec spec = usual_spec(v6, UDP), other[6];
		uint32_t flow = facts_built(&spec, 10).flow;

		spec.tos = 0xb8;
		spec.ttl = 3;
		spec.id = 77;
		spec.flow_label = 0x12345;
		cr_expect(eq(u32, facts_built(&spec, 900).flow, flow));
		for (unsigned i = 0; i < 6; i++)
			other[i] = spec;
		other[0].host[0]++;
		other[1].host[1]++;
		other[2].port[0]++;
		other[3].port[1]++;
		other[4].protocol = TCP;
		other[5].port[0] = spec.port[1];
		other[5].port[1] = spec.port[0];
		for (unsigned i = 0; i < 6; i++)
			cr_expect(ne(u32, facts_built(&other[i], 10).flow, flow), "%u", i);
	}
}

Test(inner_flow, packets_of_tcp_are_of_one_flow_whatever_they_carry)
{
	struct ip_spec spec = usual_spec(false, TCP);
	uint32_t flow = facts_built(&spec, 10).flow;

	spec.seq += 1000;
	spec.ack += 1000;
	spec.flags = ACK;
	spec.window = 9;
	spec.options_len = 12;
	cr_expect(eq(u32, facts_built(&spec, 0).flow, flow));
}

/* Places for flows are few, and the lower bits say which: many flows have to use them all. */
Test(inner_flow, flows_are_spread_over_all_places)
{
	unsigned in[TRAFFIC_FLOWS] = {0}, most = 0, empty = 0;

	for (unsigned i = 0; i < 16 * TRAFFIC_FLOWS; i++) {
		struct ip_spec spec = usual_spec(i % 2, UDP);

		spec.host[0] = (uint8_t)(i / 512);
		spec.port[0] = (uint16_t)(40000 + i / 2 % 256);
		in[facts_built(&spec, 1).flow % TRAFFIC_FLOWS]++;
	}
	for (unsigned i = 0; i < TRAFFIC_FLOWS; i++) {
		most = in[i] > most ? in[i] : most;
		empty += !in[i];
	}
	cr_expect(le(uint, empty, 2));
	cr_expect(le(uint, most, 48), "16 on the average");
}

/* ---- what the kernel hands over in one piece ---- */

Test(inner_flow, super_packet_is_of_the_flow_of_its_packets)
{
	static uint8_t packet[IP_RIG_PACKET_MAX], data[40000];
	struct virtio_net_hdr header;

	for (unsigned i = 0; i < 4; i++) {
		struct ip_spec spec = usual_spec(i % 2, i < 2 ? TCP : UDP);
		struct traffic_facts facts, one = facts_built(&spec, 1000);
		size_t len = build_unfinished(packet, &header, &spec, data, sizeof data, 1000);

		facts = facts_of(packet, len);
		expect_ports(&facts, 5000, 80);
		cr_expect(eq(u32, facts.flow, one.flow), "%u", i);
		cr_expect(eq(u8, facts.protocol, one.protocol), "%u", i);
		cr_expect(not(facts.is_tcp_control), "%u", i);
	}
}

/* ---- what is no packet, or not all of one ---- */

Test(inner_flow, what_is_no_whole_packet_is_none)
{
	struct traffic_facts facts;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct ip_spec spec = usual_spec(v6, TCP);
		uint8_t packet[200];
		size_t len = build(packet, &spec, payload, 50);

		for (size_t less = 0; less < len; less++)
			cr_expect(not(look(packet, less, &facts)), "%zu", less);
		packet[0] = 0x55;
		cr_expect(not(look(packet, len, &facts)));
	}
}

/* However short: nothing is read behind its end, and ports are there only if they are whole. */
static void expect_safe_at_every_length(uint8_t *packet, size_t len, size_t ports_at)
{
	for (size_t at = packet[0] >> 4 == 4 ? 20 : FIXED; at <= len; at++) {
		struct traffic_facts facts;

		claim(packet, at);
		facts = facts_of(packet, at);
		if (at >= ports_at + 4)
			expect_ports(&facts, 5000, 80);
		else
			expect_ports(&facts, 0, 0);
		cr_expect(eq(int, facts.is_tcp_control, at >= ports_at + 20), "%zu of %zu", at,
		          len);
	}
}

Test(inner_flow, every_length_of_a_packet_is_safe)
{
	static const struct extension all[] = {
		{HOP_BY_HOP, 1, 0}, {ROUTING, 3, 0}, {FRAGMENT, 1, 1}, {DESTINATION, 4, 0}};
	struct ip_spec spec = usual_spec(false, TCP);
	uint8_t packet[400];
	size_t len;

	spec.flags = SYN;
	for (spec.ip_extra_len = 0; spec.ip_extra_len <= 40; spec.ip_extra_len += 4) {
		len = build(packet, &spec, payload, 8);
		expect_safe_at_every_length(packet, len, 20 + spec.ip_extra_len);
	}
	for (unsigned count = 0; count <= 4; count++) {
		len = build_behind(packet, all, count);
		expect_safe_at_every_length(packet, len, len - 20);
	}
}

/* Whatever the bytes say. */
Test(inner_flow, random_bytes_are_safe)
{
	struct test_random random = test_random_seeded("inner_flow");
	static const uint8_t next[] = {HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, TCP, UDP};
	struct traffic_facts facts;
	uint8_t packet[200];

	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t len = 40 + test_random_next(&random) % 160;

		test_random_fill(&random, packet, len);
		packet[0] = (uint8_t)(i % 2 ? 0x60 : 0x40 | (packet[0] & 0xf));
		for (size_t k = 40; k < len; k += 8) {
			packet[k] = next[packet[k] % sizeof next];
			if (k + 1 < len)
				packet[k + 1] %= 4;
		}
		packet[i % 2 ? 6 : 9] = next[packet[6] % sizeof next];
		claim(packet, len);
		cr_expect(look(packet, len, &facts));
		cr_expect(eq(u32, facts.bytes, (uint32_t)len));
	}
}

Test(inner_flow, addresses_are_where_they_stand)
{
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		struct ip_spec spec = usual_spec(is_v6, UDP);
		struct traffic_facts facts = facts_built(&spec, 100);
		const uint8_t *packet = border - facts.bytes;

		cr_expect(eq(int, facts.is_v6, (int)is_v6));
		cr_expect(eq(ptr, (void *)facts.source, (void *)(packet + (is_v6 ? 8 : 12))));
		cr_expect(eq(ptr, (void *)facts.destination, (void *)(packet + (is_v6 ? 24 : 16))));
	}
}
