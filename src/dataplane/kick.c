/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/kick.h"

#include "base/clock.h"
#include "dataplane/engine_private.h"
#include "dataplane/outflow.h"
#include "dataplane/peer.h"

void kick_outflow(struct dp_thread *self, struct dp_peer *peer, uint64_t now_ns)
{
	self->now_ns = now_ns;
	if (outflow_run(self, peer->outflow, true) == OUTFLOW_DONE)
		return;
	if (!dispatcher_give_role(&peer->engine->dispatcher[dp_peer_queue(peer)], peer))
		outflow_abandon(self, peer->outflow);
}

void kick_idle_outflow(struct dp_thread *self, struct dp_peer *peer)
{
	if (outflow_ask(peer->outflow))
		kick_outflow(self, peer, clock_boot_ns());
}

/* A turn does what is due: drops what is too old, and records that nobody will ask for; sends what
 * a path can take. Where another thread has the role it does so.
 */
static void look_again(struct dp_peer *peer, struct dp_thread *self, uint64_t now_ns)
{
	if (outflow_ask(peer->outflow))
		kick_outflow(self, peer, now_ns);
}

#define ALARM_OF_OUTFLOW(member)                                                    \
	static struct dp_peer *member##_peer(struct alarm *alarm)                   \
	{                                                                           \
		return caa_container_of(alarm, struct outflow, member)->peer;       \
	}                                                                           \
	static void member##_ring(struct alarm *alarm, void *self, uint64_t now_ns) \
	{                                                                           \
		look_again(member##_peer(alarm), self, now_ns);                     \
	}                                                                           \
	static bool member##_hold(struct alarm *alarm)                              \
	{                                                                           \
		return dp_peer_get(member##_peer(alarm));                           \
	}                                                                           \
	static void member##_release(struct alarm *alarm)                           \
	{                                                                           \
		dp_peer_put(member##_peer(alarm));                                  \
	}                                                                           \
	const struct alarm_kind member##_kind = {member##_ring, member##_hold, member##_release};

ALARM_OF_OUTFLOW(expiry)
ALARM_OF_OUTFLOW(pump)
