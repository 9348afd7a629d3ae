/* SPDX-License-Identifier: MIT */
/* reseq.h - striped packets back in the order in which they were sent.
 *
 * Every path keeps order; packets are missing because another path is slower, or because they are
 * lost. Two things end the waiting for a gap: knowledge, when every path that carries data has
 * delivered something sent after it (RFC 1990, section 4.1), or a deadline made of the measured
 * difference of the paths' one-way delays. Nothing waits longer than RESEQ_WAIT_MAX_NS.
 *
 * Packets are the caller's: this module keeps a number (ticket) for each one held. Decisions are
 * pure; time and one-way delays come in. Times may step back a little from call to call, since
 * threads read the clock before they hand over: the latest counts. One thread at a time.
 */
#ifndef SCHED_RESEQ_H
#define SCHED_RESEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define RESEQ_SLOTS       8192u /* from the oldest missing to the newest, a power of two */
#define RESEQ_WAIT_MAX_NS (300 * NS_PER_MS)
#define RESEQ_OWD_KEPT    12u /* probes per path whose one-way delays are remembered */

/* Numbers between two orders, for the last ones of the first order that were not heard of when the
 * second one began: what is sent over a slow path alone, in a quarter of what the ring holds.
 */
#define RESEQ_ROOM (RESEQ_SLOTS / 4)

/* The first to come, numbered so little above where order begins, belongs to a first flight that
 * left over several paths: what was sent before it is on its way.
 */
#define RESEQ_BEGINS_WITHIN 32u

#define RESEQ_NO_TICKET UINT16_MAX /* a place in the order without a packet to deliver */

/* The packets held form a list in the order of their arrival, linked by index of the slot. */
struct reseq_slot {
	uint64_t arrived_ns;
	uint16_t ticket;
	uint16_t older, newer; /* meaningless at the ends */
	uint8_t path;          /* index of the path, PATHS_MAX for one unknown */
};

struct reseq_path {
	uint64_t passed;     /* highest sequence number that came over it, plus one; 0 none */
	uint64_t traffic_ns; /* of struct reseq when data came over it last; 0 never */
	int32_t owd_us[RESEQ_OWD_KEPT]; /* with a clock offset that all paths share */
	unsigned owd_len, owd_at;
	int32_t least_us, most_us; /* of those */
};

struct reseq {
	uint64_t next;       /* lowest sequence number not delivered and not given up */
	uint64_t end;        /* above all numbers that came */
	bool is_started;     /* false: it begins at next if the first packet is near, or with it */
	uint64_t now_ns;     /* the latest time heard of */
	uint32_t held;       /* packets that wait */
	uint64_t first_held; /* lowest of them, while there are any */
	uint16_t oldest_at;  /* slot of the one that came first, while there are any */
	uint16_t newest_at;  /* slot of the one that came last */
	uint64_t passed;     /* gaps below this number no path can bring any more ... */
	uint64_t passed_ns;  /* ... at least since then */
	uint64_t traffic_ns; /* time in which packets came; a long pause counts as a short one */
	uint64_t traffic_at_ns;
	uint64_t given_up_ns; /* when a gap was given up last; 0 never */
	bool has_lesson;      /* since then nothing came late */
	uint64_t margin_ns;   /* learnt from packets that came after they were given up */
	uint64_t margin_at_ns;
	uint64_t repair_ns; /* see reseq_expect_repair() */
	uint64_t death_ns;
	struct reseq_path path[PATHS_MAX];
	uint64_t is_held[RESEQ_SLOTS / 64]; /* a bit per slot */
	struct reseq_slot slot[RESEQ_SLOTS];

	uint64_t room_from, room_to; /* of the newest order: numbers that were hardly ever sent */
	uint64_t gaps_given_up;      /* statistics: sequence numbers */
	uint64_t came_late;          /* of those, delivered out of order after all */
};

/* All zero is the state before the first packet. A new order, of another keypair, begins behind all
 * that came and RESEQ_ROOM numbers: its number n is the returned one plus n. What is still to come
 * of the order before keeps its numbers; the gap up to the new order is one like all others: over
 * when every path in use has brought something of the new order, or by its deadline. Two packets
 * may not have one number: the caller sees to it that the old order stays below the returned
 * number.
 */
uint64_t reseq_begin(struct reseq *r);

enum reseq_verdict {
	RESEQ_DELIVER, /* its turn, or too late to have one: deliver now */
	RESEQ_HOLD,    /* keep it: reseq_hold() must follow */
	RESEQ_FULL, /* too far ahead: take out the oldest with reseq_take_any(), then ask again */
};

/* Before the first: numbers below @next came already, before there was an order, or never will. */
static inline void reseq_begins_at(struct reseq *r, uint64_t next)
{
	r->next = next;
}

/* A packet with number @seq came over @path (PATHS_MAX: unknown). A number comes at most once in an
 * order: the replay window sees to that.
 */
enum reseq_verdict reseq_arrived(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns);

/* Keeps @ticket in the place of @seq. */
void reseq_hold(struct reseq *r, uint64_t seq, unsigned path, uint16_t ticket, uint64_t now_ns);

/* The ticket of the next packet that may be delivered at @now_ns; false when there is none. To be
 * asked until it says so after every arrival and at the deadline.
 */
bool reseq_take(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket);

/* The oldest one held, whatever is missing before it; false when nothing is held. */
bool reseq_take_any(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket);

/* When reseq_take(), if nothing arrives before, delivers something; NEVER_NS when nothing is held.
 * After reseq_take() said that there is nothing at @now_ns.
 */
uint64_t reseq_deadline_ns(const struct reseq *r, uint64_t now_ns);

/* The sender sends again what reports call missing, and needs up to @repair_ns for it, reckoned
 * from when it can be known to be missing; to find out that a path is dead it needs @death_ns, and
 * what that path was to bring comes over another then. Gaps are kept open for so much longer, if
 * more than one path is known, by data or probes: else there is nothing to choose from. 0: it does
 * not.
 */
static inline void reseq_expect_repair(struct reseq *r, uint64_t repair_ns, uint64_t death_ns)
{
	r->repair_ns = repair_ns;
	r->death_ns = death_ns;
}

/* Whether the lowest gap is one that no path can fill any more, but a repair. */
static inline bool reseq_is_passed(const struct reseq *r)
{
	return r->held && r->first_held > r->next && r->first_held < r->passed;
}

/* The first gap that ends above @at: numbers *ret_from .. *ret_to - 1 are missing, the next is
 * held. False: nothing above @at is held and missed something.
 */
bool reseq_missing(const struct reseq *r, uint64_t at, uint64_t *ret_from, uint64_t *ret_to);

/* A probe over @path: the difference between its arrival on our clock and its departure on the
 * sender's, in microseconds, wrapping. @path is below PATHS_MAX.
 */
void reseq_probed(struct reseq *r, unsigned path, int32_t owd_us);

#endif
