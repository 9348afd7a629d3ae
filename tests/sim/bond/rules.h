/* SPDX-License-Identifier: MIT */
/* rules.h - what holds of every packet that goes into the tunnel at one end, whatever the policy:
 *
 * - it is delivered at most once, and if one of its copies comes it is delivered, unless it was
 *   dropped before it was sent
 * - what the replay window refuses had come before
 * - it waits at the sender no longer than SENDER_AGE_NS and the rest of that alarm, and is held at
 *   the receiver no longer than RESEQ_WAIT_MAX_NS
 * - in an ordered lane nothing overtakes what is here: behind another comes only what was not here
 *   when that one was delivered
 * - it is sent as often as repairs allow, and doubled once, each time as the same counter
 * - what waits, what is held and what is kept is bounded
 *
 * The first rule broken is kept for whoever asks.
 */
#ifndef BOND_RULES_H
#define BOND_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"

#define RULES_GROUPS 8u
#define RULES_RING   (1u << 17) /* places that may be here at one time */

struct host;

struct rules_packet {
	uint64_t counter;
	uint8_t copies, sent; /* on their way; ever */
	bool is_dropped, is_doubled, has_come, is_delivered;
};

/* Of one direction. */
struct rules {
	struct rules_packet *packet;
	uint64_t offered, room;
	uint64_t delivered, dropped;
	unsigned held, held_max;    /* in ordered lanes */
	uint64_t top[RULES_GROUPS]; /* above all that was delivered */
	uint64_t here[RULES_GROUPS][RULES_RING / 64];
};

void rules_begin(struct rules *r);

/* Nothing is on its way any more. */
void rules_end(struct rules *r);

void rules_offered(struct rules *r, struct packet *p);
void rules_dropped(struct packet *p);
void rules_sent(struct packet *p);
void rules_doubled(struct packet *p); /* for fear of loss */
void rules_repaired(struct packet *p);
void rules_lost(struct packet *p); /* on a link */
void rules_refused(struct packet *p);
void rules_came(struct packet *p);
void rules_delivered(struct packet *p);
void rules_turned(const struct host *h);

/* What was broken first since rules_forget(); NULL: nothing. */
const char *rules_broken(void);
void rules_forget(void);

#endif
