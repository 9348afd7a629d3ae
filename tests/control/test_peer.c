/* SPDX-License-Identifier: MIT */
/* What events mean for a peer: handshakes, sessions, frames, refusals; see peer_rig.h. */
#include <errno.h>

#include "dataplane/outbound.h"
#include "peer_rig.h"

static struct peer_rig rig;

static void setup(void)
{
	rig_open(&rig);
}

static void teardown(void)
{
	rig_close(&rig);
}

TestSuite(peer, .init = setup, .fini = teardown);

static struct message_initiation sent_initiation(unsigned link)
{
	struct message_initiation msg = {0};

	cr_assert(rig_sent(&rig, link, MESSAGE_INITIATION, &msg, sizeof msg), "link %u", link);
	return msg;
}

static struct frame_goodbye goodbye(const uint8_t boot_id[8])
{
	struct frame_goodbye body = {.reason = GOODBYE_STOPPING};

	memcpy(body.boot_id, boot_id, sizeof body.boot_id);
	return body;
}

static const uint8_t boot_id[8] = {1, 2, 3};

static void greet(struct keypair *kp, const uint8_t id[8])
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	memcpy(body.boot_id, id, sizeof body.boot_id);
	rig_frame(&rig, kp, 0, 0, FRAME_HELLO_ACK, &body, sizeof body);
}

/* A bonded session that the peer began, over two paths. */
static struct keypair *bonded(void)
{
	struct keypair *kp;

	rig_path(&rig, 0);
	rig_path(&rig, 1);
	kp = rig_session(&rig, false, true, 0);
	greet(kp, boot_id);
	cr_assert(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
	return kp;
}

/* ---- initiations ---- */

Test(peer, path_that_opens_later_gets_the_pending_initiation)
{
	struct message_initiation first, second;

	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	first = sent_initiation(0);
	rig_path(&rig, 1);
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	second = sent_initiation(1);
	cr_expect(eq(int, memcmp(&first, &second, offsetof(struct message_initiation, macs)), 0));
	peer_service(rig.peer, rig.now_ns + 2 * INITIATION_COPY_NS);
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0)), "once per path");
}

Test(peer, copies_of_an_initiation_leave_apart)
{
	for (unsigned i = 0; i < 2; i++)
		rig_path(&rig, i);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(not(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0)));
	for (uint64_t at_ns = rig.now_ns; at_ns < rig.now_ns + INITIATION_COPY_NS; at_ns += NS_PER_MS) {
		peer_service(rig.peer, at_ns);
		cr_expect(not(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0)));
		cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns + INITIATION_COPY_NS));
	}
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer, copies_to_a_bonded_peer_leave_together)
{
	bonded();
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer, retry_begins_with_another_path)
{
	rig_path(&rig, 0);
	rig_path(&rig, 1);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(peer_initiate(rig.peer, i, rig.now_ns + i * 10 * NS_PER_S));
		cr_expect(eq(uint, rig.peer->handshake.first_path, i % 2 + 1), "attempt %u", i);
	}
}

Test(peer, failed_attempt_leaves_no_deadline_in_the_past)
{
	rig.peer->handshake.retry_ns = rig.now_ns;
	rig.peer->remote->is_usable = false;
	cr_expect(not(peer_initiate(rig.peer, false, rig.now_ns)));
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS));

	/* No way out: a path whose link is away. */
	rig.peer->remote->is_usable = true;
	rig_path(&rig, 0);
	rig_pair(&rig, 0)->state = UPLINK_WAITING;
	rig.peer->handshake.retry_ns = rig.now_ns;
	cr_expect(not(peer_initiate(rig.peer, false, rig.now_ns)));
	cr_expect(gt(u64, rig.peer->handshake.retry_ns, rig.now_ns));
}

Test(peer, what_waited_for_a_failed_attempt_is_dropped)
{
	struct outbound *out = &rig.peer->dp->out[0];
	uint64_t at_ns = rig.now_ns;

	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, at_ns));
	while (rig.peer->handshake.attempts < MAX_TIMER_HANDSHAKES) {
		at_ns += REKEY_TIMEOUT + TIMER_JITTER_NS;
		peer_timers_service(rig.peer, at_ns);
		cr_expect(not(atomic_load(&out->is_given_up)));
	}
	peer_timers_service(rig.peer, at_ns + REKEY_TIMEOUT + TIMER_JITTER_NS);
	cr_expect(atomic_load(&out->is_given_up));
	cr_expect(atomic_load(&out->is_kicked));
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)));
}

Test(peer, goodbye_is_followed_by_an_initiation_soon_and_then_by_growing_pauses)
{
	uint64_t at_ns = rig.now_ns, pause_ns, before_ns = 0;
	struct keypair *kp = bonded();
	struct frame_goodbye bye = goodbye(boot_id);

	rig.peer->handshake.sent_ns = rig.now_ns;
	rig_frame(&rig, kp, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, NULL));
	cr_expect(le(u64, rig.peer->handshake.retry_ns, rig.now_ns + 315 * NS_PER_MS));
	for (unsigned i = 0; i < 12; i++) {
		pause_ns = rig.peer->handshake.retry_ns - at_ns;
		cr_expect(gt(u64, pause_ns, before_ns / 5 * 4), "pause %u", i);
		cr_expect(le(u64, pause_ns, REKEY_TIMEOUT + TIMER_JITTER_NS), "pause %u", i);
		before_ns = pause_ns;
		at_ns = rig.peer->handshake.retry_ns;
		peer_timers_service(rig.peer, at_ns);
		cr_expect(rig.peer->handshake.is_pending, "attempt %u", i);
	}
	cr_expect(ge(u64, before_ns, REKEY_TIMEOUT), "the usual pause in the end");
}

/* An initiation of the peer's, of time @s, comes over link @link. */
static void take_initiation_of(uint64_t s, unsigned link)
{
	struct message_initiation msg;
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct noise_handshake hs;
	struct cookie_keys keys;
	struct cookie_jar jar = {0};
	struct route route = rig_route(&rig, link);

	cookie_keys_init(&keys, rig.control.identity->public_key);
	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, s, 0, 0);
	cr_assert(eq(int,
	             noise_create_initiation(&hs, &rig.other, &rig.us, ephemeral, timestamp,
	                                     4711 + (uint32_t)s, &msg),
	             0));
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, rig.now_ns);
	messages_take(&rig.control.messages, &route, (const uint8_t *)&msg, sizeof msg, rig.now_ns);
}

Test(peer, peer_that_does_not_hear_our_responses_is_tried_over_every_link)
{
	rig_path(&rig, 0);
	rig_path(&rig, 1);
	rig_session(&rig, false, false, 0);
	take_initiation_of(1800000000, 0);
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS), "once may be a lost packet");
	rig.now_ns += REKEY_TIMEOUT + NS_PER_MS;
	take_initiation_of(1800000005, 0);
	cr_assert(eq(u64, rig.peer->handshake.retry_ns, rig.now_ns + REKEY_TIMEOUT));
	rig.now_ns = rig.peer->handshake.retry_ns;
	peer_service(rig.peer, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer, peer_that_uses_the_session_it_began_is_left_alone)
{
	rig_path(&rig, 0);
	for (unsigned i = 0; i < 3; i++) {
		take_initiation_of(1800000000 + i, 0);
		cr_assert(ne(ptr, rig.peer->session.next, NULL));
		atomic_store(&rig.peer->session.next->is_confirmed, true);
		peer_service(rig.peer, rig.now_ns);
		cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS), "session %u", i);
		rig.now_ns += NS_PER_S;
	}
}

/* ---- what belongs to which session ---- */

static struct frame_probe probe_of(unsigned path)
{
	return (struct frame_probe){.path_id = (uint8_t)path};
}

Test(peer, probe_tells_that_our_greeting_came_though_the_answer_was_lost)
{
	struct frame_probe probe = probe_of(0);
	struct keypair *kp;

	rig_path(&rig, 0);
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_assert(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	rig_frame(&rig, kp, 1, PATH_NONE, FRAME_PROBE, &probe, sizeof probe);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
}

Test(peer, life_sign_tells_so_as_well)
{
	struct life_sign sign = {.number = 0};
	struct keypair *kp;

	rig_path(&rig, 0);
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	signs_put(&rig.peer->dp->path[0].probes, &sign);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK), "of another session");
	sign.key = kp->local_index;
	signs_put(&rig.peer->dp->path[0].probes, &sign);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
}

Test(peer, late_goodbye_of_the_session_before_is_ignored)
{
	struct keypair *before = bonded(), *now;
	struct frame_goodbye bye = goodbye(boot_id);

	now = rig_session(&rig, false, true, 0);
	rig_frame(&rig, before, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, now));
	rig_frame(&rig, now, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, NULL));
}

Test(peer, late_greeting_of_the_session_before_decides_nothing)
{
	struct keypair *before = bonded();
	static const uint8_t earlier_life[8] = {9};

	rig_session(&rig, false, true, 0);
	greet(before, earlier_life);
	cr_expect(eq(int, memcmp(rig.peer->verdict.remote_boot_id, boot_id, 8), 0));
	cr_expect(ne(u64, rig.peer->verdict.hello_ns, NEVER_NS), "our HELLO is not answered yet");
}

Test(peer, greeting_under_the_session_that_crossed_counts)
{
	struct noise_handshake hs = {.remote_index = 5};
	struct route route = rig_route(&rig, 0);
	struct keypair *theirs;

	rig_path(&rig, 0);
	rig.peer->verdict.saw_marker = true;
	cr_assert(eq(int,
	             index_reserve(engine_index(rig.control.engine), rig.peer, &hs.local_index),
	             0));
	cr_assert(eq(int, peer_begin_session(rig.peer, &hs, false, &route, rig.now_ns), 0));
	theirs = rig.peer->session.next;
	rig_session(&rig, true, true, 0);
	cr_assert(eq(ptr, rig.peer->session.previous, theirs));
	greet(theirs, boot_id);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
	cr_expect(keypair_is_fresh(theirs, rig.now_ns + REJECT_AFTER_TIME));
}

Test(peer, keypair_that_gave_way_stops_to_prove_anything_after_a_while)
{
	struct keypair *before = bonded();

	cr_expect(keypair_is_fresh(before, rig.now_ns + REJECT_AFTER_TIME));
	rig_session(&rig, false, true, 0);
	cr_expect(not(keypair_is_fresh(before, rig.now_ns + KEYPAIR_OVERLAP_NS)));
}

Test(peer, keepalive_asks_for_a_new_key_as_data_does)
{
	struct keypair *kp;

	rig_path(&rig, 0);
	kp = rig_session(&rig, true, false, 0);
	rig.peer->set.persistent_keepalive_ns = 25 * NS_PER_S;
	peer_timers_service(rig.peer, kp->rekey_ns - 1);
	cr_expect(not(rig.peer->handshake.is_pending));
	rig.peer->handshake.sent_ns = 0;
	peer_timers_service(rig.peer, kp->rekey_ns + 25 * NS_PER_S);
	cr_expect(rig.peer->handshake.is_pending);
}

/* Whether the data plane has told of data. */
static bool is_told_of_data(void)
{
	struct dp_peer *told;
	unsigned events, all = 0;

	while ((told = engine_take_event(rig.control.engine, &events))) {
		all |= events;
		dp_peer_put(told);
	}
	return (all & PEER_EVENT_ACTIVE) != 0;
}

Test(peer, data_after_a_passive_keepalive_is_watched)
{
	rig_path(&rig, 0);
	rig_session(&rig, true, false, 0);
	peer_service(rig.peer, rig.now_ns);
	is_told_of_data();
	dp_peer_heard(rig.peer->dp, true, rig.now_ns);
	cr_assert(is_told_of_data());
	peer_service(rig.peer, rig.now_ns);
	rig.now_ns += KEEPALIVE_TIMEOUT;
	peer_service(rig.peer, rig.now_ns); /* sends a keepalive, which ends what was looked at */
	cr_assert(eq(u64, counter_read(&rig.peer->dp->data_rx_since_ns), 0));
	dp_peer_sent(rig.peer->dp, true, rig.now_ns + NS_PER_S);
	cr_expect(is_told_of_data(), "or silence is never noticed");
}

/* ---- origins ---- */

static struct path *origin(unsigned link)
{
	struct route route = rig_route(&rig, link);

	return paths_find(&rig.peer->paths, &route);
}

Test(peer, origin_of_a_vtrunkd_is_a_candidate_until_it_proved_itself)
{
	struct route route = rig_route(&rig, 0);
	struct frame_path_challenge body = {0};
	struct keypair *kp;

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	kp = rig_session(&rig, false, true, 0);
	cr_expect(not(path_has_target(origin(0))));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 0));
	peer_service(rig.peer, rig.now_ns); /* greets */
	cr_assert(path_is_asked(origin(0)));
	body.path_id = (uint8_t)path_id(&rig.peer->paths, origin(0));
	rig_frame(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	cr_expect(not(path_has_target(origin(0))), "a wrong token");
	memcpy(body.token, origin(0)->challenge, sizeof body.token);
	rig_frame(&rig, kp, 1, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	cr_expect(not(path_has_target(origin(0))), "from elsewhere");
	rig_frame(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(path_has_target(origin(0)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

Test(peer, candidate_is_told_at_most_three_times_what_came_from_it)
{
	struct route route = rig_route(&rig, 0);
	struct path *path = peer_add_origin(rig.peer, &route, 148, rig.now_ns);

	cr_expect(path_may_tell(path, 92));
	cr_expect(path_may_tell(path, 3 * 148 - 92));
	cr_expect(not(path_may_tell(path, 1)));
	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	cr_expect(path_may_tell(path, 3 * 148));
	cr_expect(not(path_may_tell(path, 1)));
}

Test(peer, candidate_that_proves_nothing_is_forgotten)
{
	struct route route = rig_route(&rig, 0);

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + 10 * NS_PER_S - 1);
	cr_expect(ne(ptr, origin(0), NULL));
	peer_service(rig.peer, rig.now_ns + 10 * NS_PER_S);
	cr_expect(eq(ptr, origin(0), NULL));
}

Test(peer, peer_with_marker_that_stays_silent_is_plain_and_where_it_came_from)
{
	struct route route = rig_route(&rig, 0);

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	cr_expect(path_has_target(origin(0)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

Test(peer, peer_without_marker_is_where_its_handshake_came_from)
{
	rig_session(&rig, false, false, 1);
	cr_assert(ne(ptr, origin(1), NULL));
	cr_expect(path_has_target(origin(1)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

/* The first copy came over link 0; then somebody repeats it from forged addresses. */
static void repeat_from_elsewhere(void)
{
	struct route route = rig_route(&rig, 0);

	rig.peer->answered.accepted_ns = rig.now_ns;
	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	for (unsigned i = 0; i < ANSWERED_COPIES_MAX; i++) {
		rig.peer->answered.copies++;
		endpoint_set_port(&route.remote, (uint16_t)(7000 + i));
		peer_add_origin(rig.peer, &route, 148, rig.now_ns + (i + 1) * NS_PER_MS);
	}
}

Test(peer, copies_from_forged_addresses_do_not_push_out_the_origin)
{
	struct route later = rig_route(&rig, 1);

	repeat_from_elsewhere();
	cr_expect(ne(ptr, origin(0), NULL));
	rig.now_ns += NS_PER_S;
	rig.peer->answered.copies = 0;
	rig.peer->answered.accepted_ns = rig.now_ns;
	cr_expect(ne(ptr, peer_add_origin(rig.peer, &later, 148, rig.now_ns), NULL),
	          "they give way to a newer handshake");
}

Test(peer, copies_do_not_push_out_a_path_that_has_yet_to_answer)
{
	struct route route = rig_route(&rig, 1);
	struct path *learnt = peer_add_path(rig.peer, &route, -1, rig.now_ns);

	peer_set_route(rig.peer, learnt, &route, rig.now_ns);
	repeat_from_elsewhere();
	cr_expect(eq(ptr, origin(1), learnt));
	cr_expect(path_has_target(learnt));
}

Test(peer, plain_peer_is_where_its_handshake_came_from_and_not_where_copies_did)
{
	repeat_from_elsewhere();
	rig_session(&rig, false, true, 0);
	rig.peer->session.made_ns = rig.peer->answered.accepted_ns;
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	cr_expect(eq(uint, rig.peer->paths.followed, path_id(&rig.peer->paths, origin(0))));
}

Test(peer, what_leads_somewhere_is_no_candidate_any_more)
{
	struct route route = rig_route(&rig, 0);
	struct path *path = peer_add_origin(rig.peer, &route, 148, rig.now_ns);

	cr_assert(path_is_origin(path));
	rig_path(&rig, 0); /* a name that is resolved, say */
	cr_expect(not(path_is_origin(path)), "it would be greeted at every turn");
}

Test(peer, candidate_is_probed_within_what_came_from_it)
{
	struct route route = rig_route(&rig, 0);
	struct keypair *kp;

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns); /* greets */
	greet(kp, boot_id);
	for (unsigned i = 0; i < 8; i++)
		peer_service(rig.peer, rig.now_ns + i * NS_PER_S);
	cr_assert(ne(ptr, origin(0), NULL));
	cr_expect(not(path_has_target(origin(0))));
	cr_expect(ge(uint, origin(0)->health.next_seq, 2), "two probes at least");
	cr_expect(le(uint, origin(0)->told_bytes, 3 * 148));
}

/* ---- dead and refused paths ---- */

Test(peer, dead_path_learnt_from_the_peer_is_forgotten_and_a_configured_one_kept)
{
	struct route learnt = rig_route(&rig, 1);
	struct path *path;

	bonded();
	learnt.remote = rig.remote[0]; /* another address of the peer over link 1 */
	path = peer_add_path(rig.peer, &learnt, -1, rig.now_ns);
	peer_set_route(rig.peer, path, &learnt, rig.now_ns);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&rig.peer->paths.slot[i]))
			health_fail(&rig.peer->paths.slot[i].health, "for the test", rig.now_ns);
	}
	rig.peer->handshake.sent_ns = rig.now_ns;
	peer_paths_service(rig.peer, rig.now_ns + 30 * NS_PER_S - 1);
	cr_expect(path_is_used(path));
	peer_paths_service(rig.peer, rig.now_ns + 30 * NS_PER_S);
	cr_expect(not(path_is_used(path)));
	cr_expect(eq(ptr, rcu_dereference(rig.peer->dp->path[path - rig.peer->paths.slot].target),
	             NULL));
	cr_expect(ne(ptr, origin(0), NULL));
	cr_expect(ne(ptr, origin(1), NULL));
}

static void bring_up(struct path *path)
{
	uint16_t seq = health_probe_sent(&path->health, &rig.peer->health_settings, rig.now_ns);

	health_answered(&path->health, &rig.peer->health_settings, seq, NS_PER_MS, rig.now_ns);
	cr_assert(eq(int, path->health.state, PATH_UP));
}

Test(peer, only_path_never_rests)
{
	struct path *path;

	rig_path(&rig, 0);
	greet(rig_session(&rig, false, true, 0), boot_id);
	path = origin(0);
	bring_up(path);
	for (unsigned i = 0; i < 20; i++)
		peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, 0));
	cr_expect(eq(int, path->health.state, PATH_UP));
}

Test(peer, path_rests_after_three_refusals_in_a_row_beside_another)
{
	struct path *path;

	bonded();
	path = origin(0);
	bring_up(path);
	bring_up(origin(1));
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->health.probe_at_ns, rig.now_ns + rig.peer->health_settings.busy_ns),
	          "one finds out soon");
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	counter_add_shared(&rig.peer->dp->path[path_id(&rig.peer->paths, path)].tx_packets, 1);
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, 0), "one was sent in between");
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, rig.now_ns + 5 * NS_PER_S));
	cr_expect(eq(int, path->health.state, PATH_DOWN));
}

Test(peer, path_that_rests_is_tried_when_the_network_changes)
{
	struct path *path;

	bonded();
	path = origin(0);
	bring_up(path);
	bring_up(origin(1));
	for (unsigned i = 0; i < 3; i++)
		peer_path_refused(rig.peer, path, ENETUNREACH, rig.now_ns);
	cr_assert(gt(u64, path->rest_until_ns, rig.now_ns));
	rig.now_ns += NS_PER_S;
	peer_try_again(rig.peer, rig.now_ns);
	cr_expect(le(u64, path->rest_until_ns, rig.now_ns));
	cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns), "serviced now");
}

Test(peer, link_that_rests_is_tried_when_the_network_changes)
{
	struct uplink_pair *pair = rig_pair(&rig, 0);

	bonded();
	bring_up(origin(0));
	peer_path_refused(rig.peer, origin(0), ENETDOWN, rig.now_ns);
	cr_assert(eq(int, pair->state, UPLINK_RESTING));
	rig.now_ns += NS_PER_S;
	deadline_run(&rig.control.loop.deadlines, rig.now_ns);
	cr_expect(eq(int, pair->state, UPLINK_RESTING), "nothing has changed");
	uplinks_try_again(&rig.control.uplinks, rig.now_ns);
	deadline_run(&rig.control.loop.deadlines, rig.now_ns);
	cr_expect(eq(int, pair->state, UPLINK_UP));
}

/* ---- copies of an initiation ---- */

Test(peer, copies_get_the_same_response_over_their_own_links)
{
	struct message_initiation msg;
	struct message_response first, second;
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct noise_handshake hs;
	struct cookie_keys keys;
	struct cookie_jar jar = {0};
	struct route route;

	cookie_keys_init(&keys, rig.control.identity->public_key);
	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, 1800000000, 0, BONDING_MARKER);
	cr_assert(eq(
		int,
		noise_create_initiation(&hs, &rig.other, &rig.us, ephemeral, timestamp, 4711, &msg),
		0));
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, rig.now_ns);
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		route = rig_route(&rig, i);
		messages_take(&rig.control.messages, &route, (const uint8_t *)&msg, sizeof msg,
		              rig.now_ns + i * NS_PER_MS);
	}
	cr_assert(rig_sent(&rig, 0, MESSAGE_RESPONSE, &first, sizeof first));
	cr_assert(rig_sent(&rig, 1, MESSAGE_RESPONSE, &second, sizeof second));
	cr_expect(eq(int, memcmp(&first, &second, offsetof(struct message_response, macs)), 0));
	cr_expect(eq(u64, rig.peer->session.count, 1));
	cr_expect(eq(u64, engine_drops(rig.control.engine, DROP_REPLAY), 0));
}

/* ---- paths and addresses of ours ---- */

Test(peer, origin_of_a_late_copy_is_greeted_at_once)
{
	struct route first = rig_route(&rig, 0), second = rig_route(&rig, 1);

	peer_add_origin(rig.peer, &first, 148, rig.now_ns);
	rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns);
	cr_assert(path_is_asked(origin(0)));
	peer_add_origin(rig.peer, &second, 148, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + NS_PER_MS);
	cr_expect(path_is_asked(origin(1)));
}

Test(peer, proof_of_a_second_origin_does_not_move_what_the_session_uses)
{
	struct frame_path_challenge body = {0};
	struct route route[RIG_LINKS];
	struct keypair *kp;

	for (unsigned i = 0; i < RIG_LINKS; i++) {
		route[i] = rig_route(&rig, i);
		peer_add_origin(rig.peer, &route[i], 148, rig.now_ns);
	}
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns);
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		body.path_id = (uint8_t)path_id(&rig.peer->paths, origin(i));
		memcpy(body.token, origin(i)->challenge, sizeof body.token);
		rig_frame(&rig, kp, i, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
		atomic_store(&rig.peer->dp->path[body.path_id].heard_ns, rig.now_ns);
		cr_assert(path_has_target(origin(i)));
	}
	cr_expect(eq(uint, rig.peer->paths.followed, path_id(&rig.peer->paths, origin(0))));
}

Test(peer, path_that_carries_nothing_answers_from_where_it_is_spoken_to)
{
	struct frame_probe probe = {0};
	struct path_target *target;
	struct keypair *kp = bonded();
	struct path *path = origin(0);
	unsigned id = path_id(&rig.peer->paths, path);
	struct batch *r;

	for (unsigned up = 0; up < 2; up++) {
		if (up)
			bring_up(path);
		r = rig_report(&rig, kp, 0, id, FRAME_PROBE, &probe, sizeof probe);
		endpoint_parse(up ? "127.0.0.3:0" : "127.0.0.2:0", 0, &r->route.local);
		peer_take_report(rig.peer, r, rig.now_ns);
		batch_free(r);
		target = rcu_dereference(rig.peer->dp->path[id].target);
		cr_expect(eq(u32, ntohl(target->route.local.in4.sin_addr.s_addr), 0x7f000002));
	}
}

Test(peer, challenge_answered_too_late_proves_nothing)
{
	struct route elsewhere = rig_route(&rig, 0);
	struct frame_path_challenge body = {0};
	struct keypair *kp = bonded();
	struct path *path = origin(0);
	struct batch *r;

	elsewhere.remote = rig.remote[1];
	rig.peer->paths.asked_ns = rig.now_ns;
	body.path_id = (uint8_t)path_id(&rig.peer->paths, path);
	memcpy(body.token, peer_ask_path(rig.peer, path, &elsewhere), sizeof body.token);
	peer_paths_service(rig.peer, rig.now_ns + 10 * NS_PER_S);
	r = rig_report(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	r->route = elsewhere;
	peer_take_report(rig.peer, r, rig.now_ns);
	batch_free(r);
	cr_expect(endpoint_equal(&path->route.remote, &rig.remote[0]));
}
