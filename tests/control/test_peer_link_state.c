/* SPDX-License-Identifier: MIT */
/* What LINK_STATE does to paths, and what makes it; see peer_rig.h. */
#include <errno.h>

#include "control/link_state.h"
#include "control/peer_link_state.h"
#include "dataplane/statistics.h"
#include "peer_case.h"

TestSuite(peer_link_state, .init = case_setup, .fini = case_teardown);

static struct keypair *kp;

static void greet_fully(void)
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	store_le32(body.features, FEATURE_LINK_STATE);
	memcpy(body.boot_id, boot_id, sizeof boot_id);
	rig_frame(&rig, kp, 0, path_id(&rig.peer->paths, origin(0)), FRAME_HELLO_ACK, &body,
	          sizeof body);
}

/* Bonded over two paths that are up, of which the peer's numbers are 8 and 9; it takes LINK_STATE,
 * and has acknowledged ours.
 */
static void begin(void)
{
	kp = bonded();
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		bring_up(origin(i));
		origin(i)->knows_remote_id = true;
		origin(i)->remote_id = (uint8_t)(8 + i);
	}
	greet_fully();
	peer_service(rig.peer, rig.now_ns);
	link_state_out_acked(&rig.peer->link_state_out, rig.peer->link_state_out.number);
}

/* The peer says number @number, its path 8 @state. */
static void say(uint32_t number, uint8_t state)
{
	struct link_state all = {.paths = 3u << 8};
	uint8_t body[LINK_STATE_LEN_MAX];
	size_t len;

	all.path[8] = (struct link_state_path){.state = state, .weight = 1};
	all.path[9] = (struct link_state_path){.state = LINK_STATE_CARRIES, .weight = 1};
	len = link_state_write(&all, number, body);
	rig_frame(&rig, kp, 1, path_id(&rig.peer->paths, origin(1)), FRAME_LINK_STATE, body, len);
}

static uint16_t bit(unsigned link)
{
	return (uint16_t)(1u << path_id(&rig.peer->paths, origin(link)));
}

static uint8_t said_of(unsigned link)
{
	return rig.peer->link_state_out.said.path[path_id(&rig.peer->paths, origin(link))].state;
}

Test(peer_link_state, peer_that_does_not_take_it_is_told_nothing)
{
	bonded_and_up();
	peer_service(rig.peer, rig.now_ns);
	cr_expect(not(rig.peer->link_state_out.is_wanted));
	cr_expect(eq(u64, peer_link_state_service(rig.peer, rig.now_ns), NEVER_NS));
}

Test(peer_link_state, greeting_has_all_paths_told_until_it_is_acknowledged)
{
	struct link_state_out *out;
	struct frame_link_state_ack ack = {0};

	begin();
	out = &rig.peer->link_state_out;
	cr_expect(eq(uint, out->said.paths, bit(0) | bit(1)));
	cr_expect(eq(int, said_of(0), LINK_STATE_CARRIES));
	out->due_ns = rig.now_ns;
	cr_expect(lt(u64, rig.now_ns, peer_link_state_service(rig.peer, rig.now_ns)));
	store_le32(ack.number, out->number - 1);
	rig_frame(&rig, kp, 1, 1, FRAME_LINK_STATE_ACK, &ack, sizeof ack);
	cr_expect(ne(u64, out->due_ns, NEVER_NS), "another one");
	store_le32(ack.number, out->number);
	rig_frame(&rig, kp, 1, 1, FRAME_LINK_STATE_ACK, &ack, sizeof ack);
	cr_expect(eq(u64, out->due_ns, NEVER_NS));
}

/* A peer to which no greeting came for three seconds took us for plain, and has forgotten it. */
Test(peer_link_state, all_is_told_anew_in_each_session)
{
	struct link_state_out *out;

	begin();
	out = &rig.peer->link_state_out;
	greet_fully();
	cr_expect(eq(u64, out->due_ns, NEVER_NS), "a copy of the greeting");
	rig.now_ns += 120 * NS_PER_S;
	kp = rig_session(&rig, false, true, 0);
	cr_expect(eq(u64, out->due_ns, NEVER_NS));
	greet_fully();
	cr_expect(le(u64, out->due_ns, rig.now_ns + 50 * NS_PER_MS));
}

Test(peer_link_state, link_that_fails_is_told_in_the_same_turn)
{
	struct link_state_out *out;
	uint32_t before;

	begin();
	out = &rig.peer->link_state_out;
	before = out->number;
	uplinks_netif_event(&rig.control.uplinks,
	                    &(struct netif_event){.kind = NETIF_LINK_DOWN, .name = "nothing"},
	                    rig.now_ns);
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(u32, out->number, before), "another device");
	uplink_refused(&rig.control.uplinks.uplink[0], rig_pair(&rig, 0)->link, ENETDOWN,
	               rig.now_ns);
	cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns), "serviced now");
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(u32, out->number, before + 1));
	cr_expect(eq(int, said_of(0), LINK_STATE_REFUSED));
	cr_expect(eq(int, said_of(1), LINK_STATE_CARRIES));
	cr_expect(eq(u64, out->due_ns, rig.now_ns + 50 * NS_PER_MS), "it was sent");
}

Test(peer_link_state, path_that_the_system_refuses_is_told)
{
	begin();
	for (unsigned i = 0; i < 3; i++)
		peer_path_refused(rig.peer, origin(0), ENETUNREACH, rig.now_ns);
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(int, said_of(0), LINK_STATE_REFUSED));
	rig.now_ns = origin(0)->rest_until_ns;
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(int, said_of(0), LINK_STATE_CARRIES), "rested");
}

Test(peer_link_state, link_that_is_taken_away_is_told_as_removed)
{
	uint16_t gone;

	begin();
	gone = bit(0);
	peer_link_gone(rig.peer, rig_pair(&rig, 0)->link, rig.now_ns);
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(int, rig.peer->link_state_out.said.path[__builtin_ctz(gone)].state,
	             LINK_STATE_REMOVED));
	cr_expect(eq(uint, rig.peer->link_state_out.said.paths, gone | bit(1)));
}

Test(peer_link_state, path_that_the_peer_leaves_takes_no_data_at_once)
{
	begin();
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_assert(eq(uint, rig.peer->paths.published_mask, bit(0) | bit(1)));
	say(1, LINK_STATE_NO_DEVICE);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(1)));
	cr_expect(eq(int, origin(0)->health.state, PATH_DOWN));
	cr_expect(eq(str, (char *)origin(0)->health.reason,
	             "the peer says that its device is down or gone"));
}

Test(peer_link_state, path_comes_back_by_the_usual_rules_once_the_peer_says_so)
{
	begin();
	say(1, LINK_STATE_NO_DEVICE);
	origin(0)->health.state = PATH_UP; /* whatever answered */
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(1)), "not before");
	health_fail(&origin(0)->health, "for the test", rig.now_ns);
	say(2, LINK_STATE_CARRIES);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(1)), "it has to answer");
	cr_expect(origin(0)->health.is_recovering, "and is asked fast");
	origin(0)->health.state = PATH_UP;
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(0) | bit(1)));
}

Test(peer_link_state, wishes_of_ours_are_told)
{
	begin();
	rig.control.uplinks.uplink[1].wishes =
		(struct link_wishes){.role = LINK_ROLE_OVERFLOW, .weight = 40};
	rig.control.uplinks.uplink[1].limits = (struct link_limits){1000, 2000};
	peer_share_anew(rig.peer, rig.now_ns);
	cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns), "serviced now");
	peer_service(rig.peer, rig.now_ns);
	cr_expect(eq(int, rig.peer->link_state_out.said.path[__builtin_ctz(bit(1))].role,
	             LINK_ROLE_OVERFLOW));
	cr_expect(eq(u32, rig.peer->link_state_out.said.path[__builtin_ctz(bit(1))].weight, 40));
	cr_expect(eq(int, rig.peer->link_state_out.said.path[__builtin_ctz(bit(0))].role,
	             LINK_ROLE_PRIMARY));
	cr_expect(eq(u32, rig.peer->link_state_out.said.path[__builtin_ctz(bit(1))].receive_kbps,
	             2000));
	cr_expect(lt(u64, rig.now_ns, rig.peer->link_state_out.due_ns), "it was sent");
}

Test(peer_link_state, same_word_again_fails_nothing_anew)
{
	begin();
	say(1, LINK_STATE_NO_DEVICE);
	origin(0)->health.reason = "as before";
	say(2, LINK_STATE_NO_DEVICE);
	cr_expect(eq(str, (char *)origin(0)->health.reason, "as before"));
}

Test(peer_link_state, only_path_carries_on_whatever_the_peer_says)
{
	begin();
	peer_link_gone(rig.peer, rig_pair(&rig, 1)->link, rig.now_ns);
	origin(0)->health.state = PATH_UP;
	rig.peer->link_state_in = (struct link_state_in){
		.has_any = true,
		.said = {.paths = 1u << 8, .path[8] = {.state = LINK_STATE_DRAINING, .weight = 1}}};
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(0)));
}

Test(peer_link_state, malformed_one_is_counted)
{
	uint64_t before;
	uint8_t body[] = {1, 0, 0, 0, 1, 0, 0, 0};

	begin();
	before = engine_drops(rig.control.engine, DROP_FRAME_MALFORMED);
	rig_frame(&rig, kp, 0, 0, FRAME_LINK_STATE, body, sizeof body);
	cr_expect(eq(u64, engine_drops(rig.control.engine, DROP_FRAME_MALFORMED), before + 1));
	cr_expect(not(rig.peer->link_state_in.has_any));
}

Test(peer_link_state, one_of_the_session_before_says_nothing)
{
	struct keypair *before;

	begin();
	before = kp;
	rig_session(&rig, false, true, 0);
	kp = before;
	say(1, LINK_STATE_NO_DEVICE);
	cr_expect(not(rig.peer->link_state_in.has_any));
}

Test(peer_link_state, one_that_overtakes_the_greeting_waits_for_it)
{
	static const uint8_t another_life[8] = {7};

	begin();
	say(1, LINK_STATE_CARRIES);
	kp = rig_session(&rig, false, true, 0);
	say(1, LINK_STATE_NO_DEVICE); /* its first, as that of the life before */
	cr_expect(link_state_in_of(&rig.peer->link_state_in, origin(0))->state ==
	          LINK_STATE_CARRIES);
	greet(kp, another_life);
	origin(0)->knows_remote_id = true;
	say(1, LINK_STATE_NO_DEVICE);
	cr_expect(link_state_in_is_leaving(&rig.peer->link_state_in, origin(0)));
}

Test(peer_link_state, peer_that_was_restarted_says_all_anew_and_is_told_all)
{
	static const uint8_t another_life[8] = {7};

	begin();
	say(50, LINK_STATE_NO_DEVICE);
	greet(kp, another_life); /* as an older version */
	cr_expect(not(rig.peer->link_state_in.has_any));
	cr_expect(not(rig.peer->link_state_out.is_wanted));
}
