/* SPDX-License-Identifier: MIT */
/* epochs.h - packets of one keypair and of the next, in one order.
 *
 * Each keypair numbers from 0. At a change of keys packets under the old one are still on their way
 * over a slow path when the first under the new one comes over a fast path. So the new numbers get
 * places in the order of the resequencer behind all that came, with room before them for what is
 * still to come: a gap like any other, ended by the same rule (docs/protocol.md, "Order across
 * keypairs").
 *
 *    places  ... | numbers of the older keypair | room: its last ones | numbers of the newest | ...
 *
 * The younger keypair is the newer one, since each is first used by the sender when a message
 * reaches it that we sent at its birth. Where handshakes cross, two such messages may overtake each
 * other; then the newest keypair falls silent while another goes on, which gives that one a place
 * behind it.
 *
 * Pure; time comes in. One thread at a time, the one that uses the resequencer.
 */
#ifndef SCHED_EPOCHS_H
#define SCHED_EPOCHS_H

#include "sched/reseq.h"

/* A keypair and where its numbers are. */
struct epoch {
	uint64_t born_ns; /* with us; 0: none yet */
	uint32_t index;   /* our own: two may be born in one turn of control */
	uint64_t first;   /* lower numbers have no place */
	uint64_t offset;  /* place = number + offset, wrapping */
	uint64_t end;     /* the first place that is another's; UINT64_MAX: none */
};

/* All zero before the first packet, which decides where order begins. */
struct epochs {
	struct epoch newest, older;
	uint64_t heard_ns;         /* something of the newest came */
	uint64_t youngest_born_ns; /* of all there ever were ... */
	uint32_t youngest_index;   /* ... and its index */
};

/* For epochs_place(): whatever is not of the newest. */
bool epochs_place_other(struct epochs *e, struct reseq *r, uint64_t born_ns, uint32_t index,
                        uint64_t seq, uint64_t now_ns, uint64_t *ret_place);

/* The place, a number for reseq_arrived() of @r, of number @seq under the keypair that was born at
 * @born_ns as @index. False when it has none: then it is to be delivered as it comes.
 */
static inline bool epochs_place(struct epochs *e, struct reseq *r, uint64_t born_ns, uint32_t index,
                                uint64_t seq, uint64_t now_ns, uint64_t *ret_place)
{
	if (born_ns != e->newest.born_ns || index != e->newest.index)
		return epochs_place_other(e, r, born_ns, index, seq, now_ns, ret_place);
	e->heard_ns = now_ns;
	*ret_place = seq + e->newest.offset;
	return seq >= e->newest.first;
}

#endif
