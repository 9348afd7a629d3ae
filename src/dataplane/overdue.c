/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/overdue.h"

#include "dataplane/inject.h"
#include "dataplane/peer.h"

static struct dp_peer *peer_of(struct alarm *alarm)
{
	return caa_container_of(alarm, struct dp_peer, overdue);
}

/* Where another thread delivers at this moment it will look, a little later. Without memory the
 * alarm rings again.
 */
static void look_again(struct alarm *alarm, void *self, uint64_t now_ns)
{
	inject_flush(self, peer_of(alarm), now_ns);
}

static bool hold(struct alarm *alarm)
{
	return dp_peer_get(peer_of(alarm));
}

static void release(struct alarm *alarm)
{
	dp_peer_put(peer_of(alarm));
}

const struct alarm_kind overdue_kind = {look_again, hold, release};
