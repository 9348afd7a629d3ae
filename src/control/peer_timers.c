/* SPDX-License-Identifier: MIT */
#include "control/peer_timers.h"

#include "control/peer_endpoints.h"
#include "control/peer_handshake.h"
#include "control/peer_told.h"
#include "control/peer_verdict.h"
#include "control/timers.h"

/* A series of initiations that nobody answered is begun again after this, where the configuration
 * says how to reach the peer: the tunnel is meant to be up. Data to send begins one at once.
 */
#define SERIES_PAUSE_NS (30 * NS_PER_S)

/* Unanswered initiations after which people are told: a lost packet or two is nothing. */
#define UNANSWERED_TOLD 3u

static struct timer_facts facts_of(const struct peer *peer)
{
	const struct dp_peer *dp = peer->dp;
	const struct session *s = &peer->session;
	const struct keypair *kp = s->current;

	return (struct timer_facts){
		.data_tx_since_ns = counter_read(&dp->data_tx_since_ns),
		.data_rx_since_ns = counter_read(&dp->data_rx_since_ns),
		.sent_ns = counter_read(&dp->sent_ns),
		.heard_ns = counter_read(&dp->heard_ns),
		.data_heard_ns = counter_read(&dp->data_heard_ns),
		.is_bonded = peer->verdict.is == VERDICT_BONDED,
		.is_attempting = peer->handshake.is_pending,
		.retry_ns = peer->handshake.retry_ns,
		.jitter_ns = peer->silence_jitter_ns,
		.has_keys = session_has_keys(s),
		.is_renewing = kp && kp->is_initiator && !s->is_renewal_asked,
		.born_ns = kp ? kp->born_ns : 0,
		.rekey_ns = kp ? kp->rekey_ns : 0,
		.session_ns = s->made_ns,
		.persistent_keepalive_ns = peer->set.persistent_keepalive_ns,
		.health_timeout_ns = peer->health_settings.timeout_ns,
		.has_other_links = peer->uplinks->in_use > 1,
	};
}

/* Like data it has its initiator renew a key that is old enough (whitepaper 6.2), or a tunnel that
 * carries only keepalives would have none between REJECT_AFTER_TIME and the next one.
 */
static void send_keepalive(struct peer *peer, uint64_t now_ns)
{
	peer_send_keepalive(peer);
	if (peer->session.current && peer->session.current->is_initiator &&
	    now_ns >= peer->session.current->rekey_ns && !peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns);
}

/* ---- what is due ---- */

STEP(break_silence)
{
	struct news silent = *n;

	silent.since_ns = counter_read(&peer->dp->data_tx_since_ns);
	peer->silence_jitter_ns = effects_random_below(peer->fx, TIMER_JITTER_NS + 1);
	if (peer_initiate(peer, false, n->now_ns)) /* one that was put off has a retry */
		tell_silent(peer, &silent);
}

STEP(keep_alive)
{
	if (session_is_alive(&peer->session, n->now_ns))
		send_keepalive(peer, n->now_ns);
	else
		atomic_store(&peer->dp->data_rx_since_ns, 0);
}

STEP(keep_alive_or_begin)
{
	if (session_is_alive(&peer->session, n->now_ns))
		send_keepalive(peer, n->now_ns);
	else if (!peer->handshake.is_pending && peer->handshake.retry_ns == NEVER_NS)
		peer_initiate(peer, false, n->now_ns);
}

STEP(renew_key)
{
	peer->session.is_renewal_asked = true;
	if (!peer->handshake.is_pending)
		peer_initiate(peer, false, n->now_ns);
}

STEP(retry)
{
	struct handshake *hs = &peer->handshake;

	if (hs->attempts == UNANSWERED_TOLD && hs->is_pending && !peer->is_unreachable)
		peer_hears(peer, NEWS_UNANSWERED, n);
	peer_try_next_addresses(peer, n->now_ns);
	if (hs->attempts >= MAX_TIMER_HANDSHAKES)
		peer_hears(peer, NEWS_GAVE_UP, n);
	else
		peer_initiate(peer, hs->is_pending, n->now_ns);
}

STEP(drop_what_waits)
{
	(void)n;
	peer->fx->drop_staged(peer->fx, peer->dp);
	atomic_store(&peer->dp->data_tx_since_ns, 0);
}

STEP(try_later)
{
	if (peer->endpoints.count)
		peer->handshake.retry_ns = n->now_ns + SERIES_PAUSE_NS;
}

static const enum peer_news news_of[TIMER_COUNT] = {
	[TIMER_SILENCE] = NEWS_SILENT,
	[TIMER_PASSIVE_KEEPALIVE] = NEWS_SPOKEN_TO,
	[TIMER_PERSISTENT_KEEPALIVE] = NEWS_QUIET,
	[TIMER_KEY_AGE] = NEWS_KEY_AGED,
	[TIMER_ZEROING] = NEWS_KEYS_OLD,
	[TIMER_RETRY] = NEWS_RETRY_DUE,
};

/* Returns when to look at it again. */
static uint64_t serve(struct peer *peer, enum timer timer, uint64_t now_ns)
{
	struct timer_facts facts = facts_of(peer);
	uint64_t due_ns = timer_due_ns(timer, &facts, now_ns);

	if (due_ns > now_ns)
		return due_ns;
	peer_hears(peer, news_of[timer], &(struct news){.now_ns = now_ns});
	facts = facts_of(peer);
	return timer_again_ns(timer, &facts, now_ns);
}

static bool is_idle(const struct dp_peer *dp)
{
	return !counter_read(&dp->data_tx_since_ns) && !counter_read(&dp->data_rx_since_ns);
}

/* The data plane wakes us only while nobody looks at the two times anyway. */
static void disarm_if_idle(struct dp_peer *dp)
{
	if (!is_idle(dp))
		return;
	atomic_store(&dp->timers_armed, false);
	if (atomic_load(&dp->data_tx_since_ns) || atomic_load(&dp->data_rx_since_ns))
		atomic_store(&dp->timers_armed, true); /* begun meanwhile: seen in this round */
}

static uint64_t serve_all(struct peer *peer, uint64_t now_ns)
{
	uint64_t next_ns = NEVER_NS;

	disarm_if_idle(peer->dp);
	for (enum timer timer = 0; timer < TIMER_COUNT; timer++) {
		uint64_t at_ns = serve(peer, timer, now_ns);

		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	return next_ns;
}

uint64_t peer_timers_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next_ns = serve_all(peer, now_ns);

	/* A keepalive that was due, say, has ended what was looked at: nobody comes back for it. */
	if (atomic_load(&peer->dp->timers_armed) && is_idle(peer->dp))
		next_ns = serve_all(peer, now_ns);
	return next_ns;
}
