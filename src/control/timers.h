/* SPDX-License-Identifier: MIT */
/* timers.h - when the timers of whitepaper 6 are due, and only that: a function of facts.
 *
 * The data plane keeps two times per peer: since when data was sent with nothing heard, and since
 * when data was heard with nothing sent. All timers but the retries follow from them and from the
 * age of the keypair, so nothing is set or reset per packet.
 *
 *   timer                 due                                                  what it is for
 *   silence               data unanswered for 15 s (plus jitter)               a new session
 *   passive keepalive     data heard 10 s ago, nothing sent since              say so
 *   persistent keepalive  nothing sent or heard for the configured interval    keep a NAT's entry
 *   key age               initiator: old enough, see key_age_ns()              a new session
 *   zeroing               540 s after the newest session was made              wipe the keys
 *   retry                 when the attempt says so                             the next initiation
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_TIMERS_H
#define CONTROL_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are looked at: one may make another pointless. */
enum timer {
	TIMER_SILENCE,
	TIMER_PASSIVE_KEEPALIVE,
	TIMER_PERSISTENT_KEEPALIVE,
	TIMER_KEY_AGE,
	TIMER_ZEROING,
	TIMER_RETRY,
	TIMER_COUNT,
};

/* As they stand now. Times of things that never were are 0. */
struct timer_facts {
	uint64_t data_tx_since_ns, data_rx_since_ns; /* unanswered since; 0: nothing is */
	uint64_t sent_ns, heard_ns, data_heard_ns;

	bool is_bonded;
	bool is_attempting; /* an initiation waits for its answer */
	uint64_t retry_ns;  /* when the attempt goes on; NEVER_NS */
	uint64_t jitter_ns; /* on top of the silence, at random */

	bool has_keys;    /* any keypair */
	bool is_renewing; /* of the current one: we are its initiator, and asked for none newer */
	uint64_t born_ns, rekey_ns; /* of the current one */
	uint64_t session_ns;        /* when the newest was made */

	uint64_t persistent_keepalive_ns; /* 0: off */
	uint64_t health_timeout_ns;       /* after which a bonded path would be given up */
	bool has_other_links;
};

/* When @timer is due: @now_ns or before when it is, NEVER_NS when nothing waits for it. */
uint64_t timer_due_ns(enum timer timer, const struct timer_facts *f, uint64_t now_ns);

/* When to look at @timer again that was due and has been served, with the facts as they are since.
 */
uint64_t timer_again_ns(enum timer timer, const struct timer_facts *f, uint64_t now_ns);

#endif
