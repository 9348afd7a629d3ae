/* SPDX-License-Identifier: MIT */
/* One peer over two links of loopback; the test plays the data plane's threads. */
#include "control/notices.h"

#include <errno.h>

#include "dataplane/mailbox.h"
#include "peer_rig.h"

static struct peer_rig rig;

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&rig);
	cr_assert(eq(int, notices_init(&rig.control), 0));
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
	notices_take(&rig.control, rig.now_ns);
	cr_expect(rig.peer->handshake.is_pending);
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
}

Test(notices, peer_with_a_young_session_needs_none)
{
	rig_path(&rig, 0);
	rig_session(&rig, true, false, 0);
	atomic_store(&rig.peer->dp->session_wanted, true);
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	notices_take(&rig.control, rig.now_ns);
	cr_expect(not(rig.peer->handshake.is_pending));
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)), "it may ask again");
}

Test(notices, refusal_of_the_system_reaches_the_link_of_the_path)
{
	unsigned id = path_id(&rig.peer->paths, rig_path(&rig, 1));

	atomic_store(&rig.peer->dp->path[id].send_errno, ENETDOWN);
	mailbox_tell(rig.peer->dp, PEER_EVENT_SEND_ERROR);
	notices_take(&rig.control, rig.now_ns);
	cr_expect(eq(int, rig_pair(&rig, 1)->state, UPLINK_RESTING));
	cr_expect(eq(int, rig_pair(&rig, 0)->state, UPLINK_UP));
	cr_expect(zero(int, atomic_load(&rig.peer->dp->path[id].send_errno)), "told once");
}

Test(notices, loop_takes_them_when_the_data_plane_says_so)
{
	rig_path(&rig, 0);
	mailbox_tell(rig.peer->dp, PEER_EVENT_WANT_SESSION);
	cr_assert(eq(int, loop_turn(&rig.control.loop), 0));
	cr_expect(rig.peer->handshake.is_pending);
}
