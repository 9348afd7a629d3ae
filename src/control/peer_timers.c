/* SPDX-License-Identifier: MIT */
#include "control/peer_timers.h"

#include "base/key_text.h"
#include "control/endpoints.h"
#include "control/peer_handshake.h"
#include "control/peer_session.h"
#include "control/peer_verdict.h"
#include "control/timers.h"

/* A series of initiations that nobody answered is begun again after this, where the configuration
 * says how to reach the peer: the tunnel is meant to be up. Data to send begins one at once.
 */
#define SERIES_PAUSE_NS (30 * NS_PER_S)

/* Unanswered initiations after which people are told: a lost packet or two is nothing. */
#define UNANSWERED_TOLD 3u

#define CLOCK_TEXT_LEN 32u

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
		.has_other_links = peer->set.link_count > 1,
	};
}

/* Like data it has its initiator renew a key that is old enough (whitepaper 6.2), or a tunnel that carries
 * only keepalives would have none between REJECT_AFTER_TIME and the next one.
 */
static void send_keepalive(struct peer *peer, uint64_t now_ns)
{
	peer_send_keepalive(peer);
	if (peer->session.current && peer->session.current->is_initiator &&
	    now_ns >= peer->session.current->rekey_ns && !peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns);
}

static void give_up(struct peer *peer, uint64_t now_ns)
{
	bool is_ours_to_reach = peer->set.endpoint_count > 0;

	if (!peer->is_unreachable)
		effects_log(peer->fx, LOG_LEVEL_WARNING,
		            "peer=%s: no answer to %u handshake initiations, %s", peer->name,
		            peer->handshake.attempts,
		            is_ours_to_reach ? "trying again every 30 s"
		                             : "waiting for data or the peer");
	peer->is_unreachable = true;
	handshake_abandon(&peer->handshake);
	peer->fx->drop_staged(peer->fx, peer->dp);
	atomic_store(&peer->dp->session_wanted, false);
	atomic_store(&peer->dp->data_tx_since_ns, 0);
	if (is_ours_to_reach)
		peer->handshake.retry_ns = now_ns + SERIES_PAUSE_NS;
}

/* What this machine takes for the time: an end whose clock was set back is refused without a word, as the
 * protocol has it, and only the other end knows.
 */
static const char *clock_text(struct effects *fx, char buf[static CLOCK_TEXT_LEN])
{
	struct timespec now = fx->wall_clock(fx);
	struct tm tm;

	gmtime_r(&now.tv_sec, &tm);
	strftime(buf, CLOCK_TEXT_LEN, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return buf;
}

/* Nobody tells us what is wrong at the other end, so all that can be compared is said here. */
static void tell_unanswered(const struct peer *peer)
{
	const char *at = peer->set.endpoint_count ? peer->set.endpoint : "its last address";
	char ours[KEY_TEXT_LEN], theirs[KEY_TEXT_LEN], now[CLOCK_TEXT_LEN];

	clock_text(peer->fx, now);
	if (peer->session.count) {
		effects_log(peer->fx, LOG_LEVEL_WARNING,
		            "peer=%s: no answer to %u handshake initiations, trying on; it "
		            "answered before: look at its links, its address and its log, and "
		            "whether this clock (%s) was set back",
		            peer->name, peer->handshake.attempts, now);
		return;
	}
	key_to_base64(ours, peer->identity->public_key);
	key_to_base64(theirs, peer->set.public_key);
	effects_log(peer->fx, LOG_LEVEL_WARNING,
	            "peer=%s: no answer to %u handshake initiations, trying on; compare: the other "
	            "end has to know our public key %s, its own must be %s (vtrunkd pubkey -c FILE "
	            "prints it there), UDP has to reach it at %s%s, and this clock (%s) must not "
	            "be behind a time at which the key was used before",
	            peer->name, peer->handshake.attempts, ours, theirs, at,
	            peer->set.endpoint_count > 1 ? " or its other endpoints" : "", now);
}

/* ---- what is due ---- */

static void on_silence(struct peer *peer, uint64_t now_ns)
{
	uint64_t since_ns = counter_read(&peer->dp->data_tx_since_ns);

	peer->silence_jitter_ns = effects_random_below(peer->fx, TIMER_JITTER_NS + 1);
	if (peer_initiate(peer, false, now_ns)) /* one that was put off has a retry */
		peer_log(peer, now_ns, "peer=%s: silent for %.1f s, making a new session",
		         peer->name, (double)(now_ns - since_ns) / NS_PER_S);
}

static void on_passive_keepalive(struct peer *peer, uint64_t now_ns)
{
	if (session_is_alive(&peer->session, now_ns))
		send_keepalive(peer, now_ns);
	else
		atomic_store(&peer->dp->data_rx_since_ns, 0);
}

static void on_persistent_keepalive(struct peer *peer, uint64_t now_ns)
{
	if (session_is_alive(&peer->session, now_ns))
		send_keepalive(peer, now_ns);
	else if (!peer->handshake.is_pending && peer->handshake.retry_ns == NEVER_NS)
		peer_initiate(peer, false, now_ns);
}

static void on_key_age(struct peer *peer, uint64_t now_ns)
{
	peer->session.is_renewal_asked = true;
	if (!peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns);
}

static void on_zeroing(struct peer *peer, uint64_t now_ns)
{
	(void)now_ns;
	effects_log(peer->fx, LOG_LEVEL_INFO, "peer=%s: session ended, its keys were too old",
	            peer->name);
	peer_end_session(peer);
}

static void on_retry(struct peer *peer, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;

	if (hs->attempts == UNANSWERED_TOLD && hs->is_pending && !peer->is_unreachable)
		tell_unanswered(peer);
	endpoints_retry(peer, now_ns);
	if (hs->attempts >= MAX_TIMER_HANDSHAKES)
		give_up(peer, now_ns);
	else
		peer_initiate(peer, hs->is_pending, now_ns);
}

static void (*const act[TIMER_COUNT])(struct peer *peer, uint64_t now_ns) = {
	[TIMER_SILENCE] = on_silence,
	[TIMER_PASSIVE_KEEPALIVE] = on_passive_keepalive,
	[TIMER_PERSISTENT_KEEPALIVE] = on_persistent_keepalive,
	[TIMER_KEY_AGE] = on_key_age,
	[TIMER_ZEROING] = on_zeroing,
	[TIMER_RETRY] = on_retry,
};

/* Returns when to look at it again. */
static uint64_t serve(struct peer *peer, enum timer timer, uint64_t now_ns)
{
	struct timer_facts facts = facts_of(peer);
	uint64_t due_ns = timer_due_ns(timer, &facts, now_ns);

	if (due_ns > now_ns)
		return due_ns;
	act[timer](peer, now_ns);
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
