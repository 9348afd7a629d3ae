/* SPDX-License-Identifier: MIT */
/* deadline.h - absolute deadlines in a binary min-heap.
 *
 * The owner embeds a struct deadline and gets its own structure back with a container_of in the
 * callback. Setting, moving and cancelling cost O(log n), the next one due O(1); of equal deadlines
 * either may come first. Time comes in as an argument. No locking: one thread per heap.
 */
#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

/* All zero but the callback: not set. A deadline that is set must not be moved or freed. */
struct deadline {
	uint64_t at_ns; /* when it is due; meaningful while set */
	size_t slot;    /* the heap's: place in it counted from 1, or 0 for not set */

	/* Called once, with the deadline no longer set. It may set and cancel any deadline of the
	 * heap, and free its owner.
	 */
	void (*expired)(struct deadline *d, uint64_t now_ns);
};

/* All zero: empty, like after deadline_heap_init(). */
struct deadline_heap {
	struct deadline **slots; /* slots[0] is the earliest; parent of i is (i - 1) / 2 */
	size_t count;
	size_t room;
	uint64_t running_ns; /* the now of deadline_run() while it calls back */
	bool is_running;
};

void deadline_heap_init(struct deadline_heap *heap);

/* Frees the heap. Deadlines still set become not set; they must still exist. */
void deadline_heap_fini(struct deadline_heap *heap);

/* Makes room for @count deadlines in all, so that setting up to so many cannot fail. Returns 0 or
 * -ENOMEM.
 */
int deadline_reserve(struct deadline_heap *heap, size_t count);

/* Sets @d to @at_ns, or moves it there; NEVER_NS cancels. Within deadline_run() a time not after
 * its now becomes the nanosecond after, so that it waits for the next run. Returns 0, or -ENOMEM
 * with nothing changed; that can only happen when @d was not set and the room is used up.
 */
int deadline_set(struct deadline_heap *heap, struct deadline *d, uint64_t at_ns);

/* Nothing to do when @d is not set. */
void deadline_cancel(struct deadline_heap *heap, struct deadline *d);

static inline bool deadline_is_set(const struct deadline *d)
{
	return d->slot != 0;
}

/* The earliest deadline, NEVER_NS when none is set. */
uint64_t deadline_next_ns(const struct deadline_heap *heap);

/* Calls those with at_ns <= @now_ns, earliest first, and returns how many it called. It ends,
 * whatever the callbacks set. @now_ns is not NEVER_NS. Not to be called from a callback.
 */
size_t deadline_run(struct deadline_heap *heap, uint64_t now_ns);

#endif
