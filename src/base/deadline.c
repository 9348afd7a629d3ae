/* SPDX-License-Identifier: MIT */
#include "base/deadline.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 16u /* deadlines; doubles from there */

static void put(struct deadline_heap *heap, size_t i, struct deadline *d)
{
	heap->slots[i] = d;
	d->slot = i + 1;
}

/* Finds the place of @d from @i upwards, moving later parents down. */
static void sift_up(struct deadline_heap *heap, size_t i, struct deadline *d)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (heap->slots[parent]->at_ns <= d->at_ns)
			break;
		put(heap, i, heap->slots[parent]);
		i = parent;
	}
	put(heap, i, d);
}

/* Finds the place of @d from @i downwards, moving earlier children up. */
static void sift_down(struct deadline_heap *heap, size_t i, struct deadline *d)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    heap->slots[child + 1]->at_ns < heap->slots[child]->at_ns)
			child++;
		if (heap->slots[child]->at_ns >= d->at_ns)
			break;
		put(heap, i, heap->slots[child]);
		i = child;
	}
	put(heap, i, d);
}

/* Puts @d where it belongs, given that slot @i is free and all others are in order. */
static void settle(struct deadline_heap *heap, size_t i, struct deadline *d)
{
	if (i > 0 && heap->slots[(i - 1) / 2]->at_ns > d->at_ns)
		sift_up(heap, i, d);
	else
		sift_down(heap, i, d);
}

void deadline_heap_init(struct deadline_heap *heap)
{
	*heap = (struct deadline_heap){0};
}

void deadline_heap_fini(struct deadline_heap *heap)
{
	if (!heap)
		return;
	for (size_t i = 0; i < heap->count; i++)
		heap->slots[i]->slot = 0;
	free(heap->slots);
	*heap = (struct deadline_heap){0};
}

int deadline_reserve(struct deadline_heap *heap, size_t count)
{
	if (count <= heap->room)
		return 0;
	struct deadline **slots = reallocarray(heap->slots, count, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	heap->slots = slots;
	heap->room = count;
	return 0;
}

static int insert(struct deadline_heap *heap, struct deadline *d, uint64_t at_ns)
{
	if (heap->count == heap->room) {
		int err = deadline_reserve(heap, heap->room ? 2 * heap->room : FIRST_ROOM);
		if (err)
			return err;
	}
	d->at_ns = at_ns;
	sift_up(heap, heap->count++, d);
	return 0;
}

int deadline_set(struct deadline_heap *heap, struct deadline *d, uint64_t at_ns)
{
	assert(d->expired);
	if (at_ns == NEVER_NS) {
		deadline_cancel(heap, d);
		return 0;
	}
	if (heap->is_running && at_ns <= heap->running_ns)
		at_ns = heap->running_ns + 1;
	if (!deadline_is_set(d))
		return insert(heap, d, at_ns);

	assert(heap->slots[d->slot - 1] == d);
	d->at_ns = at_ns;
	settle(heap, d->slot - 1, d);
	return 0;
}

void deadline_cancel(struct deadline_heap *heap, struct deadline *d)
{
	if (!deadline_is_set(d))
		return;
	assert(heap->slots[d->slot - 1] == d);
	size_t hole = d->slot - 1;
	struct deadline *last = heap->slots[--heap->count];

	d->slot = 0;
	if (last != d)
		settle(heap, hole, last);
}

uint64_t deadline_next_ns(const struct deadline_heap *heap)
{
	return heap->count ? heap->slots[0]->at_ns : NEVER_NS;
}

size_t deadline_run(struct deadline_heap *heap, uint64_t now_ns)
{
	size_t called = 0;

	assert(!heap->is_running && now_ns != NEVER_NS);
	heap->is_running = true;
	heap->running_ns = now_ns;
	/* What is due only becomes fewer: deadline_set() puts new ones behind now. */
	while (heap->count && heap->slots[0]->at_ns <= now_ns) {
		struct deadline *d = heap->slots[0];

		deadline_cancel(heap, d);
		d->expired(d, now_ns);
		called++;
	}
	heap->is_running = false;
	return called;
}
