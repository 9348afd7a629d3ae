/* SPDX-License-Identifier: MIT */
/* bucket.h - how much of something may happen: so much at once, and so much per time.
 *
 * A token bucket in one number: when it will be full again. What is taken has a worth in time, that
 * in which it comes back; what the bucket holds when full, the room, is a time as well. So "at most
 * 20 per second, 5 at once" are tokens worth 50 ms in a room of 250 ms.
 *
 * Time as argument; it may stand still, and where it goes back nothing is gained. One thread at a
 * time.
 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: full. */
struct bucket {
	uint64_t full_at_ns;
};

/* When the bucket has @worth_ns or more in it: @now_ns or later. */
uint64_t bucket_ready_ns(const struct bucket *b, uint64_t worth_ns, uint64_t room_ns,
                         uint64_t now_ns);

/* Takes @worth_ns if there is as much. */
bool bucket_take(struct bucket *b, uint64_t worth_ns, uint64_t room_ns, uint64_t now_ns);

/* Takes @worth_ns in any case: what is owed has to come back first. */
void bucket_charge(struct bucket *b, uint64_t worth_ns, uint64_t now_ns);

#endif
