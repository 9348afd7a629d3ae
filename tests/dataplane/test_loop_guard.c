/* SPDX-License-Identifier: MIT */
#include "dataplane/loop_guard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rcu.h"
#include "crypto/init.h"
#include "vtrunkd/limits.h"

enum {
	LEN = 200,
	OURS = 40001, /* the port of a link */
};

static struct loop_guard *guard;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	guard = calloc(1, sizeof *guard);
	cr_assert(eq(int, loop_guard_init(guard), 0));
	loop_guard_add_port(guard, OURS);
}

static void teardown(void)
{
	loop_guard_fini(guard);
	rcu_barrier();
	free(guard);
	rcu_unregister_thread();
}

TestSuite(loop_guard, .init = setup, .fini = teardown);

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0), "%s", text);
	return ep;
}

static void add(const char *text)
{
	struct endpoint ep = endpoint(text);

	cr_assert(eq(int, loop_guard_add(guard, &ep), 0));
}

static void drop(const char *text)
{
	struct endpoint ep = endpoint(text);

	loop_guard_remove(guard, &ep);
}

/* A datagram from port @from to @to whose UDP header follows @gap bytes of IPv4 options. */
static void datagram(uint8_t packet[static LEN], const char *to, uint16_t from, size_t gap)
{
	struct endpoint ep = endpoint(to);
	bool is_v4 = endpoint_family(&ep) == AF_INET;
	size_t udp = is_v4 ? 20 + gap : 40;

	memset(packet, 0x5a, LEN);
	packet[0] = is_v4 ? (uint8_t)(0x40 | udp / 4) : 0x60;
	packet[is_v4 ? 9 : 6] = IPPROTO_UDP;
	if (is_v4) {
		store_be16(packet + 6, 0x2000); /* more fragments: the first one counts */
		memcpy(packet + 16, &ep.in4.sin_addr, 4);
	} else {
		memcpy(packet + 24, &ep.in6.sin6_addr, 16);
	}
	store_be16(packet + udp, from);
	store_be16(packet + udp + 2, endpoint_port(&ep));
}

static bool is_ours(const char *to, uint16_t from)
{
	uint8_t packet[LEN];

	datagram(packet, to, from, 0);
	return loop_guard_is_ours(guard, packet, LEN);
}

Test(loop_guard, knows_port_and_endpoint_together)
{
	add("192.0.2.1:51820");
	add("[2001:db8::1]:51820");
	cr_expect(is_ours("192.0.2.1:51820", OURS));
	cr_expect(is_ours("[2001:db8::1]:51820", OURS));
	cr_expect(not(is_ours("192.0.2.1:51820", OURS + 1)));
	cr_expect(not(is_ours("192.0.2.1:51820", OURS + 64)), "the same bit of another word");
	cr_expect(not(is_ours("192.0.2.1:51821", OURS)));
	cr_expect(not(is_ours("192.0.2.2:51820", OURS)));
	cr_expect(not(is_ours("[2001:db8::2]:51820", OURS)));
	cr_expect(not(is_ours("[c000:0201::]:51820", OURS)), "the bytes of the IPv4 address");
}

/* Another host behind us that speaks WireGuard from the port that we have too. */
Test(loop_guard, same_port_to_somewhere_else_passes)
{
	add("192.0.2.1:51820");
	loop_guard_add_port(guard, 51820);
	cr_expect(is_ours("192.0.2.1:51820", 51820));
	cr_expect(not(is_ours("198.51.100.7:51820", 51820)));
}

Test(loop_guard, endpoint_is_known_while_one_path_leads_there)
{
	for (unsigned i = 0; i < 3; i++)
		add("192.0.2.1:51820");
	for (unsigned i = 0; i < 3; i++) {
		cr_expect(is_ours("192.0.2.1:51820", OURS));
		drop("192.0.2.1:51820");
	}
	cr_expect(not(is_ours("192.0.2.1:51820", OURS)));
	drop("192.0.2.1:51820"); /* nothing to do */
	add("192.0.2.1:51820");
	cr_expect(is_ours("192.0.2.1:51820", OURS));
}

Test(loop_guard, options_and_fragment_headers_are_passed)
{
	uint8_t packet[LEN], moved[LEN];

	add("192.0.2.1:51820");
	add("[2001:db8::1]:51820");
	for (size_t gap = 0; gap <= 40; gap += 4) {
		datagram(packet, "192.0.2.1:51820", OURS, gap);
		cr_expect(loop_guard_is_ours(guard, packet, LEN), "%zu bytes of options", gap);
	}
	datagram(packet, "[2001:db8::1]:51820", OURS, 0);
	memcpy(moved, packet, 40);
	memcpy(moved + 48, packet + 40, LEN - 48);
	moved[6] = IPPROTO_FRAGMENT;
	moved[40] = IPPROTO_UDP;
	store_be16(moved + 42, 1); /* the first, more follow */
	cr_expect(loop_guard_is_ours(guard, moved, LEN));
	store_be16(moved + 42, 8 | 1); /* of a later one the ports are not known */
	cr_expect(not(loop_guard_is_ours(guard, moved, LEN)));
	moved[40] = IPPROTO_TCP;
	store_be16(moved + 42, 1);
	cr_expect(not(loop_guard_is_ours(guard, moved, LEN)));
}

Test(loop_guard, what_is_no_datagram_is_not_ours)
{
	uint8_t packet[LEN];

	add("192.0.2.1:51820");
	datagram(packet, "192.0.2.1:51820", OURS, 0);
	packet[9] = IPPROTO_TCP;
	cr_expect(not(loop_guard_is_ours(guard, packet, LEN)));
	datagram(packet, "192.0.2.1:51820", OURS, 0);
	store_be16(packet + 6, 1); /* a later fragment */
	cr_expect(not(loop_guard_is_ours(guard, packet, LEN)));
}

/* Nothing behind the packet is read: it lies at the end of its memory. */
Test(loop_guard, short_packets_are_not_read_beyond_their_end)
{
	uint8_t packet[LEN];

	add("192.0.2.1:51820");
	add("[2001:db8::1]:51820");
	for (size_t len = 20; len <= 68; len++) {
		uint8_t *exact = malloc(len);

		datagram(packet, "192.0.2.1:51820", OURS, len % 4 * 4);
		memcpy(exact, packet, len);
		cr_expect(eq(int, loop_guard_is_ours(guard, exact, len), len >= 28 + len % 4 * 4),
		          "%zu", len);
		datagram(packet, "[2001:db8::1]:51820", OURS, 0);
		if (len >= 40) {
			memcpy(exact, packet, len);
			cr_expect(eq(int, loop_guard_is_ours(guard, exact, len), len >= 48), "%zu",
			          len);
		}
		if (len >= 40) {
			exact[6] = IPPROTO_FRAGMENT;
			loop_guard_is_ours(guard, exact, len);
		}
		free(exact);
	}
}

Test(loop_guard, holds_all_paths_of_all_peers)
{
	struct endpoint ep = endpoint("10.0.0.0:1");

	for (uint32_t i = 0; i < PEERS_MAX * PATHS_MAX; i++) {
		ep.in4.sin_addr.s_addr = htonl(0x0a000000u + i);
		cr_assert(eq(int, loop_guard_add(guard, &ep), 0));
	}
	cr_expect(is_ours("10.0.0.0:1", OURS));
	cr_expect(is_ours("10.0.255.255:1", OURS));
	cr_expect(not(is_ours("10.1.0.0:1", OURS)));
	for (uint32_t i = 0; i < PEERS_MAX * PATHS_MAX; i += 2) {
		ep.in4.sin_addr.s_addr = htonl(0x0a000000u + i);
		loop_guard_remove(guard, &ep);
	}
	cr_expect(not(is_ours("10.0.0.0:1", OURS)));
	cr_expect(is_ours("10.0.255.255:1", OURS));
}
