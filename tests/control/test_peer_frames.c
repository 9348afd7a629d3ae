/* SPDX-License-Identifier: MIT */
/* What frames mean that come in; see peer_rig.h. */
#include "dataplane/feedback.h"
#include "peer_case.h"

TestSuite(peer_frames, .init = case_setup, .fini = case_teardown);

Test(peer_frames, goodbye_is_followed_by_an_initiation_soon_and_then_by_growing_pauses)
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
		cr_expect(lt(u64, before_ns / 5 * 4, pause_ns), "pause %u", i);
		cr_expect(le(u64, pause_ns, REKEY_TIMEOUT + TIMER_JITTER_NS), "pause %u", i);
		before_ns = pause_ns;
		at_ns = rig.peer->handshake.retry_ns;
		peer_timers_service(rig.peer, at_ns);
		cr_expect(rig.peer->handshake.is_pending, "attempt %u", i);
	}
	cr_expect(ge(u64, before_ns, REKEY_TIMEOUT), "the usual pause in the end");
}

Test(peer_frames, late_goodbye_of_the_session_before_is_ignored)
{
	struct keypair *before = bonded(), *now;
	struct frame_goodbye bye = goodbye(boot_id);

	now = rig_session(&rig, false, true, 0);
	rig_frame(&rig, before, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, now));
	rig_frame(&rig, now, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, NULL));
}

Test(peer_frames, late_goodbye_leaves_the_session_that_the_peer_has_begun_since)
{
	struct keypair *before = bonded(), *begun = rig_begin(&rig, false, true, 0);
	struct frame_goodbye bye = goodbye(boot_id);

	rig_frame(&rig, before, 0, 0, FRAME_GOODBYE, &bye, sizeof bye);
	cr_expect(eq(ptr, rig.peer->session.current, NULL));
	cr_assert(eq(ptr, rig.peer->session.next, begun));
	atomic_store(&begun->is_confirmed, true);
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(ptr, rig.peer->session.current, begun));
	cr_expect(not(rig.peer->is_unreachable));
}

Test(peer_frames, late_greeting_of_the_session_before_decides_nothing)
{
	struct keypair *before = bonded();
	static const uint8_t earlier_life[8] = {9};

	rig_session(&rig, false, true, 0);
	greet(before, earlier_life);
	cr_expect(eq(int, memcmp(rig.peer->verdict.remote_boot_id, boot_id, 8), 0));
	cr_expect(ne(u64, rig.peer->verdict.hello_ns, NEVER_NS), "our HELLO is not answered yet");
}

static struct frame_probe probe_of(unsigned path)
{
	return (struct frame_probe){.path_id = (uint8_t)path};
}

Test(peer_frames, probe_tells_that_our_greeting_came_though_the_answer_was_lost)
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

Test(peer_frames, life_sign_tells_so_as_well)
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

Test(peer_frames, path_that_carries_nothing_answers_from_where_it_is_spoken_to)
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
		r = rig_notice(&rig, kp, 0, id, FRAME_PROBE, &probe, sizeof probe);
		endpoint_parse(up ? "127.0.0.3:0" : "127.0.0.2:0", 0, &r->route.local);
		peer_take_notice(rig.peer, r, rig.now_ns);
		batch_free(r);
		target = rcu_dereference(rig.peer->dp->path[id].target);
		cr_expect(eq(u32, ntohl(target->route.local.in4.sin_addr.s_addr), 0x7f000002));
	}
}

Test(peer_frames, challenge_answered_too_late_proves_nothing)
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
	r = rig_notice(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	r->route = elsewhere;
	peer_take_notice(rig.peer, r, rig.now_ns);
	batch_free(r);
	cr_expect(endpoint_equal(&path->route.remote, &rig.remote[0]));
}

static void greet_with(struct keypair *kp, uint32_t features)
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	store_le32(body.features, features);
	memcpy(body.boot_id, boot_id, sizeof boot_id);
	rig_frame(&rig, kp, 0, 0, FRAME_HELLO_ACK, &body, sizeof body);
}

Test(peer_frames, reports_are_exchanged_with_who_knows_them)
{
	struct keypair *kp = bonded();

	cr_expect(eq(ptr, feedback_of(rig.peer->dp), NULL), "an older version");
	greet_with(kp, FEATURE_REPORTS | 0x80000000u); /* and something of later */
	cr_expect(ne(ptr, feedback_of(rig.peer->dp), NULL));
	greet_with(kp, 0); /* restarted as that older version */
	cr_expect(eq(ptr, feedback_of(rig.peer->dp), NULL));
}

/* Each time everything would be told anew, and the MTU of all paths be searched. */
Test(peer_frames, who_says_something_else_with_each_greeting_is_heard_now_and_then)
{
	struct keypair *kp = bonded();
	struct link_state_out *out = &rig.peer->link_state_out;
	uint32_t features = FEATURE_LINK_STATE | FEATURE_MTU, before = out->number;

	for (unsigned i = 0; i < 1000; i++)
		greet_with(kp, i % 2 ? features : 0);
	cr_expect(lt(u32, out->number - before, 10));
	before = out->number;
	for (unsigned i = 0; i < 10; i++) {
		rig.now_ns += NS_PER_S;
		greet_with(kp, i % 2 ? features : 0);
	}
	cr_expect(eq(u32, out->number - before, 5), "as fast as a daemon may be restarted");
}

Test(peer_frames, who_was_restarted_with_each_greeting_is_believed_now_and_then)
{
	struct keypair *kp = bonded();
	unsigned lives = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint8_t id[8] = {(uint8_t)i, (uint8_t)(i >> 8), 9};

		greet(kp, id);
		lives += !verdict_is_other_life(&rig.peer->verdict, id);
	}
	cr_expect(gt(uint, lives, 1));
	cr_expect(lt(uint, lives, 10));
}
