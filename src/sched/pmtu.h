/* SPDX-License-Identifier: MIT */
/* pmtu.h - how long packets may be on one path: found by probes as long as data (RFC 8899).
 *
 * Sizes are those of packets inside the tunnel. A probe of a size comes through where such a packet
 * does, in one piece: its datagram must not be fragmented. What is wanted is the tunnel's own MTU
 * and never more.
 *
 *            begin               all is settled                 confirmed
 *   OFF -------------> SEARCHING ---------------> FOUND <-----------------+
 *                       ^  the size that passed is lost  | |              |
 *                       +--------------------------------+ +--------------+
 *
 * A search tries the size wanted first: as a rule that is all. If it is given up, PMTU_LEAST, and
 * then halves what is between. A size is given up when the system refuses it, or when several
 * probes in a row were lost while ordinary ones, which are short, were answered: else it was the
 * path, and nothing is learned. When all is settled the search begins again after PMTU_RAISE_NS:
 * the path may have become wider.
 *
 * While data flows the size found is tried anew every PMTU_CONFIRM_NS, at once where data is lost
 * (pmtu_suspect()). If it is given up the path has become narrow, or swallows what is long without
 * a word: data keeps to PMTU_LEAST until it is known what passes.
 *
 * PMTU_LEAST is what IPv6 asks of every link (RFC 8200, section 5). A path that cannot do it takes
 * packets so long all the same, in fragments.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_PMTU_H
#define SCHED_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define PMTU_LEAST         1280u
#define PMTU_STEP          16u /* packets are padded to a multiple of it */
#define PMTU_TRIES         3u  /* of each size in a search */
#define PMTU_CONFIRM_TRIES 5u  /* of the size that passed before, unless data is lost too */
#define PMTU_RAISE_NS      (600 * NS_PER_S)
#define PMTU_CONFIRM_NS    (5 * NS_PER_S)
#define PMTU_SUSPECT_NS    NS_PER_S /* between two that data asked for */

enum pmtu_state {
	PMTU_OFF,
	PMTU_SEARCHING,
	PMTU_FOUND,
};

/* All zero at first: off, and without a limit. */
struct pmtu {
	enum pmtu_state state;
	uint16_t wanted;
	uint16_t passed; /* the longest that came through; 0: none did yet */
	uint16_t failed; /* the shortest given up in this search; 0: none */
	uint16_t limit;  /* what data keeps to; 0: there is none */
	uint16_t size;   /* of the probe on its way; 0: there is none */
	uint16_t tried;  /* the size of those in a row */
	uint16_t next_seq;
	uint16_t first_seq; /* of those in a row */
	uint8_t lost;       /* of those in a row */
	bool is_suspect;    /* data is lost too: fewer of them prove it */
	uint64_t sent_ns;   /* the probe on its way ... */
	uint64_t overdue_ns;
	uint64_t confirm_at_ns, raise_at_ns; /* once it is found */
	uint64_t confirmed_ns;               /* when a probe of the size found came back last */
};

/* Nothing is known of where the path leads now: the search begins. @wanted: the longest packet that
 * the tunnel has. PMTU_LEAST or less needs no search.
 */
void pmtu_begin(struct pmtu *p, unsigned wanted, uint64_t now_ns);

/* When pmtu_tick() or a probe is due; NEVER_NS: not at all. @is_busy: data flows. */
uint64_t pmtu_due_ns(const struct pmtu *p, bool is_busy);

/* The size of the probe that is to be sent now; 0: none is. The same is said until pmtu_sent(). */
unsigned pmtu_next(struct pmtu *p, bool is_busy, uint64_t now_ns);

/* A probe of @size was sent, and is overdue after @overdue_ns. Its number was next_seq. */
void pmtu_sent(struct pmtu *p, unsigned size, uint64_t overdue_ns, uint64_t now_ns);

/* The next three return whether the limit has changed. Probe @seq was answered. */
bool pmtu_answered(struct pmtu *p, uint16_t seq, uint64_t now_ns);

/* The system refused probe @seq for its length. */
bool pmtu_refused(struct pmtu *p, uint16_t seq, uint64_t now_ns);

/* Time has passed. @heard_ns: when an ordinary probe of the path was answered last. */
bool pmtu_tick(struct pmtu *p, uint64_t heard_ns, uint64_t now_ns);

/* Data is lost on the path: is what was found still true? */
void pmtu_suspect(struct pmtu *p, uint64_t now_ns);

/* The path carries data again, or the system has other routes: it may be another way. */
void pmtu_look_again(struct pmtu *p, uint64_t now_ns);

/* The probe on its way is not waited for: the path does not work now. */
void pmtu_pause(struct pmtu *p);

/* The longest packet known to pass; 0: not known. */
static inline unsigned pmtu_known(const struct pmtu *p)
{
	return p->passed;
}

/* The longest packet for the path; 0: no limit. */
static inline unsigned pmtu_limit(const struct pmtu *p)
{
	return p->limit;
}

#endif
