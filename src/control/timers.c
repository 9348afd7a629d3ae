/* SPDX-License-Identifier: MIT */
#include "control/timers.h"

#include "vtrunkd/limits.h"

/* Late enough to be sure that a peer that heard us would have answered: its keepalive comes after
 * KEEPALIVE_TIMEOUT.
 */
#define NEW_HANDSHAKE_NS (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT)

/* Age at which an initiator that merely receives renews the key. */
#define REKEY_ON_RECEIVE_NS (REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT)

/* How long data may go unanswered. A plain peer on one of several links that answered with data
 * until then is tried on the others already when a bonded link would be given up; one that merely
 * listens answers with a keepalive, later.
 */
static uint64_t patience_ns(const struct timer_facts *f)
{
	bool is_talkative =
		f->data_heard_ns && f->data_heard_ns + KEEPALIVE_TIMEOUT > f->data_tx_since_ns;

	if (f->is_bonded || !f->has_other_links || !is_talkative)
		return NEW_HANDSHAKE_NS;
	return NEW_HANDSHAKE_NS < f->health_timeout_ns ? NEW_HANDSHAKE_NS : f->health_timeout_ns;
}

/* Data went out and nothing authentic came back. */
static uint64_t silence_ns(const struct timer_facts *f)
{
	if (!f->data_tx_since_ns || f->is_attempting)
		return NEVER_NS;
	return f->data_tx_since_ns + patience_ns(f) + f->jitter_ns;
}

static uint64_t persistent_keepalive_ns(const struct timer_facts *f)
{
	uint64_t last_ns = f->sent_ns > f->heard_ns ? f->sent_ns : f->heard_ns;

	return f->persistent_keepalive_ns ? last_ns + f->persistent_keepalive_ns : NEVER_NS;
}

/* A bonded tunnel is never silent, so its initiator renews by the clock; a plain one on receive
 * here, and on sending in the dispatcher.
 */
static uint64_t key_age_ns(const struct timer_facts *f, uint64_t now_ns)
{
	uint64_t due_ns = f->is_bonded ? f->rekey_ns : f->born_ns + REKEY_ON_RECEIVE_NS;

	if (!f->is_renewing)
		return NEVER_NS;
	if (now_ns >= due_ns && !f->is_bonded && f->heard_ns < due_ns)
		return NEVER_NS; /* data heard later arms us again */
	return due_ns;
}

uint64_t timer_due_ns(enum timer timer, const struct timer_facts *f, uint64_t now_ns)
{
	switch (timer) {
	case TIMER_SILENCE:
		return silence_ns(f);
	case TIMER_PASSIVE_KEEPALIVE:
		return f->data_rx_since_ns ? f->data_rx_since_ns + KEEPALIVE_TIMEOUT : NEVER_NS;
	case TIMER_PERSISTENT_KEEPALIVE:
		return persistent_keepalive_ns(f);
	case TIMER_KEY_AGE:
		return key_age_ns(f, now_ns);
	case TIMER_ZEROING:
		return f->session_ns && f->has_keys ? f->session_ns + 3 * REJECT_AFTER_TIME
		                                    : NEVER_NS;
	case TIMER_RETRY:
		return f->retry_ns;
	case TIMER_COUNT:
		break;
	}
	return NEVER_NS;
}

/* What a keepalive changes stands in the facts only when it has left. */
uint64_t timer_again_ns(enum timer timer, const struct timer_facts *f, uint64_t now_ns)
{
	if (timer == TIMER_PERSISTENT_KEEPALIVE)
		return now_ns + f->persistent_keepalive_ns;
	return timer == TIMER_RETRY ? f->retry_ns : NEVER_NS;
}
