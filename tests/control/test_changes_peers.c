/* SPDX-License-Identifier: MIT */
#include "control/changes_peers.h"

#include "base/key_text.h"
#include "changes_rig.h"

TestSuite(changes_peers, .init = changes_rig_start, .fini = changes_rig_stop, .timeout = 60);

/* ---- peers that come and go ---- */

Test(changes_peers, peer_that_comes_is_known_and_those_there_stay_as_they_are)
{
	struct peer *a = peer_called("a");
	char peers[512];

	snprintf(peers, sizeof peers, "%s, %s", B, at_far);
	cr_assert(eq(int, lead_to(DSL, peers), 0));
	cr_assert(eq(sz, control.peers.count, 2));
	cr_expect(eq(ptr, peer_called("a"), a));
	cr_expect(eq(ptr, owner_of(1), a->dp));
	cr_expect(eq(ptr, owner_of(2), peer_called("b")->dp));
	cr_expect(eq(ptr, peers_find(&control.peers, peer_called("b")->set.public_key),
	             peer_called("b")));
	cr_expect(ne(u32, peer_called("b")->id, a->id), "answers of the resolver name it");
}

Test(changes_peers, peer_that_goes_is_nobody_any_more)
{
	uint8_t key[KEY_LEN];
	struct dp_peer *dp = dp_peer_get(peer_called("a")->dp);

	memcpy(key, peer_called("a")->set.public_key, KEY_LEN);
	cr_assert(eq(int, lead_to(DSL, B), 0));
	cr_expect(eq(sz, control.peers.count, 1));
	cr_expect(eq(ptr, peer_called("a"), NULL));
	cr_expect(eq(ptr, peers_find(&control.peers, key), NULL));
	cr_expect(eq(ptr, owner_of(1), NULL));
	cr_expect(ne(ptr, owner_of(2), NULL));
	cr_expect(eq(ptr, control.changes.leaving, NULL));
	cr_expect(eq(ptr, dp->control, NULL));
	cr_expect(eq(ptr, rcu_dereference(dp->current), NULL));
	for (unsigned i = 0; i < PATHS_MAX; i++)
		cr_expect(eq(ptr, rcu_dereference(dp->path[i].target), NULL));
	/* The dispatcher drops what waited. */
	while (reference_count(&dp->references) > 1)
		rcu_quiescent_state();
	dp_peer_put(dp);
}

/* ---- of a peer that goes on ---- */

/* Leads to the same link, and peer a with @rest behind its key. */
static int lead_a_to(const char *rest)
{
	char peer[1024];

	snprintf(peer, sizeof peer, "{name: a, public_key: \"" KEY_A "\", %s}", rest);
	return lead_to(DSL, peer);
}

/* The same, with its endpoint and allowed IPs as at the start. */
static int lead_a_also_to(const char *rest)
{
	char all[256], text[ENDPOINT_TEXT_LEN];

	snprintf(all, sizeof all, "allowed_ips: [10.0.0.1/32], endpoints: [\"%s\"], %s",
	         endpoint_format(&far_at, text), rest);
	return lead_a_to(all);
}

/* A session that goes on, whatever the peer is taken for. */
static struct keypair *fake_session(struct peer *peer, enum bonding_verdict verdict)
{
	struct keypair *kp = keypair_create(true, 1, 2, control.loop.now_ns);

	handshake_abandon(&peer->handshake);
	peer->session.current = kp;
	peer->verdict.is = verdict;
	peer_follow(peer, &peer->paths.slot[0], control.loop.now_ns);
	return kp;
}

static void drop_session(struct peer *peer)
{
	keypair_put(peer->session.current);
	peer->session.current = NULL;
}

Test(changes_peers, name_is_another_of_the_same_peer)
{
	struct peer *a = peer_called("a");
	char peer[512];

	snprintf(peer, sizeof peer, "%s", at_far);
	memcpy(strstr(peer, "name: a"), "name: z", 7);
	cr_assert(eq(int, lead_to(DSL, peer), 0));
	cr_expect(eq(ptr, peer_called("z"), a));
	cr_expect(eq(ptr, peers_find(&control.peers, a->set.public_key), a));
	cr_expect(eq(sz, control.peers.count, 1));
}

Test(changes_peers, mode_is_that_of_the_published_table)
{
	struct peer *a = peer_called("a");
	const struct path_table *table;

	fake_session(a, VERDICT_BONDED);
	health_assume_up(&a->paths.slot[0].health, "test", control.loop.now_ns);
	peer_publish_paths(a, control.loop.now_ns);
	table = rcu_dereference(a->dp->path_table);
	cr_assert(table && table->mode == BONDING_AGGREGATE);
	cr_assert(eq(int, lead_a_also_to("bonding_mode: redundant"), 0));
	table = rcu_dereference(a->dp->path_table);
	cr_expect(table && table->mode == BONDING_REDUNDANT);
	cr_expect(eq(int, a->set.mode, BONDING_REDUNDANT));
	drop_session(a);
}

Test(changes_peers, keepalive_is_due_by_the_new_interval)
{
	struct peer *a = peer_called("a");
	uint64_t now_ns = control.loop.now_ns;

	fake_session(a, VERDICT_STOCK);
	dp_peer_sent(a->dp, false, now_ns);
	dp_peer_heard(a->dp, false, now_ns);
	cr_assert(eq(int, lead_a_also_to("persistent_keepalive: 7"), 0));
	cr_expect(eq(u64, a->deadline.at_ns, now_ns + 7 * NS_PER_S));
	cr_assert(eq(int, lead_a_also_to("persistent_keepalive: 0"), 0));
	cr_expect(lt(u64, now_ns + 7 * NS_PER_S, a->deadline.at_ns));
	drop_session(a);
}

Test(changes_peers, preshared_key_begins_a_session_beside_the_one_there_is)
{
	struct peer *a = peer_called("a");
	uint8_t key[KEY_LEN];
	struct keypair *kp;

	cr_assert(hears_initiation());
	kp = fake_session(a, VERDICT_STOCK);
	a->answered.until_ns = NEVER_NS;
	control.loop.now_ns += 2 * REKEY_TIMEOUT;
	cr_assert(eq(int, key_from_base64(key, SECRET_KEY), 0));
	cr_assert(eq(int, lead_a_also_to("preshared_key: \"" SECRET_KEY "\""), 0));
	cr_expect(eq(int, memcmp(a->remote->preshared_key, key, KEY_LEN), 0));
	cr_expect(a->remote->is_usable);
	cr_expect(eq(ptr, a->session.current, kp));
	cr_expect(hears_initiation());
	cr_expect(a->handshake.is_pending);
	cr_expect(eq(u64, a->answered.until_ns, 0), "an answer under the key before");
	cr_assert(eq(int, lead_a_also_to("bonding_mode: aggregate"), 0));
	memset(key, 0, KEY_LEN);
	cr_expect(eq(int, memcmp(a->remote->preshared_key, key, KEY_LEN), 0), "none any more");
	drop_session(a);
}

/* An answer under the key before is none to what is sent under the new one. */
Test(changes_peers, preshared_key_gives_up_the_attempt_that_was_under_way)
{
	struct peer *a = peer_called("a");
	uint32_t index = a->handshake.noise->local_index;

	cr_assert(a->handshake.is_pending);
	cr_assert(eq(int, lead_a_also_to("preshared_key: \"" SECRET_KEY "\""), 0));
	cr_expect(eq(ptr, index_handshake_owner(engine_index(control.engine), index), NULL));
	cr_expect(ne(u64, a->handshake.retry_ns, NEVER_NS), "as soon as there may be another");
}

Test(changes_peers, allowed_ips_move_from_one_to_another)
{
	struct peer *a = peer_called("a");

	cr_assert(
		eq(int,
	           lead_to(DSL, "{name: a, public_key: \"" KEY_A
	                        "\", allowed_ips: [10.0.0.3/32, 10.0.0.4/32]},"
	                        "{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.1/32]}"),
	           0));
	cr_expect(eq(ptr, peer_called("a"), a));
	cr_expect(eq(ptr, owner_of(1), peer_called("b")->dp));
	cr_expect(eq(ptr, owner_of(3), a->dp));
	cr_expect(eq(ptr, owner_of(4), a->dp));
	cr_expect(eq(sz, a->set.allowed_ips.count, 2));
	cr_expect(not(a->set.has_coming));
}

/* ---- endpoints ---- */

/* Peer a is looked for at these, of one link or of all. */
static int lead_a_to_endpoints(const char *endpoints)
{
	char all[512];

	snprintf(all, sizeof all, "allowed_ips: [10.0.0.1/32], endpoints: [%s]", endpoints);
	return lead_a_to(all);
}

static struct path *path_to(const struct peer *peer, const char *address)
{
	struct endpoint to;

	cr_assert(eq(int, endpoint_parse(address, 0, &to), 0));
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = (struct path *)&peer->paths.slot[i];

		if (path_is_used(path) && endpoint_equal(&path->route.remote, &to))
			return path;
	}
	return NULL;
}

static const char *far_text(void)
{
	static char text[ENDPOINT_TEXT_LEN];

	return endpoint_format(&far_at, text);
}

Test(changes_peers, endpoint_that_comes_is_looked_at_and_one_that_goes_takes_its_path_along)
{
	struct peer *a = peer_called("a");
	struct endpoint at;
	int other = rig_socket(&at);
	char endpoints[128], text[ENDPOINT_TEXT_LEN];

	snprintf(endpoints, sizeof endpoints, "\"%s\"", endpoint_format(&at, text));
	cr_assert(eq(int, lead_a_to_endpoints(endpoints), 0));
	cr_expect(eq(uint, a->endpoints.count, 1));
	cr_expect(eq(ptr, path_to(a, far_text()), NULL));
	cr_expect(path_has_target(path_to(a, text)));
	cr_expect(eq(int, path_to(a, text)->endpoint, 0));
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_target *target = rcu_dereference(a->dp->path[i].target);

		cr_expect(not(target && endpoint_equal(&target->route.remote, &far_at)));
	}
	close(other);
}

Test(changes_peers, path_that_another_endpoint_leads_to_stays_as_it_is)
{
	struct peer *a = peer_called("a");
	struct path *path = path_to(a, far_text());
	char endpoints[128];

	path->health.since_ns = 17;
	snprintf(endpoints, sizeof endpoints, "{link: dsl, address: \"%s\"}", far_text());
	cr_assert(eq(int, lead_a_to_endpoints(endpoints), 0));
	cr_expect(eq(ptr, path_to(a, far_text()), path));
	cr_expect(eq(u64, path->health.since_ns, 17));
	cr_expect(eq(int, path->endpoint, 0));
}

Test(changes_peers, path_where_the_peer_has_roamed_stays)
{
	struct peer *a = peer_called("a");
	struct path *path = path_to(a, far_text());
	struct route route = path->route;

	cr_assert(eq(int, endpoint_parse("127.0.0.9:9", 0, &route.remote), 0));
	peer_set_route(a, path, &route, control.loop.now_ns);
	cr_assert(eq(int, lead_a_to("allowed_ips: [10.0.0.1/32]"), 0));
	cr_expect(eq(uint, a->endpoints.count, 0));
	cr_assert(eq(ptr, path_to(a, "127.0.0.9:9"), path));
	cr_expect(eq(int, path->endpoint, PATH_LEARNT));
}

Test(changes_peers, endpoints_behind_one_that_goes_keep_their_paths)
{
	struct peer *a = peer_called("a");
	char endpoints[128];
	struct path *third;

	snprintf(endpoints, sizeof endpoints, "\"%s\", \"127.0.0.8:8\", \"127.0.0.9:9\"",
	         far_text());
	cr_assert(eq(int, lead_a_to_endpoints(endpoints), 0));
	third = path_to(a, "127.0.0.9:9");
	cr_assert(third && third->endpoint == 2);
	snprintf(endpoints, sizeof endpoints, "\"%s\", \"127.0.0.9:9\"", far_text());
	cr_assert(eq(int, lead_a_to_endpoints(endpoints), 0));
	cr_expect(eq(ptr, path_to(a, "127.0.0.9:9"), third));
	cr_expect(eq(int, third->endpoint, 1));
	cr_expect(eq(ptr, path_to(a, "127.0.0.8:8"), NULL));
}

/* As in WireGuard: what is sent next goes to the new endpoint, under the same keys. */
Test(changes_peers, session_of_a_plain_peer_goes_on_at_its_new_endpoint)
{
	struct peer *a = peer_called("a");
	struct keypair *kp = fake_session(a, VERDICT_STOCK);
	const struct path_table *table;

	cr_assert(eq(int, lead_a_to_endpoints("\"127.0.0.9:9\""), 0));
	cr_expect(eq(ptr, a->session.current, kp));
	cr_assert(eq(ptr, paths_followed(&a->paths), path_to(a, "127.0.0.9:9")));
	table = rcu_dereference(a->dp->path_table);
	cr_assert(table && table->len);
	cr_expect(eq(uint, table->slot[0].path_id, a->paths.followed));
	cr_expect(eq(uint, atomic_load(&a->dp->followed_path), a->paths.followed));
	drop_session(a);
}

/* Its place may be another's by now. */
Test(changes_peers, late_answer_about_an_endpoint_that_went_is_nobodys)
{
	struct peer *a = peer_called("a");
	struct resolve_answer late = {.id = (uint64_t)a->id << 32 | a->endpoints.known[0].number,
	                              .count = 1};

	cr_assert(eq(int, lead_a_to_endpoints("\"127.0.0.9:9\""), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.7:7", 0, &late.endpoints[0]), 0));
	peer_take_addresses(a, &late, control.loop.now_ns);
	cr_expect(eq(ptr, path_to(a, "127.0.0.7:7"), NULL));
	cr_expect(
		endpoints_has_address(&a->endpoints, 0, &path_to(a, "127.0.0.9:9")->route.remote));
}
