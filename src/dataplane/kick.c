/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/kick.h"

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

static struct dp_peer *peer_of(struct alarm *alarm)
{
	return caa_container_of(alarm, struct outflow, expiry)->peer;
}

/* A turn drops what is too old. Where another thread has the role it does so. */
static void look_again(struct alarm *alarm, void *self, uint64_t now_ns)
{
	struct dp_peer *peer = peer_of(alarm);

	if (outflow_ask(peer->outflow))
		kick_outflow(self, peer, now_ns);
}

static bool hold(struct alarm *alarm)
{
	return dp_peer_get(peer_of(alarm));
}

static void release(struct alarm *alarm)
{
	dp_peer_put(peer_of(alarm));
}

const struct alarm_kind expiry_kind = {look_again, hold, release};
