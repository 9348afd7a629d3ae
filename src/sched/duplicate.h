/* SPDX-License-Identifier: MIT */
/* duplicate.h - which packets leave twice, because the path that they take loses some.
 *
 * Nobody waits a round trip for a word of a call, so what is in a hurry and was lost is not sent
 * again when that is known, but twice before it is: while the path that was chosen loses more than
 * DUPLICATE_LOSS_PPM, until it loses less than DUPLICATE_CLEAN_PPM. The copy is the identical
 * datagram, of which the receiver's replay window lets one pass.
 *
 *    beside   at the same time over another path, if it arrives at most DUPLICATE_BEHIND_NS later
 *    later    else over the same one after DUPLICATE_LATER_NS: losses come in bursts
 *
 * What is to be doubled in any case, by configuration, leaves over the two best paths whatever they
 * lose and however far apart they are; where there is but one, as above.
 *
 * A copy costs what everybody could have used, so copies have budgets: a twentieth of the path that
 * carries them, and DUPLICATE_FLOW_BPS of each flow. A path that is suspect carries none.
 *
 * What leaves later is remembered here until then. Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_DUPLICATE_H
#define SCHED_DUPLICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "sched/pull.h"
#include "vtrunkd/limits.h"

#define DUPLICATE_LOSS_PPM    1000u
#define DUPLICATE_CLEAN_PPM   500u
#define DUPLICATE_BEHIND_NS   (10 * NS_PER_MS)
#define DUPLICATE_LATER_NS    (5 * NS_PER_MS)
#define DUPLICATE_PATH_SHARE  20u               /* one of so many bytes of a path */
#define DUPLICATE_FLOW_BPS    16000u            /* bytes of inner packets per second: 128 kbit/s */
#define DUPLICATE_FLOWS       256u              /* those of one hash count as one */
#define DUPLICATE_ROOM_NS     (250 * NS_PER_MS) /* at once, of either budget */
#define DUPLICATE_WAITING_MAX 64u               /* copies; a power of two */

enum duplicate_way {
	DUPLICATE_NOT,
	DUPLICATE_BESIDE,
	DUPLICATE_LATER,
};

/* A packet that leaves later: a counter of the unordered lane. */
struct duplicate_copy {
	uint64_t counter, due_ns;
	uint32_t key; /* as in struct send_numbers */
	uint8_t path_id;
};

/* All zero, or no memory at all: no path ever lost anything. */
struct duplicate {
	uint16_t lossy; /* paths, by id */
	struct bucket path[PATHS_MAX];
	struct bucket flow[DUPLICATE_FLOWS];
	struct duplicate_copy waiting[DUPLICATE_WAITING_MAX]; /* rising by due_ns */
	uint32_t first, end;                                  /* of those, counted on */
};

/* A packet that is to be sent. */
struct duplicate_packet {
	uint32_t flow, bytes;
	bool is_doubled; /* in any case */
};

/* How @packet, whose path is slot @slot of @path, leaves a second time; nothing
 * is taken off the budgets yet. *@ret_slot: the path of the copy. NULL at *@d: allocates it, for
 * most peers never need it; without memory there are no copies.
 */
enum duplicate_way duplicate_choose(struct duplicate **d, const struct pull_path *path,
                                    unsigned len, unsigned slot,
                                    const struct duplicate_packet *packet, uint64_t now_ns,
                                    unsigned *ret_slot);

/* Whether packets over the path are looked at one by one for that. @d may be NULL. */
static inline bool duplicate_is_lossy(const struct duplicate *d, uint8_t path_id)
{
	return d && d->lossy >> path_id & 1;
}

/* So it was decided and will be done: a copy of @bytes of @flow goes over path @path_id, of which
 * @model is believed.
 */
void duplicate_charge(struct duplicate *d, uint8_t path_id, const struct path_model *model,
                      uint32_t flow, uint32_t bytes, uint64_t now_ns);

/* @copy has its number. What there is no room for leaves but once. */
void duplicate_later(struct duplicate *d, const struct duplicate_copy *copy);

/* When the next copy is to leave; NEVER_NS: none waits. @d may be NULL. */
static inline uint64_t duplicate_due_ns(const struct duplicate *d)
{
	return d && d->first != d->end ? d->waiting[d->first % DUPLICATE_WAITING_MAX].due_ns
	                               : NEVER_NS;
}

/* Takes out the next copy, of which there is one; or all. */
struct duplicate_copy duplicate_take(struct duplicate *d);
void duplicate_forget(struct duplicate *d);

#endif
