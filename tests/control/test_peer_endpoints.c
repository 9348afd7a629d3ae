/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own, where 127.0.0.0/8 is all that can be reached. A
 * peer has two endpoints that are host names; the test plays the resolver.
 */
#include "control/peer_endpoints.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../namespace_rig.h"
#include "base/rcu.h"
#include "control/conductor.h"
#include "control/control.h"
#include "control/peer_handshake.h"
#include "control/peer_paths.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "crypto/secret.h"
#include "links_rig.h"
#include "no_ipv6.h"

#define TIMEOUT_NS (5 * NS_PER_S)

static struct desired_link links[] = {{.name = "lte", .weight = 1}};
static char first[] = "first.test:7", second[] = "second.test:7";
static struct desired_endpoint names[] = {{.link = -1, .address = first},
                                          {.link = -1, .address = second}};
static struct desired_peer config_peer = {
	.name = "office", .endpoints = names, .endpoint_count = 2};
static struct desired config = {.links = links,
                                .link_count = 1,
                                .peers = &config_peer,
                                .peer_count = 1,
                                .error_backoff_ns = 5 * NS_PER_S,
                                .health_interval_ns = NS_PER_S,
                                .health_timeout_ns = TIMEOUT_NS};
static struct control control;
static struct peer *peer;
static uint64_t now_ns;

static void make_keys(void)
{
	uint8_t private_key[KEY_LEN] = {1};

	dh_clamp(private_key);
	control.identity = secret_alloc(sizeof *control.identity);
	noise_identity_init(control.identity, private_key);
	private_key[1] = 1;
	dh_public(config_peer.public_key, private_key);
}

static void start(void)
{
	struct engine_settings set = {
		.tun = {.queues = 1}, .mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	enter_namespace();
	configure_device("lo", NULL, 0);
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	make_keys();
	cr_assert(eq(int, loop_init(&control.loop), 0));
	now_ns = control.loop.now_ns;
	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	control_make_effects(&control);
	cr_assert(eq(int, resolve_create(&control.resolver), 0));
	cr_assert(eq(int, deadline_reserve(&control.loop.deadlines, 16), 0));
	cr_assert(eq(int, gate_create(control.engine, control.identity, &control.gate), 0));
	make_links(&control, &config);
	cr_assert(eq(int, make_peer(&control, &config, &config_peer, &peer), 0));
	control.peers.at = &peer;
	control.peers.count = 1;
}

static void stop(void)
{
	if (!control.engine)
		return;
	gate_destroy(control.gate);
	engine_stop(control.engine);
	resolve_destroy(control.resolver);
	peer_destroy(peer);
	engine_destroy(control.engine);
	secret_free(control.identity);
	loop_fini(&control.loop);
	rcu_unregister_thread();
}

TestSuite(peer_endpoints, .init = start, .fini = stop);

/* The addresses of endpoint @e, up to NULL. */
static void answer(unsigned e, ...)
{
	struct resolve_answer a = {.id = e};
	const char *text;
	va_list args;

	va_start(args, e);
	while ((text = va_arg(args, const char *)))
		cr_assert(eq(int, endpoint_parse(text, 0, &a.endpoints[a.count++]), 0));
	va_end(args);
	peer_take_addresses(peer, &a, now_ns);
	peer_service(peer, now_ns);
}

static struct path *path_of(unsigned e)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&peer->paths.slot[i]) && peer->paths.slot[i].endpoint == (int)e)
			return &peer->paths.slot[i];
	}
	return NULL;
}

static const char *address_of(unsigned e)
{
	static char text[ENDPOINT_TEXT_LEN];

	return path_of(e) ? endpoint_format(&path_of(e)->route.remote, text) : "none";
}

#define EXPECT_AT(e, wanted) cr_expect(eq(str, (char *)address_of(e), (char *)(wanted)))

static void begin_session(enum bonding_verdict verdict)
{
	handshake_abandon(&peer->handshake);
	peer->session.current = keypair_create(true, 1, 2, now_ns);
	peer->verdict.is = verdict;
	peer_follow(peer, path_of(0), now_ns);
}

static void end_session(void)
{
	keypair_put(peer->session.current);
	peer->session.current = NULL;
}

/* As service_retry() does @ns after the initiation before. */
static void retry(void)
{
	now_ns += 6 * NS_PER_S;
	peer_try_next_addresses(peer, now_ns);
	cr_assert(peer_initiate(peer, peer->handshake.is_pending, now_ns));
}

Test(peer_endpoints, first_address_within_reach_is_taken)
{
	answer(0, "192.0.2.1:7", "[2001:db8::1]:7", "127.0.0.2:7", "127.0.0.3:7", NULL);
	EXPECT_AT(0, "127.0.0.2:7");
}

Test(peer_endpoints, family_of_the_first_answer_binds_nobody)
{
	answer(0, "[::1]:7", NULL);
	answer(1, "127.0.0.2:7", NULL);
	EXPECT_AT(0, "[::1]:7");
	EXPECT_AT(1, "127.0.0.2:7");
	cr_expect(ne(ptr, path_of(0)->route.link, path_of(1)->route.link));
	for (unsigned e = 0; e < 2; e++)
		cr_expect(uplink_is_usable(&control.uplinks.uplink[0], path_of(e)->route.link));
}

Test(peer_endpoints, sockets_of_a_family_are_opened_for_a_path_only)
{
	answer(0, "127.0.0.2:7", NULL);
	cr_expect(control.uplinks.uplink[0].pair[0].link->is_open);
	cr_expect(not(control.uplinks.uplink[0].pair[1].link->is_open));
}

Test(peer_endpoints, link_of_both_families_does_without_one_that_the_system_lacks)
{
	lacks_ipv6 = links[0].both_families = true;
	cr_assert(eq(int, endpoint_parse("[::]:51820", 0, &links[0].bind), 0));
	make_links(&control, &config);
	cr_expect(eq(int, links_open(&control.links, now_ns), 0));
	cr_expect(eq(int, control.uplinks.uplink[0].pair[0].state, UPLINK_UP));
	cr_expect(eq(int, uplink_best(&control.uplinks.uplink[0])->state, UPLINK_UP));
	deadline_cancel(&control.loop.deadlines, &peer->deadline); /* told of the other */
	cr_expect(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS), "tries for ever");
	answer(0, "[::1]:7", "127.0.0.2:7", NULL);
	EXPECT_AT(0, "127.0.0.2:7");
}

Test(peer_endpoints, link_of_one_family_waits_for_the_system_to_have_it)
{
	lacks_ipv6 = true;
	cr_assert(eq(int, endpoint_parse("[::1]:51820", 0, &links[0].bind), 0));
	make_links(&control, &config);
	cr_expect(eq(int, links_open(&control.links, now_ns), 0));
	cr_expect(eq(int, uplink_best(&control.uplinks.uplink[0])->state, UPLINK_WAITING));
	cr_expect(eq(u64, deadline_next_ns(&control.loop.deadlines),
	             now_ns + config.error_backoff_ns));
}

Test(peer_endpoints, nothing_within_reach_is_waited_for)
{
	answer(0, "192.0.2.1:7", "192.0.2.2:7", NULL);
	EXPECT_AT(0, "192.0.2.1:7");
}

Test(peer_endpoints, each_retry_tries_the_next_address_and_goes_round)
{
	answer(0, "127.0.0.2:7", "192.0.2.1:7", "127.0.0.3:7", "127.0.0.4:7", NULL);
	static const char *const tried[] = {"127.0.0.2:7", "127.0.0.3:7", "127.0.0.4:7",
	                                    "127.0.0.2:7"};

	cr_assert(peer->handshake.is_pending);
	for (unsigned i = 0; i < 4; i++, retry())
		EXPECT_AT(0, tried[i]);
}

Test(peer_endpoints, address_that_is_answered_is_kept)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	begin_session(VERDICT_BONDED);
	health_assume_up(&path_of(0)->health, "test", now_ns);
	cr_expect(eq(u64, peer_service_address(peer, path_of(0), now_ns), NEVER_NS));
	peer_try_next_addresses(peer, now_ns);
	answer(0, "127.0.0.9:7", NULL);
	EXPECT_AT(0, "127.0.0.2:7");
	end_session();
}

Test(peer_endpoints, path_that_falls_in_a_session_tries_the_next_address_at_once)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	begin_session(VERDICT_BONDED);
	health_assume_up(&path_of(0)->health, "test", now_ns);
	health_fail(&path_of(0)->health, "test", now_ns);
	cr_expect(eq(u64, peer_service_address(peer, path_of(0), now_ns), now_ns + TIMEOUT_NS));
	EXPECT_AT(0, "127.0.0.3:7");
	cr_expect(eq(int, path_of(0)->health.state, PATH_UNPROVEN));
	end_session();
}

Test(peer_endpoints, address_not_proved_has_until_the_timeout)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	uint64_t due = now_ns + TIMEOUT_NS;

	begin_session(VERDICT_BONDED);
	cr_expect(eq(u64, peer_service_address(peer, path_of(0), due - 1), due));
	EXPECT_AT(0, "127.0.0.2:7");
	peer_service_address(peer, path_of(0), due);
	EXPECT_AT(0, "127.0.0.3:7");
	peer_service_address(peer, path_of(0), due + TIMEOUT_NS - 1);
	EXPECT_AT(0, "127.0.0.3:7");
	peer_service_address(peer, path_of(0), due + TIMEOUT_NS);
	EXPECT_AT(0, "127.0.0.2:7");
	end_session();
}

Test(peer_endpoints, two_names_of_one_address_make_one_path)
{
	answer(0, "127.0.0.2:7", NULL);
	answer(1, "127.0.0.2:7", "127.0.0.3:7", NULL);
	EXPECT_AT(0, "127.0.0.2:7");
	EXPECT_AT(1, "127.0.0.3:7");
	retry();
	EXPECT_AT(1, "127.0.0.3:7");
}

Test(peer_endpoints, initiation_that_cannot_be_sent_tries_the_next_address_as_well)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	handshake_abandon(&peer->handshake);
	peer->handshake.tried_paths = (uint16_t)(1u << path_id(&peer->paths, path_of(0)));
	peer_try_next_addresses(peer, now_ns + NS_PER_S);
	EXPECT_AT(0, "127.0.0.3:7");
}

/* As after the goodbye of a peer, who is back soon. */
Test(peer_endpoints, address_where_nothing_was_tried_is_kept)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	handshake_expect_return(&peer->handshake, now_ns);
	peer_try_next_addresses(peer, now_ns + NS_PER_S);
	EXPECT_AT(0, "127.0.0.2:7");
}

Test(peer_endpoints, refused_address_is_left_and_all_of_them_rest)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	cr_expect(peer_leave_refused(peer, path_of(0), now_ns));
	EXPECT_AT(0, "127.0.0.3:7");
	cr_expect(not(peer_leave_refused(peer, path_of(0), now_ns)));
	answer(1, "127.0.0.4:7", NULL);
	cr_expect(not(peer_leave_refused(peer, path_of(1), now_ns)));
}

/* Data goes where the initiations go: one that is lost must not take a session away. */
Test(peer_endpoints, plain_peer_is_looked_for_elsewhere_when_two_initiations_are_lost)
{
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	begin_session(VERDICT_STOCK);
	retry();
	cr_assert(eq(uint, peer->handshake.attempts, 1));
	retry();
	EXPECT_AT(0, "127.0.0.2:7");
	retry();
	EXPECT_AT(0, "127.0.0.3:7");
	end_session();
}

/* Of the real resolver, which knows no such names. */
static void drop_answers(void)
{
	struct resolve_answer ignored;

	while (resolve_take(control.resolver, &ignored)) {
	}
}

static void fail(unsigned e)
{
	struct resolve_answer a = {.id = e, .error = -EAGAIN, .text = "test"};

	peer_take_addresses(peer, &a, now_ns);
	peer_service(peer, now_ns);
}

Test(peer_endpoints, all_are_asked_for_at_first_and_once)
{
	peer_endpoints_service(peer, now_ns);
	cr_expect(peer->endpoints.known[0].is_asked && peer->endpoints.known[1].is_asked);
	cr_expect(eq(u64, peer_endpoints_service(peer, now_ns + 100 * NS_PER_S), NEVER_NS));
	drop_answers();
}

Test(peer_endpoints, name_without_any_address_is_asked_for_every_five_seconds)
{
	peer_endpoints_service(peer, now_ns);
	fail(0);
	cr_expect(eq(u64, peer_endpoints_service(peer, now_ns), now_ns + 5 * NS_PER_S));
	cr_expect(not(peer->endpoints.known[0].is_asked));
	peer_endpoints_service(peer, now_ns + 5 * NS_PER_S);
	cr_expect(peer->endpoints.known[0].is_asked);
	drop_answers();
}

Test(peer_endpoints, name_of_a_path_that_is_down_is_asked_for_while_another_works)
{
	uint64_t asked = now_ns;

	peer_endpoints_service(peer, now_ns);
	answer(0, "127.0.0.2:7", NULL);
	answer(1, "127.0.0.3:7", NULL);
	begin_session(VERDICT_BONDED);
	for (unsigned e = 0; e < 2; e++)
		health_assume_up(&path_of(e)->health, "test", now_ns);
	cr_expect(eq(u64, peer_endpoints_service(peer, now_ns + 100 * NS_PER_S), NEVER_NS));
	health_fail(&path_of(1)->health, "test", now_ns);
	cr_expect(eq(u64, peer_endpoints_service(peer, asked + 30 * NS_PER_S - 1),
	             asked + 30 * NS_PER_S));
	cr_expect(not(peer->endpoints.known[1].is_asked));
	peer_endpoints_service(peer, asked + 30 * NS_PER_S);
	cr_expect(peer->endpoints.known[1].is_asked);
	cr_expect(not(peer->endpoints.known[0].is_asked));
	drop_answers();
	end_session();
}

Test(peer_endpoints, last_good_answer_stays)
{
	peer_endpoints_service(peer, now_ns);
	answer(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	fail(0);
	cr_expect(eq(uint, peer->endpoints.known[0].count, 2));
	EXPECT_AT(0, "127.0.0.2:7");
	cr_expect(eq(u64, peer_endpoints_service(peer, now_ns), now_ns + 30 * NS_PER_S));
	drop_answers();
}

Test(peer_endpoints, name_that_leads_elsewhere_moves_a_path_that_is_not_answered)
{
	answer(0, "127.0.0.2:7", NULL);
	answer(0, "127.0.0.3:7", NULL);
	EXPECT_AT(0, "127.0.0.3:7");
}
