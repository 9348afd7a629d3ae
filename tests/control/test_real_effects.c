/* SPDX-License-Identifier: MIT */
/* What the daemon's effects lead to; see peer_rig.h. */
#include "dataplane/statistics.h"
#include "peer_rig.h"

static struct peer_rig rig;
static struct effects *fx;

static void setup(void)
{
	rig_open(&rig);
	fx = rig.control.fx;
}

static void teardown(void)
{
	rig_close(&rig);
}

TestSuite(real_effects, .init = setup, .fini = teardown);

Test(real_effects, handshake_message_leaves_over_the_link_of_its_route)
{
	struct message_cookie_reply msg = {.type[0] = MESSAGE_COOKIE_REPLY}, got;
	struct route route = rig_route(&rig, 1);

	cr_assert(eq(int, fx->send_handshake(fx, &route, &msg, sizeof msg), 0));
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_COOKIE_REPLY, &got, sizeof got)));
	cr_expect(rig_sent(&rig, 1, MESSAGE_COOKIE_REPLY, &got, sizeof got));
}

Test(real_effects, link_can_send_while_its_sockets_are_up)
{
	struct uplink_pair *pair = rig_pair(&rig, 1);

	cr_expect(fx->can_send(fx, pair->link));
	pair->state = UPLINK_RESTING;
	cr_expect(not(fx->can_send(fx, pair->link)));
	cr_expect(fx->can_send(fx, rig_pair(&rig, 0)->link));
}

Test(real_effects, index_is_reserved_until_its_keypair_takes_it)
{
	struct keypair *kp;
	uint32_t index;

	cr_assert(eq(int, fx->reserve_index(fx, rig.peer, &index), 0));
	cr_expect(eq(ptr, fx->owner_of_index(fx, index), rig.peer));
	kp = keypair_create(true, index, 7, rig.now_ns);
	cr_assert(eq(int, fx->insert_keypair(fx, kp), 0));
	cr_expect(eq(ptr, fx->owner_of_index(fx, index), NULL));
	cr_expect(eq(ptr, fx->keypair_of_index(fx, index), kp));
	fx->remove_keypair(fx, kp);
	cr_expect(eq(ptr, fx->keypair_of_index(fx, index), NULL));
	keypair_put(kp);
}

Test(real_effects, reservation_is_given_back)
{
	uint32_t index;

	cr_assert(eq(int, fx->reserve_index(fx, rig.peer, &index), 0));
	fx->release_index(fx, index);
	cr_expect(eq(ptr, fx->owner_of_index(fx, index), NULL));
}

Test(real_effects, deadline_is_set_moved_and_cancelled)
{
	struct deadline_heap *heap = &rig.control.loop.deadlines;

	fx->wake_at(fx, &rig.peer->deadline, 42);
	cr_expect(eq(u64, deadline_next_ns(heap), 42));
	fx->wake_at(fx, &rig.peer->deadline, 43);
	cr_expect(eq(u64, deadline_next_ns(heap), 43));
	fx->wake_at(fx, &rig.peer->deadline, NEVER_NS);
	cr_expect(not(deadline_is_set(&rig.peer->deadline)));
}

Test(real_effects, drop_is_counted_by_its_reason)
{
	fx->count_drop(fx, DROP_REPLAY);
	cr_expect(eq(u64, engine_drops(rig.control.engine, DROP_REPLAY), 1));
}
