/* SPDX-License-Identifier: MIT */
/* One peer over two links of loopback; the test plays the data plane's threads. */
#include "control/notices.h"

#include <errno.h>

#include "dataplane/engine_private.h"
#include "dataplane/mailbox.h"
#include "peer_rig.h"

static struct peer_rig rig;
static struct notices notices;
static int tun_error;

static void tun_gone(void *arg, int error)
{
	cr_assert(eq(ptr, arg, &rig));
	tun_error = error;
}

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&rig);
	notices = (struct notices){.engine = rig.control.engine, .tun_gone = tun_gone, .arg = &rig};
	cr_assert(eq(int, notices_init(&notices, &rig.control.loop), 0));
}

static void teardown(void)
{
	rig_close(&rig);
}

TestSuite(notices, .init = setup, .fini = teardown);

Test(notices, peer_with_something_to_send_gets_a_handshake)
{
	rig_path(&rig, 0);
	cr_assert(not(rig.peer->handshake.is_pending));
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	notices_take(&notices, rig.now_ns);
	cr_expect(rig.peer->handshake.is_pending);
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
}

Test(notices, peer_with_a_young_session_needs_none)
{
	rig_path(&rig, 0);
	rig_session(&rig, true, false, 0);
	atomic_store(&rig.peer->dp->session_wanted, true);
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	notices_take(&notices, rig.now_ns);
	cr_expect(not(rig.peer->handshake.is_pending));
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)), "it may ask again");
}

Test(notices, refusal_of_the_system_reaches_the_link_of_the_path)
{
	unsigned id = path_id(&rig.peer->paths, rig_path(&rig, 1));

	atomic_store(&rig.peer->dp->path[id].refusal,
	             dp_refusal(rig_pair(&rig, 1)->link->id, ENETDOWN));
	mailbox_tell(rig.peer->dp, PEER_EVENT_SEND_ERROR);
	notices_take(&notices, rig.now_ns);
	cr_expect(eq(int, rig_pair(&rig, 1)->state, UPLINK_RESTING));
	cr_expect(eq(int, rig_pair(&rig, 0)->state, UPLINK_UP));
	cr_expect(zero(u32, atomic_load(&rig.peer->dp->path[id].refusal)), "told once");
}

/* The path has left that link since, or another one has its place. */
Test(notices, refusal_on_another_link_than_the_path_has_is_nobodys)
{
	unsigned id = path_id(&rig.peer->paths, rig_path(&rig, 1));

	atomic_store(&rig.peer->dp->path[id].refusal,
	             dp_refusal(rig_pair(&rig, 0)->link->id, ENETDOWN));
	mailbox_tell(rig.peer->dp, PEER_EVENT_SEND_ERROR);
	notices_take(&notices, rig.now_ns);
	for (unsigned i = 0; i < RIG_LINKS; i++)
		cr_expect(eq(int, rig_pair(&rig, i)->state, UPLINK_UP));
	cr_expect(eq(uint, rig.peer->paths.slot[id].refusals, 0));
}

Test(notices, refusal_before_a_path_had_its_place_is_nobodys)
{
	unsigned id = path_id(&rig.peer->paths, rig_path(&rig, 1));
	struct route other = rig_route(&rig, 1);

	atomic_store(&rig.peer->dp->path[id].refusal,
	             dp_refusal(rig_pair(&rig, 1)->link->id, ENETDOWN));
	free_path(rig.peer, &(struct news){.path = &rig.peer->paths.slot[id]});
	endpoint_set_port(&other.remote, 9);
	cr_assert(eq(ptr, peer_add_path(rig.peer, &other, -1, rig.now_ns),
	             &rig.peer->paths.slot[id]));
	mailbox_tell(rig.peer->dp, PEER_EVENT_SEND_ERROR);
	notices_take(&notices, rig.now_ns);
	cr_expect(eq(int, rig_pair(&rig, 1)->state, UPLINK_UP));
}

/* A HELLO that came over link 0 makes a bonded peer, unless that link went since. */
static void hello_over_link_that_left(uint64_t left_ns)
{
	struct keypair *kp;
	struct frame_hello body = {.version = 1};
	struct batch *notice;

	rig_path(&rig, 0);
	kp = rig_session(&rig, true, true, 0);
	notice = rig_notice(&rig, kp, 0, 0, FRAME_HELLO, &body, sizeof body);
	uplink_left(&rig.control.uplinks.uplink[0], left_ns);
	mailbox_post_notice(&rig.control.engine->control, notice);
	notices_take(&notices, rig.now_ns);
}

Test(notices, frames_of_a_link_from_before_it_was_bound_anew_are_nobodys)
{
	hello_over_link_that_left(rig.now_ns);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_UNKNOWN));
}

Test(notices, frames_of_a_link_since_it_was_bound_anew_are_taken)
{
	hello_over_link_that_left(rig.now_ns - 1);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
}

/* Another address, at which no path is: it must not become a candidate. */
Test(notices, origin_over_a_link_that_is_gone_makes_no_path)
{
	struct route origin = rig_route(&rig, 0);
	struct frame_hello body = {.version = 1};
	struct keypair *kp;
	struct batch *notice;

	rig_path(&rig, 0);
	kp = rig_session(&rig, true, false, 0);
	rig.peer->verdict.is = VERDICT_STOCK;
	notice = rig_notice(&rig, kp, 0, PATH_NONE, FRAME_HELLO, &body, sizeof body);
	notice->len = 0; /* merely where it came from */
	endpoint_set_port(&origin.remote, 9);
	notice->route = origin;
	rig.control.uplinks.uplink[0].is_used = false;
	mailbox_post_notice(&rig.control.engine->control, notice);
	notices_take(&notices, rig.now_ns);
	cr_expect(eq(ptr, paths_find(&rig.peer->paths, &origin), NULL));
	rig.control.uplinks.uplink[0].is_used = true;
}

/* What the data plane said of a peer that went before it was taken. */
Test(notices, news_of_a_peer_that_is_gone_is_nobodys)
{
	struct keypair *kp;
	struct frame_hello body = {.version = 1};
	struct batch *notice;
	struct dp_peer *dp = rig.peer->dp;

	rig_path(&rig, 0);
	kp = rig_session(&rig, true, true, 0);
	notice = rig_notice(&rig, kp, 0, 0, FRAME_HELLO, &body, sizeof body);
	mailbox_tell(dp, PEER_EVENT_WANT_SESSION | PEER_EVENT_SIGNS);
	mailbox_post_notice(&rig.control.engine->control, notice);
	peer_destroy(rig.peer);
	rig.peer = NULL;
	rig.control.peers.count = 0;
	notices_take(&notices, rig.now_ns);
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0)));
	cr_expect(eq(ptr, engine_take_notice(rig.control.engine), NULL), "it was taken");
}

Test(notices, loop_takes_them_when_the_data_plane_says_so)
{
	rig_path(&rig, 0);
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	cr_assert(eq(int, loop_turn(&rig.control.loop), 0));
	cr_expect(rig.peer->handshake.is_pending);
}

Test(notices, end_of_the_tun_device_is_told_and_nothing_else_taken)
{
	rig_path(&rig, 0);
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	mailbox_tun_failed(&rig.control.engine->mailbox, EBADFD);
	notices_take(&notices, rig.now_ns);
	cr_expect(eq(int, tun_error, EBADFD));
	cr_expect(not(rig.peer->handshake.is_pending));
}
