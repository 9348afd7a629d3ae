/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/activity.h"

#include "dataplane/mailbox.h"

/* Sets a since-time that is not set, and tells control unless it looks anyway. Two threads may both
 * find it unset; both write nearly the same time, so the race costs nothing.
 */
static void begin(struct dp_peer *peer, counter_t *since_ns, uint64_t now_ns)
{
	if (atomic_load_explicit(since_ns, memory_order_relaxed))
		return;
	/* Sequentially consistent, as is control's disarming: either it sees the time or we see
	 * that it is not armed.
	 */
	atomic_store(since_ns, now_ns);
	if (!atomic_load(&peer->timers_armed) && !atomic_exchange(&peer->timers_armed, true))
		mailbox_tell(peer, PEER_EVENT_ACTIVE);
}

/* Clears it without dirtying the cache line when there is nothing to clear. A "begin" of another
 * thread may be lost at this moment: the timer concerned then starts with the next packet.
 */
static void end(counter_t *since_ns)
{
	if (atomic_load_explicit(since_ns, memory_order_relaxed))
		atomic_store_explicit(since_ns, 0, memory_order_relaxed);
}

void dp_peer_sent(struct dp_peer *peer, bool is_data, uint64_t now_ns)
{
	atomic_store_explicit(&peer->sent_ns, now_ns, memory_order_relaxed);
	end(&peer->data_rx_since_ns);
	if (!is_data)
		return;
	atomic_store_explicit(&peer->data_ns, now_ns, memory_order_relaxed);
	begin(peer, &peer->data_tx_since_ns, now_ns);
}

void dp_peer_heard(struct dp_peer *peer, bool is_data, uint64_t now_ns)
{
	atomic_store_explicit(&peer->heard_ns, now_ns, memory_order_relaxed);
	end(&peer->data_tx_since_ns);
	if (!is_data)
		return;
	atomic_store_explicit(&peer->data_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&peer->data_heard_ns, now_ns, memory_order_relaxed);
	begin(peer, &peer->data_rx_since_ns, now_ns);
}

void dp_peer_want_session(struct dp_peer *peer)
{
	if (atomic_load_explicit(&peer->session_wanted, memory_order_relaxed))
		return;
	atomic_store_explicit(&peer->session_wanted, true, memory_order_relaxed);
	mailbox_tell(peer, PEER_EVENT_WANT_SESSION);
}
