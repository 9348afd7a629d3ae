/* SPDX-License-Identifier: MIT */
#include "config/diff.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/init.h"
#include "desired_rig.h"

#define LINKS "{name: dsl, bind: 0.0.0.0:1}, {name: lte, device: wwan0}"
#define A     "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1, 10.1.0.0/16]}"
#define B                                                                \
	"{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.2], " \
	"endpoints: [\"192.0.2.1:1\", {link: lte, address: \"h.example:2\"}]}"
#define C "{name: c, public_key: \"" KEY_C "\", allowed_ips: [10.0.0.3]}"

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(diff, .init = setup);

static struct desired *from, *to;
static struct change_list list;

/* Compares two states, which end() frees. */
static void compare(struct desired *old, struct desired *new)
{
	from = old;
	to = new;
	cr_assert(eq(int, desired_diff(from, to, &list), 0));
}

static void end(void)
{
	change_list_fini(&list);
	desired_free(from);
	desired_free(to);
}

static void expect_kinds(const enum change_kind *kinds, size_t count)
{
	cr_assert(eq(sz, list.count, count));
	for (size_t i = 0; i < count; i++)
		cr_expect(eq(int, list.changes[i].kind, kinds[i]), "change %zu", i);
}

#define EXPECT(...)                                           \
	expect_kinds((const enum change_kind[]){__VA_ARGS__}, \
	             sizeof((const enum change_kind[]){__VA_ARGS__}) / sizeof(enum change_kind))

Test(diff, same_state_needs_nothing)
{
	compare(desired_of(LINKS, A "," B), desired_of(LINKS, A "," B));
	cr_expect(eq(sz, list.count, 0));
	end();
}

Test(diff, order_in_the_file_means_nothing)
{
	compare(desired_of("{name: dsl, device: up0}, {name: lte, device: up1}", A "," B "," C),
	        desired_of("{name: lte, device: up1}, {name: dsl, device: up0}", C "," A "," B));
	cr_expect(eq(sz, list.count, 0));
	end();
}

Test(diff, from_nothing_every_link_comes_before_every_peer)
{
	compare(NULL, desired_of(LINKS, A "," B));
	EXPECT(CHANGE_LINK_ADD, CHANGE_LINK_ADD, CHANGE_PEER_ADD, CHANGE_PEER_ADD);
	cr_expect(eq(ptr, (void *)list.changes[0].new_link, &to->links[0]));
	cr_expect(eq(ptr, (void *)list.changes[1].new_link, &to->links[1]));
	cr_expect(eq(ptr, (void *)list.changes[2].new_peer, &to->peers[0]));
	cr_expect(eq(ptr, (void *)list.changes[3].new_peer, &to->peers[1]));
	end();
}

Test(diff, to_nothing_is_from_nothing_backwards)
{
	compare(desired_of(LINKS, A "," B), NULL);
	EXPECT(CHANGE_PEER_REMOVE, CHANGE_PEER_REMOVE, CHANGE_LINK_REMOVE, CHANGE_LINK_REMOVE);
	cr_expect(eq(ptr, (void *)list.changes[0].old_peer, &from->peers[1]));
	cr_expect(eq(ptr, (void *)list.changes[3].old_link, &from->links[0]));
	end();
}

/* One by one, without a list. */
Test(diff, end_is_the_way_to_nothing)
{
	compare(desired_of(LINKS, A "," B "," C), NULL);
	cr_assert(eq(sz, list.count, 5));
	cr_assert(eq(sz, desired_end_len(from), list.count));
	for (size_t i = 0; i < list.count; i++) {
		struct change change = desired_end_step(from, i);

		cr_expect(eq(int, change.kind, list.changes[i].kind));
		cr_expect(eq(ptr, (void *)change.old_link, (void *)list.changes[i].old_link));
		cr_expect(eq(ptr, (void *)change.old_peer, (void *)list.changes[i].old_peer));
	}
	cr_expect(eq(int, list.changes[0].kind, CHANGE_PEER_REMOVE));
	cr_expect(eq(ptr, (void *)list.changes[0].old_peer, &from->peers[2]));
	cr_expect(eq(ptr, (void *)list.changes[4].old_link, &from->links[0]));
	end();
}

Test(diff, peer_is_known_by_its_key_and_not_by_its_name)
{
	compare(desired_of(LINKS, A),
	        desired_of(LINKS, "{name: other, public_key: \"" KEY_A
	                          "\", allowed_ips: [10.0.0.1, 10.1.0.0/16]}"));
	EXPECT(CHANGE_PEER_NAME);
	end();
	compare(desired_of(LINKS, A),
	        desired_of(LINKS, "{name: a, public_key: \"" KEY_C
	                          "\", allowed_ips: [10.0.0.1, 10.1.0.0/16]}"));
	EXPECT(CHANGE_PEER_REMOVE, CHANGE_PEER_ADD);
	end();
}

/* A prefix must have left its old peer before another can have it. */
Test(diff, allowed_ip_leaves_one_peer_before_another_takes_it)
{
	compare(desired_of(LINKS, A "," C),
	        desired_of(LINKS,
	                   "{name: a, public_key: \"" KEY_A
	                   "\", allowed_ips: [10.0.0.1, 10.0.0.3]},"
	                   "{name: c, public_key: \"" KEY_C "\", allowed_ips: [10.1.0.0/16]}"));
	EXPECT(CHANGE_ALLOWED_IP_REMOVE, CHANGE_ALLOWED_IP_REMOVE, CHANGE_ALLOWED_IP_ADD,
	       CHANGE_ALLOWED_IP_ADD);
	end();
}

Test(diff, endpoint_leaves_before_the_link_that_it_is_for)
{
	compare(desired_of(LINKS, B),
	        desired_of("{name: dsl, bind: 0.0.0.0:1}, {name: new}",
	                   "{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.2], "
	                   "endpoints: [\"192.0.2.1:1\", {link: new, address: \"h.example:2\"}]}"));
	EXPECT(CHANGE_ENDPOINT_REMOVE, CHANGE_LINK_REMOVE, CHANGE_LINK_ADD, CHANGE_ENDPOINT_ADD);
	end();
}

Test(diff, every_value_of_a_link_is_a_change_of_its_own)
{
	compare(desired_of("{name: l, bind: 0.0.0.0:1, device: up0, weight: 2}", A),
	        desired_of("{name: l, bind: 0.0.0.0:2, device: up1, weight: 3, fwmark: 0, "
	                   "role: backup, rate_limit_mbps: {up: 5}}",
	                   A));
	EXPECT(CHANGE_LINK_BIND, CHANGE_LINK_DEVICE, CHANGE_LINK_FWMARK, CHANGE_LINK_WEIGHT,
	       CHANGE_LINK_ROLE, CHANGE_LINK_RATE_LIMIT);
	end();
}

/* Another link that takes the port for IPv4 leaves this one with IPv6. */
Test(diff, bind_of_both_families_that_loses_one_is_another_bind)
{
	compare(desired_of("{name: l, bind: \"[::]:1\"}", A),
	        desired_of("{name: l, bind: \"[::]:1\"}, {name: m, bind: 0.0.0.0:1}", A));
	EXPECT(CHANGE_LINK_BIND, CHANGE_LINK_ADD);
	end();
}

Test(diff, every_value_of_a_peer_is_a_change_of_its_own)
{
	compare(desired_of(LINKS, A),
	        desired_of(LINKS, "{name: z, public_key: \"" KEY_A
	                          "\", allowed_ips: [10.0.0.1, 10.1.0.0/16, 10.9.0.0/16], "
	                          "preshared_key: \"" SECRET_KEY
	                          "\", bonding_mode: failover, persistent_keepalive: 25, "
	                          "endpoints: [\"192.0.2.1:1\"]}"));
	EXPECT(CHANGE_PEER_NAME, CHANGE_PEER_PRESHARED_KEY, CHANGE_PEER_MODE, CHANGE_PEER_KEEPALIVE,
	       CHANGE_ALLOWED_IP_ADD, CHANGE_ENDPOINT_ADD);
	end();
}

/* Whatever is random: done one after the other to the first, the changes give the second. */
Test(diff, changes_lead_from_one_random_state_to_another)
{
	static const char *const keys[] = {KEY_A, KEY_B, KEY_C, OTHER_KEY};
	unsigned seed = (unsigned)time(NULL);

	printf("# seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 100; round++) {
		struct desired *states[2];
		unsigned has[2] = {0, 0}, ips[2][4] = {{0}};

		for (unsigned s = 0; s < 2; s++) {
			char peers[2048] = "";
			size_t len = 0;

			for (unsigned i = 0; i < 4; i++) {
				if (random() % 2 && (i || s))
					continue;
				has[s] |= 1u << i;
				ips[s][i] = (unsigned)random() % 3;
				len += (size_t)snprintf(
					peers + len, sizeof peers - len,
					"%s{public_key: \"%s\", name: p%u, allowed_ips: "
					"[10.0.%u.%u]}",
					len ? "," : "", keys[i], i, i, ips[s][i]);
			}
			if (!has[s]) {
				has[s] = 1;
				ips[s][0] = 0;
				snprintf(peers, sizeof peers,
				         "{public_key: \"%s\", name: p0, allowed_ips: [10.0.0.0]}",
				         keys[0]);
			}
			states[s] = desired_of(LINKS, peers);
		}
		unsigned now = has[0];

		compare(states[0], states[1]);
		for (size_t i = 0; i < list.count; i++) {
			const struct change *c = &list.changes[i];
			const struct desired_peer *peer = c->new_peer ? c->new_peer : c->old_peer;
			unsigned n = (unsigned)peer->name[1] - '0';

			if (c->kind == CHANGE_PEER_REMOVE)
				now &= ~(1u << n);
			else if (c->kind == CHANGE_PEER_ADD)
				now |= 1u << n, ips[0][n] = ips[1][n];
			else if (c->kind == CHANGE_ALLOWED_IP_ADD)
				ips[0][n] = c->allowed_ip->addr[3];
		}
		cr_expect(eq(uint, now, has[1]), "seed %u round %u", seed, round);
		for (unsigned n = 0; n < 4; n++)
			if (has[1] & 1u << n)
				cr_expect(eq(uint, ips[0][n], ips[1][n]), "seed %u round %u", seed,
				          round);
		end();
	}
}
