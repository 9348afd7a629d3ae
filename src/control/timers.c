/* SPDX-License-Identifier: MIT */
/* timers.c - the timers of whitepaper 6, and only they.
 *
 * The data plane keeps two times per peer: since when data was sent with nothing heard, and since
 * when data was heard with nothing sent. All timers but the retries follow from them and from the age
 * of the keypair, so nothing is set or reset per packet.
 */
#include "base/clock.h"
#include "base/key_text.h"
#include "control/control.h"
#include "control/endpoints.h"
#include "control/peer_session.h"
#include "control/peer_verdict.h"
#include "crypto/aead.h"

/* A series of initiations that nobody answered is begun again after this, where the configuration
 * says how to reach the peer: the tunnel is meant to be up. Data to send begins one at once.
 */
#define SERIES_PAUSE_NS (30 * NS_PER_S)

/* Unanswered initiations after which people are told: a lost packet or two is nothing. */
#define UNANSWERED_TOLD 3u

#define CLOCK_TEXT_LEN 32u

/* Late enough to be sure that a peer that heard us would have answered: its keepalive comes after
 * KEEPALIVE_TIMEOUT.
 */
#define NEW_HANDSHAKE_NS (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT)

/* Age at which an initiator that merely receives renews the key. */
#define REKEY_ON_RECEIVE_NS (REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT)

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Like data it has its initiator renew a key that is old enough (whitepaper 6.2), or a tunnel that carries
 * only keepalives would have none between REJECT_AFTER_TIME and the next one.
 */
static void send_keepalive(struct peer *peer, uint64_t now_ns)
{
	peer_send_keepalive(peer);
	if (peer->session.current && peer->session.current->is_initiator &&
	    now_ns >= peer->session.current->rekey_ns && !peer->handshake.is_pending)
		handshake_initiate(peer, false, now_ns);
}

static void give_up(struct peer *peer, uint64_t now_ns)
{
	bool is_ours_to_reach = peer->config->endpoint_count > 0;

	if (!peer->is_unreachable)
		effects_log(peer->fx, LOG_LEVEL_WARNING,
		            "peer=%s: no answer to %u handshake initiations, %s", peer->name,
		            peer->handshake.attempts,
		            is_ours_to_reach ? "trying again every 30 s"
		                             : "waiting for data or the peer");
	peer->is_unreachable = true;
	handshake_abandon(peer);
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
	const struct config_peer *config = peer->config;
	const char *at = config->endpoint_count ? config->endpoints[0].address : "its last address";
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
	key_to_base64(ours, peer->control->identity->public_key);
	key_to_base64(theirs, config->public_key);
	effects_log(peer->fx, LOG_LEVEL_WARNING,
	            "peer=%s: no answer to %u handshake initiations, trying on; compare: the other "
	            "end has to know our public key %s, its own must be %s (vtrunkd pubkey -c FILE "
	            "prints it there), UDP has to reach it at %s%s, and this clock (%s) must not "
	            "be behind a time at which the key was used before",
	            peer->name, peer->handshake.attempts, ours, theirs, at,
	            config->endpoint_count > 1 ? " or its other endpoints" : "", now);
}

static uint64_t service_retry(struct peer *peer, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;

	if (hs->retry_ns > now_ns)
		return hs->retry_ns;
	if (hs->attempts == UNANSWERED_TOLD && hs->is_pending && !peer->is_unreachable)
		tell_unanswered(peer);
	endpoints_retry(peer, now_ns);
	if (hs->attempts >= MAX_TIMER_HANDSHAKES)
		give_up(peer, now_ns);
	else
		handshake_initiate(peer, hs->is_pending, now_ns);
	return hs->retry_ns;
}

/* How long data may go unanswered. A plain peer on one of several links that answered with data until
 * then is tried on the others already when a bonded link would be given up; one that merely listens
 * answers with a keepalive, later.
 */
static uint64_t patience_ns(const struct peer *peer, uint64_t since_ns)
{
	uint64_t data_heard_ns = counter_read(&peer->dp->data_heard_ns);
	bool is_talkative = data_heard_ns && data_heard_ns + KEEPALIVE_TIMEOUT > since_ns;

	if (peer->verdict.is == VERDICT_BONDED || peer->control->uplink_count < 2 || !is_talkative)
		return NEW_HANDSHAKE_NS;
	return earlier(NEW_HANDSHAKE_NS, peer->control->config->health_timeout_ns);
}

/* Data went out and nothing authentic came back. */
static uint64_t service_silence(struct peer *peer, uint64_t now_ns)
{
	uint64_t since = counter_read(&peer->dp->data_tx_since_ns);
	uint64_t due = since + patience_ns(peer, since) + peer->new_handshake_jitter_ns;

	if (!since || peer->handshake.is_pending)
		return NEVER_NS;
	if (now_ns < due)
		return due;
	peer->new_handshake_jitter_ns = effects_random_below(peer->fx, TIMER_JITTER_NS + 1);
	if (handshake_initiate(peer, false, now_ns))
		peer_log(peer, now_ns, "peer=%s: silent for %.1f s, making a new session",
		         peer->name, (double)(now_ns - since) / NS_PER_S);
	return NEVER_NS; /* one that was put off is service_retry()'s */
}

static uint64_t service_passive_keepalive(struct peer *peer, uint64_t now_ns)
{
	uint64_t since = counter_read(&peer->dp->data_rx_since_ns);

	if (!since)
		return NEVER_NS;
	if (now_ns < since + KEEPALIVE_TIMEOUT)
		return since + KEEPALIVE_TIMEOUT;
	if (session_is_alive(&peer->session, now_ns))
		send_keepalive(peer, now_ns);
	else
		atomic_store(&peer->dp->data_rx_since_ns, 0);
	return NEVER_NS;
}

static uint64_t service_persistent_keepalive(struct peer *peer, uint64_t now_ns)
{
	uint64_t interval = peer->config->persistent_keepalive * NS_PER_S;
	uint64_t sent = counter_read(&peer->dp->sent_ns), heard = counter_read(&peer->dp->heard_ns);
	uint64_t last = sent > heard ? sent : heard;

	if (!interval)
		return NEVER_NS;
	if (now_ns < last + interval)
		return last + interval;
	if (session_is_alive(&peer->session, now_ns))
		send_keepalive(peer, now_ns);
	else if (!peer->handshake.is_pending && peer->handshake.retry_ns == NEVER_NS)
		handshake_initiate(peer, false, now_ns);
	return now_ns + interval;
}

/* A bonded tunnel is never silent, so its initiator renews by the clock; a plain one on receive here,
 * and on sending in the dispatcher.
 */
static uint64_t service_key_age(struct peer *peer, uint64_t now_ns)
{
	const struct keypair *kp = peer->session.current;
	uint64_t due;

	if (!kp || !kp->is_initiator || peer->session.is_renewal_asked)
		return NEVER_NS;
	due = peer->verdict.is == VERDICT_BONDED ? kp->rekey_ns : kp->born_ns + REKEY_ON_RECEIVE_NS;
	if (now_ns < due)
		return due;
	if (peer->verdict.is != VERDICT_BONDED && counter_read(&peer->dp->heard_ns) < due)
		return NEVER_NS; /* data heard later arms us again */
	peer->session.is_renewal_asked = true;
	if (!peer->handshake.is_pending)
		handshake_initiate(peer, false, now_ns);
	return NEVER_NS;
}

static uint64_t service_zeroing(struct peer *peer, uint64_t now_ns)
{
	uint64_t due = peer->session.made_ns + 3 * REJECT_AFTER_TIME;

	if (!peer->session.made_ns || !session_has_keys(&peer->session))
		return NEVER_NS;
	if (now_ns < due)
		return due;
	effects_log(peer->fx, LOG_LEVEL_INFO, "peer=%s: session ended, its keys were too old",
	            peer->name);
	peer_end_session(peer);
	return NEVER_NS;
}

/* The data plane wakes us only while nobody looks at the two times anyway. */
static void disarm_if_idle(struct dp_peer *dp)
{
	if (counter_read(&dp->data_tx_since_ns) || counter_read(&dp->data_rx_since_ns))
		return;
	atomic_store(&dp->timers_armed, false);
	if (atomic_load(&dp->data_tx_since_ns) || atomic_load(&dp->data_rx_since_ns))
		atomic_store(&dp->timers_armed, true); /* begun meanwhile: seen in this round */
}

uint64_t timers_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next;

	disarm_if_idle(peer->dp);
	next = service_silence(peer, now_ns);
	next = earlier(next, service_passive_keepalive(peer, now_ns));
	next = earlier(next, service_persistent_keepalive(peer, now_ns));
	next = earlier(next, service_key_age(peer, now_ns));
	next = earlier(next, service_zeroing(peer, now_ns));
	return earlier(next, service_retry(peer, now_ns));
}
