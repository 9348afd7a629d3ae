/* SPDX-License-Identifier: MIT */
/* repair.h - what has to be sent once more, and what was lately.
 *
 * Counters that a report calls missing, or that went over a path that is dead. The identical
 * datagram goes again, so nothing is numbered or sealed anew and the replay window drops what comes
 * twice. This keeps the order in which they wait, and those sent again, so that a repair that is
 * lost itself can be told from one on its way. Those are found by their counter: a report may ask
 * for thousands, and a peer that lies for all of them each time.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_REPAIR_H
#define SCHED_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#define REPAIR_WAITING_MAX 512u /* ranges; powers of two */
#define REPAIR_RECENT_MAX  256u
#define REPAIR_LISTS       256u

/* Counters of one lane and keypair that went over one path. */
struct repair_range {
	uint64_t first;
	uint32_t len;
	uint32_t key; /* as in struct send_numbers */
	uint8_t lane;
	uint8_t from;    /* id of the path */
	uint8_t attempt; /* 0 the first */
};

struct repair_recent {
	uint64_t counter, sent_ns;
	uint32_t key;
	uint8_t lane, attempt;
	bool waits;     /* to be sent once more */
	bool is_linked; /* in the list of its counter */
	uint16_t next;  /* 1 + the place of the one before in that list; 0: none */
};

/* All zero, or no memory at all: nothing waits. */
struct repair {
	struct repair_range waiting[REPAIR_WAITING_MAX];
	uint32_t first, end; /* of those that wait, counted on */
	struct repair_recent recent[REPAIR_RECENT_MAX];
	uint16_t newest[REPAIR_LISTS]; /* of them by the counter's last digits: 1 + its place */
	uint32_t sent;
};

static inline bool repair_is_waiting(const struct repair *r)
{
	return r && r->first != r->end;
}

/* @range is to be sent again; joined to the last that waits, if it goes on from there. NULL at *@r:
 * allocates it, for most peers never lose anything. False: too much waits already, or no memory.
 */
bool repair_add(struct repair **r, const struct repair_range *range);

/* The same for the counter of @last, which was sent again before. It is asked for by every report
 * until it arrives, and waits once.
 */
bool repair_add_again(struct repair **r, const struct repair_range *range,
                      const struct repair_recent *last);

/* The next counter to send, as a range of one; something waits. It counts as sent with
 * repair_sent().
 */
struct repair_range repair_peek(const struct repair *r);
void repair_sent(struct repair *r, uint64_t now_ns);

/* It need not be sent after all. */
void repair_skip(struct repair *r);

/* When the counter was sent again last; NULL: not lately. @r may be NULL. */
const struct repair_recent *repair_find(const struct repair *r, uint32_t key, uint8_t lane,
                                        uint64_t counter);

#endif
