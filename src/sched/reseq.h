/* SPDX-License-Identifier: MIT */
/* reseq.h - striped packets back in the order in which they were sent.
 *
 * Every path keeps order; packets are missing because another path is slower, or because they are
 * lost. Two things end the waiting for a gap: knowledge, when every path that carries data has
 * delivered something sent after it (RFC 1990, section 4.1), or a deadline made of the measured
 * difference of the paths' one-way delays. Nothing waits longer than RESEQ_WAIT_MAX_NS.
 *
 * Packets are the caller's: this module keeps a number (ticket) for each one held. Decisions are pure;
 * time and one-way delays come in. One thread at a time.
 */
#ifndef SCHED_RESEQ_H
#define SCHED_RESEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define RESEQ_SLOTS       8192u /* packets between the oldest missing and the newest, a power of two */
#define RESEQ_WAIT_MAX_NS (300 * NS_PER_MS)
#define RESEQ_OWD_KEPT    12u /* probes per path whose one-way delays are remembered */

#define RESEQ_NO_TICKET UINT16_MAX /* a place in the order without a packet to deliver */

struct reseq_slot {
	uint64_t arrived_ns;
	uint16_t ticket;
	uint8_t path; /* index of the path, PATHS_MAX for one unknown */
	bool is_held;
};

struct reseq_path {
	uint64_t passed;  /* highest sequence number that came over it, plus one; 0 none */
	uint64_t data_ns; /* when that was */
	int32_t owd_us[RESEQ_OWD_KEPT]; /* with a clock offset that all paths share */
	unsigned owd_len, owd_at;
};

struct reseq {
	uint64_t next;        /* lowest sequence number not delivered and not given up */
	bool is_started;      /* false: the first packet decides where order begins */
	uint32_t held;        /* packets that wait */
	uint64_t first_held;  /* lowest of them, while there are any */
	uint64_t passed_ns;   /* since when no path can bring the gap any more; 0: one can */
	uint64_t given_up_ns; /* when a gap was given up last */
	uint64_t margin_ns;   /* learnt from packets that came after they were given up */
	uint64_t margin_at_ns;
	struct reseq_path path[PATHS_MAX];
	struct reseq_slot slot[RESEQ_SLOTS];

	uint64_t gaps_given_up; /* statistics: sequence numbers */
	uint64_t came_late;     /* of those, delivered out of order after all */
};

/* All zero is the state before the first packet. A new keypair begins a new order: what is held must
 * have been taken out with reseq_take_any() before. Its numbers begin at 0.
 */
void reseq_restart(struct reseq *r);

enum reseq_verdict {
	RESEQ_DELIVER, /* its turn, or too late to have one: deliver now */
	RESEQ_HOLD,    /* keep it: reseq_hold() must follow */
	RESEQ_FULL, /* too far ahead: take out the oldest with reseq_take_any(), then ask again */
};

/* A packet with number @seq came over @path (PATHS_MAX: unknown). */
enum reseq_verdict reseq_arrived(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns);

/* Keeps @ticket in the place of @seq. */
void reseq_hold(struct reseq *r, uint64_t seq, unsigned path, uint16_t ticket, uint64_t now_ns);

/* The ticket of the next packet that may be delivered at @now_ns; false when there is none. To be
 * asked until it says so after every arrival and at the deadline.
 */
bool reseq_take(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket);

/* The oldest one held, whatever is missing before it; false when nothing is held. */
bool reseq_take_any(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket);

/* When reseq_take() has something to say by the passing of time; NEVER_NS when nothing is held. */
uint64_t reseq_deadline_ns(const struct reseq *r, uint64_t now_ns);

/* A probe over @path: the difference between its arrival on our clock and its departure on the
 * sender's, in microseconds, wrapping.
 */
void reseq_probed(struct reseq *r, unsigned path, int32_t owd_us);

#endif
